#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show/counters.h"
#include "show/json.h"
#include "show/pcapng.h"

#include <lastack/lastack.h>

/* What is written for programs: captures, counters, records. */

struct output {
    char *text;
    size_t size;
    FILE *file;
};

static void output_begin(struct output *output)
{
    output->file = open_memstream(&output->text, &output->size);
    assert_non_null(output->file);
}

static uint32_t word(const struct output *output, size_t at)
{
    uint32_t value = 0;
    assert_true(at + 4 <= output->size);
    memcpy(&value, output->text + at, 4);
    return value;
}

/* The options from at to end: code, length, value, padded. The value of the wanted one; NULL if it is not there. */
static const char *option(const struct output *output, size_t at, size_t end, uint16_t wanted, uint16_t *length)
{
    while (at < end) {
        uint16_t code = 0;
        memcpy(&code, output->text + at, 2);
        memcpy(length, output->text + at + 2, 2);
        if (code == wanted)
            return output->text + at + 4;
        if (code == 0)
            return NULL;
        at += 4 + ((size_t)*length + 3) / 4 * 4;
    }
    fail_msg("options without an end");
    return NULL;
}

static void test_blocks(void **unused)
{
    (void)unused;
    struct output output;
    uint16_t length = 0;
    static const uint8_t bytes[21] = {0x45, 1, 2, 3};
    output_begin(&output);
    struct pcapng *writer = pcapng_new(output.file, "lastack0", 1000 * LA_SECOND);
    assert_non_null(writer);
    assert_true(pcapng_packet(writer, 5, PCAPNG_OUT, bytes, sizeof bytes, "lastack: a comment"));
    assert_true(pcapng_packet(writer, 6, PCAPNG_IN, bytes, 20, NULL));
    assert_true(pcapng_flush(writer));
    pcapng_free(writer);
    fclose(output.file);

    size_t at = 0;
    assert_int_equal(word(&output, at), 0x0a0d0d0a);
    assert_int_equal(word(&output, at + 8), 0x1a2b3c4d);
    at += word(&output, at + 4);
    assert_int_equal(word(&output, at - 4), at);
    assert_int_equal(word(&output, at), 1);
    assert_int_equal(word(&output, at + 8), 101); /* LINKTYPE_RAW, and nothing reserved */
    assert_int_equal(*option(&output, at + 16, output.size, 9, &length), 9);
    assert_memory_equal(option(&output, at + 16, output.size, 2, &length), "lastack0", 8);
    at += word(&output, at + 4);
    assert_int_equal(word(&output, at), 6);
    size_t end = at + word(&output, at + 4);
    uint64_t time = (uint64_t)word(&output, at + 12) << 32 | word(&output, at + 16);
    assert_int_equal(time, 1000 * LA_SECOND + 5);
    assert_int_equal(word(&output, at + 20), sizeof bytes);
    assert_int_equal(word(&output, at + 24), sizeof bytes);
    assert_memory_equal(output.text + at + 28, bytes, sizeof bytes);
    assert_int_equal(*option(&output, at + 28 + 24, end, 2, &length), PCAPNG_OUT);
    assert_memory_equal(option(&output, at + 28 + 24, end, 1, &length), "lastack: a comment", 18);
    assert_int_equal(length, 18);
    assert_null(option(&output, end + 28 + 20, output.size, 1, &length));
    assert_int_equal(*option(&output, end + 28 + 20, output.size, 2, &length), PCAPNG_IN);
    assert_int_equal(end + word(&output, end + 4), output.size);
    free(output.text);
}

static void test_a_full_disk_is_told(void **unused)
{
    (void)unused;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL)
        skip();
    struct pcapng *writer = pcapng_new(full, NULL, 0);
    assert_non_null(writer); /* it fits the stream's buffer */
    assert_false(pcapng_flush(writer));
    pcapng_free(writer);
    fclose(full);
}

