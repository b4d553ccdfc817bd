/* The tiered bitmap: single frames, and what is free. Blocks: bitmap_block.c.
 *
 * Three numbers say where something is: the tier, the first frame of the node, and the unit's place in it; node_units() and node_place() are the description of
 * the tiers from which one text serves them all. Single frames alone have a short way of their own: one word is read, changed, and written.
 *
 * Invariants (bitmap_check):
 *  1  No node has all its units set: it is one unit of the tier above then, and its own units are clear. Nothing below a unit that is clear and has no free
 *     part is set either: so words tell the truth about a frame unless its line or gigabyte is wholly free.
 *  2  A node with a free run of order k has its hint k; with a hint above the lowest one it has all between; what is set in a gigabyte is set in the top,
 *     and what is set in the top has its bit in `orders`.
 *  3  The lowest hint of a line is right: it has a free frame and is not wholly free - unless it is the line of the open word, which may be used up.
 *  4  count_free = the bits of all words, lines and gigabytes. */
#include "bitmap.h"

#include <assert.h>

#include "bitmap_tiers.h"

/* --- Taking --- */

/* In the line of the open one, in its gigabyte, or where the search finds it. */
[[gnu::noinline]] bool bitmap_open(struct bitmap *bitmap, uint32_t low)
{
    uint32_t word = bitmap->open_word, line = word / 8 * 8, first;
    if (word * 64 >= low) {
        while (++word % 8 != 0) {
            if (bitmap->words[word] == 0) continue;
            bitmap->open_word = word;
            return true;
        }
    }
    /* Away from this line (invariant 3); words in front of the open one may have got frames back. */
    if (node_is_empty(bitmap->words + line)) line_dismiss(bitmap, line * 64);
    uint32_t base = line * 64 >> GIGABYTE_ORDER << GIGABYTE_ORDER;
    unsigned next = unit_next(bitmap->gigabytes[base >> GIGABYTE_ORDER].masks[0], 0);
    if (next < NODE_UNITS && base + next * NODE_UNITS >= low) {
        first = base + next * NODE_UNITS;
        first += unit_next(node_units(bitmap, 0, first), 0);
    } else {
        bool is_found = low != 0 && bitmap_find_block(bitmap, 0, low, BITMAP_FRAMES_LIMIT, &first) == BITMAP_FOUND;
        if (!is_found && bitmap_find_block(bitmap, 0, 0, BITMAP_FRAMES_LIMIT, &first) != BITMAP_FOUND) return false;
    }
    bitmap->open_word = first / 64;
    return true;
}

enum bitmap_answer bitmap_allocate(struct bitmap *bitmap, unsigned order, uint32_t *first)
{
    if (order != 0) return bitmap_allocate_within(bitmap, order, 0, BITMAP_FRAMES_LIMIT, first);
    while (!bitmap_take_frame(bitmap, first))
        if (!bitmap_open(bitmap, 0)) return BITMAP_NONE;
    return BITMAP_FOUND;
}

/* --- Giving back --- */

/* run_tell() for a single frame whose buddy was free; its word is `word` now. Most often the line has that hint. */
[[gnu::noinline]] static void word_tell(struct bitmap *bitmap, uint32_t frame, uint64_t word)
{
    unsigned order = 1;
    while (order < 6 && (~word & run_bits(order + 1) << (frame & 63 & ~((2u << order) - 1))) == 0) order++;
    if (order == 6) run_tell(bitmap, frame / 64 * 64, 6);
    else if (!unit_is_set(bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[order], node_place(1, frame))) hints_set(bitmap, frame, order);
}

/* Nothing of the frame's word is free, or all of its line. */
[[gnu::noinline]] static bool word_free_first(struct bitmap *bitmap, uint32_t frame)
{
    if (unit_is_whole(bitmap, frame)) return false;
    bitmap->words[frame / 64] = (uint64_t)1 << frame % 64;
    bitmap->count_free++;
    hints_set(bitmap, frame, 0);
    return true;
}

bool bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order != 0 || first >= bitmap->count) return bitmap_free_block(bitmap, first, order);
    uint64_t *word = &bitmap->words[first / 64];
    uint64_t before = *word, bit = (uint64_t)1 << first % 64;
    if (before == 0) return word_free_first(bitmap, first);
    if ((before & bit) != 0) return false;
    *word = before | bit;
    bitmap->count_free++;
    if ((before >> (first ^ 1) % 64 & 1) != 0) word_tell(bitmap, first, before | bit); /* else its buddy is used: no larger run */
    return true;
}

/* --- Looking --- */

uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word)
{
    assert(word <= (bitmap->count - 1) / 64);
    uint64_t mask = bitmap->words[word];
    return mask == 0 && unit_is_whole(bitmap, word * 64) ? ALL : mask;
}
