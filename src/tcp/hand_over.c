#include "hand_over.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/siphash.h"
#include "four_tuple.h"

/* Numbers are big-endian.

     octets  header                               octets  record
     8       "lastackW"                           4       milliseconds that are left
     4       version                              4       SND.NXT
     4       IPv4 records                         4       RCV.NXT
     4       IPv6 records                         4       TS.Recent
     4       clock of ISNs and timestamps, ms     4       our last TSval
     8       the caller's clock, ns               2, 2    local port, remote port
     16      config.key                           2       window
     4       config.msl_ms                        1       restarts
                                                  1       interface
     then the records, IPv4 first,                2       enum flag, class, way, answers, scale, span
     then 8: SipHash-2-4 of all before            2       0
     under a key of zeros
                                                  8 / 32  local address, remote address */

#define VERSION       2
#define HEADER_BYTES  52
#define DIGEST_BYTES  8
#define RECORD_BYTES  32 /* and the addresses */
#define SCALE_MAX     14
#define WAIT_LEFT_MAX 4000001 /* 2 MSL, or the longest that a slow peer makes it, rounded up */

static const char magic[8] = {'l', 'a', 's', 't', 'a', 'c', 'k', 'W'};

/* What a record has of flags and small numbers, in one word. */
enum flag { FLAG_TIMESTAMPS = 1, FLAG_MOVED = 2 };

static uint16_t word_of(const struct time_wait_record *record)
{
    unsigned flags = (record->timestamps ? FLAG_TIMESTAMPS : 0U) | (record->is_moved ? FLAG_MOVED : 0U);
    unsigned word = flags | (unsigned)record->class << 3 | (unsigned)record->way << 5 | (unsigned)record->answers << 7 |
                    (unsigned)record->scale << 10 | (unsigned)record->span << 14;
    return (uint16_t)word;
}

static unsigned class_of(unsigned word)
{
    return word >> 3 & 3U;
}

static unsigned way_of(unsigned word)
{
    return word >> 5 & 3U;
}

static unsigned answers_of(unsigned word)
{
    return word >> 7 & 7U;
}

static unsigned scale_of(unsigned word)
{
    return word >> 10 & 0xfU;
}

static unsigned span_of(unsigned word)
{
    return word >> 14 & 3U;
}

static size_t bytes_for(uint64_t ipv4, uint64_t ipv6)
{
    return (size_t)(HEADER_BYTES + ipv4 * (RECORD_BYTES + 8) + ipv6 * (RECORD_BYTES + 32) + DIGEST_BYTES);
}

static uint64_t digest_of(const void *data, size_t length)
{
    static const uint8_t zeros[16] = {0};
    return siphash_2_4(zeros, data, length);
}

static uint32_t count_of(const struct tcp *tcp, const struct time_wait_table *table)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < table->used; place++) {
        count += time_wait_at(tcp_core(tcp), table, place) != NULL;
    }
    return count;
}

size_t hand_over_size(const struct tcp *tcp)
{
    return bytes_for(count_of(tcp, &tcp->waits[0]), count_of(tcp, &tcp->waits[1]));
}

/* ---- saving ---- */

static void write_u64(struct writer *w, uint64_t value)
{
    write_u32(w, (uint32_t)(value >> 32));
    write_u32(w, (uint32_t)value);
}

static void write_record(struct writer *w, const struct core *core, const struct time_wait_table *table,
                         const struct time_wait_record *record)
{
    write_u32(w, record->deadline_ms - core->now_ms);
    write_u32(w, record->snd_nxt.v);
    write_u32(w, record->rcv_nxt.v);
    write_u32(w, record->ts_recent);
    write_u32(w, record->last_tsval);
    write_u16(w, record->local_port);
    write_u16(w, record->remote_port);
    write_u16(w, record->window);
    write_u8(w, record->restarts);
    write_u8(w, record->interface);
    write_u16(w, word_of(record));
    write_u16(w, 0);
    write_bytes(w, record->addresses, 2 * (size_t)table->address_bytes);
}

size_t hand_over_save(const struct tcp *tcp, uint64_t wall, void *data, size_t size)
{
    const struct core *core = tcp_core(tcp);
    const uint32_t counts[2] = {count_of(tcp, &tcp->waits[0]), count_of(tcp, &tcp->waits[1])};
    size_t length = bytes_for(counts[0], counts[1]);
    if (size < length) {
        return 0;
    }
    struct writer w = writer_of(data, length);
    write_bytes(&w, magic, sizeof magic);
    write_u32(&w, VERSION);
    write_u32(&w, counts[0]);
    write_u32(&w, counts[1]);
    write_u32(&w, core->now_ms + tcp->clock_ahead_ms);
    write_u64(&w, wall);
    write_bytes(&w, core->config.key, sizeof core->config.key);
    write_u32(&w, core->config.msl_ms);
    for (unsigned family = 0; family < 2; family++) {
        const struct time_wait_table *table = &tcp->waits[family];
        for (uint32_t place = 0; place < table->used; place++) {
            const struct time_wait_record *record = time_wait_at(core, table, place);
            if (record != NULL) {
                write_record(&w, core, table, record);
            }
        }
    }
    write_u64(&w, digest_of(data, length - DIGEST_BYTES));
    return length;
}

