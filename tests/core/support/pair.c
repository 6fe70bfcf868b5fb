#include "pair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_inspect.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

/* ---- chance ---- */

uint64_t pair_random(struct pair *pair) /* SplitMix64 */
{
    uint64_t z = pair->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

bool pair_chance(struct pair *pair, unsigned of_a_thousand)
{
    return of_a_thousand > 0 && pair_random(pair) % 1000 < of_a_thousand;
}

uint64_t pair_between(struct pair *pair, uint64_t least, uint64_t most)
{
    return least + pair_random(pair) % (most - least + 1);
}

_Noreturn void pair_fail(const struct pair *pair, const char *what)
{
    fprintf(stderr, "seed %" PRIu64 ", at %" PRIu64 " us, step %" PRIu64 ": %s\n", pair->seed,
            pair->now / LA_MICROSECOND, pair->steps, what);
    fail_msg("seed %" PRIu64 ": %s", pair->seed, what);
    abort();
}

static void expect(const struct pair *pair, bool holds, const char *what)
{
    if (!holds) {
        pair_fail(pair, what);
    }
}

uint8_t pair_octet(unsigned flow, unsigned side, uint64_t position)
{
    return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16) * 5 + flow * 91 + side * 57);
}

/* ---- the pair ---- */

void pair_config(struct la_config *config)
{
    la_config_default(config);
    memcpy(config->key, "sixteen octets..", sizeof config->key);
    config->connections = 8;
    config->listeners = 1;
    config->addresses = 1;
    config->routes = 0;
    family_set_waits(config, 32);
    config->buffer_piece_bytes = 512;
    config->buffer_pieces = 256;
    config->reply_bytes = 1024;
    config->send_buffer_bytes = 16384;
    config->receive_buffer_bytes = 16384;
}

static void make_host(struct pair *pair, unsigned side, const struct la_config *config)
{
    const struct la_endpoint local = {.port = 80};
    expect(pair, la_config_error(config) == NULL, "the config can be used");
    size_t size = la_host_size(config);
    pair->size[side] = size;
    pair->block[side] =
        aligned_alloc(LA_HOST_ALIGNMENT, (size + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT);
    pair->host[side] = la_host_init(pair->block[side], size, config, pair->now);
    expect(pair, pair->host[side] != NULL, "a host is made");
    pair->address[side] = family_address((uint8_t)(side + 1));
    la_host *host = pair->host[side];
    expect(pair, la_interface_add(host, pair->now, pair->network.mtu) == 0, "an interface is added");
    expect(pair, la_address_add(host, pair->now, 0, &pair->address[side], family_prefix_length()) == 0,
           "an address is added");
    if (config->listeners > 0) {
        expect(pair, la_listen(host, pair->now, &local, 8, &pair->listener[side]) == 0, "it listens");
    }
}

void pair_init(struct pair *pair, uint64_t seed, const struct la_config *a, const struct la_config *b,
               const struct pair_network *network)
{
    memset(pair, 0, sizeof *pair);
    pair->seed = seed;
    pair->random = seed;
    pair->network = *network;
    pair->network.mtu = family_mtu(network->mtu);
    pair->checks = true;
    pair->prints = getenv("LASTACK_PACKETS") != NULL;
    pair->now = pair_random(pair) % (LA_SECOND << (pair_random(pair) % 40)); /* any place on the clocks' circles */
    struct la_config config[2] = {*a, *b};
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < sizeof config[side].key; i++) {
            config[side].key[i] = (uint8_t)pair_random(pair);
        }
        make_host(pair, side, &config[side]);
    }
}

void pair_free(struct pair *pair)
{
    for (size_t i = 0; i < pair->packet_count; i++) {
        free(pair->packets[i].bytes);
    }
    free(pair->block[0]);
    free(pair->block[1]);
    memset(pair, 0, sizeof *pair);
}

