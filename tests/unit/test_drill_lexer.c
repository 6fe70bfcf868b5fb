#include "support.h"

#include "drill/lexer.h"

static struct lexer lexer;

static void begin(const char *text)
{
    lexer_begin(&lexer, text, strlen(text));
}

static struct token next(enum token_kind kind)
{
    struct token token = lexer_next(&lexer);
    assert_int_equal(token.kind, kind);
    return token;
}

static void is_text(const struct token *token, const char *text)
{
    assert_int_equal(token->length, strlen(text));
    assert_memory_equal(token->text, text, token->length);
}

static void test_words_and_numbers(void **state)
{
    (void)state;
    begin("connect 12 -1 0x1f 12ab .5 0.25 -");
    struct token token = next(TOKEN_WORD);
    assert_true(token_is(&token, "connect"));
    assert_int_equal(next(TOKEN_INTEGER).integer, 12);
    assert_int_equal(next(TOKEN_INTEGER).integer, -1);
    token = next(TOKEN_INTEGER);
    assert_int_equal(token.integer, 0x1f);
    assert_true(token.is_hex);
    token = next(TOKEN_WORD);
    is_text(&token, "12ab");
    token = next(TOKEN_DECIMAL);
    is_text(&token, ".5");
    token = next(TOKEN_DECIMAL);
    is_text(&token, "0.25");
    token = next(TOKEN_MARK);
    assert_true(token_is_mark(&token, '-'));
    next(TOKEN_END);
}

/* Three full stops are one word, whatever stands around them. */
static void test_ellipsis_between_times(void **state)
{
    (void)state;
    begin("+.1...0.200 0...5");
    struct token token = next(TOKEN_MARK);
    assert_true(token_is_mark(&token, '+'));
    token = next(TOKEN_DECIMAL);
    is_text(&token, ".1");
    next(TOKEN_ELLIPSIS);
    token = next(TOKEN_DECIMAL);
    is_text(&token, "0.200");
    assert_int_equal(next(TOKEN_INTEGER).integer, 0);
    next(TOKEN_ELLIPSIS);
    assert_int_equal(next(TOKEN_INTEGER).integer, 5);
}

static void test_comments_are_blank(void **state)
{
    (void)state;
    begin("a // b\n# c\n/* d\n * e **/ f");
    struct token token = next(TOKEN_WORD);
    is_text(&token, "a");
    token = next(TOKEN_WORD);
    is_text(&token, "f");
    assert_int_equal(token.place.line, 4);
    assert_int_equal(token.place.column, 10);
}

/* What packetdrill does not know is a comment to it, and read here. */
static void test_for_lastack_alone(void **state)
{
    (void)state;
    begin("// lastack: --msl_ms=1000\n// lastack is no comment's end\n// lastack: word");
    struct token token = next(TOKEN_OPTION);
    is_text(&token, "--msl_ms=1000");
    token = next(TOKEN_WORD);
    is_text(&token, "word");
    assert_int_equal(token.place.line, 3);
    next(TOKEN_END);
}

static void test_quoted(void **state)
{
    (void)state;
    begin("\"a \\\" b\" `ls\n-l` %{ assert 1 }% --tolerance-usecs=5 --define=CC=\"a b\"");
    struct token token = next(TOKEN_STRING);
    is_text(&token, "a \\\" b");
    token = next(TOKEN_COMMAND);
    is_text(&token, "ls\n-l");
    token = next(TOKEN_CODE);
    is_text(&token, " assert 1 ");
    token = next(TOKEN_OPTION);
    is_text(&token, "--tolerance-usecs=5");
    token = next(TOKEN_OPTION);
    is_text(&token, "--define=CC=\"a b\"");
}

static void test_flags_are_read_by_character(void **state)
{
    (void)state;
    begin(" P.5 1:2<mss 1>");
    struct token token = lexer_flags(&lexer);
    is_text(&token, "P.5");
    assert_int_equal(next(TOKEN_INTEGER).integer, 1);
    begin("SEW<");
    token = lexer_flags(&lexer);
    is_text(&token, "SEW");
}

static void test_what_does_not_end_is_broken(void **state)
{
    (void)state;
    const char *const texts[] = {
        "\"abc", "`abc", "%{ abc", "/* abc", "--a=\"b", "99999999999999999999", "0xfffffffffffffffffffff"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        begin(texts[i]);
        struct token token = next(TOKEN_BROKEN);
        assert_non_null(token.wrong);
        assert_int_equal(token.place.line, 1);
        assert_int_equal(token.place.column, 1);
    }
}

static void test_times_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } times[] = {{"0", 0},
                 {"1", 1000000000},
                 {".1", 100000000},
                 {"0.000000001", 1},
                 {"2.5", 2500000000},
                 {"0.1234567899", 123456789},
                 {"1000000000", 1000000000000000000}};
    int64_t nanoseconds = 0;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        begin(times[i].text);
        struct token token = lexer_next(&lexer);
        assert_true(token_nanoseconds(&token, &nanoseconds));
        assert_int_equal(nanoseconds, times[i].nanoseconds);
    }
    const char *const wrong[] = {"-1", "-.5", "1000000001", "0x10"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(wrong[i]);
        struct token token = lexer_next(&lexer);
        assert_false(token_nanoseconds(&token, &nanoseconds));
    }
}

/* Any octets are some words; the last one is the end, and places stay within the text. */
static void test_any_octets(void **state)
{
    (void)state;
    uint64_t seed = 7;
    static const char marks[] = "\"`%{}/*-.0x1a<> \n#";
    for (unsigned round = 0; round < 5000; round++) {
        uint8_t octets[40];
        size_t length = random_u64(&seed) % sizeof octets;
        random_bytes(&seed, octets, length);
        for (size_t i = 0; i < length && round % 2 == 0; i++)
            octets[i] = (uint8_t)marks[octets[i] % (sizeof marks - 1)];
        char *copy = (char *)exact(octets, length);
        lexer_begin(&lexer, copy, length);
        struct token token = {.kind = TOKEN_WORD};
        for (size_t count = 0; token.kind != TOKEN_END && token.kind != TOKEN_BROKEN; count++) {
            assert_true(count <= length);
            token = lexer_next(&lexer);
            if (token.kind != TOKEN_BROKEN && token.text + token.length > copy + length)
                fail_msg("round %u: kind %d, %zu octets", round, token.kind, token.length);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_numbers),
        cmocka_unit_test(test_ellipsis_between_times),
        cmocka_unit_test(test_comments_are_blank),
        cmocka_unit_test(test_for_lastack_alone),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_flags_are_read_by_character),
        cmocka_unit_test(test_what_does_not_end_is_broken),
        cmocka_unit_test(test_times_are_exact),
        cmocka_unit_test(test_any_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
