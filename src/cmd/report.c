#include "report.h"

#include "link/clock.h"
#include "show/counters.h"

#include <stdlib.h>

enum { TEXTS = 4, TEXT_BYTES = 32 };

static char *next_text(void)
{
    static char texts[TEXTS][TEXT_BYTES]; // cppcheck-suppress constVariable ; the callers write to them
    static unsigned next;
    return texts[next++ % TEXTS];
}

const char *human_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    char *text = next_text();
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(text, TEXT_BYTES, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

const char *human_time(la_time nanoseconds)
{
    char *text = next_text();
    double seconds = (double)nanoseconds / 1e9;
    if (seconds < 0.001)
        snprintf(text, TEXT_BYTES, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, TEXT_BYTES, "%.3g ms", seconds * 1e3);
    else
        snprintf(text, TEXT_BYTES, "%.2f s", seconds);
    return text;
}

const char *human_rate(uint64_t bytes, la_time nanoseconds)
{
    char *text = next_text();
    double seconds = (double)nanoseconds / 1e9;
    snprintf(text, TEXT_BYTES, "%.1f MB/s", seconds > 0 ? (double)bytes / 1e6 / seconds : 0.0);
    return text;
}

json_t *report_begin(const struct stage *stage)
{
    return json_pack("{s:s, s:f}", "command", stage->command, "seconds", (double)(clock_now() - stage->began) / 1e9);
}

json_t *report_ended(const uint64_t ended[LA_END_COUNT])
{
    json_t *object = json_object();
    for (unsigned i = 0; i < LA_END_COUNT; i++)
        if (ended[i])
            json_object_set_new(object, la_end_name((enum la_end)i), json_integer((json_int_t)ended[i]));
    return object;
}

/* show/counters.h knows the names; here its object is taken in. */
static void add_counters(json_t *report, const la_host *host)
{
    struct la_counters counters;
    char *text = NULL;
    size_t length = 0;
    la_host_counters(host, &counters);
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    bool written = counters_json(memory, &counters);
    if (fclose(memory) == 0 && written) {
        json_t *counted = json_loads(text, 0, NULL);
        json_object_update(report, counted);
        json_decref(counted);
    }
    free(text);
}

int report_end(json_t *report, const struct stage *stage, FILE *out)
{
    add_counters(report, stage->host);
    int result = json_dumpf(report, out, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    json_decref(report);
    return result == 0 && fputc('\n', out) != EOF && fflush(out) == 0 ? 0 : -1;
}
