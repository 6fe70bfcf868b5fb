#ifndef SHOW_WAITS_H
#define SHOW_WAITS_H

#include <lastack/waits.h>

#include <stdio.h>

/* The records that stand for ended connections, one a line, as `ss -tno state time-wait` shows the kernel's. */

/* "we closed first", "both closed at once", "we reset it", "the peer closed first". */
const char *wait_reason(const struct la_wait *wait);

/* False if it could not be written. */
bool waits_head(FILE *file);
bool waits_line(FILE *file, const struct la_wait *wait, la_time now);

/* The same as a JSON object on a line: class, way, reason, local, remote, since_ms (how long ago, or null), left_ms,
   snd_nxt, rcv_nxt, ts_recent and last_tsval (or null), window_bytes, interface, acks (7: 7 or more), restarts,
   shadowed. False if it could not be written. */
bool waits_json(FILE *file, const struct la_wait *wait, la_time now);

#endif
