#ifndef CHECK_EXPLORE_PRIVATE_H
#define CHECK_EXPLORE_PRIVATE_H

#include "circles.h"
#include "explore.h"
#include "store.h"

struct explorer {
    const struct bounds *bounds;
    struct verdict *verdict;
    struct checker checker;
    struct store store;
    struct frontier frontier;
    struct circles circles;
    struct world world;
    uint32_t next;      /* number of the world that is looked at */
    uint32_t level_end; /* number of the first world of the next depth */
    double began;
    double earlier; /* seconds spent before a checkpoint */
    double saved;   /* when the last checkpoint was written */
};

/* checkpoint.c: all that goes on after an interruption, in a file of this machine's own form. It is written beside the
   old one, which it then replaces: an interruption while it is written loses nothing. */
bool checkpoint_write(const struct explorer *explorer, const char *path);

/* NULL, or why it cannot be gone on from there: the scenario must be the same. */
const char *checkpoint_read(struct explorer *explorer, const char *path);

#endif
