#include "support/world.h"

/* close in all its forms, SO_LINGER, disconnecting. */

enum { BIG = 60000 };

static uint8_t octets[BIG];

static ssize_t begin_close(struct world *world, unsigned side, struct socket_call *call, int fd)
{
    ssize_t result = sockets_close(SOCKETS(world, side), call, fd);
    settle(world);
    return result;
}

static enum la_state state_of(struct world *world, unsigned side, int fd)
{
    struct la_conn conn;
    struct la_info info;
    assert_int_equal(sockets_connection(world->side[side].sockets, fd, &conn), 0);
    assert_int_equal(la_info(world->side[side].host, conn, &info), LA_OK);
    return info.state;
}

static struct la_counters counters_of(const struct world *world, unsigned side)
{
    struct la_counters counters;
    la_host_counters(world->side[side].host, &counters);
    return counters;
}

static void four_segments(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    assert_int_equal(do_close(world, CLIENT, ends.client), 0);
    assert_false(sockets_is_open(world->side[CLIENT].sockets, ends.client));
    assert_int_equal(state_of(world, SERVER, ends.server), LA_CLOSE_WAIT);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, 1), 0);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    assert_int_equal(world->side[CLIENT].fins, 1);
    assert_int_equal(world->side[SERVER].fins, 1);
    assert_int_equal(world->side[CLIENT].resets + world->side[SERVER].resets, 0);
    assert_int_equal(counters_of(world, CLIENT).time_wait_ipv4, 1);
    assert_int_equal(counters_of(world, CLIENT).connections, 0);
    assert_int_equal(counters_of(world, SERVER).connections, 0);
    world_end(world);
}

static void the_last_descriptor_closes(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    int second = sockets_dup(SOCKETS(world, CLIENT), ends.client);
    assert_int_equal(do_close(world, CLIENT, ends.client), 0);
    assert_int_equal(world->side[CLIENT].fins, 0);
    assert_int_equal(do_write(world, CLIENT, second, "x", 1), 1);
    assert_int_equal(do_close(world, CLIENT, second), 0);
    assert_int_equal(world->side[CLIENT].fins, 1);
    world_end(world);
}

static void unread_data_resets(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_write(world, CLIENT, ends.client, "x", 1);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    assert_int_equal(world->side[SERVER].resets, 1);
    assert_int_equal(world->side[SERVER].fins, 0);
    assert_int_equal(socket_error(world, CLIENT, ends.client), ECONNRESET);
    world_end(world);
}

static void linger_without_time_resets(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    set_linger(world, CLIENT, ends.client, 0);
    assert_int_equal(do_close(world, CLIENT, ends.client), 0);
    assert_int_equal(world->side[CLIENT].resets, 1);
    assert_int_equal(world->side[CLIENT].fins, 0);
    assert_int_equal(counters_of(world, CLIENT).time_wait_ipv4, 0);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, 1), -ECONNRESET);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, 1), 0);
    world_end(world);
}

/* It waits until all that was written, and the FIN, is acknowledged, on a descriptor that does not block too. */
static void linger_waits_for_the_peer(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    set_linger(world, CLIENT, ends.client, 5);
    world->is_held = true;
    assert_int_equal(do_write(world, CLIENT, ends.client, octets, BIG), BIG);
    assert_int_equal(begin_close(world, CLIENT, &call, ends.client), SOCKET_BLOCKED);
    assert_true(call.deadline == world->now + 5 * LA_SECOND);
    assert_false(sockets_is_open(world->side[CLIENT].sockets, ends.client)); /* the number is free already */
    assert_int_equal(new_socket(world, CLIENT, 0), ends.client);
    world->is_held = false;
    pass_ms(world, 100);
    assert_int_equal(begin_close(world, CLIENT, &call, ends.client), 0);
    assert_true(sockets_is_open(world->side[CLIENT].sockets, ends.client));
    assert_int_equal(state_of(world, SERVER, ends.server), LA_CLOSE_WAIT);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, BIG), BIG);
    world_end(world);
}

static void linger_gives_up_waiting(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    set_linger(world, CLIENT, ends.client, 2);
    world->is_cut = true;
    do_write(world, CLIENT, ends.client, "lost", 4);
    assert_int_equal(begin_close(world, CLIENT, &call, ends.client), SOCKET_BLOCKED);
    pass_ms(world, 1999);
    assert_int_equal(begin_close(world, CLIENT, &call, ends.client), SOCKET_BLOCKED);
    pass_ms(world, 1);
    assert_int_equal(begin_close(world, CLIENT, &call, ends.client), 0);
    /* The connection goes on without it, and delivers when it can. */
    assert_int_equal(counters_of(world, CLIENT).connections_orphaned, 1);
    world->is_cut = false;
    pass_ms(world, 10000);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, BIG), 4);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, BIG), 0);
    world_end(world);
}

