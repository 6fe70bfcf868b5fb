#include "shadow.h"

#include <string.h>

static bool at_or_beyond(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) >= 0;
}

static void enter(struct shadow *shadow, enum la_state state)
{
    shadow->known = true;
    shadow->state = state;
}

static bool synchronised(const struct shadow *shadow)
{
    return shadow->known && shadow->state >= LA_ESTABLISHED;
}

/* The other side's FIN is in order (3.10.7.4, eighth). */
static void fin_arrives(struct shadow *shadow, bool own_acknowledged)
{
    shadow->fin_received = true;
    shadow->fin_waiting = false;
    if (shadow->state == LA_SYN_RECEIVED || shadow->state == LA_ESTABLISHED)
        enter(shadow, LA_CLOSE_WAIT);
    else if (shadow->state == LA_FIN_WAIT_1)
        enter(shadow, own_acknowledged ? LA_TIME_WAIT : LA_CLOSING);
    else if (shadow->state == LA_FIN_WAIT_2)
        enter(shadow, LA_TIME_WAIT);
}

void shadow_sends(struct shadow *shadow, const struct la_trace *segment)
{
    if ((segment->flags & LA_RST) != 0) {
        if (shadow->known)
            enter(shadow, LA_CLOSED);
        return;
    }
    if ((segment->flags & LA_SYN) != 0) {
        bool answers = (segment->flags & LA_ACK) != 0;
        if (!answers && !(shadow->known && shadow->state == LA_SYN_SENT))
            memset(shadow, 0, sizeof *shadow); /* a new incarnation */
        enter(shadow, answers ? LA_SYN_RECEIVED : LA_SYN_SENT);
    } else if (!shadow->known) {
        enter(shadow, LA_ESTABLISHED); /* the beginning was not seen */
    }
    /* That it acknowledges the FIN shows that it has come, in order. */
    if ((segment->flags & LA_ACK) != 0 && shadow->fin_waiting &&
        at_or_beyond(segment->acknowledgment, shadow->fin_at + 1))
        fin_arrives(shadow, false);
    if ((segment->flags & LA_FIN) == 0)
        return;
    shadow->fin_sent = true;
    shadow->fin_end = segment->sequence + segment->length + 1;
    if (shadow->state == LA_ESTABLISHED || shadow->state == LA_SYN_RECEIVED)
        enter(shadow, LA_FIN_WAIT_1);
    else if (shadow->state == LA_CLOSE_WAIT)
        enter(shadow, LA_LAST_ACK);
}

/* Moves next over what the segment brings. True if the other side's FIN is then in order, for the first time. */
static bool takes_text(struct shadow *shadow, const struct la_trace *segment)
{
    uint32_t end = segment->sequence + segment->length;
    if ((segment->flags & LA_SYN) != 0)
        end++;
    if (!shadow->next_known || (segment->flags & LA_SYN) != 0) {
        shadow->next_known = true;
        shadow->next = end;
    } else if (at_or_beyond(shadow->next, segment->sequence) && at_or_beyond(end, shadow->next)) {
        shadow->next = end;
    }
    if ((segment->flags & LA_FIN) != 0 && !shadow->fin_received) {
        shadow->fin_waiting = true;
        shadow->fin_at = end;
    }
    return shadow->fin_waiting && shadow->next == shadow->fin_at;
}

static void takes_ack(struct shadow *shadow, bool own_acknowledged)
{
    if (shadow->state == LA_SYN_RECEIVED)
        enter(shadow, LA_ESTABLISHED);
    if (!own_acknowledged)
        return;
    if (shadow->state == LA_FIN_WAIT_1)
        enter(shadow, LA_FIN_WAIT_2);
    else if (shadow->state == LA_CLOSING)
        enter(shadow, LA_TIME_WAIT);
    else if (shadow->state == LA_LAST_ACK)
        enter(shadow, LA_CLOSED);
}

void shadow_receives(struct shadow *shadow, const struct la_trace *segment)
{
    bool ack = (segment->flags & LA_ACK) != 0;
    bool own_acknowledged = ack && shadow->fin_sent && at_or_beyond(segment->acknowledgment, shadow->fin_end);
    if ((segment->flags & LA_RST) != 0) {
        if (shadow->known && shadow->state != LA_TIME_WAIT)
            enter(shadow, LA_CLOSED);
        return;
    }
    if ((segment->flags & LA_SYN) != 0) {
        /* Whether somebody listens is not known until it answers. */
        if (!synchronised(shadow))
            takes_text(shadow, segment);
        if (ack && shadow->known && shadow->state == LA_SYN_SENT)
            enter(shadow, LA_ESTABLISHED);
        return;
    }
    if (!shadow->known || shadow->state == LA_CLOSED || shadow->state == LA_SYN_SENT)
        return;
    if (ack)
        takes_ack(shadow, own_acknowledged);
    if (takes_text(shadow, segment))
        fin_arrives(shadow, own_acknowledged);
}
