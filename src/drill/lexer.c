#include "lexer.h"

#include <string.h>

void lexer_begin(struct lexer *lexer, const char *text, size_t length)
{
    *lexer = (struct lexer){.at = text, .end = text + length, .line_start = text, .line = 1};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char ahead(const struct lexer *lexer, size_t distance)
{
    return (size_t)(lexer->end - lexer->at) > distance ? lexer->at[distance] : '\0';
}

static bool looking_at(const struct lexer *lexer, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(lexer->end - lexer->at) >= length && memcmp(lexer->at, text, length) == 0;
}

static void advance(struct lexer *lexer, size_t distance)
{
    while (distance-- > 0 && lexer->at < lexer->end) {
        if (*lexer->at++ == '\n') {
            lexer->line++;
            lexer->line_start = lexer->at;
        }
    }
}

/* To the closing text, and over it. False at the end of the script. */
static bool advance_over(struct lexer *lexer, const char *closing)
{
    while (lexer->at < lexer->end) {
        if (looking_at(lexer, closing)) {
            advance(lexer, strlen(closing));
            return true;
        }
        advance(lexer, 1);
    }
    return false;
}

static struct place place_of(const struct lexer *lexer)
{
    return (struct place){lexer->line, (unsigned)(lexer->at - lexer->line_start) + 1};
}

/* What follows is read here, and is a comment to packetdrill, which knows no options of lastack's. */
#define FOR_LASTACK "// lastack:"

/* White space and comments. False, with the comment's begin in token, if a comment does not end. */
static bool skip_blank(struct lexer *lexer, struct token *token)
{
    while (lexer->at < lexer->end) {
        char c = *lexer->at;
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            advance(lexer, 1);
        } else if (looking_at(lexer, FOR_LASTACK)) {
            advance(lexer, strlen(FOR_LASTACK));
        } else if (c == '#' || looking_at(lexer, "//")) {
            while (lexer->at < lexer->end && *lexer->at != '\n')
                advance(lexer, 1);
        } else if (looking_at(lexer, "/*")) {
            token->place = place_of(lexer);
            token->text = lexer->at;
            token->length = 2;
            advance(lexer, 2);
            if (!advance_over(lexer, "*/"))
                return false;
        } else {
            return true;
        }
    }
    return true;
}

static struct token broken(struct token token, const char *wrong)
{
    token.kind = TOKEN_BROKEN;
    token.wrong = wrong;
    return token;
}

/* From a quote to the same one; a backslash takes the next character's meaning away. */
static struct token quoted(struct lexer *lexer, struct token token, enum token_kind kind)
{
    char quote = *lexer->at;
    token.length = 1;
    advance(lexer, 1);
    const char *begin = lexer->at;
    while (lexer->at < lexer->end && *lexer->at != quote)
        advance(lexer, *lexer->at == '\\' ? 2 : 1);
    if (lexer->at >= lexer->end)
        return broken(token, "what is quoted here does not end");
    token.kind = kind;
    token.text = begin;
    token.length = (size_t)(lexer->at - begin);
    advance(lexer, 1);
    return token;
}

static struct token code(struct lexer *lexer, struct token token)
{
    token.length = 2;
    advance(lexer, 2);
    const char *begin = lexer->at;
    if (!advance_over(lexer, "}%"))
        return broken(token, "code does not end: }% is missing");
    token.kind = TOKEN_CODE;
    token.text = begin;
    token.length = (size_t)(lexer->at - begin) - 2;
    return token;
}

/* "--name" or "--name=value"; quotes in the value may hold white space. */
static struct token option(struct lexer *lexer, struct token token)
{
    const char *begin = lexer->at;
    while (lexer->at < lexer->end && !strchr(" \t\r\n", *lexer->at)) {
        char quote = *lexer->at;
        advance(lexer, 1);
        if (quote != '"' && quote != '`')
            continue;
        while (lexer->at < lexer->end && *lexer->at != quote)
            advance(lexer, 1);
        if (lexer->at >= lexer->end)
            return broken(token, "what is quoted here does not end");
        advance(lexer, 1);
    }
    token.kind = TOKEN_OPTION;
    token.text = begin;
    token.length = (size_t)(lexer->at - begin);
    return token;
}

static struct token hexadecimal(struct token token)
{
    uint64_t value = 0;
    for (size_t i = 2; i < token.length; i++) {
        char c = token.text[i];
        unsigned digit = is_digit(c) ? (unsigned)(c - '0') : ((unsigned)c | 0x20U) - 'a' + 10U;
        if (value > UINT64_MAX >> 5)
            return broken(token, "a number that large has no place here");
        value = value << 4 | digit;
    }
    token.kind = TOKEN_INTEGER;
    token.integer = (int64_t)value;
    token.is_hex = true;
    return token;
}

