#include "support.h"

#include "lab/middle.h"
#include "lab/network.h"
#include "link/packet.h"

#include <stdio.h>

/* What a network's moments come to. */
struct seen {
    unsigned lost;
    unsigned refused;
    unsigned arrived[NETWORK_NODES];
    uint64_t digest; /* of everything, in its order */
    char why[64];
};

static void note(struct seen *seen, const void *octets, size_t length)
{
    for (size_t i = 0; i < length; i++)
        seen->digest = (seen->digest ^ ((const uint8_t *)octets)[i]) * UINT64_C(1099511628211);
}

static void on_moment(void *context, const struct network_moment *moment)
{
    struct seen *seen = context;
    note(seen, &moment->time, sizeof moment->time);
    seen->arrived[moment->node] += moment->arrived != NULL;
    if (moment->arrived != NULL)
        note(seen, moment->arrived, moment->arrived_length);
    for (size_t i = 0; i < moment->sent_count; i++)
        seen->lost += moment->sent[i].fate.lost;
    if (moment->refused != NULL) {
        seen->refused++;
        snprintf(seen->why, sizeof seen->why, "%s", moment->refused);
    }
}

struct world {
    struct network *network;
    struct seen seen;
    int a;
    int b;
    int middle;
    struct la_listener listener;
    struct la_conn client;
    struct la_conn server;
    struct la_endpoint from; /* as the server sees it */
};

static void ok(int result, const struct link_error *error)
{
    if (result < 0)
        fail_msg("%s", error->text);
}

static struct la_config small(uint8_t key)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = 8;
    config.buffer_pieces = 64;
    config.time_wait_ipv4 = 8;
    config.time_wait_ipv6 = 0;
    memset(config.key, key, sizeof config.key);
    return config;
}

/* a -- b, or a -- middle -- b, 5 ms a link. */
static void world_make(struct world *world, enum network_kind kind, const struct network_middle *rule,
                       const struct impair_config *impairment)
{
    struct link_error error;
    struct impair_config config = {0};
    struct network_observer observer = {.context = &world->seen, .moment = on_moment};
    struct la_config hosts[2] = {small(1), small(2)};
    memset(world, 0, sizeof *world);
    if (impairment != NULL)
        config = *impairment;
    config.chances[LINK_IN].delay_ns = config.chances[LINK_OUT].delay_ns = 5 * LA_MILLISECOND;
    world->network = network_new(&observer);
    assert_non_null(world->network);
    ok(world->a = network_add_host(world->network, "A", &hosts[0], &error), &error);
    ok(world->b = network_add_host(world->network, "B", &hosts[1], &error), &error);
    if (kind == NETWORK_HOST) {
        ok(network_join(world->network, (unsigned)world->a, (unsigned)world->b, &config, &error), &error);
    } else {
        ok(world->middle = network_add_middle(world->network, "M", kind, rule, &error), &error);
        ok(network_join(world->network, (unsigned)world->a, (unsigned)world->middle, &config, &error), &error);
        ok(network_join(world->network, (unsigned)world->middle, (unsigned)world->b, &config, &error), &error);
    }
    ok(network_begin(world->network, &error), &error);
}

static void run_for(struct world *world, la_time length)
{
    la_time until = network_now(world->network) + length;
    while (network_step(world->network, until))
        ;
    assert_int_equal(network_now(world->network), until);
}

static void open_both(struct world *world)
{
    la_host *a = network_host(world->network, (unsigned)world->a);
    la_host *b = network_host(world->network, (unsigned)world->b);
    struct la_endpoint to = {.port = 80};
    assert_true(network_address(world->network, (unsigned)world->a, (unsigned)world->b, &to.address));
    assert_int_equal(la_listen(b, network_now(world->network), &to, 4, &world->listener), LA_OK);
    assert_int_equal(la_connect(a, network_now(world->network), NULL, &to, &world->client), LA_OK);
    network_settle(world->network, (unsigned)world->a);
    run_for(world, LA_SECOND);
    assert_int_equal(la_accept(b, network_now(world->network), world->listener, &world->server), LA_OK);
    struct la_info info;
    assert_int_equal(la_info(b, world->server, &info), LA_OK);
    assert_int_equal(info.state, LA_ESTABLISHED);
    world->from = info.remote;
}

