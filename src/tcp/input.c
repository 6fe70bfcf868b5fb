#include "four_tuple.h"
#include "listener.h"

/* Who a segment is for: a connection, else a record, else a listener, else nobody (RFC 9293 3.10.7). */

static void nobody(struct tcp *tcp, unsigned interface, const struct segment *segment)
{
    segment_drop(tcp, LA_DROP_NO_CONNECTION, segment, NULL);
    if (tcp_core(tcp)->config.reset_unknown) {
        reply_reset(tcp, interface, segment);
    }
}

static void no_connection(struct tcp *tcp, unsigned interface, const struct segment *segment,
                          const struct four_tuple *tuple)
{
    struct time_wait_table *table = time_wait_table(tcp, tuple->remote);
    struct time_wait_record *record = time_wait_find(tcp_core(tcp), table, tuple);
    if (record != NULL && record_waits(record)) {
        segment_arrives_in_time_wait(tcp, table, record, interface, segment);
        return;
    }
    uint32_t listener = listener_find(tcp, &segment->local);
    if (listener != NONE) {
        segment_arrives_in_listen(tcp, listener, interface, segment, record);
    } else {
        nobody(tcp, interface, segment);
    }
}

void tcp_input(struct tcp *tcp, unsigned interface, struct segment *segment)
{
    core_count(tcp_core(tcp), LA_COUNT_TCP_IN_SEGMENTS);
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), &segment->local, &segment->remote);
    struct connection *c = connection_find(tcp, &tuple);
    trace_segment_in(tcp, interface, segment, c);
    if (c == NULL) {
        no_connection(tcp, interface, segment, &tuple);
    } else if (c->state == LA_SYN_SENT) {
        segment_arrives_in_syn_sent(tcp, c, segment);
    } else {
        segment_arrives(tcp, c, segment);
    }
}

/* RFC 9293 3.9.2.2, MUST-54: what concerns a connection reaches it; the application is told (SHLD-25). */
bool tcp_icmp_error(struct tcp *tcp, const struct tcp_icmp *error)
{
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), &error->local, &error->remote);
    struct connection *c = connection_find(tcp, &tuple);
    if (c == NULL || !seq_in(error->seq, c->snd_una, flight_octets(c))) {
        return false;
    }
    c->unreachable = error->what & 7U;
    if (error->is_hard && (c->state == LA_SYN_SENT || c->state == LA_SYN_RECEIVED)) {
        connection_end(tcp, c, LA_END_UNREACHABLE, c->is_passive ? LA_LISTEN : LA_CLOSED);
    } else {
        connection_report_error(tcp, c); /* RFC 9293 MUST-56, RFC 5927: no ICMP error aborts what is open */
    }
    return true;
}

la_time tcp_wait_until(const struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    const struct core *core = tcp_core(tcp);
    const struct four_tuple tuple = four_tuple_of(core, local, remote);
    const struct time_wait_record *record = time_wait_find(core, time_wait_table(tcp, remote), &tuple);
    return record != NULL && record_waits(record) ? time_wait_until(core, record) : 0;
}

static void describe(const struct core *core, const struct time_wait_table *table,
                     const struct time_wait_record *record, struct la_wait *wait)
{
    *wait = (struct la_wait){
        .until = time_wait_until(core, record),
        .snd_nxt = record->snd_nxt.v,
        .rcv_nxt = record->rcv_nxt.v,
        .ts_recent = record->timestamps ? record->ts_recent : 0,
        .last_tsval = record->timestamps ? record->last_tsval : 0,
        .window_bytes = (uint32_t)record->window << record->scale,
        .kind = record->class,
        .way = record->way,
        .interface = record->interface,
        .restarts = record->restarts,
        .answers = record->answers,
        .timestamps = record->timestamps,
        .shadowed = record->is_shadowed,
    };
    la_time wait_time = span_ms(core, record->span) * LA_MILLISECOND;
    wait->since = record->span == SPAN_LONGER || wait->until < wait_time ? 0 : wait->until - wait_time;
    time_wait_endpoints(table, record, &wait->local, &wait->remote);
}

/* A place counts through the one table, then through the other. */
bool tcp_wait_next(const struct tcp *tcp, uint64_t *place, struct la_wait *wait)
{
    const struct core *core = tcp_core(tcp);
    for (uint64_t ipv4 = tcp->waits[0].used; *place < ipv4 + tcp->waits[1].used;) {
        const struct time_wait_table *table = &tcp->waits[*place < ipv4 ? 0 : 1];
        uint32_t within = (uint32_t)(*place < ipv4 ? *place : *place - ipv4);
        const struct time_wait_record *record = time_wait_at(core, table, within);
        ++*place;
        if (record != NULL) {
            describe(core, table, record, wait);
            return true;
        }
    }
    return false;
}

static la_time last_wait(const struct tcp *tcp, const struct la_endpoint *local)
{
    const struct core *core = tcp_core(tcp);
    la_time ipv4 = time_wait_local_until(core, &tcp->waits[0], local);
    la_time ipv6 = time_wait_local_until(core, &tcp->waits[1], local);
    return ipv4 > ipv6 ? ipv4 : ipv6;
}

la_time tcp_rebind_when(const struct tcp *tcp, const struct la_endpoint *local)
{
    uint32_t connections = tcp_core(tcp)->config.connections;
    for (uint32_t slot = 0; slot < connections; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (c->in_use && c->end == LA_END_NONE && endpoint_meets(&c->local, local)) {
            return LA_TIME_NEVER;
        }
    }
    return last_wait(tcp, local);
}
