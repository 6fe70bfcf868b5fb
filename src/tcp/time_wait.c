#include "time_wait.h"

#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "base/timers.h"
#include "four_tuple.h"

#define BUCKET_ENTRIES 15
#define BUCKET_LOAD    12 /* records a bucket, on average, when the table is full */
#define INDEXED_FROM   16 /* smaller tables are searched from end to end */

/* One cache line. */
struct bucket {
    uint8_t tags[BUCKET_ENTRIES];         /* 0: free */
    uint8_t positions[BUCKET_ENTRIES][3]; /* least octet first */
    uint32_t overflow;                    /* records of this bucket, or before it, that stand behind it */
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct time_wait_record) == 32, "40 octets with two IPv4 addresses");

size_t time_wait_records_bytes(uint32_t capacity, unsigned address_bytes)
{
    return (size_t)capacity * (sizeof(struct time_wait_record) + 2 * (size_t)address_bytes);
}

static uint32_t buckets_for(uint32_t capacity)
{
    return capacity < INDEXED_FROM ? 0 : (capacity + BUCKET_LOAD - 1) / BUCKET_LOAD;
}

size_t time_wait_buckets_bytes(uint32_t capacity)
{
    return (size_t)buckets_for(capacity) * sizeof(struct bucket);
}

void time_wait_init(struct core *core, struct time_wait_table *table, uint32_t capacity, unsigned address_bytes)
{
    la_assert(capacity <= TIME_WAIT_CAPACITY_MAX);
    table->capacity = capacity;
    table->bucket_count = buckets_for(capacity);
    table->tail = 0;
    table->used = 0;
    table->waiting = 0;
    table->address_bytes = (uint8_t)address_bytes;
    table->record_bytes = (uint16_t)(sizeof(struct time_wait_record) + 2 * (size_t)address_bytes);
    table->answer_unit_ms = 1;
    while (2 * (uint64_t)core->config.msl_ms + core->config.rto_min_ms >= (uint64_t)table->answer_unit_ms << 16) {
        la_assert(table->answer_unit_ms < 128);
        table->answer_unit_ms = (uint8_t)(table->answer_unit_ms * 2);
    }
    memset(core_at(core, table->buckets), 0, time_wait_buckets_bytes(capacity));
}

static struct time_wait_record *record_at(const struct core *core, const struct time_wait_table *table,
                                          uint32_t position)
{
    char *records = core_at(core, table->records);
    return (struct time_wait_record *)(void *)(records + (size_t)position * table->record_bytes);
}

static uint32_t position_of(const struct core *core, const struct time_wait_table *table,
                            const struct time_wait_record *record)
{
    const char *records = core_at(core, table->records);
    return (uint32_t)((size_t)((const char *)record - records) / table->record_bytes);
}

/* Its four-tuple, and its wait is not over. */
static bool record_is_for(const struct core *core, const struct time_wait_table *table,
                          const struct time_wait_record *record, const struct four_tuple *tuple)
{
    unsigned bytes = table->address_bytes;
    return record->class != 0 && record->remote_port == tuple->remote->port &&
           record->local_port == tuple->local->port && deadline_before(core->now_ms, record->deadline_ms) &&
           memcmp(record->addresses + bytes, &tuple->remote->address.octets[16 - bytes], bytes) == 0 &&
           memcmp(record->addresses, &tuple->local->address.octets[16 - bytes], bytes) == 0;
}

/* ---- the index ---- */

static struct bucket *bucket_at(const struct core *core, const struct time_wait_table *table, uint32_t number)
{
    struct bucket *buckets = core_at(core, table->buckets);
    return &buckets[number];
}

static uint32_t bucket_after(const struct time_wait_table *table, uint32_t number)
{
    return number + 1 == table->bucket_count ? 0 : number + 1;
}

static uint8_t tag_of(uint32_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag != 0 ? tag : 1;
}

/* A bit for each of eight octets, the first lowest, that is the tag. */
static inline uint32_t octets_that_are(uint8_t tag, const uint8_t *octets)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t differing = load_u64_le(octets) ^ tag * each;
    uint64_t carries = (differing & 0x7f * each) + 0x7f * each; /* into the high bit of each octet that is not 0 */
    uint64_t equal = ~(carries | differing | 0x7f * each) >> 7;
    return (uint32_t)(equal * UINT64_C(0x0102040810204080) >> 56);
}

