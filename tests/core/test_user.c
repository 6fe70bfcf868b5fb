#include "support/peer.h"

/* What the application may ask of a connection, and what it is told: RFC 9293 3.9.1, 3.9.2, 3.8.3, 3.8.4. */

static struct la_config plain(void)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.window_scaling = false;
    return config;
}

static struct test *established_with(const struct la_config *config)
{
    struct test *t = test_with(config, LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    return t;
}

static struct test *established(void)
{
    const struct la_config config = plain();
    return established_with(&config);
}

static void set(struct test *t, enum la_option option, int64_t value)
{
    check(t, la_set_option(t->host, t->now, t->conn, option, value) == LA_OK);
    settle(t);
}

/* The next packet's octets, which nobody looks at otherwise. */
static size_t take_packet(struct test *t, uint8_t *to, size_t size)
{
    size_t length = la_host_output(t->host, t->now, 0, to, size);
    history_read(t);
    return length;
}

/* ---- TTL and Diffserv ---- */

/* Of the next packet. */
static void check_marks(struct test *t, uint8_t ttl, uint8_t tos)
{
    uint8_t packet[1600];
    struct packet parsed;
    size_t length = take_packet(t, packet, sizeof packet);
    assert_int_equal(ip_parse(packet, length, &parsed), LA_DROP_NONE);
    check(t, parsed.ttl == ttl && parsed.tos == tos);
}

/* MUST-49, MUST-48, SHLD-21, SHLD-22: from the config, then by the application, in what is sent and sent again. */
static void ttl_and_dscp_are_what_was_asked_for(void **state)
{
    (void)state;
    struct la_config config = plain();
    config.ttl = 77;
    config.dscp = 46;
    struct test *t = begin(&config);
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
    check_marks(t, 77, 46 << 2);
    set(t, LA_OPTION_TTL, 3);
    set(t, LA_OPTION_DSCP, 10);
    check(t, la_abort(t->host, t->now, t->conn) == LA_OK);
    end(t);

    t = established();
    set(t, LA_OPTION_DSCP, 63);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10, .tos = 63 << 2);
    set(t, LA_OPTION_DSCP, 8);
    advance_ms(t, 200);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10, .tos = 8 << 2);
    set(t, LA_OPTION_TTL, 9);
    set(t, LA_OPTION_DSCP, 0);
    check(t, info_of(t).ttl == 9 && info_of(t).dscp == 0);
    check(t, la_abort(t->host, t->now, t->conn) == LA_OK); /* the RST is of the connection too */
    check_marks(t, 9, 0);
    end(t);
}

/* MAY-9 */
static void the_last_type_of_service_received_is_told(void **state)
{
    (void)state;
    struct test *t = established();
    check(t, info_of(t).rcv_tos == 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .tos = 46 << 2);
    check(t, info_of(t).rcv_tos == 46 << 2);
    inject(t, .flags = ACK, .seq = 100000, .ack = 1, .tos = 8 << 2); /* not taken */
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).rcv_tos == 46 << 2);
    end(t);
}

/* ---- PUSH and FLUSH ---- */

/* MAY-15, MAY-16, SHLD-27: what is not pushed is put together, and leaves in full segments; the PSH bit is on the last. */
static void what_is_not_pushed_is_put_together(void **state)
{
    (void)state;
    struct test *t = established();
    set(t, LA_OPTION_PUSH, 0);
    user_send(t, 100);
    user_send(t, 100);
    expect_nothing(t);
    user_send(t, 1300);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    check(t, (t->last.flags & PSH) == 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 1461);
    expect_nothing(t);
    set(t, LA_OPTION_PUSH, 1);
    expect(t, .flags = PSH | ACK, .seq = 1461, .ack = 1, .length = 40);
    end(t);
}

