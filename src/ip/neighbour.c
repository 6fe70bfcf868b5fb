#include "base/address.h"
#include "base/assert.h"
#include "base/siphash.h"
#include "neighbour_private.h"
#include "wire/tcp.h"

/* RFC 4861 10; RFC 1122 2.3.2.1 asks for at most one ARP request a second. */
#define REACHABLE_MIN    (15 * LA_SECOND) /* 6.3.2: half to one and a half of 30 s */
#define REACHABLE_SPREAD (30 * LA_SECOND)
#define DELAY_TIME       (5 * LA_SECOND)
#define RETRANSMIT_TIME  LA_SECOND
#define SOLICITATIONS    3
#define SET_ENTRIES      8

/* Times of neighbours are rounded up to these, so that the table is gone through at most a hundred times a second. */
#define TICK (10 * LA_MILLISECOND)

static size_t entries_at(const struct la_config *config)
{
    return sizeof(struct neighbour_table) + config->routes * sizeof(struct way) +
           config->interfaces * sizeof(struct discovery) + config->addresses * sizeof(struct claim);
}

size_t ip_neighbours_bytes(const struct la_config *config)
{
    size_t entries = config->neighbours * sizeof(struct neighbour);
    return config->neighbours > 0 ? entries_at(config) + entries + held_bytes(config) : 0;
}

/* ---- where things lie ---- */

struct neighbour_table *neighbour_table(const struct ip *ip)
{
    return (struct neighbour_table *)(void *)(ip_routes(ip) + ip_core(ip)->config.routes);
}

struct way *neighbour_way(const struct ip *ip, uint32_t route)
{
    return (struct way *)(void *)(neighbour_table(ip) + 1) + route;
}

struct discovery *neighbour_discovery(const struct ip *ip, unsigned interface)
{
    return (struct discovery *)(void *)neighbour_way(ip, ip_core(ip)->config.routes) + interface;
}

struct claim *neighbour_claims(const struct ip *ip)
{
    return (struct claim *)(void *)neighbour_discovery(ip, ip_core(ip)->config.interfaces);
}

const struct mac *neighbour_own_mac(const struct ip *ip, unsigned interface)
{
    return &neighbour_discovery(ip, interface)->mac;
}

struct neighbour *neighbour_at(const struct ip *ip, uint32_t i)
{
    return (struct neighbour *)(void *)((char *)neighbour_table(ip) + entries_at(&ip_core(ip)->config)) + i;
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
    return neighbour_at(ip, first);
}

struct neighbour *neighbour_find(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    uint32_t entries;
    struct neighbour *set = set_of(ip, address, &entries);
    for (uint32_t i = 0; i < entries; i++) {
        if (set[i].state != LA_NEIGHBOUR_GONE && set[i].interface == interface &&
            address_equal(&set[i].address, address)) {
            return &set[i];
        }
    }
    return NULL;
}

void neighbour_drop(struct ip *ip, enum la_drop why, unsigned interface)
{
    neighbour_table(ip)->dropped[why - FRAGMENT_DROP_END]++;
    struct la_trace *record = core_trace(ip_core(ip), LA_TRACE_DROPPED);
    if (record != NULL) {
        record->detail = (uint8_t)why;
        record->interface = (uint8_t)interface;
    }
}

void ip_neighbour_counters(const struct ip *ip, struct la_counters *counters)
{
    for (unsigned i = FRAGMENT_DROP_END; ip_has_ethernet(ip) && i < LA_DROP_COUNT; i++) {
        counters->dropped[i] = neighbour_table(ip)->dropped[i - FRAGMENT_DROP_END];
    }
}

/* ---- the life of an entry ---- */

void neighbour_wake(struct ip *ip, la_time due)
{
    struct neighbour_table *table = neighbour_table(ip);
    table->due = due < table->due ? due : table->due;
}

static void wait_for(struct ip *ip, struct neighbour *n, la_time duration)
{
    n->due = (ip_core(ip)->now + duration + TICK - 1) / TICK * TICK;
    neighbour_wake(ip, n->due);
}