/* A bit for each entry with this tag. */
static inline uint32_t entries_with(uint8_t tag, const struct bucket *bucket)
{
    return octets_that_are(tag, bucket->tags) | octets_that_are(tag, bucket->tags + BUCKET_ENTRIES - 8)
                                                    << (BUCKET_ENTRIES - 8);
}

static inline unsigned lowest_of(uint32_t entries)
{
    return (unsigned)__builtin_ctz(entries);
}

static inline uint32_t entry_position(const struct bucket *bucket, unsigned entry)
{
    const uint8_t *octets = bucket->positions[entry];
    return octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16;
}

static void set_entry(struct bucket *bucket, unsigned entry, uint8_t tag, uint32_t position)
{
    uint8_t *octets = bucket->positions[entry];
    bucket->tags[entry] = tag;
    octets[0] = (uint8_t)position;
    octets[1] = (uint8_t)(position >> 8);
    octets[2] = (uint8_t)(position >> 16);
}

static void index_add(const struct core *core, const struct time_wait_table *table, uint32_t hash, uint32_t position)
{
    if (table->bucket_count == 0) {
        return;
    }
    uint32_t number = four_tuple_place(hash, table->bucket_count);
    for (uint32_t tried = 0; tried < table->bucket_count; tried++) {
        struct bucket *bucket = bucket_at(core, table, number);
        uint32_t free = entries_with(0, bucket);
        if (free != 0) {
            set_entry(bucket, lowest_of(free), tag_of(hash), position);
            return;
        }
        bucket->overflow++;
        number = bucket_after(table, number);
    }
    la_impossible("the index has room for every record");
}

/* What becomes of a record's entry. */
struct index_change {
    uint32_t position; /* that it has now */
    uint32_t to;       /* where the record stands from now on, or NOWHERE: the entry is free */
};

#define NOWHERE UINT32_MAX

/* The record's entry in this bucket; BUCKET_ENTRIES: it stands behind it. */
static unsigned entry_in(const struct bucket *bucket, uint8_t tag, uint32_t position)
{
    for (uint32_t left = entries_with(tag, bucket); left != 0; left &= left - 1) {
        unsigned entry = lowest_of(left);
        if (entry_position(bucket, entry) == position) {
            return entry;
        }
    }
    return BUCKET_ENTRIES;
}

static void index_change(const struct core *core, const struct time_wait_table *table, uint32_t hash,
                         struct index_change change)
{
    if (table->bucket_count == 0) {
        return;
    }
    uint8_t tag = tag_of(hash);
    uint32_t number = four_tuple_place(hash, table->bucket_count);
    for (uint32_t tried = 0; tried < table->bucket_count; tried++) {
        struct bucket *bucket = bucket_at(core, table, number);
        unsigned entry = entry_in(bucket, tag, change.position);
        if (entry < BUCKET_ENTRIES) {
            set_entry(bucket, entry, change.to == NOWHERE ? 0 : tag, change.to);
            return;
        }
        if (change.to == NOWHERE) {
            la_assert(bucket->overflow > 0);
            bucket->overflow--;
        }
        number = bucket_after(table, number);
    }
    la_impossible("every record is in the index");
}

static struct time_wait_record *search(const struct core *core, const struct time_wait_table *table,
                                       const struct four_tuple *tuple)
{
    for (uint32_t i = 0; i < table->used; i++) {
        struct time_wait_record *record = record_at(core, table, (table->tail + i) % table->capacity);
        if (record_is_for(core, table, record, tuple)) {
            return record;
        }
    }
    return NULL;
}

static struct time_wait_record *look_up(const struct core *core, const struct time_wait_table *table,
                                        const struct four_tuple *tuple)
{
    uint32_t hash = tuple->hash;
    uint32_t number = four_tuple_place(hash, table->bucket_count);
    for (uint32_t tried = 0; tried < table->bucket_count; tried++) {
        const struct bucket *bucket = bucket_at(core, table, number);
        for (uint32_t left = entries_with(tag_of(hash), bucket); left != 0; left &= left - 1) {
            struct time_wait_record *record = record_at(core, table, entry_position(bucket, lowest_of(left)));
            if (record_is_for(core, table, record, tuple)) {
                return record;
            }
        }
        if (bucket->overflow == 0) {
            break;
        }
        number = bucket_after(table, number);
    }
    return NULL;
}

