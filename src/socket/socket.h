#ifndef SOCKET_SOCKET_H
#define SOCKET_SOCKET_H

/* BSD sockets on a host: descriptors, blocking calls, poll and epoll, with Linux's semantics and Linux's errors, on
   <lastack/lastack.h> alone. No threads, no clock, nothing that sleeps: a program in virtual time and a loop with
   threads drive it in the same way.

     struct socket_call call = {0};
     do {
         n = sockets_recv(sockets, now, &call, fd, buffer, sizeof buffer, 0);
     } while (n == SOCKET_BLOCKED && let_something_happen(&now, call.deadline));

   Rules that hold for every function here:
   - The caller owns the host: it hands in packets and time, and pulls packets after every call here. The host's ready
     list (la_host_event) and its handles are this layer's. What the caller does to the host between two calls is seen
     by the next one.
   - A result is what the system call of the same name answers, or its negative errno.
   - Structures and constants are the system's: <sys/socket.h>, <netinet/in.h>, <poll.h>, <sys/epoll.h>, <sys/uio.h>,
     <fcntl.h>, <sys/ioctl.h>, <linux/sockios.h>; of TCP those of <linux/tcp.h>, whose struct tcp_info is longer than
     that of <netinet/tcp.h>.
   - No pointer is kept, but what a blocked call is given must stand until it is called again. */

#include <lastack/lastack.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sockets;

struct sockets_config {
    int first_descriptor; /* 3: the smallest number given out */
    unsigned descriptors; /* 1024: open at a time, EMFILE beyond */
    unsigned interests;   /* 1024: descriptors in all epoll sets together, ENOSPC beyond */
    unsigned somaxconn;   /* 4096: the largest backlog */
    uint64_t seed;        /* 0: the ports that bind gives out follow from it */
};

void sockets_config_default(struct sockets_config *config);

/* Descriptors over this host, whose config is the one it was made with: it says how many connections there are, what
   buffers may be, and which ports are ephemeral. NULL if memory is short or a number is out of range. The host stays
   the caller's, and must outlive them. */
struct sockets *sockets_new(la_host *host, const struct la_config *host_config, const struct sockets_config *config);

/* Closes what is open, as the end of a process does, and frees the memory. */
void sockets_free(struct sockets *sockets, la_time now);

/* ---- calls that block --------------------------------------------------------------------------------------------

   A call that takes a struct socket_call may answer SOCKET_BLOCKED. Then it is to be made again, with the same
   arguments and the same struct, when the host has changed (packets, timers, other calls), and at call->deadline at
   the latest (the descriptor's SO_RCVTIMEO or SO_SNDTIMEO, a poll's timeout, SO_LINGER's seconds; LA_TIME_NEVER:
   none). What it has done so far it keeps there: octets taken are not taken twice. A deadline that has come makes it
   answer for good.

   The descriptor may be closed meanwhile, and its number be somebody else's: the call goes on with what it began
   with, as in the kernel. A struct that is all zero begins a call; one whose call has answered may begin the next. */

#define SOCKET_BLOCKED ((ssize_t)-4096) /* no errno is so large */

struct socket_call {
    la_time deadline; /* SOCKET_BLOCKED: when to call again, whatever happens */
    bool sigpipe;     /* answered -EPIPE, and the kernel would have raised SIGPIPE */
    bool is_blocked;  /* begun and not finished */
    unsigned file;    /* what it began with: the layer's number of it */
    size_t done;      /* octets */
};

/* Ends a blocked call as a signal's handler would: what it has done so far, or -EINTR. Needed before a struct whose
   call is blocked may be forgotten. */
ssize_t sockets_interrupt(struct sockets *sockets, la_time now, struct socket_call *call);

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

/* AF_INET or AF_INET6, SOCK_STREAM with SOCK_NONBLOCK and SOCK_CLOEXEC, protocol 0 or IPPROTO_TCP. */
int sockets_socket(struct sockets *sockets, la_time now, int family, int type, int protocol);

/* The number is free at once, also while the call is blocked: that happens with SO_LINGER on, until what was written
   and the FIN are acknowledged or the seconds are over. Sends a RST instead of a FIN where there is unread data, and
   with SO_LINGER on and no seconds. */
ssize_t sockets_close(struct sockets *sockets, la_time now, struct socket_call *call, int fd);

int sockets_dup(struct sockets *sockets, la_time now, int fd);

/* F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD (FD_CLOEXEC, only kept), F_DUPFD, F_DUPFD_CLOEXEC. */
int sockets_fcntl(struct sockets *sockets, la_time now, int fd, int command, long argument);

