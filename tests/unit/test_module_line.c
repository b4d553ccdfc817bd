/* Command lines of modules. */
#include <criterion/criterion.h>

#include "module_line.h"
#include "put_bytes.h"

static enum status parse(const char *text, struct module_line *line, struct refusal *refusal)
{
    return module_line_parse(text, strlen(text) + 1, line, refusal);
}

Test(module_line, good_lines)
{
    const struct {
        const char *text;
        enum module_kind kind;
        const char *name;
        uint32_t arguments;
    } lines[] = {
        { "hello", MODULE_PROGRAM, "hello", 0 },
        { "  hello  ", MODULE_PROGRAM, "hello", 0 },
        { "program:hello", MODULE_PROGRAM, "hello", 0 },
        { "program+wx:jit -v", MODULE_PROGRAM_WX, "jit", 1 },
        { "driver:rtc a b", MODULE_DRIVER, "rtc", 2 },
        { "image:server", MODULE_IMAGE, "server", 0 },
        { "data:words.txt", MODULE_DATA, "words.txt", 0 },
        { "data:usr/share/dict/a_b-c+d", MODULE_DATA, "usr/share/dict/a_b-c+d", 0 },
        { "hello one  two   three", MODULE_PROGRAM, "hello", 3 },
        { "hello image:x a=b 'q q'", MODULE_PROGRAM, "hello", 4 },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct module_line line;
        struct refusal refusal;
        cr_assert_eq(parse(lines[i].text, &line, &refusal), STATUS_OK, "%s: %s", lines[i].text, refusal.reason);
        cr_assert_eq(line.kind, lines[i].kind, "%s", lines[i].text);
        cr_assert(text_span_is(line.name, lines[i].name), "%s", lines[i].text);
        cr_assert_eq(line.count_arguments, lines[i].arguments, "%s", lines[i].text);
    }
}

Test(module_line, groups)
{
    const struct {
        const char *text;
        const char *group[MODULE_GROUPS + 1];
    } lines[] = {
        { "hello", { nullptr } },
        { "program:hello", { nullptr } },
        { "program@net:hello", { "net", nullptr } },
        { "program+wx@net@a.b/c_d+e-F:jit -v", { "net", "a.b/c_d+e-F", nullptr } },
        { "program@a@a:hello x@y", { "a", "a", nullptr } },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct module_line line;
        struct refusal refusal;
        cr_assert_eq(parse(lines[i].text, &line, &refusal), STATUS_OK, "%s: %s", lines[i].text, refusal.reason);
        struct text_span rest = line.groups, group;
        for (unsigned k = 0; lines[i].group[k] != nullptr; k++) {
            cr_assert(module_line_next_group(&rest, &group));
            cr_assert(text_span_is(group, lines[i].group[k]), "%s", lines[i].text);
        }
        cr_assert_not(module_line_next_group(&rest, &group), "%s", lines[i].text);
    }
}

Test(module_line, terms)
{
    const struct {
        const char *text;
        uint32_t named;
        uint64_t guarantee, limit, processes;
    } lines[] = {
        { "hello", 0, 0, 0, 0 },
        { "program,guarantee=0:hello", 1 << MODULE_GUARANTEE, 0, 0, 0 },
        { "driver,limit=0x1000:hello limit=1", 1 << MODULE_LIMIT, 0, 0x1000, 0 },
        { "program@net@files,processes=7,limit=5,guarantee=5:hello", 7, 5, 5, 7 },
        { "program+wx,limit=18446744073709551615:jit", 1 << MODULE_LIMIT, 0, UINT64_MAX, 0 },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct module_line line;
        struct refusal refusal;
        cr_assert_eq(parse(lines[i].text, &line, &refusal), STATUS_OK, "%s: %s", lines[i].text, refusal.reason);
        const struct module_terms wanted = { lines[i].named, { lines[i].guarantee, lines[i].limit, lines[i].processes } };
        cr_assert_eq(memcmp(&line.terms, &wanted, sizeof(wanted)), 0, "%s", lines[i].text);
    }
    static_assert(MODULE_GUARANTEE == 0 && MODULE_LIMIT == 1 && MODULE_PROCESSES == 2 && MODULE_TERMS == 3);
}

