#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include <lastack/lastack.h>

#include "wire/ipv4.h"
#include "wire/ipv6.h"

enum ip_protocol { IP_PROTOCOL_ICMP = 1, IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17, IP_PROTOCOL_ICMPV6 = 58 };

/* One IP packet, parsed; host byte order. The pointers are into the octets that were parsed. */
struct packet {
    struct la_address source;
    struct la_address destination;
    const uint8_t *bytes; /* the whole packet, trimmed to its total length */
    size_t length;
    const uint8_t *payload; /* the transport's octets */
    size_t payload_length;
    const uint8_t *source_route; /* an option that ends here (RFC 791 3.1); NULL: none */
    uint8_t tos;                 /* DSCP * 4 + ECN */
    uint8_t protocol;
    uint8_t ttl;
};

/* Parses by version. Of a packet that is dropped, what could be parsed is filled in, for the trace; the rest is 0. One
   whose source_route is set is right in all but that, and dropped unless the caller takes such packets. */
enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/* Of a packet that ip_parse answered LA_DROP_IP_FRAGMENT for: which part it is. Its octets are packet->payload. */
struct ip_fragment {
    uint32_t identification; /* 16 bits of it in IPv4 */
    uint32_t offset;         /* of the part, in octets, in what was cut up */
    bool more;               /* it is not the last part */
    uint8_t protocol;        /* of what was cut up; IPv6: its first header, maybe an extension header */

    /* The whole is the first octets of the first part's packet, then all parts. One octet of these says what follows
       them, and has to become protocol where a fragment header stood between. */
    uint16_t before_bytes;
    uint16_t next_header_at;
};

struct ip_fragment ip_fragment(const struct packet *packet);

/* The transport's header, as far as a first fragment holds it. */
struct ip_transport {
    uint8_t protocol;
    const uint8_t *octets;
    size_t length;
};

/* Of a packet whose ip_fragment has offset 0. False: its headers end before the transport's begins (RFC 7112). */
bool ip_fragment_transport(const struct packet *packet, struct ip_transport *transport);

/* Mends the header of a whole that was put together as struct ip_fragment says; first is its first part. */
void ip_fragments_join(uint8_t *bytes, size_t length, const struct ip_fragment *first);

/* By version, which the form of an address tells. */

/* The octets of the header that ip_emit writes. */
static inline unsigned ip_header_bytes(const struct la_address *destination)
{
    return address_is_ipv4(destination) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
}

/* Writes the header for payload_length octets of transport; its length. Both addresses are of one family, and header
   and payload are at most 65,535 octets. ttl is IPv6's hop limit too. */
static inline unsigned ip_emit(uint8_t *restrict to, const struct la_address *source,
                               const struct la_address *destination, uint8_t protocol, uint8_t ttl,
                               size_t payload_length)
{
    return address_is_ipv4(destination) ? ipv4_emit(to, source, destination, protocol, ttl, payload_length)
                                        : ipv6_emit(to, source, destination, protocol, ttl, payload_length);
}

/* The same for a part of what is too long, and its length. Of fragment: identification, offset, more, protocol. */
static inline unsigned ip_fragment_header_bytes(const struct la_address *destination)
{
    return address_is_ipv4(destination) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES + IPV6_FRAGMENT_HEADER_BYTES;
}

unsigned ip_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                          uint8_t ttl, const struct ip_fragment *fragment, size_t payload_length);

/* The checksum sum (checksum.h) of the pseudo-header: RFC 9293 3.1, RFC 8200 8.1. */
static inline uint64_t ip_pseudo_checksum(const struct la_address *source, const struct la_address *destination,
                                          uint8_t protocol, size_t payload_length)
{
    return address_is_ipv4(destination) ? ipv4_pseudo_checksum(source, destination, protocol, payload_length)
                                        : ipv6_pseudo_checksum(source, destination, protocol, payload_length);
}

#endif
