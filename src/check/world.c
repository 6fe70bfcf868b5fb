#include "world.h"

#include <stdio.h>
#include <string.h>

#include "apps.h"
#include "canonical.h"
#include "forge_private.h"
#include "host/host_inspect.h"
#include "numbers_private.h"
#include "tcp/connection.h"
#include "tcp/listener.h"

/* ---- the beginning ---- */

#define PIECE_BYTES 16

void world_config(const struct check_scenario *scenario, unsigned host, bool traces_all, struct la_config *config)
{
    la_config_default(config);
    memset(config->key, (int)(0x30 + host), sizeof config->key);
    config->addresses = 1;
    config->routes = 1;
    config->neighbours = 0;
    config->reassembly_bytes = 0;
    config->path_mtus = 0;
    config->own_settings = 0;
    config->listeners = 1;
    config->connections = WORLD_CONNECTIONS;
    config->time_wait_ipv4 = scenario->records;
    config->time_wait_ipv6 = 0;
    config->buffer_piece_bytes = PIECE_BYTES;
    config->buffer_pieces = scenario->pieces;
    config->reply_bytes = 256;
    config->out_of_order_ranges = 2;
    config->send_buffer_bytes = scenario->window;
    config->receive_buffer_bytes = scenario->window;
    config->trace_records = traces_all ? 20 : 6;
    config->trace_mask = traces_all ? LA_TRACE_ALL : LA_TRACE_BIT(LA_TRACE_STATE);
    config->msl_ms = scenario->msl_ms;
    config->time_wait_reopen = scenario->reopen;
    config->time_wait_reuse = scenario->reuse;
    config->time_wait_restarts = 1;
    config->time_wait_rtos = 0; /* the wait is 2 MSL, as said with each verdict */
    config->rfc1337 = scenario->rfc1337;
    config->reset_unknown = scenario->reset_unknown;
    config->delayed_ack_ms = scenario->delayed_ack_ms;
    config->nagle = false;
    config->timestamps = scenario->timestamps;
    config->window_scaling = false;
    config->ecn = LA_ECN_OFF;
}

size_t world_bytes(const struct check_scenario *scenario)
{
    struct la_config config;
    world_config(scenario, 0, false, &config);
    config.trace_records = 0;
    return la_host_size(&config);
}

bool world_begin(struct checker *checker, struct world *world)
{
    memset(world, 0, sizeof *world);
    for (unsigned host = 0; host < 2; host++) {
        struct la_config config;
        const struct la_endpoint local = world_endpoint(host);
        struct la_listener listener;
        world_config(checker->scenario, host, checker->traces_all, &config);
        la_host *h = la_host_init(world->block[host], sizeof world->block[host], &config, WORLD_NOW);
        if (h == NULL || la_interface_add(h, WORLD_NOW, 576) != 0 ||
            la_address_add(h, WORLD_NOW, 0, &local.address, 24) != LA_OK) {
            return false;
        }
        if (checker->scenario->opens[host] == 0 &&
            la_listen(h, WORLD_NOW, &local, WORLD_CONNECTIONS, &listener) != LA_OK) {
            return false;
        }
        canonical_host(h);
    }
    return true;
}

/* ---- segments ---- */

static void network_add(struct checker *checker, struct network *network, const struct flying *segment)
{
    if (network->count == FLIGHT_MAX) {
        checker->overflows++;
        return;
    }
    network->flight[network->count++] = *segment;
    canonical_network(network);
}

static struct flying network_take(struct network *network, unsigned at)
{
    struct flying taken = network->flight[at];
    network->count--;
    memmove(&network->flight[at], &network->flight[at + 1], (network->count - at) * sizeof taken);
    memset(&network->flight[network->count], 0, sizeof taken);
    return taken;
}

/* ---- what a host does in answer ---- */

static struct connection *live_connection(const struct world *world, unsigned host, unsigned *slot)
{
    for (*slot = 0; *slot < WORLD_CONNECTIONS; ++*slot) {
        struct connection *c = connection_at(&world_host(world, host)->tcp, *slot);
        if (c->in_use && c->end == LA_END_NONE) {
            return c;
        }
    }
    return NULL;
}

