#include "shadow.h"

/* RFC 9293 3.10.7.3. */

static bool acknowledges_our_syn(const struct connection *c, const struct segment *segment)
{
    return seq_after(segment->ack, c->iss) && seq_before_or_equal(segment->ack, c->snd_nxt);
}

/* Fourth: the SYN bit. With our SYN acknowledged the connection is established, else both ends opened at once. */
static void syn_arrives(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    syn_received(tcp, c, segment);
    if ((segment->flags & LA_ACK) == 0) {
        tcp_set_state(tcp, c, LA_SYN_RECEIVED); /* simultaneous open, figure 7: MUST-10 */
        c->snd_resend = c->iss;
        connection_wants_output(tcp, c);
        return;
    }
    connection_established(tcp, c);
    acknowledgment_arrives(tcp, c, segment);
    connection_ready(tcp, c, LA_READY_ESTABLISHED | LA_READY_WRITABLE);
    c->owes_ack = true;
    if (segment->length > 0 || (segment->flags & LA_FIN) != 0) {
        /* "If there are other controls or text in the segment, continue processing at the sixth step": from the first
           octet behind the SYN. */
        segment->seq = seq_add(segment->seq, 1);
        segment->flags &= (uint8_t)~LA_SYN;
        segment_text_arrives(tcp, c, segment);
        return;
    }
    connection_wants_output(tcp, c);
}

void segment_arrives_in_syn_sent(struct tcp *tcp, struct connection *c, struct segment *segment)
{
    if (c->has_shadow && shadow_takes(tcp, c, segment)) {
        return;
    }
    bool ack = (segment->flags & LA_ACK) != 0;
    bool acceptable = ack && acknowledges_our_syn(c, segment);
    bool rst = (segment->flags & LA_RST) != 0;
    if (ack && !acceptable && !rst) { /* first */
        segment_drop(tcp, LA_DROP_SYN_SENT_ACK, segment, c);
        reply_reset(tcp, c->interface, segment);
        return;
    }
    if (rst) { /* second */
        if (acceptable) {
            connection_end(tcp, c, LA_END_REFUSED, LA_CLOSED);
        } else {
            segment_drop(tcp, LA_DROP_SYN_SENT, segment, c);
        }
        return;
    }
    if ((segment->flags & LA_SYN) == 0) { /* fifth */
        segment_drop(tcp, LA_DROP_SYN_SENT, segment, c);
        return;
    }
    if (c->has_shadow && shadow_refuses(tcp, c, segment)) {
        return;
    }
    syn_arrives(tcp, c, segment);
}
