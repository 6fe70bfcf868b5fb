/* The reader of docs/lab.md's language: a line a statement, one function a statement. */

#include "scenario_private.h"

#include "words.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UNTIL_DEFAULT (600 * LA_SECOND)

struct reader {
    struct scenario *scenario;
    struct words words;
};

/* ---- names of nodes ---------------------------------------------------------------------------------------------- */

static bool read_node(struct reader *reader, const char *what, int *node)
{
    const struct word *word = words_next(&reader->words, what);
    if (word == NULL)
        return false;
    *node = scenario_node_named(reader->scenario, word->text);
    return *node >= 0 || words_fail(&reader->words, "there is no host '%.30s'", word->text);
}

/* "A", "A.2". */
static bool read_subject(struct reader *reader, struct scenario_subject *subject)
{
    const struct word *word = words_next(&reader->words, "a host");
    char name[NETWORK_NAME_BYTES + 8];
    if (word == NULL)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, word->text);
    char *dot = strchr(name, '.');
    subject->connection = 1;
    if (dot != NULL) {
        char *end = NULL;
        unsigned long number = strtoul(dot + 1, &end, 10);
        if (!isdigit((unsigned char)dot[1]) || *end != '\0' || number < 1 || number > SCENARIO_CONNECTIONS)
            return words_fail(&reader->words, "'%.30s': behind the point a connection's number, 1 to %d", word->text,
                              SCENARIO_CONNECTIONS);
        subject->connection = (uint32_t)number;
        *dot = '\0';
    }
    subject->node = scenario_node_named(reader->scenario, name);
    return subject->node >= 0 || words_fail(&reader->words, "there is no host '%.30s'", name);
}

static bool needs_host(struct reader *reader, const struct scenario_subject *subject)
{
    if (reader->scenario->node[subject->node].kind == NETWORK_HOST)
        return true;
    return words_fail(&reader->words, "'%s' is no host", reader->scenario->node[subject->node].name);
}

/* ---- contents ---------------------------------------------------------------------------------------------------- */

uint64_t scenario_octets(const struct scenario_content *content)
{
    uint64_t octets = 0;
    for (uint32_t i = 0; i < content->count; i++)
        octets += (uint64_t)content->piece[i].times * strlen(content->piece[i].text);
    return octets;
}

/* "text", or 3000 x "n", or several of these with commas between them. */
static bool read_content(struct reader *reader, struct scenario_content *content)
{
    struct words *words = &reader->words;
    content->count = 0;
    do {
        if (content->count == SCENARIO_PIECES)
            return words_fail(words, "at most %d texts", SCENARIO_PIECES);
        struct scenario_piece *piece = &content->piece[content->count++];
        uint64_t times = 1;
        if (words->at < words->count && !words->word[words->at].quoted) {
            if (!words_number(words, "how often", SCENARIO_OCTETS_MAX, &times))
                return false;
            if (!words_skip(words, "x"))
                return words_fail(words, "behind a number an x and a text: 3000 x \"n\"");
        }
        const struct word *word = words_next(words, "a text in quotes");
        if (word == NULL)
            return false;
        if (!word->quoted || strlen(word->text) >= sizeof piece->text)
            return words_fail(words, "'%.30s' is no text in quotes of at most %zu octets", word->text,
                              sizeof piece->text - 1);
        piece->times = (uint32_t)times;
        snprintf(piece->text, sizeof piece->text, "%.*s", (int)sizeof piece->text - 1, word->text);
    } while (words_skip(words, ","));
    return scenario_octets(content) <= SCENARIO_OCTETS_MAX || words_fail(words, "more than a mebibyte at once");
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static bool read_settings(struct reader *reader, int node)
{
    while (reader->words.at < reader->words.count) {
        char reason[SCENARIO_REASON_BYTES];
        const struct word *word = words_next(&reader->words, "KEY=VALUE");
        if (!scenario_assign(reader->scenario, node, word->text, reason))
            return words_fail(&reader->words, "%s", reason);
    }
    return true;
}

static bool read_set(struct reader *reader)
{
    if (reader->words.at == reader->words.count)
        return words_next(&reader->words, "KEY=VALUE") != NULL;
    return read_settings(reader, SCENARIO_ALL_HOSTS);
}

/* ---- who is there ------------------------------------------------------------------------------------------------ */

static bool is_name(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    }
    return length > 0 && length < NETWORK_NAME_BYTES && isalpha((unsigned char)text[0]);
}

