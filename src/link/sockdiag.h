#ifndef LINK_SOCKDIAG_H
#define LINK_SOCKDIAG_H

#include <lastack/trace.h>

#include "error.h"

/* The kernel's own TCP sockets, asked by NETLINK_SOCK_DIAG: the other end's true state, for ladders and tests. Of the
   network namespace in which sockdiag_open was called. */
struct sockdiag;

enum sockdiag_timer {
    SOCKDIAG_TIMER_NONE,
    SOCKDIAG_TIMER_RETRANSMIT,
    SOCKDIAG_TIMER_KEEPALIVE,
    SOCKDIAG_TIMER_TIME_WAIT,
    SOCKDIAG_TIMER_PERSIST
};

struct sockdiag_socket {
    struct la_endpoint local; /* the kernel's */
    struct la_endpoint remote;
    enum la_state state; /* la_state_name gives the RFC's name */
    enum sockdiag_timer timer;
    uint32_t timer_ms;      /* until it fires; TIME-WAIT: until it is over */
    uint8_t retransmits;    /* in a row */
    uint32_t receive_queue; /* octets; LISTEN: connections to be accepted */
    uint32_t send_queue;    /* octets; LISTEN: the backlog */
    uint32_t inode;         /* 0: no process has it any more */
};

/* NULL with the reason. */
struct sockdiag *sockdiag_open(struct link_error *error);
void sockdiag_close(struct sockdiag *diag);

/* The kernel's socket with exactly these ends. 1; 0 if there is none (CLOSED, so to speak); -1 with the reason. */
int sockdiag_find(struct sockdiag *diag, const struct la_endpoint *local, const struct la_endpoint *remote,
                  struct sockdiag_socket *socket, struct link_error *error);

/* All sockets, IPv4 and IPv6, in whatever state, whose addresses are these (NULL, or all zero: any). How many there
   are: at most capacity of them are written. -1 with the reason. */
int sockdiag_dump(struct sockdiag *diag, const struct la_address *local, const struct la_address *remote,
                  struct sockdiag_socket *sockets, size_t capacity, struct link_error *error);

/* "retransmit", "keepalive", "time-wait", "persist", "none". */
const char *sockdiag_timer_name(enum sockdiag_timer timer);

#endif
