#ifndef CHECK_TRAIL_H
#define CHECK_TRAIL_H

#include "explore.h"

/* What is done with a trail: it is played again, exactly, and shown. */

struct outcome {
    uint32_t played;     /* events; fewer than the trail has if one could not happen */
    enum property wrong; /* with the last one that was played */
    const char *why;
    unsigned host; /* where */
};

/* Plays it: NULL watcher: only to see how it ends. Stops at what is wrong. */
void trail_play(const struct check_scenario *scenario, const struct trail *trail, const struct watcher *watcher,
                struct outcome *outcome);

/* Takes out every event without which the same is wrong still: how many. */
uint32_t trail_minimise(const struct check_scenario *scenario, struct trail *trail);

/* The events in words, one a line. */
void trail_words(const struct check_scenario *scenario, const struct trail *trail, FILE *file);

/* Both ends' ladder. False: memory is short. */
bool trail_ladder(const struct check_scenario *scenario, const struct trail *trail, bool ascii, bool colour,
                  FILE *file);

/* What the host where it went wrong sent and received, as pcapng. */
bool trail_pcap(const struct check_scenario *scenario, const struct trail *trail, FILE *file);

/* What one host lived through, as a script in packetdrill's language that lastack drill plays: what arrives, what
   leaves, the calls. NULL, or why there is none: a script knows one incarnation, and calls that its language has. */
const char *trail_drill(const struct check_scenario *scenario, const struct trail *trail, FILE *file);

/* A file that trail_read reads: the settings, and the events. */
void trail_write(const struct check_scenario *scenario, const struct trail *trail, FILE *file);

/* NULL, or what is wrong, in *line. */
const char *trail_read(struct check_scenario *scenario, struct trail *trail, FILE *file, unsigned *line);

#endif
