#ifndef LINK_RTNETLINK_H
#define LINK_RTNETLINK_H

#include <lastack/types.h>

#include "error.h"

/* The few things that are asked of the kernel about its interfaces. 0, or -1 with the reason, where name stands. */
int rtnetlink_set_mtu(int index, unsigned mtu, const char *name, struct link_error *error);
int rtnetlink_set_up(int index, const char *name, struct link_error *error);
int rtnetlink_add_address(int index, const struct la_address *address, unsigned prefix_length, const char *name,
                          struct link_error *error);

#endif