/* FIONREAD (SIOCINQ), SIOCOUTQ (TIOCOUTQ), SIOCOUTQNSD, SIOCATMARK: an int; FIONBIO: from an int. */
int sockets_ioctl(struct sockets *sockets, la_time now, int fd, unsigned long request, void *argument);

/* Is there such a descriptor? */
bool sockets_is_open(const struct sockets *sockets, int fd);

/* The descriptor's connection, for la_info and la_outcome: -ENOTCONN if it has none. */
int sockets_connection(const struct sockets *sockets, int fd, struct la_conn *conn);

/* ---- opening ----------------------------------------------------------------------------------------------------- */

int sockets_bind(struct sockets *sockets, la_time now, int fd, const struct sockaddr *address, socklen_t length);

/* A socket that is not bound gets an ephemeral port; one that listens already another backlog. */
int sockets_listen(struct sockets *sockets, la_time now, int fd, int backlog);

ssize_t sockets_accept(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct sockaddr *address,
                       socklen_t *length);

/* flags: SOCK_NONBLOCK, SOCK_CLOEXEC. */
ssize_t sockets_accept4(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        struct sockaddr *address, socklen_t *length, int flags);

/* AF_UNSPEC: lets go of the peer (with a RST where there is one), and is what it was before it connected or listened.
   */
ssize_t sockets_connect(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        const struct sockaddr *address, socklen_t length);

int sockets_getsockname(struct sockets *sockets, la_time now, int fd, struct sockaddr *address, socklen_t *length);
int sockets_getpeername(struct sockets *sockets, la_time now, int fd, struct sockaddr *address, socklen_t *length);

/* ---- data -------------------------------------------------------------------------------------------------------- */

ssize_t sockets_read(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data, size_t length);
ssize_t sockets_readv(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const struct iovec *parts,
                      int count);
/* MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, MSG_TRUNC (discards), MSG_OOB. */
ssize_t sockets_recv(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data, size_t length,
                     int flags);
ssize_t sockets_recvfrom(struct sockets *sockets, la_time now, struct socket_call *call, int fd, void *data,
                         size_t length, int flags, struct sockaddr *address, socklen_t *address_length);
ssize_t sockets_recvmsg(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct msghdr *message,
                        int flags);

ssize_t sockets_write(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                      size_t length);
ssize_t sockets_writev(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                       const struct iovec *parts, int count);
/* MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE, MSG_OOB, MSG_EOR; MSG_FASTOPEN is -EOPNOTSUPP. */
ssize_t sockets_send(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                     size_t length, int flags);
ssize_t sockets_sendto(struct sockets *sockets, la_time now, struct socket_call *call, int fd, const void *data,
                       size_t length, int flags, const struct sockaddr *address, socklen_t address_length);
ssize_t sockets_sendmsg(struct sockets *sockets, la_time now, struct socket_call *call, int fd,
                        const struct msghdr *message, int flags);

int sockets_shutdown(struct sockets *sockets, la_time now, int fd, int how);

/* ---- options: docs/sockets.md lists what there is and what it does ----------------------------------------------- */

int sockets_getsockopt(struct sockets *sockets, la_time now, int fd, int level, int option, void *value,
                       socklen_t *length);
int sockets_setsockopt(struct sockets *sockets, la_time now, int fd, int level, int option, const void *value,
                       socklen_t length);

/* ---- readiness --------------------------------------------------------------------------------------------------- */

/* What poll says of one descriptor: POLLIN and so on; POLLNVAL if there is none. */
short sockets_poll_mask(struct sockets *sockets, la_time now, int fd);

/* timeout: LA_TIME_NEVER: for ever, 0: not at all, else so long from the first call on. */
ssize_t sockets_poll(struct sockets *sockets, la_time now, struct socket_call *call, struct pollfd *fds, nfds_t count,
                     la_time timeout);
/* The sets are changed when it answers, not while it is blocked. */
ssize_t sockets_select(struct sockets *sockets, la_time now, struct socket_call *call, int count, fd_set *readable,
                       fd_set *writable, fd_set *exceptional, la_time timeout);

/* flags: EPOLL_CLOEXEC. */
int sockets_epoll_create1(struct sockets *sockets, la_time now, int flags);
/* EPOLLET, EPOLLONESHOT. An epoll descriptor within another one is -EINVAL. */
int sockets_epoll_ctl(struct sockets *sockets, la_time now, int epoll, int operation, int fd,
                      const struct epoll_event *event);
ssize_t sockets_epoll_wait(struct sockets *sockets, la_time now, struct socket_call *call, int epoll,
                           struct epoll_event *events, int count, la_time timeout);

#endif
