#include "support.h"

#include "base/checksum.h"

enum { LONGEST = 300 };

static void the_example_of_rfc_1071(void **state)
{
    (void)state;
    const uint8_t octets[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* section 3: sum ddf2 */
    assert_int_equal(checksum_finish(checksum_add(0, false, octets, sizeof octets)), 0xffff & ~0xddf2);
}

static void of_nothing_and_of_all_ones(void **state)
{
    (void)state;
    uint8_t ones[64];
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(checksum_finish(checksum_add(0, false, NULL, 0)), 0xffff);
    assert_int_equal(checksum_finish(checksum_add(0, false, ones, sizeof ones)), 0);
    assert_int_equal(checksum_finish(checksum_add(UINT64_MAX, true, ones, sizeof ones)), 0);
}

static void every_length_at_every_alignment(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t alignment = 0; alignment < 16; alignment++) {
        for (size_t length = 0; length <= LONGEST; length++) {
            uint8_t *octets = malloc(alignment + length + 1);
            assert_non_null(octets);
            octets += 1; /* ends with the block, begins at any alignment */
            random_bytes(&seed, octets, alignment + length);
            uint16_t expected = naive_checksum(octets + alignment, length);
            assert_int_equal(checksum_finish(checksum_add(0, false, octets + alignment, length)), expected);
            uint8_t *copy = exact(octets + alignment, length);
            memset(copy, 0, length);
            assert_int_equal(checksum_finish(checksum_copy(0, false, copy, octets + alignment, length)), expected);
            assert_memory_equal(copy, octets + alignment, length);
            free(copy);
            free(octets - 1);
        }
    }
}

static void every_split_into_two(void **state)
{
    (void)state;
    uint64_t seed = 2;
    uint8_t octets[130];
    uint8_t copy[130];
    for (size_t length = 0; length <= sizeof octets; length++) {
        random_bytes(&seed, octets, length);
        uint16_t expected = naive_checksum(octets, length);
        for (size_t cut = 0; cut <= length; cut++) {
            bool odd = cut % 2 == 1;
            uint64_t sum = checksum_add(0, false, octets, cut);
            assert_int_equal(checksum_finish(checksum_add(sum, odd, octets + cut, length - cut)), expected);
            sum = checksum_copy(0, odd, copy + cut, octets + cut, length - cut); /* and in any order */
            sum = checksum_copy(sum, false, copy, octets, cut);
            assert_int_equal(checksum_finish(sum), expected);
            assert_memory_equal(copy, octets, length);
        }
    }
}

static void many_pieces(void **state)
{
    (void)state;
    uint64_t seed = 3;
    static uint8_t octets[4096];
    static uint8_t copy[4096];
    for (unsigned round = 0; round < 500; round++) {
        size_t length = random_u64(&seed) % sizeof octets;
        random_bytes(&seed, octets, length);
        uint64_t sum = 0;
        uint64_t joined = 0;
        for (size_t at = 0; at < length;) {
            size_t piece = 1 + random_u64(&seed) % (length - at);
            sum = checksum_copy(sum, at % 2 == 1, copy + at, octets + at, piece);
            uint64_t alone = checksum_add(0, false, octets + at, piece);
            joined = checksum_join(joined, at % 2 == 1 ? checksum_swap(alone) : alone);
            at += piece;
        }
        assert_int_equal(checksum_finish(sum), naive_checksum(octets, length));
        assert_int_equal(checksum_finish(joined), naive_checksum(octets, length));
        assert_memory_equal(copy, octets, length);
    }
}

static void long_runs_of_carries(void **state)
{
    (void)state;
    static uint8_t octets[65535];
    for (unsigned fill = 0; fill < 256; fill += 15) {
        memset(octets, (int)fill, sizeof octets);
        assert_int_equal(checksum_finish(checksum_add(0, false, octets, sizeof octets)),
                         naive_checksum(octets, sizeof octets));
    }
}

static void fields_by_value_are_octets_in_network_order(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (unsigned round = 0; round < 10000; round++) {
        uint8_t octets[10];
        random_bytes(&seed, octets, sizeof octets);
        uint64_t fields = (uint64_t)get_u32(octets) + get_u16(octets + 4) + get_u32(octets + 6);
        assert_int_equal(checksum_finish(checksum_fields(0, fields)), naive_checksum(octets, sizeof octets));
        uint64_t sum = checksum_add(0, false, octets, 6);
        assert_int_equal(checksum_finish(checksum_fields(sum, get_u32(octets + 6))), naive_checksum(octets, 10));
    }
}

static void a_whole_with_its_checksum_gives_zero(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t length = 4; length < 100; length++) {
        uint8_t octets[100];
        random_bytes(&seed, octets, length);
        put_u16(octets + 2, 0);
        put_u16(octets + 2, checksum_finish(checksum_add(0, false, octets, length)));
        assert_int_equal(checksum_finish(checksum_add(0, false, octets, length)), 0);
        assert_true(checksum_is_right(checksum_add(0, false, octets, length)));
        for (size_t bit = 0; bit < 8 * length; bit++) {
            octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(checksum_finish(checksum_add(0, false, octets, length)), 0);
            assert_false(checksum_is_right(checksum_add(0, false, octets, length)));
            octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071),
        cmocka_unit_test(of_nothing_and_of_all_ones),
        cmocka_unit_test(every_length_at_every_alignment),
        cmocka_unit_test(every_split_into_two),
        cmocka_unit_test(many_pieces),
        cmocka_unit_test(long_runs_of_carries),
        cmocka_unit_test(fields_by_value_are_octets_in_network_order),
        cmocka_unit_test(a_whole_with_its_checksum_gives_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