/* Whose numbers the packet carries: a connection's; in the queue of replies an ACK has a record's, and an RST those of
   what it answers. */
static unsigned tag_of_sender(const struct world *world, unsigned host, bool is_reply, unsigned flags, unsigned cause)
{
    unsigned slot;
    if (is_reply && (flags & LA_RST) != 0) {
        return cause;
    }
    if (is_reply && world_host(world, host)->tcp.waits[0].waiting > 0) {
        return world->ghost.record_tag[host];
    }
    return live_connection(world, host, &slot) == NULL ? cause : world->ghost.app[host][slot].tag;
}

/* Since the beginning. */
la_time checker_time(const struct checker *checker, const struct world *world, unsigned host)
{
    return checker->elapsed + world_host(world, host)->core.now - WORLD_NOW;
}

/* A host's clock begins anew with every event: what somebody watches goes on. */
static uint32_t elapsed_of(const struct checker *checker)
{
    return (uint32_t)(checker->elapsed / LA_MILLISECOND);
}

static void watch_packet(const struct checker *checker, const struct world *world, unsigned host, bool leaves,
                         const struct flying *segment, const char *fate)
{
    if (checker->watcher == NULL) {
        return;
    }
    struct flying seen = *segment;
    const uint32_t elapsed_ms = elapsed_of(checker);
    flying_add_stamps(&seen, elapsed_ms, elapsed_ms);
    checker->watcher->packet(checker->watcher->context, checker_time(checker, world, host), host, leaves, &seen, fate);
}

/* What made a host do something: an incarnation, and the segment that it was given, or NULL. */
struct cause {
    unsigned tag;
    const struct flying *segment;
};

static bool pull_one(struct checker *checker, struct world *world, unsigned host, struct cause cause)
{
    la_host *h = world_host(world, host);
    struct flying segment = {.to = (uint8_t)(1 - host)};
    bool is_reply = h->core.replies.used > 0;
    uint8_t packet[576];
    size_t length = la_host_output(h, h->core.now, 0, packet, sizeof packet);
    if (length == 0) {
        return false;
    }
    la_assert(length <= PACKET_BYTES);
    segment.length = (uint8_t)length;
    memcpy(segment.packet, packet, length);
    segment.tag = (uint8_t)tag_of_sender(world, host, is_reply, flying_flags(&segment), cause.tag);
    watch_packet(checker, world, host, true, &segment, NULL);
    const char *wrong = numbers_said(world, host, &segment, cause.segment);
    if (wrong != NULL) {
        checker_says(checker, PROPERTY_NUMBERS, wrong);
    }
    network_add(checker, &world->network, &segment);
    return true;
}

/* Its state goes on in a record. */
static bool enters_wait(const struct la_trace *record)
{
    return record->kind == LA_TRACE_STATE && record->to == LA_TIME_WAIT &&
           (record->from == LA_FIN_WAIT_2 || record->from == LA_CLOSING);
}

static void take_trace(struct checker *checker, struct world *world, unsigned host)
{
    struct la_trace record;
    while (world_host(world, host)->core.trace.count > 0 && la_host_trace(world_host(world, host), &record, 1) > 0) {
        if (record.kind == LA_TRACE_STATE && checker->coverage != NULL) {
            checker->coverage->edge[record.from][record.to]++;
        }
        if (enters_wait(&record)) {
            world->ghost.record_tag[host] = world->ghost.app[host][record.conn.slot].tag;
        }
        if (checker->watcher != NULL) {
            record.time += checker->elapsed - WORLD_NOW;
            record.deadline += record.deadline != 0 ? checker->elapsed - WORLD_NOW : 0;
            record.tsval += record.has_timestamp ? elapsed_of(checker) : 0;
            record.tsecr += record.has_timestamp && (record.flags & LA_ACK) != 0 ? elapsed_of(checker) : 0;
            checker->watcher->traced(checker->watcher->context, host, &record);
        }
    }
}

/* All packets leave, the application hears all, and what it does about it leaves too. Then the host is looked at, and
   brought to its one form. */
