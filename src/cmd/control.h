#ifndef CMD_CONTROL_H
#define CMD_CONTROL_H

#include <lastack/lastack.h>

#include "link/error.h"
#include "link/loop.h"

/* The control socket of a running program: a Unix stream socket of its owner alone. Who connects sends one request, a
   word on a line, gets the answer, and the end:

     waits      the records, as la_time_wait_save writes them
     counters   the counters, a JSON object on a line (show/counters.h)

   An answer is made at once and leaves as fast as its reader takes it; meanwhile the traffic goes on. */

#define CONTROL_WAITS    "waits\n"
#define CONTROL_COUNTERS "counters\n"

struct control;

/* A socket that nobody listens on any more is replaced. NULL: the reason in *error. */
struct control *control_open(const char *path, struct loop *loop, la_host *host, struct link_error *error);

/* The socket is gone. control may be NULL. */
void control_close(struct control *control);

/* Connects to a program's, and asks: all of the answer, which free() gives back, and its length. NULL: the reason in
   *error. */
void *control_ask(const char *path, const char *request, size_t *length, struct link_error *error);

#endif
