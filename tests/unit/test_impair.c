#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "link/impair.h"

#include <lastack/lastack.h>

enum { HEADERS = 40, SOME = 100 };

struct packet {
    uint8_t bytes[HEADERS + SOME];
    size_t length;
};

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* IPv4 and TCP without options; out: from 10.0.0.2:80 to 10.0.0.1:port. */
static struct packet segment(enum link_direction direction, uint16_t port, uint8_t flags, uint32_t sequence,
                             uint32_t acknowledgment, uint8_t text)
{
    struct packet packet = {.bytes = {0x45}, .length = (size_t)HEADERS + text};
    bool out = direction == LINK_OUT;
    uint8_t *tcp = packet.bytes + 20;
    packet.bytes[3] = (uint8_t)packet.length;
    packet.bytes[9] = 6;
    put32(packet.bytes + 12, out ? 0x0a000002 : 0x0a000001);
    put32(packet.bytes + 16, out ? 0x0a000001 : 0x0a000002);
    put32(tcp, out ? 80U << 16 | port : (uint32_t)port << 16 | 80U);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledgment);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    return packet;
}

static struct impair *impair_with(const struct impair_config *config)
{
    struct link_error error;
    struct impair *impair = impair_new(config, &error);
    assert_non_null(impair);
    return impair;
}

static struct impair *dropping(const char *pattern)
{
    struct impair_config config = {0};
    struct link_error error;
    if (impair_option(&config, "drop", pattern, &error) < 0)
        fail_msg("%s", error.text);
    return impair_with(&config);
}

static bool passes(struct impair *impair, enum link_direction direction, uint16_t port, uint8_t flags,
                   uint32_t sequence, uint32_t acknowledgment, uint8_t text)
{
    struct packet packet = segment(direction, port, flags, sequence, acknowledgment, text);
    struct impair_delivery delivery;
    struct fate fate = impair_submit(impair, 0, direction, packet.bytes, packet.length, 0);
    while (impair_take(impair, 0, direction, &delivery))
        continue;
    return !fate.lost;
}

/* One life: opened by the peer (in), closed first by the host (out). Which of its segments are lost, as a text of one
   letter a segment, in capitals where it is. */
static const char *life(struct impair *impair, uint16_t port, uint32_t isn)
{
    static char lost[32];
    static const struct {
        char name;
        enum link_direction direction;
        uint8_t flags;
        uint32_t sequence;
        uint32_t acknowledgment;
        uint8_t text;
    } script[] = {{'s', LINK_IN, LA_SYN, 0, 0, 0},
                  {'r', LINK_OUT, LA_SYN | LA_ACK, 0, 1, 0},
                  {'a', LINK_IN, LA_ACK, 1, 1, 0},
                  {'d', LINK_IN, LA_ACK, 1, 1, 10},
                  {'a', LINK_OUT, LA_ACK, 1, 11, 0},
                  {'d', LINK_OUT, LA_ACK, 1, 11, 20},
                  {'d', LINK_OUT, LA_ACK, 21, 11, 20},
                  {'f', LINK_OUT, LA_FIN | LA_ACK, 41, 11, 9},
                  {'a', LINK_IN, LA_ACK, 11, 51, 0},
                  {'f', LINK_IN, LA_FIN | LA_ACK, 11, 51, 0},
                  {'l', LINK_OUT, LA_ACK, 51, 12, 0},
                  {'f', LINK_IN, LA_FIN | LA_ACK, 11, 51, 0},
                  {'l', LINK_OUT, LA_ACK, 51, 12, 0},
                  {'l', LINK_OUT, LA_ACK, 51, 12, 0},
                  {'x', LINK_OUT, LA_RST | LA_ACK, 51, 12, 0}};
    size_t n = sizeof script / sizeof *script;
    for (size_t i = 0; i < n; i++) {
        uint32_t ack = (script[i].flags & LA_ACK) != 0 ? script[i].acknowledgment + isn : 0;
        bool passed =
            passes(impair, script[i].direction, port, script[i].flags, script[i].sequence + isn, ack, script[i].text);
        lost[i] = passed ? script[i].name : (char)(script[i].name - 'a' + 'A');
    }
    lost[n] = '\0';
    return lost;
}

