#include "scenario.h"

#include <string.h>

/* The applications of the built-in runs. */
#define CLIENT_FIRST .steps = {{STEP_SEND, STEP_CLOSE}, {GUARD_EOF, STEP_CLOSE}}
#define CLIENT_GONE  .steps = {{GUARD_OPEN, STEP_SEND, STEP_SEND, STEP_CLOSE}, {GUARD_READ, GUARD_EOF, STEP_CLOSE}}
#define AFTER_OPEN   .steps = {{GUARD_OPEN, STEP_SEND, STEP_CLOSE}, {GUARD_EOF, STEP_CLOSE}}
#define SERVER_FIRST .steps = {{GUARD_OPEN, STEP_SEND, GUARD_EOF, STEP_CLOSE}, {GUARD_READ, STEP_SEND, STEP_CLOSE}}
#define HALF_CLOSE \
    .steps = {{GUARD_OPEN, STEP_SEND, STEP_SHUTDOWN, GUARD_EOF, STEP_CLOSE}, {GUARD_EOF, STEP_SEND, STEP_CLOSE}}
#define BOTH_CLOSE \
    .steps = {{STEP_SEND, STEP_SHUTDOWN, GUARD_EOF, STEP_CLOSE}, {STEP_SEND, STEP_SHUTDOWN, GUARD_EOF, STEP_CLOSE}}
#define ABORTS  .steps = {{STEP_SEND, STEP_ABORT}, {STEP_SEND, GUARD_EOF, STEP_CLOSE}}
#define LINGERS .steps = {{STEP_SEND, STEP_LINGER}, {STEP_SEND, GUARD_EOF, STEP_CLOSE}}
#define SENDS_ALL \
    .steps = {{GUARD_OPEN, STEP_SEND, STEP_SEND, STEP_SEND, STEP_CLOSE}, {GUARD_OPEN, STEP_SEND, GUARD_EOF, STEP_CLOSE}}
#define UNREAD     .steps = {{STEP_SEND, STEP_SEND, GUARD_EOF, STEP_CLOSE}, {GUARD_OPEN, STEP_SEND, STEP_CLOSE}}
#define BOTH_ABORT .steps = {{STEP_SEND, STEP_CLOSE}, {GUARD_READ, STEP_SEND, STEP_ABORT}}

#define USUAL(octets)                                                                                 \
    .reset_unknown = true, .rfc1337 = true, .reopen = true, .reuse = true, .records = 2, .pieces = 6, \
    .window = (octets), .lifetime_ms = 30000
#define WAITS    USUAL(32), .msl_ms = 30000
#define NO_WAITS USUAL(32), .msl_ms = 0
#define STAMPED  WAITS, .timestamps = true
#define SILENT                                                                                                       \
    .reset_unknown = false, .rfc1337 = true, .reopen = true, .reuse = true, .records = 2, .pieces = 6, .window = 32, \
    .lifetime_ms = 30000

/* loss, duplication, reordering, premature, injection, memory */
#define FAULTS(...) .budget = {__VA_ARGS__}

