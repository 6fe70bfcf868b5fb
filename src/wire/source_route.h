#ifndef WIRE_SOURCE_ROUTE_H
#define WIRE_SOURCE_ROUTE_H

#include <lastack/lastack.h>

/* Source routes of IPv4: RFC 791 3.1, RFC 1122 3.2.1.8 (c). A packet is written as any other; what makes it take the
   route, or carry another type of service, is put into it afterwards, so that those who want neither pay for neither.

   A route as packets carry it: a NOP, then the option, so that it is a whole number of words. Its data are the hops
   behind the first, and the destination at last; the first hop is the packet's own destination. */
#define SOURCE_ROUTE_BYTES_MAX (4 + 4 * LA_SOURCE_ROUTE_HOPS)

struct source_route {
    uint8_t bytes; /* of option: 4 for each hop, and 4; 0: no route */
    bool is_given; /* by the application: what the peer's packets say does not replace it */
    uint8_t first_hop[4];
    uint8_t option[SOURCE_ROUTE_BYTES_MAX];
};

/* The route through the hops to an IPv4 destination. */
void source_route_make(struct source_route *route, const struct la_source_route *through,
                       const struct la_address *destination);

/* The way back of a completed route, as an option in a packet from `source`. */
void source_route_reverse(struct source_route *route, const uint8_t *option, const struct la_address *source);

/* What source_route_make was given. */
void source_route_tell(const struct source_route *route, struct la_source_route *through);

/* Puts the route into an IPv4 packet that has no options: its length then. There is room behind it. */
size_t source_route_insert(uint8_t *packet, size_t length, const struct source_route *route);

/* Gives a packet another type of service (RFC 2474, RFC 3168): DSCP * 4 + ECN. */
void ip_set_tos(uint8_t *packet, uint8_t tos);

#endif
