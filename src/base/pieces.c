#include "pieces.h"

#include <string.h>

#include "assert.h"
#include "checksum.h"

void pieces_init(const struct pieces_memory *memory)
{
    struct pieces *pool = memory->pool;
    pool->free_head = pool->total > 0 ? 0 : PIECE_NONE;
    pool->free_count = pool->total;
    for (uint32_t piece = 0; piece < pool->total; piece++) {
        memory->links[piece] = piece + 1 < pool->total ? piece + 1 : PIECE_NONE;
    }
}

uint32_t pieces_take(const struct pieces_memory *memory, uint32_t held)
{
    struct pieces *pool = memory->pool;
    if (held >= pool->free_count) {
        return PIECE_NONE;
    }
    uint32_t piece = pool->free_head;
    la_assert(piece < pool->total);
    pool->free_head = memory->links[piece];
    pool->free_count--;
    memory->links[piece] = PIECE_NONE;
    return piece;
}

void pieces_give(const struct pieces_memory *memory, uint32_t piece)
{
    struct pieces *pool = memory->pool;
    la_assert(piece < pool->total);
    la_assert(pool->free_count < pool->total);
    memory->links[piece] = pool->free_head;
    pool->free_head = piece;
    pool->free_count++;
    pool->given_back++;
}

uint64_t pieces_room(const struct pieces *pool, uint32_t held)
{
    /* Each piece taken makes held one more and the free ones one fewer. */
    uint32_t more = pool->free_count > held ? (pool->free_count - held + 1) / 2 : 0;
    return (uint64_t)more * pool->piece_bytes;
}

void stream_init(struct stream *stream)
{
    *stream = (struct stream){.head = PIECE_NONE, .tail = PIECE_NONE};
}

uint32_t stream_capacity(const struct pieces *pool, const struct stream *stream)
{
    return (uint32_t)stream->pieces * pool->piece_bytes - stream->start;
}

uint32_t stream_cover(const struct pieces_memory *memory, struct stream *stream, uint32_t end, uint32_t held)
{
    uint32_t capacity = stream_capacity(memory->pool, stream);
    while (capacity < end && stream->pieces < UINT16_MAX) {
        uint32_t piece = pieces_take(memory, held + stream->pieces);
        if (piece == PIECE_NONE) {
            break;
        }
        if (stream->pieces == 0) {
            stream->head = piece;
        } else {
            memory->links[stream->tail] = piece;
        }
        stream->tail = piece;
        stream->pieces++;
        capacity += memory->pool->piece_bytes;
    }
    return capacity;
}

/* The piece with this number in the chain, found from the cursor where that is nearer than the head. */
static uint32_t piece_numbered(const struct pieces_memory *memory, const struct stream *stream,
                               struct stream_cursor *cursor, uint32_t number)
{
    la_assert(number < stream->pieces);
    if (number + 1 == stream->pieces) {
        return stream->tail;
    }
    uint32_t piece = stream->head;
    uint32_t at = 0;
    if (cursor != NULL && cursor->piece != PIECE_NONE && cursor->number <= number) {
        piece = cursor->piece;
        at = cursor->number;
    }
    for (; at < number; at++) {
        piece = memory->links[piece];
    }
    if (cursor != NULL) {
        *cursor = (struct stream_cursor){piece, number};
    }
    return piece;
}

uint32_t stream_view(const struct pieces_memory *memory, const struct stream *stream, struct stream_cursor *cursor,
                     uint32_t offset, uint32_t limit, uint8_t **octets)
{
    uint32_t place = stream->start + offset;
    uint32_t within = place % memory->pool->piece_bytes;
    uint32_t piece = piece_numbered(memory, stream, cursor, place / memory->pool->piece_bytes);
    uint32_t contiguous = memory->pool->piece_bytes - within;
    *octets = piece_octets(memory, piece) + within;
    return contiguous < limit ? contiguous : limit;
}

