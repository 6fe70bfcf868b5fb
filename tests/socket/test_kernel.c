#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "support/world.h"

/* The same program twice: on the running kernel, over its loopback, and on two hosts. Each call and its answer is written
   down; both must have written the same. Nothing blocks. */

enum { TRANSCRIPT_BYTES = 65536 };

struct run {
    struct world *world; /* NULL: the kernel */
    uint16_t port;       /* the listener's */
    char text[TRANSCRIPT_BYTES];
    size_t length;
};

#define ON(run, number) (run)->world->side[number].sockets, (run)->world->now

static void note(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(run->text + run->length, sizeof run->text - run->length, format, arguments);
    va_end(arguments);
    assert_true(n >= 0 && (size_t)n < sizeof run->text - run->length);
    run->length += (size_t)n;
}

static void quiet(struct run *run)
{
    if (run->world != NULL) {
        settle(run->world);
    } else {
        usleep(2000);
    }
}

/* The kernel's answer as the layer gives it. */
static long from_kernel(long result)
{
    return result < 0 ? -errno : result;
}

static long told(struct run *run, unsigned side, const char *call, long result)
{
    quiet(run);
    note(run, "%s %s = ", side == CLIENT ? "client" : "server", call);
    if (result < 0) {
        note(run, "%s\n", strerrorname_np((int)-result));
    } else {
        note(run, "%ld\n", result);
    }
    return result;
}

static struct sockaddr_in address_in(const struct run *run, unsigned side, uint16_t port)
{
    struct sockaddr_in address = address_of(side, port);
    if (run->world == NULL) {
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return address;
}

/* ---- calls; numbers of descriptors are not written down ---- */

static int do_socket(struct run *run, unsigned side)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK;
    int fd = run->world != NULL ? sockets_socket(ON(run, side), AF_INET, type, 0) : socket(AF_INET, type, 0);
    assert_true(fd >= 0);
    return fd;
}

static int do_socket_ipv6(struct run *run, unsigned side)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK;
    int fd = run->world != NULL ? sockets_socket(ON(run, side), AF_INET6, type, 0) : socket(AF_INET6, type, 0);
    assert_true(fd >= 0);
    return fd;
}

static long do_bind(struct run *run, unsigned side, int fd, uint16_t port)
{
    const struct sockaddr_in address = address_in(run, side, port);
    const struct sockaddr *to = (const void *)&address;
    long result = run->world != NULL ? sockets_bind(ON(run, side), fd, to, sizeof address)
                                     : from_kernel(bind(fd, to, sizeof address));
    return told(run, side, "bind", result);
}

static long do_listen(struct run *run, unsigned side, int fd)
{
    long result = run->world != NULL ? sockets_listen(ON(run, side), fd, 4) : from_kernel(listen(fd, 4));
    return told(run, side, "listen", result);
}

static long accept_on(struct run *run, int fd)
{
    struct socket_call call = {0};
    long result = run->world != NULL ? sockets_accept4(ON(run, SERVER), &call, fd, NULL, NULL, SOCK_NONBLOCK)
                                     : from_kernel(accept4(fd, NULL, NULL, SOCK_NONBLOCK));
    told(run, SERVER, "accept", result < 0 ? result : 0);
    return result;
}

static long connect_as(struct run *run, int fd, sa_family_t family, uint16_t port, socklen_t length)
{
    struct socket_call call = {0};
    struct sockaddr_in address = address_in(run, SERVER, port);
    address.sin_family = family;
    long result = run->world != NULL ? sockets_connect(ON(run, CLIENT), &call, fd, (const void *)&address, length)
                                     : from_kernel(connect(fd, (const void *)&address, length));
    return told(run, CLIENT, family == AF_UNSPEC ? "disconnect" : "connect", result);
}

static long connect_to(struct run *run, int fd, uint16_t port)
{
    return connect_as(run, fd, AF_INET, port, sizeof(struct sockaddr_in));
}

static long receive(struct run *run, unsigned side, int fd, size_t length, int flags)
{
    struct socket_call call = {0};
    char data[64] = {0};
    assert_true(length < sizeof data);
    long result = run->world != NULL ? sockets_recv(ON(run, side), &call, fd, data, length, flags)
                                     : from_kernel(recv(fd, data, length, flags));
    assert_true(result != SOCKET_BLOCKED);
    note(run, "\"%s\" ", data);
    return told(run, side, "recv", result);
}

static long transmit(struct run *run, unsigned side, int fd, const char *text)
{
    struct socket_call call = {0};
    size_t length = strlen(text);
    long result = run->world != NULL ? sockets_send(ON(run, side), &call, fd, text, length, MSG_NOSIGNAL)
                                     : from_kernel(send(fd, text, length, MSG_NOSIGNAL));
    return told(run, side, "send", result);
}

