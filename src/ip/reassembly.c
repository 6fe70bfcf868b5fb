#include "reassembly.h"

#include "base/assert.h"
#include "wire/source_route.h"

/* The codepoints of RFC 3168 5. */
enum ecn { ECN_NOT_ECT = 0, ECN_CE = 3 };

/* Few enough to be looked through for each fragment, and many times what one needs whose network is well. */
#define PACKETS_MAX UINT8_MAX

/* A header of IPv6, the payload that it can name, and the fragment header that a first fragment is kept with. */
#define WHOLE_BYTES_MAX 65584

struct reassembling *reassembly_packet(const struct ip *ip, uint16_t number)
{
    struct reassembling *packets = core_at(ip_core(ip), reassembly_of(ip)->packets);
    la_assert(number < reassembly_of(ip)->capacity);
    return &packets[number];
}

struct fragment *reassembly_fragment(const struct ip *ip, uint32_t number)
{
    struct fragment *fragments = core_at(ip_core(ip), reassembly_of(ip)->fragments);
    la_assert(number < reassembly_of(ip)->pieces.total);
    return &fragments[number];
}

struct pieces_memory reassembly_pieces(const struct ip *ip)
{
    struct reassembly *r = reassembly_of(ip);
    const struct core *core = ip_core(ip);
    return (struct pieces_memory){&r->pieces, core_at(core, r->pieces.links), core_at(core, r->pieces.octets)};
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t units(size_t bytes)
{
    return (uint32_t)((bytes + CORE_UNIT - 1) / CORE_UNIT);
}

/* A quarter for one whole packet; of the rest four pieces, with their fragments, for each packet. */
static void lay_out(struct ip *ip, uint32_t bytes)
{
    struct reassembly *r = reassembly_of(ip);
    const uint32_t per_piece = REASSEMBLY_PIECE_BYTES + sizeof(uint32_t) + sizeof(struct fragment);
    r->whole_bytes = smaller(bytes / 4 / CORE_UNIT * CORE_UNIT, WHOLE_BYTES_MAX);
    uint32_t left = bytes - r->whole_bytes - units(sizeof *r) * CORE_UNIT - 2 * CORE_UNIT;
    r->capacity =
        (uint16_t)smaller((uint32_t)(left / ((size_t)4 * per_piece + sizeof(struct reassembling))), PACKETS_MAX);
    left -= r->capacity * (uint32_t)sizeof(struct reassembling);
    r->pieces.total = left / per_piece;
    r->pieces.piece_bytes = REASSEMBLY_PIECE_BYTES;
    r->packets = reassembly_offset(ip) + units(sizeof *r);
    r->whole = r->packets + units(r->capacity * sizeof(struct reassembling));
    r->pieces.octets = r->whole + units(r->whole_bytes);
    r->fragments = r->pieces.octets + units((size_t)r->pieces.total * REASSEMBLY_PIECE_BYTES);
    r->pieces.links = r->fragments + units(r->pieces.total * sizeof(struct fragment));
    la_assert(r->pieces.links + units(r->pieces.total * sizeof(uint32_t)) <= reassembly_offset(ip) + bytes / CORE_UNIT);
}

void reassembly_start(struct ip *ip)
{
    uint32_t bytes = ip_core(ip)->config.reassembly_bytes;
    if (bytes == 0) {
        return;
    }
    struct reassembly *r = reassembly_of(ip);
    memset(r, 0, bytes);
    lay_out(ip, bytes);
    struct pieces_memory memory = reassembly_pieces(ip);
    pieces_init(&memory);
    r->oldest = REASSEMBLY_NONE;
    r->newest = REASSEMBLY_NONE;
    r->free = REASSEMBLY_NONE;
    for (uint16_t number = r->capacity; number-- > 0; r->free = number) {
        reassembly_packet(ip, number)->newer = r->free;
    }
}

void reassembly_drop(struct ip *ip, enum la_drop why, unsigned interface, const struct la_address *source,
                     const struct la_address *destination)
{
    reassembly_of(ip)->dropped[why - CORE_DROP_COUNT]++;
    struct la_trace *record = core_trace(ip_core(ip), LA_TRACE_DROPPED);
    if (record != NULL) {
        record->detail = (uint8_t)why;
        record->interface = (uint8_t)interface;
        record->local.address = *destination;
        record->remote.address = *source;
    }
}

void reassembly_counters(const struct ip *ip, struct la_counters *counters)
{
    if (ip_core(ip)->config.reassembly_bytes == 0) {
        return;
    }
    const struct reassembly *r = reassembly_of(ip);
    for (unsigned i = CORE_COUNTER_COUNT; i < LA_COUNTER_COUNT; i++) {
        counters->counter[i] = r->counter[i - CORE_COUNTER_COUNT];
    }
    for (unsigned i = CORE_DROP_COUNT; i < FRAGMENT_DROP_END; i++) {
        counters->dropped[i] = r->dropped[i - CORE_DROP_COUNT];
    }
}

/* ---- packets ---- */

/* RFC 791 3.2: identification, source, destination and protocol; RFC 8200 4.5: the first three. */
uint16_t reassembly_find(const struct ip *ip, unsigned interface, const struct packet *packet,
                         const struct ip_fragment *fragment)
{
    const struct reassembly *r = reassembly_of(ip);
    bool ipv4 = address_is_ipv4(&packet->source);
    uint16_t number = r->newest;
    while (number != REASSEMBLY_NONE) {
        const struct reassembling *p = reassembly_packet(ip, number);
        if (p->identification == fragment->identification && p->interface == interface &&
            (!ipv4 || p->protocol == fragment->protocol) && address_equal(&p->source, &packet->source) &&
            address_equal(&p->destination, &packet->destination)) {
            break;
        }
        number = p->older;
    }
    return number;
}

static void give_back(struct ip *ip, struct reassembling *p)
{
    struct pieces_memory memory = reassembly_pieces(ip);
    for (uint32_t at = p->first; at != PIECE_NONE;) {
        struct fragment *f = reassembly_fragment(ip, at);
        at = f->next;
        stream_clear(&memory, &f->octets);
    }
    p->first = PIECE_NONE;
    p->last = PIECE_NONE;
    p->fragments = 0;
    p->pieces = 0;
    p->received = 0;
}

void reassembly_refuse(struct ip *ip, uint16_t number, enum la_drop why)
{
    struct reassembling *p = reassembly_packet(ip, number);
    give_back(ip, p);
    p->refused_for = (uint8_t)why;
}

void reassembly_end(struct ip *ip, uint16_t number)
{
    struct reassembly *r = reassembly_of(ip);
    struct reassembling *p = reassembly_packet(ip, number);
    give_back(ip, p);
    *(p->older != REASSEMBLY_NONE ? &reassembly_packet(ip, p->older)->newer : &r->oldest) = p->newer;
    *(p->newer != REASSEMBLY_NONE ? &reassembly_packet(ip, p->newer)->older : &r->newest) = p->older;
    *p = (struct reassembling){.newer = r->free, .first = PIECE_NONE, .last = PIECE_NONE};
    r->free = number;
    ip->reassembling--;
}

/* ---- room ---- */

static bool is_one_source(const struct la_address *a, const struct la_address *b)
{
    return address_is_ipv4(a) ? address_equal(a, b) : memcmp(a->octets, b->octets, 8) == 0;
}

struct holding {
    uint32_t packets;
    uint32_t pieces;
    uint16_t oldest;
};

/* What the source holds; the oldest of its packets, or of all if source is NULL, but for `spared`. */
static struct holding holding_of(const struct ip *ip, const struct la_address *source_or_null, uint16_t spared)
{
    struct holding holding = {.oldest = REASSEMBLY_NONE};
    for (uint16_t number = reassembly_of(ip)->newest; number != REASSEMBLY_NONE;) {
        const struct reassembling *p = reassembly_packet(ip, number);
        if (source_or_null == NULL || is_one_source(&p->source, source_or_null)) {
            holding.packets++;
            holding.pieces += p->pieces;
            holding.oldest = number != spared ? number : holding.oldest;
        }
        number = p->older;
    }
    return holding;
}

/* One that was refused has failed, and been counted, already. */
static void evict(struct ip *ip, uint16_t number)
{
    const struct reassembling *p = reassembly_packet(ip, number);
    if (!reassembly_is_refused(p)) {
        reassembly_count(ip, LA_COUNT_REASSEMBLY_FAILS, 1);
        reassembly_count(ip, LA_COUNT_REASSEMBLY_EVICTED, 1);
        reassembly_drop(ip, LA_DROP_FRAGMENTS_EVICTED, p->interface, &p->source, &p->destination);
    }
    reassembly_end(ip, number);
}

/* Whose turn it is to go so that the source may have so much more; REASSEMBLY_NONE: nobody's. */
static uint16_t who_goes(const struct ip *ip, const struct la_address *source, uint32_t packets, uint32_t pieces,
                         uint16_t spared)
{
    const struct reassembly *r = reassembly_of(ip);
    uint32_t pieces_used = r->pieces.total - r->pieces.free_count;
    if (ip->reassembling + packets > r->capacity / 2U || pieces_used + pieces > r->pieces.total / 2) {
        struct holding own = holding_of(ip, source, spared);
        bool has_too_much = own.packets + packets > r->capacity / 2U || own.pieces + pieces > r->pieces.total / 2;
        if (has_too_much && own.oldest != REASSEMBLY_NONE) {
            return own.oldest;
        }
    }
    bool is_full = ip->reassembling + packets > r->capacity || pieces > r->pieces.free_count;
    return is_full ? holding_of(ip, NULL, spared).oldest : REASSEMBLY_NONE;
}

static void make_room(struct ip *ip, const struct la_address *source, uint32_t packets, uint32_t pieces,
                      uint16_t spared)
{
    uint16_t number = REASSEMBLY_NONE;
    while ((number = who_goes(ip, source, packets, pieces, spared)) != REASSEMBLY_NONE) {
        evict(ip, number);
    }
}

uint16_t reassembly_begin(struct ip *ip, unsigned interface, const struct packet *packet,
                          const struct ip_fragment *fragment)
{
    struct reassembly *r = reassembly_of(ip);
    make_room(ip, &packet->source, 1, 0, REASSEMBLY_NONE);
    uint16_t number = r->free;
    la_assert(number != REASSEMBLY_NONE);
    struct reassembling *p = reassembly_packet(ip, number);
    r->free = p->newer;
    const struct core *core = ip_core(ip);
    *p = (struct reassembling){.source = packet->source,
                               .destination = packet->destination,
                               .deadline = core->now + core->config.reassembly_ms * LA_MILLISECOND,
                               .identification = fragment->identification,
                               .first = PIECE_NONE,
                               .last = PIECE_NONE,
                               .older = r->newest,
                               .newer = REASSEMBLY_NONE,
                               .interface = (uint8_t)interface,
                               .protocol = fragment->protocol,
                               .is_ipv4 = address_is_ipv4(&packet->source)};
    *(r->newest != REASSEMBLY_NONE ? &reassembly_packet(ip, r->newest)->newer : &r->oldest) = number;
    r->newest = number;
    ip->reassembling++;
    return number;
}

/* ---- fragments ---- */

static uint32_t end_of(const struct fragment *f)
{
    return (uint32_t)f->offset + f->length;
}

/* The fragment before the place of this offset; PIECE_NONE: it comes first. Most come in order. */
static uint32_t find_before(const struct ip *ip, const struct reassembling *p, uint32_t offset)
{
    if (p->last != PIECE_NONE && reassembly_fragment(ip, p->last)->offset < offset) {
        return p->last;
    }
    uint32_t before = PIECE_NONE;
    for (uint32_t at = p->first; at != PIECE_NONE && reassembly_fragment(ip, at)->offset < offset;) {
        before = at;
        at = reassembly_fragment(ip, at)->next;
    }
    return before;
}

static bool has_octets(const struct ip *ip, const struct fragment *f, const uint8_t *octets)
{
    struct pieces_memory memory = reassembly_pieces(ip);
    for (uint32_t done = 0; done < f->length;) {
        uint8_t *part = NULL;
        uint32_t n = stream_view(&memory, &f->octets, NULL, f->payload_at + done, f->length - done, &part);
        if (memcmp(part, octets + done, n) != 0) {
            return false;
        }
        done += n;
    }
    return true;
}

/* All fragments agree on where the whole ends, and none lies beyond. */
static bool end_is_possible(const struct ip *ip, const struct reassembling *p, const struct ip_fragment *fragment,
                            uint32_t end)
{
    if (fragment->more) {
        return p->end == 0 || end < p->end;
    }
    bool is_beyond = p->last == PIECE_NONE || end_of(reassembly_fragment(ip, p->last)) < end;
    return p->end == 0 ? is_beyond : end == p->end;
}

/* RFC 8200 4.5 lets what came twice be told from what overlaps. */
static enum la_drop check_place(const struct ip *ip, const struct reassembling *p, uint32_t before,
                                const struct packet *packet, const struct ip_fragment *fragment)
{
    uint32_t length = (uint32_t)packet->payload_length;
    uint32_t after = before != PIECE_NONE ? reassembly_fragment(ip, before)->next : p->first;
    if (!end_is_possible(ip, p, fragment, fragment->offset + length)) {
        return LA_DROP_FRAGMENT_OVERLAP;
    }
    if (before != PIECE_NONE && end_of(reassembly_fragment(ip, before)) > fragment->offset) {
        return LA_DROP_FRAGMENT_OVERLAP;
    }
    if (after == PIECE_NONE || reassembly_fragment(ip, after)->offset >= fragment->offset + length) {
        return LA_DROP_NONE;
    }
    const struct fragment *f = reassembly_fragment(ip, after);
    bool is_same = f->offset == fragment->offset && f->length == length && has_octets(ip, f, packet->payload);
    return is_same ? LA_DROP_FRAGMENT_DUPLICATE : LA_DROP_FRAGMENT_OVERLAP;
}

/* Its pieces, which make_room left; a first one is kept from its IP header on. */
static uint32_t keep_octets(struct ip *ip, const struct packet *packet, const struct ip_fragment *fragment)
{
    struct pieces_memory memory = reassembly_pieces(ip);
    const uint8_t *from = fragment->offset == 0 ? packet->bytes : packet->payload;
    uint32_t payload_at = (uint32_t)(packet->payload - from);
    uint32_t length = payload_at + (uint32_t)packet->payload_length;
    struct stream octets;
    stream_init(&octets);
    while (stream_capacity(memory.pool, &octets) < length) { /* one at a time: what holds here is who_goes's rule */
        uint32_t piece = pieces_take(&memory, 0);
        la_assert(piece != PIECE_NONE);
        if (octets.pieces == 0) {
            octets.head = piece;
        } else {
            memory.links[octets.tail] = piece;
        }
        octets.tail = piece;
        octets.pieces++;
    }
    octets.length = length;
    stream_put(&memory, &octets, 0, from, length);
    *reassembly_fragment(ip, octets.head) = (struct fragment){.octets = octets,
                                                              .next = PIECE_NONE,
                                                              .offset = (uint16_t)fragment->offset,
                                                              .length = (uint16_t)packet->payload_length,
                                                              .payload_at = (uint16_t)payload_at};
    return octets.head;
}

static void link_behind(struct ip *ip, struct reassembling *p, uint32_t before, uint32_t number)
{
    uint32_t *link = before != PIECE_NONE ? &reassembly_fragment(ip, before)->next : &p->first;
    struct fragment *f = reassembly_fragment(ip, number);
    f->next = *link;
    *link = number;
    if (f->next == PIECE_NONE) {
        p->last = number;
    }
    p->fragments++;
    p->received += f->length;
    p->pieces += f->octets.pieces;
}

enum la_drop reassembly_add(struct ip *ip, uint16_t number, const struct packet *packet,
                            const struct ip_fragment *fragment)
{
    const struct reassembly *r = reassembly_of(ip);
    struct reassembling *p = reassembly_packet(ip, number);
    uint32_t before = find_before(ip, p, fragment->offset);
    uint32_t end = fragment->offset + (uint32_t)packet->payload_length;
    enum la_drop why = check_place(ip, p, before, packet, fragment);
    if (why != LA_DROP_NONE) {
        return why;
    }
    uint8_t ecn_seen = (uint8_t)(p->ecn_seen | 1U << (packet->tos & 3));
    if ((ecn_seen & 1U << ECN_NOT_ECT) != 0 && ecn_seen != 1U << ECN_NOT_ECT) {
        return LA_DROP_FRAGMENT_ECN;
    }
    size_t bytes = fragment->offset == 0 ? packet->length : packet->payload_length;
    uint32_t pieces = (uint32_t)((bytes + REASSEMBLY_PIECE_BYTES - 1) / REASSEMBLY_PIECE_BYTES);
    if (packet->length + fragment->offset > r->whole_bytes || p->fragments == FRAGMENTS_MAX ||
        p->pieces + pieces > r->pieces.total / 2) {
        return LA_DROP_FRAGMENTS_FULL;
    }
    make_room(ip, &p->source, 0, pieces, number);
    link_behind(ip, p, before, keep_octets(ip, packet, fragment));
    p->end = fragment->more ? p->end : end;
    p->ecn_seen = ecn_seen;
    return LA_DROP_NONE;
}

/* ---- wholes ---- */

bool reassembly_first(struct ip *ip, uint16_t number, struct packet *first)
{
    const struct reassembling *p = reassembly_packet(ip, number);
    const struct fragment *f = p->first != PIECE_NONE ? reassembly_fragment(ip, p->first) : NULL;
    if (f == NULL || f->offset != 0) {
        return false;
    }
    struct pieces_memory memory = reassembly_pieces(ip);
    uint8_t *whole = core_at(ip_core(ip), reassembly_of(ip)->whole);
    stream_copy(&memory, &f->octets, whole, f->octets.length);
    enum la_drop why =
        p->is_ipv4 ? ipv4_parse(whole, f->octets.length, first) : ipv6_parse(whole, f->octets.length, first);
    la_assert(why == LA_DROP_IP_FRAGMENT);
    return true;
}

/* RFC 3168 5.3: one that met congestion tells it of the whole. */
static uint8_t tos_of_whole(const struct reassembling *p, uint8_t tos_of_first)
{
    return (uint8_t)(tos_of_first | ((p->ecn_seen >> ECN_CE & 1) != 0 ? ECN_CE : 0));
}

size_t reassembly_join(struct ip *ip, uint16_t number)
{
    const struct reassembly *r = reassembly_of(ip);
    const struct reassembling *p = reassembly_packet(ip, number);
    struct pieces_memory memory = reassembly_pieces(ip);
    uint8_t *whole = core_at(ip_core(ip), r->whole);
    struct packet packet;
    bool has_first = reassembly_first(ip, number, &packet);
    la_assert(has_first);
    const struct ip_fragment first = ip_fragment(&packet);
    size_t length = first.before_bytes + (size_t)p->end;
    size_t most = p->is_ipv4 ? UINT16_MAX : IPV6_HEADER_BYTES + (size_t)UINT16_MAX;
    if (length > most || length > r->whole_bytes) {
        return 0;
    }
    memmove(whole + first.before_bytes, packet.payload, packet.payload_length); /* over the fragment header */
    uint8_t *to = whole + first.before_bytes + packet.payload_length;
    for (uint32_t at = reassembly_fragment(ip, p->first)->next; at != PIECE_NONE;) {
        const struct fragment *f = reassembly_fragment(ip, at);
        stream_copy(&memory, &f->octets, to, f->length);
        to += f->length;
        at = f->next;
    }
    la_assert(to == whole + length);
    ip_fragments_join(whole, length, &first);
    ip_set_tos(whole, tos_of_whole(p, packet.tos));
    return length;
}