struct la_counters pair_counters(const struct pair *pair, unsigned side)
{
    struct la_counters counters;
    la_host_counters(pair->host[side], &counters);
    return counters;
}

/* ---- what is on the wire ---- */

static struct pair_flow *flow_of(struct pair *pair, const uint16_t ports[2], unsigned *number)
{
    for (unsigned i = 0; i < PAIR_FLOWS; i++) {
        struct pair_flow *flow = &pair->flows[i];
        if (!flow->in_use) {
            *flow = (struct pair_flow){.in_use = true, .ports = {ports[0], ports[1]}};
        }
        if (flow->ports[0] == ports[0] && flow->ports[1] == ports[1]) {
            *number = i;
            return flow;
        }
    }
    pair_fail(pair, "more flows than the test has room for");
}

static bool after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static void check_text(const struct pair *pair, unsigned number, unsigned side, const struct segment *segment)
{
    const struct pair_flow *flow = &pair->flows[number];
    uint32_t position = segment->seq.v - (flow->sent[side].iss + 1);
    for (uint32_t i = 0; i < segment->length; i++) {
        expect(pair, segment->text[i] == pair_octet(number, side, position + i), "I6: an octet has one value, always");
    }
}

/* SYN, FIN, text: where they lie. */
static void check_numbers(struct pair *pair, unsigned number, unsigned side, const struct segment *segment)
{
    struct pair_flow *flow = &pair->flows[number];
    uint32_t end = segment->seq.v + segment->length;
    if ((segment->flags & LA_SYN) != 0) {
        expect(pair, !flow->sent[side].has_syn || flow->sent[side].iss == segment->seq.v, "one ISN for a connection");
        flow->sent[side].has_syn = true;
        flow->sent[side].iss = segment->seq.v;
        flow->sent[side].end = flow->sent[side].end == 0 ? segment->seq.v + 1 : flow->sent[side].end;
        flow->sent[side].offers_scale = segment->options.has_window_scale;
        flow->sent[side].scale = segment->options.window_scale;
        return;
    }
    if ((segment->flags & LA_FIN) != 0) {
        expect(pair, !flow->sent[side].has_fin || flow->sent[side].fin == end, "I4: the FIN's number never moves");
        flow->sent[side].has_fin = true;
        flow->sent[side].fin = end;
        end++;
    }
    expect(pair, !flow->sent[side].has_fin || !after(end, flow->sent[side].fin + 1), "I14: nothing goes past the FIN");
    if (after(end, flow->sent[side].end)) {
        flow->sent[side].end = end;
    }
    uint32_t beyond = flow->sent[1 - side].edge + 1; /* a probe's octet, or the FIN */
    expect(pair, !flow->sent[1 - side].has_edge || !after(flow->sent[side].end, beyond),
           "I5: what is sent lies within the offered window, and a probe");
    check_text(pair, number, side, segment);
}

static void check_window(struct pair *pair, unsigned number, unsigned side, const struct segment *segment)
{
    struct pair_flow *flow = &pair->flows[number];
    bool syn = (segment->flags & LA_SYN) != 0;
    bool scaled = !syn && flow->sent[0].offers_scale && flow->sent[1].offers_scale;
    uint32_t edge = segment->ack.v + ((uint32_t)segment->window << (scaled ? flow->sent[side].scale : 0));
    if ((segment->flags & LA_ACK) == 0) {
        return;
    }
    expect(pair, flow->sent[1 - side].has_syn, "an ACK answers something");
    expect(pair, !after(segment->ack.v, flow->sent[1 - side].end), "I7: nothing is acknowledged that was not sent");
    expect(pair, !flow->sent[side].has_edge || !after(flow->sent[side].ack, segment->ack.v),
           "I5: the acknowledgment only moves forward");
    if (syn && segment->window == UINT16_MAX && flow->sent[side].has_edge && after(flow->sent[side].edge, edge)) {
        return; /* a SYN's window is not scaled, and can say no more */
    }
    expect(pair, !flow->sent[side].has_edge || !after(flow->sent[side].edge, edge),
           "I8: the right edge of the window never moves left");
    flow->sent[side].has_edge = true;
    flow->sent[side].ack = segment->ack.v;
    flow->sent[side].edge = edge;
}

