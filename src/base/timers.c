#include "timers.h"

#include <stddef.h>

#include "assert.h"

#define ARITY   4
#define NOWHERE UINT32_MAX

static uint32_t *positions(const struct timers *timers, struct timer_entry *heap)
{
    return (uint32_t *)(heap + timers->capacity);
}

static const uint32_t *positions_const(const struct timers *timers, const struct timer_entry *heap)
{
    return (const uint32_t *)(heap + timers->capacity);
}

static void place(const struct timers *timers, struct timer_entry *heap, uint32_t position, struct timer_entry entry)
{
    heap[position] = entry;
    positions(timers, heap)[entry.owner] = position;
}

static void sift_up(const struct timers *timers, struct timer_entry *heap, uint32_t position, struct timer_entry entry)
{
    while (position > 0) {
        uint32_t parent = (position - 1) / ARITY;
        if (!deadline_before(entry.deadline_ms, heap[parent].deadline_ms)) {
            break;
        }
        place(timers, heap, position, heap[parent]);
        position = parent;
    }
    place(timers, heap, position, entry);
}

static uint32_t earliest_child(const struct timers *timers, const struct timer_entry *heap, uint32_t first)
{
    uint32_t earliest = first;
    for (uint32_t child = first + 1; child < first + ARITY && child < timers->count; child++) {
        if (deadline_before(heap[child].deadline_ms, heap[earliest].deadline_ms)) {
            earliest = child;
        }
    }
    return earliest;
}

static void sift_down(const struct timers *timers, struct timer_entry *heap, uint32_t position,
                      struct timer_entry entry)
{
    for (;;) {
        uint32_t first = position * ARITY + 1;
        if (first >= timers->count) {
            break;
        }
        uint32_t child = earliest_child(timers, heap, first);
        if (!deadline_before(heap[child].deadline_ms, entry.deadline_ms)) {
            break;
        }
        place(timers, heap, position, heap[child]);
        position = child;
    }
    place(timers, heap, position, entry);
}

/* Puts the entry where the one at position stood. */
static void settle(const struct timers *timers, struct timer_entry *heap, uint32_t position, struct timer_entry entry)
{
    if (position > 0 && deadline_before(entry.deadline_ms, heap[(position - 1) / ARITY].deadline_ms)) {
        sift_up(timers, heap, position, entry);
    } else {
        sift_down(timers, heap, position, entry);
    }
}

void timers_init(struct timers *timers, void *storage, uint32_t capacity)
{
    timers->capacity = capacity;
    timers->count = 0;
    uint32_t *position = positions(timers, storage);
    for (uint32_t owner = 0; owner < capacity; owner++) {
        position[owner] = NOWHERE;
    }
}

void timers_set(struct timers *timers, void *storage, uint32_t owner, uint32_t deadline_ms)
{
    la_assert(owner < timers->capacity);
    struct timer_entry *heap = storage;
    struct timer_entry entry = {deadline_ms, owner};
    uint32_t position = positions(timers, heap)[owner];
    if (position == NOWHERE) {
        la_assert(timers->count < timers->capacity);
        sift_up(timers, heap, timers->count++, entry);
    } else {
        settle(timers, heap, position, entry);
    }
}

void timers_clear(struct timers *timers, void *storage, uint32_t owner)
{
    la_assert(owner < timers->capacity);
    struct timer_entry *heap = storage;
    uint32_t position = positions(timers, heap)[owner];
    if (position == NOWHERE) {
        return;
    }
    positions(timers, heap)[owner] = NOWHERE;
    timers->count--;
    if (position < timers->count) {
        settle(timers, heap, position, heap[timers->count]);
    }
}

bool timers_get(const struct timers *timers, const void *storage, uint32_t owner, uint32_t *deadline_ms)
{
    la_assert(owner < timers->capacity);
    const struct timer_entry *heap = storage;
    uint32_t position = positions_const(timers, heap)[owner];
    if (position == NOWHERE) {
        return false;
    }
    *deadline_ms = heap[position].deadline_ms;
    return true;
}

bool timers_cover(const struct timers *timers, const void *storage, uint32_t owner, uint32_t deadline_ms)
{
    const struct timer_entry *heap = storage;
    uint32_t position = positions_const(timers, heap)[owner];
    return position != NOWHERE && !deadline_before(deadline_ms, heap[position].deadline_ms);
}

const struct timer_entry *timers_first(const struct timers *timers, const void *storage)
{
    const struct timer_entry *heap = storage;
    return timers->count > 0 ? &heap[0] : NULL;
}
