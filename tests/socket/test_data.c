#include "support/world.h"

/* read, write, recv, send, shutdown; errors that are told once. */

enum { BIG = 300000 };

static uint8_t sent_octets[BIG];
static uint8_t read_octets[BIG];

static int shut(struct world *world, unsigned side, int fd, int how)
{
    int result = sockets_shutdown(SOCKETS(world, side), fd, how);
    settle(world);
    return result;
}

static ssize_t recv_flags(struct world *world, unsigned side, int fd, size_t length, int flags)
{
    struct socket_call call = {0};
    memset(read_octets, 0, 16);
    ssize_t result = sockets_recv(SOCKETS(world, side), &call, fd, read_octets, length, flags);
    assert_int_not_equal(result, SOCKET_BLOCKED);
    settle(world);
    return result;
}

static void there_and_back(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    char text[8] = {0};
    assert_int_equal(do_write(world, CLIENT, ends.client, "hello", 5), 5);
    assert_int_equal(do_read(world, SERVER, ends.server, text, 3), 3);
    assert_int_equal(do_read(world, SERVER, ends.server, text + 3, 5), 2);
    assert_string_equal(text, "hello");
    assert_int_equal(do_read(world, SERVER, ends.server, text, 1), -EAGAIN);
    assert_int_equal(do_read(world, SERVER, ends.server, text, 0), 0);
    assert_int_equal(do_read(world, SERVER, 77, text, 1), -EBADF);
    char ab[] = "ab";
    char cde[] = "cde";
    struct iovec parts[3] = {{ab, 2}, {NULL, 0}, {cde, 3}};
    struct socket_call call = {0};
    assert_int_equal(sockets_writev(SOCKETS(world, SERVER), &call, ends.server, parts, 3), 5);
    settle(world);
    char one[2];
    char two[9] = {0};
    const struct iovec into[2] = {{one, 2}, {two, 8}};
    assert_int_equal(sockets_readv(SOCKETS(world, CLIENT), &call, ends.client, into, 2), 5);
    assert_memory_equal(one, "ab", 2);
    assert_string_equal(two, "cde");
    assert_int_equal(sockets_readv(SOCKETS(world, CLIENT), &call, ends.client, into, -1), -EINVAL);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1};
    assert_int_equal(sockets_sendmsg(SOCKETS(world, CLIENT), &call, ends.client, &message, 0), 2);
    settle(world);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(
        sockets_recvfrom(SOCKETS(world, SERVER), &call, ends.server, text, 8, 0, (void *)&address, &length), 2);
    assert_int_equal(length, 0); /* a stream has one peer */
    world_end(world);
}

/* A blocking write of more than both buffers hold, and a reader that comes late. */
static void a_write_that_blocks(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    for (size_t i = 0; i < BIG; i++) {
        sent_octets[i] = (uint8_t)(i * 31 >> 3);
    }
    sockets_fcntl(SOCKETS(world, CLIENT), ends.client, F_SETFL, 0);
    size_t got = 0;
    unsigned blocked = 0;
    while (sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG) == SOCKET_BLOCKED) {
        blocked++;
        pass_ms(world, 10);
        ssize_t n = do_read(world, SERVER, ends.server, read_octets + got, BIG - got);
        assert_true(n > 0);
        got += (size_t)n;
        assert_true(blocked < 100);
    }
    assert_true(blocked > 1);
    assert_int_equal(call.done, BIG);
    while (got < BIG) {
        pass_ms(world, 10);
        ssize_t n = do_read(world, SERVER, ends.server, read_octets + got, BIG - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(sent_octets, read_octets, BIG);
    world_end(world);
}

static void a_write_that_may_not_block(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    ssize_t first = do_write(world, CLIENT, ends.client, sent_octets, BIG);
    assert_true(first > 0 && first < BIG);
    while (do_write(world, CLIENT, ends.client, sent_octets, BIG) > 0) {
    }
    assert_int_equal(do_write(world, CLIENT, ends.client, sent_octets, 1), -EAGAIN);
    assert_int_equal(do_poll(world, CLIENT, ends.client), 0);
    /* A blocking one gives up when SO_SNDTIMEO says so; what it did counts. */
    sockets_fcntl(SOCKETS(world, CLIENT), ends.client, F_SETFL, 0);
    const struct timeval timeout = {.tv_sec = 1};
    sockets_setsockopt(SOCKETS(world, CLIENT), ends.client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), SOCKET_BLOCKED);
    pass_ms(world, 1000);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), -EAGAIN);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), SOCKET_BLOCKED);
    assert_int_equal(do_read(world, SERVER, ends.server, read_octets, 40000), 40000);
    pass_ms(world, 500);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), SOCKET_BLOCKED);
    assert_true(call.done > 0);
    ssize_t done = (ssize_t)call.done;
    pass_ms(world, 500);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), done);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, sent_octets, BIG), SOCKET_BLOCKED);
    assert_int_equal(sockets_interrupt(SOCKETS(world, CLIENT), &call), -EINTR);
    while (do_read(world, SERVER, ends.server, read_octets, BIG) > 0) {
        pass_ms(world, 10);
    }
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT);
    world_end(world);
}

