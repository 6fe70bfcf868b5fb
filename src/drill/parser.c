#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "expression.h"
#include "parse_private.h"

/* A script as a whole: options, events, their times. */

bool problem_at(struct problem *problem, struct place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    problem->place = place;
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- tokens ---- */

static const char *definition_of(const struct parser *parser)
{
    const struct definition *definition = parser->dialect != NULL ? parser->dialect->definitions : NULL;
    for (; definition != NULL; definition = definition->next)
        if (token_is(&parser->token, definition->name))
            return definition->value;
    return NULL;
}

/* What --define says for a word is read in its place: a string, a command, a number or another word. */
static void substitute(struct token *token, const char *value)
{
    size_t length = strlen(value);
    bool is_quoted = length >= 2 && (value[0] == '"' || value[0] == '`') && value[length - 1] == value[0];
    char *end = NULL;
    token->text = value + (is_quoted ? 1 : 0);
    token->length = length - (is_quoted ? 2 : 0);
    if (is_quoted) {
        token->kind = value[0] == '"' ? TOKEN_STRING : TOKEN_COMMAND;
        return;
    }
    long long integer = strtoll(value, &end, 0);
    if (length > 0 && *end == '\0') {
        token->kind = TOKEN_INTEGER;
        token->integer = integer;
        token->is_hex = strncmp(value, "0x", 2) == 0;
    }
}

void parser_next(struct parser *parser)
{
    parser->before = parser->lexer;
    parser->token = lexer_next(&parser->lexer);
    const char *value = parser->token.kind == TOKEN_WORD ? definition_of(parser) : NULL;
    if (value != NULL)
        substitute(&parser->token, value);
}

bool parser_expected(struct parser *parser, const char *what)
{
    const struct token *token = &parser->token;
    int length = token->length < 60 ? (int)token->length : 60;
    if (token->kind == TOKEN_BROKEN)
        return problem_at(parser->problem, token->place, "%s", token->wrong);
    if (token->kind == TOKEN_END)
        return problem_at(parser->problem, token->place, "expected %s, found the end of the script", what);
    return problem_at(parser->problem, token->place, "expected %s, found '%.*s'", what, length, token->text);
}

bool parser_take_mark(struct parser *parser, char mark, const char *what)
{
    if (!token_is_mark(&parser->token, mark))
        return parser_expected(parser, what);
    parser_next(parser);
    return true;
}

bool parser_take_word(struct parser *parser, const char *word)
{
    if (!token_is(&parser->token, word))
        return parser_expected(parser, word);
    parser_next(parser);
    return true;
}

bool parser_take_integer(struct parser *parser, int64_t minimum, int64_t maximum, const char *what, int64_t *value)
{
    if (parser->token.kind != TOKEN_INTEGER)
        return parser_expected(parser, what);
    *value = parser->token.integer;
    if (*value < minimum || *value > maximum)
        return problem_at(parser->problem, parser->token.place, "%s is from %lld to %lld, not %lld", what,
                          (long long)minimum, (long long)maximum, (long long)*value);
    parser_next(parser);
    return true;
}

char *parser_text(struct parser *parser)
{
    return arena_text(&parser->script->arena, parser->token.text, parser->token.length);
}

/* ---- options ---- */

/* "--name=value", "--name": what stands in quotes loses them, but for a definition's value, which they type. */
static void add_option(struct parser *parser, struct script_option ***tail)
{
    struct arena *arena = &parser->script->arena;
    char *name = arena_text(arena, parser->token.text + 2, parser->token.length - 2);
    char *equals = strchr(name, '=');
    char *value = equals != NULL ? equals + 1 : NULL;
    if (equals != NULL)
        *equals = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
    size_t length = value != NULL ? strlen(value) : 0;
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value[length - 1] = '\0';
        value++;
    }
    struct script_option *option = arena_take(arena, sizeof *option);
    *option = (struct script_option){.place = parser->token.place, .name = name, .value = value};
    **tail = option;
    *tail = &option->next;
}

static void begin(struct parser *parser, const char *text, size_t length)
{
    lexer_begin(&parser->lexer, text, length);
    parser_next(parser);
}

bool script_read_options(const char *text, size_t length, struct script *script, struct problem *problem)
{
    struct parser parser = {.script = script, .problem = problem};
    struct script_option **tail = &script->options;
    begin(&parser, text, length);
    while (parser.token.kind == TOKEN_OPTION) {
        add_option(&parser, &tail);
        parser_next(&parser);
    }
    return parser.token.kind != TOKEN_BROKEN || parser_expected(&parser, "");
}

/* ---- times ---- */

static bool take_time(struct parser *parser, int64_t *nanoseconds)
{
    bool is_number = parser->token.kind == TOKEN_INTEGER || parser->token.kind == TOKEN_DECIMAL;
    if (!is_number || !token_nanoseconds(&parser->token, nanoseconds))
        return parser_expected(parser, "a time in seconds");
    parser_next(parser);
    return true;
}

