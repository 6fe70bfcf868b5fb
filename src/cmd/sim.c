#include "cmd.h"
#include "options.h"

#include "link/clock.h"
#include "show/setting.h"
#include "sim/minimise.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* `lastack sim`: lifetimes by the seed (src/sim). */

enum { QUICK_SEEDS = 3500, WRONG_MOST = 10 };

struct sim_options {
    uint64_t seed;
    uint64_t seeds;
    struct option_list workloads;
    struct option_list settings;
    const char *without;
    const char *shard;
    uint32_t seconds_ms;
    bool quick;
    bool json;
    bool ladder;

    bool runs[SIM_WORKLOADS];
    uint32_t cuts;
    uint64_t shard_number;
    uint64_t shards;
};

struct sim_total {
    uint64_t seeds;
    uint64_t wrong;
    uint64_t digest;
    uint64_t counts[SIM_COUNTS];
    la_time simulated;
};

static const char *const count_names[SIM_COUNTS] = {"lifetimes", "clean",    "broken", "waits",
                                                    "refused",   "reopened", "risks",  "packets"};

/* ---- what goes wrong --------------------------------------------------------------------------------------------- */

static void cuts_text(uint32_t cuts, unsigned lives, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (unsigned cut = 0; cut < SIM_CUT_LIFE + lives; cut++) {
        if ((cuts & 1U << cut) && used < size) {
            char name[16];
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "," : "", sim_cut_name(cut, name));
        }
    }
}

static void print_ladder(const struct sim_plan *plan, struct sim_memory *memory)
{
    struct sim_result result;
    struct ladder_options look = {.left = "A", .right = "B"};
    struct ladder *ladder = ladder_new(stdout, &look);
    if (!ladder)
        return;
    sim_run(plan, memory, ladder, &result);
    ladder_free(ladder);
}

