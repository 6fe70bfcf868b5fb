#ifndef CHECK_PACK_H
#define CHECK_PACK_H

#include "world.h"

/* What of a world is alive, in as few octets as it takes, and its digest. */

struct digest {
    uint64_t word[2];
};

#define PACKED_HOST_MAX 2048
#define PACKED_MAX      (2 * PACKED_HOST_MAX + FLIGHT_MAX * (int)sizeof(struct flying) + (int)sizeof(struct ghost) + 64)

/* A packed world: this, then host 0, host 1, the network, all without gaps. */
struct packed {
    uint32_t bytes; /* all in */
    uint16_t host_bytes[2];
    struct digest host_digest[2];
    struct ghost ghost;
    uint8_t flying;
    uint8_t silent_run;
    uint8_t octets[];
};

/* Canonical worlds only. The packed host: its octets. */
size_t pack_host(const la_host *host, uint8_t *to);
void unpack_host(la_host *host, const uint8_t *from, size_t bytes);

/* The whole; hosts whose bit is not in `touched` are taken as `before` has them (NULL: none). */
void pack_world(const struct world *world, const struct packed *before, unsigned touched, struct packed *to);

/* Into a world that world_begin has made of the same scenario: hosts with a bit in `hosts`, and all else. */
void unpack_world(struct world *world, const struct packed *from, unsigned hosts);

struct digest digest_octets(const void *octets, size_t length);
struct digest pack_digest(const struct packed *packed);

#endif
