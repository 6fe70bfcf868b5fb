#include "support.h"

#include "lab/scenario.h"

#include <stdio.h>

static const char whole[] = "# every statement there is\n"
                            "title All of it: \"quoted\" # and no comment\n"
                            "claim One line.\n"
                            "claim And another.\n"
                            "without Nothing.\n"
                            "seed 7\n"
                            "until 1.5s\n"
                            "twin msl=0\n"
                            "host A msl=30s timestamps=0\n"
                            "host B\n"
                            "set rto-min=250ms B.r2_data_ms=9000\n"
                            "router R\n"
                            "firewall F forgets 10s\n"
                            "nat N forgets 250ms resets\n"
                            "link A R delay 10ms jitter 1ms loss 1.25% dup 2% reorder 3% damage 0.0001% hold-time 2s\n"
                            "link R F\n"
                            "link F N\n"
                            "link N B delay 200us\n"
                            "rails B A\n"
                            "lose A last-ack*3\n"
                            "corrupt B data#2\n"
                            "delay A data#2-4 by 70ms\n"
                            "duplicate B fin after 1s\n"
                            "at 0: B listen 80 backlog 3 hold\n"
                            "at 1ms: A connect B:80 from 40000 hold\n"
                            "when A is ESTABLISHED + 5ms: A send \"a\\n\\\"b\\\\\", 3000 x \"n\"\n"
                            "when B received 3: B read\n"
                            "when B sees-end promptly: B.2 shutdown\n"
                            "when A ended: A release\n"
                            "when A sends last-ack nr 2: A close\n"
                            "after 5ms: A linger\n"
                            "after 1ns: A abort\n"
                            "after 0: A hold\n"
                            "after 0: A set user-timeout-ms 300\n"
                            "after 0: B unlisten 80\n"
                            "after 0: A vanish\n"
                            "expect at 1.2s: A is TIME-WAIT\n"
                            "expect A.2 enters CLOSED = 0\n"
                            "expect A sends last-ack = 3\n"
                            "expect A repeats <= 4\n"
                            "expect B receives \"a\", 3000 x \"n\"\n"
                            "expect A receives nothing\n"
                            "expect A ends clean\n"
                            "expect A answers no-port\n"
                            "expect A waits restarted >= 3\n"
                            "expect A drops paws\n"
                            "expect A counts tcpActiveOpens = 1\n"
                            "expect A holds connections = 0\n"
                            "expect F refuses = 2\n";

static struct scenario *read_ok(const char *text)
{
    struct scenario_error error;
    struct scenario *scenario = scenario_read(text, strlen(text), &error);
    if (scenario == NULL)
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
    return scenario;
}

static char *written(const struct scenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_true(scenario_write(file, scenario));
    fclose(file);
    return text;
}

static void everything_is_read(void **state)
{
    (void)state;
    struct scenario *s = read_ok(whole);
    assert_int_equal(s->text_count, 4);
    assert_string_equal(s->text[0].text, "All of it: \"quoted\" # and no comment");
    assert_int_equal(s->seed, 7);
    assert_true(s->until == 1500 * LA_MILLISECOND);
    assert_int_equal(s->node_count, 5);
    assert_int_equal(s->node[4].kind, NETWORK_NAT);
    assert_true(s->node[4].middle.resets);
    assert_int_equal(s->link_count, 4);
    assert_int_equal(s->link[0].chances.loss_ppm, 12500);
    assert_int_equal(s->link[0].chances.corrupt_ppm, 1);
    assert_true(s->link[3].chances.delay_ns == 200 * LA_MICROSECOND);
    assert_int_equal(s->rail[0], 1);
    assert_int_equal(s->rule_count, 4);
    assert_int_equal(s->rule[0].pattern.times, 3);
    assert_int_equal(s->rule[2].pattern.times, 3);
    assert_true(s->rule[2].pattern.by_ns == 70 * LA_MILLISECOND);
    assert_int_equal(s->step_count, 13);
    assert_int_equal(s->step[2].time, 5 * LA_MILLISECOND);
    assert_string_equal(s->step[2].content.piece[0].text, "a\n\"b\\");
    assert_int_equal(scenario_octets(&s->step[2].content), 3005);
    assert_int_equal(s->step[4].subject.connection, 2);
    assert_true(s->step[4].promptly);
    assert_int_equal(s->step[6].when.count, 2);
    assert_int_equal(s->expectation_count, 13);
    assert_int_equal(s->expectation[0].line, 37);
    assert_int_equal(s->expectation[7].which, 12);
    struct la_config config;
    scenario_config(s, 0, &config);
    assert_int_equal(config.msl_ms, 30000);
    assert_false(config.timestamps);
    assert_int_equal(config.rto_min_ms, 250);
    assert_int_equal(config.r2_data_ms, 100000);
    scenario_config(s, 1, &config);
    assert_true(config.timestamps);
    assert_int_equal(config.r2_data_ms, 9000);
    free(s);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct scenario *first = read_ok(whole);
    char *text = written(first);
    struct scenario *second = read_ok(text);
    char *again = written(second);
    assert_string_equal(text, again);
    assert_int_equal(second->step_count, first->step_count);
    assert_int_equal(second->expectation_count, first->expectation_count);
    assert_memory_equal(second->link, first->link, sizeof first->link);
    assert_memory_equal(second->rule, first->rule, sizeof first->rule);
    assert_memory_equal(second->setting, first->setting, sizeof first->setting);
    free(text);
    free(again);
    free(first);
    free(second);
}

