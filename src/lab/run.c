#include "run_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int make_nodes(struct run *run, struct link_error *error)
{
    const struct scenario *scenario = run->scenario;
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        const struct scenario_node *node = &scenario->node[i];
        struct la_config config;
        scenario_config(scenario, (int)i, &config);
        int number = node->kind == NETWORK_HOST
                         ? network_add_host(run->network, node->name, &config, error)
                         : network_add_middle(run->network, node->name, node->kind, &node->middle, error);
        run->program[i].flows = flows_new(RUN_FLOWS);
        if (number < 0)
            return -1;
        if (run->program[i].flows == NULL)
            return link_fail(error, "out of memory");
    }
    return 0;
}

/* A node's rules hold on the first link that it has. */
static bool is_first_link(const struct scenario *scenario, uint32_t link, int node)
{
    for (uint32_t i = 0; i < link; i++) {
        if (scenario->link[i].a == node || scenario->link[i].b == node)
            return false;
    }
    return scenario->link[link].a == node || scenario->link[link].b == node;
}

static int make_link(struct run *run, uint32_t index, struct link_error *error)
{
    const struct scenario *scenario = run->scenario;
    const struct scenario_link *link = &scenario->link[index];
    struct impair_config config = {.seed = scenario->seed * NETWORK_LINKS + index};
    config.chances[LINK_IN] = config.chances[LINK_OUT] = link->chances;
    for (uint32_t i = 0; i < scenario->rule_count; i++) {
        const struct scenario_rule *rule = &scenario->rule[i];
        if (!is_first_link(scenario, index, rule->node))
            continue;
        if (config.pattern_count == IMPAIR_PATTERNS)
            return link_fail(error, "at most %d rules for one link", IMPAIR_PATTERNS);
        struct impair_pattern *pattern = &config.patterns[config.pattern_count++];
        *pattern = rule->pattern;
        pattern->out = rule->node == link->a;
        pattern->in = !pattern->out;
    }
    return network_join(run->network, (unsigned)link->a, (unsigned)link->b, &config, error) < 0 ? -1 : 0;
}

