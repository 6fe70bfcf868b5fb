#ifndef LASTACK_H
#define LASTACK_H

/* lastack: a TCP/IP host as a value. Packets and the time go in; packets and events come out.

     la_host_input(host, now, interface, packet, length);
     la_host_advance(host, now);
     while ((n = la_host_output(host, now, interface, buffer, sizeof buffer)) > 0) send_it(buffer, n);
     while (la_host_event(host, &event)) react(&event);
     sleep_until(la_host_deadline(host));

   Rules that hold for every function here:
   - A function in which time matters takes it as its second argument.
   - Nothing blocks, allocates, or calls back. Nothing is kept of what a pointer argument points to.
   - int results are a count or LA_OK, or a negative enum la_error. An error leaves the host as it was.
   - A host is used by one thread at a time. Hosts share nothing.
   - An assertion that fails calls la_assert_failed, which the program may define; the library's prints and aborts. */

#include <lastack/config.h>
#include <lastack/counters.h>
#include <lastack/trace.h>
#include <lastack/types.h>
#include <lastack/version.h>
#include <lastack/waits.h>

/* ---- the host ---------------------------------------------------------------------------------------------------- */

#define LA_HOST_ALIGNMENT 64

/* The octets a host of this config needs; 0 if la_config_error has something to say. */
size_t la_host_size(const struct la_config *config);

/* Makes a host in block, which is aligned to LA_HOST_ALIGNMENT and has at least la_host_size(config) octets. NULL if
   the config, the alignment or the size is wrong. Nothing needs to be freed. */
la_host *la_host_init(void *block, size_t size, const struct la_config *config, la_time now);

/* One IP packet, or Ethernet frame, as it came from the interface.
   Never fails: what is wrong is dropped, counted and traced. */
void la_host_input(la_host *host, la_time now, unsigned interface, const void *packet, size_t length);

/* Runs the timers that are due: a bounded number at a time; la_host_deadline says if there is more. */
void la_host_advance(la_host *host, la_time now);

/* The next packet for the interface, written to buffer: its length, or 0 if there is none. size must be at least the
   interface's MTU (else 0). Pull until 0 after every input, advance and call. */
size_t la_host_output(la_host *host, la_time now, unsigned interface, void *buffer, size_t size);

/* When la_host_advance next wants to be called: may be early, never late. Who calls more than 24 days after it finds
   what was due then still to come. LA_TIME_NEVER: not before something else happens. */
la_time la_host_deadline(const la_host *host);

/* ---- interfaces, addresses, routes ------------------------------------------------------------------------------- */

/* A new interface that carries IP packets of at most mtu octets (576 to 65,535): its number (0, 1, ...) or error. */
int la_interface_add(la_host *host, la_time now, unsigned mtu);

#define LA_ETHERNET_HEADER_BYTES 14

/* The same for Ethernet II frames, without preamble and check sequence: la_host_input takes them, and la_host_output,
   whose buffer is so much longer than the MTU (at most 65,521), gives them. mac is the interface's own address.
   LA_ERROR_INVALID too if config.neighbours is 0. Neighbours are found with ARP (RFC 826) and neighbour discovery
   (RFC 4861). */
int la_interface_add_ethernet(la_host *host, la_time now, unsigned mtu, const uint8_t mac[6]);

/* Gives the interface an address and makes its prefix reachable there. prefix_length counts the family's own bits: 0 to
   32, or to 128 for IPv6, which asks for an MTU of 1280 or more (RFC 8200 5) and for config.reply_bytes of 80 or
   more. On Ethernet the address is the host's once nobody else was found to have it: see la_address_state. */
int la_address_add(la_host *host, la_time now, unsigned interface, const struct la_address *address,
                   unsigned prefix_length);

/* Whether the host has the address: LA_OK. On Ethernet it is asked for first, config.address_probes times (RFC 5227: up
   to 7 s with three) or, in IPv6, once (RFC 4862: up to 2 s); until then la_listen takes it, but nothing is sent or
   answered from it: LA_ERROR_WOULD_BLOCK. LA_ERROR_IN_USE: another station has it; la_address_add asks again.
   LA_ERROR_NO_ADDRESS: it was never given. */
