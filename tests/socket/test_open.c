#include "support/world.h"

/* socket, bind, listen, accept, connect. What they answer is what Linux 6.18 answers over its loopback. */

static int bind_to(struct world *world, unsigned side, int fd, uint16_t port)
{
    const struct sockaddr_in address = address_of(side, port);
    return sockets_bind(SOCKETS(world, side), fd, (const void *)&address, sizeof address);
}

static int listen_on(struct world *world, int fd)
{
    return sockets_listen(SOCKETS(world, SERVER), fd, 1);
}

static void kinds_of_sockets(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    const struct {
        int family, type, protocol, result;
    } rows[] = {
        {AF_INET, SOCK_STREAM, 0, 3},
        {AF_INET6, SOCK_STREAM, IPPROTO_TCP, 4},
        {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 5},
        {AF_INET, SOCK_DGRAM, IPPROTO_TCP, -EPROTONOSUPPORT},
        {AF_INET, SOCK_STREAM, IPPROTO_UDP, -EPROTONOSUPPORT},
        {99, SOCK_STREAM, 0, -EAFNOSUPPORT},
        {AF_INET, 77, 0, -EINVAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sockets_socket(SOCKETS(world, CLIENT), rows[i].family, rows[i].type, rows[i].protocol),
                         rows[i].result);
    }
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 5, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 5, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 3, F_GETFL, 0), O_RDWR);
    world_end(world);
}

static void the_smallest_free_number(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    for (int fd = 3; fd < 3 + 32; fd++) {
        assert_int_equal(new_socket(world, CLIENT, 0), fd);
    }
    assert_int_equal(sockets_socket(SOCKETS(world, CLIENT), AF_INET, SOCK_STREAM, 0), -EMFILE);
    assert_int_equal(sockets_dup(SOCKETS(world, CLIENT), 4), -EMFILE);
    assert_int_equal(do_close(world, CLIENT, 9), 0);
    assert_int_equal(do_close(world, CLIENT, 7), 0);
    assert_int_equal(do_close(world, CLIENT, 7), -EBADF);
    assert_false(sockets_is_open(world->side[CLIENT].sockets, 7));
    assert_int_equal(sockets_dup(SOCKETS(world, CLIENT), 3), 7);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 3, F_DUPFD_CLOEXEC, 8), 9);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 9, F_GETFD, 0), FD_CLOEXEC);
    /* Three descriptors, one socket: its flags are shared, and it lives until the last one goes. */
    sockets_fcntl(SOCKETS(world, CLIENT), 7, F_SETFL, O_NONBLOCK);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), 9, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(do_close(world, CLIENT, 3), 0);
    assert_int_equal(do_close(world, CLIENT, 7), 0);
    assert_int_equal(do_poll(world, CLIENT, 9), POLLHUP | POLLOUT);
    world_end(world);
}

static void binding(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, SERVER, 0);
    struct sockaddr_in address = address_of(SERVER, 80);
    const struct sockaddr_in foreign = address_of(CLIENT, 80);
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), fd, (void *)&address, 8), -EINVAL);
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), 77, (void *)&address, sizeof address), -EBADF);
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), fd, (const void *)&foreign, sizeof foreign), -EADDRNOTAVAIL);
    address.sin_family = AF_INET6;
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), fd, (void *)&address, sizeof address), -EAFNOSUPPORT);
    assert_int_equal(bind_to(world, SERVER, fd, 80), 0);
    assert_int_equal(local_port(world, SERVER, fd), 80);
    assert_int_equal(bind_to(world, SERVER, fd, 81), -EINVAL);
    world_end(world);
}

static void two_at_one_port(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int one = new_socket(world, SERVER, 0);
    int two = new_socket(world, SERVER, 0);
    int three = new_socket(world, SERVER, 0);
    assert_int_equal(bind_to(world, SERVER, one, 80), 0);
    assert_int_equal(bind_to(world, SERVER, two, 80), -EADDRINUSE);
    set_int(world, SERVER, two, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(bind_to(world, SERVER, two, 80), -EADDRINUSE); /* both must want it */
    set_int(world, SERVER, one, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(bind_to(world, SERVER, two, 80), 0);
    assert_int_equal(listen_on(world, one), 0);
    assert_int_equal(listen_on(world, two), -EADDRINUSE);
    set_int(world, SERVER, three, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(bind_to(world, SERVER, three, 80), -EADDRINUSE); /* somebody listens */
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(80)};
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), three, (const void *)&any, sizeof any), -EADDRINUSE);
    assert_int_equal(bind_to(world, SERVER, three, 81), 0);
    world_end(world);
}

