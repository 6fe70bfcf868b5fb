#include "sockets_private.h"

/* Urgent data as Linux's sockets have it: the last urgent octet stands at the mark; unless SO_OOBINLINE is on it is no
   part of what is read, but of what MSG_OOB reads. The host keeps the octet where it was sent (RFC 6093 2). */

/* Octets to be read up to the mark, the urgent one counted; 0: there is no mark. */
size_t urgent_octets(const struct sockets *sockets, const struct socket *socket)
{
    int octets = socket->has_connection ? la_urgent(sockets->host, socket->connection) : 0;
    return octets > 0 ? (size_t)octets : 0;
}

bool urgent_is_skipped(const struct socket *socket, size_t octets)
{
    return octets == 1 && !socket->options.oob_inline;
}

bool urgent_is_there(const struct socket *socket, const struct la_info *info)
{
    return info->rcv_urgent_bytes > 0 && info->rcv_urgent_bytes <= info->unread_bytes && !socket->urgent_is_read;
}

/* Linux's tcp_check_urg: an urgent octet that is next to be read when there is another one is lost. */
void urgent_note(struct sockets *sockets, la_time now, struct socket *socket)
{
    const struct la_info info = socket_info(sockets, socket);
    uint64_t read = info.bytes_received - info.unread_bytes;
    uint64_t mark = read + info.rcv_urgent_bytes;
    if (info.rcv_urgent_bytes == 0 || mark == socket->urgent_mark) {
        return;
    }
    if (socket->urgent_mark == read + 1 && info.unread_bytes > 0 && !socket->options.oob_inline) {
        char lost;
        (void)la_recv(sockets->host, now, socket->connection, &lost, 1);
    }
    socket->urgent_mark = mark;
    socket->urgent_is_read = false;
}

/* Linux's tcp_recv_urg. */
ssize_t urgent_receive(const struct sockets *sockets, struct socket *socket, int flags, const struct iovec *room)
{
    const struct la_info info = socket_info(sockets, socket);
    char octet = 0;
    if (socket->options.oob_inline || info.rcv_urgent_bytes == 0 || socket->urgent_is_read) {
        return -EINVAL;
    }
    if (socket_state(sockets, socket) == LA_CLOSED && !socket->is_done) {
        return -ENOTCONN;
    }
    if (!urgent_is_there(socket, &info) ||
        la_peek(sockets->host, socket->connection, info.rcv_urgent_bytes - 1, &octet, 1) != 1) {
        return (socket->shut & SHUT_RECEIVE) != 0 ? 0 : -EAGAIN;
    }
    socket->urgent_is_read = (flags & MSG_PEEK) == 0;
    if (room->iov_len == 0) {
        return 0;
    }
    if ((flags & MSG_TRUNC) == 0) {
        *(char *)room->iov_base = octet;
    }
    return 1;
}
