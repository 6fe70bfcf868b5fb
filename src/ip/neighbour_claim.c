#include "neighbour_private.h"

#include "base/address.h"
#include "base/assert.h"

/* An address of an Ethernet interface is asked for, used once nobody said that he has it, and announced: RFC 5227 for
   IPv4, RFC 4862 5.4 for IPv6. Until then it is not in the table of addresses, so nothing is answered or sent from
   it. */

/* RFC 5227 1.1 */
#define PROBE_WAIT        LA_SECOND
#define PROBE_MIN         LA_SECOND
#define PROBE_MAX         (2 * LA_SECOND)
#define ANNOUNCE_WAIT     (2 * LA_SECOND)
#define ANNOUNCE_NUM      2
#define ANNOUNCE_INTERVAL (2 * LA_SECOND)
#define DEFEND_INTERVAL   (10 * LA_SECOND)

/* RFC 4862 5.1, RFC 4861 10 */
#define DAD_TRANSMITS   1
#define RETRANSMIT_TIME LA_SECOND

static bool is_ipv4(const struct claim *claim)
{
    return address_is_ipv4(&claim->prefix.address);
}

struct claim *claim_find(const struct ip *ip, unsigned interface, const struct la_address *address)
{
    struct claim *claims = neighbour_claims(ip);
    for (uint32_t i = 0; i < ip_core(ip)->config.addresses; i++) {
        if (claims[i].state != CLAIM_NONE && claims[i].prefix.interface == interface &&
            address_equal(&claims[i].prefix.address, address)) {
            return &claims[i];
        }
    }
    return NULL;
}

static void trace(struct ip *ip, const struct claim *claim, enum la_address_event event)
{
    struct la_trace *record = core_trace(ip_core(ip), LA_TRACE_ADDRESS);
    if (record != NULL) {
        record->detail = (uint8_t)event;
        record->interface = claim->prefix.interface;
        record->local.address = claim->prefix.address;
    }
}

static void set_due(struct ip *ip, struct claim *claim, la_time after)
{
    claim->due = ip_core(ip)->now + after;
    neighbour_wake(ip, claim->due);
}

static void settle(struct claim *claim, enum claim_state state)
{
    claim->state = (uint8_t)state;
    claim->due = LA_TIME_NEVER;
}

/* ---- what is said ---- */

/* RFC 5227 2.1.1: the sender is nobody yet; RFC 4862 5.4.2: so is the source. */
static void send_probe(struct ip *ip, const struct claim *claim)
{
    unsigned interface = claim->prefix.interface;
    if (is_ipv4(claim)) {
        static const uint8_t nobody[4];
        struct arp_message message = {
            .operation = ARP_REQUEST, .sender = address_from_ipv4(nobody), .target = claim->prefix.address};
        arp_send(ip, interface, &message);
    } else {
        static const struct la_address nobody;
        const struct nd nd = {.type = ICMPV6_NEIGHBOR_SOLICITATION, .target = claim->prefix.address};
        struct la_address group = nd_solicited_node(&nd.target);
        nd_send(ip, interface, &nobody, &group, &nd);
    }
    trace(ip, claim, LA_ADDRESS_PROBED);
}

/* RFC 5227 2.3; RFC 4861 7.2.6 */
static void announce(struct ip *ip, const struct claim *claim)
{
    unsigned interface = claim->prefix.interface;
    if (is_ipv4(claim)) {
        struct arp_message message = {
            .operation = ARP_REQUEST, .sender = claim->prefix.address, .target = claim->prefix.address};
        arp_send(ip, interface, &message);
    } else {
        const struct nd nd = {.type = ICMPV6_NEIGHBOR_ADVERTISEMENT,
                              .flags = ND_OVERRIDE,
                              .has_mac = true,
                              .mac = *neighbour_own_mac(ip, interface),
                              .target = claim->prefix.address};
        nd_send(ip, interface, &nd.target, &nd_all_nodes, &nd);
    }
}

/* ---- its life ---- */

static void announce_again(struct ip *ip, struct claim *claim)
{
    announce(ip, claim);
    claim->sent++;
    if (claim->sent == ANNOUNCE_NUM) {
        settle(claim, CLAIM_HELD);
    } else {
        set_due(ip, claim, ANNOUNCE_INTERVAL);
    }
}

static void refuse(struct ip *ip, struct claim *claim)
{
    settle(claim, CLAIM_REFUSED);
    trace(ip, claim, LA_ADDRESS_REFUSED);
}

