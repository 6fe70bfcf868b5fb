#ifndef DRILL_RUN_CALL_PRIVATE_H
#define DRILL_RUN_CALL_PRIVATE_H

#include <sys/ioctl.h>

#include "run_private.h"

enum { FIONBIO_REQUEST = FIONBIO };

/* Makes the call, or makes it again: what it answers, or SOCKET_BLOCKED. */
ssize_t call_make(struct run *run, struct attempt *attempt);

/* What must be known before the host can act on the call: where a SYN will go. */
bool call_begins(struct run *run, struct attempt *attempt);

/* What calls that answer descriptors mean for the script. */
struct descriptor *call_new_descriptor(struct run *run, int script, int live);
void call_made_socket(struct run *run, const struct attempt *attempt, ssize_t answer);
bool call_accepted(struct run *run, const struct attempt *attempt, ssize_t answer);
bool call_made_descriptor(struct run *run, const struct attempt *attempt, ssize_t answer);

#endif
