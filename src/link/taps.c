#include "taps.h"

#include "packet.h"

static void tell(const struct tap *taps, unsigned count, const struct passage *passage, const struct la_trace *records,
                 size_t record_count)
{
    char text[FATE_TEXT_BYTES];
    const char *fate = passage->fate != NULL ? fate_text(passage->fate, text) : NULL;
    for (unsigned i = 0; i < count; i++) {
        taps[i].packet(taps[i].context, passage->time, passage->outgoing, passage->bytes, passage->length, fate,
                       records, record_count);
    }
}

void taps_tell(la_host *host, const struct tap *taps, unsigned count, struct la_trace *records,
               const struct passage *passage)
{
    struct passage none = {.time = passage->time, .outgoing = passage->outgoing};
    if (count == 0)
        return;
    size_t n = la_host_trace(host, records, TAPS_RECORDS);
    /* More than there is room for: the packet's own record is the youngest, so the packet goes with the last ones. */
    while (n == TAPS_RECORDS) {
        tell(taps, count, &none, records, n);
        n = la_host_trace(host, records, TAPS_RECORDS);
    }
    if (n > 0 || passage->bytes != NULL)
        tell(taps, count, passage, records, n);
}

void taps_tell_pause(const struct tap *taps, unsigned count, la_time time)
{
    struct passage none = {.time = time};
    tell(taps, count, &none, NULL, 0);
}

void taps_tell_lost(const struct tap *taps, unsigned count, const struct passage *passage)
{
    struct packet_view view;
    struct la_trace record;
    bool tcp = count > 0 && packet_look_behind(passage->bytes, passage->length, passage->header_bytes, &view);
    if (tcp)
        packet_trace(&view, passage->time, passage->outgoing, &record);
    tell(taps, count, passage, tcp ? &record : NULL, tcp ? 1 : 0);
}
