#include "support.h"

#include <string.h>

#include "check/canonical.h"
#include "check/pack.h"
#include "host/host_inspect.h"
#include "tcp/connection.h"

/* The checker's worlds: what cannot be told apart has one digest, and everything else has another. */

static struct check_scenario scenario;
static struct checker checker;
static struct world world;

static void begin(const char *client, const char *server, uint8_t opens)
{
    check_scenario_default(&scenario);
    assert_null(check_scenario_set(&scenario, "client", client));
    assert_null(check_scenario_set(&scenario, "server", server));
    scenario.opens[0] = opens;
    scenario.budget[FAULT_DUPLICATION] = 1;
    scenario.budget[FAULT_REORDERING] = 1;
    checker = (struct checker){.scenario = &scenario};
    assert_true(world_begin(&checker, &world));
}

static struct digest digest_of(const struct world *of)
{
    static _Alignas(8) uint8_t room[PACKED_MAX];
    struct packed *packed = (void *)room;
    pack_world(of, NULL, 3, packed);
    return pack_digest(packed);
}

static bool same(const struct world *a, const struct world *b)
{
    const struct digest first = digest_of(a);
    const struct digest second = digest_of(b);
    return memcmp(&first, &second, sizeof first) == 0;
}

static bool happens(struct world *to, enum event_kind kind)
{
    struct event events[EVENTS_MAX];
    unsigned count = world_events(&checker, to, events);
    for (unsigned i = 0; i < count; i++) {
        if (events[i].kind == kind) {
            world_apply(&checker, to, events[i]);
            assert_int_equal(checker.wrong, PROPERTY_NONE);
            return true;
        }
    }
    return false;
}

/* The opener has written, and its text is under way. */
static void to_text(void)
{
    begin("open,send,close", "eof,close", 1);
    assert_true(happens(&world, EVENT_OPEN));
    while (happens(&world, EVENT_DELIVER)) {
    }
    assert_true(happens(&world, EVENT_STEP));
}

static struct connection *opener(struct world *of)
{
    return connection_at(&world_host(of, 0)->tcp, 0);
}

static void a_packed_world_comes_back(void **state)
{
    static _Alignas(8) uint8_t room[PACKED_MAX];
    static struct world other;
    struct packed *packed = (void *)room;
    (void)state;
    to_text();
    pack_world(&world, NULL, 3, packed);
    assert_true(packed->bytes <= 2048);
    assert_true(world_begin(&checker, &other));
    assert_false(same(&world, &other));
    unpack_world(&other, packed, 3);
    assert_true(same(&world, &other));
    for (unsigned host = 0; host < 2; host++) {
        assert_null(host_check(world_host(&other, host)));
    }
    for (int i = 0; i < 2; i++) { /* and goes on as the first */
        assert_true(happens(&world, EVENT_DELIVER));
        assert_true(happens(&other, EVENT_DELIVER));
        assert_true(same(&world, &other));
    }
}

static void dead_octets_make_no_difference(void **state)
{
    static struct world other;
    (void)state;
    to_text();
    other = world;
    la_host *host = world_host(&other, 0);
    const struct pieces_memory memory = tcp_pieces(&host->tcp);
    struct connection *c = opener(&other);
    uint8_t *first = piece_octets(&memory, c->out.head);
    memset(first + c->out.start + c->out.length, 0xee, 4);           /* behind what is queued */
    memset(piece_octets(&memory, memory.pool->free_head), 0xee, 16); /* nobody's */
    memset(connection_at(&host->tcp, 1), 0xee, offsetof(struct connection, state));
    connection_at(&host->tcp, 1)->hash_next = NONE;
    c->total_retrans = 7;
    c->bytes_received = 7;
    c->heard_ms -= 1000;
    host->core.dropped[3] += 9;
    host->core.counter[3] += 9;
    canonical_host(host);
    assert_true(same(&world, &other));
}

static void the_order_of_pieces_makes_no_difference(void **state)
{
    static struct world other;
    (void)state;
    to_text();
    other = world;
    la_host *host = world_host(&other, 0);
    const struct pieces_memory memory = tcp_pieces(&host->tcp);
    struct connection *c = opener(&other);
    uint32_t to = memory.pool->free_head;
    memcpy(piece_octets(&memory, to), piece_octets(&memory, c->out.head), 16);
    memory.pool->free_head = memory.links[to];
    memory.links[c->out.head] = memory.pool->free_head;
    memory.pool->free_head = c->out.head;
    memory.links[to] = PIECE_NONE;
    c->out.head = to;
    c->out.tail = to;
    assert_null(host_check(host));
    assert_false(same(&world, &other));
    canonical_host(host);
    assert_true(same(&world, &other));
}

