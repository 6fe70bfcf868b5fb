#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lastack/lastack.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "host/host_inspect.h"
#include "wire/icmp.h"
#include "wire/icmpv6.h"
#include "wire/source_route.h"
#include "wire/tcp.h"

/* Fragments against a plain model: what was cut up, in any order, twice and with losses, is answered as if it had come
   whole, or not at all. What is sent are echo requests, whose answers are put together by the test. */

enum { MTU = 1500, PAYLOAD_MAX = 65535, PARTS_MAX = 200 };

struct part {
    size_t length;
    uint8_t bytes[MTU + 100];
};

struct test {
    la_host *host;
    size_t size;
    la_time now;
    struct part parts[PARTS_MAX];
    unsigned count;
};

static uint64_t random_u64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct la_address address(const char *text)
{
    struct la_address parsed;
    assert_int_equal(la_address_parse(text, &parsed), LA_OK);
    return parsed;
}

static struct test *begin(uint32_t reassembly_bytes)
{
    static struct test test;
    struct la_config config;
    la_config_default(&config);
    config.connections = 4;
    config.buffer_pieces = 16;
    config.time_wait_ipv4 = 4;
    config.time_wait_ipv6 = 4;
    config.reassembly_bytes = reassembly_bytes;
    config.reassembly_ms = 30000;
    config.reply_bytes = 131072;
    size_t size = (la_host_size(&config) + 63) / 64 * 64;
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    assert_non_null(block);
    memset(block, 0xa5, size);
    test.size = size;
    test.now = LA_SECOND;
    test.count = 0;
    test.host = la_host_init(block, size, &config, test.now);
    assert_non_null(test.host);
    assert_int_equal(la_interface_add(test.host, test.now, MTU), 0);
    struct la_address ipv4 = address("10.0.0.1");
    struct la_address ipv6 = address("2001:db8::1");
    assert_int_equal(la_address_add(test.host, test.now, 0, &ipv4, 8), LA_OK);
    assert_int_equal(la_address_add(test.host, test.now, 0, &ipv6, 32), LA_OK);
    return &test;
}

static la_host *copy_of(const struct test *t)
{
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, t->size);
    assert_non_null(block);
    memcpy(block, t->host, t->size);
    return block;
}

static void end(struct test *t)
{
    free(t->host);
}

static uint64_t counted(const struct test *t, enum la_counter counter)
{
    struct la_counters counters;
    la_host_counters(t->host, &counters);
    return counters.counter[counter];
}

static uint64_t dropped(const struct test *t, enum la_drop why)
{
    struct la_counters counters;
    la_host_counters(t->host, &counters);
    return counters.dropped[why];
}

