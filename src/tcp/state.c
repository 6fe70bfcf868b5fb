#include "state.h"

#include "base/assert.h"

#define EDGE(to) (UINT16_C(1) << (to))

/* Row: from. Any state may go to CLOSED (abort, reset, giving up, deletion). The edges out of TIME-WAIT are a record's
   (time_wait.h): reopened by the peer's SYN, or reused by our own, and back while that can be undone (shadow.h). */
static const uint16_t legal[LA_STATE_COUNT] = {
    [LA_CLOSED] = EDGE(LA_LISTEN) | EDGE(LA_SYN_SENT) | EDGE(LA_SYN_RECEIVED),
    [LA_LISTEN] = EDGE(LA_SYN_RECEIVED) | EDGE(LA_CLOSED),
    [LA_SYN_SENT] = EDGE(LA_SYN_RECEIVED) | EDGE(LA_ESTABLISHED) | EDGE(LA_CLOSED) | EDGE(LA_TIME_WAIT),
    [LA_SYN_RECEIVED] = EDGE(LA_ESTABLISHED) | EDGE(LA_LISTEN) | EDGE(LA_CLOSED) | EDGE(LA_TIME_WAIT),
    [LA_ESTABLISHED] = EDGE(LA_FIN_WAIT_1) | EDGE(LA_CLOSE_WAIT) | EDGE(LA_CLOSED),
    [LA_FIN_WAIT_1] = EDGE(LA_FIN_WAIT_2) | EDGE(LA_CLOSING) | EDGE(LA_CLOSED),
    [LA_FIN_WAIT_2] = EDGE(LA_TIME_WAIT) | EDGE(LA_CLOSED),
    [LA_CLOSE_WAIT] = EDGE(LA_LAST_ACK) | EDGE(LA_CLOSED),
    [LA_CLOSING] = EDGE(LA_TIME_WAIT) | EDGE(LA_CLOSED),
    [LA_LAST_ACK] = EDGE(LA_CLOSED),
    [LA_TIME_WAIT] = EDGE(LA_SYN_RECEIVED) | EDGE(LA_SYN_SENT) | EDGE(LA_CLOSED),
};

bool state_edge_is_legal(enum la_state from, enum la_state to)
{
    la_assert(from < LA_STATE_COUNT && to < LA_STATE_COUNT);
    return (legal[from] & EDGE(to)) != 0;
}

bool state_is_synchronised(enum la_state state)
{
    return state >= LA_ESTABLISHED;
}
