#include "support/peer.h"

#include "base/checksum.h"
#include "wire/source_route.h"

/* Source routes of IPv4: RFC 791 3.1, RFC 1122 3.2.1.8 (c), RFC 9293 3.9.2.1. Packets as their octets. */

enum { LOOSE = 131, STRICT = 137 };

static const struct la_address first = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7}};
static const struct la_address second = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9}};

static struct test *begin_routed(bool accepts)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.window_scaling = false;
    config.source_routes = accepts;
    return begin(&config);
}

/* The next packet, its route taken out of it: what the far end of the route gets. Whose octets the option has, and where
   the packet went, are compared. */
static struct segment expect_routed(struct test *t, const uint8_t *option, uint8_t option_bytes, const uint8_t to[4])
{
    uint8_t bytes[1500];
    struct packet packet;
    struct segment segment;
    size_t length = la_host_output(t->host, t->now, 0, bytes, sizeof bytes);
    history_read(t);
    check(t, length > 20 && bytes[0] == 0x45 + option_bytes / 4 && (bytes[2] << 8 | bytes[3]) == (int)length);
    check(t, memcmp(bytes + 20, option, option_bytes) == 0 && memcmp(bytes + 16, to, 4) == 0);
    check(t, checksum_finish(checksum_add(0, false, bytes, 20U + option_bytes)) == 0);
    uint8_t final[4];
    memcpy(final, option_bytes > 0 ? bytes + 16 + option_bytes : bytes + 16, 4);
    memmove(bytes + 20, bytes + 20 + option_bytes, length - 20 - option_bytes);
    memcpy(bytes + 16, final, 4);
    bytes[0] = 0x45;
    put_u16(bytes + 2, (uint16_t)(length - option_bytes));
    ip_set_tos(bytes, bytes[1]);
    assert_int_equal(ip_parse(bytes, length - option_bytes, &packet), LA_DROP_NONE);
    assert_int_equal(tcp_parse(&packet, &segment), LA_DROP_NONE); /* the checksum counts the last destination */
    segment.text = NULL;
    return segment;
}

static void inject_routed(struct test *t, uint8_t flags, uint32_t seq, uint32_t ack, const uint8_t *option)
{
    uint8_t bytes[200];
    struct tcp_header header = {.local = &t->remote, .remote = &t->local, .flags = flags, .window = 65535};
    struct source_route route = {.bytes = option != NULL ? option[1] + 1 : 0, .first_hop = {10, 0, 0, 1}};
    header.seq = seq_of(t->irs + seq);
    header.ack = seq_of(ack);
    size_t length = tcp_emit(bytes, &header, 64, 0, 0);
    if (option != NULL) {
        route.option[0] = 1;
        memcpy(route.option + 1, option, option[1]);
        length = source_route_insert(bytes, length, &route);
    }
    la_host_input(t->host, t->now, 0, bytes, length);
}

/* MUST-51: in every packet of the connection; the first hop is where they go. */
static void the_application_gives_a_route(void **state)
{
    (void)state;
    struct test *t = begin_routed(false);
    const struct la_source_route route = {.count = 2, .hops = {first, second}};
    const uint8_t option[] = {1, LOOSE, 11, 4, 192, 0, 2, 9, 10, 0, 0, 2};
    const uint8_t to[] = {10, 0, 0, 7};
    assert_int_equal(la_connect_via(t->host, t->now, &t->local, &t->remote, &route, &t->conn), LA_OK);
    struct segment segment = expect_routed(t, option, sizeof option, to);
    check(t, segment.flags == SYN && segment.options.mss == 1460);
    inject_routed(t, SYN | ACK, 0, segment.seq.v + 1, NULL);
    segment = expect_routed(t, option, sizeof option, to);
    check(t, segment.flags == ACK);
    check(t, info_of(t).snd_mss == 536 - 12); /* MUST-16: less what the IP options take */
    struct la_source_route told;
    check(t, la_source_route_of(t->host, t->conn, &told) == LA_OK && told.count == 2 && !told.strict);
    check(t, la_address_equal(&told.hops[0], &first) && la_address_equal(&told.hops[1], &second));
    check(t, la_abort(t->host, t->now, t->conn) == LA_OK);
    segment = expect_routed(t, option, sizeof option, to);
    check(t, segment.flags == (RST | ACK));
    end(t);
}

/* MUST-52 */
static void a_route_that_was_given_is_not_replaced(void **state)
{
    (void)state;
    struct test *t = begin_routed(true);
    const struct la_source_route route = {.count = 1, .strict = true, .hops = {first}};
    const uint8_t option[] = {1, STRICT, 7, 4, 10, 0, 0, 2};
    const uint8_t other[] = {LOOSE, 7, 8, 10, 0, 0, 99};
    const uint8_t to[] = {10, 0, 0, 7};
    assert_int_equal(la_connect_via(t->host, t->now, &t->local, &t->remote, &route, &t->conn), LA_OK);
    struct segment segment = expect_routed(t, option, sizeof option, to);
    inject_routed(t, SYN | ACK, 0, segment.seq.v + 1, other);
    segment = expect_routed(t, option, sizeof option, to);
    check(t, segment.flags == ACK);
    end(t);
}

