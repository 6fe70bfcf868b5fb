#include "support/peer.h"

/* RFC 9293 3.10.7.4, TIME-WAIT; RFC 1337, 5961, 6191, 7323. The host has sent 1 FIN (SND.NXT is 2), the peer too
   (RCV.NXT is 2): the peer's FIN is number 1. */

enum { WAIT_MS = 60000, LIMIT_MS = 100 };

static struct test *waiting(const struct la_config *config)
{
    struct test *t = begin(config);
    bring_to(t, LA_TIME_WAIT);
    user_release(t);
    return t;
}

static struct test *waiting_usual(bool timestamps)
{
    struct la_config config = usual();
    config.timestamps = timestamps;
    return waiting(&config);
}

static uint64_t restarts(const struct test *t)
{
    return counted(t, LA_COUNT_WAIT_RESTARTED);
}

/* The wait ends so many milliseconds from now, not one earlier. Afterwards nothing is left of it. */
static void expect_wait_of(struct test *t, uint32_t ms)
{
    la_time when = 0;
    check(t, la_wait_until(t->host, &t->local, &t->remote, &when) == LA_OK);
    check(t, when == t->now + ms * LA_MILLISECOND);
    advance_ms(t, ms - 1);
    expect_state(t, LA_TIME_WAIT);
    check(t, la_wait_until(t->host, &t->local, &t->remote, &when) == LA_OK && when == t->now + LA_MILLISECOND);
    advance_ms(t, 1);
    expect_nothing(t);
    check(t, la_wait_until(t->host, &t->local, &t->remote, &when) == LA_OK && when == 0);
    expect_state(t, LA_CLOSED);
    check(t, waits_of(t) == 0);
    check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
}

/* ---- how long ---- */

/* RFC 9293 MUST-13 */
static void expires_exactly(void **state)
{
    (void)state;
    struct test *t = waiting_usual(true);
    check(t, counted(t, LA_COUNT_WAIT_ENTERED) == 1);
    expect_wait_of(t, WAIT_MS);
    check(t, counted(t, LA_COUNT_WAIT_EXPIRED) == 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2, .tsval = peer_now(t));
    expect(t, .flags = RST, .seq = 2) /* a listener's: nothing is known of it any more */;
    end(t);
}

/* Begun in the middle of a millisecond: never shorter than it was said to be. */
static void is_never_shorter(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    advance_ns(t, 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    advance_ns(t, WAIT_MS * LA_MILLISECOND - 1);
    expect_state(t, LA_TIME_WAIT);
    advance_ns(t, LA_MILLISECOND);
    expect_state(t, LA_CLOSED);
    end(t);
}

static void zero_msl_switches_it_off(void **state)
{
    (void)state;
    static const enum la_state last[] = {LA_FIN_WAIT_2, LA_CLOSING};
    struct la_config config = usual();
    config.msl_ms = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin(&config);
        bring_to(t, last[i]);
        if (last[i] == LA_FIN_WAIT_2) {
            inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
            expect(t, .flags = ACK, .seq = 2, .ack = 2);
        } else {
            inject(t, .flags = ACK, .seq = 2, .ack = 2);
        }
        expect_state(t, LA_CLOSED);
        expect_outcome(t, LA_END_CLEAN, last[i]);
        check(t, counted(t, LA_COUNT_WAIT_ENTERED) == 0);
        check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
        end(t);
    }
}

/* ---- RST ---- */

/* RFC 1337: neither a reply nor a change, wherever it is. */
static void resets_are_ignored(void **state)
{
    (void)state;
    static const uint32_t seqs[] = {0, 1, 2, 3, 2000, 8192, 8193, 0x80000000};
    struct test *t = waiting_usual(true);
    for (unsigned i = 0; i < sizeof seqs / sizeof seqs[0]; i++) {
        inject(t, .flags = RST, .seq = seqs[i]);
        expect_dropped(t, LA_DROP_WAIT_RST);
        inject(t, .flags = RST | ACK, .seq = seqs[i], .ack = 2);
        expect_dropped(t, LA_DROP_WAIT_RST);
        inject(t, .flags = RST | SYN | FIN | ACK, .seq = seqs[i], .ack = 2, .tsval = peer_now(t) + 1);
        expect_dropped(t, LA_DROP_WAIT_RST);
        expect_nothing(t);
    }
    expect_wait_of(t, WAIT_MS);
    end(t);
}

