#include "settings.h"

#include "show/setting.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *text, uint64_t maximum, uint64_t *value)
{
    char *end = NULL;
    if (text == NULL || *text < '0' || *text > '9')
        return false;
    *value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return *end == '\0' && *value <= maximum;
}

static const char *set_field(struct settings *settings, struct arena *arena, const struct setting *field,
                             const char *text)
{
    uint64_t value = 0;
    uint64_t maximum = setting_maximum(field);
    if (!parse_number(text, maximum, &value))
        return arena_format(arena, "%s is a number from 0 to %" PRIu64 ", not '%s'", field->name, maximum,
                            text != NULL ? text : "");
    setting_store(&settings->config, field, value);
    return NULL;
}

/* ---- the drill's own ---- */

static const char *set_ip_version(struct settings *settings, struct arena *arena, const char *value)
{
    static const char *const names[] = {"ipv4", "ipv4-mapped-ipv6", "ipv6"};
    for (unsigned i = 0; i < 3; i++) {
        if (value != NULL && strcmp(value, names[i]) == 0) {
            settings->ip_version = (enum ip_version)i;
            return NULL;
        }
    }
    return arena_format(arena, "ip_version is ipv4, ipv6 or ipv4-mapped-ipv6, not '%s'", value != NULL ? value : "");
}

/* "192.168.0.1", "192.168.0.1/16": the prefix is packetdrill's, and of no matter here. */
static const char *set_address(struct arena *arena, const char *value, struct la_address *address, bool *is_set)
{
    const char *slash = value != NULL ? strchr(value, '/') : NULL;
    const char *text = slash != NULL ? arena_text(arena, value, (size_t)(slash - value)) : value;
    if (text == NULL || la_address_parse(text, address) != LA_OK)
        return arena_format(arena, "an IP address is needed, not '%s'", value != NULL ? value : "");
    *is_set = true;
    return NULL;
}

static const char *set_local_ip(struct settings *settings, struct arena *arena, const char *value)
{
    return set_address(arena, value, &settings->local, &settings->has_local);
}

static const char *set_remote_ip(struct settings *settings, struct arena *arena, const char *value)
{
    return set_address(arena, value, &settings->remote, &settings->has_remote);
}

static const char *set_u16(struct arena *arena, const char *value, unsigned minimum, uint16_t *result)
{
    uint64_t number = 0;
    if (!parse_number(value, UINT16_MAX, &number) || number < minimum)
        return arena_format(arena, "a number from %u to 65535 is needed, not '%s'", minimum,
                            value != NULL ? value : "");
    *result = (uint16_t)number;
    return NULL;
}

static const char *set_bind_port(struct settings *settings, struct arena *arena, const char *value)
{
    return set_u16(arena, value, 1, &settings->bind_port);
}

static const char *set_connect_port(struct settings *settings, struct arena *arena, const char *value)
{
    return set_u16(arena, value, 1, &settings->connect_port);
}

static const char *set_mtu(struct settings *settings, struct arena *arena, const char *value)
{
    return set_u16(arena, value, 576, &settings->mtu);
}

static const char *set_tolerance_usecs(struct settings *settings, struct arena *arena, const char *value)
{
    uint64_t number = 0;
    if (!parse_number(value, 1000000000, &number))
        return arena_format(arena, "tolerance_usecs is from 0 to 1000000000, not '%s'", value != NULL ? value : "");
    settings->tolerance_ns = (int64_t)number * 1000;
    return NULL;
}

static const char *set_tolerance_percent(struct settings *settings, struct arena *arena, const char *value)
{
    char *end = NULL;
    double percent = value != NULL ? strtod(value, &end) : -1;
    if (value == NULL || *value == '\0' || *end != '\0' || !(percent >= 0 && percent <= 100))
        return arena_format(arena, "tolerance_percent is from 0 to 100, not '%s'", value != NULL ? value : "");
    settings->tolerance_permille = (uint32_t)(percent * 10);
    return NULL;
}

