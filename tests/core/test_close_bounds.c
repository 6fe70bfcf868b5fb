#include "support/peer.h"

/* Closing when the peer does not play along: FINs behind shut windows, lost, never acknowledged, never sent; orphans.
   Each ends, within a bound that is stated, and says how: I27 to I30, RFC 9293 3.8.3, 3.8.6.1, RFC 6298. */

/* ---- a shut window ---- */

/* RFC 9293 3.8.6.1: the probe carries the text, then the FIN; backing off; MUST-35, MUST-36, MUST-37. */
static void fin_behind_a_shut_window(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 0;
    user_send(t, 1);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    user_shutdown(t);
    expect_nothing(t);
    expect_state(t, LA_FIN_WAIT_1);
    advance_ms(t, 200);
    expect(t, .flags = FIN | ACK, .seq = 2, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    advance_ms(t, 400);
    expect(t, .flags = FIN | ACK, .seq = 2, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    advance_ms(t, 800);
    expect(t, .flags = FIN | ACK, .seq = 2, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 3);
    expect_state(t, LA_FIN_WAIT_2);
    end(t);
}

/* The window opens again: the FIN leaves at once, with the text before it. */
static void window_opens_before_the_fin(void **state)
{
    (void)state;
    struct test *t = test_in(LA_CLOSE_WAIT);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 2, .ack = 1);
    user_send(t, 10);
    user_close(t);
    expect_nothing(t);
    advance_ms(t, 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 2, .length = 1);
    t->peer_window = 65535;
    inject(t, .flags = ACK, .seq = 2, .ack = 1);
    expect(t, .flags = FIN | PSH | ACK, .seq = 1, .ack = 2, .length = 10);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 2, .ack = 12);
    expect_outcome(t, LA_END_CLEAN, LA_LAST_ACK);
    release_and_end(t);
}

/* ---- loss ---- */

/* RFC 6298 5.5; I13. In each state in which our FIN is in flight (M26). */
static void fin_is_lost(void **state)
{
    (void)state;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_CLOSING, LA_LAST_ACK};
    for (unsigned i = 0; i < 3; i++) {
        struct test *t = test_in(states[i]);
        for (uint32_t wait_ms = 200; wait_ms <= 6400; wait_ms *= 2) {
            advance_ms(t, wait_ms - 1);
            expect_nothing(t);
            advance_ms(t, 1);
            expect(t, .flags = FIN | ACK, .seq = 1, .ack = peer_next(states[i]));
            expect_state(t, states[i]);
        }
        finish_cleanly(t);
        end(t);
    }
}

/* M58, M48, I27, I30: each ends within R2, the application there or not, and says how. */
static void fin_is_never_acknowledged(void **state)
{
    (void)state;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_CLOSING, LA_LAST_ACK};
    for (unsigned i = 0; i < 6; i++) {
        struct test *t = begin_usual();
        t->closes_fully = i >= 3;
        bring_to(t, states[i % 3]);
        let_pass_ms(t, 99999);
        expect_state(t, states[i % 3]);
        let_pass_ms(t, 5000);
        expect_state(t, LA_CLOSED);
        expect_outcome(t, LA_END_TIMED_OUT, states[i % 3]);
        expect_kept(t, LA_CLASS_ABORTED); /* the last segment was a RST */
        release_and_end(t);
    }
}

/* The same when nobody holds it any more. */
static void orphans_end_too(void **state)
{
    (void)state;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_CLOSING, LA_LAST_ACK};
    for (unsigned i = 0; i < 3; i++) {
        struct test *t = test_in(states[i]);
        user_release(t);
        check(t, counters_of(t).connections_orphaned == 1);
        let_pass_ms(t, 99999);
        check(t, counters_of(t).connections == 1);
        let_pass_ms(t, 5000);
        check(t, counters_of(t).connections == 0 && counters_of(t).connections_orphaned == 0);
        expect_kept(t, LA_CLASS_ABORTED);
        end(t);
    }
}

/* I28: a peer that answers every probe, and keeps its window shut, holds an orphan for R2 at most. */
static void orphan_before_a_shut_window(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 1000);
    user_close(t);
    for (unsigned second = 0; second < 99; second++) {
        let_pass_ms(t, 1000);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        t->out_count = 0;
    }
    expect_state(t, LA_FIN_WAIT_1);
    let_pass_ms(t, 999);
    expect_state(t, LA_FIN_WAIT_1);
    advance_ms(t, 1);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    expect_outcome(t, LA_END_ORPHAN_BOUND, LA_FIN_WAIT_1);
    struct la_outcome outcome;
    check(t, la_outcome(t->host, t->conn, &outcome) == LA_OK && outcome.unacknowledged_bytes == 1000);
    release_and_end(t);
}