/* A server that ends and begins again: its old connections wait at its port. */
static void a_port_in_time_wait(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_close(world, SERVER, ends.server);
    do_close(world, CLIENT, ends.client);
    int plain = new_socket(world, SERVER, 0);
    int reuses = new_socket(world, SERVER, 0);
    assert_int_equal(bind_to(world, SERVER, plain, 80), -EADDRINUSE);
    set_int(world, SERVER, reuses, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(bind_to(world, SERVER, reuses, 80), 0);
    assert_int_equal(listen_on(world, reuses), 0);
    do_close(world, SERVER, reuses);
    pass_ms(world, 59000);
    assert_int_equal(bind_to(world, SERVER, plain, 80), -EADDRINUSE);
    pass_ms(world, 2000);
    assert_int_equal(bind_to(world, SERVER, plain, 80), 0);
    world_end(world);
}

static void ephemeral_ports(void **state)
{
    (void)state;
    struct la_config config;
    world_config(&config);
    config.ephemeral_first = 40000;
    config.ephemeral_last = 40004;
    struct world *world = world_begin(&config);
    unsigned seen = 0;
    int fds[5];
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = new_socket(world, CLIENT, 0);
        assert_int_equal(bind_to(world, CLIENT, fds[i], 0), 0);
        seen |= 1U << (local_port(world, CLIENT, fds[i]) - 40000);
    }
    fds[3] = new_socket(world, CLIENT, 0);
    assert_int_equal(sockets_listen(SOCKETS(world, CLIENT), fds[3], 1), 0);
    seen |= 1U << (local_port(world, CLIENT, fds[3]) - 40000);
    /* The one that is left is connect's: never one that is bound. */
    listening(world, 80, 1);
    fds[4] = new_socket(world, CLIENT, 0);
    begin_connect(world, fds[4], 80);
    seen |= 1U << (local_port(world, CLIENT, fds[4]) - 40000);
    assert_int_equal(seen, 0x1f);
    int late = new_socket(world, CLIENT, 0);
    assert_int_equal(bind_to(world, CLIENT, late, 0), -EADDRINUSE);
    assert_int_equal(do_connect(world, late, 80), -EADDRNOTAVAIL);
    assert_int_equal(world->side[CLIENT].syns, 1); /* what was tried on the way has sent nothing */
    world_end(world);
}

static void connecting(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 1);
    int fd = new_socket(world, CLIENT, SOCK_NONBLOCK);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    world->is_held = true;
    assert_int_equal(do_connect(world, fd, 80), -EINPROGRESS);
    assert_int_equal(do_poll(world, CLIENT, fd), 0);
    assert_int_equal(do_connect(world, fd, 80), -EALREADY);
    assert_int_equal(do_read(world, CLIENT, fd, &(char){0}, 1), -EAGAIN);
    assert_int_equal(do_write(world, CLIENT, fd, "x", 1), -EAGAIN);
    assert_int_equal(sockets_getpeername(SOCKETS(world, CLIENT), fd, (void *)&peer, &length), -ENOTCONN);
    world->is_held = false;
    settle(world);
    assert_int_equal(do_poll(world, CLIENT, fd), POLLOUT);
    assert_int_equal(socket_error(world, CLIENT, fd), 0);
    assert_int_equal(sockets_getpeername(SOCKETS(world, CLIENT), fd, (void *)&peer, &length), 0);
    assert_int_equal(ntohs(peer.sin_port), 80);
    assert_int_equal(do_connect(world, fd, 80), 0); /* tells that it has worked, once */
    assert_int_equal(do_connect(world, fd, 80), -EISCONN);
    assert_int_equal(do_poll(world, SERVER, listener), POLLIN);
    length = sizeof peer;
    struct socket_call call = {0};
    ssize_t accepted = sockets_accept4(SOCKETS(world, SERVER), &call, listener, (void *)&peer, &length, SOCK_NONBLOCK);
    assert_true(accepted > 0);
    assert_int_equal(ntohs(peer.sin_port), local_port(world, CLIENT, fd));
    assert_int_equal(local_port(world, SERVER, (int)accepted), 80);
    assert_int_equal(sockets_fcntl(SOCKETS(world, SERVER), (int)accepted, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(do_poll(world, SERVER, listener), 0);
    assert_int_equal(do_accept(world, listener), -EAGAIN);
    world_end(world);
}

static void a_connect_that_blocks(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    listening(world, 80, 1);
    int fd = new_socket(world, CLIENT, 0);
    const struct sockaddr_in address = address_of(SERVER, 80);
    struct socket_call call = {0};
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, fd, (const void *)&address, sizeof address),
                     SOCKET_BLOCKED);
    assert_true(call.deadline == LA_TIME_NEVER);
    settle(world);
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, fd, (const void *)&address, sizeof address), 0);
    /* SO_SNDTIMEO ends the wait, not the attempt. */
    world->is_cut = true;
    int slow = new_socket(world, CLIENT, 0);
    const struct timeval timeout = {.tv_usec = 300000};
    sockets_setsockopt(SOCKETS(world, CLIENT), slow, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, slow, (const void *)&address, sizeof address),
                     SOCKET_BLOCKED);
    assert_true(call.deadline == world->now + 300 * LA_MILLISECOND);
    pass_ms(world, 299);
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, slow, (const void *)&address, sizeof address),
                     SOCKET_BLOCKED);
    pass_ms(world, 1);
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, slow, (const void *)&address, sizeof address),
                     -EINPROGRESS);
    sockets_fcntl(SOCKETS(world, CLIENT), slow, F_SETFL, O_NONBLOCK);
    assert_int_equal(do_connect(world, slow, 80), -EALREADY);
    world->is_cut = false;
    pass_ms(world, 1000);
    assert_int_equal(do_connect(world, slow, 80), 0);
    world_end(world);
}

