#include "wire/source_route.h"

#include <string.h>

#include "base/assert.h"
#include "wire/ipv4.h"

/* An option: kind, length, pointer, and then addresses. */
#define ROUTE_AT      3
#define FIRST_POINTER 4 /* counts octets from the option's first, which is 1 */

static void put_option(struct source_route *route, uint8_t kind, unsigned addresses)
{
    route->bytes = (uint8_t)(4 + 4 * addresses);
    route->option[0] = IPV4_OPTION_NOP;
    route->option[1] = kind;
    route->option[2] = (uint8_t)(ROUTE_AT + 4 * addresses);
    route->option[3] = FIRST_POINTER;
}

static const uint8_t *octets_of(const struct la_address *address)
{
    return address->octets + ADDRESS_IPV4_AT;
}

void source_route_make(struct source_route *route, const struct la_source_route *through,
                       const struct la_address *destination)
{
    la_assert(through->count > 0 && through->count <= LA_SOURCE_ROUTE_HOPS);
    put_option(route, through->strict ? IPV4_OPTION_STRICT_SOURCE_ROUTE : IPV4_OPTION_LOOSE_SOURCE_ROUTE,
               through->count);
    memcpy(route->first_hop, octets_of(&through->hops[0]), 4);
    uint8_t *at = route->option + 4;
    for (unsigned i = 1; i < through->count; i++, at += 4) {
        memcpy(at, octets_of(&through->hops[i]), 4);
    }
    memcpy(at, octets_of(destination), 4);
}

/* The option's addresses are the hops in the order in which they were passed. A source that put itself in front (RFC
   1122 3.2.1.8 (c), case B) is not passed twice. */
void source_route_reverse(struct source_route *route, const uint8_t *option, const struct la_address *source)
{
    unsigned count = (option[1] - ROUTE_AT) / 4u;
    const uint8_t *hops = option + ROUTE_AT;
    if (count > 0 && memcmp(hops, octets_of(source), 4) == 0) {
        hops += 4;
        count--;
    }
    if (count == 0) {
        route->bytes = 0;
        return;
    }
    put_option(route, option[0], count);
    memcpy(route->first_hop, hops + 4 * (size_t)(count - 1), 4);
    uint8_t *at = route->option + 4;
    for (unsigned i = count - 1; i > 0; i--, at += 4) {
        memcpy(at, hops + 4 * (size_t)(i - 1), 4);
    }
    memcpy(at, octets_of(source), 4);
}

void source_route_tell(const struct source_route *route, struct la_source_route *through)
{
    *through = (struct la_source_route){.count = (uint8_t)(route->bytes / 4u - (route->bytes > 0))};
    through->strict = route->bytes > 0 && route->option[1] == IPV4_OPTION_STRICT_SOURCE_ROUTE;
    for (unsigned i = 0; i < through->count; i++) {
        through->hops[i] = address_from_ipv4(i == 0 ? route->first_hop : route->option + 4 * (size_t)i);
    }
}

static void sum_header(uint8_t *packet)
{
    size_t header_bytes = (size_t)(packet[0] & 15u) * 4;
    put_u16(packet + 10, 0);
    put_u16(packet + 10, checksum_finish(checksum_add(0, false, packet, header_bytes)));
}

size_t source_route_insert(uint8_t *packet, size_t length, const struct source_route *route)
{
    la_assert(packet[0] == 0x45 && length + route->bytes <= UINT16_MAX);
    memmove(packet + IPV4_HEADER_BYTES + route->bytes, packet + IPV4_HEADER_BYTES, length - IPV4_HEADER_BYTES);
    memcpy(packet + IPV4_HEADER_BYTES, route->option, route->bytes);
    memcpy(packet + 16, route->first_hop, 4);
    packet[0] = (uint8_t)(0x45 + route->bytes / 4);
    put_u16(packet + 2, (uint16_t)(length + route->bytes));
    sum_header(packet);
    return length + route->bytes;
}

void ip_set_tos(uint8_t *packet, uint8_t tos)
{
    if (packet[0] >> 4 == 4) {
        packet[1] = tos;
        sum_header(packet);
    } else { /* IPv6's traffic class: RFC 8200 3 */
        packet[0] = (uint8_t)((packet[0] & 0xf0) | tos >> 4);
        packet[1] = (uint8_t)((packet[1] & 0x0f) | tos << 4);
    }
}
