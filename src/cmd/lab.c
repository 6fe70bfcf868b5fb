#include "lab/run.h"

#include "cmd.h"
#include "options.h"
#include "show/ladder_row.h"

#include "lab/built_in.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `lastack lab`: scenarios in a network that loses, delays, duplicates and reorders what they say. */

struct lab {
    struct option_list sets;
    const char *twin;
    const char *pcap;
    uint32_t width;
    bool json;
    bool mermaid;
    bool svg;
    bool verbose;
    bool quiet;
    bool ascii;
    bool plain;
    bool colour;
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

enum { FILE_BYTES_MAX = 1 << 20 };

static char *file_text(const char *path, size_t *length)
{
    char *text = malloc(FILE_BYTES_MAX + 1);
    FILE *file = fopen(path, "rb");
    *length = 0;
    if (file != NULL && text != NULL)
        *length = fread(text, 1, FILE_BYTES_MAX + 1, file);
    bool good = file != NULL && text != NULL && !ferror(file) && *length <= FILE_BYTES_MAX;
    if (file == NULL)
        complain("lab", "%s: %s; \"lastack lab list\" names the scenarios that are built in", path, strerror(errno));
    else if (!good)
        complain("lab", "%s: %s", path, ferror(file) ? strerror(errno) : "no file of at most a mebibyte");
    if (file != NULL)
        fclose(file);
    if (good)
        return text;
    free(text);
    return NULL;
}

static void complain_scenario(const char *name, const struct scenario_error *error)
{
    if (error->line > 0)
        complain("lab", "%s:%u:%u: %s", name, error->line, error->column, error->text);
    else
        complain("lab", "%s: %s", name, error->text);
}

/* A built-in scenario's name, or a file's. NULL: said. */
static struct scenario *scenario_named(const char *name)
{
    struct scenario_error error;
    struct scenario *scenario = NULL;
    const struct built_in *built_in = built_in_named(name);
    if (built_in != NULL) {
        scenario = scenario_read((const char *)built_in->text, built_in->length, &error);
    } else {
        size_t length;
        char *text = file_text(name, &length);
        if (text == NULL)
            return NULL;
        scenario = scenario_read(text, length, &error);
        free(text);
    }
    if (scenario == NULL)
        complain_scenario(name, &error);
    return scenario;
}

static bool assign(struct scenario *scenario, const char *option, const char *assignment)
{
    struct scenario_error error;
    if (scenario_set(scenario, assignment, &error))
        return true;
    complain("lab", "--%s %s: %s", option, assignment, error.text);
    return false;
}

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static const char *title_of(const struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->text_count; i++) {
        if (scenario->text[i].kind == TEXT_TITLE)
            return scenario->text[i].text;
    }
    return "";
}

static char *expectation_text(const struct scenario *scenario, uint32_t index)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    scenario_write_expectation(file, scenario, &scenario->expectation[index]);
    fclose(file);
    return text;
}

static char *step_text(const struct scenario *scenario, uint32_t index)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    scenario_write_step(file, scenario, &scenario->step[index]);
    fclose(file);
    return text;
}

/* A step that waits for what does not happen is no error, and may be why something else is. */
static void print_not_taken(const struct scenario *scenario, const struct lab_report *report)
{
    for (uint32_t i = 0; i < scenario->step_count; i++) {
        if (report->step_taken[i])
            continue;
        char *text = step_text(scenario, i);
        printf("line %u was never reached: %s\n", scenario->step[i].line, text != NULL ? text : "");
        free(text);
    }
}