const struct check_scenario check_scenarios[] = {
    /* The first reason for TIME-WAIT, and what it looks like without. */
    {"last-ack", "the last ACK may be lost: with the wait", CLIENT_FIRST, {1, 0}, FAULTS(2, 1, 1, 1), WAITS},
    {"last-ack-msl-0",
     "the same without the wait: the last closer is reset",
     AFTER_OPEN,
     {1, 0},
     FAULTS(1),
     NO_WAITS,
     .expected = PROPERTY_RESET},
    {"last-ack-msl-0-silent",
     "... or left retransmitting, where a firewall keeps the RST back",
     AFTER_OPEN,
     {1, 0},
     FAULTS(1),
     SILENT,
     .msl_ms = 0,
     .expected = PROPERTY_GIVEN_UP},
    /* The second reason. */
    {"old-duplicate",
     "a segment may come late, into the next incarnation: with the wait",
     CLIENT_FIRST,
     {2, 0},
     FAULTS(1, 1),
     WAITS,
     .isn = ISN_FAST},
    {"old-duplicate-msl-0",
     "the same without the wait: it is accepted",
     AFTER_OPEN,
     {2, 0},
     FAULTS(0, 1),
     NO_WAITS,
     .isn = ISN_FAST,
     .expected = PROPERTY_DATA},
    /* Why initial sequence numbers must not repeat, with the wait or without. */
    {"ghost", "no connection that its peer did not open", CLIENT_FIRST, {1, 0}, FAULTS(0, 2), WAITS},
    {"ghost-isn-repeats",
     "the same with initial sequence numbers that repeat: the ghost",
     AFTER_OPEN,
     {1, 0},
     FAULTS(0, 2),
     WAITS,
     .isn = ISN_REPEATS,
     .expected = PROPERTY_GHOST},
    {"ghost-isn-faster",
     "data that outran the listener's clock as well: its wait alone cannot help",
     AFTER_OPEN,
     {1, 0},
     FAULTS(0, 1),
     WAITS,
     .isn = ISN_FASTER,
     .expected = PROPERTY_GHOST},
    /* The life cycle. */
    {"server-first", "the listener closes first", SERVER_FIRST, {1, 0}, FAULTS(2, 1, 1), WAITS},
    {"half-close", "the answer comes after the half-close", HALF_CLOSE, {1, 0}, FAULTS(2, 1, 1), WAITS},
    {"both-close", "both close, in any order", BOTH_CLOSE, {1, 0}, FAULTS(1, 1), WAITS},
    {"open-at-once", "both open, in any order", BOTH_CLOSE, {1, 1}, FAULTS(1, 1), WAITS},
    {"lingers", "a lingering close over a response that nobody reads", LINGERS, {1, 0}, FAULTS(1, 1), WAITS},
    /* A new incarnation of the same four-tuple. */
    {"reopen", "the opener closes first, and opens again", CLIENT_FIRST, {2, 0}, FAULTS(1, 1, 1), WAITS},
    {"reopen-three", "three incarnations", AFTER_OPEN, {3, 0}, FAULTS(1, 1), WAITS},
    {"reopen-no-reuse",
     "it waits until the wait is over",
     CLIENT_FIRST,
     {2, 0},
     FAULTS(1, 1),
     .reset_unknown = true,
     .rfc1337 = true,
     .records = 2,
     .pieces = 6,
     .window = 32,
     .lifetime_ms = 30000,
     .msl_ms = 30000},
    {"reopen-server-first",
     "the listener closed first, its wait is reopened, and one old FIN undoes nothing (ADR 0060)",
     SERVER_FIRST,
     {2, 0},
     FAULTS(1, 1),
     WAITS},
    {"reopen-isn-faster",
     "the same with data that outran both clocks: the records say where to begin",
     SERVER_FIRST,
     {2, 0},
     FAULTS(1, 1),
     WAITS,
     .isn = ISN_FASTER},
    {"reopen-after-abort",
     "the first one is aborted, and its data outran both clocks",
     ABORTS,
     {2, 0},
     FAULTS(1, 1),
     WAITS,
     .isn = ISN_FASTER},
    {"reopen-peer-aborts", "the listener's side aborts", BOTH_ABORT, {2, 0}, FAULTS(1, 1), WAITS},
    /* With timestamps. */
    {"timestamps", "the last ACK may be lost: with timestamps", CLIENT_FIRST, {1, 0}, FAULTS(1, 1, 1, 1), STAMPED},
    {"timestamps-reopen",
     "three incarnations in a millisecond, with timestamps",
     AFTER_OPEN,
     {3, 0},
     FAULTS(1, 1),
     STAMPED},
    {"timestamps-forged",
     "forged segments, with timestamps: PAWS, and what may move TS.Recent",
     CLIENT_FIRST,
     {1, 0},
     FAULTS(1, 0, 0, 0, 2),
     STAMPED},
    /* Windows that close, and what is not read. */
    {"shut-window",
     "the listener reads late, and has room for six octets",
     SENDS_ALL,
     {1, 0},
     FAULTS(0, 0, 1, 1),
     USUAL(6),
     .msl_ms = 30000,
     .lazy = 2},
    {"unread", "the listener closes and has not read all", UNREAD, {1, 0}, FAULTS(1, 1), WAITS, .lazy = 2},
    {"delayed-ack", "ACKs wait for 40 ms", HALF_CLOSE, {1, 0}, FAULTS(1, 1), WAITS, .delayed_ack_ms = 40},
    /* Trouble of other kinds. */
    {"slow",
     "timers fire although segments are under way",
     CLIENT_FIRST,
     {1, 0},
     FAULTS(1, 0, 0, 2),
     WAITS,
     .skew_ms = 300},
    {"forged", "segments forged by somebody who sees the numbers", CLIENT_FIRST, {1, 0}, FAULTS(1, 0, 1, 0, 2), WAITS},
    {"forged-closed",
     "the same, in two segments of text, where one end is gone",
     CLIENT_GONE,
     {1, 0},
     FAULTS(0, 0, 1, 0, 2),
     WAITS},
    {"forged-both", "the same where both close", BOTH_CLOSE, {1, 0}, FAULTS(0, 0, 0, 0, 1), WAITS},
    {"no-memory", "no memory is to be had now and then", SERVER_FIRST, {1, 0}, FAULTS(1, 0, 0, 0, 0, 3), WAITS},
    {.name = NULL},
};

const struct check_scenario *check_scenario_find(const char *name)
{
    for (const struct check_scenario *scenario = check_scenarios; scenario->name != NULL; scenario++) {
        if (strcmp(scenario->name, name) == 0) {
            return scenario;
        }
    }
    return NULL;
}
