/* Loops over the entries of a table and the rows of frames: one or two instructions for each.
 *
 * They decide what mapping, unmapping and protecting a whole table costs, so they are compiled for speed and unrolled, but no further than the offset of one
 * byte in an instruction reaches. */
#include "walk.h"

#include <string.h>

/* Keeps the compiler from carrying a value, or one that it has read, through other registers and from choosing other addresses. No instruction. */
#define KEEP(value) __asm__("" : "+r"(value) : : "memory")

/* Elements of a turn on each side of the place that a pointer shows. */
constexpr int HALF = 128 / (int)sizeof(word_t);
constexpr unsigned TURN = 2 * HALF;
static_assert(sizeof(pte_t) <= sizeof(word_t));

[[gnu::noinline]] struct words_common words_common(const word_t *words, unsigned count)
{
    word_t any = 0, all = ~(word_t)0;
    const word_t *middle = words + HALF;
    for (unsigned turns = count / TURN; turns > 0; turns--, middle += TURN) {
        KEEP(middle);
#pragma clang loop unroll(full)
        for (int i = -HALF; i < HALF; i++) {
            any |= middle[i];
            KEEP(any);
            all &= middle[i];
            KEEP(all);
        }
    }
    words += count - count % TURN;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % TURN; i++) {
        any |= words[i];
        all &= words[i];
    }
    return (struct words_common){ any, all };
}

[[gnu::noinline]] void entries_flip(pte_t *entries, unsigned count, pte_t change)
{
    pte_t *middle = entries + HALF;
    for (unsigned turns = count / TURN; turns > 0; turns--, middle += TURN) {
        KEEP(middle);
#pragma clang loop unroll(full)
        for (int i = -HALF; i < HALF; i++) middle[i] ^= change;
    }
    entries += count - count % TURN;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % TURN; i++) entries[i] ^= change;
}

[[gnu::noinline]] void entries_fill(pte_t *entries, unsigned count, pte_t leaf, pte_t step)
{
    pte_t *middle = entries + HALF;
    for (unsigned turns = count / TURN; turns > 0; turns--, middle += TURN) {
        KEEP(middle);
#pragma clang loop unroll(full)
        for (int i = -HALF; i < HALF; i++) {
            middle[i] = leaf;
            leaf += step;
            KEEP(leaf);
        }
    }
    entries += count - count % TURN;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % TURN; i++, leaf += step) entries[i] = leaf;
}

void entries_clear(pte_t *entries, unsigned count)
{
    memset(entries, 0, count * sizeof *entries);
}

/* Eight at a time: tables are sparse where stacks are. */
[[gnu::noinline]] unsigned entries_next(const pte_t *entries, unsigned from, unsigned count)
{
    unsigned at = from;
    for (; at + 8 <= count; at += 8) {
        const pte_t *next = entries + at;
        if ((next[0] | next[1] | next[2] | next[3] | next[4] | next[5] | next[6] | next[7]) != 0) break;
    }
#pragma clang loop unroll(disable)
    while (at < count && entries[at] == 0) at++;
    return at;
}
