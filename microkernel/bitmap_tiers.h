/* Runs of units within one node of the tiered bitmap: 512 bits in eight words. For bitmap.c and bitmap_check.c only.
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
    return (unsigned)(order >= NODE_ORDER) + (unsigned)(order >= GIGABYTE_ORDER);
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

/* All units of the run at `at` are set; are clear. */
static inline bool run_is_set(const uint64_t *units, unsigned at, unsigned order)
{
    uint64_t bits = run_bits(order) << at % 64, all = units[at / 64];
#pragma clang loop unroll(disable)
    for (unsigned i = 1; i < run_words(order); i++) all &= units[at / 64 + i];
    return (all & bits) == bits;
}

static inline bool run_is_clear(const uint64_t *units, unsigned at, unsigned order)
{
    uint64_t bits = run_bits(order) << at % 64, any = units[at / 64];
#pragma clang loop unroll(disable)
    for (unsigned i = 1; i < run_words(order); i++) any |= units[at / 64 + i];
    return (any & bits) == 0;
}

/* Turns the units of a run over: they are all set, or all clear. */
static inline void run_flip(uint64_t *units, unsigned at, unsigned order)
{
    uint64_t bits = run_bits(order) << at % 64;
#pragma clang loop unroll(disable)
    for (unsigned i = 0; i < run_words(order); i++) units[at / 64 + i] ^= bits;
}

#endif
