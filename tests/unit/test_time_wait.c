#include "support.h"

#include <lastack/lastack.h>

#include "base/address.h"
#include "host/host.h"

/* The table of TIME-WAIT records against a plain list of what it must do: append at the head, expire at the tail, find
   anywhere, leave holes, evict the safest of the oldest. */

enum { CAPACITY_MOST = 400, TUPLES_MOST = 1600, WAIT_MS = 60000 };

struct entry {
    uint32_t tuple;
    uint32_t hash;
    uint32_t tag;
    la_time deadline;
    bool is_hole;
    bool is_moved;
    bool timestamps;
    enum la_wait_class class;
};

struct model {
    struct entry entries[CAPACITY_MOST]; /* oldest first, holes included */
    uint32_t count;
    uint32_t capacity;
    uint64_t expired;
    uint64_t evicted;
    uint64_t reopened;
};

static void model_pop(struct model *m)
{
    m->count--;
    memmove(&m->entries[0], &m->entries[1], m->count * sizeof m->entries[0]);
}

static void model_advance(struct model *m, la_time now, unsigned steps)
{
    for (; steps > 0 && m->count > 0; steps--) {
        struct entry oldest = m->entries[0];
        bool is_due = !oldest.is_hole && oldest.deadline <= now;
        if (!oldest.is_hole && !is_due && !oldest.is_moved) {
            return;
        }
        model_pop(m);
        m->expired += is_due && oldest.class == LA_CLASS_WAITING;
        if (!oldest.is_hole && !is_due) {
            oldest.is_moved = false;
            m->entries[m->count++] = oldest;
        }
    }
}

/* 0: nobody misses it; TIME-WAIT.md's order. */
static unsigned model_price(const struct entry *entry, la_time now)
{
    if (entry->is_hole || entry->deadline <= now) {
        return 0;
    }
    if (entry->class != LA_CLASS_WAITING) {
        return 1;
    }
    bool is_young = entry->deadline - now > (WAIT_MS - 8000) * LA_MILLISECOND;
    return is_young ? 4 : entry->timestamps ? 2 : 3;
}

/* The cheapest of the eight oldest, and of eight from all over. */
static bool model_make_room(struct model *m, la_time now, const struct entry *entry)
{
    enum la_wait_class class = entry->class;
    uint32_t victim = 0;
    for (uint32_t i = 1; i < m->count && i < 8; i++) {
        victim = model_price(&m->entries[i], now) < model_price(&m->entries[victim], now) ? i : victim;
    }
    for (uint64_t i = 0; m->count > 0 && i < 8; i++) {
        uint64_t first = (uint64_t)entry->hash * m->count >> 32;
        uint32_t place = (uint32_t)((first + i * m->count / 8) % m->count);
        victim = model_price(&m->entries[place], now) < model_price(&m->entries[victim], now) ? place : victim;
    }
    struct entry *gone = &m->entries[victim];
    if (m->count == 0 || (class != LA_CLASS_WAITING && model_price(gone, now) > 1)) {
        return false;
    }
    if (!gone->is_hole && gone->class == LA_CLASS_WAITING) {
        m->expired += gone->deadline <= now;
        m->evicted += gone->deadline > now;
    }
    *gone = m->entries[0];
    model_pop(m);
    return true;
}

static bool model_append(struct model *m, la_time now, const struct entry *entry)
{
    if (m->count == m->capacity) {
        model_advance(m, now, 2);
    }
    if (m->count == m->capacity && !model_make_room(m, now, entry)) {
        return false;
    }
    m->entries[m->count++] = *entry;
    return true;
}

static struct entry *model_find(struct model *m, la_time now, uint32_t tuple)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct entry *entry = &m->entries[i];
        if (!entry->is_hole && entry->tuple == tuple && entry->deadline > now) {
            return entry;
        }
    }
    return NULL;
}

static void model_end(struct model *m, struct entry *entry)
{
    m->reopened += entry->class == LA_CLASS_WAITING;
    entry->is_hole = true;
    if (entry == &m->entries[0]) {
        model_pop(m);
    }
}

static uint32_t model_waiting(const struct model *m)
{
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        waiting += !m->entries[i].is_hole && m->entries[i].class == LA_CLASS_WAITING;
    }
    return waiting;
}

/* ---- the table ---- */

struct bench {
    struct model model;
    struct la_host *host;
    struct time_wait_table *table;
    uint64_t random;
    uint32_t tuples;
    uint32_t next_tag;
    bool ipv6;
};

