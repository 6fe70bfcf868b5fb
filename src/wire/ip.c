#include "base/address.h"
#include "base/assert.h"
#include "wire/ipv4.h"

/* By version. That of an address is told by its form; IPv6 has no file yet, and no address of it can be added to a host
   (ip_address_add), so none is ever emitted. */

enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    struct reader r = reader_of(bytes, length);
    unsigned version = read_u8(&r) >> 4;
    if (version == 4) {
        return ipv4_parse(bytes, length, packet);
    }
    memset(packet, 0, sizeof *packet);
    packet->bytes = bytes;
    packet->length = length;
    return r.failed ? LA_DROP_IP_TRUNCATED : LA_DROP_IP_VERSION;
}

unsigned ip_header_bytes(const struct la_address *destination)
{
    return address_is_ipv4(destination) ? IPV4_HEADER_BYTES : 40;
}

unsigned ip_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                 uint8_t ttl, size_t payload_length)
{
    la_assert(address_is_ipv4(source) && address_is_ipv4(destination));
    return ipv4_emit(to, source, destination, protocol, ttl, payload_length);
}

uint64_t ip_pseudo_checksum(const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                            size_t payload_length)
{
    return ipv4_pseudo_checksum(source, destination, protocol, payload_length);
}
