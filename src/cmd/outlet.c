#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void outlet_open(struct outlet *outlet, struct loop *loop, int fd, void (*drained)(void *context), void *context)
{
    outlet->loop = loop;
    outlet->fd = fd;
    outlet->flags_before = fcntl(fd, F_GETFL);
    outlet->error = 0;
    outlet->start = outlet->end = 0;
    outlet->drained = drained;
    outlet->context = context;
    fcntl(fd, F_SETFL, outlet->flags_before | O_NONBLOCK);
}

bool outlet_ready(const struct outlet *outlet)
{
    return outlet->start == outlet->end && !outlet->error;
}

static size_t write_some(struct outlet *outlet, const uint8_t *data, size_t length)
{
    ssize_t written = write(outlet->fd, data, length);
    if (written >= 0)
        return (size_t)written;
    if (errno != EAGAIN && errno != EINTR)
        outlet->error = errno;
    return 0;
}

static void on_writable(void *context, int fd, short revents)
{
    struct outlet *outlet = context;
    (void)revents;
    outlet->start += write_some(outlet, outlet->waiting + outlet->start, outlet->end - outlet->start);
    if (outlet->start < outlet->end && !outlet->error)
        return;
    outlet->start = outlet->end = 0;
    loop_unwatch_fd(outlet->loop, fd);
    outlet->drained(outlet->context);
}

void outlet_put(struct outlet *outlet, const void *data, size_t length)
{
    size_t written = write_some(outlet, data, length);
    if (written == length || outlet->error)
        return;
    outlet->start = 0;
    outlet->end = length - written;
    memcpy(outlet->waiting, (const uint8_t *)data + written, outlet->end);
    loop_watch_fd(outlet->loop, outlet->fd, POLLOUT, on_writable, outlet);
}

int outlet_finish(struct outlet *outlet)
{
    fcntl(outlet->fd, F_SETFL, outlet->flags_before & ~O_NONBLOCK);
    while (outlet->start < outlet->end && !outlet->error)
        outlet->start += write_some(outlet, outlet->waiting + outlet->start, outlet->end - outlet->start);
    fcntl(outlet->fd, F_SETFL, outlet->flags_before);
    return outlet->error ? -1 : 0;
}
