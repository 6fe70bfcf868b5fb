#include "wire/tcp.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/checksum.h"

enum tcp_option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_TIMESTAMP = 8
};

/* Their lengths: RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC 2018 2. */
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

static void read_timestamp(struct reader *r, struct tcp_options *options)
{
    options->has_timestamp = true;
    options->tsval = read_u32(r);
    options->tsecr = read_u32(r);
}

/* The value of one option. One of a kind that we know, but not of its length, is as good as unknown (MUST-6). */
static void read_option(uint8_t kind, struct reader value, struct tcp_options *options)
{
    size_t length = 2 + reader_left(&value);
    if (kind == OPTION_MSS && length == OPTION_MSS_BYTES) {
        options->has_mss = true;
        options->mss = read_u16(&value);
    } else if (kind == OPTION_WINDOW_SCALE && length == OPTION_WINDOW_SCALE_BYTES) {
        uint8_t shift = read_u8(&value);
        options->has_window_scale = true;
        options->window_scale = shift > TCP_WINDOW_SCALE_MAX ? TCP_WINDOW_SCALE_MAX : shift; /* RFC 7323 2.3 */
    } else if (kind == OPTION_SACK_PERMITTED && length == OPTION_SACK_PERMITTED_BYTES) {
        options->sack_permitted = true;
    } else if (kind == OPTION_TIMESTAMP && length == OPTION_TIMESTAMP_BYTES) {
        read_timestamp(&value, options);
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

/* The options of nearly every segment: NOP, NOP, timestamps (RFC 7323 appendix A). */
static inline bool read_usual_options(struct reader r, struct tcp_options *options)
{
    if (reader_left(&r) != 2 + OPTION_TIMESTAMP_BYTES || read_u32(&r) != NOP_NOP_TIMESTAMP) {
        return false;
    }
    read_timestamp(&r, options);
    return true;
}

enum la_drop tcp_parse(const struct packet *packet, struct segment *segment)
{
    memset(segment, 0, sizeof *segment);
    segment->local.address = packet->destination;
    segment->remote.address = packet->source;
    struct reader all = reader_of(packet->payload, packet->payload_length);
    struct reader r = reader_part(&all, TCP_HEADER_BYTES);
    if (r.failed) {
        return LA_DROP_TCP_TRUNCATED;
    }
    segment->remote.port = read_u16(&r);
    segment->local.port = read_u16(&r);
    segment->seq = seq_of(read_u32(&r));
    segment->ack = seq_of(read_u32(&r));
    size_t header_bytes = (read_u8(&r) >> 4) * 4u;
    segment->flags = read_u8(&r);
    segment->window = read_u16(&r);
    reader_skip(&r, 2); /* checksum */
    segment->urgent = read_u16(&r);

    uint64_t sum = ip_pseudo_checksum(&packet->source, &packet->destination, IP_PROTOCOL_TCP, packet->payload_length);
    if (checksum_finish(checksum_add(sum, false, packet->payload, packet->payload_length)) != 0) {
        return LA_DROP_TCP_CHECKSUM; /* MUST-3 */
    }
    if (header_bytes < TCP_HEADER_BYTES || header_bytes > packet->payload_length) {
        return LA_DROP_TCP_HEADER_LENGTH;
    }
    struct reader options = reader_part(&all, header_bytes - TCP_HEADER_BYTES);
    struct reader text = reader_rest(&all);
    segment->text = text.at;
    segment->length = (uint32_t)reader_left(&text);
    if (header_bytes != TCP_HEADER_BYTES && !read_usual_options(options, &segment->options)) {
        enum la_drop why = read_options(options, &segment->options);
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    return segment->local.port == 0 || segment->remote.port == 0 ? LA_DROP_TCP_PORT : LA_DROP_NONE;
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

/* In the order in which Linux sends them; each is padded to whole words. */
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

unsigned tcp_emit(uint8_t *to, const struct tcp_header *header, uint8_t ttl, size_t text_length, uint64_t text_sum)
{
    const struct la_address *source = &header->local.address;
    const struct la_address *destination = &header->remote.address;
    unsigned tcp_bytes = tcp_header_bytes(&header->options);
    size_t payload_length = tcp_bytes + text_length;
    unsigned ip_bytes = ip_emit(to, source, destination, IP_PROTOCOL_TCP, ttl, payload_length);

    uint64_t fields = header->urgent;
    uint8_t *tcp = to + ip_bytes;
    emit_word(tcp, &fields, (uint32_t)header->local.port << 16 | header->remote.port);
    emit_word(tcp + 4, &fields, header->seq.v);
    emit_word(tcp + 8, &fields, header->ack.v);
    emit_word(tcp + 12, &fields, (uint32_t)(tcp_bytes / 4) << 28 | (uint32_t)header->flags << 16 | header->window);
    put_u16(tcp + 18, header->urgent);
    uint8_t *end = emit_options(tcp + TCP_HEADER_BYTES, &fields, &header->options);
    la_assert(end == tcp + tcp_bytes);

    uint64_t sum = ip_pseudo_checksum(source, destination, IP_PROTOCOL_TCP, payload_length);
    sum = checksum_join(checksum_fields(sum, fields), text_sum);
    put_u16(tcp + 16, checksum_finish(sum));
    return ip_bytes + tcp_bytes;
}
