#include "world.h"

#include "link/memory.h"
#include "show/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_inspect.h"

enum { SIDES_MOST = 64, HEAD_BYTES = 4, PART_BYTES = 2048, PACKETS_MOST = 100000, TRACE_RECORDS = 4096, NOBODY = -1 };

#define PATIENCE (120 * LA_SECOND)

/* One end of a connection, and the program that has it. */
struct side {
    bool is_held;
    uint8_t host;
    enum sim_end end;
    int life; /* NOBODY: the server has not read yet whose it is */
    struct la_conn conn;
    uint32_t sent;
    uint32_t read;
    bool at_end; /* the peer's data has been read to its end */
    bool is_closed;
    bool has_ended;
    la_time reads_at;
};

struct life_state {
    bool begun;
    bool refused;
    int opener; /* side */
    int server; /* NOBODY: it never said whose it was */
    struct la_outcome outcome[2];
    uint32_t read[2];
};

struct world {
    const struct sim_plan *plan;
    struct sim_result *result;
    la_host *host[SIM_HOSTS];
    struct la_listener listener[SIM_HOSTS];
    struct memory *memory;
    struct side sides[SIDES_MOST];
    int side_count;
    struct life_state lives[SIM_LIVES_MOST];
    la_time now;
    la_time until; /* the network runs by itself */
};

/* One host's edge. */
struct edge {
    struct world *world;
    unsigned host;
};

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void wrong(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->result->wrong[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->result->wrong, sizeof world->result->wrong, format, arguments);
    va_end(arguments);
    world->result->when = world->now;
}

static void check_host(struct world *world, const la_host *host)
{
    const char *broken = host_check(host);
    if (broken)
        wrong(world, "%s", broken);
}

static void check_hosts(struct world *world)
{
    check_host(world, world->host[0]);
    check_host(world, world->host[1]);
}

static void mix(struct sim_result *result, uint64_t value)
{
    result->digest = (result->digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    result->digest ^= result->digest >> 29;
}

static void see_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length, const char *fate,
                       const struct la_trace *records, size_t count)
{
    const struct edge *edge = context;
    struct world *world = edge->world;
    const uint8_t *octets = bytes;
    (void)fate;
    (void)records;
    (void)count;
    if (!octets)
        return;
    mix(world->result, time << 1 | outgoing);
    for (size_t i = 20; i < length && i < 40; i++) /* the TCP header */
        mix(world->result, octets[i]);
    world->now = time;
    check_host(world, world->host[edge->host]);
    if (++world->result->counts[SIM_PACKETS] > PACKETS_MOST)
        wrong(world, "the hosts talk for ever: more than %d packets", PACKETS_MOST);
}

static uint64_t counted(const la_host *host, enum la_counter counter)
{
    struct la_counters counters;
    la_host_counters(host, &counters);
    return counters.counter[counter];
}

static bool same_tuple(const struct sim_life *a, const struct sim_life *b)
{
    return a->host == b->host && a->port == b->port;
}

/* Nobody keeps old octets out: an end of an earlier life here did not wait, because it did not end clean or its record
   had to make room. */
