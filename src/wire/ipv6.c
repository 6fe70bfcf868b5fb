#include "wire/ipv6.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "wire/icmpv6.h"
#include "wire/packet.h"

/* RFC 8200 4.2: the upper two bits of an option's type say what becomes of a packet with an option that is unknown. */
enum option_action { ACTION_SKIP, ACTION_DISCARD, ACTION_TELL, ACTION_TELL_UNLESS_MULTICAST };

enum option { OPTION_PAD1 = 0 };

/* Fragment header: offset in units of 8 octets, two bits that mean nothing, more fragments (RFC 8200 4.5). */
enum { FRAGMENT_OFFSET = 0xfff8, MORE_FRAGMENTS = 1 };

/* A walk along the chain of headers. */
struct chain {
    const uint8_t *bytes;
    size_t length;
    size_t at;             /* of the header that comes next */
    size_t next_header_at; /* of the octet that says what it is */
    uint8_t next_header;
    bool is_fragment;
    bool has_problem; /* its sender deserves to be told */
    struct ipv6_problem problem;
};

static enum la_drop refuse(struct chain *chain, enum la_drop why, uint8_t code, size_t pointer)
{
    chain->has_problem = true;
    chain->problem = (struct ipv6_problem){.code = code, .pointer = (uint16_t)pointer};
    return why;
}

/* Of the option at the offset. All that we do with options is to skip them. */
static enum la_drop judge_option(struct chain *chain, size_t at)
{
    switch ((enum option_action)(chain->bytes[at] >> 6)) {
    case ACTION_SKIP: return LA_DROP_NONE;
    case ACTION_DISCARD: return LA_DROP_IP_OPTION;
    case ACTION_TELL:
        refuse(chain, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_OPTION, at);
        chain->problem.even_if_multicast = true;
        return LA_DROP_IP_OPTION;
    case ACTION_TELL_UNLESS_MULTICAST: /* the jumbo payload option is one of them (RFC 2675) */
        return refuse(chain, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_OPTION, at);
    }
    return LA_DROP_IP_OPTION;
}

static enum la_drop check_options(struct chain *chain, size_t at, size_t end)
{
    while (at < end) {
        if (chain->bytes[at] == OPTION_PAD1) {
            at++;
            continue;
        }
        if (end - at < 2 || chain->bytes[at + 1] > end - at - 2) {
            return refuse(chain, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_HEADER, end - at < 2 ? at : at + 1);
        }
        enum la_drop why = judge_option(chain, at);
        if (why != LA_DROP_NONE) {
            return why;
        }
        at += 2u + chain->bytes[at + 1];
    }
    return LA_DROP_NONE;
}

/* RFC 8200 4.4: no type is known to us, type 0 is nobody's any more (RFC 5095), and what has been through all its
   nodes does not matter. */
static enum la_drop check_routing(struct chain *chain, size_t at)
{
    uint8_t segments_left = chain->bytes[at + 3];
    return segments_left == 0 ? LA_DROP_NONE
                              : refuse(chain, LA_DROP_IP_OPTION, ICMPV6_PARAMETER_PROBLEM_HEADER, at + 2);
}

/* RFC 6946: a fragment that is all there is to its packet is taken as it comes. */
static enum la_drop check_fragment(struct chain *chain, size_t at)
{
    chain->is_fragment = (get_u16(chain->bytes + at + 2) & (FRAGMENT_OFFSET | MORE_FRAGMENTS)) != 0;
    return chain->is_fragment ? LA_DROP_IP_FRAGMENT : LA_DROP_NONE;
}

/* Steps over the extension header that comes next, of so many octets. */
static size_t step(struct chain *chain, size_t header_bytes)
{
    size_t at = chain->at;
    chain->next_header = chain->bytes[at];
    chain->next_header_at = at;
    chain->at = at + header_bytes;
    return at;
}

