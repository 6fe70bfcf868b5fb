#ifndef LAB_WORDS_H
#define LAB_WORDS_H

#include "scenario.h"

/* A line's words, and the names of the language: what the reader takes and the writer gives. */

enum { WORDS_A_LINE = 48 };

struct word {
    char text[SCENARIO_TEXT_BYTES]; /* without quotes, escapes resolved */
    uint32_t column;                /* from 1 */
    bool quoted;
};

struct words {
    uint32_t line;
    uint32_t count;
    uint32_t at; /* the next */
    struct word word[WORDS_A_LINE];
    uint32_t end_column;
    struct scenario_error *error;
};

/* Splits one line. False: said in error. A ':' and a ',' at a word's end are words of their own; # begins a comment. */
bool words_split(struct words *words, const char *line, size_t length);

/* Says what is wrong with the word before the next one, or that one is missing; always false. */
bool words_fail(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next word, which is taken if it is this one. */
bool words_skip(struct words *words, const char *text);

/* The next one; NULL if there is none, which is said: "TIME is missing". */
const struct word *words_next(struct words *words, const char *what);
bool words_end(struct words *words); /* false: something is left, said */

/* Each false with what is wrong. */
bool words_time(struct words *words, la_time *time);
bool words_number(struct words *words, const char *what, uint64_t most, uint64_t *number);

/* The next word is one of the names, of which there are count: its index. */
typedef const char *name_of(int index);
bool words_name(struct words *words, const char *what, name_of *name, int count, int *index);

/* "1.5s", "30ms", "200us", "40ns": 0 to a year. False if it is none of these. */
bool time_parse(const char *text, la_time *time);

/* The shortest such text. */
const char *time_write(la_time time, char text[32]);

const char *verb_name(int verb);
const char *predicate_name(int predicate);
const char *option_name(int option);
const char *kind_name(int kind);
const char *state_name(int state);
const char *end_name(int end);
const char *error_name(int number); /* 0 is "ok", 1 the first error */
const char *wait_name(int event);
const char *drop_name(int drop);
const char *counter_name(int counter);
const char *holding_name(int which);
const char *action_name(int action); /* of enum impair_action */

enum { VERB_COUNT = VERB_VANISH + 1, PREDICATE_COUNT = EXPECT_REFUSES + 1, OPTION_COUNT = 17, ERROR_COUNT = 17 };

#endif
