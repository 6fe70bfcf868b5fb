#include "support/peer.h"

#include "host/host.h"
#include "tcp/connection.h"

/* Explicit congestion notification: RFC 3168 6.1; RFC 9293 3.8.2. */

enum { ECT_0 = 2, ECT_1 = 1, CE = 3 };

#define MSS 1000

static struct la_config with_ecn(enum la_ecn ecn)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.window_scaling = false;
    config.ecn = (uint8_t)ecn;
    config.send_buffer_bytes = 65535;
    return config;
}

/* Opened by the peer, whose SYN and our answer have these flags besides. */
static struct test *accepted(enum la_ecn ecn, uint8_t offer, uint8_t answer)
{
    const struct la_config config = with_ecn(ecn);
    struct test *t = begin(&config);
    user_listen(t, 4);
    inject(t, .flags = SYN | offer, .mss = MSS);
    expect(t, .flags = SYN | ACK | answer, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    return t;
}

static struct test *capable(void)
{
    return accepted(LA_ECN_ACCEPT, ECE | CWR, ECE);
}

/* ---- 6.1.1 ---- */

/* RFC 9293 SHLD-8 */
static void it_is_used_where_the_peer_offers_it(void **state)
{
    (void)state;
    static const struct {
        enum la_ecn ecn;
        uint8_t offer, answer;
    } cases[] = {
        {LA_ECN_ACCEPT, ECE | CWR, ECE}, {LA_ECN_OFFER, ECE | CWR, ECE}, {LA_ECN_OFF, ECE | CWR, 0},
        {LA_ECN_ACCEPT, 0, 0},           {LA_ECN_ACCEPT, ECE, 0},        {LA_ECN_ACCEPT, CWR, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test *t = accepted(cases[i].ecn, cases[i].offer, cases[i].answer);
        check(t, info_of(t).ecn == (cases[i].answer != 0));
        user_send(t, 10);
        expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10, .tos = cases[i].answer != 0 ? ECT_0 : 0);
        end(t);
    }
}

static void it_is_offered_on_request(void **state)
{
    (void)state;
    static const uint8_t answers[] = {ECE, 0, ECE | CWR}; /* the last from who sends back what it got */
    for (size_t i = 0; i < sizeof answers; i++) {
        const struct la_config config = with_ecn(LA_ECN_OFFER);
        struct test *t = begin(&config);
        user_connect(t);
        expect(t, .flags = SYN | ECE | CWR);
        inject(t, .flags = SYN | ACK | answers[i], .ack = 1, .mss = MSS);
        expect(t, .flags = ACK, .seq = 1, .ack = 1);
        check(t, info_of(t).ecn == (answers[i] == ECE));
        end(t);
    }
}

/* What was lost may have been lost for its bits. */
static void the_second_syn_is_plain(void **state)
{
    (void)state;
    const struct la_config config = with_ecn(LA_ECN_OFFER);
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN | ECE | CWR);
    advance_ms(t, 1000);
    expect(t, .flags = SYN);
    inject(t, .flags = SYN | ACK | ECE, .ack = 1, .mss = MSS);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, !info_of(t).ecn);
    end(t);
}

/* The halving counts for the window in which it was: what is acknowledged beyond it ends that at once, since its end, as
   a number, comes round after 2^31 octets. */
static void the_window_of_an_echo_ends(void **state)
{
    (void)state;
    struct test *t = capable();
    user_send(t, MSS);
    t->out_count = 0;
    inject(t, .flags = ACK | ECE, .seq = 1, .ack = 1);
    check(t, counted(t, LA_COUNT_TCP_ECN_REDUCTIONS) == 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1 + MSS);
    struct connection *c = connection_at(&t->host->tcp, t->conn.slot);
    c->ecn_until = seq_add(c->ecn_until, UINT32_C(0x7fffff00)); /* as if so much had been sent since */
    user_send(t, MSS);
    t->out_count = 0;
    inject(t, .flags = ACK | ECE, .seq = 1, .ack = 1 + MSS);
    check(t, counted(t, LA_COUNT_TCP_ECN_REDUCTIONS) == 2);
    t->out_count = 0;
    end(t);
}

/* ---- 6.1.3: the receiver ---- */

