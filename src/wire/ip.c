#include "wire/packet.h"

enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    if (ipv4_is_usual(bytes, length)) {
        return ipv4_parse_usual(bytes, length, packet);
    }
    unsigned version = length > 0 ? bytes[0] >> 4 : 0;
    if (version == 4) {
        return ipv4_parse(bytes, length, packet);
    }
    if (version == 6) {
        return ipv6_parse(bytes, length, packet);
    }
    *packet = (struct packet){.bytes = bytes, .length = length};
    return length == 0 ? LA_DROP_IP_TRUNCATED : LA_DROP_IP_VERSION;
}

struct ip_fragment ip_fragment(const struct packet *packet)
{
    return packet->bytes[0] >> 4 == 4 ? ipv4_fragment(packet) : ipv6_fragment(packet);
}

bool ip_fragment_transport(const struct packet *packet, struct ip_transport *transport)
{
    if (packet->bytes[0] >> 4 != 4) {
        return ipv6_fragment_transport(packet, transport);
    }
    *transport = (struct ip_transport){packet->protocol, packet->payload, packet->payload_length};
    return true;
}

void ip_fragments_join(uint8_t *bytes, size_t length, const struct ip_fragment *first)
{
    if (bytes[0] >> 4 == 4) {
        ipv4_fragments_join(bytes, length);
    } else {
        put_u16(bytes + 4, (uint16_t)(length - IPV6_HEADER_BYTES));
        bytes[first->next_header_at] = first->protocol;
    }
}

unsigned ip_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                          uint8_t ttl, const struct ip_fragment *fragment, size_t payload_length)
{
    return address_is_ipv4(destination) ? ipv4_emit_fragment(to, source, destination, ttl, fragment, payload_length)
                                        : ipv6_emit_fragment(to, source, destination, ttl, fragment, payload_length);
}
