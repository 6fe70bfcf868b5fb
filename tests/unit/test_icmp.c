#include "support.h"

#include "base/address.h"
#include "wire/icmp.h"

enum { PACKET_MAX = 2000 };

static const struct la_address ours = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1}};
static const struct la_address theirs = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 2}};

static enum la_drop parse(const uint8_t *bytes, size_t length, struct icmp_message *message)
{
    struct packet packet;
    uint8_t *copy = exact(bytes, length);
    memset(message, 0xaa, sizeof *message);
    assert_int_equal(ip_parse(copy, length, &packet), LA_DROP_NONE);
    enum la_drop why = icmp_parse(&packet, message);
    free(copy);
    return why;
}

/* An ICMP message from them to us: type, code, four octets, body. */
static size_t make(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t length)
{
    uint8_t *icmp = to + ip_emit(to, &theirs, &ours, IP_PROTOCOL_ICMP, 64, 8 + length);
    icmp[0] = type;
    icmp[1] = code;
    put_u16(icmp + 2, 0);
    put_u32(icmp + 4, rest);
    if (length > 0) {
        memcpy(icmp + 8, body, length);
    }
    put_u16(icmp + 2, naive_checksum(icmp, 8 + length));
    return 28 + length;
}

/* The beginning of a segment of ours, as a router would quote it: 28 octets, or more with options. */
static size_t make_quote(uint8_t *to, size_t options)
{
    memset(to, 0, 28 + options);
    ip_emit(to, &ours, &theirs, IP_PROTOCOL_TCP, 1, 1000);
    to[0] = (uint8_t)(0x45 + options / 4);
    memset(to + 20, 1, options);
    uint8_t *tcp = to + 20 + options;
    put_u16(tcp, 40000);
    put_u16(tcp + 2, 80);
    put_u32(tcp + 4, 0xdeadbeef);
    return 28 + options;
}

static void assert_quoted(const struct icmp_message *message)
{
    assert_true(message->has_quote);
    assert_int_equal(message->quoted_protocol, IP_PROTOCOL_TCP);
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
    size_t length = make_quote(quote, 0);
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 256; code++) {
            struct icmp_message message;
            size_t whole = make(bytes, (uint8_t)type, (uint8_t)code, 0x11115dc0, quote, length);
            bool echo = (type == 0 || type == 8) && code == 0;
            bool error = (type == 3 && code < 16) || (type == 11 && code < 2) || (type == 12 && code < 3);
            assert_int_equal(parse(bytes, whole, &message), echo || error ? LA_DROP_NONE : LA_DROP_ICMP_TYPE);
            assert_int_equal(message.type, type);
            assert_int_equal(message.code, code);
            assert_int_equal(message.mtu, type == 3 && code == 4 ? 0x5dc0 : 0);
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
    for (size_t options = 0; options <= 40; options += 4) {
        uint8_t bytes[PACKET_MAX];
        uint8_t quote[100];
        struct icmp_message message;
        size_t length = make_quote(quote, options);
        for (size_t cut = 0; cut <= length; cut++) {
            size_t whole = make(bytes, ICMP_UNREACHABLE, ICMP_UNREACHABLE_HOST, 0, quote, cut);
            assert_int_equal(parse(bytes, whole, &message), cut < length ? LA_DROP_ICMP_TRUNCATED : LA_DROP_NONE);
            assert_int_equal(message.has_quote, cut >= 20);
        }
        assert_quoted(&message);
    }
    for (size_t length = 0; length < 8; length++) {
        uint8_t bytes[PACKET_MAX] = {0};
        struct icmp_message message;
        make(bytes, ICMP_ECHO_REQUEST, 0, 0, NULL, 0);
        ip_emit(bytes, &theirs, &ours, IP_PROTOCOL_ICMP, 64, length);
        assert_int_equal(parse(bytes, 20 + length, &message), LA_DROP_ICMP_TRUNCATED);
    }
}

