#include "connection.h"

#include <string.h>

#include "base/assert.h"
#include "base/siphash.h"
#include "listener.h"
#include "path_mtu.h"
#include "settings.h"
#include "shadow.h"

size_t tcp_connections_bytes(const struct la_config *config)
{
    return (size_t)config->connections * sizeof(struct connection);
}

size_t tcp_buckets_bytes(const struct la_config *config)
{
    return (size_t)config->connections * sizeof(uint32_t);
}

size_t tcp_listeners_bytes(const struct la_config *config)
{
    return (size_t)config->listeners * sizeof(struct listener); /* a multiple of its alignment: settings follow */
}

size_t tcp_outputs_bytes(const struct la_config *config)
{
    return (size_t)config->interfaces * sizeof(struct output_list);
}

static uint32_t *bucket_for(const struct tcp *tcp, uint32_t hash)
{
    struct core *core = tcp_core(tcp);
    uint32_t *buckets = core_at(core, tcp->buckets);
    return &buckets[four_tuple_place(hash, core->config.connections)];
}

static void draw_table_key(struct core *core)
{
    for (size_t i = 0; i < sizeof core->table_key / sizeof core->table_key[0]; i++) {
        const uint8_t number = (uint8_t)i;
        core->table_key[i] = siphash_2_4(core->config.key, &number, sizeof number);
    }
}

void tcp_start(struct tcp *tcp)
{
    struct core *core = tcp_core(tcp);
    draw_table_key(core);
    const struct la_config *config = &core->config;
    memset(connection_at(tcp, 0), 0, tcp_connections_bytes(config));
    listeners_start(tcp);
    memset(core_at(core, tcp->buckets), 0xff, tcp_buckets_bytes(config));
    memset(core_at(core, tcp->outputs), 0xff, tcp_outputs_bytes(config));
    path_mtus_start(tcp);
    for (uint32_t slot = 0; slot < config->connections; slot++) {
        connection_at(tcp, slot)->hash_next = slot + 1 < config->connections ? slot + 1 : NONE;
    }
    tcp->free_connection = config->connections > 0 ? 0 : NONE;
    settings_start(tcp);
    tcp->ready_first = NONE;
    tcp->ready_last = NONE;
    timers_init(&tcp->timers, core_at(core, tcp->timer_entries), config->connections);
    const struct pieces_memory memory = tcp_pieces(tcp);
    tcp->pieces.total = config->buffer_pieces;
    tcp->pieces.piece_bytes = config->buffer_piece_bytes;
    pieces_init(&memory);
    time_wait_init(core, &tcp->waits[0], config->time_wait_ipv4, 4);
    time_wait_init(core, &tcp->waits[1], config->time_wait_ipv6, 16);
}

static void enter_table(struct tcp *tcp, struct connection *c, uint32_t hash)
{
    uint32_t *bucket = bucket_for(tcp, hash);
    c->hash_next = *bucket;
    *bucket = connection_slot(tcp, c);
}

struct connection *connection_new(struct tcp *tcp, const struct four_tuple *tuple, enum la_state state)
{
    uint32_t slot = tcp->free_connection;
    if (slot == NONE) {
        return NULL;
    }
    struct connection *c = connection_at(tcp, slot);
    la_assert(!c->in_use);
    tcp->free_connection = c->hash_next;
    tcp->connections_in_use++;
    uint32_t generation = generation_after(c->generation);
    const struct la_config *config = &tcp_core(tcp)->config;
    memset(c, 0, sizeof *c);
    c->in_use = true;
    c->generation = generation;
    c->local = *tuple->local;
    c->remote = *tuple->remote;
    c->state = (uint8_t)state;
    c->ranges = PIECE_NONE;
    c->out_cursor.piece = PIECE_NONE;
    stream_init(&c->in);
    stream_init(&c->out);
    c->queue_next = NONE;
    c->output_next = NONE;
    c->listener = NONE;
    c->send_limit_bytes = config->send_buffer_bytes;
    c->receive_limit_bytes = config->receive_buffer_bytes;
    c->nodelay = !config->nagle;
    c->keepalive = config->keepalive;
    c->ttl = config->ttl; /* RFC 9293 MUST-49 */
    c->dscp = config->dscp;
    c->is_marked = config->dscp != 0;
    enter_table(tcp, c, tuple->hash);
    return c;
}

struct connection *connection_find(const struct tcp *tcp, const struct four_tuple *tuple)
{
    for (uint32_t slot = *bucket_for(tcp, tuple->hash); slot != NONE;) {
        struct connection *c = connection_at(tcp, slot);
        if (endpoint_equal(&c->remote, tuple->remote) && endpoint_equal(&c->local, tuple->local)) {
            return c;
        }
        slot = c->hash_next;
    }
    return NULL;
}

static void leave_table(struct tcp *tcp, struct connection *c)
{
    uint32_t slot = connection_slot(tcp, c);
    uint32_t *link = bucket_for(tcp, four_tuple_hash(tcp_core(tcp), &c->local, &c->remote));
    while (*link != slot) {
        la_assert(*link != NONE);
        link = &connection_at(tcp, *link)->hash_next;
    }
    *link = c->hash_next;
    c->hash_next = NONE;
}

void connection_moves(struct tcp *tcp, struct connection *c, uint16_t port)
{
    leave_table(tcp, c);
    c->local.port = port;
    c->state = LA_CLOSED;
    enter_table(tcp, c, four_tuple_hash(tcp_core(tcp), &c->local, &c->remote));
}

struct connection *connection_of(const struct tcp *tcp, struct la_conn handle)
{
    if (handle.slot >= tcp_core(tcp)->config.connections) {
        return NULL;
    }
    struct connection *c = connection_at(tcp, handle.slot);
    return c->generation == handle.generation && c->is_held ? c : NULL;
}

