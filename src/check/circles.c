#include "circles.h"

#include <stdlib.h>
#include <string.h>

bool circles_add(struct circles *circles, uint32_t from, uint32_t to)
{
    if (circles->count == circles->capacity) {
        uint64_t capacity = circles->capacity == 0 ? 4096 : circles->capacity * 2;
        struct step_between *steps = realloc(circles->steps, capacity * sizeof *steps);
        if (steps == NULL) {
            return false;
        }
        circles->steps = steps;
        circles->capacity = capacity;
    }
    circles->steps[circles->count++] = (struct step_between){from, to};
    return true;
}

void circles_free(struct circles *circles)
{
    free(circles->steps);
    *circles = (struct circles){0};
}

/* The first step that begins at the world or behind it. */
static uint64_t first_from(const struct circles *circles, uint32_t world)
{
    uint64_t low = 0;
    uint64_t high = circles->count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (circles->steps[middle].from < world) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Takes away, one after the other, worlds that no step leads to (Kahn, 1962): what is left is led to by a circle. */
static uint32_t take_away(const struct circles *circles, uint32_t worlds, uint32_t *led_to, uint32_t *free_ones)
{
    uint32_t head = 0;
    uint32_t tail = 0;
    for (uint64_t i = 0; i < circles->count; i++) {
        led_to[circles->steps[i].to]++;
    }
    for (uint32_t world = 0; world < worlds; world++) {
        if (led_to[world] == 0) {
            free_ones[tail++] = world;
        }
    }
    for (; head < tail; head++) {
        uint32_t world = free_ones[head];
        for (uint64_t i = first_from(circles, world); i < circles->count && circles->steps[i].from == world; i++) {
            if (--led_to[circles->steps[i].to] == 0) {
                free_ones[tail++] = circles->steps[i].to;
            }
        }
    }
    return worlds - tail;
}

/* Each world that is left has one before it that is left: going back leads round. */
static uint32_t go_round(const struct circles *circles, uint32_t worlds, const uint32_t *led_to, uint32_t *before,
                         uint32_t *numbers, uint32_t most)
{
    uint32_t at = 0;
    memset(before, 0, worlds * sizeof *before);
    for (uint64_t i = 0; i < circles->count; i++) {
        if (led_to[circles->steps[i].from] > 0 && led_to[circles->steps[i].to] > 0) {
            before[circles->steps[i].to] = circles->steps[i].from;
            at = circles->steps[i].to;
        }
    }
    for (uint32_t n = 0; n < worlds; n++) {
        at = before[at]; /* now certainly on a circle */
    }
    uint32_t length = 0;
    uint32_t first = at;
    do {
        length++;
        at = before[at];
    } while (at != first);
    for (uint32_t place = length; place-- > 0; at = before[at]) {
        if (place < most) {
            numbers[place] = at;
        }
    }
    return length < most ? length : most;
}

uint32_t circles_find(const struct circles *circles, uint32_t worlds, uint32_t *numbers, uint32_t most)
{
    uint32_t *led_to = calloc(worlds, sizeof *led_to);
    uint32_t *order = calloc(worlds, sizeof *order);
    uint32_t length = CIRCLES_NO_MEMORY;
    if (led_to != NULL && order != NULL) {
        uint32_t left = take_away(circles, worlds, led_to, order);
        length = left == 0 ? 0 : go_round(circles, worlds, led_to, order, numbers, most);
    }
    free(led_to);
    free(order);
    return length;
}
