/* Page stacks: runs of 1, 2, 4 and 8 pages of the mmap area that were taken from regions before anybody asked.
 *
 * A stack is filled up to its high mark when it is first used and whenever it has fallen below its low mark; a run that is given back is pushed while there is
 * room. So most runs come and go by one load and one store, without a book being read. What lies in a stack has an address and nothing else: no segment, no
 * page, no page table, and nobody is charged for it. An empty stack means that the regions are asked; when they have nothing more, a stack is filled as far as
 * it goes. Before a new region is made, all that lies in stacks goes back to the regions.
 *
 * Invariant: count <= PAGE_STACK_HIGH, and every page of every run in a stack is in use in its region's book and in no segment. */
#ifndef QUIRE_PAGER_PAGE_STACK_H
#define QUIRE_PAGER_PAGE_STACK_H

#include <stdint.h>

constexpr unsigned PAGE_STACKS_MOST = 4;
/* Runs of how many orders have a stack: 0 none, 1 single pages only, 4 up to eight pages. docs/adr/0017-regions.md says what each costs. */
#ifdef QUIRE_PAGE_STACKS /* on the host, to measure the others */
constexpr unsigned PAGE_STACKS = QUIRE_PAGE_STACKS;
#else
constexpr unsigned PAGE_STACKS = 4;
#endif
constexpr uint32_t PAGE_STACK_HIGH = 16;
constexpr uint32_t PAGE_STACK_LOW = 4;

struct page_stack {
    uint32_t count;
    uint32_t page[PAGE_STACK_HIGH]; /* the first page of each run, counted from the beginning of the area */
};

/* Bit n: runs of n pages have a stack. */
constexpr uint32_t PAGE_STACK_COUNTS = (PAGE_STACKS > 0) << 1 | (PAGE_STACKS > 1) << 2 | (PAGE_STACKS > 2) << 4 | (PAGE_STACKS > 3) << 8;
static_assert(PAGE_STACKS <= PAGE_STACKS_MOST && PAGE_STACKS_MOST == 4);

/* The stack for runs of `count` pages, of all that there are; nullptr: there is none. */
static inline struct page_stack *page_stack_of(struct page_stack stacks[PAGE_STACKS_MOST], uint64_t count)
{
    return count < 32 && (PAGE_STACK_COUNTS >> count & 1) ? &stacks[__builtin_ctz((uint32_t)count)] : nullptr;
}

static inline bool page_stack_pop(struct page_stack *stack, uint32_t *page)
{
    if (stack->count == 0) return false;
    *page = stack->page[--stack->count];
    return true;
}

/* False: it is full. */
static inline bool page_stack_push(struct page_stack *stack, uint32_t page)
{
    if (stack->count == PAGE_STACK_HIGH) return false;
    stack->page[stack->count++] = page;
    return true;
}

#endif
