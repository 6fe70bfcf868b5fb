#include "support/peer.h"

#include "base/checksum.h"
#include "wire/icmp.h"
#include "wire/source_route.h"

/* Requirements of RFC 9293 that no other test shows: docs/conformance.md has them all. */

static struct la_config plain(void)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.window_scaling = false;
    config.send_buffer_bytes = 131072;
    config.buffer_pieces = 1024;
    return config;
}

static struct test *established(void)
{
    const struct la_config config = plain();
    struct test *t = test_with(&config, LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    return t;
}

static size_t take_packet(struct test *t, uint8_t *to, size_t size)
{
    size_t length = la_host_output(t->host, t->now, 0, to, size);
    history_read(t);
    return length;
}

/* ---- windows: 3.1, 3.8.6 ---- */

/* MUST-1: what has its first bit set is no negative number. REC-1: nor is what takes more than 16 bits cut off. */
static void a_large_window_is_no_negative_one(void **state)
{
    (void)state;
    struct la_config config = plain();
    config.window_scaling = true;
    struct test *t = begin(&config);
    user_listen(t, 4);
    inject(t, .flags = SYN, .mss = 1460, .scale = SCALE(14));
    expect(t, .flags = SYN | ACK, .ack = 1, .scale = SCALE(0));
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    check(t, info_of(t).snd_wnd == 65535U << 14);
    user_send(t, 60000);
    check(t, let_pass_ms(t, 0) == 10 && info_of(t).unacked_bytes == 14600);
    end(t);
}

/* MUST-34, SHLD-15, SHLD-16, MAY-7: the usable window becomes negative. Nothing new is sent; what was sent is sent
   again, from its beginning, and is not given up. */
static void a_window_that_shrinks_below_what_is_in_flight(void **state)
{
    (void)state;
    struct test *t = established();
    user_send(t, 6000);
    for (uint32_t seq = 1; seq < 5841; seq += 1460) {
        expect(t, .flags = ACK, .seq = seq, .ack = 1, .length = 1460);
    }
    expect_nothing(t); /* Nagle */
    t->peer_window = 1000;
    inject(t, .flags = ACK, .seq = 1, .ack = 1461);
    user_send(t, 2000);
    expect_nothing(t);
    advance_ms(t, 200);
    expect(t, .flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    expect_nothing(t);
    t->peer_window = 60000;
    inject(t, .flags = ACK, .seq = 1, .ack = 5841);
    expect(t, .flags = ACK, .seq = 5841, .ack = 1, .length = 1460);
    end(t);
}

/* MAY-8: nobody reads, and the window stays shut for as long as nobody does; probes are answered. */
static void a_window_may_stay_shut(void **state)
{
    (void)state;
    struct la_config config = plain();
    config.receive_buffer_bytes = 1000;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1000);
    expect(t, .flags = ACK, .seq = 1, .ack = 1001);
    for (unsigned hour = 0; hour < 24; hour++) {
        advance_ms(t, 3600000);
        inject(t, .flags = ACK, .seq = 1001, .ack = 1, .length = 1);
        expect(t, .flags = ACK, .seq = 1, .ack = 1001);
        check(t, t->last.window == 0);
    }
    user_read(t, 1000);
    expect(t, .flags = ACK, .seq = 1, .ack = 1001);
    check(t, t->last.window == 1000);
    end(t);
}

/* ---- options: 3.1, 3.2 ---- */

/* MUST-5: also in a segment that is no SYN; MUST-6: ignored there. MUST-65 is watched in every test (peer.c). */
static void options_in_any_segment(void **state)
{
    (void)state;
    struct test *t = established();
    inject(t, .flags = ACK, .seq = 1, .ack = 1, .length = 10, .mss = 100, .scale = SCALE(3), .tsval = 5);
    expect(t, .flags = ACK, .seq = 1, .ack = 11);
    check(t, info_of(t).snd_mss == 1460 && info_of(t).snd_wscale == 0);
    inject(t, .flags = FIN | ACK, .seq = 11, .ack = 1, .mss = 100);
    expect(t, .flags = ACK, .seq = 1, .ack = 12);
    expect_state(t, LA_CLOSE_WAIT);
    end(t);
}

/* ---- initial sequence numbers: 3.4.1 ---- */

static uint32_t iss_of(const struct la_config *config, la_time later)
{
    struct test *t = begin(config);
    uint8_t packet[1600];
    struct packet parsed;
    struct segment segment;
    t->now += later;
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
    size_t length = take_packet(t, packet, sizeof packet);
    assert_int_equal(ip_parse(packet, length, &parsed), LA_DROP_NONE);
    assert_int_equal(tcp_parse(&parsed, &segment), LA_DROP_NONE);
    end(t);
    return segment.seq.v;
}

/* MUST-8: a step each four microseconds. SHLD-1, MUST-9: whoever has another key is somewhere else. */
static void initial_sequence_numbers_follow_the_clock_and_the_key(void **state)
{
    (void)state;
    struct la_config config = plain();
    uint32_t iss = iss_of(&config, 0);
    assert_int_equal(iss_of(&config, 4 * LA_MICROSECOND) - iss, 1);
    assert_int_equal(iss_of(&config, LA_SECOND) - iss, 250000);
    assert_int_equal(iss_of(&config, 0), iss);
    config.key[15] ^= 1;
    uint32_t other = iss_of(&config, 0);
    assert_true(other - iss > 1000000 && iss - other > 1000000);
}

/* ---- RST: 3.5.3, 3.6 ---- */

/* SHLD-2; MUST-12: the application hears which of the two it was. */
static void a_reset_may_carry_text(void **state)
{
    (void)state;
    struct test *t = established();
    inject(t, .flags = RST | ACK, .seq = 1, .ack = 1, .length = 20);
    expect_nothing(t);
    expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
    expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
    check(t, info_of(t).unread_bytes == 0);
    end(t);

    t = established();
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 2);
    expect_events(t, LA_READY_PEER_CLOSED | LA_READY_READABLE);
    expect_outcome(t, LA_END_NONE, LA_CLOSE_WAIT);
    end(t);
}

