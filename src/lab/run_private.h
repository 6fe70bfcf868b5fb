#ifndef LAB_RUN_PRIVATE_H
#define LAB_RUN_PRIVATE_H

#include "run.h"

#include "link/flows.h"

enum { RUN_STATES = 16, RUN_EVENTS_MAX = 1000000, RUN_FLOWS = 64 };

/* A host's connection as its program knows it. */
struct program_connection {
    bool made;
    struct la_conn conn;
    struct la_endpoint local;
    struct la_endpoint remote;
    enum la_state state;
    uint32_t entered[LA_STATE_COUNT]; /* how often */
    bool holds;
    bool sees_end;
    bool ended;
    bool released;
    enum la_end end;
    int answer; /* of the last call: enum la_error, or a count */
    /* Steps that the program has begun, in order (number + 1, 0: none): to send what the host has not yet taken, and to
       shut or close behind it. */
    uint32_t calls_first;
    uint32_t calls_last;
    uint64_t offset; /* of what it has taken of the first one's content */
    bool is_full;    /* it has no room for the rest now */
    char *received;
    size_t received_length;
};

struct program {
    uint32_t accepted; /* the number of the last connection that was accepted or opened */
    struct la_listener listener[4];
    uint16_t listener_port[4];
    bool listener_holds[4];
    uint32_t listeners;
    struct program_connection connection[SCENARIO_CONNECTIONS];
    struct flows *flows;
    uint32_t sent[PACKET_KIND_COUNT];
    uint32_t repeats;
    uint32_t waits[LA_WAIT_EVENT_COUNT];
    uint32_t refused; /* by what is no host */
};

struct step_state {
    bool armed;
    bool fired;
    la_time due;
    la_time fired_at;
    uint32_t next_call; /* of its connection's: number + 1 */
};

struct run {
    const struct scenario *scenario;
    const struct lab_watchers *watchers;
    struct lab_report *report;
    struct network *network;
    struct program program[NETWORK_NODES];
    struct step_state step[SCENARIO_STEPS];
    bool judged[SCENARIO_EXPECTATIONS];
};

/* ---- run_program.c: what the programs of the hosts do ---- */

void program_call(struct run *run, const struct scenario_step *step); /* the call, no more */
void program_act(struct run *run, const struct scenario_step *step);

/* What a program does by itself: accepts, reads, sends what is left, notices the end. */
void program_serve(struct run *run, unsigned node);

/* Notes a trace record of the host. */
void program_record(struct run *run, unsigned node, const struct la_trace *record);

/* ---- run_watch.c: what is seen of it ---- */

void watch_moment(void *context, const struct network_moment *moment);
void watch_note(struct run *run, unsigned node, const char *text);

/* ---- run_judge.c: what was expected ---- */

void judge(const struct run *run, const struct scenario_expectation *expectation, struct lab_verdict *verdict);

#endif
