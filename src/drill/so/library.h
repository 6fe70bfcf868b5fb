#ifndef DRILL_SO_LIBRARY_H
#define DRILL_SO_LIBRARY_H

#include <lastack/lastack.h>

#include <pthread.h>

#include "socket/socket.h"

/* A host and its sockets behind packetdrill's table: two threads, one lock, and a clock that only goes on when somebody
   asks for it. */

enum { DESCRIPTORS = 1024, PACKET_BYTES = 65535 };

/* A packet that the host sent. */
struct held {
    la_time time;
    size_t length;
    struct held *next;
    uint8_t octets[];
};

/* A call with its arguments, so that whoever moves the clock can make it again for the thread that sleeps in it. */
struct request {
    ssize_t (*make)(struct sockets *sockets, la_time now, struct request *request);
    struct socket_call state;
    int fd;
    int number; /* flags, or a count */
    void *data;
    size_t length;
    const struct sockaddr *to;
    struct sockaddr *from;
    socklen_t to_length;
    socklen_t *from_length;
    la_time timeout;
    ssize_t answer;
    bool is_done;
    struct request *next; /* of those that wait */
};

struct library {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t clock_thread; /* the one that made it: it moves the clock, and never sleeps */
    la_host *host;
    struct sockets *sockets;
    la_time now;
    unsigned returning; /* threads whose call has answered, and that have not yet asked what time it is */
    struct request *waiting;
    struct held *first;
    struct held **last;
    int live[DESCRIPTORS]; /* by the kernel's number: ours; -1: not one of ours */
    uint8_t octets[PACKET_BYTES];
};

/* Makes the call, and waits until it answers. -1 with errno, or what it answers. */
ssize_t library_call(struct library *library, struct request *request);

/* To that time, through all that is due. */
void library_advance(struct library *library, la_time to);

/* Packets taken off, and calls that wait made again, until nothing changes. */
void library_settle(struct library *library);

/* Gives a kernel descriptor (of /dev/null) for one of ours; -1 with errno. */
int library_adopt(struct library *library, int live);

/* The host has this address from now on. */
void library_own(struct library *library, const struct la_address *address);

#endif
