#include "support.h"

#include "base/address.h"
#include "wire/icmpv6.h"
#include "wire/packet.h"

enum { PACKET_MAX = 4096 };

static const struct la_address ours = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
static const struct la_address theirs = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

/* A packet that is put together header by header, and parsed. */
struct made {
    uint8_t bytes[PACKET_MAX];
    size_t length;
    size_t named_at; /* the last next header octet */
};

static struct made begin(void)
{
    struct made made = {.length = 40, .named_at = 6};
    ipv6_emit(made.bytes, &theirs, &ours, 59, 64, 0);
    return made;
}

/* Octets behind what is there already; who put them there says what they are. */
static size_t append(struct made *made, uint8_t kind, const void *octets, size_t length)
{
    size_t at = made->length;
    assert_true(at + length <= sizeof made->bytes);
    made->bytes[made->named_at] = kind;
    memcpy(made->bytes + at, octets, length);
    made->length += length;
    put_u16(made->bytes + 4, (uint16_t)(made->length - 40));
    made->named_at = at;
    return at;
}

/* An options header, padded to a multiple of 8. */
static size_t append_options(struct made *made, uint8_t kind, const void *options, size_t length)
{
    uint8_t header[2048 + 8] = {59};
    size_t whole = (2 + length + 7) & ~(size_t)7;
    header[1] = (uint8_t)(whole / 8 - 1);
    memcpy(header + 2, options, length);
    return append(made, kind, header, whole);
}

static size_t append_routing(struct made *made, uint8_t type, uint8_t segments_left, uint8_t addresses)
{
    uint8_t header[8 + 16 * 4] = {59, (uint8_t)(addresses * 2), type, segments_left};
    return append(made, IPV6_ROUTING, header, 8u + addresses * 16u);
}

static size_t append_fragment(struct made *made, uint32_t identification, uint16_t offset, bool more)
{
    uint8_t header[8] = {59};
    put_u16(header + 2, (uint16_t)(offset | more));
    put_u32(header + 4, identification);
    return append(made, IPV6_FRAGMENT, header, sizeof header);
}

static void append_text(struct made *made)
{
    append(made, IP_PROTOCOL_TCP, "0123456789abcdefghij", 20);
}

static enum la_drop parse(const struct made *made, size_t length, struct packet *packet)
{
    uint8_t *copy = exact(made->bytes, length);
    memset(packet, 0xaa, sizeof *packet);
    enum la_drop why = ip_parse(copy, length, packet);
    assert_ptr_equal(packet->bytes, copy);
    assert_true(packet->length <= length);
    if (packet->payload != NULL) {
        assert_true(packet->payload >= copy + 40 && packet->payload + packet->payload_length == copy + packet->length);
        packet->payload = made->bytes + (packet->payload - copy);
    } else {
        assert_int_equal(packet->payload_length, 0);
    }
    packet->bytes = made->bytes;
    free(copy);
    return why;
}

static void assert_text(const struct packet *packet)
{
    assert_int_equal(packet->protocol, IP_PROTOCOL_TCP);
    assert_int_equal(packet->payload_length, 20);
    assert_memory_equal(packet->payload, "0123456789abcdefghij", 20);
}

/* Refused, with a parameter problem, or with silence (code -1). */
static void assert_refused(const struct made *made, enum la_drop expected, int code, size_t pointer)
{
    struct packet packet;
    struct ipv6_problem problem;
    assert_int_equal(parse(made, made->length, &packet), expected);
    bool told = ipv6_problem(&packet, &problem);
    assert_int_equal(told, code >= 0);
    if (told) {
        assert_int_equal(problem.code, code);
        assert_int_equal(problem.pointer, pointer);
    }
}

static void a_plain_packet(void **state)
{
    (void)state;
    struct made made = begin();
    struct packet packet;
    append_text(&made);
    put_u32(made.bytes, 0x6ab12345); /* traffic class and flow label mean nothing to us */
    assert_int_equal(parse(&made, made.length, &packet), LA_DROP_NONE);
    assert_true(address_equal(&packet.source, &theirs) && address_equal(&packet.destination, &ours));
    assert_int_equal(packet.ttl, 64);
    assert_int_equal(packet.length, 60);
    assert_text(&packet);
}