static void errors_name_line_word_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
        uint32_t column;
        const char *reason;
    } wrong[] = {
        {"hots A\n", 1, 1, "'hots' begins no statement"},
        {"host A\nhost A\n", 2, 6, "'A' is there already"},
        {"host 1\n", 1, 6, "'1' is no name"},
        {"host A msl=x\n", 1, 8, "'x' is no time"},
        {"host A nonsense=1\n", 1, 8, "there is no setting 'nonsense'"},
        {"host A timestamps=2\n", 1, 8, "'2' is no number for timestamps"},
        {"set C.msl=0\n", 1, 5, "there is no host 'C'"},
        {"host A\nlink A B\n", 2, 8, "there is no host 'B'"},
        {"host A\nlink A A\n", 2, 8, "a link joins two"},
        {"host A\nhost B\nlink A B delay\n", 3, 15, "a value is missing"},
        {"host A\nhost B\nlink A B delay x\n", 3, 16, "'x' is no value of delay"},
        {"host A\nhost B\nlink A B speed 1\n", 3, 10, "'speed': delay, jitter"},
        {"host A\nlose A nothing\n", 2, 8, "'nothing' names no segment"},
        {"host A\ndelay A data by\n", 2, 16, "a time is missing"},
        {"host A\ndelay A data for 1s\n", 2, 14, "here stands \"by TIME\""},
        {"firewall F remembers 1s\n", 1, 12, "here stands \"forgets TIME\""},
        {"host A\nat 1: A close\n", 2, 4, "'1' is no time"},
        {"host A\nat 1s A close\n", 2, 7, "here stands \":\""},
        {"host A\nat 1s: A jump\n", 2, 10, "'jump' is not an action: listen"},
        {"host A\nat 1s: A.0 close\n", 2, 8, "'A.0': behind the point"},
        {"host A\nat 1s: A connect A\n", 2, 18, "'A' is no HOST:PORT"},
        {"host A\nat 1s: A listen 0\n", 2, 17, "there is no port 0"},
        {"host A\nat 1s: A close now\n", 2, 16, "'now': nothing more belongs here"},
        {"host A\nat 1s: A send \"a\n", 2, 15, "the closing quote is missing"},
        {"host A\nat 1s: A send \"a\\x\"\n", 2, 17, "in quotes \\ stands before"},
        {"host A\nat 1s: A send 3 \"a\"\n", 2, 15, "behind a number an x"},
        {"host A\nat 1s: A send 2000000 x \"a\"\n", 2, 15, "'2000000' is not how often"},
        {"host A\nwhen A was CLOSED: A close\n", 2, 8, "'was' is no condition"},
        {"host A\nwhen A is OPEN: A close\n", 2, 11, "'OPEN' is not a state: CLOSED"},
        {"host A\nexpect A is\n", 2, 12, "a state is missing"},
        {"host A\nexpect A feels well\n", 2, 10, "'feels' is not an expectation"},
        {"router R\nexpect R repeats\n", 2, 10, "only \"refuses\""},
        {"claim\n", 1, 1, "'claim' begins no statement"},
        {"host A\nhost B\n", 0, 0, "a scenario has two hosts and a link"},
        {"host A\nhost B\nlink A B\nuntil 10s\nexpect at 11s: A is CLOSED\n", 5, 0, "at 11s all is over: until 10s"},
        {"host A\nhost B\nlink A B\nat 601s: A vanish\n", 4, 0, "at 601s all is over: until 600s"},
        {"host A ttl=0\nhost B\nlink A B\n", 0, 0, "host A: ttl: 1 to 255"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct scenario_error error;
        struct scenario *scenario = scenario_read(wrong[i].text, strlen(wrong[i].text), &error);
        if (scenario != NULL || error.line != wrong[i].line || error.column != wrong[i].column ||
            strncmp(error.text, wrong[i].reason, strlen(wrong[i].reason)) != 0)
            fail_msg("%s  expected %u:%u: %s\n  seen     %u:%u: %s", wrong[i].text, wrong[i].line, wrong[i].column,
                     wrong[i].reason, error.line, error.column, error.text);
    }
}

static void settings_may_be_changed_afterwards(void **state)
{
    (void)state;
    struct scenario *s = read_ok("host A msl=30s\nhost B\nlink A B\n");
    struct scenario_error error;
    struct la_config config;
    assert_true(scenario_set(s, "msl=0s", &error));
    scenario_config(s, 0, &config);
    assert_int_equal(config.msl_ms, 0);
    assert_true(scenario_set(s, "A.timestamps=0", &error));
    scenario_config(s, 0, &config);
    assert_false(config.timestamps);
    scenario_config(s, 1, &config);
    assert_true(config.timestamps);
    assert_true(scenario_set(s, "seed=9", &error));
    assert_int_equal(s->seed, 9);
    assert_false(scenario_set(s, "seed=4294967296", &error));
    assert_string_equal(error.text, "'4294967296' is no seed: 0 to 4294967295");
    assert_false(scenario_set(s, "C.msl=0", &error));
    assert_string_equal(error.text, "there is no host 'C'");
    assert_false(scenario_set(s, "ttl=0", &error));
    assert_string_equal(error.text, "host A: ttl: 1 to 255");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(errors_name_line_word_and_reason),
        cmocka_unit_test(settings_may_be_changed_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
