#include "coverage.h"

#include "tcp/state.h"

bool coverage_edge_is_legal(enum la_state from, enum la_state to)
{
    return state_edge_is_legal(from, to);
}

const char *coverage_why_not(enum la_state from, enum la_state to)
{
    bool listens = from == LA_LISTEN || to == LA_LISTEN;
    return listens ? "a listener is no connection here: its connections begin in CLOSED, and it is never closed"
                   : "no built-in run leads there";
}
