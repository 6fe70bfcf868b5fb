#ifndef CMD_HTTP_CLIENT_H
#define CMD_HTTP_CLIENT_H

#include <lastack/lastack.h>

#include <http_parser.h>

/* One GET over one connection: an application of lastack's, moved by the host's events alone. The response's body may
   be counted out (Content-Length), in chunks, or end with the connection (RFC 9112 6.3). */

enum { HTTP_CLIENT_REQUEST_BYTES = 4096 };

enum http_client_phase {
    HTTP_CLIENT_WORKING,
    HTTP_CLIENT_CLOSING, /* the response is whole; the connection is closed and its outcome awaited */
    HTTP_CLIENT_DONE     /* outcome, status, failure are final; the handle has been released */
};

struct http_client {
    /* Set by the caller before http_client_start. */
    bool (*room)(void *context);                                  /* false: not now; http_client_resume goes on */
    void (*body)(void *context, const void *data, size_t length); /* at most 65,536 octets after each room() */
    void *context;

    enum http_client_phase phase;
    struct la_conn conn;
    http_parser parser;
    unsigned status;     /* of the response; 0: none came */
    bool complete;       /* the response was whole */
    const char *failure; /* a sentence; NULL: none */
    struct la_outcome outcome;
    uint64_t body_bytes;
    la_time began;
    la_time established; /* 0: never */
    la_time completed;
    uint32_t retransmissions;
    uint32_t rtt_us;
    uint32_t request_length;
    uint32_t request_sent;
    char location[512]; /* of a redirection */
    bool in_value;
    uint8_t name_length;
    char name[16];
    char request[HTTP_CLIENT_REQUEST_BYTES];
};

/* A URL of ours: http://ADDRESS[:PORT][/PATH]. NULL, or what is wrong with it. */
struct http_url {
    struct la_endpoint remote;
    char host[64];      /* for the Host header: as it was written */
    const char *target; /* "/path?query", in the text */
};

const char *http_url_parse(const char *text, struct http_url *url);

/* Opens the connection. local may be NULL. LA_OK, or la_connect's error. */
int http_client_start(struct http_client *client, la_host *host, la_time now, const struct la_endpoint *local,
                      const struct http_url *url);

/* Hands over an event; false if it was not for this connection. */
bool http_client_event(struct http_client *client, la_host *host, la_time now, const struct la_event *event);

/* room() is true again. */
void http_client_resume(struct http_client *client, la_host *host, la_time now);

/* Gives up: RST. */
void http_client_abort(struct http_client *client, la_host *host, la_time now, const char *failure);

#endif
