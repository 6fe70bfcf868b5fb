#include "support.h"

#include "base/timers.h"

enum { OWNERS = 60 };

/* What the heap must do, told by a plain array. */
struct model {
    bool is_set[OWNERS];
    uint32_t deadline[OWNERS];
};

static void compare(const struct timers *timers, const void *storage, const struct model *model)
{
    uint32_t count = 0;
    const struct timer_entry *first = timers_first(timers, storage);
    for (uint32_t owner = 0; owner < OWNERS; owner++) {
        uint32_t deadline = 0;
        assert_int_equal(timers_get(timers, storage, owner, &deadline), model->is_set[owner]);
        if (!model->is_set[owner]) {
            continue;
        }
        count++;
        assert_int_equal(deadline, model->deadline[owner]);
        assert_non_null(first);
        assert_false(deadline_before(deadline, first->deadline_ms));
    }
    assert_int_equal(timers->count, count);
    if (first == NULL) {
        assert_int_equal(count, 0);
    } else {
        assert_true(model->is_set[first->owner] && model->deadline[first->owner] == first->deadline_ms);
    }
}

/* Sets, moves, clears, takes the first: around the clock's whole circle. */
static void against_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        struct timers timers;
        struct model model = {{false}, {0}};
        void *storage = malloc((size_t)timers_bytes(OWNERS));
        uint32_t now = UINT32_MAX - 100000 * (uint32_t)seed;
        timers_init(&timers, storage, OWNERS);
        for (unsigned step = 0; step < 3000; step++) {
            uint32_t owner = (uint32_t)(random_u64(&random) % OWNERS);
            uint64_t what = random_u64(&random) % 8;
            const struct timer_entry *first = timers_first(&timers, storage);
            if (what < 5) {
                model.is_set[owner] = true;
                model.deadline[owner] = now + (uint32_t)(random_u64(&random) % (what == 0 ? 1000000 : 50));
                timers_set(&timers, storage, owner, model.deadline[owner]);
            } else if (what < 6) {
                model.is_set[owner] = false;
                timers_clear(&timers, storage, owner);
            } else if (first != NULL) {
                now = deadline_before(now, first->deadline_ms) ? first->deadline_ms : now;
                model.is_set[first->owner] = false;
                timers_clear(&timers, storage, first->owner);
            }
            compare(&timers, storage, &model);
        }
        free(storage);
    }
}

static void they_come_out_in_order_across_the_wrap(void **state)
{
    (void)state;
    struct timers timers;
    void *storage = malloc((size_t)timers_bytes(OWNERS));
    timers_init(&timers, storage, OWNERS);
    for (uint32_t i = 0; i < OWNERS; i++) {
        uint32_t owner = i * 7 % OWNERS;
        timers_set(&timers, storage, owner, UINT32_MAX - 30 + owner);
    }
    for (uint32_t owner = 0; owner < OWNERS; owner++) {
        const struct timer_entry *first = timers_first(&timers, storage);
        assert_int_equal(first->owner, owner);
        timers_clear(&timers, storage, owner);
    }
    assert_null(timers_first(&timers, storage));
    free(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_the_model),
        cmocka_unit_test(they_come_out_in_order_across_the_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
