#include "base/timers.h"

#include "settings.h"

#define FIRED_AT_ONCE TCP_FIRED_AT_ONCE

/* Each connection names its deadlines; the host's heap holds, per connection, one that is not later than the earliest
   of them. A deadline that moves later leaves the heap alone: the entry fires early, and is set anew. */

/* The heap's entry is not later than this. */
static inline void schedule(struct tcp *tcp, const struct connection *c, uint32_t deadline_ms)
{
    void *entries = core_at(tcp_core(tcp), tcp->timer_entries);
    uint32_t slot = connection_slot(tcp, c);
    if (!timers_cover(&tcp->timers, entries, slot, deadline_ms)) {
        timers_set(&tcp->timers, entries, slot, deadline_ms);
    }
}

static void schedule_earliest(struct tcp *tcp, const struct connection *c)
{
    bool any = false;
    uint32_t earliest = 0;
    for (unsigned timer = 0; timer < LA_TIMER_COUNT; timer++) {
        bool armed = timer_is_armed(c, (enum la_timer)timer);
        uint32_t deadline_ms = c->deadline_ms[timer_place((enum la_timer)timer)];
        if (armed && (!any || deadline_before(deadline_ms, earliest))) {
            earliest = deadline_ms;
            any = true;
        }
    }
    if (any) {
        schedule(tcp, c, earliest);
    }
}

void timer_arm(struct tcp *tcp, struct connection *c, enum la_timer timer, uint32_t after_ms)
{
    uint32_t deadline_ms = tcp_core(tcp)->now_ms_up + after_ms;
    c->deadline_ms[timer_place(timer)] = deadline_ms;
    c->timers_armed |= (uint8_t)(1U << timer);
    schedule(tcp, c, deadline_ms);
    trace_timer(tcp, c, LA_TRACE_TIMER_ARMED, timer);
}

/* How long the send side may go without progress: the user timeout, or, once the application is gone, R2. */
static uint32_t progress_bound_ms(const struct tcp *tcp, const struct connection *c)
{
    uint32_t timeout_ms = user_timeout_ms(tcp, c);
    if (timeout_ms != 0) {
        return timeout_ms;
    }
    return c->is_fully_closed ? r2_data_ms(tcp, c) : 0;
}

static void follow_progress(struct tcp *tcp, struct connection *c)
{
    uint32_t bound_ms = progress_bound_ms(tcp, c);
    if (bound_ms == 0 || (flight_octets(c) == 0 && !send_is_pending(c))) {
        timer_disarm(c, LA_TIMER_USER_TIMEOUT);
    } else if (!timer_is_armed(c, LA_TIMER_USER_TIMEOUT)) {
        timer_arm(tcp, c, LA_TIMER_USER_TIMEOUT, bound_ms);
    }
}

/* A window that is open, but too small to be worth a segment, is overridden within a second (RFC 9293 3.8.6.2.1); one
   that is shut is probed after a retransmission timeout. */
#define OVERRIDE_MS 1000

static uint32_t persist_ms(const struct tcp *tcp, const struct connection *c)
{
    uint32_t rto_ms = retransmission_timeout_ms(tcp, c);
    return c->snd_wnd > 0 && rto_ms > OVERRIDE_MS ? OVERRIDE_MS : rto_ms;
}

static void nothing_to_send(struct connection *c)
{
    const unsigned sending = 1U << LA_TIMER_RETRANSMIT | 1U << LA_TIMER_PERSIST | 1U << LA_TIMER_USER_TIMEOUT;
    c->timers_armed &= (uint8_t)~sending;
}

/* What is in flight is sent again, what no window lets out is probed for: never both. What is on its way to leave waits
   for nothing yet. */