static const char *set_flag(struct arena *arena, const char *value, bool *flag)
{
    if (value != NULL)
        return arena_format(arena, "takes no value, but has '%s'", value);
    *flag = true;
    return NULL;
}

static const char *set_ts_ecr_scaled(struct settings *settings, struct arena *arena, const char *value)
{
    return set_flag(arena, value, &settings->ts_ecr_scaled);
}

static const char *set_strict_segments(struct settings *settings, struct arena *arena, const char *value)
{
    return set_flag(arena, value, &settings->strict_segments);
}

static const char *set_ts_tick_usecs(struct settings *settings, struct arena *arena, const char *value)
{
    uint64_t number = 0;
    if (!parse_number(value, 1000000, &number))
        return arena_format(arena, "tcp_ts_tick_usecs is from 0 to 1000000, not '%s'", value != NULL ? value : "");
    settings->ts_tick_us = (uint32_t)number;
    return NULL;
}

static const char *set_end(struct settings *settings, struct arena *arena, const char *value)
{
    bool is_loose = value != NULL && strcmp(value, "loose") == 0;
    if (!is_loose && (value == NULL || strcmp(value, "strict") != 0))
        return arena_format(arena, "end is strict or loose, not '%s'", value != NULL ? value : "");
    settings->loose_end = is_loose;
    return NULL;
}

/* "local:N", "remote:N", or both with a comma between them. */
static const char *set_isn(struct settings *settings, struct arena *arena, const char *value)
{
    const char *rest = value != NULL ? value : "";
    do {
        size_t length = strcspn(rest, ",");
        const char *part = arena_text(arena, rest, length);
        uint64_t number = 0;
        bool is_local = strncmp(part, "local:", 6) == 0;
        bool is_remote = strncmp(part, "remote:", 7) == 0;
        if ((!is_local && !is_remote) || !parse_number(strchr(part, ':') + 1, UINT32_MAX, &number))
            return arena_format(arena, "isn is local:NUMBER, remote:NUMBER or both (local:1,remote:2), not '%s'",
                                value != NULL ? value : "");
        if (is_remote)
            settings->isn_remote = (uint32_t)number;
        else
            settings->isn_local = (uint32_t)number;
        settings->has_isn_local = settings->has_isn_local || is_local;
        rest += length;
    } while (*rest++ == ',');
    return NULL;
}

static const char *set_define(struct settings *settings, struct arena *arena, const char *value)
{
    const char *equals = value != NULL ? strchr(value, '=') : NULL;
    if (equals == NULL || equals == value)
        return arena_format(arena, "define is NAME=VALUE, not '%s'", value != NULL ? value : "");
    struct definition *definition = arena_take(arena, sizeof *definition);
    *definition = (struct definition){.name = arena_text(arena, value, (size_t)(equals - value)),
                                      .value = arena_text(arena, equals + 1, strlen(equals + 1)),
                                      .next = settings->definitions};
    settings->definitions = definition;
    return NULL;
}

struct own {
    const char *name;
    const char *takes; /* NULL: no value */
    const char *(*set)(struct settings *settings, struct arena *arena, const char *value);
};

static const struct own owns[] = {
    {"ip_version", "ipv4|ipv6|ipv4-mapped-ipv6", set_ip_version},
    {"local_ip", "ADDRESS", set_local_ip},
    {"remote_ip", "ADDRESS", set_remote_ip},
    {"bind_port", "PORT", set_bind_port},
    {"connect_port", "PORT", set_connect_port},
    {"mtu", "OCTETS", set_mtu},
    {"tolerance_usecs", "MICROSECONDS", set_tolerance_usecs},
    {"tolerance_percent", "PERCENT", set_tolerance_percent},
    {"tcp_ts_ecr_scaled", NULL, set_ts_ecr_scaled},
    {"tcp_ts_tick_usecs", "MICROSECONDS", set_ts_tick_usecs},
    {"strict_segments", NULL, set_strict_segments},
    {"end", "strict|loose", set_end},
    {"isn", "local:N,remote:N", set_isn},
    {"define", "NAME=VALUE", set_define},
};