/* The letter of RFC 9293 3.10.7.4, second, and RFC 5961 3.2, on request. */
static void resets_by_the_letter(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.rfc1337 = false;
    struct test *t = waiting(&config);
    uint32_t edge = t->edge;
    inject(t, .flags = RST, .seq = 1);
    expect_dropped(t, LA_DROP_RST_OUTSIDE);
    inject(t, .flags = RST, .seq = edge);
    expect_dropped(t, LA_DROP_RST_OUTSIDE);
    expect_nothing(t);
    inject(t, .flags = RST, .seq = 3);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_dropped(t, LA_DROP_RST_CHALLENGED);
    advance_ms(t, LIMIT_MS);
    inject(t, .flags = RST, .seq = edge - 1);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    inject(t, .flags = RST, .seq = 2);
    expect_nothing(t);
    expect_state(t, LA_CLOSED);
    check(t, counted(t, LA_COUNT_WAIT_RESET) == 1 && waits_of(t) == 0);
    end(t);
}

/* ---- the FIN again ---- */

/* 3.10.7.4, eighth: acknowledged, and 2 MSL from now; with text before it or without. */
static void fin_restarts(void **state)
{
    (void)state;
    for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
        for (uint32_t text = 0; text <= 30; text += 30) {
            struct la_config config = usual();
            config.timestamps = timestamps == 1;
            config.time_wait_rtos = 0;
            struct test *t = waiting(&config);
            advance_ms(t, WAIT_MS - 1);
            inject(t, .flags = FIN | ACK, .seq = 1 - text, .ack = 2, .length = text);
            expect(t, .flags = ACK, .seq = 2, .ack = 2, .tsecr = timestamps ? peer_now(t) : 0);
            check(t, restarts(t) == 1);
            expect_wait_of(t, WAIT_MS);
            end(t);
        }
    }
}

/* M51: whatever other bits are set. */
static void pushed_fin_restarts(void **state)
{
    (void)state;
    struct test *t = waiting_usual(true);
    advance_ms(t, 1000);
    inject(t, .flags = FIN | PSH | URG | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    check(t, restarts(t) == 1);
    expect_wait_of(t, WAIT_MS);
    end(t);
}

/* One number off either way, or an ACK of the future, or an old timestamp: answered, but no restart. */
static void nearly_the_fin_does_not_restart(void **state)
{
    (void)state;
    static const struct {
        struct seg seg;
        uint32_t older_ms;
        enum la_drop drop;
    } cases[] = {
        {{.flags = FIN | ACK, .seq = 0, .ack = 2}, 0, LA_DROP_WAIT_OLD},
        {{.flags = FIN | ACK, .seq = 2, .ack = 2}, 0, LA_DROP_WAIT_OLD},
        {{.flags = FIN | ACK, .seq = 1, .ack = 2, .length = 1}, 0, LA_DROP_WAIT_OLD},
        {{.flags = FIN | ACK, .seq = 0, .ack = 2, .length = 2}, 0, LA_DROP_WAIT_OLD},
        {{.flags = FIN | ACK, .seq = 1, .ack = 3}, 0, LA_DROP_WAIT_PAWS},
        {{.flags = FIN | ACK, .seq = 1, .ack = 2}, 1, LA_DROP_WAIT_PAWS},
        {{.flags = FIN | ACK, .seq = 1, .ack = 2, .no_ts = true}, 0, LA_DROP_WAIT_PAWS},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test *t = waiting_usual(true);
        uint32_t recent = peer_now(t);
        advance_ms(t, 10000);
        struct seg seg = cases[i].seg;
        seg.tsval = cases[i].older_ms > 0 ? recent - cases[i].older_ms : 0;
        inject_segment(t, &seg);
        expect(t, .flags = ACK, .seq = 2, .ack = 2);
        expect_dropped(t, cases[i].drop);
        check(t, restarts(t) == 0);
        expect_wait_of(t, WAIT_MS - 10000);
        end(t);
    }
}

/* An older ACK is no reason to doubt the FIN: only one beyond SND.NXT is. An equal timestamp passes PAWS. */
static void fin_with_an_old_ack_restarts(void **state)
{
    (void)state;
    struct test *t = waiting_usual(true);
    uint32_t recent = peer_now(t);
    advance_ms(t, 1000);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1, .tsval = recent);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_dropped(t, LA_DROP_NONE);
    check(t, restarts(t) == 1);
    expect_wait_of(t, WAIT_MS);
    end(t);
}

