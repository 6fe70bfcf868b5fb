#include "path_mtu.h"
#include "settings.h"

#include <string.h>

#include "base/siphash.h"

/* ---- what was found, by destination: a table of sets, of which a full one gives up what it has had longest ---- */

struct path_mtu {
    struct la_address destination;
    uint32_t found_s; /* seconds of la_time */
    uint16_t mtu;     /* 0: the entry is free */
};

/* RFC 1191 6.3, RFC 8201 4: then a larger packet may be tried. */
#define FORGET_AFTER_S 600
#define SET_ENTRIES    4

size_t tcp_path_mtus_bytes(const struct la_config *config)
{
    return (size_t)config->path_mtus * sizeof(struct path_mtu);
}

/* Right behind the lists of output. */
static struct path_mtu *table_of(const struct tcp *tcp)
{
    const struct core *core = tcp_core(tcp);
    return (struct path_mtu *)(void *)((char *)core_at(core, tcp->outputs) + tcp_outputs_bytes(&core->config));
}

void path_mtus_start(struct tcp *tcp)
{
    memset(table_of(tcp), 0, tcp_path_mtus_bytes(&tcp_core(tcp)->config));
}

static uint32_t now_s(const struct core *core)
{
    return (uint32_t)(core->now / LA_SECOND);
}

/* The destination's set: its first entry, and how many there are. */
static struct path_mtu *set_of(const struct tcp *tcp, const struct la_address *destination, uint32_t *entries)
{
    struct core *core = tcp_core(tcp);
    struct path_mtu *table = table_of(tcp);
    uint32_t size = core->config.path_mtus;
    uint32_t sets = (size + SET_ENTRIES - 1) / SET_ENTRIES;
    uint32_t first =
        (uint32_t)(siphash_1_3(core->config.key, destination->octets, sizeof destination->octets) % sets) * SET_ENTRIES;
    *entries = size - first < SET_ENTRIES ? size - first : SET_ENTRIES;
    return &table[first];
}

static bool is_over(const struct core *core, const struct path_mtu *entry)
{
    return entry->mtu == 0 || now_s(core) - entry->found_s >= FORGET_AFTER_S;
}

uint16_t path_mtu_to(struct tcp *tcp, const struct la_address *destination)
{
    uint32_t entries;
    if (!tcp->has_path_mtus) {
        return UINT16_MAX;
    }
    const struct path_mtu *set = set_of(tcp, destination, &entries);
    for (uint32_t i = 0; i < entries; i++) {
        if (!is_over(tcp_core(tcp), &set[i]) && address_equal(&set[i].destination, destination)) {
            return set[i].mtu;
        }
    }
    return UINT16_MAX;
}

static void remember(struct tcp *tcp, const struct la_address *destination, uint16_t mtu)
{
    uint32_t entries;
    const struct core *core = tcp_core(tcp);
    if (core->config.path_mtus == 0) {
        return;
    }
    struct path_mtu *set = set_of(tcp, destination, &entries);
    struct path_mtu *place = &set[0];
    for (uint32_t i = 0; i < entries; i++) {
        struct path_mtu *entry = &set[i];
        if (!is_over(core, entry) && address_equal(&entry->destination, destination)) {
            mtu = entry->mtu < mtu ? entry->mtu : mtu;
            place = entry;
            break;
        }
        if (!is_over(core, place) && (is_over(core, entry) || entry->found_s - place->found_s > UINT32_MAX / 2)) {
            place = entry;
        }
    }
    *place = (struct path_mtu){.destination = *destination, .found_s = now_s(core), .mtu = mtu};
    tcp->has_path_mtus = true;
}

/* ---- what a connection makes of it ---- */

static uint32_t header_octets(const struct tcp *tcp, const struct connection *c)
{
    uint32_t options = c->timestamps ? TCP_TIMESTAMP_BYTES : 0;
    const struct source_route *route = c->is_marked ? route_of(tcp, c) : NULL;
    options += route != NULL ? route->bytes : 0;
    return ip_header_bytes(&c->remote.address) + TCP_HEADER_BYTES + options;
}

uint16_t path_mtu_mss(const struct tcp *tcp, const struct connection *c, uint32_t mtu)
{
    return (uint16_t)(mtu - header_octets(tcp, c));
}

/* What every path carries, or nearly so: no message takes us below. RFC 8200 5 says so for IPv6; in IPv4 a path may
   carry less, but who asks for less than RFC 1122 3.3.2's 576 is far more often an attacker (RFC 5927 7). */
static uint32_t least_mtu(const struct connection *c)
{
    return address_is_ipv4(&c->remote.address) ? 576 : IPV6_MTU_MIN;
}

/* RFC 1191 7.1: a router that does not say what it can carry; the next lower of the sizes that links have. */
static uint32_t plateau_below(uint32_t length)
{
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};
    for (size_t i = 0; i < sizeof plateaus / sizeof plateaus[0]; i++) {
        if (plateaus[i] < length) {
            return plateaus[i];
        }
    }
    return 0;
}

/* The MTU that a message is to be taken for; 0: it tells nothing that could be true and new. */
static uint32_t believable_mtu(const struct tcp *tcp, const struct connection *c, const struct tcp_too_big *told)
{
    bool ipv4 = address_is_ipv4(&c->remote.address);
    uint32_t mtu = told->mtu == 0 && ipv4 ? plateau_below(told->length) : told->mtu;
    if (mtu < least_mtu(c)) {
        if (!ipv4) {
            return 0; /* RFC 8201 4: to be discarded */
        }
        mtu = least_mtu(c);
    }
    bool is_new = mtu < c->snd_mss + header_octets(tcp, c);
    return is_new && told->length > mtu ? mtu : 0;
}

