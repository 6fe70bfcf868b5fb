#include "http_server.h"

#include "http_files.h"
#include "http_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = HTTP_TARGET_BYTES + 512 };

enum phase {
    PHASE_FREE,
    PHASE_READING, /* a request, or the silence before it */
    PHASE_RESPONDING,
    PHASE_CLOSING /* closed; the outcome is awaited */
};

/* One connection. The response is its head, then either text or octets of a file. */
struct entry {
    struct la_conn conn;
    enum phase phase;
    bool last; /* close after this response */
    bool peer_closed;
    uint32_t requests;
    la_time active; /* when something last happened */
    struct http_request request;
    struct resource body; /* RESOURCE_FILE, RESOURCE_LISTING; anything else: no body */
    uint64_t offset;      /* of the body's next octet */
    uint64_t remaining;   /* of the body */
    uint32_t head_length;
    uint32_t head_sent;
    char head[HEAD_BYTES];
};

struct http_server {
    struct http_server_config config;
    struct http_server_counts counts;
    struct la_listener listener;
    bool listening;
    struct entry *entries; /* by handle slot */
    uint32_t reached;      /* entries beyond were never used: not touched, they take no memory */
};

const struct http_server_counts *http_server_counts(const struct http_server *server)
{
    return &server->counts;
}

