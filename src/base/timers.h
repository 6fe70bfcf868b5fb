#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* The deadlines of many owners, the earliest first: a 4-ary heap of (deadline, owner) with each owner's position beside
   it, so that an owner has at most one deadline, which can be moved and taken out. Deadlines are milliseconds on a
   circle of 2^32: any two must lie within 2^31 of each other. Storage is the caller's: see timers_bytes. */
struct timer_entry {
    uint32_t deadline_ms;
    uint32_t owner;
};

struct timers {
    uint32_t capacity; /* owners are 0 to capacity - 1 */
    uint32_t count;
};

/* 12 octets an owner: the heap, then the positions. */
static inline uint64_t timers_bytes(uint32_t capacity)
{
    return (uint64_t)capacity * (sizeof(struct timer_entry) + sizeof(uint32_t));
}

static inline bool deadline_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

void timers_init(struct timers *timers, void *storage, uint32_t capacity);

/* Sets or moves the owner's deadline. */
void timers_set(struct timers *timers, void *storage, uint32_t owner, uint32_t deadline_ms);

void timers_clear(struct timers *timers, void *storage, uint32_t owner);

/* The owner's deadline as it stands in the heap; false if it has none. */
bool timers_get(const struct timers *timers, const void *storage, uint32_t owner, uint32_t *deadline_ms);

/* Whether the owner has a deadline that is not later than this. */
bool timers_cover(const struct timers *timers, const void *storage, uint32_t owner, uint32_t deadline_ms);

/* The earliest entry; NULL if there is none. */
const struct timer_entry *timers_first(const struct timers *timers, const void *storage);

#endif
