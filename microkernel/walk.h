/* Walks through page tables, and what a step of a space has in hand: internal to space*.c.
 *
 * A walk remembers the tables that it came by, so that it can go on, grow downwards or release upwards without starting again. A reserve holds the
 * tables that a step will need, taken before the step changes anything. A gather holds what must wait for the end of the step: entries that
 * processors may still remember, and the frames and tables behind them, which nobody may get before the translations are forgotten. */
#ifndef QUIRE_WALK_H
#define QUIRE_WALK_H

#include "arch.h"
#include "block.h"
#include "counter.h"
#include "space.h"

struct walk {
    pte_t *entry;               /* where it ended: absent, a leaf, or (level 0) either */
    unsigned level;             /* of that entry's table */
    frame_t tables[PTE_LEVELS]; /* the tables on the way: [level] and above */
};

static inline pte_t *walk_table_entry(frame_t table, uint64_t address, unsigned level)
{
    return (pte_t *)arch_frame_pointer(table) + pte_index(address, level);
}

/* Goes down from where the walk stands as far as there are tables. */
static inline void walk_continue(struct walk *walk, uint64_t address)
{
    unsigned level = walk->level;
    pte_t *entry = walk->entry;
    while (level != 0 && pte_is_present(*entry) && !pte_is_large(*entry, level)) {
        frame_t table = pte_frame(*entry);
        walk->tables[--level] = table;
        entry = walk_table_entry(table, address, level);
        counter_add(COUNTER_ENTRIES_READ, 1);
    }
    walk->level = level;
    walk->entry = entry;
}

static inline void walk_begin(struct walk *walk, const struct space *space, uint64_t address)
{
    walk->level = PTE_LEVELS - 1;
    walk->tables[PTE_LEVELS - 1] = space->root;
    walk->entry = walk_table_entry(space->root, address, PTE_LEVELS - 1);
    counter_add(COUNTER_ENTRIES_READ, 1);
    walk_continue(walk, address);
}

/* Pages of 4 KiB that one entry of a level stands for. */
static inline uint64_t walk_pages_of(unsigned level)
{
    return (uint64_t)1 << (pte_shift(level) - PAGE_SHIFT);
}

/* Pages from an address to the end of what one entry of a level stands for. */
static inline uint64_t walk_pages_left(uint64_t address, unsigned level)
{
    return walk_pages_of(level) - (address >> PAGE_SHIFT & (walk_pages_of(level) - 1));
}

/* --- Loops over entries: one or two instructions each (space_loops.c) --- */

/* A table or rows of frames as words. */
typedef uint64_t word_t __attribute__((may_alias));

/* What words have in common: bits that are set in any, bits that are set in all. */
struct words_common { word_t any, all; };
struct words_common words_common(const word_t *words, unsigned count);

/* The same of entries. */
struct common { pte_t any, all; };
static inline struct common entries_common(const pte_t *entries, unsigned count)
{
    counter_add(COUNTER_ENTRIES_READ, count);
    if (sizeof(pte_t) == sizeof(word_t)) {
        struct words_common common = words_common((const word_t *)entries, count);
        return (struct common){ (pte_t)common.any, (pte_t)common.all };
    }
    struct common common = { 0, ~(pte_t)0 };
    for (unsigned i = 0; i < count; i++) {
        common.any |= entries[i];
        common.all &= entries[i];
    }
    return common;
}
void entries_flip(pte_t *entries, unsigned count, pte_t change);
void entries_clear(pte_t *entries, unsigned count);
/* The first entry from `from` on that is not zero; `count`: none. */
unsigned entries_next(const pte_t *entries, unsigned from, unsigned count);
/* The first becomes `leaf`, each further one `step` more. */
void entries_fill(pte_t *entries, unsigned count, pte_t leaf, pte_t step);
/* Each names the next frame of a chain (frame_allocate_chain), zeroed and counted. */
void entries_fill_fresh(pte_t *entries, unsigned count, uint32_t attributes, uint32_t *chain);

/* --- What a table's row says --- */

/* The row of a table; frame_info.count is the number of its present entries (of the user half, in a root). */
static inline struct frame_info *table_row(frame_t table)
{
    return &frame_table[table.number];
}

/* frame_info.cookie: of a root the frame of its space; of another table of TOTALS_LEVEL what lies below it, so that it can be moved as a whole; else 0. */
constexpr unsigned TOTALS_LEVEL = 1;
constexpr uint32_t TOTALS_TABLE = 1u << 20; /* one table below; the bits beneath count pages of 4 KiB */
constexpr bool HAS_TOTALS = TOTALS_LEVEL < PTE_LEVELS - 1;

static inline uint32_t totals_pages(uint32_t totals) { return totals % TOTALS_TABLE; }
static inline uint32_t totals_tables(uint32_t totals) { return totals / TOTALS_TABLE; }

/* The totals above the entry where a walk stands. */
static inline void walk_total(const struct walk *walk, uint32_t change)
{
    if (HAS_TOTALS && walk->level <= TOTALS_LEVEL) table_row(walk->tables[TOTALS_LEVEL])->cookie += change;
}

