#include "support/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every limit of la_config: reached, with the outcome that the public headers promise; and each value that is out of its
   range, refused by name. */

static const struct pair_network quiet = {.delay = LA_MILLISECOND, .mtu = 1500};

/* ---- ranges ---- */

struct range_case {
    const char *field;
    size_t offset;
    size_t bytes;
    uint64_t least;
    uint64_t most;
};

#define RANGE(field, least, most)                                                                    \
    {                                                                                                \
#field, offsetof(struct la_config, field), sizeof((struct la_config *)0)->field, least, most \
    }

static const struct range_case ranges[] = {
    RANGE(interfaces, 1, 255),
    RANGE(addresses, 1, 65535),
    RANGE(routes, 0, 65535),
    RANGE(connections, 1, UINT32_C(1) << 26),
    RANGE(listeners, 0, 65535),
    RANGE(time_wait_ipv4, 0, 16777214),
    RANGE(time_wait_ipv6, 0, 16777214),
    RANGE(buffer_piece_bytes, 16, 65536),
    RANGE(buffer_pieces, 2, UINT32_C(1) << 26),
    RANGE(reply_bytes, 64, UINT32_C(1) << 30),
    RANGE(trace_records, 0, UINT32_C(1) << 24),
    RANGE(send_buffer_bytes, 1, 0x3fffc000),
    RANGE(receive_buffer_bytes, 1, 0x3fffc000),
    RANGE(out_of_order_ranges, 1, 8192),
    RANGE(msl_ms, 0, 2000000),
    RANGE(time_wait_restarts, 0, 255),
    RANGE(time_wait_rtos, 0, 255),
    RANGE(fin_wait_2_ms, 1, 0x3fffffff),
    RANGE(linger_ms, 1, 0x3fffffff),
    RANGE(quiet_time_ms, 0, 0x3fffffff),
    RANGE(rto_initial_ms, 1, 60000),
    RANGE(rto_min_ms, 1, 60000),
    RANGE(rto_max_ms, 1000, 0x3fffffff),
    RANGE(r2_data_ms, 1, 0x3fffffff),
    RANGE(r2_syn_ms, 1, 0x3fffffff),
    RANGE(user_timeout_ms, 0, 0x3fffffff),
    RANGE(delayed_ack_ms, 0, 499), /* MUST-40 */
    RANGE(dscp, 0, 63),
    RANGE(ecn, 0, 2),
    RANGE(own_settings, 0, 65535),
    RANGE(challenge_ack_ms, 0, 0x3fffffff),
    RANGE(keepalive_idle_ms, 1, 0x3fffffff),
    RANGE(keepalive_interval_ms, 1, 0x3fffffff),
    RANGE(keepalive_probes, 1, 255),
};

static const char *error_with(const struct range_case *range, uint64_t value)
{
    struct la_config config;
    la_config_default(&config);
    memcpy((char *)&config + range->offset, &value, range->bytes); /* the low octets come first: x86, arm64 */
    const char *error = la_config_error(&config);
    if (error != NULL) {
        assert_int_equal(la_host_size(&config), 0);
    }
    return error;
}

static void each_field_has_its_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const struct range_case *range = &ranges[i];
        assert_null(error_with(range, range->least));
        assert_null(error_with(range, range->most));
        bool has_beyond = range->bytes == sizeof(uint32_t) || range->most + 1 < UINT64_C(1) << 8 * range->bytes;
        const char *error = has_beyond ? error_with(range, range->most + 1) : range->field;
        if (error == NULL || strstr(error, range->field) == NULL) {
            fail_msg("%s above its most: %s", range->field, error != NULL ? error : "taken");
        }
        if (range->least == 0) {
            continue;
        }
        /* Below the RTO's own maximum the fault may be told of its neighbours. */
        error = error_with(range, range->least - 1);
        if (error == NULL || (strstr(error, range->field) == NULL && strstr(error, "rto_max_ms") == NULL)) {
            fail_msg("%s below its least: %s", range->field, error != NULL ? error : "taken");
        }
    }
}

