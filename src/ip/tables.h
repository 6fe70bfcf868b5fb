#ifndef IP_TABLES_H
#define IP_TABLES_H

#include "ip.h"

/* The entries of the three arrays: private to ip/. */
struct ip_interface {
    uint16_t mtu;
};

/* A prefix that lies behind an interface. order counts addresses and routes together, as they were added. */
struct ip_prefix {
    struct la_address address; /* a route's prefix, or our own address within it */
    uint32_t order;
    uint8_t bits; /* of all 128: an IPv4 prefix length plus ADDRESS_IPV4_PREFIX */
    uint8_t interface;
};

static inline struct ip_interface *ip_interfaces(const struct ip *ip)
{
    return core_at(ip_core(ip), ip->interfaces);
}

static inline struct ip_prefix *ip_addresses(const struct ip *ip)
{
    return core_at(ip_core(ip), ip->addresses);
}

static inline struct ip_prefix *ip_routes(const struct ip *ip)
{
    return core_at(ip_core(ip), ip->routes);
}

/* The address is the all-ones host of the prefix: its directed broadcast (RFC 1122 3.2.1.3 (d)). Prefixes of 31 and 32
   bits have none (RFC 3021 2.1). */
bool ip_is_broadcast_of(const struct la_address *address, const struct ip_prefix *prefix);

/* No single host's address, whatever the prefixes: any, multicast, limited broadcast, loopback, or one of the reserved
   blocks 0/8 and 240/4 (RFC 1122 3.2.1.3, RFC 6890). */
bool ip_is_no_host(const struct la_address *address);

/* The broadcast of one of our on-link prefixes. */
bool ip_is_subnet_broadcast(const struct ip *ip, const struct la_address *address);

/* A source that another host can have (RFC 1122 3.2.1.3). */
bool ip_source_is_valid(const struct ip *ip, const struct la_address *source);

#endif