static void set_state(struct ip *ip, struct neighbour *n, enum la_neighbour_state state, la_time due_in)
{
    n->state = (uint8_t)state;
    n->tries = 0;
    n->due = LA_TIME_NEVER;
    if (due_in != LA_TIME_NEVER) {
        wait_for(ip, n, due_in);
    }
    struct la_trace *record = core_trace(ip_core(ip), LA_TRACE_NEIGHBOUR);
    if (record != NULL) {
        record->detail = n->state;
        record->interface = n->interface;
        record->remote.address = n->address;
    }
}

/* Probes go to the one who answered last (RFC 1122 2.3.2.1, RFC 4861 7.3.3), the others to all. */
static void solicit(struct ip *ip, struct neighbour *n)
{
    const struct ip_prefix *own = ip_source_for(ip, n->interface, &n->address);
    bool is_probe = n->state == LA_NEIGHBOUR_PROBE;
    n->tries++;
    wait_for(ip, n, RETRANSMIT_TIME);
    if (own == NULL) {
        return;
    }
    if (address_is_ipv4(&n->address)) {
        struct arp_message message = {.operation = ARP_REQUEST, .sender = own->address, .target = n->address};
        message.target_mac = is_probe ? n->mac : (struct mac){{0}};
        arp_send(ip, n->interface, &message);
    } else {
        const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION,
                              .has_mac = true,
                              .mac = *neighbour_own_mac(ip, n->interface),
                              .target = n->address};
        struct la_address group = nd_solicited_node(&n->address);
        nd_send(ip, n->interface, &own->address, is_probe ? &n->address : &group, &nd);
    }
}

/* Whom a new one replaces: nobody if there is room, else who is not in use, else one that is being asked for (so that
   those who make us ask for stations that are not there, RFC 6583, push out each other); of these, who was not used for
   longest. */
static unsigned worth(const struct neighbour *n)
{
    switch ((enum la_neighbour_state)n->state) {
    case LA_NEIGHBOUR_GONE: return 0;
    case LA_NEIGHBOUR_STALE: return 1;
    case LA_NEIGHBOUR_INCOMPLETE: return 2;
    case LA_NEIGHBOUR_REACHABLE:
    case LA_NEIGHBOUR_DELAY:
    case LA_NEIGHBOUR_PROBE: break;
    }
    return 3;
}

static bool is_rather_replaced(const struct neighbour *a, const struct neighbour *b)
{
    return worth(a) != worth(b) ? worth(a) < worth(b) : a->used < b->used;
}

static void forget(struct ip *ip, struct neighbour *n)
{
    if (n->state != LA_NEIGHBOUR_GONE) {
        held_drop(ip, n);
        set_state(ip, n, LA_NEIGHBOUR_GONE, LA_TIME_NEVER);
    }
}

static struct neighbour *create(struct ip *ip, unsigned interface, const struct la_address *address)
{
    uint32_t entries;
    struct neighbour *set = set_of(ip, address, &entries);
    struct neighbour *n = &set[0];
    for (uint32_t i = 1; i < entries; i++) {
        n = is_rather_replaced(&set[i], n) ? &set[i] : n;
    }
    forget(ip, n);
    *n = (struct neighbour){.address = *address,
                            .due = LA_TIME_NEVER,
                            .used = ip_core(ip)->now,
                            .held = HELD_NONE,
                            .interface = (uint8_t)interface};
    return n;
}

static void set_known(struct ip *ip, struct neighbour *n, bool is_reachable)
{
    if (is_reachable) {
        set_state(ip, n, LA_NEIGHBOUR_REACHABLE, REACHABLE_MIN + neighbour_random(ip, n, REACHABLE_SPREAD));
    } else {
        set_state(ip, n, LA_NEIGHBOUR_STALE, LA_TIME_NEVER);
    }
}

