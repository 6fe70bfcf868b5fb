#ifndef CHECK_NUMBERS_PRIVATE_H
#define CHECK_NUMBERS_PRIVATE_H

#include "base/seq.h"
#include "tcp/connection.h"
#include "world.h"

/* What a host's numbers do, seen from outside: they only move forward (I5, I8; I38: timestamps), the timeout doubles
   (I29), what leaves says them (I7, I20), and what comes exactly in its order is taken. */

struct numbers {
    struct {
        bool is_open;
        struct seq iss, snd_una, snd_nxt, rcv_nxt, rcv_edge;
        uint8_t retransmits;
        uint32_t rto_ms;
        uint32_t ts_recent, last_tsval; /* 0 without timestamps */
    } of[WORLD_CONNECTIONS];
};

struct numbers numbers_of(const struct world *world, unsigned host);

/* NULL, or which of them went back since; by passed_ms milliseconds of the clock all timestamps have moved. */
const char *numbers_went_back(const struct world *world, unsigned host, const struct numbers *before,
                              uint32_t passed_ms);

/* The connection is where it was: what must not touch it has not. */
bool numbers_are_as_before(const struct connection *now, const struct connection *before);

/* NULL, or: RCV.NXT has moved, nothing more will leave now, and nobody has said so or will (RFC 9293 3.8.6.3). */
const char *numbers_unanswered(const struct world *world, unsigned host);

/* What has just left the host; answered: what it had been given, or NULL. NULL, or what it should not say. */
const char *numbers_said(const struct world *world, unsigned host, const struct flying *segment,
                         const struct flying *answered);

/* What the host has to have taken once the segment has arrived: octets of the connection in a slot. */
struct due {
    bool exists;
    unsigned slot;
    struct seq iss;
    struct seq end; /* RCV.NXT is to be no less */
};

struct due numbers_due(const struct world *world, const struct flying *segment);
bool numbers_were_taken(const struct world *world, unsigned host, const struct due *due);

#endif
