#ifndef UNIT_ICMP_SUPPORT_H
#define UNIT_ICMP_SUPPORT_H

#include "support.h"

#include "base/address.h"
#include "wire/icmp.h"

/* The tests that ICMP of both IP versions has to pass. */
enum { PACKET_MAX = 2000, REST = 0x11115dc0 };

/* What is to come of a message that is well-formed and quotes a segment. */
struct outcome {
    enum la_drop why;
    bool has_quote;
    uint32_t mtu; /* where REST stands in the four octets behind the checksum */
};

/* An IP version: each test's *state. */
struct version {
    const struct la_address *ours, *theirs;
    unsigned header_bytes; /* of IP */
    unsigned protocol_at;
    unsigned summed_from; /* the first octet that the checksum covers, also in the pseudo-header */
    size_t largest_error;
    uint8_t protocol;
    uint8_t echo_request, echo_reply, unreachable, time_exceeded;
    uint8_t error_type, error_code;
    uint32_t error_rest;
    struct outcome (*outcome)(unsigned type, unsigned code);
    enum la_drop (*parse)(const struct packet *packet, struct icmp_message *message);
    /* A message from them to us: type, code, four octets, body. */
    size_t (*make)(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t length);
    uint16_t (*checksum)(const uint8_t *whole, size_t length); /* 0 if it is right */
    size_t (*echo_reply_bytes)(const struct packet *request, size_t limit);
    size_t (*emit_echo_reply)(uint8_t *to, const struct packet *request, uint8_t hop_limit, size_t limit);
    size_t (*error_bytes)(const struct packet *about);
    size_t (*emit_error)(uint8_t *to, const struct packet *about); /* error_type, error_code, error_rest */
};

static inline enum la_drop parse(const struct version *version, const uint8_t *bytes, size_t length,
                                 struct icmp_message *message)
{
    struct packet packet;
    uint8_t *copy = exact(bytes, length);
    memset(message, 0xaa, sizeof *message);
    assert_int_equal(ip_parse(copy, length, &packet), LA_DROP_NONE);
    enum la_drop why = version->parse(&packet, message);
    free(copy);
    return why;
}

/* The beginning of a segment of ours, as a router would quote it. */
static inline size_t make_quote(const struct version *version, uint8_t *to)
{
    uint8_t *tcp = to + version->header_bytes;
    memset(to, 0, version->header_bytes + 8);
    ip_emit(to, version->ours, version->theirs, IP_PROTOCOL_TCP, 1, 1000);
    put_u16(tcp, 40000);
    put_u16(tcp + 2, 80);
    put_u32(tcp + 4, 0xdeadbeef);
    return version->header_bytes + 8;
}

static inline void assert_quoted(const struct version *version, const struct icmp_message *message)
{
    assert_true(message->has_quote);
    assert_int_equal(message->quoted_protocol, IP_PROTOCOL_TCP);
    assert_int_equal(message->quoted_length, version->header_bytes + 1000);
    assert_true(address_equal(&message->quoted_source.address, version->ours));
    assert_true(address_equal(&message->quoted_destination.address, version->theirs));
    assert_int_equal(message->quoted_source.port, 40000);
    assert_int_equal(message->quoted_destination.port, 80);
    assert_int_equal(message->quoted_seq.v, 0xdeadbeef);
}

static inline void types_and_codes(void **state)
{
    const struct version *version = *state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    size_t length = make_quote(version, quote);
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 256; code++) {
            struct icmp_message message;
            struct outcome expected = version->outcome(type, code);
            size_t whole = version->make(bytes, (uint8_t)type, (uint8_t)code, REST, quote, length);
            assert_int_equal(parse(version, bytes, whole, &message), expected.why);
            assert_int_equal(message.type, type);
            assert_int_equal(message.code, code);
            assert_int_equal(message.mtu, expected.mtu);
            assert_int_equal(message.has_quote, expected.has_quote);
            if (expected.has_quote) {
                assert_quoted(version, &message);
            }
        }
    }
}

/* An error whose quote ends anywhere. */
static inline void check_truncated_quotes(const struct version *version, const uint8_t *quote, size_t length)
{
    uint8_t bytes[PACKET_MAX];
    struct icmp_message message;
    for (size_t cut = 0; cut <= length; cut++) {
        size_t whole = version->make(bytes, version->unreachable, 1, 0, quote, cut);
        enum la_drop expected = cut < length ? LA_DROP_ICMP_TRUNCATED : LA_DROP_NONE;
        assert_int_equal(parse(version, bytes, whole, &message), expected);
        assert_int_equal(message.has_quote, cut >= version->header_bytes);
    }
    assert_quoted(version, &message);
}

