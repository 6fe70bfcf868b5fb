#include "support/peer.h"

/* RFC 9293 3.6, 3.10.4, 3.10.5, 3.10.7.4: connections that end in every order, and how that is told to the
   application. */

static const unsigned peer_closed = LA_READY_PEER_CLOSED | LA_READY_READABLE;
static const unsigned ended = LA_READY_ENDED | LA_READY_READABLE;

/* ---- in every order ---- */

/* RFC 9293 figure 12. */
static void four_way(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    user_shutdown(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_FIN_WAIT_1);
    check(t, la_shutdown(t->host, t->now, t->conn) == LA_ERROR_CLOSING);
    check(t, la_send(t->host, t->now, t->conn, "x", 1) == LA_ERROR_CLOSING); /* I14 */
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    expect_nothing(t);
    expect_state(t, LA_FIN_WAIT_2);
    expect_outcome(t, LA_END_NONE, LA_CLOSED);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    expect_events(t, peer_closed | ended);
    user_read(t, 0);
    user_read(t, 0);
    expect_events(t, 0);
    release_and_end(t);
}

static void three_way(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    check(t, strstr(t->history, "FIN-WAIT-1 to FIN-WAIT-2") != NULL); /* I11: FIN-WAIT-1 never jumps */
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    release_and_end(t);
}

static void peer_closes_first(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 2);
    expect_events(t, peer_closed);
    user_read(t, 0);
    user_send(t, 500); /* a slow last response is still carried */
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 2, .length = 500);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 501, .ack = 2);
    expect_state(t, LA_LAST_ACK);
    inject(t, .flags = ACK, .seq = 2, .ack = 501);
    expect_state(t, LA_LAST_ACK);
    expect_events(t, 0);
    inject(t, .flags = ACK, .seq = 2, .ack = 502);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_CLEAN, LA_LAST_ACK);
    expect_events(t, ended);
    check(t, waits_of(t) == 0); /* I15 */
    check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
    release_and_end(t);
}

/* Figure 13. M24: the FIN and the ACK of ours in one segment lead to TIME-WAIT too: see three_way. */
static void simultaneous_close(void **state)
{
    (void)state;
    struct test *t = test_in(LA_CLOSING);
    inject(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_nothing(t);
    expect_state(t, LA_TIME_WAIT);
    expect_outcome(t, LA_END_CLEAN, LA_CLOSING);
    advance_ms(t, 60000); /* M55 */
    expect_state(t, LA_CLOSED);
    check(t, counted(t, LA_COUNT_WAIT_EXPIRED) == 1);
    release_and_end(t);
}

/* Both FINs crossed with text before them. */
static void simultaneous_close_with_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_send(t, 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    user_shutdown(t);
    expect(t, .flags = FIN | ACK, .seq = 101, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1, .length = 50);
    expect(t, .flags = ACK, .seq = 102, .ack = 52);
    expect_state(t, LA_CLOSING);
    inject(t, .flags = ACK, .seq = 52, .ack = 101); /* the text, not the FIN */
    expect_state(t, LA_CLOSING);
    inject(t, .flags = ACK, .seq = 52, .ack = 102);
    expect_nothing(t);
    expect_state(t, LA_TIME_WAIT);
    user_read(t, 50);
    user_read(t, 0);
    release_and_end(t);
}

static void fin_with_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    inject(t, .flags = FIN | PSH | ACK, .seq = 1, .ack = 2, .length = 30); /* M51: other bits do not matter */
    expect(t, .flags = ACK, .seq = 2, .ack = 32);
    expect_state(t, LA_TIME_WAIT);
    user_read(t, 30);
    user_read(t, 0);
    release_and_end(t);
}

/* Our own FIN leaves with the last text, if that had to wait. */
static void fin_leaves_with_the_last_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_send(t, 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    user_send(t, 50); /* Nagle: waits */
    expect_nothing(t);
    user_close(t);
    expect(t, .flags = FIN | PSH | ACK, .seq = 101, .ack = 1, .length = 50);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 152);
    expect_state(t, LA_FIN_WAIT_2);
    end(t);
}

