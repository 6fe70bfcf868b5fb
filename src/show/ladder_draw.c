/* How a row looks. */

#include "ladder_private.h"

#include <inttypes.h>
#include <string.h>

/* Columns: time, left state, rail, body, rail, right state. */
enum {
    TIME_COLUMNS = 12,
    STATE_COLUMNS = 13,
    RIGHT_COLUMNS = 15,
    OTHER_COLUMNS = TIME_COLUMNS + 2 + STATE_COLUMNS + 1 + 1 + 1 + 1 + RIGHT_COLUMNS
};

/* Characters of the body that are not ASCII stand as one octet each until they are written. */
enum { GLYPH_LINE = 1, GLYPH_LEFT, GLYPH_RIGHT, GLYPH_LOST, GLYPH_RAIL, GLYPH_MICRO = LADDER_MICRO, GLYPH_COUNT };

static const char *const utf8[GLYPH_COUNT] = {"", "─", "◀", "▶", "✗", "│", "µ"};
static const char *const ascii[GLYPH_COUNT] = {"", "-", "<", ">", "x", "|", "u"};

enum colour { PLAIN, FAINT, BOLD, RED, YELLOW };

static const char *const colour_codes[] = {"", "\033[2m", "\033[1m", "\033[31m", "\033[33m"};

static void write_glyphs(const struct ladder *ladder, FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < GLYPH_COUNT)
            fputs(ladder->options.ascii ? ascii[(int)*text] : utf8[(int)*text], file);
        else
            fputc(*text, file);
    }
}

static void write_colour(const struct ladder *ladder, FILE *file, enum colour colour, const char *text)
{
    bool on = ladder->options.colour && colour != PLAIN;
    if (on)
        fputs(colour_codes[colour], file);
    write_glyphs(ladder, file, text);
    if (on)
        fputs("\033[0m", file);
}

