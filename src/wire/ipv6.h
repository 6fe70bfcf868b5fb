#ifndef WIRE_IPV6_H
#define WIRE_IPV6_H

#include "base/address.h"
#include "base/cold.h"

/* IPv6: RFC 8200. Header and pseudo-header have packet.h's interface, for one version. */
#define IPV6_HEADER_BYTES          40
#define IPV6_FRAGMENT_HEADER_BYTES 8

/* Every link carries so much (RFC 8200 5), and no error is longer (RFC 4443 2.4 (c)). */
#define IPV6_MTU_MIN 1280

/* More extension headers than this before the transport are nobody's (RFC 8504 5.3 lets a host set the limit). */
#define IPV6_EXTENSIONS_MAX 8

/* Next header values (RFC 8200 4). Those of the transport are enum ip_protocol's. */
enum ipv6_next_header {
    IPV6_HOP_BY_HOP = 0, /* right behind the IPv6 header only: elsewhere it is a protocol that nobody knows */
    IPV6_ROUTING = 43,
    IPV6_FRAGMENT = 44,
    IPV6_DESTINATION_OPTIONS = 60,
    IPV6_NO_NEXT_HEADER = 59 /* nothing follows, whatever there is (RFC 8200 4.7) */
};

struct packet;
struct ip_fragment;
struct ip_transport;

/* The header and the chain of extension headers. LA_DROP_IP_FRAGMENT: what there is of the payload begins behind the
   fragment header, and ip_fragment (packet.h) tells the rest; a fragment that is a whole packet (RFC 6946) is none. */
enum la_drop ipv6_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/* Of a packet that ipv6_parse took: there is such a header in its chain, as in a fragment that is a whole packet. */
bool ipv6_has_fragment_header(const struct packet *packet);

struct ip_fragment ipv6_fragment(const struct packet *packet);
bool ipv6_fragment_transport(const struct packet *packet, struct ip_transport *transport);
unsigned ipv6_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                            uint8_t hop_limit, const struct ip_fragment *fragment, size_t payload_length);

/* What a Parameter Problem about a packet says. */
struct ipv6_problem {
    uint8_t code;           /* enum icmpv6_parameter_problem_code */
    bool even_if_multicast; /* an option that asks for the answer wherever the packet was sent to (RFC 8200 4.2) */
    uint16_t pointer;       /* the octet, counted from the beginning of the IPv6 header */
};

/* What there is to say about the packet: what made ipv6_parse refuse it, else that nobody here knows its protocol.
   False: nothing; it was dropped in silence. */
bool ipv6_problem(const struct packet *packet, struct ipv6_problem *problem);

/* These stay out of the way of IPv4, which more packets take. Traffic class and flow label are
   0 (RFC 6437 3: a flow label is not needed). */
COLD unsigned ipv6_emit(uint8_t *restrict to, const struct la_address *source, const struct la_address *destination,
                        uint8_t protocol, uint8_t hop_limit, size_t payload_length);

/* RFC 8200 8.1 */
COLD uint64_t ipv6_pseudo_checksum(const struct la_address *source, const struct la_address *destination,
                                   uint8_t protocol, size_t payload_length);

#endif
