#include "packet.h"

/* The options' octets, walked, found and moved. */

uint32_t packet_get32(const uint8_t *octets)
{
    uint32_t value = 0;
    for (const uint8_t *octet = octets; octet < octets + 4; octet++)
        value = value << 8 | *octet;
    return value;
}

void packet_put32(uint8_t *octets, uint32_t value)
{
    for (uint8_t *octet = octets + 4; octet > octets; value >>= 8)
        *--octet = (uint8_t)value;
}

bool packet_option(struct packet *packet, unsigned *at, struct tcp_option *option, bool *is_broken)
{
    *is_broken = false;
    if (*at >= packet->option_bytes)
        return false;
    unsigned left = packet->option_bytes - *at;
    uint8_t *here = &packet->options[*at];
    *option = (struct tcp_option){.kind = here[0], .length = 1, .data = here + 1};
    if (here[0] != OPTION_EOL && here[0] != OPTION_NOP) {
        *is_broken = left < 2 || here[1] < 2 || here[1] > left;
        if (*is_broken)
            return false;
        option->length = here[1];
        option->data = here + 2;
    }
    *at += option->length;
    return true;
}

uint8_t *packet_timestamp(struct packet *packet)
{
    struct tcp_option option;
    bool is_broken;
    for (unsigned at = 0; packet_option(packet, &at, &option, &is_broken);)
        if (option.kind == OPTION_TIMESTAMP && option.length == 10)
            return option.data;
    return NULL;
}

void packet_move_sack(struct packet *packet, uint32_t amount)
{
    struct tcp_option option;
    bool is_broken;
    for (unsigned at = 0; packet_option(packet, &at, &option, &is_broken);) {
        if (option.kind != OPTION_SACK)
            continue;
        for (unsigned edge = 2; edge + 4U <= option.length; edge += 4)
            packet_put32(&option.data[edge - 2], packet_get32(&option.data[edge - 2]) + amount);
    }
}
