#include "text.h"

#include <stdio.h>
#include <string.h>

#include <lastack/lastack.h>

const char *endpoint_text(const struct la_endpoint *endpoint, char text[ENDPOINT_TEXT_BYTES])
{
    char address[LA_ADDRESS_TEXT_BYTES];
    la_address_text(&endpoint->address, address);
    snprintf(text, ENDPOINT_TEXT_BYTES, strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address, endpoint->port);
    return text;
}

const char *flags_text(uint8_t flags, char text[FLAGS_TEXT_BYTES])
{
    /* In the order in which people say them: what makes a segment special first, ACK last. */
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {{LA_SYN, "SYN"}, {LA_FIN, "FIN"}, {LA_RST, "RST"}, {LA_PSH, "PSH"},
                 {LA_URG, "URG"}, {LA_ECE, "ECE"}, {LA_CWR, "CWR"}, {LA_ACK, "ACK"}};
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((flags & names[i].bit) != 0)
            used += (size_t)snprintf(text + used, FLAGS_TEXT_BYTES - used, "%s%s", used > 0 ? "," : "", names[i].name);
    }
    if (used == 0)
        snprintf(text, FLAGS_TEXT_BYTES, "none");
    return text;
}
