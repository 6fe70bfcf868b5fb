#include "host_inspect.h"

#include "ip/reassembly.h"
#include "tcp/check.h"

static const char *replies_check(const struct replies *replies)
{
    if (replies->used > replies->bytes || replies->head >= replies->bytes || replies->tail >= replies->bytes) {
        return "replies: the ring lies within its octets";
    }
    uint32_t distance =
        replies->head >= replies->tail ? replies->head - replies->tail : replies->bytes - replies->tail + replies->head;
    bool is_full = replies->used == replies->bytes && distance == 0;
    return is_full || distance == replies->used ? NULL : "replies: what is used lies from tail to head";
}

static const char *trace_check(const struct trace_ring *ring, uint32_t capacity)
{
    bool holds = ring->count <= capacity && (ring->first < capacity || capacity == 0);
    return holds ? NULL : "trace: the ring lies within its records";
}

const char *host_check(const la_host *host)
{
    const char *wrong = replies_check(&host->core.replies);
    if (wrong == NULL) {
        wrong = trace_check(&host->core.trace, host->core.config.trace_records);
    }
    if (wrong == NULL) {
        wrong = reassembly_check(&host->ip);
    }
    return wrong != NULL ? wrong : tcp_check(&host->tcp);
}
