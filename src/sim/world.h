#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "plan.h"

#include "show/ladder.h"

/* A plan, run: two hosts joined by its network, in virtual time, and programs that open, talk and close as the plan
   says. After every packet and every call each host is asked whether all is as it must be (host_check), and the
   programs check what they read and how it ends:

   - what is read is what the other end of the same life wrote, from the first octet on, without a gap;
   - the end of the data comes behind the last octet, and "clean" is said only where all has arrived;
   - no two hosts talk for ever, and each life ends;
   - in the end nothing is left: no connection, no buffer, no reply, no record.

   Where the protocol itself promises nothing, what goes wrong is counted as a risk that was taken, and is no error: an
   old octet after a life on the same four-tuple that did not end clean, so that nobody waited, or after a record had to
   make room. */

enum sim_count {
    SIM_LIVES,
    SIM_CLEAN,  /* said by both ends */
    SIM_BROKEN, /* reset, given up */
    SIM_WAITS, /* of those that were given up: what the peer said could have been the old connection's (LA_END_WAITS) */
    SIM_REFUSED,  /* there was no connection to be had */
    SIM_REOPENED, /* four-tuples that waited */
    SIM_RISKS,
    SIM_PACKETS
};

#define SIM_COUNTS 8

struct sim_result {
    char wrong[128]; /* empty: nothing */
    la_time when;
    la_time simulated;
    uint64_t digest; /* of every packet and when it came: the same in every build */
    uint64_t counts[SIM_COUNTS];
};

/* Two hosts' memory, kept from run to run. All zero: none yet. */
struct sim_memory {
    void *block[SIM_HOSTS];
    size_t size[SIM_HOSTS];
};

void sim_memory_free(struct sim_memory *memory);

/* ladder: to be drawn; NULL: none. False: there was no memory for it. */
bool sim_run(const struct sim_plan *plan, struct sim_memory *memory, struct ladder *ladder, struct sim_result *result);

#endif