void neighbour_heard(struct ip *ip, unsigned interface, const struct la_address *address, const struct mac *mac)
{
    const struct neighbour_news news = {.mac = *mac, .has_mac = true, .is_override = true};
    struct neighbour *n = neighbour_find(ip, interface, address);
    if (n != NULL) {
        neighbour_says(ip, n, &news);
    } else {
        n = create(ip, interface, address);
        n->mac = *mac;
        set_known(ip, n, false);
    }
}

bool neighbour_is_asked(const struct neighbour *n)
{
    return n->state == LA_NEIGHBOUR_INCOMPLETE || n->state == LA_NEIGHBOUR_PROBE;
}

bool neighbour_says(struct ip *ip, struct neighbour *n, const struct neighbour_news *news)
{
    bool is_first = n->state == LA_NEIGHBOUR_INCOMPLETE;
    bool is_other = news->has_mac && (is_first || !mac_equal(&news->mac, &n->mac));
    if (is_first && !news->has_mac) {
        return false;
    }
    if (is_other && !is_first && !news->is_override) {
        if (n->state == LA_NEIGHBOUR_REACHABLE) {
            set_known(ip, n, false); /* one of the two is wrong: it is asked when it is next spoken to */
        }
        return false;
    }
    if (is_other) {
        n->mac = news->mac;
    }
    if (news->is_solicited || is_other) {
        set_known(ip, n, news->is_solicited);
    }
    held_send(ip, n);
    return true;
}

la_time neighbour_random(const struct ip *ip, const void *about, la_time range)
{
    const struct core *core = ip_core(ip);
    const uint64_t what[2] = {core->now, (uint64_t)((const char *)about - (const char *)ip)};
    return siphash_2_4(core->config.key, what, sizeof what) % range;
}

/* ---- the way to one ---- */

struct hop {
    unsigned bits; /* of the prefix that leads there */
    bool is_known;
    struct la_address address;
};

static bool leads_to(const struct ip_prefix *prefix, unsigned interface, const struct la_address *destination,
                     const struct hop *best)
{
    return prefix->interface == interface && (!best->is_known || prefix->bits > best->bits) &&
           address_in_prefix(destination, &prefix->address, prefix->bits);
}

/* The longest prefix of the interface, then the first added: the destination itself if it is on the link, else a
   router. What no prefix has is not on the link (RFC 5942 3). */
static struct hop next_hop(const struct ip *ip, unsigned interface, const struct la_address *destination)
{
    struct hop best = {.is_known = address_is_link_local(destination), .address = *destination};
    const struct ip_prefix *addresses = ip_addresses(ip);
    const struct ip_prefix *routes = ip_routes(ip);
    if (best.is_known) {
        return best;
    }
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (leads_to(&addresses[i], interface, destination, &best)) {
            best = (struct hop){.bits = addresses[i].bits, .is_known = true, .address = *destination};
        }
    }
    for (uint32_t i = 0; i < ip->route_count; i++) {
        if (leads_to(&routes[i], interface, destination, &best)) {
            const struct la_address *gateway = &neighbour_way(ip, i)->gateway;
            bool is_on_link = address_is_any(gateway);
            best = (struct hop){.bits = routes[i].bits, .is_known = true};
            best.address = is_on_link ? *destination : *gateway;
        }
    }
    return best;
}

/* The way of the route that is taken out goes with it. */
void ip_ways_remove(struct ip *ip, uint32_t route)
{
    uint32_t last = ip->route_count - 1u;
    struct way *ways = neighbour_way(ip, 0);
    memmove(&ways[route], &ways[route + 1], (last - route) * sizeof *ways);
    ways[last] = (struct way){.until = LA_TIME_NEVER};
}

bool neighbour_is_on_link(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    struct hop hop = next_hop(ip, interface, address);
    return hop.is_known && address_equal(&hop.address, address);
}

