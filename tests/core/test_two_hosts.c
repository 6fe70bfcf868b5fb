#include "support/peer.h"

#include <limits.h>

#include "host/host_inspect.h"

/* Two hosts of ours, joined without delay, whose numbers cross: what each takes for granted of the other. */
struct two {
    la_host *host[2];
    struct la_conn conn[2];
    la_time now;
};

static void pump(struct two *w)
{
    uint8_t buffer[2000];
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < 2; i++) {
            size_t n = 0;
            while ((n = la_host_output(w->host[i], w->now, 0, buffer, sizeof buffer)) > 0) {
                la_host_input(w->host[1 - i], w->now, 0, buffer, n);
                more = true;
            }
        }
    }
    assert_null(host_check(w->host[0]));
    assert_null(host_check(w->host[1]));
}

static uint32_t unread(const struct two *w, unsigned i)
{
    struct la_info info;
    assert_int_equal(la_info(w->host[i], w->conn[i], &info), LA_OK);
    return info.unread_bytes;
}

static enum la_end end_of(const struct two *w, unsigned i)
{
    struct la_outcome outcome;
    assert_int_equal(la_outcome(w->host[i], w->conn[i], &outcome), LA_OK);
    return outcome.end;
}

/* Until then, or until the first host has something to read. */
static void pass(struct two *w, la_time until, bool or_to_read)
{
    while (!or_to_read || unread(w, 0) == 0) {
        la_time a = la_host_deadline(w->host[0]);
        la_time b = la_host_deadline(w->host[1]);
        la_time next = a < b ? a : b;
        if (next > until) {
            w->now = until;
            return;
        }
        w->now = next > w->now ? next : w->now;
        la_host_advance(w->host[0], w->now);
        la_host_advance(w->host[1], w->now);
        pump(w);
    }
}

static void begin_two(struct two *w)
{
    struct la_config config = usual();
    config.trace_records = 0;
    config.nagle = false;
    w->now = 1000 * LA_SECOND;
    for (unsigned i = 0; i < 2; i++) {
        size_t size = la_host_size(&config);
        w->host[i] = la_host_init(aligned_alloc(64, (size + 63) / 64 * 64), size, &config, w->now);
        assert_non_null(w->host[i]);
        struct la_address own = family_address((uint8_t)(1 + i));
        assert_int_equal(la_interface_add(w->host[i], w->now, family_mtu(1500)), 0);
        assert_int_equal(la_address_add(w->host[i], w->now, 0, &own, family_prefix_length()), LA_OK);
    }
    struct la_listener listener;
    struct la_endpoint at = {family_address(2), 80};
    assert_int_equal(la_listen(w->host[1], w->now, &at, 4, &listener), LA_OK);
    assert_int_equal(la_connect(w->host[0], w->now, NULL, &at, &w->conn[0]), LA_OK);
    pump(w);
    assert_int_equal(la_accept(w->host[1], w->now, listener, &w->conn[1]), LA_OK);
}

static void end_two(struct two *w)
{
    free(w->host[0]);
    free(w->host[1]);
}

static uint8_t text[65536];

static void fill(struct two *w, unsigned i)
{
    while (la_send(w->host[i], w->now, w->conn[i], text, 4096) > 0) {
        pump(w);
    }
}

/* Both write and neither reads, so that both probe a shut window. What then opens it is an ACK without text: it must
   stand where the other, whose window is shut too, can take it. */
static void a_window_opens_while_both_probe(void **state)
{
    (void)state;
    struct two w;
    begin_two(&w);
    fill(&w, 0);
    fill(&w, 1);
    pass(&w, w.now + 300 * LA_SECOND, false);
    assert_true(end_of(&w, 0) == LA_END_NONE && end_of(&w, 1) == LA_END_NONE);
    la_time read_at = w.now;
    while (la_recv(w.host[0], w.now, w.conn[0], text, sizeof text) > 0) {
    }
    pump(&w);
    pass(&w, w.now + 200 * LA_SECOND, true);
    assert_true(w.now - read_at < LA_SECOND);
    end_two(&w);
}

/* One does not read, and sends to one who reads everything. */
static void a_shut_window_slows_nobody_elses_text(void **state)
{
    (void)state;
    struct two w;
    begin_two(&w);
    fill(&w, 1);
    pass(&w, w.now + 100 * LA_SECOND, false);
    la_time began = w.now;
    for (uint32_t got = 0; got < 200000;) {
        int n = la_send(w.host[0], w.now, w.conn[0], text, 4096);
        assert_true(n > 0 || n == LA_ERROR_WOULD_BLOCK);
        pump(&w);
        while ((n = la_recv(w.host[1], w.now, w.conn[1], text, sizeof text)) > 0) {
            got += (uint32_t)n;
        }
        pump(&w);
        pass(&w, w.now + LA_SECOND / 10, false);
        assert_true(w.now - began < 20 * LA_SECOND);
    }
    end_two(&w);
}

/* Sends a windowful, of which the first `lost` packets do not arrive, nor what is answered. */
static void lose_of_a_window(struct two *w, unsigned lost)
{
    uint8_t buffer[2000];
    size_t n = 0;
    struct la_info info;
    assert_int_equal(la_info(w->host[0], w->conn[0], &info), LA_OK);
    assert_int_equal(la_send(w->host[0], w->now, w->conn[0], text, info.snd_wnd), (int)info.snd_wnd);
    for (unsigned i = 0; (n = la_host_output(w->host[0], w->now, 0, buffer, sizeof buffer)) > 0; i++) {
        if (i >= lost) {
            la_host_input(w->host[1], w->now, 0, buffer, n);
        }
    }
    while (la_host_output(w->host[1], w->now, 0, buffer, sizeof buffer) > 0) {
    }
}

/* SND.NXT is then the number right of the peer's window. A RST there is challenged, and the answer to that is exact. */
static void an_abort_behind_a_lost_window_arrives(void **state)
{
    (void)state;
    struct two w;
    begin_two(&w);
    lose_of_a_window(&w, UINT_MAX);
    assert_int_equal(la_abort(w.host[0], w.now, w.conn[0]), LA_OK);
    pump(&w);
    assert_int_equal(end_of(&w, 1), LA_END_RESET_BY_PEER);
    end_two(&w);
}

static void acknowledgments_behind_a_hole_count(void **state)
{
    (void)state;
    struct two w;
    begin_two(&w);
    lose_of_a_window(&w, 1);
    assert_int_equal(la_send(w.host[1], w.now, w.conn[1], text, 100), 100);
    uint8_t buffer[2000];
    for (unsigned from = 2; from-- > 0;) { /* the 100, and their ACK */
        size_t n = 0;
        while ((n = la_host_output(w.host[from], w.now, 0, buffer, sizeof buffer)) > 0) {
            la_host_input(w.host[1 - from], w.now, 0, buffer, n);
        }
    }
    struct la_info info;
    assert_int_equal(la_info(w.host[1], w.conn[1], &info), LA_OK);
    assert_int_equal(info.unacked_bytes, 0);
    end_two(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_opens_while_both_probe),
        cmocka_unit_test(a_shut_window_slows_nobody_elses_text),
        cmocka_unit_test(an_abort_behind_a_lost_window_arrives),
        cmocka_unit_test(acknowledgments_behind_a_hole_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
