#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "run_call_private.h"

/* The calls themselves, and what they mean for descriptors and flows. */

enum { OPTION_BYTES_MAX = 4096 };

/* ---- descriptors and flows ---- */

static struct la_endpoint endpoint_of(const struct sockaddr_storage *address)
{
    struct la_endpoint endpoint = {0};
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(endpoint.address.octets, &v6.sin6_addr, 16);
        endpoint.port = ntohs(v6.sin6_port);
    } else if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        const uint8_t *octets = (const uint8_t *)&v4.sin_addr;
        endpoint.address = la_address_ipv4(octets[0], octets[1], octets[2], octets[3]);
        endpoint.port = ntohs(v4.sin_port);
    }
    return endpoint;
}

/* From here on the script's packets are about this socket. */
void call_made_socket(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    if (answer < 0)
        return;
    run->current_descriptor = call_new_descriptor(run, (int)attempt->call->result->integer, (int)answer);
    run->current = NULL;
}

bool call_made_descriptor(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    if (answer < 0)
        return true;
    struct descriptor *descriptor = call_new_descriptor(run, (int)attempt->call->result->integer, (int)answer);
    if (attempt->call->kind->number == CALL_DUP && attempt->descriptor != NULL) {
        descriptor->flow = attempt->descriptor->flow;
        descriptor->read_place = attempt->descriptor->read_place;
        descriptor->write_place = attempt->descriptor->write_place;
    }
    return true;
}

bool call_accepted(struct run *run, const struct attempt *attempt, ssize_t answer)
{
    if (answer < 0)
        return true;
    struct descriptor *descriptor = call_new_descriptor(run, (int)attempt->call->result->integer, (int)answer);
    struct la_endpoint remote = endpoint_of(&attempt->address);
    struct sockaddr_storage local_address = {0};
    socklen_t length = sizeof local_address;
    int named = sockets_getsockname(run->sockets, run->now, (int)answer, (struct sockaddr *)&local_address, &length);
    struct la_endpoint local = endpoint_of(&local_address);
    descriptor->flow = named == 0 ? flow_find(run, &local, &remote) : NULL;
    if (descriptor->flow == NULL)
        return run_fail(run, attempt->event->place, "%s answered a connection that no packet began",
                        attempt->call->text);
    descriptor->flow->descriptor = descriptor;
    return true;
}

bool call_begins(struct run *run, struct attempt *attempt)
{
    bool is_connect = attempt->call->kind->number == CALL_CONNECT || attempt->call->kind->number == CALL_SENDTO;
    struct descriptor *descriptor = attempt->descriptor;
    if (!is_connect || descriptor == NULL || attempt->address.ss_family == AF_UNSPEC)
        return true;
    if (attempt->call->kind->number == CALL_SENDTO && descriptor->flow != NULL)
        return true;
    struct la_endpoint remote = endpoint_of(&attempt->address);
    struct la_endpoint local = {run->settings->local, 0};
    if (descriptor->flow == NULL)
        descriptor->flow = flow_new(run, &local, &remote);
    descriptor->flow->descriptor = descriptor;
    descriptor->flow->is_connecting = true;
    descriptor->flow->remote = remote;
    run->current = descriptor->flow;
    run->current_descriptor = descriptor;
    return true;
}

/* ---- the calls ---- */

static struct sockaddr *address_of(struct attempt *a)
{
    return (struct sockaddr *)&a->address;
}

static la_time milliseconds(int64_t timeout)
{
    return timeout < 0 ? LA_TIME_NEVER : (la_time)timeout * LA_MILLISECOND;
}

static ssize_t make_socket(struct run *run, struct attempt *a)
{
    return sockets_socket(run->sockets, run->now, (int)a->number[0], (int)a->number[1], (int)a->number[2]);
}

static ssize_t make_bind(struct run *run, struct attempt *a)
{
    return sockets_bind(run->sockets, run->now, a->fd, address_of(a), a->address_length);
}

static ssize_t make_listen(struct run *run, struct attempt *a)
{
    return sockets_listen(run->sockets, run->now, a->fd, (int)a->number[1]);
}

static ssize_t make_accept(struct run *run, struct attempt *a)
{
    a->address_length = sizeof a->address;
    return sockets_accept(run->sockets, run->now, &a->state, a->fd, address_of(a), &a->address_length);
}

static ssize_t make_accept4(struct run *run, struct attempt *a)
{
    a->address_length = sizeof a->address;
    return sockets_accept4(run->sockets, run->now, &a->state, a->fd, address_of(a), &a->address_length,
                           (int)a->number[3]);
}

static ssize_t make_connect(struct run *run, struct attempt *a)
{
    return sockets_connect(run->sockets, run->now, &a->state, a->fd, address_of(a), a->address_length);
}

static ssize_t make_read(struct run *run, struct attempt *a)
{
    return sockets_read(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length);
}

static ssize_t make_readv(struct run *run, struct attempt *a)
{
    return sockets_readv(run->sockets, run->now, &a->state, a->fd, a->parts, (int)a->number[2]);
}

static ssize_t make_recv(struct run *run, struct attempt *a)
{
    return sockets_recv(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length, (int)a->number[3]);
}

static ssize_t make_recvfrom(struct run *run, struct attempt *a)
{
    a->address_length = sizeof a->address;
    return sockets_recvfrom(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length, (int)a->number[3],
                            address_of(a), &a->address_length);
}

