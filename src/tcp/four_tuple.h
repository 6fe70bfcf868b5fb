#ifndef TCP_FOUR_TUPLE_H
#define TCP_FOUR_TUPLE_H

#include "base/address.h"
#include "base/core.h"

/* Where a four-tuple stands in the tables. IPv4: Thorup's pair-multiply-shift (High Speed Hashing for Integers and
   Strings, 2015, 3.4): universal, so that nobody who does not know the key can make tuples that meet more often than
   chance. IPv6: SipHash. */
COLD uint32_t four_tuple_hash_ipv6(const struct core *core, const struct la_endpoint *local,
                                   const struct la_endpoint *remote);

/* The addresses as they lie in memory. */
static inline uint32_t four_tuple_hash_ipv4(const struct core *core, uint32_t local, uint32_t remote,
                                            uint16_t local_port, uint16_t remote_port)
{
    uint64_t ports = (uint64_t)remote_port << 16 | local_port;
    const uint64_t *key = core->table_key;
    return (uint32_t)(((key[0] + local) * (key[1] + remote) + key[2] * ports) >> 32);
}

static inline uint32_t four_tuple_hash(const struct core *core, const struct la_endpoint *local,
                                       const struct la_endpoint *remote)
{
    if (!address_is_ipv4(&remote->address)) {
        return four_tuple_hash_ipv6(core, local, remote);
    }
    return four_tuple_hash_ipv4(core, load_u32(&local->address.octets[ADDRESS_IPV4_AT]),
                                load_u32(&remote->address.octets[ADDRESS_IPV4_AT]), local->port, remote->port);
}

/* Who speaks with whom, hashed once for all the tables in which it is looked for. */
struct four_tuple {
    const struct la_endpoint *local;
    const struct la_endpoint *remote;
    uint32_t hash;
};

static inline struct four_tuple four_tuple_of(const struct core *core, const struct la_endpoint *local,
                                              const struct la_endpoint *remote)
{
    return (struct four_tuple){local, remote, four_tuple_hash(core, local, remote)};
}

/* A hash spread over a table of any size. */
static inline uint32_t four_tuple_place(uint32_t hash, uint32_t places)
{
    return (uint32_t)((uint64_t)hash * places >> 32);
}

static inline bool endpoint_equal(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && address_equal(&a->address, &b->address);
}

/* The same port, and an address that is the same or "any". */
static inline bool endpoint_meets(const struct la_endpoint *one, const struct la_endpoint *pattern)
{
    return one->port == pattern->port &&
           (address_is_any(&pattern->address) || address_equal(&one->address, &pattern->address));
}

#endif
