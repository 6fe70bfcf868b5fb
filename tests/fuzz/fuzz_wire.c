#include <stdlib.h>

#include "base/address.h"
#include "base/checksum.h"
#include "wire/icmpv6.h"
#include "wire/tcp.h"

/* The parsers, over any octets for one IP packet: as they are, and with checksums made right, so that what lies behind
   them is reached too. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 2048 };

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool same_options(const struct tcp_options *a, const struct tcp_options *b)
{
    return a->has_mss == b->has_mss && a->has_window_scale == b->has_window_scale &&
           a->has_timestamp == b->has_timestamp && a->sack_permitted == b->sack_permitted &&
           a->window_scale == b->window_scale && a->mss == b->mss && a->tsval == b->tsval && a->tsecr == b->tsecr;
}

static bool same_end(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return address_equal(&a->address, &b->address) && a->port == b->port;
}

/* What was parsed, written again, parses the same. */
static void check_written_again(const struct segment *segment)
{
    static uint8_t bytes[IPV6_HEADER_BYTES + TCP_HEADER_BYTES_MAX + INPUT_MAX];
    const struct tcp_header header = {.local = &segment->remote,
                                      .remote = &segment->local,
                                      .seq = segment->seq,
                                      .ack = segment->ack,
                                      .window = segment->window,
                                      .urgent = segment->urgent,
                                      .flags = segment->flags,
                                      .options = segment->options};
    unsigned headers = ip_header_bytes(&segment->local.address) + tcp_header_bytes(&header.options);
    uint64_t sum = checksum_copy(0, false, bytes + headers, segment->text, segment->length);
    check(tcp_emit(bytes, &header, 64, segment->length, sum) == headers);
    struct packet packet;
    struct segment again;
    check(ip_parse(bytes, headers + segment->length, &packet) == LA_DROP_NONE);
    check(tcp_parse(&packet, &again) == LA_DROP_NONE);
    check(same_end(&again.local, &segment->local) && same_end(&again.remote, &segment->remote));
    check(seq_equal(again.seq, segment->seq) && seq_equal(again.ack, segment->ack));
    check(again.window == segment->window && again.urgent == segment->urgent && again.flags == segment->flags);
    check(same_options(&again.options, &segment->options));
    check(again.length == segment->length);
    check(again.length == 0 || memcmp(again.text, segment->text, again.length) == 0);
}

static void check_tcp(const struct packet *packet)
{
    struct segment segment;
    enum la_drop why = tcp_parse(packet, &segment);
    check(same_end(&segment.local, &(struct la_endpoint){packet->destination, segment.local.port}));
    check(segment.options.window_scale <= TCP_WINDOW_SCALE_MAX);
    if (segment.text != NULL) {
        check(segment.text >= packet->payload + TCP_HEADER_BYTES);
        check(segment.text + segment.length == packet->bytes + packet->length);
    } else {
        check(why != LA_DROP_NONE && segment.length == 0);
    }
    if (why == LA_DROP_NONE) {
        check_written_again(&segment);
    }
}

static void check_icmp(const struct packet *packet)
{
    struct icmp_message message;
    struct packet answer;
    enum la_drop why = icmp_parse(packet, &message);
    if (why == LA_DROP_NONE && message.type == ICMP_ECHO_REQUEST) {
        static uint8_t bytes[IPV4_HEADER_BYTES + INPUT_MAX];
        size_t length = icmp_emit_echo_reply(bytes, packet, 64, 576);
        check(length <= 576 && ip_parse(bytes, length, &answer) == LA_DROP_NONE);
        check(icmp_parse(&answer, &message) == LA_DROP_NONE && message.type == ICMP_ECHO_REPLY);
    }
}

static void check_icmpv6(const struct packet *packet)
{
    struct icmp_message message;
    struct packet answer;
    enum la_drop why = icmpv6_parse(packet, &message);
    if (why == LA_DROP_NONE && message.type == ICMPV6_ECHO_REQUEST) {
        static uint8_t bytes[IPV6_HEADER_BYTES + INPUT_MAX];
        size_t length = icmpv6_emit_echo_reply(bytes, packet, 64, IPV6_MTU_MIN);
        check(length <= IPV6_MTU_MIN && ip_parse(bytes, length, &answer) == LA_DROP_NONE);
        check(icmpv6_parse(&answer, &message) == LA_DROP_NONE && message.type == ICMPV6_ECHO_REPLY);
    }
    check(!message.has_quote || icmpv6_is_error(message.type));
}