static void time_shifts_make_no_difference(void **state)
{
    static struct world other;
    (void)state;
    for (uint32_t ms = 1; ms < 100000000; ms *= 7) {
        to_text();
        other = world;
        la_host *host = world_host(&other, 0);
        struct connection *c = opener(&other);
        for (unsigned place = 0; place < sizeof c->deadline_ms / sizeof c->deadline_ms[0]; place++) {
            c->deadline_ms[place] += c->deadline_ms[place] != 0 ? ms : 0;
        }
        c->progress_ms += ms;
        c->rtt_began_us += ms * 1000;
        host->core.now += ms * LA_MILLISECOND;
        host->core.now_ms += ms;
        canonical_host(host);
        assert_true(same(&world, &other));
    }
}

/* I41: all of a life, shifted, across 2^31 and 2^32. */
static void sequence_shifts_make_no_difference(void **state)
{
    static struct world other;
    const uint32_t by[] = {1, 0x7ffffff0, 0x80000000, 0xfffffff0, 0x12345678};
    (void)state;
    for (unsigned i = 0; i < sizeof by / sizeof by[0]; i++) {
        unsigned steps = 0;
        to_text();
        other = world;
        canonical_shift_sequence(&other, 0, by[i]);
        assert_false(same(&world, &other));
        while (happens(&world, EVENT_DELIVER) || happens(&world, EVENT_STEP) || happens(&world, EVENT_TIMER)) {
            assert_true(happens(&other, EVENT_DELIVER) || happens(&other, EVENT_STEP) || happens(&other, EVENT_TIMER));
            canonical_shift_sequence(&other, 0, 0U - by[i]);
            canonical_host(world_host(&other, 0));
            canonical_host(world_host(&other, 1));
            assert_true(same(&world, &other));
            canonical_shift_sequence(&other, 0, by[i]);
            steps++;
        }
        assert_true(steps > 5);
        assert_true(world_is_done(&checker, &world));
    }
}

static void loses_what_is_under_way(void)
{
    while (world.network.count > 0) {
        assert_true(happens(&world, EVENT_DROP));
    }
}

/* Clocks stand still at WORLD_NOW: what is said again is said with the same timestamp, and what a peer remembers of it
   is so much longer ago. */
static void timestamps_grow_old(void **state)
{
    (void)state;
    begin("open,send,close", "eof,close", 1);
    scenario.timestamps = true;
    scenario.budget[FAULT_LOSS] = 9;
    assert_true(world_begin(&checker, &world));
    assert_true(happens(&world, EVENT_OPEN));
    const struct flying syn = world.network.flight[0];
    loses_what_is_under_way();
    assert_true(happens(&world, EVENT_TIMER)); /* a second later */
    assert_int_equal(world.network.flight[0].length, syn.length);
    assert_memory_equal(world.network.flight[0].packet, syn.packet, syn.length);
    assert_true(happens(&world, EVENT_DELIVER));
    struct connection *listener_side = connection_at(&world_host(&world, 1)->tcp, 0);
    assert_true(listener_side->timestamps);
    const uint32_t heard = listener_side->ts_recent;
    const uint32_t said = listener_side->last_tsval;
    const struct flying syn_ack = world.network.flight[0];
    loses_what_is_under_way();
    checker.elapsed = 0;
    assert_true(happens(&world, EVENT_TIMER)); /* the opener's, or the listener's */
    const uint32_t passed_ms = (uint32_t)(checker.elapsed / LA_MILLISECOND);
    assert_true(passed_ms > 0);
    assert_int_equal(heard - listener_side->ts_recent, passed_ms);
    if (world.network.flight[0].to == 0) {
        assert_int_equal(said, listener_side->last_tsval);
        assert_int_equal(world.network.flight[0].length, syn_ack.length);
    } else {
        assert_int_equal(said - listener_side->last_tsval, passed_ms);
    }
    while (happens(&world, EVENT_DELIVER) || happens(&world, EVENT_STEP) || happens(&world, EVENT_TIMER)) {
    }
    assert_true(world_is_done(&checker, &world));
}

