#include "neighbour_private.h"

#include "base/address.h"

/* ARP: RFC 826, as RFC 1122 2.3.2 and RFC 5227 want it. */

APART void arp_send(struct ip *ip, unsigned interface, struct arp_message *message)
{
    struct core *core = ip_core(ip);
    uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), interface, ARP_BYTES);
    if (room == NULL) {
        core_drop(core, LA_DROP_REPLIES_FULL);
        return;
    }
    message->sender_mac = *neighbour_own_mac(ip, interface);
    arp_emit(room, message);
    replies_commit(&core->replies, ip_replies_ring(ip), interface, ARP_BYTES);
}

static void answer(struct ip *ip, unsigned interface, const struct arp_message *request)
{
    struct arp_message message = {.operation = ARP_REPLY,
                                  .target_mac = request->sender_mac,
                                  .sender = request->target,
                                  .target = request->sender};
    arp_send(ip, interface, &message);
}

/* RFC 5227 2.1.1, 2.4: somebody else says that he has our address; or, while we ask for it, asks for it too. True: that
   is all there is to the message. */
static bool is_contest(struct ip *ip, unsigned interface, const struct arp_message *message, bool is_probe)
{
    struct claim *claim = claim_find(ip, interface, is_probe ? &message->target : &message->sender);
    bool contests = claim != NULL && claim->state != CLAIM_REFUSED && (!is_probe || claim->state == CLAIM_PROBING);
    if (contests) {
        claim_is_contested(ip, claim);
    }
    return contests;
}

/* RFC 826, "packet reception": who is known is updated; who asks us becomes known; nobody else. */
void arp_arrives(struct ip *ip, unsigned interface, const struct arp_message *message)
{
    bool is_probe = address_is_any(&message->sender); /* RFC 5227 1.1: nobody has the address yet */
    if (is_contest(ip, interface, message, is_probe)) {
        return;
    }
    const struct ip_prefix *target = ip_find_address(ip, &message->target);
    bool is_for_us = target != NULL && target->interface == interface;
    bool is_request = is_for_us && message->operation == ARP_REQUEST;
    bool is_neighbour =
        !is_probe && ip_source_is_valid(ip, &message->sender) && neighbour_is_on_link(ip, interface, &message->sender);
    struct neighbour *n = is_neighbour ? neighbour_find(ip, interface, &message->sender) : NULL;
    if (n != NULL) {
        bool is_answer = is_for_us && message->operation == ARP_REPLY && neighbour_is_asked(n);
        const struct neighbour_news news = {
            .mac = message->sender_mac, .has_mac = true, .is_solicited = is_answer, .is_override = true};
        neighbour_says(ip, n, &news);
    } else if (is_neighbour && is_request) {
        neighbour_heard(ip, interface, &message->sender, &message->sender_mac);
    }
    if (is_request && (is_probe || is_neighbour)) {
        answer(ip, interface, message);
    }
}