static long transmit_urgent(struct run *run, unsigned side, int fd, const char *text)
{
    struct socket_call call = {0};
    const int flags = MSG_NOSIGNAL | MSG_OOB;
    size_t length = strlen(text);
    long result = run->world != NULL ? sockets_send(ON(run, side), &call, fd, text, length, flags)
                                     : from_kernel(send(fd, text, length, flags));
    return told(run, side, "send MSG_OOB", result);
}

static long stop(struct run *run, unsigned side, int fd, int how)
{
    long result = run->world != NULL ? sockets_shutdown(ON(run, side), fd, how) : from_kernel(shutdown(fd, how));
    return told(run, side, how == SHUT_RD ? "shutdown RD" : how == SHUT_WR ? "shutdown WR" : "shutdown", result);
}

static long finish(struct run *run, unsigned side, int fd)
{
    struct socket_call call = {0};
    long result = run->world != NULL ? sockets_close(ON(run, side), &call, fd) : from_kernel(close(fd));
    return told(run, side, "close", result);
}

static long get_option(struct run *run, unsigned side, int fd, int level, int option)
{
    int value = 0;
    socklen_t length = sizeof value;
    long result = run->world != NULL ? sockets_getsockopt(ON(run, side), fd, level, option, &value, &length)
                                     : from_kernel(getsockopt(fd, level, option, &value, &length));
    note(run, "option %d.%d: ", level, option);
    return told(run, side, "getsockopt", result < 0 ? result : value);
}

static long set_bytes(struct run *run, unsigned side, int fd, int level, int option, const void *value,
                      socklen_t length)
{
    long result = run->world != NULL ? sockets_setsockopt(ON(run, side), fd, level, option, value, length)
                                     : from_kernel(setsockopt(fd, level, option, value, length));
    note(run, "option %d.%d: ", level, option);
    return told(run, side, "setsockopt", result);
}

static long set_option(struct run *run, unsigned side, int fd, int level, int option, int value)
{
    return set_bytes(run, side, fd, level, option, &value, sizeof value);
}

static void ready(struct run *run, unsigned side, int fd)
{
    struct socket_call call = {0};
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI | POLLRDNORM | POLLWRNORM};
    if (run->world != NULL) {
        (void)sockets_poll(ON(run, side), &call, &poll_fd, 1, 0);
    } else {
        (void)poll(&poll_fd, 1, 0);
    }
    note(run, "%s poll = %#x\n", side == CLIENT ? "client" : "server", (unsigned)poll_fd.revents);
}

static long error_of(struct run *run, unsigned side, int fd)
{
    return get_option(run, side, fd, SOL_SOCKET, SO_ERROR);
}

static void peer_of(struct run *run, unsigned side, int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    long result = run->world != NULL ? sockets_getpeername(ON(run, side), fd, (void *)&address, &length)
                                     : from_kernel(getpeername(fd, (void *)&address, &length));
    told(run, side, "getpeername", result);
}

static void port_of(struct run *run, unsigned side, int fd, uint16_t *port)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    long result = run->world != NULL ? sockets_getsockname(ON(run, side), fd, (void *)&address, &length)
                                     : from_kernel(getsockname(fd, (void *)&address, &length));
    assert_int_equal(result, 0);
    *port = ntohs(address.sin_port);
}

static void waiting(struct run *run, unsigned side, int fd, unsigned long request)
{
    int count = 0;
    long result = run->world != NULL ? sockets_ioctl(ON(run, side), fd, request, &count)
                                     : from_kernel(ioctl(fd, request, &count));
    told(run, side, "ioctl", result < 0 ? result : count);
}

static int a_listener(struct run *run)
{
    int fd = do_socket(run, SERVER);
    assert_int_equal(do_bind(run, SERVER, fd, 0), 0);
    port_of(run, SERVER, fd, &run->port);
    assert_int_equal(do_listen(run, SERVER, fd), 0);
    return fd;
}

static struct ends a_pair(struct run *run)
{
    int listener = a_listener(run);
    struct ends ends = {.client = do_socket(run, CLIENT)};
    connect_to(run, ends.client, run->port);
    connect_to(run, ends.client, run->port);
    ends.server = (int)accept_on(run, listener);
    assert_true(ends.server >= 0);
    finish(run, SERVER, listener);
    return ends;
}

/* Where nobody listens. */
static uint16_t a_free_port(struct run *run)
{
    uint16_t port = 0;
    int fd = do_socket(run, SERVER);
    do_bind(run, SERVER, fd, 0);
    port_of(run, SERVER, fd, &port);
    finish(run, SERVER, fd);
    return port;
}

/* ---- what the program does ---- */

