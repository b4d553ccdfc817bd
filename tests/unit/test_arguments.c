/* Kernel arguments: the grammar case by case, numbers, the trace list, random lines. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "abi/boot_info.h"
#include "arguments.h"
#include "put_bytes.h"

/* What arguments_next() makes of a line, written as text: "F(key) V(key|value) U(rest) M(rest)". */
static const char *describe(const char *line, size_t size_bytes)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    struct argument_cursor cursor = arguments_begin(line, size_bytes);
    for (struct argument argument; arguments_next(&cursor, &argument);) {
        const char letters[] = { [ARGUMENT_FLAG] = 'F', [ARGUMENT_VALUE] = 'V', [ARGUMENT_UNTERMINATED] = 'U', [ARGUMENT_MALFORMED] = 'M' };
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c(%.*s", used ? " " : "", letters[argument.form], (int)argument.key.count,
                                 argument.key.first);
        if (argument.form == ARGUMENT_VALUE)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "|%.*s", (int)argument.value.count, argument.value.first);
        else
            cr_assert_eq(argument.value.count, 0);
        used += (size_t)snprintf(text + used, sizeof(text) - used, ")");
    }
    struct argument after;
    cr_assert_not(arguments_next(&cursor, &after), "goes on behind the end of: %s", line);
    return text;
}

Test(arguments, grammar)
{
    const struct {
        const char *line, *wanted;
    } lines[] = {
        { "", "" },
        { "    ", "" },
        { "quiet", "F(quiet)" },
        { "a=1", "V(a|1)" },
        { "  a=1   b  c=3 ", "V(a|1) F(b) V(c|3)" },
        { "a=", "V(a|)" },
        { "a= b", "V(a|) F(b)" },
        { "a=b=c", "V(a|b=c)" },
        { "a==", "V(a|=)" },
        { "=1", "M(=1)" },
        { "=", "M(=)" },
        { "= a", "M(=) F(a)" },
        { "a=\"x y\" b", "V(a|x y) F(b)" },
        { "a='x y' b", "V(a|x y) F(b)" },
        { "a='x \" y'", "V(a|x \" y)" },
        { "a=\"\"", "V(a|)" },
        { "\"a=x y\" b", "V(a|x y) F(b)" },
        { "'a b'", "F(a b)" },
        { "\"\"", "M()" },
        { "'=x'", "M(=x)" },
        { "a=\"x", "U(a=\"x)" },
        { "a=1 b='x c=2", "V(a|1) U(b='x c=2)" },
        { "'", "U(')" },
        { "\"a=1", "U(\"a=1)" },
        { "a=\"x\"y b", "M(a=\"x\"y) F(b)" },
        { "'a'b=1 c", "M('a'b=1) F(c)" },
        { "a=x\"y z\"", "V(a|x\"y) F(z\")" },
        { "it's fine", "F(it's) F(fine)" },
        { "='x y'", "M(='x) F(y')" },
        { "a=b='x y'", "V(a|b='x) F(y')" },
        { "trace=faults,memory debug-exit=0xf4 end=exit", "V(trace|faults,memory) V(debug-exit|0xf4) V(end|exit)" },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *made = describe(lines[i].line, strlen(lines[i].line) + 1);
        cr_assert_str_eq(made, lines[i].wanted, "line %s: %s, wanted %s", lines[i].line, made, lines[i].wanted);
    }
}

Test(arguments, line_ends_at_nul_or_size)
{
    cr_assert_str_eq(describe("a=1\0b=2", 7), "V(a|1)");
    cr_assert_str_eq(describe("a=1 b=2", 5), "V(a|1) F(b)");
    cr_assert_str_eq(describe("a=1", 0), "");
    cr_assert_str_eq(describe("a='x y'", 2), "V(a|)");
    cr_assert_str_eq(describe("a='x y'", 3), "U(a=')");
}

Test(arguments, long_line)
{
    static char line[100000];
    memset(line, 'a', sizeof(line));
    line[50000] = '=';
    struct argument_cursor cursor = arguments_begin(line, sizeof(line));
    struct argument argument;
    cr_assert(arguments_next(&cursor, &argument));
    cr_assert_eq(argument.key.count, 50000);
    cr_assert_eq(argument.value.count, sizeof(line) - 50001);
    cr_assert_not(arguments_next(&cursor, &argument));
}

Test(arguments, find_takes_the_last)
{
    const char line[] = "end=stay ends=no end=exit \"end=x quiet=1 quiet";
    struct text_span value;
    cr_assert(arguments_find(line, sizeof(line), "end", &value));
    cr_assert(text_span_is(value, "exit"));
    cr_assert_not(arguments_find(line, sizeof(line), "en", &value));
    cr_assert_not(arguments_find(line, sizeof(line), "quiet", &value), "behind a quote without an end");
    cr_assert(arguments_find("quiet", 5, "quiet", &value));
    cr_assert_eq(value.count, 0);
}