static enum la_drop walk_one(struct chain *chain)
{
    uint8_t kind = chain->next_header;
    size_t left = chain->length - chain->at;
    size_t header_bytes = 8;
    if (left >= 8 && kind != IPV6_FRAGMENT) { /* which has a reserved octet there */
        header_bytes += (size_t)chain->bytes[chain->at + 1] * 8;
    }
    if (header_bytes > left) {
        return LA_DROP_IP_HEADER_LENGTH;
    }
    size_t at = step(chain, header_bytes);
    if (kind == IPV6_ROUTING) {
        return check_routing(chain, at);
    }
    return kind == IPV6_FRAGMENT ? check_fragment(chain, at) : check_options(chain, at + 2, chain->at);
}

static bool is_extension(const struct chain *chain)
{
    switch (chain->next_header) {
    case IPV6_ROUTING:
    case IPV6_FRAGMENT:
    case IPV6_DESTINATION_OPTIONS: return true;
    case IPV6_HOP_BY_HOP: return chain->at == IPV6_HEADER_BYTES;
    }
    return false;
}

static enum la_drop walk(struct chain *chain)
{
    for (unsigned headers = 0; is_extension(chain); headers++) {
        enum la_drop why = headers < IPV6_EXTENSIONS_MAX ? walk_one(chain) : LA_DROP_IP_EXTENSIONS;
        if (why != LA_DROP_NONE) {
            return why;
        }
    }
    return LA_DROP_NONE;
}

static struct chain chain_of(const uint8_t *bytes, size_t length)
{
    return (struct chain){
        .bytes = bytes, .length = length, .at = IPV6_HEADER_BYTES, .next_header_at = 6, .next_header = bytes[6]};
}

static struct la_address read_address(const uint8_t *octets)
{
    struct la_address address;
    memcpy(address.octets, octets, sizeof address.octets);
    return address;
}

/* The mapped form is IPv4's, inside the host: on the wire it would be taken for what it is not. */
static enum la_drop check_addresses(const struct packet *packet)
{
    if (address_is_ipv4(&packet->source)) {
        return LA_DROP_IP_SOURCE;
    }
    return address_is_ipv4(&packet->destination) ? LA_DROP_IP_DESTINATION : LA_DROP_NONE;
}

enum la_drop ipv6_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
    *packet = (struct packet){.bytes = bytes, .length = length};
    if (length < IPV6_HEADER_BYTES) {
        return LA_DROP_IP_TRUNCATED;
    }
    size_t total_length = IPV6_HEADER_BYTES + (size_t)get_u16(bytes + 4);
    packet->tos = (uint8_t)(bytes[0] << 4 | bytes[1] >> 4); /* the traffic class */
    packet->protocol = bytes[6];
    packet->ttl = bytes[7];
    packet->source = read_address(bytes + 8);
    packet->destination = read_address(bytes + 24);
    if (bytes[0] >> 4 != 6) {
        return LA_DROP_IP_VERSION;
    }
    if (total_length > length) {
        return LA_DROP_IP_TOTAL_LENGTH;
    }
    packet->length = total_length;
    enum la_drop why = check_addresses(packet);
    if (why != LA_DROP_NONE) {
        return why;
    }
    struct chain chain = chain_of(bytes, total_length);
    why = walk(&chain);
    packet->protocol = chain.next_header;
    packet->payload = bytes + chain.at;
    packet->payload_length = total_length - chain.at;
    return why;
}

bool ipv6_has_fragment_header(const struct packet *packet)
{
    struct chain chain = chain_of(packet->bytes, packet->length);
    while (is_extension(&chain)) {
        if (chain.next_header == IPV6_FRAGMENT) {
            return true;
        }
        (void)walk_one(&chain);
    }
    return false;
}

/* Up to and over the fragment header, which is then the last one: where the octet stands that names it. */
static size_t walk_to_fragment(struct chain *chain)
{
    size_t named_at = chain->next_header_at;
    while (is_extension(chain) && !chain->is_fragment) {
        named_at = chain->next_header_at;
        (void)walk_one(chain);
    }
    return named_at;
}

