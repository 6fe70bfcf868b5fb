#include "support.h"

#include <lastack/lastack.h>
#include <stdio.h>

#include "show/census.h"
#include "show/waits.h"

/* What is shown of the records of TIME-WAIT: a line, an object, the census. */

#define NOW          (1000 * LA_SECOND)
#define AGO(seconds) (NOW - (seconds)*LA_SECOND)

enum { FIRST = 32768, LAST = 60999, MSL_MS = 30000 };

static struct la_wait record(uint16_t local_port, uint8_t remote_host, uint16_t remote_port, enum la_wait_class kind)
{
    return (struct la_wait){.local = {la_address_ipv4(10, 0, 0, 2), local_port},
                            .remote = {la_address_ipv4(10, 0, 0, remote_host), remote_port},
                            .since = NOW - 5 * LA_SECOND,
                            .until = NOW + 55 * LA_SECOND,
                            .kind = (uint8_t)kind,
                            .timestamps = true};
}

/* What was printed. */
struct printed {
    FILE *file;
    char *text;
    size_t length;
};

static struct printed *print(void)
{
    struct printed *p = calloc(1, sizeof *p);
    p->file = open_memstream(&p->text, &p->length);
    assert_non_null(p->file);
    return p;
}

static const char *text_of(struct printed *p)
{
    fflush(p->file);
    return p->text;
}

static void assert_has(struct printed *p, const char *expected)
{
    if (strstr(text_of(p), expected) == NULL)
        fail_msg("\"%s\" is not in:\n%s", expected, p->text);
}

static void assert_lacks(struct printed *p, const char *unexpected)
{
    if (strstr(text_of(p), unexpected) != NULL)
        fail_msg("\"%s\" is in:\n%s", unexpected, p->text);
}

static void printed_free(struct printed *p)
{
    fclose(p->file);
    free(p->text);
    free(p);
}

/* ---- one record -------------------------------------------------------------------------------------------------- */

static void a_line_stands_below_its_heading(void **state)
{
    struct printed *p = print();
    const struct la_wait wait = record(80, 1, 40001, LA_CLASS_WAITING);
    (void)state;
    assert_true(waits_head(p->file));
    assert_true(waits_line(p->file, &wait, NOW));
    assert_string_equal(
        text_of(p),
        "class       local                   remote                     since      left  acks  restarts  why\n"
        "waiting     10.0.0.2:80             10.0.0.1:40001              5.0s     55.0s    0          0  we closed "
        "first\n");
    printed_free(p);
}

static void why_is_said_of_each_class(void **state)
{
    struct la_wait wait = record(80, 1, 40001, LA_CLASS_WAITING);
    (void)state;
    assert_string_equal(wait_reason(&wait), "we closed first");
    wait.way = LA_WAY_CLOSING;
    assert_string_equal(wait_reason(&wait), "both closed at once");
    wait.kind = LA_CLASS_ABORTED;
    assert_string_equal(wait_reason(&wait), "we reset it");
    wait.kind = LA_CLASS_REMEMBERED;
    assert_string_equal(wait_reason(&wait), "the peer closed first");
    wait.kind = LA_WAIT_CLASS_COUNT;
    assert_string_equal(wait_reason(&wait), "?");
}

static void a_line_says_what_the_record_has_done(void **state)
{
    struct printed *p = print();
    struct la_wait wait = record(80, 1, 40001, LA_CLASS_WAITING);
    (void)state;
    wait.answers = 7;
    wait.restarts = 32;
    wait.shadowed = true;
    wait.since = 0; /* not known any more */
    wait.until = NOW - 1;
    assert_true(waits_line(p->file, &wait, NOW));
    assert_has(p, "     ?      0.0s    7+        32  we closed first; a new connection is being opened\n");
    printed_free(p);
}

