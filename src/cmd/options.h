#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <lastack/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* An option's value is parsed by one of the functions below: NULL, or what is wrong with it ("must be a whole number
   from 1 to 65535"), which is then said after the option and its value. */
typedef const char *option_parser(const char *text, void *target);

option_parser option_flag;         /* bool; takes no argument */
option_parser option_text;         /* const char *, not empty */
option_parser option_port;         /* uint16_t, 1 to 65535 */
option_parser option_u32;          /* uint32_t */
option_parser option_positive_u32; /* uint32_t, at least 1 */
option_parser option_u64;          /* uint64_t; 0x... too */
option_parser option_percent;      /* double, 0 to 100 */
option_parser option_milliseconds; /* double, 0 to 60,000: fractions allowed */
option_parser option_seconds_ms;   /* uint32_t of milliseconds, from seconds with fractions, at most 86,400 */
option_parser option_msl_ms;       /* the same, at most 2,000: what the host takes */
option_parser option_address;      /* struct la_address */
option_parser option_prefix;       /* struct option_prefix: ADDRESS/LENGTH */
option_parser option_append;       /* struct option_list: the option may be given again */

struct option_prefix {
    struct la_address address;
    unsigned length; /* of the family's own bits */
};

/* "32768-60999", with what is said if it is not. */
const char *option_ports(const char *text, uint16_t *first, uint16_t *last);

struct option_list {
    const char *item[32];
    size_t count;
};

struct option_spec {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes */
    const char *argument; /* what --help calls it; NULL: takes none */
    const char *help;     /* lines broken where they shall be, "\n" between them */
    option_parser *parse;
    void *target;
};

struct option_group {
    const char *title;
    const struct option_spec *options;
    size_t count;
};

struct command_line {
    const char *command;  /* "httpd" */
    const char *synopsis; /* "lastack httpd DIR [OPTION]..." */
    const char *about;    /* what it does, and how to try it: printed below the synopsis */
    const struct option_group *groups;
    size_t group_count;
};

enum { OPTIONS_GO_ON = -1 };

/* Takes the options out of argv, which is permuted so that the arguments stand from *first on. What is wrong is said on
   standard error. --help is understood always. OPTIONS_GO_ON, or the status with which the program is to end. */
int options_parse(const struct command_line *line, int argc, char **argv, int *first);

/* The same for a command that takes no arguments. */
int options_only(const struct command_line *line, int argc, char **argv);

/* Says what is wrong with the arguments, and where to read more. The result is EXIT_USAGE. */
int options_wrong(const struct command_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

void options_help(const struct command_line *line, FILE *out);

#endif
