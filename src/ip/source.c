#include "base/address.h"
#include "tables.h"

/* Which of an interface's addresses a packet is sent from: RFC 6724 5 for IPv6, RFC 1122 3.3.4.3 for IPv4. */

/* RFC 4291 2.7's names for how far an address reaches; a unicast address has one of these. */
enum scope { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

static enum scope scope_of(const struct la_address *address)
{
    if (address_is_link_local(address)) {
        return SCOPE_LINK;
    }
    bool is_site_local = address->octets[0] == 0xfe && address->octets[1] >> 6 == 3; /* fec0::/10 */
    return is_site_local ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* RFC 6724 2.1: the policy table's labels, longest prefix first. */
static unsigned label_of(const struct la_address *address)
{
    static const struct {
        struct la_address prefix;
        uint8_t bits;
        uint8_t label;
    } policy[] = {
        {{{0}}, 96, 3},                         /* ::/96 */
        {{{0x20, 0x01}}, 32, 5},                /* Teredo */
        {{{0x20, 0x02}}, 16, 2},                /* 6to4 */
        {{{0x3f, 0xfe}}, 16, 12},               /* 6bone */
        {{{0xfe, 0xc0}}, 10, 11},               /* site-local */
        {{{0xfc}}, 7, 13},        {{{0}}, 0, 1} /* unique local; all others */
    };
    unsigned i = 0;
    while (!address_in_prefix(address, &policy[i].prefix, policy[i].bits)) {
        i++;
    }
    return policy[i].label;
}

/* RFC 6724 5, rule 2: the least scope that reaches the destination, else the largest. */
static bool reaches_better(enum scope a, enum scope b, enum scope destination)
{
    return a < b ? a >= destination : b < destination;
}

static unsigned bits_in_common(const struct ip_prefix *own, const struct la_address *destination)
{
    unsigned bits = address_common_bits(&own->address, destination);
    return bits < own->bits ? bits : own->bits;
}

/* Rules 1 and 3 to 5, 5.5 and 7 do not divide the addresses of one interface here: none is the destination, deprecated,
   a mobile's home, a router's or temporary. */
static bool is_better_ipv6(const struct ip_prefix *a, const struct ip_prefix *b, const struct la_address *destination)
{
    enum scope scope_a = scope_of(&a->address);
    enum scope scope_b = scope_of(&b->address);
    if (scope_a != scope_b) {
        return reaches_better(scope_a, scope_b, scope_of(destination));
    }
    unsigned label = label_of(destination); /* rule 6 */
    bool fits_a = label_of(&a->address) == label;
    bool fits_b = label_of(&b->address) == label;
    if (fits_a != fits_b) {
        return fits_a;
    }
    return bits_in_common(a, destination) > bits_in_common(b, destination); /* rule 8 */
}

/* The longer prefix that has the destination in it. */
static bool is_better_ipv4(const struct ip_prefix *a, const struct ip_prefix *b, const struct la_address *destination)
{
    unsigned bits_a = address_in_prefix(destination, &a->address, a->bits) ? a->bits : 0;
    unsigned bits_b = address_in_prefix(destination, &b->address, b->bits) ? b->bits : 0;
    return bits_a > bits_b;
}

const struct ip_prefix *ip_source_for(const struct ip *ip, unsigned interface, const struct la_address *destination)
{
    bool ipv4 = address_is_ipv4(destination);
    const struct ip_prefix *addresses = ip_addresses(ip);
    const struct ip_prefix *end = addresses + (ipv4 ? ip->ipv4_count : ip->address_count);
    const struct ip_prefix *chosen = NULL;
    for (const struct ip_prefix *own = addresses + (ipv4 ? 0 : ip->ipv4_count); own < end; own++) {
        if (own->interface != interface) {
            continue;
        }
        if (chosen == NULL ||
            (ipv4 ? is_better_ipv4(own, chosen, destination) : is_better_ipv6(own, chosen, destination))) {
            chosen = own;
        }
    }
    return chosen;
}
