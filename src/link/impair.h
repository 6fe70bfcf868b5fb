#ifndef LINK_IMPAIR_H
#define LINK_IMPAIR_H

#include <lastack/types.h>

#include "error.h"

/* As seen from the host: in is towards it. */
enum link_direction { LINK_IN, LINK_OUT };

/* What the network did to a packet. All zero: it was passed on at once, once, and whole. */
struct fate {
    bool lost;
    bool corrupted;   /* one bit was turned over */
    bool reordered;   /* held back so that later ones overtake it */
    bool copy;        /* this is the second copy of a packet that was duplicated */
    bool duplicated;  /* a second copy follows */
    la_time delay_ns; /* how long it is, or was, under way */
    la_time copy_ns;  /* the second copy comes so much later */
    char rule[32];    /* what decided: the pattern ("out:last-ack"), "chance", "queue full"; empty if nothing did */
};

/* What the network does to packets: by chance, from a seed, and by exact choice.

   A pattern chooses packets: [in:|out:]KIND[#N|#N-M|*N|*]
     KIND  packet    any packet, not only TCP
           syn       SYN without ACK
           syn-ack   SYN and ACK
           ack       ACK and nothing else: no text, no SYN, FIN or RST
           data      has text (and no SYN)
           fin       has FIN, with or without text
           rst       has RST
           last-ack  an ACK and nothing else that acknowledges the other side's FIN, where our side's FIN had been
                     sent before the other's was first acknowledged: the ACK with which an end enters TIME-WAIT, and
                     its repetitions. When FINs cross, both ends have one
     #N    the Nth of its kind (from 1); #N-M the Nth to the Mth; *N the first N; * all of them; nothing: the first
   Counted for each connection and each direction by itself, as packets are submitted, whatever then happens to them.
   A SYN with a new sequence number begins a new connection on its addresses and ports. "packet" counts all packets of
   a direction together. */

enum packet_kind {
    PACKET_ANY,
    PACKET_SYN,
    PACKET_SYN_ACK,
    PACKET_ACK,
    PACKET_DATA,
    PACKET_FIN,
    PACKET_RST,
    PACKET_LAST_ACK
};

#define PACKET_KIND_COUNT 8

enum impair_action {
    IMPAIR_DROP,
    IMPAIR_DUPLICATE,
    IMPAIR_CORRUPT,
    IMPAIR_HOLD, /* held back for hold_ns, so that later ones overtake it */
};

struct impair_pattern {
    enum impair_action action;
    enum packet_kind kind;
    bool in;
    bool out;
    uint32_t first; /* from 1 */
    uint32_t last;  /* UINT32_MAX: all from first on */
    uint32_t times; /* it acts at most so often, whatever the connection; 0: no bound */
    la_time by_ns;  /* IMPAIR_HOLD: instead of hold_ns; IMPAIR_DUPLICATE: the second copy so much later. 0: neither */
    char text[32];  /* as it was written */
};

#define IMPAIR_PATTERNS 16

/* Chances are parts of a million, each for one packet by itself. */
struct impair_chances {
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm; /* held back for hold_ns */
    uint32_t corrupt_ppm; /* one random bit behind the IP header is turned over */
    la_time delay_ns;     /* of every packet */
    la_time jitter_ns;    /* added: uniform from 0 to this; packets do not overtake each other by it */
    la_time hold_ns;      /* 0: 20 ms more than the delay's jitter */
};

struct impair_config {
    uint64_t seed;                    /* the same seed and the same packets: the same decisions */
    struct impair_chances chances[2]; /* by enum link_direction */
    struct impair_pattern patterns[IMPAIR_PATTERNS];
    uint32_t pattern_count;
    uint32_t header_bytes;  /* of each packet, before IP: LA_ETHERNET_HEADER_BYTES where frames are carried */
    uint32_t queue_packets; /* on their way at once, both directions together; 0: 1024. Beyond it: lost */
    uint32_t connections;   /* remembered for counting; 0: 1024. Beyond it the longest unseen is forgotten */
};

/* True if the config does nothing at all to packets. */
bool impair_config_idle(const struct impair_config *config);

/* Reads "out:last-ack*3". 0, or -1 with what is wrong with the text and what could stand there. action is set too. */
int impair_parse(const char *text, enum impair_action action, struct impair_pattern *pattern, struct link_error *error);

/* One option of a program, so that every program has the same ones. 0, or -1 with what is wrong:
     drop, duplicate, corrupt, hold     a pattern
     loss, dup, reorder, damage         [in:|out:]chance: "1%", "0.5%", "0.01"
     delay, jitter, hold-time           [in:|out:]time: "30ms", "1.5s", "200us", "20" (ms)
     seed                               a number, decimal or 0x...
   Without in: or out: both directions. impair_option_known tells whether the name is one of these. */
int impair_option(struct impair_config *config, const char *name, const char *value, struct link_error *error);
bool impair_option_known(const char *name);

struct impair;

/* NULL, with the reason, only if memory is short. */
struct impair *impair_new(const struct impair_config *config, struct link_error *error);
void impair_free(struct impair *impair);

/* Decides about a packet and, unless it is lost, queues it for delivery at its time (now, if there is no delay). tag is
   the caller's: impair_take gives it back. A duplicated packet is queued twice. */
struct fate impair_submit(struct impair *impair, la_time now, enum link_direction direction, const void *packet,
                          size_t length, uint32_t tag);

/* A packet whose time has come. bytes live until the next call on the impairment. */
struct impair_delivery {
    const uint8_t *bytes;
    size_t length;
    uint32_t tag;
    struct fate fate; /* delay_ns: how long it was under way */
};

/* The next packet of the direction that is due, earliest first; false if none is due. */
bool impair_take(struct impair *impair, la_time now, enum link_direction direction, struct impair_delivery *delivery);

/* When impair_take will next have something: LA_TIME_NEVER if nothing is under way. */
la_time impair_deadline(const struct impair *impair, enum link_direction direction);

#define FATE_TEXT_BYTES 128

/* "lost, by out:last-ack", "duplicated, by chance", "delayed 30 ms": what a person should know of a fate. The text, or
   NULL if there is nothing to say. Only of a lost packet it begins with "lost". */
const char *fate_text(const struct fate *fate, char text[FATE_TEXT_BYTES]);

#endif
