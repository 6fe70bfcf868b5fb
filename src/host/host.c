#include "host.h"

#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "wire/icmp.h"

/* The entry points: the only place that knows IP and TCP both. */

size_t la_host_size(const struct la_config *config)
{
    return la_config_error(config) == NULL ? host_layout(config, NULL) : 0;
}

la_host *la_host_init(void *block, size_t size, const struct la_config *config, la_time now)
{
    size_t needed = la_host_size(config);
    if (needed == 0 || size < needed || block == NULL || (uintptr_t)block % LA_HOST_ALIGNMENT != 0) {
        return NULL;
    }
    la_host *host = block;
    memset(host, 0, sizeof *host);
    host->core.config = *config;
    host->core.config.trace_mask = config->trace_records > 0 ? config->trace_mask : 0;
    core_set_time(&host->core, now);
    host->core.started = now;
    host_layout(config, host);
    tcp_start(&host->tcp);
    return host;
}

static inline void enter(la_host *host, la_time now)
{
    core_set_time(&host->core, now);
}

/* ---- packets ---- */

static void trace_packet(struct la_trace *record, unsigned interface, const struct packet *packet)
{
    if (record != NULL) {
        record->interface = (uint8_t)interface;
        record->local.address = packet->destination;
        record->remote.address = packet->source;
    }
}

static void tcp_packet_arrives(la_host *host, unsigned interface, const struct packet *packet)
{
    struct segment segment;
    enum la_drop why = tcp_parse(packet, &segment);
    if (why != LA_DROP_NONE) {
        tcp_input_dropped(&host->tcp, why, interface, &segment);
        return;
    }
    bool opens = (segment.flags & LA_SYN) != 0; /* nothing else asks for the MTU */
    const struct tcp_path path = {(uint8_t)interface, opens ? (uint16_t)ip_interface_mtu(&host->ip, interface) : 0};
    tcp_input(&host->tcp, &path, &segment);
}

/* RFC 9293 3.9.2.2: protocol and port unreachable are hard; code 4 is path MTU discovery's. */
static bool is_hard(const struct icmp_notice *notice)
{
    return notice->type == ICMP_UNREACHABLE &&
           (notice->code == ICMP_UNREACHABLE_PROTOCOL || notice->code == ICMP_UNREACHABLE_PORT);
}

static enum la_unreachable unreachable_of(const struct icmp_notice *notice)
{
    static const uint8_t meaning[ICMP_UNREACHABLE_PRECEDENCE_CUTOFF + 1] = {
        [ICMP_UNREACHABLE_NET] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_PROTOCOL] = LA_UNREACHABLE_PROTOCOL,
        [ICMP_UNREACHABLE_PORT] = LA_UNREACHABLE_PORT,
        [ICMP_UNREACHABLE_NET_UNKNOWN] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST_UNKNOWN] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_NET_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
        [ICMP_UNREACHABLE_HOST_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
        [ICMP_UNREACHABLE_NET_FOR_TOS] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST_FOR_TOS] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
    };
    bool is_known = notice->type == ICMP_UNREACHABLE && notice->code <= ICMP_UNREACHABLE_PRECEDENCE_CUTOFF;
    uint8_t what = is_known ? meaning[notice->code] : LA_UNREACHABLE_NONE;
    return what == LA_UNREACHABLE_NONE ? LA_UNREACHABLE_OTHER : (enum la_unreachable)what;
}

COLD static void icmp_packet_arrives(la_host *host, unsigned interface, const struct packet *packet)
{
    struct icmp_notice notice = {0};
    icmp_arrives(&host->ip, interface, packet, &notice);
    const struct tcp_icmp about = {notice.local, notice.remote, notice.seq, is_hard(&notice), unreachable_of(&notice)};
    if (notice.valid && !tcp_icmp_error(&host->tcp, &about)) {
        trace_packet(core_drop(&host->core, LA_DROP_ICMP_QUOTE), interface, packet);
    }
}

COLD static void other_packet_arrives(la_host *host, unsigned interface, const struct packet *packet)
{
    trace_packet(core_drop(&host->core, LA_DROP_IP_PROTOCOL), interface, packet);
    icmp_send_unreachable(&host->ip, interface, packet,
                          packet->protocol == IP_PROTOCOL_UDP ? ICMP_UNREACHABLE_PORT : ICMP_UNREACHABLE_PROTOCOL);
}

