#ifndef SIM_MINIMISE_H
#define SIM_MINIMISE_H

#include "world.h"

/* Changes a plan before it runs: settings that are the same for every seed. May be NULL. */
struct sim_change {
    void (*apply)(void *context, struct sim_plan *plan);
    void *context;
};

/* The plan of a seed, with the changes. */
struct sim_plan sim_plan_changed(uint64_t seed, enum sim_workload workload, uint32_t cuts,
                                 const struct sim_change *change);

/* Takes out of a plan that goes wrong whatever it goes wrong without: troubles, whole lives, what is sent. The cuts
   after which nothing more can be taken out. A plan that goes wrong otherwise than before still goes wrong. */
uint32_t sim_minimise(const struct sim_plan *plan, struct sim_memory *memory, const struct sim_change *change);

#endif
