#include "check.h"

#include "listener.h"
#include "settings.h"

/* The tables and lists of tcp/ against the connections. A list is told from a wrong one by its length: each object on
   it says that it is on it, and as many say so. */

/* ---- pieces: each in one chain, or free ---- */

/* All numbers of a pool, whatever the order: how many, and two sums that no other multiset of them is likely to
   have. */
struct tally {
    uint32_t count;
    uint64_t sum;
    uint64_t mixed;
};

static void tally_add(struct tally *tally, uint32_t piece)
{
    uint64_t z = (piece + 1) * UINT64_C(0x9e3779b97f4a7c15);
    tally->count++;
    tally->sum += piece;
    tally->mixed += (z ^ (z >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
}

static bool tally_chain(const struct tcp *tcp, struct tally *tally, uint32_t head, uint32_t count, uint32_t *last)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t piece = head;
    *last = PIECE_NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (piece >= tcp->pieces.total) {
            return false;
        }
        tally_add(tally, piece);
        *last = piece;
        piece = memory.links[piece];
    }
    return true;
}

static bool tally_stream(const struct tcp *tcp, struct tally *tally, const struct stream *stream)
{
    uint32_t last = PIECE_NONE;
    return tally_chain(tcp, tally, stream->head, stream->pieces, &last) && (last == stream->tail);
}

static const char *check_pieces(const struct tcp *tcp)
{
    struct tally found = {0};
    struct tally all = {0};
    uint32_t last = PIECE_NONE;
    uint32_t connections = tcp_core(tcp)->config.connections;
    if (!tally_chain(tcp, &found, tcp->pieces.free_head, tcp->pieces.free_count, &last)) {
        return "pieces: the free ones are a chain";
    }
    for (uint32_t slot = 0; slot < connections; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (!c->in_use) {
            continue;
        }
        if (!tally_stream(tcp, &found, &c->in) || !tally_stream(tcp, &found, &c->out)) {
            return "pieces: a stream is a chain from its head to its tail";
        }
        if (c->ranges != PIECE_NONE) {
            tally_add(&found, c->ranges);
        }
    }
    for (uint32_t piece = 0; piece < tcp->pieces.total; piece++) {
        tally_add(&all, piece);
    }
    bool same = found.count == all.count && found.sum == all.sum && found.mixed == all.mixed;
    return same ? NULL : "pieces: each in exactly one chain (I32)";
}

/* ---- the table of connections, and what is counted of them ---- */

struct census {
    uint32_t in_use;
    uint32_t open; /* in the table */
    uint32_t orphans;
    uint32_t on_output;
    uint32_t on_ready;
    uint32_t starved;
    uint32_t settings;
    uint32_t queued;
    uint32_t syn_received;
    uint32_t armed;
};

static bool is_orphan(const struct connection *c)
{
    bool listeners = c->is_passive && c->listener != NONE;
    return c->end == LA_END_NONE && !c->is_held && !listeners;
}

static void count_connection(struct census *census, const struct connection *c)
{
    census->in_use++;
    census->open += c->end == LA_END_NONE;
    census->orphans += is_orphan(c);
    census->on_output += c->is_on_output;
    census->on_ready += c->is_on_ready;
    census->starved += c->wants_pieces;
    census->settings += c->settings != 0;
    census->queued += c->is_accept_queued;
    census->syn_received += c->state == LA_SYN_RECEIVED && c->is_passive && c->end == LA_END_NONE;
}

/* Its entry in the heap is not later than its earliest deadline; none if nothing is armed and it has ended. */
static const char *check_heap_entry(const struct tcp *tcp, uint32_t slot, struct census *census)
{
    const void *entries = core_at(tcp_core(tcp), tcp->timer_entries);
    const struct connection *c = connection_at(tcp, slot);
    uint32_t scheduled = 0;
    bool is_scheduled = timers_get(&tcp->timers, entries, slot, &scheduled);
    census->armed += is_scheduled;
    if (!c->in_use || c->end != LA_END_NONE) {
        return is_scheduled ? "timers: what has ended is not in the heap (I27)" : NULL;
    }
    for (unsigned timer = 0; timer < LA_TIMER_COUNT; timer++) {
        bool armed = timer_is_armed(c, (enum la_timer)timer);
        if (armed && (!is_scheduled || deadline_before(c->deadline_ms[timer_place((enum la_timer)timer)], scheduled))) {
            return "timers: the heap's entry is not later than any deadline";
        }
    }
    return NULL;
}

