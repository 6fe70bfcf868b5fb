#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "parse_private.h"
#include "symbols.h"

/* A call's line: name(arguments) = result ERRNO (what the errno means). */

enum { DEPTH_MAX = 8 };

static struct value *take_value(struct parser *parser, unsigned depth);

static struct value *new_value(struct parser *parser, enum value_kind kind)
{
    struct value *value = arena_take(&parser->script->arena, sizeof *value);
    value->kind = kind;
    value->place = parser->token.place;
    return value;
}

static struct value *expected(struct parser *parser, const char *what)
{
    parser_expected(parser, what);
    return NULL;
}

/* ---- single values ---- */

static struct value *take_string(struct parser *parser)
{
    struct value *value = new_value(parser, VALUE_STRING);
    char *text = arena_take(&parser->script->arena, 1);
    size_t length = 0;
    while (parser->token.kind == TOKEN_STRING) {
        text = arena_format(&parser->script->arena, "%s%.*s", text, (int)parser->token.length, parser->token.text);
        length += parser->token.length;
        parser_next(parser);
    }
    value->text = text;
    value->length = length;
    return value;
}

/* htons(8080), inet_addr("192.168.0.1"), inet6_addr("2001:db8::1"). */
static struct value *take_function(struct parser *parser, const struct token *name)
{
    struct value *value = new_value(parser, VALUE_ADDRESS);
    parser_next(parser);
    if (token_is(name, "htons")) {
        value->kind = VALUE_INTEGER;
        value->text = "htons";
        if (!parser_take_integer(parser, 0, UINT16_MAX, "a port", &value->integer))
            return NULL;
    } else {
        if (parser->token.kind != TOKEN_STRING)
            return expected(parser, "an address in quotes");
        if (la_address_parse(parser_text(parser), &value->address) != LA_OK)
            return expected(parser, "an IP address");
        parser_next(parser);
    }
    return parser_take_mark(parser, ')', ")") ? value : NULL;
}

static struct value *take_symbol(struct parser *parser)
{
    struct token name = parser->token;
    struct value *value = new_value(parser, VALUE_INTEGER);
    char *text = parser_text(parser);
    parser_next(parser);
    bool is_function = token_is(&name, "htons") || token_is(&name, "inet_addr") || token_is(&name, "inet6_addr");
    if (is_function && token_is_mark(&parser->token, '('))
        return take_function(parser, &name);
    value->text = text;
    if (symbol_value(text, &value->integer))
        return value;
    problem_at(parser->problem, name.place, "there is no constant '%.60s'", text);
    return NULL;
}

/* Numbers and constants, or-ed. */
static struct value *take_number(struct parser *parser)
{
    struct value *value = NULL;
    if (parser->token.kind == TOKEN_INTEGER) {
        value = new_value(parser, VALUE_INTEGER);
        value->integer = parser->token.integer;
        value->text = parser_text(parser);
        parser_next(parser);
    } else {
        value = take_symbol(parser);
    }
    if (value == NULL || value->kind != VALUE_INTEGER)
        return value;
    while (token_is_mark(&parser->token, '|')) {
        parser_next(parser);
        if (parser->token.kind != TOKEN_INTEGER && parser->token.kind != TOKEN_WORD)
            return expected(parser, "a number or a constant's name after |");
        struct value *more = new_value(parser, VALUE_INTEGER);
        if (parser->token.kind == TOKEN_WORD) {
            more = take_symbol(parser);
        } else {
            more->integer = parser->token.integer;
            more->text = parser_text(parser);
            parser_next(parser);
        }
        if (more == NULL || more->kind != VALUE_INTEGER)
            return more == NULL ? NULL : expected(parser, "a number after |");
        value->integer |= more->integer;
        value->text = arena_format(&parser->script->arena, "%s|%s", value->text, more->text);
    }
    return value;
}

/* ---- lists and structs ---- */

/* Lists are made of lists, at most DEPTH_MAX deep. NOLINTBEGIN(misc-no-recursion) */

/* Values up to the closing mark. */
static struct value *take_items(struct parser *parser, struct value *list, char closing, unsigned depth)
{
    struct value **tail = &list->items;
    if (token_is_mark(&parser->token, closing)) {
        parser_next(parser);
        return list;
    }
    for (;;) {
        struct value *item = take_value(parser, depth + 1);
        if (item == NULL)
            return NULL;
        *tail = item;
        tail = &item->next;
        list->count++;
        if (!token_is_mark(&parser->token, ','))
            break;
        parser_next(parser);
    }
    return parser_take_mark(parser, closing, closing == ']' ? ", or ]" : ", or }") ? list : NULL;
}

/* name=value, name(argument)=value. */
static struct value *take_member(struct parser *parser, unsigned depth)
{
    struct place place = parser->token.place;
    struct value *argument = NULL;
    if (parser->token.kind != TOKEN_WORD)
        return expected(parser, "a member's name");
    char *name = parser_text(parser);
    parser_next(parser);
    if (token_is_mark(&parser->token, '(')) {
        parser_next(parser);
        argument = take_value(parser, depth + 1);
        if (argument == NULL || !parser_take_mark(parser, ')', ")"))
            return NULL;
    }
    if (!parser_take_mark(parser, '=', "="))
        return NULL;
    struct value *value = take_value(parser, depth + 1);
    if (value == NULL)
        return NULL;
    value->name = name;
    value->argument = argument;
    value->place = place;
    return value;
}

