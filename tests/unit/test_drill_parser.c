#include "support.h"

#include "drill/calls.h"

static struct script script;
static struct problem problem;

static bool parse(const char *text, bool is_ipv4)
{
    const struct dialect dialect = {.is_ipv4 = is_ipv4};
    script_free(&script);
    problem = (struct problem){0};
    char *copy = (char *)exact(text, strlen(text));
    bool good = script_read_options(copy, strlen(text), &script, &problem) &&
                script_read(copy, strlen(text), &dialect, &script, &problem);
    free(copy);
    return good;
}

static const struct event *good(const char *text)
{
    if (!parse(text, true))
        fail_msg("%s: %u:%u: %s", text, problem.place.line, problem.place.column, problem.text);
    return script.events;
}

static int free_script(void **state)
{
    (void)state;
    script_free(&script);
    return 0;
}

/* ---- what is understood ---- */

static void test_times(void **state)
{
    (void)state;
    const struct event *event =
        good("0 > . 1:1(0)  0.5~.75 > . 1:1(0)  +1 > . 1:1(0)  +.1~+.2 > . 1:1(0)  * > . 1:1(0)");
    static const struct {
        enum time_kind kind;
        int64_t time_ns;
        int64_t end_ns;
    } times[] = {{TIME_ABSOLUTE, 0, 0},
                 {TIME_ABSOLUTE_RANGE, 500000000, 750000000},
                 {TIME_RELATIVE, 1000000000, 0},
                 {TIME_RELATIVE_RANGE, 100000000, 200000000},
                 {TIME_ANY, 0, 0}};
    assert_int_equal(script.event_count, 5);
    for (size_t i = 0; i < 5; i++, event = event->next) {
        assert_int_equal(event->time_kind, times[i].kind);
        assert_int_equal(event->time_ns, times[i].time_ns);
        assert_int_equal(event->end_ns, times[i].end_ns);
    }
}

static void test_packet(void **state)
{
    (void)state;
    const struct packet *packet = good("0 < [ect0] 6001 > 8080 FP.U 1001:2001(1000) ack 4294967295 win 65535 urg 5\n"
                                       "<mss 1460,sackOK,nop,wscale 7,TS val 1 ecr 4294967295,eol,nop,nop,nop>")
                                      ->packet;
    static const uint8_t options[] = {2, 4, 5, 180, 4,   2,   1,   3,   3, 7, 8, 10,
                                      0, 0, 0, 1,   255, 255, 255, 255, 0, 1, 1, 1};
    assert_int_equal(packet->option_bytes, sizeof options);
    assert_false(packet->is_outbound);
    assert_int_equal(packet->tos_check, TOS_ECN);
    assert_int_equal(packet->tos, 2);
    assert_int_equal(packet->source.port, 6001);
    assert_int_equal(packet->destination.port, 8080);
    assert_int_equal(packet->flags, LA_FIN | LA_PSH | LA_ACK | LA_URG);
    assert_int_equal(packet->seq, 1001);
    assert_int_equal(packet->length, 1000);
    assert_int_equal(packet->ack, UINT32_MAX);
    assert_int_equal(packet->window, 65535);
    assert_int_equal(packet->urgent, 5);
    assert_memory_equal(packet->options, options, sizeof options);
}

static void test_flags(void **state)
{
    (void)state;
    assert_int_equal(good("0 > - 1:1(0)")->packet->flags, 0);
    assert_int_equal(good("0 > SEWA 1:1(0)")->packet->flags, LA_SYN | LA_ECE | LA_CWR | PACKET_AE);
    const struct packet *packet = good("0 > P.5 1:1(0) <...>")->packet;
    assert_int_equal(packet->flags, LA_PSH | LA_ACK | LA_ECE | PACKET_AE);
    assert_true(packet->flags_are_ace);
    assert_true(packet->any_options);
    assert_false(packet->has_window);
}

static void test_options_of_all_kinds(void **state)
{
    (void)state;
    static const uint8_t sack[] = {1, 1, 5, 18, 0, 0, 3, 233, 0, 0, 7, 209, 0, 0, 11, 185, 0, 0, 15, 161};
    const struct packet *packet = good("0 > . 1:1(0) <nop,nop,sack 1001:2001 3001:4001>")->packet;
    assert_int_equal(packet->option_bytes, sizeof sack);
    assert_memory_equal(packet->options, sack, sizeof sack);
    static const uint8_t cookies[] = {34, 6, 1, 0x23, 0xab, 0xcd, 254, 4, 0xf9, 0x89, 1, 1};
    packet = good("0 > S 1:1(0) <FO 0123abcd,FOEXP,nop,nop>")->packet;
    assert_int_equal(packet->option_bytes, sizeof cookies);
    assert_memory_equal(packet->options, cookies, sizeof cookies);
    static const uint8_t accecn[] = {174, 8, 0, 0, 1, 1, 0, 0};
    packet = good("0 > . 1:1(0) <ECN e1b 1 ceb 65536>")->packet;
    assert_int_equal(packet->option_bytes, sizeof accecn);
    assert_memory_equal(packet->options, accecn, sizeof accecn);
}