static void test_patterns_choose(void **unused)
{
    (void)unused;
    static const struct {
        const char *pattern;
        const char *lost;
    } cases[] = {
        {"syn", "Sradaddfaflfllx"},          {"syn-ack", "sRadaddfaflfllx"},      {"ack", "srAdAddfaflfllx"},
        {"in:ack*", "srAdaddfAflfllx"},      {"out:ack#2", "sradaddfafLfllx"},    {"data", "sraDaDdfaflfllx"},
        {"out:data#2", "sradadDfaflfllx"},   {"out:data#2-3", "sradadDFaflfllx"}, {"fin", "sradaddFaFlfllx"},
        {"fin*2", "sradaddFaFlFllx"},        {"in:fin", "sradaddfaFlfllx"},       {"rst", "sradaddfaflfllX"},
        {"last-ack", "sradaddfafLfllx"},     {"last-ack*2", "sradaddfafLfLlx"},   {"last-ack*", "sradaddfafLfLLx"},
        {"last-ack#2-3", "sradaddfaflfLLx"}, {"in:last-ack", "sradaddfaflfllx"},  {"in:packet#2", "srAdaddfaflfllx"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct impair *impair = dropping(cases[i].pattern);
        assert_string_equal(life(impair, 1000, 77), cases[i].lost);
        if (strstr(cases[i].pattern, "packet") == NULL) {
            assert_string_equal(life(impair, 1001, 0xfffffff0), cases[i].lost); /* each connection counts by itself */
            assert_string_equal(life(impair, 1000, 0x80000000), cases[i].lost); /* so does each incarnation */
        }
        impair_free(impair);
    }
}

static void test_crossing_fins_have_two_last_acks(void **unused)
{
    (void)unused;
    struct impair *impair = dropping("last-ack*");
    assert_true(passes(impair, LINK_OUT, 9, LA_FIN | LA_ACK, 1, 1, 0));
    assert_true(passes(impair, LINK_IN, 9, LA_FIN | LA_ACK, 1, 1, 0));
    assert_false(passes(impair, LINK_OUT, 9, LA_ACK, 2, 2, 0));
    assert_false(passes(impair, LINK_IN, 9, LA_ACK, 2, 2, 0));
    impair_free(impair);
}

/* FIN, FIN with its ACK, ACK: only the last one is last. A later ACK of the second closer is an ordinary one. */
static void test_three_segment_close(void **unused)
{
    (void)unused;
    struct impair *impair = dropping("last-ack*");
    assert_true(passes(impair, LINK_OUT, 9, LA_FIN | LA_ACK, 1, 1, 0));
    assert_true(passes(impair, LINK_IN, 9, LA_FIN | LA_ACK, 1, 2, 0));
    assert_true(passes(impair, LINK_IN, 9, LA_ACK, 2, 2, 0));
    assert_false(passes(impair, LINK_OUT, 9, LA_ACK, 2, 2, 0));
    impair_free(impair);
}

static void test_more_connections_than_are_remembered(void **unused)
{
    (void)unused;
    struct impair_config config = {.connections = 3};
    struct link_error error;
    assert_int_equal(impair_option(&config, "drop", "out:data#2", &error), 0);
    struct impair *impair = impair_with(&config);
    for (uint16_t port = 1; port < 200; port++) {
        assert_true(passes(impair, LINK_OUT, port, LA_ACK, 1, 1, 5));
        assert_false(passes(impair, LINK_OUT, port, LA_ACK, 6, 1, 5));
    }
    assert_true(passes(impair, LINK_OUT, 1, LA_ACK, 11, 1, 5)); /* forgotten: the first again */
    impair_free(impair);
}

static void test_what_is_wrong_is_named(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        const char *value;
        const char *error;
    } cases[] = {
        {"drop", "lst-ack",
         "--drop 'lst-ack': 'lst-ack' is no kind of packet; there are packet, syn, syn-ack, ack, "
         "data, fin, rst, last-ack"},
        {"drop", "",
         "--drop '': the kind of packet is missing; there are packet, syn, syn-ack, ack, data, fin, rst, "
         "last-ack"},
        {"drop", "up:fin", "--drop 'up:fin': 'up:' is no direction; in: is towards lastack, out: from it"},
        {"drop", "fin#0", "--drop 'fin#0': packets are counted from 1"},
        {"drop", "fin#", "--drop 'fin#': a number should stand where '' stands"},
        {"drop", "fin#3-2", "--drop 'fin#3-2': the range ends before it begins"},
        {"drop", "fin*x", "--drop 'fin*x': a number should stand where 'x' stands"},
        {"drop", "fin#1x", "--drop 'fin#1x': 'x' is too much; after the kind comes #N, #N-M, *N, * or nothing"},
        {"drop", "fin#99999999999", "--drop 'fin#99999999999': the number is too large"},
        {"drop", "out:last-ack#1000000-1000000000000", NULL},
        {"loss", "x", "--loss 'x': a number should stand where 'x' stands"},
        {"loss", "5", "--loss '5': a chance is at most 1, that is 100%"},
        {"loss", "101%", "--loss '101%': a chance is at most 1, that is 100%"},
        {"loss", "1 %", "--loss '1 %': a chance is written 1% or 0.01"},
        {"delay", "5 m", "--delay '5 m': ' m' is no unit of time; there are ns, us, ms and s"},
        {"delay", "-5", "--delay '-5': a number should stand where '-5' stands"},
        {"delay", "3601s", "--delay '3601s': at most an hour"},
        {"seed", "12q", "--seed '12q': a seed is a whole number of 64 bits"},
        {"lag", "1", "'lag' is not an option of the network"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct impair_config config = {0};
        struct link_error error = {""};
        assert_int_equal(impair_option(&config, cases[i].name, cases[i].value, &error), -1);
        if (cases[i].error != NULL)
            assert_string_equal(error.text, cases[i].error);
        assert_true(impair_config_idle(&config));
    }
}

static void test_options_are_understood(void **unused)
{
    (void)unused;
    struct impair_config config = {0};
    struct link_error error;
    static const char *const options[][2] = {{"loss", "in:1%"},      {"dup", "0.5%"},  {"reorder", "out:0.25"},
                                             {"damage", "in:100%"},  {"delay", "30"},  {"jitter", "in:1.5s"},
                                             {"hold-time", "200us"}, {"seed", "0xabc"}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_true(impair_option_known(options[i][0]));
        assert_int_equal(impair_option(&config, options[i][0], options[i][1], &error), 0);
    }
    assert_int_equal(config.chances[LINK_IN].loss_ppm, 10000);
    assert_int_equal(config.chances[LINK_OUT].loss_ppm, 0);
    assert_int_equal(config.chances[LINK_OUT].duplicate_ppm, 5000);
    assert_int_equal(config.chances[LINK_OUT].reorder_ppm, 250000);
    assert_int_equal(config.chances[LINK_IN].corrupt_ppm, 1000000);
    assert_int_equal(config.chances[LINK_OUT].delay_ns, 30 * LA_MILLISECOND);
    assert_int_equal(config.chances[LINK_IN].jitter_ns, 1500 * LA_MILLISECOND);
    assert_int_equal(config.chances[LINK_IN].hold_ns, 200 * LA_MICROSECOND);
    assert_int_equal(config.seed, 0xabc);
}

/* What comes out for some hundred packets, as a number. */
static uint64_t outcome(uint64_t seed)
{
    struct impair_chances chances = {100000, 100000, 100000, 100000, 5 * LA_MILLISECOND, LA_MILLISECOND, 0};
    struct impair_config config = {.seed = seed, .chances = {chances, chances}};
    struct impair *impair = impair_with(&config);
    struct impair_delivery delivery;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 300; i++) {
        struct packet packet = segment(LINK_OUT, 7, LA_ACK, i, 1, 9);
        la_time now = i * LA_MILLISECOND;
        impair_submit(impair, now, LINK_OUT, packet.bytes, packet.length, i);
        while (impair_take(impair, now, LINK_OUT, &delivery)) {
            for (size_t octet = 0; octet < delivery.length; octet++)
                sum = sum * 31 + delivery.bytes[octet];
            sum = sum * 31 + delivery.fate.delay_ns + delivery.tag;
        }
    }
    impair_free(impair);
    return sum;
}

