#ifndef LINK_TUN_H
#define LINK_TUN_H

#include <lastack/types.h>

#include <sys/types.h>

#include "error.h"

#define TUN_NAME_BYTES 16

/* A TUN device: packets that the kernel routes to it are read here, what is written here arrives at the kernel. Each
   read and write is one IP packet, without any header before it. */
struct tun {
    int fd;       /* non-blocking, close-on-exec; -1 when closed */
    int index;    /* the kernel's interface index */
    unsigned mtu; /* 1500 until tun_set_mtu */
    bool is_tap;  /* each read and write is an Ethernet frame */
    char name[TUN_NAME_BYTES];
};

/* Opens a TUN device. name: an existing or a new device; NULL: the kernel names it lastack0, lastack1, ...
   multi_queue: several opens share the device's packets by flow. 0, or -1 with the reason. */
int tun_open(struct tun *tun, const char *name, bool multi_queue, struct link_error *error);

/* The same for a TAP device, which carries Ethernet frames. */
int tap_open(struct tun *tun, const char *name, struct link_error *error);

/* The kernel's side. 0, or -1 with the reason. tun_set_address gives the kernel an address of its own on the device
   (not the host's) and with it the route to the prefix: 10.0.0.1/24, say, when the host is 10.0.0.2. With an address of
   IPv6 it waits until the kernel takes packets for it, which asks for a device that is up. */
int tun_set_mtu(struct tun *tun, unsigned mtu, struct link_error *error);
int tun_set_address(const struct tun *tun, const struct la_address *address, unsigned prefix_length,
                    struct link_error *error);
int tun_up(const struct tun *tun, struct link_error *error);

/* One packet from the kernel: its length, 0 if there is none now, -1 with the reason. */
ssize_t tun_read(const struct tun *tun, void *buffer, size_t size, struct link_error *error);

/* One packet to the kernel: 1, 0 if its queue is full (wait for POLLOUT), -1 with the reason. A packet that the kernel
   refuses as malformed, or because the device is down, counts as sent: networks lose packets. */
int tun_write(const struct tun *tun, const void *packet, size_t length, struct link_error *error);

void tun_close(struct tun *tun);

/* Brings an interface of the current network namespace up by its name ("lo"). 0, or -1 with the reason. */
int link_up(const char *name, struct link_error *error);

#endif