static struct scenario_node *new_node(struct reader *reader, enum network_kind kind)
{
    struct scenario *scenario = reader->scenario;
    const struct word *word = words_next(&reader->words, "a name");
    if (word == NULL)
        return NULL;
    const char *wrong = !is_name(word->text) ? "is no name: a letter, then letters, digits, - and _, 15 at most"
                        : scenario_node_named(scenario, word->text) >= 0 ? "is there already"
                        : scenario->node_count == NETWORK_NODES          ? "is one too many: 16 at most"
                                                                         : NULL;
    if (wrong != NULL) {
        words_fail(&reader->words, "'%.30s' %s", word->text, wrong);
        return NULL;
    }
    struct scenario_node *node = &scenario->node[scenario->node_count++];
    snprintf(node->name, sizeof node->name, "%.*s", (int)sizeof node->name - 1, word->text);
    node->kind = kind;
    return node;
}

static bool read_host(struct reader *reader)
{
    return new_node(reader, NETWORK_HOST) != NULL && read_settings(reader, (int)reader->scenario->node_count - 1);
}

static bool read_router(struct reader *reader)
{
    return new_node(reader, NETWORK_ROUTER) != NULL;
}

static bool read_middle(struct reader *reader, enum network_kind kind)
{
    struct scenario_node *node = new_node(reader, kind);
    if (node == NULL)
        return false;
    if (!words_skip(&reader->words, "forgets"))
        return words_next(&reader->words, "\"forgets TIME\"") != NULL &&
               words_fail(&reader->words, "here stands \"forgets TIME\"");
    if (!words_time(&reader->words, &node->middle.forgets_ns))
        return false;
    node->middle.resets = kind == NETWORK_NAT && words_skip(&reader->words, "resets");
    return true;
}

static bool read_firewall(struct reader *reader)
{
    return read_middle(reader, NETWORK_FIREWALL);
}

static bool read_nat(struct reader *reader)
{
    return read_middle(reader, NETWORK_NAT);
}

/* "delay 10ms loss 1%": the names and values of the impairment that all programs have. */
static bool read_link(struct reader *reader)
{
    static const char *const names[] = {"delay", "jitter", "hold-time", "loss", "dup", "reorder", "damage"};
    struct scenario *scenario = reader->scenario;
    struct scenario_link link = {0};
    if (!read_node(reader, "a node", &link.a) || !read_node(reader, "another node", &link.b))
        return false;
    if (link.a == link.b)
        return words_fail(&reader->words, "a link joins two");
    if (scenario->link_count == NETWORK_LINKS)
        return words_fail(&reader->words, "at most %d links", NETWORK_LINKS);
    struct impair_config config = {0};
    while (reader->words.at < reader->words.count) {
        const struct word *name = words_next(&reader->words, "a name");
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known = known || strcmp(name->text, names[i]) == 0;
        if (!known)
            return words_fail(&reader->words, "'%.30s': delay, jitter, hold-time, loss, dup, reorder or damage",
                              name->text);
        const struct word *value = words_next(&reader->words, "a value");
        struct link_error error;
        if (value == NULL)
            return false;
        if (strchr(value->text, ':') != NULL || impair_option(&config, name->text, value->text, &error) < 0)
            return words_fail(&reader->words, "'%.60s' is no value of %s", value->text, name->text);
    }
    link.chances = config.chances[LINK_OUT];
    scenario->link[scenario->link_count++] = link;
    return true;
}

static bool read_rails(struct reader *reader)
{
    reader->scenario->has_rails = true;
    for (int i = 0; i < 2; i++) {
        struct scenario_subject subject = {0};
        if (!read_node(reader, "a host", &reader->scenario->rail[i]))
            return false;
        subject.node = reader->scenario->rail[i];
        if (!needs_host(reader, &subject))
            return false;
    }
    return reader->scenario->rail[0] != reader->scenario->rail[1] ||
           words_fail(&reader->words, "two rails are two hosts");
}

/* ---- what the network does --------------------------------------------------------------------------------------- */

