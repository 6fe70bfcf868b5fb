#ifndef TCP_CONNECTION_H
#define TCP_CONNECTION_H

#include "base/address.h"
#include "base/assert.h"
#include "base/pieces.h"
#include "base/seq.h"
#include "congestion.h"
#include "four_tuple.h"
#include "state.h"
#include "tcp.h"
#include "wire/tcp.h"

#define NONE UINT32_MAX

#define MSS_LEAST 64 /* who asks for less would make us send headers only */

/* One connection (RFC 9293's TCB). Names are the RFCs'; what they call SND.UNA is snd_una. Links are slots. */
struct connection {
    /* Who. */
    struct la_endpoint local;
    struct la_endpoint remote;
    uint32_t hash_next; /* in its bucket; free: the next free slot */
    uint32_t generation;

    uint8_t state; /* enum la_state: tcp_set_state only */
    uint8_t interface;
    uint8_t end;       /* enum la_end */
    uint8_t end_state; /* enum la_state */

    /* What is true of it. */
    bool in_use : 1;
    bool is_passive : 1;       /* a listener's, until accepted */
    bool is_held : 1;          /* the application has its handle */
    bool is_accept_queued : 1; /* established, and not accepted yet */
    bool is_fully_closed : 1;  /* the application reads no more */
    bool is_lingering : 1;     /* ... but the host reads and discards for it */
    bool is_shut : 1;          /* the application writes no more: a FIN follows the last octet */
    bool fin_is_sent : 1;      /* at least once */
    bool fin_is_acknowledged : 1;
    bool peer_fin_is_known : 1; /* peer_fin */
    bool peer_is_closed : 1;    /* the peer's FIN was received, in order */
    bool timestamps : 1;        /* both sides offered them */
    bool window_scaling : 1;    /* both sides offered it */
    bool syn_was_resent : 1;
    bool nodelay : 1;
    bool keepalive : 1;
    bool wants_writable : 1; /* a write found the send buffer full: say when there is room */
    bool wants_pieces : 1;   /* a write found the pool empty: say when there is something in it */
    bool is_challenged : 1;  /* challenge_ms is meaningful */
    bool rtt_is_timed : 1;   /* rtt_seq, rtt_began_us */
    bool rtt_is_known : 1;   /* srtt_us, rttvar_us */
    bool in_recovery : 1;    /* RFC 6582, until recover */
    bool recover_is_set : 1;
    bool errors_are_muted : 1; /* LA_READY_ERROR is not wanted */
    bool is_probing : 1;       /* what is in flight is a window probe's */
    bool is_forced : 1;        /* the persist timer overrides sender SWS avoidance once */

    /* Owed to the peer; segment_next turns debts into segments. */
    bool owes_ack : 1;
    bool owes_retransmission : 1; /* of the segment at SND.UNA */
    bool owes_window_probe : 1;
    bool owes_keepalive : 1;
    bool is_on_output : 1;
    bool is_on_ready : 1;
    uint8_t duplicate_acks_owed; /* pure ACKs, one for each segment that deserved one */
    uint8_t duplicate_acks_seen; /* RFC 5681, in a row */
    uint8_t backoff;             /* times the timeout was doubled */
    uint8_t retransmits;         /* of the octet at SND.UNA, in a row */
    uint8_t probes;              /* unanswered, in a row: window's or keepalive's */
    uint8_t timers_armed;        /* bits by enum la_timer */
    uint8_t ready;               /* enum la_ready: not yet taken */
    uint8_t snd_scale;           /* of the windows that we receive */
    uint8_t rcv_scale;           /* of the windows that we send */
    uint8_t rcv_tos;             /* of the last packet that was taken */
    uint16_t doubted_mtu;        /* a router told us so: believed when doubted_seq has to be sent again; 0: none did */

    /* Of its packets. */
    uint8_t ttl;
    uint8_t dscp;

