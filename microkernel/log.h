/* The serial log: one event a line, `[seconds.nanoseconds] subsystem: text`. docs/log-format.md lists the lines. */
#ifndef QUIRE_LOG_H
#define QUIRE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* Writes one line. Formats as format_text() of libc-min; longer than 400 bytes is cut. */
[[gnu::format(printf, 2, 3)]] void log_line(const char *subsystem, const char *format, ...);

/* Writes one line that came from user mode; bytes outside 0x20-0x7e become '?'. `subsystem` stands in front of it, or nullptr: the text brings its own. */
void log_user_line(const char *subsystem, const char *text, size_t length_bytes);

/* Says what broke, prints registers and backtrace, stops the machine. For the kernel's own faults only, never for bad input. */
[[noreturn, gnu::format(printf, 1, 2)]] void panic(const char *format, ...);

/* The trace bits of the kernel command line, TRACE_... of abi/boot_info.h. */
extern uint64_t log_trace;

#endif
