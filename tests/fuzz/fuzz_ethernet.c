#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "host/host_inspect.h"
#include "wire/arp.h"
#include "wire/nd.h"
#include "wire/tcp.h"

/* A small host on Ethernet under any sequence of frames (of ARP, of neighbour discovery, of octets that are none), of
   calls and of time. After each step the host checks itself (host_check) and what it sends is parsed; at the end
   everything is let go, and must come to an end. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK_BYTES = 32768, MTU = 1400, HANDLES = 4, STEPS_MAX = 400, STATIONS = 12, OPTIONS_MAX = 100 };

struct run {
    struct reader input;
    la_host *host;
    la_time now;
    struct la_conn handles[HANDLES];
};

static void broken(const char *what, int line)
{
    fprintf(stderr, "fuzz_ethernet.c:%d: %s\n", line, what);
    abort();
}

#define check(holds) ((holds) ? (void)0 : broken(#holds, __LINE__))

/* ---- who is who: the host is number 1 ---- */

static struct mac mac_of(uint8_t n)
{
    return (struct mac){{2, 0, 0, 0, 0, n}};
}

static struct la_address ipv4_of(uint8_t n)
{
    return n == 0 ? la_address_ipv4(0, 0, 0, 0) : la_address_ipv4(10, 0, 0, n);
}

static struct la_address ipv6_of(uint8_t n)
{
    static const struct la_address any = {{0}};
    const struct la_address address = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}};
    return n == 0 ? any : address;
}

static uint8_t read_station(struct run *run)
{
    return read_u8(&run->input) % STATIONS;
}

/* Ours, everybody's, a group's, or another station's. */
static struct mac read_destination(struct run *run)
{
    static const struct mac others[] = {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, {{0x33, 0x33, 0, 0, 0, 1}}};
    uint8_t choice = read_u8(&run->input) % 8;
    const struct la_address own = ipv6_of(1), group = nd_solicited_node(&own);
    if (choice < 2) {
        return others[choice];
    }
    return choice < 4 ? nd_group_mac(&group) : mac_of(choice < 7 ? 1 : 9);
}

static void begin(struct run *run)
{
    static alignas(LA_HOST_ALIGNMENT) uint8_t block[BLOCK_BYTES];
    struct la_config config;
    la_config_default(&config);
    uint8_t choice = read_u8(&run->input);
    config.connections = 3;
    config.listeners = 1;
    config.addresses = 4;
    config.routes = 5;
    config.time_wait_ipv4 = config.time_wait_ipv6 = 3;
    config.path_mtus = 3;
    config.buffer_piece_bytes = 64;
    config.buffer_pieces = 40;
    config.reply_bytes = (choice & 1) != 0 ? 200 : 2048;
    config.own_settings = 0;
    config.reassembly_bytes = 4096;
    config.neighbours = (choice & 2) != 0 ? 3 : 20;
    config.address_probes = (choice & 4) != 0 ? 2 : 0;
    run->host = la_host_init(block, sizeof block, &config, run->now);
    const struct la_endpoint local = {.port = 80};
    const struct la_address ipv4 = ipv4_of(1), ipv6 = ipv6_of(1), gateway = ipv4_of(2), any = ipv4_of(0);
    struct la_listener listener;
    check(run->host != NULL && la_interface_add_ethernet(run->host, run->now, MTU, mac_of(1).octets) == 0);
    check(la_address_add(run->host, run->now, 0, &ipv4, 24) == LA_OK);
    check(la_address_add(run->host, run->now, 0, &ipv6, 64) == LA_OK);
    check(la_route_add_via(run->host, run->now, 0, &any, 0, &gateway) == LA_OK);
    check(la_listen(run->host, run->now, &local, 2, &listener) == LA_OK);
    if ((choice & 8) != 0) {
        check(la_interface_follow_routers(run->host, run->now, 0) == LA_OK);
    }
}

/* ---- what it sends ---- */

