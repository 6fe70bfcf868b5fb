#include <string.h>

#include "run_private.h"

/* Packets: into the host, and out of it against the script's lines. */

enum { LATE_NS = 2000000000 }; /* how much longer a packet is waited for, to say when it came */

/* ---- out ---- */

/* As a line would have it: with ports, if it is not of the connection that lines without ports are about. */
static void show_sent(const struct run *run, const struct sent *sent, struct packet *shown)
{
    flow_to_script(sent, NULL, shown);
    if (sent->flow != NULL && sent->flow != run->current) {
        shown->source.port = sent->packet.source.port;
        shown->destination.port = sent->packet.destination.port;
    }
}

bool run_take_packet(struct run *run, const uint8_t *octets, size_t length)
{
    struct sent *sent = arena_take(run->arena, sizeof *sent);
    const uint8_t *text = NULL;
    const char *wrong = packet_read(octets, length, &sent->packet, &text);
    run->report->packets_out++;
    if (wrong != NULL)
        return run_fail(run, (struct place){0}, "the host sent %s", wrong);
    sent->time = run->now;
    if (sent->packet.protocol == PACKET_TCP) {
        sent->flow = flow_of_sent(run, &sent->packet);
        bool is_syn = (sent->packet.flags & LA_SYN) != 0;
        sent->local_isn = sent->flow->local_isn;
        sent->local_text = sent->flow->local_text;
        sent->remote_isn = is_syn ? run->settings->isn_remote : sent->flow->remote_isn;
    }
    sent->text = (const uint8_t *)arena_text(run->arena, (const char *)text, sent->packet.length);
    struct packet shown;
    show_sent(run, sent, &shown);
    run_log_packet(run, "sent", &shown);
    *run->sent_tail = sent;
    run->sent_tail = &sent->next;
    return true;
}

/* The first packet of the flow, or of ICMP, that is waiting; NULL if there is none. */
static struct sent **find_sent(struct run *run, const struct flow *flow)
{
    struct sent **at = &run->sent;
    while (*at != NULL && (*at)->flow != flow)
        at = &(*at)->next;
    return at;
}

static struct sent *take_sent(struct run *run, struct sent **at)
{
    struct sent *sent = *at;
    *at = sent->next;
    if (sent->next == NULL)
        run->sent_tail = at;
    sent->next = NULL;
    return sent;
}

/* The next packet of the flow, waited for up to limit_ns. NULL if none came; *good is false if the run is over. */
static struct sent *await_sent(struct run *run, const struct flow *flow, int64_t limit_ns, bool *good)
{
    bool is_idle = false;
    *good = true;
    for (;;) {
        struct sent **at = find_sent(run, flow);
        if (*at != NULL)
            return take_sent(run, at);
        if (is_idle)
            return NULL;
        if (!run_step(run, limit_ns, &is_idle)) {
            *good = false;
            return NULL;
        }
    }
}

/* Whether more goes on where so_far ends, cut as a device would have cut one large segment. */
static bool continues(const struct sent *so_far, const struct sent *more, uint32_t part, uint32_t wanted)
{
    const struct packet *a = &so_far->packet;
    const struct packet *b = &more->packet;
    const uint16_t may_differ = LA_FIN | LA_PSH | LA_CWR;
    bool is_same = a->ack == b->ack && a->window == b->window && a->urgent == b->urgent &&
                   a->option_bytes == b->option_bytes && ((a->flags ^ b->flags) & ~may_differ) == 0;
    bool is_cut = b->length == part || a->length + b->length >= wanted;
    return is_same && is_cut && b->length > 0 && b->seq == a->seq + a->length;
}

/* One of both: the first one's number and CWR, the last one's other flags, options and time. */
static void join(struct run *run, struct sent *first, const struct sent *more)
{
    uint32_t seq = first->packet.seq;
    uint16_t cwr = first->packet.flags & LA_CWR;
    uint32_t length = first->packet.length;
    uint8_t *text = arena_take(run->arena, (size_t)length + more->packet.length);
    memcpy(text, first->text, length);
    memcpy(text + length, more->text, more->packet.length);
    first->packet = more->packet;
    first->packet.seq = seq;
    first->packet.length += length;
    first->packet.flags = (uint16_t)((first->packet.flags & ~LA_CWR) | cwr);
    first->text = text;
    first->time = more->time;
}

