#include "support.h"

#include "base/bytes.h"

static void words_are_big_endian(void **state)
{
    (void)state;
    const uint8_t octets[] = {0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0xf7};
    struct reader r = reader_of(octets, sizeof octets);
    assert_int_equal(read_u8(&r), 0x01);
    assert_int_equal(read_u16(&r), 0x0203);
    assert_int_equal(read_u32(&r), 0x840506f7);
    assert_int_equal(reader_left(&r), 0);
    assert_false(r.failed);
    uint8_t written[sizeof octets];
    struct writer w = writer_of(written, sizeof written);
    write_u8(&w, 0x01);
    write_u16(&w, 0x0203);
    write_u32(&w, 0x840506f7);
    assert_false(w.failed);
    assert_int_equal(writer_left(&w), 0);
    assert_memory_equal(octets, written, sizeof octets);
}

static void a_read_that_does_not_fit_fails_for_good(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 4};
    for (size_t have = 0; have <= 4; have++) {
        for (size_t k = 0; k < 3; k++) {
            uint8_t *octets = exact("\xff\xff\xff\xff", have);
            struct reader r = reader_of(octets, have);
            uint32_t value = k == 0 ? read_u8(&r) : k == 1 ? read_u16(&r) : read_u32(&r);
            assert_int_equal(r.failed, sizes[k] > have);
            assert_int_equal(value, sizes[k] > have ? 0 : UINT32_MAX >> (32 - 8 * sizes[k]));
            if (r.failed) {
                assert_ptr_equal(r.at, octets);
                assert_int_equal(read_u8(&r), 0);
                assert_null(reader_take(&r, 0));
                assert_true(r.failed);
            }
            free(octets);
        }
    }
}

static void parts_and_rests(void **state)
{
    (void)state;
    const uint8_t octets[] = {1, 2, 3, 4, 5};
    struct reader r = reader_of(octets, sizeof octets);
    struct reader part = reader_part(&r, 2);
    assert_int_equal(reader_left(&part), 2);
    assert_int_equal(read_u16(&part), 0x0102);
    assert_int_equal(read_u8(&part), 0);
    assert_true(part.failed);
    assert_false(r.failed);
    struct reader rest = reader_rest(&r);
    assert_int_equal(reader_left(&rest), 3);
    assert_int_equal(reader_left(&r), 0);
    reader_skip(&rest, 3);
    assert_false(rest.failed);
    struct reader none = reader_part(&rest, SIZE_MAX);
    assert_true(none.failed && rest.failed);
    assert_int_equal(reader_left(&none), 0);
}

static void a_write_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    for (size_t room = 0; room <= 4; room++) {
        uint8_t *octets = exact("\xee\xee\xee\xee", room);
        struct writer w = writer_of(octets, room);
        write_bytes(&w, "abcde", room + 1);
        assert_true(w.failed);
        write_u8(&w, 1);
        write_u16(&w, 1);
        write_u32(&w, 1);
        assert_null(writer_take(&w, 0));
        assert_memory_equal(octets, "\xee\xee\xee\xee", room);
        free(octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_big_endian),
        cmocka_unit_test(a_read_that_does_not_fit_fails_for_good),
        cmocka_unit_test(parts_and_rests),
        cmocka_unit_test(a_write_that_does_not_fit_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
