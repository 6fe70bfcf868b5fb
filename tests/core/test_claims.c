#include "support/lan.h"

#include "base/address.h"

/* Addresses that are asked for before they are used, and defended afterwards: RFC 5227, RFC 4862 5.4. */

static void begin_probing(struct lan *lan)
{
    struct la_config config = lan_config();
    config.address_probes = 3;
    lan_begin_bare(lan, &config);
}

static int add(struct lan *lan, struct la_address address)
{
    return la_address_add(lan->host, lan->now, 0, &address, address_is_ipv4(&address) ? 24 : 64);
}

static int state_of(const struct lan *lan, struct la_address address)
{
    return la_address_state(lan->host, &address);
}

/* Runs until a frame leaves, within so long: after how much. */
static la_time until_output(struct lan *lan, la_time within)
{
    la_time began = lan->now;
    while (lan->now < began + within) {
        if (la_host_deadline(lan->host) > lan->now) {
            lan_run_until(lan,
                          la_host_deadline(lan->host) < began + within ? la_host_deadline(lan->host) : began + within);
        }
        la_host_advance(lan->host, lan->now);
        if (lan_pull(lan)) {
            return lan->now - began;
        }
    }
    fail_msg("nothing leaves");
    return 0;
}

static void expect_pulled_arp(const struct lan *lan, uint8_t sender, uint8_t target)
{
    struct arp_message message;
    const struct la_address from = lan_ipv4(sender), of = lan_ipv4(target);
    assert_int_equal(lan->frame[0], 0xff);
    assert_int_equal(arp_parse(lan->frame + ETHERNET_HEADER_BYTES, lan->length - ETHERNET_HEADER_BYTES, &message),
                     LA_DROP_NONE);
    assert_int_equal(message.operation, ARP_REQUEST);
    assert_memory_equal(&message.sender, &from, sizeof from);
    assert_memory_equal(&message.target, &of, sizeof of);
}

/* RFC 5227 2.1.1, 2.3: three probes, one to two seconds apart, two seconds of silence, two announcements. */
static void an_ipv4_address_is_asked_for(void **state)
{
    (void)state;
    struct lan lan;
    begin_probing(&lan);
    assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_ERROR_NO_ADDRESS);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_ERROR_IN_USE);
    for (unsigned probe = 0; probe < 3; probe++) {
        la_time after = until_output(&lan, 2 * LA_SECOND);
        expect_pulled_arp(&lan, 0, 1);
        assert_true(probe > 0 ? after >= LA_SECOND : after <= LA_SECOND);
        assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_ERROR_WOULD_BLOCK);
    }
    assert_true(until_output(&lan, 3 * LA_SECOND) == 2 * LA_SECOND);
    expect_pulled_arp(&lan, 1, 1);
    assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_OK);
    assert_true(until_output(&lan, 3 * LA_SECOND) == 2 * LA_SECOND);
    expect_pulled_arp(&lan, 1, 1);
    assert_true(la_host_deadline(lan.host) == LA_TIME_NEVER);
    lan_end(&lan);
}

/* RFC 4862 5.4.2: one solicitation, from nobody, to the group of the address; RFC 4861 7.2.6: announced. */
static void an_ipv6_address_is_asked_for(void **state)
{
    (void)state;
    struct lan lan;
    struct packet packet;
    begin_probing(&lan);
    assert_int_equal(add(&lan, lan_ipv6(1)), LA_OK);
    assert_true(until_output(&lan, 2 * LA_SECOND) <= LA_SECOND);
    struct nd nd = lan_nd(&lan, &packet);
    const struct la_address own = lan_ipv6(1), group = nd_solicited_node(&own);
    assert_int_equal(nd.type, ICMPV6_NEIGHBOR_SOLICITATION);
    assert_true(address_is_any(&packet.source) && address_equal(&packet.destination, &group));
    assert_true(!nd.has_mac && address_equal(&nd.target, &own));
    assert_int_equal(state_of(&lan, own), LA_ERROR_WOULD_BLOCK);
    assert_true(until_output(&lan, 2 * LA_SECOND) == LA_SECOND);
    nd = lan_nd(&lan, &packet);
    assert_int_equal(nd.type, ICMPV6_NEIGHBOR_ADVERTISEMENT);
    assert_int_equal(nd.flags, ND_OVERRIDE);
    assert_true(address_equal(&packet.destination, &nd_all_nodes) && address_equal(&nd.target, &own));
    assert_int_equal(state_of(&lan, own), LA_OK);
    lan_end(&lan);
}

