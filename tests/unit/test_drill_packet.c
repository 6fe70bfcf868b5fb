#include "support.h"

#include <stdio.h>

#include "drill/packet.h"

/* Packets as octets and as text. That what is built is right is seen by another's checksum and by the octets' places. */

static const struct la_endpoint v4_near = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 0, 1}}, 8080};
static const struct la_endpoint v4_far = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1}}, 50001};
static const struct la_endpoint v6_near = {{{0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 8080};
static const struct la_endpoint v6_far = {{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 50001};

static struct packet segment(bool is_ipv4)
{
    return (struct packet){.is_outbound = true,
                           .source = is_ipv4 ? v4_near : v6_near,
                           .destination = is_ipv4 ? v4_far : v6_far,
                           .flags = LA_SYN | LA_ACK,
                           .seq = 0x01020304,
                           .ack = 0x05060708,
                           .window = 0x1234,
                           .has_window = true,
                           .length = 7,
                           .option_bytes = 8,
                           .options = {2, 4, 5, 180, 1, 3, 3, 7}};
}

static uint16_t transport_checksum(const uint8_t *octets, size_t length, bool is_ipv4, uint8_t protocol)
{
    uint8_t sum[2048] = {0};
    size_t header = is_ipv4 ? 20 : 40;
    size_t used = is_ipv4 ? 8 : 32;
    memcpy(sum, octets + (is_ipv4 ? 12 : 8), used);
    sum[used + 1] = protocol;
    sum[used + 2] = (uint8_t)((length - header) >> 8);
    sum[used + 3] = (uint8_t)(length - header);
    memcpy(sum + used + 4, octets + header, length - header);
    return naive_checksum(sum, used + 4 + length - header);
}

static void test_segments_are_built_and_read(void **state)
{
    (void)state;
    for (int is_ipv4 = 0; is_ipv4 < 2; is_ipv4++) {
        struct packet packet = segment(is_ipv4 != 0);
        struct packet read;
        uint8_t octets[2048];
        const uint8_t *text = NULL;
        size_t length = packet_build(&packet, 100, octets, sizeof octets);
        assert_int_equal(length, (is_ipv4 ? 20 : 40) + 20 + 8 + 7);
        if (is_ipv4)
            assert_int_equal(naive_checksum(octets, 20), 0);
        assert_int_equal(transport_checksum(octets, length, is_ipv4 != 0, 6), 0);
        assert_null(packet_read(octets, length, &read, &text));
        assert_memory_equal(&read.source, &packet.source, sizeof read.source);
        assert_memory_equal(&read.destination, &packet.destination, sizeof read.destination);
        assert_int_equal(read.seq, packet.seq);
        assert_int_equal(read.ack, packet.ack);
        assert_int_equal(read.flags, packet.flags);
        assert_int_equal(read.window, packet.window);
        assert_int_equal(read.length, 7);
        assert_int_equal(read.ttl, 255);
        for (uint32_t i = 0; i < 7; i++)
            assert_int_equal(text[i], packet_pattern(100 + i));
        char what[160];
        assert_false(packet_differs(&packet, &read, what, sizeof what));
    }
}

/* Every octet counts: none can be changed without being noticed, but for those that nothing covers. */
static void test_a_changed_octet_is_noticed(void **state)
{
    (void)state;
    struct packet packet = segment(true);
    struct packet read;
    uint8_t octets[256];
    const uint8_t *text = NULL;
    size_t length = packet_build(&packet, 0, octets, sizeof octets);
    for (size_t i = 0; i < length; i++) {
        octets[i] ^= 0x10;
        assert_non_null(packet_read(octets, length, &read, &text));
        octets[i] ^= 0x10;
    }
    for (size_t i = 0; i < length; i++) {
        uint8_t *copy = exact(octets, i);
        assert_non_null(packet_read(copy, i, &read, &text));
        free(copy);
    }
    assert_null(packet_read(octets, length, &read, &text));
}

static void test_icmp_errors_quote_the_host(void **state)
{
    (void)state;
    for (int is_ipv4 = 0; is_ipv4 < 2; is_ipv4++) {
        struct packet packet = {.protocol = PACKET_ICMP,
                                .source = is_ipv4 ? v4_far : v6_far,
                                .destination = is_ipv4 ? v4_near : v6_near,
                                .icmp_type = is_ipv4 ? 3 : 2,
                                .icmp_code = is_ipv4 ? 4 : 0,
                                .has_mtu = true,
                                .mtu = 1200,
                                .quote = QUOTE_TCP,
                                .quote_seq = 0x01020304,
                                .quote_length = 1000};
        uint8_t octets[256];
        size_t header = is_ipv4 ? 20 : 40;
        size_t length = packet_build(&packet, 0, octets, sizeof octets);
        const uint8_t *icmp = octets + header;
        assert_int_equal(length, header + 8 + header + 8);
        assert_int_equal(
            is_ipv4 ? naive_checksum(icmp, length - header) : transport_checksum(octets, length, false, 58), 0);
        assert_int_equal(packet_get32(icmp + 4), 1200); /* two octets of zero stand before the MTU of RFC 1191 */
        const uint8_t *quoted = icmp + 8;
        assert_memory_equal(quoted + (is_ipv4 ? 12 : 8), octets + (is_ipv4 ? 16 : 24), is_ipv4 ? 4 : 16);
        assert_int_equal(quoted[header] << 8 | quoted[header + 1], 8080);
        assert_int_equal(quoted[header + 2] << 8 | quoted[header + 3], 50001);
        assert_int_equal(packet_get32(quoted + header + 4), 0x01020304);
    }
}

/* What was built, and turned around as the host would: the same fields, and the echo's octets. */
static void test_icmp_is_read_as_it_was_built(void **state)
{
    (void)state;
    for (int is_ipv4 = 0; is_ipv4 < 2; is_ipv4++) {
        struct packet packet = {.protocol = PACKET_ICMP,
                                .source = is_ipv4 ? v4_far : v6_far,
                                .destination = is_ipv4 ? v4_near : v6_near,
                                .icmp_type = is_ipv4 ? 8 : 128,
                                .has_id = true,
                                .echo_id = 77,
                                .quote = QUOTE_RAW,
                                .quote_length = 64};
        struct packet read;
        const uint8_t *text = NULL;
        uint8_t octets[256];
        size_t length = packet_build(&packet, 0, octets, sizeof octets);
        assert_null(packet_read(octets, length, &read, &text));
        assert_true(read.has_id && read.echo_id == 77 && !read.has_mtu);
        assert_int_equal(read.quote_length, 64);
        assert_int_equal(read.length, 56);
        for (uint32_t i = 0; i < read.length; i++)
            assert_int_equal(text[i], packet_pattern(i));
        packet.icmp_type = is_ipv4 ? 3 : 2;
        packet.icmp_code = is_ipv4 ? 4 : 0;
        packet.has_mtu = true;
        packet.mtu = 1280;
        length = packet_build(&packet, 0, octets, sizeof octets);
        assert_null(packet_read(octets, length, &read, &text));
        assert_true(read.has_mtu && read.mtu == 1280 && !read.has_id);
    }
}

static char *written(const struct packet *packet)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    packet_write(out, packet);
    fclose(out);
    return text;
}

static void is_written(const struct packet *packet, const char *expected)
{
    char *text = written(packet);
    assert_string_equal(text, expected);
    free(text);
}

static void test_packets_are_written_as_scripts_write_them(void **state)
{
    (void)state;
    struct packet packet = segment(true);
    is_written(&packet, "> 8080 > 50001 S. 16909060:16909067(7) ack 84281096 win 4660 <mss 1460,nop,wscale 7>");
    packet = (struct packet){.flags = LA_FIN | LA_PSH | LA_ACK | LA_URG | LA_ECE | LA_CWR,
                             .seq = 1,
                             .ack = 2,
                             .urgent = 3,
                             .tos_check = TOS_ECN,
                             .tos = 3,
                             .any_options = true};
    is_written(&packet, "< [ce] FP.UEW 1:1(0) ack 2 urg 3 <...>");
    packet = (struct packet){.is_outbound = true,
                             .flags = LA_ACK | LA_CWR,
                             .flags_are_ace = true,
                             .option_bytes = 20,
                             .options = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 172, 5, 0, 0, 9, 34, 3, 0xab}};
    is_written(&packet, "> .2 0:0(0) ack 0 <nop,nop,sack 1:2,ECN e0b 9,FO ab>");
    packet = (struct packet){.is_outbound = true, .option_bytes = 8, .options = {254, 4, 0xf9, 0x89, 77, 2, 19, 9}};
    is_written(&packet, "> - 0:0(0) <FOEXP,kind 77 length 2,(malformed)>");
    packet = (struct packet){.protocol = PACKET_ICMP,
                             .icmp_type = 3,
                             .icmp_code = 4,
                             .has_mtu = true,
                             .mtu = 1200,
                             .quote = QUOTE_TCP,
                             .quote_seq = 1,
                             .quote_length = 10};
    is_written(&packet, "< icmp type_3 code_4 mtu 1200 [1:11(10)]");
    packet = (struct packet){.protocol = PACKET_ICMP, .icmp_type = 8, .has_id = true, .quote = QUOTE_RAW};
    is_written(&packet, "< icmp type_8 code_0 id 0 [raw(0)]");
}

/* ---- comparing ---- */

struct change {
    const char *named;
    void (*change)(struct packet *packet);
};

static void change_flags(struct packet *packet)
{
    packet->flags ^= LA_PSH;
}

static void change_seq(struct packet *packet)
{
    packet->seq++;
}

static void change_length(struct packet *packet)
{
    packet->length++;
}

static void change_ack(struct packet *packet)
{
    packet->ack--;
}

static void change_window(struct packet *packet)
{
    packet->window++;
}

static void change_urgent(struct packet *packet)
{
    packet->urgent++;
}

static void change_option(struct packet *packet)
{
    packet->options[3]++;
}

static void change_option_count(struct packet *packet)
{
    packet->option_bytes -= 4;
}

static void change_echo(struct packet *packet)
{
    packet->options[packet->option_bytes - 1]++;
}

static void change_tos(struct packet *packet)
{
    packet->tos ^= 1;
}

static void change_ttl(struct packet *packet)
{
    packet->ttl++;
}

static void test_every_difference_is_named(void **state)
{
    (void)state;
    const struct change changes[] = {{"flags", change_flags},    {"sequence number", change_seq},
                                     {"length", change_length},  {"ack", change_ack},
                                     {"win", change_window},     {"urg", change_urgent},
                                     {"options", change_option}, {"options", change_option_count},
                                     {"options", change_echo},   {"ECN in the IP header", change_tos},
                                     {"ttl", change_ttl}};
    struct packet line = segment(true);
    static const uint8_t stamp[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    memcpy(line.options + 8, stamp, sizeof stamp);
    line.option_bytes = 20;
    line.tos_check = TOS_ECN;
    line.ttl = 64;
    char what[160];
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct packet actual = line;
        assert_false(packet_differs(&line, &actual, what, sizeof what));
        changes[i].change(&actual);
        assert_true(packet_differs(&line, &actual, what, sizeof what));
        assert_string_equal(what, changes[i].named);
    }
}

static void test_what_is_not_stated_is_not_compared(void **state)
{
    (void)state;
    struct packet line = segment(true);
    char what[160];
    line.any_options = true;
    line.has_window = false;
    struct packet actual = line;
    change_option(&actual);
    change_option_count(&actual);
    change_window(&actual);
    change_tos(&actual);
    change_ttl(&actual);
    assert_false(packet_differs(&line, &actual, what, sizeof what));
    line.tos_check = TOS_ECT_0_OR_1;
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        actual.tos = ecn;
        assert_int_equal(packet_differs(&line, &actual, what, sizeof what), ecn == 0 || ecn == 3);
    }
}

static void test_sack_blocks_move(void **state)
{
    (void)state;
    struct packet packet = {.option_bytes = 12, .options = {1, 1, 5, 10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4}};
    packet_move_sack(&packet, 2);
    assert_int_equal(packet_get32(packet.options + 4), 1);
    assert_int_equal(packet_get32(packet.options + 8), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_are_built_and_read),
        cmocka_unit_test(test_a_changed_octet_is_noticed),
        cmocka_unit_test(test_icmp_errors_quote_the_host),
        cmocka_unit_test(test_icmp_is_read_as_it_was_built),
        cmocka_unit_test(test_packets_are_written_as_scripts_write_them),
        cmocka_unit_test(test_every_difference_is_named),
        cmocka_unit_test(test_what_is_not_stated_is_not_compared),
        cmocka_unit_test(test_sack_blocks_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
