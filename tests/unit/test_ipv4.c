#include "support.h"

#include "base/address.h"
#include "wire/packet.h"

enum { LONGEST = 64 };

/* A packet of which the checksum is known: 172.16.10.99 to 172.16.10.12, checksum b1e6. */
static const uint8_t known[] = {0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0xb1, 0xe6,
                                0xac, 0x10, 0x0a, 0x63, 0xac, 0x10, 0x0a, 0x0c, 0,    0,    0,    0,
                                0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0};

static enum la_drop parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    uint8_t *copy = exact(bytes, length);
    memset(packet, 0xaa, sizeof *packet);
    enum la_drop why = ip_parse(copy, length, packet);
    assert_ptr_equal(packet->bytes, copy);
    assert_true(packet->length <= length);
    if (packet->payload != NULL) {
        assert_true(packet->payload >= copy && packet->payload + packet->payload_length == copy + packet->length);
    } else {
        assert_int_equal(packet->payload_length, 0);
    }
    free(copy);
    return why;
}

/* A header with options, padded by whoever gives them, and payload of zeros. */
static size_t make(uint8_t *to, const uint8_t *options, size_t options_length, size_t payload_length, uint16_t fragment)
{
    size_t header = 20 + options_length;
    memset(to, 0, header + payload_length);
    to[0] = (uint8_t)(0x40 | header / 4);
    put_u16(to + 2, (uint16_t)(header + payload_length));
    put_u16(to + 6, fragment);
    to[8] = 64;
    to[9] = IP_PROTOCOL_TCP;
    memcpy(to + 12, "\xc0\x00\x02\x01\xc0\x00\x02\x02", 8);
    if (options_length > 0) {
        memcpy(to + 20, options, options_length);
    }
    put_u16(to + 10, naive_checksum(to, header));
    return header + payload_length;
}

static void fix_checksum(uint8_t *bytes)
{
    put_u16(bytes + 10, 0);
    put_u16(bytes + 10, naive_checksum(bytes, (bytes[0] & 15u) * 4));
}

