#include "bench_life.h"
#include "cmd.h"
#include "options.h"

#include "link/clock.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a connection's whole life takes, with so many waiting meanwhile. */

enum { RUNS_MAX = 99 };

struct churn_options {
    uint32_t connections;
    uint32_t runs;
    struct option_list waiting;
    bool instructions;
    bool json;
    const char *resume;
};

struct churn_result {
    uint32_t waiting;
    uint32_t waiting_seen; /* by the counter, at the end */
    double ns;
    double packets;
    double instructions; /* 0: not counted */
};

static struct bench_life life;

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static int measure_time(const struct churn_options *options, struct churn_result *result)
{
    double ns[RUNS_MAX];
    for (uint32_t run = 0; run < options->runs; run++) {
        uint64_t packets = life.pair.packets;
        la_time began = clock_now();
        if (bench_life_go_on(&life, options->connections) < 0)
            return -1;
        ns[run] = (double)(clock_now() - began) / options->connections;
        result->packets = (double)(life.pair.packets - packets) / options->connections;
    }
    result->ns = bench_median(ns, options->runs);
    result->waiting_seen = bench_life_waiting(&life);
    return 0;
}

static int count_run(const char *path, uint64_t connections, uint64_t *instructions)
{
    char count[24];
    const char *const arguments[] = {"bench", "churn", "--resume", path, "--connections", count, NULL};
    snprintf(count, sizeof count, "%llu", (unsigned long long)connections);
    return bench_instructions(arguments, instructions);
}

/* Twice the connections less once: what starting, loading and ending cost falls out. */
static int measure_instructions(const struct churn_options *options, struct churn_result *result)
{
    char path[BENCH_PATH_BYTES];
    uint64_t connections = options->connections > 20000 ? 20000 : options->connections;
    uint64_t once = 0, twice = 0;
    int fd = bench_file(path);
    if (fd < 0)
        return -1;
    int failed = bench_life_save(&life, path) < 0 || count_run(path, connections, &once) < 0 ||
                 count_run(path, 2 * connections, &twice) < 0;
    close(fd);
    if (failed)
        return -1;
    result->instructions = (double)(twice - once) / (double)connections;
    return 0;
}

static int measure(const struct churn_options *options, uint32_t waiting, struct churn_result *result)
{
    *result = (struct churn_result){.waiting = waiting};
    int failed = bench_life_begin(&life, waiting) < 0 || measure_time(options, result) < 0 ||
                 (options->instructions && measure_instructions(options, result) < 0);
    bench_pair_close(&life.pair);
    return failed ? -1 : 0;
}

/* In the process under valgrind: the measured part and nothing else. */
static int resume(const struct churn_options *options)
{
    if (bench_life_load(&life, options->resume) < 0)
        return EXIT_FAILED;
    return bench_life_go_on(&life, options->connections) < 0 ? EXIT_FAILED : EXIT_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static double connection_bytes(void)
{
    struct la_config one = bench_life_config(), two = one;
    one.connections = 100000;
    two.connections = 200000;
    return (double)(la_host_size(&two) - la_host_size(&one)) / 1e5;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static void print_json(const struct churn_result *result)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:f, s:f, s:f, s:f}", "bench", "churn", "waiting", (json_int_t)result->waiting, "waiting_seen",
        (json_int_t)result->waiting_seen, "ns_per_connection", result->ns, "packets_per_connection", result->packets,
        "time_wait_record_bytes", bench_life_record_bytes(4), "connection_bytes", connection_bytes());
    json_object_set_new(object, "instructions_per_connection",
                        result->instructions > 0 ? json_real(result->instructions) : json_null());
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(8));
    putchar('\n');
    json_decref(object);
}

static void print_text(const struct churn_result *result)
{
    char instructions[32] = "";
    if (result->instructions > 0)
        snprintf(instructions, sizeof instructions, "%16.0f", result->instructions);
    printf("%12u %16.0f %16.2f %s\n", result->waiting, result->ns, result->packets, instructions);
}

static int run_all(const struct churn_options *options, const uint32_t *waiting, size_t count)
{
    if (!options->json)
        printf("one connection, both ends together: open, an octet each way, close (%u connections, median of %u)\n\n"
               "%12s %16s %16s %s\n",
               options->connections, options->runs, "waiting", "ns", "packets",
               options->instructions ? "    instructions" : "");
    for (size_t i = 0; i < count; i++) {
        struct churn_result result;
        if (measure(options, waiting[i], &result) < 0)
            return EXIT_FAILED;
        if (options->json)
            print_json(&result);
        else
            print_text(&result);
        fflush(stdout);
    }
    if (!options->json)
        printf("\nmemory: %.1f octets a TIME-WAIT record, all in; %.0f a connection, without its buffers\n",
               bench_life_record_bytes(4), connection_bytes());
    return EXIT_OK;
}

static const char about[] =
    "Connections between two hosts in one thread, packets handed over through one buffer, no trouble on the way,\n"
    "timestamps on, trace off, time virtual. The client closes first, so its host waits. Measured with none waiting "
    "and\n"
    "with a million waiting, where records come and expire at the same rate.\n"
    "\n"
    "  lastack bench churn\n"
    "  lastack bench churn --waiting 0 --waiting 10000000 --instructions --json\n";

static const char *take_waiting(const struct option_list *list, uint32_t *waiting)
{
    for (size_t i = 0; i < list->count; i++)
        if (option_u32(list->item[i], &waiting[i]) || waiting[i] > LIFE_WAITING_MAX)
            return "--waiting: must be a whole number from 0 to 16000000";
    return NULL;
}

int bench_churn(int argc, char **argv)
{
    struct churn_options options = {.connections = 100000, .runs = 7};
    uint32_t waiting[32];
    const struct option_spec specs[] = {
        {'n', "connections", "N", "in each run (default 100000)", option_positive_u32, &options.connections},
        {0, "runs", "N", "of which the median counts (default 7, at most 99)", option_positive_u32, &options.runs},
        {'w', "waiting", "N", "records in TIME-WAIT meanwhile; may be given again\n(default 0 and 1000000)",
         option_append, &options.waiting},
        {0, "instructions", NULL, "count instructions too, by valgrind (some seconds)", option_flag,
         &options.instructions},
        {0, "json", NULL, "a JSON object a line", option_flag, &options.json},
        {0, "resume", "FILE", "go on from a saved state and print nothing: what\n--instructions runs under valgrind",
         option_text, &options.resume},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"bench churn", "lastack bench churn [OPTION]...", about, &group, 1};
    int ended = options_only(&line, argc, argv);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (options.waiting.count == 0)
        options.waiting = (struct option_list){{"0", "1000000"}, 2};
    const char *wrong = take_waiting(&options.waiting, waiting);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    if (options.runs > RUNS_MAX)
        return options_wrong(&line, "--runs: at most %d", RUNS_MAX);
    return options.resume ? resume(&options) : run_all(&options, waiting, options.waiting.count);
}