Test(arguments, span_is_the_whole_text)
{
    cr_assert(text_span_is((struct text_span){ "abc", 3 }, "abc"));
    cr_assert_not(text_span_is((struct text_span){ "abc", 2 }, "abc"));
    cr_assert_not(text_span_is((struct text_span){ "abc", 3 }, "ab"));
    cr_assert(text_span_is((struct text_span){ "", 0 }, ""));
}

Test(arguments, numbers)
{
    const struct {
        const char *text;
        bool good;
        uint64_t number;
    } numbers[] = {
        { "0", true, 0 }, { "7", true, 7 }, { "007", true, 7 }, { "0xf4", true, 0xf4 }, { "0XF4", true, 0xf4 }, { "0xAbC", true, 0xabc },
        { "0xaF09fA", true, 0xaf09fa },
        { "18446744073709551615", true, UINT64_MAX }, { "0xffffffffffffffff", true, UINT64_MAX },
        { "18446744073709551616", false, 0 }, { "0x10000000000000000", false, 0 }, { "99999999999999999999999", false, 0 },
        { "", false, 0 }, { "0x", false, 0 }, { "x", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 }, { "1 ", false, 0 }, { " 1", false, 0 },
        { "12a", false, 0 }, { "0xg", false, 0 }, { "0x0x1", false, 0 }, { "f4", false, 0 }, { "1:", false, 0 }, { "1/", false, 0 },
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t number = 42;
        enum status status = arguments_number((struct text_span){ numbers[i].text, strlen(numbers[i].text) }, &number);
        cr_assert_eq(status, numbers[i].good ? STATUS_OK : STATUS_BAD_ARGUMENT, "%s", numbers[i].text);
        cr_assert_eq(number, numbers[i].good ? numbers[i].number : 42, "%s", numbers[i].text);
    }
}

Test(arguments, trace)
{
    const struct {
        const char *list;
        uint64_t bits;
        uint32_t unknown;
        const char *first_unknown;
    } lists[] = {
        { "", 0, 0, "" },
        { "faults", TRACE_FAULTS, 0, "" },
        { "faults,calls,processes", TRACE_FAULTS | TRACE_CALLS | TRACE_PROCESSES, 0, "" },
        { "calls,calls,", TRACE_CALLS, 0, "" },
        { ",,calls", TRACE_CALLS, 0, "" },
        { "fault,calls,x", TRACE_CALLS, 2, "fault" },
        { "faults calls", 0, 1, "faults calls" },
        { "Faults", 0, 1, "Faults" },
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct trace_list trace = arguments_trace((struct text_span){ lists[i].list, strlen(lists[i].list) });
        cr_assert_eq(trace.bits, lists[i].bits, "%s", lists[i].list);
        cr_assert_eq(trace.count_unknown, lists[i].unknown, "%s", lists[i].list);
        cr_assert(text_span_is(trace.unknown, lists[i].first_unknown), "%s", lists[i].list);
    }
}

/* Every span lies in the line, in front of the next one. */
Test(arguments, random_lines)
{
    static const char LETTERS[] = "ab= ='\"\" ,x\\\t\377";
    uint64_t state = 0x51554952450003;
    cr_log_info("seed %#llx", (unsigned long long)state);
    for (unsigned round = 0; round < 200000; round++) {
        unsigned char line[24], *block;
        size_t size = random_next(&state) % (sizeof(line) + 1);
        for (size_t i = 0; i < size; i++) line[i] = (unsigned char)LETTERS[random_next(&state) % (sizeof(LETTERS) - 1)];
        const char *copy = (const char *)copy_exactly(line, size, 0, &block);
        const char *behind = copy;
        struct argument_cursor cursor = arguments_begin(copy, size);
        for (struct argument argument; arguments_next(&cursor, &argument);) {
            cr_assert(argument.key.first >= behind && argument.key.first + argument.key.count <= copy + size);
            behind = argument.key.first + argument.key.count;
            cr_assert(argument.form == ARGUMENT_MALFORMED || argument.key.count != 0);
            if (argument.form != ARGUMENT_VALUE) continue;
            cr_assert(argument.value.first > behind && argument.value.first + argument.value.count <= copy + size);
            cr_assert_null(memchr(argument.key.first, '=', argument.key.count));
            behind = argument.value.first + argument.value.count;
        }
        free(block);
    }
}
