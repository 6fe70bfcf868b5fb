#include "sockets_private.h"

/* Who may have which local port: Linux's inet_csk_get_port. */

/* A socket at one address, "any" perhaps, is in the way of one at the other. */
static bool covers(const struct la_address *one, bool is_ipv6_only, const struct la_address *other)
{
    if (!address_is_wildcard(one)) {
        return la_address_equal(one, other);
    }
    return la_address_is_ipv4(one) ? la_address_is_ipv4(other) : !(is_ipv6_only && la_address_is_ipv4(other));
}

/* Linux's inet_rcv_saddr_equal. */
static bool overlaps(const struct socket *one, const struct la_endpoint *local, const struct socket *other)
{
    return local->port == other->local.port &&
           (covers(&local->address, one->options.ipv6_only, &other->local.address) ||
            covers(&other->local.address, other->options.ipv6_only, &local->address));
}

/* Both may have the port: both said so, and the other one does not listen there. */
static bool may_share(const struct socket *one, const struct socket *other)
{
    if (one->options.reuse_port && other->options.reuse_port) {
        return true;
    }
    return one->options.reuse_address && other->options.reuse_address && !other->has_listener;
}

static bool is_taken_by_sockets(const struct sockets *sockets, const struct file *file, const struct la_endpoint *local)
{
    if (sockets->ports[local->port].all == 0) {
        return false;
    }
    for (uint32_t i = 0; i < sockets->file_count; i++) {
        const struct file *other = file_at(sockets, i);
        if (other != file && other->kind == FILE_SOCKET && overlaps(&file->socket, local, &other->socket) &&
            !may_share(&file->socket, &other->socket)) {
            return true;
        }
    }
    return false;
}

int port_check(const struct sockets *sockets, const struct file *file, const struct la_endpoint *local, bool listens)
{
    la_time when = 0;
    if (is_taken_by_sockets(sockets, file, local)) {
        return -EADDRINUSE;
    }
    /* What was closed and goes on, and who waits: only SO_REUSEADDR passes over them. */
    if (!listens && !file->socket.options.reuse_address && la_rebind_when(sockets->host, local, &when) == LA_OK &&
        when != 0) {
        return -EADDRINUSE;
    }
    return 0;
}

/* SplitMix64: what the seed and the number of the draw give. */
static uint64_t drawn(struct sockets *sockets)
{
    uint64_t x = sockets->config.seed + ++sockets->ports_drawn * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint16_t port_draw(struct sockets *sockets, const struct file *file, const struct la_address *address)
{
    uint32_t first = sockets->host_config.ephemeral_first;
    uint32_t range = sockets->host_config.ephemeral_last - first + 1;
    uint32_t start = (uint32_t)(drawn(sockets) % range);
    for (uint32_t i = 0; i < range; i++) {
        const struct la_endpoint local = {*address, (uint16_t)(first + (start + i) % range)};
        la_time when = 0;
        if (sockets->ports[local.port].all == 0 && port_check(sockets, file, &local, false) == 0 &&
            la_rebind_when(sockets->host, &local, &when) == LA_OK && when == 0) {
            return local.port;
        }
    }
    return 0;
}

void port_take(struct sockets *sockets, struct socket *socket, uint16_t port, enum port_giver giver)
{
    port_give_back(sockets, socket);
    socket->local.port = port;
    socket->has_bound_port = giver == PORT_OF_BIND;
    socket->has_port_of_its_own = giver != PORT_OF_CONNECT;
    sockets->ports[port].all++;
    sockets->ports[port].own += socket->has_port_of_its_own;
}

void port_give_back(struct sockets *sockets, struct socket *socket)
{
    if (socket->local.port != 0) {
        sockets->ports[socket->local.port].all--;
        sockets->ports[socket->local.port].own -= socket->has_port_of_its_own;
        socket->local.port = 0;
        socket->has_bound_port = false;
    }
}
