#ifndef DRILL_PARSE_PRIVATE_H
#define DRILL_PARSE_PRIVATE_H

#include "lexer.h"

/* What the parser's files share: one token is looked at, and says what comes. */
struct parser {
    struct lexer lexer;
    struct lexer before; /* as it was before the token */
    struct token token;
    const struct dialect *dialect;
    struct script *script;
    struct problem *problem;
};

/* Goes to the next token. */
void parser_next(struct parser *parser);

/* "expected WHAT, found 'word'", where the token is. Answers false. */
bool parser_expected(struct parser *parser, const char *what);

/* Takes the mark, or says that WHAT was expected. */
bool parser_take_mark(struct parser *parser, char mark, const char *what);
/* The same for a word. */
bool parser_take_word(struct parser *parser, const char *word);
/* An integer from minimum to maximum. */
bool parser_take_integer(struct parser *parser, int64_t minimum, int64_t maximum, const char *what, int64_t *value);

/* The token's text, kept in the script. */
char *parser_text(struct parser *parser);

/* From the token that is < or >. */
struct packet *parse_packet(struct parser *parser);

/* From the token that is the call's name. */
bool parse_call(struct parser *parser, struct call *call);

#endif
