#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <lastack/lastack.h>

#include "base/bytes.h"

/* Ethernet II frames (RFC 894, RFC 2464), without preamble and check sequence. */
#define ETHERNET_HEADER_BYTES LA_ETHERNET_HEADER_BYTES
#define MAC_BYTES             6

enum ethernet_type { ETHERNET_IPV4 = 0x0800, ETHERNET_ARP = 0x0806, ETHERNET_IPV6 = 0x86dd };

struct mac {
    uint8_t octets[MAC_BYTES];
};

static inline bool mac_equal(const struct mac *a, const struct mac *b)
{
    return memcmp(a->octets, b->octets, MAC_BYTES) == 0;
}

/* Broadcast too. */
static inline bool mac_is_group(const struct mac *mac)
{
    return (mac->octets[0] & 1) != 0;
}

/* One station's: neither a group nor all zero. */
bool mac_is_station(const struct mac *mac);
bool mac_is_broadcast(const struct mac *mac);

extern const struct mac mac_broadcast;

struct ethernet_frame {
    struct mac destination;
    struct mac source;
    uint16_t type;          /* enum ethernet_type, or another; below 1536 it is a length (IEEE 802.3), not ours */
    const uint8_t *payload; /* into the octets that were parsed; padding is still there */
    size_t payload_length;
};

/* LA_DROP_ETHERNET: shorter than its header, or sent by a group. */
enum la_drop ethernet_parse(const uint8_t *bytes, size_t length, struct ethernet_frame *frame);

/* Writes the header's ETHERNET_HEADER_BYTES. */
void ethernet_emit(uint8_t *to, const struct mac *destination, const struct mac *source, enum ethernet_type type);

#endif
