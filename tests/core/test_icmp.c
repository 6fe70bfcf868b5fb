#include "support/peer.h"

#include "base/checksum.h"
#include "wire/icmpv6.h"

/* What errors from the network do to connections: RFC 9293 3.9.2.2, RFC 5927; path MTU: RFC 1191, RFC 8201. Sizes are
   IPv4's, and in IPv6 as much larger as the header is, so that segments are the same. */

/* An error of the family about a segment that the host sent. */
struct error {
    uint8_t type, code;
    uint32_t rest;   /* behind the checksum: the MTU of path MTU discovery */
    uint32_t seq;    /* the segment's, from the host's ISN */
    uint32_t length; /* that its packet had */
    uint16_t port;   /* 0: the connection's, of the host */
};

static void inject_error(struct test *t, const struct error *error)
{
    uint8_t packet[200];
    bool ipv6 = family_is_ipv6();
    unsigned ip_bytes = ip_header_bytes(&t->local.address);
    size_t length = 8 + ip_bytes + 8;
    const struct la_address router = family_address(254);
    uint8_t protocol = ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP;
    uint8_t *icmp = packet + ip_emit(packet, &router, &t->local.address, protocol, 64, length);
    put_u32(icmp, (uint32_t)error->type << 24 | (uint32_t)error->code << 16);
    put_u32(icmp + 4, error->rest);
    uint8_t *quote = icmp + 8;
    uint8_t *tcp =
        quote + ip_emit(quote, &t->local.address, &t->remote.address, IP_PROTOCOL_TCP, 60, error->length - ip_bytes);
    put_u16(tcp, error->port != 0 ? error->port : t->local.port);
    put_u16(tcp + 2, t->remote.port);
    put_u32(tcp + 4, t->iss + error->seq);
    uint64_t sum = ipv6 ? ip_pseudo_checksum(&router, &t->local.address, protocol, length) : 0;
    put_u16(icmp + 2, checksum_finish(checksum_add(sum, false, icmp, length)));
    la_host_input(t->host, t->now, 0, packet, (size_t)(icmp - packet) + length);
    settle(t);
}

static void too_big(struct test *t, unsigned ipv4_mtu, uint32_t seq, unsigned ipv4_length)
{
    bool ipv6 = family_is_ipv6();
    uint32_t longer = ipv6 ? 20 : 0;
    inject_error(t, &(struct error){.type = ipv6 ? ICMPV6_PACKET_TOO_BIG : ICMP_UNREACHABLE,
                                    .code = ipv6 ? 0 : ICMP_UNREACHABLE_FRAGMENTATION_NEEDED,
                                    .rest = ipv4_mtu + longer,
                                    .seq = seq,
                                    .length = ipv4_length + longer});
}

/* ESTABLISHED, nothing sent yet; without timestamps, so that 1460 octets go into a segment. */
static struct test *established(void)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.nagle = false;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    return t;
}

static struct test *sent_4000(void)
{
    struct test *t = established();
    user_send(t, 4000);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1460);
    expect(t, .flags = ACK, .seq = 1461, .ack = 1, .length = 1460);
    expect(t, .flags = PSH | ACK, .seq = 2921, .ack = 1, .length = 1080);
    return t;
}

static void expect_again_in_1260s(struct test *t)
{
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1260);
    expect(t, .flags = ACK, .seq = 1261, .ack = 1, .length = 1260);
    expect(t, .flags = ACK, .seq = 2521, .ack = 1, .length = 1260);
    expect(t, .flags = PSH | ACK, .seq = 3781, .ack = 1, .length = 220);
    check(t, info_of(t).snd_mss == 1260);
}

/* ---- errors that are none of path MTU discovery's ---- */

