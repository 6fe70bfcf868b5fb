#include <stdio.h>

#include "support/peer.h"

/* Every kind of segment in every state from SYN-RECEIVED on: RFC 9293 3.10.7.4, RFC 5961. What is answered, what is
   dropped and why, which state follows; and then the connection still lives, and ends cleanly. */

enum from { NEXT, EDGE }; /* RCV.NXT; the right edge of the window */
enum acks { UNA, SENT };  /* SND.UNA; SND.NXT, our FIN included */
enum reply { SILENCE, AN_ACK };

/* What happens, beside the text that is taken. */
enum effect {
    NONE_AT_ALL,
    ENDS,   /* reset by the peer */
    CLOSES, /* the peer's FIN is received */
    SPOILS  /* something was noted that a clean end would contradict */
};

struct answer {
    enum la_drop drop;
    enum reply reply;
    uint32_t taken; /* octets by which RCV.NXT moves, the FIN counted */
    enum effect effect;
};

struct kind {
    const char *name;
    uint8_t flags;
    enum from from;
    uint32_t seq;
    uint32_t length;
    enum acks acks;
    uint32_t ack;
    struct answer open; /* the peer has not closed: ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 */
    struct answer shut; /* it has: CLOSE-WAIT, CLOSING, LAST-ACK */
};

#define MINUS(n) (UINT32_MAX - (n) + 1)
#define SAME(...)   \
    {__VA_ARGS__},  \
    {               \
        __VA_ARGS__ \
    }
#define TAKEN(n)                             \
    {                                        \
        LA_DROP_NONE, AN_ACK, n, NONE_AT_ALL \
    }
#define BEYOND_FIN                                \
    {                                             \
        LA_DROP_AFTER_FIN, AN_ACK, 0, NONE_AT_ALL \
    }

/* The largest window that the peer ever offered: RFC 5961 5.2's MAX.SND.WND. */
#define MAX_SND_WND 65535