struct time_wait_record *time_wait_find(const struct core *core, const struct time_wait_table *table,
                                        const struct four_tuple *tuple)
{
    if (table->used == 0) {
        return NULL;
    }
    return table->bucket_count == 0 ? search(core, table, tuple) : look_up(core, table, tuple);
}

/* ---- a record's life ---- */

void time_wait_endpoints(const struct time_wait_table *table, const struct time_wait_record *record,
                         struct la_endpoint *local, struct la_endpoint *remote)
{
    unsigned bytes = table->address_bytes;
    *local = (struct la_endpoint){la_address_ipv4(0, 0, 0, 0), record->local_port};
    *remote = (struct la_endpoint){la_address_ipv4(0, 0, 0, 0), record->remote_port};
    memcpy(&local->address.octets[16 - bytes], record->addresses, bytes);
    memcpy(&remote->address.octets[16 - bytes], record->addresses + bytes, bytes);
}

static uint32_t record_hash(const struct core *core, const struct time_wait_table *table,
                            const struct time_wait_record *record)
{
    struct la_endpoint local;
    struct la_endpoint remote;
    if (table->address_bytes == 4) {
        return four_tuple_hash_ipv4(core, load_u32(record->addresses), load_u32(record->addresses + 4),
                                    record->local_port, record->remote_port);
    }
    time_wait_endpoints(table, record, &local, &remote);
    return four_tuple_hash(core, &local, &remote);
}

la_time time_wait_until(const struct core *core, const struct time_wait_record *record)
{
    return core_time_of(core, record->deadline_ms);
}

static bool is_over(const struct core *core, const struct time_wait_record *record)
{
    return !deadline_before(core->now_ms, record->deadline_ms);
}

/* Places count from the oldest. */
static uint32_t position_at(const struct time_wait_table *table, uint32_t place)
{
    uint32_t position = table->tail + place;
    return position >= table->capacity ? position - table->capacity : position;
}

struct time_wait_record *time_wait_at(const struct core *core, const struct time_wait_table *table, uint32_t place)
{
    struct time_wait_record *record = record_at(core, table, position_at(table, place));
    return record->class == 0 || is_over(core, record) ? NULL : record;
}

la_time time_wait_local_until(const struct core *core, const struct time_wait_table *table,
                              const struct la_endpoint *local)
{
    la_time last = 0;
    for (uint32_t i = 0; i < table->used; i++) {
        const struct time_wait_record *record = time_wait_at(core, table, i);
        struct la_endpoint ends[2];
        if (record == NULL || !record_waits(record) || record->local_port != local->port) {
            continue;
        }
        time_wait_endpoints(table, record, &ends[0], &ends[1]);
        la_time until = time_wait_until(core, record);
        if (endpoint_meets(&ends[0], local) && until > last) {
            last = until;
        }
    }
    return last;
}

void time_wait_record_event(struct core *core, const struct time_wait_table *table,
                            const struct time_wait_record *record, enum la_wait_event what)
{
    struct la_trace *trace = core_trace(core, LA_TRACE_TIME_WAIT);
    if (trace == NULL) {
        return;
    }
    trace->detail = (uint8_t)what;
    trace->deadline = time_wait_until(core, record);
    trace->sequence = record->snd_nxt.v;
    trace->acknowledgment = record->rcv_nxt.v;
    trace->window_bytes = (uint32_t)record->window << record->scale;
    trace->from = record_waits(record) ? LA_TIME_WAIT : LA_CLOSED;
    trace->to = trace->from;
    trace->flags = what == LA_WAIT_EVICTED ? (uint8_t)time_wait_risk(core, record) : 0;
    trace->interface = record->interface;
    time_wait_endpoints(table, record, &trace->local, &trace->remote);
}