static void fresh(struct run *run)
{
    int fd = do_socket(run, CLIENT);
    ready(run, CLIENT, fd);
    receive(run, CLIENT, fd, 1, 0);
    receive(run, CLIENT, fd, 0, 0);
    receive(run, CLIENT, fd, 1, MSG_OOB | MSG_PEEK);
    transmit(run, CLIENT, fd, "x");
    stop(run, CLIENT, fd, SHUT_WR);
    ready(run, CLIENT, fd);
    stop(run, CLIENT, fd, SHUT_RDWR);
    ready(run, CLIENT, fd);
    transmit(run, CLIENT, fd, "x");
    receive(run, CLIENT, fd, 1, 0);
    error_of(run, CLIENT, fd);
    peer_of(run, CLIENT, fd);
    waiting(run, CLIENT, fd, FIONREAD);
    waiting(run, CLIENT, fd, TIOCOUTQ);
    connect_as(run, fd, AF_INET, 80, 1);
    connect_as(run, fd, AF_INET, 80, 8);
    connect_as(run, fd, AF_INET6, 80, sizeof(struct sockaddr_in));
    connect_as(run, fd, AF_UNSPEC, 80, sizeof(struct sockaddr_in));
    finish(run, CLIENT, fd);
    finish(run, CLIENT, fd);
}

static void listens(struct run *run)
{
    int fd = a_listener(run);
    ready(run, SERVER, fd);
    do_listen(run, SERVER, fd);
    do_bind(run, SERVER, fd, 0);
    receive(run, SERVER, fd, 1, 0);
    transmit(run, SERVER, fd, "x");
    peer_of(run, SERVER, fd);
    waiting(run, SERVER, fd, FIONREAD);
    get_option(run, SERVER, fd, SOL_SOCKET, SO_ACCEPTCONN);
    accept_on(run, fd);
    int client = do_socket(run, CLIENT);
    connect_to(run, client, run->port);
    ready(run, SERVER, fd);
    ready(run, CLIENT, client);
    stop(run, SERVER, fd, SHUT_WR);
    ready(run, SERVER, fd);
    stop(run, SERVER, fd, SHUT_RD);
    ready(run, SERVER, fd);
    error_of(run, SERVER, fd);
    accept_on(run, fd);
    ready(run, CLIENT, client);
    receive(run, CLIENT, client, 1, 0);
    do_listen(run, SERVER, fd);
    finish(run, SERVER, fd);
    finish(run, CLIENT, client);
}

static void refusals(struct run *run)
{
    uint16_t port = a_free_port(run);
    int fd = do_socket(run, CLIENT);
    connect_to(run, fd, port);
    ready(run, CLIENT, fd);
    connect_to(run, fd, port);
    error_of(run, CLIENT, fd);
    ready(run, CLIENT, fd);
    connect_to(run, fd, port);
    error_of(run, CLIENT, fd);
    error_of(run, CLIENT, fd);
    ready(run, CLIENT, fd);
    receive(run, CLIENT, fd, 1, 0);
    connect_to(run, fd, port);
    ready(run, CLIENT, fd);
    connect_to(run, fd, port);
    transmit(run, CLIENT, fd, "x");
    transmit(run, CLIENT, fd, "x");
    connect_to(run, fd, port);
    connect_to(run, fd, port);
    receive(run, CLIENT, fd, 1, 0);
    receive(run, CLIENT, fd, 1, 0);
    finish(run, CLIENT, fd);
}

static void a_life(struct run *run)
{
    struct ends ends = a_pair(run);
    connect_to(run, ends.client, run->port);
    ready(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 1, 0);
    receive(run, CLIENT, ends.client, 0, 0);
    transmit(run, CLIENT, ends.client, "request");
    ready(run, SERVER, ends.server);
    waiting(run, SERVER, ends.server, FIONREAD);
    receive(run, SERVER, ends.server, 3, MSG_PEEK);
    receive(run, SERVER, ends.server, 2, MSG_TRUNC);
    receive(run, SERVER, ends.server, 9, MSG_OOB);
    receive(run, SERVER, ends.server, 9, MSG_WAITALL);
    receive(run, SERVER, ends.server, 9, MSG_ERRQUEUE);
    stop(run, CLIENT, ends.client, SHUT_WR);
    ready(run, CLIENT, ends.client);
    ready(run, SERVER, ends.server);
    transmit(run, CLIENT, ends.client, "x");
    stop(run, CLIENT, ends.client, SHUT_WR);
    receive(run, SERVER, ends.server, 1, 0);
    transmit(run, SERVER, ends.server, "response");
    finish(run, SERVER, ends.server);
    ready(run, CLIENT, ends.client);
    waiting(run, CLIENT, ends.client, FIONREAD);
    receive(run, CLIENT, ends.client, 9, 0);
    receive(run, CLIENT, ends.client, 9, 0);
    transmit(run, CLIENT, ends.client, "x");
    stop(run, CLIENT, ends.client, SHUT_WR);
    stop(run, CLIENT, ends.client, 7);
    peer_of(run, CLIENT, ends.client);
    error_of(run, CLIENT, ends.client);
    connect_to(run, ends.client, run->port);
    finish(run, CLIENT, ends.client);
}

