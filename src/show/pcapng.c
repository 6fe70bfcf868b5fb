#include "pcapng.h"

#include <lastack/lastack.h>

#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* draft-ietf-opsawg-pcapng. Blocks are in the machine's own byte order, which the section header's magic tells. */
enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    MAGIC = 0x1a2b3c4d,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW = 101,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_USER_APPLICATION = 4, /* of a section */
    OPTION_NAME = 2,             /* of an interface */
    OPTION_RESOLUTION = 9,       /* of an interface */
    OPTION_FLAGS = 2             /* of a packet */
};

struct pcapng {
    FILE *file;
    la_time epoch_offset;
    bool failed;
    uint32_t length; /* of the block that is being made */
    uint8_t block[65536 + 4096];
};

static void put(struct pcapng *writer, const void *octets, size_t length)
{
    static const uint8_t zeros[4];
    size_t padding = -length & 3;
    if (length > 0)
        memcpy(writer->block + writer->length, octets, length);
    memcpy(writer->block + writer->length + length, zeros, padding);
    writer->length += (uint32_t)(length + padding);
}

static void put16(struct pcapng *writer, uint16_t a, uint16_t b)
{
    uint16_t both[2] = {a, b};
    put(writer, both, sizeof both);
}

static void put32(struct pcapng *writer, uint32_t value)
{
    put(writer, &value, sizeof value);
}

static void put_option(struct pcapng *writer, uint16_t code, const void *value, size_t length)
{
    put16(writer, code, (uint16_t)length);
    put(writer, value, length);
}

static void put_text_option(struct pcapng *writer, uint16_t code, const char *text)
{
    size_t length = strlen(text);
    put_option(writer, code, text, length < 2048 ? length : 2048);
}

static void begin(struct pcapng *writer, uint32_t type)
{
    writer->length = 0;
    put32(writer, type);
    put32(writer, 0); /* the length, filled in at the end */
}

static bool end(struct pcapng *writer)
{
    uint32_t total = writer->length + (uint32_t)sizeof total;
    memcpy(writer->block + 4, &total, sizeof total);
    put32(writer, total);
    if (fwrite(writer->block, 1, writer->length, writer->file) != writer->length)
        writer->failed = true;
    return !writer->failed;
}

static bool write_headers(struct pcapng *writer, const char *name, uint16_t link_type)
{
    static const uint8_t nanoseconds = 9; /* 10^-9 s */
    static const uint64_t unknown_length = UINT64_MAX;
    begin(writer, BLOCK_SECTION);
    put32(writer, MAGIC);
    put16(writer, 1, 0); /* version 1.0 */
    put(writer, &unknown_length, sizeof unknown_length);
    put_text_option(writer, OPTION_USER_APPLICATION, "lastack");
    put16(writer, OPTION_END, 0);
    end(writer);
    begin(writer, BLOCK_INTERFACE);
    put16(writer, link_type, 0);
    put32(writer, 0); /* packets are whole */
    if (name != NULL)
        put_text_option(writer, OPTION_NAME, name);
    put_option(writer, OPTION_RESOLUTION, &nanoseconds, sizeof nanoseconds);
    put16(writer, OPTION_END, 0);
    return end(writer);
}

static struct pcapng *writer_new(FILE *file, const char *name, la_time epoch_offset, uint16_t link_type)
{
    struct pcapng *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->file = file;
    writer->epoch_offset = epoch_offset;
    if (!write_headers(writer, name, link_type)) {
        free(writer);
        return NULL;
    }
    return writer;
}

struct pcapng *pcapng_new(FILE *file, const char *name, la_time epoch_offset)
{
    return writer_new(file, name, epoch_offset, LINKTYPE_RAW);
}

struct pcapng *pcapng_new_ethernet(FILE *file, const char *name, la_time epoch_offset)
{
    return writer_new(file, name, epoch_offset, LINKTYPE_ETHERNET);
}

bool pcapng_packet(struct pcapng *writer, la_time time, enum pcapng_direction direction, const void *bytes,
                   size_t length, const char *comment)
{
    uint64_t when = time + writer->epoch_offset;
    uint32_t original = (uint32_t)length;
    uint32_t flags = direction;
    if (length > 65536)
        length = 65536; /* no IP packet is longer; what is, is cut off, and original says so */
    begin(writer, BLOCK_PACKET);
    put32(writer, 0); /* the interface */
    put32(writer, (uint32_t)(when >> 32));
    put32(writer, (uint32_t)when);
    put32(writer, (uint32_t)length);
    put32(writer, original);
    put(writer, bytes, length);
    put_option(writer, OPTION_FLAGS, &flags, sizeof flags);
    if (comment != NULL && comment[0] != '\0')
        put_text_option(writer, OPTION_COMMENT, comment);
    put16(writer, OPTION_END, 0);
    return end(writer);
}

