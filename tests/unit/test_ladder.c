#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "show/ladder.h"

#include <lastack/lastack.h>

/* Traces made by hand, and the ladders they must give, to the character. */

enum { ISN_LEFT = 1000, ISN_RIGHT = 0x7fffff00 };

struct stage {
    struct ladder *ladder;
    char *text;
    size_t size;
    FILE *file;
    struct la_endpoint left;
    struct la_endpoint right;
    la_time now;
};

static void stage_begin(struct stage *stage, struct ladder_options options)
{
    memset(stage, 0, sizeof *stage);
    stage->file = open_memstream(&stage->text, &stage->size);
    assert_non_null(stage->file);
    stage->ladder = ladder_new(stage->file, &options);
    assert_non_null(stage->ladder);
    stage->left = (struct la_endpoint){la_address_ipv4(10, 83, 0, 2), 80};
    stage->right = (struct la_endpoint){la_address_ipv4(10, 83, 0, 1), 40112};
    stage->now = 5 * LA_SECOND;
}

static void stage_end(struct stage *stage, const char *expected)
{
    ladder_free(stage->ladder);
    fclose(stage->file);
    if (strcmp(stage->text, expected) != 0)
        fprintf(stderr, "is:\n%s\nshould be:\n%s\n", stage->text, expected);
    assert_string_equal(stage->text, expected);
    free(stage->text);
}

static struct la_trace record_of(const struct stage *stage, enum ladder_side side, enum la_trace_kind kind)
{
    struct la_trace record = {.time = stage->now, .kind = (uint8_t)kind};
    record.local = side == LADDER_LEFT ? stage->left : stage->right;
    record.remote = side == LADDER_LEFT ? stage->right : stage->left;
    return record;
}

/* A segment, its numbers relative to the ISNs, as a record of side's trace. */
static struct la_trace segment_of(const struct stage *stage, enum ladder_side side, bool out, uint8_t flags,
                                  uint32_t sequence, uint32_t acknowledgment, uint32_t length)
{
    struct la_trace record = record_of(stage, side, out ? LA_TRACE_SEGMENT_OUT : LA_TRACE_SEGMENT_IN);
    bool from_left = (side == LADDER_LEFT) == out;
    record.flags = flags;
    record.sequence = sequence + (from_left ? ISN_LEFT : (uint32_t)ISN_RIGHT);
    record.acknowledgment = acknowledgment + (from_left ? (uint32_t)ISN_RIGHT : ISN_LEFT);
    record.length = length;
    record.window_bytes = 64240;
    return record;
}

static void segment(struct stage *stage, enum ladder_side side, bool out, uint8_t flags, uint32_t sequence,
                    uint32_t acknowledgment, uint32_t length, const char *fate)
{
    struct la_trace record = segment_of(stage, side, out, flags, sequence, acknowledgment, length);
    ladder_record(stage->ladder, side, &record, fate);
}

static void again(struct stage *stage, enum ladder_side side, uint8_t flags, uint32_t sequence, uint32_t acknowledgment,
                  uint32_t length)
{
    struct la_trace record = segment_of(stage, side, true, flags, sequence, acknowledgment, length);
    record.retransmission = true;
    ladder_record(stage->ladder, side, &record, NULL);
}

static void state(struct stage *stage, enum ladder_side side, enum la_state from, enum la_state to)
{
    struct la_trace record = record_of(stage, side, LA_TRACE_STATE);
    record.from = (uint8_t)from;
    record.to = (uint8_t)to;
    ladder_record(stage->ladder, side, &record, NULL);
}

static void detail(struct stage *stage, enum ladder_side side, enum la_trace_kind kind, unsigned what, la_time deadline)
{
    struct la_trace record = record_of(stage, side, kind);
    record.detail = (uint8_t)what;
    record.deadline = deadline;
    ladder_record(stage->ladder, side, &record, NULL);
}

/* The left end is called, by SYN, SYN-ACK, ACK. */
static void opens(struct stage *stage)
{
    segment(stage, LADDER_LEFT, false, LA_SYN, 0, 0, 0, NULL);
    state(stage, LADDER_LEFT, LA_LISTEN, LA_SYN_RECEIVED);
    segment(stage, LADDER_LEFT, true, LA_SYN | LA_ACK, 0, 1, 0, NULL);
    stage->now += 95 * LA_MICROSECOND;
    segment(stage, LADDER_LEFT, false, LA_ACK, 1, 1, 0, NULL);
    state(stage, LADDER_LEFT, LA_SYN_RECEIVED, LA_ESTABLISHED);
}

