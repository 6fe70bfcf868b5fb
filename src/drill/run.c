#include "run_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A script from its text to its report. */

enum { START_SECONDS = 1000, FIRST_PEER_PORT = 50001, ISN_TICK_NS = 4000 };

/* ---- the host ---- */

static bool open_host(struct run *run)
{
    const struct settings *settings = run->settings;
    const struct la_config *config = &settings->config;
    size_t size = la_host_size(config);
    size = (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    const struct la_address any = {0};
    struct sockets_config sockets_config;
    struct place nowhere = {0};
    if (!run_take_octets(run, nowhere, size))
        return false;
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    run->host = block != NULL ? la_host_init(block, size, config, run->now) : NULL;
    if (run->host == NULL) {
        free(block);
        return run_error(run, nowhere, "a host of %zu octets cannot be made", size);
    }
    bool is_ipv4 = la_address_is_ipv4(&settings->local);
    struct la_address all = is_ipv4 ? la_address_ipv4(0, 0, 0, 0) : any;
    int error = la_interface_add(run->host, run->now, settings->mtu);
    if (error >= 0)
        error = la_address_add(run->host, run->now, 0, &settings->local, is_ipv4 ? 16 : 48);
    if (error >= 0)
        error = la_route_add(run->host, run->now, 0, &all, 0);
    if (error < 0)
        return run_error(run, nowhere, "the host does not take its address or route: %s",
                         la_error_name((enum la_error)error));
    sockets_config_default(&sockets_config);
    run->sockets = sockets_new(run->host, config, &sockets_config);
    return run->sockets != NULL || run_error(run, nowhere, "sockets cannot be made");
}

static void close_host(struct run *run)
{
    if (run->pending.is_pending)
        sockets_interrupt(run->sockets, run->now, &run->pending.state);
    if (run->sockets != NULL)
        sockets_free(run->sockets, run->now);
    free(run->host);
}

/* ---- events ---- */

static bool inspect(struct run *run, const struct event *event)
{
    const char *wrong = run->options->inspect != NULL ? run->options->inspect(run->host) : NULL;
    return wrong == NULL || run_fail(run, event->place, "the host contradicts itself: %s", wrong);
}

/* The script's times in nanoseconds since its begin; what is relative counts from now. */
static bool place_in_time(struct run *run, const struct event *event, int64_t *earliest, int64_t *latest)
{
    bool is_relative = event->time_kind == TIME_RELATIVE || event->time_kind == TIME_RELATIVE_RANGE;
    bool is_range = event->time_kind == TIME_ABSOLUTE_RANGE || event->time_kind == TIME_RELATIVE_RANGE;
    int64_t now = run_script_time(run, run->now);
    int64_t from = is_relative ? now : 0;
    *earliest = event->time_kind == TIME_ANY ? now : from + event->time_ns;
    *latest = is_range ? from + event->end_ns : *earliest;
    if (run->last_event_ns < 0 && *earliest != 0)
        return run_error(run, event->place, "the first event is at time 0");
    bool waits_for_us = event->kind != EVENT_PACKET || !event->packet->is_outbound;
    if (!waits_for_us || *earliest >= now || run_is_timely(run, *earliest, *latest, run->last_event_ns, now))
        return true;
    char at[32];
    char wanted[32];
    run_time_text(now, at);
    run_time_text(*earliest, wanted);
    if (*earliest < run->last_event_ns)
        return run_error(run, event->place, "time goes back, to %s", wanted);
    return run_fail(run, event->place, "it is %s already: the events before this one took too long for %s", at, wanted);
}

static bool run_event(struct run *run, const struct event *event)
{
    int64_t earliest = 0;
    int64_t latest = 0;
    if (!place_in_time(run, event, &earliest, &latest))
        return false;
    bool good = false;
    switch (event->kind) {
    case EVENT_PACKET: good = run_packet(run, event, earliest, latest); break;
    case EVENT_CALL: {
        bool is_relative = event->time_kind == TIME_RELATIVE;
        int64_t from = is_relative ? run_script_time(run, run->now) : 0;
        good = run_call(run, event, earliest, from + event->call->end_ns);
        break;
    }
    case EVENT_COMMAND: good = run_until(run, earliest) && run_command(run, event->action_place, event->text); break;
    case EVENT_CODE: good = run_until(run, earliest) && run_code(run, event); break;
    }
    if (!good || !inspect(run, event))
        return false;
    run->last_event_ns = earliest;
    run->report->events++;
    return true;
}

/* A call that still waits gets the time that its line says. */
static bool finish_pending(struct run *run)
{
    if (!run->pending.is_pending)
        return true;
    struct attempt pending = run->pending;
    if (!run_until(run, pending.end_ns + run->settings->tolerance_ns))
        return false;
    return !run->pending.is_pending ||
           run_fail(run, pending.event->place, "%s does not answer, and the script is over", pending.call->text);
}

static bool run_events(struct run *run)
{
    const struct script *script = run->script;
    if (script->init_command != NULL && !run_command(run, script->init_place, script->init_command))
        return false;
    for (const struct event *event = script->events; event != NULL; event = event->next) {
        if (!run_event(run, event)) {
            if (!run->is_over)
                run_error(run, event->place, "the event could not be done");
            return false;
        }
    }
    return finish_pending(run) && run_check_leftovers(run);
}

/* ---- a run ---- */

static void run_once(struct run *run, la_time start)
{
    run->start = start;
    run->now = start;
    run->last_event_ns = -1;
    run->next_port = FIRST_PEER_PORT;
    run->sent_tail = &run->sent;
    if (open_host(run))
        run_events(run);
    /* As in packetdrill, the last command is run however the script ended: it undoes what the first one did. */
    const struct script *script = run->script;
    bool may_run = run->options->commands == DRILL_COMMANDS_RUN || !run->is_over;
    if (script->cleanup_command != NULL && may_run)
        run_command(run, script->cleanup_place, script->cleanup_command);
    run->report->duration = run->now - run->start;
    if (run->report->result == DRILL_FAILED)
        run->report->ladder = run_ladder(run);
    close_host(run);
}

static void free_run(struct run *run)
{
    free(run->moments);
    arena_free(run->arena);
    free(run);
}

static struct run *new_run(const struct script *script, const struct settings *settings,
                           const struct drill_options *options, struct drill_report *report, struct arena *arena)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        abort();
    run->script = script;
    run->settings = settings;
    run->options = options;
    run->report = report;
    run->arena = arena;
    run->scope = (struct scope){.arena = arena, .out = NULL};
    return run;
}

