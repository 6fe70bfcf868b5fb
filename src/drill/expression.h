#ifndef DRILL_EXPRESSION_H
#define DRILL_EXPRESSION_H

#include "script.h"

/* What stands in %{ ... }%: as much of Python as scripts use. Statements, one a line or with ; between them:

     assert EXPRESSION [, MESSAGE]     print(EXPRESSION)     NAME = EXPRESSION     NAME += EXPRESSION

   Expressions of whole numbers (64 bits) and texts: or and not == != < <= > >= (also in chains) | ^ & << >> + - * /
   // % ~ ( ) 'text' 'text %d' % value abs() min() max(), decimal and 0x. / must divide without a rest. */

struct variable {
    const char *name;
    int64_t value;
    struct variable *next;
};

/* Where names come from: first what the script has set, then look_up. */
struct scope {
    struct arena *arena; /* of the variables */
    struct variable *variables;
    bool (*look_up)(void *context, const char *name, int64_t *value);
    void *context;
    FILE *out; /* what print writes to; NULL: nowhere */
};

/* Whether it can be understood; names are not looked at. */
bool expression_check(const char *code, struct place place, struct problem *problem);

/* Runs it. False with the reason if an assertion fails (*is_assertion) or something is wrong with the code: a name that
   there is not, a division by 0. */
bool expression_run(const char *code, struct place place, struct scope *scope, struct problem *problem,
                    bool *is_assertion);

#endif
