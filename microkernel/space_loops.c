/* Loops over the entries of a table and the rows of frames: one or two instructions for each.
 *
 * They decide what mapping, unmapping and protecting a whole table costs, so they are compiled for speed. 32 elements make one turn: more would save less
 * than a thirtieth. */
#include "walk.h"

#include <stdatomic.h>
#include <string.h>

constexpr unsigned TURN = 32;
static_assert(sizeof(pte_t) <= sizeof(word_t));

/* Keeps the compiler from carrying an element through a register of its own. No instruction. */
static inline void element_done(void) { atomic_signal_fence(memory_order_seq_cst); }

[[gnu::noinline]] struct words_common words_common(const word_t *words, unsigned count)
{
    word_t any = 0, all = ~(word_t)0;
    for (const word_t *limit = words + count / TURN * TURN; words != limit; words += TURN) {
#pragma clang loop unroll(full)
        for (unsigned i = 0; i < TURN; i++) {
            any |= words[i];
            element_done();
            all &= words[i];
            element_done();
        }
    }
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % TURN; i++) {
        any |= words[i];
        all &= words[i];
    }
    return (struct words_common){ any, all };
}

[[gnu::noinline]] void entries_flip(pte_t *entries, unsigned count, pte_t change)
{
    for (const pte_t *limit = entries + count / TURN * TURN; entries != limit; entries += TURN) {
#pragma clang loop unroll(full)
        for (unsigned i = 0; i < TURN; i++) {
            entries[i] ^= change;
            element_done();
        }
    }
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % TURN; i++) entries[i] ^= change;
}

[[gnu::noinline]] void entries_fill(pte_t *entries, unsigned count, pte_t leaf, pte_t step)
{
    for (const pte_t *limit = entries + count / TURN * TURN; entries != limit; entries += TURN) {
#pragma clang loop unroll(full)
        for (unsigned i = 0; i < TURN; i++, leaf += step) {
            entries[i] = leaf;
            element_done();
        }
    }
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
