#include "watch.h"

#include <string.h>

static bool begins_with_lost(const char *fate)
{
    return fate != NULL && strncmp(fate, "lost", 4) == 0;
}

/* The packet's own record is the last one of its direction: before it stand those that led to it (a timer that fired),
   behind it those that it caused. */
static size_t own_record(const struct la_trace *records, size_t count, bool outgoing)
{
    uint8_t kind = outgoing ? LA_TRACE_SEGMENT_OUT : LA_TRACE_SEGMENT_IN;
    for (size_t i = count; i > 0; i--) {
        if (records[i - 1].kind == kind)
            return i - 1;
    }
    return count;
}

static void draw(struct watch *watch, bool outgoing, const char *fate, const struct la_trace *records, size_t count)
{
    size_t own = fate != NULL ? own_record(records, count, outgoing) : count;
    for (size_t i = 0; i < count; i++)
        ladder_record(watch->ladder, watch->side, &records[i], i == own ? fate : NULL);
}

static void capture(struct watch *watch, la_time time, bool outgoing, const void *bytes, size_t length,
                    const char *fate, const struct la_trace *records, size_t count)
{
    char comment[512];
    pcapng_comment(comment, sizeof comment, records, count, fate);
    if (!pcapng_packet(watch->pcapng, time, outgoing ? PCAPNG_OUT : PCAPNG_IN, bytes, length, comment))
        watch->failed = true;
}

void watch_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length, const char *fate,
                  const struct la_trace *records, size_t count)
{
    struct watch *watch = context;
    /* The record of a packet that was lost on its way in is the network's, not the host's. */
    bool hosts_own = outgoing || !begins_with_lost(fate);
    if (watch->ladder != NULL && bytes == NULL && count == 0)
        ladder_flush(watch->ladder);
    else if (watch->ladder != NULL)
        draw(watch, outgoing, fate, records, count);
    if (watch->pcapng != NULL && bytes != NULL)
        capture(watch, time, outgoing, bytes, length, fate, records, count);
    for (size_t i = 0; watch->json != NULL && hosts_own && i < count; i++) {
        if (!json_trace(watch->json, &records[i]))
            watch->failed = true;
    }
}