/* SHLD-8 */
static void a_mark_is_echoed_until_it_was_heard(void **state)
{
    (void)state;
    struct test *t = capable();
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = ECT_0);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    inject(t, .flags = ACK, .seq = 11, .ack = 1, .length = 10, .tos = CE);
    expect(t, .flags = ACK | ECE, .seq = 1, .ack = 21);
    inject(t, .flags = ACK, .seq = 21, .ack = 1, .length = 10, .tos = ECT_0);
    expect(t, .flags = ACK | ECE, .seq = 1, .ack = 31);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK | ECE, .seq = 1, .ack = 31, .length = 10, .tos = ECT_0);
    inject(t, .flags = ACK | CWR, .seq = 31, .ack = 11, .length = 10, .tos = ECT_0);
    expect(t, .flags = ACK, .seq = 11, .ack = 41);
    inject(t, .flags = ACK | CWR, .seq = 41, .ack = 11, .length = 10, .tos = CE); /* heard, and marked anew */
    expect(t, .flags = ACK | ECE, .seq = 11, .ack = 51);
    end(t);
}

/* Whoever did not agree to it sees no marks, and what is not taken says nothing. */
static void marks_that_do_not_count(void **state)
{
    (void)state;
    struct test *t = accepted(LA_ECN_ACCEPT, 0, 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .tos = CE);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    end(t);
    t = capable();
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .tos = CE); /* no text */
    inject(t, .flags = ACK, .seq = 100000, .ack = 1, .length = 10, .tos = CE);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    end(t);
}

/* ---- 6.1.2: the sender ---- */

/* SHLD-8: one reduction for what is in flight, CWR on the next new text, and growth from there. */
static void an_echo_halves_the_window_once(void **state)
{
    (void)state;
    struct test *t = capable();
    user_send(t, 20 * MSS);
    for (uint32_t n = 0; n < 10; n++) { /* the initial window: RFC 6928 */
        expect(t, .flags = ACK, .seq = 1 + n * MSS, .ack = 1, .length = MSS, .tos = ECT_0);
    }
    inject(t, .flags = ACK | ECE, .seq = 1, .ack = 1 + 2 * MSS);
    check(t, info_of(t).snd_ssthresh_bytes == 4 * MSS && info_of(t).snd_cwnd_bytes == 4 * MSS);
    check(t, counted(t, LA_COUNT_TCP_ECN_REDUCTIONS) == 1);
    expect_nothing(t);
    for (uint32_t n = 3; n <= 6; n++) { /* of the same window */
        inject(t, .flags = ACK | ECE, .seq = 1, .ack = 1 + n * MSS);
    }
    check(t, counted(t, LA_COUNT_TCP_ECN_REDUCTIONS) == 1 && info_of(t).snd_ssthresh_bytes == 4 * MSS);
    uint32_t next = 1 + 10 * MSS;
    expect(t, .flags = ACK | CWR, .seq = next, .ack = 1, .length = MSS, .tos = ECT_0);
    inject(t, .flags = ACK, .seq = 1, .ack = next);
    for (uint32_t n = 1; n < 5; n++) {
        expect(t, .flags = ACK, .seq = next + n * MSS, .ack = 1, .length = MSS, .tos = ECT_0);
    }
    inject(t, .flags = ACK | ECE, .seq = 1, .ack = next + MSS); /* the window after that */
    check(t, counted(t, LA_COUNT_TCP_ECN_REDUCTIONS) == 2);
    (void)let_pass_ms(t, 0);
    end(t);
}

/* 6.1.5: what is sent again is not capable; 6.1.2: CWR after a loss too, and an echo then is no second reason. */
static void what_is_sent_again_is_not_capable(void **state)
{
    (void)state;
    struct test *t = capable();
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100, .tos = ECT_0);
    advance_ms(t, 200);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    inject(t, .flags = ACK | ECE, .seq = 1, .ack = 101);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK | CWR, .seq = 101, .ack = 1, .length = 100, .tos = ECT_0);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 201, .ack = 1);
    end(t);
}

/* 6.1.6 */
static void a_window_probe_is_not_capable(void **state)
{
    (void)state;
    struct test *t = capable();
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 10);
    advance_ms(t, 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_used_where_the_peer_offers_it),
        cmocka_unit_test(it_is_offered_on_request),
        cmocka_unit_test(the_second_syn_is_plain),
        cmocka_unit_test(a_mark_is_echoed_until_it_was_heard),
        cmocka_unit_test(marks_that_do_not_count),
        cmocka_unit_test(an_echo_halves_the_window_once),
        cmocka_unit_test(the_window_of_an_echo_ends),
        cmocka_unit_test(what_is_sent_again_is_not_capable),
        cmocka_unit_test(a_window_probe_is_not_capable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
