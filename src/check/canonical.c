#include "canonical.h"

#include <string.h>

#include "host/host.h"
#include "tcp/connection.h"
#include "tcp/listener.h"
#include "wire/packet.h"

/* What is longer ago than any bound of the configs that are explored is "long ago". */
#define LONG_AGO_MS 400000

static uint32_t earlier_ms(uint32_t then_ms, uint32_t now_ms)
{
    uint32_t age_ms = now_ms - then_ms;
    return WORLD_NOW_MS - (age_ms < LONG_AGO_MS ? age_ms : LONG_AGO_MS);
}

/* ---- time ---- */

static void shift_connection(struct connection *c, uint32_t ms)
{
    for (unsigned timer = 0; timer < LA_TIMER_COUNT; timer++) {
        if (timer_is_armed(c, (enum la_timer)timer)) {
            c->deadline_ms[timer_place((enum la_timer)timer)] -= ms;
        }
    }
    if (c->end == LA_END_NONE) {
        c->progress_ms -= ms;
    }
    c->heard_ms -= ms;
    c->challenge_ms -= ms;
    c->rtt_began_us -= ms * 1000;
}

static struct time_wait_record *record_at(const la_host *host, uint32_t place)
{
    const struct time_wait_table *table = &host->tcp.waits[0];
    char *records = core_at(&host->core, table->records);
    return (struct time_wait_record *)(void *)(records + (size_t)place % table->capacity * table->record_bytes);
}

void canonical_shift_time(la_host *host, uint32_t ms)
{
    struct tcp *tcp = &host->tcp;
    struct timer_entry *heap = core_at(&host->core, tcp->timer_entries);
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        if (connection_at(tcp, slot)->in_use) {
            shift_connection(connection_at(tcp, slot), ms);
        }
    }
    for (uint32_t i = 0; i < tcp->timers.count; i++) {
        heap[i].deadline_ms -= ms;
    }
    for (uint32_t i = 0; i < tcp->waits[0].used; i++) {
        struct time_wait_record *record = record_at(host, tcp->waits[0].tail + i);
        record->deadline_ms -= ms;
        record->answered = (uint16_t)(record->answered - ms / tcp->waits[0].answer_unit_ms);
    }
    host->core.now = WORLD_NOW;
    host->core.now_ms = WORLD_NOW_MS;
    host->core.now_ms_up = WORLD_NOW_MS;
}

/* ---- what is over, or of no use any more ---- */

static bool ts_recent_is_known(const struct connection *c)
{
    return c->timestamps && c->state != LA_SYN_SENT;
}

static void settle_timers(struct connection *c)
{
    uint32_t kept[LA_TIMER_COUNT - 2] = {0};
    for (unsigned timer = 0; timer < LA_TIMER_COUNT; timer++) {
        if (timer_is_armed(c, (enum la_timer)timer)) {
            unsigned place = timer_place((enum la_timer)timer);
            kept[place] = c->deadline_ms[place];
        }
    }
    memcpy(c->deadline_ms, kept, sizeof kept);
}

/* TS.Recent begins with the peer's first segment; forgotten it is after 24 days only. In SYN-SENT they are offered. */
static void settle_timestamps(struct connection *c, bool are_offered)
{
    bool is_clocked = c->timestamps || (are_offered && c->state == LA_SYN_SENT);
    c->ts_recent = ts_recent_is_known(c) ? c->ts_recent : 0;
    c->ts_recent_at = ts_recent_is_known(c) ? (uint32_t)(WORLD_NOW / PAWS_TICK) : 0;
    c->ts_offset = is_clocked ? c->ts_offset : 0;
    c->last_tsval = is_clocked ? c->last_tsval : 0;
}

