#include "flows.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

/* One direction of a connection: what its sender has sent. */
struct flow_side {
    bool syn_seen;
    bool fin_seen;
    bool acked;      /* it has acknowledged the other side's FIN... */
    bool acked_last; /* ...and had sent its own before */
    uint32_t isn;
    uint32_t fin_end; /* the number after its FIN: what acknowledges it */
    uint32_t count[PACKET_KIND_COUNT];
};

struct flow {
    struct la_endpoint local;
    struct la_endpoint remote;
    struct flow_side side[2]; /* by enum link_direction */
    uint32_t next;            /* in the bucket, or in the list of free ones */
    uint32_t older;
    uint32_t newer;
};

struct flows {
    uint32_t capacity;
    uint32_t free;
    uint32_t oldest;
    uint32_t newest;
    uint32_t packets[2]; /* of any kind, by direction */
    uint32_t *bucket;    /* capacity of them */
    struct flow *flow;
};

struct flows *flows_new(uint32_t capacity)
{
    struct flows *flows = calloc(1, sizeof *flows);
    if (flows == NULL)
        return NULL;
    flows->bucket = calloc(capacity, sizeof *flows->bucket);
    flows->flow = calloc(capacity, sizeof *flows->flow);
    if (flows->bucket == NULL || flows->flow == NULL) {
        flows_free(flows);
        return NULL;
    }
    flows->capacity = capacity;
    flows->oldest = flows->newest = NOBODY;
    for (uint32_t i = 0; i < capacity; i++) {
        flows->bucket[i] = NOBODY;
        flows->flow[i].next = i + 1 < capacity ? i + 1 : NOBODY;
    }
    return flows;
}

void flows_free(struct flows *flows)
{
    if (flows == NULL)
        return;
    free(flows->bucket);
    free(flows->flow);
    free(flows);
}

/* FNV-1a. Nobody gains by collisions here: the table is small, and serves one experiment. */
static uint32_t hash_endpoint(uint32_t hash, const struct la_endpoint *endpoint)
{
    for (size_t i = 0; i < sizeof endpoint->address.octets; i++)
        hash = (hash ^ endpoint->address.octets[i]) * 16777619U;
    hash = (hash ^ (endpoint->port & 255U)) * 16777619U;
    return (hash ^ (uint32_t)(endpoint->port >> 8)) * 16777619U;
}

static uint32_t *bucket_of(struct flows *flows, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    uint32_t hash = hash_endpoint(hash_endpoint(2166136261U, local), remote);
    return &flows->bucket[hash % flows->capacity];
}

