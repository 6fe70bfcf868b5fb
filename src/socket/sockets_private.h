#ifndef SOCKETS_PRIVATE_H
#define SOCKETS_PRIVATE_H

#include <errno.h>

#include "socket.h"

/* Descriptors point to files, as in the kernel: dup makes a second descriptor of one file, and a blocked call holds its
   file too. A file is a socket or an epoll set. Where a comment says "Linux", it says which of its functions is
   meant. */

#define NOTHING UINT32_MAX

enum file_kind { FILE_FREE, FILE_SOCKET, FILE_EPOLL };

/* How far the descriptor has come, whatever its connection has: Linux's socket->state. */
enum progress { UNCONNECTED, CONNECTING, CONNECTED, DISCONNECTING };

/* Linux's sk_shutdown. */
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_BOTH = 3 };

#define HOST_OPTIONS (LA_OPTION_QUICK_ACK + 1)

struct ip_options {
    int16_t ttl;          /* -1: the host's */
    uint8_t tos;          /* type of service, traffic class: without the bits of RFC 3168 */
    uint8_t mtu_discover; /* IP_PMTUDISC_... */
};

/* What setsockopt sets and accept hands down. */
struct socket_options {
    uint32_t given;             /* bits by enum la_option: those of `host` that were set */
    int64_t host[HOST_OPTIONS]; /* by enum la_option */
    la_time receive_timeout;    /* LA_TIME_NEVER: none */
    la_time send_timeout;
    uint32_t receive_low_water;  /* octets, 1 or more */
    uint32_t receive_buffer;     /* octets of text; what the system counts is twice that */
    uint32_t window_clamp;       /* octets; 0: none */
    uint32_t not_sent_low_water; /* octets; 0: none */
    uint32_t user_timeout_ms;
    struct ip_options ipv4; /* of IPPROTO_IP */
    struct ip_options ipv6;
    uint16_t linger_s;
    uint16_t max_segment; /* octets; 0: what the interface carries */
    uint8_t syn_count;    /* retransmissions of a SYN; 0: the host's own bound */
    bool lingers;
    bool reuse_address;
    bool reuse_port;
    bool oob_inline;
    bool ipv6_only;
};

struct socket {
    sa_family_t family;
    enum progress progress;
    bool has_connection;
    bool has_listener;
    bool has_bound_address; /* by bind, or inherited: stays when the peer goes */
    bool has_bound_port;
    bool has_port_of_its_own; /* not one that connect chose */
    bool is_over;             /* its connection has ended: the kernel's socket would be in CLOSE */
    bool is_done;             /* the peer's FIN was received: Linux's SOCK_DONE */
    bool is_full;             /* a write found no room, and there has been none since */
    bool has_more;            /* MSG_MORE corked it */
    bool syn_bound;           /* the host's user timeout is TCP_SYNCNT's */
    bool urgent_is_read;      /* by MSG_OOB: Linux's TCP_URG_READ */
    uint8_t shut;
    int error;            /* Linux's sk_err: positive */
    uint64_t urgent_mark; /* the mark that is known: octets received before and with it; 0: none */
    struct la_conn connection;
    struct la_listener listener;
    struct la_endpoint local;
    struct la_endpoint remote;
    struct socket_options options;
};

/* Entries of a pool in lists by index. */
struct list {
    uint32_t first;
    uint32_t last;
};

struct epoll {
    struct list all;
    struct list ready; /* may be ready: looked at when somebody asks */
};

struct file {
    enum file_kind kind;
    int flags;           /* O_NONBLOCK */
    unsigned references; /* descriptors and blocked calls */
    uint32_t next_free;
    struct list interests; /* epoll sets that it is in */
    union {
        struct socket socket;
        struct epoll epoll;
    };
};

enum interest_list { OF_FILE, OF_EPOLL, OF_READY, INTEREST_LISTS };

