#include "support.h"

#include <string.h>

#include "sim/minimise.h"

/* A seed says all: the same plan, the same run, in every build; and what goes wrong is cut down. */

static struct sim_memory memory;

static struct sim_result run(const struct sim_plan *plan)
{
    struct sim_result result;
    assert_true(sim_run(plan, &memory, NULL, &result));
    return result;
}

/* They change when the stack sends another packet, or at another time. */
static void digests(void **state)
{
    (void)state;
    static const struct {
        enum sim_workload workload;
        uint64_t seed;
        uint64_t digest;
    } known[] = {
        {SIM_MIXED, 1, UINT64_C(0x38b05ef9abe71774)},
        {SIM_REOPEN, 2, UINT64_C(0xf6b0623d0a77131a)},
        {SIM_FULL, 3, UINT64_C(0x50a02e4aaed851bb)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct sim_plan plan = sim_plan_of(known[i].seed, known[i].workload, 0);
        const struct sim_result result = run(&plan), again = run(&plan);
        assert_string_equal(result.wrong, "");
        assert_int_equal(result.digest, again.digest);
        print_message("%s %llu: %016llx\n", sim_workload_name(known[i].workload), (unsigned long long)known[i].seed,
                      (unsigned long long)result.digest);
        assert_int_equal(result.digest, known[i].digest);
    }
}

/* What is cut out changes nothing in what is left. */
static void cuts_leave_the_rest(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut < SIM_CUTS; cut++) {
        char name[16];
        for (uint64_t seed = 1; seed < 50; seed++) {
            const struct sim_plan whole = sim_plan_of(seed, SIM_MIXED, 0),
                                  less = sim_plan_of(seed, SIM_MIXED, 1U << cut);
            assert_int_equal(whole.count, less.count);
            assert_int_equal(whole.network.seed, less.network.seed);
            for (unsigned i = 0; i < whole.count; i++) {
                assert_int_equal(whole.lives[i].start, less.lives[i].start);
                assert_int_equal(whole.lives[i].manner[SIM_SERVER], less.lives[i].manner[SIM_SERVER]);
                assert_int_equal(sim_life_is_cut(&less, i), cut == SIM_CUT_LIFE + i);
            }
            assert_int_equal(whole.config[1].rto_min_ms, less.config[1].rto_min_ms);
        }
        assert_true(strlen(sim_cut_name(cut, name)) > 3);
    }
}

/* Nothing is under way for longer than MSL: what is old is what the wait is for. */
static void nothing_outlives_msl(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 2000; seed++) {
        for (unsigned workload = 0; workload < SIM_WORKLOADS; workload++) {
            const struct sim_plan plan = sim_plan_of(seed, (enum sim_workload)workload, 0);
            for (unsigned i = 0; i < 2; i++) {
                const struct impair_chances *chances = &plan.network.chances[i];
                la_time late = chances->delay_ns + chances->jitter_ns, copy = 0;
                for (unsigned p = 0; p < plan.network.pattern_count; p++)
                    copy = plan.network.patterns[p].by_ns > copy ? plan.network.patterns[p].by_ns : copy;
                assert_true(late + (chances->hold_ns > copy ? chances->hold_ns : copy) <=
                            plan.config[i].msl_ms * LA_MILLISECOND);
            }
            assert_null(la_config_error(&plan.config[0]));
        }
    }
}

static void no_wait(void *context, struct sim_plan *plan)
{
    (void)context;
    plan->config[0].msl_ms = plan->config[1].msl_ms = 0;
}

/* Without the wait old octets are found in the next connection, with two lives and no more than an old duplicate; and what
   is left still goes wrong. */
static void what_the_wait_is_for(void **state)
{
    (void)state;
    const struct sim_change change = {no_wait, NULL};
    unsigned found = 0;
    for (uint64_t seed = 1; seed < 2000 && found == 0; seed++) {
        const struct sim_plan plan = sim_plan_changed(seed, SIM_REOPEN, 0, &change);
        if (run(&plan).wrong[0] == '\0')
            continue;
        found++;
        uint32_t cuts = sim_minimise(&plan, &memory, &change);
        const struct sim_plan least = sim_plan_changed(seed, SIM_REOPEN, cuts, &change);
        assert_non_null(strstr(run(&least).wrong, "is not what this life's other end wrote"));
        unsigned lives = 0;
        for (unsigned i = 0; i < least.count; i++)
            lives += !sim_life_is_cut(&least, i);
        assert_true(lives >= 2 && lives < plan.count);
        const struct sim_plan with = sim_plan_of(seed, SIM_REOPEN, cuts);
        assert_string_equal(run(&with).wrong, "");
    }
    assert_int_equal(found, 1);
}

static int forget(void **state)
{
    (void)state;
    sim_memory_free(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(cuts_leave_the_rest),
        cmocka_unit_test(nothing_outlives_msl),
        cmocka_unit_test(what_the_wait_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
