#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include <lastack/lastack.h>

enum ip_protocol { IP_PROTOCOL_ICMP = 1, IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17, IP_PROTOCOL_ICMPV6 = 58 };

/* One IP packet, parsed; host byte order. The pointers are into the octets that were parsed. */
struct packet {
    struct la_address source;
    struct la_address destination;
    const uint8_t *bytes; /* the whole packet, trimmed to its total length */
    size_t length;
    const uint8_t *payload; /* the transport's octets */
    size_t payload_length;
    uint8_t protocol;
    uint8_t ttl;
};

/* Parses by version. Of a packet that is dropped, what could be parsed is filled in, for the trace; the rest is 0. */
enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/* The octets of the header that ip_emit writes: 20 or 40. */
unsigned ip_header_bytes(const struct la_address *destination);

/* Writes the header for payload_length octets of transport; its length. Both addresses are of one family, and header
   and payload are at most 65,535 octets. */
unsigned ip_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                 uint8_t ttl, size_t payload_length);

/* The checksum sum (checksum.h) of the pseudo-header: RFC 9293 3.1, RFC 8200 8.1. */
uint64_t ip_pseudo_checksum(const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                            size_t payload_length);

#endif
