/* The serial log. See log.h.
 *
 * A line is put together in one buffer and written in one go, so that lines never mix: the kernel has one stack and interrupts are off in it. */
#include "log.h"

#include <format.h>
#include <stdarg.h>

constexpr size_t LINE_BYTES = 400;

uint64_t log_trace;
static char line[LINE_BYTES];

static size_t line_length; /* below LINE_BYTES: the end of the line has its place */

/* Adds what the format gives; what does not fit is cut. */
static void add_text(const char *format, va_list arguments)
{
    line_length += format_text(line + line_length, sizeof line - line_length, format, arguments);
    if (line_length > sizeof line - 1) line_length = sizeof line - 1;
}

void log_add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments);
    add_text(format, arguments);
    va_end(arguments);
}

void log_begin(const char *subsystem)
{
    uint64_t nanoseconds = arch_cycles_to_nanoseconds(arch_cycles());
    bool is_named = subsystem != nullptr;
    line_length = 0;
    log_add("[%lu.%.*lu] %s%s", (unsigned long)(nanoseconds / 1'000'000'000), 9, (unsigned long)(nanoseconds % 1'000'000'000), is_named ? subsystem : "",
            is_named ? ": " : "");
}

/* Texts of programs and of the boot loader are in it: no byte of them may end the line or act on a terminal. */
void log_end(void)
{
    for (size_t i = 0; i < line_length; i++)
        if (line[i] < 0x20 || line[i] > 0x7e) line[i] = '?';
    line[line_length] = '\n';
    arch_log_write(line, line_length + 1);
}

void log_line(const char *subsystem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments);
    log_begin(subsystem);
    add_text(format, arguments);
    va_end(arguments);
    log_end();
}

void log_user_line(const char *subsystem, const char *text, size_t length_bytes)
{
    log_begin(subsystem);
    for (size_t i = 0; i < length_bytes && line_length < sizeof line - 1; i++) line[line_length++] = text[i];
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
