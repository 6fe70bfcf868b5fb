#include "trail.h"

#include <string.h>

#include "base/seq.h"
#include "wire/tcp.h"

/* A trail as a script in packetdrill's language: the life of one of the two hosts. */

struct drill {
    FILE *file;
    unsigned host;
    bool is_opener;
    bool is_open;
    bool is_first; /* ... time that it is played: to learn the initial sequence numbers */
    bool isn_is_known[2];
    struct seq isn[2]; /* of this host, of its peer */
    const char *wrong;
};

static void write_time(const struct drill *drill, la_time now)
{
    fprintf(drill->file, "%llu.%06llu ", (unsigned long long)(now / LA_SECOND),
            (unsigned long long)(now % LA_SECOND / LA_MICROSECOND));
}

static void write_flags(const struct drill *drill, unsigned flags)
{
    static const struct {
        uint8_t flag;
        char letter;
    } letters[] = {{LA_FIN, 'F'}, {LA_SYN, 'S'}, {LA_RST, 'R'}, {LA_PSH, 'P'}, {LA_URG, 'U'}, {LA_ACK, '.'}};
    for (unsigned i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if ((flags & letters[i].flag) != 0) {
            fputc(letters[i].letter, drill->file);
        }
    }
}

/* As tcp_emit lays them out. */
static void write_options(const struct drill *drill, const struct tcp_options *options)
{
    if (!options->has_mss && !options->has_timestamp) {
        return;
    }
    fputs(" <", drill->file);
    if (options->has_mss) {
        fprintf(drill->file, "mss %u%s", options->mss, options->has_timestamp ? "," : "");
    }
    if (options->has_timestamp) {
        fprintf(drill->file, "nop,nop,TS val %u ecr %u", options->tsval, options->tsecr);
    }
    fputc('>', drill->file);
}

static void write_segment(const struct drill *drill, la_time now, bool leaves, const struct segment *segment)
{
    unsigned from = leaves ? 0 : 1;
    uint32_t seq = seq_distance(drill->isn[from], segment->seq);
    write_time(drill, now);
    fputs(leaves ? "> " : "< ", drill->file);
    write_flags(drill, segment->flags);
    fprintf(drill->file, " %u:%u(%u)", seq, seq + segment->length, segment->length);
    if ((segment->flags & LA_ACK) != 0) {
        fprintf(drill->file, " ack %u", seq_distance(drill->isn[1 - from], segment->ack));
    }
    if (!leaves || (segment->flags & LA_RST) == 0) {
        fprintf(drill->file, " win %u", segment->window);
    }
    write_options(drill, &segment->options);
    fputc('\n', drill->file);
}

static void packet(void *context, la_time now, unsigned host, bool leaves, const struct flying *flying,
                   const char *fate)
{
    struct drill *drill = context;
    struct segment segment;
    if (host != drill->host || (leaves && fate != NULL) || !flying_segment(flying, &segment)) {
        return;
    }
    unsigned from = leaves ? 0 : 1;
    drill->is_open |= !leaves && (segment.flags & (LA_SYN | LA_ACK)) == (LA_SYN | LA_ACK);
    if (drill->is_first) {
        if ((segment.flags & LA_SYN) != 0 && !drill->isn_is_known[from]) {
            drill->isn_is_known[from] = true;
            drill->isn[from] = segment.seq;
        }
        return;
    }
    write_segment(drill, now, leaves, &segment);
}

static void write_result(const struct drill *drill, int octets)
{
    fprintf(drill->file, "write(4, ..., %d) = ", APP_SEND_BYTES);
    if (octets == LA_ERROR_WOULD_BLOCK) {
        fputs("-1 EAGAIN (Resource temporarily unavailable)\n", drill->file);
    } else {
        fprintf(drill->file, "%d\n", octets);
    }
}