static void resets(struct run *run)
{
    struct ends ends = a_pair(run);
    transmit(run, SERVER, ends.server, "hello");
    transmit(run, CLIENT, ends.client, "unread");
    finish(run, SERVER, ends.server);
    ready(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 3, 0);
    receive(run, CLIENT, ends.client, 3, 0);
    ready(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 3, 0);
    receive(run, CLIENT, ends.client, 3, 0);
    transmit(run, CLIENT, ends.client, "x");
    stop(run, CLIENT, ends.client, SHUT_WR);
    peer_of(run, CLIENT, ends.client);
    connect_to(run, ends.client, run->port);
    ready(run, CLIENT, ends.client);
    finish(run, CLIENT, ends.client);
}

static void abrupt(struct run *run)
{
    const struct linger linger = {1, 0};
    struct ends ends = a_pair(run);
    set_bytes(run, SERVER, ends.server, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    stop(run, SERVER, ends.server, SHUT_WR);
    ready(run, CLIENT, ends.client);
    ready(run, SERVER, ends.server);
    finish(run, SERVER, ends.server);
    ready(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 3, 0);
    transmit(run, CLIENT, ends.client, "x");
    error_of(run, CLIENT, ends.client);
    finish(run, CLIENT, ends.client);
    ends = a_pair(run);
    set_bytes(run, SERVER, ends.server, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    finish(run, SERVER, ends.server);
    transmit(run, CLIENT, ends.client, "x");
    transmit(run, CLIENT, ends.client, "x");
    ready(run, CLIENT, ends.client);
    finish(run, CLIENT, ends.client);
}

static void disconnects(struct run *run)
{
    int fd = -1;
    struct ends ends = a_pair(run);
    connect_as(run, ends.client, AF_UNSPEC, 0, sizeof(struct sockaddr_in));
    ready(run, CLIENT, ends.client);
    error_of(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 1, 0);
    peer_of(run, CLIENT, ends.client);
    ready(run, SERVER, ends.server);
    receive(run, SERVER, ends.server, 1, 0);
    fd = a_listener(run);
    connect_to(run, ends.client, run->port);
    connect_to(run, ends.client, run->port);
    ready(run, CLIENT, ends.client);
    connect_as(run, ends.client, AF_UNSPEC, 0, sizeof(struct sockaddr_in));
    do_listen(run, CLIENT, ends.client);
    finish(run, CLIENT, ends.client);
    finish(run, SERVER, fd);
    finish(run, SERVER, ends.server);
}

static void reading_half(struct run *run)
{
    struct ends ends = a_pair(run);
    transmit(run, SERVER, ends.server, "abc");
    stop(run, CLIENT, ends.client, SHUT_RD);
    ready(run, CLIENT, ends.client);
    receive(run, CLIENT, ends.client, 2, 0);
    receive(run, CLIENT, ends.client, 2, 0);
    receive(run, CLIENT, ends.client, 2, 0);
    transmit(run, SERVER, ends.server, "def");
    receive(run, CLIENT, ends.client, 9, 0);
    receive(run, CLIENT, ends.client, 9, 0);
    stop(run, CLIENT, ends.client, SHUT_WR);
    ready(run, CLIENT, ends.client);
    stop(run, CLIENT, ends.client, SHUT_RDWR);
    finish(run, SERVER, ends.server);
    ready(run, CLIENT, ends.client);
    finish(run, CLIENT, ends.client);
}

static void ports(struct run *run)
{
    uint16_t port = 0;
    int one = do_socket(run, SERVER);
    int two = do_socket(run, SERVER);
    int three = do_socket(run, SERVER);
    do_bind(run, SERVER, one, 0);
    port_of(run, SERVER, one, &port);
    do_bind(run, SERVER, one, port);
    do_bind(run, SERVER, two, port);
    set_option(run, SERVER, two, SOL_SOCKET, SO_REUSEADDR, 1);
    do_bind(run, SERVER, two, port);
    set_option(run, SERVER, one, SOL_SOCKET, SO_REUSEADDR, 1);
    do_bind(run, SERVER, two, port);
    do_listen(run, SERVER, one);
    do_listen(run, SERVER, two);
    set_option(run, SERVER, three, SOL_SOCKET, SO_REUSEADDR, 1);
    do_bind(run, SERVER, three, port);
    finish(run, SERVER, one);
    do_listen(run, SERVER, two);
    do_bind(run, SERVER, three, port);
    finish(run, SERVER, two);
    do_bind(run, SERVER, three, port);
    finish(run, SERVER, three);
}

static void options(struct run *run)
{
    int fd = do_socket(run, CLIENT);
    static const struct {
        int level, option;
    } all[] = {
        {SOL_SOCKET, SO_REUSEADDR},      {SOL_SOCKET, SO_KEEPALIVE},      {SOL_SOCKET, SO_OOBINLINE},
        {SOL_SOCKET, SO_TYPE},           {SOL_SOCKET, SO_DOMAIN},         {SOL_SOCKET, SO_PROTOCOL},
        {SOL_SOCKET, SO_ACCEPTCONN},     {SOL_SOCKET, SO_RCVLOWAT},       {SOL_SOCKET, SO_SNDLOWAT},
        {SOL_SOCKET, SO_ERROR},          {IPPROTO_TCP, TCP_NODELAY},      {IPPROTO_TCP, TCP_CORK},
        {IPPROTO_TCP, TCP_MAXSEG},       {IPPROTO_TCP, TCP_QUICKACK},     {IPPROTO_TCP, TCP_KEEPIDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL},    {IPPROTO_TCP, TCP_KEEPCNT},      {IPPROTO_TCP, TCP_SYNCNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_WINDOW_CLAMP}, {IPPROTO_TCP, 99},
    };
    static const int values[] = {0, 1, -1, 87, 88, 127, 128, 255, 256, 32767, 32768};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        get_option(run, CLIENT, fd, all[i].level, all[i].option);
        for (size_t j = 0; j < sizeof values / sizeof values[0] && all[i].option != SO_RCVLOWAT; j++) {
            set_option(run, CLIENT, fd, all[i].level, all[i].option, values[j]);
            get_option(run, CLIENT, fd, all[i].level, all[i].option);
        }
    }
    set_bytes(run, CLIENT, fd, SOL_SOCKET, SO_REUSEADDR, "x", 1);
    set_bytes(run, CLIENT, fd, SOL_SOCKET, SO_LINGER, "xxxx", 4);
    set_bytes(run, CLIENT, fd, SOL_SOCKET, SO_RCVTIMEO, "xxxx", 4);
    set_bytes(run, CLIENT, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    set_bytes(run, CLIENT, fd, IPPROTO_TCP, TCP_CONGESTION, "bogus", 5);
    set_option(run, CLIENT, fd, 77, 1, 1);
    get_option(run, CLIENT, fd, 77, 1);
    finish(run, CLIENT, fd);
}

static int a_set(struct run *run, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    int set = run->world != NULL ? sockets_epoll_create1(ON(run, CLIENT), 0) : epoll_create1(0);
    assert_true(set >= 0);
    long result = run->world != NULL ? sockets_epoll_ctl(ON(run, CLIENT), set, EPOLL_CTL_ADD, fd, &event)
                                     : from_kernel(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    told(run, CLIENT, "epoll_ctl", result);
    return set;
}

static void look(struct run *run, int set)
{
    struct socket_call call = {0};
    struct epoll_event events[4] = {{0}};
    long found = run->world != NULL ? sockets_epoll_wait(ON(run, CLIENT), &call, set, events, 4, 0)
                                    : from_kernel(epoll_wait(set, events, 4, 0));
    note(run, "events %#x ", found > 0 ? events[0].events : 0);
    told(run, CLIENT, "epoll_wait", found);
}

/* What each kind of set tells, twice, at each step of a life. */
static void sets(struct run *run)
{
    static const uint32_t kinds[] = {0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ends ends = a_pair(run);
        int all = a_set(run, ends.client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | kinds[i]);
        int reads = a_set(run, ends.client, EPOLLIN | kinds[i]);
        const int watched[2] = {all, reads};
        for (unsigned step = 0; step < 6; step++) {
            switch (step) {
            case 0: break;
            case 1: transmit(run, SERVER, ends.server, "ab"); break;
            case 2: transmit(run, SERVER, ends.server, "c"); break;
            case 3: receive(run, CLIENT, ends.client, 9, 0); break;
            case 4: stop(run, SERVER, ends.server, SHUT_WR); break;
            case 5:
                transmit(run, CLIENT, ends.client, "unread");
                finish(run, SERVER, ends.server);
                break;
            default: break;
            }
            for (unsigned n = 0; n < 4; n++) {
                look(run, watched[n / 2]);
            }
        }
        finish(run, CLIENT, ends.client);
        look(run, all);
        finish(run, CLIENT, all);
        finish(run, CLIENT, reads);
    }
}

/* A set that watches a connect. */
static void set_of_a_connect(struct run *run)
{
    int listener = a_listener(run);
    int fd = do_socket(run, CLIENT);
    int set = a_set(run, fd, EPOLLIN | EPOLLOUT | EPOLLET);
    look(run, set);
    look(run, set);
    connect_to(run, fd, run->port);
    look(run, set);
    look(run, set);
    finish(run, SERVER, listener); /* resets it */
    look(run, set);
    look(run, set);
    error_of(run, CLIENT, fd);
    look(run, set);
    finish(run, CLIENT, fd);
    finish(run, CLIENT, set);
}

/* Of IP, on a socket of either version. */
static void ip_options(struct run *run)
{
    static const struct {
        int level, option;
    } all[] = {
        {IPPROTO_IP, IP_TTL}, {IPPROTO_IP, IP_TOS}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS}, {IPPROTO_IPV6, IPV6_TCLASS}};
    static const int values[] = {1, 255, 256, -2, 64, 0x53, 0xb8, 300, -1};
    const int sockets_of[] = {do_socket(run, CLIENT), do_socket_ipv6(run, CLIENT)};
    for (size_t n = 0; n < 2; n++) {
        int fd = sockets_of[n];
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            get_option(run, CLIENT, fd, all[i].level, all[i].option);
            for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
                set_option(run, CLIENT, fd, all[i].level, all[i].option, values[j]);
                get_option(run, CLIENT, fd, all[i].level, all[i].option);
            }
            set_bytes(run, CLIENT, fd, all[i].level, all[i].option, "\x08", 1);
            get_option(run, CLIENT, fd, all[i].level, all[i].option);
            set_bytes(run, CLIENT, fd, all[i].level, all[i].option, "", 0);
            get_option(run, CLIENT, fd, all[i].level, all[i].option);
        }
        static const int discover[] = {-1, IP_PMTUDISC_DO, IP_PMTUDISC_OMIT + 1, IP_PMTUDISC_WANT};
        for (size_t j = 0; j < sizeof discover / sizeof discover[0]; j++) {
            set_option(run, CLIENT, fd, IPPROTO_IP, IP_MTU_DISCOVER, discover[j]);
            get_option(run, CLIENT, fd, IPPROTO_IP, IP_MTU_DISCOVER);
            set_option(run, CLIENT, fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover[j]);
            get_option(run, CLIENT, fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER);
        }
        finish(run, CLIENT, fd);
    }
}

