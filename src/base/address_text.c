#include "address.h"

/* Addresses as text: RFC 4291 2.2 is read, with the IPv4 form of RFC 6943 3.1.1 "strict"; RFC 5952 is written. */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four decimal numbers of at most three digits, none with a needless zero in front (which some read as octal). */
static bool parse_ipv4(const char *text, uint8_t octets[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0;
        unsigned digits = 0;
        for (; *text >= '0' && *text <= '9'; text++, digits++) {
            value = value * 10 + (unsigned)(*text - '0');
            if (value > 255 || (digits > 0 && value < 10)) {
                return false;
            }
        }
        if (digits == 0 || *text != (i < 3 ? '.' : '\0')) {
            return false;
        }
        text++;
        octets[i] = (uint8_t)value;
    }
    return true;
}

/* One to four hexadecimal digits: how many, 0 if there are none or more. */
static unsigned parse_group(const char *text, uint16_t *group)
{
    unsigned value = 0;
    unsigned digits = 0;
    for (; digit_value(text[digits]) >= 0; digits++) {
        if (digits == 4) {
            return 0;
        }
        value = value << 4 | (unsigned)digit_value(text[digits]);
    }
    *group = (uint16_t)value;
    return digits;
}

struct groups {
    uint8_t octets[16];
    unsigned filled; /* octets */
    unsigned gap;    /* where "::" stands, in octets; NO_GAP: nowhere */
};

#define NO_GAP 17

/* "::" at the beginning or after a group. */
static bool parse_gap(struct groups *g)
{
    if (g->gap != NO_GAP) {
        return false;
    }
    g->gap = g->filled;
    return true;
}

/* Groups up to the end of the text; an IPv4 address may stand for the last two. */
static bool parse_groups(const char *text, struct groups *g)
{
    if (text[0] == ':' && text[1] == ':') {
        text += 2;
        (void)parse_gap(g);
        if (*text == '\0') {
            return true;
        }
    }
    while (g->filled < 16) {
        uint16_t group = 0;
        unsigned digits = parse_group(text, &group);
        if (digits == 0) {
            return false;
        }
        if (text[digits] == '.') {
            g->filled += 4;
            return g->filled <= 16 && parse_ipv4(text, g->octets + g->filled - 4);
        }
        put_u16(g->octets + g->filled, group);
        g->filled += 2;
        text += digits;
        if (*text == '\0') {
            return true;
        }
        if (*text++ != ':') {
            return false;
        }
        if (*text == ':') {
            if (!parse_gap(g)) {
                return false;
            }
            if (*++text == '\0') {
                return true;
            }
        }
    }
    return false;
}

static bool parse_ipv6(const char *text, struct la_address *address)
{
    struct groups g = {.filled = 0, .gap = NO_GAP};
    if (!parse_groups(text, &g)) {
        return false;
    }
    if (g.gap == NO_GAP ? g.filled != 16 : g.filled > 14) { /* RFC 4291 2.2: "::" is one group of zeros or more */
        return false;
    }
    unsigned before = g.gap == NO_GAP ? 16 : g.gap;
    unsigned after = g.filled - before;
    memset(address, 0, sizeof *address);
    memcpy(address->octets, g.octets, before);
    memcpy(address->octets + 16 - after, g.octets + before, after);
    return true;
}

int la_address_parse(const char *text, struct la_address *address)
{
    uint8_t octets[4];
    struct la_address parsed;
    if (text == NULL || address == NULL) {
        return LA_ERROR_INVALID;
    }
    if (parse_ipv4(text, octets)) {
        *address = address_from_ipv4(octets);
        return LA_OK;
    }
    if (!parse_ipv6(text, &parsed)) {
        return LA_ERROR_INVALID;
    }
    *address = parsed;
    return LA_OK;
}

static char *text_decimal(char *to, unsigned value)
{
    if (value >= 100) {
        *to++ = (char)('0' + value / 100);
    }
    if (value >= 10) {
        *to++ = (char)('0' + value / 10 % 10);
    }
    *to++ = (char)('0' + value % 10);
    return to;
}

static void text_ipv4(const uint8_t octets[4], char *to)
{
    for (unsigned i = 0; i < 4; i++) {
        to = text_decimal(to, octets[i]);
        *to++ = i < 3 ? '.' : '\0';
    }
}

/* RFC 5952 4.1, 4.3: no zeros in front, lower case. */
static char *text_group(char *to, unsigned group)
{
    unsigned shift = 12;
    while (shift > 0 && group >> shift == 0) {
        shift -= 4;
    }
    for (;; shift -= 4) {
        *to++ = "0123456789abcdef"[group >> shift & 15];
        if (shift == 0) {
            return to;
        }
    }
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals; count 0 if there is none. */
static void longest_run(const uint8_t octets[16], unsigned *start, unsigned *count)
{
    *start = 8;
    *count = 1;
    for (unsigned i = 0; i < 8;) {
        unsigned end = i;
        while (end < 8 && get_u16(octets + (size_t)2 * end) == 0) {
            end++;
        }
        if (end - i > *count) {
            *start = i;
            *count = end - i;
        }
        i = end + 1;
    }
}

static void text_ipv6(const uint8_t octets[16], char *to)
{
    unsigned start;
    unsigned count;
    longest_run(octets, &start, &count);
    for (unsigned i = 0; i < 8; i++) {
        if (i == start) {
            *to++ = ':';
            *to++ = ':';
            i += count - 1;
            continue;
        }
        if (i > 0 && i != start + count) {
            *to++ = ':';
        }
        to = text_group(to, get_u16(octets + (size_t)2 * i));
    }
    *to = '\0';
}

void la_address_text(const struct la_address *address, char text[LA_ADDRESS_TEXT_BYTES])
{
    if (address_is_ipv4(address)) {
        text_ipv4(address->octets + ADDRESS_IPV4_AT, text);
    } else {
        text_ipv6(address->octets, text);
    }
}