static bool read_rule(struct reader *reader, enum impair_action action, const char *by)
{
    struct scenario *scenario = reader->scenario;
    struct scenario_rule rule = {0};
    struct link_error error;
    if (scenario->rule_count == SCENARIO_RULES)
        return words_fail(&reader->words, "at most %d rules", SCENARIO_RULES);
    if (!read_node(reader, "a node", &rule.node))
        return false;
    const struct word *word = words_next(&reader->words, "which segment");
    if (word == NULL)
        return false;
    if (strchr(word->text, ':') != NULL || strlen(word->text) >= 27 ||
        impair_parse(word->text, action, &rule.pattern, &error) < 0)
        return words_fail(&reader->words,
                          "'%.30s' names no segment: syn, syn-ack, ack, data, fin, rst, last-ack or "
                          "packet, then nothing, #N, #N-M, *N or *",
                          word->text);
    snprintf(rule.segments, sizeof rule.segments, "%.*s", (int)sizeof rule.segments - 1, word->text);
    if (rule.pattern.last != UINT32_MAX)
        rule.pattern.times = rule.pattern.last - rule.pattern.first + 1;
    if (by != NULL && !words_skip(&reader->words, by))
        return words_next(&reader->words, "a time") != NULL &&
               words_fail(&reader->words, "here stands \"%s TIME\"", by);
    if (by != NULL && !words_time(&reader->words, &rule.pattern.by_ns))
        return false;
    scenario->rule[scenario->rule_count++] = rule;
    return true;
}

static bool read_lose(struct reader *reader)
{
    return read_rule(reader, IMPAIR_DROP, NULL);
}

static bool read_corrupt(struct reader *reader)
{
    return read_rule(reader, IMPAIR_CORRUPT, NULL);
}

static bool read_delay(struct reader *reader)
{
    return read_rule(reader, IMPAIR_HOLD, "by");
}

static bool read_duplicate(struct reader *reader)
{
    return read_rule(reader, IMPAIR_DUPLICATE, "after");
}

/* ---- what the programs do ---------------------------------------------------------------------------------------- */