/* What accept hands down. */
static void ip_options_inherited(struct run *run)
{
    int listener = a_listener(run);
    set_option(run, SERVER, listener, IPPROTO_IP, IP_TTL, 9);
    set_option(run, SERVER, listener, IPPROTO_IP, IP_TOS, 0x28);
    int client = do_socket(run, CLIENT);
    connect_to(run, client, run->port);
    int server = (int)accept_on(run, listener);
    get_option(run, SERVER, server, IPPROTO_IP, IP_TTL);
    get_option(run, SERVER, server, IPPROTO_IP, IP_TOS);
    get_option(run, SERVER, server, IPPROTO_IPV6, IPV6_TCLASS);
    finish(run, CLIENT, client);
    finish(run, SERVER, server);
    finish(run, SERVER, listener);
}

/* ---- both IP versions ---- */

static struct sockaddr_in6 address_in6(const struct run *run, unsigned side, const char *text, uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (text != NULL) {
        assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    } else if (run->world == NULL) {
        address.sin6_addr = in6addr_loopback;
    } else {
        address.sin6_addr = (struct in6_addr){{{0xfd, [15] = (uint8_t)(side + 1)}}};
    }
    return address;
}

/* text: NULL for the side's own address. */
static long bind_ipv6(struct run *run, int fd, const char *text, uint16_t port)
{
    const struct sockaddr_in6 address = address_in6(run, SERVER, text, port);
    const struct sockaddr *to = (const void *)&address;
    long result = run->world != NULL ? sockets_bind(ON(run, SERVER), fd, to, sizeof address)
                                     : from_kernel(bind(fd, to, sizeof address));
    note(run, "%s ", text != NULL ? text : "own");
    return told(run, SERVER, "bind", result);
}

