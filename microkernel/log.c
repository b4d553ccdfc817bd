/* The serial log. See log.h.
 *
 * A line is put together in one buffer and written in one go, so that lines never mix: the kernel has one stack and interrupts are off in it. The formatter
 * is the kernel's own and knows what its lines use; that of libc-min knows a thousand bytes more. */
#include "log.h"

#include <stdarg.h>

constexpr unsigned LINE_BYTES = 400;
constexpr unsigned DIGITS = 20; /* of 2^64 - 1 in decimal */

uint64_t log_trace;
static char line[LINE_BYTES];
static unsigned line_length; /* below LINE_BYTES: the end of the line has its place */

/* Texts of programs and of the boot loader are in it: no byte of them may end the line or act on a terminal. What does not fit is cut. */
[[gnu::noinline]] static void add_character(char character)
{
    if (line_length == LINE_BYTES - 1) return;
    line[line_length++] = character < 0x20 || character > 0x7e ? '?' : character;
}

/* Up to a NUL or the limit. */
static void add_text(const char *text, unsigned limit)
{
    for (; limit > 0 && *text != '\0'; limit--) add_character(*text++);
}

static void add_number(uint64_t value, unsigned base, unsigned least)
{
    static char digits[DIGITS + 1]; /* with a NUL that nobody overwrites */
    char *first = digits + DIGITS;
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || (unsigned)(digits + DIGITS - first) < least);
    add_text(first, DIGITS);
}

/* The next argument. All integers and pointers are passed alike; of a smaller one the upper bits are anything. */
[[gnu::noinline]] static uint64_t take(va_list *arguments)
{
    return va_arg(*arguments, uint64_t);
}

static void add_format(const char *format, va_list *arguments)
{
    for (char character; (character = *format++) != '\0';) {
        if (character != '%') {
            add_character(character);
            continue;
        }
        bool is_precise = *format == '.'; /* with an asterisk behind it */
        unsigned precision = 0;
        if (is_precise) {
            format += 2;
            precision = (unsigned)take(arguments);
        }
        uint64_t value = take(arguments);
        character = *format++;
        if (character == 's') {
            add_text((const char *)(uintptr_t)value, is_precise ? precision : LINE_BYTES);
            continue;
        }
        if (character == 'l') character = *format++;
        else value = (uint32_t)value;
        add_number(value, character == 'x' ? 16 : 10, precision);
    }
}

void log_add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments);
    add_format(format, &arguments);
    va_end(arguments);
}

void log_begin(const char *subsystem)
{
    uint64_t nanoseconds = arch_cycles_to_nanoseconds(arch_cycles());
    line_length = 0;
    log_add("[%lu.%.*lu] ", (unsigned long)(nanoseconds / 1'000'000'000), 9, (unsigned long)(nanoseconds % 1'000'000'000));
    if (subsystem != nullptr) log_add("%s: ", subsystem);
}

void log_end(void)
{
    line[line_length] = '\n';
    arch_log_write(line, line_length + 1);
}

void log_user_line(const char *subsystem, const char *text, size_t length_bytes)
{
    log_begin(subsystem);
    for (size_t i = 0; i < length_bytes; i++) add_character(text[i]);
    log_end();
}

#if !__STDC_HOSTED__
/* What <assert.h> of libc-min calls; the host's own brings its own. */
[[noreturn]] void assert_failed(const char *condition, const char *file, int line_number);
[[noreturn]] void assert_failed(const char *condition, const char *file, int line_number)
{
    panic("assert file=%s line=%u condition=%s", file, (unsigned)line_number, condition);
}
#endif
