#include "neighbour.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/siphash.h"
#include "tables.h"
#include "wire/arp.h"
#include "wire/tcp.h"

enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_INCOMPLETE, /* asked for by broadcast */
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE,
    NEIGHBOUR_DELAY, /* stale, and in use: it may still be confirmed */
    NEIGHBOUR_PROBE  /* asked by unicast */
};

struct neighbour {
    struct la_address address;
    la_time due;   /* of what its state waits for; LA_TIME_NEVER: nothing */
    la_time used;  /* when a packet last went there */
    uint32_t held; /* INCOMPLETE: the packet that waits; REPLIES_NOWHERE: none */
    struct mac mac;
    uint8_t state; /* enum neighbour_state */
    uint8_t tries; /* solicitations sent */
    uint8_t interface;
};

/* The head of the table; behind it the gateways of the routes, the interfaces' addresses, and the entries. */
struct neighbour_table {
    la_time due;      /* no entry is due before */
    la_time defended; /* RFC 5227 2.4 (c): when we last defended an address */
};

/* RFC 4861 10; RFC 1122 2.3.2.1 asks for at most one ARP request a second. */
#define REACHABLE_TIME  (30 * LA_SECOND)
#define DELAY_TIME      (5 * LA_SECOND)
#define RETRANSMIT_TIME LA_SECOND
#define SOLICITATIONS   3
#define DEFEND_INTERVAL (10 * LA_SECOND) /* RFC 5227 1.1 */
#define SET_ENTRIES     8

static size_t whole_units(size_t bytes)
{
    return (bytes + CORE_UNIT - 1) / CORE_UNIT * CORE_UNIT;
}

static size_t entries_at(const struct la_config *config)
{
    return sizeof(struct neighbour_table) + config->routes * sizeof(struct la_address) +
           whole_units(config->interfaces * sizeof(struct mac));
}

size_t ip_neighbours_bytes(const struct la_config *config)
{
    return config->neighbours > 0 ? entries_at(config) + config->neighbours * sizeof(struct neighbour) : 0;
}

/* ---- where things lie ---- */

static struct neighbour_table *table_of(const struct ip *ip)
{
    const struct core *core = ip_core(ip);
    return core_at(core, ip->routes + (uint32_t)(whole_units(ip_routes_bytes(&core->config)) / CORE_UNIT));
}

static struct la_address *gateway_at(const struct ip *ip, uint32_t route)
{
    return (struct la_address *)(void *)(table_of(ip) + 1) + route;
}

static struct mac *mac_of(const struct ip *ip, unsigned interface)
{
    return (struct mac *)(void *)gateway_at(ip, ip_core(ip)->config.routes) + interface;
}

static struct neighbour *entry_at(const struct ip *ip, uint32_t i)
{
    return (struct neighbour *)(void *)((char *)table_of(ip) + entries_at(&ip_core(ip)->config)) + i;
}

/* A table of sets; the last one may be smaller. */
static struct neighbour *set_of(const struct ip *ip, const struct la_address *address, uint32_t *entries)
{
    const struct core *core = ip_core(ip);
    uint32_t size = core->config.neighbours;
    uint32_t sets = (size + SET_ENTRIES - 1) / SET_ENTRIES;
    uint64_t hash = siphash_1_3(core->config.key, address->octets, sizeof address->octets);
    uint32_t first = (uint32_t)(hash % sets) * SET_ENTRIES;
    *entries = size - first < SET_ENTRIES ? size - first : SET_ENTRIES;
    return entry_at(ip, first);
}

static struct neighbour *find(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    uint32_t entries;
    struct neighbour *set = set_of(ip, address, &entries);
    for (uint32_t i = 0; i < entries; i++) {
        if (set[i].state != NEIGHBOUR_FREE && set[i].interface == interface &&
            address_equal(&set[i].address, address)) {
            return &set[i];
        }
    }
    return NULL;
}

/* ---- what is sent ---- */

