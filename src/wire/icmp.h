#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include "base/seq.h"
#include "wire/packet.h"

/* ICMP for IPv4: RFC 792, RFC 1122 3.2.2, RFC 1191. */
#define ICMP_HEADER_BYTES 8 /* IPv6's too */

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO_REQUEST = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12
};

/* The code of ICMP_TIME_EXCEEDED, and of ICMPv6's, for what could not be put together in time. */
#define ICMP_TIME_EXCEEDED_REASSEMBLY 1

/* Codes of ICMP_UNREACHABLE that the host sends or treats apart (RFC 1122 4.2.3.9). */
enum icmp_unreachable_code {
    ICMP_UNREACHABLE_NET = 0,
    ICMP_UNREACHABLE_HOST = 1,
    ICMP_UNREACHABLE_PROTOCOL = 2,
    ICMP_UNREACHABLE_PORT = 3,
    ICMP_UNREACHABLE_FRAGMENTATION_NEEDED = 4,
    ICMP_UNREACHABLE_SOURCE_ROUTE_FAILED = 5,
    ICMP_UNREACHABLE_NET_UNKNOWN = 6,
    ICMP_UNREACHABLE_HOST_UNKNOWN = 7,
    ICMP_UNREACHABLE_NET_PROHIBITED = 9,
    ICMP_UNREACHABLE_HOST_PROHIBITED = 10,
    ICMP_UNREACHABLE_NET_FOR_TOS = 11,
    ICMP_UNREACHABLE_HOST_FOR_TOS = 12,
    ICMP_UNREACHABLE_PROHIBITED = 13,
    ICMP_UNREACHABLE_PRECEDENCE_CUTOFF = 15 /* the last one: RFC 1812 5.2.7.1 */
};

/* Of either family. */
struct icmp_message {
    uint8_t type; /* enum icmp_type or icmpv6_type, or another */
    uint8_t code;
    /* Of FRAGMENTATION_NEEDED, PACKET_TOO_BIG: of the next hop, 0 from a router older than RFC 1191. Else 0. */
    uint32_t mtu;

    /* Of an error: the packet of ours that it is about. Endpoints and sequence number only if it was TCP. */
    bool has_quote;
    uint8_t quoted_protocol;
    uint32_t quoted_length; /* of the packet when it was whole */
    struct la_endpoint quoted_source;
    struct la_endpoint quoted_destination;
    struct seq quoted_seq;
};

/* Verifies the checksum and parses echo request and reply, destination unreachable, time exceeded and parameter
   problem; all others, and codes that were never assigned, are LA_DROP_ICMP_TYPE. What could be parsed is filled in. */
enum la_drop icmp_parse(const struct packet *packet, struct icmp_message *message);

/* Writes the whole packet that answers an echo request: its length. It has at most limit octets: what is beyond is cut
   off, as RFC 1122 3.2.2.6 asks of a host that does not fragment. */
size_t icmp_echo_reply_bytes(const struct packet *request, size_t limit);
size_t icmp_emit_echo_reply(uint8_t *to, const struct packet *request, uint8_t ttl, size_t limit);

/* Writes the whole packet that tells the source of `about` that it is unreachable: its length. It quotes as much as
   fits into 576 octets (RFC 1812 4.3.2.3). */
size_t icmp_unreachable_bytes(const struct packet *about);
size_t icmp_emit_unreachable(uint8_t *to, const struct packet *about, uint8_t code, uint8_t ttl);

/* The same, as long: not all fragments of `about` came in time (RFC 792, code 1). */
size_t icmp_emit_reassembly_time_exceeded(uint8_t *to, const struct packet *about, uint8_t ttl);

#endif