/* MUST-60: not for ever. MUST-61: the last of what is queued has PSH, and nothing else. */
static void what_is_not_pushed_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct test *t = established();
    set(t, LA_OPTION_PUSH, 0);
    user_send(t, 10);
    advance_ms(t, 199);
    expect_nothing(t);
    advance_ms(t, 1);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    inject(t, .flags = ACK, .seq = 1, .ack = 11);
    set(t, LA_OPTION_PUSH, 1);
    user_send(t, 2000);
    expect(t, .flags = ACK, .seq = 11, .ack = 1, .length = 1460);
    check(t, (t->last.flags & PSH) == 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 1471);
    expect(t, .flags = PSH | ACK, .seq = 1471, .ack = 1, .length = 540);
    end(t);
}

/* MAY-14: what was sent stays, what was not is taken back, and the FIN follows what is left. */
static void flush_takes_back_what_was_not_sent(void **state)
{
    (void)state;
    struct la_config config = plain();
    struct test *t = begin(&config);
    t->peer_window = 100;
    bring_to(t, LA_ESTABLISHED);
    check(t, la_flush(t->host, t->now, t->conn) == 0);
    user_send(t, 300);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100);
    check(t, la_flush(t->host, t->now, t->conn) == 200);
    check(t, la_flush(t->host, t->now, t->conn) == 0);
    settle(t);
    t->written -= 200;
    inject(t, .flags = ACK, .seq = 1, .ack = 101);
    expect_nothing(t);
    user_send(t, 50);
    expect(t, .flags = PSH | ACK, .seq = 101, .ack = 1, .length = 50);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 151, .ack = 1);
    check(t, la_flush(t->host, t->now, t->conn) == 0);
    user_abort(t);
    expect(t, .flags = RST | ACK, .seq = 152, .ack = 1);
    check(t, la_flush(t->host, t->now, t->conn) == LA_ERROR_ENDED);
    user_release(t);
    check(t, la_flush(t->host, t->now, t->conn) == LA_ERROR_STALE);
    end(t);
}

/* Nothing is urgent any more that will not be sent. */
static void flush_takes_the_urgent_pointer_back(void **state)
{
    (void)state;
    struct la_config config = plain();
    struct test *t = begin(&config);
    uint8_t octets[200] = {0};
    t->peer_window = 100;
    bring_to(t, LA_ESTABLISHED);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    check(t, la_send_urgent(t->host, t->now, t->conn, octets, sizeof octets) == 200);
    check(t, info_of(t).snd_urgent_bytes == 300);
    check(t, la_flush(t->host, t->now, t->conn) == 200);
    check(t, info_of(t).snd_urgent_bytes == 100);
    settle(t);
    expect(t, .flags = ACK, .seq = 101, .ack = 1);
    end(t);
}

/* ---- R1, R2, the user timeout ---- */

/* MUST-20, SHLD-9, SHLD-10, MUST-47: at R1 IP is told, and the application; at R2 it is over. MUST-21: the application's
   own R1 and R2. */
static void r1_and_r2_are_the_applications(void **state)
{
    (void)state;
    struct test *t = established();
    set(t, LA_OPTION_R1_RETRANSMISSIONS, 1);
    set(t, LA_OPTION_R2_MS, 3000);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    check(t, let_pass_ms(t, 200) == 1);
    expect_events(t, 0);
    check(t, counted(t, LA_COUNT_IP_NEGATIVE_ADVICE) == 0);
    check(t, let_pass_ms(t, 400) == 1); /* the second: the first was R1 */
    expect_events(t, LA_READY_ERROR);
    check(t, counted(t, LA_COUNT_IP_NEGATIVE_ADVICE) == 1);
    check(t, let_pass_ms(t, 2399) == 1);
    expect_outcome(t, LA_END_NONE, LA_ESTABLISHED);
    (void)let_pass_ms(t, 4000);
    expect_outcome(t, LA_END_TIMED_OUT, LA_ESTABLISHED); /* MUST-12 */
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    check(t, counted(t, LA_COUNT_IP_NEGATIVE_ADVICE) == 1);
    end(t);
}

