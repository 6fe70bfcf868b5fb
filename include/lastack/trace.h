#ifndef LASTACK_TRACE_H
#define LASTACK_TRACE_H

#include <lastack/types.h>

/* What happened, for people and tests: fixed-size records in a ring that config.trace_records sizes, config.trace_mask
   selects and the caller drains with la_host_trace. The ladder, the capture's comments, the tests' oracles and the
   checker read this one schema. */

enum la_trace_kind {
    LA_TRACE_SEGMENT_IN,  /* a well-formed TCP segment for this host: the numbers are the segment's */
    LA_TRACE_SEGMENT_OUT, /* a TCP segment handed to la_host_output's caller */
    LA_TRACE_STATE,       /* from -> to */
    LA_TRACE_TIMER_ARMED, /* detail: enum la_timer; deadline */
    LA_TRACE_TIMER_FIRED, /* detail: enum la_timer */
    LA_TRACE_DELIVERED,   /* length bytes from sequence became readable */
    LA_TRACE_DROPPED,     /* detail: enum la_drop. What could be parsed of the packet is in the record */
    LA_TRACE_TIME_WAIT,   /* detail: enum la_wait_event; deadline */
    LA_TRACE_ENDED,       /* detail: enum la_end */
    LA_TRACE_PATH_MTU,    /* a router could not pass a packet on: length is the path's MTU from now on, in octets */
    LA_TRACE_NEIGHBOUR,   /* detail: enum la_neighbour_state; remote.address is the neighbour's */
    LA_TRACE_ADDRESS      /* detail: enum la_address_event; local.address is the address */
};

#define LA_TRACE_KIND_COUNT 12
#define LA_TRACE_BIT(kind)  (UINT32_C(1) << (kind))
#define LA_TRACE_ALL        ((UINT32_C(1) << LA_TRACE_KIND_COUNT) - 1)

enum la_timer {
    LA_TIMER_RETRANSMIT,
    LA_TIMER_PERSIST,
    LA_TIMER_DELAYED_ACK,
    LA_TIMER_KEEPALIVE,
    LA_TIMER_USER_TIMEOUT,
    LA_TIMER_FIN_WAIT_2,
    LA_TIMER_LINGER
};

#define LA_TIMER_COUNT 7

enum la_wait_event {
    LA_WAIT_ENTERED,
    LA_WAIT_ANSWERED,  /* a segment was answered with an ACK from the record */
    LA_WAIT_RESTARTED, /* the peer's FIN again: 2MSL from now */
    LA_WAIT_SHADOWED,  /* a new incarnation owns the record and may give it back */
    LA_WAIT_RESTORED,  /* it did */
    LA_WAIT_REOPENED,  /* ended by a SYN that RFC 6191 honours */
    LA_WAIT_REUSED,    /* ended by our own active open */
    LA_WAIT_EVICTED,   /* ended because the table was full: flags is enum la_wait_risk */
    LA_WAIT_EXPIRED,   /* ended by its deadline */
    LA_WAIT_RESET,     /* ended by a RST (only with config.rfc1337 off) */
    LA_WAIT_KEPT       /* a record that only remembers: we aborted, or the peer waits (waits.h) */
};

#define LA_WAIT_EVENT_COUNT 11

/* RFC 4861 7.3.2; ARP's neighbours have the same states. */
enum la_neighbour_state {
    LA_NEIGHBOUR_GONE,       /* it did not answer, or gave way to another */
    LA_NEIGHBOUR_INCOMPLETE, /* asked for by broadcast, or by its solicited-node group */
    LA_NEIGHBOUR_REACHABLE,  /* it answered not long ago */
    LA_NEIGHBOUR_STALE,      /* it may still be there */
    LA_NEIGHBOUR_DELAY,      /* and is spoken to again: that may prove it */
    LA_NEIGHBOUR_PROBE       /* asked by unicast */
};

#define LA_NEIGHBOUR_STATE_COUNT 6

/* What happens to an address of an Ethernet interface: RFC 5227, RFC 4862 5.4. */
enum la_address_event {
    LA_ADDRESS_PROBED,   /* somebody else may have it: asked */
    LA_ADDRESS_ASSIGNED, /* it is ours, and announced */
    LA_ADDRESS_REFUSED,  /* another station has it, or wants it too: it is not ours */
    LA_ADDRESS_DEFENDED, /* another station says that it has what is ours: contradicted */
    LA_ADDRESS_CONTESTED /* the same, and nothing is said: too soon after the last time (RFC 5227 2.4), or IPv6 */
};

#define LA_ADDRESS_EVENT_COUNT 5

