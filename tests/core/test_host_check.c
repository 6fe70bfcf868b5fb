#include "support/peer.h"

#include "host/host_inspect.h"
#include "tcp/listener.h"

/* The invariants of host_check can fail: a host's memory is broken in one way at a time, and host_check names it. */

struct broken {
    la_host *host;
    struct tcp *tcp;
    struct connection *c; /* the one that is in use, or NULL */
    struct listener *listener;
};

struct breakage {
    const char *invariant; /* as host_check names it */
    void (*breaks)(const struct broken *b);
    enum la_state state;
    unsigned text;      /* octets of the peer's that wait to be read, */
    unsigned hole;      /* ... of them behind a hole */
    unsigned in_flight; /* octets of ours */
    bool reopens;       /* a SYN has come since, and the record is in the new incarnation's shadow */
};

static uint32_t slot_of(const struct broken *b)
{
    return (uint32_t)(b->c - connection_at(b->tcp, 0));
}

/* One function for each way, as short as they are. */
#define BREAK(name, statement)                       \
    static void break_##name(const struct broken *b) \
    {                                                \
        statement;                                   \
    }

BREAK(replies_head, b->host->core.replies.head = b->host->core.replies.bytes)
BREAK(replies_used, b->host->core.replies.used += 8)
BREAK(trace_count, b->host->core.trace.count = b->host->core.config.trace_records + 1)
BREAK(reassembling, b->host->ip.reassembling++)
BREAK(in_length, b->c->in.length = UINT32_MAX)
BREAK(to_listen, b->c->state = LA_LISTEN)
BREAK(not_shut, b->c->is_shut = false)
BREAK(shut, b->c->is_shut = true)
BREAK(peer_closed, b->c->peer_is_closed = true)
BREAK(fin_acknowledged, b->c->fin_is_acknowledged = true)
BREAK(fin_not_sent, b->c->fin_is_sent = false)
BREAK(una, b->c->snd_una = seq_add(b->c->snd_nxt, 1))
BREAK(opening, b->c->state = LA_SYN_RECEIVED)
BREAK(syn_unsent, b->c->snd_una = seq_add(b->c->iss, UINT32_MAX); b->c->snd_resend = b->c->snd_nxt = b->c->iss)
BREAK(nxt, b->c->snd_nxt = seq_add(b->c->snd_nxt, 1))
BREAK(fin_early, b->c->snd_nxt = b->c->snd_resend = b->c->snd_una)
BREAK(debt, b->c->owes_ack = true)
BREAK(not_retransmitted, b->c->timers_armed = 0)
BREAK(in_fin_wait_2, timer_disarm(b->c, LA_TIMER_FIN_WAIT_2); b->c->is_fully_closed = true)
BREAK(bound_too_early, timer_arm(b->tcp, b->c, LA_TIMER_FIN_WAIT_2, 1))
BREAK(lingers, timer_arm(b->tcp, b->c, LA_TIMER_LINGER, 1))
BREAK(closed_alone, b->c->is_fully_closed = true)
BREAK(range_count, b->c->range_count = 1)
BREAK(edge, b->c->rcv_edge = seq_add(b->c->rcv_nxt, UINT32_MAX))
BREAK(ack_sent, b->c->last_ack_sent = seq_add(b->c->rcv_nxt, 1))
BREAK(peer_fin, b->c->peer_fin = b->c->rcv_nxt)
BREAK(fin_passed, b->c->peer_fin_is_known = true; b->c->peer_fin = seq_add(b->c->rcv_nxt, UINT32_MAX))
BREAK(fin_reached, b->c->peer_fin_is_known = true; b->c->peer_fin = b->c->rcv_nxt)
BREAK(range_order, b->c->rcv_nxt = seq_add(b->c->rcv_nxt, 20); b->c->last_ack_sent = b->c->rcv_nxt)
BREAK(range_beyond, b->c->rcv_edge = b->c->rcv_nxt)
BREAK(local, b->c->local.port ^= 1)
BREAK(in_use, b->tcp->connections_in_use++)
BREAK(orphans, b->tcp->orphans++)
BREAK(free_list, b->tcp->free_connection = NONE)
BREAK(heap_empty, b->tcp->timers.count = 0)
BREAK(free_pieces, b->tcp->pieces.free_head = b->tcp->pieces.total)
BREAK(piece_lost, b->tcp->pieces.free_count--)
BREAK(stream_tail, b->c->in.tail = PIECE_NONE)
BREAK(output_last, b->c->is_on_output = true; output_list_at(b->tcp, 0)->first = slot_of(b);
      output_list_at(b->tcp, 0)->last = NONE)