static const struct kind kinds[] = {
    /* ---- ACKs ---- */
    {"ACK of what is acknowledged", ACK, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK of one less", ACK, NEXT, 0, 0, UNA, MINUS(1), SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK of the oldest that may come", ACK, NEXT, 0, 0, UNA, MINUS(MAX_SND_WND),
     SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK older than that", ACK, NEXT, 0, 0, UNA, MINUS(MAX_SND_WND + 1),
     SAME(LA_DROP_ACK_OLD, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK of everything", ACK, NEXT, 0, 0, SENT, 0, SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK of one more than was sent", ACK, NEXT, 0, 0, SENT, 1, SAME(LA_DROP_ACK_FUTURE, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK of far more", ACK, NEXT, 0, 0, SENT, 0x7fffffff, SAME(LA_DROP_ACK_FUTURE, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK left of the window", ACK, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK at the window's last octet", ACK, EDGE, MINUS(1), 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK at the right edge", ACK, EDGE, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, NONE_AT_ALL)},
    {"ACK right of the window", ACK, EDGE, 1, 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK far right", ACK, EDGE, 0x40000000, 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"ACK far left", ACK, NEXT, 0x80000001, 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    /* ---- text ---- */
    {"text left of the window", ACK, NEXT, MINUS(10), 10, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"text across the left edge", ACK, NEXT, MINUS(10), 20, UNA, 0, TAKEN(10), BEYOND_FIN},
    {"text in order", ACK, NEXT, 0, 20, UNA, 0, TAKEN(20), BEYOND_FIN},
    {"pushed, urgent text in order", PSH | URG | ACK, NEXT, 0, 20, UNA, 0, TAKEN(20), BEYOND_FIN},
    {"text that acknowledges everything",
     PSH | ACK,
     NEXT,
     0,
     20,
     SENT,
     0,
     TAKEN(20),
     {LA_DROP_NONE, SILENCE, 0, SPOILS}},
    {"text with an old ACK", ACK, NEXT, 0, 20, UNA, MINUS(1), TAKEN(20), BEYOND_FIN},
    {"text with too old an ACK", ACK, NEXT, 0, 20, UNA, MINUS(MAX_SND_WND + 1),
     SAME(LA_DROP_ACK_OLD, AN_ACK, 0, NONE_AT_ALL)},
    {"text with an ACK of the future", ACK, NEXT, 0, 20, SENT, 1, SAME(LA_DROP_ACK_FUTURE, AN_ACK, 0, NONE_AT_ALL)},
    {"text out of order", ACK, NEXT, 10, 10, UNA, 0, TAKEN(0), BEYOND_FIN},
    {"text up to the right edge", ACK, EDGE, MINUS(10), 10, UNA, 0, {LA_DROP_NONE, AN_ACK, 0, SPOILS}, BEYOND_FIN},
    {"text across the right edge", ACK, EDGE, MINUS(10), 20, UNA, 0, {LA_DROP_NONE, AN_ACK, 0, SPOILS}, BEYOND_FIN},
    {"text right of the window", ACK, EDGE, 0, 10, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    /* ---- FIN ---- */
    {"FIN without ACK", FIN, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NO_ACK, SILENCE, 0, NONE_AT_ALL)},
    {"FIN in order", FIN | ACK, NEXT, 0, 0, UNA, 0, {LA_DROP_NONE, AN_ACK, 1, CLOSES}, BEYOND_FIN},
    {"pushed FIN", FIN | PSH | ACK, NEXT, 0, 0, UNA, 0, {LA_DROP_NONE, AN_ACK, 1, CLOSES}, BEYOND_FIN},
    {"FIN with text", FIN | ACK, NEXT, 0, 10, UNA, 0, {LA_DROP_NONE, AN_ACK, 11, CLOSES}, BEYOND_FIN},
    {"FIN with text across the left edge",
     FIN | ACK,
     NEXT,
     MINUS(10),
     15,
     UNA,
     0,
     {LA_DROP_NONE, AN_ACK, 6, CLOSES},
     BEYOND_FIN},
    {"FIN that acknowledges everything",
     FIN | ACK,
     NEXT,
     0,
     0,
     SENT,
     0,
     {LA_DROP_NONE, AN_ACK, 1, CLOSES},
     {LA_DROP_NONE, SILENCE, 0, SPOILS}},
    {"FIN before its text", FIN | ACK, NEXT, 10, 0, UNA, 0, {LA_DROP_NONE, AN_ACK, 0, SPOILS}, BEYOND_FIN},
    {"FIN again", FIN | ACK, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"FIN just right of the window",
     FIN | ACK,
     EDGE,
     MINUS(10),
     10,
     UNA,
     0,
     {LA_DROP_NONE, AN_ACK, 0, SPOILS},
     BEYOND_FIN},
    {"FIN right of the window", FIN | ACK, EDGE, 0, 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"FIN with an ACK of the future", FIN | ACK, NEXT, 0, 0, SENT, 1, SAME(LA_DROP_ACK_FUTURE, AN_ACK, 0, NONE_AT_ALL)},
    /* ---- SYN ---- */
    {"SYN again", SYN, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN at RCV.NXT", SYN, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN inside the window", SYN, NEXT, 100, 0, UNA, 0, SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN right of the window", SYN, EDGE, 0, 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN-ACK again", SYN | ACK, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN-ACK inside the window", SYN | ACK, NEXT, 1, 0, UNA, 0, SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN-FIN inside the window", SYN | FIN, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"SYN-FIN-ACK with text", SYN | FIN | ACK, NEXT, 0, 9, UNA, 0,
     SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    /* ---- RST: RFC 5961 3.2 ---- */
    {"RST at RCV.NXT", RST, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"RST-ACK at RCV.NXT", RST | ACK, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"RST-ACK at RCV.NXT, of the future", RST | ACK, NEXT, 0, 0, SENT, 5, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"RST with text at RCV.NXT", RST, NEXT, 0, 5, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"RST-SYN at RCV.NXT", RST | SYN, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"RST one further", RST, NEXT, 1, 0, UNA, 0, SAME(LA_DROP_RST_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"RST-ACK one further", RST | ACK, NEXT, 1, 0, UNA, 0, SAME(LA_DROP_RST_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"RST at the window's last octet", RST, EDGE, MINUS(1), 0, UNA, 0,
     SAME(LA_DROP_RST_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"RST at the right edge", RST, EDGE, 0, 0, UNA, 0, SAME(LA_DROP_RST_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"RST right of the window", RST, EDGE, 1, 0, UNA, 0, SAME(LA_DROP_RST_OUTSIDE, SILENCE, 0, NONE_AT_ALL)},
    {"RST left of the window", RST, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_RST_OUTSIDE, SILENCE, 0, NONE_AT_ALL)},
    {"RST far off", RST | ACK, NEXT, 0x80000000, 0, UNA, 0, SAME(LA_DROP_RST_OUTSIDE, SILENCE, 0, NONE_AT_ALL)},
    /* ---- strange flags ---- */
    {"no flags", 0, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NO_ACK, SILENCE, 0, NONE_AT_ALL)},
    {"no flags, with text", 0, NEXT, 0, 10, UNA, 0, SAME(LA_DROP_NO_ACK, SILENCE, 0, NONE_AT_ALL)},
    {"no flags, left of the window", 0, NEXT, MINUS(1), 0, UNA, 0, SAME(LA_DROP_SEQUENCE, AN_ACK, 0, NONE_AT_ALL)},
    {"pushed and urgent, without ACK", PSH | URG, NEXT, 0, 10, UNA, 0, SAME(LA_DROP_NO_ACK, SILENCE, 0, NONE_AT_ALL)},
    {"all flags", 0x3f, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_NONE, SILENCE, 0, ENDS)},
    {"all flags, one further", 0x3f, NEXT, 1, 0, UNA, 0, SAME(LA_DROP_RST_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
    {"all flags but RST", 0x3b, NEXT, 0, 0, UNA, 0, SAME(LA_DROP_SYN_CHALLENGED, AN_ACK, 0, NONE_AT_ALL)},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static uint32_t una_in(enum la_state state)
{
    bool fin_is_in_flight = state == LA_FIN_WAIT_1 || state == LA_CLOSING || state == LA_LAST_ACK;
    return state == LA_SYN_RECEIVED ? 0 : host_next(state) - (fin_is_in_flight ? 1 : 0);
}

static uint32_t ack_of(const struct kind *kind, enum la_state state)
{
    return (kind->acks == UNA ? una_in(state) : host_next(state)) + kind->ack;
}

static void inject_kind(struct test *t, const struct kind *kind, enum la_state state)
{
    struct seg seg = {.flags = kind->flags, .length = kind->length, .ack = ack_of(kind, state)};
    seg.seq = (kind->from == NEXT ? peer_next(state) : t->edge) + kind->seq;
    bool offers = (kind->flags & SYN) != 0 && t->config.timestamps;
    seg.tsval = offers ? peer_now(t) : 0;
    inject_segment(t, &seg);
}

static bool acknowledges_fin(const struct kind *kind, const struct answer *answer)
{
    return answer->drop == LA_DROP_NONE && answer->effect != ENDS && kind->acks == SENT && kind->ack == 0;
}

static enum la_state after_ack_of_fin(enum la_state state)
{
    switch (state) {
    case LA_FIN_WAIT_1: return LA_FIN_WAIT_2;
    case LA_CLOSING: return LA_TIME_WAIT;
    case LA_LAST_ACK: return LA_CLOSED;
    default: return state;
    }
}

static enum la_state after_fin(enum la_state state)
{
    switch (state) {
    case LA_ESTABLISHED: return LA_CLOSE_WAIT;
    case LA_FIN_WAIT_1: return LA_CLOSING;
    case LA_FIN_WAIT_2: return LA_TIME_WAIT;
    default: return state;
    }
}

static enum la_state state_after(enum la_state state, const struct kind *kind, const struct answer *answer)
{
    if (answer->effect == ENDS) {
        return LA_CLOSED;
    }
    enum la_state next = acknowledges_fin(kind, answer) ? after_ack_of_fin(state) : state;
    return answer->effect == CLOSES ? after_fin(next) : next;
}

static void check_answer(struct test *t, const struct kind *kind, enum la_state state, const struct answer *answer)
{
    if (answer->reply == AN_ACK) {
        expect(t, .flags = ACK, .seq = host_next(state), .ack = peer_next(state) + answer->taken);
    }
    expect_nothing(t);
    expect_dropped(t, answer->drop);
    expect_state(t, state_after(state, kind, answer));
    if (answer->effect == ENDS) {
        expect_outcome(t, LA_END_RESET_BY_PEER, state);
    } else if (answer->effect != SPOILS && t->state != LA_TIME_WAIT && t->state != LA_CLOSED) {
        finish_cleanly(t);
    }
}

static bool is_shut(enum la_state state)
{
    return state == LA_CLOSE_WAIT || state == LA_CLOSING || state == LA_LAST_ACK;
}

/* CLOSE-WAIT: nothing of ours is in flight; to acknowledge everything is to acknowledge nothing new. */
static struct answer answer_in(const struct kind *kind, enum la_state state)
{
    static const struct answer beyond_fin = BEYOND_FIN;
    bool goes_on = state == LA_CLOSE_WAIT && kind->shut.effect == SPOILS;
    return goes_on ? beyond_fin : is_shut(state) ? kind->shut : kind->open;
}

static void announce(const char *name, enum la_state state, const struct origin *origin, bool timestamps)
{
    static char last[200];
    snprintf(last, sizeof last, "%s in %s, numbers: %s, %s timestamps", name, la_state_name(state), origin->name,
             timestamps ? "with" : "without");
    test_case = last;
}

static void every_kind_in(enum la_state state)
{
    for (unsigned o = 0; o < ORIGIN_COUNT; o++) {
        for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
            struct la_config config = usual();
            config.timestamps = timestamps == 1;
            for (unsigned i = 0; i < KIND_COUNT; i++) {
                announce(kinds[i].name, state, &origins[o], config.timestamps);
                struct test *t = begin_at(&config, &origins[o]);
                bring_to(t, state);
                const struct answer answer = answer_in(&kinds[i], state);
                inject_kind(t, &kinds[i], state);
                check_answer(t, &kinds[i], state, &answer);
                end(t);
            }
        }
    }
    test_case = NULL;
}

/* With RFC 5961's own: RFC 9293 MAY-12. */
static void established(void **state)
{
    (void)state;
    every_kind_in(LA_ESTABLISHED);
}

static void fin_wait_1(void **state)
{
    (void)state;
    every_kind_in(LA_FIN_WAIT_1);
}

static void fin_wait_2(void **state)
{
    (void)state;
    every_kind_in(LA_FIN_WAIT_2);
}

static void close_wait(void **state)
{
    (void)state;
    every_kind_in(LA_CLOSE_WAIT);
}

static void closing(void **state)
{
    (void)state;
    every_kind_in(LA_CLOSING);
}

static void last_ack(void **state)
{
    (void)state;
    every_kind_in(LA_LAST_ACK);
}

/* ---- SYN-RECEIVED ---- */

/* SND.UNA is our ISN, SND.NXT one more. What passes the first four steps must acknowledge our SYN, or is answered with
   <SEQ=SEG.ACK><CTL=RST>; a passive open that is reset, or gets a SYN inside the window, is a listener again. */
static void check_answer_in_syn_received(struct test *t, const struct kind *kind)
{
    const struct answer *open = &kind->open;
    bool is_syn_again = kind->flags == SYN && kind->seq == MINUS(1);
    bool is_before_ack = open->drop == LA_DROP_SEQUENCE || open->drop == LA_DROP_RST_OUTSIDE ||
                         open->drop == LA_DROP_RST_CHALLENGED || open->drop == LA_DROP_NO_ACK;
    if (is_syn_again) {
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        expect_dropped(t, LA_DROP_SEQUENCE);
    } else if (open->effect == ENDS || open->drop == LA_DROP_SYN_CHALLENGED) {
        expect_state(t, LA_LISTEN);
        expect_dropped(t, open->drop);
        check(t, counters_of(t).connections == 0);
    } else if (is_before_ack) {
        if (open->reply == AN_ACK) {
            expect(t, .flags = ACK, .seq = 1, .ack = 1);
        }
        expect_dropped(t, open->drop);
        expect_state(t, LA_SYN_RECEIVED);
    } else if (kind->acks == SENT && kind->ack == 0) {
        if (open->reply == AN_ACK) {
            expect(t, .flags = ACK, .seq = 1, .ack = 1 + open->taken);
        }
        expect_dropped(t, LA_DROP_NONE);
        expect_state(t, open->effect == CLOSES ? LA_CLOSE_WAIT : LA_ESTABLISHED);
    } else {
        expect(t, .flags = RST, .seq = ack_of(kind, LA_SYN_RECEIVED));
        expect_dropped(t, LA_DROP_ACK_HANDSHAKE);
        expect_state(t, LA_SYN_RECEIVED);
    }
    expect_nothing(t);
}

static void syn_received(void **state)
{
    (void)state;
    for (unsigned o = 0; o < ORIGIN_COUNT; o++) {
        for (unsigned i = 0; i < KIND_COUNT; i++) {
            const struct la_config config = usual();
            announce(kinds[i].name, LA_SYN_RECEIVED, &origins[o], true);
            struct test *t = begin_at(&config, &origins[o]);
            bring_to(t, LA_SYN_RECEIVED);
            inject_kind(t, &kinds[i], LA_SYN_RECEIVED);
            check_answer_in_syn_received(t, &kinds[i]);
            if (t->state == LA_SYN_RECEIVED) {
                inject(t, .flags = ACK, .seq = 1, .ack = 1);
                user_accept(t);
                finish_cleanly(t);
            }
            end(t);
        }
    }
    test_case = NULL;
}

/* ---- more than one segment ---- */

/* I41: the same life, wherever the numbers are, leaves the same trace. */
static void numbers_do_not_matter(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    char *first = NULL;
    test_case = NULL;
    for (unsigned o = 0; o < ORIGIN_COUNT; o++) {
        struct test *t = begin_at(&config, &origins[o]);
        bring_to(t, LA_ESTABLISHED);
        inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10);
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        inject(t, .flags = FIN | ACK, .seq = 21, .ack = 1);
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
        expect(t, .flags = ACK, .seq = 1, .ack = 22);
        user_send(t, 2920);
        let_pass_ms(t, 1500);
        inject(t, .flags = ACK, .seq = 22, .ack = 2921);
        user_close_lingering(t);
        let_pass_ms(t, 1500);
        inject(t, .flags = ACK, .seq = 22, .ack = 2922);
        expect_state(t, LA_CLOSED);
        if (first == NULL) {
            first = strdup(t->history);
            assert_non_null(first);
        }
        assert_string_equal(t->history, first);
        end(t);
    }
    free(first);
}

/* RFC 5961 7: one challenge ACK in 500 ms for each connection, never fewer for another's sake; and what is not a
   challenge is never held back (M29). */
static void challenges_are_limited(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = RST, .seq = 2);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    advance_ms(t, 499);
    inject(t, .flags = RST, .seq = 2);
    inject(t, .flags = SYN, .seq = 2, .tsval = peer_now(t));
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    inject(t, .flags = ACK, .seq = 0, .ack = 1);
    expect_nothing(t);
    check(t, counted(t, LA_COUNT_TCP_CHALLENGE_ACKS) == 1);
    check(t, counted(t, LA_COUNT_TCP_CHALLENGES_LIMITED) == 4);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5);
    expect(t, .flags = ACK, .seq = 1, .ack = 6);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 5);
    expect(t, .flags = ACK, .seq = 1, .ack = 6); /* text that came again is answered each time */
    another_peer(t);
    open_passive(t);
    inject(t, .flags = RST, .seq = 2);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    advance_ms(t, 500);
    inject(t, .flags = RST, .seq = 2);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    end(t);
}

/* 3.10.7.4, first, MUST-66: "special allowance should be made to accept valid ACKs, URGs, and RSTs". I23: one answer
   each. */
static void shut_window(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    for (uint32_t at = 1; at < 8193; at += 1024) {
        inject(t, .flags = ACK, .seq = at, .ack = 1, .length = 1024);
        expect(t, .flags = ACK, .seq = 1, .ack = at + 1024);
    }
    check(t, info_of(t).rcv_wnd == 0);
    user_send(t, 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 8193, .length = 10);
    expect_dropped(t, LA_DROP_NONE);
    inject(t, .flags = ACK, .seq = 8193, .ack = 11, .length = 1); /* a window probe, and a valid ACK */
    expect(t, .flags = ACK, .seq = 11, .ack = 8193);
    expect_dropped(t, LA_DROP_SEQUENCE);
    check(t, info_of(t).unacked_bytes == 0);
    inject(t, .flags = FIN | ACK, .seq = 8193, .ack = 11);
    expect(t, .flags = ACK, .seq = 11, .ack = 8193);
    expect_state(t, LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 8193, .ack = 12, .length = 1); /* invalid */
    expect(t, .flags = ACK, .seq = 11, .ack = 8193);
    expect_nothing(t);
    inject(t, .flags = RST, .seq = 8194);
    inject(t, .flags = RST, .seq = 8192);
    expect_nothing(t);
    inject(t, .flags = RST, .seq = 8193);
    expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_received),
        cmocka_unit_test(established),
        cmocka_unit_test(fin_wait_1),
        cmocka_unit_test(fin_wait_2),
        cmocka_unit_test(close_wait),
        cmocka_unit_test(closing),
        cmocka_unit_test(last_ack),
        cmocka_unit_test(numbers_do_not_matter),
        cmocka_unit_test(challenges_are_limited),
        cmocka_unit_test(shut_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
