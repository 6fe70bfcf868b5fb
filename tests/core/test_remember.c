#include "support/peer.h"

/* Records that only remember (ADR 0061): what we opened and the peer closed first, and what we reset (RFC 9293 3.5.2). And
   what is risked when a table is full (enum la_wait_risk). */

enum { WAIT_MS = 60000, BEYOND = 65536 };

/* We opened, the peer closed first: its wait, not ours. */
static struct test *remembering(const struct la_config *config)
{
    struct test *t = begin(config);
    open_active(t);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 2);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    inject(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_CLOSED);
    user_release(t);
    return t;
}

static struct test *remembering_usually(void)
{
    struct la_config config = usual();
    return remembering(&config);
}

static unsigned records_of(const struct test *t, struct la_wait *last)
{
    unsigned count = 0;
    for (uint64_t place = 0; la_wait_next(t->host, &place, last);) {
        count++;
    }
    return count;
}

static void who_opened_remembers(void **state)
{
    (void)state;
    struct test *t = remembering_usually();
    la_time until = 1;
    check(t, la_wait_until(t->host, &t->local, &t->remote, &until) == LA_OK && until == 0); /* it is no TIME-WAIT */
    check(t, la_reuse_when(t->host, &t->local, &t->remote, &until) == LA_OK && until == 0);
    expect_kept(t, LA_CLASS_REMEMBERED);
    end(t);
}

static void or_does_not(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.time_wait_remember = false;
    struct test *t = remembering(&config);
    check(t, counted(t, LA_COUNT_WAIT_KEPT) == 0 && la_host_deadline(t->host) == LA_TIME_NEVER);
    end(t);
}

/* As if there were no record: a RST from nobody, and from a listener. */
static void its_segments_meet_closed(void **state)
{
    (void)state;
    struct test *t = remembering_usually();
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = RST, .seq = 2);
    user_listen(t, 4);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = RST, .seq = 2);
    check(t, counted(t, LA_COUNT_WAIT_RESTARTED) == 0);
    expect_kept(t, LA_CLASS_REMEMBERED);
    end(t);
}

/* In the same microsecond, so that the clocks have not moved. Without the memory the ISN is the old one again. */
static void our_next_numbers_are_beyond(void **state)
{
    (void)state;
    for (unsigned remembers = 0; remembers < 2; remembers++) {
        struct la_config config = usual();
        config.time_wait_remember = remembers;
        struct test *t = remembering(&config);
        const uint32_t iss = t->iss;
        const uint32_t tsval = t->last.options.tsval;
        user_connect(t);
        expect(t, .flags = SYN, .mss = 1460);
        check(t, t->iss == (remembers ? iss + 2 + BEYOND : iss));
        check(t, t->last.options.tsval == (remembers ? tsval + 1 : tsval));
        end(t);
    }
}

/* What we reset, and the peer opens again. */
static void our_answer_is_beyond(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    const uint32_t iss = t->iss;
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    user_release(t);
    t->irs += 5000;
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    check(t, t->iss == iss + 1 + BEYOND);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    check(t, records_of(t, &(struct la_wait){0}) == 0); /* the new one is established: its record ended */
    check(t, counted(t, LA_COUNT_WAIT_REOPENED) == 0);  /* and it was none that waited */
    user_accept(t);
    end(t);
}

/* It lies in the shadow of the new one, and is back if that comes to nothing. */
static void it_is_back(void **state)
{
    (void)state;
    struct test *t = remembering_usually();
    struct la_wait before;
    struct la_wait wait;
    check(t, records_of(t, &before) == 1 && !before.shadowed);
    advance_ms(t, 1000);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    check(t, records_of(t, &wait) == 1 && wait.shadowed);
    inject(t, .flags = RST | ACK, .ack = 1);
    expect_outcome(t, LA_END_REFUSED, LA_SYN_SENT);
    expect_state(t, LA_CLOSED);
    check(t, records_of(t, &wait) == 1 && !wait.shadowed && wait.until == before.until);
    check(t, wait.snd_nxt == before.snd_nxt && wait.last_tsval == before.last_tsval);
    user_release(t);
    end(t);
}

