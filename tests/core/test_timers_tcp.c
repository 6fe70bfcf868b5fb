#include "support/peer.h"

/* When: RFC 6298, RFC 9293 3.8.3, 3.8.4, 3.8.6, 3.7.4. Times are counted from the moment that starts the timer. */

static struct la_config bare_with_nagle(void)
{
    struct la_config config = bare();
    config.nagle = true;
    return config;
}

static struct test *established_by(const struct la_config *config, uint32_t rtt_ms)
{
    struct test *t = established_after(config, rtt_ms, 65535);
    expect_events(t, LA_READY_WRITABLE);
    return t;
}

static struct test *established(uint32_t rtt_ms)
{
    const struct la_config config = bare_with_nagle();
    return established_by(&config, rtt_ms);
}

/* Nothing leaves before `ms` are over, and then what is expected next. */
static void quiet_for(struct test *t, uint32_t ms)
{
    advance_ms(t, ms - 1);
    expect_nothing(t);
    advance_ms(t, 1);
}

/* ---- RFC 6298 ---- */

static void the_timeout_follows_the_samples(void **state)
{
    (void)state;
    struct test *t = established(100);
    check(t, info_of(t).rtt_us == 100000 && info_of(t).rttvar_us == 50000); /* (2.2) */
    check(t, info_of(t).rto_us == 300000);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    advance_ms(t, 200);
    inject(t, .flags = ACK, .seq = 1, .ack = 101);
    check(t, info_of(t).rttvar_us == 62500 && info_of(t).rtt_us == 112500); /* (2.3) */
    check(t, info_of(t).rto_us == 363000);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 101, .ack = 1, .length = 100);
    quiet_for(t, 363);
    expect(t, .flags = PSH | ACK, .seq = 101, .ack = 1, .length = 100);
    end(t);
}

/* On a steady path the variation goes to nothing: the timeout stays a minimum above the round trip, so that a delayed
   ACK does not look like a loss. */
static void a_long_steady_path_is_not_timed_out(void **state)
{
    (void)state;
    struct test *t = established(300);
    for (uint32_t n = 0; n < 40; n++) {
        user_send(t, 100);
        expect(t, .flags = PSH | ACK, .seq = 1 + n * 100, .ack = 1, .length = 100);
        quiet_for(t, 300);
        inject(t, .flags = ACK, .seq = 1, .ack = 101 + n * 100);
    }
    check(t, info_of(t).rttvar_us < 1000);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 4001, .ack = 1, .length = 100);
    quiet_for(t, 499); /* the peer may hold its ACK back for 200 ms */
    inject(t, .flags = ACK, .seq = 1, .ack = 4101);
    expect_nothing(t);
    end(t);
}

/* RFC 9293 MUST-18 */
static void what_was_sent_twice_is_no_sample(void **state)
{
    (void)state;
    struct test *t = established(100);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    quiet_for(t, 300);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    advance_ms(t, 500);
    inject(t, .flags = ACK, .seq = 1, .ack = 101);
    check(t, info_of(t).rtt_us == 100000 && info_of(t).rttvar_us == 50000); /* Karn: RFC 6298 3 */
    end(t);
}

static void timestamps_tell_what_was_answered(void **state)
{
    (void)state;
    struct la_config config = bare_with_nagle();
    config.timestamps = true;
    struct test *t = established_by(&config, 100);
    user_send(t, 100);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    quiet_for(t, 300);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 100);
    advance_ms(t, 100);
    inject(t, .flags = ACK, .seq = 1, .ack = 101); /* it echoes the second */
    check(t, info_of(t).rtt_us == 100000 && info_of(t).rttvar_us < 50000);
    end(t);
}

/* RFC 6298 (5.3): new data acknowledged restarts the timer; (5.2): all acknowledged stops it. */
static void an_acknowledgment_restarts_it(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 2920);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    expect(t, .flags = PSH | ACK, .seq = 1461, .ack = 1, .length = 1460);
    advance_ms(t, 150);
    inject(t, .flags = ACK, .seq = 1, .ack = 1461);
    quiet_for(t, info_of(t).rto_us / 1000);
    expect(t, .flags = PSH | ACK, .seq = 1461, .ack = 1, .length = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 2921);
    advance_ms(t, 1000000);
    expect_nothing(t);
    end(t);
}

