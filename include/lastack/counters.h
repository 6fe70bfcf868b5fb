#ifndef LASTACK_COUNTERS_H
#define LASTACK_COUNTERS_H

#include <lastack/trace.h>

/* What is counted, always. Names are those of RFC 4022 (tcp*), RFC 4293 (ip*, icmp*) and Linux's nstat (TcpExt*) where
   one exists; la_counter_name gives them. The first LA_COUNTER_WIDE_COUNT count modulo 2^64, the others modulo 2^32
   (Counter64 and Counter32 of RFC 2578). */
enum la_counter {
    LA_COUNT_IP_IN_RECEIVES,
    LA_COUNT_IP_OUT_REQUESTS,
    LA_COUNT_TCP_IN_SEGMENTS,
    LA_COUNT_TCP_OUT_SEGMENTS,
    LA_COUNT_TCP_IN_OCTETS,  /* text accepted in order */
    LA_COUNT_TCP_OUT_OCTETS, /* text sent, retransmissions not counted */
    LA_COUNT_IP_IN_DELIVERS,
    LA_COUNT_ICMP_IN_MESSAGES,
    LA_COUNT_ICMP_OUT_MESSAGES,
    LA_COUNT_TCP_RETRANSMITTED_SEGMENTS,
    LA_COUNT_TCP_OUT_RESETS,
    LA_COUNT_TCP_ACTIVE_OPENS,
    LA_COUNT_TCP_PASSIVE_OPENS,
    LA_COUNT_TCP_ATTEMPT_FAILS,
    LA_COUNT_TCP_ESTABLISHED_RESETS,
    LA_COUNT_TCP_OUT_OF_ORDER,       /* TcpExtTCPOFOQueue */
    LA_COUNT_TCP_DUPLICATE_TEXT,     /* segments whose text had all arrived before */
    LA_COUNT_TCP_CHALLENGE_ACKS,     /* TcpExtTCPChallengeACK */
    LA_COUNT_TCP_CHALLENGES_LIMITED, /* TcpExtTCPACKSkippedChallenge */
    LA_COUNT_TCP_DELAYED_ACKS,       /* TcpExtDelayedACKs */
    LA_COUNT_TCP_DUPLICATE_ACKS_OUT,
    LA_COUNT_TCP_FAST_RETRANSMITS, /* TcpExtTCPFastRetrans */
    LA_COUNT_TCP_TIMEOUTS,         /* TcpExtTCPTimeouts: the retransmission timer fired */
    LA_COUNT_TCP_WINDOW_PROBES,    /* TcpExtTCPWinProbe */
    LA_COUNT_TCP_KEEPALIVES,       /* TcpExtTCPKeepAlive */
    LA_COUNT_TCP_PATH_MTU_LOWERED, /* connections that went on in smaller segments, since a router asked for it */
    LA_COUNT_WAIT_ENTERED,         /* TcpExtTW counts those that expired; this one, those that came */
    LA_COUNT_WAIT_EXPIRED,         /* TcpExtTW */
    LA_COUNT_WAIT_ANSWERED,        /* ACKs sent from records */
    LA_COUNT_WAIT_LIMITED,         /* ACKs that a record's limit suppressed: TcpExtTCPACKSkippedTimeWait */
    LA_COUNT_WAIT_RESTARTED,
    LA_COUNT_WAIT_RESTARTS_CAPPED, /* FINs answered without a restart: config.time_wait_restarts was reached */
    LA_COUNT_WAIT_REOPENED,        /* by the peer's SYN, and established */
    LA_COUNT_WAIT_REUSED,          /* TcpExtTWRecycled: by our own, and established */
    LA_COUNT_WAIT_RESTORED,        /* a reopening or a reuse came to nothing: the record is back */
    LA_COUNT_WAIT_EVICTED,
    LA_COUNT_WAIT_RESET,         /* only with config.rfc1337 off */
    LA_COUNT_WAIT_KEPT,          /* records that only remember: aborted, or the peer waits; not in those above */
    LA_COUNT_TRACE_LOST,         /* trace records that did not fit the ring */
    LA_COUNT_IP_NEGATIVE_ADVICE, /* TCP told IP that a way may be dead: R1 was reached (RFC 9293 MUST-20) */
    LA_COUNT_TCP_ECN_REDUCTIONS, /* the peer echoed a congestion mark, and the window was halved */

    /* Of fragments: 0 where config.reassembly_bytes is. */
    LA_COUNT_REASSEMBLY_REQUIRED,  /* fragments that came */
    LA_COUNT_REASSEMBLY_OKS,       /* packets that became whole */
    LA_COUNT_REASSEMBLY_FAILS,     /* packets that were given up, for whatever reason */
    LA_COUNT_REASSEMBLY_TIMEOUTS,  /* of these: config.reassembly_ms was over */
    LA_COUNT_REASSEMBLY_EVICTED,   /* of these: others needed the room */
    LA_COUNT_FRAGMENTATION_OKS,    /* packets that were sent in fragments */
    LA_COUNT_FRAGMENTATION_CREATES /* fragments that were made of them */
};

#define LA_COUNTER_COUNT      48
#define LA_COUNTER_WIDE_COUNT 6

struct la_counters {
    uint64_t counter[LA_COUNTER_COUNT]; /* by enum la_counter */
    uint64_t dropped[LA_DROP_COUNT];    /* by enum la_drop */
    uint32_t connections;               /* gauges: in use now */
    uint32_t connections_orphaned;      /* released by the application, not ended */
    uint32_t time_wait_ipv4;            /* in TIME-WAIT; records that only remember are not counted */
    uint32_t time_wait_ipv6;
    uint32_t buffer_pieces; /* in use now */
    uint32_t reply_bytes;   /* waiting to be pulled */
};

/* "tcpActiveOpens", "TcpExtTWRecycled", "lastackWaitEntered": never NULL. */
const char *la_counter_name(enum la_counter counter);

#endif
