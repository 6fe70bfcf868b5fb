#include "support/lan.h"

#include "base/address.h"
#include "base/checksum.h"

/* What waits for a neighbour and what does not; whom the table keeps; who is never answered. ARP: what IPv6 does
   otherwise stands in test_discovery.c. */

/* A host that knows station n, and is known to it: no request is open. */
static void become_known(struct lan *lan, uint8_t n)
{
    lan_arp_in(lan, ARP_REQUEST, n, n, 1);
    lan_expect_arp(lan, n, ARP_REPLY, 1, n);
}

static void what_waits_is_in_nobodys_way(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct la_config config = lan_config();
    config.reply_bytes = 512;
    lan_begin(&lan, &config);
    become_known(&lan, 9);
    assert_int_equal(lan_connect(&lan, lan_ipv4(7), &conn), LA_OK);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 7);
    for (unsigned i = 0; i < 100; i++) {
        lan_echo_in(&lan, lan_mac(1), 9, 100);
        lan_expect(&lan, 9, ETHERNET_IPV4);
        lan_expect_nothing(&lan);
    }
    assert_int_equal(lan_dropped(&lan, LA_DROP_REPLIES_FULL), 0);
    lan_arp_in(&lan, ARP_REPLY, 7, 7, 1);
    lan_expect(&lan, 7, ETHERNET_IPV4);
    assert_int_equal(lan_segment(&lan).flags & LA_SYN, LA_SYN);
    lan_end(&lan);
}

/* RFC 1122 2.3.2.2: the latest. */
static void of_one_neighbour_the_latest_waits(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    lan_begin(&lan, &config);
    for (unsigned i = 1; i <= 5; i++) {
        lan_echo_in(&lan, lan_mac(1), 9, i);
    }
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 9);
    lan_expect_nothing(&lan);
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 4);
    lan_arp_in(&lan, ARP_REPLY, 9, 9, 1);
    lan_expect(&lan, 9, ETHERNET_IPV4);
    assert_int_equal(lan.length, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + 8 + 5);
    lan_expect_nothing(&lan);
    lan_end(&lan);
}

/* Of 2,048 octets and 128 for each of eight neighbours, each of these takes 744. */
static void of_all_neighbours_the_oldest_gives_way(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    config.neighbours = 8;
    lan_begin(&lan, &config);
    for (uint8_t n = 2; n <= 6; n++) {
        lan_echo_in(&lan, lan_mac(1), n, 700);
        lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, n);
    }
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 1);
    lan_arp_in(&lan, ARP_REPLY, 2, 2, 1);
    lan_expect_nothing(&lan);
    for (uint8_t n = 6; n >= 3; n--) {
        lan_arp_in(&lan, ARP_REPLY, n, n, 1);
        lan_expect(&lan, n, ETHERNET_IPV4);
        lan_expect_nothing(&lan);
    }
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 1);
    lan_end(&lan);
}

/* More than the table holds: those that only asked us push out each other, those that we ask for too, and who is in use
   stays. */
static void a_full_table_keeps_who_is_in_use(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct la_config config = lan_config();
    config.neighbours = 8;
    lan_begin(&lan, &config);
    assert_int_equal(lan_connect(&lan, lan_ipv4(2), &conn), LA_OK);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 2);
    lan_arp_in(&lan, ARP_REPLY, 2, 2, 1);
    lan_expect(&lan, 2, ETHERNET_IPV4);
    for (uint8_t n = 10; n < 40; n++) {
        become_known(&lan, n);
    }
    for (uint8_t n = 100; n < 140; n++) { /* nobody there */
        lan_echo_in(&lan, lan_mac(1), n, 8);
        lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, n);
    }
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 40 - 7);
    assert_int_equal(lan_connect(&lan, lan_ipv4(2), &conn), LA_OK);
    lan_expect(&lan, 2, ETHERNET_IPV4); /* still known */
    lan_end(&lan);
}

/* RFC 9293 MUST-57, RFC 1122 3.2.2: what was sent to many, or to another station, is not answered, whatever the packet in
   it says. */
static void what_many_got_is_not_answered(void **state)
{
    (void)state;
    static const struct mac group = {{1, 0, 0x5e, 0, 0, 1}}, ipv6_group = {{0x33, 0x33, 0, 0, 0, 1}};
    struct lan lan;
    struct la_config config = lan_config();
    lan_begin(&lan, &config);
    become_known(&lan, 9);
    const struct mac not_ours[] = {mac_broadcast, group, ipv6_group, lan_mac(7)};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = lan_dropped(&lan, LA_DROP_ETHERNET);
        lan_syn_in(&lan, not_ours[i], 9, false);
        lan_syn_in(&lan, not_ours[i], 9, true);
        lan_echo_in(&lan, not_ours[i], 9, 8);
        lan_expect_nothing(&lan);
        assert_int_equal(lan_dropped(&lan, LA_DROP_ETHERNET), before + 3);
    }
    lan_syn_in(&lan, lan_mac(1), 9, false);
    lan_expect(&lan, 9, ETHERNET_IPV4);
    assert_int_equal(lan_segment(&lan).flags & LA_RST, LA_RST);
    lan_end(&lan);
}

