/* Text from a format: the one formatter of the kernel's log, the pager's lines and printf.
 *
 * It writes into a buffer and counts what did not fit, so it needs no memory of its own, cannot fail and cannot write past the end.
 *
 * 1. out->length counts every character of the whole text; only those that fit beside the NUL are stored.
 * 2. The terminating NUL is written last, at the end or at the last byte of the buffer.
 */
#include <format.h>

#include <stdint.h>
#include <string.h>

constexpr unsigned DIGITS = 20; /* of 2^64 - 1 in decimal */
constexpr size_t PRECISION_NONE = SIZE_MAX;
constexpr int64_t NUMBER_LIMIT = 1 << 20; /* widths and precisions beyond this are taken as this */
enum flag { LEFT, ZERO, PLUS, PREFIX, FLAGS };
static const char flag_letters[FLAGS] = { '-', '0', '+', '#' };

struct output {
    char *buffer;
    size_t size_bytes; /* of the buffer */
    size_t length;
    const char *format; /* what is left of it */
    va_list list;       /* and of the arguments */
    /* The conversion: what stands between the percent sign and its letter. */
    size_t width;
    size_t precision; /* PRECISION_NONE when not given */
    unsigned size_bits; /* of the integer argument */
    bool has[FLAGS];
    char letter;
    char digits[DIGITS];
};

/* A text; or with `step` 0 its first character again and again. */
[[gnu::noinline]] static void put(struct output *out, const char *text, size_t length, size_t step)
{
    for (; length > 0; length--, text += step) {
        if (out->length + 1 < out->size_bytes)
            out->buffer[out->length] = *text;
        out->length++;
    }
}

/* The next argument. All integers and pointers are passed alike; of a smaller one the upper bits are anything. */
[[gnu::noinline]] static uint64_t take(struct output *out)
{
    return va_arg(out->list, uint64_t);
}

/* Blanks, then `sign`, zeroes and text; with the minus flag the blanks come last. */
static void put_field(struct output *out, const char *sign, size_t sign_length, size_t zeroes, const char *text, size_t length)
{
    size_t all = sign_length + zeroes + length;
    size_t blanks = out->width > all ? out->width - all : 0;
    if (!out->has[LEFT])
        put(out, " ", blanks, 0);
    put(out, sign, sign_length, 1);
    put(out, "0", zeroes, 0);
    put(out, text, length, 1);
    if (out->has[LEFT])
        put(out, " ", blanks, 0);
}

/* A number in its field, as many zeroes before it as precision or the zero flag ask for. */
[[gnu::noinline]] static void put_integer(struct output *out, unsigned base, bool is_signed)
{
    char letter = out->letter, sign[2];
    unsigned unused = 64 - out->size_bits;
    size_t sign_length = 0, first = DIGITS, least = out->precision;
    uint64_t value = take(out) << unused;
    value = is_signed ? (uint64_t)((int64_t)value >> unused) : value >> unused;
    if (is_signed) {
        bool is_negative = (int64_t)value < 0;
        sign[0] = is_negative ? '-' : '+';
        sign_length = is_negative || out->has[PLUS];
        if (is_negative) value = 0 - value;
    } else if (base == 16 && (out->has[PREFIX] || letter == 'p')) {
        sign[0] = '0';
        sign[1] = letter == 'X' ? 'X' : 'x';
        sign_length = 2;
    }
    for (; value != 0; value /= base) {
        unsigned numeral = (unsigned)(value % base);
        if (numeral > 9)
            numeral += (letter == 'X' ? 'A' : 'a') - '0' - 10u;
        out->digits[--first] = (char)('0' + numeral);
    }
    size_t length = DIGITS - first;
    if (least == PRECISION_NONE)
        least = out->has[ZERO] && !out->has[LEFT] && out->width > sign_length ? out->width - sign_length : 1;
    put_field(out, sign, sign_length, least > length ? least - length : 0, out->digits + first, length);
}

/* Digits, or the argument of a `*`, which may be negative. */
[[gnu::noinline]] static int64_t read_number(struct output *out)
{
    int64_t number = 0;
    if (*out->format == '*') {
        out->format++;
        return (int)take(out);
    }
    for (; *out->format >= '0' && *out->format <= '9'; out->format++)
        if (number < NUMBER_LIMIT)
            number = number * 10 + (*out->format - '0');
    return number;
}

static void read_flags(struct output *out)
{
    memset(out->has, false, sizeof out->has);
    for (unsigned i = 0; i < FLAGS; i++) {
        if (*out->format != flag_letters[i]) continue;
        out->has[i] = true;
        out->format++;
        i = UINT32_MAX; /* from the first one again */
    }
}

/* hh h l ll j z t */
static void read_size(struct output *out)
{
    out->size_bits = 32;
    for (;; out->format++) {
        switch (*out->format) {
        case 'h': out->size_bits /= 2; break;
        case 'l':
        case 'j':
        case 'z':
        case 't': out->size_bits = 64; break;
        default: return;
        }
    }
}

/* Decodes what follows a percent sign. Takes the arguments of `*`. */
static void read_conversion(struct output *out)
{
    read_flags(out);
    int64_t number = read_number(out);
    out->has[LEFT] |= number < 0;
    out->width = (size_t)(number < 0 ? -number : number);
    out->precision = PRECISION_NONE;
    if (*out->format == '.') {
        out->format++;
        number = read_number(out);
        if (number >= 0)
            out->precision = (size_t)number;
    }
    read_size(out);
    out->letter = *out->format;
    if (out->letter != '\0')
        out->format++;
}

/* `start` is the percent sign, out->format the place behind it. */
static void put_conversion(struct output *out, const char *start)
{
    char character;
    const char *text = &character;
    size_t length = 1;
    read_conversion(out);
    switch (out->letter) {
    case 'c': character = (char)take(out); break;
    case 's':
        text = (const char *)(uintptr_t)take(out);
        if (text == nullptr) text = "(null)";
        length = strnlen(text, out->precision);
        break;
    case 'd':
    case 'i': put_integer(out, 10, true); return;
    case 'u': put_integer(out, 10, false); return;
    case 'p': out->size_bits = 64; [[fallthrough]];
    case 'x':
    case 'X': put_integer(out, 16, false); return;
    default: put(out, start, out->letter == '%' ? 1 : (size_t)(out->format - start), 1); return;
    }
    put_field(out, nullptr, 0, 0, text, length);
}

size_t format_text(char *buffer, size_t size_bytes, const char *format, va_list arguments)
{
    struct output out;
    out.buffer = buffer;
    out.size_bytes = size_bytes;
    out.length = 0;
    out.format = format;
    va_copy(out.list, arguments);
    while (*out.format != '\0') {
        const char *start = out.format++;
        if (*start != '%') {
            put(&out, start, 1, 1);
            continue;
        }
        put_conversion(&out, start);
    }
    va_end(out.list);
    if (size_bytes > 0)
        buffer[out.length < size_bytes ? out.length : size_bytes - 1] = '\0';
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