    bool is_marked : 1;      /* its packets want more than a plain header: mark_packet */
    bool holds_back : 1;     /* what is no full segment is not pushed */
    bool snd_is_urgent : 1;  /* snd_up */
    bool rcv_is_urgent : 1;  /* rcv_up, which was not read yet */
    bool ecn : 1;            /* RFC 3168: both ends do it */
    bool ecn_echoes : 1;     /* a mark came: ECE until the peer's CWR */
    bool ecn_is_reduced : 1; /* the window was reduced, for what was in flight up to ecn_until */
    bool ecn_owes_cwr : 1;   /* which the peer has not been told */
    bool ecn_is_capable : 1; /* the segment that leaves may be marked */
    bool quick_ack : 1;      /* no acknowledgment is delayed */
    uint8_t unreachable : 3; /* enum la_unreachable */
    bool has_shadow : 1;     /* in SYN-SENT, SYN-RECEIVED: owns its four-tuple's record (shadow.h) */
    bool port_is_ours : 1;   /* the local port was not given: another would do */
    bool is_active : 1;      /* we opened it */
    uint16_t settings;       /* its own (settings.h); 0: the config's */
    uint16_t peer_mss;       /* what the peer's SYN allows, and ours offered: options not taken off */

    /* Send. */
    struct seq iss;
    struct seq snd_una;
    struct seq snd_nxt;
    struct seq snd_resend; /* the next octet to leave: SND.NXT, or behind it after a timeout */
    struct seq snd_wl1;
    struct seq snd_wl2;
    uint32_t snd_wnd; /* unsigned, and never cut to 16 bits: RFC 9293 MUST-1, REC-1 */
    uint32_t max_snd_wnd;
    struct seq recover; /* RFC 6582 */
    struct seq snd_up;  /* behind our urgent data */
    struct seq ecn_until;
    struct congestion congestion;
    uint16_t snd_mss; /* octets of text in a segment; the timestamp option taken off */
    uint16_t rcv_mss; /* what our SYN offered */

    /* Round trip. */
    uint32_t srtt_us;
    uint32_t rttvar_us;
    struct seq rtt_seq;
    uint32_t rtt_began_us;

    /* Receive. */
    struct seq rcv_nxt;
    struct seq rcv_edge; /* right edge of the offered window: never moves left */
    struct seq last_ack_sent;
    struct seq peer_fin; /* the FIN's own sequence number */
    struct seq rcv_up;   /* behind the peer's urgent data */

    /* Timestamps. */
    uint32_t ts_recent;
    uint32_t ts_recent_at; /* when it was set: paws_clock */
    uint32_t ts_offset;
    uint32_t last_tsval;

    /* Timers: milliseconds of tcp_now_ms. */
    uint32_t deadline_ms[LA_TIMER_COUNT - 2]; /* by timer_place */
    union {
        uint32_t progress_ms;  /* when SND.UNA last moved, or what follows it was first sent, whichever is later */
        uint32_t unread_bytes; /* once ended */
    };
    uint32_t heard_ms;     /* the last segment that was acceptable */
    uint32_t challenge_ms; /* the last challenge ACK */

    /* Buffers. */
    struct stream out; /* octet 0 is SND.UNA (or the first after our SYN) */
    struct stream in;  /* octet 0 is the first unread; out-of-order text lies behind length */
    struct stream_cursor out_cursor;
    uint32_t ranges; /* piece that lists what is out of order; PIECE_NONE */
    uint16_t range_count;
    uint16_t una_wraps; /* times that SND.UNA - ISS went round: for la_info's 64 bits */
    uint32_t send_limit_bytes;
    uint32_t receive_limit_bytes;

    /* Lists. */
    uint32_t queue_next; /* accept queue, then ready list: never both */
    uint32_t output_next;
    union {
        uint32_t listener;   /* while is_passive */
        uint32_t ready_prev; /* while is_on_ready: who is, is nobody's to accept any more */
    };

    union {
        uint32_t linger_bytes;         /* still to be discarded, at most */
        uint32_t unacknowledged_bytes; /* once ended */
    };
    uint32_t total_retrans;
    union {
        struct seq doubted_seq; /* while there is a doubted_mtu */
        uint32_t narrowed_ms;   /* else: when SND.MSS was last set, or made less */
    };
    uint64_t bytes_received;
};

/* What was received out of order: a piece of buffer lists them, disjoint and sorted. */
struct range {
    struct seq start;
    struct seq end;
};

/* The connections of an interface that may have something to send, in turn. */
struct output_list {
    uint32_t first;
    uint32_t last;
};

