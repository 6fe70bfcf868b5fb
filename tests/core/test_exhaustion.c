#include "support/pair.h"

/* Too little of everything: each connection still gets an outcome, the others go on, and all comes back (I33). */

static const struct pair_network quiet = {.delay = LA_MILLISECOND, .mtu = 600};
static const struct pair_network rough = {
    .loss = 50, .duplication = 50, .reordering = 50, .delay = 5 * LA_MILLISECOND, .mtu = 600};

static void begin(struct pair *pair, uint64_t seed, const struct la_config *config, const struct pair_network *network)
{
    pair_init(pair, seed, config, config, network);
    pair->accepted = (struct pair_app){.to_write = 4000, .close = PAIR_CLOSE_AFTER_READING};
}

static void expect_all_ended(const struct pair *pair)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        const struct pair_app *app = &pair->apps[i];
        if (app->in_use && !app->is_released) {
            pair_fail(pair, "every connection gets an outcome");
        }
    }
    pair_expect_baseline(pair);
}

static unsigned clean_ends(const struct pair *pair)
{
    unsigned clean = 0;
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        const struct pair_app *app = &pair->apps[i];
        clean += app->in_use && app->outcome.end == LA_END_CLEAN;
        if (app->in_use && app->outcome.end == LA_END_CLEAN && app->read != 4000) {
            pair_fail(pair, "a clean end delivers all");
        }
    }
    return clean;
}

/* A pool of k pieces, for every k from the least on. */
static void every_size_of_pool(void **state)
{
    (void)state;
    static struct pair pair;
    const struct pair_app script = {.to_write = 4000, .close = PAIR_SHUTDOWN};
    int error = 0;
    for (uint32_t pieces = 2; pieces <= 40; pieces++) {
        for (unsigned rounds = 0; rounds < 4; rounds++) {
            struct la_config config;
            pair_config(&config);
            config.buffer_piece_bytes = (rounds & 2) != 0 ? 64 : 512;
            config.buffer_pieces = pieces;
            begin(&pair, pieces * 4 + rounds, &config, (rounds & 1) != 0 ? &rough : &quiet);
            unsigned opened = 0;
            for (unsigned i = 0; i < 4; i++) {
                opened += pair_connect(&pair, i % 2, &script, &error) != NULL;
            }
            pair_run(&pair, pair.now + 20000 * LA_SECOND);
            expect_all_ended(&pair);
            /* With a piece of its own for each direction everybody gets through. */
            if (pieces >= 16 && clean_ends(&pair) != 2 * opened) {
                pair_fail(&pair, "a small pool slows down, and ends nobody");
            }
            pair_free(&pair);
        }
    }
}

/* One whose application reads nothing, and one that writes without end into a shut window, leave room for others. */
static void who_hoards_starves_nobody(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    int error = 0;
    pair_config(&config);
    config.buffer_pieces = 32;
    config.send_buffer_bytes = 1000000;
    config.receive_buffer_bytes = 1000000;
    begin(&pair, 1, &config, &quiet);
    pair.accepted =
        (struct pair_app){.to_write = 1000000, .close = PAIR_SHUTDOWN, .read_pause = 5000 * LA_SECOND, .read_chunk = 1};
    const struct pair_app hoards = pair.accepted;
    assert_non_null(pair_connect(&pair, 0, &hoards, &error));
    pair_run(&pair, pair.now + 60 * LA_SECOND);
    for (unsigned side = 0; side < 2; side++) {
        assert_true(pair_counters(&pair, side).buffer_pieces >= 10); /* it does hoard */
        assert_true(pair_counters(&pair, side).buffer_pieces < 32);
    }
    pair.accepted = (struct pair_app){.to_write = 4000, .close = PAIR_CLOSE_AFTER_READING};
    const struct pair_app script = {.to_write = 4000, .close = PAIR_SHUTDOWN};
    const struct pair_app *other[3];
    for (unsigned i = 0; i < 3; i++) {
        other[i] = pair_connect(&pair, i % 2, &script, &error);
        assert_non_null(other[i]);
    }
    pair_run(&pair, pair.now + 90 * LA_SECOND);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(other[i]->outcome.end, LA_END_CLEAN);
        assert_int_equal(other[i]->read, 4000);
    }
    pair_free(&pair);
}

