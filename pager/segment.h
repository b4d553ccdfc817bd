/* Segments: ranges of a process with one meaning each.
 *
 * What a kind of segment may do is one row of a table (kinds.c); how its pages come is one record of functions (fill.h). Code asks these and never tests
 * for a kind.
 *
 * The rows of a process's segments lie in pages of its slot and do not move. Those of the mmap area, of which there may be any number, are found through the
 * directory of regions (directory.h); of the other kinds there are a few, in a sorted list of their limits. Either way an address finds its segment in a
 * number of steps that does not depend on how many there are.
 *
 * Invariants (segment_table_check):
 *  1. first < limit, both whole pages within the user range; segments are disjoint, and every page of one leads to it.
 *  2. The kinds lie in the order of enum segment_kind.
 *  3. pages <= pages of the range. Exactly the pages mapped in the range are counted, whatever brought them.
 *  4. protection is within what the kind and the fill allow.
 *  5. segment_charge() of every row is charged to the family that pays for it (segment_quota), and the pages of the table itself to the process's own.
 *     Who gave memory away goes on paying for it.
 *     What of the mmap area is taken is what its segments cover.
 *     Frames that several processes have mapped are charged to each.
 *  6. attributes, refuses, run_most and count follow from the rest of a row: see segment_refresh(). */
#ifndef QUIRE_PAGER_SEGMENT_H
#define QUIRE_PAGER_SEGMENT_H

#include "area.h"
#include "family.h"
#include "kernel.h"
#include "layout.h"
#include "protocol.h"

struct fill;
struct process;

enum growth : uint8_t { GROWS_NOT, GROWS_UP, GROWS_DOWN };

/* One row of the table of kinds. */
struct segment_rules {
    const char *name;        /* in the log */
    const struct fill *fill; /* the usual one */
    uint8_t protection;      /* the usual one */
    uint8_t protections;     /* mask of PROTECTION_... that it may ever have */
    enum growth grows;
    bool is_immutable;       /* refuses unmap and protect */
    bool merges;             /* with a neighbour that differs in nothing */
    bool may_be_both;        /* writable and executable at once, in programs that were started so */
    uint64_t guard_bytes;    /* below it: a fault there is an overflow of this segment */
};

const struct segment_rules *segment_rules_of(enum segment_kind kind);

/* What must not be lost comes first, up to `pages`: journal_save() goes before each change of it. */
struct segment {
    uint64_t first;
    uint64_t limit;
    const struct fill *fill;
    uint32_t frame;          /* of the page at `first`; FRAME_FRESH where each page gets one of its own */
    enum segment_kind kind;
    uint8_t protection;      /* PROTECTION_... */
    bool is_sealed : 1;      /* refuses every change until the process ends */
    bool is_going : 1;       /* removed: nobody may use it any more, its pages are being taken out */
    bool is_given : 1;       /* another process put it here */
    bool is_copied : 1;      /* its frames may be other processes' too: each page is copied when it is written to (fill_copy.h) */
    uint8_t advice : 2;      /* ADVICE_NORMAL, _SEQUENTIAL or _RANDOM */
    int8_t payer;            /* the family that pays, as its distance from the process's own; 0: that one */

    uint64_t pages;          /* mapped */
    uint64_t next;           /* where the next fault comes if pages are touched in order */
    uint32_t count;          /* pages of the range */
    uint8_t attributes;      /* ATTRIBUTE_... of its pages, from the protection */
    uint8_t refuses;         /* FAULT_... accesses that fault_quick() leaves to fault_page(); all of them unless a page more costs one frame or none */
    uint8_t run;             /* faults in a row that came at `next` */
    uint8_t run_most;        /* that are counted: 0 where pages are touched at random */
    uint32_t shared;         /* at most so many of its pages may be others' too (fill_copy.h); lost with the pager */
};
constexpr size_t SEGMENT_KEPT_BYTES = offsetof(struct segment, pages);
static_assert(SEGMENT_KEPT_BYTES == 32 && sizeof(struct segment) == 64);

constexpr uint8_t SEGMENT_RUN_MOST = 3;

