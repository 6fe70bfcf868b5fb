#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/apps.h"
#include "check/circles.h"
#include "check/numbers_private.h"
#include "check/trail.h"
#include "host/host_inspect.h"
#include "tcp/connection.h"

/* The explorer finds what is there to be found, as short as can be, and each property is able to fail. */

static struct check_scenario scenario;
static struct verdict verdict;
static const struct bounds no_bounds;

static void explore_named(const char *name)
{
    const struct check_scenario *known = check_scenario_find(name);
    assert_non_null(known);
    scenario = *known;
    explore(&scenario, &no_bounds, &verdict);
}

static void expect_found(const char *name, enum property property)
{
    struct outcome outcome;
    explore_named(name);
    assert_int_equal(verdict.ending, ENDING_FOUND);
    assert_int_equal(verdict.found, property);
    trail_play(&scenario, &verdict.trail, NULL, &outcome);
    assert_int_equal(outcome.wrong, property);
    assert_int_equal(outcome.played, verdict.trail.count);
    assert_int_equal(trail_minimise(&scenario, &verdict.trail), 0); /* the shortest already */
}

static void the_last_closer_is_reset_without_the_wait(void **state)
{
    (void)state;
    expect_found("last-ack-msl-0", PROPERTY_RESET);
    assert_int_equal(verdict.trail.count, 16);
    expect_found("last-ack-msl-0-silent", PROPERTY_GIVEN_UP);
}

static void the_old_segment_is_taken_without_the_wait(void **state)
{
    (void)state;
    expect_found("old-duplicate-msl-0", PROPERTY_DATA);
    assert_int_equal(verdict.trail.count, 19);
}

static void numbers_that_repeat_make_a_ghost(void **state)
{
    (void)state;
    expect_found("ghost-isn-repeats", PROPERTY_GHOST);
}

static void with_the_wait_there_is_none(void **state)
{
    const char *const names[] = {"old-duplicate", "ghost", "both-close", "open-at-once", "no-memory"};
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        explore_named(names[i]);
        assert_int_equal(verdict.ending, ENDING_COMPLETE);
        assert_int_equal(verdict.found, PROPERTY_NONE);
        assert_true(verdict.states > 1000 && verdict.waiting == 0 && verdict.overflows == 0);
    }
}

static void the_same_twice_is_the_same(void **state)
{
    (void)state;
    explore_named("old-duplicate");
    uint64_t states = verdict.states;
    uint64_t transitions = verdict.transitions;
    explore_named("old-duplicate");
    assert_int_equal(verdict.states, states);
    assert_int_equal(verdict.transitions, transitions);
}

static void bounds_are_said(void **state)
{
    const struct bounds few = {.states = 1000};
    (void)state;
    scenario = *check_scenario_find("last-ack");
    explore(&scenario, &few, &verdict);
    assert_int_equal(verdict.ending, ENDING_STATES);
    assert_true(verdict.states >= 1000 && verdict.waiting > 0);
}

static void an_interrupted_run_goes_on(void **state)
{
    char path[] = "/tmp/lastack-check-XXXXXX";
    struct bounds bounds = {.states = 3000, .checkpoint = path};
    (void)state;
    close(mkstemp(path));
    explore_named("ghost");
    const uint64_t states = verdict.states;
    const uint64_t transitions = verdict.transitions;
    const uint32_t depth = verdict.depth;
    explore(&scenario, &bounds, &verdict);
    assert_int_equal(verdict.ending, ENDING_STATES);
    bounds = (struct bounds){.resume = path};
    explore(&scenario, &bounds, &verdict);
    assert_int_equal(verdict.ending, ENDING_COMPLETE);
    assert_int_equal(verdict.states, states);
    assert_int_equal(verdict.transitions, transitions);
    assert_int_equal(verdict.depth, depth);
    scenario.budget[FAULT_LOSS]++;
    explore(&scenario, &bounds, &verdict);
    assert_int_equal(verdict.ending, ENDING_BROKEN);
    assert_string_equal(verdict.why, "it is another run's");
    assert_int_equal(truncate(path, 5000), 0);
    scenario.budget[FAULT_LOSS]--;
    explore(&scenario, &bounds, &verdict);
    assert_int_equal(verdict.ending, ENDING_BROKEN);
    unlink(path);
}

