#include "plan.h"

#include <stdio.h>
#include <string.h>

/* One stream of numbers for each purpose, so that what is cut out of one changes nothing in the others (Steele, Lea,
   Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
enum stream { STREAM_NETWORK, STREAM_HOSTS, STREAM_LIVES };

struct draws {
    uint64_t state;
};

static uint64_t draw(struct draws *draws)
{
    uint64_t z = draws->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct draws draws_of(uint64_t seed, enum stream stream)
{
    struct draws draws = {seed ^ (uint64_t)stream << 56};
    draws.state = draw(&draws);
    return draws;
}

/* 0 to bound - 1. */
static uint32_t below(struct draws *draws, uint32_t bound)
{
    return (uint32_t)(draw(draws) % bound);
}

static bool one_in(struct draws *draws, uint32_t n)
{
    return below(draws, n) == 0;
}

/* Small numbers as often as large ones: uniform in the number of bits. */
static uint32_t up_to(struct draws *draws, unsigned bits)
{
    uint32_t mask = (UINT32_C(1) << below(draws, bits + 1)) - 1;
    return (uint32_t)draw(draws) & mask;
}

static bool is_cut(const struct sim_plan *plan, enum sim_cut cut)
{
    return (plan->cuts & 1U << cut) != 0;
}

/* ---- the hosts --------------------------------------------------------------------------------------------------- */

/* Times are short, so that a lifetime is. A half-open connection ends by keepalive. */
static void draw_times(struct draws *draws, struct la_config *config)
{
    config->rto_min_ms = 20 + up_to(draws, 7);
    config->rto_initial_ms = 100 + up_to(draws, 8);
    config->rto_max_ms = 1000;
    config->r2_data_ms = 4000;
    config->r2_syn_ms = 3000;
    config->delayed_ack_ms = (uint16_t)up_to(draws, 6);
    config->fin_wait_2_ms = 1000 + up_to(draws, 10);
    config->linger_ms = 200 + up_to(draws, 9);
    config->linger_bytes = up_to(draws, 16);
    config->keepalive = true;
    config->keepalive_idle_ms = 1000;
    config->keepalive_interval_ms = 200;
    config->keepalive_probes = 5;
}

static void draw_pools(struct draws *draws, const struct sim_plan *plan, struct la_config *config)
{
    bool small = plan->workload == SIM_FULL && !is_cut(plan, SIM_CUT_SMALL_POOLS);
    uint32_t pieces = 4 + up_to(draws, 5), connections = 1 + below(draws, 6), records = below(draws, 4);
    uint32_t replies = 64 + 8 * below(draws, 64);
    config->connections = small ? connections : 2 * SIM_LIVES_MOST;
    config->buffer_pieces = small ? pieces : 512;
    config->time_wait_ipv4 = small ? records : 2 * SIM_LIVES_MOST;
    config->reply_bytes = small ? replies : 16384;
}

