#include "support.h"

#include "ip_support.h"

/* Two interfaces: 10.0.0.1/24 and 10.0.0.129/25 on the first, 192.0.2.1/24 on the second. */
static struct host *host_usual(void)
{
    static const struct own_address own[] = {{"10.0.0.1", 0, 24}, {"10.0.0.129", 0, 25}, {"192.0.2.1", 1, 24}};
    return host_with(own, sizeof own / sizeof own[0]);
}

static void interfaces(void **state)
{
    (void)state;
    struct host *host = host_new();
    assert_int_equal(ip_interface_add(&host->ip, 575), LA_ERROR_INVALID);
    assert_int_equal(ip_interface_add(&host->ip, 65536), LA_ERROR_INVALID);
    assert_int_equal(ip_interface_add(&host->ip, 576), 0);
    assert_int_equal(ip_interface_add(&host->ip, 65535), 1);
    assert_int_equal(ip_interface_add(&host->ip, 1500), 2);
    assert_int_equal(ip_interface_add(&host->ip, 1500), LA_ERROR_NO_INTERFACE);
    assert_int_equal(ip_interface_mtu(&host->ip, 0), 576);
    assert_int_equal(ip_interface_mtu(&host->ip, 1), 65535);
    assert_int_equal(ip_interface_mtu(&host->ip, 3), 0);
    free(host);
}

static void addresses(void **state)
{
    (void)state;
    struct host *host = host_usual();
    assert_int_equal(add_address(host, 2, "10.1.0.1", 24), LA_ERROR_NO_INTERFACE);
    assert_int_equal(add_address(host, 0, "10.0.0.1", 8), LA_ERROR_IN_USE);
    assert_int_equal(add_address(host, 1, "10.0.0.1", 8), LA_ERROR_IN_USE);
    assert_int_equal(add_address(host, 0, "10.1.0.1", 33), LA_ERROR_INVALID);
    static const char *const no_hosts[] = {"0.0.0.0",   "0.1.2.3",         "127.0.0.1", "224.0.0.1",
                                           "240.0.0.1", "255.255.255.255", "::"};
    for (size_t i = 0; i < sizeof no_hosts / sizeof no_hosts[0]; i++) {
        assert_int_equal(add_address(host, 0, no_hosts[i], 32), LA_ERROR_INVALID);
    }
    assert_int_equal(add_address(host, 0, "10.1.0.255", 24), LA_ERROR_INVALID); /* its own broadcast */
    assert_int_equal(add_address(host, 0, "10.1.0.3", 30), LA_ERROR_INVALID);
    assert_int_equal(add_address(host, 0, "10.1.0.3", 31), LA_OK); /* RFC 3021 */
    assert_int_equal(add_address(host, 0, "10.1.1.255", 32), LA_OK);
    assert_int_equal(add_address(host, 0, "10.1.2.0", 24), LA_OK);
    assert_int_equal(add_address(host, 0, "10.1.3.1", 24), LA_ERROR_NO_ADDRESS);
    struct la_address ours = address("10.1.0.3");
    struct la_address other = address("10.1.0.2");
    assert_true(ip_is_ours(&host->ip, &ours));
    assert_false(ip_is_ours(&host->ip, &other));
    free(host);
}

