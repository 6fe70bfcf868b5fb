#ifndef SHOW_WATCH_H
#define SHOW_WATCH_H

#include "json.h"
#include "ladder.h"
#include "link/tap.h"
#include "pcapng.h"

/* The watchers of one end together, as the taps of link/loop.h and link/memory.h want them:

     struct watch watch = {.ladder = ladder, .pcapng = pcapng};
     loop_tap(&loop, watch_tap(&watch));

   Any of them may be NULL. Two ends with one ladder: two watches, the second with side = LADDER_RIGHT. */
struct watch {
    struct ladder *ladder;
    enum ladder_side side;
    struct pcapng *pcapng;
    FILE *json;            /* trace records as JSON lines */
    bool failed;           /* something could not be written: the program says so at its end */
};

struct tap watch_tap(struct watch *watch);

/* What the tap calls. */
void watch_packet(void *context, const struct tap_packet *packet);

#endif