static void reads_that_block(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    int fd = ends.client;
    sockets_fcntl(SOCKETS(world, CLIENT), fd, F_SETFL, 0);
    assert_int_equal(recv_flags(world, CLIENT, fd, 10, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), SOCKET_BLOCKED);
    do_send(world, SERVER, ends.server, "abc", 0);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), 3);
    /* MSG_WAITALL: all of it, in as many pieces as it takes; or what there is at the end. */
    assert_int_equal(sockets_recv(SOCKETS(world, CLIENT), &call, fd, read_octets, 6, MSG_WAITALL), SOCKET_BLOCKED);
    do_send(world, SERVER, ends.server, "abcd", 0);
    assert_int_equal(sockets_recv(SOCKETS(world, CLIENT), &call, fd, read_octets, 6, MSG_WAITALL), SOCKET_BLOCKED);
    do_send(world, SERVER, ends.server, "efgh", 0);
    assert_int_equal(sockets_recv(SOCKETS(world, CLIENT), &call, fd, read_octets, 6, MSG_WAITALL), 6);
    assert_memory_equal(read_octets, "abcdef", 6);
    assert_int_equal(sockets_recv(SOCKETS(world, CLIENT), &call, fd, read_octets, 6, MSG_WAITALL), SOCKET_BLOCKED);
    assert_int_equal(sockets_interrupt(SOCKETS(world, CLIENT), &call), 2);
    /* SO_RCVLOWAT. */
    set_int(world, CLIENT, fd, SOL_SOCKET, SO_RCVLOWAT, 4);
    do_send(world, SERVER, ends.server, "abc", 0);
    assert_int_equal(do_poll(world, CLIENT, fd), POLLOUT);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), SOCKET_BLOCKED);
    do_send(world, SERVER, ends.server, "d", 0);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), 4);
    /* SO_RCVTIMEO. */
    const struct timeval timeout = {.tv_usec = 250000};
    sockets_setsockopt(SOCKETS(world, CLIENT), fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), SOCKET_BLOCKED);
    assert_true(call.deadline == world->now + 250 * LA_MILLISECOND);
    pass_ms(world, 250);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, fd, read_octets, 10), -EAGAIN);
    world_end(world);
}

/* The number is another's meanwhile: the call goes on with what it began with. */
static void closed_while_it_blocks(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct socket_call call = {0};
    sockets_fcntl(SOCKETS(world, CLIENT), ends.client, F_SETFL, 0);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, ends.client, read_octets, 10), SOCKET_BLOCKED);
    assert_int_equal(do_close(world, CLIENT, ends.client), 0);
    assert_int_equal(world->side[CLIENT].fins, 0);
    assert_int_equal(new_socket(world, CLIENT, SOCK_NONBLOCK), ends.client);
    do_send(world, SERVER, ends.server, "abc", 0);
    assert_int_equal(sockets_read(SOCKETS(world, CLIENT), &call, ends.client, read_octets, 10), 3);
    settle(world);
    assert_int_equal(world->side[CLIENT].fins, 1);
    assert_int_equal(do_read(world, CLIENT, ends.client, read_octets, 10), -ENOTCONN);
    world_end(world);
}