/* {a, b} or {name=a}: the first word, and what follows it, says which. */
static struct value *take_braces(struct parser *parser, unsigned depth)
{
    struct value *value = new_value(parser, VALUE_TUPLE);
    parser_next(parser);
    struct lexer ahead = parser->lexer;
    struct token second = lexer_next(&ahead);
    bool has_members = parser->token.kind == TOKEN_WORD && (token_is_mark(&second, '=') || token_is_mark(&second, '('));
    if (!has_members)
        return take_items(parser, value, '}', depth);
    value->kind = VALUE_STRUCT;
    struct value **tail = &value->items;
    for (;;) {
        struct value *member = take_member(parser, depth);
        if (member == NULL)
            return NULL;
        *tail = member;
        tail = &member->next;
        value->count++;
        if (!token_is_mark(&parser->token, ','))
            break;
        parser_next(parser);
    }
    return parser_take_mark(parser, '}', ", or }") ? value : NULL;
}

static struct value *take_value(struct parser *parser, unsigned depth)
{
    struct value *value = NULL;
    if (depth > DEPTH_MAX)
        return expected(parser, "an argument that is not nested that deep");
    if (parser->token.kind == TOKEN_ELLIPSIS) {
        value = new_value(parser, VALUE_ANY);
        parser_next(parser);
        return value;
    }
    if (parser->token.kind == TOKEN_STRING)
        return take_string(parser);
    if (parser->token.kind == TOKEN_INTEGER || parser->token.kind == TOKEN_WORD)
        return take_number(parser);
    if (token_is_mark(&parser->token, '[')) {
        value = new_value(parser, VALUE_LIST);
        parser_next(parser);
        return take_items(parser, value, ']', depth);
    }
    if (token_is_mark(&parser->token, '{'))
        return take_braces(parser, depth);
    return expected(parser, "an argument");
}

/* NOLINTEND(misc-no-recursion) */

/* ---- the line ---- */

static bool unknown_call(struct parser *parser, const char *name)
{
    char *names = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&names, &size);
    if (out != NULL) {
        call_kind_names(out);
        fclose(out);
    }
    if (call_kind_is_foreign(name))
        problem_at(parser->problem, parser->token.place, "lastack's sockets have no %s; there are %s", name,
                   names != NULL ? names : "others");
    else
        problem_at(parser->problem, parser->token.place, "there is no call '%.60s'; there are %s", name,
                   names != NULL ? names : "others");
    free(names);
    return false;
}

static bool take_arguments(struct parser *parser, struct call *call)
{
    struct value **tail = &call->arguments;
    if (!parser_take_mark(parser, '(', "("))
        return false;
    while (!token_is_mark(&parser->token, ')')) {
        if (call->count > 0 && !parser_take_mark(parser, ',', ", or )"))
            return false;
        struct value *value = take_value(parser, 0);
        if (value == NULL)
            return false;
        *tail = value;
        tail = &value->next;
        call->count++;
    }
    parser_next(parser);
    return true;
}

/* "(Connection refused)": words for the reader. */
static bool skip_note(struct parser *parser)
{
    if (!token_is_mark(&parser->token, '('))
        return true;
    do
        parser_next(parser);
    while (!token_is_mark(&parser->token, ')') && parser->token.kind != TOKEN_END &&
           parser->token.kind != TOKEN_BROKEN && !token_is_mark(&parser->token, '('));
    return parser_take_mark(parser, ')', ")");
}

/* What stands from begin to before end, in one line. */
static char *source_text(struct parser *parser, const char *begin, const char *end)
{
    char *text = arena_take(&parser->script->arena, (size_t)(end - begin) + 1);
    size_t length = 0;
    for (const char *c = begin; c < end; c++) {
        bool is_blank = strchr(" \t\r\n", *c) != NULL;
        if (!is_blank)
            text[length++] = *c;
        else if (length > 0 && text[length - 1] != ' ')
            text[length++] = ' ';
    }
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    return text;
}

bool parse_call(struct parser *parser, struct call *call)
{
    const char *begin = parser->before.at;
    call->place = parser->token.place;
    call->name = parser_text(parser);
    call->kind = call_kind_find(call->name);
    if (call->kind == NULL)
        return unknown_call(parser, call->name);
    parser_next(parser);
    if (!take_arguments(parser, call))
        return false;
    call->text = source_text(parser, begin, parser->before.at);
    if (!parser_take_mark(parser, '=', "= and the result"))
        return false;
    if (parser->token.kind != TOKEN_INTEGER && parser->token.kind != TOKEN_WORD)
        return parser_expected(parser, "the call's result");
    call->result = take_number(parser);
    if (call->result == NULL)
        return false;
    if (parser->token.kind == TOKEN_WORD) {
        call->error_name = parser_text(parser);
        call->error = errno_number(call->error_name);
        if (call->error == 0)
            return parser_expected(parser, "an errno's name, or the next event's time");
        if (call->result->integer != -1)
            return parser_expected(parser, "no errno, since the result is not -1,");
        parser_next(parser);
    }
    return skip_note(parser) && call_check(call, parser->problem);
}
