#ifndef SHOW_CENSUS_H
#define SHOW_CENSUS_H

#include <lastack/waits.h>

#include <jansson.h>
#include <stdio.h>

/* What a table of waits says as a whole: who closed first, and how many of a client's ports towards one server wait. A
   stack that does not open again on a port that waits can open no more than all ports in one wait towards one server:
   28,232 in 60 s are 470 a second. */

/* Which ports clients take, and how long a wait is. */
struct census_budget {
    uint16_t first_port; /* config.ephemeral_first */
    uint16_t last_port;  /* config.ephemeral_last */
    uint32_t msl_ms;     /* config.msl_ms */
};

struct census;

/* NULL: no memory. */
struct census *census_new(const struct census_budget *budget, la_time now);
void census_free(struct census *census);

/* False: no memory. */
bool census_add(struct census *census, const struct la_wait *wait);

/* In plain words; of the destinations the `most` with the most ports. */
bool census_text(struct census *census, FILE *file, unsigned most);

/* One JSON object: records, by class and by reason; closed_per_second; ports and ports_per_second, the budget;
   destinations: client, server, ports, share, per_second, runs_out_in_s (null: they do not). */
bool census_json(struct census *census, FILE *file, unsigned most);

/* OpenMetrics 1.0 text, with "# EOF". counted: the counters of the host, by la_counter_name; NULL: not known, and then
   there are gauges only. */
bool census_openmetrics(struct census *census, const json_t *counted, FILE *file, unsigned most);

#endif