/* What only la_info tells is a statistic. */
static void settle_connection(const la_host *host, struct connection *c)
{
    settle_timers(c);
    c->generation = 1;
    if (c->end == LA_END_NONE) {
        c->progress_ms = earlier_ms(c->progress_ms, WORLD_NOW_MS);
    }
    c->heard_ms = c->keepalive ? earlier_ms(c->heard_ms, WORLD_NOW_MS) : 0;
    bool may_challenge = WORLD_NOW_MS - c->challenge_ms >= host->core.config.challenge_ack_ms;
    c->is_challenged = c->is_challenged && !may_challenge;
    c->challenge_ms = c->is_challenged ? c->challenge_ms : 0;
    const uint32_t now_us = (uint32_t)(WORLD_NOW / LA_MICROSECOND); /* the rest of a millisecond is forgotten */
    bool began_ahead = (int32_t)(c->rtt_began_us - now_us) > 0;
    c->rtt_began_us = began_ahead ? now_us : c->rtt_began_us;
    c->rtt_began_us = c->rtt_is_timed ? c->rtt_began_us : 0;
    c->rtt_seq.v = c->rtt_is_timed ? c->rtt_seq.v : 0;
    c->total_retrans = 0;
    c->bytes_received = 0;
    c->out_cursor = (struct stream_cursor){.piece = PIECE_NONE};
    c->peer_fin.v = c->peer_fin_is_known ? c->peer_fin.v : 0;
    c->recover.v = c->recover_is_set || c->in_recovery ? c->recover.v : 0;
    c->snd_up.v = c->snd_is_urgent ? c->snd_up.v : 0;
    c->rcv_up.v = c->rcv_is_urgent ? c->rcv_up.v : 0;
    c->ecn_until.v = c->ecn_is_reduced ? c->ecn_until.v : 0;
    settle_timestamps(c, host->core.config.timestamps);
    c->ready = c->is_held ? c->ready : 0;
}

/* Free slots are empty, and their list is in order. */
static void settle_slots(struct tcp *tcp)
{
    uint32_t next = NONE;
    for (uint32_t slot = WORLD_CONNECTIONS; slot-- > 0;) {
        struct connection *c = connection_at(tcp, slot);
        if (!c->in_use) {
            memset(c, 0, sizeof *c);
            c->hash_next = next;
            next = slot;
        }
    }
    tcp->free_connection = next;
}

/* The heap's entries say what the connections say: one that is early does nothing but be set anew. */
static void settle_heap(struct tcp *tcp)
{
    void *heap = core_at(tcp_core(tcp), tcp->timer_entries);
    timers_init(&tcp->timers, heap, WORLD_CONNECTIONS);
    memset(heap, 0, WORLD_CONNECTIONS * sizeof(struct timer_entry));
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        bool any = false;
        uint32_t earliest = 0;
        for (unsigned timer = 0; c->in_use && timer < LA_TIMER_COUNT; timer++) {
            uint32_t deadline_ms = c->deadline_ms[timer_place((enum la_timer)timer)];
            if (timer_is_armed(c, (enum la_timer)timer) && (!any || deadline_before(deadline_ms, earliest))) {
                any = true;
                earliest = deadline_ms;
            }
        }
        if (any) {
            timers_set(&tcp->timers, heap, slot, earliest);
        }
    }
}

/* ---- pieces: numbered in the order in which connections use them, so that who took which first is forgotten ---- */

struct renumbering {
    const struct pieces_memory memory;
    uint32_t taken;
    uint8_t octets[16 * 16];
    uint32_t links[16];
};

/* Where a piece's octets go. */
static uint8_t *octets_in(struct renumbering *to, uint32_t piece)
{
    return to->octets + (size_t)piece * to->memory.pool->piece_bytes;
}

static uint32_t move_piece(struct renumbering *to, uint32_t piece)
{
    memcpy(octets_in(to, to->taken), piece_octets(&to->memory, piece), to->memory.pool->piece_bytes);
    to->links[to->taken] = PIECE_NONE;
    return to->taken++;
}

static void move_stream(struct renumbering *to, struct stream *stream, bool has_more_behind)
{
    uint32_t bytes = to->memory.pool->piece_bytes;
    uint32_t first = to->taken;
    uint32_t piece = stream->head;
    for (uint32_t i = 0; i < stream->pieces; i++) {
        uint32_t next = to->memory.links[piece];
        uint32_t moved = move_piece(to, piece);
        if (i > 0) {
            to->links[moved - 1] = moved;
        }
        piece = next;
    }
    if (stream->pieces == 0) {
        return;
    }
    stream->head = first;
    stream->tail = to->taken - 1;
    memset(octets_in(to, first), 0, stream->start);
    uint32_t end = stream->start + stream->length;
    if (!has_more_behind) {
        memset(octets_in(to, first) + end, 0, stream->pieces * bytes - end);
    }
}

