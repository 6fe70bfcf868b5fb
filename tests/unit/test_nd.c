#include "support.h"

#include "base/address.h"
#include "wire/nd.h"

enum { PACKET_MAX = 400 };

static const struct la_address ours = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x22, 0x33}};
static const struct la_address theirs = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x44, 0x55, 0x66}};
static const struct la_address global = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}};
static const struct la_address any = {{0}};
static const struct mac mac = {{2, 0, 0, 0, 0, 9}};

/* A message from octets: rest, then what stands behind the first eight. */
struct given {
    struct la_address source;
    struct la_address destination;
    uint8_t hop_limit;
    uint8_t type;
    uint8_t code;
    uint32_t rest;
    uint8_t body[300];
    size_t length;
};

static enum la_drop parse_packet(const uint8_t *bytes, size_t length, struct nd *nd, bool *is_valid)
{
    struct packet packet;
    struct icmp_message message;
    uint8_t *copy = exact(bytes, length);
    assert_int_equal(ip_parse(copy, length, &packet), LA_DROP_NONE);
    enum la_drop why = icmpv6_parse(&packet, &message);
    if (why == LA_DROP_NONE) {
        *is_valid = nd_parse(&packet, message.type, nd);
    }
    free(copy);
    return why;
}

static enum la_drop parse(const struct given *given, struct nd *nd, bool *is_valid)
{
    uint8_t bytes[PACKET_MAX];
    const struct icmpv6_header header = {given->source, given->destination, given->hop_limit,
                                         given->type,   given->code,        given->rest};
    return parse_packet(bytes, icmpv6_emit(bytes, &header, given->body, given->length), nd, is_valid);
}

static void add(struct given *given, const void *octets, size_t length)
{
    assert_true(given->length + length <= sizeof given->body);
    memcpy(given->body + given->length, octets, length);
    given->length += length;
}

static struct given solicitation(const struct la_address *target)
{
    struct given given = {
        .source = theirs, .destination = ours, .hop_limit = 255, .type = ICMPV6_NEIGHBOR_SOLICITATION};
    add(&given, target->octets, 16);
    return given;
}

static bool is_valid(const struct given *given)
{
    struct nd nd;
    bool valid = false;
    assert_int_equal(parse(given, &nd, &valid), LA_DROP_NONE);
    return valid;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const uint8_t types[] = {ICMPV6_ROUTER_SOLICITATION, ICMPV6_NEIGHBOR_SOLICITATION, ICMPV6_NEIGHBOR_ADVERTISEMENT};
    for (unsigned i = 0; i < 6; i++) {
        uint8_t bytes[ND_BYTES_MAX];
        struct nd nd;
        bool valid = false;
        struct nd sent = {.type = types[i / 2], .has_mac = i % 2 == 1};
        if (sent.has_mac) {
            sent.mac = mac;
        }
        if (sent.type != ICMPV6_ROUTER_SOLICITATION) {
            sent.target = global;
        }
        sent.flags = sent.type == ICMPV6_NEIGHBOR_ADVERTISEMENT ? ND_SOLICITED | ND_OVERRIDE : 0;
        size_t length = nd_emit(bytes, &theirs, &ours, &sent);
        assert_true(length <= sizeof bytes);
        assert_int_equal(bytes[7], 255);
        assert_int_equal(parse_packet(bytes, length, &nd, &valid), LA_DROP_NONE);
        assert_true(valid);
        assert_int_equal(nd.type, sent.type);
        assert_int_equal(nd.flags, sent.flags);
        assert_int_equal(nd.has_mac, sent.has_mac);
        assert_memory_equal(&nd.mac, &sent.mac, sizeof mac);
        assert_true(address_equal(&nd.target, &sent.target));
    }
}

