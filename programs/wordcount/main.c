/* wordcount: counts the words of a module. Shows a real piece of work: a module mapped into memory and read page by page as it is touched, a hash
 * table on the heap, a recursive sort on the stack.
 *
 * `wordcount MODULE` prints the twenty most frequent words and totals, one fact a line. A word is a longest run of ASCII letters, so
 * `tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c | LC_ALL=C sort -k1,1nr -k2,2` finds the same. */
#include <stdio.h>

#include <quire/memory.h>

#include "words.h"

constexpr unsigned TOP = 20;

static void print(const struct words *words, const struct text_totals *totals, const struct word *word, unsigned depth)
{
    for (unsigned place = 1; place <= TOP && word != nullptr; place++, word = word->next)
        printf("wordcount: top %u %lu %.*s\n", place, word->count, (int)word->length, word->text);
    printf("wordcount: total lines=%lu words=%lu distinct=%zu bytes=%lu\n",
           totals->lines, words->total, words->distinct, totals->bytes);
    printf("wordcount: sort depth=%u chains=%zu\n", depth, words->chains);
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        printf("wordcount: usage: wordcount MODULE\n");
        return 1;
    }
    uint64_t address, size_bytes;
    enum status status = module_map(argv[1], &address, &size_bytes);
    if (status != STATUS_OK) {
        printf("wordcount: cannot map %s: %s\n", argv[1], status_name(status));
        return 1;
    }

    struct words words;
    struct text_totals totals = {};
    if (!words_begin(&words) || !words_count(&words, (const char *)(uintptr_t)address, size_bytes, &totals)) {
        printf("wordcount: no memory after %lu words\n", words.total);
        return 1;
    }
    unsigned depth;
    const struct word *first = words_sorted(&words, &depth);
    print(&words, &totals, first, depth);
    words_end(&words);
    return 0;
}
