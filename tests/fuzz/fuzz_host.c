#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/checksum.h"
#include "host/host_inspect.h"
#include "wire/icmpv6.h"
#include "wire/source_route.h"
#include "wire/tcp.h"

/* A small host under any sequence of segments, of octets that are none, of calls and of time. After each step the host
   checks itself (host_check) and what it sends is parsed; at the end everything is let go, and must come to an end. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK_BYTES = 20480, MTU = 600, MTU_IPV6 = 1400, FLOWS = 4, HANDLES = 6, STEPS_MAX = 400 };

/* The far end of a connection, as far as the fuzzer keeps up with it. */
struct flow {
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t seq; /* what the host has acknowledged */
    uint32_t ack; /* what the host has sent */
    uint32_t tsval;
    uint32_t tsecr;
    bool has_timestamps;
};

struct run {
    struct reader input;
    la_host *host;
    bool ipv6;
    la_time now;
    struct la_listener listener[2];
    struct la_conn handles[HANDLES];
    bool is_held[HANDLES];
    struct flow flows[FLOWS];
    uint8_t flags_in; /* of the segment that was the last step; 0 if it was none */
    bool was_segment;
    bool was_drained; /* before it */
};

static void broken(const char *what, int line)
{
    fprintf(stderr, "fuzz_host.c:%d: %s\n", line, what);
    abort();
}

#define check(holds) ((holds) ? (void)0 : broken(#holds, __LINE__))

static void check_host(const struct run *run)
{
    const char *wrong = host_check(run->host);
    if (wrong != NULL) {
        broken(wrong, __LINE__);
    }
}

/* ---- the host ---- */

static struct la_address address_of(const struct run *run, uint8_t n)
{
    const struct la_address ipv6 = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}};
    return run->ipv6 ? ipv6 : la_address_ipv4(10, 0, 0, n);
}

static void configure(struct la_config *config, uint8_t choice)
{
    la_config_default(config);
    config->connections = 3;
    config->listeners = 2;
    config->addresses = 1;
    config->routes = 0;
    config->time_wait_ipv4 = (choice & 1) != 0 ? 3 : 20;
    config->time_wait_ipv6 = config->time_wait_ipv4;
    config->path_mtus = 3;
    config->buffer_piece_bytes = (choice & 2) != 0 ? 16 : 64;
    config->buffer_pieces = (choice & 4) != 0 ? 5 : 40;
    config->reply_bytes = (choice & 8) != 0 ? 80 : 512;
    config->reassembly_bytes = 4096;
    config->reassembly_ms = 5000;
    config->send_buffer_bytes = 1500;
    config->receive_buffer_bytes = (choice & 16) != 0 ? 40 : 1500;
    config->out_of_order_ranges = 3;
    config->own_settings = 2;
    config->neighbours = 0;
    config->source_routes = true;
    config->ecn = (choice & 1) != 0 ? LA_ECN_OFFER : LA_ECN_ACCEPT;
    config->timestamps = (choice & 32) != 0;
    config->window_scaling = (choice & 64) != 0;
    config->rfc1337 = (choice & 128) != 0;
    config->time_wait_remember = (choice & 2) != 0;
    config->time_wait_rtos = (choice & 4) != 0 ? 8 : 0;
    config->keepalive_idle_ms = 5000;
    config->keepalive_interval_ms = 500;
    config->keepalive_probes = 3;
    config->linger_bytes = 200;
    config->msl_ms = 1000;
}

static void begin(struct run *run)
{
    static alignas(LA_HOST_ALIGNMENT) uint8_t block[BLOCK_BYTES];
    struct la_config config;
    configure(&config, read_u8(&run->input));
    uint8_t when = read_u8(&run->input);
    run->now = (la_time)(when & 127) << 48;
    run->ipv6 = (when & 128) != 0;
    check(la_config_error(&config) == NULL && la_host_size(&config) <= sizeof block);
    run->host = la_host_init(block, sizeof block, &config, run->now);
    const struct la_address address = address_of(run, 1);
    check(run->host != NULL && la_interface_add(run->host, run->now, run->ipv6 ? MTU_IPV6 : MTU) == 0);
    check(la_address_add(run->host, run->now, 0, &address, run->ipv6 ? 64 : 24) == 0);
    for (uint16_t i = 0; i < 2; i++) {
        const struct la_endpoint local = {.port = (uint16_t)(80 + i)};
        check(la_listen(run->host, run->now, &local, 1U + i, &run->listener[i]) == 0);
    }
    for (uint16_t i = 0; i < FLOWS; i++) {
        run->flows[i] = (struct flow){.local_port = (uint16_t)(80 + i / 2), .remote_port = (uint16_t)(1000 + i % 2)};
        run->flows[i].seq = UINT32_MAX - 20;
    }
}