/* RFC 4861 6.1, 7.1, 8.1 */
static void only_this_link_may_speak(void **state)
{
    (void)state;
    struct nd nd;
    bool valid = false;
    struct given given = solicitation(&global);
    for (unsigned hops = 0; hops < 256; hops++) {
        given.hop_limit = (uint8_t)hops;
        assert_int_equal(parse(&given, &nd, &valid), hops == 255 ? LA_DROP_NONE : LA_DROP_ICMP_TYPE);
    }
    given.hop_limit = 255;
    given.code = 1;
    assert_int_equal(parse(&given, &nd, &valid), LA_DROP_ICMP_TYPE);
}

static void addresses_that_cannot_be(void **state)
{
    (void)state;
    struct given given = solicitation(&nd_all_nodes);
    assert_false(is_valid(&given));
    given.type = ICMPV6_NEIGHBOR_ADVERTISEMENT;
    assert_false(is_valid(&given));
    given = solicitation(&global);
    assert_true(is_valid(&given));
    given.type = ICMPV6_NEIGHBOR_ADVERTISEMENT;
    given.destination = nd_all_nodes;
    assert_true(is_valid(&given));
    given.rest = (uint32_t)ND_SOLICITED << 24; /* an answer goes to who asked */
    assert_false(is_valid(&given));
    for (unsigned type = ICMPV6_ROUTER_ADVERTISEMENT; type <= ICMPV6_REDIRECT; type += 3) { /* 134, 137 */
        struct given router = {.source = theirs, .destination = ours, .hop_limit = 255, .type = (uint8_t)type};
        router.length = type == ICMPV6_REDIRECT ? 32 : 8; /* and no option */
        assert_true(is_valid(&router));
        router.source = global;
        assert_false(is_valid(&router));
    }
}

/* RFC 4861 7.1.1: who has no address asks the group, and leaves no address. */
static void who_has_no_address_yet(void **state)
{
    (void)state;
    const uint8_t option[8] = {1, 1, 2, 0, 0, 0, 0, 9};
    struct given given = solicitation(&global);
    given.source = any;
    assert_false(is_valid(&given));
    given.destination = nd_solicited_node(&global);
    assert_true(is_valid(&given));
    add(&given, option, sizeof option);
    assert_false(is_valid(&given));
    struct given router = {
        .source = any, .destination = nd_all_routers, .hop_limit = 255, .type = ICMPV6_ROUTER_SOLICITATION};
    assert_true(is_valid(&router));
    add(&router, option, sizeof option);
    assert_false(is_valid(&router));
}

static void options_of_any_length(void **state)
{
    (void)state;
    const uint8_t ours_last[8] = {1, 1, 2, 0, 0, 0, 0, 9};
    for (unsigned units = 0; units < 8; units++) {
        for (size_t octets = 1; octets <= 64; octets++) {
            struct given given = solicitation(&global);
            uint8_t option[64] = {200, (uint8_t)units};
            add(&given, option, octets);
            bool fits = units > 0 && octets == (size_t)units * 8;
            if (fits || octets < 2 || units == 0 || (size_t)units * 8 > octets) {
                assert_int_equal(is_valid(&given), fits);
            }
            if (fits) {
                struct nd nd;
                bool valid = false;
                add(&given, ours_last, sizeof ours_last);
                assert_int_equal(parse(&given, &nd, &valid), LA_DROP_NONE);
                assert_true(valid && nd.has_mac);
                assert_memory_equal(&nd.mac, &mac, sizeof mac);
            }
        }
    }
}

/* A group's address is no station's; the other option is not the one that counts. */
static void options_that_say_nothing(void **state)
{
    (void)state;
    struct nd nd;
    bool valid = false;
    const uint8_t group[8] = {1, 1, 3, 0, 0, 0, 0, 9};
    const uint8_t target[8] = {2, 1, 2, 0, 0, 0, 0, 9};
    struct given given = solicitation(&global);
    add(&given, group, sizeof group);
    add(&given, target, sizeof target);
    assert_int_equal(parse(&given, &nd, &valid), LA_DROP_NONE);
    assert_true(valid);
    assert_false(nd.has_mac);
    given.type = ICMPV6_NEIGHBOR_ADVERTISEMENT;
    assert_int_equal(parse(&given, &nd, &valid), LA_DROP_NONE);
    assert_true(nd.has_mac);
}

