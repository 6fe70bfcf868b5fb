#include "support/lan.h"

#include "base/address.h"

/* IPv6 on Ethernet: neighbours (RFC 4861 7); routers: test_routers.c. */

static void begin_idle(struct lan *lan)
{
    struct la_config config = lan_config();
    lan_begin(lan, &config);
}

/* The next frame asks for fe80::n: everybody of its group, or the station alone. */
static void expect_solicitation(struct lan *lan, uint8_t n, bool by_unicast)
{
    struct packet packet;
    const struct la_address target = lan_ipv6(n), own = lan_ipv6(1), group = nd_solicited_node(&target);
    const struct mac to = by_unicast ? lan_mac(n) : nd_group_mac(&group), own_mac = lan_mac(1);
    assert_true(lan_pull(lan));
    assert_memory_equal(lan->frame, &to, sizeof to);
    struct nd nd = lan_nd(lan, &packet);
    assert_int_equal(nd.type, ICMPV6_NEIGHBOR_SOLICITATION);
    assert_true(address_equal(&packet.source, &own));
    assert_true(address_equal(&packet.destination, by_unicast ? &target : &group));
    assert_true(address_equal(&nd.target, &target) && nd.has_mac && mac_equal(&nd.mac, &own_mac));
}

/* From fe80::n, that station is where it lives. */
static void advertise(struct lan *lan, uint8_t n, uint8_t station, uint8_t flags)
{
    const struct la_address source = lan_ipv6(n), own = lan_ipv6(1);
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_ADVERTISEMENT,
                          .flags = flags,
                          .has_mac = true,
                          .mac = lan_mac(station),
                          .target = source};
    bool is_solicited = (flags & ND_SOLICITED) != 0;
    lan_nd_in(lan, is_solicited ? lan_mac(1) : nd_group_mac(&nd_all_nodes), station, &source,
              is_solicited ? &own : &nd_all_nodes, &nd);
}

static void solicit(struct lan *lan, uint8_t n, bool tells)
{
    const struct la_address source = lan_ipv6(n), own = lan_ipv6(1), group = nd_solicited_node(&own);
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = tells, .mac = lan_mac(n), .target = own};
    lan_nd_in(lan, nd_group_mac(&group), n, &source, &group, &nd);
}

static void expect_syn(struct lan *lan, uint8_t station)
{
    lan_expect(lan, station, ETHERNET_IPV6);
    assert_int_equal(lan_segment(lan).flags & LA_SYN, LA_SYN);
}

static void open_to(struct lan *lan, uint8_t n)
{
    struct la_conn conn;
    assert_int_equal(lan_connect(lan, lan_ipv6(n), &conn), LA_OK);
}

static void the_syn_waits_for_the_answer(void **state)
{
    (void)state;
    struct lan lan;
    begin_idle(&lan);
    open_to(&lan, 9);
    expect_solicitation(&lan, 9, false);
    lan_expect_nothing(&lan);
    advertise(&lan, 8, 8, ND_SOLICITED | ND_OVERRIDE); /* nobody asked it */
    lan_expect_nothing(&lan);
    advertise(&lan, 9, 9, ND_SOLICITED | ND_OVERRIDE);
    expect_syn(&lan, 9);
    open_to(&lan, 8);
    expect_solicitation(&lan, 8, false);
    lan_end(&lan);
}

static void nobody_answers(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct la_outcome outcome;
    begin_idle(&lan);
    assert_int_equal(lan_connect(&lan, lan_ipv6(9), &conn), LA_OK);
    for (unsigned i = 0; i < 3; i++) {
        expect_solicitation(&lan, 9, false);
        lan_run_ms(&lan, 1000);
        while (i == 2 && lan_pull(&lan)) {
        }
    }
    assert_int_equal(la_outcome(lan.host, conn, &outcome), LA_OK);
    assert_int_equal(outcome.end, LA_END_UNREACHABLE);
    assert_int_equal(outcome.unreachable, LA_UNREACHABLE_HOST);
    lan_end(&lan);
}

