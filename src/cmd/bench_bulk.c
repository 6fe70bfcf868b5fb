#include "bench.h"
#include "cmd.h"
#include "options.h"

#include "link/clock.h"

#include <jansson.h>
#include <stdio.h>

/* Octets one way: written into the send buffer's views and read from the receive buffer's, so that what is measured is
   the stack and not a copy of the application's. */

enum { RUNS = 5 };

struct bulk_options {
    uint32_t mebibytes;
    uint32_t mtu;
    bool instructions;
    bool json;
    bool once;
};

struct bulk_result {
    double mb_per_second;
    double packets_per_mebibyte;
    double instructions_per_mebibyte; /* 0: not counted */
};

static struct bench_pair pair;

/* ---- one way ----------------------------------------------------------------------------------------------------- */

static uint64_t fill(struct la_conn conn, uint64_t most)
{
    uint64_t sum = 0;
    void *room;
    size_t length;
    while (sum < most && la_send_view(pair.host[BENCH_CLIENT], pair.now, conn, &room, &length) >= 0) {
        if (length > most - sum)
            length = (size_t)(most - sum);
        if (la_send_commit(pair.host[BENCH_CLIENT], pair.now, conn, length) < 0)
            break;
        sum += length;
    }
    return sum;
}

static uint64_t empty(struct la_conn conn)
{
    uint64_t sum = 0;
    const void *data;
    size_t length;
    while (la_recv_view(pair.host[BENCH_SERVER], pair.now, conn, &data, &length) > 0) {
        la_recv_consume(pair.host[BENCH_SERVER], pair.now, conn, length);
        sum += length;
    }
    return sum;
}

/* Virtual time goes on only where both hosts wait for it: a delayed ACK, mostly. */
static bool pass_time(void)
{
    la_time a = la_host_deadline(pair.host[0]), b = la_host_deadline(pair.host[1]);
    la_time next = a < b ? a : b;
    if (next == LA_TIME_NEVER)
        return false;
    pair.now = next > pair.now ? next : pair.now;
    la_host_advance(pair.host[0], pair.now);
    la_host_advance(pair.host[1], pair.now);
    return true;
}

