#ifndef DRILL_CALLS_H
#define DRILL_CALLS_H

#include "script.h"

/* The calls that scripts can make, and what their arguments look like. */

enum call_number {
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_ACCEPT4,
    CALL_CONNECT,
    CALL_READ,
    CALL_READV,
    CALL_RECV,
    CALL_RECVFROM,
    CALL_RECVMSG,
    CALL_WRITE, /* from here to CALL_SENDMSG: those that send */
    CALL_WRITEV,
    CALL_SEND,
    CALL_SENDTO,
    CALL_SENDMSG,
    CALL_FCNTL,
    CALL_IOCTL,
    CALL_CLOSE,
    CALL_SHUTDOWN,
    CALL_GETSOCKOPT,
    CALL_SETSOCKOPT,
    CALL_POLL,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CREATE1,
    CALL_EPOLL_CTL,
    CALL_EPOLL_WAIT,
    CALL_DUP
};

enum argument_kind {
    ARGUMENT_FD,           /* 3: a number that an earlier call answered */
    ARGUMENT_INTEGER,      /* 1, O_RDWR|O_NONBLOCK */
    ARGUMENT_ANY,          /* ... */
    ARGUMENT_BUFFER,       /* ..., or 0 for NULL */
    ARGUMENT_ADDRESS,      /* ..., AF_UNSPEC, {sa_family=...} */
    ARGUMENT_IOVEC,        /* [{..., 40}, {..., 20}] */
    ARGUMENT_MSGHDR,       /* {msg_name(...)=..., msg_iov(1)=[{..., 40}], msg_flags=0} */
    ARGUMENT_POLLFDS,      /* [{fd=4, events=POLLIN, revents=POLLIN}] */
    ARGUMENT_EPOLL_EVENT,  /* {events=EPOLLIN, fd=4} */
    ARGUMENT_EPOLL_EVENTS, /* the same, or a list of them */
    ARGUMENT_VALUE,        /* an option's value: [1], {onoff=1, linger=0}, "reno", {tv_sec=1, tv_usec=0} */
    ARGUMENT_LENGTH,       /* [4] */
    ARGUMENT_IOCTL         /* [1000], or 1 */
};

enum { CALL_ARGUMENTS_MAX = 6 };

struct call_kind {
    const char *name;
    enum call_number number;
    bool answers_fd;
    unsigned minimum; /* of arguments */
    unsigned maximum;
    enum argument_kind arguments[CALL_ARGUMENTS_MAX];
};

/* NULL if there is no such call. */
const struct call_kind *call_kind_find(const char *name);

/* All names, for an error message. */
void call_kind_names(FILE *out);

/* Whether a call of that name is packetdrill's, though not one that a lastack host can make. */
bool call_kind_is_foreign(const char *name);

/* Whether the call's arguments are what its kind wants. */
bool call_check(const struct call *call, struct problem *problem);

/* The member of a VALUE_STRUCT; NULL if it has none of that name. */
const struct value *value_member(const struct value *value, const char *name);

#endif
