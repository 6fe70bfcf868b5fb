#include <limits.h>
#include <string.h>

#include "listener.h"
#include "settings.h"
#include "shadow.h"

/* The user calls of RFC 9293 3.9.1 and 3.10.1 to 3.10.6. */

/* ---- OPEN ---- */

/* RFC 9293 3.9.2.1, MUST-51. */
static bool take_route(struct tcp *tcp, struct connection *c, const struct la_source_route *route)
{
    struct settings *own = settings_own(tcp, c);
    if (own == NULL) {
        return false;
    }
    source_route_make(&own->route, route, &c->remote.address);
    own->route.is_given = true;
    c->is_marked = true;
    return true;
}

/* A four-tuple that was given: it must be nobody's, and its record, if it waits, is reused. */
static int take_given(struct tcp *tcp, const struct four_tuple *tuple, struct time_wait_record **record)
{
    if (connection_find(tcp, tuple) != NULL) {
        return LA_ERROR_IN_USE;
    }
    *record = time_wait_find(tcp_core(tcp), time_wait_table(tcp, tuple->remote), tuple);
    bool must_wait = *record != NULL && record_waits(*record) && !tcp_core(tcp)->config.time_wait_reuse;
    return must_wait ? LA_ERROR_WAITS : LA_OK;
}

/* RFC 9293 3.4.1: the SYN's number, beyond what a record says. */
static void number_opening(struct tcp *tcp, struct connection *c, struct time_wait_record *record)
{
    struct clock_origin origin = clock_origin(tcp, &c->local, &c->remote);
    if (record != NULL) {
        shadow_moves_beyond(tcp, record, &origin);
        shadow_cast(tcp, c, record);
    }
    syn_number(c, &origin);
}

int tcp_connect(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote,
                const struct la_source_route *route, unsigned interface, struct la_conn *conn)
{
    struct la_endpoint from = *local;
    struct time_wait_record *record = NULL;
    if (tcp->free_connection == NONE) {
        return LA_ERROR_NO_CONNECTION;
    }
    bool is_given = from.port != 0;
    if (!is_given) {
        from.port = clock_ephemeral_port(tcp, &from.address, remote, &record);
    }
    if (from.port == 0) {
        return LA_ERROR_NO_PORT;
    }
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), &from, remote);
    int error = is_given ? take_given(tcp, &tuple, &record) : LA_OK;
    if (error != LA_OK) {
        return error;
    }
    struct connection *c =
        connection_new(tcp, &tuple, record != NULL && record_waits(record) ? LA_TIME_WAIT : LA_CLOSED);
    if (route != NULL && !take_route(tcp, c, route)) {
        connection_forget(tcp, c);
        return LA_ERROR_NO_SETTINGS;
    }
    c->is_held = true;
    c->is_active = true;
    c->port_is_ours = !is_given;
    number_opening(tcp, c, record);
    syn_prepare(tcp, c, interface);
    tcp_set_state(tcp, c, LA_SYN_SENT);
    core_count(tcp_core(tcp), LA_COUNT_TCP_ACTIVE_OPENS);
    connection_wants_output(tcp, c);
    *conn = connection_handle(tcp, c);
    return LA_OK;
}

/* One that does not wait: what a peer refuses once it would refuse again. */
static uint16_t next_port(struct tcp *tcp, const struct connection *c)
{
    struct time_wait_record *record = NULL;
    uint16_t port = c->port_is_ours ? clock_ephemeral_port(tcp, &c->local.address, &c->remote, &record) : 0;
    return record == NULL ? port : 0;
}

void connection_takes_next_port(struct tcp *tcp, struct connection *c)
{
    uint16_t port = next_port(tcp, c);
    if (port == 0) {
        connection_end(tcp, c, LA_END_WAITS, LA_CLOSED);
        return;
    }
    tcp_set_state(tcp, c, shadow_returns(tcp, c) ? LA_TIME_WAIT : LA_CLOSED);
    connection_moves(tcp, c, port);
    number_opening(tcp, c, NULL);
    timer_disarm(c, LA_TIMER_RETRANSMIT);
    c->retransmits = 0;
    c->backoff = 0;
    c->rtt_is_timed = false;
    c->progress_ms = tcp_now_ms(tcp);
    tcp_set_state(tcp, c, LA_SYN_SENT);
    connection_wants_output(tcp, c);
}

