#ifndef LINK_NETNS_H
#define LINK_NETNS_H

#include <sys/types.h>

#include "error.h"

/* A network of one's own: nothing outside is touched, and no privilege is needed where user namespaces are allowed. */
enum netns_how {
    NETNS_NONE,
    NETNS_ROOT, /* unshare(CLONE_NEWNET) */
    NETNS_USER  /* a user namespace of our own as well, in which we are root */
};

/* Moves this process into a new network namespace, loopback up. Call it first of all: a process with more than one
   thread cannot get a user namespace. Children inherit the namespace; it goes with the last process in it.
   *how says how it was made. 0, or -1 with the reason. */
int netns_enter(enum netns_how *how, struct link_error *error);

/* "a network namespace (made as root)", ... */
const char *netns_how_text(enum netns_how how);

/* Starts argv[0] (searched in PATH; argv ends with NULL) with our standard input, output and error; it dies with us.
   The process id, or -1 with the reason (also if the program could not be executed). */
pid_t netns_spawn(char *const argv[], struct link_error *error);

#endif
