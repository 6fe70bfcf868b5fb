#include <lastack/lastack.h>

/* Switches without a default, so that the compiler sees what is missing. Numbers of no enumerator are "?". */

const char *la_version(void)
{
    return LA_VERSION;
}

const char *la_error_name(enum la_error error)
{
    switch (error) {
    case LA_OK: return "ok";
    case LA_ERROR_INVALID: return "invalid";
    case LA_ERROR_STALE: return "stale";
    case LA_ERROR_WOULD_BLOCK: return "would-block";
    case LA_ERROR_NOT_CONNECTED: return "not-connected";
    case LA_ERROR_CLOSING: return "closing";
    case LA_ERROR_ENDED: return "ended";
    case LA_ERROR_NO_CONNECTION: return "no-connection";
    case LA_ERROR_NO_LISTENER: return "no-listener";
    case LA_ERROR_NO_INTERFACE: return "no-interface";
    case LA_ERROR_NO_ADDRESS: return "no-address";
    case LA_ERROR_NO_ROUTE: return "no-route";
    case LA_ERROR_NO_PORT: return "no-port";
    case LA_ERROR_IN_USE: return "in-use";
    case LA_ERROR_WAITS: return "waits";
    case LA_ERROR_QUIET: return "quiet";
    case LA_ERROR_NO_SETTINGS: return "no-settings";
    }
    return "?";
}

const char *la_state_name(enum la_state state)
{
    switch (state) {
    case LA_CLOSED: return "CLOSED";
    case LA_LISTEN: return "LISTEN";
    case LA_SYN_SENT: return "SYN-SENT";
    case LA_SYN_RECEIVED: return "SYN-RECEIVED";
    case LA_ESTABLISHED: return "ESTABLISHED";
    case LA_FIN_WAIT_1: return "FIN-WAIT-1";
    case LA_FIN_WAIT_2: return "FIN-WAIT-2";
    case LA_CLOSE_WAIT: return "CLOSE-WAIT";
    case LA_CLOSING: return "CLOSING";
    case LA_LAST_ACK: return "LAST-ACK";
    case LA_TIME_WAIT: return "TIME-WAIT";
    }
    return "?";
}

const char *la_end_name(enum la_end end)
{
    switch (end) {
    case LA_END_NONE: return "none";
    case LA_END_CLEAN: return "clean";
    case LA_END_RESET_BY_PEER: return "reset-by-peer";
    case LA_END_REFUSED: return "refused";
    case LA_END_ABORTED: return "aborted";
    case LA_END_UNREAD_DATA: return "unread-data";
    case LA_END_DATA_AFTER_CLOSE: return "data-after-close";
    case LA_END_LINGER_BOUND: return "linger-bound";
    case LA_END_CLOSED_EARLY: return "closed-early";
    case LA_END_TIMED_OUT: return "timed-out";
    case LA_END_USER_TIMEOUT: return "user-timeout";
    case LA_END_KEEPALIVE: return "keepalive";
    case LA_END_FIN_WAIT_2_BOUND: return "fin-wait-2-bound";
    case LA_END_ORPHAN_BOUND: return "orphan-bound";
    case LA_END_UNREACHABLE: return "unreachable";
    case LA_END_UNDONE: return "undone";
    case LA_END_WAITS: return "waits";
    }
    return "?";
}