static void print_verdicts(const struct lab *lab, const struct scenario *scenario, const struct lab_report *report)
{
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        const struct lab_verdict *verdict = &report->verdict[i];
        char *text = expectation_text(scenario, i);
        const char *mark = verdict->met ? (lab->ascii ? "ok " : "✓") : (lab->ascii ? "NOT" : "✗");
        const char *colour = !lab->colour ? "" : verdict->met ? "\033[32m" : "\033[1;31m";
        printf("%s%s%s ", colour, mark, lab->colour ? "\033[0m" : "");
        if (verdict->met)
            printf("%s\n", text != NULL ? text : "");
        else
            printf("line %u: %s\n  seen: %s\n", scenario->expectation[i].line, text != NULL ? text : "", verdict->seen);
        free(text);
    }
    print_not_taken(scenario, report);
    if (report->endless)
        puts("It did not come to an end: stopped after a million events.");
}

static const char *rail_name(const struct scenario *scenario, int side)
{
    return scenario->node[scenario->rail[side]].name;
}

/* ---- as JSON ----------------------------------------------------------------------------------------------------- */

/* Data may be any octets, and a string of JSON is UTF-8: what is not is shown as "\\xff". */
static json_t *json_octets(const char *octets)
{
    json_t *string = json_string(octets);
    char *text = string == NULL ? malloc(4 * strlen(octets) + 1) : NULL;
    if (text == NULL)
        return string;
    char *at = text;
    for (; *octets != '\0'; octets++) {
        if ((unsigned char)*octets < 0x80)
            *at++ = *octets;
        else
            at += snprintf(at, 5, "\\x%02x", (unsigned)(unsigned char)*octets);
    }
    *at = '\0';
    string = json_string(text);
    free(text);
    return string;
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text[0] != '\0')
        json_object_set_new(object, name, json_octets(text));
}

static json_t *row_json(const struct ladder_row *row)
{
    static const char *const sides[] = {"left", "right"};
    json_t *object = json_object();
    json_t *notes = json_array();
    json_object_set_new(object, "time_ns", json_integer((json_int_t)row->since));
    if (row->arrow != ARROW_NONE) {
        json_object_set_new(object, "from", json_string(sides[row->to == LADDER_LEFT]));
        json_object_set_new(object, "lost", json_boolean(row->lost));
        json_object_set_new(object, "retransmission", json_boolean(row->again));
    }
    if (row->arrival)
        set_text(object, "arrives", sides[row->to]);
    set_text(object, "segment", row->label);
    set_text(object, "fate", row->fate);
    set_text(object, "left", row->state[LADDER_LEFT]);
    set_text(object, "right", row->state[LADDER_RIGHT]);
    for (unsigned i = 0; i < row->notes; i++)
        json_array_append_new(
            notes, json_pack("{s:s,s:o}", "side", sides[row->note_side[i]], "text", json_octets(row->note[i])));
    if (row->notes > 0)
        json_object_set(object, "notes", notes);
    json_decref(notes);
    return object;
}

static json_t *report_json(const struct scenario *scenario, const struct lab_report *report,
                           const struct ladder_rows *rows)
{
    json_t *object = json_object();
    json_t *expectations = json_array();
    json_t *drawn = json_array();
    json_t *not_taken = json_array();
    for (uint32_t i = 0; i < scenario->step_count; i++) {
        if (report->step_taken[i])
            continue;
        char *text = step_text(scenario, i);
        json_array_append_new(not_taken, json_pack("{s:i,s:o}", "line", (int)scenario->step[i].line, "step",
                                                   json_octets(text != NULL ? text : "")));
        free(text);
    }
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        char *text = expectation_text(scenario, i);
        json_array_append_new(expectations,
                              json_pack("{s:i,s:o,s:b,s:o}", "line", (int)scenario->expectation[i].line, "expected",
                                        json_octets(text != NULL ? text : ""), "met", report->verdict[i].met, "seen",
                                        json_octets(report->verdict[i].seen)));
        free(text);
    }
    for (size_t i = 0; i < rows->count; i++)
        json_array_append_new(drawn, row_json(&rows->row[i]));
    set_text(object, "title", title_of(scenario));
    json_object_set_new(object, "seed", json_integer((json_int_t)scenario->seed));
    json_object_set_new(object, "met", json_boolean(report->all_met));
    json_object_set_new(object, "virtual_ns", json_integer((json_int_t)report->ended));
    json_object_set_new(object, "segments", json_integer(report->segments));
    json_object_set_new(object, "lost", json_integer(report->lost));
    set_text(object, "left", rail_name(scenario, 0));
    set_text(object, "right", rail_name(scenario, 1));
    json_object_set_new(object, "expectations", expectations);
    json_object_set_new(object, "not_taken", not_taken);
    json_object_set_new(object, "rows", drawn);
    return object;
}

