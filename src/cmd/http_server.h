#ifndef CMD_HTTP_SERVER_H
#define CMD_HTTP_SERVER_H

#include <lastack/lastack.h>

/* A static HTTP/1.1 server on one host (RFC 9112): an application of lastack's, moved by the host's events alone.

   It has one entry a connection slot, so that an event finds its entry by index, and nothing is looked up or allocated
   as connections come and go. A file is read straight into the send buffer (la_send_view).

   Who closes: the server does, after the last response, wherever HTTP says that the connection does not go on. So it is
   the server that waits in TIME-WAIT. */

struct http_server;

struct http_server_counts {
    uint64_t accepted;
    uint64_t responses;
    uint64_t status[6];    /* by hundreds */
    uint64_t body_bytes;   /* handed to TCP */
    uint64_t closed_first; /* connections whose FIN we sent before the peer's came */
    uint64_t idle_closed;  /* closed because nothing happened for the idle time */
    uint64_t ended[LA_END_COUNT];
    uint32_t open; /* now, closing ones included */
    uint32_t open_peak;
};

struct http_server_config {
    int directory;        /* descriptor; stays the caller's */
    uint32_t connections; /* the host's config.connections */
    struct la_endpoint local;
    uint32_t backlog;
    uint32_t idle_ms;  /* a connection on which nothing happens is closed; 0: never */
    uint32_t requests; /* after so many requests a connection is closed; 0: no bound */
    bool plain_close;  /* never la_close_lingering: what a client has sent in vain is answered with RST */
};

/* Listens. NULL if there is no memory or la_listen fails; *error says which of its errors, LA_OK for memory. */
struct http_server *http_server_open(la_host *host, la_time now, const struct http_server_config *config, int *error);

/* Hands over an event; false if it was for none of the server's connections. */
bool http_server_event(struct http_server *server, la_host *host, la_time now, const struct la_event *event);

/* Closes what has been idle for too long. To be called about every second. */
void http_server_sweep(struct http_server *server, la_host *host, la_time now);

/* No more connections are taken; idle ones are closed, others after the response they are at. */
void http_server_stop(struct http_server *server, la_host *host, la_time now);

/* Lets go of everything; what is still open is aborted. */
void http_server_free(struct http_server *server, la_host *host, la_time now);

const struct http_server_counts *http_server_counts(const struct http_server *server);

#endif
