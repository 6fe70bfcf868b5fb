#include "support/peer.h"

/* Shut windows (RFC 9293 3.8.6), and how much may be in flight (RFC 5681, 6582, 3042, 6928). */

enum { MSS = 1460 };

static struct test *established(uint16_t peer_window)
{
    const struct la_config config = bare();
    struct test *t = begin(&config);
    t->peer_window = peer_window;
    user_listen(t, 4);
    open_passive(t);
    expect_events(t, LA_READY_WRITABLE);
    return t;
}

/* Nothing leaves before `ms` are over. */
static void quiet_for(struct test *t, uint32_t ms)
{
    advance_ms(t, ms - 1);
    expect_nothing(t);
    advance_ms(t, 1);
}

/* Whole segments from seq on. */
static void expect_segments(struct test *t, uint32_t seq, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        expect(t, .flags = ACK, .seq = seq + i * MSS, .ack = 1, .length = MSS);
    }
}

static void inject_ack(struct test *t, uint32_t ack)
{
    inject(t, .flags = ACK, .seq = 1, .ack = ack);
}

/* ---- shut windows ---- */

/* MUST-36, MUST-37, SHLD-29, SHLD-30: the first probe after a retransmission timeout, then less and less often, as
   long as it is answered. */
static void a_shut_window_is_probed_for_ever(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 5000);
    uint32_t interval_ms = 200;
    for (unsigned n = 0; n < 40; n++) {
        quiet_for(t, interval_ms);
        expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1);
        inject_ack(t, 1);
        expect_nothing(t);
        interval_ms = interval_ms * 2 < 60000 ? interval_ms * 2 : 60000;
    }
    expect_outcome(t, LA_END_NONE, LA_ESTABLISHED);
    t->peer_window = 65535;
    inject_ack(t, 1); /* the update: all of it leaves, from the first octet on */
    expect_segments(t, 1, 3);
    expect(t, .flags = ACK, .seq = 4381, .ack = 1, .length = 620);
    inject_ack(t, 5001);
    end(t);
}

/* The window update was lost: the next probe is taken, and its answer opens the window. */
static void a_lost_window_update_does_no_harm(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 1461);
    quiet_for(t, 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1);
    inject_ack(t, 1);
    quiet_for(t, 400);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1);
    t->peer_window = 4000;
    inject_ack(t, 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 1, .length = 1460);
    inject_ack(t, 1462);
    advance_ms(t, 1000000);
    end(t);
}

static void probes_without_an_answer_end_it(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 10);
    (void)let_pass_ms(t, 99000);
    expect_outcome(t, LA_END_NONE, LA_ESTABLISHED);
    (void)let_pass_ms(t, 90000);
    expect_outcome(t, LA_END_TIMED_OUT, LA_ESTABLISHED);
    end(t);
}

/* An orphan's patience with a shut window is bounded, however the probes are answered. */
static void nobody_waits_for_ever_for_an_orphan(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 10);
    user_close(t);
    for (unsigned s = 0; s < 99; s++) {
        (void)let_pass_ms(t, 1000);
        inject_ack(t, 1);
    }
    expect_outcome(t, LA_END_NONE, LA_FIN_WAIT_1);
    (void)let_pass_ms(t, 1000);
    expect_outcome(t, LA_END_ORPHAN_BOUND, LA_FIN_WAIT_1);
    end(t);
}

static void a_fin_behind_a_shut_window(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_shutdown(t);
    expect_state(t, LA_FIN_WAIT_1);
    expect_nothing(t);
    quiet_for(t, 200);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject_ack(t, 1);
    quiet_for(t, 400);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject_ack(t, 2);
    expect_state(t, LA_FIN_WAIT_2);
    end(t);
}

/* SHLD-16, MUST-35: a window that shrinks to nothing over what is in flight is probed as any other; SHLD-17: not given
   up for that. */