static void a_known_packet(void **state)
{
    (void)state;
    struct packet packet;
    assert_int_equal(parse(known, sizeof known, &packet), LA_DROP_NONE);
    struct la_address source = la_address_ipv4(172, 16, 10, 99);
    struct la_address destination = la_address_ipv4(172, 16, 10, 12);
    assert_true(address_equal(&packet.source, &source));
    assert_true(address_equal(&packet.destination, &destination));
    assert_int_equal(packet.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(packet.ttl, 64);
    assert_int_equal(packet.length, 60);
    assert_int_equal(packet.payload_length, 40);
}

static void every_truncation(void **state)
{
    (void)state;
    struct packet packet;
    static const uint8_t nops[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t options = 0; options <= 40; options += 4) {
        uint8_t bytes[100];
        size_t whole = make(bytes, nops, options, 10, 0);
        for (size_t length = 0; length < whole; length++) {
            enum la_drop expected = length < 20             ? LA_DROP_IP_TRUNCATED
                                    : length < 20 + options ? LA_DROP_IP_HEADER_LENGTH
                                                            : LA_DROP_IP_TOTAL_LENGTH;
            assert_int_equal(parse(bytes, length, &packet), expected);
            assert_int_equal(packet.protocol, length < 20 ? 0 : IP_PROTOCOL_TCP);
            assert_int_equal(packet.destination.octets[15], length < 20 ? 0 : 2);
        }
        assert_int_equal(parse(bytes, whole, &packet), LA_DROP_NONE);
        assert_int_equal(packet.payload_length, 10);
    }
}

static void padding_is_trimmed(void **state)
{
    (void)state;
    uint8_t bytes[100] = {0};
    struct packet packet;
    size_t whole = make(bytes, NULL, 0, 10, 0);
    for (size_t padded = whole; padded <= sizeof bytes; padded++) {
        assert_int_equal(parse(bytes, padded, &packet), LA_DROP_NONE);
        assert_int_equal(packet.length, whole);
        assert_int_equal(packet.payload_length, 10);
    }
}

static void versions(void **state)
{
    (void)state;
    struct packet packet;
    for (unsigned version = 0; version < 16; version++) {
        uint8_t bytes[60];
        memcpy(bytes, known, sizeof bytes);
        bytes[0] = (uint8_t)(version << 4 | 5);
        for (size_t length = 1; length <= sizeof bytes; length++) {
            enum la_drop why = parse(bytes, length, &packet);
            if (version != 4 && version != 6) {
                assert_int_equal(why, LA_DROP_IP_VERSION);
            }
        }
    }
}

static void header_and_total_lengths(void **state)
{
    (void)state;
    struct packet packet;
    for (unsigned words = 0; words < 16; words++) {
        for (unsigned total = 0; total <= 70; total++) {
            uint8_t bytes[60];
            memset(bytes, 1, sizeof bytes); /* whatever becomes an option is a NOP */
            make(bytes, NULL, 0, 0, 0);
            bytes[0] = (uint8_t)(0x40 | words);
            put_u16(bytes + 2, (uint16_t)total);
            if (words >= 5) {
                fix_checksum(bytes);
            }
            enum la_drop expected = words < 5                         ? LA_DROP_IP_HEADER_LENGTH
                                    : total < 4 * words || total > 60 ? LA_DROP_IP_TOTAL_LENGTH
                                                                      : LA_DROP_NONE;
            assert_int_equal(parse(bytes, sizeof bytes, &packet), expected);
        }
    }
}

static void every_wrong_bit_of_the_header_is_seen(void **state)
{
    (void)state;
    uint8_t bytes[100];
    struct packet packet;
    size_t whole = make(bytes, (const uint8_t *)"\x01\x01\x94\x04\x00\x00\x00\x00", 8, 20, 0x4000);
    put_u16(bytes + 4, 0x1c46); /* one bit makes it IPv6, which has no checksum: there this is a length, and wrong */
    fix_checksum(bytes);
    assert_int_equal(parse(bytes, whole, &packet), LA_DROP_NONE);
    for (size_t bit = 0; bit < 28 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(parse(bytes, whole, &packet), LA_DROP_NONE);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    uint16_t right = get_u16(bytes + 10);
    for (uint32_t checksum = 0; checksum <= 0xffff; checksum++) {
        put_u16(bytes + 10, (uint16_t)checksum);
        assert_int_equal(ip_parse(bytes, whole, &packet), checksum == right ? LA_DROP_NONE : LA_DROP_IP_CHECKSUM);
    }
}

static void options(void **state)
{
    (void)state;
    static const struct {
        uint8_t octets[12];
        size_t length;
        enum la_drop why;
    } cases[] = {
        {{0, 0, 0, 0}, 4, LA_DROP_NONE},
        {{1, 1, 1, 1}, 4, LA_DROP_NONE},
        {{1, 1, 1, 0}, 4, LA_DROP_NONE},
        {{0, 99, 1, 131}, 4, LA_DROP_NONE},           /* behind the end nothing counts */
        {{148, 4, 0, 0}, 4, LA_DROP_NONE},            /* router alert */
        {{7, 7, 4, 0, 0, 0, 0, 0}, 8, LA_DROP_NONE},  /* record route */
        {{68, 8, 5, 0, 0, 0, 0, 0}, 8, LA_DROP_NONE}, /* timestamp */
        {{99, 2, 1, 1}, 4, LA_DROP_NONE},             /* unknown */
        {{1, 1, 1, 99}, 4, LA_DROP_IP_OPTION},        /* no length */
        {{99, 0, 0, 0}, 4, LA_DROP_IP_OPTION},
        {{99, 1, 0, 0}, 4, LA_DROP_IP_OPTION},
        {{99, 5, 0, 0}, 4, LA_DROP_IP_OPTION},
        {{1, 99, 4, 0}, 4, LA_DROP_IP_OPTION},
        {{99, 255, 0, 0, 0, 0, 0, 0}, 8, LA_DROP_IP_OPTION},
        {{131, 7, 4, 1, 2, 3, 4, 0}, 8, LA_DROP_IP_OPTION},
        {{137, 7, 4, 1, 2, 3, 4, 0}, 8, LA_DROP_IP_OPTION},
        {{1, 148, 4, 0, 0, 131, 3, 4}, 8, LA_DROP_IP_OPTION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[LONGEST];
        struct packet packet;
        size_t whole = make(bytes, cases[i].octets, cases[i].length, 4, 0);
        assert_int_equal(parse(bytes, whole, &packet), cases[i].why);
        assert_int_equal(packet.payload_length, 4);
        assert_int_equal(packet.source.octets[15], 1);
    }
}

static void fragments(void **state)
{
    (void)state;
    for (uint32_t field = 0; field <= 0xffff; field++) {
        uint8_t bytes[LONGEST];
        struct packet packet;
        size_t whole = make(bytes, NULL, 0, 8, (uint16_t)field);
        bool fragment = (field & 0x3fff) != 0; /* MF or an offset; the first bit and DF mean nothing here */
        assert_int_equal(ip_parse(bytes, whole, &packet), fragment ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t octets[8];
        random_bytes(&seed, octets, sizeof octets);
        struct la_address source = address_from_ipv4(octets);
        struct la_address destination = address_from_ipv4(octets + 4);
        uint8_t protocol = (uint8_t)random_u64(&seed);
        uint8_t ttl = (uint8_t)random_u64(&seed);
        size_t payload = round % 100 == 0 ? 65515 : random_u64(&seed) % 100;
        uint8_t *bytes = malloc(20 + payload);
        assert_non_null(bytes);
        memset(bytes, 0, 20 + payload);
        assert_int_equal(ip_header_bytes(&destination), 20);
        assert_int_equal(ip_emit(bytes, &source, &destination, protocol, ttl, payload), 20);
        assert_int_equal(naive_checksum(bytes, 20), 0);
        assert_int_equal(get_u16(bytes + 4), 0);      /* identification: RFC 6864 */
        assert_int_equal(get_u16(bytes + 6), 0x4000); /* DF */
        struct packet packet;
        assert_int_equal(parse(bytes, 20 + payload, &packet), LA_DROP_NONE);
        assert_true(address_equal(&packet.source, &source) && address_equal(&packet.destination, &destination));
        assert_int_equal(packet.protocol, protocol);
        assert_int_equal(packet.ttl, ttl);
        assert_int_equal(packet.payload_length, payload);
        free(bytes);
    }
}

static void random_octets_are_read_within_their_bounds(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t bytes[LONGEST];
        struct packet packet;
        size_t length = random_u64(&seed) % sizeof bytes;
        random_bytes(&seed, bytes, sizeof bytes);
        bytes[0] = (uint8_t)(0x40 | bytes[0] % 16);
        bytes[2] = 0;
        bytes[3] %= LONGEST;
        if (bytes[0] % 16 >= 5) {
            fix_checksum(bytes);
        }
        (void)parse(bytes, length, &packet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_packet),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(padding_is_trimmed),
        cmocka_unit_test(versions),
        cmocka_unit_test(header_and_total_lengths),
        cmocka_unit_test(every_wrong_bit_of_the_header_is_seen),
        cmocka_unit_test(options),
        cmocka_unit_test(fragments),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(random_octets_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
