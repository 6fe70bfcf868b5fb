#include "queue.h"

#include <stdlib.h>

bool queue_init(struct queue *queue, uint32_t capacity)
{
    queue->count = 0;
    queue->capacity = capacity;
    queue->heap = calloc(capacity, sizeof *queue->heap);
    return queue->heap != NULL;
}

void queue_free(struct queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        free(queue->heap[i].bytes);
    free(queue->heap);
}

static bool earlier(const struct queue_item *a, const struct queue_item *b)
{
    return a->due != b->due ? a->due < b->due : a->serial < b->serial;
}

bool queue_put(struct queue *queue, const struct queue_item *item)
{
    if (queue->count == queue->capacity)
        return false;
    uint32_t at = queue->count++;
    while (at > 0 && earlier(item, &queue->heap[(at - 1) / 2])) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = *item;
    return true;
}

struct queue_item queue_take(struct queue *queue)
{
    struct queue_item first = queue->heap[0];
    const struct queue_item *last = &queue->heap[--queue->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && earlier(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!earlier(&queue->heap[child], last))
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = *last;
    return first;
}

la_time queue_due(const struct queue *queue)
{
    return queue->count > 0 ? queue->heap[0].due : LA_TIME_NEVER;
}
