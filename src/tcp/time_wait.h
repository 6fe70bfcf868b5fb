#ifndef TCP_TIME_WAIT_H
#define TCP_TIME_WAIT_H

#include <lastack/waits.h>

#include "base/cold.h"
#include "base/core.h"
#include "base/seq.h"
#include "four_tuple.h"
#include "wire/tcp.h"

/* TIME-WAIT is a log. Records of one duration expire in the order in which they came, so they are kept as a ring:
   appended at the head, expired at the tail, found through an index of tagged positions. Nothing is armed, linked or
   freed. A restart moves the deadline in place; a record that was moved is appended again when it reaches the tail. A
   record that is taken from the middle leaves a hole, which counts against the capacity until the tail passes it. A
   lookup checks the deadline: a record is over when its time is, wherever it stands in the ring; one whose wait is
   shorter than the others' keeps its place until the tail passes it or somebody needs it (ADR 0062). Where there is no
   room, what is over goes, or else the safest of those that are looked at (enum la_wait_risk): some of the oldest, and
   some from all over the ring.

   Not all records wait. Two classes only remember where an incarnation ended, so that our next one on the four-tuple
   keeps clear of it (ADR 0061); their segments are answered as in CLOSED.

   Memory, all in: 40 octets an IPv4 record (64 IPv6) and 64 octets an index bucket for each 12 records: 45.3 and 69.3.

   The index: buckets of one cache line, 15 entries and the number of records that wanted this bucket and found it
   full; those stand in the buckets behind it. An entry is a position in 24 bits and a tag of 8 bits of the hash. All
   tags of a bucket are compared at once, and nearly always one miss finds the bucket and one the record. */

struct time_wait_record {
    struct seq snd_nxt;
    struct seq rcv_nxt;
    uint32_t ts_recent;
    uint32_t last_tsval; /* the last that we sent */
    uint32_t deadline_ms;
    uint16_t local_port;
    uint16_t remote_port;
    uint16_t window;   /* the window field of our last segment */
    uint16_t answered; /* time of the last ACK, first of its coming, in the table's answer_unit_ms */
    uint8_t restarts;
    uint8_t interface;
    uint8_t scale : 4; /* of window */
    uint8_t class : 2; /* enum la_wait_class; 0: a hole */
    bool timestamps : 1;
    bool was_answered : 1; /* by an ACK, not so long ago that `answered` has come round */
    bool is_moved : 1;     /* its deadline is later than its place says */
    bool is_shadowed : 1;  /* a new incarnation owns it, and may give it back (shadow.h) */
    uint8_t span : 2;      /* enum span */
    uint8_t answers : 3;   /* ACKs sent, RECORD_ANSWERS_MOST at most */
    uint8_t way : 1;       /* enum la_wait_way */
    uint8_t addresses[];   /* local, remote: 4 octets each, or 16 */
};

#define RECORD_ANSWERS_MOST 7

/* How long a record's wait is, as a class: 2 MSL, a quarter of it, a sixteenth, or longer than 2 MSL. */
enum span { SPAN_WHOLE, SPAN_QUARTER, SPAN_SIXTEENTH, SPAN_LONGER };

/* Of a class that has one. */
static inline uint32_t span_ms(const struct core *core, unsigned span)
{
    return 2 * core->config.msl_ms >> 2 * span;
}

/* The shortest class that lasts two of these MSLs, at most config's. */
static inline unsigned span_for(const struct core *core, uint32_t msl_ms)
{
    unsigned span = SPAN_SIXTEENTH;
    while (span != SPAN_WHOLE && span_ms(core, span) < 2 * msl_ms) {
        span--;
    }
    return span;
}

struct time_wait_table {
    uint32_t records; /* offsets in CORE_UNITs from the core */
    uint32_t buckets;
    uint32_t capacity;
    uint32_t bucket_count;
    uint32_t tail;    /* position of the oldest */
    uint32_t used;    /* from the tail on, holes included */
    uint32_t waiting; /* of LA_CLASS_WAITING */
    uint16_t record_bytes;
    uint8_t address_bytes;  /* 4, 16 */
    uint8_t answer_unit_ms; /* so that 16 bits of it are longer than any wait */
};

