/* The directory: from an address of the mmap area to its region, and from there to the segment.
 *
 * Two levels. The directory's 128 words each lead to a leaf, a page with 128 regions side by side; the region says which segment is at which of its pages. All
 * of it is there for any address: words without a leaf lead to one leaf of empty regions, an empty region has the segment "nobody" at all of its pages. So
 * finding a segment is loads and no decisions, the same number whatever there is.
 *
 *   leaf[a >> 30] --> region of 8 MiB --> map[a >> 12 & mask] --> row of a segment, as its distance from the table; 0 is nobody
 *
 * While one segment is all there is in a region, mask is 0 and map leads to the word beside it; with a second one it gets a map of its own, two pages.
 *
 * Invariants (area_check):
 *  1. A region is described exactly when its leaf is there and its bit in the area is not set.
 *  2. A region has a book unless one segment covered all of it, and covers what has not been given back since.
 *  3. With a map, each page leads to the segment that holds it, or to nobody; without one, `single` is the only segment that reaches into the region. */
#ifndef QUIRE_PAGER_DIRECTORY_H
#define QUIRE_PAGER_DIRECTORY_H

#include "region.h"
#include "slot.h"

struct region {
    struct region_descriptor descriptor; /* zero: there is no region */
    uint32_t *map;
    uint32_t mask;                       /* REGION_PAGES - 1, or 0 */
    uint32_t single;
};

/* Flags of a descriptor. */
constexpr uint32_t REGION_HAS_BOOK = 1;
constexpr uint32_t REGION_HAS_MAP = 2;    /* its pages are there */
constexpr uint32_t REGION_FIRST_USED = 4; /* page 0 belongs to a segment: the region lies in a larger area */

constexpr uint32_t DIRECTORY_REGIONS = LAYOUT_MMAP_REGIONS;
constexpr uint32_t LEAF_REGIONS = PAGE_BYTES / sizeof(struct region);
constexpr uint32_t DIRECTORY_LEAVES = (DIRECTORY_REGIONS + LEAF_REGIONS - 1) / LEAF_REGIONS;
static_assert(DIRECTORY_LEAVES * PAGE_BYTES <= SLOT_LEAVES_BYTES);

/* A book and its place in a list of the area. */
struct region_page {
    struct region_book book;
    uint32_t next;     /* regions, as their number + 1 */
    uint32_t previous;
};
static_assert(sizeof(struct region_page) <= PAGE_BYTES);

struct area;

struct directory {
    struct region *leaf[DIRECTORY_LEAVES];
    uint8_t live[DIRECTORY_LEAVES]; /* regions of each */
    uint32_t count_maps;            /* regions with pages for a map */
    struct area *area;              /* nullptr until memory is mapped there */
    struct slot *slot;
};

void directory_initialise(struct directory *directory, struct slot *slot);

/* Addresses outside of the mmap area: DIRECTORY_REGIONS and above. */
static inline uint64_t directory_index(uint64_t address) { return (address >> REGION_SHIFT) - (LAYOUT_MMAP_FIRST >> REGION_SHIFT); }
static inline uint64_t directory_address(uint64_t index) { return LAYOUT_MMAP_FIRST + (index << REGION_SHIFT); }
static inline struct region *directory_at(const struct directory *directory, uint64_t index)
{
    return &directory->leaf[index / LEAF_REGIONS][index % LEAF_REGIONS];
}
/* The row of a segment for an address of region `index`: of the one that holds the address if any does. */
static inline uint32_t directory_row(const struct directory *directory, uint64_t index, uint64_t address)
{
    const struct region *region = directory_at(directory, index);
    return region->map[address >> PAGE_SHIFT & region->mask];
}

static inline struct region_page *directory_page(const struct directory *directory, uint64_t index)
{
    return (struct region_page *)(directory->slot->base + SLOT_BOOKS + index * SLOT_BOOK_BYTES);
}

/* Describes region `index`, empty, with nothing free. NO_MEMORY, LIMIT. */
enum status directory_add(struct directory *directory, uint64_t index);
/* Forgets it, with book and map. */
void directory_remove(struct directory *directory, uint64_t index);
/* Makes sure that it has a book: what is not there yet begins with nothing free. NO_MEMORY, LIMIT. */
enum status directory_add_book(struct directory *directory, uint64_t index);
/* Makes sure that it has pages for a map. NO_MEMORY, LIMIT. */
enum status directory_add_map(struct directory *directory, uint64_t index);
/* Gives the pages of its map back; nothing is there. */
void directory_remove_map(struct directory *directory, uint64_t index);
/* From now on its map says which segment is where; its pages are there. `pages` of its single segment, from `first` on, stay that one's. */
void directory_use_map(struct directory *directory, uint64_t index, uint32_t first, uint32_t pages);

#endif
