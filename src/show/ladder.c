/* Which records make one row. */

#include "ladder_private.h"

#include <stdlib.h>
#include <string.h>

/* A state that an end's own program caused belongs to the segment that leaves within this time. */
#define JOIN_NS LA_MILLISECOND

enum { WIDTH_DEFAULT = 100, WIDTH_LEAST = 72 };

struct ladder *ladder_new(FILE *file, const struct ladder_options *options)
{
    struct ladder *ladder = calloc(1, sizeof *ladder);
    if (ladder == NULL)
        return NULL;
    ladder->file = file;
    if (options != NULL)
        ladder->options = *options;
    if (ladder->options.left == NULL)
        ladder->options.left = "lastack";
    if (ladder->options.right == NULL)
        ladder->options.right = "peer";
    if (ladder->options.width == 0)
        ladder->options.width = WIDTH_DEFAULT;
    if (ladder->options.width < WIDTH_LEAST)
        ladder->options.width = WIDTH_LEAST;
    if (ladder->options.width > LADDER_COLUMNS)
        ladder->options.width = LADDER_COLUMNS;
    return ladder;
}

void ladder_flush(struct ladder *ladder)
{
    for (unsigned i = 0; i < ladder->count; i++)
        ladder_draw(ladder, ladder->connection[i]);
    if (ladder->file != NULL)
        fflush(ladder->file);
}

/* Writes all that is left of the connection, and forgets it. */
static void connection_free(struct ladder *ladder, struct ladder_connection *connection)
{
    ladder_draw(ladder, connection);
    if (ladder->options.separate) {
        fclose(connection->file);
        if (connection->memory_size > 0 && ladder->file != NULL) {
            if (ladder->wrote_one)
                fputc('\n', ladder->file);
            fwrite(connection->memory, 1, connection->memory_size, ladder->file);
            ladder->wrote_one = true;
        }
        free(connection->memory);
    }
    if (ladder->current == connection)
        ladder->current = NULL;
    if (ladder->last == connection)
        ladder->last = NULL;
    free(connection);
}

