/* Regions: 8 MiB of addresses, cut into 2048 pages that are handed out in runs.
 *
 * A region is described by two words, {start, end}: an address of 8 MiB leaves 23 bits free, which hold the number of free pages (in start) and the largest
 * free order with flags (in end). Which pages are free says its book: one page, which belongs to the region's first page. Who is handed runs never gets that
 * page, so that it is a guard between two regions, and only the pager maps the frame of the book, at an address of its own.
 *
 * The book is a binary buddy system without links, a tree of 4095 bits. Node n has the children 2n and 2n+1; node 1 is the region, nodes 2048 to 4095 are its
 * pages, a node of order k stands for 2^k pages. The 64 words of the tree have one word above them, so that the smallest block that is large enough is
 * found by counting zeroes.
 *
 *   words   bit w: tree[w] is not 0
 *   tree    bit n: node n is a free block, and its buddy n^1 is not
 *   used    bit p: page p is in use
 *
 * Nothing here asks the kernel or knows a process: the same scheme serves any 8 MiB that are handed out by pages (tests/unit/test_pager_region.c does it
 * with frames).
 *
 * Invariants (region_check):
 *  1. A node's bit is set exactly when all its pages are free and not all of its parent's are: whatever can be joined is joined.
 *  2. Page 0 is in use.
 *  3. The free pages and the largest free order in the descriptor are those of the book. */
#ifndef QUIRE_PAGER_REGION_H
#define QUIRE_PAGER_REGION_H

#include <stdint.h>

#include "abi/memory.h"
#include "abi/status.h"

/* --- Descriptors --- */

#ifdef QUIRE_REGION_WORD /* on the host, where tests stand for machines with other words */
typedef QUIRE_REGION_WORD region_word_t;
#else
typedef uintptr_t region_word_t;
#endif

constexpr unsigned REGION_SHIFT = 23;
constexpr uint64_t REGION_BYTES = (uint64_t)1 << REGION_SHIFT;
constexpr uint32_t REGION_PAGES = (uint32_t)(REGION_BYTES >> PAGE_SHIFT);
constexpr unsigned REGION_ORDERS = 11;    /* of blocks: 1 to 1024 pages */
constexpr unsigned REGION_ORDER_BITS = 4; /* of the flags: the largest free order + 1, 0 when nothing is free */
constexpr uint32_t REGION_FLAGS_BITS = REGION_SHIFT - REGION_ORDER_BITS;

struct region_descriptor {
    region_word_t start; /* address | free pages */
    region_word_t end;   /* address | flags << REGION_ORDER_BITS | largest free order + 1 */
};
static_assert(sizeof(struct region_descriptor) == 2 * sizeof(region_word_t));

constexpr region_word_t REGION_LOW_MASK = (region_word_t)(REGION_BYTES - 1);
constexpr region_word_t REGION_ORDER_MASK = (1 << REGION_ORDER_BITS) - 1;

/* Describes [first, limit) with nothing free and no flags. BAD_ALIGNMENT: not whole regions; RANGE_WRAPS: empty, or its end does not fit a word. */
enum status region_describe(struct region_descriptor *descriptor, uint64_t first, uint64_t limit);

static inline uint64_t region_first(const struct region_descriptor *descriptor) { return descriptor->start & (region_word_t)~REGION_LOW_MASK; }
static inline uint64_t region_limit(const struct region_descriptor *descriptor) { return descriptor->end & (region_word_t)~REGION_LOW_MASK; }
static inline uint32_t region_free_pages(const struct region_descriptor *descriptor) { return (uint32_t)(descriptor->start & REGION_LOW_MASK); }
/* The number of orders up to the largest free block's: 0 when nothing is free, REGION_ORDERS when a block of 1024 pages is. */
static inline unsigned region_orders(const struct region_descriptor *descriptor) { return (unsigned)(descriptor->end & REGION_ORDER_MASK); }
static inline uint32_t region_flags(const struct region_descriptor *descriptor)
{
    return (uint32_t)((descriptor->end & REGION_LOW_MASK) >> REGION_ORDER_BITS);
}

/* `pages` below 2^23, `orders` below 2^REGION_ORDER_BITS, `flags` below 2^REGION_FLAGS_BITS. */
static inline void region_set_free(struct region_descriptor *descriptor, uint32_t pages, unsigned orders)
{
    descriptor->start = (descriptor->start & (region_word_t)~REGION_LOW_MASK) | pages;
    descriptor->end = (descriptor->end & (region_word_t)~REGION_ORDER_MASK) | orders;
}
static inline void region_set_flags(struct region_descriptor *descriptor, uint32_t flags)
{
    descriptor->end = (descriptor->end & ((region_word_t)~REGION_LOW_MASK | REGION_ORDER_MASK)) | (region_word_t)flags << REGION_ORDER_BITS;
}

/* --- Books --- */

constexpr unsigned REGION_TREE_WORDS = 2 * REGION_PAGES / 64;
constexpr unsigned REGION_USED_WORDS = REGION_PAGES / 64;

struct region_book {
    uint64_t words;
    uint64_t tree[REGION_TREE_WORDS];
    uint64_t used[REGION_USED_WORDS];
};
static_assert(sizeof(struct region_book) <= PAGE_BYTES);

constexpr uint32_t REGION_NONE = 0; /* page 0 is never handed out */

/* Everything is free but page 0; or nothing is. */
void region_initialise(struct region_descriptor *descriptor, struct region_book *book);
void region_initialise_used(struct region_descriptor *descriptor, struct region_book *book);

/* The first page of `count` pages, aligned to the power of two that holds them, from the smallest free block that does; REGION_NONE when there is none. */
uint32_t region_allocate(struct region_descriptor *descriptor, struct region_book *book, uint32_t count);
/* Takes these very pages. False when one of them is in use or outside; nothing has changed then. */
bool region_reserve(struct region_descriptor *descriptor, struct region_book *book, uint32_t first, uint32_t count);
/* Takes pages back; page 0 among them stays in use. False when one of them is free or outside; nothing has changed then. */
bool region_free(struct region_descriptor *descriptor, struct region_book *book, uint32_t first, uint32_t count);

static inline bool region_page_is_used(const struct region_book *book, uint32_t page) { return book->used[page / 64] >> page % 64 & 1; }

/* Counts everything anew from `used`. */
bool region_check(const struct region_descriptor *descriptor, const struct region_book *book);

#endif
