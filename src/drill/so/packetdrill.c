#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interface.h"
#include "library.h"
#include "settings.h"

/* packetdrill's table, entry by entry. */

/* The signatures are the interface's. NOLINTBEGIN(readability-non-const-parameter) */

enum { START_SECONDS = 1000 };

static int live_of(const struct library *library, int fd)
{
    return fd >= 0 && fd < DESCRIPTORS ? library->live[fd] : -1;
}

/* The lock is given back, and errno says what a negative answer means. */
static int leave(struct library *library, ssize_t answer)
{
    library_settle(library);
    pthread_mutex_unlock(&library->lock);
    if (answer >= 0)
        return (int)answer;
    errno = (int)-answer;
    return -1;
}

static struct library *enter(void *self)
{
    struct library *library = self;
    pthread_mutex_lock(&library->lock);
    return library;
}

/* A descriptor of ours, by a number of the kernel's. */
static int adopt(struct library *library, ssize_t answer)
{
    int fd = answer >= 0 ? library_adopt(library, (int)answer) : -1;
    if (answer >= 0 && fd < 0) {
        struct socket_call call = {0};
        int error = errno;
        sockets_close(library->sockets, library->now, &call, (int)answer);
        answer = -error;
    }
    return fd >= 0 ? leave(library, fd) : leave(library, answer);
}

/* ---- opening ---- */

static int drill_socket(void *self, int family, int type, int protocol)
{
    struct library *library = enter(self);
    return adopt(library, sockets_socket(library->sockets, library->now, family, type, protocol));
}

/* The host has whatever address it is bound to. */
static void own_address(struct library *library, const struct sockaddr *address, socklen_t length)
{
    struct la_address own;
    if (address == NULL)
        return;
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        const uint8_t *octets = (const uint8_t *)&v4.sin_addr;
        own = la_address_ipv4(octets[0], octets[1], octets[2], octets[3]);
        if (v4.sin_addr.s_addr != INADDR_ANY)
            library_own(library, &own);
    } else if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(own.octets, &v6.sin6_addr, sizeof own.octets);
        library_own(library, &own);
    }
}

static int drill_bind(void *self, int fd, const struct sockaddr *address, socklen_t length)
{
    struct library *library = enter(self);
    own_address(library, address, length);
    return leave(library, sockets_bind(library->sockets, library->now, live_of(library, fd), address, length));
}

static int drill_listen(void *self, int fd, int backlog)
{
    struct library *library = enter(self);
    return leave(library, sockets_listen(library->sockets, library->now, live_of(library, fd), backlog));
}

static ssize_t make_accept(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_accept(sockets, now, &request->state, request->fd, request->from, request->from_length);
}

static int drill_accept(void *self, int fd, struct sockaddr *address, socklen_t *length)
{
    struct request request = {.make = make_accept, .fd = fd, .from = address, .from_length = length};
    ssize_t answer = library_call(self, &request);
    if (answer < 0)
        return -1;
    struct library *library = enter(self);
    int accepted = library_adopt(library, (int)answer);
    pthread_mutex_unlock(&library->lock);
    return accepted;
}

static ssize_t make_connect(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_connect(sockets, now, &request->state, request->fd, request->to, request->to_length);
}

static int drill_connect(void *self, int fd, const struct sockaddr *address, socklen_t length)
{
    struct request request = {.make = make_connect, .fd = fd, .to = address, .to_length = length};
    return (int)library_call(self, &request);
}

/* ---- data ---- */

static ssize_t make_read(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_read(sockets, now, &request->state, request->fd, request->data, request->length);
}

static ssize_t drill_read(void *self, int fd, void *data, size_t length)
{
    struct request request = {.make = make_read, .fd = fd, .data = data, .length = length};
    return library_call(self, &request);
}

static ssize_t make_readv(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_readv(sockets, now, &request->state, request->fd, request->data, request->number);
}

/* The parts are only read; the request's pointer serves both directions. */
static void *without_const(const void *data)
{
    union {
        const void *given;
        void *kept;
    } pointer = {.given = data};
    return pointer.kept;
}

static ssize_t drill_readv(void *self, int fd, const struct iovec *parts, int count)
{
    struct request request = {.make = make_readv, .fd = fd, .data = without_const(parts), .number = count};
    return library_call(self, &request);
}

static ssize_t make_recvfrom(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_recvfrom(sockets, now, &request->state, request->fd, request->data, request->length, request->number,
                            request->from, request->from_length);
}

static ssize_t drill_recvfrom(void *self, int fd, void *data, size_t length, int flags, struct sockaddr *address,
                              socklen_t *address_length)
{
    struct request request = {.make = make_recvfrom,
                              .fd = fd,
                              .data = data,
                              .length = length,
                              .number = flags,
                              .from = address,
                              .from_length = address_length};
    return library_call(self, &request);
}

