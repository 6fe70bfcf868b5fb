#ifndef TCP_SHADOW_H
#define TCP_SHADOW_H

#include "connection.h"

/* A reopening that can be undone (RFC 9293 3.6.1, MAY-2, both halves; RFC 6191). While a new incarnation is in
   SYN-RECEIVED, reopened by the peer's SYN, or in SYN-SENT, where our own active open takes a four-tuple that waits (or
   in SYN-RECEIVED again, when the two cross), it owns the old one's record: the record is in its shadow. What fits the
   old incarnation's numbers is answered from the record, everything else is the new one's. Once the new one is
   established, the record ends; where it ends before that, the record is back, its deadline what it was.

   A record that only remembers has a shadow too: its numbers are kept clear of, and it is back if the new incarnation
   comes to nothing; but nothing is answered from it, and nothing refused for its sake. */

/* Moves where a new incarnation starts beyond everything that the old one sent (I18). */
COLD void shadow_moves_beyond(const struct tcp *tcp, const struct time_wait_record *record,
                              struct clock_origin *origin);

/* c owns the four-tuple's record from here on. */
COLD void shadow_cast(struct tcp *tcp, struct connection *c, struct time_wait_record *record);

/* The segment was the old incarnation's, and has been dealt with. Of a connection with has_shadow. */
COLD bool shadow_takes(struct tcp *tcp, struct connection *c, struct segment *segment);

/* A SYN or SYN-ACK arrives in SYN-SENT, well-formed and acceptable, and cannot be told from the old incarnation's:
   refused, and c tries another port or ends. Of a connection with has_shadow. */
COLD bool shadow_refuses(struct tcp *tcp, struct connection *c, const struct segment *segment);

/* c is established: the record ends. Of a connection with has_shadow. */
COLD void shadow_ends(struct tcp *tcp, struct connection *c);

/* c goes no further: the record is back. False: it was over meanwhile, or it only remembers. Of a connection with
   has_shadow. */
COLD bool shadow_returns(struct tcp *tcp, struct connection *c);

#endif