static void an_object_has_the_raw_numbers(void **state)
{
    struct printed *p = print();
    struct la_wait wait = record(80, 1, 40001, LA_CLASS_WAITING);
    (void)state;
    wait.snd_nxt = UINT32_MAX;
    wait.ts_recent = 7;
    assert_true(waits_json(p->file, &wait, NOW));
    assert_has(p,
               "\"class\":\"waiting\",\"way\":\"FIN-WAIT-2\",\"reason\":\"we closed first\",\"local\":\"10.0.0.2:80\"");
    assert_has(p, "\"since_ms\":5000,\"left_ms\":55000,\"snd_nxt\":4294967295,");
    assert_has(p, "\"ts_recent\":7,");
    assert_has(p, "\"shadowed\":false}\n");
    printed_free(p);
}

static void what_is_not_known_is_null(void **state)
{
    struct printed *p = print();
    struct la_wait wait = record(40000, 9, 443, LA_CLASS_REMEMBERED);
    (void)state;
    wait.since = 0;
    wait.timestamps = false;
    la_address_parse("fd00::1", &wait.remote.address);
    assert_true(waits_json(p->file, &wait, NOW));
    assert_has(p, "\"class\":\"remembered\",\"way\":null,");
    assert_has(p, "\"remote\":\"[fd00::1]:443\",\"since_ms\":null,");
    assert_has(p, "\"ts_recent\":null,\"last_tsval\":null,");
    printed_free(p);
}

static void what_cannot_be_written_is_told(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    const struct la_wait wait = record(80, 1, 40001, LA_CLASS_WAITING);
    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_false(waits_head(full));
    assert_false(waits_line(full, &wait, NOW));
    assert_false(waits_json(full, &wait, NOW));
    fclose(full);
}

/* ---- the census -------------------------------------------------------------------------------------------------- */

static struct census *census_of(uint32_t msl_ms)
{
    const struct census_budget budget = {FIRST, LAST, msl_ms};
    struct census *census = census_new(&budget, NOW);
    assert_non_null(census);
    return census;
}

static void add(struct census *census, const struct la_wait *wait)
{
    assert_true(census_add(census, wait));
}

/* Four of a peer towards port 80, two of ours towards port 443, and one of each other class. */
static struct census *counted(void)
{
    struct census *census = census_of(MSL_MS);
    struct la_wait wait;
    for (uint16_t port = 40001; port <= 40004; port++) {
        wait = record(80, 1, port, LA_CLASS_WAITING);
        wait.since = port == 40001 ? NOW - 20 * LA_SECOND : wait.since;
        wait.way = port == 40002 ? LA_WAY_CLOSING : LA_WAY_FIN_WAIT_2;
        wait.answers = port >= 40003;
        wait.restarts = port == 40003;
        wait.timestamps = port != 40004;
        add(census, &wait);
    }
    for (uint16_t port = 40000; port <= 40001; port++) {
        wait = record(port, 9, 443, LA_CLASS_WAITING);
        add(census, &wait);
    }
    wait = record(80, 1, 40005, LA_CLASS_ABORTED);
    add(census, &wait);
    wait = record(40002, 9, 443, LA_CLASS_REMEMBERED);
    add(census, &wait);
    return census;
}

static void the_census_says_who_closed_first(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    (void)state;
    assert_true(census_text(census, p->file, 10));
    assert_has(p, "8 records\n"
                  "  6 wait: 5 we closed first, 1 both closed at once\n"
                  "  2 only remember: 1 we reset, 1 the peer closed first\n"
                  "of those that wait 2 have answered, 1 have begun again (the last ACK was lost), 5 have timestamps\n"
                  "0.4 a second come, each for 60.0 s ");
    census_free(census);
    printed_free(p);
}

/* 28,232 ports, each for 60 s: 470.5 a second for ever. */
static void ports_are_counted_towards_each_server(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    (void)state;
    assert_true(census_text(census, p->file, 10));
    assert_has(p, "from 32768 to 60999: ");
    assert_has(p, "471 connections a second. lastack can.\n");
    assert_has(p,
               "  10.0.0.1 to 10.0.0.2:80: 4 of 28232 ports wait (0.0 %), 0.2 more a second: they do not run out\n"
               "  10.0.0.2 to 10.0.0.9:443: 2 of 28232 ports wait (0.0 %), 0.2 more a second: they do not run out\n");
    assert_lacks(p, "  and ");
    census_free(census);
    printed_free(p);
}

