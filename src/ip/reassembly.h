#ifndef IP_REASSEMBLY_H
#define IP_REASSEMBLY_H

#include "base/pieces.h"
#include "ip.h"

/* Packets that come in fragments, until they are whole: RFC 791 3.2, RFC 815, RFC 8200 4.5.

   All of it lies in config.reassembly_bytes: this struct, then packets, fragments, pieces, and room to put one packet
   together. A fragment is a chain of pieces of its own, so that what it costs is what came, wherever it says it
   belongs.

   The bounds: a packet has at most FRAGMENTS_MAX fragments, and at most what there is room to put together. One source
   (of IPv6: one /64, which is what a single host may have) holds at most half of the pieces and half of the packets;
   when it asks for more its own oldest packet goes. Else, when there is no room, the oldest packet of all goes.
   Fragments that are lost in the network come back as a packet of their own, so the oldest is the least likely to
   become whole; and one who sends only beginnings pushes out no more than half (RFC 8900 3.7). */
#define FRAGMENTS_MAX          128 /* 65,535 octets at an MTU of 576 */
#define REASSEMBLY_NONE        UINT16_MAX
#define REASSEMBLY_PIECE_BYTES 256

/* A fragment has the number of its first piece. That of offset 0 is kept from its IP header on. */
struct fragment {
    struct stream octets;
    uint32_t next; /* of its packet, by offset; PIECE_NONE: it is the last */
    uint16_t offset;
    uint16_t length;
    uint16_t payload_at; /* in octets */
};

struct reassembling {
    struct la_address source;
    struct la_address destination;
    la_time deadline;
    uint32_t identification;
    uint32_t first; /* fragment; PIECE_NONE while there is none */
    uint32_t last;
    uint32_t received; /* octets, of end */
    uint32_t end;      /* of the payload that was cut up; 0: its last fragment has not come */
    uint32_t pieces;
    uint16_t fragments;
    uint16_t older; /* packets, by when they began; REASSEMBLY_NONE: there is none */
    uint16_t newer; /* of one that is free: the next one that is */
    uint8_t interface;
    uint8_t protocol; /* IPv4: tells packets of one identification apart (RFC 791 3.2) */
    bool is_ipv4;
    uint8_t ecn_seen;    /* a bit for each codepoint of its fragments (RFC 3168 5.3) */
    uint8_t refused_for; /* enum la_drop: nothing is kept, and what still comes is dropped (RFC 5722) */
};

struct reassembly {
    uint32_t counter[LA_COUNTER_COUNT - CORE_COUNTER_COUNT];
    uint32_t dropped[FRAGMENT_DROP_END - CORE_DROP_COUNT];
    struct pieces pieces;
    uint32_t whole_bytes;
    uint32_t packets;   /* offsets from the core, in CORE_UNITs */
    uint32_t fragments; /* as many as pieces */
    uint32_t whole;
    uint16_t capacity; /* packets */
    uint16_t oldest;
    uint16_t newest;
    uint16_t free;
};

/* Its room lies right before that of the replies. */
static inline uint32_t reassembly_offset(const struct ip *ip)
{
    const struct core *core = ip_core(ip);
    return core->replies.offset - core->config.reassembly_bytes / CORE_UNIT;
}

static inline struct reassembly *reassembly_of(const struct ip *ip)
{
    return core_at(ip_core(ip), reassembly_offset(ip));
}

static inline void reassembly_count(const struct ip *ip, enum la_counter counter, uint32_t n)
{
    reassembly_of(ip)->counter[counter - CORE_COUNTER_COUNT] += n;
}

static inline bool reassembly_is_refused(const struct reassembling *p)
{
    return p->refused_for != LA_DROP_NONE;
}

void reassembly_start(struct ip *ip);

/* ---- fragments.c: what fragments do to the host ---- */

/* A fragment for us, which ip_fragment describes. Kept, or dropped with a reason, and its source told if that is due.
   If it was the one that was missing: the whole packet's length, and where it lies until the next call; else 0. */
COLD size_t fragment_arrives(struct ip *ip, unsigned interface, const struct packet *packet, const uint8_t **whole);

/* Gives up the packets whose time is over, and tells the source of those whose first fragment had come. */
COLD void reassembly_advance(struct ip *ip);

/* The earlier of the next packet's deadline, of which there is one, and another. */
COLD la_time reassembly_deadline(const struct ip *ip, la_time other);

/* Puts the answer to an echo request, which is larger than the interface's MTU, into the queue of replies, in
   fragments: all or, counted as LA_DROP_REPLIES_FULL or LA_DROP_UNRESOLVED, none. */
COLD void fragments_answer_echo(struct ip *ip, unsigned interface, const struct packet *request);

/* Adds the counters of fragments. */
void reassembly_counters(const struct ip *ip, struct la_counters *counters);

/* What is not as it must be, or NULL. */
const char *reassembly_check(const struct ip *ip);

/* ---- reassembly.c: the table ---- */

struct reassembling *reassembly_packet(const struct ip *ip, uint16_t number);
struct fragment *reassembly_fragment(const struct ip *ip, uint32_t number);
struct pieces_memory reassembly_pieces(const struct ip *ip);

/* The number of the packet that the fragment belongs to; REASSEMBLY_NONE: there is none yet. */
uint16_t reassembly_find(const struct ip *ip, unsigned interface, const struct packet *packet,
                         const struct ip_fragment *fragment);

/* The number of a new packet. Packets that have to go for it are given up. */
uint16_t reassembly_begin(struct ip *ip, unsigned interface, const struct packet *packet,
                          const struct ip_fragment *fragment);

/* Keeps the fragment: LA_DROP_NONE. LA_DROP_FRAGMENT_DUPLICATE: it changes nothing. All else is the packet's end, which
   reassembly_refuse makes. */
enum la_drop reassembly_add(struct ip *ip, uint16_t number, const struct packet *packet,
                            const struct ip_fragment *fragment);

/* Puts all fragments together: the length of the packet, which lies in the room for wholes, or 0: its header and what
   it carries are too long for one. */
size_t reassembly_join(struct ip *ip, uint16_t number);

/* The first fragment, as it came, in the room for wholes. False: it has not come. */
bool reassembly_first(struct ip *ip, uint16_t number, struct packet *first);

/* Gives the fragments back. The packet stays until its time is over, so that the rest of it is refused too. */
void reassembly_refuse(struct ip *ip, uint16_t number, enum la_drop why);

/* Lets the packet go. */
void reassembly_end(struct ip *ip, uint16_t number);

/* Counts and traces a packet that is given up. */
void reassembly_drop(struct ip *ip, enum la_drop why, unsigned interface, const struct la_address *source,
                     const struct la_address *destination);

#endif