/* The left end closes first, its last ACK is lost, and the peer's FIN comes again. */
static void closes_with_loss(struct stage *stage)
{
    stage->now += 12 * LA_MILLISECOND;
    state(stage, LADDER_LEFT, LA_ESTABLISHED, LA_FIN_WAIT_1);
    segment(stage, LADDER_LEFT, true, LA_FIN | LA_ACK, 1, 1, 0, NULL);
    stage->now += 50 * LA_MICROSECOND;
    segment(stage, LADDER_LEFT, false, LA_ACK, 1, 2, 0, NULL);
    state(stage, LADDER_LEFT, LA_FIN_WAIT_1, LA_FIN_WAIT_2);
    stage->now += 1988 * LA_MILLISECOND;
    segment(stage, LADDER_LEFT, false, LA_FIN | LA_ACK, 1, 2, 0, NULL);
    state(stage, LADDER_LEFT, LA_FIN_WAIT_2, LA_TIME_WAIT);
    detail(stage, LADDER_LEFT, LA_TRACE_TIME_WAIT, LA_WAIT_ENTERED, stage->now + 60 * LA_SECOND);
    segment(stage, LADDER_LEFT, true, LA_ACK, 2, 2, 0, "lost, by out:last-ack");
    stage->now += 207 * LA_MILLISECOND;
    segment(stage, LADDER_LEFT, false, LA_FIN | LA_ACK, 1, 2, 0, NULL);
    detail(stage, LADDER_LEFT, LA_TRACE_TIME_WAIT, LA_WAIT_RESTARTED, stage->now + 60 * LA_SECOND);
    detail(stage, LADDER_LEFT, LA_TRACE_TIME_WAIT, LA_WAIT_ANSWERED, 0);
    segment(stage, LADDER_LEFT, true, LA_ACK, 2, 2, 0, NULL);
    stage->now += 60 * LA_SECOND;
    detail(stage, LADDER_LEFT, LA_TRACE_TIME_WAIT, LA_WAIT_EXPIRED, 0);
}

static void test_lost_last_ack(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.right = "kernel"});
    opens(&stage);
    closes_with_loss(&stage);
    stage_end(&stage,
              "        time  lastack 10.83.0.2:80                                            kernel 10.83.0.1:40112\n"
              "                                                            (state): inferred  [state]: its kernel's\n"
              "    0.000 ms   SYN-RECEIVED │◀─────────────── SYN seq=0 win=64240 ─────────────────│ (SYN-SENT)\n"
              "                            │─────────── SYN,ACK seq=0 ack=1 win=64240 ───────────▶│ (ESTABLISHED)\n"
              "    0.095 ms    ESTABLISHED │◀───────────────── ACK seq=1 ack=1 ───────────────────│\n"
              "   12.095 ms     FIN-WAIT-1 │──────────────── FIN,ACK seq=1 ack=1 ────────────────▶│ (CLOSE-WAIT)\n"
              "   12.145 ms     FIN-WAIT-2 │◀───────────────── ACK seq=1 ack=2 ───────────────────│\n"
              "    2.000 s       TIME-WAIT │◀─────────────── FIN,ACK seq=1 ack=2 ─────────────────│ (LAST-ACK)\n"
              "                            │ wait entered: 60 s, until 62.000 s                   │\n"
              "                            │────── ACK seq=2 ack=2 ───────✗ lost, by out:last-ack │\n"
              "    2.207 s                 │◀─────────── FIN,ACK seq=1 ack=2 (again) ─────────────│\n"
              "                            │ wait restarted: 60 s, until 62.207 s                 │\n"
              "                            │ wait answered                                        │\n"
              "                            │────────────────── ACK seq=2 ack=2 ──────────────────▶│ (CLOSED)\n"
              "   62.207 s          CLOSED │ wait expired                                         │\n");
}