/* A line may say in one packet what leaves in several: scripts are written for hosts whose device cuts. */
static bool join_segments(struct run *run, const struct event *event, struct sent *sent, int64_t limit_ns)
{
    uint32_t part = sent->packet.length;
    uint32_t wanted = event->packet->length;
    while (part > 0 && sent->packet.length < wanted && !run->settings->strict_segments) {
        struct sent **at = find_sent(run, sent->flow);
        bool is_idle = false;
        while (*at == NULL && !is_idle) {
            if (!run_step(run, limit_ns, &is_idle))
                return false;
            at = find_sent(run, sent->flow);
        }
        if (*at == NULL || !continues(sent, *at, part, wanted))
            return true;
        join(run, sent, take_sent(run, at));
    }
    return true;
}

/* A segment's text is what was written, an echo's what was asked (RFC 1122 3.2.2.6, RFC 4443 4.2). */
static bool check_text(struct run *run, const struct event *event, const struct sent *sent)
{
    const struct flow *flow = sent->flow;
    if (flow != NULL ? flow->descriptor == NULL || flow->descriptor->has_wild_text : !sent->packet.has_id)
        return true;
    uint32_t place = flow != NULL ? flow_text_place(sent) : 0;
    for (uint32_t i = 0; i < sent->packet.length; i++)
        if (sent->text[i] != packet_pattern(place + i))
            return run_fail(run, event->place, "octet %u of the text is not the one that was written", i);
    return true;
}

/* The timestamp's value, as far as tcp_ts_tick_usecs asks for it. */
static bool check_stamp(struct run *run, const struct event *event, const struct packet *actual, int64_t earliest)
{
    struct packet expected = *event->packet;
    struct packet sent = *actual;
    const uint8_t *script_stamp = packet_timestamp(&expected);
    const uint8_t *sent_stamp = packet_timestamp(&sent);
    int64_t tick_ns = (int64_t)run->settings->ts_tick_us * 1000;
    if (tick_ns == 0 || script_stamp == NULL || sent_stamp == NULL)
        return true;
    int64_t difference = (int32_t)(packet_get32(sent_stamp) - packet_get32(script_stamp));
    /* As if an event were that much early or late, since the script's begin. */
    return run_is_timely(run, earliest, earliest, 0, earliest + difference * tick_ns) ||
           run_fail(run, event->place, "the timestamp's value differs by %d ticks", (int)difference);
}

static bool check_label(struct run *run, const struct event *event, struct flow *flow, const struct packet *actual)
{
    const struct packet *line = event->packet;
    if (!line->has_flow_label || flow == NULL)
        return true;
    if (actual->flow_label == 0)
        return run_fail(run, event->place, "the packet has no flow label");
    bool was_same = flow->label_script == line->flow_label;
    if (flow->label_script != 0 && was_same != (flow->label_live == actual->flow_label))
        return run_fail(run, event->place, "the flow label %s", was_same ? "has changed" : "is the same as before");
    flow->label_script = line->flow_label;
    flow->label_live = actual->flow_label;
    return true;
}

static bool check_time(struct run *run, const struct event *event, const struct sent *sent, int64_t earliest,
                       int64_t latest)
{
    int64_t actual = run_script_time(run, sent->time);
    char from[32];
    char to[32];
    char at[32];
    if (event->time_kind == TIME_ANY || run_is_timely(run, earliest, latest, run->last_event_ns, actual))
        return true;
    run_time_text(earliest, from);
    run_time_text(latest, to);
    run_time_text(actual, at);
    if (earliest == latest)
        return run_fail(run, event->place, "the packet was sent at %s, not at %s", at, from);
    return run_fail(run, event->place, "the packet was sent at %s, not between %s and %s", at, from, to);
}

