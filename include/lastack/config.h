#ifndef LASTACK_CONFIG_H
#define LASTACK_CONFIG_H

#include <lastack/types.h>

enum la_congestion {
    LA_CONGESTION_NEWRENO /* RFC 5681, RFC 6582 */
};

/* Explicit congestion notification: RFC 3168. */
enum la_ecn {
    LA_ECN_OFF,
    LA_ECN_ACCEPT, /* used where the peer offers it */
    LA_ECN_OFFER   /* and offered in our own SYNs */
};

/* Everything that a host may be told, and every limit it has. la_config_default fills in the defaults named here; the
   key must be set by the caller. Times are milliseconds. */
struct la_config {
    uint8_t key[16]; /* secret and random: ISNs (RFC 6528), ports (RFC 6056), timestamp offsets, tables' hash */

    /* Limits. What happens at each is documented in docs/api.md and tested. */
    uint8_t interfaces;          /* 1; 1 to 255 */
    uint8_t address_probes;      /* 3: an IPv4 address on Ethernet is asked for so often before it is used (RFC 5227),
                                    an IPv6 one once (RFC 4862); 0: they are used at once */
    uint16_t addresses;          /* 4 */
    uint16_t routes;             /* 4 */
    uint16_t neighbours;         /* 256: other hosts on Ethernet whose addresses are known; 0: no Ethernet interface */
    uint32_t connections;        /* 1024: in any state but LISTEN and TIME-WAIT, or held by the application */
    uint32_t time_wait_ipv4;     /* 16384 records, at most 2^24 - 2 */
    uint32_t time_wait_ipv6;     /* 16384, as many at most */
    uint32_t buffer_piece_bytes; /* 4096: what buffers are made of; a multiple of 8, 16 to 65536 */
    uint32_t buffer_pieces;      /* 8192 */
    uint32_t reply_bytes;        /* 65536: RSTs, ICMP messages and ACKs from records, whole packets that wait to be
                                    pulled; a multiple of 8, at least 64, with IPv6 80 */
    uint32_t reassembly_bytes;   /* 524288: for fragments until they are whole, and what finds them: a multiple of 8,
                                    4096 to 16777216, or 0: none are taken, none are made */
    uint32_t trace_records;      /* 0 */
    uint32_t trace_mask;         /* LA_TRACE_ALL; which kinds are recorded */

    /* Per connection. */
    uint32_t send_buffer_bytes;    /* 262144: unacknowledged and unsent, at most */
    uint32_t receive_buffer_bytes; /* 262144: the largest window offered */
    uint16_t out_of_order_ranges;  /* 64 at most; fewer where one piece of buffer holds fewer (8 octets each) */
    uint16_t own_settings;         /* 1024: connections that may have settings of their own at a time: keepalive's
                                      times, user timeout, R1, R2, MSL, a source route */

    /* IP. */
    uint16_t path_mtus;     /* 64: destinations whose path MTU is remembered for ten minutes (RFC 1191, RFC 8201) */
    uint16_t reassembly_ms; /* 60,000, and at most (RFC 8200 4.5, RFC 1122 3.3.2): in which all fragments come */
    uint8_t ttl;            /* 64; IPv6's hop limit too */
    uint8_t dscp;           /* 0; at most 63: RFC 2474 */
    bool source_routes; /* false: packets with an IPv4 source route are dropped; true: TCP takes them, and answers along
                           the way back (RFC 9293 MUST-53) */

    /* The life cycle. */
    uint8_t time_wait_restarts; /* 32: how often a FIN that comes again restarts a record's wait */
    uint32_t msl_ms;            /* 30,000: TIME-WAIT lasts 2 MSL; 0 switches the wait off */
    uint32_t fin_wait_2_ms;     /* 60,000: once fully closed */
    uint32_t linger_ms;         /* 5,000: bound of la_close_lingering, once our FIN is acknowledged */
    uint32_t linger_bytes;      /* 1,048,576: what la_close_lingering discards of what still comes */
    uint32_t quiet_time_ms;     /* 0: RFC 9293 3.4.3: no segment with a new sequence number this long after init */
    bool time_wait_reopen;      /* true: a SYN that RFC 6191 honours opens a new incarnation */
    bool time_wait_reuse;       /* true: our own active open may, with numbers beyond the old incarnation's */
    bool time_wait_remember;    /* true: the wait of a peer that closed first is remembered, where we opened */
    uint8_t time_wait_rtos;     /* 8: TIME-WAIT lasts so many RTOs at least, ours and the peer's as its FINs tell it */
    bool rfc1337;               /* true: RSTs do not end TIME-WAIT */

    /* Retransmission and acknowledgment: RFC 6298, RFC 9293 3.8. */
    uint8_t r1_retransmissions; /* 3: LA_READY_ERROR is raised: delivery is in trouble */
    uint16_t delayed_ack_ms;    /* 40; at most 499 (RFC 9293 MUST-40); 0: every segment is acknowledged at once */
    uint32_t rto_initial_ms;    /* 1,000 */
    uint32_t rto_min_ms;        /* 200; at most 1,000,000: so much above the smoothed round trip */
    uint32_t rto_max_ms;        /* 60,000 */
    uint32_t r2_data_ms;        /* 100,000: then the connection is given up (SHLD-11) */
    uint32_t r2_syn_ms;         /* 180,000 */
    uint32_t user_timeout_ms;   /* 0: none but R2 */
    uint32_t challenge_ack_ms;  /* 500: one challenge ACK in this time, per connection (RFC 5961 7) */

    /* Keepalive: RFC 9293 3.8.4. */
    uint32_t keepalive_idle_ms;     /* 7,200,000 (MUST-28) */
    uint32_t keepalive_interval_ms; /* 75,000 */
    uint8_t keepalive_probes;       /* 9 */
    bool keepalive;                 /* false (MUST-25) */
    bool keepalive_garbage;         /* false; true: a probe carries one octet that means nothing (MAY-6) */

    /* What is offered and used. */
    bool nagle;          /* true */
    bool timestamps;     /* true: RFC 7323 */
    bool window_scaling; /* true: RFC 7323 */
    bool reset_unknown;  /* true: a segment for nobody is answered with RST; false: silently dropped */
    bool keep_unread;    /* false; true: what was received before a reset can be read after it */
    uint8_t congestion;  /* LA_CONGESTION_NEWRENO; enum la_congestion */
    uint8_t ecn;         /* LA_ECN_ACCEPT; enum la_ecn */

    /* Ports. */
    uint16_t listeners;       /* 16 */
    uint16_t ephemeral_first; /* 32768 */
    uint16_t ephemeral_last;  /* 60999 */
};

void la_config_default(struct la_config *config);

/* NULL if the config can be used, else a sentence that names the field and its range. */
const char *la_config_error(const struct la_config *config);

#endif
