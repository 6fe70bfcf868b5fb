#include "path_mtu.h"

/* Loss recovery without SACK: RFC 5681 3.2 and RFC 6582 (NewReno), limited transmit (RFC 3042), and what a timeout does
   (RFC 6298 5, RFC 5681 3.1). */

#define DUPLICATE_THRESHOLD 3

static const struct congestion_algorithm *algorithm(const struct tcp *tcp)
{
    return congestion_algorithm((enum la_congestion)tcp_core(tcp)->config.congestion);
}

/* What limited transmit let go lies beyond the congestion window, and is not counted (RFC 5681 3.2 (2)). */
static uint32_t flight_without_limited(const struct connection *c)
{
    uint32_t flight = flight_octets(c);
    return flight < c->congestion.cwnd_bytes ? flight : c->congestion.cwnd_bytes;
}

void recovery_duplicate_ack(struct tcp *tcp, struct connection *c)
{
    if (c->in_recovery) {
        c->congestion.cwnd_bytes += c->snd_mss; /* RFC 6582 3.2 (3): a segment has left the network */
        return;
    }
    if (c->duplicate_acks_seen < UINT8_MAX) {
        c->duplicate_acks_seen++;
    }
    if (c->duplicate_acks_seen != DUPLICATE_THRESHOLD) {
        return;
    }
    if (c->recover_is_set && seq_before_or_equal(c->snd_una, c->recover)) {
        return; /* RFC 6582 3.2 (1): the duplicates of what a timeout sent again */
    }
    if (path_mtu_confirmed(tcp, c)) {
        path_mtu_send_again(tcp, c);
        return;
    }
    core_count(tcp_core(tcp), LA_COUNT_TCP_FAST_RETRANSMITS);
    algorithm(tcp)->lost(&c->congestion, c->snd_mss, flight_without_limited(c));
    c->in_recovery = true;
    c->recover_is_set = true;
    c->recover = c->snd_nxt;
    c->congestion.cwnd_bytes = c->congestion.ssthresh_bytes + DUPLICATE_THRESHOLD * (uint32_t)c->snd_mss;
    c->owes_retransmission = true;
    c->rtt_is_timed = false;
    signals_window_was_reduced(c);
}

COLD static void partial_ack(struct connection *c, uint32_t octets)
{
    uint32_t *cwnd = &c->congestion.cwnd_bytes;
    *cwnd = *cwnd > octets ? *cwnd - octets : 0;
    if (octets >= c->snd_mss || *cwnd < c->snd_mss) {
        *cwnd += c->snd_mss;
    }
    c->owes_retransmission = true; /* RFC 6582 3.2 (3): the next hole */
}

/* What was in flight needed the window: by half while it may double in a round trip, else to within a segment. One that
   nobody fills says nothing about the path (RFC 7661 4.1 has the reasons; as it measures, in slow start). */
static bool window_is_in_use(const struct connection *c, uint32_t acknowledged)
{
    uint32_t flight = flight_octets(c) + acknowledged;
    uint32_t cwnd = c->congestion.cwnd_bytes;
    return cwnd < c->congestion.ssthresh_bytes ? cwnd / 2 <= flight : cwnd <= flight + c->snd_mss;
}

void recovery_new_ack(struct tcp *tcp, struct connection *c, uint32_t octets)
{
    c->duplicate_acks_seen = 0;
    if (!c->in_recovery) {
        if (window_is_in_use(c, octets)) {
            algorithm(tcp)->acknowledged(&c->congestion, c->snd_mss, octets);
        }
        if (c->recover_is_set && seq_after(c->snd_una, c->recover)) {
            c->recover_is_set = false;
        }
        return;
    }
    if (seq_before(c->snd_una, c->recover)) {
        partial_ack(c, octets);
        return;
    }
    uint32_t flight = flight_octets(c);
    uint32_t window = (flight > c->snd_mss ? flight : c->snd_mss) + c->snd_mss;
    c->congestion.cwnd_bytes = window < c->congestion.ssthresh_bytes ? window : c->congestion.ssthresh_bytes;
    c->in_recovery = false; /* recover stays: RFC 6582 3.2 (1) asks for an ACK of more than that */
}

void recovery_from_start(struct connection *c)
{
    c->in_recovery = false;
    c->duplicate_acks_seen = 0;
    c->recover_is_set = true;
    c->recover = c->snd_nxt;
    c->snd_resend = c->snd_una;
    c->owes_retransmission = true;
    c->rtt_is_timed = false;
    signals_window_was_reduced(c);
}

/* RFC 9293 3.8.2, MUST-19: slow start from the beginning; the timer backs off in timers.c. */
void recovery_timeout(struct tcp *tcp, struct connection *c)
{
    if (syn_is_acknowledged(c)) {
        (void)path_mtu_confirmed(tcp, c);
        algorithm(tcp)->timed_out(&c->congestion, c->snd_mss, flight_octets(c), c->retransmits == 0);
    }
    recovery_from_start(c);
}
