#ifndef WIRE_ND_H
#define WIRE_ND_H

#include "wire/ethernet.h"
#include "wire/icmpv6.h"

/* Neighbour discovery, the messages: RFC 4861 4. icmpv6_parse has looked at the checksum, the hop limit, the code and
   that the fixed part is there. */
#define ND_HOP_LIMIT 255

/* Octets of the longest packet that nd_emit writes: a solicitation or advertisement with its option. */
#define ND_BYTES_MAX (IPV6_HEADER_BYTES + 24 + 8)

enum nd_flag { ND_ROUTER = 0x80, ND_SOLICITED = 0x40, ND_OVERRIDE = 0x20 };

/* A solicitation, or an advertisement, of a neighbour or of a router: what is not in the message is 0. */
struct nd {
    uint8_t type;  /* enum icmpv6_type */
    uint8_t flags; /* enum nd_flag: neighbour advertisement */
    bool has_mac;  /* the option: of the source (solicitations, router), or of the target (advertisement) */
    struct mac mac;
    struct la_address target; /* of neighbours' messages */
};

/* What a router advertises (RFC 4861 4.2) to a host that has its addresses from elsewhere. */
struct nd_router {
    uint16_t lifetime_s; /* as a default router; 0: it is none */
    uint32_t mtu;        /* 0: it does not say */
};

/* A prefix information option (RFC 4861 4.6.2). */
struct nd_prefix {
    struct la_address prefix;
    uint8_t bits;
    bool on_link;
    bool autonomous;
    uint32_t valid_s; /* UINT32_MAX: for ever */
    uint32_t preferred_s;
};

/* The options of a message are well-formed, and so are its addresses (RFC 4861 6.1, 7.1). packet was parsed as type. */
bool nd_parse(const struct packet *packet, uint8_t type, struct nd *nd);

/* Of a router advertisement that nd_parse found well-formed. */
struct nd_router nd_router(const struct packet *packet);

/* The prefix option of this number, counted from 0. False: there are fewer. */
bool nd_prefix(const struct packet *packet, unsigned number, struct nd_prefix *prefix);

/* Writes the whole packet: its length. Of the types only router solicitations and neighbours' are sent. */
size_t nd_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, const struct nd *nd);

/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
struct la_address nd_solicited_node(const struct la_address *address);

/* 33-33 and the last four octets: the stations that listen to a group (RFC 2464 7). */
struct mac nd_group_mac(const struct la_address *group);

extern const struct la_address nd_all_nodes;
extern const struct la_address nd_all_routers;

#endif