static struct la_address address_of(const struct bench *b, uint32_t number)
{
    struct la_address address = la_address_ipv4(10, 0, (uint8_t)(number >> 8), (uint8_t)number);
    if (b->ipv6) {
        address.octets[0] = 0x20;
    }
    return address;
}

/* Tuples differ in one field only, each in another one. */
static void endpoints_of(const struct bench *b, uint32_t tuple, struct la_endpoint *local, struct la_endpoint *remote)
{
    uint32_t part = tuple / 4 + 10;
    *local =
        (struct la_endpoint){address_of(b, tuple % 4 == 0 ? part : 1), (uint16_t)(tuple % 4 == 1 ? part + 2000 : 80)};
    *remote =
        (struct la_endpoint){address_of(b, tuple % 4 == 2 ? part : 2), (uint16_t)(tuple % 4 == 3 ? part + 3000 : 9000)};
}

static struct bench *bench_new(uint32_t capacity, bool ipv6, uint64_t seed)
{
    struct bench *b = calloc(1, sizeof *b);
    struct la_config config;
    assert_non_null(b);
    la_config_default(&config);
    memset(config.key, (int)seed, sizeof config.key);
    config.connections = 1;
    config.buffer_pieces = 2;
    config.buffer_piece_bytes = 64;
    config.reply_bytes = 64;
    config.time_wait_ipv4 = ipv6 ? 0 : capacity;
    config.time_wait_ipv6 = ipv6 ? capacity : 0;
    size_t size = (la_host_size(&config) + 63) / 64 * 64;
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    b->host = la_host_init(block, size, &config, 5000 * LA_MILLISECOND);
    assert_non_null(b->host);
    b->table = &b->host->tcp.waits[ipv6 ? 1 : 0];
    b->model.capacity = capacity;
    b->tuples = 4 * capacity;
    b->ipv6 = ipv6;
    b->random = seed;
    return b;
}

static void bench_free(struct bench *b)
{
    free(b->host);
    free(b);
}

static struct core *core_of(struct bench *b)
{
    return &b->host->core;
}

static struct time_wait_record *find(struct bench *b, uint32_t tuple)
{
    struct la_endpoint local;
    struct la_endpoint remote;
    endpoints_of(b, tuple, &local, &remote);
    const struct four_tuple ends = four_tuple_of(core_of(b), &local, &remote);
    return time_wait_find(core_of(b), b->table, &ends);
}

static void compare_tuple(struct bench *b, uint32_t tuple)
{
    const struct entry *entry = model_find(&b->model, core_of(b)->now, tuple);
    const struct time_wait_record *record = find(b, tuple);
    assert_int_equal(entry != NULL, record != NULL);
    if (entry != NULL && record != NULL) {
        struct la_endpoint local;
        struct la_endpoint remote;
        struct la_endpoint expected_local;
        struct la_endpoint expected_remote;
        assert_int_equal(record->snd_nxt.v, entry->tag);
        assert_true(time_wait_until(core_of(b), record) == entry->deadline);
        endpoints_of(b, tuple, &expected_local, &expected_remote);
        time_wait_endpoints(b->table, record, &local, &remote);
        assert_int_equal(local.port, expected_local.port);
        assert_int_equal(remote.port, expected_remote.port);
        assert_true(la_address_equal(&local.address, &expected_local.address));
        assert_true(la_address_equal(&remote.address, &expected_remote.address));
    }
}

static void compare(struct bench *b)
{
    const struct core *core = core_of(b);
    const struct model *m = &b->model;
    struct la_counters counters;
    la_host_counters(b->host, &counters);
    assert_int_equal(b->table->used, m->count);
    assert_int_equal(b->table->waiting, model_waiting(m));
    assert_int_equal(counters.counter[LA_COUNT_WAIT_EXPIRED], m->expired);
    assert_int_equal(counters.counter[LA_COUNT_WAIT_EVICTED], m->evicted);
    assert_int_equal(counters.counter[LA_COUNT_WAIT_REOPENED], m->reopened);
    la_time deadline = time_wait_deadline(core, b->table);
    if (m->count == 0) {
        assert_true(deadline == LA_TIME_NEVER);
    } else if (m->entries[0].is_hole || m->entries[0].is_moved) {
        assert_true(deadline <= core->now);
    } else {
        assert_true(deadline == m->entries[0].deadline);
    }
}

/* ---- operations ---- */

