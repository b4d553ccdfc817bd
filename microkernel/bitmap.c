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

/* In the open line, in its gigabyte, or where the search finds one. */
[[gnu::noinline]] bool bitmap_open(struct bitmap *bitmap, uint32_t low)
{
    uint32_t first = bitmap->open_word * 64;
    for (;;) {
        const uint64_t *units = node_units(bitmap, 0, first);
        if (!node_is_empty(units)) {
            first = first / NODE_UNITS * NODE_UNITS + unit_next(units, 0);
            if (first >= low) goto found;
            break;
        }
        uint64_t *lines = line_dismiss(bitmap, first); /* away from this line (invariant 3) */
        unsigned line = unit_next(lines, 0);
        if (line == NODE_UNITS) {
            unit_clear(bitmap->top[0], first >> GIGABYTE_ORDER);
            break;
        }
        first = (first >> GIGABYTE_ORDER << NODE_ORDER | line) << NODE_ORDER;
    }
    if ((low == 0 || bitmap_find_block(bitmap, 0, low, BITMAP_FRAMES_LIMIT, &first) != BITMAP_FOUND)
        && bitmap_find_block(bitmap, 0, 0, BITMAP_FRAMES_LIMIT, &first) != BITMAP_FOUND)
        return false;
found:
    bitmap->open_word = first / 64;
    return true;
}

/* --- Giving back --- */

void bitmap_free(struct bitmap *bitmap, uint32_t first, unsigned order)
{
    assert(bitmap_can_free(bitmap, first, order));
    bitmap->count_free += 1u << order;
    if (order == 0) {
        uint64_t *word = &bitmap->words[first / 64], before = *word;
        *word = before | (uint64_t)1 << first % 64;
        /* Most often the line has a frame, and this one is no larger run, for its buddy is used, or one that the line has a hint of. */
        bool is_larger = (before >> (first ^ 1) % 64 & 1) != 0;
        if (before != 0 && (!is_larger || (*word != ALL && unit_is_set(bitmap->gigabytes[first >> GIGABYTE_ORDER].masks[5], node_place(1, first))))) return;
    } else {
        block_flip(bitmap, first, order);
    }
    run_tell(bitmap, first, order);
}

/* --- Looking --- */

uint64_t bitmap_word(const struct bitmap *bitmap, uint32_t word)
{
    assert(word <= (bitmap->count - 1) / 64);
    uint64_t mask = bitmap->words[word];
    return mask == 0 && unit_is_whole(bitmap, word * 64) ? ALL : mask;
}
