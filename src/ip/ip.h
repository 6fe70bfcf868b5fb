#ifndef IP_IP_H
#define IP_IP_H

#include "base/core.h"
#include "base/seq.h"
#include "wire/icmpv6.h"
#include "wire/packet.h"

/* Interfaces, addresses, routes, fragments, ICMP. host.c places it in the block, zeroed, right before the core, and
   sets the offset; the arrays have config.addresses and .routes entries; the interfaces are the core's. */
struct ip {
    uint32_t addresses; /* offset in CORE_UNITs from the core; IPv4's first, so that a packet is compared with those of
                                its own family. Behind them the routes, then neighbour.c's table */
    uint8_t interface_count; /* in use */
    uint8_t ethernet_count;  /* of interface_count */
    uint8_t reassembling;    /* packets of which fragments are kept, or are to be refused */
    uint16_t address_count;
    uint16_t ipv4_count; /* of address_count */
    uint16_t route_count;
    la_time icmp_errors_paid; /* the rate limit's debt: until when the errors sent so far have used up their share */
};

static inline struct core *ip_core(const struct ip *ip)
{
    return (struct core *)((uintptr_t)ip + sizeof *ip); /* as a number: it lies outside of what ip points to */
}

/* It has an Ethernet interface. What a host without one pays for neighbour.h is this question. */
static inline bool ip_has_ethernet(const struct ip *ip)
{
    return ip->ethernet_count > 0;
}

/* The octets of the arrays. */
size_t ip_addresses_bytes(const struct la_config *config);
size_t ip_routes_bytes(const struct la_config *config);

/* As la_interface_add, la_address_add, la_route_add. An address of no single host (any, multicast, broadcast, loopback,
   the broadcast of one of our prefixes, the routers' anycast address of its own) is LA_ERROR_INVALID, one that the host
   has already LA_ERROR_IN_USE. */
int ip_interface_add(struct ip *ip, unsigned mtu);
int ip_address_add(struct ip *ip, unsigned interface, const struct la_address *address, unsigned prefix_length);
int ip_route_add(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length);

/* 0 if there is no such interface. */
unsigned ip_interface_mtu(const struct ip *ip, unsigned interface);

/* It carries frames: neighbour.h. */
bool ip_is_ethernet(const struct ip *ip, unsigned interface);

struct ip_path {
    uint8_t interface;
    struct la_address source;
};

/* The way to a destination: the longest prefix over routes and on-link prefixes, then the first added. A source that is
   given is kept, and ways by its own interface come first (RFC 1122 3.3.4.2), for a link-local one are the only ones;
   from "any", an address of the way's interface is taken (ip_source_for). LA_ERROR_NO_ADDRESS: the source is not ours;
   LA_ERROR_NO_ROUTE: no way, or the destination is no other single host's address. */
enum la_error ip_path_to(const struct ip *ip, const struct la_address *destination, const struct la_address *from,
                         struct ip_path *path);

/* The address can be that of one other host. */
bool ip_is_another_host(const struct ip *ip, const struct la_address *address);

/* TCP got no answer from there: the way may be dead (RFC 1122 3.3.1.4). Counted, and on Ethernet the next hop is asked
   whether it is still there. There is one way to each prefix, so that no other can be tried. */
void ip_advice_is_negative(struct ip *ip, const struct la_address *destination);

bool ip_is_ours(const struct ip *ip, const struct la_address *address);

/* The group's packets are for this interface: all nodes, and those asked for one of its addresses (RFC 4291 2.8). */
bool ip_is_our_group(const struct ip *ip, unsigned interface, const struct la_address *address);

/* The source is one that another host can have, the destination an address of this interface (RFC 1122 3.2.1.3). */
enum la_drop ip_check(const struct ip *ip, unsigned interface, const struct packet *packet);

/* ---- icmp_error.c: errors that we send. None is sent that RFC 1122 3.2.2 or RFC 4443 2.4 (e) forbids, or for which
   the rate limit, which is one for both families, leaves no room. ---- */

/* Of a packet for us: its protocol is nobody's here, or, of UDP, its port. */
void icmp_refuse(struct ip *ip, unsigned interface, const struct packet *packet);

/* Of a packet that ipv6_parse refused: where its headers are wrong, if that is to be told. */
void icmp_complain(struct ip *ip, unsigned interface, const struct packet *packet);

/* Of a fragment for us that cannot be taken, in IPv6: a Parameter Problem. */
void icmp_complain_of_fragment(struct ip *ip, unsigned interface, const struct packet *packet,
                               enum icmpv6_parameter_problem_code code, size_t pointer);

/* Of a first fragment for us: the others did not come in time. */
void icmp_reassembly_time_exceeded(struct ip *ip, unsigned interface, const struct packet *first);

/* ---- icmp_arrives.c ---- */

/* What an error means to TCP. RFC 9293 3.9.2.2 and RFC 1122 4.2.3.9 name IPv4's, RFC 5461 the rest of IPv6's. */
enum icmp_meaning {
    ICMP_MEANS_TROUBLE, /* soft: it may pass */
    ICMP_MEANS_REFUSAL, /* hard: nobody there speaks the protocol, or listens at the port, or may be spoken to */
    ICMP_MEANS_TOO_BIG  /* path MTU discovery's: RFC 1191, RFC 8201 */
};

/* An ICMP error about a TCP segment of ours, for tcp/ to judge (RFC 5927 4.1). */
struct icmp_notice {
    bool valid;
    enum icmp_meaning meaning;
    enum la_unreachable what;
    uint32_t mtu;              /* TOO_BIG: of the next hop; 0: the router did not say */
    uint32_t length;           /* of the segment's packet, as it came back */
    struct la_endpoint local;  /* the segment's source */
    struct la_endpoint remote; /* its destination */
    struct seq seq;
};

/* Answers an echo request into the queue of replies, and hands an error on as a notice. What is wrong is dropped. The
   packet's protocol is its family's ICMP. */
void icmp_arrives(struct ip *ip, unsigned interface, const struct packet *packet, struct icmp_notice *notice);

#endif
