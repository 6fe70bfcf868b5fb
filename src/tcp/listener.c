#include "listener.h"

#include "base/assert.h"

struct listener *listener_at(const struct tcp *tcp, uint32_t slot)
{
    struct listener *listeners = core_at(tcp_core(tcp), tcp->listeners);
    return &listeners[slot];
}

/* The head of the chain of a port. We choose our ports ourselves: nobody can make them meet. */
static uint16_t *chain_of(const struct tcp *tcp, uint16_t port)
{
    return &listener_at(tcp, port % tcp_core(tcp)->config.listeners)->hash_first;
}

void listeners_start(struct tcp *tcp)
{
    uint16_t count = tcp_core(tcp)->config.listeners;
    for (uint16_t slot = 0; slot < count; slot++) {
        *listener_at(tcp, slot) = (struct listener){.hash_first = NO_LISTENER};
    }
}

/* How little of what arrives at the address the listener leaves to others; FITS_NOT: it is not for it. */
enum fit { FITS_NOT, FITS_ANY, FITS_ANY_IPV4, FITS_EXACTLY };

static enum fit fit_of(const struct listener *listener, const struct la_address *address)
{
    if (address_equal(&listener->local.address, address)) {
        return FITS_EXACTLY;
    }
    if (!address_is_any(&listener->local.address)) {
        return FITS_NOT;
    }
    bool ipv4 = address_is_ipv4(address);
    if (address_is_ipv4(&listener->local.address)) {
        return ipv4 ? FITS_ANY_IPV4 : FITS_NOT;
    }
    return ipv4 && listener->is_ipv6_only ? FITS_NOT : FITS_ANY;
}

uint32_t listener_find(const struct tcp *tcp, const struct la_endpoint *local)
{
    uint32_t found = NONE;
    enum fit best = FITS_NOT;
    if (tcp_core(tcp)->config.listeners == 0) {
        return NONE;
    }
    for (uint16_t slot = *chain_of(tcp, local->port); slot != NO_LISTENER;) {
        const struct listener *listener = listener_at(tcp, slot);
        if (listener->local.port == local->port) {
            enum fit fit = fit_of(listener, &local->address);
            if (fit == FITS_EXACTLY) {
                return slot;
            }
            found = fit > best ? slot : found;
            best = fit > best ? fit : best;
        }
        slot = listener->hash_next;
    }
    return found;
}

bool listener_has_room(const struct listener *listener)
{
    return listener->syn_received + listener->queued < listener->backlog;
}

void listener_queue(struct tcp *tcp, struct connection *c)
{
    struct listener *listener = listener_at(tcp, c->listener);
    uint32_t slot = connection_slot(tcp, c);
    la_assert(listener->syn_received > 0);
    listener->syn_received--;
    listener->queued++;
    c->is_accept_queued = true;
    c->queue_next = NONE;
    if (listener->queue_first == NONE) {
        listener->queue_first = slot;
    } else {
        connection_at(tcp, listener->queue_last)->queue_next = slot;
    }
    listener->queue_last = slot;
    ready_listener(tcp, c->listener);
}

void listener_forget(struct tcp *tcp, const struct connection *c)
{
    struct listener *listener = listener_at(tcp, c->listener);
    la_assert(listener->syn_received > 0);
    listener->syn_received--;
}

static uint32_t free_slot(const struct tcp *tcp)
{
    uint32_t count = tcp_core(tcp)->config.listeners;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (!listener_at(tcp, slot)->in_use) {
            return slot;
        }
    }
    return NONE;
}

/* RFC 9293 3.9.1.1: connections on the same port do not stand in its way, nor it in theirs (MUST-41, MUST-42). */
int tcp_listen(struct tcp *tcp, const struct la_endpoint *local, uint32_t backlog, struct la_listener *handle)
{
    uint32_t taken = listener_find(tcp, local);
    if (taken != NONE && address_equal(&listener_at(tcp, taken)->local.address, &local->address)) {
        return LA_ERROR_IN_USE;
    }
    uint32_t free = free_slot(tcp);
    if (free == NONE) {
        return LA_ERROR_NO_LISTENER;
    }
    uint16_t *chain = chain_of(tcp, local->port);
    struct listener *listener = listener_at(tcp, free);
    uint16_t next = *chain;
    *chain = (uint16_t)free;
    *listener = (struct listener){
        .local = *local,
        .hash_first = listener->hash_first,
        .hash_next = next,
        .generation = generation_after(listener->generation),
        .backlog = backlog,
        .queue_first = NONE,
        .queue_last = NONE,
        .ready_next = NONE,
        .ttl = tcp_core(tcp)->config.ttl,
        .dscp = tcp_core(tcp)->config.dscp,
        .receive_limit_bytes = tcp_core(tcp)->config.receive_buffer_bytes,
        .in_use = true,
    };
    *handle = (struct la_listener){free, listener->generation};
    return LA_OK;
}