/* RFC 4861 7.2.3, 7.2.4. */
static void who_asks_is_answered(void **state)
{
    (void)state;
    struct lan lan;
    struct packet packet;
    begin_idle(&lan);
    for (unsigned tells = 0; tells < 2; tells++) {
        const struct la_address asker = lan_ipv6((uint8_t)(8 + tells)), own = lan_ipv6(1);
        const struct mac own_mac = lan_mac(1);
        solicit(&lan, (uint8_t)(8 + tells), tells == 1);
        if (tells == 0) { /* it did not say where it is */
            expect_solicitation(&lan, 8, false);
            advertise(&lan, 8, 8, ND_SOLICITED);
        }
        lan_expect(&lan, (uint8_t)(8 + tells), ETHERNET_IPV6);
        struct nd nd = lan_nd(&lan, &packet);
        assert_int_equal(nd.type, ICMPV6_NEIGHBOR_ADVERTISEMENT);
        assert_int_equal(nd.flags, ND_SOLICITED | ND_OVERRIDE);
        assert_true(address_equal(&packet.destination, &asker) && address_equal(&nd.target, &own));
        assert_true(nd.has_mac && mac_equal(&nd.mac, &own_mac));
    }
    open_to(&lan, 9); /* it told */
    expect_syn(&lan, 9);
    lan_run_ms(&lan, 5000); /* unconfirmed: probed */
    while (lan_pull(&lan) && lan.frame[14 + 6] == 6) {
    }
    assert_int_equal(lan.frame[5], 9);
    assert_int_equal(lan_nd(&lan, &packet).type, ICMPV6_NEIGHBOR_SOLICITATION);
    lan_end(&lan);
}

/* RFC 4861 7.2.5: without Override another address is only a doubt; with it, it is the address. */
static void an_unasked_advertisement(void **state)
{
    (void)state;
    struct lan lan;
    begin_idle(&lan);
    open_to(&lan, 9);
    expect_solicitation(&lan, 9, false);
    advertise(&lan, 9, 9, ND_SOLICITED | ND_OVERRIDE);
    expect_syn(&lan, 9);
    advertise(&lan, 9, 33, 0);
    open_to(&lan, 9);
    expect_syn(&lan, 9);
    advertise(&lan, 9, 33, ND_OVERRIDE);
    open_to(&lan, 9);
    expect_syn(&lan, 33);
    lan_end(&lan);
}

/* From beyond the link, or from no neighbour: nothing is believed, and nothing said. */
static void strangers_are_not_answered(void **state)
{
    (void)state;
    struct lan lan;
    const struct la_address own = lan_ipv6(1), group = nd_solicited_node(&own);
    const struct la_address far = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = true, .mac = lan_mac(9), .target = own};
    uint8_t packet[ND_BYTES_MAX];
    begin_idle(&lan);
    lan_nd_in(&lan, nd_group_mac(&group), 9, &far, &group, &nd);
    lan_expect_nothing(&lan);
    const struct nd as_ours = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = true, .mac = lan_mac(1), .target = own};
    const struct la_address liar = lan_ipv6(8);
    lan_nd_in(&lan, nd_group_mac(&group), 8, &liar, &group, &as_ours);
    expect_solicitation(&lan, 8, false); /* it is not where we are */
    lan_expect_nothing(&lan);
    const struct la_address near = lan_ipv6(9);
    size_t length = nd_emit(packet, &near, &group, &nd);
    packet[7] = 254; /* a hop limit that passed a router; no checksum covers it */
    lan_packet_in(&lan, nd_group_mac(&group), lan_mac(9), packet, length);
    lan_expect_nothing(&lan);
    packet[7] = 255;
    lan_packet_in(&lan, lan_mac(7), lan_mac(9), packet, length); /* to another station */
    lan_expect_nothing(&lan);
    lan_packet_in(&lan, nd_group_mac(&group), lan_mac(9), packet, length - 1);
    lan_expect_nothing(&lan);
    lan_packet_in(&lan, nd_group_mac(&group), lan_mac(9), packet, length);
    assert_true(lan_pull(&lan));
    lan_end(&lan);
}

/* In a packet of IPv4, whatever its frame says of it, there is no neighbour discovery; nor is any packet taken that
   comes under the other's type. */