/* Why something was dropped. Also a segment that was answered (with a RST, a challenge ACK, an ICMP error) counts as
   dropped when its content was not taken. */
enum la_drop {
    LA_DROP_NONE,
    LA_DROP_IP_TRUNCATED,     /* shorter than its header */
    LA_DROP_IP_VERSION,       /* neither 4 nor 6 */
    LA_DROP_IP_HEADER_LENGTH, /* IHL under 5, or a header beyond the packet */
    LA_DROP_IP_TOTAL_LENGTH,  /* total length beyond the packet, or inside the header */
    LA_DROP_IP_CHECKSUM,
    LA_DROP_IP_OPTION,      /* a malformed IP option, or one that must not be skipped; a source route */
    LA_DROP_IP_EXTENSIONS,  /* IPv6: more extension headers before the transport than a host looks at */
    LA_DROP_IP_FRAGMENT,    /* a fragment, and config.reassembly_bytes is 0; or within a packet put together already;
                               neighbour discovery behind a fragment header */
    LA_DROP_IP_SOURCE,      /* a source no host can have: multicast, broadcast, unspecified, loopback, our own */
    LA_DROP_IP_DESTINATION, /* not one of our addresses on this interface */
    LA_DROP_IP_PROTOCOL,    /* a protocol we do not speak: answered with ICMP */
    LA_DROP_ICMP_TRUNCATED,
    LA_DROP_ICMP_CHECKSUM,
    LA_DROP_ICMP_TYPE,  /* a type or code we have no use for */
    LA_DROP_ICMP_QUOTE, /* an error whose quoted segment fits no connection's window (RFC 5927 4.1); a
                            packet too big that is no news, or below what every path carries */
    LA_DROP_TCP_TRUNCATED,
    LA_DROP_TCP_HEADER_LENGTH, /* data offset under 5, or beyond the segment */
    LA_DROP_TCP_OPTION_LENGTH, /* an option whose length is under 2, or beyond the header (RFC 9293 MUST-7) */
    LA_DROP_TCP_CHECKSUM,
    LA_DROP_TCP_PORT,         /* port 0 */
    LA_DROP_NO_CONNECTION,    /* nobody there: answered with RST, unless it was one */
    LA_DROP_LISTEN,           /* LISTEN: an RST, an ACK (answered with RST), or neither SYN nor ACK */
    LA_DROP_BACKLOG_FULL,     /* a SYN, and the listener's backlog is full */
    LA_DROP_CONNECTIONS_FULL, /* a SYN, and all config.connections are in use */
    LA_DROP_QUIET,            /* a SYN during the quiet time (RFC 9293 3.4.3) */
    LA_DROP_SYN_SENT,         /* SYN-SENT: neither SYN nor RST, or an RST that does not acknowledge our SYN */
    LA_DROP_SYN_SENT_ACK,     /* SYN-SENT: acknowledges what was never sent: answered with RST */
    LA_DROP_PAWS,             /* an old timestamp (RFC 7323 5) */
    LA_DROP_NO_TIMESTAMP,     /* timestamps were negotiated and the segment has none (RFC 7323 3.2) */
    LA_DROP_SEQUENCE,         /* outside the window (RFC 9293 3.10.7.4, first) */
    LA_DROP_RST_OUTSIDE,      /* an RST outside the window */
    LA_DROP_RST_CHALLENGED,   /* an RST inside the window, not at RCV.NXT (RFC 5961 3) */
    LA_DROP_SYN_CHALLENGED,   /* a SYN on a synchronised connection (RFC 5961 4) */
    LA_DROP_NO_ACK,           /* no ACK bit */
    LA_DROP_ACK_FUTURE,       /* acknowledges what was never sent */
    LA_DROP_ACK_OLD,          /* below SND.UNA - MAX.SND.WND (RFC 5961 5) */
    LA_DROP_ACK_HANDSHAKE,    /* SYN-RECEIVED: not the acknowledgement of our SYN: answered with RST */
    LA_DROP_AFTER_FIN,        /* text or FIN beyond the peer's FIN */
    LA_DROP_AFTER_CLOSE,      /* text for an application that has gone: answered with RST */
    LA_DROP_BUFFER_FULL,      /* no piece of buffer left for its text */
    LA_DROP_RANGES_FULL,      /* too many out-of-order ranges already */
    LA_DROP_WAIT_RST,         /* TIME-WAIT: an RST (RFC 1337) */
    LA_DROP_WAIT_SYN,         /* TIME-WAIT: a SYN that is not honoured */
    LA_DROP_WAIT_NO_ACK,      /* TIME-WAIT: no ACK bit */
    LA_DROP_WAIT_PAWS,        /* TIME-WAIT: the FIN again, but with an old timestamp or a future ACK */
    LA_DROP_WAIT_ACK,         /* TIME-WAIT: a pure ACK at RCV.NXT: silence */
    LA_DROP_WAIT_OLD,         /* TIME-WAIT: old text, text past the FIN, outside the window */
    LA_DROP_REPLIES_FULL,     /* outgoing: the queue of replies without a connection was full */

