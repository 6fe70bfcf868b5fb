#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors and addresses ---- */

int library_adopt(struct library *library, int live)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd >= DESCRIPTORS) {
        close(fd);
        errno = EMFILE;
        fd = -1;
    }
    if (fd >= 0)
        library->live[fd] = live;
    return fd;
}

void library_own(struct library *library, const struct la_address *address)
{
    static const struct la_address any;
    if (!la_address_equal(address, &any)) /* an address that we have is refused, and no harm is done */
        la_address_add(library->host, library->now, 0, address, la_address_is_ipv4(address) ? 32 : 128);
}

/* ---- what the host sends ---- */

static bool take_packets(struct library *library)
{
    size_t length;
    bool is_any = false;
    while ((length = la_host_output(library->host, library->now, 0, library->octets, PACKET_BYTES)) > 0) {
        struct held *held = malloc(sizeof *held + length);
        if (held == NULL)
            abort();
        held->time = library->now;
        held->length = length;
        held->next = NULL;
        memcpy(held->octets, library->octets, length);
        *library->last = held;
        library->last = &held->next;
        is_any = true;
    }
    return is_any;
}

/* ---- calls that wait ---- */

/* packetdrill asks for the time as soon as a call that blocked has answered, and takes that for when it did: nobody
   moves the clock before. A driver that does not ask costs a second. */
static void let_return(struct library *library)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec++;
    while (library->returning > 0)
        if (pthread_cond_timedwait(&library->changed, &library->lock, &limit) == ETIMEDOUT)
            library->returning = 0;
}

/* Makes those that wait again. True if one answers now. */
static bool try_waiting(struct library *library)
{
    bool is_any = false;
    for (struct request **at = &library->waiting; *at != NULL;) {
        struct request *request = *at;
        request->answer = request->make(library->sockets, library->now, request);
        if (request->answer == SOCKET_BLOCKED) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        request->is_done = true;
        library->returning++;
        is_any = true;
    }
    return is_any;
}

void library_settle(struct library *library)
{
    bool is_any = true;
    while (is_any) {
        is_any = take_packets(library);
        is_any = try_waiting(library) || is_any;
    }
    if (library->returning > 0) {
        pthread_cond_broadcast(&library->changed);
        let_return(library);
    }
}

static la_time due(const struct library *library)
{
    la_time time = la_host_deadline(library->host);
    for (const struct request *request = library->waiting; request != NULL; request = request->next)
        if (request->state.deadline < time)
            time = request->state.deadline;
    return time;
}

void library_advance(struct library *library, la_time to)
{
    for (la_time time = due(library); time <= to && time != LA_TIME_NEVER; time = due(library)) {
        if (time > library->now)
            library->now = time;
        la_host_advance(library->host, library->now);
        library_settle(library);
    }
    if (to > library->now && to != LA_TIME_NEVER)
        library->now = to;
}

/* The thread that moves the clock cannot sleep until somebody else does: it lets time pass until its call answers. */
static void wait_alone(struct library *library, struct request *request)
{
    while (request->answer == SOCKET_BLOCKED) {
        la_time time = due(library);
        if (request->state.deadline < time)
            time = request->state.deadline;
        if (time == LA_TIME_NEVER) {
            fputs("lastack: a call waits for ever: nothing will happen any more\n", stderr);
            exit(EXIT_FAILURE);
        }
        library_advance(library, time);
        request->answer = request->make(library->sockets, library->now, request);
    }
}

static void wait_asleep(struct library *library, struct request *request)
{
    request->next = library->waiting;
    library->waiting = request;
    while (!request->is_done)
        pthread_cond_wait(&library->changed, &library->lock);
}

ssize_t library_call(struct library *library, struct request *request)
{
    pthread_mutex_lock(&library->lock);
    request->is_done = false;
    request->fd = request->fd >= 0 && request->fd < DESCRIPTORS ? library->live[request->fd] : -1;
    request->answer = request->make(library->sockets, library->now, request);
    take_packets(library);
    if (request->answer == SOCKET_BLOCKED && pthread_equal(pthread_self(), library->clock_thread))
        wait_alone(library, request);
    else if (request->answer == SOCKET_BLOCKED)
        wait_asleep(library, request);
    if (pthread_equal(pthread_self(), library->clock_thread))
        library_settle(library);
    ssize_t answer = request->answer;
    pthread_mutex_unlock(&library->lock);
    if (answer >= 0)
        return answer;
    errno = (int)-answer;
    return -1;
}
