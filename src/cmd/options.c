#include "options.h"

#include "cmd.h"

#include <lastack/lastack.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 64, HELP_COLUMN = 27, FIRST_LONG_ONLY = 256 };

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool parse_whole(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false; /* strtoull would take "-1" for a large number */
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (errno || *end || parsed < least || parsed > most)
        return false;
    *value = parsed;
    return true;
}

static bool parse_real(const char *text, double least, double most, double *value)
{
    char *end = NULL;
    if ((*text < '0' || *text > '9') && *text != '.')
        return false; /* nor "inf", "nan", "-0" */
    errno = 0;
    double parsed = strtod(text, &end);
    if (errno || *end || !(parsed >= least && parsed <= most))
        return false;
    *value = parsed;
    return true;
}

const char *option_flag(const char *text, void *target)
{
    (void)text;
    *(bool *)target = true;
    return NULL;
}

const char *option_text(const char *text, void *target)
{
    *(const char **)target = text;
    return *text ? NULL : "must not be empty";
}

const char *option_port(const char *text, void *target)
{
    uint64_t value;
    if (!parse_whole(text, 1, 65535, &value))
        return "must be a port: a whole number from 1 to 65535";
    *(uint16_t *)target = (uint16_t)value;
    return NULL;
}

const char *option_ports(const char *text, uint16_t *first, uint16_t *last)
{
    static const char wrong[] = "--ports: must be FIRST-LAST, as 32768-60999";
    char start[8];
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : sizeof start;
    if (length >= sizeof start)
        return wrong;
    memcpy(start, text, length);
    start[length] = 0;
    return option_port(start, first) || option_port(dash + 1, last) || *first > *last ? wrong : NULL;
}

const char *option_u32(const char *text, void *target)
{
    uint64_t value;
    if (!parse_whole(text, 0, UINT32_MAX, &value))
        return "must be a whole number from 0 to 4294967295";
    *(uint32_t *)target = (uint32_t)value;
    return NULL;
}

const char *option_positive_u32(const char *text, void *target)
{
    uint64_t value;
    if (!parse_whole(text, 1, UINT32_MAX, &value))
        return "must be a whole number from 1 to 4294967295";
    *(uint32_t *)target = (uint32_t)value;
    return NULL;
}

const char *option_u64(const char *text, void *target)
{
    return parse_whole(text, 0, UINT64_MAX, target) ? NULL : "must be a whole number from 0 to 2^64 - 1";
}

const char *option_percent(const char *text, void *target)
{
    return parse_real(text, 0, 100, target) ? NULL : "must be a percentage: a number from 0 to 100";
}

const char *option_milliseconds(const char *text, void *target)
{
    return parse_real(text, 0, 60000, target) ? NULL : "must be a number of milliseconds from 0 to 60000";
}

const char *option_seconds_ms(const char *text, void *target)
{
    double seconds;
    if (!parse_real(text, 0, 86400, &seconds) || (seconds > 0 && seconds < 0.001))
        return "must be a number of seconds: 0, or from 0.001 to 86400";
    *(uint32_t *)target = (uint32_t)lround(seconds * 1000);
    return NULL;
}

const char *option_msl_ms(const char *text, void *target)
{
    double seconds;
    if (!parse_real(text, 0, 2000, &seconds) || (seconds > 0 && seconds < 0.001))
        return "must be a number of seconds: 0, or from 0.001 to 2000";
    *(uint32_t *)target = (uint32_t)lround(seconds * 1000);
    return NULL;
}

const char *option_address(const char *text, void *target)
{
    return la_address_parse(text, target) == LA_OK ? NULL : "must be an IP address, as 10.83.0.2";
}

const char *option_prefix(const char *text, void *target)
{
    struct option_prefix *prefix = target;
    char address[LA_ADDRESS_TEXT_BYTES];
    const char *slash = strchr(text, '/');
    uint64_t length;
    if (!slash || (size_t)(slash - text) >= sizeof address)
        return "must be an address and a prefix length, as 10.83.0.2/24";
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = 0;
    if (la_address_parse(address, &prefix->address) != LA_OK)
        return "must be an address and a prefix length, as 10.83.0.2/24: what stands before the slash is no IP address";
    if (!parse_whole(slash + 1, 1, la_address_is_ipv4(&prefix->address) ? 30 : 126, &length))
        return "must be an address and a prefix length that leaves room for two hosts: at most /30, or /126 for IPv6";
    prefix->length = (unsigned)length;
    return NULL;
}