/* ---- what it sends ---- */

static void follow(struct run *run, const struct segment *segment)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *flow = &run->flows[i];
        if (flow->local_port != segment->remote.port || flow->remote_port != segment->local.port) {
            continue;
        }
        uint32_t octets = segment->length + ((segment->flags & LA_SYN) != 0) + ((segment->flags & LA_FIN) != 0);
        if ((segment->flags & LA_ACK) != 0) {
            flow->seq = segment->ack.v;
        }
        flow->ack = segment->seq.v + octets;
        flow->has_timestamps = segment->options.has_timestamp;
        flow->tsecr = segment->options.tsval;
    }
}

/* A packet with a source route, as it arrives at the end of it; its length. */
static size_t without_route(uint8_t *packet, size_t length)
{
    bool ipv4 = packet[0] >> 4 == 4;
    size_t options = ipv4 ? (size_t)(packet[0] & 15u) * 4 - 20 : 0;
    if (options > 0) {
        check(packet[20] == 1 && packet[22] == options - 1 && packet[23] == 4);
        memcpy(packet + 16, packet + 16 + options, 4);
        memmove(packet + 20, packet + 20 + options, length - 20 - options);
        packet[0] = 0x45;
        put_u16(packet + 2, (uint16_t)(length - options));
        ip_set_tos(packet, packet[1]); /* sums the header anew */
    }
    return length - options;
}

static void drain(struct run *run)
{
    static uint8_t buffer[MTU_IPV6];
    struct la_event event;
    size_t length = 0;
    unsigned packets = 0;
    unsigned pure = 0;
    while ((length = la_host_output(run->host, run->now, 0, buffer, sizeof buffer)) > 0) {
        struct packet packet;
        struct segment segment;
        length = without_route(buffer, length);
        enum la_drop why = ip_parse(buffer, length, &packet);
        check((why == LA_DROP_NONE || why == LA_DROP_IP_FRAGMENT) && packet.length == length);
        check(++packets < 1000); /* I24 */
        if (packet.protocol != IP_PROTOCOL_TCP) {
            continue;
        }
        check(tcp_parse(&packet, &segment) == LA_DROP_NONE);
        pure += segment.length == 0 && (segment.flags & (LA_SYN | LA_FIN)) == 0;
        check((segment.flags & LA_RST) == 0 || (run->flags_in & LA_RST) == 0 ||
              !run->was_drained); /* I19: no RST answers an RST */
        follow(run, &segment);
    }
    check(!run->was_segment || !run->was_drained || pure <= 1); /* I23 */
    while (la_host_event(run->host, &event)) {
        check(event.flags != 0 && ++packets < 2000);
    }
}

/* ---- what it is given ---- */

/* The packet in parts: in either order, some of them lost, twice, longer than they should be, or marked. Parts of
   earlier ones may fit. */
static void give_parts(struct run *run, const struct packet *whole)
{
    static uint8_t bytes[600];
    uint8_t how = read_u8(&run->input);
    size_t most = 8 * (1 + (size_t)(how & 7));
    size_t count = (whole->payload_length + most - 1) / most;
    struct ip_fragment part = {.identification = how >> 6, .protocol = whole->protocol};
    for (size_t i = 0; i < count; i++) {
        uint8_t what = read_u8(&run->input);
        part.offset = (uint32_t)(((how & 8) != 0 ? count - 1 - i : i) * most);
        size_t left = whole->payload_length - part.offset;
        size_t length = most + ((what & 4) != 0 ? 8 : 0);
        length = length < left ? length : left;
        part.more = length < left;
        unsigned before = ip_emit_fragment(bytes, &whole->source, &whole->destination, 64, &part, length);
        memcpy(bytes + before, whole->payload + part.offset, length);
        ip_set_tos(bytes, (what & 8) != 0 ? what >> 6 : whole->tos);
        for (unsigned times = (what & 3) == 1 ? 0 : 1 + ((what & 3) == 2); times > 0; times--) {
            la_host_input(run->host, run->now, 0, bytes, before + length);
        }
    }
}

