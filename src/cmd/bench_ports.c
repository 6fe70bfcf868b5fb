#include "bench.h"
#include "cmd.h"
#include "network.h"
#include "report.h"
#include "stage.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* `lastack bench ports`: connections to one port of the kernel's, opened and closed by us, first, as fast as they go,
   so that soon every port towards it waits. */

enum { AT_ONCE_MOST = 4096, EDGE_SECONDS = 10 };

/* The command begins to listen meanwhile. */
#define HEAD_START (LA_SECOND / 2)

struct ports {
    struct stage stage;
    struct network_options network;
    struct la_endpoint local;
    struct la_endpoint remote;
    uint16_t port;
    uint32_t at_once;
    uint32_t waiting;
    uint32_t open;
    bool no_reuse;
    bool stopping;
    const char *range;
    uint16_t first_port;
    uint16_t last_port;

    la_time *began; /* by slot: when la_connect was called */
    uint64_t connections;
    uint64_t first_ten;
    uint64_t last_ten;
    uint64_t no_port;
    uint64_t not_begun; /* la_connect refused for another reason */
    uint64_t ended[LA_END_COUNT];
    la_time longest;
};

static la_time now_of(const struct ports *ports)
{
    return loop_now(&ports->stage.loop);
}

static la_time start_of(const struct ports *ports)
{
    return ports->stage.began + HEAD_START;
}

static la_time stop_of(const struct ports *ports)
{
    return ports->stage.began + ports->network.seconds_ms * LA_MILLISECOND;
}

