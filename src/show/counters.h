#ifndef SHOW_COUNTERS_H
#define SHOW_COUNTERS_H

#include <lastack/counters.h>

#include <stdio.h>

/* As nstat does: a name and a number a line, aligned, only those that are not zero; then what was dropped, by reason,
   and the gauges. earlier: an earlier reading, to show what was counted since; NULL: since the host was made. */
void counters_text(FILE *file, const struct la_counters *counters, const struct la_counters *earlier);

/* {"counters":{"tcpActiveOpens":1,...},"dropped":{"paws":2,...},"gauges":{"connections":0,...}}, one line. Counters and
   gauges are all there, dropped only what is not zero. False if it could not be written. */
bool counters_json(FILE *file, const struct la_counters *counters);

#endif