static void a_frame_says_what_it_carries(void **state)
{
    (void)state;
    struct lan lan;
    const struct la_endpoint locals[] = {{lan_ipv4(1), 80}, {lan_ipv6(1), 80}};
    const struct la_endpoint remotes[] = {{lan_ipv4(9), 1000}, {lan_ipv6(9), 1000}};
    const enum ethernet_type others_type[] = {ETHERNET_IPV6, ETHERNET_IPV4};
    const struct nd nd = {
        .type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = true, .mac = lan_mac(77), .target = lan_ipv6(1)};
    uint8_t packet[ND_BYTES_MAX], syn[IPV6_HEADER_BYTES + TCP_HEADER_BYTES];
    begin_idle(&lan);
    size_t length = nd_emit(packet, &remotes[0].address, &locals[0].address, &nd) - IPV6_HEADER_BYTES;
    memmove(packet + IPV4_HEADER_BYTES, packet + IPV6_HEADER_BYTES, length);
    ip_emit(packet, &remotes[0].address, &locals[0].address, IP_PROTOCOL_ICMPV6, 255, length);
    lan_frame_in(&lan, lan_mac(1), lan_mac(77), ETHERNET_IPV6, packet, IPV4_HEADER_BYTES + length);
    lan_expect_nothing(&lan);
    for (unsigned i = 0; i < 2; i++) {
        const struct tcp_header header = {
            .local = &remotes[i], .remote = &locals[i], .seq = seq_of(1), .flags = LA_SYN};
        length = tcp_emit(syn, &header, 64, 0, 0);
        lan_frame_in(&lan, lan_mac(1), lan_mac(9), others_type[i], syn, length);
        lan_frame_in(&lan, lan_mac(1), lan_mac(9), others_type[i], syn, 0);
        lan_expect_nothing(&lan);
    }
    assert_int_equal(lan_dropped(&lan, LA_DROP_ETHERNET), 5);
    lan_packet_in(&lan, lan_mac(1), lan_mac(9), syn, length);
    expect_solicitation(&lan, 9, false); /* to answer that nobody listens */
    lan_end(&lan);
}

/* A solicitation of ours behind so many extension headers of eight octets. */
static void solicit_behind(struct lan *lan, const uint8_t *headers, size_t count)
{
    const struct la_address source = lan_ipv6(9), own = lan_ipv6(1), group = nd_solicited_node(&own);
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = true, .mac = lan_mac(9), .target = own};
    uint8_t plain[ND_BYTES_MAX], packet[ND_BYTES_MAX + 32];
    size_t length = nd_emit(plain, &source, &group, &nd) - IPV6_HEADER_BYTES;
    size_t next_header_at = 6, at = IPV6_HEADER_BYTES;
    memcpy(packet, plain, IPV6_HEADER_BYTES);
    for (size_t i = 0; i < count; i++) {
        const bool is_fragment = headers[i] == IPV6_FRAGMENT;                       /* of offset 0, and the last one */
        const uint8_t header[8] = {0, 0, is_fragment ? 0 : 1, is_fragment ? 0 : 4}; /* else four octets of padding */
        packet[next_header_at] = headers[i];
        memcpy(packet + at, header, sizeof header);
        next_header_at = at;
        at += sizeof header;
    }
    packet[next_header_at] = IP_PROTOCOL_ICMPV6;
    memcpy(packet + at, plain + IPV6_HEADER_BYTES, length);
    put_u16(packet + 4, (uint16_t)(at + length - IPV6_HEADER_BYTES));
    lan_packet_in(lan, nd_group_mac(&group), lan_mac(9), packet, at + length);
}

/* RFC 6980 5: not even in a fragment that is the whole packet. */
static void fragments_are_no_neighbour_discovery(void **state)
{
    (void)state;
    struct lan lan;
    static const uint8_t alone[] = {IPV6_FRAGMENT};
    static const uint8_t behind[] = {IPV6_HOP_BY_HOP, IPV6_DESTINATION_OPTIONS, IPV6_FRAGMENT};
    static const uint8_t before[] = {IPV6_FRAGMENT, IPV6_DESTINATION_OPTIONS};
    static const uint8_t none[] = {IPV6_HOP_BY_HOP, IPV6_DESTINATION_OPTIONS};
    begin_idle(&lan);
    solicit_behind(&lan, alone, sizeof alone);
    solicit_behind(&lan, behind, sizeof behind);
    solicit_behind(&lan, before, sizeof before);
    lan_expect_nothing(&lan);
    assert_int_equal(lan_dropped(&lan, LA_DROP_IP_FRAGMENT), 3);
    solicit_behind(&lan, none, sizeof none);
    lan_expect(&lan, 9, ETHERNET_IPV6);
    lan_end(&lan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_syn_waits_for_the_answer),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(who_asks_is_answered),
        cmocka_unit_test(an_unasked_advertisement),
        cmocka_unit_test(strangers_are_not_answered),
        cmocka_unit_test(a_frame_says_what_it_carries),
        cmocka_unit_test(fragments_are_no_neighbour_discovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
