#include "support.h"

#include "base/address.h"

static struct la_address parsed(const char *text)
{
    struct la_address address;
    memset(&address, 0xaa, sizeof address);
    assert_int_equal(la_address_parse(text, &address), LA_OK);
    return address;
}

static void check_text(const char *given, const char *expected)
{
    char text[LA_ADDRESS_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    struct la_address address = parsed(given);
    la_address_text(&address, text);
    assert_string_equal(text, expected);
    struct la_address again = parsed(text);
    assert_true(la_address_equal(&address, &again));
}

static void as_rfc_5952_recommends(void **state)
{
    (void)state;
    check_text("::", "::");
    check_text("0:0:0:0:0:0:0:0", "::");
    check_text("::1", "::1");
    check_text("1::", "1::");
    check_text("2001:0db8::0001", "2001:db8::1");              /* 4.1 */
    check_text("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");       /* 4.2.1 */
    check_text("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); /* 4.2.2: not for one group */
    check_text("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");         /* 4.2.3: the longest run */
    check_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");   /* 4.2.3: the first of equals */
    check_text("2001:DB8::ABCD:EF", "2001:db8::abcd:ef");      /* 4.3 */
    check_text("0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1");
    check_text("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    check_text("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
    check_text("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
    check_text("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8");
    check_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    check_text("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    check_text("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
    check_text("::ffff:10.0.0.1", "10.0.0.1"); /* mapped: that is how IPv4 is kept */
    check_text("::ffff:a00:1", "10.0.0.1");
    check_text("::fffe:10.0.0.1", "::fffe:a00:1");
    check_text("0.0.0.0", "0.0.0.0");
    check_text("255.255.255.255", "255.255.255.255");
    check_text("192.0.2.99", "192.0.2.99");
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "1",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "1.2.3.4.",
                                        ".1.2.3.4",
                                        "1..2.3",
                                        "256.1.1.1",
                                        "1.2.3.256",
                                        "01.2.3.4",
                                        "1.2.3.00",
                                        "1.2.3.4 ",
                                        " 1.2.3.4",
                                        "1.2.3.-4",
                                        "1.2.3.0x4",
                                        "1.2.3.4444444444",
                                        "a.b.c.d",
                                        ":",
                                        ":::",
                                        "1:",
                                        ":1",
                                        "1:2",
                                        "1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:",
                                        "1:2:3:4:5:6:7:8:",
                                        "1:2:3:4:5:6:7:8:9",
                                        "1:2:3:4:5:6:7:8::",
                                        "::1:2:3:4:5:6:7:8",
                                        "1::2:3:4:5:6:7:8",
                                        "1::2::3",
                                        "::1::",
                                        "1:::2",
                                        "12345::",
                                        "::12345",
                                        "g::",
                                        "::g",
                                        "::1%0",
                                        "::1/64",
                                        "::1.2.3",
                                        "::1.2.3.4.5",
                                        "::1.2.3.256",
                                        "::1.2.3.4:5",
                                        "1:2:3:4:5:6:7:1.2.3.4",
                                        "1.2.3.4::",
                                        "1:2:3:4:5:1.2.3.4",
                                        "::01.2.3.4",
                                        "::a1.2.3.4",
                                        "1:2:3:4:5:6:7:8 "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct la_address address = {{7}};
        char *text = (char *)exact(texts[i], strlen(texts[i]) + 1);
        int result = la_address_parse(text, &address);
        free(text);
        if (result != LA_ERROR_INVALID || address.octets[0] != 7 || address.octets[1] != 0) {
            fail_msg("\"%s\" was taken", texts[i]);
        }
    }
    struct la_address address;
    assert_int_equal(la_address_parse(NULL, &address), LA_ERROR_INVALID);
    assert_int_equal(la_address_parse("::", NULL), LA_ERROR_INVALID);
}

static void any_address_comes_back_from_its_text(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 100000; round++) {
        struct la_address address;
        random_bytes(&seed, address.octets, sizeof address.octets);
        uint64_t zeros = random_u64(&seed); /* a zero group is likely */
        for (unsigned i = 0; i < 8; i++) {
            if (zeros >> i & 1) {
                memset(address.octets + 2 * i, 0, 2);
            }
        }
        if (round % 4 == 0) {
            address = address_from_ipv4(address.octets + 12);
        }
        char *text = malloc(LA_ADDRESS_TEXT_BYTES);
        assert_non_null(text);
        la_address_text(&address, text);
        assert_true(strlen(text) < LA_ADDRESS_TEXT_BYTES);
        struct la_address again = parsed(text);
        assert_memory_equal(&again, &address, sizeof address);
        free(text);
    }
}

static void random_text_is_read_within_its_bounds(void **state)
{
    (void)state;
    uint64_t seed = 2;
    static const char letters[] = "0123456789abF:::....g";
    for (unsigned round = 0; round < 200000; round++) {
        char made[48];
        size_t length = random_u64(&seed) % (sizeof made - 1);
        for (size_t i = 0; i < length; i++) {
            made[i] = letters[random_u64(&seed) % (sizeof letters - 1)];
        }
        made[length] = '\0';
        char *text = (char *)exact(made, length + 1);
        struct la_address address;
        (void)la_address_parse(text, &address);
        free(text);
    }
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ipv4, any, multicast, loopback, broadcast;
    } cases[] = {
        {"::", false, true, false, false, false},
        {"::1", false, false, false, true, false},
        {"::2", false, false, false, false, false},
        {"ff02::1", false, false, true, false, false},
        {"fe80::1", false, false, false, false, false},
        {"0.0.0.0", true, true, false, false, false},
        {"0.0.0.1", true, false, false, false, false},
        {"127.0.0.1", true, false, false, true, false},
        {"127.255.255.255", true, false, false, true, false},
        {"128.0.0.1", true, false, false, false, false},
        {"223.255.255.255", true, false, false, false, false},
        {"224.0.0.0", true, false, true, false, false},
        {"239.255.255.255", true, false, true, false, false},
        {"240.0.0.0", true, false, false, false, false},
        {"255.255.255.254", true, false, false, false, false},
        {"255.255.255.255", true, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct la_address a = parsed(cases[i].text);
        assert_int_equal(la_address_is_ipv4(&a), cases[i].ipv4);
        assert_int_equal(address_is_any(&a), cases[i].any);
        assert_int_equal(address_is_multicast(&a), cases[i].multicast);
        assert_int_equal(address_is_loopback(&a), cases[i].loopback);
        assert_int_equal(address_is_broadcast(&a), cases[i].broadcast);
    }
}

static void equal_only_if_every_octet_is(void **state)
{
    (void)state;
    struct la_address a = la_address_ipv4(192, 0, 2, 1);
    struct la_address b = parsed("192.0.2.1");
    assert_true(la_address_equal(&a, &b));
    for (unsigned bit = 0; bit < 128; bit++) {
        b.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(la_address_equal(&a, &b));
        assert_int_equal(la_address_is_ipv4(&b), bit >= 96);
        b.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void prefixes_of_every_length(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned differs = 0; differs <= 128; differs++) {
        struct la_address a;
        random_bytes(&seed, a.octets, sizeof a.octets);
        struct la_address b = a;
        if (differs < 128) { /* equal up to this bit, different there, anything behind */
            b.octets[differs / 8] ^= (uint8_t)(0x80u >> differs % 8);
            for (unsigned bit = differs + 1; bit < 128; bit++) {
                b.octets[bit / 8] ^= (uint8_t)((random_u64(&seed) & 1) << (7 - bit % 8));
            }
        }
        for (unsigned bits = 0; bits <= 128; bits++) {
            assert_int_equal(address_in_prefix(&a, &b, bits), bits <= differs);
            struct la_address of_a = address_prefix(&a, bits), of_b = address_prefix(&b, bits);
            assert_int_equal(address_equal(&of_a, &of_b), bits <= differs);
        }
    }
}

static void a_prefix_is_of_one_family(void **state)
{
    (void)state;
    static const struct la_address ipv6 = {{0x20, 1, 0xd, 0xb8}}, any = {{0}};
    const struct la_address ipv4 = la_address_ipv4(192, 0, 2, 1), any_ipv4 = la_address_ipv4(0, 0, 0, 0);
    assert_true(address_in_prefix(&ipv6, &any, 0));
    assert_false(address_in_prefix(&ipv4, &any, 0));
    assert_false(address_in_prefix(&ipv4, &any, 80)); /* which have all their bits in common */
    assert_true(address_in_prefix(&ipv4, &any_ipv4, ADDRESS_IPV4_PREFIX));
    assert_false(address_in_prefix(&ipv6, &any_ipv4, ADDRESS_IPV4_PREFIX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_rfc_5952_recommends),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(any_address_comes_back_from_its_text),
        cmocka_unit_test(random_text_is_read_within_its_bounds),
        cmocka_unit_test(kinds),
        cmocka_unit_test(a_prefix_is_of_one_family),
        cmocka_unit_test(equal_only_if_every_octet_is),
        cmocka_unit_test(prefixes_of_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