static bool read_port(struct reader *reader, uint16_t *port)
{
    uint64_t number = 0;
    if (!words_number(&reader->words, "a port", UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return number > 0 || words_fail(&reader->words, "there is no port 0");
}

static bool read_connect(struct reader *reader, struct scenario_step *step)
{
    const struct word *word = words_next(&reader->words, "HOST:PORT");
    char name[SCENARIO_WORD_BYTES];
    if (word == NULL)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, word->text);
    char *colon = strchr(name, ':');
    char *end = NULL;
    unsigned long port = colon != NULL && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : 0;
    if (end == NULL || *end != '\0' || port == 0 || port > UINT16_MAX)
        return words_fail(&reader->words, "'%.30s' is no HOST:PORT", word->text);
    *colon = '\0';
    step->port = (uint16_t)port;
    step->to = scenario_node_named(reader->scenario, name);
    if (step->to < 0 || reader->scenario->node[step->to].kind != NETWORK_HOST)
        return words_fail(&reader->words, "there is no host '%.30s'", name);
    if (words_skip(&reader->words, "from") && !read_port(reader, &step->from))
        return false;
    step->holds = words_skip(&reader->words, "hold");
    return true;
}

static bool read_listen(struct reader *reader, struct scenario_step *step)
{
    uint64_t backlog = 16;
    if (!read_port(reader, &step->port))
        return false;
    if (words_skip(&reader->words, "backlog") && !words_number(&reader->words, "a backlog", UINT16_MAX, &backlog))
        return false;
    step->backlog = (uint32_t)backlog;
    step->holds = words_skip(&reader->words, "hold");
    return backlog > 0 || words_fail(&reader->words, "a backlog is at least 1");
}

static bool read_option(struct reader *reader, struct scenario_step *step)
{
    int option = 0;
    uint64_t value = 0;
    if (!words_name(&reader->words, "an option", option_name, OPTION_COUNT, &option) ||
        !words_number(&reader->words, "its value", INT32_MAX, &value))
        return false;
    step->option = (enum la_option)option;
    step->value = (int64_t)value;
    return true;
}

static bool read_action(struct reader *reader, struct scenario_step *step)
{
    int verb = 0;
    if (!read_subject(reader, &step->subject) || !needs_host(reader, &step->subject) ||
        !words_name(&reader->words, "an action", verb_name, VERB_COUNT, &verb))
        return false;
    step->verb = (enum scenario_verb)verb;
    switch (step->verb) {
    case VERB_LISTEN: return read_listen(reader, step);
    case VERB_UNLISTEN: return read_port(reader, &step->port);
    case VERB_CONNECT: return read_connect(reader, step);
    case VERB_SEND: return read_content(reader, &step->content);
    case VERB_SET: return read_option(reader, step);
    case VERB_READ:
    case VERB_HOLD:
    case VERB_SHUTDOWN:
    case VERB_CLOSE:
    case VERB_LINGER:
    case VERB_ABORT:
    case VERB_RELEASE:
    case VERB_VANISH: return true;
    }
    return false;
}

static bool read_condition(struct reader *reader, struct scenario_when *when)
{
    struct words *words = &reader->words;
    uint64_t number = 1;
    int index = 0;
    if (!read_subject(reader, &when->subject) || !needs_host(reader, &when->subject))
        return false;
    if (words_skip(words, "is")) {
        when->condition = CONDITION_IS;
        bool good = words_name(words, "a state", state_name, LA_STATE_COUNT, &index);
        when->state = (enum la_state)index;
        return good;
    }
    if (words_skip(words, "received")) {
        when->condition = CONDITION_RECEIVED;
        bool good = words_number(words, "octets", UINT32_MAX, &number);
        when->count = (uint32_t)number;
        return good;
    }
    if (words_skip(words, "sends")) {
        when->condition = CONDITION_SENDS;
        if (!words_name(words, "a kind of segment", kind_name, PACKET_KIND_COUNT, &index) ||
            (words_skip(words, "nr") && !words_number(words, "a number", UINT32_MAX, &number)))
            return false;
        when->kind = (enum packet_kind)index;
        when->count = (uint32_t)number;
        return number > 0 || words_fail(words, "the first is 1");
    }
    when->condition = words_skip(words, "ended") ? CONDITION_ENDED : CONDITION_SEES_END;
    if (when->condition == CONDITION_ENDED || words_skip(words, "sees-end"))
        return true;
    const struct word *word = words_next(words, "a condition");
    return word != NULL &&
           words_fail(words, "'%.30s' is no condition: is, received, sends, sees-end, ended", word->text);
}

static bool read_step(struct reader *reader, enum scenario_trigger trigger)
{
    struct scenario *scenario = reader->scenario;
    struct scenario_step step = {.trigger = trigger, .line = reader->words.line, .to = -1};
    if (scenario->step_count == SCENARIO_STEPS)
        return words_fail(&reader->words, "at most %d steps", SCENARIO_STEPS);
    if (trigger == TRIGGER_WHEN) {
        if (!read_condition(reader, &step.when) ||
            (words_skip(&reader->words, "+") && !words_time(&reader->words, &step.time)))
            return false;
        step.promptly = step.time == 0 && words_skip(&reader->words, "promptly");
    } else if (!words_time(&reader->words, &step.time)) {
        return false;
    }
    if (!words_skip(&reader->words, ":"))
        return words_next(&reader->words, "\":\" and an action") != NULL &&
               words_fail(&reader->words, "here stands \":\" and an action");
    if (!read_action(reader, &step))
        return false;
    scenario->step[scenario->step_count++] = step;
    return true;
}

static bool read_at(struct reader *reader)
{
    return read_step(reader, TRIGGER_AT);
}

static bool read_after(struct reader *reader)
{
    return read_step(reader, TRIGGER_AFTER);
}

static bool read_when(struct reader *reader)
{
    return read_step(reader, TRIGGER_WHEN);
}

/* ---- what is expected -------------------------------------------------------------------------------------------- */

static bool read_comparison(struct reader *reader, struct scenario_expectation *expectation)
{
    struct words *words = &reader->words;
    bool said = true;
    expectation->comparison = COMPARE_AT_LEAST;
    expectation->count = 1;
    if (words_skip(words, "="))
        expectation->comparison = COMPARE_EQUAL;
    else if (words_skip(words, "<="))
        expectation->comparison = COMPARE_AT_MOST;
    else
        said = words_skip(words, ">=");
    return !said || words_number(words, "a number", UINT32_MAX, &expectation->count);
}

static bool read_which(struct reader *reader, struct scenario_expectation *e)
{
    struct words *words = &reader->words;
    switch (e->predicate) {
    case EXPECT_IS: return words_name(words, "a state", state_name, LA_STATE_COUNT, &e->which);
    case EXPECT_ENDS: return words_name(words, "an end", end_name, LA_END_COUNT, &e->which);
    case EXPECT_ANSWERS: return words_name(words, "an answer", error_name, ERROR_COUNT, &e->which);
    case EXPECT_RECEIVES: return words_skip(words, "nothing") || read_content(reader, &e->content);
    case EXPECT_ENTERS:
        return words_name(words, "a state", state_name, LA_STATE_COUNT, &e->which) && read_comparison(reader, e);
    case EXPECT_SENDS:
        return words_name(words, "a kind of segment", kind_name, PACKET_KIND_COUNT, &e->which) &&
               read_comparison(reader, e);
    case EXPECT_WAITS:
        return words_name(words, "an event of TIME-WAIT", wait_name, LA_WAIT_EVENT_COUNT, &e->which) &&
               read_comparison(reader, e);
    case EXPECT_DROPS:
        return words_name(words, "a reason", drop_name, LA_DROP_COUNT, &e->which) && read_comparison(reader, e);
    case EXPECT_COUNTS:
        return words_name(words, "a counter", counter_name, LA_COUNTER_COUNT, &e->which) && read_comparison(reader, e);
    case EXPECT_HOLDS:
        return words_name(words, "what it holds", holding_name, 2, &e->which) && read_comparison(reader, e);
    case EXPECT_REPEATS:
    case EXPECT_REFUSES: return read_comparison(reader, e);
    }
    return false;
}

static bool read_expect(struct reader *reader)
{
    struct scenario *scenario = reader->scenario;
    struct scenario_expectation expectation = {.line = reader->words.line};
    int predicate = 0;
    if (scenario->expectation_count == SCENARIO_EXPECTATIONS)
        return words_fail(&reader->words, "at most %d expectations", SCENARIO_EXPECTATIONS);
    expectation.timed = words_skip(&reader->words, "at");
    if (expectation.timed && !words_time(&reader->words, &expectation.time))
        return false;
    if (expectation.timed && !words_skip(&reader->words, ":"))
        return words_next(&reader->words, "\":\"") != NULL && words_fail(&reader->words, "here stands \":\"");
    if (!read_subject(reader, &expectation.subject) ||
        !words_name(&reader->words, "an expectation", predicate_name, PREDICATE_COUNT, &predicate))
        return false;
    expectation.predicate = (enum scenario_predicate)predicate;
    bool of_middle = expectation.predicate == EXPECT_REFUSES;
    if (!of_middle && scenario->node[expectation.subject.node].kind != NETWORK_HOST)
        return words_fail(&reader->words, "only \"refuses\" can be expected of what is no host");
    if (!read_which(reader, &expectation))
        return false;
    scenario->expectation[scenario->expectation_count++] = expectation;
    return true;
}

/* ---- the rest, and the whole ------------------------------------------------------------------------------------- */

/* The rest of the line as it stands. */
static bool read_text(struct reader *reader, enum scenario_text_kind kind, const char *line, size_t length)
{
    struct scenario *scenario = reader->scenario;
    while (length > 0 && isspace((unsigned char)*line))
        line++, length--;
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        length--;
    if (scenario->text_count == SCENARIO_TEXTS)
        return words_fail(&reader->words, "at most %d lines of text", SCENARIO_TEXTS);
    if (length == 0 || length >= SCENARIO_TEXT_BYTES || memchr(line, '\0', length) != NULL)
        return words_fail(&reader->words, "a text of 1 to %d octets belongs here", SCENARIO_TEXT_BYTES - 1);
    struct scenario_text *text = &scenario->text[scenario->text_count++];
    text->kind = kind;
    memcpy(text->text, line, length);
    text->text[length] = '\0';
    return true;
}

static bool read_seed(struct reader *reader)
{
    return words_number(&reader->words, "a seed", SCENARIO_SEED_MAX, &reader->scenario->seed);
}

static bool read_until(struct reader *reader)
{
    return words_time(&reader->words, &reader->scenario->until);
}

static bool read_twin(struct reader *reader)
{
    const struct word *word = words_next(&reader->words, "KEY=VALUE");
    if (word == NULL)
        return false;
    if (strlen(word->text) >= sizeof reader->scenario->twin || strchr(word->text, '=') == NULL)
        return words_fail(&reader->words, "'%.60s' is no KEY=VALUE", word->text);
    snprintf(reader->scenario->twin, sizeof reader->scenario->twin, "%.*s", (int)sizeof reader->scenario->twin - 1,
             word->text);
    return true;
}

static const struct statement {
    const char *name;
    bool (*read)(struct reader *reader);
} statements[] = {
    {"seed", read_seed},
    {"until", read_until},
    {"twin", read_twin},
    {"set", read_set},
    {"host", read_host},
    {"router", read_router},
    {"firewall", read_firewall},
    {"nat", read_nat},
    {"link", read_link},
    {"rails", read_rails},
    {"lose", read_lose},
    {"corrupt", read_corrupt},
    {"delay", read_delay},
    {"duplicate", read_duplicate},
    {"at", read_at},
    {"after", read_after},
    {"when", read_when},
    {"expect", read_expect},
};

/* The word, and a blank behind it. */
static bool begins_with(const char *line, size_t length, const char *word, size_t word_length)
{
    return length > word_length && memcmp(line, word, word_length) == 0 && isspace((unsigned char)line[word_length]);
}

static bool read_line(struct reader *reader, const char *line, size_t length)
{
    static const char *const texts[] = {"title", "claim", "without"};
    struct words *words = &reader->words;
    const char *start = line;
    const char *end = line + length;
    while (start < end && isspace((unsigned char)*start))
        start++;
    size_t left = (size_t)(end - start);
    for (int i = 0; i < 3; i++) {
        size_t name = strlen(texts[i]);
        if (begins_with(start, left, texts[i], name)) {
            words->at = words->count = 0;
            return read_text(reader, (enum scenario_text_kind)i, start + name, left - name);
        }
    }
    if (!words_split(words, line, length))
        return false;
    if (words->count == 0)
        return true;
    const char *name = words_next(words, "a statement")->text;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strcmp(name, statements[i].name) == 0)
            return statements[i].read(reader) && words_end(words);
    }
    return words_fail(words, "'%.30s' begins no statement", name);
}

