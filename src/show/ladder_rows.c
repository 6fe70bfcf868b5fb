#include "ladder_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ladder_rows_add(void *context, const struct ladder_row *row)
{
    struct ladder_rows *rows = context;
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity > 0 ? rows->capacity * 2 : 64;
        struct ladder_row *more = realloc(rows->row, capacity * sizeof *more);
        if (more == NULL) {
            rows->is_broken = true;
            return;
        }
        rows->row = more;
        rows->capacity = capacity;
    }
    struct ladder_row *added = &rows->row[rows->count++];
    *added = *row;
    for (unsigned i = 0; i < added->notes; i++) {
        for (char *c = added->note[i]; *c != '\0'; c++)
            *c = *c == LADDER_MICRO ? 'u' : *c;
    }
}

void ladder_rows_free(struct ladder_rows *rows)
{
    free(rows->row);
    *rows = (struct ladder_rows){0};
}

void ladder_row_label(const struct ladder_row *row, char *text, size_t size)
{
    const char *again = row->again ? " (retransmission)" : row->looks_again ? " (again)" : "";
    bool fate = row->fate[0] != '\0';
    snprintf(text, size, "%s%s%s%s%s", row->label, again, fate ? " (" : "", row->fate, fate ? ")" : "");
}

void ladder_row_time(const struct ladder_row *row, char text[24])
{
    if (row->since < LA_SECOND)
        snprintf(text, 24, "%" PRIu64 ".%03" PRIu64 " ms", row->since / LA_MILLISECOND,
                 row->since % LA_MILLISECOND / LA_MICROSECOND);
    else
        snprintf(text, 24, "%" PRIu64 ".%03" PRIu64 " s", row->since / LA_SECOND,
                 row->since % LA_SECOND / LA_MILLISECOND);
}

/* ---- Mermaid ----------------------------------------------------------------------------------------------------- */

/* What would end a line of Mermaid, or begin something else, as its entity. */
static void write_mermaid(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == ';' || *text == '#' || *text == '"' || *text == '<' || *text == '>')
            fprintf(file, "#%d;", *text);
        else
            fputc(*text, file);
    }
}

static const char *const rails[] = {"L", "R"};

static void mermaid_row(FILE *file, const struct ladder_row *row)
{
    char time[24];
    ladder_row_time(row, time);
    if (row->arrow != ARROW_NONE) {
        char text[LADDER_TEXT * 3];
        ladder_row_label(row, text, sizeof text);
        const char *from = rails[row->arrow == ARROW_RIGHT ? LADDER_LEFT : LADDER_RIGHT];
        fprintf(file, "    %s%s%s: ", from, row->lost ? "-x" : "->>",
                rails[row->arrow == ARROW_RIGHT ? LADDER_RIGHT : LADDER_LEFT]);
        write_mermaid(file, text);
        fprintf(file, " [%s]\n", time);
    }
    if (row->arrival) {
        fprintf(file, "    Note over %s: ", rails[row->to]);
        write_mermaid(file, row->label);
        fprintf(file, " [%s]\n", time);
    }
    for (unsigned i = 0; i < row->notes; i++) {
        fprintf(file, "    Note over %s: ", rails[row->note_side[i]]);
        write_mermaid(file, row->note[i]);
        fprintf(file, " [%s]\n", time);
    }
    for (int side = LADDER_LEFT; side <= LADDER_RIGHT; side++) {
        if (row->state[side][0] != '\0')
            fprintf(file, "    Note %s of %s: %s\n", side == LADDER_LEFT ? "left" : "right", rails[side],
                    row->state[side]);
    }
}

bool ladder_mermaid(FILE *file, const struct ladder_rows *rows, const char *left, const char *right)
{
    fprintf(file, "sequenceDiagram\n    participant L as %s\n    participant R as %s\n", left, right);
    for (size_t i = 0; i < rows->count; i++)
        mermaid_row(file, &rows->row[i]);
    return !ferror(file) && !rows->is_broken;
}

/* ---- a picture --------------------------------------------------------------------------------------------------- */

enum { SVG_WIDTH = 1000, SVG_LEFT = 250, SVG_RIGHT = 850, SVG_ROW = 22, SVG_TOP = 60 };