static int print_json(json_t *object)
{
    bool written = object != NULL && json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(object);
    return written ? 0 : complain("lab", "the report could not be written");
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static struct ladder *ladder_for(const struct lab *lab, const struct scenario *scenario, struct ladder_rows *rows)
{
    const struct ladder_options options = {.ascii = lab->ascii,
                                           .colour = lab->colour,
                                           .verbose = lab->verbose,
                                           .width = lab->width,
                                           .left = rail_name(scenario, 0),
                                           .right = rail_name(scenario, 1),
                                           .row = rows != NULL ? ladder_rows_add : NULL,
                                           .context = rows};
    return ladder_new(rows != NULL ? NULL : stdout, &options);
}

/* The ladder goes to rows, or, where there are none, to standard output. 0, or -1: said. */
static int run_once(const struct lab *lab, const struct scenario *scenario, struct ladder_rows *rows,
                    struct lab_report *report)
{
    struct link_error error;
    struct lab_watchers watchers = {.ladder = {ladder_for(lab, scenario, rows)}};
    FILE *file = lab->pcap != NULL ? fopen(lab->pcap, "wb") : NULL;
    if (lab->pcap != NULL && file == NULL) {
        ladder_free(watchers.ladder[0]);
        return complain("lab", "--pcap %s: %s", lab->pcap, strerror(errno));
    }
    if (file != NULL)
        watchers.pcapng = pcapng_new(file, rail_name(scenario, 0), 0);
    int result = lab_run(scenario, &watchers, report, &error);
    if (result < 0)
        complain("lab", "%s", error.text);
    ladder_free(watchers.ladder[0]);
    bool written = file == NULL || (watchers.pcapng != NULL && pcapng_flush(watchers.pcapng) && !report->is_broken);
    pcapng_free(watchers.pcapng);
    if (file != NULL && fclose(file) != 0)
        written = false;
    return written ? result : complain("lab", "--pcap %s: not everything could be written", lab->pcap);
}

static int run_plain(const struct lab *lab, const struct scenario *scenario)
{
    struct lab_report report = {0};
    struct ladder_rows rows = {0};
    bool as_data = lab->json || lab->mermaid || lab->svg || lab->quiet;
    if (!as_data && title_of(scenario)[0] != '\0')
        printf("%s%s%s\n\n", lab->colour ? "\033[1m" : "", title_of(scenario), lab->colour ? "\033[0m" : "");
    if (run_once(lab, scenario, as_data ? &rows : NULL, &report) < 0) {
        ladder_rows_free(&rows);
        return EXIT_FAILED;
    }
    int result = 0;
    if (lab->json)
        result = print_json(report_json(scenario, &report, &rows));
    else if (lab->mermaid)
        result = ladder_mermaid(stdout, &rows, rail_name(scenario, 0), rail_name(scenario, 1)) ? 0 : -1;
    else if (lab->svg)
        result = ladder_svg(stdout, &rows, rail_name(scenario, 0), rail_name(scenario, 1)) ? 0 : -1;
    else if (!lab->quiet && scenario->expectation_count > 0)
        putchar('\n');
    if (!lab->json && !lab->mermaid && !lab->svg)
        print_verdicts(lab, scenario, &report);
    ladder_rows_free(&rows);
    return result == 0 && report.all_met ? EXIT_OK : EXIT_FAILED;
}

/* ---- twins ------------------------------------------------------------------------------------------------------- */

static void print_twin_verdicts(const struct scenario *scenario, const struct lab_report report[2], const char *changed)
{
    printf("\n%-52s%-24s%s\n", "", "as it is", changed);
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        char *text = expectation_text(scenario, i);
        const char *shown = text != NULL ? text + strlen("expect ") : "";
        printf("%-50.50s  %-22.22s  %.40s\n", shown, report[0].verdict[i].seen, report[1].verdict[i].seen);
        free(text);
    }
    printf("%-50s  %-22u  %u\n", "segments", report[0].segments, report[1].segments);
}

