#include "sockets_private.h"

/* What a socket's connection is, and what the host says of it. */

enum la_state socket_state(const struct sockets *sockets, const struct socket *socket)
{
    if (socket->has_listener) {
        return LA_LISTEN;
    }
    if (!socket->has_connection || socket->is_over) {
        return LA_CLOSED;
    }
    return socket_info(sockets, socket).state;
}

struct la_info socket_info(const struct sockets *sockets, const struct socket *socket)
{
    struct la_info info = {.state = LA_CLOSED};
    if (socket->has_connection) {
        (void)la_info(sockets->host, socket->connection, &info);
    }
    return info;
}

int socket_take_error(struct socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

int errno_of(int error)
{
    switch ((enum la_error)error) {
    case LA_OK: return 0;
    case LA_ERROR_INVALID: return EINVAL;
    case LA_ERROR_STALE: return EBADF;
    case LA_ERROR_WOULD_BLOCK: return EAGAIN;
    case LA_ERROR_NOT_CONNECTED: return ENOTCONN;
    case LA_ERROR_CLOSING: return EPIPE;
    case LA_ERROR_ENDED: return EPIPE;
    case LA_ERROR_NO_CONNECTION: return ENOBUFS;
    case LA_ERROR_NO_LISTENER: return ENOBUFS;
    case LA_ERROR_NO_SETTINGS: return ENOBUFS;
    case LA_ERROR_NO_INTERFACE: return ENETDOWN;
    case LA_ERROR_NO_ADDRESS: return EADDRNOTAVAIL;
    case LA_ERROR_NO_ROUTE: return ENETUNREACH;
    case LA_ERROR_NO_PORT: return EADDRNOTAVAIL;
    case LA_ERROR_IN_USE: return EADDRNOTAVAIL;
    case LA_ERROR_WAITS: return EADDRNOTAVAIL;
    case LA_ERROR_QUIET: return ENETDOWN;
    }
    return EINVAL;
}

/* ---- how it ended ---- */

/* Linux's icmp_err_convert. */
static int errno_of_unreachable(enum la_unreachable unreachable)
{
    switch (unreachable) {
    case LA_UNREACHABLE_NONE: return 0;
    case LA_UNREACHABLE_NETWORK: return ENETUNREACH;
    case LA_UNREACHABLE_HOST: return EHOSTUNREACH;
    case LA_UNREACHABLE_PROTOCOL: return ENOPROTOOPT;
    case LA_UNREACHABLE_PORT: return ECONNREFUSED;
    case LA_UNREACHABLE_PROHIBITED: return EHOSTUNREACH;
    case LA_UNREACHABLE_OTHER: return 0;
    }
    return 0;
}

/* Linux's tcp_reset, tcp_write_err and tcp_v4_err. */
static int errno_of_outcome(const struct la_outcome *outcome)
{
    int soft = errno_of_unreachable(outcome->unreachable);
    switch (outcome->end) {
    case LA_END_NONE:
    case LA_END_CLEAN:
    case LA_END_ABORTED:
    case LA_END_CLOSED_EARLY:
    case LA_END_UNREAD_DATA:
    case LA_END_DATA_AFTER_CLOSE:
    case LA_END_LINGER_BOUND:
    case LA_END_FIN_WAIT_2_BOUND:
    case LA_END_ORPHAN_BOUND:
    case LA_END_UNDONE: return 0;
    case LA_END_RESET_BY_PEER: return outcome->state == LA_CLOSE_WAIT ? EPIPE : ECONNRESET;
    case LA_END_REFUSED: return outcome->state == LA_SYN_SENT ? ECONNREFUSED : ECONNRESET;
    case LA_END_TIMED_OUT:
    case LA_END_USER_TIMEOUT:
    case LA_END_KEEPALIVE: return soft != 0 ? soft : ETIMEDOUT;
    case LA_END_WAITS: return EADDRNOTAVAIL;
    case LA_END_UNREACHABLE: return soft != 0 ? soft : ECONNREFUSED;
    }
    return 0;
}

/* Its connection is in CLOSED, or in TIME-WAIT, as far as the socket is concerned: Linux's tcp_done. */
static void note_end(const struct sockets *sockets, struct file *file)
{
    struct socket *socket = &file->socket;
    struct la_outcome outcome;
    if (socket->is_over || la_outcome(sockets->host, socket->connection, &outcome) != LA_OK ||
        outcome.end == LA_END_NONE) {
        return;
    }
    socket->is_over = true;
    socket->is_done |= outcome.end == LA_END_CLEAN;
    socket->shut = SHUT_BOTH;
    int error = errno_of_outcome(&outcome);
    socket->error = error != 0 ? error : socket->error;
}

/* Trouble on the way. RFC 9293 MUST-56 waits and sees; Linux gives a connect up, and so does who called it. */
static void note_trouble(struct sockets *sockets, la_time now, struct file *file)
{
    struct socket *socket = &file->socket;
    struct la_outcome outcome;
    if (socket_state(sockets, socket) != LA_SYN_SENT ||
        la_outcome(sockets->host, socket->connection, &outcome) != LA_OK) {
        return;
    }
    int error = errno_of_unreachable(outcome.unreachable);
    if (error != 0) {
        (void)la_abort(sockets->host, now, socket->connection);
        note_end(sockets, file);
        socket->error = error;
        file_wake(sockets, file, UINT32_MAX);
    }
}

/* ---- events ---- */

static struct file *file_of_connection(const struct sockets *sockets, struct la_conn connection)
{
    if (connection.slot >= sockets->host_config.connections) {
        return NULL;
    }
    struct file *file = file_at(sockets, sockets->of_connection[connection.slot]);
    const struct la_conn *own = &file->socket.connection;
    bool is_its = file->kind == FILE_SOCKET && file->socket.has_connection && own->slot == connection.slot &&
                  own->generation == connection.generation;
    return is_its ? file : NULL;
}

static struct file *file_of_listener(const struct sockets *sockets, struct la_listener listener)
{
    if (listener.slot >= sockets->host_config.listeners) {
        return NULL;
    }
    struct file *file = file_at(sockets, sockets->of_listener[listener.slot]);
    const struct la_listener *own = &file->socket.listener;
    bool is_its = file->kind == FILE_SOCKET && file->socket.has_listener && own->slot == listener.slot &&
                  own->generation == listener.generation;
    return is_its ? file : NULL;
}

/* The SYN is acknowledged: TCP_SYNCNT has done its work. */
static void note_established(struct sockets *sockets, la_time now, struct socket *socket)
{
    if (socket->syn_bound) {
        socket->syn_bound = false;
        (void)la_set_option(sockets->host, now, socket->connection, LA_OPTION_USER_TIMEOUT_MS,
                            socket->options.user_timeout_ms);
    }
}

static void note_event(struct sockets *sockets, la_time now, struct file *file, uint32_t flags)
{
    struct socket *socket = &file->socket;
    uint32_t woken = 0;
    if ((flags & LA_READY_ESTABLISHED) != 0) {
        note_established(sockets, now, socket);
        woken = UINT32_MAX;
    }
    if ((flags & LA_READY_READABLE) != 0) {
        woken |= EPOLLIN | EPOLLRDNORM;
    }
    if ((flags & LA_READY_URGENT) != 0) {
        urgent_note(sockets, now, socket);
    }
    if ((flags & (LA_READY_READABLE | LA_READY_URGENT)) !=
        0) { /* the octet may have come before or after its pointer */
        woken |= EPOLLPRI | EPOLLRDBAND;
    }
    if ((flags & LA_READY_WRITABLE) != 0) {
        socket->is_full = false;
        woken |= EPOLLOUT | EPOLLWRNORM;
    }
    if ((flags & LA_READY_PEER_CLOSED) != 0) {
        socket->shut |= SHUT_RECEIVE;
        socket->is_done = true;
        woken = UINT32_MAX;
    }
    if ((flags & LA_READY_ENDED) != 0) {
        note_end(sockets, file);
        woken = UINT32_MAX;
    }
    if ((flags & LA_READY_ERROR) != 0) {
        note_trouble(sockets, now, file);
    }
    file_wake(sockets, file, woken);
}

void sockets_take_events(struct sockets *sockets, la_time now)
{
    struct la_event event;
    while (la_host_event(sockets->host, &event)) {
        struct file *file = (event.flags & LA_READY_ACCEPTABLE) != 0 ? file_of_listener(sockets, event.listener)
                                                                     : file_of_connection(sockets, event.conn);
        if (file == NULL) {
            continue;
        }
        if ((event.flags & LA_READY_ACCEPTABLE) != 0) {
            file_wake(sockets, file, EPOLLIN | EPOLLRDNORM);
        } else {
            note_event(sockets, now, file, event.flags);
        }
    }
}

/* ---- connections ---- */

void socket_apply_options(struct sockets *sockets, la_time now, struct socket *socket)
{
    const struct socket_options *options = &socket->options;
    for (unsigned option = 0; option < HOST_OPTIONS; option++) {
        if ((options->given >> option & 1) != 0) {
            (void)la_set_option(sockets->host, now, socket->connection, (enum la_option)option, options->host[option]);
        }
    }
}

void socket_adopt(struct sockets *sockets, la_time now, struct file *file, struct la_conn connection)
{
    struct socket *socket = &file->socket;
    socket->has_connection = true;
    socket->connection = connection;
    socket->is_over = false;
    socket->is_done = false;
    socket->is_full = false;
    socket->has_more = false;
    sockets->of_connection[connection.slot] = file_number(sockets, file);
    socket_apply_options(sockets, now, socket);
    const struct la_info info = socket_info(sockets, socket);
    socket->local.address = info.local.address;
    socket->remote = info.remote;
    ip_options_apply(sockets, now, socket);
    socket->urgent_mark = 0;
    urgent_note(sockets, now, socket);
}

void socket_drop_connection(struct sockets *sockets, la_time now, struct socket *socket)
{
    if (socket->has_connection) {
        socket->has_connection = false;
        socket->is_over = false;
        (void)la_release(sockets->host, now, socket->connection);
    }
}

void socket_drop_listener(struct sockets *sockets, la_time now, struct socket *socket)
{
    if (socket->has_listener) {
        socket->has_listener = false;
        (void)la_unlisten(sockets->host, now, socket->listener);
    }
}
