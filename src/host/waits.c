#include "host.h"

#include "tcp/hand_over.h"

/* <lastack/waits.h>. */

bool la_wait_next(const la_host *host, uint64_t *place, struct la_wait *wait)
{
    return tcp_wait_next(&host->tcp, place, wait);
}

size_t la_time_wait_save_size(const la_host *host)
{
    return hand_over_size(&host->tcp);
}

size_t la_time_wait_save(la_host *host, la_time now, uint64_t wall, void *data, size_t size)
{
    core_set_time(&host->core, now);
    return hand_over_save(&host->tcp, wall, data, size);
}

const char *la_time_wait_saved(const void *data, size_t length, struct la_time_wait_saved *saved)
{
    return hand_over_saved(data, length, saved);
}

const char *la_time_wait_load(la_host *host, la_time now, uint64_t wall, const void *data, size_t length)
{
    core_set_time(&host->core, now);
    return hand_over_load(&host->tcp, wall, data, length);
}
