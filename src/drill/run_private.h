#ifndef DRILL_RUN_PRIVATE_H
#define DRILL_RUN_PRIVATE_H

#include <lastack/lastack.h>

#include "calls.h"
#include "drill.h"
#include "expression.h"
#include "settings.h"
#include "show/pcapng.h"
#include "socket/socket.h"

/* A script being run. */

/* One timestamp of ours, as the script wrote it and as it was sent. */
struct stamp {
    uint32_t script;
    uint32_t live;
    struct stamp *next;
};

/* A four-tuple, and how the script's numbers become those on the wire. A packet with SYN counts from 0, any other from
   the ISNs, as in packetdrill (and tcpdump). */
struct flow {
    struct la_endpoint local;
    struct la_endpoint remote;
    bool is_connecting; /* the next SYN to the remote end is this flow's, whatever its port */
    bool has_local_isn;
    uint32_t local_isn;
    bool has_script_isn;
    uint32_t script_isn; /* what the script calls our SYN's number: 0, most often */
    bool has_remote_isn;
    bool is_confirmed; /* the host has acknowledged remote_isn: another SYN does not change it */
    uint32_t remote_isn;
    /* The ISNs that the text counts from: later ones, when a SYN has opened the four-tuple again. */
    uint32_t local_text;
    uint32_t remote_text;
    struct stamp *stamps;
    bool has_first_stamp;
    struct stamp first_stamp;
    uint32_t label_script; /* IPv6 flow label, 0: not yet one */
    uint32_t label_live;
    bool had_urgent;               /* the peer sent some: which octet read() leaves out is not known */
    struct descriptor *descriptor; /* NULL: not accepted yet */
    struct flow *next;
};

/* A packet that the host sent and no line has taken yet. */
struct sent {
    struct packet packet; /* in the wire's numbers */
    struct flow *flow;    /* NULL: ICMP */
    la_time time;
    uint32_t local_isn;  /* what its number counts from: the flow's, when it was sent */
    uint32_t remote_isn; /* the same for its acknowledgment */
    uint32_t local_text; /* the same for its text */
    const uint8_t *text;
    struct sent *next;
};

/* A descriptor by the number that the script gave it. */
struct descriptor {
    int script;
    int live;
    bool is_open;
    bool has_wild_text;  /* urgent octets: what stands where is not known */
    uint32_t read_place; /* of the next octet in the stream */
    uint32_t write_place;
    struct flow *flow;
    struct descriptor *next;
};

/* What happened, for the ladder: a trace record, or a note. */
struct moment {
    la_time time;
    const char *note; /* NULL: a record */
    struct la_trace record;
};

/* A call on its way. */
struct attempt {
    const struct event *event;
    const struct call *call;
    struct socket_call state;
    struct descriptor *descriptor; /* NULL: it has none */
    int fd;
    int64_t number[CALL_ARGUMENTS_MAX]; /* integer arguments */
    uint8_t *buffer;
    size_t length;
    struct iovec *parts; /* of the buffer */
    int part_count;
    struct msghdr message;
    struct sockaddr_storage address;
    socklen_t address_length;
    uint8_t value[64]; /* of an option */
    uint8_t *answer;   /* for getsockopt */
    socklen_t answer_length;
    struct pollfd *polls;
    struct epoll_event *events;
    unsigned count;
    int64_t end_ns; /* the script's time at which a call that blocks shall answer */
    int64_t begin_ns;
    bool is_pending;
};

struct run {
    const struct script *script;
    const struct settings *settings;
    const struct drill_options *options;
    struct drill_report *report;
    struct arena *arena;
    la_host *host;
    struct sockets *sockets;
    la_time start; /* the host's time at the script's time 0 */
    la_time now;
    int64_t last_event_ns; /* the script's time of the event before */
    bool is_over;          /* the report says why */
    uint64_t steps;
    uint64_t octets_taken;
    uint16_t next_port; /* of a peer that the script does not name */
    struct flow *flows; /* the newest first */
    struct flow *current;
    struct descriptor *descriptors;
    struct descriptor *current_descriptor;
    struct sent *sent; /* oldest first */
    struct sent **sent_tail;
    struct attempt pending;
    struct scope scope;
    FILE *log;
    struct pcapng *pcapng;
    struct moment *moments;
    size_t moment_count;
    size_t moment_room;
    bool first_isn_known; /* of the first SYN that the host sent: for isn=local:N */
    uint32_t first_isn;
    uint8_t octets[PACKET_BYTES_MAX + 1];
};