static void refused(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, CLIENT, SOCK_NONBLOCK);
    assert_int_equal(do_connect(world, fd, 99), -EINPROGRESS);
    assert_int_equal(do_poll(world, CLIENT, fd), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    assert_int_equal(do_connect(world, fd, 99), -ECONNREFUSED);
    assert_int_equal(socket_error(world, CLIENT, fd), 0);
    assert_int_equal(do_connect(world, fd, 99), -EINPROGRESS);
    assert_int_equal(socket_error(world, CLIENT, fd), ECONNREFUSED);
    assert_int_equal(socket_error(world, CLIENT, fd), 0);
    assert_int_equal(do_poll(world, CLIENT, fd), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    assert_int_equal(do_connect(world, fd, 99), -ECONNABORTED);
    assert_int_equal(do_connect(world, fd, 99), -EINPROGRESS);
    assert_int_equal(do_write(world, CLIENT, fd, "x", 1), -ECONNREFUSED);
    assert_int_equal(do_write(world, CLIENT, fd, "x", 1), -EPIPE);
    world_end(world);
}

static void nobody_answers(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    world->is_cut = true;
    int fd = new_socket(world, CLIENT, SOCK_NONBLOCK);
    assert_int_equal(do_connect(world, fd, 80), -EINPROGRESS);
    pass_ms(world, 126900);
    assert_int_equal(do_poll(world, CLIENT, fd), 0);
    assert_int_equal(world->side[CLIENT].syns, 7); /* 1, 3, 7, 15, 31, 63 s: doubling */
    pass_ms(world, 200);
    assert_int_equal(do_connect(world, fd, 80), -ETIMEDOUT);
    /* TCP_SYNCNT: fewer; it may connect again. */
    set_int(world, CLIENT, fd, IPPROTO_TCP, TCP_SYNCNT, 2);
    assert_int_equal(do_connect(world, fd, 80), -EINPROGRESS);
    pass_ms(world, 6900);
    assert_int_equal(do_poll(world, CLIENT, fd), 0);
    assert_int_equal(world->side[CLIENT].syns, 7 + 3);
    pass_ms(world, 200);
    assert_int_equal(socket_error(world, CLIENT, fd), ETIMEDOUT);
    world_end(world);
}

static void icmp_errors_end_a_connect(void **state)
{
    (void)state;
    const struct {
        uint8_t code;
        int error;
    } rows[] = {{0, ENETUNREACH}, {1, EHOSTUNREACH}, {2, ENOPROTOOPT}, {3, ECONNREFUSED}, {13, EHOSTUNREACH}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *world = world_begin(NULL);
        world->is_cut = true;
        int fd = new_socket(world, CLIENT, SOCK_NONBLOCK);
        assert_int_equal(do_connect(world, fd, 80), -EINPROGRESS);
        inject_unreachable(world, CLIENT, rows[i].code);
        assert_int_equal(do_poll(world, CLIENT, fd), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
        assert_int_equal(do_connect(world, fd, 80), -rows[i].error);
        world_end(world);
    }
}

static void backlogs(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 1);
    int fds[3];
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = new_socket(world, CLIENT, SOCK_NONBLOCK);
        assert_int_equal(do_connect(world, fds[i], 80), -EINPROGRESS);
    }
    assert_int_equal(do_poll(world, CLIENT, fds[1]), POLLOUT); /* one more than the backlog */
    assert_int_equal(do_poll(world, CLIENT, fds[2]), 0);
    assert_true(do_accept(world, listener) > 0);
    pass_ms(world, 1000);
    assert_int_equal(do_poll(world, CLIENT, fds[2]), POLLOUT);
    assert_int_equal(sockets_listen(SOCKETS(world, SERVER), listener, 5), 0);
    int more = new_socket(world, CLIENT, SOCK_NONBLOCK);
    assert_int_equal(do_connect(world, more, 80), -EINPROGRESS);
    assert_int_equal(do_poll(world, CLIENT, more), POLLOUT);
    world_end(world);
}

