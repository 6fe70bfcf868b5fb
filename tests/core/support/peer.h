#ifndef CORE_SUPPORT_PEER_H
#define CORE_SUPPORT_PEER_H

/* A host under test, and a peer that plays a script, in virtual time: a segment sent, a segment expected.

     struct test *t = begin_usual();
     user_listen(t, 4);
     inject(t, .flags = SYN, .mss = 1460);
     expect(t, .flags = SYN | ACK, .ack = 1, .mss = 1460);
     inject(t, .flags = ACK, .seq = 1, .ack = 1);
     expect_nothing(t);
     expect_state(t, LA_ESTABLISHED);
     end(t);

   Sequence numbers count from each side's ISN: the SYN is 0, the first octet of text 1. A new incarnation counts from
   its own. Text is a pattern that depends on its number alone, so that every octet that goes either way is checked
   without being written down. Whatever the host sends is pulled at once and must be expected at the very moment at which
   it left: an answer that is early, late or one too many fails the test. What must hold for every segment whatever the
   test is about stands in peer.c, `watch`. A test that fails shows what was expected, what came, and the history. */

/* cmocka.h needs the first four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lastack/lastack.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "wire/tcp.h"

enum { FIN = LA_FIN, SYN = LA_SYN, RST = LA_RST, PSH = LA_PSH, ACK = LA_ACK, URG = LA_URG, ECE = LA_ECE, CWR = LA_CWR };

/* One segment, as a test writes it. */
struct seg {
    uint8_t flags;   /* PSH is compared only where it is expected */
    uint32_t seq;    /* from the sender's ISN */
    uint32_t ack;    /* from the receiver's ISN */
    uint32_t length; /* octets of the sender's pattern, from seq on */
    uint16_t mss;    /* 0: no such option */
    uint8_t scale;   /* SCALE(n); 0: no such option */
    uint32_t tsval;  /* inject: instead of what the peer's clock says; in a SYN: offers timestamps */
    uint32_t tsecr;  /* expect: compared unless 0 */
    bool no_ts;      /* inject: without the timestamp that was negotiated */
    bool corrupt;    /* inject: one bit is wrong */
    uint16_t urgent; /* the urgent pointer */
    uint8_t tos;     /* the packet's DSCP * 4 + ECN; expect: 0 is compared too */
    bool absolute;   /* expect: seq is no distance but the number itself (RFC 9293 3.10.7.1: <SEQ=0>) */
    bool no_options; /* expect a SYN: without scale and timestamps */
};

#define SCALE(n) ((n) + 1)

/* What left the host, and when. */
struct departed {
    la_time at;
    struct segment segment;
};

#define DEPARTED_MOST 512

struct test {
    la_host *host;
    struct la_config config;
    la_time start;
    la_time now;

    struct la_endpoint local;  /* the host's */
    struct la_endpoint remote; /* the peer's */
    struct la_listener listener;
    struct la_conn conn;

    /* The incarnation that lives on this four-tuple, or the last one. */
    uint32_t iss;
    uint32_t irs;
    enum la_state state; /* as the trace tells it */
    bool host_offered_ts;
    bool peer_offered_ts;
    uint32_t written;      /* octets of the host's pattern given to la_send */
    uint32_t read;         /* octets of the peer's pattern that la_recv gave */
    uint32_t edge;         /* right edge of the window offered, from irs; 0: none yet */
    uint32_t acknowledged; /* the last acknowledgment sent, from irs */
    uint32_t out_end;      /* the end of what the host sent, from iss */
    bool is_of_the_old;    /* what comes and goes now is of the incarnation before: nothing to hold it to */

    /* How the peer is. */
    uint16_t peer_window; /* in every segment it sends: the field, unscaled */
    uint32_t peer_clock;  /* its timestamp clock at the start, in ms */
    bool closes_fully;    /* the builders close with la_close rather than la_shutdown */

    struct departed out[DEPARTED_MOST];
    size_t out_first;
    size_t out_count;
    struct segment last; /* the last that was expected, with its raw numbers */
    uint64_t dropped[LA_DROP_COUNT];
    unsigned evicted[LA_WAIT_RISK_COUNT]; /* records, whosever, by the risk that was taken */

    char *history;
    size_t history_length;
};

/* ---- beginning and end ---- */

/* The config of these tests: small, with a trace, acknowledging at once. */
struct la_config usual(void);

/* Where the numbers begin: I41 wants the same trace wherever that is. */
struct origin {
    const char *name;
    bool is_set;  /* else as the host's clock and key have it */
    uint32_t iss; /* the host's: this, or up to 249 less */
    uint32_t irs;
};

#define ORIGIN_COUNT 4
extern const struct origin origins[ORIGIN_COUNT];

struct test *begin_at(const struct la_config *config, const struct origin *origin);
struct test *begin(const struct la_config *config);
struct test *begin_usual(void);

