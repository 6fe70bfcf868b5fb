#include "checksum.h"

/* An octet without a partner counts as if a zero octet followed (RFC 1071 1). */
static inline uint64_t last_octet(uint8_t octet)
{
    const uint8_t pair[2] = {octet, 0};
    return load_u16(pair);
}

/* The plain sum of the last 0 to 7 octets. Words of 32 and 16 bits may be added to a sum of 64-bit ones as they are:
   2^16 is 1, modulo 2^16 - 1. */
static inline uint64_t sum_of_tail(const uint8_t *from, size_t length)
{
    uint64_t sum = 0;
    if (length & 4) {
        sum += load_u32(from);
        from += 4;
    }
    if (length & 2) {
        sum += load_u16(from);
        from += 2;
    }
    if (length & 1) {
        sum += last_octet(*from);
    }
    return sum;
}

static uint64_t sum_of(const uint8_t *from, size_t length)
{
    if (length < 8) {
        return sum_of_tail(from, length);
    }
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t c = 0;
    uint64_t d = 0;
    for (; length >= 32; from += 32, length -= 32) { /* four chains of carries, so that none waits for the other */
        a = checksum_join(a, load_u64(from));
        b = checksum_join(b, load_u64(from + 8));
        c = checksum_join(c, load_u64(from + 16));
        d = checksum_join(d, load_u64(from + 24));
    }
    for (; length >= 8; from += 8, length -= 8) {
        a = checksum_join(a, load_u64(from));
    }
    c = checksum_join(c, sum_of_tail(from, length));
    return checksum_join(checksum_join(a, b), checksum_join(c, d));
}

static uint64_t copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t word = load_u64(from);
    memcpy(to, &word, sizeof word);
    return word;
}

static inline void copy_tail(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length & 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    if (length & 2) {
        memcpy(to, from, 2);
        to += 2;
        from += 2;
    }
    if (length & 1) {
        *to = *from;
    }
}

static uint64_t copied_sum_of(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length < 8) {
        copy_tail(to, from, length);
        return sum_of_tail(from, length);
    }
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t c = 0;
    uint64_t d = 0;
    for (; length >= 32; from += 32, to += 32, length -= 32) {
        a = checksum_join(a, copy_word(to, from));
        b = checksum_join(b, copy_word(to + 8, from + 8));
        c = checksum_join(c, copy_word(to + 16, from + 16));
        d = checksum_join(d, copy_word(to + 24, from + 24));
    }
    for (; length >= 8; from += 8, to += 8, length -= 8) {
        a = checksum_join(a, copy_word(to, from));
    }
    c = checksum_join(c, sum_of_tail(from, length));
    copy_tail(to, from, length);
    return checksum_join(checksum_join(a, b), checksum_join(c, d));
}

uint64_t checksum_add(uint64_t sum, bool odd, const void *data, size_t length)
{
    uint64_t piece = sum_of(data, length);
    return checksum_join(sum, odd ? checksum_swap(piece) : piece);
}

uint64_t checksum_copy(uint64_t sum, bool odd, void *to, const void *from, size_t length)
{
    uint64_t piece = copied_sum_of(to, from, length);
    return checksum_join(sum, odd ? checksum_swap(piece) : piece);
}
