/* Loops over the entries of a table and the rows of frames: one or two instructions for each.
 *
 * They decide what mapping, unmapping and protecting a whole table costs, so they are compiled for speed. A turn is 32 instructions: more would save less
 * than a thirtieth. It is looked at from its middle, from where all of it has one-byte offsets; so each loop is a function that is given the middle of the
 * first turn, or else the compiler would begin at the first element. */
#include "walk.h"

#include <stdatomic.h>
#include <string.h>

constexpr unsigned COMMON_TURN = 16, FLIP_TURN = 32; /* elements */
constexpr int COMMON_MIDDLE = COMMON_TURN / 2, FLIP_MIDDLE = FLIP_TURN / 2;
static_assert(sizeof(pte_t) <= sizeof(word_t));

/* Keeps the compiler from carrying an element through a register of its own. No instruction. */
static inline void element_done(void) { atomic_signal_fence(memory_order_seq_cst); }

[[gnu::noinline]] static struct words_common common_from(const word_t *middle, unsigned count)
{
    word_t any = 0, all = ~(word_t)0;
    for (unsigned turns = count / COMMON_TURN; turns != 0; turns--, middle += COMMON_TURN) {
#pragma clang loop unroll(full)
        for (int i = -COMMON_MIDDLE; i < COMMON_MIDDLE; i++) {
            any |= middle[i];
            element_done();
            all &= middle[i];
            element_done();
        }
    }
#pragma clang loop unroll(disable)
    for (int i = -COMMON_MIDDLE; i < (int)(count % COMMON_TURN) - COMMON_MIDDLE; i++) {
        any |= middle[i];
        all &= middle[i];
    }
    return (struct words_common){ any, all };
}

[[clang::minsize]] struct words_common words_common(const word_t *words, unsigned count)
{
    return common_from(words + COMMON_MIDDLE, count);
}

[[gnu::noinline]] static void flip_from(pte_t *middle, unsigned count, pte_t change)
{
    for (unsigned turns = count / FLIP_TURN; turns != 0; turns--, middle += FLIP_TURN) {
#pragma clang loop unroll(full)
        for (int i = -FLIP_MIDDLE; i < FLIP_MIDDLE; i++) {
            middle[i] ^= change;
            element_done();
        }
    }
#pragma clang loop unroll(disable)
    for (int i = -FLIP_MIDDLE; i < (int)(count % FLIP_TURN) - FLIP_MIDDLE; i++) middle[i] ^= change;
}

[[clang::minsize]] void entries_flip(pte_t *entries, unsigned count, pte_t change)
{
    flip_from(entries + FLIP_MIDDLE, count, change);
}

/* Two instructions an entry, so that a turn of 8 costs it no more than four tenths of one. */
[[gnu::noinline]] void entries_fill(pte_t *entries, unsigned count, pte_t leaf, pte_t step)
{
    constexpr unsigned turn = 8;
#pragma clang loop unroll(disable)
    for (unsigned turns = count / turn; turns != 0; turns--, entries += turn) {
#pragma clang loop unroll(full)
        for (unsigned i = 0; i < turn; i++, leaf += step) {
            entries[i] = leaf;
            element_done();
        }
    }
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < count % turn; i++, leaf += step) entries[i] = leaf;
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
