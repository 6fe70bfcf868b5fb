#include "base/address.h"
#include "base/assert.h"
#include "neighbour.h"
#include "tables.h"
#include "wire/tcp.h"

size_t ip_addresses_bytes(const struct la_config *config)
{
    return sizeof(struct ip_prefix) * config->addresses;
}

int ip_interface_add(struct ip *ip, unsigned mtu)
{
    if (mtu < 576 || mtu > UINT16_MAX) { /* RFC 1122 3.3.2: what every host takes */
        return LA_ERROR_INVALID;
    }
    if (ip->interface_count == ip_core(ip)->config.interfaces) {
        return LA_ERROR_NO_INTERFACE;
    }
    *core_interface(ip_core(ip), ip->interface_count) = (struct interface){.mtu = (uint16_t)mtu};
    return (int)ip->interface_count++;
}

unsigned ip_interface_mtu(const struct ip *ip, unsigned interface)
{
    return interface < ip->interface_count ? core_interface(ip_core(ip), interface)->mtu : 0;
}

bool ip_is_ethernet(const struct ip *ip, unsigned interface)
{
    return interface < ip->interface_count && core_interface(ip_core(ip), interface)->is_ethernet;
}

bool ip_is_broadcast_of(const struct la_address *address, const struct ip_prefix *prefix)
{
    if (!address_is_ipv4(address) || prefix->bits < ADDRESS_IPV4_PREFIX || prefix->bits > ADDRESS_IPV4_PREFIX + 30) {
        return false;
    }
    uint32_t host = UINT32_MAX >> (prefix->bits - ADDRESS_IPV4_PREFIX);
    return (get_u32(address->octets + ADDRESS_IPV4_AT) & host) == host &&
           address_in_prefix(address, &prefix->address, prefix->bits);
}

bool ip_is_no_host(const struct la_address *address)
{
    if (!address_is_ipv4(address)) {
        return address_is_any(address) || address_is_multicast(address) || address_is_loopback(address);
    }
    uint8_t first = address->octets[ADDRESS_IPV4_AT];
    return first == 0 || first == 127 || first >= 224;
}

bool ip_is_subnet_broadcast(const struct ip *ip, const struct la_address *address)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->ipv4_count; i++) {
        if (ip_is_broadcast_of(address, &addresses[i])) {
            return true;
        }
    }
    return false;
}

const struct ip_prefix *ip_find_address(const struct ip *ip, const struct la_address *address)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (address_equal(&addresses[i].address, address)) {
            return &addresses[i];
        }
    }
    return NULL;
}

bool ip_is_ours(const struct ip *ip, const struct la_address *address)
{
    return ip_find_address(ip, address) != NULL;
}

bool ip_is_our_group(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    static const struct la_address all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    static const struct la_address solicited_node = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}};
    bool is_solicited_node = address_in_prefix(address, &solicited_node, 104);
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = ip->ipv4_count; is_solicited_node && i < ip->address_count; i++) {
        const struct la_address *own = &addresses[i].address;
        if (addresses[i].interface == interface && memcmp(own->octets + 13, address->octets + 13, 3) == 0) {
            return true;
        }
    }
    return address_equal(address, &all_nodes);
}

/* One of our addresses would be the new prefix's broadcast. */
static bool makes_broadcast(const struct ip *ip, const struct ip_prefix *added)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->ipv4_count; i++) {
        if (ip_is_broadcast_of(&addresses[i].address, added)) {
            return true;
        }
    }
    return false;
}

/* The last ACK of a connection, with timestamps, goes through the queue of replies: without room for it none could be
   closed. */
#define LAST_ACK_BYTES (IPV6_HEADER_BYTES + TCP_HEADER_BYTES + TCP_TIMESTAMP_BYTES)

/* The prefix itself, which is every router's on that link (RFC 4291 2.6.1); not where the link has two ends only
   (RFC 6164 5.1). */
static bool is_routers_anycast(const struct ip_prefix *added)
{
    struct la_address prefix = address_prefix(&added->address, added->bits);
    return !address_is_ipv4(&prefix) && added->bits < 127 && address_equal(&prefix, &added->address);
}

enum la_error ip_prefix_error(const struct ip *ip, unsigned interface, const struct la_address *address,
                              unsigned prefix_length)
{
    if (interface >= ip->interface_count) {
        return LA_ERROR_NO_INTERFACE;
    }
    if (address_is_ipv4(address)) {
        return prefix_length <= 32 ? LA_OK : LA_ERROR_INVALID;
    }
    bool has_room = ip_interface_mtu(ip, interface) >= IPV6_MTU_MIN &&
                    ip_core(ip)->replies.bytes >= replies_record_bytes(LAST_ACK_BYTES);
    return prefix_length <= 128 && has_room ? LA_OK : LA_ERROR_INVALID;
}

