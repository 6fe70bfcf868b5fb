#include "numbers_private.h"

#include "host/host_inspect.h"
#include "tcp/connection.h"

/* ---- they only move forward ---- */

struct numbers numbers_of(const struct world *world, unsigned host)
{
    const struct tcp *tcp = &world_host(world, host)->tcp;
    struct numbers numbers = {0};
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        numbers.of[slot].is_open = c->in_use && c->end == LA_END_NONE && c->state != LA_SYN_SENT;
        numbers.of[slot].iss = c->iss;
        numbers.of[slot].snd_una = c->snd_una;
        numbers.of[slot].snd_nxt = c->snd_nxt;
        numbers.of[slot].rcv_nxt = c->rcv_nxt;
        numbers.of[slot].rcv_edge = c->rcv_edge;
        numbers.of[slot].retransmits = c->retransmits;
        numbers.of[slot].ts_recent = c->timestamps ? c->ts_recent : 0;
        numbers.of[slot].last_tsval = c->timestamps ? c->last_tsval : 0;
        numbers.of[slot].rto_ms = numbers.of[slot].is_open ? retransmission_timeout_ms(tcp, c) : 0;
    }
    return numbers;
}

static bool stamp_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

const char *numbers_went_back(const struct world *world, unsigned host, const struct numbers *before,
                              uint32_t passed_ms)
{
    const struct numbers now = numbers_of(world, host);
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        bool is_same =
            before->of[slot].is_open && now.of[slot].is_open && seq_equal(before->of[slot].iss, now.of[slot].iss);
        if (!is_same) {
            continue;
        }
        if (seq_before(now.of[slot].snd_una, before->of[slot].snd_una) ||
            seq_before(now.of[slot].snd_nxt, before->of[slot].snd_nxt) ||
            seq_before(now.of[slot].rcv_nxt, before->of[slot].rcv_nxt)) {
            return "SND.UNA, SND.NXT or RCV.NXT went back (I5)";
        }
        if (seq_before(now.of[slot].rcv_edge, before->of[slot].rcv_edge)) {
            return "the right edge of the window went back (I8)";
        }
        if (now.of[slot].last_tsval != 0 &&
            (stamp_before(now.of[slot].ts_recent + passed_ms, before->of[slot].ts_recent) ||
             stamp_before(now.of[slot].last_tsval + passed_ms, before->of[slot].last_tsval))) {
            return "TS.Recent or TSval went back (I38)";
        }
        uint32_t most_ms = world_host(world, host)->core.config.rto_max_ms;
        uint32_t twice_ms = 2 * before->of[slot].rto_ms < most_ms ? 2 * before->of[slot].rto_ms : most_ms;
        if (now.of[slot].retransmits > before->of[slot].retransmits && now.of[slot].rto_ms < twice_ms) {
            return "what was sent again has not doubled the timeout (I29)";
        }
    }
    return NULL;
}

bool numbers_are_as_before(const struct connection *now, const struct connection *before)
{
    return now->in_use && now->end == before->end && now->state == before->state &&
           seq_equal(now->snd_una, before->snd_una) && seq_equal(now->rcv_nxt, before->rcv_nxt);
}

const char *numbers_unanswered(const struct world *world, unsigned host)
{
    const struct tcp *tcp = &world_host(world, host)->tcp;
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        bool has_taken = c->in_use && c->end == LA_END_NONE && state_is_synchronised((enum la_state)c->state);
        if (has_taken && !seq_equal(c->last_ack_sent, c->rcv_nxt) && !timer_is_armed(c, LA_TIMER_DELAYED_ACK)) {
            return "what was taken is not acknowledged, and no timer will";
        }
    }
    return NULL;
}

/* ---- what leaves says them ---- */

/* Of a packet of IPv4 without options, as these hosts send. */
struct said {
    struct seq seq;
    struct seq ack;
    uint32_t octets; /* SYN and FIN included */
    uint8_t flags;
    struct tcp_options options;
};

#define TCP_AT            20
#define TCP_BYTES_STAMPED 32 /* a header with timestamps has no less */

static struct said said_by(const struct flying *segment)
{
    const uint8_t *tcp = segment->packet + TCP_AT;
    struct said said = {.seq = seq_of(get_u32(tcp + 4)), .ack = seq_of(get_u32(tcp + 8)), .flags = tcp[13]};
    unsigned header_bytes = (tcp[12] >> 4) * 4U;
    said.octets = segment->length - TCP_AT - header_bytes;
    if (header_bytes >= TCP_BYTES_STAMPED) {
        struct segment parsed;
        if (flying_segment(segment, &parsed)) {
            said.options = parsed.options;
        }
    }
    said.octets += ((said.flags & LA_SYN) != 0 ? 1U : 0U) + ((said.flags & LA_FIN) != 0 ? 1U : 0U);
    return said;
}

static bool has_right_ends(const struct flying *segment, unsigned host)
{
    const struct la_endpoint from = world_endpoint(host);
    const struct la_endpoint to = world_endpoint(1 - host);
    return load_u32(segment->packet + 12) == load_u32(from.address.octets + ADDRESS_IPV4_AT) &&
           load_u32(segment->packet + 16) == load_u32(to.address.octets + ADDRESS_IPV4_AT) &&
           get_u16(segment->packet + TCP_AT) == from.port && get_u16(segment->packet + TCP_AT + 2) == to.port;
}

