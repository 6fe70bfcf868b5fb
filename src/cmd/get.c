#include "cmd.h"
#include "http_client.h"
#include "network.h"
#include "outlet.h"
#include "report.h"
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* `lastack get`: http_client.h on a stage. */

enum { RETRY_MS = 100, RETRY_SECONDS = 10 };

/* Beyond EXIT_OK, EXIT_FAILED and EXIT_USAGE the exit status is the first digit of the response's. */

struct get {
    struct stage stage;
    struct network_options network;
    struct http_url url;
    struct http_client client;
    struct outlet outlet;
    const char *output;
    int fd;
    uint32_t count; /* how many times */
    uint32_t done;  /* complete so far */
    uint64_t bytes;
    uint64_t ended[LA_END_COUNT];
    bool over; /* no further transfer: only the output and, with --wait, TIME-WAIT are waited for */
    bool quiet;
    bool wait;
    const char *failure;
};

/* ---- one transfer after the other -------------------------------------------------------------------------------- */

static void begin(void *context);

static bool room(void *context)
{
    struct get *get = context;
    return outlet_ready(&get->outlet);
}

static void body(void *context, const void *data, size_t length)
{
    struct get *get = context;
    outlet_put(&get->outlet, data, length);
}

static bool waits(const struct get *get)
{
    struct la_counters counters;
    la_host_counters(get->stage.host, &counters);
    return counters.time_wait_ipv4 + counters.time_wait_ipv6 > 0;
}

static void end_when_waited(void *context)
{
    struct get *get = context;
    if (waits(get))
        loop_at(&get->stage.loop, loop_now(&get->stage.loop) + 50 * LA_MILLISECOND, end_when_waited, get);
    else
        loop_stop(&get->stage.loop);
}

/* The program ends when its output has taken everything, too. */
static void all_done(struct get *get)
{
    get->over = true;
    if (outlet_waits(&get->outlet))
        return; /* drained comes back */
    if (get->wait)
        end_when_waited(get);
    else
        loop_stop(&get->stage.loop);
}

/* A server that --run has just started may not listen yet. */
static bool try_again(const struct get *get)
{
    return get->network.run && get->client.outcome.end == LA_END_REFUSED && !get->stage.child_ended &&
           loop_now(&get->stage.loop) - get->stage.began < RETRY_SECONDS * LA_SECOND;
}

/* To be called whenever the client may have come to its end. */
static void look(struct get *get)
{
    if (get->outlet.error && get->client.phase != HTTP_CLIENT_DONE)
        http_client_abort(&get->client, get->stage.host, loop_now(&get->stage.loop), strerror(get->outlet.error));
    if (get->client.phase != HTTP_CLIENT_DONE)
        return;
    if (try_again(get)) {
        loop_at(&get->stage.loop, loop_now(&get->stage.loop) + RETRY_MS * LA_MILLISECOND, begin, get);
        return;
    }
    get->ended[get->client.outcome.end]++;
    get->bytes += get->client.body_bytes;
    get->failure = get->client.failure;
    get->done += get->client.complete;
    if (get->failure || get->done >= get->count || get->client.status >= 300)
        all_done(get);
    else
        begin(get);
}

static void begin(void *context)
{
    struct get *get = context;
    get->client = (struct http_client){.room = room, .body = body, .context = get};
    int result = http_client_start(&get->client, get->stage.host, loop_now(&get->stage.loop), NULL, &get->url);
    if (result == LA_ERROR_QUIET) { /* --quiet-time: it ends */
        loop_at(&get->stage.loop, loop_now(&get->stage.loop) + RETRY_MS * LA_MILLISECOND, begin, get);
    } else if (result < 0) {
        get->failure = la_error_name((enum la_error)result);
        all_done(get);
    }
}

static void drained(void *context)
{
    struct get *get = context;
    if (get->over) {
        all_done(get);
        return;
    }
    http_client_resume(&get->client, get->stage.host, loop_now(&get->stage.loop));
    look(get);
}

static bool on_event(void *context, const struct la_event *event)
{
    struct get *get = context;
    if (http_client_event(&get->client, get->stage.host, loop_now(&get->stage.loop), event))
        look(get);
    return true;
}

