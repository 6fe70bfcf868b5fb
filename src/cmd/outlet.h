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
    size_t piece; /* the most octets of one write; 0: any number, it is a file */
    int error;    /* errno of the write that failed; 0: none */
    size_t start; /* of what waits */
    size_t end;
    void (*drained)(void *context); /* nothing waits any more, or error is set: go on */
    void *context;
    uint8_t waiting[OUTLET_BYTES];
};

void outlet_open(struct outlet *outlet, struct loop *loop, int fd, void (*drained)(void *context), void *context);

/* True if the outlet takes data now. */
bool outlet_ready(const struct outlet *outlet);

/* True if it holds data that fd has not taken: a program that ends now discards them. drained is still to be called. */
bool outlet_waits(const struct outlet *outlet);

/* Takes all of data. When outlet_ready it takes OUTLET_BYTES, in as many calls as the caller likes. */
void outlet_put(struct outlet *outlet, const void *data, size_t length);

#endif
