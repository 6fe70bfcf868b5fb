#include <netinet/in.h>
#include <string.h>

#include "sockets_private.h"

/* The system's addresses and the host's. */

bool address_is_wildcard(const struct la_address *address)
{
    static const struct la_address any;
    const struct la_address any_ipv4 = la_address_ipv4(0, 0, 0, 0);
    return la_address_equal(address, &any) || la_address_equal(address, &any_ipv4);
}

struct la_address address_wildcard(sa_family_t family)
{
    return family == AF_INET ? la_address_ipv4(0, 0, 0, 0) : (struct la_address){{0}};
}

static int take_ipv4(const struct sockaddr *address, socklen_t length, struct la_endpoint *endpoint)
{
    struct sockaddr_in in;
    if (length < sizeof in) {
        return -EINVAL;
    }
    memcpy(&in, address, sizeof in);
    if (in.sin_family != AF_INET) {
        return -EAFNOSUPPORT;
    }
    uint32_t octets = ntohl(in.sin_addr.s_addr);
    const struct la_address from =
        la_address_ipv4((uint8_t)(octets >> 24), (uint8_t)(octets >> 16), (uint8_t)(octets >> 8), (uint8_t)octets);
    *endpoint = (struct la_endpoint){from, ntohs(in.sin_port)};
    return 0;
}

static int take_ipv6(const struct sockaddr *address, socklen_t length, struct la_endpoint *endpoint)
{
    struct sockaddr_in6 in;
    if (length < offsetof(struct sockaddr_in6, sin6_scope_id)) { /* Linux's SIN6_LEN_RFC2133 */
        return -EINVAL;
    }
    memset(&in, 0, sizeof in);
    memcpy(&in, address, length < sizeof in ? length : sizeof in);
    if (in.sin6_family != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    *endpoint = (struct la_endpoint){.port = ntohs(in.sin6_port)};
    memcpy(endpoint->address.octets, &in.sin6_addr, sizeof endpoint->address.octets);
    return 0;
}

int address_take(const struct socket *socket, const struct sockaddr *address, socklen_t length,
                 struct la_endpoint *endpoint)
{
    if (address == NULL) {
        return -EFAULT;
    }
    if (length < sizeof address->sa_family) {
        return -EINVAL;
    }
    return socket->family == AF_INET ? take_ipv4(address, length, endpoint) : take_ipv6(address, length, endpoint);
}

void address_give(const struct socket *socket, const struct la_endpoint *endpoint, struct sockaddr *address,
                  socklen_t *length)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    const void *from = &ipv6;
    socklen_t size = sizeof ipv6;
    if (socket->family == AF_INET) {
        from = &ipv4;
        size = sizeof ipv4;
    }
    if (la_address_is_ipv4(&endpoint->address)) {
        memcpy(&ipv4.sin_addr, endpoint->address.octets + 12, sizeof ipv4.sin_addr);
    }
    memcpy(&ipv6.sin6_addr, endpoint->address.octets, sizeof ipv6.sin6_addr);
    memcpy(address, from, *length < size ? *length : size);
    *length = size;
}
