#ifndef TCP_HAND_OVER_H
#define TCP_HAND_OVER_H

#include "tcp.h"

/* The TIME-WAIT records of a host that ends, for one that begins: as the la_time_wait_ functions say. */

size_t hand_over_size(const struct tcp *tcp);
size_t hand_over_save(const struct tcp *tcp, uint64_t wall, void *data, size_t size);
const char *hand_over_saved(const void *data, size_t length, struct la_time_wait_saved *saved);
const char *hand_over_load(struct tcp *tcp, uint64_t wall, const void *data, size_t length);

#endif
