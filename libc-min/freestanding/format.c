/* Text from a format: the one formatter of the kernel's log, the pager's lines and printf.
 *
 * It writes into a buffer and counts what did not fit, so it needs no memory of its own, cannot fail and cannot write past the end.
 *
 * 1. out->length counts every character of the whole text; only those at positions below out->room are stored.
 * 2. The terminating NUL is written last, at the end or at the last byte of the buffer. */
#include <format.h>

#include <stdint.h>
#include <string.h>

struct output {
    char *buffer;
    size_t room;   /* characters that fit beside the NUL */
    size_t length;
};

/* One conversion: what stands between the percent sign and its letter. */
struct conversion {
    bool left, zero, plus, prefix; /* - 0 + # */
    size_t width;
    size_t precision; /* PRECISION_NONE when not given */
    unsigned size_bytes; /* of the integer argument */
    char letter;
};

constexpr size_t PRECISION_NONE = SIZE_MAX;
constexpr size_t NUMBER_LIMIT = 1 << 20; /* widths and precisions beyond this are taken as this */
constexpr unsigned DIGITS = 20;          /* of 2^64 - 1 in decimal */

static void put(struct output *out, char character)
{
    if (out->length < out->room)
        out->buffer[out->length] = character;
    out->length++;
}

static void put_text(struct output *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
}

static void put_repeated(struct output *out, char character, size_t count)
{
    while (count-- > 0)
        put(out, character);
}

/* Text in its field: blanks on the left, or on the right with the minus flag. */
static void put_field(struct output *out, const struct conversion *conversion, const char *text, size_t length)
{
    size_t blanks = conversion->width > length ? conversion->width - length : 0;
    if (!conversion->left)
        put_repeated(out, ' ', blanks);
    put_text(out, text, length);
    if (conversion->left)
        put_repeated(out, ' ', blanks);
}

/* A number in its field: blanks, then sign or 0x, then zeroes, then digits; blanks on the right with the minus flag. */
static void put_number(struct output *out, const struct conversion *conversion, uint64_t value, uint64_t base, const char *sign)
{
    const char *numerals = conversion->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char digit[DIGITS];
    size_t digits = 0;
    for (uint64_t rest = value; rest != 0; rest /= base)
        digit[digits++] = numerals[rest % base];

    size_t sign_length = strlen(sign);
    size_t least = conversion->precision != PRECISION_NONE ? conversion->precision : 1;
    if (conversion->zero && !conversion->left && conversion->precision == PRECISION_NONE && conversion->width > sign_length + least)
        least = conversion->width - sign_length;
    size_t zeroes = least > digits ? least - digits : 0;
    size_t length = sign_length + zeroes + digits;
    size_t blanks = conversion->width > length ? conversion->width - length : 0;

    if (!conversion->left)
        put_repeated(out, ' ', blanks);
    put_text(out, sign, sign_length);
    put_repeated(out, '0', zeroes);
    while (digits > 0)
        put(out, digit[--digits]);
    if (conversion->left)
        put_repeated(out, ' ', blanks);
}

static const char *read_number(const char *format, size_t *number)
{
    for (*number = 0; *format >= '0' && *format <= '9'; format++)
        if (*number < NUMBER_LIMIT)
            *number = *number * 10 + (size_t)(*format - '0');
    return format;
}

static const char *read_flags(const char *format, struct conversion *conversion)
{
    for (;; format++) {
        switch (*format) {
        case '-': conversion->left = true; break;
        case '0': conversion->zero = true; break;
        case '+': conversion->plus = true; break;
        case '#': conversion->prefix = true; break;
        default: return format;
        }
    }
}

static const char *read_size(const char *format, struct conversion *conversion)
{
    conversion->size_bytes = sizeof(int);
    switch (*format) {
    case 'h':
        conversion->size_bytes = format[1] == 'h' ? sizeof(char) : sizeof(short);
        return format + (format[1] == 'h' ? 2 : 1);
    case 'l':
        conversion->size_bytes = format[1] == 'l' ? sizeof(long long) : sizeof(long);
        return format + (format[1] == 'l' ? 2 : 1);
    case 'j': conversion->size_bytes = sizeof(intmax_t); return format + 1;
    case 'z':
    case 't': conversion->size_bytes = sizeof(size_t); return format + 1;
    default: return format;
    }
}

