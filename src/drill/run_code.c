#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "run_private.h"
#include "symbols.h"

/* %{ code }% and `commands`. */

/* ---- names ---- */

struct name {
    const char *name;
    int64_t value;
};

/* What packetdrill defines for code. */
static const struct name constants[] = {
    {"TCP_ESTABLISHED", 1},     {"TCP_SYN_SENT", 2},       {"TCP_SYN_RECV", 3},    {"TCP_FIN_WAIT1", 4},
    {"TCP_FIN_WAIT2", 5},       {"TCP_TIME_WAIT", 6},      {"TCP_CLOSE", 7},       {"TCP_CLOSE_WAIT", 8},
    {"TCP_LAST_ACK", 9},        {"TCP_LISTEN", 10},        {"TCP_CLOSING", 11},    {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},     {"TCP_CA_CWR", 2},         {"TCP_CA_Recovery", 3}, {"TCP_CA_Loss", 4},
    {"TCPI_OPT_TIMESTAMPS", 1}, {"TCPI_OPT_SACK", 2},      {"TCPI_OPT_WSCALE", 4}, {"TCPI_OPT_ECN", 8},
    {"TCPI_OPT_ECN_SEEN", 16},  {"TCPI_OPT_SYN_DATA", 32},
};

struct info_field {
    const char *name;
    size_t offset;
    size_t size;
};

#define FIELD(field)                                                                       \
    {                                                                                      \
#field, offsetof(struct tcp_info, field), sizeof(((struct tcp_info *)NULL)->field) \
    }

/* What src/socket/ fills in; of what it leaves 0 nothing can be said, so it is no name here. */
static const struct info_field info_fields[] = {
    FIELD(tcpi_state),         FIELD(tcpi_retransmits), FIELD(tcpi_probes),
    FIELD(tcpi_options),       FIELD(tcpi_rto),         FIELD(tcpi_ato),
    FIELD(tcpi_snd_mss),       FIELD(tcpi_rcv_mss),     FIELD(tcpi_advmss),
    FIELD(tcpi_unacked),       FIELD(tcpi_rtt),         FIELD(tcpi_rttvar),
    FIELD(tcpi_snd_ssthresh),  FIELD(tcpi_snd_cwnd),    FIELD(tcpi_rcv_space),
    FIELD(tcpi_total_retrans), FIELD(tcpi_bytes_acked), FIELD(tcpi_bytes_received),
    FIELD(tcpi_notsent_bytes), FIELD(tcpi_snd_wnd),
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A field of what getsockopt(TCP_INFO) answers for the connection that the script's packets are about. */
static bool look_up_info(struct run *run, const char *name, int64_t *value)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    const struct descriptor *descriptor = run->current != NULL ? run->current->descriptor : NULL;
    if (descriptor == NULL)
        descriptor = run->current_descriptor;
    if (descriptor == NULL || !descriptor->is_open)
        return false;
    if (sockets_getsockopt(run->sockets, run->now, descriptor->live, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return false;
    if (strcmp(name, "tcpi_snd_wscale") == 0 || strcmp(name, "tcpi_rcv_wscale") == 0) {
        *value = name[5] == 's' ? info.tcpi_snd_wscale : info.tcpi_rcv_wscale;
        return true;
    }
    for (size_t i = 0; i < COUNT(info_fields); i++) {
        const struct info_field *field = &info_fields[i];
        if (strcmp(field->name, name) != 0 || field->offset + field->size > length)
            continue;
        uint64_t number = 0;
        memcpy(&number, (const uint8_t *)&info + field->offset,
               field->size); /* little-endian, as all that we build for */
        *value = (int64_t)number;
        return true;
    }
    return false;
}

/* "drop_paws": what was dropped for that reason; the gauges; and the counters by the names that they have. */
static bool look_up_counter(const struct run *run, const char *name, int64_t *value)
{
    struct la_counters counters;
    la_host_counters(run->host, &counters);
    const struct name gauges[] = {
        {"connections", counters.connections},       {"connections_orphaned", counters.connections_orphaned},
        {"time_wait_ipv4", counters.time_wait_ipv4}, {"time_wait_ipv6", counters.time_wait_ipv6},
        {"buffer_pieces", counters.buffer_pieces},   {"reply_bytes", counters.reply_bytes}};
    for (size_t i = 0; i < COUNT(gauges); i++)
        if (strcmp(gauges[i].name, name) == 0)
            return *value = gauges[i].value, true;
    for (unsigned i = 0; i < LA_COUNTER_COUNT; i++)
        if (strcmp(la_counter_name((enum la_counter)i), name) == 0)
            return *value = (int64_t)counters.counter[i], true;
    for (unsigned i = 0; strncmp(name, "drop_", 5) == 0 && i < LA_DROP_COUNT; i++) {
        const char *reason = la_drop_name((enum la_drop)i);
        size_t at = 0;
        while (reason[at] != '\0' && (name[5 + at] == reason[at] || (reason[at] == '-' && name[5 + at] == '_')))
            at++;
        if (reason[at] == '\0' && name[5 + at] == '\0')
            return *value = (int64_t)counters.dropped[i], true;
    }
    return false;
}

static bool look_up(void *context, const char *name, int64_t *value)
{
    struct run *run = context;
    for (size_t i = 0; i < COUNT(constants); i++)
        if (strcmp(constants[i].name, name) == 0)
            return *value = constants[i].value, true;
    if (strncmp(name, "tcpi_", 5) == 0)
        return look_up_info(run, name, value);
    return look_up_counter(run, name, value) || symbol_value(name, value);
}

bool run_code(struct run *run, const struct event *event)
{
    struct problem problem = {0};
    bool is_assertion = false;
    run->scope.look_up = look_up;
    run->scope.context = run;
    if (expression_run(event->text, event->action_place, &run->scope, &problem, &is_assertion))
        return true;
    return is_assertion ? run_fail(run, problem.place, "%s", problem.text)
                        : run_error(run, problem.place, "%s", problem.text);
}

/* ---- commands ---- */

bool run_command(struct run *run, struct place place, const char *command)
{
    switch (run->options->commands) {
    case DRILL_COMMANDS_REFUSE:
        return run_error(run, place,
                         "`%.60s` would be run by a shell, which only --allow-commands lets it be (--ignore-commands "
                         "goes on without)",
                         command);
    case DRILL_COMMANDS_IGNORE: fprintf(run->log, "line %u: not run: `%s`\n", place.line, command); return true;
    case DRILL_COMMANDS_RUN: break;
    }
    int status = system(command); /* NOLINT(cert-env33-c): what --allow-commands is for */
    if (status == 0)
        return true;
    if (WIFEXITED(status))
        return run_fail(run, place, "`%.60s` ended with status %d", command, WEXITSTATUS(status));
    return run_error(run, place, "`%.60s` could not be run to its end", command);
}