APART static void send_arp(struct ip *ip, unsigned interface, struct arp_message *message)
{
    struct core *core = ip_core(ip);
    uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), interface, ARP_BYTES);
    if (room == NULL) {
        core_drop(core, LA_DROP_REPLIES_FULL);
        return;
    }
    message->sender_mac = *mac_of(ip, interface);
    arp_emit(room, message);
    replies_commit(&core->replies, ip_replies_ring(ip), interface, ARP_BYTES);
}

void ip_announce(struct ip *ip, unsigned interface, const struct la_address *address)
{
    if (ip_is_ethernet(ip, interface) && address_is_ipv4(address)) {
        struct arp_message message = {.operation = ARP_REQUEST, .sender = *address, .target = *address};
        send_arp(ip, interface, &message);
    }
}

static void wait_for(struct ip *ip, struct neighbour *n, la_time duration)
{
    struct neighbour_table *table = table_of(ip);
    n->due = ip_core(ip)->now + duration;
    table->due = n->due < table->due ? n->due : table->due;
}

/* Probes go to the one who answered last (RFC 1122 2.3.2.1), the others to all. */
static void solicit(struct ip *ip, struct neighbour *n)
{
    const struct ip_prefix *own = ip_source_for(ip, n->interface, &n->address);
    n->tries++;
    wait_for(ip, n, RETRANSMIT_TIME);
    if (own != NULL) {
        struct arp_message message = {.operation = ARP_REQUEST, .sender = own->address, .target = n->address};
        message.target_mac = n->state == NEIGHBOUR_PROBE ? n->mac : (struct mac){{0}};
        send_arp(ip, n->interface, &message);
    }
}

/* ---- the life of an entry ---- */

static void forget_held(struct ip *ip, struct neighbour *n)
{
    if (n->held != REPLIES_NOWHERE) {
        replies_discard(&ip_core(ip)->replies, ip_replies_ring(ip), n->held);
        n->held = REPLIES_NOWHERE;
        core_drop(ip_core(ip), LA_DROP_UNRESOLVED);
    }
}

/* Whom a new one replaces: nobody if there is room, else who was not used for longest, and of those who are being
   asked for, on whom a packet waits, only where there is nobody else. */
static bool is_rather_replaced(const struct neighbour *a, const struct neighbour *b)
{
    if ((a->state == NEIGHBOUR_FREE) != (b->state == NEIGHBOUR_FREE)) {
        return a->state == NEIGHBOUR_FREE;
    }
    if ((a->state == NEIGHBOUR_INCOMPLETE) != (b->state == NEIGHBOUR_INCOMPLETE)) {
        return b->state == NEIGHBOUR_INCOMPLETE;
    }
    return a->used < b->used;
}

static struct neighbour *create(struct ip *ip, unsigned interface, const struct la_address *address,
                                enum neighbour_state state)
{
    uint32_t entries;
    struct neighbour *set = set_of(ip, address, &entries);
    struct neighbour *n = &set[0];
    for (uint32_t i = 1; i < entries; i++) {
        n = is_rather_replaced(&set[i], n) ? &set[i] : n;
    }
    if (n->state == NEIGHBOUR_INCOMPLETE) {
        forget_held(ip, n);
    }
    *n = (struct neighbour){.address = *address,
                            .due = LA_TIME_NEVER,
                            .used = ip_core(ip)->now,
                            .held = REPLIES_NOWHERE,
                            .state = (uint8_t)state,
                            .interface = (uint8_t)interface};
    return n;
}

static void set_reachable(struct ip *ip, struct neighbour *n)
{
    n->state = NEIGHBOUR_REACHABLE;
    n->tries = 0;
    wait_for(ip, n, REACHABLE_TIME);
}

static void set_stale(struct neighbour *n)
{
    n->state = NEIGHBOUR_STALE;
    n->due = LA_TIME_NEVER;
}