static void look_at(struct pair *pair, unsigned side, const uint8_t *bytes, size_t length)
{
    struct packet packet;
    struct segment segment;
    unsigned number = 0;
    expect(pair, ip_parse(bytes, length, &packet) == LA_DROP_NONE, "what is sent is an IP packet");
    expect(pair, packet.length == length, "... of its own length");
    if (packet.protocol != IP_PROTOCOL_TCP) {
        return;
    }
    expect(pair, tcp_parse(&packet, &segment) == LA_DROP_NONE, "what is sent is a TCP segment");
    if (pair->is_raw) {
        return;
    }
    const uint16_t ports[2] = {side == 0 ? segment.remote.port : segment.local.port,
                               side == 0 ? segment.local.port : segment.remote.port};
    struct pair_flow *flow = flow_of(pair, ports, &number);
    if ((segment.flags & LA_RST) != 0) {
        flow->sent[side].has_reset = true;
    }
    if (flow->sent[0].has_reset || flow->sent[1].has_reset) {
        return; /* an old SYN may open it again, with other numbers */
    }
    check_numbers(pair, number, side, &segment);
    check_window(pair, number, side, &segment);
}

/* For a failing seed: LASTACK_PACKETS=1 prints what is sent. */
static void print_packet(const struct pair *pair, unsigned side, const uint8_t *bytes, size_t length)
{
    struct packet packet;
    struct segment segment;
    if (!pair->prints || ip_parse(bytes, length, &packet) != LA_DROP_NONE ||
        tcp_parse(&packet, &segment) != LA_DROP_NONE) {
        return;
    }
    static const char names[] = "FSRPAUEC";
    char flags[9] = "";
    for (unsigned i = 0, n = 0; i < 8; i++) {
        if ((segment.flags & 1U << i) != 0) {
            flags[n++] = names[i];
        }
    }
    unsigned from = segment.remote.port;
    unsigned to = segment.local.port;
    fprintf(stderr,
            "%12" PRIu64 " us  %c %5u > %5u  %-4s seq %" PRIu32 " ack %" PRIu32 " length %" PRIu32 " window %u\n",
            pair->now / LA_MICROSECOND, side == 0 ? 'a' : 'b', from, to, flags, segment.seq.v, segment.ack.v,
            segment.length, segment.window);
}

/* ---- the network ---- */