static void peek_and_trunc(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_send(world, CLIENT, ends.client, "abcdef", 0);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 4, MSG_PEEK), 4);
    assert_memory_equal(read_octets, "abcd\0", 5);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 10, MSG_PEEK), 6);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 2, MSG_TRUNC), 2);
    assert_memory_equal(read_octets, "\0\0", 2);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 10, 0), 4);
    assert_memory_equal(read_octets, "cdef", 4);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 10, MSG_OOB), -EINVAL);
    struct socket_call call = {0};
    sockets_fcntl(SOCKETS(world, SERVER), ends.server, F_SETFL, 0);
    do_send(world, CLIENT, ends.client, "gh", 0);
    const int flags = MSG_PEEK | MSG_WAITALL;
    assert_int_equal(sockets_recv(SOCKETS(world, SERVER), &call, ends.server, read_octets, 4, flags), SOCKET_BLOCKED);
    do_send(world, CLIENT, ends.client, "ij", 0);
    assert_int_equal(sockets_recv(SOCKETS(world, SERVER), &call, ends.server, read_octets, 4, flags), 4);
    assert_memory_equal(read_octets, "ghij", 4);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 10, 0), 4);
    world_end(world);
}

static void more_is_to_come(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    struct side *client = &world->side[CLIENT];
    assert_int_equal(do_send(world, CLIENT, ends.client, "head", MSG_MORE), 4);
    assert_int_equal(do_send(world, CLIENT, ends.client, "more", MSG_MORE), 4);
    assert_int_equal(client->texts, 0);
    assert_int_equal(do_send(world, CLIENT, ends.client, "tail", 0), 4);
    assert_int_equal(client->texts, 1);
    set_int(world, CLIENT, ends.client, IPPROTO_TCP, TCP_CORK, 1);
    assert_int_equal(do_send(world, CLIENT, ends.client, "corked", 0), 6);
    assert_int_equal(client->texts, 1);
    set_int(world, CLIENT, ends.client, IPPROTO_TCP, TCP_CORK, 0);
    settle(world);
    assert_int_equal(client->texts, 2);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 100, 0), 18);
    world_end(world);
}

static void half_closed(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_send(world, CLIENT, ends.client, "request", 0);
    assert_int_equal(shut(world, CLIENT, ends.client, 7), -EINVAL);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_WR), 0);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_WR), 0);
    assert_int_equal(world->side[CLIENT].fins, 1);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT);
    assert_int_equal(do_poll(world, SERVER, ends.server), POLLIN | POLLOUT | POLLRDHUP);
    assert_int_equal(do_write(world, CLIENT, ends.client, "x", 1), -EPIPE);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 100, 0), 7);
    assert_int_equal(recv_flags(world, SERVER, ends.server, 100, 0), 0);
    assert_int_equal(do_send(world, SERVER, ends.server, "a late response", 0), 15);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 100, 0), 15);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 100, 0), 0);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 100, 0), 0);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_WR), -ENOTCONN);
    assert_int_equal(socket_error(world, CLIENT, ends.client), 0);
    world_end(world);
}

static void the_reading_half(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_send(world, SERVER, ends.server, "abc", 0);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_RD), 0);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 2, 0), 2);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 2, 0), 1);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 2, 0), 0);
    assert_int_equal(do_send(world, SERVER, ends.server, "def", 0), 3); /* nobody told the peer */
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 9, 0), 3);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 9, 0), 0);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_WR), 0);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    world_end(world);
}

