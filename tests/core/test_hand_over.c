#include "support/peer.h"

/* TIME-WAIT across a restart: the records of a host are written down, and another host goes on with them. The host has
   sent 1 FIN (SND.NXT is 2), the peer too (RCV.NXT is 2). */

enum { WAIT_MS = 60000, DATA_BYTES = 4096 };

#define WALL (UINT64_C(1700000000) * LA_SECOND)

struct saved {
    uint8_t octets[DATA_BYTES];
    size_t length;
};

static struct saved save(struct test *t)
{
    struct saved saved;
    size_t size = la_time_wait_save_size(t->host);
    check(t, size <= sizeof saved.octets);
    check(t, la_time_wait_save(t->host, t->now, WALL, saved.octets, size - 1) == 0);
    saved.length = la_time_wait_save(t->host, t->now, WALL, saved.octets, sizeof saved.octets);
    check(t, saved.length == size);
    return saved;
}

/* The process ends, and another begins, whose clock reads something else. */
static void restart(struct test *t, const struct la_config *config, la_time now)
{
    size_t size = la_host_size(config);
    const struct la_address own = t->local.address;
    const unsigned bits = la_address_is_ipv4(&own) ? 24 : 64;
    t->now = now;
    check(t, la_host_init(t->host, size, config, now) == t->host);
    check(t, la_interface_add(t->host, 0, 1500) == LA_OK);
    check(t, la_address_add(t->host, now, 0, &own, bits) == LA_OK);
}

static const char *load(struct test *t, const struct saved *saved, la_time downtime)
{
    return la_time_wait_load(t->host, t->now, WALL + downtime, saved->octets, saved->length);
}

static struct test *waiting(void)
{
    struct test *t = test_in(LA_TIME_WAIT);
    user_release(t);
    return t;
}

static struct la_wait only_wait(struct test *t)
{
    struct la_wait wait;
    struct la_wait second;
    uint64_t place = 0;
    check(t, la_wait_next(t->host, &place, &wait));
    check(t, !la_wait_next(t->host, &place, &second));
    return wait;
}

static void a_wait_outlives_its_process(void **state)
{
    (void)state;
    struct test *t = waiting();
    advance_ms(t, 10000);
    const struct la_wait before = only_wait(t);
    const struct saved saved = save(t);
    struct la_time_wait_saved what;
    check(t, la_time_wait_saved(saved.octets, saved.length, &what) == NULL);
    check(t, what.ipv4 + what.ipv6 == 1 && what.wall == WALL);
    check(t, memcmp(what.key, t->config.key, sizeof what.key) == 0);
    restart(t, &t->config, 7 * LA_SECOND);
    check(t, load(t, &saved, 20 * LA_SECOND) == NULL);
    const struct la_wait after = only_wait(t);
    check(t, after.snd_nxt == before.snd_nxt && after.rcv_nxt == before.rcv_nxt);
    check(t, after.ts_recent == before.ts_recent && after.last_tsval == before.last_tsval);
    check(t, after.window_bytes == before.window_bytes && after.timestamps == before.timestamps);
    check(t, after.kind == LA_CLASS_WAITING && after.way == before.way && after.answers == before.answers);
    check(t, la_address_equal(&after.local.address, &before.local.address) && after.local.port == before.local.port);
    check(t, la_address_equal(&after.remote.address, &before.remote.address));
    check(t, after.remote.port == before.remote.port);
    check(t, after.until == t->now + (WAIT_MS - 10000 - 20000) * LA_MILLISECOND);
    check(t, waits_of(t) == 1);
    la_host_advance(t->host, after.until);
    check(t, waits_of(t) == 0);
    t->now = after.until;
    end(t);
}

/* Half of a wait of a quarter is over: the rest of it is taken over, and when it began. */
static void a_shorter_wait_outlives_its_process(void **state)
{
    (void)state;
    struct test *t = test_in(LA_FIN_WAIT_2);
    check(t, la_set_option(t->host, t->now, t->conn, LA_OPTION_MSL_MS, 7500) == LA_OK);
    inject(t, .flags = FIN | ACK, .seq = peer_next(LA_FIN_WAIT_2), .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    user_release(t);
    advance_ms(t, 7000);
    const struct saved saved = save(t);
    restart(t, &t->config, 100 * LA_SECOND);
    check(t, load(t, &saved, 500 * LA_MILLISECOND) == NULL);
    check(t, only_wait(t).since == t->now - 7500 * LA_MILLISECOND);
    check(t, only_wait(t).until == t->now + 7500 * LA_MILLISECOND);
    end(t);
}

/* The next host waits longer or not at all: what it takes over lasts as long as it was said to, and since when is not
   known there. */
static void into_a_host_with_another_msl(void **state)
{
    (void)state;
    static const uint32_t others[] = {0, 1000, 29999, 60000};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct test *t = waiting();
        const struct saved saved = save(t);
        struct la_time_wait_saved what;
        struct la_config config = t->config;
        check(t, la_time_wait_saved(saved.octets, saved.length, &what) == NULL && what.msl_ms == config.msl_ms);
        config.msl_ms = others[i];
        restart(t, &config, 100 * LA_SECOND);
        check(t, load(t, &saved, LA_SECOND) == NULL);
        check(t, only_wait(t).since == 0 && only_wait(t).until == t->now + (WAIT_MS - 1000) * LA_MILLISECOND);
        end(t);
    }
}

