#include <stdio.h>

#include "peer.h"

#define WHAT_BYTES 220
#define LINE_BYTES (WHAT_BYTES + 32)

const char *test_case;

static void flags_text(uint8_t flags, char *text)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
    text[0] = '\0';
    for (unsigned bit = 0; bit < 6; bit++) {
        if ((flags & 1U << bit) != 0) {
            strcat(strcat(text, text[0] != '\0' ? "|" : ""), names[bit]);
        }
    }
    if (text[0] == '\0') {
        strcat(text, "no flags");
    }
}

/* A distance from the ISN; the 0 of an RST that belongs to no connection is no distance. */
static long long relative(uint32_t number, uint32_t from, uint8_t flags)
{
    bool is_zero = number == 0 && (flags & RST) != 0;
    return is_zero ? 0 : (long long)(int32_t)(number - from);
}

void seg_text(const struct test *t, const struct segment *segment, bool from_host, char *text, size_t size)
{
    char flags[40];
    char options[80] = "";
    uint32_t seq_from = from_host ? t->iss : t->irs;
    uint32_t ack_from = from_host ? t->irs : t->iss;
    flags_text(segment->flags, flags);
    int n = snprintf(text, size, "%s seq %lld", flags, relative(segment->seq.v, seq_from, segment->flags));
    if ((segment->flags & ACK) != 0) {
        n += snprintf(text + n, size - (size_t)n, " ack %lld", relative(segment->ack.v, ack_from, 0));
    }
    if (segment->options.has_mss) {
        snprintf(options, sizeof options, " mss %u", segment->options.mss);
    }
    if (segment->options.has_window_scale) {
        size_t at = strlen(options);
        snprintf(options + at, sizeof options - at, " scale %u", segment->options.window_scale);
    }
    if (segment->options.has_timestamp) {
        size_t at = strlen(options);
        snprintf(options + at, sizeof options - at, " ts %u/%u", segment->options.tsval, segment->options.tsecr);
    }
    snprintf(text + n, size - (size_t)n, " length %u window %u%s", segment->length, segment->window, options);
}

static void note(struct test *t, const struct la_trace *record, const char *what)
{
    double ms = (double)(record->time - t->start) / (double)LA_MILLISECOND;
    t->history = realloc(t->history, t->history_length + LINE_BYTES);
    assert_non_null(t->history);
    t->history_length += (size_t)snprintf(t->history + t->history_length, LINE_BYTES, "  %10.3f ms  %s\n", ms, what);
}

static void note_segment(struct test *t, const struct la_trace *record)
{
    char flags[40];
    char what[WHAT_BYTES];
    bool out = record->kind == LA_TRACE_SEGMENT_OUT;
    flags_text(record->flags, flags);
    snprintf(what, sizeof what, "%s %-12s %s seq %lld ack %lld length %u window %u%s", out ? "host >" : "peer <",
             la_state_name((enum la_state)record->from), flags,
             relative(record->sequence, out ? t->iss : t->irs, record->flags),
             (record->flags & ACK) != 0 ? relative(record->acknowledgment, out ? t->irs : t->iss, 0) : 0,
             record->length, record->window_bytes, record->retransmission ? " again" : "");
    note(t, record, what);
}

/* A connection begins in CLOSED, with a SYN to LISTEN, or in the shadow of a record. */
static bool is_beginning(const struct la_trace *record)
{
    bool reuses = record->from == LA_TIME_WAIT && (record->to == LA_SYN_RECEIVED || record->to == LA_SYN_SENT);
    return record->from == LA_CLOSED || reuses || (record->from == LA_LISTEN && record->to == LA_SYN_RECEIVED);
}

/* Its SND.NXT is its ISS; RCV.NXT, where there is a peer already, follows the peer's SYN. */
static void note_beginning(struct test *t, const struct la_trace *record)
{
    t->iss = record->sequence;
    if (record->to != LA_SYN_SENT) {
        t->irs = record->acknowledgment - 1;
    }
    t->host_offered_ts = false;
    t->written = 0;
    t->read = 0;
    t->edge = 0;
    t->acknowledged = 0;
    t->out_end = 0;
}

