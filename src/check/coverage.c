#include "coverage.h"

#include "tcp/state.h"

bool coverage_edge_is_legal(enum la_state from, enum la_state to)
{
    return state_edge_is_legal(from, to);
}

const char *coverage_why_not(enum la_state from, enum la_state to)
{
    bool listens =
        (from == LA_CLOSED && (to == LA_LISTEN || to == LA_SYN_RECEIVED)) || (from == LA_LISTEN && to == LA_CLOSED);
    return listens ? "a listener is a table's entry, not a connection: what it opens begins in LISTEN"
                   : "no built-in run leads there";
}
