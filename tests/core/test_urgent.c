#include "support/peer.h"

/* Urgent data: RFC 9293 3.8.5, RFC 6093. The pointer is the number of the first octet that is not urgent any more. */

static struct test *established_for_urgent(void)
{
    struct la_config config = usual();
    config.timestamps = false;
    return test_with(&config, LA_ESTABLISHED);
}

/* Where both sides' numbers stand. */
static uint32_t ours(void)
{
    return host_next(LA_ESTABLISHED);
}

static uint32_t theirs(void)
{
    return peer_next(LA_ESTABLISHED);
}

static void send_urgent(struct test *t, uint32_t octets)
{
    uint8_t text[2000];
    assert_true(octets <= sizeof text);
    for (uint32_t i = 0; i < octets; i++) {
        text[i] = host_pattern(t->written + 1 + i);
    }
    check(t, la_send_urgent(t->host, t->now, t->conn, text, octets) == (int)octets);
    t->written += octets;
    settle(t);
}

static int urgent(const struct test *t)
{
    return la_urgent(t->host, t->conn);
}

/* ---- what arrives ---- */

/* MUST-30, MUST-32, MUST-33, MUST-62: three octets, of which two are urgent. */
static void the_pointer_is_the_first_octet_that_is_not_urgent(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    expect_events(t, LA_READY_WRITABLE);
    inject(t, .flags = URG | ACK, .seq = theirs(), .ack = ours(), .length = 3, .urgent = 2);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 3);
    expect_events(t, LA_READY_READABLE | LA_READY_URGENT);
    check(t, urgent(t) == 2);
    check(t, info_of(t).rcv_urgent_bytes == 2);
    uint8_t octet = 0;
    check(t, la_recv(t->host, t->now, t->conn, &octet, 1) == 1 && urgent(t) == 1);
    check(t, la_recv(t->host, t->now, t->conn, &octet, 1) == 1 && urgent(t) == 0);
    t->read += 2;
    user_read(t, 1);
    end(t);
}

/* MUST-32: the application hears of it before the octets are there, once, and again when the pointer moves. */
static void the_application_hears_at_once_and_of_each_advance(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    expect_events(t, LA_READY_WRITABLE);
    inject(t, .flags = URG | ACK, .seq = theirs(), .ack = ours(), .urgent = 100);
    expect_nothing(t);
    expect_events(t, LA_READY_URGENT);
    check(t, urgent(t) == 100);
    inject(t, .flags = URG | ACK, .seq = theirs(), .ack = ours(), .length = 10, .urgent = 100);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 10);
    expect_events(t, LA_READY_READABLE); /* the same pointer is no news */
    inject(t, .flags = URG | ACK, .seq = theirs() + 10, .ack = ours(), .length = 10, .urgent = 91);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 20);
    expect_events(t, LA_READY_READABLE | LA_READY_URGENT);
    check(t, urgent(t) == 101);
    inject(t, .flags = URG | ACK, .seq = theirs() + 20, .ack = ours(), .length = 10,
           .urgent = 5); /* it never goes back */
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 30);
    expect_events(t, LA_READY_READABLE);
    check(t, urgent(t) == 101);
    user_read(t, 30);
    check(t, urgent(t) == 71);
    end(t);
}

/* MUST-31: an urgent sequence that no single pointer could span. */
static void urgent_data_of_any_length_arrives(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    uint32_t seq = theirs();
    for (unsigned i = 0; i < 100; i++, seq += 1000) {
        inject(t, .flags = URG | ACK, .seq = seq, .ack = ours(), .length = 1000, .urgent = 65535);
        expect(t, .flags = ACK, .seq = ours(), .ack = seq + 1000);
        user_read(t, 1000);
        check(t, urgent(t) == 64535);
        settle(t);
    }
    inject(t, .flags = FIN | ACK, .seq = seq, .ack = ours());
    expect(t, .flags = ACK, .seq = ours(), .ack = seq + 1);
    check(t, urgent(t) == 0); /* a pointer beyond the end of data means all of it */
    end(t);
}

/* MUST-66: the text is not taken, the pointer and the acknowledgment are. */
static void a_shut_window_lets_the_pointer_through(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    config.receive_buffer_bytes = 100;
    struct test *t = test_with(&config, LA_ESTABLISHED);
    expect_events(t, LA_READY_WRITABLE);
    inject(t, .flags = ACK, .seq = theirs(), .ack = ours(), .length = 100);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 100);
    check(t, info_of(t).rcv_wnd == 0);
    expect_events(t, LA_READY_READABLE);
    inject(t, .flags = URG | ACK, .seq = theirs() + 100, .ack = ours(), .length = 10, .urgent = 7);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 100);
    expect_events(t, LA_READY_URGENT);
    check(t, urgent(t) == 107);
    inject(t, .flags = RST, .seq = theirs() + 100);
    expect_outcome(t, LA_END_RESET_BY_PEER, LA_ESTABLISHED);
    end(t);
}

/* Sixth step: once the peer has closed, no urgency can come. */
static void after_the_peers_fin_a_pointer_means_nothing(void **state)
{
    (void)state;
    struct test *t = test_in(LA_CLOSE_WAIT);
    (void)let_pass_ms(t, 0);
    expect_events(t, LA_READY_WRITABLE | LA_READY_PEER_CLOSED | LA_READY_READABLE);
    inject(t, .flags = URG | ACK, .seq = peer_next(LA_CLOSE_WAIT), .ack = host_next(LA_CLOSE_WAIT), .urgent = 9);
    expect_events(t, 0);
    check(t, urgent(t) == 0);
    end(t);
}