BREAK(says_on_output, b->c->is_on_output = true)
BREAK(ready_last, b->tcp->ready_last ^= 1)
BREAK(backlog, b->listener->syn_received = b->listener->backlog + 1)
BREAK(not_queued, b->listener->queued++)
BREAK(opening_count, b->listener->syn_received++)
BREAK(ring, b->tcp->waits[0].used = b->tcp->waits[0].capacity + 1)
BREAK(waiting, b->tcp->waits[0].waiting++)
BREAK(starved, b->tcp->starved++)
BREAK(heap_late, b->c->deadline_ms[timer_place(LA_TIMER_RETRANSMIT)] -= 1000)
BREAK(ready_stranger, b->c->is_on_ready = false; b->tcp->ready_first = slot_of(b))
BREAK(settings, b->c->settings = 1)
BREAK(ended_armed, b->c->timers_armed = 1)
BREAK(ended_unheld, b->c->is_held = false)
BREAK(ended_open, b->c->state = LA_ESTABLISHED)
BREAK(ended_scheduled, b->c->end = LA_END_CLEAN)
BREAK(circle, b->c->hash_next = slot_of(b))
BREAK(free_in_use, b->tcp->free_connection = slot_of(b))
BREAK(shadow, b->c->has_shadow = false)
BREAK(beside_the_old, b->c->iss = b->c->snd_una = seq_add(b->c->iss, UINT32_C(3) << 30);
      b->c->snd_nxt = seq_add(b->c->iss, 1); b->c->snd_resend = b->c->snd_nxt; b->c->rtt_is_timed = false)
BREAK(queue, b->listener->queue_first = slot_of(b))

