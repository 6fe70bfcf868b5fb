#include "pack.h"

#include <string.h>

#include "host/host.h"
#include "tcp/connection.h"
#include "tcp/listener.h"

/* ---- the digest ---- */

/* A product of 64 by 64 bits, folded: each bit of the operands reaches each bit of the result. */
static uint64_t folded(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const uint8_t *octets)
{
    uint64_t word;
    memcpy(&word, octets, sizeof word);
    return word;
}

struct digest digest_octets(const void *octets, size_t length)
{
    const uint64_t k[4] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd1b54a32d192ed03), UINT64_C(0xaef17502108ef2d9),
                           UINT64_C(0x8bb84b93962eacc9)};
    const uint8_t *at = octets;
    uint64_t a = k[0] ^ length;
    uint64_t b = k[1] + length;
    for (; length >= 16; length -= 16, at += 16) {
        uint64_t x = word_at(at);
        uint64_t y = word_at(at + 8);
        a = folded(x ^ k[0] ^ a, y ^ k[1]);
        b = folded(y ^ k[2] ^ b, x ^ k[3]) + a;
    }
    uint8_t rest[16] = {0};
    memcpy(rest, at, length);
    a = folded(word_at(rest) ^ k[2] ^ a, word_at(rest + 8) ^ k[3]);
    b = folded(word_at(rest + 8) ^ k[0] ^ b, word_at(rest) ^ k[1]) + a;
    return (struct digest){{folded(a ^ k[1], b ^ k[2]), folded(b ^ k[3], a ^ k[0])}};
}

/* ---- a host ---- */

/* What of a host is alive beside its arrays. */
struct host_state {
    uint32_t pieces_free;
    uint32_t orphans;
    uint32_t ready_first;
    uint32_t ready_last;
    uint32_t starved;
    uint32_t starved_next;
    uint32_t starved_left;
    uint32_t starved_seen;
    uint32_t given_back;
    uint16_t waits_used;
    uint16_t waits_waiting;
    uint16_t timers_count;
    uint8_t in_use; /* bit: slots */
    uint8_t listens;
};

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return to + bytes;
}

static const uint8_t *get(void *to, const uint8_t *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return from + bytes;
}

/* Arrays that are kept as they lie. */
#define HEAP_BYTES    timers_bytes(WORLD_CONNECTIONS)
#define BUCKETS_BYTES (WORLD_CONNECTIONS * sizeof(uint32_t))

size_t pack_host(const la_host *host, uint8_t *to)
{
    const struct tcp *tcp = &host->tcp;
    const struct core *core = &host->core;
    const struct pieces_memory memory = tcp_pieces(tcp);
    struct host_state state = {.pieces_free = tcp->pieces.free_count,
                               .orphans = tcp->orphans,
                               .ready_first = tcp->ready_first,
                               .ready_last = tcp->ready_last,
                               .starved = tcp->starved,
                               .starved_next = tcp->starved_next,
                               .starved_left = tcp->starved_left,
                               .starved_seen = tcp->starved_seen,
                               .given_back = tcp->pieces.given_back,
                               .waits_used = (uint16_t)tcp->waits[0].used,
                               .waits_waiting = (uint16_t)tcp->waits[0].waiting,
                               .timers_count = (uint16_t)tcp->timers.count,
                               .listens = listener_at(tcp, 0)->in_use};
    uint8_t *at = to + sizeof state;
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        const struct connection *c = connection_at(tcp, slot);
        if (c->in_use) {
            state.in_use |= (uint8_t)(1U << slot);
            at = put(at, c, sizeof *c);
        }
    }
    memcpy(to, &state, sizeof state);
    at = put(at, core_at(core, tcp->buckets), BUCKETS_BYTES);
    at = put(at, core_at(core, tcp->timer_entries), HEAP_BYTES);
    at = put(at, output_list_at(tcp, 0), sizeof(struct output_list));
    if (state.listens) {
        at = put(at, listener_at(tcp, 0), sizeof(struct listener));
    }
    uint32_t used = tcp->pieces.total - tcp->pieces.free_count;
    at = put(at, memory.links, used * sizeof(uint32_t));
    at = put(at, memory.octets, (size_t)used * tcp->pieces.piece_bytes);
    if (state.waits_used > 0) {
        at = put(at, core_at(core, tcp->waits[0].records), (size_t)state.waits_used * tcp->waits[0].record_bytes);
    }
    la_assert(at - to <= PACKED_HOST_MAX);
    return (size_t)(at - to);
}

static const uint8_t *unpack_connections(struct tcp *tcp, unsigned in_use, const uint8_t *from)
{
    uint32_t next = NONE;
    tcp->connections_in_use = 0;
    for (uint32_t slot = 0; slot < WORLD_CONNECTIONS; slot++) {
        if ((in_use >> slot & 1) != 0) {
            from = get(connection_at(tcp, slot), from, sizeof(struct connection));
            tcp->connections_in_use++;
        }
    }
    for (uint32_t slot = WORLD_CONNECTIONS; slot-- > 0;) {
        struct connection *c = connection_at(tcp, slot);
        if ((in_use >> slot & 1) == 0) {
            memset(c, 0, sizeof *c);
            c->hash_next = next;
            next = slot;
        }
    }
    tcp->free_connection = next;
    return from;
}

