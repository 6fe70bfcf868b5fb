#include "wire/ipv4.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"
#include "base/cold.h"
#include "wire/packet.h"

/* RFC 791 3.1: flags and fragment offset. */
enum { MORE_FRAGMENTS = 0x2000, FRAGMENT_OFFSET = 0x1fff };

enum ipv4_option { OPTION_END = 0, OPTION_NOP = 1, OPTION_LOOSE_SOURCE_ROUTE = 131, OPTION_STRICT_SOURCE_ROUTE = 137 };

/* All are skipped but source routes, which a host may refuse (RFC 1122 3.2.1.8, RFC 6274 3.13.2.3). */
COLD static enum la_drop check_options(struct reader options)
{
    while (reader_left(&options) > 0) {
        uint8_t kind = read_u8(&options);
        if (kind == OPTION_END) {
            return LA_DROP_NONE;
        }
        if (kind == OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&options);
        if (length < 2 || kind == OPTION_LOOSE_SOURCE_ROUTE || kind == OPTION_STRICT_SOURCE_ROUTE) {
            return LA_DROP_IP_OPTION;
        }
        reader_skip(&options, length - 2u);
        if (options.failed) {
            return LA_DROP_IP_OPTION;
        }
    }
    return LA_DROP_NONE;
}

static bool checksum_is_right(const uint8_t *header, size_t length)
{
    if (length != IPV4_HEADER_BYTES) {
        return checksum_finish(checksum_add(0, false, header, length)) == 0;
    }
    uint64_t sum = checksum_join(load_u64(header), load_u64(header + 8));
    return checksum_finish(checksum_join(sum, load_u32(header + 16))) == 0;
}

/* The fields are at fixed places, once it is known that there are twenty octets. */
enum la_drop ipv4_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    if (length < IPV4_HEADER_BYTES) {
        *packet = (struct packet){.bytes = bytes, .length = length};
        return LA_DROP_IP_TRUNCATED;
    }
    size_t header_bytes = (size_t)(bytes[0] & 15u) * 4;
    size_t total_length = get_u16(bytes + 2);
    *packet = (struct packet){.source = address_from_ipv4(bytes + 12),
                              .destination = address_from_ipv4(bytes + 16),
                              .bytes = bytes,
                              .length = length,
                              .protocol = bytes[9],
                              .ttl = bytes[8]};
    if (bytes[0] >> 4 != 4) {
        return LA_DROP_IP_VERSION;
    }
    if (header_bytes < IPV4_HEADER_BYTES || header_bytes > length) {
        return LA_DROP_IP_HEADER_LENGTH;
    }
    if (total_length < header_bytes || total_length > length) {
        return LA_DROP_IP_TOTAL_LENGTH;
    }
    packet->length = total_length;
    packet->payload = bytes + header_bytes;
    packet->payload_length = total_length - header_bytes;
    if (!checksum_is_right(bytes, header_bytes)) {
        return LA_DROP_IP_CHECKSUM;
    }
    if (header_bytes > IPV4_HEADER_BYTES) {
        enum la_drop why = check_options(reader_of(bytes + IPV4_HEADER_BYTES, header_bytes - IPV4_HEADER_BYTES));
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    /* The identification means nothing in what is not fragmented (RFC 6864 4). */
    return (get_u16(bytes + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) != 0 ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE;
}

struct ip_fragment ipv4_fragment(const struct packet *packet)
{
    unsigned flags_and_offset = get_u16(packet->bytes + 6);
    return (struct ip_fragment){.identification = get_u16(packet->bytes + 4),
                                .offset = (flags_and_offset & FRAGMENT_OFFSET) * 8,
                                .more = (flags_and_offset & MORE_FRAGMENTS) != 0,
                                .protocol = packet->protocol,
                                .before_bytes = (uint16_t)(packet->payload - packet->bytes),
                                .next_header_at = 9};
}