static void the_network_is_a_set_of_late_ones(void **state)
{
    static struct world other;
    (void)state;
    to_text();
    assert_true(happens(&world, EVENT_DUPLICATE));
    assert_true(happens(&world, EVENT_DELAY));
    other = world;
    struct flying moved = other.network.flight[0];
    assert_int_equal(other.network.count, 2);
    other.network.flight[0] = other.network.flight[1];
    other.network.flight[1] = moved;
    canonical_network(&other.network);
    assert_true(same(&world, &other));
}

#define DIFFERS(change)                        \
    do {                                       \
        other = world;                         \
        change;                                \
        canonical_host(world_host(&other, 0)); \
        canonical_host(world_host(&other, 1)); \
        canonical_network(&other.network);     \
        assert_false(same(&world, &other));    \
    } while (0)

static void what_lives_makes_a_difference(void **state)
{
    static struct world other;
    (void)state;
    to_text();
    other = world;
    la_host *host = world_host(&other, 0);
    const struct pieces_memory memory = tcp_pieces(&host->tcp);
    struct connection *c = opener(&other);
    DIFFERS(c->snd_nxt.v++);
    DIFFERS(c->rcv_nxt.v++);
    DIFFERS(c->rcv_edge.v++);
    DIFFERS(c->snd_wnd++);
    DIFFERS(c->state = LA_FIN_WAIT_1);
    DIFFERS(c->is_shut = true);
    DIFFERS(c->owes_ack = true);
    DIFFERS(c->retransmits++);
    DIFFERS(c->backoff++);
    DIFFERS(c->srtt_us++);
    DIFFERS(c->progress_ms -= 5);
    DIFFERS(c->deadline_ms[timer_place(LA_TIMER_RETRANSMIT)]++);
    DIFFERS(c->congestion.cwnd_bytes++);
    DIFFERS(piece_octets(&memory, c->out.head)[c->out.start]++);
    DIFFERS(host->tcp.orphans++);
    DIFFERS(other.network.count = 0);
    DIFFERS(other.network.flight[0].age_ms++);
    DIFFERS(other.network.flight[0].tag++);
    DIFFERS(other.network.flight[0].late = 1);
    DIFFERS(other.network.flight[0].packet[25]++);
    DIFFERS(other.ghost.app[0][0].position++);
    DIFFERS(other.ghost.app[0][0].tag++);
    DIFFERS(other.ghost.used[FAULT_LOSS]++);
    DIFFERS(other.ghost.isn_ticks[0]++);
    DIFFERS(other.ghost.accepted = 0);
}

static void records_make_a_difference(void **state)
{
    static struct world other;
    (void)state;
    to_text();
    while (happens(&world, EVENT_DELIVER) || happens(&world, EVENT_STEP)) {
    }
    other = world;
    la_host *host = world_host(&other, 0);
    assert_int_equal(world_host(&world, 0)->tcp.waits[0].waiting, 1);
    struct time_wait_record *record = core_at(&host->core, host->tcp.waits[0].records);
    DIFFERS(record->deadline_ms++);
    DIFFERS(record->snd_nxt.v++);
    DIFFERS(record->rcv_nxt.v++);
    DIFFERS(record->restarts++);
    DIFFERS(record->class = LA_CLASS_ABORTED);
    other = world;
    record->answered = 77; /* it never answered */
    canonical_host(host);
    assert_true(same(&world, &other));
}

static void digests_differ_in_every_bit(void **state)
{
    uint8_t octets[64] = {0};
    (void)state;
    const struct digest zero = digest_octets(octets, sizeof octets);
    for (unsigned bit = 0; bit < 8 * sizeof octets; bit++) {
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const struct digest one = digest_octets(octets, sizeof octets);
        int changed =
            __builtin_popcountll(zero.word[0] ^ one.word[0]) + __builtin_popcountll(zero.word[1] ^ one.word[1]);
        assert_in_range(changed, 30, 98);
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    const struct digest shorter = digest_octets(octets, sizeof octets - 1);
    assert_true(shorter.word[0] != zero.word[0] && shorter.word[1] != zero.word[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_world_comes_back),
        cmocka_unit_test(dead_octets_make_no_difference),
        cmocka_unit_test(the_order_of_pieces_makes_no_difference),
        cmocka_unit_test(time_shifts_make_no_difference),
        cmocka_unit_test(sequence_shifts_make_no_difference),
        cmocka_unit_test(timestamps_grow_old),
        cmocka_unit_test(the_network_is_a_set_of_late_ones),
        cmocka_unit_test(what_lives_makes_a_difference),
        cmocka_unit_test(records_make_a_difference),
        cmocka_unit_test(digests_differ_in_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
