/* The recount of the tiered bitmap: every tier from the one below, by reading only, and not with the code that keeps it up to date.
 *
 * What is wholly free above has nothing set below; what is set below is announced above (bitmap.c, invariants 1-4). */
#include "bitmap.h"
#include "bitmap_tiers.h"

/* Orders of the runs in 512 units, by looking at each run unit by unit; bit 9: all units are set. */
static uint32_t units_orders(const uint64_t *units)
{
    bool is_run[NODE_UNITS];
    for (unsigned i = 0; i < NODE_UNITS; i++) is_run[i] = units[i / 64] >> i % 64 & 1;
    uint32_t orders = 0;
    for (unsigned k = 0, count = NODE_UNITS; k <= NODE_ORDER; k++, count /= 2) {
        for (unsigned i = 0; i < count; i++) {
            orders |= (uint32_t)is_run[i] << k;
            if (i % 2 == 0) is_run[i / 2] = is_run[i] && i + 1 < count && is_run[i + 1];
        }
    }
    return orders;
}

/* Hints of some masks for one child: orders below the answer may be there. 0: nothing is. */
static unsigned hints_count(const uint64_t (*masks)[BITMAP_NODE_WORDS], unsigned child)
{
    unsigned count = 0;
    while (count < NODE_ORDER && (masks[count][child / 64] >> child % 64 & 1) != 0) count++;
    return count;
}

/* Who has a hint above the lowest has all between, and has them in `above` (unless nullptr) under the bit of the node too. */
static bool hints_are_right(const uint64_t (*masks)[BITMAP_NODE_WORDS], const uint64_t (*above)[BITMAP_NODE_WORDS], unsigned node)
{
    for (unsigned k = 0; k < NODE_ORDER; k++) {
        uint64_t seen = 0;
        for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) {
            seen |= masks[k][i];
            if (k > 1 && (masks[k][i] & ~masks[k - 1][i]) != 0) return false;
        }
        if (seen != 0 && above != nullptr && (above[k][node / 64] >> node % 64 & 1) == 0) return false;
    }
    return true;
}

static uint64_t units_count(const uint64_t *units)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) count += (uint64_t)__builtin_popcountll(units[i]);
    return count;
}

/* A node with `hints` hints has no run of that order or above, and is not wholly free. */
static bool units_are_right(const uint64_t *units, unsigned hints)
{
    if (hints != 0) return units_orders(units) >> hints == 0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) seen |= units[i];
    return seen == 0;
}

static bool line_check(const struct bitmap *bitmap, uint32_t line, bool is_whole, uint64_t *count_free)
{
    const uint64_t *units = bitmap->words + (size_t)line * BITMAP_NODE_WORDS;
    unsigned hints = hints_count(bitmap->gigabytes[line / NODE_UNITS].masks, line % NODE_UNITS);
    uint64_t count = hints != 0 ? units_count(units) : 0;
    *count_free += is_whole ? NODE_UNITS : count;
    if (hints != 0 && count == 0 && bitmap->open_word / BITMAP_NODE_WORDS != line) return false;
    return units_are_right(units, hints) && !(is_whole && count != 0);
}

static bool gigabyte_check(const struct bitmap *bitmap, uint32_t gigabyte, bool is_whole, uint64_t *count_free)
{
    const struct bitmap_gigabyte *at = &bitmap->gigabytes[gigabyte];
    const uint64_t *units = at->masks[NODE_ORDER];
    if (!hints_are_right(at->masks, bitmap->top, gigabyte)) return false;
    if (!units_are_right(units, is_whole ? 0 : hints_count(bitmap->top + NODE_ORDER, gigabyte))) return false;
    for (uint32_t i = 0; i < NODE_UNITS; i++) {
        uint64_t line = (uint64_t)gigabyte * NODE_UNITS + i;
        bool is_whole_line = is_whole || (units[i / 64] >> i % 64 & 1) != 0;
        if (line * NODE_UNITS >= bitmap->count) {
            if (is_whole_line || hints_count(at->masks, i) != 0) return false;
        } else if (!line_check(bitmap, (uint32_t)line, is_whole_line, count_free)) {
            return false;
        }
    }
    return true;
}

bool bitmap_can_free(const struct bitmap *bitmap, uint32_t first, unsigned order)
{
    if (order >= BITMAP_ORDERS || first >= bitmap->count) return false;
    uint32_t size = 1u << order;
    if (first % size != 0 || size > bitmap->count - first) return false;
    for (uint32_t word = first / 64; word <= (first + (size - 1)) / 64; word++)
        if ((bitmap_word(bitmap, word) & run_bits(order) << first % 64) != 0) return false;
    return true;
}

bool bitmap_check(const struct bitmap *bitmap)
{
    uint64_t count_free = 0;
    if (!hints_are_right(bitmap->top, nullptr, 0) || !hints_are_right(bitmap->top + NODE_ORDER, nullptr, 0)) return false;
    for (unsigned k = 0; k < BITMAP_ORDERS; k++)
        if ((bitmap->orders >> k & 1) == 0 && units_count(bitmap->top[k]) != 0) return false;
    for (uint32_t i = 0; i < NODE_UNITS; i++) {
        if ((uint64_t)i << GIGABYTE_ORDER >= bitmap->count) {
            for (unsigned k = 0; k < BITMAP_ORDERS; k++)
                if ((bitmap->top[k][i / 64] >> i % 64 & 1) != 0) return false;
        } else if (!gigabyte_check(bitmap, i, (bitmap->top[GIGABYTE_ORDER][i / 64] >> i % 64 & 1) != 0, &count_free)) {
            return false;
        }
    }
    if (bitmap->count != 0 && bitmap->open_word / BITMAP_NODE_WORDS > (bitmap->count - 1) / NODE_UNITS) return false;
    if (bitmap->count % 64 != 0 && bitmap_word(bitmap, bitmap->count / 64) >> bitmap->count % 64 != 0) return false; /* beyond the end */
    return count_free == bitmap->count_free;
}
