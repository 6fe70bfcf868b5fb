#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include "base/seq.h"
#include "wire/packet.h"

#define TCP_HEADER_BYTES     20
#define TCP_HEADER_BYTES_MAX 60

/* The timestamp option with the two octets that pad it: in every segment, once both ends offered it. */
#define TCP_TIMESTAMP_BYTES 12

/* What a window scale option may say at most (RFC 7323 2.3). */
#define TCP_WINDOW_SCALE_MAX 14

/* The options that we know. A value is 0 where its has_ is false. */
struct tcp_options {
    bool has_mss;
    bool has_window_scale;
    bool has_timestamp;
    bool sack_permitted;
    uint8_t window_scale; /* 0 to 14 */
    uint16_t mss;
    uint32_t tsval;
    uint32_t tsecr;
};

/* One TCP segment; host byte order; SEG.* of RFC 9293 3.3.1. */
struct segment {
    struct la_endpoint local;  /* as its receiver sees it: destination */
    struct la_endpoint remote; /* source */
    struct seq seq;
    struct seq ack;
    uint32_t length;     /* octets of text; SYN and FIN not counted */
    const uint8_t *text; /* in the packet that was parsed */
    uint16_t window;     /* as on the wire, unscaled */
    uint16_t urgent;
    uint8_t flags; /* enum la_tcp_flag */
    uint8_t tos;   /* its packet's: DSCP * 4 + ECN */
    struct tcp_options options;
    const uint8_t *source_route; /* its packet's; NULL: none */
};

/* Verifies the checksum, then the header, then the options (RFC 9293 3.1, 3.2). Of a segment that is dropped, what
   could be parsed is filled in, the rest is zero. */
enum la_drop tcp_parse(const struct packet *packet, struct segment *segment);

/* What is sent. */
struct tcp_header {
    const struct la_endpoint *local;  /* source */
    const struct la_endpoint *remote; /* destination */
    struct seq seq;
    struct seq ack;
    uint16_t window; /* as on the wire, unscaled */
    uint16_t urgent;
    uint8_t flags; /* enum la_tcp_flag */
    struct tcp_options options;
};

/* The octets of a TCP header with these options: 20 to 60. */
unsigned tcp_header_bytes(const struct tcp_options *options);

/* Writes the IP and the TCP header of a segment whose text_length octets of text the caller has already placed behind
   them, at to + ip_header_bytes + tcp_header_bytes; text_sum is their checksum sum, begun even. The octets of both
   headers. */
unsigned tcp_emit(uint8_t *restrict to, const struct tcp_header *restrict header, uint8_t ttl, size_t text_length,
                  uint64_t text_sum);

#endif