/* Cut down to what it needs, and how to see it again. */
static void print_wrong(const struct sim_options *options, const struct sim_plan *plan, struct sim_memory *memory,
                        const struct sim_change *change)
{
    char without[400];
    struct sim_result result;
    uint32_t cuts = sim_minimise(plan, memory, change);
    struct sim_plan least = sim_plan_changed(plan->seed, plan->workload, cuts, change);
    sim_run(&least, memory, NULL, &result);
    cuts_text(cuts, plan->count, without, sizeof without);
    if (options->json) {
        json_t *object = json_pack("{s:s, s:I, s:s, s:s, s:I}", "workload", sim_workload_name(plan->workload), "seed",
                                   (json_int_t)plan->seed, "without", without, "wrong", result.wrong, "time_ns",
                                   (json_int_t)result.when);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("wrong, at %.3f ms: %s\n  lastack sim --workload %s --seed %llu --seeds 1", (double)result.when / 1e6,
           result.wrong, sim_workload_name(plan->workload), (unsigned long long)plan->seed);
    for (size_t i = 0; i < options->settings.count; i++)
        printf(" --set %s", options->settings.item[i]);
    printf("%s%s --ladder\n", *without ? " --without " : "", without);
    if (options->ladder)
        print_ladder(&least, memory);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void apply_settings(void *context, struct sim_plan *plan)
{
    const struct option_list *settings = context;
    for (size_t i = 0; i < settings->count; i++) {
        const char *equals = strchr(settings->item[i], '=');
        char name[40];
        snprintf(name, sizeof name, "%.*s", (int)(equals - settings->item[i]), settings->item[i]);
        for (unsigned host = 0; host < SIM_HOSTS; host++)
            setting_store(&plan->config[host], setting_named(name), strtoull(equals + 1, NULL, 10));
    }
}

static bool run_one(const struct sim_options *options, uint64_t seed, enum sim_workload workload,
                    struct sim_memory *memory, struct sim_total *total)
{
    struct sim_result result;
    union {
        const struct option_list *in;
        void *context;
    } settings = {&options->settings};
    const struct sim_change change = {apply_settings, settings.context};
    struct sim_plan plan = sim_plan_changed(seed, workload, options->cuts, &change);
    if (!sim_run(&plan, memory, NULL, &result))
        return false;
    total->seeds++;
    total->simulated += result.simulated;
    total->digest = (total->digest ^ result.digest) * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < SIM_COUNTS; i++)
        total->counts[i] += result.counts[i];
    if (result.wrong[0] && total->wrong++ < WRONG_MOST)
        print_wrong(options, &plan, memory, &change);
    else if (!result.wrong[0] && options->ladder)
        print_ladder(&plan, memory);
    return true;
}

static bool run_workload(const struct sim_options *options, enum sim_workload workload, struct sim_memory *memory,
                         struct sim_total *total)
{
    la_time began = clock_now();
    for (uint64_t i = 0; i < options->seeds; i++) {
        if (options->shards && (options->seed + i) % options->shards != options->shard_number)
            continue;
        if (options->seconds_ms && clock_now() - began > options->seconds_ms * LA_MILLISECOND)
            return true;
        if (!run_one(options, options->seed + i, workload, memory, total))
            return false;
    }
    return true;
}

static void print_total(const struct sim_options *options, const char *workload, const struct sim_total *total,
                        la_time took)
{
    double seconds = (double)took / 1e9;
    double rate = seconds > 0 ? (double)total->counts[SIM_LIVES] / seconds : 0;
    double speed = seconds > 0 ? (double)total->simulated / 1e9 / seconds : 0;
    if (options->json) {
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:f, s:f}", "workload", workload, "seeds", (json_int_t)total->seeds, "wrong",
                      (json_int_t)total->wrong, "lifetimes_per_second", rate, "simulated_per_real_time", speed);
        char digest[20];
        for (unsigned i = 0; i < SIM_COUNTS; i++)
            json_object_set_new(object, count_names[i], json_integer((json_int_t)total->counts[i]));
        snprintf(digest, sizeof digest, "%016llx", (unsigned long long)total->digest);
        json_object_set_new(object, "digest", json_string(digest));
        json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("%-8s %8llu %10llu %9llu %9llu %8llu %8llu %9llu %6llu %6llu %9.0f %8.0f  %016llx\n", workload,
           (unsigned long long)total->seeds, (unsigned long long)total->counts[SIM_LIVES],
           (unsigned long long)total->counts[SIM_CLEAN], (unsigned long long)total->counts[SIM_BROKEN],
           (unsigned long long)total->counts[SIM_WAITS], (unsigned long long)total->counts[SIM_REFUSED],
           (unsigned long long)total->counts[SIM_REOPENED], (unsigned long long)total->counts[SIM_RISKS],
           (unsigned long long)total->wrong, rate, speed, (unsigned long long)total->digest);
}

