#include "listener.h"

#include "base/assert.h"

/* One queue of slots, linked both ways: through connections' queue_next and listeners' ready_next, and ready_prev. */

static uint32_t *link_of(struct tcp *tcp, uint32_t entry)
{
    return (entry & READY_LISTENER) != 0 ? &listener_at(tcp, entry & ~READY_LISTENER)->ready_next
                                         : &connection_at(tcp, entry)->queue_next;
}

static uint32_t *link_back_of(struct tcp *tcp, uint32_t entry)
{
    return (entry & READY_LISTENER) != 0 ? &listener_at(tcp, entry & ~READY_LISTENER)->ready_prev
                                         : &connection_at(tcp, entry)->ready_prev;
}

static void append(struct tcp *tcp, uint32_t entry)
{
    *link_of(tcp, entry) = NONE;
    *link_back_of(tcp, entry) = tcp->ready_last;
    if (tcp->ready_first == NONE) {
        tcp->ready_first = entry;
    } else {
        *link_of(tcp, tcp->ready_last) = entry;
    }
    tcp->ready_last = entry;
}

static void take_out(struct tcp *tcp, uint32_t entry)
{
    uint32_t before = *link_back_of(tcp, entry);
    uint32_t after = *link_of(tcp, entry);
    *link_of(tcp, entry) = NONE;
    *(before == NONE ? &tcp->ready_first : link_of(tcp, before)) = after;
    *(after == NONE ? &tcp->ready_last : link_back_of(tcp, after)) = before;
}

void connection_ready(struct tcp *tcp, struct connection *c, unsigned flags)
{
    c->ready |= (uint8_t)flags;
    if (c->is_held && !c->is_on_ready) {
        c->is_on_ready = true;
        append(tcp, connection_slot(tcp, c));
    }
}

/* RFC 9293 3.9.1.8, MUST-47 */
void connection_report_error(struct tcp *tcp, struct connection *c)
{
    if (!c->errors_are_muted) { /* SHLD-20 */
        connection_ready(tcp, c, LA_READY_ERROR);
    }
}

void ready_remove(struct tcp *tcp, struct connection *c)
{
    if (c->is_on_ready) {
        c->is_on_ready = false;
        take_out(tcp, connection_slot(tcp, c));
    }
}

void ready_listener(struct tcp *tcp, uint32_t slot)
{
    struct listener *listener = listener_at(tcp, slot);
    if (!listener->is_on_ready) {
        listener->is_on_ready = true;
        append(tcp, slot | READY_LISTENER);
    }
}

void ready_remove_listener(struct tcp *tcp, uint32_t slot)
{
    struct listener *listener = listener_at(tcp, slot);
    if (listener->is_on_ready) {
        listener->is_on_ready = false;
        take_out(tcp, slot | READY_LISTENER);
    }
}

bool tcp_event(struct tcp *tcp, struct la_event *event)
{
    uint32_t entry = tcp->ready_first;
    if (entry == NONE) {
        return false;
    }
    take_out(tcp, entry);
    *event = (struct la_event){0};
    if ((entry & READY_LISTENER) != 0) {
        struct listener *listener = listener_at(tcp, entry & ~READY_LISTENER);
        listener->is_on_ready = false;
        event->flags = LA_READY_ACCEPTABLE;
        event->listener = (struct la_listener){entry & ~READY_LISTENER, listener->generation};
    } else {
        struct connection *c = connection_at(tcp, entry);
        c->is_on_ready = false;
        event->flags = c->ready;
        event->conn = connection_handle(tcp, c);
        c->ready = 0;
    }
    return true;
}
