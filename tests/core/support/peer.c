#include "peer.h"

#include <stdio.h>

#include "base/checksum.h"
#include "host/host_inspect.h"
#include "wire/source_route.h"

#define MTU_MAX    1520
#define START      (UINT64_C(1000) * LA_SECOND)
#define FIRST_IRS  1000000U
#define LINE_BYTES 200

const struct origin origins[ORIGIN_COUNT] = {
    {"as it comes", false, 0, FIRST_IRS},
    {"both end at 2^32", true, 0xfffffffeU, 0xfffffff8U},
    {"both end at 2^31", true, 0x7ffffffeU, 0x7ffffff8U},
    {"one at each", true, 0xffffffffU, 0x7fffffffU},
};

/* ---- beginning and end ---- */

struct la_config usual(void)
{
    struct la_config config;
    la_config_default(&config);
    for (uint8_t i = 0; i < sizeof config.key; i++) {
        config.key[i] = (uint8_t)(0x5a + 7 * i);
    }
    config.connections = 8;
    config.listeners = 4;
    family_set_waits(&config, 8);
    config.buffer_piece_bytes = 512;
    config.buffer_pieces = 256;
    config.reply_bytes = 4096;
    config.trace_records = 512;
    config.send_buffer_bytes = 16384;
    config.receive_buffer_bytes = 8192;
    config.delayed_ack_ms = 0;
    return config;
}

