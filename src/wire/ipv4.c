#include "wire/ipv4.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"
#include "base/cold.h"
#include "wire/packet.h"

/* RFC 791 3.1: flags and fragment offset. */
enum { MORE_FRAGMENTS = 0x2000, FRAGMENT_OFFSET = 0x1fff };

/* A route that ends here: its pointer lies behind it. What is still on its way to somebody else we do not forward (RFC
   1122 3.2.1.8 (c)). */
static bool is_completed_route(const uint8_t *option, uint8_t length)
{
    return length >= 7 && length % 4 == 3 && option[2] > length;
}

/* All are skipped but source routes, of which there may be one, that ends here: what is not understood is ignored (RFC
   9293 3.9.2, MUST-50), and so are timestamps and recorded routes, which nobody here would ask for (MAY-10, MAY-11). */
static bool read_options(struct reader options, const uint8_t **route)
{
    while (reader_left(&options) > 0) {
        const uint8_t *option = options.at;
        uint8_t kind = read_u8(&options);
        if (kind == IPV4_OPTION_END) {
            return true;
        }
        if (kind == IPV4_OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&options);
        if (length < 2) {
            return false;
        }
        reader_skip(&options, length - 2u);
        if (options.failed) {
            return false;
        }
        if (kind == IPV4_OPTION_LOOSE_SOURCE_ROUTE || kind == IPV4_OPTION_STRICT_SOURCE_ROUTE) {
            if (*route != NULL || !is_completed_route(option, length)) {
                return false;
            }
            *route = option;
        }
    }
    return true;
}

COLD static bool take_options(struct reader options, struct packet *packet)
{
    const uint8_t *route = NULL;
    bool is_right = read_options(options, &route);
    packet->source_route = is_right ? route : NULL;
    return is_right;
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
    if (header_bytes > IPV4_HEADER_BYTES &&
        !take_options(reader_of(bytes + IPV4_HEADER_BYTES, header_bytes - IPV4_HEADER_BYTES), packet)) {
        return LA_DROP_IP_OPTION;
    }
    /* The identification means nothing in what is not fragmented (RFC 6864 4). */
    if (is_fragment(bytes)) {
        return LA_DROP_IP_FRAGMENT;
    }
    return packet->source_route != NULL ? LA_DROP_IP_OPTION : LA_DROP_NONE;
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

/* Total length, flags and offset, and the checksum that is due to them. */
static void set_extent(uint8_t *header, size_t length, unsigned flags_and_offset)
{
    la_assert(length <= UINT16_MAX);
    put_u16(header + 2, (uint16_t)length);
    put_u16(header + 6, (uint16_t)flags_and_offset);
    put_u16(header + 10, 0);
    checksum_put(header + 10, checksum_add(0, false, header, (size_t)(header[0] & 15u) * 4));
}

void ipv4_fragments_join(uint8_t *bytes, size_t length)
{
    set_extent(bytes, length, 0);
}

unsigned ipv4_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                            uint8_t ttl, const struct ip_fragment *fragment, size_t payload_length)
{
    la_assert(fragment->offset % 8 == 0);
    unsigned header_bytes = ipv4_emit(to, source, destination, fragment->protocol, ttl, payload_length);
    put_u16(to + 4, (uint16_t)fragment->identification);
    set_extent(to, header_bytes + payload_length, fragment->offset / 8 | (fragment->more ? MORE_FRAGMENTS : 0));
    return header_bytes;
}