static int run_all(const struct sim_options *options)
{
    struct sim_memory memory = {0};
    uint64_t wrong = 0;
    bool ok = true;
    if (!options->json)
        printf("%-8s %8s %10s %9s %9s %8s %8s %9s %6s %6s %9s %8s  %s\n", "workload", "seeds", "lifetimes", "clean",
               "broken", "waits", "refused", "reopened", "risks", "wrong", "a second", "speed-up", "digest");
    for (unsigned i = 0; ok && i < SIM_WORKLOADS; i++) {
        struct sim_total total = {0};
        la_time began = clock_now();
        if (!options->runs[i])
            continue;
        ok = run_workload(options, (enum sim_workload)i, &memory, &total);
        print_total(options, sim_workload_name((enum sim_workload)i), &total, clock_now() - began);
        fflush(stdout);
        wrong += total.wrong;
    }
    sim_memory_free(&memory);
    if (!ok)
        complain("sim", "no memory for the hosts");
    return ok && wrong == 0 ? EXIT_OK : EXIT_FAILED;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static const char about[] =
    "Whole lifetimes of connections by the seed, between two hosts in virtual time: opened from both sides, used, "
    "closed\n"
    "in every order, and opened again, under loss, duplication, reordering, corruption, old duplicates, outages and "
    "lack of\n"
    "memory, each seed with its own choice of them. After every packet all invariants are checked; what a program "
    "reads is\n"
    "held against what was written, and every end against what it is said to be. What goes wrong is cut down to what "
    "it\n"
    "needs. Workloads: mixed; reopen (one four-tuple again and again); full (tables and pools that are too small).\n"
    "\n"
    "  lastack sim --seeds 100000\n"
    "  lastack sim --seeds 100000000 --shard 3/64\n"
    "  lastack sim --workload reopen --seeds 5000 --set msl_ms=0\n";

static const char *take_workloads(struct sim_options *options)
{
    for (size_t i = 0; i < options->workloads.count; i++) {
        unsigned found = SIM_WORKLOADS;
        for (unsigned workload = 0; workload < SIM_WORKLOADS; workload++)
            if (strcmp(options->workloads.item[i], sim_workload_name((enum sim_workload)workload)) == 0)
                found = workload;
        if (found == SIM_WORKLOADS)
            return "--workload: must be mixed, reopen or full";
        options->runs[found] = true;
    }
    for (unsigned i = 0; options->workloads.count == 0 && i < SIM_WORKLOADS; i++)
        options->runs[i] = true;
    return NULL;
}

static const char *take_cuts(struct sim_options *options)
{
    char name[16];
    const char *at = options->without;
    while (at && *at) {
        size_t length = strcspn(at, ",");
        unsigned cut = 0;
        while (cut < SIM_CUTS && (strlen(sim_cut_name(cut, name)) != length || strncmp(name, at, length) != 0))
            cut++;
        if (cut == SIM_CUTS)
            return "--without: loss, duplication, reordering, corruption, outages, old-duplicates, jitter, "
                   "slow-readers, "
                   "small-pools, opener-data, server-data, life-0, life-1, ..., with commas between";
        options->cuts |= 1U << cut;
        at += length + (at[length] == ',');
    }
    return NULL;
}

static const char *take_shard(struct sim_options *options)
{
    static const char wrong[] = "--shard: must be I/N, with I from 0 to N - 1";
    char *end = NULL;
    if (!options->shard)
        return NULL;
    options->shard_number = strtoull(options->shard, &end, 10);
    if (end == options->shard || *end != '/')
        return wrong;
    return option_u64(end + 1, &options->shards) || options->shard_number >= options->shards ? wrong : NULL;
}

static const char *take_settings(const struct sim_options *options)
{
    for (size_t i = 0; i < options->settings.count; i++) {
        const char *text = options->settings.item[i], *equals = strchr(text, '=');
        char name[40];
        uint64_t value;
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - text) : 0, text);
        const struct setting *setting = setting_named(name);
        if (!setting || option_u64(equals + 1, &value) || value > setting_maximum(setting))
            return "--set: must be NAME=VALUE, a setting of struct la_config and a number that it can hold";
    }
    return NULL;
}

static const char *complete(struct sim_options *options)
{
    const char *wrong = take_workloads(options);
    wrong = wrong ? wrong : take_cuts(options);
    wrong = wrong ? wrong : take_shard(options);
    wrong = wrong ? wrong : take_settings(options);
    if (options->quick)
        options->seeds = QUICK_SEEDS;
    return wrong;
}

int cmd_sim(int argc, char **argv)
{
    struct sim_options options = {.seed = 1, .seeds = 1000};
    const struct option_spec specs[] = {
        {0, "seed", "N", "the first (default 1)", option_u64, &options.seed},
        {'n', "seeds", "N", "so many, in each workload (default 1000)", option_u64, &options.seeds},
        {'w', "workload", "NAME", "mixed, reopen or full; may be given again (default all)", option_append,
         &options.workloads},
        {0, "without", "LIST", "without these troubles or lives: loss,jitter,life-3", option_text, &options.without},
        {0, "set", "NAME=VALUE", "a setting of both hosts; may be given again", option_append, &options.settings},
        {0, "shard", "I/N", "only every Nth seed, from the Ith (from 0) on", option_text, &options.shard},
        {0, "seconds", "N", "begin no new seed of a workload after so long", option_seconds_ms, &options.seconds_ms},
        {0, "quick", NULL, "the 100,000 lifetimes of the test run", option_flag, &options.quick},
        {0, "ladder", NULL, "draw each run", option_flag, &options.ladder},
        {0, "json", NULL, "a JSON object for each workload, and for what is wrong", option_flag, &options.json},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"sim", "lastack sim [OPTION]...", about, &group, 1};
    int ended = options_only(&line, argc, argv);
    if (ended != OPTIONS_GO_ON)
        return ended;
    const char *wrong = complete(&options);
    return wrong ? options_wrong(&line, "%s", wrong) : run_all(&options);
}
