#ifndef SHOW_JSON_H
#define SHOW_JSON_H

#include <lastack/trace.h>

#include <stdio.h>

/* A trace record as one line of JSON. Every record has time_ns, kind, local, remote ("10.0.0.2:80",
   "[2001:db8::1]:80"), conn ([slot, generation]) and state; the rest by kind. Numbers are the raw ones of the trace;
   names those of la_*_name. False if it could not be written. */
bool json_trace(FILE *file, const struct la_trace *record);

#endif
