#include "wire/ipv4.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"
#include "base/cold.h"
#include "wire/packet.h"

/* RFC 791 3.1: flags and fragment offset. */
enum { MORE_FRAGMENTS = 0x2000, FRAGMENT_OFFSET = 0x1fff };

/* A route that ends here: its pointer lies behind it, and there is but one. What is still on its way to somebody else
   we do not forward (RFC 1122 3.2.1.8 (c)). */
static bool is_completed_route(const uint8_t *option, uint8_t length, const struct packet *packet)
{
    return length >= 7 && length % 4 == 3 && option[2] > length && packet->source_route == NULL;
}

/* All are skipped but source routes, which are noted: what is not understood is ignored (RFC 9293 3.9.2, MUST-50), and
   so are timestamps and recorded routes, which nobody here would ask for (MAY-10, MAY-11). */
COLD static enum la_drop check_options(struct reader options, struct packet *packet)
{
    while (reader_left(&options) > 0) {
        const uint8_t *option = options.at;
        uint8_t kind = read_u8(&options);
        if (kind == IPV4_OPTION_END) {
            return LA_DROP_NONE;
        }
        if (kind == IPV4_OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&options);
        if (length < 2) {
            return LA_DROP_IP_OPTION;
        }
        reader_skip(&options, length - 2u);
        if (!options.failed && (kind == IPV4_OPTION_LOOSE_SOURCE_ROUTE || kind == IPV4_OPTION_STRICT_SOURCE_ROUTE)) {
            if (!is_completed_route(option, length, packet)) {
                return LA_DROP_IP_OPTION;
            }
            packet->source_route = option;
        }
        if (options.failed) {
            return LA_DROP_IP_OPTION;
        }
    }
    return LA_DROP_NONE;
}

static bool is_fragment(const uint8_t *bytes)
{
    return (get_u16(bytes + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) != 0;
}

enum la_drop ipv4_parse_usual(const uint8_t *bytes, size_t length, struct packet *packet)
{
    size_t payload_length = (size_t)get_u16(bytes + 2) - IPV4_HEADER_BYTES;
    if (payload_length > length - IPV4_HEADER_BYTES) { /* or under 0, which is more still */
        return ipv4_parse(bytes, length, packet);
    }
    *packet = (struct packet){.source = address_from_ipv4(bytes + 12),
                              .destination = address_from_ipv4(bytes + 16),
                              .bytes = bytes,
                              .length = payload_length + IPV4_HEADER_BYTES,
                              .payload = bytes + IPV4_HEADER_BYTES,
                              .payload_length = payload_length,
                              .tos = bytes[1],
                              .protocol = bytes[9],
                              .ttl = bytes[8]};
    uint64_t sum = checksum_join(load_u64(bytes), load_u64(bytes + 8));
    if (!checksum_is_right(checksum_join(sum, load_u32(bytes + 16)))) {
        return LA_DROP_IP_CHECKSUM;
    }
    return is_fragment(bytes) ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE;
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
                              .tos = bytes[1],
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
    if (!checksum_is_right(checksum_add(0, false, bytes, header_bytes))) {
        return LA_DROP_IP_CHECKSUM;
    }
    if (header_bytes > IPV4_HEADER_BYTES) {
        enum la_drop why =
            check_options(reader_of(bytes + IPV4_HEADER_BYTES, header_bytes - IPV4_HEADER_BYTES), packet);
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    /* The identification means nothing in what is not fragmented (RFC 6864 4). */
    return is_fragment(bytes) ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE;
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