/* RFC 826: who is known is updated by whatever it says; who is not becomes known by asking us alone. */
static void what_is_said_unasked(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    lan_begin(&lan, &config);
    lan_arp_in(&lan, ARP_REQUEST, 9, 9, 9); /* gratuitous, of one who is not known */
    lan_arp_in(&lan, ARP_REPLY, 8, 8, 1);
    lan_echo_in(&lan, lan_mac(1), 9, 8);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 9);
    lan_echo_in(&lan, lan_mac(1), 8, 8);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 8);
    lan_arp_in(&lan, ARP_REPLY, 9, 9, 1);
    lan_expect(&lan, 9, ETHERNET_IPV4);
    lan_arp_in(&lan, ARP_REQUEST, 33, 9, 9); /* station 33 has 10.0.0.9 now */
    lan_echo_in(&lan, lan_mac(1), 9, 8);
    lan_expect(&lan, 33, ETHERNET_IPV4);
    lan_arp_in(&lan, ARP_REPLY, LAN_ALL, 9, 1); /* no station has everybody's address */
    lan_echo_in(&lan, lan_mac(1), 9, 8);
    lan_expect(&lan, 33, ETHERNET_IPV4);
    lan_end(&lan);
}

static struct la_conn establish(struct lan *lan, uint8_t n)
{
    struct la_conn conn;
    uint8_t packet[IPV4_HEADER_BYTES + TCP_HEADER_BYTES_MAX];
    assert_int_equal(lan_connect(lan, lan_ipv4(n), &conn), LA_OK);
    lan_expect(lan, n, ETHERNET_IPV4);
    struct segment syn = lan_segment(lan);
    const struct tcp_header answer = {.local = &syn.local,
                                      .remote = &syn.remote,
                                      .seq = seq_of(500),
                                      .ack = seq_of(syn.seq.v + 1),
                                      .window = 4096,
                                      .flags = LA_SYN | LA_ACK};
    lan_packet_in(lan, lan_mac(1), lan_mac(n), packet, tcp_emit(packet, &answer, 64, 0, 0));
    lan_expect(lan, n, ETHERNET_IPV4);
    assert_int_equal(lan_segment(lan).flags, LA_ACK);
    return conn;
}

static unsigned events_of(struct lan *lan)
{
    struct la_event event;
    unsigned flags = 0;
    while (la_host_event(lan->host, &event)) {
        flags |= event.flags;
    }
    return flags;
}

/* A neighbour that is gone is a hint to a connection that lives (RFC 1122 4.2.3.9), and no end. */
static void a_connection_outlives_its_neighbour(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    lan_begin(&lan, &config);
    become_known(&lan, 9);
    struct la_conn conn = establish(&lan, 9);
    events_of(&lan);
    assert_int_equal(la_send(lan.host, lan.now, conn, "x", 1), 1);
    unsigned by_unicast = 0, by_broadcast = 0;
    unsigned events = 0;
    for (unsigned ms = 0; ms < 20000; ms += 10) {
        lan_run_ms(&lan, 10);
        while (lan_pull(&lan)) {
            bool is_arp = lan.frame[13] == 6;
            by_unicast += is_arp && lan.frame[0] == 2;
            by_broadcast += is_arp && lan.frame[0] == 0xff;
        }
        events |= events_of(&lan);
    }
    assert_int_equal(by_unicast, 3);
    assert_true(by_broadcast >= 3);
    assert_int_equal(events & (LA_READY_ERROR | LA_READY_ENDED), LA_READY_ERROR);
    struct la_info info;
    assert_int_equal(la_info(lan.host, conn, &info), LA_OK);
    assert_int_equal(info.state, LA_ESTABLISHED);
    lan_arp_in(&lan, ARP_REQUEST, 33, 9, 1); /* it is back, as another station */
    lan_run_ms(&lan, 30000);
    unsigned there = 0;
    while (lan_pull(&lan)) {
        there += lan.frame[5] == 33 && lan.frame[13] == 0;
    }
    assert_true(there > 0);
    lan_end(&lan);
}

/* RFC 1122 3.3.1.4: TCP's doubt makes the neighbour be asked at once, long before its time as REACHABLE is over. */
static void tcps_doubt_asks_the_neighbour(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    config.rto_initial_ms = 200;
    lan_begin(&lan, &config);
    become_known(&lan, 9);
    struct la_conn conn = establish(&lan, 9);
    lan_run_ms(&lan, 5000);
    lan_expect_arp(&lan, 9, ARP_REQUEST, 1, 9);
    lan_arp_in(&lan, ARP_REPLY, 9, 9, 1); /* REACHABLE now, for fifteen seconds at least */
    la_time began = lan.now;
    assert_int_equal(la_send(lan.host, lan.now, conn, "x", 1), 1);
    bool is_asked = false;
    while (!is_asked && lan.now < began + 10 * LA_SECOND) {
        lan_run_ms(&lan, 10);
        while (lan_pull(&lan)) {
            is_asked = is_asked || (lan.frame[13] == 6 && lan.frame[5] == 9);
        }
    }
    assert_true(is_asked);
    lan_end(&lan);
}