static void give(struct test *t, const struct part *part)
{
    uint8_t *exact = malloc(part->length);
    memcpy(exact, part->bytes, part->length);
    la_host_input(t->host, t->now, 0, exact, part->length);
    free(exact);
    const char *wrong = host_check(t->host);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

static bool is_ipv4(const char *from)
{
    return strchr(from, ':') == NULL;
}

static struct la_address own(const char *from)
{
    return address(is_ipv4(from) ? "10.0.0.1" : "2001:db8::1");
}

static struct part *cut(struct test *t, const char *from, uint32_t identification, uint8_t protocol,
                        const uint8_t *payload, size_t offset, size_t length, bool more)
{
    assert_true(t->count < PARTS_MAX);
    struct part *part = &t->parts[t->count++];
    struct la_address source = address(from);
    struct la_address destination = own(from);
    const struct ip_fragment fragment = {
        .identification = identification, .offset = (uint32_t)offset, .more = more, .protocol = protocol};
    unsigned header = ip_emit_fragment(part->bytes, &source, &destination, 64, &fragment, length);
    memcpy(part->bytes + header, payload + offset, length);
    part->length = header + length;
    return part;
}

/* An echo request's ICMP message. */
static size_t request(const char *from, uint8_t *payload, size_t length, uint16_t number)
{
    uint64_t seed = number;
    struct la_address source = address(from);
    struct la_address destination = own(from);
    for (size_t i = 0; i < length; i++) {
        payload[i] = (uint8_t)random_u64(&seed);
    }
    put_u32(payload, is_ipv4(from) ? UINT32_C(0x08000000) : UINT32_C(0x80000000));
    uint64_t sum = is_ipv4(from) ? 0 : ip_pseudo_checksum(&source, &destination, IP_PROTOCOL_ICMPV6, length);
    put_u16(payload + 2, checksum_finish(checksum_add(sum, false, payload, length)));
    return length;
}

static uint8_t icmp_of(const char *from)
{
    return is_ipv4(from) ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6;
}

static void cut_all(struct test *t, const char *from, uint32_t identification, const uint8_t *payload, size_t length,
                    size_t most)
{
    for (size_t offset = 0; offset < length; offset += most) {
        size_t n = length - offset < most ? length - offset : most;
        cut(t, from, identification, icmp_of(from), payload, offset, n, offset + n < length);
    }
}

/* Pulls one answer, put together: its length, 0 if there is none. Checks that it answers this message. */
static size_t pull_answer(struct test *t, const uint8_t *asked, unsigned *parts)
{
    static uint8_t answer[PAYLOAD_MAX];
    uint8_t bytes[MTU];
    size_t length = 0;
    size_t n = 0;
    bool more = true;
    struct packet packet;
    uint32_t identification = 0;
    *parts = 0;
    while (more && (n = la_host_output(t->host, t->now, 0, bytes, sizeof bytes)) > 0) {
        enum la_drop why = ip_parse(bytes, n, &packet);
        assert_true(why == LA_DROP_NONE || why == LA_DROP_IP_FRAGMENT);
        struct ip_fragment fragment = {.more = false};
        if (why == LA_DROP_IP_FRAGMENT) {
            fragment = ip_fragment(&packet);
            assert_true(*parts == 0 || fragment.identification == identification);
            identification = fragment.identification;
        }
        assert_int_equal(fragment.offset, length);
        memcpy(answer + length, packet.payload, packet.payload_length);
        length += packet.payload_length;
        more = fragment.more;
        (*parts)++;
    }
    if (length == 0) {
        return 0;
    }
    assert_false(more);
    bool ipv4 = bytes[0] >> 4 == 4;
    assert_int_equal(answer[0], ipv4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY);
    assert_memory_equal(answer + 4, asked + 4, length - 4);
    uint64_t sum = ipv4 ? 0 : ip_pseudo_checksum(&packet.source, &packet.destination, IP_PROTOCOL_ICMPV6, length);
    assert_int_equal(checksum_finish(checksum_add(sum, false, answer, length)), 0);
    return length;
}

static const char *const sources[] = {"10.0.0.2", "2001:db8::2"};

/* Every size and cut, in a random order, some parts twice. */
static void any_order(void **state)
{
    (void)state;
    static uint8_t payload[PAYLOAD_MAX];
    uint64_t random = 1;
    for (unsigned round = 0; round < 400; round++) {
        struct test *t = begin(524288);
        const char *from = sources[round % 2];
        size_t most = (1 + random_u64(&random) % 180) * 8;
        most = most < 16 ? 16 : most;
        size_t length = most + 1 + random_u64(&random) % (most * 60);
        length = request(from, payload, length < 60000 ? length : 60000, (uint16_t)round);
        cut_all(t, from, round, payload, length, most);
        for (unsigned i = t->count; i > 1; i--) {
            unsigned other = (unsigned)(random_u64(&random) % i);
            struct part swap = t->parts[i - 1];
            t->parts[i - 1] = t->parts[other];
            t->parts[other] = swap;
        }
        unsigned again = 0;
        unsigned parts = 0;
        for (unsigned i = 0; i < t->count; i++) {
            assert_int_equal(pull_answer(t, payload, &parts), 0);
            give(t, &t->parts[i]);
            if (i + 1 < t->count && random_u64(&random) % 4 == 0) {
                give(t, &t->parts[random_u64(&random) % (i + 1)]);
                again++;
            }
        }
        assert_int_equal(pull_answer(t, payload, &parts), length);
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_DUPLICATE), again);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_REQUIRED), t->count + again);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_OKS), 1);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_FAILS), 0);
        assert_int_equal(counted(t, LA_COUNT_FRAGMENTATION_CREATES), parts > 1 ? parts : 0);
        assert_true(la_host_deadline(t->host) == LA_TIME_NEVER);
        end(t);
    }
}