static const struct {
    uint8_t type[2], code[2]; /* [0]: IPv4 */
    bool is_hard;
} errors[] = {
    {{ICMP_UNREACHABLE, ICMPV6_UNREACHABLE}, {ICMP_UNREACHABLE_PORT, ICMPV6_UNREACHABLE_PORT}, true},
    {{ICMP_UNREACHABLE, ICMPV6_UNREACHABLE}, {ICMP_UNREACHABLE_PROTOCOL, ICMPV6_UNREACHABLE_PROHIBITED}, true},
    {{ICMP_PARAMETER_PROBLEM, ICMPV6_PARAMETER_PROBLEM}, {1, ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER}, false},
    {{ICMP_PARAMETER_PROBLEM, ICMPV6_PARAMETER_PROBLEM}, {2, ICMPV6_PARAMETER_PROBLEM_OPTION}, false},
    {{ICMP_UNREACHABLE, ICMPV6_UNREACHABLE}, {ICMP_UNREACHABLE_NET, ICMPV6_UNREACHABLE_ROUTE}, false},
    {{ICMP_UNREACHABLE, ICMPV6_UNREACHABLE}, {ICMP_UNREACHABLE_HOST, ICMPV6_UNREACHABLE_ADDRESS}, false},
    {{ICMP_UNREACHABLE, ICMPV6_UNREACHABLE}, {ICMP_UNREACHABLE_SOURCE_ROUTE_FAILED, ICMPV6_UNREACHABLE_SCOPE}, false},
    {{ICMP_TIME_EXCEEDED, ICMPV6_TIME_EXCEEDED}, {0, 0}, false},
    {{ICMP_TIME_EXCEEDED, ICMPV6_TIME_EXCEEDED}, {1, 1}, false},
    {{ICMP_PARAMETER_PROBLEM, ICMPV6_PARAMETER_PROBLEM}, {0, 0}, false},
};

enum { ERROR_COUNT = sizeof errors / sizeof errors[0] };

static struct error about(size_t i, uint32_t seq)
{
    bool ipv6 = family_is_ipv6();
    return (struct error){.type = errors[i].type[ipv6], .code = errors[i].code[ipv6], .seq = seq, .length = 100};
}

/* RFC 9293 SHLD-26, MUST-56, SHLD-25: of an opening connection a hard error is the end, a soft one a hint. */
static void an_open_that_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        struct test *t = test_in(LA_SYN_SENT);
        const struct error error = about(i, 0);
        inject_error(t, &error);
        if (errors[i].is_hard) {
            expect_events(t, LA_READY_ENDED | LA_READY_READABLE);
            expect_outcome(t, LA_END_UNREACHABLE, LA_SYN_SENT);
        } else {
            expect_events(t, LA_READY_ERROR);
            expect_outcome(t, LA_END_NONE, LA_CLOSED);
            expect_state(t, LA_SYN_SENT);
            user_abort(t);
        }
        expect_dropped(t, LA_DROP_NONE);
        release_and_end(t);
    }
}

/* RFC 5927 5: none ends what is open; MUST-56. Deviation from SHLD-26, on purpose: not a hard one either. */
static void nothing_ends_what_is_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        struct test *t = sent_4000();
        const struct error error = about(i, 1461);
        inject_error(t, &error);
        expect_events(t, LA_READY_ERROR);
        expect_state(t, LA_ESTABLISHED);
        check(t, info_of(t).snd_mss == 1460);
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
        finish_cleanly(t);
        release_and_end(t);
    }
}

/* RFC 5927 4.1: the sequence number of a segment in flight, or the message is not about us. */
static void what_fits_no_segment_in_flight(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, 4001, 5000, UINT32_MAX, 0x80000000};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct test *t = sent_4000();
        const struct error error = about(0, numbers[i]);
        inject_error(t, &error);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        expect_events(t, 0);
        too_big(t, 1300, numbers[i], 1500);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        expect_nothing(t);
        check(t, info_of(t).snd_mss == 1460);
        const struct error elsewhere = {.type = error.type, .code = error.code, .seq = 1, .length = 100, .port = 81};
        inject_error(t, &elsewhere);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
        finish_cleanly(t);
        release_and_end(t);
    }
}

