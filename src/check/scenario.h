#ifndef CHECK_SCENARIO_H
#define CHECK_SCENARIO_H

#include <lastack/lastack.h>

#include <stdio.h>

/* What is explored: two applications, the hosts' settings, and what the network and the clocks may do. */

#define SCRIPT_STEPS 8
#define OPENS_MAX    7 /* incarnations of the four-tuple: each octet carries its own in three bits */
#define WINDOW_MAX   32
#define OCTETS_MAX   15 /* that one incarnation sends one way: each octet carries its place in four bits */

/* What an application does, in this order, with each connection. It reads at once what there is, and lets go of what
   has ended. A guard is no call: what follows is not done before it is true. */
enum step {
    STEP_NONE,
    STEP_SEND,
    STEP_SHUTDOWN,
    STEP_CLOSE,
    STEP_LINGER,
    STEP_ABORT,
    GUARD_OPEN,
    GUARD_READ,
    GUARD_EOF
};

/* When a new incarnation begins, what does the clock of RFC 6528 say, which turns once in 4 us? */
enum isn_rule {
    ISN_CLOCK,  /* more than all octets of the last one: the assumption of RFC 9293 3.4.1 */
    ISN_FAST,   /* that, or one tick only, at the host that opens: data that outran the clock. Both are tried */
    ISN_FASTER, /* the same at both hosts */
    ISN_REPEATS /* what it said before: a clock that stands still */
};

enum fault { FAULT_LOSS, FAULT_DUPLICATION, FAULT_REORDERING, FAULT_PREMATURE, FAULT_INJECTION, FAULT_MEMORY };

#define FAULT_COUNT 6

/* What is wrong with a world. */
enum property {
    PROPERTY_NONE,        /* nothing */
    PROPERTY_HOST,        /* host_check */
    PROPERTY_DATA,        /* I1, I2: an octet that is not the next one that this incarnation's peer wrote */
    PROPERTY_OLD_SEGMENT, /* I2: a segment of another incarnation changed a connection */
    PROPERTY_GHOST,       /* a connection that its peer did not open: an incarnation was accepted twice */
    PROPERTY_EOF,         /* I3: end of data too early, or although the peer did not close */
    PROPERTY_RESET,       /* I22: reset, and nobody had a reason to */
    PROPERTY_GIVEN_UP,    /* I22: left retransmitting until it was given up */
    PROPERTY_LOST,        /* a clean end on one side, and not all octets arrived */
    PROPERTY_OPEN,        /* an open that failed for no reason */
    PROPERTY_INJECTED,    /* I21: an RST that was not exactly right was obeyed */
    PROPERTY_NUMBERS,     /* I5, I7, I8, I20: numbers that went back, or that a segment should not say */
    PROPERTY_STUCK,       /* I31: nothing can happen, and somebody is not done */
    PROPERTY_ACK_WAR      /* I24: deliveries without end, or round in a circle */
};

#define PROPERTY_COUNT 14

struct check_scenario {
    const char *name;
    const char *about;
    uint8_t steps[2][SCRIPT_STEPS]; /* enum step; of host 0, which opens, and of host 1 */
    uint8_t opens[2];               /* so often each opens the same four-tuple; 0: it listens */
    uint8_t budget[FAULT_COUNT];
    uint8_t isn;        /* enum isn_rule */
    bool timestamps;    /* RFC 7323, at both hosts */
    bool reset_unknown; /* false: a segment for nobody meets silence, as behind a firewall */
    bool rfc1337;
    bool reopen;
    bool reuse;
    uint8_t records; /* of TIME-WAIT, each host */
    uint8_t pieces;  /* of 16 octets, each host's buffers */
    uint8_t window;  /* octets that a connection buffers each way */
    uint8_t lazy;    /* bit: hosts whose application reads only while its script waits for read or eof */
    uint8_t delayed_ack_ms;
    uint32_t msl_ms;      /* the hosts': 0 switches the wait off */
    uint32_t lifetime_ms; /* a segment's in the network */
    uint32_t skew_ms;     /* so late a timer may be served while another host's come first */
    enum property expected;
};

/* The built-in ones, the last with a NULL name. */
extern const struct check_scenario check_scenarios[];
const struct check_scenario *check_scenario_find(const char *name);

/* One that has no applications yet: waits on, no faults. */
void check_scenario_default(struct check_scenario *scenario);

/* Sets one field by its name, as "lastack check --set" takes it. NULL, or what is wrong with it. */
const char *check_scenario_set(struct check_scenario *scenario, const char *name, const char *value);

/* NULL, or why the settings do not go together. */
const char *check_scenario_wrong(const struct check_scenario *scenario);

/* Writes what scenario_set would have to be told, one a line: it can be read back. */
void check_scenario_write(const struct check_scenario *scenario, FILE *file);

/* Stable names. */
const char *property_name(enum property property);
const char *property_text(enum property property);
const char *fault_name(enum fault fault);
const char *step_name(enum step step);

#endif
