#include <inttypes.h>

#include "run_private.h"

/* Virtual time: from one thing that is due to the next. */

enum { TRACE_BATCH = 64 };

int64_t run_script_time(const struct run *run, la_time time)
{
    return (int64_t)(time - run->start);
}

static void drain_trace(struct run *run, struct la_trace *records, size_t *count)
{
    *count = 0;
    struct la_trace batch[TRACE_BATCH];
    size_t taken;
    while ((taken = la_host_trace(run->host, batch, TRACE_BATCH)) > 0) {
        for (size_t i = 0; i < taken; i++) {
            run_keep(run, &batch[i]);
            if (*count < TRACE_BATCH)
                records[(*count)++] = batch[i];
        }
    }
}

/* What the host says about what it just did; a capture's comment holds the part that belongs to a packet. */
static void trace_packet(struct run *run, const uint8_t *octets, size_t length, bool is_outgoing)
{
    struct la_trace records[TRACE_BATCH];
    size_t count;
    char comment[512];
    drain_trace(run, records, &count);
    if (run->pcapng == NULL)
        return;
    pcapng_comment(comment, sizeof comment, records, count, NULL);
    pcapng_packet(run->pcapng, (la_time)run_script_time(run, run->now), is_outgoing ? PCAPNG_OUT : PCAPNG_IN, octets,
                  length, comment);
}

void run_trace(struct run *run, const uint8_t *octets, size_t length)
{
    trace_packet(run, octets, length, false);
}

static bool count_step(struct run *run)
{
    uint64_t most = run->options->steps_max != 0 ? run->options->steps_max : 10000000;
    if (run->steps++ < most)
        return true;
    return run_error(run, (struct place){0}, "the script does not come to an end: %" PRIu64 " steps were made", most);
}

bool run_settle(struct run *run)
{
    bool is_busy = true;
    while (is_busy) {
        is_busy = false;
        size_t length;
        while ((length = la_host_output(run->host, run->now, 0, run->octets, sizeof run->octets)) > 0) {
            is_busy = true;
            if (!count_step(run))
                return false;
            trace_packet(run, run->octets, length, true);
            if (!run_take_packet(run, run->octets, length))
                return false;
        }
        bool was_pending = run->pending.is_pending;
        if (was_pending && !run_continue_call(run))
            return false;
        is_busy = is_busy || was_pending != run->pending.is_pending;
    }
    struct la_trace records[TRACE_BATCH];
    size_t count;
    drain_trace(run, records, &count);
    return true;
}

static la_time due(const struct run *run)
{
    la_time time = la_host_deadline(run->host);
    if (run->pending.is_pending && run->pending.state.deadline < time)
        time = run->pending.state.deadline;
    return time;
}

bool run_step(struct run *run, int64_t limit_ns, bool *is_idle)
{
    la_time limit = run->start + (la_time)limit_ns;
    la_time time = due(run);
    *is_idle = time > limit;
    if (*is_idle)
        return true;
    if (!count_step(run))
        return false;
    if (time > run->now)
        run->now = time;
    la_host_advance(run->host, run->now);
    return run_settle(run);
}

bool run_until(struct run *run, int64_t script_ns)
{
    la_time time = run->start + (la_time)script_ns;
    bool is_idle = false;
    while (!is_idle)
        if (!run_step(run, script_ns, &is_idle))
            return false;
    if (time > run->now)
        run->now = time;
    return true;
}

bool run_is_timely(const struct run *run, int64_t earliest, int64_t latest, int64_t since, int64_t actual)
{
    int64_t tolerance = run->settings->tolerance_ns;
    int64_t relative = earliest > since ? (earliest - since) / 1000 * run->settings->tolerance_permille : 0;
    if (relative > tolerance)
        tolerance = relative;
    return actual >= earliest - tolerance && actual <= latest + tolerance;
}
