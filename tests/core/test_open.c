#include "support/peer.h"

/* RFC 9293 3.5, 3.10.1, 3.10.7.2, 3.10.7.3: how connections begin. */

/* ---- the three-way handshake ---- */

/* RFC 9293 figure 6. */
static void passive_open(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_ERROR_WOULD_BLOCK);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .scale = SCALE(0));
    expect_state(t, LA_SYN_RECEIVED);
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_ERROR_WOULD_BLOCK);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_nothing(t);
    expect_state(t, LA_ESTABLISHED);
    struct la_event event;
    check(t, la_host_event(t->host, &event));
    check(t, event.flags == LA_READY_ACCEPTABLE && event.listener.slot == t->listener.slot);
    check(t, !la_host_event(t->host, &event));
    user_accept(t);
    finish_cleanly(t);
    end(t);
}

/* RFC 9293 3.10.7.2, first: an RST that reaches a listener is ignored, whatever else it says. */
static void rst_in_listen(void **state)
{
    (void)state;
    static const uint8_t flags[] = {RST, RST | ACK, RST | SYN, RST | SYN | ACK, RST | FIN, RST | SYN | FIN};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct test *t = begin_usual();
        user_listen(t, 4);
        inject(t, .flags = flags[i], .seq = 0, .ack = 1);
        expect_nothing(t);
        check(t, counters_of(t).connections == 0);
        end(t);
    }
}

static void active_open(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460, .scale = SCALE(0));
    expect_state(t, LA_SYN_SENT);
    expect_events(t, 0);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t), .scale = SCALE(7));
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .tsecr = peer_now(t));
    expect_state(t, LA_ESTABLISHED);
    expect_events(t, LA_READY_ESTABLISHED | LA_READY_WRITABLE);
    expect_events(t, 0);
    finish_cleanly(t);
    end(t);
}

/* Data given in SYN-SENT leaves once there is a connection (3.10.2). */
static void text_waits_for_the_handshake(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    user_send(t, 100);
    expect_nothing(t);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    expect_nothing(t);
    end(t);
}

/* Figure 7: the peer answers our SYN-ACK's twin with its own. */
/* MUST-10 */
static void simultaneous_open_syn_ack(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect_state(t, LA_SYN_RECEIVED);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t), .scale = SCALE(0));
    expect_nothing(t);
    expect_state(t, LA_ESTABLISHED);
    expect_events(t, LA_READY_ESTABLISHED | LA_READY_WRITABLE);
    finish_cleanly(t);
    end(t);
}

/* The same with a peer that answers with a plain ACK. */
/* MUST-10 */
static void simultaneous_open_plain_ack(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_nothing(t);
    expect_state(t, LA_ESTABLISHED);
    finish_cleanly(t);
    end(t);
}

/* The peer's SYN-ACK is lost; what comes next from it is text. */
static void simultaneous_open_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    expect_state(t, LA_ESTABLISHED);
    user_read(t, 10);
    end(t);
}

/* Our SYN-ACK is lost: by the timer, or when the peer's SYN comes again. */
static void simultaneous_open_with_loss(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    advance_ms(t, 1000);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    advance_ms(t, 10);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect_nothing(t);
    expect_dropped(t, LA_DROP_SEQUENCE);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t), .scale = SCALE(0));
    expect_state(t, LA_ESTABLISHED);
    finish_cleanly(t);
    end(t);
}

/* RFC 9293 MUST-11: opened actively, so that there is no LISTEN to go back to. */
static void simultaneous_open_reset(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = RST, .seq = 1);
    expect_nothing(t);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_REFUSED, LA_SYN_RECEIVED);
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    end(t);
}

/* ---- loss ---- */

/* RFC 6298 5: 1 s, doubled; RFC 5681 3.1: then an initial window of one segment. */
static void syn_is_lost(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    for (uint32_t wait_ms = 1000; wait_ms <= 8000; wait_ms *= 2) {
        advance_ms(t, wait_ms - 1);
        expect_nothing(t);
        advance_ms(t, 1);
        expect(t, .flags = SYN, .mss = 1460);
    }
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).snd_cwnd_bytes == info_of(t).snd_mss);
    finish_cleanly(t);
    end(t);
}