struct ip_fragment ipv6_fragment(const struct packet *packet)
{
    struct chain chain = chain_of(packet->bytes, packet->length);
    size_t named_at = walk_to_fragment(&chain);
    const uint8_t *header = packet->bytes + chain.next_header_at;
    return (struct ip_fragment){.identification = get_u32(header + 4),
                                .offset = get_u16(header + 2) & FRAGMENT_OFFSET,
                                .more = (get_u16(header + 2) & MORE_FRAGMENTS) != 0,
                                .protocol = chain.next_header,
                                .before_bytes = (uint16_t)chain.next_header_at,
                                .next_header_at = (uint16_t)named_at};
}

/* What is wrong with a chain that is all there comes to light when the whole is parsed. */
bool ipv6_fragment_transport(const struct packet *packet, struct ip_transport *transport)
{
    struct chain chain = chain_of(packet->bytes, packet->length);
    (void)walk_to_fragment(&chain);
    enum la_drop why = walk(&chain);
    *transport = (struct ip_transport){.protocol = IPV6_NO_NEXT_HEADER};
    if (why == LA_DROP_NONE) {
        *transport = (struct ip_transport){chain.next_header, packet->bytes + chain.at, packet->length - chain.at};
    }
    return why != LA_DROP_IP_HEADER_LENGTH;
}

bool ipv6_problem(const struct packet *packet, struct ipv6_problem *problem)
{
    if (packet->length < IPV6_HEADER_BYTES) {
        return false;
    }
    struct chain chain = chain_of(packet->bytes, packet->length);
    enum la_drop why = walk(&chain);
    if (why == LA_DROP_NONE && chain.next_header != IPV6_NO_NEXT_HEADER) {
        refuse(&chain, LA_DROP_IP_PROTOCOL, ICMPV6_PARAMETER_PROBLEM_NEXT_HEADER, chain.next_header_at);
    }
    *problem = chain.problem;
    return chain.has_problem;
}

unsigned ipv6_emit(uint8_t *restrict to, const struct la_address *source, const struct la_address *destination,
                   uint8_t protocol, uint8_t hop_limit, size_t payload_length)
{
    la_assert(payload_length <= UINT16_MAX);
    put_u32(to, UINT32_C(0x60000000));
    put_u32(to + 4, (uint32_t)payload_length << 16 | (uint32_t)protocol << 8 | hop_limit);
    memcpy(to + 8, source->octets, sizeof source->octets);
    memcpy(to + 24, destination->octets, sizeof destination->octets);
    return IPV6_HEADER_BYTES;
}

unsigned ipv6_emit_fragment(uint8_t *to, const struct la_address *source, const struct la_address *destination,
                            uint8_t hop_limit, const struct ip_fragment *fragment, size_t payload_length)
{
    la_assert(fragment->offset % 8 == 0 && fragment->offset <= FRAGMENT_OFFSET);
    unsigned at =
        ipv6_emit(to, source, destination, IPV6_FRAGMENT, hop_limit, IPV6_FRAGMENT_HEADER_BYTES + payload_length);
    put_u16(to + at, (uint16_t)(fragment->protocol << 8));
    put_u16(to + at + 2, (uint16_t)(fragment->offset | (fragment->more ? MORE_FRAGMENTS : 0)));
    put_u32(to + at + 4, fragment->identification);
    return at + IPV6_FRAGMENT_HEADER_BYTES;
}

uint64_t ipv6_pseudo_checksum(const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                              size_t payload_length)
{
    uint64_t from = checksum_join(load_u64(source->octets), load_u64(source->octets + 8));
    uint64_t to = checksum_join(load_u64(destination->octets), load_u64(destination->octets + 8));
    return checksum_fields(checksum_join(from, to), (uint64_t)protocol + payload_length);
}
