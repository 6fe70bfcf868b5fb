#include "support/peer.h"

#include <stdlib.h>
#include <string.h>

#include "host/host_inspect.h"

/* One host on an Ethernet, frame by frame: who is asked for, what waits, what is told when nobody answers. */
enum { FRAME_BYTES = 1514, ARP_FRAME_BYTES = 42 };

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 8};

struct lan {
    la_host *host;
    la_time now;
    uint8_t frame[FRAME_BYTES];
    size_t length;
};

static void lan_begin(struct lan *lan)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = 4;
    config.time_wait_ipv4 = config.time_wait_ipv6 = 4;
    config.buffer_pieces = 16;
    config.address_probes = 0;
    size_t size = la_host_size(&config);
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, (size + 63) / 64 * 64);
    assert_non_null(block);
    *lan = (struct lan){.now = 1000 * LA_SECOND};
    lan->host = la_host_init(block, size, &config, lan->now);
    assert_non_null(lan->host);
    struct la_address own = la_address_ipv4(10, 0, 0, 1), any = la_address_ipv4(0, 0, 0, 0);
    struct la_address router = la_address_ipv4(10, 0, 0, 254), far = la_address_ipv4(10, 9, 0, 254);
    assert_int_equal(la_interface_add_ethernet(lan->host, lan->now, 1500, own_mac), 0);
    assert_int_equal(la_address_add(lan->host, lan->now, 0, &own, 24), LA_OK);
    assert_int_equal(la_route_add_via(lan->host, lan->now, 0, &any, 0, &far), LA_ERROR_INVALID);
    assert_int_equal(la_route_add_via(lan->host, lan->now, 0, &any, 0, &router), LA_OK);
}

static bool pull(struct lan *lan)
{
    lan->length = la_host_output(lan->host, lan->now, 0, lan->frame, sizeof lan->frame);
    assert_null(host_check(lan->host));
    return lan->length > 0;
}

/* The next frame asks for 10.0.0.last, from mac or, if that is NULL, from all. */
static void expect_request(struct lan *lan, uint8_t last, const uint8_t *mac)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t target[4] = {10, 0, 0, last};
    assert_true(pull(lan));
    assert_int_equal(lan->length, ARP_FRAME_BYTES);
    assert_memory_equal(lan->frame, mac != NULL ? mac : all, 6);
    assert_int_equal(lan->frame[13], 6);
    assert_int_equal(lan->frame[21], 1);
    assert_memory_equal(lan->frame + 38, target, 4);
}

static void arp_in(struct lan *lan, uint8_t operation, const uint8_t *mac, uint8_t sender, uint8_t target)
{
    uint8_t f[ARP_FRAME_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0};
    memcpy(f + 6, mac, 6);
    memcpy(f + 22, mac, 6);
    f[21] = operation;
    f[28] = f[38] = 10;
    f[31] = sender;
    f[41] = target;
    la_host_input(lan->host, lan->now, 0, f, sizeof f);
}

static struct la_conn connect_to(struct lan *lan, struct la_address address)
{
    struct la_endpoint remote = {address, 80};
    struct la_conn conn;
    assert_int_equal(la_connect(lan->host, lan->now, NULL, &remote, &conn), LA_OK);
    return conn;
}

/* The deadline never lies behind, and what is due then is done. */
static void run_until(struct lan *lan, la_time until)
{
    while (la_host_deadline(lan->host) <= until) {
        la_time due = la_host_deadline(lan->host);
        lan->now = due > lan->now ? due : lan->now;
        la_host_advance(lan->host, lan->now);
    }
    lan->now = until;
}

/* RFC 5227 2.3: two of them, two seconds apart. */
static void expect_announcements(struct lan *lan)
{
    expect_request(lan, 1, NULL);
    la_time began = lan->now;
    run_until(lan, began + 2 * LA_SECOND - 1);
    assert_false(pull(lan));
    run_until(lan, began + 2 * LA_SECOND);
    expect_request(lan, 1, NULL);
    assert_false(pull(lan));
}