/* The peer, in LAST-ACK, repeats its FIN, and the new process answers for the old one. */
static void the_new_process_answers(void **state)
{
    (void)state;
    struct test *t = waiting();
    const struct saved saved = save(t);
    la_time began = t->now;
    restart(t, &t->config, began + LA_SECOND);
    check(t, load(t, &saved, LA_SECOND) == NULL);
    inject(t, .flags = FIN | ACK, .seq = 1, .ack = 2);
    expect(t, .flags = ACK, .seq = 2, .ack = 2);
    check(t, only_wait(t).restarts == 1 && only_wait(t).until == t->now + WAIT_MS * LA_MILLISECOND);
    end(t);
}

/* What was over during the downtime is not taken; a clock that went back makes a wait longer, not shorter. */
static void the_downtime_counts(void **state)
{
    (void)state;
    struct test *t = waiting();
    const struct saved saved = save(t);
    restart(t, &t->config, t->now);
    check(t, load(t, &saved, WAIT_MS * LA_MILLISECOND) == NULL);
    check(t, waits_of(t) == 0);
    restart(t, &t->config, t->now);
    check(t, load(t, &saved, (WAIT_MS - 1) * LA_MILLISECOND) == NULL);
    check(t, waits_of(t) == 1 && only_wait(t).until == t->now + LA_MILLISECOND);
    restart(t, &t->config, t->now);
    check(t, la_time_wait_load(t->host, t->now, WALL - LA_SECOND, saved.octets, saved.length) == NULL);
    check(t, only_wait(t).until == t->now + WAIT_MS * LA_MILLISECOND);
    end(t);
}

/* Every octet changed, every length cut: refused whole, and nothing was taken. */
static void what_is_damaged_is_refused(void **state)
{
    (void)state;
    struct test *t = waiting();
    const struct saved good = save(t);
    restart(t, &t->config, t->now);
    for (size_t i = 0; i < good.length; i++) {
        struct saved bad = good;
        bad.octets[i] ^= (uint8_t)(1U << (i % 8));
        check(t, load(t, &bad, 0) != NULL);
        bad = good;
        bad.length = i;
        check(t, load(t, &bad, 0) != NULL);
        check(t, waits_of(t) == 0);
    }
    struct saved longer = good;
    longer.length++;
    check(t, strcmp(load(t, &longer, 0), "something follows the end") == 0);
    check(t, load(t, &good, 0) == NULL && waits_of(t) == 1);
    end(t);
}

static void hosts_that_cannot_take_it(void **state)
{
    (void)state;
    struct test *t = waiting();
    const struct saved saved = save(t);
    check(t, strstr(load(t, &saved, 0), "already") != NULL);
    struct la_config other = t->config;
    other.key[3] ^= 1;
    restart(t, &other, t->now);
    check(t, strstr(load(t, &saved, 0), "config.key") != NULL);
    other = t->config;
    other.time_wait_ipv4 = 0;
    other.time_wait_ipv6 = 0;
    restart(t, &other, t->now);
    check(t, strstr(load(t, &saved, 0), "too small") != NULL);
    end(t);
}

/* The clocks of ISNs and timestamps go on: a new incarnation's numbers lie beyond all that the old process sent, though
   the new one's clock began at nothing. */
static void the_clocks_go_on(void **state)
{
    (void)state;
    struct test *t = waiting();
    const struct la_wait old = only_wait(t);
    const struct saved saved = save(t);
    restart(t, &t->config, 0);
    check(t, load(t, &saved, 2 * (WAIT_MS * LA_MILLISECOND)) == NULL);
    check(t, waits_of(t) == 0);
    struct la_conn conn;
    check(t, la_connect(t->host, t->now, &t->local, &t->remote, &conn) == LA_OK);
    struct la_info info;
    check(t, la_info(t->host, conn, &info) == LA_OK);
    uint8_t packet[1500];
    size_t length = la_host_output(t->host, t->now, 0, packet, sizeof packet);
    size_t header = family_is_ipv6() ? 40 : 20;
    check(t, length > header + 20);
    uint32_t iss = (uint32_t)packet[header + 4] << 24 | (uint32_t)packet[header + 5] << 16 |
                   (uint32_t)packet[header + 6] << 8 | packet[header + 7];
    check(t, (int32_t)(iss - old.snd_nxt) > 0);
    check(t, (int32_t)(iss - old.snd_nxt) >= 2 * WAIT_MS * 250 - 1000);
    la_release(t->host, t->now, conn);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_outlives_its_process),  cmocka_unit_test(a_shorter_wait_outlives_its_process),
        cmocka_unit_test(into_a_host_with_another_msl), cmocka_unit_test(the_new_process_answers),
        cmocka_unit_test(the_downtime_counts),          cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(hosts_that_cannot_take_it),    cmocka_unit_test(the_clocks_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
