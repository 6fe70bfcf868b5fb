#ifndef SHOW_SHADOW_H
#define SHOW_SHADOW_H

#include <lastack/trace.h>

/* The state in which a TCP must be that sent and received these segments (RFC 9293 3.10.7): what an end that nobody can
   ask is taken to be in. It knows of no call that has not yet led to a segment. */
struct shadow {
    bool known; /* false: nothing can be said yet */
    enum la_state state;
    bool fin_sent;
    uint32_t fin_end; /* what acknowledges its FIN */
    bool next_known;
    uint32_t next; /* the next number that it expects */
    bool fin_received;
    bool fin_waiting; /* the other side's FIN has come, and what is before it has not */
    uint32_t fin_at;
};

/* A segment leaves it; one reaches it. */
void shadow_sends(struct shadow *shadow, const struct la_trace *segment);
void shadow_receives(struct shadow *shadow, const struct la_trace *segment);

#endif
