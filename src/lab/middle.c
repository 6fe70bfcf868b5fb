#include "middle.h"

#include "link/packet.h"

#include <string.h>

enum { ADDRESS_IPV4_AT = 12, IPV4_CHECKSUM_AT = 10, SOURCE_AT = 12, DESTINATION_AT = 16, TCP_CHECKSUM_AT = 16 };

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

static bool same(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && la_address_equal(&a->address, &b->address);
}

/* ---- checksums --------------------------------------------------------------------------------------------------- */

/* RFC 1624 3, equation 3: the checksum after 16 bits of what it covers have changed. */
static void checksum_follow(uint8_t *checksum, uint16_t before, uint16_t after)
{
    uint32_t sum = (uint16_t)~get16(checksum);
    sum += (uint16_t)~before;
    sum += after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(checksum, (uint16_t)~sum);
}

static uint32_t sum_of(const uint8_t *octets, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i += 2)
        sum += get16(octets + i);
    return sum;
}

static uint16_t folded(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* ---- rewriting --------------------------------------------------------------------------------------------------- */

/* The source's or the destination's address and port, and all checksums that cover them. */
static void rewrite(uint8_t *packet, size_t tcp, size_t address_at, size_t port_at, const struct la_endpoint *to)
{
    const uint8_t *octets = to->address.octets + ADDRESS_IPV4_AT;
    for (size_t i = 0; i < 4; i += 2) {
        checksum_follow(packet + IPV4_CHECKSUM_AT, get16(packet + address_at + i), get16(octets + i));
        checksum_follow(packet + tcp + TCP_CHECKSUM_AT, get16(packet + address_at + i), get16(octets + i));
    }
    memcpy(packet + address_at, octets, 4);
    checksum_follow(packet + tcp + TCP_CHECKSUM_AT, get16(packet + tcp + port_at), to->port);
    put16(packet + tcp + port_at, to->port);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void forget_old(struct middle *middle, la_time now)
{
    for (uint32_t i = 0; i < middle->count; i++) {
        struct middle_flow *flow = &middle->flow[i];
        flow->forgotten = flow->forgotten || now - flow->seen >= middle->rule.forgets_ns;
    }
}

static struct middle_flow *flow_out(struct middle *middle, const struct packet_view *view)
{
    for (uint32_t i = 0; i < middle->count; i++) {
        if (!middle->flow[i].forgotten && same(&middle->flow[i].inside, &view->source) &&
            same(&middle->flow[i].outside, &view->destination))
            return &middle->flow[i];
    }
    return NULL;
}

static struct middle_flow *flow_in(struct middle *middle, const struct packet_view *view)
{
    bool nat = middle->kind == NETWORK_NAT;
    for (uint32_t i = 0; i < middle->count; i++) {
        struct middle_flow *flow = &middle->flow[i];
        struct la_endpoint shown = flow->inside;
        if (nat)
            shown = (struct la_endpoint){middle->address, flow->port};
        if (!flow->forgotten && same(&shown, &view->destination) && same(&flow->outside, &view->source))
            return flow;
    }
    return NULL;
}

const struct middle_flow *middle_behind(const struct middle *middle, uint16_t port)
{
    for (uint32_t i = middle->count; i-- > 0;) {
        if (middle->flow[i].port == port)
            return &middle->flow[i];
    }
    return NULL;
}

/* A place for one more: that of the oldest forgotten one if there is no other; MIDDLE_FLOWS if there is none. */
static uint32_t place_for(const struct middle *middle)
{
    if (middle->count < MIDDLE_FLOWS)
        return middle->count;
    for (uint32_t i = 0; i < MIDDLE_FLOWS; i++) {
        if (middle->flow[i].forgotten)
            return i;
    }
    return MIDDLE_FLOWS;
}

static struct middle_flow *flow_new(struct middle *middle, la_time now, const struct packet_view *view)
{
    uint32_t place = place_for(middle);
    if (place == MIDDLE_FLOWS)
        return NULL;
    middle->count += place == middle->count;
    struct middle_flow *flow = &middle->flow[place];
    *flow = (struct middle_flow){.inside = view->source, .outside = view->destination, .seen = now};
    flow->port = (uint16_t)(MIDDLE_PORT_FIRST + middle->next_port++ % (UINT16_MAX - MIDDLE_PORT_FIRST));
    return flow;
}

const char *middle_pass(struct middle *middle, la_time now, bool from_inside, uint8_t *packet, size_t length)
{
    struct packet_view view;
    forget_old(middle, now);
    if (!packet_look(packet, length, &view) || !la_address_is_ipv4(&view.source.address))
        return "it passes TCP over IPv4 only";
    struct middle_flow *flow = from_inside ? flow_out(middle, &view) : flow_in(middle, &view);
    bool opens = from_inside && (view.flags & (LA_SYN | LA_ACK | LA_RST)) == LA_SYN;
    if (flow == NULL && !opens)
        return "it knows no such connection";
    if (flow == NULL)
        flow = flow_new(middle, now, &view);
    if (flow == NULL)
        return "its table is full";
    flow->seen = now;
    if (middle->kind != NETWORK_NAT)
        return NULL;
    struct la_endpoint shown = {middle->address, flow->port};
    if (from_inside)
        rewrite(packet, view.tcp_offset, SOURCE_AT, 0, &shown);
    else
        rewrite(packet, view.tcp_offset, DESTINATION_AT, 2, &flow->inside);
    return NULL;
}

size_t middle_reset(const uint8_t *packet, size_t length, uint8_t reset[MIDDLE_RESET_BYTES])
{
    enum { IP = 20, TCP = 20, PROTOCOL_TCP = 6 };
    struct packet_view view;
    if (!packet_look(packet, length, &view) || packet[0] >> 4 != 4 || (view.flags & LA_RST) != 0)
        return 0;
    bool acknowledges = (view.flags & LA_ACK) != 0;
    uint32_t span = view.length + ((view.flags & LA_SYN) != 0) + ((view.flags & LA_FIN) != 0);
    memset(reset, 0, MIDDLE_RESET_BYTES);
    reset[0] = 0x45;
    put16(reset + 2, MIDDLE_RESET_BYTES);
    reset[8] = 64;
    reset[9] = PROTOCOL_TCP;
    memcpy(reset + SOURCE_AT, packet + DESTINATION_AT, 4);
    memcpy(reset + DESTINATION_AT, packet + SOURCE_AT, 4);
    put16(reset + IPV4_CHECKSUM_AT, folded(sum_of(reset, IP)));
    uint8_t *tcp = reset + IP;
    put16(tcp, view.destination.port);
    put16(tcp + 2, view.source.port);
    put32(tcp + 4, acknowledges ? view.acknowledgment : 0);
    put32(tcp + 8, acknowledges ? 0 : view.sequence + span);
    tcp[12] = 5 << 4;
    tcp[13] = acknowledges ? LA_RST : LA_RST | LA_ACK;
    uint32_t pseudo = sum_of(reset + SOURCE_AT, 8) + PROTOCOL_TCP + TCP;
    put16(tcp + TCP_CHECKSUM_AT, folded(pseudo + sum_of(tcp, TCP)));
    return MIDDLE_RESET_BYTES;
}
