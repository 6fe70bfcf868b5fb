#ifndef BASE_PIECES_H
#define BASE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all buffers of a host are made of: equal pieces from one pool, each in at most one chain. Storage is the
   caller's (struct pieces_memory): the links, then the octets. */
struct pieces {
    uint32_t total;
    uint32_t free_count;
    uint32_t free_head;
    uint32_t given_back; /* ever, modulo 2^32: who found none looks again when it has changed */
    uint32_t piece_bytes;
    uint32_t links;  /* offset of uint32_t[total], in CORE_UNITs */
    uint32_t octets; /* offset of the pieces, in CORE_UNITs */
};

#define PIECE_NONE UINT32_MAX

/* Where a pool's storage is just now: made for the length of one call, never kept. */
struct pieces_memory {
    struct pieces *pool;
    uint32_t *links;
    uint8_t *octets;
};

/* A run of octets in a chain of pieces: octet 0 is the first that was not dropped. */
struct stream {
    uint32_t head; /* piece; PIECE_NONE while there is none */
    uint32_t tail;
    uint32_t length; /* octets in order: all of them for a sender, the readable ones for a receiver */
    uint16_t start;  /* octet 0's place in the head piece */
    uint16_t pieces; /* in the chain; they may reach beyond length */
};

/* A place in a stream that is remembered, so that the chain need not be walked from its head for each segment. */
struct stream_cursor {
    uint32_t piece;
    uint32_t number; /* of the piece, counted from the head; meaningful while piece is not PIECE_NONE */
};

void pieces_init(const struct pieces_memory *memory);

/* Takes one piece out of the pool for somebody who holds `held` already; PIECE_NONE if the pool has none to spare. The
   rule is the dynamic threshold of shared-memory switches (Choudhury, Hahne 1998): nobody may hold more than are free,
   so that one that hoards leaves half of the pool to the others. */
uint32_t pieces_take(const struct pieces_memory *memory, uint32_t held);
void pieces_give(const struct pieces_memory *memory, uint32_t piece);

/* How many octets somebody who holds `held` could still be given. */
uint64_t pieces_room(const struct pieces *pool, uint32_t held);

static inline uint8_t *piece_octets(const struct pieces_memory *memory, uint32_t piece)
{
    return memory->octets + (size_t)piece * memory->pool->piece_bytes;
}

void stream_init(struct stream *stream);

/* Octets that the chain's pieces can hold, from octet 0 on. */
uint32_t stream_capacity(const struct pieces *pool, const struct stream *stream);

/* Lengthens the chain until octets 0 to end - 1 have a place, as far as the pool goes: the capacity reached. `held`
   counts the pieces that the owner holds outside this stream. */
uint32_t stream_cover(const struct pieces_memory *memory, struct stream *stream, uint32_t end, uint32_t held);

/* Copies octets to offset and on; the chain covers them. */
void stream_put(const struct pieces_memory *memory, const struct stream *stream, uint32_t offset, const void *data,
                uint32_t length);

/* Copies the first length octets. */
void stream_copy(const struct pieces_memory *memory, const struct stream *stream, void *to, uint32_t length);

/* The contiguous octets from offset on, at most `limit`: how many. */
uint32_t stream_view(const struct pieces_memory *memory, const struct stream *stream, struct stream_cursor *cursor,
                     uint32_t offset, uint32_t limit, uint8_t **octets);

/* The octets from offset on where all of them lie in the head piece, as those of short exchanges do; else NULL. */
static inline uint8_t *stream_in_head(const struct pieces_memory *memory, const struct stream *stream, uint32_t offset,
                                      uint32_t length)
{
    uint64_t first = (uint64_t)stream->start + offset;
    bool is_in_head = stream->pieces > 0 && first + length <= memory->pool->piece_bytes;
    return is_in_head ? piece_octets(memory, stream->head) + first : NULL;
}

/* Copies length octets from offset on and returns sum with theirs added (base/checksum.h). */
uint64_t stream_get(const struct pieces_memory *memory, const struct stream *stream, struct stream_cursor *cursor,
                    uint32_t offset, void *to, uint32_t length, uint64_t sum);

/* Drops the first octets, at most length; pieces that are not needed any more go back. keep_beyond: something lies
   behind length, so that the last piece must stay although nothing is in order. */
void stream_drop(const struct pieces_memory *memory, struct stream *stream, struct stream_cursor *cursor,
                 uint32_t octets, bool keep_beyond);

/* Gives back the pieces behind the first length octets. */
void stream_trim(const struct pieces_memory *memory, struct stream *stream);

/* Gives back all. */
void stream_give_back(const struct pieces_memory *memory, struct stream *stream);

static inline void stream_clear(const struct pieces_memory *memory, struct stream *stream)
{
    if (stream->pieces > 0) {
        stream_give_back(memory, stream);
    }
}

#endif
