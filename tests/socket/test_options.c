#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "support/world.h"

/* getsockopt, setsockopt, ioctl. */

static int set(struct world *world, int fd, int level, int option, int value)
{
    return sockets_setsockopt(SOCKETS(world, CLIENT), fd, level, option, &value, sizeof value);
}

static int get(struct world *world, int fd, int level, int option)
{
    return get_int(world, CLIENT, fd, level, option);
}

static void set_and_got(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, CLIENT, 0);
    const struct {
        int level, option, before, value, after;
    } rows[] = {
        {SOL_SOCKET, SO_REUSEADDR, 0, 7, 1},
        {SOL_SOCKET, SO_REUSEPORT, 0, 1, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1},
        {SOL_SOCKET, SO_OOBINLINE, 0, 1, 1},
        {SOL_SOCKET, SO_SNDBUF, 131072, 10000, 20000},
        {SOL_SOCKET, SO_SNDBUF, 20000, 1, 4608},
        {SOL_SOCKET, SO_SNDBUF, 4608, 1 << 30, 131072},
        {SOL_SOCKET, SO_RCVBUF, 131072, 10000, 20000},
        {SOL_SOCKET, SO_RCVBUF, 20000, 1, 2304},
        {SOL_SOCKET, SO_RCVLOWAT, 1, 0, 1},
        {SOL_SOCKET, SO_RCVLOWAT, 1, 100, 100},
        {IPPROTO_TCP, TCP_NODELAY, 0, 1, 1},
        {IPPROTO_TCP, TCP_CORK, 0, 1, 1},
        {IPPROTO_TCP, TCP_QUICKACK, 1, 0, 0},
        {IPPROTO_TCP, TCP_MAXSEG, 536, 1000, 1000},
        {IPPROTO_TCP, TCP_KEEPIDLE, 7200, 10, 10},
        {IPPROTO_TCP, TCP_KEEPINTVL, 75, 5, 5},
        {IPPROTO_TCP, TCP_KEEPCNT, 9, 3, 3},
        {IPPROTO_TCP, TCP_SYNCNT, 6, 2, 2},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 3000, 3000},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, 100, 100},
        {IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, 5000, 5000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(get(world, fd, rows[i].level, rows[i].option), rows[i].before);
        assert_int_equal(set(world, fd, rows[i].level, rows[i].option, rows[i].value), 0);
        assert_int_equal(get(world, fd, rows[i].level, rows[i].option), rows[i].after);
    }
    assert_int_equal(get(world, fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(get(world, fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(get(world, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    world_end(world);
}

static void refused_values(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, CLIENT, 0);
    const struct {
        int level, option, value, result;
    } rows[] = {
        {IPPROTO_TCP, TCP_MAXSEG, 87, -EINVAL},       {IPPROTO_TCP, TCP_MAXSEG, 32768, -EINVAL},
        {IPPROTO_TCP, TCP_KEEPIDLE, 0, -EINVAL},      {IPPROTO_TCP, TCP_KEEPIDLE, 32768, -EINVAL},
        {IPPROTO_TCP, TCP_KEEPCNT, 128, -EINVAL},     {IPPROTO_TCP, TCP_SYNCNT, 0, -EINVAL},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, -1, -EINVAL}, {IPPROTO_TCP, 99, 1, -ENOPROTOOPT},
        {SOL_SOCKET, 999, 1, -ENOPROTOOPT},           {77, 1, 1, -ENOPROTOOPT},
        {IPPROTO_IPV6, IPV6_V6ONLY, 1, -ENOPROTOOPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(set(world, fd, rows[i].level, rows[i].option, rows[i].value), rows[i].result);
    }
    int value = 1;
    socklen_t length = sizeof value;
    struct sockets *sockets = world->side[CLIENT].sockets;
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, SOL_SOCKET, SO_REUSEADDR, &value, 2), -EINVAL);
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, SOL_SOCKET, SO_LINGER, &value, 4), -EINVAL);
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4), -EFAULT);
    assert_int_equal(sockets_setsockopt(sockets, world->now, 77, SOL_SOCKET, SO_REUSEADDR, &value, 4), -EBADF);
    assert_int_equal(sockets_getsockopt(sockets, world->now, fd, IPPROTO_TCP, 99, &value, &length), -ENOPROTOOPT);
    assert_int_equal(sockets_getsockopt(sockets, world->now, fd, 77, 1, &value, &length), -EOPNOTSUPP);
    value = 0;
    length = 1;
    assert_int_equal(sockets_getsockopt(sockets, world->now, fd, SOL_SOCKET, SO_TYPE, &value, &length), 0);
    assert_true(length == 1 && value == SOCK_STREAM);
    struct timeval time = {.tv_usec = 1000000};
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), -EDOM);
    time = (struct timeval){3, 500000};
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
    time = (struct timeval){0};
    length = sizeof time;
    assert_int_equal(sockets_getsockopt(sockets, world->now, fd, SOL_SOCKET, SO_RCVTIMEO, &time, &length), 0);
    assert_true(time.tv_sec == 3 && time.tv_usec == 500000);
    world_end(world);
}

