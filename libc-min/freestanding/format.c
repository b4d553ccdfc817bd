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
constexpr int64_t NUMBER_LIMIT = 1 << 20; /* widths and precisions beyond this are taken as this */
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

/* Blanks, then `sign`, zeroes and text; with the minus flag the blanks come last. */
static void put_field(struct output *out, const struct conversion *conversion, const char *sign, size_t zeroes, const char *text, size_t length)
{
    size_t sign_length = strlen(sign), all = sign_length + zeroes + length;
    size_t blanks = conversion->width > all ? conversion->width - all : 0;
    if (!conversion->left)
        put_repeated(out, ' ', blanks);
    put_text(out, sign, sign_length);
    put_repeated(out, '0', zeroes);
    put_text(out, text, length);
    if (conversion->left)
        put_repeated(out, ' ', blanks);
}

/* A number in its field, as many zeroes before it as precision or the zero flag ask for. */
static void put_number(struct output *out, const struct conversion *conversion, uint64_t value, unsigned base, const char *sign)
{
    char digits[DIGITS];
    size_t first = DIGITS;
    for (; value != 0; value /= base) {
        unsigned numeral = (unsigned)(value % base);
        if (numeral > 9)
            numeral += (conversion->letter == 'X' ? 'A' : 'a') - '0' - 10u;
        digits[--first] = (char)('0' + numeral);
    }
    size_t length = DIGITS - first, sign_length = strlen(sign);
    bool has_precision = conversion->precision != PRECISION_NONE;
    size_t least = has_precision ? conversion->precision : 1;
    if (conversion->zero && !conversion->left && !has_precision && conversion->width > sign_length + 1)
        least = conversion->width - sign_length;
    put_field(out, conversion, sign, least > length ? least - length : 0, digits + first, length);
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

/* The list of arguments, in a structure of which an address can be taken on every machine. */
struct arguments {
    va_list list;
};

/* The next argument, of that size or promoted to an int. All integers and pointers of one size are passed alike. */
static uint64_t take(struct arguments *arguments, unsigned size_bytes)
{
    return size_bytes > sizeof(int) ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned);
}

/* Digits, or the argument of a `*`, which may be negative. */
static const char *read_number(const char *format, int64_t *number, struct arguments *arguments)
{
    *number = 0;
    if (*format == '*') {
        *number = (int)take(arguments, sizeof(int));
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        if (*number < NUMBER_LIMIT)
            *number = *number * 10 + (*format - '0');
    return format;
}

/* Decodes what follows a percent sign. Takes the arguments of `*`. Returns the place behind the letter. */
static const char *read_conversion(const char *format, struct conversion *conversion, struct arguments *arguments)
{
    *conversion = (struct conversion){ .precision = PRECISION_NONE };
    format = read_flags(format, conversion);
    int64_t number;
    format = read_number(format, &number, arguments);
    conversion->left = conversion->left || number < 0;
    conversion->width = (size_t)(number < 0 ? -number : number);
    if (*format == '.') {
        format = read_number(format + 1, &number, arguments);
        conversion->precision = number < 0 ? PRECISION_NONE : (size_t)number;
    }
    format = read_size(format, conversion);
    conversion->letter = *format;
    return *format == '\0' ? format : format + 1;
}

/* d i u x X p */
static void put_integer(struct output *out, const struct conversion *conversion, uint64_t value)
{
    char letter = conversion->letter;
    unsigned unused = 64 - 8 * conversion->size_bytes, base = 16;
    bool is_signed = letter == 'd' || letter == 'i';
    const char *sign = "";
    value <<= unused;
    value = is_signed ? (uint64_t)((int64_t)value >> unused) : value >> unused;
    if (is_signed || letter == 'u') base = 10;
    else if (conversion->prefix || letter == 'p') sign = letter == 'X' ? "0X" : "0x";
    if (is_signed && (int64_t)value < 0) {
        sign = "-";
        value = 0 - value;
    } else if (is_signed && conversion->plus) sign = "+";
    put_number(out, conversion, value, base, sign);
}

/* `start` is the percent sign, `end` the place behind the letter. */
static void put_conversion(struct output *out, struct conversion *conversion, struct arguments *arguments, const char *start, const char *end)
{
    char character;
    const char *text = &character;
    size_t length = 1;
    switch (conversion->letter) {
    case 'c': character = (char)take(arguments, sizeof(int)); break;
    case 's':
        text = (const char *)(uintptr_t)take(arguments, sizeof(char *));
        if (text == nullptr) text = "(null)";
        length = strnlen(text, conversion->precision);
        break;
    case 'p': conversion->size_bytes = sizeof(void *); [[fallthrough]];
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X': put_integer(out, conversion, take(arguments, conversion->size_bytes)); return;
    default: put_text(out, start, conversion->letter == '%' ? 1 : (size_t)(end - start)); return;
    }
    put_field(out, conversion, "", 0, text, length);
}

size_t format_text(char *buffer, size_t size_bytes, const char *format, va_list arguments)
{
    struct output out = { .buffer = buffer, .room = size_bytes == 0 ? 0 : size_bytes - 1 };
    struct arguments rest;
    va_copy(rest.list, arguments);
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
    va_end(rest.list);
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
