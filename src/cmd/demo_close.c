#include "demo_scene.h"

#include <stdio.h>
#include <string.h>

/* Parts d, e and f: the end of a connection, seen from both sides. lastack closes first; the peer then stands in
   LAST-ACK and repeats its FIN until an ACK arrives, or a RST, or it gives up. */

enum { LASTACK_PORT = 7000, PEER_PORT = 40000, LOSSES = 3, PATIENCE_MS = 12000, SHORT_MSL_MS = 1000 };

static const char *const lose_last_acks[][2] = {{"drop", "out:last-ack*3"}, {NULL, NULL}};

struct act {
    struct scene scene;
    struct peer peer;
    struct la_listener listener;
    struct la_conn conn;
    bool accepted;
    bool peer_closed; /* the peer's FIN has been read by our program */
    bool ended;
    char heard[16]; /* by the peer's program */
    bool heard_end;
    unsigned waited_for;
};

static struct act act;

static void on_event(void *context, enum scene_side side, const struct la_event *event)
{
    char text[64];
    la_time now = scene_now(&act.scene);
    (void)context;
    if (side != SCENE_LASTACK)
        return;
    if ((event->flags & LA_READY_ACCEPTABLE) && !act.accepted) {
        act.accepted = la_accept(act.scene.host, now, act.listener, &act.conn) == LA_OK;
        return;
    }
    if (!act.accepted || event->conn.slot != act.conn.slot || event->conn.generation != act.conn.generation)
        return;
    while (la_recv(act.scene.host, now, act.conn, text, sizeof text) > 0)
        ;
    act.peer_closed = act.peer_closed || (event->flags & LA_READY_PEER_CLOSED);
    act.ended = act.ended || (event->flags & LA_READY_ENDED);
}

/* ---- what is waited for ------------------------------------------------------------------------------------------ */

static bool accepted(void *context)
{
    (void)context;
    return act.accepted && peer_state(&act.peer) == LA_ESTABLISHED;
}

/* The peer's program has read all that lastack's sent, and then the end. */
static bool heard(void *context)
{
    (void)context;
    size_t used = strlen(act.heard);
    int got = peer_receive(&act.peer, act.heard + used, sizeof act.heard - 1 - used);
    if (got == 0)
        act.heard_end = true;
    return act.heard_end;
}

static bool peer_is_closed(void *context)
{
    (void)context;
    return peer_state(&act.peer) == LA_CLOSED;
}

static bool expired(void *context)
{
    (void)context;
    return journal_waits(&act.scene.journal, LA_WAIT_EXPIRED) > 0;
}

static bool entered_wait(void *context)
{
    (void)context;
    return journal_waits(&act.scene.journal, LA_WAIT_ENTERED) >= act.waited_for;
}

/* Nothing is waited for but time. */
static bool never(void *context)
{
    (void)context;
    return false;
}

/* ---- the story --------------------------------------------------------------------------------------------------- */

static bool begin(struct demo *demo, uint32_t msl_ms, const char *const (*impair)[2])
{
    struct scene_setup setup = {.msl_ms = msl_ms, .ladder = true, .port = LASTACK_PORT, .impair = impair};
    struct la_endpoint local = {scene_address(demo, SCENE_LASTACK), LASTACK_PORT};
    memset(&act, 0, sizeof act);
    if (scene_open(&act.scene, demo, &setup) < 0)
        return false;
    act.scene.on_event = on_event;
    return la_listen(act.scene.host, scene_now(&act.scene), &local, 4, &act.listener) == LA_OK;
}

static void end(void)
{
    peer_free(&act.peer);
    scene_close(&act.scene);
}

/* After a passage of the story: what the ladder holds back is written, and then the checks follow. */
static void pause_ladder(const struct demo *demo)
{
    ladder_flush(act.scene.ladder);
    demo_say(demo, " ");
}

