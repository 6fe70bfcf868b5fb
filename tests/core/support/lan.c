#include "lan.h"

#include "base/address.h"
#include "base/checksum.h"
#include "host/host_inspect.h"
#include "wire/icmpv6.h"

struct la_config lan_config(void)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = 8;
    config.time_wait_ipv4 = config.time_wait_ipv6 = 4;
    config.buffer_pieces = 16;
    config.address_probes = 0;
    return config;
}

struct mac lan_mac(uint8_t n)
{
    return n == LAN_ALL ? mac_broadcast : (struct mac){{2, 0, 0, 0, 0, n}};
}

struct la_address lan_ipv4(uint8_t n)
{
    return n == 0 ? la_address_ipv4(0, 0, 0, 0) : la_address_ipv4(10, 0, 0, n);
}

struct la_address lan_ipv6(uint8_t n)
{
    return (struct la_address){{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}};
}

void lan_begin_bare(struct lan *lan, const struct la_config *config)
{
    *lan = (struct lan){.now = 1000 * LA_SECOND, .size = la_host_size(config)};
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, (lan->size + 63) / 64 * 64);
    assert_non_null(block);
    memset(block, 0xa5, lan->size); /* nobody clears a block before it becomes a host */
    lan->host = la_host_init(block, lan->size, config, lan->now);
    assert_non_null(lan->host);
    assert_int_equal(la_interface_add_ethernet(lan->host, lan->now, 1500, lan_mac(1).octets), 0);
}

void lan_begin(struct lan *lan, const struct la_config *config)
{
    const struct la_address ipv4 = lan_ipv4(1), ipv6 = lan_ipv6(1);
    lan_begin_bare(lan, config);
    assert_int_equal(la_address_add(lan->host, lan->now, 0, &ipv4, 24), LA_OK);
    assert_int_equal(la_address_add(lan->host, lan->now, 0, &ipv6, 64), LA_OK);
    lan_run_ms(lan, 10000);
    lan_forget_output(lan);
    assert_true(la_host_deadline(lan->host) == LA_TIME_NEVER);
}

void lan_end(struct lan *lan)
{
    free(lan->host);
}

bool lan_pull(struct lan *lan)
{
    lan->length = la_host_output(lan->host, lan->now, 0, lan->frame, sizeof lan->frame);
    assert_null(host_check(lan->host));
    return lan->length > 0;
}

void lan_forget_output(struct lan *lan)
{
    while (lan_pull(lan)) {
    }
}

void lan_run_until(struct lan *lan, la_time until)
{
    for (unsigned turns = 0; la_host_deadline(lan->host) <= until; turns++) {
        la_time due = la_host_deadline(lan->host);
        assert_true(turns < 10000);
        lan->now = due > lan->now ? due : lan->now;
        la_host_advance(lan->host, lan->now);
    }
    lan->now = until;
}

void lan_run_ms(struct lan *lan, uint32_t ms)
{
    lan_run_until(lan, lan->now + ms * LA_MILLISECOND);
}

/* ---- what comes in ---- */

void lan_frame_in(struct lan *lan, struct mac to, struct mac from, enum ethernet_type type, const uint8_t *octets,
                  size_t length)
{
    uint8_t *frame = malloc(ETHERNET_HEADER_BYTES + length); /* exactly so long: what reads beyond is found */
    assert_non_null(frame);
    ethernet_emit(frame, &to, &from, type);
    memcpy(frame + ETHERNET_HEADER_BYTES, octets, length);
    la_host_input(lan->host, lan->now, 0, frame, ETHERNET_HEADER_BYTES + length);
    free(frame);
    assert_null(host_check(lan->host));
}

void lan_packet_in(struct lan *lan, struct mac to, struct mac from, const uint8_t *packet, size_t length)
{
    lan_frame_in(lan, to, from, packet[0] >> 4 == 4 ? ETHERNET_IPV4 : ETHERNET_IPV6, packet, length);
}

void lan_arp_in(struct lan *lan, enum arp_operation operation, uint8_t station, uint8_t sender, uint8_t target)
{
    uint8_t octets[ARP_BYTES];
    const struct arp_message message = {.operation = (uint16_t)operation,
                                        .sender_mac = lan_mac(station),
                                        .sender = lan_ipv4(sender),
                                        .target = lan_ipv4(target)};
    arp_emit(octets, &message);
    lan_frame_in(lan, mac_broadcast, lan_mac(station), ETHERNET_ARP, octets, sizeof octets);
}

