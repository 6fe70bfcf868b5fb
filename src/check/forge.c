#include "forge_private.h"

#include "host/host_inspect.h"
#include "numbers_private.h"
#include "tcp/listener.h"

const char *forgery_name(enum forgery what)
{
    switch (what) {
    case FORGED_RST: return "an RST at RCV.NXT";
    case FORGED_RST_IN_WINDOW: return "an RST inside the window";
    case FORGED_RST_AT_EDGE: return "an RST at the window's right edge";
    case FORGED_RST_OUTSIDE: return "an RST outside";
    case FORGED_SYN: return "a SYN inside the window";
    case FORGED_ACK: return "an ACK of the future";
    case FORGED_FIN: return "a FIN outside the window";
    case FORGED_OLD_TEXT: return "an octet left of the window";
    case FORGED_TEXT_BEHIND_FIN: return "text behind the FIN";
    case FORGED_FIN_BEFORE_TEXT: return "a FIN before text that has come";
    case FORGED_TEXT_AFTER_CLOSE: return "text after the close";
    case FORGED_OLD_STAMP: return "text with a timestamp from before";
    case FORGED_NO_STAMP: return "text without its timestamp";
    case FORGED_STAMP_AHEAD: return "an ACK from inside the window, with a timestamp of the future";
    case FORGED_WAIT_RST: return "an RST at RCV.NXT, into the wait";
    case FORGED_WAIT_SYN: return "an old SYN, into the wait";
    case FORGED_WAIT_FIN: return "the FIN again, into the wait";
    case FORGED_WAIT_ACK: return "the last ACK again, into the wait";
    case FORGED_WAIT_OLD_STAMP: return "the FIN again with a timestamp from before, into the wait";
    case FORGED_SYN_AGAIN: return "the SYN again";
    case FORGED_LISTEN_RST: return "an RST with SYN, to the listener";
    case FORGED_LISTEN_SYN_FIN: return "a SYN with FIN, to the listener";
    case FORGERIES: break;
    }
    return "?";
}