static void a_window_that_shrinks_to_nothing_is_probed(void **state)
{
    (void)state;
    struct test *t = established(4 * MSS);
    user_send(t, 4 * MSS);
    expect_segments(t, 1, 4);
    t->peer_window = 0;
    inject_ack(t, 1); /* what was in flight was thrown away */
    for (unsigned s = 0; s < 300; s++) {
        (void)let_pass_ms(t, 1000);
        inject_ack(t, 1);
    }
    expect_outcome(t, LA_END_NONE, LA_ESTABLISHED);
    t->peer_window = 4 * MSS;
    inject_ack(t, 1);
    (void)let_pass_ms(t, 60000);
    inject_ack(t, 1 + MSS);
    (void)let_pass_ms(t, 1000);
    inject_ack(t, 1 + 4 * MSS);
    (void)let_pass_ms(t, 1000);
    check(t, info_of(t).unacked_bytes == 0);
    end(t);
}

/* ---- what may be in flight ---- */

/* RFC 6928; MUST-19: slow start. SHLD-28: as large as they may be. */
static void ten_segments_at_first(void **state)
{
    (void)state;
    struct test *t = established(65535);
    check(t, info_of(t).snd_cwnd_bytes == 10 * MSS); /* RFC 6928 */
    user_send(t, 40 * MSS);
    expect_segments(t, 1, 10);
    expect_nothing(t);
    inject_ack(t, 1 + MSS); /* slow start: one more for each acknowledged */
    expect_segments(t, 1 + 10 * MSS, 2);
    inject_ack(t, 1 + 3 * MSS); /* RFC 3465: two at the most for one ACK */
    expect_segments(t, 1 + 12 * MSS, 4);
    inject_ack(t, 1 + 11 * MSS);
    check(t, info_of(t).snd_cwnd_bytes == 15 * MSS);
    (void)let_pass_ms(t, 0);
    end(t);
}

/* RFC 5681 3.2: the third duplicate, neither the second nor the fourth; RFC 3042 for the first two. */
static void the_third_duplicate(void **state)
{
    (void)state;
    struct test *t = established(65535);
    user_send(t, 20 * MSS);
    expect_segments(t, 1, 10);
    inject_ack(t, 1);
    expect_segments(t, 1 + 10 * MSS, 1);
    inject_ack(t, 1);
    expect_segments(t, 1 + 11 * MSS, 1);
    inject_ack(t, 1);
    expect_segments(t, 1, 1);
    check(t, counted(t, LA_COUNT_TCP_FAST_RETRANSMITS) == 1);
    check(t, info_of(t).snd_ssthresh_bytes == 5 * MSS); /* half of the flight, limited transmit's two not counted */
    check(t, info_of(t).snd_cwnd_bytes == 8 * MSS);
    for (unsigned n = 4; n <= 7; n++) {
        inject_ack(t, 1); /* each lets a segment more: 9, 10, 11, 12 */
        expect_nothing(t);
    }
    inject_ack(t, 1);
    expect_segments(t, 1 + 12 * MSS, 1);
    inject_ack(t, 1 + 12 * MSS); /* all that was in flight: RFC 6582 3.2 (3) */
    check(t, info_of(t).snd_cwnd_bytes <= 5 * MSS);
    (void)let_pass_ms(t, 1);
    end(t);
}

static void a_partial_acknowledgment_names_the_next_hole(void **state)
{
    (void)state;
    struct test *t = established(65535);
    user_send(t, 10 * MSS);
    expect_segments(t, 1, 9);
    expect(t, .flags = PSH | ACK, .seq = 1 + 9 * MSS, .ack = 1, .length = MSS);
    advance_ms(t, 50);
    for (unsigned n = 0; n < 3; n++) {
        inject_ack(t, 1);
    }
    expect_segments(t, 1, 1);
    advance_ms(t, 50);
    inject_ack(t, 1 + 2 * MSS);
    expect_segments(t, 1 + 2 * MSS, 1);
    advance_ms(t, 50);
    inject_ack(t, 1 + 5 * MSS);
    expect_segments(t, 1 + 5 * MSS, 1);
    check(t, counted(t, LA_COUNT_TCP_TIMEOUTS) == 0 && counted(t, LA_COUNT_TCP_FAST_RETRANSMITS) == 1);
    /* The first partial ACK has restarted the timer, the second has not: 200 ms from 100. */
    quiet_for(t, 150);
    expect_segments(t, 1 + 5 * MSS, 1);
    check(t, counted(t, LA_COUNT_TCP_TIMEOUTS) == 1);
    end(t);
}

