/* The impairment as people write it: patterns, chances, times. */

#include "impair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[PACKET_KIND_COUNT] = {"packet", "syn", "syn-ack", "ack",
                                                          "data",   "fin", "rst",     "last-ack"};

#define KINDS "packet, syn, syn-ack, ack, data, fin, rst, last-ack"

/* Takes "in:" or "out:" off the front. 0, or -1 if there is another prefix. */
static int take_direction(const char **at, bool *in, bool *out, const char *text, struct link_error *error)
{
    *in = *out = true;
    const char *colon = strchr(*at, ':');
    if (colon == NULL)
        return 0;
    size_t length = (size_t)(colon - *at);
    bool is_in = length == 2 && strncmp(*at, "in", 2) == 0;
    bool is_out = length == 3 && strncmp(*at, "out", 3) == 0;
    if (!is_in && !is_out)
        return link_fail(error, "'%s': '%.*s:' is no direction; in: is towards lastack, out: from it", text,
                         (int)length, *at);
    *in = is_in;
    *out = is_out;
    *at = colon + 1;
    return 0;
}

/* Takes a count from 1 to UINT32_MAX - 1 off the front. */
static int take_number(const char **at, uint32_t *number, const char *text, struct link_error *error)
{
    uint64_t value = 0;
    const char *digit = *at;
    while (*digit >= '0' && *digit <= '9' && value < UINT32_MAX)
        value = value * 10 + (uint64_t)(*digit++ - '0');
    if (digit == *at)
        return link_fail(error, "'%s': a number should stand where '%s' stands", text, *at);
    if (value == 0)
        return link_fail(error, "'%s': packets are counted from 1", text);
    if (value >= UINT32_MAX)
        return link_fail(error, "'%s': the number is too large", text);
    *at = digit;
    *number = (uint32_t)value;
    return 0;
}

/* "#N", "#N-M", "*N", "*" or nothing, to the end of the text. */
static int parse_which(const char *at, struct impair_pattern *pattern, const char *text, struct link_error *error)
{
    pattern->first = pattern->last = 1;
    if (*at == '#') {
        at++;
        if (take_number(&at, &pattern->first, text, error) < 0)
            return -1;
        pattern->last = pattern->first;
        if (*at == '-') {
            at++;
            if (take_number(&at, &pattern->last, text, error) < 0)
                return -1;
        }
        if (pattern->last < pattern->first)
            return link_fail(error, "'%s': the range ends before it begins", text);
    } else if (*at == '*') {
        at++;
        if (*at == '\0')
            pattern->last = UINT32_MAX;
        else if (take_number(&at, &pattern->last, text, error) < 0)
            return -1;
    }
    if (*at != '\0')
        return link_fail(error, "'%s': '%s' is too much; after the kind comes #N, #N-M, *N, * or nothing", text, at);
    return 0;
}

int impair_parse(const char *text, enum impair_action action, struct impair_pattern *pattern, struct link_error *error)
{
    memset(pattern, 0, sizeof *pattern);
    const char *at = text;
    if (strlen(text) >= sizeof pattern->text)
        return link_fail(error, "'%s': a pattern has at most %zu characters", text, sizeof pattern->text - 1);
    if (take_direction(&at, &pattern->in, &pattern->out, text, error) < 0)
        return -1;
    size_t length = strcspn(at, "#*");
    int kind = 0;
    while (kind < PACKET_KIND_COUNT &&
           (strlen(kind_names[kind]) != length || strncmp(kind_names[kind], at, length) != 0))
        kind++;
    if (length == 0)
        return link_fail(error, "'%s': the kind of packet is missing; there are " KINDS, text);
    if (kind == PACKET_KIND_COUNT)
        return link_fail(error, "'%s': '%.*s' is no kind of packet; there are " KINDS, text, (int)length, at);
    pattern->action = action;
    pattern->kind = (enum packet_kind)kind;
    snprintf(pattern->text, sizeof pattern->text, "%s", text);
    return parse_which(at + length, pattern, text, error);
}

/* A number that is not negative, with a decimal point if it likes, and what follows it. */
static int parse_decimal(const char *at, double *value, const char **rest, const char *text, struct link_error *error)
{
    char *end = NULL;
    if (!((*at >= '0' && *at <= '9') || *at == '.'))
        return link_fail(error, "'%s': a number should stand where '%s' stands", text, at);
    *value = strtod(at, &end);
    *rest = end;
    return 0;
}

static int parse_chance(const char *at, uint32_t *ppm, const char *text, struct link_error *error)
{
    double value = 0;
    const char *rest = at;
    if (parse_decimal(at, &value, &rest, text, error) < 0)
        return -1;
    bool percent = strcmp(rest, "%") == 0;
    if (!percent && *rest != '\0')
        return link_fail(error, "'%s': a chance is written 1%% or 0.01", text);
    if (percent)
        value /= 100;
    if (!(value <= 1))
        return link_fail(error, "'%s': a chance is at most 1, that is 100%%", text);
    *ppm = (uint32_t)(value * 1e6 + 0.5);
    return 0;
}

