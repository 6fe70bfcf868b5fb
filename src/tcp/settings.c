#include "settings.h"

#include "base/assert.h"

size_t tcp_settings_bytes(const struct la_config *config)
{
    return config->own_settings > 0 ? (config->own_settings + (size_t)1) * sizeof(struct settings) : 0;
}

void settings_start(struct tcp *tcp)
{
    uint32_t last = tcp_core(tcp)->config.own_settings;
    for (uint32_t entry = 0; last > 0 && entry <= last; entry++) {
        settings_at(tcp, entry)->next_free = entry < last ? entry + 1 : 0;
    }
}

const struct settings *settings_of(const struct tcp *tcp, const struct connection *c)
{
    return settings_at(tcp, c->settings);
}

struct settings *settings_own(struct tcp *tcp, struct connection *c)
{
    const struct la_config *config = &tcp_core(tcp)->config;
    if (c->settings != 0) {
        return settings_at(tcp, c->settings);
    }
    uint32_t entry = config->own_settings > 0 ? settings_at(tcp, 0)->next_free : 0;
    if (entry == 0) {
        return NULL;
    }
    struct settings *own = settings_at(tcp, entry);
    settings_at(tcp, 0)->next_free = own->next_free;
    c->settings = (uint16_t)entry;
    *own = (struct settings){
        .keepalive_idle_ms = config->keepalive_idle_ms,
        .keepalive_interval_ms = config->keepalive_interval_ms,
        .user_timeout_ms = config->user_timeout_ms,
        .r2_data_ms = config->r2_data_ms,
        .msl_ms = config->msl_ms,
        .keepalive_probes = config->keepalive_probes,
        .r1_retransmissions = config->r1_retransmissions,
    };
    return own;
}

void settings_release(struct tcp *tcp, struct connection *c)
{
    if (c->settings != 0) {
        settings_at(tcp, c->settings)->next_free = settings_at(tcp, 0)->next_free;
        settings_at(tcp, 0)->next_free = c->settings;
        c->settings = 0;
    }
}

uint32_t settings_free(const struct tcp *tcp)
{
    uint32_t most = tcp_core(tcp)->config.own_settings;
    uint32_t count = 0;
    for (uint32_t entry = most > 0 ? settings_at(tcp, 0)->next_free : 0; entry != 0 && count <= most; count++) {
        la_assert(entry <= most);
        entry = settings_at(tcp, entry)->next_free;
    }
    return count;
}
