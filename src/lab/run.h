#ifndef LAB_RUN_H
#define LAB_RUN_H

#include "scenario.h"

#include "show/ladder.h"
#include "show/pcapng.h"

/* A scenario, run: hosts, network and programs in virtual time, and what was expected held against what was seen. */

enum { LAB_LADDERS = 2, LAB_SEEN_BYTES = 160 };

struct lab_verdict {
    bool met;
    char seen[LAB_SEEN_BYTES];
};

/* What is to be watched; each may be NULL. */
struct lab_watchers {
    struct ladder *ladder[LAB_LADDERS]; /* of the two rails */
    struct pcapng *pcapng;              /* at the left rail's host */
};

struct lab_report {
    bool all_met;
    bool endless;      /* stopped after a million events: nothing is claimed */
    bool is_broken;    /* the capture could not be written */
    la_time ended;     /* virtual time */
    uint32_t segments; /* that left the hosts */
    uint32_t lost;     /* by the network, or refused on the way */
    uint32_t fired;    /* steps that were taken */
    bool step_taken[SCENARIO_STEPS];
    struct lab_verdict verdict[SCENARIO_EXPECTATIONS];
};

/* 0, or -1 with why the network could not be made. */
int lab_run(const struct scenario *scenario, const struct lab_watchers *watchers, struct lab_report *report,
            struct link_error *error);

#endif
