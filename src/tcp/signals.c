#include "settings.h"

/* What segments carry beside text and acknowledgment: the urgent pointer (RFC 9293 3.8.5), congestion marks and their
   echo (RFC 3168), source routes (RFC 9293 3.9.2.1). */

/* ---- urgent data ---- */

/* The first octet that the application has not read. */
static struct seq next_unread(const struct connection *c)
{
    uint32_t behind = c->in.length + (c->peer_is_closed ? 1 : 0);
    return seq_add(c->rcv_nxt, UINT32_MAX - behind + 1);
}

/* A pointer beyond the peer's FIN means all there is (MUST-33). */
uint32_t urgent_unread(const struct connection *c)
{
    bool is_cut = c->peer_fin_is_known && seq_after(c->rcv_up, c->peer_fin);
    struct seq up = is_cut ? c->peer_fin : c->rcv_up;
    return c->rcv_is_urgent && seq_after(up, next_unread(c)) ? seq_distance(next_unread(c), up) : 0;
}

/* 3.10.7.4, sixth (MUST-30). The pointer is the number behind the urgent data (MUST-62). The application hears of each
   step that the pointer makes (MUST-32). */
static void urgent_pointer_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    const unsigned states = 1U << LA_ESTABLISHED | 1U << LA_FIN_WAIT_1 | 1U << LA_FIN_WAIT_2;
    struct seq up = seq_add(segment->seq, segment->urgent);
    bool may_come = (states >> c->state & 1) != 0 && !c->is_fully_closed;
    bool is_known = c->rcv_is_urgent && !seq_after(up, c->rcv_up);
    if (!may_come || is_known || !seq_after(up, next_unread(c))) {
        return;
    }
    c->rcv_up = up;
    c->rcv_is_urgent = true;
    connection_ready(tcp, c, LA_READY_URGENT);
}

void urgent_send(struct tcp *tcp, struct connection *c)
{
    c->snd_up = seq_add(send_base(c), c->out.length);
    c->snd_is_urgent = true;
    if (state_is_synchronised((enum la_state)c->state)) {
        c->owes_ack = true; /* the pointer goes ahead of text that no window lets out */
        connection_wants_output(tcp, c);
    }
}

/* MUST-30, MUST-62. What lies farther ahead than the field reaches is pointed at by and by (MUST-31). */
static void point_to_urgent(const struct connection *c, struct tcp_header *header)
{
    if (seq_before(header->seq, c->snd_up)) {
        uint32_t ahead = seq_distance(header->seq, c->snd_up);
        header->flags |= LA_URG;
        header->urgent = ahead < UINT16_MAX ? (uint16_t)ahead : UINT16_MAX;
    }
}

/* ---- explicit congestion notification: RFC 3168 6.1 ---- */

enum ecn { ECT_0 = 2, CE = 3 };

/* 6.1.1: offered by both bits; agreed to by ECE alone. A SYN that was lost may have been lost for its bits: the next
   one is plain, and so is what follows. */
void signals_syn_arrives(const struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    uint8_t ecn = tcp_core(tcp)->config.ecn;
    unsigned bits = segment->flags & (LA_ECE | LA_CWR);
    if ((segment->flags & LA_ACK) == 0) {
        c->ecn = ecn != LA_ECN_OFF && bits == (LA_ECE | LA_CWR);
    } else {
        c->ecn = ecn == LA_ECN_OFFER && bits == LA_ECE && !c->syn_was_resent;
    }
    c->is_marked |= c->ecn;
}

uint8_t signals_of_syn(const struct tcp *tcp, const struct connection *c)
{
    if (c->state == LA_SYN_RECEIVED) {
        return c->ecn ? LA_ECE : 0;
    }
    return tcp_core(tcp)->config.ecn == LA_ECN_OFFER && !c->syn_was_resent ? LA_ECE | LA_CWR : 0;
}

void signals_window_was_reduced(struct connection *c)
{
    if (c->ecn) {
        c->ecn_owes_cwr = true;
        c->ecn_is_reduced = true;
        c->ecn_until = c->snd_nxt;
    }
}

/* 6.1.2; RFC 9293 SHLD-8: as for a loss, once for what is in flight. */
static void echo_arrives(struct tcp *tcp, struct connection *c)
{
    if (c->ecn_is_reduced || c->in_recovery) {
        return;
    }
    core_count(tcp_core(tcp), LA_COUNT_TCP_ECN_REDUCTIONS);
    congestion_algorithm((enum la_congestion)tcp_core(tcp)->config.congestion)
        ->marked(&c->congestion, c->snd_mss, flight_octets(c));
    signals_window_was_reduced(c);
}

/* 6.1.3; RFC 9293 SHLD-8: a mark is echoed until the peer says that it heard. One on the very segment that says so
   counts anew. */
static void marks_arrive(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (c->ecn_is_reduced && seq_after_or_equal(c->snd_una, c->ecn_until)) {
        c->ecn_is_reduced = false; /* with the first segment that may say so, echo or not: the numbers go round */
    }
    if ((segment->flags & LA_CWR) != 0) {
        c->ecn_echoes = false;
    }
    if ((segment->tos & CE) == CE && segment->length > 0) {
        c->ecn_echoes = true;
    }
    if ((segment->flags & (LA_ECE | LA_SYN)) == LA_ECE) {
        echo_arrives(tcp, c);
    }
}

/* ECT only on text that is sent for the first time: 6.1.4 to 6.1.6. */
static void mark_header(struct connection *c, struct tcp_header *header, uint32_t new_octets)
{
    c->ecn_is_capable = new_octets > 0;
    if (c->ecn_echoes) {
        header->flags |= LA_ECE;
    }
    if (c->ecn_owes_cwr && new_octets > 0) {
        header->flags |= LA_CWR;
        c->ecn_owes_cwr = false;
    }
}

/* ---- source routes ---- */

bool source_route_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    struct settings *own = settings_own(tcp, c);
    if (own == NULL) {
        return false;
    }
    if (own->route.is_given) {
        return true; /* MUST-52 */
    }
    uint8_t before = own->route.bytes;
    source_route_reverse(&own->route, segment->source_route, &c->remote.address); /* MUST-53, SHLD-24 */
    if (state_is_synchronised((enum la_state)c->state)) {
        c->snd_mss = (uint16_t)(c->snd_mss + before - own->route.bytes);
    }
    c->is_marked = true;
    return true;
}

/* ---- all of them ---- */

void signals_arrive(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    if (c->ecn) {
        marks_arrive(tcp, c, segment);
    }
    if ((segment->flags & LA_URG) != 0) {
        urgent_pointer_arrives(tcp, c, segment);
    }
    if (segment->source_route != NULL) {
        (void)source_route_arrives(tcp, c, segment); /* without room for it, the way stays what it was */
    }
}

void signals_leave(struct connection *c, struct tcp_header *header, uint32_t new_octets)
{
    if (c->snd_is_urgent) {
        point_to_urgent(c, header);
    }
    if (c->ecn) {
        mark_header(c, header, new_octets);
    }
}

/* The DSCP as the application gave it (RFC 9293 3.9.1.9, SHLD-22). */
size_t mark_packet(const struct tcp *tcp, struct connection *c, uint8_t *packet, size_t length)
{
    uint8_t tos = (uint8_t)(c->dscp << 2 | (c->ecn_is_capable ? ECT_0 : 0));
    const struct source_route *route = route_of(tcp, c);
    c->ecn_is_capable = false;
    if (tos != 0) {
        ip_set_tos(packet, tos);
    }
    return route != NULL ? source_route_insert(packet, length, route) : length;
}
