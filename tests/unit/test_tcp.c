#include "support.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/tcp.h"

enum { TEXT_MAX = 1500, PACKET_MAX = 20 + TCP_HEADER_BYTES_MAX + TEXT_MAX };

static enum la_drop parse(const uint8_t *bytes, size_t length, struct segment *segment)
{
    struct packet packet;
    uint8_t *copy = exact(bytes, length);
    memset(segment, 0xaa, sizeof *segment);
    enum la_drop why = ip_parse(copy, length, &packet);
    if (why == LA_DROP_NONE) {
        why = tcp_parse(&packet, segment);
        if (segment->text != NULL) {
            assert_true(segment->text >= packet.payload + TCP_HEADER_BYTES);
            assert_ptr_equal(segment->text + segment->length, packet.bytes + packet.length);
        } else {
            assert_int_equal(segment->length, 0);
        }
    }
    free(copy);
    return why;
}

/* The TCP checksum over a pseudo-header that is laid out, octet by octet. */
static void fix_checksum(uint8_t *bytes, size_t length)
{
    static uint8_t whole[12 + 65536];
    size_t tcp_length = length - 20;
    put_u16(bytes + 20 + 16, 0);
    memcpy(whole, bytes + 12, 8);
    whole[8] = 0;
    whole[9] = IP_PROTOCOL_TCP;
    put_u16(whole + 10, (uint16_t)tcp_length);
    memcpy(whole + 12, bytes + 20, tcp_length);
    put_u16(bytes + 20 + 16, naive_checksum(whole, 12 + tcp_length));
}

static size_t emit(uint8_t *to, const struct tcp_header *header, const uint8_t *text, size_t length)
{
    size_t headers = 20 + tcp_header_bytes(&header->options);
    uint64_t sum = checksum_copy(0, false, to + headers, text, length);
    assert_int_equal(tcp_emit(to, header, 64, length, sum), headers);
    return headers + length;
}

static const struct la_endpoint usual_local = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1}}, 40000};
static const struct la_endpoint usual_remote = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 2}}, 80};

/* A segment with these octets for options, and three octets of text; source and sequence are those of `usual`. */
static const struct tcp_header usual = {.local = &usual_local,
                                        .remote = &usual_remote,
                                        .seq = {0xfffffffe},
                                        .ack = {0x12345678},
                                        .window = 65535,
                                        .urgent = 7,
                                        .flags = LA_ACK | LA_PSH};

static size_t make(uint8_t *to, const uint8_t *octets, size_t octets_length)
{
    size_t payload = TCP_HEADER_BYTES + octets_length + 3;
    uint8_t *tcp = to + ip_emit(to, &usual_local.address, &usual_remote.address, IP_PROTOCOL_TCP, 64, payload);
    struct writer w = writer_of(tcp, payload);
    write_u16(&w, usual_local.port);
    write_u16(&w, usual_remote.port);
    write_u32(&w, usual.seq.v);
    write_u32(&w, usual.ack.v);
    write_u8(&w, (uint8_t)((TCP_HEADER_BYTES + octets_length) / 4 << 4));
    write_u8(&w, usual.flags);
    write_u16(&w, usual.window);
    write_u16(&w, 0);
    write_u16(&w, usual.urgent);
    write_bytes(&w, octets, octets_length);
    write_bytes(&w, "abc", 3);
    assert_false(w.failed);
    fix_checksum(to, 20 + payload);
    return 20 + payload;
}

static void assert_same_options(const struct tcp_options *a, const struct tcp_options *b)
{
    assert_int_equal(a->has_mss, b->has_mss);
    assert_int_equal(a->has_window_scale, b->has_window_scale);
    assert_int_equal(a->has_timestamp, b->has_timestamp);
    assert_int_equal(a->sack_permitted, b->sack_permitted);
    assert_int_equal(a->window_scale, b->window_scale);
    assert_int_equal(a->mss, b->mss);
    assert_int_equal(a->tsval, b->tsval);
    assert_int_equal(a->tsecr, b->tsecr);
}

/* What a receiver sees of what was sent: the ends change places. */
static void assert_received(const struct segment *segment, const struct tcp_header *header)
{
    assert_true(address_equal(&segment->local.address, &header->remote->address));
    assert_true(address_equal(&segment->remote.address, &header->local->address));
    assert_int_equal(segment->local.port, header->remote->port);
    assert_int_equal(segment->remote.port, header->local->port);
    assert_int_equal(segment->seq.v, header->seq.v);
    assert_int_equal(segment->ack.v, header->ack.v);
    assert_int_equal(segment->window, header->window);
    assert_int_equal(segment->urgent, header->urgent);
    assert_int_equal(segment->flags, header->flags);
}