static void fields_of_another_width(void **state)
{
    (void)state;
    struct la_config config;
    la_config_default(&config);
    config.ttl = 0;
    assert_non_null(strstr(la_config_error(&config), "ttl"));
    la_config_default(&config);
    config.buffer_piece_bytes = 4100;
    assert_non_null(strstr(la_config_error(&config), "buffer_piece_bytes"));
    la_config_default(&config);
    config.reply_bytes = 100;
    assert_non_null(strstr(la_config_error(&config), "reply_bytes"));
    la_config_default(&config);
    config.ephemeral_first = 0;
    assert_non_null(strstr(la_config_error(&config), "ephemeral_first"));
    la_config_default(&config);
    config.ephemeral_last = (uint16_t)(config.ephemeral_first - 1);
    assert_non_null(strstr(la_config_error(&config), "ephemeral_last"));
    la_config_default(&config);
    config.congestion = 7;
    assert_non_null(strstr(la_config_error(&config), "congestion"));
}

static void init_wants_room_and_alignment(void **state)
{
    (void)state;
    struct la_config config;
    pair_config(&config);
    size_t size = la_host_size(&config);
    char *block = aligned_alloc(LA_HOST_ALIGNMENT, (size + 255) / 64 * 64);
    assert_null(la_host_init(block, size - 1, &config, 0));
    assert_null(la_host_init(block + 8, size, &config, 0));
    assert_null(la_host_init(NULL, size, &config, 0));
    assert_non_null(la_host_init(block, size, &config, 0));
    config.interfaces = 0;
    assert_null(la_host_init(block, size, &config, 0));
    free(block);
}

/* ---- tables ---- */

static la_host *host_with(const struct la_config *config)
{
    size_t size = (la_host_size(config) + 63) / 64 * 64;
    return la_host_init(aligned_alloc(LA_HOST_ALIGNMENT, size), size, config, 0);
}

static void interfaces_addresses_routes_listeners(void **state)
{
    (void)state;
    struct la_config config;
    struct la_listener listener;
    pair_config(&config);
    config.interfaces = 2;
    config.addresses = 3;
    config.routes = 2;
    config.listeners = 2;
    la_host *host = host_with(&config);
    assert_int_equal(la_interface_add(host, 0, 575), LA_ERROR_INVALID);
    assert_int_equal(la_interface_add(host, 0, 65536), LA_ERROR_INVALID);
    assert_int_equal(la_interface_add(host, 0, 576), 0);
    assert_int_equal(la_interface_add(host, 0, 65535), 1);
    assert_int_equal(la_interface_add(host, 0, 1500), LA_ERROR_NO_INTERFACE);
    for (uint8_t i = 1; i <= 4; i++) {
        const struct la_address address = la_address_ipv4(10, 0, i, 1);
        assert_int_equal(la_address_add(host, 0, 0, &address, 24), i <= 3 ? LA_OK : LA_ERROR_NO_ADDRESS);
    }
    for (uint8_t i = 1; i <= 3; i++) {
        const struct la_address prefix = la_address_ipv4(10, 1, i, 0);
        assert_int_equal(la_route_add(host, 0, 1, &prefix, 24), i <= 2 ? LA_OK : LA_ERROR_NO_ROUTE);
    }
    for (uint16_t i = 1; i <= 3; i++) {
        const struct la_endpoint local = {.port = i};
        assert_int_equal(la_listen(host, 0, &local, 1, &listener), i <= 2 ? LA_OK : LA_ERROR_NO_LISTENER);
    }
    assert_int_equal(la_unlisten(host, 0, listener), LA_OK);
    assert_int_equal(la_unlisten(host, 0, listener), LA_ERROR_STALE);
    const struct la_endpoint local = {.port = 3};
    assert_int_equal(la_listen(host, 0, &local, 1, &listener), LA_OK);
    free(host);
}

static void connections_and_ports(void **state)
{
    (void)state;
    struct la_config config;
    struct la_conn conn[4];
    const struct la_address own = family_address(1);
    const struct la_endpoint remote = {family_address(2), 80};
    const struct la_endpoint other = {family_address(3), 80};
    pair_config(&config);
    config.connections = 4;
    config.ephemeral_first = 40000;
    config.ephemeral_last = 40002;
    la_host *host = host_with(&config);
    assert_int_equal(la_interface_add(host, 0, 1500), 0);
    assert_int_equal(la_address_add(host, 0, 0, &own, family_prefix_length()), LA_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(la_connect(host, 0, NULL, &remote, &conn[i]), LA_OK);
    }
    assert_int_equal(la_connect(host, 0, NULL, &remote, &conn[3]), LA_ERROR_NO_PORT);
    assert_int_equal(la_connect(host, 0, NULL, &other, &conn[3]), LA_OK); /* ports are counted by destination */
    assert_int_equal(la_connect(host, 0, NULL, &other, &conn[0]), LA_ERROR_NO_CONNECTION);
    assert_int_equal(la_release(host, 0, conn[1]), LA_OK);
    assert_int_equal(la_connect(host, 0, NULL, &remote, &conn[1]), LA_OK);
    free(host);
}

