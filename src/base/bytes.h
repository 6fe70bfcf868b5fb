#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Cursors over octets in network byte order. A read or write that does not fit does nothing, and marks the cursor as
   failed for good; reads then give 0. So a parser reads straight on and asks once, at the end. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct writer {
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

/* Words as they lie in memory, at any alignment: for comparing, hashing and summing, where order does not matter. */
static inline uint64_t load_u64(const void *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline uint32_t load_u32(const void *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline uint16_t load_u16(const void *from)
{
    uint16_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Decided when it is compiled. */
static inline bool machine_is_little_endian(void)
{
    const union {
        uint16_t word;
        uint8_t octets[2];
    } order = {.word = 1};
    return order.octets[0] == 1;
}

/* A word in the machine's order as one in network order, and back. */
static inline uint16_t network_u16(uint16_t value)
{
    return machine_is_little_endian() ? __builtin_bswap16(value) : value;
}

static inline uint32_t network_u32(uint32_t value)
{
    return machine_is_little_endian() ? __builtin_bswap32(value) : value;
}

/* The first octet is the lowest. */
static inline uint64_t load_u64_le(const void *from)
{
    uint64_t word = load_u64(from);
    return machine_is_little_endian() ? word : __builtin_bswap64(word);
}

/* Big-endian, unchecked: what the cursors are made of. */
static inline uint16_t get_u16(const uint8_t *from)
{
    return network_u16(load_u16(from));
}

static inline uint32_t get_u32(const uint8_t *from)
{
    return network_u32(load_u32(from));
}

static inline uint64_t get_u64(const uint8_t *from)
{
    return (uint64_t)get_u32(from) << 32 | get_u32(from + 4);
}

static inline void put_u16(uint8_t *to, uint16_t value)
{
    uint16_t word = network_u16(value);
    memcpy(to, &word, sizeof word);
}

static inline void put_u32(uint8_t *to, uint32_t value)
{
    uint32_t word = network_u32(value);
    memcpy(to, &word, sizeof word);
}

static inline struct reader reader_of(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    return (struct reader){at, at + length, false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* The next length octets, or NULL. */
static inline const uint8_t *reader_take(struct reader *r, size_t length)
{
    if (r->failed || reader_left(r) < length) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += length;
    return at;
}

static inline uint8_t read_u8(struct reader *r)
{
    const uint8_t *at = reader_take(r, 1);
    return at != NULL ? at[0] : 0;
}

static inline uint16_t read_u16(struct reader *r)
{
    const uint8_t *at = reader_take(r, 2);
    return at != NULL ? get_u16(at) : 0;
}

static inline uint32_t read_u32(struct reader *r)
{
    const uint8_t *at = reader_take(r, 4);
    return at != NULL ? get_u32(at) : 0;
}

static inline void reader_skip(struct reader *r, size_t length)
{
    (void)reader_take(r, length);
}

/* The next length octets as a cursor of their own; if they are not there, both cursors fail. */
static inline struct reader reader_part(struct reader *r, size_t length)
{
    const uint8_t *at = reader_take(r, length);
    return at != NULL ? (struct reader){at, at + length, false} : (struct reader){r->at, r->at, true};
}

/* All octets that are left. */
static inline struct reader reader_rest(struct reader *r)
{
    struct reader rest = *r;
    r->at = r->end;
    return rest;
}

static inline struct writer writer_of(void *bytes, size_t length)
{
    uint8_t *at = bytes;
    return (struct writer){at, at + length, false};
}

static inline size_t writer_left(const struct writer *w)
{
    return (size_t)(w->end - w->at);
}

static inline bool writer_fits(struct writer *w, size_t length)
{
    w->failed = w->failed || writer_left(w) < length;
    return !w->failed;
}

/* Room for the next length octets, or NULL. */
static inline uint8_t *writer_take(struct writer *w, size_t length)
{
    if (!writer_fits(w, length)) {
        return NULL;
    }
    uint8_t *at = w->at;
    w->at += length;
    return at;
}

static inline void write_u8(struct writer *w, uint8_t value)
{
    if (writer_fits(w, 1)) {
        *w->at++ = value;
    }
}

static inline void write_u16(struct writer *w, uint16_t value)
{
    if (writer_fits(w, 2)) {
        put_u16(w->at, value);
        w->at += 2;
    }
}

static inline void write_u32(struct writer *w, uint32_t value)
{
    if (writer_fits(w, 4)) {
        put_u32(w->at, value);
        w->at += 4;
    }
}

static inline void write_bytes(struct writer *w, const void *from, size_t length)
{
    if (writer_fits(w, length) && length > 0) {
        memcpy(w->at, from, length);
        w->at += length;
    }
}

#endif
