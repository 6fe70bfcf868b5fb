#include "support/peer.h"

/* LA_OPTION_MSL_MS: a connection whose record need not last as long as the others'. The classes are 2 MSL, a quarter and a
   sixteenth of it: with an MSL of 30 s 60 s, 15 s and 3.75 s. */

enum { WAIT_MS = 60000, QUARTER_MS = 15000, SIXTEENTH_MS = 3750 };

static int set_msl(struct test *t, int64_t msl_ms)
{
    return la_set_option(t->host, t->now, t->conn, LA_OPTION_MSL_MS, msl_ms);
}

/* The host closes first, with no more to do than wait. */
static void close_first(struct test *t)
{
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
}

static struct test *waiting(const struct la_config *config, int64_t msl_ms)
{
    struct test *t = begin(config);
    user_listen(t, 4);
    open_passive(t);
    check(t, set_msl(t, msl_ms) == LA_OK);
    close_first(t);
    return t;
}

static bool next_wait(const struct test *t, struct la_wait *wait)
{
    uint64_t place = 0;
    return la_wait_next(t->host, &place, wait);
}

/* Answered up to its last millisecond; then there is nobody. The answer that restarts it would be the FIN's; a SYN that is
   not honoured restarts nothing. */
static void expect_wait(struct test *t, uint32_t wait_ms)
{
    struct la_wait wait;
    la_time began = t->now;
    check(t, next_wait(t, &wait) && wait.since == began && wait.until == began + wait_ms * LA_MILLISECOND);
    advance_ms(t, wait_ms - 1);
    inject(t, .flags = ACK, .seq = 0, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    advance_ms(t, 1);
    check(t, waits_of(t) == 0);
    inject(t, .flags = ACK, .seq = 0, .ack = 2);
    expect(t, .flags = RST, .seq = 2);
    end(t);
}

static void the_next_class_that_is_not_less(void **state)
{
    (void)state;
    static const struct {
        uint32_t asked_ms;
        uint32_t msl_ms;
        uint32_t wait_ms;
    } cases[] = {
        {30000, 30000, WAIT_MS},  {7501, 30000, WAIT_MS},     {7500, 7500, QUARTER_MS},
        {1876, 7500, QUARTER_MS}, {1875, 1875, SIXTEENTH_MS}, {1, 1875, SIXTEENTH_MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test *t = begin_usual();
        int64_t value = -1;
        user_listen(t, 4);
        open_passive(t);
        check(t, la_get_option(t->host, t->conn, LA_OPTION_MSL_MS, &value) == LA_OK && value == 30000);
        check(t, set_msl(t, cases[i].asked_ms) == LA_OK);
        check(t, la_get_option(t->host, t->conn, LA_OPTION_MSL_MS, &value) == LA_OK && value == cases[i].msl_ms);
        close_first(t);
        expect_wait(t, cases[i].wait_ms);
    }
}

/* An MSL that sixteen does not divide. */
static void an_msl_of_any_length(void **state)
{
    (void)state;
    for (uint32_t msl_ms = 1601; msl_ms < 1640; msl_ms++) {
        struct la_config config = usual();
        config.msl_ms = msl_ms;
        config.time_wait_rtos = 0;
        int64_t value = -1;
        struct test *t = begin(&config);
        user_listen(t, 4);
        open_passive(t);
        check(t, set_msl(t, msl_ms / 16 + 1) == LA_OK);
        check(t, la_get_option(t->host, t->conn, LA_OPTION_MSL_MS, &value) == LA_OK && value >= msl_ms / 16 + 1);
        check(t, set_msl(t, value) == LA_OK); /* what it says it is, it stays */
        int64_t again = -1;
        check(t, la_get_option(t->host, t->conn, LA_OPTION_MSL_MS, &again) == LA_OK && again == value);
        close_first(t);
        expect_wait(t, 2 * msl_ms / 4);
    }
}

static void none_is_kept(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test *t = waiting(&config, 0);
    struct la_wait wait;
    check(t, !next_wait(t, &wait) && la_host_deadline(t->host) == LA_TIME_NEVER);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = RST, .seq = 2);
    end(t);
}

static void what_it_may_be(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.own_settings = 1;
    struct test *t = begin(&config);
    user_listen(t, 4);
    open_passive(t);
    check(t, set_msl(t, -1) == LA_ERROR_INVALID && set_msl(t, 30001) == LA_ERROR_INVALID);
    check(t, set_msl(t, 5) == LA_OK);
    another_peer(t);
    open_passive(t);
    check(t, set_msl(t, 5) == LA_ERROR_NO_SETTINGS);
    close_first(t);
    struct la_wait wait;
    check(t, next_wait(t, &wait) && wait.until == t->now + WAIT_MS * LA_MILLISECOND);
    end(t);
}

/* The peer's FIN again: its own 2 MSL, from now. */
static void a_restart_keeps_the_class(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test *t = waiting(&config, 7500);
    advance_ms(t, 1000);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_wait(t, QUARTER_MS);
}

/* The peer repeats its FIN after 2 s: eight of that are longer than a quarter. */
static void eight_of_the_peers_rtos(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test *t = waiting(&config, 7500);
    advance_ms(t, 2000);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_wait(t, WAIT_MS);
}

/* With a round trip of 900 ms the RTO is 2.7 s. */
static void eight_of_our_rtos(void **state)
{
    (void)state;
    struct la_config config = bare();
    struct test *t = established_after(&config, 900, 65535);
    check(t, set_msl(t, 1) == LA_OK);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
    expect_wait(t, WAIT_MS);
}

/* What we reset is remembered for as long. */
static void an_abort_too(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    struct la_wait wait;
    user_listen(t, 4);
    open_passive(t);
    check(t, set_msl(t, 1875) == LA_OK);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    check(t, next_wait(t, &wait) && wait.kind == LA_CLASS_ABORTED && wait.since == t->now);
    check(t, wait.until == t->now + SIXTEENTH_MS * LA_MILLISECOND);
    end(t);
}

/* ---- the table ---- */

static void fill(struct test *t, unsigned count, int64_t msl_ms)
{
    for (unsigned i = 0; i < count; i++) {
        open_passive(t);
        check(t, set_msl(t, msl_ms) == LA_OK);
        close_first(t);
        another_peer(t);
    }
}

static unsigned that_wait(const struct test *t)
{
    struct la_wait wait;
    unsigned count = 0;
    for (uint64_t place = 0; la_wait_next(t->host, &place, &wait);) {
        count++;
    }
    return count;
}

/* Behind long waits short ones are over: their places go to who comes, and nobody is evicted. */
static void places_of_what_is_over(void **state)
{
    (void)state;
    enum { LONG = 10, SHORT = 30, MORE = 10 };
    struct la_config config = usual();
    family_set_waits(&config, LONG + SHORT);
    struct test *t = begin(&config);
    user_listen(t, 4);
    fill(t, LONG, 30000);
    fill(t, SHORT, 1875);
    check(t, that_wait(t) == LONG + SHORT);
    advance_ms(t, SIXTEENTH_MS);
    check(t, that_wait(t) == LONG);
    fill(t, MORE, 30000);
    check(t, that_wait(t) == LONG + MORE && counted(t, LA_COUNT_WAIT_EVICTED) == 0);
    advance_ms(t, WAIT_MS);
    check(t, that_wait(t) == 0 && waits_of(t) == 0 && la_host_deadline(t->host) == LA_TIME_NEVER);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_class_that_is_not_less),
        cmocka_unit_test(an_msl_of_any_length),
        cmocka_unit_test(none_is_kept),
        cmocka_unit_test(what_it_may_be),
        cmocka_unit_test(a_restart_keeps_the_class),
        cmocka_unit_test(eight_of_the_peers_rtos),
        cmocka_unit_test(eight_of_our_rtos),
        cmocka_unit_test(an_abort_too),
        cmocka_unit_test(places_of_what_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
