#include "path_mtu.h"

/* RFC 6298. One octet is timed at a time, and never one that was retransmitted (Karn); where a retransmission spoils
   that, timestamps give the sample (RFC 7323 4). */

static uint32_t now_us(const struct tcp *tcp)
{
    return (uint32_t)(tcp_core(tcp)->now / LA_MICROSECOND);
}

/* RFC 6298 5, Karn: what doubled the timeout is over once there is a new measurement, and no sooner. */
static void sample(struct connection *c, uint32_t rtt_us)
{
    c->backoff = 0;
    if (!c->rtt_is_known) {
        c->rtt_is_known = true;
        c->srtt_us = rtt_us; /* (2.2) */
        c->rttvar_us = rtt_us / 2;
        return;
    }
    uint32_t error = rtt_us > c->srtt_us ? rtt_us - c->srtt_us : c->srtt_us - rtt_us;
    c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + error / 4; /* (2.3) */
    c->srtt_us = c->srtt_us - c->srtt_us / 8 + rtt_us / 8;
}

/* RFC 9293 3.8.1, MUST-18: of what leaves for the first time; recovery.c forgets the octet that is sent again. */
void rtt_begin(struct tcp *tcp, struct connection *c, struct seq octet)
{
    if (!c->rtt_is_timed) {
        c->rtt_is_timed = true;
        c->rtt_seq = octet;
        c->rtt_began_us = now_us(tcp);
    }
}

void rtt_acknowledged(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (c->rtt_is_timed) {
        if (seq_after(segment->ack, c->rtt_seq)) {
            c->rtt_is_timed = false;
            sample(c, now_us(tcp) - c->rtt_began_us);
            if (path_mtu_is_narrow(c)) {
                path_mtu_widens(tcp, c);
            }
        }
    } else if (c->retransmits > 0 && c->timestamps && segment->options.has_timestamp) {
        uint32_t rtt_ms = tcp_now_ms(tcp) + c->ts_offset - segment->options.tsecr;
        if (rtt_ms <= tcp_core(tcp)->config.rto_max_ms && rtt_ms < UINT32_MAX / 1000) { /* else it is no echo of ours */
            sample(c, rtt_ms * 1000);
        }
    }
}

uint32_t retransmission_timeout_base_ms(const struct tcp *tcp, const struct connection *c)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    if (!c->rtt_is_known) {
        /* RFC 6298 (5.7): an RTO of less than 3 s is not used again once it made a SYN go out twice. */
        bool doubtful = c->syn_was_resent && state_is_synchronised((enum la_state)c->state);
        uint32_t least_ms = doubtful ? 3000 : 0;
        uint32_t rto_ms = config->rto_initial_ms < least_ms ? least_ms : config->rto_initial_ms;
        return rto_ms > config->rto_max_ms ? config->rto_max_ms : rto_ms;
    }
    /* The minimum stands in for RFC 6298's G, below the variation: on a steady path RTTVAR goes to nothing, whatever
       the round trip, and the peer's delayed ACK would come too late. */
    uint64_t variation_us = 4 * (uint64_t)c->rttvar_us;
    uint64_t least_us = 1000 * (uint64_t)config->rto_min_ms;
    uint64_t rto_ms = (c->srtt_us + (variation_us > least_us ? variation_us : least_us) + 999) / 1000;
    return rto_ms > config->rto_max_ms ? config->rto_max_ms : (uint32_t)rto_ms;
}

uint32_t retransmission_timeout_ms(const struct tcp *tcp, const struct connection *c)
{
    uint32_t base_ms = retransmission_timeout_base_ms(tcp, c);
    if (c->backoff == 0) {
        return base_ms;
    }
    uint32_t most = tcp_core(tcp)->config.rto_max_ms;
    uint64_t rto_ms = (uint64_t)base_ms << (c->backoff < 20 ? c->backoff : 20);
    return rto_ms > most ? most : (uint32_t)rto_ms;
}
