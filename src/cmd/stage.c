#include "stage.h"

#include "cmd.h"

#include "link/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRACE_RECORDS = 65536, PAUSE_MS = 10, REPEAT_MS = 200, PATIENCE_MS = 2000 };

/* ---- making ------------------------------------------------------------------------------------------------------ */

enum { HUGE_PAGE_BYTES = 2 << 20 };

void *stage_block(size_t size)
{
    void *block = NULL;
    bool is_large = size >= HUGE_PAGE_BYTES;
    if (posix_memalign(&block, is_large ? HUGE_PAGE_BYTES : LA_HOST_ALIGNMENT, size) != 0)
        return NULL;
    if (is_large)
        (void)madvise(block, size, MADV_HUGEPAGE);
    return block;
}

la_host *stage_host(const char *command, const struct la_config *config, la_time now)
{
    const char *wrong = la_config_error(config);
    size_t size = la_host_size(config);
    if (wrong) {
        complain(command, "%s", wrong);
        return NULL;
    }
    void *block = stage_block(size);
    if (!block) {
        complain(command, "no memory for a host of %zu octets", size);
        return NULL;
    }
    la_host *host = la_host_init(block, size, config, now);
    if (!host) {
        complain(command, "the host could not be made");
        free(block);
    }
    return host;
}

void stage_host_free(la_host *host)
{
    free(host);
}

static int failed(struct stage *stage)
{
    return complain(stage->command, "%s", stage->error.text);
}

static int open_device(struct stage *stage)
{
    const struct network_options *options = stage->options;
    struct link_error *error = &stage->error;
    if (options->netns && netns_enter(&stage->netns, error) < 0)
        return -1;
    int opened = options->tap ? tap_open(&stage->tun, options->tun_name, error)
                              : tun_open(&stage->tun, options->tun_name, false, error);
    if (opened < 0 || (options->mtu != stage->tun.mtu && tun_set_mtu(&stage->tun, options->mtu, error) < 0) ||
        tun_up(&stage->tun, error) < 0)
        return -1;
    return tun_set_address(&stage->tun, &options->peer_address, options->address.length, error);
}

/* A locally administered address of one station (IEEE 802: the two lowest bits of the first octet), at random. */
static int add_interface(struct stage *stage, la_time now)
{
    uint8_t random[sizeof stage->config.key];
    if (!stage->options->tap)
        return la_interface_add(stage->host, now, stage->options->mtu);
    if (key_random(random, &stage->error) < 0)
        return failed(stage);
    random[0] = (uint8_t)((random[0] & 0xfc) | 2);
    return la_interface_add_ethernet(stage->host, now, stage->options->mtu, random);
}

/* Everything that is not on the link is the kernel's to route. */
static int add_default_route(struct stage *stage, la_time now, unsigned interface, const struct la_address *any)
{
    return stage->options->tap ? la_route_add_via(stage->host, now, interface, any, 0, &stage->options->peer_address)
                               : la_route_add(stage->host, now, interface, any, 0);
}

static int open_host(struct stage *stage)
{
    const struct network_options *options = stage->options;
    bool v4 = la_address_is_ipv4(&options->address.address);
    struct la_address any = v4 ? la_address_ipv4(0, 0, 0, 0) : (struct la_address){{0}};
    la_time now = clock_now();
    stage->config.msl_ms = options->msl_ms;
    stage->config.window_scaling = !options->no_window_scaling;
    stage->config.timestamps = !options->no_timestamps;
    stage->config.ecn = (uint8_t)options->ecn;
    stage->config.address_probes = options->probe ? stage->config.address_probes : 0;
    if (options->ladder || options->pcap)
        stage->config.trace_records = TRACE_RECORDS;
    stage->config.quiet_time_ms = options->quiet_ms;
    if (key_random(stage->config.key, &stage->error) < 0 ||
        (options->waits && kept_read(&stage->kept, options->waits, &stage->config, &stage->error) < 0))
        return failed(stage);
    stage->host = stage_host(stage->command, &stage->config, now);
    if (!stage->host)
        return -1;
    int interface = add_interface(stage, now);
    int result = interface;
    if (result >= 0)
        result =
            la_address_add(stage->host, now, (unsigned)interface, &options->address.address, options->address.length);
    if (result >= 0)
        result = add_default_route(stage, now, (unsigned)interface, &any);
    if (result < 0)
        return complain(stage->command, "--address: the host does not take it: %s", la_error_name(result));
    stage->interface = (unsigned)interface;
    stage->began = now;
    if (options->waits && kept_take_over(&stage->kept, stage->host, now, &stage->error) < 0)
        return failed(stage);
    stage->kept_is_ours = options->waits != NULL;
    return 0;
}

