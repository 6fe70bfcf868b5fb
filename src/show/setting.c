#include "setting.h"

#include <string.h>

#define NUMBER(field)                                                                               \
    {                                                                                               \
#field, offsetof(struct la_config, field), sizeof(((struct la_config *)NULL)->field), false \
    }
#define CHOICE(field)                                                                              \
    {                                                                                              \
#field, offsetof(struct la_config, field), sizeof(((struct la_config *)NULL)->field), true \
    }

static const struct setting settings[] = {
    NUMBER(addresses),
    NUMBER(routes),
    NUMBER(listeners),
    NUMBER(connections),
    NUMBER(time_wait_ipv4),
    NUMBER(time_wait_ipv6),
    NUMBER(buffer_piece_bytes),
    NUMBER(buffer_pieces),
    NUMBER(reply_bytes),
    NUMBER(trace_records),
    NUMBER(send_buffer_bytes),
    NUMBER(receive_buffer_bytes),
    NUMBER(out_of_order_ranges),
    NUMBER(own_settings),
    NUMBER(neighbours),
    NUMBER(address_probes),
    NUMBER(path_mtus),
    NUMBER(reassembly_bytes),
    NUMBER(reassembly_ms),
    NUMBER(ttl),
    NUMBER(dscp),
    CHOICE(source_routes),
    NUMBER(time_wait_restarts),
    CHOICE(time_wait_reopen),
    CHOICE(time_wait_reuse),
    CHOICE(time_wait_remember),
    NUMBER(time_wait_rtos),
    CHOICE(rfc1337),
    CHOICE(keep_unread),
    NUMBER(msl_ms),
    NUMBER(fin_wait_2_ms),
    NUMBER(linger_ms),
    NUMBER(linger_bytes),
    NUMBER(quiet_time_ms),
    NUMBER(rto_initial_ms),
    NUMBER(rto_min_ms),
    NUMBER(rto_max_ms),
    NUMBER(r2_data_ms),
    NUMBER(r2_syn_ms),
    NUMBER(user_timeout_ms),
    NUMBER(r1_retransmissions),
    NUMBER(delayed_ack_ms),
    NUMBER(challenge_ack_ms),
    NUMBER(ecn),
    CHOICE(keepalive),
    CHOICE(keepalive_garbage),
    NUMBER(keepalive_probes),
    NUMBER(keepalive_idle_ms),
    NUMBER(keepalive_interval_ms),
    CHOICE(nagle),
    CHOICE(timestamps),
    CHOICE(window_scaling),
    CHOICE(reset_unknown),
    NUMBER(congestion),
    NUMBER(ephemeral_first),
    NUMBER(ephemeral_last),
};

enum { SETTING_COUNT = sizeof settings / sizeof settings[0] };

const struct setting *setting_at(size_t index)
{
    return index < SETTING_COUNT ? &settings[index] : NULL;
}

const struct setting *setting_named(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    }
    return NULL;
}

uint64_t setting_maximum(const struct setting *setting)
{
    return setting->is_bool ? 1 : (UINT64_C(1) << (8 * setting->size)) - 1;
}

void setting_store(struct la_config *config, const struct setting *setting, uint64_t value)
{
    uint8_t *at = (uint8_t *)config + setting->offset;
    const uint8_t octet = (uint8_t)value;
    const uint16_t half = (uint16_t)value;
    const uint32_t word = (uint32_t)value;
    const bool choice = value != 0;
    if (setting->is_bool)
        memcpy(at, &choice, sizeof choice);
    else if (setting->size == sizeof octet)
        memcpy(at, &octet, sizeof octet);
    else if (setting->size == sizeof half)
        memcpy(at, &half, sizeof half);
    else
        memcpy(at, &word, sizeof word);
}