static void settle(struct checker *checker, struct world *world, unsigned host, struct cause cause)
{
    la_host *h = world_host(world, host);
    bool more = true;
    take_trace(checker, world, host);
    while (more) {
        while (pull_one(checker, world, host, cause)) {
        }
        uint32_t ready = h->tcp.ready_first;
        apps_react(checker, world, host);
        apps_follow(world, host, cause.tag);
        more = ready != NONE;
        take_trace(checker, world, host);
    }
    const char *wrong = host_check(h);
    if (wrong != NULL) {
        checker_says(checker, PROPERTY_HOST, wrong);
    }
    canonical_host(h);
    if (h->tcp.waits[0].used == 0) {
        world->ghost.record_tag[host] = 0;
    }
    checker->touched |= (uint8_t)(1U << host);
}

/* ---- the clock of initial sequence numbers ---- */

#define ISN_STEP_TICKS (OCTETS_MAX + 2) /* past all that an incarnation may send */
#define TICK           (4 * LA_MICROSECOND)

static unsigned isn_choices(const struct checker *checker, const struct world *world, unsigned host)
{
    bool is_opener = checker->scenario->opens[host] > 0;
    bool is_fast = checker->scenario->isn == ISN_FASTER || (checker->scenario->isn == ISN_FAST && is_opener);
    return is_fast && world->ghost.isns[host] > 0 ? 2 : 1;
}

static uint16_t isn_ticks(const struct checker *checker, const struct world *world, unsigned host, unsigned choice)
{
    if (world->ghost.isns[host] == 0 || checker->scenario->isn == ISN_REPEATS) {
        return 0;
    }
    return (uint16_t)(world->ghost.isn_ticks[host] + (choice == 1 ? 1 : ISN_STEP_TICKS));
}

static void isn_was_drawn(struct world *world, unsigned host, uint16_t ticks)
{
    world->ghost.isn_ticks[host] = ticks;
    world->ghost.isns[host]++;
}

/* ---- a segment arrives ---- */

static void count_pair(struct checker *checker, const struct world *world, unsigned host, const struct flying *segment)
{
    const la_host *h = world_host(world, host);
    unsigned slot;
    const struct connection *c = live_connection(world, host, &slot);
    unsigned state = listener_at(&h->tcp, 0)->in_use ? LA_LISTEN : LA_CLOSED;
    if (c != NULL) {
        state = c->state;
    } else if (h->tcp.waits[0].waiting > 0) {
        state = LA_TIME_WAIT;
    }
    checker->coverage->pair[state][flying_kind(segment)]++;
}

/* What a segment of an older incarnation must leave alone. */
struct witness {
    bool exists;
    unsigned slot;
    struct connection before;
};

static struct witness witness_begin(const struct world *world, unsigned host, unsigned tag)
{
    struct witness witness = {.exists = false};
    const struct connection *c = live_connection(world, host, &witness.slot);
    if (c != NULL && tag < world->ghost.app[host][witness.slot].tag && c->state != LA_SYN_RECEIVED) {
        witness.exists = true;
        witness.before = *c;
    }
    return witness;
}

static void input(struct world *world, const struct flying *segment, la_time now, bool dry)
{
    la_host *h = world_host(world, segment->to);
    struct tcp *tcp = &h->tcp;
    uint32_t free_count = tcp->pieces.free_count;
    uint32_t free_connection = tcp->free_connection;
    if (dry) {
        tcp->pieces.free_count = 0;
        tcp->free_connection = NONE;
    }
    la_host_input(h, now, 0, segment->packet, segment->length);
    if (dry) {
        tcp->pieces.free_count += free_count;
        tcp->free_connection = tcp->free_connection == NONE ? free_connection : tcp->free_connection;
    }
}