/* solicited: it answers what we asked, so that the way there works as well as the way back. */
static void learn(struct ip *ip, struct neighbour *n, const struct mac *mac, bool solicited)
{
    bool is_new = n->state == NEIGHBOUR_INCOMPLETE || !mac_equal(&n->mac, mac);
    if (n->held != REPLIES_NOWHERE) {
        replies_release(ip_replies_ring(ip), n->held, n->interface);
        n->held = REPLIES_NOWHERE;
    }
    n->mac = *mac;
    if (solicited) {
        set_reachable(ip, n);
    } else if (is_new) {
        set_stale(n);
    }
}

/* ---- frames that come ---- */

static bool is_on_link(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (addresses[i].interface == interface &&
            address_in_prefix(address, &addresses[i].address, addresses[i].bits)) {
            return true;
        }
    }
    return false;
}

/* RFC 5227 2.4 (b): somebody else says that our address is his. We keep it, and say so, at most once in ten seconds. */
static void defend(struct ip *ip, unsigned interface, const struct arp_message *message)
{
    struct neighbour_table *table = table_of(ip);
    la_time now = ip_core(ip)->now;
    struct la_trace *record = core_drop(ip_core(ip), LA_DROP_IP_SOURCE);
    if (record != NULL) {
        record->interface = (uint8_t)interface;
        record->local.address = message->sender;
        record->remote.address = message->sender;
    }
    if (table->defended == 0 || now - table->defended >= DEFEND_INTERVAL) {
        table->defended = now > 0 ? now : 1;
        ip_announce(ip, interface, &message->sender);
    }
}

static void answer(struct ip *ip, unsigned interface, const struct arp_message *request)
{
    struct arp_message message = {.operation = ARP_REPLY,
                                  .target_mac = request->sender_mac,
                                  .sender = request->target,
                                  .target = request->sender};
    send_arp(ip, interface, &message);
}

/* RFC 826, "packet reception": who is known is updated; who speaks to us becomes known; nobody else. */
static void arp_arrives(struct ip *ip, unsigned interface, const struct arp_message *message)
{
    const struct ip_prefix *target = ip_find_address(ip, &message->target);
    bool is_for_us = target != NULL && target->interface == interface;
    bool is_probe = address_is_any(&message->sender); /* RFC 5227 1.1: nobody has the address yet */
    if (ip_is_ours(ip, &message->sender)) {
        defend(ip, interface, message);
        return;
    }
    bool is_neighbour =
        !is_probe && is_on_link(ip, interface, &message->sender) && ip_source_is_valid(ip, &message->sender);
    struct neighbour *n = is_neighbour ? find(ip, interface, &message->sender) : NULL;
    if (n == NULL && is_neighbour && is_for_us && message->operation == ARP_REQUEST) {
        n = create(ip, interface, &message->sender, NEIGHBOUR_STALE);
    }
    if (n != NULL) {
        bool asked = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_PROBE;
        learn(ip, n, &message->sender_mac, asked && is_for_us && message->operation == ARP_REPLY);
    }
    if (is_for_us && message->operation == ARP_REQUEST && (is_probe || is_neighbour)) {
        answer(ip, interface, message);
    }
}

static void drop_frame(struct ip *ip, unsigned interface)
{
    struct la_trace *record = core_drop(ip_core(ip), LA_DROP_ETHERNET);
    if (record != NULL) {
        record->interface = (uint8_t)interface;
    }
}

bool ip_frame_arrives(struct ip *ip, unsigned interface, const void *bytes, size_t length, const uint8_t **payload,
                      size_t *payload_length)
{
    struct ethernet_frame frame;
    struct arp_message message;
    const struct mac *own = mac_of(ip, interface);
    bool is_frame = ethernet_parse(bytes, length, &frame) == LA_DROP_NONE && !mac_equal(&frame.source, own);
    bool is_for_us_alone = mac_equal(&frame.destination, own);
    if (is_frame && is_for_us_alone && frame.type == ETHERNET_IPV4) {
        *payload = frame.payload;
        *payload_length = frame.payload_length;
        return true;
    }
    if (is_frame && frame.type == ETHERNET_ARP && (is_for_us_alone || mac_is_broadcast(&frame.destination)) &&
        arp_parse(frame.payload, frame.payload_length, &message) == LA_DROP_NONE) {
        arp_arrives(ip, interface, &message);
    } else {
        drop_frame(ip, interface);
    }
    return false;
}

