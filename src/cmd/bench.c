#include "bench.h"

#include "cmd.h"
#include "options.h"
#include "stage.h"

#include "link/error.h"
#include "link/netns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- two hosts --------------------------------------------------------------------------------------------------- */

struct la_address bench_address(enum bench_end end)
{
    return la_address_ipv4(10, 0, 0, end == BENCH_CLIENT ? 1 : 2);
}

int bench_pair_open(struct bench_pair *pair, const struct la_config *client, const struct la_config *server,
                    unsigned mtu)
{
    pair->now = 0;
    pair->packets = 0;
    for (int i = 0; i < 2; i++) {
        struct la_address address = bench_address((enum bench_end)i);
        pair->config[i] = i == BENCH_CLIENT ? *client : *server;
        memset(pair->config[i].key, 'k' + i, sizeof pair->config[i].key); /* the same run each time */
        pair->size[i] = la_host_size(&pair->config[i]);
        pair->host[i] = stage_host("bench", &pair->config[i], 0);
        if (!pair->host[i])
            return -1;
        int interface = la_interface_add(pair->host[i], 0, mtu);
        if (interface < 0 || la_address_add(pair->host[i], 0, (unsigned)interface, &address, 24) < 0)
            return complain("bench", "the hosts could not be configured");
    }
    return 0;
}

void bench_pair_close(struct bench_pair *pair)
{
    stage_host_free(pair->host[0]);
    stage_host_free(pair->host[1]);
    pair->host[0] = pair->host[1] = NULL;
}

size_t bench_pair_turn(struct bench_pair *pair, enum bench_end from)
{
    la_host *sender = pair->host[from], *receiver = pair->host[from ^ 1];
    size_t packets = 0, length;
    for (; (length = la_host_output(sender, pair->now, 0, pair->packet, sizeof pair->packet)) > 0; packets++)
        la_host_input(receiver, pair->now, 0, pair->packet, length);
    pair->packets += packets;
    return packets;
}

void bench_pair_exchange(struct bench_pair *pair)
{
    while (bench_pair_turn(pair, BENCH_CLIENT) + bench_pair_turn(pair, BENCH_SERVER) > 0)
        ;
}

/* ---- a pair in a file -------------------------------------------------------------------------------------------- */

static bool put(FILE *file, const void *data, size_t length)
{
    return fwrite(data, 1, length, file) == length;
}

static bool take(FILE *file, void *data, size_t length)
{
    return fread(data, 1, length, file) == length;
}

int bench_pair_save(const struct bench_pair *pair, const void *more, size_t length, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && put(file, pair->config, sizeof pair->config) && put(file, &pair->now, sizeof pair->now) &&
              put(file, more, length) && put(file, pair->host[0], pair->size[0]) &&
              put(file, pair->host[1], pair->size[1]);
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : complain("bench", "%s: %s", path, strerror(errno));
}

int bench_pair_load(struct bench_pair *pair, void *more, size_t length, const char *path)
{
    FILE *file = fopen(path, "rb");
    bool ok = file && take(file, pair->config, sizeof pair->config) && take(file, &pair->now, sizeof pair->now) &&
              take(file, more, length);
    pair->packets = 0;
    for (int i = 0; ok && i < 2; i++) {
        pair->size[i] = la_host_size(&pair->config[i]);
        void *block = stage_block(pair->size[i]);
        ok = pair->size[i] && block && take(file, block, pair->size[i]);
        pair->host[i] = block;
    }
    if (file)
        fclose(file);
    return ok ? 0 : complain("bench", "%s: is not a saved pair of hosts", path);
}

int bench_file(char path[BENCH_PATH_BYTES])
{
    char name[] = "/tmp/lastack-bench-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        return complain("bench", "%s: %s", name, strerror(errno));
    unlink(name);
    snprintf(path, BENCH_PATH_BYTES, "/proc/self/fd/%d", fd);
    return fd;
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

/* callgrind's file ends with "totals: N". */
static int read_total(const char *path, uint64_t *instructions)
{
    char text[4096];
    bool found = false;
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(text, sizeof text, file)) {
        found = strncmp(text, "totals: ", 8) == 0 || strncmp(text, "summary: ", 9) == 0;
        if (found)
            *instructions = strtoull(strchr(text, ' '), NULL, 10);
    }
    if (file)
        fclose(file);
    return found ? 0 : complain("bench", "valgrind left no count of instructions");
}

static int run_valgrind(const char *const *arguments, const char *out)
{
    char program[4096], option[160];
    const char *words[32] = {"valgrind", "--tool=callgrind", "-q", option, program};
    size_t count = 5;
    struct link_error error;
    int status;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return complain("bench", "/proc/self/exe: %s", strerror(errno));
    program[length] = 0;
    snprintf(option, sizeof option, "--callgrind-out-file=%s", out);
    for (; *arguments && count < 31; arguments++)
        words[count++] = *arguments;
    union {
        const char **plain;
        char *const *exec; /* execvp's type; it does not write */
    } list = {words};
    fflush(NULL);
    pid_t child = netns_spawn(list.exec, &error);
    if (child < 0)
        return complain("bench", "%s; --instructions needs valgrind", error.text);
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return complain("bench", "the run under valgrind failed");
    return 0;
}

int bench_instructions(const char *const *arguments, uint64_t *instructions)
{
    char out[BENCH_PATH_BYTES];
    int fd = bench_file(out);
    if (fd < 0)
        return -1;
    int result = run_valgrind(arguments, out);
    if (result == 0)
        result = read_total(out, instructions);
    close(fd);
    return result;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static const struct command_line line = {
    "bench",
    "lastack bench churn|timewait|ports|bulk [OPTION]...",
    "  churn     connections opened, used and closed, with none and with a million waiting in TIME-WAIT\n"
    "  timewait  what a record in TIME-WAIT costs, among a thousand and among ten million\n"
    "  ports     connections to the kernel, more than there are ports: real packets, real time\n"
    "  bulk      octets one way over one connection\n"
    "\n"
    "Both ends are lastack, in one thread, joined by a buffer; time is virtual. \"lastack bench churn --help\" and "
    "the\n"
    "like list the options.\n",
    NULL,
    0,
};

int cmd_bench(int argc, char **argv)
{
    if (argc < 2)
        return options_wrong(&line, "which benchmark?");
    if (strcmp(argv[1], "churn") == 0)
        return bench_churn(argc - 1, argv + 1);
    if (strcmp(argv[1], "timewait") == 0)
        return bench_timewait(argc - 1, argv + 1);
    if (strcmp(argv[1], "ports") == 0)
        return bench_ports(argc - 1, argv + 1);
    if (strcmp(argv[1], "bulk") == 0)
        return bench_bulk(argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        options_help(&line, stdout);
        return EXIT_OK;
    }
    return options_wrong(&line, "there is no benchmark \"%s\"", argv[1]);
}