static struct neighbour *neighbour_towards(struct ip *ip, unsigned interface, const struct la_address *destination)
{
    struct hop hop = next_hop(ip, interface, destination);
    if (!hop.is_known) {
        return NULL;
    }
    struct neighbour *n = neighbour_find(ip, interface, &hop.address);
    if (n == NULL) {
        n = create(ip, interface, &hop.address);
        set_state(ip, n, LA_NEIGHBOUR_INCOMPLETE, RETRANSMIT_TIME);
        solicit(ip, n);
    }
    n->used = ip_core(ip)->now;
    return n;
}

bool neighbour_resolve(struct ip *ip, unsigned interface, const struct la_address *destination, const uint8_t *packet,
                       size_t length, struct mac *mac)
{
    struct neighbour *n = neighbour_towards(ip, interface, destination);
    if (n == NULL) {
        neighbour_drop(ip, LA_DROP_UNRESOLVED, interface);
        return false;
    }
    if (n->state == LA_NEIGHBOUR_INCOMPLETE) {
        held_keep(ip, n, packet, length);
        return false;
    }
    if (n->state == LA_NEIGHBOUR_STALE) {
        set_state(ip, n, LA_NEIGHBOUR_DELAY, DELAY_TIME);
    }
    *mac = n->mac;
    return true;
}

bool ip_neighbour_is_ready(struct ip *ip, unsigned interface, const struct la_address *destination)
{
    const struct neighbour *n = neighbour_towards(ip, interface, destination);
    bool is_ready = n != NULL && n->state != LA_NEIGHBOUR_INCOMPLETE;
    if (!is_ready) {
        neighbour_drop(ip, LA_DROP_UNRESOLVED, interface);
    }
    return is_ready;
}

/* RFC 1122 3.3.1.4. It is asked at once, by unicast: one that moved to another station, or left, is found out in three
   seconds instead of when REACHABLE has run out. */
void ip_neighbour_is_doubted(struct ip *ip, unsigned interface, const struct la_address *destination)
{
    struct hop hop = next_hop(ip, interface, destination);
    struct neighbour *n = hop.is_known ? neighbour_find(ip, interface, &hop.address) : NULL;
    if (n != NULL && !neighbour_is_asked(n)) {
        set_state(ip, n, LA_NEIGHBOUR_PROBE, LA_TIME_NEVER);
        solicit(ip, n);
    }
}

/* ---- time ---- */

la_time ip_deadline(const struct ip *ip)
{
    return neighbour_table(ip)->due;
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
                                       .what = LA_UNREACHABLE_HOST,
                                       .local = segment.remote,
                                       .remote = segment.local,
                                       .seq = segment.seq};
    }
    return is_tcp;
}

static bool give_up(struct ip *ip, struct neighbour *n, struct icmp_notice *notice)
{
    size_t length;
    const uint8_t *packet = held_packet(ip, n, &length);
    bool told = packet != NULL && notice_of(packet, length, notice);
    forget(ip, n);
    return told;
}

/* An entry's timer fired. */
static bool entry_is_due(struct ip *ip, struct neighbour *n, struct icmp_notice *notice)
{
    switch ((enum la_neighbour_state)n->state) {
    case LA_NEIGHBOUR_GONE:
    case LA_NEIGHBOUR_STALE: break;
    case LA_NEIGHBOUR_REACHABLE: set_known(ip, n, false); break;
    case LA_NEIGHBOUR_DELAY:
        set_state(ip, n, LA_NEIGHBOUR_PROBE, RETRANSMIT_TIME);
        solicit(ip, n);
        break;
    case LA_NEIGHBOUR_INCOMPLETE:
    case LA_NEIGHBOUR_PROBE:
        if (n->tries == SOLICITATIONS) {
            return give_up(ip, n, notice);
        }
        solicit(ip, n);
        break;
    }
    return false;
}

static la_time earlier(la_time a, la_time b)
{
    return a < b ? a : b;
}

