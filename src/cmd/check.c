#include "check/coverage.h"
#include "check/explore.h"
#include "check/trail.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "options.h"

/* `lastack check`: all interleavings of the real code, within bounds that are said with every verdict. */

struct check {
    struct option_list sets;
    const char *replay;
    const char *trail_file;
    const char *pcap_file;
    const char *drill_file;
    const char *checkpoint;
    const char *resume;
    uint64_t states;
    uint32_t seconds_ms;
    uint32_t memory_mib;
    bool list;
    bool quick;
    bool json;
    bool coverage;
    bool minimise;
    bool ascii;
    bool is_broken; /* the output */
    bool is_wrong;  /* the checkpoint that was to be gone on from */
    unsigned runs;
    unsigned surprises;
    struct coverage met; /* in all runs */
};

/* ---- what is printed ---- */

static bool is_as_expected(const struct check_scenario *scenario, const struct verdict *verdict)
{
    return verdict->found == scenario->expected &&
           (verdict->ending == ENDING_COMPLETE || verdict->ending == ENDING_FOUND);
}

static void print_bounds(const struct check_scenario *scenario)
{
    printf("  bounds:");
    for (unsigned fault = 0; fault < FAULT_COUNT; fault++)
        printf("%s %s %u", fault > 0 ? "," : "", fault_name((enum fault)fault), scenario->budget[fault]);
    printf(", opens %u and %u\n", scenario->opens[0], scenario->opens[1]);
    printf("  assumed: a segment lives at most %u ms and the wait is 2 x %u ms; timers in order, but for %u ms;\n"
           "           applications read %s and answer before a timer fires; initial numbers: %s; %s timestamps\n",
           scenario->lifetime_ms, scenario->msl_ms, scenario->skew_ms, scenario->lazy == 0 ? "at once" : "late",
           scenario->isn == ISN_CLOCK    ? "beyond all that was sent"
           : scenario->isn == ISN_FAST   ? "beyond all, or one tick on, at the opener"
           : scenario->isn == ISN_FASTER ? "beyond all, or one tick on"
                                         : "always the same",
           scenario->timestamps ? "with" : "no");
}

static void print_text(const struct check_scenario *scenario, const struct verdict *verdict)
{
    bool is_over = verdict->ending == ENDING_COMPLETE || verdict->ending == ENDING_FOUND;
    const char *text = is_over ? property_text(verdict->found) : "none so far: no verdict";
    printf("%s: %s\n  %s%s%s\n", scenario->name, scenario->about, text, verdict->why != NULL ? ": " : "",
           verdict->why != NULL ? verdict->why : "");
    if (!is_over)
        printf("  not complete: %s; %llu worlds not looked at\n", ending_name(verdict->ending),
               (unsigned long long)verdict->waiting);
    else if (!is_as_expected(scenario, verdict))
        printf("  NOT AS EXPECTED: %s\n", property_text(scenario->expected));
    printf("  %llu states, %llu transitions, %u deep, in %.2f s: %.0f a second; a state is %zu octets at most\n",
           (unsigned long long)verdict->states, (unsigned long long)verdict->transitions, verdict->depth,
           verdict->seconds, verdict->seconds > 0 ? (double)verdict->transitions / verdict->seconds : 0,
           verdict->packed_bytes);
    print_bounds(scenario);
    if (verdict->overflows > 0)
        printf("  %llu times the network held all it can, and a segment more was lost\n",
               (unsigned long long)verdict->overflows);
    printf("  the chance that two of these states have one digest: %.1e\n", collision_chance(verdict->states));
}

static json_t *settings_json(const struct check_scenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    json_t *settings = json_object();
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return settings;
    check_scenario_write(scenario, file);
    fclose(file);
    char *rest = text;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');
        *value++ = '\0';
        bool is_number = *value >= '0' && *value <= '9';
        json_object_set_new(settings, line, is_number ? json_integer(strtoll(value, NULL, 10)) : json_string(value));
    }
    free(text);
    return settings;
}

