#include "path_mtu.h"
#include "settings.h"
#include "shadow.h"

/* What the two SYNs of a connection settle: RFC 9293 3.7.1, RFC 7323. */

#define MSS_DEFAULT_IPV4 536 /* RFC 9293 MUST-15 */
#define MSS_DEFAULT_IPV6 1220

void syn_prepare(struct tcp *tcp, struct connection *c, unsigned interface)
{
    c->interface = (uint8_t)interface;
    /* RFC 9293 3.7.1, 3.7.3: MUST-67, SHLD-6; an interface has one MTU. */
    uint16_t mtu = core_interface(tcp_core(tcp), interface)->mtu;
    c->rcv_mss = (uint16_t)(mtu - ip_header_bytes(&c->remote.address) - TCP_HEADER_BYTES);
    c->rcv_scale = tcp_core(tcp)->config.window_scaling ? receive_window_scale(c) : 0;
    c->snd_mss = c->rcv_mss;
    c->progress_ms = tcp_now_ms(tcp);
    c->heard_ms = tcp_now_ms(tcp);
}

void syn_number(struct connection *c, const struct clock_origin *origin)
{
    c->iss = origin->iss;
    c->ts_offset = origin->timestamp_offset;
    c->snd_una = c->iss;
    c->snd_nxt = c->iss;
    c->snd_resend = c->iss;
}

void syn_limit_mss(struct connection *c, uint16_t most)
{
    c->rcv_mss = c->rcv_mss < most ? c->rcv_mss : most;
    c->snd_mss = c->rcv_mss;
}

/* RFC 9293 MUST-16, RFC 6691: the least of what the peer takes and our SYN offered. */
static uint16_t peer_mss(const struct connection *c, const struct segment *segment)
{
    uint16_t assumed = address_is_ipv4(&c->remote.address) ? MSS_DEFAULT_IPV4 : MSS_DEFAULT_IPV6;
    uint16_t mss = segment->options.has_mss ? segment->options.mss : assumed;
    mss = mss < MSS_LEAST ? MSS_LEAST : mss;
    return mss < c->rcv_mss ? mss : c->rcv_mss;
}

void syn_received(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    c->timestamps = config->timestamps && segment->options.has_timestamp;
    c->window_scaling = config->window_scaling && segment->options.has_window_scale;
    if (c->window_scaling) {
        c->snd_scale = segment->options.window_scale;
    } else {
        c->rcv_scale = 0; /* RFC 7323 2.2: both or none */
    }
    if (c->timestamps) {
        c->ts_recent = segment->options.tsval;
        c->ts_recent_at = paws_clock(tcp);
    }
    c->peer_mss = peer_mss(c, segment);
    c->snd_mss = path_mtu_send_mss(tcp, c);
    c->narrowed_ms = tcp_now_ms(tcp);
    uint32_t offered = receive_window(c);
    c->rcv_nxt = seq_add(segment->seq, 1);
    c->rcv_edge = seq_add(c->rcv_nxt, offered);
    c->last_ack_sent = c->rcv_nxt;
    c->snd_wnd = segment->window; /* a SYN's window is never scaled */
    c->max_snd_wnd = c->snd_wnd;
    c->snd_wl1 = segment->seq;
    c->snd_wl2 = segment->ack;
    c->rcv_tos = segment->tos;
    if ((segment->flags & (LA_ECE | LA_CWR)) != 0) {
        signals_syn_arrives(tcp, c, segment);
    }
    c->heard_ms = tcp_now_ms(tcp);
}

void connection_established(struct tcp *tcp, struct connection *c)
{
    tcp_set_state(tcp, c, LA_ESTABLISHED);
    if (c->has_shadow) {
        shadow_ends(tcp, c);
    }
    congestion_algorithm((enum la_congestion)tcp_core(tcp)->config.congestion)->start(&c->congestion, c->snd_mss);
    if (c->syn_was_resent) {
        c->congestion.cwnd_bytes = c->snd_mss; /* RFC 5681 3.1 */
    }
    c->recover_is_set = false;
    c->backoff = 0; /* RFC 6298 5.7: what a lost SYN leaves is the three seconds */
    if (c->keepalive) {
        timer_arm(tcp, c, LA_TIMER_KEEPALIVE, keepalive_idle_ms(tcp, c));
    }
    if (c->is_shut) {
        tcp_set_state(tcp, c, LA_FIN_WAIT_1); /* the close that was asked for in SYN-RECEIVED */
    }
}