static void a_record_does_not_listen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        struct test *t = test_in(LA_TIME_WAIT);
        const struct error error = about(i, 1);
        inject_error(t, &error);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        too_big(t, 1300, 1, 1500);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        check(t, waits_of(t) == 1);
        user_release(t);
        end(t);
    }
}

/* ---- path MTU ---- */

static void smaller_at_once(void **state)
{
    (void)state;
    struct test *t = sent_4000();
    too_big(t, 1300, 1, 1500);
    expect_again_in_1260s(t);
    expect_dropped(t, LA_DROP_NONE);
    expect_events(t, 0);
    check(t, counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 1);
    check(t, counted(t, LA_COUNT_TCP_RETRANSMITTED_SEGMENTS) == 4);
    check(t, counted(t, LA_COUNT_TCP_TIMEOUTS) == 0);
    check(t, info_of(t).snd_cwnd_bytes == 12600 && info_of(t).snd_ssthresh_bytes == UINT32_MAX); /* RFC 1191 6.4 */
    too_big(t, 1300, 1461, 1500); /* the second segment's, which was on its way then */
    expect_dropped(t, LA_DROP_ICMP_QUOTE);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 4001);
    user_send(t, 1500);
    expect(t, .flags = ACK, .seq = 4001, .ack = 1, .length = 1260);
    inject(t, .flags = ACK, .seq = 1, .ack = 5261);
    expect(t, .flags = PSH | ACK, .seq = 5261, .ack = 1, .length = 240);
    inject(t, .flags = ACK, .seq = 1, .ack = 5501);
    finish_cleanly(t);
    release_and_end(t);
}

/* The options of each segment count. */
static void timestamps_leave_less(void **state)
{
    (void)state;
    struct test *t = test_in(LA_ESTABLISHED);
    user_send(t, 2896);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1448);
    expect(t, .flags = PSH | ACK, .seq = 1449, .ack = 1, .length = 1448);
    too_big(t, 1300, 1, 1500);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1248);
    expect(t, .flags = ACK, .seq = 1249, .ack = 1, .length = 1248);
    expect(t, .flags = PSH | ACK, .seq = 2497, .ack = 1, .length = 400);
    inject(t, .flags = ACK, .seq = 1, .ack = 2897);
    finish_cleanly(t);
    release_and_end(t);
}

static void a_fin_is_sent_again_too(void **state)
{
    (void)state;
    struct test *t = established();
    user_send(t, 1460);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = 1460);
    user_shutdown(t);
    expect(t, .flags = FIN | ACK, .seq = 1461, .ack = 1);
    too_big(t, 1300, 1, 1500);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1260);
    expect(t, .flags = FIN | PSH | ACK, .seq = 1261, .ack = 1, .length = 200);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1462);
    expect(t, .flags = ACK, .seq = 1462, .ack = 2);
    expect_outcome(t, LA_END_CLEAN, LA_FIN_WAIT_2);
    user_release(t);
    end(t);
}

static void step_by_step(void **state)
{
    (void)state;
    struct test *t = sent_4000();
    too_big(t, 1400, 1, 1500);
    expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1360);
    expect(t, .flags = ACK, .seq = 1361, .ack = 1, .length = 1360);
    expect(t, .flags = PSH | ACK, .seq = 2721, .ack = 1, .length = 1280);
    too_big(t, 1300, 1361, 1400);
    expect_again_in_1260s(t);
    check(t, counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 2);
    inject(t, .flags = ACK, .seq = 1, .ack = 4001);
    finish_cleanly(t);
    release_and_end(t);
}

