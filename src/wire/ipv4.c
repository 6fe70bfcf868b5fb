#include "wire/ipv4.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"

/* RFC 791 3.1: flags and fragment offset. */
enum { DONT_FRAGMENT = 0x4000, MORE_FRAGMENTS = 0x2000, FRAGMENT_OFFSET = 0x1fff };

enum ipv4_option { OPTION_END = 0, OPTION_NOP = 1, OPTION_LOOSE_SOURCE_ROUTE = 131, OPTION_STRICT_SOURCE_ROUTE = 137 };

/* All are skipped but source routes, which a host may refuse (RFC 1122 3.2.1.8, RFC 6274 3.13.2.3). */
static enum la_drop check_options(struct reader options)
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

static struct la_address read_address(struct reader *r)
{
    return address_from_ipv4(reader_take(r, 4));
}

static bool checksum_is_right(const uint8_t *header, size_t length)
{
    if (length != IPV4_HEADER_BYTES) {
        return checksum_finish(checksum_add(0, false, header, length)) == 0;
    }
    uint64_t sum = checksum_join(load_u64(header), load_u64(header + 8));
    return checksum_finish(checksum_join(sum, load_u32(header + 16))) == 0;
}

enum la_drop ipv4_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    memset(packet, 0, sizeof *packet);
    packet->bytes = bytes;
    packet->length = length;
    struct reader all = reader_of(bytes, length);
    struct reader r = reader_part(&all, IPV4_HEADER_BYTES);
    if (r.failed) {
        return LA_DROP_IP_TRUNCATED;
    }
    uint8_t version_and_length = read_u8(&r);
    size_t header_bytes = (version_and_length & 15u) * 4;
    reader_skip(&r, 1); /* type of service */
    size_t total_length = read_u16(&r);
    reader_skip(&r, 2); /* identification: means nothing in what is not fragmented (RFC 6864 4) */
    uint16_t fragment = read_u16(&r);
    packet->ttl = read_u8(&r);
    packet->protocol = read_u8(&r);
    reader_skip(&r, 2); /* checksum */
    packet->source = read_address(&r);
    packet->destination = read_address(&r);
    if (version_and_length >> 4 != 4) {
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
        enum la_drop why = check_options(reader_part(&all, header_bytes - IPV4_HEADER_BYTES));
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    return (fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) != 0 ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE;
}

/* Words are summed as they are written, so that nothing is read back. */
unsigned ipv4_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                   uint8_t ttl, size_t payload_length)
{
    la_assert(payload_length <= UINT16_MAX - IPV4_HEADER_BYTES);
    const uint8_t *from_octets = source->octets + ADDRESS_IPV4_AT;
    const uint8_t *to_octets = destination->octets + ADDRESS_IPV4_AT;
    uint32_t length_word = UINT32_C(0x45000000) | (uint32_t)(IPV4_HEADER_BYTES + payload_length);
    uint32_t fragment_word = DONT_FRAGMENT; /* and identification 0: RFC 6864 4.1 */
    uint16_t ttl_word = (uint16_t)(ttl << 8 | protocol);
    uint64_t sum = (uint64_t)load_u32(from_octets) + load_u32(to_octets);
    sum = checksum_fields(sum, (uint64_t)length_word + fragment_word + ttl_word);

    put_u32(to, length_word);
    put_u32(to + 4, fragment_word);
    put_u16(to + 8, ttl_word);
    put_u16(to + 10, checksum_finish(sum));
    memcpy(to + 12, from_octets, 4);
    memcpy(to + 16, to_octets, 4);
    return IPV4_HEADER_BYTES;
}

uint64_t ipv4_pseudo_checksum(const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                              size_t payload_length)
{
    uint64_t sum =
        (uint64_t)load_u32(source->octets + ADDRESS_IPV4_AT) + load_u32(destination->octets + ADDRESS_IPV4_AT);
    return checksum_fields(sum, (uint64_t)protocol + payload_length);
}
