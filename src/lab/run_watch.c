#include "run_private.h"

#include "link/packet.h"

#include <string.h>

/* Of a moment's sent packets, those whose record has been found. */
struct matched {
    bool is[NETWORK_SENT];
};

static bool is_packet_of(const struct packet_view *view, const struct la_trace *record)
{
    return view->source.port == record->local.port && view->destination.port == record->remote.port &&
           view->sequence == record->sequence && view->flags == record->flags && view->length == record->length;
}

static const char *fate_of(const struct network_moment *moment, const struct la_trace *record, struct matched *matched,
                           char text[FATE_TEXT_BYTES])
{
    for (size_t i = 0; i < moment->sent_count; i++) {
        struct packet_view view;
        if (matched->is[i] || !packet_look(moment->sent[i].bytes, moment->sent[i].length, &view) ||
            !is_packet_of(&view, record))
            continue;
        matched->is[i] = true;
        return fate_text(&moment->sent[i].fate, text);
    }
    return NULL;
}

static bool is_rail(const struct run *run, unsigned node, enum ladder_side *side)
{
    *side = (int)node == run->scenario->rail[0] ? LADDER_LEFT : LADDER_RIGHT;
    return (int)node == run->scenario->rail[*side];
}

/* Only what passes between the two rails; a NAT between them is looked through. */
static void draw(struct run *run, const struct network_moment *moment, enum ladder_side side)
{
    struct matched matched = {{false}};
    struct la_address other;
    if (!network_address(run->network, (unsigned)run->scenario->rail[0], (unsigned)run->scenario->rail[1], &other))
        return;
    for (size_t i = 0; i < moment->record_count; i++) {
        char text[FATE_TEXT_BYTES];
        struct la_trace record = moment->records[i];
        const char *fate = record.kind == LA_TRACE_SEGMENT_OUT ? fate_of(moment, &record, &matched, text) : NULL;
        record.remote = network_true_endpoint(run->network, &record.remote);
        if (!la_address_equal(side == LADDER_LEFT ? &record.remote.address : &record.local.address, &other))
            continue;
        for (int l = 0; l < LAB_LADDERS; l++) {
            if (run->watchers->ladder[l] != NULL)
                ladder_record(run->watchers->ladder[l], side, &record, fate);
        }
    }
}

void watch_note(struct run *run, unsigned node, const char *text)
{
    enum ladder_side side;
    if (!is_rail(run, node, &side) && network_kind(run->network, node) == NETWORK_HOST)
        return;
    for (int l = 0; l < LAB_LADDERS; l++) {
        if (run->watchers->ladder[l] != NULL)
            ladder_note(run->watchers->ladder[l], network_now(run->network), side, text);
    }
}

/* ---- the network's own doing ------------------------------------------------------------------------------------- */

static const char *kind_of(const uint8_t *bytes, size_t length, struct packet_view *view)
{
    if (!packet_look(bytes, length, view))
        return "a packet";
    if ((view->flags & LA_RST) != 0)
        return "RST";
    if ((view->flags & LA_SYN) != 0)
        return (view->flags & LA_ACK) != 0 ? "SYN-ACK" : "SYN";
    if ((view->flags & LA_FIN) != 0)
        return "FIN";
    return view->length > 0 ? "data" : "ACK";
}

/* What happened between the ends has no place on an arrow that was drawn when the segment was sent. */
static void note_between(struct run *run, const struct network_moment *moment)
{
    struct packet_view view;
    char text[160];
    const char *name = network_name(run->network, moment->node);
    if (moment->refused != NULL) {
        snprintf(text, sizeof text, "%s refuses %s: %s", name, kind_of(moment->arrived, moment->arrived_length, &view),
                 moment->refused);
        watch_note(run, moment->node, text);
    }
    for (size_t i = 0; i < moment->sent_count; i++) {
        char fate[FATE_TEXT_BYTES];
        const struct network_sent *sent = &moment->sent[i];
        const char *said = fate_text(&sent->fate, fate);
        bool news = sent->fate.rule[0] != '\0';
        if (said == NULL || !news)
            continue;
        snprintf(text, sizeof text, "%s behind %s: %s", kind_of(sent->bytes, sent->length, &view), name, said);
        watch_note(run, moment->node, text);
    }
}

static void capture(struct run *run, const struct network_moment *moment)
{
    char comment[512];
    struct pcapng *pcapng = run->watchers->pcapng;
    bool written = true;
    if (pcapng == NULL || (int)moment->node != run->scenario->rail[0])
        return;
    if (moment->arrived != NULL) {
        pcapng_comment(comment, sizeof comment, moment->records, moment->record_count, NULL);
        written = pcapng_packet(pcapng, moment->time, PCAPNG_IN, moment->arrived, moment->arrived_length, comment);
    }
    for (size_t i = 0; i < moment->sent_count && written; i++) {
        char text[FATE_TEXT_BYTES];
        const struct network_sent *sent = &moment->sent[i];
        const char *fate = sent->fate.rule[0] != '\0' ? fate_text(&sent->fate, text) : NULL;
        bool alone = moment->arrived == NULL && i == 0;
        pcapng_comment(comment, sizeof comment, moment->records, alone ? moment->record_count : 0, fate);
        written = pcapng_packet(pcapng, moment->time, PCAPNG_OUT, sent->bytes, sent->length, comment);
    }
    run->report->is_broken = run->report->is_broken || !written;
}

static void count(struct run *run, const struct network_moment *moment, bool is_host)
{
    struct program *program = &run->program[moment->node];
    uint32_t nth[PACKET_KIND_COUNT];
    struct packet_view view;
    if (is_host && moment->arrived != NULL)
        flows_sight(program->flows, LINK_IN, packet_look(moment->arrived, moment->arrived_length, &view) ? &view : NULL,
                    nth);
    for (size_t i = 0; i < moment->sent_count; i++) {
        const struct network_sent *sent = &moment->sent[i];
        run->report->lost += sent->fate.lost;
        if (!is_host)
            continue;
        run->report->segments++;
        flows_sight(program->flows, LINK_OUT, packet_look(sent->bytes, sent->length, &view) ? &view : NULL, nth);
        for (int kind = 0; kind < PACKET_KIND_COUNT; kind++)
            program->sent[kind] += nth[kind] > 0;
    }
    program->refused += moment->refused != NULL;
    run->report->lost += moment->refused != NULL;
}

void watch_moment(void *context, const struct network_moment *moment)
{
    struct run *run = context;
    enum ladder_side side;
    bool is_host = network_kind(run->network, moment->node) == NETWORK_HOST;
    count(run, moment, is_host);
    for (size_t i = 0; i < moment->record_count; i++)
        program_record(run, moment->node, &moment->records[i]);
    if (is_rail(run, moment->node, &side))
        draw(run, moment, side);
    if (!is_host || moment->refused != NULL)
        note_between(run, moment);
    capture(run, moment);
}
