#include "wire/icmp.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/checksum.h"
#include "wire/ipv4.h"

/* What a quote must hold for the sequence number: ports and sequence number (RFC 792: 64 bits of the datagram). */
#define QUOTED_TRANSPORT_BYTES 8

/* RFC 1812 4.3.2.3: an error has at most this many octets, IP header included. */
#define ERROR_BYTES_MAX 576

/* The highest code assigned; codes beyond it, and types that are not here, have no meaning to us: source quench above
   all (RFC 9293 3.9.2.2, MUST-55). */
static bool code_is_known(uint8_t type, uint8_t code)
{
    switch (type) {
    case ICMP_ECHO_REPLY:
    case ICMP_ECHO_REQUEST: return code == 0;
    case ICMP_UNREACHABLE: return code <= ICMP_UNREACHABLE_PRECEDENCE_CUTOFF;
    case ICMP_TIME_EXCEEDED: return code <= 1;
    case ICMP_PARAMETER_PROBLEM: return code <= 2;
    }
    return false;
}

static struct la_address read_address(struct reader *r)
{
    const uint8_t *octets = reader_take(r, 4);
    return octets != NULL ? address_from_ipv4(octets) : (struct la_address){{0}};
}

/* The header as it came back: a router has changed TTL and maybe checksum, and the packet is cut off, so that only
   what names the connection is looked at (RFC 5927 4.1). */
static enum la_drop parse_quote(struct reader r, struct icmp_message *message)
{
    uint8_t version_and_length = read_u8(&r);
    size_t header_bytes = (size_t)(version_and_length & 15u) * 4;
    reader_skip(&r, 1);
    uint16_t total_length = read_u16(&r);
    reader_skip(&r, 2);
    uint16_t fragment = read_u16(&r);
    reader_skip(&r, 1);
    message->quoted_protocol = read_u8(&r);
    reader_skip(&r, 2);
    message->quoted_source.address = read_address(&r);
    message->quoted_destination.address = read_address(&r);
    if (r.failed) {
        return LA_DROP_ICMP_TRUNCATED;
    }
    if (version_and_length >> 4 != 4 || header_bytes < IPV4_HEADER_BYTES) {
        return LA_DROP_ICMP_QUOTE;
    }
    message->has_quote = true;
    message->quoted_length = total_length;
    if (message->quoted_protocol != IP_PROTOCOL_TCP || (fragment & 0x1fff) != 0) {
        return LA_DROP_NONE;
    }
    reader_skip(&r, header_bytes - IPV4_HEADER_BYTES);
    struct reader transport = reader_part(&r, QUOTED_TRANSPORT_BYTES);
    message->quoted_source.port = read_u16(&transport);
    message->quoted_destination.port = read_u16(&transport);
    message->quoted_seq = seq_of(read_u32(&transport));
    return r.failed ? LA_DROP_ICMP_TRUNCATED : LA_DROP_NONE;
}

enum la_drop icmp_parse(const struct packet *packet, struct icmp_message *message)
{
    memset(message, 0, sizeof *message);
    struct reader r = reader_of(packet->payload, packet->payload_length);
    message->type = read_u8(&r);
    message->code = read_u8(&r);
    reader_skip(&r, 4); /* checksum; the two octets after it mean something to echo only, which is sent back as it is */
    uint16_t mtu = read_u16(&r);
    if (r.failed) {
        return LA_DROP_ICMP_TRUNCATED;
    }
    if (checksum_finish(checksum_add(0, false, packet->payload, packet->payload_length)) != 0) {
        return LA_DROP_ICMP_CHECKSUM;
    }
    if (!code_is_known(message->type, message->code)) {
        return LA_DROP_ICMP_TYPE;
    }
    if (message->type == ICMP_ECHO_REQUEST || message->type == ICMP_ECHO_REPLY) {
        return LA_DROP_NONE;
    }
    if (message->type == ICMP_UNREACHABLE && message->code == ICMP_UNREACHABLE_FRAGMENTATION_NEEDED) {
        message->mtu = mtu; /* RFC 1191 4 */
    }
    return parse_quote(r, message);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What an echo reply and an error have in common: a header whose checksum comes last, and octets of the
   packet that it answers. */
static size_t emit(uint8_t *to, const struct packet *about, uint8_t ttl, const uint8_t header[ICMP_HEADER_BYTES],
                   const uint8_t *octets, size_t length)
{
    unsigned ip_bytes =
        ip_emit(to, &about->destination, &about->source, IP_PROTOCOL_ICMP, ttl, ICMP_HEADER_BYTES + length);
    uint8_t *at = to + ip_bytes;
    uint64_t sum = checksum_copy(0, false, at, header, ICMP_HEADER_BYTES);
    sum = checksum_copy(sum, false, at + ICMP_HEADER_BYTES, octets, length);
    checksum_put(at + 2, sum);
    return ip_bytes + ICMP_HEADER_BYTES + length;
}

size_t icmp_echo_reply_bytes(const struct packet *request, size_t limit)
{
    return smaller(ip_header_bytes(&request->source) + request->payload_length, limit);
}

size_t icmp_emit_echo_reply(uint8_t *to, const struct packet *request, uint8_t ttl, size_t limit)
{
    size_t whole = icmp_echo_reply_bytes(request, limit);
    size_t headers = ip_header_bytes(&request->source) + ICMP_HEADER_BYTES;
    la_assert(whole >= headers);
    uint8_t header[ICMP_HEADER_BYTES];
    memcpy(header, request->payload, sizeof header); /* identifier and sequence number */
    header[0] = ICMP_ECHO_REPLY;
    put_u16(header + 2, 0);
    return emit(to, request, ttl, header, request->payload + ICMP_HEADER_BYTES, whole - headers);
}

size_t icmp_unreachable_bytes(const struct packet *about)
{
    return smaller(ip_header_bytes(&about->source) + ICMP_HEADER_BYTES + about->length, ERROR_BYTES_MAX);
}

static size_t emit_error(uint8_t *to, const struct packet *about, uint8_t type, uint8_t code, uint8_t ttl)
{
    size_t headers = ip_header_bytes(&about->source) + ICMP_HEADER_BYTES;
    const uint8_t header[ICMP_HEADER_BYTES] = {type, code};
    return emit(to, about, ttl, header, about->bytes, icmp_unreachable_bytes(about) - headers);
}

size_t icmp_emit_unreachable(uint8_t *to, const struct packet *about, uint8_t code, uint8_t ttl)
{
    return emit_error(to, about, ICMP_UNREACHABLE, code, ttl);
}

size_t icmp_emit_reassembly_time_exceeded(uint8_t *to, const struct packet *about, uint8_t ttl)
{
    return emit_error(to, about, ICMP_TIME_EXCEEDED, ICMP_TIME_EXCEEDED_REASSEMBLY, ttl);
}
