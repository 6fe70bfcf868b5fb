#ifndef LINK_CLOCK_H
#define LINK_CLOCK_H

#include <lastack/types.h>

#include "error.h"

/* CLOCK_MONOTONIC, in nanoseconds. Never fails: a kernel without it runs nothing here, so it aborts. */
la_time clock_now(void);

/* What to add to clock_now() for nanoseconds since 1970 (UTC), as it is at this moment: for captures. */
la_time clock_epoch_offset(void);

/* A secret for la_config.key, from getrandom(). 0, or -1 with the reason. */
int key_random(uint8_t key[16], struct link_error *error);

#endif
