/* Where the segments of a process lie. Half-open ranges, in bytes, whole pages, in address order:
 *
 *   IMAGE_FIRST     code, data, rodata: as the image says
 *                   brk: from the image's end up
 *   AUTOGEN_TOP     autogen: down from here
 *   MMAP_FIRST      mmap area, in regions of 8 MiB
 *                   guard, stack: down from STACK_TOP to the stack limit
 *   BUFFER_FIRST    message buffers: a page for each thread
 *
 * All follow from USER_LIMIT, so that the same lines serve every word size. */
#ifndef QUIRE_PAGER_LAYOUT_H
#define QUIRE_PAGER_LAYOUT_H

#include "abi/memory.h"

constexpr uint64_t LAYOUT_TABLE_BYTES = PAGE_BYTES * (PAGE_BYTES / sizeof(void *)); /* that one lowest page table maps */
constexpr uint64_t LAYOUT_UNIT = (uint64_t)8 << 20; /* a region of the mmap area */

constexpr uint64_t LAYOUT_IMAGE_FIRST = 0x400000;
constexpr uint64_t LAYOUT_IMAGE_LIMIT = 0x40000000;  /* images lie in the lowest GiB, which the small code model reaches */
constexpr uint64_t LAYOUT_AUTOGEN_TOP = USER_LIMIT / 2 / LAYOUT_UNIT * LAYOUT_UNIT;
constexpr uint64_t LAYOUT_MMAP_FIRST = LAYOUT_AUTOGEN_TOP + LAYOUT_UNIT;
constexpr uint32_t LAYOUT_BUFFERS = 64; /* room for so many */
constexpr uint64_t LAYOUT_BUFFER_FIRST = USER_LIMIT - 128 * PAGE_BYTES;
constexpr uint64_t LAYOUT_STACK_TOP = USER_LIMIT / LAYOUT_UNIT * LAYOUT_UNIT - LAYOUT_UNIT;
constexpr uint64_t LAYOUT_STACK_LEAST = 16 * PAGE_BYTES;
constexpr uint64_t LAYOUT_STACK_MOST = (uint64_t)1 << 30;
constexpr uint64_t LAYOUT_STACK_USUAL = (uint64_t)8 << 20;
constexpr uint64_t LAYOUT_STACK_GUARD = 16 * PAGE_BYTES; /* a fault in it is a stack overflow */
/* What the directory of regions reaches (directory.h), or all that is left below the stack. */
constexpr uint64_t LAYOUT_MMAP_ROOM = LAYOUT_STACK_TOP - LAYOUT_STACK_MOST - LAYOUT_UNIT - LAYOUT_MMAP_FIRST;
constexpr uint64_t LAYOUT_MMAP_BYTES = LAYOUT_MMAP_ROOM < (uint64_t)128 << 30 ? LAYOUT_MMAP_ROOM : (uint64_t)128 << 30;
constexpr uint64_t LAYOUT_MMAP_LIMIT = LAYOUT_MMAP_FIRST + LAYOUT_MMAP_BYTES;
constexpr uint32_t LAYOUT_MMAP_REGIONS = LAYOUT_MMAP_BYTES / LAYOUT_UNIT;

/* Reserved bytes of one process's mmap area: bounds the steps that giving them back takes. */
constexpr uint64_t LAYOUT_MMAP_MOST = LAYOUT_MMAP_BYTES < (uint64_t)64 << 30 ? LAYOUT_MMAP_BYTES : (uint64_t)64 << 30;

static_assert(LAYOUT_IMAGE_LIMIT < LAYOUT_AUTOGEN_TOP && LAYOUT_MMAP_FIRST < LAYOUT_MMAP_LIMIT);
static_assert(LAYOUT_MMAP_LIMIT <= LAYOUT_STACK_TOP - LAYOUT_STACK_MOST - LAYOUT_STACK_GUARD && LAYOUT_STACK_USUAL <= LAYOUT_STACK_MOST);
static_assert(LAYOUT_STACK_TOP < LAYOUT_BUFFER_FIRST && LAYOUT_BUFFER_FIRST + LAYOUT_BUFFERS * PAGE_BYTES < USER_LIMIT);

static inline uint64_t layout_page_down(uint64_t address) { return address & ~(PAGE_BYTES - 1); }
/* Addresses up to USER_LIMIT only: never wraps. */
static inline uint64_t layout_page_up(uint64_t address) { return (address + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1); }
/* Where the lowest page table that maps an address ends. */
static inline uint64_t layout_table_end(uint64_t address) { return (address | (LAYOUT_TABLE_BYTES - 1)) + 1; }
static inline uint64_t layout_pages(uint64_t first, uint64_t limit) { return (limit - first) >> PAGE_SHIFT; }

#endif