/* Another address that was given meanwhile may stand in its way. */
static void assign(struct ip *ip, struct claim *claim)
{
    if (ip_address_assign(ip, &claim->prefix) != LA_OK) {
        refuse(ip, claim);
        return;
    }
    trace(ip, claim, LA_ADDRESS_ASSIGNED);
    claim->state = CLAIM_ANNOUNCING;
    claim->sent = 0;
    announce_again(ip, claim);
}

static unsigned probes_of(const struct ip *ip, const struct claim *claim)
{
    unsigned probes = ip_core(ip)->config.address_probes;
    return is_ipv4(claim) || probes == 0 ? probes : DAD_TRANSMITS;
}

static la_time wait_after_probe(const struct ip *ip, const struct claim *claim)
{
    if (!is_ipv4(claim)) {
        return RETRANSMIT_TIME;
    }
    bool is_last = claim->sent == probes_of(ip, claim);
    return is_last ? ANNOUNCE_WAIT : PROBE_MIN + neighbour_random(ip, claim, PROBE_MAX - PROBE_MIN);
}

int ip_claim(struct ip *ip, const struct ip_prefix *prefix)
{
    if (ip_address_state(ip, &prefix->address) == LA_ERROR_WOULD_BLOCK) {
        return LA_ERROR_IN_USE;
    }
    struct claim *claims = neighbour_claims(ip);
    struct claim *claim = claim_find(ip, prefix->interface, &prefix->address); /* one that was refused */
    for (uint32_t i = 0; claim == NULL && i < ip_core(ip)->config.addresses; i++) {
        claim = claims[i].state == CLAIM_NONE ? &claims[i] : NULL;
    }
    for (uint32_t i = 0; claim == NULL && i < ip_core(ip)->config.addresses; i++) {
        claim = claims[i].state == CLAIM_REFUSED ? &claims[i] : NULL;
    }
    if (claim == NULL) {
        return LA_ERROR_NO_ADDRESS;
    }
    *claim = (struct claim){.prefix = *prefix, .state = CLAIM_PROBING, .due = LA_TIME_NEVER};
    if (probes_of(ip, claim) == 0) {
        assign(ip, claim);
    } else {
        set_due(ip, claim, neighbour_random(ip, claim, PROBE_WAIT));
    }
    return LA_OK;
}

void claim_is_due(struct ip *ip, struct claim *claim)
{
    switch ((enum claim_state)claim->state) {
    case CLAIM_NONE:
    case CLAIM_HELD:
    case CLAIM_REFUSED: break;
    case CLAIM_ANNOUNCING: announce_again(ip, claim); break;
    case CLAIM_PROBING:
        if (claim->sent == probes_of(ip, claim)) {
            assign(ip, claim);
        } else {
            send_probe(ip, claim);
            claim->sent++;
            set_due(ip, claim, wait_after_probe(ip, claim));
        }
        break;
    }
}

/* RFC 5227 2.4 (c): what has been ours is kept, since connections hang on it, but two that both keep it do not shout at
   each other without end. In IPv6 nothing is said (RFC 4862 5.4): who asks gets his answer anyway. */
void claim_is_contested(struct ip *ip, struct claim *claim)
{
    la_time now = ip_core(ip)->now;
    if (claim->state == CLAIM_PROBING) {
        refuse(ip, claim);
    }
    if (claim->state != CLAIM_ANNOUNCING && claim->state != CLAIM_HELD) {
        return;
    }
    bool is_silent = !is_ipv4(claim) || (claim->defended != 0 && now - claim->defended < DEFEND_INTERVAL);
    trace(ip, claim, is_silent ? LA_ADDRESS_CONTESTED : LA_ADDRESS_DEFENDED);
    if (!is_silent) {
        claim->defended = now > 0 ? now : 1;
        announce(ip, claim);
    }
}

static int state_of(const struct claim *claim)
{
    switch ((enum claim_state)claim->state) {
    case CLAIM_NONE: break;
    case CLAIM_PROBING: return LA_ERROR_WOULD_BLOCK;
    case CLAIM_ANNOUNCING:
    case CLAIM_HELD: return LA_OK;
    case CLAIM_REFUSED: return LA_ERROR_IN_USE;
    }
    return LA_ERROR_NO_ADDRESS;
}

/* Asked for on one link, it may have been refused on another. */
int ip_address_state(const struct ip *ip, const struct la_address *address)
{
    int state = ip_is_ours(ip, address) ? LA_OK : LA_ERROR_NO_ADDRESS;
    for (unsigned interface = 0; ip_has_ethernet(ip) && interface < ip->interface_count; interface++) {
        const struct claim *claim = claim_find(ip, interface, address);
        if (claim != NULL && state != LA_OK && state != LA_ERROR_WOULD_BLOCK) {
            state = state_of(claim);
        }
    }
    return state;
}
