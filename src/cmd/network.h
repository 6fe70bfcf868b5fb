#ifndef CMD_NETWORK_H
#define CMD_NETWORK_H

#include "options.h"

#include "link/impair.h"

#include <lastack/config.h>

/* The options that httpd, get and nc have in common: where lastack stands, what its TCP offers, what the network does
   to its packets, and what is shown of it. */

enum { NETWORK_OFFERED = 3 };
enum { NETWORK_GROUPS = 4, NETWORK_PLACE = 8, NETWORK_IMPAIR = 12, NETWORK_SEEING = 8 };

struct impair_target {
    struct impair_config *config;
    const char *name; /* the option as impair_option knows it */
};

struct network_options {
    const char *tun_name;
    struct option_prefix address;
    struct la_address peer_address;
    bool tap;
    bool probe;
    bool netns;
    const char *run;
    uint32_t mtu;
    bool no_window_scaling;
    bool no_timestamps;
    enum la_ecn ecn;
    const char *pcap;
    bool ladder;
    bool json;
    uint32_t msl_ms;
    uint32_t seconds_ms; /* 0: no bound */
    uint32_t quiet_ms;
    const char *control;
    const char *waits;
    struct impair_config impair;

    struct impair_target impair_target[NETWORK_IMPAIR];
    struct option_spec place[NETWORK_PLACE];
    struct option_spec offered[NETWORK_OFFERED];
    struct option_spec trouble[NETWORK_IMPAIR];
    struct option_spec seeing[NETWORK_SEEING];
};

/* Fills in the defaults, and NETWORK_GROUPS groups whose specs point into *options: it must stay where it is. */
void network_options_init(struct network_options *options, struct option_group groups[NETWORK_GROUPS]);

/* What can only be decided when all options are known: the peer's address. NULL, or what does not go together. */
const char *network_options_complete(struct network_options *options);

#endif