static int carry(struct la_conn from, struct la_conn to, uint64_t bytes)
{
    uint64_t sent = 0, received = 0;
    while (received < bytes) {
        uint64_t now_sent = fill(from, bytes - sent);
        bench_pair_exchange(&pair);
        uint64_t now_received = empty(to);
        bench_pair_exchange(&pair); /* the window opens */
        sent += now_sent;
        received += now_received;
        if (now_sent == 0 && now_received == 0 && !pass_time())
            return complain("bench bulk", "nothing moves after %llu octets", (unsigned long long)received);
    }
    return 0;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static int connect_pair(const struct bulk_options *options, struct la_conn *from, struct la_conn *to)
{
    struct la_config config;
    struct la_listener listener;
    struct la_endpoint local = {bench_address(BENCH_SERVER), 80};
    la_config_default(&config);
    config.connections = 16;
    config.buffer_pieces = 1024;
    if (bench_pair_open(&pair, &config, &config, options->mtu) < 0)
        return -1;
    if (la_listen(pair.host[BENCH_SERVER], 0, &local, 1, &listener) < 0 ||
        la_connect(pair.host[BENCH_CLIENT], 0, NULL, &local, from) < 0)
        return complain("bench bulk", "no connection could be opened");
    bench_pair_exchange(&pair);
    if (la_accept(pair.host[BENCH_SERVER], 0, listener, to) < 0)
        return complain("bench bulk", "no connection was established");
    return 0;
}

static int one_run(const struct bulk_options *options, double *mb_per_second)
{
    struct la_conn from = {0, 0}, to = {0, 0};
    uint64_t bytes = (uint64_t)options->mebibytes << 20;
    if (connect_pair(options, &from, &to) < 0)
        return -1;
    la_time began = clock_now();
    if (carry(from, to, bytes) < 0)
        return -1;
    la_time took = clock_now() - began;
    *mb_per_second = took ? (double)bytes * 1e3 / (double)took : 0;
    bench_pair_close(&pair);
    return 0;
}

static int count_run(const struct bulk_options *options, uint32_t mebibytes, uint64_t *instructions)
{
    char amount[16], mtu[16];
    const char *const arguments[] = {"bench", "bulk", "--once", "--mebibytes", amount, "--mtu", mtu, NULL};
    snprintf(amount, sizeof amount, "%u", mebibytes);
    snprintf(mtu, sizeof mtu, "%u", options->mtu);
    return bench_instructions(arguments, instructions);
}

static int measure(const struct bulk_options *options, struct bulk_result *result)
{
    double speed[RUNS];
    uint64_t once, twice;
    for (int run = 0; run < RUNS; run++)
        if (one_run(options, &speed[run]) < 0)
            return -1;
    result->mb_per_second = bench_median(speed, RUNS);
    result->packets_per_mebibyte = (double)pair.packets / options->mebibytes;
    result->instructions_per_mebibyte = 0;
    if (!options->instructions)
        return 0;
    uint32_t some = options->mebibytes > 64 ? 64 : options->mebibytes;
    if (count_run(options, some, &once) < 0 || count_run(options, 2 * some, &twice) < 0)
        return -1;
    result->instructions_per_mebibyte = (double)(twice - once) / some;
    return 0;
}

static void print(const struct bulk_options *options, const struct bulk_result *result)
{
    if (options->json) {
        json_t *object = json_pack("{s:s, s:I, s:I, s:f, s:f}", "bench", "bulk", "mebibytes",
                                   (json_int_t)options->mebibytes, "mtu", (json_int_t)options->mtu, "mb_per_second",
                                   result->mb_per_second, "packets_per_mebibyte", result->packets_per_mebibyte);
        json_object_set_new(object, "instructions_per_mebibyte",
                            options->instructions ? json_real(result->instructions_per_mebibyte) : json_null());
        json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(8));
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("%u MiB one way, MTU %u, both ends together: %.0f MB/s (median of %d), %.0f packets a MiB",
           options->mebibytes, options->mtu, result->mb_per_second, RUNS, result->packets_per_mebibyte);
    if (options->instructions)
        printf(", %.0f instructions a MiB", result->instructions_per_mebibyte);
    putchar('\n');
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static const char about[] =
    "One connection between two hosts in one thread, packets handed over through one buffer, octets one way. Neither\n"
    "end copies or looks at them beyond what the stack does.\n";

int bench_bulk(int argc, char **argv)
{
    struct bulk_options options = {.mebibytes = 1024, .mtu = 1500};
    struct bulk_result result;
    double speed;
    const struct option_spec specs[] = {
        {0, "mebibytes", "N", "in each run (default 1024)", option_positive_u32, &options.mebibytes},
        {0, "mtu", "OCTETS", "576 to 65535 (default 1500)", option_positive_u32, &options.mtu},
        {0, "instructions", NULL, "count instructions too, by valgrind (some seconds)", option_flag,
         &options.instructions},
        {0, "json", NULL, "a JSON object", option_flag, &options.json},
        {0, "once", NULL, "one run, nothing printed: what --instructions runs under\nvalgrind", option_flag,
         &options.once},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"bench bulk", "lastack bench bulk [OPTION]...", about, &group, 1};
    int ended = options_only(&line, argc, argv);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (options.mtu < 576 || options.mtu > 65535 || options.mebibytes > 1u << 20)
        return options_wrong(&line, "--mtu: 576 to 65535; --mebibytes: at most 1048576");
    if (options.once)
        return one_run(&options, &speed) < 0 ? EXIT_FAILED : EXIT_OK;
    if (measure(&options, &result) < 0)
        return EXIT_FAILED;
    print(&options, &result);
    return EXIT_OK;
}
