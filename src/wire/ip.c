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
