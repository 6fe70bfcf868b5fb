#ifndef DRILL_LEXER_H
#define DRILL_LEXER_H

#include "script.h"

/* The script's text in words. */

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,     /* connect, SO_REUSEADDR, 12ab */
    TOKEN_INTEGER,  /* 12, -1, 0x1f */
    TOKEN_DECIMAL,  /* .5, 0.25 */
    TOKEN_STRING,   /* "..." */
    TOKEN_COMMAND,  /* `...` */
    TOKEN_CODE,     /* %{ ... }% */
    TOKEN_OPTION,   /* --name, --name=value */
    TOKEN_ELLIPSIS, /* ... */
    TOKEN_MARK,     /* any other single character */
    TOKEN_BROKEN    /* a string, comment, command or code that does not end; a number too large */
};

struct token {
    enum token_kind kind;
    struct place place;
    const char *text; /* in the script; without the delimiters of strings, commands and code */
    size_t length;
    int64_t integer;   /* TOKEN_INTEGER; TOKEN_MARK: the character */
    bool is_hex;       /* TOKEN_INTEGER */
    const char *wrong; /* TOKEN_BROKEN: why */
};

struct lexer {
    const char *at;
    const char *end;
    const char *line_start;
    unsigned line;
};

void lexer_begin(struct lexer *lexer, const char *text, size_t length);

/* The next token, behind which the lexer then stands. */
struct token lexer_next(struct lexer *lexer);

/* The characters up to the next white space or '<' as one TOKEN_WORD: a segment's flags ("S.", "P.5", "-"). */
struct token lexer_flags(struct lexer *lexer);

/* A TOKEN_INTEGER or TOKEN_DECIMAL of seconds in nanoseconds, exactly; false if it does not fit or is negative. */
bool token_nanoseconds(const struct token *token, int64_t *nanoseconds);

bool token_is(const struct token *token, const char *word);
bool token_is_mark(const struct token *token, char mark);

#endif