/* What may be told of a packet points into it. */
static void check_ipv6(const struct packet *packet)
{
    struct ipv6_problem problem;
    if (ipv6_problem(packet, &problem)) {
        static uint8_t error[IPV6_MTU_MIN];
        const struct icmpv6_header header = {.source = packet->destination,
                                             .destination = packet->source,
                                             .type = ICMPV6_PARAMETER_PROBLEM,
                                             .code = problem.code,
                                             .rest = problem.pointer};
        size_t length = icmpv6_emit_error(error, &header, packet);
        check(length == icmpv6_error_bytes(packet) && length <= sizeof error);
        check(problem.pointer < packet->length && problem.code <= ICMPV6_PARAMETER_PROBLEM_OPTION);
    }
}

static void check_fragment(const struct packet *packet)
{
    struct ip_fragment fragment = ip_fragment(packet);
    check(fragment.more || fragment.offset > 0);
    check(fragment.offset % 8 == 0 && fragment.offset < 65536);
    check(fragment.next_header_at < fragment.before_bytes);
    check(packet->bytes + fragment.before_bytes <= packet->payload);
}

static void check_packet(const uint8_t *bytes, size_t size)
{
    struct packet packet;
    static uint8_t error[576];
    enum la_drop why = ip_parse(bytes, size, &packet);
    bool ipv4 = size > 0 && bytes[0] >> 4 == 4;
    if (size > 0 && bytes[0] >> 4 == 6 && (why == LA_DROP_NONE || why == LA_DROP_IP_OPTION)) {
        check(!address_is_ipv4(&packet.source) && !address_is_ipv4(&packet.destination)); /* who would be told */
        check_ipv6(&packet);
    }
    check(packet.bytes == bytes && packet.length <= size);
    if (packet.payload != NULL) {
        check(packet.payload >= bytes + IPV4_HEADER_BYTES);
        check(packet.payload + packet.payload_length == bytes + packet.length);
    }
    if (why == LA_DROP_IP_FRAGMENT) {
        check_fragment(&packet);
    }
    if (why != LA_DROP_NONE) {
        return;
    }
    check(packet.payload != NULL && address_is_ipv4(&packet.source) == ipv4);
    check_tcp(&packet);
    if (!ipv4) {
        check_icmpv6(&packet);
        return;
    }
    check_icmp(&packet);
    size_t length = icmp_emit_unreachable(error, &packet, ICMP_UNREACHABLE_PORT, 64);
    check(length == icmp_unreachable_bytes(&packet) && length <= sizeof error);
}

static void put_checksum(uint8_t *bytes, size_t length, size_t at, uint64_t sum)
{
    if (length >= at + 2) {
        put_u16(bytes + at, 0);
        put_u16(bytes + at, checksum_finish(checksum_add(sum, false, bytes, length)));
    }
}

static void check_repaired(const uint8_t *data, size_t size)
{
    struct packet packet;
    uint8_t *bytes = malloc(size);
    check(bytes != NULL);
    memcpy(bytes, data, size);
    bool ipv4 = bytes[0] >> 4 == 4;
    size_t header = (bytes[0] & 15u) * 4;
    if (ipv4 && header >= IPV4_HEADER_BYTES && header <= size) {
        put_checksum(bytes, header, 10, 0);
    }
    if (ip_parse(bytes, size, &packet) == LA_DROP_NONE) {
        const struct la_address *from = &packet.source;
        const struct la_address *to = &packet.destination;
        uint8_t *payload = bytes + (packet.payload - bytes);
        uint64_t tcp = ip_pseudo_checksum(from, to, IP_PROTOCOL_TCP, packet.payload_length);
        uint64_t icmp = ipv4 ? 0 : ip_pseudo_checksum(from, to, IP_PROTOCOL_ICMPV6, packet.payload_length);
        put_checksum(payload, packet.payload_length, 16, tcp);
        check_packet(bytes, size);
        put_checksum(payload, packet.payload_length, 2, icmp);
    }
    check_packet(bytes, size);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= INPUT_MAX) {
        check_packet(data, size);
        if (size > 0) {
            check_repaired(data, size);
        }
    }
    return 0;
}
