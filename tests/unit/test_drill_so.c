#include "support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "drill/packet.h"
#include "drill/so/interface.h"

/* liblastack-packetdrill.so, opened and called as packetdrill does: each of its functions, by a peer that is a few packets
   here. */

static void *object;
static void (*init)(const char *flags, struct packetdrill_table *table);
static struct packetdrill_table t;

static const struct la_endpoint far_end = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1}}, 5000};
static struct la_endpoint near_end = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 7, 9}}, 8080};

static uint32_t peer_seq; /* what the peer sends next */
static uint32_t peer_ack; /* what it has seen of the host */

static int open_object(void **state)
{
    (void)state;
    const char *path = getenv("LASTACK_PACKETDRILL");
    object = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (object == NULL)
        return -1;
    void *symbol = dlsym(object, "packetdrill_interface_init");
    memcpy(&init, &symbol, sizeof init);
    return symbol != NULL ? 0 : -1;
}

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    init("msl_ms=1000,delayed_ack_ms=0", &t);
    return 0;
}

static int end(void **state)
{
    (void)state;
    t.end(t.self);
    return 0;
}

static struct sockaddr_in address_of(const struct la_endpoint *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    memcpy(&address.sin_addr, endpoint->address.octets + 12, 4);
    return address;
}

static void put(uint16_t flags, uint32_t length)
{
    uint8_t octets[4096];
    struct packet packet = {.source = far_end,
                            .destination = near_end,
                            .flags = flags,
                            .seq = peer_seq,
                            .ack = (flags & LA_ACK) != 0 ? peer_ack : 0,
                            .window = 20000,
                            .length = length};
    size_t size = packet_build(&packet, 0, octets, sizeof octets);
    assert_int_equal(t.netdev_send(t.self, octets, size), 0);
    peer_seq += length + ((flags & (LA_SYN | LA_FIN)) != 0 ? 1 : 0);
}

static long long get(uint16_t flags, uint32_t length)
{
    uint8_t octets[4096];
    size_t size = sizeof octets;
    long long time_us = 0;
    struct packet packet;
    const uint8_t *text = NULL;
    assert_int_equal(t.netdev_receive(t.self, octets, &size, &time_us), 0);
    assert_null(packet_read(octets, size, &packet, &text));
    assert_int_equal(packet.flags, flags);
    assert_int_equal(packet.length, length);
    peer_ack = packet.seq + length + ((flags & (LA_SYN | LA_FIN)) != 0 ? 1 : 0);
    near_end = packet.source;
    return time_us;
}

static long long now_us(void)
{
    struct timeval time;
    assert_int_equal(t.gettimeofday(t.self, &time, NULL), 0);
    return (long long)time.tv_sec * 1000000 + time.tv_usec;
}

