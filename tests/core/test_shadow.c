#include "support/peer.h"

/* RFC 9293 3.6.1, MAY-2; RFC 6191: a new incarnation in whose shadow the old one's record lies, and what it takes to
   have that back. The old incarnation has sent 1 FIN (SND.NXT is 2), its peer too (RCV.NXT is 2). */

enum { WAIT_MS = 60000 };

/* The old incarnation's numbers. */
struct old {
    uint32_t iss;
    uint32_t irs;
    uint32_t tsval; /* the last that the host sent */
    la_time until;
};

static la_time wait_until(const struct test *t)
{
    la_time until = 0;
    assert_int_equal(la_wait_until(t->host, &t->local, &t->remote, &until), LA_OK);
    return until;
}

static struct old old_of(const struct test *t)
{
    return (struct old){t->iss, t->irs, t->last.options.tsval, wait_until(t)};
}

/* A segment of the old incarnation arrives, and what the host answers is that incarnation's too. */
static void inject_old(struct test *t, const struct old *old, const struct seg *seg)
{
    struct seg shifted = *seg;
    shifted.seq += old->irs - t->irs;
    shifted.ack += old->iss - t->iss;
    t->is_of_the_old = true;
    inject_segment(t, &shifted);
    t->is_of_the_old = false;
}

static void expect_old_ack(struct test *t, const struct old *old)
{
    expect(t, .flags = ACK, .seq = old->iss + 2 - t->iss, .ack = old->irs + 2 - t->irs);
}

static struct test *waiting(const struct la_config *config)
{
    struct test *t = begin(config);
    user_listen(t, 4);
    bring_to(t, LA_TIME_WAIT);
    user_release(t);
    t->conn = (struct la_conn){0};
    return t;
}

/* A SYN that RFC 6191 honours has come, and was answered. */
static struct test *reopened_with(const struct la_config *config, struct old *old)
{
    struct test *t = waiting(config);
    *old = old_of(t);
    advance_ms(t, 1000);
    inject(t, .flags = SYN, .seq = 100000, .mss = 1460, .tsval = config->timestamps ? peer_now(t) : 0);
    expect(t, .flags = SYN | ACK, .ack = 1);
    expect_state(t, LA_SYN_RECEIVED);
    check(t, waits_of(t) == 1 && counted(t, LA_COUNT_WAIT_REOPENED) == 0);
    return t;
}

static struct test *reopened(struct old *old)
{
    struct la_config config = usual();
    return reopened_with(&config, old);
}

/* The same, and then the old incarnation's peer is heard of again, 10 ms later. */
static struct test *reopened_and_heard(bool stamped, struct old *old, const struct seg *heard)
{
    struct la_config config = usual();
    config.timestamps = stamped;
    struct test *t = reopened_with(&config, old);
    struct seg seg = *heard;
    advance_ms(t, 10);
    seg.tsval = stamped ? peer_now(t) : 0;
    inject_old(t, old, &seg);
    return t;
}

static const struct seg old_fin = {.flags = FIN | ACK, .seq = 1, .ack = 2};
static const struct seg old_ack = {.flags = ACK, .seq = 2, .ack = 2};

/* The connection is gone, the record is what it was. */
static void expect_restored(struct test *t, const struct old *old)
{
    expect_state(t, LA_TIME_WAIT);
    check(t, wait_until(t) == old->until);
    check(t, waits_of(t) == 1 && counted(t, LA_COUNT_WAIT_RESTORED) == 1);
    check(t, counters_of(t).connections == 0);
}

/* ---- reopened by the peer ---- */

static void a_reset_brings_the_wait_back(void **state)
{
    (void)state;
    struct old old;
    struct test *t = reopened(&old);
    inject(t, .flags = RST, .seq = 1);
    expect_restored(t, &old);
    end(t);
}

/* The peer is in LAST-ACK, and its SYN was an old duplicate: the record answers its FIN, and waits anew. Then it is closed,
   and resets our next SYN-ACK. */