/* SHLD-10, SHLD-11: at least three, and a hundred seconds; MUST-22, MUST-23: the same for a SYN, for three minutes. */
static void r1_and_r2_as_they_come(void **state)
{
    (void)state;
    const struct la_config config = plain();
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    check(t, let_pass_ms(t, 1000 + 2000 + 4000) == 3);
    expect_events(t, 0);
    check(t, let_pass_ms(t, 8000) == 1);
    expect_events(t, LA_READY_ERROR);
    check(t, counted(t, LA_COUNT_IP_NEGATIVE_ADVICE) == 1);
    check(t, config.r1_retransmissions >= 3 && config.r2_data_ms >= 100000 && config.r2_syn_ms >= 180000);
    end(t);
}

/* SHLD-20 */
static void error_reports_can_be_switched_off(void **state)
{
    (void)state;
    struct test *t = established();
    set(t, LA_OPTION_ERROR_REPORTS, 0);
    user_send(t, 10);
    (void)let_pass_ms(t, 10000);
    expect_events(t, 0);
    set(t, LA_OPTION_ERROR_REPORTS, 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 11);
    user_send(t, 10);
    inject(t, .flags = ACK, .seq = 1, .ack = 21); /* measured: the timeout is as short as it was */
    t->out_count = 0;
    user_send(t, 10);
    (void)let_pass_ms(t, 10000);
    expect_events(t, LA_READY_ERROR);
    end(t);
}

/* RFC 9293 3.9.1.1: per OPEN, set before anything has left. */
static void a_user_timeout_with_the_open(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_USER_TIMEOUT_MS, 2500) == LA_OK);
    settle(t);
    expect(t, .flags = SYN);
    check(t, info_of(t).user_timeout_ms == 2500);
    check(t, let_pass_ms(t, 2499) == 1);
    expect_outcome(t, LA_END_NONE, LA_SYN_SENT);
    advance_ms(t, 1);
    expect_outcome(t, LA_END_USER_TIMEOUT, LA_SYN_SENT);
    end(t);
}

/* ---- keepalive ---- */

/* MAY-6, and MUST-24, MUST-27: by the application, for the times that it wants. */
static void a_keepalive_may_carry_an_octet(void **state)
{
    (void)state;
    struct la_config config = plain();
    uint8_t packet[1600];
    config.keepalive_garbage = true;
    struct test *t = established_with(&config);
    set(t, LA_OPTION_KEEPALIVE, 1);
    set(t, LA_OPTION_KEEPALIVE_IDLE_MS, 5000);
    set(t, LA_OPTION_KEEPALIVE_INTERVAL_MS, 700);
    set(t, LA_OPTION_KEEPALIVE_PROBES, 2);
    for (unsigned n = 0; n < 2; n++) {
        t->now += (n == 0 ? 5000 : 700) * LA_MILLISECOND;
        la_host_advance(t->host, t->now);
        struct packet parsed;
        struct segment segment;
        size_t length = take_packet(t, packet, sizeof packet);
        assert_int_equal(ip_parse(packet, length, &parsed), LA_DROP_NONE);
        assert_int_equal(tcp_parse(&parsed, &segment), LA_DROP_NONE);
        check(t, segment.length == 1 && segment.seq.v == t->iss && segment.flags == ACK);
    }
    check(t, counted(t, LA_COUNT_TCP_KEEPALIVES) == 2);
    advance_ms(t, 700);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    expect_outcome(t, LA_END_KEEPALIVE, LA_ESTABLISHED);
    end(t);
}

/* ---- settings of a connection's own ---- */