const char *la_drop_name(enum la_drop drop)
{
    switch (drop) {
    case LA_DROP_NONE: return "none";
    case LA_DROP_IP_TRUNCATED: return "ip-truncated";
    case LA_DROP_IP_VERSION: return "ip-version";
    case LA_DROP_IP_HEADER_LENGTH: return "ip-header-length";
    case LA_DROP_IP_TOTAL_LENGTH: return "ip-total-length";
    case LA_DROP_IP_CHECKSUM: return "ip-checksum";
    case LA_DROP_IP_OPTION: return "ip-option";
    case LA_DROP_IP_EXTENSIONS: return "ip-extensions";
    case LA_DROP_IP_FRAGMENT: return "ip-fragment";
    case LA_DROP_IP_SOURCE: return "ip-source";
    case LA_DROP_IP_DESTINATION: return "ip-destination";
    case LA_DROP_IP_PROTOCOL: return "ip-protocol";
    case LA_DROP_ICMP_TRUNCATED: return "icmp-truncated";
    case LA_DROP_ICMP_CHECKSUM: return "icmp-checksum";
    case LA_DROP_ICMP_TYPE: return "icmp-type";
    case LA_DROP_ICMP_QUOTE: return "icmp-quote";
    case LA_DROP_TCP_TRUNCATED: return "tcp-truncated";
    case LA_DROP_TCP_HEADER_LENGTH: return "tcp-header-length";
    case LA_DROP_TCP_OPTION_LENGTH: return "tcp-option-length";
    case LA_DROP_TCP_CHECKSUM: return "tcp-checksum";
    case LA_DROP_TCP_PORT: return "tcp-port";
    case LA_DROP_NO_CONNECTION: return "no-connection";
    case LA_DROP_LISTEN: return "listen";
    case LA_DROP_BACKLOG_FULL: return "backlog-full";
    case LA_DROP_CONNECTIONS_FULL: return "connections-full";
    case LA_DROP_QUIET: return "quiet";
    case LA_DROP_SYN_SENT: return "syn-sent";
    case LA_DROP_SYN_SENT_ACK: return "syn-sent-ack";
    case LA_DROP_PAWS: return "paws";
    case LA_DROP_NO_TIMESTAMP: return "no-timestamp";
    case LA_DROP_SEQUENCE: return "sequence";
    case LA_DROP_RST_OUTSIDE: return "rst-outside";
    case LA_DROP_RST_CHALLENGED: return "rst-challenged";
    case LA_DROP_SYN_CHALLENGED: return "syn-challenged";
    case LA_DROP_NO_ACK: return "no-ack";
    case LA_DROP_ACK_FUTURE: return "ack-future";
    case LA_DROP_ACK_OLD: return "ack-old";
    case LA_DROP_ACK_HANDSHAKE: return "ack-handshake";
    case LA_DROP_AFTER_FIN: return "after-fin";
    case LA_DROP_AFTER_CLOSE: return "after-close";
    case LA_DROP_BUFFER_FULL: return "buffer-full";
    case LA_DROP_RANGES_FULL: return "ranges-full";
    case LA_DROP_WAIT_RST: return "wait-rst";
    case LA_DROP_WAIT_SYN: return "wait-syn";
    case LA_DROP_WAIT_NO_ACK: return "wait-no-ack";
    case LA_DROP_WAIT_PAWS: return "wait-paws";
    case LA_DROP_WAIT_ACK: return "wait-ack";
    case LA_DROP_WAIT_OLD: return "wait-old";
    case LA_DROP_REPLIES_FULL: return "replies-full";
    case LA_DROP_FRAGMENT_LENGTH: return "fragment-length";
    case LA_DROP_FRAGMENT_HEADER: return "fragment-header";
    case LA_DROP_FRAGMENT_OVERLAP: return "fragment-overlap";
    case LA_DROP_FRAGMENT_DUPLICATE: return "fragment-duplicate";
    case LA_DROP_FRAGMENTS_FULL: return "fragments-full";
    case LA_DROP_FRAGMENTS_EVICTED: return "fragments-evicted";
    case LA_DROP_FRAGMENTS_LATE: return "fragments-late";
    case LA_DROP_FRAGMENT_ECN: return "fragment-ecn";
    case LA_DROP_ETHERNET: return "ethernet";
    case LA_DROP_UNRESOLVED: return "unresolved";
    case LA_DROP_MTU: return "mtu";
    }
    return "?";
}

const char *la_neighbour_state_name(enum la_neighbour_state state)
{
    switch (state) {
    case LA_NEIGHBOUR_GONE: return "GONE";
    case LA_NEIGHBOUR_INCOMPLETE: return "INCOMPLETE";
    case LA_NEIGHBOUR_REACHABLE: return "REACHABLE";
    case LA_NEIGHBOUR_STALE: return "STALE";
    case LA_NEIGHBOUR_DELAY: return "DELAY";
    case LA_NEIGHBOUR_PROBE: return "PROBE";
    }
    return "?";
}