/* RFC 5681 3.1: after a timeout one segment, half of what was in flight as threshold, then linear growth. */
/* MUST-19 */
static void a_timeout_begins_anew(void **state)
{
    (void)state;
    struct test *t = established(65535);
    user_send(t, 40 * MSS);
    expect_segments(t, 1, 10);
    quiet_for(t, 200);
    expect_segments(t, 1, 1);
    check(t, info_of(t).snd_cwnd_bytes == MSS && info_of(t).snd_ssthresh_bytes == 5 * MSS);
    inject_ack(t, 1 + MSS);
    expect_segments(t, 1 + MSS, 2);
    for (unsigned n = 0; n < 3; n++) {
        inject_ack(t, 1 + MSS); /* RFC 6582: duplicates of what the timeout sent again prove nothing */
    }
    check(t, counted(t, LA_COUNT_TCP_FAST_RETRANSMITS) == 0);
    (void)let_pass_ms(t, 0);
    static const uint32_t acknowledged[] = {3, 5, 6}; /* each lets one more, also who acknowledges two: RFC 3465 2.3 */
    for (uint32_t n = 0; n < 3; n++) {
        inject_ack(t, 1 + acknowledged[n] * MSS);
        check(t, info_of(t).snd_cwnd_bytes == (3 + n) * MSS);
        (void)let_pass_ms(t, 0);
    }
    inject_ack(t, 1 + 7 * MSS); /* the threshold is reached: so much in a round trip */
    check(t, info_of(t).snd_cwnd_bytes < 6 * MSS);
    (void)let_pass_ms(t, 0);
    end(t);
}

/* RFC 5681 4.1 */
static void after_a_pause_it_begins_with_the_initial_window(void **state)
{
    (void)state;
    struct test *t = established(65535);
    user_send(t, 20 * MSS);
    expect_segments(t, 1, 10);
    for (unsigned n = 1; n <= 20; n++) {
        inject_ack(t, 1 + n * MSS);
        (void)let_pass_ms(t, 0);
    }
    check(t, info_of(t).snd_cwnd_bytes >= 20 * MSS);
    advance_ms(t, 5000);
    user_send(t, 30 * MSS);
    expect_segments(t, 1 + 20 * MSS, 10);
    expect_nothing(t);
    end(t);
}

/* ---- what is out of order ---- */

/* SHLD-31, MAY-13 */
static void more_gaps_than_the_list_holds(void **state)
{
    (void)state;
    struct la_config config = bare();
    config.out_of_order_ranges = 2;
    struct test *t = begin(&config);
    user_listen(t, 1);
    open_passive(t);
    for (uint32_t seq = 101; seq <= 501; seq += 200) {
        inject(t, .flags = ACK, .seq = seq, .ack = 1, .length = 100);
        expect(t, .flags = ACK, .seq = 1, .ack = 1); /* each is answered, taken or not */
        expect_dropped(t, seq == 501 ? LA_DROP_RANGES_FULL : LA_DROP_NONE);
    }
    inject(t, .flags = ACK, .seq = 201, .ack = 1, .length = 100); /* joins the two: there is room again */
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 501, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 401);
    inject(t, .flags = ACK, .seq = 401, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 601);
    user_read(t, 600);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shut_window_is_probed_for_ever),
        cmocka_unit_test(a_lost_window_update_does_no_harm),
        cmocka_unit_test(probes_without_an_answer_end_it),
        cmocka_unit_test(nobody_waits_for_ever_for_an_orphan),
        cmocka_unit_test(a_fin_behind_a_shut_window),
        cmocka_unit_test(a_window_that_shrinks_to_nothing_is_probed),
        cmocka_unit_test(ten_segments_at_first),
        cmocka_unit_test(the_third_duplicate),
        cmocka_unit_test(a_partial_acknowledgment_names_the_next_hole),
        cmocka_unit_test(a_timeout_begins_anew),
        cmocka_unit_test(after_a_pause_it_begins_with_the_initial_window),
        cmocka_unit_test(more_gaps_than_the_list_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