void lan_nd_in(struct lan *lan, struct mac to, uint8_t station, const struct la_address *source,
               const struct la_address *destination, const struct nd *nd)
{
    uint8_t packet[ND_BYTES_MAX];
    lan_packet_in(lan, to, lan_mac(station), packet, nd_emit(packet, source, destination, nd));
}

void lan_echo_in(struct lan *lan, struct mac to, uint8_t station, size_t length)
{
    uint8_t packet[1500] = {0};
    const struct la_address source = lan_ipv4(station), destination = lan_ipv4(1);
    uint8_t *icmp = packet + ip_emit(packet, &source, &destination, IP_PROTOCOL_ICMP, 64, 8 + length);
    icmp[0] = ICMP_ECHO_REQUEST;
    put_u16(icmp + 2, checksum_finish(checksum_add(0, false, icmp, 8 + length)));
    lan_packet_in(lan, to, lan_mac(station), packet, IPV4_HEADER_BYTES + 8 + length);
}

void lan_syn_in(struct lan *lan, struct mac to, uint8_t station, bool ipv6)
{
    uint8_t packet[IPV6_HEADER_BYTES + TCP_HEADER_BYTES_MAX];
    const struct la_endpoint source = {ipv6 ? lan_ipv6(station) : lan_ipv4(station), 1000};
    const struct la_endpoint destination = {ipv6 ? lan_ipv6(1) : lan_ipv4(1), 80};
    const struct tcp_header header = {
        .local = &source, .remote = &destination, .seq = seq_of(1000), .window = 4096, .flags = LA_SYN};
    lan_packet_in(lan, to, lan_mac(station), packet, tcp_emit(packet, &header, 64, 0, 0));
}

/* ---- what left ---- */

void lan_expect(struct lan *lan, uint8_t to, enum ethernet_type type)
{
    struct ethernet_frame frame;
    const struct mac own = lan_mac(1), expected = lan_mac(to);
    assert_true(lan_pull(lan));
    assert_int_equal(ethernet_parse(lan->frame, lan->length, &frame), LA_DROP_NONE);
    assert_memory_equal(&frame.destination, &expected, sizeof expected);
    assert_memory_equal(&frame.source, &own, sizeof own);
    assert_int_equal(frame.type, type);
}

void lan_expect_arp(struct lan *lan, uint8_t to, enum arp_operation operation, uint8_t sender, uint8_t target)
{
    struct arp_message message;
    const struct la_address from = lan_ipv4(sender), of = lan_ipv4(target);
    lan_expect(lan, to, ETHERNET_ARP);
    assert_int_equal(arp_parse(lan->frame + ETHERNET_HEADER_BYTES, lan->length - ETHERNET_HEADER_BYTES, &message),
                     LA_DROP_NONE);
    assert_int_equal(message.operation, operation);
    assert_memory_equal(&message.sender, &from, sizeof from);
    assert_memory_equal(&message.target, &of, sizeof of);
}

void lan_expect_nothing(struct lan *lan)
{
    assert_false(lan_pull(lan));
}

static struct packet packet_of(const struct lan *lan)
{
    struct packet packet;
    assert_int_equal(ip_parse(lan->frame + ETHERNET_HEADER_BYTES, lan->length - ETHERNET_HEADER_BYTES, &packet),
                     LA_DROP_NONE);
    return packet;
}

struct segment lan_segment(const struct lan *lan)
{
    struct packet packet = packet_of(lan);
    struct segment segment;
    assert_int_equal(packet.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(tcp_parse(&packet, &segment), LA_DROP_NONE);
    return segment;
}

struct nd lan_nd(const struct lan *lan, struct packet *packet)
{
    struct icmp_message message;
    struct nd nd;
    *packet = packet_of(lan);
    assert_int_equal(icmpv6_parse(packet, &message), LA_DROP_NONE);
    assert_true(nd_parse(packet, message.type, &nd));
    return nd;
}

/* ---- calls ---- */

int lan_connect(struct lan *lan, struct la_address address, struct la_conn *conn)
{
    const struct la_endpoint remote = {address, 80};
    return la_connect(lan->host, lan->now, NULL, &remote, conn);
}

uint64_t lan_dropped(const struct lan *lan, enum la_drop why)
{
    struct la_counters counters;
    la_host_counters(lan->host, &counters);
    return counters.dropped[why];
}
