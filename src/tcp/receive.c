#include <string.h>

#include "base/assert.h"
#include "connection.h"

/* Text goes to its place in the stream at once, in order or not; what is out of order is listed as ranges, disjoint
   and sorted, in a piece of buffer of their own that exists only as long as there are any. */

static struct range *ranges_of(const struct tcp *tcp, const struct connection *c)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    return (struct range *)(void *)piece_octets(&memory, c->ranges);
}

static uint32_t ranges_limit(const struct tcp *tcp)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    uint32_t fit = config->buffer_piece_bytes / (uint32_t)sizeof(struct range);
    return fit < config->out_of_order_ranges ? fit : config->out_of_order_ranges;
}

static uint32_t pieces_held(const struct connection *c)
{
    return (uint32_t)c->out.pieces + (c->ranges != PIECE_NONE);
}

static void release_ranges(struct tcp *tcp, struct connection *c)
{
    if (c->ranges != PIECE_NONE) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        pieces_give(&memory, c->ranges);
    }
    c->ranges = PIECE_NONE;
    c->range_count = 0;
}

void receive_forget_ranges(struct tcp *tcp, struct connection *c)
{
    if (c->range_count > 0) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        release_ranges(tcp, c);
        stream_trim(&memory, &c->in);
    }
}

/* ---- the window ---- */

uint8_t receive_window_scale(const struct connection *c)
{
    uint8_t scale = 0;
    while (c->receive_limit_bytes >> scale > UINT16_MAX && scale < TCP_WINDOW_SCALE_MAX) {
        scale++;
    }
    return scale;
}

/* Receiver's silly window avoidance: RFC 9293 3.8.6.2.2, MUST-39. */
static bool is_worth_offering(const struct connection *c, uint32_t growth)
{
    uint32_t half = c->receive_limit_bytes / 2;
    uint32_t least = half < c->rcv_mss ? half : c->rcv_mss;
    return growth >= least && growth > 0;
}

/* By how much the window could grow within the connection's limit and what the window field can say: by nothing for as
   long as nobody reads (RFC 9293 3.8.6.1, MAY-8). */
static uint32_t growth_allowed(const struct connection *c)
{
    uint32_t most = (uint32_t)UINT16_MAX << c->rcv_scale;
    uint32_t limit = c->receive_limit_bytes;
    uint32_t desired = limit > c->in.length ? limit - c->in.length : 0;
    desired = desired < most ? desired : most;
    uint32_t offered = receive_window(c);
    return desired > offered ? desired - offered : 0;
}

/* By how much it does grow, if that is worth anything: not by more than the pool could give now, but always to a
   segment, so that a dry pool slows a peer down rather than stopping it. */
static uint32_t edge_growth(const struct tcp *tcp, const struct connection *c)
{
    uint32_t growth = growth_allowed(c);
    if (!is_worth_offering(c, growth)) {
        return 0;
    }
    uint32_t pieces = pieces_held(c) + c->in.pieces;
    uint64_t room = pieces_room(&tcp->pieces, pieces) + stream_capacity(&tcp->pieces, &c->in) - c->in.length;
    room = room < c->rcv_mss ? c->rcv_mss : room;
    uint32_t offered = receive_window(c);
    uint64_t beyond = room > offered ? room - offered : 0;
    growth = beyond < growth ? (uint32_t)beyond : growth;
    return is_worth_offering(c, growth) ? growth : 0;
}

uint16_t receive_window_offer(struct tcp *tcp, struct connection *c, bool syn)
{
    uint32_t window = receive_window(c) + edge_growth(tcp, c);
    if (syn) {
        /* Never scaled: where an ACK has promised more already (SYN-RECEIVED), that stays promised. */
        uint16_t field = window > UINT16_MAX ? UINT16_MAX : (uint16_t)window;
        c->rcv_edge = seq_max(c->rcv_edge, seq_add(c->rcv_nxt, field));
        return field;
    }
    /* Rounded up: the edge that was offered before must not move left (RFC 9293 SHLD-14, RFC 7323 2.4). */
    uint32_t field = (window + (UINT32_C(1) << c->rcv_scale) - 1) >> c->rcv_scale;
    field = field > UINT16_MAX ? UINT16_MAX : field;
    c->rcv_edge = seq_add(c->rcv_nxt, field << c->rcv_scale);
    return (uint16_t)field;
}