int la_address_state(const la_host *host, const struct la_address *address);

/* One of the host's addresses. */
bool la_address_is_local(const la_host *host, const struct la_address *address);

/* A route: packets to the prefix leave by the interface. The longest prefix wins, then the first added. */
int la_route_add(la_host *host, la_time now, unsigned interface, const struct la_address *prefix,
                 unsigned prefix_length);

/* The same by a router, which is another host in a prefix of the Ethernet interface. */
int la_route_add_via(la_host *host, la_time now, unsigned interface, const struct la_address *prefix,
                     unsigned prefix_length, const struct la_address *gateway);

/* Asks the routers of the Ethernet interface (RFC 4861 6.3.7), and does from now on what they say: default routes, the
   prefixes that are on the link, and the MTU, each for its lifetime. Addresses are la_address_add's all the same: there
   is no autoconfiguration (RFC 4862 5.5). Routes take config.routes; what finds no place is ignored. Without this call
   routers are not listened to. An MTU that is less than before holds for open connections too; la_host_output's buffer
   stays as long as the one that the interface was given asks for. */
int la_interface_follow_routers(la_host *host, la_time now, unsigned interface);

/* "10.0.0.1", "2001:db8::1" -> address. LA_ERROR_INVALID if it is neither. */
int la_address_parse(const char *text, struct la_address *address);

#define LA_ADDRESS_TEXT_BYTES 46

/* Writes the address as text, terminated; IPv6 as RFC 5952 recommends. */
void la_address_text(const struct la_address *address, char text[LA_ADDRESS_TEXT_BYTES]);

struct la_address la_address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
bool la_address_is_ipv4(const struct la_address *address);
bool la_address_equal(const struct la_address *a, const struct la_address *b);

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Passive open at local: address "any" takes every address of the host, 0.0.0.0 every IPv4 address; an exact address
   goes before 0.0.0.0, and that before "any". The port must be given. At most backlog (1 or more) connections are in
   SYN-RECEIVED or wait to be accepted; further SYNs are dropped and counted. */
int la_listen(la_host *host, la_time now, const struct la_endpoint *local, uint32_t backlog,
              struct la_listener *listener);

/* Another backlog from now on: what waits already stays. */
int la_set_backlog(la_host *host, la_time now, struct la_listener listener, uint32_t backlog);

/* Ends the listener. Connections not yet accepted are reset (RFC 9293 3.10.4 LISTEN). */
int la_unlisten(la_host *host, la_time now, struct la_listener listener);

/* The next established connection of the listener; LA_ERROR_WOULD_BLOCK if there is none. */
int la_accept(la_host *host, la_time now, struct la_listener listener, struct la_conn *conn);

/* Active open. local may be NULL, or leave address or port to the host ("any"), or say them (RFC 9293 MUST-43). The
   outcome comes as an event: LA_READY_ESTABLISHED or LA_READY_ENDED. */
int la_connect(la_host *host, la_time now, const struct la_endpoint *local, const struct la_endpoint *remote,
               struct la_conn *conn);

/* The same along a source route (RFC 791 3.1; RFC 9293 MUST-51): through hops[0], hops[1] and so on, then to remote.
   Each segment of the connection goes that way, and a route received from the peer does not replace it (MUST-52). IPv4
   only; many routers drop such packets. Takes one of config.own_settings. */
#define LA_SOURCE_ROUTE_HOPS 9

struct la_source_route {
    uint8_t count; /* of hops: 1 to LA_SOURCE_ROUTE_HOPS */
    bool strict;   /* through no others */
    struct la_address hops[LA_SOURCE_ROUTE_HOPS];
};

int la_connect_via(la_host *host, la_time now, const struct la_endpoint *local, const struct la_endpoint *remote,
                   const struct la_source_route *route, struct la_conn *conn);

/* The route that the connection's segments take: count 0 if none, else as above; of an accepted connection the one that
   the peer's route gave, backwards (MUST-53). */
int la_source_route_of(const la_host *host, struct la_conn conn, struct la_source_route *route);

