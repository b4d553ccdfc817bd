/* A table of words: a hash table of chains that grows, and a sort of its words as a list.
 *
 * Each word is one block of the heap, so a large text asks malloc for many small blocks and for a few large ones when the table grows: both ways of
 * getting memory are used. The sort is a merge sort that calls itself on halves, which is what takes stack.
 *
 * 1. words->chain[i] holds the words whose hash modulo words->chains is i, each word once.
 * 2. There are never more words than chains. */
#include "words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

constexpr size_t CHAINS_FIRST = 256;
constexpr size_t WORD_LIMIT = UINT32_MAX;

bool words_begin(struct words *words)
{
    *words = (struct words){ .chains = CHAINS_FIRST, .chain = calloc(CHAINS_FIRST, sizeof(struct word *)) };
    return words->chain != nullptr;
}

void words_end(struct words *words)
{
    for (size_t i = 0; i < words->chains; i++) {
        for (struct word *word = words->chain[i], *next; word != nullptr; word = next) {
            next = word->next;
            free(word);
        }
    }
    free(words->chain);
    *words = (struct words){};
}

/* Twice as many chains; each word goes to the chain of its hash. False: no memory, nothing changed. */
static bool words_grow(struct words *words)
{
    size_t chains = 2 * words->chains;
    struct word **chain = calloc(chains, sizeof *chain);
    if (chain == nullptr)
        return false;
    for (size_t i = 0; i < words->chains; i++) {
        for (struct word *word = words->chain[i], *next; word != nullptr; word = next) {
            next = word->next;
            word->next = chain[word->hash & (chains - 1)];
            chain[word->hash & (chains - 1)] = word;
        }
    }
    free(words->chain);
    words->chain = chain;
    words->chains = chains;
    return true;
}

static bool word_is(const struct word *word, uint32_t hash, const char *text, size_t length)
{
    if (word->hash != hash || word->length != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (word->text[i] != (text[i] | ' ')) /* a letter with this bit is a small one */
            return false;
    return true;
}

static bool words_insert(struct words *words, uint32_t hash, const char *text, size_t length)
{
    if (words->distinct == words->chains && !words_grow(words))
        return false;
    struct word *word = length <= WORD_LIMIT ? malloc(sizeof *word + length) : nullptr;
    if (word == nullptr)
        return false;
    struct word **chain = &words->chain[hash & (words->chains - 1)];
    *word = (struct word){ .next = *chain, .count = 1, .hash = hash, .length = (uint32_t)length };
    for (size_t i = 0; i < length; i++)
        word->text[i] = (char)(text[i] | ' ');
    *chain = word;
    words->distinct++;
    words->total++;
    return true;
}

static bool words_add(struct words *words, uint32_t hash, const char *text, size_t length)
{
    for (struct word *word = words->chain[hash & (words->chains - 1)]; word != nullptr; word = word->next) {
        if (word_is(word, hash, text, length)) {
            word->count++;
            words->total++;
            return true;
        }
    }
    return words_insert(words, hash, text, length);
}

static bool is_letter(char character)
{
    char small = (char)(character | ' ');
    return small >= 'a' && small <= 'z';
}

bool words_count(struct words *words, const char *text, size_t size_bytes, struct text_totals *totals)
{
    totals->bytes += size_bytes;
    for (size_t i = 0; i < size_bytes;) {
        if (!is_letter(text[i])) {
            totals->lines += text[i++] == '\n';
            continue;
        }
        size_t first = i;
        uint32_t hash = 2166136261; /* FNV-1a, 32 bits: these two numbers are its offset and its prime */
        for (; i < size_bytes && is_letter(text[i]); i++)
            hash = (hash ^ (uint8_t)(text[i] | ' ')) * 16777619;
        if (!words_add(words, hash, text + first, i - first))
            return false;
    }
    return true;
}

static bool word_comes_before(const struct word *left, const struct word *right)
{
    if (left->count != right->count)
        return left->count > right->count;
    uint32_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->text, right->text, shorter);
    return order != 0 ? order < 0 : left->length < right->length;
}

static struct word *merge(struct word *left, struct word *right)
{
    struct word *first = nullptr, **end = &first;
    while (left != nullptr && right != nullptr) {
        struct word **smaller = word_comes_before(right, left) ? &right : &left;
        *end = *smaller;
        *smaller = (*smaller)->next;
        end = &(*end)->next;
    }
    *end = left != nullptr ? left : right;
    return first;
}

/* Sorts the first `count` words of the list and cuts them off it; `*rest` is what follows them. */
static struct word *sort(struct word *list, size_t count, struct word **rest, unsigned depth, unsigned *deepest)
{
    if (depth > *deepest)
        *deepest = depth;
    if (count == 0) {
        *rest = list;
        return nullptr;
    }
    if (count == 1) {
        *rest = list->next;
        list->next = nullptr;
        return list;
    }
    struct word *middle;
    struct word *left = sort(list, count / 2, &middle, depth + 1, deepest);
    struct word *right = sort(middle, count - count / 2, rest, depth + 1, deepest);
    return merge(left, right);
}

struct word *words_sorted(struct words *words, unsigned *depth)
{
    struct word *list = nullptr, **end = &list;
    for (size_t i = 0; i < words->chains; i++) {
        *end = words->chain[i];
        while (*end != nullptr)
            end = &(*end)->next;
        words->chain[i] = nullptr;
    }
    struct word *rest;
    *depth = 0;
    words->chain[0] = sort(list, words->distinct, &rest, 1, depth);
    assert(rest == nullptr);
    return words->chain[0];
}
