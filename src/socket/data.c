#include <fcntl.h>
#include <limits.h>

#include "sockets_private.h"

/* read and write in all their forms: Linux's tcp_recvmsg_locked and tcp_sendmsg_locked. */

/* Where the octets are, or go to. */
struct transfer {
    const struct iovec *parts;
    size_t count;
    size_t total;
    int flags;
};

static int transfer_of(const struct iovec *parts, size_t count, int flags, struct transfer *transfer)
{
    *transfer = (struct transfer){parts, count, 0, flags};
    if (count > IOV_MAX) {
        return -EMSGSIZE;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len > SSIZE_MAX - transfer->total) {
            return -EINVAL;
        }
        transfer->total += parts[i].iov_len;
    }
    return 0;
}

/* The contiguous room behind the first `offset` octets, less than INT_MAX. */
static struct iovec transfer_at(const struct transfer *transfer, size_t offset)
{
    size_t i = 0;
    while (i < transfer->count && offset >= transfer->parts[i].iov_len) {
        offset -= transfer->parts[i].iov_len;
        i++;
    }
    if (i == transfer->count) {
        return (struct iovec){NULL, 0};
    }
    size_t left = transfer->parts[i].iov_len - offset;
    return (struct iovec){(char *)transfer->parts[i].iov_base + offset, left < INT_MAX ? left : INT_MAX};
}

static la_time patience(const struct file *file, const struct transfer *transfer, la_time timeout)
{
    bool waits = (file->flags & O_NONBLOCK) == 0 && (transfer->flags & MSG_DONTWAIT) == 0;
    return waits ? timeout : 0;
}

/* ---- receiving ---- */

static int discard(struct sockets *sockets, la_time now, const struct socket *socket, size_t length)
{
    const void *data = NULL;
    size_t viewed = 0;
    int result = la_recv_view(sockets->host, now, socket->connection, &data, &viewed);
    if (result <= 0) {
        return result;
    }
    return la_recv_consume(sockets->host, now, socket->connection, viewed < length ? viewed : length);
}

/* A read that has begun ends where the urgent octet is next: what it answers lies on one side of the mark. */
static bool is_at_mark(size_t to_mark, size_t position, size_t done)
{
    return done > 0 && to_mark > 0 && position == to_mark - 1;
}

/* What is there for the room behind `done` octets: how many; 0 or an error: nothing. */
static int take(struct sockets *sockets, la_time now, const struct socket *socket, const struct transfer *transfer,
                size_t done)
{
    struct iovec room = transfer_at(transfer, done);
    size_t to_mark = urgent_octets(sockets, socket);
    bool is_skipped = urgent_is_skipped(socket, to_mark);
    size_t position = (transfer->flags & MSG_PEEK) != 0 ? done + is_skipped : 0;
    if (is_at_mark(to_mark, position, done)) {
        return 0;
    }
    if (to_mark > position + 1 && to_mark - 1 - position < room.iov_len) {
        room.iov_len = to_mark - 1 - position;
    }
    if (room.iov_len == 0) {
        return 0;
    }
    if ((transfer->flags & MSG_PEEK) != 0) {
        return la_peek(sockets->host, socket->connection, position, room.iov_base, room.iov_len);
    }
    if (is_skipped && discard(sockets, now, socket, 1) <= 0) {
        return 0;
    }
    if ((transfer->flags & MSG_TRUNC) != 0) {
        return discard(sockets, now, socket, room.iov_len);
    }
    return la_recv(sockets->host, now, socket->connection, room.iov_base, room.iov_len);
}

static size_t take_all(struct sockets *sockets, la_time now, const struct socket *socket,
                       const struct transfer *transfer, size_t done)
{
    if (!socket->has_connection) {
        return done;
    }
    for (int taken = 1; taken > 0; done += (size_t)taken) {
        taken = take(sockets, now, socket, transfer, done);
        if (taken <= 0) {
            break;
        }
    }
    return done;
}

static size_t least_wanted(const struct socket *socket, const struct transfer *transfer)
{
    size_t low_water = socket->options.receive_low_water;
    bool all = (transfer->flags & MSG_WAITALL) != 0 || low_water > transfer->total;
    size_t least = all ? transfer->total : low_water;
    return least > 0 ? least : 1;
}

/* Nothing more will come for who waits. */
static bool is_at_end(const struct sockets *sockets, const struct socket *socket)
{
    return socket->error != 0 || (socket->shut & SHUT_RECEIVE) != 0 || socket_state(sockets, socket) == LA_CLOSED;
}

