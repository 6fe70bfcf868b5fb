#include "support.h"

#include <stdio.h>

#include "drill/expression.h"

static struct arena arena;
static struct problem problem;

static bool look_up(void *context, const char *name, int64_t *value)
{
    (void)context;
    if (strcmp(name, "ten") != 0 && strcmp(name, "tcpi_snd_cwnd") != 0)
        return false;
    *value = 10;
    return true;
}

/* 1: it ran; 0: an assertion failed; -1: something is wrong with the code. */
static int run(const char *code, char *printed, size_t size)
{
    struct scope scope = {.arena = &arena, .look_up = look_up};
    struct place place = {7, 3};
    bool is_assertion = false;
    char *text = NULL;
    size_t length = 0;
    scope.out = open_memstream(&text, &length);
    bool good = expression_run(code, place, &scope, &problem, &is_assertion);
    fclose(scope.out);
    if (printed != NULL)
        snprintf(printed, size, "%s", text);
    free(text);
    arena_free(&arena);
    return good ? 1 : is_assertion ? 0 : -1;
}

static void test_what_holds(void **state)
{
    (void)state;
    const char *const codes[] = {
        "assert 1",
        "assert 1 + 2 * 3 == 7",
        "assert (1 + 2) * 3 == 9",
        "assert -7 // 2 == -4 and -7 % 2 == 1 and 7 % -2 == -1",
        "assert 6 / 3 == 2",
        "assert 1 << 4 | 1 == 17",
        "assert 0x10 & 0x30 == 0x10",
        "assert ~0 == -1 and 5 ^ 1 == 4",
        "assert 3 <= ten <= 12",
        "assert 3 <= ten < 11 < 12",
        "assert not ten == 11",
        "assert not (1 and 0) or nonsense",
        "assert 0 and nonsense or 1",
        "assert (tcpi_snd_cwnd & 8) != 0, tcpi_snd_cwnd",
        "assert tcpi_snd_cwnd == 10, 'cwnd=%d of %d' % (tcpi_snd_cwnd, 5)",
        "x = 3; x += 4; assert x == 7; x *= 2; x -= 1; assert x == 13",
        "assert 1;\\\n   assert 2",
        "assert 1  # a comment\nassert 2\n\n",
        "assert (1 +\n 1) == 2",
        "assert abs(-3) == 3 and min(4, 2, 9) == 2 and max(1, 5) == 5",
        "assert 'a' == 'a' and True and not False",
        " assert 1; \\",
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (run(codes[i], NULL, 0) != 1)
            fail_msg("%s: %s", codes[i], problem.text);
        assert_true(expression_check(codes[i], (struct place){1, 1}, &problem));
    }
}

static void test_what_does_not_hold_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        const char *said;
        unsigned line;
    } cases[] = {
        {"assert 0", "assert 0 does not hold", 7},
        {"assert ten == 9", "assert ten == 9 does not hold: ten is 10", 7},
        {"assert 1\n assert ten < 3, 'ten=%d' % ten", "assert ten < 3 does not hold: ten is 10: ten=10", 8},
        {"assert 3 <= ten <= 9", "does not hold", 7},
        {"assert 1 == 1 == 2", "does not hold", 7},
        {"assert not 1", "does not hold", 7},
        {"assert 1 and 0", "does not hold", 7},
        {"assert 'a' == 'b'", "does not hold", 7},
        {"assert ''", "does not hold", 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run(cases[i].code, NULL, 0), 0);
        if (strstr(problem.text, cases[i].said) == NULL || problem.place.line != cases[i].line)
            fail_msg("%s: %u: %s", cases[i].code, problem.place.line, problem.text);
    }
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        const char *said;
        bool is_seen_before; /* without running it */
    } cases[] = {
        {"assert nonsense == 1", "there is no 'nonsense'", false},
        {"x += 1", "there is no 'x'", false},
        {"assert 1 // 0", "a division by 0", false},
        {"assert 1 / 2", "leaves a rest", false},
        {"assert 1 << 63", "a shift is by 0 to 62", false},
        {"assert 'a' + 1", "a number is needed", false},
        {"assert 0, '%d' % (1, 2)", "do not go together", false},
        {"assert", "expected a name", true},
        {"assert (1", "expected )", true},
        {"assert 1 1", "expected the statement's end", true},
        {"assert 1.5", "only whole numbers", true},
        {"assert 'a", "does not end", true},
        {"sqrt(2)", "expected assert, print", true},
        {"assert sqrt(2)", "there is no function 'sqrt'", true},
        {"import os", "expected assert, print", true},
        {"x == 1", "expected assert, print", true},
        {"assert ((((((((((((((((((((((((((((((((((((((((((((1", "nested too deep", true},
        {"assert ---------------------------------------------1", "nested too deep", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (run(cases[i].code, NULL, 0) != -1 || strstr(problem.text, cases[i].said) == NULL)
            fail_msg("%s: %s", cases[i].code, problem.text);
        bool is_good = expression_check(cases[i].code, (struct place){1, 1}, &problem);
        if (is_good == cases[i].is_seen_before)
            fail_msg("%s is %sseen before it runs: %s", cases[i].code, is_good ? "not " : "", problem.text);
    }
}

static void test_print(void **state)
{
    (void)state;
    char printed[64];
    assert_int_equal(
        run("print(ten); print('a %d %s %%' % (ten, 2)); print((1, 2)); print -1", printed, sizeof printed), 1);
    assert_string_equal(printed, "10\na 10 2 %\n(1, 2)\n-1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_holds),
        cmocka_unit_test(test_what_does_not_hold_says_why),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
