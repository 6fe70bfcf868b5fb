#ifndef CHECK_APPS_H
#define CHECK_APPS_H

#include "world.h"

/* The two applications: they accept and read at once, do their script's calls when the explorer says so, and know what
   they may expect. */

/* The slots of the host are as the host says; what came to be belongs to the incarnation `tag`. */
void apps_follow(struct world *world, unsigned host, unsigned tag);

/* Takes all events off the host's ready list. */
void apps_react(struct checker *checker, struct world *world, unsigned host);

/* The script's next call for the slot's connection: STEP_NONE if there is none, or its guard does not hold. */
enum step apps_next(const struct checker *checker, const struct world *world, unsigned host, unsigned slot);
void apps_step(struct checker *checker, struct world *world, unsigned host, unsigned slot);

/* The host's application may open now; and does, with its clock at `now`. */
bool apps_may_open(const struct checker *checker, const struct world *world, unsigned host);
void apps_open(struct checker *checker, struct world *world, unsigned host, la_time now);

/* The host's clock, since the beginning. */
la_time checker_time(const struct checker *checker, const struct world *world, unsigned host);

/* Something is wrong: the first that is said of an event counts. */
void checker_says(struct checker *checker, enum property wrong, const char *why);

#endif