/* Until when the four-tuple is in TIME-WAIT: 0 if it is not. */
int la_wait_until(const la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote,
                  la_time *until);

/* When la_connect(local, remote), both given exactly, could succeed as far as TIME-WAIT is concerned: 0 for now, which
   it always is with config.time_wait_reuse. */
int la_reuse_when(const la_host *host, const struct la_endpoint *local, const struct la_endpoint *remote,
                  la_time *when);

/* When no connection and no TIME-WAIT record has the local port any more, at that address (or at any, if it is
   "any"): 0 for now, LA_TIME_NEVER while there is a connection. Listeners do not count. Looks at all there are. */
int la_rebind_when(const la_host *host, const struct la_endpoint *local, la_time *when);

/* ---- data -------------------------------------------------------------------------------------------------------- */

/* Copies up to length octets into the send buffer: how many were taken. LA_ERROR_WOULD_BLOCK if none could be.
   Data may be given from SYN-SENT on; it leaves once the connection is established. length is at most INT_MAX. */
int la_send(la_host *host, la_time now, struct la_conn conn, const void *data, size_t length);

/* The same without a copy: room in the send buffer to be written to directly (contiguous; *length says how much), then
   la_send_commit takes the first length octets of it. The view ends with the next call on the host. */
int la_send_view(la_host *host, la_time now, struct la_conn conn, void **data, size_t *length);
int la_send_commit(la_host *host, la_time now, struct la_conn conn, size_t length);

/* As la_send, and what is taken ends the urgent data (RFC 9293 3.8.5): the urgent pointer that the peer sees points
   behind it (MUST-62). Meant for old applications: new ones should not use it (SHLD-13). */
int la_send_urgent(la_host *host, la_time now, struct la_conn conn, const void *data, size_t length);

/* FLUSH (RFC 9293 3.9.1.7, MAY-14): takes back what was given to la_send and never sent: how many octets. */
int la_flush(la_host *host, la_time now, struct la_conn conn);

/* Copies up to length octets that were received: how many. 0 is the end of the peer's data (its FIN, all before it
   read). LA_ERROR_WOULD_BLOCK if nothing has come; LA_ERROR_ENDED after a reset or giving up, which discards (but with
   config.keep_unread). */
int la_recv(la_host *host, la_time now, struct la_conn conn, void *data, size_t length);

/* Copies up to length octets that were received and are not read, from the offset on, and leaves them where they are:
   how many. LA_ERROR_WOULD_BLOCK if there are none; other errors as la_recv. */
int la_peek(const la_host *host, struct la_conn conn, size_t offset, void *data, size_t length);

/* The same without a copy: the next contiguous octets, then la_recv_consume takes length of them off. The view ends
   with the next call on the host. Result as la_recv: the octets in view. */
int la_recv_view(la_host *host, la_time now, struct la_conn conn, const void **data, size_t *length);
int la_recv_consume(la_host *host, la_time now, struct la_conn conn, size_t length);

/* How many octets remain to be read up to the peer's urgent pointer, arrived or not: 0 if nothing is urgent (RFC 9293
   MUST-33). Urgent data is read in its place, as all other; with 1 the next octet is the last urgent one. */
int la_urgent(const la_host *host, struct la_conn conn);

/* ---- closing ----------------------------------------------------------------------------------------------------- */

/* Closes our direction: FIN after all that was given to la_send. Receiving goes on. Twice is LA_ERROR_CLOSING;
   before the peer's SYN has come LA_ERROR_NOT_CONNECTED. */
int la_shutdown(la_host *host, la_time now, struct la_conn conn);

/* CLOSE (RFC 9293 3.10.4) of both directions: FIN after all that was given to la_send; nothing more is received. With
   unread data the connection is reset instead (SHLD-3), and data that still comes resets it too. The handle stays
   valid, for la_outcome, until la_release. */
int la_close(la_host *host, la_time now, struct la_conn conn);

/* Like la_close, but what is unread, and what still comes, is read and discarded, up to config.linger_bytes, and for
   config.linger_ms once our FIN is acknowledged, so that a response is not destroyed by a request that was not read to
   its end. */
