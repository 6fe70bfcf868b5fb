#include "http_request.h"

#include <stdlib.h>
#include <string.h>

/* ---- what http_parser tells us: the result 0 means go on --------------------------------------------------------- */

static int on_begin(http_parser *parser)
{
    ((struct http_request *)parser->data)->begun = true;
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t length)
{
    struct http_request *request = parser->data;
    if (length >= HTTP_TARGET_BYTES - request->target_length) {
        request->status = 414;
        return 1;
    }
    memcpy(request->target + request->target_length, at, length);
    request->target_length += (uint32_t)length;
    request->target[request->target_length] = 0;
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t length)
{
    struct http_request *request = parser->data;
    if (request->in_value)
        request->name_length = 0;
    request->in_value = false;
    for (size_t i = 0; i < length && request->name_length < sizeof request->name; i++) {
        char c = at[i];
        request->name[request->name_length++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return 0;
}

static bool name_is(const struct http_request *request, const char *name)
{
    size_t length = strlen(name);
    return request->name_length == length && memcmp(request->name, name, length) == 0;
}

static int on_value(http_parser *parser, const char *at, size_t length)
{
    struct http_request *request = parser->data;
    if (name_is(request, "host") && !request->in_value) {
        if (request->host_seen)
            request->status = 400; /* RFC 9112 3.2: more than one */
        request->host_seen = true;
    }
    request->in_value = true;
    if (name_is(request, "range")) {
        size_t room = sizeof request->range - 1 - request->range_length;
        if (length > room)
            length = room; /* too long to be one range; what is cut does not parse, and is ignored */
        memcpy(request->range + request->range_length, at, length);
        request->range_length = (uint8_t)(request->range_length + length);
    }
    return 0;
}

static int on_headers(http_parser *parser)
{
    struct http_request *request = parser->data;
    request->version_minor = parser->http_minor;
    request->head_only = parser->method == HTTP_HEAD;
    request->keep_alive = http_should_keep_alive(parser) != 0;
    if (parser->http_major != 1)
        request->status = 505;
    else if (parser->http_minor >= 1 && !request->host_seen)
        request->status = 400; /* RFC 9112 3.2 */
    else if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
        request->status = 405;
    else if ((parser->flags & F_CONTENTLENGTH) && parser->content_length > HTTP_BODY_MAX)
        request->status = 413;
    return request->status ? -1 : 0; /* refused before its body is read */
}

static int on_body(http_parser *parser, const char *at, size_t length)
{
    struct http_request *request = parser->data;
    (void)at; /* a GET's body has no meaning (RFC 9110 9.3.1) */
    request->body_bytes += length;
    if (request->body_bytes <= HTTP_BODY_MAX)
        return 0;
    request->status = 413;
    return 1;
}

static int on_complete(http_parser *parser)
{
    struct http_request *request = parser->data;
    request->complete = true;
    http_parser_pause(parser, 1); /* the next request is left where it is until this one is answered */
    return 0;
}

static const http_parser_settings callbacks = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

/* ---- what we tell ------------------------------------------------------------------------------------------------ */

void http_request_begin(struct http_request *request)
{
    *request = (struct http_request){.version_minor = 1};
    http_parser_init(&request->parser, HTTP_REQUEST);
}

size_t http_request_take(struct http_request *request, const void *data, size_t length)
{
    request->parser.data = request;
    size_t taken = http_parser_execute(&request->parser, &callbacks, data, length);
    enum http_errno error = HTTP_PARSER_ERRNO(&request->parser);
    if (request->complete) {
        request->complete = request->status == 0;
        if (error == HPE_PAUSED && taken < length && request->parser.upgrade)
            request->keep_alive = false; /* we do not upgrade, and do not know what follows */
        return taken;
    }
    if (error != HPE_OK && !request->status)
        request->status = error == HPE_HEADER_OVERFLOW ? 431 : 400;
    return taken;
}

static bool parse_number(const char **text, uint64_t *value)
{
    if (**text < '0' || **text > '9')
        return false;
    char *end;
    *value = strtoull(*text, &end, 10);
    *text = end;
    return true;
}

enum http_range http_request_range(const struct http_request *request, uint64_t size, uint64_t *first, uint64_t *length)
{
    const char *text = request->range;
    uint64_t from = 0, to = 0;
    if (strncmp(text, "bytes=", 6) != 0)
        return HTTP_RANGE_NONE;
    text += 6;
    bool has_from = parse_number(&text, &from);
    if (*text++ != '-')
        return HTTP_RANGE_NONE;
    bool has_to = parse_number(&text, &to);
    if (*text || (!has_from && !has_to) || (has_from && has_to && to < from))
        return HTTP_RANGE_NONE;
    if (!has_from) { /* the last so many octets */
        from = to < size ? size - to : 0;
        if (to == 0)
            return HTTP_RANGE_BEYOND;
        to = size;
    }
    if (from >= size)
        return HTTP_RANGE_BEYOND;
    *first = from;
    *length = (has_to && to < size - 1 ? to : size - 1) - from + 1;
    return HTTP_RANGE_PART;
}

const char *http_status_text(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}
