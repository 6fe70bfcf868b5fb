#include "support/peer.h"

/* Where two rules meet, and one of them once lost. */

enum { MSS = 1460 };

static struct test *established(uint32_t rtt_ms, uint16_t window)
{
    const struct la_config config = bare();
    return established_after(&config, rtt_ms, window);
}

static void expect_segments(struct test *t, uint32_t seq, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        expect(t, .flags = ACK, .seq = seq + i * MSS, .ack = 1, .length = MSS);
    }
}

static void duplicates(struct test *t, uint32_t ack, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        inject(t, .flags = ACK, .seq = 1, .ack = ack);
    }
}

static void forget_output(struct test *t)
{
    t->out_first = (t->out_first + t->out_count) % DEPARTED_MOST;
    t->out_count = 0;
}

static enum la_end end_now(const struct test *t)
{
    struct la_outcome outcome;
    assert_int_equal(la_outcome(t->host, t->conn, &outcome), LA_OK);
    return outcome.end;
}

/* ---- loss ---- */

/* The round trip grows from 50 ms to 2 s, and there are no timestamps: the timeout stays doubled until a segment was
   sent once only, which measures the new one (RFC 6298 5; MUST-18). */
static void karn_converges(void **state)
{
    (void)state;
    struct test *t = established(50, 65535);
    unsigned clean = 0;
    for (uint32_t n = 0; n < 50; n++) {
        uint64_t before = info_of(t).total_retrans;
        user_send(t, 100);
        let_pass_ms(t, 2000);
        inject(t, .flags = ACK, .seq = 1, .ack = 101 + n * 100);
        let_pass_ms(t, 2000);
        clean += info_of(t).total_retrans == before;
    }
    check(t, clean >= 45);
    check(t, info_of(t).rto_us > 2000000);
    forget_output(t);
    end(t);
}

/* RFC 6582 3.2 (1): duplicates at recover, after the full ACK, prove nothing. */
static void a_full_ack_ends_one_recovery_only(void **state)
{
    (void)state;
    struct test *t = established(0, 65535);
    user_send(t, 30 * MSS);
    expect_segments(t, 1, 10);
    duplicates(t, 1, 3);
    expect_segments(t, 1 + 10 * MSS, 2);
    expect_segments(t, 1, 1); /* recover is 1 + 12 MSS */
    duplicates(t, 1, 9);
    forget_output(t);
    duplicates(t, 1 + 12 * MSS, 4);
    check(t, counted(t, LA_COUNT_TCP_FAST_RETRANSMITS) == 1);
    forget_output(t);
    end(t);
}

/* A window that shuts in the middle of recovery ends it: what was inflated is not there when it opens again. */
static void a_shut_window_ends_recovery(void **state)
{
    (void)state;
    struct test *t = established(0, 65535);
    user_send(t, 44 * MSS);
    expect_segments(t, 1, 10);
    duplicates(t, 1, 30);
    check(t, info_of(t).snd_cwnd_bytes > 30 * MSS);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    let_pass_ms(t, 5000);
    t->peer_window = 65535;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).snd_cwnd_bytes <= info_of(t).snd_ssthresh_bytes + 3 * MSS);
    forget_output(t);
    end(t);
}

/* An application that sends a segment now and then has not shown that the path carries two hundred. */
static void a_window_that_nobody_fills_does_not_grow(void **state)
{
    (void)state;
    struct test *t = established(0, 65535);
    for (uint32_t n = 0; n < 200; n++) {
        user_send(t, MSS);
        inject(t, .flags = ACK, .seq = 1, .ack = 1 + (n + 1) * MSS);
    }
    check(t, info_of(t).snd_cwnd_bytes == 10 * MSS);
    forget_output(t);
    end(t);
}

/* ---- opening ---- */

/* RFC 7323 2.2: also in the SYN-ACK of a simultaneous open, whose SYN is known already. */
static void the_window_beside_a_syn_is_never_scaled(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    t->peer_window = 1000;
    inject(t, .flags = SYN, .mss = 1460, .scale = SCALE(7), .tsval = peer_now(t));
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .scale = SCALE(7), .tsval = peer_now(t));
    expect_state(t, LA_ESTABLISHED);
    check(t, info_of(t).snd_wnd == 1000);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).snd_wnd == 128000);
    forget_output(t);
    end(t);
}

/* Karn: the SYN-ACK is sent again because the SYN came again: nobody knows which one is acknowledged. */
static void a_repeated_syn_ack_measures_nothing(void **state)
{
    (void)state;
    const struct la_config config = bare();
    struct test *t = begin(&config);
    user_listen(t, 4);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    advance_ms(t, 900);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    advance_ms(t, 10);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    check(t, info_of(t).rtt_us == 0);
    end(t);
}

/* RFC 5961 4.2 before RFC 7323 3.2: a peer that has begun anew without timestamps hears of the old connection. */
static void a_syn_without_timestamps_is_challenged(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = SYN, .seq = 5000, .mss = 1460);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    end(t);
}

