#ifndef LINK_QUEUE_H
#define LINK_QUEUE_H

#include "impair.h"

/* Packets on their way, by the time at which they arrive; those of the same time in the order in which they came. */
struct queue_item {
    la_time due;
    la_time submitted;
    uint64_t serial;
    uint8_t *bytes; /* owned */
    size_t length;
    uint32_t tag;
    struct fate fate;
};

struct queue {
    uint32_t count;
    uint32_t capacity;
    struct queue_item *heap; /* a binary heap, the earliest at 0 */
};

bool queue_init(struct queue *queue, uint32_t capacity);
void queue_free(struct queue *queue);

/* False if it is full. Takes over the bytes if not. */
bool queue_put(struct queue *queue, const struct queue_item *item);

/* The earliest; there must be one. Hands over the bytes. */
struct queue_item queue_take(struct queue *queue);

/* When the earliest is due: LA_TIME_NEVER if there is none. */
la_time queue_due(const struct queue *queue);

#endif
