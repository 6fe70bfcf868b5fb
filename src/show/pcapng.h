#ifndef SHOW_PCAPNG_H
#define SHOW_PCAPNG_H

#include <lastack/trace.h>

#include <stdio.h>

/* A capture that Wireshark opens: pcapng, one interface of raw IP packets or of Ethernet frames, times in nanoseconds,
   the direction of each packet, and comments (filter: frame.comment) that say what the host made of it. */
struct pcapng;

enum pcapng_direction {
    PCAPNG_IN = 1, /* values of epb_flags */
    PCAPNG_OUT = 2
};

/* Writes the headers. name is the interface's, NULL for none; epoch_offset is added to every time to make nanoseconds
   since 1970 (clock_epoch_offset; 0 for virtual time). NULL if memory is short or the file cannot be written. */
struct pcapng *pcapng_new(FILE *file, const char *name, la_time epoch_offset);

/* The same for Ethernet frames. */
struct pcapng *pcapng_new_ethernet(FILE *file, const char *name, la_time epoch_offset);

/* One IP packet, or frame. comment may be NULL or empty. False if it could not be written (errno says why). */
bool pcapng_packet(struct pcapng *writer, la_time time, enum pcapng_direction direction, const void *bytes,
                   size_t length, const char *comment);

/* Flushes; the file stays open. False if anything could not be written since pcapng_new. */
bool pcapng_flush(struct pcapng *writer);
void pcapng_free(struct pcapng *writer);

/* The comment for a packet from the trace records that it caused: state changes, TIME-WAIT events, why it was dropped,
   how the connection ended. "lastack: FIN-WAIT-2 -> TIME-WAIT; wait entered, until +60.000 s". Empty if there is
   nothing to say. What concerns another connection than the packet's (its last segment record tells) says so: "with
   10.0.0.1:40114: ...". extra: put first ("lost, by out:last-ack"), or NULL. Terminated, cut off at size. */
void pcapng_comment(char *text, size_t size, const struct la_trace *records, size_t count, const char *extra);

#endif
