#include "outlet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one write takes without waiting once poll() has said that there is room: a pipe takes PIPE_BUF octets or none
   (pipe(7)), a terminal may have room for little. O_NONBLOCK is no way: it belongs to the open file, which whoever
   started us and whomever we start have too, and it would stay if we were killed. */
enum { PIPE_PIECE = 4096, TERMINAL_PIECE = 64 };

static size_t piece_of(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)))
        return 0;
    return isatty(fd) == 1 ? TERMINAL_PIECE : PIPE_PIECE;
}

void outlet_open(struct outlet *outlet, struct loop *loop, int fd, void (*drained)(void *context), void *context)
{
    outlet->loop = loop;
    outlet->fd = fd;
    outlet->piece = piece_of(fd);
    outlet->error = 0;
    outlet->start = outlet->end = 0;
    outlet->drained = drained;
    outlet->context = context;
}

bool outlet_ready(const struct outlet *outlet)
{
    return outlet->start == outlet->end && !outlet->error;
}

bool outlet_waits(const struct outlet *outlet)
{
    return outlet->start < outlet->end && !outlet->error;
}

/* A file never waits. What poll() reports beyond POLLOUT, the write will say. */
static bool takes_some(const struct outlet *outlet)
{
    struct pollfd out = {.fd = outlet->fd, .events = POLLOUT};
    return outlet->piece == 0 || poll(&out, 1, 0) > 0;
}

static size_t write_some(struct outlet *outlet, const uint8_t *data, size_t length)
{
    size_t done = 0;
    while (done < length && !outlet->error && takes_some(outlet)) {
        size_t left = length - done;
        ssize_t written = write(outlet->fd, data + done, outlet->piece && left > outlet->piece ? outlet->piece : left);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno == EAGAIN) /* somebody else has set O_NONBLOCK */
            break;
        else if (errno != EINTR)
            outlet->error = errno;
    }
    return done;
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
    size_t written = outlet_ready(outlet) ? write_some(outlet, data, length) : 0;
    if (written == length || outlet->error)
        return;
    memcpy(outlet->waiting + outlet->end, (const uint8_t *)data + written, length - written);
    outlet->end += length - written;
    loop_watch_fd(outlet->loop, outlet->fd, POLLOUT, on_writable, outlet);
}
