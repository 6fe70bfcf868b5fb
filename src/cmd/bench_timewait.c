#include "bench_life.h"
#include "cmd.h"
#include "options.h"
#include "stage.h"

#include "link/clock.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a record costs the host in which it waits, among so many: to enter, to be found, to be asked again by the peer's
   FIN, to expire. What is measured are calls of the public interface with whole packets; around them, unmeasured, both
   ends live their connections as in bench churn. */

enum { BATCH = 64, BATCHES_MAX = 10000, SEGMENT_MOST = 128, IPV4_BYTES = 20, TCP_BYTES = 32, TIMESTAMPS_AT = 44 };

enum { FLAG_FIN = 0x01, FLAG_ACK = 0x10 };

struct packet {
    size_t length;
    uint8_t octets[SEGMENT_MOST];
};

struct timewait_result {
    uint32_t waiting;
    double enter_ns;
    double find_ns;
    double restart_ns;
    double expire_ns;
    double read_ns; /* one read from memory, anywhere in as much of it */
};

struct timewait_options {
    struct option_list waiting;
    uint32_t batches;
    bool json;
};

static struct bench_life life;
static struct packet packets[BATCH];

static la_host *host(void)
{
    return life.pair.host[BENCH_CLIENT];
}

/* What the host says is of no interest. */
static void drain(void)
{
    while (la_host_output(host(), life.pair.now, 0, life.pair.packet, sizeof life.pair.packet) > 0)
        ;
}

/* Nanoseconds that the host takes for each packet of the batch. */
static double take_packets(void)
{
    la_time began = clock_now();
    for (unsigned i = 0; i < BATCH; i++)
        la_host_input(host(), life.pair.now, 0, packets[i].octets, packets[i].length);
    return (double)(clock_now() - began) / BATCH;
}

static int went_wrong(const char *what)
{
    return complain("bench timewait", "%s: the records are not what they must be", what);
}

/* ---- entering ---------------------------------------------------------------------------------------------------- */

/* Connections up to where only the server's FIN is missing; it is kept back. */
static bool keep_last_fins(struct bench_connection *connections)
{
    la_host *server = life.pair.host[BENCH_SERVER];
    for (unsigned i = 0; i < BATCH; i++) {
        if (!bench_life_to_last_fin(&life, &connections[i]))
            return false;
        packets[i].length = la_host_output(server, life.pair.now, 0, life.pair.packet, sizeof life.pair.packet);
        if (packets[i].length == 0 || packets[i].length > SEGMENT_MOST)
            return false;
        memcpy(packets[i].octets, life.pair.packet, packets[i].length);
    }
    return true;
}

/* One batch leaves the table, one enters it. */
static int enter_and_expire(double *enter_ns, double *expire_ns)
{
    struct bench_connection connections[BATCH];
    uint32_t before = bench_life_waiting(&life);
    life.pair.now += life.step * BATCH;
    la_host_advance(life.pair.host[BENCH_SERVER], life.pair.now);
    la_time began = clock_now();
    la_host_advance(host(), life.pair.now);
    la_time took = clock_now() - began;
    uint32_t gone = before - bench_life_waiting(&life);
    if (!keep_last_fins(connections))
        return went_wrong("enter");
    *enter_ns = take_packets();
    if (gone == 0 || bench_life_waiting(&life) != before - gone + BATCH)
        return went_wrong("expire");
    *expire_ns = (double)took / gone;
    bench_pair_exchange(&life.pair);
    for (unsigned i = 0; i < BATCH; i++)
        if (!bench_life_ended(&life, &connections[i]))
            return went_wrong("enter");
    return 0;
}

