/* format_text and format_string: each conversion, field and cut, and agreement with the C library where both know the format. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <format.h>

/* The text that the arguments give, and the same from the C library, must be one. */
#define SAME(...)                                                                      \
    do {                                                                               \
        char ours[200], theirs[200];                                                   \
        size_t length = format_string(ours, sizeof ours, __VA_ARGS__);                 \
        int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);                   \
        cr_expect_str_eq(ours, theirs);                                                \
        cr_expect_eq(length, (size_t)expected, "%zu %d", length, expected);            \
    } while (0)

Test(format, plain_text)
{
    SAME("nothing to convert");
    SAME("100%% sure");
    char one[1] = { 'x' };
    cr_expect_eq(format_string(one, 1, "%s", ""), 0);
    cr_expect_eq(one[0], '\0');
}

Test(format, integers_of_every_size)
{
    SAME("%d %d %d %d", 0, 7, -7, INT_MIN);
    SAME("%i %u %u", INT_MAX, 0u, UINT_MAX);
    SAME("%hhd %hhu %hd %hu", -1, 255, -2, 65535);
    SAME("%ld %lu %lld %llu", LONG_MIN, ULONG_MAX, LLONG_MIN, ULLONG_MAX);
    SAME("%jd %ju %zu %td", INTMAX_MIN, UINTMAX_MAX, SIZE_MAX, PTRDIFF_MIN);
    SAME("%" PRIx64 " %" PRIX64, UINT64_C(0x123456789abcdef0), UINT64_C(0xfedcba9876543210));
    SAME("%hhx %hx", (unsigned char)0x1ff, (unsigned short)0x1ffff);
}

Test(format, fields)
{
    SAME("[%5d][%-5d][%05d][%+d][%+d]", 42, 42, 42, 42, -42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%08x][%#x][%#10x][%#010x][%-#10x]", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu);
    SAME("[%.5d][%8.5d][%-8.5d][%.3u]", 42, 42, 42, 12345u);
    SAME("[%*d][%*d][%.*d]", 6, 42, -6, 42, 4, 42);
    SAME("[%1d][%2d][%3d]", 123456, 123456, 123456);
    SAME("[%.*d][%05.*d][%.*s]", -5, 42, -5, 42, -5, "quire");
    SAME("[%c][%3c][%-3c]", 'a', 'b', 'c');
    SAME("[%s][%10s][%-10s][%.3s][%10.3s]", "quire", "quire", "quire", "quire", "quire");
    SAME("[%.*s][%*s]", 2, "quire", -7, "quire");
}

Test(format, string_without_end_is_read_up_to_the_precision)
{
    const char letters[3] = { 'a', 'b', 'c' };
    char text[8];
    cr_expect_eq(format_string(text, sizeof text, "%.3s", letters), 3);
    cr_expect_str_eq(text, "abc");
}

Test(format, null_string)
{
    char text[16];
    const char *volatile nothing = nullptr;
    format_string(text, sizeof text, "%s", nothing);
    cr_expect_str_eq(text, "(null)");
}

Test(format, pointers)
{
    char text[32];
    format_string(text, sizeof text, "%p %p", (void *)0x12ab, (void *)0);
    cr_expect_str_eq(text, "0x12ab 0x0");
}

Test(format, long_text_is_cut_and_its_length_told)
{
    for (size_t size = 0; size <= 12; size++) {
        char text[16];
        memset(text, '#', sizeof text);
        size_t length = format_string(text, size, "%s=%05d", "abc", 42);
        cr_expect_eq(length, 9);
        size_t written = size == 0 ? 0 : size <= 9 ? size - 1 : 9;
        cr_expect_eq(memcmp(text, "abc=00042", written), 0, "size %zu", size);
        cr_expect_eq(text[written], size == 0 ? '#' : '\0', "size %zu", size);
        cr_expect_eq(text[written + 1], '#', "size %zu: written beyond the end", size);
    }
    cr_expect_eq(format_string(nullptr, 0, "%d", 12345), 5);
}

Test(format, huge_width_is_counted_not_written)
{
    char text[8];
    cr_expect_eq(format_string(text, sizeof text, "%5000d", 1), 5000);
    cr_expect_str_eq(text, "       ");
}

/* Formats that the compiler would not let pass. */
static size_t format_unchecked(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    size_t length = format_text(text, size, format, arguments);
#pragma clang diagnostic pop
    va_end(arguments);
    return length;
}

Test(format, unknown_conversion_stands_as_it_is)
{
    char text[32];
    format_unchecked(text, sizeof text, "%q %d", 5);
    cr_expect_str_eq(text, "%q 5");
    format_unchecked(text, sizeof text, "end %");
    cr_expect_str_eq(text, "end %");
    format_unchecked(text, sizeof text, "end %-08l");
    cr_expect_str_eq(text, "end %-08l");
    format_unchecked(text, sizeof text, "%.2f|");
    cr_expect_str_eq(text, "%.2f|");
}

Test(format, absurd_numbers_in_the_format_do_not_wrap)
{
    char text[8];
    size_t length = format_unchecked(text, sizeof text, "%99999999999999999999999d", 1);
    cr_expect_geq(length, 1u << 20);
    cr_expect_lt(length, 1u << 25);
    cr_expect_str_eq(text, "       ");
}

Test(format, random_integers_agree_with_the_library)
{
    constexpr unsigned SEED = 20240601;
    cr_log_info("seed %u", SEED);
    srand(SEED);
    static const char flags[][4] = { "", "-", "0", "+", "#", "-#", "0#", "+0", "-+", "-0" };
    static const char sizes[][3] = { "hh", "h", "", "l", "ll", "j", "z" };
    for (unsigned i = 0; i < 20000; i++) {
        char letter = "diuxX"[rand() % 5];
        const char *flag = flags[(size_t)rand() % (sizeof flags / sizeof flags[0])];
        if (letter == 'u' && strchr(flag, '#') != nullptr)
            continue; /* undefined in C */
        char format[32], ours[100], theirs[100];
        int used = snprintf(format, sizeof format, "%%%s%d", flag, 1 + rand() % 30);
        if (rand() % 3 == 0)
            used += snprintf(format + used, sizeof format - (size_t)used, ".%d", rand() % 25);
        snprintf(format + used, sizeof format - (size_t)used, "%s%c", sizes[rand() % 7], letter);
        unsigned long long value = (unsigned long long)rand() << 40 ^ (unsigned long long)rand() << 20 ^ (unsigned)rand();
        value >>= rand() % 64;
        if ((letter == 'x' || letter == 'X') && strchr(flag, '#') != nullptr)
            value |= 1; /* for 0 the library leaves 0x out */
        format_unchecked(ours, sizeof ours, format, value);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
        snprintf(theirs, sizeof theirs, format, value);
#pragma clang diagnostic pop
        cr_assert_str_eq(ours, theirs, "format %s value %llu", format, value);
    }
}
