#include "wire/tcp.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/checksum.h"

/* RFC 9293 3.1, MUST-4, and those of RFC 7323 and RFC 2018. */
enum tcp_option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_TIMESTAMP = 8
};

/* Their lengths: RFC 9293 3.2 (MUST-68), RFC 7323 2.2 and 3.2, RFC 2018 2. */
enum tcp_option_length {
    OPTION_MSS_BYTES = 4,
    OPTION_WINDOW_SCALE_BYTES = 3,
    OPTION_SACK_PERMITTED_BYTES = 2,
    OPTION_TIMESTAMP_BYTES = 10
};

#define NOP_NOP_TIMESTAMP        UINT32_C(0x0101080a)
#define SACK_PERMITTED_TIMESTAMP UINT32_C(0x0402080a)
#define NOP_NOP_SACK_PERMITTED   UINT32_C(0x01010402)
#define MSS                      UINT32_C(0x02040000)
#define NOP_WINDOW_SCALE         UINT32_C(0x01030300)

static inline void take_timestamp(const uint8_t *value, struct tcp_options *options)
{
    options->has_timestamp = true;
    options->tsval = get_u32(value);
    options->tsecr = get_u32(value + 4);
}

static inline void take_window_scale(uint8_t shift, struct tcp_options *options)
{
    options->has_window_scale = true;
    options->window_scale = shift > TCP_WINDOW_SCALE_MAX ? TCP_WINDOW_SCALE_MAX : shift; /* RFC 7323 2.3 */
}

/* The value of one option. One of a kind that we know, but not of its length, is as good as unknown (MUST-6). */
static void read_option(uint8_t kind, struct reader value, struct tcp_options *options)
{
    size_t length = 2 + reader_left(&value);
    if (kind == OPTION_MSS && length == OPTION_MSS_BYTES) {
        options->has_mss = true;
        options->mss = read_u16(&value);
    } else if (kind == OPTION_WINDOW_SCALE && length == OPTION_WINDOW_SCALE_BYTES) {
        take_window_scale(read_u8(&value), options);
    } else if (kind == OPTION_SACK_PERMITTED && length == OPTION_SACK_PERMITTED_BYTES) {
        options->sack_permitted = true;
    } else if (kind == OPTION_TIMESTAMP && length == OPTION_TIMESTAMP_BYTES) {
        take_timestamp(value.at, options);
    }
}

/* MUST-5: in any segment; MUST-7: no trust in lengths; MUST-64: at any alignment. */
static enum la_drop read_options(struct reader r, struct tcp_options *options)
{
    while (reader_left(&r) > 0) {
        uint8_t kind = read_u8(&r);
        if (kind == OPTION_END) {
            return LA_DROP_NONE;
        }
        if (kind == OPTION_NOP) {
            continue;
        }
        uint8_t length = read_u8(&r);
        struct reader value = reader_part(&r, length - 2u); /* a length under 2 wraps around, to more than there is */
        if (r.failed) {
            return LA_DROP_TCP_OPTION_LENGTH;
        }
        read_option(kind, value, options);
    }
    return LA_DROP_NONE;
}

/* The options of nearly every SYN, in the order in which Linux sends them, and emit_options: MSS, timestamps with
   SACK-permitted or two NOPs before them, NOP, window scale. */
#define SYN_OPTIONS_BYTES (OPTION_MSS_BYTES + 2 + OPTION_TIMESTAMP_BYTES + 1 + OPTION_WINDOW_SCALE_BYTES)

static inline bool is_syn_options(const uint8_t *options, size_t length)
{
    return length == SYN_OPTIONS_BYTES && (get_u32(options) & UINT32_C(0xffff0000)) == MSS &&
           (get_u32(options + 4) == SACK_PERMITTED_TIMESTAMP || get_u32(options + 4) == NOP_NOP_TIMESTAMP) &&
           (get_u32(options + 16) & UINT32_C(0xffffff00)) == NOP_WINDOW_SCALE;
}

static inline void take_syn_options(const uint8_t *values, struct tcp_options *options)
{
    options->has_mss = true;
    options->mss = get_u16(values + 2);
    options->sack_permitted = get_u32(values + 4) == SACK_PERMITTED_TIMESTAMP;
    take_timestamp(values + 8, options);
    take_window_scale(values[19], options);
}

