#include "base/assert.h"
#include "base/siphash.h"
#include "tables.h"

/* ICMP errors that we send are limited (RFC 1812 4.3.2.8): ERRORS_IN_A_ROW at once, then one in a while that is
   different each time and known to nobody outside, from half to one and a half of ERROR_INTERVAL. With a fixed
   while, somebody could count from elsewhere how many errors others were sent, and find open ports (CVE-2020-25705). */
#define ERROR_INTERVAL  LA_MILLISECOND
#define ERRORS_IN_A_ROW 50

static la_time price_of_error(const struct ip *ip)
{
    uint64_t random = siphash_2_4(ip_core(ip)->config.key, &ip->icmp_errors_paid, sizeof ip->icmp_errors_paid);
    return ERROR_INTERVAL / 2 + random % ERROR_INTERVAL;
}

/* Each error costs its price in time; the debt is at most what ERRORS_IN_A_ROW cost. */
static bool error_is_allowed(const struct ip *ip)
{
    la_time now = ip_core(ip)->now;
    return ip->icmp_errors_paid <= now || ip->icmp_errors_paid - now < ERRORS_IN_A_ROW * ERROR_INTERVAL;
}

static void pay_for_error(struct ip *ip)
{
    la_time now = ip_core(ip)->now;
    if (ip->icmp_errors_paid < now) {
        ip->icmp_errors_paid = now;
    }
    ip->icmp_errors_paid += price_of_error(ip);
}

void ip_drop_reply(struct ip *ip, unsigned interface, const struct packet *about)
{
    ip_drop(ip, LA_DROP_REPLIES_FULL, interface, about);
}

/* An error about an ICMP error could go back and forth for ever. */
static bool is_itself_an_error(const struct packet *packet)
{
    struct icmp_message message;
    if (packet_is_ipv4(packet)) {
        return packet->protocol == IP_PROTOCOL_ICMP &&
               (icmp_parse(packet, &message) != LA_DROP_NONE ||
                (message.type != ICMP_ECHO_REQUEST && message.type != ICMP_ECHO_REPLY));
    }
    return packet->protocol == IP_PROTOCOL_ICMPV6 &&
           (icmpv6_parse(packet, &message) != LA_DROP_NONE ||
            (message.type != ICMPV6_ECHO_REQUEST && message.type != ICMPV6_ECHO_REPLY));
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): no error about an ICMP error, about a destination or a source that is not a single
   host, about a fragment but the first. */
static bool error_is_forbidden(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    return ip_check(ip, interface, packet) != LA_DROP_NONE || is_itself_an_error(packet) || !error_is_allowed(ip);
}

/* Room in the queue of replies; NULL, counted, if there is none. */
static uint8_t *reserve(struct ip *ip, unsigned interface, const struct packet *about, size_t length)
{
    uint8_t *room = replies_reserve(&ip_core(ip)->replies, ip_replies_ring(ip), interface, length);
    if (room == NULL) {
        ip_drop_reply(ip, interface, about);
    }
    return room;
}

static void commit(struct ip *ip, unsigned interface, size_t length)
{
    struct core *core = ip_core(ip);
    replies_commit(&core->replies, ip_replies_ring(ip), interface, length);
    core_count(core, LA_COUNT_ICMP_OUT_MESSAGES);
    pay_for_error(ip);
}

static void send_unreachable(struct ip *ip, unsigned interface, const struct packet *packet,
                             enum icmp_unreachable_code code)
{
    uint8_t *room = reserve(ip, interface, packet, icmp_unreachable_bytes(packet));
    if (room != NULL) {
        commit(ip, interface, icmp_emit_unreachable(room, packet, (uint8_t)code, ip_core(ip)->config.ttl));
    }
}

static void send_icmpv6(struct ip *ip, unsigned interface, const struct packet *packet, struct icmpv6_header header)
{
    header.destination = packet->source;
    header.hop_limit = ip_core(ip)->config.ttl;
    uint8_t *room = reserve(ip, interface, packet, icmpv6_error_bytes(packet));
    if (room != NULL) {
        commit(ip, interface, icmpv6_emit_error(room, &header, packet));
    }
}

static void send_problem(struct ip *ip, unsigned interface, const struct packet *packet,
                         const struct la_address *source, const struct ipv6_problem *problem)
{
    const struct icmpv6_header header = {
        .source = *source, .type = ICMPV6_PARAMETER_PROBLEM, .code = problem->code, .rest = problem->pointer};
    send_icmpv6(ip, interface, packet, header);
}

