#include "demo.h"

#include "cmd.h"
#include "demo_scene.h"
#include "options.h"

#include <lastack/lastack.h>

#include <errno.h>
#include <locale.h>
#include <sha256.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct part {
    char letter;
    const char *title;       /* for the table */
    const char *with_kernel; /* what will be told */
    const char *in_memory;
    void (*run)(struct demo *demo);
};

static const struct part parts[DEMO_PARTS] = {
    {'a', "lastack sends", "curl, on the kernel's TCP, fetches 64 MiB from lastack",
     "a second lastack fetches 64 MiB from the first", demo_part_a},
    {'b', "lastack receives", "lastack fetches 64 MiB from nginx, on the kernel's TCP",
     "lastack fetches 64 MiB from a second one", demo_part_b},
    {'c', "both, on a bad network", "both at once, 4 MiB each way: 1% of packets lost, 1% reordered, 5 ms under way",
     "both at once, 4 MiB each way: 1% of packets lost, 1% reordered, 5 ms under way", demo_part_c},
    {'d', "the last ACK lost 3 times", "lastack closes first; its last ACK is lost three times",
     "lastack closes first; its last ACK is lost three times", demo_part_d},
    {'e', "the same without the wait", "the same with TIME-WAIT switched off (--msl 0)",
     "the same with TIME-WAIT switched off (--msl 0)", demo_part_e},
    {'f', "the same ports at once", "the kernel's program connects again from the same port while lastack waits",
     "the other lastack connects again from the same port while the first waits", demo_part_f},
};

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static const char *style(const struct demo *demo, const char *escape)
{
    return demo->colour ? escape : "";
}

void demo_say(const struct demo *demo, const char *format, ...)
{
    va_list arguments;
    (void)demo;
    va_start(arguments, format);
    fputs("   ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    va_end(arguments);
}

bool demo_check(struct demo *demo, bool held, const char *claim, ...)
{
    const char *mark = held ? (demo->ascii ? "ok " : "\u2713") : (demo->ascii ? "NOT" : "\u2717");
    va_list arguments;
    if (demo->interrupted)
        return held;
    va_start(arguments, claim);
    printf("   %s%s%s ", style(demo, held ? "\033[32m" : "\033[1;31m"), mark, style(demo, "\033[0m"));
    vprintf(claim, arguments);
    printf("%s\n", held ? "" : "   <- this did not hold");
    fflush(stdout);
    va_end(arguments);
    demo->part->checks++;
    demo->part->held += held;
    return held;
}

void demo_seen(struct demo *demo, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(demo->part->seen, sizeof demo->part->seen, format, arguments);
    va_end(arguments);
}

const char *demo_peer(const struct demo *demo)
{
    return demo->in_memory ? "the other lastack" : "the kernel";
}

/* ---- what is served ---------------------------------------------------------------------------------------------- */

void demo_path(const struct demo *demo, const char *name, char path[DEMO_PATH_BYTES])
{
    snprintf(path, DEMO_PATH_BYTES, "%s/%s", demo->directory, name);
}

/* A file of pseudo-random octets: the same each time, and compressible by nobody. */
static int file_make(const struct demo *demo, const char *name, uint64_t seed, size_t length)
{
    static uint64_t block[8192];
    char path[DEMO_PATH_BYTES];
    demo_path(demo, name, path);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL;
    for (size_t done = 0; ok && done < length; done += sizeof block) {
        for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) { /* xorshift64 */
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            block[i] = seed;
        }
        ok = fwrite(block, sizeof block, 1, file) == 1;
    }
    if (file && fclose(file) != 0)
        ok = false;
    return ok ? 0 : complain("demo", "%s: %s", path, strerror(errno));
}

void demo_file_hash(const struct demo *demo, const char *name, char text[DEMO_HASH_TEXT])
{
    char path[DEMO_PATH_BYTES];
    demo_path(demo, name, path);
    if (!SHA256File(path, text))
        text[0] = 0;
}

int demo_files_make(struct demo *demo)
{
    const char *place = getenv("TMPDIR");
    if (place && strchr(place, '$'))
        return complain("demo", "TMPDIR=%s: nginx would look for a variable of that name", place);
    int length =
        snprintf(demo->directory, sizeof demo->directory, "%s/lastack-demo-XXXXXX", place && *place ? place : "/tmp");
    bool fits = (size_t)length < sizeof demo->directory;
    if (!fits || !mkdtemp(demo->directory)) {
        demo->directory[0] = 0;
        return complain("demo", "TMPDIR=%s: %s", place ? place : "", strerror(fits ? errno : ENAMETOOLONG));
    }
    if (file_make(demo, "large", 0x6c61737461636b01, DEMO_LARGE) < 0 ||
        file_make(demo, "small", 0x6c61737461636b02, DEMO_SMALL) < 0)
        return -1;
    demo_file_hash(demo, "large", demo->large_hash);
    demo_file_hash(demo, "small", demo->small_hash);
    return 0;
}