static int say(struct world *world, bool client, const char *text)
{
    unsigned node = (unsigned)(client ? world->a : world->b);
    int took = la_send(network_host(world->network, node), network_now(world->network),
                       client ? world->client : world->server, text, strlen(text));
    network_settle(world->network, node);
    return took;
}

static int heard(struct world *world, bool client, char *text, size_t size)
{
    unsigned node = (unsigned)(client ? world->a : world->b);
    return la_recv(network_host(world->network, node), network_now(world->network),
                   client ? world->client : world->server, text, size);
}

static void both_ways(struct world *world)
{
    char text[8] = "";
    assert_int_equal(say(world, true, "ping"), 4);
    run_for(world, 100 * LA_MILLISECOND);
    assert_int_equal(heard(world, false, text, sizeof text), 4);
    assert_memory_equal(text, "ping", 4);
    assert_int_equal(say(world, false, "pong"), 4);
    run_for(world, 100 * LA_MILLISECOND);
    assert_int_equal(heard(world, true, text, sizeof text), 4);
    assert_memory_equal(text, "pong", 4);
}

static void two_hosts_talk(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, NETWORK_HOST, NULL, NULL);
    open_both(&world);
    both_ways(&world);
    assert_int_equal(world.seen.lost, 0);
    network_free(world.network);
}

static void the_same_seed_is_the_same_run(void **state)
{
    (void)state;
    uint64_t digest[3];
    for (uint64_t i = 0; i < 3; i++) {
        struct world world;
        struct impair_config config = {.seed = i / 2};
        config.chances[LINK_OUT].loss_ppm = config.chances[LINK_IN].loss_ppm = 200000;
        config.chances[LINK_OUT].jitter_ns = LA_MILLISECOND;
        world_make(&world, NETWORK_HOST, NULL, &config);
        open_both(&world);
        say(&world, true, "some words");
        run_for(&world, 20 * LA_SECOND);
        digest[i] = world.seen.digest;
        network_free(world.network);
    }
    assert_true(digest[0] == digest[1]);
    assert_true(digest[0] != digest[2]);
}

static void a_router_passes_on(void **state)
{
    (void)state;
    struct world world;
    world_make(&world, NETWORK_ROUTER, NULL, NULL);
    open_both(&world);
    both_ways(&world);
    assert_int_equal(world.seen.refused, 0);
    network_free(world.network);
}

static void a_firewall_forgets(void **state)
{
    (void)state;
    struct world world;
    const struct network_middle rule = {.forgets_ns = 10 * LA_SECOND};
    world_make(&world, NETWORK_FIREWALL, &rule, NULL);
    open_both(&world);
    both_ways(&world);
    run_for(&world, 9 * LA_SECOND);
    both_ways(&world); /* a packet in time keeps it */
    assert_int_equal(world.seen.refused, 0);
    run_for(&world, 11 * LA_SECOND);
    say(&world, false, "late");
    unsigned before = world.seen.arrived[world.a];
    run_for(&world, 100 * LA_MILLISECOND);
    assert_true(world.seen.refused > 0);
    assert_string_equal(world.seen.why, "it knows no such connection");
    assert_int_equal(world.seen.arrived[world.a], before);
    network_free(world.network);
}