static void the_syn_waits_for_the_answer(void **state)
{
    (void)state;
    struct lan lan;
    lan_begin(&lan);
    expect_announcements(&lan);
    connect_to(&lan, la_address_ipv4(10, 0, 0, 9));
    expect_request(&lan, 9, NULL);
    assert_false(pull(&lan));
    arp_in(&lan, 2, other_mac, 7, 1); /* nobody asked: nobody is remembered */
    assert_false(pull(&lan));
    arp_in(&lan, 2, peer_mac, 9, 1);
    assert_true(pull(&lan));
    assert_memory_equal(lan.frame, peer_mac, 6);
    assert_int_equal(lan.frame[23], 6);
    assert_false(pull(&lan));
    free(lan.host);
}

/* What is written there is never cut, and nothing is written behind it: the header counts. */
static void a_short_buffer_gets_nothing(void **state)
{
    (void)state;
    struct lan lan;
    lan_begin(&lan);
    assert_int_equal(la_host_output(lan.host, lan.now, 0, lan.frame, FRAME_BYTES - 1), 0);
    assert_int_equal(la_host_output(lan.host, lan.now, 0, lan.frame, FRAME_BYTES), ARP_FRAME_BYTES);
    free(lan.host);
}

static void a_far_host_is_reached_by_the_router(void **state)
{
    (void)state;
    struct lan lan;
    lan_begin(&lan);
    expect_announcements(&lan);
    connect_to(&lan, la_address_ipv4(192, 0, 2, 1));
    expect_request(&lan, 254, NULL);
    free(lan.host);
}

static void nobody_answers(void **state)
{
    (void)state;
    struct lan lan;
    struct la_event event;
    struct la_outcome outcome;
    lan_begin(&lan);
    expect_announcements(&lan);
    struct la_conn conn = connect_to(&lan, la_address_ipv4(10, 0, 0, 9));
    la_time began = lan.now;
    for (unsigned i = 0; i < 3; i++) {
        run_until(&lan, began + i * LA_SECOND);
        expect_request(&lan, 9, NULL);
    }
    while (pull(&lan)) {
    }
    run_until(&lan, began + 3 * LA_SECOND);
    assert_true(la_host_event(lan.host, &event));
    assert_int_equal(la_outcome(lan.host, conn, &outcome), LA_OK);
    assert_int_equal(outcome.end, LA_END_UNREACHABLE);
    free(lan.host);
}

static void who_asks_is_answered_and_an_address_defended(void **state)
{
    (void)state;
    struct lan lan;
    lan_begin(&lan);
    expect_announcements(&lan);
    arp_in(&lan, 1, peer_mac, 9, 1);
    assert_true(pull(&lan));
    assert_memory_equal(lan.frame, peer_mac, 6);
    assert_int_equal(lan.frame[21], 2);
    arp_in(&lan, 1, peer_mac, 9, 2);
    assert_false(pull(&lan));
    arp_in(&lan, 1, other_mac, 1, 1);
    expect_request(&lan, 1, NULL); /* ours, and we say so: once in ten seconds */
    arp_in(&lan, 1, other_mac, 1, 1);
    assert_false(pull(&lan));
    connect_to(&lan, la_address_ipv4(10, 0, 0, 9)); /* known since it asked; unconfirmed, so that it is probed */
    assert_true(pull(&lan));
    assert_memory_equal(lan.frame, peer_mac, 6);
    la_time began = lan.now;
    run_until(&lan, began + 5 * LA_SECOND);
    expect_request(&lan, 9, peer_mac);
    free(lan.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_syn_waits_for_the_answer), cmocka_unit_test(a_short_buffer_gets_nothing),
        cmocka_unit_test(a_far_host_is_reached_by_the_router), cmocka_unit_test(nobody_answers),
        cmocka_unit_test(who_asks_is_answered_and_an_address_defended)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
