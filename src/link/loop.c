#include "loop.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { EVENTS_A_ROUND = 1024 };

void loop_init(struct loop *loop, la_host *host, unsigned interface, const struct tun *tun, struct impair *impair)
{
    memset(loop, 0, sizeof *loop);
    loop->host = host;
    loop->interface = interface;
    loop->tun = tun;
    loop->impair = impair;
    loop->now = clock_now();
    for (int i = 0; i < LOOP_FDS; i++)
        loop->watches[i].fd = -1;
    for (int i = 0; i < LOOP_TIMERS; i++)
        loop->timers[i].when = LA_TIME_NEVER;
}

bool loop_tap(struct loop *loop, struct tap tap)
{
    if (loop->tap_count == LOOP_TAPS)
        return false;
    loop->taps[loop->tap_count++] = tap;
    return true;
}

static struct loop_watch *watch_of(struct loop *loop, int fd)
{
    for (int i = 0; i < LOOP_FDS; i++) {
        if (loop->watches[i].fd == fd)
            return &loop->watches[i];
    }
    return NULL;
}

bool loop_watch_fd(struct loop *loop, int fd, short events, void (*ready)(void *context, int fd, short revents),
                   void *context)
{
    struct loop_watch *watch = watch_of(loop, fd);
    if (watch == NULL)
        watch = watch_of(loop, -1);
    if (watch == NULL)
        return false;
    *watch = (struct loop_watch){fd, events, ready, context};
    return true;
}

void loop_unwatch_fd(struct loop *loop, int fd)
{
    struct loop_watch *watch = watch_of(loop, fd);
    if (watch != NULL)
        watch->fd = -1;
}

int loop_at(struct loop *loop, la_time when, void (*fire)(void *context), void *context)
{
    for (int i = 0; i < LOOP_TIMERS; i++) {
        if (loop->timers[i].when == LA_TIME_NEVER) {
            loop->timers[i] = (struct loop_timer){when, fire, context};
            return i;
        }
    }
    return -1;
}

void loop_cancel(struct loop *loop, int timer)
{
    if (timer >= 0 && timer < LOOP_TIMERS)
        loop->timers[timer].when = LA_TIME_NEVER;
}

la_time loop_now(const struct loop *loop)
{
    return loop->now;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static void tell(struct loop *loop, bool outgoing, const void *bytes, size_t length, const struct fate *fate)
{
    bool is_tap = loop->tun != NULL && loop->tun->is_tap;
    struct passage passage = {loop->now, outgoing, bytes, length, fate, is_tap ? LA_ETHERNET_HEADER_BYTES : 0};
    if (fate != NULL && fate->lost && !outgoing)
        taps_tell_lost(loop->taps, loop->tap_count, &passage);
    else
        taps_tell(loop->host, loop->taps, loop->tap_count, loop->records, &passage);
}

/* To the device. If its queue is full the packet is kept, and nothing more is pulled until it could be written. */
static void write_packet(struct loop *loop, const void *bytes, size_t length)
{
    if (loop->tun == NULL)
        return;
    int result = tun_write(loop->tun, bytes, length, loop->error);
    loop->failed = loop->failed || result < 0;
    if (result == 0) {
        memmove(loop->waiting, bytes, length);
        loop->waiting_length = length;
        loop->tun_full = true;
    }
}

static void write_due(struct loop *loop)
{
    struct impair_delivery delivery;
    while (!loop->tun_full && impair_take(loop->impair, loop->now, LINK_OUT, &delivery))
        write_packet(loop, delivery.bytes, delivery.length);
}

/* Pulls all the host has to send. Records that the program's own calls left go with the first packet that follows. */
static void pull(struct loop *loop)
{
    while (!loop->tun_full && !loop->failed) {
        size_t n = la_host_output(loop->host, loop->now, loop->interface, loop->buffer, sizeof loop->buffer);
        if (n == 0)
            break;
        if (loop->impair == NULL) {
            tell(loop, true, loop->buffer, n, NULL);
            write_packet(loop, loop->buffer, n);
            continue;
        }
        struct fate fate = impair_submit(loop->impair, loop->now, LINK_OUT, loop->buffer, n, 0);
        tell(loop, true, loop->buffer, n, &fate);
        write_due(loop);
    }
    tell(loop, true, NULL, 0, NULL);
}

static void take_in(struct loop *loop, const void *bytes, size_t length, const struct fate *fate)
{
    tell(loop, false, NULL, 0, NULL); /* what is older than this packet is not its doing */
    la_host_input(loop->host, loop->now, loop->interface, bytes, length);
    tell(loop, false, bytes, length, fate);
    pull(loop);
}

static void take_in_due(struct loop *loop)
{
    struct impair_delivery delivery;
    while (!loop->failed && impair_take(loop->impair, loop->now, LINK_IN, &delivery)) {
        /* The bytes live until the next call on the impairment, and pulling submits to it. */
        memcpy(loop->arrived, delivery.bytes, delivery.length);
        take_in(loop, loop->arrived, delivery.length, &delivery.fate);
    }
}

static void arrive(struct loop *loop, size_t length)
{
    if (loop->impair == NULL) {
        take_in(loop, loop->arrived, length, NULL);
        return;
    }
    struct fate fate = impair_submit(loop->impair, loop->now, LINK_IN, loop->arrived, length, 0);
    if (fate.lost)
        tell(loop, false, loop->arrived, length, &fate);
    else
        take_in_due(loop);
}

/* True if there may be more to read. */
static bool read_burst(struct loop *loop)
{
    for (int i = 0; i < LOOP_BURST; i++) {
        ssize_t length = tun_read(loop->tun, loop->arrived, sizeof loop->arrived, loop->error);
        loop->failed = loop->failed || length < 0;
        if (length <= 0 || loop->failed)
            return false;
        arrive(loop, (size_t)length);
    }
    return true;
}

static void write_waiting(struct loop *loop)
{
    loop->tun_full = false;
    write_packet(loop, loop->waiting, loop->waiting_length);
    if (!loop->tun_full && loop->impair != NULL)
        write_due(loop);
}

/* ---- one round --------------------------------------------------------------------------------------------------- */

static la_time earlier(la_time a, la_time b)
{
    return a < b ? a : b;
}

static la_time next_deadline(const struct loop *loop)
{
    la_time when = la_host_deadline(loop->host);
    for (int i = 0; i < LOOP_TIMERS; i++)
        when = earlier(when, loop->timers[i].when);
    if (loop->impair != NULL) {
        when = earlier(when, impair_deadline(loop->impair, LINK_IN));
        if (!loop->tun_full)
            when = earlier(when, impair_deadline(loop->impair, LINK_OUT));
    }
    return when;
}

/* What poll() is asked, and whose each answer is: slot -1 is the device. */
struct waiting_list {
    struct pollfd fds[LOOP_FDS + 1];
    int slots[LOOP_FDS + 1];
    nfds_t count;
};

static void list_add(struct waiting_list *list, int fd, short events, int slot)
{
    list->fds[list->count] = (struct pollfd){.fd = fd, .events = events};
    list->slots[list->count++] = slot;
}

static int wait_for(const struct loop *loop, struct waiting_list *list, bool at_once)
{
    list->count = 0;
    if (loop->tun != NULL)
        list_add(list, loop->tun->fd, (short)(POLLIN | (loop->tun_full ? POLLOUT : 0)), -1);
    for (int i = 0; i < LOOP_FDS; i++) {
        if (loop->watches[i].fd >= 0)
            list_add(list, loop->watches[i].fd, loop->watches[i].events, i);
    }
    if (!at_once)
        taps_tell_pause(loop->taps, loop->tap_count, loop->now);
    la_time when = at_once ? 0 : next_deadline(loop);
    la_time now = clock_now();
    la_time left = when > now ? when - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / LA_SECOND), .tv_nsec = (long)(left % LA_SECOND)};
    int ready = ppoll(list->fds, list->count, when == LA_TIME_NEVER ? NULL : &timeout, NULL);
    return ready < 0 && errno == EINTR ? 0 : ready;
}

