#include "support.h"

#include "base/replies.h"

enum { MODEL_PACKETS = 600, LONGEST = 600 };

/* What the ring must do, told by a plain list. */
struct model {
    struct {
        unsigned interface;
        size_t length;
        uint8_t fill;
    } packets[MODEL_PACKETS];
    size_t count;
    size_t bytes; /* what the packets take up, gaps not counted */
};

static size_t model_take(struct model *model, unsigned interface, uint8_t *fill)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->packets[i].interface == interface) {
            size_t length = model->packets[i].length;
            *fill = model->packets[i].fill;
            model->count--;
            model->bytes -= replies_record_bytes(length);
            memmove(&model->packets[i], &model->packets[i + 1], (model->count - i) * sizeof model->packets[0]);
            return length;
        }
    }
    return 0;
}

static bool put(struct replies *replies, uint8_t *ring, unsigned interface, size_t reserved, size_t length,
                uint8_t fill)
{
    struct replies before = *replies;
    uint8_t *room = replies_reserve(replies, ring, interface, reserved);
    if (room == NULL) {
        assert_memory_equal(replies, &before, sizeof before);
        return false;
    }
    assert_true(room >= ring && room + reserved <= ring + replies->bytes);
    memset(room, fill, length);
    replies_commit(replies, ring, interface, length);
    assert_true(replies->used <= replies->bytes && replies->head < replies->bytes && replies->tail < replies->bytes);
    return true;
}

static void take_and_compare(struct replies *replies, uint8_t *ring, struct model *model, unsigned interface)
{
    uint8_t expected[LONGEST];
    uint8_t fill = 0;
    size_t length = model_take(model, interface, &fill);
    memset(expected, fill, sizeof expected);
    uint8_t *buffer = exact(expected, length);
    memset(buffer, 0, length);
    assert_int_equal(replies_take(replies, ring, interface, buffer, length), length);
    assert_memory_equal(buffer, expected, length);
    free(buffer);
}

static void against_the_model(void **state)
{
    (void)state;
    static struct model model;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        struct replies replies = {.bytes = (uint32_t)(256 + 8 * (random_u64(&random) % 200))};
        uint8_t *ring = malloc(replies.bytes);
        assert_non_null(ring);
        memset(ring, 0, replies.bytes);
        memset(&model, 0, sizeof model);
        unsigned interfaces = seed % 3 == 0 ? 1 : 3;
        for (unsigned step = 0; step < 2000; step++) {
            unsigned interface = (unsigned)(random_u64(&random) % interfaces);
            if (random_u64(&random) % 2 == 0) {
                size_t reserved = 1 + random_u64(&random) % (seed % 2 == 0 ? 60 : LONGEST);
                size_t length = random_u64(&random) % 4 == 0 ? 1 + random_u64(&random) % reserved : reserved;
                if (put(&replies, ring, interface, reserved, length, (uint8_t)step)) {
                    model.packets[model.count].interface = interface;
                    model.packets[model.count].length = length;
                    model.packets[model.count++].fill = (uint8_t)step;
                    model.bytes += replies_record_bytes(length);
                    assert_true(model.bytes <= replies.used);
                } else {
                    /* two free ends, both too short, and a gap that a longer packet left */
                    size_t lost = 2 * replies_record_bytes(reserved) + replies_record_bytes(LONGEST);
                    assert_true(model.bytes + lost > replies.bytes || interfaces > 1);
                }
            } else {
                take_and_compare(&replies, ring, &model, interface);
            }
            assert_true((model.count == 0) == (replies.used == 0));
        }
        for (unsigned interface = 0; interface < interfaces; interface++) {
            while (model.count > 0 && replies.used > 0) {
                size_t before = model.count;
                take_and_compare(&replies, ring, &model, interface);
                if (model.count == before) {
                    break;
                }
            }
        }
        assert_int_equal(model.count, 0);
        assert_int_equal(replies.used, 0);
        free(ring);
    }
}

static void packets_of_one_size_fill_it_exactly(void **state)
{
    (void)state;
    for (uint32_t bytes = 256; bytes <= 1024; bytes += 8) {
        for (size_t length = 1; length + 8 <= 300; length++) {
            struct replies replies = {.bytes = bytes};
            uint8_t *ring = malloc(bytes);
            assert_non_null(ring);
            size_t fit = bytes / replies_record_bytes(length);
            for (size_t i = 0; i < fit; i++) {
                assert_true(put(&replies, ring, 0, length, length, (uint8_t)i));
            }
            assert_false(put(&replies, ring, 0, length, length, 0)); /* the newest is refused, the others stay */
            uint8_t buffer[300];
            for (size_t i = 0; i < fit; i++) {
                assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), length);
                assert_int_equal(buffer[0], (uint8_t)i);
                assert_int_equal(buffer[length - 1], (uint8_t)i);
            }
            assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 0);
            free(ring);
        }
    }
}

static void an_empty_ring_takes_the_longest_packet(void **state)
{
    (void)state;
    struct replies replies = {.bytes = 256};
    uint8_t ring[256];
    uint8_t buffer[256];
    for (unsigned i = 0; i < 100; i++) {
        assert_true(put(&replies, ring, 0, 1 + i, 1 + i, 1)); /* wherever the one before it ended */
        assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 1 + i);
        assert_false(put(&replies, ring, 0, 249, 249, 2));
        assert_true(put(&replies, ring, 0, 248, 248, 3));
        assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 248);
    }
}

static void a_packet_too_long_for_the_buffer_stays(void **state)
{
    (void)state;
    struct replies replies = {.bytes = 256};
    uint8_t ring[256];
    uint8_t buffer[64];
    assert_true(put(&replies, ring, 2, 40, 40, 9));
    assert_int_equal(replies_take(&replies, ring, 2, buffer, 39), 0);
    assert_int_equal(replies_take(&replies, ring, 1, buffer, 64), 0);
    assert_int_equal(replies_take(&replies, ring, 2, buffer, 40), 40);
    assert_int_equal(replies.used, 0);
}

static void what_is_reserved_but_not_committed_is_not_there(void **state)
{
    (void)state;
    struct replies replies = {.bytes = 256};
    uint8_t ring[256];
    uint8_t buffer[256];
    memset(ring, 0, sizeof ring);
    assert_true(put(&replies, ring, 0, 100, 100, 1));
    assert_true(put(&replies, ring, 0, 100, 100, 2));
    assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 100);
    assert_non_null(replies_reserve(&replies, ring, 0, 90)); /* goes over the end: a gap is left there */
    assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 100);
    assert_int_equal(buffer[0], 2);
    assert_int_equal(replies_take(&replies, ring, 0, buffer, sizeof buffer), 0);
    assert_int_equal(replies.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_the_model),
        cmocka_unit_test(packets_of_one_size_fill_it_exactly),
        cmocka_unit_test(an_empty_ring_takes_the_longest_packet),
        cmocka_unit_test(a_packet_too_long_for_the_buffer_stays),
        cmocka_unit_test(what_is_reserved_but_not_committed_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
