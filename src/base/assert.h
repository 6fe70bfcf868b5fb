#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <lastack/lastack.h>

/* On in every build: a broken invariant stops the host. Bad input is never a broken invariant. */
#define la_assert(expression) ((expression) ? (void)0 : la_assert_failed(#expression, __FILE__, __LINE__))

/* Where no way leads; why says what would have to be broken. */
#define la_impossible(why) la_assert_failed(why, __FILE__, __LINE__)

#endif