void receive_window_opened(struct tcp *tcp, struct connection *c)
{
    uint32_t growth = edge_growth(tcp, c);
    if (growth == 0) {
        return;
    }
    uint32_t half = c->receive_limit_bytes / 2;
    uint32_t two = 2 * (uint32_t)c->rcv_mss;
    bool was_shut = receive_window(c) < c->rcv_mss;
    if (was_shut || growth >= (half < two ? half : two)) {
        c->owes_ack = true;
        connection_wants_output(tcp, c);
    }
}

/* ---- out of order ---- */

bool receive_reaches_beyond(const struct tcp *tcp, const struct connection *c, struct seq number)
{
    return c->range_count > 0 && seq_after(ranges_of(tcp, c)[c->range_count - 1].end, number);
}

/* Lists [start, end), joined with what it touches. False: no room on the list. */
COLD static bool add_range(struct tcp *tcp, struct connection *c, struct seq start, struct seq end)
{
    if (c->ranges == PIECE_NONE) {
        const struct pieces_memory memory = tcp_pieces(tcp);
        c->ranges = pieces_take(&memory, pieces_held(c) + c->in.pieces);
        if (c->ranges == PIECE_NONE) {
            return false;
        }
    }
    struct range *ranges = ranges_of(tcp, c);
    uint32_t first = 0; /* the first that touches or follows */
    while (first < c->range_count && seq_before(ranges[first].end, start)) {
        first++;
    }
    uint32_t last = first; /* behind the last that touches */
    struct range joined = {start, end};
    while (last < c->range_count && seq_before_or_equal(ranges[last].start, end)) {
        joined.start = seq_before(ranges[last].start, joined.start) ? ranges[last].start : joined.start;
        joined.end = seq_max(joined.end, ranges[last].end);
        last++;
    }
    if (first == last && c->range_count >= ranges_limit(tcp)) {
        return false;
    }
    memmove(&ranges[first + 1], &ranges[last], (c->range_count - last) * sizeof *ranges);
    ranges[first] = joined;
    c->range_count = (uint16_t)(c->range_count + 1 - (last - first));
    return true;
}

/* RCV.NXT has moved: what lies there already is in order now. */
static uint32_t absorb_ranges(struct tcp *tcp, struct connection *c)
{
    if (c->range_count == 0) {
        return 0;
    }
    struct range *ranges = ranges_of(tcp, c);
    uint32_t taken = 0;
    uint32_t octets = 0;
    while (taken < c->range_count && seq_before_or_equal(ranges[taken].start, c->rcv_nxt)) {
        if (seq_after(ranges[taken].end, c->rcv_nxt)) {
            octets += seq_distance(c->rcv_nxt, ranges[taken].end);
            c->rcv_nxt = ranges[taken].end;
        }
        taken++;
    }
    c->range_count = (uint16_t)(c->range_count - taken);
    memmove(&ranges[0], &ranges[taken], c->range_count * sizeof *ranges);
    if (c->range_count == 0) {
        release_ranges(tcp, c);
    }
    return octets;
}

/* ---- text ---- */

/* Part of a segment's. */
struct text {
    struct seq seq;
    uint32_t length;
    const uint8_t *octets;
};

/* How much of length octets at the offset has a place: what is out of order gives way to what is in order. The first
   segment, which every window promises, gets its pieces however much waits to be sent: else two ends that both write
   would each wait for the other to take something. */
static uint32_t make_place(struct tcp *tcp, struct connection *c, uint32_t offset, uint32_t length)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t begin = c->in.length + offset;
    bool is_promised = begin + length <= c->rcv_mss;
    uint32_t capacity = stream_cover(&memory, &c->in, begin + length, is_promised ? 0 : pieces_held(c));
    if (capacity < begin + length && offset == 0 && c->range_count > 0) {
        receive_forget_ranges(tcp, c);
        capacity = stream_cover(&memory, &c->in, begin + length, is_promised ? 0 : pieces_held(c));
    }
    if (capacity >= begin + length) {
        return length;
    }
    return capacity > begin ? capacity - begin : 0;
}

