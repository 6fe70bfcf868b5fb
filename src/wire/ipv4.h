#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"
#include "base/cold.h"

/* IPv4: RFC 791. The interface is packet.h's, for one version. */
#define IPV4_HEADER_BYTES 20

/* Options: RFC 791 3.1. */
enum ipv4_option {
    IPV4_OPTION_END = 0,
    IPV4_OPTION_NOP = 1,
    IPV4_OPTION_LOOSE_SOURCE_ROUTE = 131,
    IPV4_OPTION_STRICT_SOURCE_ROUTE = 137
};

struct packet;
struct ip_fragment;

COLD enum la_drop ipv4_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/* Version 4 and no options, as in nearly every packet. */
static inline bool ipv4_is_usual(const uint8_t *bytes, size_t length)
{
    return length >= IPV4_HEADER_BYTES && bytes[0] == (4 << 4 | IPV4_HEADER_BYTES / 4);
}

/* The same as ipv4_parse of such a packet, with nothing in it that depends on the header's length. */
enum la_drop ipv4_parse_usual(const uint8_t *bytes, size_t length, struct packet *packet);
struct ip_fragment ipv4_fragment(const struct packet *packet);
void ipv4_fragments_join(uint8_t *bytes, size_t length);
unsigned ipv4_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                            uint8_t ttl, const struct ip_fragment *fragment, size_t payload_length);

/* The sum of two addresses. */
static inline uint64_t ipv4_addresses_sum(const struct la_address *source, const struct la_address *destination)
{
    return (uint64_t)load_u32(source->octets + ADDRESS_IPV4_AT) + load_u32(destination->octets + ADDRESS_IPV4_AT);
}

/* Words are summed as they are written, so that nothing is read back. */
static inline unsigned ipv4_emit(uint8_t *restrict to, const struct la_address *source,
                                 const struct la_address *destination, uint8_t protocol, uint8_t ttl,
                                 size_t payload_length)
{
    la_assert(payload_length <= UINT16_MAX - IPV4_HEADER_BYTES);
    uint32_t length_word = UINT32_C(0x45000000) | (uint32_t)(IPV4_HEADER_BYTES + payload_length);
    uint32_t fragment_word = 0x4000; /* don't fragment, and identification 0, sent again too: RFC 6864 4.1, MAY-4 */
    uint32_t ttl_word = (uint32_t)ttl << 24 | (uint32_t)protocol << 16;
    uint64_t sum =
        checksum_fields(ipv4_addresses_sum(source, destination), (uint64_t)length_word + fragment_word + ttl_word);
    put_u32(to, length_word);
    put_u32(to + 4, fragment_word);
    put_u16(to + 8, (uint16_t)(ttl_word >> 16));
    checksum_put(to + 10, sum);
    memcpy(to + 12, source->octets + ADDRESS_IPV4_AT, 4);
    memcpy(to + 16, destination->octets + ADDRESS_IPV4_AT, 4);
    return IPV4_HEADER_BYTES;
}

static inline uint64_t ipv4_pseudo_checksum(const struct la_address *source, const struct la_address *destination,
                                            uint8_t protocol, size_t payload_length)
{
    return checksum_fields(ipv4_addresses_sum(source, destination), (uint64_t)protocol + payload_length);
}

#endif