static void restarts_are_capped(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.time_wait_restarts = 3;
    struct test *t = waiting(&config);
    for (unsigned i = 0; i < 5; i++) {
        advance_ms(t, 1000);
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
        expect(t, .flags = ACK, .seq = 2, .ack = 2);
    }
    check(t, restarts(t) == 3 && counted(t, LA_COUNT_WAIT_RESTARTS_CAPPED) == 2);
    expect_wait_of(t, WAIT_MS - 2000);
    end(t);
}

/* One ACK in half the minimum RTO, the first always: the one that began the wait does not count. What is not answered
   restarts all the same. */
static void answers_are_limited(void **state)
{
    (void)state;
    struct test *t = waiting_usual(true);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    advance_ms(t, LIMIT_MS - 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    inject(t, .flags = SYN | ACK, .seq = 0, .ack = 2, .tsval = peer_now(t));
    inject(t, .flags = ACK, .seq = 9, .ack = 2, .length = 4);
    expect_nothing(t);
    check(t, restarts(t) == 2);
    check(t, counted(t, LA_COUNT_WAIT_ANSWERED) == 1 && counted(t, LA_COUNT_WAIT_LIMITED) == 3);
    advance_ms(t, 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    end(t);
}

/* A long wait counts its answers in coarser steps; the limit never lets more through. */
static void answers_are_limited_in_a_long_wait(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.msl_ms = 2000000;
    struct test *t = waiting(&config);
    uint64_t answered = 0;
    for (uint32_t ms = 0; ms < 2000; ms++) {
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
        answered += t->out_count;
        t->out_count = 0;
        advance_ms(t, 1);
    }
    check(t, answered >= 10 && answered <= 20);
    end(t);
}

/* ---- all else ---- */

struct row {
    struct seg seg;
    bool is_answered;
    enum la_drop drop;
};

/* Nothing here restarts, reopens or ends the wait. */
static void check_rows(const struct row *rows, size_t count, bool timestamps)
{
    for (size_t i = 0; i < count; i++) {
        struct test *t = waiting_usual(timestamps);
        advance_ms(t, 1234);
        struct seg seg = rows[i].seg;
        seg.tsval = timestamps && (seg.flags & SYN) != 0 && !seg.no_ts ? peer_now(t) - 1234 - 1 : 0;
        inject_segment(t, &seg);
        if (rows[i].is_answered) {
            expect(t, .flags = ACK, .seq = 2, .ack = 2);
        }
        expect_nothing(t);
        expect_dropped(t, rows[i].drop);
        check(t, restarts(t) == 0);
        expect_wait_of(t, WAIT_MS - 1234);
        end(t);
    }
}

/* Two ends that both wait must not talk to each other for ever. */
static void pure_acks(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.flags = ACK, .seq = 2, .ack = 2}, false, LA_DROP_WAIT_ACK},
        {{.flags = ACK, .seq = 2, .ack = 1}, false, LA_DROP_WAIT_ACK},
        {{.flags = ACK, .seq = 2, .ack = 3}, false, LA_DROP_WAIT_ACK},
        {{.flags = ACK | PSH | URG, .seq = 2, .ack = 2}, false, LA_DROP_WAIT_ACK},
        {{.flags = ACK, .seq = 1, .ack = 2}, true, LA_DROP_WAIT_OLD},
        {{.flags = ACK, .seq = 3, .ack = 2}, true, LA_DROP_WAIT_OLD},
        {{.flags = ACK, .seq = 0x80000000, .ack = 2}, true, LA_DROP_WAIT_OLD},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], true);
    check_rows(rows, sizeof rows / sizeof rows[0], false);
}

