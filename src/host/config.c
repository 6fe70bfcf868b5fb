#include <lastack/lastack.h>
#include <string.h>

#include "tcp/tcp.h"

void la_config_default(struct la_config *config)
{
    *config = (struct la_config){
        .interfaces = 1,
        .addresses = 4,
        .routes = 4,
        .connections = 1024,
        .listeners = 16,
        .time_wait_ipv4 = 16384,
        .time_wait_ipv6 = 16384,
        .buffer_piece_bytes = 4096,
        .buffer_pieces = 8192,
        .reply_bytes = 65536,
        .reassembly_bytes = 524288,
        .reassembly_ms = 60000,
        .trace_records = 0,
        .trace_mask = LA_TRACE_ALL,
        .send_buffer_bytes = 262144,
        .receive_buffer_bytes = 262144,
        .out_of_order_ranges = 64,
        .neighbours = 256,
        .address_probes = 3,
        .path_mtus = 64,
        .own_settings = 1024,
        .ttl = 64,
        .dscp = 0,
        .source_routes = false,
        .msl_ms = 30000,
        .time_wait_restarts = 32,
        .time_wait_rtos = 8,
        .time_wait_reopen = true,
        .time_wait_reuse = true,
        .time_wait_remember = true,
        .rfc1337 = true,
        .keep_unread = false,
        .fin_wait_2_ms = 60000,
        .linger_ms = 5000,
        .linger_bytes = 1048576,
        .quiet_time_ms = 0,
        .rto_initial_ms = 1000,
        .rto_min_ms = 200,
        .rto_max_ms = 60000,
        .r1_retransmissions = 3,
        .ecn = LA_ECN_ACCEPT,
        .r2_data_ms = 100000,
        .r2_syn_ms = 180000,
        .user_timeout_ms = 0,
        .delayed_ack_ms = 40,
        .challenge_ack_ms = 500,
        .keepalive = false,
        .keepalive_garbage = false,
        .keepalive_idle_ms = 7200000,
        .keepalive_interval_ms = 75000,
        .keepalive_probes = 9,
        .nagle = true,
        .timestamps = true,
        .window_scaling = true,
        .reset_unknown = true,
        .congestion = LA_CONGESTION_NEWRENO,
        .ephemeral_first = 32768,
        .ephemeral_last = 60999,
    };
}

static bool outside(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least || value > most;
}

/* Durations lie well within half the circle of the millisecond clock. */
#define DURATION_MAX_MS UINT32_C(0x3fffffff)
/* Two MSLs and a minimum RTO, counted in at most 128 ms, fit 16 bits (time_wait.h). */
#define MSL_MAX_MS     UINT32_C(2000000)
#define RTO_MIN_MAX_MS UINT32_C(1000000)
/* The largest window that a scale of 14 can say. */
#define BUFFER_MAX_BYTES UINT32_C(0x3fffc000)

static const char *limits_error(const struct la_config *config)
{
    if (config->interfaces == 0) {
        return "interfaces: 1 to 255";
    }
    if (config->addresses == 0) {
        return "addresses: 1 to 65535";
    }
    if (outside(config->connections, 1, UINT32_C(1) << 26)) {
        return "connections: 1 to 67108864";
    }
    if (outside(config->time_wait_ipv4, 0, TIME_WAIT_CAPACITY_MAX)) {
        return "time_wait_ipv4: at most 16777214";
    }
    if (outside(config->time_wait_ipv6, 0, TIME_WAIT_CAPACITY_MAX)) {
        return "time_wait_ipv6: at most 16777214";
    }
    if (outside(config->trace_records, 0, UINT32_C(1) << 24)) {
        return "trace_records: at most 16777216";
    }
    return NULL;
}