/* A copy of the block goes on as the original does, whatever is under way. */
static void a_copy_goes_on_alike(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct la_config config = lan_config();
    config.address_probes = 3;
    lan_begin_bare(&lan, &config);
    const struct la_address own = lan_ipv4(1), later = lan_ipv4(3);
    assert_int_equal(la_address_add(lan.host, lan.now, 0, &own, 24), LA_OK);
    lan_run_ms(&lan, 20000);
    lan_forget_output(&lan);
    become_known(&lan, 9);
    assert_int_equal(la_address_add(lan.host, lan.now, 0, &later, 24), LA_OK);
    assert_int_equal(lan_connect(&lan, lan_ipv4(7), &conn), LA_OK);
    assert_int_equal(lan_connect(&lan, lan_ipv4(9), &conn), LA_OK);
    lan_run_ms(&lan, 500);

    struct lan copy = lan;
    copy.host = aligned_alloc(LA_HOST_ALIGNMENT, (lan.size + 63) / 64 * 64);
    assert_non_null(copy.host);
    memcpy((void *)copy.host, (const void *)lan.host, lan.size);
    unsigned frames = 0;
    for (unsigned ms = 0; ms < 30000; ms += 50) {
        if (ms == 1500) {
            lan_arp_in(&lan, ARP_REPLY, 7, 7, 1);
            lan_arp_in(&copy, ARP_REPLY, 7, 7, 1);
        }
        lan_run_ms(&lan, 50);
        lan_run_ms(&copy, 50);
        assert_true(la_host_deadline(lan.host) == la_host_deadline(copy.host));
        while (lan_pull(&lan)) {
            assert_true(lan_pull(&copy));
            assert_int_equal(lan.length, copy.length);
            assert_memory_equal(lan.frame, copy.frame, lan.length);
            frames++;
        }
        lan_expect_nothing(&copy);
    }
    assert_true(frames > 10);
    assert_memory_equal((const void *)lan.host, (const void *)copy.host, lan.size);
    lan_end(&copy);
    lan_end(&lan);
}

/* An echo request in three fragments, each as long as the MTU. */
static void large_echo_in(struct lan *lan, uint8_t station)
{
    enum { PART = 1480, PARTS = 3 };
    static uint8_t request[PARTS * PART];
    const struct la_address source = lan_ipv4(station), destination = lan_ipv4(1);
    memset(request, 0, sizeof request);
    request[0] = ICMP_ECHO_REQUEST;
    put_u16(request + 2, checksum_finish(checksum_add(0, false, request, sizeof request)));
    for (uint32_t i = 0; i < PARTS; i++) {
        uint8_t packet[IPV4_HEADER_BYTES + PART];
        const struct ip_fragment part = {
            .identification = 7, .offset = i * PART, .more = i + 1 < PARTS, .protocol = IP_PROTOCOL_ICMP};
        unsigned at = ip_emit_fragment(packet, &source, &destination, 64, &part, PART);
        memcpy(packet + at, request + part.offset, PART);
        lan_packet_in(lan, lan_mac(1), lan_mac(station), packet, sizeof packet);
    }
}

/* All fragments of an answer, or none: one that waited alone would be the last. */
static void fragments_wait_for_nobody(void **state)
{
    (void)state;
    struct lan lan;
    struct la_config config = lan_config();
    config.reassembly_bytes = 65536;
    config.reply_bytes = 16384;
    lan_begin(&lan, &config);
    large_echo_in(&lan, 9);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 9);
    lan_expect_nothing(&lan);
    large_echo_in(&lan, 9); /* while it is asked for */
    lan_expect_nothing(&lan);
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 2);
    lan_arp_in(&lan, ARP_REPLY, 9, 9, 1);
    lan_expect_nothing(&lan);
    large_echo_in(&lan, 9);
    for (unsigned i = 0; i < 3; i++) {
        lan_expect(&lan, 9, ETHERNET_IPV4);
        assert_int_equal(lan.length, LAN_FRAME_BYTES);
    }
    lan_expect_nothing(&lan);
    assert_int_equal(lan_dropped(&lan, LA_DROP_UNRESOLVED), 2);
    lan_end(&lan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_in_nobodys_way),
        cmocka_unit_test(of_one_neighbour_the_latest_waits),
        cmocka_unit_test(of_all_neighbours_the_oldest_gives_way),
        cmocka_unit_test(a_full_table_keeps_who_is_in_use),
        cmocka_unit_test(what_many_got_is_not_answered),
        cmocka_unit_test(what_is_said_unasked),
        cmocka_unit_test(a_connection_outlives_its_neighbour),
        cmocka_unit_test(tcps_doubt_asks_the_neighbour),
        cmocka_unit_test(a_copy_goes_on_alike),
        cmocka_unit_test(fragments_wait_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