static bool sooner(const struct pair_packet *a, const struct pair_packet *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void put_in_flight(struct pair *pair, struct pair_packet packet)
{
    expect(pair, pair->packet_count < PAIR_PACKETS, "more packets in flight than the test has room for");
    size_t i = pair->packet_count++;
    for (; i > 0 && sooner(&packet, &pair->packets[(i - 1) / 2]); i = (i - 1) / 2) {
        pair->packets[i] = pair->packets[(i - 1) / 2];
    }
    pair->packets[i] = packet;
}

static struct pair_packet take_arriving(struct pair *pair)
{
    struct pair_packet first = pair->packets[0];
    struct pair_packet last = pair->packets[--pair->packet_count];
    size_t i = 0;
    for (size_t child = 1; child < pair->packet_count; child = 2 * i + 1) {
        if (child + 1 < pair->packet_count && sooner(&pair->packets[child + 1], &pair->packets[child])) {
            child++;
        }
        if (!sooner(&pair->packets[child], &last)) {
            break;
        }
        pair->packets[i] = pair->packets[child];
        i = child;
    }
    pair->packets[i] = last;
    return first;
}

static void carry(struct pair *pair, unsigned from, const uint8_t *bytes, size_t length)
{
    const struct pair_network *network = &pair->network;
    if (pair->network_is_down || pair_chance(pair, network->loss)) {
        return;
    }
    la_time at = pair->now + network->delay;
    at += network->jitter > 0 ? pair_between(pair, 0, network->jitter) : 0;
    if (pair_chance(pair, network->reordering)) {
        at += pair_between(pair, 1, 4 * network->delay);
    } else {
        at = at > pair->last_at[from] ? at : pair->last_at[from];
        pair->last_at[from] = at;
    }
    struct pair_packet packet = {at, pair->packet_order++, 1 - from, length, malloc(length)};
    expect(pair, packet.bytes != NULL, "the test has memory");
    memcpy(packet.bytes, bytes, length);
    if (pair_chance(pair, network->corruption)) {
        packet.bytes[pair_between(pair, 0, length - 1)] ^= (uint8_t)(1U << pair_between(pair, 0, 7));
    }
    put_in_flight(pair, packet);
}

static void digest_octets(struct pair *pair, const uint8_t *bytes, size_t length)
{
    uint64_t hash = pair->digest ^ (pair->now * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    pair->digest = hash;
}

static bool drain_output(struct pair *pair, unsigned side)
{
    static uint8_t buffer[PAIR_MTU_MAX];
    size_t length = 0;
    bool any = false;
    unsigned bound = 1000000;
    while ((length = la_host_output(pair->host[side], pair->now, 0, buffer, sizeof buffer)) > 0) {
        expect(pair, length <= pair->network.mtu, "a packet fits the interface");
        expect(pair, --bound > 0, "I24: output ends");
        any = true;
        pair->sent_packets++;
        digest_octets(pair, buffer, length);
        print_packet(pair, side, buffer, length);
        look_at(pair, side, buffer, length);
        carry(pair, side, buffer, length);
        if (pair_chance(pair, pair->network.duplication)) {
            carry(pair, side, buffer, length);
        }
    }
    return any;
}

/* ---- applications ---- */

static void close_now(struct pair *pair, struct pair_app *app)
{
    la_host *host = pair->host[app->side];
    struct la_outcome outcome;
    switch (app->close) {
    case PAIR_CLOSE_AFTER_READING:
    case PAIR_SHUTDOWN:
    case PAIR_CLOSE: expect(pair, la_close(host, pair->now, app->conn) == LA_OK, "la_close is taken"); break;
    case PAIR_LINGER:
        expect(pair, la_close_lingering(host, pair->now, app->conn) == LA_OK, "la_close_lingering is taken");
        break;
    case PAIR_ABORT: expect(pair, la_abort(host, pair->now, app->conn) == LA_OK, "la_abort is taken"); break;
    }
    app->is_closed = true;
    expect(pair, la_outcome(host, app->conn, &outcome) == LA_OK, "the handle stays valid until it is released");
    if (app->releases_early && !app->is_released && outcome.end == LA_END_NONE) {
        expect(pair, la_release(host, pair->now, app->conn) == LA_OK, "la_release is taken");
        app->is_released = true;
    }
}

static int write_some(struct pair *pair, struct pair_app *app, size_t length)
{
    static uint8_t buffer[65536];
    la_host *host = pair->host[app->side];
    void *to = buffer;
    if (app->views) {
        size_t room = 0;
        int error = la_send_view(host, pair->now, app->conn, &to, &room);
        if (error < 0) {
            return error;
        }
        length = length < room ? length : room;
    }
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)to)[i] = pair_octet(app->flow, app->side, app->written + i);
    }
    return app->views ? la_send_commit(host, pair->now, app->conn, length)
                      : la_send(host, pair->now, app->conn, buffer, length);
}

