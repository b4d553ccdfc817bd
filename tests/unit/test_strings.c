/* libc-min's memory.c and strings.c against the C library's, for all small sizes and alignments and for random ones.
 *
 * They are compiled here under other names, so that both exist side by side. */
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *quire_memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *quire_memmove(void *to, const void *from, size_t size_bytes);
void *quire_memset(void *to, int value, size_t size_bytes);
int quire_memcmp(const void *left, const void *right, size_t size_bytes);
void *quire_memchr(const void *bytes, int value, size_t size_bytes);
size_t quire_strlen(const char *text);
size_t quire_strnlen(const char *text, size_t limit);
int quire_strcmp(const char *left, const char *right);
int quire_strncmp(const char *left, const char *right, size_t limit);
char *quire_strchr(const char *text, int character);
char *quire_strrchr(const char *text, int character);
char *quire_strstr(const char *text, const char *wanted);

#define memcpy quire_memcpy
#define memmove quire_memmove
#define memset quire_memset
#define memcmp quire_memcmp
#define memchr quire_memchr
#define strlen quire_strlen
#define strnlen quire_strnlen
#define strcmp quire_strcmp
#define strncmp quire_strncmp
#define strchr quire_strchr
#define strrchr quire_strrchr
#define strstr quire_strstr
#include "libc-min/freestanding/memory.c"
#include "libc-min/freestanding/strings.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

constexpr size_t ROOM = 512;
constexpr size_t SMALL = 150; /* two blocks, some words, some bytes */

static void fill(uint8_t *bytes)
{
    for (size_t i = 0; i < ROOM; i++)
        bytes[i] = (uint8_t)(rand() >> 5);
}

static int sign(int number) { return (number > 0) - (number < 0); }

Test(strings, memcpy_copies_the_range_and_nothing_else)
{
    uint8_t from[ROOM], ours[ROOM], theirs[ROOM];
    srand(1);
    for (size_t size = 0; size <= SMALL; size++) {
        for (size_t offset = 0; offset < 16; offset++) {
            fill(from);
            fill(ours);
            memcpy(theirs, ours, ROOM);
            cr_assert_eq(quire_memcpy(ours + 32 + offset, from + 2 * offset, size), ours + 32 + offset);
            memcpy(theirs + 32 + offset, from + 2 * offset, size);
            cr_assert_arr_eq(ours, theirs, ROOM, "size %zu offset %zu", size, offset);
        }
    }
}

Test(strings, memmove_copies_overlapping_ranges)
{
    uint8_t ours[ROOM], theirs[ROOM];
    srand(2);
    for (size_t size = 0; size <= SMALL; size++) {
        for (size_t to = 128 - 70; to <= 128 + 70; to++) {
            fill(ours);
            memcpy(theirs, ours, ROOM);
            cr_assert_eq(quire_memmove(ours + to, ours + 128, size), ours + to);
            memmove(theirs + to, theirs + 128, size);
            cr_assert_arr_eq(ours, theirs, ROOM, "size %zu from 128 to %zu", size, to);
        }
    }
}

Test(strings, memset_takes_the_low_byte)
{
    uint8_t ours[ROOM], theirs[ROOM];
    srand(3);
    for (size_t size = 0; size <= SMALL; size++) {
        for (size_t offset = 0; offset < 16; offset++) {
            fill(ours);
            memcpy(theirs, ours, ROOM);
            int value = 0x100 + rand() % 256;
            cr_assert_eq(quire_memset(ours + offset, value, size), ours + offset);
            memset(theirs + offset, value, size);
            cr_assert_arr_eq(ours, theirs, ROOM, "size %zu offset %zu", size, offset);
        }
    }
}

Test(strings, memcmp_finds_each_difference_and_its_direction)
{
    uint8_t left[SMALL], right[SMALL];
    for (size_t size = 0; size <= SMALL; size++) {
        memset(left, 0x80, SMALL);
        memset(right, 0x80, SMALL);
        cr_assert_eq(quire_memcmp(left, right, size), 0);
        for (size_t at = 0; at < SMALL; at++) {
            right[at] = 0x7f; /* smaller as an unsigned number, larger as a signed one */
            if (at + 1 < SMALL)
                right[at + 1] = 0xff; /* a later difference must not count */
            int expected = at < size ? 1 : 0;
            cr_assert_eq(sign(quire_memcmp(left, right, size)), expected, "size %zu at %zu", size, at);
            cr_assert_eq(sign(quire_memcmp(right, left, size)), -expected, "size %zu at %zu", size, at);
            memset(right, 0x80, SMALL);
        }
    }
}

Test(strings, memchr_looks_within_the_size)
{
    const char *text = "abcabc";
    cr_expect_eq(quire_memchr(text, 'b', 6), text + 1);
    cr_expect_eq(quire_memchr(text, 'b' + 256, 6), text + 1);
    cr_expect_null(quire_memchr(text, 'c', 2));
    cr_expect_eq(quire_memchr(text, 'c', 3), text + 2);
    cr_expect_null(quire_memchr(text, 'a', 0));
    cr_expect_eq(quire_memchr(text, '\0', 7), text + 6);
}

Test(strings, lengths)
{
    cr_expect_eq(quire_strlen(""), 0);
    cr_expect_eq(quire_strlen("quire"), 5);
    cr_expect_eq(quire_strnlen("quire", 9), 5);
    cr_expect_eq(quire_strnlen("quire", 3), 3);
    const char letters[2] = { 'a', 'b' }; /* no NUL: the sanitizer sees a read beyond the limit */
    cr_expect_eq(quire_strnlen(letters, 2), 2);
    cr_expect_eq(quire_strnlen(letters, 0), 0);
}

Test(strings, order_agrees_with_the_library)
{
    static const char *const texts[] = { "", "a", "b", "ab", "abc", "abd", "B", "\x80", "\x7f", "a\x80", "a\xff" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            cr_expect_eq(sign(quire_strcmp(texts[i], texts[j])), sign(strcmp(texts[i], texts[j])), "%zu %zu", i, j);
            for (size_t limit = 0; limit < 5; limit++)
                cr_expect_eq(sign(quire_strncmp(texts[i], texts[j], limit)), sign(strncmp(texts[i], texts[j], limit)), "%zu %zu %zu", i, j, limit);
        }
    }
    const char left[2] = { 'a', 'b' }, right[2] = { 'a', 'b' };
    cr_expect_eq(quire_strncmp(left, right, 2), 0);
}

Test(strings, searches)
{
    const char *text = "a quire of quires";
    cr_expect_eq(quire_strchr(text, 'q'), text + 2);
    cr_expect_eq(quire_strrchr(text, 'q'), text + 11);
    cr_expect_eq(quire_strchr(text, '\0'), text + 17);
    cr_expect_eq(quire_strrchr(text, '\0'), text + 17);
    cr_expect_null(quire_strchr(text, 'x'));
    cr_expect_null(quire_strrchr(text, 'x'));
    cr_expect_eq(quire_strstr(text, "quires"), text + 11);
    cr_expect_eq(quire_strstr(text, ""), text);
    cr_expect_eq(quire_strstr(text, "s"), text + 16);
    cr_expect_null(quire_strstr(text, "quiress"));
    cr_expect_null(quire_strstr("", "a"));
    cr_expect_str_eq(quire_strstr("aab", "ab"), "ab");
}