void demo_files_remove(const struct demo *demo)
{
    static const char *const names[] = {"large", "small", "fetched", "nginx.conf", "nginx.pid", "nginx.log"};
    static const char *const folders[] = {"t1", "t2", "t3", "t4", "t5"};
    char path[DEMO_PATH_BYTES];
    if (!*demo->directory)
        return; /* none was made */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        demo_path(demo, names[i], path);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        demo_path(demo, folders[i], path);
        rmdir(path);
    }
    rmdir(demo->directory);
}

/* ---- nginx ------------------------------------------------------------------------------------------------------- */

/* Everything that it would otherwise look for, or leave, elsewhere: names below the directory that -p gives it. */
static int nginx_config(const struct demo *demo, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return complain("demo", "%s: %s", path, strerror(errno));
    fprintf(file,
            "daemon off;\nmaster_process off;\nuser root;\npid nginx.pid;\nerror_log nginx.log;\n"
            "events { worker_connections 64; }\n"
            "http {\n access_log off;\n sendfile on;\n"
            " client_body_temp_path t1;\n proxy_temp_path t2;\n fastcgi_temp_path t3;\n"
            " uwsgi_temp_path t4;\n scgi_temp_path t5;\n"
            " server { listen %s8080; root .; }\n}\n",
            demo->ipv6 ? "[::]:" : "");
    return fclose(file) == 0 ? 0 : complain("demo", "%s: %s", path, strerror(errno));
}

int demo_nginx_start(struct demo *demo)
{
    char config[DEMO_PATH_BYTES], log[DEMO_PATH_BYTES], pid[DEMO_PATH_BYTES];
    char program[] = "nginx", c[] = "-c", p[] = "-p", e[] = "-e";
    char *arguments[] = {program, c, config, p, demo->directory, e, log, NULL};
    struct link_error error;
    demo_path(demo, "nginx.conf", config);
    demo_path(demo, "nginx.log", log);
    demo_path(demo, "nginx.pid", pid);
    if (nginx_config(demo, config) < 0)
        return -1;
    demo->nginx = netns_spawn(arguments, &error);
    if (demo->nginx < 0) {
        demo->nginx = 0;
        return complain("demo", "%s: is nginx installed?", error.text);
    }
    const struct timespec pause = {.tv_nsec = 20000000};
    for (int i = 0; i < 100 && access(pid, F_OK) != 0; i++) /* it listens before it writes this */
        nanosleep(&pause, NULL);
    return 0;
}

