#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support/pair.h"

/* The core contract: a host is a value in one block of memory. */

/* ---- who allocates is counted: through the sanitizer's hook, or in the C library's place ---- */

static volatile unsigned long allocations; /* a compiler knows that malloc changes no variable of ours */

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *)) __attribute__((weak));

static void count_malloc(const volatile void *block, size_t size)
{
    (void)block;
    (void)size;
    allocations++;
}

static void count_free(const volatile void *block)
{
    (void)block;
}

static bool counts_allocations(void)
{
    return __sanitizer_install_malloc_and_free_hooks != NULL &&
           __sanitizer_install_malloc_and_free_hooks(count_malloc, count_free) != 0;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}

static bool counts_allocations(void)
{
    return true;
}
#endif

static const struct pair_network quiet = {.delay = LA_MILLISECOND, .mtu = 1500};
static const struct pair_network rough = {.loss = 100,
                                          .duplication = 50,
                                          .corruption = 20,
                                          .reordering = 100,
                                          .delay = 10 * LA_MILLISECOND,
                                          .jitter = LA_MILLISECOND,
                                          .mtu = 700};

static const struct pair_app talks = {.to_write = 20000,
                                      .write_chunk = 1000,
                                      .close = PAIR_SHUTDOWN,
                                      .read_pause = 3 * LA_MILLISECOND,
                                      .read_chunk = 2000};

static void begin(struct pair *pair, uint64_t seed, const struct pair_network *network, unsigned connections)
{
    struct la_config config;
    int error = 0;
    pair_config(&config);
    config.trace_records = 64;
    pair_init(pair, seed, &config, &config, network);
    pair->accepted = talks;
    for (unsigned i = 0; i < connections; i++) {
        assert_non_null(pair_connect(pair, i % 2, &talks, &error));
    }
}

/* ---- a clone ---- */

/* Replaces side's host by a copy of it at another address of the required alignment, and poisons the original. */
static void move_host(struct pair *pair, unsigned side)
{
    size_t size = (pair->size[side] + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
    char *room = aligned_alloc(4096, (size + 4096 + 4095) / 4096 * 4096);
    assert_non_null(room);
    size_t shift = pair_between(pair, 1, 63) * LA_HOST_ALIGNMENT;
    char *to = aligned_alloc(LA_HOST_ALIGNMENT, size);
    memcpy(room + shift, pair->block[side], pair->size[side]);
    memset(pair->block[side], 0xa5, pair->size[side]);
    memcpy(to, room + shift, pair->size[side]);
    free(pair->block[side]);
    free(room);
    pair->block[side] = to;
    pair->host[side] = (la_host *)(void *)to;
}

static uint64_t live(uint64_t seed, bool moves)
{
    static struct pair pair;
    begin(&pair, seed, &rough, 3);
    uint64_t chance = 0;
    while (pair_step(&pair, LA_TIME_NEVER)) {
        chance = pair.random;
        if (moves && pair.steps % 7 == 0) {
            move_host(&pair, (unsigned)(pair.steps / 7 % 2));
        }
        pair.random = chance; /* moving takes no part in what happens */
    }
    pair_expect_baseline(&pair);
    uint64_t digest = pair.digest;
    pair_free(&pair);
    return digest;
}

static void a_copy_goes_on_as_the_original_would(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        assert_int_equal(live(seed, false), live(seed, true));
    }
}

static size_t all_output(la_host *host, la_time now, uint8_t *to, size_t size)
{
    size_t length = 0;
    size_t n = 0;
    while ((n = la_host_output(host, now, 0, to + length, size - length)) > 0) {
        length += n;
    }
    return length;
}

/* At every point of a life: original and copy, given the same, give the same. */
static void both_go_on_alike(void **state)
{
    (void)state;
    static struct pair pair;
    static uint8_t out[2][200000];
    begin(&pair, 77, &rough, 2);
    while (pair_step(&pair, LA_TIME_NEVER)) {
        if (pair.steps % 5 != 0) {
            continue;
        }
        size_t length[2];
        void *copy[2];
        for (unsigned i = 0; i < 2; i++) {
            copy[i] = aligned_alloc(LA_HOST_ALIGNMENT, (pair.size[0] + 127) / 64 * 64);
            memcpy(copy[i], pair.block[0], pair.size[0]);
            la_time later = pair.now + 300 * LA_MILLISECOND;
            if (pair.packet_count > 0 && pair.packets[0].to == 0) {
                la_host_input(copy[i], pair.now, 0, pair.packets[0].bytes, pair.packets[0].length);
            }
            la_host_advance(copy[i], later);
            length[i] = all_output(copy[i], later, out[i], sizeof out[i]);
        }
        assert_int_equal(length[0], length[1]);
        assert_memory_equal(out[0], out[1], length[0]);
        assert_memory_equal(copy[0], copy[1], pair.size[0]);
        free(copy[0]);
        free(copy[1]);
    }
    pair_free(&pair);
}

/* ---- its block, and nothing else ---- */

