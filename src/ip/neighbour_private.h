#ifndef IP_NEIGHBOUR_PRIVATE_H
#define IP_NEIGHBOUR_PRIVATE_H

#include "neighbour.h"
#include "tables.h"
#include "wire/arp.h"
#include "wire/nd.h"

/* What the files neighbour*.c share. */

struct neighbour {
    struct la_address address;
    la_time due;   /* of what its state waits for; LA_TIME_NEVER: nothing */
    la_time used;  /* when a packet last went there */
    uint32_t held; /* INCOMPLETE: where the packet that waits lies (neighbour_held.c); HELD_NONE: there is none */
    struct mac mac;
    uint8_t state; /* enum la_neighbour_state; GONE: free */
    uint8_t tries; /* solicitations sent */
    uint8_t interface;
};

/* What was heard of a neighbour. */
struct neighbour_news {
    struct mac mac;
    bool has_mac;
    bool is_solicited; /* it answers what we asked it: the way there works as well as the way back */
    bool is_override;  /* what was known before is over (RFC 4861 4.4); ARP's always is */
};

/* An address of an Ethernet interface, on its way to be ours, or there. */
enum claim_state { CLAIM_NONE, CLAIM_PROBING, CLAIM_ANNOUNCING, CLAIM_HELD, CLAIM_REFUSED };

struct claim {
    struct ip_prefix prefix; /* as it goes into the table of addresses */
    la_time due;             /* LA_TIME_NEVER: nothing */
    la_time defended;        /* when we last said that it is ours because another said so; 0: never */
    uint8_t state;           /* enum claim_state */
    uint8_t sent;            /* probes, or announcements */
};

/* Of an interface: where it stands on its link, and what it learns of routers. */
struct discovery {
    struct mac mac;
    uint16_t mtu; /* that it was given */
    uint8_t sent; /* solicitations */
    bool follows;
    bool is_answered; /* a default router has spoken */
    la_time due;      /* LA_TIME_NEVER: nothing */
};

/* What a route is beside its prefix. */
struct way {
    struct la_address gateway; /* any: the prefix is on the link */
    la_time until;             /* LA_TIME_NEVER: for ever */
    bool is_learned;           /* from a router */
};

#define HELD_NONE UINT32_MAX

/* The head of the table; behind it the ways of the routes, the interfaces' discoveries, the claims, the entries, and
   the packets that wait. */
struct neighbour_table {
    la_time due;  /* nothing is due before */
    la_time next; /* ip_advance: when something is due again, as far as it has come */
    uint32_t dropped[LA_DROP_COUNT - FRAGMENT_DROP_END];
    uint32_t at;         /* ip_advance: the entry with which it goes on; 0: with all that is due */
    struct replies held; /* offset: not used */
};

/* ---- neighbour.c ---- */

struct neighbour_table *neighbour_table(const struct ip *ip);
struct neighbour *neighbour_at(const struct ip *ip, uint32_t i);

struct way *neighbour_way(const struct ip *ip, uint32_t route);
struct discovery *neighbour_discovery(const struct ip *ip, unsigned interface);

const struct mac *neighbour_own_mac(const struct ip *ip, unsigned interface);
struct claim *neighbour_claims(const struct ip *ip); /* config.addresses of them */

struct neighbour *neighbour_find(const struct ip *ip, unsigned interface, const struct la_address *address);

/* It told us its address unasked: STALE, if it is new or other than it was. */
void neighbour_heard(struct ip *ip, unsigned interface, const struct la_address *address, const struct mac *mac);

/* RFC 4861 7.2.5, whatever the family. False: it is not believed, or says nothing. */
bool neighbour_says(struct ip *ip, struct neighbour *n, const struct neighbour_news *news);

/* We asked it, and it has not answered yet. */
bool neighbour_is_asked(const struct neighbour *n);

bool neighbour_is_on_link(const struct ip *ip, unsigned interface, const struct la_address *address);

/* The station that a packet to the destination goes to. False: it is not known, and the packet waits or was dropped. */
bool neighbour_resolve(struct ip *ip, unsigned interface, const struct la_address *destination, const uint8_t *packet,
                       size_t length, struct mac *mac);

/* Counts and traces one of the drops that are Ethernet's. */
COLD void neighbour_drop(struct ip *ip, enum la_drop why, unsigned interface);

/* The table is due at this time at the latest. */
void neighbour_wake(struct ip *ip, la_time due);

/* A number below the range that nobody outside can know. */
la_time neighbour_random(const struct ip *ip, const void *about, la_time range);

/* ---- neighbour_held.c ---- */

/* Room for packets that wait: one long one, and a SYN for each neighbour. */
#define HELD_BYTES_LEAST 2048
#define HELD_BYTES_EACH  128

size_t held_bytes(const struct la_config *config);

/* The packet waits for the neighbour, in place of the one that did. */
void held_keep(struct ip *ip, struct neighbour *n, const uint8_t *packet, size_t length);

/* NULL: none waits. */
const uint8_t *held_packet(const struct ip *ip, const struct neighbour *n, size_t *length);

/* It goes to the queue of replies, from where it leaves; or is dropped. None waits afterwards. */
void held_send(struct ip *ip, struct neighbour *n);
void held_drop(struct ip *ip, struct neighbour *n);

/* ---- neighbour_arp.c ---- */

void arp_arrives(struct ip *ip, unsigned interface, const struct arp_message *message);
void arp_send(struct ip *ip, unsigned interface, struct arp_message *message);

/* ---- neighbour_discovery.c ---- */

/* A packet of neighbour discovery (icmpv6_parse), whoever it is for. */
void nd_arrives(struct ip *ip, unsigned interface, const struct packet *packet);
void nd_send(struct ip *ip, unsigned interface, const struct la_address *source, const struct la_address *destination,
             const struct nd *nd);

/* ---- neighbour_claim.c ---- */

/* The interface's claim of the address, whatever has become of it; NULL: there is none. */
struct claim *claim_find(const struct ip *ip, unsigned interface, const struct la_address *address);

/* Another station uses the address, or is about to. */
void claim_is_contested(struct ip *ip, struct claim *claim);

void claim_is_due(struct ip *ip, struct claim *claim);

/* ---- neighbour_router.c ---- */

void router_solicit(struct ip *ip, unsigned interface);

/* An advertisement that nd_parse found well-formed. False: it is not taken. */
bool router_arrives(struct ip *ip, unsigned interface, const struct packet *packet, const struct nd *nd);

/* Who was a router says that it is none. */
void router_is_none(struct ip *ip, unsigned interface, const struct la_address *address);

/* Ends the routes whose time is over: when the next one does. */
la_time router_routes_advance(struct ip *ip);

#endif
