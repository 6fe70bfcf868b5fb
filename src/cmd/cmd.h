#ifndef CMD_CMD_H
#define CMD_CMD_H

/* The sub-commands. Each gets its own arguments (argv[0] is its name) and gives the program's exit status. */

enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* it was tried, and did not work */
    EXIT_USAGE = 2   /* it was not tried: the command line is wrong */
};

int cmd_httpd(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_nc(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_lab(int argc, char **argv);
int cmd_drill(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_waits(int argc, char **argv);

/* "lastack httpd: message" on standard error. The result is -1, so that a function that fails can end with it. */
int complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