struct la_conn connection_handle(const struct tcp *tcp, const struct connection *c)
{
    return (struct la_conn){connection_slot(tcp, c), c->generation};
}

void tcp_set_state(struct tcp *tcp, struct connection *c, enum la_state to)
{
    enum la_state from = (enum la_state)c->state;
    la_assert(state_edge_is_legal(from, to));
    c->state = (uint8_t)to;
    trace_state(tcp, c, from, to);
}

/* ---- output lists ---- */

void connection_wants_output(struct tcp *tcp, struct connection *c)
{
    if (c->is_on_output) {
        return;
    }
    struct output_list *list = output_list_at(tcp, c->interface);
    uint32_t slot = connection_slot(tcp, c);
    c->is_on_output = true;
    c->output_next = NONE;
    if (list->first == NONE) {
        list->first = slot;
    } else {
        connection_at(tcp, list->last)->output_next = slot;
    }
    list->last = slot;
}

static void leave_output(struct tcp *tcp, struct connection *c)
{
    if (!c->is_on_output) {
        return;
    }
    struct output_list *list = output_list_at(tcp, c->interface);
    uint32_t slot = connection_slot(tcp, c);
    uint32_t before = NONE;
    for (uint32_t at = list->first; at != slot; at = connection_at(tcp, at)->output_next) {
        la_assert(at != NONE);
        before = at;
    }
    if (before == NONE) {
        list->first = c->output_next;
    } else {
        connection_at(tcp, before)->output_next = c->output_next;
    }
    if (list->last == slot) {
        list->last = before;
    }
    c->is_on_output = false;
}

bool tcp_wants_output(const struct tcp *tcp, unsigned interface)
{
    return output_list_at(tcp, interface)->first != NONE;
}

size_t tcp_output(struct tcp *tcp, unsigned interface, void *buffer)
{
    struct output_list *list = output_list_at(tcp, interface);
    while (list->first != NONE) {
        struct connection *c = connection_at(tcp, list->first);
        list->first = c->output_next;
        c->is_on_output = false;
        size_t length = segment_next(tcp, c, buffer);
        if (length > 0) {
            if (segment_is_owed(c)) {
                connection_wants_output(tcp, c); /* behind the others */
            }
            return c->is_marked ? mark_packet(tcp, c, buffer, length) : length;
        }
    }
    return 0;
}

/* ---- the end ---- */

static bool listener_owns(const struct connection *c)
{
    return c->is_passive && !c->is_accept_queued && c->listener != NONE;
}

void connection_free(struct tcp *tcp, struct connection *c)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    la_assert(c->in_use && !c->is_held && !c->is_accept_queued && c->end != LA_END_NONE);
    stream_clear(&memory, &c->in);
    settings_release(tcp, c);
    c->in_use = false;
    c->hash_next = tcp->free_connection;
    tcp->free_connection = connection_slot(tcp, c);
    tcp->connections_in_use--;
}

void connection_forget(struct tcp *tcp, struct connection *c)
{
    leave_table(tcp, c);
    settings_release(tcp, c);
    c->in_use = false;
    c->hash_next = tcp->free_connection;
    tcp->free_connection = connection_slot(tcp, c);
    tcp->connections_in_use--;
}

void connection_retire(struct tcp *tcp, struct connection *c)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    leave_table(tcp, c);
    leave_output(tcp, c);
    timers_clear(&tcp->timers, core_at(tcp_core(tcp), tcp->timer_entries), connection_slot(tcp, c));
    c->timers_armed = 0;
    if (c->wants_pieces) {
        c->wants_pieces = false;
        tcp->starved--;
    }
    receive_forget_ranges(tcp, c);
    stream_clear(&memory, &c->out);
    if (c->is_fully_closed || (c->end != LA_END_CLEAN && !tcp_core(tcp)->config.keep_unread)) {
        stream_clear(&memory, &c->in);
    } else {
        stream_trim(&memory, &c->in);
    }
    if (!c->is_held && !c->is_accept_queued) {
        if (!listener_owns(c)) {
            tcp->orphans--;
        }
        connection_free(tcp, c);
    }
}

/* RFC 9293 3.6, MUST-12: the application hears that it ended, and how. */
void connection_end(struct tcp *tcp, struct connection *c, enum la_end end, enum la_state state)
{
    la_assert(c->end == LA_END_NONE && end != LA_END_NONE);
    c->end = (uint8_t)end;
    c->end_state = c->state == LA_TIME_WAIT ? c->end_state : c->state;
    c->unacknowledged_bytes = c->out.length;
    c->unread_bytes = c->in.length;
    if (c->state == LA_SYN_RECEIVED && listener_owns(c)) {
        listener_forget(tcp, c);
    }
    if (end != LA_END_CLEAN && (c->end_state == LA_SYN_SENT || c->end_state == LA_SYN_RECEIVED)) {
        core_count(tcp_core(tcp), LA_COUNT_TCP_ATTEMPT_FAILS);
    } else if (end != LA_END_CLEAN && (c->end_state == LA_ESTABLISHED || c->end_state == LA_CLOSE_WAIT)) {
        core_count(tcp_core(tcp), LA_COUNT_TCP_ESTABLISHED_RESETS);
    }
    bool is_back = c->has_shadow && shadow_returns(tcp, c);
    tcp_set_state(tcp, c, is_back ? LA_TIME_WAIT : state);
    trace_ended(tcp, c);
    connection_ready(tcp, c, LA_READY_ENDED | LA_READY_READABLE);
    connection_retire(tcp, c);
}
