#include "packet.h"

#include <string.h>

enum {
    PROTOCOL_TCP = 6,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_TIMESTAMPS = 8,
    OPTION_TIMESTAMPS_LENGTH = 10
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static struct la_address mapped(const uint8_t *octets)
{
    struct la_address address = {{0}};
    address.octets[10] = address.octets[11] = 0xff;
    memcpy(address.octets + 12, octets, 4);
    return address;
}

/* Both look at the IP header: where TCP begins, and where it ends; 0 if this is not TCP. */
static size_t look_ipv4(const uint8_t *packet, size_t length, struct packet_view *view, size_t *end)
{
    if (length < IPV4_HEADER)
        return 0;
    size_t header = (size_t)(packet[0] & 15) * 4;
    size_t total = get16(packet + 2);
    bool later_fragment = (get16(packet + 6) & 0x1fff) != 0;
    if (header < IPV4_HEADER || total < header || total > length || packet[9] != PROTOCOL_TCP || later_fragment)
        return 0;
    view->source.address = mapped(packet + 12);
    view->destination.address = mapped(packet + 16);
    *end = total;
    return header;
}

static size_t look_ipv6(const uint8_t *packet, size_t length, struct packet_view *view, size_t *end)
{
    if (length < IPV6_HEADER)
        return 0;
    size_t total = IPV6_HEADER + (size_t)get16(packet + 4);
    if (total > length || packet[6] != PROTOCOL_TCP)
        return 0;
    memcpy(view->source.address.octets, packet + 8, 16);
    memcpy(view->destination.address.octets, packet + 24, 16);
    *end = total;
    return IPV6_HEADER;
}

static void look_options(const uint8_t *at, size_t length, struct packet_view *view)
{
    size_t i = 0;
    while (i < length && at[i] != OPTION_END) {
        if (at[i] == OPTION_NOP) {
            i++;
            continue;
        }
        if (length - i < 2 || at[i + 1] < 2 || at[i + 1] > length - i)
            return;
        if (at[i] == OPTION_TIMESTAMPS && at[i + 1] == OPTION_TIMESTAMPS_LENGTH) {
            view->has_timestamp = true;
            view->tsval = get32(at + i + 2);
            view->tsecr = get32(at + i + 6);
        }
        i += at[i + 1];
    }
}

bool packet_look(const void *packet, size_t length, struct packet_view *view)
{
    const uint8_t *octets = packet;
    memset(view, 0, sizeof *view);
    if (length == 0)
        return false;
    size_t end = 0;
    size_t tcp = 0;
    if (octets[0] >> 4 == 4)
        tcp = look_ipv4(octets, length, view, &end);
    else if (octets[0] >> 4 == 6)
        tcp = look_ipv6(octets, length, view, &end);
    if (tcp == 0 || end - tcp < TCP_HEADER)
        return false;
    const uint8_t *at = octets + tcp;
    size_t header = (size_t)(at[12] >> 4) * 4;
    if (header < TCP_HEADER || header > end - tcp)
        return false;
    view->tcp_offset = tcp;
    view->source.port = get16(at);
    view->destination.port = get16(at + 2);
    view->sequence = get32(at + 4);
    view->acknowledgment = get32(at + 8);
    view->flags = at[13];
    view->window = get16(at + 14);
    view->length = (uint32_t)(end - tcp - header);
    look_options(at + TCP_HEADER, header - TCP_HEADER, view);
    return true;
}

void packet_trace(const struct packet_view *view, la_time time, bool outgoing, struct la_trace *record)
{
    memset(record, 0, sizeof *record);
    record->time = time;
    record->kind = outgoing ? LA_TRACE_SEGMENT_OUT : LA_TRACE_SEGMENT_IN;
    record->local = outgoing ? view->source : view->destination;
    record->remote = outgoing ? view->destination : view->source;
    record->sequence = view->sequence;
    record->acknowledgment = view->acknowledgment;
    record->window_bytes = UINT32_MAX;
    record->length = view->length;
    record->flags = view->flags;
    record->has_timestamp = view->has_timestamp;
    record->tsval = view->tsval;
    record->tsecr = view->tsecr;
}