static void it_touches_nothing_outside_its_block(void **state)
{
    (void)state;
    static struct pair pair;
    const size_t page = 4096;
    begin(&pair, 5, &rough, 3);
    for (unsigned side = 0; side < 2; side++) {
        /* The block ends where a page that cannot be touched begins; another lies in front. */
        size_t size = (pair.size[side] + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
        size_t pages = (size + page - 1) / page * page;
        char *map = mmap(NULL, pages + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(map != MAP_FAILED);
        char *to = map + page + pages - size;
        memset(map + page, 0x5a, pages);
        memcpy(to, pair.block[side], pair.size[side]);
        assert_int_equal(mprotect(map, page, PROT_NONE), 0);
        assert_int_equal(mprotect(map + page + pages, page, PROT_NONE), 0);
        pair.host[side] = (la_host *)(void *)to;
    }
    pair_run(&pair, LA_TIME_NEVER);
    pair_expect_baseline(&pair);
    for (unsigned side = 0; side < 2; side++) {
        char *to = (char *)pair.host[side];
        size_t size = (pair.size[side] + LA_HOST_ALIGNMENT - 1) / LA_HOST_ALIGNMENT * LA_HOST_ALIGNMENT;
        size_t pages = (size + page - 1) / page * page;
        for (const char *at = to + size - pages; at < to; at++) {
            assert_int_equal(*at, 0x5a);
        }
        for (const char *at = to + pair.size[side]; at < to + size; at++) {
            assert_int_equal(*at, 0x5a);
        }
        munmap(to + size - pages - page, pages + 2 * page);
    }
    pair_free(&pair);
}

/* ---- sizes ---- */

static size_t size_with(uint32_t connections, uint32_t waits_ipv4, uint32_t waits_ipv6)
{
    struct la_config config;
    la_config_default(&config);
    config.connections = connections;
    config.time_wait_ipv4 = waits_ipv4;
    config.time_wait_ipv6 = waits_ipv6;
    return la_host_size(&config);
}

static void what_things_cost(void **state)
{
    (void)state;
    size_t connection = (size_with(20000, 0, 0) - size_with(10000, 0, 0)) / 10000;
    assert_true(connection <= 320);
    for (uint32_t n = 100; n <= 1000000; n *= 10) {
        assert_true(size_with(1, n, 0) - size_with(1, 0, 0) <= (size_t)n * 48 + 64);
        assert_true(size_with(1, 0, n) - size_with(1, 0, 0) <= (size_t)n * 72 + 64);
    }
    print_message("a connection %zu octets, a record %.1f and %.1f\n", connection,
                  (double)(size_with(1, 1000000, 0) - size_with(1, 0, 0)) / 1e6,
                  (double)(size_with(1, 0, 1000000) - size_with(1, 0, 0)) / 1e6);
}

static void tiny_config(struct la_config *config)
{
    la_config_default(config);
    config->addresses = 1;
    config->routes = 0;
    config->connections = 2;
    config->listeners = 1;
    family_set_waits(config, 4);
    config->path_mtus = 0;
    config->neighbours = 0;
    config->buffer_piece_bytes = 64;
    config->buffer_pieces = 4;
    config->reply_bytes = family_is_ipv6() ? 80 : 64;
    config->own_settings = 0;
    config->reassembly_bytes = 0;
}

static void a_tiny_host_opens_carries_and_closes(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    int error = 0;
    tiny_config(&config);
    print_message("a tiny host: %zu octets\n", la_host_size(&config));
    size_t longer_addresses = family_is_ipv6() ? 4 * 24 + 16 : 0; /* in four records and in a reply */
    assert_true(la_host_size(&config) <= 2048 + longer_addresses);
    for (unsigned round = 0; round < 3; round++) {
        pair_init(&pair, 1 + round, &config, &config, round == 0 ? &quiet : &rough);
        const struct pair_app app = {.to_write = 3000, .close = PAIR_SHUTDOWN};
        pair.accepted = app;
        const struct pair_app *client = pair_connect(&pair, round % 2, &app, &error);
        assert_non_null(client);
        pair_run(&pair, LA_TIME_NEVER);
        assert_int_equal(client->read, 3000);
        assert_int_equal(client->outcome.end, LA_END_CLEAN);
        pair_expect_baseline(&pair);
        pair_free(&pair);
    }
}

static void an_idle_connection_holds_no_buffer(void **state)
{
    (void)state;
    static struct pair pair;
    struct la_config config;
    int error = 0;
    pair_config(&config);
    pair_init(&pair, 1, &config, &config, &quiet);
    const struct pair_app app = {.to_write = 10000, .close = PAIR_CLOSE_AFTER_READING};
    pair.accepted = app;
    assert_non_null(pair_connect(&pair, 0, &app, &error));
    pair_run(&pair, LA_TIME_NEVER); /* both wait for the other to close */
    for (unsigned side = 0; side < 2; side++) {
        assert_int_equal(pair_counters(&pair, side).connections, 1);
        assert_int_equal(pair_counters(&pair, side).buffer_pieces, 0);
        assert_true(la_host_deadline(pair.host[side]) == LA_TIME_NEVER);
    }
    pair_free(&pair);
}

/* ---- determinism, time ---- */

static void the_same_calls_give_the_same_octets(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        assert_int_equal(live(seed, false), live(seed, false));
    }
    assert_int_not_equal(live(1, false), live(2, false));
}

/* A driver that sleeps until the deadline sees what one sees that calls every millisecond. */
static uint64_t live_by_milliseconds(uint64_t seed, la_time tick)
{
    static struct pair pair;
    begin(&pair, seed, &rough, 2);
    pair.network.delay = 10 * LA_MILLISECOND;
    pair.network.jitter = 0;
    la_time end = pair.now + 200 * LA_SECOND;
    while (pair.now < end) {
        la_time next = tick > 0 ? (pair.now / tick + 1) * tick : end;
        pair_run(&pair, next < end ? next : end);
        for (unsigned side = 0; side < 2 && tick > 0; side++) {
            la_host_advance(pair.host[side], pair.now);
        }
    }
    pair_expect_baseline(&pair);
    uint64_t digest = pair.digest;
    pair_free(&pair);
    return digest;
}

static void the_deadline_is_never_late(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        assert_int_equal(live_by_milliseconds(seed, 0), live_by_milliseconds(seed, LA_MILLISECOND));
    }
}

