#include "ip_support.h"

/* Two interfaces, each with a link-local address, IPv4 too; the second one's addresses are of several kinds. */
static struct host *host_usual(void)
{
    static const struct own_address own[] = {{"fe80::1", 0, 64}, {"2001:db8:1::1", 0, 64}, {"10.0.0.1", 0, 24},
                                             {"fe80::2", 1, 64}, {"fd00::1", 1, 64},       {"2001:db8:2::1", 1, 64}};
    return host_with(own, sizeof own / sizeof own[0]);
}

static void addresses(void **state)
{
    (void)state;
    struct host *host = host_new();
    assert_int_equal(ip_interface_add(&host->ip, 1279), 0);
    assert_int_equal(ip_interface_add(&host->ip, 1280), 1);
    assert_int_equal(add_address(host, 0, "fd00::1", 64), LA_ERROR_INVALID); /* RFC 8200 5 */
    assert_int_equal(add_route(host, 0, "fd00::", 64), LA_ERROR_INVALID);
    assert_int_equal(add_address(host, 2, "fd00::1", 64), LA_ERROR_NO_INTERFACE);
    assert_int_equal(add_address(host, 1, "fd00::1", 129), LA_ERROR_INVALID);
    assert_int_equal(add_address(host, 1, "fd00::1", 128), LA_OK);
    assert_int_equal(add_address(host, 1, "fd00::1", 64), LA_ERROR_IN_USE);
    static const char *const no_hosts[] = {"::", "::1", "ff02::1", "ff0e::1:2"};
    for (size_t i = 0; i < sizeof no_hosts / sizeof no_hosts[0]; i++) {
        assert_int_equal(add_address(host, 1, no_hosts[i], 128), LA_ERROR_INVALID);
    }
    assert_int_equal(add_address(host, 1, "fd00:1::", 64), LA_ERROR_INVALID); /* the routers' there */
    assert_int_equal(add_address(host, 1, "fd00:1::4", 126), LA_ERROR_INVALID);
    assert_int_equal(add_address(host, 1, "fd00:1::", 127), LA_OK); /* RFC 6164 */
    assert_int_equal(add_address(host, 1, "fd00:2::", 128), LA_OK);
    assert_int_equal(add_address(host, 1, "fd00:3::ffff", 112), LA_OK); /* IPv6 has no broadcast */
    host->core.replies.bytes = 72;                                      /* no room for the last ACK */
    assert_int_equal(add_address(host, 1, "fd00:4::1", 64), LA_ERROR_INVALID);
    host->core.replies.bytes = 80;
    assert_int_equal(add_address(host, 1, "fd00:4::1", 64), LA_OK);
    free(host);
}

/* However they are added, each family finds its own. */
static void families_mix(void **state)
{
    (void)state;
    struct host *host = host_new();
    assert_int_equal(ip_interface_add(&host->ip, 1500), 0);
    static const char *const texts[] = {"fd00::1", "10.0.0.1", "fd00::a00:2", "10.0.0.3", "10.0.0.4", "fd00::6"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool ipv4 = strchr(texts[i], '.') != NULL;
        assert_int_equal(add_address(host, 0, texts[i], ipv4 ? 24 : 64), LA_OK);
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            bool is_there = k <= i;
            bool of_ipv4 = strchr(texts[k], '.') != NULL;
            enum la_drop expected = is_there ? LA_DROP_NONE : LA_DROP_IP_DESTINATION;
            assert_int_equal(check(host, 0, of_ipv4 ? "10.0.0.77" : "fd00::77", texts[k]), expected);
        }
    }
    /* The last four octets of one family are not an address of the other. */
    assert_int_equal(check(host, 0, "10.0.0.77", "10.0.0.2"), LA_DROP_IP_DESTINATION);
    assert_int_equal(check(host, 0, "10.0.0.2", "10.0.0.1"), LA_DROP_NONE);
    assert_int_equal(add_address(host, 0, "fd00::7", 64), LA_ERROR_NO_ADDRESS);
    free(host);
}

