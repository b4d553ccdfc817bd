/* libc-min's streams over a process output that this test plays: what is sent, and in which pieces. */
#include <criterion/criterion.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/include/quire/process.h"
#include "libipc/include/quire/mutex.h"

/* One thread: nobody ever waits. */
void mutex_wait([[maybe_unused]] struct mutex *mutex) { cr_assert_fail("a mutex is taken twice"); }
void mutex_tell([[maybe_unused]] struct mutex *mutex) { cr_assert_fail("nobody waits"); }

/* Our names for everything that the host's library has as well. */
#define FILE quire_FILE
#undef stdout
#undef stderr
#define stdout quire_stdout
#define stderr quire_stderr
#undef EOF
#define EOF quire_EOF
#define printf quire_printf
#define fprintf quire_fprintf
#define vprintf quire_vprintf
#define vfprintf quire_vfprintf
#define snprintf quire_snprintf
#define vsnprintf quire_vsnprintf
#define puts quire_puts
#define fputs quire_fputs
#define putchar quire_putchar
#define fputc quire_fputc
#define fwrite quire_fwrite
#define fflush quire_fflush
#include "libc-min/include/stdio.h"
#include "libc-min/hosted/stdio.c"

static char sent[4000];
static size_t sent_bytes, messages;
static enum status answer = STATUS_OK;

enum status process_write(const char *text, uint64_t length_bytes)
{
    if (answer != STATUS_OK)
        return answer;
    cr_assert_gt(length_bytes, 0);
    cr_assert_lt(length_bytes, sizeof sent - sent_bytes);
    memcpy(sent + sent_bytes, text, length_bytes);
    sent_bytes += length_bytes;
    messages++;
    return STATUS_OK;
}

Test(stdio, a_line_is_one_message)
{
    cr_expect_eq(printf("one %d ", 1), 6);
    cr_expect_eq(fputs("and two", stdout), 0);
    cr_expect_eq(messages, 0);
    cr_expect_eq(putchar('\n'), '\n');
    cr_expect_eq(messages, 1);
    cr_expect_str_eq(sent, "one 1 and two\n");
}

Test(stdio, puts_ends_the_line)
{
    puts("text");
    cr_expect_str_eq(sent, "text\n");
}

Test(stdio, a_full_buffer_is_sent)
{
    for (size_t i = 0; i < 700; i++)
        fputc('a' + (int)(i % 26), stdout);
    cr_expect_eq(messages, 1);
    cr_expect_eq(fflush(nullptr), 0);
    cr_expect_eq(messages, 2);
    cr_expect_eq(sent_bytes, 700);
    for (size_t i = 0; i < 700; i++)
        cr_assert_eq(sent[i], 'a' + (char)(i % 26));
    fflush(stdout);
    cr_expect_eq(messages, 2, "nothing to send, no message");
}

Test(stdio, errors_come_at_once_and_in_order)
{
    printf("first, ");
    fprintf(stderr, "then %s", "this");
    cr_expect_str_eq(sent, "first, then this");
    cr_expect_eq(messages, 2);
}

Test(stdio, long_texts_are_whole)
{
    cr_expect_eq(printf("%600d|%s\n", 7, "end"), 605);
    cr_expect_eq(sent_bytes, 605);
    cr_expect_eq(sent[599], '7');
    cr_expect_str_eq(sent + 600, "|end\n");
    sent_bytes = 0;
    for (int width = 505; width < 520; width++) {
        sent_bytes = 0;
        cr_expect_eq(printf("%*d", width, 3), width);
        fflush(stdout);
        cr_expect_eq(sent_bytes, (size_t)width);
        cr_expect_eq(sent[width - 1], '3');
    }
}

Test(stdio, fwrite_counts_elements)
{
    cr_expect_eq(fwrite("abcdef", 2, 3, stdout), 3);
    cr_expect_eq(fwrite("x", SIZE_MAX, 2, stdout), 0);
    fflush(stdout);
    cr_expect_str_eq(sent, "abcdef");
}

Test(stdio, a_refusal_is_reported)
{
    answer = STATUS_STALE;
    cr_expect_eq(printf("no end of line"), 14, "it only collects");
    cr_expect_eq(printf("\n"), EOF);
    cr_expect_eq(puts("again"), EOF);
    cr_expect_eq(fprintf(stderr, "x"), EOF);
    answer = STATUS_OK;
    cr_expect_eq(puts("now"), '\n');
}

Test(stdio, snprintf_is_the_formatter)
{
    char text[4];
    cr_expect_eq(snprintf(text, sizeof text, "%d", 12345), 5);
    cr_expect_str_eq(text, "123");
}
