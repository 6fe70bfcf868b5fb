#ifndef TCP_CONGESTION_H
#define TCP_CONGESTION_H

#include <lastack/lastack.h>

/* How much may be in flight. Loss recovery (recovery.c) says what happened; the algorithm says what follows for the
   window. Another algorithm is another table. */
struct congestion {
    uint32_t cwnd_bytes;
    uint32_t ssthresh_bytes;
    uint32_t memory; /* the algorithm's own */
};

struct congestion_algorithm {
    const char *name;
    /* A connection was established. */
    void (*start)(struct congestion *congestion, uint32_t mss);
    /* New data was acknowledged outside recovery; the window was in use. */
    void (*acknowledged)(struct congestion *congestion, uint32_t mss, uint32_t octets);
    /* A loss was inferred from duplicate ACKs: sets ssthresh. */
    void (*lost)(struct congestion *congestion, uint32_t mss, uint32_t flight_octets);
    /* The peer echoed a congestion mark (RFC 3168): sets ssthresh and cwnd. */
    void (*marked)(struct congestion *congestion, uint32_t mss, uint32_t flight_octets);
    /* The retransmission timer fired: sets ssthresh (only at the first time in a row) and cwnd. */
    void (*timed_out)(struct congestion *congestion, uint32_t mss, uint32_t flight_octets, bool first);
    /* Nothing was sent for longer than a retransmission timeout. */
    void (*idle)(struct congestion *congestion, uint32_t mss);
};

const struct congestion_algorithm *congestion_algorithm(enum la_congestion which);

/* RFC 6928: what may be in flight before anything is known. */
uint32_t congestion_initial_window(uint32_t mss);

extern const struct congestion_algorithm congestion_newreno;

#endif