static void congestion(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = new_socket(world, CLIENT, 0);
    char name[16];
    socklen_t length = sizeof name;
    struct sockets *sockets = world->side[CLIENT].sockets;
    assert_int_equal(sockets_getsockopt(sockets, world->now, fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
    assert_string_equal(name, "reno");
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    assert_int_equal(sockets_setsockopt(sockets, world->now, fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5), -ENOENT);
    world_end(world);
}

/* What is set before the connection is there is the connection's; what is set later too. */
static void options_reach_the_connection(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    listening(world, 80, 1);
    int fd = new_socket(world, CLIENT, 0);
    set_int(world, CLIENT, fd, IPPROTO_TCP, TCP_MAXSEG, 500);
    set_int(world, CLIENT, fd, SOL_SOCKET, SO_RCVBUF, 20000);
    set_int(world, CLIENT, fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 9000);
    set_int(world, CLIENT, fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    begin_connect(world, fd, 80);
    struct la_conn conn;
    int64_t value = 0;
    la_host *host = world->side[CLIENT].host;
    assert_int_equal(sockets_connection(world->side[CLIENT].sockets, fd, &conn), 0);
    assert_int_equal(la_get_option(host, conn, LA_OPTION_MAX_SEGMENT_BYTES, &value), LA_OK);
    assert_int_equal(value, 500);
    assert_int_equal(la_get_option(host, conn, LA_OPTION_RECEIVE_BUFFER_BYTES, &value), LA_OK);
    assert_int_equal(value, 9000);
    assert_int_equal(la_get_option(host, conn, LA_OPTION_KEEPALIVE, &value), LA_OK);
    assert_int_equal(value, 1);
    assert_int_equal(get(world, fd, IPPROTO_TCP, TCP_MAXSEG), 500 - 12);
    set_int(world, CLIENT, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    assert_int_equal(la_get_option(host, conn, LA_OPTION_NODELAY, &value), LA_OK);
    assert_int_equal(value, 1);
    assert_int_equal(set(world, fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0), -EINVAL);
    world_end(world);
}

static void not_sent_low_water(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    set_int(world, CLIENT, ends.client, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1000);
    struct epoll_event event = {.events = EPOLLOUT};
    int epoll = sockets_epoll_create1(SOCKETS(world, CLIENT), 0);
    assert_int_equal(sockets_epoll_ctl(SOCKETS(world, CLIENT), epoll, EPOLL_CTL_ADD, ends.client, &event), 0);
    static const uint8_t octets[40000];
    world->is_held = true;
    assert_int_equal(do_write(world, CLIENT, ends.client, octets, sizeof octets), sizeof octets);
    assert_int_equal(do_poll(world, CLIENT, ends.client), 0);
    assert_int_equal(do_write(world, CLIENT, ends.client, octets, 1), -EAGAIN);
    struct socket_call call = {0};
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, CLIENT), &call, epoll, &event, 1, 0), 0);
    world->is_held = false;
    settle(world);
    assert_int_equal(do_poll(world, CLIENT, ends.client), POLLOUT);
    assert_int_equal(sockets_epoll_wait(SOCKETS(world, CLIENT), &call, epoll, &event, 1, 0), 1);
    world_end(world);
}

static struct tcp_info information(struct world *world, unsigned side, int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    assert_int_equal(sockets_getsockopt(SOCKETS(world, side), fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    assert_int_equal(length, sizeof info);
    return info;
}

static void tcp_information(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 3);
    int fd = new_socket(world, CLIENT, 0);
    assert_int_equal(information(world, CLIENT, fd).tcpi_state, 7); /* Linux's TCP_CLOSE */
    begin_connect(world, fd, 80);
    struct tcp_info info = information(world, SERVER, listener);
    assert_int_equal(info.tcpi_state, 10);
    assert_int_equal(info.tcpi_unacked, 1); /* waits to be accepted */
    assert_int_equal(info.tcpi_sacked, 3);  /* the backlog */
    int server = (int)do_accept(world, listener);
    world->is_cut = true;
    static const uint8_t octets[5000];
    do_write(world, CLIENT, fd, octets, sizeof octets);
    info = information(world, CLIENT, fd);
    assert_int_equal(info.tcpi_state, 1);
    assert_int_equal(info.tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_WSCALE);
    assert_int_equal(info.tcpi_snd_mss, 1448);
    assert_int_equal(info.tcpi_unacked, 3); /* what is left is not full: Nagle */
    assert_true(info.tcpi_snd_cwnd >= 4);
    assert_int_equal(info.tcpi_snd_ssthresh, 0x7fffffff);
    assert_int_equal(info.tcpi_bytes_acked, 0);
    pass_ms(world, 300);
    info = information(world, CLIENT, fd);
    assert_int_equal(info.tcpi_retransmits, 1);
    assert_int_equal(info.tcpi_total_retrans, 1);
    world->is_cut = false;
    pass_ms(world, 5000);
    assert_int_equal(information(world, CLIENT, fd).tcpi_bytes_acked, 5000);
    assert_int_equal(information(world, SERVER, server).tcpi_bytes_received, 5000);
    do_close(world, CLIENT, fd);
    assert_int_equal(information(world, SERVER, server).tcpi_state, 8);
    world_end(world);
}

static int counted(struct world *world, unsigned side, int fd, unsigned long request)
{
    int count = -1;
    assert_int_equal(sockets_ioctl(SOCKETS(world, side), fd, request, &count), 0);
    return count;
}

static void queues(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    struct ends ends = connected(world);
    static const uint8_t octets[40000];
    world->is_cut = true;
    do_write(world, CLIENT, ends.client, octets, sizeof octets);
    int unsent = counted(world, CLIENT, ends.client, SIOCOUTQNSD);
    assert_in_range(unsent, 1, 40000 - 1448);
    assert_int_equal(counted(world, CLIENT, ends.client, SIOCOUTQ), 40000);
    assert_int_equal(counted(world, SERVER, ends.server, SIOCINQ), 0);
    world->is_cut = false;
    pass_ms(world, 5000);
    assert_int_equal(counted(world, CLIENT, ends.client, SIOCOUTQ), 0);
    assert_int_equal(counted(world, SERVER, ends.server, FIONREAD), 40000);
    assert_int_equal(counted(world, SERVER, ends.server, SIOCATMARK), 0);
    int on = 1;
    assert_int_equal(sockets_ioctl(SOCKETS(world, CLIENT), ends.client, FIONBIO, &on), 0);
    assert_int_equal(sockets_fcntl(SOCKETS(world, CLIENT), ends.client, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    int listener = listening(world, 81, 1);
    assert_int_equal(sockets_ioctl(SOCKETS(world, SERVER), listener, SIOCINQ, &on), -EINVAL);
    assert_int_equal(sockets_ioctl(SOCKETS(world, SERVER), listener, 0x1234, &on), -ENOTTY);
    assert_int_equal(sockets_ioctl(SOCKETS(world, SERVER), 77, SIOCINQ, &on), -EBADF);
    world_end(world);
}

/* A socket of the other family, with an IPv4 peer: addresses are mapped, unless it wants IPv6 alone. */
static void ipv6_sockets(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int fd = sockets_socket(SOCKETS(world, SERVER), AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), fd, (void *)&any, sizeof any), 0);
    assert_int_equal(sockets_listen(SOCKETS(world, SERVER), fd, 1), 0);
    int client = new_socket(world, CLIENT, 0);
    begin_connect(world, client, 80);
    struct sockaddr_in6 peer;
    socklen_t length = sizeof peer;
    struct socket_call call = {0};
    assert_true(sockets_accept(SOCKETS(world, SERVER), &call, fd, (void *)&peer, &length) > 0);
    assert_int_equal(length, sizeof peer);
    assert_int_equal(peer.sin6_family, AF_INET6);
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1};
    assert_memory_equal(&peer.sin6_addr, mapped, sizeof mapped);
    int only = sockets_socket(SOCKETS(world, CLIENT), AF_INET6, SOCK_STREAM, 0);
    set_int(world, CLIENT, only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    memcpy(&peer.sin6_addr, mapped, sizeof mapped);
    assert_int_equal(sockets_connect(SOCKETS(world, CLIENT), &call, only, (void *)&peer, sizeof peer), -ENETUNREACH);
    world_end(world);
}

/* Of the SYN-ACK already. */
static void a_listeners_ttl_and_tos(void **state)
{
    (void)state;
    struct world *world = world_begin(NULL);
    int listener = listening(world, 80, 4);
    set_int(world, SERVER, listener, IPPROTO_IP, IP_TTL, 9);
    set_int(world, SERVER, listener, IPPROTO_IP, IP_TOS, 0x28);
    begin_connect(world, new_socket(world, CLIENT, 0), 80);
    assert_int_equal(last_packet_of(SERVER)[33] & 0x12, 0x12); /* SYN, ACK */
    assert_int_equal(last_packet_of(SERVER)[8], 9);
    assert_int_equal(last_packet_of(SERVER)[1], 0x28);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_got),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(congestion),
        cmocka_unit_test(options_reach_the_connection),
        cmocka_unit_test(not_sent_low_water),
        cmocka_unit_test(tcp_information),
        cmocka_unit_test(queues),
        cmocka_unit_test(ipv6_sockets),
        cmocka_unit_test(a_listeners_ttl_and_tos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
