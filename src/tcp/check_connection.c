#include "check.h"
#include "connection.h"

/* What must be true of one connection between any two calls. The numbers in brackets are those of the invariants that
   the project's tests share. */

static bool is_closing_state(const struct connection *c)
{
    return c->state == LA_FIN_WAIT_1 || c->state == LA_FIN_WAIT_2 || c->state == LA_CLOSING || c->state == LA_LAST_ACK;
}

static bool has_peers_fin(const struct connection *c)
{
    return c->state == LA_CLOSE_WAIT || c->state == LA_CLOSING || c->state == LA_LAST_ACK;
}

static const char *check_state(const struct connection *c)
{
    if (c->state < LA_SYN_SENT || c->state > LA_LAST_ACK) {
        return "state: a connection that has not ended is in none of a record, a listener or nobody";
    }
    if (is_closing_state(c) && !c->is_shut) {
        return "state: the closing states are entered by closing";
    }
    if (c->is_shut && !is_closing_state(c) && c->state != LA_SYN_RECEIVED) {
        return "state: closing enters a closing state";
    }
    if (c->peer_is_closed != has_peers_fin(c)) {
        return "state: it says whether the peer's FIN was received";
    }
    if (c->fin_is_acknowledged != (c->state == LA_FIN_WAIT_2)) {
        return "state: FIN-WAIT-2 is where our FIN is acknowledged (I13)";
    }
    if (c->fin_is_acknowledged && !c->fin_is_sent) {
        return "state: only a FIN that was sent is acknowledged";
    }
    return NULL;
}

static const char *check_send_numbers(const struct connection *c)
{
    if (!seq_before_or_equal(c->snd_una, c->snd_resend) || !seq_before_or_equal(c->snd_resend, c->snd_nxt)) {
        return "send: SND.UNA <= what is next to leave <= SND.NXT (I5)";
    }
    bool is_opening = c->state == LA_SYN_SENT || c->state == LA_SYN_RECEIVED;
    if (is_opening == syn_is_acknowledged(c)) {
        return "send: a connection is open when its SYN is acknowledged";
    }
    if (seq_equal(c->snd_nxt, c->iss)) {
        return is_opening ? NULL : "send: the SYN was sent";
    }
    struct seq last = seq_add(send_end(c), c->fin_is_sent ? 1 : 0);
    if (seq_after(c->snd_nxt, last)) {
        return "send: nothing was sent that was not written (I14)";
    }
    if (c->fin_is_sent && !seq_equal(c->snd_nxt, last)) {
        return "send: a FIN that was sent is the last number (I4)";
    }
    return NULL;
}

static const char *check_timers(const struct connection *c)
{
    bool retransmits = timer_is_armed(c, LA_TIMER_RETRANSMIT);
    bool persists = timer_is_armed(c, LA_TIMER_PERSIST);
    if (c->is_on_output) {
        return NULL; /* they follow when all that may leave has left */
    }
    if (c->owes_ack || c->duplicate_acks_owed > 0 || c->owes_keepalive || c->owes_window_probe) {
        return "output: who owes something stands on the list";
    }
    if (flight_octets(c) > 0 && !c->is_probing) {
        return retransmits && !persists ? NULL : "timers: in flight, so the retransmission timer alone is armed (I25)";
    }
    if (send_is_pending(c)) {
        return persists && !retransmits ? NULL : "timers: held back, so the persist timer alone is armed (I26)";
    }
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RECEIVED) {
        return "timers: a handshake is bounded (I27)";
    }
    return NULL;
}