static la_host *make_host(const struct la_config *config, la_time now)
{
    size_t size = la_host_size(config);
    assert_int_not_equal(size, 0);
    void *block =
        aligned_alloc(LA_HOST_ALIGNMENT, (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT);
    assert_non_null(block);
    la_host *host = la_host_init(block, size, config, now);
    assert_non_null(host);
    const struct la_address address = family_address(1);
    assert_int_equal(la_interface_add(host, now, family_mtu(1500)), 0);
    assert_int_equal(la_address_add(host, now, 0, &address, family_prefix_length()), LA_OK);
    return host;
}

/* The ISS that a connection of this four-tuple has if it begins at this time. */
static uint32_t iss_at(const struct la_config *config, const struct test *t, la_time now)
{
    struct la_config plain = *config;
    struct la_conn conn;
    struct la_trace record = {0};
    plain.quiet_time_ms = 0;
    la_host *host = make_host(&plain, now);
    assert_int_equal(la_connect(host, now, &t->local, &t->remote, &conn), LA_OK);
    while (record.kind != LA_TRACE_STATE) {
        assert_int_equal(la_host_trace(host, &record, 1), 1);
    }
    free(host);
    return record.sequence;
}

struct test *begin_at(const struct la_config *config, const struct origin *origin)
{
    struct test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->config = *config;
    t->local = (struct la_endpoint){family_address(1), 80};
    t->remote = (struct la_endpoint){family_address(2), 40000};
    t->irs = origin->irs;
    t->peer_window = 65535;
    t->peer_clock = 500000;
    t->start = START;
    if (origin->is_set) {
        /* The ISS follows the clock, a step each four microseconds (RFC 6528): whole milliseconds are 250 steps. */
        uint32_t steps = origin->iss - iss_at(config, t, START);
        t->start += steps / 250 * LA_MILLISECOND;
    }
    t->now = t->start;
    t->host = make_host(config, t->now);
    return t;
}

struct test *begin(const struct la_config *config)
{
    return begin_at(config, &origins[0]);
}

struct test *begin_usual(void)
{
    const struct la_config config = usual();
    return begin(&config);
}

void end(struct test *t)
{
    expect_nothing(t);
    check(t, counted(t, LA_COUNT_TRACE_LOST) == 0);
    free(t->history);
    free(t->host);
    free(t);
}

/* ---- what holds for every segment ---- */

static uint8_t pattern(bool from_host, uint32_t number)
{
    return (uint8_t)(number * 31 + (number >> 8) + (from_host ? 1 : 128));
}

uint8_t host_pattern(uint32_t number)
{
    return pattern(true, number);
}

uint8_t peer_pattern(uint32_t number)
{
    return pattern(false, number);
}

static void fail_because(struct test *t, const struct segment *segment, const char *why)
{
    char text[LINE_BYTES];
    seg_text(t, segment, true, text, sizeof text);
    fprintf(stderr, "%s: %s\n", text, why);
    fail_with_history(t, __FILE__, __LINE__);
}

/* I6: a number always carries the same octet. */
static void watch_text(struct test *t, const struct segment *segment)
{
    uint32_t seq = segment->seq.v - t->iss;
    for (uint32_t i = 0; i < segment->length; i++) {
        if (segment->text[i] != pattern(true, seq + i)) {
            fail_because(t, segment, "its text is not what was written");
        }
    }
    if (segment->length > 0 && (seq == 0 || seq + segment->length > t->written + 1)) {
        fail_because(t, segment, "it carries more than was written");
    }
}

/* RCV.NXT and the right edge of the window never move left: I5, I8; RFC 9293 SHLD-14. */
static void watch_window(struct test *t, const struct segment *segment)
{
    uint32_t ack = segment->ack.v - t->irs;
    unsigned scale = (segment->flags & SYN) != 0 || t->state == LA_CLOSED ? 0 : info_of(t).rcv_wscale;
    uint32_t edge = ack + ((uint32_t)segment->window << scale);
    if ((int32_t)(ack - t->acknowledged) < 0) {
        fail_because(t, segment, "it takes an acknowledgment back");
    }
    if ((int32_t)(edge - t->edge) < 0) {
        fail_because(t, segment, "it takes an offered window back");
    }
    t->acknowledged = ack;
    t->edge = edge;
}

/* RFC 7323 3.2: once negotiated, every segment but an RST has one; otherwise none has, but a first SYN. */
static void watch_timestamp(struct test *t, const struct segment *segment)
{
    bool negotiated = t->host_offered_ts && t->peer_offered_ts;
    bool has = segment->options.has_timestamp;
    if ((segment->flags & SYN) != 0) {
        t->host_offered_ts = has;
    } else if ((segment->flags & RST) == 0 && has != negotiated) {
        fail_because(t, segment, negotiated ? "it lacks a timestamp" : "it has a timestamp that nobody agreed on");
    }
}

/* MUST-14, SHLD-5, MAY-3: the MSS is said in every SYN; MUST-65: and nowhere else. */
static void watch_mss(struct test *t, const struct segment *segment)
{
    if (segment->options.has_mss != ((segment->flags & SYN) != 0)) {
        fail_because(t, segment, "it has an MSS and is no SYN, or the other way round");
    }
}

/* MUST-61: the segment that empties the send buffer has PSH, as far as its end shows. */
static void watch_push(struct test *t, const struct segment *segment)
{
    bool is_last = segment->length > 0 && segment->seq.v + segment->length - t->iss == t->written + 1;
    if (is_last != ((segment->flags & PSH) != 0) && info_of(t).probes == 0 && t->written > 0) {
        fail_because(t, segment, "it has PSH and is not the last, or the other way round");
    }
}

static void watch(struct test *t, const struct segment *segment)
{
    if (t->is_of_the_old) {
        return;
    }
    watch_text(t, segment);
    watch_timestamp(t, segment);
    watch_mss(t, segment);
    watch_push(t, segment);
    if ((segment->flags & RST) == 0) {
        uint32_t octets = segment->length + ((segment->flags & FIN) != 0) + ((segment->flags & SYN) != 0);
        uint32_t after = segment->seq.v - t->iss + octets;
        t->out_end = (int32_t)(after - t->out_end) > 0 ? after : t->out_end;
        if ((segment->flags & ACK) != 0 && t->state != LA_TIME_WAIT) {
            watch_window(t, segment);
        }
    }
}

/* ---- segments ---- */

static bool is_of_this_connection(const struct test *t, const struct segment *segment)
{
    return segment->local.port == t->remote.port && segment->remote.port == t->local.port;
}

void settle(struct test *t)
{
    uint8_t buffer[MTU_MAX];
    size_t length = 0;
    history_read(t);
    while ((length = la_host_output(t->host, t->now, 0, buffer, sizeof buffer)) > 0) {
        struct packet packet;
        struct departed departed = {.at = t->now};
        history_read(t);
        assert_int_equal(ip_parse(buffer, length, &packet), LA_DROP_NONE);
        assert_int_equal(tcp_parse(&packet, &departed.segment), LA_DROP_NONE);
        if (is_of_this_connection(t, &departed.segment)) {
            watch(t, &departed.segment);
        }
        departed.segment.text = NULL;
        assert_true(t->out_count < DEPARTED_MOST);
        t->out[(t->out_first + t->out_count++) % DEPARTED_MOST] = departed;
    }
    const char *wrong = host_check(t->host);
    if (wrong != NULL) {
        fprintf(stderr, "host_check: %s\n", wrong);
        fail_with_history(t, __FILE__, __LINE__);
    }
}

uint32_t peer_now(const struct test *t)
{
    return t->peer_clock + (uint32_t)((t->now - t->start) / LA_MILLISECOND);
}

static struct tcp_options options_of(struct test *t, const struct seg *seg)
{
    bool negotiated = t->host_offered_ts && t->peer_offered_ts && (seg->flags & (RST | SYN)) == 0;
    struct tcp_options options = {0};
    options.has_mss = seg->mss != 0;
    options.mss = seg->mss;
    options.has_window_scale = seg->scale != 0;
    options.window_scale = seg->scale != 0 ? (uint8_t)(seg->scale - 1) : 0;
    options.has_timestamp = seg->tsval != 0 || (negotiated && !seg->no_ts);
    options.tsval = seg->tsval != 0 ? seg->tsval : peer_now(t);
    options.tsecr = (seg->flags & ACK) != 0 && t->last.options.has_timestamp ? t->last.options.tsval : 0;
    if ((seg->flags & SYN) != 0 && options.has_timestamp) {
        t->peer_offered_ts = true;
    }
    return options;
}

void inject_segment(struct test *t, const struct seg *seg)
{
    uint8_t packet[MTU_MAX + 100];
    assert_true(seg->length <= MTU_MAX);
    struct tcp_header header = {.local = &t->remote, .remote = &t->local, .flags = seg->flags};
    header.seq = seq_of(t->irs + seg->seq);
    header.ack = seq_of((seg->flags & ACK) != 0 ? t->iss + seg->ack : 0);
    header.window = t->peer_window;
    header.urgent = seg->urgent;
    header.options = options_of(t, seg);
    uint8_t text[MTU_MAX];
    for (uint32_t i = 0; i < seg->length; i++) {
        text[i] = pattern(false, seg->seq + i + ((seg->flags & SYN) != 0 ? 1 : 0));
    }
    size_t before = ip_header_bytes(&t->local.address) + tcp_header_bytes(&header.options);
    uint64_t sum = checksum_copy(0, false, packet + before, text, seg->length);
    size_t length = tcp_emit(packet, &header, 64, seg->length, sum) + seg->length;
    ip_set_tos(packet, seg->tos);
    packet[length - 1] ^= seg->corrupt ? 0x10 : 0;
    la_host_input(t->host, t->now, 0, packet, length);
    settle(t);
}

static bool options_match(const struct seg *seg, const struct segment *segment)
{
    const struct tcp_options *options = &segment->options;
    if (seg->mss != 0 && (!options->has_mss || options->mss != seg->mss)) {
        return false;
    }
    if (seg->scale != 0 && (!options->has_window_scale || SCALE(options->window_scale) != seg->scale)) {
        return false;
    }
    if (seg->no_options && (options->has_window_scale || options->has_timestamp)) {
        return false;
    }
    return seg->tsecr == 0 || (options->has_timestamp && options->tsecr == seg->tsecr);
}

static bool matches(const struct test *t, const struct seg *seg, const struct segment *segment)
{
    uint8_t flags = (uint8_t)(segment->flags & ~((seg->flags & PSH) == 0 ? PSH : 0));
    uint32_t seq = seg->absolute ? seg->seq : t->iss + seg->seq;
    uint32_t ack = (seg->flags & ACK) != 0 ? t->irs + seg->ack : 0;
    return flags == seg->flags && segment->seq.v == seq && segment->ack.v == ack && segment->length == seg->length &&
           segment->urgent == seg->urgent && segment->tos == seg->tos && options_match(seg, segment);
}

static void print_expected(const struct test *t, const struct seg *seg)
{
    struct segment segment = {.flags = seg->flags, .length = seg->length};
    char text[LINE_BYTES];
    segment.seq = seq_of(seg->absolute ? seg->seq : t->iss + seg->seq);
    segment.ack = seq_of(t->irs + seg->ack);
    segment.options.has_mss = seg->mss != 0;
    segment.options.mss = seg->mss;
    segment.options.has_window_scale = seg->scale != 0;
    segment.options.window_scale = (uint8_t)(seg->scale - 1);
    seg_text(t, &segment, true, text, sizeof text);
    fprintf(stderr, "expected  %s\n", text);
}

static void print_came(const struct test *t, const struct departed *came)
{
    char text[LINE_BYTES];
    seg_text(t, &came->segment, true, text, sizeof text);
    fprintf(stderr, "came      %s\n", text);
    if (came->at != t->now) {
        fprintf(stderr, "          at %.3f ms, and it is %.3f ms now\n", (double)(came->at - t->start) / 1e6,
                (double)(t->now - t->start) / 1e6);
    }
}

void expect_segment(struct test *t, const struct seg *seg, const char *file, int line)
{
    if (t->out_count == 0) {
        print_expected(t, seg);
        fprintf(stderr, "nothing came\n");
        fail_with_history(t, file, line);
    }
    const struct departed *came = &t->out[t->out_first];
    if (!matches(t, seg, &came->segment) || came->at != t->now) {
        print_expected(t, seg);
        print_came(t, came);
        fail_with_history(t, file, line);
    }
    t->last = came->segment;
    t->out_first = (t->out_first + 1) % DEPARTED_MOST;
    t->out_count--;
}

void expect_no_segment(struct test *t, const char *file, int line)
{
    if (t->out_count > 0) {
        fprintf(stderr, "expected  nothing\n");
        print_came(t, &t->out[t->out_first]);
        fail_with_history(t, file, line);
    }
}

void expect_state_at(struct test *t, enum la_state state, const char *file, int line)
{
    struct la_info info;
    bool known = la_info(t->host, t->conn, &info) == LA_OK;
    if (t->state != state || (known && info.state != state)) {
        fprintf(stderr, "expected  %s\nit is in  %s, la_info says %s\n", la_state_name(state), la_state_name(t->state),
                known ? la_state_name(info.state) : "nothing");
        fail_with_history(t, file, line);
    }
}

/* ---- time ---- */

/* Runs what is due now: a bounded number of times, or its deadline lies. */
static void run_due(struct test *t)
{
    for (unsigned n = 0; la_host_deadline(t->host) <= t->now; n++) {
        check(t, n < 100000 && "a deadline that has passed goes away");
        la_host_advance(t->host, t->now);
        settle(t);
    }
}

void advance_ns(struct test *t, la_time ns)
{
    la_time target = t->now + ns;
    run_due(t);
    for (la_time due = 0; (due = la_host_deadline(t->host)) <= target;) {
        t->now = due > t->now ? due : t->now;
        run_due(t);
    }
    t->now = target;
    size_t before = t->out_count;
    la_host_advance(t->host, t->now);
    settle(t);
    check(t, t->out_count == before && "a deadline may be early, never late");
}

void advance_ms(struct test *t, uint32_t ms)
{
    advance_ns(t, ms * LA_MILLISECOND);
}

size_t let_pass_ms(struct test *t, uint32_t ms)
{
    size_t departed = t->out_count;
    t->out_count = 0;
    for (uint32_t done = 0; done < ms;) {
        uint32_t step = ms - done < 1000 ? ms - done : 1000;
        advance_ms(t, step);
        done += step;
        departed += t->out_count;
        t->out_count = 0;
    }
    return departed;
}

/* ---- the user's calls ---- */

void user_listen(struct test *t, uint32_t backlog)
{
    assert_int_equal(la_listen(t->host, t->now, &t->local, backlog, &t->listener), LA_OK);
    settle(t);
}

void user_connect(struct test *t)
{
    assert_int_equal(la_connect(t->host, t->now, &t->local, &t->remote, &t->conn), LA_OK);
    settle(t);
}

void user_accept(struct test *t)
{
    check(t, la_accept(t->host, t->now, t->listener, &t->conn) == LA_OK);
    settle(t);
}

void user_send(struct test *t, uint32_t octets)
{
    uint8_t text[65536];
    assert_true(octets <= sizeof text);
    for (uint32_t i = 0; i < octets; i++) {
        text[i] = pattern(true, t->written + 1 + i);
    }
    int taken = la_send(t->host, t->now, t->conn, text, octets);
    check(t, taken == (int)octets);
    t->written += octets;
    settle(t);
}

/* I1: exactly this many octets wait to be read, and they are what the peer sent. */
void user_read(struct test *t, uint32_t octets)
{
    uint8_t text[65536];
    assert_true(octets < sizeof text);
    int n = la_recv(t->host, t->now, t->conn, text, sizeof text);
    if (octets == 0) {
        check(t, n == 0 && "the end of data");
    } else {
        check(t, n == (int)octets);
    }
    for (uint32_t i = 0; i < octets; i++) {
        check(t, text[i] == pattern(false, t->read + 1 + i));
    }
    t->read += octets;
    settle(t);
}

void user_shutdown(struct test *t)
{
    check(t, la_shutdown(t->host, t->now, t->conn) == LA_OK);
    settle(t);
}

void user_close(struct test *t)
{
    check(t, la_close(t->host, t->now, t->conn) == LA_OK);
    settle(t);
}

void user_close_lingering(struct test *t)
{
    check(t, la_close_lingering(t->host, t->now, t->conn) == LA_OK);
    settle(t);
}

void user_abort(struct test *t)
{
    check(t, la_abort(t->host, t->now, t->conn) == LA_OK);
    settle(t);
}

void user_release(struct test *t)
{
    struct la_info info;
    check(t, la_release(t->host, t->now, t->conn) == LA_OK);
    check(t, la_info(t->host, t->conn, &info) == LA_ERROR_STALE);
    check(t, la_release(t->host, t->now, t->conn) == LA_ERROR_STALE);
    settle(t);
}

/* ---- what is to be seen ---- */

void check_at(struct test *t, bool condition, const char *text, const char *file, int line)
{
    if (!condition) {
        fprintf(stderr, "not so: %s\n", text);
        fail_with_history(t, file, line);
    }
}

void expect_events_at(struct test *t, unsigned flags, const char *file, int line)
{
    struct la_event event;
    unsigned came = 0;
    unsigned times = 0;
    while (la_host_event(t->host, &event)) {
        if (event.conn.slot == t->conn.slot && event.conn.generation == t->conn.generation) {
            came |= event.flags;
            times++;
        }
    }
    if (came != flags || times > 1) {
        fprintf(stderr, "expected events %#x, came %#x in %u\n", flags, came, times);
        fail_with_history(t, file, line);
    }
}

void expect_outcome_at(struct test *t, enum la_end end, enum la_state state, const char *file, int line)
{
    struct la_outcome outcome = {0};
    bool known = la_outcome(t->host, t->conn, &outcome) == LA_OK;
    if (!known || outcome.end != end || (end != LA_END_NONE && outcome.state != state)) {
        fprintf(stderr, "expected outcome  %s in %s\nit is              %s in %s\n", la_end_name(end),
                la_state_name(state), known ? la_end_name(outcome.end) : "stale", la_state_name(outcome.state));
        fail_with_history(t, file, line);
    }
}

struct la_counters counters_of(const struct test *t)
{
    struct la_counters counters;
    la_host_counters(t->host, &counters);
    return counters;
}

uint32_t waits_of(const struct test *t)
{
    const struct la_counters counters = counters_of(t);
    return family_waits(&counters);
}

uint64_t counted(const struct test *t, enum la_counter counter)
{
    return counters_of(t).counter[counter];
}

struct la_info info_of(const struct test *t)
{
    struct la_info info = {0};
    (void)la_info(t->host, t->conn, &info);
    return info;
}

void expect_dropped_at(struct test *t, enum la_drop why, const char *file, int line)
{
    const struct la_counters counters = counters_of(t);
    bool as_expected = true;
    for (unsigned i = 0; i < LA_DROP_COUNT; i++) {
        uint64_t more = counters.dropped[i] - t->dropped[i];
        uint64_t wanted = i == (unsigned)why && why != LA_DROP_NONE ? 1 : 0;
        if (more != wanted) {
            fprintf(stderr, "dropped for \"%s\": %u, expected %u\n", la_drop_name((enum la_drop)i), (unsigned)more,
                    (unsigned)wanted);
            as_expected = false;
        }
    }
    memcpy(t->dropped, counters.dropped, sizeof t->dropped);
    if (!as_expected) {
        fail_with_history(t, file, line);
    }
}
