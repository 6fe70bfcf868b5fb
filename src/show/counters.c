#include "counters.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

struct gauge {
    const char *name;
    uint64_t value;
};

enum { GAUGES = 6 };

static void gauges_of(const struct la_counters *counters, struct gauge gauges[GAUGES])
{
    const struct gauge list[GAUGES] = {
        {"connections", counters->connections},     {"connectionsOrphaned", counters->connections_orphaned},
        {"timeWaitIpv4", counters->time_wait_ipv4}, {"timeWaitIpv6", counters->time_wait_ipv6},
        {"bufferPieces", counters->buffer_pieces},  {"replyBytes", counters->reply_bytes}};
    memcpy(gauges, list, sizeof list);
}

static void line(FILE *file, const char *name, const char *of, uint64_t value)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s%s", name, of);
    if (value != 0)
        fprintf(file, "%-36s %12" PRIu64 "\n", whole, value);
}

void counters_text(FILE *file, const struct la_counters *counters, const struct la_counters *earlier)
{
    static const struct la_counters zero;
    const struct la_counters *before = earlier != NULL ? earlier : &zero;
    struct gauge gauges[GAUGES];
    for (int i = 0; i < LA_COUNTER_COUNT; i++)
        line(file, la_counter_name((enum la_counter)i), "", counters->counter[i] - before->counter[i]);
    for (int i = 1; i < LA_DROP_COUNT; i++)
        line(file, "dropped: ", la_drop_name((enum la_drop)i), counters->dropped[i] - before->dropped[i]);
    gauges_of(counters, gauges);
    for (int i = 0; i < GAUGES; i++)
        line(file, "now: ", gauges[i].name, gauges[i].value);
}

/* Octets and packets stay below 2^63 in any life of a host: JSON's integers, here, are signed. */
static void set(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

bool counters_json(FILE *file, const struct la_counters *counters)
{
    struct gauge gauges[GAUGES];
    json_t *counter = json_object();
    json_t *dropped = json_object();
    json_t *gauge = json_object();
    json_t *whole = json_object();
    for (int i = 0; i < LA_COUNTER_COUNT; i++)
        set(counter, la_counter_name((enum la_counter)i), counters->counter[i]);
    for (int i = 1; i < LA_DROP_COUNT; i++) {
        if (counters->dropped[i] != 0)
            set(dropped, la_drop_name((enum la_drop)i), counters->dropped[i]);
    }
    gauges_of(counters, gauges);
    for (int i = 0; i < GAUGES; i++)
        set(gauge, gauges[i].name, gauges[i].value);
    bool made = json_object_set_new(whole, "counters", counter) == 0;
    made = json_object_set_new(whole, "dropped", dropped) == 0 && made;
    made = json_object_set_new(whole, "gauges", gauge) == 0 && made;
    bool written = made && json_dumpf(whole, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF;
    json_decref(whole);
    return written;
}