void la_host_input(la_host *host, la_time now, unsigned interface, const void *packet, size_t length)
{
    struct packet parsed;
    enter(host, now);
    core_count(&host->core, LA_COUNT_IP_IN_RECEIVES);
    enum la_drop why = ip_parse(packet, length, &parsed);
    if (why == LA_DROP_NONE) {
        why = ip_check(&host->ip, interface, &parsed);
    }
    if (why != LA_DROP_NONE) {
        trace_packet(core_drop(&host->core, why), interface, &parsed);
        return;
    }
    core_count(&host->core, LA_COUNT_IP_IN_DELIVERS);
    if (parsed.protocol == IP_PROTOCOL_TCP) {
        tcp_packet_arrives(host, interface, &parsed);
    } else if (parsed.protocol == IP_PROTOCOL_ICMP) {
        icmp_packet_arrives(host, interface, &parsed);
    } else {
        other_packet_arrives(host, interface, &parsed);
    }
}

APART static size_t next_packet(la_host *host, unsigned interface, void *buffer, size_t size)
{
    struct core *core = &host->core;
    size_t length = 0;
    if (size < ip_interface_mtu(&host->ip, interface)) {
        return 0;
    }
    if (core->replies.used > 0) {
        length = replies_take(&core->replies, core_at(core, core->replies.offset), interface, buffer, size);
    }
    if (length == 0) {
        length = tcp_output(&host->tcp, interface, buffer);
    }
    if (length > 0) {
        core_count(core, LA_COUNT_IP_OUT_REQUESTS);
    }
    return length;
}

size_t la_host_output(la_host *host, la_time now, unsigned interface, void *buffer, size_t size)
{
    enter(host, now);
    if (interface >= host->ip.interface_count ||
        (host->core.replies.used == 0 && !tcp_wants_output(&host->tcp, interface))) {
        return 0;
    }
    return next_packet(host, interface, buffer, size);
}

/* ---- time ---- */

void la_host_advance(la_host *host, la_time now)
{
    enter(host, now);
    tcp_advance(&host->tcp);
}

la_time la_host_deadline(const la_host *host)
{
    return tcp_deadline(&host->tcp);
}

/* ---- interfaces, addresses, routes ---- */

int la_interface_add(la_host *host, la_time now, unsigned mtu)
{
    enter(host, now);
    return ip_interface_add(&host->ip, mtu);
}

int la_address_add(la_host *host, la_time now, unsigned interface, const struct la_address *address,
                   unsigned prefix_length)
{
    enter(host, now);
    return ip_address_add(&host->ip, interface, address, prefix_length);
}

bool la_address_is_local(const la_host *host, const struct la_address *address)
{
    return ip_is_ours(&host->ip, address);
}

int la_route_add(la_host *host, la_time now, unsigned interface, const struct la_address *prefix,
                 unsigned prefix_length)
{
    enter(host, now);
    return ip_route_add(&host->ip, interface, prefix, prefix_length);
}

/* ---- opening ---- */

int la_listen(la_host *host, la_time now, const struct la_endpoint *local, uint32_t backlog,
              struct la_listener *listener)
{
    enter(host, now);
    if (local->port == 0 || backlog == 0) {
        return LA_ERROR_INVALID;
    }
    if (!address_is_any(&local->address) && !ip_is_ours(&host->ip, &local->address)) {
        return LA_ERROR_NO_ADDRESS;
    }
    return tcp_listen(&host->tcp, local, backlog, listener);
}

int la_set_backlog(la_host *host, la_time now, struct la_listener listener, uint32_t backlog)
{
    enter(host, now);
    return backlog == 0 ? LA_ERROR_INVALID : tcp_set_backlog(&host->tcp, listener, backlog);
}

int la_set_listener_option(la_host *host, la_time now, struct la_listener listener, enum la_option option,
                           int64_t value)
{
    enter(host, now);
    return tcp_set_listener_option(&host->tcp, listener, option, value);
}

int la_unlisten(la_host *host, la_time now, struct la_listener listener)
{
    enter(host, now);
    return tcp_unlisten(&host->tcp, listener);
}

int la_accept(la_host *host, la_time now, struct la_listener listener, struct la_conn *conn)
{
    enter(host, now);
    return tcp_accept(&host->tcp, listener, conn);
}

