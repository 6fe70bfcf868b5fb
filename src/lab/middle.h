#ifndef LAB_MIDDLE_H
#define LAB_MIDDLE_H

#include "network.h"

/* The memory of a firewall or a NAT, and what it does with a packet. */

enum { MIDDLE_FLOWS = 256, MIDDLE_RESET_BYTES = 40, MIDDLE_PORT_FIRST = 61000 };

struct middle_flow {
    struct la_endpoint inside;
    struct la_endpoint outside;
    uint16_t port; /* NAT: what stands for the inside's */
    la_time seen;
    bool forgotten; /* kept for who asks what stood behind a port, until the room is needed */
};

struct middle {
    enum network_kind kind;
    struct network_middle rule;
    struct la_address address; /* NAT: its own, outside */
    uint32_t count;
    uint16_t next_port;
    struct middle_flow flow[MIDDLE_FLOWS];
};

/* What becomes of the packet, which is rewritten in place: NULL if it goes on, else why it does not. */
const char *middle_pass(struct middle *middle, la_time now, bool from_inside, uint8_t *packet, size_t length);

/* The RST of a host that knows nothing of the segment (RFC 9293 3.5.2, group 1): its length, or 0 if there is none. */
size_t middle_reset(const uint8_t *packet, size_t length, uint8_t reset[MIDDLE_RESET_BYTES]);

/* The flow that stands behind the NAT's port; NULL if there is none. */
const struct middle_flow *middle_behind(const struct middle *middle, uint16_t port);

#endif
