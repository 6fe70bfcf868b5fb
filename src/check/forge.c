#include "forge_private.h"

#include "host/host_inspect.h"
#include "tcp/listener.h"

const char *forgery_name(enum forgery what)
{
    switch (what) {
    case FORGED_RST: return "an RST at RCV.NXT";
    case FORGED_RST_IN_WINDOW: return "an RST inside the window";
    case FORGED_RST_OUTSIDE: return "an RST outside";
    case FORGED_SYN: return "a SYN inside the window";
    case FORGED_ACK: return "an ACK of the future";
    case FORGED_FIN: return "a FIN outside the window";
    case FORGED_WAIT_RST: return "an RST at RCV.NXT, into the wait";
    case FORGED_WAIT_SYN: return "an old SYN, into the wait";
    case FORGED_WAIT_FIN: return "the FIN again, into the wait";
    case FORGED_LISTEN_RST: return "an RST with SYN, to the listener";
    case FORGED_LISTEN_SYN_FIN: return "a SYN with FIN, to the listener";
    case FORGERIES: break;
    }
    return "?";
}

static const struct connection *synchronised(const struct tcp *tcp, bool *is_busy)
{
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (c->in_use && c->end == LA_END_NONE) {
            *is_busy = true;
            return state_is_synchronised((enum la_state)c->state) ? c : NULL;
        }
    }
    return NULL;
}

static const struct time_wait_record *waiting(const struct la_host *host)
{
    const struct time_wait_table *table = &host->tcp.waits[0];
    for (uint32_t place = 0; place < table->used; place++) {
        const struct time_wait_record *record = time_wait_at(&host->core, table, place);
        if (record != NULL && record_waits(record)) {
            return record;
        }
    }
    return NULL;
}

struct forge_target forge_target_of(const struct world *world, unsigned host)
{
    const la_host *h = world_host(world, host);
    struct forge_target target = {.host = h, .number = host};
    bool is_busy = false;
    target.connection = synchronised(&h->tcp, &is_busy);
    target.record = is_busy ? NULL : waiting(h);
    if (target.connection != NULL) {
        target.end = FORGED_WAIT_RST;
    } else if (target.record != NULL) {
        target.first = FORGED_WAIT_RST;
        target.end = FORGED_LISTEN_RST;
    } else if (!is_busy && listener_at(&h->tcp, 0)->in_use) {
        target.first = FORGED_LISTEN_RST;
        target.end = FORGERIES;
    }
    return target;
}

/* ---- making them ---- */

struct shape {
    uint8_t flags;
    int32_t seq; /* from RCV.NXT */
    int32_t ack; /* from SND.NXT */
};

static const struct shape shapes[FORGERIES] = {
    [FORGED_RST] = {LA_RST, 0, 0},
    [FORGED_RST_IN_WINDOW] = {LA_RST, 1, 0},
    [FORGED_RST_OUTSIDE] = {LA_RST, -1, 0},
    [FORGED_SYN] = {LA_SYN, 1, 0},
    [FORGED_ACK] = {LA_ACK, 0, 1000},
    [FORGED_FIN] = {LA_FIN | LA_ACK, 1000, 0},
    [FORGED_WAIT_RST] = {LA_RST, 0, 0},
    [FORGED_WAIT_SYN] = {LA_SYN, -1, 0},
    [FORGED_WAIT_FIN] = {LA_FIN | LA_ACK, -1, 0},
    [FORGED_LISTEN_RST] = {LA_SYN | LA_RST, 0, 0},
    [FORGED_LISTEN_SYN_FIN] = {LA_SYN | LA_FIN, 0, 0},
};

struct flying forge(const struct forge_target *target, unsigned tag, enum forgery what)
{
    const struct la_endpoint local = world_endpoint(target->number);
    const struct la_endpoint remote = world_endpoint(1 - target->number);
    struct tcp_header header = {
        .local = &remote, .remote = &local, .window = WORLD_WINDOW_BYTES, .flags = shapes[what].flags};
    if (target->connection != NULL) {
        header.seq = target->connection->rcv_nxt;
        header.ack = target->connection->snd_nxt;
    } else if (target->record != NULL) {
        header.seq = target->record->rcv_nxt;
        header.ack = target->record->snd_nxt;
    }
    header.seq = seq_add(header.seq, (uint32_t)shapes[what].seq);
    header.ack = seq_add(header.ack, (uint32_t)shapes[what].ack);
    struct flying segment = {.to = (uint8_t)target->number, .tag = (uint8_t)tag};
    segment.length = (uint8_t)tcp_emit(segment.packet, &header, 64, 0, 0);
    return segment;
}

/* ---- what they did ---- */

struct forge_mark forge_mark(const struct forge_target *target)
{
    struct forge_mark mark = {.connections = target->host->tcp.connections_in_use};
    if (target->connection != NULL) {
        mark.connection = *target->connection;
    }
    if (target->record != NULL) {
        mark.deadline_ms = target->record->deadline_ms;
        mark.class = target->record->class;
    }
    return mark;
}

static bool is_as_before(const struct connection *now, const struct connection *before)
{
    return now->in_use && now->end == before->end && now->state == before->state &&
           seq_equal(now->snd_una, before->snd_una) && seq_equal(now->rcv_nxt, before->rcv_nxt);
}

static const char *connection_obeyed(const struct connection *c, const struct connection *before, enum forgery what)
{
    if (!is_as_before(c, before)) {
        return what == FORGED_RST ? NULL : "a forged segment that is not exactly right was obeyed";
    }
    bool is_challenge = what == FORGED_RST_IN_WINDOW || what == FORGED_SYN; /* RFC 5961 3.2, 4.2 */
    bool is_owed = c->owes_ack || c->duplicate_acks_owed > 0;
    bool is_due = is_challenge && !before->is_challenged; /* else it may be too soon for another */
    return is_due && (!c->is_challenged || !is_owed) ? "what is nearly right was not challenged" : NULL;
}

static const char *record_obeyed(const struct forge_target *target, const struct forge_mark *before, enum forgery what)
{
    const struct core *core = &target->host->core;
    uint32_t again_ms = core->now_ms_up + 2 * core->config.msl_ms;
    bool is_there = target->record->class == before->class;
    bool begins_again = what == FORGED_WAIT_FIN && target->record->restarts < core->config.time_wait_restarts;
    if (!is_there || target->host->tcp.connections_in_use != before->connections) {
        return "a forged segment ended a wait";
    }
    if (begins_again && target->record->deadline_ms != again_ms) {
        return "the FIN came again, and the wait did not begin again";
    }
    return what != FORGED_WAIT_FIN && target->record->deadline_ms != before->deadline_ms
               ? "a forged segment changed how long a wait lasts"
               : NULL;
}

const char *forge_obeyed(const struct forge_target *target, const struct forge_mark *before, enum forgery what)
{
    if (target->connection != NULL) {
        return connection_obeyed(target->connection, &before->connection, what);
    }
    if (target->record != NULL) {
        return record_obeyed(target, before, what);
    }
    return target->host->tcp.connections_in_use == before->connections ? NULL : "a forged segment opened a connection";
}
