#include "support.h"

#include <dirent.h>
#include <regex.h>
#include <stdio.h>

#include "drill/drill.h"
#include "host/host_inspect.h"

/* Scripts as a whole: those of tests/drill/smoke pass, wherever sequence numbers begin; and what is changed in one does
   not go unnoticed. */

enum { SCRIPTS_MAX = 64, TEXT_MAX = 16384 };

static struct {
    char name[256];
    char text[TEXT_MAX];
} scripts[SCRIPTS_MAX];
static unsigned script_count;

static int read_scripts(void **state)
{
    (void)state;
    const char *folder = getenv("LASTACK_SCRIPTS");
    struct dirent **entries = NULL;
    int count = folder != NULL ? scandir(folder, &entries, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        char path[1024];
        const char *dot = strrchr(entries[i]->d_name, '.');
        if (dot != NULL && strcmp(dot, ".pkt") == 0 && script_count < SCRIPTS_MAX) {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            snprintf(scripts[script_count].name, sizeof scripts[0].name, "%s", entries[i]->d_name);
            FILE *file = fopen(path, "r");
            size_t length = file != NULL ? fread(scripts[script_count].text, 1, TEXT_MAX - 1, file) : 0;
            if (file != NULL)
                fclose(file);
            script_count += length > 0;
        }
        free(entries[i]);
    }
    free(entries);
    return script_count >= 15 ? 0 : -1;
}

static void run(const char *text, const struct drill_options *options, struct drill_report *report)
{
    struct drill_options checked = options != NULL ? *options : (struct drill_options){0};
    checked.inspect = host_check;
    drill_run(text, strlen(text), &checked, report);
}

static enum drill_result result_of(const char *text)
{
    struct drill_report report;
    run(text, NULL, &report);
    enum drill_result result = report.result;
    drill_report_free(&report);
    return result;
}

static void passes(const char *name, const char *text, const struct drill_options *options)
{
    struct drill_report report;
    run(text, options, &report);
    if (report.result != DRILL_PASSED)
        fail_msg("%s:%u: %s\n  expected: %s\n  actual: %s", name, report.line, report.message,
                 report.expected != NULL ? report.expected : "", report.actual != NULL ? report.actual : "");
    drill_report_free(&report);
}

static void test_scripts_pass(void **state)
{
    (void)state;
    for (unsigned i = 0; i < script_count; i++)
        passes(scripts[i].name, scripts[i].text, NULL);
}

/* The same life, whatever numbers it begins with: the wraps at 2^31 and 2^32 lie inside it. */
static void test_scripts_pass_across_wraps(void **state)
{
    (void)state;
    const char *const isns[] = {"local:4294967290", "remote:4294967290", "local:2147483645,remote:2147483645",
                                "local:4294966500,remote:4294966800"};
    for (size_t n = 0; n < sizeof isns / sizeof isns[0]; n++) {
        const struct drill_setting setting = {"isn", isns[n]};
        const struct drill_options options = {.settings = &setting, .setting_count = 1};
        for (unsigned i = 0; i < script_count; i++)
            passes(scripts[i].name, scripts[i].text, &options);
    }
}

/* ---- the same every time ---- */

static void test_a_run_is_repeated_exactly(void **state)
{
    (void)state;
    const struct drill_options options = {.verbose = true};
    for (unsigned i = 0; i < script_count; i++) {
        struct drill_report first;
        struct drill_report second;
        run(scripts[i].text, &options, &first);
        run(scripts[i].text, &options, &second);
        assert_string_equal(first.log, second.log);
        assert_int_equal(first.duration, second.duration);
        assert_true(first.events > 0);
        drill_report_free(&first);
        drill_report_free(&second);
    }
}

/* ---- what is changed is noticed ---- */

static char changed[TEXT_MAX + 256];
static unsigned changes;

