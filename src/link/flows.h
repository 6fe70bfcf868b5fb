#ifndef LINK_FLOWS_H
#define LINK_FLOWS_H

#include "impair.h"
#include "packet.h"

/* What has been seen of each connection, so that "the third data segment" and "the last ACK" mean something. */
struct flows;

struct flows *flows_new(uint32_t capacity);
void flows_free(struct flows *flows);

/* Notes a packet, and says for each kind the how manyth of it this is in its connection and direction (from 1); 0 where
   it is not of that kind. view NULL: not TCP. */
void flows_sight(struct flows *flows, enum link_direction direction, const struct packet_view *view,
                 uint32_t nth[PACKET_KIND_COUNT]);

#endif
