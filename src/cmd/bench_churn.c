#include "bench.h"
#include "cmd.h"
#include "options.h"

#include "link/clock.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A connection's whole life, again and again: opened, one octet each way, closed by both, the client first, which
   therefore waits. Records expire as fast as new ones come, so that the number waiting stays what was asked for. */

enum {
    FIRST_PORT = 1024,
    LOCAL_PORTS = 64000,
    FIRST_REMOTE_PORT = 8000,
    WAITING_MAX = 16000000,
    RUNS_MAX = 99,
    MTU = 1500
};

struct churn_state {
    uint64_t next;    /* connection: which four-tuple */
    la_time step;     /* virtual time from one connection to the next */
    uint32_t waiting; /* records, at all times */
    uint32_t remote_ports;
    struct la_endpoint from; /* of the connection that is opened */
    struct la_endpoint to;
    struct la_listener listener[WAITING_MAX / LOCAL_PORTS * 5 / 4 + 2];
};

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

static struct bench_pair pair;
static struct churn_state state;

/* ---- one connection ---------------------------------------------------------------------------------------------- */

static bool ended_clean(enum bench_end end, struct la_conn conn)
{
    struct la_outcome outcome;
    return la_outcome(pair.host[end], conn, &outcome) == LA_OK && outcome.end == LA_END_CLEAN &&
           la_release(pair.host[end], pair.now, conn) == LA_OK;
}

/* Three steps to open; the client's octet leaves with the last of them. */
static bool open_and_send(const struct la_endpoint *from, const struct la_endpoint *to, struct la_conn *client)
{
    char octet = 'x';
    bool ok = la_connect(pair.host[BENCH_CLIENT], pair.now, from, to, client) == LA_OK &&
              la_send(pair.host[BENCH_CLIENT], pair.now, *client, &octet, 1) == 1;
    bench_pair_turn(&pair, BENCH_CLIENT);
    bench_pair_turn(&pair, BENCH_SERVER);
    bench_pair_turn(&pair, BENCH_CLIENT);
    return ok;
}

static bool answer(struct la_listener listener, struct la_conn *server)
{
    la_host *host = pair.host[BENCH_SERVER];
    char octet;
    bool ok = la_accept(host, pair.now, listener, server) == LA_OK &&
              la_recv(host, pair.now, *server, &octet, 1) == 1 && la_send(host, pair.now, *server, &octet, 1) == 1;
    bench_pair_turn(&pair, BENCH_SERVER);
    return ok;
}

/* Four steps in three segments: the server answers the client's FIN at once, so that its own FIN and the ACK leave
   together. */
static bool close_both(struct la_conn client, struct la_conn server)
{
    la_host *a = pair.host[BENCH_CLIENT], *b = pair.host[BENCH_SERVER];
    char octet;
    bool ok = la_recv(a, pair.now, client, &octet, 1) == 1 && la_close(a, pair.now, client) == LA_OK;
    bench_pair_turn(&pair, BENCH_CLIENT);
    ok = ok && la_recv(b, pair.now, server, &octet, 1) == 0 && la_close(b, pair.now, server) == LA_OK;
    bench_pair_turn(&pair, BENCH_SERVER);
    bench_pair_turn(&pair, BENCH_CLIENT);
    return ok && ended_clean(BENCH_CLIENT, client) && ended_clean(BENCH_SERVER, server);
}

static bool one_connection(void)
{
    uint32_t remote = (uint32_t)(state.next / LOCAL_PORTS % state.remote_ports);
    struct la_conn client, server;
    state.from.port = (uint16_t)(FIRST_PORT + state.next % LOCAL_PORTS);
    state.to.port = (uint16_t)(FIRST_REMOTE_PORT + remote);
    state.next++;
    pair.now += state.step;
    la_host_advance(pair.host[BENCH_CLIENT], pair.now);
    la_host_advance(pair.host[BENCH_SERVER], pair.now);
    return open_and_send(&state.from, &state.to, &client) && answer(state.listener[remote], &server) &&
           close_both(client, server);
}

static int many_connections(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (!one_connection())
            return complain("bench churn", "connection %llu did not go as it must", (unsigned long long)state.next);
    return 0;
}

/* ---- two hosts and so many waiting ------------------------------------------------------------------------------- */

static struct la_config small_config(void)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = 16;
    config.buffer_pieces = 256; /* more than the windows promise, as by default */
    config.time_wait_ipv4 = 16;
    return config;
}

