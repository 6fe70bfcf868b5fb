#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include "arena.h"
#include "packet.h"

/* A script as the parser leaves it: options, and events in the order of the file. */

struct place {
    unsigned line; /* from 1 */
    unsigned column;
};

/* Why something could not be read or run: a sentence for a person, without the file's name. */
struct problem {
    struct place place;
    char text[480];
};

/* Fills in the problem; false, so that a failing function ends with: return problem_at(...). */
bool problem_at(struct problem *problem, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum value_kind {
    VALUE_ANY, /* ... */
    VALUE_INTEGER,
    VALUE_STRING,
    VALUE_LIST,   /* [a, b] */
    VALUE_TUPLE,  /* {a, b} */
    VALUE_STRUCT, /* {name=a, name(n)=b} */
    VALUE_ADDRESS /* inet_addr("1.2.3.4") */
};

/* An argument of a call, or its result. */
struct value {
    enum value_kind kind;
    struct place place;
    int64_t integer;
    const char *text; /* VALUE_STRING; VALUE_INTEGER: as it was written */
    size_t length;
    struct la_address address;
    struct value *items; /* VALUE_LIST, VALUE_TUPLE, VALUE_STRUCT */
    unsigned count;
    const char *name;       /* as a member of a VALUE_STRUCT */
    struct value *argument; /* of name(argument)=...; or NULL */
    struct value *next;     /* the list that it is in */
};

struct call {
    const struct call_kind *kind;
    const char *name;
    const char *text; /* "read(4, ..., 1000)", as it was written */
    struct place place;
    struct value *arguments;
    unsigned count;
    bool blocks; /* "...TIME": */
    int64_t end_ns;
    struct value *result;
    int error; /* errno; 0: none is expected */
    const char *error_name;
};

enum time_kind {
    TIME_ABSOLUTE,       /* 0.1 */
    TIME_RELATIVE,       /* +0.1 */
    TIME_ANY,            /* * */
    TIME_ABSOLUTE_RANGE, /* 0.1~0.2 */
    TIME_RELATIVE_RANGE  /* +0.1~+0.2 */
};

enum event_kind { EVENT_PACKET, EVENT_CALL, EVENT_COMMAND, EVENT_CODE };

struct event {
    enum event_kind kind;
    struct place place; /* of its time */
    struct place action_place;
    enum time_kind time_kind;
    int64_t time_ns;
    int64_t end_ns; /* of a range */
    struct packet *packet;
    struct call *call;
    const char *text; /* the command, or the code */
    struct event *next;
};

struct script_option {
    struct place place;
    const char *name;  /* with _ for - */
    const char *value; /* NULL: there is none */
    struct script_option *next;
};

struct script {
    struct arena arena;
    struct script_option *options;
    const char *init_command; /* before the first event; NULL */
    struct place init_place;
    const char *cleanup_command; /* after the last one; NULL */
    struct place cleanup_place;
    struct event *events;
    unsigned event_count;
};

/* NAME=VALUE of --define and of "--define=..." lines: where NAME stands in a script, VALUE is read instead. */
struct definition {
    const char *name;
    const char *value;
    const struct definition *next;
};

/* What must be known before a packet's line can be read. */
struct dialect {
    bool is_ipv4;
    const struct definition *definitions;
};

/* Two steps, since options decide how the rest is read. The options at the script's head (and nothing else). */
bool script_read_options(const char *text, size_t length, struct script *script, struct problem *problem);

/* All of it. text need not outlive the script. */
bool script_read(const char *text, size_t length, const struct dialect *dialect, struct script *script,
                 struct problem *problem);

void script_free(struct script *script);

#endif