static void give_segment(struct run *run, bool is_cut)
{
    static uint8_t bytes[512];
    struct flow *flow = &run->flows[read_u8(&run->input) % FLOWS];
    uint8_t shape = read_u8(&run->input);
    const struct la_endpoint source = {address_of(run, 2), flow->remote_port};
    const struct la_endpoint destination = {address_of(run, 1), flow->local_port};
    struct tcp_header header = {.local = &source, .remote = &destination, .flags = read_u8(&run->input)};
    size_t length = (shape & 1) != 0 ? read_u8(&run->input) : 0;
    header.seq = seq_of(flow->seq + (uint32_t)((shape & 2) != 0 ? (int8_t)read_u8(&run->input) * 8 : 0));
    header.ack = seq_of(flow->ack + (uint32_t)((shape & 4) != 0 ? (int8_t)read_u8(&run->input) * 8 : 0));
    header.urgent = (header.flags & LA_URG) != 0 ? (uint16_t)(read_u8(&run->input) * 8) : 0;
    uint8_t tos = (header.flags & LA_ECE) != 0 ? read_u8(&run->input) : 0;
    header.window = (shape & 8) != 0 ? (uint16_t)(read_u8(&run->input) * 16) : 4096;
    header.options.has_timestamp = ((shape & 16) != 0) != flow->has_timestamps;
    if (header.options.has_timestamp) {
        uint32_t ticks = 1;
        if ((shape & 32) != 0) {
            ticks = (uint32_t)read_u8(&run->input) - 100;
        }
        flow->tsval += ticks;
        header.options.tsval = flow->tsval;
        header.options.tsecr = flow->tsecr;
    }
    if ((header.flags & LA_SYN) != 0) {
        header.options.has_mss = (shape & 64) != 0;
        header.options.mss = header.options.has_mss ? read_u8(&run->input) : 0;
        header.options.has_window_scale = (shape & 128) != 0;
        header.options.window_scale = header.options.has_window_scale ? 3 : 0;
    }
    unsigned before = ip_header_bytes(&destination.address) + tcp_header_bytes(&header.options);
    for (size_t i = 0; i < length; i++) {
        bytes[before + i] = (uint8_t)(header.seq.v + i);
    }
    uint64_t sum = checksum_add(0, false, bytes + before, length);
    size_t whole = tcp_emit(bytes, &header, 64, length, sum) + length;
    ip_set_tos(bytes, tos);
    if (!run->ipv6 && (header.flags & LA_CWR) != 0 && (tos & 4) != 0) { /* by way of 10.0.0.3, where we are the last */
        static const struct source_route route = {
            .bytes = 8, .first_hop = {10, 0, 0, 1}, .option = {1, 131, 7, 8, 10, 0, 0, 3}};
        whole = source_route_insert(bytes, whole, &route);
    }
    struct packet packet;
    if (is_cut && ip_parse(bytes, whole, &packet) == LA_DROP_NONE) {
        run->flags_in = 0; /* what becomes whole may be an earlier one */
        give_parts(run, &packet);
        return;
    }
    run->flags_in = header.flags;
    run->was_segment = true;
    la_host_input(run->host, run->now, 0, bytes, whole);
}

static void give_octets(struct run *run)
{
    size_t wanted = read_u8(&run->input);
    size_t length = wanted < reader_left(&run->input) ? wanted : reader_left(&run->input);
    const uint8_t *octets = reader_take(&run->input, length);
    if (octets != NULL) {
        uint8_t *exact = malloc(length > 0 ? length : 1);
        check(exact != NULL);
        memcpy(exact, octets, length);
        la_host_input(run->host, run->now, 0, exact, length);
        free(exact);
    }
}

