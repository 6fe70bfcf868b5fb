#ifndef CMD_KEPT_H
#define CMD_KEPT_H

#include <lastack/lastack.h>

#include "link/error.h"

/* A table of waits in a file: --waits. What the process before has left is taken over, and what this one leaves is
   written, each second in which something has changed and at the end. So the wait outlives the process: who is killed
   loses what came in its last second. Writing takes 2 % of the time at most, so that with a large table, which takes
   long to write and holds the traffic up meanwhile (400 MB for ten million), it is more than a second. The file holds
   the secret key, and is its owner's alone. Only at the end it is waited for until it lies on the disk.

   A file of any age is of use: its records may be over, but the clocks of ISNs and timestamps go on from it, by as much
   time as has passed. */

struct kept {
    const char *path;
    int lock;   /* of PATH.lock, as long as the program lives: two with one table would have one key and one clock */
    void *data; /* as it was read; NULL: there was none */
    size_t length;
    struct la_time_wait_saved saved;
    uint64_t changes;  /* of the records, when they were last written */
    la_time not_until; /* they are not written again */
};

/* Nanoseconds of the wall clock: what goes on while no process does. */
uint64_t kept_wall(void);

/* The wall clock as it would stand had it not been set since the table was saved: known within one boot, by what the
   lock's file says. */
uint64_t kept_wall_of(const char *path, const struct la_time_wait_saved *saved);

/* A whole file: free() gives it back. only_ours: it is refused if another user has written it, or may read it. NULL:
   the reason in *error, "" if there is no such file. */
void *kept_file(const char *path, bool only_ours, size_t *length, struct link_error *error);

/* Reads the file, if there is one and no other program has it, and fits the config to it: its key, and room for its
   records. A file that is damaged is refused: -1. */
int kept_read(struct kept *kept, const char *path, struct la_config *config, struct link_error *error);

/* Its records are the host's now, which is new. 0, or -1. */
int kept_take_over(struct kept *kept, la_host *host, la_time now, struct link_error *error);

/* To be called each second: writes when something has changed. 0, or -1. */
int kept_refresh(struct kept *kept, la_host *host, la_time now, struct link_error *error);

/* Writes, and waits until it lies on the disk. 0, or -1. */
int kept_write(struct kept *kept, la_host *host, la_time now, struct link_error *error);

#endif
