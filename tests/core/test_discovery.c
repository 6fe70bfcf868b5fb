#include "support/lan.h"

#include "base/address.h"

/* IPv6 on Ethernet: neighbours (RFC 4861 7) and routers (6.3). */

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

/* ---- routers ---- */

struct advertisement {
    uint8_t hop_limit;
    struct la_address source;
    uint16_t lifetime_s;
    uint32_t mtu; /* 0: no option */
    uint32_t prefix_lifetime_s;
    bool has_prefix; /* 2001:db8:1::/64, on the link */
};

static const struct la_address far_host = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
static const struct la_address prefix_host = {{0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

static void router_says(struct lan *lan, const struct advertisement *said)
{
    uint8_t packet[200];
    uint8_t body[100] = {0};
    size_t length = 8;
    const struct icmpv6_header header = {.source = said->source,
                                         .destination = nd_all_nodes,
                                         .hop_limit = said->hop_limit,
                                         .type = ICMPV6_ROUTER_ADVERTISEMENT,
                                         .rest = (uint32_t)64 << 24 | said->lifetime_s};
    const uint8_t source_mac[8] = {1, 1, 2, 0, 0, 0, 0, 254};
    memcpy(body + length, source_mac, sizeof source_mac);
    length += sizeof source_mac;
    if (said->mtu > 0) {
        body[length] = 5;
        body[length + 1] = 1;
        put_u32(body + length + 4, said->mtu);
        length += 8;
    }
    if (said->has_prefix) {
        body[length] = 3;
        body[length + 1] = 4;
        body[length + 2] = 64;
        body[length + 3] = 0x80;
        put_u32(body + length + 4, said->prefix_lifetime_s);
        memcpy(body + length + 16, prefix_host.octets, 8);
        length += 32;
    }
    lan_packet_in(lan, nd_group_mac(&nd_all_nodes), lan_mac(254), packet, icmpv6_emit(packet, &header, body, length));
}

static struct advertisement usual_router(void)
{
    return (struct advertisement){.hop_limit = 255, .source = lan_ipv6(254), .lifetime_s = 1800};
}

static bool has_way(struct lan *lan, struct la_address to)
{
    struct la_conn conn;
    int error = lan_connect(lan, to, &conn);
    if (error == LA_OK) {
        assert_int_equal(la_abort(lan->host, lan->now, conn), LA_OK);
        assert_int_equal(la_release(lan->host, lan->now, conn), LA_OK);
    }
    assert_true(error == LA_OK || error == LA_ERROR_NO_ROUTE);
    return error == LA_OK;
}

static void begin_following(struct lan *lan)
{
    const struct la_address own = {{0x20, 1, 0xd, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    begin_idle(lan);
    assert_int_equal(la_address_add(lan->host, lan->now, 0, &own, 128), LA_OK);
    lan_run_ms(lan, 10000);
    lan_forget_output(lan);
    assert_int_equal(la_interface_follow_routers(lan->host, lan->now, 0), LA_OK);
}

/* RFC 4861 6.3.7: three times, four seconds apart, until one has spoken. */
static void routers_are_asked(void **state)
{
    (void)state;
    struct packet packet;
    for (unsigned answered = 0; answered <= 3; answered++) {
        struct lan lan;
        const struct advertisement said = usual_router();
        begin_following(&lan);
        unsigned asked = 0;
        for (unsigned ms = 0; ms < 30000; ms += 100) {
            lan_run_ms(&lan, 100);
            while (lan_pull(&lan)) {
                asked += lan_nd(&lan, &packet).type == ICMPV6_ROUTER_SOLICITATION;
                assert_true(address_equal(&packet.destination, &nd_all_routers));
                if (asked == answered) {
                    router_says(&lan, &said);
                }
            }
        }
        assert_int_equal(asked, answered == 0 ? 3 : answered);
        lan_end(&lan);
    }
}

static void a_router_is_followed_for_its_lifetime(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct advertisement said = usual_router();
    begin_following(&lan);
    assert_false(has_way(&lan, far_host));
    router_says(&lan, &said);
    lan_run_ms(&lan, 5000);
    lan_forget_output(&lan);
    assert_int_equal(lan_connect(&lan, far_host, &conn), LA_OK);
    lan_expect(&lan, 254, ETHERNET_IPV6); /* it said where it is */
    lan_run_ms(&lan, 1794900);
    assert_true(has_way(&lan, far_host));
    lan_run_ms(&lan, 100);
    assert_false(has_way(&lan, far_host));
    router_says(&lan, &said);
    assert_true(has_way(&lan, far_host));
    said.lifetime_s = 0; /* it is no default router any more */
    router_says(&lan, &said);
    assert_false(has_way(&lan, far_host));
    lan_end(&lan);
}

static void a_prefix_is_on_the_link_for_its_lifetime(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct advertisement said = usual_router();
    const struct la_address group = nd_solicited_node(&prefix_host);
    const struct mac group_mac = nd_group_mac(&group);
    said.lifetime_s = 0;
    said.has_prefix = true;
    said.prefix_lifetime_s = 100;
    begin_following(&lan);
    lan_run_ms(&lan, 20000);
    lan_forget_output(&lan);
    assert_false(has_way(&lan, prefix_host));
    router_says(&lan, &said);
    assert_int_equal(lan_connect(&lan, prefix_host, &conn), LA_OK);
    assert_true(lan_pull(&lan)); /* asked for itself, by no router */
    assert_memory_equal(lan.frame, &group_mac, sizeof group_mac);
    lan_run_ms(&lan, 99900);
    assert_true(has_way(&lan, prefix_host));
    lan_run_ms(&lan, 100);
    assert_false(has_way(&lan, prefix_host));
    said.prefix_lifetime_s = UINT32_MAX;
    router_says(&lan, &said);
    lan_run_ms(&lan, 4000000000U);
    assert_true(has_way(&lan, prefix_host));
    said.prefix_lifetime_s = 0;
    router_says(&lan, &said);
    assert_false(has_way(&lan, prefix_host));
    lan_end(&lan);
}

static unsigned mss_to(struct lan *lan, struct la_address to)
{
    struct la_conn conn;
    assert_int_equal(lan_connect(lan, to, &conn), LA_OK);
    do {
        assert_true(lan_pull(lan));
    } while (lan->frame[14 + 6] != IP_PROTOCOL_TCP);
    return lan_segment(lan).options.mss;
}

/* RFC 4861 6.3.4: an MTU between IPv6's least and the link's own. */
static void a_router_says_the_mtu(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    begin_following(&lan);
    lan_run_ms(&lan, 20000);
    lan_forget_output(&lan);
    const uint32_t mtus[][2] = {{0, 1500}, {1400, 1400}, {1279, 1400}, {1501, 1400}, {1280, 1280}, {1500, 1500}};
    for (unsigned i = 0; i < 6; i++) {
        said.mtu = mtus[i][0];
        router_says(&lan, &said);
        assert_int_equal(mss_to(&lan, far_host), mtus[i][1] - 60);
    }
    lan_end(&lan);
}

/* RFC 4861 6.1.2; and one that was not asked to listen to routers does not. */
static void who_is_no_router_of_ours(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    begin_following(&lan);
    said.hop_limit = 254;
    router_says(&lan, &said);
    assert_false(has_way(&lan, far_host));
    said = usual_router();
    said.source = prefix_host; /* not link-local */
    router_says(&lan, &said);
    assert_false(has_way(&lan, far_host));
    lan_end(&lan);
    said = usual_router();
    begin_idle(&lan);
    router_says(&lan, &said);
    assert_false(has_way(&lan, far_host));
    lan_end(&lan);
}

/* Anybody on the link can claim to be routers without number: what was configured stays, and the table is not
   exceeded. */
static void routers_without_number(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    const struct la_address configured = {{0x20, 1, 0xd, 0xb8, 0, 3}};
    const struct la_address behind = {{0x20, 1, 0xd, 0xb8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
    begin_following(&lan);
    const struct la_address gateway = lan_ipv6(99);
    assert_int_equal(la_route_add_via(lan.host, lan.now, 0, &configured, 48, &gateway), LA_OK);
    for (uint8_t n = 100; n < 200; n++) {
        said.source = lan_ipv6(n);
        router_says(&lan, &said);
        lan_forget_output(&lan);
    }
    assert_true(has_way(&lan, behind));
    said.lifetime_s = 0;
    for (uint8_t n = 100; n < 200; n++) {
        said.source = lan_ipv6(n);
        router_says(&lan, &said);
    }
    assert_false(has_way(&lan, far_host));
    assert_true(has_way(&lan, behind));
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
        cmocka_unit_test(routers_are_asked),
        cmocka_unit_test(a_router_is_followed_for_its_lifetime),
        cmocka_unit_test(a_prefix_is_on_the_link_for_its_lifetime),
        cmocka_unit_test(a_router_says_the_mtu),
        cmocka_unit_test(who_is_no_router_of_ours),
        cmocka_unit_test(routers_without_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
