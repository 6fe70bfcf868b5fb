#include "shadow.h"

#include "listener.h"

static struct four_tuple tuple_of(const struct tcp *tcp, const struct connection *c)
{
    return four_tuple_of(tcp_core(tcp), &c->local, &c->remote);
}

/* NULL: its time was over. */
static struct time_wait_record *record_of(struct tcp *tcp, struct connection *c)
{
    const struct four_tuple tuple = tuple_of(tcp, c);
    struct time_wait_record *record = time_wait_find(tcp_core(tcp), time_wait_table(tcp, &c->remote), &tuple);
    c->has_shadow = record != NULL;
    return record;
}

void shadow_moves_beyond(const struct tcp *tcp, const struct time_wait_record *record, struct clock_origin *origin)
{
    origin->iss = seq_max(origin->iss, seq_add(record->snd_nxt, UINT16_MAX + 1));
    uint32_t behind = record->last_tsval + 1 - (tcp_now_ms(tcp) + origin->timestamp_offset);
    if (record->timestamps && (int32_t)behind > 0) {
        origin->timestamp_offset += behind;
    }
}

void shadow_cast(struct tcp *tcp, struct connection *c, struct time_wait_record *record)
{
    c->has_shadow = true;
    record->is_shadowed = true;
    time_wait_trace(tcp_core(tcp), time_wait_table(tcp, &c->remote), record, LA_WAIT_SHADOWED);
}

void shadow_ends(struct tcp *tcp, struct connection *c)
{
    struct time_wait_record *record = record_of(tcp, c);
    if (record != NULL) {
        time_wait_end(tcp_core(tcp), time_wait_table(tcp, &c->remote), record,
                      c->is_passive ? LA_WAIT_REOPENED : LA_WAIT_REUSED);
        c->has_shadow = false;
    }
}

bool shadow_returns(struct tcp *tcp, struct connection *c)
{
    struct core *core = tcp_core(tcp);
    struct time_wait_record *record = record_of(tcp, c);
    if (record == NULL) {
        return false;
    }
    record->is_shadowed = false;
    c->has_shadow = false;
    if (!record_waits(record)) {
        return false;
    }
    core_count(core, LA_COUNT_WAIT_RESTORED);
    time_wait_trace(core, time_wait_table(tcp, &c->remote), record, LA_WAIT_RESTORED);
    return true;
}

/* ---- what is the old incarnation's ---- */

/* It acknowledges nothing that is newer, and ends no later. */
static bool fits(const struct time_wait_record *record, const struct segment *segment)
{
    const unsigned controls = LA_SYN | LA_RST | LA_ACK;
    struct seq end = seq_add(segment->seq, segment->length + ((segment->flags & LA_FIN) != 0));
    return (segment->flags & controls) == LA_ACK && seq_before_or_equal(segment->ack, record->snd_nxt) &&
           seq_before_or_equal(end, record->rcv_nxt);
}

/* Our SYN found the peer in LAST-ACK: it repeats its FIN, or answers from there (RFC 9293 3.10.7.4, fourth). Timestamps
   tell that from what the network kept back. */
static bool shows_old_peer(const struct time_wait_record *record, const struct segment *segment)
{
    struct seq end = seq_add(segment->seq, segment->length + ((segment->flags & LA_FIN) != 0));
    bool is_last = (segment->flags & LA_FIN) != 0 || segment->length == 0;
    bool is_stamped = record->timestamps && segment->options.has_timestamp;
    bool is_old = is_stamped && (int32_t)(segment->options.tsval - record->ts_recent) < 0;
    return is_last && !is_old && seq_equal(end, record->rcv_nxt) && seq_equal(segment->ack, record->snd_nxt);
}

/* Our last ACK was lost, and the peer is in LAST-ACK: it gets that ACK again, closes cleanly, and then our SYN. */
static void close_old_peer(struct tcp *tcp, struct connection *c, struct time_wait_record *record,
                           const struct segment *segment)
{
    if (!time_wait_answers(tcp, time_wait_table(tcp, &c->remote), record, c->interface, segment)) {
        return;
    }
    c->owes_retransmission = true;
    c->rtt_is_timed = false;
    connection_wants_output(tcp, c);
}

/* In SYN-RECEIVED an old FIN proves nothing: the network may have kept it back, or the SYN. The record answers it; if
   the SYN was an old duplicate, the peer closes with that ACK and resets our next SYN-ACK. */
bool shadow_takes(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    struct time_wait_record *record = record_of(tcp, c);
    if (record == NULL || !record_waits(record) || !fits(record, segment)) {
        return false;
    }
    if (c->state == LA_SYN_SENT && shows_old_peer(record, segment)) {
        close_old_peer(tcp, c, record, segment);
    } else {
        segment_arrives_in_time_wait(tcp, time_wait_table(tcp, &segment->remote), record, c->interface, segment);
    }
    return true;
}

/* ---- theirs to ours ---- */

/* The old incarnation's segments will not be taken for the new one's: PAWS keeps them out, or the sequence number. */
static bool is_beyond(const struct time_wait_record *record, const struct segment *segment)
{
    bool is_stamped = record->timestamps && segment->options.has_timestamp;
    return (is_stamped && (int32_t)(segment->options.tsval - record->ts_recent) > 0) ||
           seq_after(segment->seq, record->rcv_nxt);
}

bool shadow_refuses(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    struct time_wait_record *record = record_of(tcp, c);
    if (record == NULL || !record_waits(record) || is_beyond(record, segment)) {
        return false;
    }
    segment_drop(tcp, LA_DROP_WAIT_SYN, segment, c);
    if ((segment->flags & LA_ACK) != 0) {
        reply_reset(tcp, c->interface, segment);
        connection_takes_next_port(tcp, c);
    }
    return true;
}
