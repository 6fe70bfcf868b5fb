#ifndef CHECK_CANONICAL_H
#define CHECK_CANONICAL_H

#include "world.h"

/* One form for all worlds that cannot be told apart: docs/adr/0080. */

/* Brings the host to its one form, its clock to WORLD_NOW: what is over is forgotten, dead octets and fields are zero,
   free slots and pieces stand in order. Statistics stay: pack leaves them out. */
void canonical_host(la_host *host);

/* The time that has passed on the host's clock since WORLD_NOW, in whole milliseconds: all that it remembers moves back
   by it. canonical_host does this. */
void canonical_shift_time(la_host *host, uint32_t ms);

/* All that is in one direction's sequence space, from host on, moves by so much: also in the segments under way. */
void canonical_shift_sequence(struct world *world, unsigned from, uint32_t by);

/* So many milliseconds have passed on host from's clock of timestamps since WORLD_NOW: what it said, and what its peer
   remembers of it, moves back by it, also in the segments under way. */
void canonical_shift_timestamps(struct world *world, unsigned from, uint32_t ms);

/* Sorts the segments under way, late ones by what they are. */
void canonical_network(struct network *network);

#endif