static void sources_and_destinations(void **state)
{
    (void)state;
    struct host *host = host_usual();
    assert_int_equal(check(host, 0, "2001:db8:1::2", "2001:db8:1::1"), LA_DROP_NONE);
    assert_int_equal(check(host, 0, "fe80::9", "fe80::1"), LA_DROP_NONE);
    assert_int_equal(check(host, 1, "2001:db8:1::2", "fd00::1"), LA_DROP_NONE);
    static const char *const sources[] = {"::", "::1", "ff02::1", "2001:db8:1::1", "fe80::2"};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        assert_int_equal(check(host, 0, sources[i], "2001:db8:1::1"), LA_DROP_IP_SOURCE);
    }
    static const char *const destinations[] = {"::",      "::1",    "ff02::1", "ff02::1:ff00:1", "2001:db8:1::2",
                                               "fd00::1", "fe80::2"};
    for (size_t i = 0; i < sizeof destinations / sizeof destinations[0]; i++) {
        assert_int_equal(check(host, 0, "fe80::9", destinations[i]), LA_DROP_IP_DESTINATION);
    }
    free(host);
}

static void groups(void **state)
{
    (void)state;
    struct host *host = host_usual();
    static const struct {
        const char *address;
        bool on_0, on_1;
    } rows[] = {{"ff02::1", true, true},         {"ff02::2", false, false},        {"ff02::1:ff00:1", true, true},
                {"ff02::1:ff00:2", false, true}, {"ff02::1:ff00:3", false, false}, {"ff02::2:ff00:1", false, false},
                {"2001:db8:1::1", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct la_address group = address(rows[i].address);
        assert_int_equal(ip_is_our_group(&host->ip, 0, &group), rows[i].on_0);
        assert_int_equal(ip_is_our_group(&host->ip, 1, &group), rows[i].on_1);
    }
    free(host);
}

static void paths(void **state)
{
    (void)state;
    struct host *host = host_usual();
    check_path(host, "2001:db8:1::9", NULL, 0, "2001:db8:1::1");
    check_path(host, "2001:db8:2::9", NULL, 1, "2001:db8:2::1");
    check_path(host, "fd00::9", NULL, 1, "fd00::1");
    check_path(host, "2001:db8:3::9", NULL, -1, NULL);
    check_path(host, "fe80::9", NULL, 0, "fe80::1");      /* the first added */
    check_path(host, "fe80::9", "fe80::2", 1, "fe80::2"); /* the source says which link */
    check_path(host, "2001:db8:1::9", "fe80::1", 0, "fe80::1");
    check_path(host, "2001:db8:1::9", "fe80::2", -1, NULL); /* that is another link's: RFC 4007 9 */
    check_path(host, "2001:db8:1::9", "2001:db8:2::1", 0, "2001:db8:2::1");
    check_path(host, "2001:db8:1::9", "10.0.0.1", -1, NULL);
    check_path(host, "10.0.0.2", "2001:db8:1::1", -1, NULL);
    check_path(host, "10.0.0.2", NULL, 0, "10.0.0.1");
    assert_int_equal(add_route(host, 1, "::", 0), LA_OK);
    check_path(host, "2001:db8:3::9", NULL, 1, "2001:db8:2::1");
    check_path(host, "198.51.100.1", NULL, -1, NULL); /* a default route of one family is not the other's */
    assert_int_equal(add_route(host, 0, "2001:db8:3::", 48), LA_OK);
    assert_int_equal(add_route(host, 1, "2001:db8:3:1::", 64), LA_OK);
    check_path(host, "2001:db8:3::9", NULL, 0, "2001:db8:1::1");
    check_path(host, "2001:db8:3:1::9", NULL, 1, "2001:db8:2::1");
    static const char *const no_hosts[] = {"::", "::1", "ff02::1", "ff0e::1", "2001:db8:1::1", "fe80::2"};
    for (size_t i = 0; i < sizeof no_hosts / sizeof no_hosts[0]; i++) {
        check_path(host, no_hosts[i], NULL, -1, NULL);
    }
    free(host);
}

/* RFC 6724 5; the examples of 10.1 that one interface can show, and each rule against the order of adding. */
static void source_selection(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        const char *destination;
        const char *expected;
    } rows[] = {
        {"2001:db8:3::1", "fe80::1", "2001:db8:1::1", "2001:db8:3::1"}, /* scope */
        {"fe80::1", "2001:db8:3::1", "2001:db8:1::1", "2001:db8:3::1"},
        {"2001:db8:1::2", "fe80::1", "fe80::9", "fe80::1"},
        {"fe80::1", "fec0::1", "2001:db8:1::1", "fec0::1"},                   /* none reaches: the largest */
        {"2001:db8:1::2", "2001:db8:3::2", "2001:db8:1::1", "2001:db8:1::2"}, /* longest match */
        {"2001:db8:3::2", "2001:db8:1::2", "2001:db8:1::1", "2001:db8:1::2"},
        {"fd00::1", "2001:db8::1", "2a00::1", "2001:db8::1"}, /* label */
        {"2001:db8::1", "fd00::1", "fd99::1", "fd00::1"},
        {"2002:c633:6401::1", "2001:db8:1::2", "2001:db8:1::1", "2001:db8:1::2"},
        {"2001:db8:1::2", "2002:c633:6401::1", "2002:c633:6401::d5e3", "2002:c633:6401::1"},
        {"2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::1", "2001:db8:1::2"}, /* the prefix's bits only: the first */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host *host = host_new();
        assert_int_equal(ip_interface_add(&host->ip, 1500), 0);
        assert_int_equal(add_address(host, 0, rows[i].first, 64), LA_OK);
        assert_int_equal(add_address(host, 0, rows[i].second, 64), LA_OK);
        assert_int_equal(add_route(host, 0, "::", 0), LA_OK);
        check_path(host, rows[i].destination, NULL, 0, rows[i].expected);
        free(host);
    }
}

