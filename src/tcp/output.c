#include "base/assert.h"
#include "connection.h"

/* Debts become segments: input and timers record what is owed, here it is decided what leaves next. */

/* ---- what there is to send ---- */

struct seq send_base(const struct connection *c)
{
    return syn_is_acknowledged(c) ? c->snd_una : seq_add(c->iss, 1);
}

struct seq send_end(const struct connection *c)
{
    /* Once the FIN is acknowledged, SND.UNA is one more than its number. */
    uint32_t octets = c->fin_is_acknowledged ? UINT32_MAX : c->out.length;
    return seq_add(send_base(c), octets);
}

static bool may_send_text(const struct connection *c)
{
    const unsigned states =
        1U << LA_ESTABLISHED | 1U << LA_FIN_WAIT_1 | 1U << LA_CLOSE_WAIT | 1U << LA_CLOSING | 1U << LA_LAST_ACK;
    return (states >> c->state & 1) != 0;
}

/* In those states our SYN is acknowledged: what is queued begins at SND.UNA. */
bool send_is_pending(const struct connection *c)
{
    uint32_t queued = c->out.length + (c->is_shut ? 1 : 0);
    return seq_distance(c->snd_una, c->snd_resend) < queued && may_send_text(c) && !c->fin_is_acknowledged;
}

/* ---- which segment ---- */

struct plan {
    struct seq seq;
    uint32_t length;
    bool fin;
    bool is_retransmission;
};

/* What the congestion window leaves; duplicates one and two allow a segment more each, of text that was never sent (RFC
   3042 2): what a timeout sends again is not hurried by them. */
static uint32_t congestion_window(const struct connection *c)
{
    uint32_t extra = c->duplicate_acks_seen;
    if (extra == 0 || extra > 2 || c->in_recovery || seq_before(c->snd_resend, c->snd_nxt)) {
        return c->congestion.cwnd_bytes;
    }
    return c->congestion.cwnd_bytes + extra * c->snd_mss;
}

/* Octets that both windows let go out from seq on; 0 also where the window has shrunk to less than is in flight (RFC
   9293 3.8.6, MUST-34, SHLD-15). */
static uint32_t window_left(const struct connection *c, struct seq seq)
{
    uint32_t cwnd = congestion_window(c);
    uint32_t window = c->snd_wnd < cwnd ? c->snd_wnd : cwnd;
    uint32_t out = seq_distance(c->snd_una, seq);
    return window > out ? window - out : 0;
}

/* Sender's silly window avoidance and Nagle's algorithm: RFC 9293 3.8.6.2.1, 3.7.4; MUST-38, SHLD-7. What is not pushed
   is put together (MAY-16), but the persist timer lets it go (MUST-60). */
static bool is_worth_sending(const struct connection *c, const struct plan *plan, uint32_t text_left)
{
    if (plan->length == c->snd_mss || plan->fin || c->is_forced) {
        return true;
    }
    if (plan->length == text_left) {
        return c->is_shut || c->snd_is_urgent || (!c->holds_back && (c->nodelay || flight_octets(c) == 0));
    }
    return plan->length >= c->max_snd_wnd / 2;
}

/* The segment at SND.UNA again, whatever the windows have become (RFC 9293 3.8.6, SHLD-16, MAY-7). */
COLD static bool plan_retransmission(const struct connection *c, struct plan *plan)
{
    uint32_t text_left = seq_distance(c->snd_una, send_end(c));
    uint32_t sent = flight_octets(c) - (c->fin_is_sent ? 1 : 0);
    uint32_t length = text_left < sent ? text_left : sent;
    length = length < c->snd_mss ? length : c->snd_mss;
    *plan = (struct plan){.seq = c->snd_una, .length = length, .is_retransmission = true};
    plan->fin = c->fin_is_sent && length == text_left;
    return plan->length > 0 || plan->fin;
}

