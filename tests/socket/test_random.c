#include "support/world.h"

/* Calls at random, on both hosts, over a network that is cut at times. Whatever they answer, the hosts' and the layer's
   books must be even in the end: nothing is held, nothing is left. A failure names its seed. */

enum { SEEDS = 60, STEPS = 3000, NUMBERS = 12, PENDING = 6 };

struct pending {
    struct socket_call call;
    unsigned side;
    unsigned kind; /* 0: none */
    int fd;
};

struct chaos {
    struct world *world;
    uint64_t random;
    struct pending pending[PENDING];
};

static uint8_t data[20000];

static uint32_t below(struct chaos *chaos, uint32_t limit)
{
    chaos->random = chaos->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(chaos->random >> 33) % limit;
}

static bool one_in(struct chaos *chaos, uint32_t n)
{
    return below(chaos, n) == 0;
}

/* ---- calls that may block ---- */

enum { NO_CALL, READ, WRITE, ACCEPT, CONNECT, CLOSE };

static ssize_t make(struct chaos *chaos, struct pending *pending)
{
    struct world *world = chaos->world;
    const struct sockaddr_in address = address_of(1 - pending->side, 80);
    struct socket_call *call = &pending->call;
    switch (pending->kind) {
    case READ: return sockets_recv(SOCKETS(world, pending->side), call, pending->fd, data, 3000, 0);
    case WRITE: return sockets_send(SOCKETS(world, pending->side), call, pending->fd, data, sizeof data, 0);
    case ACCEPT: return sockets_accept(SOCKETS(world, pending->side), call, pending->fd, NULL, NULL);
    case CONNECT:
        return sockets_connect(SOCKETS(world, pending->side), call, pending->fd, (const void *)&address,
                               sizeof address);
    default: return sockets_close(SOCKETS(world, pending->side), call, pending->fd);
    }
}

static void begin_one(struct chaos *chaos, unsigned kind, unsigned side, int fd)
{
    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &chaos->pending[i];
        if (pending->kind == NO_CALL) {
            *pending = (struct pending){.side = side, .kind = kind, .fd = fd};
            if (make(chaos, pending) != SOCKET_BLOCKED) {
                pending->kind = NO_CALL;
            }
            return;
        }
    }
}

static void go_on(struct chaos *chaos, bool interrupts)
{
    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &chaos->pending[i];
        if (pending->kind == NO_CALL) {
            continue;
        }
        if (interrupts) {
            assert_int_not_equal(sockets_interrupt(SOCKETS(chaos->world, pending->side), &pending->call),
                                 SOCKET_BLOCKED);
            pending->kind = NO_CALL;
        } else if (make(chaos, pending) != SOCKET_BLOCKED) {
            pending->kind = NO_CALL;
        }
    }
}

/* ---- calls that do not ---- */

