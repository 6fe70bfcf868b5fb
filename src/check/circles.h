#ifndef CHECK_CIRCLES_H
#define CHECK_CIRCLES_H

#include "explore.h"
#include "store.h"

/* Whether what needs no call and no fault can go round in a circle. The steps between worlds of one progress are kept
   as they are met, in the order of where they begin; when all is explored, what is left after everything that leads
   nowhere has been taken away is circles. */
struct step_between {
    uint32_t from;
    uint32_t to;
};

struct circles {
    struct step_between *steps;
    uint64_t count;
    uint64_t capacity;
};

/* False: memory is short. */
bool circles_add(struct circles *circles, uint32_t from, uint32_t to);
void circles_free(struct circles *circles);

/* A circle: the numbers of its worlds, in order, at most `most` of them: how many; 0 if there is none. */
#define CIRCLES_NO_MEMORY UINT32_MAX
uint32_t circles_find(const struct circles *circles, uint32_t worlds, uint32_t *numbers, uint32_t most);

#endif