static void write_all(struct pair *pair, struct pair_app *app)
{
    while (app->written < app->to_write && !app->is_shut && !app->is_closed) {
        uint64_t left = app->to_write - app->written;
        size_t length = left < app->write_chunk ? (size_t)left : app->write_chunk;
        int n = write_some(pair, app, length);
        if (n == LA_ERROR_WOULD_BLOCK || n == LA_ERROR_ENDED) {
            return;
        }
        expect(pair, n > 0 && (size_t)n <= length, "la_send takes something, or says why not");
        app->written += (uint64_t)n;
    }
}

static void check_read(const struct pair *pair, const struct pair_app *app, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        expect(pair, octets[i] == pair_octet(app->flow, 1 - app->side, app->read + i),
               "I1: what is read is what was written");
    }
}

static int read_some(struct pair *pair, struct pair_app *app)
{
    static uint8_t buffer[65536];
    la_host *host = pair->host[app->side];
    if (!app->views) {
        int n = la_recv(host, pair->now, app->conn, buffer, app->read_chunk);
        if (n > 0) {
            check_read(pair, app, buffer, (size_t)n);
        }
        return n;
    }
    const void *view = NULL;
    size_t length = 0;
    int n = la_recv_view(host, pair->now, app->conn, &view, &length);
    if (n > 0) {
        length = length < app->read_chunk ? length : app->read_chunk;
        check_read(pair, app, view, length);
        n = la_recv_consume(host, pair->now, app->conn, length);
        expect(pair, n == (int)length, "what was in view is consumed");
    }
    return n;
}

static void read_what_is_there(struct pair *pair, struct pair_app *app)
{
    while (!app->saw_end_of_data && !app->is_closed) {
        int n = read_some(pair, app);
        if (n == LA_ERROR_WOULD_BLOCK || n == LA_ERROR_ENDED) {
            return;
        }
        expect(pair, n >= 0, "la_recv gives something, the end of data, or says why not");
        app->saw_end_of_data = n == 0;
        app->read += (uint64_t)n;
        if (app->read_pause > 0 && n > 0) {
            app->wakes = pair->now + app->read_pause;
            return;
        }
    }
}

static bool is_time_to_close(const struct pair_app *app)
{
    if (app->written < app->to_write || !app->is_established) {
        return false;
    }
    switch (app->close) {
    case PAIR_CLOSE_AFTER_READING:
    case PAIR_SHUTDOWN: return app->saw_end_of_data;
    case PAIR_LINGER:
    case PAIR_CLOSE:
    case PAIR_ABORT: return true;
    }
    return true;
}

static void note_end(struct pair *pair, struct pair_app *app)
{
    la_host *host = pair->host[app->side];
    struct la_outcome outcome;
    if (app->is_released) {
        return;
    }
    expect(pair, la_outcome(host, app->conn, &outcome) == LA_OK, "a held handle is not stale");
    if (outcome.end == LA_END_NONE) {
        return;
    }
    expect(pair, app->outcome.end == LA_END_NONE || app->outcome.end == outcome.end, "I36: one outcome");
    app->outcome = outcome;
    if (app->saw_ended && (app->is_closed || app->saw_end_of_data || outcome.end != LA_END_CLEAN)) {
        expect(pair, la_release(host, pair->now, app->conn) == LA_OK, "la_release is taken");
        expect(pair, la_outcome(host, app->conn, &outcome) == LA_ERROR_STALE, "a released handle is stale");
        app->is_released = true;
    }
}

