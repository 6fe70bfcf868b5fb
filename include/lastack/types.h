#ifndef LASTACK_TYPES_H
#define LASTACK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One IP host: addresses, routes, connections, listeners, TIME-WAIT records. It lives in one block of the caller's
   memory, holds no pointer, and may be copied with memcpy at any time between two calls. */
typedef struct la_host la_host;

/* Nanoseconds of any monotonic clock. The host has no clock of its own: every entry that can change something is told
   the time, which stands still until the entry returns. A time before the previous one counts as the previous one. */
typedef uint64_t la_time;

#define LA_TIME_NEVER  UINT64_MAX
#define LA_MICROSECOND UINT64_C(1000)
#define LA_MILLISECOND UINT64_C(1000000)
#define LA_SECOND      UINT64_C(1000000000)

/* An IP address of either family, in network byte order. IPv4 is kept in its mapped form ::ffff:a.b.c.d (RFC 4291
   2.5.5.2), so that one type and one comparison serve both. All zero is "any"; 0.0.0.0 is any of IPv4. */
struct la_address {
    uint8_t octets[16];
};

/* Where a connection begins or ends. The port is in host byte order; 0 is "any". */
struct la_endpoint {
    struct la_address address;
    uint16_t port;
};

/* Handles. A handle whose connection or listener is gone is stale: every call answers LA_ERROR_STALE, never with
   another's connection. An all-zero handle is always stale. */
struct la_conn {
    uint32_t slot;
    uint32_t generation;
};

struct la_listener {
    uint32_t slot;
    uint32_t generation;
};

/* What a call answers when it cannot do what it was asked. All are negative; counts and 0 mean success. */
enum la_error {
    LA_OK = 0,
    LA_ERROR_INVALID = -1,       /* an argument is out of its range */
    LA_ERROR_STALE = -2,         /* the handle's connection or listener is gone */
    LA_ERROR_WOULD_BLOCK = -3,   /* nothing to read, to accept, or no room to write: wait for the event */
    LA_ERROR_NOT_CONNECTED = -4, /* not yet synchronised: RFC 9293's "connection does not exist" for data */
    LA_ERROR_CLOSING = -5,       /* RFC 9293's "connection closing": no writes after shutdown or close */
    LA_ERROR_ENDED = -6,         /* the connection ended: la_outcome says how */
    LA_ERROR_NO_CONNECTION = -7, /* all config.connections are in use */
    LA_ERROR_NO_LISTENER = -8,   /* all config.listeners are in use */
    LA_ERROR_NO_INTERFACE = -9,  /* all config.interfaces are in use, or no such interface */
    LA_ERROR_NO_ADDRESS = -10,   /* all config.addresses are in use, or the address is not this host's */
    LA_ERROR_NO_ROUTE = -11,     /* all config.routes are in use, or no route to the destination */
    LA_ERROR_NO_PORT = -12,      /* no ephemeral port is free for this destination */
    LA_ERROR_IN_USE = -13,       /* the four-tuple, or the listener's address and port, has an owner already */
    LA_ERROR_WAITS = -14,        /* the four-tuple is in TIME-WAIT: la_reuse_when says until when */
    LA_ERROR_QUIET = -15,        /* quiet time after a start (RFC 9293 3.4.3) is not over */
    LA_ERROR_NO_SETTINGS = -16   /* all config.own_settings are in use */
};

/* The states of RFC 9293 3.3.2. */
enum la_state {
    LA_CLOSED,
    LA_LISTEN,
    LA_SYN_SENT,
    LA_SYN_RECEIVED,
    LA_ESTABLISHED,
    LA_FIN_WAIT_1,
    LA_FIN_WAIT_2,
    LA_CLOSE_WAIT,
    LA_CLOSING,
    LA_LAST_ACK,
    LA_TIME_WAIT
};

#define LA_STATE_COUNT 11

/* How a connection ended. */
enum la_end {
    LA_END_NONE,             /* it has not */
    LA_END_CLEAN,            /* all we sent, our FIN too, was acknowledged, and the peer's FIN was received */
    LA_END_RESET_BY_PEER,    /* the peer's RST */
    LA_END_REFUSED,          /* the peer's RST answered our SYN */
    LA_END_ABORTED,          /* la_abort: we sent a RST */
    LA_END_UNREAD_DATA,      /* closed before all was read: we sent a RST (RFC 9293 SHLD-3) */
    LA_END_DATA_AFTER_CLOSE, /* data arrived after a full close: we sent a RST (RFC 9293 3.6.1) */
    LA_END_LINGER_BOUND,     /* a lingering close reached its bound of time or bytes: we sent a RST */
    LA_END_CLOSED_EARLY,     /* closed before it was synchronised */
    LA_END_TIMED_OUT,        /* R2: retransmitted for too long (RFC 9293 3.8.3) */
    LA_END_USER_TIMEOUT,     /* the user timeout (RFC 9293 3.9.1, RFC 5482) */
    LA_END_KEEPALIVE,        /* the peer answered no keepalive probe */
    LA_END_FIN_WAIT_2_BOUND, /* fully closed, and the peer did not close within config.fin_wait_2_ms */
    LA_END_ORPHAN_BOUND,     /* fully closed, and the peer held its window shut for longer than R2 */
    LA_END_UNREACHABLE,      /* a hard ICMP error during the open (RFC 9293 SHLD-26) */
    LA_END_UNDONE,           /* it reopened a wait for a SYN that was an old duplicate: the wait is back (MAY-2) */
    LA_END_WAITS             /* it reused a wait, and the peer's SYN could not be told from the old connection's: we
                                sent a RST, the wait is back, and no other port would do */
};

#define LA_END_COUNT 17

/* What the last ICMP error about a connection said (RFC 792, RFC 1812 5.2.7.1), for who tells a person. */
enum la_unreachable {
    LA_UNREACHABLE_NONE, /* none came */
    LA_UNREACHABLE_NETWORK,
    LA_UNREACHABLE_HOST,
    LA_UNREACHABLE_PROTOCOL,
    LA_UNREACHABLE_PORT,
    LA_UNREACHABLE_PROHIBITED, /* by a filter */
    LA_UNREACHABLE_OTHER       /* time exceeded, a parameter problem, any other */
};

#define LA_UNREACHABLE_COUNT 7

struct la_outcome {
    enum la_end end;
    enum la_state state;           /* in which it ended: the last state before CLOSED or TIME-WAIT */
    uint32_t unacknowledged_bytes; /* written by the application, not acknowledged by the peer; not the FIN */
    uint32_t unread_bytes;         /* received, and not read by the application when it ended */
    enum la_unreachable unreachable;
};

#endif
