#ifndef TCP_STATE_H
#define TCP_STATE_H

#include <lastack/lastack.h>

/* Whether RFC 9293 figure 5, with what INVARIANTS in docs/architecture.md adds to it, has this edge. The one table that
   tcp_set_state asserts, the diagram in the docs draws and coverage counts. */
bool state_edge_is_legal(enum la_state from, enum la_state to);

/* The peer's SYN has been received and ours acknowledged: ESTABLISHED and everything after it. */
bool state_is_synchronised(enum la_state state);

#endif
