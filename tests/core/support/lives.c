#include "peer.h"

void inject_syn(struct test *t)
{
    inject(t, .flags = SYN, .mss = 1460, .scale = t->config.window_scaling ? SCALE(0) : 0,
           .tsval = t->config.timestamps ? peer_now(t) : 0);
}

void another_peer(struct test *t)
{
    t->remote.port++;
    t->conn = (struct la_conn){0};
    t->host_offered_ts = false;
    t->peer_offered_ts = false;
    t->state = LA_CLOSED;
}

void open_passive(struct test *t)
{
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
}

void open_active(struct test *t)
{
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460, .scale = t->config.window_scaling ? SCALE(0) : 0,
           .tsval = t->config.timestamps ? peer_now(t) : 0);
    expect(t, .flags = ACK, .seq = 1, .ack = 1);
}

static void close_send_side(struct test *t)
{
    if (t->closes_fully) {
        user_close(t);
    } else {
        user_shutdown(t);
    }
}

static void to_established(struct test *t)
{
    if (t->listener.generation == 0) {
        user_listen(t, 4);
    }
    open_passive(t);
}

static void to_fin_wait_1(struct test *t)
{
    to_established(t);
    close_send_side(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
}

static void to_fin_wait_2(struct test *t)
{
    to_fin_wait_1(t);
    inject(t, .flags = ACK, .seq = 1, .ack = 2);
}

static void to_closing(struct test *t)
{
    to_fin_wait_1(t);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
}

static void to_close_wait(struct test *t)
{
    to_established(t);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 1);
    expect(t, .flags = ACK, .seq = 1, .ack = 2);
}

static void to_last_ack(struct test *t)
{
    to_close_wait(t);
    close_send_side(t);
    expect(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
}

static void to_time_wait(struct test *t)
{
    to_fin_wait_2(t);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
}

void bring_to(struct test *t, enum la_state state)
{
    switch (state) {
    case LA_CLOSED: break;
    case LA_LISTEN: user_listen(t, 4); return;
    case LA_SYN_SENT:
        user_connect(t);
        expect(t, .flags = SYN, .mss = 1460);
        break;
    case LA_SYN_RECEIVED:
        user_listen(t, 4);
        inject_syn(t);
        expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
        break;
    case LA_ESTABLISHED: to_established(t); break;
    case LA_FIN_WAIT_1: to_fin_wait_1(t); break;
    case LA_FIN_WAIT_2: to_fin_wait_2(t); break;
    case LA_CLOSE_WAIT: to_close_wait(t); break;
    case LA_CLOSING: to_closing(t); break;
    case LA_LAST_ACK: to_last_ack(t); break;
    case LA_TIME_WAIT: to_time_wait(t); break;
    }
    expect_state(t, state);
    expect_dropped(t, LA_DROP_NONE);
}

struct test *test_with(const struct la_config *config, enum la_state state)
{
    struct test *t = begin(config);
    bring_to(t, state);
    return t;
}

struct test *test_in(enum la_state state)
{
    const struct la_config config = usual();
    return test_with(&config, state);
}

struct la_config bare(void)
{
    struct la_config config = usual();
    config.timestamps = false;
    config.window_scaling = false;
    config.nagle = false;
    config.send_buffer_bytes = 65535;
    return config;
}

struct test *established_after(const struct la_config *config, uint32_t rtt_ms, uint16_t peer_window)
{
    struct test *t = begin(config);
    t->peer_window = peer_window;
    user_listen(t, 4);
    inject_syn(t);
    expect(t, .flags = SYN | ACK, .ack = 1);
    advance_ms(t, rtt_ms);
    inject(t, .flags = ACK, .seq = 1, .ack = 1);
    user_accept(t);
    return t;
}

uint32_t peer_next(enum la_state state)
{
    bool closed = state == LA_CLOSE_WAIT || state == LA_CLOSING || state == LA_LAST_ACK || state == LA_TIME_WAIT;
    return closed ? 2 : 1;
}

uint32_t host_next(enum la_state state)
{
    bool closed = state == LA_FIN_WAIT_1 || state == LA_FIN_WAIT_2 || state == LA_CLOSING || state == LA_LAST_ACK ||
                  state == LA_TIME_WAIT;
    return closed ? 2 : 1;
}

/* ---- to the end ---- */

#define SOME 300

static void exchange_text(struct test *t)
{
    uint32_t peer = t->acknowledged;
    uint32_t host = t->out_end;
    user_send(t, SOME);
    expect(t, .flags = ACK, .seq = host, .ack = peer, .length = SOME);
    inject(t, .flags = ACK, .seq = peer, .ack = host + SOME, .length = SOME);
    expect(t, .flags = ACK, .seq = host + SOME, .ack = peer + SOME);
}

static void receive_text(struct test *t)
{
    uint32_t peer = t->acknowledged;
    inject(t, .flags = ACK, .seq = peer, .ack = t->out_end, .length = SOME);
    expect(t, .flags = ACK, .seq = t->out_end, .ack = peer + SOME);
}

static void peer_closes(struct test *t)
{
    uint32_t peer = t->acknowledged;
    inject(t, .flags = FIN | ACK, .seq = peer, .ack = t->out_end);
    expect(t, .flags = ACK, .seq = t->out_end, .ack = peer + 1);
}

static void host_closes(struct test *t)
{
    uint32_t host = t->out_end;
    user_shutdown(t);
    expect(t, .flags = FIN | ACK, .seq = host, .ack = t->acknowledged);
    inject(t, .flags = ACK, .seq = t->acknowledged, .ack = host + 1);
}

static void send_and_close(struct test *t)
{
    uint32_t host = t->out_end;
    user_send(t, SOME);
    expect(t, .flags = ACK, .seq = host, .ack = t->acknowledged, .length = SOME);
    host_closes(t);
}

void finish_cleanly(struct test *t)
{
    enum la_state from = t->state;
    if (from == LA_ESTABLISHED) {
        exchange_text(t);
        host_closes(t);
    } else if (from == LA_CLOSE_WAIT) {
        send_and_close(t);
    } else if (from == LA_FIN_WAIT_1 || from == LA_CLOSING || from == LA_LAST_ACK) {
        inject(t, .flags = ACK, .seq = t->acknowledged, .ack = t->out_end);
    }
    if (t->state == LA_FIN_WAIT_2) {
        receive_text(t);
        peer_closes(t);
    }
    expect_nothing(t);
    bool waits = from != LA_CLOSE_WAIT && from != LA_LAST_ACK;
    expect_state(t, waits ? LA_TIME_WAIT : LA_CLOSED);
    expect_dropped(t, LA_DROP_NONE);
}

void expect_kept(struct test *t, enum la_wait_class kind)
{
    struct la_wait wait;
    uint64_t place = 0;
    check(t, la_wait_next(t->host, &place, &wait));
    check(t, wait.kind == kind && wait.local.port == t->local.port && wait.remote.port == t->remote.port);
    check(t, !la_wait_next(t->host, &place, &(struct la_wait){0}));
    check(t, waits_of(t) == 0 && counted(t, LA_COUNT_WAIT_KEPT) == 1);
    check(t, la_host_deadline(t->host) == wait.until);
    advance_ms(t, 2 * t->config.msl_ms);
    expect_nothing(t);
    check(t, la_host_deadline(t->host) == LA_TIME_NEVER);
}

void release_and_end(struct test *t)
{
    user_release(t);
    const struct la_counters counters = counters_of(t);
    check(t, counters.connections == 0 && counters.connections_orphaned == 0);
    check(t, counters.buffer_pieces == 0 && counters.reply_bytes == 0);
    end(t);
}
