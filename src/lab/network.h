#ifndef LAB_NETWORK_H
#define LAB_NETWORK_H

#include "link/impair.h"

#include <lastack/lastack.h>

/* Hosts joined by links, in virtual time. What the network does to a packet is a link's impairment; a NAT or a firewall
   stands between hosts as a node of its own. The same calls give the same events in the same order: what is due at one
   time happens links first, in the order in which they were made, then hosts, in theirs. */

enum {
    NETWORK_NODES = 16,
    NETWORK_LINKS = 16,
    NETWORK_SENT = 64, /* packets that one moment makes a host send; more are told of in a moment of their own */
    NETWORK_MTU = 1500,
    NETWORK_NAME_BYTES = 16
};

enum network_kind {
    NETWORK_HOST,
    NETWORK_ROUTER,   /* passes on, and remembers nothing */
    NETWORK_FIREWALL, /* drops silently what belongs to no connection that a SYN has opened from inside */
    NETWORK_NAT       /* the same, and rewrites the inside's addresses and ports to one address of its own */
};

/* Of a firewall or a NAT. The last link made to it is the outside; all others are inside. */
struct network_middle {
    la_time forgets_ns; /* after so long without a packet of the connection */
    bool resets;        /* NAT: what it does not know is answered with a RST; otherwise dropped silently */
};

/* A packet that left a node, and what became of it on its link. */
struct network_sent {
    const uint8_t *bytes;
    size_t length;
    struct fate fate;
};

/* What happened at one node at one time: a packet that arrived, a timer, or a call of the application. */
struct network_moment {
    la_time time;
    unsigned node;
    const uint8_t *arrived; /* NULL: nothing did */
    size_t arrived_length;
    const char *refused; /* by a NAT or a firewall: why the packet goes no further; else NULL */
    const struct network_sent *sent;
    size_t sent_count;
    const struct la_trace *records; /* of a host */
    size_t record_count;
};

struct network_observer {
    void *context;
    void (*moment)(void *context, const struct network_moment *moment);
    void (*arrived)(void *context, unsigned node); /* at a host, which has not yet answered; may be NULL */
};

struct network;

/* NULL if memory is short. observer may be NULL. */
struct network *network_new(const struct network_observer *observer);
void network_free(struct network *network);

/* A node: its number, or -1 with the reason. config: of a NETWORK_HOST (its trace_records are the network's affair);
   middle: of a firewall or a NAT. */
int network_add_host(struct network *network, const char *name, const struct la_config *config,
                     struct link_error *error);
int network_add_middle(struct network *network, const char *name, enum network_kind kind,
                       const struct network_middle *middle, struct link_error *error);

/* Joins two nodes, LINK_OUT being from a to b: the link's number, or -1. config may be NULL. Each host gets the address
   10.0.LINK.NODE+1 there. All links are made before network_begin. */
int network_join(struct network *network, unsigned a, unsigned b, const struct impair_config *config,
                 struct link_error *error);

/* Gives every host its routes. 0, or -1: a host that cannot be reached by another is no error, one too many is. */
int network_begin(struct network *network, struct link_error *error);

la_time network_now(const struct network *network);

/* When something happens next by itself: LA_TIME_NEVER if nothing does. */
la_time network_deadline(const struct network *network);

/* Goes on to the next such time, at most to `until`, and lets one event of it happen. False: none was due by then, and
   now it is `until` (if that is a time). */
bool network_step(struct network *network, la_time until);

la_host *network_host(struct network *network, unsigned node);
enum network_kind network_kind(const struct network *network, unsigned node);
const char *network_name(const struct network *network, unsigned node);

/* After calls on the host: sends what it now has to send, and tells the observer. */
void network_settle(struct network *network, unsigned node);

/* The node's packets arrive and leave no more: somebody has pulled the plug. */
void network_silence(struct network *network, unsigned node);

/* The address by which one host reaches another: false if it cannot. A NAT's inside is not reachable from outside. */
bool network_address(const struct network *network, unsigned from, unsigned to, struct la_address *address);

/* The endpoint that a host behind a NAT has in truth, where `seen` is what the NAT made of it; else `seen` itself. */
struct la_endpoint network_true_endpoint(const struct network *network, const struct la_endpoint *seen);

#endif
