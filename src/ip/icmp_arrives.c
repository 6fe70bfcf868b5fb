#include "base/assert.h"
#include "reassembly.h"
#include "tables.h"

static void complete(struct la_trace *record, unsigned interface, const struct la_endpoint *local,
                     const struct la_endpoint *remote)
{
    if (record != NULL) {
        record->interface = (uint8_t)interface;
        record->local = *local;
        record->remote = *remote;
    }
}

void ip_drop(struct ip *ip, enum la_drop why, unsigned interface, const struct packet *packet)
{
    struct la_endpoint local = {.address = packet->destination};
    struct la_endpoint remote = {.address = packet->source};
    complete(core_drop(ip_core(ip), why), interface, &local, &remote);
}

/* RFC 1122 3.2.2.6, RFC 4443 4.2. Back by the way it came. */
static void answer_echo(struct ip *ip, unsigned interface, const struct packet *request)
{
    struct core *core = ip_core(ip);
    bool ipv4 = packet_is_ipv4(request);
    size_t mtu = ip_interface_mtu(ip, interface);
    size_t whole_bytes = ip_header_bytes(&request->source) + request->payload_length;
    if (whole_bytes > mtu && core->config.reassembly_bytes > 0) {
        fragments_answer_echo(ip, interface, request);
        return;
    }
    size_t length = ipv4 ? icmp_echo_reply_bytes(request, mtu) : icmpv6_echo_reply_bytes(request, mtu);
    uint8_t *room = replies_reserve(&core->replies, ip_replies_ring(ip), interface, length);
    if (room == NULL) {
        ip_drop_reply(ip, interface, request);
        return;
    }
    length = ipv4 ? icmp_emit_echo_reply(room, request, core->config.ttl, mtu)
                  : icmpv6_emit_echo_reply(room, request, core->config.ttl, mtu);
    replies_commit(&core->replies, ip_replies_ring(ip), interface, length);
    core_count(core, LA_COUNT_ICMP_OUT_MESSAGES);
}

static void drop_quote(struct ip *ip, unsigned interface, const struct icmp_message *message)
{
    struct la_trace *record = core_drop(ip_core(ip), LA_DROP_ICMP_QUOTE);
    complete(record, interface, &message->quoted_source, &message->quoted_destination);
    if (record != NULL) {
        record->sequence = message->quoted_seq.v;
    }
}

/* RFC 9293 3.9.2.2, RFC 1122 4.2.3.9: protocol and port. */
static enum icmp_meaning meaning_of_icmp(const struct icmp_message *message)
{
    if (message->type != ICMP_UNREACHABLE) {
        return ICMP_MEANS_TROUBLE;
    }
    if (message->code == ICMP_UNREACHABLE_FRAGMENTATION_NEEDED) {
        return ICMP_MEANS_TOO_BIG;
    }
    bool is_refusal = message->code == ICMP_UNREACHABLE_PROTOCOL || message->code == ICMP_UNREACHABLE_PORT;
    return is_refusal ? ICMP_MEANS_REFUSAL : ICMP_MEANS_TROUBLE;
}

/* RFC 792, RFC 1812 5.2.7.1 */
static enum la_unreachable what_icmp_says(const struct icmp_message *message)
{
    static const uint8_t meaning[ICMP_UNREACHABLE_PRECEDENCE_CUTOFF + 1] = {
        [ICMP_UNREACHABLE_NET] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_PROTOCOL] = LA_UNREACHABLE_PROTOCOL,
        [ICMP_UNREACHABLE_PORT] = LA_UNREACHABLE_PORT,
        [ICMP_UNREACHABLE_NET_UNKNOWN] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST_UNKNOWN] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_NET_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
        [ICMP_UNREACHABLE_HOST_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
        [ICMP_UNREACHABLE_NET_FOR_TOS] = LA_UNREACHABLE_NETWORK,
        [ICMP_UNREACHABLE_HOST_FOR_TOS] = LA_UNREACHABLE_HOST,
        [ICMP_UNREACHABLE_PROHIBITED] = LA_UNREACHABLE_PROHIBITED,
    };
    bool is_known = message->type == ICMP_UNREACHABLE && message->code <= ICMP_UNREACHABLE_PRECEDENCE_CUTOFF;
    uint8_t what = is_known ? meaning[message->code] : LA_UNREACHABLE_NONE;
    return what == LA_UNREACHABLE_NONE ? LA_UNREACHABLE_OTHER : (enum la_unreachable)what;
}