static void one_advance_does_a_bounded_amount(void **state)
{
    (void)state;
    struct la_config config;
    pair_config(&config);
    config.connections = 1000;
    config.time_wait_ipv4 = 4;
    size_t size = (la_host_size(&config) + 63) / 64 * 64;
    void *block = aligned_alloc(LA_HOST_ALIGNMENT, size);
    la_host *host = la_host_init(block, size, &config, 0);
    const struct la_address own = la_address_ipv4(10, 0, 0, 1);
    uint8_t packet[PAIR_MTU_MAX];
    assert_int_equal(la_interface_add(host, 0, 1500), 0);
    assert_int_equal(la_address_add(host, 0, 0, &own, 8), 0);
    for (unsigned i = 0; i < 1000; i++) {
        const struct la_endpoint remote = {la_address_ipv4(10, 1, (uint8_t)(i >> 8), (uint8_t)(i + 1)), 80};
        struct la_conn conn;
        if ((i & 255) < 254) {
            assert_int_equal(la_connect(host, 0, NULL, &remote, &conn), LA_OK);
        }
    }
    unsigned sent = 0;
    while (la_host_output(host, 0, 0, packet, sizeof packet) > 0) {
        sent++;
    }
    la_time due = la_host_deadline(host);
    unsigned again = 0;
    unsigned calls = 0;
    while (la_host_deadline(host) <= due) {
        unsigned now = 0;
        la_host_advance(host, due);
        while (la_host_output(host, due, 0, packet, sizeof packet) > 0) {
            now++;
        }
        assert_true(now <= 64);
        again += now;
        calls++;
    }
    assert_int_equal(again, sent);
    assert_true(calls >= sent / 64);
    free(block);
}

/* ---- no allocation ---- */

static void nothing_is_allocated(void **state)
{
    (void)state;
    static struct pair pair;
    static uint8_t packet[PAIR_MTU_MAX];
    if (!counts_allocations()) {
        skip();
    }
    unsigned long before = allocations;
    void *volatile block = malloc(1); /* it does count */
    free(block);
    assert_int_not_equal(allocations, before);
    begin(&pair, 3, &quiet, 2);
    unsigned exchanged = 0;
    while (pair_step(&pair, LA_TIME_NEVER)) {
        pair_settle(&pair);
        if (pair.packet_count == 0) {
            continue;
        }
        /* A copy does what is to be watched, so that the test's own network stays out of it. */
        unsigned side = pair.packets[0].to;
        size_t size = (pair.size[side] + 63) / 64 * 64;
        la_host *copy = aligned_alloc(LA_HOST_ALIGNMENT, size);
        memcpy(copy, pair.block[side], pair.size[side]);
        before = allocations;
        la_host_input(copy, pair.now, 0, pair.packets[0].bytes, pair.packets[0].length);
        la_host_advance(copy, pair.now + LA_SECOND);
        while (la_host_output(copy, pair.now, 0, packet, sizeof packet) > 0) {
            exchanged++;
        }
        assert_int_equal(allocations, before);
        free(copy);
    }
    assert_true(exchanged > 100);
    pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_goes_on_as_the_original_would), cmocka_unit_test(both_go_on_alike),
        cmocka_unit_test(it_touches_nothing_outside_its_block), cmocka_unit_test(what_things_cost),
        cmocka_unit_test(a_tiny_host_opens_carries_and_closes), cmocka_unit_test(an_idle_connection_holds_no_buffer),
        cmocka_unit_test(the_same_calls_give_the_same_octets),  cmocka_unit_test(the_deadline_is_never_late),
        cmocka_unit_test(one_advance_does_a_bounded_amount),    cmocka_unit_test(nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