static void note_state(struct test *t, const struct la_trace *record)
{
    char what[WHAT_BYTES];
    if (is_beginning(record)) {
        note_beginning(t, record);
    }
    t->state = (enum la_state)record->to;
    snprintf(what, sizeof what, "%s to %s", la_state_name((enum la_state)record->from),
             la_state_name((enum la_state)record->to));
    note(t, record, what);
}

static void note_wait(struct test *t, const struct la_trace *record)
{
    char what[WHAT_BYTES];
    switch ((enum la_wait_event)record->detail) {
    case LA_WAIT_EVICTED:
    case LA_WAIT_EXPIRED:
    case LA_WAIT_RESET: t->state = t->state == LA_TIME_WAIT ? LA_CLOSED : t->state; break;
    case LA_WAIT_ENTERED: t->state = LA_TIME_WAIT; break;
    case LA_WAIT_REOPENED:
    case LA_WAIT_REUSED:
    case LA_WAIT_ANSWERED:
    case LA_WAIT_RESTARTED:
    case LA_WAIT_SHADOWED:
    case LA_WAIT_RESTORED:
    case LA_WAIT_KEPT: break;
    }
    snprintf(what, sizeof what, "the wait: %s", la_wait_event_name((enum la_wait_event)record->detail));
    note(t, record, what);
}

static void note_plain(struct test *t, const struct la_trace *record)
{
    const char *detail = "";
    char what[WHAT_BYTES];
    switch ((enum la_trace_kind)record->kind) {
    case LA_TRACE_TIMER_ARMED:
    case LA_TRACE_TIMER_FIRED: detail = la_timer_name((enum la_timer)record->detail); break;
    case LA_TRACE_DROPPED: detail = la_drop_name((enum la_drop)record->detail); break;
    case LA_TRACE_ENDED: detail = la_end_name((enum la_end)record->detail); break;
    case LA_TRACE_SEGMENT_IN:
    case LA_TRACE_SEGMENT_OUT:
    case LA_TRACE_STATE:
    case LA_TRACE_DELIVERED:
    case LA_TRACE_PATH_MTU:
    case LA_TRACE_TIME_WAIT: break;
    case LA_TRACE_NEIGHBOUR: detail = la_neighbour_state_name((enum la_neighbour_state)record->detail); break;
    case LA_TRACE_ADDRESS: detail = la_address_event_name((enum la_address_event)record->detail); break;
    }
    snprintf(what, sizeof what, "%s %s %u", la_trace_kind_name((enum la_trace_kind)record->kind), detail,
             record->length);
    note(t, record, what);
}

static void read_record(struct test *t, const struct la_trace *record)
{
    bool is_ours = record->remote.port == t->remote.port && record->local.port == t->local.port;
    switch ((enum la_trace_kind)record->kind) {
    case LA_TRACE_SEGMENT_IN:
    case LA_TRACE_SEGMENT_OUT: note_segment(t, record); return;
    case LA_TRACE_STATE:
        if (is_ours) {
            note_state(t, record);
        }
        return;
    case LA_TRACE_TIME_WAIT:
        if (record->detail == LA_WAIT_EVICTED) {
            t->evicted[record->flags]++;
        }
        if (is_ours) {
            note_wait(t, record);
        }
        return;
    case LA_TRACE_TIMER_ARMED:
    case LA_TRACE_TIMER_FIRED:
    case LA_TRACE_DELIVERED:
    case LA_TRACE_DROPPED:
    case LA_TRACE_PATH_MTU:
    case LA_TRACE_NEIGHBOUR:
    case LA_TRACE_ADDRESS:
    case LA_TRACE_ENDED: note_plain(t, record); return;
    }
}

void history_read(struct test *t)
{
    struct la_trace records[64];
    size_t count = 0;
    while ((count = la_host_trace(t->host, records, 64)) > 0) {
        for (size_t i = 0; i < count; i++) {
            read_record(t, &records[i]);
        }
    }
}

void fail_with_history(const struct test *t, const char *file, int line)
{
    /* The last of it: what went wrong is near the end. */
    const size_t most = 6000;
    size_t from = t->history_length > most ? t->history_length - most : 0;
    if (test_case != NULL) {
        fprintf(stderr, "%s\n", test_case);
    }
    fprintf(stderr, "the history up to there:\n%.*s", (int)(t->history_length - from),
            t->history_length > 0 ? t->history + from : "");
    _fail(file, line);
    abort();
}
