#include "connection.h"

static void about(const struct tcp *tcp, struct la_trace *record, const struct connection *c)
{
    record->conn = connection_handle(tcp, c);
    record->local = c->local;
    record->remote = c->remote;
    record->interface = c->interface;
    record->from = c->state;
    record->to = c->state;
    record->sequence = c->snd_nxt.v;
    record->acknowledgment = c->rcv_nxt.v;
}

static void about_segment(struct la_trace *record, const struct segment *segment)
{
    record->local = segment->local;
    record->remote = segment->remote;
    record->sequence = segment->seq.v;
    record->acknowledgment = segment->ack.v;
    record->length = segment->length;
    record->flags = segment->flags;
    record->has_timestamp = segment->options.has_timestamp;
    record->tsval = segment->options.tsval;
    record->tsecr = segment->options.tsecr;
    record->window_bytes = segment->window;
}

static uint32_t scaled(uint16_t window, uint8_t flags, uint8_t scale)
{
    return (flags & LA_SYN) != 0 ? window : (uint32_t)window << scale;
}

void record_state(struct tcp *tcp, const struct connection *c, enum la_state from, enum la_state to)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_STATE);
    if (record != NULL) {
        about(tcp, record, c);
        record->from = (uint8_t)from;
        record->to = (uint8_t)to;
    }
}

void record_segment_in(struct tcp *tcp, unsigned interface, const struct segment *segment, const struct connection *c)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_SEGMENT_IN);
    if (record == NULL) {
        return;
    }
    if (c != NULL) {
        about(tcp, record, c);
    }
    about_segment(record, segment);
    record->interface = (uint8_t)interface;
    record->window_bytes = scaled(segment->window, segment->flags, c != NULL ? c->snd_scale : 0);
}

void record_segment_out(struct tcp *tcp, const struct tcp_header *header, const struct departure *departure)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_SEGMENT_OUT);
    if (record == NULL) {
        return;
    }
    if (departure->connection != NULL) {
        about(tcp, record, departure->connection);
    }
    record->local = *header->local;
    record->remote = *header->remote;
    record->sequence = header->seq.v;
    record->acknowledgment = header->ack.v;
    record->length = departure->length;
    record->flags = header->flags;
    record->interface = departure->interface;
    record->has_timestamp = header->options.has_timestamp;
    record->tsval = header->options.tsval;
    record->tsecr = header->options.tsecr;
    record->window_bytes = scaled(header->window, header->flags, departure->scale);
    record->retransmission = departure->is_retransmission;
}

void record_timer(struct tcp *tcp, const struct connection *c, enum la_trace_kind kind, enum la_timer timer)
{
    struct core *core = tcp_core(tcp);
    struct la_trace *record = core_trace(core, kind);
    if (record == NULL) {
        return;
    }
    about(tcp, record, c);
    record->detail = (uint8_t)timer;
    if (kind == LA_TRACE_TIMER_ARMED) {
        record->deadline = core_time_of(core, c->deadline_ms[timer_place(timer)]);
    }
}

void record_delivered(struct tcp *tcp, const struct connection *c, struct seq from, uint32_t length)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_DELIVERED);
    if (record != NULL) {
        about(tcp, record, c);
        record->sequence = from.v;
        record->length = length;
    }
}

void record_ended(struct tcp *tcp, const struct connection *c)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_ENDED);
    if (record != NULL) {
        about(tcp, record, c);
        record->detail = c->end;
        record->from = c->end_state;
    }
}

void record_path_mtu(struct tcp *tcp, const struct connection *c, uint32_t mtu)
{
    struct la_trace *record = core_trace(tcp_core(tcp), LA_TRACE_PATH_MTU);
    if (record != NULL) {
        about(tcp, record, c);
        record->sequence = c->snd_una.v;
        record->length = mtu;
    }
}

void segment_drop(struct tcp *tcp, enum la_drop why, const struct segment *segment, const struct connection *c)
{
    struct la_trace *record = core_drop(tcp_core(tcp), why);
    if (record == NULL) {
        return;
    }
    if (c != NULL) {
        about(tcp, record, c);
    }
    about_segment(record, segment);
}

void tcp_input_dropped(struct tcp *tcp, enum la_drop why, unsigned interface, const struct segment *segment)
{
    struct la_trace *record = core_drop(tcp_core(tcp), why);
    if (record != NULL) {
        about_segment(record, segment);
        record->interface = (uint8_t)interface;
    }
}