/* True if the device may have more. */
static bool device_ready(struct loop *loop, short revents)
{
    if (revents & POLLOUT)
        write_waiting(loop);
    if (revents & POLLIN)
        return read_burst(loop);
    if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
        link_fail(loop->error, "%s: the device is gone", loop->tun->name);
        loop->failed = true;
    }
    return false;
}

static bool fds_ready(struct loop *loop, const struct waiting_list *list)
{
    bool more = false;
    for (nfds_t i = 0; i < list->count && !loop->failed; i++) {
        short revents = list->fds[i].revents;
        if (revents == 0)
            continue;
        if (list->slots[i] < 0) {
            more = device_ready(loop, revents);
            continue;
        }
        const struct loop_watch *watch = &loop->watches[list->slots[i]];
        if (watch->fd != list->fds[i].fd)
            continue; /* an earlier callback has unwatched it */
        watch->ready(watch->context, watch->fd, revents);
        pull(loop);
    }
    return more;
}

static void fire_timers(struct loop *loop)
{
    for (int i = 0; i < LOOP_TIMERS; i++) {
        struct loop_timer timer = loop->timers[i];
        if (timer.when > loop->now)
            continue;
        loop->timers[i].when = LA_TIME_NEVER;
        timer.fire(timer.context);
        pull(loop);
    }
}

/* True if there may be more events. */
static bool tell_events(struct loop *loop, bool (*on_event)(void *context, const struct la_event *event), void *context)
{
    struct la_event event;
    for (int i = 0; i < EVENTS_A_ROUND; i++) {
        if (loop->failed || loop->stopped || !la_host_event(loop->host, &event))
            return false;
        if (!on_event(context, &event))
            loop_stop(loop);
        pull(loop);
    }
    return true;
}

int loop_run(struct loop *loop, bool (*on_event)(void *context, const struct la_event *event), void *context,
             struct link_error *error)
{
    struct waiting_list list;
    bool more = false;
    loop->error = error;
    loop->failed = false;
    loop_flush(loop);
    more = tell_events(loop, on_event, context);
    while (!loop->stopped && !loop->failed) {
        if (wait_for(loop, &list, more) < 0)
            return link_fail(error, "poll: %s", strerror(errno));
        loop->now = clock_now();
        la_host_advance(loop->host, loop->now);
        pull(loop);
        more = fds_ready(loop, &list);
        if (loop->impair != NULL) {
            take_in_due(loop);
            write_due(loop);
        }
        fire_timers(loop);
        more = tell_events(loop, on_event, context) || more;
    }
    pull(loop);
    loop->stopped = false;
    return loop->failed ? -1 : 0;
}

void loop_flush(struct loop *loop)
{
    struct link_error ignored; /* loop_run meets the same failure again, and reports it */
    struct link_error *error = loop->error;
    if (error == NULL)
        loop->error = &ignored;
    loop->now = clock_now();
    pull(loop);
    loop->error = error;
}

int loop_signal_fd(struct link_error *error)
{
    sigset_t signals;
    struct sigaction hangup;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup(1) */
        sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGQUIT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return link_fail(error, "sigprocmask: %s", strerror(errno));
    int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return link_fail(error, "signalfd: %s", strerror(errno));
    return fd;
}