static void check_frame(const uint8_t *bytes, size_t length)
{
    struct ethernet_frame frame;
    struct arp_message message;
    struct packet packet;
    const struct mac own = mac_of(1);
    check(ethernet_parse(bytes, length, &frame) == LA_DROP_NONE && mac_equal(&frame.source, &own));
    check(!mac_equal(&frame.destination, &own) && frame.payload_length <= MTU);
    if (frame.type == ETHERNET_ARP) {
        check(arp_parse(frame.payload, frame.payload_length, &message) == LA_DROP_NONE);
        return;
    }
    check(ip_parse(frame.payload, frame.payload_length, &packet) == LA_DROP_NONE);
    check(packet.length == frame.payload_length && !mac_is_broadcast(&frame.destination));
    check(frame.type == (address_is_ipv4(&packet.destination) ? ETHERNET_IPV4 : ETHERNET_IPV6));
    check(mac_is_group(&frame.destination) == address_is_multicast(&packet.destination));
}

static void drain(struct run *run)
{
    static uint8_t buffer[ETHERNET_HEADER_BYTES + MTU];
    struct la_event event;
    unsigned frames = 0;
    for (size_t length; (length = la_host_output(run->host, run->now, 0, buffer, sizeof buffer)) > 0;) {
        check(++frames < 1000);
        check_frame(buffer, length);
    }
    while (la_host_event(run->host, &event)) {
        check(++frames < 2000);
    }
}

/* ---- what it is given ---- */

static void give(struct run *run, struct mac to, uint8_t station, uint16_t type, const uint8_t *octets, size_t length)
{
    const struct mac from = mac_of(station);
    uint8_t *frame = malloc(ETHERNET_HEADER_BYTES + length);
    check(frame != NULL);
    ethernet_emit(frame, &to, &from, (enum ethernet_type)type);
    if (length > 0) {
        memcpy(frame + ETHERNET_HEADER_BYTES, octets, length);
    }
    la_host_input(run->host, run->now, 0, frame, ETHERNET_HEADER_BYTES + length);
    free(frame);
}

static size_t take_octets(struct run *run, const uint8_t **octets, size_t most)
{
    size_t length = read_u8(&run->input);
    length = length < reader_left(&run->input) ? length : reader_left(&run->input);
    length = length < most ? length : most;
    *octets = reader_take(&run->input, length);
    return *octets != NULL ? length : 0;
}

static void give_octets(struct run *run)
{
    static const uint16_t types[] = {ETHERNET_IPV4, ETHERNET_ARP, ETHERNET_IPV6, 46};
    struct mac to = read_destination(run);
    uint8_t station = read_station(run);
    uint16_t type = types[read_u8(&run->input) % 4];
    const uint8_t *octets;
    size_t length = take_octets(run, &octets, 255);
    give(run, to, station, type, octets, length);
}

static void give_arp(struct run *run)
{
    uint8_t octets[ARP_BYTES];
    struct mac to = read_destination(run);
    uint8_t station = read_station(run);
    const struct arp_message message = {.operation = read_u8(&run->input) % 4,
                                        .sender_mac = mac_of(station),
                                        .sender = ipv4_of(read_station(run)),
                                        .target = ipv4_of(read_station(run))};
    arp_emit(octets, &message);
    give(run, to, station, ETHERNET_ARP, octets, sizeof octets);
}

/* Of any type, with any options, and a checksum that is right. */
static void give_discovery(struct run *run)
{
    uint8_t packet[IPV6_HEADER_BYTES + 8 + 16 + OPTIONS_MAX];
    uint8_t body[16 + OPTIONS_MAX] = {0};
    struct mac to = read_destination(run);
    uint8_t shape = read_u8(&run->input);
    uint8_t station = read_station(run);
    uint8_t type = (uint8_t)(ICMPV6_ROUTER_SOLICITATION + shape % 5);
    const struct la_address own = ipv6_of(1);
    struct icmpv6_header header = {.source = ipv6_of(station),
                                   .destination = mac_is_group(&to) ? nd_all_nodes : own,
                                   .hop_limit = (shape & 32) != 0 ? 254 : 255,
                                   .type = type,
                                   .rest = read_u32(&run->input)};
    if (type == ICMPV6_NEIGHBOR_SOLICITATION && mac_is_group(&to)) {
        header.destination = nd_solicited_node(&own);
    }
    bool has_target = type == ICMPV6_NEIGHBOR_SOLICITATION || type == ICMPV6_NEIGHBOR_ADVERTISEMENT;
    size_t fixed = has_target ? 16 : 8;
    const struct la_address target = ipv6_of(read_station(run));
    const uint8_t *options;
    size_t length = take_octets(run, &options, OPTIONS_MAX);
    memcpy(body, target.octets, has_target ? 16 : 0);
    if (length > 0) {
        memcpy(body + fixed, options, length);
    }
    size_t whole = icmpv6_emit(packet, &header, body, fixed + length);
    give(run, to, station, ETHERNET_IPV6, packet, whole);
}