/* The peer connects; lastack says something and closes; the peer reads it to its end. */
static bool open_and_close_first(struct demo *demo)
{
    static const char words[] = "good bye\n";
    act.accepted = act.peer_closed = act.ended = act.heard_end = false;
    memset(act.heard, 0, sizeof act.heard);
    if (peer_connect(&act.peer, &act.scene, PEER_PORT, LASTACK_PORT) < 0 ||
        !scene_until(&act.scene, accepted, PATIENCE_MS))
        return demo_check(demo, false, "%s connects", demo_peer(demo));
    la_time now = scene_now(&act.scene);
    la_send(act.scene.host, now, act.conn, words, sizeof words - 1);
    scene_note(&act.scene, SCENE_LASTACK, "shutdown()");
    la_shutdown(act.scene.host, now, act.conn);
    bool done = scene_until(&act.scene, heard, PATIENCE_MS) && strcmp(act.heard, words) == 0;
    pause_ladder(demo);
    return demo_check(demo, done, "%s read \"good bye\" and then the end", demo_peer(demo));
}

/* Lets go of lastack's handle; how the close ended. */
static enum la_end outcome(void)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    la_outcome(act.scene.host, act.conn, &outcome);
    la_release(act.scene.host, scene_now(&act.scene), act.conn);
    return outcome.end;
}

/* ---- d: the last ACK lost three times ---------------------------------------------------------------------------- */

static void check_repeated_fins(struct demo *demo)
{
    const struct journal *journal = &act.scene.journal;
    unsigned fins = journal_segments(journal, LA_TRACE_SEGMENT_IN, LA_FIN, false);
    unsigned lost = journal_segments(journal, LA_TRACE_SEGMENT_OUT, LA_ACK, true);
    unsigned answers = journal_waits(journal, LA_WAIT_ANSWERED), restarts = journal_waits(journal, LA_WAIT_RESTARTED);
    demo_check(demo, lost == LOSSES, "the network lost exactly the last ACK, %u times", lost);
    demo_check(demo, fins == LOSSES + 1, "%s, in LAST-ACK, sent its FIN %u times", demo_peer(demo), fins);
    demo_check(demo, answers == LOSSES, "lastack's TIME-WAIT record answered each repetition: %u ACKs", answers);
    demo_check(demo, restarts == LOSSES, "and restarted its wait each time: %u times", restarts);
}

static void check_expiry(struct demo *demo)
{
    demo_say(demo, " ");
    bool gone = scene_until(&act.scene, expired, PATIENCE_MS);
    const struct la_trace *restart = journal_wait(&act.scene.journal, LA_WAIT_RESTARTED);
    const struct la_trace *expiry = journal_wait(&act.scene.journal, LA_WAIT_EXPIRED);
    double waited = gone && restart && expiry ? (double)(expiry->time - restart->time) / 1e9 : 0;
    ladder_flush(act.scene.ladder);
    demo_check(demo, waited >= 2.0 * SHORT_MSL_MS / 1000,
               "the record expired %.2f s after the last restart: 2 MSL (1 s here, 30 s by default)", waited);
}

void demo_part_d(struct demo *demo)
{
    if (begin(demo, SHORT_MSL_MS, lose_last_acks) && open_and_close_first(demo)) {
        demo_say(demo, " ");
        peer_shutdown(&act.peer);
        la_time began = scene_now(&act.scene);
        bool closed = scene_until(&act.scene, peer_is_closed, PATIENCE_MS);
        double took = (double)(scene_now(&act.scene) - began) / 1e9;
        const char *error = peer_error(&act.peer);
        pause_ladder(demo);
        demo_check(demo, closed, "%s came from LAST-ACK to CLOSED, in %.2f s", demo_peer(demo), took);
        demo_check(demo, !error, "and its program saw a clean end%s%s", error ? ": " : "", error ? error : "");
        demo_check(demo, outcome() == LA_END_CLEAN, "so did lastack's");
        check_repeated_fins(demo);
        check_expiry(demo);
        demo_seen(demo, "FIN sent 4 times, answered 4 times; closed clean after %.2f s", took);
    }
    end();
}

/* ---- e: the same without the wait -------------------------------------------------------------------------------- */

