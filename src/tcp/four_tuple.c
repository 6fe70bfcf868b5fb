#include "four_tuple.h"

#include <string.h>

#include "base/siphash.h"

uint32_t four_tuple_hash_ipv6(const struct core *core, const struct la_endpoint *local,
                              const struct la_endpoint *remote)
{
    uint8_t octets[36];
    memcpy(&octets[0], local->address.octets, 16);
    memcpy(&octets[16], remote->address.octets, 16);
    memcpy(&octets[32], &local->port, 2);
    memcpy(&octets[34], &remote->port, 2);
    return (uint32_t)siphash_1_3(core->config.key, octets, sizeof octets);
}