static void echo(void **state)
{
    (void)state;
    struct host *host = host_usual();
    uint8_t bytes[1500];
    struct icmp_notice notice;
    echo_arrives(host, "fe80::9", "fe80::1", ICMPV6_ECHO_REQUEST);
    check_echo_reply(host, "fe80::1", "fe80::9", ICMPV6_ECHO_REPLY);
    echo_arrives(host, "fe80::9", "fe80::1", ICMPV6_ECHO_REPLY);
    size_t length = make(bytes, "fe80::9", "fe80::1", IP_PROTOCOL_ICMPV6, "\x85\x00\x00\x00IDSQhello", 13);
    bytes[7] = 255; /* a router solicitation */
    arrives(host, bytes, length, &notice);
    assert_int_equal(dropped(host, LA_DROP_ICMP_TYPE), 2);
    assert_int_equal(take(host, 0, bytes), 0);
    free(host);
}

static void error_arrives(struct host *host, uint8_t type, uint8_t code, uint32_t rest, const char *quoted_source,
                          struct icmp_notice *notice)
{
    uint8_t message[8 + 40 + 8] = {type, code};
    uint8_t bytes[200];
    struct la_address source = address(quoted_source);
    struct la_address destination = address("2001:db8:9::1");
    put_u32(message + 4, rest);
    ip_emit(message + 8, &source, &destination, IP_PROTOCOL_TCP, 1, 1400);
    put_u16(message + 48, 40000);
    put_u16(message + 50, 80);
    put_u32(message + 52, 0x01020304);
    arrives(host, bytes, make(bytes, "fe80::9", "fe80::1", IP_PROTOCOL_ICMPV6, message, sizeof message), notice);
}

