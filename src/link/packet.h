#ifndef LINK_PACKET_H
#define LINK_PACKET_H

#include <lastack/trace.h>

/* A read-only look at an IP packet on its way, for the impairment, which chooses packets by what they are, and for the
   ladder, which also shows those that the host never saw. It does not judge: checksums are not looked at. */
struct packet_view {
    struct la_endpoint source;
    struct la_endpoint destination;
    uint32_t sequence;
    uint32_t acknowledgment;
    uint32_t window; /* as in the header: not scaled */
    uint32_t length; /* octets of text */
    uint32_t tsval;
    uint32_t tsecr;
    size_t tcp_offset; /* of the TCP header in the packet */
    uint8_t flags;     /* enum la_tcp_flag */
    bool has_timestamp;
};

/* False if it is not IPv4 or IPv6 with a whole TCP header (IPv6 extension headers and later fragments: false too). */
bool packet_look(const void *packet, size_t length, struct packet_view *view);

/* The same behind header_bytes of the link's own. tcp_offset counts from the packet. */
static inline bool packet_look_behind(const void *frame, size_t length, size_t header_bytes, struct packet_view *view)
{
    return length >= header_bytes && packet_look((const char *)frame + header_bytes, length - header_bytes, view);
}

/* The view as a trace record: SEGMENT_IN or SEGMENT_OUT of the host at whose edge it was seen. The window is not known
   after scaling and stands as UINT32_MAX. */
void packet_trace(const struct packet_view *view, la_time time, bool outgoing, struct la_trace *record);

#endif