/* The largest segment that there is (RFC 9293 SHLD-28), whatever the writes were (SHLD-27). */
static bool plan_next(const struct connection *c, struct plan *plan)
{
    uint32_t window = window_left(c, c->snd_resend);
    uint32_t text_left = seq_before(c->snd_resend, send_end(c)) ? seq_distance(c->snd_resend, send_end(c)) : 0;
    uint32_t length = text_left < c->snd_mss ? text_left : c->snd_mss;
    length = length < window ? length : window;
    *plan = (struct plan){.seq = c->snd_resend, .length = length};
    plan->is_retransmission = seq_before(c->snd_resend, c->snd_nxt);
    plan->fin = c->is_shut && length == text_left && length < window;
    if (length == 0 && !plan->fin) {
        return false;
    }
    return plan->is_retransmission || is_worth_sending(c, plan, text_left);
}

/* RFC 9293 3.8.6.1, MUST-36: one octet beyond the window, or the FIN. */
static bool plan_probe(const struct connection *c, struct plan *plan)
{
    if (!send_is_pending(c)) {
        return false;
    }
    bool has_text = c->out.length > 0;
    *plan = (struct plan){.seq = c->snd_una, .length = has_text ? 1 : 0, .fin = !has_text};
    plan->is_retransmission = !seq_equal(c->snd_una, c->snd_nxt);
    return true;
}

/* ---- its octets ---- */

static void settle_acks(struct connection *c)
{
    c->owes_ack = false;
    c->last_ack_sent = c->rcv_nxt;
    timer_disarm(c, LA_TIMER_DELAYED_ACK);
}

static void add_timestamp(const struct tcp *tcp, struct connection *c, struct tcp_options *options)
{
    options->has_timestamp = true;
    options->tsval = tcp_now_ms(tcp) + c->ts_offset;
    options->tsecr = c->ts_recent;
    c->last_tsval = options->tsval;
}

static inline size_t emit(struct tcp *tcp, struct connection *c, uint8_t *to, const struct tcp_header *header,
                          const struct plan *plan)
{
    struct core *core = tcp_core(tcp);
    uint64_t sum = 0;
    if (plan->length > 0) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        unsigned before = ip_header_bytes(&header->remote->address) + tcp_header_bytes(&header->options);
        sum = stream_get(&memory, &c->out, &c->out_cursor, seq_distance(send_base(c), plan->seq), to + before,
                         plan->length, 0);
    }
    unsigned headers = tcp_emit(to, header, c->ttl, plan->length, sum);
    core_count(core, LA_COUNT_TCP_OUT_SEGMENTS);
    if (plan->is_retransmission) {
        core_count(core, LA_COUNT_TCP_RETRANSMITTED_SEGMENTS);
        c->total_retrans++;
    } else {
        core_add(core, LA_COUNT_TCP_OUT_OCTETS, plan->length);
    }
    if (core_traces(core, LA_TRACE_SEGMENT_OUT)) {
        const struct departure departure = {c, plan->length, c->interface, c->rcv_scale, plan->is_retransmission};
        record_segment_out(tcp, header, &departure);
    }
    return headers + plan->length;
}

/* A segment of a synchronised connection. */
static size_t emit_segment(struct tcp *tcp, struct connection *c, uint8_t *to, const struct plan *plan, uint8_t flags)
{
    struct tcp_header header = {.local = &c->local, .remote = &c->remote, .seq = plan->seq, .ack = c->rcv_nxt};
    header.flags = flags;
    header.window = receive_window_offer(tcp, c, false);
    if (c->timestamps) {
        add_timestamp(tcp, c, &header.options);
    }
    if (c->snd_is_urgent || c->ecn) {
        signals_leave(c, &header, plan->is_retransmission || c->is_probing ? 0 : plan->length);
    }
    settle_acks(c);
    return emit(tcp, c, to, &header, plan);
}

/* Of an ACK that carries nothing: while an octet probes a shut window the peer takes only the number before it. */
static struct seq empty_seq(const struct connection *c)
{
    return c->is_probing ? c->snd_una : c->snd_nxt;
}