static void arrive(struct checker *checker, struct world *world, const struct flying *segment, unsigned choice,
                   bool dry)
{
    unsigned host = segment->to;
    if (checker->coverage != NULL) {
        count_pair(checker, world, host, segment);
    }
    struct witness witness = witness_begin(world, host, segment->tag);
    uint32_t in_use = world_host(world, host)->tcp.connections_in_use;
    bool draws = flying_is_first_syn(segment);
    uint16_t ticks = draws ? isn_ticks(checker, world, host, choice) : 0;
    struct due due = numbers_due(world, segment);
    due.exists = due.exists && !dry;
    watch_packet(checker, world, host, false, segment, segment->late ? "late" : NULL);
    input(world, segment, WORLD_NOW + ticks * TICK, dry);
    if (draws && world_host(world, host)->tcp.connections_in_use > in_use) {
        isn_was_drawn(world, host, ticks);
    }
    const struct connection *after = connection_at(&world_host(world, host)->tcp, witness.slot);
    bool was_taken = witness.exists && !numbers_are_as_before(after, &witness.before);
    if (!numbers_were_taken(world, host, &due)) {
        checker_says(checker, PROPERTY_NUMBERS, "what came in its order was not taken");
    }
    apps_follow(world, host, segment->tag);
    settle(checker, world, host, (struct cause){segment->tag, segment});
    if (was_taken) { /* what the application reads says more */
        checker_says(checker, PROPERTY_OLD_SEGMENT, "a segment of an older incarnation was accepted");
    }
}

/* ---- forged segments ---- */

static void inject(struct checker *checker, struct world *world, unsigned host, unsigned choice)
{
    enum forgery what = (enum forgery)choice;
    const struct forge_target target = forge_target_of(world, host);
    unsigned tag = world->ghost.record_tag[host];
    if (target.connection != NULL) {
        tag = world->ghost.app[host][connection_slot(&world_host(world, host)->tcp, target.connection)].tag;
    }
    const struct flying segment = forge(&target, tag, what);
    const struct forge_mark mark = forge_mark(&target);
    if (forge_ends(what)) {
        world->ghost.explained |= (uint8_t)(1U << tag);
    }
    watch_packet(checker, world, host, false, &segment, "forged");
    input(world, &segment, WORLD_NOW, false);
    const char *wrong = forge_obeyed(&target, &mark, what);
    if (wrong != NULL) {
        checker_says(checker, PROPERTY_INJECTED, wrong);
    }
    settle(checker, world, host, (struct cause){tag, &segment});
}

/* ---- time ---- */

/* Milliseconds until the host wants to be called: less than 0 if that is overdue. False: never. */
static bool due_in_ms(const la_host *host, int64_t *ms)
{
    la_time deadline = la_host_deadline(host);
    if (deadline == LA_TIME_NEVER) {
        return false;
    }
    *ms = (int64_t)((deadline - WORLD_NOW + LA_MILLISECOND - 1) / LA_MILLISECOND);
    const struct timer_entry *first = timers_first(&host->tcp.timers, core_at(&host->core, host->tcp.timer_entries));
    if (*ms == 0 && first != NULL) {
        int32_t entry_ms = (int32_t)(first->deadline_ms - WORLD_NOW_MS);
        *ms = entry_ms < 0 ? entry_ms : 0;
    }
    return true;
}

/* Deadlines come in order, but for the skew. */
static bool timer_may_fire(const struct checker *checker, const struct world *world, unsigned host)
{
    int64_t ours = 0;
    int64_t theirs = 0;
    if (!due_in_ms(world_host(world, host), &ours)) {
        return false;
    }
    bool other = due_in_ms(world_host(world, 1 - host), &theirs);
    int64_t ahead = ours > 0 ? ours : 0; /* what is overdue is served now */
    return !other || ahead <= theirs + (int64_t)checker->scenario->skew_ms || ours <= theirs;
}

static void grow_old(const struct checker *checker, struct world *world, uint32_t ms)
{
    struct network *network = &world->network;
    for (unsigned i = 0; i < network->count;) {
        network->flight[i].age_ms += ms;
        if (network->flight[i].age_ms > checker->scenario->lifetime_ms) {
            watch_packet(checker, world, 1U - network->flight[i].to, true, &network->flight[i], "lost, of old age");
            network_take(network, i);
        } else {
            i++;
        }
    }
    canonical_network(network);
}