/* It may be listened at, but nothing is sent or answered from it. */
static void until_it_is_ours_it_is_silent(void **state)
{
    (void)state;
    struct lan lan;
    struct la_conn conn;
    struct la_listener listener;
    const struct la_endpoint local = {lan_ipv4(1), 80};
    const struct la_endpoint remote = {lan_ipv4(9), 80};
    begin_probing(&lan);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(la_listen(lan.host, lan.now, &local, 1, &listener), LA_OK);
    assert_int_equal(la_connect(lan.host, lan.now, &local, &remote, &conn), LA_ERROR_NO_ADDRESS);
    lan_arp_in(&lan, ARP_REQUEST, 9, 9, 1);
    lan_syn_in(&lan, lan_mac(1), 9, false);
    lan_echo_in(&lan, lan_mac(1), 9, 8);
    lan_expect_nothing(&lan);
    lan_run_ms(&lan, 12000);
    lan_forget_output(&lan);
    lan_arp_in(&lan, ARP_REQUEST, 9, 9, 1);
    lan_expect_arp(&lan, 9, ARP_REPLY, 1, 9);
    lan_syn_in(&lan, lan_mac(1), 9, false);
    lan_expect(&lan, 9, ETHERNET_IPV4);
    assert_int_equal(lan_segment(&lan).flags, LA_SYN | LA_ACK);
    lan_end(&lan);
}

enum objection { IS_MINE, I_WANT_IT, I_ANNOUNCE };

static void object(struct lan *lan, bool ipv6, enum objection objection)
{
    static const struct la_address nobody = {{0}};
    const struct la_address target = lan_ipv6(1), group = nd_solicited_node(&target);
    if (!ipv6) {
        lan_arp_in(lan, objection == IS_MINE ? ARP_REPLY : ARP_REQUEST, 9, objection == I_WANT_IT ? 0 : 1, 1);
    } else if (objection == I_WANT_IT) {
        const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .target = target};
        lan_nd_in(lan, nd_group_mac(&group), 9, &nobody, &group, &nd);
    } else {
        const struct nd nd = {.type = ICMPV6_NEIGHBOR_ADVERTISEMENT,
                              .flags = ND_OVERRIDE,
                              .has_mac = objection == I_ANNOUNCE,
                              .mac = lan_mac(9),
                              .target = target};
        lan_nd_in(lan, nd_group_mac(&nd_all_nodes), 9, &target, &nd_all_nodes, &nd);
    }
}

static void who_objects_keeps_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct lan lan;
        bool ipv6 = i % 2 == 1;
        const struct la_address own = ipv6 ? lan_ipv6(1) : lan_ipv4(1);
        begin_probing(&lan);
        assert_int_equal(add(&lan, own), LA_OK);
        until_output(&lan, 2 * LA_SECOND);
        object(&lan, ipv6, (enum objection)(i / 2));
        assert_int_equal(state_of(&lan, own), LA_ERROR_IN_USE);
        lan_run_ms(&lan, 20000);
        lan_expect_nothing(&lan);
        assert_int_equal(state_of(&lan, own), LA_ERROR_IN_USE);
        assert_int_equal(add(&lan, own), LA_OK); /* asks again */
        until_output(&lan, 2 * LA_SECOND);
        lan_run_ms(&lan, 20000);
        assert_int_equal(state_of(&lan, own), LA_OK);
        lan_end(&lan);
    }
}

/* RFC 4862 5.4.3: one that has an address and asks for ours only wants to speak to it. RFC 5227: so does a request. */
static void who_only_asks_does_not_object(void **state)
{
    (void)state;
    struct lan lan;
    const struct la_address target = lan_ipv6(1), group = nd_solicited_node(&target), asker = lan_ipv6(9);
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .has_mac = true, .mac = lan_mac(9), .target = target};
    begin_probing(&lan);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(add(&lan, target), LA_OK);
    lan_arp_in(&lan, ARP_REQUEST, 9, 9, 1);
    lan_nd_in(&lan, nd_group_mac(&group), 9, &asker, &group, &nd);
    lan_expect_nothing(&lan);
    lan_run_ms(&lan, 12000);
    assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(state_of(&lan, target), LA_OK);
    lan_end(&lan);
}

/* Ours stays ours: RFC 5227 2.4 (c), said at most once in ten seconds; to who asks before use, it is always said. */
static void what_is_ours_is_defended(void **state)
{
    (void)state;
    struct lan lan;
    struct packet packet;
    begin_probing(&lan);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(add(&lan, lan_ipv6(1)), LA_OK);
    lan_run_ms(&lan, 20000);
    lan_forget_output(&lan);
    object(&lan, false, IS_MINE);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 1);
    lan_run_ms(&lan, 9990);
    object(&lan, false, I_ANNOUNCE);
    lan_expect_nothing(&lan);
    lan_run_ms(&lan, 10);
    object(&lan, false, I_ANNOUNCE);
    lan_expect_arp(&lan, LAN_ALL, ARP_REQUEST, 1, 1);
    for (unsigned i = 0; i < 3; i++) {
        object(&lan, false, I_WANT_IT);
        lan_expect_arp(&lan, 9, ARP_REPLY, 1, 0);
        object(&lan, true, I_WANT_IT);
        assert_true(lan_pull(&lan));
        struct nd nd = lan_nd(&lan, &packet);
        const struct mac own = lan_mac(1);
        assert_int_equal(nd.type, ICMPV6_NEIGHBOR_ADVERTISEMENT);
        assert_int_equal(nd.flags, ND_OVERRIDE);
        assert_true(address_equal(&packet.destination, &nd_all_nodes) && mac_equal(&nd.mac, &own));
    }
    object(&lan, true, IS_MINE); /* RFC 4862 has nothing to say to that */
    lan_expect_nothing(&lan);
    assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_OK);
    assert_int_equal(state_of(&lan, lan_ipv6(1)), LA_OK);
    lan_end(&lan);
}