static void test_a_seed_decides(void **unused)
{
    (void)unused;
    assert_int_equal(outcome(1), outcome(1));
    assert_int_not_equal(outcome(1), outcome(2));
}

static void test_order_and_times(void **unused)
{
    (void)unused;
    struct impair_config config = {.seed = 3};
    struct link_error error;
    assert_int_equal(impair_option(&config, "delay", "10ms", &error), 0);
    assert_int_equal(impair_option(&config, "jitter", "5ms", &error), 0);
    assert_int_equal(impair_option(&config, "hold", "data#2", &error), 0);
    assert_int_equal(impair_option(&config, "duplicate", "data#3", &error), 0);
    struct impair *impair = impair_with(&config);
    struct impair_delivery delivery;
    static const uint32_t expected[] = {0, 2, 2, 3, 4, 1};
    assert_int_equal(impair_deadline(impair, LINK_OUT), LA_TIME_NEVER);
    for (uint32_t i = 0; i < 5; i++) {
        struct packet packet = segment(LINK_OUT, 7, LA_ACK, i, 1, 9);
        struct fate fate = impair_submit(impair, 0, LINK_OUT, packet.bytes, packet.length, i);
        assert_true(fate.delay_ns >= 10 * LA_MILLISECOND);
        assert_int_equal(fate.reordered, i == 1);
        assert_int_equal(fate.duplicated, i == 2);
    }
    assert_false(impair_take(impair, 0, LINK_OUT, &delivery));
    la_time now = 0;
    for (size_t i = 0; i < 6; i++) {
        now = impair_deadline(impair, LINK_OUT);
        assert_true(impair_take(impair, now, LINK_OUT, &delivery));
        assert_int_equal(delivery.tag, expected[i]);
        assert_int_equal(delivery.fate.delay_ns, now);
        assert_int_equal(delivery.fate.copy, i == 2);
    }
    assert_true(now > 15 * LA_MILLISECOND);
    assert_int_equal(impair_deadline(impair, LINK_OUT), LA_TIME_NEVER);
    impair_free(impair);
}

