/* The writer: what scenario_read reads back as the same scenario. */

#include "scenario.h"

#include "words.h"

#include <inttypes.h>
#include <string.h>

static void write_quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", file);
        else if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else
            fputc(*text, file);
    }
    fputc('"', file);
}

void scenario_write_content(FILE *file, const struct scenario_content *content)
{
    if (content->count == 0)
        fputs("nothing", file);
    for (uint32_t i = 0; i < content->count; i++) {
        if (i > 0)
            fputs(", ", file);
        if (content->piece[i].times != 1)
            fprintf(file, "%u x ", content->piece[i].times);
        write_quoted(file, content->piece[i].text);
    }
}

static void write_subject(FILE *file, const struct scenario *scenario, const struct scenario_subject *subject)
{
    fputs(scenario->node[subject->node].name, file);
    if (subject->connection != 1)
        fprintf(file, ".%u", subject->connection);
}

static void write_when(FILE *file, const struct scenario *scenario, const struct scenario_when *when)
{
    write_subject(file, scenario, &when->subject);
    switch (when->condition) {
    case CONDITION_IS: fprintf(file, " is %s", state_name((int)when->state)); break;
    case CONDITION_RECEIVED: fprintf(file, " received %u", when->count); break;
    case CONDITION_SEES_END: fputs(" sees-end", file); break;
    case CONDITION_ENDED: fputs(" ended", file); break;
    case CONDITION_SENDS:
        fprintf(file, " sends %s", kind_name((int)when->kind));
        if (when->count != 1)
            fprintf(file, " nr %u", when->count);
        break;
    }
}

static void write_action(FILE *file, const struct scenario *scenario, const struct scenario_step *step)
{
    write_subject(file, scenario, &step->subject);
    fprintf(file, " %s", verb_name((int)step->verb));
    switch (step->verb) {
    case VERB_LISTEN:
        fprintf(file, " %u", step->port);
        if (step->backlog != 16)
            fprintf(file, " backlog %u", step->backlog);
        break;
    case VERB_UNLISTEN: fprintf(file, " %u", step->port); break;
    case VERB_CONNECT:
        fprintf(file, " %s:%u", scenario->node[step->to].name, step->port);
        if (step->from != 0)
            fprintf(file, " from %u", step->from);
        break;
    case VERB_SEND:
        fputc(' ', file);
        scenario_write_content(file, &step->content);
        break;
    case VERB_SET: fprintf(file, " %s %" PRId64, option_name((int)step->option), step->value); break;
    case VERB_READ:
    case VERB_HOLD:
    case VERB_SHUTDOWN:
    case VERB_CLOSE:
    case VERB_LINGER:
    case VERB_ABORT:
    case VERB_RELEASE:
    case VERB_VANISH: break;
    }
    if (step->holds)
        fputs(" hold", file);
}

void scenario_write_step(FILE *file, const struct scenario *scenario, const struct scenario_step *step)
{
    char text[32];
    switch (step->trigger) {
    case TRIGGER_AT: fprintf(file, "at %s", time_write(step->time, text)); break;
    case TRIGGER_AFTER: fprintf(file, "after %s", time_write(step->time, text)); break;
    case TRIGGER_WHEN:
        fputs("when ", file);
        write_when(file, scenario, &step->when);
        if (step->time > 0)
            fprintf(file, " + %s", time_write(step->time, text));
        if (step->promptly)
            fputs(" promptly", file);
        break;
    }
    fputs(": ", file);
    write_action(file, scenario, step);
}

static void write_comparison(FILE *file, const struct scenario_expectation *expectation)
{
    static const char *const signs[] = {"=", ">=", "<="};
    if (expectation->comparison != COMPARE_AT_LEAST || expectation->count != 1)
        fprintf(file, " %s %" PRIu64, signs[expectation->comparison], expectation->count);
}

void scenario_write_expectation(FILE *file, const struct scenario *scenario,
                                const struct scenario_expectation *expectation)
{
    int which = expectation->which;
    fputs("expect ", file);
    if (expectation->timed) {
        char text[32];
        fprintf(file, "at %s: ", time_write(expectation->time, text));
    }
    write_subject(file, scenario, &expectation->subject);
    fprintf(file, " %s", predicate_name((int)expectation->predicate));
    switch (expectation->predicate) {
    case EXPECT_IS: fprintf(file, " %s", state_name(which)); return;
    case EXPECT_ENDS: fprintf(file, " %s", end_name(which)); return;
    case EXPECT_ANSWERS: fprintf(file, " %s", error_name(which)); return;
    case EXPECT_RECEIVES:
        fputc(' ', file);
        scenario_write_content(file, &expectation->content);
        return;
    case EXPECT_ENTERS: fprintf(file, " %s", state_name(which)); break;
    case EXPECT_SENDS: fprintf(file, " %s", kind_name(which)); break;
    case EXPECT_WAITS: fprintf(file, " %s", wait_name(which)); break;
    case EXPECT_DROPS: fprintf(file, " %s", drop_name(which)); break;
    case EXPECT_COUNTS: fprintf(file, " %s", counter_name(which)); break;
    case EXPECT_HOLDS: fprintf(file, " %s", holding_name(which)); break;
    case EXPECT_REPEATS:
    case EXPECT_REFUSES: break;
    }
    write_comparison(file, expectation);
}