static struct token decimal(struct token token)
{
    int64_t value = 0;
    bool is_negative = token.text[0] == '-';
    for (size_t i = is_negative ? 1 : 0; i < token.length; i++) {
        if (value > INT64_MAX / 10 - 1)
            return broken(token, "a number that large has no place here");
        value = value * 10 + (token.text[i] - '0');
    }
    token.kind = TOKEN_INTEGER;
    token.integer = is_negative ? -value : value;
    return token;
}

static bool is_hexadecimal(const struct token *token)
{
    if (token->length < 3 || token->text[0] != '0' || token->text[1] != 'x')
        return false;
    for (size_t i = 2; i < token->length; i++)
        if (!strchr("0123456789abcdefABCDEF", token->text[i]))
            return false;
    return true;
}

/* A number or a word: whatever its characters make of it. "-" stands at a number's head only. */
static struct token word_or_number(struct lexer *lexer, struct token token)
{
    size_t length = *lexer->at == '-' ? 1 : 0;
    size_t digits = length;
    while (is_digit(ahead(lexer, digits)))
        digits++;
    if (ahead(lexer, digits) == '.' && is_digit(ahead(lexer, digits + 1))) {
        digits++;
        while (is_digit(ahead(lexer, digits)))
            digits++;
        token.kind = TOKEN_DECIMAL;
        token.length = digits;
        advance(lexer, digits);
        return token;
    }
    while (is_word(ahead(lexer, length)))
        length++;
    token.length = length;
    advance(lexer, length);
    if (is_hexadecimal(&token))
        return hexadecimal(token);
    if (length == digits)
        return decimal(token);
    token.kind = TOKEN_WORD;
    return token;
}

static struct token mark(struct lexer *lexer, struct token token)
{
    token.kind = TOKEN_MARK;
    token.length = 1;
    token.integer = (unsigned char)*lexer->at;
    advance(lexer, 1);
    return token;
}

struct token lexer_next(struct lexer *lexer)
{
    struct token token = {.kind = TOKEN_END};
    if (!skip_blank(lexer, &token))
        return broken(token, "a comment does not end: */ is missing");
    token = (struct token){.kind = TOKEN_END, .place = place_of(lexer), .text = lexer->at};
    if (lexer->at >= lexer->end)
        return token;
    char c = *lexer->at;
    if (looking_at(lexer, "...")) {
        token.kind = TOKEN_ELLIPSIS;
        token.length = 3;
        advance(lexer, 3);
        return token;
    }
    if (c == '"')
        return quoted(lexer, token, TOKEN_STRING);
    if (c == '`')
        return quoted(lexer, token, TOKEN_COMMAND);
    if (looking_at(lexer, "%{"))
        return code(lexer, token);
    if (c == '-' && ahead(lexer, 1) == '-' && is_word(ahead(lexer, 2)))
        return option(lexer, token);
    bool begins_number =
        (c == '-' && (is_digit(ahead(lexer, 1)) || ahead(lexer, 1) == '.')) || (c == '.' && is_digit(ahead(lexer, 1)));
    if (is_word(c) || begins_number)
        return word_or_number(lexer, token);
    return mark(lexer, token);
}

struct token lexer_flags(struct lexer *lexer)
{
    struct token token = {.kind = TOKEN_END};
    if (!skip_blank(lexer, &token))
        return broken(token, "a comment does not end: */ is missing");
    token = (struct token){.kind = TOKEN_END, .place = place_of(lexer), .text = lexer->at};
    while (lexer->at < lexer->end && !strchr(" \t\r\n<", *lexer->at))
        advance(lexer, 1);
    token.length = (size_t)(lexer->at - token.text);
    token.kind = token.length > 0 ? TOKEN_WORD : TOKEN_END;
    return token;
}

bool token_nanoseconds(const struct token *token, int64_t *nanoseconds)
{
    const int64_t second = 1000000000;
    const int64_t seconds_max = 1000000000; /* 31 years: room enough for the sum of many */
    int64_t whole = 0;
    size_t i = 0;
    if (token->length == 0 || token->text[0] == '-' || token->is_hex)
        return false;
    for (; i < token->length && token->text[i] != '.'; i++) {
        whole = whole * 10 + (token->text[i] - '0');
        if (whole > seconds_max)
            return false;
    }
    int64_t part = 0;
    int64_t unit = second;
    for (i++; i < token->length && unit > 1; i++) {
        unit /= 10;
        part += (token->text[i] - '0') * unit;
    }
    *nanoseconds = whole * second + part;
    return true;
}

bool token_is(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->length == strlen(word) && memcmp(token->text, word, token->length) == 0;
}

bool token_is_mark(const struct token *token, char mark)
{
    return token->kind == TOKEN_MARK && token->integer == mark;
}