static void fire(struct checker *checker, struct world *world, unsigned host)
{
    la_host *h = world_host(world, host);
    la_host *other = world_host(world, 1 - host);
    la_time now = la_host_deadline(h);
    now = now < WORLD_NOW ? WORLD_NOW : now;
    uint32_t passed_ms = (uint32_t)((now - WORLD_NOW) / LA_MILLISECOND);
    unsigned slot;
    unsigned cause = live_connection(world, host, &slot) != NULL ? world->ghost.app[host][slot].tag : 0;
    grow_old(checker, world, passed_ms);
    la_host_advance(h, now);
    apps_follow(world, host, cause);
    settle(checker, world, host, (struct cause){cause, NULL});
    checker->elapsed += passed_ms * LA_MILLISECOND;
    if (passed_ms > 0) {
        other->core.now_ms += passed_ms;
        canonical_host(other);
        checker->touched = 3;
    }
    if (passed_ms > 0 && checker->scenario->timestamps) {
        canonical_shift_timestamps(world, 0, passed_ms);
        canonical_shift_timestamps(world, 1, passed_ms);
        canonical_network(&world->network);
    }
}

/* ---- what can happen ---- */

static bool may(const struct checker *checker, const struct world *world, enum fault fault)
{
    return world->ghost.used[fault] < checker->scenario->budget[fault];
}

struct event_list {
    struct event *events;
    unsigned count;
};

static void add(struct event_list *list, enum event_kind kind, unsigned at, unsigned choice)
{
    la_assert(list->count < EVENTS_MAX);
    list->events[list->count++] = (struct event){(uint8_t)kind, (uint8_t)at, (uint8_t)choice};
}

static void add_arrivals(const struct checker *checker, const struct world *world, unsigned at, struct event_list *list)
{
    const struct flying *segment = &world->network.flight[at];
    unsigned choices = flying_is_first_syn(segment) ? isn_choices(checker, world, segment->to) : 1;
    for (unsigned choice = 0; choice < choices; choice++) {
        add(list, EVENT_DELIVER, at, choice);
    }
    bool takes_memory = flying_is_first_syn(segment) || flying_text_bytes(segment) > 0;
    if (takes_memory && may(checker, world, FAULT_MEMORY)) {
        add(list, EVENT_DELIVER_DRY, at, 0);
    }
}

/* Only the next of a direction, and the late ones, come: what overtakes is what was delayed or copied before. */
static bool is_next(const struct network *network, unsigned at)
{
    const struct flying *segment = &network->flight[at];
    return segment->late || at == 0 || network->flight[at - 1].to != segment->to;
}

static void add_network(const struct checker *checker, const struct world *world, struct event_list *list)
{
    const struct network *network = &world->network;
    for (unsigned at = 0; at < network->count; at++) {
        if (!is_next(network, at)) {
            continue;
        }
        if (network->flight[at].late && at > 0 &&
            memcmp(&network->flight[at], &network->flight[at - 1], sizeof(struct flying)) == 0) {
            continue; /* the same as the one before it */
        }
        add_arrivals(checker, world, at, list);
        if (network->flight[at].late) {
            continue;
        }
        if (may(checker, world, FAULT_LOSS)) {
            add(list, EVENT_DROP, at, 0);
        }
        if (may(checker, world, FAULT_DUPLICATION) && network->count < FLIGHT_MAX) {
            add(list, EVENT_DUPLICATE, at, 0);
        }
        if (may(checker, world, FAULT_REORDERING)) {
            add(list, EVENT_DELAY, at, 0);
        }
    }
}

/* Nothing is under way in its turn. */
static bool is_quiet(const struct network *network)
{
    return network->count == 0 || network->flight[0].late;
}

/* Nobody is expected to do anything before time passes: a timer that fires earlier means that somebody was slow. */
static bool is_at_rest(const struct checker *checker, const struct world *world)
{
    for (unsigned at = 0; at < 2 * WORLD_CONNECTIONS; at++) {
        if (apps_next(checker, world, at / WORLD_CONNECTIONS, at % WORLD_CONNECTIONS) != STEP_NONE) {
            return false;
        }
    }
    return is_quiet(&world->network);
}

