#include "trail.h"

#include <stdlib.h>
#include <string.h>

/* ---- played again ---- */

static bool can_happen(const struct checker *checker, const struct world *world, struct event event)
{
    struct event events[EVENTS_MAX];
    unsigned count = world_events(checker, world, events);
    for (unsigned i = 0; i < count; i++) {
        if (memcmp(&events[i], &event, sizeof event) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned host_of(const struct world *world, struct event event)
{
    bool in_network = event.kind <= EVENT_DELAY;
    return in_network ? world->network.flight[event.at].to : event.at / WORLD_CONNECTIONS;
}

static bool is_stuck(const struct checker *checker, const struct world *world)
{
    struct event events[EVENTS_MAX];
    return world_events(checker, world, events) == 0 && !world_is_done(checker, world) && !world_may_rest(world);
}

void trail_play(const struct check_scenario *scenario, const struct trail *trail, const struct watcher *watcher,
                struct outcome *outcome)
{
    static struct world world; /* too large for a stack */
    struct checker checker = {.scenario = scenario, .watcher = watcher, .traces_all = watcher != NULL};
    *outcome = (struct outcome){0};
    if (!world_begin(&checker, &world)) {
        return;
    }
    while (outcome->played < trail->count && outcome->wrong == PROPERTY_NONE) {
        struct event event = trail->event[outcome->played];
        if (!can_happen(&checker, &world, event)) {
            return;
        }
        outcome->host = host_of(&world, event);
        world_apply(&checker, &world, event);
        outcome->played++;
        outcome->wrong = checker.wrong;
        outcome->why = checker.wrong_why;
    }
    if (outcome->wrong == PROPERTY_NONE && is_stuck(&checker, &world)) {
        outcome->wrong = PROPERTY_STUCK;
        outcome->why = "nothing can happen any more";
    }
}

/* The trail without `count` events from `at` on. */
static void cut(const struct trail *trail, uint32_t at, uint32_t count, struct trail *shorter)
{
    *shorter = *trail;
    uint32_t behind = trail->count - at - count;
    memmove(&shorter->event[at], &shorter->event[at + count], behind * sizeof shorter->event[0]);
    shorter->count -= count;
}

#define CUT_MAX 4 /* events that go only together: a loss, and the timer that it made necessary */

uint32_t trail_minimise(const struct check_scenario *scenario, struct trail *trail)
{
    static struct trail shorter;
    struct outcome before;
    struct outcome after;
    const uint32_t whole = trail->count;
    trail_play(scenario, trail, NULL, &before);
    if (before.wrong == PROPERTY_NONE) {
        return 0;
    }
    for (uint32_t count = 1; count <= CUT_MAX; count++) {
        for (uint32_t at = 0; at + count < trail->count;) {
            cut(trail, at, count, &shorter);
            trail_play(scenario, &shorter, NULL, &after);
            if (after.wrong != before.wrong) {
                at++;
                continue;
            }
            shorter.count = after.played;
            *trail = shorter;
            count = 1;
            at = 0;
        }
    }
    return whole - trail->count;
}

void trail_words(const struct check_scenario *scenario, const struct trail *trail, FILE *file)
{
    static struct world world;
    struct checker checker = {.scenario = scenario};
    char text[160];
    if (!world_begin(&checker, &world)) {
        return;
    }
    for (uint32_t i = 0; i < trail->count; i++) {
        world_event_text(&checker, &world, trail->event[i], text, sizeof text);
        world_apply(&checker, &world, trail->event[i]);
        fprintf(file, "%4u  %12.3f ms  %s\n", i + 1, (double)checker.elapsed / (double)LA_MILLISECOND, text);
    }
}

/* ---- a file ---- */

void trail_write(const struct check_scenario *scenario, const struct trail *trail, FILE *file)
{
    static struct world world;
    struct checker checker = {.scenario = scenario};
    char text[160];
    fputs("# lastack check --replay FILE plays this again.\n", file);
    check_scenario_write(scenario, file);
    if (!world_begin(&checker, &world)) {
        return;
    }
    for (uint32_t i = 0; i < trail->count; i++) {
        const struct event *event = &trail->event[i];
        world_event_text(&checker, &world, *event, text, sizeof text);
        world_apply(&checker, &world, *event);
        fprintf(file, "event=%u:%u:%u # %s\n", event->kind, event->at, event->choice, text);
    }
}

static const char *read_event(const char *value, struct trail *trail)
{
    unsigned long number[3];
    const char *at = value;
    for (unsigned i = 0; i < 3; i++) {
        char *end = NULL;
        number[i] = strtoul(at, &end, 10);
        if (end == at || (i < 2 && *end != ':') || number[i] > UINT8_MAX) {
            return "an event is three numbers: kind:at:choice";
        }
        at = end + 1;
    }
    if (number[0] >= EVENT_KIND_COUNT) {
        return "there is no such kind of event";
    }
    if (trail->count == TRAIL_MAX) {
        return "there are too many events";
    }
    trail->event[trail->count++] = (struct event){(uint8_t)number[0], (uint8_t)number[1], (uint8_t)number[2]};
    return NULL;
}

const char *trail_read(struct check_scenario *scenario, struct trail *trail, FILE *file, unsigned *line)
{
    char text[512];
    check_scenario_default(scenario);
    trail->count = 0;
    for (*line = 1; fgets(text, sizeof text, file) != NULL; ++*line) {
        text[strcspn(text, "#\n")] = '\0';
        char *value = strchr(text, '=');
        if (value == NULL) {
            if (text[strspn(text, " \t\r")] != '\0') {
                return "a line is NAME=VALUE";
            }
            continue;
        }
        *value++ = '\0';
        const char *wrong =
            strcmp(text, "event") == 0 ? read_event(value, trail) : check_scenario_set(scenario, text, value);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return trail->count > 0 ? check_scenario_wrong(scenario) : "there is no event";
}
