#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "run_private.h"
#include "show/ladder.h"

enum { MOMENTS_MAX = 20000 };

__attribute__((format(printf, 4, 0))) static bool end(struct run *run, enum drill_result result, struct place place,
                                                      const char *format, va_list arguments)
{
    if (run->is_over)
        return false;
    struct drill_report *report = run->report;
    run->is_over = true;
    report->result = result;
    report->line = place.line;
    report->column = place.column;
    if (vasprintf(&report->message, format, arguments) < 0)
        report->message = NULL;
    return false;
}

bool run_fail(struct run *run, struct place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(run, DRILL_FAILED, place, format, arguments);
    va_end(arguments);
    return false;
}

bool run_error(struct run *run, struct place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(run, DRILL_ERROR, place, format, arguments);
    va_end(arguments);
    return false;
}

bool run_take_octets(struct run *run, struct place place, uint64_t octets)
{
    uint64_t most = run->options->octets_max != 0 ? run->options->octets_max : UINT64_C(1) << 28;
    run->octets_taken += octets;
    return run->octets_taken <= most ||
           run_error(run, place, "the script wants more than %" PRIu64 " octets of memory", most);
}

const char *run_time_text(int64_t nanoseconds, char text[32])
{
    int64_t magnitude = nanoseconds < 0 ? -nanoseconds : nanoseconds;
    snprintf(text, 32, "%s%" PRId64 ".%06" PRId64, nanoseconds < 0 ? "-" : "", magnitude / 1000000000,
             magnitude / 1000 % 1000000);
    return text;
}

static char *packet_line(int64_t nanoseconds, const struct packet *packet)
{
    char *text = NULL;
    char time[32];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fprintf(out, "%s ", run_time_text(nanoseconds, time));
    packet_write(out, packet);
    fclose(out);
    return text;
}

void run_show_packets(struct run *run, const struct event *event, const struct packet *actual, la_time time)
{
    struct drill_report *report = run->report;
    char *expected = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&expected, &size);
    if (out != NULL && event != NULL) {
        packet_write(out, event->packet);
        fclose(out);
        report->expected = expected;
    } else if (out != NULL) {
        fclose(out);
        free(expected);
    }
    if (actual != NULL)
        report->actual = packet_line(run_script_time(run, time), actual);
}

void run_log_packet(struct run *run, const char *what, const struct packet *packet)
{
    char time[32];
    if (!run->options->verbose)
        return;
    fprintf(run->log, "%s %s ", run_time_text(run_script_time(run, run->now), time), what);
    packet_write(run->log, packet);
    fputc('\n', run->log);
}

/* ---- the ladder ---- */

static struct moment *new_moment(struct run *run)
{
    if (run->moment_count == run->moment_room) {
        size_t room = run->moment_room == 0 ? 256 : run->moment_room * 2;
        struct moment *more =
            run->moment_room < MOMENTS_MAX ? realloc(run->moments, room * sizeof *run->moments) : NULL;
        if (more == NULL)
            return NULL;
        run->moments = more;
        run->moment_room = room;
    }
    return &run->moments[run->moment_count++];
}

void run_note(struct run *run, const char *note)
{
    struct moment *moment = new_moment(run);
    if (moment != NULL)
        *moment = (struct moment){.time = run->now, .note = note};
}

void run_keep(struct run *run, const struct la_trace *record)
{
    struct moment *moment = new_moment(run);
    if (moment != NULL)
        *moment = (struct moment){.time = record->time, .record = *record};
}

char *run_ladder(const struct run *run)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const struct ladder_options options = {.left = "lastack", .right = "script"};
    struct ladder *ladder = out != NULL ? ladder_new(out, &options) : NULL;
    for (size_t i = 0; ladder != NULL && i < run->moment_count; i++) {
        const struct moment *moment = &run->moments[i];
        if (moment->note != NULL)
            ladder_note(ladder, moment->time, LADDER_LEFT, moment->note);
        else
            ladder_record(ladder, LADDER_LEFT, &moment->record, NULL);
    }
    if (ladder != NULL) {
        ladder_flush(ladder);
        ladder_free(ladder);
    }
    if (out != NULL)
        fclose(out);
    return text;
}