/* MUST-23: a SYN is repeated for at least three minutes. */
static void syn_is_given_up(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    check(t, let_pass_ms(t, 179999) == 7);
    expect_state(t, LA_SYN_SENT);
    expect_events(t, LA_READY_ERROR); /* R1 */
    let_pass_ms(t, 60000);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_TIMED_OUT, LA_SYN_SENT);
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
    end(t);
}

static void syn_ack_is_lost(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_RECEIVED);
    advance_ms(t, 1000);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .scale = SCALE(0));
    advance_ms(t, 2000);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    user_accept(t);
    finish_cleanly(t);
    end(t);
}

/* M17: a handshake that is given up gives its place in the backlog back. */
static void syn_received_is_given_up(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 1);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    let_pass_ms(t, 240000);
    expect_state(t, LA_CLOSED);
    check(t, counters_of(t).connections == 0);
    check(t, counted(t, LA_COUNT_TCP_ATTEMPT_FAILS) == 1);
    open_passive(t);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* Our SYN-ACK was lost: the SYN again is answered with it at once. */
static void syn_again(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_RECEIVED);
    advance_ms(t, 300);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect_nothing(t);
    expect_state(t, LA_SYN_RECEIVED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* The SYN once more when the connection is there already: RFC 5961 4.2 by way of the first step. */
static void syn_after_the_handshake(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject_syn(t);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_dropped(t, LA_DROP_SEQUENCE);
    finish_cleanly(t);
    end(t);
}

/* ---- what is wrong with a handshake's segment ---- */

/* 3.10.7.3, first: <SEQ=SEG.ACK><CTL=RST>, and the connection goes on. */
static void wrong_ack_in_syn_sent(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 2, UINT32_MAX, 0x80000000U};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct test *t = test_in(LA_SYN_SENT);
        inject(t, .flags = ACK, .seq = 77, .ack = wrong[i], .length = 3);
        expect(t, .flags = RST, .seq = wrong[i]);
        expect_dropped(t, LA_DROP_SYN_SENT_ACK);
        inject(t, .flags = SYN | ACK, .ack = wrong[i], .mss = 1460);
        expect(t, .flags = RST, .seq = wrong[i]);
        expect_dropped(t, LA_DROP_SYN_SENT_ACK);
        inject(t, .flags = RST | ACK, .ack = wrong[i]);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_SYN_SENT);
        expect_state(t, LA_SYN_SENT);
        inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        end(t);
    }
}

/* 3.10.7.4, fifth, SYN-RECEIVED. M11: exactly SEG.ACK. */
static void wrong_ack_in_syn_received(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 2, UINT32_MAX, 0x80000000U};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct test *t = test_in(LA_SYN_RECEIVED);
        inject(t, .flags = ACK, .seq = 1, .ack = wrong[i], .length = 5);
        expect(t, .flags = RST, .seq = wrong[i]);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_ACK_HANDSHAKE);
        expect_state(t, LA_SYN_RECEIVED);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        user_accept(t);
        finish_cleanly(t);
        end(t);
    }
}

/* What is neither SYN nor RST, though it acknowledges our SYN (fifth). M33: no FIN is taken. */
static void neither_syn_nor_rst_in_syn_sent(void **state)
{
    (void)state;
    static const uint8_t flags[] = {ACK, FIN | ACK, FIN, 0, PSH | ACK, URG | ACK};
    for (unsigned i = 0; i < sizeof flags; i++) {
        struct test *t = test_in(LA_SYN_SENT);
        inject(t, .flags = flags[i], .seq = 1, .ack = 1, .length = i);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_SYN_SENT);
        expect_state(t, LA_SYN_SENT);
        inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        finish_cleanly(t);
        end(t);
    }
}

/* 3.10.7.3, second: only a RST that acknowledges our SYN counts. */
static void rst_in_syn_sent(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject(t, .flags = RST, .seq = 0);
    expect_dropped(t, LA_DROP_SYN_SENT);
    inject(t, .flags = RST | SYN, .seq = 0);
    expect_dropped(t, LA_DROP_SYN_SENT);
    expect_state(t, LA_SYN_SENT);
    inject(t, .flags = RST | ACK, .seq = 12345, .ack = 1);
    expect_nothing(t);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_REFUSED, LA_SYN_SENT);
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    check(t, la_send(t->host, t->now, t->conn, "x", 1) == LA_ERROR_ENDED);
    check(t, la_recv(t->host, t->now, t->conn, &(char){0}, 1) == LA_ERROR_ENDED);
    user_release(t);
    check(t, counters_of(t).connections == 0);
    end(t);
}