/* The script with what stands from..to replaced must not pass. */
static void must_be_noticed(unsigned script, const char *from, const char *to, const char *with)
{
    const char *text = scripts[script].text;
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(from - text), text, with, to);
    changes++;
    if (result_of(changed) == DRILL_PASSED)
        fail_msg("%s: \"%s\" in the place of \"%.*s\" is not noticed:\n%.*s", scripts[script].name, with,
                 (int)(to - from), from, (int)strcspn(from, "\n"), from);
}

static bool find(const char *pattern, const char *line, const char **from, const char **to)
{
    regex_t expression;
    regmatch_t match[2];
    char copy[512];
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
    assert_int_equal(regcomp(&expression, pattern, REG_EXTENDED), 0);
    bool is_there = regexec(&expression, copy, 2, match, 0) == 0;
    regfree(&expression);
    if (is_there) {
        *from = line + match[1].rm_so;
        *to = line + match[1].rm_eo;
    }
    return is_there;
}

/* The number that the pattern's group matches, one larger. */
static void change_number(unsigned script, const char *line, const char *pattern)
{
    const char *from;
    const char *to;
    char larger[32];
    if (!find(pattern, line, &from, &to))
        return;
    snprintf(larger, sizeof larger, "%lld", strtoll(from, NULL, 10) + 1);
    must_be_noticed(script, from, to, larger);
}

static void change_packet(unsigned script, const char *line)
{
    const char *from;
    const char *to;
    char range[64];
    bool is_syn = find("> .*(S)[.EW]* [0-9]+:", line, &from, &to);
    /* Where time passes on the line, what it expects may well not happen without it. */
    if (find("^ *(\\+0) ", line, &from, &to))
        must_be_noticed(script, line, line + strcspn(line, "\n"), "");
    if (find("([^ ]+) [0-9]+:[0-9]+\\(", line, &from, &to))
        must_be_noticed(script, from, to, "SFR");
    if (find("([0-9]+:[0-9]+\\([0-9]+\\))", line, &from, &to)) {
        unsigned long first = strtoul(from, NULL, 10);
        unsigned long length = strtoul(strchr(from, '(') + 1, NULL, 10);
        snprintf(range, sizeof range, "%lu:%lu(%lu)", first, first + length + 1, length + 1);
        must_be_noticed(script, from, to, range);
        snprintf(range, sizeof range, "%lu:%lu(%lu)", first + 1, first + length + 1, length);
        if (!is_syn) /* a SYN's number is the script's to name */
            must_be_noticed(script, from, to, range);
    }
    change_number(script, line, " ack ([0-9]+)");
    change_number(script, line, " win ([0-9]+)");
    change_number(script, line, "mss ([0-9]+)");
    change_number(script, line, " ecr ([0-9]+)");
    change_number(script, line, " ttl ([0-9]+)");
    change_number(script, line, " id ([0-9]+)");
    change_number(script, line, "raw\\(([0-9]+)");
    if (find("^ *([^* ]+) ", line, &from, &to)) {
        must_be_noticed(script, from, to, "+7.5");
        must_be_noticed(script, from, to, "+7.5~+8");
    }
}

static void change_call(unsigned script, const char *line)
{
    const char *from;
    const char *to;
    bool answers_fd = find("(socket|accept|epoll_create)\\(", line, &from, &to);
    if (find("= -1 ([A-Z]+)", line, &from, &to))
        must_be_noticed(script, from, to, "EDOM");
    else if (!answers_fd)
        change_number(script, line, "\\) = ([0-9]+)");
    if (find("\\.\\.\\.([0-9.]+) [a-z]+\\(", line, &from, &to))
        must_be_noticed(script, from, to, "7.5");
    if (find("revents=([A-Z|]+)", line, &from, &to))
        must_be_noticed(script, from, to, "POLLPRI");
}