static const char *buffers_error(const struct la_config *config)
{
    if (outside(config->buffer_piece_bytes, 16, 65536) || config->buffer_piece_bytes % 8 != 0) {
        return "buffer_piece_bytes: a multiple of 8, 16 to 65536";
    }
    if (outside(config->buffer_pieces, 2, UINT32_C(1) << 26)) {
        return "buffer_pieces: 2 to 67108864";
    }
    if (outside(config->reply_bytes, 64, UINT32_C(1) << 30) || config->reply_bytes % 8 != 0) {
        return "reply_bytes: a multiple of 8, 64 to 1073741824";
    }
    if (config->reassembly_bytes != 0 &&
        (outside(config->reassembly_bytes, 4096, UINT32_C(1) << 24) || config->reassembly_bytes % 8 != 0)) {
        return "reassembly_bytes: 0, or a multiple of 8, 4096 to 16777216";
    }
    if (outside(config->send_buffer_bytes, 1, BUFFER_MAX_BYTES)) {
        return "send_buffer_bytes: 1 to 1073725440";
    }
    if (outside(config->receive_buffer_bytes, 1, BUFFER_MAX_BYTES)) {
        return "receive_buffer_bytes: 1 to 1073725440";
    }
    if (outside(config->out_of_order_ranges, 1, 8192)) {
        return "out_of_order_ranges: 1 to 8192";
    }
    return NULL;
}

static const char *life_cycle_error(const struct la_config *config)
{
    if (config->ttl == 0) {
        return "ttl: 1 to 255";
    }
    if (config->dscp > 63) {
        return "dscp: at most 63";
    }
    if (outside(config->reassembly_ms, 1, 60000)) {
        return "reassembly_ms: 1 to 60000";
    }
    if (outside(config->msl_ms, 0, MSL_MAX_MS)) {
        return "msl_ms: at most 2000000";
    }
    if (outside(config->fin_wait_2_ms, 1, DURATION_MAX_MS)) {
        return "fin_wait_2_ms: 1 to 1073741823";
    }
    if (outside(config->linger_ms, 1, DURATION_MAX_MS)) {
        return "linger_ms: 1 to 1073741823";
    }
    if (outside(config->quiet_time_ms, 0, DURATION_MAX_MS)) {
        return "quiet_time_ms: at most 1073741823";
    }
    if (config->ephemeral_first == 0 || config->ephemeral_last < config->ephemeral_first) {
        return "ephemeral_first, ephemeral_last: 1 or more, in order";
    }
    return NULL;
}

static const char *timers_error(const struct la_config *config)
{
    if (outside(config->rto_max_ms, 1, DURATION_MAX_MS)) {
        return "rto_max_ms: 1 to 1073741823";
    }
    if (outside(config->rto_min_ms, 1, config->rto_max_ms) || outside(config->rto_initial_ms, 1, config->rto_max_ms)) {
        return "rto_min_ms, rto_initial_ms: 1 to rto_max_ms";
    }
    if (config->rto_min_ms > RTO_MIN_MAX_MS) {
        return "rto_min_ms: at most 1000000";
    }
    if (outside(config->r2_data_ms, 1, DURATION_MAX_MS) || outside(config->r2_syn_ms, 1, DURATION_MAX_MS)) {
        return "r2_data_ms, r2_syn_ms: 1 to 1073741823";
    }
    if (outside(config->user_timeout_ms, 0, DURATION_MAX_MS)) {
        return "user_timeout_ms: at most 1073741823";
    }
    if (outside(config->delayed_ack_ms, 0, 499)) { /* RFC 9293 3.8.6.3, MUST-40: less than half a second */
        return "delayed_ack_ms: at most 499";
    }
    if (outside(config->challenge_ack_ms, 0, DURATION_MAX_MS)) {
        return "challenge_ack_ms: at most 1073741823";
    }
    if (outside(config->keepalive_idle_ms, 1, DURATION_MAX_MS) ||
        outside(config->keepalive_interval_ms, 1, DURATION_MAX_MS)) {
        return "keepalive_idle_ms, keepalive_interval_ms: 1 to 1073741823";
    }
    if (config->keepalive_probes == 0) {
        return "keepalive_probes: 1 to 255";
    }
    return NULL;
}

static const char *choices_error(const struct la_config *config)
{
    if (config->ecn > LA_ECN_OFFER) {
        return "ecn: an enum la_ecn";
    }
    switch ((enum la_congestion)config->congestion) {
    case LA_CONGESTION_NEWRENO: return NULL;
    }
    return "congestion: an enum la_congestion";
}

const char *la_config_error(const struct la_config *config)
{
    const char *(*const checks[])(const struct la_config *) = {limits_error, buffers_error, life_cycle_error,
                                                               timers_error, choices_error};
    for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const char *error = checks[i](config);
        if (error != NULL) {
            return error;
        }
    }
    return NULL;
}