/* 3.10.7.4, second: back to LISTEN, the place in the backlog free again (I35). */
/* MUST-11 */
static void rst_in_syn_received(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 1);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    expect_dropped(t, LA_DROP_NONE);
    inject(t, .flags = RST, .seq = 0);
    expect_dropped(t, LA_DROP_RST_OUTSIDE);
    inject(t, .flags = RST, .seq = 2 + 8192);
    expect_dropped(t, LA_DROP_RST_OUTSIDE);
    expect_nothing(t);
    inject(t, .flags = RST, .seq = 2);
    expect(t, .flags = ACK, .seq = 1, .ack = 1); /* RFC 5961 3.2 */
    expect_dropped(t, LA_DROP_RST_CHALLENGED);
    expect_state(t, LA_SYN_RECEIVED);
    inject(t, .flags = RST, .seq = 1);
    expect_nothing(t);
    expect_state(t, LA_LISTEN);
    check(t, counters_of(t).connections == 0);
    another_peer(t);
    open_passive(t);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* M40: an RST with an acceptable ACK completes no handshake. */
static void rst_ack_in_syn_received(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_RECEIVED);
    inject(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    expect_nothing(t);
    expect_state(t, LA_LISTEN);
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_ERROR_WOULD_BLOCK);
    end(t);
}

/* 3.10.7.4, fourth: a SYN inside the window, after a passive OPEN, leads back to LISTEN. */
static void syn_in_syn_received(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_RECEIVED);
    inject(t, .flags = SYN, .seq = 1000, .tsval = peer_now(t));
    expect_nothing(t);
    expect_state(t, LA_LISTEN);
    check(t, counters_of(t).connections == 0);
    open_passive(t);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* RFC 9293 figure 8: an old duplicate SYN in front of the listener. */
static void old_syn_before_the_listener(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 1);
    t->irs -= 10;
    inject(t, .flags = SYN, .mss = 1460);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = RST, .seq = 1);
    expect_nothing(t);
    expect_state(t, LA_LISTEN);
    inject(t, .flags = SYN, .seq = 10, .mss = 1460);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* Figure 10: the peer crashed, and starts anew; our ACK makes it reset what is half-open. */
static void half_open_connection(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = SYN, .seq = 1000000, .tsval = peer_now(t));
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    inject(t, .flags = RST, .seq = 1);
    expect_nothing(t);
    expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
    user_release(t);
    open_passive(t);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* ---- what a handshake's segment carries besides ---- */

static void text_with_the_handshake_ack(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_RECEIVED);
    inject(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 20);
    expect(t, .flags = ACK, .seq = 1, .ack = 21);
    expect_state(t, LA_ESTABLISHED);
    user_accept(t);
    expect_events(t, LA_READY_WRITABLE | LA_READY_READABLE);
    user_read(t, 20);
    end(t);
}

/* M4: and the FIN in it is not lost. */
static void fin_with_the_handshake_ack(void **state)
{
    (void)state;
    for (uint32_t length = 0; length <= 20; length += 20) {
        struct test *t = test_in(LA_SYN_RECEIVED);
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1, .length = length);
        expect(t, .flags = ACK, .seq = 1, .ack = 2 + length);
        expect_nothing(t);
        expect_state(t, LA_CLOSE_WAIT);
        user_accept(t);
        if (length > 0) {
            user_read(t, length);
        }
        user_read(t, 0);
        finish_cleanly(t);
        end(t);
    }
}

/* The same in an active open: "continue processing at the sixth step". */
static void text_and_fin_with_the_syn_ack(void **state)
{
    (void)state;
    for (uint32_t length = 0; length <= 20; length += 20) {
        struct test *t = test_in(LA_SYN_SENT);
        inject(t, .flags = SYN | FIN | ACK, .seq = 0, .ack = 1, .length = length, .mss = 1460);
        expect(t, .flags = ACK, .seq = 1, .ack = 2 + length);
        expect_nothing(t);
        expect_state(t, LA_CLOSE_WAIT);
        if (length > 0) {
            user_read(t, length);
        }
        user_read(t, 0);
        finish_cleanly(t);
        end(t);
    }
}

