#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012): 2-4 where the output is seen by others (ISNs,
   ports), 1-3 for tables. */
uint64_t siphash_2_4(const uint8_t key[16], const void *data, size_t length);
uint64_t siphash_1_3(const uint8_t key[16], const void *data, size_t length);

#endif