void demo_nginx_end(struct demo *demo)
{
    if (!demo->nginx)
        return;
    kill(demo->nginx, SIGTERM);
    waitpid(demo->nginx, NULL, 0);
    demo->nginx = 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void run_part(struct demo *demo, const struct part *part)
{
    printf("\n%s%c  %s%s\n\n", style(demo, "\033[1m"), part->letter,
           demo->in_memory ? part->in_memory : part->with_kernel, style(demo, "\033[0m"));
    fflush(stdout);
    demo->part = &demo->result[part - parts];
    demo->part->title = part->title;
    part->run(demo);
}

/* True if everything that was claimed held. */
static bool print_table(const struct demo *demo)
{
    bool all = true;
    printf("\n%spart                            held      seen%s\n", style(demo, "\033[1m"), style(demo, "\033[0m"));
    for (int i = 0; i < DEMO_PARTS; i++) {
        const struct demo_result *result = &demo->result[i];
        bool held = result->checks > 0 && result->held == result->checks;
        if (!result->title)
            continue;
        all = all && held;
        printf("%c  %-28s %s%2u of %2u%s  %s\n", parts[i].letter, result->title,
               style(demo, held ? "\033[32m" : "\033[1;31m"), result->held, result->checks, style(demo, "\033[0m"),
               result->seen);
    }
    printf("\n%s\n", all ? "All held." : "Not all held.");
    return all;
}

/* A namespace and a TUN device in it, or a reason to do without. */
static void choose_peer(struct demo *demo)
{
    struct link_error error;
    struct tun probe = {.fd = -1};
    if (!demo->in_memory && (netns_enter(&demo->netns, &error) < 0 || tun_open(&probe, NULL, false, &error) < 0)) {
        demo->in_memory = true;
        printf("%s.\nSo the same is shown with two lastacks, over a link in memory.\n", error.text);
    }
    if (probe.fd >= 0)
        tun_close(&probe);
}

static bool wants(const char *letters, char letter)
{
    return !*letters || strchr(letters, letter);
}

/* Between the parts; during one the stage sees the signal. */
static bool interrupted(struct demo *demo, int signals)
{
    struct signalfd_siginfo info;
    if (signals >= 0 && read(signals, &info, sizeof info) == sizeof info)
        demo->interrupted = true;
    return demo->interrupted;
}

static int run_demo(struct demo *demo, const char *letters)
{
    struct link_error error;
    struct la_address address[] = {scene_address(demo, SCENE_LASTACK), scene_address(demo, SCENE_PEER)};
    char ours[LA_ADDRESS_TEXT_BYTES], theirs[LA_ADDRESS_TEXT_BYTES];
    la_address_text(&address[0], ours);
    la_address_text(&address[1], theirs);
    printf("%slastack %s%s: a TCP/IP host in user space\n", style(demo, "\033[1m"), la_version(),
           style(demo, "\033[0m"));
    choose_peer(demo);
    signal(SIGPIPE, SIG_IGN); /* whoever reads this may have seen enough: we still clean up */
    int signals = loop_signal_fd(&error);
    if (demo->in_memory)
        printf("%s is lastack, %s another lastack, and time is virtual.\n", ours, theirs);
    else
        printf("In %s: %s is lastack, on a TUN device;\n%s is this machine's own kernel.\n",
               netns_how_text(demo->netns), ours, theirs);
    fflush(stdout);
    bool ready = demo_files_make(demo) == 0 &&
                 (demo->in_memory || !(wants(letters, 'b') || wants(letters, 'c')) || demo_nginx_start(demo) == 0);
    for (int i = 0; ready && i < DEMO_PARTS && !interrupted(demo, signals); i++)
        if (wants(letters, parts[i].letter))
            run_part(demo, &parts[i]);
    demo_nginx_end(demo);
    demo_files_remove(demo);
    if (demo->interrupted)
        puts("\nInterrupted.");
    return ready && !demo->interrupted && print_table(demo) ? EXIT_OK : EXIT_FAILED;
}

static const char about[] =
    "Shows what lastack does, against this machine's own kernel, in a network namespace of its own (as root, or as a\n"
    "plain user where user namespaces are allowed; else against a second lastack). Every sentence with a mark is "
    "checked\n"
    "on traces, counters and the kernel's real socket states; the exit status is 0 only if all held.\n"
    "\n"
    "  a  the kernel fetches 64 MiB from lastack            d  lastack's last ACK is lost three times\n"
    "  b  lastack fetches 64 MiB from the kernel            e  the same without TIME-WAIT\n"
    "  c  both at once, over a network that loses packets   f  the same port again, during TIME-WAIT\n";

/* "lastack demo d e": letters of parts; NULL, or the one that there is not. */
static const char *take_letters(int count, char **arguments, char *letters)
{
    for (int i = 0; i < count; i++) {
        if (strlen(arguments[i]) != 1 || arguments[i][0] < 'a' || arguments[i][0] >= 'a' + DEMO_PARTS)
            return arguments[i];
        letters[strlen(letters)] = arguments[i][0];
    }
    return NULL;
}

int cmd_demo(int argc, char **argv)
{
    static struct demo demo;
    char letters[32] = "";
    bool plain = false;
    const struct option_spec specs[] = {
        {0, "memory", NULL, "against a second lastack, in virtual time, even where a\nnamespace can be made",
         option_flag, &demo.in_memory},
        {'6', "ipv6", NULL, "over IPv6", option_flag, &demo.ipv6},
        {0, "ascii", NULL, "no characters beyond ASCII", option_flag, &demo.ascii},
        {0, "plain", NULL, "no colours (also where the output is no terminal)", option_flag, &plain},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"demo", "lastack demo [PART]... [OPTION]...", about, &group, 1};
    int first;
    demo = (struct demo){.netns = NETNS_NONE};
    int ended = options_parse(&line, argc, argv, &first);
    if (ended != OPTIONS_GO_ON)
        return ended;
    if (argc - first > 16)
        return options_wrong(&line, "at most 16 parts");
    const char *wrong = take_letters(argc - first, argv + first, letters);
    if (wrong)
        return options_wrong(&line, "there is no part \"%s\"; there are a to f", wrong);
    demo.colour = !plain && !getenv("NO_COLOR") && isatty(STDOUT_FILENO);
    return run_demo(&demo, letters);
}
