/* Text from a format, into a buffer of known size.
 *
 *   %[-0+#][width|*][.precision|.*][hh|h|l|ll|j|z|t]conversion
 *   d i u x X   integers; the precision is the least number of digits, # puts 0x in front of hexadecimal
 *   c s %       a character, a string (the precision is the most bytes taken, the string may then lack its NUL), a percent sign
 *   p           a pointer, always as 0x...
 *
 * There is no floating point: the kernel and the pager are built without its registers. A conversion that is none of these is copied as it stands
 * and takes no argument. A null string prints as (null). */
#ifndef QUIRE_FORMAT_H
#define QUIRE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most `size_bytes` bytes, the NUL among them; with size 0 nothing is written and `buffer` may be nullptr. Returns the length that the
 * whole text has without its NUL: it was cut when that is not below `size_bytes`. */
[[gnu::format(__printf__, 3, 0)]]
size_t format_text(char *buffer, size_t size_bytes, const char *format, va_list arguments);

[[gnu::format(__printf__, 3, 4)]]
size_t format_string(char *buffer, size_t size_bytes, const char *format, ...);

#endif