static void own_settings_are_few(void **state)
{
    (void)state;
    struct la_config config = plain();
    config.own_settings = 1;
    struct test *t = established_with(&config);
    set(t, LA_OPTION_R2_MS, 5000);
    set(t, LA_OPTION_USER_TIMEOUT_MS, 6000); /* the same one */
    const struct la_conn other = t->conn;
    another_peer(t);
    open_passive(t);
    int64_t value = 0;
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_R2_MS, 7000) == LA_ERROR_NO_SETTINGS);
    check(t, la_get_option(t->host, t->conn, LA_OPTION_R2_MS, &value) == LA_OK && value == 100000);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_TTL, 5) == LA_OK); /* needs none */
    check(t, la_get_option(t->host, other, LA_OPTION_R2_MS, &value) == LA_OK && value == 5000);
    check(t, la_abort(t->host, t->now, other) == LA_OK && la_release(t->host, t->now, other) == LA_OK);
    settle(t);
    (void)let_pass_ms(t, 0); /* its RST */
    set(t, LA_OPTION_R2_MS, 7000);
    end(t);
}

struct option_case {
    enum la_option option;
    int64_t least, most;
};

static void each_option_has_its_range(void **state)
{
    (void)state;
    static const struct option_case cases[] = {
        {LA_OPTION_NODELAY, 0, 1},
        {LA_OPTION_KEEPALIVE, 0, 1},
        {LA_OPTION_KEEPALIVE_IDLE_MS, 1, 0x3fffffff},
        {LA_OPTION_KEEPALIVE_INTERVAL_MS, 1, 0x3fffffff},
        {LA_OPTION_KEEPALIVE_PROBES, 1, 255},
        {LA_OPTION_USER_TIMEOUT_MS, 0, 0x3fffffff},
        {LA_OPTION_SEND_BUFFER_BYTES, 1, 16384},
        {LA_OPTION_RECEIVE_BUFFER_BYTES, 1, 8192},
        {LA_OPTION_PUSH, 0, 1},
        {LA_OPTION_TTL, 1, 255},
        {LA_OPTION_DSCP, 0, 63},
        {LA_OPTION_R1_RETRANSMISSIONS, 0, 255},
        {LA_OPTION_R2_MS, 1, 0x3fffffff},
        {LA_OPTION_ERROR_REPORTS, 0, 1},
        {LA_OPTION_MSL_MS, 0, 30000},
    };
    struct test *t = established();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct option_case *at = &cases[i];
        int64_t value = -1;
        check(t, la_set_option(t->host, t->now, t->conn, at->option, at->least - 1) == LA_ERROR_INVALID);
        check(t, la_set_option(t->host, t->now, t->conn, at->option, at->most + 1) == LA_ERROR_INVALID);
        set(t, at->option, at->least);
        check(t, la_get_option(t->host, t->conn, at->option, &value) == LA_OK && value == at->least);
        set(t, at->option, at->most);
        check(t, la_get_option(t->host, t->conn, at->option, &value) == LA_OK && value == at->most);
    }
    (void)let_pass_ms(t, 0);
    check(t, la_set_option(t->host, t->now, t->conn, (enum la_option)99, 1) == LA_ERROR_INVALID);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ttl_and_dscp_are_what_was_asked_for),
        cmocka_unit_test(the_last_type_of_service_received_is_told),
        cmocka_unit_test(what_is_not_pushed_is_put_together),
        cmocka_unit_test(what_is_not_pushed_does_not_wait_for_ever),
        cmocka_unit_test(flush_takes_back_what_was_not_sent),
        cmocka_unit_test(flush_takes_the_urgent_pointer_back),
        cmocka_unit_test(r1_and_r2_are_the_applications),
        cmocka_unit_test(r1_and_r2_as_they_come),
        cmocka_unit_test(error_reports_can_be_switched_off),
        cmocka_unit_test(a_user_timeout_with_the_open),
        cmocka_unit_test(a_keepalive_may_carry_an_octet),
        cmocka_unit_test(own_settings_are_few),
        cmocka_unit_test(each_option_has_its_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
