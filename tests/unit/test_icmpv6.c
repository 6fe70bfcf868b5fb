#include "support.h"

#include "base/address.h"
#include "wire/icmpv6.h"

enum { PACKET_MAX = 2000 };

static const struct la_address ours = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
static const struct la_address theirs = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

/* RFC 8200 8.1, octet by octet. */
static uint16_t checksum_of(const uint8_t *bytes, size_t length)
{
    uint8_t summed[PACKET_MAX] = {0};
    memcpy(summed, bytes + 8, 32);
    put_u32(summed + 32, (uint32_t)(length - 40));
    summed[39] = IP_PROTOCOL_ICMPV6;
    memcpy(summed + 40, bytes + 40, length - 40);
    return naive_checksum(summed, length);
}

static enum la_drop parse(const uint8_t *bytes, size_t length, struct icmp_message *message)
{
    struct packet packet;
    uint8_t *copy = exact(bytes, length);
    memset(message, 0xaa, sizeof *message);
    assert_int_equal(ip_parse(copy, length, &packet), LA_DROP_NONE);
    enum la_drop why = icmpv6_parse(&packet, message);
    free(copy);
    return why;
}

static size_t make(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t length)
{
    const struct icmpv6_header header = {
        .source = theirs, .destination = ours, .hop_limit = 255, .type = type, .code = code, .rest = rest};
    size_t whole = icmpv6_emit(to, &header, body, length);
    assert_int_equal(whole, 48 + length);
    assert_int_equal(checksum_of(to, whole), 0);
    return whole;
}

/* The beginning of a segment of ours, as a router would quote it. */
static size_t make_quote(uint8_t *to)
{
    memset(to, 0, 48);
    ip_emit(to, &ours, &theirs, IP_PROTOCOL_TCP, 1, 1000);
    put_u16(to + 40, 40000);
    put_u16(to + 42, 80);
    put_u32(to + 44, 0xdeadbeef);
    return 48;
}

static void assert_quoted(const struct icmp_message *message)
{
    assert_true(message->has_quote);
    assert_int_equal(message->quoted_protocol, IP_PROTOCOL_TCP);
    assert_int_equal(message->quoted_length, 1040);
    assert_true(address_equal(&message->quoted_source.address, &ours));
    assert_true(address_equal(&message->quoted_destination.address, &theirs));
    assert_int_equal(message->quoted_source.port, 40000);
    assert_int_equal(message->quoted_destination.port, 80);
    assert_int_equal(message->quoted_seq.v, 0xdeadbeef);
}

static void types_and_codes(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    size_t length = make_quote(quote);
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 256; code++) {
            struct icmp_message message;
            size_t whole = make(bytes, (uint8_t)type, (uint8_t)code, 0x00015dc0, quote, length);
            bool error = type < 128; /* known or not: RFC 4443 2.4 (a) */
            bool information = type == 128 || type == 129 || (type >= 133 && type <= 137);
            enum la_drop expected = error || (information && code == 0) ? LA_DROP_NONE : LA_DROP_ICMP_TYPE;
            assert_int_equal(parse(bytes, whole, &message), expected);
            assert_int_equal(message.type, type);
            assert_int_equal(message.code, code);
            assert_int_equal(message.mtu, type == 2 ? 0x15dc0 : 0);
            if (error) {
                assert_quoted(&message);
            } else {
                assert_false(message.has_quote);
            }
        }
    }
}

static void every_truncation(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t length = make_quote(quote);
    for (size_t cut = 0; cut <= length; cut++) {
        size_t whole = make(bytes, ICMPV6_UNREACHABLE, ICMPV6_UNREACHABLE_ADDRESS, 0, quote, cut);
        assert_int_equal(parse(bytes, whole, &message), cut < length ? LA_DROP_ICMP_TRUNCATED : LA_DROP_NONE);
        assert_int_equal(message.has_quote, cut >= 40);
    }
    for (size_t cut = 0; cut < 8; cut++) {
        make(bytes, ICMPV6_ECHO_REQUEST, 0, 0, NULL, 0);
        put_u16(bytes + 4, (uint16_t)cut);
        assert_int_equal(parse(bytes, 40 + cut, &message), LA_DROP_ICMP_TRUNCATED);
    }
}