/* One bit, anywhere: worlds that are taken for met although they were not would make a false verdict. */
static void a_damaged_checkpoint_is_not_gone_on_from(void **state)
{
    char path[] = "/tmp/lastack-check-XXXXXX";
    struct bounds bounds = {.states = 300, .checkpoint = path};
    int file = mkstemp(path);
    (void)state;
    close(file);
    scenario = *check_scenario_find("ghost");
    explore(&scenario, &bounds, &verdict);
    bounds = (struct bounds){.states = 301, .resume = path};
    explore(&scenario, &bounds, &verdict);
    assert_int_equal(verdict.ending, ENDING_STATES);
    file = open(path, O_RDWR);
    const off_t length = lseek(file, 0, SEEK_END);
    for (off_t at = 5; at < length; at += length / 97) {
        uint8_t octet;
        assert_int_equal(pread(file, &octet, 1, at), 1);
        octet ^= 0x10;
        assert_int_equal(pwrite(file, &octet, 1, at), 1);
        explore(&scenario, &bounds, &verdict);
        if (verdict.ending != ENDING_BROKEN)
            fail_msg("octet %lld of %lld is another, and nobody noticed", (long long)at, (long long)length);
        octet ^= 0x10;
        assert_int_equal(pwrite(file, &octet, 1, at), 1);
    }
    close(file);
    unlink(path);
}

static void a_trail_is_read_back(void **state)
{
    static struct trail trail;
    struct check_scenario read;
    struct outcome outcome;
    char *text = NULL;
    size_t size = 0;
    unsigned line = 0;
    (void)state;
    explore_named("old-duplicate-msl-0");
    FILE *file = open_memstream(&text, &size);
    trail_write(&scenario, &verdict.trail, file);
    fclose(file);
    file = fmemopen(text, size, "r");
    assert_null(trail_read(&read, &trail, file, &line));
    fclose(file);
    assert_int_equal(trail.count, verdict.trail.count);
    assert_memory_equal(trail.event, verdict.trail.event, trail.count * sizeof trail.event[0]);
    trail_play(&read, &trail, NULL, &outcome);
    assert_int_equal(outcome.wrong, PROPERTY_DATA);
    free(text);
}

static void a_wrong_trail_is_refused(void **state)
{
    static struct trail trail;
    const struct {
        const char *text;
        unsigned line;
    } wrong[] = {{"loss=1\nloss=x\n", 2}, {"what\n", 1},   {"event=1\n", 1},  {"event=99:0:0\n", 1},
                 {"client=sing\n", 1},    {"loss=1\n", 2}, {"isn=never\n", 1}};
    struct check_scenario read;
    unsigned line = 0;
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];
        strcpy(text, wrong[i].text);
        FILE *file = fmemopen(text, strlen(text), "r");
        assert_non_null(trail_read(&read, &trail, file, &line));
        assert_int_equal(line, wrong[i].line);
        fclose(file);
    }
}

/* ---- each property can fail: a fault is planted in the middle of a good life ---- */

static struct checker checker;
static struct world world;

static bool happens(enum event_kind kind)
{
    struct event events[EVENTS_MAX];
    unsigned count = world_events(&checker, &world, events);
    for (unsigned i = 0; i < count; i++) {
        if (events[i].kind == kind) {
            world_apply(&checker, &world, events[i]);
            return true;
        }
    }
    return false;
}

/* Until the opener's text is under way. */
static void to_text(void)
{
    check_scenario_default(&scenario);
    assert_null(check_scenario_set(&scenario, "client", "open,send,close"));
    assert_null(check_scenario_set(&scenario, "server", "eof,close"));
    checker = (struct checker){.scenario = &scenario};
    assert_true(world_begin(&checker, &world));
    assert_true(happens(EVENT_OPEN));
    while (happens(EVENT_DELIVER)) {
    }
    assert_true(happens(EVENT_STEP));
}

static enum property the_rest(void)
{
    do {
        if (checker.wrong != PROPERTY_NONE) {
            return checker.wrong;
        }
    } while (happens(EVENT_DELIVER) || happens(EVENT_STEP) || happens(EVENT_TIMER));
    return checker.wrong;
}

static void a_good_life_is_right(void **state)
{
    (void)state;
    to_text();
    assert_int_equal(the_rest(), PROPERTY_NONE);
    assert_true(world_is_done(&checker, &world));
}

static void a_host_that_is_wrong_is_seen(void **state)
{
    (void)state;
    to_text();
    world_host(&world, 1)->tcp.orphans++;
    assert_int_equal(the_rest(), PROPERTY_HOST);
}

static void octets_that_are_wrong_are_seen(void **state)
{
    (void)state;
    to_text();
    world.ghost.app[1][0].received++; /* as if one had been skipped */
    assert_int_equal(the_rest(), PROPERTY_DATA);
    to_text();
    world.ghost.app[1][0].tag++; /* as if they were another incarnation's */
    assert_int_equal(the_rest(), PROPERTY_DATA);
}