static void text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.flags = ACK, .seq = 2, .ack = 2, .length = 1}, true, LA_DROP_WAIT_OLD},
        {{.flags = ACK, .seq = 1, .ack = 2, .length = 1}, true, LA_DROP_WAIT_OLD},
        {{.flags = PSH | ACK, .seq = UINT32_MAX - 8, .ack = 2, .length = 10}, true, LA_DROP_WAIT_OLD},
        {{.flags = ACK, .seq = 9000, .ack = 2, .length = 10}, true, LA_DROP_WAIT_OLD},
        {{.flags = FIN | ACK, .seq = 2, .ack = 2, .length = 10}, true, LA_DROP_WAIT_OLD},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], true);
    check_rows(rows, sizeof rows / sizeof rows[0], false);
}

/* I39: what is damaged changes nothing. */
static void damaged(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.flags = FIN | ACK, .seq = 1, .ack = 2, .corrupt = true}, false, LA_DROP_TCP_CHECKSUM},
        {{.flags = SYN, .seq = 100000, .no_ts = true, .corrupt = true}, false, LA_DROP_TCP_CHECKSUM},
        {{.flags = RST, .seq = 2, .corrupt = true}, false, LA_DROP_TCP_CHECKSUM},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], true);
    check_rows(rows, sizeof rows / sizeof rows[0], false);
}

/* RFC 9293 looks at the number before it looks for the ACK bit. */
static void without_ack_bit(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{.flags = FIN, .seq = 1}, true, LA_DROP_WAIT_NO_ACK},
        {{.flags = FIN, .seq = 2}, false, LA_DROP_WAIT_NO_ACK},
        {{.flags = 0, .seq = 1}, true, LA_DROP_WAIT_NO_ACK},
        {{.flags = 0, .seq = 2}, false, LA_DROP_WAIT_NO_ACK},
        {{.flags = PSH | URG, .seq = 2, .length = 9}, false, LA_DROP_WAIT_NO_ACK},
        {{.flags = 0, .seq = 8192}, false, LA_DROP_WAIT_NO_ACK},
        {{.flags = 0, .seq = 8193}, true, LA_DROP_WAIT_NO_ACK},
    };
    check_rows(rows, sizeof rows / sizeof rows[0], true);
    check_rows(rows, sizeof rows / sizeof rows[0], false);
}

/* Neither a SYN with anything else in it, nor an old one, opens anything: challenged (RFC 5961 4.2). */
static void syns_that_are_not_honoured(void **state)
{
    (void)state;
    static const struct row plain[] = {
        {{.flags = SYN, .seq = 0}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN, .seq = 2}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | ACK, .seq = 0, .ack = 1}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | ACK, .seq = 100000, .ack = 1}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | FIN, .seq = 100000}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | FIN | ACK, .seq = 1, .ack = 2}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN, .seq = 0x80000003}, true, LA_DROP_WAIT_SYN},
    };
    static const struct row stamped[] = {
        {{.flags = SYN, .seq = 100000}, true, LA_DROP_WAIT_SYN}, /* a newer number, but an older timestamp */
        {{.flags = SYN, .seq = 2, .no_ts = true}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | ACK, .seq = 0, .ack = 1}, true, LA_DROP_WAIT_SYN},
        {{.flags = SYN | FIN, .seq = 100000}, true, LA_DROP_WAIT_SYN},
    };
    check_rows(plain, sizeof plain / sizeof plain[0], false);
    check_rows(stamped, sizeof stamped / sizeof stamped[0], true);
}