/* ---- what arrives for a record ----------------------------------------------------------------------------------- */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* RFC 1071, over what begins with this sum. */
static uint32_t checksum(uint32_t sum, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i += 2)
        sum += (uint32_t)octets[i] << 8 | octets[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

/* From the peer of a record, at the number before the one it expects or at that one, without text. */
static void make_packet(struct packet *packet, const struct la_wait *wait, unsigned flags)
{
    static const uint8_t start[IPV4_BYTES] = {0x45, 0, 0, IPV4_BYTES + TCP_BYTES, 0, 0, 0x40, 0, 64, 6};
    uint8_t *ip = packet->octets, *tcp = ip + IPV4_BYTES;
    *packet = (struct packet){.length = IPV4_BYTES + TCP_BYTES};
    memcpy(ip, start, sizeof start);
    memcpy(ip + 12, wait->remote.address.octets + 12, 4);
    memcpy(ip + 16, wait->local.address.octets + 12, 4);
    put16(ip + 10, checksum(0, ip, IPV4_BYTES));
    put16(tcp, wait->remote.port);
    put16(tcp + 2, wait->local.port);
    put32(tcp + 4, wait->rcv_nxt - (flags & FLAG_FIN ? 1 : 0));
    put32(tcp + 8, wait->snd_nxt);
    tcp[12] = TCP_BYTES / 4 << 4;
    tcp[13] = (uint8_t)(flags | FLAG_ACK);
    put32(tcp + 20, 0x0101080a); /* RFC 7323, appendix A */
    put32(ip + TIMESTAMPS_AT, wait->ts_recent);
    put32(ip + TIMESTAMPS_AT + 4, wait->last_tsval);
    uint32_t pseudo = 6 + TCP_BYTES;
    for (unsigned i = 12; i < IPV4_BYTES; i += 2)
        pseudo += (uint32_t)ip[i] << 8 | ip[i + 1];
    put16(tcp + 16, checksum(pseudo, tcp, TCP_BYTES));
}

/* The packets of a batch: one for each of its records. */
static void make_batch(const struct la_wait *waits, unsigned flags)
{
    for (unsigned i = 0; i < BATCH; i++)
        make_packet(&packets[i], &waits[i], flags);
}

static struct la_counters counters(void)
{
    struct la_counters counters;
    la_host_counters(host(), &counters);
    return counters;
}

/* Found, and dropped in silence: a pure ACK at the number that is expected. */
static int find(const struct la_wait *waits, double *ns)
{
    uint64_t before = counters().dropped[LA_DROP_WAIT_ACK];
    make_batch(waits, 0);
    *ns = take_packets();
    return counters().dropped[LA_DROP_WAIT_ACK] - before == BATCH ? 0 : went_wrong("find");
}

/* Found, answered, and begun again. */
static int ask_again(const struct la_wait *waits, double *ns)
{
    uint64_t before = counters().counter[LA_COUNT_WAIT_RESTARTED];
    make_batch(waits, FLAG_FIN);
    *ns = take_packets();
    drain();
    return counters().counter[LA_COUNT_WAIT_RESTARTED] - before == BATCH ? 0 : went_wrong("restart");
}

static uint64_t draw_below(uint64_t *random, uint64_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % bound;
}

/* ---- what memory costs ------------------------------------------------------------------------------------------- */

enum { LINE_BYTES = 64, READS = 1000000 };

/* Nanoseconds of one read somewhere in a block as large as the table, each read saying where the next one is: Sattolo's
   shuffle makes one circle of all lines. What a cache miss costs on this machine, to hold the others against. */
static double random_read(uint32_t waiting)
{
    size_t lines = (size_t)(bench_life_record_bytes(4) * waiting) / LINE_BYTES + 2;
    uint32_t *block = stage_block(lines * LINE_BYTES);
    uint64_t random = 1;
    uint32_t at = 0;
    if (!block)
        return 0;
    for (uint32_t i = 0; i < lines; i++)
        block[(size_t)i * LINE_BYTES / sizeof *block] = i;
    for (size_t i = lines - 1; i > 0; i--) {
        uint32_t *one = &block[i * LINE_BYTES / sizeof *block];
        uint32_t *other = &block[draw_below(&random, i) * LINE_BYTES / sizeof *block];
        uint32_t held = *one;
        *one = *other;
        *other = held;
    }
    la_time began = clock_now();
    for (unsigned i = 0; i < READS; i++)
        at = *(volatile uint32_t *)&block[(size_t)at * LINE_BYTES / sizeof *block];
    double ns = (double)(clock_now() - began) / READS;
    free(block);
    return ns;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* Records from all over the table, in no order: how many, at most as many as wanted. */
static size_t draw(struct la_wait *waits, size_t wanted)
{
    struct la_wait wait;
    uint64_t place = 0, seen = 0, random = 1;
    size_t count = 0;
    while (la_wait_next(host(), &place, &wait)) {
        uint64_t at = count < wanted ? count++ : draw_below(&random, seen + 1);
        if (at < wanted)
            waits[at] = wait;
        seen++;
    }
    for (size_t left = count; left > 1; left--) {
        size_t other = draw_below(&random, left);
        wait = waits[left - 1];
        waits[left - 1] = waits[other];
        waits[other] = wait;
    }
    return count;
}

static int measure_ends(uint32_t batches, struct timewait_result *result)
{
    static double enter[BATCHES_MAX], expire[BATCHES_MAX];
    for (uint32_t i = 0; i < batches; i++)
        if (enter_and_expire(&enter[i], &expire[i]) < 0)
            return -1;
    result->enter_ns = bench_median(enter, batches);
    result->expire_ns = bench_median(expire, batches);
    return 0;
}

static int measure_segments(const struct la_wait *waits, size_t batches, struct timewait_result *result)
{
    static double found[BATCHES_MAX], restart[BATCHES_MAX];
    for (size_t i = 0; i < batches; i++)
        if (find(&waits[i * BATCH], &found[i]) < 0)
            return -1;
    for (size_t i = 0; i < batches; i++)
        if (ask_again(&waits[i * BATCH], &restart[i]) < 0)
            return -1;
    result->find_ns = bench_median(found, batches);
    result->restart_ns = bench_median(restart, batches);
    return 0;
}

static int measure(uint32_t waiting, uint32_t batches, struct timewait_result *result)
{
    static struct la_wait waits[BATCH * BATCHES_MAX];
    *result = (struct timewait_result){.waiting = waiting};
    int failed = bench_life_begin(&life, waiting) < 0 || measure_ends(batches, result) < 0 ||
                 measure_segments(waits, draw(waits, (size_t)BATCH * batches) / BATCH, result) < 0;
    bench_pair_close(&life.pair);
    result->read_ns = random_read(waiting);
    return failed ? -1 : 0;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static void print_json(const struct timewait_result *result)
{
    json_t *object =
        json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "bench", "timewait", "waiting",
                  (json_int_t)result->waiting, "bytes_per_record", bench_life_record_bytes(4), "bytes_per_record_ipv6",
                  bench_life_record_bytes(16), "enter_ns", result->enter_ns, "find_ns", result->find_ns, "restart_ns",
                  result->restart_ns, "expire_ns", result->expire_ns, "read_ns", result->read_ns);
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(8));
    putchar('\n');
    json_decref(object);
}

static int run_all(const struct timewait_options *options, const uint32_t *waiting, size_t count)
{
    if (!options->json)
        printf(
            "a record in TIME-WAIT, nanoseconds (medians of up to %u batches of %d)\n\n%12s %10s %10s %10s %10s %12s\n",
            options->batches, BATCH, "waiting", "enter", "find", "restart", "expire", "memory read");
    for (size_t i = 0; i < count; i++) {
        struct timewait_result result;
        if (measure(waiting[i], options->batches, &result) < 0)
            return EXIT_FAILED;
        if (options->json)
            print_json(&result);
        else
            printf("%12u %10.0f %10.0f %10.0f %10.0f %12.0f\n", result.waiting, result.enter_ns, result.find_ns,
                   result.restart_ns, result.expire_ns, result.read_ns);
        fflush(stdout);
    }
    if (!options->json)
        printf("\nmemory: %.1f octets a record, all in; IPv6 %.1f\n", bench_life_record_bytes(4),
               bench_life_record_bytes(16));
    return EXIT_OK;
}

static const char about[] =
    "What a record costs the host in which it waits, as a function of how many there are. Calls of the public\n"
    "interface with whole packets, headers and checksums included:\n"
    "\n"
    "  enter    the peer's FIN: the connection ends, the record begins\n"
    "  find     a segment for a record that needs no answer\n"
    "  restart  the peer's FIN again: an ACK, and the wait begins again\n"
    "  expire   the wait is over\n"
    "\n"
    "find and restart take records from all over the table in no order, so that nothing of them is in a cache. Beside\n"
    "them stands what one read somewhere in as much memory costs on this machine.\n"
    "\n"
    "  lastack bench timewait\n"
    "  lastack bench timewait --waiting 10000000 --json\n";

static const char *take_waiting(const struct option_list *list, uint32_t *waiting)
{
    for (size_t i = 0; i < list->count; i++)
        if (option_u32(list->item[i], &waiting[i]) || waiting[i] < BATCH || waiting[i] > LIFE_WAITING_MAX)
            return "--waiting: must be a whole number from 64 to 16000000";
    return NULL;
}

int bench_timewait(int argc, char **argv)
{
    struct timewait_options options = {.batches = 1500};
    uint32_t waiting[32];
    const struct option_spec specs[] = {
        {'w', "waiting", "N", "records in TIME-WAIT; may be given again (default\n1000, 100000, 1000000, 10000000)",
         option_append, &options.waiting},
        {0, "batches", "N", "of 64 calls each, of which the median counts (default\n1500, at most 10000)",
         option_positive_u32, &options.batches},
        {0, "json", NULL, "a JSON object a line", option_flag, &options.json},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"bench timewait", "lastack bench timewait [OPTION]...", about, &group, 1};
    int ended = options_only(&line, argc, argv);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (options.waiting.count == 0)
        options.waiting = (struct option_list){{"1000", "100000", "1000000", "10000000"}, 4};
    const char *wrong = take_waiting(&options.waiting, waiting);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    if (options.batches > BATCHES_MAX)
        return options_wrong(&line, "--batches: at most %d", BATCHES_MAX);
    return run_all(&options, waiting, options.waiting.count);
}
