#ifndef CHECK_FLYING_H
#define CHECK_FLYING_H

#include <stdbool.h>
#include <stdint.h>

/* A segment under way: IPv4 without options, as these hosts send. */

#define PACKET_BYTES 68 /* the longest that such hosts send */

struct flying {
    uint32_t age_ms;
    uint8_t to;     /* host */
    uint8_t tag;    /* of the incarnation that it belongs to */
    uint8_t length; /* of its packet */
    uint8_t late;   /* taken out of its turn, or a copy: comes when it likes */
    uint8_t packet[PACKET_BYTES];
};

struct segment;

/* Its packet as a host reads it: text and options lie in the packet. False: it is broken. */
bool flying_segment(const struct flying *flying, struct segment *segment);

/* Writes the packet anew, as segment says, whose text lies in it: with its checksum. */
void flying_rewrite(struct flying *flying, const struct segment *segment);

/* Adds to the timestamps, if there are any: to the value, and to the reply, which an ACK has. */
void flying_add_stamps(struct flying *flying, uint32_t to_value, uint32_t to_reply);

/* ---- what kind of segment ---- */

#define KINDS_OF_SEGMENT 9

unsigned flying_flags(const struct flying *flying); /* enum la_tcp_flag */
bool flying_is_first_syn(const struct flying *flying);
unsigned flying_text_bytes(const struct flying *flying);
unsigned flying_kind(const struct flying *flying); /* less than KINDS_OF_SEGMENT */
const char *segment_kind_name(unsigned kind);

#endif
