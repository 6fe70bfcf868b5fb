#include "siphash.h"

#include "bytes.h"

struct sip {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline uint64_t little_u64(const uint8_t *from)
{
    uint64_t word = load_u64(from);
    return machine_is_little_endian() ? word : __builtin_bswap64(word);
}

/* The last 0 to 7 octets. */
static inline uint64_t little_tail(const uint8_t *from, size_t length)
{
    uint64_t word = 0;
    for (size_t i = length; i > (length & 4); i--) {
        word = word << 8 | from[i - 1];
    }
    if ((length & 4) != 0) {
        uint32_t low = load_u32(from);
        word = word << 32 | (machine_is_little_endian() ? low : __builtin_bswap32(low));
    }
    return word;
}

static inline void sip_word(struct sip *s, uint64_t word, unsigned rounds)
{
    s->v3 ^= word;
    for (unsigned i = 0; i < rounds; i++) {
        sip_round(s);
    }
    s->v0 ^= word;
}

/* The constants are the paper's: "somepseudorandomlygeneratedbytes". */
static inline uint64_t siphash(const uint8_t key[16], const void *data, size_t length, unsigned c, unsigned d)
{
    uint64_t k0 = little_u64(key);
    uint64_t k1 = little_u64(key + 8);
    struct sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                    k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *at = data;
    size_t left = length;
    for (; left >= 8; at += 8, left -= 8) {
        sip_word(&s, little_u64(at), c);
    }
    sip_word(&s, (uint64_t)(length & 0xff) << 56 | little_tail(at, left), c);
    s.v2 ^= 0xff;
    for (unsigned i = 0; i < d; i++) {
        sip_round(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash_2_4(const uint8_t key[16], const void *data, size_t length)
{
    return siphash(key, data, length, 2, 4);
}

uint64_t siphash_1_3(const uint8_t key[16], const void *data, size_t length)
{
    return siphash(key, data, length, 1, 3);
}