void timers_follow(struct tcp *tcp, struct connection *c)
{
    if (flight_octets(c) > 0 && !c->is_probing) {
        timer_disarm(c, LA_TIMER_PERSIST);
        if (!timer_is_armed(c, LA_TIMER_RETRANSMIT)) {
            timer_arm(tcp, c, LA_TIMER_RETRANSMIT, retransmission_timeout_ms(tcp, c));
        }
        follow_progress(tcp, c);
        return;
    }
    bool is_pending = send_is_pending(c);
    if (flight_octets(c) == 0 && !is_pending) {
        nothing_to_send(c);
        return;
    }
    timer_disarm(c, LA_TIMER_RETRANSMIT);
    if (!is_pending || c->is_on_output) {
        timer_disarm(c, LA_TIMER_PERSIST);
    } else if (!timer_is_armed(c, LA_TIMER_PERSIST)) {
        timer_arm(tcp, c, LA_TIMER_PERSIST, persist_ms(tcp, c));
    }
    follow_progress(tcp, c);
}

/* RFC 9293 3.8.3: R1 tells the application, R2 gives up. False: the connection has ended. */
static bool may_retransmit(struct tcp *tcp, struct connection *c)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    uint32_t r2_ms = syn_is_acknowledged(c) ? r2_data_ms(tcp, c) : config->r2_syn_ms; /* MUST-22, MUST-23 */
    if (tcp_now_ms(tcp) - c->progress_ms >= r2_ms) {
        connection_abort(tcp, c, LA_END_TIMED_OUT);
        return false;
    }
    if (c->has_shadow && c->is_passive && c->retransmits >= r1_retransmissions(tcp, c)) {
        connection_end(tcp, c, LA_END_UNDONE, LA_LISTEN); /* nobody answers: the SYN was an old duplicate */
        return false;
    }
    if (c->retransmits == r1_retransmissions(tcp, c)) {
        connection_report_error(tcp, c); /* SHLD-9 */
    }
    return true;
}

/* RFC 9293 3.8.6.1: a window that stays shut is probed for ever, as long as the probes are answered (MUST-37): first
   after a retransmission timeout, then less and less often (SHLD-29, SHLD-30). */
static void persist_fired(struct tcp *tcp, struct connection *c)
{
    if (c->is_probing && c->probes > 0 && tcp_now_ms(tcp) - c->progress_ms >= r2_data_ms(tcp, c)) {
        connection_abort(tcp, c, LA_END_TIMED_OUT);
        return;
    }
    if (c->snd_wnd > 0 && !c->is_probing) {
        c->is_forced = true;
    } else {
        c->owes_window_probe = true;
    }
    if (c->backoff < UINT8_MAX) {
        c->backoff++;
    }
    timer_arm(tcp, c, LA_TIMER_PERSIST, retransmission_timeout_ms(tcp, c));
    connection_wants_output(tcp, c);
}

/* The window shrank to nothing over what is in flight: it is probed like any other that is shut (RFC 9293 MUST-35), and
   that its octets are not acknowledged is no reason to give up (SHLD-17). */
static void probe_shrunken_window(struct tcp *tcp, struct connection *c)
{
    if (c->in_recovery) { /* RFC 6582 3.2 (3): as at its end */
        c->congestion.cwnd_bytes = c->congestion.ssthresh_bytes;
        c->in_recovery = false;
    }
    c->duplicate_acks_seen = 0;
    c->rtt_is_timed = false;
    c->owes_retransmission = false;
    c->is_probing = true;
    c->snd_resend = c->snd_una;
    persist_fired(tcp, c);
}

static void retransmit_fired(struct tcp *tcp, struct connection *c)
{
    if (syn_is_acknowledged(c) && c->snd_wnd == 0) {
        probe_shrunken_window(tcp, c);
        return;
    }
    if (!may_retransmit(tcp, c)) {
        return;
    }
    core_count(tcp_core(tcp), LA_COUNT_TCP_TIMEOUTS);
    recovery_timeout(tcp, c);
    if (c->retransmits < UINT8_MAX) {
        c->retransmits++;
    }
    if (c->backoff < UINT8_MAX) {
        c->backoff++; /* RFC 6298 (5.5) */
    }
    c->syn_was_resent |= !syn_is_acknowledged(c);
    timer_arm(tcp, c, LA_TIMER_RETRANSMIT, retransmission_timeout_ms(tcp, c));
    connection_wants_output(tcp, c);
}