/* ---- loading ---- */

static uint64_t read_u64(struct reader *r)
{
    uint64_t high = read_u32(r);
    return high << 32 | read_u32(r);
}

struct header {
    struct la_time_wait_saved saved;
    uint32_t clock_ms;
};

static const char *read_header(struct reader *r, struct header *header)
{
    const uint8_t *start = reader_take(r, sizeof magic);
    if (start == NULL || memcmp(start, magic, sizeof magic) != 0) {
        return "these are no TIME-WAIT records";
    }
    if (read_u32(r) != VERSION && !r->failed) {
        return "the format's version is not 2";
    }
    header->saved.ipv4 = read_u32(r);
    header->saved.ipv6 = read_u32(r);
    header->clock_ms = read_u32(r);
    header->saved.wall = read_u64(r);
    const uint8_t *key = reader_take(r, sizeof header->saved.key);
    header->saved.msl_ms = read_u32(r);
    if (r->failed) {
        return "the end is missing";
    }
    memcpy(header->saved.key, key, sizeof header->saved.key);
    return NULL;
}

/* Whole, and as it was written. The records are not looked at yet. */
static const char *check_whole(const void *data, size_t length, struct header *header)
{
    struct reader r = reader_of(data, length);
    const char *wrong = read_header(&r, header);
    if (wrong != NULL) {
        return wrong;
    }
    size_t expected = bytes_for(header->saved.ipv4, header->saved.ipv6);
    if (length != expected) {
        return length < expected ? "the end is missing" : "something follows the end";
    }
    struct reader digest = reader_of((const uint8_t *)data + length - DIGEST_BYTES, DIGEST_BYTES);
    return read_u64(&digest) == digest_of(data, length - DIGEST_BYTES) ? NULL : "the checksum is wrong";
}

const char *hand_over_saved(const void *data, size_t length, struct la_time_wait_saved *saved)
{
    struct header header = {0};
    const char *wrong = check_whole(data, length, &header);
    if (wrong == NULL) {
        *saved = header.saved;
    }
    return wrong;
}

/* A record as it was saved. */
struct saved_record {
    uint32_t left_ms;
    uint32_t snd_nxt;
    uint32_t rcv_nxt;
    uint32_t ts_recent;
    uint32_t last_tsval;
    struct la_endpoint local;
    struct la_endpoint remote;
    uint16_t window;
    uint8_t restarts;
    uint8_t interface;
    uint16_t word; /* flags and small numbers */
};

static void read_address(struct reader *r, unsigned bytes, struct la_address *address)
{
    *address = la_address_ipv4(0, 0, 0, 0);
    const uint8_t *octets = reader_take(r, bytes);
    if (octets != NULL) {
        memcpy(&address->octets[16 - bytes], octets, bytes);
    }
}

static struct saved_record read_record(struct reader *r, unsigned address_bytes)
{
    struct saved_record record;
    record.left_ms = read_u32(r);
    record.snd_nxt = read_u32(r);
    record.rcv_nxt = read_u32(r);
    record.ts_recent = read_u32(r);
    record.last_tsval = read_u32(r);
    record.local.port = read_u16(r);
    record.remote.port = read_u16(r);
    record.window = read_u16(r);
    record.restarts = read_u8(r);
    record.interface = read_u8(r);
    record.word = read_u16(r);
    reader_skip(r, 2);
    read_address(r, address_bytes, &record.local.address);
    read_address(r, address_bytes, &record.remote.address);
    return record;
}

static const char *check_record(const struct tcp *tcp, const struct saved_record *record, bool is_ipv4)
{
    bool is_possible = class_of(record->word) >= LA_CLASS_WAITING && way_of(record->word) <= LA_WAY_CLOSING &&
                       scale_of(record->word) <= SCALE_MAX && record->left_ms <= WAIT_LEFT_MAX &&
                       record->local.port != 0 && record->remote.port != 0 &&
                       address_is_ipv4(&record->local.address) == is_ipv4 &&
                       address_is_ipv4(&record->remote.address) == is_ipv4;
    if (!is_possible) {
        return "a record says what none can";
    }
    bool is_there = record->interface < tcp_core(tcp)->config.interfaces;
    return is_there ? NULL : "a record is of an interface that this host lacks";
}

