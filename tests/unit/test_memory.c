#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/memory.h"
#include "show/watch.h"

/* Two hosts, joined in memory, in virtual time, watched by one ladder: the whole of link/ and show/ but the devices. */

struct pair {
    struct memory *memory;
    la_host *host[2];
    struct la_conn conn[2]; /* by end: 0 connects, 1 listens */
    struct la_listener listener;
    struct watch watch[2];
    struct ladder *ladder;
    FILE *file;
    char *text;
    size_t size;
    la_time now;
    unsigned ended;
};

static la_host *make_host(uint8_t last, la_time now, uint8_t key)
{
    struct la_config config;
    la_config_default(&config);
    memset(config.key, key, sizeof config.key);
    config.connections = 16;
    config.time_wait_ipv4 = 16;
    config.buffer_pieces = 64;
    config.trace_records = 256;
    size_t size = (la_host_size(&config) + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    la_host *host = la_host_init(aligned_alloc(LA_HOST_ALIGNMENT, size), size, &config, now);
    struct la_address address = la_address_ipv4(10, 0, 0, last);
    assert_non_null(host);
    assert_int_equal(la_interface_add(host, now, 1500), 0);
    assert_int_equal(la_address_add(host, now, 0, &address, 24), LA_OK);
    return host;
}

static void join(struct pair *pair, const struct impair_config *config, bool two_watchers)
{
    struct link_error error;
    struct ladder_options options = {.left = "one", .right = "two"};
    memset(pair, 0, sizeof *pair);
    pair->now = LA_SECOND;
    pair->file = open_memstream(&pair->text, &pair->size);
    pair->ladder = ladder_new(pair->file, &options);
    pair->memory = memory_new(config, &error);
    assert_non_null(pair->memory);
    for (uint8_t end = 0; end < 2; end++) {
        struct la_address address = la_address_ipv4(10, 0, 0, (uint8_t)(end + 1));
        pair->host[end] = make_host((uint8_t)(end + 1), pair->now, (uint8_t)(end + 1));
        pair->watch[end] = (struct watch){.ladder = pair->ladder, .side = end == 0 ? LADDER_LEFT : LADDER_RIGHT};
        struct tap tap = watch_tap(&pair->watch[end]);
        const struct tap *watched = end == 0 || two_watchers ? &tap : NULL;
        assert_int_equal(memory_join(pair->memory, pair->host[end], 0, &address, watched, &error), end);
    }
    struct la_endpoint server = {la_address_ipv4(10, 0, 0, 2), 80};
    assert_int_equal(la_listen(pair->host[1], pair->now, &server, 4, &pair->listener), LA_OK);
    assert_int_equal(la_connect(pair->host[0], pair->now, NULL, &server, &pair->conn[0]), LA_OK);
}

/* The one that connects closes as soon as it can; the other one, when it is told. */
static bool on_event(void *context, la_time now, int end, const struct la_event *event)
{
    struct pair *pair = context;
    if (event->flags & LA_READY_ACCEPTABLE)
        assert_int_equal(la_accept(pair->host[end], now, pair->listener, &pair->conn[end]), LA_OK);
    if (event->flags & LA_READY_ESTABLISHED && end == 0)
        assert_int_equal(la_close(pair->host[end], now, pair->conn[end]), LA_OK);
    if (event->flags & LA_READY_PEER_CLOSED && end == 1)
        assert_int_equal(la_close(pair->host[end], now, pair->conn[end]), LA_OK);
    if (event->flags & LA_READY_ENDED)
        pair->ended++;
    return true;
}

static void part(struct pair *pair)
{
    ladder_free(pair->ladder);
    fclose(pair->file);
    memory_free(pair->memory);
    free(pair->host[0]);
    free(pair->host[1]);
    free(pair->text);
}

static void draw(struct pair *pair)
{
    memory_run(pair->memory, &pair->now, 100 * LA_SECOND, on_event, pair);
    assert_int_equal(pair->now, 100 * LA_SECOND);
    ladder_flush(pair->ladder);
    fflush(pair->file);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

/* What the ladder must show, in this order. */
static void assert_shows(const char *text, const char *const *what)
{
    const char *at = text;
    for (; *what != NULL; what++) {
        const char *found = strstr(at, *what);
        if (found == NULL)
            fprintf(stderr, "not shown in its place: %s\n%s\n", *what, text);
        assert_non_null(found);
        at = found + 1;
    }
}

static void lose_two_last_acks(bool two_watchers, const char *pattern, const char *const *shown)
{
    struct impair_config config = {0};
    struct link_error error;
    struct pair pair;
    assert_int_equal(impair_option(&config, "delay", "5ms", &error), 0);
    assert_int_equal(impair_option(&config, "drop", pattern, &error), 0);
    join(&pair, &config, two_watchers);
    draw(&pair);
    assert_int_equal(pair.ended, 2);
    assert_shows(pair.text, shown);
    assert_int_equal(count(pair.text, "✗ lost, by out:last-ack*2"), 2);
    assert_int_equal(count(pair.text, "wait restarted"), 2);
    assert_int_equal(count(pair.text, "wait expired"), 1);
    part(&pair);
}

static void test_both_watched(void **unused)
{
    (void)unused;
    static const char *const shown[] = {"SYN-SENT │",
                                        "│ SYN-RECEIVED",
                                        "FIN-WAIT-1 │",
                                        "│ CLOSE-WAIT",
                                        "│ LAST-ACK",
                                        "TIME-WAIT │",
                                        "✗ lost",
                                        "retransmit timer",
                                        "(retransmission)",
                                        "✗ lost",
                                        "(retransmission)",
                                        "│ CLOSED",
                                        "CLOSED │ wait expired",
                                        NULL};
    lose_two_last_acks(true, "out:last-ack*2", shown);
}

static void test_one_watched(void **unused)
{
    (void)unused;
    static const char *const shown[] = {"SYN-SENT │",  "│ (SYN-RECEIVED)", "FIN-WAIT-1 │", "│ (CLOSE-WAIT)",
                                        "TIME-WAIT │", "│ (LAST-ACK)",     "✗ lost",       "(again)",
                                        "✗ lost",      "(again)",          "│ (CLOSED)",   "CLOSED │ wait expired",
                                        NULL};
    lose_two_last_acks(false, "out:last-ack*2", shown);
}

/* Lost on its way to the watched end, from one that is not watched. */
static void test_lost_on_the_way_in(void **unused)
{
    (void)unused;
    struct impair_config config = {0};
    struct link_error error;
    struct pair pair;
    static const char *const shown[] = {"lost, by in:syn-ack ✗", "SYN,ACK seq=0 ack=1", NULL};
    assert_int_equal(impair_option(&config, "drop", "in:syn-ack", &error), 0);
    join(&pair, &config, false);
    draw(&pair);
    assert_int_equal(pair.ended, 2);
    assert_shows(pair.text, shown);
    part(&pair);
}

static void test_the_same_seed_draws_the_same_ladder(void **unused)
{
    (void)unused;
    struct impair_config config = {.seed = 11};
    struct link_error error;
    struct pair pair[2];
    assert_int_equal(impair_option(&config, "loss", "30%", &error), 0);
    assert_int_equal(impair_option(&config, "dup", "20%", &error), 0);
    assert_int_equal(impair_option(&config, "jitter", "20ms", &error), 0);
    for (int i = 0; i < 2; i++) {
        join(&pair[i], &config, true);
        draw(&pair[i]);
    }
    assert_string_equal(pair[0].text, pair[1].text);
    part(&pair[0]);
    part(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_watched),
        cmocka_unit_test(test_one_watched),
        cmocka_unit_test(test_lost_on_the_way_in),
        cmocka_unit_test(test_the_same_seed_draws_the_same_ladder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
