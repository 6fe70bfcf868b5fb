#include "cmd.h"
#include "control.h"
#include "kept.h"
#include "options.h"
#include "stage.h"

#include "show/census.h"
#include "show/waits.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* `lastack waits`: what is in a table of TIME-WAIT, of a running program or from a file. Both give the same octets,
   which a host of its own takes over: what is shown is what a next process would find. */

/* The host's clock is far on when it takes the records over, so that none of them came before its time began. */
#define NOW (UINT64_C(1) << 60)

enum { EPHEMERAL_FIRST = 32768, EPHEMERAL_LAST = 60999 };

struct waits_options {
    const char *control;
    const char *from;
    bool census;
    bool json;
    bool openmetrics;
    uint32_t most;
    const char *ports;
    struct census_budget budget;
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void *table_bytes(const struct waits_options *options, size_t *length)
{
    struct link_error error;
    void *data = options->control ? control_ask(options->control, CONTROL_WAITS, length, &error)
                                  : kept_file(options->from, false, length, &error);
    if (!data)
        complain("waits", "%s%s", error.text[0] ? "" : options->from,
                 error.text[0] ? error.text : ": there is no such file");
    return data;
}

static la_host *host_for(const struct la_time_wait_saved *saved)
{
    struct la_config config;
    la_config_default(&config);
    config.interfaces = 255;
    config.connections = 1;
    config.buffer_pieces = 2;
    config.reassembly_bytes = 0;
    config.neighbours = 0;
    config.msl_ms = saved->msl_ms;
    config.time_wait_ipv4 = saved->ipv4;
    config.time_wait_ipv6 = saved->ipv6;
    memcpy(config.key, saved->key, sizeof config.key);
    return stage_host("waits", &config, NOW);
}

static uint64_t wall_of(const struct waits_options *options, const struct la_time_wait_saved *saved)
{
    return options->from ? kept_wall_of(options->from, saved) : kept_wall();
}

/* A host with the records; NULL: said on standard error. */
static la_host *open_table(struct waits_options *options)
{
    size_t length = 0;
    struct la_time_wait_saved saved;
    la_host *host = NULL;
    void *data = table_bytes(options, &length);
    if (!data)
        return NULL;
    const char *wrong = la_time_wait_saved(data, length, &saved);
    if (!wrong) {
        options->budget.msl_ms = saved.msl_ms;
        host = host_for(&saved);
        wrong = host ? la_time_wait_load(host, NOW, wall_of(options, &saved), data, length) : NULL;
    }
    free(data);
    if (!wrong)
        return host;
    complain("waits", "%s: %s", options->control ? options->control : options->from, wrong);
    stage_host_free(host);
    return NULL;
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static bool show_records(const struct waits_options *options, const la_host *host)
{
    struct la_wait wait;
    bool ok = options->json || waits_head(stdout);
    for (uint64_t place = 0; ok && la_wait_next(host, &place, &wait);)
        ok = options->json ? waits_json(stdout, &wait, NOW) : waits_line(stdout, &wait, NOW);
    return ok;
}

/* A running program counts since its host was made; NULL: from a file, or it gives no such answer any more. */
static json_t *counters_of(const struct waits_options *options)
{
    struct link_error error;
    size_t length = 0;
    char *text = options->control ? control_ask(options->control, CONTROL_COUNTERS, &length, &error) : NULL;
    json_t *object = text ? json_loadb(text, length, 0, NULL) : NULL;
    json_t *counted = json_incref(json_object_get(object, "counters"));
    json_decref(object);
    free(text);
    return counted;
}

static bool show_metrics(const struct waits_options *options, struct census *census)
{
    json_t *counted = counters_of(options);
    bool ok = census_openmetrics(census, counted, stdout, options->most);
    json_decref(counted);
    return ok;
}

static bool show_census(const struct waits_options *options, const la_host *host)
{
    struct la_wait wait;
    struct census *census = census_new(&options->budget, NOW);
    bool ok = census != NULL;
    for (uint64_t place = 0; ok && la_wait_next(host, &place, &wait);)
        ok = census_add(census, &wait);
    if (!ok)
        complain("waits", "no memory for the census");
    else if (options->openmetrics)
        show_metrics(options, census);
    else if (options->json)
        census_json(census, stdout, options->most);
    else
        census_text(census, stdout, options->most);
    census_free(census);
    return ok;
}

/* ---- the sub-command --------------------------------------------------------------------------------------------- */

static const char about[] =
    "What waits in TIME-WAIT, and what only remembers: who, since when, until when, why, and what it has answered; or "
    "a\n"
    "census of it. Of a running program, by the socket that --control gave it, or from the file that --waits wrote.\n"
    "\n"
    "  lastack httpd . --control /run/lastack.sock --waits /var/lib/lastack.waits\n"
    "  lastack waits --control /run/lastack.sock\n"
    "  lastack waits --from /var/lib/lastack.waits --census\n";

static const char *complete(struct waits_options *options)
{
    if (!options->control == !options->from)
        return "of which table? One of --control SOCKET and --from FILE";
    if (options->json && options->openmetrics)
        return "--json or --openmetrics, not both";
    options->census = options->census || options->openmetrics;
    return options->ports ? option_ports(options->ports, &options->budget.first_port, &options->budget.last_port)
                          : NULL;
}

int cmd_waits(int argc, char **argv)
{
    struct waits_options options = {.most = 10, .budget = {EPHEMERAL_FIRST, EPHEMERAL_LAST, 0}};
    const struct option_spec specs[] = {
        {0, "control", "SOCKET", "of a running httpd, get or nc", option_text, &options.control},
        {0, "from", "FILE", "that --waits wrote", option_text, &options.from},
        {0, "census", NULL, "who closed first, and what waits towards each server", option_flag, &options.census},
        {0, "most", "N", "destinations in the census (default 10)", option_u32, &options.most},
        {0, "ports", "FIRST-LAST", "that clients take (default 32768-60999)", option_text, &options.ports},
        {0, "json", NULL, "a JSON object for each record, or one for the census", option_flag, &options.json},
        {0, "openmetrics", NULL, "the census as OpenMetrics text; of a running program its\ncounters too", option_flag,
         &options.openmetrics},
    };
    const struct option_group group = {"Options", specs, sizeof specs / sizeof specs[0]};
    const struct command_line line = {"waits", "lastack waits (--control SOCKET | --from FILE) [OPTION]...", about,
                                      &group, 1};
    int ended = options_only(&line, argc, argv);
    if (ended != OPTIONS_GO_ON)
        return ended;
    const char *wrong = complete(&options);
    if (wrong)
        return options_wrong(&line, "%s", wrong);
    la_host *host = open_table(&options);
    if (!host)
        return EXIT_FAILED;
    bool ok = options.census ? show_census(&options, host) : show_records(&options, host);
    stage_host_free(host);
    return ok ? EXIT_OK : EXIT_FAILED;
}
