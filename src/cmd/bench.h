#ifndef CMD_BENCH_H
#define CMD_BENCH_H

#include <lastack/lastack.h>

/* What the benchmarks share: two hosts in one thread, joined by nothing but a buffer, and valgrind's count of
   instructions. Time is virtual: a minute of waiting costs nothing. */

enum bench_end { BENCH_CLIENT, BENCH_SERVER };

struct bench_pair {
    struct la_config config[2];
    la_host *host[2];
    size_t size[2];
    la_time now;
    uint64_t packets; /* handed from one host to the other so far */
    uint8_t packet[65536];
};

/* 10.0.0.1 and 10.0.0.2, at time 0. 0, or -1: said on standard error. */
int bench_pair_open(struct bench_pair *pair, const struct la_config *client, const struct la_config *server,
                    unsigned mtu);
void bench_pair_close(struct bench_pair *pair);

struct la_address bench_address(enum bench_end end);

/* Hands over all that one host has to say at this time: how many packets. */
size_t bench_pair_turn(struct bench_pair *pair, enum bench_end from);

/* Hands packets over until both hosts have nothing more to say at this time. */
void bench_pair_exchange(struct bench_pair *pair);

/* The pair, and length octets of the caller's, in a file, and back: a host is a value, so a process under valgrind can
   begin where this one stands, and the way there is not counted. 0, or -1: said on standard error. */
int bench_pair_save(const struct bench_pair *pair, const void *more, size_t length, const char *path);
int bench_pair_load(struct bench_pair *pair, void *more, size_t length, const char *path);

/* A file without a name, which is gone with this process and its children; path: by which they open it. The descriptor,
   or -1: said on standard error. */
enum { BENCH_PATH_BYTES = 32 };
int bench_file(char path[BENCH_PATH_BYTES]);

/* Instructions that "lastack ARGUMENTS..." executes, by valgrind's callgrind. arguments: NULL-terminated, without the
   program's name. 0, or -1: said on standard error. */
int bench_instructions(const char *const *arguments, uint64_t *instructions);

double bench_median(double *values, size_t count);

int bench_churn(int argc, char **argv);
int bench_bulk(int argc, char **argv);
int bench_timewait(int argc, char **argv);
int bench_ports(int argc, char **argv);

#endif
