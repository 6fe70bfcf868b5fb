#include "wire/nd.h"

#include "base/bytes.h"

const struct la_address nd_all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const struct la_address nd_all_routers = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

enum nd_option { OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2, OPTION_PREFIX = 3, OPTION_MTU = 5 };

/* Octets that an option takes; its length counts in these. */
#define OPTION_UNIT  8
#define PREFIX_BYTES 32

struct option {
    uint8_t kind;
    const uint8_t *octets; /* from its kind on */
    size_t length;
};

static size_t options_at(uint8_t type)
{
    switch (type) {
    case ICMPV6_ROUTER_SOLICITATION: return 8;
    case ICMPV6_ROUTER_ADVERTISEMENT: return 16;
    case ICMPV6_NEIGHBOR_SOLICITATION:
    case ICMPV6_NEIGHBOR_ADVERTISEMENT: return 24;
    }
    return 40; /* ICMPV6_REDIRECT */
}

static struct reader options_of(const struct packet *packet, uint8_t type)
{
    return reader_of(packet->payload + options_at(type), packet->payload_length - options_at(type));
}

/* False: there is none left, or what is left is none, which the reader then says. */
static bool next_option(struct reader *r, struct option *option)
{
    if (reader_left(r) == 0) {
        return false;
    }
    option->octets = r->at;
    option->kind = read_u8(r);
    option->length = (size_t)read_u8(r) * OPTION_UNIT;
    r->failed = r->failed || option->length == 0;
    reader_skip(r, option->length - 2);
    return !r->failed;
}

static bool read_options(const struct packet *packet, struct nd *nd)
{
    uint8_t kind = nd->type == ICMPV6_NEIGHBOR_ADVERTISEMENT ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;
    struct reader r = options_of(packet, nd->type);
    struct option option;
    while (next_option(&r, &option)) {
        if (option.kind == kind && option.length == OPTION_UNIT) {
            memcpy(nd->mac.octets, option.octets + 2, sizeof nd->mac.octets);
            nd->has_mac = mac_is_station(&nd->mac);
        }
    }
    return !r.failed;
}

/* RFC 4861 7.1.1: who asks without an address asks the solicited-node group, and does not say its own. */
static bool solicitation_is_valid(const struct packet *packet, const struct nd *nd)
{
    if (!address_is_any(&packet->source)) {
        return true;
    }
    struct la_address group = nd_solicited_node(&nd->target);
    return address_equal(&packet->destination, &group) && !nd->has_mac;
}

static bool is_valid(const struct packet *packet, const struct nd *nd)
{
    switch (nd->type) {
    case ICMPV6_NEIGHBOR_SOLICITATION: return !address_is_multicast(&nd->target) && solicitation_is_valid(packet, nd);
    case ICMPV6_NEIGHBOR_ADVERTISEMENT: /* 7.1.2 */
        return !address_is_multicast(&nd->target) &&
               ((nd->flags & ND_SOLICITED) == 0 || !address_is_multicast(&packet->destination));
    case ICMPV6_ROUTER_SOLICITATION: return !(address_is_any(&packet->source) && nd->has_mac);
    case ICMPV6_ROUTER_ADVERTISEMENT:
    case ICMPV6_REDIRECT: return address_is_link_local(&packet->source);
    }
    return false;
}

bool nd_parse(const struct packet *packet, uint8_t type, struct nd *nd)
{
    *nd = (struct nd){.type = type};
    if (type == ICMPV6_NEIGHBOR_SOLICITATION || type == ICMPV6_NEIGHBOR_ADVERTISEMENT) {
        nd->flags = type == ICMPV6_NEIGHBOR_ADVERTISEMENT ? packet->payload[4] : 0;
        memcpy(nd->target.octets, packet->payload + 8, sizeof nd->target.octets);
    }
    return read_options(packet, nd) && is_valid(packet, nd);
}

struct nd_router nd_router(const struct packet *packet)
{
    struct nd_router router = {.lifetime_s = get_u16(packet->payload + 6)};
    struct reader r = options_of(packet, ICMPV6_ROUTER_ADVERTISEMENT);
    struct option option;
    while (next_option(&r, &option)) {
        if (option.kind == OPTION_MTU && option.length == OPTION_UNIT) {
            router.mtu = get_u32(option.octets + 4);
        }
    }
    return router;
}

bool nd_prefix(const struct packet *packet, unsigned number, struct nd_prefix *prefix)
{
    struct reader r = options_of(packet, ICMPV6_ROUTER_ADVERTISEMENT);
    struct option option;
    unsigned seen = 0;
    while (next_option(&r, &option)) {
        if (option.kind != OPTION_PREFIX || option.length != PREFIX_BYTES || seen++ != number) {
            continue;
        }
        *prefix = (struct nd_prefix){.bits = option.octets[2],
                                     .on_link = (option.octets[3] & 0x80) != 0,
                                     .autonomous = (option.octets[3] & 0x40) != 0,
                                     .valid_s = get_u32(option.octets + 4),
                                     .preferred_s = get_u32(option.octets + 8)};
        memcpy(prefix->prefix.octets, option.octets + 16, sizeof prefix->prefix.octets);
        return true;
    }
    return false;
}

size_t nd_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, const struct nd *nd)
{
    const struct icmpv6_header header = {.source = *source,
                                         .destination = *destination,
                                         .hop_limit = ND_HOP_LIMIT,
                                         .type = nd->type,
                                         .rest = (uint32_t)nd->flags << 24};
    uint8_t body[16 + OPTION_UNIT];
    struct writer w = writer_of(body, sizeof body);
    if (nd->type != ICMPV6_ROUTER_SOLICITATION) {
        write_bytes(&w, nd->target.octets, sizeof nd->target.octets);
    }
    if (nd->has_mac) {
        write_u8(&w, nd->type == ICMPV6_NEIGHBOR_ADVERTISEMENT ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC);
        write_u8(&w, 1);
        write_bytes(&w, nd->mac.octets, sizeof nd->mac.octets);
    }
    return icmpv6_emit(to, &header, body, (size_t)(w.at - body));
}

struct la_address nd_solicited_node(const struct la_address *address)
{
    struct la_address group = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    memcpy(group.octets + 13, address->octets + 13, 3);
    return group;
}

struct mac nd_group_mac(const struct la_address *group)
{
    struct mac mac = {{0x33, 0x33}};
    memcpy(mac.octets + 2, group->octets + 12, 4);
    return mac;
}