static long bind_any_ipv4(struct run *run, int fd, uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct sockaddr *to = (const void *)&address;
    long result = run->world != NULL ? sockets_bind(ON(run, SERVER), fd, to, sizeof address)
                                     : from_kernel(bind(fd, to, sizeof address));
    return told(run, SERVER, "bind 0.0.0.0", result);
}

static long connect_ipv6(struct run *run, int fd, const char *text, uint16_t port)
{
    struct socket_call call = {0};
    const struct sockaddr_in6 address = address_in6(run, SERVER, text, port);
    const struct sockaddr *to = (const void *)&address;
    long result = run->world != NULL ? sockets_connect(ON(run, CLIENT), &call, fd, to, sizeof address)
                                     : from_kernel(connect(fd, to, sizeof address));
    return told(run, CLIENT, "connect", result);
}

/* Who takes a peer of each version: one of these, or nobody. */
static void who_takes(struct run *run, int one, int other)
{
    const int peers[] = {do_socket(run, CLIENT), do_socket_ipv6(run, CLIENT)};
    for (size_t i = 0; i < 2; i++) {
        long error = i == 0 ? connect_to(run, peers[i], run->port) : connect_ipv6(run, peers[i], NULL, run->port);
        assert_int_equal(error, -EINPROGRESS);
        error_of(run, CLIENT, peers[i]);
        long first = accept_on(run, one);
        long second = accept_on(run, other);
        finish(run, CLIENT, peers[i]);
        if (first >= 0) {
            finish(run, SERVER, (int)first);
        }
        if (second >= 0) {
            finish(run, SERVER, (int)second);
        }
    }
}

