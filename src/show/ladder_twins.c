/* Two ladders beside each other: narrow, one line a segment, a state or a note. */

#include "ladder_row.h"

#include <string.h>

enum { TWIN_LINES = 8, TWIN_COLUMNS = 200, TIME_COLUMNS = 11 };

/* One row as the few lines of a narrow column. */
struct block {
    unsigned lines;
    char line[TWIN_LINES][LADDER_TEXT * 3];
};

static void add(struct block *block, const char *prefix, const char *text)
{
    if (block->lines < TWIN_LINES)
        snprintf(block->line[block->lines++], sizeof block->line[0], "%s%s", prefix, text);
}

static struct block block_of(const struct ladder_row *row, bool ascii)
{
    static const char *const arrows[2][2][2] = {{{"\u25b6 ", "\u2717\u25b7 "}, {"\u25c0 ", "\u2717\u25c1 "}},
                                                {{"> ", "x> "}, {"< ", "x< "}}};
    struct block block = {0};
    if (row->arrow != ARROW_NONE) {
        char text[LADDER_TEXT * 3];
        ladder_row_label(row, text, sizeof text);
        add(&block, arrows[ascii][row->arrow == ARROW_LEFT][row->lost], text);
    } else if (row->arrival) {
        add(&block, "", row->label);
    }
    for (unsigned i = 0; i < row->notes; i++)
        add(&block, row->note_side[i] == LADDER_LEFT ? "L " : "R ", row->note[i]);
    if (row->state[LADDER_LEFT][0] != '\0')
        add(&block, "L = ", row->state[LADDER_LEFT]);
    if (row->state[LADDER_RIGHT][0] != '\0')
        add(&block, "R = ", row->state[LADDER_RIGHT]);
    return block;
}

static bool same_row(const struct ladder_row *a, const struct ladder_row *b)
{
    struct block first = block_of(a, true);
    struct block second = block_of(b, true);
    bool same = a->since == b->since && first.lines == second.lines;
    for (unsigned i = 0; i < first.lines && same; i++)
        same = strcmp(first.line[i], second.line[i]) == 0;
    return same;
}

/* Columns of a text of UTF-8, each character one. */
static size_t columns_of(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

/* The text in exactly so many columns. */
static void write_cell(FILE *file, const char *text, size_t columns, bool ascii)
{
    size_t length = columns_of(text);
    size_t shown = length > columns ? columns - 1 : length;
    for (size_t i = 0; i < shown; i++) {
        fputc(*text, file);
        for (text++; ((unsigned char)*text & 0xc0) == 0x80; text++)
            fputc(*text, file);
    }
    if (length > columns)
        fputs(ascii ? "~" : "\u2026", file);
    for (size_t i = length; i < columns; i++)
        fputc(' ', file);
}

static void write_pair(FILE *file, const struct ladder_rows rows[2], size_t index, size_t columns, bool ascii,
                       const char *gutter)
{
    struct block block[2] = {{0}};
    char time[2][24] = {"", ""};
    for (int i = 0; i < 2; i++) {
        if (index >= rows[i].count)
            continue;
        block[i] = block_of(&rows[i].row[index], ascii);
        ladder_row_time(&rows[i].row[index], time[i]);
    }
    unsigned lines = block[0].lines > block[1].lines ? block[0].lines : block[1].lines;
    for (unsigned line = 0; line < lines; line++) {
        for (int i = 0; i < 2; i++) {
            fprintf(file, "%*s ", TIME_COLUMNS, line == 0 ? time[i] : "");
            write_cell(file, line < block[i].lines ? block[i].line[line] : "", columns - TIME_COLUMNS - 1, ascii);
            if (i == 0)
                fprintf(file, " %s ", line == 0 ? gutter : ascii ? "|" : "\u2502");
        }
        fputc('\n', file);
    }
}

bool ladder_twins(FILE *file, const struct ladder_rows rows[2], const char *const titles[2], unsigned columns,
                  bool ascii)
{
    size_t half = ((columns < TWIN_COLUMNS ? columns : TWIN_COLUMNS) - 3) / 2;
    size_t count = rows[0].count > rows[1].count ? rows[0].count : rows[1].count;
    const char *rail = ascii ? "|" : "\u2502";
    bool parted = false;
    write_cell(file, titles[0], half, ascii);
    fprintf(file, " %s ", rail);
    write_cell(file, titles[1], half, ascii);
    fputc('\n', file);
    for (size_t i = 0; i < count; i++) {
        bool both = i < rows[0].count && i < rows[1].count;
        bool parts = !parted && !(both && same_row(&rows[0].row[i], &rows[1].row[i]));
        if (parts)
            fprintf(file, "%*s%s\n", (int)(half > 12 ? half - 12 : 0), "",
                    ascii ? "---- here they part ----"
                          : "\u2500\u2500\u2500\u2500 here they part \u2500\u2500\u2500\u2500");
        parted = parted || parts;
        write_pair(file, rows, i, half, ascii, parts ? (ascii ? "#" : "\u2260") : rail);
    }
    if (!parted)
        fputs("They do not part.\n", file);
    return !ferror(file) && !rows[0].is_broken && !rows[1].is_broken;
}