constexpr uint32_t SEGMENT_LIMIT = 1 << 18; /* of a process */
constexpr uint32_t SEGMENT_GIVEN_MOST = 1024; /* that others have put into one process: they cannot use up its rows, */
constexpr uint64_t SEGMENT_GIVEN_BYTES_MOST = LAYOUT_MMAP_MOST / 2; /* nor its room */
constexpr uint32_t SEGMENT_FIXED = 7;       /* outside of the mmap area: one of each kind */
static_assert(SEGMENT_FIXED == SEGMENT_KINDS - SEGMENT_CODE - 1);
constexpr unsigned SEGMENT_LEVELS = sizeof(void *) == 8 ? 3 : 1; /* of page tables below the root */
/* One table on each level may be counted for both parts. */
constexpr uint64_t SEGMENT_CUT_CHARGE = SEGMENT_LEVELS;

/* Where a segment outside of the mmap area is. An empty one is above any address, and leads nowhere. */
struct segment_place {
    uint64_t limit, first;
    struct segment *row;
};
constexpr struct segment_place SEGMENT_PLACE_EMPTY = { UINT64_MAX, UINT64_MAX, nullptr };

/* Lies in the slot itself, in front of its rows: a row is named by its distance from the table, and what is at distance 0 holds no address. */
struct segment_table {
    struct segment nobody;
    struct directory directory;
    struct segment *rows;   /* in the slot */
    struct segment_place fixed[SEGMENT_FIXED + 1]; /* sorted; the last is always empty */
    uint32_t count_fixed;
    struct segment *recent; /* where a fault was found last, unless faults are traced; `nobody` after any change */
    uint32_t count;
    uint32_t count_given;   /* that others have put here, */
    uint64_t given_bytes;   /* and what they cover */
    uint32_t capacity;      /* rows whose pages are there */
    uint32_t used;          /* rows that were ever used */
    uint32_t free;          /* the first of those that are not now, as its distance; each names the next in `next` */
    struct slot *slot;
    struct family *family;
};

/* A table without rows. */
void segment_table_initialise(struct segment_table *table, struct slot *slot);

/* The segment that holds an address, or nullptr. */
struct segment *segment_find(const struct segment_table *table, uint64_t address);
/* The first segment that ends above an address, or nullptr. All segments in address order: begin with 0, go on with the limit of each. */
struct segment *segment_above(const struct segment_table *table, uint64_t address);
/* All segments in two loops that cost less: those outside of the mmap area by their place, in address order, as long as none is inserted or removed; then those
 * in it that end above an address, or nullptr. */
static inline struct segment *segment_fixed(const struct segment_table *table, uint32_t place)
{
    return table->fixed[place].row;
}
struct segment *segment_mapped_above(const struct segment_table *table, uint64_t address);
/* The first segment of a kind, or nullptr. */
struct segment *segment_find_kind(const struct segment_table *table, enum segment_kind kind);
/* The segment nearest to an address outside all of them; nullptr when there are none. */
const struct segment *segment_nearest(const struct segment_table *table, uint64_t address);
/* Makes sure that there are rows for `count` insertions. What the segments are charged is checked by who inserts or cuts. NO_MEMORY, LIMIT. */
enum status segment_reserve(struct segment_table *table, uint32_t count);
/* Inserts into a reserved row. The range is free; in the mmap area it was taken (area.h), and if its first or last region has a segment already,
 * segment_reserve_cut() was called for both ends. Rows of other segments stay where they are. */
struct segment *segment_insert(struct segment_table *table, const struct segment *segment);
/* What a new segment at [first, limit), which was taken, needs: a row, and maps for regions that have another one. NO_MEMORY, LIMIT. */
enum status segment_reserve_insert(struct segment_table *table, uint64_t first, uint64_t limit);
/* The maps alone; regions that have no other one than `row`, which gets the range, need none. nullptr: none has it. NO_MEMORY, LIMIT. */
enum status segment_reserve_maps(struct segment_table *table, uint64_t first, uint64_t limit, const struct segment *row);
/* What it had of the mmap area is given back. */
void segment_remove(struct segment_table *table, struct segment *segment);
/* Finds room in the mmap area for a segment of `bytes`, whole pages, that has everything but its place, and inserts it, or makes a neighbour longer that
 * differs in nothing. NO_MEMORY, LIMIT. */
