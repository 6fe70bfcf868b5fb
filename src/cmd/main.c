#include "cmd.h"

#include <lastack/lastack.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"demo", cmd_demo, "what lastack does, in a minute: transfers, a bad network, a last ACK lost three times"},
    {"httpd", cmd_httpd, "serve a directory over HTTP, on lastack's TCP"},
    {"get", cmd_get, "fetch a URL, on lastack's TCP"},
    {"nc", cmd_nc, "one connection between standard input and output and the network"},
    {"waits", cmd_waits, "what waits in TIME-WAIT: of a running program, or from a file"},
    {"lab", cmd_lab, "see it happen: scenarios in a network that loses and delays what they say"},
    {"drill", cmd_drill, "run packetdrill scripts against lastack, in virtual time"},
    {"check", cmd_check, "explore all interleavings of two hosts within bounds, and show what goes wrong"},
    {"bench", cmd_bench, "what a connection costs: time, instructions, packets, memory"},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

int complain(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "lastack%s%s: ", *command ? " " : "", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return -1;
}

static void help(FILE *out)
{
    fputs("lastack - a TCP/IP host as a value: packets and time in, packets and events out\n\n"
          "usage: lastack COMMAND [OPTION]... [ARGUMENT]...\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s%s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  lastack COMMAND --help   what the command does and every option it takes\n"
          "  lastack --version        the version\n"
          "  man lastack              all of it\n\n"
          "Start with: lastack demo\n",
          out);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* `lastack help` and `lastack help COMMAND`. */
static int help_command(int argc, char **argv)
{
    static char help_option[] = "--help";
    if (argc < 2) {
        help(stdout);
        return EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    if (!command) {
        complain("", "there is no command \"%s\"; \"lastack help\" lists them", argv[1]);
        return EXIT_USAGE;
    }
    char *arguments[] = {argv[1], help_option, NULL};
    return command->run(2, arguments);
}

/* A program started with a closed standard descriptor would get the device, or a capture, by that number. */
static void open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_FAILED); /* no descriptor on which to say why */
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help_command(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("lastack %s\n", la_version());
        return EXIT_OK;
    }
    const struct command *command = find(name);
    if (command)
        return command->run(argc - 1, argv + 1);
    complain("", "there is no %s \"%s\"; \"lastack help\" lists the commands", *name == '-' ? "option" : "command",
             name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    int status = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain("", "standard output: not everything could be written");
    return status == EXIT_OK ? EXIT_FAILED : status;
}
