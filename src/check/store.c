#include "store.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY (UINT32_C(1) << 16)

/* ---- worlds ---- */

bool store_init(struct store *store)
{
    *store = (struct store){.capacity = FIRST_CAPACITY, .index_mask = 2 * (uint64_t)FIRST_CAPACITY - 1};
    store->digests = malloc(store->capacity * sizeof *store->digests);
    store->origins = malloc(store->capacity * sizeof *store->origins);
    store->index = calloc(store->index_mask + 1, sizeof *store->index);
    return store->digests != NULL && store->origins != NULL && store->index != NULL;
}

void store_free(struct store *store)
{
    free(store->digests);
    free(store->origins);
    free(store->index);
    *store = (struct store){0};
}

/* Where the digest stands in the index, or would stand. */
static uint64_t place_of(const struct store *store, const struct digest *digest)
{
    uint64_t place = digest->word[0] & store->index_mask;
    while (store->index[place] != 0 && memcmp(&store->digests[store->index[place] - 1], digest, sizeof *digest) != 0) {
        place = (place + 1) & store->index_mask;
    }
    return place;
}

static bool grow(struct store *store)
{
    if (store->capacity > UINT32_MAX / 2) {
        return false;
    }
    uint32_t capacity = store->capacity * 2;
    struct digest *digests = realloc(store->digests, capacity * sizeof *digests);
    store->digests = digests != NULL ? digests : store->digests;
    struct origin *origins = realloc(store->origins, capacity * sizeof *origins);
    store->origins = origins != NULL ? origins : store->origins;
    uint64_t mask = 2 * (uint64_t)capacity - 1;
    uint32_t *index = calloc(mask + 1, sizeof *index);
    if (digests == NULL || origins == NULL || index == NULL) {
        free(index);
        return false;
    }
    free(store->index);
    store->index = index;
    store->index_mask = mask;
    store->capacity = capacity;
    for (uint32_t number = 0; number < store->count; number++) {
        index[place_of(store, &digests[number])] = number + 1;
    }
    return true;
}

uint32_t store_add(struct store *store, const struct digest *digest, struct origin origin, bool *is_new)
{
    uint64_t place = place_of(store, digest);
    *is_new = store->index[place] == 0;
    if (!*is_new) {
        return store->index[place] - 1;
    }
    if (store->count == store->capacity) {
        if (!grow(store)) {
            return STORE_FULL;
        }
        place = place_of(store, digest);
    }
    store->digests[store->count] = *digest;
    store->origins[store->count] = origin;
    store->index[place] = ++store->count;
    return store->count - 1;
}

size_t store_bytes(const struct store *store)
{
    return store->capacity * (sizeof *store->digests + sizeof *store->origins) +
           (store->index_mask + 1) * sizeof *store->index;
}

/* ---- the frontier ---- */

#define ROUNDED(bytes) (((bytes) + 7U) & ~7U)

static struct chunk *next_chunk(struct frontier *frontier)
{
    struct chunk *chunk = frontier->spare;
    if (chunk == NULL) {
        chunk = malloc(sizeof *chunk + CHUNK_BYTES);
        frontier->chunks += chunk != NULL;
    }
    frontier->spare = NULL;
    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->used = 0;
        chunk->taken = 0;
    }
    return chunk;
}

struct packed *frontier_room(struct frontier *frontier)
{
    if (frontier->last == NULL || CHUNK_BYTES - frontier->last->used < PACKED_MAX) {
        struct chunk *chunk = next_chunk(frontier);
        if (chunk == NULL) {
            return NULL;
        }
        if (frontier->last == NULL) {
            frontier->first = chunk;
        } else {
            frontier->last->next = chunk;
        }
        frontier->last = chunk;
    }
    return (struct packed *)(void *)(frontier->last->octets + frontier->last->used);
}

void frontier_push(struct frontier *frontier, const struct packed *packed)
{
    frontier->last->used += ROUNDED(packed->bytes);
}

const struct packed *frontier_front(struct frontier *frontier)
{
    while (frontier->first != NULL && frontier->first->taken == frontier->first->used) {
        struct chunk *done = frontier->first;
        if (done->next == NULL) {
            return NULL; /* the last one may still be written to */
        }
        frontier->first = done->next;
        if (frontier->spare == NULL) {
            frontier->spare = done;
        } else {
            free(done);
            frontier->chunks--;
        }
    }
    return frontier->first == NULL
               ? NULL
               : (const struct packed *)(const void *)(frontier->first->octets + frontier->first->taken);
}

void frontier_drop(struct frontier *frontier)
{
    const struct packed *front = frontier_front(frontier);
    frontier->first->taken += ROUNDED(front->bytes);
}

void frontier_free(struct frontier *frontier)
{
    for (struct chunk *chunk = frontier->first; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(frontier->spare);
    *frontier = (struct frontier){0};
}
