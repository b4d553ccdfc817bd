/* Cache attributes of an entry: the page-attribute table and the bits that choose a row of it. For every table format of x86.
 *
 * An entry chooses a row by three bits, PAT * 4 + PCD * 2 + PWT (AMD64 Architecture Programmer's Manual vol. 2, 7.8; Intel SDM vol. 3A, 11.12). PCD and
 * PWT stand at the same place everywhere, PAT at bit 7 of a leaf of 4 KiB and at bit 12 of a larger one.
 *
 * The table is the one that a processor has after reset, but for its last row. So the first rows mean the same before it is written, and on processors
 * without it. Write-combining has the last row: a processor that ignores the PAT bit, as some by an erratum do, takes row 3, which is uncached. */
#ifndef QUIRE_PAT_H
#define QUIRE_PAT_H

#include "abi/memory.h"

/* Rows 0 to 7, the lowest byte first: write-back, write-through, uncached unless a range register says other, uncached; the same again with
 * write-combining (1) in place of the last. Encodings: AMD64 manual vol. 2, table 7-9. */
constexpr uint64_t PAT_VALUE = 0x0107040600070406;

constexpr uint32_t PAT_WRITE_THROUGH = 1u << 3; /* PWT */
constexpr uint32_t PAT_CACHE_DISABLE = 1u << 4; /* PCD */

/* The PAT bit of a leaf of a level. */
static inline uint32_t pat_bit(unsigned level) { return level == 0 ? 1u << 7 : 1u << 12; }

/* The low two bits for each value of ATTRIBUTE_CACHE, shifted by it. */
constexpr uint32_t PAT_BOTH = PAT_WRITE_THROUGH | PAT_CACHE_DISABLE;
constexpr uint32_t PAT_BY_CACHE = PAT_WRITE_THROUGH << ATTRIBUTE_WRITE_THROUGH | PAT_BOTH << ATTRIBUTE_UNCACHED | PAT_BOTH << ATTRIBUTE_WRITE_COMBINING;

/* The bits of a leaf for its attributes. */
static inline uint32_t pat_encode(uint32_t attributes, unsigned level)
{
    uint32_t cache = attributes & ATTRIBUTE_CACHE;
    return (PAT_BY_CACHE >> cache & PAT_BOTH) | (cache == ATTRIBUTE_WRITE_COMBINING ? pat_bit(level) : 0);
}

/* The attribute back from the low bits of a leaf. */
static inline uint32_t pat_decode(uint32_t leaf, unsigned level)
{
    if ((leaf & PAT_CACHE_DISABLE) == 0) return leaf & PAT_WRITE_THROUGH ? ATTRIBUTE_WRITE_THROUGH : 0;
    return leaf & pat_bit(level) ? ATTRIBUTE_WRITE_COMBINING : ATTRIBUTE_UNCACHED;
}

#endif