/* ---- SEND ---- */

static int check_writable(const struct connection *c)
{
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->end != LA_END_NONE) {
        return LA_ERROR_ENDED;
    }
    return c->is_shut ? LA_ERROR_CLOSING : LA_OK;
}

/* Room for up to `wanted` octets behind those that are queued: how many. Where there is none, the application is told
   when there is some. */
static uint32_t send_room(struct tcp *tcp, struct connection *c, uint32_t wanted)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t left = c->send_limit_bytes > c->out.length ? c->send_limit_bytes - c->out.length : 0;
    uint32_t most = wanted < left ? wanted : left;
    uint32_t covered = stream_cover(&memory, &c->out, c->out.length + most, pieces_held_beside_out(c));
    uint32_t capacity = covered - c->out.length;
    uint32_t room = capacity < most ? capacity : most;
    if (room < wanted && room == left) {
        c->wants_writable = true;
    } else if (room < wanted && !c->wants_pieces) {
        c->wants_pieces = true;
        tcp->starved++;
    }
    return room;
}

static int sent(struct tcp *tcp, struct connection *c, uint32_t octets)
{
    c->out.length += octets;
    if (c->state != LA_SYN_SENT && c->state != LA_SYN_RECEIVED) {
        connection_wants_output(tcp, c);
    }
    return (int)octets;
}

int tcp_send(struct tcp *tcp, struct la_conn conn, const void *data, size_t length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_writable(c);
    if (error != LA_OK) {
        return error;
    }
    if (length > INT_MAX) {
        return LA_ERROR_INVALID;
    }
    uint32_t room = send_room(tcp, c, (uint32_t)length);
    if (room == 0 && length > 0) {
        return LA_ERROR_WOULD_BLOCK;
    }
    const struct pieces_memory memory = tcp_pieces(tcp);
    stream_put(&memory, &c->out, c->out.length, data, room);
    return sent(tcp, c, room);
}

int tcp_send_view(struct tcp *tcp, struct la_conn conn, void **data, size_t *length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_writable(c);
    if (error != LA_OK) {
        return error;
    }
    uint32_t room = send_room(tcp, c, tcp->pieces.piece_bytes);
    if (room == 0) {
        return LA_ERROR_WOULD_BLOCK;
    }
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint8_t *octets = NULL;
    *length = stream_view(&memory, &c->out, NULL, c->out.length, room, &octets);
    *data = octets;
    return LA_OK;
}

int tcp_send_commit(struct tcp *tcp, struct la_conn conn, size_t length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_writable(c);
    if (error != LA_OK) {
        return error;
    }
    uint32_t capacity = stream_capacity(&tcp->pieces, &c->out);
    uint32_t most = capacity < c->send_limit_bytes ? capacity : c->send_limit_bytes;
    if (c->out.length + (uint64_t)length > most) {
        return length == 0 ? 0 : LA_ERROR_INVALID;
    }
    int octets = sent(tcp, c, (uint32_t)length);
    if (octets == 0) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        stream_trim(&memory, &c->out);
        c->out_cursor.piece = PIECE_NONE;
    }
    return octets;
}

/* RFC 9293 3.9.1.2, URGENT flag. */
int tcp_send_urgent(struct tcp *tcp, struct la_conn conn, const void *data, size_t length)
{
    int octets = length > 0 ? tcp_send(tcp, conn, data, length) : LA_ERROR_INVALID;
    if (octets > 0) {
        urgent_send(tcp, connection_of(tcp, conn));
    }
    return octets;
}