static size_t body_columns(const struct ladder *ladder)
{
    return ladder->options.width - OTHER_COLUMNS;
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

void ladder_time_text(const struct ladder *ladder, la_time time, char text[24])
{
    la_time since = time > ladder->origin ? time - ladder->origin : 0;
    if (since < LA_SECOND)
        snprintf(text, 24, "%" PRIu64 ".%03" PRIu64 " ms", since / LA_MILLISECOND,
                 since % LA_MILLISECOND / LA_MICROSECOND);
    else
        snprintf(text, 24, "%" PRIu64 ".%03" PRIu64 " s ", since / LA_SECOND, since % LA_SECOND / LA_MILLISECOND);
}

/* In units, cut to what is shown: a deadline is the first whole millisecond that is not too early, and a wait of 60 s
   not one of "60.001 s". */
static double thousandths(la_time duration, la_time unit)
{
    la_time cut = duration / (unit / 1000);
    return (double)cut / 1000;
}

void ladder_duration_text(la_time duration, char text[24])
{
    if (duration >= LA_SECOND)
        snprintf(text, 24, "%.6g s", thousandths(duration, LA_SECOND));
    else if (duration >= LA_MILLISECOND)
        snprintf(text, 24, "%.4g ms", thousandths(duration, LA_MILLISECOND));
    else
        snprintf(text, 24, "%" PRIu64 " %cs", duration / LA_MICROSECOND, GLYPH_MICRO);
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

/* The first length characters of the text, over what is there. */
static void place(char *body, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        body[i] = text[i];
}

/* label in the middle of from..to, with a blank on either side; what is there already stays beside it. */
static void centre(char *body, size_t from, size_t to, const char *label)
{
    size_t room = to - from;
    size_t length = strlen(label);
    if (length + 2 > room)
        length = room > 2 ? room - 2 : 0;
    size_t at = from + (room - length) / 2;
    if (length == 0)
        return;
    body[at - 1] = ' ';
    place(body + at, label, length);
    body[at + length] = ' ';
}

static void lost_arrow(char *body, size_t columns, const struct ladder_row *row, const char *label)
{
    size_t fate = strlen(row->fate);
    size_t line = columns - fate - 3; /* a blank before and behind the fate, and the mark itself */
    bool right = row->arrow == ARROW_RIGHT;
    size_t from = right ? 0 : columns - line;
    memset(body, ' ', columns);
    memset(body + from, GLYPH_LINE, line);
    body[right ? line : from - 1] = GLYPH_LOST;
    place(body + (right ? line + 2 : 1), row->fate, fate);
    centre(body, from, from + line, label);
}

static void whole_arrow(char *body, size_t columns, const struct ladder_row *row, const char *label)
{
    memset(body, GLYPH_LINE, columns);
    if (row->arrow == ARROW_RIGHT)
        body[columns - 1] = GLYPH_RIGHT;
    else
        body[0] = GLYPH_LEFT;
    centre(body, 1, columns - 1, label);
}

static void text_body(char *body, size_t columns, enum ladder_side side, const char *text)
{
    size_t length = strlen(text);
    if (length > columns - 2)
        length = columns - 2;
    memset(body, ' ', columns);
    place(body + (side == LADDER_LEFT ? 1 : columns - 1 - length), text, length);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

struct line {
    const char *time;
    const char *left;
    const char *body;
    const char *right;
    enum colour colour; /* of the body */
};

static void write_line(const struct ladder *ladder, FILE *file, const struct line *line)
{
    char text[64];
    snprintf(text, sizeof text, "%*s  ", TIME_COLUMNS, line->time);
    write_colour(ladder, file, FAINT, text);
    snprintf(text, sizeof text, "%*s", STATE_COLUMNS, line->left);
    write_colour(ladder, file, BOLD, text);
    snprintf(text, sizeof text, " %c", GLYPH_RAIL);
    write_glyphs(ladder, file, text);
    write_colour(ladder, file, line->colour, line->body);
    snprintf(text, sizeof text, "%c", GLYPH_RAIL);
    write_glyphs(ladder, file, text);
    if (line->right[0] != '\0') {
        fputc(' ', file);
        write_colour(ladder, file, line->right[0] == '(' ? PLAIN : BOLD, line->right);
    }
    fputc('\n', file);
}

static void write_legend(const struct ladder *ladder, FILE *file)
{
    char text[LADDER_COLUMNS + 1];
    snprintf(text, sizeof text, "%*s\n", (int)ladder->options.width, "(state): inferred  [state]: its kernel's");
    write_colour(ladder, file, FAINT, text);
}

static void write_header(struct ladder *ladder, struct ladder_connection *connection)
{
    char ends[2][ENDPOINT_TEXT_BYTES];
    char left[128];
    char right[126];
    FILE *file = connection->file;
    snprintf(left, sizeof left, "%s %s", ladder->options.left, endpoint_text(&connection->end[LADDER_LEFT], ends[0]));
    snprintf(right, sizeof right, "%s %s", ladder->options.right,
             endpoint_text(&connection->end[LADDER_RIGHT], ends[1]));
    int room = (int)ladder->options.width - TIME_COLUMNS - 2 - (int)strlen(left);
    if (ladder->current != NULL && !ladder->options.separate)
        fputc('\n', file);
    fprintf(file, "%*s  ", TIME_COLUMNS, "time");
    write_colour(ladder, file, BOLD, left);
    snprintf(left, sizeof left, "%*s", room, right);
    if (room <= (int)strlen(right))
        snprintf(left, sizeof left, "  %s", right);
    write_colour(ladder, file, BOLD, left);
    fputc('\n', file);
    if (!connection->both_traced && (!ladder->explained || ladder->options.separate))
        write_legend(ladder, file);
    ladder->explained = true;
    connection->time_shown[0] = '\0';
    connection->headed = true;
}

/* True if the label, what is said of it in parentheses, and the fate of a lost one leave room for an arrow. */
static bool fits(const struct ladder *ladder, const struct ladder_row *row, const char *label)
{
    size_t needed = strlen(label) + 6 + (row->lost ? strlen(row->fate) + 3 : 0);
    return needed <= body_columns(ladder);
}

/* The note of a row that did not fit its line comes first of all. */
static void note_first(struct ladder_row *row, enum ladder_side side, const char *text)
{
    if (row->notes == LADDER_NOTES)
        row->notes--;
    for (unsigned i = row->notes++; i > 0; i--) {
        row->note_side[i] = row->note_side[i - 1];
        memcpy(row->note[i], row->note[i - 1], sizeof row->note[i]);
    }
    row->note_side[0] = side;
    snprintf(row->note[0], sizeof row->note[0], "%s", text);
}

static void draw_arrow(const struct ladder *ladder, struct ladder_row *row, char *body)
{
    char label[LADDER_TEXT * 2 + 32];
    enum ladder_side from = row->arrow == ARROW_RIGHT ? LADDER_LEFT : LADDER_RIGHT;
    size_t columns = body_columns(ladder);
    const char *said = row->again ? " (retransmission)" : row->looks_again ? " (again)" : "";
    snprintf(label, sizeof label, "%s%s", row->label, said);
    if (row->lost) {
        if (!fits(ladder, row, label) && strcmp(row->fate, "lost") != 0) {
            note_first(row, from, row->fate);
            snprintf(row->fate, sizeof row->fate, "lost");
        }
        lost_arrow(body, columns, row, label);
        return;
    }
    if (row->fate[0] != '\0') {
        snprintf(label, sizeof label, "%s%s (%s)", row->label, said, row->fate);
        if (!fits(ladder, row, label)) {
            note_first(row, from, row->fate);
            snprintf(label, sizeof label, "%s%s", row->label, said);
        }
    }
    whole_arrow(body, columns, row, label);
}

static void draw_main_line(struct ladder *ladder, struct ladder_connection *connection, const char *time, char *body)
{
    struct ladder_row *row = &connection->row;
    struct line line = {time, row->state[LADDER_LEFT], body, row->state[LADDER_RIGHT], PLAIN};
    unsigned first_note = 0;
    if (row->arrow != ARROW_NONE) {
        draw_arrow(ladder, row, body);
        line.colour = row->lost ? RED : row->again || row->looks_again ? YELLOW : PLAIN;
    } else if (row->arrival) {
        text_body(body, body_columns(ladder), row->to, row->label);
    } else if (row->notes > 0) {
        text_body(body, body_columns(ladder), row->note_side[0], row->note[0]);
        first_note = 1;
    }
    write_line(ladder, connection->file, &line);
    line = (struct line){"", "", body, "", PLAIN};
    for (unsigned i = first_note; i < row->notes; i++) {
        text_body(body, body_columns(ladder), row->note_side[i], row->note[i]);
        write_line(ladder, connection->file, &line);
    }
}

void ladder_draw(struct ladder *ladder, struct ladder_connection *connection)
{
    struct ladder_row *row = &connection->row;
    bool says_nothing =
        row->arrival && row->notes == 0 && row->state[LADDER_LEFT][0] == '\0' && row->state[LADDER_RIGHT][0] == '\0';
    row->since = row->time > ladder->origin ? row->time - ladder->origin : 0;
    if (row->used && !says_nothing && ladder->options.row != NULL) {
        ladder->options.row(ladder->options.context, row);
    } else if (row->used && !says_nothing) {
        char body[LADDER_COLUMNS + 1];
        char time[24];
        memset(body, ' ', sizeof body - 1);
        body[body_columns(ladder)] = '\0';
        if (!connection->headed || (!ladder->options.separate && ladder->current != connection))
            write_header(ladder, connection);
        ladder->current = connection;
        ladder_time_text(ladder, row->time, time);
        bool shown = strcmp(time, connection->time_shown) == 0;
        draw_main_line(ladder, connection, shown ? "" : time, body);
        memcpy(connection->time_shown, time, sizeof time);
    }
    memset(row, 0, sizeof *row);
}