static inline struct output_list *output_list_at(const struct tcp *tcp, unsigned interface)
{
    struct output_list *lists = core_at(tcp_core(tcp), tcp->outputs);
    return &lists[interface];
}

static inline struct connection *connection_at(const struct tcp *tcp, uint32_t slot)
{
    struct connection *connections = (struct connection *)(void *)((char *)(uintptr_t)tcp + sizeof *tcp);
    return &connections[slot];
}

static inline uint32_t connection_slot(const struct tcp *tcp, const struct connection *c)
{
    return (uint32_t)(c - connection_at(tcp, 0));
}

/* How old TS.Recent is must not come round while a connection sleeps (RFC 7323 5.5): ticks of 67 ms, for nine years. */
#define PAWS_TICK (UINT64_C(1) << 26)

static inline uint32_t paws_clock(const struct tcp *tcp)
{
    return (uint32_t)(tcp_core(tcp)->now / PAWS_TICK);
}

/* The table of the family. */
static inline struct time_wait_table *time_wait_table(const struct tcp *tcp, const struct la_endpoint *remote)
{
    return (struct time_wait_table *)(uintptr_t)&tcp->waits[address_is_ipv4(&remote->address) ? 0 : 1];
}

static inline struct pieces_memory tcp_pieces(const struct tcp *tcp)
{
    struct core *core = tcp_core(tcp);
    struct pieces *pool = (struct pieces *)(uintptr_t)&tcp->pieces;
    return (struct pieces_memory){pool, core_at(core, pool->links), core_at(core, pool->octets)};
}

/* What a writer counts as held beside its own stream. At least one: the last piece of the pool is left to what arrives,
   so that two ends that only write cannot hold each other up for ever. */
static inline uint32_t pieces_held_beside_out(const struct connection *c)
{
    uint32_t held = (uint32_t)c->in.pieces + (c->ranges != PIECE_NONE);
    return held > 1 ? held : 1;
}

/* ---- connection.c: the table ---- */

/* A fresh connection of this four-tuple, in the table, in the state that the four-tuple has already; NULL if all are in
   use. */
struct connection *connection_new(struct tcp *tcp, const struct four_tuple *tuple, enum la_state state);

/* Its four-tuple becomes the one with this local port, which is nobody's; in CLOSED. */
void connection_moves(struct tcp *tcp, struct connection *c, uint16_t port);

/* The owner of a four-tuple, or NULL. */
struct connection *connection_find(const struct tcp *tcp, const struct four_tuple *tuple);

/* The handle's connection, or NULL if it is stale. */
struct connection *connection_of(const struct tcp *tcp, struct la_conn handle);
struct la_conn connection_handle(const struct tcp *tcp, const struct connection *c);

/* Ends the protocol's part: the four-tuple is free again, nothing is armed, owed or kept but unread octets. What is
   left of it goes back at once if the application does not hold it. */
void connection_retire(struct tcp *tcp, struct connection *c);

/* Takes connection_new back: nothing has happened with it. */
COLD void connection_forget(struct tcp *tcp, struct connection *c);

/* The application's part has ended too: the slot goes back. */
void connection_free(struct tcp *tcp, struct connection *c);

/* The only place where a state changes. */
void tcp_set_state(struct tcp *tcp, struct connection *c, enum la_state to);

/* The protocol is over: records the outcome, tells the application, retires. state: CLOSED, or TIME-WAIT where a
   record goes on. */
void connection_end(struct tcp *tcp, struct connection *c, enum la_end end, enum la_state state);

/* Raises flags of enum la_ready. */
void connection_ready(struct tcp *tcp, struct connection *c, unsigned flags);

/* Raises LA_READY_ERROR, unless the application does not want it. */
COLD void connection_report_error(struct tcp *tcp, struct connection *c);

/* Puts it on its interface's list of those that may have something to send. */
void connection_wants_output(struct tcp *tcp, struct connection *c);

/* ---- trace.c: each costs a load and a branch where its kind is not traced ---- */

/* What is traced of a segment that leaves beside its header. */
struct departure {
    const struct connection *connection; /* or NULL */
    uint32_t length;
    uint8_t interface;
    uint8_t scale;
    bool is_retransmission;
};

