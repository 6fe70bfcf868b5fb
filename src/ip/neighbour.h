#ifndef IP_NEIGHBOUR_H
#define IP_NEIGHBOUR_H

#include "ip.h"

/* Who is on our Ethernets, and how we know: the states of RFC 4861 7.3.2, resolved with ARP (RFC 826, RFC 1122 2.3.2)
   or neighbour discovery; which addresses are ours there (RFC 5227, RFC 4862 5.4); what routers say (RFC 4861 6.3).

   One packet waits for each neighbour that is being asked for, the latest; the others are dropped and counted
   (LA_DROP_UNRESOLVED), as is the one that waits when nobody answers. */

/* The octets of the table, which lies right behind the routes: 0 without config.neighbours. */
size_t ip_neighbours_bytes(const struct la_config *config);

/* As la_interface_add_ethernet. */
int ip_interface_add_ethernet(struct ip *ip, unsigned mtu, const uint8_t mac[6]);

/* The MTU that an Ethernet interface was given, whatever a router has said since. */
unsigned ip_ethernet_mtu(const struct ip *ip, unsigned interface);

/* As la_route_add_via. */
int ip_route_add_via(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length,
                     const struct la_address *gateway);

/* As la_interface_follow_routers. */
int ip_follow_routers(struct ip *ip, unsigned interface);

/* An address of an Ethernet interface, which ip_address_add found good: it is asked for, and then assigned. */
struct ip_prefix;
int ip_claim(struct ip *ip, const struct ip_prefix *prefix);

/* For packets of which none is of use without the others: a packet can go to the destination at once. False: it cannot,
   which is counted, and its neighbour is being asked for. */
COLD bool ip_neighbour_is_ready(struct ip *ip, unsigned interface, const struct la_address *destination);

/* As la_address_state. */
int ip_address_state(const struct ip *ip, const struct la_address *address);

/* What a frame carries. octets NULL: nothing that IP goes on with. */
struct ip_payload {
    const uint8_t *octets;
    size_t length;
    bool mtu_is_less; /* octets NULL: a router said that the link carries less than it did */
};

/* A frame came in: the IP packet in it, sent to us alone; or nothing, since it was used up, or dropped. */
APART struct ip_payload ip_frame_arrives(struct ip *ip, unsigned interface, const void *bytes, size_t length);

/* The octets behind the first ETHERNET_HEADER_BYTES of buffer are to leave: an IP packet or an ARP message. Writes the
   header; false: its neighbour is not known, and the packet waits or was dropped; or a router has said since it was
   made that the link carries less. */
bool ip_frame_leaves(struct ip *ip, unsigned interface, uint8_t *buffer, size_t length);

/* The timers that are due; may be early, never late. This and ip_advance: of a host with an Ethernet interface. */
la_time ip_deadline(const struct ip *ip);

/* Runs them up to the first neighbour that cannot be reached while a TCP segment waits for it: true, and what TCP is to
   be told. Called again until it answers false. */
bool ip_advance(struct ip *ip, struct icmp_notice *notice);

/* Adds what was dropped of frames. */
void ip_neighbour_counters(const struct ip *ip, struct la_counters *counters);

#endif
