#ifndef LINK_TAPS_H
#define LINK_TAPS_H

#include <lastack/lastack.h>

#include "impair.h"
#include "tap.h"

#define TAPS_RECORDS 256

/* A packet as it passes the edge of a host. */
struct passage {
    la_time time;
    bool outgoing;
    const void *bytes; /* NULL: none */
    size_t length;
    const struct fate *fate; /* NULL: nothing happened to it */
    size_t header_bytes;     /* of bytes, before the IP packet */
};

/* Drains the host's trace and tells all taps: the records, and the packet that they belong to. records is room for
   TAPS_RECORDS of them. */
void taps_tell(la_host *host, const struct tap *taps, unsigned count, struct la_trace *records,
               const struct passage *passage);

/* Tells that this moment is over. */
void taps_tell_pause(const struct tap *taps, unsigned count, la_time time);

/* Tells of an incoming packet that was lost: the host is not asked, for it never saw the packet. */
void taps_tell_lost(const struct tap *taps, unsigned count, const struct passage *passage);

#endif
