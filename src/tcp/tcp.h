#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "base/core.h"
#include "base/pieces.h"
#include "base/timers.h"
#include "time_wait.h"
#include "wire/tcp.h"

/* The life cycle. host.c places it in the block, zeroed, with its arrays' offsets, the connections right behind it, and
   calls tcp_start. Below these functions nothing knows IP but by its addresses. */
struct tcp {
    /* Offsets in CORE_UNITs from the core. */
    _Alignas(CORE_UNIT) uint32_t buckets; /* uint32_t[config.connections]: first slot of each bucket */
    uint32_t timer_entries;               /* timers_bytes */
    uint32_t listeners;                   /* struct listener[config.listeners] */
    uint32_t outputs;                     /* struct output_list[config.interfaces], then the path MTUs */

    struct pieces pieces;
    struct timers timers;
    struct time_wait_table waits[2]; /* IPv4, IPv6 */

    uint32_t free_connection; /* list through hash_next */
    uint32_t connections_in_use;
    uint32_t orphans;
    uint32_t ready_first; /* connections, and listeners with READY_LISTENER set */
    uint32_t ready_last;
    uint32_t starved;        /* connections with wants_pieces */
    uint32_t starved_next;   /* where the search for them goes on */
    uint32_t starved_left;   /* connections that this search still has to look at */
    uint32_t starved_seen;   /* pieces.given_back when it began */
    uint32_t clock_ahead_ms; /* of the host's: the ISN and timestamp clocks of a host before it go on (hand_over.c) */
    uint16_t next_port;      /* RFC 6056, algorithm 4: the table of one counter */
    bool has_path_mtus;      /* something is in their table, or was */
};

/* It stands right behind its core. */
static inline struct core *tcp_core(const struct tcp *tcp)
{
    return (struct core *)(void *)((char *)(uintptr_t)tcp - sizeof(struct core));
}

static inline uint32_t tcp_now_ms(const struct tcp *tcp)
{
    return tcp_core(tcp)->now_ms;
}

/* What follows a slot's generation: never 0, which is nobody's handle. */
static inline uint32_t generation_after(uint32_t generation)
{
    return generation == UINT32_MAX ? 1 : generation + 1;
}

/* Octets of the arrays, for the layout of the block. */
size_t tcp_connections_bytes(const struct la_config *config);
size_t tcp_buckets_bytes(const struct la_config *config);
size_t tcp_listeners_bytes(const struct la_config *config);
size_t tcp_settings_bytes(const struct la_config *config);
size_t tcp_outputs_bytes(const struct la_config *config);
size_t tcp_path_mtus_bytes(const struct la_config *config);

/* Everything empty. The config is in the core already, the offsets are set, those of pieces and waits too. */
void tcp_start(struct tcp *tcp);

/* A well-formed segment for one of our addresses. */
void tcp_input(struct tcp *tcp, unsigned interface, struct segment *segment);

/* A packet that did not get as far as that: for the trace. */
COLD void tcp_input_dropped(struct tcp *tcp, enum la_drop why, unsigned interface, const struct segment *segment);

/* An ICMP error about a segment of ours that carried this sequence number. */
struct tcp_icmp {
    struct la_endpoint local;
    struct la_endpoint remote;
    struct seq seq;
    bool is_hard; /* RFC 9293 3.9.2.2 */
    enum la_unreachable what;
};

/* False: it fits no connection's window. */
bool tcp_icmp_error(struct tcp *tcp, const struct tcp_icmp *error);

/* What a router says of a packet that it could not pass on. */
struct tcp_too_big {
    uint32_t mtu;    /* that it could have; 0: it does not say */
    uint32_t length; /* that the packet had */
};

/* The same for an error of path MTU discovery. False: it fits no connection's window, or tells it nothing new. */
bool tcp_packet_too_big(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote,
                        struct seq seq, const struct tcp_too_big *told);

/* The interface's MTU is less than it was: its connections go on in smaller segments, and send again what is in flight,
   which the link may not have carried. */