static void a_wrong_end_of_data_is_seen(void **state)
{
    (void)state;
    to_text();
    world.ghost.wrote[0][1]++; /* as if one more had been written */
    assert_true(happens(EVENT_DELIVER) && happens(EVENT_DELIVER));
    world.ghost.wrote[0][1]++;
    assert_int_equal(the_rest(), PROPERTY_EOF);
}

static void lost_octets_are_seen(void **state)
{
    (void)state;
    to_text();
    while (world.ghost.app[1][0].saw_eof == 0) {
        assert_true(happens(EVENT_DELIVER) || happens(EVENT_STEP));
    }
    world.ghost.delivered[1][1]--;
    assert_int_equal(the_rest(), PROPERTY_LOST);
}

static void a_refused_open_is_seen(void **state)
{
    (void)state;
    check_scenario_default(&scenario);
    assert_null(check_scenario_set(&scenario, "client", "send,close"));
    checker = (struct checker){.scenario = &scenario};
    assert_true(world_begin(&checker, &world));
    assert_int_equal(la_unlisten(world_host(&world, 1), WORLD_NOW, (struct la_listener){0, 1}), LA_OK);
    assert_true(happens(EVENT_OPEN));
    assert_int_equal(the_rest(), PROPERTY_OPEN);
}

static void an_old_segment_that_is_taken_is_seen(void **state)
{
    (void)state;
    to_text();
    world.ghost.app[1][0].tag = 2; /* the text under way is now of an older one, and changes the connection */
    checker.wrong = PROPERTY_NONE;
    assert_true(happens(EVENT_DELIVER));
    assert_true(checker.wrong == PROPERTY_DATA || checker.wrong == PROPERTY_OLD_SEGMENT);
    to_text();
    assert_true(happens(EVENT_DELIVER)); /* the ACK is under way, which no application reads */
    world.ghost.app[0][0].tag = 2;
    world.network.flight[0].tag = 1;
    assert_true(happens(EVENT_DELIVER));
    assert_int_equal(checker.wrong, PROPERTY_OLD_SEGMENT);
}

static struct connection *first_of(unsigned host)
{
    return connection_at(&world_host(&world, host)->tcp, 0);
}

static void numbers_that_go_back_are_seen(void **state)
{
    (void)state;
    to_text();
    const struct numbers before = numbers_of(&world, 0);
    assert_null(numbers_went_back(&world, 0, &before, 0));
    struct seq *const numbers[] = {&first_of(0)->snd_una, &first_of(0)->snd_nxt, &first_of(0)->rcv_nxt,
                                   &first_of(0)->rcv_edge};
    for (unsigned i = 0; i < 4; i++) {
        numbers[i]->v--;
        assert_non_null(numbers_went_back(&world, 0, &before, 0));
        numbers[i]->v++;
    }
    assert_null(numbers_went_back(&world, 0, &before, 0));
}

static void timestamps_that_go_back_are_seen(void **state)
{
    (void)state;
    to_text();
    struct connection *c = first_of(0);
    c->timestamps = true;
    c->ts_recent = 1000;
    c->last_tsval = 2000;
    const struct numbers before = numbers_of(&world, 0);
    assert_null(numbers_went_back(&world, 0, &before, 0));
    c->ts_recent--;
    assert_non_null(numbers_went_back(&world, 0, &before, 0));
    assert_null(numbers_went_back(&world, 0, &before, 1)); /* a millisecond later it is as before */
    c->ts_recent++;
    c->last_tsval--;
    assert_non_null(numbers_went_back(&world, 0, &before, 0));
}

static void text_without_an_ack_is_seen(void **state)
{
    (void)state;
    to_text();
    assert_null(numbers_unanswered(&world, 0));
    first_of(0)->rcv_nxt.v++;
    assert_non_null(numbers_unanswered(&world, 0));
}

