#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/core.h"
#include "ip/ip.h"
#include "tcp/tcp.h"

/* The block: this struct, then the arrays of layout.c. */
struct la_host {
    struct core core;
    struct tcp tcp;
    struct ip ip;
};

_Static_assert(offsetof(struct la_host, tcp) == sizeof(struct core), "tcp_core finds the core right before it");

/* Where everything lies: writes the offsets into the host, if there is one; the octets of the whole block. */
size_t host_layout(const struct la_config *config, struct la_host *host);

#endif