static void few_of_each(void **state)
{
    (void)state;
    static struct pair pair;
    int error = 0;
    const struct pair_app script = {.to_write = 4000, .close = PAIR_SHUTDOWN};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct la_config config;
        pair_config(&config);
        config.connections = 1 + (uint32_t)(seed % 4);
        family_set_waits(&config, (uint32_t)(seed / 2 % 4));
        config.reply_bytes = (family_is_ipv6() ? 80 : 64) + 8 * (uint32_t)(seed % 5);
        config.out_of_order_ranges = 1;
        begin(&pair, seed, &config, &rough);
        for (unsigned i = 0; i < 8; i++) {
            (void)pair_connect(&pair, i % 2, &script, &error);
            assert_true(error == LA_OK || error == LA_ERROR_NO_CONNECTION);
            pair_run(&pair, pair.now + 50 * LA_MILLISECOND);
        }
        pair_run(&pair, pair.now + 20000 * LA_SECOND);
        expect_all_ended(&pair);
        pair_free(&pair);
    }
}

/* Unlistening with connections in every stage of their acceptance. */
static void unlistening_gives_all_back(void **state)
{
    (void)state;
    static struct pair pair;
    static const la_time moments[] = {1, 2, 3, 5, 20, 1000};
    for (unsigned m = 0; m < 6; m++) {
        struct la_config config;
        struct la_event event;
        pair_config(&config);
        begin(&pair, m, &config, &quiet);
        const struct la_endpoint local = {.port = 81};
        struct la_listener listener;
        struct la_conn conn;
        pair.is_raw = true;
        assert_int_equal(la_unlisten(pair.host[1], pair.now, pair.listener[1]), LA_OK);
        assert_int_equal(la_listen(pair.host[1], pair.now, &local, 8, &listener), LA_OK);
        const struct la_endpoint remote = {pair.address[1], 81};
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(la_connect(pair.host[0], pair.now, NULL, &remote, &conn), LA_OK);
            assert_int_equal(la_release(pair.host[0], pair.now, conn), LA_OK); /* closed in SYN-SENT */
            assert_int_equal(la_connect(pair.host[0], pair.now, NULL, &remote, &conn), LA_OK);
            assert_int_equal(la_send(pair.host[0], pair.now, conn, "text", 4), 4);
        }
        /* Driven by hand: nobody accepts. */
        for (la_time end = pair.now + moments[m] * LA_MILLISECOND; pair.now < end; pair.now += LA_MILLISECOND) {
            uint8_t packet[600];
            for (unsigned side = 0; side < 2; side++) {
                size_t length = 0;
                la_host_advance(pair.host[side], pair.now);
                while ((length = la_host_output(pair.host[side], pair.now, 0, packet, sizeof packet)) > 0) {
                    la_host_input(pair.host[1 - side], pair.now, 0, packet, length);
                }
                while (side == 0 && la_host_event(pair.host[side], &event)) {
                }
            }
        }
        assert_int_equal(la_unlisten(pair.host[1], pair.now, listener), LA_OK);
        while (la_host_event(pair.host[1], &event)) {
            fail_msg("an event of a listener that is gone");
        }
        struct la_counters counters = pair_counters(&pair, 1);
        assert_int_equal(counters.connections, 0);
        assert_int_equal(counters.connections_orphaned, 0);
        assert_int_equal(counters.buffer_pieces, 0);
        pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_of_pool),
        cmocka_unit_test(who_hoards_starves_nobody),
        cmocka_unit_test(few_of_each),
        cmocka_unit_test(unlistening_gives_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