/* RFC 9293 3.8.4, MAY-5: only when nothing is outstanding and nothing was heard for as long as was asked (MUST-26),
   and no single probe that goes unanswered means anything (MUST-29). */
static void keepalive_fired(struct tcp *tcp, struct connection *c)
{
    if (!c->keepalive) {
        return;
    }
    uint32_t idle_ms = keepalive_idle_ms(tcp, c);
    uint32_t silent_ms = tcp_now_ms(tcp) - c->heard_ms;
    if (flight_octets(c) > 0 || send_is_pending(c)) {
        timer_arm(tcp, c, LA_TIMER_KEEPALIVE, idle_ms); /* retransmission asks already */
    } else if (silent_ms < idle_ms) {
        c->probes = 0;
        timer_arm(tcp, c, LA_TIMER_KEEPALIVE, idle_ms - silent_ms);
    } else if (c->probes >= keepalive_probes(tcp, c)) {
        connection_abort(tcp, c, LA_END_KEEPALIVE);
    } else {
        c->probes++;
        c->owes_keepalive = true;
        timer_arm(tcp, c, LA_TIMER_KEEPALIVE, keepalive_interval_ms(tcp, c));
        connection_wants_output(tcp, c);
    }
}

/* Why the send side got no further within its bound. */
static enum la_end no_progress(const struct tcp *tcp, const struct connection *c)
{
    if (user_timeout_ms(tcp, c) != 0) {
        return LA_END_USER_TIMEOUT;
    }
    return c->snd_wnd == 0 ? LA_END_ORPHAN_BOUND : LA_END_TIMED_OUT;
}

static void fired(struct tcp *tcp, struct connection *c, enum la_timer timer)
{
    timer_disarm(c, timer);
    trace_timer(tcp, c, LA_TRACE_TIMER_FIRED, timer);
    switch (timer) {
    case LA_TIMER_RETRANSMIT: retransmit_fired(tcp, c); break;
    case LA_TIMER_PERSIST: persist_fired(tcp, c); break;
    case LA_TIMER_DELAYED_ACK:
        core_count(tcp_core(tcp), LA_COUNT_TCP_DELAYED_ACKS);
        c->owes_ack = true;
        connection_wants_output(tcp, c);
        break;
    case LA_TIMER_KEEPALIVE: keepalive_fired(tcp, c); break;
    case LA_TIMER_USER_TIMEOUT: connection_abort(tcp, c, no_progress(tcp, c)); break;
    case LA_TIMER_FIN_WAIT_2: connection_end(tcp, c, LA_END_FIN_WAIT_2_BOUND, LA_CLOSED); break;
    case LA_TIMER_LINGER: connection_abort(tcp, c, LA_END_LINGER_BOUND); break;
    }
}

/* Those that end a connection come first. */
static void run_due(struct tcp *tcp, struct connection *c)
{
    static const uint8_t order[LA_TIMER_COUNT] = {LA_TIMER_USER_TIMEOUT, LA_TIMER_LINGER,  LA_TIMER_FIN_WAIT_2,
                                                  LA_TIMER_RETRANSMIT,   LA_TIMER_PERSIST, LA_TIMER_KEEPALIVE,
                                                  LA_TIMER_DELAYED_ACK};
    uint32_t generation = c->generation;
    for (unsigned i = 0; i < LA_TIMER_COUNT; i++) {
        enum la_timer timer = (enum la_timer)order[i];
        if (timer_is_armed(c, timer) && !deadline_before(tcp_now_ms(tcp), c->deadline_ms[timer_place(timer)])) {
            fired(tcp, c, timer);
        }
        if (!c->in_use || c->generation != generation || c->end != LA_END_NONE) {
            return;
        }
    }
    schedule_earliest(tcp, c);
}

