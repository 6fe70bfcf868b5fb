#include "icmp_support.h"

#include "wire/icmpv6.h"

static const struct la_address ours = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
static const struct la_address theirs = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

static struct outcome outcome(unsigned type, unsigned code)
{
    bool error = type < 128; /* known or not: RFC 4443 2.4 (a) */
    bool information = type == 128 || type == 129 || (type >= 133 && type <= 137);
    return (struct outcome){.why = error || (information && code == 0) ? LA_DROP_NONE : LA_DROP_ICMP_TYPE,
                            .has_quote = error,
                            .mtu = type == 2 ? REST : 0};
}

/* RFC 8200 8.1, octet by octet. */
static uint16_t checksum(const uint8_t *whole, size_t length)
{
    uint8_t summed[PACKET_MAX] = {0};
    memcpy(summed, whole + 8, 32);
    put_u32(summed + 32, (uint32_t)(length - 40));
    summed[39] = IP_PROTOCOL_ICMPV6;
    memcpy(summed + 40, whole + 40, length - 40);
    return naive_checksum(summed, length);
}

static size_t make(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t length)
{
    const struct icmpv6_header header = {
        .source = theirs, .destination = ours, .hop_limit = 255, .type = type, .code = code, .rest = rest};
    size_t whole = icmpv6_emit(to, &header, body, length);
    assert_int_equal(whole, 48 + length);
    assert_int_equal(checksum(to, whole), 0);
    return whole;
}

static size_t emit_error(uint8_t *to, const struct packet *about)
{
    const struct icmpv6_header header = {.source = ours,
                                         .destination = theirs,
                                         .hop_limit = 64,
                                         .type = ICMPV6_PARAMETER_PROBLEM,
                                         .code = ICMPV6_PARAMETER_PROBLEM_OPTION,
                                         .rest = 42};
    return icmpv6_emit_error(to, &header, about);
}

static struct version ipv6 = {
    .ours = &ours,
    .theirs = &theirs,
    .header_bytes = 40,
    .protocol_at = 6,
    .summed_from = 8,      /* the addresses are part of the sum */
    .largest_error = 1280, /* RFC 4443 2.4 (c) */
    .protocol = IP_PROTOCOL_ICMPV6,
    .echo_request = ICMPV6_ECHO_REQUEST,
    .echo_reply = ICMPV6_ECHO_REPLY,
    .unreachable = ICMPV6_UNREACHABLE,
    .time_exceeded = ICMPV6_TIME_EXCEEDED,
    .error_type = ICMPV6_PARAMETER_PROBLEM,
    .error_code = ICMPV6_PARAMETER_PROBLEM_OPTION,
    .error_rest = 42,
    .outcome = outcome,
    .parse = icmpv6_parse,
    .make = make,
    .checksum = checksum,
    .echo_reply_bytes = icmpv6_echo_reply_bytes,
    .emit_echo_reply = icmpv6_emit_echo_reply,
    .error_bytes = icmpv6_error_bytes,
    .emit_error = emit_error,
};

static void quotes_that_are_none(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t length = make_quote(&ipv6, quote);
    for (unsigned version = 0; version < 16; version++) {
        quote[0] = (uint8_t)(version << 4);
        size_t whole = make(bytes, ICMPV6_TIME_EXCEEDED, 0, 0, quote, length);
        assert_int_equal(parse(&ipv6, bytes, whole, &message), version == 6 ? LA_DROP_NONE : LA_DROP_ICMP_QUOTE);
    }
    for (unsigned at = 8; at <= 24; at += 16) { /* an IPv4 connection is no business of an IPv6 error */
        const struct la_address mapped = la_address_ipv4(192, 0, 2, 1);
        make_quote(&ipv6, quote);
        memcpy(quote + at, mapped.octets, 16);
        size_t whole = make(bytes, ICMPV6_TIME_EXCEEDED, 0, 0, quote, length);
        assert_int_equal(parse(&ipv6, bytes, whole, &message), LA_DROP_ICMP_QUOTE);
        assert_false(message.has_quote);
    }
}

static void neighbor_discovery_comes_from_this_link(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        size_t fixed_bytes;
    } types[] = {{ICMPV6_ROUTER_SOLICITATION, 8},
                 {ICMPV6_ROUTER_ADVERTISEMENT, 16},
                 {ICMPV6_NEIGHBOR_SOLICITATION, 24},
                 {ICMPV6_NEIGHBOR_ADVERTISEMENT, 24},
                 {ICMPV6_REDIRECT, 40}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint8_t bytes[PACKET_MAX];
        const uint8_t body[40] = {0};
        struct icmp_message message;
        for (size_t length = 8; length < 48; length++) {
            size_t whole = make(bytes, types[i].type, 0, 0, body, length - 8);
            bool fits = length >= types[i].fixed_bytes;
            assert_int_equal(parse(&ipv6, bytes, whole, &message), fits ? LA_DROP_NONE : LA_DROP_ICMP_TRUNCATED);
            bytes[7] = 254;
            assert_int_equal(parse(&ipv6, bytes, whole, &message), fits ? LA_DROP_ICMP_TYPE : LA_DROP_ICMP_TRUNCATED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(types_and_codes, &ipv6),
        cmocka_unit_test_prestate(every_truncation, &ipv6),
        cmocka_unit_test_prestate(every_wrong_bit_is_seen, &ipv6),
        cmocka_unit_test(quotes_that_are_none),
        cmocka_unit_test_prestate(what_is_not_tcp_has_no_ports, &ipv6),
        cmocka_unit_test(neighbor_discovery_comes_from_this_link),
        cmocka_unit_test_prestate(echo_is_sent_back_as_it_came, &ipv6),
        cmocka_unit_test_prestate(an_error_quotes_what_fits, &ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
