#ifndef CHECK_COVERAGE_H
#define CHECK_COVERAGE_H

#include <lastack/lastack.h>

/* The table of legal edges, for those above who see no layer of the core. */
bool coverage_edge_is_legal(enum la_state from, enum la_state to);

/* Why no run of the checker takes an edge. */
const char *coverage_why_not(enum la_state from, enum la_state to);

#endif