COLD void record_state(struct tcp *tcp, const struct connection *c, enum la_state from, enum la_state to);
COLD void record_segment_in(struct tcp *tcp, unsigned interface, const struct segment *segment,
                            const struct connection *c);
COLD void record_segment_out(struct tcp *tcp, const struct tcp_header *header, const struct departure *departure);
COLD void record_timer(struct tcp *tcp, const struct connection *c, enum la_trace_kind kind, enum la_timer timer);
COLD void record_delivered(struct tcp *tcp, const struct connection *c, struct seq from, uint32_t length);
COLD void record_ended(struct tcp *tcp, const struct connection *c);
COLD void record_path_mtu(struct tcp *tcp, const struct connection *c, uint32_t mtu);

static inline void trace_state(struct tcp *tcp, const struct connection *c, enum la_state from, enum la_state to)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_STATE)) {
        record_state(tcp, c, from, to);
    }
}

static inline void trace_segment_in(struct tcp *tcp, unsigned interface, const struct segment *segment,
                                    const struct connection *c)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_SEGMENT_IN)) {
        record_segment_in(tcp, interface, segment, c);
    }
}

static inline void trace_segment_out(struct tcp *tcp, const struct tcp_header *header,
                                     const struct departure *departure)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_SEGMENT_OUT)) {
        record_segment_out(tcp, header, departure);
    }
}

static inline void trace_timer(struct tcp *tcp, const struct connection *c, enum la_trace_kind kind,
                               enum la_timer timer)
{
    if (core_traces(tcp_core(tcp), kind)) {
        record_timer(tcp, c, kind, timer);
    }
}

static inline void trace_delivered(struct tcp *tcp, const struct connection *c, struct seq from, uint32_t length)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_DELIVERED)) {
        record_delivered(tcp, c, from, length);
    }
}

static inline void trace_ended(struct tcp *tcp, const struct connection *c)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_ENDED)) {
        record_ended(tcp, c);
    }
}

static inline void trace_path_mtu(struct tcp *tcp, const struct connection *c, uint32_t mtu)
{
    if (core_traces(tcp_core(tcp), LA_TRACE_PATH_MTU)) {
        record_path_mtu(tcp, c, mtu);
    }
}

/* Counts and traces a segment that was not taken; c may be NULL. */
COLD void segment_drop(struct tcp *tcp, enum la_drop why, const struct segment *segment, const struct connection *c);

/* ---- user.c ---- */

/* The peer's answer to a reuse was refused (shadow.h): the same from another port, or the end. */
COLD void connection_takes_next_port(struct tcp *tcp, struct connection *c);

/* ---- clock.c: what the time and the key say about a four-tuple ---- */

/* Where the numbers of a connection that begins now begin. */
struct clock_origin {
    struct seq iss;            /* RFC 6528 */
    uint32_t timestamp_offset; /* RFC 7323 5.4: added to the millisecond clock */
};

struct clock_origin clock_origin(const struct tcp *tcp, const struct la_endpoint *local,
                                 const struct la_endpoint *remote);

/* RFC 6056: an ephemeral port that makes the four-tuple free, or, where the first few do not, one whose wait may be
   reused: *record is its record then, else NULL. 0 if there is none. */
uint16_t clock_ephemeral_port(struct tcp *tcp, const struct la_address *local, const struct la_endpoint *remote,
                              struct time_wait_record **record);

/* ---- timers.c ---- */

void timer_arm(struct tcp *tcp, struct connection *c, enum la_timer timer, uint32_t after_ms);

static inline void timer_disarm(struct connection *c, enum la_timer timer)
{
    c->timers_armed &= (uint8_t) ~(1U << timer);
}

/* What is in flight is sent again or a shut window is probed; FIN-WAIT-2 has its bound or lingering has: of either pair
   never both are armed, and they share a place. */
static inline unsigned timer_place(enum la_timer timer)
{
    switch (timer) {
    case LA_TIMER_RETRANSMIT:
    case LA_TIMER_PERSIST: return 0;
    case LA_TIMER_DELAYED_ACK: return 1;
    case LA_TIMER_KEEPALIVE: return 2;
    case LA_TIMER_USER_TIMEOUT: return 3;
    case LA_TIMER_FIN_WAIT_2:
    case LA_TIMER_LINGER: return 4;
    }
    la_impossible("every timer has a place");
}