/* A FIN has a number: one that overtakes its text waits for it. */
static void fin_before_its_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    inject(t, .flags = FIN | ACK, .seq = 21, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 11, .ack = 2, .length = 10);
    expect(t, .flags = ACK, .seq = 2, .ack = 1);
    expect_state(t, LA_FIN_WAIT_2);
    inject(t, .flags = ACK, .seq = 1, .ack = 2, .length = 10);
    expect(t, .flags = ACK, .seq = 2, .ack = 22);
    expect_nothing(t);
    expect_state(t, LA_TIME_WAIT);
    user_read(t, 20);
    user_read(t, 0);
    release_and_end(t);
}

/* M1, I4: counted once, however often it comes. */
static void fin_comes_again(void **state)
{
    (void)state;
    struct test *t = test_in(LA_CLOSE_WAIT);
    expect_events(t, LA_READY_WRITABLE | peer_closed);
    for (unsigned i = 0; i < 5; i++) {
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
        expect(t, .flags = ACK, .seq = 1, .ack = 2);
        expect_nothing(t);
    }
    expect_events(t, 0);
    inject(t, .flags = ACK, .seq = 2, .ack = 1, .length = 10); /* M7: nothing is delivered behind it */
    expect(t, .flags = ACK, .seq = 1, .ack = 2);
    user_read(t, 0);
    end(t);
}

/* A slow response arrives in FIN-WAIT-2, however late, as long as somebody may read it: I28, M12. */
static void late_response_in_fin_wait_2(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    advance_ms(t, 3600 * 1000);
    expect_state(t, LA_FIN_WAIT_2);
    for (uint32_t at = 1; at < 5001; at += 1000) {
        inject(t, .flags = ACK, .seq = at, .ack = 2, .length = 1000);
        expect(t, .flags = ACK, .seq = 2, .ack = at + 1000);
        user_read(t, 1000);
    }
    t->out_count = 0; /* window updates */
    inject(t, .flags = FIN | ACK, .seq = 5001, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 5002);
    expect_state(t, LA_TIME_WAIT);
    release_and_end(t);
}

/* ---- close where there is no connection yet ---- */

/* 3.10.4, SYN-SENT: the TCB goes; what the peer then says meets nobody. M39: no FIN is forgotten, none is due. */
static void close_in_syn_sent(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    check(t, la_shutdown(t->host, t->now, t->conn) == LA_ERROR_NOT_CONNECTED);
    user_close(t);
    expect_nothing(t);
    expect_state(t, LA_CLOSED);
    expect_outcome(t, LA_END_CLOSED_EARLY, LA_SYN_SENT);
    expect_events(t, ended);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect(t, .flags = RST, .seq = 1);
    release_and_end(t);
}

/* 3.10.4, SYN-RECEIVED: the FIN follows when the connection is there; in between it is not FIN-WAIT-1 (M64). */
static void close_in_syn_received(void **state)
{
    (void)state;
    for (uint32_t text = 0; text <= 40; text += 40) {
        struct test *t = test_in(LA_SYN_SENT);
        inject_syn(t);
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        if (text > 0) {
            user_send(t, text);
        }
        user_close(t);
        expect_nothing(t);
        expect_state(t, LA_SYN_RECEIVED);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1, .length = text);
        expect_state(t, LA_FIN_WAIT_1);
        inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2 + text);
        expect(t, .flags = ACK, .seq = 2 + text, .ack = 2);
        expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
        release_and_end(t);
    }
}

/* ---- resets by us ---- */

