#ifndef BASE_CORE_H
#define BASE_CORE_H

#include <lastack/lastack.h>

#include "cold.h"
#include "replies.h"

/* What the layers of one host share: its config, the frozen time, counters, trace and the queue of replies. Arrays
   lie behind it at offsets that count from the core itself: no pointer is kept. */
struct trace_ring {
    uint32_t offset; /* of struct la_trace[config.trace_records], in CORE_UNITs from the core */
    uint32_t first;  /* oldest record */
    uint32_t count;
};

/* What is counted of fragments and of Ethernet, the last of each enum, lies with ip/reassembly.h and ip/neighbour.h: a
   host that takes none has no room for it. */
#define CORE_COUNTER_COUNT LA_COUNT_REASSEMBLY_REQUIRED
#define CORE_DROP_COUNT    LA_DROP_FRAGMENT_LENGTH
#define FRAGMENT_DROP_END  LA_DROP_ETHERNET

/* What all layers know of an interface. */
struct interface {
    uint16_t mtu;
    bool is_ethernet;
};

struct core {
    struct la_config config;
    struct trace_ring trace;
    uint32_t interfaces; /* offset of struct interface[config.interfaces], in CORE_UNITs */
    la_time now;
    uint32_t now_ms;       /* now in milliseconds, on a circle of 2^32: the clock of timers and timestamps */
    uint32_t now_ms_up;    /* the same, rounded up: what deadlines count from, so that nothing fires early */
    uint64_t table_key[3]; /* drawn from config.key: the tables' hash */
    uint64_t wide[LA_COUNTER_WIDE_COUNT];                         /* by enum la_counter: the first of them */
    uint32_t counter[CORE_COUNTER_COUNT - LA_COUNTER_WIDE_COUNT]; /* the others */
    uint32_t dropped[CORE_DROP_COUNT];
    uint32_t quiet_until_ms; /* RFC 9293 3.4.3; 0: nothing forbids to begin any more */
    struct replies replies;
};

/* Offsets count in units of 8 octets, so that 32 bits reach 32 GiB. */
#define CORE_UNIT 8

/* Time stands still from here until the next call, and never goes back. */
static inline void core_set_time(struct core *core, la_time now)
{
    if (now > core->now) {
        core->now = now;
        core->now_ms = (uint32_t)(now / LA_MILLISECOND);
        core->now_ms_up = (uint32_t)((now + LA_MILLISECOND - 1) / LA_MILLISECOND);
    }
}

/* No segment with a new sequence number may leave: config.quiet_time_ms. */
static inline bool core_is_quiet(const struct core *core)
{
    return core->quiet_until_ms != 0 && (int32_t)(core->quiet_until_ms - core->now_ms) > 0;
}

/* The time of a deadline, which lies within 2^31 milliseconds of now. */
static inline la_time core_time_of(const struct core *core, uint32_t deadline_ms)
{
    int64_t ahead_ms = (int32_t)(deadline_ms - core->now_ms);
    return (core->now / LA_MILLISECOND + (uint64_t)ahead_ms) * LA_MILLISECOND;
}

static inline void *core_at(const struct core *core, uint32_t offset)
{
    return (char *)(uintptr_t)core + (size_t)offset * CORE_UNIT;
}

static inline struct interface *core_interface(const struct core *core, unsigned number)
{
    return (struct interface *)core_at(core, core->interfaces) + number;
}

static inline void core_add(struct core *core, enum la_counter counter, uint32_t n)
{
    if (counter < LA_COUNTER_WIDE_COUNT) {
        core->wide[counter] += n;
    } else {
        core->counter[counter - LA_COUNTER_WIDE_COUNT] += n;
    }
}

static inline void core_count(struct core *core, enum la_counter counter)
{
    core_add(core, counter, 1);
}

/* The mask is 0 where there is no ring: la_host_init sees to it. */
static inline bool core_traces(const struct core *core, enum la_trace_kind kind)
{
    return (core->config.trace_mask & LA_TRACE_BIT(kind)) != 0;
}

/* The next free record, cleared, with kind and time filled in; NULL if this kind is not traced or the ring is full
   (which is counted). */
COLD struct la_trace *core_trace(struct core *core, enum la_trace_kind kind);

/* Counts the drop; its trace record for the caller to complete, or NULL. */
COLD struct la_trace *core_drop(struct core *core, enum la_drop why);

/* Takes up to count records out of the ring. */
size_t core_trace_take(struct core *core, struct la_trace *records, size_t count);

#endif