static void test_comments(void **unused)
{
    (void)unused;
    char text[256];
    const struct la_trace records[] = {
        {.kind = LA_TRACE_SEGMENT_IN},
        {.kind = LA_TRACE_STATE, .from = LA_FIN_WAIT_2, .to = LA_TIME_WAIT},
        {.kind = LA_TRACE_TIME_WAIT, .detail = LA_WAIT_ENTERED, .time = LA_SECOND, .deadline = 61 * LA_SECOND},
    };
    const struct la_trace dropped = {.kind = LA_TRACE_DROPPED, .detail = LA_DROP_PAWS};
    pcapng_comment(text, sizeof text, records, 3, NULL);
    assert_string_equal(text, "lastack: FIN-WAIT-2 -> TIME-WAIT; wait entered, until +60.000 s");
    pcapng_comment(text, sizeof text, &dropped, 1, NULL);
    assert_string_equal(text, "lastack: dropped: paws");
    pcapng_comment(text, sizeof text, records, 1, "lost, by out:last-ack");
    assert_string_equal(text, "lastack: lost, by out:last-ack");
    pcapng_comment(text, sizeof text, records, 1, NULL);
    assert_string_equal(text, "");
    struct la_trace two[] = {records[1], records[0]};
    two[0].local.port = two[1].local.port = 80;
    two[0].remote = (struct la_endpoint){la_address_ipv4(10, 0, 0, 1), 40114};
    two[1].remote = (struct la_endpoint){la_address_ipv4(10, 0, 0, 1), 40112};
    pcapng_comment(text, sizeof text, two, 2, NULL);
    assert_string_equal(text, "lastack: with 10.0.0.1:40114: FIN-WAIT-2 -> TIME-WAIT");
    for (size_t size = 1; size < 80; size++) {
        pcapng_comment(text, size, records, 3, NULL);
        assert_true(strlen(text) < size);
    }
}

static void test_counters(void **unused)
{
    (void)unused;
    struct output output;
    struct la_counters counters = {.connections = 2};
    struct la_counters earlier = {0};
    counters.counter[LA_COUNT_TCP_ACTIVE_OPENS] = 12;
    counters.counter[LA_COUNT_TCP_IN_OCTETS] = 5;
    counters.dropped[LA_DROP_PAWS] = 3;
    earlier.counter[LA_COUNT_TCP_IN_OCTETS] = 5;
    output_begin(&output);
    counters_text(output.file, &counters, &earlier);
    fclose(output.file);
    char expected[256];
    snprintf(expected, sizeof expected, "%-36s %12d\n%-36s %12d\n%-36s %12d\n",
             la_counter_name(LA_COUNT_TCP_ACTIVE_OPENS), 12, "dropped: paws", 3, "now: connections", 2);
    assert_string_equal(output.text, expected);
    free(output.text);

    output_begin(&output);
    assert_true(counters_json(output.file, &counters));
    fclose(output.file);
    assert_non_null(strstr(output.text, "\"dropped\":{\"paws\":3},\"gauges\":{\"connections\":2,"));
    free(output.text);
}

static void test_records_as_json(void **unused)
{
    (void)unused;
    struct output output;
    struct la_trace record = {.time = 7,
                              .kind = LA_TRACE_SEGMENT_OUT,
                              .flags = LA_FIN | LA_ACK,
                              .sequence = 4294967295,
                              .from = LA_FIN_WAIT_1,
                              .to = LA_FIN_WAIT_1,
                              .conn = {1, 2}};
    record.local = (struct la_endpoint){la_address_ipv4(10, 0, 0, 2), 80};
    assert_int_equal(la_address_parse("2001:db8::1", &record.remote.address), LA_OK);
    output_begin(&output);
    assert_true(json_trace(output.file, &record));
    fclose(output.file);
    char expected[512];
    snprintf(expected, sizeof expected,
             "{\"time_ns\":7,\"kind\":\"%s\",\"local\":\"10.0.0.2:80\",\"remote\":\"[2001:db8::1]:0\",\"conn\":[1,2],"
             "\"state\":\"FIN-WAIT-1\",\"flags\":\"FIN,ACK\",\"sequence\":4294967295,\"acknowledgment\":0,\"length\":0,"
             "\"window_bytes\":0}\n",
             la_trace_kind_name(LA_TRACE_SEGMENT_OUT));
    assert_string_equal(output.text, expected);
    free(output.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),   cmocka_unit_test(test_a_full_disk_is_told), cmocka_unit_test(test_comments),
        cmocka_unit_test(test_counters), cmocka_unit_test(test_records_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
