#include "base/assert.h"
#include "listener.h"
#include "shadow.h"

/* RFC 9293 3.10.7.4, step by step, for SYN-RECEIVED and everything after it. A step answers whether the next one is to
   be taken. */

/* RFC 7323 5.5: 24 days, by up to two ticks more. */
#define PAWS_FORGETS ((uint32_t)((UINT64_C(24) * 24 * 3600 * LA_SECOND) / PAWS_TICK) + 1)

void acknowledge_now(struct tcp *tcp, struct connection *c)
{
    if (c->duplicate_acks_owed < UINT8_MAX) {
        c->duplicate_acks_owed++;
    }
    connection_wants_output(tcp, c);
}

void challenge(struct tcp *tcp, struct connection *c)
{
    struct core *core = tcp_core(tcp);
    uint32_t now_ms = tcp_now_ms(tcp);
    if (c->is_challenged && now_ms - c->challenge_ms < core->config.challenge_ack_ms) {
        core_count(core, LA_COUNT_TCP_CHALLENGES_LIMITED);
        return;
    }
    c->is_challenged = true;
    c->challenge_ms = now_ms;
    core_count(core, LA_COUNT_TCP_CHALLENGE_ACKS);
    acknowledge_now(tcp, c);
}

static uint32_t segment_octets(const struct segment *segment)
{
    return segment->length + ((segment->flags & LA_SYN) != 0) + ((segment->flags & LA_FIN) != 0);
}

/* ---- first: the sequence number ---- */

/* Something that is not taken is answered; what carries nothing, or a SYN, only as often as a challenge, so that two
   ends that disagree do not talk for ever (RFC 9293 3.10.7.4, first; RFC 5961 4.2, 7). */
COLD static void answer_unacceptable(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (segment_octets(segment) > 0 && (segment->flags & LA_SYN) == 0) {
        acknowledge_now(tcp, c);
    } else {
        challenge(tcp, c);
    }
}

/* Every segment of the connection but an RST (RFC 7323 3.2). */
static bool has_to_be_stamped(const struct connection *c, const struct segment *segment)
{
    return c->timestamps && (segment->flags & LA_RST) == 0;
}

/* RFC 7323 5.3, R1. */
static bool check_timestamp(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (!segment->options.has_timestamp) {
        segment_drop(tcp, LA_DROP_NO_TIMESTAMP, segment, c);
        if ((segment->flags & LA_SYN) != 0) {
            challenge(tcp, c); /* RFC 5961 4.2: a peer that has begun anew, and offers none */
        }
        return false;
    }
    bool forgotten = paws_clock(tcp) - c->ts_recent_at > PAWS_FORGETS;
    if (!forgotten && (int32_t)(segment->options.tsval - c->ts_recent) < 0) {
        segment_drop(tcp, LA_DROP_PAWS, segment, c);
        answer_unacceptable(tcp, c, segment);
        return false;
    }
    return true;
}

/* The four cases of the table in 3.4, the most frequent first: what starts inside the window is taken, whatever its
   length. What carries nothing is taken at the right edge too, where the peer's numbers are while a full window of its
   text is on the way, or part of it was lost: its acknowledgment counts, and its RST is challenged. */
static bool is_acceptable(const struct connection *c, const struct segment *segment)
{
    uint32_t window = receive_window(c);
    if (seq_in(segment->seq, c->rcv_nxt, window)) {
        return true;
    }
    uint32_t octets = segment_octets(segment);
    if (octets == 0) {
        return seq_equal(segment->seq, seq_add(c->rcv_nxt, window));
    }
    return seq_in(seq_add(segment->seq, octets - 1), c->rcv_nxt, window);
}

/* "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to accept valid ACKs,
   URGs, and RSTs" (3.10.7.4; MUST-66): the rest of it is left out. */
COLD static bool allow_into_shut_window(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    if (receive_window(c) > 0 || !seq_equal(segment->seq, c->rcv_nxt) || (segment->flags & LA_SYN) != 0) {
        return false;
    }
    segment_drop(tcp, LA_DROP_SEQUENCE, segment, c);
    segment->length = 0;
    segment->flags &= (uint8_t)~LA_FIN;
    if ((segment->flags & LA_RST) == 0) {
        c->owes_ack = true; /* whatever the steps that follow have to answer besides: one reply */
        connection_wants_output(tcp, c);
    }
    return true;
}

