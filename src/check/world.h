#ifndef CHECK_WORLD_H
#define CHECK_WORLD_H

#include "flying.h"
#include "scenario.h"

/* The world that is explored: both hosts in their blocks, what the network holds, and where the applications stand.
   It is plain memory: a memcpy is another world. */

#define WORLD_CONNECTIONS 2
#define WORLD_BLOCK_BYTES 4096 /* room for a host with its trace; what a world really has is world_bytes */
#define FLIGHT_MAX        10   /* segments under way at a time, copies counted; more are a bound that is reported */
#define EVENTS_MAX        96
#define APP_SEND_BYTES    4 /* that an application writes at a time */

/* A host's clock stands here whenever nothing happens to it: all that it remembers of time is relative. */
#define WORLD_NOW_MS UINT32_C(1000000000)
#define WORLD_NOW    (WORLD_NOW_MS * LA_MILLISECOND)

/* What one application knows of one of its connections, by slot. */
struct app {
    uint8_t exists;   /* the slot holds a connection */
    uint8_t is_held;  /* ... whose handle the application has */
    uint8_t tag;      /* incarnation */
    uint8_t position; /* in the script */
    uint8_t sent;     /* octets */
    uint8_t received;
    uint8_t saw_eof;
    uint8_t is_blocked; /* a write found no room: the next waits for LA_READY_WRITABLE */
};

/* The ghost: what no host knows. */
struct ghost {
    uint16_t isn_ticks[2]; /* what the clock of initial sequence numbers said last, */
    uint8_t isns[2];       /* and how often it was asked */
    uint8_t opened[2];     /* opens so far */
    struct app app[2][WORLD_CONNECTIONS];
    uint8_t record_tag[2];               /* of the incarnation that the host's TIME-WAIT record is left of */
    uint8_t accepted;                    /* bit: tags that the listening application was given */
    uint8_t explained;                   /* bit: tags with a reason to be reset */
    uint8_t left[2];                     /* bit: tags that this host's application closed before the end of data */
    uint8_t closed[2];                   /* bit: tags whose write side this host's application closed */
    uint8_t delivered[2][OPENS_MAX + 1]; /* octets of each incarnation that this host's application read */
    uint8_t wrote[2][OPENS_MAX + 1];
    uint8_t used[FAULT_COUNT];
};

struct network {
    struct flying flight[FLIGHT_MAX]; /* to host 0 in turn, to host 1 in turn, then the late ones */
    uint8_t count;
};

struct world {
    _Alignas(LA_HOST_ALIGNMENT) uint8_t block[2][WORLD_BLOCK_BYTES];
    struct network network;
    struct ghost ghost;
    uint8_t silent_run; /* deliveries since something else happened; not part of what tells worlds apart */
};

/* What can happen. */
enum event_kind {
    EVENT_DELIVER,
    EVENT_DELIVER_DRY, /* ... and no memory is to be had meanwhile */
    EVENT_DROP,
    EVENT_DUPLICATE, /* a copy stays behind */
    EVENT_DELAY,     /* it waits while others overtake it */
    EVENT_TIMER,
    EVENT_OPEN,
    EVENT_STEP, /* the next of the application's calls */
    EVENT_INJECT
};

#define EVENT_KIND_COUNT 9

struct event {
    uint8_t kind;
    uint8_t at;     /* which segment; or which host, and slot: host * WORLD_CONNECTIONS + slot */
    uint8_t choice; /* of the ISN clock; or which forged segment */
};

/* What is explored, and what was met: beside the world, never part of it. */
struct coverage {
    uint64_t edge[LA_STATE_COUNT][LA_STATE_COUNT];
    uint64_t pair[LA_STATE_COUNT][KINDS_OF_SEGMENT];
};

struct watcher {
    void *context;
    /* A packet leaves a host, or reaches it; fate: what the network does to it, or NULL. */
    void (*packet)(void *context, la_time now, unsigned host, bool leaves, const struct flying *segment,
                   const char *fate);
    /* An application's call, and how many octets it took or gave; an error where it did not. */
    void (*call)(void *context, la_time now, unsigned host, const char *text, int octets);
    void (*traced)(void *context, unsigned host, const struct la_trace *record);
};

struct checker {
    const struct check_scenario *scenario;
    struct coverage *coverage;     /* or NULL */
    const struct watcher *watcher; /* or NULL */
    bool traces_all;
    la_time elapsed;       /* of virtual time: with a watcher */
    enum property wrong;   /* with the last event */
    const char *wrong_why; /* or NULL */
    uint8_t touched;       /* bit: hosts whose block the last event changed */
    uint64_t overflows;    /* segments for which the network had no room: taken as lost */
};

static inline la_host *world_host(const struct world *world, unsigned host)
{
    return (la_host *)(void *)(uintptr_t)world->block[host];
}

static inline struct la_endpoint world_endpoint(unsigned host)
{
    return (struct la_endpoint){la_address_ipv4(10, 0, 0, (uint8_t)(host + 1)), host == 0 ? 40000 : 80};
}

/* The tiny config of a scenario's hosts. */
void world_config(const struct check_scenario *scenario, unsigned host, bool traces_all, struct la_config *config);

/* The octets of one host's block without its trace. */
size_t world_bytes(const struct check_scenario *scenario);

/* Two fresh hosts, joined; host 1 listens unless it opens too. False: the config does not fit. */
bool world_begin(struct checker *checker, struct world *world);

/* The events that can happen now: how many. */
unsigned world_events(const struct checker *checker, const struct world *world, struct event events[EVENTS_MAX]);

/* One of them happens. checker->wrong says what came to be wrong by it. */
void world_apply(struct checker *checker, struct world *world, struct event event);

/* Nothing is left to do: both applications have done all, and no connection is left. */
bool world_is_done(const struct checker *checker, const struct world *world);

/* Who is left waits for a peer that went away without a word that arrived: for ever, as RFC 9293 has it without
   keepalives. */
bool world_may_rest(const struct world *world);

/* Faults and calls so far: never falls, and what goes round in a circle does not raise it. */
unsigned world_progress(const struct world *world);

/* What will happen, for people: "the FIN to host 1 is lost". */
void world_event_text(const struct checker *checker, const struct world *world, struct event event, char *text,
                      size_t size);

#endif