/* RFC 9293 MUST-19, MUST-20 */
static void it_doubles_up_to_its_cap_until_r2(void **state)
{
    (void)state;
    struct test *t = established(0);
    uint32_t passed_ms = 0;
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    uint32_t rto_ms = 200;
    for (unsigned n = 1; n <= 8; n++) {
        quiet_for(t, rto_ms);
        passed_ms += rto_ms;
        expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
        check(t, info_of(t).retransmits == n);
        expect_events(t, n == 4 ? LA_READY_ERROR : 0); /* R1: three were not enough */
        rto_ms = rto_ms * 2 < 60000 ? rto_ms * 2 : 60000;
    }
    check(t, passed_ms == 51000);
    quiet_for(t, rto_ms); /* at 102.2 s: R2 is over */
    expect(t, .flags = RST | ACK, .seq = 11, .ack = 1);
    expect_outcome(t, LA_END_TIMED_OUT, LA_ESTABLISHED);
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    advance_ms(t, 1000000);
    end(t);
}

static void the_cap_is_the_configs(void **state)
{
    (void)state;
    struct la_config config = bare_with_nagle();
    config.rto_max_ms = 1000;
    config.r2_data_ms = 5000;
    struct test *t = established_by(&config, 0);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    static const uint32_t after_ms[] = {200, 400, 800, 1000, 1000, 1000};
    for (unsigned n = 0; n < 6; n++) {
        quiet_for(t, after_ms[n]);
        expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    }
    quiet_for(t, 1000); /* 5.4 s */
    expect(t, .flags = RST | ACK, .seq = 11, .ack = 1);
    end(t);
}

/* RFC 9293 MUST-23: at least three minutes. */
static void a_syn_is_repeated_for_three_minutes(void **state)
{
    (void)state;
    const struct la_config config = bare_with_nagle();
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN);
    for (uint32_t rto_ms = 1000; rto_ms < 120000; rto_ms *= 2) {
        quiet_for(t, rto_ms < 60000 ? rto_ms : 60000);
        expect(t, .flags = SYN);
    }
    quiet_for(t, 60000); /* 183 s */
    expect_outcome(t, LA_END_TIMED_OUT, LA_SYN_SENT);
    expect_nothing(t);
    end(t);
}

static void a_syn_ack_too(void **state)
{
    (void)state;
    const struct la_config config = bare_with_nagle();
    struct test *t = begin(&config);
    user_listen(t, 1);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    for (uint32_t rto_ms = 1000; rto_ms < 120000; rto_ms *= 2) {
        quiet_for(t, rto_ms < 60000 ? rto_ms : 60000);
        expect(t, .flags = SYN | ACK, .ack = 1);
    }
    quiet_for(t, 60000);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    check(t, counters_of(t).connections == 0);
    another_peer(t); /* the backlog is free again: I35 */
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    end(t);
}

/* RFC 6298 (5.7) */
static void after_a_lost_syn_the_timeout_begins_with_three_seconds(void **state)
{
    (void)state;
    const struct la_config config = bare_with_nagle();
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN);
    quiet_for(t, 1000);
    expect(t, .flags = SYN);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    check(t, info_of(t).snd_cwnd_bytes == 1460); /* RFC 5681 3.1 */
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    quiet_for(t, 3000);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    end(t);
}

static void the_user_timeout(void **state)
{
    (void)state;
    struct test *t = established(0);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_USER_TIMEOUT_MS, 5000) == LA_OK);
    advance_ms(t, 100000); /* nothing waits: nothing is bounded */
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    check(t, let_pass_ms(t, 4000) == 4);
    inject(t, .flags = ACK, .seq = 1, .ack = 11); /* progress; the timeout stays at 3,200 ms (RFC 6298 5, Karn) */
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 11, .ack = 1, .length = 10);
    check(t, let_pass_ms(t, 4999) == 1);
    expect_outcome(t, LA_END_NONE, LA_ESTABLISHED);
    advance_ms(t, 1);
    expect(t, .flags = RST | ACK, .seq = 21, .ack = 1);
    expect_outcome(t, LA_END_USER_TIMEOUT, LA_ESTABLISHED);
    end(t);
}

