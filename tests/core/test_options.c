#include "support/peer.h"

/* What the two SYNs agree on (RFC 9293 3.7.1, RFC 7323 2 and 3), and what timestamps are for (RFC 7323 4 and 5). */

/* ---- what is agreed on ---- */

struct offer {
    uint16_t mss;
    bool scales;
    bool stamps;
};

enum { OFFERS = 8, PEER_SCALE = 2, PEER_WINDOW = 1000 };

static struct offer offer_of(unsigned bits)
{
    return (struct offer){(bits & 1) != 0 ? 1000 : 0, (bits & 2) != 0, (bits & 4) != 0};
}

static struct la_config config_of(const struct offer *ours)
{
    struct la_config config = usual();
    config.window_scaling = ours->scales;
    config.timestamps = ours->stamps;
    config.receive_buffer_bytes = 262144;
    config.buffer_pieces = 1024;
    return config;
}

static struct seg syn_of(const struct test *t, const struct offer *theirs, uint8_t flags)
{
    struct seg seg = {.flags = flags, .mss = theirs->mss, .ack = (flags & ACK) != 0 ? 1 : 0};
    seg.scale = theirs->scales ? SCALE(PEER_SCALE) : 0;
    seg.tsval = theirs->stamps ? peer_now(t) : 0;
    return seg;
}

/* 536, or 1220 in IPv6, where nothing is said (MUST-15), less what the timestamps take (RFC 6691); no window is scaled in a SYN. */
static void check_agreement(struct test *t, const struct offer *ours, const struct offer *theirs)
{
    bool scales = ours->scales && theirs->scales;
    bool stamps = ours->stamps && theirs->stamps;
    struct la_info info = info_of(t);
    check(t, info.wscale_ok == scales && info.timestamps == stamps);
    uint32_t mss = theirs->mss != 0 ? theirs->mss : family_is_ipv6() ? 1220 : 536;
    check(t, info.snd_mss == (stamps ? mss - 12 : mss));
    check(t, info.rcv_wscale == (scales ? 3 : 0) && info.snd_wscale == (scales ? PEER_SCALE : 0));
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).snd_wnd == (scales ? PEER_WINDOW << PEER_SCALE : PEER_WINDOW));
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 101);
    check(t, (uint32_t)t->last.window << info.rcv_wscale >= 60000);
    check(t, scales == ((uint32_t)t->last.window << info.rcv_wscale > 65535));
    user_read(t, 100);
    user_send(t, 1000);
    uint32_t first = info.snd_mss < 1000 ? info.snd_mss : 1000;
    check(t, t->out_count >= 1 && t->out[t->out_first].segment.length == first);
    t->out_count = 0;
}

static void passive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OFFERS * OFFERS; i++) {
        const struct offer ours = offer_of(i % OFFERS);
        const struct offer theirs = offer_of(i / OFFERS);
        const struct la_config config = config_of(&ours);
        struct test *t = begin(&config);
        t->peer_window = PEER_WINDOW;
        user_listen(t, 4);
        const struct seg syn = syn_of(t, &theirs, SYN);
        inject_segment(t, &syn);
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        check(t, t->last.options.has_window_scale == (ours.scales && theirs.scales));
        check(t, t->last.options.has_timestamp == (ours.stamps && theirs.stamps));
        check(t, !t->last.options.has_timestamp || t->last.options.tsecr == peer_now(t));
        check(t, t->last.window == 65535);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        user_accept(t);
        check_agreement(t, &ours, &theirs);
        end(t);
    }
}

static void active(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OFFERS * OFFERS; i++) {
        const struct offer ours = offer_of(i % OFFERS);
        const struct offer theirs = offer_of(i / OFFERS);
        const struct la_config config = config_of(&ours);
        struct test *t = begin(&config);
        t->peer_window = PEER_WINDOW;
        user_connect(t);
        expect(t, .flags = SYN, .mss = 1460);
        check(t, t->last.options.has_window_scale == ours.scales && t->last.options.has_timestamp == ours.stamps);
        const struct seg syn_ack = syn_of(t, &theirs, SYN | ACK);
        inject_segment(t, &syn_ack);
        check(t, info_of(t).snd_wnd == PEER_WINDOW); /* RFC 7323 2.2: a SYN's window is never scaled */
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        check_agreement(t, &ours, &theirs);
        end(t);
    }
}

/* The SYN-ACK of a simultaneous open says what the two SYNs agreed on. */
static void simultaneous(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OFFERS * OFFERS; i++) {
        const struct offer ours = offer_of(i % OFFERS);
        const struct offer theirs = offer_of(i / OFFERS);
        const struct la_config config = config_of(&ours);
        struct test *t = begin(&config);
        t->peer_window = PEER_WINDOW;
        user_connect(t);
        expect(t, .flags = SYN, .mss = 1460);
        const struct seg syn = syn_of(t, &theirs, SYN);
        inject_segment(t, &syn);
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        check(t, t->last.options.has_window_scale == (ours.scales && theirs.scales));
        check(t, t->last.options.has_timestamp == (ours.stamps && theirs.stamps));
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        check_agreement(t, &ours, &theirs);
        end(t);
    }
}