static void add_host(const struct checker *checker, const struct world *world, unsigned host, struct event_list *list)
{
    if ((is_at_rest(checker, world) || may(checker, world, FAULT_PREMATURE)) && timer_may_fire(checker, world, host)) {
        add(list, EVENT_TIMER, host * WORLD_CONNECTIONS, 0);
    }
    if (apps_may_open(checker, world, host)) {
        for (unsigned choice = 0; choice < isn_choices(checker, world, host); choice++) {
            add(list, EVENT_OPEN, host * WORLD_CONNECTIONS, choice);
        }
    }
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        if (apps_next(checker, world, host, slot) != STEP_NONE) {
            add(list, EVENT_STEP, host * WORLD_CONNECTIONS + slot, 0);
        }
    }
    if (may(checker, world, FAULT_INJECTION)) {
        const struct forge_target target = forge_target_of(world, host);
        for (unsigned what = target.first; what < target.end; what++) {
            if (!forge_fits(&target, (enum forgery)what)) {
                continue;
            }
            add(list, EVENT_INJECT, host * WORLD_CONNECTIONS, what);
        }
    }
}

unsigned world_events(const struct checker *checker, const struct world *world, struct event events[EVENTS_MAX])
{
    struct event_list list = {events, 0};
    add_network(checker, world, &list);
    add_host(checker, world, 0, &list);
    add_host(checker, world, 1, &list);
    return list.count;
}

/* ---- it happens ---- */

#define SILENT_RUN_MAX 60 /* deliveries in a row, with nothing else between them */

static void delivered(struct checker *checker, struct world *world, struct event event)
{
    const struct flying segment = network_take(&world->network, event.at);
    bool dry = event.kind == EVENT_DELIVER_DRY;
    world->ghost.used[FAULT_MEMORY] = (uint8_t)(world->ghost.used[FAULT_MEMORY] + dry);
    arrive(checker, world, &segment, event.choice, dry);
    if (++world->silent_run > SILENT_RUN_MAX) {
        checker_says(checker, PROPERTY_ACK_WAR, "segments are answered without end");
    }
}

static void fault_in_network(const struct checker *checker, struct world *world, struct event event)
{
    struct network *network = &world->network;
    struct flying *segment = &network->flight[event.at];
    if (event.kind == EVENT_DUPLICATE) {
        struct flying copy = *segment;
        copy.late = 1;
        world->ghost.used[FAULT_DUPLICATION]++;
        watch_packet(checker, world, 1U - copy.to, true, &copy, "copied");
        network->flight[network->count++] = copy;
    } else if (event.kind == EVENT_DELAY) {
        world->ghost.used[FAULT_REORDERING]++;
        watch_packet(checker, world, 1U - segment->to, true, segment, "delayed");
        segment->late = 1;
    } else {
        world->ghost.used[FAULT_LOSS]++;
        watch_packet(checker, world, 1U - segment->to, true, segment, "lost");
        network_take(network, event.at);
    }
    canonical_network(network);
}

static void opens(struct checker *checker, struct world *world, unsigned host, unsigned choice)
{
    uint16_t ticks = isn_ticks(checker, world, host, choice);
    apps_open(checker, world, host, WORLD_NOW + ticks * TICK);
    isn_was_drawn(world, host, ticks);
    settle(checker, world, host, (struct cause){world->ghost.opened[host], NULL});
}

void world_apply(struct checker *checker, struct world *world, struct event event)
{
    unsigned host = event.at / WORLD_CONNECTIONS;
    unsigned slot = event.at % WORLD_CONNECTIONS;
    checker->wrong = PROPERTY_NONE;
    checker->wrong_why = NULL;
    checker->touched = 0;
    const struct numbers before[2] = {numbers_of(world, 0), numbers_of(world, 1)};
    const la_time began = checker->elapsed;
    if (event.kind != EVENT_DELIVER && event.kind != EVENT_DELIVER_DRY) {
        world->silent_run = 0;
    }
    switch ((enum event_kind)event.kind) {
    case EVENT_DELIVER:
    case EVENT_DELIVER_DRY: delivered(checker, world, event); break;
    case EVENT_DROP:
    case EVENT_DUPLICATE:
    case EVENT_DELAY: fault_in_network(checker, world, event); break;
    case EVENT_TIMER:
        if (!is_at_rest(checker, world)) {
            world->ghost.used[FAULT_PREMATURE]++;
        }
        fire(checker, world, host);
        break;
    case EVENT_OPEN: opens(checker, world, host, event.choice); break;
    case EVENT_STEP: {
        unsigned tag = world->ghost.app[host][slot].tag;
        apps_step(checker, world, host, slot);
        settle(checker, world, host, (struct cause){tag, NULL});
        break;
    }
    case EVENT_INJECT:
        world->ghost.used[FAULT_INJECTION]++;
        inject(checker, world, host, event.choice);
        break;
    }
    for (unsigned at = 0; at < 2; at++) {
        const char *wrong =
            numbers_went_back(world, at, &before[at], (uint32_t)((checker->elapsed - began) / LA_MILLISECOND));
        wrong = wrong != NULL ? wrong : numbers_unanswered(world, at);
        if (wrong != NULL) {
            checker_says(checker, PROPERTY_NUMBERS, wrong);
        }
    }
}