void stream_put(const struct pieces_memory *memory, const struct stream *stream, uint32_t offset, const void *data,
                uint32_t length)
{
    const uint8_t *from = data;
    uint8_t *whole = stream_in_head(memory, stream, offset, length);
    if (whole != NULL) {
        memcpy(whole, from, length);
        return;
    }
    while (length > 0) {
        uint8_t *to = NULL;
        uint32_t n = stream_view(memory, stream, NULL, offset, length, &to);
        memcpy(to, from, n);
        from += n;
        offset += n;
        length -= n;
    }
}

void stream_copy(const struct pieces_memory *memory, const struct stream *stream, void *to, uint32_t length)
{
    uint8_t *at = to;
    const uint8_t *whole = stream_in_head(memory, stream, 0, length);
    if (whole != NULL) {
        memcpy(at, whole, length);
        return;
    }
    for (uint32_t offset = 0; offset < length;) {
        uint8_t *from = NULL;
        uint32_t n = stream_view(memory, stream, NULL, offset, length - offset, &from);
        memcpy(at + offset, from, n);
        offset += n;
    }
}

uint64_t stream_get(const struct pieces_memory *memory, const struct stream *stream, struct stream_cursor *cursor,
                    uint32_t offset, void *to, uint32_t length, uint64_t sum)
{
    uint8_t *at = to;
    bool odd = false;
    const uint8_t *whole = stream_in_head(memory, stream, offset, length);
    if (whole != NULL) {
        return checksum_copy(sum, false, to, whole, length);
    }
    while (length > 0) {
        uint8_t *from = NULL;
        uint32_t n = stream_view(memory, stream, cursor, offset, length, &from);
        sum = checksum_copy(sum, odd, at, from, n);
        odd ^= (n & 1) != 0;
        at += n;
        offset += n;
        length -= n;
    }
    return sum;
}

void stream_give_back(const struct pieces_memory *memory, struct stream *stream)
{
    uint32_t piece = stream->head;
    for (uint32_t number = 0; number < stream->pieces; number++) {
        uint32_t next = memory->links[piece];
        pieces_give(memory, piece);
        piece = next;
    }
    stream_init(stream);
}

void stream_drop(const struct pieces_memory *memory, struct stream *stream, struct stream_cursor *cursor,
                 uint32_t octets, bool keep_beyond)
{
    la_assert(octets <= stream->length);
    stream->length -= octets;
    if (stream->length == 0 && !keep_beyond) {
        stream_clear(memory, stream);
        if (cursor != NULL) {
            cursor->piece = PIECE_NONE;
        }
        return;
    }
    uint32_t place = stream->start + octets;
    uint32_t pieces = place / memory->pool->piece_bytes;
    stream->start = (uint16_t)(place % memory->pool->piece_bytes);
    la_assert(pieces <= stream->pieces);
    for (uint32_t number = 0; number < pieces; number++) {
        uint32_t next = memory->links[stream->head];
        pieces_give(memory, stream->head);
        stream->head = next;
    }
    stream->pieces = (uint16_t)(stream->pieces - pieces);
    if (stream->pieces == 0) {
        stream->tail = PIECE_NONE;
        stream->head = PIECE_NONE;
    }
    if (cursor != NULL && pieces > 0) {
        if (cursor->number >= pieces && stream->pieces > 0) {
            cursor->number -= pieces;
        } else {
            cursor->piece = PIECE_NONE;
        }
    }
}

void stream_trim(const struct pieces_memory *memory, struct stream *stream)
{
    if (stream->length == 0) {
        stream_clear(memory, stream);
        return;
    }
    uint32_t needed = (stream->start + stream->length + memory->pool->piece_bytes - 1) / memory->pool->piece_bytes;
    uint32_t last = stream->head;
    for (uint32_t number = 1; number < needed; number++) {
        last = memory->links[last];
    }
    for (uint32_t piece = memory->links[last]; stream->pieces > needed; stream->pieces--) {
        uint32_t next = memory->links[piece];
        pieces_give(memory, piece);
        piece = next;
    }
    memory->links[last] = PIECE_NONE;
    stream->tail = last;
}