/* ---- a full host and a busy one ---- */

static unsigned long drops_of(const struct pair *pair, unsigned side, enum la_drop why)
{
    return (unsigned long)pair_counters(pair, side).dropped[why];
}

static void open_many(struct pair *pair, unsigned count, const struct pair_app *script)
{
    int error = 0;
    for (unsigned i = 0; i < count; i++) {
        assert_non_null(pair_connect(pair, 0, script, &error));
    }
}

static const struct pair_app greets = {.to_write = 1000, .close = PAIR_SHUTDOWN};
static const struct pair_app answers = {.to_write = 1000, .close = PAIR_CLOSE_AFTER_READING};

static void expect_all_clean(const struct pair *pair, unsigned connections)
{
    unsigned clean = 0;
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        clean += pair->apps[i].in_use && pair->apps[i].outcome.end == LA_END_CLEAN && pair->apps[i].read == 1000;
    }
    assert_int_equal(clean, 2 * connections);
    pair_expect_baseline(pair);
}

/* More SYNs than connections: they are dropped and counted, and come again. */
static void a_full_table_drops_syns(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config a;
    struct la_config b;
    pair_config(&a);
    pair_config(&b);
    b.connections = 2;
    pair_init(&pair, 1, &a, &b, &quiet);
    pair.accepted = answers;
    open_many(&pair, 6, &greets);
    pair_run(&pair, LA_TIME_NEVER);
    assert_true(drops_of(&pair, 1, LA_DROP_CONNECTIONS_FULL) > 0);
    expect_all_clean(&pair, 6);
    pair_free(&pair);
}

static void a_full_backlog_drops_syns(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    pair_config(&config);
    pair_init(&pair, 1, &config, &config, &quiet);
    const struct la_endpoint local = {.port = 80};
    assert_int_equal(la_unlisten(pair.host[1], pair.now, pair.listener[1]), LA_OK);
    assert_int_equal(la_listen(pair.host[1], pair.now, &local, 2, &pair.listener[1]), LA_OK);
    assert_int_equal(la_listen(pair.host[1], pair.now, &local, 2, &pair.listener[1]), LA_ERROR_IN_USE);
    pair.accepted = answers;
    open_many(&pair, 6, &greets);
    pair_run(&pair, LA_TIME_NEVER);
    assert_true(drops_of(&pair, 1, LA_DROP_BACKLOG_FULL) >= 4);
    expect_all_clean(&pair, 6);
    pair_free(&pair);
}

/* The oldest record goes, and says so. */
static void a_full_log_evicts_the_oldest(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    pair_config(&config);
    family_set_waits(&config, 3);
    pair_init(&pair, 1, &config, &config, &quiet);
    pair.accepted = answers;
    open_many(&pair, 6, &greets);
    pair_run(&pair, pair.now + 5 * LA_SECOND);
    struct la_counters counters = pair_counters(&pair, 0);
    assert_int_equal(counters.counter[LA_COUNT_WAIT_ENTERED], 6);
    assert_int_equal(counters.counter[LA_COUNT_WAIT_EVICTED], 3);
    assert_int_equal(family_waits(&counters), 3);
    pair_run(&pair, LA_TIME_NEVER);
    assert_int_equal(pair_counters(&pair, 0).counter[LA_COUNT_WAIT_EXPIRED], 3);
    expect_all_clean(&pair, 6);
    pair_free(&pair);
}

static void without_a_log_nothing_waits(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    for (unsigned i = 0; i < 2; i++) {
        pair_config(&config);
        family_set_waits(&config, i == 0 ? 0 : 4);
        config.msl_ms = i == 0 ? 30000 : 0;
        pair_init(&pair, 1, &config, &config, &quiet);
        pair.accepted = answers;
        open_many(&pair, 2, &greets);
        pair_run(&pair, LA_TIME_NEVER);
        assert_int_equal(pair_counters(&pair, 0).counter[LA_COUNT_WAIT_ENTERED], 0);
        expect_all_clean(&pair, 2);
        pair_free(&pair);
    }
}

