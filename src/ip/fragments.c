#include "base/assert.h"
#include "base/siphash.h"
#include "neighbour.h"
#include "reassembly.h"
#include "tables.h"
#include "wire/tcp.h"

/* ---- fragments that come ---- */

static void drop(struct ip *ip, enum la_drop why, unsigned interface, const struct packet *packet)
{
    reassembly_drop(ip, why, interface, &packet->source, &packet->destination);
}

/* Octets of a transport's header without which nothing can be said of it. */
static size_t transport_header_bytes(const struct ip_transport *transport)
{
    switch (transport->protocol) {
    case IP_PROTOCOL_TCP: return TCP_HEADER_BYTES;
    case IP_PROTOCOL_UDP:
    case IP_PROTOCOL_ICMP:
    case IP_PROTOCOL_ICMPV6: return 8;
    }
    return 0;
}

/* IPv6's links carry any header in one fragment, so that one with its options has to be whole too (RFC 7112 5); IPv4's
   need not (RFC 791 3.2: 68 octets). */
static bool has_transport_header(const struct packet *packet, const struct ip_transport *transport)
{
    size_t needed = transport_header_bytes(transport);
    if (transport->length >= needed && transport->protocol == IP_PROTOCOL_TCP && !packet_is_ipv4(packet)) {
        needed = (size_t)(transport->octets[12] >> 4) * 4;
    }
    return transport->length >= needed;
}

/* RFC 1858 3.2.2, RFC 3128: nothing but the first fragment may say what stands in a TCP header. */
static bool is_inside_tcp_header(const struct ip_fragment *fragment)
{
    return fragment->offset > 0 && fragment->offset < TCP_HEADER_BYTES && fragment->protocol == IP_PROTOCOL_TCP;
}

/* RFC 8200 4.5: what the source of an IPv6 fragment is told of it; pointers count from the IPv6 header. */
static enum la_drop check_length(struct ip *ip, unsigned interface, const struct packet *packet,
                                 const struct ip_fragment *fragment)
{
    const size_t payload_length_at = 4;
    bool ipv4 = packet_is_ipv4(packet);
    size_t whole = fragment->before_bytes + fragment->offset + packet->payload_length;
    if (packet->payload_length == 0) {
        return LA_DROP_FRAGMENT_LENGTH;
    }
    if (fragment->more && packet->payload_length % 8 != 0) {
        icmp_complain_of_fragment(ip, interface, packet, ICMPV6_PARAMETER_PROBLEM_HEADER, payload_length_at);
        return LA_DROP_FRAGMENT_LENGTH;
    }
    if (whole > (ipv4 ? UINT16_MAX : IPV6_HEADER_BYTES + (size_t)UINT16_MAX)) {
        size_t offset_at = (size_t)(packet->payload - packet->bytes) - IPV6_FRAGMENT_HEADER_BYTES + 2;
        icmp_complain_of_fragment(ip, interface, packet, ICMPV6_PARAMETER_PROBLEM_HEADER, offset_at);
        return LA_DROP_FRAGMENT_LENGTH;
    }
    return LA_DROP_NONE;
}

/* Of what one fragment shows by itself. */
static enum la_drop check_fragment(struct ip *ip, unsigned interface, const struct packet *packet,
                                   const struct ip_fragment *fragment)
{
    struct ip_transport transport;
    enum la_drop why = check_length(ip, interface, packet, fragment);
    if (why != LA_DROP_NONE) {
        return why;
    }
    if (fragment->offset > 0) {
        return is_inside_tcp_header(fragment) ? LA_DROP_FRAGMENT_HEADER : LA_DROP_NONE;
    }
    if (!ip_fragment_transport(packet, &transport) || !has_transport_header(packet, &transport)) {
        icmp_complain_of_fragment(ip, interface, packet, ICMPV6_PARAMETER_PROBLEM_FIRST_FRAGMENT, 0);
        return LA_DROP_FRAGMENT_HEADER;
    }
    return LA_DROP_NONE;
}

static void refuse(struct ip *ip, uint16_t number, enum la_drop why, unsigned interface, const struct packet *packet)
{
    if (!reassembly_is_refused(reassembly_packet(ip, number))) {
        reassembly_count(ip, LA_COUNT_REASSEMBLY_FAILS, 1);
        reassembly_refuse(ip, number, why);
    }
    drop(ip, why, interface, packet);
}

/* The packet, if all of it has come: its length, else 0. */
static size_t complete(struct ip *ip, uint16_t number, unsigned interface, const struct packet *packet)
{
    const struct reassembling *p = reassembly_packet(ip, number);
    if (p->end == 0 || p->received < p->end) {
        return 0;
    }
    size_t length = reassembly_join(ip, number);
    if (length == 0) {
        refuse(ip, number, LA_DROP_FRAGMENT_LENGTH, interface, packet);
        return 0;
    }
    reassembly_end(ip, number);
    reassembly_count(ip, LA_COUNT_REASSEMBLY_OKS, 1);
    return length;
}

size_t fragment_arrives(struct ip *ip, unsigned interface, const struct packet *packet, const uint8_t **whole)
{
    const struct ip_fragment fragment = ip_fragment(packet);
    enum la_drop why = ip_check(ip, interface, packet);
    if (why != LA_DROP_NONE) {
        ip_drop(ip, why, interface, packet);
        return 0;
    }
    reassembly_count(ip, LA_COUNT_REASSEMBLY_REQUIRED, 1);
    reassembly_advance(ip);
    why = check_fragment(ip, interface, packet, &fragment);
    if (why != LA_DROP_NONE) {
        drop(ip, why, interface, packet);
        return 0;
    }
    uint16_t number = reassembly_find(ip, interface, packet, &fragment);
    if (number == REASSEMBLY_NONE) {
        number = reassembly_begin(ip, interface, packet, &fragment);
    }
    why = (enum la_drop)reassembly_packet(ip, number)->refused_for;
    why = why != LA_DROP_NONE ? why : reassembly_add(ip, number, packet, &fragment);
    if (why == LA_DROP_FRAGMENT_DUPLICATE) {
        drop(ip, why, interface, packet);
        return 0;
    }
    if (why != LA_DROP_NONE) {
        refuse(ip, number, why, interface, packet);
        return 0;
    }
    *whole = core_at(ip_core(ip), reassembly_of(ip)->whole);
    return complete(ip, number, interface, packet);
}

