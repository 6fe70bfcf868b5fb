/* The library's own la_assert_failed. It stands alone in its object, so that a program that defines one of its own
   never pulls this one out of the archive. */

#include <lastack/lastack.h>

#include <stdio.h>
#include <stdlib.h>

void la_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "lastack: broken invariant, stopping: %s (%s:%d)\n", expression, file, line);
    abort();
}
