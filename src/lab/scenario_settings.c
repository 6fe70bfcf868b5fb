/* The settings of a scenario's hosts. */

#include "scenario_private.h"

#include "words.h"

#include "show/setting.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int scenario_node_named(const struct scenario *scenario, const char *name)
{
    for (uint32_t i = 0; i < scenario->node_count; i++) {
        if (strcmp(scenario->node[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* "msl=30s" means the field msl_ms. */
static bool setting_value(const struct setting *setting, const char *text, uint64_t *value)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return false;
    *value = strtoull(text, &end, 10);
    return *end == '\0' && *value <= setting_maximum(setting);
}

static bool assign(struct scenario *scenario, int node, const char *assignment, char reason[SCENARIO_REASON_BYTES])
{
    char name[SCENARIO_WORD_BYTES];
    const char *equals = strchr(assignment, '=');
    size_t length = equals != NULL ? (size_t)(equals - assignment) : 0;
    la_time time = 0;
    uint64_t value = 0;
    if (length == 0 || length + 4 > sizeof name) {
        snprintf(reason, SCENARIO_REASON_BYTES, "'%.60s' is no KEY=VALUE", assignment);
        return false;
    }
    memcpy(name, assignment, length);
    name[length] = '\0';
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    const struct setting *setting = setting_named(name);
    bool timed = setting == NULL;
    if (timed) {
        snprintf(name + length, sizeof name - length, "_ms");
        setting = setting_named(name);
    }
    if (setting == NULL) {
        snprintf(reason, SCENARIO_REASON_BYTES, "there is no setting '%.*s'", (int)length, assignment);
        return false;
    }
    bool good = timed ? time_parse(equals + 1, &time) && time % LA_MILLISECOND == 0
                      : setting_value(setting, equals + 1, &value);
    value = timed ? time / LA_MILLISECOND : value;
    if (!good || value > setting_maximum(setting)) {
        snprintf(reason, SCENARIO_REASON_BYTES,
                 timed ? "'%.60s' is no time in milliseconds for %s" : "'%.60s' is no number for %s", equals + 1, name);
        return false;
    }
    if (scenario->setting_count == SCENARIO_SETTINGS) {
        snprintf(reason, SCENARIO_REASON_BYTES, "at most %d settings", SCENARIO_SETTINGS);
        return false;
    }
    struct scenario_setting *added = &scenario->setting[scenario->setting_count++];
    *added = (struct scenario_setting){.node = node, .value = value};
    snprintf(added->name, sizeof added->name, "%s", name);
    return true;
}

void scenario_config(const struct scenario *scenario, int node, struct la_config *config)
{
    la_config_default(config);
    config->connections = SCENARIO_CONNECTIONS;
    config->time_wait_ipv4 = SCENARIO_CONNECTIONS;
    config->time_wait_ipv6 = 0;
    config->buffer_pieces = 1024;
    config->path_mtus = 4;
    config->own_settings = SCENARIO_CONNECTIONS;
    config->reassembly_bytes = 4096;
    config->neighbours = 0;
    for (unsigned i = 0; i < sizeof config->key; i++)
        config->key[i] = (uint8_t)((scenario->seed >> i % 8 * 8) + (uint64_t)node * 37 + i);
    for (uint32_t i = 0; i < scenario->setting_count; i++) {
        const struct scenario_setting *setting = &scenario->setting[i];
        if (setting->node == node || setting->node == SCENARIO_ALL_HOSTS)
            setting_store(config, setting_named(setting->name), setting->value);
    }
}

bool scenario_assign(struct scenario *scenario, int node, const char *assignment, char reason[SCENARIO_REASON_BYTES])
{
    char name[NETWORK_NAME_BYTES];
    size_t length = strcspn(assignment, ".=");
    if (node != SCENARIO_ALL_HOSTS || assignment[length] != '.')
        return assign(scenario, node, assignment, reason);
    snprintf(name, sizeof name, "%.*s", (int)length, assignment);
    node = scenario_node_named(scenario, name);
    if (node >= 0 && scenario->node[node].kind == NETWORK_HOST)
        return assign(scenario, node, assignment + length + 1, reason);
    snprintf(reason, SCENARIO_REASON_BYTES, "there is no host '%s'", name);
    return false;
}
