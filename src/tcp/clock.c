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

#define TICKS 250 /* of the ISN clock in a millisecond: 4 us each */

struct clock_origin clock_origin(const struct tcp *tcp, const struct la_endpoint *local,
                                 const struct la_endpoint *remote)
{
    uint32_t ticks = (uint32_t)(tcp_core(tcp)->now / (LA_MILLISECOND / TICKS)); /* MUST-8 */
    uint64_t secret = secret_of(tcp, local, remote);
    uint32_t ahead_ms = tcp->clock_ahead_ms;
    return (struct clock_origin){seq_of(ticks + ahead_ms * TICKS + (uint32_t)secret),
                                 (uint32_t)(secret >> 32) + ahead_ms};
}

/* What a port would make of the four-tuple. */
enum port { PORT_FREE, PORT_REUSABLE, PORT_IN_USE };

static enum port examine(const struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote,
                         struct time_wait_record **record)
{
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), local, remote);
    *record = NULL;
    if (connection_find(tcp, &tuple) != NULL) {
        return PORT_IN_USE;
    }
    *record = time_wait_find(tcp_core(tcp), time_wait_table(tcp, remote), &tuple);
    if (*record == NULL) {
        return PORT_FREE;
    }
    return record_waits(*record) && !tcp_core(tcp)->config.time_wait_reuse ? PORT_IN_USE : PORT_REUSABLE;
}

/* So many ports are looked at before one with a record will do: what it costs to open does not grow with the waits. */
#define PORTS_PREFERRED 8

uint16_t clock_ephemeral_port(struct tcp *tcp, const struct la_address *local, const struct la_endpoint *remote,
                              struct time_wait_record **record)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    struct la_endpoint candidate = {*local, 0};
    struct time_wait_record *reusable = NULL;
    uint16_t reusable_port = 0;
    uint16_t behind_it = 0; /* the counter goes on there, so that those that wait take turns */
    uint32_t range = (uint32_t)config->ephemeral_last - config->ephemeral_first + 1;
    uint32_t offset = (uint32_t)secret_of(tcp, &candidate, remote);
    for (uint32_t tried = 0; tried < range && (tried < PORTS_PREFERRED || reusable == NULL); tried++) {
        candidate.port = (uint16_t)(config->ephemeral_first + (offset + tcp->next_port++) % range);
        enum port port = examine(tcp, &candidate, remote, record);
        if (port == PORT_FREE) {
            return candidate.port;
        }
        if (port == PORT_REUSABLE && reusable == NULL) {
            reusable = *record;
            reusable_port = candidate.port;
            behind_it = tcp->next_port;
        }
    }
    *record = reusable;
    tcp->next_port = reusable != NULL ? behind_it : tcp->next_port;
    return reusable_port;
}