/* Text in a SYN may be left to its retransmission. */
static void syn_with_text(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    inject(t, .flags = SYN, .length = 50, .mss = 1460);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 50);
    expect(t, .flags = ACK, .seq = 1, .ack = 51);
    user_accept(t);
    user_read(t, 50);
    end(t);
}

/* ---- LISTEN and CLOSED ---- */

static void listen_takes_nothing_but_syns(void **state)
{
    (void)state;
    struct test *t = test_in(LA_LISTEN);
    static const uint8_t silent[] = {RST, RST | ACK, RST | SYN, FIN, 0, SYN | FIN, PSH | URG};
    for (unsigned i = 0; i < sizeof silent; i++) {
        inject(t, .flags = silent[i], .seq = 5, .ack = 6, .length = i);
        expect_nothing(t);
        expect_dropped(t, LA_DROP_LISTEN);
    }
    static const uint8_t answered[] = {ACK, SYN | ACK, FIN | ACK, SYN | FIN | ACK, ACK | PSH | URG};
    for (unsigned i = 0; i < sizeof answered; i++) {
        inject(t, .flags = answered[i], .seq = 5, .ack = 600 + i, .length = i);
        expect(t, .flags = RST, .seq = 600 + i); /* second: <SEQ=SEG.ACK><CTL=RST> */
        expect_dropped(t, LA_DROP_LISTEN);
    }
    check(t, counters_of(t).connections == 0);
    open_passive(t);
    end(t);
}

/* 3.10.7.1: no ACK: <SEQ=0><ACK=SEG.SEQ+SEG.LEN>; ACK: <SEQ=SEG.ACK>; SYN and FIN count (M53). */
static void nobody_answers_exactly(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    for (uint32_t length = 0; length <= 7; length += 7) {
        inject(t, .flags = SYN, .seq = 10, .length = length);
        expect(t, .flags = RST | ACK, .seq = 0, .absolute = true, .ack = 11 + length);
        inject(t, .flags = FIN, .seq = 10, .length = length);
        expect(t, .flags = RST | ACK, .seq = 0, .absolute = true, .ack = 11 + length);
        inject(t, .flags = SYN | FIN, .seq = 10, .length = length);
        expect(t, .flags = RST | ACK, .seq = 0, .absolute = true, .ack = 12 + length);
        inject(t, .flags = 0, .seq = 10, .length = length);
        expect(t, .flags = RST | ACK, .seq = 0, .absolute = true, .ack = 10 + length);
        inject(t, .flags = ACK, .seq = 10, .ack = 99, .length = length);
        expect(t, .flags = RST, .seq = 99);
        inject(t, .flags = SYN | FIN | ACK | PSH | URG, .seq = 10, .ack = 99, .length = length);
        expect(t, .flags = RST, .seq = 99);
        inject(t, .flags = RST, .seq = 10, .length = length);
        inject(t, .flags = RST | ACK, .seq = 10, .ack = 99, .length = length);
        expect_nothing(t);
    }
    check(t, counters_of(t).dropped[LA_DROP_NO_CONNECTION] == 16);
    end(t);
}

static void nobody_is_silent_on_request(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.reset_unknown = false;
    struct test *t = begin(&config);
    inject(t, .flags = SYN, .mss = 1460);
    expect_dropped(t, LA_DROP_NO_CONNECTION);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_dropped(t, LA_DROP_NO_CONNECTION);
    end(t);
}

/* ---- limits ---- */

static void backlog_is_full(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 2);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1); /* waits to be accepted */
    another_peer(t);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1); /* in SYN-RECEIVED */
    expect_dropped(t, LA_DROP_NONE);
    another_peer(t);
    inject_syn(t);
    expect_nothing(t);
    expect_dropped(t, LA_DROP_BACKLOG_FULL);
    user_accept(t);
    t->conn = (struct la_conn){0};
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    end(t);
}