void demo_part_e(struct demo *demo)
{
    if (begin(demo, 0, lose_last_acks) && open_and_close_first(demo)) {
        demo_say(demo, " ");
        peer_shutdown(&act.peer);
        bool closed = scene_until(&act.scene, peer_is_closed, PATIENCE_MS);
        const char *error = peer_error(&act.peer);
        const struct journal *journal = &act.scene.journal;
        pause_ladder(demo);
        demo_check(demo, journal_waits(journal, LA_WAIT_ENTERED) == 0, "no TIME-WAIT record was made");
        demo_check(demo, journal_segments(journal, LA_TRACE_SEGMENT_OUT, LA_ACK, true) >= 1, "the last ACK was lost");
        demo_check(demo, journal_segments(journal, LA_TRACE_SEGMENT_OUT, LA_RST, false) == 1,
                   "the repeated FIN found nobody, and was answered with a RST");
        demo_check(demo, closed && error, "%s's program, which had done everything right, was told: %s",
                   demo_peer(demo), error ? error : "nothing");
        demo_seen(demo, "a clean close turned into \"%s\"", error ? error : "?");
        outcome();
    }
    end();
}

/* ---- f: the same four-tuple again -------------------------------------------------------------------------------- */

/* Sequence number of the last segment of that kind with all of the flags. */
static uint32_t last_sequence(enum la_trace_kind kind, uint8_t flags)
{
    const struct journal *journal = &act.scene.journal;
    for (size_t i = journal->count; i-- > 0;)
        if (journal->record[i].kind == kind && (journal->record[i].flags & flags) == flags)
            return journal->record[i].sequence;
    return 0;
}

static bool whole_connection(struct demo *demo, unsigned nth)
{
    if (!open_and_close_first(demo))
        return false;
    peer_shutdown(&act.peer);
    act.waited_for = nth;
    bool waits =
        scene_until(&act.scene, entered_wait, PATIENCE_MS) && scene_until(&act.scene, peer_is_closed, PATIENCE_MS);
    peer_free(&act.peer);
    outcome();
    return waits;
}

static void check_reopened(struct demo *demo, uint32_t old_fin)
{
    const struct journal *journal = &act.scene.journal;
    struct la_counters counters;
    unsigned resets = journal_segments(journal, LA_TRACE_SEGMENT_OUT, LA_RST, false) +
                      journal_segments(journal, LA_TRACE_SEGMENT_IN, LA_RST, false);
    la_host_counters(act.scene.host, &counters);
    uint32_t ahead = last_sequence(LA_TRACE_SEGMENT_OUT, LA_SYN | LA_ACK) - old_fin;
    demo_check(demo, counters.counter[LA_COUNT_WAIT_REOPENED] == 1 && journal_waits(journal, LA_WAIT_REOPENED) == 1,
               "its SYN, with a newer timestamp, opened a new incarnation (RFC 6191)");
    demo_check(demo, ahead > 0 && ahead < UINT32_C(1) << 31,
               "lastack's new sequence numbers begin beyond all old ones: %u further", ahead);
    demo_check(demo, resets == 0, "nobody was reset");
    demo_check(demo, counters.time_wait_ipv4 + counters.time_wait_ipv6 == 1,
               "one record waits now, the new incarnation's");
}

void demo_part_f(struct demo *demo)
{
    if (begin(demo, 30000, NULL)) {
        bool first = whole_connection(demo, 1);
        pause_ladder(demo);
        demo_check(demo, first, "the first connection has ended; lastack waits, %s does not", demo_peer(demo));
        uint32_t old_fin = last_sequence(LA_TRACE_SEGMENT_OUT, LA_FIN);
        scene_until(&act.scene, never, 20); /* a timestamp clock's tick */
        demo_say(demo, "The same port again, while the wait has a minute to go:");
        demo_say(demo, " ");
        bool second = first && whole_connection(demo, 2);
        pause_ladder(demo);
        demo_check(demo, second, "the second connection with the same addresses and ports went like the first");
        check_reopened(demo, old_fin);
        demo_seen(demo, "same four-tuple after 20 ms instead of 60 s, nobody reset");
    }
    end();
}