/* What tells nothing that could be true and new. */
static void what_is_not_believed(void **state)
{
    (void)state;
    static const struct {
        unsigned mtu, length;
    } rows[] = {{1500, 1500}, {1501, 1500}, {9000, 1500}, {1300, 1300}, {1300, 1200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct test *t = sent_4000();
        too_big(t, rows[i].mtu, 1, rows[i].length);
        expect_dropped(t, LA_DROP_ICMP_QUOTE);
        expect_nothing(t);
        check(t, info_of(t).snd_mss == 1460 && counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 0);
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
        finish_cleanly(t);
        release_and_end(t);
    }
    struct test *t = test_in(LA_SYN_SENT);
    too_big(t, 1300, 0, 1500);
    expect_dropped(t, LA_DROP_ICMP_QUOTE);
    user_abort(t);
    release_and_end(t);
}

/* No less than every path carries: IPv4 576, IPv6 1280, where less is not even believed (RFC 8201 4). */
static void there_is_a_least(void **state)
{
    (void)state;
    static const unsigned mtus[] = {575, 500, 100, 68, 40, 1};
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        struct test *t = sent_4000();
        too_big(t, mtus[i], 1, 1500);
        if (family_is_ipv6()) {
            expect_dropped(t, LA_DROP_ICMP_QUOTE);
            expect_nothing(t);
            too_big(t, 1259, 1, 1500);
            expect_dropped(t, LA_DROP_ICMP_QUOTE);
            too_big(t, 1260, 1, 1500);
            expect(t, .flags = ACK, .seq = 1, .ack = 1, .length = 1220);
            check(t, let_pass_ms(t, 0) == 3);
        } else {
            check(t, info_of(t).snd_mss == 536);
            for (uint32_t seq = 1; seq + 536 <= 4001; seq += 536) {
                expect(t, .flags = ACK, .seq = seq, .ack = 1, .length = 536);
            }
            expect(t, .flags = PSH | ACK, .seq = 3753, .ack = 1, .length = 248);
        }
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
        finish_cleanly(t);
        release_and_end(t);
    }
}

/* RFC 1191 5, 7.1: a router that does not say. In IPv6 there is none. */
static void a_router_that_does_not_say(void **state)
{
    (void)state;
    static const unsigned rows[][2] = {{1500, 1492}, {1492, 1006}, {1007, 1006}, {1006, 576}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct test *t = sent_4000();
        bool ipv6 = family_is_ipv6();
        inject_error(t, &(struct error){.type = ipv6 ? ICMPV6_PACKET_TOO_BIG : ICMP_UNREACHABLE,
                                        .code = ipv6 ? 0 : ICMP_UNREACHABLE_FRAGMENTATION_NEEDED,
                                        .seq = 1,
                                        .length = rows[i][0]});
        check(t, info_of(t).snd_mss == (ipv6 ? 1460 : rows[i][1] - 40));
        expect_dropped(t, ipv6 ? LA_DROP_ICMP_QUOTE : LA_DROP_NONE);
        let_pass_ms(t, 0);
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
        finish_cleanly(t);
        release_and_end(t);
    }
}

/* A connection that had segments of that size acknowledged: sent_4000 with 4000 acknowledged before. */
static struct test *sent_8000(void)
{
    struct test *t = sent_4000();
    inject(t, .flags = ACK, .seq = 1, .ack = 4001);
    user_send(t, 4000);
    expect(t, .flags = ACK, .seq = 4001, .ack = 1, .length = 1460);
    expect(t, .flags = ACK, .seq = 5461, .ack = 1, .length = 1460);
    expect(t, .flags = PSH | ACK, .seq = 6921, .ack = 1, .length = 1080);
    too_big(t, 1300, 4001, 1500);
    expect_dropped(t, LA_DROP_NONE);
    expect_nothing(t); /* the path has carried such segments: RFC 5927 7.2 */
    check(t, info_of(t).snd_mss == 1460);
    return t;
}

static void doubted_and_acknowledged(void **state)
{
    (void)state;
    struct test *t = sent_8000();
    inject(t, .flags = ACK, .seq = 1, .ack = 8001);
    user_send(t, 1460);
    expect(t, .flags = PSH | ACK, .seq = 8001, .ack = 1, .length = 1460);
    advance_ms(t, 200);
    expect(t, .flags = PSH | ACK, .seq = 8001, .ack = 1, .length = 1460); /* another loss is no proof */
    check(t, counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 9461);
    finish_cleanly(t);
    release_and_end(t);
}

