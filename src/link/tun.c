#include "tun.h"

#include "rtnetlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

static const char *open_advice(int why)
{
    switch (why) {
    case EACCES: /* a matter of the file's mode, which is 0666 nearly everywhere: no namespace helps */
    case EPERM: return "permission denied: run as root, or let this user open it (chmod 666 " TUN_PATH ")";
    case ENOENT:
    case ENODEV:
    case ENXIO: return "this kernel has no TUN device: load the module tun";
    default: return strerror(why);
    }
}

static const char *attach_advice(int why)
{
    switch (why) {
    case EPERM: return "permission denied: run as root or with --netns";
    case EBUSY: return "another program has this device open";
    case EINVAL: return "a device of this name is there already, and it is no TUN device of this kind";
    default: return strerror(why);
    }
}

static int device_open(struct tun *tun, const char *name, int flags, struct link_error *error)
{
    memset(tun, 0, sizeof *tun);
    tun->fd = -1;
    if (name != NULL && (name[0] == '\0' || strlen(name) >= sizeof tun->name))
        return link_fail(error, "'%s': the name of a device has 1 to %zu characters", name, sizeof tun->name - 1);
    tun->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun->fd < 0)
        return link_fail(error, TUN_PATH ": %s", open_advice(errno));
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_flags = (short)(flags | IFF_NO_PI);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name != NULL ? name : "lastack%d");
    if (ioctl(tun->fd, TUNSETIFF, &request) < 0) {
        int why = errno;
        tun_close(tun);
        return link_fail(error, TUN_PATH ": %s: %s", request.ifr_name, attach_advice(why));
    }
    memcpy(tun->name, request.ifr_name, sizeof tun->name - 1);
    tun->is_tap = (flags & IFF_TAP) != 0;
    tun->mtu = 1500;
    tun->index = (int)if_nametoindex(tun->name);
    if (tun->index == 0) {
        int why = errno;
        tun_close(tun);
        return link_fail(error, "%s: no index: %s", request.ifr_name, strerror(why));
    }
    return 0;
}

int tun_open(struct tun *tun, const char *name, bool multi_queue, struct link_error *error)
{
    return device_open(tun, name, IFF_TUN | (multi_queue ? IFF_MULTI_QUEUE : 0), error);
}

int tap_open(struct tun *tun, const char *name, struct link_error *error)
{
    return device_open(tun, name, IFF_TAP, error);
}

int tun_set_mtu(struct tun *tun, unsigned mtu, struct link_error *error)
{
    if (rtnetlink_set_mtu(tun->index, mtu, tun->name, error) < 0)
        return -1;
    tun->mtu = mtu;
    return 0;
}

int tun_set_address(const struct tun *tun, const struct la_address *address, unsigned prefix_length,
                    struct link_error *error)
{
    return rtnetlink_add_address(tun->index, address, prefix_length, tun->name, error);
}

int tun_up(const struct tun *tun, struct link_error *error)
{
    return rtnetlink_set_up(tun->index, tun->name, error);
}

ssize_t tun_read(const struct tun *tun, void *buffer, size_t size, struct link_error *error)
{
    ssize_t length;
    do {
        length = read(tun->fd, buffer, size);
    } while (length < 0 && errno == EINTR);
    if (length < 0 && errno == EAGAIN)
        return 0;
    if (length < 0)
        return link_fail(error, "%s: read: %s", tun->name, errno == EBADFD ? "the device is gone" : strerror(errno));
    return length;
}

int tun_write(const struct tun *tun, const void *packet, size_t length, struct link_error *error)
{
    ssize_t written;
    do {
        written = write(tun->fd, packet, length);
    } while (written < 0 && errno == EINTR);
    if (written >= 0)
        return 1;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS: return 0;
    case EIO:    /* the device is down */
    case EINVAL: /* not an IP packet, in the kernel's eyes */
    case ENOMEM: return 1;
    case EBADFD: return link_fail(error, "%s: write: the device is gone", tun->name);
    default: return link_fail(error, "%s: write: %s", tun->name, strerror(errno));
    }
}

void tun_close(struct tun *tun)
{
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}

int link_up(const char *name, struct link_error *error)
{
    unsigned index = if_nametoindex(name);
    if (index == 0)
        return link_fail(error, "%s: no such interface", name);
    return rtnetlink_set_up((int)index, name, error);
}