const char *la_address_event_name(enum la_address_event event)
{
    switch (event) {
    case LA_ADDRESS_PROBED: return "probed";
    case LA_ADDRESS_ASSIGNED: return "assigned";
    case LA_ADDRESS_REFUSED: return "refused";
    case LA_ADDRESS_DEFENDED: return "defended";
    case LA_ADDRESS_CONTESTED: return "contested";
    }
    return "?";
}

const char *la_timer_name(enum la_timer timer)
{
    switch (timer) {
    case LA_TIMER_RETRANSMIT: return "retransmit";
    case LA_TIMER_PERSIST: return "persist";
    case LA_TIMER_DELAYED_ACK: return "delayed-ack";
    case LA_TIMER_KEEPALIVE: return "keepalive";
    case LA_TIMER_USER_TIMEOUT: return "user-timeout";
    case LA_TIMER_FIN_WAIT_2: return "fin-wait-2";
    case LA_TIMER_LINGER: return "linger";
    }
    return "?";
}

const char *la_wait_class_name(enum la_wait_class kind)
{
    switch (kind) {
    case LA_CLASS_WAITING: return "waiting";
    case LA_CLASS_ABORTED: return "aborted";
    case LA_CLASS_REMEMBERED: return "remembered";
    }
    return "?";
}

const char *la_wait_way_name(enum la_wait_way way)
{
    switch (way) {
    case LA_WAY_FIN_WAIT_2: return "FIN-WAIT-2";
    case LA_WAY_CLOSING: return "CLOSING";
    }
    return "?";
}

const char *la_wait_risk_name(enum la_wait_risk risk)
{
    switch (risk) {
    case LA_RISK_NONE: return "none";
    case LA_RISK_NUMBERS: return "numbers";
    case LA_RISK_OLD_SEGMENTS: return "old-segments";
    case LA_RISK_LAST_ACK: return "last-ack";
    }
    return "?";
}

const char *la_wait_event_name(enum la_wait_event event)
{
    switch (event) {
    case LA_WAIT_ENTERED: return "entered";
    case LA_WAIT_ANSWERED: return "answered";
    case LA_WAIT_RESTARTED: return "restarted";
    case LA_WAIT_SHADOWED: return "shadowed";
    case LA_WAIT_RESTORED: return "restored";
    case LA_WAIT_REOPENED: return "reopened";
    case LA_WAIT_REUSED: return "reused";
    case LA_WAIT_EVICTED: return "evicted";
    case LA_WAIT_EXPIRED: return "expired";
    case LA_WAIT_RESET: return "reset";
    case LA_WAIT_KEPT: return "kept";
    }
    return "?";
}

const char *la_trace_kind_name(enum la_trace_kind kind)
{
    switch (kind) {
    case LA_TRACE_SEGMENT_IN: return "segment-in";
    case LA_TRACE_SEGMENT_OUT: return "segment-out";
    case LA_TRACE_STATE: return "state";
    case LA_TRACE_TIMER_ARMED: return "timer-armed";
    case LA_TRACE_TIMER_FIRED: return "timer-fired";
    case LA_TRACE_DELIVERED: return "delivered";
    case LA_TRACE_DROPPED: return "dropped";
    case LA_TRACE_TIME_WAIT: return "time-wait";
    case LA_TRACE_ENDED: return "ended";
    case LA_TRACE_PATH_MTU: return "path-mtu";
    case LA_TRACE_NEIGHBOUR: return "neighbour";
    case LA_TRACE_ADDRESS: return "address";
    }
    return "?";
}