/* MAY-1, SHLD-3, RFC 2525 2.17. */
static void close_with_unread_text(void **state)
{
    (void)state;
    static const uint32_t fins[] = {0, 1};
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = test_in(LA_ESTABLISHED);
        inject(t, .flags = (uint8_t)(ACK | (fins[i] ? FIN : 0)), .seq = 1, .ack = 1, .length = 10);
        expect(t, .flags = ACK, .seq = 1, .ack = 11 + fins[i]);
        user_close(t);
        expect(t, .flags = RST | ACK, .seq = 1, .ack = 11 + fins[i]);
        expect_outcome(t, LA_END_UNREAD_DATA, fins[i] ? LA_CLOSE_WAIT : LA_ESTABLISHED);
        struct la_outcome outcome;
        check(t, la_outcome(t->host, t->conn, &outcome) == LA_OK && outcome.unread_bytes == 10);
        release_and_end(t);
    }
}

/* 3.6.1: "if such a host issues a CLOSE call while received data is still pending [...] or if new data is received
   after CLOSE is called, its TCP implementation SHOULD send a RST". */
static void text_after_full_close(void **state)
{
    (void)state;
    static const enum la_state states[] = {LA_FIN_WAIT_1, LA_FIN_WAIT_2};
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin_usual();
        t->closes_fully = true;
        bring_to(t, states[i]);
        inject(t, .flags = ACK, .seq = 1, .ack = i + 1, .length = 1);
        expect(t, .flags = RST | ACK, .seq = 2, .ack = 1);
        expect_dropped(t, LA_DROP_AFTER_CLOSE);
        expect_outcome(t, LA_END_DATA_AFTER_CLOSE, states[i]);
        release_and_end(t);
    }
}

/* Text that is not new is no reason: it was read before the close. */
static void old_text_after_full_close(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    user_read(t, 10);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 11);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 2, .ack = 11);
    expect_state(t, LA_FIN_WAIT_1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2, .length = 10); /* its FIN is new */
    expect(t, .flags = ACK, .seq = 2, .ack = 12);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    release_and_end(t);
}

/* 3.10.5: <SEQ=SND.NXT><CTL=RST>. In CLOSING and LAST-ACK the letter asks for none; but then a peer in FIN-WAIT-2, to
   which our FIN did not get, would wait for ever (I30). */
static void abort_in_each_state(void **state)
{
    (void)state;
    static const enum la_state states[] = {LA_SYN_SENT,   LA_ESTABLISHED, LA_FIN_WAIT_1, LA_FIN_WAIT_2,
                                           LA_CLOSE_WAIT, LA_CLOSING,     LA_LAST_ACK};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct test *t = test_in(states[i]);
        while (la_host_event(t->host, &(struct la_event){0})) {
        }
        user_abort(t);
        if (states[i] != LA_SYN_SENT) {
            expect(t, .flags = RST | ACK, .seq = host_next(states[i]), .ack = peer_next(states[i]));
        }
        expect_nothing(t);
        expect_state(t, LA_CLOSED);
        expect_outcome(t, LA_END_ABORTED, states[i]);
        expect_events(t, ended);
        user_abort(t); /* once more: nothing */
        expect_outcome(t, LA_END_ABORTED, states[i]);
        expect_events(t, 0);
        if (states[i] != LA_SYN_SENT) {
            expect_kept(t, LA_CLASS_ABORTED); /* 3.5.2 */
        }
        check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
        release_and_end(t);
    }
}

static void abort_in_syn_received(void **state)
{
    (void)state;
    struct test *t = test_in(LA_SYN_SENT);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    expect_outcome(t, LA_END_ABORTED, LA_SYN_RECEIVED);
    release_and_end(t);
}

/* The RST carries SND.NXT: what was written and never sent is flushed, and counts as unacknowledged. */
static void abort_with_unsent_text(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    t->peer_window = 100;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 1000);
    let_pass_ms(t, 200); /* the sender's silly window avoidance ends */
    t->out_count = 0;
    uint32_t sent = t->out_end;
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = sent, .ack = 1);
    struct la_outcome outcome;
    check(t, la_outcome(t->host, t->conn, &outcome) == LA_OK && outcome.unacknowledged_bytes == 1000);
    release_and_end(t);
}

