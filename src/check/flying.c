#include "flying.h"

#include <string.h>

#include "wire/tcp.h"

bool flying_segment(const struct flying *flying, struct segment *segment)
{
    struct packet packet;
    return ip_parse(flying->packet, flying->length, &packet) == LA_DROP_NONE &&
           tcp_parse(&packet, segment) == LA_DROP_NONE;
}

void flying_rewrite(struct flying *flying, const struct segment *segment)
{
    uint8_t text[PACKET_BYTES];
    struct tcp_header header = {.local = &segment->remote,
                                .remote = &segment->local,
                                .seq = segment->seq,
                                .ack = segment->ack,
                                .window = segment->window,
                                .urgent = segment->urgent,
                                .flags = segment->flags,
                                .options = segment->options};
    unsigned before = flying->length - segment->length;
    memcpy(text, segment->text, segment->length);
    memset(flying->packet, 0, sizeof flying->packet);
    memcpy(flying->packet + before, text, segment->length);
    tcp_emit(flying->packet, &header, 64, segment->length,
             checksum_copy(0, false, flying->packet + before, text, segment->length));
}

void flying_add_stamps(struct flying *flying, uint32_t to_value, uint32_t to_reply)
{
    struct segment segment;
    if (!flying_segment(flying, &segment) || !segment.options.has_timestamp) {
        return;
    }
    segment.options.tsval += to_value;
    segment.options.tsecr += (segment.flags & LA_ACK) != 0 ? to_reply : 0;
    flying_rewrite(flying, &segment);
}

/* ---- what kind of segment ---- */

enum kind_of_segment { KIND_SYN, KIND_SYN_ACK, KIND_ACK, KIND_TEXT, KIND_FIN, KIND_TEXT_FIN, KIND_RST, KIND_RST_ACK };

const char *segment_kind_name(unsigned kind)
{
    static const char *const names[KINDS_OF_SEGMENT] = {"SYN",      "SYN-ACK", "ACK",     "text", "FIN",
                                                        "text+FIN", "RST",     "RST-ACK", "other"};
    return names[kind];
}

#define FLAGS_AT 33 /* in an IPv4 packet without options */

unsigned flying_flags(const struct flying *flying)
{
    return flying->packet[FLAGS_AT];
}

bool flying_is_first_syn(const struct flying *flying)
{
    return (flying_flags(flying) & (LA_SYN | LA_ACK | LA_RST)) == LA_SYN;
}

unsigned flying_text_bytes(const struct flying *flying)
{
    return flying->length - 20U - (flying->packet[32] >> 4) * 4U;
}

unsigned flying_kind(const struct flying *flying)
{
    unsigned flags = flying_flags(flying);
    if ((flags & LA_RST) != 0) {
        return (flags & LA_ACK) != 0 ? KIND_RST_ACK : KIND_RST;
    }
    if ((flags & LA_SYN) != 0) {
        return (flags & LA_ACK) != 0 ? KIND_SYN_ACK : KIND_SYN;
    }
    bool has_text = flying_text_bytes(flying) > 0;
    if ((flags & LA_FIN) != 0) {
        return has_text ? KIND_TEXT_FIN : KIND_FIN;
    }
    return has_text ? KIND_TEXT : KIND_ACK;
}