/* ---- reopening: RFC 6191 2 ---- */

struct reopening {
    bool old_stamped;
    int tsval;    /* of the SYN, from TS.Recent; NO_TS: it has none */
    uint32_t seq; /* from the old incarnation's ISN; RCV.NXT is 2 */
    bool honoured;
};

enum { NO_TS = 1000000 };

static const struct reopening reopenings[] = {
    {true, 1, 100000, true},  {true, 1, 2, true},       {true, 1, 0, true},           {true, 1, 0x90000000, true},
    {true, 0, 3, true},       {true, 0, 2, false},      {true, 0, 1, false},          {true, -1, 100000, false},
    {true, -1, 3, false},     {true, NO_TS, 3, true},   {true, NO_TS, 2, false},      {true, NO_TS, 1, false},
    {false, 1, 3, true},      {false, 1, 2, true},      {false, -1000, 1, true},      {false, NO_TS, 3, true},
    {false, NO_TS, 2, false}, {false, NO_TS, 1, false}, {false, NO_TS, 100000, true},
};

/* The old incarnation with or without timestamps, whatever the host would offer. */
static struct test *waiting_for_reopening(bool stamped)
{
    struct test *t = begin_usual();
    user_listen(t, 4);
    inject(t, .flags = SYN, .mss = 1460, .tsval = stamped ? peer_now(t) : 0);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
    t->conn = (struct la_conn){0};
    expect_dropped(t, LA_DROP_NONE);
    return t;
}

static void check_reopened(struct test *t, uint32_t old_snd_nxt, uint32_t old_tsval, bool stamped)
{
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    check(t, (int32_t)(t->iss - old_snd_nxt) > 65535); /* I18 */
    check(t, t->last.options.has_timestamp == stamped);
    check(t, !stamped || old_tsval == 0 || (int32_t)(t->last.options.tsval - old_tsval) > 0);
    expect_dropped(t, LA_DROP_NONE);
    expect_state(t, LA_SYN_RECEIVED);
    check(t, counted(t, LA_COUNT_WAIT_REOPENED) == 0 && waits_of(t) == 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, counted(t, LA_COUNT_WAIT_REOPENED) == 1 && waits_of(t) == 0);
    user_accept(t);
    finish_cleanly(t);
}

/* RFC 9293 MAY-2, SHLD-4 */
static void reopens(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof reopenings / sizeof reopenings[0]; i++) {
        const struct reopening *r = &reopenings[i];
        struct test *t = waiting_for_reopening(r->old_stamped);
        uint32_t old_snd_nxt = t->iss + 2;
        uint32_t old_tsval = t->last.options.tsval;
        uint32_t recent = peer_now(t);
        t->peer_offered_ts = r->old_stamped && !r->honoured; /* a new incarnation agrees anew */
        struct seg syn = {.flags = SYN, .seq = r->seq, .mss = 1460};
        syn.tsval = r->tsval == NO_TS ? 0 : recent + (uint32_t)r->tsval;
        inject_segment(t, &syn);
        if (r->honoured) {
            t->peer_clock += r->tsval != NO_TS ? (uint32_t)r->tsval : 0;
            check_reopened(t, old_snd_nxt, old_tsval, r->tsval != NO_TS);
        } else {
            expect(t, .flags = ACK, .seq = 2, .ack = 2);
            expect_dropped(t, LA_DROP_WAIT_SYN);
            expect_wait_of(t, WAIT_MS);
        }
        end(t);
    }
}