/* A descriptor in an epoll set. */
struct interest {
    struct {
        uint32_t before;
        uint32_t after;
    } link[INTEREST_LISTS]; /* free: link[0].after */
    uint32_t file;
    uint32_t epoll; /* the set's file */
    int descriptor;
    struct epoll_event event;
    bool is_ready;
    bool is_disarmed; /* EPOLLONESHOT has shot */
};

struct descriptor {
    uint32_t file; /* NOTHING: free */
    bool closes_on_exec;
};

/* How many sockets have a local port, and for how many of them connect did not choose it. */
struct port_use {
    uint32_t all;
    uint32_t own;
};

struct sockets {
    la_host *host;
    struct la_config host_config;
    struct sockets_config config;
    struct descriptor *descriptors;
    struct file *files;
    struct interest *interests;
    struct port_use *ports;  /* by port */
    uint32_t *of_connection; /* file, by the connection's slot */
    uint32_t *of_listener;
    uint32_t file_count;
    uint32_t free_file;
    uint32_t free_interest;
    uint64_t ports_drawn;
};

/* ---- sockets.c: files, descriptors, calls, the host's events ---- */

static inline struct file *file_at(const struct sockets *sockets, uint32_t number)
{
    return &sockets->files[number];
}

static inline uint32_t file_number(const struct sockets *sockets, const struct file *file)
{
    return (uint32_t)(file - sockets->files);
}

/* A file of that kind with one reference, for file_open; NULL if there are too many. */
struct file *file_new(struct sockets *sockets, enum file_kind kind);
void file_unreference(struct sockets *sockets, la_time now, struct file *file);

/* The smallest free descriptor of at least `least`, or -EMFILE. */
int descriptor_free(const struct sockets *sockets, int least);
void descriptor_set(struct sockets *sockets, int fd, struct file *file, bool closes_on_exec);
struct descriptor *descriptor_at(const struct sockets *sockets, int fd);

/* The descriptor's file, or NULL. Takes note of what the host has to say first. */
struct file *file_of(struct sockets *sockets, la_time now, int fd);

/* The same for a socket: 0, -EBADF or -ENOTSOCK. */
int socket_of(struct sockets *sockets, la_time now, int fd, struct file **file);

/* The file that a call is about: what it began with, if it is blocked. 0, -EBADF, -ENOTSOCK. */
int call_begin(struct sockets *sockets, la_time now, struct socket_call *call, int fd, struct file **file);

/* The call has to wait: at most `timeout` from its beginning. */
ssize_t call_block(struct sockets *sockets, la_time now, struct socket_call *call, struct file *file, la_time timeout);

/* Its answer. */
ssize_t call_end(struct sockets *sockets, la_time now, struct socket_call *call, ssize_t result);

/* May it wait (any longer)? timeout as for call_block; 0 for a call that must not block. */
static inline bool call_may_wait(const struct socket_call *call, la_time now, la_time timeout)
{
    return call->is_blocked ? now < call->deadline : timeout > 0;
}

/* ---- socket.c: what a socket's connection is ---- */

/* Linux's sk_state. */
enum la_state socket_state(const struct sockets *sockets, const struct socket *socket);
struct la_info socket_info(const struct sockets *sockets, const struct socket *socket);

/* The error that waits (positive; 0: none), which is told once. */
int socket_take_error(struct socket *socket);

/* It has this connection from now on, and it has these options. */
void socket_adopt(struct sockets *sockets, la_time now, struct file *file, struct la_conn connection);
void socket_apply_options(struct sockets *sockets, la_time now, struct socket *socket);

/* What the SYN-ACKs of its listener say. */
void socket_set_listener_options(struct sockets *sockets, la_time now, const struct socket *socket);

/* Lets go of the connection, or of the listener. */
void socket_drop_connection(struct sockets *sockets, la_time now, struct socket *socket);
void socket_drop_listener(struct sockets *sockets, la_time now, struct socket *socket);

