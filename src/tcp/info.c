#include "listener.h"
#include "settings.h"

/* Options and STATUS (RFC 9293 3.9.1). */

/* As in the config: well within half the circle of the millisecond clock. */
#define DURATION_MAX_MS ((INT64_C(1) << 30) - 1)

struct option_range {
    int64_t least;
    int64_t most;
};

static struct option_range range_of(const struct la_config *config, enum la_option option)
{
    static const struct option_range nothing = {1, 0};
    switch (option) {
    case LA_OPTION_NODELAY:
    case LA_OPTION_KEEPALIVE:
    case LA_OPTION_PUSH:
    case LA_OPTION_ERROR_REPORTS:
    case LA_OPTION_QUICK_ACK: return (struct option_range){0, 1};
    case LA_OPTION_IPV6_ONLY: break; /* a listener's */
    case LA_OPTION_KEEPALIVE_IDLE_MS:
    case LA_OPTION_KEEPALIVE_INTERVAL_MS:
    case LA_OPTION_R2_MS: return (struct option_range){1, DURATION_MAX_MS};
    case LA_OPTION_USER_TIMEOUT_MS: return (struct option_range){0, DURATION_MAX_MS};
    case LA_OPTION_MSL_MS: return (struct option_range){0, config->msl_ms};
    case LA_OPTION_KEEPALIVE_PROBES:
    case LA_OPTION_TTL: return (struct option_range){1, UINT8_MAX};
    case LA_OPTION_R1_RETRANSMISSIONS: return (struct option_range){0, UINT8_MAX};
    case LA_OPTION_SEND_BUFFER_BYTES: return (struct option_range){1, config->send_buffer_bytes};
    case LA_OPTION_RECEIVE_BUFFER_BYTES: return (struct option_range){1, config->receive_buffer_bytes};
    case LA_OPTION_DSCP: return (struct option_range){0, 63};
    case LA_OPTION_MAX_SEGMENT_BYTES: return (struct option_range){MSS_LEAST, UINT16_MAX};
    }
    return nothing;
}

/* RFC 9293 MUST-24 */
static void set_keepalive(struct tcp *tcp, struct connection *c, bool on)
{
    c->keepalive = on;
    if (!on) {
        timer_disarm(c, LA_TIMER_KEEPALIVE);
    } else if (c->end == LA_END_NONE && state_is_synchronised((enum la_state)c->state)) {
        timer_arm(tcp, c, LA_TIMER_KEEPALIVE, keepalive_idle_ms(tcp, c));
    }
}

/* The bound of progress is another one now. */
static void follow_bound(struct tcp *tcp, struct connection *c)
{
    if (c->end == LA_END_NONE) {
        timer_disarm(c, LA_TIMER_USER_TIMEOUT);
        timers_follow(tcp, c);
    }
}

static bool syn_is_unsent(const struct connection *c)
{
    return c->state == LA_SYN_SENT && c->end == LA_END_NONE && seq_equal(c->snd_nxt, c->iss);
}

/* Who waits for room is told of it. */
static void set_send_buffer(struct tcp *tcp, struct connection *c, uint32_t octets)
{
    c->send_limit_bytes = octets;
    if (c->wants_writable && c->out.length <= octets / 2) {
        c->wants_writable = false;
        connection_ready(tcp, c, LA_READY_WRITABLE);
    }
}

static void set_receive_buffer(struct tcp *tcp, struct connection *c, uint32_t bytes)
{
    c->receive_limit_bytes = bytes;
    if (syn_is_unsent(c) && tcp_core(tcp)->config.window_scaling) {
        c->rcv_scale = receive_window_scale(c);
    }
    if (c->end == LA_END_NONE && state_is_synchronised((enum la_state)c->state) && !c->peer_is_closed) {
        receive_window_opened(tcp, c);
    }
}

/* What was held back may leave now. */
static void send_what_waits(struct tcp *tcp, struct connection *c)
{
    if (c->end == LA_END_NONE) {
        connection_wants_output(tcp, c);
    }
}

static int set_max_segment(struct connection *c, uint16_t bytes)
{
    if (!syn_is_unsent(c)) {
        return LA_ERROR_INVALID;
    }
    syn_limit_mss(c, bytes);
    return LA_OK;
}

/* What was delayed is sent. */
static void set_quick_ack(struct tcp *tcp, struct connection *c, bool on)
{
    c->quick_ack = on;
    if (on && c->end == LA_END_NONE && timer_is_armed(c, LA_TIMER_DELAYED_ACK)) {
        c->owes_ack = true;
        connection_wants_output(tcp, c);
    }
}

