#include <string.h>

#include "base/siphash.h"
#include "connection.h"

/* One keyed hash of the four-tuple, which nobody without the key can compute (RFC 9293 3.4.1, MUST-9, SHLD-1): its low
   half is RFC 6528's F, its high half the timestamps' offset. */
static uint64_t secret_of(const struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    uint8_t octets[36];
    const uint8_t *key = tcp_core(tcp)->config.key;
    memcpy(&octets[0], &local->port, 2);
    memcpy(&octets[2], &remote->port, 2);
    if (address_is_ipv4(&remote->address)) {
        memcpy(&octets[4], &local->address.octets[ADDRESS_IPV4_AT], 4);
        memcpy(&octets[8], &remote->address.octets[ADDRESS_IPV4_AT], 4);
        return siphash_2_4(key, octets, 12);
    }
    memcpy(&octets[4], local->address.octets, 16);
    memcpy(&octets[20], remote->address.octets, 16);
    return siphash_2_4(key, octets, 36);
}

struct clock_origin clock_origin(const struct tcp *tcp, const struct la_endpoint *local,
                                 const struct la_endpoint *remote)
{
    uint32_t ticks = (uint32_t)(tcp_core(tcp)->now / (4 * LA_MICROSECOND)); /* MUST-8 */
    uint64_t secret = secret_of(tcp, local, remote);
    return (struct clock_origin){seq_of(ticks + (uint32_t)secret), (uint32_t)(secret >> 32)};
}

static bool is_free(const struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), local, remote);
    return connection_find(tcp, &tuple) == NULL && wait_until(tcp, &tuple) == 0;
}

uint16_t clock_ephemeral_port(struct tcp *tcp, const struct la_address *local, const struct la_endpoint *remote)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    struct la_endpoint candidate = {*local, 0};
    uint32_t range = (uint32_t)config->ephemeral_last - config->ephemeral_first + 1;
    uint32_t offset = (uint32_t)secret_of(tcp, &candidate, remote);
    for (uint32_t tried = 0; tried < range; tried++) {
        candidate.port = (uint16_t)(config->ephemeral_first + (offset + tcp->next_port++) % range);
        if (is_free(tcp, &candidate, remote)) {
            return candidate.port;
        }
    }
    return 0;
}