static const struct connection *open_connection(const struct tcp *tcp)
{
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (c->in_use && c->end == LA_END_NONE) {
            return c;
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
    target.connection = open_connection(&h->tcp);
    target.record = target.connection != NULL ? NULL : waiting(h);
    if (target.connection != NULL && state_is_synchronised((enum la_state)target.connection->state)) {
        target.end = FORGED_WAIT_RST;
    } else if (target.connection != NULL && target.connection->state == LA_SYN_RECEIVED) {
        target.first = FORGED_SYN_AGAIN;
        target.end = FORGED_LISTEN_RST;
    } else if (target.record != NULL) {
        target.first = FORGED_WAIT_RST;
        target.end = FORGED_SYN_AGAIN;
    } else if (target.connection == NULL && listener_at(&h->tcp, 0)->in_use) {
        target.first = FORGED_LISTEN_RST;
        target.end = FORGERIES;
    }
    return target;
}

/* ---- making them ---- */

struct shape {
    int32_t seq; /* from RCV.NXT */
    int32_t ack; /* from SND.NXT */
    uint8_t flags;
    uint8_t text; /* octets */
};

static const struct shape shapes[FORGERIES] = {
    [FORGED_RST] = {0, 0, LA_RST, 0},
    [FORGED_RST_IN_WINDOW] = {1, 0, LA_RST, 0},
    [FORGED_RST_AT_EDGE] = {0, 0, LA_RST, 0}, /* from there */
    [FORGED_RST_OUTSIDE] = {-1, 0, LA_RST, 0},
    [FORGED_SYN] = {1, 0, LA_SYN, 0},
    [FORGED_ACK] = {0, 1000, LA_ACK, 0},
    [FORGED_FIN] = {1000, 0, LA_FIN | LA_ACK, 0},
    [FORGED_OLD_TEXT] = {-1, 0, LA_ACK, 1},
    [FORGED_TEXT_BEHIND_FIN] = {0, 0, LA_ACK, 1},
    [FORGED_FIN_BEFORE_TEXT] = {0, 0, LA_FIN | LA_ACK, 0},
    [FORGED_TEXT_AFTER_CLOSE] = {0, 0, LA_ACK, 1},
    [FORGED_OLD_STAMP] = {0, 0, LA_ACK, 1},
    [FORGED_NO_STAMP] = {0, 0, LA_ACK, 1},
    [FORGED_STAMP_AHEAD] = {1, 0, LA_ACK, 0},
    [FORGED_WAIT_RST] = {0, 0, LA_RST, 0},
    [FORGED_WAIT_SYN] = {-1, 0, LA_SYN, 0},
    [FORGED_WAIT_FIN] = {-1, 0, LA_FIN | LA_ACK, 0},
    [FORGED_WAIT_ACK] = {0, 0, LA_ACK, 0},
    [FORGED_WAIT_OLD_STAMP] = {-1, 0, LA_FIN | LA_ACK, 0},
    [FORGED_SYN_AGAIN] = {-1, 0, LA_SYN, 0},
    [FORGED_LISTEN_RST] = {0, 0, LA_SYN | LA_RST, 0},
    [FORGED_LISTEN_SYN_FIN] = {0, 0, LA_SYN | LA_FIN, 0},
};

static bool is_about_stamps(enum forgery what)
{
    return what == FORGED_OLD_STAMP || what == FORGED_NO_STAMP || what == FORGED_STAMP_AHEAD ||
           what == FORGED_WAIT_OLD_STAMP;
}

static bool target_has_stamps(const struct forge_target *target)
{
    return target->connection != NULL ? target->connection->timestamps
                                      : target->record != NULL && target->record->timestamps;
}

bool forge_fits(const struct forge_target *target, enum forgery what)
{
    if (is_about_stamps(what)) {
        return target_has_stamps(target);
    }
    if (what == FORGED_RST_AT_EDGE) {
        return receive_window(target->connection) > 1; /* else it is one of its neighbours */
    }
    if (what == FORGED_FIN_BEFORE_TEXT) {
        return target->connection->range_count > 0 && !target->connection->peer_fin_is_known;
    }
    if (what == FORGED_TEXT_AFTER_CLOSE) {
        const struct connection *c = target->connection;
        return c->is_fully_closed && !c->is_lingering && !c->peer_is_closed && !c->peer_fin_is_known;
    }
    return what != FORGED_TEXT_BEHIND_FIN || target->connection->peer_is_closed;
}

static bool is_taken_for_its_text(enum forgery what)
{
    return what == FORGED_TEXT_BEHIND_FIN || what == FORGED_FIN_BEFORE_TEXT || what == FORGED_TEXT_AFTER_CLOSE ||
           what == FORGED_STAMP_AHEAD;
}

/* From TS.Recent, in ticks. */
static int32_t stamp_of(enum forgery what)
{
    if (what == FORGED_STAMP_AHEAD) {
        return 1000;
    }
    return what == FORGED_OLD_STAMP || what == FORGED_WAIT_OLD_STAMP ? -1 : 0;
}

/* As the peer's would be: of RSTs it is none (RFC 7323 5.2). */
static void put_stamp(const struct forge_target *target, enum forgery what, struct tcp_options *options)
{
    const struct connection *c = target->connection;
    if (!target_has_stamps(target) || what == FORGED_NO_STAMP || (shapes[what].flags & LA_RST) != 0) {
        return;
    }
    options->has_timestamp = true;
    options->tsval = (c != NULL ? c->ts_recent : target->record->ts_recent) + (uint32_t)stamp_of(what);
    options->tsecr = c != NULL ? c->last_tsval : target->record->last_tsval;
}

struct flying forge(const struct forge_target *target, unsigned tag, enum forgery what)
{
    const struct la_endpoint local = world_endpoint(target->number);
    const struct la_endpoint remote = world_endpoint(1 - target->number);
    struct tcp_header header = {.local = &remote, .remote = &local, .window = WINDOW_MAX, .flags = shapes[what].flags};
    if (target->connection != NULL) {
        const struct connection *c = target->connection;
        bool acknowledges = !is_taken_for_its_text(what); /* what it acknowledges is none of its doing */
        header.seq = what == FORGED_RST_AT_EDGE ? c->rcv_edge : c->rcv_nxt;
        header.ack = acknowledges ? c->snd_nxt : c->snd_una;
    } else if (target->record != NULL) {
        header.seq = target->record->rcv_nxt;
        header.ack = target->record->snd_nxt;
    }
    header.seq = seq_add(header.seq, (uint32_t)shapes[what].seq);
    header.ack = seq_add(header.ack, (uint32_t)shapes[what].ack);
    put_stamp(target, what, &header.options);
    struct flying segment = {.to = (uint8_t)target->number, .tag = (uint8_t)tag};
    segment.length = (uint8_t)(tcp_emit(segment.packet, &header, 64, shapes[what].text, 0) + shapes[what].text);
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
        mark.ts_recent = target->record->ts_recent;
        mark.deadline_ms = target->record->deadline_ms;
        mark.class = target->record->class;
        mark.restarts = target->record->restarts;
        mark.was_answered = target->record->was_answered;
    }
    mark.reply_bytes = target->host->core.replies.used;
    return mark;
}

