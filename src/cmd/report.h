#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "stage.h"

#include <jansson.h>

/* The final reports, as JSON: one object on one line. */

/* {"command": ..., "seconds": ...}; the caller adds to it. */
json_t *report_begin(const struct stage *stage);

/* "clean": 3, "reset-by-peer": 1: those that are not zero, by la_end_name. */
json_t *report_ended(const uint64_t ended[LA_END_COUNT]);

/* Adds the host's counters, dropped and gauges as show/counters.h writes them. Prints the object to out, and frees it.
   0, or -1 if it could not be written. */
int report_end(json_t *report, const struct stage *stage, FILE *out);

/* Octets and seconds as a person reads them: "64.0 MiB", "1.53 s". The text lives until the fourth next call. */
const char *human_bytes(uint64_t bytes);
const char *human_time(la_time nanoseconds);
const char *human_rate(uint64_t bytes, la_time nanoseconds);

#endif