/* When to start so that the host's first SYN has the number that is wanted, or is a little before it: ISNs count time
   (RFC 9293 3.4.1), so a run beforehand tells. Whole milliseconds keep the host's timers where they were. */
static la_time start_for_isn(const struct script *script, const struct settings *settings, FILE *log)
{
    const la_time start = START_SECONDS * LA_SECOND;
    struct drill_report report = {0};
    struct arena arena = {0};
    const struct drill_options options = {.commands = DRILL_COMMANDS_IGNORE};
    struct run *run = new_run(script, settings, &options, &report, &arena);
    run->log = log;
    run_once(run, start);
    la_time moved = start;
    if (run->first_isn_known) {
        uint32_t ticks = settings->isn_local - run->first_isn;
        moved += (la_time)ticks * ISN_TICK_NS / LA_MILLISECOND * LA_MILLISECOND;
    }
    free_run(run);
    drill_report_free(&report);
    return moved;
}

static void run_script(const struct script *script, const struct settings *settings,
                       const struct drill_options *options, struct drill_report *report, FILE *log)
{
    struct arena arena = {0};
    la_time start = START_SECONDS * LA_SECOND;
    if (settings->has_isn_local) {
        FILE *nowhere = fopen("/dev/null", "w");
        start = start_for_isn(script, settings, nowhere != NULL ? nowhere : log);
        if (nowhere != NULL)
            fclose(nowhere);
    }
    struct run *run = new_run(script, settings, options, report, &arena);
    run->log = log;
    run->scope.out = log;
    if (options->pcap != NULL)
        run->pcapng = pcapng_new(options->pcap, "lastack", 0);
    run_once(run, start);
    if (run->pcapng != NULL) {
        pcapng_flush(run->pcapng);
        pcapng_free(run->pcapng);
    }
    free_run(run);
}

/* ---- from the text ---- */

static void report_problem(struct drill_report *report, const struct problem *problem)
{
    report->result = DRILL_ERROR;
    report->line = problem->place.line;
    report->column = problem->place.column;
    report->message = strdup(problem->text);
}

static bool take_settings(const struct script *script, const struct drill_options *options, struct settings *settings,
                          struct arena *arena, struct problem *problem)
{
    const char *wrong = NULL;
    settings_default(settings);
    for (const struct script_option *option = script->options; option != NULL; option = option->next) {
        wrong = settings_set(settings, arena, option->name, option->value);
        if (wrong != NULL)
            return problem_at(problem, option->place, "%s", wrong);
    }
    for (size_t i = 0; i < options->setting_count && wrong == NULL; i++)
        wrong = settings_set(settings, arena, options->settings[i].name, options->settings[i].value);
    if (wrong == NULL)
        wrong = settings_complete(settings);
    return wrong == NULL || problem_at(problem, (struct place){0}, "%s", wrong);
}

void drill_run(const char *text, size_t length, const struct drill_options *options, struct drill_report *report)
{
    static const struct drill_options none;
    struct script script = {0};
    struct settings settings;
    struct problem problem = {0};
    size_t log_size = 0;
    *report = (struct drill_report){.result = DRILL_PASSED};
    FILE *log = open_memstream(&report->log, &log_size);
    if (log == NULL)
        abort();
    if (options == NULL)
        options = &none;
    bool good = script_read_options(text, length, &script, &problem) &&
                take_settings(&script, options, &settings, &script.arena, &problem);
    if (good) {
        const struct dialect dialect = {.is_ipv4 = la_address_is_ipv4(&settings.local),
                                        .definitions = settings.definitions};
        good = script_read(text, length, &dialect, &script, &problem);
    }
    if (good)
        run_script(&script, &settings, options, report, log);
    else
        report_problem(report, &problem);
    fclose(log);
    script_free(&script);
}

void drill_report_free(struct drill_report *report)
{
    free(report->message);
    free(report->expected);
    free(report->actual);
    free(report->log);
    free(report->ladder);
    *report = (struct drill_report){0};
}

char *drill_setting_wrong(const struct drill_setting *setting)
{
    struct settings settings;
    struct arena arena = {0};
    settings_default(&settings);
    const char *wrong = settings_set(&settings, &arena, setting->name, setting->value);
    char *copy = wrong != NULL ? strdup(wrong) : NULL;
    arena_free(&arena);
    return copy;
}

void drill_list_settings(FILE *out)
{
    settings_list(out);
}