static int run_twin(const struct lab *lab, const struct scenario *scenario)
{
    struct lab_report report[2] = {{0}, {0}};
    struct ladder_rows rows[2] = {{0}, {0}};
    struct scenario *twin = malloc(sizeof *twin);
    int result = EXIT_FAILED;
    if (twin == NULL)
        return complain("lab", "out of memory"), EXIT_FAILED;
    *twin = *scenario;
    if (!assign(twin, "twin", lab->twin)) {
        result = EXIT_USAGE;
    } else if (run_once(lab, scenario, &rows[0], &report[0]) == 0 && run_once(lab, twin, &rows[1], &report[1]) == 0) {
        const char *const titles[] = {"as it is", lab->twin};
        if (lab->json) {
            json_t *both =
                json_pack("{s:s,s:o,s:o}", "changed", lab->twin, "as_it_is",
                          report_json(scenario, &report[0], &rows[0]), "twin", report_json(twin, &report[1], &rows[1]));
            result = print_json(both) == 0 && report[0].all_met ? EXIT_OK : EXIT_FAILED;
        } else {
            if (title_of(scenario)[0] != '\0')
                printf("%s\nL is %s, R is %s\n\n", title_of(scenario), rail_name(scenario, 0), rail_name(scenario, 1));
            bool drawn = ladder_twins(stdout, rows, titles, lab->width, lab->ascii);
            print_twin_verdicts(scenario, report, lab->twin);
            result = drawn && report[0].all_met ? EXIT_OK : EXIT_FAILED;
        }
    }
    ladder_rows_free(&rows[0]);
    ladder_rows_free(&rows[1]);
    free(twin);
    return result;
}

static int run(const struct lab *lab, const char *name)
{
    struct scenario *scenario = scenario_named(name);
    int result = EXIT_OK;
    if (scenario == NULL)
        return EXIT_USAGE;
    for (size_t i = 0; i < lab->sets.count && result == EXIT_OK; i++) {
        if (!assign(scenario, "set", lab->sets.item[i]))
            result = EXIT_USAGE;
    }
    if (result == EXIT_OK)
        result = lab->twin != NULL ? run_twin(lab, scenario) : run_plain(lab, scenario);
    free(scenario);
    return result;
}

/* ---- list and show ----------------------------------------------------------------------------------------------- */

static int list(const struct lab *lab)
{
    json_t *all = json_array();
    for (size_t i = 0; built_in_at(i) != NULL; i++) {
        struct scenario *scenario = scenario_named(built_in_at(i)->name);
        if (scenario == NULL)
            continue;
        if (lab->json)
            json_array_append_new(all, json_pack("{s:s,s:s,s:s}", "name", built_in_at(i)->name, "title",
                                                 title_of(scenario), "twin", scenario->twin));
        else
            printf("%-26s  %s\n", built_in_at(i)->name, title_of(scenario));
        free(scenario);
    }
    if (lab->json)
        return print_json(all) == 0 ? EXIT_OK : EXIT_FAILED;
    json_decref(all);
    return EXIT_OK;
}