/* RFC 9293 3.9.1.9, MUST-48, SHLD-21 */
static void set_dscp(const struct tcp *tcp, struct connection *c, uint8_t dscp)
{
    c->dscp = dscp;
    c->is_marked = dscp != 0 || c->ecn || route_of(tcp, c) != NULL;
}

/* What is in the settings that few connections have of their own. */
static int set_own(struct tcp *tcp, struct connection *c, enum la_option option, uint32_t value)
{
    struct settings *own = settings_own(tcp, c);
    if (own == NULL) {
        return LA_ERROR_NO_SETTINGS;
    }
    switch (option) {
    case LA_OPTION_KEEPALIVE_IDLE_MS: /* RFC 9293 MUST-27 */
        own->keepalive_idle_ms = value;
        set_keepalive(tcp, c, c->keepalive);
        break;
    case LA_OPTION_KEEPALIVE_INTERVAL_MS: own->keepalive_interval_ms = value; break;
    case LA_OPTION_KEEPALIVE_PROBES: own->keepalive_probes = (uint8_t)value; break;
    case LA_OPTION_USER_TIMEOUT_MS:
        own->user_timeout_ms = value;
        follow_bound(tcp, c);
        break;
    case LA_OPTION_R1_RETRANSMISSIONS: own->r1_retransmissions = (uint8_t)value; break;
    case LA_OPTION_R2_MS: /* RFC 9293 MUST-21 */
        own->r2_data_ms = value;
        follow_bound(tcp, c);
        break;
    case LA_OPTION_MSL_MS:
        own->msl_ms = value > 0 ? tcp_core(tcp)->config.msl_ms >> 2 * span_for(tcp_core(tcp), value) : 0;
        break;
    case LA_OPTION_NODELAY:
    case LA_OPTION_KEEPALIVE:
    case LA_OPTION_SEND_BUFFER_BYTES:
    case LA_OPTION_RECEIVE_BUFFER_BYTES:
    case LA_OPTION_PUSH:
    case LA_OPTION_TTL:
    case LA_OPTION_DSCP:
    case LA_OPTION_ERROR_REPORTS:
    case LA_OPTION_MAX_SEGMENT_BYTES:
    case LA_OPTION_QUICK_ACK:
    case LA_OPTION_IPV6_ONLY: break;
    }
    return LA_OK;
}

bool tcp_option_may_be(const struct tcp *tcp, enum la_option option, int64_t value)
{
    const struct option_range range = range_of(&tcp_core(tcp)->config, option);
    return value >= range.least && value <= range.most;
}

int tcp_set_option(struct tcp *tcp, struct la_conn conn, enum la_option option, int64_t value)
{
    struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (!tcp_option_may_be(tcp, option, value)) {
        return LA_ERROR_INVALID;
    }
    switch (option) {
    case LA_OPTION_NODELAY:
        c->nodelay = value == 1;
        send_what_waits(tcp, c);
        break;
    case LA_OPTION_PUSH:
        c->holds_back = value == 0;
        send_what_waits(tcp, c);
        break;
    case LA_OPTION_KEEPALIVE: set_keepalive(tcp, c, value == 1); break;
    case LA_OPTION_KEEPALIVE_IDLE_MS:
    case LA_OPTION_KEEPALIVE_INTERVAL_MS:
    case LA_OPTION_KEEPALIVE_PROBES:
    case LA_OPTION_USER_TIMEOUT_MS:
    case LA_OPTION_R1_RETRANSMISSIONS:
    case LA_OPTION_R2_MS:
    case LA_OPTION_MSL_MS: return set_own(tcp, c, option, (uint32_t)value);
    case LA_OPTION_SEND_BUFFER_BYTES: set_send_buffer(tcp, c, (uint32_t)value); break;
    case LA_OPTION_RECEIVE_BUFFER_BYTES: set_receive_buffer(tcp, c, (uint32_t)value); break;
    case LA_OPTION_TTL: c->ttl = (uint8_t)value; break;
    case LA_OPTION_DSCP: set_dscp(tcp, c, (uint8_t)value); break;
    case LA_OPTION_ERROR_REPORTS: c->errors_are_muted = value == 0; break;
    case LA_OPTION_MAX_SEGMENT_BYTES: return set_max_segment(c, (uint16_t)value);
    case LA_OPTION_QUICK_ACK: set_quick_ack(tcp, c, value == 1); break;
    case LA_OPTION_IPV6_ONLY: return LA_ERROR_INVALID;
    }
    return LA_OK;
}

