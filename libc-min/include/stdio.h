/* Output: the part of C23 7.23 that programs here use. Everything goes to the process's output, which the pager writes to the log line by line.
 *
 * stdout collects a line (or 512 bytes) and then sends it in one message; stderr sends each call's text at once, after what stdout still holds.
 * Formats are those of format.h: no floating point. Functions answer the number of bytes, or EOF when the pager refused the text. */
#ifndef QUIRE_STDIO_H
#define QUIRE_STDIO_H

#include <stdarg.h>
#include <stddef.h>

constexpr int EOF = -1;

typedef struct stream FILE; /* the one typedef of a struct here: the C standard asks for it */
extern FILE *const stdout;
extern FILE *const stderr;

[[gnu::format(__printf__, 1, 2)]] int printf(const char *format, ...);
[[gnu::format(__printf__, 2, 3)]] int fprintf(FILE *stream, const char *format, ...);
[[gnu::format(__printf__, 1, 0)]] int vprintf(const char *format, va_list arguments);
[[gnu::format(__printf__, 2, 0)]] int vfprintf(FILE *stream, const char *format, va_list arguments);

/* Into a buffer: the length the whole text has, also when it was cut (format.h). */
[[gnu::format(__printf__, 3, 4)]] int snprintf(char *buffer, size_t size_bytes, const char *format, ...);
[[gnu::format(__printf__, 3, 0)]] int vsnprintf(char *buffer, size_t size_bytes, const char *format, va_list arguments);

int puts(const char *text); /* with a newline behind it */
int fputs(const char *text, FILE *stream);
int putchar(int character);
int fputc(int character, FILE *stream);
size_t fwrite(const void *bytes, size_t size_bytes, size_t count, FILE *stream);

/* Sends what the stream holds; nullptr: all streams. 0, or EOF. */
int fflush(FILE *stream);

#endif