/* MUST-16, MUST-67, SHLD-6: the interface's own limit counts too; an absurd offer does not make headers of everything.
   */
static void mss_has_bounds(void **state)
{
    (void)state;
    static const uint16_t offers[][2] = {{9000, 1460}, {1461, 1460}, {1460, 1460}, {536, 536}, {64, 64}, {1, 64}};
    struct la_config config = usual();
    config.timestamps = false;
    for (unsigned i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        struct test *t = begin(&config);
        user_listen(t, 4);
        inject(t, .flags = SYN, .mss = offers[i][0]);
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        user_accept(t);
        check(t, info_of(t).snd_mss == offers[i][1]);
        end(t);
    }
}

/* RFC 7323 2.3: a shift of more than 14 counts as 14. */
static void scale_has_a_bound(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    inject(t, .flags = SYN, .mss = 1460, .scale = SCALE(14));
    expect(t, .flags = SYN | ACK, .ack = 1, .scale = SCALE(0));
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    check(t, info_of(t).snd_wscale == 14 && info_of(t).snd_wnd == 65535U << 14);
    end(t);
}

/* ---- PAWS: RFC 7323 5 ---- */

/* R1: an older timestamp than TS.Recent: answered, dropped; an equal one passes. In every synchronised state. */
static void older_timestamps_are_dropped(void **state)
{
    (void)state;
    for (int s = LA_ESTABLISHED; s < LA_TIME_WAIT; s++) {
        enum la_state in = (enum la_state)s;
        uint32_t seq = peer_next(in);
        uint32_t una = host_next(in) - (in == LA_FIN_WAIT_1 || in == LA_CLOSING || in == LA_LAST_ACK ? 1 : 0);
        struct test *t = test_in(in);
        uint32_t recent = peer_now(t);
        inject(t, .flags = FIN | ACK, .seq = seq, .ack = una, .length = 5, .tsval = recent - 1);
        expect(t, .flags = ACK, .seq = host_next(in), .ack = seq);
        expect_dropped(t, LA_DROP_PAWS);
        inject(t, .flags = ACK, .seq = seq, .ack = host_next(in), .tsval = recent - 0x7fffffff);
        expect(t, .flags = ACK, .seq = host_next(in), .ack = seq);
        expect_dropped(t, LA_DROP_PAWS);
        expect_state(t, in);
        inject(t, .flags = ACK, .seq = seq, .ack = una, .tsval = recent);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_NONE);
        finish_cleanly(t);
        end(t);
    }
}

/* I38: an RST is never held back, with a timestamp or without. */
static void resets_are_exempt(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = test_in(LA_ESTABLISHED);
        inject(t, .flags = RST, .seq = 1, .tsval = i == 0 ? 0 : peer_now(t) - 1000);
        expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
        end(t);
    }
}

/* 3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment." */
static void segments_without_timestamp_are_dropped(void **state)
{
    (void)state;
    for (int s = LA_SYN_RECEIVED; s < LA_TIME_WAIT; s++) {
        struct test *t = test_in((enum la_state)s);
        inject(t, .flags = FIN | ACK, .seq = peer_next(t->state), .ack = 1, .length = 5, .no_ts = true);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_NO_TIMESTAMP);
        expect_state(t, (enum la_state)s);
        end(t);
    }
}

/* ... and one that was not negotiated is ignored. */
static void timestamps_nobody_agreed_on_are_ignored(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    struct test *t = begin(&config);
    bring_to(t, LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5, .tsval = 1000);
    expect(t, .flags = ACK, .seq = 1, .ack = 6);
    inject(t, .flags = ACK, .seq = 6, .ack = 1, .length = 5, .tsval = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    end(t);
}

/* 5.5: after 24 days without a segment TS.Recent is forgotten; at 24 days exactly it is not. */
static void forgets_after_24_days(void **state)
{
    (void)state;
    const la_time days_24 = 24 * UINT64_C(86400) * LA_SECOND;
    struct test *t = test_in(LA_ESTABLISHED);
    uint32_t recent = peer_now(t);
    advance_ns(t, days_24);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5, .tsval = recent - 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_dropped(t, LA_DROP_PAWS);
    advance_ms(t, 135); /* two ticks of the clock that says how old it is */
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5, .tsval = recent - 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 6, .tsecr = recent - 1);
    expect_dropped(t, LA_DROP_NONE);
    end(t);
}

/* Nor does it come back when 32 bits of milliseconds have gone round: a peer whose clock ticks 500 times a second is more
   than 2^31 further by then. */
