#include "http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TAKE_BYTES = 65536 };

/* ---- the URL ----------------------------------------------------------------------------------------------------- */

const char *http_url_parse(const char *text, struct http_url *url)
{
    struct http_parser_url parts;
    char address[LA_ADDRESS_TEXT_BYTES];
    http_parser_url_init(&parts);
    if (http_parser_parse_url(text, strlen(text), 0, &parts) != 0)
        return "is no URL: http://ADDRESS[:PORT][/PATH] is expected";
    const uint16_t length = parts.field_data[UF_HOST].len;
    if (parts.field_data[UF_SCHEMA].len != 4 || strncasecmp(text, "http", 4) != 0)
        return "is not http://: lastack speaks TCP, and HTTP in the clear";
    if (parts.field_set & 1 << UF_USERINFO)
        return "names a user, which \"get\" does not send";
    if (length == 0 || length >= sizeof address)
        return "names no address";
    memcpy(address, text + parts.field_data[UF_HOST].off, length);
    address[length] = 0;
    if (la_address_parse(address, &url->remote.address) != LA_OK)
        return "names a host; only an IP address is understood (there is no resolver here)";
    url->remote.port = (parts.field_set & 1 << UF_PORT) ? parts.port : 80;
    if (url->remote.port == 0)
        return "names port 0";
    bool v6 = !la_address_is_ipv4(&url->remote.address);
    int used = snprintf(url->host, sizeof url->host, v6 ? "[%s]" : "%s", address);
    if (url->remote.port != 80)
        snprintf(url->host + used, sizeof url->host - (size_t)used, ":%u", url->remote.port);
    url->target = (parts.field_set & 1 << UF_PATH) ? text + parts.field_data[UF_PATH].off : "/";
    return strlen(url->target) > 3000 ? "is longer than 3000 characters" : NULL;
}

/* ---- what http_parser tells us ----------------------------------------------------------------------------------- */

static int on_field(http_parser *parser, const char *at, size_t length)
{
    struct http_client *client = parser->data;
    if (client->in_value)
        client->name_length = 0;
    client->in_value = false;
    for (size_t i = 0; i < length && client->name_length < sizeof client->name; i++)
        client->name[client->name_length++] = at[i];
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t length)
{
    struct http_client *client = parser->data;
    client->in_value = true;
    if (client->name_length != 8 || strncasecmp(client->name, "location", 8) != 0)
        return 0;
    size_t used = strlen(client->location), room = sizeof client->location - 1 - used;
    memcpy(client->location + used, at, length < room ? length : room);
    return 0;
}