/* Nearly every segment has 32 octets of header, the options being NOP, NOP, timestamps (RFC 7323 appendix A). */
#define USUAL_HEADER_BYTES (TCP_HEADER_BYTES + 2 + OPTION_TIMESTAMP_BYTES)

static inline bool is_usual(const struct packet *packet)
{
    return packet->payload_length >= USUAL_HEADER_BYTES && packet->payload[12] >> 4 == USUAL_HEADER_BYTES / 4 &&
           get_u32(packet->payload + TCP_HEADER_BYTES) == NOP_NOP_TIMESTAMP;
}

static inline uint64_t pseudo_checksum(const struct packet *packet)
{
    return ip_pseudo_checksum(&packet->source, &packet->destination, IP_PROTOCOL_TCP, packet->payload_length);
}

/* The sum of the segment, whose first `known` octets, a constant, are summed without a loop: a pure ACK has no more. */
static inline uint64_t sum_of_segment(const struct packet *packet, size_t known)
{
    uint64_t sum = pseudo_checksum(packet);
    for (size_t at = 0; at < known; at += 8) {
        sum = checksum_join(sum, load_u64(packet->payload + at));
    }
    size_t rest = packet->payload_length - known;
    return rest == 0 ? sum : checksum_add(sum, false, packet->payload + known, rest);
}

static bool is_whole(const struct packet *packet)
{
    bool may_be_syn = packet->payload_length == TCP_HEADER_BYTES + SYN_OPTIONS_BYTES;
    return checksum_is_right(may_be_syn ? sum_of_segment(packet, TCP_HEADER_BYTES + SYN_OPTIONS_BYTES)
                                        : sum_of_segment(packet, 0));
}

static enum la_drop check_ports(const struct segment *segment)
{
    return segment->local.port == 0 || segment->remote.port == 0 ? LA_DROP_TCP_PORT : LA_DROP_NONE;
}

