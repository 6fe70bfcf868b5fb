#include "apps.h"

#include <string.h>

#include "host/host.h"
#include "tcp/connection.h"

static struct la_conn handle_of(unsigned slot)
{
    return (struct la_conn){slot, 1}; /* canonical_host numbers every generation so */
}

void checker_says(struct checker *checker, enum property wrong, const char *why)
{
    if (checker->wrong == PROPERTY_NONE) {
        checker->wrong = wrong;
        checker->wrong_why = why;
    }
}

static void call_is_seen(const struct checker *checker, const struct world *world, unsigned host, const char *text,
                         int result)
{
    if (checker->watcher != NULL) {
        checker->watcher->call(checker->watcher->context, checker_time(checker, world, host), host, text, result);
    }
}

void apps_follow(struct world *world, unsigned host, unsigned tag)
{
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        struct connection *c = connection_at(&world_host(world, host)->tcp, slot);
        struct app *app = &world->ghost.app[host][slot];
        if (!c->in_use) {
            *app = (struct app){0};
        } else if (!app->exists) {
            *app = (struct app){.exists = 1, .tag = (uint8_t)tag};
            c->generation = 1;
        }
    }
}

/* ---- reading ---- */

/* An octet says who wrote it, in which incarnation, and as which. */
static uint8_t octet(unsigned host, unsigned tag, unsigned place)
{
    return (uint8_t)(host << 7 | tag << 4 | place);
}

static void take_octets(struct checker *checker, struct world *world, unsigned host, struct app *app,
                        const uint8_t *octets, int count)
{
    unsigned peer = 1 - host;
    for (int i = 0; i < count; i++) {
        if (octets[i] != octet(peer, app->tag, app->received)) {
            bool is_old = (octets[i] >> 4 & 7) != app->tag;
            checker_says(checker, PROPERTY_DATA,
                         is_old ? "an octet of another incarnation was delivered" : "not the octet that comes next");
            return;
        }
        app->received++;
        world->ghost.delivered[host][app->tag] = app->received;
    }
}

static void end_of_data(struct checker *checker, const struct world *world, unsigned host, struct app *app)
{
    unsigned peer = 1 - host;
    app->saw_eof = 1;
    if ((world->ghost.closed[peer] >> app->tag & 1) == 0) {
        checker_says(checker, PROPERTY_EOF, "end of data, but the peer's application did not close");
    } else if (world->ghost.wrote[peer][app->tag] != app->received) {
        checker_says(checker, PROPERTY_EOF, "end of data before all octets were read");
    }
}

static void read_all(struct checker *checker, struct world *world, unsigned host, unsigned slot)
{
    struct app *app = &world->ghost.app[host][slot];
    la_host *h = world_host(world, host);
    uint8_t octets[16];
    int count = 0;
    while (!app->saw_eof && (count = la_recv(h, h->core.now, handle_of(slot), octets, sizeof octets)) > 0) {
        call_is_seen(checker, world, host, "read()", count);
        take_octets(checker, world, host, app, octets, count);
    }
    if (count == 0 && !app->saw_eof) {
        call_is_seen(checker, world, host, "read()", 0);
        end_of_data(checker, world, host, app);
    }
}

/* A lazy application reads only where its script waits for octets, or for their end. */
static bool is_reading(const struct checker *checker, const struct world *world, unsigned host, unsigned slot)
{
    if ((checker->scenario->lazy >> host & 1) == 0) {
        return true;
    }
    unsigned position = world->ghost.app[host][slot].position;
    enum step step = position < SCRIPT_STEPS ? (enum step)checker->scenario->steps[host][position] : STEP_NONE;
    return step == GUARD_READ || step == GUARD_EOF;
}

/* ---- the end ---- */

static bool is_explained(const struct world *world, unsigned tag)
{
    return (world->ghost.explained >> tag & 1) != 0;
}

/* All that was acknowledged was read, unless the peer's application stopped reading. */
static void ended_clean(struct checker *checker, const struct world *world, unsigned host, unsigned tag)
{
    unsigned peer = 1 - host;
    bool has_left = (world->ghost.left[peer] >> tag & 1) != 0;
    if (!has_left && world->ghost.delivered[peer][tag] != world->ghost.wrote[host][tag]) {
        checker_says(checker, PROPERTY_LOST, "a clean end, but not all octets were read");
    }
}