static int open_watchers(struct stage *stage)
{
    if (stage->options->pcap) {
        stage->pcap_file = fopen(stage->options->pcap, "wb");
        if (!stage->pcap_file)
            return complain(stage->command, "--pcap %s: %s", stage->options->pcap, strerror(errno));
        stage->pcapng = stage->options->tap
                            ? pcapng_new_ethernet(stage->pcap_file, stage->tun.name, clock_epoch_offset())
                            : pcapng_new(stage->pcap_file, stage->tun.name, clock_epoch_offset());
    }
    if (stage->options->ladder) {
        struct ladder_options look = {.right = "kernel", .colour = isatty(STDERR_FILENO) == 1};
        stage->ladder = ladder_new(stderr, &look);
    }
    if ((stage->options->pcap && !stage->pcapng) || (stage->options->ladder && !stage->ladder))
        return complain(stage->command, "no memory for the watchers");
    stage->watch = (struct watch){.ladder = stage->ladder,
                                  .pcapng = stage->pcapng,
                                  .header_bytes = stage->options->tap ? LA_ETHERNET_HEADER_BYTES : 0};
    if (stage->ladder || stage->pcapng)
        loop_tap(&stage->loop, watch_tap(&stage->watch));
    return 0;
}

/* ---- ending, when it is asked for -------------------------------------------------------------------------------- */

static void stop(struct stage *stage)
{
    if (stage->on_stop)
        stage->on_stop(stage->on_stop_context);
    else
        loop_stop(&stage->loop);
}

static void on_signal(void *context, int fd, short revents)
{
    struct stage *stage = context;
    struct signalfd_siginfo info;
    (void)revents;
    if (read(fd, &info, sizeof info) != sizeof info)
        return;
    if (++stage->signals == 1)
        stop(stage);
    else
        loop_stop(&stage->loop); /* asked twice: at once */
}

static void on_time(void *context)
{
    struct stage *stage = context;
    stage->timed_out = true;
    stop(stage);
}

static void reap(struct stage *stage)
{
    int status = 0;
    waitpid(stage->child, &status, 0);
    stage->child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    stage->child_ended = true;
    stage->child = 0;
}

static void on_child(void *context, int fd, short revents)
{
    struct stage *stage = context;
    (void)revents;
    loop_unwatch_fd(&stage->loop, fd);
    reap(stage);
    stop(stage);
}

int stage_start_command(struct stage *stage)
{
    char *arguments[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, NULL, NULL};
    char text[LA_ADDRESS_TEXT_BYTES];
    if (!stage->options->run)
        return 0;
    la_address_text(&stage->options->address.address, text);
    setenv("LASTACK_ADDRESS", text, 1);
    la_address_text(&stage->options->peer_address, text);
    setenv("LASTACK_PEER_ADDRESS", text, 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const char *apart = stage->command_apart ? "exec </dev/null >&2\n" : "";
    if (asprintf(&arguments[2], "%s%s", apart, stage->options->run) < 0)
        return complain(stage->command, "no memory for the command");
    stage->child = netns_spawn(arguments, &stage->error);
    free(arguments[2]);
    if (stage->child < 0) {
        stage->child = 0;
        return failed(stage);
    }
    stage->child_fd = (int)syscall(SYS_pidfd_open, stage->child, 0);
    if (stage->child_fd < 0)
        return complain(stage->command, "pidfd_open: %s", strerror(errno));
    loop_watch_fd(&stage->loop, stage->child_fd, POLLIN, on_child, stage);
    return 0;
}

/* Our children: the command, and once it is gone what it left behind, for we are their reaper. How many there are. */
static unsigned signal_children(int number)
{
    char path[64], list[4096];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t length = fread(list, 1, sizeof list - 1, file);
    while (length > 0 && list[length - 1] != ' ')
        length--; /* a number cut off would be somebody else's */
    list[length] = 0;
    fclose(file);
    char *end = list;
    for (long pid = strtol(list, &end, 10); pid > 0; pid = strtol(end, &end, 10)) {
        kill((pid_t)pid, number);
        count++;
    }
    return count;
}

/* Asked politely, at first, and not all the time. */
static int signal_after(unsigned waited_ms)
{
    if (waited_ms % REPEAT_MS != 0)
        return 0;
    return waited_ms < PATIENCE_MS ? SIGTERM : SIGKILL;
}

void stage_end_command(struct stage *stage)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    if (stage->child_fd < 0 || (stage->not_alone && !stage->child))
        return;
    for (unsigned waited = 0; signal_children(signal_after(waited)) > 0; waited += PAUSE_MS) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        nanosleep(&pause, NULL);
    }
    stage->child = 0;
}

/* ---- the address ------------------------------------------------------------------------------------------------- */

