/* The word table of programs/wordcount against a count that a few lines do slowly. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/wordcount/words.h"

#include "programs/wordcount/words.c"

static struct words words;
static struct text_totals totals;
static unsigned depth;

static struct word *count(const char *text, size_t size)
{
    totals = (struct text_totals){};
    cr_assert(words_begin(&words));
    cr_assert(words_count(&words, text, size, &totals));
    return words_sorted(&words, &depth);
}

static void expect_words(const char *text, const char *expected)
{
    char found[300] = "";
    for (const struct word *word = count(text, strlen(text)); word != nullptr; word = word->next)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%lu %.*s,", word->count, (int)word->length, word->text);
    cr_expect_str_eq(found, expected, "\"%s\" gave %s", text, found);
    words_end(&words);
}

Test(words, runs_of_letters_are_words_and_case_is_none)
{
    expect_words("", "");
    expect_words("\n 12 .,;", "");
    expect_words("a", "1 a,");
    expect_words("The the THE tHe", "4 the,");
    expect_words("don't stop2go", "1 don,1 go,1 stop,1 t,");
    expect_words("@a[b`c{d", "1 a,1 b,1 c,1 d,");
    expect_words("caf\xc3\xa9 na\xefve", "1 caf,1 na,1 ve,");
}

Test(words, order_is_count_then_bytes)
{
    expect_words("b a ab c c b abc", "2 b,2 c,1 a,1 ab,1 abc,");
}

Test(words, text_without_an_end_is_read_to_its_size_only)
{
    const char text[] = { 'a', 'b', '\n', 'c', 'd' }; /* no NUL: the sanitizer sees a read beyond */
    struct word *word = count(text, sizeof text);
    cr_expect_eq(words.total, 2);
    cr_expect_eq(totals.lines, 1);
    cr_expect_eq(totals.bytes, 5);
    cr_expect_eq(word->next->length, 2);
    words_end(&words);
}

Test(words, many_words_make_the_table_grow)
{
    constexpr unsigned SEED = 11, WORDS = 30000;
    cr_log_info("seed %u", SEED);
    srand(SEED);
    static char text[WORDS * 4 + 1];
    static unsigned expected[26 * 26 * 26];
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned number = (unsigned)(rand() % (26 * 26) * (rand() % 26 + 1) % (26 * 26 * 26));
        char *word = text + 4 * (size_t)i;
        word[0] = (char)((rand() % 2 ? 'a' : 'A') + number / 676);
        word[1] = (char)('a' + number / 26 % 26);
        word[2] = (char)((rand() % 2 ? 'a' : 'A') + number % 26);
        word[3] = i % 10 == 0 ? '\n' : ' ';
        expected[number]++;
    }
    const struct word *word = count(text, WORDS * 4);
    size_t distinct = 0;
    uint64_t before = UINT64_MAX;
    for (; word != nullptr; word = word->next, distinct++) {
        unsigned number = (unsigned)(word->text[0] - 'a') * 676 + (unsigned)(word->text[1] - 'a') * 26 + (unsigned)(word->text[2] - 'a');
        cr_assert_eq(word->count, expected[number], "word %.3s", word->text);
        cr_assert_leq(word->count, before);
        before = word->count;
        expected[number] = 0;
    }
    cr_expect_eq(distinct, words.distinct);
    cr_expect_gt(distinct, 1000);
    cr_expect_geq(words.chains, distinct);
    cr_expect_eq(words.total, WORDS);
    cr_expect_eq(totals.lines, WORDS / 10);
    cr_expect_geq(depth, 11);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_assert_eq(expected[i], 0, "a word is missing");
    words_end(&words);
}