static void only_the_largest_are_shown(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    (void)state;
    assert_true(census_text(census, p->file, 1));
    assert_has(p, "10.0.0.1 to 10.0.0.2:80: 4 of ");
    assert_has(p, "  and 1 more\n");
    assert_lacks(p, ":443");
    census_free(census);
    printed_free(p);
}

/* Records whose wait of so long began at that time. */
struct many {
    unsigned count;
    la_time since;
    la_time wait;
    bool restarted;
};

static void add_many(struct census *census, const struct many *many)
{
    static uint16_t port = FIRST;
    for (unsigned i = 0; i < many->count; i++) {
        struct la_wait wait = record(port, 9, 443, LA_CLASS_WAITING);
        port = port == LAST ? FIRST : port + 1;
        wait.since = many->since;
        wait.until = many->since + many->wait;
        wait.restarts = many->restarted;
        add(census, &wait);
    }
}

/* A wait of a minute: 5,000 in ten seconds are 500 a second, and 23,232 ports are left for 46 s. What leaves counts, and so
   does how long each stays: 2,000 a second for a quarter of a minute each are 30,000 ports. */
static void ports_run_out_beyond_the_rate_that_they_bear(void **state)
{
    enum { MINUTE = 60, QUARTER = 15, SIXTEENTH = 3750 };
    static const struct {
        struct many many[3];
        const char *said;
    } cases[] = {
        {{{4700, AGO(1), MINUTE * LA_SECOND, false}}, "470.0 more a second: they do not run out\n"},
        {{{5000, AGO(1), MINUTE * LA_SECOND, false}}, "500.0 more a second: all in 46 s\n"},
        {{{28232, AGO(1), MINUTE * LA_SECOND, false}}, "more a second: all of them\n"},
        {{{5000, AGO(1), MINUTE * LA_SECOND, false}, {4000, AGO(55), MINUTE * LA_SECOND, false}},
         "500.0 more a second: all in 192 s\n"},
        {{{5000, AGO(1), MINUTE * LA_SECOND, false}, {5000, AGO(55), MINUTE * LA_SECOND, false}},
         "500.0 more a second: they do not run out\n"},
        {{{5000, AGO(1), QUARTER * LA_SECOND, false}}, "500.0 more a second: they do not run out\n"},
        {{{20000, AGO(1), QUARTER * LA_SECOND, false}}, "2000.0 more a second: all in 4 s\n"},
        {{{3750, AGO(1), SIXTEENTH * LA_MILLISECOND, false}}, "1000.0 more a second: they do not run out\n"},
        {{{4700, AGO(1), MINUTE * LA_SECOND, false}, {5000, AGO(1), MINUTE * LA_SECOND, true}},
         "470.0 more a second: they do not run out\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct printed *p = print();
        struct census *census = census_of(MSL_MS);
        for (unsigned j = 0; j < 3; j++)
            add_many(census, &cases[i].many[j]);
        assert_true(census_text(census, p->file, 10));
        assert_has(p, cases[i].said);
        census_free(census);
        printed_free(p);
    }
}

/* A wait of 2 s: what came in the last 10 s is not there to be counted. */
static void the_rate_is_counted_within_one_wait(void **state)
{
    struct printed *p = print();
    struct census *census = census_of(1000);
    (void)state;
    add_many(census, &(struct many){100, AGO(1), 2 * LA_SECOND, false});
    assert_true(census_json(census, p->file, 10));
    assert_has(p, "\"closed_per_second\":50.0,");
    census_free(census);
    printed_free(p);
}

static void without_a_wait_there_is_no_rate(void **state)
{
    struct printed *p = print();
    struct census *census = census_of(0);
    (void)state;
    assert_true(census_json(census, p->file, 10));
    assert_has(p, "{\"records\":0,");
    assert_has(p, "\"closed_per_second\":0.0,\"ports\":28232,\"ports_per_second\":0.0,\"destination_count\":0,"
                  "\"destinations\":[]}\n");
    census_free(census);
    printed_free(p);
}

static void the_census_as_an_object(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    (void)state;
    assert_true(census_json(census, p->file, 1));
    assert_has(p, "\"classes\":{\"waiting\":6,\"aborted\":1,\"remembered\":1},");
    assert_has(p,
               "\"reasons\":{\"we_closed_first\":5,\"both_closed_at_once\":1,\"we_reset\":1,\"peer_closed_first\":1},");
    assert_has(p, "\"answered\":2,\"restarted\":1,\"timestamps\":5,");
    assert_has(
        p,
        "\"destination_count\":2,\"destinations\":[{\"client\":\"10.0.0.1\",\"server\":\"10.0.0.2:80\",\"ports\":4,");
    assert_has(p, "\"per_second\":0.2,\"runs_out_in_s\":null}]}\n");
    assert_lacks(p, "443");
    census_free(census);
    printed_free(p);
}

/* ---- OpenMetrics ------------------------------------------------------------------------------------------------- */

/* The name in "# TYPE name type"; *counter by its type. False if the line is another one. */
static bool is_type(const char *line, char name[80], bool *counter)
{
    char type[16];
    if (sscanf(line, "# TYPE %79s %15s", name, type) != 2)
        return false;
    *counter = strcmp(type, "counter") == 0;
    assert_true(*counter || strcmp(type, "gauge") == 0);
    return true;
}

/* Every sample belongs to the family above it, and a counter's ends in _total. How many counters there are. */
static int check_metrics(char *text)
{
    char name[80] = "";
    bool counter = false;
    int counters = 0;
    size_t length = strlen(text);
    assert_string_equal(text + length - strlen("\n# EOF\n"), "\n# EOF\n");
    text[length - strlen("# EOF\n")] = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (is_type(line, name, &counter)) {
            counters += counter;
        } else if (line[0] == '#') {
            assert_memory_equal(line, "# HELP ", 7);
            assert_memory_equal(line + 7, name, strlen(name));
        } else {
            const char *rest = line + strlen(name);
            assert_memory_equal(line, name, strlen(name));
            assert_true(counter ? strncmp(rest, "_total ", 7) == 0 : *rest == ' ' || *rest == '{');
        }
    }
    return counters;
}

