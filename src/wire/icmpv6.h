#ifndef WIRE_ICMPV6_H
#define WIRE_ICMPV6_H

#include "wire/icmp.h"
#include "wire/packet.h"

/* ICMP for IPv6: RFC 4443. Types up to 127 are errors. */
enum icmpv6_type {
    ICMPV6_UNREACHABLE = 1,
    ICMPV6_PACKET_TOO_BIG = 2,
    ICMPV6_TIME_EXCEEDED = 3,
    ICMPV6_PARAMETER_PROBLEM = 4,
    ICMPV6_ECHO_REQUEST = 128,
    ICMPV6_ECHO_REPLY = 129,
    ICMPV6_ROUTER_SOLICITATION = 133, /* this and the next four: neighbour discovery, RFC 4861 */
    ICMPV6_ROUTER_ADVERTISEMENT = 134,
    ICMPV6_NEIGHBOR_SOLICITATION = 135,
    ICMPV6_NEIGHBOR_ADVERTISEMENT = 136,
    ICMPV6_REDIRECT = 137
};

/* Codes of ICMPV6_UNREACHABLE (RFC 4443 3.1). */
enum icmpv6_unreachable_code {
    ICMPV6_UNREACHABLE_ROUTE = 0,
    ICMPV6_UNREACHABLE_PROHIBITED = 1,
    ICMPV6_UNREACHABLE_SCOPE = 2,
    ICMPV6_UNREACHABLE_ADDRESS = 3,
    ICMPV6_UNREACHABLE_PORT = 4
};

/* Codes of ICMPV6_PARAMETER_PROBLEM (RFC 4443 3.4, RFC 7112). */
enum icmpv6_parameter_problem_code {
    ICMPV6_PARAMETER_PROBLEM_HEADER = 0,
    ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER = 1,
    ICMPV6_PARAMETER_PROBLEM_OPTION = 2,
    ICMPV6_PARAMETER_PROBLEM_FIRST_FRAGMENT = 3
};

/* Verifies the checksum and parses errors, also those of unknown type (RFC 4443 2.4 (a)), and echo. Of neighbour
   discovery: that the message came from this link and has its type's fixed part (RFC 4861 6.1, 7.1, 8.1); what is in it
   lies in packet->payload. All others are LA_DROP_ICMP_TYPE. What could be parsed is filled in. */
enum la_drop icmpv6_parse(const struct packet *packet, struct icmp_message *message);

static inline bool icmpv6_is_error(uint8_t type)
{
    return type < 128;
}

static inline bool icmpv6_is_neighbor_discovery(uint8_t type)
{
    return type >= ICMPV6_ROUTER_SOLICITATION && type <= ICMPV6_REDIRECT;
}

/* A message that leaves. rest: the four octets behind the checksum, in host order. */
struct icmpv6_header {
    struct la_address source;
    struct la_address destination;
    uint8_t hop_limit; /* neighbour discovery: 255 */
    uint8_t type;      /* enum icmpv6_type */
    uint8_t code;
    uint32_t rest;
};

/* Writes a whole packet, with the octets behind its header: its length. */
size_t icmpv6_emit(uint8_t *to, const struct icmpv6_header *header, const uint8_t *body, size_t length);

/* Writes the whole packet that answers an echo request: its length. It has at most limit octets: what is beyond is cut
   off, where the host does not fragment. */
size_t icmpv6_echo_reply_bytes(const struct packet *request, size_t limit);
size_t icmpv6_emit_echo_reply(uint8_t *to, const struct packet *request, uint8_t hop_limit, size_t limit);

/* Writes the whole packet of an error about a packet, which its header already names: its length. It quotes as much as
   fits into 1280 octets (RFC 4443 2.4 (c)). */
size_t icmpv6_error_bytes(const struct packet *about);
size_t icmpv6_emit_error(uint8_t *to, const struct icmpv6_header *header, const struct packet *about);

#endif
