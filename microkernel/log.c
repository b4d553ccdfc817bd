/* The serial log. See log.h.
 *
 * A line is put together in one buffer and written in one go, so that lines never mix: the kernel has one stack and interrupts are off in it. */
#include "log.h"

#include <format.h>
#include <stdarg.h>

#include "arch.h"

constexpr size_t LINE_BYTES = 400;

uint64_t log_trace;
static char line[LINE_BYTES];

/* The timestamp; returns its length. */
static size_t begin(void)
{
    uint64_t nanoseconds = arch_cycles_to_nanoseconds(arch_cycles());
    return format_string(line, sizeof line, "[%lu.%09lu] ", (unsigned long)(nanoseconds / 1'000'000'000), (unsigned long)(nanoseconds % 1'000'000'000));
}

/* Texts of programs and of the boot loader are in it: no byte of them may end the line or act on a terminal. */
static void end(size_t length)
{
    if (length > sizeof line - 1) length = sizeof line - 1; /* cut */
    for (size_t i = 0; i < length; i++)
        if (line[i] < 0x20 || line[i] > 0x7e) line[i] = '?';
    line[length] = '\n';
    arch_log_write(line, length + 1);
}

[[gnu::format(printf, 2, 0)]] static void write_line(const char *subsystem, const char *format, va_list arguments)
{
    size_t length = begin();
    length += format_string(line + length, sizeof line - length, "%s: ", subsystem);
    length += format_text(line + length, sizeof line - length, format, arguments);
    end(length);
}

void log_line(const char *subsystem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments);
    write_line(subsystem, format, arguments);
    va_end(arguments);
}

void log_user_line(const char *subsystem, const char *text, size_t length_bytes)
{
    size_t length = begin();
    if (subsystem != nullptr) length += format_string(line + length, sizeof line - length, "%s: ", subsystem);
    for (size_t i = 0; i < length_bytes && length < sizeof line - 1; i++) line[length++] = text[i];
    end(length);
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments);
    write_line("panic", format, arguments);
    va_end(arguments);
    arch_panic();
}

#if !__STDC_HOSTED__
/* What <assert.h> of libc-min calls; the host's own brings its own. */
[[noreturn]] void assert_failed(const char *condition, const char *file, int line_number);
[[noreturn]] void assert_failed(const char *condition, const char *file, int line_number)
{
    panic("assert file=%s line=%d condition=%s", file, line_number, condition);
}
#endif
