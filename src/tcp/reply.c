#include "settings.h"

/* Segments that leave without a connection's help go through the queue of replies: whole packets, written at once. */

void reply_emit(struct tcp *tcp, unsigned interface, const struct tcp_header *header, uint8_t scale,
                struct connection *c)
{
    struct core *core = tcp_core(tcp);
    uint8_t *ring = core_at(core, core->replies.offset);
    size_t plain = ip_header_bytes(&header->remote->address) + tcp_header_bytes(&header->options);
    const struct source_route *route = c != NULL ? route_of(tcp, c) : NULL;
    size_t length = plain + (route != NULL ? route->bytes : 0);
    uint8_t *to = replies_reserve(&core->replies, ring, interface, length);
    if (to == NULL) {
        core_drop(core, LA_DROP_REPLIES_FULL);
        return;
    }
    tcp_emit(to, header, c != NULL ? c->ttl : core->config.ttl, 0, 0);
    if (c != NULL && c->is_marked) {
        (void)mark_packet(tcp, c, to, plain);
    }
    replies_commit(&core->replies, ring, interface, length);
    core_count(core, LA_COUNT_TCP_OUT_SEGMENTS);
    if ((header->flags & LA_RST) != 0) {
        core_count(core, LA_COUNT_TCP_OUT_RESETS);
    }
    if (core_traces(core, LA_TRACE_SEGMENT_OUT)) {
        const struct departure departure = {.interface = (uint8_t)interface, .scale = scale};
        record_segment_out(tcp, header, &departure);
    }
}

void reply_reset(struct tcp *tcp, unsigned interface, const struct segment *segment)
{
    if ((segment->flags & LA_RST) != 0) {
        return;
    }
    struct tcp_header header = {.local = &segment->local, .remote = &segment->remote, .flags = LA_RST};
    if ((segment->flags & LA_ACK) != 0) {
        header.seq = segment->ack;
    } else {
        uint32_t octets = segment->length + ((segment->flags & LA_SYN) != 0) + ((segment->flags & LA_FIN) != 0);
        header.ack = seq_add(segment->seq, octets);
        header.flags = LA_RST | LA_ACK;
    }
    reply_emit(tcp, interface, &header, 0, NULL);
}

void reply_abort(struct tcp *tcp, struct connection *c)
{
    struct tcp_header header = {.local = &c->local, .remote = &c->remote, .ack = c->rcv_nxt, .flags = LA_RST | LA_ACK};
    /* An octet that probes a shut window lies where the peer obeys no RST. */
    header.seq = c->is_probing ? c->snd_una : c->snd_nxt;
    if (c->timestamps) {
        header.options.has_timestamp = true;
        header.options.tsval = tcp_now_ms(tcp) + c->ts_offset;
        header.options.tsecr = c->ts_recent;
    }
    reply_emit(tcp, c->interface, &header, c->rcv_scale, c);
}