/* Octets of the holes between ranges were something once; and so were the list's own behind its end. */
static void clear_holes(struct renumbering *to, struct connection *c)
{
    uint32_t bytes = to->memory.pool->piece_bytes;
    struct range ranges[2] = {{{0}, {0}}, {{0}, {0}}};
    uint8_t *list = octets_in(to, c->ranges);
    uint8_t *octets = octets_in(to, c->in.head) + c->in.start;
    memcpy(ranges, list, c->range_count * sizeof ranges[0]);
    memset(list + c->range_count * sizeof ranges[0], 0, bytes - c->range_count * sizeof ranges[0]);
    uint32_t at = c->in.length;
    for (uint32_t i = 0; i < c->range_count; i++) {
        uint32_t start = c->in.length + seq_distance(c->rcv_nxt, ranges[i].start);
        memset(octets + at, 0, start - at);
        at = c->in.length + seq_distance(c->rcv_nxt, ranges[i].end);
    }
    uint32_t capacity = c->in.pieces * bytes - c->in.start;
    memset(octets + at, 0, capacity - at);
}

static void settle_pieces(struct tcp *tcp)
{
    struct renumbering to = {.memory = tcp_pieces(tcp)};
    struct pieces *pool = &tcp->pieces;
    la_assert(pool->total <= 16 && pool->piece_bytes <= 16);
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS && pool->free_count < pool->total; slot++) {
        struct connection *c = connection_at(tcp, slot);
        if (!c->in_use) {
            continue;
        }
        move_stream(&to, &c->out, false);
        move_stream(&to, &c->in, c->range_count > 0);
        if (c->ranges != PIECE_NONE) {
            c->ranges = move_piece(&to, c->ranges);
            clear_holes(&to, c);
        }
    }
    memcpy(to.memory.octets, to.octets, (size_t)to.taken * pool->piece_bytes);
    memcpy(to.memory.links, to.links, to.taken * sizeof to.links[0]);
    for (uint32_t piece = to.taken; piece < pool->total; piece++) {
        to.memory.links[piece] = piece + 1 < pool->total ? piece + 1 : PIECE_NONE;
    }
    pool->free_head = to.taken < pool->total ? to.taken : PIECE_NONE;
    if (tcp->starved == 0) {
        pool->given_back = 0;
        tcp->starved_next = 0;
        tcp->starved_left = 0;
        tcp->starved_seen = 0;
    }
}

/* ---- records: the ring begins at its first place; holes in front are gone ---- */

static bool record_is_dead(const struct time_wait_record *record)
{
    return record->class == 0;
}

static void settle_records(la_host *host)
{
    struct time_wait_table *table = &host->tcp.waits[0];
    uint8_t ring[8 * 48] = {0};
    uint32_t count = 0;
    la_assert(table->capacity <= 8 && table->record_bytes <= 48);
    for (uint32_t i = 0; i < table->used; i++) {
        struct time_wait_record *record = record_at(host, table->tail + i);
        if (count == 0 && record_is_dead(record)) {
            continue; /* the next advance passes it */
        }
        if (record_is_dead(record)) {
            memset(record, 0, table->record_bytes);
        }
        bool may_answer = (uint16_t)(WORLD_NOW_MS / table->answer_unit_ms - record->answered) >=
                          host->core.config.rto_min_ms / 2 / table->answer_unit_ms + 1;
        record->was_answered = record->was_answered && !may_answer;
        record->answered = record->was_answered ? record->answered : 0;
        record->answers = 0; /* a statistic */
        memcpy(ring + (size_t)count * table->record_bytes, record, table->record_bytes);
        count++;
    }
    table->tail = 0;
    table->used = count;
    if (table->capacity > 0) {
        memcpy(record_at(host, 0), ring, (size_t)count * table->record_bytes);
    }
}

void canonical_host(la_host *host)
{
    struct tcp *tcp = &host->tcp;
    canonical_shift_time(host, host->core.now_ms - WORLD_NOW_MS);
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        if (connection_at(tcp, slot)->in_use) {
            settle_connection(host, connection_at(tcp, slot));
        }
    }
    settle_slots(tcp);
    settle_heap(tcp);
    settle_pieces(tcp);
    settle_records(host);
    if (host->core.replies.used == 0) {
        host->core.replies.head = 0;
        host->core.replies.tail = 0;
    }
}

/* ---- sequence numbers ---- */