static void never_connected(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, CLIENT, SOCK_NONBLOCK);
    struct socket_call call = {0};
    assert_int_equal(do_poll(world, CLIENT, fd), POLLOUT | POLLHUP);
    assert_int_equal(do_read(world, CLIENT, fd, read_octets, 1), -ENOTCONN);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, fd, "x", 1), -EPIPE);
    assert_true(call.sigpipe);
    assert_int_equal(sockets_send(SOCKETS(world, CLIENT), &call, fd, "x", 1, MSG_NOSIGNAL), -EPIPE);
    assert_false(call.sigpipe);
    assert_int_equal(shut(world, CLIENT, fd, SHUT_WR), -ENOTCONN);
    assert_int_equal(sockets_send(SOCKETS(world, CLIENT), &call, fd, "x", 1, MSG_FASTOPEN), -EOPNOTSUPP);
    int listener = listening(world, 80, 1);
    assert_int_equal(do_read(world, SERVER, listener, read_octets, 1), -ENOTCONN);
    assert_int_equal(do_write(world, SERVER, listener, "x", 1), -EPIPE);
    int epoll = sockets_epoll_create1(SOCKETS(world, CLIENT), 0);
    assert_int_equal(do_read(world, CLIENT, epoll, read_octets, 1), -ENOTSOCK);
    world_end(world);
}

/* The peer resets: what came before can be read, the error is told once, then it is the end of data, and a pipe that is
   broken. */
static void reset(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    do_send(world, SERVER, ends.server, "hello", 0);
    do_send(world, CLIENT, ends.client, "unread", 0);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    assert_int_equal(world->side[SERVER].resets, 1);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 3, 0), 3);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 3, 0), 2);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 3, 0), -ECONNRESET);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 3, 0), 0);
    struct socket_call call = {0};
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, "x", 1), -EPIPE);
    assert_true(call.sigpipe);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    assert_int_equal(shut(world, CLIENT, ends.client, SHUT_WR), -ENOTCONN);
    assert_int_equal(do_connect(world, ends.client, 80), -EISCONN);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    assert_int_equal(sockets_getpeername(SOCKETS(world, CLIENT), ends.client, (void *)&peer, &length), -ENOTCONN);
    world_end(world);
}

static void told_by_a_write(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    set_linger(world, SERVER, ends.server, 0);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    struct socket_call call = {0};
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, "x", 1), -ECONNRESET);
    assert_false(call.sigpipe);
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, "x", 1), -EPIPE);
    assert_true(call.sigpipe);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 1, 0), 0);
    world_end(world);
}

/* In CLOSE-WAIT a RST is a broken pipe. */
static void reset_after_the_fin(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    assert_int_equal(shut(world, SERVER, ends.server, SHUT_WR), 0);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP);
    set_linger(world, SERVER, ends.server, 0);
    do_write(world, CLIENT, ends.client, "x", 1);
    assert_int_equal(do_close(world, SERVER, ends.server), 0);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 1, 0), 0);
    struct socket_call call = {0};
    assert_int_equal(sockets_write(SOCKETS(world, CLIENT), &call, ends.client, "x", 1), -EPIPE);
    assert_true(call.sigpipe);
    assert_int_equal(socket_error(world, CLIENT, ends.client), 0);
    world_end(world);
}

static void gives_up(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    set_int(world, CLIENT, ends.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000);
    world->is_cut = true;
    do_write(world, CLIENT, ends.client, "lost", 4);
    pass_ms(world, 2900);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT);
    pass_ms(world, 200);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 1, 0), -ETIMEDOUT);
    assert_int_equal(recv_flags(world, CLIENT, ends.client, 1, 0), 0);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(a_write_that_blocks),
        cmocka_unit_test(a_write_that_may_not_block),
        cmocka_unit_test(reads_that_block),
        cmocka_unit_test(closed_while_it_blocks),
        cmocka_unit_test(peek_and_trunc),
        cmocka_unit_test(more_is_to_come),
        cmocka_unit_test(half_closed),
        cmocka_unit_test(the_reading_half),
        cmocka_unit_test(never_connected),
        cmocka_unit_test(reset),
        cmocka_unit_test(told_by_a_write),
        cmocka_unit_test(reset_after_the_fin),
        cmocka_unit_test(gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
