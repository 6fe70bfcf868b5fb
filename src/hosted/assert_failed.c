#include <lastack/lastack.h>

#include <stdio.h>
#include <stdlib.h>

/* The library's own answer to a broken invariant. A program that defines la_assert_failed never gets to see this object
   of the archive, and takes its place in the shared library. */
_Noreturn void la_assert_failed(const char *expression, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "lastack: %s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}
