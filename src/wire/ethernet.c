#include "wire/ethernet.h"

const struct mac mac_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool mac_is_station(const struct mac *mac)
{
    static const struct mac none = {{0}};
    return !mac_is_group(mac) && !mac_equal(mac, &none);
}

bool mac_is_broadcast(const struct mac *mac)
{
    return mac_equal(mac, &mac_broadcast);
}

enum la_drop ethernet_parse(const uint8_t *bytes, size_t length, struct ethernet_frame *frame)
{
    memset(frame, 0, sizeof *frame);
    if (length < ETHERNET_HEADER_BYTES) {
        return LA_DROP_ETHERNET;
    }
    memcpy(frame->destination.octets, bytes, MAC_BYTES);
    memcpy(frame->source.octets, bytes + MAC_BYTES, MAC_BYTES);
    frame->type = get_u16(bytes + (size_t)2 * MAC_BYTES);
    frame->payload = bytes + ETHERNET_HEADER_BYTES;
    frame->payload_length = length - ETHERNET_HEADER_BYTES;
    return mac_is_group(&frame->source) ? LA_DROP_ETHERNET : LA_DROP_NONE;
}

void ethernet_emit(uint8_t *to, const struct mac *destination, const struct mac *source, enum ethernet_type type)
{
    memcpy(to, destination->octets, MAC_BYTES);
    memcpy(to + MAC_BYTES, source->octets, MAC_BYTES);
    put_u16(to + (size_t)2 * MAC_BYTES, (uint16_t)type);
}
