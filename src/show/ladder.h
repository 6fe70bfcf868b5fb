#ifndef SHOW_LADDER_H
#define SHOW_LADDER_H

#include <lastack/trace.h>

#include <stdio.h>

/* A connection as a ladder: one rail an end, time down the left margin, an arrow a segment, and on the rails the state
   of each end wherever it changes, as in RFC 9293's figures. Made of trace records as they come, and written as soon as
   nothing can be added to a row: it can be watched live.

            time  lastack 10.83.0.2:80                                              kernel 10.83.0.1:40112
        0.000 ms  SYN-RECEIVED │◀────────────── SYN seq=0 win=64240 ───────────────│ (SYN-SENT)

   Sequence numbers are relative to each side's ISN, as in Wireshark. The state of the peer stands bare if its own trace
   says so, [in brackets] if its kernel was asked, (in parentheses) if it is inferred from the segments. */
struct ladder;
struct ladder_row;

enum ladder_side {
    LADDER_LEFT, /* the host whose trace this is */
    LADDER_RIGHT /* its peer, where that is a lastack host too */
};

struct ladder_options {
    bool ascii;        /* no characters beyond ASCII */
    bool colour;       /* ANSI colours */
    bool verbose;      /* timers armed, data delivered and timestamps too */
    bool separate;     /* one whole ladder for each connection, written by ladder_free; otherwise live, with a line
                          that names both ends whenever the connection changes */
    unsigned width;    /* columns in all; 0: 100; at least 72 */
    const char *left;  /* name of the left end; NULL: "lastack" */
    const char *right; /* name of the right end; NULL: "peer" */
    struct la_endpoint local; /* only connections with these ends; all zero parts match any */
    struct la_endpoint remote;
    void (*row)(void *context, const struct ladder_row *row); /* gets the rows, and no text is written; or NULL */
    void *context;
};

/* options may be NULL. The names are not copied. NULL if memory is short. */
struct ladder *ladder_new(FILE *file, const struct ladder_options *options);

/* Writes what is held back. The file stays open. */
void ladder_flush(struct ladder *ladder);
void ladder_free(struct ladder *ladder);

/* A record of an end's trace, in order of time. fate: what the network does to a SEGMENT_OUT, or did to a SEGMENT_IN,
   as a text that begins with "lost" if it never arrives ("lost, by out:last-ack", "delayed 30 ms"); NULL if nothing. A
   lost SEGMENT_IN, which no trace has, is fed too; a window of UINT32_MAX is one not known.
   With records from both ends a segment is drawn once, when it is sent; what it changes at the other end stands beside
   it, or in a row of its own if something else came between. */
void ladder_record(struct ladder *ladder, enum ladder_side side, const struct la_trace *record, const char *fate);

/* Where the peer's state comes from, best first: its own trace (ladder_record with LADDER_RIGHT), its kernel (this
   function), or it is inferred from the segments by RFC 9293 (marked so). local and remote name the connection from the
   left end's side; NULL: the one last fed. state: "LAST-ACK"; the same one again is not shown again. */
void ladder_peer_state(struct ladder *ladder, la_time time, const struct la_endpoint *local,
                       const struct la_endpoint *remote, const char *state);

/* A line of text between the rails, beside the left or the right one: "close()", "kernel: curl exits". */
void ladder_note(struct ladder *ladder, la_time time, enum ladder_side side, const char *text);

#endif