/* "any" of each version at one port: together only if the one of IPv6 leaves IPv4 out. */
static void families(struct run *run)
{
    for (int only = 0; only < 2; only++) {
        int ipv4 = do_socket(run, SERVER);
        int ipv6 = do_socket_ipv6(run, SERVER);
        set_option(run, SERVER, ipv6, IPPROTO_IPV6, IPV6_V6ONLY, only);
        bind_any_ipv4(run, ipv4, 0);
        port_of(run, SERVER, ipv4, &run->port);
        bind_ipv6(run, ipv6, "::", run->port);
        bind_ipv6(run, ipv6, NULL, run->port); /* beside it at any rate */
        do_listen(run, SERVER, ipv4);
        who_takes(run, ipv4, ipv6);
        do_listen(run, SERVER, ipv6);
        finish(run, SERVER, ipv4);
        finish(run, SERVER, ipv6);
    }
}

static void one_of_both_families(struct run *run)
{
    static const char *const at[] = {"::", "::", "::ffff:0.0.0.0", NULL};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        int ipv6 = do_socket_ipv6(run, SERVER);
        int other = do_socket(run, SERVER);
        set_option(run, SERVER, ipv6, IPPROTO_IPV6, IPV6_V6ONLY, i == 1);
        bind_ipv6(run, ipv6, at[i], 0);
        port_of(run, SERVER, ipv6, &run->port);
        get_option(run, SERVER, ipv6, IPPROTO_IPV6, IPV6_V6ONLY);
        do_listen(run, SERVER, ipv6);
        who_takes(run, ipv6, other);
        bind_any_ipv4(run, other, run->port);
        do_bind(run, SERVER, other, run->port);
        finish(run, SERVER, other);
        other = do_socket_ipv6(run, SERVER);
        bind_ipv6(run, other, "::ffff:0.0.0.0", run->port);
        bind_ipv6(run, other, "::", run->port);
        finish(run, SERVER, other);
        finish(run, SERVER, ipv6);
    }
    int only = do_socket_ipv6(run, SERVER);
    set_option(run, SERVER, only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bind_ipv6(run, only, "::ffff:0.0.0.0", 0);
    bind_ipv6(run, only, "::ffff:127.0.0.1", 0);
    finish(run, SERVER, only);
}

/* ---- urgent data ---- */

/* Where the reader stands. */
static void at_mark(struct run *run, int fd)
{
    waiting(run, SERVER, fd, SIOCATMARK);
    waiting(run, SERVER, fd, FIONREAD);
    ready(run, SERVER, fd);
}

static void message_of(struct run *run, int fd, size_t length, int flags)
{
    struct socket_call call = {0};
    char data[8] = {0};
    struct iovec part = {data, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    assert_true(length < sizeof data);
    long result = run->world != NULL ? sockets_recvmsg(ON(run, SERVER), &call, fd, &message, flags)
                                     : from_kernel(recvmsg(fd, &message, flags));
    note(run, "\"%s\" flags %#x ", data, (unsigned)message.msg_flags);
    told(run, SERVER, "recvmsg", result);
}

/* The octet out of line: looked at, taken, skipped. */
static void urgent(struct run *run)
{
    struct ends ends = a_pair(run);
    receive(run, SERVER, ends.server, 1, MSG_OOB);
    at_mark(run, ends.server);
    transmit_urgent(run, CLIENT, ends.client, "abc");
    transmit(run, CLIENT, ends.client, "def");
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 1, MSG_OOB | MSG_PEEK);
    receive(run, SERVER, ends.server, 0, MSG_OOB | MSG_PEEK);
    receive(run, SERVER, ends.server, 1, MSG_OOB | MSG_PEEK | MSG_TRUNC);
    receive(run, SERVER, ends.server, 1, MSG_PEEK);
    receive(run, SERVER, ends.server, 10, MSG_PEEK);
    receive(run, SERVER, ends.server, 10, MSG_WAITALL);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, MSG_PEEK);
    at_mark(run, ends.server);
    message_of(run, ends.server, 5, MSG_OOB);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 2, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    message_of(run, ends.server, 5, 0);
    at_mark(run, ends.server);
    transmit_urgent(run, CLIENT, ends.client, "");
    at_mark(run, ends.server);
    transmit_urgent(run, CLIENT, ends.client, "z"); /* and nothing but it */
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 5, MSG_PEEK);
    receive(run, SERVER, ends.server, 5, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    finish(run, CLIENT, ends.client);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    finish(run, SERVER, ends.server);
}

/* One mark moves on. */
static void urgent_again(struct run *run)
{
    struct ends ends = a_pair(run);
    transmit(run, CLIENT, ends.client, "12");
    transmit_urgent(run, CLIENT, ends.client, "3");
    transmit(run, CLIENT, ends.client, "45");
    at_mark(run, ends.server);
    transmit_urgent(run, CLIENT, ends.client, "6"); /* 3 is text now */
    transmit(run, CLIENT, ends.client, "7");
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    receive(run, SERVER, ends.server, 10, 0);
    at_mark(run, ends.server);
    transmit_urgent(run, CLIENT, ends.client, "8"); /* 6 was next, and is lost */
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    receive(run, SERVER, ends.server, 10, 0);
    at_mark(run, ends.server);
    stop(run, CLIENT, ends.client, SHUT_WR);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, 0);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    transmit_urgent(run, CLIENT, ends.client, "9");
    finish(run, CLIENT, ends.client);
    finish(run, SERVER, ends.server);
}