/* The ACK is owed once, however much comes before it leaves (RFC 9293 MUST-58); delayed unless one is owed for the
   segment before (3.8.6.3, SHLD-18, SHLD-19). */
static void take_in_order(struct tcp *tcp, struct connection *c, const uint8_t *text, uint32_t length)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    struct seq from = c->rcv_nxt;
    bool fills_hole = c->range_count > 0;
    stream_put(&memory, &c->in, c->in.length, text, length);
    c->rcv_nxt = seq_add(c->rcv_nxt, length);
    uint32_t octets = length + absorb_ranges(tcp, c);
    c->in.length += octets;
    c->bytes_received += octets;
    core_add(tcp_core(tcp), LA_COUNT_TCP_IN_OCTETS, octets);
    trace_delivered(tcp, c, from, octets);
    if (!c->is_fully_closed) {
        connection_ready(tcp, c, LA_READY_READABLE);
    }
    if (fills_hole || timer_is_armed(c, LA_TIMER_DELAYED_ACK) || tcp_core(tcp)->config.delayed_ack_ms == 0 ||
        c->quick_ack) {
        c->owes_ack = true; /* RFC 9293 MUST-59, RFC 5681 4.2 */
    } else if (!c->owes_ack) {
        timer_arm(tcp, c, LA_TIMER_DELAYED_ACK, tcp_core(tcp)->config.delayed_ack_ms);
    }
}

/* RFC 9293 3.10.7.4, SHLD-31. */
COLD static void take_out_of_order(struct tcp *tcp, struct connection *c, const struct segment *segment,
                                   const struct text *new)
{
    const struct pieces_memory memory = tcp_pieces(tcp);
    uint32_t offset = seq_distance(c->rcv_nxt, new->seq);
    acknowledge_now(tcp, c); /* RFC 5681 4.2: at once, and one for each; RFC 9293 MAY-13 */
    if (make_place(tcp, c, offset, new->length) < new->length) {
        segment_drop(tcp, LA_DROP_BUFFER_FULL, segment, c);
    } else if (!add_range(tcp, c, new->seq, seq_add(new->seq, new->length))) {
        segment_drop(tcp, LA_DROP_RANGES_FULL, segment, c);
    } else {
        stream_put(&memory, &c->in, c->in.length + offset, new->octets, new->length);
        core_count(tcp_core(tcp), LA_COUNT_TCP_OUT_OF_ORDER);
        return;
    }
    if (c->range_count == 0) {
        release_ranges(tcp, c);
        stream_trim(&memory, &c->in);
    }
}

/* What of the text is new and lies in the window. */
static inline struct text trimmed(const struct connection *c, const struct segment *segment)
{
    struct text new = {segment->seq, segment->length, segment->text};
    if (seq_before(new.seq, c->rcv_nxt)) {
        uint32_t old = seq_distance(new.seq, c->rcv_nxt);
        old = old < new.length ? old : new.length;
        new.octets += old;
        new.length -= old;
        new.seq = seq_add(new.seq, old);
    }
    uint32_t room = seq_before(new.seq, c->rcv_edge) ? seq_distance(new.seq, c->rcv_edge) : 0;
    new.length = new.length < room ? new.length : room;
    return new;
}

void receive_text(struct tcp *tcp, struct connection *c, const struct segment *segment)
{
    const struct text new = trimmed(c, segment);
    if (new.length == 0) {
        core_count(tcp_core(tcp), LA_COUNT_TCP_DUPLICATE_TEXT);
        acknowledge_now(tcp, c);
        return;
    }
    if (!seq_equal(new.seq, c->rcv_nxt)) {
        take_out_of_order(tcp, c, segment, &new);
        return;
    }
    uint32_t length = make_place(tcp, c, 0, new.length);
    if (length > 0) {
        take_in_order(tcp, c, new.octets, length);
    }
    if (length < new.length) {
        segment_drop(tcp, LA_DROP_BUFFER_FULL, segment, c);
        acknowledge_now(tcp, c);
    }
}