static void paths(void **state)
{
    (void)state;
    struct host *host = host_usual();
    check_path(host, "10.0.0.2", NULL, 0, "10.0.0.1");
    check_path(host, "10.0.0.200", NULL, 0, "10.0.0.129"); /* the longer prefix's own address */
    check_path(host, "192.0.2.7", NULL, 1, "192.0.2.1");
    check_path(host, "10.0.0.2", "::", 0, "10.0.0.1");
    check_path(host, "10.0.0.2", "10.0.0.129", 0, "10.0.0.129");
    check_path(host, "10.0.0.2", "10.9.9.9", -1, NULL); /* not ours */
    check_path(host, "198.51.100.1", NULL, -1, NULL);
    check_path(host, "2001:db8::1", NULL, -1, NULL);
    assert_int_equal(add_route(host, 2, "0.0.0.0", 0), LA_ERROR_NO_INTERFACE);
    assert_int_equal(add_route(host, 1, "0.0.0.0", 33), LA_ERROR_INVALID);
    assert_int_equal(add_route(host, 1, "0.0.0.0", 0), LA_OK);
    check_path(host, "198.51.100.1", NULL, 1, "192.0.2.1");
    assert_int_equal(add_route(host, 0, "198.51.100.77", 24), LA_OK); /* what is behind the prefix does not count */
    check_path(host, "198.51.100.1", NULL, 0, "10.0.0.1");
    check_path(host, "198.51.101.1", NULL, 1, "192.0.2.1");
    assert_int_equal(add_route(host, 1, "198.51.100.0", 24), LA_OK); /* the first added wins */
    check_path(host, "198.51.100.1", NULL, 0, "10.0.0.1");
    check_path(host, "198.51.100.1", "192.0.2.1", 1, "192.0.2.1"); /* unless the source is the other's */
    check_path(host, "192.0.2.7", "10.0.0.1", 1, "10.0.0.1");      /* no way of its own: any */
    assert_int_equal(add_route(host, 0, "192.0.2.0", 24), LA_OK);
    check_path(host, "192.0.2.7", NULL, 1, "192.0.2.1"); /* the on-link prefix was first */
    assert_int_equal(add_route(host, 0, "203.0.113.0", 24), LA_ERROR_NO_ROUTE);
    free(host);
}

static void there_is_no_path_to_what_is_no_other_host(void **state)
{
    (void)state;
    struct host *host = host_usual();
    assert_int_equal(add_route(host, 1, "0.0.0.0", 0), LA_OK);
    static const char *const texts[] = {"0.0.0.0",         "127.0.0.1",  "224.0.0.1",   "240.0.0.1",
                                        "255.255.255.255", "10.0.0.255", "192.0.2.255", "10.0.0.1",
                                        "192.0.2.1",       "::",         "::1",         "ff02::1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_path(host, texts[i], NULL, -1, NULL);
    }
    assert_int_equal(ip_interface_add(&host->ip, 1500), 2);
    assert_int_equal(add_route(host, 2, "203.0.113.0", 24), LA_OK);
    check_path(host, "203.0.113.1", NULL, -1, NULL); /* the interface has no address to send from */
    free(host);
}

static void sources_and_destinations(void **state)
{
    (void)state;
    struct host *host = host_usual();
    assert_int_equal(check(host, 0, "10.0.0.2", "10.0.0.1"), LA_DROP_NONE);
    assert_int_equal(check(host, 0, "198.51.100.1", "10.0.0.129"), LA_DROP_NONE);
    assert_int_equal(check(host, 1, "10.0.0.2", "192.0.2.1"), LA_DROP_NONE);
    static const char *const sources[] = {"0.0.0.0",   "0.0.0.9",         "127.0.0.1",  "224.0.0.1",
                                          "240.0.0.1", "255.255.255.255", "10.0.0.255", "192.0.2.255",
                                          "10.0.0.1",  "192.0.2.1",       "10.0.0.129"};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        assert_int_equal(check(host, 0, sources[i], "10.0.0.1"), LA_DROP_IP_SOURCE);
    }
    static const char *const destinations[] = {"0.0.0.0",         "127.0.0.1",    "224.0.0.1",
                                               "255.255.255.255", "10.0.0.255",   "192.0.2.255",
                                               "10.0.0.3",        "198.51.100.1", "192.0.2.1"};
    for (size_t i = 0; i < sizeof destinations / sizeof destinations[0]; i++) {
        assert_int_equal(check(host, 0, "10.0.0.2", destinations[i]), LA_DROP_IP_DESTINATION);
    }
    assert_int_equal(check(host, 1, "10.0.0.2", "10.0.0.1"), LA_DROP_IP_DESTINATION);
    assert_int_equal(add_address(host, 1, "10.0.0.255", 32), LA_ERROR_INVALID); /* a host here, a broadcast there */
    assert_int_equal(add_address(host, 1, "203.0.113.127", 32), LA_OK);
    assert_int_equal(add_address(host, 0, "203.0.113.1", 25), LA_ERROR_INVALID); /* the same, the other way round */
    free(host);
}