/* ---- retransmission: 3.8.1 ---- */

/* MAY-4 */
static void what_is_sent_again_has_the_same_ip_identification(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    uint8_t packet[2][1600] = {{0}};
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
    for (unsigned i = 0; i < 2; i++) {
        check(t, take_packet(t, packet[i], sizeof packet[i]) > 40);
        t->now += LA_SECOND;
        la_host_advance(t->host, t->now);
    }
    assert_memory_equal(packet[0] + 4, packet[1] + 4, 2);
    assert_memory_equal(packet[0] + 20, packet[1] + 20, 16); /* and is the same segment */
    end(t);
}

/* ---- acknowledgments: 3.10.7.4 ---- */

/* MUST-58, MUST-59: what arrives together is processed together, and acknowledged once. */
static void segments_that_arrive_together_are_acknowledged_together(void **state)
{
    (void)state;
    struct test *t = established();
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t packet[200];
        unsigned headers = ip_header_bytes(&t->local.address) + TCP_HEADER_BYTES;
        struct tcp_header header = {.local = &t->remote, .remote = &t->local, .flags = ACK, .window = 65535};
        header.seq = seq_of(t->irs + 1 + i * 100);
        header.ack = seq_of(t->iss + 1);
        for (uint32_t n = 0; n < 100; n++) {
            packet[headers + n] = peer_pattern(1 + i * 100 + n);
        }
        uint64_t sum = checksum_add(0, false, packet + headers, 100);
        size_t length = tcp_emit(packet, &header, 64, 100, sum) + (size_t)100;
        la_host_input(t->host, t->now, 0, packet, length);
    }
    settle(t);
    expect(t, .flags = ACK, .seq = 1, .ack = 501);
    expect_nothing(t);
    user_read(t, 500);
    end(t);
}