#define TIME_WAIT_CAPACITY_MAX ((UINT32_C(1) << 24) - 2)

size_t time_wait_records_bytes(uint32_t capacity, unsigned address_bytes);
size_t time_wait_buckets_bytes(uint32_t capacity);

/* The offsets are set; address_bytes is 4 or 16. */
void time_wait_init(struct core *core, struct time_wait_table *table, uint32_t capacity, unsigned address_bytes);

/* It waits, and does not only remember. */
static inline bool record_waits(const struct time_wait_record *record)
{
    return record->class == LA_CLASS_WAITING;
}

/* The four-tuple's record, of whatever class, that is not over; NULL if there is none. */
struct time_wait_record *time_wait_find(const struct core *core, const struct time_wait_table *table,
                                        const struct four_tuple *tuple);

/* A new record for a four-tuple that has none, cleared but for addresses, ports, class and times: it ends 2 MSL from
   now. When the table is full, the safest of those looked at goes, counted and traced as evicted with the risk that is
   taken. NULL if nothing may go: what is in a shadow, and, for a record that only remembers, what waits. */
struct time_wait_record *time_wait_append(struct core *core, struct time_wait_table *table,
                                          const struct four_tuple *tuple, enum la_wait_class class);

/* A new record's wait is of the shortest class that lasts two of these MSLs, at most config's. */
COLD void time_wait_shorten(const struct core *core, struct time_wait_record *record, uint32_t msl_ms);

/* Its wait begins now: it lasts as its class says, and config.time_wait_rtos times this RTO at least, so that the peer
   has time to repeat its FIN. */
COLD void time_wait_begins(const struct core *core, struct time_wait_record *record, uint32_t rto_ms);

/* The peer's FIN again, from a peer with about this RTO: the wait begins again. */
void time_wait_restart(struct core *core, struct time_wait_table *table, struct time_wait_record *record,
                       uint32_t rto_ms);

/* The record ends; why: counted and traced. */
void time_wait_end(struct core *core, struct time_wait_table *table, struct time_wait_record *record,
                   enum la_wait_event why);

/* Expires and moves up to `steps` records at the tail. */
void time_wait_advance(struct core *core, struct time_wait_table *table, unsigned steps);

/* When time_wait_advance has something to do. */
la_time time_wait_deadline(const struct core *core, const struct time_wait_table *table);

/* For how long it has been silent: since its last ACK, or since it came. */
uint32_t time_wait_silence_ms(const struct core *core, const struct time_wait_table *table,
                              const struct time_wait_record *record);

/* May this record answer now? At most one ACK in half a minimum RTO, the first always; a yes is noted. */
bool time_wait_may_answer(const struct core *core, const struct time_wait_table *table,
                          struct time_wait_record *record);

void time_wait_endpoints(const struct time_wait_table *table, const struct time_wait_record *record,
                         struct la_endpoint *local, struct la_endpoint *remote);

COLD void time_wait_record_event(struct core *core, const struct time_wait_table *table,
                                 const struct time_wait_record *record, enum la_wait_event what);

static inline void time_wait_trace(struct core *core, const struct time_wait_table *table,
                                   const struct time_wait_record *record, enum la_wait_event what)
{
    if (core_traces(core, LA_TRACE_TIME_WAIT)) {
        time_wait_record_event(core, table, record, what);
    }
}

/* When the last wait at a local port, at that address or at any, is over: 0 if there is none. Looks at all of them. */
la_time time_wait_local_until(const struct core *core, const struct time_wait_table *table,
                              const struct la_endpoint *local);

/* What is risked if it ends now. */
enum la_wait_risk time_wait_risk(const struct core *core, const struct time_wait_record *record);

/* The deadline on the host's clock. */
la_time time_wait_until(const struct core *core, const struct time_wait_record *record);

/* The record at this place, counted from the oldest, or NULL: a hole, or it is over. Places end at table->used. */
struct time_wait_record *time_wait_at(const struct core *core, const struct time_wait_table *table, uint32_t place);

#endif