const char *la_counter_name(enum la_counter counter)
{
    switch (counter) {
    case LA_COUNT_IP_IN_RECEIVES: return "ipInReceives";
    case LA_COUNT_IP_IN_DELIVERS: return "ipInDelivers";
    case LA_COUNT_IP_OUT_REQUESTS: return "ipOutRequests";
    case LA_COUNT_ICMP_IN_MESSAGES: return "icmpInMsgs";
    case LA_COUNT_ICMP_OUT_MESSAGES: return "icmpOutMsgs";
    case LA_COUNT_TCP_IN_SEGMENTS: return "tcpInSegs";
    case LA_COUNT_TCP_OUT_SEGMENTS: return "tcpOutSegs";
    case LA_COUNT_TCP_RETRANSMITTED_SEGMENTS: return "tcpRetransSegs";
    case LA_COUNT_TCP_OUT_RESETS: return "tcpOutRsts";
    case LA_COUNT_TCP_ACTIVE_OPENS: return "tcpActiveOpens";
    case LA_COUNT_TCP_PASSIVE_OPENS: return "tcpPassiveOpens";
    case LA_COUNT_TCP_ATTEMPT_FAILS: return "tcpAttemptFails";
    case LA_COUNT_TCP_ESTABLISHED_RESETS: return "tcpEstabResets";
    case LA_COUNT_TCP_IN_OCTETS: return "lastackTcpInOctets";
    case LA_COUNT_TCP_OUT_OCTETS: return "lastackTcpOutOctets";
    case LA_COUNT_TCP_OUT_OF_ORDER: return "TcpExtTCPOFOQueue";
    case LA_COUNT_TCP_DUPLICATE_TEXT: return "lastackTcpDuplicateText";
    case LA_COUNT_TCP_CHALLENGE_ACKS: return "TcpExtTCPChallengeACK";
    case LA_COUNT_TCP_CHALLENGES_LIMITED: return "TcpExtTCPACKSkippedChallenge";
    case LA_COUNT_TCP_DELAYED_ACKS: return "TcpExtDelayedACKs";
    case LA_COUNT_TCP_DUPLICATE_ACKS_OUT: return "lastackTcpDuplicateAcksOut";
    case LA_COUNT_TCP_FAST_RETRANSMITS: return "TcpExtTCPFastRetrans";
    case LA_COUNT_TCP_TIMEOUTS: return "TcpExtTCPTimeouts";
    case LA_COUNT_TCP_WINDOW_PROBES: return "TcpExtTCPWinProbe";
    case LA_COUNT_TCP_KEEPALIVES: return "TcpExtTCPKeepAlive";
    case LA_COUNT_TCP_PATH_MTU_LOWERED: return "lastackTcpPathMtuLowered";
    case LA_COUNT_WAIT_ENTERED: return "lastackWaitEntered";
    case LA_COUNT_WAIT_EXPIRED: return "TcpExtTW";
    case LA_COUNT_WAIT_ANSWERED: return "lastackWaitAnswered";
    case LA_COUNT_WAIT_LIMITED: return "TcpExtTCPACKSkippedTimeWait";
    case LA_COUNT_WAIT_RESTARTED: return "lastackWaitRestarted";
    case LA_COUNT_WAIT_RESTARTS_CAPPED: return "lastackWaitRestartsCapped";
    case LA_COUNT_WAIT_REOPENED: return "lastackWaitReopened";
    case LA_COUNT_WAIT_REUSED: return "TcpExtTWRecycled";
    case LA_COUNT_WAIT_RESTORED: return "lastackWaitRestored";
    case LA_COUNT_WAIT_EVICTED: return "lastackWaitEvicted";
    case LA_COUNT_WAIT_RESET: return "lastackWaitReset";
    case LA_COUNT_WAIT_KEPT: return "lastackWaitKept";
    case LA_COUNT_TRACE_LOST: return "lastackTraceLost";
    case LA_COUNT_IP_NEGATIVE_ADVICE: return "lastackIpNegativeAdvice";
    case LA_COUNT_TCP_ECN_REDUCTIONS: return "lastackTcpEcnReductions";
    case LA_COUNT_REASSEMBLY_REQUIRED: return "ipReasmReqds";
    case LA_COUNT_REASSEMBLY_OKS: return "ipReasmOKs";
    case LA_COUNT_REASSEMBLY_FAILS: return "ipReasmFails";
    case LA_COUNT_REASSEMBLY_TIMEOUTS: return "IpReasmTimeout";
    case LA_COUNT_REASSEMBLY_EVICTED: return "lastackReasmEvicted";
    case LA_COUNT_FRAGMENTATION_OKS: return "ipOutFragOKs";
    case LA_COUNT_FRAGMENTATION_CREATES: return "ipOutFragCreates";
    }
    return "?";
}