static void test_what_is_changed_is_noticed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < script_count; i++) {
        for (const char *line = scripts[i].text; *line != '\0';) {
            char time[32];
            char word[32];
            if (strchr(" +*0123456789", *line) != NULL && sscanf(line, "%31s %31s", time, word) == 2) {
                if (strcmp(word, ">") == 0)
                    change_packet(i, line);
                else if (strchr(word, '(') != NULL && strchr("<%", word[0]) == NULL)
                    change_call(i, line);
            }
            line += strcspn(line, "\n");
            line += *line == '\n';
        }
    }
    assert_true(changes > 400);
}

/* ---- what a failure says ---- */

#define OPEN                                        \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n" \
    "+0 bind(3, ..., ...) = 0\n"                    \
    "+0 listen(3, 1) = 0\n"                         \
    "+0 < S 0:0(0) win 20000 <mss 1000>\n"          \
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"             \
    "+0 < . 1:1(0) ack 1 win 20000\n"               \
    "+0 accept(3, ..., ...) = 4\n"

#define EPOLL                  \
    "+0 epoll_create(1) = 5\n" \
    "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0\n"

struct said {
    const char *text;
    enum drill_result result;
    unsigned line;
    const char *message;
    const char *expected;
    const char *actual;
};

static const struct said said[] = {
    {OPEN "+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1", DRILL_FAILED, 9,
     "another packet than expected was sent: flags", "> . 1:11(10) ack 1", "0.000000 > P. 1:11(10) ack 1 win 65535"},
    {OPEN "+0 write(4, ..., 10) = 10\n+.1 > P. 1:11(10) ack 1", DRILL_FAILED, 9,
     "the packet was sent at 0.000000, not at 0.100000", "> P. 1:11(10) ack 1", "> P. 1:11(10) ack 1"},
    {OPEN "+0 > P. 1:11(10) ack 1", DRILL_FAILED, 8, "no packet was sent up to 2.000000", "> P. 1:11(10) ack 1", NULL},
    {OPEN "+0 write(4, ..., 10) = 10", DRILL_FAILED, 8, "a packet was sent that no line expects", NULL,
     "0.000000 > P. 1:11(10) ack 1 win 65535"},
    {OPEN "+0 write(4, ..., 10) = 9", DRILL_FAILED, 8, "write(4, ..., 10) answered 10, not 9", NULL, NULL},
    {OPEN "+0 write(4, ..., 10) = -1 EPIPE", DRILL_FAILED, 8, "write(4, ..., 10) answered 10, not -1 EPIPE", NULL,
     NULL},
    {OPEN "+0 read(4, ..., 10) = 10", DRILL_FAILED, 8, "read(4, ..., 10) does not answer at once; a call that waits",
     NULL, NULL},
    {OPEN "+0...0.5 read(4, ..., 10) = 10", DRILL_FAILED, 8, "read(4, ..., 10) does not answer, and the script is over",
     NULL, NULL},
    {OPEN "+0...0.5 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1", DRILL_FAILED, 8, "answered at once, not at 0.500",
     NULL, NULL},
    {OPEN "+0...0.5 read(4, ..., 10) = 5\n+.1 < P. 1:6(5) ack 1 win 20000", DRILL_FAILED, 8,
     "read(4, ..., 10) answered at 0.100000, not at 0.500000", NULL, NULL},
    {OPEN "+0 poll([{fd=4, events=POLLOUT, revents=POLLIN}], 1, 0) = 1", DRILL_FAILED, 8,
     "poll: revents of descriptor 4 is POLLOUT, not POLLIN", NULL, NULL},
    {OPEN "+0 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = 0", DRILL_FAILED, 8,
     "poll: revents of descriptor 4 is 0, not POLLIN", NULL, NULL},
    {OPEN EPOLL "+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0", DRILL_FAILED, 10,
     "epoll_wait: events is 0, not EPOLLIN", NULL, NULL},
    {OPEN EPOLL "+0 epoll_wait(5, [{events=EPOLLIN, fd=4}], 1, 0) = 0", DRILL_FAILED, 10,
     "epoll_wait answered 0 events, not 1", NULL, NULL},
    {OPEN "+0 < icmp echo_request id 7 [raw(64)]\n+0 > icmp echo_reply id 7 [raw(1000)]", DRILL_FAILED, 9,
     "another packet than expected was sent: length", "> icmp type_0 code_0 id 7 [raw(1000)]", "id 7 [raw(64)]"},
    {OPEN "+0 < icmp echo_request id 7 [raw(64)]\n+0 > icmp echo_reply id 0", DRILL_FAILED, 9,
     "another packet than expected was sent: id", "> icmp type_0 code_0 id 0", "id 7 [raw(64)]"},
    {OPEN "+0 < icmp echo_request id 7 [raw(64)]\n+0 > icmp unreachable frag_needed mtu 700", DRILL_FAILED, 9,
     "another packet than expected was sent: type, code, mtu", "mtu 700", "id 7 [raw(64)]"},
    {OPEN "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0", DRILL_FAILED, 8, "getsockopt: the value is 0, not 1",
     NULL, NULL},
    {OPEN "+0 ioctl(4, SIOCINQ, [1]) = 0", DRILL_FAILED, 8, "ioctl: the value is 0, not 1", NULL, NULL},
    {OPEN "+0 %{ assert connections == 5 }%", DRILL_FAILED, 8,
     "assert connections == 5 does not hold: connections is 1", NULL, NULL},
    {OPEN "+0 %{ assert nonsense }%", DRILL_ERROR, 8, "there is no 'nonsense'", NULL, NULL},
    {OPEN "+0 %{ assert tcpi_nonsense }%", DRILL_ERROR, 8, "there is no 'tcpi_nonsense'", NULL, NULL},
    {OPEN "+0 `true`", DRILL_ERROR, 8, "`true` would be run by a shell", NULL, NULL},
    {OPEN "+0 < . 1:1(0) ack 1 win 20000 <nop,nop,TS val 1 ecr 77>", DRILL_ERROR, 8, "its timestamp's ecr is no value",
     NULL, NULL},
    {OPEN "+0 write(9, ..., 1) = 1", DRILL_ERROR, 8, "there is no descriptor 9", NULL, NULL},
    {"+1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", DRILL_ERROR, 1, "the first event is at time 0", NULL, NULL},
    {"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n1 close(3) = 0\n0.5 socket(..., SOCK_STREAM, 0) = 3", DRILL_ERROR, 3,
     "time goes back", NULL, NULL},
    {"0 > S 0:0(0)", DRILL_ERROR, 1, "there is no connection that could send this packet", NULL, NULL},
    {"--msl_ms=5000000\n0 close(3) = 0", DRILL_ERROR, 0, "msl_ms: at most 2000000", NULL, NULL},
    {"--nonsense\n0 close(3) = 0", DRILL_ERROR, 1, "there is no option --nonsense", NULL, NULL},
    {"--wire_server\n0 close(3) = 0", DRILL_ERROR, 1, "this option of packetdrill's has no meaning", NULL, NULL},
    {"--connections=1000000\n0 close(3) = 0", DRILL_ERROR, 0, "more than 268435456 octets", NULL, NULL},
    {"--remote_ip=2001:db8::1\n0 close(3) = 0", DRILL_ERROR, 0, "of the family that ip_version says", NULL, NULL},
};