static void test_lost_last_ack_ascii(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.ascii = true, .width = 84});
    opens(&stage);
    closes_with_loss(&stage);
    stage_end(&stage, "        time  lastack 10.83.0.2:80                              peer 10.83.0.1:40112\n"
                      "                                            (state): inferred  [state]: its kernel's\n"
                      "    0.000 ms   SYN-RECEIVED |<------- SYN seq=0 win=64240 ---------| (SYN-SENT)\n"
                      "                            |--- SYN,ACK seq=0 ack=1 win=64240 --->| (ESTABLISHED)\n"
                      "    0.095 ms    ESTABLISHED |<--------- ACK seq=1 ack=1 -----------|\n"
                      "   12.095 ms     FIN-WAIT-1 |-------- FIN,ACK seq=1 ack=1 -------->| (CLOSE-WAIT)\n"
                      "   12.145 ms     FIN-WAIT-2 |<--------- ACK seq=1 ack=2 -----------|\n"
                      "    2.000 s       TIME-WAIT |<------- FIN,ACK seq=1 ack=2 ---------| (LAST-ACK)\n"
                      "                            | wait entered: 60 s, until 62.000 s   |\n"
                      "                            |------- ACK seq=2 ack=2 -------x lost |\n"
                      "                            | lost, by out:last-ack                |\n"
                      "    2.207 s                 |<--- FIN,ACK seq=1 ack=2 (again) -----|\n"
                      "                            | wait restarted: 60 s, until 62.207 s |\n"
                      "                            | wait answered                        |\n"
                      "                            |---------- ACK seq=2 ack=2 ---------->| (CLOSED)\n"
                      "   62.207 s          CLOSED | wait expired                         |\n");
}

/* Both ends are traced; their FINs cross, and one last ACK is lost. */
static void test_two_traces_crossing_fins(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.left = "a", .right = "b"});
    state(&stage, LADDER_LEFT, LA_CLOSED, LA_SYN_SENT);
    segment(&stage, LADDER_LEFT, true, LA_SYN, 0, 0, 0, "delayed 10 ms");
    stage.now += 10 * LA_MILLISECOND;
    segment(&stage, LADDER_RIGHT, false, LA_SYN, 0, 0, 0, "delayed 10 ms");
    state(&stage, LADDER_RIGHT, LA_LISTEN, LA_SYN_RECEIVED);
    segment(&stage, LADDER_RIGHT, true, LA_SYN | LA_ACK, 0, 1, 0, "delayed 10 ms");
    stage.now += 10 * LA_MILLISECOND;
    segment(&stage, LADDER_LEFT, false, LA_SYN | LA_ACK, 0, 1, 0, "delayed 10 ms");
    state(&stage, LADDER_LEFT, LA_SYN_SENT, LA_ESTABLISHED);
    segment(&stage, LADDER_LEFT, true, LA_ACK, 1, 1, 0, NULL);
    stage.now += 10 * LA_MILLISECOND;
    segment(&stage, LADDER_RIGHT, false, LA_ACK, 1, 1, 0, NULL);
    state(&stage, LADDER_RIGHT, LA_SYN_RECEIVED, LA_ESTABLISHED);
    stage.now += LA_SECOND;
    state(&stage, LADDER_LEFT, LA_ESTABLISHED, LA_FIN_WAIT_1);
    segment(&stage, LADDER_LEFT, true, LA_FIN | LA_ACK, 1, 1, 0, NULL);
    state(&stage, LADDER_RIGHT, LA_ESTABLISHED, LA_FIN_WAIT_1);
    segment(&stage, LADDER_RIGHT, true, LA_FIN | LA_ACK, 1, 1, 0, NULL);
    stage.now += 10 * LA_MILLISECOND;
    segment(&stage, LADDER_RIGHT, false, LA_FIN | LA_ACK, 1, 1, 0, NULL);
    state(&stage, LADDER_RIGHT, LA_FIN_WAIT_1, LA_CLOSING);
    segment(&stage, LADDER_RIGHT, true, LA_ACK, 2, 2, 0, "lost, by in:last-ack");
    segment(&stage, LADDER_LEFT, false, LA_FIN | LA_ACK, 1, 1, 0, NULL);
    state(&stage, LADDER_LEFT, LA_FIN_WAIT_1, LA_CLOSING);
    segment(&stage, LADDER_LEFT, true, LA_ACK, 2, 2, 0, NULL);
    stage.now += 10 * LA_MILLISECOND;
    segment(&stage, LADDER_RIGHT, false, LA_ACK, 2, 2, 0, NULL);
    state(&stage, LADDER_RIGHT, LA_CLOSING, LA_TIME_WAIT);
    detail(&stage, LADDER_RIGHT, LA_TRACE_TIME_WAIT, LA_WAIT_ENTERED, stage.now + 60 * LA_SECOND);
    stage.now += 190 * LA_MILLISECOND;
    detail(&stage, LADDER_LEFT, LA_TRACE_TIMER_FIRED, LA_TIMER_RETRANSMIT, 0);
    again(&stage, LADDER_LEFT, LA_FIN | LA_ACK, 1, 2, 0);
    stage_end(&stage,
              "        time  a 10.83.0.2:80                                                       b 10.83.0.1:40112\n"
              "    0.000 ms       SYN-SENT │──────────────── SYN seq=0 win=64240 ────────────────▶│ SYN-RECEIVED\n"
              "   10.000 ms    ESTABLISHED │◀────────── SYN,ACK seq=0 ack=1 win=64240 ────────────│\n"
              "   20.000 ms                │────────────────── ACK seq=1 ack=1 ──────────────────▶│ ESTABLISHED\n"
              "    1.030 s      FIN-WAIT-1 │──────────────── FIN,ACK seq=1 ack=1 ────────────────▶│\n"
              "                            │◀─────────────── FIN,ACK seq=1 ack=1 ─────────────────│ FIN-WAIT-1\n"
              "    1.040 s                 │                          FIN,ACK seq=1 ack=1 arrives │ CLOSING\n"
              "                            │ lost, by in:last-ack ✗─────── ACK seq=2 ack=2 ───────│\n"
              "                    CLOSING │ FIN,ACK seq=1 ack=1 arrives                          │\n"
              "                            │────────────────── ACK seq=2 ack=2 ──────────────────▶│ TIME-WAIT\n"
              "                            │                   wait entered: 60 s, until 61.050 s │\n"
              "    1.240 s                 │ retransmit timer                                     │\n"
              "                            │──────── FIN,ACK seq=1 ack=2 (retransmission) ───────▶│\n");
}