/* The peer's SYN again: our SYN-ACK was lost, and says more than an ACK would. */
static bool is_syn_again(const struct connection *c, const struct segment *segment)
{
    return c->state == LA_SYN_RECEIVED && (segment->flags & (LA_SYN | LA_RST | LA_ACK)) == LA_SYN &&
           seq_equal(seq_add(segment->seq, 1), c->rcv_nxt);
}

COLD static void reject_sequence(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if ((segment->flags & LA_RST) != 0) {
        segment_drop(tcp, LA_DROP_RST_OUTSIDE, segment, c);
        return;
    }
    segment_drop(tcp, LA_DROP_SEQUENCE, segment, c);
    if (is_syn_again(c, segment)) {
        c->owes_retransmission = true;
        c->rtt_is_timed = false; /* Karn: MUST-18 */
        connection_wants_output(tcp, c);
    } else {
        answer_unacceptable(tcp, c, segment);
    }
}

static bool check_sequence(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    if (has_to_be_stamped(c, segment) && !check_timestamp(tcp, c, segment)) {
        return false;
    }
    if (!is_acceptable(c, segment) && !allow_into_shut_window(tcp, c, segment)) {
        reject_sequence(tcp, c, segment);
        return false;
    }
    return true;
}

/* ---- second: the RST bit; RFC 5961 3.2 ---- */

/* What text it may carry is nobody's (RFC 9293 3.5.3, SHLD-2). Whether the open was passive has been remembered (3.5,
   MUST-11). */
static bool check_rst(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if ((segment->flags & LA_RST) == 0) {
        return true;
    }
    if (!seq_equal(segment->seq, c->rcv_nxt)) {
        segment_drop(tcp, LA_DROP_RST_CHALLENGED, segment, c);
        challenge(tcp, c);
    } else if (c->state == LA_SYN_RECEIVED) {
        connection_end(tcp, c, LA_END_REFUSED, c->is_passive ? LA_LISTEN : LA_CLOSED);
    } else {
        connection_end(tcp, c, LA_END_RESET_BY_PEER, LA_CLOSED);
    }
    return false;
}

/* ---- fourth: the SYN bit; RFC 5961 4.2 ---- */

static bool check_syn(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if ((segment->flags & LA_SYN) == 0) {
        return true;
    }
    segment_drop(tcp, LA_DROP_SYN_CHALLENGED, segment, c);
    if (c->state == LA_SYN_RECEIVED && c->is_passive) {
        connection_end(tcp, c, LA_END_REFUSED, LA_LISTEN);
    } else {
        challenge(tcp, c);
    }
    return false;
}

/* ---- fifth: the ACK field ---- */

/* SYN-RECEIVED: the acknowledgment of our SYN, or an RST for what it was. */
static bool check_handshake_ack(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (!seq_after(segment->ack, c->snd_una) || seq_after(segment->ack, c->snd_nxt)) {
        segment_drop(tcp, LA_DROP_ACK_HANDSHAKE, segment, c);
        reply_reset(tcp, c->interface, segment);
        return false;
    }
    connection_established(tcp, c);
    c->snd_wnd = (uint32_t)segment->window << c->snd_scale;
    c->max_snd_wnd = c->snd_wnd > c->max_snd_wnd ? c->snd_wnd : c->max_snd_wnd;
    c->snd_wl1 = segment->seq;
    c->snd_wl2 = segment->ack;
    if (c->is_passive) {
        listener_queue(tcp, c);
        connection_ready(tcp, c, LA_READY_WRITABLE);
    } else {
        connection_ready(tcp, c, LA_READY_ESTABLISHED | LA_READY_WRITABLE);
    }
    return true;
}

/* RFC 5961 5.2; RFC 9293 MAY-12. */
static bool check_ack_range(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (seq_after(segment->ack, c->snd_nxt)) {
        segment_drop(tcp, LA_DROP_ACK_FUTURE, segment, c);
        challenge(tcp, c);
        return false;
    }
    if (seq_before(segment->ack, c->snd_una) && seq_distance(segment->ack, c->snd_una) > c->max_snd_wnd) {
        segment_drop(tcp, LA_DROP_ACK_OLD, segment, c);
        challenge(tcp, c);
        return false;
    }
    return true;
}