static uint16_t random_port(uint64_t *seed)
{
    return (uint16_t)(1 + random_u64(seed) % 65535);
}

/* The ends are written to ends[0] and ends[1], for as long as the header is used. */
static struct tcp_header random_header(uint64_t *seed, struct la_endpoint ends[2])
{
    uint8_t octets[8];
    random_bytes(seed, octets, sizeof octets);
    uint64_t choice = random_u64(seed);
    ends[0] = (struct la_endpoint){address_from_ipv4(octets), random_port(seed)};
    ends[1] = (struct la_endpoint){address_from_ipv4(octets + 4), random_port(seed)};
    struct tcp_header header = {.local = &ends[0],
                                .remote = &ends[1],
                                .seq = {(uint32_t)random_u64(seed)},
                                .ack = {(uint32_t)random_u64(seed)},
                                .window = (uint16_t)random_u64(seed),
                                .urgent = (uint16_t)random_u64(seed),
                                .flags = (uint8_t)random_u64(seed)};
    struct tcp_options *options = &header.options;
    options->has_mss = choice & 1;
    options->has_window_scale = choice & 2;
    options->has_timestamp = choice & 4;
    options->sack_permitted = choice & 8;
    options->mss = options->has_mss ? (uint16_t)random_u64(seed) : 0;
    options->window_scale = options->has_window_scale ? (uint8_t)(random_u64(seed) % 15) : 0;
    options->tsval = options->has_timestamp ? (uint32_t)random_u64(seed) : 0;
    options->tsecr = options->has_timestamp ? (uint32_t)random_u64(seed) : 0;
    return header;
}

/* RFC 9293 MUST-2 */
static void what_is_written_is_read(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static uint8_t text[TEXT_MAX];
    for (unsigned round = 0; round < 50000; round++) {
        struct la_endpoint ends[2];
        struct tcp_header header = random_header(&seed, ends);
        size_t length = random_u64(&seed) % (round % 8 == 0 ? TEXT_MAX + 1 : 32);
        random_bytes(&seed, text, length);
        size_t whole = 20 + tcp_header_bytes(&header.options) + length;
        uint8_t *bytes = malloc(whole);
        assert_non_null(bytes);
        assert_int_equal(emit(bytes, &header, text, length), whole);
        uint16_t checksum = get_u16(bytes + 36);
        fix_checksum(bytes, whole);
        assert_int_equal(get_u16(bytes + 36), checksum);
        struct packet packet;
        struct segment segment;
        assert_int_equal(ip_parse(bytes, whole, &packet), LA_DROP_NONE);
        assert_int_equal(tcp_parse(&packet, &segment), LA_DROP_NONE);
        assert_received(&segment, &header);
        assert_same_options(&segment.options, &header.options);
        assert_int_equal(segment.length, length);
        assert_memory_equal(segment.text, text, length);
        assert_int_equal(parse(bytes, whole, &segment), LA_DROP_NONE);
        free(bytes);
    }
}

static void options_are_laid_out_as_linux_does(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    struct tcp_header header = usual;
    header.options = (struct tcp_options){.has_mss = true,
                                          .mss = 1460,
                                          .sack_permitted = true,
                                          .has_timestamp = true,
                                          .tsval = 0x01020304,
                                          .has_window_scale = true,
                                          .window_scale = 7};
    assert_int_equal(emit(bytes, &header, NULL, 0), 60);
    assert_memory_equal(bytes + 40, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x01\x02\x03\x04\x00\x00\x00\x00\x01\x03\x03\x07",
                        20);
    header.options = (struct tcp_options){.has_timestamp = true, .tsval = 1, .tsecr = 2};
    assert_int_equal(emit(bytes, &header, NULL, 0), 52);
    assert_memory_equal(bytes + 40, "\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12);
    header.options = (struct tcp_options){.sack_permitted = true};
    assert_int_equal(emit(bytes, &header, NULL, 0), 44);
    assert_memory_equal(bytes + 40, "\x01\x01\x04\x02", 4);
    header.options = (struct tcp_options){0};
    assert_int_equal(emit(bytes, &header, NULL, 0), 40);
}

/* MUST-68: each option but END and NOP has a length, which is right; MUST-69: there is no END that would want padding,
   and the options fill the header exactly. */
static void what_is_written_has_lengths_and_no_padding(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 16; set++) {
        uint8_t bytes[PACKET_MAX];
        struct tcp_header header = usual;
        header.options = (struct tcp_options){
            .has_mss = set & 1, .has_window_scale = set & 2, .has_timestamp = set & 4, .sack_permitted = set & 8};
        size_t whole = emit(bytes, &header, NULL, 0);
        size_t at = 40;
        while (at < whole) {
            assert_int_not_equal(bytes[at], 0);
            at += bytes[at] == 1 ? 1 : bytes[at + 1];
        }
        assert_int_equal(at, whole);
        assert_int_equal((bytes[32] >> 4) * 4, whole - 20);
    }
}

