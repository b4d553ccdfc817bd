/* What a node of the tiered bitmap tells its parent: the orders of the blocks that it holds. For bitmap.c and bitmap_check.c only.
 *
 * An order set is a number with bit k set when a block of order k can be had (bitmap.h). Children that are wholly free act as the bits of a word
 * do, one tier up: runs of them are the blocks of the orders between the child's and the node's own. */
#ifndef QUIRE_BITMAP_TIERS_H
#define QUIRE_BITMAP_TIERS_H

#include "bitmap.h"

constexpr unsigned ORDER_WORD = 6;
constexpr unsigned ORDER_LINE = 9;
constexpr unsigned ORDER_GROUP = 15;
constexpr unsigned ORDER_SECTION = 21;
constexpr unsigned SLOT_SECTION = 19; /* the top's mask of wholly free sections: it has none for orders 19 and 20 */

constexpr uint64_t ALL = UINT64_MAX;
constexpr uint64_t LINE_COLUMN = 0x0001010101010101; /* one word's bit in each of the seven masks of a line */
constexpr uint64_t LINE_WHOLE = 0x00ff000000000000;  /* all eight words wholly free */

/* From the first bits of the aligned runs of 2^order set bits those of 2^(order + 1). */
static inline uint64_t runs_double(uint64_t runs, unsigned order)
{
    static const uint64_t aligned[] = { 0x5555555555555555, 0x1111111111111111, 0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1 };
    return runs & runs >> (1u << order) & aligned[order];
}

/* First bits of the aligned runs of 2^order set bits. */
static inline uint64_t runs_find(uint64_t mask, unsigned order)
{
    for (unsigned i = 0; i < order; i++) mask = runs_double(mask, i);
    return mask;
}

/* The order of the largest aligned run around unit `at`, when at least its pair is set. */
static inline unsigned pair_grow(uint64_t mask, unsigned at)
{
    if ((mask >> (at & 60) & 0xf) != 0xf) return 1;
    if ((mask >> (at & 56) & 0xff) != 0xff) return 2;
    if ((mask >> (at & 48) & 0xffff) != 0xffff) return 3;
    if ((mask >> (at & 32) & 0xffffffff) != 0xffffffff) return 4;
    return mask == ALL ? 6 : 5;
}

/* The order set of 64 units: bits 0-5, or bit 6 alone when all are set. */
static inline uint32_t runs_orders(uint64_t mask)
{
    if (mask == ALL) return 1u << 6;
    uint32_t orders = 0;
    for (unsigned i = 0; mask != 0; i++) {
        orders |= 1u << i;
        mask = runs_double(mask, i);
    }
    return orders;
}

/* Whether two masks have the same order set, `smaller` being a part of `larger`. */
static inline bool runs_are_same(uint64_t larger, uint64_t smaller)
{
    constexpr uint64_t even = 0x5555555555555555;
    if (smaller == 0 || larger == ALL) return larger == smaller;
    uint64_t with_buddy = (larger >> 1 & even) | (larger & even) << 1;
    if (((larger ^ smaller) & with_buddy) == 0) return true; /* what differs is single units: no run is concerned */
    for (unsigned i = 0; i < 5; i++) {
        larger = runs_double(larger, i);
        smaller = runs_double(smaller, i);
        if (smaller == 0) return larger == 0;
    }
    return true;
}

/* The same of the 8 words of a line: bits 0-2, or bit 3 alone. */
static inline uint32_t runs_orders_line(uint32_t mask)
{
    return mask == 0xff ? 1u << 3 : runs_orders(mask);
}

/* The order set of a line: which of its bytes 0-5 are not zero, and the runs of wholly free words in byte 6. */
static inline uint32_t line_orders(uint64_t line)
{
    constexpr uint64_t low7 = 0x00007f7f7f7f7f7f;
    uint64_t partly = line & 0x0000ffffffffffff;
    uint64_t filled = ((((partly & low7) + low7) | partly) >> 7) & 0x0000010101010101; /* bit 8k: byte k is not zero */
    uint32_t orders = (uint32_t)(filled * 0x0102040810200000 >> 56) & 0x3f;            /* bit 8k moves to bit 56 + k */
    return orders | runs_orders_line((uint32_t)(line >> 48) & 0xff) << ORDER_WORD;
}

/* An order set of a word (7 bits) as column `word` of a line: bit k moves to bit `word` of byte k. */
static inline uint64_t line_column(uint32_t orders, unsigned word)
{
    return (orders * (uint64_t)0x0000040810204081 & LINE_COLUMN) << word;
}

static inline uint32_t group_orders(const struct bitmap_group *group)
{
    uint32_t orders = runs_orders(group->lines[ORDER_LINE]) << ORDER_LINE;
    for (unsigned k = 0; k < ORDER_LINE; k++) orders |= (uint32_t)(group->lines[k] != 0) << k;
    return orders;
}

/* The masks that the top has: orders above 18 do not exist, a wholly free section stands in SLOT_SECTION. */
static inline uint32_t orders_to_slots(uint32_t orders)
{
    return (orders & ((1u << BITMAP_ORDERS) - 1)) | (orders >> ORDER_SECTION & 1) << SLOT_SECTION;
}

static inline uint32_t section_slots(const struct bitmap_section *section)
{
    uint32_t orders = runs_orders(section->groups[ORDER_GROUP]) << ORDER_GROUP;
    for (unsigned k = 0; k < ORDER_GROUP; k++) orders |= (uint32_t)(section->groups[k] != 0) << k;
    return orders_to_slots(orders);
}

/* Children that hold anything. The lowest order of each class (bitmap.h: partly free, wholly free words, lines, groups) speaks for the class. */
static inline uint64_t line_filled(uint64_t line)
{
    return (line | line >> 48) & 0xff;
}

static inline uint64_t group_partly(const struct bitmap_group *group)
{
    return group->lines[0] | group->lines[ORDER_WORD];
}

static inline uint64_t section_partly(const struct bitmap_section *section)
{
    return section->groups[0] | section->groups[ORDER_WORD] | section->groups[ORDER_LINE];
}

#endif