const char *option_append(const char *text, void *target)
{
    struct option_list *list = target;
    if (list->count == sizeof list->item / sizeof list->item[0])
        return "at most 32 can be given";
    list->item[list->count++] = text;
    return *text ? NULL : "must not be empty";
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* getopt's tables, made from the specs: spec[i] belongs to the long option whose val is its letter, or 256 + i. */
struct table {
    const struct option_spec *spec[OPTIONS_MAX];
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 4];
    size_t count;
};

static void table_make(struct table *table, const struct command_line *line)
{
    char *shorts = table->shorts;
    *shorts++ = ':'; /* a missing argument is told apart from an unknown option */
    *shorts++ = 'h';
    for (size_t g = 0; g < line->group_count; g++) {
        for (size_t i = 0; i < line->groups[g].count && table->count < OPTIONS_MAX; i++) {
            const struct option_spec *spec = &line->groups[g].options[i];
            int id = spec->letter ? spec->letter : FIRST_LONG_ONLY + (int)table->count;
            table->longs[table->count] =
                (struct option){spec->name, spec->argument ? required_argument : no_argument, NULL, id};
            table->spec[table->count++] = spec;
            if (spec->letter) {
                *shorts++ = spec->letter;
                if (spec->argument)
                    *shorts++ = ':';
            }
        }
    }
    table->longs[table->count] = (struct option){"help", no_argument, NULL, 'h'};
}

static const struct option_spec *table_find(const struct table *table, int id)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->longs[i].val == id)
            return table->spec[i];
    return NULL;
}

/* What getopt stumbled over, in the user's own spelling. */
static int stumbled(const struct command_line *line, int reason, char **argv)
{
    const char *word = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, 0};
    const char *option = word[0] == '-' && word[1] == '-' ? word : letter;
    if (reason == ':')
        return options_wrong(line, "%s needs a value", option);
    if (option == word && strchr(word, '=') && optopt)
        return options_wrong(line, "%.*s takes no value", (int)strcspn(word, "="), word);
    if (option == word)
        return options_wrong(line, "there is no option %s, or it is the beginning of several", word);
    return options_wrong(line, "there is no option %s", option);
}

/* Whose sentence names the option itself, is not helped by a second name. */
static int wrong_value(const struct command_line *line, const struct option_spec *spec, const char *wrong)
{
    if (strncmp(wrong, "--", 2) == 0)
        return options_wrong(line, "%s", wrong);
    return options_wrong(line, "--%s %s: %s", spec->name, optarg, wrong);
}

int options_parse(const struct command_line *line, int argc, char **argv, int *first)
{
    struct table table = {.count = 0};
    table_make(&table, line);
    opterr = 0;
    optind = 1;
    int id;
    while ((id = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1) {
        if (id == 'h') {
            options_help(line, stdout);
            return EXIT_OK;
        }
        const struct option_spec *spec = table_find(&table, id);
        if (!spec)
            return stumbled(line, id, argv);
        const char *wrong = spec->parse(optarg, spec->target);
        if (wrong)
            return wrong_value(line, spec, wrong);
    }
    *first = optind;
    return OPTIONS_GO_ON;
}

int options_only(const struct command_line *line, int argc, char **argv)
{
    int first = 0;
    int ended = options_parse(line, argc, argv, &first);
    if (ended == OPTIONS_GO_ON && first != argc)
        return options_wrong(line, "\"%s\": no argument is expected", argv[first]);
    return ended;
}

int options_wrong(const struct command_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "lastack %s: ", line->command);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nusage: %s\n\"lastack %s --help\" explains it.\n", line->synopsis, line->command);
    va_end(arguments);
    return EXIT_USAGE;
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static void option_help(const struct option_spec *spec, FILE *out)
{
    char left[80];
    int used = snprintf(left, sizeof left, "  %c%c%s--%s%s%s", spec->letter ? '-' : ' ',
                        spec->letter ? spec->letter : ' ', spec->letter ? ", " : "  ", spec->name,
                        spec->argument ? " " : "", spec->argument ? spec->argument : "");
    fputs(left, out);
    if (used > HELP_COLUMN - 2) {
        fputc('\n', out);
        used = 0;
    }
    for (const char *text = spec->help; *text;) {
        size_t length = strcspn(text, "\n");
        fprintf(out, "%*s%.*s\n", HELP_COLUMN - used, "", (int)length, text);
        text += length + (text[length] == '\n');
        used = 0;
    }
}

void options_help(const struct command_line *line, FILE *out)
{
    fprintf(out, "usage: %s\n\n%s", line->synopsis, line->about);
    for (size_t g = 0; g < line->group_count; g++) {
        fprintf(out, "\n%s:\n", line->groups[g].title);
        for (size_t i = 0; i < line->groups[g].count; i++)
            option_help(&line->groups[g].options[i], out);
    }
}