/* ---- frames that leave ---- */

/* The longest prefix of the interface, then the first added: the destination itself on the link, else a router. */
static struct la_address next_hop(const struct ip *ip, unsigned interface, const struct la_address *destination)
{
    const struct ip_prefix *best = NULL;
    const struct ip_prefix *routes = ip_routes(ip);
    struct la_address hop = *destination;
    if (is_on_link(ip, interface, destination)) {
        return hop;
    }
    for (uint32_t i = 0; i < ip->route_count; i++) {
        bool is_way =
            routes[i].interface == interface && address_in_prefix(destination, &routes[i].address, routes[i].bits);
        if (is_way && (best == NULL || routes[i].bits > best->bits)) {
            best = &routes[i];
            hop = *gateway_at(ip, i);
        }
    }
    return address_is_any(&hop) ? *destination : hop;
}

/* The packet waits for the answer if none does already. */
static void hold(struct ip *ip, struct neighbour *n, const uint8_t *packet, size_t length)
{
    struct core *core = ip_core(ip);
    if (n->held == REPLIES_NOWHERE) {
        n->held = replies_hold(&core->replies, ip_replies_ring(ip), packet, length);
        if (n->held != REPLIES_NOWHERE) {
            return;
        }
    }
    core_drop(core, LA_DROP_UNRESOLVED);
}

static bool resolve(struct ip *ip, unsigned interface, const uint8_t *packet, size_t length, struct mac *mac)
{
    struct la_address destination = address_from_ipv4(packet + IPV4_HEADER_BYTES - 4);
    struct la_address hop = next_hop(ip, interface, &destination);
    struct neighbour *n = find(ip, interface, &hop);
    if (n == NULL) {
        n = create(ip, interface, &hop, NEIGHBOUR_INCOMPLETE);
        solicit(ip, n);
    }
    n->used = ip_core(ip)->now;
    if (n->state == NEIGHBOUR_INCOMPLETE) {
        hold(ip, n, packet, length);
        return false;
    }
    if (n->state == NEIGHBOUR_STALE) {
        n->state = NEIGHBOUR_DELAY;
        wait_for(ip, n, DELAY_TIME);
    }
    *mac = n->mac;
    return true;
}

/* An ARP message says itself where it goes; its first octet is that of the hardware's type, no IP version. */
static struct mac arp_destination(const uint8_t *bytes, size_t length)
{
    struct arp_message message;
    enum la_drop why = arp_parse(bytes, length, &message);
    la_assert(why == LA_DROP_NONE);
    return mac_is_station(&message.target_mac) ? message.target_mac : mac_broadcast;
}

bool ip_frame_leaves(struct ip *ip, unsigned interface, uint8_t *buffer, size_t length)
{
    uint8_t *packet = buffer + ETHERNET_HEADER_BYTES;
    const struct mac *own = mac_of(ip, interface);
    struct mac destination;
    if (packet[0] >> 4 == 0) {
        destination = arp_destination(packet, length);
        ethernet_emit(buffer, &destination, own, ETHERNET_ARP);
        return true;
    }
    if (!resolve(ip, interface, packet, length, &destination)) {
        return false;
    }
    ethernet_emit(buffer, &destination, own, ETHERNET_IPV4);
    return true;
}

/* ---- time ---- */

la_time ip_deadline(const struct ip *ip)
{
    return ip->ethernet_count > 0 ? table_of(ip)->due : LA_TIME_NEVER;
}

