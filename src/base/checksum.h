#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include "bytes.h"

/* The Internet checksum (RFC 1071). A sum starts at 0, is carried as 64 bits with end-around carry over octets as they
   lie in memory, and means something to these functions only; sums of pieces are put together in any order.

   odd: the piece begins at an odd offset of the whole that is summed. So a piece may have any length: the next one
   begins odd if the octets before it are odd in number. */
uint64_t checksum_add(uint64_t sum, bool odd, const void *data, size_t length);

/* The same, and copies the octets in the same pass. The two areas do not overlap. */
uint64_t checksum_copy(uint64_t sum, bool odd, void *to, const void *from, size_t length);

/* Puts two sums together. */
static inline uint64_t checksum_join(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < a);
}

/* The sum of octets that begin at an even offset, as if they began at an odd one: RFC 1071 2(B), byte order. */
static inline uint64_t checksum_swap(uint64_t sum)
{
    return sum << 8 | sum >> 56;
}

/* Adds 16- and 32-bit fields given by value, in host order, that lie at even offsets: fields is their plain sum. This
   is how headers are summed while they are written, without reading them again. */
static inline uint64_t checksum_fields(uint64_t sum, uint64_t fields)
{
    const union {
        uint16_t word;
        uint8_t octets[2];
    } order = {.word = 1};
    return checksum_join(sum, order.octets[0] == 1 ? checksum_swap(fields) : fields);
}

/* Folded and complemented: the checksum field as it lies in memory. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    sum += sum << 32 | sum >> 32; /* the upper half is the sum of both, the lower half's carry included */
    uint32_t half = (uint32_t)(sum >> 32);
    half += half << 16 | half >> 16;
    return (uint16_t) ~(half >> 16);
}

static inline void checksum_put(uint8_t *to, uint64_t sum)
{
    uint16_t field = checksum_fold(sum);
    memcpy(to, &field, sizeof field);
}

/* The same in host order. Over a whole that includes its checksum field, the result is 0 if and only if the checksum is
   right. */
static inline uint16_t checksum_finish(uint64_t sum)
{
    uint16_t field = checksum_fold(sum);
    return get_u16((const uint8_t *)&field);
}

/* The same question, at less cost, of a whole that has an octet which is not 0: in one's complement of 16 bits the
   multiples of 2^16 - 1 are zero. */
static inline bool checksum_is_right(uint64_t sum)
{
    return sum % UINT16_MAX == 0;
}

#endif