int la_close_lingering(la_host *host, la_time now, struct la_conn conn);

/* ABORT (RFC 9293 3.10.5): RST, nothing more. In TIME-WAIT the wait goes on. */
int la_abort(la_host *host, la_time now, struct la_conn conn);

/* Lets go of the handle, exactly once for each la_connect and la_accept. What has not been closed is closed as by
   la_close; what has not ended goes on alone, within the bounds that config states. */
int la_release(la_host *host, la_time now, struct la_conn conn);

/* How it ended, or LA_END_NONE while it has not. */
int la_outcome(const la_host *host, struct la_conn conn, struct la_outcome *outcome);

/* ---- readiness --------------------------------------------------------------------------------------------------- */

enum la_ready {
    LA_READY_ESTABLISHED = 0x01, /* la_connect's connection is synchronised */
    LA_READY_ACCEPTABLE = 0x02,  /* a listener has a connection for la_accept */
    LA_READY_READABLE = 0x04,    /* la_recv has something, the end of data included */
    LA_READY_WRITABLE = 0x08,    /* la_send has room again after LA_ERROR_WOULD_BLOCK or a short count */
    LA_READY_PEER_CLOSED = 0x10, /* the peer's FIN arrived, in order */
    LA_READY_ERROR = 0x20,       /* R1 reached, or a soft ICMP error: delivery is in trouble, not given up */
    LA_READY_ENDED = 0x40,       /* la_outcome says how; also when TIME-WAIT is entered */
    LA_READY_URGENT = 0x80       /* the peer's urgent pointer moved beyond what was read (RFC 9293 MUST-32) */
};

struct la_event {
    uint32_t flags; /* enum la_ready, or-ed; only LA_READY_ACCEPTABLE concerns listener */
    struct la_conn conn;
    struct la_listener listener;
};

/* Takes the next connection or listener off the ready list. False if there is none. Each stands there once; flags
   coalesce until they are taken. An event says that something changed: read until LA_ERROR_WOULD_BLOCK. */
bool la_host_event(la_host *host, struct la_event *event);

/* ---- looking ----------------------------------------------------------------------------------------------------- */

enum la_option {
    LA_OPTION_NODELAY,               /* 0 or 1: Nagle off (RFC 9293 SHLD-7, MUST-17) */
    LA_OPTION_KEEPALIVE,             /* 0 or 1 (MUST-24) */
    LA_OPTION_KEEPALIVE_IDLE_MS,     /* 1 to 2^30 - 1 (MUST-27) */
    LA_OPTION_KEEPALIVE_INTERVAL_MS, /* 1 to 2^30 - 1 */
    LA_OPTION_KEEPALIVE_PROBES,      /* 1 to 255 */
    LA_OPTION_USER_TIMEOUT_MS,       /* up to 2^30 - 1; 0: none */
    LA_OPTION_SEND_BUFFER_BYTES,     /* 1 to config.send_buffer_bytes */
    LA_OPTION_RECEIVE_BUFFER_BYTES,  /* up to config.receive_buffer_bytes; a promised window is never taken back */
    LA_OPTION_PUSH,                  /* 0 or 1: 0 holds back what is no full segment, until 1 (RFC 9293 MAY-15) */
    LA_OPTION_TTL,                   /* 1 to 255 (MUST-49) */
    LA_OPTION_DSCP,                  /* 0 to 63: in every packet from now on (MUST-48, SHLD-21) */
    LA_OPTION_R1_RETRANSMISSIONS,    /* 0 to 255 (SHLD-10) */
    LA_OPTION_R2_MS,                 /* 1 to 2^30 - 1: of data (MUST-21); a SYN has config.r2_syn_ms (MUST-23) */
    LA_OPTION_ERROR_REPORTS,         /* 0 or 1: whether LA_READY_ERROR is raised (MUST-47, SHLD-20) */
    LA_OPTION_MAX_SEGMENT_BYTES, /* 64 to 65,535: what our SYN offers and we send, at most; before the SYN has left */
    LA_OPTION_QUICK_ACK,         /* 0 or 1: each segment is acknowledged at once */
    LA_OPTION_MSL_MS,            /* up to config.msl_ms, which 0 switches off: see below */
    LA_OPTION_IPV6_ONLY          /* 0 or 1, of a listener at "any": whether it leaves IPv4 out (RFC 3493 5.3) */
};

