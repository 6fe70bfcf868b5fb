#ifndef BASE_REPLIES_H
#define BASE_REPLIES_H

#include <stddef.h>
#include <stdint.h>

/* Whole packets without a connection (RSTs, ICMP messages, ACKs from records) that wait to be pulled: a ring of
   records, each contiguous, each with its interface. When there is no room the newest is refused: what was promised
   earlier is sent, and a flood cannot push it out. */
struct replies {
    uint32_t offset; /* of the octets, in CORE_UNITs from the core */
    uint32_t bytes;  /* how many: a multiple of 8 */
    uint32_t head;   /* where the next record is written */
    uint32_t tail;   /* the oldest record */
    uint32_t used;   /* octets from tail to head, records' own headers and gaps counted */
};

/* What a packet of this length takes up in the ring. */
static inline size_t replies_record_bytes(size_t length)
{
    return 8 + ((length + 7) & ~(size_t)7);
}

/* Contiguous room for one packet of length octets (1 to 65,535), or NULL: full; the caller counts LA_DROP_REPLIES_FULL.
   ring is where the octets lie (core_at). Nothing is queued until replies_commit, which comes before any other call. */
uint8_t *replies_reserve(struct replies *replies, uint8_t *ring, unsigned interface, size_t length);

/* Queues what was written to the reserved room; length is at most what was reserved. */
void replies_commit(struct replies *replies, uint8_t *ring, unsigned interface, size_t length);

/* Takes the oldest packet of the interface, and copies it to buffer: its length. 0 if there is none, or if size is
   too small for it (it stays). Packets of other interfaces stay, in order. */
size_t replies_take(struct replies *replies, uint8_t *ring, unsigned interface, void *buffer, size_t size);

/* A packet out of turn, at the place that replies->head was between its reservation and its commit. */
const uint8_t *replies_at(const uint8_t *ring, uint32_t place, size_t *length);
void replies_remove(struct replies *replies, uint8_t *ring, uint32_t place);

/* The place of the oldest one: there is one. */
uint32_t replies_oldest(const struct replies *replies);

#endif