bool pcapng_flush(struct pcapng *writer)
{
    if (fflush(writer->file) != 0)
        writer->failed = true;
    return !writer->failed;
}

void pcapng_free(struct pcapng *writer)
{
    free(writer);
}

/* ---- comments ---------------------------------------------------------------------------------------------------- */

struct comment {
    char *text;
    size_t size;
    size_t used;
    const struct la_trace *packet; /* the packet's own record; NULL: not known */
};

/* Appends; what does not fit is cut off. */
__attribute__((format(printf, 2, 3))) static void say(struct comment *comment, const char *format, ...)
{
    va_list arguments;
    size_t room = comment->size - comment->used;
    va_start(arguments, format);
    int n = vsnprintf(comment->text + comment->used, room, format, arguments);
    va_end(arguments);
    comment->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static bool same_ends(const struct la_trace *a, const struct la_trace *b)
{
    return memcmp(&a->local.address, &b->local.address, sizeof a->local.address) == 0 &&
           memcmp(&a->remote.address, &b->remote.address, sizeof a->remote.address) == 0 &&
           a->local.port == b->local.port && a->remote.port == b->remote.port;
}

/* Before each part: whose it is, and whose connection if it is not the packet's own. record may be NULL. */
static void begin_part(struct comment *comment, const struct la_trace *record)
{
    say(comment, comment->used == 0 ? "lastack: " : "; ");
    if (record != NULL && comment->packet != NULL && record->remote.port != 0 && !same_ends(record, comment->packet)) {
        char remote[ENDPOINT_TEXT_BYTES];
        say(comment, "with %s: ", endpoint_text(&record->remote, remote));
    }
}

static void say_wait(struct comment *comment, const struct la_trace *record)
{
    enum la_wait_event event = (enum la_wait_event)record->detail;
    bool tells_until = event == LA_WAIT_ENTERED || event == LA_WAIT_RESTARTED || event == LA_WAIT_RESTORED;
    double left = record->deadline > record->time ? (double)(record->deadline - record->time) / (double)LA_SECOND : 0;
    say(comment, "wait %s", la_wait_event_name(event));
    if (tells_until && record->deadline != LA_TIME_NEVER)
        say(comment, ", until +%.3f s", left);
}

static void say_address(struct comment *comment, const char *of, const struct la_address *address, const char *what)
{
    char text[LA_ADDRESS_TEXT_BYTES];
    la_address_text(address, text);
    begin_part(comment, NULL);
    say(comment, "%s %s: %s", of, text, what);
}

static void say_record(struct comment *comment, const struct la_trace *record)
{
    switch ((enum la_trace_kind)record->kind) {
    case LA_TRACE_STATE:
        begin_part(comment, record);
        say(comment, "%s -> %s", la_state_name((enum la_state)record->from), la_state_name((enum la_state)record->to));
        break;
    case LA_TRACE_TIME_WAIT:
        begin_part(comment, record);
        say_wait(comment, record);
        break;
    case LA_TRACE_DROPPED:
        begin_part(comment, record);
        say(comment, "dropped: %s", la_drop_name((enum la_drop)record->detail));
        break;
    case LA_TRACE_ENDED:
        begin_part(comment, record);
        say(comment, "ended: %s", la_end_name((enum la_end)record->detail));
        break;
    case LA_TRACE_TIMER_FIRED:
        begin_part(comment, record);
        say(comment, "%s timer", la_timer_name((enum la_timer)record->detail));
        break;
    case LA_TRACE_PATH_MTU:
        begin_part(comment, record);
        say(comment, "path MTU: %u", record->length);
        break;
    case LA_TRACE_NEIGHBOUR:
        say_address(comment, "neighbour", &record->remote.address,
                    la_neighbour_state_name((enum la_neighbour_state)record->detail));
        break;
    case LA_TRACE_ADDRESS:
        say_address(comment, "address", &record->local.address,
                    la_address_event_name((enum la_address_event)record->detail));
        break;
    case LA_TRACE_SEGMENT_OUT:
        if (!record->retransmission)
            break;
        begin_part(comment, record);
        say(comment, "retransmission");
        break;
    case LA_TRACE_SEGMENT_IN:
    case LA_TRACE_TIMER_ARMED:
    case LA_TRACE_DELIVERED: break;
    }
}

void pcapng_comment(char *text, size_t size, const struct la_trace *records, size_t count, const char *extra)
{
    struct comment comment = {text, size, 0, NULL};
    if (size == 0)
        return;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (records[i].kind == LA_TRACE_SEGMENT_IN || records[i].kind == LA_TRACE_SEGMENT_OUT)
            comment.packet = &records[i];
    }
    if (extra != NULL && extra[0] != '\0') {
        begin_part(&comment, NULL);
        say(&comment, "%s", extra);
    }
    for (size_t i = 0; i < count; i++)
        say_record(&comment, &records[i]);
}