    /* Of fragments: none where config.reassembly_bytes is 0. */
    LA_DROP_FRAGMENT_LENGTH,    /* none, no multiple of 8 though more follow, or the whole would have over 65,535 */
    LA_DROP_FRAGMENT_HEADER,    /* a first one without the whole transport header (RFC 7112), or another inside of it
                                   (RFC 1858, RFC 3128) */
    LA_DROP_FRAGMENT_OVERLAP,   /* overlaps another, or ends elsewhere: with all others of its packet, also those that
                                   come later (RFC 5722) */
    LA_DROP_FRAGMENT_DUPLICATE, /* came before, with the same octets */
    LA_DROP_FRAGMENTS_FULL,     /* no room for it, or its packet is too large or in too many parts */
    LA_DROP_FRAGMENTS_EVICTED,  /* a packet that was given up for the sake of others */
    LA_DROP_FRAGMENTS_LATE,     /* a packet that was given up: config.reassembly_ms was over */
    LA_DROP_FRAGMENT_ECN,       /* says that its flow knows no ECN, where others of its packet say that it does, or the
                                   reverse: with all others (RFC 3168 5.3) */

    /* Of Ethernet: none where config.neighbours is 0. */
    LA_DROP_ETHERNET,   /* a frame that is too short, for others, of a type we do not speak; a malformed ARP message; IP
                           that is not sent to us alone, or is of another version than the type says */
    LA_DROP_UNRESOLVED, /* outgoing: the next hop's Ethernet address is not known, and nobody answered, or a later
                           packet took its place; or an answer in fragments, of which one alone could have waited */
    LA_DROP_MTU         /* outgoing: made before a router said that the link carries no packet as long as it is */
};

#define LA_DROP_COUNT 60

/* TCP's control bits, as in the header's octet. */
enum la_tcp_flag {
    LA_FIN = 0x01,
    LA_SYN = 0x02,
    LA_RST = 0x04,
    LA_PSH = 0x08,
    LA_ACK = 0x10,
    LA_URG = 0x20,
    LA_ECE = 0x40,
    LA_CWR = 0x80
};

struct la_trace {
    la_time time;
    la_time deadline;        /* TIMER_ARMED, TIME_WAIT; else 0 */
    struct la_conn conn;     /* all zero where no connection is concerned */
    uint32_t sequence;       /* raw sequence number; STATE, TIMER_*, ENDED: SND.NXT */
    uint32_t acknowledgment; /* raw acknowledgment number; STATE, TIMER_*, ENDED: RCV.NXT */
    uint32_t window_bytes;   /* as it counts, after scaling */
    uint32_t length;         /* octets of text */
    uint32_t tsval;          /* both 0 where the segment has no timestamp option */
    uint32_t tsecr;
    struct la_endpoint local;
    struct la_endpoint remote;
    uint8_t kind;   /* enum la_trace_kind */
    uint8_t detail; /* by kind: enum la_timer, la_drop, la_wait_event, la_end */
    uint8_t from;   /* enum la_state: STATE: before; else the state at the time */
    uint8_t to;     /* enum la_state: STATE: after; else as from */
    uint8_t flags;  /* enum la_tcp_flag; TIME_WAIT evicted: enum la_wait_risk */
    uint8_t interface;
    bool retransmission; /* SEGMENT_OUT: it was sent before */
    bool has_timestamp;  /* SEGMENT_IN, SEGMENT_OUT: tsval and tsecr are the segment's */
};

/* Names: short, lower case, stable ("fin-wait-1" is written as the RFC does: "FIN-WAIT-1"). Never NULL. */
const char *la_state_name(enum la_state state);
const char *la_end_name(enum la_end end);
const char *la_drop_name(enum la_drop drop);
const char *la_timer_name(enum la_timer timer);
const char *la_wait_event_name(enum la_wait_event event);
const char *la_neighbour_state_name(enum la_neighbour_state state);
const char *la_address_event_name(enum la_address_event event);
const char *la_trace_kind_name(enum la_trace_kind kind);

#endif