static void accept_inherits(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 1);
    set_int(world, SERVER, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(world, SERVER, listener, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(world, SERVER, listener, IPPROTO_TCP, TCP_KEEPIDLE, 7);
    set_int(world, SERVER, listener, SOL_SOCKET, SO_SNDBUF, 9000);
    set_linger(world, SERVER, listener, 3);
    begin_connect(world, new_socket(world, CLIENT, 0), 80);
    int fd = (int)do_accept(world, listener);
    assert_true(fd > 0);
    assert_int_equal(get_int(world, SERVER, fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(get_int(world, SERVER, fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(get_int(world, SERVER, fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(get_int(world, SERVER, fd, IPPROTO_TCP, TCP_KEEPIDLE), 7);
    assert_int_equal(get_int(world, SERVER, fd, SOL_SOCKET, SO_SNDBUF), 18000);
    assert_int_equal(get_int(world, SERVER, fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(sockets_fcntl(SOCKETS(world, SERVER), fd, F_GETFL, 0), O_RDWR); /* O_NONBLOCK it does not */
    struct linger linger;
    socklen_t length = sizeof linger;
    assert_int_equal(sockets_getsockopt(SOCKETS(world, SERVER), fd, SOL_SOCKET, SO_LINGER, &linger, &length), 0);
    assert_true(linger.l_onoff == 1 && linger.l_linger == 3);
    /* And its connection has them: it asks the silent peer after seven seconds. */
    struct la_conn conn;
    int64_t value = 0;
    assert_int_equal(sockets_connection(world->side[SERVER].sockets, fd, &conn), 0);
    assert_int_equal(la_get_option(world->side[SERVER].host, conn, LA_OPTION_KEEPALIVE_IDLE_MS, &value), LA_OK);
    assert_int_equal(value, 7000);
    unsigned before = world->side[SERVER].packets;
    pass_ms(world, 7100);
    assert_int_equal(world->side[SERVER].packets, before + 1);
    world_end(world);
}

static void an_accept_that_blocks(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 1);
    struct socket_call call = {0};
    assert_int_equal(sockets_accept(SOCKETS(world, SERVER), &call, 99, NULL, NULL), -EBADF);
    assert_int_equal(do_accept(world, new_socket(world, SERVER, 0)), -EINVAL);
    sockets_fcntl(SOCKETS(world, SERVER), listener, F_SETFL, 0);
    assert_int_equal(sockets_accept(SOCKETS(world, SERVER), &call, listener, NULL, NULL), SOCKET_BLOCKED);
    begin_connect(world, new_socket(world, CLIENT, 0), 80);
    assert_true(sockets_accept(SOCKETS(world, SERVER), &call, listener, NULL, NULL) > 0);
    const struct timeval timeout = {.tv_sec = 2};
    sockets_setsockopt(SOCKETS(world, SERVER), listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(sockets_accept(SOCKETS(world, SERVER), &call, listener, NULL, NULL), SOCKET_BLOCKED);
    pass_ms(world, 2000);
    assert_int_equal(sockets_accept(SOCKETS(world, SERVER), &call, listener, NULL, NULL), -EAGAIN);
    assert_int_equal(sockets_accept(SOCKETS(world, SERVER), &call, listener, NULL, NULL), SOCKET_BLOCKED);
    assert_int_equal(sockets_interrupt(SOCKETS(world, SERVER), &call), -EINTR);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_sockets),
        cmocka_unit_test(the_smallest_free_number),
        cmocka_unit_test(binding),
        cmocka_unit_test(two_at_one_port),
        cmocka_unit_test(a_port_in_time_wait),
        cmocka_unit_test(ephemeral_ports),
        cmocka_unit_test(connecting),
        cmocka_unit_test(a_connect_that_blocks),
        cmocka_unit_test(refused),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(icmp_errors_end_a_connect),
        cmocka_unit_test(backlogs),
        cmocka_unit_test(accept_inherits),
        cmocka_unit_test(an_accept_that_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
