#include "support.h"

#include "base/core.h"

enum { CAPACITY = 5 };

struct block {
    _Alignas(8) struct core core;
    struct la_trace records[CAPACITY];
};

static void make(struct block *block, uint32_t capacity)
{
    memset(block, 0, sizeof *block);
    block->core.config.trace_mask = LA_TRACE_ALL & ~LA_TRACE_BIT(LA_TRACE_DELIVERED);
    block->core.config.trace_records = capacity;
    block->core.trace.offset = (uint32_t)(offsetof(struct block, records) / CORE_UNIT);
    memset(block->records, 0xa5, sizeof block->records);
}

/* Records come out in the order in which they went in; what does not fit is counted. */
static void against_a_plain_queue(void **state)
{
    (void)state;
    static struct block block;
    uint64_t random = 1;
    uint32_t in = 0;
    uint32_t out = 0;
    uint32_t lost = 0;
    make(&block, CAPACITY);
    for (unsigned step = 0; step < 5000; step++) {
        struct la_trace records[CAPACITY];
        block.core.now = step;
        if (random_u64(&random) % 3 != 0) {
            struct la_trace *record = core_trace(&block.core, LA_TRACE_STATE);
            assert_int_equal(record != NULL, in - out < CAPACITY);
            if (record == NULL) {
                lost++;
                continue;
            }
            assert_int_equal(record->kind, LA_TRACE_STATE);
            assert_int_equal(record->time, step);
            assert_int_equal(record->deadline, 0);
            record->sequence = in++;
        } else {
            size_t wanted = random_u64(&random) % (CAPACITY + 1);
            size_t taken = core_trace_take(&block.core, records, wanted);
            assert_int_equal(taken, wanted < in - out ? wanted : in - out);
            for (size_t i = 0; i < taken; i++) {
                assert_int_equal(records[i].sequence, out++);
            }
        }
        assert_int_equal(block.core.counter[LA_COUNT_TRACE_LOST - LA_COUNTER_WIDE_COUNT], lost);
    }
    assert_true(lost > 0);
}

static void what_is_masked_or_off_is_neither_kept_nor_lost(void **state)
{
    (void)state;
    static struct block block;
    make(&block, CAPACITY);
    assert_null(core_trace(&block.core, LA_TRACE_DELIVERED));
    assert_int_equal(block.core.trace.count, 0);
    make(&block, 0);
    assert_null(core_trace(&block.core, LA_TRACE_STATE));
    assert_int_equal(block.core.counter[LA_COUNT_TRACE_LOST - LA_COUNTER_WIDE_COUNT], 0);
}

static void drops_are_counted_and_traced(void **state)
{
    (void)state;
    static struct block block;
    make(&block, 1);
    struct la_trace *record = core_drop(&block.core, LA_DROP_PAWS);
    assert_non_null(record);
    assert_int_equal(record->kind, LA_TRACE_DROPPED);
    assert_int_equal(record->detail, LA_DROP_PAWS);
    assert_null(core_drop(&block.core, LA_DROP_PAWS));
    assert_int_equal(block.core.dropped[LA_DROP_PAWS], 2);
}

static void wide_counters_are_wide(void **state)
{
    (void)state;
    static struct block block;
    make(&block, 0);
    core_add(&block.core, LA_COUNT_TCP_IN_OCTETS, UINT32_MAX);
    core_count(&block.core, LA_COUNT_TCP_IN_OCTETS);
    assert_int_equal(block.core.wide[LA_COUNT_TCP_IN_OCTETS], UINT64_C(1) << 32);
    core_add(&block.core, LA_COUNT_TCP_TIMEOUTS, UINT32_MAX);
    core_count(&block.core, LA_COUNT_TCP_TIMEOUTS);
    assert_int_equal(block.core.counter[LA_COUNT_TCP_TIMEOUTS - LA_COUNTER_WIDE_COUNT], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_plain_queue),
        cmocka_unit_test(what_is_masked_or_off_is_neither_kept_nor_lost),
        cmocka_unit_test(drops_are_counted_and_traced),
        cmocka_unit_test(wide_counters_are_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