/* RFC 4443 3.1 */
static enum la_unreachable what_icmpv6_says(const struct icmp_message *message)
{
    static const uint8_t meaning[] = {LA_UNREACHABLE_NETWORK,   LA_UNREACHABLE_PROHIBITED, LA_UNREACHABLE_NETWORK,
                                      LA_UNREACHABLE_HOST,      LA_UNREACHABLE_PORT,       LA_UNREACHABLE_PROHIBITED,
                                      LA_UNREACHABLE_PROHIBITED};
    if (message->type == ICMPV6_PARAMETER_PROBLEM && message->code == ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER) {
        return LA_UNREACHABLE_PROTOCOL;
    }
    bool is_known = message->type == ICMPV6_UNREACHABLE && message->code < sizeof meaning;
    return is_known ? (enum la_unreachable)meaning[message->code] : LA_UNREACHABLE_OTHER;
}

/* RFC 9293 3.9.2.2 calls parameter problems soft, also that of an unknown next header, though IPv4's protocol
   unreachable is hard. Of what it does not name, prohibited and port are hard (RFC 5461). */
static enum icmp_meaning meaning_of_icmpv6(const struct icmp_message *message)
{
    if (message->type == ICMPV6_PACKET_TOO_BIG) {
        return ICMP_MEANS_TOO_BIG;
    }
    bool is_refusal = message->type == ICMPV6_UNREACHABLE &&
                      (message->code == ICMPV6_UNREACHABLE_PROHIBITED || message->code == ICMPV6_UNREACHABLE_PORT);
    return is_refusal ? ICMP_MEANS_REFUSAL : ICMP_MEANS_TROUBLE;
}

static void error_arrives(struct ip *ip, unsigned interface, const struct packet *packet,
                          const struct icmp_message *message, struct icmp_notice *notice)
{
    if (message->quoted_protocol != IP_PROTOCOL_TCP || message->quoted_source.port == 0 ||
        !ip_is_ours(ip, &message->quoted_source.address)) {
        drop_quote(ip, interface, message);
        return;
    }
    bool ipv4 = packet_is_ipv4(packet);
    *notice = (struct icmp_notice){.valid = true,
                                   .meaning = ipv4 ? meaning_of_icmp(message) : meaning_of_icmpv6(message),
                                   .what = ipv4 ? what_icmp_says(message) : what_icmpv6_says(message),
                                   .mtu = message->mtu,
                                   .length = message->quoted_length,
                                   .local = message->quoted_source,
                                   .remote = message->quoted_destination,
                                   .seq = message->quoted_seq};
}

void icmp_arrives(struct ip *ip, unsigned interface, const struct packet *packet, struct icmp_notice *notice)
{
    struct icmp_message message;
    bool ipv4 = packet_is_ipv4(packet);
    *notice = (struct icmp_notice){.valid = false};
    core_count(ip_core(ip), LA_COUNT_ICMP_IN_MESSAGES);
    enum la_drop why = ipv4 ? icmp_parse(packet, &message) : icmpv6_parse(packet, &message);
    bool is_request = message.type == (ipv4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST);
    bool is_error = ipv4 ? message.type != ICMP_ECHO_REPLY && !is_request : icmpv6_is_error(message.type);
    if (why == LA_DROP_NONE && !is_request && !is_error) {
        why = LA_DROP_ICMP_TYPE; /* an echo reply, and we never ask; neighbour discovery, which has no use here */
    }
    if (why != LA_DROP_NONE) {
        ip_drop(ip, why, interface, packet);
    } else if (is_request) {
        answer_echo(ip, interface, packet);
    } else {
        error_arrives(ip, interface, packet, &message, notice);
    }
}
