#include "listener.h"
#include "shadow.h"

/* A segment for a record: a step of its own before RFC 9293 3.10.7.4's first, because a FIN that comes again lies left
   of the window, and the general first step would answer and drop it. The rules, one function each, in their order;
   docs/architecture.md has the table. */

struct wait {
    struct tcp *tcp;
    struct time_wait_table *table;
    struct time_wait_record *record;
    unsigned interface;
    const struct segment *segment;
};

/* False: it has answered lately. */
static bool answer(const struct wait *wait)
{
    struct core *core = tcp_core(wait->tcp);
    struct time_wait_record *record = wait->record;
    const struct segment *segment = wait->segment;
    if (!time_wait_may_answer(core, wait->table, record)) {
        core_count(core, LA_COUNT_WAIT_LIMITED);
        return false;
    }
    struct tcp_header header = {.local = &segment->local, .remote = &segment->remote, .flags = LA_ACK};
    header.seq = record->snd_nxt;
    header.ack = record->rcv_nxt;
    header.window = record->window;
    if (record->timestamps) {
        const struct clock_origin origin = clock_origin(wait->tcp, &segment->local, &segment->remote);
        uint32_t tsval = tcp_now_ms(wait->tcp) + origin.timestamp_offset;
        record->last_tsval = (int32_t)(tsval - record->last_tsval) > 0 ? tsval : record->last_tsval;
        header.options.has_timestamp = true;
        header.options.tsval = record->last_tsval;
        header.options.tsecr = record->ts_recent;
    }
    core_count(core, LA_COUNT_WAIT_ANSWERED);
    time_wait_trace(core, wait->table, record, LA_WAIT_ANSWERED);
    reply_emit(wait->tcp, wait->interface, &header, record->scale, NULL);
    return true;
}

bool time_wait_answers(struct tcp *tcp, struct time_wait_table *table, struct time_wait_record *record,
                       unsigned interface, const struct segment *segment)
{
    const struct wait wait = {tcp, table, record, interface, segment};
    return answer(&wait);
}

static void drop(const struct wait *wait, enum la_drop why)
{
    segment_drop(wait->tcp, why, wait->segment, NULL);
}

static bool is_in_window(const struct wait *wait)
{
    const struct segment *segment = wait->segment;
    uint32_t window = (uint32_t)wait->record->window << wait->record->scale;
    uint32_t octets = segment->length + ((segment->flags & LA_FIN) != 0);
    return seq_in(segment->seq, wait->record->rcv_nxt, window) ||
           (octets > 0 && seq_in(seq_add(segment->seq, octets - 1), wait->record->rcv_nxt, window)) ||
           (window == 0 && octets == 0 && seq_equal(segment->seq, wait->record->rcv_nxt));
}

/* RFC 1337: ignored. The letter of RFC 9293 and 5961 on request. */
static void rst_arrives(const struct wait *wait)
{
    struct core *core = tcp_core(wait->tcp);
    if (core->config.rfc1337) {
        drop(wait, LA_DROP_WAIT_RST);
    } else if (seq_equal(wait->segment->seq, wait->record->rcv_nxt)) {
        time_wait_end(core, wait->table, wait->record, LA_WAIT_RESET);
    } else if (is_in_window(wait)) {
        drop(wait, LA_DROP_RST_CHALLENGED);
        answer(wait);
    } else {
        drop(wait, LA_DROP_RST_OUTSIDE);
    }
}

/* RFC 6191 2; RFC 9293 3.6.1, MAY-2, SHLD-4. */
static bool is_honoured(const struct time_wait_record *record, const struct segment *segment)
{
    bool newer_sequence = seq_after(segment->seq, record->rcv_nxt);
    if (!segment->options.has_timestamp) {
        return newer_sequence;
    }
    if (!record->timestamps) {
        return true;
    }
    int32_t newer = (int32_t)(segment->options.tsval - record->ts_recent);
    return newer > 0 || (newer == 0 && newer_sequence);
}

/* The record stays in the new incarnation's shadow until that is established. */
static void reopen(const struct wait *wait, uint32_t listener)
{
    struct tcp *tcp = wait->tcp;
    const struct segment *segment = wait->segment;
    struct clock_origin origin = clock_origin(tcp, &segment->local, &segment->remote);
    shadow_moves_beyond(tcp, wait->record, &origin);
    struct connection *c = listen_open(tcp, listener, wait->interface, segment, &origin, LA_TIME_WAIT);
    if (c != NULL) {
        shadow_cast(tcp, c, wait->record);
    }
}

static void syn_arrives(const struct wait *wait)
{
    struct tcp *tcp = wait->tcp;
    const struct segment *segment = wait->segment;
    bool plain = (segment->flags & (LA_ACK | LA_RST | LA_FIN)) == 0;
    if (plain && tcp_core(tcp)->config.time_wait_reopen && is_honoured(wait->record, segment)) {
        uint32_t listener = listener_find(tcp, &segment->local);
        if (listener != NONE && listener_has_room(listener_at(tcp, listener)) && tcp->free_connection != NONE) {
            reopen(wait, listener);
            return;
        }
    }
    drop(wait, LA_DROP_WAIT_SYN);
    answer(wait);
}

static void no_ack_arrives(const struct wait *wait)
{
    drop(wait, LA_DROP_WAIT_NO_ACK);
    if (!is_in_window(wait)) {
        answer(wait);
    }
}

static bool is_old(const struct wait *wait)
{
    const struct time_wait_record *record = wait->record;
    const struct tcp_options *options = &wait->segment->options;
    bool paws = record->timestamps && (!options->has_timestamp || (int32_t)(options->tsval - record->ts_recent) < 0);
    return paws || seq_after(wait->segment->ack, record->snd_nxt);
}

/* The peer's FIN again: our last ACK was lost, or is late. */
static void fin_arrives(const struct wait *wait)
{
    struct core *core = tcp_core(wait->tcp);
    if (is_old(wait)) {
        drop(wait, LA_DROP_WAIT_PAWS);
        answer(wait);
        return;
    }
    if (wait->record->timestamps) {
        wait->record->ts_recent = wait->segment->options.tsval;
    }
    uint32_t silence_ms = time_wait_silence_ms(core, wait->table, wait->record);
    answer(wait);
    time_wait_restart(core, wait->table, wait->record, silence_ms);
}

void segment_arrives_in_time_wait(struct tcp *tcp, struct time_wait_table *table, struct time_wait_record *record,
                                  unsigned interface, const struct segment *segment)
{
    const struct wait wait = {tcp, table, record, interface, segment};
    bool fin = (segment->flags & LA_FIN) != 0;
    struct seq end = seq_add(segment->seq, segment->length);
    if ((segment->flags & LA_RST) != 0) {
        rst_arrives(&wait);
    } else if ((segment->flags & LA_SYN) != 0) {
        syn_arrives(&wait);
    } else if ((segment->flags & LA_ACK) == 0) {
        no_ack_arrives(&wait);
    } else if (fin && seq_equal(seq_add(end, 1), record->rcv_nxt)) {
        fin_arrives(&wait);
    } else if (!fin && segment->length == 0 && seq_equal(segment->seq, record->rcv_nxt)) {
        drop(&wait, LA_DROP_WAIT_ACK); /* two ends that both wait must not talk for ever */
    } else {
        drop(&wait, LA_DROP_WAIT_OLD);
        answer(&wait);
    }
}