static void every_wrong_bit_is_seen(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t whole = make(bytes, ICMPV6_UNREACHABLE, ICMPV6_UNREACHABLE_PORT, 0, quote, make_quote(quote));
    for (size_t bit = 8 * 8; bit < 8 * whole; bit++) { /* from the addresses on: they are part of the sum */
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(parse(bytes, whole, &message), LA_DROP_ICMP_CHECKSUM);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void quotes_that_are_none(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t length = make_quote(quote);
    for (unsigned version = 0; version < 16; version++) {
        quote[0] = (uint8_t)(version << 4);
        size_t whole = make(bytes, ICMPV6_TIME_EXCEEDED, 0, 0, quote, length);
        assert_int_equal(parse(bytes, whole, &message), version == 6 ? LA_DROP_NONE : LA_DROP_ICMP_QUOTE);
    }
    make_quote(quote);
    quote[6] = IP_PROTOCOL_UDP;
    assert_int_equal(parse(bytes, make(bytes, ICMPV6_TIME_EXCEEDED, 0, 0, quote, length), &message), LA_DROP_NONE);
    assert_int_equal(message.quoted_protocol, IP_PROTOCOL_UDP);
    assert_int_equal(message.quoted_source.port, 0);
    for (unsigned at = 8; at <= 24; at += 16) { /* an IPv4 connection is no business of an IPv6 error */
        const struct la_address mapped = la_address_ipv4(192, 0, 2, 1);
        make_quote(quote);
        memcpy(quote + at, mapped.octets, 16);
        size_t whole = make(bytes, ICMPV6_TIME_EXCEEDED, 0, 0, quote, length);
        assert_int_equal(parse(bytes, whole, &message), LA_DROP_ICMP_QUOTE);
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
            assert_int_equal(parse(bytes, whole, &message), fits ? LA_DROP_NONE : LA_DROP_ICMP_TRUNCATED);
            bytes[7] = 254;
            assert_int_equal(parse(bytes, whole, &message), fits ? LA_DROP_ICMP_TYPE : LA_DROP_ICMP_TRUNCATED);
        }
    }
}

static void echo_is_sent_back_as_it_came(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t length = 0; length < 1600; length += 1 + length / 40) {
        uint8_t body[1600];
        uint8_t bytes[PACKET_MAX];
        struct packet request;
        struct packet reply;
        random_bytes(&seed, body, length);
        size_t whole = make(bytes, ICMPV6_ECHO_REQUEST, 0, 0x12345678, body, length);
        assert_int_equal(ip_parse(bytes, whole, &request), LA_DROP_NONE);
        size_t expected = whole < 1500 ? whole : 1500;
        assert_int_equal(icmpv6_echo_reply_bytes(&request, 1500), expected);
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(icmpv6_emit_echo_reply(written, &request, 64, 1500), expected);
        assert_int_equal(ip_parse(written, expected, &reply), LA_DROP_NONE);
        assert_true(address_equal(&reply.source, &ours) && address_equal(&reply.destination, &theirs));
        assert_int_equal(checksum_of(written, expected), 0);
        assert_int_equal(reply.payload[0], ICMPV6_ECHO_REPLY);
        assert_int_equal(reply.payload[1], 0);
        assert_memory_equal(reply.payload + 4, request.payload + 4, reply.payload_length - 4);
        free(written);
    }
}

static void an_error_quotes_what_fits_into_1280(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (size_t payload = 8; payload < 1900; payload += 1 + payload / 50) {
        uint8_t bytes[PACKET_MAX];
        struct packet about;
        struct packet error;
        struct icmp_message message;
        random_bytes(&seed, bytes, sizeof bytes);
        ip_emit(bytes, &theirs, &ours, IP_PROTOCOL_TCP, 64, payload);
        assert_int_equal(ip_parse(bytes, 40 + payload, &about), LA_DROP_NONE);
        size_t expected = 48 + 40 + payload < 1280 ? 48 + 40 + payload : 1280;
        assert_int_equal(icmpv6_error_bytes(&about), expected);
        const struct icmpv6_header header = {.source = ours,
                                             .destination = theirs,
                                             .hop_limit = 64,
                                             .type = ICMPV6_PARAMETER_PROBLEM,
                                             .code = ICMPV6_PARAMETER_PROBLEM_OPTION,
                                             .rest = 42};
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(icmpv6_emit_error(written, &header, &about), expected);
        assert_int_equal(parse(written, expected, &message), LA_DROP_NONE);
        assert_int_equal(ip_parse(written, expected, &error), LA_DROP_NONE);
        assert_int_equal(message.type, ICMPV6_PARAMETER_PROBLEM);
        assert_int_equal(message.code, ICMPV6_PARAMETER_PROBLEM_OPTION);
        assert_int_equal(get_u32(error.payload + 4), 42);
        assert_memory_equal(error.payload + 8, bytes, expected - 48);
        assert_int_equal(message.quoted_length, 40 + payload);
        assert_int_equal(message.quoted_source.port, get_u16(bytes + 40));
        assert_int_equal(message.quoted_seq.v, get_u32(bytes + 44));
        free(written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_codes),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_wrong_bit_is_seen),
        cmocka_unit_test(quotes_that_are_none),
        cmocka_unit_test(neighbor_discovery_comes_from_this_link),
        cmocka_unit_test(echo_is_sent_back_as_it_came),
        cmocka_unit_test(an_error_quotes_what_fits_into_1280),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