/* SO_OOBINLINE: before and behind the mark. */
static void urgent_inline(struct run *run)
{
    struct ends ends = a_pair(run);
    set_option(run, SERVER, ends.server, SOL_SOCKET, SO_OOBINLINE, 1);
    transmit_urgent(run, CLIENT, ends.client, "abc");
    transmit(run, CLIENT, ends.client, "def");
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 5, MSG_OOB);
    receive(run, SERVER, ends.server, 10, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, MSG_PEEK);
    receive(run, SERVER, ends.server, 1, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, 0);
    transmit_urgent(run, CLIENT, ends.client, "g");
    transmit_urgent(run, CLIENT, ends.client, "h");
    at_mark(run, ends.server);
    set_option(run, SERVER, ends.server, SOL_SOCKET, SO_OOBINLINE, 0);
    at_mark(run, ends.server);
    receive(run, SERVER, ends.server, 10, 0);
    at_mark(run, ends.server);
    finish(run, CLIENT, ends.client);
    finish(run, SERVER, ends.server);
}

/* A set hears of it, at an edge, and where only that is asked for. */
static void urgent_in_sets(struct run *run)
{
    static const uint32_t events[] = {EPOLLPRI, EPOLLPRI | EPOLLET, EPOLLIN, EPOLLIN | EPOLLPRI | EPOLLET};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct ends ends = a_pair(run);
        int set = a_set(run, ends.client, events[i]);
        look(run, set);
        transmit(run, SERVER, ends.server, "a");
        look(run, set);
        transmit_urgent(run, SERVER, ends.server, "b");
        look(run, set);
        look(run, set);
        receive(run, CLIENT, ends.client, 1, 0);
        look(run, set);
        receive(run, CLIENT, ends.client, 1, MSG_OOB);
        look(run, set);
        finish(run, CLIENT, ends.client);
        finish(run, SERVER, ends.server);
        finish(run, CLIENT, set);
    }
}

/* ---- both ---- */

static void play(struct run *run, void (*program)(struct run *run))
{
    run->length = 0;
    program(run);
}

/* The first lines that differ. */
static void compare(const struct run *kernel, const struct run *hosts)
{
    size_t line = 0;
    for (size_t i = 0; i < kernel->length || i < hosts->length; i++) {
        if (kernel->text[i] != hosts->text[i]) {
            fail_msg("the kernel:\n%.*s\nthe hosts:\n%.*s", (int)strcspn(kernel->text + i, "\n") + (int)(i - line),
                     kernel->text + line, (int)strcspn(hosts->text + i, "\n") + (int)(i - line), hosts->text + line);
        }
        line = kernel->text[i] == '\n' && i > 200 ? i - 200 : line;
    }
    assert_true(kernel->length > 0 && kernel->length == hosts->length);
}

static void both(void (*program)(struct run *run))
{
    static struct run kernel;
    static struct run hosts;
    kernel = (struct run){0};
    hosts = (struct run){.world = world_begin(NULL)};
    play(&kernel, program);
    play(&hosts, program);
    world_end(hosts.world);
    compare(&kernel, &hosts);
}

#define TEST(name)                        \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        both(name);                       \
    }

TEST(fresh)
TEST(listens)
TEST(refusals)
TEST(a_life)
TEST(resets)
TEST(abrupt)
TEST(disconnects)
TEST(reading_half)
TEST(ports)
TEST(options)
TEST(sets)
TEST(set_of_a_connect)
TEST(ip_options)
TEST(ip_options_inherited)
TEST(families)
TEST(one_of_both_families)
TEST(urgent)
TEST(urgent_again)
TEST(urgent_inline)
TEST(urgent_in_sets)

int main(void)
{
    struct utsname system;
    if (uname(&system) != 0 || strcmp(system.sysname, "Linux") != 0 || atoi(system.release) < 6) {
        puts("these are the answers of Linux 6");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),         cmocka_unit_test(test_listens),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_resets),        cmocka_unit_test(test_abrupt),
        cmocka_unit_test(test_disconnects),   cmocka_unit_test(test_reading_half),
        cmocka_unit_test(test_ports),         cmocka_unit_test(test_options),
        cmocka_unit_test(test_sets),          cmocka_unit_test(test_set_of_a_connect),
        cmocka_unit_test(test_ip_options),    cmocka_unit_test(test_ip_options_inherited),
        cmocka_unit_test(test_families),      cmocka_unit_test(test_one_of_both_families),
        cmocka_unit_test(test_urgent),        cmocka_unit_test(test_urgent_again),
        cmocka_unit_test(test_urgent_inline), cmocka_unit_test(test_urgent_in_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