/* Who closed and hears nothing has given up for that reason, not for a shut window. */
static void a_closed_connection_is_given_up_after_r2(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    (void)let_pass_ms(t, 110000);
    expect_outcome(t, LA_END_TIMED_OUT, LA_FIN_WAIT_1);
    end(t);
}

/* ---- keepalive: RFC 9293 3.8.4 ---- */

static struct test *kept_alive(void)
{
    struct la_config config = bare_with_nagle();
    config.keepalive = true;
    config.keepalive_idle_ms = 10000;
    config.keepalive_interval_ms = 1000;
    config.keepalive_probes = 3;
    return established_by(&config, 0);
}

/* MAY-5, MUST-29: not for one probe; SHLD-12: without text. */
static void keepalive_gives_up(void **state)
{
    (void)state;
    struct test *t = kept_alive();
    quiet_for(t, 10000);
    expect(t, .flags = ACK, .seq = 0, .ack = 1); /* SND.NXT - 1 */
    for (unsigned n = 1; n < 3; n++) {
        quiet_for(t, 1000);
        expect(t, .flags = ACK, .seq = 0, .ack = 1);
    }
    quiet_for(t, 1000);
    expect(t, .flags = RST | ACK, .seq = 1, .ack = 1);
    expect_outcome(t, LA_END_KEEPALIVE, LA_ESTABLISHED);
    end(t);
}

static void what_arrives_puts_keepalive_off(void **state)
{
    (void)state;
    struct test *t = kept_alive();
    advance_ms(t, 6000);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    for (unsigned n = 0; n < 20; n++) {
        quiet_for(t, 10000);
        expect(t, .flags = ACK, .seq = 0, .ack = 11);
        quiet_for(t, 1000);
        expect(t, .flags = ACK, .seq = 0, .ack = 11);
        inject(t, .flags = ACK, .seq = 11, .ack = 1); /* the peer lives */
        expect_nothing(t);
    }
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_KEEPALIVE, 0) == LA_OK);
    advance_ms(t, 1000000);
    expect_nothing(t);
    end(t);
}

static void keepalive_is_off_by_default(void **state)
{
    (void)state;
    struct test *t = established(0);
    advance_ms(t, 100000000); /* MUST-25 */
    expect_nothing(t);
    end(t);
}

/* ---- acknowledgments: RFC 9293 3.8.6.3 ---- */

/* SHLD-18, MUST-40; SHLD-19: every second at the least. */
static void acknowledgments_are_delayed(void **state)
{
    (void)state;
    struct la_config config = bare_with_nagle();
    config.delayed_ack_ms = 40;
    config.receive_buffer_bytes = 60000;
    struct test *t = established_by(&config, 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    quiet_for(t, 40);
    expect(t, .flags = ACK, .seq = 1, .ack = 1461);
    inject(t, .flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 2921, .ack = 1, .length = 1460);
    expect(t, .flags = ACK, .seq = 1, .ack = 4381);
    inject(t, .flags = ACK, .seq = 4381, .ack = 1, .length = 100);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 4481, .length = 10); /* it rides along */
    inject(t, .flags = ACK, .seq = 4481, .ack = 11);
    advance_ms(t, 1000);
    expect_nothing(t);
    end(t);
}

/* SHLD-31, MAY-13, MUST-59 */
static void a_gap_is_acknowledged_at_once(void **state)
{
    (void)state;
    struct la_config config = bare_with_nagle();
    config.delayed_ack_ms = 499;
    struct test *t = established_by(&config, 0);
    inject(t, .flags = ACK, .seq = 101, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 201, .ack = 1, .length = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 100); /* fills it: RFC 5681 4.2 */
    expect(t, .flags = ACK, .seq = 1, .ack = 301);
    end(t);
}

/* ---- Nagle: RFC 9293 3.7.4 ---- */

