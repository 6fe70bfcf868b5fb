#ifndef SHOW_LADDER_PRIVATE_H
#define SHOW_LADDER_PRIVATE_H

#include "ladder.h"
#include "ladder_row.h"
#include "shadow.h"
#include "text.h"

enum {
    LADDER_CONNECTIONS = 256, /* beyond it the one longest unseen is written out and forgotten */
    LADDER_SENT = 32,         /* segments of each side that may still arrive */
    LADDER_COLUMNS = 400
};

/* Enough of a segment to know it again when it arrives. */
struct sent {
    uint32_t sequence;
    uint32_t acknowledgment;
    uint32_t length;
    uint8_t flags;
};

struct ladder_connection {
    struct la_endpoint end[2]; /* by enum ladder_side */
    uint64_t seen;             /* the younger, the larger */
    bool base_known[2];
    uint32_t base[2]; /* what relative numbers count from */
    bool window_known[2];
    uint32_t window[2];
    bool both_traced;  /* the right end's records come too */
    bool kernel_tells; /* ladder_peer_state was called */
    bool headed;
    struct sent sent[2][LADDER_SENT];
    unsigned sent_count[2];
    char state[2][32]; /* as last shown */
    struct shadow shadow;
    struct ladder_row row;
    FILE *file; /* where it is drawn: the ladder's file, or with separate its own memory */
    char *memory;
    size_t memory_size;
    char time_shown[24];
};

struct ladder {
    FILE *file;
    struct ladder_options options;
    bool started;
    bool wrote_one; /* separate: a whole ladder has been written */
    bool explained; /* the marks of the peer's states */
    la_time origin;
    uint64_t serial;
    struct ladder_connection *connection[LADDER_CONNECTIONS];
    unsigned count;
    struct ladder_connection *current; /* to which the last row written belongs, or NULL */
    struct ladder_connection *last;    /* last fed, or NULL */
};

/* Writes the row that is held back, if there is one, its header before it if it needs one. */
void ladder_draw(struct ladder *ladder, struct ladder_connection *connection);

/* "12.345 ms" since the first record. */
void ladder_time_text(const struct ladder *ladder, la_time time, char text[24]);

/* A length of time: "60 s", "1.5 s", "40 ms". */
void ladder_duration_text(la_time duration, char text[24]);

#endif
