#include "congestion.h"

/* RFC 5681 with byte counting (RFC 3465, L = 2 SMSS, after a timeout 1); the recovery that RFC 6582 describes is
   recovery.c. */

uint32_t congestion_initial_window(uint32_t mss)
{
    uint32_t most = 10 * mss;
    uint32_t least = 2 * mss > 14600 ? 2 * mss : 14600;
    return most < least ? most : least;
}

#define AFTER_TIMEOUT 1

static uint32_t half_of(uint32_t flight_octets, uint32_t mss)
{
    uint32_t half = flight_octets / 2;
    return half > 2 * mss ? half : 2 * mss; /* RFC 5681 (4) */
}

static void newreno_start(struct congestion *congestion, uint32_t mss)
{
    congestion->cwnd_bytes = congestion_initial_window(mss);
    congestion->ssthresh_bytes = UINT32_MAX;
    congestion->memory = 0;
}

/* Slow start, then congestion avoidance (RFC 9293 MUST-19). memory: in slow start AFTER_TIMEOUT if a timeout began it,
   so that what was lost is not sent again in bursts (RFC 3465 2.3); in congestion avoidance the octets acknowledged
   since cwnd last grew. */
static void newreno_acknowledged(struct congestion *congestion, uint32_t mss, uint32_t octets)
{
    if (congestion->cwnd_bytes >= UINT32_MAX / 2) {
        return;
    }
    if (congestion->cwnd_bytes < congestion->ssthresh_bytes) {
        uint32_t most = congestion->memory == AFTER_TIMEOUT ? mss : 2 * mss;
        congestion->cwnd_bytes += octets < most ? octets : most;
        return;
    }
    congestion->memory += octets;
    if (congestion->memory >= congestion->cwnd_bytes) {
        congestion->memory -= congestion->cwnd_bytes;
        congestion->cwnd_bytes += mss;
    }
}

static void newreno_lost(struct congestion *congestion, uint32_t mss, uint32_t flight_octets)
{
    congestion->ssthresh_bytes = half_of(flight_octets, mss);
    congestion->memory = 0;
}

/* RFC 3168 6.1.2: halved, like after a loss; but nothing was lost that would have to leave first. */
static void newreno_marked(struct congestion *congestion, uint32_t mss, uint32_t flight_octets)
{
    newreno_lost(congestion, mss, flight_octets);
    if (congestion->cwnd_bytes > congestion->ssthresh_bytes) {
        congestion->cwnd_bytes = congestion->ssthresh_bytes;
    }
}

static void newreno_timed_out(struct congestion *congestion, uint32_t mss, uint32_t flight_octets, bool first)
{
    if (first) {
        congestion->ssthresh_bytes = half_of(flight_octets, mss);
    }
    congestion->cwnd_bytes = mss;
    congestion->memory = AFTER_TIMEOUT;
}

static void newreno_idle(struct congestion *congestion, uint32_t mss)
{
    uint32_t restart = congestion_initial_window(mss); /* RFC 5681 4.1 */
    if (congestion->cwnd_bytes > restart) {
        congestion->cwnd_bytes = restart;
    }
}

const struct congestion_algorithm congestion_newreno = {
    .name = "newreno",
    .start = newreno_start,
    .acknowledged = newreno_acknowledged,
    .lost = newreno_lost,
    .marked = newreno_marked,
    .timed_out = newreno_timed_out,
    .idle = newreno_idle,
};

const struct congestion_algorithm *congestion_algorithm(enum la_congestion which)
{
    switch (which) {
    case LA_CONGESTION_NEWRENO: return &congestion_newreno;
    }
    return &congestion_newreno;
}