static void shift_connection_sequence(struct connection *c, bool is_ours, uint32_t by)
{
    struct seq *const ours[] = {&c->iss,     &c->snd_una, &c->snd_nxt,   &c->snd_resend, &c->snd_wl2,
                                &c->recover, &c->snd_up,  &c->ecn_until, &c->rtt_seq,    &c->doubted_seq};
    struct seq *const theirs[] = {&c->snd_wl1, &c->rcv_nxt, &c->rcv_edge, &c->last_ack_sent, &c->peer_fin, &c->rcv_up};
    if (is_ours) {
        for (unsigned i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            ours[i]->v += by;
        }
    } else {
        for (unsigned i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
            theirs[i]->v += by;
        }
    }
}

static void shift_ranges(const struct tcp *tcp, const struct connection *c, uint32_t by)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    struct range *ranges = (void *)piece_octets(&memory, c->ranges);
    for (uint32_t i = 0; i < c->range_count; i++) {
        ranges[i].start.v += by;
        ranges[i].end.v += by;
    }
}

static void shift_host_sequence(la_host *host, bool is_ours, uint32_t by)
{
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        struct connection *c = connection_at(&host->tcp, slot);
        if (!c->in_use) {
            continue;
        }
        shift_connection_sequence(c, is_ours, by);
        if (!is_ours && c->range_count > 0) {
            shift_ranges(&host->tcp, c, by);
        }
    }
    for (uint32_t i = 0; i < host->tcp.waits[0].used; i++) {
        struct time_wait_record *record = record_at(host, host->tcp.waits[0].tail + i);
        struct seq *number = is_ours ? &record->snd_nxt : &record->rcv_nxt;
        number->v += by;
    }
}

static void shift_packet(struct flying *flying, bool is_seq, uint32_t by)
{
    struct segment segment;
    if (!flying_segment(flying, &segment) || (!is_seq && (segment.flags & LA_ACK) == 0)) {
        return;
    }
    segment.seq.v += is_seq ? by : 0;
    segment.ack.v += is_seq ? 0 : by;
    flying_rewrite(flying, &segment);
}

void canonical_shift_sequence(struct world *world, unsigned from, uint32_t by)
{
    shift_host_sequence(world_host(world, from), true, by);
    shift_host_sequence(world_host(world, 1 - from), false, by);
    for (unsigned i = 0; i < world->network.count; i++) {
        struct flying *flying = &world->network.flight[i];
        shift_packet(flying, flying->to != from, by);
    }
}

/* ---- timestamps: each host's clock stands at WORLD_NOW again, and what it said before is so much longer ago ---- */

static void shift_host_timestamps(la_host *host, bool is_ours, uint32_t ms)
{
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        struct connection *c = connection_at(&host->tcp, slot);
        c->last_tsval -= is_ours && c->in_use && (c->timestamps || c->state == LA_SYN_SENT) ? ms : 0;
        c->ts_recent -= !is_ours && c->in_use && ts_recent_is_known(c) ? ms : 0;
    }
    for (uint32_t i = 0; i < host->tcp.waits[0].used; i++) {
        struct time_wait_record *record = record_at(host, host->tcp.waits[0].tail + i);
        if (!record_is_dead(record) && record->timestamps) {
            record->last_tsval -= is_ours ? ms : 0;
            record->ts_recent -= is_ours ? 0 : ms;
        }
    }
}

void canonical_shift_timestamps(struct world *world, unsigned from, uint32_t ms)
{
    shift_host_timestamps(world_host(world, from), true, ms);
    shift_host_timestamps(world_host(world, 1 - from), false, ms);
    for (unsigned i = 0; i < world->network.count; i++) {
        struct flying *flying = &world->network.flight[i];
        bool is_value = flying->to != from;
        flying_add_stamps(flying, is_value ? 0U - ms : 0, is_value ? 0 : 0U - ms);
    }
}

/* ---- the network ---- */

static int order_of(const struct flying *a, const struct flying *b)
{
    if (a->late != b->late || a->to != b->to) {
        return (a->late - b->late) * 2 + (a->to - b->to);
    }
    return a->late ? memcmp(a, b, sizeof *a) : 0; /* in turn: as they stand */
}

void canonical_network(struct network *network)
{
    for (unsigned i = 1; i < network->count; i++) {
        struct flying moved = network->flight[i];
        unsigned place = i;
        for (; place > 0 && order_of(&moved, &network->flight[place - 1]) < 0; place--) {
            network->flight[place] = network->flight[place - 1];
        }
        network->flight[place] = moved;
    }
}