static void the_old_fin_is_answered_in_the_shadow(void **state)
{
    (void)state;
    for (unsigned stamped = 0; stamped < 2; stamped++) {
        struct old old;
        struct test *t = reopened_and_heard(stamped, &old, &old_fin);
        expect_old_ack(t, &old);
        old.until = t->now + WAIT_MS * LA_MILLISECOND;
        expect_state(t, LA_SYN_RECEIVED);
        advance_ms(t, 990);
        expect(t, .flags = SYN | ACK, .ack = 1);
        inject(t, .flags = RST, .seq = 1);
        expect_restored(t, &old);
        end(t);
    }
}

/* The same FIN, but the peer meant its SYN: the network had kept the FIN back. */
static void the_old_fin_undoes_nothing(void **state)
{
    (void)state;
    for (unsigned stamped = 0; stamped < 2; stamped++) {
        struct old old;
        struct test *t = reopened_and_heard(stamped, &old, &old_fin);
        expect_old_ack(t, &old);
        inject(t, .flags = ACK, .seq = 1, .ack = 1);
        expect_state(t, LA_ESTABLISHED);
        check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_REOPENED) == 1);
        user_accept(t);
        end(t);
    }
}

/* Our SYN-ACK met a peer that is in the old incarnation: it says where it stands, and is not reset for it. */
static void the_old_ack_undoes_nothing(void **state)
{
    (void)state;
    for (unsigned stamped = 0; stamped < 2; stamped++) {
        struct old old;
        struct test *t = reopened_and_heard(stamped, &old, &old_ack);
        expect_dropped(t, LA_DROP_WAIT_ACK);
        expect_nothing(t);
        expect_state(t, LA_SYN_RECEIVED);
        inject(t, .flags = RST, .seq = 1);
        expect_restored(t, &old);
        end(t);
    }
}

/* What the reopening SYN has overtaken is the old incarnation's, but proves nothing: its timestamp is older. */
static void what_was_overtaken_undoes_nothing(void **state)
{
    (void)state;
    struct old old;
    struct test *t = reopened(&old);
    inject_old(t, &old, &(struct seg){.flags = FIN | ACK, .seq = 1, .ack = 2, .tsval = peer_now(t) - 1});
    expect_old_ack(t, &old);
    expect_state(t, LA_SYN_RECEIVED);
    inject_old(t, &old, &(struct seg){.flags = ACK, .seq = 2, .ack = 2, .tsval = peer_now(t) - 1});
    expect_dropped(t, LA_DROP_WAIT_ACK);
    inject_old(t, &old, &(struct seg){.flags = ACK, .seq = 1, .ack = 2, .tsval = peer_now(t) - 1});
    expect_dropped(t, LA_DROP_WAIT_OLD);
    expect_state(t, LA_SYN_RECEIVED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_REOPENED) == 1 && counted(t, LA_COUNT_WAIT_RESTORED) == 0);
    user_accept(t);
    finish_cleanly(t);
    end(t);
}

/* Nobody answers: R1's three retransmissions are enough, and the deadline is the old one. */
static void silence_brings_the_wait_back(void **state)
{
    (void)state;
    struct old old;
    struct test *t = reopened(&old);
    static const uint32_t seconds[] = {1, 2, 4};
    for (unsigned i = 0; i < 3; i++) {
        advance_ms(t, seconds[i] * 1000);
        expect(t, .flags = SYN | ACK, .ack = 1);
    }
    advance_ms(t, 7999);
    expect_state(t, LA_SYN_RECEIVED);
    advance_ms(t, 1);
    expect_restored(t, &old);
    end(t);
}

/* The wait may be over before the new incarnation is established, or fails. */
static void a_wait_ends_in_the_shadow(void **state)
{
    (void)state;
    for (unsigned answered = 0; answered < 2; answered++) {
        struct la_config config = usual();
        config.msl_ms = 1000;
        struct old old;
        struct test *t = reopened_with(&config, &old);
        advance_ms(t, 900);
        check(t, waits_of(t) == 1);
        let_pass_ms(t, 200);
        check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_EXPIRED) == 1);
        expect_state(t, LA_SYN_RECEIVED);
        if (answered) {
            inject(t, .flags = ACK, .seq = 1, .ack = 1);
            expect_state(t, LA_ESTABLISHED);
        } else {
            inject(t, .flags = RST, .seq = 1);
            expect_state(t, LA_LISTEN);
        }
        check(t, counted(t, LA_COUNT_WAIT_REOPENED) == 0 && counted(t, LA_COUNT_WAIT_RESTORED) == 0);
        t->out_count = 0;
        end(t);
    }
}

