#include "sockets_private.h"

/* What a descriptor is ready for: Linux's tcp_poll; and those who ask: poll, select. */

static bool is_readable(const struct socket *socket, const struct la_info *info)
{
    if (info->unread_bytes == 0) {
        return false;
    }
    uint32_t skipped = urgent_is_skipped(socket, info->rcv_urgent_bytes) ? 1 : 0;
    return info->unread_bytes >= socket->options.receive_low_water + skipped || info->rcv_wnd <= info->rcv_mss;
}

static bool is_writable(const struct socket *socket, const struct la_info *info)
{
    uint32_t low_water = socket->options.not_sent_low_water;
    return (socket->shut & SHUT_SEND) != 0 || (!socket->is_full && (low_water == 0 || info->notsent_bytes < low_water));
}

static uint32_t listener_mask(const struct sockets *sockets, const struct socket *socket)
{
    struct la_listener_info info;
    bool waits = la_listener_info(sockets->host, socket->listener, &info) == LA_OK && info.queued > 0;
    return waits ? EPOLLIN | EPOLLRDNORM : 0;
}

static uint32_t socket_mask(const struct sockets *sockets, const struct socket *socket)
{
    if (socket->has_listener) {
        return listener_mask(sockets, socket);
    }
    const struct la_info info = socket_info(sockets, socket);
    enum la_state state = socket_state(sockets, socket);
    uint32_t mask = socket->error != 0 ? EPOLLERR : 0;
    if (socket->shut == SHUT_BOTH || state == LA_CLOSED) {
        mask |= EPOLLHUP;
    }
    if ((socket->shut & SHUT_RECEIVE) != 0) {
        mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
    }
    if (state == LA_SYN_SENT || state == LA_SYN_RECEIVED) {
        return mask;
    }
    mask |= is_readable(socket, &info) ? EPOLLIN | EPOLLRDNORM : 0;
    mask |= urgent_is_there(socket, &info) ? EPOLLPRI : 0;
    mask |= is_writable(socket, &info) ? EPOLLOUT | EPOLLWRNORM : 0;
    return mask;
}

uint32_t file_mask(const struct sockets *sockets, const struct file *file)
{
    return file->kind == FILE_SOCKET ? socket_mask(sockets, &file->socket) : epoll_mask(sockets, &file->epoll);
}

static uint32_t descriptor_mask(const struct sockets *sockets, int fd)
{
    const struct descriptor *descriptor = descriptor_at(sockets, fd);
    return descriptor != NULL ? file_mask(sockets, file_at(sockets, descriptor->file)) : POLLNVAL;
}

short sockets_poll_mask(struct sockets *sockets, la_time now, int fd)
{
    sockets_take_events(sockets, now);
    return (short)descriptor_mask(sockets, fd);
}

/* ---- poll ---- */

static int poll_once(const struct sockets *sockets, struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd >= 0) {
            uint32_t asked = (uint16_t)fds[i].events | POLLERR | POLLHUP | POLLNVAL;
            fds[i].revents = (short)(descriptor_mask(sockets, fds[i].fd) & asked);
            ready += fds[i].revents != 0;
        }
    }
    return ready;
}

/* A call that is about no single file begins. */
static void begin(struct sockets *sockets, la_time now, struct socket_call *call)
{
    if (!call->is_blocked) {
        *call = (struct socket_call){.deadline = LA_TIME_NEVER, .file = NOTHING};
    }
    sockets_take_events(sockets, now);
}

ssize_t sockets_poll(struct sockets *sockets, la_time now, struct socket_call *call, struct pollfd *fds, nfds_t count,
                     la_time timeout)
{
    begin(sockets, now, call);
    int ready = poll_once(sockets, fds, count);
    if (ready == 0 && call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, NULL, timeout);
    }
    return call_end(sockets, now, call, ready);
}

/* ---- select ---- */

/* Linux's POLLIN_SET, POLLOUT_SET and POLLEX_SET. */
#define READABLE_SET    (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define WRITABLE_SET    (EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define EXCEPTIONAL_SET EPOLLPRI

struct selection {
    fd_set *set; /* or NULL */
    uint32_t mask;
};

/* How many of the sets' members are ready, or -EBADF. keeps: the others are taken out. */
static int select_once(const struct sockets *sockets, int count, const struct selection selections[3], bool keeps)
{
    int ready = 0;
    for (int fd = 0; fd < count; fd++) {
        for (unsigned i = 0; i < 3; i++) {
            fd_set *set = selections[i].set;
            if (set == NULL || !FD_ISSET(fd, set)) {
                continue;
            }
            uint32_t mask = descriptor_mask(sockets, fd);
            if (mask == POLLNVAL) {
                return -EBADF;
            }
            ready += (mask & selections[i].mask) != 0;
            if (keeps && (mask & selections[i].mask) == 0) {
                FD_CLR(fd, set);
            }
        }
    }
    return ready;
}

ssize_t sockets_select(struct sockets *sockets, la_time now, struct socket_call *call, int count, fd_set *readable,
                       fd_set *writable, fd_set *exceptional, la_time timeout)
{
    const struct selection selections[3] = {
        {readable, READABLE_SET}, {writable, WRITABLE_SET}, {exceptional, EXCEPTIONAL_SET}};
    if (count < 0 || count > FD_SETSIZE) {
        return -EINVAL;
    }
    begin(sockets, now, call);
    int ready = select_once(sockets, count, selections, false);
    if (ready == 0 && call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, NULL, timeout);
    }
    if (ready >= 0) {
        ready = select_once(sockets, count, selections, true);
    }
    return call_end(sockets, now, call, ready);
}
