#ifndef CMD_BENCH_LIFE_H
#define CMD_BENCH_LIFE_H

#include "bench.h"

/* A connection's whole life, again and again: opened, one octet each way, closed by both, the client first, which
   therefore waits. Records expire as fast as new ones come, so that the number waiting stays what was asked for. */

enum { LIFE_WAITING_MAX = 16000000, LIFE_LOCAL_PORTS = 64000 };

struct bench_life {
    struct bench_pair pair;
    uint64_t next;    /* connection: which four-tuple */
    la_time step;     /* virtual time from one connection to the next */
    uint32_t waiting; /* records, at all times */
    uint32_t remote_ports;
    struct la_endpoint from; /* of the connection that is opened */
    struct la_endpoint to;
    struct la_listener listener[LIFE_WAITING_MAX / LIFE_LOCAL_PORTS * 5 / 4 + 2];
};

/* Both ends of one. */
struct bench_connection {
    struct la_conn client;
    struct la_conn server;
};

/* The config of both hosts, but for what waits. */
struct la_config bench_life_config(void);

/* Two hosts, and so many waiting. 0, or -1: said on standard error. */
int bench_life_begin(struct bench_life *life, uint32_t waiting);

/* Whole lives. 0, or -1: said on standard error. */
int bench_life_go_on(struct bench_life *life, uint64_t connections);

/* One, up to where the server's FIN has yet to leave. False: it did not go as it must. */
bool bench_life_to_last_fin(struct bench_life *life, struct bench_connection *connection);

/* Its end was clean on both sides, and both let go of it. */
bool bench_life_ended(const struct bench_life *life, const struct bench_connection *connection);

/* To a file and back, as bench_pair_save. */
int bench_life_save(const struct bench_life *life, const char *path);
int bench_life_load(struct bench_life *life, const char *path);

/* Records of the client's that wait. */
uint32_t bench_life_waiting(const struct bench_life *life);

/* Octets of a record, all in; address_bytes: 4, 16. */
double bench_life_record_bytes(unsigned address_bytes);

#endif
