#include "replies.h"

#include <string.h>

#include "assert.h"

/* In front of each packet. A record whose packet has been taken out of turn, or that only fills the end of the ring
   because the next packet did not fit there, is a gap. */
struct record {
    uint32_t bytes; /* of the whole record, a multiple of 8 */
    uint16_t length;
    uint8_t interface;
    uint8_t gap;
};

_Static_assert(sizeof(struct record) == 8, "replies_record_bytes counts on it");

static struct record record_at(const uint8_t *ring, uint32_t position)
{
    struct record record;
    memcpy(&record, ring + position, sizeof record);
    return record;
}

static void record_put(uint8_t *ring, uint32_t position, struct record record)
{
    memcpy(ring + position, &record, sizeof record);
}

static uint32_t position_after(const struct replies *replies, uint32_t position, uint32_t bytes)
{
    uint32_t next = position + bytes;
    la_assert(next <= replies->bytes);
    return next == replies->bytes ? 0 : next;
}

static void append(struct replies *replies, uint8_t *ring, struct record record)
{
    record_put(ring, replies->head, record);
    replies->head = position_after(replies, replies->head, record.bytes);
    replies->used += record.bytes;
}

/* Gaps at the tail are free room. An empty ring starts over, so that its whole length is contiguous. */
static void release_gaps(struct replies *replies, const uint8_t *ring)
{
    while (replies->used > 0) {
        struct record oldest = record_at(ring, replies->tail);
        if (!oldest.gap) {
            return;
        }
        la_assert(oldest.bytes <= replies->used);
        replies->tail = position_after(replies, replies->tail, oldest.bytes);
        replies->used -= oldest.bytes;
    }
    replies->head = 0;
    replies->tail = 0;
}

uint8_t *replies_reserve(struct replies *replies, uint8_t *ring, unsigned interface, size_t length)
{
    la_assert(length > 0 && length <= UINT16_MAX && interface <= UINT8_MAX);
    size_t wanted = replies_record_bytes(length);
    if (wanted > replies->bytes - replies->used) {
        return NULL;
    }
    if (replies->head >= replies->tail) { /* what is free lies at the end and at the beginning */
        uint32_t at_end = replies->bytes - replies->head;
        if (wanted > at_end) {
            if (wanted > replies->tail) {
                return NULL;
            }
            append(replies, ring, (struct record){.bytes = at_end, .gap = 1});
        }
    }
    record_put(ring, replies->head,
               (struct record){.bytes = (uint32_t)wanted, .length = (uint16_t)length, .interface = (uint8_t)interface});
    memset(ring + replies->head + wanted - 8, 0, 8); /* what the packet leaves of its last eight octets */
    return ring + replies->head + sizeof(struct record);
}

void replies_commit(struct replies *replies, uint8_t *ring, unsigned interface, size_t length)
{
    struct record reserved = record_at(ring, replies->head);
    la_assert(length > 0 && length <= reserved.length && reserved.interface == interface && !reserved.gap);
    uint32_t bytes = (uint32_t)replies_record_bytes(length);
    if (length < reserved.length) {
        memset(ring + replies->head + sizeof reserved + length, 0, bytes - sizeof reserved - length);
    }
    append(replies, ring, (struct record){.bytes = bytes, .length = (uint16_t)length, .interface = (uint8_t)interface});
}

size_t replies_take(struct replies *replies, uint8_t *ring, unsigned interface, void *buffer, size_t size)
{
    uint32_t position = replies->tail;
    uint32_t left = replies->used;
    while (left > 0) {
        struct record record = record_at(ring, position);
        if (!record.gap && record.interface == interface) {
            if (record.length > size) {
                return 0;
            }
            memcpy(buffer, ring + position + sizeof record, record.length);
            if (record.bytes == replies->used) { /* nearly always: it was alone */
                *replies = (struct replies){.offset = replies->offset, .bytes = replies->bytes};
                return record.length;
            }
            record.gap = 1;
            record_put(ring, position, record);
            release_gaps(replies, ring);
            return record.length;
        }
        left -= record.bytes;
        position = position_after(replies, position, record.bytes);
    }
    return 0;
}

const uint8_t *replies_at(const uint8_t *ring, uint32_t place, size_t *length)
{
    struct record record = record_at(ring, place);
    la_assert(!record.gap);
    *length = record.length;
    return ring + place + sizeof record;
}

void replies_remove(struct replies *replies, uint8_t *ring, uint32_t place)
{
    struct record record = record_at(ring, place);
    la_assert(!record.gap);
    record.gap = 1;
    record_put(ring, place, record);
    release_gaps(replies, ring);
}

uint32_t replies_oldest(const struct replies *replies)
{
    la_assert(replies->used > 0);
    return replies->tail; /* gaps at the tail are released at once */
}