/* ---- time ---- */

/* RFC 1122 3.3.2, RFC 8200 4.5: told if the first fragment has come. */
static void give_up(struct ip *ip, uint16_t number)
{
    const struct reassembling *p = reassembly_packet(ip, number);
    struct packet first;
    if (!reassembly_is_refused(p)) {
        reassembly_count(ip, LA_COUNT_REASSEMBLY_FAILS, 1);
        reassembly_count(ip, LA_COUNT_REASSEMBLY_TIMEOUTS, 1);
        reassembly_drop(ip, LA_DROP_FRAGMENTS_LATE, p->interface, &p->source, &p->destination);
    }
    if (reassembly_first(ip, number, &first)) {
        icmp_reassembly_time_exceeded(ip, p->interface, &first);
    }
    reassembly_end(ip, number);
}

void reassembly_advance(struct ip *ip)
{
    const struct reassembly *r = reassembly_of(ip);
    while (r->oldest != REASSEMBLY_NONE && reassembly_packet(ip, r->oldest)->deadline <= ip_core(ip)->now) {
        give_up(ip, r->oldest);
    }
}

la_time reassembly_deadline(const struct ip *ip, la_time other)
{
    la_time deadline = reassembly_packet(ip, reassembly_of(ip)->oldest)->deadline;
    la_time now = ip_core(ip)->now;
    deadline = deadline < now ? now : deadline;
    return deadline < other ? deadline : other;
}

/* ---- fragments that leave ---- */

/* Not to be guessed, and none twice before all others were used, between two addresses (RFC 6864 4.3, RFC 7739 5.3):
   what has been sent counts on from a place of its own for each pair. */
static uint32_t next_identification(const struct ip *ip, const struct packet *request)
{
    const struct core *core = ip_core(ip);
    uint8_t pair[2 * sizeof(struct la_address)];
    memcpy(pair, &request->destination, sizeof request->destination);
    memcpy(pair + sizeof request->destination, &request->source, sizeof request->source);
    uint32_t sent = reassembly_of(ip)->counter[LA_COUNT_FRAGMENTATION_OKS - CORE_COUNTER_COUNT];
    return (uint32_t)siphash_2_4(core->config.key, pair, sizeof pair) + sent;
}

/* RFC 8200 5: no link of IPv6 carries less, and nobody on the way cuts again. */
static size_t part_bytes(const struct ip *ip, unsigned interface, const struct packet *request)
{
    size_t mtu = packet_is_ipv4(request) ? ip_interface_mtu(ip, interface) : IPV6_MTU_MIN;
    return (mtu - ip_fragment_header_bytes(&request->source)) / 8 * 8;
}

/* The answer's first four octets: type, code, and the checksum, from which the request's type is taken (RFC 1624 3). */
static void make_echo_head(const struct packet *request, uint8_t head[4])
{
    uint32_t was = get_u16(request->payload);
    uint32_t is = packet_is_ipv4(request) ? (uint32_t)ICMP_ECHO_REPLY << 8 : (uint32_t)ICMPV6_ECHO_REPLY << 8;
    uint32_t sum = (get_u16(request->payload + 2) ^ 0xffffU) + (was ^ 0xffffU) + is;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put_u16(head, (uint16_t)is);
    put_u16(head + 2, (uint16_t)~sum);
}

/* For a neighbour that is not known yet one packet waits, the latest: of parts the last one alone, which is of use to
   nobody. So none is made; who asks again finds that he is known. */
void fragments_answer_echo(struct ip *ip, unsigned interface, const struct packet *request)
{
    struct core *core = ip_core(ip);
    if (ip_is_ethernet(ip, interface) && !ip_neighbour_is_ready(ip, interface, &request->source)) {
        return;
    }
    const struct replies before = core->replies;
    const size_t most = part_bytes(ip, interface, request);
    const size_t header_bytes = ip_fragment_header_bytes(&request->source);
    struct ip_fragment part = {.identification = next_identification(ip, request), .protocol = request->protocol};
    uint32_t parts = 0;
    uint8_t head[4];
    make_echo_head(request, head);
    while (part.offset < request->payload_length) {
        size_t left = request->payload_length - part.offset;
        size_t length = left < most ? left : most;
        uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), interface, header_bytes + length);
        if (room == NULL) {
            core->replies = before; /* the parts that had room are of no use */
            ip_drop_reply(ip, interface, request);
            return;
        }
        part.more = length < left;
        (void)ip_emit_fragment(room, &request->destination, &request->source, core->config.ttl, &part, length);
        memcpy(room + header_bytes, request->payload + part.offset, length);
        if (part.offset == 0) {
            memcpy(room + header_bytes, head, sizeof head);
        }
        replies_commit(&core->replies, ip_replies_ring(ip), interface, header_bytes + length);
        part.offset += (uint32_t)length;
        parts++;
    }
    core_count(core, LA_COUNT_ICMP_OUT_MESSAGES);
    reassembly_count(ip, LA_COUNT_FRAGMENTATION_OKS, 1);
    reassembly_count(ip, LA_COUNT_FRAGMENTATION_CREATES, parts);
}