static void judge_end(struct checker *checker, struct world *world, unsigned host, unsigned tag,
                      const struct la_outcome *outcome)
{
    switch (outcome->end) {
    case LA_END_CLEAN: ended_clean(checker, world, host, tag); return;
    case LA_END_RESET_BY_PEER:
        if (!is_explained(world, tag)) {
            checker_says(checker, PROPERTY_RESET, "reset by the peer, and nobody had a reason to");
        }
        return;
    case LA_END_TIMED_OUT: checker_says(checker, PROPERTY_GIVEN_UP, "left retransmitting until it gave up"); return;
    case LA_END_REFUSED:
        if (!is_explained(world, tag) && checker->scenario->opens[1 - host] == 0) {
            checker_says(checker, PROPERTY_OPEN, "refused, although somebody listens");
        }
        return;
    case LA_END_WAITS:
        if (checker->scenario->isn == ISN_CLOCK) {
            checker_says(checker, PROPERTY_OPEN, "the peer's SYN could not be told from the old connection's");
        }
        return;
    case LA_END_NONE:
    case LA_END_UNDONE: return;
    case LA_END_ABORTED:
    case LA_END_UNREAD_DATA:
    case LA_END_DATA_AFTER_CLOSE:
    case LA_END_LINGER_BOUND:
    case LA_END_CLOSED_EARLY:
    case LA_END_USER_TIMEOUT:
    case LA_END_KEEPALIVE:
    case LA_END_FIN_WAIT_2_BOUND:
    case LA_END_ORPHAN_BOUND:
    case LA_END_UNREACHABLE: world->ghost.explained |= (uint8_t)(1U << tag); return;
    }
}

static void look_at_end(struct checker *checker, struct world *world, unsigned host, unsigned slot)
{
    la_host *h = world_host(world, host);
    struct la_outcome outcome;
    if (la_outcome(h, handle_of(slot), &outcome) != LA_OK || outcome.end == LA_END_NONE) {
        return;
    }
    judge_end(checker, world, host, world->ghost.app[host][slot].tag, &outcome);
    la_release(h, h->core.now, handle_of(slot));
    apps_follow(world, host, 0);
}

/* ---- events ---- */

static void accept_one(struct checker *checker, struct world *world, unsigned host, struct la_listener listener)
{
    la_host *h = world_host(world, host);
    struct la_conn conn;
    while (la_accept(h, h->core.now, listener, &conn) == LA_OK) {
        struct app *app = &world->ghost.app[host][conn.slot];
        app->is_held = 1;
        if ((world->ghost.accepted >> app->tag & 1) != 0) {
            checker_says(checker, PROPERTY_GHOST, "accepted again: its peer opened it only once");
        }
        world->ghost.accepted |= (uint8_t)(1U << app->tag);
        call_is_seen(checker, world, host, "accept()", 0);
        if (is_reading(checker, world, host, conn.slot)) {
            read_all(checker, world, host, conn.slot);
        }
        look_at_end(checker, world, host, conn.slot);
    }
}

void apps_react(struct checker *checker, struct world *world, unsigned host)
{
    la_host *h = world_host(world, host);
    struct la_event event;
    while (la_host_event(h, &event)) {
        if ((event.flags & LA_READY_ACCEPTABLE) != 0) {
            accept_one(checker, world, host, event.listener);
            continue;
        }
        struct app *app = &world->ghost.app[host][event.conn.slot];
        if (!app->is_held) {
            continue;
        }
        if ((event.flags & LA_READY_WRITABLE) != 0) {
            app->is_blocked = 0;
        }
        if ((event.flags & (LA_READY_READABLE | LA_READY_PEER_CLOSED)) != 0 &&
            is_reading(checker, world, host, event.conn.slot)) {
            read_all(checker, world, host, event.conn.slot);
        }
        if ((event.flags & LA_READY_ENDED) != 0) {
            look_at_end(checker, world, host, event.conn.slot);
        }
    }
}

/* ---- calls ---- */

static bool guard_holds(enum step guard, const struct app *app, const struct connection *c)
{
    if (guard == GUARD_OPEN) {
        return state_is_synchronised((enum la_state)c->state);
    }
    return guard == GUARD_READ ? app->received >= APP_SEND_BYTES : app->saw_eof != 0;
}

enum step apps_next(const struct checker *checker, const struct world *world, unsigned host, unsigned slot)
{
    const struct app *app = &world->ghost.app[host][slot];
    const struct connection *c = connection_at(&world_host(world, host)->tcp, slot);
    if (!app->is_held || app->is_blocked) {
        return STEP_NONE;
    }
    for (unsigned position = app->position; position < SCRIPT_STEPS; position++) {
        enum step step = (enum step)checker->scenario->steps[host][position];
        if (step >= GUARD_OPEN) {
            if (!guard_holds(step, app, c)) {
                return STEP_NONE;
            }
            continue;
        }
        return step == STEP_SHUTDOWN && c->state == LA_SYN_SENT ? STEP_NONE : step;
    }
    return STEP_NONE;
}