static void the_trace_counts_what_it_loses(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    struct la_trace records[20];
    pair_config(&config);
    config.trace_records = 10;
    pair_init(&pair, 1, &config, &config, &quiet);
    pair.accepted = answers;
    open_many(&pair, 1, &greets);
    pair_run(&pair, LA_TIME_NEVER);
    assert_true(pair_counters(&pair, 0).counter[LA_COUNT_TRACE_LOST] > 0);
    assert_int_equal(la_host_trace(pair.host[0], records, 20), 10);
    assert_int_equal(la_host_trace(pair.host[0], records, 20), 0);
    pair_free(&pair);
}

/* What was promised earlier is sent; the newest is dropped and counted. */
static void a_full_queue_of_replies(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config a;
    struct la_config b;
    struct la_conn conn;
    uint8_t packet[PAIR_MTU_MAX];
    pair_config(&a);
    pair_config(&b);
    a.connections = 20;
    b.reply_bytes = family_is_ipv6() ? 216 : 144; /* three RSTs of 60 or 40 octets */
    pair_init(&pair, 1, &a, &b, &quiet);
    const struct la_endpoint closed = {pair.address[1], 81};
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(la_connect(pair.host[0], pair.now, NULL, &closed, &conn), LA_OK);
        size_t length = la_host_output(pair.host[0], pair.now, 0, packet, sizeof packet);
        la_host_input(pair.host[1], pair.now, 0, packet, length);
    }
    unsigned replies = 0;
    while (la_host_output(pair.host[1], pair.now, 0, packet, sizeof packet) > 0) {
        replies++;
    }
    assert_int_equal(replies, 3);
    assert_int_equal(drops_of(&pair, 1, LA_DROP_REPLIES_FULL), 7);
    pair_free(&pair);
}

/* ---- per connection ---- */

static void the_buffers_of_a_connection(void **state)
{
    (void)state;
    static struct pair pair;
    static uint8_t octets[5000];
    struct la_config config;
    struct la_event event;
    struct la_conn conn;
    struct la_info info;
    pair_config(&config);
    config.send_buffer_bytes = 3000;
    config.receive_buffer_bytes = 2000;
    pair_init(&pair, 1, &config, &config, &quiet);
    pair.is_raw = true;
    pair.accepted = (struct pair_app){.read_pause = 1000000 * LA_SECOND, .read_chunk = 1, .close = PAIR_SHUTDOWN};
    const struct la_endpoint remote = {pair.address[1], 80};
    assert_int_equal(la_connect(pair.host[0], pair.now, NULL, &remote, &conn), LA_OK);
    assert_int_equal(la_send(pair.host[0], pair.now, conn, octets, 5000), 3000); /* from SYN-SENT on */
    assert_int_equal(la_send(pair.host[0], pair.now, conn, octets, 1), LA_ERROR_WOULD_BLOCK);
    assert_int_equal(la_set_option(pair.host[0], pair.now, conn, LA_OPTION_SEND_BUFFER_BYTES, 3001), LA_ERROR_INVALID);
    assert_int_equal(la_set_option(pair.host[0], pair.now, conn, LA_OPTION_SEND_BUFFER_BYTES, 100), LA_OK);
    assert_int_equal(la_send_commit(pair.host[0], pair.now, conn, 1), LA_ERROR_INVALID); /* no room: nothing to take */
    while (la_host_event(pair.host[0], &event)) {
    }
    size_t length = la_host_output(pair.host[0], pair.now, 0, octets, sizeof octets);
    assert_true(length > 0);
    assert_int_equal(la_info(pair.host[0], conn, &info), LA_OK);
    assert_int_equal(info.notsent_bytes, 3000);
    pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_its_range),      cmocka_unit_test(fields_of_another_width),
        cmocka_unit_test(init_wants_room_and_alignment), cmocka_unit_test(interfaces_addresses_routes_listeners),
        cmocka_unit_test(connections_and_ports),         cmocka_unit_test(a_full_table_drops_syns),
        cmocka_unit_test(a_full_backlog_drops_syns),     cmocka_unit_test(a_full_log_evicts_the_oldest),
        cmocka_unit_test(without_a_log_nothing_waits),   cmocka_unit_test(the_trace_counts_what_it_loses),
        cmocka_unit_test(a_full_queue_of_replies),       cmocka_unit_test(the_buffers_of_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