static void test_icmp(void **state)
{
    (void)state;
    const struct packet *packet = good("0 < icmp unreachable frag_needed mtu 1200 [1001:2001(1000)]")->packet;
    assert_int_equal(packet->protocol, PACKET_ICMP);
    assert_int_equal(packet->icmp_type, 3);
    assert_int_equal(packet->icmp_code, 4);
    assert_int_equal(packet->mtu, 1200);
    assert_int_equal(packet->quote, QUOTE_TCP);
    assert_int_equal(packet->quote_seq, 1001);
    packet = good("0 > icmp type_0 code_0 id 9 [raw(64)]")->packet;
    assert_int_equal(packet->echo_id, 9);
    assert_int_equal(packet->quote, QUOTE_RAW);
    assert_int_equal(packet->quote_length, 64);
    assert_true(parse("0 < icmp packet_too_big mtu 1280 [1:1(0)]", false));
    assert_int_equal(script.events->packet->icmp_type, 2);
}

static void test_calls(void **state)
{
    (void)state;
    const struct call *call = good("0...1.5 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)")->call;
    assert_true(call->blocks);
    assert_int_equal(call->end_ns, 1500000000);
    assert_int_equal(call->kind->number, CALL_CONNECT);
    assert_int_equal(call->result->integer, -1);
    assert_string_equal(call->error_name, "ECONNREFUSED");
    assert_string_equal(call->text, "connect(3, ..., ...)");
    call = good("0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0")->call;
    assert_int_equal(call->arguments->next->next->integer, 04002);
    call = good("0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 1}, {...,2}], msg_flags=0}, MSG_MORE) = 3 (note)")
               ->call;
    const struct value *message = call->arguments->next;
    assert_int_equal(value_member(message, "msg_iov")->count, 2);
    assert_int_equal(value_member(message, "msg_iov")->argument->integer, 2);
    call = good("0 getsockopt(3, SOL_TCP, TCP_CONGESTION, \"re\" \"no\", [4]) = 0")->call;
    assert_string_equal(call->arguments->next->next->next->text, "reno");
}

static void test_commands_and_code(void **state)
{
    (void)state;
    const struct event *event = good("--a=1\n--b-c\n`first`\n0 `now` +1 %{ assert x == 1, x }%\n`last`");
    assert_string_equal(script.options->name, "a");
    assert_string_equal(script.options->value, "1");
    assert_string_equal(script.options->next->name, "b_c");
    assert_null(script.options->next->value);
    assert_string_equal(script.init_command, "first");
    assert_string_equal(script.cleanup_command, "last");
    assert_int_equal(event->kind, EVENT_COMMAND);
    assert_string_equal(event->text, "now");
    assert_int_equal(event->next->kind, EVENT_CODE);
}

static void test_definitions(void **state)
{
    (void)state;
    const struct definition port = {"PORTS", "5", NULL};
    const struct definition name = {"CC", "\"reno\"", &port};
    const struct definition word = {"OPTION", "SO_REUSEADDR", &name};
    const struct dialect dialect = {.is_ipv4 = true, .definitions = &word};
    const char *text = "0 listen(3, PORTS) = 0 +0 setsockopt(3, SOL_TCP, TCP_CONGESTION, CC, PORTS) = 0\n"
                       "+0 setsockopt(3, SOL_SOCKET, OPTION, [1], 4) = 0";
    script_free(&script);
    assert_true(script_read(text, strlen(text), &dialect, &script, &problem));
    const struct event *event = script.events;
    assert_int_equal(event->call->arguments->next->integer, 5);
    assert_string_equal(event->next->call->arguments->next->next->next->text, "reno");
    assert_int_equal(event->next->next->call->arguments->next->next->integer, 2);
}

/* ---- what is not ---- */

struct wrong {
    const char *text;
    unsigned line;
    unsigned column;
    const char *said;
};