static void append(struct bench *b, uint32_t tuple)
{
    struct la_endpoint local;
    struct la_endpoint remote;
    if (model_find(&b->model, core_of(b)->now, tuple) != NULL) {
        return;
    }
    endpoints_of(b, tuple, &local, &remote);
    const struct four_tuple ends = four_tuple_of(core_of(b), &local, &remote);
    uint64_t random = random_u64(&b->random);
    const struct entry entry = {.tuple = tuple,
                                .hash = ends.hash,
                                .tag = ++b->next_tag,
                                .deadline = core_of(b)->now + WAIT_MS * LA_MILLISECOND,
                                .timestamps = random % 2 == 0,
                                .class = random % 8 < 6 ? LA_CLASS_WAITING : LA_CLASS_ABORTED + random % 2};
    struct time_wait_record *record = time_wait_append(core_of(b), b->table, &ends, entry.class);
    assert_int_equal(model_append(&b->model, core_of(b)->now, &entry), record != NULL);
    if (record != NULL) {
        record->snd_nxt = seq_of(entry.tag);
        record->timestamps = entry.timestamps;
    }
}

static void restart(struct bench *b, uint32_t tuple)
{
    struct entry *entry = model_find(&b->model, core_of(b)->now, tuple);
    struct time_wait_record *record = find(b, tuple);
    if (record != NULL && record->restarts < 32) {
        time_wait_restart(core_of(b), b->table, record, 0);
        entry->deadline = core_of(b)->now + WAIT_MS * LA_MILLISECOND;
        entry->is_moved = true;
    }
}

static void take_out(struct bench *b, uint32_t tuple)
{
    struct entry *entry = model_find(&b->model, core_of(b)->now, tuple);
    struct time_wait_record *record = find(b, tuple);
    if (record != NULL) {
        time_wait_end(core_of(b), b->table, record, LA_WAIT_REOPENED);
        model_end(&b->model, entry);
    }
}

static void move_time(struct bench *b, la_time ns)
{
    core_set_time(core_of(b), core_of(b)->now + ns);
}

static void pass_time(struct bench *b)
{
    move_time(b, random_u64(&b->random) % (4 * WAIT_MS / b->model.capacity) * LA_MILLISECOND);
}

static void advance(struct bench *b)
{
    unsigned steps = (unsigned)(random_u64(&b->random) % 8);
    time_wait_advance(core_of(b), b->table, steps);
    model_advance(&b->model, core_of(b)->now, steps);
}

static void step(struct bench *b)
{
    uint32_t tuple = (uint32_t)(random_u64(&b->random) % b->tuples);
    switch (random_u64(&b->random) % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: append(b, tuple); break;
    case 5:
    case 6: restart(b, tuple); break;
    case 7: take_out(b, tuple); break;
    case 8: pass_time(b); break;
    default: advance(b); break;
    }
    compare_tuple(b, tuple);
}

static void run(uint32_t capacity, bool ipv6, uint64_t seed)
{
    struct bench *b = bench_new(capacity, ipv6, seed);
    for (unsigned n = 0; n < 20000; n++) {
        step(b);
        compare(b);
        if (n % 1000 == 0) {
            for (uint32_t tuple = 0; tuple < b->tuples; tuple++) {
                compare_tuple(b, tuple);
            }
        }
    }
    move_time(b, 2 * WAIT_MS * LA_MILLISECOND);
    time_wait_advance(core_of(b), b->table, 2 * capacity);
    assert_int_equal(b->table->used, 0);
    assert_true(time_wait_deadline(core_of(b), b->table) == LA_TIME_NEVER);
    bench_free(b);
}

/* ---- tests ---- */

static void against_the_model(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 2, 3, 15, 16, 17, 40, 400};
    for (unsigned i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        run(capacities[i], false, 1 + i);
        run(capacities[i], true, 100 + i);
    }
}

static void without_records(void **state)
{
    (void)state;
    struct bench *b = bench_new(1, true, 1);
    struct time_wait_table *none = &b->host->tcp.waits[0];
    struct la_endpoint local;
    struct la_endpoint remote;
    b->ipv6 = false;
    endpoints_of(b, 0, &local, &remote);
    const struct four_tuple ends = four_tuple_of(core_of(b), &local, &remote);
    assert_null(time_wait_append(core_of(b), none, &ends, LA_CLASS_WAITING));
    assert_null(time_wait_find(core_of(b), none, &ends));
    assert_true(time_wait_deadline(core_of(b), none) == LA_TIME_NEVER);
    bench_free(b);
}

