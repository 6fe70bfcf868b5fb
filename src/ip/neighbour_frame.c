#include "neighbour_private.h"

#include "base/address.h"
#include "base/assert.h"

/* Frames that come, and frames that leave. */

/* Our own message, come back by whatever way, is no other station's (RFC 5227 2.1.1). */
static bool arp_frame(struct ip *ip, unsigned interface, const struct ethernet_frame *frame)
{
    struct arp_message message;
    if (arp_parse(frame->payload, frame->payload_length, &message) != LA_DROP_NONE ||
        mac_equal(&message.sender_mac, neighbour_own_mac(ip, interface))) {
        return false;
    }
    arp_arrives(ip, interface, &message);
    return true;
}

/* Its own part of IPv6: what is asked or said of neighbours may come from no address, or go to a group. */
static bool is_neighbor_discovery(const struct ethernet_frame *frame, struct packet *packet)
{
    return ip_parse(frame->payload, frame->payload_length, packet) == LA_DROP_NONE &&
           packet->protocol == IP_PROTOCOL_ICMPV6 && packet->payload_length > 0 &&
           icmpv6_is_neighbor_discovery(packet->payload[0]);
}

/* We listen to all nodes, and to those asked for one of our addresses, or for one that we would like (RFC 4291 2.8). */
static bool is_to_our_group(const struct ip *ip, unsigned interface, const struct ethernet_frame *frame,
                            const struct la_address *destination)
{
    struct mac mac = nd_group_mac(destination);
    const struct claim *claims = neighbour_claims(ip);
    if (!address_is_multicast(destination) || !mac_equal(&frame->destination, &mac)) {
        return false;
    }
    for (uint32_t i = 0; i < ip_core(ip)->config.addresses; i++) {
        const struct la_address *own = &claims[i].prefix.address;
        struct la_address group = nd_solicited_node(own);
        if (claims[i].state != CLAIM_NONE && claims[i].prefix.interface == interface && !address_is_ipv4(own) &&
            address_equal(&group, destination)) {
            return true;
        }
    }
    return address_equal(destination, &nd_all_nodes);
}

/* True: it was used up. */
static bool discovery_frame(struct ip *ip, unsigned interface, const struct ethernet_frame *frame, bool is_for_us_alone)
{
    struct packet packet;
    if (!is_neighbor_discovery(frame, &packet)) {
        return false;
    }
    bool is_ours = is_for_us_alone ? ip_is_ours(ip, &packet.destination)
                                   : is_to_our_group(ip, interface, frame, &packet.destination);
    core_count(ip_core(ip), LA_COUNT_IP_IN_RECEIVES);
    if (!is_ours) {
        ip_drop(ip, LA_DROP_IP_DESTINATION, interface, &packet);
    } else if (ipv6_has_fragment_header(&packet)) { /* RFC 6980 5: switches that guard a link cannot look into it */
        ip_drop(ip, LA_DROP_IP_FRAGMENT, interface, &packet);
    } else {
        core_count(ip_core(ip), LA_COUNT_IP_IN_DELIVERS);
        nd_arrives(ip, interface, &packet);
    }
    return true;
}

/* Its type says which IP it carries, and the packet says the same of itself: each goes its own way from here. */
static bool carries_ip(const struct ethernet_frame *frame, enum ethernet_type type)
{
    unsigned version = type == ETHERNET_IPV4 ? 4 : 6;
    return frame->type == type && frame->payload_length > 0 && frame->payload[0] >> 4 == version;
}

/* Of what was sent to many, ARP and neighbour discovery are all that is read: TCP speaks to one (RFC 9293 MUST-57), and
   RFC 1122 3.2.2 forbids to answer. */
struct ip_payload ip_frame_arrives(struct ip *ip, unsigned interface, const void *bytes, size_t length)
{
    struct ip_payload nothing = {.octets = NULL};
    struct ethernet_frame frame;
    const struct mac *own = neighbour_own_mac(ip, interface);
    if (ethernet_parse(bytes, length, &frame) != LA_DROP_NONE || mac_equal(&frame.source, own)) {
        neighbour_drop(ip, LA_DROP_ETHERNET, interface);
        return nothing;
    }
    const struct ip_payload all = {.octets = frame.payload, .length = frame.payload_length};
    bool is_for_us_alone = mac_equal(&frame.destination, own);
    bool is_for_many = mac_is_group(&frame.destination);
    if (is_for_us_alone && carries_ip(&frame, ETHERNET_IPV4)) {
        return all;
    }
    bool is_broadcast = mac_is_broadcast(&frame.destination);
    bool is_used = false;
    if (frame.type == ETHERNET_ARP && (is_for_us_alone || is_broadcast)) {
        is_used = arp_frame(ip, interface, &frame);
    } else if (carries_ip(&frame, ETHERNET_IPV6) && (is_for_us_alone || is_for_many)) {
        unsigned mtu = ip_interface_mtu(ip, interface);
        is_used = discovery_frame(ip, interface, &frame, is_for_us_alone);
        if (!is_used && is_for_us_alone) {
            return all;
        }
        nothing.mtu_is_less = ip_interface_mtu(ip, interface) < mtu;
    }
    if (!is_used) {
        neighbour_drop(ip, LA_DROP_ETHERNET, interface);
    }
    return nothing;
}

/* An ARP message says itself where it goes; its first octet is that of the hardware's type, no IP version. */
static struct mac arp_destination(const uint8_t *bytes, size_t length)
{
    struct arp_message message;
    enum la_drop why = arp_parse(bytes, length, &message);
    la_assert(why == LA_DROP_NONE);
    return mac_is_station(&message.target_mac) ? message.target_mac : mac_broadcast;
}

static bool ipv6_destination(struct ip *ip, unsigned interface, const uint8_t *packet, size_t length, struct mac *mac)
{
    struct la_address destination;
    memcpy(destination.octets, packet + IPV6_HEADER_BYTES - sizeof destination.octets, sizeof destination.octets);
    if (address_is_multicast(&destination)) {
        *mac = nd_group_mac(&destination);
        return true;
    }
    return neighbour_resolve(ip, interface, &destination, packet, length, mac);
}

bool ip_frame_leaves(struct ip *ip, unsigned interface, uint8_t *buffer, size_t length)
{
    const uint8_t *packet = buffer + ETHERNET_HEADER_BYTES;
    enum ethernet_type type = ETHERNET_ARP;
    struct mac destination;
    bool is_known = true;
    if (length > ip_interface_mtu(ip, interface)) {
        neighbour_drop(ip, LA_DROP_MTU, interface);
        return false;
    }
    if (packet[0] >> 4 == 4) {
        struct la_address to = address_from_ipv4(packet + IPV4_HEADER_BYTES - 4);
        type = ETHERNET_IPV4;
        is_known = neighbour_resolve(ip, interface, &to, packet, length, &destination);
    } else if (packet[0] >> 4 == 6) {
        type = ETHERNET_IPV6;
        is_known = ipv6_destination(ip, interface, packet, length, &destination);
    } else {
        destination = arp_destination(packet, length);
    }
    if (is_known) {
        ethernet_emit(buffer, &destination, neighbour_own_mac(ip, interface), type);
    }
    return is_known;
}
