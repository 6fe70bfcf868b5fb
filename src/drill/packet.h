#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include <lastack/lastack.h>

#include <stdio.h>

/* A packet in a script's terms: what a line says, and what the host sent, read into the same form. Numbers are the
   script's (relative to the ISNs); packet_build and packet_read know the octets, the runner knows the mapping. */

enum packet_protocol { PACKET_TCP, PACKET_ICMP };

/* What an outbound line says about the octet that holds DSCP and ECN. */
enum tos_check { TOS_ANY, TOS_ECN, TOS_ECT_0_OR_1, TOS_WHOLE };

/* Room for more options than a header has: what does not fit is noticed when it stands there. */
enum { PACKET_OPTIONS_MAX = 40, PACKET_OPTIONS_ROOM = 80, PACKET_QUOTE_BYTES = 8 };

/* The header's twelve low bits: enum la_tcp_flag and what AccECN adds. */
enum { PACKET_AE = 0x100 };

enum icmp_quote { QUOTE_NONE, QUOTE_TCP, QUOTE_RAW };

struct packet {
    enum packet_protocol protocol;
    bool is_outbound;

    /* IP */
    enum tos_check tos_check;
    uint8_t tos;
    uint8_t ttl; /* a line: 0: the default, or not checked */
    bool has_flow_label;
    uint32_t flow_label;
    struct la_endpoint source; /* a line knows no addresses, and ports only if they are written */
    struct la_endpoint destination;

    /* TCP */
    uint16_t flags;
    bool flags_are_ace; /* the three ECN bits were written as a digit */
    uint32_t seq;
    uint32_t length; /* octets of text; of ICMP that the host sent: those after the header */
    uint32_t ack;    /* 0 without the ACK bit, unless the header says otherwise */
    bool has_window; /* false: a line that does not check it */
    uint16_t window;
    uint16_t urgent;
    bool any_options; /* <...> */
    uint8_t option_bytes;
    uint8_t options[PACKET_OPTIONS_ROOM];

    /* ICMP */
    uint8_t icmp_type;
    uint8_t icmp_code;
    bool has_mtu;
    uint32_t mtu;
    bool has_id; /* an echo's; an error has none */
    uint16_t echo_id;
    enum icmp_quote quote; /* of what the host sent: QUOTE_RAW */
    uint32_t quote_seq;
    uint32_t quote_length; /* the quoted segment's text; with QUOTE_RAW the whole message's octets */
};

/* ---- options ---- */

enum tcp_option_kind {
    OPTION_EOL = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WSCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMP = 8,
    OPTION_MD5 = 19,
    OPTION_FAST_OPEN = 34,
    OPTION_ACCECN_0 = 172,
    OPTION_ACCECN_1 = 174,
    OPTION_EXPERIMENT = 254
};

struct tcp_option {
    uint8_t kind;
    uint8_t length; /* with kind and length; EOL and NOP: 1 */
    uint8_t *data;  /* after kind and length */
};

/* The option at *at, which moves behind it. False at the end; *is_broken if what is left is none. */
bool packet_option(struct packet *packet, unsigned *at, struct tcp_option *option, bool *is_broken);

/* The timestamp option's value and echo reply, to be read and changed; NULL if there is none. */
uint8_t *packet_timestamp(struct packet *packet);

/* Adds amount to each edge of the SACK blocks. */
void packet_move_sack(struct packet *packet, uint32_t amount);

uint32_t packet_get32(const uint8_t *octets);
void packet_put32(uint8_t *octets, uint32_t value);

/* ---- ICMP's names ---- */

/* "unreachable", "type_3" -> 3. -1 if there is no such type in the family. */
int icmp_type_number(bool is_ipv4, const char *name);
/* "port_unreachable", "code_3" -> 3. -1 if the type has no such code. */
int icmp_code_number(bool is_ipv4, uint8_t type, const char *name);
/* All of a family's type names, or of a type's code names, for an error message. */
void icmp_type_names(FILE *out, bool is_ipv4);
void icmp_code_names(FILE *out, bool is_ipv4, uint8_t type);
/* Whether it is an error, which quotes the packet that it is about. */
bool icmp_is_error(bool is_ipv4, uint8_t type);

/* ---- octets ---- */

/* What stands at place (counted from the first octet after the SYN, or after an echo's header) of every stream and of
   every echo, in either direction: so that what is read and what is sent can be checked. */
uint8_t packet_pattern(uint32_t place);

enum { PACKET_BYTES_MAX = 65535 };

/* The packet as it goes to the host; all fields as on the wire, addresses and ports filled in. text_place: the place
   of its first octet of text in the stream. The length,
   or 0 if it does not fit into an IP packet. */
size_t packet_build(const struct packet *packet, uint32_t text_place, uint8_t *octets, size_t size);

/* Reads a packet of the host's. NULL, or what is wrong with it: checksums are verified. *text is where its text
   begins. */
const char *packet_read(const uint8_t *octets, size_t length, struct packet *packet, const uint8_t **text);

/* ---- people ---- */

/* "> S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 8>", in a script's own syntax. */
void packet_write(FILE *out, const struct packet *packet);

/* What differs between a line and a packet, as words ("flags, ack"); false if they match. What the line does not
   state is not compared. The timestamp's value is not either: the runner maps it. */
bool packet_differs(const struct packet *line, const struct packet *actual, char *what, size_t size);

#endif