static bool check_sent(struct run *run, const struct event *event, const struct sent *sent, int64_t earliest,
                       int64_t latest)
{
    struct packet actual;
    char what[160];
    flow_learn_stamp(run, sent, event->packet);
    flow_to_script(sent, event->packet, &actual);
    bool good = true;
    if (packet_differs(event->packet, &actual, what, sizeof what))
        good = run_fail(run, event->place, "another packet than expected was sent: %s", what);
    else
        good = check_stamp(run, event, &actual, earliest) && check_text(run, event, sent);
    good = good && check_label(run, event, sent->flow, &actual) && check_time(run, event, sent, earliest, latest);
    if (!good)
        run_show_packets(run, event, &actual, sent->time);
    return good;
}

/* What the line calls our SYN's number is known from the first one that it expects. */
static void learn_script_isn(struct flow *flow, const struct packet *line)
{
    if (flow != NULL && (line->flags & LA_SYN) != 0 && !flow->has_script_isn) {
        flow->script_isn = line->seq;
        flow->has_script_isn = true;
    }
}

static bool expect_packet(struct run *run, const struct event *event, int64_t earliest, int64_t latest)
{
    const struct packet *line = event->packet;
    struct flow *flow = line->protocol == PACKET_TCP ? flow_of_line(run, line) : NULL;
    int64_t limit_ns = event->time_kind == TIME_ANY ? INT64_MAX / 2 : latest + LATE_NS;
    bool good = true;
    if (flow == NULL && line->protocol == PACKET_TCP)
        return run_error(run, event->place,
                         "there is no connection that could send this packet: no connect(), and no "
                         "packet went in");
    struct sent *sent = await_sent(run, flow, limit_ns, &good);
    if (!good)
        return false;
    if (sent == NULL) {
        char until[32];
        run_fail(run, event->place, "no packet was sent up to %s",
                 run_time_text(event->time_kind == TIME_ANY ? run_script_time(run, run->now) : limit_ns, until));
        run_show_packets(run, event, NULL, 0);
        return false;
    }
    learn_script_isn(sent->flow, line);
    return join_segments(run, event, sent, limit_ns) && check_sent(run, event, sent, earliest, latest);
}

/* ---- in ---- */

static bool inject_packet(struct run *run, const struct event *event, int64_t time_ns)
{
    struct packet live;
    uint32_t text_place = 0;
    const char *wrong = NULL;
    if (!run_until(run, time_ns))
        return false;
    bool needs_flow = event->packet->protocol == PACKET_TCP || event->packet->quote == QUOTE_TCP;
    struct flow *flow = needs_flow ? flow_of_line(run, event->packet) : NULL;
    if (!flow_to_live(run, flow, event->packet, &live, &text_place, &wrong))
        return run_error(run, event->place, "the packet cannot go in: %s", wrong);
    size_t length = packet_build(&live, text_place, run->octets, sizeof run->octets);
    if (length == 0)
        return run_error(run, event->place, "the packet is longer than an IP packet can be");
    run_log_packet(run, "in  ", event->packet);
    run->report->packets_in++;
    la_host_input(run->host, run->now, 0, run->octets, length);
    run_trace(run, run->octets, length);
    return run_settle(run);
}

bool run_packet(struct run *run, const struct event *event, int64_t earliest, int64_t latest)
{
    if (event->packet->is_outbound)
        return expect_packet(run, event, earliest, latest);
    return inject_packet(run, event, earliest);
}

bool run_check_leftovers(struct run *run)
{
    const struct sent *sent = run->sent;
    if (sent == NULL || run->settings->loose_end)
        return true;
    struct packet actual;
    const struct event *last = run->script->events;
    while (last->next != NULL)
        last = last->next;
    show_sent(run, sent, &actual);
    run_fail(run, last->place, "a packet was sent that no line expects (--end=loose lets it pass)");
    run_show_packets(run, NULL, &actual, sent->time);
    return false;
}
