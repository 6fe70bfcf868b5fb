#include "minimise.h"

struct sim_plan sim_plan_changed(uint64_t seed, enum sim_workload workload, uint32_t cuts,
                                 const struct sim_change *change)
{
    struct sim_plan plan = sim_plan_of(seed, workload, cuts);
    if (change && change->apply)
        change->apply(change->context, &plan);
    return plan;
}

static bool goes_wrong(const struct sim_plan *plan, uint32_t cuts, struct sim_memory *memory,
                       const struct sim_change *change)
{
    struct sim_result result;
    struct sim_plan cut = sim_plan_changed(plan->seed, plan->workload, cuts, change);
    return sim_run(&cut, memory, NULL, &result) && result.wrong[0];
}

/* One after the other, lives first, for a life takes most with it; again, as long as that has taken something out. */
uint32_t sim_minimise(const struct sim_plan *plan, struct sim_memory *memory, const struct sim_change *change)
{
    uint32_t cuts = plan->cuts, before;
    do {
        before = cuts;
        for (unsigned i = 0; i < SIM_CUTS; i++) {
            unsigned cut = (SIM_CUT_LIFE + i) % SIM_CUTS;
            bool is_there = cut < SIM_CUT_LIFE || cut - SIM_CUT_LIFE < plan->count;
            if (is_there && !(cuts & 1U << cut) && goes_wrong(plan, cuts | 1U << cut, memory, change))
                cuts |= 1U << cut;
        }
    } while (cuts != before);
    return cuts;
}