static ssize_t make_recv(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_recv(sockets, now, &request->state, request->fd, request->data, request->length, request->number);
}

static ssize_t drill_recv(void *self, int fd, void *data, size_t length, int flags)
{
    struct request request = {.make = make_recv, .fd = fd, .data = data, .length = length, .number = flags};
    return library_call(self, &request);
}

static ssize_t make_recvmsg(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_recvmsg(sockets, now, &request->state, request->fd, request->data, request->number);
}

static ssize_t drill_recvmsg(void *self, int fd, struct msghdr *message, int flags)
{
    struct request request = {.make = make_recvmsg, .fd = fd, .data = message, .number = flags};
    return library_call(self, &request);
}

static ssize_t make_write(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_write(sockets, now, &request->state, request->fd, request->data, request->length);
}

static ssize_t drill_write(void *self, int fd, const void *data, size_t length)
{
    struct request request = {.make = make_write, .fd = fd, .data = without_const(data), .length = length};
    return library_call(self, &request);
}

static ssize_t make_writev(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_writev(sockets, now, &request->state, request->fd, request->data, request->number);
}

static ssize_t drill_writev(void *self, int fd, const struct iovec *parts, int count)
{
    struct request request = {.make = make_writev, .fd = fd, .data = without_const(parts), .number = count};
    return library_call(self, &request);
}

static ssize_t make_send(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_send(sockets, now, &request->state, request->fd, request->data, request->length, request->number);
}

static ssize_t drill_send(void *self, int fd, const void *data, size_t length, int flags)
{
    struct request request = {
        .make = make_send, .fd = fd, .data = without_const(data), .length = length, .number = flags};
    return library_call(self, &request);
}

static ssize_t make_sendto(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_sendto(sockets, now, &request->state, request->fd, request->data, request->length, request->number,
                          request->to, request->to_length);
}

static ssize_t drill_sendto(void *self, int fd, const void *data, size_t length, int flags,
                            const struct sockaddr *address, socklen_t address_length)
{
    struct request request = {.make = make_sendto,
                              .fd = fd,
                              .data = without_const(data),
                              .length = length,
                              .number = flags,
                              .to = address,
                              .to_length = address_length};
    return library_call(self, &request);
}

static ssize_t make_sendmsg(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_sendmsg(sockets, now, &request->state, request->fd, request->data, request->number);
}

static ssize_t drill_sendmsg(void *self, int fd, const struct msghdr *message, int flags)
{
    struct request request = {.make = make_sendmsg, .fd = fd, .data = without_const(message), .number = flags};
    return library_call(self, &request);
}

/* ---- descriptors ---- */

static int drill_fcntl(void *self, int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = command == F_GETFL || command == F_GETFD ? 0 : va_arg(arguments, int);
    va_end(arguments);
    struct library *library = enter(self);
    ssize_t answer = sockets_fcntl(library->sockets, library->now, live_of(library, fd), command, argument);
    bool is_new = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return is_new ? adopt(library, answer) : leave(library, answer);
}

static int drill_ioctl(void *self, int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    struct library *library = enter(self);
    return leave(library, sockets_ioctl(library->sockets, library->now, live_of(library, fd), request, argument));
}

static ssize_t make_close(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_close(sockets, now, &request->state, request->fd);
}

static int drill_close(void *self, int fd)
{
    struct request request = {.make = make_close, .fd = fd};
    int answer = (int)library_call(self, &request);
    int error = errno;
    struct library *library = enter(self);
    if (live_of(library, fd) >= 0) {
        library->live[fd] = -1;
        close(fd);
    }
    pthread_mutex_unlock(&library->lock);
    errno = error;
    return answer;
}

static int drill_shutdown(void *self, int fd, int how)
{
    struct library *library = enter(self);
    return leave(library, sockets_shutdown(library->sockets, library->now, live_of(library, fd), how));
}

static int drill_getsockopt(void *self, int fd, int level, int option, void *value, socklen_t *length)
{
    struct library *library = enter(self);
    int live = live_of(library, fd);
    return leave(library, sockets_getsockopt(library->sockets, library->now, live, level, option, value, length));
}

static int drill_setsockopt(void *self, int fd, int level, int option, const void *value, socklen_t length)
{
    struct library *library = enter(self);
    int live = live_of(library, fd);
    return leave(library, sockets_setsockopt(library->sockets, library->now, live, level, option, value, length));
}

/* ---- readiness ---- */

static la_time milliseconds(int timeout_ms)
{
    return timeout_ms < 0 ? LA_TIME_NEVER : (la_time)timeout_ms * LA_MILLISECOND;
}

