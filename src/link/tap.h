#ifndef LINK_TAP_H
#define LINK_TAP_H

#include <lastack/trace.h>

/* What one packet at the edge of a host looks like to those who watch: the capture and the ladder. Types only; whoever
   carries packets (loop.h, memory.h) calls a tap, whoever shows them (show/watch.h) is one. */

/* As seen from the host: in is towards it. Patterns write them "in:" and "out:". */
enum link_direction {
    LINK_IN,
    LINK_OUT
};

/* What the network did to a packet. All zero: it was passed on at once, once, and whole. */
struct fate {
    bool lost;
    bool corrupted;   /* one bit was turned over */
    bool reordered;   /* held back so that later ones overtake it */
    bool copy;        /* this is the second copy of a packet that was duplicated */
    bool duplicated;  /* a second copy follows */
    la_time delay_ns; /* how long it is, or was, under way */
    char rule[32];    /* what decided: the pattern ("out:last-ack"), "chance", "queue full"; empty if nothing did */
};

struct tap_packet {
    la_time time;
    enum link_direction direction;
    const uint8_t *bytes;           /* an IP packet; NULL: records that no packet caused (timers, calls) */
    size_t length;
    struct fate fate;
    const struct la_trace *records; /* what the host recorded since the tap's last call, this packet's record in it */
    size_t count;
};

/* When it is called, for each packet once:
   out: when the host has handed the packet over, and the network has decided about it;
   in, lost: when the network has decided; there are no records, for the host never saw it;
   in, else: when the host has taken it (so a delayed one after its delay; a duplicate is a packet of its own).
   Everything pointed to lives until it returns. It must not call the host or the loop. */
struct tap {
    void *context;
    void (*packet)(void *context, const struct tap_packet *packet);
};

#endif