static void echo(void **state)
{
    (void)state;
    struct host *host = host_usual();
    uint8_t bytes[1500];
    echo_arrives(host, "10.0.0.2", "10.0.0.1", ICMP_ECHO_REQUEST);
    check_echo_reply(host, "10.0.0.1", "10.0.0.2", ICMP_ECHO_REPLY);
    struct core expected = {0};
    core_count(&expected, LA_COUNT_ICMP_IN_MESSAGES);
    core_count(&expected, LA_COUNT_ICMP_OUT_MESSAGES);
    assert_memory_equal(host->core.counter, expected.counter, sizeof expected.counter);
    echo_arrives(host, "10.0.0.2", "10.0.0.1", ICMP_ECHO_REPLY);
    assert_int_equal(dropped(host, LA_DROP_ICMP_TYPE), 1);
    assert_int_equal(take(host, 0, bytes), 0);
    for (unsigned i = 0; i < 2 * REPLY_BYTES / 48; i++) {
        echo_arrives(host, "10.0.0.2", "10.0.0.1", ICMP_ECHO_REQUEST);
    }
    assert_int_equal(dropped(host, LA_DROP_REPLIES_FULL), 2 * (REPLY_BYTES / 48) - REPLY_BYTES / 48);
    free(host);
}

/* An error from a router about 40 octets of TCP that went from one to the other. */
static void error_arrives(struct host *host, const char *quoted_source, uint8_t protocol, struct icmp_notice *notice)
{
    uint8_t message[8 + 40] = {ICMP_UNREACHABLE, ICMP_UNREACHABLE_FRAGMENTATION_NEEDED, 0, 0, 0, 0, 0x05, 0x14};
    uint8_t bytes[200];
    struct la_address source = address(quoted_source);
    struct la_address destination = address("198.51.100.1");
    unsigned header = ip_emit(message + 8, &source, &destination, protocol, 1, 20);
    put_u16(message + 28, 40000);
    put_u16(message + 30, 80);
    put_u32(message + 32, 0x01020304);
    size_t length = make(bytes, "10.0.0.254", "10.0.0.1", IP_PROTOCOL_ICMP, message, 8 + header + 8);
    arrives(host, bytes, length, notice);
}

static void errors_become_notices(void **state)
{
    (void)state;
    struct host *host = host_usual();
    struct icmp_notice notice;
    error_arrives(host, "10.0.0.1", IP_PROTOCOL_TCP, &notice);
    check_notice(&notice, "10.0.0.1", "198.51.100.1");
    assert_int_equal(notice.meaning, ICMP_MEANS_TOO_BIG);
    assert_int_equal(notice.mtu, 1300);
    assert_int_equal(notice.length, 40);
    assert_int_equal(host->core.trace.count, 0);

    error_arrives(host, "10.0.0.3", IP_PROTOCOL_TCP, &notice); /* not ours */
    assert_false(notice.valid);
    error_arrives(host, "10.0.0.1", IP_PROTOCOL_UDP, &notice);
    assert_false(notice.valid);
    assert_int_equal(dropped(host, LA_DROP_ICMP_QUOTE), 2);
    struct la_trace records[16];
    assert_int_equal(core_trace_take(&host->core, records, 16), 2);
    assert_int_equal(records[0].detail, LA_DROP_ICMP_QUOTE);
    assert_int_equal(records[0].remote.port, 80);
    assert_int_equal(records[0].sequence, 0x01020304);
    free(host);
}

static void what_is_wrong_is_dropped_with_its_ends(void **state)
{
    (void)state;
    struct host *host = host_usual();
    struct icmp_notice notice;
    uint8_t bytes[1500];
    arrives(host, bytes, make(bytes, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, "\x08\x00\x00", 3), &notice);
    size_t length = make(bytes, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, "\x08\x00\x00\x00IDSQ", 8);
    bytes[27] ^= 1;
    arrives(host, bytes, length, &notice);
    arrives(host, bytes, make(bytes, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, "\x0d\x00\x00\x00IDSQ", 8), &notice);
    struct la_trace records[16];
    assert_int_equal(core_trace_take(&host->core, records, 16), 3);
    static const enum la_drop expected[] = {LA_DROP_ICMP_TRUNCATED, LA_DROP_ICMP_CHECKSUM, LA_DROP_ICMP_TYPE};
    struct la_address remote = address("10.0.0.2");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(records[i].kind, LA_TRACE_DROPPED);
        assert_int_equal(records[i].detail, expected[i]);
        assert_int_equal(dropped(host, expected[i]), 1);
        assert_true(address_equal(&records[i].remote.address, &remote));
    }
    assert_int_equal(take(host, 0, bytes), 0);
    free(host);
}