static ssize_t make_poll(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_poll(sockets, now, &request->state, request->data, (nfds_t)request->number, request->timeout);
}

static int drill_poll(void *self, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct library *library = enter(self);
    struct pollfd *ours = calloc(count + 1, sizeof *ours);
    for (nfds_t i = 0; ours != NULL && i < count; i++)
        ours[i] =
            (struct pollfd){.fd = fds[i].fd < 0 ? fds[i].fd : live_of(library, fds[i].fd), .events = fds[i].events};
    pthread_mutex_unlock(&library->lock);
    if (ours == NULL) {
        errno = ENOMEM;
        return -1;
    }
    struct request request = {
        .make = make_poll, .fd = -1, .data = ours, .number = (int)count, .timeout = milliseconds(timeout_ms)};
    int answer = (int)library_call(library, &request);
    int error = errno;
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = ours[i].revents;
    free(ours);
    errno = error;
    return answer;
}

static int drill_epoll_create(void *self, int size)
{
    struct library *library = enter(self);
    return adopt(library, size > 0 ? sockets_epoll_create1(library->sockets, library->now, 0) : -EINVAL);
}

static int drill_epoll_ctl(void *self, int epoll, int operation, int fd, struct epoll_event *event)
{
    struct library *library = enter(self);
    return leave(library, sockets_epoll_ctl(library->sockets, library->now, live_of(library, epoll), operation,
                                            live_of(library, fd), event));
}

static ssize_t make_epoll_wait(struct sockets *sockets, la_time now, struct request *request)
{
    return sockets_epoll_wait(sockets, now, &request->state, request->fd, request->data, request->number,
                              request->timeout);
}

static int drill_epoll_wait(void *self, int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    struct request request = {
        .make = make_epoll_wait, .fd = epoll, .data = events, .number = count, .timeout = milliseconds(timeout_ms)};
    return (int)library_call(self, &request);
}

/* ---- what there is not ---- */

static int drill_pipe(void *self, int fds[2])
{
    (void)self;
    fds[0] = fds[1] = -1;
    errno = ENOSYS;
    return -1;
}

static int drill_splice(void *self, int from, loff_t *from_offset, int to, loff_t *to_offset, size_t length,
                        unsigned flags)
{
    (void)self, (void)from, (void)from_offset, (void)to, (void)to_offset, (void)length, (void)flags;
    errno = ENOSYS;
    return -1;
}

/* ---- packets and time ---- */

/* The host has whatever address it is written to. */
static void own_destination(struct library *library, const uint8_t *octets, size_t length)
{
    struct la_address own;
    if (length >= 20 && octets[0] >> 4 == 4) {
        own = la_address_ipv4(octets[16], octets[17], octets[18], octets[19]);
        library_own(library, &own);
    } else if (length >= 40 && octets[0] >> 4 == 6) {
        memcpy(own.octets, octets + 24, sizeof own.octets);
        library_own(library, &own);
    }
}

static int drill_netdev_send(void *self, const void *packet, size_t length)
{
    struct library *library = enter(self);
    own_destination(library, packet, length);
    la_host_input(library->host, library->now, 0, packet, length);
    return leave(library, 0);
}

static int drill_netdev_receive(void *self, void *packet, size_t *length, long long *time_us)
{
    struct library *library = enter(self);
    library_settle(library);
    while (library->first == NULL) {
        la_time time = la_host_deadline(library->host);
        if (time == LA_TIME_NEVER && library->waiting == NULL) {
            fputs("lastack: a packet is waited for, and none will ever be sent\n", stderr);
            exit(EXIT_FAILURE);
        }
        library_advance(library, time != LA_TIME_NEVER ? time : library->now + LA_SECOND);
    }
    struct held *held = library->first;
    library->first = held->next;
    if (held->next == NULL)
        library->last = &library->first;
    if (*length > held->length)
        *length = held->length;
    memcpy(packet, held->octets, *length);
    *time_us = (long long)(held->time / LA_MICROSECOND);
    free(held);
    pthread_mutex_unlock(&library->lock);
    return 0;
}

static int drill_usleep(void *self, useconds_t microseconds)
{
    struct library *library = enter(self);
    library_advance(library, library->now + (la_time)microseconds * LA_MICROSECOND);
    return leave(library, 0);
}