/* Of how long the wait is, the span tells only a host with the same MSL. */
static const char *take_record(struct tcp *tcp, struct time_wait_table *table, const struct saved_record *saved,
                               uint32_t left_ms, bool same_msl)
{
    struct core *core = tcp_core(tcp);
    const struct four_tuple tuple = four_tuple_of(core, &saved->local, &saved->remote);
    if (time_wait_find(core, table, &tuple) != NULL) {
        return "a four-tuple has two records";
    }
    struct time_wait_record *record = time_wait_append(core, table, &tuple, (enum la_wait_class)class_of(saved->word));
    record->deadline_ms = core->now_ms_up + left_ms;
    record->snd_nxt = seq_of(saved->snd_nxt);
    record->rcv_nxt = seq_of(saved->rcv_nxt);
    record->ts_recent = saved->ts_recent;
    record->last_tsval = saved->last_tsval;
    record->window = saved->window;
    record->restarts = saved->restarts;
    record->interface = saved->interface;
    record->timestamps = (saved->word & FLAG_TIMESTAMPS) != 0;
    record->span = (same_msl ? span_of(saved->word) : SPAN_LONGER) & 3U;
    record->is_moved = (saved->word & FLAG_MOVED) != 0 || record->span == SPAN_LONGER;
    record->way = way_of(saved->word) & 1U;
    record->answers = answers_of(saved->word) & 7U;
    record->scale = scale_of(saved->word) & 0xfU;
    return NULL;
}

/* The records of one of the families, after the downtime. */
struct saved_family {
    uint32_t count;
    unsigned family; /* of tcp->waits */
    uint64_t downtime_ms;
    bool same_msl;
};

static const char *take_family(struct tcp *tcp, struct reader *r, const struct saved_family *saved)
{
    struct time_wait_table *table = &tcp->waits[saved->family];
    for (uint32_t i = 0; i < saved->count; i++) {
        const struct saved_record record = read_record(r, table->address_bytes);
        const char *wrong = check_record(tcp, &record, saved->family == 0);
        if (wrong == NULL && record.left_ms > saved->downtime_ms) {
            wrong = take_record(tcp, table, &record, record.left_ms - (uint32_t)saved->downtime_ms, saved->same_msl);
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

static const char *check_host(const struct tcp *tcp, const struct la_time_wait_saved *saved)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    if (tcp->connections_in_use > 0 || tcp->waits[0].used > 0 || tcp->waits[1].used > 0) {
        return "the host has connections or records already";
    }
    if (memcmp(config->key, saved->key, sizeof saved->key) != 0) {
        return "config.key is not that of the records";
    }
    if (config->time_wait_ipv4 < saved->ipv4 || config->time_wait_ipv6 < saved->ipv6) {
        return "config.time_wait_ipv4 or config.time_wait_ipv6 is too small for the records";
    }
    return NULL;
}

static void empty_tables(struct tcp *tcp)
{
    struct core *core = tcp_core(tcp);
    time_wait_init(core, &tcp->waits[0], tcp->waits[0].capacity, 4);
    time_wait_init(core, &tcp->waits[1], tcp->waits[1].capacity, 16);
}

const char *hand_over_load(struct tcp *tcp, uint64_t wall, const void *data, size_t length)
{
    struct header header = {0};
    const char *wrong = check_whole(data, length, &header);
    wrong = wrong != NULL ? wrong : check_host(tcp, &header.saved);
    if (wrong != NULL) {
        return wrong;
    }
    uint64_t downtime = wall > header.saved.wall ? wall - header.saved.wall : 0;
    uint64_t downtime_ms = downtime / LA_MILLISECOND;
    struct reader r = reader_of(data, length);
    reader_skip(&r, HEADER_BYTES);
    bool same_msl = header.saved.msl_ms == tcp_core(tcp)->config.msl_ms;
    const struct saved_family ipv4 = {header.saved.ipv4, 0, downtime_ms, same_msl};
    const struct saved_family ipv6 = {header.saved.ipv6, 1, downtime_ms, same_msl};
    wrong = take_family(tcp, &r, &ipv4);
    wrong = wrong != NULL ? wrong : take_family(tcp, &r, &ipv6);
    if (wrong != NULL) {
        empty_tables(tcp);
        return wrong;
    }
    tcp->clock_ahead_ms = header.clock_ms + (uint32_t)downtime_ms + 1 - tcp_core(tcp)->now_ms;
    return NULL;
}