static void what_a_router_says(void **state)
{
    (void)state;
    struct given given = {.source = theirs,
                          .destination = nd_all_nodes,
                          .hop_limit = 255,
                          .type = ICMPV6_ROUTER_ADVERTISEMENT,
                          .rest = 64U << 24 | 1800};
    const uint8_t times[8] = {0};
    const uint8_t mtu[8] = {5, 1, 0, 0, 0, 0, 5, 0xdc};
    uint8_t prefix[32] = {3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08};
    memcpy(prefix + 16, global.octets, 8);
    add(&given, times, sizeof times);
    add(&given, prefix, sizeof prefix);
    add(&given, mtu, sizeof mtu);
    prefix[2] = 48;
    prefix[3] = 0x80;
    memset(prefix + 4, 0xff, 8);
    add(&given, prefix, sizeof prefix);

    uint8_t bytes[PACKET_MAX];
    const struct icmpv6_header header = {given.source, given.destination, 255, given.type, 0, given.rest};
    size_t length = icmpv6_emit(bytes, &header, given.body, given.length);
    struct packet packet;
    struct nd nd;
    struct nd_prefix read;
    assert_int_equal(ip_parse(bytes, length, &packet), LA_DROP_NONE);
    assert_true(nd_parse(&packet, ICMPV6_ROUTER_ADVERTISEMENT, &nd));
    assert_false(nd.has_mac);
    struct nd_router router = nd_router(&packet);
    assert_int_equal(router.lifetime_s, 1800);
    assert_int_equal(router.mtu, 1500);
    assert_true(nd_prefix(&packet, 0, &read));
    assert_true(read.on_link && read.autonomous);
    assert_int_equal(read.bits, 64);
    assert_int_equal(read.valid_s, 3600);
    assert_int_equal(read.preferred_s, 1800);
    assert_memory_equal(read.prefix.octets, prefix + 16, 16);
    assert_true(nd_prefix(&packet, 1, &read));
    assert_true(read.on_link && !read.autonomous);
    assert_int_equal(read.bits, 48);
    assert_int_equal(read.valid_s, UINT32_MAX);
    assert_false(nd_prefix(&packet, 2, &read));
}

static void groups(void **state)
{
    (void)state;
    const struct la_address expected = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x11, 0x22, 0x33}};
    const struct mac expected_mac = {{0x33, 0x33, 0xff, 0x11, 0x22, 0x33}};
    struct la_address group = nd_solicited_node(&ours);
    struct mac group_mac = nd_group_mac(&group);
    assert_true(address_equal(&group, &expected));
    assert_memory_equal(&group_mac, &expected_mac, sizeof group_mac);
}

static void any_octets(void **state)
{
    (void)state;
    uint64_t seed = 20261123;
    for (unsigned i = 0; i < 100000; i++) {
        struct given given = {.source = theirs, .destination = ours, .hop_limit = 255};
        struct nd nd;
        bool valid = false;
        given.type = (uint8_t)(133 + random_u64(&seed) % 5);
        given.length = 32 + random_u64(&seed) % 100;
        random_bytes(&seed, given.body, given.length);
        for (size_t at = given.type == 137 ? 32 : 8; at + 1 < given.length; at += 8) {
            given.body[at] = (uint8_t)(random_u64(&seed) % 7); /* lengths that fit now and then */
            given.body[at + 1] = (uint8_t)(random_u64(&seed) % 3);
        }
        assert_int_equal(parse(&given, &nd, &valid), LA_DROP_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(only_this_link_may_speak),
        cmocka_unit_test(addresses_that_cannot_be),
        cmocka_unit_test(who_has_no_address_yet),
        cmocka_unit_test(options_of_any_length),
        cmocka_unit_test(options_that_say_nothing),
        cmocka_unit_test(what_a_router_says),
        cmocka_unit_test(groups),
        cmocka_unit_test(any_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
