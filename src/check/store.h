#ifndef CHECK_STORE_H
#define CHECK_STORE_H

#include "pack.h"

/* The worlds that were met, by digest and number, each with the event that led to it first; and those that are still to
   be looked at, packed, in the order in which they were met. Flat arrays: nothing is allocated for a world. */

struct origin {
    uint32_t parent; /* number of the world */
    struct event event;
    uint8_t progress; /* world_progress */
};

struct store {
    struct digest *digests; /* by number */
    struct origin *origins;
    uint32_t *index; /* open addressing: number + 1 */
    uint32_t count;
    uint32_t capacity;
    uint64_t index_mask;
};

bool store_init(struct store *store);
void store_free(struct store *store);

/* The number of the world with this digest; *is_new: it had none yet. STORE_FULL: memory is short. */
#define STORE_FULL UINT32_MAX
uint32_t store_add(struct store *store, const struct digest *digest, struct origin origin, bool *is_new);

size_t store_bytes(const struct store *store);

/* The packed worlds in chunks: what was taken gives its memory back. */
#define CHUNK_BYTES (1U << 20)

struct chunk {
    struct chunk *next;
    uint32_t used;
    uint32_t taken;
    _Alignas(8) uint8_t octets[];
};

struct frontier {
    struct chunk *first;
    struct chunk *last;
    struct chunk *spare;
    uint64_t chunks;
};

void frontier_free(struct frontier *frontier);

/* Where the next one is written: room for PACKED_MAX octets; NULL if memory is short. frontier_push keeps what was
   written. */
struct packed *frontier_room(struct frontier *frontier);
void frontier_push(struct frontier *frontier, const struct packed *packed);

/* The oldest, or NULL; it stays where it is until frontier_drop. */
const struct packed *frontier_front(struct frontier *frontier);
void frontier_drop(struct frontier *frontier);

#endif
