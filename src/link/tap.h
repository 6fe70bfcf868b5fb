#ifndef LINK_TAP_H
#define LINK_TAP_H

#include <lastack/trace.h>

/* One who watches the packets at the edge of a host: the capture, the ladder. Whoever carries packets (loop.h,
   memory.h) calls it. Only public types stand in it, so that a watcher (show/watch.h) need not know who carries.

   packet is called once for each packet:
     out        when the host has handed it over and the network has decided about it
     in         when the host has taken it: a delayed one after its delay; a second copy is a packet of its own
     in, lost   when the network has decided, for the host never sees it
   and with bytes NULL for records that no packet caused (timers, the program's calls).

   time      in nanoseconds, as the host is told it
   fate      what the network did to it, as a text (fate_text): NULL if nothing; it begins with "lost" if it was
   records   what the host recorded since the tap's last call, this packet's own record in it. In, lost: one record that
             says what the packet was, if it was TCP, its window UINT32_MAX (unknown)

   bytes NULL and no records: all that belongs to this moment has been told. A ladder writes what it holds back.

   Everything pointed to lives until it returns. It must not call the host, nor who calls it. */
struct tap {
    void *context;
    void (*packet)(void *context, la_time time, bool outgoing, const void *bytes, size_t length, const char *fate,
                   const struct la_trace *records, size_t count);
};

#endif