static int address_state(const struct stage *stage)
{
    return la_address_state(stage->host, &stage->options->address.address);
}

static void look_at_address(void *context)
{
    struct stage *stage = context;
    if (address_state(stage) == LA_ERROR_WOULD_BLOCK)
        loop_at(&stage->loop, loop_now(&stage->loop) + PAUSE_MS * LA_MILLISECOND, look_at_address, stage);
    else
        loop_stop(&stage->loop);
}

static bool ignore_event(void *context, const struct la_event *event)
{
    (void)context;
    (void)event;
    return true;
}

/* --probe: nothing begins before the address is ours. */
static int wait_for_address(struct stage *stage)
{
    char text[LA_ADDRESS_TEXT_BYTES];
    look_at_address(stage);
    if (stage_run(stage, ignore_event, stage) < 0)
        return -1;
    la_address_text(&stage->options->address.address, text);
    if (address_state(stage) == LA_ERROR_IN_USE)
        return complain(stage->command, "--probe: another station has %s", text);
    return address_state(stage) == LA_OK ? 0 : complain(stage->command, "--probe: stopped before %s was ours", text);
}

/* ---- what waits -------------------------------------------------------------------------------------------------- */

static void keep(void *context)
{
    struct stage *stage = context;
    struct link_error error;
    if (kept_refresh(&stage->kept, stage->host, loop_now(&stage->loop), &error) < 0)
        complain(stage->command, "--waits %s", error.text);
    loop_at(&stage->loop, loop_now(&stage->loop) + LA_SECOND, keep, stage);
}

static int open_waits(struct stage *stage)
{
    const struct network_options *options = stage->options;
    if (options->waits)
        loop_at(&stage->loop, stage->began + LA_SECOND, keep, stage);
    if (!options->control)
        return 0;
    stage->control = control_open(options->control, &stage->loop, stage->host, &stage->error);
    return stage->control ? 0 : complain(stage->command, "--control %s", stage->error.text);
}

/* Not if it was refused at the start: then it is not ours to replace. */
static int close_waits(struct stage *stage)
{
    control_close(stage->control);
    if (!stage->kept_is_ours)
        return 0;
    if (kept_write(&stage->kept, stage->host, clock_now(), &stage->error) < 0)
        return complain(stage->command, "--waits %s", stage->error.text);
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

int stage_open(struct stage *stage, const char *command, const struct network_options *options,
               const struct la_config *config)
{
    memset(stage, 0, sizeof *stage);
    stage->command = command;
    stage->options = options;
    stage->config = *config;
    stage->child_fd = -1;
    stage->tun.fd = -1;
    signal(SIGPIPE, SIG_IGN);
    stage->signal_fd = loop_signal_fd(&stage->error);
    if (stage->signal_fd < 0 || open_device(stage) < 0)
        return failed(stage);
    if (!impair_config_idle(&options->impair)) {
        struct impair_config impair = options->impair;
        impair.header_bytes = options->tap ? LA_ETHERNET_HEADER_BYTES : 0;
        stage->impair = impair_new(&impair, &stage->error);
        if (!stage->impair)
            return failed(stage);
    }
    if (open_host(stage) < 0)
        return -1;
    loop_init(&stage->loop, stage->host, stage->interface, &stage->tun, stage->impair);
    loop_watch_fd(&stage->loop, stage->signal_fd, POLLIN, on_signal, stage);
    if (options->seconds_ms)
        loop_at(&stage->loop, stage->began + options->seconds_ms * LA_MILLISECOND, on_time, stage);
    if (open_watchers(stage) < 0 || open_waits(stage) < 0)
        return -1;
    return options->probe ? wait_for_address(stage) : 0;
}

int stage_run(struct stage *stage, bool (*on_event)(void *context, const struct la_event *event), void *context)
{
    if (loop_run(&stage->loop, on_event, context, &stage->error) == 0)
        return 0;
    return failed(stage);
}

int stage_close(struct stage *stage)
{
    stage_end_command(stage);
    int result = close_waits(stage);
    if (stage->ladder)
        ladder_free(stage->ladder);
    if (stage->pcapng) {
        bool written = pcapng_flush(stage->pcapng);
        pcapng_free(stage->pcapng);
        if (fclose(stage->pcap_file) != 0 || !written || stage->watch.failed)
            result = complain(stage->command, "--pcap %s: not all could be written", stage->options->pcap);
    }
    if (stage->child_fd >= 0)
        close(stage->child_fd);
    if (stage->signal_fd >= 0)
        close(stage->signal_fd);
    if (stage->tun.fd >= 0)
        tun_close(&stage->tun);
    impair_free(stage->impair);
    stage_host_free(stage->host);
    return result;
}