static void every_truncation(void **state)
{
    (void)state;
    struct made made = begin();
    struct packet packet;
    append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
    append_text(&made);
    for (size_t length = 1; length < made.length; length++) {
        enum la_drop expected = length < 40 ? LA_DROP_IP_TRUNCATED : LA_DROP_IP_TOTAL_LENGTH;
        assert_int_equal(parse(&made, length, &packet), expected);
        assert_int_equal(packet.destination.octets[15], length < 40 ? 0 : 1);
    }
    for (size_t payload = 0; payload < 8; payload++) { /* the packet is whole, its options header is not */
        put_u16(made.bytes + 4, (uint16_t)payload);
        assert_int_equal(parse(&made, made.length, &packet), LA_DROP_IP_HEADER_LENGTH);
        assert_false(ipv6_problem(&packet, &(struct ipv6_problem){0}));
    }
}

static void padding_is_trimmed(void **state)
{
    (void)state;
    struct made made = begin();
    struct packet packet;
    append_text(&made);
    for (size_t padded = made.length; padded < made.length + 40; padded++) {
        assert_int_equal(parse(&made, padded, &packet), LA_DROP_NONE);
        assert_int_equal(packet.length, 60);
        assert_text(&packet);
    }
}

/* RFC 4291 2.5.5.2 addresses stand for IPv4 inside the host: from the wire they would speak for another family. */
static void mapped_addresses_are_refused(void **state)
{
    (void)state;
    const struct la_address mapped = la_address_ipv4(192, 0, 2, 1);
    struct packet packet;
    struct made made = begin();
    append_text(&made);
    memcpy(made.bytes + 8, mapped.octets, 16);
    assert_int_equal(parse(&made, made.length, &packet), LA_DROP_IP_SOURCE);
    memcpy(made.bytes + 8, theirs.octets, 16);
    memcpy(made.bytes + 24, mapped.octets, 16);
    assert_int_equal(parse(&made, made.length, &packet), LA_DROP_IP_DESTINATION);
    struct made asking = begin(); /* nobody is told anything at such an address */
    append_options(&asking, IPV6_DESTINATION_OPTIONS, "\x9e\4abcd", 6);
    append_text(&asking);
    assert_int_equal(parse(&asking, asking.length, &packet), LA_DROP_IP_OPTION);
    memcpy(asking.bytes + 8, mapped.octets, 16);
    assert_int_equal(parse(&asking, asking.length, &packet), LA_DROP_IP_SOURCE);
}

static void a_chain_of_everything(void **state)
{
    (void)state;
    struct made made = begin();
    struct packet packet;
    append_options(&made, IPV6_HOP_BY_HOP, "\5\2\0\0\0\0", 6); /* router alert, and two Pad1 */
    append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
    append_routing(&made, 0, 0, 3);
    append_fragment(&made, 77, 0, false);
    append_options(&made, IPV6_DESTINATION_OPTIONS, "\x3e\0\1\2aa\0\0\0\0\0\0\0\0", 14);
    append_text(&made);
    assert_int_equal(parse(&made, made.length, &packet), LA_DROP_NONE);
    assert_text(&packet);
}

static void a_chain_has_a_bound(void **state)
{
    (void)state;
    struct packet packet;
    for (unsigned headers = 0; headers <= 12; headers++) {
        struct made made = begin();
        for (unsigned i = 0; i < headers; i++) {
            append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
        }
        append_text(&made);
        assert_int_equal(parse(&made, made.length, &packet), headers > 8 ? LA_DROP_IP_EXTENSIONS : LA_DROP_NONE);
        assert_int_equal(ipv6_problem(&packet, &(struct ipv6_problem){0}), headers <= 8);
    }
}

