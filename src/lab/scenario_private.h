#ifndef LAB_SCENARIO_PRIVATE_H
#define LAB_SCENARIO_PRIVATE_H

#include "scenario.h"

#define SCENARIO_SEED_MAX UINT64_C(0xffffffff)

enum { SCENARIO_REASON_BYTES = 160 };

/* The node's number, or -1. */
int scenario_node_named(const struct scenario *scenario, const char *name);

/* "HOST.KEY=VALUE" for one host, "KEY=VALUE" for all, or for the one that is given. False, with the reason. */
bool scenario_assign(struct scenario *scenario, int node, const char *assignment, char reason[SCENARIO_REASON_BYTES]);

#endif
