#include <netinet/in.h>
#include <string.h>

#include "sockets_private.h"

/* The options of IPPROTO_IP and IPPROTO_IPV6: Linux's do_ip_setsockopt, do_ipv6_setsockopt and their likes. An IPv6
   socket has both kinds: those of IPPROTO_IP are for the peers whose addresses are mapped. */

#define ECN_BITS 3 /* the host's, not the program's (RFC 3168) */

static int ttl_of(const struct sockets *sockets, const struct ip_options *options)
{
    return options->ttl >= 0 ? options->ttl : sockets->host_config.ttl;
}

void ip_options_apply(struct sockets *sockets, la_time now, const struct socket *socket)
{
    const struct ip_options *options =
        la_address_is_ipv4(&socket->remote.address) ? &socket->options.ipv4 : &socket->options.ipv6;
    if (socket->has_connection) {
        (void)la_set_option(sockets->host, now, socket->connection, LA_OPTION_TTL, ttl_of(sockets, options));
        (void)la_set_option(sockets->host, now, socket->connection, LA_OPTION_DSCP, options->tos >> 2);
    }
    if (socket->has_listener) { /* of IPv4 where it can have no other peers */
        options = la_address_is_ipv4(&socket->local.address) ? &socket->options.ipv4 : &socket->options.ipv6;
        (void)la_set_listener_option(sockets->host, now, socket->listener, LA_OPTION_TTL, ttl_of(sockets, options));
        (void)la_set_listener_option(sockets->host, now, socket->listener, LA_OPTION_DSCP, options->tos >> 2);
    }
}

static int set_ttl(struct ip_options *options, int value)
{
    if (value != -1 && (value < 1 || value > UINT8_MAX)) {
        return -EINVAL;
    }
    options->ttl = (int16_t)value;
    return 0;
}

static int set_tos(struct ip_options *options, int value)
{
    options->tos = (uint8_t)(value & ~ECN_BITS);
    return 0;
}

static int set_traffic_class(struct ip_options *options, int value)
{
    return value < -1 || value > UINT8_MAX ? -EINVAL : set_tos(options, value == -1 ? 0 : value);
}

/* The host always discovers the path's MTU (RFC 1191, RFC 8201): IP_PMTUDISC_WANT; what it discovers is obeyed, so DO
   is the same for a stream. */
static int set_discover(struct ip_options *options, int value)
{
    if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_OMIT) {
        return -EINVAL;
    }
    if (value != IP_PMTUDISC_WANT && value != IP_PMTUDISC_DO) {
        return -EOPNOTSUPP;
    }
    options->mtu_discover = (uint8_t)value;
    return 0;
}

static int set_ipv4(struct ip_options *options, int option, int value, socklen_t length)
{
    switch (option) {
    case IP_TOS: return set_tos(options, value);
    case IP_TTL: return length < 1 ? -EINVAL : set_ttl(options, value);
    case IP_MTU_DISCOVER: return set_discover(options, value);
    default: return -ENOPROTOOPT;
    }
}

static int set_ipv6(struct ip_options *options, int option, int value)
{
    switch (option) {
    case IPV6_UNICAST_HOPS: return set_ttl(options, value);
    case IPV6_TCLASS: return set_traffic_class(options, value);
    case IPV6_MTU_DISCOVER: return set_discover(options, value);
    default: return -ENOPROTOOPT;
    }
}

/* IPPROTO_IP: an octet will do. */
static int number_of(const void *value, socklen_t length)
{
    int number = 0;
    if (length >= sizeof number) {
        memcpy(&number, value, sizeof number);
    } else if (length >= 1) {
        number = *(const unsigned char *)value;
    }
    return number;
}

int ip_option_set(struct sockets *sockets, la_time now, struct socket *socket, int level, int option, const void *value,
                  socklen_t length)
{
    int number = number_of(value, length);
    int error = -ENOPROTOOPT;
    if (level == IPPROTO_IP) {
        error = set_ipv4(&socket->options.ipv4, option, number, length);
    } else if (socket->family == AF_INET6) {
        error = length < sizeof number ? -EINVAL : set_ipv6(&socket->options.ipv6, option, number);
    }
    if (error == 0) {
        ip_options_apply(sockets, now, socket);
    }
    return error;
}

int ip_option_get(const struct sockets *sockets, const struct socket *socket, int level, int option, int *value)
{
    const struct ip_options *options = level == IPPROTO_IP ? &socket->options.ipv4 : &socket->options.ipv6;
    if (level == IPPROTO_IPV6 && socket->family != AF_INET6) {
        return -EOPNOTSUPP;
    }
    if (option == (level == IPPROTO_IP ? IP_TTL : IPV6_UNICAST_HOPS)) {
        *value = ttl_of(sockets, options);
    } else if (option == (level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS)) {
        *value = options->tos;
    } else if (option == (level == IPPROTO_IP ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER)) {
        *value = options->mtu_discover;
    } else if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
        *value = socket->options.ipv6_only;
    } else {
        return -ENOPROTOOPT;
    }
    return 0;
}