/* In a full table another goes; where there is no other, the newcomer has no wait. */
static void the_shadow_is_no_room_for_others(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 2; capacity++) {
        struct la_config config = usual();
        config.time_wait_ipv4 = config.time_wait_ipv6 = capacity;
        struct old old;
        struct test *t = reopened_with(&config, &old);
        struct test saved = *t;
        for (unsigned i = 0; i < 3; i++) {
            another_peer(t);
            bring_to(t, LA_FIN_WAIT_2);
            inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
            expect(t, .flags = ACK, .seq = 2, .ack = 2);
            user_release(t);
            check(t, waits_of(t) == capacity);
        }
        check(t, counted(t, LA_COUNT_WAIT_EVICTED) == (capacity == 1 ? 0 : 2));
        t->remote = saved.remote;
        t->iss = saved.iss;
        t->irs = saved.irs;
        t->state = LA_SYN_RECEIVED;
        inject(t, .flags = RST, .seq = 1);
        check(t, wait_until(t) == old.until);
        end(t);
    }
}

/* What t is about from now on: the peer whose record was made when t stood so. */
static void back_to(struct test *t, const struct test *saved)
{
    t->remote = saved->remote;
    t->iss = saved->iss;
    t->irs = saved->irs;
    t->state = saved->state;
    t->host_offered_ts = saved->host_offered_ts;
    t->peer_offered_ts = saved->peer_offered_ts;
}

static void wait_begins(struct test *t)
{
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2, .tsval = peer_now(t));
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    expect_state(t, LA_TIME_WAIT);
}

/* The table is full, and two whose waits were begun anew are moved behind the others first: what stands next is in the
   shadow, but over, and goes before any that is not. */
static void what_is_over_in_the_shadow_is_room(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test peers[4];
    config.msl_ms = 1000;
    config.time_wait_ipv4 = config.time_wait_ipv6 = 4;
    struct test *t = begin(&config);
    user_listen(t, 4);
    for (unsigned i = 0; i < 4; i++) {
        another_peer(t);
        advance_ms(t, i == 3 ? 1000 : 0);
        bring_to(t, LA_FIN_WAIT_2);
        wait_begins(t);
        user_release(t);
        peers[i] = *t;
    }
    for (unsigned i = 0; i < 2; i++) {
        back_to(t, &peers[i]);
        wait_begins(t);
    }
    another_peer(t);
    back_to(t, &peers[2]);
    inject(t, .flags = SYN, .seq = 100000, .mss = 1460, .tsval = peer_now(t));
    expect(t, .flags = SYN | ACK, .ack = 1);
    t->remote = peers[3].remote;
    another_peer(t);
    bring_to(t, LA_FIN_WAIT_2);
    t->now += 1000 * LA_MILLISECOND; /* and nobody looks at the timers */
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2, .tsval = peer_now(t));
    check(t, counted(t, LA_COUNT_WAIT_EXPIRED) == 1 && counted(t, LA_COUNT_WAIT_EVICTED) == 0);
    check(t, waits_of(t) == 4);
    back_to(t, &peers[3]);
    check(t, wait_until(t) > t->now);
    t->out_count = 0;
    end(t);
}

/* ---- reused by us ---- */

static struct test *reused_with(const struct la_config *config, struct old *old)
{
    struct test *t = waiting(config);
    *old = old_of(t);
    advance_ms(t, 1000);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    check(t, (int32_t)(t->iss - old->iss - 2) > 65535); /* I18 */
    check(t, !config->timestamps || (int32_t)(t->last.options.tsval - old->tsval) > 0);
    check(t, waits_of(t) == 1);
    t->irs = old->irs;
    t->peer_offered_ts = false; /* a new incarnation agrees anew */
    return t;
}

static struct test *reused(struct old *old)
{
    struct la_config config = usual();
    return reused_with(&config, old);
}

static void expect_established(struct test *t)
{
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_REUSED) == 1);
    finish_cleanly(t);
}