/* MUST-53: the way back is the way there, backwards; SHLD-24: the last that came counts. */
static void the_way_back_is_built_from_what_arrives(void **state)
{
    (void)state;
    struct test *t = begin_routed(true);
    user_listen(t, 4);
    const uint8_t came[] = {LOOSE, 15, 16, 10, 0, 0, 2, 192, 0, 2, 9, 10, 0, 0, 7}; /* the source put itself in front */
    const uint8_t back[] = {1, LOOSE, 11, 4, 192, 0, 2, 9, 10, 0, 0, 2};
    const uint8_t to[] = {10, 0, 0, 7};
    inject_routed(t, SYN, 0, 0, came);
    struct segment segment = expect_routed(t, back, sizeof back, to);
    check(t, segment.flags == (SYN | ACK));
    uint32_t ours = segment.seq.v + 1;
    const uint8_t later[] = {STRICT, 7, 8, 10, 0, 0, 99};
    const uint8_t later_back[] = {1, STRICT, 7, 4, 10, 0, 0, 2};
    const uint8_t later_to[] = {10, 0, 0, 99};
    inject_routed(t, ACK, 1, ours, NULL);
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_OK);
    uint32_t mss = info_of(t).snd_mss;
    inject_routed(t, FIN | ACK, 1, ours, later);
    segment = expect_routed(t, later_back, sizeof later_back, later_to);
    check(t, segment.flags == ACK && info_of(t).snd_mss == mss + 4);
    end(t);
}

/* An attacker from elsewhere, who does not know the numbers, does not turn the way. */
static void what_is_not_acceptable_turns_no_way(void **state)
{
    (void)state;
    struct test *t = begin_routed(true);
    user_listen(t, 4);
    const uint8_t came[] = {LOOSE, 7, 8, 10, 0, 0, 7};
    const uint8_t other[] = {LOOSE, 7, 8, 10, 0, 0, 99};
    const uint8_t back[] = {1, LOOSE, 7, 4, 10, 0, 0, 2};
    const uint8_t to[] = {10, 0, 0, 7};
    inject_routed(t, SYN, 0, 0, came);
    struct segment segment = expect_routed(t, back, sizeof back, to);
    inject_routed(t, ACK, 1, segment.seq.v + 1, NULL);
    inject_routed(t, FIN | ACK, 100000, segment.seq.v + 1, other);
    (void)expect_routed(t, back, sizeof back, to);
    end(t);
}

/* As it comes, source-routed packets are dropped; so are always those that want us to pass them on, and routes that are
   none (RFC 1122 3.2.1.8 (c)). */
static void routes_that_are_not_taken(void **state)
{
    (void)state;
    const uint8_t came[] = {LOOSE, 7, 8, 10, 0, 0, 7};
    const uint8_t goes_on[] = {LOOSE, 7, 4, 10, 0, 0, 7};
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin_routed(i == 1);
        user_listen(t, 4);
        inject_routed(t, SYN, 0, 0, i == 0 ? came : goes_on);
        expect_dropped(t, LA_DROP_IP_OPTION);
        settle(t);
        expect_nothing(t);
        end(t);
    }
}

static void routes_that_cannot_be_given(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.own_settings = 1;
    struct test *t = begin(&config);
    struct la_source_route route = {.count = 0, .hops = {first}};
    struct la_conn conn;
    struct la_endpoint remote = t->remote;
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &conn) == LA_ERROR_INVALID);
    route.count = LA_SOURCE_ROUTE_HOPS + 1;
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &conn) == LA_ERROR_INVALID);
    route = (struct la_source_route){.count = 2, .hops = {first, la_address_ipv4(224, 0, 0, 1)}};
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &conn) == LA_ERROR_INVALID);
    route = (struct la_source_route){.count = 1, .hops = {second}};
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &conn) == LA_ERROR_NO_ROUTE);
    route.hops[0] = first;
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &t->conn) == LA_OK);
    remote.port++;
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &conn) == LA_ERROR_NO_SETTINGS);
    check(t, counters_of(t).connections == 1);
    check(t, la_release(t->host, t->now, t->conn) == LA_OK);
    check(t, la_connect_via(t->host, t->now, NULL, &remote, &route, &t->conn) == LA_OK);
    check(t, la_source_route_of(t->host, conn, &route) == LA_ERROR_STALE);
    end(t);
}

/* The longest that fits into 40 octets, and back. */
static void nine_hops(void **state)
{
    (void)state;
    struct la_source_route given = {.count = LA_SOURCE_ROUTE_HOPS, .strict = true};
    struct la_source_route told;
    struct source_route route = {0};
    const struct la_address last = la_address_ipv4(10, 0, 0, 2);
    for (uint8_t i = 0; i < LA_SOURCE_ROUTE_HOPS; i++) {
        given.hops[i] = la_address_ipv4(10, 0, 1, i);
    }
    source_route_make(&route, &given, &last);
    assert_int_equal(route.bytes, 40);
    source_route_tell(&route, &told);
    assert_int_equal(told.count, LA_SOURCE_ROUTE_HOPS);
    assert_true(told.strict);
    for (uint8_t i = 0; i < LA_SOURCE_ROUTE_HOPS; i++) {
        assert_true(la_address_equal(&told.hops[i], &given.hops[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_application_gives_a_route),
        cmocka_unit_test(a_route_that_was_given_is_not_replaced),
        cmocka_unit_test(the_way_back_is_built_from_what_arrives),
        cmocka_unit_test(what_is_not_acceptable_turns_no_way),
        cmocka_unit_test(routes_that_are_not_taken),
        cmocka_unit_test(routes_that_cannot_be_given),
        cmocka_unit_test(nine_hops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
