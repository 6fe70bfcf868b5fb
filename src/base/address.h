#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <lastack/lastack.h>

#include "bytes.h"

/* Where the four octets of an IPv4 address lie in its mapped form (RFC 4291 2.5.5.2). */
#define ADDRESS_IPV4_AT 12

/* What to add to an IPv4 prefix length so that it counts all 128 bits. */
#define ADDRESS_IPV4_PREFIX 96

static inline bool address_equal(const struct la_address *a, const struct la_address *b)
{
    uint64_t high = load_u64(a->octets) ^ load_u64(b->octets);
    uint64_t low = load_u64(a->octets + 8) ^ load_u64(b->octets + 8);
    return (high | low) == 0;
}

static inline bool address_is_ipv4(const struct la_address *a)
{
    static const uint8_t mapped[4] = {0, 0, 0xff, 0xff};
    return load_u64(a->octets) == 0 && load_u32(a->octets + 8) == load_u32(mapped);
}

/* The IPv4 address of four octets in network byte order. */
static inline struct la_address address_from_ipv4(const uint8_t octets[4])
{
    struct la_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    memcpy(address.octets + ADDRESS_IPV4_AT, octets, 4);
    return address;
}

/* All zero, or 0.0.0.0. */
bool address_is_any(const struct la_address *a);
bool address_is_multicast(const struct la_address *a);
bool address_is_loopback(const struct la_address *a);

/* IPv6's fe80::/10 (RFC 4291 2.5.6). */
bool address_is_link_local(const struct la_address *a);

/* 255.255.255.255: the limited broadcast. That of a subnet is for who knows its prefix. */
bool address_is_broadcast(const struct la_address *a);

/* Whether both are of one family, and the first prefix_bits of all 128 are equal: an IPv4 prefix length plus
   ADDRESS_IPV4_PREFIX. IPv4's form lies within every short prefix of IPv6, and yet nothing of IPv6's leads there. */
bool address_in_prefix(const struct la_address *a, const struct la_address *prefix, unsigned prefix_bits);

/* The first prefix_bits of all 128; those behind are zero. */
struct la_address address_prefix(const struct la_address *a, unsigned prefix_bits);

/* How many bits the two begin with in common. */
unsigned address_common_bits(const struct la_address *a, const struct la_address *b);

#endif
