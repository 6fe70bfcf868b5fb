#include "neighbour_private.h"

#include "base/address.h"
#include "base/assert.h"

/* Neighbour discovery: RFC 4861 7.2, and what of it finds out duplicate addresses, RFC 4862 5.4. */

APART void nd_send(struct ip *ip, unsigned interface, const struct la_address *source,
                   const struct la_address *destination, const struct nd *nd)
{
    struct core *core = ip_core(ip);
    uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), interface, ND_BYTES_MAX);
    if (room == NULL) {
        core_drop(core, LA_DROP_REPLIES_FULL);
        return;
    }
    replies_commit(&core->replies, ip_replies_ring(ip), interface, nd_emit(room, source, destination, nd));
    core_count(core, LA_COUNT_ICMP_OUT_MESSAGES);
}

/* RFC 4861 7.2.4. Who has no address yet is told with everybody else. */
static void answer(struct ip *ip, unsigned interface, const struct la_address *asker, const struct la_address *target)
{
    bool is_nobody = address_is_any(asker);
    const struct nd nd = {.type = ICMPV6_NEIGHBOR_ADVERTISEMENT,
                          .flags = is_nobody ? ND_OVERRIDE : ND_OVERRIDE | ND_SOLICITED,
                          .has_mac = true,
                          .mac = *neighbour_own_mac(ip, interface),
                          .target = *target};
    nd_send(ip, interface, target, is_nobody ? &nd_all_nodes : asker, &nd);
}

/* Somebody whom we can answer, or who is on his way to become it. */
static bool is_askable(const struct ip *ip, unsigned interface, const struct la_address *source)
{
    return ip_source_is_valid(ip, source) && neighbour_is_on_link(ip, interface, source);
}

static bool solicitation_arrives(struct ip *ip, unsigned interface, const struct packet *packet, const struct nd *nd)
{
    struct claim *claim = claim_find(ip, interface, &nd->target);
    bool is_nobody = address_is_any(&packet->source);
    if (claim == NULL || claim->state == CLAIM_REFUSED) {
        return false;
    }
    if (claim->state == CLAIM_PROBING) { /* RFC 4862 5.4.3: who asks without an address wants it too */
        if (is_nobody) {
            claim_is_contested(ip, claim);
        }
        return is_nobody;
    }
    if (!is_nobody && !is_askable(ip, interface, &packet->source)) {
        return false;
    }
    if (nd->has_mac && !is_nobody) { /* RFC 4861 7.2.3 */
        neighbour_heard(ip, interface, &packet->source, &nd->mac);
    }
    answer(ip, interface, &packet->source, &nd->target);
    return true;
}

/* RFC 4861 7.2.5: nobody becomes known by it who was not asked for. An answer counts as one only to who asked. Who says
   of itself that it is no router is none any more. */
static bool advertisement_arrives(struct ip *ip, unsigned interface, const struct nd *nd)
{
    struct claim *claim = claim_find(ip, interface, &nd->target);
    if (claim != NULL && claim->state != CLAIM_REFUSED) {
        claim_is_contested(ip, claim);
        return true;
    }
    struct neighbour *n = neighbour_find(ip, interface, &nd->target);
    if (n == NULL) {
        return false;
    }
    const struct neighbour_news news = {.mac = nd->mac,
                                        .has_mac = nd->has_mac,
                                        .is_solicited = (nd->flags & ND_SOLICITED) != 0 && neighbour_is_asked(n),
                                        .is_override = (nd->flags & ND_OVERRIDE) != 0};
    if (neighbour_says(ip, n, &news) && (nd->flags & ND_ROUTER) == 0) {
        router_is_none(ip, interface, &nd->target);
    }
    return true;
}

/* What is not taken: redirects, since a host with one router a destination gains little by them and an attacker on the
   link much (RFC 6274 has IPv4's, RFC 4861 11 IPv6's reasons); solicitations of routers, which this host is none of. */
void nd_arrives(struct ip *ip, unsigned interface, const struct packet *packet)
{
    struct icmp_message message;
    struct nd nd;
    bool is_taken = false;
    core_count(ip_core(ip), LA_COUNT_ICMP_IN_MESSAGES);
    enum la_drop why = icmpv6_parse(packet, &message);
    if (why == LA_DROP_NONE && nd_parse(packet, message.type, &nd)) {
        nd.has_mac = nd.has_mac && !mac_equal(&nd.mac, neighbour_own_mac(ip, interface)); /* nobody else's */
        if (nd.type == ICMPV6_NEIGHBOR_SOLICITATION) {
            is_taken = solicitation_arrives(ip, interface, packet, &nd);
        } else if (nd.type == ICMPV6_NEIGHBOR_ADVERTISEMENT) {
            is_taken = advertisement_arrives(ip, interface, &nd);
        } else if (nd.type == ICMPV6_ROUTER_ADVERTISEMENT) {
            is_taken = router_arrives(ip, interface, packet, &nd);
        }
    }
    if (!is_taken) {
        ip_drop(ip, why != LA_DROP_NONE ? why : LA_DROP_ICMP_TYPE, interface, packet);
    }
}