static int show(const char *name)
{
    const struct built_in *built_in = built_in_named(name);
    struct scenario *scenario = scenario_named(name);
    if (scenario == NULL)
        return EXIT_USAGE;
    if (built_in != NULL) {
        fwrite(built_in->text, 1, built_in->length, stdout);
    } else {
        scenario_write(stdout, scenario);
    }
    free(scenario);
    return EXIT_OK;
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const char about[] =
    "Runs a scenario: hosts on the very code that carries real traffic, in virtual time, joined by a network that "
    "does\n"
    "to their segments exactly what the scenario says. Shows a ladder with the states of both ends, and whether what "
    "was\n"
    "expected came. The same scenario and seed give the same segments every time.\n"
    "\n"
    "  lastack lab list                               the scenarios that are built in\n"
    "  lastack lab run lost-last-ack                  one of them, or a file\n"
    "  lastack lab run lost-last-ack --twin msl=0s    the same, and beside it the same without TIME-WAIT\n"
    "  lastack lab show lost-last-ack > mine.lab      its text: change it, and run it\n"
    "\n"
    "The language is described in docs/lab.md. Exit status: 0 if all that was expected came, 1 if not, 2 if the "
    "scenario\n"
    "cannot be read or the command line is wrong.\n";

static int act(const struct lab *lab, const struct command_line *line, int argc, char **argv)
{
    if (argc == 0)
        return options_wrong(line, "list, show or run?");
    if (strcmp(argv[0], "list") == 0 && argc == 1)
        return list(lab);
    if (argc == 2 && strcmp(argv[0], "show") == 0)
        return show(argv[1]);
    if (argc == 2 && strcmp(argv[0], "run") == 0)
        return run(lab, argv[1]);
    if (argc == 1 && built_in_named(argv[0]) != NULL)
        return run(lab, argv[0]);
    return options_wrong(line, "\"%s\"%s: it is list, show SCENARIO or run SCENARIO", argv[0], argc > 1 ? " ..." : "");
}

int cmd_lab(int argc, char **argv)
{
    struct lab lab = {.width = 100};
    const struct option_spec specs[] = {
        {0, "twin", "KEY=VALUE", "run it once more with this setting changed, and set both\nbeside each other",
         option_text, &lab.twin},
        {0, "set", "KEY=VALUE",
         "change a setting of all hosts, of one (HOST.KEY=VALUE), or\nthe seed (seed=7); may be "
         "given again",
         option_append, &lab.sets},
        {0, "pcap", "FILE", "write what the left host sends and receives (pcapng)", option_text, &lab.pcap},
        {0, "json", NULL, "rows, expectations and verdicts as one object", option_flag, &lab.json},
        {0, "mermaid", NULL, "the ladder as a Mermaid sequence diagram", option_flag, &lab.mermaid},
        {0, "svg", NULL, "the ladder as a picture", option_flag, &lab.svg},
        {'v', "verbose", NULL, "timers that are set, data delivered and timestamps too", option_flag, &lab.verbose},
        {'q', "quiet", NULL, "no ladder, only what was expected", option_flag, &lab.quiet},
        {0, "width", "COLUMNS", "of the ladder (default 100)", option_positive_u32, &lab.width},
        {0, "ascii", NULL, "no characters beyond ASCII", option_flag, &lab.ascii},
        {0, "plain", NULL, "no colours (also where the output is no terminal)", option_flag, &lab.plain},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"lab", "lastack lab list|show SCENARIO|run SCENARIO [OPTION]...", about, &group,
                                      1};
    int first = 0;
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (lab.json + lab.mermaid + lab.svg > 1)
        return options_wrong(&line, "--json, --mermaid and --svg exclude each other");
    if (lab.twin != NULL && (lab.mermaid || lab.svg || lab.pcap != NULL))
        return options_wrong(&line, "--twin excludes --mermaid, --svg and --pcap");
    if (lab.width < 80 || lab.width > 400)
        return options_wrong(&line, "--width %u: 80 to 400", lab.width);
    lab.colour = !lab.plain && !getenv("NO_COLOR") && isatty(STDOUT_FILENO);
    return act(&lab, &line, argc - first, argv + first);
}
