#ifndef CMD_OUTLET_H
#define CMD_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/loop.h"

/* Where received data go: a descriptor that may be slow. What it does not take waits here, and as long as something
   waits the reader reads no more from the network: the peer's window closes, and nothing is lost or piled up. */

enum { OUTLET_BYTES = 65536 };

struct outlet {
    struct loop *loop;
    int fd;
    int flags_before; /* of fd: O_NONBLOCK is taken back at the end */
    int error;        /* errno of the write that failed; 0: none */
    size_t start;     /* of what waits */
    size_t end;
    void (*drained)(void *context); /* nothing waits any more, or error is set: go on */
    void *context;
    uint8_t waiting[OUTLET_BYTES];
};

void outlet_open(struct outlet *outlet, struct loop *loop, int fd, void (*drained)(void *context), void *context);

/* True if the outlet takes data now. */
bool outlet_ready(const struct outlet *outlet);

/* Takes all of data: at most OUTLET_BYTES, and only when outlet_ready. */
void outlet_put(struct outlet *outlet, const void *data, size_t length);

/* Writes what waits, however long that takes, and gives fd back as it was. 0, or -1: error says why. */
int outlet_finish(struct outlet *outlet);

#endif
