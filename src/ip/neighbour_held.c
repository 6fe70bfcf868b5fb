#include "neighbour_private.h"

/* Packets that wait until their neighbour is known, the latest of each (RFC 1122 2.3.2.2, RFC 4861 7.2.2). They lie in
   a ring of their own, so that none of them is in the way of a packet that can leave; where it is full, the one that
   has waited for longest gives way. In front of each stands the number of its entry. */

#define NUMBER_BYTES sizeof(uint32_t)

size_t held_bytes(const struct la_config *config)
{
    return HELD_BYTES_LEAST + (size_t)config->neighbours * HELD_BYTES_EACH;
}

static struct replies *ring_of(const struct ip *ip)
{
    return &neighbour_table(ip)->held;
}

static uint8_t *octets_of(const struct ip *ip)
{
    return (uint8_t *)neighbour_at(ip, ip_core(ip)->config.neighbours);
}

void held_drop(struct ip *ip, struct neighbour *n)
{
    if (n->held != HELD_NONE) {
        replies_remove(ring_of(ip), octets_of(ip), n->held);
        n->held = HELD_NONE;
        neighbour_drop(ip, LA_DROP_UNRESOLVED, n->interface);
    }
}

static void drop_oldest(struct ip *ip)
{
    uint32_t number;
    size_t length;
    memcpy(&number, replies_at(octets_of(ip), replies_oldest(ring_of(ip)), &length), NUMBER_BYTES);
    held_drop(ip, neighbour_at(ip, number));
}

void held_keep(struct ip *ip, struct neighbour *n, const uint8_t *packet, size_t length)
{
    struct replies *ring = ring_of(ip);
    const uint32_t number = (uint32_t)(n - neighbour_at(ip, 0));
    held_drop(ip, n);
    if (length > UINT16_MAX - NUMBER_BYTES || replies_record_bytes(NUMBER_BYTES + length) > ring->bytes) {
        neighbour_drop(ip, LA_DROP_UNRESOLVED, n->interface);
        return;
    }
    uint8_t *room = replies_reserve(ring, octets_of(ip), n->interface, NUMBER_BYTES + length);
    while (room == NULL) { /* it has room in the end: an empty ring is all of a piece */
        drop_oldest(ip);
        room = replies_reserve(ring, octets_of(ip), n->interface, NUMBER_BYTES + length);
    }
    memcpy(room, &number, NUMBER_BYTES);
    memcpy(room + NUMBER_BYTES, packet, length);
    n->held = ring->head;
    replies_commit(ring, octets_of(ip), n->interface, NUMBER_BYTES + length);
}

const uint8_t *held_packet(const struct ip *ip, const struct neighbour *n, size_t *length)
{
    if (n->held == HELD_NONE) {
        return NULL;
    }
    const uint8_t *octets = replies_at(octets_of(ip), n->held, length);
    *length -= NUMBER_BYTES;
    return octets + NUMBER_BYTES;
}

void held_send(struct ip *ip, struct neighbour *n)
{
    struct core *core = ip_core(ip);
    size_t length;
    const uint8_t *packet = held_packet(ip, n, &length);
    if (packet == NULL) {
        return;
    }
    uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), n->interface, length);
    if (room == NULL) {
        core_drop(core, LA_DROP_REPLIES_FULL);
    } else {
        memcpy(room, packet, length);
        replies_commit(&core->replies, ip_replies_ring(ip), n->interface, length);
    }
    replies_remove(ring_of(ip), octets_of(ip), n->held);
    n->held = HELD_NONE;
}
