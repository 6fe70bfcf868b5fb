#include "scenario.h"

#include <stdlib.h>
#include <string.h>

static const char *const step_names[] = {[STEP_NONE] = "none",   [STEP_SEND] = "send",     [STEP_SHUTDOWN] = "shutdown",
                                         [STEP_CLOSE] = "close", [STEP_LINGER] = "linger", [STEP_ABORT] = "abort",
                                         [GUARD_OPEN] = "open",  [GUARD_READ] = "read",    [GUARD_EOF] = "eof"};

static const char *const fault_names[FAULT_COUNT] = {"loss",      "duplication", "reordering",
                                                     "premature", "injection",   "memory"};

static const char *const isn_names[] = {
    [ISN_CLOCK] = "clock", [ISN_FAST] = "fast", [ISN_FASTER] = "faster", [ISN_REPEATS] = "repeats"};

static const struct {
    const char *name;
    const char *text;
} properties[PROPERTY_COUNT] = {
    [PROPERTY_NONE] = {"none", "none within these bounds"},
    [PROPERTY_HOST] = {"host", "a host's own state is not as it must be"},
    [PROPERTY_DATA] = {"data", "what was delivered is not what this incarnation's peer wrote (I1, I2)"},
    [PROPERTY_OLD_SEGMENT] = {"old-segment", "a segment of an older incarnation was accepted (I2)"},
    [PROPERTY_GHOST] = {"ghost", "a connection that its peer did not open"},
    [PROPERTY_EOF] = {"eof", "end of data at the wrong place (I3)"},
    [PROPERTY_RESET] = {"reset", "an application saw a reset that nobody had a reason to send (I22)"},
    [PROPERTY_GIVEN_UP] = {"given-up", "an end was left retransmitting until it gave up (I22)"},
    [PROPERTY_LOST] = {"lost", "a clean end, and octets were lost (I1)"},
    [PROPERTY_OPEN] = {"open", "an open failed for no reason"},
    [PROPERTY_INJECTED] = {"injected", "a forged segment that was not exactly right was obeyed (I21)"},
    [PROPERTY_NUMBERS] = {"numbers", "numbers went back, were not said, or not taken (I5, I7, I8, I20, I29)"},
    [PROPERTY_STUCK] = {"stuck", "nothing can happen any more, and somebody is not done (I31)"},
    [PROPERTY_ACK_WAR] = {"ack-war", "segments are answered without end (I24)"},
};

const char *property_name(enum property property)
{
    return properties[property].name;
}

const char *property_text(enum property property)
{
    return properties[property].text;
}

const char *fault_name(enum fault fault)
{
    return fault_names[fault];
}

const char *step_name(enum step step)
{
    return step_names[step];
}

void check_scenario_default(struct check_scenario *scenario)
{
    *scenario = (struct check_scenario){.name = "custom",
                                        .about = "",
                                        .opens = {1, 0},
                                        .reset_unknown = true,
                                        .rfc1337 = true,
                                        .reopen = true,
                                        .reuse = true,
                                        .records = 2,
                                        .pieces = 6,
                                        .window = WINDOW_MAX,
                                        .msl_ms = 30000,
                                        .lifetime_ms = 30000};
}

/* ---- settings ---- */

static const char *set_number(const char *value, uint64_t most, uint64_t *number)
{
    char *end = NULL;
    *number = *value >= '0' && *value <= '9' ? strtoull(value, &end, 10) : 0;
    return end == NULL || *end != '\0' || *number > most ? "must be a whole number within its range" : NULL;
}

/* "send, eof, close" */
static const char *set_steps(const char *value, uint8_t steps[SCRIPT_STEPS])
{
    unsigned count = 0;
    unsigned sends = 0;
    memset(steps, 0, SCRIPT_STEPS);
    while (*value != '\0') {
        size_t length = strcspn(value, ", ");
        size_t step = STEP_SEND;
        while (step <= GUARD_EOF &&
               (strlen(step_names[step]) != length || memcmp(step_names[step], value, length) != 0)) {
            step++;
        }
        if (step > GUARD_EOF) {
            return "must be words of send, shutdown, close, linger, abort, open, read, eof, with commas between them";
        }
        sends += step == STEP_SEND;
        if (count == SCRIPT_STEPS || sends > OCTETS_MAX / 4) {
            return "must be at most 8 steps, and at most 3 of them send";
        }
        steps[count++] = (uint8_t)step;
        value += length;
        value += strspn(value, ", ");
    }
    return NULL;
}

static const char *set_isn(const char *value, uint8_t *isn)
{
    for (unsigned rule = 0; rule <= ISN_REPEATS; rule++) {
        if (strcmp(value, isn_names[rule]) == 0) {
            *isn = (uint8_t)rule;
            return NULL;
        }
    }
    return "must be clock, fast, faster or repeats";
}

