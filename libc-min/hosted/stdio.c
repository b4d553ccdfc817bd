/* Output of a program, through write messages to the pager.
 *
 * One message a line: the log's reader sees whole lines, and a program that prints much pays one call for a line and not one for a word.
 *
 * 1. used <= STREAM_BYTES; a stream that does not collect is always empty.
 * 2. Streams are changed by who has `streams_lock`: what one call writes is not mixed with what another thread writes. */
#include <stdio.h>

#include <assert.h>
#include <format.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <quire/mutex.h>
#include <quire/process.h>

constexpr size_t STREAM_BYTES = 512;

struct stream {
    bool collects; /* lines; otherwise each call is sent at once */
    size_t used;
    char buffer[STREAM_BYTES];
};

static struct stream output = { .collects = true };
static struct stream errors;
FILE *const stdout = &output;
FILE *const stderr = &errors;

static struct mutex streams_lock;

/* With the lock. */
static int stream_flush(FILE *stream)
{
    size_t used = stream->used;
    stream->used = 0;
    return used == 0 || process_write(stream->buffer, used) == STATUS_OK ? 0 : EOF;
}

int fflush(FILE *stream)
{
    if (stream == nullptr)
        stream = stdout;
    assert(stream->used <= STREAM_BYTES);
    mutex_lock(&streams_lock);
    int result = stream_flush(stream);
    mutex_unlock(&streams_lock);
    return result;
}

/* Text longer than the buffer goes straight through. With the lock. */
static int stream_put(FILE *stream, const char *text, size_t length)
{
    if (!stream->collects || length > STREAM_BYTES) {
        if (stream_flush(stdout) == EOF)
            return EOF;
        return process_write(text, length) == STATUS_OK ? 0 : EOF;
    }
    if (length > STREAM_BYTES - stream->used && stream_flush(stream) == EOF)
        return EOF;
    memcpy(stream->buffer + stream->used, text, length);
    stream->used += length;
    return memchr(text, '\n', length) != nullptr ? stream_flush(stream) : 0;
}

static int stream_write(FILE *stream, const char *text, size_t length)
{
    mutex_lock(&streams_lock);
    int result = stream_put(stream, text, length);
    mutex_unlock(&streams_lock);
    return result;
}

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    char text[STREAM_BYTES];
    va_list again;
    va_copy(again, arguments);
    size_t length = format_text(text, sizeof text, format, arguments);
    int result = EOF;
    if (length < sizeof text) {
        result = stream_write(stream, text, length);
    } else if (length < INT_MAX) { /* too long for the stack: once more, into memory of the right size */
        char *long_text = malloc(length + 1);
        if (long_text != nullptr) {
            format_text(long_text, length + 1, format, again);
            result = stream_write(stream, long_text, length);
            free(long_text);
        }
    }
    va_end(again);
    return result == EOF ? EOF : (int)length;
}

int vprintf(const char *format, va_list arguments) { return vfprintf(stdout, format, arguments); }

int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vfprintf(stream, format, arguments);
    va_end(arguments);
    return length;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vfprintf(stdout, format, arguments);
    va_end(arguments);
    return length;
}

int vsnprintf(char *buffer, size_t size_bytes, const char *format, va_list arguments)
{
    return (int)format_text(buffer, size_bytes, format, arguments);
}

int snprintf(char *buffer, size_t size_bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size_bytes, format, arguments);
    va_end(arguments);
    return length;
}

int fputs(const char *text, FILE *stream) { return stream_write(stream, text, strlen(text)); }

int puts(const char *text) { return fputs(text, stdout) == EOF ? EOF : putchar('\n'); }

int fputc(int character, FILE *stream)
{
    return stream_write(stream, &(char){ (char)character }, 1) == EOF ? EOF : (unsigned char)character;
}

int putchar(int character) { return fputc(character, stdout); }

size_t fwrite(const void *bytes, size_t size_bytes, size_t count, FILE *stream)
{
    size_t length;
    if (__builtin_mul_overflow(size_bytes, count, &length))
        return 0;
    return stream_write(stream, bytes, length) == EOF ? 0 : count;
}