/* ---- lingering ---- */

/* A response followed by close is not destroyed by a request that was not read to its end. */
static void lingering_close(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1000);
    expect(t, .flags = ACK, .seq = 1, .ack = 1001);
    user_send(t, 300);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1001, .length = 300);
    user_close_lingering(t);
    expect(t, .flags = FIN | ACK, .seq = 301, .ack = 1001);
    inject(t, .flags = ACK, .seq = 1001, .ack = 302, .length = 1400);
    expect(t, .flags = ACK, .seq = 302, .ack = 2401);
    check(t, la_recv(t->host, t->now, t->conn, &(char){0}, 1) == LA_ERROR_CLOSING);
    check(t, la_close(t->host, t->now, t->conn) == LA_ERROR_CLOSING);
    inject(t, .flags = FIN | ACK, .seq = 2401, .ack = 302);
    expect(t, .flags = ACK, .seq = 302, .ack = 2402);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    release_and_end(t);
}

static void lingering_close_is_bounded_in_time(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_close_lingering(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
    advance_ms(t, 4999);
    expect_nothing(t);
    expect_state(t, LA_FIN_WAIT_2);
    advance_ms(t, 1);
    expect(t, .flags = RST | ACK, .seq = 2, .ack = 1);
    expect_outcome(t, LA_END_LINGER_BOUND, LA_FIN_WAIT_2);
    release_and_end(t);
}

/* The bound begins when all that we sent is acknowledged: it does not cut off a response on a slow way. */
static void lingering_close_waits_for_its_response(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_send(t, 300);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 300);
    user_close_lingering(t);
    expect(t, .flags = FIN | ACK, .seq = 301, .ack = 1);
    for (unsigned again = 0; again < 5; again++) { /* 200 ms, 400 ms, ... 3.2 s: six seconds without an answer */
        advance_ms(t, 200U << again);
        expect(t, .flags = FIN | PSH | ACK, .seq = 1, .ack = 1, .length = 300);
    }
    inject(t, .flags = ACK, .seq = 1, .ack = 302, .length = 100);
    expect(t, .flags = ACK, .seq = 302, .ack = 101);
    inject(t, .flags = FIN | ACK, .seq = 101, .ack = 302);
    expect(t, .flags = ACK, .seq = 302, .ack = 102);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    release_and_end(t);
}

static void lingering_close_is_bounded_in_octets(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.linger_bytes = 2000;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    user_close_lingering(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 2, .length = 1000);
    expect(t, .flags = ACK, .seq = 2, .ack = 1001);
    inject(t, .flags = ACK, .seq = 1001, .ack = 2, .length = 1000);
    expect(t, .flags = ACK, .seq = 2, .ack = 2001);
    inject(t, .flags = ACK, .seq = 2001, .ack = 2, .length = 1);
    expect(t, .flags = RST | ACK, .seq = 2, .ack = 2002);
    expect_outcome(t, LA_END_LINGER_BOUND, LA_FIN_WAIT_2);
    release_and_end(t);
}

/* A half-closed connection may linger too: from then on its bound holds. */
static void lingering_close_in_fin_wait_2(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    advance_ms(t, 10000);
    inject(t, .flags = ACK, .seq = 1, .ack = 2, .length = 100);
    expect(t, .flags = ACK, .seq = 2, .ack = 101);
    user_close_lingering(t);
    advance_ms(t, 4999);
    inject(t, .flags = ACK, .seq = 101, .ack = 2, .length = 100);
    expect(t, .flags = ACK, .seq = 2, .ack = 201);
    expect_state(t, LA_FIN_WAIT_2);
    advance_ms(t, 1);
    expect(t, .flags = RST | ACK, .seq = 2, .ack = 201);
    expect_outcome(t, LA_END_LINGER_BOUND, LA_FIN_WAIT_2);
    release_and_end(t);
}

