#include "support.h"

#include "base/seq.h"

/* A circle of 2^32, against arithmetic on 64 bits. */

static const uint32_t origins[] = {0, 1, UINT32_C(0x7fffffff), UINT32_C(0x80000000), UINT32_C(0xffffff00), UINT32_MAX};

static void order_is_that_of_the_distance(void **state)
{
    (void)state;
    static const int64_t steps[] = {-0x7fffffff, -65536, -1, 0, 1, 1460, 65536, 0x7fffffff};
    for (size_t o = 0; o < sizeof origins / sizeof origins[0]; o++) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            struct seq a = seq_of(origins[o]);
            struct seq b = seq_of((uint32_t)((int64_t)origins[o] + steps[i]));
            assert_int_equal(seq_before(a, b), steps[i] > 0);
            assert_int_equal(seq_after(a, b), steps[i] < 0);
            assert_int_equal(seq_before_or_equal(a, b), steps[i] >= 0);
            assert_int_equal(seq_after_or_equal(a, b), steps[i] <= 0);
            assert_int_equal(seq_equal(a, b), steps[i] == 0);
            assert_int_equal(seq_max(a, b).v, steps[i] > 0 ? b.v : a.v);
            assert_int_equal(seq_max(b, a).v, steps[i] > 0 ? b.v : a.v);
            if (steps[i] >= 0) {
                assert_int_equal(seq_distance(a, b), steps[i]);
                assert_int_equal(seq_add(a, (uint32_t)steps[i]).v, b.v);
            }
        }
    }
}

static void a_window_contains_its_numbers(void **state)
{
    (void)state;
    for (size_t o = 0; o < sizeof origins / sizeof origins[0]; o++) {
        for (uint32_t octets = 0; octets < 5; octets++) {
            for (int64_t at = -3; at < 8; at++) {
                struct seq s = seq_of((uint32_t)((int64_t)origins[o] + at));
                assert_int_equal(seq_in(s, seq_of(origins[o]), octets), at >= 0 && at < (int64_t)octets);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_the_distance),
        cmocka_unit_test(a_window_contains_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