static ssize_t make_recvmsg(struct run *run, struct attempt *a)
{
    return sockets_recvmsg(run->sockets, run->now, &a->state, a->fd, &a->message, (int)a->number[2]);
}

static ssize_t make_write(struct run *run, struct attempt *a)
{
    return sockets_write(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length);
}

static ssize_t make_writev(struct run *run, struct attempt *a)
{
    return sockets_writev(run->sockets, run->now, &a->state, a->fd, a->parts, (int)a->number[2]);
}

static ssize_t make_send(struct run *run, struct attempt *a)
{
    return sockets_send(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length, (int)a->number[3]);
}

static ssize_t make_sendto(struct run *run, struct attempt *a)
{
    return sockets_sendto(run->sockets, run->now, &a->state, a->fd, a->buffer, a->length, (int)a->number[3],
                          address_of(a), a->address_length);
}

static ssize_t make_sendmsg(struct run *run, struct attempt *a)
{
    return sockets_sendmsg(run->sockets, run->now, &a->state, a->fd, &a->message, (int)a->number[2]);
}

static ssize_t make_fcntl(struct run *run, struct attempt *a)
{
    return sockets_fcntl(run->sockets, run->now, a->fd, (int)a->number[1], (long)a->number[2]);
}

static ssize_t make_ioctl(struct run *run, struct attempt *a)
{
    int32_t argument = (int32_t)a->number[2];
    ssize_t answer = sockets_ioctl(run->sockets, run->now, a->fd, (unsigned long)a->number[1], &argument);
    memcpy(a->value, &argument, sizeof argument);
    return answer;
}

static ssize_t make_close(struct run *run, struct attempt *a)
{
    return sockets_close(run->sockets, run->now, &a->state, a->fd);
}

static ssize_t make_shutdown(struct run *run, struct attempt *a)
{
    return sockets_shutdown(run->sockets, run->now, a->fd, (int)a->number[1]);
}

static ssize_t make_getsockopt(struct run *run, struct attempt *a)
{
    return sockets_getsockopt(run->sockets, run->now, a->fd, (int)a->number[1], (int)a->number[2], a->answer,
                              &a->answer_length);
}

/* A value is of any length that the script says; beyond what it wrote are zeros. */
static ssize_t make_setsockopt(struct run *run, struct attempt *a)
{
    uint8_t value[OPTION_BYTES_MAX] = {0};
    if (a->number[4] > OPTION_BYTES_MAX)
        return -EINVAL;
    memcpy(value, a->value, sizeof a->value);
    return sockets_setsockopt(run->sockets, run->now, a->fd, (int)a->number[1], (int)a->number[2], value,
                              (socklen_t)a->number[4]);
}

static ssize_t make_poll(struct run *run, struct attempt *a)
{
    return sockets_poll(run->sockets, run->now, &a->state, a->polls, (nfds_t)a->number[1], milliseconds(a->number[2]));
}

static ssize_t make_epoll_create(struct run *run, struct attempt *a)
{
    return a->number[0] > 0 ? sockets_epoll_create1(run->sockets, run->now, 0) : -EINVAL;
}

static ssize_t make_epoll_create1(struct run *run, struct attempt *a)
{
    return sockets_epoll_create1(run->sockets, run->now, (int)a->number[0]);
}

static ssize_t make_epoll_ctl(struct run *run, struct attempt *a)
{
    return sockets_epoll_ctl(run->sockets, run->now, a->fd, (int)a->number[1], (int)a->number[2], a->events);
}

static ssize_t make_epoll_wait(struct run *run, struct attempt *a)
{
    return sockets_epoll_wait(run->sockets, run->now, &a->state, a->fd, a->events, (int)a->number[2],
                              milliseconds(a->number[3]));
}

static ssize_t make_dup(struct run *run, struct attempt *a)
{
    return sockets_dup(run->sockets, run->now, a->fd);
}

ssize_t call_make(struct run *run, struct attempt *attempt)
{
    static ssize_t (*const makers[])(struct run *, struct attempt *) = {
        [CALL_SOCKET] = make_socket,
        [CALL_BIND] = make_bind,
        [CALL_LISTEN] = make_listen,
        [CALL_ACCEPT] = make_accept,
        [CALL_ACCEPT4] = make_accept4,
        [CALL_CONNECT] = make_connect,
        [CALL_READ] = make_read,
        [CALL_READV] = make_readv,
        [CALL_RECV] = make_recv,
        [CALL_RECVFROM] = make_recvfrom,
        [CALL_RECVMSG] = make_recvmsg,
        [CALL_WRITE] = make_write,
        [CALL_WRITEV] = make_writev,
        [CALL_SEND] = make_send,
        [CALL_SENDTO] = make_sendto,
        [CALL_SENDMSG] = make_sendmsg,
        [CALL_FCNTL] = make_fcntl,
        [CALL_IOCTL] = make_ioctl,
        [CALL_CLOSE] = make_close,
        [CALL_SHUTDOWN] = make_shutdown,
        [CALL_GETSOCKOPT] = make_getsockopt,
        [CALL_SETSOCKOPT] = make_setsockopt,
        [CALL_POLL] = make_poll,
        [CALL_EPOLL_CREATE] = make_epoll_create,
        [CALL_EPOLL_CREATE1] = make_epoll_create1,
        [CALL_EPOLL_CTL] = make_epoll_ctl,
        [CALL_EPOLL_WAIT] = make_epoll_wait,
        [CALL_DUP] = make_dup,
    };
    run->steps++;
    return makers[attempt->call->kind->number](run, attempt);
}