/* RFC 9293 3.9.1.7, MAY-14: what was sent once has its numbers, and stays. */
int tcp_flush(struct tcp *tcp, struct la_conn conn)
{
    struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->end != LA_END_NONE) {
        return LA_ERROR_ENDED;
    }
    uint32_t kept = syn_is_acknowledged(c) ? flight_octets(c) : 0;
    if (kept >= c->out.length) {
        return 0;
    }
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t unsent = c->out.length - kept;
    c->out.length = kept;
    stream_trim(&memory, &c->out);
    c->out_cursor.piece = PIECE_NONE;
    if (c->snd_is_urgent && seq_after(c->snd_up, send_end(c))) {
        c->snd_up = send_end(c);
        c->snd_is_urgent = kept > 0;
    }
    if (c->state != LA_SYN_SENT && c->state != LA_SYN_RECEIVED) {
        connection_wants_output(tcp, c); /* a FIN need not wait any more */
    }
    if (c->wants_writable) {
        c->wants_writable = false;
        connection_ready(tcp, c, LA_READY_WRITABLE);
    }
    return (int)unsent;
}

/* ---- RECEIVE ---- */

/* What la_recv says before it looks for octets; LA_OK: there are some, or the end of data. */
static int check_readable(const struct connection *c)
{
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->is_fully_closed) {
        return LA_ERROR_CLOSING;
    }
    if (c->end != LA_END_NONE && c->end != LA_END_CLEAN && c->in.length == 0) {
        return LA_ERROR_ENDED;
    }
    return c->in.length > 0 || c->peer_is_closed ? LA_OK : LA_ERROR_WOULD_BLOCK;
}

static void consume(struct tcp *tcp, struct connection *c, uint32_t octets)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    stream_drop(&memory, &c->in, NULL, octets, c->range_count > 0);
    if (c->rcv_is_urgent && urgent_unread(c) == 0) {
        c->rcv_is_urgent = false;
    }
    if (c->end == LA_END_NONE && !c->peer_is_closed) {
        receive_window_opened(tcp, c);
    }
}

int tcp_recv(struct tcp *tcp, struct la_conn conn, void *data, size_t length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_readable(c);
    if (error != LA_OK) {
        return error;
    }
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t most = length > INT_MAX ? INT_MAX : (uint32_t)length;
    uint32_t octets = c->in.length < most ? c->in.length : most;
    if (octets > 0) {
        stream_copy(&memory, &c->in, data, octets);
        consume(tcp, c, octets);
    }
    return (int)octets;
}

int tcp_peek(const struct tcp *tcp, struct la_conn conn, size_t offset, void *data, size_t length)
{
    const struct connection *c = connection_of(tcp, conn);
    int error = check_readable(c);
    if (error != LA_OK) {
        return error;
    }
    if (offset >= c->in.length) {
        return c->peer_is_closed ? 0 : LA_ERROR_WOULD_BLOCK;
    }
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t there = c->in.length - (uint32_t)offset;
    uint32_t most = length < there ? (uint32_t)length : there;
    struct stream_cursor cursor = {.piece = PIECE_NONE};
    for (uint32_t done = 0; done < most;) {
        uint8_t *octets = NULL;
        uint32_t n = stream_view(&memory, &c->in, &cursor, (uint32_t)offset + done, most - done, &octets);
        memcpy((uint8_t *)data + done, octets, n);
        done += n;
    }
    return (int)most;
}

int tcp_recv_view(struct tcp *tcp, struct la_conn conn, const void **data, size_t *length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_readable(c);
    if (error != LA_OK) {
        return error;
    }
    *data = NULL;
    *length = 0;
    if (c->in.length > 0) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        uint8_t *octets = NULL;
        *length = stream_view(&memory, &c->in, NULL, 0, c->in.length, &octets);
        *data = octets;
    }
    return (int)*length;
}

int tcp_recv_consume(struct tcp *tcp, struct la_conn conn, size_t length)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_readable(c);
    if (error != LA_OK) {
        return error;
    }
    if (length > c->in.length) {
        return LA_ERROR_INVALID;
    }
    if (length > 0) {
        consume(tcp, c, (uint32_t)length);
    }
    return (int)length;
}

int tcp_urgent(const struct tcp *tcp, struct la_conn conn)
{
    const struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->is_fully_closed) {
        return LA_ERROR_CLOSING;
    }
    return c->end != LA_END_NONE && c->end != LA_END_CLEAN ? LA_ERROR_ENDED : (int)urgent_unread(c);
}

/* ---- CLOSE, ABORT ---- */

