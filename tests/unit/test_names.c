#include "support.h"

#include <lastack/lastack.h>

/* What is common to all tables: names for all numbers up to the count, all different, "?" beyond, only letters that fit. */
#define CHECK_NAMES(function, type, first, count, letters)                          \
    do {                                                                            \
        for (int i = (first); i < (first) + (count); i++) {                         \
            const char *name = function((enum type)i);                              \
            assert_true(strlen(name) > 1 && strspn(name, letters) == strlen(name)); \
            for (int k = (first); k < i; k++) {                                     \
                assert_string_not_equal(name, function((enum type)k));              \
            }                                                                       \
        }                                                                           \
        assert_string_equal(function((enum type)((first) + (count))), "?");         \
        assert_string_equal(function((enum type)((first)-1)), "?");                 \
        assert_string_equal(function((enum type)1000), "?");                        \
    } while (0)

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

static void every_number_has_a_name_of_its_own(void **state)
{
    (void)state;
    CHECK_NAMES(la_state_name, la_state, 0, LA_STATE_COUNT, UPPER "-12");
    CHECK_NAMES(la_end_name, la_end, 0, LA_END_COUNT, LOWER "-2");
    CHECK_NAMES(la_drop_name, la_drop, 0, LA_DROP_COUNT, LOWER "-");
    CHECK_NAMES(la_timer_name, la_timer, 0, LA_TIMER_COUNT, LOWER "-2");
    CHECK_NAMES(la_neighbour_state_name, la_neighbour_state, 0, LA_NEIGHBOUR_STATE_COUNT, UPPER);
    CHECK_NAMES(la_address_event_name, la_address_event, 0, LA_ADDRESS_EVENT_COUNT, LOWER);
    CHECK_NAMES(la_wait_event_name, la_wait_event, 0, LA_WAIT_EVENT_COUNT, LOWER "-");
    CHECK_NAMES(la_trace_kind_name, la_trace_kind, 0, LA_TRACE_KIND_COUNT, LOWER "-");
    CHECK_NAMES(la_counter_name, la_counter, 0, LA_COUNTER_COUNT, LOWER UPPER DIGIT);
    CHECK_NAMES(la_error_name, la_error, -16, 17, LOWER "-");
}

static void names_that_others_know(void **state)
{
    (void)state;
    assert_string_equal(la_state_name(LA_FIN_WAIT_1), "FIN-WAIT-1");
    assert_string_equal(la_state_name(LA_SYN_RECEIVED), "SYN-RECEIVED");
    assert_string_equal(la_state_name(LA_TIME_WAIT), "TIME-WAIT");
    assert_string_equal(la_drop_name(LA_DROP_TCP_CHECKSUM), "tcp-checksum");
    assert_string_equal(la_drop_name(LA_DROP_BACKLOG_FULL), "backlog-full");
    assert_string_equal(la_counter_name(LA_COUNT_TCP_ACTIVE_OPENS), "tcpActiveOpens");
    assert_string_equal(la_counter_name(LA_COUNT_TCP_ESTABLISHED_RESETS), "tcpEstabResets");
    assert_string_equal(la_counter_name(LA_COUNT_WAIT_REUSED), "TcpExtTWRecycled");
    assert_string_equal(la_counter_name(LA_COUNT_WAIT_ENTERED), "lastackWaitEntered");
    assert_string_equal(la_error_name(LA_OK), "ok");
    assert_string_equal(la_error_name(LA_ERROR_WOULD_BLOCK), "would-block");
    assert_string_equal(la_trace_kind_name(LA_TRACE_SEGMENT_IN), "segment-in");
    assert_string_equal(la_version(), LA_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_name_of_its_own),
        cmocka_unit_test(names_that_others_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