/* SND.UNA tells how much was ever acknowledged: if it is less, no segment that large was. */
static bool was_ever_carried(const struct tcp *tcp, const struct connection *c, uint32_t mtu)
{
    return c->una_wraps > 0 || seq_distance(c->iss, c->snd_una) - 1 > path_mtu_mss(tcp, c, mtu);
}

static void lower(struct tcp *tcp, struct connection *c, uint32_t mtu)
{
    c->snd_mss = path_mtu_mss(tcp, c, mtu);
    c->narrowed_ms = tcp_now_ms(tcp);
    core_count(tcp_core(tcp), LA_COUNT_TCP_PATH_MTU_LOWERED);
    trace_path_mtu(tcp, c, mtu);
}

uint16_t path_mtu_send_mss(struct tcp *tcp, const struct connection *c)
{
    uint32_t headers = header_octets(tcp, c);
    uint32_t options = headers - ip_header_bytes(&c->remote.address) - TCP_HEADER_BYTES;
    uint16_t mtu = core_interface(tcp_core(tcp), c->interface)->mtu; /* less maybe than when our SYN left */
    uint16_t path_mtu = path_mtu_to(tcp, &c->remote.address);
    uint32_t path_mss = (path_mtu < mtu ? path_mtu : mtu) - headers;
    uint32_t mss = c->peer_mss - options;
    return (uint16_t)(mss < path_mss ? mss : path_mss);
}

void path_mtu_widens(struct tcp *tcp, struct connection *c)
{
    if (c->doubted_mtu != 0 && seq_in(c->doubted_seq, c->snd_una, flight_octets(c))) {
        return; /* it may be sent again yet */
    }
    if (c->doubted_mtu != 0) {
        c->doubted_mtu = 0;
        c->narrowed_ms = tcp_now_ms(tcp);
    }
    bool is_due = tcp_now_ms(tcp) - c->narrowed_ms >= FORGET_AFTER_S * 1000;
    uint16_t mss = is_due ? path_mtu_send_mss(tcp, c) : 0;
    if (mss > c->snd_mss) {
        c->snd_mss = mss;
        trace_path_mtu(tcp, c, mss + header_octets(tcp, c));
    }
}

/* The window grows back to what it was in slow start (RFC 1191 6.4). */
void path_mtu_send_again(struct tcp *tcp, struct connection *c)
{
    struct congestion *congestion = &c->congestion;
    uint32_t cwnd = congestion->cwnd_bytes;
    congestion_algorithm((enum la_congestion)tcp_core(tcp)->config.congestion)->idle(congestion, c->snd_mss);
    if (congestion->cwnd_bytes < cwnd && congestion->ssthresh_bytes < cwnd) {
        congestion->ssthresh_bytes = cwnd;
    }
    recovery_from_start(c);
    connection_wants_output(tcp, c);
}

bool path_mtu_confirmed(struct tcp *tcp, struct connection *c)
{
    uint32_t mtu = c->doubted_mtu;
    if (mtu == 0) {
        return false;
    }
    bool is_lost = seq_in(c->doubted_seq, c->snd_una, flight_octets(c));
    c->doubted_mtu = 0;
    c->narrowed_ms = tcp_now_ms(tcp);
    if (!is_lost || mtu >= c->snd_mss + header_octets(tcp, c)) {
        return false;
    }
    remember(tcp, &c->remote.address, (uint16_t)mtu);
    lower(tcp, c, mtu);
    return true;
}

bool tcp_packet_too_big(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *remote,
                        struct seq seq, const struct tcp_too_big *told)
{
    const struct four_tuple tuple = four_tuple_of(tcp_core(tcp), local, remote);
    struct connection *c = connection_find(tcp, &tuple);
    if (c == NULL || !state_is_synchronised((enum la_state)c->state) || !seq_in(seq, c->snd_una, flight_octets(c))) {
        return false;
    }
    uint32_t mtu = believable_mtu(tcp, c, told);
    if (mtu == 0) {
        return false;
    }
    if (was_ever_carried(tcp, c, mtu) || c->is_probing) {
        c->doubted_mtu = (uint16_t)mtu; /* RFC 5927 7.2: only if it has to be sent again */
        c->doubted_seq = seq;
        return true;
    }
    c->doubted_mtu = 0;
    remember(tcp, &c->remote.address, (uint16_t)mtu);
    lower(tcp, c, mtu);
    path_mtu_send_again(tcp, c);
    return true;
}

/* A connection that is being opened asks for the interface's MTU when it knows the peer's MSS. */
void tcp_interface_carries_less(struct tcp *tcp, unsigned interface)
{
    const struct core *core = tcp_core(tcp);
    uint32_t mtu = core_interface(core, interface)->mtu;
    for (uint32_t slot = 0; slot < core->config.connections; slot++) {
        struct connection *c = connection_at(tcp, slot);
        bool is_open = c->in_use && c->state != LA_CLOSED && c->state != LA_SYN_SENT;
        if (!is_open || c->interface != interface || path_mtu_mss(tcp, c, mtu) >= c->snd_mss) {
            continue;
        }
        lower(tcp, c, mtu);
        if (state_is_synchronised((enum la_state)c->state) && flight_octets(c) > 0 && !c->is_probing) {
            path_mtu_send_again(tcp, c);
        }
    }
}
