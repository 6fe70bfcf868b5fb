#ifndef CMD_HTTP_FILES_H
#define CMD_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a request's target names below a directory. Nothing outside the directory can be named: the kernel itself
   resolves the path beneath it (openat2, RESOLVE_BENEATH), symbolic links included. */

enum resource_kind {
    RESOURCE_FILE,     /* descriptor, length */
    RESOURCE_LISTING,  /* text, length: a page that lists a directory */
    RESOURCE_REDIRECT, /* a directory named without its slash */
    RESOURCE_BAD,      /* the target is no path */
    RESOURCE_FORBIDDEN,
    RESOURCE_MISSING,
    RESOURCE_BUSY /* no descriptor or memory left: later perhaps */
};

struct resource {
    enum resource_kind kind;
    int descriptor; /* RESOURCE_FILE; the caller closes it */
    char *text;     /* RESOURCE_LISTING; the caller frees it */
    uint64_t length;
    const char *content_type;
};

/* The directory to serve, or -1 with errno. */
int resource_directory(const char *path);

/* target: the request's path, percent-encoded, query included; terminated. */
struct resource resource_open(int directory, const char *target);

#endif