/* The octets of a packet, and what is wrong once one of them is another. */
static void segments_with_numbers_of_nobody_are_seen(void **state)
{
    enum { SOURCE = 15, SOURCE_PORT = 21, DESTINATION_PORT = 23, SEQUENCE = 27, ACKNOWLEDGMENT = 31, FLAGS = 33 };
    static const uint8_t places[] = {SOURCE, SOURCE_PORT, DESTINATION_PORT, SEQUENCE, ACKNOWLEDGMENT};
    (void)state;
    to_text();
    struct flying text = world.network.flight[0];
    assert_null(numbers_said(&world, 0, &text, NULL));
    for (unsigned i = 0; i < sizeof places; i++) {
        text.packet[places[i]] ^= 8;
        assert_non_null(numbers_said(&world, 0, &text, NULL));
        text.packet[places[i]] ^= 8;
    }
    text.packet[FLAGS] = LA_RST; /* in answer to nothing */
    assert_non_null(numbers_said(&world, 0, &text, NULL));
    struct flying cause = world.network.flight[0];
    memcpy(&cause.packet[ACKNOWLEDGMENT - 3], &text.packet[SEQUENCE - 3], 4);
    assert_null(numbers_said(&world, 0, &text, &cause));
    cause.packet[ACKNOWLEDGMENT] ^= 1;
    assert_non_null(numbers_said(&world, 0, &text, &cause));
}

static void what_is_not_taken_in_its_order_is_seen(void **state)
{
    (void)state;
    to_text();
    const struct due due = numbers_due(&world, &world.network.flight[0]);
    assert_true(due.exists);
    assert_false(numbers_were_taken(&world, 1, &due));
    assert_true(happens(EVENT_DELIVER));
    assert_true(numbers_were_taken(&world, 1, &due));
}

static void endless_answers_are_seen(void **state)
{
    (void)state;
    to_text();
    world.silent_run = 200;
    assert_true(happens(EVENT_DELIVER));
    assert_int_equal(checker.wrong, PROPERTY_ACK_WAR);
}

static void who_is_stuck_is_seen(void **state)
{
    struct event events[EVENTS_MAX];
    (void)state;
    check_scenario_default(&scenario); /* nobody ever closes */
    assert_null(check_scenario_set(&scenario, "client", "send"));
    assert_null(check_scenario_set(&scenario, "server", "eof,close"));
    explore(&scenario, &no_bounds, &verdict);
    assert_int_equal(verdict.found, PROPERTY_STUCK);
    to_text();
    assert_true(world_events(&checker, &world, events) > 0);
    assert_false(world_is_done(&checker, &world));
}

static void circles_are_found(void **state)
{
    const struct step_between straight[] = {{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}};
    const struct step_between round[] = {{0, 1}, {1, 2}, {2, 3}, {3, 1}, {3, 4}};
    const struct step_between alone[] = {{0, 1}, {1, 1}};
    uint32_t numbers[8];
    struct circles circles = {0};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        assert_true(circles_add(&circles, straight[i].from, straight[i].to));
    }
    assert_int_equal(circles_find(&circles, 5, numbers, 8), 0);
    memcpy(circles.steps, round, sizeof round);
    assert_int_equal(circles_find(&circles, 5, numbers, 8), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(numbers[(i + 1) % 3], numbers[i] == 3 ? 1 : numbers[i] + 1);
    }
    memcpy(circles.steps, alone, sizeof alone);
    circles.count = 2;
    assert_int_equal(circles_find(&circles, 2, numbers, 8), 1);
    assert_int_equal(numbers[0], 1);
    circles_free(&circles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_closer_is_reset_without_the_wait),
        cmocka_unit_test(the_old_segment_is_taken_without_the_wait),
        cmocka_unit_test(numbers_that_repeat_make_a_ghost),
        cmocka_unit_test(with_the_wait_there_is_none),
        cmocka_unit_test(the_same_twice_is_the_same),
        cmocka_unit_test(bounds_are_said),
        cmocka_unit_test(an_interrupted_run_goes_on),
        cmocka_unit_test(a_damaged_checkpoint_is_not_gone_on_from),
        cmocka_unit_test(a_trail_is_read_back),
        cmocka_unit_test(a_wrong_trail_is_refused),
        cmocka_unit_test(a_good_life_is_right),
        cmocka_unit_test(a_host_that_is_wrong_is_seen),
        cmocka_unit_test(octets_that_are_wrong_are_seen),
        cmocka_unit_test(a_wrong_end_of_data_is_seen),
        cmocka_unit_test(lost_octets_are_seen),
        cmocka_unit_test(a_refused_open_is_seen),
        cmocka_unit_test(an_old_segment_that_is_taken_is_seen),
        cmocka_unit_test(numbers_that_go_back_are_seen),
        cmocka_unit_test(timestamps_that_go_back_are_seen),
        cmocka_unit_test(text_without_an_ack_is_seen),
        cmocka_unit_test(segments_with_numbers_of_nobody_are_seen),
        cmocka_unit_test(what_is_not_taken_in_its_order_is_seen),
        cmocka_unit_test(endless_answers_are_seen),
        cmocka_unit_test(who_is_stuck_is_seen),
        cmocka_unit_test(circles_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