/* ---- keepalive: 3.8.4 ---- */

/* MUST-26: nothing is asked while something that was sent waits for its answer. MUST-28: two hours, if nobody says
   otherwise. */
static void no_keepalive_while_something_is_outstanding(void **state)
{
    (void)state;
    struct la_config config;
    la_config_default(&config);
    assert_true(config.keepalive_idle_ms >= 7200000 && !config.keepalive);
    config = plain();
    config.keepalive = true;
    config.keepalive_idle_ms = 1000;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    advance_ms(t, 900);
    user_send(t, 10);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 10);
    (void)let_pass_ms(t, 20000);
    check(t, counted(t, LA_COUNT_TCP_KEEPALIVES) == 0 && counted(t, LA_COUNT_TCP_TIMEOUTS) > 3);
    inject(t, .flags = ACK, .seq = 1, .ack = 11);
    (void)let_pass_ms(t, 3000);
    check(t, counted(t, LA_COUNT_TCP_KEEPALIVES) > 0);
    end(t);
}

/* ---- OPEN: 3.9.1.1 ---- */

/* MUST-41, MUST-42: a listener on the port of connections that are being opened either way, which it leaves alone. */
static void a_passive_open_leaves_others_alone(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    struct la_listener second;
    user_connect(t);
    expect(t, .flags = SYN);
    user_listen(t, 4);
    expect_state(t, LA_SYN_SENT);
    check(t, la_listen(t->host, t->now, &t->local, 4, &second) == LA_ERROR_IN_USE);
    inject(t, .flags = SYN, .mss = 1460); /* the connection's, not the listener's */
    expect(t, .flags = SYN | ACK, .ack = 1);
    const struct la_endpoint everywhere = {.port = t->local.port};
    check(t, la_listen(t->host, t->now, &everywhere, 4, &second) == LA_OK); /* in SYN-RECEIVED */
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    expect_state(t, LA_ESTABLISHED);
    expect_events(t, LA_READY_ESTABLISHED | LA_READY_WRITABLE);
    another_peer(t);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    end(t);
}

/* MUST-43, MUST-44, MUST-45: given or chosen, the local address is that of every segment of the connection. */
static void the_local_address_stays(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    const struct la_address own[] = {la_address_ipv4(10, 0, 0, 1), la_address_ipv4(10, 0, 0, 77)};
    uint8_t packet[1600];
    check(t, la_address_add(t->host, t->now, 0, &own[1], 24) == LA_OK);
    for (unsigned i = 0; i < 3; i++) {
        const struct la_endpoint local = {.address = own[i % 2], .port = (uint16_t)(1000 + i)};
        bool is_given = i < 2;
        t->remote.port = (uint16_t)(2000 + i);
        check(t, la_connect(t->host, t->now, is_given ? &local : NULL, &t->remote, &t->conn) == LA_OK);
        const struct la_info info = info_of(t);
        check(t, la_address_equal(&info.local.address, &local.address));
        for (unsigned n = 0; n < 3; n++) {
            check(t, take_packet(t, packet, sizeof packet) > 0 && packet[15] == own[i % 2].octets[15]);
            t->now += 4 * LA_SECOND;
            la_host_advance(t->host, t->now);
        }
        check(t, la_abort(t->host, t->now, t->conn) == LA_OK && la_release(t->host, t->now, t->conn) == LA_OK);
    }
    const struct la_endpoint foreign = {.address = la_address_ipv4(10, 0, 0, 5), .port = 1};
    check(t, la_connect(t->host, t->now, &foreign, &t->remote, &t->conn) == LA_ERROR_NO_ADDRESS);
    end(t);
}

