#ifndef LAB_BUILT_IN_PRIVATE_H
#define LAB_BUILT_IN_PRIVATE_H

#include "built_in.h"

/* cmake/scenarios.cmake writes them. */
extern const struct built_in built_in_scenarios[];
extern const size_t built_in_count;

#endif
