/* The mmap area: where there is room.
 *
 * Runs of a few pages come from stacks (page_stack.h). Otherwise from coarse to fine, and never page by page: regions are in lists by the order of their
 * largest free block, so that the fullest region that has room is found by one count of zeroes; when none has, the lowest free 8 MiB become a region;
 * what is larger than a region's largest block gets a run of whole regions, of which the last begins with it and has the rest of its pages free.
 *
 * Everything is in pages of the process's slot: one for the area itself when memory is first mapped, one for each 128 regions, one for each region's book. One
 * region that has become empty is kept with its book, so that mapping and unmapping in turn costs no page each time; the next one that becomes empty goes.
 *
 * Invariants (area_check, with those of directory.h and region.h):
 *  1. A bit of `free` is set exactly when its region is not described.
 *  2. A region with a book is in the list of its orders; with nothing free it is in none.
 *  3. `pages` is what has been taken and not given. The pages in use in all regions are these, those in stacks, and the first pages of regions.
 *  4. At most one region is empty, and `spare` names it. */
#ifndef QUIRE_PAGER_AREA_H
#define QUIRE_PAGER_AREA_H

#include "directory.h"
#include "page_stack.h"

constexpr uint32_t AREA_WORDS = (DIRECTORY_REGIONS + 63) / 64;
constexpr uint32_t AREA_BLOCK_PAGES = 1u << (REGION_ORDERS - 1); /* larger ones are runs of regions */

struct area {
    uint64_t free[AREA_WORDS];         /* a bit for each region that could be made */
    uint32_t list[REGION_ORDERS + 1];  /* the first region of each list, as its number + 1 */
    uint32_t lists;                    /* bit n: list[n] is not empty */
    uint32_t count_regions;
    uint32_t spare;                    /* number + 1 */
    uint64_t pages;
    struct page_stack stack[PAGE_STACKS_MOST];
};
static_assert(sizeof(struct area) <= PAGE_BYTES);

/* Takes a range of `count` pages, at most LAYOUT_MMAP_MOST in all. Up to AREA_BLOCK_PAGES it is aligned to the power of two that holds it, else to a region.
 * NO_MEMORY, LIMIT. */
enum status area_take(struct directory *directory, uint64_t count, uint64_t *address);
/* The same at an address that is a multiple of `align` pages, a power of two. NO_MEMORY, LIMIT. */
enum status area_take_aligned(struct directory *directory, uint64_t count, uint64_t align, uint64_t *address);
/* Takes this very range, whole pages within the mmap area. EXISTS: part of it is taken, or is the first page of a region of
 * which something else is. NO_MEMORY, LIMIT. */
enum status area_take_at(struct directory *directory, uint64_t first, uint64_t limit);
/* For a pager that takes over: takes what a segment has, in any order of segments. NO_MEMORY, LIMIT; EXISTS: another one has it. */
enum status area_take_again(struct directory *directory, uint64_t first, uint64_t limit);
/* Gives back what was taken, whole or in parts. A part that begins or ends within a region can be had again at once if area_reserve_cut() was called for that
 * place; if not, when all of the region has been given back. */
void area_give(struct directory *directory, uint64_t first, uint64_t limit);
/* Makes sure that what is taken can be cut at an address: its region has a book then, and a map if both sides stay. NO_MEMORY, LIMIT. */
enum status area_reserve_cut(struct directory *directory, uint64_t at, bool both_stay);
/* Gives back what is kept for later: runs in stacks, a region that is empty; what is taken stays. */
void area_trim(struct directory *directory);
/* Gives all pages back; nothing is taken. */
void area_release(struct directory *directory);

static inline uint64_t area_pages(const struct directory *directory) { return directory->area != nullptr ? directory->area->pages : 0; }
/* The first region from `index` on; DIRECTORY_REGIONS: there is none. */
uint64_t area_next(const struct directory *directory, uint64_t index);

/* nullptr, or what does not hold. */
const char *area_check(const struct directory *directory);

#endif