static void errors_become_notices(void **state)
{
    (void)state;
    static const struct {
        uint8_t type, code;
        enum icmp_meaning meaning;
    } rows[] = {{ICMPV6_UNREACHABLE, 0, ICMP_MEANS_TROUBLE},
                {ICMPV6_UNREACHABLE, 1, ICMP_MEANS_REFUSAL},
                {ICMPV6_UNREACHABLE, 2, ICMP_MEANS_TROUBLE},
                {ICMPV6_UNREACHABLE, 3, ICMP_MEANS_TROUBLE},
                {ICMPV6_UNREACHABLE, 4, ICMP_MEANS_REFUSAL},
                {ICMPV6_UNREACHABLE, 5, ICMP_MEANS_TROUBLE},
                {ICMPV6_PACKET_TOO_BIG, 0, ICMP_MEANS_TOO_BIG},
                {ICMPV6_PACKET_TOO_BIG, 7, ICMP_MEANS_TOO_BIG},
                {ICMPV6_TIME_EXCEEDED, 0, ICMP_MEANS_TROUBLE},
                {ICMPV6_PARAMETER_PROBLEM, 0, ICMP_MEANS_TROUBLE},
                {ICMPV6_PARAMETER_PROBLEM, 1, ICMP_MEANS_TROUBLE},
                {ICMPV6_PARAMETER_PROBLEM, 2, ICMP_MEANS_TROUBLE},
                {100, 0, ICMP_MEANS_TROUBLE}};
    struct host *host = host_usual();
    struct icmp_notice notice;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        error_arrives(host, rows[i].type, rows[i].code, 1300, "2001:db8:1::1", &notice);
        check_notice(&notice, "2001:db8:1::1", "2001:db8:9::1");
        assert_int_equal(notice.meaning, rows[i].meaning);
        assert_int_equal(notice.mtu, rows[i].meaning == ICMP_MEANS_TOO_BIG ? 1300 : 0);
        assert_int_equal(notice.length, 1440);
    }
    error_arrives(host, ICMPV6_UNREACHABLE, 0, 0, "2001:db8:1::2", &notice); /* not ours */
    assert_false(notice.valid);
    assert_int_equal(dropped(host, LA_DROP_ICMP_QUOTE), 1);
    free(host);
}

/* What was sent about a packet: its ICMPv6 type, code and the four octets behind, checked to be well-formed and to
   quote; 0 if nothing was. */
struct told {
    uint8_t type, code;
    uint32_t rest;
    struct la_address source;
};

static struct told told(struct host *host, const uint8_t *about, size_t length)
{
    uint8_t bytes[1500];
    struct packet packet;
    struct icmp_message message;
    size_t sent = take(host, 0, bytes);
    if (sent == 0) {
        return (struct told){0};
    }
    assert_int_equal(ip_parse(bytes, sent, &packet), LA_DROP_NONE);
    assert_int_equal(icmpv6_parse(&packet, &message), LA_DROP_NONE);
    assert_int_equal(sent, 48 + length);
    assert_memory_equal(packet.payload + 8, about, length);
    assert_memory_equal(packet.destination.octets, about + 8, 16);
    return (struct told){message.type, message.code, get_u32(packet.payload + 4), packet.source};
}

static struct told refused(struct host *host, const char *from, const char *to, uint8_t protocol, const void *payload,
                           size_t length)
{
    uint8_t bytes[1500];
    struct packet packet;
    size_t whole = make(bytes, from, to, protocol, payload, length);
    assert_int_equal(ip_parse(bytes, whole, &packet), LA_DROP_NONE);
    icmp_refuse(&host->ip, 0, &packet);
    return told(host, bytes, whole);
}

static void what_is_refused_is_told(void **state)
{
    (void)state;
    struct host *host = host_usual();
    const char *us = "2001:db8:1::1";
    const char *them = "2001:db8:1::2";
    static const uint8_t error[56] = {ICMPV6_UNREACHABLE, 1, 0, 0, 0, 0, 0, 0, 0x60};
    struct told answer = refused(host, them, us, IP_PROTOCOL_UDP, "12345678", 8);
    assert_int_equal(answer.type, ICMPV6_UNREACHABLE);
    assert_int_equal(answer.code, ICMPV6_UNREACHABLE_PORT);
    assert_int_equal(answer.rest, 0);
    answer = refused(host, them, us, 132, "12345678", 8);
    assert_int_equal(answer.type, ICMPV6_PARAMETER_PROBLEM);
    assert_int_equal(answer.code, ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER);
    assert_int_equal(answer.rest, 6);
    assert_int_equal(refused(host, them, us, IP_PROTOCOL_ICMP, "12345678", 8).type, ICMPV6_PARAMETER_PROBLEM);
    assert_int_equal(refused(host, them, us, IPV6_NO_NEXT_HEADER, "12345678", 8).type, 0);
    assert_int_equal(refused(host, them, us, IP_PROTOCOL_ICMPV6, error, sizeof error).type, 0);
    assert_int_equal(refused(host, them, us, IP_PROTOCOL_ICMPV6, "\x88\0\0\0IDSQ0123456789abcdef", 24).type, 0);
    assert_int_equal(refused(host, them, "ff02::1", IP_PROTOCOL_UDP, "12345678", 8).type, 0);
    assert_int_equal(refused(host, "::", us, IP_PROTOCOL_UDP, "12345678", 8).type, 0);
    assert_int_equal(refused(host, "::1", us, IP_PROTOCOL_UDP, "12345678", 8).type, 0);
    assert_int_equal(refused(host, "ff02::1", us, IP_PROTOCOL_UDP, "12345678", 8).type, 0);
    free(host);
}