static void write_xml(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", file); break;
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        default: fputc(*text, file); break;
        }
    }
}

static void svg_text(FILE *file, int x, int y, const char *anchor, const char *class, const char *text)
{
    fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
    write_xml(file, text);
    fputs("</text>\n", file);
}

static int row_lines(const struct ladder_row *row)
{
    int lines = (int)row->notes + (row->arrow != ARROW_NONE || row->arrival);
    return lines > 0 ? lines : 1;
}

static void svg_arrow(FILE *file, const struct ladder_row *row, int y)
{
    char text[LADDER_TEXT * 3];
    bool right = row->arrow == ARROW_RIGHT;
    int from = right ? SVG_LEFT : SVG_RIGHT;
    int to = right ? SVG_RIGHT : SVG_LEFT;
    if (row->lost)
        to = from + (to - from) * 3 / 4;
    const char *class = row->lost ? "lost" : row->again || row->looks_again ? "again" : "sent";
    fprintf(file, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"%s\" marker-end=\"url(#%s)\"/>\n", from, y + 4,
            to, y + 4, class, row->lost ? "cross" : "head");
    ladder_row_label(row, text, sizeof text);
    svg_text(file, (SVG_LEFT + SVG_RIGHT) / 2, y, "middle", class, text);
}

static int svg_row(FILE *file, const struct ladder_row *row, int y)
{
    char time[24];
    int line = y;
    ladder_row_time(row, time);
    svg_text(file, 90, y, "end", "time", time);
    svg_text(file, SVG_LEFT - 10, y, "end", "state", row->state[LADDER_LEFT]);
    svg_text(file, SVG_RIGHT + 10, y, "start", "state", row->state[LADDER_RIGHT]);
    if (row->arrow != ARROW_NONE) {
        svg_arrow(file, row, y);
        line += SVG_ROW;
    } else if (row->arrival) {
        bool left = row->to == LADDER_LEFT;
        svg_text(file, left ? SVG_LEFT + 10 : SVG_RIGHT - 10, y, left ? "start" : "end", "note", row->label);
        line += SVG_ROW;
    }
    for (unsigned i = 0; i < row->notes; i++, line += SVG_ROW) {
        bool left = row->note_side[i] == LADDER_LEFT;
        svg_text(file, left ? SVG_LEFT + 10 : SVG_RIGHT - 10, line, left ? "start" : "end", "note", row->note[i]);
    }
    return y + row_lines(row) * SVG_ROW;
}

bool ladder_svg(FILE *file, const struct ladder_rows *rows, const char *left, const char *right)
{
    int height = SVG_TOP + SVG_ROW;
    for (size_t i = 0; i < rows->count; i++)
        height += row_lines(&rows->row[i]) * SVG_ROW;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
            "<style>text{font:13px monospace;fill:#222}.time{fill:#777}.state,.name{font-weight:bold}.note{fill:#456}"
            ".lost{fill:#b22}.again{fill:#850}line{stroke:#222;stroke-width:1.2}line.lost{stroke:#b22}"
            "line.again{stroke:#850}line.rail{stroke:#999}</style>\n"
            "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
            "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker><marker id=\"cross\" viewBox=\"0 0 8 8\" refX=\"4\" "
            "refY=\"4\" markerWidth=\"10\" markerHeight=\"10\"><path d=\"M0 0L8 8M8 0L0 8\" stroke=\"#b22\"/></marker>"
            "</defs>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            SVG_WIDTH, height, SVG_WIDTH, height);
    for (int side = 0; side < 2; side++) {
        int x = side == 0 ? SVG_LEFT : SVG_RIGHT;
        svg_text(file, x, SVG_TOP - 30, "middle", "name", side == 0 ? left : right);
        fprintf(file, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"rail\"/>\n", x, SVG_TOP - 20, x,
                height - 10);
    }
    int y = SVG_TOP;
    for (size_t i = 0; i < rows->count; i++)
        y = svg_row(file, &rows->row[i], y);
    fputs("</svg>\n", file);
    return !ferror(file) && !rows->is_broken;
}