static void options_by_their_action(void **state)
{
    (void)state;
    static const uint8_t headers[] = {IPV6_HOP_BY_HOP, IPV6_DESTINATION_OPTIONS};
    for (unsigned type = 2; type < 256; type++) {
        for (unsigned i = 0; i < 2; i++) {
            const uint8_t options[] = {0, (uint8_t)type, 1, 9, 1, 0};
            struct packet packet;
            struct ipv6_problem problem;
            struct made made = begin();
            size_t at = append_options(&made, headers[i], options, sizeof options);
            append_text(&made);
            unsigned action = type >> 6;
            if (action == 0) {
                assert_int_equal(parse(&made, made.length, &packet), LA_DROP_NONE);
                assert_text(&packet);
                continue;
            }
            assert_refused(&made, LA_DROP_IP_OPTION, action == 1 ? -1 : ICMPV6_PARAMETER_PROBLEM_OPTION, at + 3);
            (void)parse(&made, made.length, &packet);
            (void)ipv6_problem(&packet, &problem);
            assert_int_equal(problem.even_if_multicast, action == 2);
        }
    }
}

static void malformed_options(void **state)
{
    (void)state;
    struct made alone = begin();
    size_t at = append_options(&alone, IPV6_DESTINATION_OPTIONS, "\1\3aaa\1", 6); /* the last has no length */
    append_text(&alone);
    assert_refused(&alone, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_HEADER, at + 7);
    struct made beyond = begin();
    at = append_options(&beyond, IPV6_DESTINATION_OPTIONS, "\1\1a\1\2a", 6);
    append_text(&beyond);
    assert_refused(&beyond, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_HEADER, at + 6);
}

/* RFC 2675: a payload length of 0, and the length in an option that a host may not skip. */
static void a_jumbogram_is_refused(void **state)
{
    (void)state;
    struct made made = begin();
    size_t at = append_options(&made, IPV6_HOP_BY_HOP, "\xc2\4\0\1\0\0", 6);
    append_text(&made);
    assert_refused(&made, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_OPTION, at + 2);
    put_u16(made.bytes + 4, 0);
    assert_refused(&made, LA_DROP_IP_HEADER_LENGTH, -1, 0);
}

static void routing_headers(void **state)
{
    (void)state;
    struct packet packet;
    for (unsigned type = 0; type < 256; type++) {
        struct made done = begin();
        append_routing(&done, (uint8_t)type, 0, 2);
        append_text(&done);
        assert_int_equal(parse(&done, done.length, &packet), LA_DROP_NONE);
        assert_text(&packet);
        struct made made = begin();
        size_t at = append_routing(&made, (uint8_t)type, 1, 2);
        append_text(&made);
        assert_refused(&made, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_HEADER, at + 2); /* RFC 5095, RFC 8200 4.4 */
    }
}

