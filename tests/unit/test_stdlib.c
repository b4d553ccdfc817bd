/* libc-min's qsort, bsearch, strtol and strtoul against the C library's, and ctype.h over all characters. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void quire_qsort(void *base, size_t count, size_t size_bytes, int (*compare)(const void *left, const void *right));
void *quire_bsearch(const void *key, const void *base, size_t count, size_t size_bytes, int (*compare)(const void *key, const void *element));
int quire_atoi(const char *text);
long quire_strtol(const char *restrict text, char **restrict end, int base);
unsigned long quire_strtoul(const char *restrict text, char **restrict end, int base);

#define qsort quire_qsort
#define bsearch quire_bsearch
#define atoi quire_atoi
#define strtol quire_strtol
#define strtoul quire_strtoul
#include "libc-min/hosted/numbers.c"
#include "libc-min/hosted/sort.c"
#undef qsort
#undef bsearch
#undef atoi
#undef strtol
#undef strtoul

/* --- Sorting --- */

static unsigned long comparisons;

static int compare_int(const void *left, const void *right)
{
    comparisons++;
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

Test(sort, sorts_as_the_library_does)
{
    constexpr unsigned SEED = 5;
    cr_log_info("seed %u", SEED);
    srand(SEED);
    static int ours[600], theirs[600];
    for (size_t count = 0; count < 600; count += 1 + count / 8) {
        for (int spread = 2; spread < 2000; spread *= 9) {
            for (size_t i = 0; i < count; i++)
                ours[i] = theirs[i] = rand() % spread;
            quire_qsort(ours, count, sizeof ours[0], compare_int);
            qsort(theirs, count, sizeof theirs[0], compare_int);
            cr_assert_arr_eq(ours, theirs, count * sizeof ours[0], "count %zu spread %d", count, spread);
        }
    }
}

Test(sort, has_no_bad_case)
{
    constexpr size_t COUNT = 4096;
    static int numbers[COUNT];
    for (unsigned order = 0; order < 4; order++) {
        for (size_t i = 0; i < COUNT; i++)
            numbers[i] = order == 0 ? (int)i : order == 1 ? -(int)i : order == 2 ? 7 : (int)(i % 2);
        comparisons = 0;
        quire_qsort(numbers, COUNT, sizeof numbers[0], compare_int);
        cr_expect_leq(comparisons, 2 * COUNT * 12, "order %u took %lu comparisons", order, comparisons);
        for (size_t i = 1; i < COUNT; i++)
            cr_assert_leq(numbers[i - 1], numbers[i]);
    }
}

struct odd {
    char text[13];
};

static int compare_odd(const void *left, const void *right)
{
    return strcmp(((const struct odd *)left)->text, ((const struct odd *)right)->text);
}

Test(sort, moves_elements_of_any_size_whole)
{
    static struct odd odd[100];
    for (unsigned i = 0; i < 100; i++)
        snprintf(odd[i].text, sizeof odd[i].text, "%012u", i * 37 % 100);
    quire_qsort(odd, 100, sizeof odd[0], compare_odd);
    for (unsigned i = 0; i < 100; i++) {
        char expected[13];
        snprintf(expected, sizeof expected, "%012u", i);
        cr_assert_str_eq(odd[i].text, expected);
    }
}

Test(sort, bsearch_finds_what_is_there_and_nothing_else)
{
    static int even[50];
    for (int i = 0; i < 50; i++)
        even[i] = 2 * i;
    for (size_t count = 0; count <= 50; count++) {
        for (int key = -1; key <= 100; key++) {
            int *found = quire_bsearch(&key, even, count, sizeof even[0], compare_int);
            bool is_there = key >= 0 && key % 2 == 0 && (size_t)key / 2 < count;
            cr_assert_eq(found, is_there ? &even[key / 2] : nullptr, "count %zu key %d", count, key);
        }
    }
}

/* --- Numbers --- */

Test(numbers, agree_with_the_library)
{
    static const char *const texts[] = {
        "", " ", "0", "7", "-7", "+7", "  \t\n42rest", "- 7", "+-7", "0x", "0x1F", "0XfFg", "-0x10", "017", "08", "0b11", "zz", "Zz9",
        "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
        "18446744073709551614", "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999", "-99999999999999999999999",
        "12345678901234567890123x", "0x10000000000000000", "11111111111111111111111111111111111111111111111111111111111111111111",
    };
    static const int bases[] = { 0, 2, 8, 10, 16, 36 };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t j = 0; j < sizeof bases / sizeof bases[0]; j++) {
            if (strncmp(texts[i], "0b", 2) == 0 && (bases[j] == 0 || bases[j] == 2))
                continue; /* libraries differ on the binary prefix of C23 */
            char *our_end, *their_end;
            long ours = quire_strtol(texts[i], &our_end, bases[j]), theirs = strtol(texts[i], &their_end, bases[j]);
            cr_expect_eq(ours, theirs, "strtol \"%s\" base %d: %ld, not %ld", texts[i], bases[j], ours, theirs);
            cr_expect_eq(our_end, their_end, "end of \"%s\" base %d", texts[i], bases[j]);
            unsigned long our_u = quire_strtoul(texts[i], &our_end, bases[j]), their_u = strtoul(texts[i], &their_end, bases[j]);
            cr_expect_eq(our_u, their_u, "strtoul \"%s\" base %d: %lu, not %lu", texts[i], bases[j], our_u, their_u);
            cr_expect_eq(our_end, their_end, "end of \"%s\" base %d", texts[i], bases[j]);
        }
    }
}

Test(numbers, atoi_stops_at_the_limits_of_int)
{
    cr_expect_eq(quire_atoi("-42x"), -42);
    cr_expect_eq(quire_atoi("99999999999"), INT_MAX);
    cr_expect_eq(quire_atoi("-99999999999"), INT_MIN);
    cr_expect_eq(quire_atoi("x"), 0);
}
