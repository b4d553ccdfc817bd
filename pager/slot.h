/* Slots: the pager's own memory for one process.
 *
 * Each process has a piece of the pager's window: addresses for its record and its tables, of which pages are taken when they are needed and given back when
 * they are not. So tables are arrays that grow where they are, and nothing comes from a heap. A process is charged each page, and the page tables that the
 * pager needs to have it: a lowest one for each 2 MiB in which it has a page, and one above them.
 *
 *   0             record of the process, and its small tables (process.h)
 *   SLOT_AREA     what is known of its mmap area (area.h)
 *   SLOT_LEAVES   regions of the mmap area by address, 128 to a page (directory.h)
 *   SLOT_ROWS     segments
 *   SLOT_BOOKS    four pages for each region: its book, its segments by page (two), nothing */
#ifndef QUIRE_PAGER_SLOT_H
#define QUIRE_PAGER_SLOT_H

#include "family.h"
#include "layout.h"

constexpr uint64_t SLOT_CHUNK_BYTES = (uint64_t)PAGE_BYTES * (sizeof(void *) == 8 ? 512 : 1024); /* what one lowest page table maps */

constexpr uint64_t SLOT_AREA = 64 * PAGE_BYTES;
constexpr uint64_t SLOT_LEAVES = 128 * PAGE_BYTES;
constexpr uint64_t SLOT_LEAVES_BYTES = 128 * PAGE_BYTES;
constexpr uint64_t SLOT_ROWS = SLOT_LEAVES + SLOT_LEAVES_BYTES;
constexpr uint64_t SLOT_BOOK_BYTES = 4 * PAGE_BYTES;
constexpr uint64_t SLOT_BOOKS_BYTES = LAYOUT_MMAP_REGIONS * SLOT_BOOK_BYTES;
constexpr uint64_t SLOT_ROWS_BYTES = (uint64_t)16 << 20;
constexpr uint64_t SLOT_BOOKS = (SLOT_ROWS + SLOT_ROWS_BYTES + SLOT_CHUNK_BYTES) / SLOT_CHUNK_BYTES * SLOT_CHUNK_BYTES;
/* A power of two, so that each slot lies below one table of the second level. */
constexpr uint64_t SLOT_BYTES = (uint64_t)1 << (SLOT_BOOKS + SLOT_BOOKS_BYTES > (uint64_t)32 << 20 ? 29 : 25);
static_assert(SLOT_BOOKS + SLOT_BOOKS_BYTES <= SLOT_BYTES);

constexpr uint32_t SLOT_CHUNKS = SLOT_BYTES / SLOT_CHUNK_BYTES;
constexpr uint64_t SLOT_TABLES = 1; /* above the lowest */

/* What a slot begins with; journal.h says what it is for. */
struct record {
    uint64_t magic;    /* RECORD_MAGIC once it is finished */
    uint64_t sum;      /* of everything in the slot that must not be lost */
    uint64_t before;   /* the sum before change `sequence` */
    uint64_t sequence;
};

struct slot {
    char *base;
    struct family *family;      /* that is charged */
    uint16_t live[SLOT_CHUNKS]; /* pages of each chunk that are there */
};

/* A slot that nobody has may keep its two pages for the next who needs one: that of the record and the first of rows. */
constexpr uint64_t SLOT_SPARE_PAGES = 2;
constexpr uint64_t SLOT_SPARE_CHARGE = SLOT_TABLES + 1 + SLOT_SPARE_PAGES; /* with their tables */
constexpr uint32_t SLOT_SPARES = 4;

/* Begins with the page at its base, charged and zeroed; `offset` is where in it the record of the slot lies. NO_MEMORY, LIMIT. */
enum status slot_begin(struct family *family, char *base, size_t offset);
/* Gives the page at the base back, with the record; all others are. */
void slot_end(struct slot *slot);

/* Whether the pages that a spare slot keeps are all that it has; they are there. */
bool slot_may_be_spare(const struct slot *slot);

/* A page of the slot, charged and zeroed. NO_MEMORY, LIMIT. */
enum status slot_page_take(struct slot *slot, void *address);
void slot_page_give(struct slot *slot, void *address);

/* Pages charged, counted anew. */
uint64_t slot_charge(const struct slot *slot);

#endif
