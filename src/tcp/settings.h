#ifndef TCP_SETTINGS_H
#define TCP_SETTINGS_H

#include "connection.h"
#include "wire/source_route.h"

/* What few connections want otherwise than the config has it, so that the others need not carry it. config.own_settings
   says how many there are; entry 0 is nobody's, and begins the list of those that are free. */
struct settings {
    union {
        uint32_t next_free;
        uint32_t keepalive_idle_ms;
    };
    uint32_t keepalive_interval_ms;
    uint32_t user_timeout_ms;
    uint32_t r2_data_ms;
    uint32_t msl_ms;
    uint8_t keepalive_probes;
    uint8_t r1_retransmissions;
    struct source_route route;
};

void settings_start(struct tcp *tcp);

/* The connection's own, made from the config's if it has none yet; NULL if all are in use. */
struct settings *settings_own(struct tcp *tcp, struct connection *c);
void settings_release(struct tcp *tcp, struct connection *c);

/* How many are free: for the check. */
uint32_t settings_free(const struct tcp *tcp);

/* They stand right behind the listeners. */
static inline struct settings *settings_at(const struct tcp *tcp, uint32_t entry)
{
    const struct core *core = tcp_core(tcp);
    char *listeners = core_at(core, tcp->listeners);
    struct settings *all = (struct settings *)(void *)(listeners + tcp_listeners_bytes(&core->config));
    return &all[entry];
}

/* Its own; it has some. */
COLD const struct settings *settings_of(const struct tcp *tcp, const struct connection *c);

static inline uint32_t user_timeout_ms(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->user_timeout_ms : tcp_core(tcp)->config.user_timeout_ms;
}

static inline uint32_t r2_data_ms(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->r2_data_ms : tcp_core(tcp)->config.r2_data_ms;
}

static inline uint32_t msl_ms(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->msl_ms : tcp_core(tcp)->config.msl_ms;
}

static inline uint32_t keepalive_idle_ms(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->keepalive_idle_ms : tcp_core(tcp)->config.keepalive_idle_ms;
}

static inline uint32_t keepalive_interval_ms(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->keepalive_interval_ms : tcp_core(tcp)->config.keepalive_interval_ms;
}

static inline uint8_t keepalive_probes(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->keepalive_probes : tcp_core(tcp)->config.keepalive_probes;
}

static inline uint8_t r1_retransmissions(const struct tcp *tcp, const struct connection *c)
{
    return c->settings != 0 ? settings_of(tcp, c)->r1_retransmissions : tcp_core(tcp)->config.r1_retransmissions;
}

/* The route that its segments take, or NULL. */
static inline const struct source_route *route_of(const struct tcp *tcp, const struct connection *c)
{
    const struct settings *own = c->settings != 0 ? settings_of(tcp, c) : NULL;
    return own != NULL && own->route.bytes > 0 ? &own->route : NULL;
}

#endif
