#ifndef LASTACK_WAITS_H
#define LASTACK_WAITS_H

#include <lastack/types.h>

/* The records that stand in for ended connections: what is in the table, and how it outlives its process. */

/* What a record is for. */
enum la_wait_class {
    LA_CLASS_WAITING = 1, /* TIME-WAIT: we closed first, or both at once */
    LA_CLASS_ABORTED,     /* we sent a RST on a synchronised connection (RFC 9293 3.5.2) */
    LA_CLASS_REMEMBERED   /* we opened, the peer closed first, and is in TIME-WAIT */
};

/* The state from which TIME-WAIT was entered. */
enum la_wait_way {
    LA_WAY_FIN_WAIT_2, /* we closed first; the peer's FIN that acknowledges ours goes through it, too */
    LA_WAY_CLOSING     /* both at once */
};

/* What is risked where a record ends before its time. */
enum la_wait_risk {
    LA_RISK_NONE,         /* timestamps keep old segments out, and the last ACK seems to have arrived */
    LA_RISK_NUMBERS,      /* our next incarnation's ISN and TSval may look old to the peer, who ignores its SYN */
    LA_RISK_OLD_SEGMENTS, /* no timestamps: old segments may fit the next incarnation's window */
    LA_RISK_LAST_ACK      /* it is young: the peer may repeat its FIN, and is answered with RST */
};

#define LA_WAIT_CLASS_COUNT 4
#define LA_WAIT_WAY_COUNT   2
#define LA_WAIT_RISK_COUNT  4

struct la_wait {
    la_time
        since; /* it came, or the peer's FIN restarted it; 0: that is no longer known (its wait is longer than 2 MSL,
                      or it came from a host with another MSL) */
    la_time until;
    struct la_endpoint local;
    struct la_endpoint remote;
    uint32_t snd_nxt;
    uint32_t rcv_nxt;
    uint32_t ts_recent;    /* as last_tsval: 0 without timestamps */
    uint32_t last_tsval;   /* the last that we sent */
    uint32_t window_bytes; /* as its ACKs say */
    uint8_t kind;          /* enum la_wait_class */
    uint8_t way;           /* enum la_wait_way, of LA_CLASS_WAITING */
    uint8_t interface;
    uint8_t restarts; /* by the peer's FIN */
    uint8_t answers;  /* ACKs sent from the record: 7 for 7 and more */
    bool timestamps;
    bool shadowed; /* a new incarnation is being opened, and may give it back */
};

/* Goes through the records, IPv4's first, each family's oldest first. *place is 0 before the first call. Between two
   calls no other may change the host. False: there are no more. */
bool la_wait_next(const la_host *host, uint64_t *place, struct la_wait *wait);

const char *la_wait_class_name(enum la_wait_class kind); /* "waiting" */
const char *la_wait_way_name(enum la_wait_way way);      /* "FIN-WAIT-2" */
const char *la_wait_risk_name(enum la_wait_risk risk);   /* "old-segments" */

/* ---- hand-over ---------------------------------------------------------------------------------------------------

   A host that ends writes its records down, another that begins takes them over, with the secret key and the clocks of
   ISNs and timestamps, which go on: RFC 9293's quiet time (3.4.3) is not needed. In between lies the downtime, by the
   caller's clock: any that goes on across it (CLOCK_REALTIME), in nanoseconds.

     const char *wrong = la_time_wait_saved(data, length, &saved);
     memcpy(config.key, saved.key, sizeof config.key); config.time_wait_ipv4 at least saved.ipv4, and so on
     host = la_host_init(...), interfaces and addresses
     wrong = la_time_wait_load(host, now, wall, data, length);

   The format (docs/time-wait.md) has a version and a checksum. It holds the key: keep it as secret as that. */

struct la_time_wait_saved {
    uint8_t key[16]; /* of config */
    uint64_t wall;   /* when it was saved */
    uint32_t msl_ms; /* of config */
    uint32_t ipv4;   /* records */
    uint32_t ipv6;
};

/* Octets that la_time_wait_save writes now. */
size_t la_time_wait_save_size(const la_host *host);

/* Writes the records that are not over, of all classes: how many octets. 0: size is less than la_time_wait_save_size.
   Connections are not saved: end them first. */
size_t la_time_wait_save(la_host *host, la_time now, uint64_t wall, void *data, size_t size);

/* NULL if the data is whole, and what it holds; else a sentence that says what is wrong. */
const char *la_time_wait_saved(const void *data, size_t length, struct la_time_wait_saved *saved);

/* Into a host that has had no connection and has no record: what is not over after the downtime. A clock that went back
   counts as no downtime: then a wait is longer than it was said to be, never shorter. NULL, or a sentence that says
   what is wrong: then nothing was taken. */
const char *la_time_wait_load(la_host *host, la_time now, uint64_t wall, const void *data, size_t length);

#endif
