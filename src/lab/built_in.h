#ifndef LAB_BUILT_IN_H
#define LAB_BUILT_IN_H

#include <stddef.h>

/* The scenarios of scenarios/, compiled into the program. */
struct built_in {
    const char *name;
    const unsigned char *text;
    size_t length;
};

/* In the order of their names; NULL behind the last. */
const struct built_in *built_in_at(size_t index);

/* NULL if there is none of that name. */
const struct built_in *built_in_named(const char *name);

#endif