/* The fields are at fixed places, once it is known that there are twenty octets. */
APART static enum la_drop parse_any(const struct packet *packet, struct segment *segment)
{
    *segment = (struct segment){.local.address = packet->destination,
                                .remote.address = packet->source,
                                .tos = packet->tos,
                                .source_route = packet->source_route};
    const uint8_t *header = packet->payload;
    if (packet->payload_length < TCP_HEADER_BYTES) {
        return LA_DROP_TCP_TRUNCATED;
    }
    segment->remote.port = get_u16(header);
    segment->local.port = get_u16(header + 2);
    segment->seq = seq_of(get_u32(header + 4));
    segment->ack = seq_of(get_u32(header + 8));
    size_t header_bytes = (size_t)(header[12] >> 4) * 4;
    segment->flags = header[13];
    segment->window = get_u16(header + 14);
    segment->urgent = get_u16(header + 18);

    if (!is_whole(packet)) {
        return LA_DROP_TCP_CHECKSUM; /* MUST-3 */
    }
    if (header_bytes < TCP_HEADER_BYTES || header_bytes > packet->payload_length) {
        return LA_DROP_TCP_HEADER_LENGTH;
    }
    segment->text = header + header_bytes;
    segment->length = (uint32_t)(packet->payload_length - header_bytes);
    const uint8_t *options = header + TCP_HEADER_BYTES;
    if (is_syn_options(options, header_bytes - TCP_HEADER_BYTES)) {
        take_syn_options(options, &segment->options);
    } else if (header_bytes > TCP_HEADER_BYTES) {
        enum la_drop why = read_options(reader_of(options, header_bytes - TCP_HEADER_BYTES), &segment->options);
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    return check_ports(segment);
}

enum la_drop tcp_parse(const struct packet *packet, struct segment *segment)
{
    if (!is_usual(packet) || !checksum_is_right(sum_of_segment(packet, USUAL_HEADER_BYTES))) {
        return parse_any(packet, segment);
    }
    const uint8_t *header = packet->payload;
    *segment = (struct segment){.local = {packet->destination, get_u16(header + 2)},
                                .remote = {packet->source, get_u16(header)},
                                .seq = seq_of(get_u32(header + 4)),
                                .ack = seq_of(get_u32(header + 8)),
                                .length = (uint32_t)(packet->payload_length - USUAL_HEADER_BYTES),
                                .text = header + USUAL_HEADER_BYTES,
                                .window = get_u16(header + 14),
                                .urgent = get_u16(header + 18),
                                .flags = header[13],
                                .tos = packet->tos,
                                .source_route = packet->source_route,
                                .options = {.has_timestamp = true,
                                            .tsval = get_u32(header + TCP_HEADER_BYTES + 4),
                                            .tsecr = get_u32(header + TCP_HEADER_BYTES + 8)}};
    return check_ports(segment);
}

unsigned tcp_header_bytes(const struct tcp_options *options)
{
    unsigned bytes = TCP_HEADER_BYTES;
    bytes += options->has_mss ? OPTION_MSS_BYTES : 0;
    if (options->has_timestamp) {
        bytes += 2 + OPTION_TIMESTAMP_BYTES; /* SACK-permitted takes the place of the two NOPs */
    } else if (options->sack_permitted) {
        bytes += 2 + OPTION_SACK_PERMITTED_BYTES;
    }
    bytes += options->has_window_scale ? 1 + OPTION_WINDOW_SCALE_BYTES : 0;
    return bytes;
}

/* Words are summed as they are written, so that nothing is read back. */
static inline uint8_t *emit_word(uint8_t *at, uint64_t *fields, uint32_t word)
{
    put_u32(at, word);
    *fields += word;
    return at + 4;
}

/* In the order in which Linux sends them; each is padded to whole words, so that nothing is left behind the last (RFC
   9293 3.1, MUST-69). */
static inline uint8_t *emit_options(uint8_t *at, uint64_t *fields, const struct tcp_options *options)
{
    if (options->has_mss) {
        at = emit_word(at, fields, MSS | options->mss);
    }
    if (options->has_timestamp) {
        at = emit_word(at, fields, options->sack_permitted ? SACK_PERMITTED_TIMESTAMP : NOP_NOP_TIMESTAMP);
        at = emit_word(at, fields, options->tsval);
        at = emit_word(at, fields, options->tsecr);
    } else if (options->sack_permitted) {
        at = emit_word(at, fields, NOP_NOP_SACK_PERMITTED);
    }
    if (options->has_window_scale) {
        at = emit_word(at, fields, NOP_WINDOW_SCALE | options->window_scale);
    }
    return at;
}

/* Both versions' code from one text: version is known when it is compiled. */
static inline unsigned emit_in(unsigned version, uint8_t *restrict to, const struct tcp_header *restrict header,
                               uint8_t ttl, size_t text_length, uint64_t text_sum)
{
    const struct la_address *source = &header->local->address;
    const struct la_address *destination = &header->remote->address;
    uint64_t fields = header->urgent;
    uint8_t *tcp = to + (version == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
    emit_word(tcp, &fields, (uint32_t)header->local->port << 16 | header->remote->port);
    emit_word(tcp + 4, &fields, header->seq.v);
    emit_word(tcp + 8, &fields, header->ack.v);
    uint8_t *text = emit_options(tcp + TCP_HEADER_BYTES, &fields, &header->options);
    uint32_t tcp_bytes = (uint32_t)(text - tcp);
    emit_word(tcp + 12, &fields, tcp_bytes << 26 | (uint32_t)header->flags << 16 | header->window);

    size_t payload_length = tcp_bytes + text_length;
    uint64_t sum = version == 4 ? ipv4_pseudo_checksum(source, destination, IP_PROTOCOL_TCP, payload_length)
                                : ipv6_pseudo_checksum(source, destination, IP_PROTOCOL_TCP, payload_length);
    sum = checksum_join(checksum_fields(sum, fields), text_sum); /* MUST-2 */
    checksum_put(tcp + 16, sum);
    put_u16(tcp + 18, header->urgent);
    unsigned ip_bytes = version == 4 ? ipv4_emit(to, source, destination, IP_PROTOCOL_TCP, ttl, payload_length)
                                     : ipv6_emit(to, source, destination, IP_PROTOCOL_TCP, ttl, payload_length);
    return ip_bytes + tcp_bytes;
}

COLD static unsigned emit_ipv6(uint8_t *restrict to, const struct tcp_header *restrict header, uint8_t ttl,
                               size_t text_length, uint64_t text_sum)
{
    return emit_in(6, to, header, ttl, text_length, text_sum);
}

unsigned tcp_emit(uint8_t *restrict to, const struct tcp_header *restrict header, uint8_t ttl, size_t text_length,
                  uint64_t text_sum)
{
    return address_is_ipv4(&header->remote->address) ? emit_in(4, to, header, ttl, text_length, text_sum)
                                                     : emit_ipv6(to, header, ttl, text_length, text_sum);
}