/* Pieces came back, and not all whose writes found none have been looked at since. */
static bool has_to_feed(const struct tcp *tcp)
{
    return tcp->starved > 0 && (tcp->starved_left > 0 || tcp->starved_seen != tcp->pieces.given_back);
}

/* Tells those whose writes found no piece that the pool has one for them again. Only those: who were told too early
   would ask in vain, and be told again, with time standing still. */
static void feed_starved(struct tcp *tcp)
{
    uint32_t connections = tcp_core(tcp)->config.connections;
    if (tcp->starved > 0 && tcp->starved_seen != tcp->pieces.given_back) {
        tcp->starved_seen = tcp->pieces.given_back;
        tcp->starved_left = connections;
    }
    for (unsigned n = 0; n < FIRED_AT_ONCE && tcp->starved > 0 && tcp->starved_left > 0; n++) {
        tcp->starved_left--;
        tcp->starved_next = tcp->starved_next + 1 < connections ? tcp->starved_next + 1 : 0;
        struct connection *c = connection_at(tcp, tcp->starved_next);
        if (c->in_use && c->wants_pieces && c->out.pieces + pieces_held_beside_out(c) < tcp->pieces.free_count) {
            c->wants_pieces = false;
            tcp->starved--;
            connection_ready(tcp, c, LA_READY_WRITABLE);
        }
    }
}

/* Those that were retransmitted `before` times are now so often that the way may be dead: RFC 9293 3.8.3 (b),
   MUST-20. */
static bool reached_r1(const struct tcp *tcp, const struct connection *c, uint8_t before)
{
    bool was_retransmitted = c->in_use && c->end == LA_END_NONE && c->retransmits > before;
    return was_retransmitted && before == r1_retransmissions(tcp, c);
}

/* Where its packets go first. */
static struct la_address next_stop(const struct tcp *tcp, const struct connection *c)
{
    const struct source_route *route = route_of(tcp, c);
    return route != NULL ? address_from_ipv4(route->first_hop) : c->remote.address;
}

bool tcp_advance(struct tcp *tcp, unsigned *left, struct la_address *doubted)
{
    void *entries = core_at(tcp_core(tcp), tcp->timer_entries);
    while (*left > 0) {
        --*left;
        const struct timer_entry *first = timers_first(&tcp->timers, entries);
        if (first == NULL || deadline_before(tcp_now_ms(tcp), first->deadline_ms)) {
            break;
        }
        uint32_t slot = first->owner;
        timers_clear(&tcp->timers, entries, slot);
        struct connection *c = connection_at(tcp, slot);
        uint8_t retransmits = c->retransmits;
        run_due(tcp, c);
        if (reached_r1(tcp, c, retransmits)) {
            *doubted = next_stop(tcp, c);
            return true;
        }
    }
    feed_starved(tcp);
    time_wait_advance(tcp_core(tcp), &tcp->waits[0], FIRED_AT_ONCE);
    time_wait_advance(tcp_core(tcp), &tcp->waits[1], FIRED_AT_ONCE);
    return false;
}

la_time tcp_deadline(const struct tcp *tcp)
{
    const struct core *core = tcp_core(tcp);
    const struct timer_entry *first = timers_first(&tcp->timers, core_at(core, tcp->timer_entries));
    la_time earliest = has_to_feed(tcp) ? core->now : LA_TIME_NEVER;
    if (first != NULL) {
        la_time at = core_time_of(core, first->deadline_ms);
        at = at < core->now ? core->now : at;
        earliest = at < earliest ? at : earliest;
    }
    for (unsigned family = 0; family < 2; family++) {
        la_time wait = time_wait_deadline(core, &tcp->waits[family]);
        earliest = wait < earliest ? wait : earliest;
    }
    return earliest;
}