bool forge_ends(enum forgery what)
{
    return what == FORGED_RST || what == FORGED_TEXT_AFTER_CLOSE;
}

static const char *connection_obeyed(const struct connection *c, const struct connection *before, enum forgery what)
{
    if (!numbers_are_as_before(c, before)) {
        return forge_ends(what) ? NULL : "a forged segment that is not exactly right was obeyed";
    }
    if (what == FORGED_TEXT_AFTER_CLOSE) {
        return "text that nobody will read was not answered with a reset";
    }
    if (what == FORGED_SYN_AGAIN && !c->owes_retransmission) {
        return "the SYN came again, and was not answered again";
    }
    bool is_challenge = what == FORGED_RST_IN_WINDOW || what == FORGED_RST_AT_EDGE || what == FORGED_SYN;
    bool is_owed = c->owes_ack || c->duplicate_acks_owed > 0;
    if (what == FORGED_OLD_TEXT && !is_owed) {
        return "an octet that came before was not acknowledged";
    }
    if (what == FORGED_OLD_STAMP && !is_owed) {
        return "what is older than TS.Recent was not acknowledged";
    }
    if (is_about_stamps(what) && c->ts_recent != before->ts_recent) {
        return "a segment that begins beyond what was acknowledged moved TS.Recent (I38)";
    }
    bool is_due =
        is_challenge /* RFC 5961 3.2, 4.2 */ && !before->is_challenged; /* else it may be too soon for another */
    return is_due && (!c->is_challenged || !is_owed) ? "what is nearly right was not challenged" : NULL;
}

static const char *record_obeyed(const struct forge_target *target, const struct forge_mark *before, enum forgery what)
{
    const struct core *core = &target->host->core;
    uint32_t again_ms = core->now_ms_up + 2 * core->config.msl_ms;
    bool is_there = target->record->class == before->class;
    bool begins_again = what == FORGED_WAIT_FIN && before->restarts < core->config.time_wait_restarts;
    bool has_answered = core->replies.used > before->reply_bytes;
    if (!is_there || target->host->tcp.connections_in_use != before->connections) {
        return "a forged segment ended a wait";
    }
    if (what == FORGED_WAIT_OLD_STAMP && target->record->ts_recent != before->ts_recent) {
        return "a timestamp from before moved TS.Recent (I38)";
    }
    if (begins_again && target->record->deadline_ms != again_ms) {
        return "the FIN came again, and the wait did not begin again";
    }
    if (!begins_again && target->record->deadline_ms != before->deadline_ms) {
        return "a forged segment changed how long a wait lasts";
    }
    if (has_answered && (before->was_answered || what == FORGED_WAIT_ACK)) {
        return "a record answers what it should not, or too soon again (I16, I24)";
    }
    return NULL;
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
