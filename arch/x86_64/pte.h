/* One page-table entry of x86-64, four levels.
 *
 * Layout: AMD64 Architecture Programmer's Manual vol. 2, 5.3 (long-mode page translation); attributes 5.4. Level 0 is the page table (4 KiB leaves),
 * 1 the page directory (2 MiB), 2 the page-directory pointer table (1 GiB), 3 the root. */
#ifndef QUIRE_PTE_H
#define QUIRE_PTE_H

#include "abi/memory.h"
#include "types.h"

typedef uint64_t pte_t;

constexpr unsigned PTE_LEVELS = 4;
constexpr unsigned PTE_ROOT_USER_ENTRIES = 256;    /* of the root's entries, these are the user half */
constexpr unsigned PTE_LEAF_LEVELS = 3;            /* levels 0, 1, 2 may hold leaves */

constexpr pte_t PTE_PRESENT = 1u << 0;
constexpr pte_t PTE_WRITE = 1u << 1;
constexpr pte_t PTE_USER = 1u << 2;
constexpr pte_t PTE_WRITE_THROUGH = 1u << 3;
constexpr pte_t PTE_CACHE_DISABLE = 1u << 4;
constexpr pte_t PTE_ACCESSED = 1u << 5;
constexpr pte_t PTE_DIRTY = 1u << 6;
constexpr pte_t PTE_LARGE = 1u << 7;
constexpr pte_t PTE_GLOBAL = 1u << 8;
constexpr pte_t PTE_NO_EXECUTE = (pte_t)1 << 63;
constexpr pte_t PTE_ADDRESS = 0x000ffffffffff000;

static inline unsigned pte_shift(unsigned level) { return 12 + 9 * level; }
static inline unsigned pte_entries([[maybe_unused]] unsigned level) { return 512; }
static inline unsigned pte_index(uint64_t address, unsigned level) { return (unsigned)(address >> pte_shift(level)) & 511; }

static inline bool pte_is_present(pte_t entry) { return (entry & PTE_PRESENT) != 0; }
/* A present entry above level 0 that maps memory itself instead of naming a table. */
static inline bool pte_is_large(pte_t entry, unsigned level) { return level != 0 && (entry & PTE_LARGE) != 0; }
static inline frame_t pte_frame(pte_t entry) { return (frame_t){ (uint32_t)((entry & PTE_ADDRESS) >> 12) }; }

/* Entry that names a lower table. Rights are decided at the leaf. */
static inline pte_t pte_make_table(frame_t table)
{
    return (pte_t)table.number << 12 | PTE_PRESENT | PTE_WRITE | PTE_USER;
}

/* User leaf. */
static inline pte_t pte_make_leaf(frame_t frame, uint32_t attributes, unsigned level)
{
    pte_t entry = (pte_t)frame.number << 12 | PTE_PRESENT | PTE_USER;
    if (attributes & ATTRIBUTE_WRITE) entry |= PTE_WRITE;
    if (!(attributes & ATTRIBUTE_EXECUTE)) entry |= PTE_NO_EXECUTE;
    if (attributes & ATTRIBUTE_UNCACHED) entry |= PTE_CACHE_DISABLE | PTE_WRITE_THROUGH;
    if (level != 0) entry |= PTE_LARGE;
    return entry;
}

/* Attributes of a leaf, ACCESSED and DIRTY included. */
static inline uint32_t pte_attributes(pte_t entry)
{
    uint32_t attributes = ATTRIBUTE_READ;
    if (entry & PTE_WRITE) attributes |= ATTRIBUTE_WRITE;
    if (!(entry & PTE_NO_EXECUTE)) attributes |= ATTRIBUTE_EXECUTE;
    if ((attributes & (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE)) == (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE)) attributes |= ATTRIBUTE_WRITE_EXECUTE;
    if (entry & PTE_CACHE_DISABLE) attributes |= ATTRIBUTE_UNCACHED;
    if (entry & PTE_ACCESSED) attributes |= ATTRIBUTE_ACCESSED;
    if (entry & PTE_DIRTY) attributes |= ATTRIBUTE_DIRTY;
    return attributes;
}

#endif