static void doubted_and_timed_out(void **state)
{
    (void)state;
    struct test *t = sent_8000();
    advance_ms(t, 200);
    expect(t, .flags = ACK, .seq = 4001, .ack = 1, .length = 1260);
    check(t, info_of(t).snd_mss == 1260 && counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 1);
    inject(t, .flags = ACK, .seq = 1, .ack = 5261);
    expect(t, .flags = ACK, .seq = 5261, .ack = 1, .length = 1260);
    expect(t, .flags = ACK, .seq = 6521, .ack = 1, .length = 1260);
    inject(t, .flags = ACK, .seq = 1, .ack = 7781);
    expect(t, .flags = PSH | ACK, .seq = 7781, .ack = 1, .length = 220);
    inject(t, .flags = ACK, .seq = 1, .ack = 8001);
    finish_cleanly(t);
    release_and_end(t);
}

static void doubted_and_seen_lost(void **state)
{
    (void)state;
    struct test *t = sent_8000();
    for (unsigned i = 0; i < 3; i++) {
        expect_nothing(t);
        inject(t, .flags = ACK, .seq = 1, .ack = 4001);
    }
    expect(t, .flags = ACK, .seq = 4001, .ack = 1, .length = 1260);
    expect(t, .flags = ACK, .seq = 5261, .ack = 1, .length = 1260);
    expect(t, .flags = ACK, .seq = 6521, .ack = 1, .length = 1260);
    expect(t, .flags = PSH | ACK, .seq = 7781, .ack = 1, .length = 220);
    check(t, counted(t, LA_COUNT_TCP_PATH_MTU_LOWERED) == 1 && counted(t, LA_COUNT_TCP_FAST_RETRANSMITS) == 0);
    inject(t, .flags = ACK, .seq = 1, .ack = 8001);
    finish_cleanly(t);
    release_and_end(t);
}

/* Opens from the next port of the peer's and sends: the first segment's octets. */
static uint32_t first_segment_of_the_next(struct test *t)
{
    another_peer(t);
    open_passive(t);
    user_send(t, 3000);
    check(t, t->out_count > 0);
    uint32_t length = t->out[t->out_first].segment.length;
    let_pass_ms(t, 0);
    user_abort(t);
    let_pass_ms(t, 0);
    user_release(t);
    return length;
}

static void the_next_connection_begins_right(void **state)
{
    (void)state;
    struct test *t = sent_4000();
    too_big(t, 1300, 1, 1500);
    expect_again_in_1260s(t);
    user_abort(t);
    let_pass_ms(t, 0);
    user_release(t);
    check(t, first_segment_of_the_next(t) == 1260);
    const struct la_address here = t->remote.address;
    t->remote.address = family_address(3); /* another destination */
    check(t, first_segment_of_the_next(t) == 1460);
    t->remote.address = here;
    advance_ns(t, 598 * LA_SECOND);
    check(t, first_segment_of_the_next(t) == 1260);
    advance_ns(t, 2 * LA_SECOND); /* ten minutes: RFC 1191 6.3 */
    check(t, first_segment_of_the_next(t) == 1460);
    end(t);
}

static void sends_and_is_acknowledged(struct test *t, uint32_t from, uint32_t octets, uint32_t segment)
{
    user_send(t, octets);
    for (uint32_t sent = 0; sent < octets; sent += segment) {
        uint32_t length = octets - sent < segment ? octets - sent : segment;
        expect(t, .flags = sent + length == octets ? PSH | ACK : ACK, .seq = from + sent, .ack = 1, .length = length);
    }
    advance_ms(t, 10);
    inject(t, .flags = ACK, .seq = 1, .ack = from + octets);
}

/* RFC 1191 6.3, RFC 8201 4: ten minutes after the message, and not sooner, it is tried again; what is asked for once
   more is taken. */
