#include "wire/arp.h"

#include "base/address.h"

enum { HARDWARE_ETHERNET = 1, IPV4_BYTES = 4 };

static void read_mac(struct reader *r, struct mac *mac)
{
    const uint8_t *octets = reader_take(r, MAC_BYTES);
    if (octets != NULL) {
        memcpy(mac->octets, octets, MAC_BYTES);
    }
}

static void read_address(struct reader *r, struct la_address *address)
{
    const uint8_t *octets = reader_take(r, IPV4_BYTES);
    if (octets != NULL) {
        *address = address_from_ipv4(octets);
    }
}

enum la_drop arp_parse(const uint8_t *bytes, size_t length, struct arp_message *message)
{
    memset(message, 0, sizeof *message);
    struct reader r = reader_of(bytes, length);
    bool is_ours = read_u16(&r) == HARDWARE_ETHERNET;
    is_ours = read_u16(&r) == ETHERNET_IPV4 && is_ours;
    is_ours = read_u8(&r) == MAC_BYTES && is_ours;
    is_ours = read_u8(&r) == IPV4_BYTES && is_ours;
    message->operation = read_u16(&r);
    read_mac(&r, &message->sender_mac);
    read_address(&r, &message->sender);
    read_mac(&r, &message->target_mac);
    read_address(&r, &message->target);
    bool is_known = message->operation == ARP_REQUEST || message->operation == ARP_REPLY;
    bool is_good = !r.failed && is_ours && is_known && mac_is_station(&message->sender_mac);
    return is_good ? LA_DROP_NONE : LA_DROP_ETHERNET;
}

void arp_emit(uint8_t *to, const struct arp_message *message)
{
    struct writer w = writer_of(to, ARP_BYTES);
    write_u16(&w, HARDWARE_ETHERNET);
    write_u16(&w, ETHERNET_IPV4);
    write_u8(&w, MAC_BYTES);
    write_u8(&w, IPV4_BYTES);
    write_u16(&w, message->operation);
    write_bytes(&w, message->sender_mac.octets, MAC_BYTES);
    write_bytes(&w, message->sender.octets + ADDRESS_IPV4_AT, IPV4_BYTES);
    write_bytes(&w, message->target_mac.octets, MAC_BYTES);
    write_bytes(&w, message->target.octets + ADDRESS_IPV4_AT, IPV4_BYTES);
}
