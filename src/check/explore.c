
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explore_private.h"

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

const char *ending_name(enum ending ending)
{
    switch (ending) {
    case ENDING_COMPLETE: return "complete";
    case ENDING_FOUND: return "found";
    case ENDING_STATES: return "states";
    case ENDING_SECONDS: return "seconds";
    case ENDING_MEMORY: return "memory";
    case ENDING_BROKEN: return "broken";
    }
    return "?";
}

double collision_chance(uint64_t states)
{
    double chance = (double)states * (double)states;
    for (unsigned bit = 0; bit < 129; bit++) {
        chance /= 2;
    }
    return chance;
}

/* ---- what was found ---- */

static void trail_to(const struct explorer *explorer, uint32_t number, struct trail *trail)
{
    trail->count = 0;
    for (uint32_t at = number; at != 0; at = explorer->store.origins[at].parent) {
        trail->count++;
    }
    uint32_t left = trail->count;
    for (uint32_t at = number; at != 0; at = explorer->store.origins[at].parent) {
        left--;
        if (left < TRAIL_MAX) {
            trail->event[left] = explorer->store.origins[at].event;
        }
    }
}

static void found(struct explorer *explorer, enum property property, const char *why, const struct event *last)
{
    struct verdict *verdict = explorer->verdict;
    verdict->ending = ENDING_FOUND;
    verdict->found = property;
    verdict->why = why;
    trail_to(explorer, explorer->next, &verdict->trail);
    if (last != NULL && verdict->trail.count < TRAIL_MAX) {
        verdict->trail.event[verdict->trail.count++] = *last;
    }
}

/* ---- one step ---- */

/* False: stop. */
static bool step(struct explorer *explorer, const struct packed *from, struct event event)
{
    struct checker *checker = &explorer->checker;
    world_apply(checker, &explorer->world, event);
    explorer->verdict->transitions++;
    if (checker->wrong != PROPERTY_NONE) {
        found(explorer, checker->wrong, checker->wrong_why, &event);
        return false;
    }
    struct packed *to = frontier_room(&explorer->frontier);
    if (to == NULL) {
        explorer->verdict->ending = ENDING_MEMORY;
        return false;
    }
    pack_world(&explorer->world, from, checker->touched, to);
    const struct digest digest = pack_digest(to);
    bool is_new = false;
    const uint8_t progress = (uint8_t)world_progress(&explorer->world);
    const uint8_t from_progress = explorer->store.origins[explorer->next].progress;
    const struct origin origin = {explorer->next, event, progress};
    uint32_t number = store_add(&explorer->store, &digest, origin, &is_new);
    if (number == STORE_FULL) {
        explorer->verdict->ending = ENDING_MEMORY;
        return false;
    }
    if (is_new) {
        frontier_push(&explorer->frontier, to);
        if (to->bytes > explorer->verdict->packed_bytes) {
            explorer->verdict->packed_bytes = to->bytes;
        }
    }
    if (explorer->store.origins[number].progress == from_progress &&
        !circles_add(&explorer->circles, explorer->next, number)) {
        explorer->verdict->ending = ENDING_MEMORY;
        return false;
    }
    return true;
}

/* All that can happen to the world that is next. False: stop. */
static bool expand(struct explorer *explorer, const struct packed *from)
{
    struct event events[EVENTS_MAX];
    unpack_world(&explorer->world, from, 3);
    unsigned count = world_events(&explorer->checker, &explorer->world, events);
    if (count == 0 && !world_is_done(&explorer->checker, &explorer->world) && !world_may_rest(&explorer->world)) {
        found(explorer, PROPERTY_STUCK, "nothing can happen any more", NULL);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!step(explorer, from, events[i])) {
            return false;
        }
        if (i + 1 < count) {
            unpack_world(&explorer->world, from, explorer->checker.touched);
        }
    }
    return true;
}

/* ---- the whole ---- */

static void measure(struct explorer *explorer)
{
    struct verdict *verdict = explorer->verdict;
    verdict->states = explorer->store.count;
    verdict->waiting = explorer->store.count - explorer->next;
    verdict->overflows = explorer->checker.overflows;
    verdict->memory_bytes = store_bytes(&explorer->store) + explorer->frontier.chunks * CHUNK_BYTES +
                            explorer->circles.capacity * sizeof *explorer->circles.steps;
    verdict->seconds = explorer->earlier + seconds_now() - explorer->began;
}

/* A bound is reached: nothing more is begun. */
static bool is_bound(struct explorer *explorer)
{
    const struct bounds *bounds = explorer->bounds;
    struct verdict *verdict = explorer->verdict;
    if (bounds->states > 0 && explorer->store.count >= bounds->states) {
        verdict->ending = ENDING_STATES;
        return true;
    }
    if ((explorer->next & 0xfff) != 0) {
        return false;
    }
    measure(explorer);
    if (bounds->checkpoint != NULL && verdict->seconds - explorer->saved >= bounds->checkpoint_seconds) {
        explorer->saved = verdict->seconds;
        if (!checkpoint_write(explorer, bounds->checkpoint)) {
            verdict->ending = ENDING_BROKEN;
            verdict->why = "the checkpoint cannot be written";
            return true;
        }
    }
    if (bounds->seconds > 0 && verdict->seconds >= bounds->seconds) {
        verdict->ending = ENDING_SECONDS;
        return true;
    }
    if (bounds->memory_bytes > 0 && verdict->memory_bytes >= bounds->memory_bytes) {
        verdict->ending = ENDING_MEMORY;
        return true;
    }
    return false;
}

