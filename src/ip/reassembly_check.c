#include "reassembly.h"

/* The free pieces, each counted once; what is beyond is a circle. */
static uint32_t free_pieces(const struct ip *ip)
{
    struct pieces_memory memory = reassembly_pieces(ip);
    uint32_t count = 0;
    for (uint32_t at = memory.pool->free_head; at != PIECE_NONE && count <= memory.pool->total; at = memory.links[at]) {
        count++;
    }
    return count;
}

static uint32_t chain_pieces(const struct ip *ip, const struct stream *octets)
{
    struct pieces_memory memory = reassembly_pieces(ip);
    uint32_t count = 0;
    for (uint32_t at = octets->head; at != PIECE_NONE && count <= memory.pool->total; at = memory.links[at]) {
        count++;
    }
    return count;
}

static const char *fragments_check(const struct ip *ip, const struct reassembling *p)
{
    uint32_t count = 0;
    uint32_t octets = 0;
    uint32_t pieces = 0;
    uint32_t end = 0;
    uint32_t last = PIECE_NONE;
    for (uint32_t at = p->first; at != PIECE_NONE; at = reassembly_fragment(ip, at)->next) {
        const struct fragment *f = reassembly_fragment(ip, at);
        if (f->offset < end || f->length == 0 || ++count > FRAGMENTS_MAX) {
            return "reassembly: fragments follow each other, and do not overlap";
        }
        if (f->octets.head != at || chain_pieces(ip, &f->octets) != f->octets.pieces ||
            f->octets.length != (uint32_t)f->payload_at + f->length) {
            return "reassembly: a fragment's chain holds its octets";
        }
        end = (uint32_t)f->offset + f->length;
        octets += f->length;
        pieces += f->octets.pieces;
        last = at;
    }
    if (p->end != 0 && !reassembly_is_refused(p) && (end > p->end || octets >= p->end)) {
        return "reassembly: what is whole does not wait";
    }
    bool holds = count == p->fragments && octets == p->received && pieces == p->pieces && last == p->last;
    return holds && (count > 0) != reassembly_is_refused(p) ? NULL : "reassembly: a packet counts its fragments";
}

const char *reassembly_check(const struct ip *ip)
{
    if (ip_core(ip)->config.reassembly_bytes == 0) {
        return ip->reassembling == 0 ? NULL : "reassembly: none without room";
    }
    const struct reassembly *r = reassembly_of(ip);
    uint32_t count = 0;
    uint32_t pieces = 0;
    uint16_t older = REASSEMBLY_NONE;
    la_time deadline = 0;
    for (uint16_t number = r->oldest; number != REASSEMBLY_NONE;
         older = number, number = reassembly_packet(ip, number)->newer) {
        const struct reassembling *p = reassembly_packet(ip, number);
        if (p->older != older || p->deadline < deadline || ++count > r->capacity) {
            return "reassembly: packets stand in the order of their deadlines";
        }
        const char *wrong = fragments_check(ip, p);
        if (wrong != NULL) {
            return wrong;
        }
        deadline = p->deadline;
        pieces += p->pieces;
    }
    uint32_t unused = 0;
    for (uint16_t number = r->free; number != REASSEMBLY_NONE && unused <= r->capacity; unused++) {
        number = reassembly_packet(ip, number)->newer;
    }
    if (r->newest != older || count != ip->reassembling || count + unused != r->capacity) {
        return "reassembly: each packet is in use or free";
    }
    bool holds = free_pieces(ip) == r->pieces.free_count && pieces + r->pieces.free_count == r->pieces.total;
    return holds ? NULL : "reassembly: each piece is a fragment's or free";
}