/* A device that gives us our own frames back is no other station. */
static void our_own_frames_do_not_object(void **state)
{
    (void)state;
    struct lan lan;
    begin_probing(&lan);
    assert_int_equal(add(&lan, lan_ipv4(1)), LA_OK);
    for (unsigned probe = 0; probe < 3; probe++) {
        until_output(&lan, 2 * LA_SECOND);
        la_host_input(lan.host, lan.now, 0, lan.frame, lan.length);
        lan.frame[11] = 7; /* a station in between has put itself into the frame, but not into the message */
        la_host_input(lan.host, lan.now, 0, lan.frame, lan.length);
    }
    lan_run_ms(&lan, 12000);
    assert_int_equal(state_of(&lan, lan_ipv4(1)), LA_OK);
    lan_end(&lan);
}

static void begin_on_two_links(struct lan *lan)
{
    struct la_config config = lan_config();
    config.address_probes = 3;
    config.interfaces = 2;
    lan_begin_bare(lan, &config);
    assert_int_equal(la_interface_add_ethernet(lan->host, lan->now, 1500, lan_mac(2).octets), 1);
}

/* On one link it is another's; on the other it is being asked for, and goes on being so. */
static void refused_on_one_link_asked_for_on_another(void **state)
{
    (void)state;
    struct lan lan;
    const struct la_address own = lan_ipv4(1);
    begin_on_two_links(&lan);
    assert_int_equal(add(&lan, own), LA_OK);
    until_output(&lan, 2 * LA_SECOND);
    object(&lan, false, IS_MINE);
    assert_int_equal(state_of(&lan, own), LA_ERROR_IN_USE);
    assert_int_equal(la_address_add(lan.host, lan.now, 1, &own, 24), LA_OK);
    assert_int_equal(state_of(&lan, own), LA_ERROR_WOULD_BLOCK);
    for (unsigned second = 0; second < 8; second++) {
        if (state_of(&lan, own) == LA_ERROR_WOULD_BLOCK) {
            assert_int_equal(la_address_add(lan.host, lan.now, 1, &own, 24), LA_ERROR_IN_USE);
        }
        lan_run_ms(&lan, 1000);
        while (la_host_output(lan.host, lan.now, 1, lan.frame, sizeof lan.frame) > 0) {
        }
    }
    assert_int_equal(state_of(&lan, own), LA_OK);
    lan_end(&lan);
}

/* Of two ways to one prefix the one that could be used first is taken: an address counts from when it is ours. */
static void ways_count_from_when_they_can_be_used(void **state)
{
    (void)state;
    struct lan lan;
    struct la_info info;
    struct la_conn conn;
    const struct la_address first = lan_ipv4(1), second = lan_ipv4(2), prefix = la_address_ipv4(10, 0, 0, 0),
                            there = lan_ipv4(9);
    begin_on_two_links(&lan);
    assert_int_equal(la_address_add(lan.host, lan.now, 1, &second, 32), LA_OK);
    lan_run_ms(&lan, 20000);
    assert_int_equal(state_of(&lan, second), LA_OK);
    assert_int_equal(la_address_add(lan.host, lan.now, 0, &first, 24), LA_OK);
    assert_int_equal(la_route_add(lan.host, lan.now, 1, &prefix, 24), LA_OK);
    lan_run_ms(&lan, 20000);
    assert_int_equal(state_of(&lan, first), LA_OK);
    assert_int_equal(lan_connect(&lan, there, &conn), LA_OK);
    assert_int_equal(la_info(lan.host, conn, &info), LA_OK);
    assert_true(address_equal(&info.local.address, &second));
    lan_end(&lan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_asked_for),
        cmocka_unit_test(an_ipv6_address_is_asked_for),
        cmocka_unit_test(until_it_is_ours_it_is_silent),
        cmocka_unit_test(who_objects_keeps_it),
        cmocka_unit_test(who_only_asks_does_not_object),
        cmocka_unit_test(what_is_ours_is_defended),
        cmocka_unit_test(our_own_frames_do_not_object),
        cmocka_unit_test(refused_on_one_link_asked_for_on_another),
        cmocka_unit_test(ways_count_from_when_they_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
