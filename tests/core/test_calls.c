#include "support/peer.h"

/* What a sockets interface asks of a host beside RFC 9293's own calls. */

static const uint8_t *peek(struct test *t, size_t length, int expected)
{
    static uint8_t octets[256];
    memset(octets, 0, sizeof octets);
    assert_true(length <= sizeof octets);
    check(t, la_peek(t->host, t->conn, 0, octets, length) == expected);
    return octets;
}

static void peeking_takes_nothing_off(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.buffer_piece_bytes = 64; /* so that 200 octets lie in several pieces */
    config.buffer_pieces = 1024;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    peek(t, 10, LA_ERROR_WOULD_BLOCK);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 201);
    uint8_t first[200];
    memcpy(first, peek(t, 256, 200), sizeof first);
    check(t, memcmp(first, peek(t, 100, 100), 100) == 0);
    check(t, info_of(t).unread_bytes == 200);
    uint8_t middle[100];
    check(t, la_peek(t->host, t->conn, 90, middle, sizeof middle) == 100 && memcmp(middle, first + 90, 100) == 0);
    check(t, la_peek(t->host, t->conn, 190, middle, sizeof middle) == 10 && memcmp(middle, first + 190, 10) == 0);
    check(t, la_peek(t->host, t->conn, 200, middle, sizeof middle) == LA_ERROR_WOULD_BLOCK);
    uint8_t read[200];
    check(t, la_recv(t->host, t->now, t->conn, read, sizeof read) == 200);
    check(t, memcmp(first, read, sizeof read) == 0);
    t->read += 200;
    peek(t, 10, LA_ERROR_WOULD_BLOCK);
    inject(t, .flags = FIN | ACK, .seq = 201, .ack = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 202);
    peek(t, 10, 0); /* there will be no more */
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 202);
    release_and_end(t);
}

static void what_is_kept_survives_a_reset(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.keep_unread = true;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 101);
    inject(t, .flags = RST, .seq = 101);
    struct la_outcome outcome;
    check(t, la_outcome(t->host, t->conn, &outcome) == LA_OK && outcome.end == LA_END_RESET_BY_PEER);
    peek(t, 60, 60);
    user_read(t, 100);
    check(t, la_recv(t->host, t->now, t->conn, &(char){0}, 1) == LA_ERROR_ENDED);
    peek(t, 1, LA_ERROR_ENDED);
    release_and_end(t);
}

static void another_backlog(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 1);
    check(t, la_set_backlog(t->host, t->now, t->listener, 0) == LA_ERROR_INVALID);
    check(t, la_set_backlog(t->host, t->now, (struct la_listener){0}, 2) == LA_ERROR_STALE);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    another_peer(t);
    inject_syn(t);
    expect_nothing(t);
    expect_dropped(t, LA_DROP_BACKLOG_FULL);
    check(t, la_set_backlog(t->host, t->now, t->listener, 2) == LA_OK);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    struct la_listener_info info;
    check(t, la_listener_info(t->host, t->listener, &info) == LA_OK);
    check(t, info.backlog == 2 && info.syn_received == 1 && info.queued == 1 && info.local.port == t->local.port);
    check(t, la_listener_info(t->host, (struct la_listener){0}, &info) == LA_ERROR_STALE);
    check(t, la_unlisten(t->host, t->now, t->listener) == LA_OK);
    settle(t);
    t->out_count = 0;
    end(t);
}

static void a_listeners_options_are_in_its_answers(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.receive_buffer_bytes = 262144;
    struct test *t = begin(&config);
    user_listen(t, 2);
    la_host *host = t->host;
    struct la_listener listener = t->listener;
    check(t, la_set_listener_option(host, t->now, listener, LA_OPTION_NODELAY, 1) == LA_ERROR_INVALID);
    check(t, la_set_listener_option(host, t->now, listener, LA_OPTION_MAX_SEGMENT_BYTES, 63) == LA_ERROR_INVALID);
    check(t,
          la_set_listener_option(host, t->now, listener, LA_OPTION_RECEIVE_BUFFER_BYTES, 262145) == LA_ERROR_INVALID);
    check(t, la_set_listener_option(host, t->now, (struct la_listener){0}, LA_OPTION_MAX_SEGMENT_BYTES, 500) ==
                 LA_ERROR_STALE);
    check(t, la_set_listener_option(host, t->now, listener, LA_OPTION_MAX_SEGMENT_BYTES, 500) == LA_OK);
    check(t, la_set_listener_option(host, t->now, listener, LA_OPTION_RECEIVE_BUFFER_BYTES, 8000) == LA_OK);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 500, .scale = SCALE(0));
    check(t, t->last.window == 8000);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    user_send(t, 488);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 488);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 489, .ack = 1);
    release_and_end(t);
}

