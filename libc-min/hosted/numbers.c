/* Numbers from text. */
#include <stdlib.h>

#include <ctype.h>
#include <limits.h>
#include <stdint.h>

struct number {
    unsigned long magnitude; /* ULONG_MAX when it is too large */
    bool negative;
    const char *end;         /* first character not used; nullptr: there was no digit */
};

constexpr unsigned NO_DIGIT = 36;

static unsigned digit_value(char character)
{
    if (isdigit(character))
        return (unsigned)(character - '0');
    if (isalpha(character))
        return (unsigned)(tolower(character) - 'a') + 10;
    return NO_DIGIT;
}

static const char *skip_prefix(const char *text, int *base)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16;
    if ((*base == 0 || *base == 16) && hexadecimal) {
        *base = 16;
        return text + 2;
    }
    if (*base == 0)
        *base = text[0] == '0' ? 8 : 10;
    return text;
}

static struct number number_read(const char *text, int base)
{
    struct number number = {};
    while (isspace(*text))
        text++;
    number.negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;
    text = skip_prefix(text, &base);
    for (unsigned digit; (digit = digit_value(*text)) < (unsigned)base; number.end = ++text)
        if (__builtin_mul_overflow(number.magnitude, (unsigned long)base, &number.magnitude) ||
            __builtin_add_overflow(number.magnitude, (unsigned long)digit, &number.magnitude))
            number.magnitude = ULONG_MAX;
    return number;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    struct number number = number_read(text, base);
    if (end != nullptr)
        *end = (char *)(uintptr_t)(number.end != nullptr ? number.end : text);
    return number.negative && number.magnitude != ULONG_MAX ? 0 - number.magnitude : number.magnitude;
}

long strtol(const char *restrict text, char **restrict end, int base)
{
    struct number number = number_read(text, base);
    if (end != nullptr)
        *end = (char *)(uintptr_t)(number.end != nullptr ? number.end : text);
    if (number.magnitude > LONG_MAX)
        return number.negative ? LONG_MIN : LONG_MAX;
    return number.negative ? -(long)number.magnitude : (long)number.magnitude;
}

int atoi(const char *text)
{
    long number = strtol(text, nullptr, 10);
    return number > INT_MAX ? INT_MAX : number < INT_MIN ? INT_MIN : (int)number;
}
