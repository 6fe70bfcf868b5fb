#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/core.h"
#include "ip/ip.h"
#include "ip/neighbour.h"
#include "tcp/tcp.h"

/* The block: this struct, then the connections, then the other arrays of layout.c. */
struct la_host {
    struct ip ip;
    struct core core;
    struct tcp tcp;
};

_Static_assert(offsetof(struct la_host, core) == offsetof(struct la_host, ip) + sizeof(struct ip),
               "ip_core finds the core right behind it");
_Static_assert(offsetof(struct la_host, tcp) == offsetof(struct la_host, core) + sizeof(struct core),
               "tcp_core finds the core right before it");
_Static_assert(sizeof(struct la_host) == offsetof(struct la_host, tcp) + sizeof(struct tcp),
               "connection_at finds the connections right behind it");

/* Where everything lies: writes the offsets into the host, if there is one; the octets of the whole block. */
size_t host_layout(const struct la_config *config, struct la_host *host);

#endif