/* What TCP has to know of a segment that nobody will ever get: as RFC 1122 2.4 asks of the link layer. */
static bool notice_of(const uint8_t *bytes, size_t length, struct icmp_notice *notice)
{
    struct packet packet;
    struct segment segment;
    bool is_tcp = ip_parse(bytes, length, &packet) == LA_DROP_NONE && packet.protocol == IP_PROTOCOL_TCP &&
                  tcp_parse(&packet, &segment) == LA_DROP_NONE;
    if (is_tcp) { /* the segment's own view is the receiver's */
        *notice = (struct icmp_notice){.valid = true,
                                       .meaning = ICMP_MEANS_REFUSAL,
                                       .local = segment.remote,
                                       .remote = segment.local,
                                       .seq = segment.seq};
    }
    return is_tcp;
}

static bool give_up(struct ip *ip, struct neighbour *n, struct icmp_notice *notice)
{
    bool told = false;
    if (n->held != REPLIES_NOWHERE) {
        size_t length;
        const uint8_t *bytes = replies_held(ip_replies_ring(ip), n->held, &length);
        told = notice_of(bytes, length, notice);
        forget_held(ip, n);
    }
    *n = (struct neighbour){.state = NEIGHBOUR_FREE, .due = LA_TIME_NEVER, .held = REPLIES_NOWHERE};
    return told;
}

/* An entry's timer fired. */
static bool entry_is_due(struct ip *ip, struct neighbour *n, struct icmp_notice *notice)
{
    switch ((enum neighbour_state)n->state) {
    case NEIGHBOUR_FREE:
    case NEIGHBOUR_STALE: break;
    case NEIGHBOUR_REACHABLE: set_stale(n); break;
    case NEIGHBOUR_DELAY:
        n->state = NEIGHBOUR_PROBE;
        n->tries = 0;
        solicit(ip, n);
        break;
    case NEIGHBOUR_INCOMPLETE:
    case NEIGHBOUR_PROBE:
        if (n->tries == SOLICITATIONS) {
            return give_up(ip, n, notice);
        }
        solicit(ip, n);
        break;
    }
    return false;
}

bool ip_advance(struct ip *ip, struct icmp_notice *notice)
{
    la_time now = ip_core(ip)->now;
    if (ip_deadline(ip) > now) {
        return false;
    }
    la_time next = LA_TIME_NEVER;
    for (uint32_t i = 0; i < ip_core(ip)->config.neighbours; i++) {
        struct neighbour *n = entry_at(ip, i);
        if (n->state == NEIGHBOUR_FREE) {
            continue;
        }
        if (n->due <= now && entry_is_due(ip, n, notice)) {
            return true; /* the table stays due, so that the next call goes on */
        }
        next = n->state != NEIGHBOUR_FREE && n->due < next ? n->due : next;
    }
    table_of(ip)->due = next;
    return false;
}

/* ---- set-up ---- */

int ip_interface_add_ethernet(struct ip *ip, unsigned mtu, const uint8_t mac[6])
{
    struct mac own;
    memcpy(own.octets, mac, MAC_BYTES);
    if (ip_core(ip)->config.neighbours == 0 || mtu > UINT16_MAX - ETHERNET_HEADER_BYTES || !mac_is_station(&own)) {
        return LA_ERROR_INVALID;
    }
    int interface = ip_interface_add(ip, mtu);
    if (interface >= 0) {
        if (ip->ethernet_count == 0) {
            table_of(ip)->due = LA_TIME_NEVER;
        }
        ip_interfaces(ip)[interface].is_ethernet = true;
        *mac_of(ip, (unsigned)interface) = own;
        ip->ethernet_count++;
    }
    return interface;
}

int ip_route_add_via(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length,
                     const struct la_address *gateway)
{
    if (!ip_is_ethernet(ip, interface) || address_is_ipv4(prefix) != address_is_ipv4(gateway) ||
        !is_on_link(ip, interface, gateway) || !ip_source_is_valid(ip, gateway)) {
        return interface < ip->interface_count ? LA_ERROR_INVALID : LA_ERROR_NO_INTERFACE;
    }
    int error = ip_route_add(ip, interface, prefix, prefix_length);
    if (error == LA_OK) {
        *gateway_at(ip, ip->route_count - 1u) = *gateway;
    }
    return error;
}
