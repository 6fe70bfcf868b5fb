#include "drill/drill.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "drill_files.h"
#include "drill_jobs.h"
#include "options.h"

/* `lastack drill`: scripts in packetdrill's language, against lastack, in virtual time. */

enum { SETTINGS_MAX = 128 };

struct drill {
    struct drill_files files;
    struct drill_setting setting[SETTINGS_MAX];
    size_t setting_count;
    struct option_list defines;
    uint32_t processes;
    const char *pcap_folder;
    bool json;
    bool verbose;
    bool quiet;
    bool allow_commands;
    bool ignore_commands;
    bool list_options;
    unsigned passed;
    unsigned failed;
    unsigned not_run;
    bool is_broken; /* the output */
};

/* ---- what is printed ---- */

static const char *result_name(enum drill_result result)
{
    switch (result) {
    case DRILL_PASSED: return "passed";
    case DRILL_FAILED: return "failed";
    case DRILL_ERROR: return "error";
    }
    return "?";
}

static void count(struct drill *drill, enum drill_result result)
{
    switch (result) {
    case DRILL_PASSED: drill->passed++; break;
    case DRILL_FAILED: drill->failed++; break;
    case DRILL_ERROR: drill->not_run++; break;
    }
}

static void print_text(const struct drill *drill, const char *path, const struct drill_report *report)
{
    const char *log = report->log != NULL ? report->log : "";
    if (*log != '\0')
        printf("%s:\n%s", path, log);
    if (report->result == DRILL_PASSED) {
        if (drill->verbose)
            printf("%s: passed: %u events, %u packets in, %u out, %.3f s\n", path, report->events, report->packets_in,
                   report->packets_out, (double)report->duration / (double)LA_SECOND);
        return;
    }
    printf("%s:", path);
    if (report->line > 0)
        printf("%u:", report->line);
    if (report->line > 0 && report->result == DRILL_ERROR && report->column > 0)
        printf("%u:", report->column);
    printf(" %s%s\n", report->result == DRILL_ERROR ? "not run: " : "",
           report->message != NULL ? report->message : "no reason is known");
    if (report->expected != NULL)
        printf("  expected: %s\n", report->expected);
    if (report->actual != NULL)
        printf("  actual:   %s\n", report->actual);
    if (report->ladder != NULL && *report->ladder != '\0' && !drill->quiet)
        printf("\n%s\n", report->ladder);
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        json_object_set_new(object, name, json_string_nocheck(text));
}