Test(module_line, bad_lines)
{
    const struct {
        const char *text;
        enum status status;
        const char *reason;
        uint64_t where;
    } lines[] = {
        { "", STATUS_BAD_LENGTH, "module has no name", 0 },
        { "   ", STATUS_BAD_LENGTH, "module has no name", 0 },
        { "data:", STATUS_BAD_LENGTH, "module has no name", 5 },
        { "data: words", STATUS_BAD_LENGTH, "module has no name", 5 },
        { ":x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "@net:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "program@:x", STATUS_BAD_LENGTH, "group has no name", 8 },
        { "program@@b:x", STATUS_BAD_LENGTH, "group has no name", 8 },
        { "program@a@:x", STATUS_BAD_LENGTH, "group has no name", 10 },
        { "program@a@b@c:x", STATUS_LIMIT, "too many groups", 12 },
        { "program@a=b:x", STATUS_BAD_ARGUMENT, "character in the name of the group", 9 },
        { "program@123456789012345678901234567890123:x", STATUS_BAD_LENGTH, "name of the group is too long", 8 },
        { "image@a:x", STATUS_BAD_ARGUMENT, "groups of what is not started at boot", 6 },
        { "data@a:x", STATUS_BAD_ARGUMENT, "groups of what is not started at boot", 5 },
        { "program,:x", STATUS_BAD_ARGUMENT, "unknown term of a program", 8 },
        { "program,limit=1,:x", STATUS_BAD_ARGUMENT, "unknown term of a program", 16 },
        { "program,Limit=1:x", STATUS_BAD_ARGUMENT, "unknown term of a program", 8 },
        { "program,limit=1@net:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program@,limit=1:x", STATUS_BAD_LENGTH, "group has no name", 8 },
        { ",limit=1:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "program,limit:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program,limit=:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program,limit=-1:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program,limit=12k:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program,guarantee=18446744073709551616:x", STATUS_BAD_ARGUMENT, "term without a number", 8 },
        { "program,limit=0:x", STATUS_BAD_ARGUMENT, "limit of nothing", 8 },
        { "program,limit=3,processes=0:x", STATUS_BAD_ARGUMENT, "limit of nothing", 16 },
        { "program,limit=3,limit=3:x", STATUS_BAD_ARGUMENT, "term that was named before", 16 },
        { "program,limit=3,guarantee=4:x", STATUS_BAD_ARGUMENT, "guarantee above the limit", 8 },
        { "image,limit=3:x", STATUS_BAD_ARGUMENT, "terms of what is not started at boot", 6 },
        { "data,guarantee=3:x", STATUS_BAD_ARGUMENT, "terms of what is not started at boot", 5 },
        { "a@b", STATUS_BAD_ARGUMENT, "character in the name of the module", 1 },
        { " dat:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 1 },
        { "Data:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "program+w:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "program+wxx:x", STATUS_BAD_ARGUMENT, "unknown kind of module", 0 },
        { "data:a:b", STATUS_BAD_ARGUMENT, "character in the name of the module", 6 },
        { "hel\"lo", STATUS_BAD_ARGUMENT, "character in the name of the module", 3 },
        { "a=b", STATUS_BAD_ARGUMENT, "character in the name of the module", 1 },
        { "a\nb", STATUS_BAD_ARGUMENT, "character in the name of the module", 1 },
        { "a\377", STATUS_BAD_ARGUMENT, "character in the name of the module", 1 },
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        static const struct module_line EMPTY;
        struct module_line line;
        struct refusal refusal;
        cr_assert_eq(parse(lines[i].text, &line, &refusal), lines[i].status, "%s", lines[i].text);
        cr_assert_str_eq(refusal.reason, lines[i].reason, "%s", lines[i].text);
        cr_assert_eq(refusal.where, lines[i].where, "%s: %llu", lines[i].text, (unsigned long long)refusal.where);
        cr_assert_eq(memcmp(&line, &EMPTY, sizeof(line)), 0);
    }
}

Test(module_line, length_of_the_name)
{
    char text[MODULE_NAME_BYTES + 8] = "data:";
    struct module_line line;
    struct refusal refusal;
    memset(text + 5, 'n', MODULE_NAME_BYTES);
    cr_assert_eq(parse(text, &line, &refusal), STATUS_OK);
    text[5 + MODULE_NAME_BYTES] = 'n';
    cr_assert_eq(parse(text, &line, &refusal), STATUS_BAD_LENGTH);
    cr_assert_str_eq(refusal.reason, "name of the module is too long");
}

Test(module_line, arguments_in_order)
{
    struct module_line line;
    struct refusal refusal;
    struct text_span argument;
    cr_assert_eq(parse("wordcount  words.txt -n 20 ", &line, &refusal), STATUS_OK);
    struct text_span rest = line.arguments;
    cr_assert(module_line_next(&rest, &argument) && text_span_is(argument, "words.txt"));
    cr_assert(module_line_next(&rest, &argument) && text_span_is(argument, "-n"));
    cr_assert(module_line_next(&rest, &argument) && text_span_is(argument, "20"));
    cr_assert_not(module_line_next(&rest, &argument));
    cr_assert_not(module_line_next(&rest, &argument));
    cr_assert_eq(line.count_arguments, 3);
}

Test(module_line, every_character)
{
    static const char GOOD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/";
    for (int c = 1; c < 256; c++) {
        char text[] = { 'n', (char)c, 'n', '\0' };
        struct module_line line;
        struct refusal refusal;
        bool good = strchr(GOOD, c) != nullptr || c == ' '; /* "n n" is a name and an argument */
        cr_assert_eq(parse(text, &line, &refusal) == STATUS_OK, good, "character %d", c);
    }
}

Test(module_line, nothing_is_read_behind_the_size)
{
    for (size_t size = 0; size <= 20; size++) {
        unsigned char *block;
        const char *copy = (const char *)copy_exactly((const unsigned char *)"image:name one  two ", size, 0, &block);
        struct module_line line;
        struct refusal refusal;
        cr_assert_eq(module_line_parse(copy, size, &line, &refusal) == STATUS_OK, size != 0 && size != 6, "size %zu", size);
        free(block);
    }
}

Test(module_line, ends_at_the_size)
{
    struct module_line line;
    struct refusal refusal;
    cr_assert_eq(module_line_parse("data:words more", 8, &line, &refusal), STATUS_OK);
    cr_assert(text_span_is(line.name, "wor"));
    cr_assert_eq(module_line_parse("x", 0, &line, &refusal), STATUS_BAD_LENGTH);
}

Test(module_line, names_of_kinds)
{
    cr_assert_str_eq(module_kind_name(MODULE_PROGRAM_WX), "program+wx");
    cr_assert_str_eq(module_kind_name(MODULE_DRIVER), "driver");
    cr_assert_str_eq(module_kind_name(MODULE_DATA), "data");
    cr_assert_str_eq(module_kind_name(MODULE_KINDS), "unknown");
}