/* What the acknowledgment of our FIN means for the state. */
static bool fin_is_now_acknowledged(struct tcp *tcp, struct connection *c)
{
    switch ((enum la_state)c->state) {
    case LA_FIN_WAIT_1:
        tcp_set_state(tcp, c, LA_FIN_WAIT_2);
        if (c->is_fully_closed) {
            bound_fin_wait_2(tcp, c);
        }
        return true;
    case LA_CLOSING: connection_enters_time_wait(tcp, c); return false;
    case LA_LAST_ACK: connection_leaves_last_ack(tcp, c); return false;
    case LA_FIN_WAIT_2: return true;
    case LA_CLOSED:
    case LA_LISTEN:
    case LA_SYN_SENT:
    case LA_SYN_RECEIVED:
    case LA_ESTABLISHED:
    case LA_CLOSE_WAIT:
    case LA_TIME_WAIT: break;
    }
    la_impossible("a FIN that was not sent is acknowledged");
    return false;
}

/* It is the peer's beyond doubt: in the window, and its acknowledgment possible. Nothing that could be somebody else's
   moves TS.Recent (RFC 7323 4.3, RFC 5961 5). */
static void note_heard(const struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    c->heard_ms = tcp_now_ms(tcp);
    c->rcv_tos = segment->tos;
    if (c->timestamps && seq_before_or_equal(segment->seq, c->last_ack_sent)) {
        c->ts_recent = segment->options.tsval;
        c->ts_recent_at = paws_clock(tcp);
    }
}

static bool check_ack(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if ((segment->flags & LA_ACK) == 0) {
        segment_drop(tcp, LA_DROP_NO_ACK, segment, c);
        return false;
    }
    if (c->state == LA_SYN_RECEIVED) {
        if (!check_handshake_ack(tcp, c, segment)) {
            return false;
        }
    } else if (!check_ack_range(tcp, c, segment)) {
        return false;
    }
    note_heard(tcp, c, segment);
    acknowledgment_arrives(tcp, c, segment);
    return c->fin_is_acknowledged ? fin_is_now_acknowledged(tcp, c) : true;
}

/* ---- seventh: the text ---- */

static bool is_beyond_fin(const struct connection *c, const struct segment *segment)
{
    bool carries = segment->length > 0 || (segment->flags & LA_FIN) != 0;
    struct seq end = seq_add(segment->seq, segment->length);
    return carries && c->peer_fin_is_known && seq_after(end, c->peer_fin);
}

/* Lingering: what was received is read in the application's place, within its bound. */
COLD static bool discard_text(struct tcp *tcp, struct connection *c)
{
    uint32_t octets = c->in.length;
    const struct pieces_memory memory = tcp_pieces(tcp);
    stream_drop(&memory, &c->in, NULL, octets, c->range_count > 0);
    if (octets > c->linger_bytes) {
        connection_abort(tcp, c, LA_END_LINGER_BOUND);
        return false;
    }
    c->linger_bytes -= octets;
    receive_window_opened(tcp, c);
    return true;
}

static bool process_text(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (is_beyond_fin(c, segment)) {
        segment_drop(tcp, LA_DROP_AFTER_FIN, segment, c);
        acknowledge_now(tcp, c);
        return false;
    }
    if (segment->length == 0) {
        return true;
    }
    bool is_new = seq_after(seq_add(segment->seq, segment->length), c->rcv_nxt);
    if (is_new && c->is_fully_closed && !c->is_lingering) { /* 3.6.1: nobody will ever read it */
        segment_drop(tcp, LA_DROP_AFTER_CLOSE, segment, c);
        connection_abort(tcp, c, LA_END_DATA_AFTER_CLOSE);
        return false;
    }
    receive_text(tcp, c, segment);
    return c->is_lingering ? discard_text(tcp, c) : true;
}

/* ---- eighth: the FIN bit ---- */