/* MSG_OOB and SIOCATMARK can be made of it: the last urgent octet is looked at ahead of the others. */
static void the_last_urgent_octet_can_be_looked_at_ahead(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    inject(t, .flags = URG | ACK, .seq = theirs(), .ack = ours(), .length = 1200, .urgent = 900);
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs() + 1200);
    uint8_t octet = 0;
    check(t, la_peek(t->host, t->conn, (size_t)urgent(t) - 1, &octet, 1) == 1);
    check(t, octet == peer_pattern(theirs() + 899));
    check(t, la_peek(t->host, t->conn, 1200, &octet, 1) == LA_ERROR_WOULD_BLOCK);
    uint8_t all[2000];
    check(t, la_peek(t->host, t->conn, 0, all, sizeof all) == 1200);
    for (uint32_t i = 0; i < 1200; i++) {
        check(t, all[i] == peer_pattern(theirs() + i));
    }
    user_read(t, 1200);
    check(t, urgent(t) == 0);
    end(t);
}

/* ---- what leaves ---- */

/* MUST-30, MUST-62 */
static void urgent_data_leaves_with_its_pointer(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    send_urgent(t, 3);
    expect(t, .flags = URG | PSH | ACK, .seq = ours(), .ack = theirs(), .length = 3, .urgent = 3);
    check(t, info_of(t).snd_urgent_bytes == 3);
    user_send(t, 5); /* not urgent: it waits for its answer, and has no pointer */
    expect(t, .flags = PSH | ACK, .seq = ours() + 3, .ack = theirs(), .length = 5);
    advance_ms(t, 200);
    expect(t, .flags = URG | ACK, .seq = ours(), .ack = theirs(), .length = 8,
           .urgent = 3); /* sent again, still urgent */
    inject(t, .flags = ACK, .seq = theirs(), .ack = ours() + 3);
    check(t, info_of(t).snd_urgent_bytes == 0);
    expect_nothing(t);
    inject(t, .flags = ACK, .seq = theirs(), .ack = ours() + 8);
    user_send(t, 1);
    expect(t, .flags = PSH | ACK, .seq = ours() + 8, .ack = theirs(), .length = 1);
    end(t);
}

/* The pointer need not wait for a window: RFC 9293 3.8.6.1, 3.10.2. */
static void the_pointer_goes_ahead_of_a_shut_window(void **state)
{
    (void)state;
    struct test *t = established_for_urgent();
    t->peer_window = 0;
    inject(t, .flags = ACK, .seq = theirs(), .ack = ours());
    user_send(t, 10);
    expect_nothing(t);
    send_urgent(t, 1);
    expect(t, .flags = URG | ACK, .seq = ours(), .ack = theirs(), .urgent = 11);
    t->peer_window = 1000;
    inject(t, .flags = ACK, .seq = theirs(), .ack = ours());
    expect(t, .flags = URG | PSH | ACK, .seq = ours(), .ack = theirs(), .length = 11, .urgent = 11);
    end(t);
}

/* MUST-31 */
static void a_pointer_out_of_reach_moves_along(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    config.send_buffer_bytes = 100000;
    config.buffer_pieces = 1024;
    struct test *t = begin(&config);
    t->peer_window = 1000;
    bring_to(t, LA_ESTABLISHED);
    for (unsigned i = 0; i < 40; i++) {
        user_send(t, 2000);
    }
    expect(t, .flags = ACK, .seq = ours(), .ack = theirs(), .length = 1000);
    send_urgent(t, 1000);
    expect(t, .flags = URG | ACK, .seq = ours() + 1000, .ack = theirs(), .urgent = 65535);
    for (uint32_t sent = 1000; sent < 81000; sent += 1000) {
        uint32_t ahead = 81000 - sent;
        inject(t, .flags = ACK, .seq = theirs(), .ack = ours() + sent);
        expect(t, .flags = URG | ACK, .seq = ours() + sent, .ack = theirs(), .length = 1000,
               .urgent = (uint16_t)(ahead < 65535 ? ahead : 65535));
    }
    end(t);
}

static void urgent_text_waits_for_the_handshake(void **state)
{
    (void)state;
    struct la_config config = usual();
    config.timestamps = false;
    struct test *t = begin(&config);
    user_connect(t);
    expect(t, .flags = SYN, .mss = 1460);
    send_urgent(t, 4);
    expect_nothing(t);
    inject(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
    expect(t, .flags = URG | PSH | ACK, .seq = 1, .ack = 1, .length = 4, .urgent = 4);
    uint8_t octet = 0;
    check(t, la_send_urgent(t->host, t->now, t->conn, &octet, 0) == LA_ERROR_INVALID);
    user_close(t);
    expect(t, .flags = FIN | ACK, .seq = 5, .ack = 1);
    check(t, la_send_urgent(t->host, t->now, t->conn, &octet, 1) == LA_ERROR_CLOSING && urgent(t) == LA_ERROR_CLOSING);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pointer_is_the_first_octet_that_is_not_urgent),
        cmocka_unit_test(the_application_hears_at_once_and_of_each_advance),
        cmocka_unit_test(urgent_data_of_any_length_arrives),
        cmocka_unit_test(a_shut_window_lets_the_pointer_through),
        cmocka_unit_test(after_the_peers_fin_a_pointer_means_nothing),
        cmocka_unit_test(the_last_urgent_octet_can_be_looked_at_ahead),
        cmocka_unit_test(urgent_data_leaves_with_its_pointer),
        cmocka_unit_test(the_pointer_goes_ahead_of_a_shut_window),
        cmocka_unit_test(a_pointer_out_of_reach_moves_along),
        cmocka_unit_test(urgent_text_waits_for_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
