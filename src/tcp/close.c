#include "connection.h"
#include "settings.h"

/* The ways a connection ends: RFC 9293 3.6. */

void close_send_side(struct tcp *tcp, struct connection *c)
{
    c->is_shut = true;
    if (c->state == LA_ESTABLISHED) {
        tcp_set_state(tcp, c, LA_FIN_WAIT_1);
    } else if (c->state == LA_CLOSE_WAIT) {
        tcp_set_state(tcp, c, LA_LAST_ACK);
    }
    connection_wants_output(tcp, c);
}

void bound_fin_wait_2(struct tcp *tcp, struct connection *c)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    if (c->is_lingering) {
        timer_arm(tcp, c, LA_TIMER_LINGER, config->linger_ms);
    } else {
        timer_arm(tcp, c, LA_TIMER_FIN_WAIT_2, config->fin_wait_2_ms);
    }
}

/* RFC 9293 3.6.1, MUST-13. NULL: without the wait, or in a table without room. */
static struct time_wait_record *keep_record(struct tcp *tcp, const struct connection *c, enum la_wait_class class)
{
    struct core *core = tcp_core(tcp);
    const struct four_tuple tuple = four_tuple_of(core, &c->local, &c->remote);
    struct time_wait_record *record = NULL;
    if (msl_ms(tcp, c) > 0) {
        record = time_wait_append(core, time_wait_table(tcp, &c->remote), &tuple, class);
    }
    if (record == NULL) {
        return NULL;
    }
    if (c->settings != 0) {
        time_wait_shorten(core, record, msl_ms(tcp, c));
    }
    record->snd_nxt = c->snd_nxt;
    record->rcv_nxt = c->rcv_nxt;
    record->ts_recent = c->ts_recent;
    record->last_tsval = c->last_tsval;
    record->timestamps = c->timestamps;
    record->window = (uint16_t)(receive_window(c) >> c->rcv_scale);
    record->scale = c->rcv_scale & 0xfU;
    record->interface = c->interface;
    return record;
}

/* One that only remembers (ADR 0061). */
COLD static void remember(struct tcp *tcp, const struct connection *c, enum la_wait_class class)
{
    const struct time_wait_record *record = keep_record(tcp, c, class);
    if (record != NULL) {
        core_count(tcp_core(tcp), LA_COUNT_WAIT_KEPT);
        time_wait_trace(tcp_core(tcp), time_wait_table(tcp, &c->remote), record, LA_WAIT_KEPT);
    }
}

/* False: as keep_record. */
static bool begin_wait(struct tcp *tcp, const struct connection *c)
{
    struct core *core = tcp_core(tcp);
    struct time_wait_record *record = keep_record(tcp, c, LA_CLASS_WAITING);
    if (record == NULL) {
        return false;
    }
    record->way = c->state == LA_CLOSING ? LA_WAY_CLOSING : LA_WAY_FIN_WAIT_2; /* FIN-WAIT-1 goes through it */
    uint32_t rto_ms = retransmission_timeout_ms(tcp, c);
    if (core->config.time_wait_rtos * (uint64_t)rto_ms > span_ms(core, SPAN_WHOLE) || record->span != SPAN_WHOLE) {
        time_wait_begins(core, record, rto_ms);
    }
    core_count(core, LA_COUNT_WAIT_ENTERED);
    time_wait_trace(core, time_wait_table(tcp, &c->remote), record, LA_WAIT_ENTERED);
    return true;
}

void connection_abort(struct tcp *tcp, struct connection *c, enum la_end why)
{
    if (c->state != LA_SYN_SENT) {
        reply_abort(tcp, c);
    }
    if (state_is_synchronised((enum la_state)c->state)) {
        remember(tcp, c, LA_CLASS_ABORTED); /* RFC 9293 3.5.2 */
    }
    connection_end(tcp, c, why, LA_CLOSED);
}

void connection_leaves_last_ack(struct tcp *tcp, struct connection *c)
{
    if (c->is_active && tcp_core(tcp)->config.time_wait_remember) {
        remember(tcp, c, LA_CLASS_REMEMBERED);
    }
    connection_end(tcp, c, LA_END_CLEAN, LA_CLOSED);
}

/* The last ACK: what the whole name is about. Nobody acknowledges it; the record stands in for it. */
static void send_last_ack(struct tcp *tcp, struct connection *c)
{
    if (!c->owes_ack && c->duplicate_acks_owed == 0) {
        return;
    }
    struct tcp_header header = {
        .local = &c->local, .remote = &c->remote, .seq = c->snd_nxt, .ack = c->rcv_nxt, .flags = LA_ACK};
    header.window = receive_window_offer(tcp, c, false);
    if (c->timestamps) {
        header.options.has_timestamp = true;
        header.options.tsval = tcp_now_ms(tcp) + c->ts_offset;
        header.options.tsecr = c->ts_recent;
        c->last_tsval = header.options.tsval;
    }
    reply_emit(tcp, c->interface, &header, c->rcv_scale, c);
}

void connection_enters_time_wait(struct tcp *tcp, struct connection *c)
{
    send_last_ack(tcp, c);
    if (begin_wait(tcp, c)) {
        connection_end(tcp, c, LA_END_CLEAN, LA_TIME_WAIT);
    } else {
        c->end_state = c->state;
        tcp_set_state(tcp, c, LA_TIME_WAIT);
        connection_end(tcp, c, LA_END_CLEAN, LA_CLOSED);
    }
}