/* Who looks at the clock moves it, or a program that waits by looking would wait for ever. */
static int drill_gettimeofday(void *self, struct timeval *time, struct timezone *zone)
{
    struct library *library = enter(self);
    (void)zone;
    if (pthread_equal(pthread_self(), library->clock_thread))
        library_advance(library, library->now + LA_MICROSECOND);
    else if (library->returning > 0 && --library->returning == 0)
        pthread_cond_broadcast(&library->changed);
    time->tv_sec = (time_t)(library->now / LA_SECOND);
    time->tv_usec = (suseconds_t)(library->now % LA_SECOND / LA_MICROSECOND);
    pthread_mutex_unlock(&library->lock);
    return 0;
}

/* NOLINTEND(readability-non-const-parameter) */

/* ---- begin and end ---- */

static void drill_end(void *self)
{
    struct library *library = self;
    sockets_free(library->sockets, library->now);
    while (library->first != NULL) {
        struct held *held = library->first;
        library->first = held->next;
        free(held);
    }
    pthread_cond_destroy(&library->changed);
    pthread_mutex_destroy(&library->lock);
    free(library->host);
    free(library);
}

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "lastack: %s\n", why);
    exit(2);
}

/* "msl_ms=1000,ttl=32" */
static void take_flags(const char *flags, struct settings *settings, struct arena *arena)
{
    for (const char *rest = flags; rest != NULL && *rest != '\0';) {
        size_t length = strcspn(rest, ",");
        char *name = arena_text(arena, rest, length);
        char *equals = strchr(name, '=');
        if (equals != NULL)
            *equals = '\0';
        const char *wrong = settings_set(settings, arena, name, equals != NULL ? equals + 1 : NULL);
        if (wrong != NULL)
            refuse(wrong);
        rest += length + (rest[length] == ',');
    }
    const char *wrong = settings_complete(settings);
    if (wrong != NULL)
        refuse(wrong);
}

/* Which IP version a script is of, packetdrill does not tell: without local_ip the host has an address of either. */
static void own_local(struct library *library, const struct settings *settings)
{
    const struct la_address v6 = settings_default_local(false);
    library_own(library, &settings->local);
    if (!settings->has_local)
        library_own(library, &v6);
}

static struct library *new_library(const struct settings *settings)
{
    struct sockets_config sockets_config;
    struct library *library = calloc(1, sizeof *library);
    size_t size = la_host_size(&settings->config);
    size = (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    if (library == NULL || block == NULL)
        refuse("out of memory");
    pthread_mutex_init(&library->lock, NULL);
    pthread_cond_init(&library->changed, NULL);
    library->clock_thread = pthread_self();
    library->now = START_SECONDS * LA_SECOND;
    library->last = &library->first;
    memset(library->live, 0xff, sizeof library->live);
    library->host = la_host_init(block, size, &settings->config, library->now);
    if (library->host == NULL || la_interface_add(library->host, library->now, settings->mtu) < 0)
        refuse("the host cannot be made");
    struct la_address any = la_address_ipv4(0, 0, 0, 0);
    la_route_add(library->host, library->now, 0, &any, 0);
    any = (struct la_address){0};
    la_route_add(library->host, library->now, 0, &any, 0);
    own_local(library, settings);
    sockets_config_default(&sockets_config);
    library->sockets = sockets_new(library->host, &settings->config, &sockets_config);
    if (library->sockets == NULL)
        refuse("sockets cannot be made");
    return library;
}

void packetdrill_interface_init(const char *flags, struct packetdrill_table *table)
{
    struct settings settings;
    struct arena arena = {0};
    settings_default(&settings);
    settings.config.addresses = 64;
    take_flags(flags, &settings, &arena);
    *table = (struct packetdrill_table){
        .self = new_library(&settings),
        .end = drill_end,
        .socket = drill_socket,
        .bind = drill_bind,
        .listen = drill_listen,
        .accept = drill_accept,
        .connect = drill_connect,
        .read = drill_read,
        .readv = drill_readv,
        .recv = drill_recv,
        .recvfrom = drill_recvfrom,
        .recvmsg = drill_recvmsg,
        .write = drill_write,
        .writev = drill_writev,
        .send = drill_send,
        .sendto = drill_sendto,
        .sendmsg = drill_sendmsg,
        .fcntl = drill_fcntl,
        .ioctl = drill_ioctl,
        .close = drill_close,
        .shutdown = drill_shutdown,
        .getsockopt = drill_getsockopt,
        .setsockopt = drill_setsockopt,
        .poll = drill_poll,
        .netdev_send = drill_netdev_send,
        .netdev_receive = drill_netdev_receive,
        .usleep = drill_usleep,
        .gettimeofday = drill_gettimeofday,
        .epoll_create = drill_epoll_create,
        .epoll_ctl = drill_epoll_ctl,
        .epoll_wait = drill_epoll_wait,
        .pipe = drill_pipe,
        .splice = drill_splice,
    };
    arena_free(&arena);
}
