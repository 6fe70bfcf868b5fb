#ifndef LINK_MEMORY_H
#define LINK_MEMORY_H

#include <lastack/lastack.h>

#include "impair.h"
#include "tap.h"

/* Hosts joined in memory by one network that does to packets what its impairment says. In virtual time: memory_run goes
   from deadline to deadline, and a minute of waiting passes at once. In real time: call memory_pump when
   memory_deadline has come.

   Every end has an address; a packet goes to the end whose address is its destination, or is dropped. For patterns and
   chances end 0 is "the host": "out:" is what it sends, "in:" what it receives; between others, "out:" is from the
   lower number to the higher. */
#define MEMORY_ENDS 16

struct memory;

/* NULL, with the reason, if memory is short. config may be NULL: a perfect network without delay. */
struct memory *memory_new(const struct impair_config *config, struct link_error *error);
void memory_free(struct memory *memory);

/* Joins an interface of a host; the host stays the caller's. tap may be NULL; it sees packets from this end's side, and
   is what drains the host's trace. The end's number (0, 1, ...), or -1 with the reason. */
int memory_join(struct memory *memory, la_host *host, unsigned interface, const struct la_address *address,
                const struct tap *tap, struct link_error *error);

/* Does what is due at now: timers, packets pulled, delivered, answered, until all is quiet at this time. Call it also
   after any call on a host. */
void memory_pump(struct memory *memory, la_time now);

/* When memory_pump next has something to do: LA_TIME_NEVER if never. */
la_time memory_deadline(const struct memory *memory);

/* Takes the next event off any host's ready list, and says whose. False if there is none. */
bool memory_event(struct memory *memory, int *end, struct la_event *event);

/* Virtual time from *now until nothing is left to do, until is reached, or on_event answers false. *now is where it
   stopped: until, if it got there. on_event may call any host; it may be NULL. */
void memory_run(struct memory *memory, la_time *now, la_time until,
                bool (*on_event)(void *context, la_time now, int end, const struct la_event *event), void *context);

#endif
