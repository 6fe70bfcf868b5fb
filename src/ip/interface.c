#include "base/address.h"
#include "base/assert.h"
#include "tables.h"

size_t ip_interfaces_bytes(const struct la_config *config)
{
    return sizeof(struct ip_interface) * config->interfaces;
}

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
    ip_interfaces(ip)[ip->interface_count] = (struct ip_interface){.mtu = (uint16_t)mtu};
    return (int)ip->interface_count++;
}

unsigned ip_interface_mtu(const struct ip *ip, unsigned interface)
{
    return interface < ip->interface_count ? ip_interfaces(ip)[interface].mtu : 0;
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
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (ip_is_broadcast_of(address, &addresses[i])) {
            return true;
        }
    }
    return false;
}

bool ip_is_ours(const struct ip *ip, const struct la_address *address)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (address_equal(&addresses[i].address, address)) {
            return true;
        }
    }
    return false;
}

/* One of our addresses would be the new prefix's broadcast. */
static bool makes_broadcast(const struct ip *ip, const struct ip_prefix *added)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    for (uint32_t i = 0; i < ip->address_count; i++) {
        if (ip_is_broadcast_of(&addresses[i].address, added)) {
            return true;
        }
    }
    return false;
}

int ip_address_add(struct ip *ip, unsigned interface, const struct la_address *address, unsigned prefix_length)
{
    if (interface >= ip->interface_count) {
        return LA_ERROR_NO_INTERFACE;
    }
    if (!address_is_ipv4(address) || prefix_length > 32) { /* IPv6 has no file in wire/ yet */
        return LA_ERROR_INVALID;
    }
    struct ip_prefix added = {.address = *address,
                              .order = ip->address_count + ip->route_count,
                              .bits = (uint8_t)(prefix_length + ADDRESS_IPV4_PREFIX),
                              .interface = (uint8_t)interface};
    if (ip_is_no_host(address) || ip_is_broadcast_of(address, &added) || ip_is_subnet_broadcast(ip, address) ||
        makes_broadcast(ip, &added)) {
        return LA_ERROR_INVALID;
    }
    if (ip_is_ours(ip, address)) {
        return LA_ERROR_IN_USE;
    }
    if (ip->address_count == ip_core(ip)->config.addresses) {
        return LA_ERROR_NO_ADDRESS;
    }
    ip_addresses(ip)[ip->address_count++] = added;
    return LA_OK;
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

/* RFC 9293 3.9.2.3, MUST-57, MUST-63. One pass over the addresses: this is on the way of every packet. Only an address
   of the very interface is taken (the strong model of RFC 1122 3.3.4.2); none of ours is a broadcast, as
   ip_address_add sees to it. */
enum la_drop ip_check(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    const struct ip_prefix *addresses = ip_addresses(ip);
    uint32_t source = ipv4_of(&packet->source);
    uint32_t destination = ipv4_of(&packet->destination);
    bool source_is_bad = source - (UINT32_C(1) << 24) >= UINT32_C(223) << 24 || source >> 24 == 127;
    bool may_be_broadcast = (source & 3) == 3; /* one has two bits of host at least, all of them ones */
    bool destination_is_ours = false;
    const struct ip_prefix *end = addresses + ip->address_count;
    for (const struct ip_prefix *prefix = addresses; prefix < end; prefix++) {
        uint32_t own = ipv4_of(&prefix->address);
        if (own == destination && prefix->interface == interface) {
            destination_is_ours = true;
        }
        if (source == own || (may_be_broadcast && source == broadcast_of(own, prefix->bits - ADDRESS_IPV4_PREFIX))) {
            return LA_DROP_IP_SOURCE;
        }
    }
    if (source_is_bad) {
        return LA_DROP_IP_SOURCE;
    }
    return destination_is_ours ? LA_DROP_NONE : LA_DROP_IP_DESTINATION;
}