static void write_node(FILE *file, const struct scenario_node *node)
{
    char text[32];
    switch (node->kind) {
    case NETWORK_HOST: fprintf(file, "host %s\n", node->name); break;
    case NETWORK_ROUTER: fprintf(file, "router %s\n", node->name); break;
    case NETWORK_FIREWALL:
    case NETWORK_NAT:
        fprintf(file, "%s %s forgets %s%s\n", node->kind == NETWORK_NAT ? "nat" : "firewall", node->name,
                time_write(node->middle.forgets_ns, text), node->middle.resets ? " resets" : "");
        break;
    }
}

/* Parts of a million as a percentage, which is how impair_option reads it. */
static void write_chance(FILE *file, const char *name, uint32_t ppm)
{
    if (ppm > 0)
        fprintf(file, " %s %u.%04u%%", name, ppm / 10000, ppm % 10000);
}

static void write_duration(FILE *file, const char *name, la_time time)
{
    char text[32];
    fprintf(file, " %s %s", name, time_write(time, text));
}

static void write_network(FILE *file, const struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->node_count; i++)
        write_node(file, &scenario->node[i]);
    /* In the order in which they came, of which the last holds; a host's as if they stood behind it. */
    for (uint32_t i = 0; i < scenario->setting_count; i++) {
        const struct scenario_setting *setting = &scenario->setting[i];
        fprintf(file, "set %s%s%s=%" PRIu64 "\n", setting->node >= 0 ? scenario->node[setting->node].name : "",
                setting->node >= 0 ? "." : "", setting->name, setting->value);
    }
    for (uint32_t i = 0; i < scenario->link_count; i++) {
        const struct scenario_link *link = &scenario->link[i];
        fprintf(file, "link %s %s", scenario->node[link->a].name, scenario->node[link->b].name);
        if (link->chances.delay_ns > 0)
            write_duration(file, "delay", link->chances.delay_ns);
        if (link->chances.jitter_ns > 0)
            write_duration(file, "jitter", link->chances.jitter_ns);
        if (link->chances.hold_ns > 0)
            write_duration(file, "hold-time", link->chances.hold_ns);
        write_chance(file, "loss", link->chances.loss_ppm);
        write_chance(file, "dup", link->chances.duplicate_ppm);
        write_chance(file, "reorder", link->chances.reorder_ppm);
        write_chance(file, "damage", link->chances.corrupt_ppm);
        fputc('\n', file);
    }
    for (uint32_t i = 0; i < scenario->rule_count; i++) {
        const struct scenario_rule *rule = &scenario->rule[i];
        fprintf(file, "%s %s %s", action_name((int)rule->pattern.action), scenario->node[rule->node].name,
                rule->segments);
        if (rule->pattern.action == IMPAIR_HOLD)
            write_duration(file, "by", rule->pattern.by_ns);
        if (rule->pattern.action == IMPAIR_DUPLICATE)
            write_duration(file, "after", rule->pattern.by_ns);
        fputc('\n', file);
    }
}

bool scenario_write(FILE *file, const struct scenario *scenario)
{
    static const char *const texts[] = {"title", "claim", "without"};
    char text[32];
    for (uint32_t i = 0; i < scenario->text_count; i++)
        fprintf(file, "%s %s\n", texts[scenario->text[i].kind], scenario->text[i].text);
    fprintf(file, "seed %" PRIu64 "\nuntil %s\n", scenario->seed, time_write(scenario->until, text));
    if (scenario->twin[0] != '\0')
        fprintf(file, "twin %s\n", scenario->twin);
    write_network(file, scenario);
    if (scenario->has_rails)
        fprintf(file, "rails %s %s\n", scenario->node[scenario->rail[0]].name, scenario->node[scenario->rail[1]].name);
    for (uint32_t i = 0; i < scenario->step_count; i++) {
        scenario_write_step(file, scenario, &scenario->step[i]);
        fputc('\n', file);
    }
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        scenario_write_expectation(file, scenario, &scenario->expectation[i]);
        fputc('\n', file);
    }
    return !ferror(file);
}