/* In the very millisecond in which the wait began: the timestamp is beyond the last one all the same. */
static void reuse_does_not_wait(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test *t = waiting(&config);
    struct old old = old_of(t);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    check(t, (int32_t)(t->last.options.tsval - old.tsval) > 0);
    t->irs = old.irs + 5000;
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t));
    expect_established(t);
    end(t);
}

/* Theirs to ours: a later timestamp, or a number beyond. */
struct answer {
    bool stamped; /* both incarnations */
    uint32_t seq; /* of the SYN-ACK, from the old ISN; RCV.NXT is 2 */
    int tsval;    /* from TS.Recent; NO_TS */
    bool is_safe;
};

enum { NO_TS = 1000000 };

static const struct answer answers[] = {
    {true, 100000, 1, true}, {true, 1, 1, true},      {true, 0x90000000, 1, true}, {true, 3, 0, true},
    {true, 2, 0, false},     {true, 1, -1, false},    {true, 3, -1, true},         {true, 3, NO_TS, true},
    {true, 2, NO_TS, false}, {false, 3, NO_TS, true}, {false, 2, NO_TS, false},    {false, 0xf0000000, NO_TS, false},
};

static void the_answer_has_to_be_new(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer *a = &answers[i];
        struct la_config config = usual();
        config.timestamps = a->stamped;
        struct old old;
        struct test *t = reused_with(&config, &old);
        uint32_t recent = peer_now(t) - 1000;
        t->irs = old.irs + a->seq;
        struct seg answer = {.flags = SYN | ACK, .ack = 1, .mss = 1460};
        answer.tsval = a->tsval != NO_TS ? recent + (uint32_t)a->tsval : 0;
        inject_segment(t, &answer);
        if (a->is_safe) {
            expect(t, .flags = ACK, .seq = 1, .ack = 1);
            expect_state(t, LA_ESTABLISHED);
            check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_REUSED) == 1);
        } else {
            expect(t, .flags = RST, .seq = 1); /* I19 */
            expect_outcome(t, LA_END_WAITS, LA_SYN_SENT);
            check(t, wait_until(t) == old.until);
        }
        end(t);
    }
}

/* Our last ACK was lost, and the peer is in LAST-ACK still: it answers our SYN from there, or repeats its FIN. It gets
   the ACK that it lacks, and the SYN again; nobody is reset. */
static void a_peer_in_last_ack_closes_first(void **state)
{
    (void)state;
    for (unsigned fin = 0; fin < 2; fin++) {
        struct old old;
        struct test *t = reused(&old);
        inject_old(t, &old,
                   &(struct seg){
                       .flags = (uint8_t)(fin ? FIN | ACK : ACK), .seq = fin ? 1 : 2, .ack = 2, .tsval = peer_now(t)});
        expect_old_ack(t, &old);
        expect(t, .flags = SYN, .mss = 1460);
        expect_state(t, LA_SYN_SENT);
        inject_old(t, &old, &(struct seg){.flags = ACK, .seq = 2, .ack = 2, .tsval = peer_now(t)});
        expect_nothing(t); /* as often as the record's limit lets it */
        t->irs = old.irs + 70000;
        inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t));
        expect_established(t);
        end(t);
    }
}

/* What is neither is the new connection's: an ACK of something that was never sent gets its RST (3.10.7.3, first). */
static void what_does_not_fit_is_the_new_ones(void **state)
{
    (void)state;
    struct old old;
    struct test *t = reused(&old);
    inject(t, .flags = ACK, .seq = 50000, .ack = 2);
    expect(t, .flags = RST, .seq = 2);
    expect_state(t, LA_SYN_SENT);
    check(t, waits_of(t) == 1);
    end(t);
}

static void a_refusal_brings_the_wait_back(void **state)
{
    (void)state;
    struct old old;
    struct test *t = reused(&old);
    inject(t, .flags = RST | ACK, .ack = 1);
    expect_outcome(t, LA_END_REFUSED, LA_SYN_SENT);
    check(t, wait_until(t) == old.until && counted(t, LA_COUNT_WAIT_RESTORED) == 1);
    user_release(t);
    end(t);
}

/* ---- ports ---- */

static struct la_config with_ports(uint16_t ports)
{
    struct la_config config = usual();
    config.ephemeral_first = 50000;
    config.ephemeral_last = (uint16_t)(50000 + ports - 1);
    return config;
}

