/* The recount of the tiered bitmap: every tier from the one below, by reading only, and not with the code that keeps it up to date.
 *
 * A node that its parent calls partly free is read and must hold exactly what the parent says; one that the parent calls wholly free or used is not
 * valid, but must be uniform (bitmap.c, invariants 1-5). */
#include "bitmap.h"
#include "bitmap_tiers.h"

/* The orders that a node's parent has for its child: one bit of each mask. */
static uint32_t masks_column(const uint64_t *masks, unsigned count, unsigned child)
{
    uint32_t orders = 0;
    for (unsigned k = 0; k < count; k++) orders |= (uint32_t)(masks[k] >> child & 1) << k;
    return orders;
}

/* The order set of 2^size_order units, by looking at each aligned run on its own. */
static uint32_t units_orders(uint64_t mask, unsigned size_order)
{
    uint32_t orders = 0;
    for (unsigned k = 0; k <= size_order; k++) {
        uint64_t run = k == 6 ? ALL : ((uint64_t)1 << (1u << k)) - 1;
        for (unsigned at = 0; at < 1u << size_order; at += 1u << k) {
            if ((mask >> at & run) == run) orders |= 1u << k;
        }
    }
    return (orders >> size_order & 1) != 0 ? 1u << size_order : orders;
}

static bool line_check(const struct bitmap *bitmap, uint32_t line, uint32_t orders, uint64_t *count_free)
{
    uint64_t masks = bitmap->lines[line];
    if (orders == 0 || orders == 1u << ORDER_LINE) {
        *count_free += orders == 0 ? 0 : 512;
        return masks == 0 || masks == LINE_WHOLE;
    }
    uint32_t seen = 0;
    uint64_t whole = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t column = 0;
        for (unsigned k = 0; k <= ORDER_WORD; k++) column |= (uint32_t)(masks >> (8 * k + i) & 1) << k;
        bool is_partly = column != 0 && column != 1u << ORDER_WORD;
        uint64_t content = is_partly ? bitmap->words[line * 8 + i] : column == 0 ? 0 : ALL;
        if (column != units_orders(content, ORDER_WORD)) return false;
        if (is_partly) seen |= column;
        else if (column != 0) whole |= (uint64_t)1 << i;
        *count_free += (uint64_t)__builtin_popcountll(content);
    }
    return masks >> 56 == 0 && orders == (seen | units_orders(whole, 3) << ORDER_WORD);
}

static bool group_check(const struct bitmap *bitmap, uint32_t group, uint32_t orders, uint64_t *count_free)
{
    const uint64_t *masks = bitmap->groups[group].lines;
    if (orders == 0 || orders == 1u << ORDER_GROUP) {
        *count_free += orders == 0 ? 0 : 1u << ORDER_GROUP;
        for (unsigned k = 0; k < ORDER_LINE; k++) {
            if (masks[k] != 0) return false;
        }
        uint64_t ignored = 0; /* the lines are not valid either, and uniform too */
        for (unsigned i = 0; i < 64 && group * 64 + i < (bitmap->count + 511) / 512; i++) {
            if (!line_check(bitmap, group * 64 + i, 0, &ignored)) return false;
        }
        return masks[ORDER_LINE] == 0 || masks[ORDER_LINE] == ALL;
    }
    uint32_t seen = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint32_t column = masks_column(masks, ORDER_LINE + 1, i);
        if ((group * 64 + i) >= (bitmap->count + 511) / 512) {
            if (column != 0) return false;
            continue;
        }
        if (!line_check(bitmap, group * 64 + i, column, count_free)) return false;
        seen |= column & ((1u << ORDER_LINE) - 1);
    }
    return orders == (seen | units_orders(masks[ORDER_LINE], 6) << ORDER_LINE);
}

static bool section_check(const struct bitmap *bitmap, uint32_t section, uint32_t slots, uint64_t *count_free)
{
    const uint64_t *masks = bitmap->sections[section].groups;
    uint32_t seen = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint32_t column = masks_column(masks, ORDER_GROUP + 1, i);
        if ((section * 64 + i) >= (bitmap->count + 32767) / 32768) {
            if (column != 0) return false;
            continue;
        }
        if (!group_check(bitmap, section * 64 + i, column, count_free)) return false;
        seen |= column & ((1u << ORDER_GROUP) - 1);
    }
    return slots == (seen | orders_to_slots(units_orders(masks[ORDER_GROUP], 6) << ORDER_GROUP));
}

bool bitmap_check(const struct bitmap *bitmap)
{
    uint64_t count_free = (uint64_t)__builtin_popcountll(bitmap->open_mask);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t slots = masks_column(bitmap->top, BITMAP_SLOTS, i);
        if ((uint64_t)i << ORDER_SECTION >= bitmap->count) {
            if (slots != 0) return false;
        } else if (!section_check(bitmap, i, slots, &count_free)) {
            return false;
        }
    }
    /* The open word is used for the tiers, and no frame beyond the end is free. */
    if (bitmap->open_word == BITMAP_NO_WORD) {
        if (bitmap->open_mask != 0) return false;
    } else {
        if (bitmap->open_word > (bitmap->count - 1) / 64) return false;
        struct bitmap closed = *bitmap;
        closed.open_word = BITMAP_NO_WORD;
        if (bitmap_word(&closed, bitmap->open_word) != 0) return false;
    }
    if (bitmap->count % 64 != 0 && bitmap_word(bitmap, bitmap->count / 64) >> bitmap->count % 64 != 0) return false;
    return count_free == bitmap->count_free;
}
