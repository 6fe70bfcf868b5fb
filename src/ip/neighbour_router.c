#include "neighbour_private.h"

#include "base/address.h"

/* What routers tell a host that has its addresses from elsewhere: RFC 4861 6.3. Routes that were learned so stand among
   the others, and end with their lifetime. */

/* RFC 4861 10 */
#define SOLICITATION_DELAY    LA_SECOND
#define SOLICITATION_INTERVAL (4 * LA_SECOND)
#define SOLICITATIONS         3

#define PREFIXES_MAX 8 /* that are read of one advertisement */

static const struct la_address anywhere = {{0}};

/* Again until a default router has spoken. */
void router_solicit(struct ip *ip, unsigned interface)
{
    struct discovery *discovery = neighbour_discovery(ip, interface);
    const struct ip_prefix *own = ip_source_for(ip, interface, &nd_all_routers);
    struct nd nd = {.type = ICMPV6_ROUTER_SOLICITATION, .has_mac = own != NULL};
    if (own != NULL) {
        nd.mac = *neighbour_own_mac(ip, interface);
    }
    nd_send(ip, interface, own != NULL ? &own->address : &anywhere, &nd_all_routers, &nd);
    discovery->sent++;
    discovery->due = LA_TIME_NEVER;
    if (discovery->sent < SOLICITATIONS && !discovery->is_answered) {
        discovery->due = ip_core(ip)->now + SOLICITATION_INTERVAL;
        neighbour_wake(ip, discovery->due);
    }
}

int ip_follow_routers(struct ip *ip, unsigned interface)
{
    if (!ip_is_ethernet(ip, interface) || ip_interface_mtu(ip, interface) < IPV6_MTU_MIN) {
        return interface < ip->interface_count ? LA_ERROR_INVALID : LA_ERROR_NO_INTERFACE;
    }
    struct discovery *discovery = neighbour_discovery(ip, interface);
    discovery->follows = true;
    discovery->sent = 0;
    discovery->is_answered = false;
    discovery->due = ip_core(ip)->now + neighbour_random(ip, discovery, SOLICITATION_DELAY);
    neighbour_wake(ip, discovery->due);
    return LA_OK;
}

/* ---- routes ---- */

struct lesson {
    struct la_address prefix;
    struct la_address gateway; /* any: the prefix is on the link */
    uint8_t bits;
    uint32_t lifetime_s; /* UINT32_MAX: for ever */
};

static bool is_about(const struct ip *ip, uint32_t route, unsigned interface, const struct lesson *lesson)
{
    const struct ip_prefix *prefix = &ip_routes(ip)[route];
    const struct way *way = neighbour_way(ip, route);
    return way->is_learned && prefix->interface == interface && prefix->bits == lesson->bits &&
           address_equal(&prefix->address, &lesson->prefix) && address_equal(&way->gateway, &lesson->gateway);
}

/* A table that is full stays as it is: what was configured, or learned before, is not pushed out by what anybody on the
   link can say. */
static void learn_route(struct ip *ip, unsigned interface, const struct lesson *lesson)
{
    uint32_t i = 0;
    while (i < ip->route_count && !is_about(ip, i, interface, lesson)) {
        i++;
    }
    if (lesson->lifetime_s == 0) {
        if (i < ip->route_count) {
            ip_route_remove(ip, i);
        }
        return;
    }
    if (i == ip->route_count && ip_route_add(ip, interface, &lesson->prefix, lesson->bits) != LA_OK) {
        return;
    }
    struct way *way = neighbour_way(ip, i);
    bool is_for_ever = lesson->lifetime_s == UINT32_MAX;
    *way = (struct way){.gateway = lesson->gateway, .until = LA_TIME_NEVER, .is_learned = true};
    if (!is_for_ever) {
        way->until = ip_core(ip)->now + lesson->lifetime_s * LA_SECOND;
        neighbour_wake(ip, way->until);
    }
}

/* The time of the first that ends next. */
la_time router_routes_advance(struct ip *ip)
{
    la_time next = LA_TIME_NEVER;
    uint32_t i = 0;
    while (i < ip->route_count) {
        la_time until = neighbour_way(ip, i)->until;
        if (until <= ip_core(ip)->now) {
            ip_route_remove(ip, i);
            continue;
        }
        next = until < next ? until : next;
        i++;
    }
    return next;
}

/* ---- what is advertised ---- */

/* RFC 4861 4.6.2: the bits behind the prefix's length mean nothing. */
static void take_prefixes(struct ip *ip, unsigned interface, const struct packet *packet)
{
    struct nd_prefix said;
    for (unsigned i = 0; i < PREFIXES_MAX && nd_prefix(packet, i, &said); i++) {
        bool is_usable = said.on_link && said.bits <= 128 && !address_is_link_local(&said.prefix) &&
                         !address_is_multicast(&said.prefix) && !address_is_ipv4(&said.prefix);
        if (is_usable) {
            const struct lesson lesson = {
                .prefix = address_prefix(&said.prefix, said.bits), .bits = said.bits, .lifetime_s = said.valid_s};
            learn_route(ip, interface, &lesson);
        }
    }
}

/* RFC 4861 6.3.4: between IPv6's least and what the interface was given. */
static void take_mtu(struct ip *ip, unsigned interface, uint32_t mtu)
{
    if (mtu >= IPV6_MTU_MIN && mtu <= neighbour_discovery(ip, interface)->mtu) {
        core_interface(ip_core(ip), interface)->mtu = (uint16_t)mtu;
    }
}

void router_is_none(struct ip *ip, unsigned interface, const struct la_address *address)
{
    const struct lesson lesson = {.gateway = *address, .lifetime_s = 0};
    learn_route(ip, interface, &lesson);
}

/* RFC 4861 6.3.7: one that spoke before it was asked may not have said all. */
static void stop_asking(struct discovery *discovery)
{
    discovery->is_answered = true;
    if (discovery->sent > 0) {
        discovery->due = LA_TIME_NEVER;
    }
}

bool router_arrives(struct ip *ip, unsigned interface, const struct packet *packet, const struct nd *nd)
{
    struct discovery *discovery = neighbour_discovery(ip, interface);
    if (!discovery->follows || !ip_source_is_valid(ip, &packet->source)) {
        return false;
    }
    const struct nd_router router = nd_router(packet);
    const struct lesson lesson = {.gateway = packet->source, .lifetime_s = router.lifetime_s};
    if (router.lifetime_s > 0) {
        stop_asking(discovery);
    }
    if (nd->has_mac) {
        neighbour_heard(ip, interface, &packet->source, &nd->mac);
    }
    learn_route(ip, interface, &lesson);
    take_prefixes(ip, interface, packet);
    take_mtu(ip, interface, router.mtu);
    return true;
}