/* Decodes what follows a percent sign. Takes the arguments of `*`. Returns the place behind the letter. */
static const char *read_conversion(const char *format, struct conversion *conversion, va_list *arguments)
{
    *conversion = (struct conversion){ .precision = PRECISION_NONE };
    format = read_flags(format, conversion);
    if (*format == '*') {
        int width = va_arg(*arguments, int);
        conversion->left = conversion->left || width < 0;
        conversion->width = width < 0 ? 0 - (size_t)width : (size_t)width;
        format++;
    } else {
        format = read_number(format, &conversion->width);
    }
    if (*format == '.' && format[1] == '*') {
        int precision = va_arg(*arguments, int);
        conversion->precision = precision < 0 ? PRECISION_NONE : (size_t)precision;
        format += 2;
    } else if (*format == '.') {
        format = read_number(format + 1, &conversion->precision);
    }
    format = read_size(format, conversion);
    conversion->letter = *format;
    return *format == '\0' ? format : format + 1;
}

static uint64_t take_unsigned(const struct conversion *conversion, va_list *arguments)
{
    if (conversion->size_bytes > sizeof(int))
        return conversion->size_bytes > sizeof(long) ? va_arg(*arguments, unsigned long long) : va_arg(*arguments, unsigned long);
    unsigned value = va_arg(*arguments, unsigned);
    if (conversion->size_bytes == sizeof(char))
        return (unsigned char)value;
    return conversion->size_bytes == sizeof(short) ? (unsigned short)value : value;
}

static int64_t take_signed(const struct conversion *conversion, va_list *arguments)
{
    if (conversion->size_bytes > sizeof(int))
        return conversion->size_bytes > sizeof(long) ? va_arg(*arguments, long long) : va_arg(*arguments, long);
    int value = va_arg(*arguments, int);
    if (conversion->size_bytes == sizeof(char))
        return (signed char)value;
    return conversion->size_bytes == sizeof(short) ? (short)value : value;
}

static void put_signed(struct output *out, const struct conversion *conversion, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_number(out, conversion, magnitude, 10, value < 0 ? "-" : conversion->plus ? "+" : "");
}

static void put_string(struct output *out, const struct conversion *conversion, const char *text)
{
    if (text == nullptr)
        text = "(null)";
    put_field(out, conversion, text, strnlen(text, conversion->precision));
}

/* `start` is the percent sign, `end` the place behind the letter. */
static void put_conversion(struct output *out, const struct conversion *conversion, va_list *arguments, const char *start, const char *end)
{
    switch (conversion->letter) {
    case 'd':
    case 'i': put_signed(out, conversion, take_signed(conversion, arguments)); break;
    case 'u': put_number(out, conversion, take_unsigned(conversion, arguments), 10, ""); break;
    case 'x': put_number(out, conversion, take_unsigned(conversion, arguments), 16, conversion->prefix ? "0x" : ""); break;
    case 'X': put_number(out, conversion, take_unsigned(conversion, arguments), 16, conversion->prefix ? "0X" : ""); break;
    case 'p': put_number(out, conversion, (uintptr_t)va_arg(*arguments, void *), 16, "0x"); break;
    case 'c': put_field(out, conversion, &(char){ (char)va_arg(*arguments, int) }, 1); break;
    case 's': put_string(out, conversion, va_arg(*arguments, const char *)); break;
    case '%': put(out, '%'); break;
    default: put_text(out, start, (size_t)(end - start)); break;
    }
}

size_t format_text(char *buffer, size_t size_bytes, const char *format, va_list arguments)
{
    struct output out = { .buffer = buffer, .room = size_bytes == 0 ? 0 : size_bytes - 1 };
    va_list rest; /* a copy: the address of a va_list parameter is not that of a va_list on every machine */
    va_copy(rest, arguments);
    while (*format != '\0') {
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        struct conversion conversion;
        const char *start = format;
        format = read_conversion(format + 1, &conversion, &rest);
        put_conversion(&out, &conversion, &rest, start, format);
    }
    va_end(rest);
    if (size_bytes > 0)
        buffer[out.length < out.room ? out.length : out.room] = '\0';
    return out.length;
}

size_t format_string(char *buffer, size_t size_bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text(buffer, size_bytes, format, arguments);
    va_end(arguments);
    return length;
}
