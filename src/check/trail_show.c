#include "trail.h"

#include <stdlib.h>
#include <string.h>

#include "show/ladder.h"
#include "show/pcapng.h"

/* A trail as a ladder and as a capture. What the network does to a segment is known only later than it is sent: the
   trail is played twice. */

#define SENT_MAX 512

struct sent {
    struct flying segment;
    const char *fate;
    bool is_over; /* arrived, lost, or taken out of its turn */
};

struct show {
    struct ladder *ladder;
    struct pcapng *pcapng;
    unsigned host; /* of the capture */
    bool second;   /* time that it is played */
    uint32_t sent_count;
    uint32_t drawn[2]; /* of each host's: SEGMENT_OUT records so far */
    struct sent sent[SENT_MAX];
};

static bool is_same(const struct flying *a, const struct flying *b)
{
    return a->to == b->to && a->length == b->length && memcmp(a->packet, b->packet, a->length) == 0;
}

/* The oldest like it of which nothing more is known. */
static struct sent *sent_before(struct show *show, const struct flying *segment)
{
    for (uint32_t i = 0; i < show->sent_count; i++) {
        if (!show->sent[i].is_over && is_same(&show->sent[i].segment, segment)) {
            return &show->sent[i];
        }
    }
    return NULL;
}

static void first_time(struct show *show, bool leaves, const struct flying *segment, const char *fate)
{
    struct sent *sent;
    if (leaves && fate == NULL) {
        if (show->sent_count < SENT_MAX) {
            show->sent[show->sent_count++] = (struct sent){.segment = *segment};
        }
    } else if (!segment->late && (sent = sent_before(show, segment)) != NULL) {
        sent->fate = fate;
        sent->is_over = fate == NULL || strcmp(fate, "copied") != 0;
    } else if (leaves && (sent = sent_before(show, segment)) != NULL) {
        sent->fate = fate;
        sent->is_over = strcmp(fate, "copied") != 0;
    }
}

static void packet(void *context, la_time now, unsigned host, bool leaves, const struct flying *segment,
                   const char *fate)
{
    struct show *show = context;
    char text[96];
    if (!show->second) {
        first_time(show, leaves, segment, fate);
        return;
    }
    if (show->ladder != NULL && !leaves && fate != NULL) {
        snprintf(text, sizeof text, "%s, of incarnation %u, arrives:", fate, segment->tag);
        ladder_note(show->ladder, now, host == 0 ? LADDER_LEFT : LADDER_RIGHT, text);
    }
    bool happens = !leaves || fate == NULL;
    if (show->pcapng != NULL && host == show->host && happens) {
        snprintf(text, sizeof text, "incarnation %u%s%s", segment->tag, fate != NULL ? ", " : "",
                 fate != NULL ? fate : "");
        pcapng_packet(show->pcapng, now, leaves ? PCAPNG_OUT : PCAPNG_IN, segment->packet, segment->length, text);
    }
}

static void call(void *context, la_time now, unsigned host, const char *text, int octets)
{
    struct show *show = context;
    char refused[32];
    snprintf(refused, sizeof refused, "%s: no room", text);
    if (show->second && show->ladder != NULL && strcmp(text, "read()") != 0) {
        ladder_note(show->ladder, now, host == 0 ? LADDER_LEFT : LADDER_RIGHT, octets < 0 ? refused : text);
    }
}

/* What becomes of the n-th segment that the host sent. */
static const char *fate_of(const struct show *show, unsigned host, uint32_t n)
{
    for (uint32_t i = 0; i < show->sent_count; i++) {
        if (show->sent[i].segment.to != host && n-- == 0) {
            return show->sent[i].fate;
        }
    }
    return NULL;
}

static void traced(void *context, unsigned host, const struct la_trace *record)
{
    struct show *show = context;
    const char *fate = NULL;
    if (!show->second || show->ladder == NULL) {
        return;
    }
    if (record->kind == LA_TRACE_SEGMENT_OUT) {
        fate = fate_of(show, host, show->drawn[host]++);
    }
    ladder_record(show->ladder, host == 0 ? LADDER_LEFT : LADDER_RIGHT, record, fate);
}

static void play_twice(const struct check_scenario *scenario, const struct trail *trail, struct show *show,
                       struct outcome *outcome)
{
    const struct watcher watcher = {.context = show, .packet = packet, .call = call, .traced = traced};
    trail_play(scenario, trail, &watcher, outcome);
    show->second = true;
    show->host = outcome->host;
    trail_play(scenario, trail, &watcher, outcome);
}

bool trail_ladder(const struct check_scenario *scenario, const struct trail *trail, bool ascii, bool colour, FILE *file)
{
    const struct ladder_options options = {.ascii = ascii, .colour = colour, .left = "host 0", .right = "host 1"};
    static struct show show;
    struct outcome outcome;
    show = (struct show){.ladder = ladder_new(file, &options)};
    if (show.ladder == NULL) {
        return false;
    }
    play_twice(scenario, trail, &show, &outcome);
    ladder_free(show.ladder);
    return true;
}

bool trail_pcap(const struct check_scenario *scenario, const struct trail *trail, FILE *file)
{
    static struct show show;
    struct outcome outcome;
    show = (struct show){.pcapng = pcapng_new(file, "check", 0)};
    if (show.pcapng == NULL) {
        return false;
    }
    play_twice(scenario, trail, &show, &outcome);
    bool is_written = pcapng_flush(show.pcapng);
    pcapng_free(show.pcapng);
    return is_written;
}
