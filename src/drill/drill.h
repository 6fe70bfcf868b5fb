#ifndef DRILL_DRILL_H
#define DRILL_DRILL_H

#include <lastack/lastack.h>

#include <stdio.h>

/* Runs scripts in packetdrill's language (docs/drill.md) against a host of their own, in virtual time: the same script
   has the same result every time. */

enum drill_result {
    DRILL_PASSED,
    DRILL_FAILED, /* the host did something else than the script says */
    DRILL_ERROR   /* it was not run, or not to its end: it cannot be read, or wants something that there is not */
};

/* What is done about `commands`, which would be run by a shell. */
enum drill_commands {
    DRILL_COMMANDS_REFUSE, /* a script with one is an error */
    DRILL_COMMANDS_IGNORE, /* they do nothing; the log says so */
    DRILL_COMMANDS_RUN
};

struct drill_setting {
    const char *name;  /* as in a script's "--name=value" */
    const char *value; /* NULL: none */
};

struct drill_options {
    const struct drill_setting *settings; /* after the script's own, which they change */
    size_t setting_count;
    enum drill_commands commands;
    bool verbose;                                /* the log has every event */
    FILE *pcap;                                  /* NULL, or where a capture is written to */
    const char *(*inspect)(const la_host *host); /* NULL, or host_check: asked after every event */
    uint64_t steps_max;                          /* 0: 10,000,000; timers, packets and calls, then it is an error */
    uint64_t octets_max; /* 0: 2^28; of the host, and of what all calls read and write; then it is an error */
};

/* Texts are NULL where there is nothing to say; drill_report_free frees them. */
struct drill_report {
    enum drill_result result;
    unsigned line; /* of the event, or of the word that cannot be read; 0: none */
    unsigned column;
    char *message;  /* one sentence */
    char *expected; /* packets in the script's own syntax */
    char *actual;
    char *log;       /* verbose, and what the script prints */
    char *ladder;    /* DRILL_FAILED: up to there */
    unsigned events; /* that were done */
    unsigned packets_in;
    unsigned packets_out;
    la_time duration; /* virtual */
};

void drill_run(const char *text, size_t length, const struct drill_options *options, struct drill_report *report);

void drill_report_free(struct drill_report *report);

/* Whether a setting of that name and value is one at all: NULL, or what is wrong with it, to be freed. */
char *drill_setting_wrong(const struct drill_setting *setting);

/* All that a script may set, one "--name=..." a line. */
void drill_list_settings(FILE *out);

#endif
