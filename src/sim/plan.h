#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <lastack/lastack.h>

#include "link/impair.h"

/* What a seed decides: two hosts, a network, and lifetimes of connections. Nothing is drawn later but by the network,
   from the same seed; so a seed says all. Each seed draws which troubles there are at all, and then how many of each: a
   run in which everything goes wrong at once seldom gets far enough to show anything. */

enum { SIM_LIVES_MOST = 16, SIM_HOSTS = 2, SIM_PORT = 80, SIM_FIRST_PORT = 40000 };

/* How an end behaves once it has sent what it has to send. */
enum sim_manner {
    SIM_CLOSES_FIRST,  /* shutdown; reads to the end */
    SIM_CLOSES_SECOND, /* reads to the end; shutdown */
    SIM_CLOSES_FULLY,  /* close: what is unread, or comes then, is answered with a RST */
    SIM_LINGERS,       /* close, lingering */
    SIM_ABORTS
};

#define SIM_MANNERS 5

enum sim_end { SIM_OPENER, SIM_SERVER };

struct sim_life {
    uint8_t host;       /* that opens */
    uint8_t port;       /* its local port, from SIM_FIRST_PORT */
    la_time start;      /* when it opens, or tries to */
    uint32_t octets[2]; /* that each end sends, by enum sim_end; four that say which life it is come before */
    enum sim_manner manner[2];
    la_time reads_after[2]; /* so long an end waits with each read */
};

enum sim_workload {
    SIM_MIXED,  /* everything, with room for every record */
    SIM_REOPEN, /* one four-tuple, again and again, at once */
    SIM_FULL    /* tables of records and pools of buffers that are too small */
};

#define SIM_WORKLOADS 3

const char *sim_workload_name(enum sim_workload workload);

/* What can be taken out of a plan, to see whether it goes wrong without it. */
enum sim_cut {
    SIM_CUT_LOSS,
    SIM_CUT_DUPLICATION,
    SIM_CUT_REORDERING,
    SIM_CUT_CORRUPTION,
    SIM_CUT_OUTAGES,
    SIM_CUT_OLD_DUPLICATES,
    SIM_CUT_JITTER,
    SIM_CUT_SLOW_READERS,
    SIM_CUT_SMALL_POOLS,
    SIM_CUT_OPENER_DATA, /* what is sent, beyond the four octets */
    SIM_CUT_SERVER_DATA,
    SIM_CUT_LIFE /* the first of SIM_LIVES_MOST */
};

#define SIM_CUTS (SIM_CUT_LIFE + SIM_LIVES_MOST)

/* "loss", "life-3". */
const char *sim_cut_name(unsigned cut, char text[16]);

struct sim_plan {
    uint64_t seed;
    enum sim_workload workload;
    struct la_config config[SIM_HOSTS];
    struct impair_config network;
    struct sim_life lives[SIM_LIVES_MOST];
    unsigned count; /* of lives */
    uint32_t cuts;  /* bits by enum sim_cut */
};

struct sim_plan sim_plan_of(uint64_t seed, enum sim_workload workload, uint32_t cuts);

/* A life that was cut stays in the list, so that the others keep their numbers. */
static inline bool sim_life_is_cut(const struct sim_plan *plan, unsigned life)
{
    return (plan->cuts & 1U << (SIM_CUT_LIFE + life)) != 0;
}

#endif