/* MUST-46 */
static void an_open_to_what_is_no_host_is_an_error(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    static const uint8_t wrong[][4] = {{224, 0, 0, 1}, {255, 255, 255, 255}, {10, 0, 0, 255}, {0, 0, 0, 0},
                                       {127, 0, 0, 1}, {10, 0, 0, 1},        {240, 0, 0, 1}};
    const struct la_address all = la_address_ipv4(0, 0, 0, 0);
    check(t, la_route_add(t->host, t->now, 0, &all, 0) == LA_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct la_endpoint to = {la_address_ipv4(wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]), 80};
        check(t, la_connect(t->host, t->now, NULL, &to, &t->conn) == LA_ERROR_NO_ROUTE);
    }
    end(t);
}

static void inject_syn_between(struct test *t, const uint8_t from[4], const uint8_t to[4])
{
    uint8_t packet[100];
    const struct la_endpoint source = {la_address_ipv4(from[0], from[1], from[2], from[3]), 1};
    const struct la_endpoint destination = {la_address_ipv4(to[0], to[1], to[2], to[3]), t->local.port};
    struct tcp_header header = {.local = &source, .remote = &destination, .flags = SYN, .window = 1000};
    size_t length = tcp_emit(packet, &header, 64, 0, 0);
    la_host_input(t->host, t->now, 0, packet, length);
    settle(t);
}

/* MUST-57, MUST-63: in silence. */
static void a_syn_from_or_to_what_is_no_host_is_dropped(void **state)
{
    (void)state;
    struct test *t = begin_usual();
    static const uint8_t ours[] = {10, 0, 0, 1};
    static const uint8_t peers[] = {10, 0, 0, 2};
    static const uint8_t wrong[][4] = {{224, 0, 0, 1}, {255, 255, 255, 255}, {10, 0, 0, 255},
                                       {0, 0, 0, 0},   {127, 0, 0, 1},       {240, 0, 0, 1}};
    const struct la_endpoint everywhere = {.port = t->local.port};
    check(t, la_listen(t->host, t->now, &everywhere, 4, &t->listener) == LA_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        inject_syn_between(t, peers, wrong[i]);
        expect_dropped(t, LA_DROP_IP_DESTINATION);
        inject_syn_between(t, wrong[i], ours);
        expect_dropped(t, LA_DROP_IP_SOURCE);
        expect_nothing(t);
        check(t, counters_of(t).connections == 0);
    }
    inject_syn_between(t, ours, ours);
    expect_dropped(t, LA_DROP_IP_SOURCE);
    end(t);
}

/* ---- IP: 3.9.2 ---- */

/* MUST-50, MAY-10, MAY-11: options that are not ours to understand change nothing. */
static void ip_options_are_ignored(void **state)
{
    (void)state;
    static const struct source_route options[] = {
        {.bytes = 4, .first_hop = {10, 0, 0, 1}, .option = {148, 4, 0, 0}},                 /* router alert */
        {.bytes = 8, .first_hop = {10, 0, 0, 1}, .option = {7, 7, 4, 0, 0, 0, 0, 0}},       /* record route */
        {.bytes = 12, .first_hop = {10, 0, 0, 1}, .option = {68, 12, 5, 0}},                /* timestamps */
        {.bytes = 40, .first_hop = {10, 0, 0, 1}, .option = {1, 99, 3, 77, 200, 36, 1, 2}}, /* nobody's */
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct test *t = begin_usual();
        uint8_t packet[200];
        struct tcp_header header = {.local = &t->remote, .remote = &t->local, .seq = seq_of(t->irs), .flags = SYN};
        user_listen(t, 4);
        size_t length = source_route_insert(packet, tcp_emit(packet, &header, 64, 0, 0), &options[i]);
        la_host_input(t->host, t->now, 0, packet, length);
        settle(t);
        expect(t, .flags = SYN | ACK, .ack = 1);
        end(t);
    }
}