static void test_the_queue_is_bounded(void **unused)
{
    (void)unused;
    struct impair_config config = {.queue_packets = 4};
    struct link_error error;
    struct impair_delivery delivery;
    char text[FATE_TEXT_BYTES];
    assert_int_equal(impair_option(&config, "delay", "1s", &error), 0);
    struct impair *impair = impair_with(&config);
    struct packet packet = segment(LINK_OUT, 7, LA_ACK, 1, 1, 9);
    for (uint32_t i = 0; i < 6; i++) {
        enum link_direction direction = i % 2 == 0 ? LINK_OUT : LINK_IN;
        struct fate fate = impair_submit(impair, i, direction, packet.bytes, packet.length, i);
        assert_int_equal(fate.lost, i >= 4);
        assert_string_equal(fate_text(&fate, text), i < 4 ? "delayed 1000 ms" : "lost, by queue full");
    }
    assert_true(impair_take(impair, LA_SECOND, LINK_OUT, &delivery));
    assert_int_equal(delivery.tag, 0);
    assert_false(impair_submit(impair, 9, LINK_OUT, packet.bytes, packet.length, 9).lost);
    impair_free(impair); /* with packets on their way */
}

static void test_corruption_turns_one_bit(void **unused)
{
    (void)unused;
    struct impair_config config = {0};
    struct link_error error;
    struct impair_delivery delivery;
    assert_int_equal(impair_option(&config, "damage", "100%", &error), 0);
    struct impair *impair = impair_with(&config);
    for (uint8_t text = 0; text < SOME; text++) {
        struct packet packet = segment(LINK_IN, 7, LA_ACK, 1, 1, text);
        int bits = 0;
        assert_true(impair_submit(impair, 0, LINK_IN, packet.bytes, packet.length, 0).corrupted);
        assert_true(impair_take(impair, 0, LINK_IN, &delivery));
        assert_memory_equal(delivery.bytes, packet.bytes, 20);
        for (size_t i = 0; i < packet.length; i++)
            bits += __builtin_popcount((unsigned)(packet.bytes[i] ^ delivery.bytes[i]));
        assert_int_equal(bits, 1);
    }
    impair_free(impair);
}