/* The kernel is asked; a segment is dropped, one is lost on the way in; the end is a reset. */
static void test_kernel_states_drops_reset(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.right = "kernel"});
    opens(&stage);
    stage.now += 300 * LA_MICROSECOND;
    ladder_peer_state(stage.ladder, stage.now, NULL, NULL, "ESTABLISHED");
    segment(&stage, LADDER_LEFT, false, LA_PSH | LA_ACK, 1, 1, 1448, "lost, by chance");
    ladder_note(stage.ladder, stage.now, LADDER_RIGHT, "the cable is pulled");
    struct la_trace old = segment_of(&stage, LADDER_LEFT, false, LA_PSH | LA_ACK, (uint32_t)-5000, 1, 100);
    ladder_record(stage.ladder, LADDER_LEFT, &old, NULL);
    old.kind = LA_TRACE_DROPPED;
    old.detail = LA_DROP_SEQUENCE;
    ladder_record(stage.ladder, LADDER_LEFT, &old, NULL);
    stage.now += LA_MILLISECOND;
    struct la_trace broken = segment_of(&stage, LADDER_LEFT, false, LA_ACK, 1, 1, 12);
    broken.kind = LA_TRACE_DROPPED;
    broken.detail = LA_DROP_TCP_CHECKSUM;
    ladder_record(stage.ladder, LADDER_LEFT, &broken, NULL);
    stage.now += LA_MILLISECOND;
    segment(&stage, LADDER_LEFT, false, LA_RST | LA_ACK, 1, 1, 0,
            "corrupted, held back 20 ms, by in:rst and much else");
    state(&stage, LADDER_LEFT, LA_ESTABLISHED, LA_CLOSED);
    detail(&stage, LADDER_LEFT, LA_TRACE_ENDED, LA_END_RESET_BY_PEER, 0);
    ladder_peer_state(stage.ladder, stage.now, &stage.left, &stage.right, "CLOSED");
    stage_end(&stage,
              "        time  lastack 10.83.0.2:80                                            kernel 10.83.0.1:40112\n"
              "                                                            (state): inferred  [state]: its kernel's\n"
              "    0.000 ms   SYN-RECEIVED │◀─────────────── SYN seq=0 win=64240 ─────────────────│ (SYN-SENT)\n"
              "                            │─────────── SYN,ACK seq=0 ack=1 win=64240 ───────────▶│ (ESTABLISHED)\n"
              "    0.095 ms    ESTABLISHED │◀───────────────── ACK seq=1 ack=1 ───────────────────│ [ESTABLISHED]\n"
              "    0.395 ms                │ lost, by chance ✗─── PSH,ACK seq=1 ack=1 len=1448 ───│\n"
              "                            │                                  the cable is pulled │\n"
              "                            │◀───────── PSH,ACK seq=-5000 ack=1 len=100 ───────────│\n"
              "                            │ dropped: sequence                                    │\n"
              "    1.395 ms                │◀────────────── ACK seq=1 ack=1 len=12 ───────────────│\n"
              "                            │ dropped: tcp-checksum                                │\n"
              "    2.395 ms         CLOSED │◀─────────────── RST,ACK seq=1 ack=1 ─────────────────│ [CLOSED]\n"
              "                            │  corrupted, held back 20 ms, by in:rst and much else │\n"
              "                            │ ended: reset-by-peer                                 │\n");
}