/* The times of keepalive and the number of its probes, the user timeout, R1, R2 and the MSL take one of
   config.own_settings when one of them is first set for a connection: LA_ERROR_NO_SETTINGS if there is none. An option
   that is set right behind la_connect holds for the SYN too: nothing leaves before the next la_host_output.

   LA_OPTION_MSL_MS is of the connection's record, for a path that is known to be short: the next of config.msl_ms, a
   quarter and a sixteenth of it that is not less. 0: no record is kept. The record is not over before
   config.time_wait_rtos RTOs, of 200 ms at least; its place in the table is free when that is needed. */

int la_set_option(la_host *host, la_time now, struct la_conn conn, enum la_option option, int64_t value);
int la_get_option(const la_host *host, struct la_conn conn, enum la_option option, int64_t *value);

/* LA_OPTION_RECEIVE_BUFFER_BYTES, LA_OPTION_MAX_SEGMENT_BYTES (0: what the interface carries), LA_OPTION_TTL or
   LA_OPTION_DSCP for the connections that the listener opens from now on, whose SYN-ACKs have them already. And
   LA_OPTION_IPV6_ONLY, which is a listener's alone. All other options are LA_ERROR_INVALID. */
int la_set_listener_option(la_host *host, la_time now, struct la_listener listener, enum la_option option,
                           int64_t value);

/* The connection as it is. Names are those of Linux's struct tcp_info. */
struct la_info {
    enum la_state state;
    struct la_endpoint local;
    struct la_endpoint remote;
    uint8_t retransmits; /* of the earliest unacknowledged octet, in a row */
    uint8_t probes;      /* unanswered window or keepalive probes */
    uint8_t snd_wscale;
    uint8_t rcv_wscale;
    uint8_t ttl;
    uint8_t dscp;
    uint8_t rcv_tos; /* type of service or traffic class of the last packet taken: DSCP * 4 + ECN (MAY-9) */
    bool timestamps;
    bool wscale_ok;
    bool ecn;                 /* both ends do RFC 3168 */
    uint32_t user_timeout_ms; /* 0: none but R2 */
    uint32_t rto_us;
    uint32_t rtt_us; /* smoothed; 0: not yet measured */
    uint32_t rttvar_us;
    uint32_t snd_mss; /* octets of text a segment carries at most, options taken off */
    uint32_t rcv_mss;
    uint32_t snd_wnd;
    uint32_t rcv_wnd;
    uint32_t snd_cwnd_bytes;
    uint32_t snd_ssthresh_bytes;
    uint32_t unacked_bytes; /* SND.NXT - SND.UNA, the FIN counted */
    uint32_t notsent_bytes;
    uint32_t unread_bytes;
    uint32_t snd_urgent_bytes; /* written, and not acknowledged, up to our urgent pointer */
    uint32_t rcv_urgent_bytes; /* not read up to the peer's urgent pointer: la_urgent */
    uint32_t total_retrans;    /* segments */
    uint64_t bytes_acked;
    uint64_t bytes_received;
};

int la_info(const la_host *host, struct la_conn conn, struct la_info *info);

struct la_listener_info {
    struct la_endpoint local;
    uint32_t backlog;
    uint32_t syn_received; /* connections that are not yet established */
    uint32_t queued;       /* established, and wait to be accepted */
};

int la_listener_info(const la_host *host, struct la_listener listener, struct la_listener_info *info);

void la_host_counters(const la_host *host, struct la_counters *counters);

/* Takes up to count trace records, oldest first: how many. */
size_t la_host_trace(la_host *host, struct la_trace *records, size_t count);

const char *la_error_name(enum la_error error);
const char *la_version(void);

/* Called when an assertion of the core fails: the state cannot be trusted any more. Must not return. The program may
   define it; the library has one that prints to standard error and aborts. */
_Noreturn void la_assert_failed(const char *expression, const char *file, int line);

#endif