/* Opens from any port, and closes into TIME-WAIT. */
static void live_from_any_port(struct test *t, uint32_t peer_isn)
{
    struct la_endpoint any = {t->local.address, 0};
    check(t, la_connect(t->host, t->now, &any, &t->remote, &t->conn) == LA_OK);
    t->local.port = info_of(t).local.port;
    settle(t);
    expect(t, .flags = SYN, .mss = 1460);
    t->irs = peer_isn;
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tsval = peer_now(t));
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
    expect_state(t, LA_TIME_WAIT);
}

/* All ports of the destination wait: it goes on at once, none is left out, and no free one is passed over. */
static void all_ports_wait(void **state)
{
    (void)state;
    struct la_config config = with_ports(4);
    struct test *t = begin(&config);
    for (uint32_t life = 0; life < 12; life++) {
        live_from_any_port(t, 1000000 * life);
        check(t, waits_of(t) == (life < 4 ? life + 1 : 4));
        advance_ms(t, 1);
    }
    check(t, counted(t, LA_COUNT_WAIT_REUSED) == 8);
    end(t);
}

/* The peer's answer could be the old incarnation's: the same handle goes on from the next port that is free, with a
   wait of its own left behind; where none is, it ends. */
static void an_unsafe_answer_moves_to_the_next_port(void **state)
{
    (void)state;
    for (uint16_t ports = 1; ports <= 2; ports++) {
        struct la_config config = with_ports(ports);
        struct test *t = begin(&config);
        live_from_any_port(t, 1000000);
        la_time until = wait_until(t);
        uint16_t waiting_port = t->local.port;
        t->local.port = 0;
        struct la_conn first;
        if (ports == 2) { /* the other one is in use for as long as the choice is made */
            check(t, la_connect(t->host, t->now, &t->local, &t->remote, &first) == LA_OK);
        }
        check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
        check(t, info_of(t).local.port == waiting_port);
        if (ports == 2) {
            check(t, la_abort(t->host, t->now, first) == LA_OK && la_release(t->host, t->now, first) == LA_OK);
        }
        t->local.port = waiting_port;
        settle(t);
        expect(t, .flags = SYN, .mss = 1460);
        t->peer_offered_ts = false;
        inject(t, .flags = SYN | ACK, .seq = 0, .ack = 1, .mss = 1460, .tsval = peer_now(t) - 1);
        check(t, wait_until(t) == until);
        expect(t, .flags = RST, .seq = 1);
        if (ports == 1) {
            expect_outcome(t, LA_END_WAITS, LA_SYN_SENT);
            user_release(t);
            end(t);
            continue;
        }
        t->local.port = (uint16_t)(50000 + 50001 - waiting_port);
        check(t, info_of(t).local.port == t->local.port);
        check(t, t->out_count == 1 && t->out[t->out_first].segment.flags == SYN &&
                     t->out[t->out_first].segment.local.port == t->remote.port &&
                     t->out[t->out_first].segment.remote.port == t->local.port);
        check(t, waits_of(t) == 1 && counted(t, LA_COUNT_WAIT_RESTORED) == 1);
        t->out_count = 0;
        user_abort(t);
        user_release(t);
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_brings_the_wait_back),
        cmocka_unit_test(the_old_fin_is_answered_in_the_shadow),
        cmocka_unit_test(the_old_fin_undoes_nothing),
        cmocka_unit_test(the_old_ack_undoes_nothing),
        cmocka_unit_test(what_was_overtaken_undoes_nothing),
        cmocka_unit_test(silence_brings_the_wait_back),
        cmocka_unit_test(a_wait_ends_in_the_shadow),
        cmocka_unit_test(the_shadow_is_no_room_for_others),
        cmocka_unit_test(what_is_over_in_the_shadow_is_room),
        cmocka_unit_test(reuse_does_not_wait),
        cmocka_unit_test(the_answer_has_to_be_new),
        cmocka_unit_test(a_peer_in_last_ack_closes_first),
        cmocka_unit_test(what_does_not_fit_is_the_new_ones),
        cmocka_unit_test(a_refusal_brings_the_wait_back),
        cmocka_unit_test(all_ports_wait),
        cmocka_unit_test(an_unsafe_answer_moves_to_the_next_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
