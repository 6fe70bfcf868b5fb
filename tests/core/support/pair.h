#ifndef SUPPORT_PAIR_H
#define SUPPORT_PAIR_H

/* cmocka.h needs the first four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lastack/lastack.h>
#include <stdbool.h>

#include "family.h"

/* Two hosts in virtual time, joined by a network that loses, doubles, delays, reorders and corrupts packets from a seed,
   and applications that live by events alone. After every step both hosts are checked (host_check), and every packet is
   compared with what it must carry. What goes wrong fails the test, and names the seed. */

enum { PAIR_APPS = 32, PAIR_FLOWS = 16, PAIR_PACKETS = 4096, PAIR_MTU_MAX = 9020 };

struct pair_network {
    unsigned loss; /* of a thousand, each */
    unsigned duplication;
    unsigned corruption;
    unsigned reordering; /* is held back for up to four times the delay */
    la_time delay;       /* one way */
    la_time jitter;      /* at most this is added, without overtaking */
    unsigned mtu;
};

enum pair_close {
    PAIR_CLOSE_AFTER_READING, /* reads to the end of data, then closes */
    PAIR_SHUTDOWN,            /* shuts down behind its last octet, reads to the end of data, closes */
    PAIR_LINGER,              /* closes lingering behind its last octet */
    PAIR_CLOSE,               /* closes behind its last octet, whatever comes */
    PAIR_ABORT                /* aborts behind its last octet */
};

/* One end of a connection: writes `to_write` octets of its flow's pattern, reads the other end's, closes. */
struct pair_app {
    bool in_use;
    unsigned side;
    unsigned flow;
    struct la_conn conn;

    /* The script. */
    uint64_t to_write;
    uint32_t write_chunk; /* octets to la_send at a time */
    uint32_t read_chunk;
    la_time read_pause; /* between two reads of read_chunk; 0: reads all that is there */
    la_time close_pause;
    enum pair_close close;
    bool views; /* la_send_view and la_recv_view instead of copies */
    bool releases_early;

    /* What happened. */
    bool is_client;
    bool is_established;
    uint64_t written;
    uint64_t read;
    bool is_shut;
    bool is_closed;
    bool saw_end_of_data;
    bool saw_ended;
    bool is_released;
    uint32_t events; /* or-ed, ever */
    la_time wakes;   /* LA_TIME_NEVER: by an event only */
    struct la_outcome outcome;
};

/* A connection as the network sees it; [0]: what side 0 sent. */
struct pair_flow {
    bool in_use;
    uint16_t ports[2];
    struct {
        bool has_syn;
        bool has_edge;
        bool has_fin;
        bool has_reset;
        bool offers_scale;
        uint8_t scale;
        uint32_t iss;
        uint32_t end;  /* the highest number sent, plus one */
        uint32_t ack;  /* the highest sent */
        uint32_t edge; /* of the window that was offered */
        uint32_t fin;
    } sent[2];
};

struct pair_packet {
    la_time at;
    uint64_t order;
    unsigned to;
    size_t length;
    uint8_t *bytes;
};

struct pair {
    uint64_t seed;
    uint64_t random;
    struct pair_network network;
    bool network_is_down; /* loses everything */
    bool prints;          /* each packet that is sent */
    bool checks;          /* host_check after every step */
    la_time now;
    la_host *host[2];
    void *block[2];
    size_t size[2];
    struct la_address address[2];
    struct la_listener listener[2];
    struct pair_app apps[PAIR_APPS];
    struct pair_app accepted; /* the script of those that are accepted; to_write and close vary with `vary_accepted` */
    void (*on_accept)(struct pair *pair, struct pair_app *app);
    struct pair_flow flows[PAIR_FLOWS];
    struct pair_packet packets[PAIR_PACKETS]; /* in flight, a heap by (at, order) */
    size_t packet_count;
    uint64_t packet_order;
    la_time last_at[2];
    uint64_t digest; /* of all that was sent, and when */
    uint64_t sent_packets;
    uint64_t steps;
    uint64_t steps_at_once;
    bool is_raw; /* packets are not of the apps: no pattern, no flows */
};

uint64_t pair_random(struct pair *pair);
bool pair_chance(struct pair *pair, unsigned of_a_thousand);
uint64_t pair_between(struct pair *pair, uint64_t least, uint64_t most);

_Noreturn void pair_fail(const struct pair *pair, const char *what);

/* Small and quick: 8 connections, 64 pieces of 512 octets, buffers of 16 KiB. */
void pair_config(struct la_config *config);

/* Both hosts, 10.0.0.1 and 10.0.0.2, or fd00::1 and fd00::2, a listener at port 80 each. */
void pair_init(struct pair *pair, uint64_t seed, const struct la_config *a, const struct la_config *b,
               const struct pair_network *network);
void pair_free(struct pair *pair);

/* Connects side to the other's port 80 with this script; the app, or NULL if the host could not (*error). */
struct pair_app *pair_connect(struct pair *pair, unsigned side, const struct pair_app *script, int *error);

/* The next thing that happens: a packet's arrival, a deadline, an application's waking. False if there is none, or not
   before `until`; time then stands at `until` if that is not LA_TIME_NEVER. */
bool pair_step(struct pair *pair, la_time until);
void pair_run(struct pair *pair, la_time until);

/* Pulls what both hosts have to send and to say. */
void pair_settle(struct pair *pair);

uint8_t pair_octet(unsigned flow, unsigned side, uint64_t position);

/* No application is left, nothing is in flight, nothing armed, all resources are back: fails if not. */
void pair_expect_baseline(const struct pair *pair);

struct la_counters pair_counters(const struct pair *pair, unsigned side);

#endif
