#include "expression.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 40, ITEMS_MAX = 8, WORD_BYTES = 64 };

enum operand_kind { OPERAND_NUMBER, OPERAND_TEXT, OPERAND_TUPLE };

struct operand {
    enum operand_kind kind;
    int64_t number;
    const char *text;
    int64_t items[ITEMS_MAX];
    unsigned count;
};

struct machine {
    const char *at;
    struct place place;
    struct scope *scope; /* NULL: only the form is looked at */
    struct arena arena;  /* of texts, while it runs */
    struct problem *problem;
    unsigned depth;
    unsigned brackets; /* in which a line's end means nothing */
    unsigned skipping; /* what and/or have decided already is read and not computed */
    bool is_assertion;
    char seen[256]; /* "tcpi_rto is 200000, ...": the names of this statement */
};

__attribute__((format(printf, 2, 3))) static bool fail(struct machine *machine, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    machine->problem->place = machine->place;
    vsnprintf(machine->problem->text, sizeof machine->problem->text, format, arguments);
    va_end(arguments);
    return false;
}

static bool lives(const struct machine *machine)
{
    return machine->scope != NULL && machine->skipping == 0;
}

/* ---- characters and words ---- */

static void skip(struct machine *machine)
{
    for (;;) {
        char c = *machine->at;
        if (c == '#') {
            machine->at += strcspn(machine->at, "\n");
        } else if (c == '\\' && machine->at[1 + strspn(machine->at + 1, " \t\r")] == '\n') {
            machine->at += strspn(machine->at + 1, " \t\r") + 2;
            machine->place.line++;
        } else if (c == '\n' && machine->brackets > 0) {
            machine->at++;
            machine->place.line++;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            machine->at++;
        } else {
            return;
        }
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool take(struct machine *machine, const char *mark)
{
    skip(machine);
    size_t length = strlen(mark);
    if (strncmp(machine->at, mark, length) != 0)
        return false;
    if (is_name(mark[0]) && is_name(machine->at[length]))
        return false;
    machine->at += length;
    return true;
}

static bool expect(struct machine *machine, const char *mark)
{
    if (take(machine, mark))
        return true;
    char found[24] = "the end";
    if (*machine->at != '\0' && *machine->at != '\n')
        snprintf(found, sizeof found, "%.20s", machine->at);
    return problem_at(machine->problem, machine->place, "in code: expected %s, found '%s'", mark, found);
}

static bool take_name(struct machine *machine, char name[WORD_BYTES])
{
    skip(machine);
    size_t length = 0;
    while (is_name(machine->at[length]))
        length++;
    if (length == 0 || length >= WORD_BYTES || (machine->at[0] >= '0' && machine->at[0] <= '9'))
        return fail(machine, "in code: expected a name, found '%.20s'", machine->at);
    memcpy(name, machine->at, length);
    name[length] = '\0';
    machine->at += length;
    return true;
}

/* ---- operands ---- */

static struct operand number(int64_t value)
{
    return (struct operand){.kind = OPERAND_NUMBER, .number = value};
}

static bool want_number(struct machine *machine, const struct operand *operand)
{
    return !lives(machine) || operand->kind == OPERAND_NUMBER || fail(machine, "in code: a number is needed here");
}

static bool is_true(const struct operand *operand)
{
    switch (operand->kind) {
    case OPERAND_NUMBER: return operand->number != 0;
    case OPERAND_TEXT: return operand->text[0] != '\0';
    case OPERAND_TUPLE: return operand->count > 0;
    }
    return false;
}

static void write_operand(FILE *out, const struct operand *operand)
{
    switch (operand->kind) {
    case OPERAND_NUMBER: fprintf(out, "%" PRId64, operand->number); break;
    case OPERAND_TEXT: fputs(operand->text, out); break;
    case OPERAND_TUPLE:
        for (unsigned i = 0; i < operand->count; i++)
            fprintf(out, "%s%" PRId64, i > 0 ? ", " : "(", operand->items[i]);
        fputs(")", out);
        break;
    }
}

/* The grammar is recursive, and depth bounds it. NOLINTBEGIN(misc-no-recursion) */

static bool parse_any(struct machine *machine, struct operand *result);

/* ---- texts ---- */

static bool parse_text(struct machine *machine, struct operand *result)
{
    char quote = *machine->at++;
    size_t length = 0;
    while (machine->at[length] != quote && machine->at[length] != '\0' && machine->at[length] != '\n')
        length++;
    if (machine->at[length] != quote)
        return fail(machine, "in code: a text does not end");
    *result = (struct operand){.kind = OPERAND_TEXT, .text = arena_text(&machine->arena, machine->at, length)};
    machine->at += length + 1;
    return true;
}

/* 'rtt=%d of %d' % (a, b): %d, %u, %i, %x, %s, %%. */
static bool format(struct machine *machine, struct operand *text, const struct operand *values)
{
    char *formatted = NULL;
    size_t size = 0;
    unsigned used = 0;
    FILE *out = open_memstream(&formatted, &size);
    if (out == NULL)
        return fail(machine, "in code: out of memory");
    unsigned count = values->kind == OPERAND_TUPLE ? values->count : 1;
    for (const char *c = text->text; *c != '\0'; c++) {
        if (*c != '%') {
            fputc(*c, out);
        } else if (*++c == '%') {
            fputc('%', out);
        } else if (*c != '\0' && strchr("duixs", *c) && used < count) {
            int64_t value = values->kind == OPERAND_TUPLE ? values->items[used] : values->number;
            used++;
            if (values->kind == OPERAND_TEXT)
                fputs(values->text, out);
            else if (*c == 'x')
                fprintf(out, "%" PRIx64, (uint64_t)value);
            else
                fprintf(out, "%" PRId64, value);
        } else {
            used = count + 1;
            break;
        }
    }
    fclose(out);
    text->text = arena_text(&machine->arena, formatted, size);
    free(formatted);
    return used == count || fail(machine, "in code: the text's %% and the values do not go together");
}

/* ---- names ---- */

static bool look_up(struct machine *machine, const char *name, struct operand *result)
{
    struct scope *scope = machine->scope;
    bool is_known = false;
    *result = number(1);
    if (!lives(machine))
        return true;
    for (const struct variable *variable = scope->variables; variable != NULL && !is_known; variable = variable->next) {
        is_known = strcmp(variable->name, name) == 0;
        if (is_known)
            result->number = variable->value;
    }
    if (!is_known && scope->look_up != NULL)
        is_known = scope->look_up(scope->context, name, &result->number);
    if (!is_known)
        return fail(machine, "in code: there is no '%.60s'", name);
    char entry[WORD_BYTES + 32];
    size_t length = strlen(machine->seen);
    snprintf(entry, sizeof entry, "%s is %" PRId64, name, result->number);
    if (strstr(machine->seen, entry) == NULL)
        snprintf(machine->seen + length, sizeof machine->seen - length, "%s%s", length > 0 ? ", " : "", entry);
    return true;
}

/* abs(x), min(a, b), max(a, b, ...), after the opening bracket. */
static bool parse_function(struct machine *machine, const char *name, struct operand *result)
{
    bool is_abs = strcmp(name, "abs") == 0;
    bool is_min = strcmp(name, "min") == 0;
    if (!is_abs && !is_min && strcmp(name, "max") != 0)
        return fail(machine, "in code: there is no function '%.60s'; there are abs, min and max", name);
    machine->brackets++;
    bool is_first = true;
    do {
        struct operand next = {0};
        if (!parse_any(machine, &next) || !want_number(machine, &next))
            return false;
        bool is_better = is_min ? next.number < result->number : next.number > result->number;
        if (is_first || is_better)
            *result = next;
        is_first = false;
    } while (!is_abs && take(machine, ","));
    machine->brackets--;
    if (is_abs && result->number < 0)
        result->number = (int64_t)(0 - (uint64_t)result->number);
    return expect(machine, ")");
}

static bool parse_name(struct machine *machine, struct operand *result)
{
    char name[WORD_BYTES];
    if (!take_name(machine, name))
        return false;
    if (strcmp(name, "True") == 0 || strcmp(name, "False") == 0) {
        *result = number(name[0] == 'T');
        return true;
    }
    if (take(machine, "("))
        return parse_function(machine, name, result);
    return look_up(machine, name, result);
}

/* ---- from the tightest operator to the loosest ---- */

static bool parse_number(struct machine *machine, struct operand *result)
{
    char *end = NULL;
    uint64_t value = strtoull(machine->at, &end, strncmp(machine->at, "0x", 2) == 0 ? 16 : 10);
    if (*end == '.' || is_name(*end))
        return fail(machine, "in code: only whole numbers are understood, not '%.20s'", machine->at);
    machine->at = end;
    *result = number((int64_t)value);
    return true;
}

/* "(a)" or a tuple "(a, b)". */
static bool parse_brackets(struct machine *machine, struct operand *result)
{
    machine->brackets++;
    if (!parse_any(machine, result))
        return false;
    if (take(machine, ",")) {
        struct operand tuple = {.kind = OPERAND_TUPLE, .count = 1};
        tuple.items[0] = result->number;
        do {
            struct operand next = {0};
            if (tuple.count == ITEMS_MAX || !parse_any(machine, &next))
                return tuple.count == ITEMS_MAX ? fail(machine, "in code: too many values") : false;
            tuple.items[tuple.count++] = next.number;
        } while (take(machine, ","));
        *result = tuple;
    }
    skip(machine);
    machine->brackets--;
    return expect(machine, ")");
}

static bool parse_primary(struct machine *machine, struct operand *result)
{
    skip(machine);
    char c = *machine->at;
    *result = number(0);
    if (c == '\'' || c == '"')
        return parse_text(machine, result);
    if (c >= '0' && c <= '9')
        return parse_number(machine, result);
    if (take(machine, "("))
        return parse_brackets(machine, result);
    return parse_name(machine, result);
}

static bool parse_unary(struct machine *machine, struct operand *result)
{
    skip(machine);
    char sign = *machine->at;
    if (sign != '-' && sign != '+' && sign != '~')
        return parse_primary(machine, result);
    machine->at++;
    if (++machine->depth > DEPTH_MAX)
        return fail(machine, "in code: nested too deep");
    if (!parse_unary(machine, result) || !want_number(machine, result))
        return false;
    machine->depth--;
    uint64_t value = (uint64_t)result->number;
    result->number = (int64_t)(sign == '-' ? 0 - value : sign == '~' ? ~value : value);
    return true;
}

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE_EXACTLY, DIVIDE, REST, SHIFT_LEFT, SHIFT_RIGHT, AND, XOR, OR };

/* Python's division goes to the lower number, and its rest has the divisor's sign. */
static bool divide(struct machine *machine, enum operation operation, int64_t a, int64_t b, int64_t *result)
{
    if (!lives(machine))
        return true;
    if (b == 0 || (a == INT64_MIN && b == -1))
        return fail(machine, "in code: %s", b == 0 ? "a division by 0" : "a number too large");
    int64_t quotient = a / b;
    int64_t rest = a % b;
    if (operation == DIVIDE_EXACTLY && rest != 0)
        return fail(machine, "in code: / leaves a rest; // is the division of whole numbers");
    if (rest != 0 && (rest < 0) != (b < 0)) {
        quotient--;
        rest += b;
    }
    *result = operation == REST ? rest : quotient;
    return true;
}

static bool apply(struct machine *machine, enum operation operation, struct operand *left, const struct operand *right)
{
    if (operation == REST && left->kind == OPERAND_TEXT)
        return !lives(machine) || format(machine, left, right);
    if (!want_number(machine, left) || !want_number(machine, right))
        return false;
    uint64_t a = (uint64_t)left->number;
    uint64_t b = (uint64_t)right->number;
    bool is_shift = operation == SHIFT_LEFT || operation == SHIFT_RIGHT;
    if (is_shift && b > 62)
        return !lives(machine) || fail(machine, "in code: a shift is by 0 to 62");
    switch (operation) {
    case ADD: left->number = (int64_t)(a + b); return true;
    case SUBTRACT: left->number = (int64_t)(a - b); return true;
    case MULTIPLY: left->number = (int64_t)(a * b); return true;
    case SHIFT_LEFT: left->number = (int64_t)(a << b); return true;
    case SHIFT_RIGHT: left->number >>= b; return true;
    case AND: left->number = (int64_t)(a & b); return true;
    case XOR: left->number = (int64_t)(a ^ b); return true;
    case OR: left->number = (int64_t)(a | b); return true;
    case DIVIDE_EXACTLY:
    case DIVIDE:
    case REST: return divide(machine, operation, left->number, right->number, &left->number);
    }
    return false;
}

/* The binary operators, loosest level first; of two that begin alike the longer stands first. */
static const struct {
    const char *mark;
    unsigned level;
    enum operation operation;
} operators[] = {
    {"|", 0, OR},   {"^", 1, XOR},      {"&", 2, AND},      {"<<", 3, SHIFT_LEFT}, {">>", 3, SHIFT_RIGHT},
    {"+", 4, ADD},  {"-", 4, SUBTRACT}, {"*", 5, MULTIPLY}, {"//", 5, DIVIDE},     {"/", 5, DIVIDE_EXACTLY},
    {"%", 5, REST},
};

enum { LEVELS = 6, OPERATORS = sizeof operators / sizeof operators[0] };

static bool parse_level(struct machine *machine, unsigned level, struct operand *result)
{
    if (level == LEVELS)
        return parse_unary(machine, result);
    if (!parse_level(machine, level + 1, result))
        return false;
    for (unsigned i = 0; i < OPERATORS; i++) {
        if (operators[i].level != level || !take(machine, operators[i].mark))
            continue;
        struct operand right = {0};
        if (!parse_level(machine, level + 1, &right) || !apply(machine, operators[i].operation, result, &right))
            return false;
        i = UINT32_MAX; /* from the first operator again */
    }
    return true;
}

static int compare(const struct operand *a, const struct operand *b)
{
    if (a->kind == OPERAND_TEXT && b->kind == OPERAND_TEXT)
        return strcmp(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

/* "a <= b < c" is "a <= b and b < c". */
static bool parse_comparison(struct machine *machine, struct operand *result)
{
    static const char *const marks[] = {"==", "!=", "<=", ">=", "<", ">"};
    if (!parse_level(machine, 0, result))
        return false;
    bool is_comparison = false;
    bool holds = true;
    struct operand left = *result;
    for (unsigned i = 0; i < 6; i++) {
        if (!take(machine, marks[i]))
            continue;
        struct operand right = {0};
        if (!parse_level(machine, 0, &right))
            return false;
        int order = compare(&left, &right);
        const bool answers[] = {order == 0, order != 0, order <= 0, order >= 0, order<0, order> 0};
        holds = holds && answers[i];
        is_comparison = true;
        left = right;
        i = UINT32_MAX;
    }
    if (is_comparison)
        *result = number(holds);
    return true;
}

static bool parse_not(struct machine *machine, struct operand *result)
{
    unsigned nots = 0;
    while (take(machine, "not"))
        nots++;
    if (!parse_comparison(machine, result))
        return false;
    if (nots > 0)
        *result = number(is_true(result) == (nots % 2 == 0));
    return true;
}

static bool parse_and(struct machine *machine, struct operand *result)
{
    if (!parse_not(machine, result))
        return false;
    while (take(machine, "and")) {
        struct operand right = {0};
        bool decided = !is_true(result);
        machine->skipping += decided ? 1 : 0;
        if (!parse_not(machine, &right))
            return false;
        machine->skipping -= decided ? 1 : 0;
        if (!decided)
            *result = right;
    }
    return true;
}

static bool parse_any(struct machine *machine, struct operand *result)
{
    if (++machine->depth > DEPTH_MAX)
        return fail(machine, "in code: nested too deep");
    if (!parse_and(machine, result))
        return false;
    while (take(machine, "or")) {
        struct operand right = {0};
        bool decided = is_true(result);
        machine->skipping += decided ? 1 : 0;
        if (!parse_and(machine, &right))
            return false;
        machine->skipping -= decided ? 1 : 0;
        if (!decided)
            *result = right;
    }
    machine->depth--;
    return true;
}

/* NOLINTEND(misc-no-recursion) */

/* ---- statements ---- */

static bool run_assert(struct machine *machine)
{
    struct operand holds = {0};
    struct operand message = {.kind = OPERAND_TEXT, .text = ""};
    char values[sizeof machine->seen];
    skip(machine);
    const char *begin = machine->at;
    struct place place = machine->place;
    if (!parse_any(machine, &holds))
        return false;
    int length = (int)(machine->at - begin);
    memcpy(values, machine->seen, sizeof values);
    if (take(machine, ",") && !parse_any(machine, &message))
        return false;
    if (machine->scope == NULL || is_true(&holds))
        return true;
    machine->is_assertion = true;
    bool has_text = message.kind == OPERAND_TEXT && message.text[0] != '\0';
    return problem_at(machine->problem, place, "assert %.*s does not hold: %s%s%s", length < 200 ? length : 200, begin,
                      values, has_text ? ": " : "", has_text ? message.text : "");
}

static bool run_print(struct machine *machine)
{
    struct operand value = {0};
    if (!parse_any(machine, &value))
        return false;
    if (lives(machine) && machine->scope->out != NULL) {
        write_operand(machine->scope->out, &value);
        fputc('\n', machine->scope->out);
    }
    return true;
}

static void set_variable(struct scope *scope, const char *name, int64_t value)
{
    struct variable *variable = scope->variables;
    while (variable != NULL && strcmp(variable->name, name) != 0)
        variable = variable->next;
    if (variable == NULL) {
        variable = arena_take(scope->arena, sizeof *variable);
        variable->name = arena_text(scope->arena, name, strlen(name));
        variable->next = scope->variables;
        scope->variables = variable;
    }
    variable->value = value;
}

/* NAME = EXPRESSION, NAME += EXPRESSION and so on. */
static bool run_assignment(struct machine *machine)
{
    char name[WORD_BYTES];
    struct operand value = {0};
    struct operand before = number(0);
    if (!take_name(machine, name))
        return false;
    skip(machine);
    char operation = *machine->at;
    bool is_change = (operation == '+' || operation == '-' || operation == '*') && machine->at[1] == '=';
    if (is_change)
        machine->at++;
    if (!is_change && (operation != '=' || machine->at[1] == '='))
        return fail(machine, "in code: expected assert, print(...) or NAME = ..., found '%.20s'", name);
    machine->at++;
    if ((is_change && !look_up(machine, name, &before)) || !parse_any(machine, &value) || !want_number(machine, &value))
        return false;
    if (machine->scope == NULL)
        return true;
    enum operation change = operation == '+' ? ADD : operation == '-' ? SUBTRACT : MULTIPLY;
    if (is_change && !apply(machine, change, &before, &value))
        return false;
    set_variable(machine->scope, name, is_change ? before.number : value.number);
    return true;
}

static bool run_statement(struct machine *machine)
{
    machine->seen[0] = '\0';
    machine->depth = 0;
    machine->brackets = 0;
    if (take(machine, "assert"))
        return run_assert(machine);
    if (take(machine, "print"))
        return run_print(machine);
    return run_assignment(machine);
}

static bool run_all(struct machine *machine)
{
    for (;;) {
        skip(machine);
        if (*machine->at == '\0')
            return true;
        if (*machine->at == ';' || *machine->at == '\n') {
            machine->place.line += *machine->at == '\n' ? 1 : 0;
            machine->at++;
            continue;
        }
        if (!run_statement(machine))
            return false;
        skip(machine);
        if (*machine->at != '\0' && *machine->at != ';' && *machine->at != '\n')
            return fail(machine, "in code: expected the statement's end, found '%.20s'", machine->at);
    }
}

/* A backslash before the code's end continues nothing. */
static void trim(char *code)
{
    size_t length = strlen(code);
    while (length > 0 && strchr(" \t\r\n\\", code[length - 1]))
        code[--length] = '\0';
}

static bool run(const char *code, struct place place, struct scope *scope, struct problem *problem, bool *is_assertion)
{
    struct machine machine = {.place = place, .scope = scope, .problem = problem};
    char *copy = arena_text(&machine.arena, code, strlen(code));
    trim(copy);
    machine.at = copy;
    bool good = run_all(&machine);
    *is_assertion = machine.is_assertion;
    arena_free(&machine.arena);
    return good;
}

bool expression_check(const char *code, struct place place, struct problem *problem)
{
    bool is_assertion;
    return run(code, place, NULL, problem, &is_assertion);
}

bool expression_run(const char *code, struct place place, struct scope *scope, struct problem *problem,
                    bool *is_assertion)
{
    return run(code, place, scope, problem, is_assertion);
}
