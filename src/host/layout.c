#include "host.h"

#define CACHE_LINE 64

/* One array behind the other; its offset from the core goes to *offset. */
static void place(size_t *end, size_t bytes, size_t alignment, uint32_t *offset)
{
    size_t boundary = bytes > 0 ? alignment : CORE_UNIT;
    size_t start = (*end + boundary - 1) / boundary * boundary;
    *offset = (uint32_t)((start - offsetof(struct la_host, core)) / CORE_UNIT);
    *end = start + bytes;
}

static void place_tcp(const struct la_config *config, struct tcp *tcp, size_t *end)
{
    place(end, tcp_buckets_bytes(config), CORE_UNIT, &tcp->buckets);
    place(end, (size_t)timers_bytes(config->connections), CORE_UNIT, &tcp->timer_entries);
    place(end, tcp_listeners_bytes(config) + tcp_settings_bytes(config), CORE_UNIT, &tcp->listeners);
    place(end, tcp_outputs_bytes(config) + tcp_path_mtus_bytes(config), CORE_UNIT, &tcp->outputs);
    place(end, (size_t)config->buffer_pieces * sizeof(uint32_t), CORE_UNIT, &tcp->pieces.links);
    place(end, time_wait_buckets_bytes(config->time_wait_ipv4), CACHE_LINE, &tcp->waits[0].buckets);
    place(end, time_wait_records_bytes(config->time_wait_ipv4, 4), CORE_UNIT, &tcp->waits[0].records);
    place(end, time_wait_buckets_bytes(config->time_wait_ipv6), CACHE_LINE, &tcp->waits[1].buckets);
    place(end, time_wait_records_bytes(config->time_wait_ipv6, 16), CORE_UNIT, &tcp->waits[1].records);
    place(end, (size_t)config->buffer_pieces * config->buffer_piece_bytes, CORE_UNIT, &tcp->pieces.octets);
}

static void place_ip(const struct la_config *config, struct ip *ip, size_t *end)
{
    size_t prefixes = ip_addresses_bytes(config) + ip_routes_bytes(config);
    place(end, prefixes + ip_neighbours_bytes(config), CORE_UNIT, &ip->addresses);
}

size_t host_layout(const struct la_config *config, struct la_host *host)
{
    struct la_host scratch = {0};
    struct la_host *to = host != NULL ? host : &scratch;
    size_t end = sizeof *to + tcp_connections_bytes(config);
    place(&end, sizeof(struct interface) * config->interfaces, CORE_UNIT, &to->core.interfaces);
    place_ip(config, &to->ip, &end);
    place(&end, (size_t)config->reassembly_bytes + config->reply_bytes, CORE_UNIT, &to->core.replies.offset);
    place_tcp(config, &to->tcp, &end);
    place(&end, (size_t)config->trace_records * sizeof(struct la_trace), CORE_UNIT, &to->core.trace.offset);
    to->core.replies.offset += config->reassembly_bytes / CORE_UNIT; /* reassembly_of finds its room right before */
    to->core.replies.bytes = config->reply_bytes;
    return end;
}
