#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static la_time clock_read(clockid_t id)
{
    struct timespec time;
    if (clock_gettime(id, &time) != 0) {
        perror("lastack: clock_gettime");
        abort();
    }
    return (la_time)time.tv_sec * LA_SECOND + (la_time)time.tv_nsec;
}

la_time clock_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

la_time clock_epoch_offset(void)
{
    return clock_read(CLOCK_REALTIME) - clock_read(CLOCK_MONOTONIC);
}

int key_random(uint8_t key[16], struct link_error *error)
{
    ssize_t got;
    do {
        got = getrandom(key, 16, 0);
    } while (got < 0 && errno == EINTR);
    /* Up to 256 octets come whole (getrandom(2)); anything else is an error. */
    if (got != 16)
        return link_fail(error, "getrandom: %s", got < 0 ? strerror(errno) : "too few octets");
    return 0;
}