/* More or fewer pages (UINT64_C(0) - n) are mapped in the table where the walk stands. */
static inline void walk_count_pages(const struct walk *walk, struct space *space, uint64_t change)
{
    space->count_mapped += change;
    walk_total(walk, (uint32_t)change);
}

/* --- The short way to one page --- */

/* The entry of a page of 4 KiB, and the rows that know of it. */
struct lowest {
    pte_t *entry;
    struct frame_info *table;
    struct frame_info *totals;
};

/* False when there is no lowest table for the address: then the long way has to be gone. */
static inline bool lowest_find(struct lowest *lowest, const struct space *space, uint64_t address)
{
    frame_t table = space->root;
#pragma clang loop unroll(full)
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        pte_t entry = *walk_table_entry(table, address, level);
        if (!pte_is_present(entry) || pte_is_large(entry, level)) return false;
        table = pte_frame(entry);
        if (HAS_TOTALS && level - 1 == TOTALS_LEVEL) lowest->totals = table_row(table);
    }
    lowest->entry = walk_table_entry(table, address, 0);
    counter_add(COUNTER_ENTRIES_READ, PTE_LEVELS);
    lowest->table = table_row(table);
    return true;
}

/* One page more (1) or less (-1) is mapped there. */
static inline void lowest_count(const struct lowest *lowest, struct space *space, int change)
{
    lowest->table->count = (uint16_t)(lowest->table->count + change);
    if (HAS_TOTALS) lowest->totals->cookie += (uint32_t)change;
    space->count_mapped += (uint64_t)(int64_t)change;
}

/* Maps one leaf of a level; frame and address are aligned to it, and the frame's block is that long. As space_map. */
enum status space_map_leaf(struct space *space, user_page_t page, frame_t frame, uint32_t attributes, unsigned level);

/* --- Tables in reserve --- */

constexpr unsigned STEP_PARTS = 2; /* runs of entries that a step of space_map writes */
constexpr unsigned RESERVE_LIMIT = STEP_PARTS * (PTE_LEVELS - 1);

struct reserve {
    unsigned count;
    frame_t tables[RESERVE_LIMIT];
};

/* Takes `count` zeroed tables for the space. NO_MEMORY: none is taken. */
enum status reserve_fill(struct reserve *reserve, unsigned count);
void reserve_empty(struct reserve *reserve);

/* Puts tables of the reserve below the absent entry where the walk stands, and walks down to `level`. */
void walk_grow(struct walk *walk, struct space *space, uint64_t address, unsigned level, struct reserve *reserve);
/* True when the large leaf where the walk stands can become smaller ones down to `level`, as far as the count of its block goes, with `also` leaves besides. */
bool walk_can_split(const struct walk *walk, unsigned level, unsigned also);
/* Replaces the large leaf where the walk stands by a table of smaller leaves of the same meaning, down to `level`. */
void walk_split(struct walk *walk, struct space *space, uint64_t address, unsigned level, struct reserve *reserve);

/* --- Going through what may be mapped --- */

constexpr unsigned HOLE_COST = 16;  /* a walk that finds nothing, in entries of a step's budget */
constexpr unsigned LARGE_COST = 16; /* a large leaf */

/* The next part of a span: a hole, some entries of one lowest table, or a part of a large leaf. */
struct visit {
    uint64_t address;
    uint64_t count_pages;
    unsigned level; /* of the leaves to change: below walk.level when a large leaf has to be split first */
    unsigned cost;  /* what the part takes of a step's budget */
    bool is_hole;
    struct walk walk;
};

/* The part of a span, `done` pages from its start; at most `budget` entries of 4 KiB. */
void visit_begin(struct visit *visit, const struct space *space, struct user_span span, uint64_t done, uint64_t budget);
/* Splits the large leaf down to visit.level. NO_MEMORY, TOO_MANY_MAPPINGS: nothing has changed. */
enum status visit_split(struct visit *visit, struct space *space);

/* --- What waits for the end of a step --- */

constexpr unsigned INVALIDATE_LIMIT = 32; /* more changed entries than this: one flush */
constexpr uint32_t CHAIN_END = FRAME_CHAIN_END;

struct gather {
    unsigned count_pages; /* changed entries, also those beyond pages[] */
    uint32_t frames;      /* chains through frame_info.cookie: heads of blocks */
    uint32_t tables;
    uint64_t freed_frames;
    user_page_t pages[INVALIDATE_LIMIT];
};

static inline void gather_begin(struct gather *gather)
{
    gather->count_pages = 0;
    gather->frames = CHAIN_END;
    gather->tables = CHAIN_END;
    gather->freed_frames = 0;
}

/* An entry that was present has changed. One address of a large leaf is enough. */
static inline void gather_page(struct gather *gather, uint64_t address)
{
    if (gather->count_pages < INVALIDATE_LIMIT) gather->pages[gather->count_pages] = (user_page_t){ address };
    gather->count_pages++;
}

/* Makes the processor forget, then gives frames and tables back. */
void gather_end(struct gather *gather, const struct space *space);

/* `count` entries of the table where the walk stands are gone: gathers it when it is empty, and so on upwards. */
void walk_release(struct walk *walk, struct space *space, uint64_t address, unsigned count, struct gather *gather);

#endif