static size_t emit_ack(struct tcp *tcp, struct connection *c, uint8_t *to, struct seq seq)
{
    const struct plan nothing = {.seq = seq};
    return emit_segment(tcp, c, to, &nothing, LA_ACK);
}

/* What has left moves SND.NXT and what follows from it. */
static void note_sent(struct tcp *tcp, struct connection *c, struct seq from, uint32_t octets)
{
    struct seq end = seq_add(from, octets);
    if (flight_octets(c) == 0) {
        c->progress_ms = tcp_now_ms(tcp);
    }
    bool is_new = seq_after(end, c->snd_nxt);
    c->snd_nxt = seq_max(c->snd_nxt, end);
    if (c->is_probing) {
        return; /* the octet is sent again with its neighbours, and its answer says nothing about the round trip */
    }
    c->snd_resend = seq_max(c->snd_resend, end);
    if (is_new) {
        rtt_begin(tcp, c, seq_add(end, UINT32_MAX));
    }
}

static size_t emit_text(struct tcp *tcp, struct connection *c, uint8_t *to, const struct plan *plan)
{
    uint8_t flags = plan->fin ? LA_ACK | LA_FIN : LA_ACK;
    if (plan->length > 0 && seq_equal(seq_add(plan->seq, plan->length), send_end(c))) {
        flags |= LA_PSH; /* RFC 9293 MUST-61 */
    }
    size_t length = emit_segment(tcp, c, to, plan, flags);
    note_sent(tcp, c, plan->seq, plan->length + (plan->fin ? 1 : 0));
    if (plan->fin) {
        c->fin_is_sent = true;
    }
    timers_follow(tcp, c);
    return length;
}

/* RFC 5681 4.1 */
static void restart_after_idle(const struct tcp *tcp, struct connection *c)
{
    uint32_t idle_ms = flight_octets(c) == 0 ? tcp_now_ms(tcp) - c->progress_ms : 0;
    if (idle_ms > tcp_core(tcp)->config.rto_min_ms && idle_ms > retransmission_timeout_ms(tcp, c)) {
        congestion_algorithm((enum la_congestion)tcp_core(tcp)->config.congestion)->idle(&c->congestion, c->snd_mss);
    }
}

static size_t emit_syn(struct tcp *tcp, struct connection *c, uint8_t *to)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    bool answers = c->state == LA_SYN_RECEIVED;
    struct tcp_header header = {.local = &c->local, .remote = &c->remote, .seq = c->iss};
    header.flags = answers ? LA_SYN | LA_ACK : LA_SYN;
    if (c->ecn || config->ecn == LA_ECN_OFFER) {
        header.flags |= signals_of_syn(tcp, c);
    }
    header.ack = answers ? c->rcv_nxt : seq_of(0);
    header.window = receive_window_offer(tcp, c, true);
    header.options.has_mss = true; /* RFC 9293 3.7.1: MUST-14, SHLD-5, MAY-3; nowhere else (MUST-65) */
    header.options.mss = c->rcv_mss;
    header.options.has_window_scale = answers ? c->window_scaling : config->window_scaling;
    header.options.window_scale = c->rcv_scale;
    if (answers ? c->timestamps : config->timestamps) {
        add_timestamp(tcp, c, &header.options);
    }
    if (answers) {
        settle_acks(c);
    }
    struct plan plan = {.seq = c->iss, .is_retransmission = !seq_equal(c->snd_nxt, c->iss)};
    size_t length = emit(tcp, c, to, &header, &plan);
    c->owes_retransmission = false;
    note_sent(tcp, c, c->iss, 1);
    timers_follow(tcp, c);
    return length;
}

