#include "run_private.h"

#include "words.h"

#include <stdlib.h>
#include <string.h>

static struct program_connection *connection_of(struct run *run, const struct scenario_subject *subject)
{
    return &run->program[subject->node].connection[subject->connection - 1];
}

static la_host *host_of(struct run *run, unsigned node)
{
    return network_host(run->network, node);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static void enter(struct program_connection *connection, enum la_state state)
{
    connection->state = state;
    connection->entered[state]++;
}

static bool same(const struct la_endpoint *a, const struct la_endpoint *b)
{
    return a->port == b->port && la_address_equal(&a->address, &b->address);
}

static bool ends_wait(enum la_wait_event event)
{
    switch (event) {
    case LA_WAIT_REOPENED:
    case LA_WAIT_REUSED:
    case LA_WAIT_EVICTED:
    case LA_WAIT_EXPIRED:
    case LA_WAIT_RESET: return true;
    case LA_WAIT_ENTERED:
    case LA_WAIT_ANSWERED:
    case LA_WAIT_RESTARTED:
    case LA_WAIT_SHADOWED:
    case LA_WAIT_RESTORED:
    case LA_WAIT_KEPT: return false;
    }
    return false;
}

static void record_wait(struct program *program, const struct la_trace *record)
{
    enum la_wait_event event = (enum la_wait_event)record->detail;
    program->waits[event]++;
    for (uint32_t i = 0; i < SCENARIO_CONNECTIONS && ends_wait(event); i++) {
        struct program_connection *connection = &program->connection[i];
        if (connection->made && connection->state == LA_TIME_WAIT && same(&connection->local, &record->local) &&
            same(&connection->remote, &record->remote))
            enter(connection, LA_CLOSED);
    }
}

/* A connection that a listener makes gets its number with its first state; the program is handed it later. */
static struct program_connection *connection_with(struct program *program, const struct la_trace *record)
{
    for (uint32_t i = 0; i < program->accepted; i++) {
        struct program_connection *connection = &program->connection[i];
        if (connection->made && connection->conn.slot == record->conn.slot &&
            connection->conn.generation == record->conn.generation)
            return connection;
    }
    bool is_new = record->from == LA_LISTEN || record->to == LA_SYN_RECEIVED;
    if (!is_new || program->accepted == SCENARIO_CONNECTIONS)
        return NULL;
    struct program_connection *connection = &program->connection[program->accepted++];
    connection->made = true;
    connection->conn = record->conn;
    return connection;
}

void program_record(struct run *run, unsigned node, const struct la_trace *record)
{
    struct program *program = &run->program[node];
    if (record->kind == LA_TRACE_SEGMENT_OUT)
        program->repeats += record->retransmission;
    if (record->kind == LA_TRACE_TIME_WAIT)
        record_wait(program, record);
    if (record->kind != LA_TRACE_STATE)
        return;
    struct program_connection *connection = connection_with(program, record);
    if (connection == NULL)
        return;
    connection->local = record->local;
    connection->remote = record->remote;
    enter(connection, (enum la_state)record->to);
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

/* The octet at the offset of a content. */
static char octet_at(const struct scenario_content *content, uint64_t offset)
{
    for (uint32_t i = 0; i < content->count; i++) {
        size_t length = strlen(content->piece[i].text);
        uint64_t octets = (uint64_t)content->piece[i].times * length;
        if (offset < octets)
            return content->piece[i].text[offset % length];
        offset -= octets;
    }
    return '\0';
}

/* True: the host has taken all of it. */
static bool send_rest(struct run *run, unsigned node, struct program_connection *connection,
                      const struct scenario_content *content)
{
    char piece[4096];
    uint64_t octets = scenario_octets(content);
    while (connection->offset < octets) {
        size_t length = 0;
        while (length < sizeof piece && connection->offset + length < octets) {
            piece[length] = octet_at(content, connection->offset + length);
            length++;
        }
        connection->answer = la_send(host_of(run, node), network_now(run->network), connection->conn, piece, length);
        connection->is_full = connection->answer == LA_ERROR_WOULD_BLOCK;
        if (connection->answer < 0)
            return false;
        connection->offset += (uint64_t)connection->answer;
    }
    return true;
}

/* What the program has begun to say, in its order, as far as the host takes it: a close is said behind all that. */
static void send_on(struct run *run, unsigned node, struct program_connection *connection)
{
    la_host *host = host_of(run, node);
    la_time now = network_now(run->network);
    while (connection->calls_first > 0) {
        uint32_t index = connection->calls_first - 1;
        const struct scenario_step *step = &run->scenario->step[index];
        if (step->verb == VERB_SEND && !send_rest(run, node, connection, &step->content))
            return;
        if (step->verb == VERB_SHUTDOWN)
            connection->answer = la_shutdown(host, now, connection->conn);
        if (step->verb == VERB_CLOSE)
            connection->answer = la_close(host, now, connection->conn);
        connection->calls_first = run->step[index].next_call;
        connection->offset = 0;
    }
}

static void receive(struct run *run, unsigned node, struct program_connection *connection)
{
    char piece[4096];
    int length = 0;
    while ((length = la_recv(host_of(run, node), network_now(run->network), connection->conn, piece, sizeof piece)) >
           0) {
        char *longer = realloc(connection->received, connection->received_length + (size_t)length);
        if (longer == NULL)
            return;
        memcpy(longer + connection->received_length, piece, (size_t)length);
        connection->received = longer;
        connection->received_length += (size_t)length;
    }
    connection->sees_end = connection->sees_end || length == 0;
}

static void notice_end(struct run *run, unsigned node, struct program_connection *connection)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    la_outcome(host_of(run, node), connection->conn, &outcome);
    if (outcome.end == LA_END_NONE || connection->ended)
        return;
    connection->ended = true;
    connection->end = outcome.end;
}

/* ---- by itself --------------------------------------------------------------------------------------------------- */

static void accept_all(struct run *run, unsigned node)
{
    struct program *program = &run->program[node];
    for (uint32_t i = 0; i < program->listeners; i++) {
        struct la_conn conn;
        while (la_accept(host_of(run, node), network_now(run->network), program->listener[i], &conn) == LA_OK) {
            for (uint32_t c = 0; c < program->accepted; c++) {
                struct program_connection *connection = &program->connection[c];
                if (connection->conn.slot == conn.slot && connection->conn.generation == conn.generation)
                    connection->holds = program->listener_holds[i];
            }
        }
    }
}

void program_serve(struct run *run, unsigned node)
{
    struct program *program = &run->program[node];
    struct la_event event;
    while (la_host_event(host_of(run, node), &event))
        ; /* all connections are looked at anyway: they are few */
    accept_all(run, node);
    for (uint32_t i = 0; i < program->accepted; i++) {
        struct program_connection *connection = &program->connection[i];
        if (!connection->made || connection->released)
            continue;
        notice_end(run, node, connection);
        send_on(run, node, connection);
        if (!connection->holds && connection->state != LA_SYN_RECEIVED)
            receive(run, node, connection);
    }
}

/* ---- when it is told --------------------------------------------------------------------------------------------- */

static int act_listen(struct run *run, const struct scenario_step *step)
{
    struct program *program = &run->program[step->subject.node];
    struct la_endpoint local = {.address = la_address_ipv4(0, 0, 0, 0), .port = step->port};
    if (program->listeners == 4)
        return LA_ERROR_NO_LISTENER;
    int answer = la_listen(host_of(run, (unsigned)step->subject.node), network_now(run->network), &local, step->backlog,
                           &program->listener[program->listeners]);
    if (answer == LA_OK) {
        program->listener_port[program->listeners] = step->port;
        program->listener_holds[program->listeners++] = step->holds;
    }
    return answer;
}

static int act_unlisten(struct run *run, const struct scenario_step *step)
{
    struct program *program = &run->program[step->subject.node];
    for (uint32_t i = 0; i < program->listeners; i++) {
        if (program->listener_port[i] == step->port)
            return la_unlisten(host_of(run, (unsigned)step->subject.node), network_now(run->network),
                               program->listener[i]);
    }
    return LA_ERROR_STALE;
}

static int act_connect(struct run *run, const struct scenario_step *step, struct program_connection *connection)
{
    struct program *program = &run->program[step->subject.node];
    struct la_endpoint local = {.port = step->from};
    struct la_endpoint remote = {.port = step->port};
    if (connection->made)
        return LA_ERROR_IN_USE;
    if (!network_address(run->network, (unsigned)step->subject.node, (unsigned)step->to, &remote.address))
        return LA_ERROR_NO_ROUTE;
    int answer = la_connect(host_of(run, (unsigned)step->subject.node), network_now(run->network),
                            step->from != 0 ? &local : NULL, &remote, &connection->conn);
    connection->made = answer == LA_OK;
    connection->holds = step->holds;
    if (program->accepted < step->subject.connection)
        program->accepted = step->subject.connection;
    return answer;
}

/* Behind what the host has no room for yet; at once if there is nothing such, or what there is was refused. */
static int act_in_turn(struct run *run, const struct scenario_step *step, struct program_connection *connection)
{
    uint32_t number = (uint32_t)(step - run->scenario->step) + 1;
    if (connection->calls_first > 0 && connection->is_full) {
        run->step[connection->calls_last - 1].next_call = number;
    } else {
        connection->calls_first = number;
        connection->offset = 0;
    }
    connection->calls_last = number;
    send_on(run, (unsigned)step->subject.node, connection);
    return connection->answer;
}

static int act_release(la_host *host, la_time now, struct program_connection *connection)
{
    int answer = la_release(host, now, connection->conn);
    connection->released = answer == LA_OK;
    return answer;
}

static int act(struct run *run, const struct scenario_step *step, struct program_connection *connection)
{
    unsigned node = (unsigned)step->subject.node;
    la_host *host = host_of(run, node);
    la_time now = network_now(run->network);
    switch (step->verb) {
    case VERB_LISTEN: return act_listen(run, step);
    case VERB_UNLISTEN: return act_unlisten(run, step);
    case VERB_CONNECT: return act_connect(run, step, connection);
    case VERB_SEND:
    case VERB_SHUTDOWN:
    case VERB_CLOSE: return act_in_turn(run, step, connection);
    case VERB_READ:
    case VERB_HOLD: connection->holds = step->verb == VERB_HOLD; return LA_OK;
    case VERB_LINGER: return la_close_lingering(host, now, connection->conn);
    case VERB_ABORT: return la_abort(host, now, connection->conn);
    case VERB_RELEASE: return act_release(host, now, connection);
    case VERB_SET: return la_set_option(host, now, connection->conn, step->option, step->value);
    case VERB_VANISH: network_silence(run->network, node); return LA_OK;
    }
    return LA_ERROR_INVALID;
}

/* A step as the ladder tells it: without its trigger. */
static void note_step(struct run *run, const struct scenario_step *step)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return;
    scenario_write_step(file, run->scenario, step);
    if (fclose(file) == 0) {
        const char *action = strstr(text, ": ");
        watch_note(run, (unsigned)step->subject.node, action != NULL ? action + 2 : text);
    }
    free(text);
}

void program_call(struct run *run, const struct scenario_step *step)
{
    struct program_connection *connection = connection_of(run, &step->subject);
    connection->answer = act(run, step, connection);
}

void program_act(struct run *run, const struct scenario_step *step)
{
    struct program_connection *connection = connection_of(run, &step->subject);
    note_step(run, step);
    program_call(run, step);
    if (connection->answer < 0) {
        char text[80];
        snprintf(text, sizeof text, "%s: %s", verb_name((int)step->verb),
                 la_error_name((enum la_error)connection->answer));
        watch_note(run, (unsigned)step->subject.node, text);
    }
    network_settle(run->network, (unsigned)step->subject.node);
}
