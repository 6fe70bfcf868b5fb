#ifndef SHOW_LADDER_ROW_H
#define SHOW_LADDER_ROW_H

#include "ladder.h"

/* One row of a ladder, as data: the text, Mermaid and SVG are written of the same. */

enum { LADDER_NOTES = 4, LADDER_TEXT = 160, LADDER_STATE = 32 };

/* Stands for the sign for micro in a note, until it is written. */
#define LADDER_MICRO 6

enum row_arrow { ARROW_NONE, ARROW_RIGHT, ARROW_LEFT };

struct ladder_row {
    bool used;
    bool arrival; /* no arrow: a segment drawn before arrives. Written only if that changed something */
    la_time time;
    la_time since; /* the ladder began; set when the row is written */
    /* Stands for the sign for micro in a note, until it is written. */
#define LADDER_MICRO 6

    enum row_arrow arrow;
    enum ladder_side to; /* arrow, arrival: whom it reaches */
    bool lost;
    bool again;       /* a retransmission: its sender says so */
    bool looks_again; /* the same text, SYN or FIN was seen before */
    uint32_t sequence;
    uint32_t acknowledgment;
    uint32_t length;
    uint8_t flags;
    char state[2][LADDER_STATE]; /* by enum ladder_side; empty: unchanged */
    char label[LADDER_TEXT];
    char fate[LADDER_TEXT];
    unsigned notes;
    enum ladder_side note_side[LADDER_NOTES];
    char note[LADDER_NOTES][LADDER_TEXT];
};

/* The rows of one ladder, in their order. */
struct ladder_rows {
    size_t count;
    size_t capacity;
    struct ladder_row *row;
    bool is_broken; /* memory was short: rows are missing */
};

/* For ladder_options.row, with a struct ladder_rows as its context. */
void ladder_rows_add(void *context, const struct ladder_row *row);
void ladder_rows_free(struct ladder_rows *rows);

/* "FIN,ACK seq=1 ack=1 (retransmission) (lost, by out:fin)": all that stands at an arrow. */
void ladder_row_label(const struct ladder_row *row, char *text, size_t size);

/* "1.204 s", "0.250 ms": since the ladder began. */
void ladder_row_time(const struct ladder_row *row, char text[24]);

/* The rows as a sequence diagram of Mermaid, and as a picture. left and right name the ends. False if not all could be
   written. */
bool ladder_mermaid(FILE *file, const struct ladder_rows *rows, const char *left, const char *right);
bool ladder_svg(FILE *file, const struct ladder_rows *rows, const char *left, const char *right);

/* Two ladders beside each other in so many columns (at least 80), marked where they part; titles stand above. False if
   not all could be written. */
bool ladder_twins(FILE *file, const struct ladder_rows rows[2], const char *const titles[2], unsigned columns,
                  bool ascii);

#endif