enum status segment_place(struct segment_table *table, struct segment *segment, uint64_t bytes);
/* The same at the place that the segment says, in the mmap area. EXISTS, NO_MEMORY, LIMIT. */
enum status segment_place_at(struct segment_table *table, struct segment *segment);
/* Makes sure that segments that go across the ends of a range can be cut there: rows and what the directory needs. NO_MEMORY, LIMIT. */
enum status segment_reserve_cuts(struct segment_table *table, uint64_t first, uint64_t limit);
/* Makes sure that a range can go: a cut where it is a hole in one segment, else the ends of two become shorter. NO_MEMORY, LIMIT. */
enum status segment_reserve_hole(struct segment_table *table, uint64_t first, uint64_t limit);
/* Takes [first, limit), one end of a segment, off it; `pages` are left. The range is given back. */
void segment_shorten(struct segment_table *table, struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages);
/* Cuts a segment of the mmap area at an address inside it, with `pages` mapped in the lower part; segment_reserve_cuts() was called. SEGMENT_CUT_CHARGE
 * more at most is charged. */
void segment_split(struct segment_table *table, struct segment *segment, uint64_t at, uint64_t pages);
/* Joins the segments that meet at an address of the mmap area, if there are two and they differ in nothing, and the family can bear the bound of their
 * tables together. */
void segment_merge(struct segment_table *table, uint64_t at);
/* For a pager that takes over: `table` is empty, but the pages of `capacity` rows are there. Finds the rows, and makes anew what leads to them; no page is
 * counted as mapped. NO_MEMORY, LIMIT, EXISTS. */
enum status segment_table_rebuild(struct segment_table *table, uint32_t capacity);
/* Where the rows of a slot lie, and how many there is room for in some pages. */
static inline struct segment *segment_rows(const struct slot *slot) { return (struct segment *)(slot->base + SLOT_ROWS); }
static inline uint32_t segment_rows_of(uint64_t pages) { return (uint32_t)(pages * PAGE_BYTES / sizeof(struct segment)); }
/* Forgets all segments, whose pages are gone: what they were charged is given back, and all pages of the table but the first. */
void segment_table_clear(struct segment_table *table);
/* Gives the pages of a table without segments back. */
void segment_table_release(struct segment_table *table);

/* An upper bound of the page tables that `pages` pages in a range need on all levels below the root: each needs at most one of its own, and the range
 * at most so many. */
uint64_t segment_tables(uint64_t first, uint64_t limit, uint64_t pages);
/* Tables of one level that a range touches. Level 1 is the one that maps pages. */
uint64_t segment_tables_of(uint64_t first, uint64_t limit, unsigned level);
/* What a segment is charged: its pages, unless their frames are the boot's (fill.h: page_charge), and the bound of their tables. */
uint64_t segment_charge(const struct segment *segment);
/* What `count` pages more of it are charged; it has room for them. */
uint64_t segment_charge_more(const struct segment *segment, uint64_t count);
/* Sets a segment's range and pages, and moves the family's charge from what it was to what it is. */
void segment_resize(struct segment_table *table, struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages);

/* Who pays for a segment. */
static inline struct quota *segment_quota(const struct segment_table *table, const struct segment *segment)
{
    return &(table->family + segment->payer)->pages;
}
/* The process's own family pays for a segment from now on. LIMIT, NO_MEMORY. */
enum status segment_take_over(struct segment_table *table, struct segment *segment);

/* Sets what follows from range, fill, pages and protection (invariant 6). */
void segment_refresh(struct segment *segment);
/* So many of its pages are mapped now; who changes the charge says so. */
void segment_set_pages(struct segment *segment, uint64_t pages);
/* How its pages come from now on: ADVICE_NORMAL, _SEQUENTIAL or _RANDOM. */
void segment_set_advice(struct segment *segment, uint32_t advice);
/* Makes a segment refuse every change. */
void segment_set_sealed(struct segment *segment);
/* Marks a segment as removed: see work.h. */
void segment_set_going(struct segment *segment);
/* Sets what its pages may be used for; those that are mapped stay as they are. */
void segment_set_protection(struct segment *segment, uint32_t protection);
/* The attributes of pages of a protection. */
uint32_t segment_attributes(uint32_t protection);
/* Whether somebody may ever write to it. */
bool segment_is_writable(const struct segment *segment);
/* Sets how the pages of a segment come to be that are not there. */
void segment_set_fill(struct segment *segment, const struct fill *fill);

bool segment_table_check(const struct segment_table *table);

#endif