/* What a read that found nothing answers when it may not, or need not, wait; SOCKET_BLOCKED: it has to. */
static ssize_t nothing_read(const struct sockets *sockets, struct socket *socket)
{
    if (socket->is_done) {
        return 0;
    }
    if (socket->error != 0) {
        return -socket_take_error(socket);
    }
    if ((socket->shut & SHUT_RECEIVE) != 0) {
        return 0;
    }
    return socket_state(sockets, socket) == LA_CLOSED ? -ENOTCONN : SOCKET_BLOCKED;
}

static bool has_unread(const struct sockets *sockets, const struct socket *socket)
{
    return socket->has_connection && socket_info(sockets, socket).unread_bytes > 0;
}

/* Linux ends a read there, also one that wants more. */
static bool reached_mark(const struct sockets *sockets, const struct socket *socket, const struct transfer *transfer,
                         size_t done)
{
    size_t to_mark = urgent_octets(sockets, socket);
    return is_at_mark(to_mark, (transfer->flags & MSG_PEEK) != 0 ? done : 0, done);
}

static ssize_t receive(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file,
                       const struct transfer *transfer)
{
    struct socket *socket = &file->socket;
    if (socket->has_listener) {
        return call_end(sockets, now, call, -ENOTCONN);
    }
    if ((transfer->flags & MSG_OOB) != 0) {
        const struct iovec room = transfer_at(transfer, 0);
        return call_end(sockets, now, call, urgent_receive(sockets, socket, transfer->flags, &room));
    }
    if ((transfer->flags & MSG_ERRQUEUE) != 0) {
        return call_end(sockets, now, call, -EAGAIN);
    }
    size_t done = (transfer->flags & MSG_PEEK) != 0 ? 0 : call->done;
    done = take_all(sockets, now, socket, transfer, done);
    call->done = done;
    if (done >= least_wanted(socket, transfer) || (transfer->total == 0 && has_unread(sockets, socket)) ||
        (done > 0 && (is_at_end(sockets, socket) || reached_mark(sockets, socket, transfer, done)))) {
        return call_end(sockets, now, call, (ssize_t)done);
    }
    ssize_t result = done > 0 ? SOCKET_BLOCKED : nothing_read(sockets, socket);
    if (result != SOCKET_BLOCKED) {
        return call_end(sockets, now, call, result);
    }
    la_time timeout = patience(file, transfer, socket->options.receive_timeout);
    if (call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, file, timeout);
    }
    return call_end(sockets, now, call, done > 0 ? (ssize_t)done : -EAGAIN);
}

static ssize_t receive_parts(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                             const struct iovec *parts, size_t count, int flags)
{
    struct file *file = NULL;
    struct transfer transfer;
    int error = call_begin(sockets, now, call, fd, &file);
    error = error != 0 ? error : transfer_of(parts, count, flags, &transfer);
    return error != 0 ? error : receive(sockets, now, call, file, &transfer);
}

/* System V's read: nothing asked for, nothing looked at. */
static ssize_t read_parts(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                          const struct iovec *parts, int count)
{
    struct transfer transfer;
    if (count < 0) {
        return -EINVAL;
    }
    int error = transfer_of(parts, (size_t)count, 0, &transfer);
    error = error == -EMSGSIZE ? -EINVAL : error;
    if (error == 0 && transfer.total == 0 && sockets_is_open(sockets, fd)) {
        return 0;
    }
    return error != 0 ? error : receive_parts(sockets, now, call, fd, parts, (size_t)count, 0);
}

ssize_t sockets_read(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data, size_t length)
{
    const struct iovec part = {data, length};
    return read_parts(sockets, now, call, fd, &part, 1);
}

ssize_t sockets_readv(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const struct iovec *parts,
                      int count)
{
    return read_parts(sockets, now, call, fd, parts, count);
}

ssize_t sockets_recv(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data, size_t length,
                     int flags)
{
    const struct iovec part = {data, length};
    return receive_parts(sockets, now, call, fd, &part, 1, flags);
}

ssize_t sockets_recvfrom(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data,
                         size_t length, int flags,
                         struct sockaddr *address, // cppcheck-suppress constParameter ; as the system call has it
                         socklen_t *address_length)
{
    ssize_t result = sockets_recv(sockets, now, call, fd, data, length, flags);
    if (result >= 0 && address != NULL && address_length != NULL) {
        *address_length = 0; /* a stream has one peer, and does not name it each time */
    }
    return result;
}

ssize_t sockets_recvmsg(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct msghdr *message,
                        int flags)
{
    ssize_t result = receive_parts(sockets, now, call, fd, message->msg_iov, message->msg_iovlen, flags);
    if (result >= 0) {
        message->msg_namelen = 0;
        message->msg_controllen = 0;
        message->msg_flags = result > 0 ? flags & MSG_OOB : 0;
    }
    return result;
}

/* ---- sending ---- */