/* The same in LAST-ACK and in CLOSING: the FIN stands behind what the window holds back. */
static void orphan_before_a_shut_window_after_the_peers_fin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        enum la_state in = i == 0 ? LA_LAST_ACK : LA_CLOSING;
        struct test *t = test_in(i == 0 ? LA_CLOSE_WAIT : LA_ESTABLISHED);
        t->peer_window = 0;
        inject(t, .flags = ACK, .seq = i == 0 ? 2 : 1, .ack = 1);
        user_send(t, 1000);
        user_close(t);
        if (in == LA_CLOSING) {
            inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
            expect(t, .flags = ACK, .seq = 1, .ack = 2);
        }
        expect_state(t, in);
        for (unsigned second = 0; second < 99; second++) {
            let_pass_ms(t, 1000);
            inject(t, .flags = ACK, .seq = 2, .ack = 1);
        }
        expect_state(t, in);
        let_pass_ms(t, 1000);
        expect_outcome(t, LA_END_ORPHAN_BOUND, in);
        release_and_end(t);
    }
}

/* M15: a FIN needs no room: neither in the send buffer nor in the pool. */
static void fin_behind_a_full_buffer(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.send_buffer_bytes = 4096;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 4096);
    check(t, la_send(t->host, t->now, t->conn, "x", 1) == LA_ERROR_WOULD_BLOCK);
    user_close(t);
    t->peer_window = 65535;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    for (uint32_t at = 1; at < 4097; at += 1448) {
        uint32_t left = 4097 - at;
        bool is_last = left <= 1448;
        expect(t, .flags = is_last ? FIN | ACK : ACK, .seq = at, .ack = 1, .length = is_last ? left : 1448);
    }
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 4098);
    expect(t, .flags = ACK, .seq = 4098, .ack = 2);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    release_and_end(t);
}

/* RFC 6298 5, Karn: what was sent again measures nothing, so that the timeout stays doubled, whatever it acknowledges,
   until something is measured. */
static void backoff_ends_with_a_measurement(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    user_send(t, 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 101, .ack = 1);
    let_pass_ms(t, 600); /* 200 and 400 ms */
    check(t, info_of(t).rto_us == 800000);
    inject(t, .flags = ACK, .seq = 1, .ack = 101);
    check(t, info_of(t).rto_us == 800000);
    advance_ms(t, 800);
    expect(t, .flags = FIN | ACK, .seq = 101, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 102);
    expect_state(t, LA_FIN_WAIT_2);
    end(t);
}

/* ... and one whose application is still there, for ever (MUST-37), as long as the peer answers. */
static void shut_window_with_an_application(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 1000);
    for (unsigned minute = 0; minute < 30; minute++) {
        check(t, let_pass_ms(t, 60000) > 0);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
    }
    expect_state(t, LA_ESTABLISHED);
    let_pass_ms(t, 400000); /* the peer is gone */
    expect_outcome(t, LA_END_TIMED_OUT, LA_ESTABLISHED);
    release_and_end(t);
}

/* ---- FIN-WAIT-2 ---- */

static void fin_wait_2_is_bounded_once_closed(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    advance_ms(t, 100000);
    expect_state(t, LA_FIN_WAIT_2);
    user_close(t);
    advance_ms(t, 59999);
    expect_state(t, LA_FIN_WAIT_2);
    advance_ms(t, 1);
    expect_nothing(t);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_FIN_WAIT_2_BOUND, LA_FIN_WAIT_2);
    check(t, waits_of(t) == 0); /* I15 */
    release_and_end(t);
}

static void fin_wait_2_is_bounded_after_close(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    t->closes_fully = true;
    bring_to(t, LA_FIN_WAIT_1);
    advance_ms(t, 150);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    advance_ms(t, 59999);
    expect_state(t, LA_FIN_WAIT_2);
    advance_ms(t, 1);
    expect_outcome(t, LA_END_FIN_WAIT_2_BOUND, LA_FIN_WAIT_2);
    release_and_end(t);
}

static void fin_wait_2_orphan(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    user_release(t);
    advance_ms(t, 59999);
    check(t, counters_of(t).connections == 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    check(t, counters_of(t).connections == 0 && waits_of(t) == 1);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fin_behind_a_shut_window),
        cmocka_unit_test(window_opens_before_the_fin),
        cmocka_unit_test(fin_is_lost),
        cmocka_unit_test(fin_is_never_acknowledged),
        cmocka_unit_test(orphans_end_too),
        cmocka_unit_test(orphan_before_a_shut_window),
        cmocka_unit_test(orphan_before_a_shut_window_after_the_peers_fin),
        cmocka_unit_test(fin_behind_a_full_buffer),
        cmocka_unit_test(backoff_ends_with_a_measurement),
        cmocka_unit_test(shut_window_with_an_application),
        cmocka_unit_test(fin_wait_2_is_bounded_once_closed),
        cmocka_unit_test(fin_wait_2_is_bounded_after_close),
        cmocka_unit_test(fin_wait_2_orphan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
