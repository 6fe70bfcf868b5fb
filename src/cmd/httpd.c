#include "cmd.h"
#include "http_files.h"
#include "http_server.h"
#include "network.h"
#include "report.h"
#include "stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* `lastack httpd`: http_server.h on a stage. It ends in order: no more connections, those that are open get their
   response, their outcome is awaited; then the report. */

enum { DRAIN_SECONDS = 10, PIECE_BYTES = 4096 };

struct httpd {
    struct stage stage;
    struct network_options network;
    struct http_server *server;
    int directory;
    uint16_t port;
    uint32_t connections;
    uint32_t waiting;
    uint32_t buffers_mib;
    uint32_t idle_ms;
    uint32_t linger_ms;
    uint32_t requests;
    uint32_t count;
    bool stopping;
};

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void now_end(void *context)
{
    struct httpd *httpd = context;
    loop_stop(&httpd->stage.loop);
}

static void end_if_done(struct httpd *httpd)
{
    if (httpd->stopping && http_server_counts(httpd->server)->open == 0)
        loop_stop(&httpd->stage.loop);
}

static void begin_end(void *context)
{
    struct httpd *httpd = context;
    if (httpd->stopping)
        return;
    la_time now = loop_now(&httpd->stage.loop);
    httpd->stopping = true;
    http_server_stop(httpd->server, httpd->stage.host, now);
    loop_at(&httpd->stage.loop, now + DRAIN_SECONDS * LA_SECOND, now_end, httpd);
    end_if_done(httpd);
}

static bool on_event(void *context, const struct la_event *event)
{
    struct httpd *httpd = context;
    http_server_event(httpd->server, httpd->stage.host, loop_now(&httpd->stage.loop), event);
    if (httpd->count && http_server_counts(httpd->server)->responses >= httpd->count)
        begin_end(httpd);
    end_if_done(httpd);
    return true;
}