/* Nothing that was not expected has left. */
void end(struct test *t);

/* ---- segments and time ---- */

#define inject(t, ...)         inject_segment((t), &(struct seg){__VA_ARGS__})
#define expect(t, ...)         expect_segment((t), &(struct seg){__VA_ARGS__}, __FILE__, __LINE__)
#define expect_nothing(t)      expect_no_segment((t), __FILE__, __LINE__)
#define expect_state(t, state) expect_state_at((t), (state), __FILE__, __LINE__)

void inject_segment(struct test *t, const struct seg *seg);
void expect_segment(struct test *t, const struct seg *seg, const char *file, int line);
void expect_no_segment(struct test *t, const char *file, int line);
void expect_state_at(struct test *t, enum la_state state, const char *file, int line);

/* Moves the time, running every timer when it is due. */
void advance_ms(struct test *t, uint32_t ms);
void advance_ns(struct test *t, la_time ns);

/* The same, and forgets what left; how many segments those were. */
size_t let_pass_ms(struct test *t, uint32_t ms);

/* The octet of each side's pattern that has this number. */
uint8_t host_pattern(uint32_t number);
uint8_t peer_pattern(uint32_t number);

/* What the peer's timestamp clock says. */
uint32_t peer_now(const struct test *t);

/* ---- the user's calls; t->conn ---- */

void user_listen(struct test *t, uint32_t backlog);
void user_connect(struct test *t);
void user_accept(struct test *t);
void user_send(struct test *t, uint32_t octets);
void user_read(struct test *t, uint32_t octets);
void user_shutdown(struct test *t);
void user_close(struct test *t);
void user_close_lingering(struct test *t);
void user_abort(struct test *t);
void user_release(struct test *t);

/* Pulls what a call that was made directly made the host send. */
void settle(struct test *t);

/* ---- what is to be seen ---- */

#define expect_events(t, flags)       expect_events_at((t), (flags), __FILE__, __LINE__)
#define expect_outcome(t, end, state) expect_outcome_at((t), (end), (state), __FILE__, __LINE__)
#define expect_dropped(t, why)        expect_dropped_at((t), (why), __FILE__, __LINE__)
#define check(t, condition)           check_at((t), (condition), #condition, __FILE__, __LINE__)

/* All that has become ready of t->conn since the last time is exactly this, and it stood on the list once. */
void expect_events_at(struct test *t, unsigned flags, const char *file, int line);
void expect_outcome_at(struct test *t, enum la_end end, enum la_state state, const char *file, int line);

/* Since the last time exactly one segment was dropped, for this reason; LA_DROP_NONE: none was. */
void expect_dropped_at(struct test *t, enum la_drop why, const char *file, int line);

/* An assertion that shows the history. */
void check_at(struct test *t, bool condition, const char *text, const char *file, int line);

uint64_t counted(const struct test *t, enum la_counter counter);
struct la_counters counters_of(const struct test *t);
uint32_t waits_of(const struct test *t); /* records of the family */
struct la_info info_of(const struct test *t);

/* ---- builders: lives.c ---- */

/* The peer's SYN with all options that the config knows. */
void inject_syn(struct test *t);

/* The next port of the peer's: what follows is about another four-tuple. */
void another_peer(struct test *t);

void open_passive(struct test *t);
void open_active(struct test *t);

/* Into any state, by the segments that lead there. SYN-RECEIVED and what follows: passive, accepted. */
void bring_to(struct test *t, enum la_state state);
struct test *test_in(enum la_state state);
struct test *test_with(const struct la_config *config, enum la_state state);

/* usual(), but nothing is put together, counted or scaled that is not the test's subject: no timestamps, no window scale,
   no Nagle, and room for 65,535 octets. */
struct la_config bare(void);

/* Opened by the peer and accepted, with a round trip of so many milliseconds at the handshake and the window of the peer's
   segments. */
struct test *established_after(const struct la_config *config, uint32_t rtt_ms, uint16_t peer_window);

/* Where both sides' numbers stand in a state that bring_to made: what comes next from the peer, from the host. */
uint32_t peer_next(enum la_state state);
uint32_t host_next(enum la_state state);

/* One record stands for what was, and it only remembers; after 2 MSL nothing is left. */
void expect_kept(struct test *t, enum la_wait_class kind);

/* From a synchronised state that bring_to made to a clean end, with text wherever text may still go. */
void finish_cleanly(struct test *t);

/* Lets go of t->conn; nothing of it may be left (I32). */
void release_and_end(struct test *t);

/* ---- history.c ---- */

/* What a table-driven test is at: shown when it fails. Or NULL. */
extern const char *test_case;

/* Reads the trace: the state, the ISNs, the history. */
void history_read(struct test *t);
void seg_text(const struct test *t, const struct segment *segment, bool from_host, char *text, size_t size);
_Noreturn void fail_with_history(const struct test *t, const char *file, int line);

#endif
