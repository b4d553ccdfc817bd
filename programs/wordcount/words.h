/* A table of words and how often each was seen. */
#ifndef WORDCOUNT_WORDS_H
#define WORDCOUNT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* One word: a block of the heap, with its letters behind it. */
struct word {
    struct word *next; /* in its chain while counting, in its list after */
    uint64_t count;
    uint32_t hash;
    uint32_t length;
    char text[]; /* small letters, no NUL */
};

struct words {
    struct word **chain; /* power of two many */
    size_t chains;
    size_t distinct;
    uint64_t total;
};

struct text_totals {
    uint64_t lines; /* newline characters */
    uint64_t bytes;
};

/* An empty table. False: no memory. */
bool words_begin(struct words *words);
/* Gives everything back, also after words_sorted. */
void words_end(struct words *words);

/* Counts the words of a text: the longest runs of ASCII letters, large ones as small. False: no memory; what was counted so far stays. */
bool words_count(struct words *words, const char *text, size_t size_bytes, struct text_totals *totals);

/* The words as one list, the most frequent first, equal counts in the order of their bytes. The chains are taken apart for it, so the table then only
 * owns the list, and no word can be counted any more. `*depth` is how deep the recursion went. */
struct word *words_sorted(struct words *words, unsigned *depth);

#endif