static int parse_time(const char *at, la_time *time, const char *text, struct link_error *error)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"", 1e6}, {"s", 1e9}};
    double value = 0;
    const char *rest = at;
    if (parse_decimal(at, &value, &rest, text, error) < 0)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(rest, units[i].name) != 0)
            continue;
        if (!(value * units[i].ns <= 3600e9))
            return link_fail(error, "'%s': at most an hour", text);
        *time = (la_time)(value * units[i].ns + 0.5);
        return 0;
    }
    return link_fail(error, "'%s': '%s' is no unit of time; there are ns, us, ms and s", text, rest);
}

enum option_kind { OPTION_PATTERN, OPTION_CHANCE, OPTION_TIME, OPTION_SEED };

struct option {
    const char *name;
    enum option_kind kind;
    enum impair_action action; /* OPTION_PATTERN */
    size_t offset;             /* OPTION_CHANCE, OPTION_TIME: in struct impair_chances */
};

static const struct option options[] = {
    {"drop", OPTION_PATTERN, IMPAIR_DROP, 0},
    {"duplicate", OPTION_PATTERN, IMPAIR_DUPLICATE, 0},
    {"corrupt", OPTION_PATTERN, IMPAIR_CORRUPT, 0},
    {"hold", OPTION_PATTERN, IMPAIR_HOLD, 0},
    {"loss", OPTION_CHANCE, IMPAIR_DROP, offsetof(struct impair_chances, loss_ppm)},
    {"dup", OPTION_CHANCE, IMPAIR_DROP, offsetof(struct impair_chances, duplicate_ppm)},
    {"reorder", OPTION_CHANCE, IMPAIR_DROP, offsetof(struct impair_chances, reorder_ppm)},
    {"damage", OPTION_CHANCE, IMPAIR_DROP, offsetof(struct impair_chances, corrupt_ppm)},
    {"delay", OPTION_TIME, IMPAIR_DROP, offsetof(struct impair_chances, delay_ns)},
    {"jitter", OPTION_TIME, IMPAIR_DROP, offsetof(struct impair_chances, jitter_ns)},
    {"hold-time", OPTION_TIME, IMPAIR_DROP, offsetof(struct impair_chances, hold_ns)},
    {"seed", OPTION_SEED, IMPAIR_DROP, 0},
};

static const struct option *option_named(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

bool impair_option_known(const char *name)
{
    return option_named(name) != NULL;
}

static int set_seed(struct impair_config *config, const char *value, struct link_error *error)
{
    char *end = NULL;
    errno = 0;
    uint64_t seed = strtoull(value, &end, 0);
    if (end == value || *end != '\0' || *value == '-' || errno != 0)
        return link_fail(error, "'%s': a seed is a whole number of 64 bits", value);
    config->seed = seed;
    return 0;
}

static int add_pattern(struct impair_config *config, const struct option *option, const char *value,
                       struct link_error *error)
{
    if (config->pattern_count == IMPAIR_PATTERNS)
        return link_fail(error, "'%s': at most %d patterns", value, IMPAIR_PATTERNS);
    if (impair_parse(value, option->action, &config->patterns[config->pattern_count], error) < 0)
        return -1;
    config->pattern_count++;
    return 0;
}

static int set_amount(struct impair_config *config, const struct option *option, const char *value,
                      struct link_error *error)
{
    bool in = true;
    bool out = true;
    const char *at = value;
    uint32_t ppm = 0;
    la_time time = 0;
    if (take_direction(&at, &in, &out, value, error) < 0)
        return -1;
    bool chance = option->kind == OPTION_CHANCE;
    if ((chance ? parse_chance(at, &ppm, value, error) : parse_time(at, &time, value, error)) < 0)
        return -1;
    for (int direction = LINK_IN; direction <= LINK_OUT; direction++) {
        char *field = (char *)&config->chances[direction] + option->offset;
        if (direction == LINK_IN ? in : out)
            memcpy(field, chance ? (void *)&ppm : (void *)&time, chance ? sizeof ppm : sizeof time);
    }
    return 0;
}

int impair_option(struct impair_config *config, const char *name, const char *value, struct link_error *error)
{
    const struct option *option = option_named(name);
    if (option == NULL)
        return link_fail(error, "'%s' is not an option of the network", name);
    struct link_error inner;
    int result = -1;
    switch (option->kind) {
    case OPTION_PATTERN: result = add_pattern(config, option, value, &inner); break;
    case OPTION_CHANCE:
    case OPTION_TIME: result = set_amount(config, option, value, &inner); break;
    case OPTION_SEED: result = set_seed(config, value, &inner); break;
    }
    if (result < 0)
        return link_fail(error, "--%s %.200s", name, inner.text);
    return 0;
}
