#include "family.h"

#include <stdlib.h>
#include <string.h>

#include "wire/ipv4.h"
#include "wire/ipv6.h"

bool family_is_ipv6(void)
{
    const char *family = getenv("LASTACK_TEST_FAMILY");
    return family != NULL && strcmp(family, "6") == 0;
}

struct la_address family_address(uint8_t n)
{
    const struct la_address ipv6 = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}};
    return family_is_ipv6() ? ipv6 : la_address_ipv4(10, 0, 0, n);
}

unsigned family_prefix_length(void)
{
    return family_is_ipv6() ? 64 : 24;
}

unsigned family_mtu(unsigned ipv4_mtu)
{
    unsigned mtu = ipv4_mtu + (IPV6_HEADER_BYTES - IPV4_HEADER_BYTES);
    if (!family_is_ipv6()) {
        return ipv4_mtu;
    }
    return mtu > IPV6_MTU_MIN ? mtu : IPV6_MTU_MIN;
}

void family_set_waits(struct la_config *config, uint32_t records)
{
    config->time_wait_ipv4 = family_is_ipv6() ? 0 : records;
    config->time_wait_ipv6 = family_is_ipv6() ? records : 0;
}

uint32_t family_waits(const struct la_counters *counters)
{
    return family_is_ipv6() ? counters->time_wait_ipv6 : counters->time_wait_ipv4;
}
