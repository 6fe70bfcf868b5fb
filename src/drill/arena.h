#ifndef DRILL_ARENA_H
#define DRILL_ARENA_H

#include <stddef.h>

/* Memory for what lives and ends together: a script, or a run of it. A program that cannot have it cannot go on: it
   says so and aborts, so nobody checks. */
struct arena {
    struct arena_block *blocks;
};

/* Zeroed, aligned for anything. */
void *arena_take(struct arena *arena, size_t size);

/* length octets and a terminating zero. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* Formats; the result lives as long as the arena. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

void arena_free(struct arena *arena);

#endif