static void every_wrong_bit_is_seen(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t whole = make(bytes, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PORT, 0, quote, make_quote(quote, 0));
    for (size_t bit = 160; bit < 8 * whole; bit++) {
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
    size_t length = make_quote(quote, 0);
    for (unsigned first = 0; first < 256; first++) {
        quote[0] = (uint8_t)first;
        size_t whole = make(bytes, ICMP_TIME_EXCEEDED, 0, 0, quote, length);
        enum la_drop expected = first >> 4 != 4 || (first & 15) < 5 ? LA_DROP_ICMP_QUOTE
                                : first != 0x45                     ? LA_DROP_ICMP_TRUNCATED
                                                                    : LA_DROP_NONE;
        assert_int_equal(parse(bytes, whole, &message), expected);
    }
    make_quote(quote, 0);
    quote[9] = IP_PROTOCOL_UDP;
    assert_int_equal(parse(bytes, make(bytes, ICMP_TIME_EXCEEDED, 0, 0, quote, length), &message), LA_DROP_NONE);
    assert_int_equal(message.quoted_protocol, IP_PROTOCOL_UDP);
    assert_int_equal(message.quoted_source.port, 0);
    make_quote(quote, 0);
    put_u16(quote + 6, 1); /* a later fragment has no TCP header */
    assert_int_equal(parse(bytes, make(bytes, ICMP_TIME_EXCEEDED, 0, 0, quote, length), &message), LA_DROP_NONE);
    assert_int_equal(message.quoted_source.port, 0);
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
        size_t whole = make(bytes, ICMP_ECHO_REQUEST, 0, 0x12345678, body, length);
        assert_int_equal(ip_parse(bytes, whole, &request), LA_DROP_NONE);
        size_t expected = whole < 1500 ? whole : 1500; /* RFC 1122 3.2.2.6 */
        assert_int_equal(icmp_echo_reply_bytes(&request, 1500), expected);
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(icmp_emit_echo_reply(written, &request, 64, 1500), expected);
        assert_int_equal(ip_parse(written, expected, &reply), LA_DROP_NONE);
        assert_true(address_equal(&reply.source, &ours) && address_equal(&reply.destination, &theirs));
        assert_int_equal(naive_checksum(reply.payload, reply.payload_length), 0);
        assert_int_equal(reply.payload[0], ICMP_ECHO_REPLY);
        assert_int_equal(reply.payload[1], 0);
        assert_memory_equal(reply.payload + 4, request.payload + 4, reply.payload_length - 4);
        free(written);
    }
}

static void an_error_quotes_what_fits_into_576(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (size_t payload = 8; payload < 1400; payload += 1 + payload / 50) {
        uint8_t bytes[PACKET_MAX];
        struct packet about;
        struct packet error;
        struct icmp_message message;
        random_bytes(&seed, bytes, sizeof bytes);
        ip_emit(bytes, &theirs, &ours, IP_PROTOCOL_TCP, 64, payload);
        assert_int_equal(ip_parse(bytes, 20 + payload, &about), LA_DROP_NONE);
        size_t expected = 20 + 8 + 20 + payload < 576 ? 20 + 8 + 20 + payload : 576;
        assert_int_equal(icmp_unreachable_bytes(&about), expected);
        uint8_t *written = malloc(expected);
        assert_non_null(written);
        assert_int_equal(icmp_emit_unreachable(written, &about, 3, 64), expected);
        assert_int_equal(parse(written, expected, &message), LA_DROP_NONE);
        assert_int_equal(ip_parse(written, expected, &error), LA_DROP_NONE);
        assert_int_equal(message.type, ICMP_UNREACHABLE);
        assert_int_equal(message.code, ICMP_UNREACHABLE_PORT);
        assert_int_equal(get_u32(error.payload + 4), 0);
        assert_memory_equal(error.payload + 8, bytes, expected - 28);
        assert_true(address_equal(&message.quoted_source.address, &theirs));
        assert_int_equal(message.quoted_source.port, get_u16(bytes + 20));
        assert_int_equal(message.quoted_seq.v, get_u32(bytes + 24));
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
        cmocka_unit_test(echo_is_sent_back_as_it_came),
        cmocka_unit_test(an_error_quotes_what_fits_into_576),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