/* IPv4's stand before IPv6's, each family's in the order in which they came. */
static void insert(struct ip *ip, const struct ip_prefix *added)
{
    struct ip_prefix *addresses = ip_addresses(ip);
    uint32_t at = ip->address_count;
    if (address_is_ipv4(&added->address)) {
        at = ip->ipv4_count;
        memmove(&addresses[at + 1], &addresses[at], (ip->address_count - at) * sizeof *addresses);
        ip->ipv4_count++;
    }
    addresses[at] = *added;
    ip->address_count++;
}

static enum la_error assignment_error(const struct ip *ip, const struct ip_prefix *added)
{
    const struct la_address *address = &added->address;
    if (ip_is_no_host(address) || ip_is_broadcast_of(address, added) || ip_is_subnet_broadcast(ip, address) ||
        makes_broadcast(ip, added) || is_routers_anycast(added)) {
        return LA_ERROR_INVALID;
    }
    if (ip_is_ours(ip, address)) {
        return LA_ERROR_IN_USE;
    }
    return ip->address_count < ip_core(ip)->config.addresses ? LA_OK : LA_ERROR_NO_ADDRESS;
}

int ip_address_add(struct ip *ip, unsigned interface, const struct la_address *address, unsigned prefix_length)
{
    enum la_error error = ip_prefix_error(ip, interface, address, prefix_length);
    if (error != LA_OK) {
        return error;
    }
    const struct ip_prefix added = ip_prefix_of(ip, interface, address, prefix_length);
    error = assignment_error(ip, &added);
    if (error != LA_OK) {
        return error;
    }
    if (ip_is_ethernet(ip, interface)) {
        return ip_claim(ip, &added);
    }
    insert(ip, &added);
    return LA_OK;
}

enum la_error ip_address_assign(struct ip *ip, const struct ip_prefix *prefix)
{
    enum la_error error = assignment_error(ip, prefix);
    if (error == LA_OK) {
        struct ip_prefix added = *prefix;
        added.order = ip_next_order(ip);
        insert(ip, &added);
    }
    return error;
}

/* RFC 1122 3.2.1.3: a source must be one host's, and our own is nobody else's (RFC 9293 3.9.2.3, MUST-63). */
bool ip_source_is_valid(const struct ip *ip, const struct la_address *source)
{
    return !ip_is_no_host(source) && !ip_is_subnet_broadcast(ip, source) && !ip_is_ours(ip, source);
}

/* The broadcast of an IPv4 prefix of ours, as a host-order word; our own address, which is nobody else's either, where
   there is none (RFC 3021). */
static inline uint32_t broadcast_of(uint32_t own, unsigned bits)
{
    return bits < 31 ? own | UINT32_MAX >> bits : own;
}

static inline uint32_t ipv4_of(const struct la_address *address)
{
    return get_u32(address->octets + ADDRESS_IPV4_AT);
}

/* RFC 9293 3.9.2.3, MUST-57, MUST-63. One pass over the family's addresses: this is on the way of every packet. Only an
   address of the very interface is taken (the strong model of RFC 1122 3.3.4.2); none of ours is a broadcast, as
   ip_address_add sees to it. */
static enum la_drop check_ipv4(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    uint32_t source = ipv4_of(&packet->source);
    uint32_t destination = ipv4_of(&packet->destination);
    if (source - (UINT32_C(1) << 24) >= UINT32_C(223) << 24 || source >> 24 == 127) {
        return LA_DROP_IP_SOURCE;
    }
    bool may_be_broadcast = (source & 3) == 3; /* one has two bits of host at least, all of them ones */
    bool destination_is_ours = false;
    const struct ip_prefix *end = addresses + ip->ipv4_count;
    for (const struct ip_prefix *prefix = addresses; prefix < end; prefix++) {
        uint32_t own = ipv4_of(&prefix->address);
        if (own == destination && prefix->interface == interface) {
            destination_is_ours = true;
        }
        if (source == own || (may_be_broadcast && source == broadcast_of(own, prefix->bits - ADDRESS_IPV4_PREFIX))) {
            return LA_DROP_IP_SOURCE;
        }
    }
    return destination_is_ours ? LA_DROP_NONE : LA_DROP_IP_DESTINATION;
}

static enum la_drop check_ipv6(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    const struct ip_prefix *end = addresses + ip->address_count;
    bool destination_is_ours = false;
    if (ip_is_no_host(&packet->source)) {
        return LA_DROP_IP_SOURCE;
    }
    for (const struct ip_prefix *prefix = addresses + ip->ipv4_count; prefix < end; prefix++) {
        if (address_equal(&prefix->address, &packet->source)) {
            return LA_DROP_IP_SOURCE;
        }
        if (prefix->interface == interface && address_equal(&prefix->address, &packet->destination)) {
            destination_is_ours = true;
        }
    }
    return destination_is_ours ? LA_DROP_NONE : LA_DROP_IP_DESTINATION;
}

enum la_drop ip_check(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    return address_is_ipv4(&packet->destination) ? check_ipv4(ip, interface, packet)
                                                 : check_ipv6(ip, interface, packet);
}
