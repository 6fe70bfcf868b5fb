#include "icmp_support.h"

static const struct la_address ours = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1}};
static const struct la_address theirs = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 2}};

static struct outcome outcome(unsigned type, unsigned code)
{
    bool echo = (type == 0 || type == 8) && code == 0;
    bool error = (type == 3 && code < 16) || (type == 11 && code < 2) || (type == 12 && code < 3);
    return (struct outcome){.why = echo || error ? LA_DROP_NONE : LA_DROP_ICMP_TYPE,
                            .has_quote = error,
                            .mtu = type == 3 && code == 4 ? REST & 0xffff : 0};
}

static uint16_t checksum(const uint8_t *whole, size_t length)
{
    return naive_checksum(whole + 20, length - 20);
}

static size_t make(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, size_t length)
{
    uint8_t *icmp = to + ip_emit(to, &theirs, &ours, IP_PROTOCOL_ICMP, 64, 8 + length);
    icmp[0] = type;
    icmp[1] = code;
    put_u16(icmp + 2, 0);
    put_u32(icmp + 4, rest);
    if (length > 0) {
        memcpy(icmp + 8, body, length);
    }
    put_u16(icmp + 2, checksum(to, 28 + length));
    return 28 + length;
}

static size_t emit_error(uint8_t *to, const struct packet *about)
{
    return icmp_emit_unreachable(to, about, ICMP_UNREACHABLE_PORT, 64);
}

static struct version ipv4 = {
    .ours = &ours,
    .theirs = &theirs,
    .header_bytes = 20,
    .protocol_at = 9,
    .summed_from = 20,
    .largest_error = 576, /* RFC 1812 4.3.2.3 */
    .protocol = IP_PROTOCOL_ICMP,
    .echo_request = ICMP_ECHO_REQUEST,
    .echo_reply = ICMP_ECHO_REPLY,
    .unreachable = ICMP_UNREACHABLE,
    .time_exceeded = ICMP_TIME_EXCEEDED,
    .error_type = ICMP_UNREACHABLE,
    .error_code = ICMP_UNREACHABLE_PORT,
    .outcome = outcome,
    .parse = icmp_parse,
    .make = make,
    .checksum = checksum,
    .echo_reply_bytes = icmp_echo_reply_bytes,
    .emit_echo_reply = icmp_emit_echo_reply,
    .error_bytes = icmp_unreachable_bytes,
    .emit_error = emit_error,
};

static void truncation_behind_options(void **state)
{
    (void)state;
    for (size_t options = 4; options <= 40; options += 4) {
        uint8_t quote[100];
        size_t length = make_quote(&ipv4, quote) + options;
        memmove(quote + 20 + options, quote + 20, 8);
        memset(quote + 20, 1, options);
        quote[0] = (uint8_t)(0x45 + options / 4);
        check_truncated_quotes(&ipv4, quote, length);
    }
}

static void quotes_that_are_none(void **state)
{
    (void)state;
    uint8_t bytes[PACKET_MAX];
    uint8_t quote[100];
    struct icmp_message message;
    size_t length = make_quote(&ipv4, quote);
    for (unsigned first = 0; first < 256; first++) {
        quote[0] = (uint8_t)first;
        size_t whole = make(bytes, ICMP_TIME_EXCEEDED, 0, 0, quote, length);
        enum la_drop expected = first >> 4 != 4 || (first & 15) < 5 ? LA_DROP_ICMP_QUOTE
                                : first != 0x45                     ? LA_DROP_ICMP_TRUNCATED
                                                                    : LA_DROP_NONE;
        assert_int_equal(parse(&ipv4, bytes, whole, &message), expected);
    }
    make_quote(&ipv4, quote);
    put_u16(quote + 6, 1); /* a later fragment has no TCP header */
    assert_int_equal(parse(&ipv4, bytes, make(bytes, ICMP_TIME_EXCEEDED, 0, 0, quote, length), &message), LA_DROP_NONE);
    assert_int_equal(message.quoted_source.port, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(types_and_codes, &ipv4),
        cmocka_unit_test_prestate(every_truncation, &ipv4),
        cmocka_unit_test(truncation_behind_options),
        cmocka_unit_test_prestate(every_wrong_bit_is_seen, &ipv4),
        cmocka_unit_test(quotes_that_are_none),
        cmocka_unit_test_prestate(what_is_not_tcp_has_no_ports, &ipv4),
        cmocka_unit_test_prestate(echo_is_sent_back_as_it_came, &ipv4),
        cmocka_unit_test_prestate(an_error_quotes_what_fits, &ipv4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
