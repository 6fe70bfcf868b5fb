#include "wire/icmpv6.h"

#include "base/assert.h"
#include "base/checksum.h"

/* What a quote must hold for the sequence number: ports and sequence number. */
#define QUOTED_TRANSPORT_BYTES 8

/* RFC 4861 6.1, 7.1, 8.1: neighbour discovery comes from this link, since every router takes one off. */
#define HOP_LIMIT_OF_THIS_LINK 255

/* The octets of a message up to its options: RFC 4861 4.1 to 4.5. */
static size_t fixed_bytes(uint8_t type)
{
    switch (type) {
    case ICMPV6_ROUTER_SOLICITATION: return 8;
    case ICMPV6_ROUTER_ADVERTISEMENT: return 16;
    case ICMPV6_NEIGHBOR_SOLICITATION:
    case ICMPV6_NEIGHBOR_ADVERTISEMENT: return 24;
    }
    return 40; /* ICMPV6_REDIRECT */
}

static enum la_drop check_neighbor_discovery(const struct packet *packet, const struct icmp_message *message)
{
    if (packet->payload_length < fixed_bytes(message->type)) {
        return LA_DROP_ICMP_TRUNCATED;
    }
    return packet->ttl == HOP_LIMIT_OF_THIS_LINK && message->code == 0 ? LA_DROP_NONE : LA_DROP_ICMP_TYPE;
}

static struct la_address read_address(struct reader *r)
{
    struct la_address address = {{0}};
    const uint8_t *octets = reader_take(r, sizeof address.octets);
    if (octets != NULL) {
        memcpy(address.octets, octets, sizeof address.octets);
    }
    return address;
}

/* The packet as it came back, cut off. What this host sends has no extension headers: TCP stands right behind. */
static enum la_drop parse_quote(struct reader r, struct icmp_message *message)
{
    uint8_t version_and_class = read_u8(&r);
    reader_skip(&r, 3);
    uint32_t payload_length = read_u16(&r);
    message->quoted_protocol = read_u8(&r);
    reader_skip(&r, 1);
    message->quoted_source.address = read_address(&r);
    message->quoted_destination.address = read_address(&r);
    if (r.failed) {
        return LA_DROP_ICMP_TRUNCATED;
    }
    if (version_and_class >> 4 != 6 || address_is_ipv4(&message->quoted_source.address) ||
        address_is_ipv4(&message->quoted_destination.address)) {
        return LA_DROP_ICMP_QUOTE;
    }
    message->has_quote = true;
    message->quoted_length = IPV6_HEADER_BYTES + payload_length;
    if (message->quoted_protocol != IP_PROTOCOL_TCP) {
        return LA_DROP_NONE;
    }
    struct reader transport = reader_part(&r, QUOTED_TRANSPORT_BYTES);
    message->quoted_source.port = read_u16(&transport);
    message->quoted_destination.port = read_u16(&transport);
    message->quoted_seq = seq_of(read_u32(&transport));
    return r.failed ? LA_DROP_ICMP_TRUNCATED : LA_DROP_NONE;
}

static bool sums_up(const struct packet *packet)
{
    uint64_t sum =
        ipv6_pseudo_checksum(&packet->source, &packet->destination, IP_PROTOCOL_ICMPV6, packet->payload_length);
    return checksum_finish(checksum_add(sum, false, packet->payload, packet->payload_length)) == 0;
}

enum la_drop icmpv6_parse(const struct packet *packet, struct icmp_message *message)
{
    memset(message, 0, sizeof *message);
    struct reader r = reader_of(packet->payload, packet->payload_length);
    message->type = read_u8(&r);
    message->code = read_u8(&r);
    reader_skip(&r, 2);
    uint32_t rest = read_u32(&r);
    if (r.failed) {
        return LA_DROP_ICMP_TRUNCATED;
    }
    if (!sums_up(packet)) {
        return LA_DROP_ICMP_CHECKSUM;
    }
    if (icmpv6_is_error(message->type)) {
        message->mtu = message->type == ICMPV6_PACKET_TOO_BIG ? rest : 0;
        return parse_quote(r, message);
    }
    if (icmpv6_is_neighbor_discovery(message->type)) {
        return check_neighbor_discovery(packet, message);
    }
    bool is_echo = message->type == ICMPV6_ECHO_REQUEST || message->type == ICMPV6_ECHO_REPLY;
    return is_echo && message->code == 0 ? LA_DROP_NONE : LA_DROP_ICMP_TYPE;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t icmpv6_emit(uint8_t *to, const struct icmpv6_header *header, const uint8_t *body, size_t length)
{
    size_t icmp_bytes = ICMP_HEADER_BYTES + length;
    const struct la_address *source = &header->source;
    const struct la_address *destination = &header->destination;
    unsigned ip_bytes = ipv6_emit(to, source, destination, IP_PROTOCOL_ICMPV6, header->hop_limit, icmp_bytes);
    uint8_t *at = to + ip_bytes;
    uint32_t type_and_code = (uint32_t)header->type << 24 | (uint32_t)header->code << 16;
    uint64_t sum = ipv6_pseudo_checksum(source, destination, IP_PROTOCOL_ICMPV6, icmp_bytes);
    sum = checksum_fields(sum, (uint64_t)type_and_code + header->rest);
    if (length > 0) {
        sum = checksum_copy(sum, false, at + ICMP_HEADER_BYTES, body, length);
    }
    put_u32(at, type_and_code | checksum_finish(sum));
    put_u32(at + 4, header->rest);
    return ip_bytes + icmp_bytes;
}

size_t icmpv6_echo_reply_bytes(const struct packet *request, size_t limit)
{
    return smaller(IPV6_HEADER_BYTES + request->payload_length, limit);
}

size_t icmpv6_emit_echo_reply(uint8_t *to, const struct packet *request, uint8_t hop_limit, size_t limit)
{
    const size_t headers = IPV6_HEADER_BYTES + ICMP_HEADER_BYTES;
    size_t whole = icmpv6_echo_reply_bytes(request, limit);
    la_assert(whole >= headers);
    const struct icmpv6_header header = {.source = request->destination,
                                         .destination = request->source,
                                         .hop_limit = hop_limit,
                                         .type = ICMPV6_ECHO_REPLY,
                                         .rest = get_u32(request->payload + 4)}; /* identifier and sequence number */
    return icmpv6_emit(to, &header, request->payload + ICMP_HEADER_BYTES, whole - headers);
}

size_t icmpv6_error_bytes(const struct packet *about)
{
    return smaller(IPV6_HEADER_BYTES + ICMP_HEADER_BYTES + about->length, IPV6_MTU_MIN);
}

size_t icmpv6_emit_error(uint8_t *to, const struct icmpv6_header *header, const struct packet *about)
{
    const size_t headers = IPV6_HEADER_BYTES + ICMP_HEADER_BYTES;
    return icmpv6_emit(to, header, about->bytes, icmpv6_error_bytes(about) - headers);
}
