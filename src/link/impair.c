#include "impair.h"

#include "flows.h"
#include "queue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_PACKETS = 1024, CONNECTIONS = 1024, MILLION = 1000000 };

#define HOLD_NS (20 * LA_MILLISECOND)

struct impair {
    struct impair_config config;
    uint64_t random;
    uint64_t serial;
    la_time last_due[2]; /* of those that keep their order, by direction */
    struct flows *flows;
    struct queue queue[2]; /* by direction */
    uint8_t *taken;        /* the bytes of the last delivery */
    uint32_t acted[IMPAIR_PATTERNS];
};

bool impair_config_idle(const struct impair_config *config)
{
    struct impair_chances none = {0};
    for (int i = 0; i < 2; i++) {
        struct impair_chances chances = config->chances[i];
        chances.hold_ns = 0; /* does nothing by itself */
        if (memcmp(&chances, &none, sizeof none) != 0)
            return false;
    }
    return config->pattern_count == 0;
}

struct impair *impair_new(const struct impair_config *config, struct link_error *error)
{
    struct impair *impair = calloc(1, sizeof *impair);
    if (impair == NULL) {
        link_fail(error, "the network's impairment: out of memory");
        return NULL;
    }
    impair->config = *config;
    if (impair->config.queue_packets == 0)
        impair->config.queue_packets = QUEUE_PACKETS;
    if (impair->config.connections == 0)
        impair->config.connections = CONNECTIONS;
    impair->random = config->seed;
    impair->flows = flows_new(impair->config.connections);
    if (impair->flows == NULL || !queue_init(&impair->queue[LINK_IN], impair->config.queue_packets) ||
        !queue_init(&impair->queue[LINK_OUT], impair->config.queue_packets)) {
        impair_free(impair);
        link_fail(error, "the network's impairment: out of memory");
        return NULL;
    }
    return impair;
}

void impair_free(struct impair *impair)
{
    if (impair == NULL)
        return;
    flows_free(impair->flows);
    queue_free(&impair->queue[LINK_IN]);
    queue_free(&impair->queue[LINK_OUT]);
    free(impair->taken);
    free(impair);
}

/* SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one. */
static uint64_t draw(struct impair *impair)
{
    uint64_t z = impair->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static bool drawn(struct impair *impair, uint32_t ppm)
{
    return draw(impair) % MILLION < ppm;
}

/* What is to be done with one packet, by whom. Every packet costs the same number of draws, so that one decision does
   not shift those after it. */
struct verdict {
    bool act[4]; /* by enum impair_action */
    const char *rule;
    la_time hold_ns; /* what a pattern says; 0: it says nothing */
    la_time copy_ns; /* the second copy so much later */
    uint64_t jitter_draw;
    uint64_t bit_draw;
};

static void obey(struct verdict *verdict, const struct impair_pattern *pattern)
{
    verdict->act[pattern->action] = true;
    verdict->rule = pattern->text;
    if (pattern->action == IMPAIR_HOLD)
        verdict->hold_ns = pattern->by_ns;
    if (pattern->action == IMPAIR_DUPLICATE)
        verdict->copy_ns = pattern->by_ns;
}

static struct verdict decide(struct impair *impair, enum link_direction direction, const uint32_t *nth)
{
    const struct impair_chances *chances = &impair->config.chances[direction];
    struct verdict verdict = {.rule = ""};
    verdict.act[IMPAIR_DROP] = drawn(impair, chances->loss_ppm);
    verdict.act[IMPAIR_DUPLICATE] = drawn(impair, chances->duplicate_ppm);
    verdict.act[IMPAIR_CORRUPT] = drawn(impair, chances->corrupt_ppm);
    verdict.act[IMPAIR_HOLD] = drawn(impair, chances->reorder_ppm);
    verdict.jitter_draw = draw(impair);
    verdict.bit_draw = draw(impair);
    for (int i = 0; i < 4; i++) {
        if (verdict.act[i])
            verdict.rule = "chance";
    }
    for (uint32_t i = 0; i < impair->config.pattern_count; i++) {
        const struct impair_pattern *pattern = &impair->config.patterns[i];
        bool concerned = direction == LINK_IN ? pattern->in : pattern->out;
        bool spent = pattern->times > 0 && impair->acted[i] == pattern->times;
        if (concerned && !spent && nth[pattern->kind] >= pattern->first && nth[pattern->kind] <= pattern->last) {
            impair->acted[i]++;
            obey(&verdict, pattern);
        }
    }
    return verdict;
}

/* One bit behind the IP header, so that it is TCP's (or ICMP's) checksum that must find it. */
static void turn_over_bit(uint8_t *bytes, size_t length, uint64_t where)
{
    size_t header = length > 0 && bytes[0] >> 4 == 6 ? 40 : 20;
    if (header >= length)
        header = 0;
    if (length > 0)
        bytes[header + where / 8 % (length - header)] ^= (uint8_t)(1U << where % 8);
}

static la_time arrival(struct impair *impair, la_time now, enum link_direction direction, const struct verdict *verdict)
{
    const struct impair_chances *chances = &impair->config.chances[direction];
    la_time due = now + chances->delay_ns;
    if (chances->jitter_ns > 0)
        due += verdict->jitter_draw % (chances->jitter_ns + 1);
    if (due < impair->last_due[direction])
        due = impair->last_due[direction];
    if (verdict->act[IMPAIR_HOLD] && verdict->hold_ns > 0)
        return due + verdict->hold_ns;
    if (verdict->act[IMPAIR_HOLD])
        return due + (chances->hold_ns > 0 ? chances->hold_ns : chances->jitter_ns + HOLD_NS);
    impair->last_due[direction] = due;
    return due;
}

/* A copy of the packet on its way; false if the queue is full or memory is short. */
static bool send_off(struct impair *impair, enum link_direction direction, const struct queue_item *like,
                     const void *packet, const struct verdict *verdict)
{
    if (impair->queue[LINK_IN].count + impair->queue[LINK_OUT].count >= impair->config.queue_packets)
        return false;
    struct queue_item item = *like;
    item.serial = impair->serial++;
    item.bytes = malloc(item.length > 0 ? item.length : 1);
    if (item.bytes == NULL)
        return false;
    memcpy(item.bytes, packet, item.length);
    if (verdict->act[IMPAIR_CORRUPT])
        turn_over_bit(item.bytes, item.length, verdict->bit_draw);
    return queue_put(&impair->queue[direction], &item);
}

static void sight(struct impair *impair, enum link_direction direction, const void *packet, size_t length,
                  uint32_t nth[PACKET_KIND_COUNT])
{
    memset(nth, 0, PACKET_KIND_COUNT * sizeof *nth);
    if (impair->config.pattern_count == 0)
        return;
    struct packet_view view;
    bool tcp = packet_look_behind(packet, length, impair->config.header_bytes, &view);
    flows_sight(impair->flows, direction, tcp ? &view : NULL, nth);
}

struct fate impair_submit(struct impair *impair, la_time now, enum link_direction direction, const void *packet,
                          size_t length, uint32_t tag)
{
    uint32_t nth[PACKET_KIND_COUNT];
    sight(impair, direction, packet, length, nth);
    struct verdict verdict = decide(impair, direction, nth);
    struct fate fate = {0};
    snprintf(fate.rule, sizeof fate.rule, "%s", verdict.rule);
    if (verdict.act[IMPAIR_DROP]) {
        fate.lost = true;
        return fate;
    }
    fate.corrupted = verdict.act[IMPAIR_CORRUPT];
    fate.reordered = verdict.act[IMPAIR_HOLD];
    struct queue_item item = {
        .due = arrival(impair, now, direction, &verdict), .submitted = now, .length = length, .tag = tag};
    fate.delay_ns = item.due - now;
    item.fate = fate;
    item.fate.duplicated = verdict.act[IMPAIR_DUPLICATE];
    if (!send_off(impair, direction, &item, packet, &verdict)) {
        fate = (struct fate){.lost = true};
        snprintf(fate.rule, sizeof fate.rule, "queue full");
        return fate;
    }
    if (verdict.act[IMPAIR_DUPLICATE]) {
        item.fate.duplicated = false;
        item.fate.copy = true;
        item.due += verdict.copy_ns;
        fate.duplicated = send_off(impair, direction, &item, packet, &verdict);
        fate.copy_ns = verdict.copy_ns;
    }
    return fate;
}

bool impair_take(struct impair *impair, la_time now, enum link_direction direction, struct impair_delivery *delivery)
{
    free(impair->taken);
    impair->taken = NULL;
    if (queue_due(&impair->queue[direction]) > now)
        return false;
    struct queue_item item = queue_take(&impair->queue[direction]);
    impair->taken = item.bytes;
    delivery->bytes = item.bytes;
    delivery->length = item.length;
    delivery->tag = item.tag;
    delivery->fate = item.fate;
    delivery->fate.delay_ns = item.due - item.submitted;
    return true;
}

la_time impair_deadline(const struct impair *impair, enum link_direction direction)
{
    return queue_due(&impair->queue[direction]);
}

/* Adds one part of a list with commas. */
__attribute__((format(printf, 2, 3))) static void add(char text[FATE_TEXT_BYTES], const char *format, ...)
{
    size_t used = strlen(text);
    if (used > 0)
        used += (size_t)snprintf(text + used, FATE_TEXT_BYTES - used, ", ");
    if (used >= FATE_TEXT_BYTES)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, FATE_TEXT_BYTES - used, format, arguments);
    va_end(arguments);
}

const char *fate_text(const struct fate *fate, char text[FATE_TEXT_BYTES])
{
    double ms = (double)fate->delay_ns / (double)LA_MILLISECOND;
    text[0] = '\0';
    if (fate->lost)
        add(text, "lost");
    if (fate->corrupted)
        add(text, "corrupted");
    if (fate->duplicated && fate->copy_ns > 0)
        add(text, "duplicated %.4g ms later", (double)fate->copy_ns / (double)LA_MILLISECOND);
    else if (fate->duplicated)
        add(text, "duplicated");
    if (fate->copy)
        add(text, "second copy");
    if (fate->delay_ns > 0)
        add(text, "%s %.*f ms", fate->reordered ? "held back" : "delayed", ms < 10 ? 1 : 0, ms);
    if (text[0] == '\0')
        return NULL;
    if (fate->rule[0] != '\0')
        add(text, "by %s", fate->rule);
    return text;
}