void ladder_free(struct ladder *ladder)
{
    if (ladder == NULL)
        return;
    for (unsigned i = 0; i < ladder->count; i++)
        connection_free(ladder, ladder->connection[i]);
    if (ladder->file != NULL)
        fflush(ladder->file);
    free(ladder);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static bool same(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

static bool allows(const struct la_endpoint *wanted, const struct la_endpoint *endpoint)
{
    static const struct la_address any;
    bool address = memcmp(&wanted->address, &any, sizeof any) == 0 ||
                   memcmp(&wanted->address, &endpoint->address, sizeof any) == 0;
    return address && (wanted->port == 0 || wanted->port == endpoint->port);
}

static void forget_one(struct ladder *ladder)
{
    unsigned oldest = 0;
    for (unsigned i = 1; i < ladder->count; i++) {
        if (ladder->connection[i]->seen < ladder->connection[oldest]->seen)
            oldest = i;
    }
    connection_free(ladder, ladder->connection[oldest]);
    ladder->count--;
    for (unsigned i = oldest; i < ladder->count; i++)
        ladder->connection[i] = ladder->connection[i + 1];
}

static struct ladder_connection *connection_new(struct ladder *ladder, const struct la_endpoint *left,
                                                const struct la_endpoint *right)
{
    struct ladder_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->end[LADDER_LEFT] = *left;
    connection->end[LADDER_RIGHT] = *right;
    connection->file = ladder->file;
    if (ladder->options.separate)
        connection->file = open_memstream(&connection->memory, &connection->memory_size);
    if (connection->file == NULL && ladder->options.row == NULL) {
        free(connection);
        return NULL;
    }
    if (ladder->count == LADDER_CONNECTIONS)
        forget_one(ladder);
    ladder->connection[ladder->count++] = connection;
    return connection;
}

/* The connection, made if it is new; NULL if it is not to be shown (or memory is short). */
static struct ladder_connection *connection_of(struct ladder *ladder, const struct la_endpoint *left,
                                               const struct la_endpoint *right)
{
    struct ladder_connection *connection = NULL;
    if (!allows(&ladder->options.local, left) || !allows(&ladder->options.remote, right))
        return NULL;
    for (unsigned i = 0; i < ladder->count; i++) {
        if (same(&ladder->connection[i]->end[LADDER_LEFT], left) &&
            same(&ladder->connection[i]->end[LADDER_RIGHT], right))
            connection = ladder->connection[i];
    }
    if (connection == NULL)
        connection = connection_new(ladder, left, right);
    if (connection == NULL)
        return NULL;
    connection->seen = ++ladder->serial;
    ladder->last = connection;
    return connection;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static enum ladder_side other(enum ladder_side side)
{
    return side == LADDER_LEFT ? LADDER_RIGHT : LADDER_LEFT;
}

static struct ladder_row *row_new(struct ladder *ladder, struct ladder_connection *connection, la_time time)
{
    /* One connection's row is written before another's is begun: rows stay in order of time. */
    for (unsigned i = 0; i < ladder->count && !ladder->options.separate; i++) {
        if (ladder->connection[i] != connection)
            ladder_draw(ladder, ladder->connection[i]);
    }
    ladder_draw(ladder, connection);
    connection->row.used = true;
    connection->row.time = time;
    return &connection->row;
}

static void row_note(struct ladder_row *row, enum ladder_side side, const char *text)
{
    if (row->notes == LADDER_NOTES)
        return; /* a row has no more than three consequences; the caller begins a new one */
    row->note_side[row->notes] = side;
    snprintf(row->note[row->notes++], sizeof row->note[0], "%s", text);
}

static bool reaches(const struct ladder_row *row, enum ladder_side side)
{
    return row->used && !row->lost && (row->arrow != ARROW_NONE || row->arrival) && row->to == side;
}

static bool leaves(const struct ladder_row *row, enum ladder_side side)
{
    return row->used && row->arrow != ARROW_NONE && row->to != side;
}

/* A row that only says what happened to the side at this time. */
static bool tells(const struct ladder_row *row, enum ladder_side side, la_time time)
{
    return row->used && row->arrow == ARROW_NONE && !row->arrival && row->notes > 0 && row->note_side[0] == side &&
           row->time == time;
}

/* A note on what just arrived at the side, or happened to it; else a row of its own. */
static void note_consequence(struct ladder *ladder, struct ladder_connection *connection, la_time time,
                             enum ladder_side side, const char *text)
{
    struct ladder_row *row = &connection->row;
    if (!(reaches(row, side) || tells(row, side, time)) || row->notes == LADDER_NOTES)
        row = row_new(ladder, connection, time);
    row_note(row, side, text);
}

/* ---- segments ---------------------------------------------------------------------------------------------------- */

static uint32_t relative(struct ladder_connection *connection, enum ladder_side side, uint32_t number)
{
    if (!connection->base_known[side]) {
        connection->base_known[side] = true;
        connection->base[side] = number - 1; /* the SYN was not seen: it begins at 1, as after one */
    }
    return number - connection->base[side];
}

static int append_number(char *text, size_t size, const char *name, uint32_t number)
{
    /* What lies far before the base belongs to an older incarnation. */
    if ((int32_t)number < 0)
        return snprintf(text, size, " %s=%d", name, (int32_t)number);
    return snprintf(text, size, " %s=%u", name, number);
}

static void label_segment(struct ladder_connection *connection, enum ladder_side from, const struct la_trace *record,
                          const struct ladder_options *options, char label[LADDER_TEXT])
{
    char flags[FLAGS_TEXT_BYTES];
    bool syn = (record->flags & LA_SYN) != 0;
    if (syn) {
        connection->base_known[from] = true;
        connection->base[from] = record->sequence;
    }
    int n = snprintf(label, LADDER_TEXT, "%s", flags_text(record->flags, flags));
    n += append_number(label + n, LADDER_TEXT - (size_t)n, "seq", relative(connection, from, record->sequence));
    if ((record->flags & LA_ACK) != 0)
        n += append_number(label + n, LADDER_TEXT - (size_t)n, "ack",
                           relative(connection, other(from), record->acknowledgment));
    if (record->length > 0)
        n += snprintf(label + n, LADDER_TEXT - (size_t)n, " len=%u", record->length);
    bool window = record->window_bytes != UINT32_MAX && (record->flags & LA_RST) == 0;
    bool changed = !connection->window_known[from] || connection->window[from] != record->window_bytes;
    if (window && (changed || syn)) {
        connection->window_known[from] = true;
        connection->window[from] = record->window_bytes;
        n += snprintf(label + n, LADDER_TEXT - (size_t)n, " win=%u", record->window_bytes);
    }
    if (options->verbose && record->has_timestamp)
        snprintf(label + n, LADDER_TEXT - (size_t)n, " TSval=%u TSecr=%u", record->tsval, record->tsecr);
}

static bool same_segment(const struct sent *sent, const struct la_trace *record)
{
    return sent->sequence == record->sequence && sent->acknowledgment == record->acknowledgment &&
           sent->length == record->length && sent->flags == record->flags;
}

static bool is_row_of(const struct ladder_row *row, const struct la_trace *record)
{
    const struct sent sent = {row->sequence, row->acknowledgment, row->length, row->flags};
    return row->used && same_segment(&sent, record);
}

static bool was_sent(const struct ladder_connection *connection, enum ladder_side from, const struct la_trace *record)
{
    for (unsigned i = 0; i < LADDER_SENT && i < connection->sent_count[from]; i++) {
        if (same_segment(&connection->sent[from][i], record))
            return true;
    }
    return false;
}

/* Text, a SYN or a FIN of these numbers has been seen: the sender, or the network, repeats itself. */
static bool carried_before(const struct ladder_connection *connection, enum ladder_side from,
                           const struct la_trace *record)
{
    const uint8_t control = LA_SYN | LA_FIN;
    if (record->length == 0 && (record->flags & control) == 0)
        return false;
    for (unsigned i = 0; i < LADDER_SENT && i < connection->sent_count[from]; i++) {
        const struct sent *sent = &connection->sent[from][i];
        if (sent->sequence == record->sequence && sent->length == record->length &&
            (sent->flags & control) == (record->flags & control))
            return true;
    }
    return false;
}

static void show_state(struct ladder_connection *connection, struct ladder_row *row, enum ladder_side side,
                       const char *state)
{
    snprintf(row->state[side], sizeof row->state[side], "%s", state);
    snprintf(connection->state[side], sizeof connection->state[side], "%s", state);
}

/* What the peer must be in, where nobody tells: beside the segment that says so. */
static void infer_peer(struct ladder_connection *connection, struct ladder_row *row, const struct la_trace *record,
                       bool peer_sent)
{
    char state[32];
    if (peer_sent)
        shadow_sends(&connection->shadow, record);
    else if (!row->lost)
        shadow_receives(&connection->shadow, record);
    if (connection->both_traced || connection->kernel_tells || !connection->shadow.known)
        return;
    snprintf(state, sizeof state, "(%s)", la_state_name(connection->shadow.state));
    if (strcmp(state, connection->state[LADDER_RIGHT]) != 0)
        show_state(connection, row, LADDER_RIGHT, state);
}

/* What is worth a word beside the arrow: that every packet takes its time is not. */
static void set_fate(struct ladder_row *row, const char *fate, bool verbose)
{
    if (fate == NULL)
        return;
    row->lost = strncmp(fate, "lost", 4) == 0;
    bool plain_delay = strncmp(fate, "delayed", 7) == 0 && strstr(fate, ", by ") == NULL;
    if (!plain_delay || verbose)
        snprintf(row->fate, sizeof row->fate, "%s", fate);
}

/* A row that an end's own action began, and that waits for the segment which the action sends. */
static bool awaits_segment(const struct ladder_row *row, enum ladder_side from, la_time time)
{
    return row->used && row->arrow == ARROW_NONE && !row->arrival && row->notes == 0 && row->state[from][0] != '\0' &&
           row->state[other(from)][0] == '\0' && time - row->time <= JOIN_NS;
}

static void draw_segment(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side from,
                         const struct la_trace *record, const char *fate)
{
    struct ladder_row *row = &connection->row;
    if (!awaits_segment(row, from, record->time))
        row = row_new(ladder, connection, record->time);
    row->arrow = from == LADDER_LEFT ? ARROW_RIGHT : ARROW_LEFT;
    row->to = other(from);
    row->again = record->retransmission;
    row->looks_again = !row->again && record->kind == LA_TRACE_SEGMENT_IN && carried_before(connection, from, record);
    row->sequence = record->sequence;
    row->acknowledgment = record->acknowledgment;
    row->length = record->length;
    row->flags = record->flags;
    label_segment(connection, from, record, &ladder->options, row->label);
    set_fate(row, fate, ladder->options.verbose);
    connection->sent[from][connection->sent_count[from]++ % LADDER_SENT] =
        (struct sent){record->sequence, record->acknowledgment, record->length, record->flags};
    infer_peer(connection, row, record, from == LADDER_RIGHT);
}

/* A segment that was drawn when it was sent reaches the other end: seen only in what follows from it. */
static void draw_arrival(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side to,
                         const struct la_trace *record)
{
    char label[LADDER_TEXT];
    struct ladder_row *row = &connection->row;
    if (reaches(row, to) && is_row_of(row, record) && !row->arrival)
        return;
    row = row_new(ladder, connection, record->time);
    row->arrival = true;
    row->to = to;
    row->sequence = record->sequence;
    row->acknowledgment = record->acknowledgment;
    row->length = record->length;
    row->flags = record->flags;
    struct la_trace plain = *record;
    plain.window_bytes = UINT32_MAX;
    label_segment(connection, other(to), &plain, &ladder->options, label);
    snprintf(row->label, sizeof row->label, "%.*s arrives", LADDER_TEXT - 10, label);
}

static void on_segment(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side side,
                       const struct la_trace *record, const char *fate)
{
    bool out = record->kind == LA_TRACE_SEGMENT_OUT;
    if (out)
        draw_segment(ladder, connection, side, record, fate);
    else if (connection->both_traced && was_sent(connection, other(side), record))
        draw_arrival(ladder, connection, side, record);
    else
        draw_segment(ladder, connection, other(side), record, fate);
}

/* ---- what else there is ------------------------------------------------------------------------------------------ */

/* Does a state that an end enters belong to the row that is held back? */
static bool state_belongs(const struct ladder_row *row, enum ladder_side side, enum la_state to, la_time time)
{
    if (!row->used)
        return false;
    /* A listener's connection is born in LISTEN, for no time at all. */
    if (row->state[side][0] != '\0' && strcmp(row->state[side], la_state_name(LA_LISTEN)) != 0)
        return false;
    switch (to) {
    case LA_SYN_SENT: return leaves(row, side) && (row->flags & LA_SYN) != 0 && time - row->time <= JOIN_NS;
    case LA_FIN_WAIT_1:
    case LA_LAST_ACK: return leaves(row, side) && (row->flags & LA_FIN) != 0 && time - row->time <= JOIN_NS;
    case LA_CLOSED:
        return reaches(row, side) || (leaves(row, side) && (row->flags & LA_RST) != 0) ||
               (row->arrow == ARROW_NONE && !row->arrival && row->time == time);
    case LA_LISTEN:
    case LA_SYN_RECEIVED:
    case LA_ESTABLISHED:
    case LA_FIN_WAIT_2:
    case LA_CLOSE_WAIT:
    case LA_CLOSING:
    case LA_TIME_WAIT: return reaches(row, side) || tells(row, side, time);
    }
    return false;
}

static void on_state(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side side,
                     const struct la_trace *record)
{
    struct ladder_row *row = &connection->row;
    const char *name = la_state_name((enum la_state)record->to);
    if (strcmp(connection->state[side], name) == 0)
        return;
    if (!state_belongs(row, side, (enum la_state)record->to, record->time))
        row = row_new(ladder, connection, record->time);
    show_state(connection, row, side, name);
}

static void on_wait(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side side,
                    const struct la_trace *record)
{
    char text[LADDER_TEXT];
    enum la_wait_event event = (enum la_wait_event)record->detail;
    bool tells_until = event == LA_WAIT_ENTERED || event == LA_WAIT_RESTARTED || event == LA_WAIT_RESTORED;
    snprintf(text, sizeof text, "wait %s", la_wait_event_name(event));
    if (tells_until && record->deadline != LA_TIME_NEVER && record->deadline > record->time) {
        char duration[24];
        char until[24];
        ladder_duration_text(record->deadline - record->time, duration);
        ladder_time_text(ladder, record->deadline, until);
        until[strcspn(until, "s") + 1] = '\0'; /* the blank that aligns "s" with "ms" */
        snprintf(text, sizeof text, "wait %s: %s, until %s", la_wait_event_name(event), duration, until);
    }
    /* Two states in one arrival: the wait gets a row for itself, with TIME-WAIT beside it. */
    bool state_follows = event == LA_WAIT_ENTERED && connection->row.state[side][0] != '\0' &&
                         strcmp(connection->state[side], la_state_name(LA_TIME_WAIT)) != 0;
    if (state_follows) {
        row_note(row_new(ladder, connection, record->time), side, text);
        return;
    }
    if (event != LA_WAIT_EXPIRED && event != LA_WAIT_EVICTED) {
        note_consequence(ladder, connection, record->time, side, text);
        return;
    }
    struct ladder_row *row = row_new(ladder, connection, record->time);
    row_note(row, side, text);
    if (strcmp(connection->state[side], "CLOSED") != 0)
        show_state(connection, row, side, "CLOSED");
}

static void on_dropped(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side side,
                       const struct la_trace *record)
{
    char text[LADDER_TEXT];
    snprintf(text, sizeof text, "dropped: %s", la_drop_name((enum la_drop)record->detail));
    /* Without a record of its own in the trace: it was not even well-formed. */
    if (!(reaches(&connection->row, side) && is_row_of(&connection->row, record)) &&
        (record->flags != 0 || record->sequence != 0)) {
        struct la_trace segment = *record;
        segment.kind = LA_TRACE_SEGMENT_IN;
        segment.window_bytes = UINT32_MAX;
        if (connection->both_traced && was_sent(connection, other(side), &segment))
            draw_arrival(ladder, connection, side, &segment);
        else
            draw_segment(ladder, connection, other(side), &segment, NULL);
    }
    note_consequence(ladder, connection, record->time, side, text);
}

static void on_text(struct ladder *ladder, struct ladder_connection *connection, enum ladder_side side,
                    const struct la_trace *record)
{
    char text[LADDER_TEXT];
    char duration[24];
    if (record->kind == LA_TRACE_TIMER_FIRED) {
        snprintf(text, sizeof text, "%s timer", la_timer_name((enum la_timer)record->detail));
    } else if (record->kind == LA_TRACE_ENDED) {
        snprintf(text, sizeof text, "ended: %s", la_end_name((enum la_end)record->detail));
    } else if (record->kind == LA_TRACE_TIMER_ARMED) {
        ladder_duration_text(record->deadline > record->time ? record->deadline - record->time : 0, duration);
        snprintf(text, sizeof text, "%s timer set: %s", la_timer_name((enum la_timer)record->detail), duration);
    } else if (record->kind == LA_TRACE_PATH_MTU) {
        snprintf(text, sizeof text, "path MTU: %u", record->length);
    } else {
        snprintf(text, sizeof text, "%u octets delivered", record->length);
    }
    if (record->kind == LA_TRACE_ENDED || record->kind == LA_TRACE_DELIVERED)
        note_consequence(ladder, connection, record->time, side, text);
    else
        row_note(row_new(ladder, connection, record->time), side, text);
}

void ladder_record(struct ladder *ladder, enum ladder_side side, const struct la_trace *record, const char *fate)
{
    bool left = side == LADDER_LEFT;
    if (record->local.port == 0 || record->remote.port == 0)
        return; /* not of any connection: a packet that was no TCP segment at all */
    struct ladder_connection *connection =
        connection_of(ladder, left ? &record->local : &record->remote, left ? &record->remote : &record->local);
    if (connection == NULL)
        return;
    if (!ladder->started) {
        ladder->started = true;
        ladder->origin = record->time;
    }
    connection->both_traced = connection->both_traced || !left;
    switch ((enum la_trace_kind)record->kind) {
    case LA_TRACE_SEGMENT_IN:
    case LA_TRACE_SEGMENT_OUT: on_segment(ladder, connection, side, record, fate); break;
    case LA_TRACE_STATE: on_state(ladder, connection, side, record); break;
    case LA_TRACE_TIME_WAIT: on_wait(ladder, connection, side, record); break;
    case LA_TRACE_DROPPED: on_dropped(ladder, connection, side, record); break;
    case LA_TRACE_TIMER_FIRED:
    case LA_TRACE_PATH_MTU:
    case LA_TRACE_ENDED: on_text(ladder, connection, side, record); break;
    case LA_TRACE_TIMER_ARMED:
    case LA_TRACE_DELIVERED:
        if (ladder->options.verbose)
            on_text(ladder, connection, side, record);
        break;
    case LA_TRACE_NEIGHBOUR:
    case LA_TRACE_ADDRESS: break; /* of no connection */
    }
}

void ladder_peer_state(struct ladder *ladder, la_time time, const struct la_endpoint *local,
                       const struct la_endpoint *remote, const char *state)
{
    char text[32];
    struct ladder_connection *connection = ladder->last;
    if (local != NULL && remote != NULL)
        connection = connection_of(ladder, local, remote);
    if (connection == NULL)
        return;
    connection->kernel_tells = true;
    snprintf(text, sizeof text, "[%s]", state);
    if (connection->both_traced || strcmp(connection->state[LADDER_RIGHT], text) == 0)
        return;
    struct ladder_row *row = &connection->row;
    if (!row->used || row->arrow == ARROW_NONE || row->state[LADDER_RIGHT][0] != '\0')
        row = row_new(ladder, connection, time);
    show_state(connection, row, LADDER_RIGHT, text);
}

void ladder_note(struct ladder *ladder, la_time time, enum ladder_side side, const char *text)
{
    if (ladder->last == NULL)
        return;
    row_note(row_new(ladder, ladder->last, time), side, text);
}
