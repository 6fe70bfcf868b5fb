#ifndef DRILL_SO_INTERFACE_H
#define DRILL_SO_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What packetdrill asks of a shared object that it is told to test (--so_filename): one function that fills in a table.
   The order of the table is the interface; each entry is called with the table's own first word. Calls answer and set
   errno as the system's calls of the same name do. */
struct packetdrill_table {
    void *self;
    void (*end)(void *self);
    int (*socket)(void *self, int family, int type, int protocol);
    int (*bind)(void *self, int fd, const struct sockaddr *address, socklen_t length);
    int (*listen)(void *self, int fd, int backlog);
    int (*accept)(void *self, int fd, struct sockaddr *address, socklen_t *length);
    int (*connect)(void *self, int fd, const struct sockaddr *address, socklen_t length);
    ssize_t (*read)(void *self, int fd, void *data, size_t length);
    ssize_t (*readv)(void *self, int fd, const struct iovec *parts, int count);
    ssize_t (*recv)(void *self, int fd, void *data, size_t length, int flags);
    ssize_t (*recvfrom)(void *self, int fd, void *data, size_t length, int flags, struct sockaddr *address,
                        socklen_t *address_length);
    ssize_t (*recvmsg)(void *self, int fd, struct msghdr *message, int flags);
    ssize_t (*write)(void *self, int fd, const void *data, size_t length);
    ssize_t (*writev)(void *self, int fd, const struct iovec *parts, int count);
    ssize_t (*send)(void *self, int fd, const void *data, size_t length, int flags);
    ssize_t (*sendto)(void *self, int fd, const void *data, size_t length, int flags, const struct sockaddr *address,
                      socklen_t address_length);
    ssize_t (*sendmsg)(void *self, int fd, const struct msghdr *message, int flags);
    int (*fcntl)(void *self, int fd, int command, ...);
    int (*ioctl)(void *self, int fd, unsigned long request, ...);
    int (*close)(void *self, int fd);
    int (*shutdown)(void *self, int fd, int how);
    int (*getsockopt)(void *self, int fd, int level, int option, void *value, socklen_t *length);
    int (*setsockopt)(void *self, int fd, int level, int option, const void *value, socklen_t length);
    int (*poll)(void *self, struct pollfd *fds, nfds_t count, int timeout_ms);
    /* An IP packet to the host: what it leads to has happened when this returns. 0, or -1. */
    int (*netdev_send)(void *self, const void *packet, size_t length);
    /* The next packet that the host sends, waited for; *length is the buffer's size, then the packet's. 0, or -1. */
    int (*netdev_receive)(void *self, void *packet, size_t *length, long long *time_us);
    int (*usleep)(void *self, useconds_t microseconds);
    int (*gettimeofday)(void *self, struct timeval *time, struct timezone *zone);
    int (*epoll_create)(void *self, int size);
    int (*epoll_ctl)(void *self, int epoll, int operation, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *self, int epoll, struct epoll_event *events, int count, int timeout_ms);
    int (*pipe)(void *self, int fds[2]);
    int (*splice)(void *self, int from, loff_t *from_offset, int to, loff_t *to_offset, size_t length, unsigned flags);
};

/* flags: --so_flags, or NULL: settings of lastack drill, with commas between them ("msl_ms=1000,ttl=32"). */
__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_table *table);

#endif
