#ifndef TCP_PATH_MTU_H
#define TCP_PATH_MTU_H

#include "connection.h"

/* Path MTU discovery by ICMP: RFC 1191, RFC 8201; what a message may do to a connection: RFC 5927 7. */

/* Nothing is known yet. */
void path_mtus_start(struct tcp *tcp);

/* What the path to a destination was found to carry in the last ten minutes; UINT16_MAX: nothing was found. */
uint16_t path_mtu_to(struct tcp *tcp, const struct la_address *destination);

/* The octets of text in a packet of this size, the options of every segment taken off. */
uint16_t path_mtu_mss(const struct tcp *tcp, const struct connection *c, uint32_t mtu);

/* The largest segment for the path as known now: what the SYNs allow, the interface carries and the table says. */
uint16_t path_mtu_send_mss(struct tcp *tcp, const struct connection *c);

/* SND.MSS is less than the SYNs allow. */
static inline bool path_mtu_is_narrow(const struct connection *c)
{
    return c->snd_mss + (c->timestamps ? TCP_TIMESTAMP_BYTES : 0U) < c->peer_mss;
}

/* After ten minutes without a message a narrow path may have become wider (RFC 1191 6.3, RFC 8201 4): SND.MSS is what
   it would be for a new connection. */
COLD void path_mtu_widens(struct tcp *tcp, struct connection *c);

/* What was in flight had to be sent again: a message that was waiting for that is believed. True: SND.MSS is less. */
COLD bool path_mtu_confirmed(struct tcp *tcp, struct connection *c);

/* All that is in flight again, in smaller pieces, as after a timeout, but that no congestion lost it. */
COLD void path_mtu_send_again(struct tcp *tcp, struct connection *c);

#endif
