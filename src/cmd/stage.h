#ifndef CMD_STAGE_H
#define CMD_STAGE_H

#include "control.h"
#include "kept.h"
#include "network.h"

#include <lastack/lastack.h>

#include "link/loop.h"
#include "link/netns.h"
#include "link/tun.h"
#include "show/watch.h"

#include <sys/types.h>

/* A host on a TUN device with all that watches it: what the programs that carry real packets stand on.

     stage_open(stage, &options, &config)      namespace, device, host, watchers
     ... la_listen, la_connect, loop_watch_fd ...
     stage_run(stage, on_event, context)       until loop_stop, a signal, the time bound, or the command's end
     stage_close(stage) */
struct stage {
    const char *command; /* for complaints */
    const struct network_options *options;
    struct la_config config;
    la_host *host;
    unsigned interface;
    struct tun tun;
    enum netns_how netns;
    struct impair *impair;
    struct ladder *ladder;
    struct pcapng *pcapng;
    FILE *pcap_file;
    struct watch watch;
    struct kept kept;        /* --waits */
    bool kept_is_ours;       /* its records were taken over: it is ours to replace */
    struct control *control; /* NULL: none */
    struct link_error error;
    la_time began;

    pid_t child;        /* --run's; 0: none, or it has ended */
    bool not_alone;     /* this process has other children, which stay when the command has ended */
    bool command_apart; /* standard input and output are ours: the command gets nothing, and standard error */
    int child_fd;       /* its pidfd; -1 */
    int child_status;   /* exit status once it has ended, 128 + signal if one ended it */
    bool child_ended;
    int signal_fd;
    int signals;                    /* that ask for the end, so far */
    bool timed_out;                 /* --seconds */
    void (*on_stop)(void *context); /* the first signal, the time bound, or the command's end; NULL: loop_stop */
    void *on_stop_context;

    struct loop loop;
};

/* config as la_config_default made it, with the caller's limits; msl, trace and key are filled in here. What goes wrong
   is said on standard error: -1. */
int stage_open(struct stage *stage, const char *command, const struct network_options *options,
               const struct la_config *config);

/* Starts --run's command, if there is one. */
int stage_start_command(struct stage *stage);

/* 0, or -1: said on standard error. */
int stage_run(struct stage *stage, bool (*on_event)(void *context, const struct la_event *event), void *context);

/* Ends --run's command if it still runs, and what it has started: SIGTERM, and SIGKILL after two seconds. The exit
   status of a command that was ended does not count. */
void stage_end_command(struct stage *stage);

/* 0, or -1 if the capture could not be written: said on standard error. */
int stage_close(struct stage *stage);

/* Memory for a host, or NULL: free() gives it back. In huge pages where the kernel has them: a table of millions of
   records is looked into at random, and with pages of 4 KiB each look costs a walk through the page tables too. */
void *stage_block(size_t size);

/* The host's memory, aligned. NULL: said on standard error. */
la_host *stage_host(const char *command, const struct la_config *config, la_time now);
void stage_host_free(la_host *host);

#endif
