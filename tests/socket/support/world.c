#include "world.h"

#include <stdlib.h>

enum { PACKET_BYTES = 2048, STEPS_MOST = 100000 };

static uint8_t last_packet[SIDES][PACKET_BYTES];
static size_t last_length[SIDES];

void world_config(struct la_config *config)
{
    la_config_default(config);
    config->connections = 64;
    config->listeners = 8;
    config->time_wait_ipv4 = 64;
    config->buffer_piece_bytes = 2048;
    config->buffer_pieces = 1024;
    config->send_buffer_bytes = 65536;
    config->receive_buffer_bytes = 65536;
    config->delayed_ack_ms = 0;
    config->r2_syn_ms = 127000;
    config->rto_max_ms = 120000;
    config->keep_unread = true;
}

static void side_begin(struct world *world, unsigned number)
{
    struct side *side = &world->side[number];
    struct la_config config = world->config;
    config.key[0] = (uint8_t)(number + 1);
    size_t size = la_host_size(&config);
    assert_int_not_equal(size, 0);
    size = (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    side->block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    side->host = la_host_init(side->block, size, &config, world->now);
    assert_non_null(side->host);
    assert_int_equal(la_interface_add(side->host, world->now, 1500), 0);
    const struct la_address address = la_address_ipv4(10, 0, 0, (uint8_t)(number + 1));
    assert_int_equal(la_address_add(side->host, world->now, 0, &address, 24), LA_OK);
    const struct la_address ipv6 = {{0xfd, [15] = (uint8_t)(number + 1)}};
    assert_int_equal(la_address_add(side->host, world->now, 0, &ipv6, 64), LA_OK);
    struct sockets_config sockets;
    sockets_config_default(&sockets);
    sockets.descriptors = 32;
    sockets.interests = 8;
    side->sockets = sockets_new(side->host, &config, &sockets);
    assert_non_null(side->sockets);
}

struct world *world_begin(const struct la_config *config)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world_config(&world->config);
    if (config != NULL) {
        world->config = *config;
    }
    world->now = LA_SECOND;
    for (unsigned side = 0; side < SIDES; side++) {
        side_begin(world, side);
    }
    return world;
}

void world_end(struct world *world)
{
    for (unsigned side = 0; side < SIDES; side++) {
        sockets_free(world->side[side].sockets, world->now);
        free(world->side[side].block);
    }
    free(world);
}

/* ---- the network ---- */

static void count(struct side *side, const uint8_t *packet, size_t length)
{
    size_t ip = packet[0] >> 4 == 6 ? 40 : (size_t)(packet[0] & 15) * 4;
    uint8_t flags = packet[ip + 13];
    side->packets++;
    side->syns += (flags & LA_SYN) != 0;
    side->fins += (flags & LA_FIN) != 0;
    side->resets += (flags & LA_RST) != 0;
    side->texts += length > ip + (size_t)(packet[ip + 12] >> 4) * 4;
}

static bool carry(struct world *world, unsigned number)
{
    uint8_t packet[PACKET_BYTES];
    struct side *side = &world->side[number];
    size_t length = la_host_output(side->host, world->now, 0, packet, sizeof packet);
    if (length == 0) {
        return false;
    }
    memcpy(last_packet[number], packet, length);
    last_length[number] = length;
    count(side, packet, length);
    if (!world->is_cut) {
        la_host_input(world->side[1 - number].host, world->now, 0, packet, length);
    }
    return true;
}

void settle(struct world *world)
{
    unsigned steps = 0;
    if (world->is_held) {
        return;
    }
    while (carry(world, CLIENT) || carry(world, SERVER)) {
        assert_true(++steps < STEPS_MOST);
    }
}

static la_time next_deadline(const struct world *world)
{
    la_time client = la_host_deadline(world->side[CLIENT].host);
    la_time server = la_host_deadline(world->side[SERVER].host);
    return client < server ? client : server;
}

void pass_some(struct world *world, la_time until)
{
    settle(world);
    la_time next = next_deadline(world);
    next = next < until ? next : until;
    world->now = next > world->now ? next : world->now;
    for (unsigned side = 0; side < SIDES; side++) {
        la_host_advance(world->side[side].host, world->now);
    }
    settle(world);
}

void pass_ms(struct world *world, uint64_t ms)
{
    la_time until = world->now + ms * LA_MILLISECOND;
    unsigned steps = 0;
    do {
        pass_some(world, until);
        assert_true(++steps < STEPS_MOST);
    } while (world->now < until || next_deadline(world) <= until);
}