static int on_headers(http_parser *parser)
{
    struct http_client *client = parser->data;
    client->status = parser->status_code;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length)
{
    struct http_client *client = parser->data;
    client->body_bytes += length;
    client->body(client->context, at, length);
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct http_client *client = parser->data;
    client->complete = parser->status_code >= 200; /* 1xx: the response is still to come */
    if (client->complete)
        http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings callbacks = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static const char *ending(const struct http_client *client)
{
    switch (client->outcome.end) {
    case LA_END_REFUSED: return "connection refused";
    case LA_END_RESET_BY_PEER: return "connection reset by the peer";
    case LA_END_UNREACHABLE: return "host unreachable";
    case LA_END_WAITS: return "the address waits";
    case LA_END_TIMED_OUT:
    case LA_END_USER_TIMEOUT:
    case LA_END_KEEPALIVE: return client->established ? "the peer answers no more" : "connection timed out";
    case LA_END_NONE:
    case LA_END_CLEAN:
    case LA_END_ABORTED:
    case LA_END_UNREAD_DATA:
    case LA_END_DATA_AFTER_CLOSE:
    case LA_END_LINGER_BOUND:
    case LA_END_CLOSED_EARLY:
    case LA_END_UNDONE:
    case LA_END_FIN_WAIT_2_BOUND:
    case LA_END_ORPHAN_BOUND: return client->status ? "the response ended early" : "the peer closed without a response";
    }
    return "the connection ended";
}

static void finish(struct http_client *client, la_host *host, la_time now)
{
    struct la_info info;
    if (client->phase == HTTP_CLIENT_DONE)
        return;
    la_outcome(host, client->conn, &client->outcome);
    if (la_info(host, client->conn, &info) == LA_OK)
        client->retransmissions = info.total_retrans;
    if (!client->complete && !client->failure)
        client->failure = ending(client);
    la_release(host, now, client->conn);
    client->phase = HTTP_CLIENT_DONE;
}

/* The response is whole. More than it is never read, so the close lingers rather than reset the connection. */
static void complete(struct http_client *client, la_host *host, la_time now)
{
    struct la_info info;
    client->completed = now;
    if (la_info(host, client->conn, &info) == LA_OK) {
        client->retransmissions = info.total_retrans;
        client->rtt_us = info.rtt_us;
    }
    client->phase = HTTP_CLIENT_CLOSING;
    if (la_close_lingering(host, now, client->conn) < 0)
        finish(client, host, now);
}

void http_client_abort(struct http_client *client, la_host *host, la_time now, const char *failure)
{
    if (client->phase == HTTP_CLIENT_DONE)
        return;
    client->failure = failure;
    la_abort(host, now, client->conn);
    finish(client, host, now);
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

static void send_request(struct http_client *client, la_host *host, la_time now)
{
    while (client->request_sent < client->request_length) {
        int sent = la_send(host, now, client->conn, client->request + client->request_sent,
                           client->request_length - client->request_sent);
        if (sent < 0)
            return;
        client->request_sent += (uint32_t)sent;
    }
}

/* The peer's FIN: the end of a body that nothing else ends, or an early end. */
static void at_end(struct http_client *client, la_host *host, la_time now)
{
    http_parser_execute(&client->parser, &callbacks, NULL, 0);
    if (client->complete) {
        complete(client, host, now);
        return;
    }
    client->failure = client->status ? "the response ended early" : "the peer closed without a response";
    client->phase = HTTP_CLIENT_CLOSING;
    if (la_close(host, now, client->conn) < 0)
        finish(client, host, now);
}

/* Takes what has come, as far as the caller has room. */
static void receive(struct http_client *client, la_host *host, la_time now)
{
    while (client->phase == HTTP_CLIENT_WORKING && client->room(client->context)) {
        const void *data;
        size_t length;
        int result = la_recv_view(host, now, client->conn, &data, &length);
        if (result == LA_ERROR_WOULD_BLOCK || result == LA_ERROR_NOT_CONNECTED)
            return;
        if (result < 0) {
            finish(client, host, now);
            return;
        }
        if (result == 0) {
            at_end(client, host, now);
            return;
        }
        if (length > TAKE_BYTES)
            length = TAKE_BYTES;
        http_parser_execute(&client->parser, &callbacks, data, length);
        la_recv_consume(host, now, client->conn, length);
        if (client->complete)
            complete(client, host, now);
        else if (HTTP_PARSER_ERRNO(&client->parser) != HPE_OK)
            http_client_abort(client, host, now, "the response is not HTTP");
    }
}

void http_client_resume(struct http_client *client, la_host *host, la_time now)
{
    if (client->phase == HTTP_CLIENT_WORKING)
        receive(client, host, now);
}

bool http_client_event(struct http_client *client, la_host *host, la_time now, const struct la_event *event)
{
    if ((event->flags & LA_READY_ACCEPTABLE) || client->phase == HTTP_CLIENT_DONE ||
        event->conn.slot != client->conn.slot || event->conn.generation != client->conn.generation)
        return false;
    if (event->flags & LA_READY_ESTABLISHED)
        client->established = now;
    if (client->phase == HTTP_CLIENT_WORKING) {
        send_request(client, host, now);
        receive(client, host, now);
    }
    bool all_taken = client->phase == HTTP_CLIENT_CLOSING || client->room(client->context);
    if ((event->flags & LA_READY_ENDED) && all_taken)
        finish(client, host, now);
    return true;
}

int http_client_start(struct http_client *client, la_host *host, la_time now, const struct la_endpoint *local,
                      const struct http_url *url)
{
    http_parser_init(&client->parser, HTTP_RESPONSE);
    client->parser.data = client;
    client->phase = HTTP_CLIENT_WORKING;
    client->began = now;
    client->request_sent = 0;
    client->request_length = (uint32_t)snprintf(
        client->request, sizeof client->request,
        "GET %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lastack/%s\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        (int)strcspn(url->target, "#"), url->target, url->host, la_version());
    int result = la_connect(host, now, local, &url->remote, &client->conn);
    if (result < 0)
        client->phase = HTTP_CLIENT_DONE;
    return result;
}