/* False: there was no room for it. */
static bool write_some(const struct checker *checker, struct world *world, unsigned host, unsigned slot)
{
    struct app *app = &world->ghost.app[host][slot];
    la_host *h = world_host(world, host);
    uint8_t octets[APP_SEND_BYTES];
    for (unsigned i = 0; i < APP_SEND_BYTES; i++) {
        octets[i] = octet(host, app->tag, app->sent + i);
    }
    int count = la_send(h, h->core.now, handle_of(slot), octets, sizeof octets);
    call_is_seen(checker, world, host, step_name(STEP_SEND), count);
    if (count == LA_ERROR_WOULD_BLOCK) {
        app->is_blocked = 1;
        return false;
    }
    app->sent = (uint8_t)(app->sent + (count > 0 ? count : 0));
    world->ghost.wrote[host][app->tag] = app->sent;
    return true;
}

/* RFC 9293 3.6.1 by RFC 1122 4.2.2.13: over text that nobody has read, it is a reset. */
static void close_now(struct checker *checker, struct world *world, unsigned host, unsigned slot)
{
    la_host *h = world_host(world, host);
    const struct connection *c = connection_at(&h->tcp, slot);
    bool has_unread = c->end == LA_END_NONE && c->in.length > 0;
    la_close(h, h->core.now, handle_of(slot));
    if (has_unread && c->end != LA_END_UNREAD_DATA) {
        checker_says(checker, PROPERTY_LOST, "closed over text that nobody has read, and its peer is not told");
    }
}

void apps_step(struct checker *checker, struct world *world, unsigned host, unsigned slot)
{
    struct app *app = &world->ghost.app[host][slot];
    la_host *h = world_host(world, host);
    enum step step = apps_next(checker, world, host, slot);
    while (checker->scenario->steps[host][app->position] != step) {
        app->position++; /* guards that hold */
    }
    if (step != STEP_SEND) {
        call_is_seen(checker, world, host, step_name(step), 0);
    }
    const uint8_t bit = (uint8_t)(1U << app->tag);
    switch (step) {
    case STEP_SEND:
        if (!write_some(checker, world, host, slot)) {
            return;
        }
        break;
    case STEP_SHUTDOWN:
        world->ghost.closed[host] |= bit;
        la_shutdown(h, h->core.now, handle_of(slot));
        break;
    case STEP_CLOSE:
        world->ghost.closed[host] |= bit;
        world->ghost.left[host] |= app->saw_eof ? 0 : bit;
        close_now(checker, world, host, slot);
        break;
    case STEP_LINGER:
        world->ghost.closed[host] |= bit;
        world->ghost.left[host] |= app->saw_eof ? 0 : bit;
        la_close_lingering(h, h->core.now, handle_of(slot));
        break;
    case STEP_ABORT:
        world->ghost.explained |= bit;
        la_abort(h, h->core.now, handle_of(slot));
        break;
    case STEP_NONE:
    case GUARD_OPEN:
    case GUARD_READ:
    case GUARD_EOF: break;
    }
    app->position++;
    bool begins_to_read = (checker->scenario->lazy >> host & 1) != 0 && is_reading(checker, world, host, slot);
    if (begins_to_read && app->exists && app->is_held) {
        read_all(checker, world, host, slot);
    }
}

bool apps_may_open(const struct checker *checker, const struct world *world, unsigned host)
{
    const struct la_host *h = world_host(world, host);
    if (world->ghost.opened[host] >= checker->scenario->opens[host] || h->tcp.free_connection == NONE) {
        return false;
    }
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(&h->tcp, slot);
        if (world->ghost.app[host][slot].is_held || (c->in_use && c->end == LA_END_NONE)) {
            return false;
        }
    }
    const struct la_endpoint local = world_endpoint(host);
    const struct la_endpoint remote = world_endpoint(1 - host);
    la_time until = 0;
    return checker->scenario->reuse || (la_wait_until(h, &local, &remote, &until) == LA_OK && until == 0);
}

void apps_open(struct checker *checker, struct world *world, unsigned host, la_time now)
{
    la_host *h = world_host(world, host);
    const struct la_endpoint local = world_endpoint(host);
    const struct la_endpoint remote = world_endpoint(1 - host);
    struct la_conn conn;
    call_is_seen(checker, world, host, "connect()", 0);
    unsigned tag = ++world->ghost.opened[host];
    if (la_connect(h, now, &local, &remote, &conn) != LA_OK) {
        checker_says(checker, PROPERTY_OPEN, "connect() failed");
        return;
    }
    apps_follow(world, host, tag);
    world->ghost.app[host][conn.slot].is_held = 1;
}