/* One direction (RFC 9293 3.6.1); la_close is the half-duplex one (MAY-1). */
int tcp_shutdown(struct tcp *tcp, struct la_conn conn)
{
    struct connection *c = connection_of(tcp, conn);
    int error = check_writable(c);
    if (error != LA_OK) {
        return error;
    }
    if (c->state == LA_SYN_SENT) {
        return LA_ERROR_NOT_CONNECTED;
    }
    close_send_side(tcp, c);
    return LA_OK;
}

/* The host reads for the application now. */
static void begin_to_linger(struct tcp *tcp, struct connection *c)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    const struct pieces_memory memory = tcp_pieces(tcp);
    stream_drop(&memory, &c->in, NULL, c->in.length, c->range_count > 0);
    c->linger_bytes = config->linger_bytes;
    if (!c->peer_is_closed) {
        c->is_lingering = true;
        receive_window_opened(tcp, c);
    }
}

static void close_open_connection(struct tcp *tcp, struct connection *c, bool lingering)
{
    c->is_fully_closed = true;
    if (c->state == LA_SYN_SENT) {
        connection_end(tcp, c, LA_END_CLOSED_EARLY, LA_CLOSED);
        return;
    }
    if (lingering) {
        begin_to_linger(tcp, c);
    } else if (c->in.length > 0) {
        connection_abort(tcp, c, LA_END_UNREAD_DATA); /* RFC 9293 SHLD-3 */
        return;
    }
    if (c->state == LA_FIN_WAIT_2) {
        bound_fin_wait_2(tcp, c);
    }
    if (!c->is_shut) {
        close_send_side(tcp, c);
    }
    timers_follow(tcp, c);
}

int tcp_close(struct tcp *tcp, struct la_conn conn, bool lingering)
{
    struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->is_fully_closed) {
        return LA_ERROR_CLOSING;
    }
    if (c->end == LA_END_NONE) {
        close_open_connection(tcp, c, lingering);
    } else {
        const struct pieces_memory memory = tcp_pieces(tcp);
        c->is_fully_closed = true;
        stream_clear(&memory, &c->in); /* in TIME-WAIT, unread data resets nothing */
    }
    return LA_OK;
}

int tcp_abort(struct tcp *tcp, struct la_conn conn)
{
    struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->end == LA_END_NONE) {
        connection_abort(tcp, c, LA_END_ABORTED);
    }
    return LA_OK;
}

int tcp_release(struct tcp *tcp, struct la_conn conn)
{
    struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    if (c->end == LA_END_NONE && !c->is_fully_closed) {
        close_open_connection(tcp, c, false);
    }
    ready_remove(tcp, c);
    c->is_held = false;
    if (c->end != LA_END_NONE) {
        connection_free(tcp, c);
    } else {
        tcp->orphans++;
    }
    return LA_OK;
}

/* ---- STATUS ---- */

int tcp_source_route_of(const struct tcp *tcp, struct la_conn conn, struct la_source_route *route)
{
    static const struct source_route none;
    const struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    const struct source_route *own = route_of(tcp, c);
    source_route_tell(own != NULL ? own : &none, route);
    return LA_OK;
}

int tcp_outcome(const struct tcp *tcp, struct la_conn conn, struct la_outcome *outcome)
{
    const struct connection *c = connection_of(tcp, conn);
    if (c == NULL) {
        return LA_ERROR_STALE;
    }
    *outcome = (struct la_outcome){.end = (enum la_end)c->end, .state = (enum la_state)c->state};
    outcome->unreachable = (enum la_unreachable)c->unreachable;
    if (c->end == LA_END_NONE) {
        outcome->unacknowledged_bytes = c->out.length;
        outcome->unread_bytes = c->in.length;
    } else {
        outcome->state = (enum la_state)c->end_state;
        outcome->unacknowledged_bytes = c->unacknowledged_bytes;
        outcome->unread_bytes = c->unread_bytes;
    }
    return LA_OK;
}

void tcp_gauges(const struct tcp *tcp, struct la_counters *counters)
{
    counters->connections = tcp->connections_in_use;
    counters->connections_orphaned = tcp->orphans;
    counters->time_wait_ipv4 = tcp->waits[0].waiting;
    counters->time_wait_ipv6 = tcp->waits[1].waiting;
    counters->buffer_pieces = tcp->pieces.total - tcp->pieces.free_count;
}
