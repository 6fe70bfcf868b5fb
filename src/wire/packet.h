#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include <lastack/lastack.h>

#include "wire/ipv4.h"

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

/* Parses by version. Of a packet that is dropped, what could be parsed is filled in, for the trace; the rest is 0. */
enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/* By version, which the form of an address tells. IPv6 has no file yet, and no address of it can be added to a host
   (ip_address_add), so none is ever emitted. */

/* The octets of the header that ip_emit writes. */
static inline unsigned ip_header_bytes(const struct la_address *destination)
{
    la_assert(address_is_ipv4(destination));
    return IPV4_HEADER_BYTES;
}

/* Writes the header for payload_length octets of transport; its length. Both addresses are of one family, and header
   and payload are at most 65,535 octets. */
static inline unsigned ip_emit(uint8_t *restrict to, const struct la_address *source,
                               const struct la_address *destination, uint8_t protocol, uint8_t ttl,
                               size_t payload_length)
{
    return ipv4_emit(to, source, destination, protocol, ttl, payload_length);
}

/* The checksum sum (checksum.h) of the pseudo-header: RFC 9293 3.1, RFC 8200 8.1. */
static inline uint64_t ip_pseudo_checksum(const struct la_address *source, const struct la_address *destination,
                                          uint8_t protocol, size_t payload_length)
{
    return ipv4_pseudo_checksum(source, destination, protocol, payload_length);
}

#endif
