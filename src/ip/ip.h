#ifndef IP_IP_H
#define IP_IP_H

#include "base/core.h"
#include "base/seq.h"
#include "wire/icmp.h"
#include "wire/packet.h"

/* Interfaces, addresses, routes, ICMP. host.c places it in the block, zeroed, and sets core_back_bytes and the three
   offsets; the arrays have config.interfaces, .addresses and .routes entries. */
struct ip {
    uint32_t core_back_bytes; /* this struct's distance from its core */
    uint32_t interfaces;      /* offsets in CORE_UNITs from the core */
    uint32_t addresses;
    uint32_t routes;
    uint32_t interface_count; /* in use */
    uint32_t address_count;
    uint32_t route_count;
    la_time icmp_errors_paid; /* the rate limit's debt: until when the errors sent so far have used up their share */
};

static inline struct core *ip_core(const struct ip *ip)
{
    return (struct core *)(void *)((char *)(uintptr_t)ip - ip->core_back_bytes);
}

/* The octets of the arrays. */
size_t ip_interfaces_bytes(const struct la_config *config);
size_t ip_addresses_bytes(const struct la_config *config);
size_t ip_routes_bytes(const struct la_config *config);

/* As la_interface_add, la_address_add, la_route_add. An address of no single host (any, multicast, broadcast, loopback,
   the broadcast of one of our prefixes) is LA_ERROR_INVALID, one that the host has already LA_ERROR_IN_USE. */
int ip_interface_add(struct ip *ip, unsigned mtu);
int ip_address_add(struct ip *ip, unsigned interface, const struct la_address *address, unsigned prefix_length);
int ip_route_add(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length);

/* 0 if there is no such interface. */
unsigned ip_interface_mtu(const struct ip *ip, unsigned interface);

struct ip_path {
    uint8_t interface;
    uint16_t mtu;
    struct la_address source;
};

/* The way to a destination: the longest prefix over routes and on-link prefixes, then the first added. A given source
   that is ours is kept, and ways by its own interface come first (RFC 1122 3.3.4.2); else an address of the way's
   interface is taken. False: no way, or the destination is no other single host's address. */
bool ip_path_to(const struct ip *ip, const struct la_address *destination, const struct la_address *source_or_null,
                struct ip_path *path);

/* The address can be that of one other host. */
bool ip_is_another_host(const struct ip *ip, const struct la_address *address);

/* TCP got no answer from there: the way may be dead (RFC 1122 3.3.1.4). Counted; there is one way to each prefix, so
   that no other can be tried. */
void ip_advice_is_negative(struct ip *ip, const struct la_address *destination);

bool ip_is_ours(const struct ip *ip, const struct la_address *address);

/* The source is one that another host can have, the destination an address of this interface (RFC 1122 3.2.1.3). */
enum la_drop ip_check(const struct ip *ip, unsigned interface, const struct packet *packet);

/* Queues a destination unreachable about the packet, unless RFC 1122 3.2.2 forbids it or the rate limit is reached. */
void icmp_send_unreachable(struct ip *ip, unsigned interface, const struct packet *packet, uint8_t code);

/* An ICMP error about a TCP segment of ours, for tcp/ to judge (RFC 5927 4.1). */
struct icmp_notice {
    bool valid;
    uint8_t type; /* enum icmp_type */
    uint8_t code;
    uint16_t mtu;              /* FRAGMENTATION_NEEDED: of the next hop; else 0 */
    struct la_endpoint local;  /* the segment's source */
    struct la_endpoint remote; /* its destination */
    struct seq seq;
};

/* Answers an echo request into the queue of replies, and hands an error on as a notice. What is wrong is dropped. */
void icmp_arrives(struct ip *ip, unsigned interface, const struct packet *packet, struct icmp_notice *notice);

#endif