COLD static size_t emit_probe(struct tcp *tcp, struct connection *c, uint8_t *to)
{
    struct plan plan;
    c->owes_window_probe = false;
    if (!plan_probe(c, &plan)) {
        return 0;
    }
    core_count(tcp_core(tcp), LA_COUNT_TCP_WINDOW_PROBES);
    if (c->probes == 0) {
        c->progress_ms = tcp_now_ms(tcp);
    }
    if (c->probes < UINT8_MAX) {
        c->probes++;
    }
    c->is_probing = true;
    c->snd_resend = c->snd_una;
    return emit_text(tcp, c, to, &plan);
}

/* RFC 9293 3.8.4: the number before the next, which the peer has had, with no text (SHLD-12), or with an octet that
   means nothing, for those who do not answer otherwise (MAY-6). */
COLD static size_t emit_keepalive(struct tcp *tcp, struct connection *c, uint8_t *to)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    struct seq seq = seq_add(c->snd_nxt, UINT32_MAX);
    core_count(tcp_core(tcp), LA_COUNT_TCP_KEEPALIVES);
    if (!config->keepalive_garbage) {
        return emit_ack(tcp, c, to, seq);
    }
    struct tcp_header header = {
        .local = &c->local, .remote = &c->remote, .seq = seq, .ack = c->rcv_nxt, .flags = LA_ACK};
    header.window = receive_window_offer(tcp, c, false);
    if (c->timestamps) {
        add_timestamp(tcp, c, &header.options);
    }
    settle_acks(c);
    to[ip_header_bytes(&c->remote.address) + tcp_header_bytes(&header.options)] = 0;
    size_t length = tcp_emit(to, &header, c->ttl, 1, 0) + (size_t)1;
    core_count(tcp_core(tcp), LA_COUNT_TCP_OUT_SEGMENTS);
    if (core_traces(tcp_core(tcp), LA_TRACE_SEGMENT_OUT)) {
        const struct departure departure = {c, 1, c->interface, c->rcv_scale, true};
        record_segment_out(tcp, &header, &departure);
    }
    return length;
}

static size_t emit_next_text(struct tcp *tcp, struct connection *c, uint8_t *to)
{
    struct plan plan;
    if (c->owes_window_probe) {
        size_t length = emit_probe(tcp, c, to);
        if (length > 0) {
            return length;
        }
    }
    if (c->owes_retransmission) {
        c->owes_retransmission = false;
        if (may_send_text(c) && flight_octets(c) > 0 && plan_retransmission(c, &plan)) {
            return emit_text(tcp, c, to, &plan);
        }
    }
    if (!send_is_pending(c)) {
        return 0;
    }
    restart_after_idle(tcp, c);
    if (!plan_next(c, &plan)) {
        return 0;
    }
    c->is_probing = false;
    c->is_forced = false;
    return emit_text(tcp, c, to, &plan);
}

static bool owes_syn(const struct connection *c)
{
    bool opening = c->state == LA_SYN_SENT || c->state == LA_SYN_RECEIVED;
    return opening && (seq_equal(c->snd_resend, c->iss) || c->owes_retransmission);
}

bool segment_is_owed(const struct connection *c)
{
    return c->duplicate_acks_owed > 0 || c->owes_ack || c->owes_retransmission || c->owes_window_probe ||
           c->owes_keepalive || send_is_pending(c);
}

size_t segment_next(struct tcp *tcp, struct connection *c, uint8_t *to)
{
    la_assert(c->end == LA_END_NONE);
    if (owes_syn(c)) {
        return emit_syn(tcp, c, to);
    }
    if (c->duplicate_acks_owed > 0) {
        c->duplicate_acks_owed--;
        core_count(tcp_core(tcp), LA_COUNT_TCP_DUPLICATE_ACKS_OUT);
        return emit_ack(tcp, c, to, empty_seq(c));
    }
    if (c->owes_keepalive) {
        c->owes_keepalive = false;
        return emit_keepalive(tcp, c, to);
    }
    size_t length = emit_next_text(tcp, c, to);
    if (length > 0) {
        return length;
    }
    if (c->owes_ack) {
        return emit_ack(tcp, c, to, empty_seq(c));
    }
    timers_follow(tcp, c);
    return 0;
}