/* The first ten seconds, and the last; or all there are. */
static la_time edge_of(const struct ports *ports)
{
    la_time whole = stop_of(ports) - start_of(ports);
    return whole < EDGE_SECONDS * LA_SECOND ? whole : EDGE_SECONDS * LA_SECOND;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void begin_more(struct ports *ports)
{
    while (!ports->stopping && ports->open < ports->at_once) {
        struct la_conn conn;
        int result = la_connect(ports->stage.host, now_of(ports), &ports->local, &ports->remote, &conn);
        if (result < 0) {
            ports->no_port += result == LA_ERROR_NO_PORT;
            ports->not_begun += result != LA_ERROR_NO_PORT;
            return;
        }
        ports->began[conn.slot] = now_of(ports);
        ports->open++;
    }
}

/* Where a call found no port, time alone may free one. */
static void every_millisecond(void *context)
{
    struct ports *ports = context;
    begin_more(ports);
    loop_at(&ports->stage.loop, now_of(ports) + LA_MILLISECOND, every_millisecond, ports);
}

static void count_end(struct ports *ports, struct la_conn conn)
{
    struct la_outcome outcome;
    la_time now = now_of(ports);
    la_outcome(ports->stage.host, conn, &outcome);
    la_release(ports->stage.host, now, conn);
    ports->open--;
    ports->ended[outcome.end]++;
    if (outcome.end != LA_END_CLEAN)
        return;
    ports->connections++;
    ports->first_ten += now < start_of(ports) + edge_of(ports);
    ports->last_ten += now < stop_of(ports) && now >= stop_of(ports) - edge_of(ports);
}

static bool on_event(void *context, const struct la_event *event)
{
    struct ports *ports = context;
    if (event->flags & LA_READY_ESTABLISHED) {
        la_time took = now_of(ports) - ports->began[event->conn.slot];
        ports->longest = took > ports->longest ? took : ports->longest;
        la_close(ports->stage.host, now_of(ports), event->conn);
    }
    if (event->flags & LA_READY_ENDED)
        count_end(ports, event->conn);
    begin_more(ports);
    return !ports->stopping || ports->open > 0;
}

/* No new ones; those that are open end in order. */
static void on_stop(void *context)
{
    struct ports *ports = context;
    ports->stopping = true;
    if (ports->open == 0 || ports->stage.child_ended)
        loop_stop(&ports->stage.loop);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static double edge_rate(const struct ports *ports, uint64_t count)
{
    return (double)count / ((double)edge_of(ports) / 1e9);
}

static int report_json(const struct ports *ports)
{
    json_t *report = report_begin(&ports->stage);
    json_t *seen = json_pack("{s:I, s:f, s:f, s:I, s:I, s:f, s:i, s:o}", "connections", (json_int_t)ports->connections,
                             "first_ten_per_second", edge_rate(ports, ports->first_ten), "last_ten_per_second",
                             edge_rate(ports, ports->last_ten), "no_port", (json_int_t)ports->no_port, "not_begun",
                             (json_int_t)ports->not_begun, "longest_open_ms", (double)ports->longest / 1e6, "ports",
                             ports->last_port - ports->first_port + 1, "ended", report_ended(ports->ended));
    json_object_update(report, seen);
    json_decref(seen);
    return report_end(report, &ports->stage, stdout);
}

static void report_text(const struct ports *ports)
{
    printf("%llu connections from %u ports, closed by us; the longest took %s to open; %llu times there was no port\n",
           (unsigned long long)ports->connections, ports->last_port - ports->first_port + 1U,
           human_time(ports->longest), (unsigned long long)ports->no_port);
    if (ports->not_begun)
        printf("%llu times a connection could not be begun for another reason\n", (unsigned long long)ports->not_begun);
    printf("%.0f a second in the first ten seconds, %.0f in the last ten\nended:", edge_rate(ports, ports->first_ten),
           edge_rate(ports, ports->last_ten));
    for (unsigned i = 0; i < LA_END_COUNT; i++)
        if (ports->ended[i])
            printf(" %llu %s", (unsigned long long)ports->ended[i], la_end_name((enum la_end)i));
    putchar('\n');
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static struct la_config host_config(const struct ports *ports)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = ports->at_once + 16;
    config.buffer_pieces = 2 * ports->at_once + 256;
    config.time_wait_ipv4 = ports->waiting;
    config.time_wait_reuse = !ports->no_reuse;
    config.ephemeral_first = ports->first_port;
    config.ephemeral_last = ports->last_port;
    return config;
}

static int run(struct ports *ports)
{
    struct stage *stage = &ports->stage;
    struct la_config config = host_config(ports);
    int status = EXIT_FAILED;
    ports->began = calloc(config.connections, sizeof *ports->began);
    if (!ports->began)
        return complain("bench ports", "no memory"), EXIT_FAILED;
    if (stage_open(stage, "bench ports", &ports->network, &config) == 0) {
        stage->command_apart = true;
        stage->on_stop = on_stop;
        stage->on_stop_context = ports;
        ports->local.address = ports->network.address.address;
        ports->remote = (struct la_endpoint){ports->network.peer_address, ports->port};
        loop_at(&stage->loop, start_of(ports), every_millisecond, ports);
        if (stage_start_command(stage) == 0 && stage_run(stage, on_event, ports) == 0)
            status = EXIT_OK;
        if (!ports->network.json)
            report_text(ports);
        else if (report_json(ports) < 0)
            status = EXIT_FAILED;
    }
    if (stage_close(stage) < 0)
        status = EXIT_FAILED;
    free(ports->began);
    return status;
}

static const char about[] =
    "Connections to one port of the kernel's on the other side of the device, opened and closed by lastack, first, as "
    "fast\n"
    "as they go: after a moment every port towards it waits in TIME-WAIT, and is opened again.\n"
    "\n"
    "  lastack bench ports 9000 --seconds 60 --run 'exec kernel_load serve 9000'\n";

int bench_ports(int argc, char **argv)
{
    static struct ports ports;
    struct option_group groups[NETWORK_GROUPS + 1];
    const struct option_spec own[] = {
        {0, "at-once", "N", "connections, at most 4096 (default 64)", option_positive_u32, &ports.at_once},
        {0, "time-wait", "N", "records of TIME-WAIT (default 65536)", option_positive_u32, &ports.waiting},
        {0, "ports", "FIRST-LAST", "that the connections take (default 32768-60999)", option_text, &ports.range},
        {0, "no-reuse", NULL, "a port that waits is not opened again", option_flag, &ports.no_reuse},
    };
    const struct command_line line = {"bench ports", "lastack bench ports PORT [OPTION]...", about, groups,
                                      NETWORK_GROUPS + 1};
    int first;
    ports = (struct ports){.at_once = 64, .waiting = 65536, .first_port = 32768, .last_port = 60999};
    groups[0] = (struct option_group){"The connections", own, sizeof own / sizeof own[0]};
    network_options_init(&ports.network, groups + 1);
    ports.network.seconds_ms = EDGE_SECONDS * 1000;
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    const char *wrong = network_options_complete(&ports.network);
    if (!wrong && (argc - first != 1 || option_port(argv[first], &ports.port)))
        wrong = "one port is expected, from 1 to 65535";
    if (!wrong && ports.range)
        wrong = option_ports(ports.range, &ports.first_port, &ports.last_port);
    if (!wrong && (ports.at_once > AT_ONCE_MOST || ports.waiting > (1u << 24) - 2))
        wrong = "at most 4096 connections at once and 16777214 records";
    if (!wrong && ports.network.seconds_ms * LA_MILLISECOND <= HEAD_START)
        wrong = "more than half a second is needed: --seconds";
    return wrong ? options_wrong(&line, "%s", wrong) : run(&ports);
}