static void what_ends_a_chain(void **state)
{
    (void)state;
    static const uint8_t protocols[] = {IP_PROTOCOL_UDP, 50 /* ESP */, 51 /* AH */, 135 /* mobility */, 253};
    struct packet packet;
    for (size_t i = 0; i < sizeof protocols; i++) {
        struct made made = begin();
        size_t options = append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
        append(&made, protocols[i], "0123456789abcdef", 16);
        assert_int_equal(parse(&made, made.length, &packet), LA_DROP_NONE);
        assert_int_equal(packet.protocol, protocols[i]);
        assert_int_equal(packet.payload_length, 16);
        assert_refused(&made, LA_DROP_NONE, ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER, options);
    }
    struct made late = begin(); /* hop-by-hop options that do not come first: an unknown next header (RFC 8200 4.1) */
    size_t options = append_options(&late, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
    append_options(&late, IPV6_HOP_BY_HOP, "\1\4aaaa", 6);
    assert_refused(&late, LA_DROP_NONE, ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER, options);
    struct made none = begin();
    append(&none, IPV6_NO_NEXT_HEADER, "0123", 4);
    assert_refused(&none, LA_DROP_NONE, -1, 0);
}

static void fragments(void **state)
{
    (void)state;
    for (unsigned extensions = 0; extensions < 3; extensions++) {
        for (unsigned offset = 0; offset < 65536; offset += 8 * 911) {
            for (unsigned more = offset == 0; more < 2; more++) {
                struct packet packet;
                struct made made = begin();
                for (unsigned i = 0; i < extensions; i++) {
                    append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
                }
                size_t named_at = made.named_at;
                size_t at = append_fragment(&made, 0xdeadbeef, (uint16_t)offset, more);
                append_text(&made);
                made.bytes[at + 3] |= 6; /* reserved */
                made.bytes[at + 1] = 99;
                assert_int_equal(parse(&made, made.length, &packet), LA_DROP_IP_FRAGMENT);
                assert_text(&packet);
                struct ip_fragment fragment = ip_fragment(&packet);
                assert_int_equal(fragment.identification, 0xdeadbeef);
                assert_int_equal(fragment.offset, offset);
                assert_int_equal(fragment.more, more);
                assert_int_equal(fragment.protocol, IP_PROTOCOL_TCP);
                assert_int_equal(fragment.before_bytes, at);
                assert_int_equal(fragment.next_header_at, named_at);
                assert_false(ipv6_problem(&packet, &(struct ipv6_problem){0}));
            }
        }
    }
}

/* The first part, with the whole's octets behind it and its header mended as ip_fragment says, is the packet. */
static void a_whole_from_its_parts(void **state)
{
    (void)state;
    struct packet packet;
    struct made made = begin();
    append_options(&made, IPV6_HOP_BY_HOP, "\5\2\0\0\0\0", 6);
    append_fragment(&made, 1, 0, true);
    append_options(&made, IPV6_DESTINATION_OPTIONS, "\1\4aaaa", 6);
    append_text(&made);
    assert_int_equal(parse(&made, made.length, &packet), LA_DROP_IP_FRAGMENT);
    assert_int_equal(packet.protocol, IPV6_DESTINATION_OPTIONS);
    struct ip_fragment fragment = ip_fragment(&packet);
    struct made whole = {.length = fragment.before_bytes + packet.payload_length};
    memcpy(whole.bytes, made.bytes, fragment.before_bytes);
    memcpy(whole.bytes + fragment.before_bytes, packet.payload, packet.payload_length);
    whole.bytes[fragment.next_header_at] = fragment.protocol;
    put_u16(whole.bytes + 4, (uint16_t)(whole.length - 40));
    assert_int_equal(parse(&whole, whole.length, &packet), LA_DROP_NONE);
    assert_text(&packet);
}

static void what_is_emitted_is_parsed(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (size_t length = 0; length < 2000; length += 1 + length / 20) {
        struct made made = {.length = 40 + length};
        struct packet packet;
        random_bytes(&seed, made.bytes, sizeof made.bytes);
        assert_int_equal(ip_emit(made.bytes, &theirs, &ours, IP_PROTOCOL_TCP, 17, length), 40);
        assert_int_equal(ip_header_bytes(&ours), 40);
        assert_int_equal(parse(&made, made.length, &packet), LA_DROP_NONE);
        assert_true(address_equal(&packet.source, &theirs) && address_equal(&packet.destination, &ours));
        assert_int_equal(packet.ttl, 17);
        assert_int_equal(packet.payload_length, length);
        assert_int_equal(get_u32(made.bytes), 0x60000000);
    }
}

/* RFC 8200 8.1, octet by octet. */
static void pseudo_header(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (unsigned round = 0; round < 200; round++) {
        uint8_t pseudo[40] = {0};
        struct la_address source;
        struct la_address destination;
        random_bytes(&seed, pseudo, 32);
        memcpy(source.octets, pseudo, 16);
        memcpy(destination.octets, pseudo + 16, 16);
        uint16_t length = (uint16_t)random_u64(&seed);
        uint8_t protocol = (uint8_t)random_u64(&seed);
        put_u32(pseudo + 32, length);
        pseudo[39] = protocol;
        assert_int_equal(checksum_finish(ip_pseudo_checksum(&source, &destination, protocol, length)),
                         naive_checksum(pseudo, sizeof pseudo));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_packet),          cmocka_unit_test(every_truncation),
        cmocka_unit_test(padding_is_trimmed),      cmocka_unit_test(mapped_addresses_are_refused),
        cmocka_unit_test(a_chain_of_everything),   cmocka_unit_test(a_chain_has_a_bound),
        cmocka_unit_test(options_by_their_action), cmocka_unit_test(malformed_options),
        cmocka_unit_test(a_jumbogram_is_refused),  cmocka_unit_test(routing_headers),
        cmocka_unit_test(what_ends_a_chain),       cmocka_unit_test(fragments),
        cmocka_unit_test(a_whole_from_its_parts),  cmocka_unit_test(what_is_emitted_is_parsed),
        cmocka_unit_test(pseudo_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