static const char *check_heap(const struct tcp *tcp, uint32_t armed)
{
    const struct timer_entry *heap = core_at(tcp_core(tcp), tcp->timer_entries);
    if (tcp->timers.count != armed) {
        return "timers: the heap holds one entry for each who is scheduled";
    }
    for (uint32_t i = 1; i < tcp->timers.count; i++) {
        if (deadline_before(heap[i].deadline_ms, heap[(i - 1) / 4].deadline_ms)) {
            return "timers: no entry is earlier than its parent";
        }
    }
    return NULL;
}

static const char *check_table(const struct tcp *tcp, const struct census *census)
{
    const struct core *core = tcp_core(tcp);
    const uint32_t *buckets = core_at(core, tcp->buckets);
    uint32_t listed = 0;
    for (uint32_t i = 0; i < core->config.connections; i++) {
        for (uint32_t slot = buckets[i]; slot != NONE; slot = connection_at(tcp, slot)->hash_next) {
            if (++listed > census->open) {
                return "table: lists what is open, once (I34)";
            }
        }
    }
    uint32_t unused = 0;
    for (uint32_t slot = tcp->free_connection; slot != NONE; slot = connection_at(tcp, slot)->hash_next) {
        if (++unused > core->config.connections || connection_at(tcp, slot)->in_use) {
            return "table: the free ones are a list";
        }
    }
    if (listed != census->open) {
        return "table: lists what is open, once (I34)";
    }
    if (census->in_use != tcp->connections_in_use || unused + census->in_use != core->config.connections) {
        return "table: each slot is in use or free";
    }
    return census->orphans == tcp->orphans ? NULL : "table: the orphans are counted";
}