/* In CLOSE-WAIT all has come already: there is nothing to wait for, and no RST for what was not read. */
static void lingering_close_in_close_wait(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 12);
    user_close_lingering(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 12);
    inject(t, .flags = ACK, .seq = 12, .ack = 2);
    expect_outcome(t, LA_END_CLEAN, LA_LAST_ACK);
    release_and_end(t);
}

/* ---- handles ---- */

/* Released before its end: closed as by la_close, and it ends cleanly alone. */
static void release_closes(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_release(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect_events(t, 0);
    struct la_outcome outcome;
    check(t, la_outcome(t->host, t->conn, &outcome) == LA_ERROR_STALE);
    check(t, la_close(t->host, t->now, t->conn) == LA_ERROR_STALE);
    check(t, la_abort(t->host, t->now, t->conn) == LA_ERROR_STALE);
    check(t, la_send(t->host, t->now, t->conn, "x", 1) == LA_ERROR_STALE);
    check(t, counters_of(t).connections_orphaned == 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    check(t, counters_of(t).connections == 0 && counters_of(t).connections_orphaned == 0);
    expect_events(t, 0);
    end(t);
}

/* A slot that is used again belongs to its new handle only. */
static void stale_handle_is_nobody_elses(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    struct la_conn old = t->conn;
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    user_release(t);
    open_passive(t);
    check(t, t->conn.slot == old.slot && t->conn.generation != old.generation);
    check(t, la_abort(t->host, t->now, old) == LA_ERROR_STALE);
    check(t, la_release(t->host, t->now, (struct la_conn){0}) == LA_ERROR_STALE);
    expect_state(t, LA_ESTABLISHED);
    end(t);
}

/* The peer's RST ends every state at once; what waited to be read is discarded (3.10.7.4, second). */
static void reset_discards(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_send(t, 700);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 700);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 701, .ack = 11);
    while (la_host_event(t->host, &(struct la_event){0})) {
    }
    inject(t, .flags = RST, .seq = 11);
    expect_nothing(t);
    expect_events(t, ended);
    struct la_outcome outcome;
    check(t, la_outcome(t->host, t->conn, &outcome) == LA_OK);
    check(t, outcome.end == LA_END_RESET_BY_PEER && outcome.state == LA_ESTABLISHED);
    check(t, outcome.unacknowledged_bytes == 700 && outcome.unread_bytes == 10);
    check(t, la_recv(t->host, t->now, t->conn, &(char){0}, 1) == LA_ERROR_ENDED);
    check(t, la_shutdown(t->host, t->now, t->conn) == LA_ERROR_ENDED);
    release_and_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_way),
        cmocka_unit_test(three_way),
        cmocka_unit_test(peer_closes_first),
        cmocka_unit_test(simultaneous_close),
        cmocka_unit_test(simultaneous_close_with_text),
        cmocka_unit_test(fin_with_text),
        cmocka_unit_test(fin_leaves_with_the_last_text),
        cmocka_unit_test(fin_before_its_text),
        cmocka_unit_test(fin_comes_again),
        cmocka_unit_test(late_response_in_fin_wait_2),
        cmocka_unit_test(close_in_syn_sent),
        cmocka_unit_test(close_in_syn_received),
        cmocka_unit_test(close_with_unread_text),
        cmocka_unit_test(text_after_full_close),
        cmocka_unit_test(old_text_after_full_close),
        cmocka_unit_test(abort_in_each_state),
        cmocka_unit_test(abort_in_syn_received),
        cmocka_unit_test(abort_with_unsent_text),
        cmocka_unit_test(lingering_close),
        cmocka_unit_test(lingering_close_is_bounded_in_time),
        cmocka_unit_test(lingering_close_waits_for_its_response),
        cmocka_unit_test(lingering_close_is_bounded_in_octets),
        cmocka_unit_test(lingering_close_in_fin_wait_2),
        cmocka_unit_test(lingering_close_in_close_wait),
        cmocka_unit_test(release_closes),
        cmocka_unit_test(stale_handle_is_nobody_elses),
        cmocka_unit_test(reset_discards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
