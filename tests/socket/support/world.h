#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

/* cmocka.h needs the first four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "socket/socket.h"

/* Two hosts with sockets, in virtual time, and a network without delay between them that can be held up or cut. Side 0
   is 10.0.0.1 and fd00::1, side 1 is 10.0.0.2 and fd00::2. */

enum { CLIENT, SERVER, SIDES };

struct side {
    la_host *host;
    void *block;
    struct sockets *sockets;
    /* What it has sent. */
    unsigned packets;
    unsigned syns;
    unsigned fins;
    unsigned resets;
    unsigned texts; /* segments with text */
};

struct world {
    struct la_config config;
    la_time now;
    bool is_held; /* what is sent waits in its host */
    bool is_cut;  /* what is sent is lost */
    struct side side[SIDES];
};

/* Buffers of 64 KiB, acknowledgments at once, Linux's default of six retransmitted SYNs. */
void world_config(struct la_config *config);
struct world *world_begin(const struct la_config *config); /* NULL: world_config's */
void world_end(struct world *world);

/* Carries what both hosts have to send, until they are quiet. */
void settle(struct world *world);

/* Time passes, with all that happens in it. */
void pass_ms(struct world *world, uint64_t ms);

/* To the next deadline of a host, but not beyond `until`. */
void pass_some(struct world *world, la_time until);

struct sockaddr_in address_of(unsigned side, uint16_t port);

#define SOCKETS(w, number) (w)->side[number].sockets, (w)->now

/* Sockets, bound and so on: what goes wrong fails the test. */
int new_socket(struct world *world, unsigned side, int flags);
int listening(struct world *world, uint16_t port, int backlog);
void begin_connect(struct world *world, int fd, uint16_t port);

/* A connection to a new listener at port 80, which is closed: both ends. */
struct ends {
    int client;
    int server;
};
struct ends connected(struct world *world);

/* Calls that must not block. */
ssize_t do_close(struct world *world, unsigned side, int fd);
ssize_t do_read(struct world *world, unsigned side, int fd, void *data, size_t length);
ssize_t do_write(struct world *world, unsigned side, int fd, const void *data, size_t length);
ssize_t do_send(struct world *world, unsigned side, int fd, const char *text, int flags);
ssize_t do_accept(struct world *world, int fd);
ssize_t do_connect(struct world *world, int fd, uint16_t port);
int do_poll(struct world *world, unsigned side, int fd);
int socket_error(struct world *world, unsigned side, int fd);
void set_int(struct world *world, unsigned side, int fd, int level, int option, int value);
int get_int(struct world *world, unsigned side, int fd, int level, int option);
void set_linger(struct world *world, unsigned side, int fd, int seconds);
uint16_t local_port(struct world *world, unsigned side, int fd);

/* The last packet that the side has sent. */
const uint8_t *last_packet_of(unsigned side);

/* What a peer that is none of the hosts sends to a side: an ICMP error about its last packet. */
void inject_unreachable(struct world *world, unsigned side, uint8_t code);

#endif