static inline void every_truncation(void **state)
{
    const struct version *version = *state;
    uint8_t quote[100];
    check_truncated_quotes(version, quote, make_quote(version, quote));
    for (size_t length = 0; length < 8; length++) {
        uint8_t bytes[PACKET_MAX] = {0};
        struct icmp_message message;
        version->make(bytes, version->echo_request, 0, 0, NULL, 0);
        ip_emit(bytes, version->theirs, version->ours, version->protocol, 64, length);
        assert_int_equal(parse(version, bytes, version->header_bytes + length, &message), LA_DROP_ICMP_TRUNCATED);
    }
}

static inline void every_wrong_bit_is_seen(void **state)
{
    const struct version *version = *state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t whole = version->make(bytes, version->unreachable, 3, 0, quote, make_quote(version, quote));
    assert_int_equal(parse(version, bytes, whole, &message), LA_DROP_NONE);
    for (size_t bit = 8 * (size_t)version->summed_from; bit < 8 * whole; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(parse(version, bytes, whole, &message), LA_DROP_ICMP_CHECKSUM);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static inline void what_is_not_tcp_has_no_ports(void **state)
{
    const struct version *version = *state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t length = make_quote(version, quote);
    quote[version->protocol_at] = IP_PROTOCOL_UDP;
    size_t whole = version->make(bytes, version->time_exceeded, 0, 0, quote, length);
    assert_int_equal(parse(version, bytes, whole, &message), LA_DROP_NONE);
    assert_int_equal(message.quoted_protocol, IP_PROTOCOL_UDP);
    assert_int_equal(message.quoted_source.port, 0);
}

static inline void echo_is_sent_back_as_it_came(void **state)
{
    const struct version *version = *state;
    uint64_t seed = 1;
    for (size_t length = 0; length < 1600; length += 1 + length / 40) {
        uint8_t body[1600];
        uint8_t bytes[PACKET_MAX];
        struct packet request;
        struct packet reply;
        random_bytes(&seed, body, length);
        size_t whole = version->make(bytes, version->echo_request, 0, 0x12345678, body, length);
        assert_int_equal(ip_parse(bytes, whole, &request), LA_DROP_NONE);
        size_t expected = whole < 1500 ? whole : 1500; /* RFC 1122 3.2.2.6 */
        assert_int_equal(version->echo_reply_bytes(&request, 1500), expected);
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(version->emit_echo_reply(written, &request, 64, 1500), expected);
        assert_int_equal(ip_parse(written, expected, &reply), LA_DROP_NONE);
        assert_true(address_equal(&reply.source, version->ours));
        assert_true(address_equal(&reply.destination, version->theirs));
        assert_int_equal(version->checksum(written, expected), 0);
        assert_int_equal(reply.payload[0], version->echo_reply);
        assert_int_equal(reply.payload[1], 0);
        assert_memory_equal(reply.payload + 4, request.payload + 4, reply.payload_length - 4);
        free(written);
    }
}

static inline void an_error_quotes_what_fits(void **state)
{
    const struct version *version = *state;
    size_t header = version->header_bytes;
    uint64_t seed = 2;
    for (size_t payload = 8; payload < 1900; payload += 1 + payload / 50) {
        uint8_t bytes[PACKET_MAX];
        struct packet about;
        struct packet error;
        struct icmp_message message;
        random_bytes(&seed, bytes, sizeof bytes);
        ip_emit(bytes, version->theirs, version->ours, IP_PROTOCOL_TCP, 64, payload);
        assert_int_equal(ip_parse(bytes, header + payload, &about), LA_DROP_NONE);
        size_t all = header + 8 + header + payload;
        size_t expected = all < version->largest_error ? all : version->largest_error;
        assert_int_equal(version->error_bytes(&about), expected);
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(version->emit_error(written, &about), expected);
        assert_int_equal(parse(version, written, expected, &message), LA_DROP_NONE);
        assert_int_equal(ip_parse(written, expected, &error), LA_DROP_NONE);
        assert_int_equal(message.type, version->error_type);
        assert_int_equal(message.code, version->error_code);
        assert_int_equal(get_u32(error.payload + 4), version->error_rest);
        assert_memory_equal(error.payload + 8, bytes, expected - header - 8);
        assert_int_equal(message.quoted_length, header + payload);
        assert_true(address_equal(&message.quoted_source.address, version->theirs));
        assert_int_equal(message.quoted_source.port, get_u16(bytes + header));
        assert_int_equal(message.quoted_seq.v, get_u32(bytes + header + 4));
        free(written);
    }
}

#endif
