/* One page-table entry of i386 without physical-address extension, two levels.
 *
 * Layout: AMD64 Architecture Programmer's Manual vol. 2, 5.2.1 (CR4.PAE = 0) and 5.2.3 (4 MiB pages); Intel SDM vol. 3, 4.3, tables 4-3 to 4-6. Level 0 is the
 * page table (4 KiB leaves), 1 the page directory (4 MiB leaves, CR4.PSE = 1), which is the root.
 *
 * There is no bit that forbids execution: the processor executes whatever a program may read. What a pager asks for is kept in a bit that the processor
 * ignores, so that it can be reported and checked, and W^X holds for what the kernel was told; a program that jumps into its data is not stopped.
 * arch/i386_pae has the bit.
 *
 * PSE-36 (bits 13-20 of a large leaf as address bits 32-39) is not used: those bits are zero, and physical memory ends at 4 GiB. */
#ifndef QUIRE_PTE_H
#define QUIRE_PTE_H

#include "../x86/pat.h"
#include "types.h"

typedef uint32_t pte_t;

constexpr unsigned PTE_LEVELS = 2;
constexpr unsigned PTE_ROOT_USER_ENTRIES = 768;            /* of the root's entries, these are the user part: 3 GiB */
constexpr unsigned PTE_LEAF_LEVELS = 2;                    /* levels 0, 1 may hold leaves */
constexpr uint32_t PTE_FRAMES_LIMIT = (uint32_t)1 << 20;   /* frames that an entry can name: 4 GiB */
static_assert(USER_LIMIT <= (uint64_t)PTE_ROOT_USER_ENTRIES << 22);

constexpr pte_t PTE_PRESENT = 1u << 0;
constexpr pte_t PTE_WRITE = 1u << 1;
constexpr pte_t PTE_USER = 1u << 2;
constexpr pte_t PTE_ACCESSED = 1u << 5;
constexpr pte_t PTE_DIRTY = 1u << 6;
constexpr pte_t PTE_LARGE = 1u << 7;
constexpr pte_t PTE_GLOBAL = 1u << 8;
/* Bits 9 to 11 are ignored by the processor. The pager asked for write and execute at once; it asked for execution. */
constexpr pte_t PTE_WRITE_EXECUTE_MEANT = 1u << 9;
constexpr pte_t PTE_EXECUTE_MEANT = 1u << 10;
constexpr pte_t PTE_DEVICE = 1u << 11; /* the leaf names a device's registers, not memory (device.h) */
constexpr pte_t PTE_ADDRESS = 0xfffff000;

static inline unsigned pte_shift(unsigned level) { return 12 + 10 * level; }
static inline unsigned pte_entries([[maybe_unused]] unsigned level) { return 1024; }
static inline unsigned pte_index(uint64_t address, unsigned level) { return (unsigned)(address >> pte_shift(level)) & 1023; }

static inline bool pte_is_present(pte_t entry) { return (entry & PTE_PRESENT) != 0; }
/* A present entry above level 0 that maps memory itself instead of naming a table. */
static inline bool pte_is_large(pte_t entry, unsigned level) { return level != 0 && (entry & PTE_LARGE) != 0; }
static inline frame_t pte_frame(pte_t entry) { return (frame_t){ entry >> PAGE_SHIFT }; }

/* Present, and not a device's: a table, or a leaf that names memory. */
static inline bool pte_is_memory(pte_t entry) { return (entry & (PTE_PRESENT | PTE_DEVICE)) == PTE_PRESENT; }
static inline bool pte_is_device(pte_t entry) { return (entry & (PTE_PRESENT | PTE_DEVICE)) == (PTE_PRESENT | PTE_DEVICE); }
/* The first frame of a leaf, also of a device's: the PAT bit of a large one stands where a frame's number would have a zero. */
static inline frame_t pte_leaf_frame(pte_t leaf, unsigned level)
{
    return (frame_t){ pte_frame(leaf).number & ~(uint32_t)(((uint64_t)1 << (pte_shift(level) - PAGE_SHIFT)) - 1) };
}

/* Entry, in a table of `level`, that names a lower table. Rights are decided at the leaf. */
static inline pte_t pte_make_table(frame_t table, [[maybe_unused]] unsigned level)
{
    return table.number << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_USER;
}

