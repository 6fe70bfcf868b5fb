#include "support/lan.h"

#include "base/address.h"

/* IPv6 on Ethernet: what routers tell a host (RFC 4861 6.3). */

struct advertisement {
    uint8_t hop_limit;
    struct la_address source;
    uint16_t lifetime_s;
    uint32_t mtu; /* 0: no option */
    uint32_t prefix_lifetime_s;
    bool has_prefix;   /* 2001:db8:1::/64, on the link */
    uint8_t host_bits; /* behind it */
};

static const struct la_address far_host = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
static const struct la_address prefix_host = {{0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

static void begin_idle(struct lan *lan)
{
    struct la_config config = lan_config();
    lan_begin(lan, &config);
}

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
        body[length + 31] = said->host_bits;
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

/* Nothing of IPv6's leads to an address of IPv4, whose form lies within every short prefix. */
static void a_router_of_ipv6_is_no_way_for_ipv4(void **state)
{
    (void)state;
    struct lan lan;
    const struct advertisement said = usual_router();
    const struct la_address far_ipv4 = la_address_ipv4(198, 51, 100, 1);
    begin_following(&lan);
    lan_run_ms(&lan, 20000);
    lan_forget_output(&lan);
    router_says(&lan, &said);
    assert_true(has_way(&lan, far_host));
    lan_forget_output(&lan);
    assert_false(has_way(&lan, far_ipv4));
    lan_expect_nothing(&lan);
    lan_end(&lan);
}

/* RFC 4861 4.6.2: the sender writes zeros there, and the receiver does not read them. */
static void bits_behind_the_prefix_mean_nothing(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    said.has_prefix = true;
    begin_following(&lan);
    for (said.host_bits = 0; said.host_bits < 100; said.host_bits++) {
        said.prefix_lifetime_s = 3600;
        router_says(&lan, &said);
        assert_true(has_way(&lan, prefix_host));
        lan_forget_output(&lan);
    }
    assert_true(has_way(&lan, far_host)); /* one route, not a hundred */
    said.lifetime_s = 0;
    said.prefix_lifetime_s = 0;
    router_says(&lan, &said);
    assert_false(has_way(&lan, prefix_host));
    assert_false(has_way(&lan, far_host));
    lan_end(&lan);
}

static unsigned solicitations_within(struct lan *lan, uint32_t ms)
{
    struct packet packet;
    unsigned asked = 0;
    for (uint32_t after = 0; after < ms; after += 100) {
        lan_run_ms(lan, 100);
        while (lan_pull(lan)) {
            asked += lan_nd(lan, &packet).type == ICMPV6_ROUTER_SOLICITATION;
        }
    }
    return asked;
}

/* RFC 4861 6.3.7: one that is no default router ends nothing, and what came unasked may not have been all. */
static void which_advertisements_end_the_asking(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    begin_following(&lan);
    assert_int_equal(solicitations_within(&lan, 2000), 1);
    said.lifetime_s = 0;
    router_says(&lan, &said);
    assert_int_equal(solicitations_within(&lan, 30000), 2);
    lan_end(&lan);
    said = usual_router();
    begin_following(&lan);
    router_says(&lan, &said);
    router_says(&lan, &said);
    assert_int_equal(solicitations_within(&lan, 30000), 1);
    lan_end(&lan);
}

/* RFC 4861 7.2.5: of itself, with the address that is known, or an Override; and of nothing but the default route. */
static void who_says_that_it_is_no_router(void **state)
{
    (void)state;
    struct lan lan;
    struct advertisement said = usual_router();
    said.has_prefix = true;
    said.prefix_lifetime_s = 1800;
    begin_following(&lan);
    lan_run_ms(&lan, 20000);
    router_says(&lan, &said);
    struct nd nd = {.type = ICMPV6_NEIGHBOR_ADVERTISEMENT, .has_mac = true, .mac = lan_mac(254), .target = said.source};
    const struct {
        uint8_t flags, station;
        bool is_router;
    } news[] = {{ND_ROUTER | ND_OVERRIDE, 254, true}, {0, 33, true}, {ND_OVERRIDE, 33, false}};
    for (unsigned i = 0; i < 3; i++) {
        nd.flags = news[i].flags;
        nd.mac = lan_mac(news[i].station);
        lan_nd_in(&lan, nd_group_mac(&nd_all_nodes), news[i].station, &said.source, &nd_all_nodes, &nd);
        assert_int_equal(has_way(&lan, far_host), news[i].is_router);
        lan_forget_output(&lan);
    }
    assert_true(has_way(&lan, prefix_host));
    router_says(&lan, &said);
    assert_true(has_way(&lan, far_host));
    lan_end(&lan);
}

/* ---- an MTU that becomes less ---- */

/* The SYN that leaves next is answered by far_host, behind the router. */
static void answer_syn(struct lan *lan)
{
    uint8_t packet[100];
    assert_true(lan_pull(lan));
    struct segment syn = lan_segment(lan);
    assert_true((syn.flags & LA_SYN) != 0);
    const struct tcp_header header = {.local = &syn.local,
                                      .remote = &syn.remote,
                                      .seq = seq_of(1000),
                                      .ack = seq_add(syn.seq, 1),
                                      .flags = LA_SYN | LA_ACK,
                                      .window = UINT16_MAX,
                                      .options = {.has_mss = true, .mss = 1440}};
    lan_packet_in(lan, lan_mac(1), lan_mac(254), packet, tcp_emit(packet, &header, 64, 0, 0));
}

static void begin_behind_a_router(struct lan *lan)
{
    const struct advertisement said = usual_router();
    begin_following(lan);
    lan_run_ms(lan, 20000);
    router_says(lan, &said);
    lan_forget_output(lan);
}

static void router_says_mtu(struct lan *lan, uint32_t mtu)
{
    struct advertisement said = usual_router();
    said.mtu = mtu;
    router_says(lan, &said);
}

/* The text that leaves, from a number on and without a gap, in packets of at most so many octets: how much it is. */
static uint32_t pull_text(struct lan *lan, struct seq from, uint32_t most)
{
    uint32_t end = 0;
    while (lan_pull(lan)) {
        struct segment segment = lan_segment(lan);
        assert_true(lan->length <= ETHERNET_HEADER_BYTES + most);
        if (segment.length > 0) {
            assert_int_equal(seq_distance(from, segment.seq), end);
            end += segment.length;
        }
    }
    return end;
}

/* RFC 4861 6.3.4, RFC 8201 4: what is in flight was not carried, maybe, and leaves again. */
static void a_lower_mtu_reaches_what_is_open(void **state)
{
    (void)state;
    static const uint8_t text[5000];
    struct lan lan;
    struct la_conn conn;
    struct la_counters counters;
    begin_behind_a_router(&lan);
    assert_int_equal(lan_connect(&lan, far_host, &conn), LA_OK);
    answer_syn(&lan);
    lan_forget_output(&lan);
    assert_int_equal(la_send(lan.host, lan.now, conn, text, sizeof text), sizeof text);
    assert_true(lan_pull(&lan));
    assert_int_equal(lan.length, LAN_FRAME_BYTES);
    const struct seq first = lan_segment(&lan).seq;
    router_says_mtu(&lan, 1280);
    assert_int_equal(la_host_output(lan.host, lan.now, 0, lan.frame, LAN_FRAME_BYTES - 1), 0); /* as it was given */
    assert_int_equal(pull_text(&lan, first, 1280), 4 * 1220); /* what is less than full waits (RFC 9293 3.7.4) */
    la_host_counters(lan.host, &counters);
    assert_int_equal(counters.counter[LA_COUNT_TCP_PATH_MTU_LOWERED], 1);
    assert_int_equal(lan_dropped(&lan, LA_DROP_MTU), 0);
    lan_end(&lan);
}

/* Its SYN offered more, and the peer takes it. */
static void a_lower_mtu_reaches_what_is_being_opened(void **state)
{
    (void)state;
    static const uint8_t text[5000];
    struct lan lan;
    struct la_conn conn;
    begin_behind_a_router(&lan);
    assert_int_equal(lan_connect(&lan, far_host, &conn), LA_OK);
    assert_true(lan_pull(&lan));
    assert_int_equal(lan_segment(&lan).options.mss, 1440);
    router_says_mtu(&lan, 1280);
    lan_run_ms(&lan, 1000);
    answer_syn(&lan); /* sent again */
    assert_true(lan_pull(&lan));
    const struct seq first = lan_segment(&lan).seq;
    assert_int_equal(la_send(lan.host, lan.now, conn, text, sizeof text), sizeof text);
    assert_int_equal(pull_text(&lan, first, 1280), 1220); /* one segment: the SYN was lost (RFC 5681 3.1) */
    lan_end(&lan);
}

/* In the queue of replies, and where packets wait for their neighbour. */
static void what_was_made_before_the_mtu_was_less(void **state)
{
    (void)state;
    struct lan lan;
    begin_behind_a_router(&lan);
    lan_arp_in(&lan, ARP_REQUEST, 8, 8, 1); /* known from now on */
    lan_echo_in(&lan, lan_mac(1), 9, 1400);
    lan_forget_output(&lan);
    lan_echo_in(&lan, lan_mac(1), 8, 1400);
    lan_echo_in(&lan, lan_mac(1), 8, 1000);
    router_says_mtu(&lan, 1280);
    lan_expect(&lan, 8, ETHERNET_IPV4);
    assert_int_equal(lan.length, ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + 8 + 1000);
    assert_int_equal(lan_dropped(&lan, LA_DROP_MTU), 1);
    lan_arp_in(&lan, ARP_REPLY, 9, 9, 1);
    lan_expect_nothing(&lan);
    assert_int_equal(lan_dropped(&lan, LA_DROP_MTU), 2);
    router_says_mtu(&lan, 1500); /* and back */
    lan_echo_in(&lan, lan_mac(1), 9, 1400);
    lan_expect(&lan, 9, ETHERNET_IPV4);
    lan_end(&lan);
}

/* Asked for again, an interface takes what it was given for its MTU, not what a router made of it. */
static void following_again_keeps_what_was_given(void **state)
{
    (void)state;
    struct lan lan;
    begin_behind_a_router(&lan);
    router_says_mtu(&lan, 1280);
    assert_int_equal(la_interface_follow_routers(lan.host, lan.now, 0), LA_OK);
    router_says_mtu(&lan, 1500);
    assert_int_equal(mss_to(&lan, far_host), 1440);
    lan_end(&lan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routers_are_asked),
        cmocka_unit_test(a_router_is_followed_for_its_lifetime),
        cmocka_unit_test(a_prefix_is_on_the_link_for_its_lifetime),
        cmocka_unit_test(a_router_says_the_mtu),
        cmocka_unit_test(who_is_no_router_of_ours),
        cmocka_unit_test(routers_without_number),
        cmocka_unit_test(a_router_of_ipv6_is_no_way_for_ipv4),
        cmocka_unit_test(bits_behind_the_prefix_mean_nothing),
        cmocka_unit_test(which_advertisements_end_the_asking),
        cmocka_unit_test(who_says_that_it_is_no_router),
        cmocka_unit_test(a_lower_mtu_reaches_what_is_open),
        cmocka_unit_test(a_lower_mtu_reaches_what_is_being_opened),
        cmocka_unit_test(what_was_made_before_the_mtu_was_less),
        cmocka_unit_test(following_again_keeps_what_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
