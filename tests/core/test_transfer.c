#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pair.h"

/* Whole lives over a bad network, from a seed: what is delivered is what was written, everything ends, and nothing is
   left. LASTACK_SEEDS says how many seeds (2,000), LASTACK_SEED where they begin; a failure names its seed. */

enum { FLOWS_MAX = 4 };

struct plan {
    struct pair_app client;
    struct pair_app server;
};

static struct plan plans[PAIR_FLOWS];

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static uint32_t one_of(struct pair *pair, const uint32_t *values, size_t count)
{
    return values[pair_between(pair, 0, count - 1)];
}

#define ONE_OF(pair, ...) one_of(pair, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void choose_network(struct pair *chance, struct pair_network *network)
{
    *network = (struct pair_network){.mtu = ONE_OF(chance, 576, 1000, 1500, 9000)};
    network->loss = ONE_OF(chance, 0, 0, 10, 50, 100, 200);
    network->duplication = ONE_OF(chance, 0, 0, 10, 100, 200);
    network->corruption = ONE_OF(chance, 0, 0, 10, 100);
    network->reordering = ONE_OF(chance, 0, 0, 10, 100, 200);
    network->delay = ONE_OF(chance, 10, 1000, 20000, 100000) * LA_MICROSECOND;
    network->jitter = ONE_OF(chance, 0, 100, 10000) * LA_MICROSECOND;
}

static void choose_config(struct pair *chance, struct la_config *config)
{
    pair_config(config);
    config->buffer_piece_bytes = ONE_OF(chance, 64, 256, 512, 2048);
    config->buffer_pieces = ONE_OF(chance, 64, 256, 256, 1024);
    config->send_buffer_bytes = ONE_OF(chance, 1, 100, 1000, 4000, 16384, 70000, 200000);
    config->receive_buffer_bytes = ONE_OF(chance, 100, 1000, 4000, 16384, 70000, 200000);
    config->out_of_order_ranges = (uint16_t)ONE_OF(chance, 1, 2, 8, 64);
    config->window_scaling = pair_chance(chance, 700);
    config->timestamps = pair_chance(chance, 700);
    config->nagle = pair_chance(chance, 700);
    config->delayed_ack_ms = (uint16_t)ONE_OF(chance, 0, 40, 40, 499);
    config->rto_max_ms = 5000; /* so that no run of losses lasts longer than what bounds a connection's life */
    config->rto_initial_ms = 1000;
    config->r2_data_ms = 3000000;
    config->r2_syn_ms = 3000000;
    config->keepalive = pair_chance(chance, 200);
    config->keepalive_idle_ms = 1000;
    config->keepalive_interval_ms = 1000;
    config->keepalive_probes = 200;
    config->fin_wait_2_ms = 3000000;
    config->msl_ms = 60000;
}

static uint64_t choose_length(struct pair *chance, const struct la_config *from, const struct la_config *to)
{
    uint64_t least_buffer =
        from->send_buffer_bytes < to->receive_buffer_bytes ? from->send_buffer_bytes : to->receive_buffer_bytes;
    uint64_t most = least_buffer * 20 < 200000 ? least_buffer * 20 : 200000;
    uint64_t length = ONE_OF(chance, 0, 1, 10, 1000, 1000, 5000, 5000, 20000, 300000);
    return length < most ? length : most;
}

static void choose_manners(struct pair *chance, struct pair_app *app, const struct la_config *config)
{
    app->write_chunk = ONE_OF(chance, 1, 100, 1460, 10000, 60000);
    app->write_chunk = config->nagle || app->write_chunk > 1 ? app->write_chunk : 100; /* else a packet an octet */
    app->read_chunk = ONE_OF(chance, 100, 1000, 65536, 65536);
    app->read_pause = pair_chance(chance, 300) ? ONE_OF(chance, 1, 20, 300) * LA_MILLISECOND : 0;
    app->close_pause = pair_chance(chance, 300) ? ONE_OF(chance, 1, 50, 3000) * LA_MILLISECOND : 0;
    app->views = pair_chance(chance, 300);
    app->releases_early = pair_chance(chance, 300);
}

/* Who closes first, and how, so that nothing that was written is lost. */
static void choose_clean_close(struct pair *chance, struct plan *plan)
{
    switch (pair_between(chance, 0, 4)) {
    case 0:
        plan->client.close = PAIR_SHUTDOWN;
        plan->server.close = PAIR_CLOSE_AFTER_READING;
        break;
    case 1:
        plan->client.close = PAIR_CLOSE_AFTER_READING;
        plan->server.close = PAIR_SHUTDOWN;
        break;
    case 2:
        plan->client.close = PAIR_CLOSE;
        plan->server.close = PAIR_CLOSE_AFTER_READING;
        plan->server.to_write = 0;
        break;
    case 3:
        plan->client.close = PAIR_CLOSE_AFTER_READING;
        plan->client.to_write = 0;
        plan->server.close = PAIR_CLOSE;
        break;
    default:
        plan->client.close = PAIR_SHUTDOWN;
        plan->server.close = PAIR_SHUTDOWN;
        break;
    }
}

