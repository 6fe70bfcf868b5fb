#include "connection.h"

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

void connection_abort(struct tcp *tcp, struct connection *c, enum la_end why)
{
    if (c->state != LA_SYN_SENT) {
        reply_abort(tcp, c);
    }
    connection_end(tcp, c, why, LA_CLOSED);
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

/* RFC 9293 3.6.1, MUST-13. False: without the wait, or in a table without room. */
static bool keep_record(struct tcp *tcp, const struct connection *c)
{
    struct core *core = tcp_core(tcp);
    struct time_wait_table *table = time_wait_table(tcp, &c->remote);
    const struct four_tuple tuple = four_tuple_of(core, &c->local, &c->remote);
    struct time_wait_record *record = NULL;
    if (core->config.msl_ms > 0) {
        record = time_wait_append(core, table, &tuple, 2 * core->config.msl_ms);
    }
    if (record == NULL) {
        return false;
    }
    record->snd_nxt = c->snd_nxt;
    record->rcv_nxt = c->rcv_nxt;
    record->ts_recent = c->ts_recent;
    record->last_tsval = c->last_tsval;
    record->timestamps = c->timestamps;
    record->window = (uint16_t)(receive_window(c) >> c->rcv_scale);
    record->scale = c->rcv_scale & 0xfU;
    record->interface = c->interface;
    core_count(core, LA_COUNT_WAIT_ENTERED);
    time_wait_trace(core, table, record, LA_WAIT_ENTERED);
    return true;
}

void connection_enters_time_wait(struct tcp *tcp, struct connection *c)
{
    send_last_ack(tcp, c);
    if (keep_record(tcp, c)) {
        connection_end(tcp, c, LA_END_CLEAN, LA_TIME_WAIT);
    } else {
        c->end_state = c->state;
        tcp_set_state(tcp, c, LA_TIME_WAIT);
        connection_end(tcp, c, LA_END_CLEAN, LA_CLOSED);
    }
}