static void the_path_becomes_wider(void **state)
{
    (void)state;
    struct test *t = sent_4000();
    too_big(t, 1300, 1, 1500);
    expect_again_in_1260s(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 4001);
    advance_ns(t, 599 * LA_SECOND);
    sends_and_is_acknowledged(t, 4001, 3000, 1260);
    check(t, info_of(t).snd_mss == 1260);
    advance_ns(t, LA_SECOND);
    sends_and_is_acknowledged(t, 7001, 1000, 1260);
    check(t, info_of(t).snd_mss == 1460);
    sends_and_is_acknowledged(t, 8001, 3000, 1460);
    user_send(t, 1460);
    expect(t, .flags = PSH | ACK, .seq = 11001, .ack = 1, .length = 1460);
    too_big(t, 1300, 11001, 1500);
    check(t, let_pass_ms(t, 1000) > 0); /* believed when nobody acknowledges: RFC 5927 7.2 */
    check(t, info_of(t).snd_mss == 1260);
    inject(t, .flags = ACK, .seq = 1, .ack = 12461);
    finish_cleanly(t);
    release_and_end(t);
}

/* Not beyond what the peer takes, and the timestamps are taken off. */
static void no_wider_than_the_peer(void **state)
{
    (void)state;
    struct la_config config = usual();
    struct test *t = test_with(&config, LA_ESTABLISHED);
    uint32_t whole = info_of(t).snd_mss;
    user_send(t, whole);
    expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = whole);
    too_big(t, 1300, 1, 1500);
    check(t, let_pass_ms(t, 0) > 0 && info_of(t).snd_mss == 1248);
    inject(t, .flags = ACK, .seq = 1, .ack = 1 + whole);
    advance_ns(t, 601 * LA_SECOND);
    sends_and_is_acknowledged(t, 1 + whole, 100, 1248);
    check(t, info_of(t).snd_mss == whole);
    sends_and_is_acknowledged(t, 101 + whole, 2 * whole, whole);
    finish_cleanly(t);
    release_and_end(t);
}

/* A path that is found in each of more destinations than there is room for. */
static void a_full_table_of_paths(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {0, 1, 3, 8};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct la_config config = usual();
        config.timestamps = false;
        config.path_mtus = sizes[i];
        struct test *t = begin(&config);
        user_listen(t, 4);
        for (uint8_t n = 2; n < 22; n++) {
            t->remote.address = family_address(n);
            another_peer(t);
            open_passive(t);
            user_send(t, 1460);
            let_pass_ms(t, 0);
            too_big(t, 1300, 1, 1500);
            check(t, let_pass_ms(t, 1000) >= 2);
            user_abort(t);
            let_pass_ms(t, 0);
            user_release(t);
            t->out_end = 0;
        }
        unsigned known = 0;
        for (uint8_t n = 2; n < 22; n++) {
            t->remote.address = family_address(n);
            uint32_t length = first_segment_of_the_next(t);
            check(t, length == 1260 || length == 1460);
            known += length == 1260;
            check(t, n != 21 || sizes[i] == 0 || length == 1260); /* the last one's place was nobody's since */
        }
        check(t, known <= sizes[i] && (sizes[i] == 0 || known > 0));
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_that_is_refused),
        cmocka_unit_test(nothing_ends_what_is_open),
        cmocka_unit_test(what_fits_no_segment_in_flight),
        cmocka_unit_test(a_record_does_not_listen),
        cmocka_unit_test(smaller_at_once),
        cmocka_unit_test(timestamps_leave_less),
        cmocka_unit_test(a_fin_is_sent_again_too),
        cmocka_unit_test(step_by_step),
        cmocka_unit_test(what_is_not_believed),
        cmocka_unit_test(there_is_a_least),
        cmocka_unit_test(a_router_that_does_not_say),
        cmocka_unit_test(doubted_and_acknowledged),
        cmocka_unit_test(doubted_and_timed_out),
        cmocka_unit_test(doubted_and_seen_lost),
        cmocka_unit_test(the_next_connection_begins_right),
        cmocka_unit_test(the_path_becomes_wider),
        cmocka_unit_test(no_wider_than_the_peer),
        cmocka_unit_test(a_full_table_of_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