/* RFC 5722: all goes, and what comes later too, until the time is over; nobody is told. */
static void overlaps(void **state)
{
    (void)state;
    static uint8_t payload[4000];
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin(524288);
        unsigned parts = 0;
        request(sources[i], payload, 4000, 7);
        give(t, cut(t, sources[i], 1, icmp_of(sources[i]), payload, 0, 1000, true));
        give(t, cut(t, sources[i], 1, icmp_of(sources[i]), payload, 992, 1000, true));
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_OVERLAP), 1);
        cut_all(t, sources[i], 1, payload, 4000, 1000);
        for (unsigned n = 2; n < t->count; n++) {
            give(t, &t->parts[n]);
        }
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_OVERLAP), 5);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_FAILS), 1);
        la_time deadline = t->now + 30 * LA_SECOND;
        assert_true(la_host_deadline(t->host) == deadline);
        t->now = deadline;
        la_host_advance(t->host, t->now);
        assert_int_equal(pull_answer(t, payload, &parts), 0);
        for (unsigned n = 2; n < t->count; n++) {
            give(t, &t->parts[n]);
        }
        assert_int_equal(pull_answer(t, payload, &parts), 4000);
        end(t);
    }
}

/* To the nanosecond; told only if the first one had come. */
static void time_is_over(void **state)
{
    (void)state;
    static uint8_t payload[4000];
    uint8_t bytes[MTU];
    for (unsigned i = 0; i < 4; i++) {
        struct test *t = begin(524288);
        const char *from = sources[i % 2];
        bool has_first = i < 2;
        request(from, payload, 4000, 7);
        give(t, cut(t, from, 1, icmp_of(from), payload, has_first ? 0 : 1000, 1000, true));
        la_time deadline = t->now + 30 * LA_SECOND;
        assert_true(la_host_deadline(t->host) == deadline);
        la_host_advance(t->host, deadline - 1);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_TIMEOUTS), 0);
        la_host_advance(t->host, deadline);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_TIMEOUTS), 1);
        assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_FAILS), 1);
        assert_int_equal(dropped(t, LA_DROP_FRAGMENTS_LATE), 1);
        size_t n = la_host_output(t->host, deadline, 0, bytes, sizeof bytes);
        assert_int_equal(n > 0, has_first);
        if (has_first) {
            struct packet packet;
            assert_int_equal(ip_parse(bytes, n, &packet), LA_DROP_NONE);
            assert_int_equal(packet.payload[0], is_ipv4(from) ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED);
            assert_int_equal(packet.payload[1], 1);
            assert_memory_equal(packet.payload + 8, t->parts[0].bytes, packet.payload_length - 8);
        }
        assert_true(la_host_deadline(t->host) == LA_TIME_NEVER);
        assert_null(host_check(t->host));
        end(t);
    }
}

/* The type, code and pointer that the source is told; 0 if nothing. */
static uint64_t told(struct test *t)
{
    uint8_t bytes[MTU];
    struct packet packet;
    size_t n = la_host_output(t->host, t->now, 0, bytes, sizeof bytes);
    if (n == 0) {
        return 0;
    }
    assert_int_equal(ip_parse(bytes, n, &packet), LA_DROP_NONE);
    return (uint64_t)packet.payload[0] << 40 | (uint64_t)packet.payload[1] << 32 | get_u32(packet.payload + 4);
}

static void bad_fragments(void **state)
{
    (void)state;
    static uint8_t payload[PAYLOAD_MAX + 2000];
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin(524288);
        const char *from = sources[i];
        const uint64_t problem = (uint64_t)ICMPV6_PARAMETER_PROBLEM << 40;
        give(t, cut(t, from, 1, IP_PROTOCOL_UDP, payload, 0, 1001, true));
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_LENGTH), 1);
        assert_true(told(t) == (i == 0 ? 0 : problem | 4));
        give(t, cut(t, from, 1, IP_PROTOCOL_UDP, payload, 65528, 100, false));
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_LENGTH), 2);
        assert_true(told(t) == (i == 0 ? 0 : problem | 42));
        give(t, cut(t, from, 1, IP_PROTOCOL_TCP, payload, 0, 16, true)); /* RFC 1858, RFC 7112 */
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_HEADER), 1);
        assert_true(told(t) == (i == 0 ? 0 : problem | (uint64_t)3 << 32));
        give(t, cut(t, from, 1, IP_PROTOCOL_TCP, payload, 8, 800, true)); /* RFC 3128 */
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_HEADER), 2);
        give(t, cut(t, from, 1, IP_PROTOCOL_UDP, payload, 800, 0, false));
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_LENGTH), 3);
        assert_true(told(t) == 0);
        assert_true(la_host_deadline(t->host) == LA_TIME_NEVER); /* nothing was kept */
        end(t);
    }
}

