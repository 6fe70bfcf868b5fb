#include "wire/packet.h"

enum la_drop ip_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    if (length > 0 && bytes[0] >> 4 == 4) {
        return ipv4_parse(bytes, length, packet);
    }
    *packet = (struct packet){.bytes = bytes, .length = length};
    return length == 0 ? LA_DROP_IP_TRUNCATED : LA_DROP_IP_VERSION;
}