static bool is_at_risk(const struct world *world, int life)
{
    const struct sim_plan *plan = world->plan;
    for (unsigned host = 0; host < SIM_HOSTS; host++)
        if (counted(world->host[host], LA_COUNT_WAIT_EVICTED) > 0 ||
            (plan->workload == SIM_FULL && plan->config[host].time_wait_ipv4 < SIM_LIVES_MOST))
            return true;
    for (unsigned other = 0; other < plan->count; other++) {
        const struct life_state *state = &world->lives[other];
        bool is_clean =
            state->outcome[SIM_OPENER].end == LA_END_CLEAN && state->outcome[SIM_SERVER].end == LA_END_CLEAN;
        if ((int)other != life && state->begun && same_tuple(&plan->lives[other], &plan->lives[life]) && !is_clean)
            return true;
    }
    return false;
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

/* Four octets say whose they are, then it goes on by a pattern. */
static uint8_t octet_at(unsigned life, enum sim_end end, uint32_t number)
{
    const uint8_t head[HEAD_BYTES] = {(uint8_t)(0xa0 + end), (uint8_t)life, (uint8_t)~life, 0x5a};
    uint32_t mixed = (number * 2654435761U) ^ (life * 40503U + end * 977U);
    return number < HEAD_BYTES ? head[number] : (uint8_t)(mixed >> 24 ^ mixed);
}

static uint32_t total(const struct world *world, int life, enum sim_end end)
{
    return HEAD_BYTES + world->plan->lives[life].octets[end];
}

/* The connection is no good any more: it is told so, and forgotten. */
static void take_risk(struct world *world, struct side *side)
{
    world->result->counts[SIM_RISKS]++;
    la_abort(world->host[side->host], world->now, side->conn);
    side->is_closed = true;
}

static void old_octets(struct world *world, struct side *side, int life)
{
    if (life != NOBODY && is_at_risk(world, life))
        take_risk(world, side);
    else
        wrong(world, "what was read at octet %u is not what this life's other end wrote", side->read);
}

/* The server learns from the second octet whose connection it has. */
static bool learn(struct world *world, struct side *side, uint8_t number)
{
    unsigned life = number;
    if (life >= world->plan->count || !world->lives[life].begun || world->lives[life].server != NOBODY) {
        old_octets(world, side, life < world->plan->count ? (int)life : NOBODY);
        return false;
    }
    side->life = (int)life;
    world->lives[life].server = (int)(side - world->sides);
    return true;
}

static bool is_as_written(struct world *world, struct side *side, uint8_t octet)
{
    enum sim_end from = side->end == SIM_OPENER ? SIM_SERVER : SIM_OPENER;
    if (side->life == NOBODY && side->read == 0)
        return octet == octet_at(0, from, 0);
    if (side->life == NOBODY && side->read == 1)
        return learn(world, side, octet);
    return side->life != NOBODY && side->read < total(world, side->life, from) &&
           octet == octet_at((unsigned)side->life, from, side->read);
}

static void end_of_data(struct world *world, struct side *side)
{
    enum sim_end from = side->end == SIM_OPENER ? SIM_SERVER : SIM_OPENER;
    side->at_end = true;
    if (side->life == NOBODY ? side->read > 0 : side->read < total(world, side->life, from))
        wrong(world, "the end of the data came behind octet %u of %u", side->read,
              side->life == NOBODY ? HEAD_BYTES : total(world, side->life, from));
}

static void receive(struct world *world, struct side *side)
{
    uint8_t part[PART_BYTES];
    la_time pause = side->life == NOBODY ? 0 : world->plan->lives[side->life].reads_after[side->end];
    while (!side->at_end && !side->is_closed && !world->result->wrong[0] && side->reads_at <= world->now) {
        int got = la_recv(world->host[side->host], world->now, side->conn, part, sizeof part);
        if (got == 0)
            end_of_data(world, side);
        if (got <= 0)
            return;
        side->reads_at = world->now + pause;
        for (int i = 0; i < got && !side->is_closed && !world->result->wrong[0]; i++, side->read++)
            if (!is_as_written(world, side, part[i]) && !side->is_closed)
                old_octets(world, side, side->life);
    }
}

static bool has_sent_all(const struct world *world, const struct side *side)
{
    return side->life != NOBODY && side->sent == total(world, side->life, side->end);
}

/* The next octets that this side writes. */
static void compose(uint8_t *part, uint32_t length, const struct side *side)
{
    for (uint32_t i = 0; i < length; i++)
        part[i] = octet_at((unsigned)side->life, side->end, side->sent + i);
}

static void transmit(struct world *world, struct side *side)
{
    uint8_t part[PART_BYTES];
    while (side->life != NOBODY && !side->is_closed) {
        uint32_t left = total(world, side->life, side->end) - side->sent;
        if (left == 0)
            return;
        uint32_t length = left < PART_BYTES ? left : PART_BYTES;
        compose(part, length, side);
        int taken = la_send(world->host[side->host], world->now, side->conn, part, length);
        if (taken <= 0)
            return;
        side->sent += (uint32_t)taken;
    }
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

static void close_as_planned(struct world *world, struct side *side)
{
    la_host *host = world->host[side->host];
    if (side->is_closed || !has_sent_all(world, side))
        return;
    switch (world->plan->lives[side->life].manner[side->end]) {
    case SIM_CLOSES_FIRST: break;
    case SIM_CLOSES_SECOND:
        if (!side->at_end)
            return;
        break;
    case SIM_CLOSES_FULLY: la_close(host, world->now, side->conn); break;
    case SIM_LINGERS: la_close_lingering(host, world->now, side->conn); break;
    case SIM_ABORTS: la_abort(host, world->now, side->conn); break;
    }
    side->is_closed = true;
    if (world->plan->lives[side->life].manner[side->end] <= SIM_CLOSES_SECOND) {
        la_shutdown(host, world->now, side->conn);
        side->is_closed = side->at_end;
    }
}

/* "Clean" is said where all was acknowledged and the peer's FIN has come: who reads to the end has read all. */
static void check_outcome(struct world *world, const struct side *side, const struct la_outcome *outcome)
{
    bool reads = world->plan->lives[side->life].manner[side->end] <= SIM_CLOSES_SECOND;
    if (outcome->end == LA_END_CLEAN && outcome->unacknowledged_bytes > 0)
        wrong(world, "an end is said to be clean with %u octets unacknowledged", outcome->unacknowledged_bytes);
    if (outcome->end == LA_END_CLEAN && reads && side->at_end && !has_sent_all(world, side))
        wrong(world, "an end is said to be clean that was never asked for");
}

static void let_go(struct world *world, struct side *side)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    la_outcome(world->host[side->host], side->conn, &outcome);
    if (side->life != NOBODY) {
        world->lives[side->life].outcome[side->end] = outcome;
        world->lives[side->life].read[side->end] = side->read;
        check_outcome(world, side, &outcome);
    }
    la_release(world->host[side->host], world->now, side->conn);
    side->is_held = false;
}

/* Everything that a program can do just now. */
static void drive(struct world *world, struct side *side)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    if (!side->is_held || world->result->wrong[0])
        return;
    receive(world, side);
    transmit(world, side);
    close_as_planned(world, side);
    la_outcome(world->host[side->host], side->conn, &outcome);
    bool reads_on = outcome.end == LA_END_CLEAN && !side->at_end && !side->is_closed;
    if (outcome.end != LA_END_NONE && !reads_on)
        let_go(world, side);
    check_hosts(world);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static struct la_address address_of(unsigned host)
{
    return la_address_ipv4(10, 0, 0, (uint8_t)(host + 1));
}

static struct side *new_side(struct world *world, unsigned host, enum sim_end end, int life)
{
    if (world->side_count == SIDES_MOST) {
        wrong(world, "more connections than anybody opened");
        return NULL;
    }
    struct side *side = &world->sides[world->side_count++];
    *side = (struct side){.is_held = true, .host = (uint8_t)host, .end = end, .life = life};
    return side;
}

static void open_life(struct world *world, unsigned number)
{
    const struct sim_life *life = &world->plan->lives[number];
    const struct la_endpoint local = {address_of(life->host), (uint16_t)(SIM_FIRST_PORT + life->port)};
    const struct la_endpoint remote = {address_of(life->host ^ 1U), SIM_PORT};
    la_time waits = 0;
    struct la_conn conn;
    la_wait_until(world->host[life->host], &local, &remote, &waits);
    world->lives[number].begun = true;
    world->result->counts[SIM_LIVES]++;
    if (la_connect(world->host[life->host], world->now, &local, &remote, &conn) < 0) {
        world->lives[number].refused = true;
        world->result->counts[SIM_REFUSED]++;
        return;
    }
    world->result->counts[SIM_REOPENED] += waits != 0;
    struct side *side = new_side(world, life->host, SIM_OPENER, (int)number);
    if (side) {
        side->conn = conn;
        world->lives[number].opener = (int)(side - world->sides);
        drive(world, side);
    }
}

static bool is_over(const struct world *world, unsigned number)
{
    const struct life_state *state = &world->lives[number];
    return sim_life_is_cut(world->plan, number) || state->refused ||
           (state->begun && !world->sides[state->opener].is_held);
}

/* Its time has come, and whoever had the four-tuple before has let go of it. */
static bool may_open(const struct world *world, unsigned number)
{
    const struct sim_life *life = &world->plan->lives[number];
    if (world->lives[number].begun || sim_life_is_cut(world->plan, number) || life->start > world->now)
        return false;
    for (unsigned before = 0; before < number; before++)
        if (same_tuple(&world->plan->lives[before], life) && !is_over(world, before))
            return false;
    return true;
}

static void accept_all(struct world *world, unsigned host)
{
    struct la_conn conn;
    while (la_accept(world->host[host], world->now, world->listener[host], &conn) == LA_OK) {
        struct side *side = new_side(world, host, SIM_SERVER, NOBODY);
        if (!side)
            return;
        side->conn = conn;
        drive(world, side);
    }
}

static void sooner(la_time *when, la_time other, la_time now)
{
    if (other > now && other < *when)
        *when = other;
}

/* When a program does something by itself. */
static la_time next_time(const struct world *world)
{
    la_time when = LA_TIME_NEVER;
    for (unsigned i = 0; i < world->plan->count; i++)
        if (!world->lives[i].begun && !sim_life_is_cut(world->plan, i))
            sooner(&when, world->plan->lives[i].start, world->now);
    for (int i = 0; i < world->side_count; i++)
        if (world->sides[i].is_held)
            sooner(&when, world->sides[i].reads_at, world->now);
    return when;
}

static bool may_any_open(const struct world *world)
{
    for (unsigned i = 0; i < world->plan->count; i++)
        if (may_open(world, i))
            return true;
    return false;
}

/* False: a program does something by itself before the time until which the network runs. */
static bool on_event(void *context, la_time now, int end, const struct la_event *event)
{
    struct world *world = context;
    world->now = now;
    if (event->flags & LA_READY_ACCEPTABLE)
        accept_all(world, (unsigned)end);
    for (int i = 0; i < world->side_count; i++) {
        struct side *side = &world->sides[i];
        if (side->is_held && side->host == end && side->conn.slot == event->conn.slot &&
            side->conn.generation == event->conn.generation)
            drive(world, side);
    }
    return !world->result->wrong[0] && next_time(world) >= world->until && !may_any_open(world);
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void do_what_is_due(struct world *world)
{
    for (int i = 0; i < world->side_count; i++)
        drive(world, &world->sides[i]);
    for (unsigned i = 0; i < world->plan->count; i++)
        if (may_open(world, i))
            open_life(world, i);
}

/* The network alone, until then or until a program has to act. */
static void run_network(struct world *world, la_time until)
{
    la_time now = world->now;
    world->until = until;
    memory_run(world->memory, &now, until, on_event, world);
    world->now = now;
}

static bool is_quiet(const struct world *world)
{
    return next_time(world) == LA_TIME_NEVER && memory_deadline(world->memory) == LA_TIME_NEVER;
}

static void run(struct world *world)
{
    while (!world->result->wrong[0] && world->now < PATIENCE) {
        do_what_is_due(world);
        run_network(world, world->now);
        if (may_any_open(world))
            continue;
        if (is_quiet(world))
            return;
        la_time next = next_time(world);
        run_network(world, next < PATIENCE ? next : PATIENCE);
    }
}

static void check_end(struct world *world)
{
    for (unsigned host = 0; host < SIM_HOSTS; host++) {
        struct la_counters left;
        la_host_counters(world->host[host], &left);
        if (left.connections > 0 || left.buffer_pieces > 0 || left.reply_bytes > 0 || left.time_wait_ipv4 > 0)
            wrong(world, "left at the end: %u connections, %u pieces, %u octets of replies, %u waits", left.connections,
                  left.buffer_pieces, left.reply_bytes, left.time_wait_ipv4);
    }
    for (unsigned i = 0; i < world->plan->count; i++)
        if (!is_over(world, i))
            wrong(world, "life %u never ends", i);
}

/* Both say it was clean: then each has read all that the other wrote, if it read at all. */
static void check_lives(struct world *world)
{
    for (unsigned i = 0; i < world->plan->count; i++) {
        const struct life_state *state = &world->lives[i];
        bool is_clean =
            state->outcome[SIM_OPENER].end == LA_END_CLEAN && state->outcome[SIM_SERVER].end == LA_END_CLEAN;
        if (!state->begun || state->refused)
            continue;
        world->result->counts[is_clean ? SIM_CLEAN : SIM_BROKEN]++;
        world->result->counts[SIM_WAITS] += state->outcome[SIM_OPENER].end == LA_END_WAITS;
        for (unsigned end = 0; is_clean && end < 2; end++)
            if (world->plan->lives[i].manner[end] <= SIM_CLOSES_SECOND &&
                state->read[end] != total(world, (int)i, (enum sim_end)(end ^ 1)))
                wrong(world, "life %u ended clean, but %u of %u octets were read", i, state->read[end],
                      total(world, (int)i, (enum sim_end)(end ^ 1)));
    }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static la_host *make_host(struct sim_memory *memory, unsigned number, const struct la_config *config)
{
    size_t size = la_host_size(config);
    if (size > memory->size[number]) {
        free(memory->block[number]);
        memory->block[number] = NULL;
        memory->size[number] = posix_memalign(&memory->block[number], LA_HOST_ALIGNMENT, size) == 0 ? size : 0;
    }
    return la_host_init(memory->block[number], memory->size[number], config, 0);
}

static bool make_hosts(struct world *world, struct sim_memory *memory, const struct tap *taps, bool traced)
{
    struct link_error error;
    world->memory = memory_new(&world->plan->network, &error);
    for (unsigned i = 0; world->memory && i < SIM_HOSTS; i++) {
        struct la_config config = world->plan->config[i];
        struct la_address address = address_of(i);
        const struct la_endpoint local = {address, SIM_PORT};
        config.trace_records = traced ? TRACE_RECORDS : 0;
        world->host[i] = make_host(memory, i, &config);
        if (!world->host[i] || la_interface_add(world->host[i], 0, 1500) < 0 ||
            la_address_add(world->host[i], 0, 0, &address, 24) < 0 ||
            la_listen(world->host[i], 0, &local, SIM_LIVES_MOST, &world->listener[i]) < 0 ||
            memory_join(world->memory, world->host[i], 0, &address, &taps[i], &error) < 0)
            return false;
    }
    return world->memory != NULL;
}

void sim_memory_free(struct sim_memory *memory)
{
    for (unsigned i = 0; i < SIM_HOSTS; i++)
        free(memory->block[i]);
    *memory = (struct sim_memory){0};
}

bool sim_run(const struct sim_plan *plan, struct sim_memory *memory, struct ladder *ladder, struct sim_result *result)
{
    struct world world = {.plan = plan, .result = result};
    struct edge edges[SIM_HOSTS];
    struct watch watches[SIM_HOSTS];
    struct tap taps[SIM_HOSTS];
    *result = (struct sim_result){.digest = plan->seed};
    for (unsigned i = 0; i < plan->count; i++)
        world.lives[i].server = NOBODY;
    for (unsigned i = 0; i < SIM_HOSTS; i++) {
        edges[i] = (struct edge){&world, i};
        watches[i] = (struct watch){.ladder = ladder, .side = i == 0 ? LADDER_LEFT : LADDER_RIGHT};
        taps[i] = ladder ? watch_tap(&watches[i]) : (struct tap){&edges[i], see_packet};
    }
    bool ok = make_hosts(&world, memory, taps, ladder != NULL);
    if (ok) {
        run(&world);
        check_end(&world);
        check_lives(&world);
    }
    result->simulated = world.now;
    memory_free(world.memory);
    return ok;
}
