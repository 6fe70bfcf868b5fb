#ifndef SHOW_WATCH_H
#define SHOW_WATCH_H

#include "json.h"
#include "ladder.h"
#include "pcapng.h"

/* The watchers of one end together, as the taps of link/loop.h and link/memory.h want them:

     struct watch watch = {.ladder = ladder, .pcapng = pcapng};
     loop_tap(&loop, watch_tap(&watch));

   Any of them may be NULL. Two ends with one ladder: two watches, the second with side = LADDER_RIGHT. */
#define WATCH_HELD 32

struct watch {
    struct ladder *ladder;
    enum ladder_side side;
    struct pcapng *pcapng;
    FILE *json;                       /* trace records as JSON lines */
    struct la_trace held[WATCH_HELD]; /* its own: segments that are recorded, and not yet handed over */
    unsigned held_count;
    size_t header_bytes; /* of each packet, before IP: LA_ETHERNET_HEADER_BYTES where frames are carried */
    bool failed;         /* something could not be written: the program says so at its end */
};

/* A packet at the edge of the host, as link/tap.h says. context is the struct watch. */
void watch_packet(void *context, la_time time, bool outgoing, const void *bytes, size_t length, const char *fate,
                  const struct la_trace *records, size_t count);

/* The watch as a struct tap. A macro, for here nobody knows link/: its user does. */
#define watch_tap(watch) ((struct tap){.context = (watch), .packet = watch_packet})

#endif