static const char *check_bounds(const struct connection *c)
{
    bool fin_wait_2 = timer_is_armed(c, LA_TIMER_FIN_WAIT_2);
    bool lingers = timer_is_armed(c, LA_TIMER_LINGER);
    if (fin_wait_2 && (c->state != LA_FIN_WAIT_2 || !c->is_fully_closed)) {
        return "timers: FIN-WAIT-2 is bounded only when fully closed (I28)";
    }
    if (c->state == LA_FIN_WAIT_2 && c->is_fully_closed && !fin_wait_2 && !lingers) {
        return "timers: FIN-WAIT-2 is bounded when fully closed (I28)";
    }
    if (lingers && (c->state != LA_FIN_WAIT_2 || !c->is_lingering)) {
        return "timers: the bound of lingering begins when all is acknowledged (I28)";
    }
    if (c->is_fully_closed && c->state != LA_FIN_WAIT_2 && !c->is_on_output &&
        !timer_is_armed(c, LA_TIMER_USER_TIMEOUT)) {
        return "timers: who closes alone is bounded (I28)";
    }
    return NULL;
}

static const char *check_ranges(const struct tcp *tcp, const struct connection *c)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    if ((c->range_count > 0) != (c->ranges != PIECE_NONE)) {
        return "ranges: the list is held as long as there are any";
    }
    if (c->range_count == 0) {
        return NULL;
    }
    const struct range *ranges = (const void *)piece_octets(&memory, c->ranges);
    struct seq before = c->rcv_nxt;
    for (uint32_t i = 0; i < c->range_count; i++) {
        if (!seq_before(before, ranges[i].start) || !seq_before(ranges[i].start, ranges[i].end)) {
            return "ranges: sorted and disjoint (I37)";
        }
        before = ranges[i].end;
    }
    if (seq_after(before, c->rcv_edge) || (c->peer_fin_is_known && seq_after(before, c->peer_fin))) {
        return "ranges: within the window and before the FIN (I8, I37)";
    }
    if (c->in.length + seq_distance(c->rcv_nxt, before) > stream_capacity(&tcp->pieces, &c->in)) {
        return "ranges: each octet has its place";
    }
    return NULL;
}

static const char *check_receive(const struct tcp *tcp, const struct connection *c)
{
    if (c->state == LA_SYN_SENT) {
        return NULL;
    }
    if (!seq_before_or_equal(c->rcv_nxt, c->rcv_edge)) {
        return "receive: RCV.NXT is not beyond the window";
    }
    if (seq_after(c->last_ack_sent, c->rcv_nxt)) {
        return "receive: nothing was acknowledged that did not come (I7)";
    }
    if (c->peer_is_closed && !seq_equal(c->rcv_nxt, seq_add(c->peer_fin, 1))) {
        return "receive: the peer's FIN is the last number (I4)";
    }
    if (c->peer_fin_is_known && !c->peer_is_closed && seq_after_or_equal(c->rcv_nxt, c->peer_fin)) {
        return "receive: the FIN is taken when it is reached";
    }
    return check_ranges(tcp, c);
}

static const char *check_ended(const struct connection *c)
{
    if (c->timers_armed != 0 || c->is_on_output || c->out.pieces > 0 || c->ranges != PIECE_NONE || c->wants_pieces) {
        return "ended: nothing is armed, owed or kept (I32)";
    }
    if (!c->is_held && !c->is_accept_queued) {
        return "ended: what nobody holds has gone back (I32)";
    }
    return c->state == LA_CLOSED || c->state == LA_TIME_WAIT ? NULL : "ended: in CLOSED or a record";
}

static const char *check_buffers(const struct tcp *tcp, const struct connection *c)
{
    if (c->out.length > stream_capacity(&tcp->pieces, &c->out) ||
        c->in.length > stream_capacity(&tcp->pieces, &c->in)) {
        return "buffers: what is kept has its place";
    }
    return NULL;
}

const char *connection_check(const struct tcp *tcp, const struct connection *c)
{
    const char *wrong = check_buffers(tcp, c);
    if (c->end != LA_END_NONE) {
        return wrong != NULL ? wrong : check_ended(c);
    }
    const char *(*const checks[])(const struct connection *) = {check_state, check_send_numbers, check_timers,
                                                                check_bounds};
    for (unsigned i = 0; i < sizeof checks / sizeof checks[0] && wrong == NULL; i++) {
        wrong = checks[i](c);
    }
    return wrong != NULL ? wrong : check_receive(tcp, c);
}
