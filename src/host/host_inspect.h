#ifndef HOST_HOST_INSPECT_H
#define HOST_HOST_INSPECT_H

#include "host.h"

/* For those who look inside: tests, and what explores or replays. */

/* Everything that one host can see of itself is as it must be: each object in exactly its lists, every piece of buffer
   in one chain, tables and timers as the connections say, and whatever the connections' states, numbers and timers
   promise. NULL, or the name of what is not true. True between any two calls; it changes nothing. */
const char *host_check(const la_host *host);

#endif