/* ---- run_report.c ---- */

/* The run is over; the sentence says why. They answer false. */
bool run_fail(struct run *run, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool run_error(struct run *run, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds what a line wanted and what came to a failure. */
void run_show_packets(struct run *run, const struct event *event, const struct packet *actual, la_time time);

/* Counts octets that the script has the run take: false, and the run is over, if they are too many. */
bool run_take_octets(struct run *run, struct place place, uint64_t octets);

/* "0.100000": the script's time. */
const char *run_time_text(int64_t nanoseconds, char text[32]);
/* A packet in the log of --verbose. */
void run_log_packet(struct run *run, const char *what, const struct packet *packet);

/* What is kept for the ladder. */
void run_note(struct run *run, const char *note);
void run_keep(struct run *run, const struct la_trace *record);
char *run_ladder(const struct run *run);

/* ---- run_time.c: virtual time ---- */

int64_t run_script_time(const struct run *run, la_time time);

/* Keeps the trace of a packet that went in. */
void run_trace(struct run *run, const uint8_t *octets, size_t length);

/* Takes off what the host sends, and goes on with a call that waits, until nothing changes. False if the run is over.
   */
bool run_settle(struct run *run);

/* To that time of the script, through all that is due before. False if the run is over. */
bool run_until(struct run *run, int64_t script_ns);

/* One step to what is due next, at most to limit_ns. *is_idle: there is nothing before limit_ns. */
bool run_step(struct run *run, int64_t limit_ns, bool *is_idle);

/* Whether actual lies from earliest to latest, within the tolerance. */
bool run_is_timely(const struct run *run, int64_t earliest, int64_t latest, int64_t since, int64_t actual);

/* ---- run_flow.c ---- */

struct flow *flow_new(struct run *run, const struct la_endpoint *local, const struct la_endpoint *remote);
struct flow *flow_find(const struct run *run, const struct la_endpoint *local, const struct la_endpoint *remote);

/* The flow that a line's packet is about; NULL if there is none yet. */
struct flow *flow_of_line(struct run *run, const struct packet *packet);

/* Whose packet of the host's this is; what a SYN says about numbers is learned. */
struct flow *flow_of_sent(struct run *run, const struct packet *packet);

/* A line's packet in the wire's numbers. *text_place: where its text stands in the stream. False with the reason. */
bool flow_to_live(struct run *run, struct flow *flow, const struct packet *line, struct packet *live,
                  uint32_t *text_place, const char **wrong);

/* Remembers which of the host's timestamps a line's TS val stands for. */
void flow_learn_stamp(struct run *run, const struct sent *sent, const struct packet *line);

/* A sent packet in the script's numbers; line: what is expected, or NULL. */
void flow_to_script(const struct sent *sent, const struct packet *line, struct packet *actual);

/* Where a sent packet's text stands in the stream. */
uint32_t flow_text_place(const struct sent *sent);

/* ---- run_packet.c ---- */

bool run_packet(struct run *run, const struct event *event, int64_t earliest, int64_t latest);

/* A packet that the host hands out. */
bool run_take_packet(struct run *run, const uint8_t *octets, size_t length);

/* What nobody expected, at the script's end. */
bool run_check_leftovers(struct run *run);

/* ---- run_call.c ---- */

bool run_call(struct run *run, const struct event *event, int64_t begin_ns, int64_t end_ns);

/* Goes on with a call that waits: it may answer now. */
bool run_continue_call(struct run *run);

/* ---- run_code.c ---- */

bool run_code(struct run *run, const struct event *event);
bool run_command(struct run *run, struct place place, const char *command);

#endif
