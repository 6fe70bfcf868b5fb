#ifndef DRILL_SYMBOLS_H
#define DRILL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The system's constants by name: "SO_REUSEADDR", "EINPROGRESS", "POLLIN". False if there is none of that name. */
bool symbol_value(const char *name, int64_t *value);

/* "EINPROGRESS" of an errno; NULL if it has no name. */
const char *errno_name(int error);
/* 0 if there is no such errno. */
int errno_number(const char *name);

/* "POLLIN|POLLOUT", "0". prefix: "POLL" or "EPOLL", whose bits are the same. */
const char *poll_mask_text(unsigned mask, const char *prefix, char *text, size_t size);

#endif