static void test_failures_say_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct drill_report report;
        run(said[i].text, NULL, &report);
        const char *message = report.message != NULL ? report.message : "(nothing)";
        bool is_right =
            report.result == said[i].result && report.line == said[i].line && strstr(message, said[i].message) != NULL;
        is_right = is_right && (said[i].expected == NULL) == (report.expected == NULL) &&
                   (said[i].actual == NULL) == (report.actual == NULL);
        is_right = is_right && (said[i].expected == NULL || strstr(report.expected, said[i].expected) != NULL);
        is_right = is_right && (said[i].actual == NULL || strstr(report.actual, said[i].actual) != NULL);
        is_right = is_right && (report.result != DRILL_FAILED || strstr(report.ladder, "lastack") != NULL);
        if (!is_right)
            fail_msg("%s\n%u:%u: %s\nexpected: %s\nactual: %s", said[i].text, report.line, report.column, message,
                     report.expected != NULL ? report.expected : "", report.actual != NULL ? report.actual : "");
        drill_report_free(&report);
    }
}

/* ---- options of the run ---- */

static void test_a_loose_end_lets_packets_pass(void **state)
{
    (void)state;
    const struct drill_setting setting = {"end", "loose"};
    const struct drill_options options = {.settings = &setting, .setting_count = 1};
    passes("a loose end", OPEN "+0 write(4, ..., 10) = 10", &options);
    assert_int_equal(result_of("--end=loose\n" OPEN "+0 write(4, ..., 10) = 10"), DRILL_PASSED);
}

