#ifndef CHECK_FORGE_PRIVATE_H
#define CHECK_FORGE_PRIVATE_H

#include "tcp/connection.h"
#include "world.h"

/* Segments forged by somebody who sees the numbers: what they may do to a host, and what not. */

enum forgery {
    /* To a synchronised connection. The first is exactly right, and text after a full close resets (RFC 9293 3.6.1). */
    FORGED_RST,
    FORGED_RST_IN_WINDOW,
    FORGED_RST_AT_EDGE,
    FORGED_RST_OUTSIDE,
    FORGED_SYN,
    FORGED_ACK,
    FORGED_FIN,
    FORGED_OLD_TEXT,
    FORGED_TEXT_BEHIND_FIN,
    FORGED_FIN_BEFORE_TEXT,
    FORGED_TEXT_AFTER_CLOSE,
    FORGED_OLD_STAMP,
    FORGED_NO_STAMP,
    FORGED_STAMP_AHEAD,
    /* To a record in TIME-WAIT. */
    FORGED_WAIT_RST,
    FORGED_WAIT_SYN,
    FORGED_WAIT_FIN,
    FORGED_WAIT_ACK,
    FORGED_WAIT_OLD_STAMP,
    /* To SYN-RECEIVED. */
    FORGED_SYN_AGAIN,
    /* To a listener. */
    FORGED_LISTEN_RST,
    FORGED_LISTEN_SYN_FIN,
    FORGERIES
};

const char *forgery_name(enum forgery what);

/* Whom it reaches: one of the three, or nobody (first == end). */
struct forge_target {
    const la_host *host;
    unsigned number; /* of the host */
    const struct connection *connection;
    const struct time_wait_record *record;
    unsigned first; /* enum forgery: those that there are for it */
    unsigned end;
};

struct forge_target forge_target_of(const struct world *world, unsigned host);

/* Some are what they say only in some states. */
bool forge_fits(const struct forge_target *target, enum forgery what);

struct flying forge(const struct forge_target *target, unsigned tag, enum forgery what);

/* It is to end the connection. */
bool forge_ends(enum forgery what);

/* What must not change. */
struct forge_mark {
    uint32_t connections;
    struct connection connection;
    uint32_t deadline_ms; /* of the record, */
    uint8_t class;
    uint8_t restarts;
    bool was_answered; /* ... so lately that it may not answer again */
    uint32_t ts_recent;
    uint32_t reply_bytes; /* that wait to leave */
};

struct forge_mark forge_mark(const struct forge_target *target);

/* NULL, or what the host did that it should not have done, or left undone. */
const char *forge_obeyed(const struct forge_target *target, const struct forge_mark *before, enum forgery what);

#endif
