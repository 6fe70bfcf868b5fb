#include "watch.h"

#include <string.h>

static bool begins_with_lost(const char *fate)
{
    return fate != NULL && strncmp(fate, "lost", 4) == 0;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Is this the packet's own record? Ports and numbers tell. */
static bool is_packet_of(const struct la_trace *record, const uint8_t *bytes, size_t length)
{
    if (bytes == NULL || length == 0)
        return false;
    bool ipv4 = bytes[0] >> 4 == 4;
    size_t tcp = ipv4 ? (size_t)(bytes[0] & 15) * 4 : 40;
    if (length < tcp + 20 || bytes[ipv4 ? 9 : 6] != 6)
        return false;
    bool out = record->kind == LA_TRACE_SEGMENT_OUT;
    uint16_t source = out ? record->local.port : record->remote.port;
    uint16_t destination = out ? record->remote.port : record->local.port;
    return get32(bytes + tcp) == ((uint32_t)source << 16 | destination) && get32(bytes + tcp + 4) == record->sequence &&
           bytes[tcp + 13] == record->flags;
}

static void draw_held(struct watch *watch, unsigned at, const char *fate)
{
    struct la_trace record = watch->held[at];
    watch->held_count--;
    memmove(&watch->held[at], &watch->held[at + 1], (watch->held_count - at) * sizeof watch->held[0]);
    ladder_record(watch->ladder, watch->side, &record, fate);
}

/* Replies without a connection are recorded when they are owed, and leave a little later: such a segment is drawn when
   it leaves, for only then it is known what the network does to it. */
static void hold(struct watch *watch, const struct la_trace *record)
{
    if (watch->held_count == WATCH_HELD)
        draw_held(watch, 0, NULL);
    watch->held[watch->held_count++] = *record;
}

static void draw(struct watch *watch, bool outgoing, const void *bytes, size_t length, const char *fate,
                 const struct la_trace *records, size_t count)
{
    bool drawn = false;
    for (size_t i = 0; i < count; i++) {
        bool out = records[i].kind == LA_TRACE_SEGMENT_OUT;
        bool own = (out ? outgoing : records[i].kind == LA_TRACE_SEGMENT_IN && !outgoing) &&
                   is_packet_of(&records[i], bytes, length);
        drawn = drawn || own;
        if (out && !own)
            hold(watch, &records[i]);
        else
            ladder_record(watch->ladder, watch->side, &records[i], own ? fate : NULL);
    }
    for (unsigned i = 0; outgoing && !drawn && i < watch->held_count; i++) {
        drawn = is_packet_of(&watch->held[i], bytes, length);
        if (drawn)
            draw_held(watch, i, fate);
    }
}

/* Nothing more comes at this moment. */
static void finish_moment(struct watch *watch)
{
    while (watch->held_count > 0)
        draw_held(watch, 0, NULL);
    ladder_flush(watch->ladder);
}

static void capture(struct watch *watch, la_time time, bool outgoing, const void *bytes, size_t length,
                    const char *fate, const struct la_trace *records, size_t count)
{
    char comment[512];
    /* That every packet takes its time is no news, and the times show it. */
    bool plain_delay = fate != NULL && strncmp(fate, "delayed", 7) == 0 && strstr(fate, ", by ") == NULL;
    pcapng_comment(comment, sizeof comment, records, count, plain_delay ? NULL : fate);
    if (!pcapng_packet(watch->pcapng, time, outgoing ? PCAPNG_OUT : PCAPNG_IN, bytes, length, comment))
        watch->failed = true;
}

void watch_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length, const char *fate,
                  const struct la_trace *records, size_t count)
{
    struct watch *watch = context;
    bool has_packet = bytes != NULL && length >= watch->header_bytes;
    const uint8_t *packet = has_packet ? (const uint8_t *)bytes + watch->header_bytes : NULL;
    /* The record of a packet that was lost on its way in is the network's, not the host's. */
    bool hosts_own = outgoing || !begins_with_lost(fate);
    if (watch->ladder != NULL && bytes == NULL && count == 0)
        finish_moment(watch);
    else if (watch->ladder != NULL)
        draw(watch, outgoing, packet, packet != NULL ? length - watch->header_bytes : 0, fate, records, count);
    if (watch->pcapng != NULL && bytes != NULL)
        capture(watch, time, outgoing, bytes, length, fate, records, count);
    for (size_t i = 0; watch->json != NULL && hosts_own && i < count; i++) {
        if (!json_trace(watch->json, &records[i]))
            watch->failed = true;
    }
}
