#include "packet.h"

#include <string.h>

/* Packets as octets. Written apart from the core, which is what is tested with them. */

enum {
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    TCP_BYTES = 20,
    ICMP_BYTES = 8,
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_ICMPV6 = 58,
    TTL_DEFAULT = 255
};

static void put16(uint8_t *octets, uint32_t value)
{
    octets[0] = (uint8_t)(value >> 8);
    octets[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *octets)
{
    return (uint16_t)(octets[0] << 8 | octets[1]);
}

uint8_t packet_pattern(uint32_t place)
{
    return (uint8_t)(place % 251 + (place >> 16));
}

/* ---- the checksum of RFC 1071 ---- */

static uint64_t sum_octets(uint64_t sum, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(octets + i);
    if (length % 2 != 0)
        sum += (uint64_t)octets[length - 1] << 8;
    return sum;
}

static uint16_t sum_folded(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Both families' pseudo-headers give the same sum, since an IPv4 address in its mapped form is taken without its
   prefix. */
static uint64_t sum_pseudo_header(const struct packet *packet, unsigned protocol, size_t length)
{
    size_t from = la_address_is_ipv4(&packet->source.address) ? 12 : 0;
    uint64_t sum = protocol + length;
    sum = sum_octets(sum, packet->source.address.octets + from, 16 - from);
    return sum_octets(sum, packet->destination.address.octets + from, 16 - from);
}

/* ---- building ---- */

static size_t put_ip(const struct packet *packet, unsigned protocol, size_t payload, uint8_t *octets)
{
    uint8_t ttl = packet->ttl != 0 ? packet->ttl : TTL_DEFAULT;
    if (la_address_is_ipv4(&packet->source.address)) {
        memset(octets, 0, IPV4_BYTES);
        octets[0] = 0x45;
        octets[1] = packet->tos;
        put16(&octets[2], (uint32_t)(IPV4_BYTES + payload));
        put16(&octets[6], 0x4000); /* don't fragment */
        octets[8] = ttl;
        octets[9] = (uint8_t)protocol;
        memcpy(&octets[12], packet->source.address.octets + 12, 4);
        memcpy(&octets[16], packet->destination.address.octets + 12, 4);
        put16(&octets[10], sum_folded(sum_octets(0, octets, IPV4_BYTES)));
        return IPV4_BYTES;
    }
    packet_put32(octets, 0x60000000U | (uint32_t)packet->tos << 20 | packet->flow_label);
    put16(&octets[4], (uint32_t)payload);
    octets[6] = (uint8_t)protocol;
    octets[7] = ttl;
    memcpy(&octets[8], packet->source.address.octets, 16);
    memcpy(&octets[24], packet->destination.address.octets, 16);
    return IPV6_BYTES;
}

static size_t build_tcp(const struct packet *packet, uint32_t text_place, uint8_t *octets)
{
    size_t header = TCP_BYTES + (size_t)packet->option_bytes;
    size_t length = header + packet->length;
    uint8_t *tcp = octets + put_ip(packet, PROTOCOL_TCP, length, octets);
    put16(&tcp[0], packet->source.port);
    put16(&tcp[2], packet->destination.port);
    packet_put32(&tcp[4], packet->seq);
    packet_put32(&tcp[8], packet->ack);
    put16(&tcp[12], (uint32_t)(header / 4) << 12 | packet->flags);
    put16(&tcp[14], packet->window);
    put16(&tcp[16], 0);
    put16(&tcp[18], packet->urgent);
    memcpy(&tcp[TCP_BYTES], packet->options, packet->option_bytes);
    for (uint32_t i = 0; i < packet->length; i++)
        tcp[header + i] = packet_pattern(text_place + i);
    put16(&tcp[16], sum_folded(sum_octets(sum_pseudo_header(packet, PROTOCOL_TCP, length), tcp, length)));
    return (size_t)(tcp - octets) + length;
}

/* The packet of the host's that an error is about: its IP header and eight octets, which hold the ports and the
   number. */
static size_t put_quote(const struct packet *packet, uint8_t *octets)
{
    struct packet quoted = {.source = packet->destination, .destination = packet->source, .ttl = 64};
    size_t header = put_ip(&quoted, PROTOCOL_TCP, TCP_BYTES + (size_t)packet->quote_length, octets);
    put16(&octets[header], quoted.source.port);
    put16(&octets[header + 2], quoted.destination.port);
    packet_put32(&octets[header + 4], packet->quote_seq);
    return header + PACKET_QUOTE_BYTES;
}

static void put_echo(const struct packet *packet, uint8_t *icmp, size_t length)
{
    put16(&icmp[4], packet->echo_id);
    for (size_t i = ICMP_BYTES; i < length; i++)
        icmp[i] = packet_pattern((uint32_t)(i - ICMP_BYTES));
}

static size_t build_icmp(const struct packet *packet, uint8_t *octets)
{
    bool is_ipv4 = la_address_is_ipv4(&packet->source.address);
    uint8_t *icmp = octets + (is_ipv4 ? IPV4_BYTES : IPV6_BYTES);
    size_t length = ICMP_BYTES;
    if (packet->quote == QUOTE_RAW && packet->quote_length > ICMP_BYTES)
        length = packet->quote_length;
    memset(icmp, 0, length);
    icmp[0] = packet->icmp_type;
    icmp[1] = packet->icmp_code;
    if (packet->has_mtu && is_ipv4)
        put16(&icmp[6], packet->mtu); /* RFC 1191 4 */
    else if (packet->has_mtu)
        packet_put32(&icmp[4], packet->mtu); /* RFC 4443 3.2 */
    else if (!icmp_is_error(is_ipv4, packet->icmp_type))
        put_echo(packet, icmp, length);
    if (packet->quote == QUOTE_TCP)
        length += put_quote(packet, icmp + ICMP_BYTES);
    uint64_t sum = is_ipv4 ? 0 : sum_pseudo_header(packet, PROTOCOL_ICMPV6, length);
    put16(&icmp[2], sum_folded(sum_octets(sum, icmp, length)));
    put_ip(packet, is_ipv4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6, length, octets);
    return (size_t)(icmp - octets) + length;
}

size_t packet_build(const struct packet *packet, uint32_t text_place, uint8_t *octets, size_t size)
{
    size_t most = IPV6_BYTES + TCP_BYTES + PACKET_OPTIONS_MAX;
    most += packet->protocol == PACKET_TCP ? packet->length
            : packet->quote == QUOTE_RAW   ? packet->quote_length
                                           : IPV6_BYTES + PACKET_QUOTE_BYTES;
    if (most > size || most > PACKET_BYTES_MAX)
        return 0;
    return packet->protocol == PACKET_TCP ? build_tcp(packet, text_place, octets) : build_icmp(packet, octets);
}

/* ---- reading ---- */

static const char *read_ipv4(const uint8_t *octets, size_t length, struct packet *packet, unsigned *protocol,
                             size_t *header)
{
    *header = (size_t)(octets[0] & 0xf) * 4;
    if (length < IPV4_BYTES || *header < IPV4_BYTES || *header > length)
        return "an IPv4 header of a wrong length";
    if (get16(&octets[2]) != length)
        return "an IPv4 total length that is not the packet's";
    if (sum_folded(sum_octets(0, octets, *header)) != 0)
        return "a wrong IPv4 header checksum";
    if ((get16(&octets[6]) & 0x3fff) != 0)
        return "a fragment";
    packet->tos = octets[1];
    packet->ttl = octets[8];
    *protocol = octets[9];
    packet->source.address = la_address_ipv4(octets[12], octets[13], octets[14], octets[15]);
    packet->destination.address = la_address_ipv4(octets[16], octets[17], octets[18], octets[19]);
    return NULL;
}

static const char *read_ipv6(const uint8_t *octets, size_t length, struct packet *packet, unsigned *protocol,
                             size_t *header)
{
    if (length < IPV6_BYTES || get16(&octets[4]) != length - IPV6_BYTES)
        return "an IPv6 payload length that is not the packet's";
    uint32_t first = packet_get32(octets);
    packet->tos = (uint8_t)(first >> 20);
    packet->has_flow_label = true;
    packet->flow_label = first & 0xfffff;
    packet->ttl = octets[7];
    *protocol = octets[6];
    memcpy(packet->source.address.octets, &octets[8], 16);
    memcpy(packet->destination.address.octets, &octets[24], 16);
    *header = IPV6_BYTES;
    return NULL;
}

static const char *read_tcp(const uint8_t *tcp, size_t length, struct packet *packet, const uint8_t **text)
{
    size_t header = length >= TCP_BYTES ? (size_t)(tcp[12] >> 4) * 4 : 0;
    if (header < TCP_BYTES || header > length)
        return "a TCP header of a wrong length";
    if (sum_folded(sum_octets(sum_pseudo_header(packet, PROTOCOL_TCP, length), tcp, length)) != 0)
        return "a wrong TCP checksum";
    if ((tcp[12] & 0x0e) != 0)
        return "a TCP header whose reserved bits are not zero";
    packet->protocol = PACKET_TCP;
    packet->source.port = get16(&tcp[0]);
    packet->destination.port = get16(&tcp[2]);
    packet->seq = packet_get32(&tcp[4]);
    packet->ack = packet_get32(&tcp[8]);
    packet->flags = get16(&tcp[12]) & 0x1ff;
    packet->window = get16(&tcp[14]);
    packet->has_window = true;
    packet->urgent = get16(&tcp[18]);
    packet->option_bytes = (uint8_t)(header - TCP_BYTES);
    memcpy(packet->options, &tcp[TCP_BYTES], packet->option_bytes);
    packet->length = (uint32_t)(length - header);
    *text = tcp + header;
    return NULL;
}

/* The MTU of the one error that has one: RFC 1191 4, RFC 4443 3.2. */
static void read_mtu(const uint8_t *icmp, bool is_ipv4, struct packet *packet)
{
    packet->has_mtu = is_ipv4 ? icmp[0] == 3 && icmp[1] == 4 : icmp[0] == 2;
    if (packet->has_mtu)
        packet->mtu = is_ipv4 ? get16(&icmp[6]) : packet_get32(&icmp[4]);
}

static const char *read_icmp(const uint8_t *icmp, size_t length, struct packet *packet, const uint8_t **text)
{
    bool is_ipv4 = la_address_is_ipv4(&packet->source.address);
    uint64_t sum = is_ipv4 ? 0 : sum_pseudo_header(packet, PROTOCOL_ICMPV6, length);
    if (length < ICMP_BYTES)
        return "an ICMP message shorter than its header";
    if (sum_folded(sum_octets(sum, icmp, length)) != 0)
        return "a wrong ICMP checksum";
    packet->protocol = PACKET_ICMP;
    packet->icmp_type = icmp[0];
    packet->icmp_code = icmp[1];
    read_mtu(icmp, is_ipv4, packet);
    packet->has_id = !icmp_is_error(is_ipv4, icmp[0]);
    packet->echo_id = packet->has_id ? get16(&icmp[4]) : 0;
    packet->quote = QUOTE_RAW;
    packet->quote_length = (uint32_t)length;
    packet->length = (uint32_t)(length - ICMP_BYTES);
    *text = icmp + ICMP_BYTES;
    return NULL;
}

const char *packet_read(const uint8_t *octets, size_t length, struct packet *packet, const uint8_t **text)
{
    unsigned protocol = 0;
    size_t header = 0;
    const char *wrong = "neither IPv4 nor IPv6";
    *packet = (struct packet){.is_outbound = true};
    *text = octets;
    if (length > 0 && octets[0] >> 4 == 4)
        wrong = read_ipv4(octets, length, packet, &protocol, &header);
    else if (length > 0 && octets[0] >> 4 == 6)
        wrong = read_ipv6(octets, length, packet, &protocol, &header);
    if (wrong != NULL)
        return wrong;
    if (protocol == PROTOCOL_TCP)
        return read_tcp(octets + header, length - header, packet, text);
    if (protocol == (la_address_is_ipv4(&packet->source.address) ? PROTOCOL_ICMP : PROTOCOL_ICMPV6))
        return read_icmp(octets + header, length - header, packet, text);
    return "neither TCP nor ICMP";
}
