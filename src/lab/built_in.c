#include "built_in.h"

#include "built_in_private.h"

#include <string.h>

const struct built_in *built_in_at(size_t index)
{
    return index < built_in_count ? &built_in_scenarios[index] : NULL;
}

const struct built_in *built_in_named(const char *name)
{
    for (size_t i = 0; i < built_in_count; i++) {
        if (strcmp(built_in_scenarios[i].name, name) == 0)
            return &built_in_scenarios[i];
    }
    return NULL;
}
