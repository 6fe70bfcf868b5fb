#include "cmd.h"
#include "network.h"
#include "outlet.h"
#include "report.h"
#include "stage.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* `lastack nc`: one connection, standard input to it and from it to standard output. The two directions end by
   themselves: the end of input is our FIN (la_shutdown), the peer's FIN ends our output; when both have ended the
   connection is closed and its outcome known. */

enum { INPUT_BYTES = 65536, RETRY_MS = 100, RETRY_SECONDS = 10 };

struct nc {
    struct stage stage;
    struct network_options network;
    struct outlet outlet;
    struct la_listener listener;
    struct la_conn conn;
    struct la_endpoint remote;
    uint16_t port;
    uint16_t local_port;
    bool listen;
    bool verbose;
    bool wait;
    bool urgent; /* the last octet of each read is */
    bool open;   /* conn is ours */
    bool input_over;
    bool output_over; /* the peer's FIN has been read, or nothing can come any more */
    bool ended;       /* LA_READY_ENDED was seen */
    bool finished;    /* outcome is final */
    struct la_outcome outcome;
    uint64_t sent;
    uint64_t received;
    const char *failure;
};

__attribute__((format(printf, 2, 3))) static void say(const struct nc *nc, const char *format, ...)
{
    va_list arguments;
    if (!nc->verbose)
        return;
    va_start(arguments, format);
    fputs("lastack nc: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void say_endpoint(const struct nc *nc, const char *what, const struct la_endpoint *endpoint)
{
    char text[LA_ADDRESS_TEXT_BYTES];
    la_address_text(&endpoint->address, text);
    say(nc, "%s %s port %u", what, text, endpoint->port);
}

static la_time now_of(const struct nc *nc)
{
    return loop_now(&nc->stage.loop);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static bool waits(const struct nc *nc)
{
    struct la_counters counters;
    la_host_counters(nc->stage.host, &counters);
    return counters.time_wait_ipv4 + counters.time_wait_ipv6 > 0;
}

/* The program ends when the connection has, standard output has taken everything, --run's command has ended, and with
   --wait TIME-WAIT too. */
static void end_if_done(void *context)
{
    struct nc *nc = context;
    if (!nc->finished || nc->stage.child || outlet_waits(&nc->outlet))
        return;
    if (nc->wait && waits(nc))
        loop_at(&nc->stage.loop, now_of(nc) + 50 * LA_MILLISECOND, end_if_done, nc);
    else
        loop_stop(&nc->stage.loop);
}

static void finish(struct nc *nc)
{
    if (nc->finished)
        return;
    nc->finished = true;
    if (!nc->input_over)
        loop_unwatch_fd(&nc->stage.loop, STDIN_FILENO);
    if (nc->open) {
        la_outcome(nc->stage.host, nc->conn, &nc->outcome);
        la_release(nc->stage.host, now_of(nc), nc->conn);
        nc->open = false;
        if (nc->outcome.end == LA_END_CLEAN || nc->failure) /* else tell_failure does */
            say(nc, "closed: %s, in %s; %u octets unacknowledged, %u unread", la_end_name(nc->outcome.end),
                la_state_name(nc->outcome.state), nc->outcome.unacknowledged_bytes, nc->outcome.unread_bytes);
    }
    end_if_done(nc);
}

static void look(struct nc *nc)
{
    if (!nc->open)
        return;
    if (nc->outlet.error && !nc->failure) {
        nc->failure = strerror(nc->outlet.error);
        la_abort(nc->stage.host, now_of(nc), nc->conn);
        nc->ended = nc->output_over = true;
    }
    if (nc->ended && nc->output_over)
        finish(nc);
    else if (nc->input_over && nc->output_over && la_close(nc->stage.host, now_of(nc), nc->conn) == LA_ERROR_ENDED)
        finish(nc);
}

/* ---- standard input, into the send buffer ------------------------------------------------------------------------ */

static void on_input(void *context, int fd, short revents);

static void input_over(struct nc *nc)
{
    if (nc->input_over)
        return;
    nc->input_over = true;
    loop_unwatch_fd(&nc->stage.loop, STDIN_FILENO);
    say(nc, "end of input: our direction is closed");
    la_shutdown(nc->stage.host, now_of(nc), nc->conn);
    look(nc);
}

static void watch_input(struct nc *nc)
{
    if (!nc->input_over)
        loop_watch_fd(&nc->stage.loop, STDIN_FILENO, POLLIN, on_input, nc);
}

static void on_input(void *context, int fd, short revents)
{
    struct nc *nc = context;
    void *room;
    size_t length;
    (void)revents;
    int result = la_send_view(nc->stage.host, now_of(nc), nc->conn, &room, &length);
    if (result < 0) { /* no room: LA_READY_WRITABLE goes on. Or it has ended, which its own event tells */
        loop_unwatch_fd(&nc->stage.loop, STDIN_FILENO);
        return;
    }
    static uint8_t octets[INPUT_BYTES];
    ssize_t got = read(fd, nc->urgent ? octets : room, length < INPUT_BYTES ? length : INPUT_BYTES);
    if (got > 0) {
        if (nc->urgent) /* all are taken: there is room */
            la_send_urgent(nc->stage.host, now_of(nc), nc->conn, octets, (size_t)got);
        else
            la_send_commit(nc->stage.host, now_of(nc), nc->conn, (size_t)got);
        nc->sent += (uint64_t)got;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        input_over(nc);
    }
}

/* ---- the network, to standard output ----------------------------------------------------------------------------- */

static void receive(struct nc *nc)
{
    while (nc->open && !nc->output_over && outlet_ready(&nc->outlet)) {
        const void *data;
        size_t length;
        int result = la_recv_view(nc->stage.host, now_of(nc), nc->conn, &data, &length);
        if (result == LA_ERROR_WOULD_BLOCK || result == LA_ERROR_NOT_CONNECTED)
            return;
        if (result <= 0) {
            nc->output_over = true;
            if (result == 0)
                say(nc, "the peer has closed its direction");
            return;
        }
        if (length > OUTLET_BYTES)
            length = OUTLET_BYTES;
        outlet_put(&nc->outlet, data, length);
        nc->received += length;
        la_recv_consume(nc->stage.host, now_of(nc), nc->conn, length);
    }
}

static void drained(void *context)
{
    struct nc *nc = context;
    receive(nc);
    look(nc);
    end_if_done(nc);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void connect_again(void *context);

static bool try_again(const struct nc *nc)
{
    return nc->network.run && !nc->listen && !nc->stage.child_ended && nc->outcome.end == LA_END_REFUSED &&
           now_of(nc) - nc->stage.began < RETRY_SECONDS * LA_SECOND;
}

static void connect_now(struct nc *nc)
{
    struct la_endpoint local = {.address = nc->network.address.address, .port = nc->local_port};
    int result = la_connect(nc->stage.host, now_of(nc), &local, &nc->remote, &nc->conn);
    if (result == LA_ERROR_QUIET) { /* --quiet-time: it ends */
        loop_at(&nc->stage.loop, now_of(nc) + RETRY_MS * LA_MILLISECOND, connect_again, nc);
        return;
    }
    nc->open = result == LA_OK;
    nc->ended = nc->output_over = false;
    if (!nc->open) {
        nc->failure = la_error_name((enum la_error)result);
        finish(nc);
    }
}

static void connect_again(void *context)
{
    connect_now(context);
}

static void accept_one(struct nc *nc)
{
    struct la_info info;
    if (nc->open || nc->finished || la_accept(nc->stage.host, now_of(nc), nc->listener, &nc->conn) != LA_OK)
        return;
    nc->open = true;
    la_unlisten(nc->stage.host, now_of(nc), nc->listener);
    if (la_info(nc->stage.host, nc->conn, &info) == LA_OK)
        say_endpoint(nc, "connection from", &info.remote);
    watch_input(nc);
    receive(nc);
    look(nc);
}

/* Refused by a server that --run has just started: it may listen soon. */
static bool refused_too_early(struct nc *nc)
{
    la_outcome(nc->stage.host, nc->conn, &nc->outcome);
    if (!try_again(nc))
        return false;
    la_release(nc->stage.host, now_of(nc), nc->conn);
    nc->open = false;
    loop_at(&nc->stage.loop, now_of(nc) + RETRY_MS * LA_MILLISECOND, connect_again, nc);
    return true;
}

static bool on_event(void *context, const struct la_event *event)
{
    struct nc *nc = context;
    if (event->flags & LA_READY_ACCEPTABLE) {
        accept_one(nc);
        return true;
    }
    if (!nc->open || event->conn.slot != nc->conn.slot || event->conn.generation != nc->conn.generation)
        return true;
    if ((event->flags & LA_READY_ESTABLISHED) && !nc->listen)
        say_endpoint(nc, "connected to", &nc->remote);
    if (event->flags & LA_READY_ENDED) {
        nc->ended = true;
        if (refused_too_early(nc))
            return true;
    }
    if (event->flags & (LA_READY_ESTABLISHED | LA_READY_WRITABLE))
        watch_input(nc);
    if (event->flags & LA_READY_URGENT)
        say(nc, "urgent: %d octets more", la_urgent(nc->stage.host, nc->conn));
    receive(nc);
    look(nc);
    return true;
}

static void on_stop(void *context)
{
    struct nc *nc = context;
    if (!nc->stage.signals && !nc->stage.timed_out) { /* only the command has ended: we may not have */
        end_if_done(nc);
        return;
    }
    if (!nc->failure && (!nc->finished || outlet_waits(&nc->outlet)))
        nc->failure = nc->stage.signals ? "interrupted" : "not done within --seconds";
    if (nc->open)
        la_abort(nc->stage.host, now_of(nc), nc->conn);
    finish(nc);
    loop_stop(&nc->stage.loop);
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static void report_json(const struct nc *nc)
{
    json_t *report = report_begin(&nc->stage);
    json_t *carried =
        json_pack("{s:I, s:I, s:s, s:s, s:I, s:I}", "sent_bytes", (json_int_t)nc->sent, "received_bytes",
                  (json_int_t)nc->received, "outcome", la_end_name(nc->outcome.end), "state",
                  la_state_name(nc->outcome.state), "unacknowledged_bytes",
                  (json_int_t)nc->outcome.unacknowledged_bytes, "unread_bytes", (json_int_t)nc->outcome.unread_bytes);
    json_object_set_new(carried, "failure", nc->failure ? json_string(nc->failure) : json_null());
    json_object_update(report, carried);
    json_decref(carried);
    report_end(report, &nc->stage, stderr); /* standard output is the peer's */
}

static int open_connection(struct nc *nc)
{
    if (!nc->listen) {
        connect_now(nc);
        return 0;
    }
    struct la_endpoint local = {.address = nc->remote.address, .port = nc->port};
    int result = la_listen(nc->stage.host, nc->stage.began, &local, 1, &nc->listener);
    if (result < 0)
        return complain("nc", "cannot listen on port %u: %s", nc->port, la_error_name((enum la_error)result));
    say_endpoint(nc, "listening on", &local);
    return 0;
}

/* What is not clean is told always: how much of what was sent has not arrived, too. */
static void tell_failure(const struct nc *nc)
{
    const struct la_outcome *outcome = &nc->outcome;
    if (nc->failure)
        complain("nc", "%s", nc->failure);
    else
        complain("nc", "%s, in %s; %u octets unacknowledged, %u unread", la_end_name(outcome->end),
                 la_state_name(outcome->state), outcome->unacknowledged_bytes, outcome->unread_bytes);
}

static int carry(struct nc *nc)
{
    struct stage *stage = &nc->stage;
    struct la_config config;
    la_config_default(&config);
    config.connections = 256; /* a command that is not there yet is tried again and again */
    int status = EXIT_FAILED;
    if (stage_open(stage, "nc", &nc->network, &config) == 0) {
        stage->command_apart = true;
        stage->on_stop = on_stop;
        stage->on_stop_context = nc;
        outlet_open(&nc->outlet, &stage->loop, STDOUT_FILENO, drained, nc);
        if (open_connection(nc) == 0 && stage_start_command(stage) == 0 && stage_run(stage, on_event, nc) == 0)
            status = nc->outcome.end == LA_END_CLEAN && !nc->failure ? EXIT_OK : EXIT_FAILED;
        loop_flush(&stage->loop);
        if (nc->outlet.error)
            status = complain("nc", "standard output: %s", strerror(nc->outlet.error)) ? EXIT_FAILED : status;
        else if (status != EXIT_OK && (nc->failure || nc->finished))
            tell_failure(nc);
        if (nc->network.json)
            report_json(nc);
    }
    if (stage_close(stage) < 0)
        status = EXIT_FAILED;
    return status == EXIT_OK && stage->child_ended ? stage->child_status : status;
}

static const char about[] =
    "One TCP connection of lastack's: standard input goes to the peer, what the peer sends to standard output. The "
    "end\n"
    "of input closes our direction only; what the peer still sends is received, until it closes too. Exit status: 0 "
    "if\n"
    "all was acknowledged and both sides closed, else 1; with --run, COMMAND's own if that is not 0.\n"
    "\n"
    "  sudo lastack nc -v 10.83.0.1 9000      to a program that listens on this machine\n"
    "  echo hello | lastack nc -lv 9000 --run 'nc -N $LASTACK_ADDRESS 9000'      no privilege\n";

static const char *take_arguments(struct nc *nc, int count, char **argument)
{
    nc->remote.address = nc->network.address.address;
    if (count == 0)
        return nc->listen ? "which port?" : "which address and port?";
    if (nc->listen && nc->local_port)
        return "-p is our port when opening; with -l the port is the argument";
    if (count > 2)
        return "an address and a port are expected, no more";
    if (count == 1 && !nc->listen)
        return "an address and a port are expected; only -l needs no address";
    if (option_port(argument[count - 1], &nc->port))
        return "the port must be a whole number from 1 to 65535";
    if (count == 2 && la_address_parse(argument[0], &nc->remote.address) != LA_OK)
        return "the address must be an IP address, as 10.83.0.1";
    if (nc->listen && !la_address_equal(&nc->remote.address, &nc->network.address.address))
        return "-l: the address must be lastack's own, which --address gives";
    nc->remote.port = nc->port;
    return NULL;
}

int cmd_nc(int argc, char **argv)
{
    static struct nc nc;
    struct option_group groups[NETWORK_GROUPS + 1];
    const struct option_spec own[] = {
        {'l', "listen", NULL, "wait for one connection instead of opening one", option_flag, &nc.listen},
        {'p', "local-port", "PORT", "our port, when opening (default: the host chooses)", option_port, &nc.local_port},
        {0, "urgent", NULL, "what is read ends with an urgent octet, each time", option_flag, &nc.urgent},
        {'v', "verbose", NULL, "say what happens, and the outcome of the close", option_flag, &nc.verbose},
        {0, "wait", NULL, "stay until the connection is not in TIME-WAIT any more", option_flag, &nc.wait},
    };
    const struct command_line line = {"nc", "lastack nc [-l] [ADDRESS] PORT [OPTION]...", about, groups,
                                      NETWORK_GROUPS + 1};
    int first;
    nc = (struct nc){.open = false};
    groups[0] = (struct option_group){"The connection", own, sizeof own / sizeof own[0]};
    network_options_init(&nc.network, groups + 1);
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    const char *wrong = network_options_complete(&nc.network);
    if (!wrong)
        wrong = take_arguments(&nc, argc - first, argv + first);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    return carry(&nc);
}