/* User leaf. */
static inline pte_t pte_make_leaf(frame_t frame, uint32_t attributes, unsigned level)
{
    pte_t entry = frame.number << PAGE_SHIFT | PTE_PRESENT | PTE_USER;
    if (attributes & ATTRIBUTE_WRITE) entry |= PTE_WRITE;
    if (attributes & ATTRIBUTE_EXECUTE) entry |= PTE_EXECUTE_MEANT;
    if ((attributes & ATTRIBUTE_WRITE) && (attributes & ATTRIBUTE_EXECUTE) && (attributes & ATTRIBUTE_WRITE_EXECUTE)) entry |= PTE_WRITE_EXECUTE_MEANT;
    if (level != 0) entry |= PTE_LARGE;
    return entry;
}

/* User leaf of a device: ATTRIBUTES_DEVICE. It is never split and keeps its attributes. */
static inline pte_t pte_make_device(frame_t frame, uint32_t attributes, unsigned level)
{
    return pte_make_leaf(frame, attributes & ATTRIBUTE_WRITE, level) | PTE_DEVICE | pat_encode(attributes, level);
}
/* Its cache attribute: ATTRIBUTE_CACHE. 0 of a leaf of memory. */
static inline uint32_t pte_cache(pte_t leaf, unsigned level) { return pte_is_device(leaf) ? pat_decode((uint32_t)leaf, level) : 0; }

/* The leaf of the next frame: same level, same attributes. */
static inline pte_t pte_next(pte_t leaf, unsigned level) { return leaf + ((pte_t)1 << pte_shift(level)); }

/* The same leaf with other attributes; what the processor noted in it (accessed, dirty) stays. */
static inline pte_t pte_protect(pte_t leaf, uint32_t attributes, unsigned level)
{
    return pte_make_leaf((frame_t){ 0 }, attributes, level) | (leaf & (PTE_ADDRESS | PTE_ACCESSED | PTE_DIRTY));
}

/* A leaf of memory with those of its attributes that `most` has too: a leaf of the same level and no frame. What the processor noted goes. */
static inline pte_t pte_limit(pte_t leaf, pte_t most)
{
    return leaf & (most | PTE_ADDRESS);
}
/* As `most`: the leaf, or what names a table, as it is. */
constexpr pte_t PTE_UNLIMITED = ~(pte_t)0;

/* The first piece, one level lower, of a large leaf of memory of `level`; pte_next() gives the others. */
static inline pte_t pte_split(pte_t leaf, [[maybe_unused]] unsigned level) { return leaf & ~PTE_LARGE; }

/* Equal but for what the processor notes in them. */
static inline bool pte_is_same(pte_t one, pte_t other) { return ((one ^ other) & ~(PTE_ACCESSED | PTE_DIRTY)) == 0; }

/* With the OR and the AND of some leaves of one level: true when their attributes are the same; frames and what the processor noted may differ. */
static inline bool pte_has_same_attributes(pte_t any, pte_t all) { return ((any ^ all) & ~(PTE_ADDRESS | PTE_ACCESSED | PTE_DIRTY)) == 0; }

/* True when only bits are set that the functions above set, or the processor: for the checker. */
static inline bool pte_is_well_formed(pte_t entry, unsigned level, bool is_leaf)
{
    pte_t allowed = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_ADDRESS;
    if (is_leaf) allowed |= PTE_DIRTY | PTE_WRITE_EXECUTE_MEANT | PTE_EXECUTE_MEANT;
    if (is_leaf && level != 0) allowed |= PTE_LARGE;
    if (is_leaf && pte_is_device(entry)) {
        allowed |= PTE_DEVICE | PAT_WRITE_THROUGH | PAT_CACHE_DISABLE | pat_bit(level);
        entry &= ~(pte_t)(level != 0 ? pat_bit(level) : 0);
    }
    bool is_aligned = !is_leaf || pte_frame(entry).number % (1u << (pte_shift(level) - PAGE_SHIFT)) == 0;
    return (entry & ~allowed) == 0 && (entry & PTE_USER) != 0 && is_aligned;
}

/* Attributes of a leaf, ACCESSED and DIRTY included, without pte_cache(). EXECUTE: as it was asked for. */
static inline uint32_t pte_attributes(pte_t entry)
{
    uint32_t attributes = ATTRIBUTE_READ;
    if (entry & PTE_WRITE) attributes |= ATTRIBUTE_WRITE;
    if (entry & PTE_EXECUTE_MEANT) attributes |= ATTRIBUTE_EXECUTE;
    if (entry & PTE_WRITE_EXECUTE_MEANT) attributes |= ATTRIBUTE_WRITE_EXECUTE;
    if (entry & PTE_ACCESSED) attributes |= ATTRIBUTE_ACCESSED;
    if (entry & PTE_DIRTY) attributes |= ATTRIBUTE_DIRTY;
    return attributes;
}

#endif