/* Remembers where the peer's text ends; false if that contradicts what is known already. */
static bool note_fin(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    struct seq fin = seq_add(segment->seq, segment->length);
    if ((segment->flags & LA_FIN) == 0 || c->peer_fin_is_known) {
        return true;
    }
    if (seq_before(fin, c->rcv_nxt) || receive_reaches_beyond(tcp, c, fin)) {
        segment_drop(tcp, LA_DROP_AFTER_FIN, segment, c);
        acknowledge_now(tcp, c);
        return false;
    }
    if (seq_in(fin, c->rcv_nxt, receive_window(c))) {
        c->peer_fin_is_known = true;
        c->peer_fin = fin;
    }
    return true;
}

/* RCV.NXT has reached the FIN. */
static void fin_arrives(struct tcp *tcp, struct connection *c)
{
    c->rcv_nxt = seq_add(c->rcv_nxt, 1);
    if (seq_before(c->rcv_edge, c->rcv_nxt)) {
        c->rcv_edge = c->rcv_nxt;
    }
    c->peer_is_closed = true;
    c->owes_ack = true;
    connection_ready(tcp, c, LA_READY_PEER_CLOSED | LA_READY_READABLE);
    switch ((enum la_state)c->state) {
    case LA_ESTABLISHED: tcp_set_state(tcp, c, LA_CLOSE_WAIT); return;
    case LA_FIN_WAIT_1:
        tcp_set_state(tcp, c, LA_CLOSING); /* our FIN is not acknowledged: the fifth step would have said so */
        timer_disarm(c, LA_TIMER_LINGER);
        return;
    case LA_FIN_WAIT_2: connection_enters_time_wait(tcp, c); return;
    case LA_CLOSED:
    case LA_LISTEN:
    case LA_SYN_SENT:
    case LA_SYN_RECEIVED:
    case LA_CLOSE_WAIT:
    case LA_CLOSING:
    case LA_LAST_ACK:
    case LA_TIME_WAIT: break;
    }
    la_impossible("the peer's FIN is counted once");
}

void segment_text_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    connection_wants_output(tcp, c);
    if (c->ecn || (segment->flags & LA_URG) != 0 || segment->source_route != NULL) { /* sixth */
        signals_arrive(tcp, c, segment);
    }
    if (!note_fin(tcp, c, segment) || !process_text(tcp, c, segment)) {
        return;
    }
    if (c->peer_fin_is_known && !c->peer_is_closed && seq_equal(c->rcv_nxt, c->peer_fin)) {
        fin_arrives(tcp, c);
    } else if ((segment->flags & LA_FIN) != 0 && segment->length == 0) {
        acknowledge_now(tcp, c); /* it came again, or too early */
    }
}

static void take_steps(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    if (check_sequence(tcp, c, segment) && check_rst(tcp, c, segment) && check_syn(tcp, c, segment) &&
        check_ack(tcp, c, segment)) {
        segment_text_arrives(tcp, c, segment);
    }
}

/* Simultaneous open, RFC 9293 figure 7, line 6: the SYN of the peer's SYN-ACK has been received before; what counts is
   that it acknowledges ours. */
static bool is_known_syn(const struct connection *c, const struct segment *segment)
{
    bool syn_ack = (segment->flags & (LA_SYN | LA_ACK | LA_RST)) == (LA_SYN | LA_ACK);
    return !c->is_passive && syn_ack && seq_equal(seq_add(segment->seq, 1), c->rcv_nxt);
}

/* The window beside a SYN is never scaled (RFC 7323 2.2). */
COLD static void known_syn_arrives(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    uint8_t scale = c->snd_scale;
    segment->seq = c->rcv_nxt;
    segment->flags &= (uint8_t)~LA_SYN;
    c->snd_scale = 0;
    take_steps(tcp, c, segment);
    c->snd_scale = scale;
}

void segment_arrives(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    if (c->state == LA_SYN_RECEIVED) {
        if (c->has_shadow && shadow_takes(tcp, c, segment)) {
            return;
        }
        if (is_known_syn(c, segment)) {
            known_syn_arrives(tcp, c, segment);
            return;
        }
    }
    take_steps(tcp, c, segment);
}