static void count_end(struct core *core, enum la_wait_event why)
{
    switch (why) {
    case LA_WAIT_EVICTED: core_count(core, LA_COUNT_WAIT_EVICTED); break;
    case LA_WAIT_EXPIRED: core_count(core, LA_COUNT_WAIT_EXPIRED); break;
    case LA_WAIT_REOPENED: core_count(core, LA_COUNT_WAIT_REOPENED); break;
    case LA_WAIT_REUSED: core_count(core, LA_COUNT_WAIT_REUSED); break;
    case LA_WAIT_RESET: core_count(core, LA_COUNT_WAIT_RESET); break;
    case LA_WAIT_ENTERED:
    case LA_WAIT_KEPT:
    case LA_WAIT_ANSWERED:
    case LA_WAIT_RESTARTED:
    case LA_WAIT_SHADOWED:
    case LA_WAIT_RESTORED: la_impossible("no way for a record to end");
    }
}

static void pass_tail(struct time_wait_table *table)
{
    table->tail = table->tail + 1 == table->capacity ? 0 : table->tail + 1;
    table->used--;
}

/* Leaves a hole. */
static void take_out(struct core *core, struct time_wait_table *table, uint32_t position, enum la_wait_event why)
{
    struct time_wait_record *record = record_at(core, table, position);
    if (record_waits(record)) {
        count_end(core, why);
        la_assert(table->waiting > 0);
        table->waiting--;
    }
    time_wait_trace(core, table, record, why);
    const struct index_change gone = {position, NOWHERE};
    index_change(core, table, record_hash(core, table, record), gone);
    record->class = 0;
}

static void end_at(struct core *core, struct time_wait_table *table, uint32_t position, enum la_wait_event why)
{
    take_out(core, table, position, why);
    if (position == table->tail) {
        pass_tail(table);
    }
}

void time_wait_end(struct core *core, struct time_wait_table *table, struct time_wait_record *record,
                   enum la_wait_event why)
{
    end_at(core, table, position_of(core, table, record), why);
}

static uint32_t head_of(const struct time_wait_table *table)
{
    return position_at(table, table->used);
}

/* The oldest leaves the tail for a place that is free. */
static void move_tail(struct core *core, struct time_wait_table *table, uint32_t to)
{
    uint32_t from = table->tail;
    struct time_wait_record *record = record_at(core, table, from);
    if (to != from) {
        const struct index_change moved = {from, to};
        index_change(core, table, record_hash(core, table, record), moved);
        memcpy(record_at(core, table, to), record, table->record_bytes);
        record->class = 0;
    }
}

static uint16_t answer_clock(const struct core *core, const struct time_wait_table *table)
{
    return (uint16_t)(core->now_ms / table->answer_unit_ms);
}

/* So long no second ACK from a record. One unit more than the limit: the two times are rounded down. */
static uint16_t answer_limit(const struct core *core, const struct time_wait_table *table)
{
    return (uint16_t)(core->config.rto_min_ms / 2 / table->answer_unit_ms + (table->answer_unit_ms > 1 ? 1 : 0));
}

static uint16_t since_answered(const struct core *core, const struct time_wait_table *table,
                               const struct time_wait_record *record)
{
    return (uint16_t)(answer_clock(core, table) - record->answered);
}

/* Its place in the order was wrong: it goes behind the others. Where the wait is longer than 2 MSL, the time of its
   last answer would come round if nobody looked at it. */
static void append_again(struct core *core, struct time_wait_table *table)
{
    struct time_wait_record *record = record_at(core, table, table->tail);
    record->is_moved = false;
    record->was_answered &= since_answered(core, table, record) < answer_limit(core, table);
    uint32_t to = table->used == table->capacity ? table->tail : head_of(table);
    move_tail(core, table, to);
    table->tail = table->tail + 1 == table->capacity ? 0 : table->tail + 1;
}

/* One step at the tail: false if there is nothing to do. */
static bool advance_tail(struct core *core, struct time_wait_table *table)
{
    if (table->used == 0) {
        return false;
    }
    struct time_wait_record *record = record_at(core, table, table->tail);
    if (record->class == 0) {
        pass_tail(table);
    } else if (is_over(core, record)) {
        end_at(core, table, table->tail, LA_WAIT_EXPIRED);
    } else if (record->is_moved) {
        append_again(core, table);
    } else {
        return false;
    }
    return true;
}