static la_time claims_advance(struct ip *ip)
{
    la_time next = LA_TIME_NEVER;
    struct claim *claims = neighbour_claims(ip);
    for (uint32_t i = 0; i < ip_core(ip)->config.addresses; i++) {
        if (claims[i].state != CLAIM_NONE && claims[i].due <= ip_core(ip)->now) {
            claim_is_due(ip, &claims[i]);
        }
        next = claims[i].state != CLAIM_NONE ? earlier(claims[i].due, next) : next;
    }
    return next;
}

static la_time discoveries_advance(struct ip *ip)
{
    la_time next = LA_TIME_NEVER;
    for (unsigned interface = 0; interface < ip->interface_count; interface++) {
        struct discovery *discovery = neighbour_discovery(ip, interface);
        if (discovery->follows && discovery->due <= ip_core(ip)->now) {
            router_solicit(ip, interface);
        }
        next = discovery->follows ? earlier(discovery->due, next) : next;
    }
    return next;
}

bool ip_advance(struct ip *ip, struct icmp_notice *notice)
{
    struct neighbour_table *table = neighbour_table(ip);
    la_time now = ip_core(ip)->now;
    if (table->due > now) {
        return false;
    }
    if (table->at == 0) {
        table->next = earlier(claims_advance(ip), earlier(discoveries_advance(ip), router_routes_advance(ip)));
    }
    while (table->at < ip_core(ip)->config.neighbours) {
        struct neighbour *n = neighbour_at(ip, table->at++);
        if (n->due <= now && entry_is_due(ip, n, notice)) {
            return true; /* the table stays due, so that the next call goes on */
        }
        table->next = earlier(n->due, table->next);
    }
    table->at = 0;
    table->due = table->next;
    return false;
}

/* ---- set-up ---- */

static void start(struct ip *ip)
{
    const struct la_config *config = &ip_core(ip)->config;
    struct neighbour_table *table = neighbour_table(ip);
    memset(table, 0, entries_at(config));
    table->due = LA_TIME_NEVER;
    table->held.bytes = (uint32_t)held_bytes(config);
    for (uint32_t i = 0; i < config->neighbours; i++) {
        *neighbour_at(ip, i) = (struct neighbour){.due = LA_TIME_NEVER, .held = HELD_NONE};
    }
    for (uint32_t route = 0; route < config->routes; route++) {
        neighbour_way(ip, route)->until = LA_TIME_NEVER;
    }
}

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
            start(ip);
        }
        core_interface(ip_core(ip), (unsigned)interface)->is_ethernet = true;
        *neighbour_discovery(ip, (unsigned)interface) =
            (struct discovery){.mac = own, .mtu = (uint16_t)mtu, .due = LA_TIME_NEVER};
        ip->ethernet_count++;
    }
    return interface;
}

unsigned ip_ethernet_mtu(const struct ip *ip, unsigned interface)
{
    return neighbour_discovery(ip, interface)->mtu;
}

/* It is on the link now, or will be when an address that is being asked for is ours. */
static bool will_be_on_link(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    const struct claim *claims = neighbour_claims(ip);
    for (uint32_t i = 0; i < ip_core(ip)->config.addresses; i++) {
        const struct ip_prefix *prefix = &claims[i].prefix;
        if (claims[i].state != CLAIM_NONE && prefix->interface == interface &&
            address_in_prefix(address, &prefix->address, prefix->bits)) {
            return true;
        }
    }
    return neighbour_is_on_link(ip, interface, address);
}

int ip_route_add_via(struct ip *ip, unsigned interface, const struct la_address *prefix, unsigned prefix_length,
                     const struct la_address *gateway)
{
    if (!ip_is_ethernet(ip, interface) || address_is_ipv4(prefix) != address_is_ipv4(gateway) ||
        !will_be_on_link(ip, interface, gateway) || !ip_source_is_valid(ip, gateway)) {
        return interface < ip->interface_count ? LA_ERROR_INVALID : LA_ERROR_NO_INTERFACE;
    }
    int error = ip_route_add(ip, interface, prefix, prefix_length);
    if (error == LA_OK) {
        neighbour_way(ip, ip->route_count - 1u)->gateway = *gateway;
    }
    return error;
}