static void a_listeners_marks_are_on_its_answers(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    user_listen(t, 2);
    la_host *host = t->host;
    check(t, la_set_listener_option(host, t->now, t->listener, LA_OPTION_TTL, 0) == LA_ERROR_INVALID);
    check(t, la_set_listener_option(host, t->now, t->listener, LA_OPTION_DSCP, 64) == LA_ERROR_INVALID);
    check(t, la_set_listener_option(host, t->now, t->listener, LA_OPTION_TTL, 7) == LA_OK);
    check(t, la_set_listener_option(host, t->now, t->listener, LA_OPTION_DSCP, 10) == LA_OK);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .tos = 40);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    check(t, info_of(t).ttl == 7 && info_of(t).dscp == 10);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10, .tos = 40);
    user_abort(t);
    t->out_count = 0;
    release_and_end(t);
}

/* Which of the listeners takes the next SYN: its number; count if none does. */
static unsigned taker(struct test *t, const struct la_listener *all, unsigned count)
{
    uint32_t before[3] = {0};
    struct la_listener_info info;
    for (unsigned i = 0; i < count; i++) {
        check(t, la_listener_info(t->host, all[i], &info) == LA_OK);
        before[i] = info.syn_received;
    }
    another_peer(t);
    inject_syn(t);
    t->out_count = 0;
    unsigned found = count;
    for (unsigned i = 0; i < count; i++) {
        check(t, la_listener_info(t->host, all[i], &info) == LA_OK);
        found = info.syn_received > before[i] ? i : found;
    }
    return found;
}

/* At an exact address, at any of IPv4, at any: in whatever order they came. */
static void who_listens_closest_is_asked(void **state)
{
    (void)state;
    enum { EXACT, ANY_IPV4, ANY, NOBODY };
    static const unsigned orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct la_config config = usual();
        config.listeners = 3;
        struct test *t = begin(&config);
        struct la_listener all[NOBODY];
        const struct la_address at[] = {t->local.address, la_address_ipv4(0, 0, 0, 0), {{0}}};
        for (unsigned n = 0; n < NOBODY; n++) {
            unsigned which = orders[i][n];
            const struct la_endpoint local = {at[which], t->local.port};
            check(t, la_listen(t->host, t->now, &local, 8, &all[which]) == LA_OK);
            struct la_listener again;
            check(t, n == 2 || la_listen(t->host, t->now, &local, 8, &again) == LA_ERROR_IN_USE);
        }
        check(t, taker(t, all, 3) == EXACT);
        const struct la_endpoint elsewhere = {la_address_ipv4(0, 0, 0, 0), 1};
        check(t, la_unlisten(t->host, t->now, all[EXACT]) == LA_OK);
        check(t, la_listen(t->host, t->now, &elsewhere, 1, &all[EXACT]) == LA_OK);
        check(t, taker(t, all, 3) == (family_is_ipv6() ? ANY : ANY_IPV4));
        check(t, la_set_listener_option(t->host, t->now, all[ANY], LA_OPTION_IPV6_ONLY, 2) == LA_ERROR_INVALID);
        check(t, la_set_listener_option(t->host, t->now, all[ANY], LA_OPTION_IPV6_ONLY, 1) == LA_OK);
        check(t, taker(t, all, 3) == (family_is_ipv6() ? ANY : ANY_IPV4));
        check(t, la_unlisten(t->host, t->now, all[ANY_IPV4]) == LA_OK);
        all[ANY_IPV4] = all[EXACT];
        check(t, taker(t, all, 3) == (family_is_ipv6() ? ANY : NOBODY));
        check(t, la_set_listener_option(t->host, t->now, all[ANY], LA_OPTION_IPV6_ONLY, 0) == LA_OK);
        check(t, taker(t, all, 3) == ANY);
        check(t, la_unlisten(t->host, t->now, all[ANY]) == LA_OK);
        settle(t);
        t->out_count = 0;
        end(t);
    }
}

/* A listener's alone. */
static void a_connection_has_no_family_to_leave_out(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    int64_t value = 0;
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_IPV6_ONLY, 0) == LA_ERROR_INVALID);
    check(t, la_get_option(t->host, t->conn, LA_OPTION_IPV6_ONLY, &value) == LA_ERROR_INVALID);
    user_abort(t);
    t->out_count = 0;
    release_and_end(t);
}