static void print_json(struct check *check, const struct check_scenario *scenario, const struct verdict *verdict)
{
    json_t *object = json_object();
    double rate = verdict->seconds > 0 ? (double)verdict->transitions / verdict->seconds : 0;
    json_object_set_new(object, "name", json_string(scenario->name));
    json_object_set_new(object, "settings", settings_json(scenario));
    bool is_over = verdict->ending == ENDING_COMPLETE || verdict->ending == ENDING_FOUND;
    json_object_set_new(object, "verdict", is_over ? json_string(property_name(verdict->found)) : json_null());
    json_object_set_new(object, "expected", json_string(property_name(scenario->expected)));
    json_object_set_new(object, "as_expected", json_boolean(is_as_expected(scenario, verdict)));
    json_object_set_new(object, "ending", json_string(ending_name(verdict->ending)));
    json_object_set_new(object, "states", json_integer((json_int_t)verdict->states));
    json_object_set_new(object, "transitions", json_integer((json_int_t)verdict->transitions));
    json_object_set_new(object, "transitions_per_second", json_real((double)(uint64_t)rate));
    json_object_set_new(object, "depth", json_integer(verdict->depth));
    json_object_set_new(object, "trail", json_integer(verdict->trail.count));
    json_object_set_new(object, "seconds", json_real(verdict->seconds));
    json_object_set_new(object, "state_bytes", json_integer((json_int_t)verdict->packed_bytes));
    json_object_set_new(object, "memory_bytes", json_integer((json_int_t)verdict->memory_bytes));
    json_object_set_new(object, "lost_for_want_of_room", json_integer((json_int_t)verdict->overflows));
    json_object_set_new(object, "collision_chance", json_real(collision_chance(verdict->states)));
    check->is_broken = json_dumpf(object, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF || check->is_broken;
    json_decref(object);
}

/* ---- what was met ---- */

static void add_coverage(struct coverage *to, const struct coverage *from)
{
    for (unsigned a = 0; a < LA_STATE_COUNT; a++) {
        for (unsigned b = 0; b < LA_STATE_COUNT; b++)
            to->edge[a][b] += from->edge[a][b];
        for (unsigned kind = 0; kind < KINDS_OF_SEGMENT; kind++)
            to->pair[a][kind] += from->pair[a][kind];
    }
}

static void print_coverage(const struct coverage *met)
{
    unsigned legal = 0;
    unsigned taken = 0;
    printf("Edges of the state table (docs/architecture.md) that no run took:\n");
    for (unsigned from = 0; from < LA_STATE_COUNT; from++)
        for (unsigned to = 0; to < LA_STATE_COUNT; to++) {
            if (!coverage_edge_is_legal((enum la_state)from, (enum la_state)to))
                continue;
            legal++;
            taken += met->edge[from][to] > 0;
            if (met->edge[from][to] == 0)
                printf("  %s -> %s: %s\n", la_state_name((enum la_state)from), la_state_name((enum la_state)to),
                       coverage_why_not((enum la_state)from, (enum la_state)to));
        }
    printf("%u of %u edges were taken.\n\nSegments that arrived, by state:\n%-13s", taken, legal, "");
    for (unsigned kind = 0; kind < KINDS_OF_SEGMENT - 1; kind++)
        printf(" %9s", segment_kind_name(kind));
    putchar('\n');
    for (unsigned state = 0; state < LA_STATE_COUNT; state++) {
        printf("%-13s", la_state_name((enum la_state)state));
        for (unsigned kind = 0; kind < KINDS_OF_SEGMENT - 1; kind++)
            printf(" %9llu", (unsigned long long)met->pair[state][kind]);
        putchar('\n');
    }
}

/* ---- counterexamples ---- */

enum form { FORM_TRAIL, FORM_PCAP, FORM_DRILL };

static bool write_file(const char *path, const struct check_scenario *scenario, const struct trail *trail,
                       enum form form)
{
    const char *why = NULL;
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return complain("check", "%s: %s", path, strerror(errno)) == 0;
    errno = 0;
    switch (form) {
    case FORM_TRAIL: trail_write(scenario, trail, file); break;
    case FORM_PCAP: why = trail_pcap(scenario, trail, file) ? NULL : strerror(errno); break;
    case FORM_DRILL: why = trail_drill(scenario, trail, file); break;
    }
    if (why == NULL && (fflush(file) != 0 || ferror(file)))
        why = strerror(errno);
    fclose(file);
    if (why != NULL && form == FORM_DRILL)
        unlink(path); /* there is nothing in it */
    return why == NULL || complain("check", "%s: %s", path, why) == 0;
}

static void show_trail(struct check *check, const struct check_scenario *scenario, struct trail *trail)
{
    if (check->minimise) {
        uint32_t taken = trail_minimise(scenario, trail);
        if (!check->json)
            printf("  %u events could be taken out\n", taken);
    }
    if (!check->json) {
        putchar('\n');
        trail_words(scenario, trail, stdout);
        putchar('\n');
        check->is_broken =
            !trail_ladder(scenario, trail, check->ascii, isatty(STDOUT_FILENO) != 0, stdout) || check->is_broken;
        putchar('\n');
    }
    if (check->trail_file != NULL)
        check->is_broken = !write_file(check->trail_file, scenario, trail, FORM_TRAIL) || check->is_broken;
    if (check->pcap_file != NULL)
        check->is_broken = !write_file(check->pcap_file, scenario, trail, FORM_PCAP) || check->is_broken;
    if (check->drill_file != NULL)
        check->is_broken = !write_file(check->drill_file, scenario, trail, FORM_DRILL) || check->is_broken;
}

/* ---- runs ---- */

static void run_one(struct check *check, const struct check_scenario *scenario)
{
    static struct verdict verdict; /* with its trail, too large for a stack */
    const struct bounds bounds = {.states = check->states,
                                  .memory_bytes = (uint64_t)check->memory_mib << 20,
                                  .seconds = check->seconds_ms / 1000.0,
                                  .checkpoint = check->checkpoint,
                                  .checkpoint_seconds = 300,
                                  .resume = check->resume};
    explore(scenario, &bounds, &verdict);
    check->runs++;
    if (verdict.ending == ENDING_BROKEN && verdict.is_not_resumed) {
        complain("check", "--resume %s: %s", check->resume, verdict.why);
        check->is_wrong = true;
        return;
    }
    if (verdict.ending == ENDING_BROKEN) {
        complain("check", "%s: %s", scenario->name, verdict.why != NULL ? verdict.why : "memory is short");
        check->surprises++;
        return;
    }
    add_coverage(&check->met, &verdict.coverage);
    bool is_expected = is_as_expected(scenario, &verdict);
    check->surprises += !is_expected;
    if (check->json)
        print_json(check, scenario, &verdict);
    else
        print_text(scenario, &verdict);
    if (verdict.ending == ENDING_FOUND && (!check->quick || !is_expected))
        show_trail(check, scenario, &verdict.trail);
    fflush(stdout);
}

static int end_of_runs(struct check *check)
{
    if (check->coverage && !check->json)
        print_coverage(&check->met);
    if (!check->json && check->runs > 1)
        printf("%u runs, %u not as expected\n", check->runs, check->surprises);
    if (check->is_wrong)
        return EXIT_USAGE;
    return check->surprises > 0 || check->is_broken ? EXIT_FAILED : EXIT_OK;
}

/* --set NAME=VALUE */
static int take_sets(const struct check *check, struct check_scenario *scenario)
{
    char name[64];
    for (size_t i = 0; i < check->sets.count; i++) {
        const char *item = check->sets.item[i];
        size_t length = strcspn(item, "=");
        if (item[length] == '\0' || length >= sizeof name)
            return complain("check", "--set %s: must be NAME=VALUE", item);
        memcpy(name, item, length);
        name[length] = '\0';
        const char *wrong = check_scenario_set(scenario, name, item + length + 1);
        if (wrong != NULL)
            return complain("check", "--set %s: %s", item, wrong);
    }
    const char *wrong = check_scenario_wrong(scenario);
    return wrong != NULL ? complain("check", "%s: %s", scenario->name, wrong) : 0;
}

static int run_named(struct check *check, char **names, int count)
{
    struct check_scenario scenario;
    for (int i = 0; i < count; i++) {
        const struct check_scenario *known = check_scenario_find(names[i]);
        if (known == NULL && strcmp(names[i], "custom") != 0) {
            complain("check", "%s: there is no such run; --list names them", names[i]);
            return EXIT_USAGE;
        }
    }
    for (int i = 0; i < count; i++) {
        const struct check_scenario *known = check_scenario_find(names[i]);
        if (known != NULL)
            scenario = *known;
        else
            check_scenario_default(&scenario);
        if (take_sets(check, &scenario) < 0)
            return EXIT_USAGE;
        run_one(check, &scenario);
    }
    return end_of_runs(check);
}

static int run_all(struct check *check)
{
    for (const struct check_scenario *scenario = check_scenarios; scenario->name != NULL; scenario++)
        run_one(check, scenario);
    return end_of_runs(check);
}

static void print_replay_json(struct check *check, const struct check_scenario *scenario, const struct trail *trail,
                              const struct outcome *outcome)
{
    json_t *object =
        json_pack("{s:s,s:o,s:s,s:s,s:b,s:i}", "replay", check->replay, "settings", settings_json(scenario), "verdict",
                  property_name(outcome->wrong), "expected", property_name(scenario->expected), "as_expected",
                  outcome->wrong == scenario->expected, "trail", (int)trail->count);
    check->is_broken =
        object == NULL || json_dumpf(object, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF || check->is_broken;
    json_decref(object);
}

static int run_replay(struct check *check)
{
    static struct trail trail;
    struct check_scenario scenario;
    struct outcome outcome;
    unsigned line = 0;
    FILE *file = fopen(check->replay, "r");
    if (file == NULL) {
        complain("check", "--replay %s: %s", check->replay, strerror(errno));
        return EXIT_USAGE;
    }
    const char *wrong = trail_read(&scenario, &trail, file, &line);
    fclose(file);
    if (wrong != NULL) {
        complain("check", "--replay %s:%u: %s", check->replay, line, wrong);
        return EXIT_USAGE;
    }
    trail_play(&scenario, &trail, NULL, &outcome);
    if (outcome.wrong == PROPERTY_NONE && outcome.played < trail.count) {
        complain("check", "--replay %s: event %u cannot happen there", check->replay, outcome.played + 1);
        return EXIT_USAGE;
    }
    trail.count = outcome.played;
    if (!check->json)
        printf("%s: %u events: %s%s%s\n", check->replay, outcome.played,
               outcome.wrong != PROPERTY_NONE ? property_text(outcome.wrong) : "nothing is wrong with it",
               outcome.why != NULL ? ": " : "", outcome.why != NULL ? outcome.why : "");
    show_trail(check, &scenario, &trail);
    if (check->json)
        print_replay_json(check, &scenario, &trail, &outcome);
    return outcome.wrong == scenario.expected && !check->is_broken ? EXIT_OK : EXIT_FAILED;
}

static int list(void)
{
    for (const struct check_scenario *scenario = check_scenarios; scenario->name != NULL; scenario++)
        printf("%-22s %s%s%s\n", scenario->name, scenario->about,
               scenario->expected != PROPERTY_NONE ? "; finds: " : "",
               scenario->expected != PROPERTY_NONE ? property_name(scenario->expected) : "");
    return EXIT_OK;
}

static bool has_files(const struct check *check)
{
    return check->trail_file != NULL || check->pcap_file != NULL || check->drill_file != NULL;
}

static const char about[] =
    "Explores all interleavings of two hosts' real code, within bounds: deliver any segment under way, drop, duplicate "
    "or\n"
    "delay it, fire the next timer, make the application's next call. Breadth first: what is found is as short as can "
    "be.\n"
    "\n"
    "  lastack check --quick                              all built-in runs, each with its expected verdict\n"
    "  lastack check last-ack-msl-0                       why the last closer must wait, found by itself\n"
    "  lastack check last-ack --set loss=3 --set duplication=2     larger bounds\n"
    "  lastack check custom --set client=send,close --set server=eof,close --set loss=1\n"
    "\n"
    "Exit status: 0 if every verdict is the expected one, 1 if one is not, 2 if the command line is wrong.\n";

int cmd_check(int argc, char **argv)
{
    static struct check check; /* with what was met in all runs */
    const struct option_spec runs[] = {
        {'q', "quick", NULL, "all built-in runs; trails only of what is not expected", option_flag, &check.quick},
        {'l', "list", NULL, "name the built-in runs", option_flag, &check.list},
        {'s', "set", "NAME=VALUE", "change a setting of the run (docs/check.md); may be given again", option_append,
         &check.sets},
        {0, "states", "N", "stop after so many states", option_u64, &check.states},
        {0, "seconds", "SECONDS", "stop after so long", option_seconds_ms, &check.seconds_ms},
        {0, "checkpoint", "FILE", "write there every five minutes, and at a bound, how far it is", option_text,
         &check.checkpoint},
        {0, "resume", "FILE", "go on from a checkpoint of the same run", option_text, &check.resume},
        {0, "memory", "MIB", "stop when so much memory is used", option_u32, &check.memory_mib},
    };
    const struct option_spec output[] = {
        {0, "json", NULL, "an object a run, one a line", option_flag, &check.json},
        {0, "coverage", NULL, "at the end: edges of the state table, and segments by state", option_flag,
         &check.coverage},
        {0, "trail", "FILE", "write what was found, for --replay", option_text, &check.trail_file},
        {0, "pcap", "FILE", "write what the host where it went wrong saw (pcapng)", option_text, &check.pcap_file},
        {0, "drill", "FILE", "write what one host lived through as a script for lastack drill", option_text,
         &check.drill_file},
        {0, "replay", "FILE", "play a trail again", option_text, &check.replay},
        {0, "minimise", NULL, "take out of the trail what it does not need", option_flag, &check.minimise},
        {0, "ascii", NULL, "no characters beyond ASCII", option_flag, &check.ascii},
    };
    const struct option_group groups[] = {{"What is explored", runs, sizeof runs / sizeof runs[0]},
                                          {"What is shown", output, sizeof output / sizeof output[0]}};
    const struct command_line line = {"check", "lastack check RUN... | --quick [OPTION]...", about, groups, 2};
    int first = 0;
    memset(&check, 0, sizeof check);
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if ((check.list || check.replay != NULL || check.json) && check.coverage)
        return options_wrong(&line, "--coverage is a table, of runs");
    if (check.list)
        return list();
    if (check.replay != NULL)
        return argc > first ? options_wrong(&line, "--replay names its run itself") : run_replay(&check);
    if (check.quick && has_files(&check))
        return options_wrong(&line, "--trail, --pcap and --drill take what one run found");
    if (check.quick && (argc > first || check.sets.count > 0 || check.checkpoint != NULL || check.resume != NULL))
        return options_wrong(&line, "--quick is all runs as they are");
    if (check.quick)
        return run_all(&check);
    if (argc == first)
        return options_wrong(&line, "which run? --list names them");
    if (argc - first > 1 && (check.checkpoint != NULL || check.resume != NULL))
        return options_wrong(&line, "a checkpoint is one run's");
    if (argc - first > 1 && has_files(&check))
        return options_wrong(&line, "--trail, --pcap and --drill take what one run found");
    return run_named(&check, argv + first, argc - first);
}
