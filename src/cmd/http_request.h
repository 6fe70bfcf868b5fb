#ifndef CMD_HTTP_REQUEST_H
#define CMD_HTTP_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A request as it arrives, in pieces of any size. http_parser does the syntax; what is kept is bounded. */

enum { HTTP_TARGET_BYTES = 2048, HTTP_BODY_MAX = 1 << 20 };

struct http_request {
    http_parser parser;
    bool begun;    /* its first octet has come */
    bool complete; /* read to its end: nothing of it is left unread */
    bool head_only;
    bool keep_alive;
    bool host_seen;
    unsigned version_minor; /* 1: HTTP/1.1 */
    unsigned status;        /* what it must be refused with; 0: nothing wrong */
    uint64_t body_bytes;
    uint32_t target_length;
    uint8_t name_length;
    uint8_t range_length;
    bool in_value;
    char name[8]; /* of the header line that is being read, lower case; cut off */
    char range[64];
    char target[HTTP_TARGET_BYTES];
};

void http_request_begin(struct http_request *request);

/* Takes octets up to the request's end: how many. Afterwards complete, status or neither (more is needed) is set. */
size_t http_request_take(struct http_request *request, const void *data, size_t length);

enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_PART, HTTP_RANGE_BEYOND };

/* The Range header against a representation of so many octets. One range is understood; several, or another unit, are
   ignored, as RFC 9110 14.2 allows. */
enum http_range http_request_range(const struct http_request *request, uint64_t size, uint64_t *first,
                                   uint64_t *length);

const char *http_status_text(unsigned status);

#endif