/* An error about a segment that may be in flight: of any type, path MTU discovery's among them. */
static void give_error(struct run *run)
{
    uint8_t bytes[200];
    const struct la_address from = address_of(run, 3);
    const struct la_address here = address_of(run, 1);
    const struct la_address there = address_of(run, 2);
    const struct flow *flow = &run->flows[read_u8(&run->input) % FLOWS];
    uint8_t protocol = run->ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP;
    unsigned ip_bytes = ip_header_bytes(&here);
    size_t length = 8 + ip_bytes + 8;
    uint8_t *icmp = bytes + ip_emit(bytes, &from, &here, protocol, 64, length);
    uint8_t type = read_u8(&run->input);
    put_u32(icmp, (uint32_t)(type >> 4) << 24 | (uint32_t)(type & 15) << 16);
    put_u32(icmp + 4, (uint32_t)read_u8(&run->input) * 8);
    ip_emit(icmp + 8, &here, &there, IP_PROTOCOL_TCP, 1, 8 + (size_t)read_u8(&run->input) * 8);
    put_u16(icmp + 8 + ip_bytes, flow->local_port);
    put_u16(icmp + 10 + ip_bytes, flow->remote_port);
    put_u32(icmp + 12 + ip_bytes, flow->ack - 1 - (uint32_t)read_u8(&run->input) * 8);
    uint64_t sum = run->ipv6 ? ip_pseudo_checksum(&from, &here, protocol, length) : 0;
    put_u16(icmp + 2, checksum_finish(checksum_add(sum, false, icmp, length)));
    la_host_input(run->host, run->now, 0, bytes, (size_t)(icmp - bytes) + length);
}

static void let_time_pass(struct run *run)
{
    uint8_t how = read_u8(&run->input);
    la_time deadline = la_host_deadline(run->host);
    if (how < 128 && deadline != LA_TIME_NEVER) {
        run->now = deadline > run->now ? deadline : run->now;
    } else {
        run->now += (la_time)(how & 127) * (how & 127) * LA_MILLISECOND;
    }
    la_host_advance(run->host, run->now);
}

/* ---- calls ---- */

static unsigned free_handle(const struct run *run)
{
    unsigned i = 0;
    while (i < HANDLES && run->is_held[i]) {
        i++;
    }
    return i;
}

static void call_open(struct run *run, uint8_t what)
{
    unsigned i = free_handle(run);
    if (i == HANDLES) {
        return;
    }
    if ((what & 1) != 0) {
        run->is_held[i] = la_accept(run->host, run->now, run->listener[what >> 1 & 1], &run->handles[i]) == LA_OK;
        return;
    }
    struct flow *flow = &run->flows[what >> 1 & 3];
    const struct la_endpoint remote = {address_of(run, 2), flow->remote_port};
    const struct la_endpoint local = {.port = flow->local_port};
    const struct la_source_route route = {.count = 1 + (what >> 5 & 1),
                                          .strict = (what & 16) != 0,
                                          .hops = {la_address_ipv4(10, 0, 0, 3), remote.address}};
    int result = (what & 8) != 0 ? la_connect_via(run->host, run->now, &local, &remote, &route, &run->handles[i])
                                 : la_connect(run->host, run->now, &local, &remote, &run->handles[i]);
    run->is_held[i] = result == LA_OK;
}

static void call_data(struct run *run, struct la_conn conn, uint8_t what)
{
    static uint8_t octets[4096];
    size_t length = (size_t)(what & 127) * 13;
    void *to = NULL;
    const void *from = NULL;
    size_t room = 0;
    switch (what >> 6) {
    case 0: (void)la_send(run->host, run->now, conn, octets, length); break;
    case 1:
        if (la_send_view(run->host, run->now, conn, &to, &room) == LA_OK) {
            memset(to, what, room);
            check(la_send_commit(run->host, run->now, conn, length < room ? length : room) >= 0);
        }
        break;
    case 2:
        if ((what & 1) != 0) {
            (void)la_recv(run->host, run->now, conn, octets, length);
        } else if ((what & 2) != 0) {
            (void)la_send_urgent(run->host, run->now, conn, octets, length);
        } else if ((what & 4) != 0) {
            (void)la_flush(run->host, run->now, conn);
        } else {
            int there = la_peek(run->host, conn, length, octets, sizeof octets);
            check(there <= (int)sizeof octets && la_urgent(run->host, conn) <= 65535 + 1500);
        }
        break;
    default:
        if (la_recv_view(run->host, run->now, conn, &from, &room) > 0) {
            check(la_recv_consume(run->host, run->now, conn, length < room ? length : room) >= 0);
        }
        break;
    }
}

static void call_close(struct run *run, unsigned i, uint8_t what)
{
    struct la_conn conn = run->handles[i];
    switch (what % 6) {
    case 0: (void)la_shutdown(run->host, run->now, conn); break;
    case 1: (void)la_close(run->host, run->now, conn); break;
    case 2: (void)la_close_lingering(run->host, run->now, conn); break;
    case 3: (void)la_abort(run->host, run->now, conn); break;
    default:
        check((la_release(run->host, run->now, conn) == LA_OK) == run->is_held[i]);
        run->is_held[i] = false;
        break;
    }
}