static void leave_chain(struct tcp *tcp, uint32_t slot)
{
    uint16_t *link = chain_of(tcp, listener_at(tcp, slot)->local.port);
    while (*link != slot) {
        la_assert(*link != NO_LISTENER);
        link = &listener_at(tcp, *link)->hash_next;
    }
    *link = listener_at(tcp, slot)->hash_next;
}

static struct listener *listener_of(const struct tcp *tcp, struct la_listener handle)
{
    if (handle.slot >= tcp_core(tcp)->config.listeners || handle.generation == 0) {
        return NULL;
    }
    struct listener *listener = listener_at(tcp, handle.slot);
    return listener->in_use && listener->generation == handle.generation ? listener : NULL;
}

int tcp_listener_info(const struct tcp *tcp, struct la_listener handle, struct la_listener_info *info)
{
    const struct listener *listener = listener_of(tcp, handle);
    if (listener == NULL) {
        return LA_ERROR_STALE;
    }
    *info = (struct la_listener_info){listener->local, listener->backlog, listener->syn_received, listener->queued};
    return LA_OK;
}

int tcp_set_backlog(struct tcp *tcp, struct la_listener handle, uint32_t backlog)
{
    struct listener *listener = listener_of(tcp, handle);
    if (listener == NULL) {
        return LA_ERROR_STALE;
    }
    listener->backlog = backlog;
    return LA_OK;
}

static bool listener_may_have(const struct tcp *tcp, enum la_option option, int64_t value)
{
    if (option == LA_OPTION_IPV6_ONLY) {
        return value == 0 || value == 1;
    }
    if (option == LA_OPTION_MAX_SEGMENT_BYTES && value == 0) {
        return true;
    }
    bool is_its = option == LA_OPTION_RECEIVE_BUFFER_BYTES || option == LA_OPTION_MAX_SEGMENT_BYTES ||
                  option == LA_OPTION_TTL || option == LA_OPTION_DSCP;
    return is_its && tcp_option_may_be(tcp, option, value);
}

int tcp_set_listener_option(struct tcp *tcp, struct la_listener handle, enum la_option option, int64_t value)
{
    struct listener *listener = listener_of(tcp, handle);
    if (listener == NULL) {
        return LA_ERROR_STALE;
    }
    if (!listener_may_have(tcp, option, value)) {
        return LA_ERROR_INVALID;
    }
    if (option == LA_OPTION_RECEIVE_BUFFER_BYTES) {
        listener->receive_limit_bytes = (uint32_t)value;
    } else if (option == LA_OPTION_MAX_SEGMENT_BYTES) {
        listener->mss = (uint16_t)value;
    } else if (option == LA_OPTION_TTL) {
        listener->ttl = (uint8_t)value;
    } else if (option == LA_OPTION_DSCP) {
        listener->dscp = (uint8_t)value;
    } else {
        listener->is_ipv6_only = value == 1;
    }
    return LA_OK;
}

static struct connection *queue_take(struct tcp *tcp, struct listener *listener)
{
    struct connection *c = connection_at(tcp, listener->queue_first);
    listener->queue_first = c->queue_next;
    listener->queued--;
    c->queue_next = NONE;
    c->is_accept_queued = false;
    c->is_passive = false;
    c->listener = NONE;
    return c;
}

int tcp_accept(struct tcp *tcp, struct la_listener handle, struct la_conn *conn)
{
    struct listener *listener = listener_of(tcp, handle);
    if (listener == NULL) {
        return LA_ERROR_STALE;
    }
    if (listener->queue_first == NONE) {
        return LA_ERROR_WOULD_BLOCK;
    }
    struct connection *c = queue_take(tcp, listener);
    c->is_held = true;
    if (c->ready != 0) {
        connection_ready(tcp, c, c->ready);
    }
    *conn = connection_handle(tcp, c);
    return LA_OK;
}

int tcp_unlisten(struct tcp *tcp, struct la_listener handle)
{
    struct listener *listener = listener_of(tcp, handle);
    if (listener == NULL) {
        return LA_ERROR_STALE;
    }
    while (listener->queue_first != NONE) {
        struct connection *c = queue_take(tcp, listener);
        if (c->end == LA_END_NONE) {
            tcp->orphans++; /* nobody's, until it has ended */
            connection_abort(tcp, c, LA_END_ABORTED);
        } else {
            connection_free(tcp, c);
        }
    }
    uint32_t connections = tcp_core(tcp)->config.connections;
    for (uint32_t slot = 0; slot < connections && listener->syn_received > 0; slot++) {
        struct connection *c = connection_at(tcp, slot);
        if (c->in_use && c->state == LA_SYN_RECEIVED && c->is_passive && c->listener == handle.slot) {
            connection_abort(tcp, c, LA_END_ABORTED);
        }
    }
    ready_remove_listener(tcp, handle.slot);
    leave_chain(tcp, handle.slot);
    listener->in_use = false;
    return LA_OK;
}
