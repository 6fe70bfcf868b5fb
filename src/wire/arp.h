#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include "wire/ethernet.h"

/* ARP for IPv4 over Ethernet: RFC 826. */
#define ARP_BYTES 28

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_message {
    uint16_t operation; /* enum arp_operation, when parsed */
    struct mac sender_mac;
    struct mac target_mac; /* all zero in a request whose target is not known */
    struct la_address sender;
    struct la_address target;
};

/* LA_DROP_ETHERNET: truncated, of other hardware or protocol, an operation that is neither, or no station's sender. */
enum la_drop arp_parse(const uint8_t *bytes, size_t length, struct arp_message *message);

/* Writes ARP_BYTES. */
void arp_emit(uint8_t *to, const struct arp_message *message);

#endif