void time_wait_advance(struct core *core, struct time_wait_table *table, unsigned steps)
{
    while (steps > 0 && advance_tail(core, table)) {
        steps--;
    }
}

la_time time_wait_deadline(const struct core *core, const struct time_wait_table *table)
{
    if (table->used == 0) {
        return LA_TIME_NEVER;
    }
    const struct time_wait_record *record = record_at(core, table, table->tail);
    return record->class == 0 || record->is_moved ? core->now : time_wait_until(core, record);
}

/* What a wait is at most, however slow the peer: that of the largest MSL. */
#define WAIT_MAX_MS 4000000

void time_wait_shorten(const struct core *core, struct time_wait_record *record, uint32_t msl_ms)
{
    record->span = span_for(core, msl_ms) & 3U;
    record->deadline_ms = core->now_ms_up + span_ms(core, record->span);
}

void time_wait_begins(const struct core *core, struct time_wait_record *record, uint32_t rto_ms)
{
    uint64_t least_ms = core->config.time_wait_rtos * (uint64_t)rto_ms;
    uint64_t wait_ms = span_ms(core, record->span);
    while (record->span != SPAN_WHOLE && wait_ms < least_ms) {
        record->span = (record->span - 1U) & 3U;
        wait_ms = span_ms(core, record->span);
    }
    if (wait_ms < least_ms) {
        wait_ms = least_ms < WAIT_MAX_MS ? least_ms : WAIT_MAX_MS;
        record->span = SPAN_LONGER;
        record->is_moved = true;
    }
    record->deadline_ms = core->now_ms_up + (uint32_t)wait_ms;
}

/* ---- a full table ---- */

/* The last ACK seems to have arrived when nothing has come for so long: a peer whose FIN it did not reach repeats that
   after 1, 2 and 4 s (RFC 6298, RFC 9293 3.8.1). */
#define SETTLED_MS 8000

/* Since it came, or since the peer's FIN came again. */
static uint32_t age_ms(const struct core *core, const struct time_wait_record *record)
{
    uint32_t left_ms = record->deadline_ms - core->now_ms;
    uint32_t wait_ms = span_ms(core, record->span);
    return record->span != SPAN_LONGER && left_ms < wait_ms ? wait_ms - left_ms : 0;
}

enum la_wait_risk time_wait_risk(const struct core *core, const struct time_wait_record *record)
{
    if (!record_waits(record)) {
        return LA_RISK_NUMBERS;
    }
    if (age_ms(core, record) < SETTLED_MS) {
        return LA_RISK_LAST_ACK;
    }
    return record->timestamps ? LA_RISK_NONE : LA_RISK_OLD_SEGMENTS;
}

/* What it costs to do without a record: less goes first. */
static unsigned cost(const struct core *core, const struct time_wait_record *record)
{
    switch (time_wait_risk(core, record)) {
    case LA_RISK_NUMBERS: return 1;
    case LA_RISK_NONE: return 2;
    case LA_RISK_OLD_SEGMENTS: return 3;
    case LA_RISK_LAST_ACK: return 4;
    }
    la_impossible("every record has one of the risks");
    return 0;
}

#define NOT_TO_GO 5
#define CHOICE    8 /* so many of the oldest are compared, and so many from all over the ring */

static unsigned price_at(const struct core *core, const struct time_wait_table *table, uint32_t place)
{
    const struct time_wait_record *record = record_at(core, table, position_at(table, place));
    if (record->class == 0 || is_over(core, record)) {
        return 0;
    }
    return record->is_shadowed ? NOT_TO_GO : cost(core, record);
}

/* Who may have to go: a place, and what it costs. */
struct victim {
    uint32_t place;
    unsigned price;
};

static void consider(const struct core *core, const struct time_wait_table *table, uint32_t place,
                     struct victim *victim)
{
    unsigned price = price_at(core, table, place);
    if (price < victim->price) {
        *victim = (struct victim){place, price};
    }
}

/* The cheapest of the oldest; those that are in a shadow are passed over, and not counted. */
static struct victim among_the_oldest(const struct core *core, const struct time_wait_table *table)
{
    struct victim victim = {0, NOT_TO_GO};
    uint32_t passed = 0;
    for (uint32_t place = 0; place < table->used && place < CHOICE + passed; place++) {
        passed += price_at(core, table, place) == NOT_TO_GO;
        consider(core, table, place, &victim);
    }
    return victim;
}