/* A new incarnation that ends like the old one leaves one record, not two. */
static void one_at_a_time(void **state)
{
    (void)state;
    struct test *t = remembering_usually();
    struct la_wait wait;
    for (unsigned i = 0; i < 3; i++) {
        open_active(t);
        user_abort(t);
        expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
        user_release(t);
        check(t, records_of(t, &wait) == 1 && wait.kind == LA_CLASS_ABORTED);
    }
    end(t);
}

/* Nothing of them refuses a call: `time_wait_reuse` is about what waits. */
static void it_is_in_nobodys_way(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.time_wait_reuse = false;
    struct test *t = remembering(&config);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    end(t);
}

/* ---- a full table ---- */

static struct test *full_of_one(bool timestamps)
{
    struct la_config config = usual();
    config.time_wait_ipv4 = 1;
    config.time_wait_ipv6 = 1;
    config.timestamps = timestamps;
    struct test *t = begin(&config);
    user_listen(t, 4);
    return t;
}

static void comes_to_wait(struct test *t)
{
    open_passive(t);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
}

static void is_aborted(struct test *t)
{
    open_passive(t);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    user_release(t);
}

static void the_risk_is_named(void **state)
{
    (void)state;
    static const struct {
        bool timestamps;
        uint32_t age_ms;
        enum la_wait_risk risk;
    } cases[] = {
        {true, 7999, LA_RISK_LAST_ACK},
        {true, 8000, LA_RISK_NONE},
        {false, 7999, LA_RISK_LAST_ACK},
        {false, 8000, LA_RISK_OLD_SEGMENTS},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test *t = full_of_one(cases[i].timestamps);
        struct la_wait wait;
        comes_to_wait(t);
        another_peer(t);
        advance_ms(t, cases[i].age_ms);
        comes_to_wait(t);
        check(t, counted(t, LA_COUNT_WAIT_EVICTED) == 1 && t->evicted[cases[i].risk] == 1);
        check(t, records_of(t, &wait) == 1 && wait.remote.port == t->remote.port);
        end(t);
    }
}

/* What only remembers goes for what waits, and takes nobody's place that waits. */
static void who_waits_comes_first(void **state)
{
    (void)state;
    struct test *t = full_of_one(true);
    struct la_wait wait;
    is_aborted(t);
    another_peer(t);
    comes_to_wait(t);
    check(t, t->evicted[LA_RISK_NUMBERS] == 1 && counted(t, LA_COUNT_WAIT_EVICTED) == 0);
    const uint16_t waits = t->remote.port;
    another_peer(t);
    is_aborted(t);
    check(t, records_of(t, &wait) == 1 && wait.kind == LA_CLASS_WAITING && wait.remote.port == waits);
    end(t);
}

/* Since when, until when, why, and what it has done. */
static void a_record_is_told(void **state)
{
    (void)state;
    struct test *t = full_of_one(true);
    struct la_wait wait;
    advance_ms(t, 500);
    comes_to_wait(t);
    const la_time came = t->now;
    check(t, records_of(t, &wait) == 1 && wait.kind == LA_CLASS_WAITING && wait.way == LA_WAY_FIN_WAIT_2);
    check(t, wait.since == came && wait.until == came + WAIT_MS * LA_MILLISECOND);
    check(t, wait.snd_nxt == t->iss + 2 && wait.rcv_nxt == t->irs + 2 && wait.timestamps);
    check(t, wait.answers == 0 && wait.restarts == 0);
    advance_ms(t, 400);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    check(t, records_of(t, &wait) == 1 && wait.answers == 1 && wait.restarts == 1);
    check(t, wait.since == t->now && wait.until == t->now + WAIT_MS * LA_MILLISECOND);
    end(t);
}

static void both_at_once_is_told(void **state)
{
    (void)state;
    struct test *t = test_in(LA_CLOSING);
    struct la_wait wait;
    inject(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
    check(t, records_of(t, &wait) == 1 && wait.way == LA_WAY_CLOSING);
    user_release(t);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_opened_remembers),
        cmocka_unit_test(or_does_not),
        cmocka_unit_test(its_segments_meet_closed),
        cmocka_unit_test(our_next_numbers_are_beyond),
        cmocka_unit_test(our_answer_is_beyond),
        cmocka_unit_test(it_is_back),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(it_is_in_nobodys_way),
        cmocka_unit_test(the_risk_is_named),
        cmocka_unit_test(who_waits_comes_first),
        cmocka_unit_test(a_record_is_told),
        cmocka_unit_test(both_at_once_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
