#include "listener.h"
#include "shadow.h"

/* RFC 9293 3.10.7.2. */

struct connection *listen_open(struct tcp *tcp, uint32_t listener, unsigned interface, const struct segment *segment,
                               const struct clock_origin *origin, enum la_state from)
{
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), &segment->local, &segment->remote);
    struct connection *c = connection_new(tcp, &tuple, from);
    if (c == NULL) {
        segment_drop(tcp, LA_DROP_CONNECTIONS_FULL, segment, NULL);
        return NULL;
    }
    if (segment->source_route != NULL && !source_route_arrives(tcp, c, segment)) {
        segment_drop(tcp, LA_DROP_CONNECTIONS_FULL, segment, NULL);
        connection_forget(tcp, c);
        return NULL;
    }
    struct listener *parent = listener_at(tcp, listener);
    c->is_passive = true;
    c->listener = listener;
    parent->syn_received++;
    c->receive_limit_bytes = parent->receive_limit_bytes;
    c->ttl = parent->ttl;
    c->dscp = parent->dscp;
    c->is_marked |= parent->dscp != 0;
    syn_number(c, origin);
    syn_prepare(tcp, c, interface);
    if (parent->mss != 0) {
        syn_limit_mss(c, parent->mss);
    }
    syn_received(tcp, c, segment);
    tcp_set_state(tcp, c, LA_SYN_RECEIVED);
    core_count(tcp_core(tcp), LA_COUNT_TCP_PASSIVE_OPENS);
    connection_wants_output(tcp, c);
    return c;
}

/* Beyond the numbers of an incarnation that is remembered. */
static void open_beyond(struct tcp *tcp, uint32_t listener, unsigned interface, const struct segment *segment,
                        struct time_wait_record *record)
{
    struct clock_origin origin = clock_origin(tcp, &segment->local, &segment->remote);
    if (record != NULL) {
        shadow_moves_beyond(tcp, record, &origin);
    }
    struct connection *c = listen_open(tcp, listener, interface, segment, &origin, LA_LISTEN);
    if (c != NULL && record != NULL) {
        shadow_cast(tcp, c, record);
    }
}

void segment_arrives_in_listen(struct tcp *tcp, uint32_t listener, unsigned interface, const struct segment *segment,
                               struct time_wait_record *record)
{
    if ((segment->flags & LA_RST) != 0) { /* first */
        segment_drop(tcp, LA_DROP_LISTEN, segment, NULL);
    } else if ((segment->flags & LA_ACK) != 0) { /* second */
        segment_drop(tcp, LA_DROP_LISTEN, segment, NULL);
        reply_reset(tcp, interface, segment);
    } else if ((segment->flags & LA_SYN) == 0 || (segment->flags & LA_FIN) != 0) { /* fourth; a SYN-FIN is no SYN */
        segment_drop(tcp, LA_DROP_LISTEN, segment, NULL);
    } else if (core_is_quiet(tcp_core(tcp))) {
        segment_drop(tcp, LA_DROP_QUIET, segment, NULL);
    } else if (!listener_has_room(listener_at(tcp, listener))) {
        segment_drop(tcp, LA_DROP_BACKLOG_FULL, segment, NULL);
    } else { /* third */
        open_beyond(tcp, listener, interface, segment, record);
    }
}