static void an_active_opens_options_are_in_its_syn(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.receive_buffer_bytes = 262144;
    struct test *t = begin(&config);
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_MAX_SEGMENT_BYTES, 63) == LA_ERROR_INVALID);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_MAX_SEGMENT_BYTES, 700) == LA_OK);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_RECEIVE_BUFFER_BYTES, 100000) == LA_OK);
    settle(t);
    expect(t, .flags = SYN, .mss = 700, .scale = SCALE(1));
    check(t, t->last.window == 65535);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_MAX_SEGMENT_BYTES, 600) == LA_ERROR_INVALID);
    int64_t value = 0;
    check(t, la_get_option(t->host, t->conn, LA_OPTION_MAX_SEGMENT_BYTES, &value) == LA_OK && value == 700);
    user_abort(t);
    release_and_end(t);
}

static void what_is_no_full_segment_is_held_back(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    uint32_t mss = info_of(t).snd_mss;
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_PUSH, 2) == LA_ERROR_INVALID);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_PUSH, 0) == LA_OK);
    user_send(t, mss + 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = mss);
    inject(t, .flags = ACK, .seq = 1, .ack = 1 + mss);
    expect_nothing(t);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_PUSH, 1) == LA_OK);
    settle(t);
    expect(t, .flags = PSH | ACK, .seq = 1 + mss, .ack = 1, .length = 100);
    inject(t, .flags = ACK, .seq = 1, .ack = 101 + mss);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_PUSH, 0) == LA_OK);
    user_send(t, 50);
    expect_nothing(t);
    user_shutdown(t);
    expect(t, .flags = FIN | PSH | ACK, .seq = 101 + mss, .ack = 1, .length = 50);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 152 + mss, .ack = 1);
    release_and_end(t);
}

/* A retransmission timeout, as Linux has it. */
static void but_not_for_ever(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_PUSH, 0) == LA_OK);
    user_send(t, 100);
    expect_nothing(t);
    advance_ms(t, info_of(t).rto_us / 1000 + 1);
    check(t, t->out_count == 1 && t->out[t->out_first].segment.length == 100);
    t->out_count = 0;
    user_abort(t);
    settle(t);
    t->out_count = 0;
    release_and_end(t);
}

static void quick_acks_are_not_delayed(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.delayed_ack_ms = 40;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    expect_nothing(t);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_QUICK_ACK, 1) == LA_OK);
    settle(t);
    expect(t, .flags = ACK, .seq = 1, .ack = 101);
    inject(t, .flags = ACK, .seq = 101, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 201);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_QUICK_ACK, 0) == LA_OK);
    inject(t, .flags = ACK, .seq = 201, .ack = 1, .length = 100);
    expect_nothing(t);
    user_abort(t);
    settle(t);
    t->out_count = 0;
    release_and_end(t);
}

static la_time rebind_when(struct test *t, const struct la_endpoint *local)
{
    la_time when = 1;
    check(t, la_rebind_when(t->host, local, &when) == LA_OK);
    return when;
}

static void a_port_is_free_when_the_last_wait_is_over(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    const struct la_endpoint any = {.port = t->local.port};
    const struct la_endpoint other = {.port = (uint16_t)(t->local.port + 1)};
    const struct la_endpoint elsewhere = {la_address_ipv4(192, 0, 2, 77), t->local.port};
    check(t, la_rebind_when(t->host, &(struct la_endpoint){0}, &(la_time){0}) == LA_ERROR_INVALID);
    check(t, rebind_when(t, &any) == LA_TIME_NEVER && rebind_when(t, &t->local) == LA_TIME_NEVER);
    check(t, rebind_when(t, &other) == 0 && rebind_when(t, &elsewhere) == 0);
    finish_cleanly(t);
    la_time over = 0;
    check(t, la_wait_until(t->host, &t->local, &t->remote, &over) == LA_OK && over > t->now);
    check(t, rebind_when(t, &any) == over && rebind_when(t, &t->local) == over);
    check(t, rebind_when(t, &other) == 0 && rebind_when(t, &elsewhere) == 0);
    advance_ns(t, over - t->now);
    check(t, rebind_when(t, &any) == 0);
    release_and_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peeking_takes_nothing_off),
        cmocka_unit_test(what_is_kept_survives_a_reset),
        cmocka_unit_test(another_backlog),
        cmocka_unit_test(a_listeners_options_are_in_its_answers),
        cmocka_unit_test(a_listeners_marks_are_on_its_answers),
        cmocka_unit_test(who_listens_closest_is_asked),
        cmocka_unit_test(a_connection_has_no_family_to_leave_out),
        cmocka_unit_test(an_active_opens_options_are_in_its_syn),
        cmocka_unit_test(what_is_no_full_segment_is_held_back),
        cmocka_unit_test(but_not_for_ever),
        cmocka_unit_test(quick_acks_are_not_delayed),
        cmocka_unit_test(a_port_is_free_when_the_last_wait_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