static bool is_in_time(const struct scenario *scenario, uint32_t line, la_time time, struct scenario_error *error)
{
    char at[32];
    char until[32];
    if (time <= scenario->until)
        return true;
    error->line = line;
    snprintf(error->text, sizeof error->text, "at %s all is over: until %s", time_write(time, at),
             time_write(scenario->until, until));
    return false;
}

static bool all_in_time(const struct scenario *scenario, struct scenario_error *error)
{
    for (uint32_t i = 0; i < scenario->step_count; i++) {
        const struct scenario_step *step = &scenario->step[i];
        if (step->trigger == TRIGGER_AT && !is_in_time(scenario, step->line, step->time, error))
            return false;
    }
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        const struct scenario_expectation *expectation = &scenario->expectation[i];
        if (expectation->timed && !is_in_time(scenario, expectation->line, expectation->time, error))
            return false;
    }
    return true;
}

/* What the lines together leave open. */
static bool complete(struct scenario *scenario, struct scenario_error *error)
{
    int hosts = 0;
    error->line = error->column = 0;
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        if (scenario->node[i].kind != NETWORK_HOST)
            continue;
        struct la_config config;
        scenario_config(scenario, (int)i, &config);
        const char *wrong = la_config_error(&config);
        if (wrong != NULL) {
            snprintf(error->text, sizeof error->text, "host %s: %s", scenario->node[i].name, wrong);
            return false;
        }
        if (!scenario->has_rails && hosts < 2)
            scenario->rail[hosts] = (int)i;
        hosts++;
    }
    if (hosts < 2 || scenario->link_count == 0) {
        snprintf(error->text, sizeof error->text, "a scenario has two hosts and a link at least");
        return false;
    }
    return all_in_time(scenario, error);
}