bool world_may_rest(const struct world *world)
{
    for (unsigned at = 0; at < 2 * WORLD_CONNECTIONS; at++) {
        const struct app *app = &world->ghost.app[at / WORLD_CONNECTIONS][at % WORLD_CONNECTIONS];
        if (app->exists && (world->ghost.explained >> app->tag & 1) == 0) {
            return false;
        }
    }
    return is_quiet(&world->network);
}

bool world_is_done(const struct checker *checker, const struct world *world)
{
    for (unsigned host = 0; host < 2; host++) {
        if (world_host(world, host)->tcp.connections_in_use > 0 ||
            world->ghost.opened[host] < checker->scenario->opens[host]) {
            return false;
        }
    }
    return is_quiet(&world->network);
}

static unsigned bits_of(unsigned bits)
{
    return (unsigned)__builtin_popcount(bits);
}

unsigned world_progress(const struct world *world)
{
    const struct ghost *ghost = &world->ghost;
    unsigned sum = bits_of(ghost->accepted) + bits_of(ghost->explained);
    for (unsigned host = 0; host < 2; host++) {
        sum += 0U + ghost->opened[host] + ghost->isns[host] + bits_of(ghost->closed[host]);
        for (unsigned tag = 0; tag <= OPENS_MAX; tag++) {
            sum += 0U + ghost->wrote[host][tag] + ghost->delivered[host][tag];
        }
    }
    for (unsigned fault = 0; fault < FAULT_COUNT; fault++) {
        sum += ghost->used[fault];
    }
    return sum;
}

/* ---- in words ---- */

void world_event_text(const struct checker *checker, const struct world *world, struct event event, char *text,
                      size_t size)
{
    const struct flying *segment = &world->network.flight[event.at < FLIGHT_MAX ? event.at : 0];
    const char *kind = segment_kind_name(flying_kind(segment));
    unsigned host = event.at / WORLD_CONNECTIONS;
    unsigned slot = event.at % WORLD_CONNECTIONS;
    switch ((enum event_kind)event.kind) {
    case EVENT_DELIVER:
    case EVENT_DELIVER_DRY:
        snprintf(text, size, "%s %s of incarnation %u reaches host %u%s%s", segment->late ? "a late" : "the", kind,
                 segment->tag, segment->to, event.kind == EVENT_DELIVER_DRY ? ", which has no memory" : "",
                 event.choice == 1 ? ", whose clock has ticked once" : "");
        return;
    case EVENT_DROP: snprintf(text, size, "the %s to host %u is lost", kind, segment->to); return;
    case EVENT_DUPLICATE: snprintf(text, size, "the %s to host %u is duplicated", kind, segment->to); return;
    case EVENT_DELAY: snprintf(text, size, "the %s to host %u is delayed", kind, segment->to); return;
    case EVENT_TIMER: snprintf(text, size, "host %u's timer fires", host); return;
    case EVENT_OPEN:
        snprintf(text, size, "host %u opens%s", host, event.choice == 1 ? ", its clock has ticked once" : "");
        return;
    case EVENT_STEP:
        snprintf(text, size, "host %u: %s", host, step_name(apps_next(checker, world, host, slot)));
        return;
    case EVENT_INJECT:
        snprintf(text, size, "to host %u is forged: %s", host, forgery_name((enum forgery)event.choice));
        return;
    }
}