static void a_firewall_lets_nobody_in(void **state)
{
    (void)state;
    struct world world;
    const struct network_middle rule = {.forgets_ns = 10 * LA_SECOND};
    struct la_endpoint to = {.port = 80};
    world_make(&world, NETWORK_FIREWALL, &rule, NULL);
    la_host *a = network_host(world.network, (unsigned)world.a);
    assert_true(network_address(world.network, (unsigned)world.b, (unsigned)world.a, &to.address));
    assert_int_equal(la_listen(a, 0, &to, 1, &world.listener), LA_OK);
    assert_int_equal(la_connect(network_host(world.network, (unsigned)world.b), 0, NULL, &to, &world.client), LA_OK);
    network_settle(world.network, (unsigned)world.b);
    run_for(&world, 100 * LA_MILLISECOND);
    assert_int_equal(world.seen.refused, 1);
    assert_int_equal(world.seen.arrived[world.a], 0);
    network_free(world.network);
}

static void a_nat_stands_for_the_inside(void **state)
{
    (void)state;
    struct world world;
    const struct network_middle rule = {.forgets_ns = 10 * LA_SECOND};
    world_make(&world, NETWORK_NAT, &rule, NULL);
    open_both(&world);
    both_ways(&world); /* hosts drop what has a wrong checksum, of IP and of TCP */
    struct la_address outside = la_address_ipv4(10, 0, 1, 3);
    assert_true(la_address_equal(&world.from.address, &outside));
    assert_int_equal(world.from.port, MIDDLE_PORT_FIRST);
    struct la_endpoint in_truth = network_true_endpoint(world.network, &world.from);
    struct la_address inside = la_address_ipv4(10, 0, 0, 1);
    assert_true(la_address_equal(&in_truth.address, &inside));
    network_free(world.network);
}

static void a_nat_that_forgot_resets(void **state)
{
    (void)state;
    struct world world;
    const struct network_middle rule = {.forgets_ns = 10 * LA_SECOND, .resets = true};
    struct la_outcome outcome;
    world_make(&world, NETWORK_NAT, &rule, NULL);
    open_both(&world);
    run_for(&world, 11 * LA_SECOND);
    say(&world, true, "late");
    run_for(&world, 100 * LA_MILLISECOND);
    assert_int_equal(la_outcome(network_host(world.network, (unsigned)world.a), world.client, &outcome), LA_OK);
    assert_int_equal(outcome.end, LA_END_RESET_BY_PEER);
    assert_int_equal(say(&world, false, "late"), 4);
    run_for(&world, 100 * LA_MILLISECOND);
    assert_int_equal(la_outcome(network_host(world.network, (unsigned)world.b), world.server, &outcome), LA_OK);
    assert_int_equal(outcome.end, LA_END_RESET_BY_PEER);
    network_free(world.network);
}

static void a_silent_node_is_gone(void **state)
{
    (void)state;
    struct world world;
    char text[8];
    world_make(&world, NETWORK_HOST, NULL, NULL);
    open_both(&world);
    network_silence(world.network, (unsigned)world.b);
    say(&world, true, "anybody?");
    run_for(&world, LA_SECOND);
    assert_true(world.seen.refused >= 2); /* sent again, in vain */
    assert_int_equal(heard(&world, false, text, sizeof text), LA_ERROR_WOULD_BLOCK);
    network_free(world.network);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct link_error error;
    struct network *network = network_new(NULL);
    struct la_config config = small(1);
    config.ttl = 0;
    assert_int_equal(network_add_host(network, "A", &config, &error), -1);
    assert_string_equal(error.text, "A: ttl: 1 to 255");
    for (int i = 0; i < NETWORK_NODES; i++)
        assert_int_equal(network_add_middle(network, "R", NETWORK_ROUTER, NULL, &error), i);
    assert_int_equal(network_add_middle(network, "R", NETWORK_ROUTER, NULL, &error), -1);
    assert_string_equal(error.text, "R: a network has at most 16 nodes");
    network_free(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_talk),
        cmocka_unit_test(the_same_seed_is_the_same_run),
        cmocka_unit_test(a_router_passes_on),
        cmocka_unit_test(a_firewall_forgets),
        cmocka_unit_test(a_firewall_lets_nobody_in),
        cmocka_unit_test(a_nat_stands_for_the_inside),
        cmocka_unit_test(a_nat_that_forgot_resets),
        cmocka_unit_test(a_silent_node_is_gone),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