/* RFC 9293 MUST-4, MUST-64 */
static void every_set_of_options_at_every_alignment(void **state)
{
    (void)state;
    static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
    static const uint8_t scale[] = {3, 3, 9};
    static const uint8_t sack[] = {4, 2};
    static const uint8_t stamp[] = {8, 10, 0, 0, 0, 5, 0, 0, 0, 6};
    for (unsigned set = 0; set < 16; set++) {
        for (unsigned nops = 0; nops < 12; nops++) {
            for (int end = 0; end < 2; end++) {
                uint8_t octets[40];
                uint8_t bytes[PACKET_MAX];
                struct segment segment;
                memset(octets, end, sizeof octets); /* padded with END, or with NOPs */
                memset(octets, 1, nops);
                struct writer w = writer_of(octets, sizeof octets);
                (void)writer_take(&w, nops);
                write_bytes(&w, stamp, set & 1 ? sizeof stamp : 0);
                write_bytes(&w, scale, set & 2 ? sizeof scale : 0);
                write_bytes(&w, sack, set & 4 ? sizeof sack : 0);
                write_bytes(&w, mss, set & 8 ? sizeof mss : 0);
                assert_false(w.failed);
                size_t length = ((size_t)(w.at - octets) + 3) & ~(size_t)3;
                size_t whole = make(bytes, octets, length);
                assert_int_equal(parse(bytes, whole, &segment), LA_DROP_NONE);
                struct tcp_options expected = {.has_timestamp = set & 1,
                                               .tsval = set & 1 ? 5 : 0,
                                               .tsecr = set & 1 ? 6 : 0,
                                               .has_window_scale = set & 2,
                                               .window_scale = set & 2 ? 9 : 0,
                                               .sack_permitted = set & 4,
                                               .has_mss = set & 8,
                                               .mss = set & 8 ? 1460 : 0};
                assert_same_options(&segment.options, &expected);
                assert_received(&segment, &usual);
                assert_int_equal(segment.length, 3);
            }
        }
    }
}