static void test_commands_run_only_if_they_may(void **state)
{
    (void)state;
    const char *text = "`true`\n0 `exit 3`\n`true`";
    struct drill_report report;
    struct drill_options options = {.commands = DRILL_COMMANDS_IGNORE};
    passes("ignored commands", text, &options);
    options.commands = DRILL_COMMANDS_RUN;
    run(text, &options, &report);
    assert_int_equal(report.result, DRILL_FAILED);
    assert_int_equal(report.line, 2);
    assert_non_null(strstr(report.message, "ended with status 3"));
    drill_report_free(&report);
    options.commands = DRILL_COMMANDS_REFUSE;
    run(text, &options, &report);
    assert_int_equal(report.result, DRILL_ERROR);
    assert_int_equal(report.line, 1);
    drill_report_free(&report);
}

static void test_steps_are_bounded(void **state)
{
    (void)state;
    const struct drill_options options = {.steps_max = 20};
    struct drill_report report;
    run(OPEN "+0 write(4, ..., 10) = 10\n+1000 close(4) = 0", &options, &report);
    assert_int_equal(report.result, DRILL_ERROR);
    assert_non_null(strstr(report.message, "20 steps"));
    drill_report_free(&report);
}

static void test_command_line_comes_last(void **state)
{
    (void)state;
    const struct drill_setting settings[] = {{"ttl", "9"}, {"define", "N=11"}};
    const struct drill_options options = {.settings = settings, .setting_count = 2};
    passes("settings", "--ttl=8\n--define=N=10\n" OPEN "+0 write(4, ..., N) = N\n+0 > [ttl 9] P. 1:12(11) ack 1",
           &options);
}

static void test_a_capture_is_written(void **state)
{
    (void)state;
    char *capture = NULL;
    size_t size = 0;
    struct drill_report report;
    struct drill_options options = {.pcap = open_memstream(&capture, &size)};
    run(OPEN, &options, &report);
    fclose(options.pcap);
    assert_int_equal(report.result, DRILL_PASSED);
    static const uint8_t magic[] = {0x0a, 0x0d, 0x0d, 0x0a};
    assert_memory_equal(capture, magic, 4);
    /* Two went in and one came out, each with its comment where the host says something. */
    const char *comment = "SYN-RECEIVED -> ESTABLISHED";
    assert_non_null(memmem(capture, size, comment, strlen(comment)));
    drill_report_free(&report);
    free(capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts_pass),
        cmocka_unit_test(test_scripts_pass_across_wraps),
        cmocka_unit_test(test_a_run_is_repeated_exactly),
        cmocka_unit_test(test_what_is_changed_is_noticed),
        cmocka_unit_test(test_failures_say_what_was_expected),
        cmocka_unit_test(test_a_loose_end_lets_packets_pass),
        cmocka_unit_test(test_commands_run_only_if_they_may),
        cmocka_unit_test(test_steps_are_bounded),
        cmocka_unit_test(test_command_line_comes_last),
        cmocka_unit_test(test_a_capture_is_written),
    };
    return cmocka_run_group_tests(tests, read_scripts, NULL);
}
