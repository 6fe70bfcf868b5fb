#include "support/world.h"

/* poll, select, epoll. What each situation makes of the mask stands in the other tests too, where it arises. */

static int epoll_of(struct world *world, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int epoll = sockets_epoll_create1(SOCKETS(world, CLIENT), EPOLL_CLOEXEC);
    assert_true(epoll >= 3);
    assert_int_equal(sockets_epoll_ctl(SOCKETS(world, CLIENT), epoll, EPOLL_CTL_ADD, fd, &event), 0);
    return epoll;
}

/* The mask that one wait gives; 0: nothing. */
static uint32_t waited(struct world *world, int epoll)
{
    struct socket_call call = {0};
    struct epoll_event event = {0};
    ssize_t found = sockets_epoll_wait(SOCKETS(world, CLIENT), &call, epoll, &event, 1, 0);
    assert_in_range(found, 0, 1);
    return found == 1 ? event.events : 0;
}

static void poll_waits(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    struct pollfd fds[4] = {
        {.fd = ends.client, .events = POLLIN}, {.fd = -1, .events = POLLIN}, {.fd = 77, .events = 0}};
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 3, 0), 1);
    assert_int_equal(fds[2].revents, POLLNVAL);
    assert_int_equal(fds[1].revents, 0);
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, 0), 0);
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, LA_TIME_NEVER), SOCKET_BLOCKED);
    assert_true(call.deadline == LA_TIME_NEVER);
    do_send(world, SERVER, ends.server, "x", 0);
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, LA_TIME_NEVER), 1);
    assert_int_equal(fds[0].revents, POLLIN);
    do_read(world, CLIENT, ends.client, &(char){0}, 1);
    const la_time half = 500 * LA_MILLISECOND;
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, half), SOCKET_BLOCKED);
    pass_ms(world, 499);
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, half), SOCKET_BLOCKED);
    pass_ms(world, 1);
    assert_int_equal(sockets_poll(SOCKETS(world, CLIENT), &call, fds, 1, half), 0);
    assert_int_equal(sockets_poll_mask(SOCKETS(world, CLIENT), ends.client), POLLOUT | POLLWRNORM);
    world_end(world);
}

static void select_waits(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    int idle = new_socket(world, CLIENT, 0);
    fd_set readable;
    fd_set writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(ends.client, &readable);
    int count = ends.client + 1;
    assert_int_equal(sockets_select(SOCKETS(world, CLIENT), &call, count, &readable, NULL, NULL, LA_SECOND),
                     SOCKET_BLOCKED);
    assert_true(FD_ISSET(ends.client, &readable));
    do_send(world, SERVER, ends.server, "x", 0);
    assert_int_equal(sockets_select(SOCKETS(world, CLIENT), &call, count, &readable, NULL, NULL, LA_SECOND), 1);
    assert_true(FD_ISSET(ends.client, &readable));
    FD_SET(ends.client, &writable);
    FD_SET(idle, &readable); /* never connected: POLLHUP makes it readable */
    count = (idle > ends.client ? idle : ends.client) + 1;
    assert_int_equal(sockets_select(SOCKETS(world, CLIENT), &call, count, &readable, &writable, NULL, 0), 3);
    FD_SET(31, &readable);
    assert_int_equal(sockets_select(SOCKETS(world, CLIENT), &call, 32, &readable, NULL, NULL, 0), -EBADF);
    world_end(world);
}

static void level(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    int epoll = epoll_of(world, ends.client, EPOLLIN | EPOLLRDHUP);
    assert_int_equal(waited(world, epoll), 0);
    assert_int_equal(do_poll(world, CLIENT, epoll), 0);
    do_send(world, SERVER, ends.server, "ab", 0);
    assert_int_equal(do_poll(world, CLIENT, epoll), POLLIN);
    assert_int_equal(waited(world, epoll), EPOLLIN);
    assert_int_equal(waited(world, epoll), EPOLLIN); /* again, as long as it is so */
    do_read(world, CLIENT, ends.client, &(char[2]){0}, 2);
    assert_int_equal(waited(world, epoll), 0);
    do_close(world, SERVER, ends.server);
    assert_int_equal(waited(world, epoll), EPOLLIN | EPOLLRDHUP);
    do_close(world, CLIENT, ends.client); /* leaves the set by itself */
    assert_int_equal(waited(world, epoll), 0);
    world_end(world);
}

static void edge(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    int epoll = epoll_of(world, ends.client, EPOLLIN | EPOLLOUT | EPOLLET);
    assert_int_equal(waited(world, epoll), EPOLLOUT);
    assert_int_equal(waited(world, epoll), 0);
    do_send(world, SERVER, ends.server, "ab", 0);
    assert_int_equal(waited(world, epoll), EPOLLIN | EPOLLOUT);
    assert_int_equal(waited(world, epoll), 0); /* not read, and not told again */
    do_send(world, SERVER, ends.server, "c", 0);
    assert_int_equal(waited(world, epoll), EPOLLIN | EPOLLOUT);
    /* Room again, after there was none. */
    static const uint8_t octets[200000];
    do_read(world, CLIENT, ends.client, &(char[8]){0}, 8);
    while (do_write(world, CLIENT, ends.client, octets, sizeof octets) > 0) {
    }
    assert_int_equal(waited(world, epoll), 0);
    static uint8_t sink[200000];
    while (do_read(world, SERVER, ends.server, sink, sizeof sink) > 0) {
        pass_ms(world, 10);
    }
    assert_int_equal(waited(world, epoll), EPOLLOUT);
    assert_int_equal(waited(world, epoll), 0);
    world_end(world);
}