/* The connection's last packet comes back in an ICMP error. */
static void inject_icmp(struct test *t, const uint8_t *about, size_t length, uint8_t type, uint8_t code)
{
    uint8_t packet[700];
    struct packet ours;
    assert_int_equal(ip_parse(about, length, &ours), LA_DROP_NONE);
    /* Addressed as an answer to it: from the far end. */
    size_t whole = icmp_emit_unreachable(packet, &ours, 0, 64);
    packet[20] = type;
    packet[21] = code;
    put_u16(packet + 22, 0);
    put_u16(packet + 22, checksum_finish(checksum_add(0, false, packet + 20, whole - 20)));
    la_host_input(t->host, t->now, 0, packet, whole);
    settle(t);
}

struct icmp_case {
    uint8_t type, code;
    bool is_told;   /* LA_READY_ERROR */
    bool is_hard;   /* ends an open that is under way */
    bool is_silent; /* nobody hears of it */
};

/* MUST-54, MUST-55, MUST-56, SHLD-25, SHLD-26, MUST-47: what an ICMP error means to the connection that it is about. */
static void icmp_errors_reach_their_connection(void **state)
{
    (void)state;
    static const struct icmp_case cases[] = {
        {3, 0, .is_told = true},  {3, 1, .is_told = true},  {3, 5, .is_told = true},
        {11, 0, .is_told = true}, {11, 1, .is_told = true}, {12, 0, .is_told = true},
        {3, 2, .is_hard = true},  {3, 3, .is_hard = true},  {4, 0, .is_silent = true} /* source quench */
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const struct icmp_case *at = &cases[i / 2];
        bool is_open = i % 2 == 1;
        uint8_t packet[1600];
        struct test *t = is_open ? established() : begin_usual();
        uint8_t octet = 1;
        if (is_open) {
            check(t, la_send(t->host, t->now, t->conn, &octet, 1) == 1);
        } else {
            check(t, la_connect(t->host, t->now, &t->local, &t->remote, &t->conn) == LA_OK);
        }
        size_t length = take_packet(t, packet, sizeof packet);
        inject_icmp(t, packet, length, at->type, at->code);
        bool ends = at->is_hard && !is_open;
        unsigned told = at->is_silent ? 0 : LA_READY_ERROR;
        expect_events(t, ends ? LA_READY_ENDED | LA_READY_READABLE : told);
        expect_outcome(t, ends ? LA_END_UNREACHABLE : LA_END_NONE, LA_SYN_SENT);
        expect_dropped(t, at->is_silent ? LA_DROP_ICMP_TYPE : LA_DROP_NONE);
        expect_nothing(t);
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_window_is_no_negative_one),
        cmocka_unit_test(a_window_that_shrinks_below_what_is_in_flight),
        cmocka_unit_test(a_window_may_stay_shut),
        cmocka_unit_test(options_in_any_segment),
        cmocka_unit_test(initial_sequence_numbers_follow_the_clock_and_the_key),
        cmocka_unit_test(a_reset_may_carry_text),
        cmocka_unit_test(segments_that_arrive_together_are_acknowledged_together),
        cmocka_unit_test(no_keepalive_while_something_is_outstanding),
        cmocka_unit_test(a_passive_open_leaves_others_alone),
    };
    const struct CMUnitTest of_ipv4[] = {
        /* unit.ip_ipv6 and core.icmp say the same of IPv6 */
        cmocka_unit_test(what_is_sent_again_has_the_same_ip_identification),
        cmocka_unit_test(the_local_address_stays),
        cmocka_unit_test(an_open_to_what_is_no_host_is_an_error),
        cmocka_unit_test(a_syn_from_or_to_what_is_no_host_is_dropped),
        cmocka_unit_test(ip_options_are_ignored),
        cmocka_unit_test(icmp_errors_reach_their_connection),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return family_is_ipv6() ? failed : failed + cmocka_run_group_tests(of_ipv4, NULL, NULL);
}