/* All that the application can do now. */
static void live(struct pair *pair, struct pair_app *app)
{
    la_host *host = pair->host[app->side];
    if (app->is_released) {
        return;
    }
    if (app->wakes == LA_TIME_NEVER) { /* else it pauses */
        read_what_is_there(pair, app);
    }
    write_all(pair, app);
    note_end(pair, app);
    if (app->is_released || app->outcome.end != LA_END_NONE || app->is_closed) {
        return;
    }
    if (app->close == PAIR_SHUTDOWN && !app->is_shut && app->is_established && app->written == app->to_write) {
        expect(pair, la_shutdown(host, pair->now, app->conn) == LA_OK, "la_shutdown is taken");
        expect(pair, la_shutdown(host, pair->now, app->conn) == LA_ERROR_CLOSING, "... once");
        expect(pair, la_send(host, pair->now, app->conn, "x", 1) == LA_ERROR_CLOSING, "I14: no write after shutdown");
        app->is_shut = true;
    }
    if (is_time_to_close(app)) {
        if (app->close_pause > 0) {
            app->wakes = pair->now + app->close_pause;
            app->close_pause = 0;
        } else if (app->wakes == LA_TIME_NEVER) {
            close_now(pair, app);
            note_end(pair, app);
        }
    }
}

static struct pair_app *new_app(struct pair *pair, unsigned side, const struct pair_app *script)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        if (!pair->apps[i].in_use) {
            pair->apps[i] = *script;
            pair->apps[i].in_use = true;
            pair->apps[i].side = side;
            pair->apps[i].wakes = LA_TIME_NEVER;
            pair->apps[i].write_chunk = script->write_chunk != 0 ? script->write_chunk : 4096;
            pair->apps[i].read_chunk = script->read_chunk != 0 ? script->read_chunk : 65536;
            return &pair->apps[i];
        }
    }
    pair_fail(pair, "more applications than the test has room for");
}

static void know_flow(struct pair *pair, struct pair_app *app)
{
    struct la_info info;
    expect(pair, la_info(pair->host[app->side], app->conn, &info) == LA_OK, "la_info knows it");
    const uint16_t ports[2] = {app->side == 0 ? info.local.port : info.remote.port,
                               app->side == 0 ? info.remote.port : info.local.port};
    (void)flow_of(pair, ports, &app->flow);
}

struct pair_app *pair_connect(struct pair *pair, unsigned side, const struct pair_app *script, int *error)
{
    const struct la_endpoint remote = {pair->address[1 - side], 80};
    struct la_conn conn;
    *error = la_connect(pair->host[side], pair->now, NULL, &remote, &conn);
    if (*error != LA_OK) {
        return NULL;
    }
    struct pair_app *app = new_app(pair, side, script);
    app->conn = conn;
    app->is_client = true;
    know_flow(pair, app);
    return app;
}

static void accept_all(struct pair *pair, unsigned side)
{
    struct la_conn conn;
    for (;;) {
        int error = la_accept(pair->host[side], pair->now, pair->listener[side], &conn);
        if (error == LA_ERROR_WOULD_BLOCK) {
            return;
        }
        expect(pair, error == LA_OK, "la_accept gives a connection, or nothing");
        struct pair_app *app = new_app(pair, side, &pair->accepted);
        app->conn = conn;
        app->is_established = true;
        know_flow(pair, app);
        if (pair->on_accept != NULL) {
            pair->on_accept(pair, app);
        }
        live(pair, app);
    }
}

static struct pair_app *app_of(struct pair *pair, unsigned side, struct la_conn conn)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        struct pair_app *app = &pair->apps[i];
        if (app->in_use && !app->is_released && app->side == side && app->conn.slot == conn.slot &&
            app->conn.generation == conn.generation) {
            return app;
        }
    }
    pair_fail(pair, "an event names a handle that is held");
}

static bool drain_events(struct pair *pair, unsigned side)
{
    struct la_event event;
    bool any = false;
    unsigned bound = 100000;
    while (la_host_event(pair->host[side], &event)) {
        any = true;
        expect(pair, --bound > 0, "events end");
        if ((event.flags & LA_READY_ACCEPTABLE) != 0) {
            accept_all(pair, side);
            continue;
        }
        struct pair_app *app = app_of(pair, side, event.conn);
        expect(pair, (app->events & LA_READY_ENDED) == 0, "I36: nothing comes after the end");
        app->events |= event.flags;
        app->is_established |= (event.flags & LA_READY_ESTABLISHED) != 0;
        app->saw_ended |= (event.flags & LA_READY_ENDED) != 0;
        live(pair, app);
    }
    return any;
}