static void once(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    int epoll = epoll_of(world, ends.client, EPOLLIN | EPOLLONESHOT);
    do_send(world, SERVER, ends.server, "a", 0);
    assert_int_equal(waited(world, epoll), EPOLLIN);
    do_send(world, SERVER, ends.server, "b", 0);
    do_close(world, SERVER, ends.server);
    assert_int_equal(waited(world, epoll), 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    assert_int_equal(sockets_epoll_ctl(SOCKETS(world, CLIENT), epoll, EPOLL_CTL_MOD, ends.client, &event), 0);
    assert_int_equal(waited(world, epoll), EPOLLIN);
    world_end(world);
}

static void changing_the_set(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    int fd = ends.client;
    int epoll = epoll_of(world, fd, EPOLLIN);
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 42};
    struct sockets *sockets = world->side[CLIENT].sockets;
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_ADD, fd, &event), -EEXIST);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_MOD, 77, &event), -EBADF);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, fd, EPOLL_CTL_ADD, fd, &event), -EINVAL);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_ADD, epoll, &event), -EINVAL);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_MOD, fd, &event), 0);
    struct socket_call call = {0};
    struct epoll_event found[4];
    assert_int_equal(sockets_epoll_wait(sockets, world->now, &call, epoll, found, 0, 0), -EINVAL);
    assert_int_equal(sockets_epoll_wait(sockets, world->now, &call, fd, found, 4, 0), -EINVAL);
    assert_int_equal(sockets_epoll_wait(sockets, world->now, &call, epoll, found, 4, 0), 1);
    assert_true(found[0].data.u64 == 42);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_DEL, fd, NULL), -ENOENT);
    assert_int_equal(waited(world, epoll), 0);
    /* Eight interests is all that these sockets have. */
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(
            sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_ADD, new_socket(world, CLIENT, 0), &event), 0);
    }
    assert_int_equal(sockets_epoll_ctl(sockets, world->now, epoll, EPOLL_CTL_ADD, fd, &event), -ENOSPC);
    assert_int_equal(do_close(world, CLIENT, epoll), 0);
    epoll = epoll_of(world, fd, EPOLLOUT);
    assert_int_equal(waited(world, epoll), EPOLLOUT);
    world_end(world);
}

/* Each in turn, however few a wait takes. */
static void fair(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fds[3];
    int epoll = sockets_epoll_create1(SOCKETS(world, CLIENT), 0);
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLOUT, .data.fd = i};
        fds[i] = new_socket(world, CLIENT, 0);
        assert_int_equal(sockets_epoll_ctl(SOCKETS(world, CLIENT), epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
    }
    for (int i = 0; i < 7; i++) {
        struct socket_call call = {0};
        struct epoll_event event;
        assert_int_equal(sockets_epoll_wait(SOCKETS(world, CLIENT), &call, epoll, &event, 1, 0), 1);
        assert_int_equal(event.data.fd, i % 3);
    }
    world_end(world);
}

static void epoll_waits(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 1);
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = sockets_epoll_create1(SOCKETS(world, SERVER), 0);
    assert_int_equal(sockets_epoll_ctl(SOCKETS(world, SERVER), epoll, EPOLL_CTL_ADD, listener, &event), 0);
    struct socket_call call = {0};
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, SERVER), &call, epoll, &event, 1, LA_SECOND), SOCKET_BLOCKED);
    pass_ms(world, 1000);
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, SERVER), &call, epoll, &event, 1, LA_SECOND), 0);
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, SERVER), &call, epoll, &event, 1, LA_SECOND), SOCKET_BLOCKED);
    int fd = new_socket(world, CLIENT, 0);
    begin_connect(world, fd, 80);
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, SERVER), &call, epoll, &event, 1, LA_SECOND), 1);
    assert_int_equal(event.events, EPOLLIN);
    /* A connect's own end of it. */
    int client = new_socket(world, CLIENT, SOCK_NONBLOCK);
    world->is_held = true;
    int connects = epoll_of(world, client, EPOLLOUT);
    assert_int_equal(waited(world, connects), EPOLLOUT | EPOLLHUP);
    begin_connect(world, client, 80);
    assert_int_equal(waited(world, connects), 0);
    world->is_held = false;
    settle(world);
    assert_int_equal(waited(world, connects), EPOLLOUT);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poll_waits), cmocka_unit_test(select_waits), cmocka_unit_test(level),
        cmocka_unit_test(edge),       cmocka_unit_test(once),         cmocka_unit_test(changing_the_set),
        cmocka_unit_test(fair),       cmocka_unit_test(epoll_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