/* One source that only begins packets leaves half to the others, and goes on at its own cost. */
static void one_source_floods(void **state)
{
    (void)state;
    static uint8_t payload[4000];
    static uint8_t other[4000];
    for (uint32_t bytes = 16384; bytes <= 524288; bytes *= 2) {
        for (unsigned i = 0; i < 2; i++) {
            struct test *t = begin(bytes);
            const char *from = sources[i];
            const char *victim = i == 0 ? "10.0.0.3" : "2001:db8:1::3";
            unsigned parts = 0;
            size_t length = bytes >= 65536 ? 4000 : 2000;
            request(victim, other, length, 3);
            cut_all(t, victim, 1, other, length, 1000);
            for (unsigned n = 0; n + 1 < t->count; n++) {
                give(t, &t->parts[n]);
            }
            unsigned kept = t->count;
            request(from, payload, 4000, 7);
            for (uint32_t id = 0; id < 3000; id++) {
                give(t, cut(t, from, id, icmp_of(from), payload, 0, 8 + id % 150 * 8, true));
                t->count = kept;
            }
            assert_true(counted(t, LA_COUNT_REASSEMBLY_EVICTED) > 1000);
            assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_FAILS), counted(t, LA_COUNT_REASSEMBLY_EVICTED));
            give(t, &t->parts[kept - 1]);
            assert_int_equal(pull_answer(t, other, &parts), length);
            t->now += 30 * LA_SECOND;
            la_host_advance(t->host, t->now);
            assert_true(la_host_deadline(t->host) == LA_TIME_NEVER);
            assert_null(host_check(t->host));
            end(t);
        }
    }
}

static void without_room_none_is_taken(void **state)
{
    (void)state;
    static uint8_t payload[4000];
    struct test *t = begin(0);
    request(sources[0], payload, 4000, 7);
    give(t, cut(t, sources[0], 1, IP_PROTOCOL_ICMP, payload, 0, 1000, true));
    assert_int_equal(dropped(t, LA_DROP_IP_FRAGMENT), 1);
    assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_REQUIRED), 0);
    assert_true(la_host_deadline(t->host) == LA_TIME_NEVER);
    end(t);
}

/* Marks the part with this ECN codepoint. */
static void mark(struct part *part, uint8_t codepoint)
{
    ip_set_tos(part->bytes, codepoint);
}

/* RFC 3168 5.3: CE of one is the whole's; Not-ECT with others is no packet. */
static void ecn_of_the_whole(void **state)
{
    (void)state;
    static uint8_t payload[2400];
    static const struct {
        uint8_t codepoint[3];
        bool whole;
    } mixes[] = {{{0, 0, 0}, true},  {{2, 2, 2}, true},  {{2, 3, 2}, true},  {{2, 1, 2}, true}, {{3, 2, 2}, true},
                 {{0, 3, 0}, false}, {{0, 0, 2}, false}, {{2, 2, 0}, false}, {{1, 0, 1}, false}};
    for (unsigned i = 0; i < 2 * sizeof mixes / sizeof mixes[0]; i++) {
        struct test *t = begin(524288);
        unsigned parts = 0;
        request(sources[i % 2], payload, sizeof payload, 7);
        cut_all(t, sources[i % 2], 1, payload, sizeof payload, 800);
        for (unsigned n = 0; n < 3; n++) {
            mark(&t->parts[n], mixes[i / 2].codepoint[n]);
            give(t, &t->parts[n]);
        }
        assert_int_equal(pull_answer(t, payload, &parts) > 0, mixes[i / 2].whole);
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_ECN) > 0, !mixes[i / 2].whole);
        end(t);
    }
}

/* A segment to port 80, and its length. */
static size_t segment_from(const char *from, uint8_t *payload, const struct tcp_header *how, size_t text)
{
    static uint8_t packet[4000];
    struct tcp_header header = *how;
    struct la_endpoint source = {address(from), 5000};
    struct la_endpoint destination = {own(from), 80};
    header.local = &source;
    header.remote = &destination;
    header.window = 60000;
    unsigned before = ip_header_bytes(&source.address) + tcp_header_bytes(&header.options);
    for (size_t i = 0; i < text; i++) {
        packet[before + i] = (uint8_t)(i * 7 + i / 256);
    }
    size_t length = tcp_emit(packet, &header, 64, text, checksum_add(0, false, packet + before, text)) + text;
    memcpy(payload, packet + ip_header_bytes(&source.address), length - ip_header_bytes(&source.address));
    return length - ip_header_bytes(&source.address);
}