static void choose_any_close(struct pair *chance, struct plan *plan)
{
    const uint32_t ways[] = {PAIR_CLOSE_AFTER_READING, PAIR_SHUTDOWN, PAIR_LINGER, PAIR_CLOSE, PAIR_ABORT};
    plan->client.close = (enum pair_close)one_of(chance, ways, 5);
    plan->server.close = (enum pair_close)one_of(chance, &ways[1], 4); /* one of the two must begin */
}

static void script_accepted(struct pair *pair, struct pair_app *app)
{
    const struct pair_app *script = &plans[app->flow].server;
    (void)pair;
    app->to_write = script->to_write;
    app->write_chunk = script->write_chunk;
    app->read_chunk = script->read_chunk;
    app->read_pause = script->read_pause;
    app->close_pause = script->close_pause;
    app->views = script->views;
    app->releases_early = script->releases_early;
    app->close = script->close;
}

static void open_flows(struct pair *pair, const struct la_config config[2], bool clean)
{
    unsigned flows = (unsigned)pair_between(pair, 1, FLOWS_MAX);
    for (unsigned i = 0; i < flows; i++) {
        unsigned side = (unsigned)pair_between(pair, 0, 1);
        struct plan plan = {0};
        int error = 0;
        plan.client.to_write = choose_length(pair, &config[side], &config[1 - side]);
        plan.server.to_write = choose_length(pair, &config[1 - side], &config[side]);
        choose_manners(pair, &plan.client, &config[side]);
        choose_manners(pair, &plan.server, &config[1 - side]);
        if (clean) {
            choose_clean_close(pair, &plan);
        } else {
            choose_any_close(pair, &plan);
        }
        const struct pair_app *app = pair_connect(pair, side, &plan.client, &error);
        assert_non_null(app);
        plans[app->flow] = plan;
        pair_run(pair, pair->now + pair_between(pair, 0, 200) * LA_MILLISECOND);
    }
}

static void expect_clean_ends(const struct pair *pair)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        const struct pair_app *app = &pair->apps[i];
        if (!app->in_use) {
            continue;
        }
        const struct plan *plan = &plans[app->flow];
        if (app->read != (app->is_client ? plan->server.to_write : plan->client.to_write)) {
            pair_fail(pair, "I1: all that was written is read");
        }
        if (app->written != app->to_write) {
            pair_fail(pair, "all was written");
        }
        if (app->close != PAIR_CLOSE && !app->saw_end_of_data) {
            pair_fail(pair, "I3: the end of data is seen");
        }
        if (!app->releases_early && app->outcome.end != LA_END_CLEAN) {
            pair_fail(pair, la_end_name(app->outcome.end));
        }
        if (!app->releases_early && app->outcome.unacknowledged_bytes != 0) {
            pair_fail(pair, "a clean end leaves nothing unacknowledged");
        }
    }
}

static void expect_all_released(const struct pair *pair)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        const struct pair_app *app = &pair->apps[i];
        if (app->in_use && !app->is_released) {
            pair_fail(pair, "I30: every application heard of the end");
        }
    }
}

static uint64_t one_life(uint64_t seed, bool clean)
{
    static struct pair pair;
    static struct pair chance;
    struct la_config config[2];
    struct pair_network network;
    chance = (struct pair){.seed = seed, .random = seed ^ UINT64_C(0x5eed)};
    choose_network(&chance, &network);
    choose_config(&chance, &config[0]);
    choose_config(&chance, &config[1]);
    for (unsigned side = 0; side < 2 && !clean; side++) { /* a lost RST leaves a peer that only this wakes */
        config[side].keepalive = true;
    }
    pair_init(&pair, seed, &config[0], &config[1], &network);
    pair.on_accept = script_accepted;
    la_time began = pair.now;
    open_flows(&pair, config, clean);
    pair_run(&pair, began + 100000 * LA_SECOND);
    expect_all_released(&pair);
    if (clean) {
        expect_clean_ends(&pair);
    }
    pair_expect_baseline(&pair);
    uint64_t digest = pair.digest;
    pair_free(&pair);
    return digest;
}

static void many_lives(bool clean, uint64_t part)
{
    uint64_t first = number_from("LASTACK_SEED", 1);
    uint64_t seeds = number_from("LASTACK_SEEDS", 2000) / part;
    for (uint64_t seed = first; seed < first + (seeds > 0 ? seeds : 1); seed++) {
        one_life(seed, clean);
    }
}

static void all_that_is_written_is_read_and_all_ends_clean(void **state)
{
    (void)state;
    many_lives(true, 1);
}

static void whoever_closes_however_all_ends_and_nothing_is_left(void **state)
{
    (void)state;
    many_lives(false, 2);
}

static void the_same_seed_gives_the_same_octets(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        assert_int_equal(one_life(seed, true), one_life(seed, true));
        assert_int_not_equal(one_life(seed, false), one_life(seed + 1, false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_written_is_read_and_all_ends_clean),
        cmocka_unit_test(whoever_closes_however_all_ends_and_nothing_is_left),
        cmocka_unit_test(the_same_seed_gives_the_same_octets),
    };
    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