static const struct wrong wrongs[] = {
    {"", 1, 1, "no events"},
    {"x", 1, 1, "expected a time"},
    {"0", 1, 2, "expected a packet"},
    {"-1 > . 1:1(0)", 1, 1, "a time in seconds"},
    {"0.2~0.1 > . 1:1(0)", 1, 4, "ends before it begins"},
    {"+1~2 > . 1:1(0)", 1, 4, "expected + and"},
    {"* close(3) = 0", 1, 1, "only a packet that is expected"},
    {"0~1 < . 1:1(0) win 1", 1, 1, "only a packet that is expected"},
    {"0 > X 1:1(0)", 1, 5, "TCP flags"},
    {"0 > S9 1:1(0)", 1, 5, "TCP flags"},
    {"0 > E5 1:1(0)", 1, 5, "TCP flags"},
    {"0 > . 1:2(0)", 1, 7, "end at 1, not at 2"},
    {"0 > . 1:1", 1, 10, "expected ( and the length"},
    {"0 > . 4294967296:1(0)", 1, 7, "is from 0 to 4294967295"},
    {"0 > . 1:1(0) ack x", 1, 18, "expected a number"},
    {"0 < . 1:1(0) ack 1", 1, 5, "needs a window"},
    {"0 < . 1:1(0) win 65536", 1, 18, "is from 0 to 65535"},
    {"0 < . 1:1(0) win 1 <...>", 1, 20, "<...> is for packets that are expected"},
    {"0 < [ect01] . 1:1(0) win 1", 1, 6, "ect01 is for"},
    {"0 > [flowlabel 0x5] . 1:1(0)", 1, 6, "IPv4 has no flowlabel"},
    {"0 > [tos 256] . 1:1(0)", 1, 10, "from 0 to 255"},
    {"0 > . 1:1(0) <mss>", 1, 18, "expected an mss"},
    {"0 > . 1:1(0) <foo>", 1, 15, "there is no TCP option 'foo'"},
    {"0 > . 1:1(0) <nop>", 1, 14, "are 1 octets"},
    {"0 > . 1:1(0) <FO 123>", 1, 18, "two digits each"},
    {"0 > . 1:1(0) <TS val 1>", 1, 23, "expected ecr"},
    {"0 > . 1:1(0) <md5 00112233445566778899aabbccddeeff,md5 00112233445566778899aabbccddeeff,TS val 1 ecr 1>", 1, 89,
     "room for 40"},
    {"0 > udp (1000)", 1, 5, "lastack has no udp"},
    {"0 > gre: . 1:1(0)", 1, 5, "lastack has no gre"},
    {"0 > icmp echo_reply mtu 700", 1, 21, "this ICMP message is no error, and has no mtu"},
    {"0 < icmp unreachable id 7", 1, 22, "this ICMP message is an error, and has no id"},
    {"0 > icmp unreachable [5:500(495)]", 1, 23, "what a message that the host sends quotes is not compared"},
    {"0 < icmp nonsense", 1, 10, "there is no ICMP type 'nonsense'; there are echo_reply"},
    {"0 < icmp unreachable nonsense", 1, 22, "there is no ICMP code 'nonsense'; there are net_unreachable"},
    {"0 nonsense(3) = 0", 1, 3, "there is no call 'nonsense'; there are socket, bind"},
    {"0 pipe([3, 4]) = 0", 1, 3, "lastack's sockets have no pipe"},
    {"0 close(3)", 1, 11, "expected = and the result"},
    {"0 close() = 0", 1, 3, "close takes 1 arguments, not 0"},
    {"0 close(...) = 0", 1, 9, "expected a number or a constant's name, found ..."},
    {"0 close(NONSENSE) = 0", 1, 9, "there is no constant 'NONSENSE'"},
    {"0 close(3) = 0 EBADF", 1, 16, "no errno, since the result is not -1"},
    {"0 close(3) = -1 ENONSENSE", 1, 17, "expected an errno's name"},
    {"0 bind(3, 4, 5) = 0", 1, 14, "expected ..., found a number"},
    {"0 read(3, 7, 5) = 0", 1, 11, "expected ... or NULL"},
    {"0 writev(3, [{1, 2}], 1) = 0", 1, 14, "expected {..., LENGTH}"},
    {"0 poll([{fd=3, event=POLLIN}], 1, 0) = 0", 1, 16, "there is no 'event' in {fd=N"},
    {"0 poll([{fd=3}], 1, 0) = 0", 1, 9, "'events' is missing"},
    {"0 sendmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 1}], msg_flags=0}, 0) = 1", 1, 34, "msg_iov(2) has 1 parts"},
    {"0 setsockopt(3, 1, 2, {onoff=1}, 8) = 0", 1, 23, "'linger' is missing"},
    {"0 getsockopt(3, 1, 2, [0], 4) = 0", 1, 28, "expected [LENGTH]"},
    {"0 setsockopt(3, 1, 2, [[[[[[[[[[1]]]]]]]]]], 8) = 0", 1, 32, "not nested that deep"},
    {"0 bind(3, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr(\"x\")}, ...) = 0", 1, 69, "an IP address"},
    {"0 close(3) = 0\n0 %{ assert }%", 2, 3, "in code"},
    {"0 close(3) = 0\n\n   bad", 3, 4, "or the next event's time"},
    {"0 close(3) = 0 `a` `b`", 1, 20, "nothing after the last command"},
    {"0 close(3) = 0 /* x", 1, 16, "does not end"},
    {"0 close(\"x", 1, 9, "does not end"},
};

static void test_what_is_wrong_is_named_where_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        if (parse(wrongs[i].text, true))
            fail_msg("understood: %s", wrongs[i].text);
        if (strstr(problem.text, wrongs[i].said) == NULL || problem.place.line != wrongs[i].line ||
            problem.place.column != wrongs[i].column)
            fail_msg("%s: %u:%u: %s", wrongs[i].text, problem.place.line, problem.place.column, problem.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_packet),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_options_of_all_kinds),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_commands_and_code),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_what_is_wrong_is_named_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, free_script);
}