static bool same_endpoint(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

static void age_remove(struct flows *flows, uint32_t index)
{
    struct flow *flow = &flows->flow[index];
    if (flow->older != NOBODY)
        flows->flow[flow->older].newer = flow->newer;
    else
        flows->oldest = flow->newer;
    if (flow->newer != NOBODY)
        flows->flow[flow->newer].older = flow->older;
    else
        flows->newest = flow->older;
}

static void age_append(struct flows *flows, uint32_t index)
{
    struct flow *flow = &flows->flow[index];
    flow->older = flows->newest;
    flow->newer = NOBODY;
    if (flows->newest != NOBODY)
        flows->flow[flows->newest].newer = index;
    else
        flows->oldest = index;
    flows->newest = index;
}

static void forget_oldest(struct flows *flows)
{
    uint32_t index = flows->oldest;
    struct flow *flow = &flows->flow[index];
    uint32_t *link = bucket_of(flows, &flow->local, &flow->remote);
    while (*link != index)
        link = &flows->flow[*link].next;
    *link = flow->next;
    age_remove(flows, index);
    flow->next = flows->free;
    flows->free = index;
}

/* The connection between these ends, made if it is new, and now the youngest. */
static struct flow *flow_of(struct flows *flows, const struct la_endpoint *local, const struct la_endpoint *remote)
{
    uint32_t *bucket = bucket_of(flows, local, remote);
    for (uint32_t i = *bucket; i != NOBODY; i = flows->flow[i].next) {
        if (same_endpoint(&flows->flow[i].local, local) && same_endpoint(&flows->flow[i].remote, remote)) {
            age_remove(flows, i);
            age_append(flows, i);
            return &flows->flow[i];
        }
    }
    if (flows->free == NOBODY)
        forget_oldest(flows);
    uint32_t index = flows->free;
    struct flow *flow = &flows->flow[index];
    flows->free = flow->next;
    memset(flow, 0, sizeof *flow);
    flow->local = *local;
    flow->remote = *remote;
    flow->next = *bucket;
    *bucket = index;
    age_append(flows, index);
    return flow;
}

static bool at_or_beyond(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static bool is_pure_ack(const struct packet_view *view)
{
    return (view->flags & (LA_SYN | LA_FIN | LA_RST | LA_ACK)) == LA_ACK && view->length == 0;
}

/* An end whose FIN had gone before it first acknowledged the other's closed first, or at the same time: only its ACKs
   of that FIN are last ones. The other end's FIN is the answer, and its ACKs are ordinary. */
static bool is_last_ack(struct flow_side *side, const struct flow_side *other, const struct packet_view *view)
{
    bool acknowledges = (view->flags & LA_ACK) != 0 && (view->flags & LA_RST) == 0 && other->fin_seen &&
                        at_or_beyond(view->acknowledgment, other->fin_end);
    if (!acknowledges)
        return false;
    if (!side->acked) {
        side->acked = true;
        side->acked_last = side->fin_seen;
    }
    return side->acked_last && is_pure_ack(view);
}

static bool is_kind(enum packet_kind kind, const struct packet_view *view)
{
    switch (kind) {
    case PACKET_SYN: return (view->flags & (LA_SYN | LA_ACK | LA_RST)) == LA_SYN;
    case PACKET_SYN_ACK: return (view->flags & (LA_SYN | LA_ACK | LA_RST)) == (LA_SYN | LA_ACK);
    case PACKET_ACK: return is_pure_ack(view);
    case PACKET_DATA: return view->length > 0 && (view->flags & LA_SYN) == 0;
    case PACKET_FIN: return (view->flags & LA_FIN) != 0;
    case PACKET_RST: return (view->flags & LA_RST) != 0;
    case PACKET_ANY:
    case PACKET_LAST_ACK: return false; /* not a matter of the one packet: decided by the caller */
    }
    return false;
}

static void note_sequence(struct flow_side *side, const struct packet_view *view)
{
    if ((view->flags & LA_RST) != 0)
        return;
    uint32_t end = view->sequence + view->length;
    if ((view->flags & LA_SYN) != 0) {
        side->syn_seen = true;
        side->isn = view->sequence;
        end++;
    }
    if ((view->flags & LA_FIN) != 0) {
        side->fin_seen = true;
        side->fin_end = end + 1;
    }
}

void flows_sight(struct flows *flows, enum link_direction direction, const struct packet_view *view,
                 uint32_t nth[PACKET_KIND_COUNT])
{
    memset(nth, 0, PACKET_KIND_COUNT * sizeof *nth);
    nth[PACKET_ANY] = ++flows->packets[direction];
    if (view == NULL)
        return;
    bool out = direction == LINK_OUT;
    struct flow *flow =
        flow_of(flows, out ? &view->source : &view->destination, out ? &view->destination : &view->source);
    struct flow_side *side = &flow->side[direction];
    if (is_kind(PACKET_SYN, view) && side->syn_seen && side->isn != view->sequence)
        memset(flow->side, 0, sizeof flow->side); /* a new incarnation */
    for (int kind = PACKET_SYN; kind <= PACKET_RST; kind++) {
        if (is_kind((enum packet_kind)kind, view))
            nth[kind] = ++side->count[kind];
    }
    if (is_last_ack(side, &flow->side[!direction], view))
        nth[PACKET_LAST_ACK] = ++side->count[PACKET_LAST_ACK];
    note_sequence(side, view);
}