static int listen_all(void)
{
    for (uint32_t i = 0; i < state.remote_ports; i++) {
        struct la_endpoint local = {bench_address(BENCH_SERVER), (uint16_t)(FIRST_REMOTE_PORT + i)};
        int result = la_listen(pair.host[BENCH_SERVER], 0, &local, 4, &state.listener[i]);
        if (result < 0)
            return complain("bench churn", "la_listen: %s", la_error_name((enum la_error)result));
    }
    return 0;
}

static int prepare(uint32_t waiting)
{
    struct la_config client = small_config(), server = client;
    la_time wait = 2 * LA_MILLISECOND * client.msl_ms;
    memset(&state, 0, sizeof state);
    state.waiting = waiting;
    state.from.address = bench_address(BENCH_CLIENT);
    state.to.address = bench_address(BENCH_SERVER);
    state.step = waiting ? wait / waiting : wait + LA_SECOND;
    state.remote_ports = waiting / LOCAL_PORTS * 5 / 4 + 2; /* a four-tuple comes again long after its wait */
    client.time_wait_ipv4 = waiting + waiting / 8 + 16;
    server.listeners = (uint16_t)state.remote_ports;
    if (bench_pair_open(&pair, &client, &server, MTU) < 0 || listen_all() < 0)
        return -1;
    return many_connections(waiting + (uint64_t)1000);
}

static uint32_t waiting_now(void)
{
    struct la_counters counters;
    la_host_counters(pair.host[BENCH_CLIENT], &counters);
    return counters.time_wait_ipv4;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static int measure_time(const struct churn_options *options, struct churn_result *result)
{
    double ns[RUNS_MAX];
    for (uint32_t run = 0; run < options->runs; run++) {
        uint64_t packets = pair.packets;
        la_time began = clock_now();
        if (many_connections(options->connections) < 0)
            return -1;
        ns[run] = (double)(clock_now() - began) / options->connections;
        result->packets = (double)(pair.packets - packets) / options->connections;
    }
    result->ns = bench_median(ns, options->runs);
    result->waiting_seen = waiting_now();
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
    int failed = bench_pair_save(&pair, &state, sizeof state, path) < 0 || count_run(path, connections, &once) < 0 ||
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
    int failed = prepare(waiting) < 0 || measure_time(options, result) < 0 ||
                 (options->instructions && measure_instructions(options, result) < 0);
    bench_pair_close(&pair);
    return failed ? -1 : 0;
}

/* In the process under valgrind: the measured part and nothing else. */
static int resume(const struct churn_options *options)
{
    if (bench_pair_load(&pair, &state, sizeof state, options->resume) < 0)
        return EXIT_FAILED;
    return many_connections(options->connections) < 0 ? EXIT_FAILED : EXIT_OK;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static double record_bytes(void)
{
    struct la_config one = small_config(), two = one;
    one.time_wait_ipv4 = 1000000;
    two.time_wait_ipv4 = 2000000;
    return (double)(la_host_size(&two) - la_host_size(&one)) / 1e6;
}

static double connection_bytes(void)
{
    struct la_config one = small_config(), two = one;
    one.connections = 100000;
    two.connections = 200000;
    return (double)(la_host_size(&two) - la_host_size(&one)) / 1e5;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static void print_json(const struct churn_result *result)
{
    json_t *object = json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f}", "bench", "churn", "waiting",
                               (json_int_t)result->waiting, "waiting_seen", (json_int_t)result->waiting_seen,
                               "ns_per_connection", result->ns, "packets_per_connection", result->packets,
                               "time_wait_record_bytes", record_bytes(), "connection_bytes", connection_bytes());
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
               record_bytes(), connection_bytes());
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
        if (option_u32(list->item[i], &waiting[i]) || waiting[i] > WAITING_MAX)
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
    int first;
    enum options_result parsed = options_parse(&line, argc, argv, &first);
    if (parsed != OPTIONS_GO_ON)
        return parsed == OPTIONS_WRONG ? EXIT_USAGE : EXIT_OK;
    if (first != argc)
        return options_wrong(&line, "\"%s\": no argument is expected", argv[first]);
    if (options.waiting.count == 0)
        options.waiting = (struct option_list){{"0", "1000000"}, 2};
    const char *wrong = take_waiting(&options.waiting, waiting);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    if (options.runs > RUNS_MAX)
        return options_wrong(&line, "--runs: at most %d", RUNS_MAX);
    return options.resume ? resume(&options) : run_all(&options, waiting, options.waiting.count);
}
