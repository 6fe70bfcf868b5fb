#ifndef LINK_LOOP_H
#define LINK_LOOP_H

#include <lastack/lastack.h>

#include "impair.h"
#include "tap.h"
#include "taps.h"
#include "tun.h"

/* The real-time loop: one interface of a host, and a TUN device. A program in whole:

     struct loop loop;
     loop_init(&loop, host, interface, &tun, impair);    impair may be NULL
     loop_tap(&loop, tap);                               any number of times, up to LOOP_TAPS
     loop_watch_fd(&loop, STDIN_FILENO, POLLIN, on_input, program);
     status = loop_run(&loop, on_event, program, &error);

   Everything the program does happens in its callbacks (and before loop_run); after each of them the loop pulls what
   the host has to send. Within one round the time stands still: loop_now. */
#define LOOP_TAPS         4
#define LOOP_FDS          64
#define LOOP_TIMERS       16
#define LOOP_BURST        64 /* packets read from the device before anything else gets its turn */
#define LOOP_PACKET_BYTES 65536

struct loop_watch {
    int fd; /* -1: free */
    short events;
    void (*ready)(void *context, int fd, short revents);
    void *context;
};

struct loop_timer {
    la_time when; /* LA_TIME_NEVER: free */
    void (*fire)(void *context);
    void *context;
};

/* Large (the buffers): keep it static or on the heap. Read it only through the functions. */
struct loop {
    la_host *host;
    unsigned interface;
    const struct tun *tun;
    struct impair *impair;
    struct tap taps[LOOP_TAPS];
    unsigned tap_count;
    struct loop_watch watches[LOOP_FDS];
    struct loop_timer timers[LOOP_TIMERS];
    la_time now;
    bool stopped;
    bool tun_full; /* a packet waits for the device: no more is pulled until it is gone */
    size_t waiting_length;
    struct link_error *error;
    bool failed;
    struct la_trace records[TAPS_RECORDS];
    uint8_t waiting[LOOP_PACKET_BYTES];
    uint8_t arrived[LOOP_PACKET_BYTES];
    uint8_t buffer[LOOP_PACKET_BYTES];
};

/* host and impair stay the caller's and must outlive the loop, as must tun. tun NULL: no device, what the host sends is
   pulled and gone. */
void loop_init(struct loop *loop, la_host *host, unsigned interface, const struct tun *tun, struct impair *impair);

/* Adds a watcher of packets. As soon as there is one, the loop drains the host's trace. Taps are called in the order
   in which they were added. False if there are LOOP_TAPS already. */
bool loop_tap(struct loop *loop, struct tap tap);

/* Calls ready when poll() reports any of events (or POLLHUP, POLLERR, POLLNVAL) on fd. Watching an fd again replaces
   its events and callback; events 0 keeps the callback and mutes it, but for hang-ups. False if there are LOOP_FDS. */
bool loop_watch_fd(struct loop *loop, int fd, short events, void (*ready)(void *context, int fd, short revents),
                   void *context);
void loop_unwatch_fd(struct loop *loop, int fd);

/* Calls fire once, when the time has come (loop_now() + 5 * LA_SECOND). The number by which to cancel it, or -1 if
   LOOP_TIMERS are set. A timer that fired is free again. */
int loop_at(struct loop *loop, la_time when, void (*fire)(void *context), void *context);
void loop_cancel(struct loop *loop, int timer);

/* The time of this round (clock_now() when it began): what to hand to la_send and its like. */
la_time loop_now(const struct loop *loop);

/* Runs until loop_stop, or until on_event answers false. on_event gets each event of the host; it may call the host and
   the loop. 0, or -1 with the reason: the device or poll() failed. */
int loop_run(struct loop *loop, bool (*on_event)(void *context, const struct la_event *event), void *context,
             struct link_error *error);

/* Ends loop_run after the callbacks of this round; what the host then has to send still leaves. Before loop_run: the
   next one only sends that. */
void loop_stop(struct loop *loop);

/* Pulls and sends what the host has to send, and drains the trace into the taps: for calls made outside loop_run. */
void loop_flush(struct loop *loop);

/* An fd that becomes readable on SIGINT, SIGTERM, SIGQUIT, and SIGHUP unless it is ignored (signalfd; blocked from then
   on): to be watched, so that a program ends in order. -1 with the reason. */
int loop_signal_fd(struct link_error *error);

#endif
