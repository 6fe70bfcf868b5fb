#ifndef DRILL_SETTINGS_H
#define DRILL_SETTINGS_H

#include "script.h"

/* What a script, and the command line after it, may set: --name=value. Names are packetdrill's where it has one, and
   the fields of struct la_config. */

enum ip_version { IP_VERSION_4, IP_VERSION_4_MAPPED_6, IP_VERSION_6 };

struct settings {
    struct la_config config;
    enum ip_version ip_version;
    bool has_local; /* else the version's default */
    bool has_remote;
    struct la_address local;
    struct la_address remote;
    uint16_t bind_port;
    uint16_t connect_port;
    uint16_t mtu;
    int64_t tolerance_ns;
    uint32_t tolerance_permille; /* of the time since the event before */
    bool ts_ecr_scaled;
    uint32_t ts_tick_us; /* 0: the values of timestamps are not checked */
    bool strict_segments;
    bool loose_end; /* what is sent and not expected when the script ends is let pass */
    bool has_isn_local;
    uint32_t isn_local;
    uint32_t isn_remote;
    const struct definition *definitions;
};

/* Everything at its default, which docs/drill.md states. */
void settings_default(struct settings *settings);

/* One option. NULL, or what is wrong with it; the text lives in the arena. value: NULL if there is none. */
const char *settings_set(struct settings *settings, struct arena *arena, const char *name, const char *value);

/* The host's address, if no option names one. */
struct la_address settings_default_local(bool is_ipv4);

/* What the options together leave open, or make impossible: NULL, or what is wrong. */
const char *settings_complete(struct settings *settings);

/* All names, one a line, with what they take. */
void settings_list(FILE *out);

#endif