/* No ACK of the old incarnation passes for one of the new, and no old text: PAWS begins with the SYN's timestamp. */
static void reopened_connection_keeps_the_old_one_out(void **state)
{
    (void)state;
    struct test *t = waiting_for_reopening(true);
    uint32_t old_iss = t->iss;
    uint32_t old_recent = peer_now(t);
    advance_ms(t, 10);
    inject(t, .flags = SYN, .seq = 5000, .mss = 1460, .tsval = peer_now(t));
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tsval = old_recent);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_dropped(t, LA_DROP_PAWS);
    inject(t, .flags = ACK, .seq = 1, .ack = old_iss + 2 - t->iss);
    expect_dropped(t, LA_DROP_ACK_OLD);
    t->out_count = 0;
    check(t, info_of(t).unread_bytes == 0);
    end(t);
}

/* No listener, no room, or not wanted: challenged, and the record is kept. */
static void cannot_reopen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct la_config config = usual();
        config.time_wait_reopen = i != 0;
        config.connections = i == 1 ? 1 : 8;
        struct test *t = begin(&config);
        user_listen(t, 1);
        bring_to(t, LA_TIME_WAIT);
        user_release(t);
        t->conn = (struct la_conn){0};
        struct test saved = *t;
        if (i == 1 || i == 2) { /* all connections are in use, the backlog is full */
            another_peer(t);
            inject_syn(t);
            expect(t, .flags = SYN | ACK, .ack = 1);
        } else if (i == 3) {
            check(t, la_unlisten(t->host, t->now, t->listener) == LA_OK);
        }
        t->remote = saved.remote;
        t->iss = saved.iss;
        t->irs = saved.irs;
        t->state = LA_TIME_WAIT;
        t->peer_offered_ts = t->host_offered_ts = true;
        t->acknowledged = 0;
        t->edge = 0;
        inject(t, .flags = SYN, .seq = 100000, .mss = 1460, .tsval = peer_now(t) + 1);
        expect(t, .flags = ACK, .seq = 2, .ack = 2);
        expect_dropped(t, LA_DROP_WAIT_SYN);
        expect_state(t, LA_TIME_WAIT);
        inject(t, .flags = RST, .seq = 2); /* what such an ACK provokes */
        check(t, waits_of(t) == 1);
        end(t);
    }
}

/* Without reuse our own open is not allowed yet; when, is said. */
static void active_open_has_to_wait(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.time_wait_reuse = false;
    struct test *t = waiting(&config);
    struct la_conn conn;
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &conn) == LA_ERROR_WAITS);
    expect_wait_of(t, WAIT_MS);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    end(t);
}

/* ---- the application ---- */

static void unread_text_outlives_the_connection(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    inject(t, .flags = ACK, .seq = 1, .ack = 2, .length = 1000);
    expect(t, .flags = ACK, .seq = 2, .ack = 1001);
    inject(t, .flags = FIN | ACK, .seq = 1001, .ack = 2, .length = 200);
    expect(t, .flags = ACK, .seq = 2, .ack = 1202);
    expect_state(t, LA_TIME_WAIT);
    advance_ms(t, 30000);
    check(t, info_of(t).unread_bytes == 1200);
    user_read(t, 1200);
    user_read(t, 0);
    advance_ms(t, 30000);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    user_release(t);
    check(t, counters_of(t).buffer_pieces == 0);
    end(t);
}

/* Close, abort and release concern the handle only; unread text resets nothing (a declared deviation from 3.10.5). */
static void calls_leave_the_record(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct test *t = test_in(LA_FIN_WAIT_2);
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2, .length = 10);
        expect(t, .flags = ACK, .seq = 2, .ack = 12);
        if (i == 0) {
            user_close(t);
        } else if (i == 1) {
            user_abort(t);
        } else if (i == 2) {
            user_close_lingering(t);
        }
        expect_nothing(t);
        expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
        user_release(t);
        check(t, counters_of(t).connections == 0 && counters_of(t).buffer_pieces == 0);
        inject(t, .flags = FIN | ACK, .seq = 11, .ack = 2);
        expect(t, .flags = ACK, .seq = 2, .ack = 12);
        expect_wait_of(t, WAIT_MS);
        end(t);
    }
}