/* Whatever octets come: nothing is read beyond them (under sanitizers), and they pass. */
static void test_any_octets(void **unused)
{
    (void)unused;
    struct impair *impair = dropping("rst#4000000000");
    struct packet whole = segment(LINK_OUT, 7, LA_ACK, 1, 1, 30);
    struct impair_delivery delivery;
    for (size_t length = 0; length <= whole.length; length++) {
        for (unsigned version = 0; version < 16; version++) {
            uint8_t *exact = test_malloc(length > 0 ? length : 1);
            memcpy(exact, whole.bytes, length);
            if (length > 0)
                exact[0] = (uint8_t)(version << 4 | 5);
            assert_false(impair_submit(impair, 0, LINK_OUT, exact, length, 0).lost);
            assert_true(impair_take(impair, 0, LINK_OUT, &delivery));
            assert_int_equal(delivery.length, length);
            test_free(exact);
        }
    }
    impair_free(impair);
}

/* ---- what a pattern says besides ---- */

static void a_pattern_may_hold_for_its_own_time(void **state)
{
    (void)state;
    struct impair_config config = {.chances = {{0}, {.delay_ns = 5 * LA_MILLISECOND}}, .pattern_count = 1};
    struct link_error error;
    assert_int_equal(impair_parse("out:data", IMPAIR_HOLD, &config.patterns[0], &error), 0);
    config.patterns[0].by_ns = 70 * LA_MILLISECOND;
    struct impair *impair = impair_with(&config);
    struct packet packet = segment(LINK_OUT, 1000, LA_ACK, 1, 1, SOME);
    struct fate fate = impair_submit(impair, 0, LINK_OUT, packet.bytes, packet.length, 0);
    assert_int_equal(fate.delay_ns, 75 * LA_MILLISECOND);
    impair_free(impair);
}

static void a_second_copy_may_come_later(void **state)
{
    (void)state;
    struct impair_config config = {.chances = {{0}, {.delay_ns = 5 * LA_MILLISECOND}}, .pattern_count = 1};
    struct link_error error;
    assert_int_equal(impair_parse("out:data", IMPAIR_DUPLICATE, &config.patterns[0], &error), 0);
    config.patterns[0].by_ns = 70 * LA_MILLISECOND;
    struct impair *impair = impair_with(&config);
    struct packet packet = segment(LINK_OUT, 1000, LA_ACK, 1, 1, SOME);
    struct impair_delivery delivery;
    char text[FATE_TEXT_BYTES];
    struct fate fate = impair_submit(impair, 0, LINK_OUT, packet.bytes, packet.length, 0);
    assert_string_equal(fate_text(&fate, text), "duplicated 70 ms later, delayed 5.0 ms, by out:data");
    assert_int_equal(impair_deadline(impair, LINK_OUT), 5 * LA_MILLISECOND);
    assert_true(impair_take(impair, 5 * LA_MILLISECOND, LINK_OUT, &delivery));
    assert_int_equal(impair_deadline(impair, LINK_OUT), 75 * LA_MILLISECOND);
    assert_true(impair_take(impair, 75 * LA_MILLISECOND, LINK_OUT, &delivery));
    assert_true(delivery.fate.copy);
    assert_int_equal(delivery.fate.delay_ns, 75 * LA_MILLISECOND);
    impair_free(impair);
}

static void a_pattern_may_act_in_one_connection_only(void **state)
{
    (void)state;
    struct impair_config config = {.pattern_count = 1};
    struct link_error error;
    assert_int_equal(impair_parse("out:syn", IMPAIR_DROP, &config.patterns[0], &error), 0);
    config.patterns[0].times = 1;
    struct impair *impair = impair_with(&config);
    for (uint16_t port = 1000; port < 1003; port++) {
        struct packet packet = segment(LINK_OUT, port, LA_SYN, 1, 0, 0);
        struct fate fate = impair_submit(impair, 0, LINK_OUT, packet.bytes, packet.length, 0);
        assert_int_equal(fate.lost, port == 1000);
    }
    impair_free(impair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_choose),
        cmocka_unit_test(test_crossing_fins_have_two_last_acks),
        cmocka_unit_test(test_three_segment_close),
        cmocka_unit_test(test_more_connections_than_are_remembered),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_options_are_understood),
        cmocka_unit_test(test_a_seed_decides),
        cmocka_unit_test(test_order_and_times),
        cmocka_unit_test(test_the_queue_is_bounded),
        cmocka_unit_test(test_corruption_turns_one_bit),
        cmocka_unit_test(test_any_octets),
        cmocka_unit_test(a_pattern_may_hold_for_its_own_time),
        cmocka_unit_test(a_second_copy_may_come_later),
        cmocka_unit_test(a_pattern_may_act_in_one_connection_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
