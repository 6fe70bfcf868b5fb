#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include "wire/packet.h"

/* IPv4: RFC 791. The interface is packet.h's, for one version. */
#define IPV4_HEADER_BYTES 20

enum la_drop ipv4_parse(const uint8_t *bytes, size_t length, struct packet *packet);

unsigned ipv4_emit(uint8_t *to, const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                   uint8_t ttl, size_t payload_length);

uint64_t ipv4_pseudo_checksum(const struct la_address *source, const struct la_address *destination, uint8_t protocol,
                              size_t payload_length);

#endif
