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

static void complete(struct la_trace *record, unsigned interface, const struct la_endpoint *local,
                     const struct la_endpoint *remote)
{
    if (record != NULL) {
        record->interface = (uint8_t)interface;
        record->local = *local;
        record->remote = *remote;
    }
}

static void drop(struct ip *ip, enum la_drop why, unsigned interface, const struct packet *packet)
{
    struct la_endpoint local = {.address = packet->destination};
    struct la_endpoint remote = {.address = packet->source};
    complete(core_drop(ip_core(ip), why), interface, &local, &remote);
}

/* An outgoing packet found no room. */
static void drop_reply(struct ip *ip, unsigned interface, const struct packet *about)
{
    drop(ip, LA_DROP_REPLIES_FULL, interface, about);
}

static uint8_t *replies_ring(const struct core *core)
{
    return core_at(core, core->replies.offset);
}

/* RFC 1122 3.2.2: no error about an ICMP error, about a destination or a source that is not a single host, about a
   fragment but the first. */
static bool error_is_forbidden(const struct ip *ip, unsigned interface, const struct packet *packet)
{
    struct icmp_message message;
    if (ip_check(ip, interface, packet) != LA_DROP_NONE) {
        return true;
    }
    if (packet->protocol != IP_PROTOCOL_ICMP) {
        return false;
    }
    return icmp_parse(packet, &message) != LA_DROP_NONE ||
           (message.type != ICMP_ECHO_REQUEST && message.type != ICMP_ECHO_REPLY);
}

void icmp_send_unreachable(struct ip *ip, unsigned interface, const struct packet *packet, uint8_t code)
{
    struct core *core = ip_core(ip);
    if (error_is_forbidden(ip, interface, packet) || !error_is_allowed(ip)) {
        return;
    }
    uint8_t *room = replies_reserve(&core->replies, replies_ring(core), interface, icmp_unreachable_bytes(packet));
    if (room == NULL) {
        drop_reply(ip, interface, packet);
        return;
    }
    size_t length = icmp_emit_unreachable(room, packet, code, core->config.ttl);
    replies_commit(&core->replies, replies_ring(core), interface, length);
    core_count(core, LA_COUNT_ICMP_OUT_MESSAGES);
    pay_for_error(ip);
}

/* RFC 1122 3.2.2.6. Back by the way it came. */
static void answer_echo(struct ip *ip, unsigned interface, const struct packet *request)
{
    struct core *core = ip_core(ip);
    size_t mtu = ip_interface_mtu(ip, interface);
    uint8_t *room = replies_reserve(&core->replies, replies_ring(core), interface, icmp_echo_reply_bytes(request, mtu));
    if (room == NULL) {
        drop_reply(ip, interface, request);
        return;
    }
    size_t length = icmp_emit_echo_reply(room, request, core->config.ttl, mtu);
    replies_commit(&core->replies, replies_ring(core), interface, length);
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

void icmp_arrives(struct ip *ip, unsigned interface, const struct packet *packet, struct icmp_notice *notice)
{
    struct icmp_message message;
    *notice = (struct icmp_notice){.valid = false};
    core_count(ip_core(ip), LA_COUNT_ICMP_IN_MESSAGES);
    enum la_drop why = icmp_parse(packet, &message);
    if (why == LA_DROP_NONE && message.type == ICMP_ECHO_REPLY) {
        why = LA_DROP_ICMP_TYPE; /* we never ask */
    }
    if (why != LA_DROP_NONE) {
        drop(ip, why, interface, packet);
        return;
    }
    if (message.type == ICMP_ECHO_REQUEST) {
        answer_echo(ip, interface, packet);
        return;
    }
    if (message.quoted_protocol != IP_PROTOCOL_TCP || message.quoted_source.port == 0 ||
        !ip_is_ours(ip, &message.quoted_source.address)) {
        drop_quote(ip, interface, &message);
        return;
    }
    *notice = (struct icmp_notice){.valid = true,
                                   .type = message.type,
                                   .code = message.code,
                                   .mtu = message.mtu,
                                   .local = message.quoted_source,
                                   .remote = message.quoted_destination,
                                   .seq = message.quoted_seq};
}
