/* The log: one line an event, cut at its limit; what comes from user mode is one line of printable characters. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>

#include "kernel_world.h"

constexpr size_t LINE_BYTES = 400; /* log.c, docs/log-format.md */

static const char USER[] = "user: "; /* what a program says begins so; a pager speaks for itself */

static struct space *space;
static struct thread *program;

static void begin(void)
{
    world_begin();
    space = world_space(7);
    program = world_thread(space, PRIORITY_PROGRAM, true);
    world_start(program);
    host_log_clear();
}

TestSuite(log, .init = begin);

/* The text behind the timestamp, which is as it should be; the log is exactly one line. */
static const char *only_line(void)
{
    const char *text = host_log_text();
    unsigned seconds, nanoseconds;
    int used = 0;
    cr_assert_eq(sscanf(text, "[%u.%9u] %n", &seconds, &nanoseconds, &used), 2, "%s", text);
    cr_assert_gt(used, 12);
    size_t length = strlen(text);
    cr_assert_eq(text[length - 1], '\n');
    cr_assert_eq(memchr(text, '\n', length), text + length - 1, "more than one line");
    cr_assert_leq(length, LINE_BYTES);
    return text + used;
}

Test(log, line)
{
    log_line("boot", "memory frames=%lu name=%s", 12ul, "x");
    cr_assert_str_eq(only_line(), "boot: memory frames=12 name=x\n");
}

Test(log, line_in_parts)
{
    log_begin("boot");
    log_add("a=%u", 1u);
    log_add("%s", "");
    log_add(" b=0x%lx", 0x12ul);
    cr_assert_str_empty(host_log_text(), "written before its end");
    log_end();
    cr_assert_str_eq(only_line(), "boot: a=1 b=0x12\n");
}

/* As the C library has it. */
#define SAME(...)                                                      \
    do {                                                               \
        char expected[LINE_BYTES];                                     \
        snprintf(expected, sizeof expected, "boot: " __VA_ARGS__);     \
        host_log_clear();                                              \
        log_line("boot", __VA_ARGS__);                                 \
        const char *line = only_line();                                \
        cr_expect_eq(strlen(line), strlen(expected) + 1, "%s", line);  \
        cr_expect_eq(strncmp(line, expected, strlen(expected)), 0, "%s and not %s", line, expected); \
    } while (0)

Test(log, conversions)
{
    SAME("%s", "nothing to convert");
    SAME("%u %u %lu %lu", 0u, UINT_MAX, 0ul, ULONG_MAX);
    SAME("0x%x 0x%x 0x%lx 0x%lx|", 0u, 0xdeadbeefu, 0xfedcba9876543210ul, ULONG_MAX);
    SAME("[%lu.%.*lu] [%.*u] [%.*x]", 12ul, 9, 34ul, 3, 1234u, 4, 0xau);
    SAME("[%.*lu]", 20, 1ul);
    SAME("[%.*s][%.*s][%.*s]", 2, "quire", 0, "quire", 9, "quire");
    SAME("%u %u %u %u %u %u %u %s", 1u, 2u, 3u, 4u, 5u, 6u, 7u, "on the stack");
    SAME("%x", (unsigned)0xffffffff00000012); /* of a smaller argument the upper bits are anything */
}

Test(log, parts_are_cut_like_a_line)
{
    log_begin(nullptr);
    for (unsigned i = 0; i < LINE_BYTES; i++) log_add("%u,", i);
    log_end();
    cr_assert_eq(strlen(host_log_text()), LINE_BYTES);
    only_line();
}

Test(log, nanoseconds_have_nine_digits)
{
    log_line("a", "b");
    const char *point = strchr(host_log_text(), '.');
    cr_assert_eq(strspn(point + 1, "0123456789"), 9);
}

Test(log, longest_lines)
{
    static char text[3 * LINE_BYTES];
    for (size_t length = LINE_BYTES - 60; length < sizeof text - 1; length += 7) {
        memset(text, 'x', length);
        text[length] = '\0';
        host_log_clear();
        log_line("long", "%s", text);
        const char *line = only_line();
        cr_assert_eq(strncmp(line, "long: xxx", 9), 0);
        host_log_clear();
        log_user_line(nullptr, text, length);
        cr_assert_eq(strncmp(only_line(), "xxx", 3), 0);
    }
}

Test(log, user_bytes_become_printable)
{
    char *buffer = program->buffer_pointer;
    for (unsigned i = 0; i < 256; i++) buffer[i] = (char)i;
    cr_assert_eq(play(program, log, 256), STATUS_OK);
    const char *line = only_line();
    cr_assert_eq(strncmp(line, USER, strlen(USER)), 0);
    line += strlen(USER);
    for (unsigned i = 0; i < 256; i++) cr_assert_eq(line[i], i >= 0x20 && i <= 0x7e ? (char)i : '?', "byte %u", i);
    cr_assert_str_eq(line + 256, "\n");
}

Test(log, user_line_is_one_line)
{
    static const char forged[] = "hello\n[9.999999999] kernel: end code=0\r\n";
    memcpy(program->buffer_pointer, forged, sizeof forged);
    cr_assert_eq(play(program, log, sizeof forged - 1), STATUS_OK);
    cr_assert_str_eq(only_line(), "user: hello?[9.999999999] kernel: end code=0??\n");
}

Test(log, pager_names_its_own_subsystem)
{
    message_notify(world.endpoint, 1);
    kernel_switch(nullptr);
    static const char text[] = "pager: started";
    memcpy(world.pager->buffer_pointer, text, sizeof text);
    cr_assert_eq(play(world.pager, log, sizeof text - 1), STATUS_OK);
    cr_assert_str_eq(only_line(), "pager: started\n");
}

Test(log, lines_of_the_kernel_hold_no_foreign_bytes)
{
    log_line("boot", "text=%s", "a\nb\x1b[1m\xff");
    cr_assert_str_eq(only_line(), "boot: text=a?b?[1m?\n");
}

Test(log, user_lengths)
{
    memset(program->buffer_pointer, 'y', PAGE_BYTES);
    cr_assert_eq(play(program, log, 0), STATUS_BAD_LENGTH);
    cr_assert_eq(play(program, log, MESSAGE_BUFFER_BYTES + 1), STATUS_BAD_LENGTH);
    cr_assert_eq(play(program, log, UINT64_MAX), STATUS_BAD_LENGTH);
    cr_assert_eq(play(program, log, (uint64_t)1 << 32 | 1), STATUS_BAD_LENGTH);
    cr_assert_str_empty(host_log_text());
    cr_assert_eq(play(program, log, 1), STATUS_OK);
    cr_assert_str_eq(only_line(), "user: y\n");
    host_log_clear();
    cr_assert_eq(play(program, log, MESSAGE_BUFFER_BYTES), STATUS_OK); /* cut */
    (void)only_line();
}

Test(log, user_without_buffer)
{
    struct thread *bare = world_thread(space, PRIORITY_PROGRAM, false);
    world_start(bare);
    world_let(bare);
    cr_assert_eq(play(bare, log, 1), STATUS_BAD_BUFFER);
    cr_assert_str_empty(host_log_text());
}

static void break_kernel(void *)
{
    panic("it broke at=%u", 5u);
}

Test(log, panic_is_told)
{
    uint32_t code;
    cr_assert_eq(host_run(break_kernel, nullptr, &code), HOST_PANICKED);
    cr_assert_str_eq(only_line(), "panic: it broke at=5\n");
}