static inline bool timer_is_armed(const struct connection *c, enum la_timer timer)
{
    return (c->timers_armed & (1U << timer)) != 0;
}

/* What the retransmission timer is set to now, backoff included. */
uint32_t retransmission_timeout_ms(const struct tcp *tcp, const struct connection *c);

/* The same without the backoff. */
uint32_t retransmission_timeout_base_ms(const struct tcp *tcp, const struct connection *c);

/* Restarts or stops the timers that follow from what is in flight and what waits: after each change of either. */
void timers_follow(struct tcp *tcp, struct connection *c);

/* ---- rtt.c: RFC 6298 ---- */

/* Begins to time the octet, unless another one is being timed. */
void rtt_begin(struct tcp *tcp, struct connection *c, struct seq octet);

/* The segment acknowledges new data: takes what sample it gives. */
void rtt_acknowledged(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* ---- output.c: what there is to send, and in which segments ---- */

/* The first octet of the send buffer, and the number of its FIN (meaningful once shut). */
struct seq send_base(const struct connection *c);
struct seq send_end(const struct connection *c);

static inline bool syn_is_acknowledged(const struct connection *c)
{
    return !seq_equal(c->snd_una, c->iss);
}

static inline uint32_t flight_octets(const struct connection *c)
{
    return seq_distance(c->snd_una, c->snd_nxt);
}

/* Text or a FIN is to be sent, or sent again after a timeout. */
bool send_is_pending(const struct connection *c);

/* Gives a packet of the connection what a plain one lacks: type of service, source route. Its octets then. */
COLD size_t mark_packet(const struct tcp *tcp, struct connection *c, uint8_t *packet, size_t length);

/* segment_next may have more: it is asked again. */
bool segment_is_owed(const struct connection *c);

/* The connection's next segment, written to `to` as a packet: its octets; 0 if it owes nothing now. */
size_t segment_next(struct tcp *tcp, struct connection *c, uint8_t *to);

/* ---- reply.c: segments without, or before the end of, a connection ---- */

/* The RST that RFC 9293 3.10.7.1 prescribes for a segment that belongs to nobody; none in answer to an RST. */
COLD void reply_reset(struct tcp *tcp, unsigned interface, const struct segment *segment);

/* Our RST for a connection that is being ended (3.10.5, 3.10.7.4). */
COLD void reply_abort(struct tcp *tcp, struct connection *c);

/* Any other, without text. scale: what its window field counts in, for the trace. c: whose packets' marks it has; NULL:
   nobody's. */
void reply_emit(struct tcp *tcp, unsigned interface, const struct tcp_header *header, uint8_t scale,
                struct connection *c);

/* ---- receive.c: text ---- */

/* Takes what is new of a segment's text, in order or not: RFC 9293 3.10.7.4, seventh. */
void receive_text(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* The application has read: does the room that it made deserve a window update? */
void receive_window_opened(struct tcp *tcp, struct connection *c);

/* The window field of the next segment, unscaled in a SYN; what it promises becomes the window's edge. */
uint16_t receive_window_offer(struct tcp *tcp, struct connection *c, bool syn);

/* The smallest scale with which the window field can say the largest window. */
uint8_t receive_window_scale(const struct connection *c);

/* Something that was received lies at or beyond this number. */
COLD bool receive_reaches_beyond(const struct tcp *tcp, const struct connection *c, struct seq number);

/* Discards what is out of order. */
COLD void receive_forget_ranges(struct tcp *tcp, struct connection *c);

static inline uint32_t receive_window(const struct connection *c)
{
    return seq_distance(c->rcv_nxt, c->rcv_edge);
}

/* ---- recovery.c: RFC 5681, RFC 6582 ---- */

COLD void recovery_duplicate_ack(struct tcp *tcp, struct connection *c);
void recovery_new_ack(struct tcp *tcp, struct connection *c, uint32_t octets);
COLD void recovery_timeout(struct tcp *tcp, struct connection *c);

/* Everything in flight is to be sent again, from SND.UNA on. */
COLD void recovery_from_start(struct connection *c);

/* ---- segment_arrives.c: RFC 9293 3.10.7.4; listen.c: 3.10.7.2; syn_sent.c: 3.10.7.3 ---- */

void segment_arrives(struct tcp *tcp, struct connection *c, struct segment *segment);
/* record: of an incarnation that is remembered on the four-tuple, or NULL. */
void segment_arrives_in_listen(struct tcp *tcp, uint32_t listener, unsigned interface, const struct segment *segment,
                               struct time_wait_record *record);
void segment_arrives_in_syn_sent(struct tcp *tcp, struct connection *c, struct segment *segment);

/* The sixth step and those behind it: text and FIN. The last that uses the connection: it may have ended. */
void segment_text_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* A passive open of the four-tuple, answering a SYN: in the state that the four-tuple has now, LISTEN or TIME-WAIT.
   NULL if there is no room for it. */
struct connection *listen_open(struct tcp *tcp, uint32_t listener, unsigned interface, const struct segment *segment,
                               const struct clock_origin *origin, enum la_state from);

/* signals.c: what a segment carries beside its text: urgent pointer, congestion mark, source route */
COLD void signals_arrive(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* The same for what leaves: text_length octets of text from header->seq on, never sent before or sent again. */
COLD void signals_leave(struct connection *c, struct tcp_header *header, uint32_t new_octets);

/* The window was reduced for a loss: the peer is told (RFC 3168 6.1.2), and a mark in the same window means nothing
   more. */
COLD void signals_window_was_reduced(struct connection *c);

/* Whether a SYN offers ECN, or a SYN-ACK agrees to it: taken from the peer's, and to be put into ours. */
COLD void signals_syn_arrives(const struct tcp *tcp, struct connection *c, const struct segment *segment);
COLD uint8_t signals_of_syn(const struct tcp *tcp, const struct connection *c);

/* What was queued last is urgent. */
void urgent_send(struct tcp *tcp, struct connection *c);

/* Octets that are not read, arrived or not, before the peer's urgent pointer. */
uint32_t urgent_unread(const struct connection *c);

/* Takes the way back of a segment's source route (RFC 9293 3.9.2.1); false: no room for it. */
COLD bool source_route_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* ack.c: the fifth step, for synchronised states. */
void acknowledgment_arrives(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* ---- time_wait_arrives.c ---- */

void segment_arrives_in_time_wait(struct tcp *tcp, struct time_wait_table *table, struct time_wait_record *record,
                                  unsigned interface, const struct segment *segment);

/* The segment is answered with an ACK from its record; false: the record's limit leaves no room for one. */
bool time_wait_answers(struct tcp *tcp, struct time_wait_table *table, struct time_wait_record *record,
                       unsigned interface, const struct segment *segment);

/* Our SYN and the peer's are both acknowledged. */
void connection_established(struct tcp *tcp, struct connection *c);

/* What our SYN will offer, of MSS, window and scale; and a smaller MSS than the interface's, as long as it has not
   left. */
void syn_prepare(struct tcp *tcp, struct connection *c, unsigned interface);
void syn_number(struct connection *c, const struct clock_origin *origin);
void syn_limit_mss(struct connection *c, uint16_t most);

/* What the peer's SYN settles: its ISN, MSS, window and options. */
void syn_received(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* A challenge ACK (RFC 5961), if the connection's limit allows one. */
COLD void challenge(struct tcp *tcp, struct connection *c);

/* An ACK at once, one for this segment. */
void acknowledge_now(struct tcp *tcp, struct connection *c);

/* ---- close.c ---- */

/* The FIN after all that was written: ESTABLISHED to FIN-WAIT-1, CLOSE-WAIT to LAST-ACK. */
void close_send_side(struct tcp *tcp, struct connection *c);

/* FIN-WAIT-2, and nobody is there to read any more: the peer has so long to close. What we sent is acknowledged by
   then, so that the bound of a lingering close does not cut off its own response. */
void bound_fin_wait_2(struct tcp *tcp, struct connection *c);

/* We give up: RST to the peer where it may still have a connection, end. */
COLD void connection_abort(struct tcp *tcp, struct connection *c, enum la_end why);

/* Both FINs are acknowledged, and the peer has to wait. */
void connection_leaves_last_ack(struct tcp *tcp, struct connection *c);

/* Both FINs are acknowledged and we have to wait: the record takes over. */
void connection_enters_time_wait(struct tcp *tcp, struct connection *c);

#endif