static void a_listener_resets_its_queue(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 4);
    int queued = new_socket(world, CLIENT, SOCK_NONBLOCK);
    begin_connect(world, queued, 80);
    assert_int_equal(do_connect(world, queued, 80), 0);
    assert_int_equal(do_close(world, SERVER, listener), 0);
    assert_int_equal(world->side[SERVER].resets, 1);
    assert_int_equal(do_read(world, CLIENT, queued, octets, 1), -ECONNRESET);
    int late = new_socket(world, CLIENT, SOCK_NONBLOCK);
    begin_connect(world, late, 80);
    assert_int_equal(do_connect(world, late, 80), -ECONNREFUSED);
    world_end(world);
}

static void a_listener_that_is_shut(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 4);
    assert_int_equal(sockets_shutdown(SOCKETS(world, SERVER), listener, SHUT_WR), 0);
    assert_int_equal(get_int(world, SERVER, listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(sockets_shutdown(SOCKETS(world, SERVER), listener, SHUT_RD), 0);
    assert_int_equal(get_int(world, SERVER, listener, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(do_poll(world, SERVER, listener), POLLOUT | POLLHUP);
    assert_int_equal(do_accept(world, listener), -EINVAL);
    assert_int_equal(local_port(world, SERVER, listener), 80);
    assert_int_equal(sockets_listen(SOCKETS(world, SERVER), listener, 4), 0);
    world_end(world);
}

static int disconnect(struct world *world, int fd)
{
    struct socket_call call = {0};
    const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    ssize_t result = sockets_connect(SOCKETS(world, CLIENT), &call, fd, &unspecified, sizeof unspecified);
    settle(world);
    return (int)result;
}

static void disconnecting(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    assert_int_equal(disconnect(world, ends.client), 0);
    assert_int_equal(world->side[CLIENT].resets, 1);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT | POLLHUP | POLLERR);
    assert_int_equal(socket_error(world, CLIENT, ends.client), ECONNRESET);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT | POLLHUP);
    assert_int_equal(do_read(world, SERVER, ends.server, octets, 1), -ECONNRESET);
    /* And connects anew. */
    int listener = listening(world, 81, 1);
    begin_connect(world, ends.client, 81);
    assert_int_equal(do_connect(world, ends.client, 81), 0);
    assert_true(do_accept(world, listener) > 0);
    assert_int_equal(do_write(world, CLIENT, ends.client, "x", 1), 1);
    /* From SYN-SENT nobody is told but us; what bind gave stays. */
    int bound = new_socket(world, CLIENT, SOCK_NONBLOCK);
    const struct sockaddr_in address = address_of(CLIENT, 5000);
    assert_int_equal(sockets_bind(SOCKETS(world, CLIENT), bound, (const void *)&address, sizeof address), 0);
    world->is_cut = true;
    begin_connect(world, bound, 80);
    assert_int_equal(sockets_shutdown(SOCKETS(world, CLIENT), bound, SHUT_WR), 0);
    assert_int_equal(do_poll(world, CLIENT, bound), POLLOUT | POLLHUP | POLLERR);
    assert_int_equal(socket_error(world, CLIENT, bound), ECONNRESET);
    assert_int_equal(local_port(world, CLIENT, bound), 5000);
    assert_int_equal(world->side[CLIENT].resets, 1);
    world_end(world);
}

static void the_end_of_the_process(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    set_linger(world, CLIENT, ends.client, 5);
    struct sockets_config config;
    sockets_config_default(&config);
    sockets_free(world->side[CLIENT].sockets, world->now);
    world->side[CLIENT].sockets = sockets_new(world->side[CLIENT].host, &world->config, &config);
    assert_non_null(world->side[CLIENT].sockets);
    settle(world);
    assert_int_equal(world->side[CLIENT].fins, 1);
    assert_int_equal(state_of(world, SERVER, ends.server), LA_CLOSE_WAIT);
    config.descriptors = 0;
    assert_null(sockets_new(world->side[CLIENT].host, &world->config, &config));
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_segments),
        cmocka_unit_test(the_last_descriptor_closes),
        cmocka_unit_test(unread_data_resets),
        cmocka_unit_test(linger_without_time_resets),
        cmocka_unit_test(linger_waits_for_the_peer),
        cmocka_unit_test(linger_gives_up_waiting),
        cmocka_unit_test(a_listener_resets_its_queue),
        cmocka_unit_test(a_listener_that_is_shut),
        cmocka_unit_test(disconnecting),
        cmocka_unit_test(the_end_of_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
