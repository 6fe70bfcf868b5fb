#ifndef SHOW_TEXT_H
#define SHOW_TEXT_H

#include <lastack/trace.h>

#define ENDPOINT_TEXT_BYTES 56
#define FLAGS_TEXT_BYTES    40

/* "10.0.0.2:80", "[2001:db8::1]:80". */
const char *endpoint_text(const struct la_endpoint *endpoint, char text[ENDPOINT_TEXT_BYTES]);

/* "SYN,ACK"; "none" if there is none. */
const char *flags_text(uint8_t flags, char text[FLAGS_TEXT_BYTES]);

#endif
