#include "host.h"

#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "ip/reassembly.h"

/* The entry points: the only place that knows IP and TCP both. */

size_t la_host_size(const struct la_config *config)
{
    return la_config_error(config) == NULL ? host_layout(config, NULL) : 0;
}

static void begin_quiet_time(struct core *core)
{
    uint32_t until_ms = core->now_ms_up + core->config.quiet_time_ms;
    core->quiet_until_ms = core->config.quiet_time_ms > 0 ? (until_ms != 0 ? until_ms : 1) : 0;
}

/* Once it is over it is forgotten, before the clock comes round. */
COLD static void end_quiet_time(struct core *core)
{
    core->quiet_until_ms = core_is_quiet(core) ? core->quiet_until_ms : 0;
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
    begin_quiet_time(&host->core);
    host_layout(config, host);
    reassembly_start(&host->ip);
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
    tcp_input(&host->tcp, interface, &segment);
}

static bool notice_arrives(struct tcp *tcp, const struct icmp_notice *notice)
{
    const struct tcp_too_big too_big = {.mtu = notice->mtu, .length = notice->length};
    bool is_hard = false;
    switch (notice->meaning) {
    case ICMP_MEANS_TOO_BIG: return tcp_packet_too_big(tcp, &notice->local, &notice->remote, notice->seq, &too_big);
    case ICMP_MEANS_REFUSAL: is_hard = true; break;
    case ICMP_MEANS_TROUBLE: break;
    }
    const struct tcp_icmp about = {notice->local, notice->remote, notice->seq, is_hard, notice->what};
    return tcp_icmp_error(tcp, &about);
}

COLD static void icmp_packet_arrives(la_host *host, unsigned interface, const struct packet *packet)
{
    struct icmp_notice notice = {0};
    icmp_arrives(&host->ip, interface, packet, &notice);
    if (notice.valid && !notice_arrives(&host->tcp, &notice)) {
        trace_packet(core_drop(&host->core, LA_DROP_ICMP_QUOTE), interface, packet);
    }
}

COLD static void other_packet_arrives(la_host *host, unsigned interface, const struct packet *packet)
{
    bool ipv4 = address_is_ipv4(&packet->destination);
    if (packet->protocol == (ipv4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6)) {
        icmp_packet_arrives(host, interface, packet);
        return;
    }
    trace_packet(core_drop(&host->core, LA_DROP_IP_PROTOCOL), interface, packet);
    icmp_refuse(&host->ip, interface, packet);
}

/* Not for us, or no packet, or a part of one. If that was the last one that was missing: the length of the whole, and
   where it lies; else 0. */
COLD static size_t packet_is_put_aside(la_host *host, enum la_drop why, unsigned interface, const struct packet *packet,
                                       const uint8_t **whole)
{
    if (why == LA_DROP_IP_FRAGMENT && host->core.config.reassembly_bytes > 0 && *whole == NULL) {
        return fragment_arrives(&host->ip, interface, packet, whole);
    }
    trace_packet(core_drop(&host->core, why), interface, packet);
    if (why == LA_DROP_IP_OPTION && packet->bytes[0] >> 4 == 6) {
        icmp_complain(&host->ip, interface, packet);
    }
    return 0;
}

/* A route that the sender chose goes past what guards the usual one (RFC 6274 3.13.2.3): only on request, and only for
   TCP, which answers along it. */
COLD static bool may_be_source_routed(const la_host *host, enum la_drop why, const struct packet *packet)
{
    return why == LA_DROP_IP_OPTION && packet->source_route != NULL && host->core.config.source_routes &&
           packet->protocol == IP_PROTOCOL_TCP;
}

STRAIGHT void la_host_input(la_host *host, la_time now, unsigned interface, const void *packet, size_t length)
{
    struct packet parsed;
    const uint8_t *whole = NULL; /* of which this packet is the last fragment */
    enum la_drop why = LA_DROP_NONE;
    enter(host, now);
    if (ip_has_ethernet(&host->ip) && ip_is_ethernet(&host->ip, interface)) {
        struct ip_payload in_frame = ip_frame_arrives(&host->ip, interface, packet, length);
        if (in_frame.octets == NULL) {
            if (in_frame.mtu_is_less) {
                tcp_interface_carries_less(&host->tcp, interface);
            }
            return;
        }
        packet = in_frame.octets;
        length = in_frame.length;
    }
    core_count(&host->core, LA_COUNT_IP_IN_RECEIVES);
    do {
        why = ip_parse(whole != NULL ? whole : packet, length, &parsed);
        if (why == LA_DROP_NONE || may_be_source_routed(host, why, &parsed)) {
            why = ip_check(&host->ip, interface, &parsed);
        }
        if (why != LA_DROP_NONE) {
            length = packet_is_put_aside(host, why, interface, &parsed, &whole);
        }
    } while (why != LA_DROP_NONE && length > 0);
    if (why != LA_DROP_NONE) {
        return;
    }
    core_count(&host->core, LA_COUNT_IP_IN_DELIVERS);
    if (parsed.protocol == IP_PROTOCOL_TCP) {
        tcp_packet_arrives(host, interface, &parsed);
    } else {
        other_packet_arrives(host, interface, &parsed);
    }
}