/* After "~": the end has the same form as the begin. */
static bool take_range(struct parser *parser, struct event *event)
{
    bool is_relative = event->time_kind == TIME_RELATIVE;
    struct place place = parser->token.place;
    parser_next(parser);
    if (is_relative && !parser_take_mark(parser, '+', "+ and the range's end"))
        return false;
    if (!take_time(parser, &event->end_ns))
        return false;
    if (event->end_ns < event->time_ns)
        return problem_at(parser->problem, place, "the range ends before it begins");
    event->time_kind = is_relative ? TIME_RELATIVE_RANGE : TIME_ABSOLUTE_RANGE;
    return true;
}

static bool take_event_time(struct parser *parser, struct event *event)
{
    event->place = parser->token.place;
    if (token_is_mark(&parser->token, '*')) {
        event->time_kind = TIME_ANY;
        parser_next(parser);
        return true;
    }
    event->time_kind = TIME_ABSOLUTE;
    if (token_is_mark(&parser->token, '+')) {
        event->time_kind = TIME_RELATIVE;
        parser_next(parser);
    } else if (parser->token.kind != TOKEN_INTEGER && parser->token.kind != TOKEN_DECIMAL) {
        return parser_expected(parser, "a time (0.1, +0.1, +0.1~+0.2, *)");
    }
    if (!take_time(parser, &event->time_ns))
        return false;
    return !token_is_mark(&parser->token, '~') || take_range(parser, event);
}

/* ---- events ---- */

static bool take_call(struct parser *parser, struct event *event)
{
    struct call *call = arena_take(&parser->script->arena, sizeof *call);
    event->kind = EVENT_CALL;
    event->call = call;
    if (parser->token.kind == TOKEN_ELLIPSIS) {
        parser_next(parser);
        call->blocks = true;
        if (!take_time(parser, &call->end_ns))
            return false;
        event->action_place = parser->token.place;
    }
    if (parser->token.kind != TOKEN_WORD)
        return parser_expected(parser, "a call's name");
    return parse_call(parser, call);
}

static bool take_action(struct parser *parser, struct event *event)
{
    event->action_place = parser->token.place;
    if (token_is_mark(&parser->token, '<') || token_is_mark(&parser->token, '>')) {
        event->kind = EVENT_PACKET;
        event->packet = parse_packet(parser);
        return event->packet != NULL;
    }
    switch (parser->token.kind) {
    case TOKEN_WORD:
    case TOKEN_ELLIPSIS: return take_call(parser, event);
    case TOKEN_COMMAND:
        event->kind = EVENT_COMMAND;
        event->text = parser_text(parser);
        parser_next(parser);
        return true;
    case TOKEN_CODE:
        event->kind = EVENT_CODE;
        event->text = parser_text(parser);
        parser_next(parser);
        return expression_check(event->text, event->action_place, parser->problem);
    case TOKEN_END:
    case TOKEN_INTEGER:
    case TOKEN_DECIMAL:
    case TOKEN_STRING:
    case TOKEN_OPTION:
    case TOKEN_MARK:
    case TOKEN_BROKEN: break;
    }
    return parser_expected(parser, "a packet (< or >), a call, a `command` or %{ code }%");
}

static bool check_event(struct parser *parser, const struct event *event)
{
    bool is_outbound = event->kind == EVENT_PACKET && event->packet->is_outbound;
    bool is_loose = event->time_kind != TIME_ABSOLUTE && event->time_kind != TIME_RELATIVE;
    if (is_loose && !is_outbound)
        return problem_at(parser->problem, event->place, "only a packet that is expected (>) can have %s",
                          event->time_kind == TIME_ANY ? "any time" : "a range of time");
    return true;
}

static bool take_events(struct parser *parser)
{
    struct script *script = parser->script;
    struct event **tail = &script->events;
    while (parser->token.kind != TOKEN_END && parser->token.kind != TOKEN_COMMAND) {
        struct event *event = arena_take(&script->arena, sizeof *event);
        if (!take_event_time(parser, event) || !take_action(parser, event) || !check_event(parser, event))
            return false;
        *tail = event;
        tail = &event->next;
        script->event_count++;
    }
    return true;
}

bool script_read(const char *text, size_t length, const struct dialect *dialect, struct script *script,
                 struct problem *problem)
{
    struct parser parser = {.script = script, .problem = problem, .dialect = dialect};
    begin(&parser, text, length);
    while (parser.token.kind == TOKEN_OPTION)
        parser_next(&parser);
    if (parser.token.kind == TOKEN_COMMAND) {
        script->init_command = parser_text(&parser);
        script->init_place = parser.token.place;
        parser_next(&parser);
    }
    if (!take_events(&parser))
        return false;
    if (parser.token.kind == TOKEN_COMMAND) {
        script->cleanup_command = parser_text(&parser);
        script->cleanup_place = parser.token.place;
        parser_next(&parser);
        if (parser.token.kind != TOKEN_END)
            return parser_expected(&parser, "nothing after the last command, which has no time");
    }
    if (script->events == NULL)
        return problem_at(problem, parser.token.place, "the script has no events");
    return true;
}

void script_free(struct script *script)
{
    arena_free(&script->arena);
    *script = (struct script){0};
}