static void stays_forgotten(void **state)
{
    (void)state;
    static const unsigned days[] = {25, 49, 50, 51, 74, 400};
    for (unsigned i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct test *t = test_in(LA_ESTABLISHED);
        uint32_t recent = peer_now(t);
        t->now += days[i] * UINT64_C(86400) * LA_SECOND;
        inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5, .tsval = recent - 1);
        expect(t, .flags = ACK, .seq = 1, .ack = 6, .tsecr = recent - 1);
        end(t);
    }
}

/* ---- TS.Recent: RFC 7323 4.3, I38 ---- */

/* What is echoed is the timestamp of the segment that advanced the left edge, not of those behind a hole. */
static void echoes_what_advanced_the_edge(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    uint32_t base = peer_now(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tsval = base + 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11, .tsecr = base + 10);
    inject(t, .flags = ACK, .seq = 21, .ack = 1, .length = 10, .tsval = base + 30); /* a hole before it */
    expect(t, .flags = ACK, .seq = 1, .ack = 11, .tsecr = base + 10);
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10, .tsval = base + 20); /* fills it */
    expect(t, .flags = ACK, .seq = 1, .ack = 31, .tsecr = base + 20);
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10, .tsval = base + 40); /* not acceptable: no change */
    expect(t, .flags = ACK, .seq = 1, .ack = 31, .tsecr = base + 20);
    end(t);
}

/* Delayed ACKs: the timestamp of the earliest segment that is not yet acknowledged. */
static void echoes_the_earliest_unacknowledged(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.delayed_ack_ms = 40;
    struct test *t = begin(&config);
    bring_to(t, LA_ESTABLISHED);
    uint32_t base = peer_now(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tsval = base + 5);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10, .tsval = base + 8);
    expect(t, .flags = ACK, .seq = 1, .ack = 21, .tsecr = base + 5);
    inject(t, .flags = ACK, .seq = 21, .ack = 1, .length = 10, .tsval = base + 9);
    advance_ms(t, 39);
    expect_nothing(t);
    advance_ms(t, 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 31, .tsecr = base + 9);
    end(t);
}

/* A segment that is dropped for anything before that step changes nothing. */
static void what_is_dropped_is_not_echoed(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    uint32_t base = peer_now(t);
    inject(t, .flags = ACK, .seq = 20000, .ack = 1, .length = 10, .tsval = base + 100); /* outside the window */
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .tsecr = base);
    inject(t, .flags = RST, .seq = 5, .tsval = base + 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .tsecr = base);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tsval = base + 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 11, .tsecr = base + 1);
    end(t);
}

/* RFC 9293 3.8.6.2.2, RFC 5681 2: a window that the field cannot say is not announced. The peer would take the ACKs for
   duplicates. */
static void no_update_of_what_cannot_be_said(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.window_scaling = false;
    config.receive_buffer_bytes = 262144;
    config.buffer_pieces = 1024;
    struct test *t = begin(&config);
    bring_to(t, LA_ESTABLISHED);
    for (uint32_t at = 1; at < 20000; at += 1000) {
        inject(t, .flags = ACK, .seq = at, .ack = 1, .length = 1000);
        expect(t, .flags = ACK, .seq = 1, .ack = at + 1000);
        check(t, t->last.window >= 60000);
        user_read(t, 1000);
        expect_nothing(t);
    }
    end(t);
}

/* Our own clock: milliseconds, the same in every segment of one moment, never back. */
static void our_clock_ticks_in_milliseconds(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    uint32_t before = t->last.options.tsval;
    advance_ms(t, 1234);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    check(t, t->last.options.tsval - before == 1234);
    end(t);
}

/* RFC 7323 5.4, RFC 6528: another four-tuple has another offset, and another ISN. */
static void each_four_tuple_has_its_own_numbers(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    open_passive(t);
    uint32_t iss = t->iss;
    uint32_t tsval = t->last.options.tsval;
    another_peer(t);
    open_passive(t);
    check(t, t->iss != iss && t->last.options.tsval != tsval);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passive),
        cmocka_unit_test(active),
        cmocka_unit_test(simultaneous),
        cmocka_unit_test(mss_has_bounds),
        cmocka_unit_test(scale_has_a_bound),
        cmocka_unit_test(older_timestamps_are_dropped),
        cmocka_unit_test(resets_are_exempt),
        cmocka_unit_test(segments_without_timestamp_are_dropped),
        cmocka_unit_test(timestamps_nobody_agreed_on_are_ignored),
        cmocka_unit_test(forgets_after_24_days),
        cmocka_unit_test(stays_forgotten),
        cmocka_unit_test(echoes_what_advanced_the_edge),
        cmocka_unit_test(echoes_the_earliest_unacknowledged),
        cmocka_unit_test(what_is_dropped_is_not_echoed),
        cmocka_unit_test(no_update_of_what_cannot_be_said),
        cmocka_unit_test(our_clock_ticks_in_milliseconds),
        cmocka_unit_test(each_four_tuple_has_its_own_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