static void call(void *context, la_time now, unsigned host, const char *text, int octets)
{
    struct drill *drill = context;
    bool accepts = strcmp(text, "accept()") == 0;
    if (host != drill->host) {
        return;
    }
    if (strcmp(text, step_name(STEP_ABORT)) == 0 || strcmp(text, step_name(STEP_LINGER)) == 0) {
        drill->wrong = "an abort and a lingering close are not in the language";
    }
    if (drill->is_opener && !drill->is_open && strcmp(text, "connect()") != 0) {
        drill->wrong = "a socket takes nothing before it is established: begin the client's script with \"open\"";
    }
    if (drill->is_first) {
        return;
    }
    write_time(drill, now);
    if (accepts) {
        fputs("accept(3, ..., ...) = 4\n", drill->file);
    } else if (strcmp(text, "connect()") == 0) {
        fputs("connect(4, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n", drill->file);
    } else if (strcmp(text, "read()") == 0) {
        fprintf(drill->file, "read(4, ..., 16) = %d\n", octets);
    } else if (strcmp(text, step_name(STEP_SEND)) == 0) {
        write_result(drill, octets);
    } else if (strcmp(text, step_name(STEP_SHUTDOWN)) == 0) {
        fputs("shutdown(4, SHUT_WR) = 0\n", drill->file);
    } else {
        fputs("close(4) = 0\n", drill->file);
    }
}

static void traced(void *context, unsigned host, const struct la_trace *record)
{
    (void)context;
    (void)host;
    (void)record;
}

static void write_head(const struct drill *drill, const struct check_scenario *scenario, const struct outcome *outcome)
{
    struct la_config config;
    world_config(scenario, drill->host, false, &config);
    fprintf(drill->file,
            "// Host %u of what lastack check found: %s\n"
            "// lastack: --msl_ms=%u --time_wait_rtos=%u --time_wait_restarts=%u --rfc1337=%d --reset_unknown=%d\n"
            "// lastack: --delayed_ack_ms=%u --nagle=0 --timestamps=%d --window_scaling=0 --ecn=0\n"
            "// lastack: --send_buffer_bytes=%u --receive_buffer_bytes=%u --mtu=576\n",
            drill->host, property_text(outcome->wrong), config.msl_ms, config.time_wait_rtos, config.time_wait_restarts,
            config.rfc1337, config.reset_unknown, config.delayed_ack_ms, config.timestamps, config.send_buffer_bytes,
            config.receive_buffer_bytes);
    if (scenario->opens[drill->host] > 0) {
        fputs("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n"
              "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n",
              drill->file);
    } else {
        fputs("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
              "+0 bind(3, ..., ...) = 0\n"
              "+0 listen(3, 1) = 0\n",
              drill->file);
    }
}

const char *trail_drill(const struct check_scenario *scenario, const struct trail *trail, FILE *file)
{
    struct drill drill = {.file = file, .is_first = true};
    const struct watcher watcher = {.context = &drill, .packet = packet, .call = call, .traced = traced};
    struct outcome outcome;
    unsigned opened = 0;
    for (uint32_t i = 0; i < trail->count; i++) {
        opened += trail->event[i].kind == EVENT_OPEN;
    }
    if (opened != 1) {
        return "a script knows one incarnation, and here there are more";
    }
    trail_play(scenario, trail, NULL, &outcome);
    /* What arrived last was sent by the one who decided it. */
    bool was_told = trail->event[trail->count - 1].kind <= EVENT_DELIVER_DRY;
    drill.host = was_told ? 1 - outcome.host : outcome.host;
    drill.is_opener = scenario->opens[drill.host] > 0;
    trail_play(scenario, trail, &watcher, &outcome);
    if (drill.wrong != NULL) {
        return drill.wrong;
    }
    write_head(&drill, scenario, &outcome);
    drill.is_first = false;
    drill.is_open = false;
    trail_play(scenario, trail, &watcher, &outcome);
    return NULL;
}
