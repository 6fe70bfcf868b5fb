#include <sys/socket.h>

#include "sockets_private.h"

/* shutdown, disconnect, and the close of the last descriptor. */

/* Linux's tcp_need_reset: the peer has a connection that ours abandons. */
static bool peer_must_be_told(enum la_state state)
{
    return state == LA_ESTABLISHED || state == LA_CLOSE_WAIT || state == LA_FIN_WAIT_1 || state == LA_FIN_WAIT_2 ||
           state == LA_SYN_RECEIVED;
}

void socket_disconnect(struct sockets *sockets, la_time now, struct file *file)
{
    struct socket *socket = &file->socket;
    enum la_state state = socket_state(sockets, socket);
    if (state == LA_SYN_SENT || peer_must_be_told(state)) {
        (void)la_abort(sockets->host, now, socket->connection);
        socket->error = ECONNRESET;
    }
    socket_drop_listener(sockets, now, socket);
    socket_drop_connection(sockets, now, socket);
    socket->progress = UNCONNECTED;
    socket->shut = 0;
    socket->is_done = false;
    socket->is_full = false;
    socket->syn_bound = false;
    socket->remote = (struct la_endpoint){0};
    if (!socket->has_bound_address) {
        socket->local.address = address_wildcard(socket->family);
    }
    if (!socket->has_bound_port) {
        port_give_back(sockets, socket);
    }
    file_wake(sockets, file, UINT32_MAX);
}

/* ---- shutdown ---- */

static void shut(struct sockets *sockets, la_time now, struct socket *socket, unsigned how)
{
    bool sends_fin = (how & SHUT_SEND) != 0 && (socket->shut & SHUT_SEND) == 0;
    socket->shut |= (uint8_t)how;
    if (sends_fin && socket->has_connection && !socket->is_over) {
        (void)la_shutdown(sockets->host, now, socket->connection);
    }
}

int sockets_shutdown(struct sockets *sockets, la_time now, int fd, int how)
{
    struct file *file = NULL;
    int error = socket_of(sockets, now, fd, &file);
    if (error != 0) {
        return error;
    }
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        return -EINVAL;
    }
    struct socket *socket = &file->socket;
    unsigned directions = (unsigned)how + 1; /* SHUT_RECEIVE, SHUT_SEND, SHUT_BOTH */
    enum la_state state = socket_state(sockets, socket);
    if (state == LA_SYN_SENT || (state == LA_LISTEN && (directions & SHUT_RECEIVE) != 0)) {
        socket_disconnect(sockets, now, file);
        return 0;
    }
    if (socket->progress == CONNECTING) {
        bool is_opening = state == LA_SYN_RECEIVED || state == LA_CLOSED;
        socket->progress = is_opening ? DISCONNECTING : CONNECTED;
    }
    if (state != LA_LISTEN) {
        shut(sockets, now, socket, directions);
    }
    file_wake(sockets, file, UINT32_MAX);
    return state == LA_CLOSED ? -ENOTCONN : 0;
}

/* ---- close ---- */

bool socket_close_is_over(const struct sockets *sockets, const struct socket *socket)
{
    struct la_outcome outcome;
    if (la_outcome(sockets->host, socket->connection, &outcome) != LA_OK || outcome.end != LA_END_NONE) {
        return true;
    }
    return outcome.state != LA_FIN_WAIT_1 && outcome.state != LA_CLOSING && outcome.state != LA_LAST_ACK;
}

static void close_connection(struct sockets *sockets, la_time now, struct socket *socket)
{
    const struct la_info info = socket_info(sockets, socket);
    if (socket->options.lingers && socket->options.linger_s == 0 && info.unread_bytes == 0) {
        (void)la_abort(sockets->host, now, socket->connection);
    } else {
        (void)la_close(sockets->host, now, socket->connection);
    }
}

bool socket_release(struct sockets *sockets, la_time now, struct file *file, bool may_linger)
{
    struct socket *socket = &file->socket;
    socket_drop_listener(sockets, now, socket);
    if (socket->has_connection && !socket->is_over) {
        close_connection(sockets, now, socket);
        if (may_linger && socket->options.lingers && socket->options.linger_s > 0 &&
            !socket_close_is_over(sockets, socket)) {
            return true;
        }
    }
    socket_drop_connection(sockets, now, socket);
    port_give_back(sockets, socket);
    return false;
}