/* What is old need not be what is over: there are holes behind a wait that lasts, and shorter waits behind longer ones.
   Places that lie as far apart as they can, so that a stretch of an eighth of the ring is not missed. */
static void among_all(const struct core *core, const struct time_wait_table *table, uint32_t hash,
                      struct victim *victim)
{
    uint32_t first = four_tuple_place(hash, table->used);
    for (uint32_t looked = 0; looked < CHOICE && victim->price > 0; looked++) {
        uint32_t place = first + (uint32_t)((uint64_t)looked * table->used / CHOICE);
        consider(core, table, place < table->used ? place : place - table->used, victim);
    }
}

/* Room for one more: what is over first, then the safest of those that are looked at, whose place the oldest takes.
   What is in somebody's shadow stays: there are no more of those than connections that are being opened. */
static bool make_room(struct core *core, struct time_wait_table *table, uint32_t hash, enum la_wait_class class)
{
    if (table->used < table->capacity) {
        return true;
    }
    time_wait_advance(core, table, 2);
    if (table->used < table->capacity) {
        return true;
    }
    struct victim victim = among_the_oldest(core, table);
    among_all(core, table, hash, &victim);
    if (table->used == 0 || victim.price > (class == LA_CLASS_WAITING ? 4U : 1U)) {
        return false;
    }
    uint32_t position = position_at(table, victim.place);
    if (record_at(core, table, position)->class != 0) {
        take_out(core, table, position, victim.price == 0 ? LA_WAIT_EXPIRED : LA_WAIT_EVICTED);
    }
    move_tail(core, table, position);
    pass_tail(table);
    return true;
}

struct time_wait_record *time_wait_append(struct core *core, struct time_wait_table *table,
                                          const struct four_tuple *tuple, enum la_wait_class class)
{
    if (!make_room(core, table, tuple->hash, class)) {
        return NULL;
    }
    uint32_t position = head_of(table);
    struct time_wait_record *record = record_at(core, table, position);
    unsigned bytes = table->address_bytes;
    memset(record, 0, sizeof *record);
    record->class = (uint8_t) class & 3U;
    record->answered = answer_clock(core, table);
    record->deadline_ms = core->now_ms_up + 2 * core->config.msl_ms;
    record->local_port = tuple->local->port;
    record->remote_port = tuple->remote->port;
    memcpy(record->addresses, &tuple->local->address.octets[16 - bytes], bytes);
    memcpy(record->addresses + bytes, &tuple->remote->address.octets[16 - bytes], bytes);
    table->used++;
    table->waiting += class == LA_CLASS_WAITING;
    index_add(core, table, tuple->hash, position);
    return record;
}

void time_wait_restart(struct core *core, struct time_wait_table *table, struct time_wait_record *record,
                       uint32_t rto_ms)
{
    if (record->restarts >= core->config.time_wait_restarts) {
        core_count(core, LA_COUNT_WAIT_RESTARTS_CAPPED);
        return;
    }
    record->restarts++;
    record->span = record->span == SPAN_LONGER ? SPAN_WHOLE : record->span;
    record->is_moved = true;
    time_wait_begins(core, record, rto_ms);
    core_count(core, LA_COUNT_WAIT_RESTARTED);
    time_wait_trace(core, table, record, LA_WAIT_RESTARTED);
}

uint32_t time_wait_silence_ms(const struct core *core, const struct time_wait_table *table,
                              const struct time_wait_record *record)
{
    return (uint32_t)since_answered(core, table, record) * table->answer_unit_ms;
}

bool time_wait_may_answer(const struct core *core, const struct time_wait_table *table, struct time_wait_record *record)
{
    if (record->was_answered && since_answered(core, table, record) < answer_limit(core, table)) {
        return false;
    }
    record->was_answered = true;
    record->answered = answer_clock(core, table);
    record->answers = record->answers < RECORD_ANSWERS_MOST ? (record->answers + 1U) & 7U : RECORD_ANSWERS_MOST;
    return true;
}