static const struct breakage breakages[] = {
    {"replies: the ring lies within its octets", .state = LA_ESTABLISHED, .breaks = break_replies_head},
    {"replies: what is used lies from tail to head", .state = LA_ESTABLISHED, .breaks = break_replies_used},
    {"trace: the ring lies within its records", .state = LA_ESTABLISHED, .breaks = break_trace_count},
    {"reassembly: each packet is in use or free", .state = LA_ESTABLISHED, .breaks = break_reassembling},
    {"buffers: what is kept has its place", .state = LA_ESTABLISHED, .breaks = break_in_length},
    {"state: a connection that has not ended is in none of a record, a listener or nobody", .state = LA_ESTABLISHED,
     .breaks = break_to_listen},
    {"state: the closing states are entered by closing", .state = LA_LAST_ACK, .breaks = break_not_shut},
    {"state: closing enters a closing state", .state = LA_ESTABLISHED, .breaks = break_shut},
    {"state: it says whether the peer's FIN was received", .state = LA_ESTABLISHED, .breaks = break_peer_closed},
    {"state: FIN-WAIT-2 is where our FIN is acknowledged (I13)", .state = LA_FIN_WAIT_1,
     .breaks = break_fin_acknowledged},
    {"state: only a FIN that was sent is acknowledged", .state = LA_FIN_WAIT_2, .breaks = break_fin_not_sent},
    {"send: SND.UNA <= what is next to leave <= SND.NXT (I5)", .state = LA_ESTABLISHED, .breaks = break_una},
    {"send: a connection is open when its SYN is acknowledged", .state = LA_ESTABLISHED, .breaks = break_opening},
    {"send: nothing was sent that was not written (I14)", .state = LA_ESTABLISHED, .breaks = break_nxt},
    {"send: a FIN that was sent is the last number (I4)", .state = LA_FIN_WAIT_1, .breaks = break_fin_early},
    {"output: who owes something stands on the list", .state = LA_ESTABLISHED, .breaks = break_debt},
    {"timers: in flight, so the retransmission timer alone is armed (I25)", .state = LA_ESTABLISHED,
     .breaks = break_not_retransmitted, .in_flight = 10},
    {"timers: FIN-WAIT-2 is bounded when fully closed (I28)", .state = LA_FIN_WAIT_2, .breaks = break_in_fin_wait_2},
    {"timers: FIN-WAIT-2 is bounded only when fully closed (I28)", .state = LA_ESTABLISHED,
     .breaks = break_bound_too_early},
    {"timers: the bound of lingering begins when all is acknowledged (I28)", .state = LA_ESTABLISHED,
     .breaks = break_lingers},
    {"timers: who closes alone is bounded (I28)", .state = LA_ESTABLISHED, .breaks = break_closed_alone},
    {"ranges: the list is held as long as there are any", .state = LA_ESTABLISHED, .breaks = break_range_count},
    {"receive: RCV.NXT is not beyond the window", .state = LA_ESTABLISHED, .breaks = break_edge},
    {"receive: nothing was acknowledged that did not come (I7)", .state = LA_ESTABLISHED, .breaks = break_ack_sent},
    {"receive: the peer's FIN is the last number (I4)", .state = LA_CLOSE_WAIT, .breaks = break_peer_fin},
    {"receive: the FIN is taken when it is reached", .state = LA_ESTABLISHED, .breaks = break_fin_passed},
    {"receive: the FIN is taken when it is reached", .state = LA_ESTABLISHED, .breaks = break_fin_reached},
    {"ranges: sorted and disjoint (I37)", .state = LA_ESTABLISHED, .breaks = break_range_order, .text = 10, .hole = 5},
    {"ranges: within the window and before the FIN (I8, I37)", .state = LA_ESTABLISHED, .breaks = break_range_beyond,
     .text = 10, .hole = 5},
    {"table: finds each connection by its four-tuple (I34)", .state = LA_ESTABLISHED, .breaks = break_local},
    {"table: each slot is in use or free", .state = LA_ESTABLISHED, .breaks = break_in_use},
    {"table: each slot is in use or free", .state = LA_ESTABLISHED, .breaks = break_free_list},
    {"table: the orphans are counted", .state = LA_ESTABLISHED, .breaks = break_orphans},
    {"timers: the heap holds one entry for each who is scheduled", .state = LA_SYN_RECEIVED,
     .breaks = break_heap_empty},
    {"pieces: the free ones are a chain", .state = LA_ESTABLISHED, .breaks = break_free_pieces},
    {"pieces: each in exactly one chain (I32)", .state = LA_ESTABLISHED, .breaks = break_piece_lost},
    {"pieces: a stream is a chain from its head to its tail", .state = LA_ESTABLISHED, .breaks = break_stream_tail,
     .text = 10},
    {"output: a list ends with its last", .state = LA_ESTABLISHED, .breaks = break_output_last},
    {"output: who says so is on a list", .state = LA_ESTABLISHED, .breaks = break_says_on_output},
    {"ready: the list ends with its last", .state = LA_ESTABLISHED, .breaks = break_ready_last},
    {"listeners: the backlog is the bound (I35)", .state = LA_ESTABLISHED, .breaks = break_backlog},
    {"listeners: the backlog counts who waits (I35)", .state = LA_ESTABLISHED, .breaks = break_not_queued},
    {"listeners: the backlogs are SYN-RECEIVED and not accepted (I35)", .state = LA_ESTABLISHED,
     .breaks = break_opening_count},
    {"records: the ring lies within its places", .state = LA_TIME_WAIT, .breaks = break_ring},
    {"records: those that wait are counted (I32)", .state = LA_TIME_WAIT, .breaks = break_waiting},
    {"pieces: who waits for one is counted", .state = LA_ESTABLISHED, .breaks = break_starved},
    {"send: the SYN was sent", .state = LA_ESTABLISHED, .breaks = break_syn_unsent},
    {"timers: the heap's entry is not later than any deadline", .state = LA_SYN_RECEIVED, .breaks = break_heap_late},
    {"ready: each on the list once (I34)", .state = LA_ESTABLISHED, .breaks = break_ready_stranger},
    {"settings: each is one connection's or free (I32)", .state = LA_ESTABLISHED, .breaks = break_settings},
    {"ended: nothing is armed, owed or kept (I32)", .state = LA_TIME_WAIT, .breaks = break_ended_armed},
    {"ended: what nobody holds has gone back (I32)", .state = LA_TIME_WAIT, .breaks = break_ended_unheld},
    {"ended: in CLOSED or a record", .state = LA_TIME_WAIT, .breaks = break_ended_open},
    {"timers: what has ended is not in the heap (I27)", .state = LA_SYN_RECEIVED, .breaks = break_ended_scheduled},
    {"table: lists what is open, once (I34)", .state = LA_ESTABLISHED, .breaks = break_circle},
    {"table: the free ones are a list", .state = LA_ESTABLISHED, .breaks = break_free_in_use},
    {"records: a four-tuple has one owner, who has the record in its shadow (I34)", .state = LA_TIME_WAIT,
     .breaks = break_shadow, .reopens = true},
    {"records: a new incarnation begins beyond the old one's numbers (I18)", .state = LA_TIME_WAIT,
     .breaks = break_beside_the_old, .reopens = true},
    {"listeners: the queue holds who waits, once (I34)", .state = LA_ESTABLISHED, .breaks = break_queue},
};

