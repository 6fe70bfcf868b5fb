#include "address.h"

bool address_is_any(const struct la_address *a)
{
    return (load_u64(a->octets) | load_u64(a->octets + 8)) == 0 ||
           (address_is_ipv4(a) && load_u32(a->octets + ADDRESS_IPV4_AT) == 0);
}

bool address_is_multicast(const struct la_address *a)
{
    if (address_is_ipv4(a)) {
        return a->octets[ADDRESS_IPV4_AT] >> 4 == 0xe; /* 224.0.0.0/4: RFC 5771 */
    }
    return a->octets[0] == 0xff; /* RFC 4291 2.7 */
}

bool address_is_loopback(const struct la_address *a)
{
    static const struct la_address loopback = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    if (address_is_ipv4(a)) {
        return a->octets[ADDRESS_IPV4_AT] == 127; /* RFC 1122 3.2.1.3 (g) */
    }
    return address_equal(a, &loopback); /* RFC 4291 2.5.3 */
}

bool address_is_link_local(const struct la_address *a)
{
    return a->octets[0] == 0xfe && a->octets[1] >> 6 == 2;
}

bool address_is_broadcast(const struct la_address *a)
{
    return address_is_ipv4(a) && load_u32(a->octets + ADDRESS_IPV4_AT) == UINT32_MAX;
}

bool address_in_prefix(const struct la_address *a, const struct la_address *prefix, unsigned prefix_bits)
{
    uint64_t high = get_u64(a->octets) ^ get_u64(prefix->octets);
    uint64_t low = get_u64(a->octets + 8) ^ get_u64(prefix->octets + 8);
    if (prefix_bits < ADDRESS_IPV4_PREFIX && address_is_ipv4(a)) { /* more bits than these tell the family */
        return false;
    }
    if (prefix_bits > 64) {
        return high == 0 && low >> (128 - prefix_bits) == 0;
    }
    return prefix_bits == 0 || high >> (64 - prefix_bits) == 0;
}

struct la_address address_prefix(const struct la_address *a, unsigned prefix_bits)
{
    struct la_address prefix = *a;
    for (unsigned bit = prefix_bits; bit < 128; bit++) {
        prefix.octets[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    }
    return prefix;
}

unsigned address_common_bits(const struct la_address *a, const struct la_address *b)
{
    unsigned bits = 0;
    while (bits < 128 && ((a->octets[bits / 8] ^ b->octets[bits / 8]) & 0x80 >> bits % 8) == 0) {
        bits++;
    }
    return bits;
}

struct la_address la_address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return address_from_ipv4((const uint8_t[4]){a, b, c, d});
}

bool la_address_is_ipv4(const struct la_address *address)
{
    return address_is_ipv4(address);
}

bool la_address_equal(const struct la_address *a, const struct la_address *b)
{
    return address_equal(a, b);
}