static void openmetrics_is_well_formed(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    json_t *counters =
        json_pack("{s:i, s:i}", la_counter_name(LA_COUNT_WAIT_ENTERED), 6, la_counter_name(LA_COUNT_WAIT_EVICTED), 2);
    (void)state;
    assert_true(census_openmetrics(census, counters, p->file, 10));
    assert_has(p, "lastack_wait_records{class=\"waiting\",reason=\"closed-first\"} 5\n");
    assert_has(p, "lastack_wait_ports{client=\"10.0.0.1\",server=\"10.0.0.2:80\"} 4\n");
    assert_has(p, "lastack_wait_entered_total 6\n");
    assert_has(p, "lastack_wait_evicted_total 2\n");
    assert_int_equal(check_metrics(p->text), 12);
    json_decref(counters);
    census_free(census);
    printed_free(p);
}

static void a_file_has_gauges_only(void **state)
{
    struct printed *p = print();
    struct census *census = counted();
    (void)state;
    assert_true(census_openmetrics(census, NULL, p->file, 10));
    assert_lacks(p, "_total");
    assert_int_equal(check_metrics(p->text), 0);
    census_free(census);
    printed_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_stands_below_its_heading),
        cmocka_unit_test(why_is_said_of_each_class),
        cmocka_unit_test(a_line_says_what_the_record_has_done),
        cmocka_unit_test(an_object_has_the_raw_numbers),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(what_cannot_be_written_is_told),
        cmocka_unit_test(the_census_says_who_closed_first),
        cmocka_unit_test(ports_are_counted_towards_each_server),
        cmocka_unit_test(only_the_largest_are_shown),
        cmocka_unit_test(ports_run_out_beyond_the_rate_that_they_bear),
        cmocka_unit_test(the_rate_is_counted_within_one_wait),
        cmocka_unit_test(without_a_wait_there_is_no_rate),
        cmocka_unit_test(the_census_as_an_object),
        cmocka_unit_test(openmetrics_is_well_formed),
        cmocka_unit_test(a_file_has_gauges_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
