#include "json.h"

#include "text.h"

#include <jansson.h>

static void set_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static void set_segment(json_t *object, const struct la_trace *record)
{
    char flags[FLAGS_TEXT_BYTES];
    set_text(object, "flags", flags_text(record->flags, flags));
    set_number(object, "sequence", record->sequence);
    set_number(object, "acknowledgment", record->acknowledgment);
    set_number(object, "length", record->length);
    set_number(object, "window_bytes", record->window_bytes);
    if (record->has_timestamp) {
        set_number(object, "tsval", record->tsval);
        set_number(object, "tsecr", record->tsecr);
    }
    if (record->retransmission)
        json_object_set_new(object, "retransmission", json_true());
}

/* What "detail" is called, by kind. */
static void set_detail(json_t *object, const struct la_trace *record)
{
    switch ((enum la_trace_kind)record->kind) {
    case LA_TRACE_SEGMENT_IN:
    case LA_TRACE_SEGMENT_OUT: set_segment(object, record); break;
    case LA_TRACE_STATE:
        set_text(object, "from", la_state_name((enum la_state)record->from));
        set_text(object, "to", la_state_name((enum la_state)record->to));
        break;
    case LA_TRACE_TIMER_ARMED:
    case LA_TRACE_TIMER_FIRED: set_text(object, "timer", la_timer_name((enum la_timer)record->detail)); break;
    case LA_TRACE_DELIVERED:
        set_number(object, "sequence", record->sequence);
        set_number(object, "length", record->length);
        break;
    case LA_TRACE_DROPPED:
        set_text(object, "reason", la_drop_name((enum la_drop)record->detail));
        set_segment(object, record);
        break;
    case LA_TRACE_TIME_WAIT: set_text(object, "event", la_wait_event_name((enum la_wait_event)record->detail)); break;
    case LA_TRACE_NEIGHBOUR:
        set_text(object, "neighbour", la_neighbour_state_name((enum la_neighbour_state)record->detail));
        break;
    case LA_TRACE_ADDRESS:
        set_text(object, "event", la_address_event_name((enum la_address_event)record->detail));
        break;
    case LA_TRACE_PATH_MTU: set_number(object, "mtu", record->length); break;
    case LA_TRACE_ENDED: set_text(object, "end", la_end_name((enum la_end)record->detail)); break;
    }
}

bool json_trace(FILE *file, const struct la_trace *record)
{
    char local[ENDPOINT_TEXT_BYTES];
    char remote[ENDPOINT_TEXT_BYTES];
    json_t *object = json_object();
    set_number(object, "time_ns", record->time);
    set_text(object, "kind", la_trace_kind_name((enum la_trace_kind)record->kind));
    set_text(object, "local", endpoint_text(&record->local, local));
    set_text(object, "remote", endpoint_text(&record->remote, remote));
    json_object_set_new(object, "conn",
                        json_pack("[I,I]", (json_int_t)record->conn.slot, (json_int_t)record->conn.generation));
    set_text(object, "state", la_state_name((enum la_state)record->to));
    set_detail(object, record);
    if (record->deadline != 0 && record->deadline != LA_TIME_NEVER)
        set_number(object, "deadline_ns", record->deadline);
    bool written = object != NULL && json_dumpf(object, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF;
    json_decref(object);
    return written;
}
