#ifndef CMD_DRILL_JOBS_H
#define CMD_DRILL_JOBS_H

#include "drill/drill.h"
#include "drill_files.h"

/* Many scripts, several at a time, each in a process that does not take the others with it if the host's own assertions
   stop it. */

struct drill_jobs {
    const struct drill_files *files;
    const struct drill_options *options; /* their pcap is opened for each script, in pcap_folder */
    const char *pcap_folder;             /* NULL: none */
    unsigned processes;                  /* 1: and without a process of its own, if there is one script only */
};

/* Runs them all; each is handed to done in the order of the files. 0, or -1 after it has been said why that cannot
   be. */
int drill_jobs_run(const struct drill_jobs *jobs,
                   void (*done)(void *context, const char *path, const struct drill_report *report), void *context);

#endif
