/* The serial log: one event a line, `[seconds.nanoseconds] subsystem: text`. docs/log-format.md lists the lines. */
#ifndef QUIRE_LOG_H
#define QUIRE_LOG_H

#include "arch.h"

/* A line in parts: begins it, adds to it, writes it. `subsystem` nullptr: the text brings its own. What is longer than 400 bytes is cut. A format knows %s, %u
 * and %x, the two with l, and .* before them: the most bytes of a text, or how many digits a number has at least, 20 at most (tests/lint). */
void log_begin(const char *subsystem);
[[gnu::format(printf, 1, 2)]] void log_add(const char *format, ...);
void log_end(void);

/* The same at once. */
#define log_line(subsystem, ...) (log_begin(subsystem), log_add(__VA_ARGS__), log_end())

/* Writes one line that came from user mode; bytes outside 0x20-0x7e become '?'. `subsystem` stands in front of it, or nullptr: the text brings its own. */
void log_user_line(const char *subsystem, const char *text, size_t length_bytes);

/* Says what broke, prints registers and backtrace, stops the machine. For the kernel's own faults only, never for bad input. */
#define panic(...) (log_line("panic", __VA_ARGS__), arch_panic())

/* The trace bits of the kernel command line, TRACE_... of abi/boot_info.h. */
extern uint64_t log_trace;

#endif