static void run(struct explorer *explorer)
{
    const struct packed *from;
    while ((from = frontier_front(&explorer->frontier)) != NULL) {
        if (is_bound(explorer)) {
            return;
        }
        if (explorer->next == explorer->level_end) {
            explorer->verdict->depth++;
            explorer->level_end = explorer->store.count;
        }
        if (!expand(explorer, from)) {
            return;
        }
        frontier_drop(&explorer->frontier);
        explorer->next++;
    }
    explorer->verdict->ending = ENDING_COMPLETE;
}

/* What leads from one world to the other. */
static bool event_between(struct explorer *explorer, const struct world *from, const struct digest *to,
                          struct event *event)
{
    static struct world world;
    static _Alignas(8) uint8_t room[PACKED_MAX];
    struct packed *packed = (void *)room;
    struct event events[EVENTS_MAX];
    unsigned count = world_events(&explorer->checker, from, events);
    for (unsigned i = 0; i < count; i++) {
        world = *from;
        world_apply(&explorer->checker, &world, events[i]);
        pack_world(&world, NULL, 3, packed);
        const struct digest digest = pack_digest(packed);
        if (memcmp(&digest, to, sizeof digest) == 0) {
            *event = events[i];
            return true;
        }
    }
    return false;
}

#define CIRCLE_MAX 64

/* Nothing else was found: what could go on for ever without a call and without a fault? */
static void look_for_circles(struct explorer *explorer)
{
    uint32_t numbers[CIRCLE_MAX];
    uint32_t length = circles_find(&explorer->circles, explorer->store.count, numbers, CIRCLE_MAX);
    if (length == CIRCLES_NO_MEMORY) {
        explorer->verdict->ending = ENDING_MEMORY;
        return;
    }
    if (length == 0) {
        return;
    }
    explorer->next = numbers[0];
    found(explorer, PROPERTY_ACK_WAR, "what happens last leads round in a circle", NULL);
    struct trail *trail = &explorer->verdict->trail;
    world_begin(&explorer->checker, &explorer->world);
    for (uint32_t i = 0; i < trail->count && i < TRAIL_MAX; i++) {
        world_apply(&explorer->checker, &explorer->world, trail->event[i]);
    }
    for (uint32_t i = 0; i < length && trail->count < TRAIL_MAX; i++) {
        struct event event;
        if (!event_between(explorer, &explorer->world, &explorer->store.digests[numbers[(i + 1) % length]], &event)) {
            return;
        }
        trail->event[trail->count++] = event;
        world_apply(&explorer->checker, &explorer->world, event);
    }
}

static bool begin(struct explorer *explorer)
{
    if (!store_init(&explorer->store) || !world_begin(&explorer->checker, &explorer->world)) {
        return false;
    }
    if (explorer->bounds->resume != NULL) {
        explorer->verdict->why = checkpoint_read(explorer, explorer->bounds->resume);
        explorer->verdict->is_not_resumed = explorer->verdict->why != NULL;
        return explorer->verdict->why == NULL;
    }
    struct packed *first = frontier_room(&explorer->frontier);
    bool is_new = false;
    if (first == NULL) {
        return false;
    }
    pack_world(&explorer->world, NULL, 3, first);
    const struct digest digest = pack_digest(first);
    store_add(&explorer->store, &digest, (struct origin){0}, &is_new);
    frontier_push(&explorer->frontier, first);
    explorer->level_end = 1;
    return true;
}

void explore(const struct check_scenario *scenario, const struct bounds *bounds, struct verdict *verdict)
{
    static struct explorer explorer; /* a world is too large for a stack */
    memset(&explorer, 0, sizeof explorer);
    memset(verdict, 0, sizeof *verdict);
    explorer.bounds = bounds;
    explorer.verdict = verdict;
    explorer.checker = (struct checker){.scenario = scenario, .coverage = &verdict->coverage};
    explorer.began = seconds_now();
    verdict->ending = ENDING_BROKEN;
    verdict->world_bytes = 2 * world_bytes(scenario) + sizeof(struct network) + sizeof(struct ghost);
    if (begin(&explorer)) {
        run(&explorer);
        measure(&explorer);
        bool is_stopped = verdict->ending != ENDING_FOUND && verdict->ending != ENDING_COMPLETE;
        if (is_stopped && bounds->checkpoint != NULL && verdict->ending != ENDING_BROKEN &&
            !checkpoint_write(&explorer, bounds->checkpoint)) {
            verdict->ending = ENDING_BROKEN;
            verdict->why = "the checkpoint cannot be written";
        }
        if (verdict->ending == ENDING_COMPLETE) {
            look_for_circles(&explorer);
        }
    }
    store_free(&explorer.store);
    frontier_free(&explorer.frontier);
    circles_free(&explorer.circles);
}