/* Takes what the host has to say off its ready list. */
void sockets_take_events(struct sockets *sockets, la_time now);

/* errno of a host's error. */
int errno_of(int error);

/* ---- port.c ---- */

/* The local endpoint may be bound by this socket; `listens`: to listen there. 0 or -EADDRINUSE. */
int port_check(const struct sockets *sockets, const struct file *file, const struct la_endpoint *local, bool listens);

/* A free ephemeral port, or 0. */
uint16_t port_draw(struct sockets *sockets, const struct file *file, const struct la_address *address);

/* Who gave the port: bind, whose port stays when the peer or the listener goes; listen; connect. */
enum port_giver { PORT_OF_BIND, PORT_OF_LISTEN, PORT_OF_CONNECT };

void port_take(struct sockets *sockets, struct socket *socket, uint16_t port, enum port_giver giver);
void port_give_back(struct sockets *sockets, struct socket *socket);

/* ---- address.c ---- */

/* All zero, or 0.0.0.0: to bind there is to bind to all of the family's. */
bool address_is_wildcard(const struct la_address *address);
struct la_address address_wildcard(sa_family_t family);

/* The system's address of this socket's family: 0, -EINVAL, -EAFNOSUPPORT. */
int address_take(const struct socket *socket, const struct sockaddr *address, socklen_t length,
                 struct la_endpoint *endpoint);

/* Writes as much as *length allows, and says in it how long it is. */
void address_give(const struct socket *socket, const struct la_endpoint *endpoint, struct sockaddr *address,
                  socklen_t *length);

/* ---- close.c ---- */

/* Linux's tcp_disconnect: the peer, or the listener, is gone. */
void socket_disconnect(struct sockets *sockets, la_time now, struct file *file);

/* The last reference is gone. True: its close must still be waited for. */
bool socket_release(struct sockets *sockets, la_time now, struct file *file, bool may_linger);

/* A close that waits has nothing left to wait for. */
bool socket_close_is_over(const struct sockets *sockets, const struct socket *socket);

/* ---- poll.c, epoll.c ---- */

uint32_t file_mask(const struct sockets *sockets, const struct file *file);
uint32_t epoll_mask(const struct sockets *sockets, const struct epoll *epoll);

/* Something of this has happened to the file: EPOLLIN and so on. */
void file_wake(struct sockets *sockets, const struct file *file, uint32_t mask);

/* Takes the file out of all sets; empties the set. */
void interests_forget_file(struct sockets *sockets, struct file *file);
void interests_forget_epoll(struct sockets *sockets, struct file *file);

/* ---- option_ip.c ---- */

/* The connection sends with those of its family, the listener answers with them. */
void ip_options_apply(struct sockets *sockets, la_time now, const struct socket *socket);

/* IPPROTO_IP or IPPROTO_IPV6. */
int ip_option_set(struct sockets *sockets, la_time now, struct socket *socket, int level, int option, const void *value,
                  socklen_t length);
int ip_option_get(const struct sockets *sockets, const struct socket *socket, int level, int option, int *value);

/* ---- urgent.c ---- */

size_t urgent_octets(const struct sockets *sockets, const struct socket *socket);

/* So many octets are left to the mark: is the next one no part of what is read? */
bool urgent_is_skipped(const struct socket *socket, size_t octets);

/* MSG_OOB would read it. */
bool urgent_is_there(const struct socket *socket, const struct la_info *info);

/* The peer's urgent pointer may have moved. */
void urgent_note(struct sockets *sockets, la_time now, struct socket *socket);

/* What a read with MSG_OOB answers. */
ssize_t urgent_receive(const struct sockets *sockets, struct socket *socket, int flags, const struct iovec *room);

/* ---- information.c ---- */

struct tcp_info;
void information_fill(const struct sockets *sockets, const struct socket *socket, struct tcp_info *info);

#endif