COLD void tcp_interface_carries_less(struct tcp *tcp, unsigned interface);

/* Connections whose timers one la_host_advance runs, and records that it expires, at most. */
#define TCP_FIRED_AT_ONCE 64

/* Timers and records that are due: those of *left connections at most, which it counts down. True: it stopped at one
   whose retransmissions have reached R1, so that the way to the address may be dead (RFC 9293 3.8.3, MUST-20); to be
   called again. */
bool tcp_advance(struct tcp *tcp, unsigned *left, struct la_address *doubted);
la_time tcp_deadline(const struct tcp *tcp);

/* The interface may have a packet to send. */
bool tcp_wants_output(const struct tcp *tcp, unsigned interface);

/* The next packet of the interface; 0 if there is none. */
size_t tcp_output(struct tcp *tcp, unsigned interface, void *buffer);

bool tcp_event(struct tcp *tcp, struct la_event *event);

/* The user calls of RFC 9293 3.9.1: as the la_ function of the same name says. */
int tcp_listen(struct tcp *tcp, const struct la_endpoint *local, uint32_t backlog, struct la_listener *handle);
int tcp_set_backlog(struct tcp *tcp, struct la_listener handle, uint32_t backlog);
int tcp_set_listener_option(struct tcp *tcp, struct la_listener handle, enum la_option option, int64_t value);
int tcp_listener_info(const struct tcp *tcp, struct la_listener handle, struct la_listener_info *info);
int tcp_unlisten(struct tcp *tcp, struct la_listener handle);
int tcp_accept(struct tcp *tcp, struct la_listener handle, struct la_conn *conn);
int tcp_connect(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote,
                const struct la_source_route *route, unsigned interface, struct la_conn *conn);
int tcp_source_route_of(const struct tcp *tcp, struct la_conn conn, struct la_source_route *route);
int tcp_send_urgent(struct tcp *tcp, struct la_conn conn, const void *data, size_t length);
int tcp_flush(struct tcp *tcp, struct la_conn conn);
int tcp_urgent(const struct tcp *tcp, struct la_conn conn);
int tcp_send(struct tcp *tcp, struct la_conn conn, const void *data, size_t length);
int tcp_send_view(struct tcp *tcp, struct la_conn conn, void **data, size_t *length);
int tcp_send_commit(struct tcp *tcp, struct la_conn conn, size_t length);
int tcp_recv(struct tcp *tcp, struct la_conn conn, void *data, size_t length);
int tcp_peek(const struct tcp *tcp, struct la_conn conn, size_t offset, void *data, size_t length);
int tcp_recv_view(struct tcp *tcp, struct la_conn conn, const void **data, size_t *length);
int tcp_recv_consume(struct tcp *tcp, struct la_conn conn, size_t length);
int tcp_shutdown(struct tcp *tcp, struct la_conn conn);
int tcp_close(struct tcp *tcp, struct la_conn conn, bool lingering);
int tcp_abort(struct tcp *tcp, struct la_conn conn);
int tcp_release(struct tcp *tcp, struct la_conn conn);
int tcp_outcome(const struct tcp *tcp, struct la_conn conn, struct la_outcome *outcome);
int tcp_set_option(struct tcp *tcp, struct la_conn conn, enum la_option option, int64_t value);
int tcp_get_option(const struct tcp *tcp, struct la_conn conn, enum la_option option, int64_t *value);
int tcp_info(const struct tcp *tcp, struct la_conn conn, struct la_info *info);

/* When the wait of this four-tuple ends; 0 if there is none. */
la_time tcp_wait_until(const struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote);

/* When the last connection and the last wait at the local port are over: LA_TIME_NEVER while there is a connection. */
la_time tcp_rebind_when(const struct tcp *tcp, const struct la_endpoint *local);

/* As la_wait_next. */
bool tcp_wait_next(const struct tcp *tcp, uint64_t *place, struct la_wait *wait);

/* The gauges of la_counters. */
void tcp_gauges(const struct tcp *tcp, struct la_counters *counters);

#endif
