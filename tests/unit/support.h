#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

/* cmocka.h needs the first four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64: the same numbers on every machine. */
static inline uint64_t random_u64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void random_bytes(uint64_t *state, uint8_t *to, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        to[i] = (uint8_t)random_u64(state);
    }
}

/* A copy on the heap of exactly this length, so that a sanitizer sees the first octet read too far. */
static inline uint8_t *exact(const void *from, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    if (length > 0) {
        memcpy(copy, from, length);
    }
    return copy;
}

/* RFC 1071, octet by octet, for comparison. */
static inline uint16_t naive_checksum(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

#endif