static void print_json(struct drill *drill, const char *path, const struct drill_report *report)
{
    json_t *object = json_object();
    set_text(object, "file", path);
    set_text(object, "result", result_name(report->result));
    if (report->line > 0)
        json_object_set_new(object, "line", json_integer(report->line));
    set_text(object, "message", report->message);
    set_text(object, "expected", report->expected);
    set_text(object, "actual", report->actual);
    set_text(object, "log", report->log);
    set_text(object, "ladder", report->ladder);
    json_object_set_new(object, "events", json_integer(report->events));
    json_object_set_new(object, "packets_in", json_integer(report->packets_in));
    json_object_set_new(object, "packets_out", json_integer(report->packets_out));
    json_object_set_new(object, "virtual_ns", json_integer((json_int_t)report->duration));
    drill->is_broken = json_dumpf(object, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF || drill->is_broken;
    json_decref(object);
}

static void script_done(void *context, const char *path, const struct drill_report *report)
{
    struct drill *drill = context;
    count(drill, report->result);
    if (drill->json)
        print_json(drill, path, report);
    else
        print_text(drill, path, report);
    fflush(stdout);
}

static void print_end(const struct drill *drill)
{
    if (drill->json) {
        printf("{\"passed\":%u,\"failed\":%u,\"not_run\":%u}\n", drill->passed, drill->failed, drill->not_run);
        return;
    }
    printf("%u passed, %u failed", drill->passed, drill->failed);
    if (drill->not_run > 0)
        printf(", %u not run", drill->not_run);
    putchar('\n');
}

/* ---- the command line ---- */

/* "--name=value" where the name is a script's, not the program's: taken out of argv. 0, or -1 after it has been said
   what is wrong. */
static int take_settings(struct drill *drill, const struct option_spec *own, size_t own_count, int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        char *word = argv[i];
        size_t length = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
        bool is_own = length == 0 || strncmp(word, "--help", 6) == 0;
        for (size_t o = 0; o < own_count && !is_own; o++)
            is_own = strncmp(own[o].name, word + 2, length) == 0;
        if (is_own) {
            argv[kept++] = word;
            continue;
        }
        if (drill->setting_count == SETTINGS_MAX)
            return complain("drill", "%s: at most %d settings can be given", word, SETTINGS_MAX);
        struct drill_setting *setting = &drill->setting[drill->setting_count++];
        char *name = word + 2;
        setting->value = name[length] == '=' ? name + length + 1 : NULL;
        name[length] = '\0';
        for (char *c = name; *c != '\0'; c++)
            if (*c == '-')
                *c = '_';
        setting->name = name;
        char *wrong = drill_setting_wrong(setting);
        if (wrong != NULL) {
            complain("drill", "%s", wrong);
            free(wrong);
            return -1;
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

static int take_defines(struct drill *drill)
{
    for (size_t i = 0; i < drill->defines.count; i++) {
        struct drill_setting setting = {"define", drill->defines.item[i]};
        char *wrong = drill_setting_wrong(&setting);
        if (wrong != NULL) {
            complain("drill", "%s", wrong);
            free(wrong);
            return -1;
        }
        if (drill->setting_count == SETTINGS_MAX)
            return complain("drill", "at most %d settings can be given", SETTINGS_MAX);
        drill->setting[drill->setting_count++] = setting;
    }
    return 0;
}

static int run_all(struct drill *drill)
{
    const struct drill_options options = {
        .settings = drill->setting,
        .setting_count = drill->setting_count,
        .verbose = drill->verbose,
        .commands = drill->allow_commands    ? DRILL_COMMANDS_RUN
                    : drill->ignore_commands ? DRILL_COMMANDS_IGNORE
                                             : DRILL_COMMANDS_REFUSE,
    };
    const struct drill_jobs jobs = {
        .files = &drill->files, .options = &options, .pcap_folder = drill->pcap_folder, .processes = drill->processes};
    if (drill_jobs_run(&jobs, script_done, drill) < 0)
        return EXIT_FAILED;
    print_end(drill);
    if (drill->not_run > 0)
        return EXIT_USAGE;
    return drill->failed > 0 || drill->is_broken ? EXIT_FAILED : EXIT_OK;
}

static const char about[] =
    "Runs scripts in packetdrill's language against lastack, each with a host of its own and in virtual time: what "
    "takes\n"
    "minutes takes a millisecond, and the same script has the same result every time. A folder stands for all *.pkt in "
    "it\n"
    "and below. What fails is shown with its line, what was expected and what came, and a ladder up to there.\n"
    "\n"
    "  lastack drill tests/drill/smoke                           a folder\n"
    "  lastack drill -v close.pkt                                one script, every event of it\n"
    "  lastack drill --isn=local:4294967290,remote:2147483640 .  the same, across the wraps of sequence numbers\n"
    "\n"
    "What a script's own --name=value lines say can be said here too, after them: --tolerance-usecs=5000, "
    "--msl_ms=1000;\n"
    "--list-options lists all that there are. Exit status: 0 if all passed, 1 if one failed, 2 if one could not be "
    "read\n"
    "or run as it is written, or the command line is wrong.\n";

int cmd_drill(int argc, char **argv)
{
    static struct drill drill;
    const struct option_spec own[] = {
        {'j', "jobs", "N", "run N scripts at a time (default 1)", option_positive_u32, &drill.processes},
        {'D', "define", "NAME=VALUE", "read VALUE where NAME stands in a script; may be given again", option_append,
         &drill.defines},
        {'v', "verbose", NULL, "every event, and scripts that pass", option_flag, &drill.verbose},
        {'q', "quiet", NULL, "no ladders", option_flag, &drill.quiet},
        {0, "json", NULL, "an object a script, one a line, and one with the counts", option_flag, &drill.json},
        {0, "pcap", "DIR", "write a capture of each script into DIR (pcapng)", option_text, &drill.pcap_folder},
        {0, "allow-commands", NULL, "let scripts run `commands` by a shell; otherwise they are errors", option_flag,
         &drill.allow_commands},
        {0, "ignore-commands", NULL, "go on as if `commands` had done nothing", option_flag, &drill.ignore_commands},
        {0, "list-options", NULL, "list what --name=value can set, here and in scripts", option_flag,
         &drill.list_options},
    };
    const size_t own_count = sizeof own / sizeof own[0];
    const struct option_group group = {"Running scripts", own, own_count};
    const struct command_line line = {"drill", "lastack drill SCRIPT|FOLDER... [OPTION]...", about, &group, 1};
    int first = 0;
    drill = (struct drill){.processes = 1};
    if (take_settings(&drill, own, own_count, &argc, argv) < 0)
        return EXIT_USAGE;
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (drill.list_options) {
        drill_list_settings(stdout);
        return EXIT_OK;
    }
    if (argc == first)
        return options_wrong(&line, "which script?");
    if (drill.allow_commands && drill.ignore_commands)
        return options_wrong(&line, "--allow-commands and --ignore-commands contradict each other");
    struct stat status;
    if (drill.pcap_folder != NULL && (stat(drill.pcap_folder, &status) != 0 || !S_ISDIR(status.st_mode)))
        return options_wrong(&line, "--pcap %s: there is no such folder", drill.pcap_folder);
    int result = take_defines(&drill) < 0 ? EXIT_USAGE : EXIT_OK;
    for (int i = first; i < argc && result == EXIT_OK; i++)
        if (drill_files_add(&drill.files, argv[i]) < 0)
            result = EXIT_USAGE;
    if (result == EXIT_OK)
        result = run_all(&drill);
    drill_files_free(&drill.files);
    return result;
}
