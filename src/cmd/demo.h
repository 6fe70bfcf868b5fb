#ifndef CMD_DEMO_H
#define CMD_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "link/netns.h"

/* The demonstration: parts a to f, each a story that is told while it happens, and checked. */

enum { DEMO_PARTS = 6, DEMO_HASH_TEXT = 65, DEMO_LARGE = 64 << 20, DEMO_SMALL = 4 << 20, DEMO_PATH_BYTES = 1024 };

struct demo_result {
    const char *title;
    char seen[80]; /* figures, for the table at the end */
    unsigned checks;
    unsigned held;
};

struct demo {
    bool ipv6;
    bool in_memory; /* no namespace: the peer is a second lastack, and time is virtual */
    bool ascii;
    bool colour;
    bool interrupted; /* by a signal: nothing more is claimed, and no further part told */
    enum netns_how netns;
    char directory[DEMO_PATH_BYTES - 16]; /* of our own, removed at the end */
    char large_hash[DEMO_HASH_TEXT];
    char small_hash[DEMO_HASH_TEXT];
    pid_t nginx;
    struct demo_result result[DEMO_PARTS];
    struct demo_result *part; /* the one that is told */
};

/* Each fills in demo->part, and comes back whatever happens. */
void demo_part_a(struct demo *demo); /* the kernel fetches from lastack */
void demo_part_b(struct demo *demo); /* lastack fetches from the kernel */
void demo_part_c(struct demo *demo); /* both at once, over a bad network */
void demo_part_d(struct demo *demo); /* the last ACK lost three times */
void demo_part_e(struct demo *demo); /* the same without TIME-WAIT */
void demo_part_f(struct demo *demo); /* the same four-tuple again, during the wait */

/* A line of the story. */
void demo_say(const struct demo *demo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says whether what is claimed held, and counts it; not if it could not be seen to the end. The result is held. */
bool demo_check(struct demo *demo, bool held, const char *claim, ...) __attribute__((format(printf, 3, 4)));

/* The figures of the part, for the table. */
void demo_seen(struct demo *demo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "the kernel" or "the other lastack". */
const char *demo_peer(const struct demo *demo);

/* In demo->directory: two files of pseudo-random octets, "large" and "small", and their hashes. 0, or -1: said. */
int demo_files_make(struct demo *demo);
void demo_files_remove(const struct demo *demo);

/* "DIRECTORY/name". */
void demo_path(const struct demo *demo, const char *name, char path[DEMO_PATH_BYTES]);

/* The SHA-256 of a file there; empty text if it cannot be read. */
void demo_file_hash(const struct demo *demo, const char *name, char text[DEMO_HASH_TEXT]);

/* nginx in the foreground, serving the directory on port 8080 of the kernel's side. 0, or -1: said. */
int demo_nginx_start(struct demo *demo);
void demo_nginx_end(struct demo *demo);

#endif
