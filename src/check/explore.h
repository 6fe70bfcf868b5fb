#ifndef CHECK_EXPLORE_H
#define CHECK_EXPLORE_H

#include "world.h"

/* Breadth first through all worlds that a scenario can lead to: the first that is wrong is as near as any. */

#define TRAIL_MAX 4096

struct trail {
    uint32_t count;
    struct event event[TRAIL_MAX];
};

enum ending {
    ENDING_COMPLETE, /* nothing was left to be looked at */
    ENDING_FOUND,    /* something is wrong: verdict.found, verdict.trail */
    ENDING_STATES,   /* a bound was reached */
    ENDING_SECONDS,
    ENDING_MEMORY,
    ENDING_BROKEN /* the scenario makes no world, or the output failed */
};

struct verdict {
    enum ending ending;
    enum property found;
    const char *why;
    struct trail trail;
    uint64_t states;
    uint64_t transitions;
    uint64_t overflows;  /* segments for which the network had no room */
    uint32_t depth;      /* events from the first world to the farthest */
    uint64_t waiting;    /* worlds still to be looked at */
    size_t world_bytes;  /* both hosts' blocks and the rest, while it lives */
    size_t packed_bytes; /* the largest, packed */
    size_t memory_bytes;
    double seconds;
    bool is_not_resumed; /* ENDING_BROKEN: for what is said of bounds.resume */
    struct coverage coverage;
};

struct bounds {
    uint64_t states;           /* 0: as many as memory takes */
    uint64_t memory_bytes;     /* 0: no bound */
    double seconds;            /* 0: no bound */
    const char *checkpoint;    /* a file that is written now and then, and when a bound is reached; or NULL */
    double checkpoint_seconds; /* how often */
    const char *resume;        /* a checkpoint to go on from; or NULL */
};

void explore(const struct check_scenario *scenario, const struct bounds *bounds, struct verdict *verdict);

const char *ending_name(enum ending ending);

/* The chance that two different worlds of so many have one digest, if digests are as good as chance: n^2 / 2^129. */
double collision_chance(uint64_t states);

#endif