static struct entry *find(struct http_server *server, struct la_conn conn)
{
    if (conn.slot >= server->config.connections)
        return NULL;
    struct entry *entry = &server->entries[conn.slot];
    return entry->phase != PHASE_FREE && entry->conn.generation == conn.generation ? entry : NULL;
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

static void drop_body(struct entry *entry)
{
    if (entry->body.kind == RESOURCE_FILE)
        close(entry->body.descriptor);
    free(entry->body.text);
    entry->body = (struct resource){.kind = RESOURCE_MISSING};
    entry->remaining = 0;
}

/* The connection is over and its outcome known, or we no longer want to know it: the handle goes back. */
static void let_go(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    struct la_outcome outcome = {.end = LA_END_NONE};
    la_outcome(host, entry->conn, &outcome);
    server->counts.ended[outcome.end]++;
    server->counts.open--;
    drop_body(entry);
    la_release(host, now, entry->conn);
    entry->phase = PHASE_FREE;
}

/* A request that we did not read to its end would turn a plain close into a reset, which can destroy the response on
   its way (RFC 9112 9.6): then the close lingers. */
static void close_entry(struct http_server *server, la_host *host, la_time now, struct entry *entry, bool all_read)
{
    server->counts.closed_first += !entry->peer_closed;
    entry->phase = PHASE_CLOSING;
    drop_body(entry);
    bool plain = all_read || server->config.plain_close;
    int result = plain ? la_close(host, now, entry->conn) : la_close_lingering(host, now, entry->conn);
    if (result < 0)
        let_go(server, host, now, entry); /* it had ended already */
}

/* ---- responding -------------------------------------------------------------------------------------------------- */

static const char *http_date(void)
{
    static char text[64];
    static time_t written;
    time_t now = time(NULL);
    struct tm parts;
    if (now != written && gmtime_r(&now, &parts)) {
        strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        written = now;
    }
    return text;
}

static void count_response(struct http_server *server, unsigned status)
{
    server->counts.responses++;
    server->counts.status[status / 100]++;
}

/* Writes the head. extra: further header lines, each with its CRLF. */
static void set_head(struct http_server *server, struct entry *entry, unsigned status, const char *extra)
{
    bool to_old = entry->request.version_minor == 0;
    const char *connection = entry->last ? "Connection: close\r\n" : to_old ? "Connection: keep-alive\r\n" : "";
    int length = snprintf(entry->head, sizeof entry->head,
                          "HTTP/1.1 %u %s\r\nServer: lastack/%s\r\n%s%sContent-Length: %llu\r\n%s\r\n", status,
                          http_status_text(status), la_version(), http_date(), extra,
                          (unsigned long long)entry->remaining, connection);
    entry->head_length = (uint32_t)length; /* HEAD_BYTES holds the longest Location and every other line */
    entry->head_sent = 0;
    entry->phase = PHASE_RESPONDING;
    count_response(server, status);
}

/* A response whose body is one sentence. */
static void set_plain(struct http_server *server, struct entry *entry, unsigned status, const char *extra)
{
    char lines[HTTP_TARGET_BYTES + 128];
    char *text = NULL;
    drop_body(entry);
    int length = asprintf(&text, "%u %s\n", status, http_status_text(status));
    if (length > 0) {
        entry->body = (struct resource){.kind = RESOURCE_LISTING, .text = text};
        entry->remaining = (uint64_t)length;
        entry->offset = 0;
    }
    snprintf(lines, sizeof lines, "%sContent-Type: text/plain; charset=utf-8\r\n", extra);
    set_head(server, entry, status, lines);
}

/* "Location: /path/?query": the same target with its slash. */
static void set_redirect(struct http_server *server, struct entry *entry)
{
    char line[HTTP_TARGET_BYTES + 32];
    const char *target = entry->request.target;
    int path = (int)strcspn(target, "?");
    while (target[0] == '/' && target[1] == '/') { /* "//host" would lead to another server */
        target++;
        path--;
    }
    snprintf(line, sizeof line, "Location: %.*s/%s\r\n", path, target, target + path);
    set_plain(server, entry, 301, line);
}

/* RFC 9110 14: one range of a file. */
static void set_file(struct http_server *server, struct entry *entry)
{
    char lines[192];
    uint64_t first = 0, length = entry->body.length;
    enum http_range range = http_request_range(&entry->request, length, &first, &length);
    if (range == HTTP_RANGE_BEYOND) {
        snprintf(lines, sizeof lines, "Content-Range: bytes */%llu\r\n", (unsigned long long)entry->body.length);
        set_plain(server, entry, 416, lines);
        return;
    }
    int used = snprintf(lines, sizeof lines, "Content-Type: %s\r\nAccept-Ranges: bytes\r\n", entry->body.content_type);
    if (range == HTTP_RANGE_PART)
        snprintf(lines + used, sizeof lines - (size_t)used, "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)first, (unsigned long long)(first + length - 1),
                 (unsigned long long)entry->body.length);
    entry->offset = first;
    entry->remaining = length;
    set_head(server, entry, range == HTTP_RANGE_PART ? 206 : 200, lines);
}

static void set_resource(struct http_server *server, struct entry *entry)
{
    entry->body = resource_open(server->config.directory, entry->request.target);
    switch (entry->body.kind) {
    case RESOURCE_FILE: set_file(server, entry); break;
    case RESOURCE_LISTING:
        entry->offset = 0;
        entry->remaining = entry->body.length;
        set_head(server, entry, 200, "Content-Type: text/html; charset=utf-8\r\n");
        break;
    case RESOURCE_REDIRECT: set_redirect(server, entry); break;
    case RESOURCE_BAD: set_plain(server, entry, 400, ""); break;
    case RESOURCE_FORBIDDEN: set_plain(server, entry, 403, ""); break;
    case RESOURCE_MISSING: set_plain(server, entry, 404, ""); break;
    case RESOURCE_BUSY: set_plain(server, entry, 503, ""); break;
    }
}

static void respond(struct http_server *server, struct entry *entry)
{
    const struct http_request *request = &entry->request;
    entry->requests++;
    bool bound = server->config.requests && entry->requests >= server->config.requests;
    entry->last = !request->keep_alive || bound || !server->listening || request->status != 0;
    if (request->status)
        set_plain(server, entry, request->status, request->status == 405 ? "Allow: GET, HEAD\r\n" : "");
    else
        set_resource(server, entry);
    if (request->head_only)
        drop_body(entry);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* The next octets of the body, straight into the send buffer. Result as la_send_commit; LA_ERROR_INVALID if the file
   has become shorter than the Content-Length we promised. */
static int send_body(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    void *room;
    size_t length;
    int result = la_send_view(host, now, entry->conn, &room, &length);
    if (result < 0)
        return result;
    if (length > entry->remaining)
        length = (size_t)entry->remaining;
    if (entry->body.kind == RESOURCE_FILE) {
        ssize_t got = pread(entry->body.descriptor, room, length, (off_t)entry->offset);
        if (got <= 0)
            return LA_ERROR_INVALID;
        length = (size_t)got;
    } else {
        memcpy(room, entry->body.text + entry->offset, length);
    }
    entry->offset += length;
    entry->remaining -= length;
    server->counts.body_bytes += length;
    return la_send_commit(host, now, entry->conn, length);
}

static int send_head(la_host *host, la_time now, struct entry *entry)
{
    int sent = la_send(host, now, entry->conn, entry->head + entry->head_sent, entry->head_length - entry->head_sent);
    if (sent > 0)
        entry->head_sent += (uint32_t)sent;
    return sent;
}

/* Sends what there is room for. False if the connection has been dealt with and must not be touched again. */
static bool send_response(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    int result = LA_OK;
    while (result >= 0 && entry->head_sent < entry->head_length)
        result = send_head(host, now, entry);
    while (result >= 0 && entry->remaining > 0)
        result = send_body(server, host, now, entry);
    if (result == LA_ERROR_WOULD_BLOCK)
        return false;
    if (result < 0) {
        if (result == LA_ERROR_INVALID)
            la_abort(host, now, entry->conn); /* the peer must not take what it got for the whole */
        let_go(server, host, now, entry);
        return false;
    }
    drop_body(entry);
    if (entry->last) {
        close_entry(server, host, now, entry, entry->request.complete);
        return false;
    }
    entry->phase = PHASE_READING;
    http_request_begin(&entry->request);
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The peer has closed its direction. Between requests that is the end; inside one the request can never be whole. */
static void peer_closed(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    entry->peer_closed = true;
    close_entry(server, host, now, entry, true);
}

/* Takes the request's next octets. False if there are none now, or the connection has been dealt with. */
static bool read_request(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    const void *data;
    size_t length;
    int result = la_recv_view(host, now, entry->conn, &data, &length);
    if (result == LA_ERROR_WOULD_BLOCK)
        return false;
    if (result < 0) {
        let_go(server, host, now, entry);
        return false;
    }
    if (result == 0) {
        peer_closed(server, host, now, entry);
        return false;
    }
    size_t taken = http_request_take(&entry->request, data, length);
    la_recv_consume(host, now, entry->conn, taken);
    if (entry->request.complete || entry->request.status)
        respond(server, entry);
    return true;
}

/* Goes on as far as it can without waiting. */
static void move(struct http_server *server, la_host *host, la_time now, struct entry *entry)
{
    entry->active = now;
    for (;;) {
        if (entry->phase == PHASE_READING && !read_request(server, host, now, entry))
            return;
        if (entry->phase == PHASE_RESPONDING && !send_response(server, host, now, entry))
            return;
    }
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void accept_all(struct http_server *server, la_host *host, la_time now)
{
    struct la_conn conn;
    while (la_accept(host, now, server->listener, &conn) == LA_OK) {
        struct entry *entry = &server->entries[conn.slot];
        if (conn.slot >= server->reached)
            server->reached = conn.slot + 1;
        *entry = (struct entry){.conn = conn, .phase = PHASE_READING, .body = {.kind = RESOURCE_MISSING}};
        http_request_begin(&entry->request);
        la_set_option(host, now, conn, LA_OPTION_NODELAY, 1); /* a response's last part is not to wait for an ACK */
        server->counts.accepted++;
        server->counts.open++;
        if (server->counts.open > server->counts.open_peak)
            server->counts.open_peak = server->counts.open;
        move(server, host, now, entry); /* the request may be there already */
    }
}

bool http_server_event(struct http_server *server, la_host *host, la_time now, const struct la_event *event)
{
    if (event->flags & LA_READY_ACCEPTABLE) {
        if (!server->listening || event->listener.slot != server->listener.slot ||
            event->listener.generation != server->listener.generation)
            return false;
        accept_all(server, host, now);
        return true;
    }
    struct entry *entry = find(server, event->conn);
    if (!entry)
        return false;
    if (event->flags & LA_READY_PEER_CLOSED)
        entry->peer_closed = true;
    if (event->flags & LA_READY_ENDED)
        let_go(server, host, now, entry);
    else if (entry->phase != PHASE_CLOSING)
        move(server, host, now, entry);
    return true;
}

/* What is idle is closed; what we closed and the peer does not answer is left to the host's own bounds. */
void http_server_sweep(struct http_server *server, la_host *host, la_time now)
{
    if (!server->config.idle_ms)
        return;
    for (uint32_t i = 0; i < server->reached; i++) {
        struct entry *entry = &server->entries[i];
        if (entry->phase == PHASE_FREE || now - entry->active < server->config.idle_ms * LA_MILLISECOND)
            continue;
        server->counts.idle_closed++;
        entry->active = now;
        if (entry->phase == PHASE_READING) {
            close_entry(server, host, now, entry, false);
        } else {
            if (entry->phase == PHASE_RESPONDING)
                la_abort(host, now, entry->conn);
            let_go(server, host, now, entry);
        }
    }
}

struct http_server *http_server_open(la_host *host, la_time now, const struct http_server_config *config, int *error)
{
    *error = LA_OK;
    struct http_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->config = *config;
    server->entries = calloc(config->connections, sizeof *server->entries);
    if (server->entries)
        *error = la_listen(host, now, &config->local, config->backlog, &server->listener);
    if (!server->entries || *error < 0) {
        free(server->entries);
        free(server);
        return NULL;
    }
    server->listening = true;
    return server;
}

void http_server_stop(struct http_server *server, la_host *host, la_time now)
{
    if (!server->listening)
        return;
    accept_all(server, host, now); /* whom the handshake promised a connection gets an answer */
    server->listening = false;
    la_unlisten(host, now, server->listener);
    for (uint32_t i = 0; i < server->reached; i++) {
        struct entry *entry = &server->entries[i];
        if (entry->phase == PHASE_FREE)
            continue;
        if (entry->phase == PHASE_READING && !entry->request.begun)
            close_entry(server, host, now, entry, true);
        else
            entry->last = true;
    }
}

void http_server_free(struct http_server *server, la_host *host, la_time now)
{
    http_server_stop(server, host, now);
    for (uint32_t i = 0; i < server->reached; i++) {
        if (server->entries[i].phase == PHASE_FREE)
            continue;
        la_abort(host, now, server->entries[i].conn);
        let_go(server, host, now, &server->entries[i]);
    }
    free(server->entries);
    free(server);
}