static uint32_t iss_of_syn_ack(struct test *t)
{
    uint8_t bytes[MTU];
    struct packet packet;
    struct segment segment;
    size_t n = la_host_output(t->host, t->now, 0, bytes, sizeof bytes);
    assert_int_equal(ip_parse(bytes, n, &packet), LA_DROP_NONE);
    assert_int_equal(tcp_parse(&packet, &segment), LA_DROP_NONE);
    assert_int_equal(segment.flags & (LA_SYN | LA_ACK), LA_SYN | LA_ACK);
    return segment.seq.v;
}

/* TCP's segments in parts, the last one first; the host is copied between two of them, and both go on alike. */
static void segments_of_tcp(void **state)
{
    (void)state;
    static uint8_t payload[4000];
    static uint8_t got[2][4000];
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin(524288);
        struct la_listener listener;
        struct la_conn conn;
        const struct la_endpoint local = {own(sources[i]), 80};
        assert_int_equal(la_listen(t->host, t->now, &local, 1, &listener), LA_OK);
        struct tcp_header header = {.flags = LA_SYN, .seq = seq_of(1000)};
        size_t length = segment_from(sources[i], payload, &header, 0);
        uint8_t whole[MTU];
        struct la_address from = address(sources[i]);
        unsigned before = ip_emit(whole, &from, &local.address, IP_PROTOCOL_TCP, 64, length);
        memcpy(whole + before, payload, length);
        la_host_input(t->host, t->now, 0, whole, before + length);
        uint32_t iss = iss_of_syn_ack(t);
        header = (struct tcp_header){.flags = LA_ACK | LA_PSH, .seq = seq_of(1001), .ack = seq_of(iss + 1)};
        length = segment_from(sources[i], payload, &header, 3000);
        for (size_t end_at = length; end_at > 0;) {
            size_t offset = (end_at - 1) / 1000 * 1000;
            cut(t, sources[i], 2, IP_PROTOCOL_TCP, payload, offset, end_at - offset, end_at < length);
            end_at = offset;
        }
        assert_int_equal(t->count, 4);
        give(t, &t->parts[0]);
        give(t, &t->parts[1]);
        give(t, &t->parts[2]);
        assert_true(la_accept(t->host, t->now, listener, &conn) < 0);
        la_host *const original = t->host;
        t->host = copy_of(t);
        for (unsigned which = 0; which < 2; which++) {
            give(t, &t->parts[3]);
            assert_int_equal(la_accept(t->host, t->now, listener, &conn), LA_OK);
            assert_int_equal(la_recv(t->host, t->now, conn, got[which], sizeof got[which]), 3000);
            assert_memory_equal(got[which], payload + length - 3000, 3000);
            assert_int_equal(counted(t, LA_COUNT_REASSEMBLY_OKS), 1);
            if (which == 0) {
                free(t->host);
                t->host = original;
            }
        }
        end(t);
    }
}

/* One that ends where another says that more follows, and as many as a packet may have. */
static void ends_and_counts(void **state)
{
    (void)state;
    static uint8_t payload[8 * 200];
    for (unsigned i = 0; i < 2; i++) {
        struct test *t = begin(524288);
        give(t, cut(t, sources[i], 1, icmp_of(sources[i]), payload, 800, 800, true));
        give(t, cut(t, sources[i], 1, icmp_of(sources[i]), payload, 800, 800, false));
        assert_int_equal(dropped(t, LA_DROP_FRAGMENT_OVERLAP), 1);
        for (unsigned parts = 128; parts <= 129; parts++) {
            unsigned pulled = 0;
            size_t length = (size_t)parts * 8;
            uint64_t full = dropped(t, LA_DROP_FRAGMENTS_FULL);
            t->count = 0;
            request(sources[i], payload, length, 9);
            cut_all(t, sources[i], parts, payload, length, 8);
            for (unsigned n = 0; n < parts; n++) {
                give(t, &t->parts[n]);
            }
            assert_int_equal(pull_answer(t, payload, &pulled), parts == 128 ? length : 0);
            assert_int_equal(dropped(t, LA_DROP_FRAGMENTS_FULL) - full, parts == 128 ? 0 : 1);
        }
        end(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),         cmocka_unit_test(overlaps),
        cmocka_unit_test(time_is_over),      cmocka_unit_test(bad_fragments),
        cmocka_unit_test(one_source_floods), cmocka_unit_test(without_room_none_is_taken),
        cmocka_unit_test(ecn_of_the_whole),  cmocka_unit_test(segments_of_tcp),
        cmocka_unit_test(ends_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
