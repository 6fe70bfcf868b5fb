#ifndef SUPPORT_FAMILY_H
#define SUPPORT_FAMILY_H

#include <lastack/lastack.h>

/* The family that this run's hosts speak: IPv4, or IPv6 if LASTACK_TEST_FAMILY is 6 in the environment. The build runs
   every test program once with each. */
bool family_is_ipv6(void);

/* One of 254 hosts of one link: 10.0.0.n, or fd00::n. */
struct la_address family_address(uint8_t n);
unsigned family_prefix_length(void);

/* An interface's MTU at which a segment carries as much as with this MTU in IPv4. */
unsigned family_mtu(unsigned ipv4_mtu);

/* The family's TIME-WAIT records: how many there may be (of the other family none), how many there are. */
void family_set_waits(struct la_config *config, uint32_t records);
uint32_t family_waits(const struct la_counters *counters);

#endif