static const uint8_t *unpack_pieces(struct tcp *tcp, const uint8_t *from)
{
    const struct pieces_memory memory = tcp_pieces(tcp); /* its links are the pool's own */
    uint32_t used = tcp->pieces.total - tcp->pieces.free_count;
    from = get(memory.links, from, used * sizeof(uint32_t));
    from = get(memory.octets, from, (size_t)used * tcp->pieces.piece_bytes);
    for (uint32_t piece = used; piece < tcp->pieces.total; piece++) {
        /* cppcheck-suppress unreadVariable ; memory is a view of the pool: who takes a piece reads it */
        memory.links[piece] = piece + 1 < tcp->pieces.total ? piece + 1 : PIECE_NONE;
    }
    tcp->pieces.free_head = used < tcp->pieces.total ? used : PIECE_NONE;
    return from;
}

static void unpack_state(struct tcp *tcp, const struct host_state *state)
{
    tcp->pieces.free_count = state->pieces_free;
    tcp->pieces.given_back = state->given_back;
    tcp->orphans = state->orphans;
    tcp->ready_first = state->ready_first;
    tcp->ready_last = state->ready_last;
    tcp->starved = state->starved;
    tcp->starved_next = state->starved_next;
    tcp->starved_left = state->starved_left;
    tcp->starved_seen = state->starved_seen;
    tcp->waits[0].tail = 0;
    tcp->waits[0].used = state->waits_used;
    tcp->waits[0].waiting = state->waits_waiting;
    tcp->timers.count = state->timers_count;
}

void unpack_host(la_host *host, const uint8_t *from, size_t bytes)
{
    struct tcp *tcp = &host->tcp;
    struct core *core = &host->core;
    struct host_state state;
    const uint8_t *at = get(&state, from, sizeof state);
    unpack_state(tcp, &state);
    at = unpack_connections(tcp, state.in_use, at);
    at = get(core_at(core, tcp->buckets), at, BUCKETS_BYTES);
    at = get(core_at(core, tcp->timer_entries), at, HEAP_BYTES);
    at = get(output_list_at(tcp, 0), at, sizeof(struct output_list));
    if (state.listens) {
        at = get(listener_at(tcp, 0), at, sizeof(struct listener));
    }
    at = unpack_pieces(tcp, at);
    if (state.waits_used > 0) {
        at = get(core_at(core, tcp->waits[0].records), at, (size_t)state.waits_used * tcp->waits[0].record_bytes);
    }
    la_assert((size_t)(at - from) == bytes);
    core->replies.head = 0;
    core->replies.tail = 0;
    core->replies.used = 0;
    core->trace.first = 0;
    core->trace.count = 0;
    core->now = WORLD_NOW;
    core->now_ms = WORLD_NOW_MS;
    core->now_ms_up = WORLD_NOW_MS;
}

/* ---- a world ---- */

#define FLYING_HEAD offsetof(struct flying, packet)

static uint8_t *pack_network(const struct network *network, uint8_t *to)
{
    for (unsigned i = 0; i < network->count; i++) {
        const struct flying *flying = &network->flight[i];
        to = put(to, flying, FLYING_HEAD + flying->length);
    }
    return to;
}

static const uint8_t *host_octets(const struct packed *packed, unsigned host)
{
    return packed->octets + (host == 0 ? 0 : packed->host_bytes[0]);
}

void pack_world(const struct world *world, const struct packed *before, unsigned touched, struct packed *to)
{
    uint8_t *at = to->octets;
    for (unsigned host = 0; host < 2; host++) {
        if (before != NULL && (touched >> host & 1) == 0) {
            to->host_bytes[host] = before->host_bytes[host];
            to->host_digest[host] = before->host_digest[host];
            at = put(at, host_octets(before, host), before->host_bytes[host]);
            continue;
        }
        size_t bytes = pack_host(world_host(world, host), at);
        to->host_bytes[host] = (uint16_t)bytes;
        to->host_digest[host] = digest_octets(at, bytes);
        at += bytes;
    }
    to->ghost = world->ghost;
    to->flying = world->network.count;
    to->silent_run = world->silent_run;
    at = pack_network(&world->network, at);
    to->bytes = (uint32_t)(at - (uint8_t *)to);
}

void unpack_world(struct world *world, const struct packed *from, unsigned hosts)
{
    for (unsigned host = 0; host < 2; host++) {
        if ((hosts >> host & 1) != 0) {
            unpack_host(world_host(world, host), host_octets(from, host), from->host_bytes[host]);
        }
    }
    world->ghost = from->ghost;
    world->silent_run = from->silent_run;
    world->network.count = from->flying;
    const uint8_t *at = host_octets(from, 1) + from->host_bytes[1];
    for (unsigned i = 0; i < from->flying; i++) {
        struct flying *flying = &world->network.flight[i];
        at = get(flying, at, FLYING_HEAD);
        at = get(flying->packet, at, flying->length);
        memset(flying->packet + flying->length, 0, sizeof flying->packet - flying->length);
    }
}

struct digest pack_digest(const struct packed *packed)
{
    const uint8_t *network = host_octets(packed, 1) + packed->host_bytes[1];
    size_t bytes = (size_t)((const uint8_t *)packed + packed->bytes - network);
    const struct digest parts[4] = {packed->host_digest[0], packed->host_digest[1],
                                    digest_octets(&packed->ghost, sizeof packed->ghost), digest_octets(network, bytes)};
    return digest_octets(parts, sizeof parts);
}