static void open_some(struct chaos *chaos, unsigned side)
{
    struct world *world = chaos->world;
    int fd = sockets_socket(SOCKETS(world, side), AF_INET, SOCK_STREAM | (one_in(chaos, 2) ? SOCK_NONBLOCK : 0), 0);
    if (fd < 0 || !one_in(chaos, 3)) {
        return;
    }
    const struct sockaddr_in address = address_of(side, one_in(chaos, 4) ? 0 : 80);
    int on = 1;
    sockets_setsockopt(SOCKETS(world, side), fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockets_bind(SOCKETS(world, side), fd, (const void *)&address, sizeof address);
    sockets_listen(SOCKETS(world, side), fd, (int)below(chaos, 4));
}

static void change_some(struct chaos *chaos, unsigned side, int fd)
{
    struct world *world = chaos->world;
    const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    const struct linger linger = {(int)below(chaos, 2), (int)below(chaos, 3)};
    struct socket_call call = {0};
    int value = (int)below(chaos, 2);
    switch (below(chaos, 8)) {
    case 0: sockets_shutdown(SOCKETS(world, side), fd, (int)below(chaos, 3)); break;
    case 1: sockets_connect(SOCKETS(world, side), &call, fd, &unspecified, sizeof unspecified); break;
    case 2: sockets_setsockopt(SOCKETS(world, side), fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); break;
    case 3: sockets_dup(SOCKETS(world, side), fd); break;
    case 4: sockets_fcntl(SOCKETS(world, side), fd, F_SETFL, value == 1 ? O_NONBLOCK : 0); break;
    case 5: sockets_setsockopt(SOCKETS(world, side), fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value); break;
    case 6: sockets_epoll_create1(SOCKETS(world, side), 0); break;
    default: value = (int)sockets_listen(SOCKETS(world, side), fd, 2); break;
    }
}

static void watch_some(struct chaos *chaos, unsigned side, int fd)
{
    struct world *world = chaos->world;
    struct socket_call call = {0};
    struct epoll_event events[4] = {{.events = below(chaos, 2) == 0 ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN}};
    int set = 3 + (int)below(chaos, NUMBERS);
    sockets_epoll_ctl(SOCKETS(world, side), set, (int)below(chaos, 3) + 1, fd, events);
    sockets_epoll_wait(SOCKETS(world, side), &call, set, events, 4, 0);
    struct pollfd fds = {.fd = fd, .events = POLLIN};
    sockets_poll(SOCKETS(world, side), &call, &fds, 1, 0);
}

static void step(struct chaos *chaos)
{
    unsigned side = below(chaos, SIDES);
    int fd = 3 + (int)below(chaos, NUMBERS);
    switch (below(chaos, 8)) {
    case 0: open_some(chaos, side); break;
    case 1: change_some(chaos, side, fd); break;
    case 2: watch_some(chaos, side, fd); break;
    case 3: go_on(chaos, one_in(chaos, 3)); break;
    case 4: chaos->world->is_cut = one_in(chaos, 12); break;
    default: begin_one(chaos, one_in(chaos, 5) ? CLOSE : READ + below(chaos, CLOSE - READ), side, fd); break;
    }
    if (one_in(chaos, 3)) {
        pass_ms(chaos->world, below(chaos, 400));
    } else {
        settle(chaos->world);
    }
}

/* Everything closed, and all waits over: what the hosts then still hold, somebody has lost. */
static void expect_nothing_left(struct chaos *chaos)
{
    struct world *world = chaos->world;
    go_on(chaos, true);
    for (unsigned side = 0; side < SIDES; side++) {
        for (int fd = 3; fd < 3 + 32; fd++) {
            struct pending last = {.side = side, .kind = CLOSE, .fd = fd};
            if (make(chaos, &last) == SOCKET_BLOCKED) {
                sockets_interrupt(SOCKETS(world, side), &last.call);
            }
        }
    }
    world->is_cut = false;
    pass_ms(world, 300000);
    for (unsigned side = 0; side < SIDES; side++) {
        struct la_counters counters;
        la_host_counters(world->side[side].host, &counters);
        assert_int_equal(counters.connections, 0);
        assert_int_equal(counters.buffer_pieces, 0);
        assert_int_equal(counters.time_wait_ipv4, 0);
        /* As many sockets as there are numbers can be had again, and any port. */
        int fd = -1;
        for (int i = 0; i < 32; i++) {
            fd = new_socket(world, side, 0);
        }
        const struct sockaddr_in address = address_of(side, 80);
        assert_int_equal(sockets_bind(SOCKETS(world, side), fd, (const void *)&address, sizeof address), 0);
    }
}

static void books_are_even(void **state)
{
    (void)state;
    unsigned texts = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct chaos chaos = {.world = world_begin(NULL), .random = seed};
        print_message("seed %u\r", (unsigned)seed);
        for (unsigned i = 0; i < STEPS; i++) {
            step(&chaos);
        }
        expect_nothing_left(&chaos);
        texts += chaos.world->side[CLIENT].texts;
        world_end(chaos.world);
    }
    assert_true(texts > 20 * SEEDS); /* it was no empty exercise */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(books_are_even)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