static void refuse_ipv6(struct ip *ip, unsigned interface, const struct packet *packet)
{
    struct ipv6_problem problem;
    if (packet->protocol == IP_PROTOCOL_UDP) {
        const struct icmpv6_header header = {
            .source = packet->destination, .type = ICMPV6_UNREACHABLE, .code = ICMPV6_UNREACHABLE_PORT};
        send_icmpv6(ip, interface, packet, header);
    } else if (ipv6_problem(packet, &problem)) {
        send_problem(ip, interface, packet, &packet->destination, &problem);
    }
}

void icmp_refuse(struct ip *ip, unsigned interface, const struct packet *packet)
{
    if (error_is_forbidden(ip, interface, packet)) {
        return;
    }
    if (!packet_is_ipv4(packet)) {
        refuse_ipv6(ip, interface, packet);
    } else if (packet->protocol == IP_PROTOCOL_UDP) {
        send_unreachable(ip, interface, packet, ICMP_UNREACHABLE_PORT);
    } else {
        send_unreachable(ip, interface, packet, ICMP_UNREACHABLE_PROTOCOL);
    }
}

/* A group's packet is answered from an address of ours (RFC 4443 2.2 (b)). Whether it is an error itself nobody can
   see: its chain was not walked to the end. */
void icmp_complain(struct ip *ip, unsigned interface, const struct packet *packet)
{
    struct ipv6_problem problem;
    if (!ipv6_problem(packet, &problem) || !error_is_allowed(ip) || !ip_source_is_valid(ip, &packet->source)) {
        return;
    }
    const struct ip_prefix *source = ip_find_address(ip, &packet->destination);
    if (problem.even_if_multicast && ip_is_our_group(ip, interface, &packet->destination)) {
        source = ip_source_for(ip, interface, &packet->source);
    }
    if (source != NULL && source->interface == interface) {
        send_problem(ip, interface, packet, &source->address, &problem);
    }
}

/* What a part shows of it: no checksum, but the type, which stands in the first one. */
static bool is_part_of_an_error(const struct packet *packet)
{
    const struct ip_fragment fragment = ip_fragment(packet);
    struct ip_transport transport;
    if (fragment.offset > 0) {
        return fragment.protocol == IP_PROTOCOL_ICMPV6;
    }
    if (!ip_fragment_transport(packet, &transport) || transport.length == 0) {
        return false;
    }
    uint8_t type = transport.octets[0];
    if (packet_is_ipv4(packet)) {
        return transport.protocol == IP_PROTOCOL_ICMP && type != ICMP_ECHO_REQUEST && type != ICMP_ECHO_REPLY;
    }
    return transport.protocol == IP_PROTOCOL_ICMPV6 && type != ICMPV6_ECHO_REQUEST && type != ICMPV6_ECHO_REPLY;
}

static bool error_about_part_is_forbidden(const struct ip *ip, const struct packet *packet)
{
    return !ip_is_ours(ip, &packet->destination) || is_part_of_an_error(packet) || !error_is_allowed(ip);
}

void icmp_complain_of_fragment(struct ip *ip, unsigned interface, const struct packet *packet,
                               enum icmpv6_parameter_problem_code code, size_t pointer)
{
    const struct ipv6_problem problem = {.code = (uint8_t)code, .pointer = (uint16_t)pointer};
    if (!packet_is_ipv4(packet) && !error_about_part_is_forbidden(ip, packet)) {
        send_problem(ip, interface, packet, &packet->destination, &problem);
    }
}

void icmp_reassembly_time_exceeded(struct ip *ip, unsigned interface, const struct packet *first)
{
    if (error_about_part_is_forbidden(ip, first)) {
        return;
    }
    if (!packet_is_ipv4(first)) {
        const struct icmpv6_header header = {
            .source = first->destination, .type = ICMPV6_TIME_EXCEEDED, .code = ICMP_TIME_EXCEEDED_REASSEMBLY};
        send_icmpv6(ip, interface, first, header);
        return;
    }
    uint8_t *room = reserve(ip, interface, first, icmp_unreachable_bytes(first));
    if (room != NULL) {
        commit(ip, interface, icmp_emit_reassembly_time_exceeded(room, first, ip_core(ip)->config.ttl));
    }
}