/* RFC 7323 3.2: each segment carries them, once they were agreed upon; an ACK brings TS.Recent back. */
static bool stamps_are(const struct said *said, uint32_t tsval, uint32_t ts_recent)
{
    const struct tcp_options *options = &said->options;
    bool echoes = (said->flags & LA_ACK) != 0;
    return options->has_timestamp && options->tsval == tsval && (!echoes || options->tsecr == ts_recent);
}

/* One that has ended has said its last. */
static bool connection_may_say(const struct connection *c, const struct said *said)
{
    struct seq end = seq_add(said->seq, said->octets);
    if (c->timestamps && (said->flags & LA_RST) == 0 && !stamps_are(said, c->last_tsval, c->ts_recent)) {
        return false;
    }
    bool is_within = seq_before_or_equal(c->snd_una, said->seq) && seq_before_or_equal(end, c->snd_nxt);
    if ((said->flags & LA_ACK) == 0) {
        return (said->flags & LA_SYN) != 0 && c->state == LA_SYN_SENT && seq_equal(said->seq, c->iss);
    }
    bool is_syn = (said->flags & LA_SYN) != 0;
    return seq_equal(said->ack, c->rcv_nxt) && (is_syn ? seq_equal(said->seq, c->iss) : is_within);
}

/* Whoever of the host has these numbers; true also where nobody is left to ask. */
static bool somebody_may_say(const struct world *world, unsigned host, const struct said *said)
{
    const la_host *h = world_host(world, host);
    bool is_anybody = false;
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(&h->tcp, slot);
        is_anybody |= c->in_use;
        if (c->in_use && connection_may_say(c, said)) {
            return true;
        }
    }
    const struct time_wait_table *table = &h->tcp.waits[0];
    for (uint32_t place = 0; place < table->used; place++) {
        const struct time_wait_record *record = time_wait_at(&h->core, table, place);
        is_anybody |= record != NULL;
        if (record != NULL && seq_equal(said->seq, record->snd_nxt) && seq_equal(said->ack, record->rcv_nxt)) {
            bool is_reset = (said->flags & LA_RST) != 0;
            return is_reset || !record->timestamps || stamps_are(said, record->last_tsval, record->ts_recent);
        }
    }
    return !is_anybody;
}

/* RFC 9293 3.10.7.1: an RST that answers a segment has its numbers; one that ends a connection has that one's. */
static bool reset_is_exact(const struct world *world, unsigned host, const struct said *said,
                           const struct flying *answered)
{
    if (answered != NULL) {
        const struct said cause = said_by(answered);
        bool is_answer = (cause.flags & LA_ACK) != 0 ? (said->flags & LA_ACK) == 0 && seq_equal(said->seq, cause.ack)
                                                     : (said->flags & LA_ACK) != 0 && said->seq.v == 0 &&
                                                           seq_equal(said->ack, seq_add(cause.seq, cause.octets));
        if (is_answer) {
            return true;
        }
    }
    return (said->flags & LA_ACK) != 0 && somebody_may_say(world, host, said);
}

const char *numbers_said(const struct world *world, unsigned host, const struct flying *segment,
                         const struct flying *answered)
{
    const struct said said = said_by(segment);
    if (!has_right_ends(segment, host)) {
        return "a segment leaves from or to a place where no connection is (I20)";
    }
    if ((said.flags & LA_RST) != 0) {
        return reset_is_exact(world, host, &said, answered) ? NULL : "the numbers of an RST are not exact (I20)";
    }
    return somebody_may_say(world, host, &said) ? NULL : "a segment has numbers that nobody here has (I7)";
}

/* ---- what comes in its order is taken ---- */

static bool takes(const struct connection *c, const struct said *said)
{
    bool receives = c->state == LA_ESTABLISHED || c->state == LA_FIN_WAIT_1 || c->state == LA_FIN_WAIT_2;
    bool is_plain = (said->flags & (LA_SYN | LA_RST | LA_ACK)) == LA_ACK;
    bool may_acknowledge = !seq_after(said->ack, c->snd_nxt) && !seq_before(said->ack, c->snd_una);
    uint32_t text = said->octets - ((said->flags & LA_FIN) != 0);
    return receives && is_plain && may_acknowledge && seq_equal(said->seq, c->rcv_nxt) && said->octets > 0 &&
           said->octets <= seq_distance(c->rcv_nxt, c->rcv_edge) && (text == 0 || !c->is_fully_closed);
}

struct due numbers_due(const struct world *world, const struct flying *segment)
{
    const struct tcp *tcp = &world_host(world, segment->to)->tcp;
    const struct said said = said_by(segment);
    bool has_memory = tcp->pieces.free_count * tcp->pieces.piece_bytes >= said.octets + tcp->pieces.piece_bytes;
    for (unsigned slot = 0; slot < WORLD_CONNECTIONS && has_memory; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (c->in_use && c->end == LA_END_NONE && takes(c, &said)) {
            return (struct due){true, slot, c->iss, seq_add(said.seq, said.octets)};
        }
    }
    return (struct due){.exists = false};
}

bool numbers_were_taken(const struct world *world, unsigned host, const struct due *due)
{
    const struct connection *c = connection_at(&world_host(world, host)->tcp, due->slot);
    bool is_still = due->exists && c->in_use && seq_equal(c->iss, due->iss);
    return !is_still || !seq_before(c->rcv_nxt, due->end);
}