int tcp_get_option(const struct tcp *tcp, struct la_conn conn, enum la_option option, int64_t *value)
{
    const struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    switch (option) {
    case LA_OPTION_NODELAY: *value = c->nodelay; return LA_OK;
    case LA_OPTION_PUSH: *value = !c->holds_back; return LA_OK;
    case LA_OPTION_KEEPALIVE: *value = c->keepalive; return LA_OK;
    case LA_OPTION_KEEPALIVE_IDLE_MS: *value = keepalive_idle_ms(tcp, c); return LA_OK;
    case LA_OPTION_KEEPALIVE_INTERVAL_MS: *value = keepalive_interval_ms(tcp, c); return LA_OK;
    case LA_OPTION_KEEPALIVE_PROBES: *value = keepalive_probes(tcp, c); return LA_OK;
    case LA_OPTION_USER_TIMEOUT_MS: *value = user_timeout_ms(tcp, c); return LA_OK;
    case LA_OPTION_R1_RETRANSMISSIONS: *value = r1_retransmissions(tcp, c); return LA_OK;
    case LA_OPTION_R2_MS: *value = r2_data_ms(tcp, c); return LA_OK;
    case LA_OPTION_MSL_MS: *value = msl_ms(tcp, c); return LA_OK;
    case LA_OPTION_SEND_BUFFER_BYTES: *value = c->send_limit_bytes; return LA_OK;
    case LA_OPTION_RECEIVE_BUFFER_BYTES: *value = c->receive_limit_bytes; return LA_OK;
    case LA_OPTION_TTL: *value = c->ttl; return LA_OK;
    case LA_OPTION_DSCP: *value = c->dscp; return LA_OK;
    case LA_OPTION_ERROR_REPORTS: *value = !c->errors_are_muted; return LA_OK;
    case LA_OPTION_MAX_SEGMENT_BYTES: *value = c->rcv_mss; return LA_OK;
    case LA_OPTION_QUICK_ACK: *value = c->quick_ack; return LA_OK;
    case LA_OPTION_IPV6_ONLY: break;
    }
    return LA_ERROR_INVALID;
}

/* The state that the four-tuple is in: after the protocol let go of the handle's block, the record's. */
static enum la_state state_now(const struct tcp *tcp, const struct connection *c)
{
    bool is_over = c->state == LA_TIME_WAIT && tcp_wait_until(tcp, &c->local, &c->remote) == 0;
    return is_over ? LA_CLOSED : (enum la_state)c->state;
}

static uint64_t bytes_acked(const struct connection *c)
{
    uint64_t numbers = (uint64_t)c->una_wraps << 32 | seq_distance(c->iss, c->snd_una);
    uint64_t controls = (uint64_t)syn_is_acknowledged(c) + c->fin_is_acknowledged;
    return numbers - controls;
}

/* At most 71 minutes can be said. */
static uint32_t microseconds(uint32_t ms)
{
    return ms < UINT32_MAX / 1000 ? ms * 1000 : UINT32_MAX;
}

int tcp_info(const struct tcp *tcp, struct la_conn conn, struct la_info *info)
{
    const struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    bool is_open = c->end == LA_END_NONE;
    *info = (struct la_info){
        .state = state_now(tcp, c),
        .local = c->local,
        .remote = c->remote,
        .retransmits = c->retransmits,
        .probes = c->probes,
        .snd_wscale = c->snd_scale,
        .rcv_wscale = c->rcv_scale,
        .ttl = c->ttl,
        .dscp = c->dscp,
        .rcv_tos = c->rcv_tos,
        .timestamps = c->timestamps,
        .wscale_ok = c->window_scaling,
        .ecn = c->ecn,
        .user_timeout_ms = user_timeout_ms(tcp, c),
        .rto_us = microseconds(retransmission_timeout_ms(tcp, c)),
        .rtt_us = c->srtt_us,
        .rttvar_us = c->rttvar_us,
        .snd_mss = c->snd_mss,
        .rcv_mss = c->rcv_mss,
        .snd_wnd = c->snd_wnd,
        .rcv_wnd = is_open ? receive_window(c) : 0,
        .snd_cwnd_bytes = c->congestion.cwnd_bytes,
        .snd_ssthresh_bytes = c->congestion.ssthresh_bytes,
        .unacked_bytes = is_open ? flight_octets(c) : 0,
        .unread_bytes = c->in.length,
        .snd_urgent_bytes = is_open && c->snd_is_urgent ? seq_distance(send_base(c), c->snd_up) : 0,
        .rcv_urgent_bytes = urgent_unread(c),
        .total_retrans = c->total_retrans,
        .bytes_acked = bytes_acked(c),
        .bytes_received = c->bytes_received,
    };
    if (is_open && seq_before(c->snd_nxt, send_end(c))) {
        info->notsent_bytes = seq_distance(c->snd_nxt, send_end(c));
    }
    return LA_OK;
}