static struct broken inside_of(const struct test *t)
{
    struct broken b = {.host = t->host, .tcp = &t->host->tcp};
    for (uint32_t slot = 0; slot < t->config.connections; slot++) {
        if (connection_at(b.tcp, slot)->in_use) {
            b.c = connection_at(b.tcp, slot);
        }
    }
    for (uint32_t slot = 0; slot < t->config.listeners; slot++) {
        if (listener_at(b.tcp, slot)->in_use) {
            b.listener = listener_at(b.tcp, slot);
        }
    }
    return b;
}

static struct test *prepared(const struct breakage *breakage)
{
    struct test *t = test_in(breakage->state);
    if (breakage->text > 0) {
        uint32_t first = 1 + breakage->hole;
        inject(t, .flags = ACK, .seq = first, .ack = 1, .length = breakage->text);
        expect(t, .flags = ACK, .seq = 1, .ack = breakage->hole > 0 ? 1 : first + breakage->text);
    }
    if (breakage->in_flight > 0) {
        user_send(t, breakage->in_flight);
        expect(t, .flags = PSH | ACK, .seq = 1, .ack = 1, .length = breakage->in_flight);
    }
    if (breakage->reopens) {
        user_release(t);
        t->conn = (struct la_conn){0};
        inject(t, .flags = SYN, .seq = 100000, .mss = 1460, .tsval = peer_now(t));
        expect(t, .flags = SYN | ACK, .ack = 1);
    }
    return t;
}

/* Broken, it is named; put back as it was, nothing is wrong. */
static void each_invariant_can_fail(void **state)
{
    (void)state;
    unsigned unnoticed = 0;
    for (size_t i = 0; i < sizeof breakages / sizeof breakages[0]; i++) {
        const struct breakage *breakage = &breakages[i];
        struct test *t = prepared(breakage);
        size_t size = host_layout(&t->config, NULL);
        void *before = malloc(size);
        assert_non_null(before);
        memcpy(before, t->host, size);
        assert_null(host_check(t->host));
        const struct broken b = inside_of(t);
        breakage->breaks(&b);
        const char *wrong = host_check(t->host);
        if (wrong == NULL || strcmp(wrong, breakage->invariant) != 0) {
            print_error("expected \"%s\", found \"%s\"\n", breakage->invariant, wrong != NULL ? wrong : "nothing");
            unnoticed++;
        }
        memcpy(t->host, before, size);
        free(before);
        assert_null(host_check(t->host));
        end(t);
    }
    assert_int_equal(unnoticed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_invariant_can_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