/* Whether a destination unreachable went out about this packet. */
static bool complains(struct host *host, const char *from, const char *destination, uint8_t protocol,
                      const void *payload, size_t length)
{
    uint8_t bytes[1500];
    struct packet packet;
    size_t whole = make(bytes, from, destination, protocol, payload, length);
    uint8_t *copy = exact(bytes, whole);
    assert_int_equal(ip_parse(copy, whole, &packet), LA_DROP_NONE);
    icmp_refuse(&host->ip, 0, &packet);
    size_t sent = take(host, 0, bytes);
    if (sent > 0) {
        assert_int_equal(sent, 28 + whole);
        assert_int_equal(bytes[20], ICMP_UNREACHABLE);
        assert_int_equal(bytes[21], protocol == IP_PROTOCOL_UDP ? ICMP_UNREACHABLE_PORT : ICMP_UNREACHABLE_PROTOCOL);
        assert_memory_equal(bytes + 28, copy, whole);
    }
    free(copy);
    return sent > 0;
}

static void about_what_no_error_is_sent(void **state)
{
    (void)state;
    struct host *host = host_usual();
    static const uint8_t error[36] = {ICMP_UNREACHABLE, 1, 0, 0, 0, 0, 0, 0, 0x45};
    assert_true(complains(host, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    assert_true(complains(host, "10.0.0.2", "10.0.0.1", 132, "12345678", 8));
    assert_true(complains(host, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, "\x08\x00\x00\x00IDSQ", 8));
    assert_false(complains(host, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, error, sizeof error));
    assert_false(complains(host, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_ICMP, "\x05\x00\x00\x00IDSQ", 8));
    assert_false(complains(host, "10.0.0.2", "10.0.0.255", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "10.0.0.2", "224.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "10.0.0.2", "255.255.255.255", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "0.0.0.0", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "127.0.0.1", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "224.0.0.1", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    assert_false(complains(host, "10.0.0.255", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8));
    free(host);
}

static unsigned errors_until_refused(struct host *host)
{
    unsigned sent = 0;
    while (sent < 1000 && complains(host, "10.0.0.2", "10.0.0.1", IP_PROTOCOL_UDP, "12345678", 8)) {
        sent++;
    }
    return sent;
}

static void errors_are_limited(void **state)
{
    (void)state;
    bool differ = false;
    unsigned first = 0;
    for (uint8_t key = 0; key < 20; key++) {
        struct host *host = host_usual();
        host->core.config.key[0] = key;
        unsigned burst = errors_until_refused(host);
        assert_in_range(burst, 34, 100); /* 50, give or take what nobody outside is to know */
        first = key == 0 ? burst : first;
        differ |= burst != first;
        assert_int_equal(errors_until_refused(host), 0);
        unsigned sent = 0;
        for (unsigned ms = 0; ms < 10000; ms++) {
            host->core.now += LA_MILLISECOND;
            sent += errors_until_refused(host);
        }
        assert_in_range(sent, 9000, 11000);
        host->core.now += 3600 * LA_SECOND;
        assert_in_range(errors_until_refused(host), 34, 100);
        free(host);
    }
    assert_true(differ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces),
        cmocka_unit_test(addresses),
        cmocka_unit_test(paths),
        cmocka_unit_test(there_is_no_path_to_what_is_no_other_host),
        cmocka_unit_test(sources_and_destinations),
        cmocka_unit_test(echo),
        cmocka_unit_test(errors_become_notices),
        cmocka_unit_test(what_is_wrong_is_dropped_with_its_ends),
        cmocka_unit_test(about_what_no_error_is_sent),
        cmocka_unit_test(errors_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