static void two_connections(struct stage *stage)
{
    opens(stage);
    stage->right.port = 40114;
    opens(stage);
    stage->right.port = 40112;
    segment(stage, LADDER_LEFT, true, LA_RST, 1, 0, 0, NULL);
}

static void test_two_connections_live(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.ascii = true, .width = 80});
    two_connections(&stage);
    stage_end(&stage, "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40112\n"
                      "                                        (state): inferred  [state]: its kernel's\n"
                      "    0.000 ms   SYN-RECEIVED |<----- SYN seq=0 win=64240 -------| (SYN-SENT)\n"
                      "                            |- SYN,ACK seq=0 ack=1 win=64240 ->| (ESTABLISHED)\n"
                      "    0.095 ms    ESTABLISHED |<------- ACK seq=1 ack=1 ---------|\n"
                      "\n"
                      "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40114\n"
                      "    0.095 ms   SYN-RECEIVED |<----- SYN seq=0 win=64240 -------| (SYN-SENT)\n"
                      "                            |- SYN,ACK seq=0 ack=1 win=64240 ->| (ESTABLISHED)\n"
                      "    0.190 ms    ESTABLISHED |<------- ACK seq=1 ack=1 ---------|\n"
                      "\n"
                      "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40112\n"
                      "    0.190 ms                |----------- RST seq=1 ----------->| (CLOSED)\n");
}

static void test_two_connections_separate(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.ascii = true, .width = 80, .separate = true});
    two_connections(&stage);
    stage_end(&stage, "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40112\n"
                      "                                        (state): inferred  [state]: its kernel's\n"
                      "    0.000 ms   SYN-RECEIVED |<----- SYN seq=0 win=64240 -------| (SYN-SENT)\n"
                      "                            |- SYN,ACK seq=0 ack=1 win=64240 ->| (ESTABLISHED)\n"
                      "    0.095 ms    ESTABLISHED |<------- ACK seq=1 ack=1 ---------|\n"
                      "    0.190 ms                |----------- RST seq=1 ----------->| (CLOSED)\n"
                      "\n"
                      "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40114\n"
                      "                                        (state): inferred  [state]: its kernel's\n"
                      "    0.095 ms   SYN-RECEIVED |<----- SYN seq=0 win=64240 -------| (SYN-SENT)\n"
                      "                            |- SYN,ACK seq=0 ack=1 win=64240 ->| (ESTABLISHED)\n"
                      "    0.190 ms    ESTABLISHED |<------- ACK seq=1 ack=1 ---------|\n");
}

static void test_filter(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){.ascii = true, .width = 80, .remote = {.port = 40114}});
    two_connections(&stage);
    stage_end(&stage, "        time  lastack 10.83.0.2:80                          peer 10.83.0.1:40114\n"
                      "                                        (state): inferred  [state]: its kernel's\n"
                      "    0.000 ms   SYN-RECEIVED |<----- SYN seq=0 win=64240 -------| (SYN-SENT)\n"
                      "                            |- SYN,ACK seq=0 ack=1 win=64240 ->| (ESTABLISHED)\n"
                      "    0.095 ms    ESTABLISHED |<------- ACK seq=1 ack=1 ---------|\n");
}

static void test_nothing(void **unused)
{
    (void)unused;
    struct stage stage;
    stage_begin(&stage, (struct ladder_options){0});
    ladder_note(stage.ladder, 0, LADDER_LEFT, "nobody hears this");
    ladder_peer_state(stage.ladder, 0, NULL, NULL, "CLOSED");
    ladder_flush(stage.ladder);
    stage_end(&stage, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_last_ack),
        cmocka_unit_test(test_lost_last_ack_ascii),
        cmocka_unit_test(test_two_traces_crossing_fins),
        cmocka_unit_test(test_kernel_states_drops_reset),
        cmocka_unit_test(test_two_connections_live),
        cmocka_unit_test(test_two_connections_separate),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
