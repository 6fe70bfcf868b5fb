#ifndef TCP_CHECK_H
#define TCP_CHECK_H

#include "tcp.h"

/* The life cycle's part of host_check (host/host_inspect.h). */
const char *tcp_check(const struct tcp *tcp);

/* check_connection.c: one connection by itself. */
struct connection;
const char *connection_check(const struct tcp *tcp, const struct connection *c);

#endif