enum { OWN_COUNT = sizeof owns / sizeof owns[0] };

/* packetdrill's, and without a meaning for a host in memory and in virtual time. */
static const char *const foreign[] = {"code_command",
                                      "code_format",
                                      "code_sockopt",
                                      "gateway_ip",
                                      "netmask_ip",
                                      "speed",
                                      "mss",
                                      "init_scripts",
                                      "wire_client",
                                      "wire_server",
                                      "wire_server_ip",
                                      "wire_server_at",
                                      "wire_server_port",
                                      "wire_client_dev",
                                      "wire_server_dev",
                                      "so_filename",
                                      "so_flags",
                                      "non_fatal",
                                      "dry_run",
                                      "is_anyip",
                                      "send_omit_free",
                                      "psp_udp_port",
                                      "debug",
                                      "verbose"};

void settings_default(struct settings *settings)
{
    *settings = (struct settings){.bind_port = 8080, .connect_port = 8080, .mtu = 1500, .tolerance_ns = 1000000};
    struct la_config *config = &settings->config;
    la_config_default(config);
    /* Room for any script, and little to clear for each. */
    config->connections = 64;
    config->time_wait_ipv4 = 256;
    config->buffer_pieces = 1024;
    config->trace_records = 1024;
    config->keep_unread = true; /* as scripts, which are Linux's, have it */
    for (unsigned i = 0; i < sizeof config->key; i++)
        config->key[i] = (uint8_t)(i * 17 + 1);
}

const char *settings_set(struct settings *settings, struct arena *arena, const char *name, const char *value)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < OWN_COUNT; i++) {
        if (strcmp(owns[i].name, name) == 0) {
            wrong = owns[i].set(settings, arena, value);
            return wrong == NULL ? NULL : arena_format(arena, "--%s: %s", name, wrong);
        }
    }
    const struct setting *field = setting_named(name);
    if (field != NULL) {
        wrong = set_field(settings, arena, field, value);
        return wrong == NULL ? NULL : arena_format(arena, "--%s: %s", name, wrong);
    }
    for (unsigned i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (strcmp(foreign[i], name) == 0)
            return arena_format(arena, "--%s: this option of packetdrill's has no meaning for lastack drill", name);
    return arena_format(arena, "there is no option --%s; \"lastack drill --list-options\" lists them", name);
}

struct la_address settings_default_local(bool is_ipv4)
{
    struct la_address local;
    la_address_parse(is_ipv4 ? "192.168.0.1" : "fd3d:fa7b:d17d::1", &local);
    return local;
}

const char *settings_complete(struct settings *settings)
{
    bool is_ipv4 = settings->ip_version != IP_VERSION_6;
    if (!settings->has_local)
        settings->local = settings_default_local(is_ipv4);
    if (!settings->has_remote)
        la_address_parse(is_ipv4 ? "192.0.2.1" : "2001:db8::1", &settings->remote);
    if (la_address_is_ipv4(&settings->local) != is_ipv4 || la_address_is_ipv4(&settings->remote) != is_ipv4)
        return "local_ip and remote_ip must be of the family that ip_version says";
    if (!is_ipv4 && settings->config.time_wait_ipv6 == 0)
        settings->config.time_wait_ipv6 = settings->config.time_wait_ipv4;
    return la_config_error(&settings->config);
}

void settings_list(FILE *out)
{
    for (unsigned i = 0; i < OWN_COUNT; i++)
        fprintf(out, "--%s%s%s\n", owns[i].name, owns[i].takes != NULL ? "=" : "",
                owns[i].takes != NULL ? owns[i].takes : "");
    for (size_t i = 0; setting_at(i) != NULL; i++)
        fprintf(out, "--%s=%s\n", setting_at(i)->name, setting_at(i)->is_bool ? "0|1" : "N");
}