/* SHLD-7, MUST-17 */
static void small_segments_wait_for_the_answer(void **state)
{
    (void)state;
    struct test *t = established(0);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    user_send(t, 10);
    user_send(t, 10);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 11);
    expect(t, .flags = PSH | ACK, .seq = 11, .ack = 1, .length = 20);
    user_send(t, 1500); /* a whole segment does not wait */
    expect(t, .flags = ACK, .seq = 31, .ack = 1, .length = 1460);
    expect_nothing(t);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_NODELAY, 1) == LA_OK); /* MUST-17 */
    settle(t);
    expect(t, .flags = PSH | ACK, .seq = 1491, .ack = 1, .length = 40);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1531, .ack = 1, .length = 10);
    end(t);
}

/* ---- silly windows: RFC 9293 3.8.6.2 ---- */

/* MUST-38 */
static void a_small_part_of_the_window_is_not_used(void **state)
{
    (void)state;
    struct la_config config = bare_with_nagle();
    config.nagle = false;
    struct test *t = begin(&config);
    t->peer_window = 2000;
    user_listen(t, 1);
    open_passive(t);
    user_send(t, 4000);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    expect_nothing(t); /* 540 octets are less than half of the largest window */
    inject(t, .flags = ACK, .seq = 1, .ack = 1461);
    expect(t, .flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    t->peer_window = 1000;
    inject(t, .flags = ACK, .seq = 1, .ack = 2921);
    expect(t, .flags = ACK, .seq = 2921, .ack = 1, .length = 1000); /* half of it */
    t->peer_window = 300;
    inject(t, .flags = ACK, .seq = 1, .ack = 3921);
    expect(t, .flags = PSH | ACK, .seq = 3921, .ack = 1, .length = 80); /* all there is */
    end(t);
}

/* ... but not for ever: the override of 3.8.6.2.1 (4). */
static void a_small_window_is_used_in_the_end(void **state)
{
    (void)state;
    struct test *t = established(0);
    t->peer_window = 300;
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_send(t, 4000);
    quiet_for(t, 200);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 300);
    end(t);
}

static void read_exactly(struct test *t, size_t octets)
{
    uint8_t buffer[2000];
    check(t, la_recv(t->host, t->now, t->conn, buffer, octets) == (int)octets);
    settle(t);
}

static void a_window_opens_by_a_segment_at_least(void **state)
{
    (void)state;
    struct test *t = established(0);
    for (uint32_t seq = 1; seq <= 8192; seq += 1024) {
        inject(t, .flags = ACK, .seq = seq, .ack = 1, .length = 1024);
        expect(t, .flags = ACK, .seq = 1, .ack = seq + 1024);
    }
    check(t, t->last.window == 0);
    read_exactly(t, 100);
    read_exactly(t, 1359);
    expect_nothing(t); /* 1459 octets: less than a segment */
    inject(t, .flags = ACK, .seq = 8193, .ack = 1, .length = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 8193); /* a probe is answered: MUST-39, and takes nothing */
    check(t, t->last.window == 0);
    read_exactly(t, 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 8193);
    check(t, t->last.window == 1460);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timeout_follows_the_samples),
        cmocka_unit_test(a_long_steady_path_is_not_timed_out),
        cmocka_unit_test(what_was_sent_twice_is_no_sample),
        cmocka_unit_test(timestamps_tell_what_was_answered),
        cmocka_unit_test(an_acknowledgment_restarts_it),
        cmocka_unit_test(it_doubles_up_to_its_cap_until_r2),
        cmocka_unit_test(the_cap_is_the_configs),
        cmocka_unit_test(a_syn_is_repeated_for_three_minutes),
        cmocka_unit_test(a_syn_ack_too),
        cmocka_unit_test(after_a_lost_syn_the_timeout_begins_with_three_seconds),
        cmocka_unit_test(the_user_timeout),
        cmocka_unit_test(a_closed_connection_is_given_up_after_r2),
        cmocka_unit_test(keepalive_gives_up),
        cmocka_unit_test(what_arrives_puts_keepalive_off),
        cmocka_unit_test(keepalive_is_off_by_default),
        cmocka_unit_test(acknowledgments_are_delayed),
        cmocka_unit_test(a_gap_is_acknowledged_at_once),
        cmocka_unit_test(small_segments_wait_for_the_answer),
        cmocka_unit_test(a_small_part_of_the_window_is_not_used),
        cmocka_unit_test(a_small_window_is_used_in_the_end),
        cmocka_unit_test(a_window_opens_by_a_segment_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