/* M49: a connection that ended before it was accepted still counts, until it is accepted. */
static void backlog_counts_what_ended(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 1);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = RST, .seq = 1);
    expect_state(t, LA_CLOSED);
    expect_dropped(t, LA_DROP_NONE);
    another_peer(t);
    inject_syn(t);
    expect_dropped(t, LA_DROP_BACKLOG_FULL);
    user_accept(t);
    expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
    user_release(t);
    check(t, counters_of(t).connections == 0);
    t->conn = (struct la_conn){0};
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    end(t);
}

static void connections_are_full(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.connections = 1;
    struct test *t = begin(&config);
    user_listen(t, 4);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    expect_dropped(t, LA_DROP_NONE);
    another_peer(t);
    inject_syn(t);
    expect_nothing(t);
    expect_dropped(t, LA_DROP_CONNECTIONS_FULL);
    struct la_conn conn;
    check(t, la_connect(t->host, t->now, NULL, &t->remote, &conn) == LA_ERROR_NO_CONNECTION);
    end(t);
}

/* RFC 9293 3.4.3: nothing with a new sequence number; an answer in somebody else's numbers is allowed. */
static void quiet_time(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.quiet_time_ms = 60000;
    struct test *t = begin(&config);
    user_listen(t, 4);
    advance_ms(t, 59999);
    inject_syn(t);
    expect_nothing(t);
    expect_dropped(t, LA_DROP_QUIET);
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_ERROR_QUIET);
    inject(t, .flags = ACK, .seq = 1, .ack = 5);
    expect(t, .flags = RST, .seq = 5);
    advance_ms(t, 1);
    open_passive(t);
    end(t);
}

/* 3.10.4, LISTEN: what was not accepted is reset. */
static void unlisten_resets(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 4);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, la_unlisten(t->host, t->now, t->listener) == LA_OK);
    settle(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    check(t, la_unlisten(t->host, t->now, t->listener) == LA_ERROR_STALE);
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_ERROR_STALE);
    check(t, counters_of(t).connections == 0);
    user_listen(t, 4);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    check(t, la_unlisten(t->host, t->now, t->listener) == LA_OK);
    settle(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    check(t, counters_of(t).connections == 0);
    end(t);
}

static void four_tuple_has_one_owner(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    struct la_conn conn;
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &conn) == LA_ERROR_IN_USE);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passive_open),
        cmocka_unit_test(rst_in_listen),
        cmocka_unit_test(active_open),
        cmocka_unit_test(text_waits_for_the_handshake),
        cmocka_unit_test(simultaneous_open_syn_ack),
        cmocka_unit_test(simultaneous_open_plain_ack),
        cmocka_unit_test(simultaneous_open_text),
        cmocka_unit_test(simultaneous_open_with_loss),
        cmocka_unit_test(simultaneous_open_reset),
        cmocka_unit_test(syn_is_lost),
        cmocka_unit_test(syn_is_given_up),
        cmocka_unit_test(syn_ack_is_lost),
        cmocka_unit_test(syn_received_is_given_up),
        cmocka_unit_test(syn_again),
        cmocka_unit_test(syn_after_the_handshake),
        cmocka_unit_test(wrong_ack_in_syn_sent),
        cmocka_unit_test(wrong_ack_in_syn_received),
        cmocka_unit_test(neither_syn_nor_rst_in_syn_sent),
        cmocka_unit_test(rst_in_syn_sent),
        cmocka_unit_test(rst_in_syn_received),
        cmocka_unit_test(rst_ack_in_syn_received),
        cmocka_unit_test(syn_in_syn_received),
        cmocka_unit_test(old_syn_before_the_listener),
        cmocka_unit_test(half_open_connection),
        cmocka_unit_test(text_with_the_handshake_ack),
        cmocka_unit_test(fin_with_the_handshake_ack),
        cmocka_unit_test(text_and_fin_with_the_syn_ack),
        cmocka_unit_test(syn_with_text),
        cmocka_unit_test(listen_takes_nothing_but_syns),
        cmocka_unit_test(nobody_answers_exactly),
        cmocka_unit_test(nobody_is_silent_on_request),
        cmocka_unit_test(backlog_is_full),
        cmocka_unit_test(backlog_counts_what_ended),
        cmocka_unit_test(connections_are_full),
        cmocka_unit_test(quiet_time),
        cmocka_unit_test(unlisten_resets),
        cmocka_unit_test(four_tuple_has_one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