/* A signal or the time bound; the command's end alone is none of our concern. */
static void on_stop(void *context)
{
    struct get *get = context;
    if (!get->stage.signals && !get->stage.timed_out)
        return;
    if (!get->failure && (!get->over || outlet_waits(&get->outlet)))
        get->failure = get->stage.signals ? "interrupted" : "not done within --seconds";
    if (!get->over)
        get->bytes += get->client.body_bytes;
    http_client_abort(&get->client, get->stage.host, loop_now(&get->stage.loop), get->failure);
    loop_stop(&get->stage.loop);
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static int exit_status(const struct get *get)
{
    if (get->failure || get->outlet.error || get->client.status < 200)
        return EXIT_FAILED;
    return get->client.status < 300 ? EXIT_OK : (int)get->client.status / 100;
}

static la_time duration(const struct get *get)
{
    const struct http_client *client = &get->client;
    return client->completed ? client->completed - client->began : 0;
}

static int report_json(const struct get *get)
{
    const struct http_client *client = &get->client;
    json_t *report = report_begin(&get->stage);
    json_t *fetched =
        json_pack("{s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:b, s:s, s:o}", "status", (json_int_t)client->status,
                  "transfers", (json_int_t)get->done, "body_bytes", (json_int_t)get->bytes, "connect_seconds",
                  client->established ? (double)(client->established - client->began) / 1e9 : 0.0, "transfer_seconds",
                  (double)duration(get) / 1e9, "rtt_us", (json_int_t)client->rtt_us, "retransmissions",
                  (json_int_t)client->retransmissions, "complete", (int)client->complete, "outcome",
                  la_end_name(client->outcome.end), "ended", report_ended(get->ended));
    json_object_set_new(fetched, "failure", get->failure ? json_string(get->failure) : json_null());
    json_object_update(report, fetched);
    json_decref(fetched);
    /* Standard output may be the body's. */
    return report_end(report, &get->stage, get->output && strcmp(get->output, "-") != 0 ? stdout : stderr);
}

static void report_text(const struct get *get)
{
    const struct http_client *client = &get->client;
    if (get->failure) {
        complain("get", "%s, after %s", get->failure, human_bytes(client->body_bytes));
        return;
    }
    if (client->status >= 300)
        complain("get", "%u%s%s", client->status, *client->location ? ": it is now at " : "", client->location);
    if (get->quiet)
        return;
    fprintf(stderr, "%u, %s in %s (%s), %u retransmitted; closed: %s\n", client->status,
            human_bytes(client->body_bytes), human_time(duration(get)), human_rate(client->body_bytes, duration(get)),
            client->retransmissions, la_end_name(client->outcome.end));
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static int fetch(struct get *get)
{
    struct stage *stage = &get->stage;
    struct la_config config;
    int status = EXIT_FAILED;
    la_config_default(&config);
    config.connections = 16;
    config.send_buffer_bytes = 65536;
    config.receive_buffer_bytes = 4 << 20;
    config.buffer_pieces = 4096;
    if (stage_open(stage, "get", &get->network, &config) == 0) {
        stage->command_apart = true;
        stage->on_stop = on_stop;
        stage->on_stop_context = get;
        outlet_open(&get->outlet, &stage->loop, get->fd, drained, get);
        if (stage_start_command(stage) == 0) {
            begin(get);
            if (stage_run(stage, on_event, get) < 0)
                get->failure = "the device failed";
        }
        if (get->outlet.error && !get->failure)
            get->failure = strerror(get->outlet.error);
        status = exit_status(get);
        if (!get->network.json)
            report_text(get);
        else if (report_json(get) < 0)
            status = EXIT_FAILED;
    }
    return stage_close(stage) < 0 ? EXIT_FAILED : status;
}

static const char about[] =
    "Fetches a URL over lastack's TCP and writes the body to standard output or a file. The host in the URL is an IP\n"
    "address, in brackets if it is IPv6. Exit status: 0 for a 2xx response, 3, 4 or 5 for 3xx, 4xx or 5xx, 1 if there\n"
    "was no whole response, 2 if the command line is wrong.\n"
    "\n"
    "  sudo lastack get http://10.83.0.1:8000/ -o page.html      from a server on this machine\n"
    "  lastack get http://10.83.0.1:8000/ --run 'python3 -m http.server'      no privilege; the server ends with it\n";

static int open_output(struct get *get)
{
    get->fd = STDOUT_FILENO;
    if (get->output && strcmp(get->output, "-") != 0)
        get->fd = open(get->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return get->fd < 0 ? complain("get", "%s: %s", get->output, strerror(errno)) : 0;
}

int cmd_get(int argc, char **argv)
{
    static struct get get;
    struct option_group groups[NETWORK_GROUPS + 1];
    const struct option_spec own[] = {
        {'o', "output", "FILE", "write the body to FILE (default -: standard output)", option_text, &get.output},
        {'n', "count", "N", "fetch it so many times, one after the other (default 1)", option_positive_u32, &get.count},
        {'q', "quiet", NULL, "no summary", option_flag, &get.quiet},
        {0, "wait", NULL, "stay until no connection is in TIME-WAIT any more", option_flag, &get.wait},
    };
    const struct command_line line = {"get", "lastack get URL [OPTION]...", about, groups, NETWORK_GROUPS + 1};
    int first;
    get = (struct get){.count = 1};
    groups[0] = (struct option_group){"Fetching", own, sizeof own / sizeof own[0]};
    network_options_init(&get.network, groups + 1);
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (argc - first != 1)
        return options_wrong(&line, argc == first ? "which URL?" : "one URL is expected, not %d", argc - first);
    const char *wrong = network_options_complete(&get.network);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    wrong = http_url_parse(argv[first], &get.url);
    if (wrong)
        return options_wrong(&line, "\"%s\" %s", argv[first], wrong);
    if (open_output(&get) < 0)
        return EXIT_FAILED;
    int status = fetch(&get);
    if (get.fd != STDOUT_FILENO && close(get.fd) != 0)
        status = EXIT_FAILED;
    return status;
}