/* The fields that are numbers, and their ranges. */
struct number {
    const char *name;
    size_t offset;
    uint8_t bytes;
    uint32_t most;
};

#define NUMBER(field, most)                                                                               \
    {                                                                                                     \
#field, offsetof(struct check_scenario, field), sizeof(((struct check_scenario *)0)->field), most \
    }
#define FAULT(name, which)                                            \
    {                                                                 \
        name, offsetof(struct check_scenario, budget) + (which), 1, 9 \
    }

static const struct number numbers[] = {
    {"opens", offsetof(struct check_scenario, opens), 1, OPENS_MAX},
    {"peer_opens", offsetof(struct check_scenario, opens) + 1, 1, 1},
    FAULT("loss", FAULT_LOSS),
    FAULT("duplication", FAULT_DUPLICATION),
    FAULT("reordering", FAULT_REORDERING),
    FAULT("premature", FAULT_PREMATURE),
    FAULT("injection", FAULT_INJECTION),
    FAULT("memory", FAULT_MEMORY),
    NUMBER(timestamps, 1),
    NUMBER(reset_unknown, 1),
    NUMBER(rfc1337, 1),
    NUMBER(reopen, 1),
    NUMBER(reuse, 1),
    NUMBER(records, 4),
    NUMBER(pieces, 8),
    NUMBER(window, WINDOW_MAX),
    NUMBER(lazy, 3),
    NUMBER(delayed_ack_ms, 200),
    NUMBER(msl_ms, 120000),
    NUMBER(lifetime_ms, 120000),
    NUMBER(skew_ms, 100000),
};

#define NUMBER_COUNT (sizeof numbers / sizeof numbers[0])

static const char *set_field(struct check_scenario *scenario, const struct number *field, const char *value)
{
    uint64_t number = 0;
    const char *wrong = set_number(value, field->most, &number);
    if (wrong != NULL) {
        return wrong;
    }
    char *to = (char *)scenario + field->offset;
    const uint32_t wide = (uint32_t)number;
    const uint8_t narrow = (uint8_t)number;
    memcpy(to, field->bytes == 4 ? (const void *)&wide : (const void *)&narrow, field->bytes);
    return NULL;
}

const char *check_scenario_set(struct check_scenario *scenario, const char *name, const char *value)
{
    if (strcmp(name, "client") == 0) {
        return set_steps(value, scenario->steps[0]);
    }
    if (strcmp(name, "server") == 0) {
        return set_steps(value, scenario->steps[1]);
    }
    if (strcmp(name, "isn") == 0) {
        return set_isn(value, &scenario->isn);
    }
    if (strcmp(name, "expected") == 0) {
        for (unsigned property = 0; property < PROPERTY_COUNT; property++) {
            if (strcmp(value, properties[property].name) == 0) {
                scenario->expected = (enum property)property;
                return NULL;
            }
        }
        return "must be the name of a property";
    }
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            return set_field(scenario, &numbers[i], value);
        }
    }
    return "there is no such setting";
}

const char *check_scenario_wrong(const struct check_scenario *scenario)
{
    if (scenario->opens[0] == 0 && scenario->opens[1] == 0) {
        return "nobody opens: opens is at least 1, or peer_opens is";
    }
    if (scenario->opens[1] > 0 && scenario->opens[0] > 1) {
        return "peer_opens goes with one open: incarnations are counted at the host that opens";
    }
    if (scenario->window == 0) {
        return "window is at least 1";
    }
    return scenario->pieces < 2 ? "pieces is at least 2" : NULL;
}

static void write_steps(const char *name, const uint8_t steps[SCRIPT_STEPS], FILE *file)
{
    fprintf(file, "%s=", name);
    for (unsigned i = 0; i < SCRIPT_STEPS && steps[i] != STEP_NONE; i++) {
        fprintf(file, "%s%s", i > 0 ? "," : "", step_names[steps[i]]);
    }
    fputc('\n', file);
}

void check_scenario_write(const struct check_scenario *scenario, FILE *file)
{
    write_steps("client", scenario->steps[0], file);
    write_steps("server", scenario->steps[1], file);
    fprintf(file, "isn=%s\nexpected=%s\n", isn_names[scenario->isn], properties[scenario->expected].name);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        uint32_t wide = 0;
        uint8_t narrow = 0;
        const char *from = (const char *)scenario + numbers[i].offset;
        memcpy(numbers[i].bytes == 4 ? (void *)&wide : (void *)&narrow, from, numbers[i].bytes);
        fprintf(file, "%s=%u\n", numbers[i].name, (unsigned)(numbers[i].bytes == 4 ? wide : narrow));
    }
}