/* A packet with one destination option of this type. */
static struct told complained(struct host *host, const char *from, const char *to, uint8_t option)
{
    uint8_t bytes[1500];
    struct packet packet;
    const uint8_t payload[16] = {IP_PROTOCOL_TCP, 0, option, 4};
    size_t whole = make(bytes, from, to, IPV6_DESTINATION_OPTIONS, payload, sizeof payload);
    enum la_drop why = ip_parse(bytes, whole, &packet);
    assert_int_equal(why, LA_DROP_IP_OPTION);
    icmp_complain(&host->ip, 0, &packet);
    return told(host, bytes, whole);
}

/* RFC 8200 4.2, and RFC 4443 2.4 (e.3)'s exception for groups. */
static void unknown_options_are_told(void **state)
{
    (void)state;
    struct host *host = host_usual();
    struct la_address us = address("2001:db8:1::1");
    struct told answer = complained(host, "2001:db8:1::2", "2001:db8:1::1", 0x80 | 30);
    assert_int_equal(answer.type, ICMPV6_PARAMETER_PROBLEM);
    assert_int_equal(answer.code, ICMPV6_PARAMETER_PROBLEM_OPTION);
    assert_int_equal(answer.rest, 42);
    assert_true(address_equal(&answer.source, &us));
    assert_int_equal(complained(host, "2001:db8:1::2", "2001:db8:1::1", 0xc0 | 30).type, ICMPV6_PARAMETER_PROBLEM);
    assert_int_equal(complained(host, "2001:db8:1::2", "2001:db8:1::1", 0x40 | 30).type, 0);
    answer = complained(host, "2001:db8:1::2", "ff02::1", 0x80 | 30);
    assert_int_equal(answer.type, ICMPV6_PARAMETER_PROBLEM);
    assert_true(address_equal(&answer.source, &us));
    assert_int_equal(complained(host, "2001:db8:1::2", "ff02::1", 0xc0 | 30).type, 0);
    assert_int_equal(complained(host, "2001:db8:1::2", "ff02::2", 0x80 | 30).type, 0); /* not our group */
    assert_int_equal(complained(host, "2001:db8:1::2", "2001:db8:1::3", 0x80 | 30).type, 0);
    assert_int_equal(complained(host, "2001:db8:1::2", "fd00::1", 0x80 | 30).type, 0); /* the other interface's */
    assert_int_equal(complained(host, "ff02::9", "2001:db8:1::1", 0x80 | 30).type, 0);
    assert_int_equal(complained(host, "::", "2001:db8:1::1", 0x80 | 30).type, 0);
    unsigned sent = 0;
    while (sent < 1000 && complained(host, "2001:db8:1::2", "2001:db8:1::1", 0x80 | 30).type != 0) {
        sent++;
    }
    assert_in_range(sent, 30, 100); /* one limit for all errors */
    assert_int_equal(refused(host, "2001:db8:1::2", "2001:db8:1::1", IP_PROTOCOL_UDP, "12345678", 8).type, 0);
    free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(families_mix),
        cmocka_unit_test(sources_and_destinations),
        cmocka_unit_test(groups),
        cmocka_unit_test(paths),
        cmocka_unit_test(source_selection),
        cmocka_unit_test(echo),
        cmocka_unit_test(errors_become_notices),
        cmocka_unit_test(what_is_refused_is_told),
        cmocka_unit_test(unknown_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