/* Corked until something is sent without MSG_MORE. */
static void follow_more(struct sockets *sockets, la_time now, struct socket *socket, bool more)
{
    if (more == socket->has_more || socket->options.host[LA_OPTION_PUSH] == 0) {
        return;
    }
    socket->has_more = more;
    (void)la_set_option(sockets->host, now, socket->connection, LA_OPTION_PUSH, !more);
}

/* As much as the send buffer takes of what is behind `done` octets. */
static size_t give_all(struct sockets *sockets, la_time now, struct socket *socket, const struct transfer *transfer,
                       size_t done)
{
    while (done < transfer->total) {
        const struct iovec part = transfer_at(transfer, done);
        int given = (transfer->flags & MSG_OOB) != 0
                        ? la_send_urgent(sockets->host, now, socket->connection, part.iov_base, part.iov_len)
                        : la_send(sockets->host, now, socket->connection, part.iov_base, part.iov_len);
        if (given < 0) {
            socket->is_full = given == LA_ERROR_WOULD_BLOCK;
            break;
        }
        done += (size_t)given;
        socket->is_full = (size_t)given < part.iov_len;
        if (socket->is_full) {
            break;
        }
    }
    return done;
}

/* Linux's sk_stream_error. */
static ssize_t broken_pipe(struct socket *socket, struct socket_call *call, const struct transfer *transfer)
{
    int error = socket_take_error(socket);
    if (error != 0 && error != EPIPE) {
        return -error;
    }
    call->sigpipe = (transfer->flags & MSG_NOSIGNAL) == 0;
    return -EPIPE;
}

static ssize_t send_wait(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file,
                         const struct transfer *transfer)
{
    la_time timeout = patience(file, transfer, file->socket.options.send_timeout);
    if (call_may_wait(call, now, timeout)) {
        return call_block(sockets, now, call, file, timeout);
    }
    return call_end(sockets, now, call, call->done > 0 ? (ssize_t)call->done : -EAGAIN);
}

static bool is_below_low_water(const struct sockets *sockets, const struct socket *socket)
{
    uint32_t low_water = socket->options.not_sent_low_water;
    return low_water == 0 || socket_info(sockets, socket).notsent_bytes < low_water;
}

static ssize_t transmit(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file,
                        const struct transfer *transfer)
{
    struct socket *socket = &file->socket;
    enum la_state state = socket_state(sockets, socket);
    bool is_opening = state == LA_SYN_SENT || state == LA_SYN_RECEIVED;
    if (is_opening && socket->error == 0) {
        return send_wait(sockets, now, call, file, transfer);
    }
    bool is_broken =
        socket->error != 0 || (socket->shut & SHUT_SEND) != 0 || (state != LA_ESTABLISHED && state != LA_CLOSE_WAIT);
    if (is_broken) {
        ssize_t result = call->done > 0 ? (ssize_t)call->done : broken_pipe(socket, call, transfer);
        return call_end(sockets, now, call, result);
    }
    if (is_below_low_water(sockets, socket)) {
        follow_more(sockets, now, socket, (transfer->flags & MSG_MORE) != 0);
        call->done = give_all(sockets, now, socket, transfer, call->done);
    }
    if (call->done == transfer->total) {
        return call_end(sockets, now, call, (ssize_t)call->done);
    }
    return send_wait(sockets, now, call, file, transfer);
}

static ssize_t send_parts(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                          const struct iovec *parts, size_t count, int flags)
{
    struct file *file = NULL;
    struct transfer transfer;
    int error = call_begin(sockets, now, call, fd, &file);
    error = error != 0 ? error : transfer_of(parts, count, flags, &transfer);
    if (error == 0 && (flags & MSG_FASTOPEN) != 0) {
        error = -EOPNOTSUPP;
    }
    return error != 0 ? error : transmit(sockets, now, call, file, &transfer);
}

ssize_t sockets_write(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                      size_t length)
{
    return sockets_send(sockets, now, call, fd, data, length, 0);
}

ssize_t sockets_writev(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                       const struct iovec *parts, int count)
{
    if (count < 0 || count > IOV_MAX) {
        return -EINVAL;
    }
    return send_parts(sockets, now, call, fd, parts, (size_t)count, 0);
}

ssize_t sockets_send(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                     size_t length, int flags)
{
    const struct iovec part = {(void *)(uintptr_t)data, length};
    return send_parts(sockets, now, call, fd, &part, 1, flags);
}

/* The address of a stream's peer says nothing new, and is not looked at. */
ssize_t sockets_sendto(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                       size_t length, int flags, const struct sockaddr *address, socklen_t address_length)
{
    (void)address;
    (void)address_length;
    return sockets_send(sockets, now, call, fd, data, length, flags);
}

ssize_t sockets_sendmsg(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        const struct msghdr *message, int flags)
{
    return send_parts(sockets, now, call, fd, message->msg_iov, message->msg_iovlen, flags);
}