static void give_syn(struct run *run)
{
    uint8_t packet[IPV6_HEADER_BYTES + TCP_HEADER_BYTES_MAX];
    struct mac to = read_destination(run);
    uint8_t shape = read_u8(&run->input);
    uint8_t station = read_station(run);
    bool ipv6 = (shape & 1) != 0;
    const struct la_endpoint source = {ipv6 ? ipv6_of(station) : ipv4_of(station), (uint16_t)(1000 + station)};
    const struct la_endpoint destination = {ipv6 ? ipv6_of(1) : ipv4_of(1), (uint16_t)(80 + (shape & 2))};
    const struct tcp_header header = {.local = &source,
                                      .remote = &destination,
                                      .seq = seq_of(1),
                                      .flags = (shape & 4) != 0 ? LA_ACK : LA_SYN,
                                      .window = 1000};
    size_t whole = tcp_emit(packet, &header, 64, 0, 0);
    give(run, to, station, ipv6 ? ETHERNET_IPV6 : ETHERNET_IPV4, packet, whole);
}

static void let_time_pass(struct run *run)
{
    uint8_t how = read_u8(&run->input);
    la_time deadline = la_host_deadline(run->host);
    if (how < 192 && deadline != LA_TIME_NEVER) {
        run->now = deadline > run->now ? deadline : run->now;
    } else {
        run->now += (la_time)how * how * LA_MILLISECOND;
    }
    la_host_advance(run->host, run->now);
}

static void call(struct run *run)
{
    uint8_t what = read_u8(&run->input);
    uint8_t n = read_station(run);
    struct la_conn *conn = &run->handles[what / 8 % HANDLES];
    struct la_endpoint remote = {(what & 64) != 0 ? ipv6_of(n) : ipv4_of(n), 80};
    const struct la_address far = la_address_ipv4(192, 0, 2, 1); /* behind the router */
    if (what % 8 == 0) {
        remote.address = far;
    }
    const struct la_address added = (what & 64) != 0 ? ipv6_of(n) : ipv4_of(n);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        (void)la_release(run->host, run->now, *conn);
        (void)la_connect(run->host, run->now, NULL, &remote, conn);
        break;
    case 3: (void)la_release(run->host, run->now, *conn); break;
    case 4: (void)la_send(run->host, run->now, *conn, "text", 4); break;
    case 5: (void)la_address_add(run->host, run->now, 0, &added, (what & 64) != 0 ? 64 : 24); break;
    case 6: (void)la_interface_follow_routers(run->host, run->now, 0); break;
    default:
        check(la_address_state(run->host, &added) <= LA_OK);
        (void)la_route_add_via(run->host, run->now, 0, &far, 32, &added);
        break;
    }
}

/* ---- steps ---- */

static void step(struct run *run)
{
    uint8_t kind = read_u8(&run->input);
    switch (kind % 8) {
    case 0: give_octets(run); break;
    case 1: give_arp(run); break;
    case 2:
    case 3: give_discovery(run); break;
    case 4: give_syn(run); break;
    case 5: let_time_pass(run); break;
    default: call(run); break;
    }
    const char *wrong = host_check(run->host);
    check(wrong == NULL);
    if ((kind & 128) == 0) {
        drain(run);
    }
}

/* Nobody answers any more. What is held, asked for or lent for a time ends by itself. */
static void end(struct run *run)
{
    struct la_counters counters;
    for (unsigned i = 0; i < HANDLES; i++) {
        (void)la_abort(run->host, run->now, run->handles[i]);
        (void)la_release(run->host, run->now, run->handles[i]);
    }
    drain(run);
    for (unsigned n = 0; la_host_deadline(run->host) != LA_TIME_NEVER; n++) {
        la_time deadline = la_host_deadline(run->host);
        check(n < 3000);
        run->now = deadline > run->now ? deadline : run->now;
        la_host_advance(run->host, run->now);
        drain(run);
    }
    la_host_counters(run->host, &counters);
    check(counters.connections == 0 && counters.reply_bytes == 0);
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
