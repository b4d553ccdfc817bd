/* Runs of units within one node of the tiered bitmap: 512 bits in eight words. For bitmap*.c only.
 *
 * A run of order k is an aligned one of 2^k units: up to 5 within a word, from 6 on of whole words. */
#ifndef QUIRE_BITMAP_TIERS_H
#define QUIRE_BITMAP_TIERS_H

#include "bitmap.h"

constexpr unsigned NODE_ORDER = 9;
constexpr unsigned NODE_UNITS = 1u << NODE_ORDER;
constexpr unsigned GIGABYTE_ORDER = 18;
constexpr uint64_t ALL = UINT64_MAX;

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

/* The tier of an order's blocks; and their order there, in units of that tier. */
static inline unsigned order_tier(unsigned order)
{
    return order * 57 / 512; /* order / NODE_ORDER, up to GIGABYTE_ORDER, without a division */
}

static inline unsigned order_run(unsigned order)
{
    return order - order_tier(order) * NODE_ORDER;
}

/* The bits of a run that begins at bit 0 of a word: all of them for a run of words. */
static inline uint64_t run_bits(unsigned order)
{
    return order < 6 ? ((uint64_t)1 << (1u << order)) - 1 : ALL;
}

/* Words that a run lies in. */
static inline unsigned run_words(unsigned order)
{
    return order < 6 ? 1 : 1u << (order - 6);
}

/* All units of the run at `at` are set. */
static inline bool run_is_set(const uint64_t *units, unsigned at, unsigned order)
{
    uint64_t bits = run_bits(order) << at % 64, all = bits;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < run_words(order); i++) all &= units[at / 64 + i];
    return all == bits;
}

/* Turns the units of a run over: they are all set, or all clear. */
static inline void run_flip(uint64_t *units, unsigned at, unsigned order)
{
    uint64_t bits = run_bits(order) << at % 64;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < run_words(order); i++) units[at / 64 + i] ^= bits;
}

/* --- Nodes --- */

/* The bits of the node of a tier that holds a frame. */
static inline uint64_t *node_units(struct bitmap *bitmap, unsigned tier, uint32_t frame)
{
    if (tier == 0) return bitmap->words + (frame / NODE_UNITS) * BITMAP_NODE_WORDS;
    return tier == 1 ? bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[NODE_ORDER] : bitmap->top[GIGABYTE_ORDER];
}

/* The place of the unit that holds a frame in its node. */
static inline unsigned node_place(unsigned tier, uint32_t frame)
{
    return frame >> tier * NODE_ORDER & (NODE_UNITS - 1);
}

static inline bool unit_is_set(const uint64_t *units, unsigned place)
{
    return (units[place / 64] >> place % 64 & 1) != 0;
}

static inline bool node_is_empty(const uint64_t *units)
{
    uint64_t seen = 0;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < BITMAP_NODE_WORDS; i++) seen |= units[i];
    return seen == 0;
}

/* A frame lies in a line or gigabyte that is wholly free. */
static inline bool unit_is_whole(const struct bitmap *bitmap, uint32_t frame)
{
    return unit_is_set(bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[NODE_ORDER], node_place(1, frame))
        || unit_is_set(bitmap->top[GIGABYTE_ORDER], node_place(2, frame));
}

/* --- bitmap_block.c --- */

/* The first unit that is set at or behind a place, itself below NODE_UNITS or NODE_UNITS; the answer NODE_UNITS: none. */
unsigned unit_next(const uint64_t *units, unsigned from);
/* Finds a block, and breaks whole units around it: then its bits are set in its own tier. Not before frame `low`, nor behind frame `last`. */
enum bitmap_answer bitmap_find_block(struct bitmap *bitmap, unsigned order, uint32_t low, uint32_t last, uint32_t *first);
/* The node has a run of `order`: sets that hint and all lower ones (invariant 2). */
void hints_set(struct bitmap *bitmap, uint32_t frame, unsigned order);
/* A run has become free: what it makes together with its neighbours, its parents must know. A node that is wholly free becomes a unit, and so on. */
void run_tell(struct bitmap *bitmap, uint32_t first, unsigned order);
/* Turns a block's bits over in its tier. */
void block_flip(struct bitmap *bitmap, uint32_t frame, unsigned order);
/* Clears a bit of a node or mask. */
void unit_clear(uint64_t *units, unsigned place);

/* A line has no free frame, or is wholly free. The mask that said that it has. */
static inline uint64_t *line_dismiss(struct bitmap *bitmap, uint32_t frame)
{
    uint64_t *lines = bitmap->gigabytes[frame >> GIGABYTE_ORDER].masks[0];
    unit_clear(lines, node_place(1, frame));
    return lines;
}

#endif