int la_connect(la_host *host, la_time now, const struct la_endpoint *local, const struct la_endpoint *remote,
               struct la_conn *conn)
{
    struct la_endpoint from = {0};
    struct ip_path way;
    enter(host, now);
    if (remote->port == 0) {
        return LA_ERROR_INVALID;
    }
    if (local != NULL) {
        from = *local;
    }
    bool given = !address_is_any(&from.address);
    if (given && !ip_is_ours(&host->ip, &from.address)) {
        return LA_ERROR_NO_ADDRESS;
    }
    if (host->core.now - host->core.started < host->core.config.quiet_time_ms * LA_MILLISECOND) {
        return LA_ERROR_QUIET;
    }
    if (!ip_path_to(&host->ip, &remote->address, given ? &from.address : NULL, &way)) {
        return LA_ERROR_NO_ROUTE;
    }
    from.address = way.source;
    const struct tcp_path path = {way.interface, way.mtu};
    return tcp_connect(&host->tcp, &from, remote, &path, conn);
}

int la_reuse_when(const la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote, la_time *when)
{
    if (local->port == 0 || remote->port == 0) {
        return LA_ERROR_INVALID;
    }
    *when = tcp_reuse_when(&host->tcp, local, remote);
    return LA_OK;
}

int la_rebind_when(const la_host *host, const struct la_endpoint *local, la_time *when)
{
    if (local->port == 0) {
        return LA_ERROR_INVALID;
    }
    *when = tcp_rebind_when(&host->tcp, local);
    return LA_OK;
}

/* ---- data ---- */

int la_send(la_host *host, la_time now, struct la_conn conn, const void *data, size_t length)
{
    enter(host, now);
    return tcp_send(&host->tcp, conn, data, length);
}

int la_send_view(la_host *host, la_time now, struct la_conn conn, void **data, size_t *length)
{
    enter(host, now);
    return tcp_send_view(&host->tcp, conn, data, length);
}

int la_send_commit(la_host *host, la_time now, struct la_conn conn, size_t length)
{
    enter(host, now);
    return tcp_send_commit(&host->tcp, conn, length);
}

int la_recv(la_host *host, la_time now, struct la_conn conn, void *data, size_t length)
{
    enter(host, now);
    return tcp_recv(&host->tcp, conn, data, length);
}

int la_peek(const la_host *host, struct la_conn conn, size_t offset, void *data, size_t length)
{
    return tcp_peek(&host->tcp, conn, offset, data, length);
}

int la_recv_view(la_host *host, la_time now, struct la_conn conn, const void **data, size_t *length)
{
    enter(host, now);
    return tcp_recv_view(&host->tcp, conn, data, length);
}

int la_recv_consume(la_host *host, la_time now, struct la_conn conn, size_t length)
{
    enter(host, now);
    return tcp_recv_consume(&host->tcp, conn, length);
}

/* ---- closing ---- */

int la_shutdown(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_shutdown(&host->tcp, conn);
}

int la_close(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_close(&host->tcp, conn, false);
}

int la_close_lingering(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_close(&host->tcp, conn, true);
}

int la_abort(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_abort(&host->tcp, conn);
}

int la_release(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_release(&host->tcp, conn);
}

int la_outcome(const la_host *host, struct la_conn conn, struct la_outcome *outcome)
{
    return tcp_outcome(&host->tcp, conn, outcome);
}

/* ---- readiness, looking ---- */

bool la_host_event(la_host *host, struct la_event *event)
{
    return tcp_event(&host->tcp, event);
}

int la_set_option(la_host *host, la_time now, struct la_conn conn, enum la_option option, int64_t value)
{
    enter(host, now);
    return tcp_set_option(&host->tcp, conn, option, value);
}

int la_get_option(const la_host *host, struct la_conn conn, enum la_option option, int64_t *value)
{
    return tcp_get_option(&host->tcp, conn, option, value);
}

int la_info(const la_host *host, struct la_conn conn, struct la_info *info)
{
    return tcp_info(&host->tcp, conn, info);
}

int la_listener_info(const la_host *host, struct la_listener listener, struct la_listener_info *info)
{
    return tcp_listener_info(&host->tcp, listener, info);
}

void la_host_counters(const la_host *host, struct la_counters *counters)
{
    const struct core *core = &host->core;
    *counters = (struct la_counters){0};
    for (unsigned i = 0; i < LA_COUNTER_COUNT; i++) {
        counters->counter[i] = i < LA_COUNTER_WIDE_COUNT ? core->wide[i] : core->counter[i - LA_COUNTER_WIDE_COUNT];
    }
    for (unsigned i = 0; i < LA_DROP_COUNT; i++) {
        counters->dropped[i] = core->dropped[i];
    }
    counters->reply_bytes = core->replies.used;
    tcp_gauges(&host->tcp, counters);
}

size_t la_host_trace(la_host *host, struct la_trace *records, size_t count)
{
    return core_trace_take(&host->core, records, count);
}