APART STRAIGHT static size_t next_packet(la_host *host, unsigned interface, void *buffer, size_t size)
{
    struct core *core = &host->core;
    size_t length = 0;
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

/* Each turn uses up something that was to be sent, or ends. */
APART static size_t next_frame(la_host *host, unsigned interface, uint8_t *buffer, size_t size)
{
    size_t length;
    if (size < LA_ETHERNET_HEADER_BYTES + ip_ethernet_mtu(&host->ip, interface)) {
        return 0;
    }
    do {
        length = next_packet(host, interface, buffer + LA_ETHERNET_HEADER_BYTES, size - LA_ETHERNET_HEADER_BYTES);
    } while (length > 0 && !ip_frame_leaves(&host->ip, interface, buffer, length));
    return length > 0 ? LA_ETHERNET_HEADER_BYTES + length : 0;
}

size_t la_host_output(la_host *host, la_time now, unsigned interface, void *buffer, size_t size)
{
    enter(host, now);
    if (interface >= host->ip.interface_count ||
        (host->core.replies.used == 0 && !tcp_wants_output(&host->tcp, interface)) ||
        size < ip_interface_mtu(&host->ip, interface)) {
        return 0;
    }
    if (ip_has_ethernet(&host->ip) && ip_is_ethernet(&host->ip, interface)) {
        return next_frame(host, interface, buffer, size);
    }
    return next_packet(host, interface, buffer, size);
}

/* ---- time ---- */

APART static void neighbours_advance(la_host *host)
{
    struct icmp_notice notice = {0};
    while (ip_advance(&host->ip, &notice)) {
        notice_arrives(&host->tcp, &notice);
    }
}

void la_host_advance(la_host *host, la_time now)
{
    unsigned left = TCP_FIRED_AT_ONCE;
    struct la_address doubted;
    enter(host, now);
    if (host->core.quiet_until_ms != 0) {
        end_quiet_time(&host->core);
    }
    if (ip_has_ethernet(&host->ip)) {
        neighbours_advance(host);
    }
    while (tcp_advance(&host->tcp, &left, &doubted)) {
        ip_advice_is_negative(&host->ip, &doubted);
    }
    if (host->ip.reassembling > 0) {
        reassembly_advance(&host->ip);
    }
}

la_time la_host_deadline(const la_host *host)
{
    la_time deadline = tcp_deadline(&host->tcp);
    if (ip_has_ethernet(&host->ip) && ip_deadline(&host->ip) < deadline) {
        deadline = ip_deadline(&host->ip);
    }
    return host->ip.reassembling > 0 ? reassembly_deadline(&host->ip, deadline) : deadline;
}

/* ---- interfaces, addresses, routes ---- */

int la_interface_add(la_host *host, la_time now, unsigned mtu)
{
    enter(host, now);
    return ip_interface_add(&host->ip, mtu);
}

int la_interface_add_ethernet(la_host *host, la_time now, unsigned mtu, const uint8_t mac[6])
{
    enter(host, now);
    return ip_interface_add_ethernet(&host->ip, mtu, mac);
}

int la_address_add(la_host *host, la_time now, unsigned interface, const struct la_address *address,
                   unsigned prefix_length)
{
    enter(host, now);
    return ip_address_add(&host->ip, interface, address, prefix_length);
}

int la_address_state(const la_host *host, const struct la_address *address)
{
    return ip_address_state(&host->ip, address);
}

int la_interface_follow_routers(la_host *host, la_time now, unsigned interface)
{
    enter(host, now);
    return ip_follow_routers(&host->ip, interface);
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

int la_route_add_via(la_host *host, la_time now, unsigned interface, const struct la_address *prefix,
                     unsigned prefix_length, const struct la_address *gateway)
{
    enter(host, now);
    return ip_route_add_via(&host->ip, interface, prefix, prefix_length, gateway);
}

/* ---- opening ---- */

int la_listen(la_host *host, la_time now, const struct la_endpoint *local, uint32_t backlog,
              struct la_listener *listener)
{
    enter(host, now);
    if (local->port == 0 || backlog == 0) {
        return LA_ERROR_INVALID;
    }
    int is_ours = address_is_any(&local->address) ? LA_OK : ip_address_state(&host->ip, &local->address);
    if (is_ours != LA_OK && is_ours != LA_ERROR_WOULD_BLOCK) { /* what is being asked for will be ours */
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

static int active_open(la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote,
                       const struct la_source_route *route, struct la_conn *conn)
{
    struct la_endpoint from = {0};
    struct ip_path way;
    if (remote->port == 0) {
        return LA_ERROR_INVALID;
    }
    if (local != NULL) {
        from = *local;
    }
    if (core_is_quiet(&host->core)) {
        return LA_ERROR_QUIET;
    }
    const struct la_address *next = route != NULL ? &route->hops[0] : &remote->address;
    enum la_error error = ip_path_to(&host->ip, next, &from.address, &way);
    if (error != LA_OK) {
        return error;
    }
    from.address = way.source; /* MUST-44, MUST-45 */
    return tcp_connect(&host->tcp, &from, remote, route, way.interface, conn);
}

int la_connect(la_host *host, la_time now, const struct la_endpoint *local, const struct la_endpoint *remote,
               struct la_conn *conn)
{
    enter(host, now);
    return active_open(host, local, remote, NULL, conn);
}

int la_connect_via(la_host *host, la_time now, const struct la_endpoint *local, const struct la_endpoint *remote,
                   const struct la_source_route *route, struct la_conn *conn)
{
    enter(host, now);
    bool is_possible =
        route->count > 0 && route->count <= LA_SOURCE_ROUTE_HOPS && ip_is_another_host(&host->ip, &remote->address);
    for (unsigned i = 0; is_possible && i < route->count; i++) {
        is_possible = address_is_ipv4(&route->hops[i]) && ip_is_another_host(&host->ip, &route->hops[i]);
    }
    return is_possible && address_is_ipv4(&remote->address) ? active_open(host, local, remote, route, conn)
                                                            : LA_ERROR_INVALID;
}

int la_source_route_of(const la_host *host, struct la_conn conn, struct la_source_route *route)
{
    return tcp_source_route_of(&host->tcp, conn, route);
}

int la_wait_until(const la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote,
                  la_time *until)
{
    if (local->port == 0 || remote->port == 0) {
        return LA_ERROR_INVALID;
    }
    *until = tcp_wait_until(&host->tcp, local, remote);
    return LA_OK;
}

int la_reuse_when(const la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote, la_time *when)
{
    int error = la_wait_until(host, local, remote, when);
    if (error == LA_OK && host->core.config.time_wait_reuse) {
        *when = 0;
    }
    return error;
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

int la_send_urgent(la_host *host, la_time now, struct la_conn conn, const void *data, size_t length)
{
    enter(host, now);
    return tcp_send_urgent(&host->tcp, conn, data, length);
}

int la_flush(la_host *host, la_time now, struct la_conn conn)
{
    enter(host, now);
    return tcp_flush(&host->tcp, conn);
}

int la_peek(const la_host *host, struct la_conn conn, size_t offset, void *data, size_t length)
{
    return tcp_peek(&host->tcp, conn, offset, data, length);
}

int la_urgent(const la_host *host, struct la_conn conn)
{
    return tcp_urgent(&host->tcp, conn);
}

int la_recv(la_host *host, la_time now, struct la_conn conn, void *data, size_t length)
{
    enter(host, now);
    return tcp_recv(&host->tcp, conn, data, length);
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
    for (unsigned i = 0; i < CORE_COUNTER_COUNT; i++) {
        counters->counter[i] = i < LA_COUNTER_WIDE_COUNT ? core->wide[i] : core->counter[i - LA_COUNTER_WIDE_COUNT];
    }
    for (unsigned i = 0; i < CORE_DROP_COUNT; i++) {
        counters->dropped[i] = core->dropped[i];
    }
    counters->reply_bytes = core->replies.used;
    reassembly_counters(&host->ip, counters);
    ip_neighbour_counters(&host->ip, counters);
    tcp_gauges(&host->tcp, counters);
}

size_t la_host_trace(la_host *host, struct la_trace *records, size_t count)
{
    return core_trace_take(&host->core, records, count);
}
