#include "connection.h"

/* RFC 9293 3.10.7.4, fifth, ESTABLISHED: SND.UNA moves, or it does not; then the send window. The ACK is known to lie
   in SND.UNA - MAX.SND.WND to SND.NXT. */

/* What of `octets` acknowledged is text: the SYN and the FIN have no place in the buffer. */
static uint32_t text_acknowledged(const struct connection *c, uint32_t octets)
{
    uint32_t syn = syn_is_acknowledged(c) ? 0 : 1;
    uint32_t text = octets - syn;
    return text < c->out.length ? text : c->out.length;
}

static void una_moves(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    uint32_t octets = seq_distance(c->snd_una, segment->ack);
    bool fin = c->fin_is_sent && seq_after(segment->ack, send_end(c));
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t text = text_acknowledged(c, octets);
    rtt_acknowledged(tcp, c, segment);
    if (seq_distance(c->iss, segment->ack) < seq_distance(c->iss, c->snd_una)) {
        c->una_wraps++;
    }
    if (text > 0) {
        stream_drop(&memory, &c->out, &c->out_cursor, text, false);
    }
    c->snd_una = segment->ack;
    c->snd_resend = seq_max(c->snd_resend, c->snd_una);
    if (fin) {
        c->fin_is_acknowledged = true;
    }
    if (c->snd_is_urgent && seq_before_or_equal(c->snd_up, c->snd_una)) {
        c->snd_is_urgent = false;
    }
    if (c->is_probing) {
        c->is_probing = false;
        c->backoff = 0; /* the persist timer's */
    }
    c->retransmits = 0;
    c->progress_ms = tcp_now_ms(tcp);
    timer_disarm(c, LA_TIMER_USER_TIMEOUT);
    if (!c->in_recovery || c->duplicate_acks_seen > 0 || seq_after_or_equal(c->snd_una, c->recover)) {
        timer_disarm(c, LA_TIMER_RETRANSMIT); /* RFC 6298 (5.3); RFC 6582 3.2 (4): only the first partial ACK */
    }
    c->owes_retransmission = false;
    recovery_new_ack(tcp, c, text);
    timers_follow(tcp, c);
    if (c->wants_writable && c->out.length <= c->send_limit_bytes / 2) {
        c->wants_writable = false;
        connection_ready(tcp, c, LA_READY_WRITABLE);
    }
}

/* RFC 5681 2: what counts as a duplicate. */
static bool is_duplicate(const struct connection *c, const struct segment *segment)
{
    return flight_octets(c) > 0 && !c->is_probing && segment->length == 0 &&
           (segment->flags & (LA_SYN | LA_FIN)) == 0 && seq_equal(segment->ack, c->snd_una) &&
           (uint32_t)segment->window << c->snd_scale == c->snd_wnd;
}

/* Also newer than the last is a segment that acknowledges more, whatever it carries: the text may be sent again, and
   the peer's acknowledgments only move forward. Without this SND.WND would be counted from a SND.UNA that it never
   meant. */
static void window_moves(struct connection *c, const struct segment *segment)
{
    bool newer = seq_before(c->snd_wl1, segment->seq) || seq_before(c->snd_wl2, segment->ack) ||
                 (seq_equal(c->snd_wl1, segment->seq) && seq_equal(c->snd_wl2, segment->ack));
    if (!newer) {
        return;
    }
    uint8_t scale = (segment->flags & LA_SYN) != 0 ? 0 : c->snd_scale;
    c->snd_wnd = (uint32_t)segment->window << scale;
    c->snd_wl1 = segment->seq;
    c->snd_wl2 = segment->ack;
    if (c->snd_wnd > c->max_snd_wnd) {
        c->max_snd_wnd = c->snd_wnd;
    }
    if (c->snd_wnd > 0 && c->is_probing) {
        c->is_probing = false; /* open again: what the probe carried is sent with its neighbours */
        c->backoff = 0;
    }
}

void acknowledgment_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    c->probes = 0; /* the peer answers */
    if (seq_after(segment->ack, c->snd_una)) {
        una_moves(tcp, c, segment);
    } else if (is_duplicate(c, segment)) {
        recovery_duplicate_ack(tcp, c);
    }
    if (seq_before_or_equal(c->snd_una, segment->ack)) {
        window_moves(c, segment);
    }
}