/* RFC 5961 4.2, 7: wherever they lie. */
static void syns_are_challenged_within_the_limit(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    for (unsigned i = 0; i < 50; i++) {
        inject(t, .flags = SYN, .seq = 0x40000000, .mss = 1460, .tsval = peer_now(t));
    }
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_nothing(t);
    end(t);
}

/* ---- a shut window ---- */

/* The octet that probes may not have been taken: an ACK stands before it. */
static void an_ack_stands_before_the_probe(void **state)
{
    (void)state;
    struct test *t = established(0, 0);
    user_send(t, 100);
    advance_ms(t, 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 50);
    expect(t, .flags = ACK, .seq = 1, .ack = 51);
    end(t);
}

/* A keepalive that is not answered yet is no window probe that was not (MUST-36, MUST-37). */
/* RFC 9293 3.10.7.4, fifth: SND.WL1 is there to prevent using old segments to update the window. */
static void an_overtaken_segment_says_nothing_of_the_window(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 3000;
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    uint32_t window = info_of(t).snd_wnd;
    t->peer_window = 500;
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 21);
    check(t, info_of(t).snd_wnd == window);
    inject(t, .flags = ACK, .seq = 21, .ack = 1);
    check(t, info_of(t).snd_wnd == window / 6);
    end(t);
}

static void a_hole_of_one_octet(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 12, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 22);
    end(t);
}

static void a_keepalive_is_no_window_probe(void **state)
{
    (void)state;
    struct la_config config = bare();
    config.keepalive = true;
    config.keepalive_idle_ms = 200000;
    struct test *t = established_after(&config, 10, 0);
    let_pass_ms(t, 200000);
    check(t, info_of(t).probes == 1);
    user_send(t, 100);
    let_pass_ms(t, 1000);
    check(t, end_now(t) == LA_END_NONE);
    check(t, counted(t, LA_COUNT_TCP_WINDOW_PROBES) > 0);
    forget_output(t);
    end(t);
}

/* RFC 9293 3.8.6.2.1: 0.1 to 1 s, however long the round trip is. */
static void a_silly_window_is_overridden_within_a_second(void **state)
{
    (void)state;
    struct test *t = established(900, 4000);
    t->peer_window = 500;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 5000);
    advance_ms(t, 999);
    expect_nothing(t);
    advance_ms(t, 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 500);
    end(t);
}

/* More than the 71 minutes that 32 bits of microseconds hold. */
static void a_long_timeout_is_said(void **state)
{
    (void)state;
    struct la_config config = bare();
    config.rto_initial_ms = config.rto_max_ms = 5000000;
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN);
    check(t, info_of(t).rto_us == UINT32_MAX);
    end(t);
}

/* ---- what anybody could have sent ---- */

/* A segment that says nothing possible, or has no ACK bit, moves no TS.Recent: PAWS would drop all that is real. */
static void ts_recent_is_moved_by_the_peer_alone(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = 0, .seq = 1, .length = 10, .tsval = peer_now(t) + 0x70000000U);
    inject(t, .flags = ACK, .seq = 1, .ack = 0x50000000, .length = 10, .tsval = peer_now(t) + 0x70000001U);
    forget_output(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    end(t);
}

/* ---- the application ---- */

static void a_larger_send_buffer_is_news(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_SEND_BUFFER_BYTES, 1000) == LA_OK);
    user_send(t, 1000);
    expect_events(t, LA_READY_WRITABLE);
    char octet = 0;
    check(t, la_send(t->host, t->now, t->conn, &octet, 1) == LA_ERROR_WOULD_BLOCK);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_SEND_BUFFER_BYTES, 16384) == LA_OK);
    expect_events(t, LA_READY_WRITABLE);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(karn_converges),
        cmocka_unit_test(a_full_ack_ends_one_recovery_only),
        cmocka_unit_test(a_shut_window_ends_recovery),
        cmocka_unit_test(a_window_that_nobody_fills_does_not_grow),
        cmocka_unit_test(a_silly_window_is_overridden_within_a_second),
        cmocka_unit_test(a_long_timeout_is_said),
        cmocka_unit_test(the_window_beside_a_syn_is_never_scaled),
        cmocka_unit_test(a_repeated_syn_ack_measures_nothing),
        cmocka_unit_test(a_syn_without_timestamps_is_challenged),
        cmocka_unit_test(syns_are_challenged_within_the_limit),
        cmocka_unit_test(an_ack_stands_before_the_probe),
        cmocka_unit_test(an_overtaken_segment_says_nothing_of_the_window),
        cmocka_unit_test(a_hole_of_one_octet),
        cmocka_unit_test(a_keepalive_is_no_window_probe),
        cmocka_unit_test(ts_recent_is_moved_by_the_peer_alone),
        cmocka_unit_test(a_larger_send_buffer_is_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