struct scenario *scenario_read(const char *text, size_t length, struct scenario_error *error)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct scenario *scenario = calloc(1, sizeof *scenario);
    *error = (struct scenario_error){.text = "out of memory"};
    bool good = reader != NULL && scenario != NULL;
    if (good) {
        scenario->until = UNTIL_DEFAULT;
        reader->scenario = scenario;
        reader->words.error = error;
    }
    for (size_t at = 0; good && at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t line = newline != NULL ? (size_t)(newline - text) - at : length - at;
        reader->words.line++;
        good = read_line(reader, text + at, line);
        at += line + 1;
    }
    good = good && complete(scenario, error);
    free(reader);
    if (good)
        return scenario;
    free(scenario);
    return NULL;
}

bool scenario_set(struct scenario *scenario, const char *assignment, struct scenario_error *error)
{
    char reason[SCENARIO_REASON_BYTES];
    *error = (struct scenario_error){0};
    if (strncmp(assignment, "seed=", 5) == 0) {
        char *end = NULL;
        scenario->seed = strtoull(assignment + 5, &end, 10);
        if (isdigit((unsigned char)assignment[5]) && *end == '\0' && scenario->seed <= SCENARIO_SEED_MAX)
            return true;
        snprintf(error->text, sizeof error->text, "'%.60s' is no seed: 0 to %" PRIu64, assignment + 5,
                 SCENARIO_SEED_MAX);
        return false;
    }
    if (scenario_assign(scenario, SCENARIO_ALL_HOSTS, assignment, reason))
        return complete(scenario, error);
    snprintf(error->text, sizeof error->text, "%s", reason);
    return false;
}
