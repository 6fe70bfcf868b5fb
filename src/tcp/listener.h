#ifndef TCP_LISTENER_H
#define TCP_LISTENER_H

#include "connection.h"

/* A passive open that takes many connections (RFC 9293 3.10.1, LISTEN). */
struct listener {
    struct la_endpoint local; /* address "any": all of ours; 0.0.0.0: all of ours that are IPv4 */
    uint16_t hash_first;      /* of those whose port falls on this slot's number; NO_LISTENER */
    uint32_t generation;
    uint32_t backlog;
    uint32_t syn_received; /* connections in SYN-RECEIVED */
    uint32_t queued;       /* established, not accepted yet */
    uint32_t queue_first;  /* through queue_next */
    uint32_t queue_last;
    uint32_t ready_next;
    uint32_t ready_prev;
    uint16_t hash_next; /* of the same port, or another that falls on the same number */
    uint8_t ttl;        /* of the connections that it opens, and so on */
    uint8_t dscp;
    uint32_t receive_limit_bytes;
    uint16_t mss; /* 0: the interface's */
    bool in_use : 1;
    bool is_on_ready : 1;
    bool is_ipv6_only : 1; /* address "any" leaves IPv4 out */
};

#define NO_LISTENER UINT16_MAX

/* In queues of slots, a listener is told from a connection by this bit. */
#define READY_LISTENER (UINT32_C(1) << 31)

/* None. */
void listeners_start(struct tcp *tcp);

struct listener *listener_at(const struct tcp *tcp, uint32_t slot);

/* The listener that a SYN to this endpoint is for, an exact address before 0.0.0.0 before "any": its slot, or NONE. */
uint32_t listener_find(const struct tcp *tcp, const struct la_endpoint *local);

bool listener_has_room(const struct listener *listener);

/* A connection of the listener's was established: it waits to be accepted. */
void listener_queue(struct tcp *tcp, struct connection *c);

/* A connection of the listener's ended in SYN-RECEIVED. */
void listener_forget(struct tcp *tcp, const struct connection *c);

/* info.c: a connection may have the option with this value. */
bool tcp_option_may_be(const struct tcp *tcp, enum la_option option, int64_t value);

/* ready.c: the list of connections and listeners whose situation changed. */
void ready_listener(struct tcp *tcp, uint32_t slot);
void ready_remove_listener(struct tcp *tcp, uint32_t slot);
void ready_remove(struct tcp *tcp, struct connection *c);

#endif