/* A connection from the peer, accepted. */
static int open_passive(int *listener)
{
    const int one = 1;
    struct sockaddr_in address = address_of(&near_end);
    *listener = t.socket(t.self, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(*listener >= 0);
    assert_int_equal(t.setsockopt(t.self, *listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(t.bind(t.self, *listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(t.listen(t.self, *listener, 1), 0);
    peer_seq = 100;
    put(LA_SYN, 0);
    get(LA_SYN | LA_ACK, 0);
    put(LA_ACK, 0);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    int fd = t.accept(t.self, *listener, (struct sockaddr *)&peer, &length);
    assert_true(fd >= 0);
    assert_int_equal(ntohs(peer.sin_port), 5000);
    return fd;
}

/* ---- the table ---- */

static void test_the_table_is_as_packetdrill_reads_it(void **state)
{
    (void)state;
    enum { FUNCTIONS = 32 };
    void *words[FUNCTIONS + 1];
    assert_int_equal(sizeof t, sizeof words);
    memcpy(words, &t, sizeof words);
    for (size_t i = 0; i < FUNCTIONS + 1; i++)
        assert_non_null(words[i]);
    assert_int_equal(offsetof(struct packetdrill_table, netdev_send), 24 * sizeof(void *));
    assert_int_equal(offsetof(struct packetdrill_table, splice), 32 * sizeof(void *));
}

/* ---- a life ---- */

static void test_every_call_of_a_passive_life(void **state)
{
    (void)state;
    int listener;
    int fd = open_passive(&listener);
    char data[1000] = {0};
    struct iovec parts[2] = {{data, 30}, {data + 30, 20}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    assert_int_equal(t.write(t.self, fd, data, 100), 100);
    get(LA_PSH | LA_ACK, 100);
    put(LA_ACK, 0);
    assert_int_equal(t.writev(t.self, fd, parts, 2), 50);
    get(LA_PSH | LA_ACK, 50);
    put(LA_ACK, 0);
    assert_int_equal(t.send(t.self, fd, data, 10, 0), 10);
    get(LA_PSH | LA_ACK, 10);
    put(LA_ACK, 0);
    assert_int_equal(t.sendto(t.self, fd, data, 11, 0, NULL, 0), 11);
    get(LA_PSH | LA_ACK, 11);
    put(LA_ACK, 0);
    assert_int_equal(t.sendmsg(t.self, fd, &message, 0), 50);
    get(LA_PSH | LA_ACK, 50);
    put(LA_ACK | LA_PSH, 500);
    get(LA_ACK, 0);
    int waiting = 0;
    assert_int_equal(t.ioctl(t.self, fd, SIOCINQ, &waiting), 0);
    assert_int_equal(waiting, 500);
    assert_int_equal(t.read(t.self, fd, data, 100), 100);
    assert_int_equal(data[1], (char)packet_pattern(1));
    assert_int_equal(t.readv(t.self, fd, parts, 2), 50);
    assert_int_equal(t.recv(t.self, fd, data, 50, 0), 50);
    assert_int_equal(t.recvfrom(t.self, fd, data, 100, 0, NULL, NULL), 100);
    assert_int_equal(t.recvmsg(t.self, fd, &message, 0), 50);
    int nodelay = 7;
    socklen_t length = sizeof nodelay;
    assert_int_equal(t.getsockopt(t.self, fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &length), 0);
    assert_int_equal(nodelay, 0);
    assert_int_equal(t.fcntl(t.self, fd, F_GETFL), O_RDWR);
    assert_int_equal(t.fcntl(t.self, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(t.recv(t.self, fd, data, 1000, 0), 150);
    assert_int_equal(t.recv(t.self, fd, data, 1000, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(t.shutdown(t.self, fd, SHUT_WR), 0);
    get(LA_FIN | LA_ACK, 0);
    put(LA_FIN | LA_ACK, 0);
    get(LA_ACK, 0);
    assert_int_equal(t.read(t.self, fd, data, 1), 0);
    assert_int_equal(t.close(t.self, fd), 0);
    assert_int_equal(t.close(t.self, fd), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* the kernel's is closed too */
    assert_int_equal(t.close(t.self, listener), 0);
}

static void test_readiness(void **state)
{
    (void)state;
    int listener;
    int fd = open_passive(&listener);
    struct pollfd polls[2] = {{.fd = fd, .events = POLLIN | POLLOUT}, {.fd = listener, .events = POLLIN}};
    assert_int_equal(t.poll(t.self, polls, 2, 0), 1);
    assert_int_equal(polls[0].revents, POLLOUT);
    assert_int_equal(polls[1].revents, 0);
    int epoll = t.epoll_create(t.self, 1);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
    assert_int_equal(t.epoll_ctl(t.self, epoll, EPOLL_CTL_ADD, fd, &event), 0);
    event = (struct epoll_event){0};
    assert_int_equal(t.epoll_wait(t.self, epoll, &event, 1, 0), 0);
    put(LA_ACK | LA_PSH, 5);
    get(LA_ACK, 0);
    assert_int_equal(t.epoll_wait(t.self, epoll, &event, 1, 0), 1);
    assert_int_equal(event.events, EPOLLIN);
    assert_int_equal(event.data.u64, 77);
    int fds[2];
    assert_int_equal(t.pipe(t.self, fds), -1);
    assert_int_equal(errno, ENOSYS);
    assert_int_equal(t.splice(t.self, fd, NULL, fd, NULL, 1, 0), -1);
    assert_int_equal(errno, ENOSYS);
}

/* ---- time ---- */

static void test_the_clock_moves_when_it_is_asked(void **state)
{
    (void)state;
    long long before = now_us();
    assert_in_range(now_us(), before + 1, before + 10);
    assert_int_equal(t.usleep(t.self, 250000), 0);
    assert_in_range(now_us(), before + 250000, before + 250020);
}

static void test_what_is_waited_for_comes_at_its_time(void **state)
{
    (void)state;
    int listener;
    int fd = open_passive(&listener);
    char data[10] = {0};
    assert_int_equal(t.write(t.self, fd, data, 10), 10);
    long long first = get(LA_PSH | LA_ACK, 10);
    long long again = get(LA_PSH | LA_ACK, 10);
    long long and_again = get(LA_PSH | LA_ACK, 10);
    assert_in_range(again - first, 200000, 1010000);
    assert_in_range(and_again - again, 2 * (again - first) - 20000, 2 * (again - first) + 20000);
}

/* ---- calls that block: in a thread of their own, as packetdrill makes them ---- */

struct call {
    int fd;
    atomic_int thread; /* as /proc names it */
    long answer;
    long long answered_us;
};

static void *connect_thread(void *context)
{
    struct call *call = context;
    call->thread = gettid();
    struct sockaddr_in address = address_of(&far_end);
    call->answer = t.connect(t.self, call->fd, (struct sockaddr *)&address, sizeof address);
    call->answered_us = now_us();
    return NULL;
}

static void *read_thread(void *context)
{
    struct call *call = context;
    call->thread = gettid();
    char data[100];
    call->answer = t.read(t.self, call->fd, data, sizeof data);
    call->answered_us = now_us();
    return NULL;
}

/* As packetdrill sees that a call blocks: /proc says that the thread is asleep. */
static void await_sleep(const struct call *call)
{
    char state = 0;
    const time_t late = time(NULL) + 30; /* the machine may have other things to do than to begin the thread */
    while (state != 'S' && time(NULL) < late) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", call->thread);
        FILE *file = call->thread != 0 ? fopen(path, "r") : NULL;
        if (file == NULL || fscanf(file, "%*d %*s %c", &state) != 1)
            state = 0;
        if (file != NULL)
            fclose(file);
        sched_yield();
    }
    assert_int_equal(state, 'S');
}

/* The clock stands still until the thread has been told, and has looked at it. */
static void test_a_blocked_call_answers_at_its_time(void **state)
{
    (void)state;
    struct call call = {.fd = t.socket(t.self, AF_INET, SOCK_STREAM, 0)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, connect_thread, &call), 0);
    await_sleep(&call);
    get(LA_SYN, 0);
    t.usleep(t.self, 20000);
    peer_seq = 900;
    long long before = now_us();
    put(LA_SYN | LA_ACK, 0);
    long long after = now_us();
    pthread_join(thread, NULL);
    assert_int_equal(call.answer, 0);
    assert_in_range(call.answered_us, before, after);
    get(LA_ACK, 0);

    call.thread = 0;
    assert_int_equal(pthread_create(&thread, NULL, read_thread, &call), 0);
    await_sleep(&call);
    before = now_us();
    put(LA_ACK | LA_PSH, 42);
    after = now_us();
    pthread_join(thread, NULL);
    assert_int_equal(call.answer, 42);
    assert_in_range(call.answered_us, before, after);
    get(LA_ACK, 0);
}

/* No flag says which IP version the script is of. */
static void test_it_opens_over_ipv6(void **state)
{
    (void)state;
    struct sockaddr_in6 far = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &far.sin6_addr), 1);
    int fd = t.socket(t.self, AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(t.fcntl(t.self, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    errno = 0;
    assert_int_equal(t.connect(t.self, fd, (struct sockaddr *)&far, sizeof far), -1);
    assert_int_equal(errno, EINPROGRESS);
    get(LA_SYN, 0);
    assert_false(la_address_is_ipv4(&near_end.address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_table_is_as_packetdrill_reads_it, begin, end),
        cmocka_unit_test_setup_teardown(test_every_call_of_a_passive_life, begin, end),
        cmocka_unit_test_setup_teardown(test_readiness, begin, end),
        cmocka_unit_test_setup_teardown(test_the_clock_moves_when_it_is_asked, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_waited_for_comes_at_its_time, begin, end),
        cmocka_unit_test_setup_teardown(test_a_blocked_call_answers_at_its_time, begin, end),
        cmocka_unit_test_setup_teardown(test_it_opens_over_ipv6, begin, end),
    };
    return cmocka_run_group_tests(tests, open_object, NULL);
}