/* What TIME-WAIT.md's budget says: 48 octets a record all in for IPv4, 72 for IPv6. */
static void memory(void **state)
{
    (void)state;
    const uint32_t many = 1200000;
    assert_true(time_wait_records_bytes(many, 4) + time_wait_buckets_bytes(many) <= (size_t)48 * many);
    assert_true(time_wait_records_bytes(many, 16) + time_wait_buckets_bytes(many) <= (size_t)72 * many);
}

static struct time_wait_record *enter(struct bench *b, uint32_t tuple)
{
    struct la_endpoint local;
    struct la_endpoint remote;
    endpoints_of(b, tuple, &local, &remote);
    const struct four_tuple ends = four_tuple_of(core_of(b), &local, &remote);
    struct time_wait_record *record = time_wait_append(core_of(b), b->table, &ends, LA_CLASS_WAITING);
    assert_non_null(record);
    return record;
}

static uint64_t evicted(const struct bench *b)
{
    struct la_counters counters;
    la_host_counters(b->host, &counters);
    return counters.counter[LA_COUNT_WAIT_EVICTED];
}

/* Quiet waits first, and then a port that is opened again and again: where it waited there are holes. They make room, and
   nobody is evicted. */
static void holes_make_room(void **state)
{
    (void)state;
    enum { CAPACITY = 400, QUIET = 20, LATER = 40 };
    struct bench *b = bench_new(CAPACITY, false, 3);
    for (uint32_t tuple = 0; tuple < QUIET; tuple++) {
        (void)enter(b, tuple);
    }
    for (unsigned again = QUIET; again < CAPACITY; again++) {
        time_wait_end(core_of(b), b->table, enter(b, QUIET), LA_WAIT_REOPENED);
        (void)enter(b, QUIET + 1);
        time_wait_end(core_of(b), b->table, find(b, QUIET + 1), LA_WAIT_REOPENED);
    }
    move_time(b, 10 * LA_SECOND);
    for (uint32_t tuple = 0; tuple < LATER; tuple++) {
        (void)enter(b, QUIET + 2 + tuple);
    }
    assert_int_equal(evicted(b), 0);
    for (uint32_t tuple = 0; tuple < QUIET; tuple++) {
        assert_non_null(find(b, tuple));
    }
    bench_free(b);
}

/* Peers that are so slow that their waits are longer than all others stand at the tail: what is over behind them makes
   room, and where nothing is over what is safer than they are. */
static void longer_waits_stay(void **state)
{
    (void)state;
    enum { CAPACITY = 400, SLOW = 20 };
    for (unsigned over = 0; over < 2; over++) {
        struct bench *b = bench_new(CAPACITY, false, 4);
        for (uint32_t tuple = 0; tuple < SLOW; tuple++) {
            time_wait_begins(core_of(b), enter(b, tuple), 60000);
        }
        time_wait_advance(core_of(b), b->table, SLOW);
        for (uint32_t tuple = SLOW; tuple < CAPACITY; tuple++) {
            enter(b, tuple)->timestamps = true;
        }
        move_time(b, (over ? WAIT_MS : 10000) * LA_MILLISECOND);
        for (uint32_t tuple = 0; tuple < CAPACITY / 4; tuple++) {
            (void)enter(b, CAPACITY + tuple);
        }
        assert_int_equal(evicted(b), over ? 0 : CAPACITY / 4);
        for (uint32_t tuple = 0; tuple < SLOW; tuple++) {
            assert_non_null(find(b, tuple));
        }
        bench_free(b);
    }
}

/* The clock of milliseconds goes round after 49 days. */
static void clock_goes_round(void **state)
{
    (void)state;
    struct bench *b = bench_new(4, false, 7);
    move_time(b, (UINT64_C(0x100000000) - 1000) * LA_MILLISECOND - core_of(b)->now);
    append(b, 1);
    move_time(b, (WAIT_MS - 1) * LA_MILLISECOND);
    compare_tuple(b, 1);
    assert_non_null(find(b, 1));
    move_time(b, LA_MILLISECOND);
    assert_null(find(b, 1));
    time_wait_advance(core_of(b), b->table, 1);
    assert_int_equal(b->table->used, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_the_model), cmocka_unit_test(without_records),   cmocka_unit_test(memory),
        cmocka_unit_test(holes_make_room),   cmocka_unit_test(longer_waits_stay), cmocka_unit_test(clock_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