/* ---- steps ---- */

/* Every time at first, then now and again: long lives repeat themselves. */
static void check_hosts(struct pair *pair)
{
    bool checks = pair->checks && (pair->steps < 100 || pair->steps % 16 == 0);
    for (unsigned side = 0; checks && side < 2; side++) {
        const char *wrong = host_check(pair->host[side]);
        expect(pair, wrong == NULL, wrong);
    }
}

void pair_settle(struct pair *pair)
{
    bool again = true;
    for (unsigned rounds = 0; again; rounds++) {
        expect(pair, rounds < 100000, "I24: with time standing still, all comes to rest");
        again = false;
        for (unsigned side = 0; side < 2; side++) {
            again |= drain_events(pair, side);
            again |= drain_output(pair, side);
        }
    }
    check_hosts(pair);
}

static la_time next_waking(const struct pair *pair)
{
    la_time next = LA_TIME_NEVER;
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        const struct pair_app *app = &pair->apps[i];
        if (app->in_use && !app->is_released && app->wakes < next) {
            next = app->wakes;
        }
    }
    return next;
}

static la_time next_time(const struct pair *pair)
{
    la_time next = next_waking(pair);
    for (unsigned side = 0; side < 2; side++) {
        la_time deadline = la_host_deadline(pair->host[side]);
        next = deadline < next ? deadline : next;
    }
    if (pair->packet_count > 0 && pair->packets[0].at < next) {
        next = pair->packets[0].at;
    }
    return next;
}

static void wake_apps(struct pair *pair)
{
    for (unsigned i = 0; i < PAIR_APPS; i++) {
        struct pair_app *app = &pair->apps[i];
        if (app->in_use && app->wakes <= pair->now) {
            app->wakes = LA_TIME_NEVER;
            live(pair, app);
        }
    }
}

bool pair_step(struct pair *pair, la_time until)
{
    pair_settle(pair);
    la_time next = next_time(pair);
    if (next > until || next == LA_TIME_NEVER) {
        pair->now = until != LA_TIME_NEVER && until > pair->now ? until : pair->now;
        return false;
    }
    pair->steps++;
    pair->steps_at_once = next > pair->now ? 0 : pair->steps_at_once + 1;
    expect(pair, pair->steps_at_once < 20000, "I24: time goes on");
    pair->now = next > pair->now ? next : pair->now;
    if (pair->packet_count > 0 && pair->packets[0].at <= pair->now) {
        struct pair_packet packet = take_arriving(pair);
        la_host_input(pair->host[packet.to], pair->now, 0, packet.bytes, packet.length);
        free(packet.bytes);
    } else {
        for (unsigned side = 0; side < 2; side++) {
            if (la_host_deadline(pair->host[side]) <= pair->now) {
                la_host_advance(pair->host[side], pair->now);
            }
        }
        wake_apps(pair);
    }
    check_hosts(pair);
    return true;
}

void pair_run(struct pair *pair, la_time until)
{
    while (pair_step(pair, until)) {
    }
}

void pair_expect_baseline(const struct pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        struct la_counters counters = pair_counters(pair, side);
        expect(pair, counters.connections == 0, "I32: all connections are back");
        expect(pair, counters.connections_orphaned == 0, "I32: no orphan is left");
        expect(pair, counters.buffer_pieces == 0, "I32: all pieces are back");
        expect(pair, counters.reply_bytes == 0, "I32: no reply is left");
        expect(pair, family_waits(&counters) == 0, "I32: no record is left");
        expect(pair, la_host_deadline(pair->host[side]) == LA_TIME_NEVER, "I31: nothing is armed");
    }
    expect(pair, pair->packet_count == 0, "nothing is in flight");
}
