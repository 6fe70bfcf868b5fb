#include "core.h"

#include <string.h>

#include "assert.h"

static struct la_trace *trace_at(const struct core *core, uint32_t position)
{
    struct la_trace *records = core_at(core, core->trace.offset);
    return &records[position];
}

struct la_trace *core_trace(struct core *core, enum la_trace_kind kind)
{
    struct trace_ring *ring = &core->trace;
    const uint32_t capacity = core->config.trace_records;
    if (!core_traces(core, kind) || capacity == 0) {
        return NULL;
    }
    if (ring->count == capacity) {
        core_count(core, LA_COUNT_TRACE_LOST);
        return NULL;
    }
    struct la_trace *record = trace_at(core, (ring->first + ring->count) % capacity);
    ring->count++;
    memset(record, 0, sizeof *record);
    record->kind = (uint8_t)kind;
    record->time = core->now;
    return record;
}

struct la_trace *core_drop(struct core *core, enum la_drop why)
{
    la_assert(why < CORE_DROP_COUNT);
    core->dropped[why]++;
    struct la_trace *record = core_trace(core, LA_TRACE_DROPPED);
    if (record != NULL) {
        record->detail = (uint8_t)why;
    }
    return record;
}

size_t core_trace_take(struct core *core, struct la_trace *records, size_t count)
{
    struct trace_ring *ring = &core->trace;
    size_t taken = 0;
    while (taken < count && ring->count > 0) {
        records[taken++] = *trace_at(core, ring->first);
        ring->first = (ring->first + 1) % core->config.trace_records;
        ring->count--;
    }
    return taken;
}