static struct la_config draw_host(struct draws *draws, const struct sim_plan *plan, uint32_t msl_ms, unsigned host)
{
    struct la_config config;
    la_config_default(&config);
    memset(config.key, (int)(plan->seed * 7 + host), sizeof config.key);
    config.msl_ms = msl_ms;
    config.time_wait_ipv6 = 0;
    config.neighbours = 0;
    config.reassembly_bytes = 0;
    config.own_settings = 0;
    config.path_mtus = 0;
    config.buffer_piece_bytes = 64U << below(draws, 4);
    config.send_buffer_bytes = 64 + up_to(draws, 14);
    config.receive_buffer_bytes = 64 + up_to(draws, 14);
    config.out_of_order_ranges = (uint16_t)(1 + below(draws, 8));
    config.timestamps = !one_in(draws, plan->workload == SIM_REOPEN ? 2 : 4);
    config.window_scaling = !one_in(draws, 3);
    config.nagle = !one_in(draws, 2);
    config.time_wait_restarts = (uint8_t)(4 + up_to(draws, 5));
    config.time_wait_rtos = 8;
    draw_times(draws, &config);
    draw_pools(draws, plan, &config);
    return config;
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* Nothing is under way for longer than MSL: delay, jitter, and the time for which a packet is held back. */
static struct impair_chances draw_chances(struct draws *draws, const struct sim_plan *plan, uint32_t kinds, la_time msl)
{
    struct impair_chances chances = {
        .loss_ppm = up_to(draws, 18),
        .duplicate_ppm = up_to(draws, 18),
        .reorder_ppm = up_to(draws, 18),
        .corrupt_ppm = up_to(draws, 16),
        .delay_ns = up_to(draws, 14) * LA_MICROSECOND,
        .jitter_ns = up_to(draws, 13) * LA_MICROSECOND,
    };
    chances.hold_ns = LA_MILLISECOND + draw(draws) % (msl - 40 * LA_MILLISECOND);
    if (!(kinds & 1) || is_cut(plan, SIM_CUT_LOSS))
        chances.loss_ppm = 0;
    if (!(kinds & 2) || is_cut(plan, SIM_CUT_DUPLICATION))
        chances.duplicate_ppm = 0;
    if (!(kinds & 4) || is_cut(plan, SIM_CUT_REORDERING))
        chances.reorder_ppm = 0;
    if (!(kinds & 8) || is_cut(plan, SIM_CUT_CORRUPTION))
        chances.corrupt_ppm = 0;
    if (!(kinds & 16) || is_cut(plan, SIM_CUT_JITTER))
        chances.jitter_ns = 0;
    return chances;
}

/* For a stretch of packets nothing gets through, in a direction or in both. */
static void draw_outage(struct draws *draws, struct sim_plan *plan)
{
    uint32_t first = 1 + up_to(draws, 8), length = 1 + up_to(draws, 5), which = 1 + below(draws, 3);
    if (is_cut(plan, SIM_CUT_OUTAGES))
        return;
    struct impair_pattern *pattern = &plan->network.patterns[plan->network.pattern_count++];
    *pattern = (struct impair_pattern){.action = IMPAIR_DROP, .kind = PACKET_ANY, .first = first};
    pattern->last = first + length;
    pattern->in = (which & 1) != 0;
    pattern->out = (which & 2) != 0;
}

/* The nth of its kind, of each connection, comes a second time, much later, but within MSL: by then another connection
   may have the same four-tuple. */
static void draw_old_duplicate(struct draws *draws, struct sim_plan *plan, la_time msl)
{
    static const enum packet_kind kinds[] = {PACKET_SYN, PACKET_ACK, PACKET_DATA, PACKET_DATA, PACKET_FIN, PACKET_ANY};
    struct impair_pattern pattern = {.action = IMPAIR_DUPLICATE, .kind = kinds[below(draws, 6)]};
    uint32_t which = 1 + below(draws, 3);
    pattern.first = 1 + up_to(draws, 4);
    pattern.last = pattern.first + up_to(draws, 2);
    pattern.by_ns = LA_MILLISECOND + draw(draws) % (msl - 40 * LA_MILLISECOND);
    pattern.in = (which & 1) != 0;
    pattern.out = (which & 2) != 0;
    if (!is_cut(plan, SIM_CUT_OLD_DUPLICATES))
        plan->network.patterns[plan->network.pattern_count++] = pattern;
}

static void draw_network(struct draws *draws, struct sim_plan *plan, uint32_t msl_ms)
{
    uint32_t kinds = below(draws, 128), old = 1 + below(draws, 8);
    kinds |= plan->workload == SIM_REOPEN ? 64 : 0;
    la_time msl = msl_ms * LA_MILLISECOND;
    plan->network.seed = draw(draws);
    plan->network.chances[LINK_IN] = draw_chances(draws, plan, kinds, msl);
    plan->network.chances[LINK_OUT] = draw_chances(draws, plan, kinds, msl);
    for (unsigned i = 0; (kinds & 32) && i < 2; i++)
        draw_outage(draws, plan);
    for (unsigned i = 0; (kinds & 64) && i < old; i++)
        draw_old_duplicate(draws, plan, msl);
}

/* ---- the lifetimes ----------------------------------------------------------------------------------------------- */

/* After an end that is not clean nobody waits: of those who open again at once few do so. */
static enum sim_manner draw_manner(struct draws *draws, const struct sim_plan *plan)
{
    return one_in(draws, plan->workload == SIM_REOPEN ? 20 : 3) ? (enum sim_manner)below(draws, SIM_MANNERS)
                                                                : (enum sim_manner)below(draws, 2);
}

static struct sim_life draw_life(struct draws *draws, const struct sim_plan *plan)
{
    bool one = plan->workload == SIM_REOPEN;
    struct sim_life life = {.host = one ? 0 : (uint8_t)below(draws, SIM_HOSTS),
                            .port = one ? 0 : (uint8_t)below(draws, 3)};
    life.start = one ? 0 : below(draws, 3000) * LA_MILLISECOND;
    for (unsigned end = 0; end < 2; end++) {
        la_time pause = one_in(draws, 4) ? below(draws, 50) * LA_MILLISECOND : 0;
        life.octets[end] = up_to(draws, 13);
        life.manner[end] = draw_manner(draws, plan);
        life.reads_after[end] = is_cut(plan, SIM_CUT_SLOW_READERS) ? 0 : pause;
    }
    if (is_cut(plan, SIM_CUT_OPENER_DATA))
        life.octets[SIM_OPENER] = 0;
    if (is_cut(plan, SIM_CUT_SERVER_DATA))
        life.octets[SIM_SERVER] = 0;
    if (life.manner[SIM_OPENER] == SIM_CLOSES_SECOND && life.manner[SIM_SERVER] == SIM_CLOSES_SECOND)
        life.manner[draw(draws) & 1] = SIM_CLOSES_FIRST; /* somebody has to */
    return life;
}

struct sim_plan sim_plan_of(uint64_t seed, enum sim_workload workload, uint32_t cuts)
{
    struct sim_plan plan = {.seed = seed, .workload = workload, .cuts = cuts};
    struct draws network = draws_of(seed, STREAM_NETWORK), hosts = draws_of(seed, STREAM_HOSTS);
    struct draws lives = draws_of(seed, STREAM_LIVES);
    uint32_t msl_ms = 100 + up_to(&hosts, 10);
    for (unsigned host = 0; host < SIM_HOSTS; host++)
        plan.config[host] = draw_host(&hosts, &plan, msl_ms, host);
    draw_network(&network, &plan, msl_ms);
    plan.count = 4 + below(&lives, SIM_LIVES_MOST - 3);
    for (unsigned i = 0; i < plan.count; i++)
        plan.lives[i] = draw_life(&lives, &plan);
    return plan;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

const char *sim_workload_name(enum sim_workload workload)
{
    switch (workload) {
    case SIM_MIXED: return "mixed";
    case SIM_REOPEN: return "reopen";
    case SIM_FULL: return "full";
    }
    return "?";
}

const char *sim_cut_name(unsigned cut, char text[16])
{
    static const char *const names[SIM_CUT_LIFE] = {"loss",        "duplication",    "reordering", "corruption",
                                                    "outages",     "old-duplicates", "jitter",     "slow-readers",
                                                    "small-pools", "opener-data",    "server-data"};
    if (cut < SIM_CUT_LIFE)
        snprintf(text, 16, "%s", names[cut]);
    else
        snprintf(text, 16, "life-%u", cut - SIM_CUT_LIFE);
    return text;
}