/* M43: nothing of the connection goes on. */
static void no_timer_goes_on(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.keepalive = true;
    config.keepalive_idle_ms = 1000;
    config.user_timeout_ms = 5000;
    struct test *t = begin(&config);
    bring_to(t, LA_TIME_WAIT);
    advance_ms(t, WAIT_MS - 1);
    expect_nothing(t);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    end(t);
}

/* ---- the table ---- */

static void fill(struct test *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        open_passive(t);
        user_close(t);
        expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
        expect(t, .flags = ACK, .seq = 2, .ack = 2);
        user_release(t);
        advance_ms(t, 10);
        another_peer(t);
    }
}

/* Full: the oldest goes, and is counted. */
static void full_table_evicts_the_oldest(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    fill(t, 8);
    check(t, waits_of(t) == 8 && counted(t, LA_COUNT_WAIT_EVICTED) == 0);
    fill(t, 3);
    check(t, waits_of(t) == 8 && counted(t, LA_COUNT_WAIT_EVICTED) == 3);
    for (uint16_t i = 0; i < 11; i++) {
        struct la_endpoint remote = t->remote;
        la_time when = 0;
        remote.port = (uint16_t)(40000 + i);
        check(t, la_wait_until(t->host, &t->local, &remote, &when) == LA_OK);
        check(t, (when != 0) == (i >= 3));
    }
    end(t);
}

/* Thousands of records: each is found, each expires, a bounded number at a time; the deadline says that there is more.
   */
static void thousands(void **state)
{
    (void)state;
    enum { RECORDS = 3000 };
    struct la_config config = usual();
    family_set_waits(&config, RECORDS);
    config.trace_mask = LA_TRACE_BIT(LA_TRACE_STATE);
    struct test *t = begin(&config);
    user_listen(t, 4);
    fill(t, RECORDS);
    check(t, waits_of(t) == RECORDS && counted(t, LA_COUNT_WAIT_EVICTED) == 0);
    for (uint16_t i = 0; i < RECORDS; i++) {
        struct la_endpoint remote = t->remote;
        la_time when = 0;
        remote.port = (uint16_t)(40000 + i);
        check(t, la_wait_until(t->host, &t->local, &remote, &when) == LA_OK);
        check(t, when == t->start + (WAIT_MS + i * 10ULL) * LA_MILLISECOND);
    }
    t->now = t->start + (WAIT_MS + RECORDS * 10ULL) * LA_MILLISECOND;
    la_host_advance(t->host, t->now);
    uint32_t left = waits_of(t);
    check(t, left > 0 && left < RECORDS && la_host_deadline(t->host) <= t->now);
    advance_ms(t, 1);
    check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_EXPIRED) == RECORDS);
    check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expires_exactly),
        cmocka_unit_test(is_never_shorter),
        cmocka_unit_test(zero_msl_switches_it_off),
        cmocka_unit_test(resets_are_ignored),
        cmocka_unit_test(resets_by_the_letter),
        cmocka_unit_test(fin_restarts),
        cmocka_unit_test(pushed_fin_restarts),
        cmocka_unit_test(nearly_the_fin_does_not_restart),
        cmocka_unit_test(fin_with_an_old_ack_restarts),
        cmocka_unit_test(restarts_are_capped),
        cmocka_unit_test(answers_are_limited),
        cmocka_unit_test(answers_are_limited_in_a_long_wait),
        cmocka_unit_test(pure_acks),
        cmocka_unit_test(text),
        cmocka_unit_test(damaged),
        cmocka_unit_test(without_ack_bit),
        cmocka_unit_test(syns_that_are_not_honoured),
        cmocka_unit_test(reopens),
        cmocka_unit_test(reopened_connection_keeps_the_old_one_out),
        cmocka_unit_test(cannot_reopen),
        cmocka_unit_test(active_open_has_to_wait),
        cmocka_unit_test(unread_text_outlives_the_connection),
        cmocka_unit_test(calls_leave_the_record),
        cmocka_unit_test(no_timer_goes_on),
        cmocka_unit_test(full_table_evicts_the_oldest),
        cmocka_unit_test(thousands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
