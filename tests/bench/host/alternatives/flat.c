/* A flat bitmap, searched from where the last search ended: the least that does the work.
 *
 * 1. Bit i of word w is set when frame 64 * w + i is free. */
#include <string.h>

#include "alternative.h"

static uint64_t *words;
static uint64_t count_words;
static uint64_t rotor;

static uint64_t flat_storage_bytes(uint32_t count)
{
    return ((uint64_t)count + 63) / 64 * sizeof(uint64_t);
}

static void flat_initialise(void *storage, uint32_t count)
{
    words = storage;
    count_words = ((uint64_t)count + 63) / 64;
    rotor = 0;
    memset(words, 0xff, count_words * sizeof *words);
    if (count % 64 != 0) words[count_words - 1] = ((uint64_t)1 << count % 64) - 1;
}

/* First bits of the aligned runs of 2^order set bits. */
static uint64_t runs_of(uint64_t word, unsigned order)
{
    static const uint64_t aligned[] = { UINT64_MAX, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1 };
    for (unsigned i = 0; i < order; i++) word &= word >> (1u << i);
    return word & aligned[order];
}

static bool is_all_free(uint64_t word, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (words[word + i] != UINT64_MAX) return false;
    return true;
}

static bool flat_allocate(unsigned order, uint32_t *first)
{
    uint64_t step = order < 6 ? 1 : (uint64_t)1 << (order - 6);
    uint64_t word = rotor & ~(step - 1);
    for (uint64_t seen = 0; seen < count_words; seen += step, word += step) {
        if (word + step > count_words) word = 0;
        if (step > count_words) return false;
        if (order >= 6) {
            if (!is_all_free(word, step)) continue;
            memset(&words[word], 0, step * sizeof *words);
            *first = (uint32_t)(word * 64);
        } else {
            uint64_t runs = words[word] != 0 ? runs_of(words[word], order) : 0;
            if (runs == 0) continue;
            unsigned at = (unsigned)__builtin_ctzll(runs);
            words[word] &= ~((((uint64_t)1 << (1u << order)) - 1) << at);
            *first = (uint32_t)(word * 64) + at;
        }
        rotor = word;
        return true;
    }
    return false;
}

static bool flat_free(uint32_t first, unsigned order)
{
    uint64_t word = first / 64;
    if (order >= 6) {
        for (uint64_t i = 0; i < (uint64_t)1 << (order - 6); i++)
            if (words[word + i] != 0) return false;
        memset(&words[word], 0xff, ((size_t)1 << (order - 6)) * sizeof *words);
        return true;
    }
    uint64_t mask = (((uint64_t)1 << (1u << order)) - 1) << first % 64;
    if ((words[word] & mask) != 0) return false;
    words[word] |= mask;
    return true;
}

const struct alternative alternative_flat = { "flat", flat_storage_bytes, flat_initialise, flat_allocate, flat_free };