static void unmake(struct run *run)
{
    for (unsigned i = 0; i < NETWORK_NODES; i++) {
        flows_free(run->program[i].flows);
        for (unsigned c = 0; c < SCENARIO_CONNECTIONS; c++)
            free(run->program[i].connection[c].received);
    }
    network_free(run->network);
    free(run);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static bool holds(const struct run *run, const struct scenario_when *when)
{
    const struct program *program = &run->program[when->subject.node];
    const struct program_connection *connection = &program->connection[when->subject.connection - 1];
    switch (when->condition) {
    case CONDITION_IS: return connection->made && connection->state == when->state;
    case CONDITION_RECEIVED: return connection->received_length >= when->count;
    case CONDITION_SEES_END: return connection->sees_end;
    case CONDITION_ENDED: return connection->ended;
    case CONDITION_SENDS: return program->sent[when->kind] >= when->count;
    }
    return false;
}

/* Sets the time of each step whose moment is known by now. */
static void arm(struct run *run)
{
    la_time now = network_now(run->network);
    for (uint32_t i = 0; i < run->scenario->step_count; i++) {
        const struct scenario_step *step = &run->scenario->step[i];
        struct step_state *state = &run->step[i];
        if (state->armed)
            continue;
        switch (step->trigger) {
        case TRIGGER_AT:
            state->armed = true;
            state->due = step->time;
            break;
        case TRIGGER_AFTER:
            state->armed = i == 0 || run->step[i - 1].fired;
            state->due = (i == 0 ? 0 : run->step[i - 1].fired_at) + step->time;
            break;
        case TRIGGER_WHEN:
            state->armed = holds(run, &step->when);
            state->due = now + step->time;
            break;
        }
    }
}

/* The step that is due first; of several the one that stands first. step_count: none is. */
static uint32_t next_step(const struct run *run)
{
    uint32_t next = run->scenario->step_count;
    for (uint32_t i = 0; i < run->scenario->step_count; i++) {
        const struct step_state *state = &run->step[i];
        if (state->armed && !state->fired && (next == run->scenario->step_count || state->due < run->step[next].due))
            next = i;
    }
    return next;
}

/* What a program that waited for it does between a packet's arrival and the host's answer. */
static void watch_arrival(void *context, unsigned node)
{
    struct run *run = context;
    bool served = false;
    for (uint32_t i = 0; i < run->scenario->step_count; i++) {
        const struct scenario_step *step = &run->scenario->step[i];
        if (!step->promptly || run->step[i].fired || step->subject.node != (int)node)
            continue;
        if (!served)
            program_serve(run, node);
        served = true;
        if (!holds(run, &step->when))
            continue;
        run->step[i] = (struct step_state){true, true, network_now(run->network), network_now(run->network), 0};
        run->report->step_taken[i] = true;
        run->report->fired++;
        program_call(run, step);
    }
}

static void serve_all(struct run *run)
{
    for (uint32_t i = 0; i < run->scenario->node_count; i++) {
        if (run->scenario->node[i].kind != NETWORK_HOST)
            continue;
        program_serve(run, i);
        network_settle(run->network, i);
    }
}

static void fire(struct run *run, uint32_t index)
{
    run->step[index].fired = true;
    run->step[index].fired_at = network_now(run->network);
    run->report->step_taken[index] = true;
    run->report->fired++;
    program_act(run, &run->scenario->step[index]);
    serve_all(run);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static la_time next_judgment(const struct run *run)
{
    la_time when = LA_TIME_NEVER;
    for (uint32_t i = 0; i < run->scenario->expectation_count; i++) {
        const struct scenario_expectation *expectation = &run->scenario->expectation[i];
        if (expectation->timed && !run->judged[i] && expectation->time < when)
            when = expectation->time;
    }
    return when;
}

static void judge_due(struct run *run, bool all)
{
    for (uint32_t i = 0; i < run->scenario->expectation_count; i++) {
        const struct scenario_expectation *expectation = &run->scenario->expectation[i];
        if (run->judged[i] || !(all || (expectation->timed && expectation->time <= network_now(run->network))))
            continue;
        run->judged[i] = true;
        judge(run, expectation, &run->report->verdict[i]);
    }
}

static la_time earlier(la_time a, la_time b)
{
    return a < b ? a : b;
}

/* One event; false when all is over. */
static bool advance(struct run *run)
{
    arm(run);
    uint32_t step = next_step(run);
    la_time now = network_now(run->network);
    la_time due = step < run->scenario->step_count ? run->step[step].due : LA_TIME_NEVER;
    if (now >= run->scenario->until)
        return false;
    /* What the network does at a time comes before what programs do then, and what is expected then comes last. */
    la_time until = earlier(due > now ? due : now, earlier(next_judgment(run), run->scenario->until));
    if (network_deadline(run->network) == LA_TIME_NEVER && due == LA_TIME_NEVER && next_judgment(run) == LA_TIME_NEVER)
        return false;
    if (network_step(run->network, until)) {
        serve_all(run);
        return true;
    }
    if (due <= network_now(run->network)) {
        fire(run, step);
        return true;
    }
    judge_due(run, false);
    return true;
}

static int make(struct run *run, struct link_error *error)
{
    const struct network_observer observer = {run, watch_moment, watch_arrival};
    run->network = network_new(&observer);
    if (run->network == NULL)
        return link_fail(error, "out of memory");
    if (make_nodes(run, error) < 0)
        return -1;
    for (uint32_t i = 0; i < run->scenario->link_count; i++) {
        if (make_link(run, i, error) < 0)
            return -1;
    }
    return network_begin(run->network, error);
}

int lab_run(const struct scenario *scenario, const struct lab_watchers *watchers, struct lab_report *report,
            struct link_error *error)
{
    struct run *run = calloc(1, sizeof *run);
    *report = (struct lab_report){.all_met = true};
    if (run == NULL)
        return link_fail(error, "out of memory");
    run->scenario = scenario;
    run->watchers = watchers;
    run->report = report;
    int result = make(run, error);
    uint32_t events = 0;
    while (result == 0 && events < RUN_EVENTS_MAX && advance(run))
        events++;
    if (result == 0) {
        report->endless = events == RUN_EVENTS_MAX;
        report->ended = network_now(run->network);
        judge_due(run, true);
        report->all_met = !report->endless;
        for (uint32_t i = 0; i < scenario->expectation_count; i++)
            report->all_met = report->all_met && report->verdict[i].met;
    }
    unmake(run);
    return result;
}
