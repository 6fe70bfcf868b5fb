#ifndef UNIT_IP_SUPPORT_H
#define UNIT_IP_SUPPORT_H

#include "support.h"

#include "base/address.h"
#include "ip/ip.h"

enum { ARRAY_BYTES = 1024, REPLY_BYTES = 4096 };

/* What host.c does: one block, everything behind the core. */
struct host {
    struct ip ip;
    struct core core;
    _Alignas(64) uint8_t interfaces[ARRAY_BYTES];
    _Alignas(64) uint8_t prefixes[ARRAY_BYTES];
    _Alignas(64) uint8_t trace[16 * sizeof(struct la_trace)];
    _Alignas(64) uint8_t ring[REPLY_BYTES];
};

static inline uint32_t units(const struct host *host, const void *at)
{
    return (uint32_t)((size_t)((const char *)at - (const char *)&host->core) / CORE_UNIT);
}

static inline struct host *host_new(void)
{
    struct host *host = aligned_alloc(64, (sizeof *host + 63) / 64 * 64);
    assert_non_null(host);
    memset(host, 0, sizeof *host);
    host->core.config =
        (struct la_config){.interfaces = 3, .addresses = 6, .routes = 4, .ttl = 64, .trace_mask = LA_TRACE_ALL};
    host->core.now = 1000 * LA_SECOND;
    host->core.trace.offset = units(host, host->trace);
    host->core.config.trace_records = 16;
    host->core.replies.offset = units(host, host->ring);
    host->core.replies.bytes = REPLY_BYTES;
    host->core.interfaces = units(host, host->interfaces);
    host->ip.addresses = units(host, host->prefixes);
    size_t prefixes = ip_addresses_bytes(&host->core.config) + ip_routes_bytes(&host->core.config);
    assert_true(prefixes <= ARRAY_BYTES);
    return host;
}

static inline struct la_address address(const char *text)
{
    struct la_address parsed;
    assert_int_equal(la_address_parse(text, &parsed), LA_OK);
    return parsed;
}

static inline int add_address(struct host *host, unsigned interface, const char *text, unsigned prefix_length)
{
    struct la_address a = address(text);
    return ip_address_add(&host->ip, interface, &a, prefix_length);
}

static inline int add_route(struct host *host, unsigned interface, const char *text, unsigned prefix_length)
{
    struct la_address a = address(text);
    return ip_route_add(&host->ip, interface, &a, prefix_length);
}

struct own_address {
    const char *text;
    unsigned interface, prefix_length;
};

/* Two interfaces, the second one's MTU larger, with these addresses in their order. */
static inline struct host *host_with(const struct own_address *addresses, size_t count)
{
    struct host *host = host_new();
    assert_int_equal(ip_interface_add(&host->ip, 1500), 0);
    assert_int_equal(ip_interface_add(&host->ip, 9000), 1);
    for (size_t i = 0; i < count; i++) {
        const struct own_address *own = &addresses[i];
        assert_int_equal(add_address(host, own->interface, own->text, own->prefix_length), LA_OK);
    }
    return host;
}

static inline uint64_t dropped(const struct host *host, enum la_drop why)
{
    return host->core.dropped[why];
}

static inline void check_path(struct host *host, const char *to, const char *from, int interface, const char *source)
{
    struct ip_path path;
    struct la_address destination = address(to);
    struct la_address given = address(from != NULL ? from : "::");
    bool found = ip_path_to(&host->ip, &destination, &given, &path) == LA_OK;
    assert_int_equal(found, interface >= 0);
    if (found) {
        struct la_address expected = address(source);
        assert_int_equal(path.interface, interface);
        assert_true(address_equal(&path.source, &expected));
    }
}

static inline enum la_drop check(struct host *host, unsigned interface, const char *source, const char *destination)
{
    struct packet packet = {.source = address(source), .destination = address(destination)};
    return ip_check(&host->ip, interface, &packet);
}

static inline size_t make(uint8_t *to, const char *from, const char *destination, uint8_t protocol, const void *payload,
                          size_t length)
{
    struct la_address source = address(from);
    struct la_address target = address(destination);
    unsigned header = ip_emit(to, &source, &target, protocol, 64, length);
    memcpy(to + header, payload, length);
    if ((protocol == IP_PROTOCOL_ICMP || protocol == IP_PROTOCOL_ICMPV6) && length >= 4) {
        bool has_pseudo = protocol == IP_PROTOCOL_ICMPV6; /* the header that is summed too */
        uint64_t sum = has_pseudo ? ip_pseudo_checksum(&source, &target, protocol, length) : 0;
        put_u16(to + header + 2, 0);
        put_u16(to + header + 2, checksum_finish(checksum_add(sum, false, to + header, length)));
    }
    return header + length;
}

static inline size_t take(struct host *host, unsigned interface, uint8_t buffer[1500])
{
    return replies_take(&host->core.replies, host->ring, interface, buffer, 1500);
}

static inline void arrives(struct host *host, const uint8_t *bytes, size_t length, struct icmp_notice *notice)
{
    struct packet packet;
    uint8_t *copy = exact(bytes, length);
    memset(notice, 0xaa, sizeof *notice);
    assert_int_equal(ip_parse(copy, length, &packet), LA_DROP_NONE);
    icmp_arrives(&host->ip, 0, &packet, notice);
    free(copy);
}

/* Of a type with code 0, and nine octets to be echoed. */
static inline void echo_arrives(struct host *host, const char *from, const char *to, uint8_t type)
{
    bool is_ipv4 = strchr(to, '.') != NULL;
    uint8_t bytes[1500];
    uint8_t message[] = "T\0\0\0IDSQhello";
    struct icmp_notice notice;
    message[0] = type;
    arrives(host, bytes, make(bytes, from, to, is_ipv4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6, message, 13), &notice);
    assert_false(notice.valid);
}

/* One that leaves by the first interface, and nothing by the second. */
static inline void check_echo_reply(struct host *host, const char *from, const char *to, uint8_t type)
{
    uint8_t bytes[1500];
    struct packet reply;
    struct la_address source = address(from);
    struct la_address destination = address(to);
    assert_int_equal(take(host, 1, bytes), 0);
    size_t length = take(host, 0, bytes);
    assert_int_equal(ip_parse(bytes, length, &reply), LA_DROP_NONE);
    assert_true(address_equal(&reply.source, &source) && address_equal(&reply.destination, &destination));
    assert_int_equal(reply.payload_length, 13);
    assert_int_equal(reply.payload[0], type);
    assert_memory_equal(reply.payload + 4, "IDSQhello", 9);
}

/* That it is about the segment that the tests quote: from port 40000 to 80. */
static inline void check_notice(const struct icmp_notice *notice, const char *from, const char *to)
{
    struct la_address local = address(from);
    struct la_address remote = address(to);
    assert_true(notice->valid);
    assert_true(address_equal(&notice->local.address, &local) && address_equal(&notice->remote.address, &remote));
    assert_int_equal(notice->local.port, 40000);
    assert_int_equal(notice->remote.port, 80);
    assert_int_equal(notice->seq.v, 0x01020304);
}

#endif
