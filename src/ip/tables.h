#ifndef IP_TABLES_H
#define IP_TABLES_H

#include "ip.h"

/* The entries of both arrays, private to ip/: a prefix that lies behind an interface. order counts addresses and routes
   together, as they came into the arrays: an address that was asked for, when it became ours. */
struct ip_prefix {
    struct la_address address; /* a route's prefix, or our own address within it */
    uint32_t order;
    uint8_t bits; /* of all 128: an IPv4 prefix length plus ADDRESS_IPV4_PREFIX */
    uint8_t interface;
};

static inline struct ip_prefix *ip_addresses(const struct ip *ip)
{
    return core_at(ip_core(ip), ip->addresses);
}

static inline struct ip_prefix *ip_routes(const struct ip *ip)
{
    return ip_addresses(ip) + ip_core(ip)->config.addresses;
}

/* LA_OK if there is such an interface, and the prefix is one that it can have: IPv6 asks for an MTU (RFC 8200 5), and
   for room in the queue of replies. */
enum la_error ip_prefix_error(const struct ip *ip, unsigned interface, const struct la_address *address,
                              unsigned prefix_length);

/* Puts into the table what is ours from now on; the errors are ip_address_add's. */
enum la_error ip_address_assign(struct ip *ip, const struct ip_prefix *prefix);

/* neighbour.c: TCP hears nothing from the destination, which lies behind this Ethernet interface. */
void ip_neighbour_is_doubted(struct ip *ip, unsigned interface, const struct la_address *destination);

/* neighbour.c: the same for what a route has beside its prefix. */
void ip_ways_remove(struct ip *ip, uint32_t route);

/* Takes a route out; those behind it move up, and so do all that were added later. */
void ip_route_remove(struct ip *ip, uint32_t route);

/* The next entry of either array. */
static inline uint32_t ip_next_order(const struct ip *ip)
{
    return (uint32_t)ip->address_count + ip->route_count;
}

static inline struct ip_prefix ip_prefix_of(const struct ip *ip, unsigned interface, const struct la_address *address,
                                            unsigned prefix_length)
{
    unsigned family_bits = address_is_ipv4(address) ? ADDRESS_IPV4_PREFIX : 0;
    return (struct ip_prefix){.address = *address,
                              .order = ip_next_order(ip),
                              .bits = (uint8_t)(prefix_length + family_bits),
                              .interface = (uint8_t)interface};
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

/* Ours, with its prefix; NULL if it is not. */
const struct ip_prefix *ip_find_address(const struct ip *ip, const struct la_address *address);

/* source.c: the address of the interface that a packet to the destination is best sent from; NULL if there is none of
   its family. */
const struct ip_prefix *ip_source_for(const struct ip *ip, unsigned interface, const struct la_address *destination);

/* icmp_error.c: the queue of replies had no room for an answer to the packet. */
void ip_drop_reply(struct ip *ip, unsigned interface, const struct packet *about);

/* icmp_arrives.c: counts and traces a drop, with the packet's ends. */
void ip_drop(struct ip *ip, enum la_drop why, unsigned interface, const struct packet *packet);

static inline uint8_t *ip_replies_ring(const struct ip *ip)
{
    struct core *core = ip_core(ip);
    return core_at(core, core->replies.offset);
}

static inline bool packet_is_ipv4(const struct packet *packet)
{
    return packet->bytes[0] >> 4 == 4;
}

#endif