static void call_option(struct run *run, struct la_conn conn, uint8_t what)
{
    static const int64_t values[] = {0, 1, 2, 100, 1000, 1500, 100000, INT32_MAX};
    enum la_option option = (enum la_option)((what & 7) + (what >> 6) % 2 * 8);
    int64_t value = values[what >> 3 & 7];
    int64_t now = -1;
    bool is_time =
        option == LA_OPTION_KEEPALIVE_IDLE_MS || option == LA_OPTION_KEEPALIVE_INTERVAL_MS || option == LA_OPTION_R2_MS;
    if (is_time && value < 100) {
        value = 3000; /* so that an orphan's last minutes take a bounded number of steps */
    }
    if (la_set_option(run->host, run->now, conn, option, value) == LA_OK) {
        check(la_get_option(run->host, conn, option, &now) == LA_OK);
        /* Of a segment's size the interface has a say too. */
        check(now == value || (option == LA_OPTION_MAX_SEGMENT_BYTES && now < value));
    }
}

static void call_listener(struct run *run, uint8_t what)
{
    struct la_listener *listener = &run->listener[what & 1];
    const struct la_endpoint local = {.port = (uint16_t)(80 + (what & 1))};
    if (la_unlisten(run->host, run->now, *listener) != LA_OK) {
        (void)la_listen(run->host, run->now, &local, 1 + (what >> 1 & 3), listener);
    }
}

static void call(struct run *run)
{
    uint8_t which = read_u8(&run->input);
    uint8_t what = read_u8(&run->input);
    unsigned i = (which >> 3) % HANDLES;
    struct la_outcome outcome;
    struct la_info info;
    switch (which & 7) {
    case 0:
    case 1: call_open(run, what); break;
    case 2:
    case 3: call_data(run, run->handles[i], what); break;
    case 4:
    case 5: call_close(run, i, what); break;
    case 6: call_option(run, run->handles[i], what); break;
    default: call_listener(run, what); break;
    }
    check((la_outcome(run->host, run->handles[i], &outcome) == LA_OK) == run->is_held[i]);
    check((la_info(run->host, run->handles[i], &info) == LA_OK) == run->is_held[i]);
}

/* ---- steps ---- */

static void step(struct run *run)
{
    uint8_t kind = read_u8(&run->input);
    run->was_segment = false;
    run->flags_in = 0;
    switch (kind % 8) {
    case 0:
    case 1:
    case 2:
    case 3: give_segment(run, (kind & 64) != 0); break;
    case 4:
        if ((kind & 64) != 0) {
            give_error(run);
        } else {
            give_octets(run);
        }
        break;
    case 5: let_time_pass(run); break;
    default: call(run); break;
    }
    check_host(run);
    bool drains = (kind & 128) == 0;
    if (drains) {
        drain(run);
        check_host(run);
    }
    run->was_drained = drains;
}

/* I27 to I30: with nobody at the other end, and the application gone, everything ends. */
static void end(struct run *run)
{
    struct la_counters counters;
    run->was_segment = false;
    run->flags_in = 0;
    for (unsigned i = 0; i < HANDLES; i++) {
        check((la_release(run->host, run->now, run->handles[i]) == LA_OK) == run->is_held[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        (void)la_unlisten(run->host, run->now, run->listener[i]);
    }
    drain(run);
    for (unsigned n = 0; la_host_deadline(run->host) != LA_TIME_NEVER; n++) {
        la_time deadline = la_host_deadline(run->host);
        check(n < 3000);
        run->now = deadline > run->now ? deadline : run->now;
        la_host_advance(run->host, run->now);
        drain(run);
        check_host(run);
    }
    la_host_counters(run->host, &counters);
    check(counters.connections == 0 && counters.connections_orphaned == 0 && counters.time_wait_ipv4 == 0);
    check(counters.time_wait_ipv6 == 0);
    check(counters.buffer_pieces == 0 && counters.reply_bytes == 0); /* I32 */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = {.input = reader_of(data, size)};
    begin(&run);
    for (unsigned steps = 0; steps < STEPS_MAX && reader_left(&run.input) > 0; steps++) {
        step(&run);
    }
    end(&run);
    return 0;
}