static uint16_t internet_checksum(const uint8_t *octets, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)octets[i] << 8 : octets[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

const uint8_t *last_packet_of(unsigned side)
{
    return last_packet[side];
}

void inject_unreachable(struct world *world, unsigned side, uint8_t code)
{
    enum { IP = 20, ICMP = 8, QUOTE = 28 };
    static const uint8_t router[4] = {10, 0, 0, 254};
    uint8_t packet[IP + ICMP + QUOTE] = {0x45, 0, 0, sizeof packet, 0, 0, 0, 0, 64, 1};
    assert_true(last_length[side] >= QUOTE);
    memcpy(packet + 12, router, 4);
    memcpy(packet + 16, last_packet[side] + 12, 4);
    uint16_t sum = internet_checksum(packet, IP);
    packet[10] = (uint8_t)(sum >> 8);
    packet[11] = (uint8_t)sum;
    packet[IP] = 3;
    packet[IP + 1] = code;
    memcpy(packet + IP + ICMP, last_packet[side], QUOTE);
    sum = internet_checksum(packet + IP, ICMP + QUOTE);
    packet[IP + 2] = (uint8_t)(sum >> 8);
    packet[IP + 3] = (uint8_t)sum;
    la_host_input(world->side[side].host, world->now, 0, packet, sizeof packet);
}

/* ---- sockets ---- */

struct sockaddr_in address_of(unsigned side, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(0x0a000001 + side);
    return address;
}

int new_socket(struct world *world, unsigned side, int flags)
{
    int fd = sockets_socket(SOCKETS(world, side), AF_INET, SOCK_STREAM | flags, 0);
    assert_true(fd >= 3);
    return fd;
}

int listening(struct world *world, uint16_t port, int backlog)
{
    int fd = new_socket(world, SERVER, SOCK_NONBLOCK);
    const struct sockaddr_in address = address_of(SERVER, port);
    set_int(world, SERVER, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(sockets_bind(SOCKETS(world, SERVER), fd, (const void *)&address, sizeof address), 0);
    assert_int_equal(sockets_listen(SOCKETS(world, SERVER), fd, backlog), 0);
    return fd;
}

void begin_connect(struct world *world, int fd, uint16_t port)
{
    sockets_fcntl(SOCKETS(world, CLIENT), fd, F_SETFL, O_NONBLOCK);
    assert_int_equal(do_connect(world, fd, port), -EINPROGRESS);
}

struct ends connected(struct world *world)
{
    int listener = listening(world, 80, 4);
    struct ends ends = {.client = new_socket(world, CLIENT, 0)};
    begin_connect(world, ends.client, 80);
    settle(world);
    assert_int_equal(do_connect(world, ends.client, 80), 0);
    ends.server = (int)do_accept(world, listener);
    assert_true(ends.server > 0);
    sockets_fcntl(SOCKETS(world, SERVER), ends.server, F_SETFL, O_NONBLOCK);
    assert_int_equal(do_close(world, SERVER, listener), 0);
    return ends;
}

/* ---- calls that must not block ---- */

static ssize_t answered(struct world *world, ssize_t result)
{
    assert_int_not_equal(result, SOCKET_BLOCKED);
    settle(world);
    return result;
}

ssize_t do_close(struct world *world, unsigned side, int fd)
{
    struct socket_call call = {0};
    return answered(world, sockets_close(SOCKETS(world, side), &call, fd));
}

ssize_t do_read(struct world *world, unsigned side, int fd, void *data, size_t length)
{
    struct socket_call call = {0};
    return answered(world, sockets_read(SOCKETS(world, side), &call, fd, data, length));
}

ssize_t do_write(struct world *world, unsigned side, int fd, const void *data, size_t length)
{
    struct socket_call call = {0};
    return answered(world, sockets_write(SOCKETS(world, side), &call, fd, data, length));
}

ssize_t do_send(struct world *world, unsigned side, int fd, const char *text, int flags)
{
    struct socket_call call = {0};
    return answered(world, sockets_send(SOCKETS(world, side), &call, fd, text, strlen(text), flags));
}

ssize_t do_accept(struct world *world, int fd)
{
    struct socket_call call = {0};
    return answered(world, sockets_accept(SOCKETS(world, SERVER), &call, fd, NULL, NULL));
}

ssize_t do_connect(struct world *world, int fd, uint16_t port)
{
    struct socket_call call = {0};
    const struct sockaddr_in address = address_of(SERVER, port);
    return answered(world, sockets_connect(SOCKETS(world, CLIENT), &call, fd, (const void *)&address, sizeof address));
}

int do_poll(struct world *world, unsigned side, int fd)
{
    struct socket_call call = {0};
    struct pollfd poll = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI};
    ssize_t ready = sockets_poll(SOCKETS(world, side), &call, &poll, 1, 0);
    assert_int_equal(ready, poll.revents != 0);
    return poll.revents;
}

int socket_error(struct world *world, unsigned side, int fd)
{
    return get_int(world, side, fd, SOL_SOCKET, SO_ERROR);
}

void set_int(struct world *world, unsigned side, int fd, int level, int option, int value)
{
    assert_int_equal(sockets_setsockopt(SOCKETS(world, side), fd, level, option, &value, sizeof value), 0);
}

int get_int(struct world *world, unsigned side, int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    assert_int_equal(sockets_getsockopt(SOCKETS(world, side), fd, level, option, &value, &length), 0);
    assert_int_equal(length, sizeof value);
    return value;
}

void set_linger(struct world *world, unsigned side, int fd, int seconds)
{
    const struct linger linger = {1, seconds};
    assert_int_equal(sockets_setsockopt(SOCKETS(world, side), fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
}

uint16_t local_port(struct world *world, unsigned side, int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(sockets_getsockname(SOCKETS(world, side), fd, (void *)&address, &length), 0);
    assert_int_equal(length, sizeof address);
    return ntohs(address.sin_port);
}