static void options_that_are_not_as_they_should_be(void **state)
{
    (void)state;
    static const struct {
        uint8_t octets[12];
        size_t length;
        enum la_drop why;
    } cases[] = {
        {{254, 4, 0, 0}, 4, LA_DROP_NONE},                         /* unknown: skipped (MUST-6) */
        {{5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}, 12, LA_DROP_NONE}, /* SACK */
        {{0, 8, 0, 0}, 4, LA_DROP_NONE},                           /* behind the end nothing counts */
        {{2, 3, 9, 0}, 4, LA_DROP_NONE},                           /* an MSS of a length that it does not have */
        {{8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, LA_DROP_NONE},
        {{3, 4, 7, 0}, 4, LA_DROP_NONE},
        {{4, 3, 0, 0}, 4, LA_DROP_NONE},
        {{2, 0, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH}, /* MUST-7 */
        {{2, 1, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{254, 0, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{254, 1, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{254, 5, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{254, 255, 0, 0}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{1, 2, 4, 5}, 4, LA_DROP_TCP_OPTION_LENGTH},
        {{1, 1, 1, 254}, 4, LA_DROP_TCP_OPTION_LENGTH}, /* no length */
        {{1, 1, 8, 11, 0, 0, 0, 1, 0, 0, 0, 2}, 12, LA_DROP_TCP_OPTION_LENGTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[PACKET_MAX];
        struct segment segment;
        static const struct tcp_options none;
        size_t whole = make(bytes, cases[i].octets, cases[i].length);
        assert_int_equal(parse(bytes, whole, &segment), cases[i].why);
        assert_same_options(&segment.options, &none);
        assert_received(&segment, &usual);
        assert_int_equal(segment.length, 3);
    }
}

static void a_window_scale_above_14_is_14(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 256; shift++) {
        uint8_t octets[4] = {3, 3, (uint8_t)shift, 0};
        uint8_t bytes[PACKET_MAX];
        struct segment segment;
        size_t whole = make(bytes, octets, sizeof octets);
        assert_int_equal(parse(bytes, whole, &segment), LA_DROP_NONE);
        assert_int_equal(segment.options.window_scale, shift > 14 ? 14 : shift);
    }
}

static void every_truncation(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    struct segment segment;
    size_t whole = make(bytes, (const uint8_t *)"\x02\x04\x05\xb4", 4);
    for (size_t length = 20; length < whole; length++) {
        uint8_t cut[PACKET_MAX];
        memcpy(cut, bytes, length);
        ip_emit(cut, &usual_local.address, &usual_remote.address, IP_PROTOCOL_TCP, 64, length - 20);
        bool has_header = length >= 40;
        assert_int_equal(parse(cut, length, &segment), has_header ? LA_DROP_TCP_CHECKSUM : LA_DROP_TCP_TRUNCATED);
        assert_int_equal(segment.seq.v, has_header ? usual.seq.v : 0);
        assert_true(address_equal(&segment.local.address, &usual_remote.address));
        if (!has_header) {
            continue;
        }
        fix_checksum(cut, length);
        assert_int_equal(parse(cut, length, &segment), length < 44 ? LA_DROP_TCP_HEADER_LENGTH : LA_DROP_NONE);
        assert_received(&segment, &usual);
    }
}

static void data_offsets(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 16; words++) {
        uint8_t bytes[PACKET_MAX];
        struct segment segment;
        static const uint8_t nops[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
        size_t whole = make(bytes, nops, sizeof nops) - 3;
        ip_emit(bytes, &usual_local.address, &usual_remote.address, IP_PROTOCOL_TCP, 64, whole - 20);
        for (unsigned reserved = 0; reserved < 16; reserved++) { /* RFC 9293 3.1: ignored */
            bytes[32] = (uint8_t)(words << 4 | reserved);
            fix_checksum(bytes, whole);
            bool fits = words >= 5 && words <= 10;
            assert_int_equal(parse(bytes, whole, &segment), fits ? LA_DROP_NONE : LA_DROP_TCP_HEADER_LENGTH);
            assert_int_equal(segment.length, fits ? 40 - 4 * words : 0);
            assert_received(&segment, &usual);
        }
    }
}

static void port_zero(void **state)
{
    (void)state;
    for (unsigned which = 1; which < 4; which++) {
        uint8_t bytes[PACKET_MAX];
        struct segment segment;
        struct tcp_header header = usual;
        const struct la_endpoint local = {usual_local.address, which & 1 ? 0 : 1};
        const struct la_endpoint remote = {usual_remote.address, which & 2 ? 0 : 1};
        header.local = &local;
        header.remote = &remote;
        size_t whole = emit(bytes, &header, (const uint8_t *)"x", 1);
        assert_int_equal(parse(bytes, whole, &segment), LA_DROP_TCP_PORT);
        assert_received(&segment, &header);
    }
}

/* RFC 9293 MUST-3 */
static void every_wrong_bit_is_seen(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    struct segment segment;
    size_t whole = make(bytes, (const uint8_t *)"\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", 12);
    for (size_t bit = 0; bit < 8 * whole; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum la_drop why = parse(bytes, whole, &segment);
        assert_int_not_equal(why, LA_DROP_NONE);
        if (bit >= 160) {
            assert_int_equal(why, LA_DROP_TCP_CHECKSUM);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(parse(bytes, whole, &segment), LA_DROP_NONE);
}

static void random_octets_are_read_within_their_bounds(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t bytes[100];
        struct segment segment;
        size_t tcp = random_u64(&seed) % 80;
        random_bytes(&seed, bytes, sizeof bytes);
        for (size_t i = 40; i < sizeof bytes && round % 2 == 0; i++) {
            bytes[i] %= 11; /* options are likely */
        }
        ip_emit(bytes, &usual_local.address, &usual_remote.address, IP_PROTOCOL_TCP, 64, tcp);
        if (tcp >= TCP_HEADER_BYTES) {
            fix_checksum(bytes, 20 + tcp);
        }
        (void)parse(bytes, 20 + tcp, &segment);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(options_are_laid_out_as_linux_does),
        cmocka_unit_test(what_is_written_has_lengths_and_no_padding),
        cmocka_unit_test(every_set_of_options_at_every_alignment),
        cmocka_unit_test(options_that_are_not_as_they_should_be),
        cmocka_unit_test(a_window_scale_above_14_is_14),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(data_offsets),
        cmocka_unit_test(port_zero),
        cmocka_unit_test(every_wrong_bit_is_seen),
        cmocka_unit_test(random_octets_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