static const char *check_each(const struct tcp *tcp, struct census *census)
{
    uint32_t connections = tcp_core(tcp)->config.connections;
    for (uint32_t slot = 0; slot < connections; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        const char *wrong = check_heap_entry(tcp, slot, census);
        if (c->in_use && wrong == NULL) {
            count_connection(census, c);
            wrong = connection_check(tcp, c);
            const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), &c->local, &c->remote);
            if (wrong == NULL && c->end == LA_END_NONE && connection_find(tcp, &tuple) != c) {
                wrong = "table: finds each connection by its four-tuple (I34)";
            }
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

/* ---- lists ---- */

static const char *check_outputs(const struct tcp *tcp, const struct census *census)
{
    uint32_t listed = 0;
    for (unsigned interface = 0; interface < tcp_core(tcp)->config.interfaces; interface++) {
        const struct output_list *list = output_list_at(tcp, interface);
        uint32_t last = list->last;
        for (uint32_t slot = list->first; slot != NONE; slot = connection_at(tcp, slot)->output_next) {
            const struct connection *c = connection_at(tcp, slot);
            if (!c->is_on_output || c->interface != interface || ++listed > census->on_output) {
                return "output: each on its interface's list, once (I34)";
            }
            last = slot;
        }
        if (last != list->last) {
            return "output: a list ends with its last";
        }
    }
    return listed == census->on_output ? NULL : "output: who says so is on a list";
}

static const char *check_ready(const struct tcp *tcp, uint32_t expected)
{
    uint32_t listed = 0;
    uint32_t before = NONE;
    for (uint32_t entry = tcp->ready_first; entry != NONE;) {
        bool is_listener = (entry & READY_LISTENER) != 0;
        uint32_t slot = entry & ~READY_LISTENER;
        bool says_so = is_listener ? listener_at(tcp, slot)->is_on_ready : connection_at(tcp, slot)->is_on_ready;
        if (!says_so || ++listed > expected) {
            return "ready: each on the list once (I34)";
        }
        uint32_t back = is_listener ? listener_at(tcp, slot)->ready_prev : connection_at(tcp, slot)->ready_prev;
        if (back != before) {
            return "ready: each knows who stands before it";
        }
        before = entry;
        entry = is_listener ? listener_at(tcp, slot)->ready_next : connection_at(tcp, slot)->queue_next;
    }
    if (tcp->ready_last != before) {
        return "ready: the list ends with its last";
    }
    return listed == expected ? NULL : "ready: who says so is on the list";
}

static const char *check_listener(const struct tcp *tcp, const struct listener *listener)
{
    uint32_t queued = 0;
    if (listener->syn_received + listener->queued > listener->backlog) {
        return "listeners: the backlog is the bound (I35)";
    }
    for (uint32_t slot = listener->queue_first; slot != NONE; slot = connection_at(tcp, slot)->queue_next) {
        if (!connection_at(tcp, slot)->is_accept_queued || ++queued > listener->queued) {
            return "listeners: the queue holds who waits, once (I34)";
        }
    }
    return queued == listener->queued ? NULL : "listeners: the backlog counts who waits (I35)";
}

static const char *check_listeners(const struct tcp *tcp, const struct census *census)
{
    uint32_t queued = 0;
    uint32_t opening = 0;
    uint32_t on_ready = census->on_ready;
    for (uint32_t slot = 0; slot < tcp_core(tcp)->config.listeners; slot++) {
        const struct listener *listener = listener_at(tcp, slot);
        if (!listener->in_use) {
            continue;
        }
        const char *wrong = check_listener(tcp, listener);
        if (wrong != NULL) {
            return wrong;
        }
        queued += listener->queued;
        opening += listener->syn_received;
        on_ready += listener->is_on_ready;
    }
    if (queued != census->queued || opening != census->syn_received) {
        return "listeners: the backlogs are SYN-RECEIVED and not accepted (I35)";
    }
    return check_ready(tcp, on_ready);
}

/* ---- records ---- */

static const char *check_waits(const struct tcp *tcp, const struct time_wait_table *table)
{
    const struct core *core = tcp_core(tcp);
    uint32_t now_ms = tcp_now_ms(tcp);
    uint32_t waiting = 0;
    if (table->used > table->capacity || (table->capacity > 0 && table->tail >= table->capacity)) {
        return "records: the ring lies within its places";
    }
    for (uint32_t i = 0; i < table->used; i++) {
        const char *records = core_at(core, table->records);
        size_t position = ((size_t)table->tail + i) % table->capacity;
        const struct time_wait_record *record = (const void *)(records + position * table->record_bytes);
        struct la_endpoint local;
        struct la_endpoint remote;
        if (record->class == 0) {
            continue;
        }
        waiting += record_waits(record);
        time_wait_endpoints(table, record, &local, &remote);
        if (!deadline_before(now_ms, record->deadline_ms)) {
            continue;
        }
        const struct four_tuple tuple = four_tuple_of(core, &local, &remote);
        if (time_wait_find(core, table, &tuple) != record) {
            return "records: found by the four-tuple (I34)";
        }
        const struct connection *owner = connection_find(tcp, &tuple);
        if (owner != NULL ? !record->is_shadowed || !owner->has_shadow : record->is_shadowed) {
            return "records: a four-tuple has one owner, who has the record in its shadow (I34)";
        }
        if (owner != NULL && !seq_after(owner->iss, record->snd_nxt)) {
            return "records: a new incarnation begins beyond the old one's numbers (I18)";
        }
    }
    return waiting == table->waiting ? NULL : "records: those that wait are counted (I32)";
}

const char *tcp_check(const struct tcp *tcp)
{
    struct census census = {0};
    const char *wrong = check_each(tcp, &census);
    wrong = wrong != NULL ? wrong : check_table(tcp, &census);
    wrong = wrong != NULL ? wrong : check_heap(tcp, census.armed);
    wrong = wrong != NULL ? wrong : check_pieces(tcp);
    wrong = wrong != NULL ? wrong : check_outputs(tcp, &census);
    wrong = wrong != NULL ? wrong : check_listeners(tcp, &census);
    wrong = wrong != NULL ? wrong : check_waits(tcp, &tcp->waits[0]);
    wrong = wrong != NULL ? wrong : check_waits(tcp, &tcp->waits[1]);
    if (wrong == NULL && census.settings + settings_free(tcp) != tcp_core(tcp)->config.own_settings) {
        wrong = "settings: each is one connection's or free (I32)";
    }
    return wrong != NULL || census.starved == tcp->starved ? wrong : "pieces: who waits for one is counted";
}