static void every_second(void *context)
{
    struct httpd *httpd = context;
    la_time now = loop_now(&httpd->stage.loop);
    http_server_sweep(httpd->server, httpd->stage.host, now);
    loop_at(&httpd->stage.loop, now + LA_SECOND, every_second, httpd);
    end_if_done(httpd);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static int report_json(const struct httpd *httpd)
{
    const struct http_server_counts *counts = http_server_counts(httpd->server);
    json_t *status = json_object();
    char name[] = "0xx";
    for (int i = 1; i < 6; i++) {
        name[0] = (char)('0' + i);
        json_object_set_new(status, name, json_integer((json_int_t)counts->status[i]));
    }
    json_t *report = report_begin(&httpd->stage);
    json_t *served = json_pack(
        "{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "accepted", (json_int_t)counts->accepted, "responses",
        (json_int_t)counts->responses, "status", status, "body_bytes", (json_int_t)counts->body_bytes, "closed_first",
        (json_int_t)counts->closed_first, "idle_closed", (json_int_t)counts->idle_closed, "open",
        (json_int_t)counts->open, "open_peak", (json_int_t)counts->open_peak, "ended", report_ended(counts->ended));
    json_object_update(report, served);
    json_decref(served);
    if (httpd->network.run)
        putchar('\n'); /* the command's output may have ended within a line */
    return report_end(report, &httpd->stage, stdout);
}

static void report_text(const struct httpd *httpd)
{
    const struct http_server_counts *counts = http_server_counts(httpd->server);
    struct la_counters now;
    la_host_counters(httpd->stage.host, &now);
    fprintf(stderr, "%llu connections, at most %u at once; %llu responses, %s\n", (unsigned long long)counts->accepted,
            counts->open_peak, (unsigned long long)counts->responses, human_bytes(counts->body_bytes));
    fputs("ended:", stderr);
    bool any = false;
    for (unsigned i = 0; i < LA_END_COUNT; i++) {
        if (counts->ended[i])
            fprintf(stderr, " %llu %s", (unsigned long long)counts->ended[i], la_end_name((enum la_end)i));
        any = any || counts->ended[i];
    }
    fprintf(stderr, "%s\nleft: %u connections, %u pieces of buffer, %u waiting in TIME-WAIT\n", any ? "" : " none",
            now.connections, now.buffer_pieces, now.time_wait_ipv4 + now.time_wait_ipv6);
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static struct la_config host_config(const struct httpd *httpd)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = httpd->connections;
    config.buffer_piece_bytes = PIECE_BYTES;
    config.buffer_pieces = httpd->buffers_mib * (1024 * 1024 / PIECE_BYTES);
    config.reply_bytes = 1 << 20;
    if (httpd->linger_ms)
        config.linger_ms = httpd->linger_ms;
    if (la_address_is_ipv4(&httpd->network.address.address))
        config.time_wait_ipv4 = httpd->waiting;
    else
        config.time_wait_ipv6 = httpd->waiting;
    return config;
}

/* Every response under way holds a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_server(struct httpd *httpd)
{
    struct http_server_config config = {
        .directory = httpd->directory,
        .connections = httpd->connections,
        .local = {.address = httpd->network.address.address, .port = httpd->port},
        .backlog = httpd->connections / 2 + 1,
        .idle_ms = httpd->idle_ms,
        .requests = httpd->requests,
        .plain_close = httpd->linger_ms == 0,
    };
    int error;
    httpd->server = http_server_open(httpd->stage.host, httpd->stage.began, &config, &error);
    if (httpd->server)
        return 0;
    return error == LA_OK ? complain("httpd", "no memory for %u connections", httpd->connections)
                          : complain("httpd", "cannot listen on port %u: %s", httpd->port, la_error_name(error));
}

static void announce(const struct httpd *httpd, const char *path)
{
    char address[LA_ADDRESS_TEXT_BYTES], peer[LA_ADDRESS_TEXT_BYTES];
    const struct la_address *own = &httpd->network.address.address;
    bool v4 = la_address_is_ipv4(own);
    char port[8] = "";
    la_address_text(own, address);
    la_address_text(&httpd->network.peer_address, peer);
    if (httpd->port != 80)
        snprintf(port, sizeof port, ":%u", httpd->port);
    fprintf(stderr, "lastack httpd: %s at http://%s%s%s%s/ (device %s, the kernel is %s)\n", path, v4 ? "" : "[",
            address, v4 ? "" : "]", port, httpd->stage.tun.name, peer);
}

static int serve(struct httpd *httpd, const char *path)
{
    int result = EXIT_FAILED;
    struct stage *stage = &httpd->stage;
    struct la_config config = host_config(httpd);
    stage->on_stop = NULL;
    if (stage_open(stage, "httpd", &httpd->network, &config) == 0 && open_server(httpd) == 0) {
        stage->on_stop = begin_end;
        stage->on_stop_context = httpd;
        loop_at(&stage->loop, stage->began + LA_SECOND, every_second, httpd);
        announce(httpd, path);
        if (stage_start_command(stage) == 0 && stage_run(stage, on_event, httpd) == 0)
            result = EXIT_OK;
        if (httpd->network.json && report_json(httpd) < 0)
            result = EXIT_FAILED;
        if (!httpd->network.json)
            report_text(httpd);
        http_server_free(httpd->server, stage->host, loop_now(&stage->loop));
        loop_flush(&stage->loop);
    }
    if (stage_close(stage) < 0)
        result = EXIT_FAILED;
    return result == EXIT_OK && stage->child_ended ? stage->child_status : result;
}

static const char about[] =
    "A static HTTP/1.1 server whose TCP is lastack's: GET and HEAD, ranges, directories (index.html, or a listing),\n"
    "kept-alive connections. Where HTTP ends a connection the server closes first, so TIME-WAIT is on lastack's side.\n"
    "SIGINT or SIGTERM ends it: open connections are served and closed first; then it reports what was.\n"
    "\n"
    "  sudo lastack httpd /usr/share/doc              then: curl http://10.83.0.2/\n"
    "  lastack httpd . --run 'curl -s $LASTACK_ADDRESS'      no privilege, nothing touched, ends with curl\n"
    "  lastack httpd . --run 'ab -n 10000 -c 100 http://$LASTACK_ADDRESS/'\n"
    "  lastack httpd . --run 'curl -s0 $LASTACK_ADDRESS; sleep 2' --drop 'out:last-ack*2' --msl 0.5 --ladder\n";

int cmd_httpd(int argc, char **argv)
{
    static struct httpd httpd;
    struct option_group groups[NETWORK_GROUPS + 1];
    const struct option_spec own[] = {
        {'p', "port", "PORT", "where it listens (default 80)", option_port, &httpd.port},
        {0, "connections", "N", "at once, at most (default 16384)", option_positive_u32, &httpd.connections},
        {0, "time-wait", "N", "records of TIME-WAIT (default 262144)", option_positive_u32, &httpd.waiting},
        {0, "buffers", "MIB", "for all connections together (default 256)", option_positive_u32, &httpd.buffers_mib},
        {0, "idle", "SECONDS", "close connections on which nothing happens for so long\n(default 60; 0: never)",
         option_seconds_ms, &httpd.idle_ms},
        {0, "linger", "SECONDS", "discard for so long what comes after an early response\n(default 5; 0: RST at once)",
         option_seconds_ms, &httpd.linger_ms},
        {0, "requests", "N", "close a connection after so many requests (default: none)", option_u32, &httpd.requests},
        {'n', "count", "N", "end after so many responses", option_u32, &httpd.count},
    };
    const struct command_line line = {"httpd", "lastack httpd DIR [OPTION]...", about, groups, NETWORK_GROUPS + 1};
    int first;
    httpd = (struct httpd){
        .port = 80, .connections = 16384, .waiting = 262144, .buffers_mib = 256, .idle_ms = 60000, .linger_ms = 5000};
    groups[0] = (struct option_group){"Serving", own, sizeof own / sizeof own[0]};
    network_options_init(&httpd.network, groups + 1);
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (argc - first != 1)
        return options_wrong(&line, argc == first ? "which directory?" : "one directory is expected, not %d",
                             argc - first);
    const char *wrong = network_options_complete(&httpd.network);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    if (httpd.connections > 1u << 20 || httpd.waiting > (1u << 24) - 2 || httpd.buffers_mib > 1u << 14)
        return options_wrong(&line, "at most 1048576 connections, 16777214 records and 16384 MiB of buffers");
    httpd.directory = resource_directory(argv[first]);
    if (httpd.directory < 0)
        return options_wrong(&line, "%s: %s", argv[first], strerror(errno));
    raise_descriptor_limit();
    int status = serve(&httpd, argv[first]);
    close(httpd.directory);
    return status;
}
