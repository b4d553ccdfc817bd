/* Walks through page tables, and what a step of a space has in hand: internal to space*.c.
 *
 * A walk remembers the tables that it came by, so that it can go on, grow downwards or release upwards without starting again. The reserve holds the
 * tables that a step will need, taken before the step changes anything. The gather holds what must wait for the end of the step: entries that
 * processors may still remember, and the frames and tables behind them, which nobody may get before the translations are forgotten.
 *
 * There is one reserve and one gather, since a step runs to its end before the next begins; with several processors there is one of each for each. */
#ifndef QUIRE_WALK_H
#define QUIRE_WALK_H

#include "arch.h"
#include "block.h"
#include "counter.h"
#include "space.h"

struct walk {
    struct space *space;
    uint64_t address;
    pte_t *entry;               /* where it ended: absent, a leaf, or (level 0) either */
    unsigned level;             /* of that entry's table */
    frame_t tables[PTE_LEVELS]; /* the tables on the way: [level] and above */
};

static inline pte_t *walk_table_entry(frame_t table, uint64_t address, unsigned level)
{
    return (pte_t *)arch_frame_pointer(table) + pte_index(address, level);
}

/* Goes down from an entry of a table of a level, which the walk has been told, as far as there are tables. */
static inline void walk_down(struct walk *walk, pte_t *entry, unsigned level)
{
    counter_add(COUNTER_ENTRIES_READ, 1);
    while (level != 0 && pte_is_present(*entry) && !pte_is_large(*entry, level)) {
        frame_t table = pte_frame(*entry);
        walk->tables[--level] = table;
        entry = walk_table_entry(table, walk->address, level);
        counter_add(COUNTER_ENTRIES_READ, 1);
    }
    walk->level = level;
    walk->entry = entry;
}

/* The same from the root. */
void walk_begin(struct walk *walk, struct space *space, uint64_t address);

/* Pages of 4 KiB that one entry of a level stands for. */
static inline uint64_t walk_pages_of(unsigned level)
{
    return (uint64_t)1 << (pte_shift(level) - PAGE_SHIFT);
}

/* Pages from an address to the end of what one entry of a level stands for. */
static inline uint64_t walk_pages_left(uint64_t address, unsigned level)
{
    return -(address >> PAGE_SHIFT | -walk_pages_of(level));
}

/* Entries of a level from two places on, as far as a table reaches there and there, and `count_pages`, and a step. */
unsigned entries_within(uint64_t one, uint64_t other, unsigned level, uint64_t count_pages);

/* The highest level up to `highest` at which pages fit: their numbers, ORed, are aligned, and there are enough of them. */
unsigned level_fit(uint64_t numbers, uint64_t count_pages, unsigned highest);

static inline uint64_t least(uint64_t one, uint64_t other) { return one < other ? one : other; }

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
/* Each becomes `none` with the number of a fresh frame, zeroed and counted: they are there (frame_require). */
void entries_fill_fresh(pte_t *entries, unsigned count, pte_t none);

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
void walk_count_pages(const struct walk *walk, uint64_t change);

/* `count` more leaves stand in the table where the walk stands. */
void walk_add(const struct walk *walk, unsigned count);
/* `count` entries of the table where the walk stands are gone: gathers it when it is empty, and so on upwards. */
void walk_release(const struct walk *walk, unsigned count);
/* The same of `count` leaves, whose pages are counted. */
void walk_remove(const struct walk *walk, unsigned count);

/* New entries of a level can stand where the walk ended, if they are absent: no larger leaf is in the way, and no table, which is never empty. */
static inline bool walk_is_open(const struct walk *walk, unsigned level)
{
    return walk->level == level || (walk->level > level && !pte_is_present(*walk->entry));
}

/* Walks to where `count` new leaves of a level, one table's, are to stand. False: something is there. */
bool walk_to_room(struct walk *walk, struct space *space, uint64_t address, unsigned level, unsigned count);

/* --- The short way to one page --- */

/* The entry of a page of 4 KiB, and the one on the way to it in the table that keeps totals. */
struct lowest {
    pte_t *entry;
    const pte_t *above;
};

/* Finds them. False when there is no lowest table for the address: then the long way has to be gone. */
static inline bool lowest_find(struct lowest *lowest, const struct space *space, uint64_t address)
{
    pte_t *at = walk_table_entry(space->root, address, PTE_LEVELS - 1);
#pragma clang loop unroll(full)
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        pte_t entry = *at;
        if (!pte_is_present(entry) || (level < PTE_LEAF_LEVELS && pte_is_large(entry, level))) return false;
        if (level == TOTALS_LEVEL) lowest->above = at;
        at = walk_table_entry(pte_frame(entry), address, level - 1);
    }
    counter_add(COUNTER_ENTRIES_READ, PTE_LEVELS);
    lowest->entry = at;
    return true;
}

/* The row of the table that an entry stands in. */
static inline struct frame_info *table_row_of(const pte_t *entry)
{
    return table_row(arch_pointer_frame(entry));
}

/* One page more (1) or less (-1) is mapped there. */
static inline void lowest_count(const struct lowest *lowest, struct space *space, int change)
{
    struct frame_info *table = table_row_of(lowest->entry);
    table->count = (uint16_t)(table->count + change);
    if (HAS_TOTALS) table_row_of(lowest->above)->cookie += (uint32_t)change;
    space->count_mapped += (uint64_t)(int64_t)change;
}

/* --- Tables in reserve --- */

constexpr unsigned RESERVE_LIMIT = 2 * (PTE_LEVELS - 1); /* for two walks: a place here and one there */

/* Takes `count` zeroed tables. NO_MEMORY: none is taken. */
enum status reserve_fill(unsigned count);
/* Takes one table as it is: every entry is written before it is put in place. NO_MEMORY. */
enum status reserve_unzeroed(void);
/* Takes a frame of the direct map that is not in use for anything else; the same holds for it. */
void reserve_page(frame_t page);
void reserve_empty(void);
/* The entries of the table that is put in place next. */
pte_t *reserve_entries(void);

/* Puts tables of the reserve below the absent entry where the walk stands, and walks down to `level`. */
void walk_grow(struct walk *walk, unsigned level);
/* True when the large leaf where the walk stands can become smaller ones down to `level`, as far as the count of its block goes, with `also` leaves besides. */
bool walk_can_split(const struct walk *walk, unsigned level, unsigned also);
/* Replaces the large leaf where the walk stands by a table of smaller leaves of the same meaning, down to `level`. */
void walk_split(struct walk *walk, unsigned level);

/* --- A run of new leaves, of one level and in one table (space_map.c) --- */

constexpr uint64_t FRESH = UINT64_MAX; /* the frame of what gets fresh ones */

struct run {
    struct walk walk;
    unsigned level;
    unsigned count;            /* leaves */
    uint64_t first;            /* frame */
    pte_t leaf;                /* the first one; with the number 0 of fresh frames */
    const struct space *owner; /* of a device; nullptr: memory */
    bool is_shared;            /* DEVICE_SHARED */
};

/* Maps a run at the beginning of a span: what is asked for is made, but for `walk`. The count is made less where not all of the frames can be mapped in one
 * step. As space_map; as device_map, when there is an owner. */
enum status run_map(struct run *run, struct space *space, struct user_span span, uint64_t *done);

/* Maps one leaf of a level with fewer instructions; frame and address are aligned to it, and the frame's block is that long. As space_map. */
enum status space_map_leaf(struct space *space, user_page_t page, frame_t frame, uint32_t attributes, unsigned level);

/* The registry has nothing against a run (device.c); it needs so many tables more. EXISTS, TOO_MANY_MAPPINGS. */
enum status device_may_map(const struct run *run, unsigned *count_tables);
/* The registry counts the run's leaves. */
void device_register(const struct run *run);

/* --- Going over a span --- */

constexpr unsigned HOLE_COST = 16; /* a walk that finds nothing or a large leaf, in entries of a step's budget */

/* What a step does to each part of its span: by the functions part_unmap() and so on, each in the file of its name. SHARE, MOVE: part_transfer(). */
enum deed : uint8_t { UNMAP, PROTECT, COUNT, HARVEST, SHARE, MOVE, DEVICE };

/* A step over a span, and its part in hand: a hole, some entries of one lowest table, or a part of a large leaf. What is used most stands first. */
struct visit {
    struct walk walk; /* at the part's first page */
    uint64_t count_pages;
    unsigned count; /* not of a hole: entries to change, when no leaf has to be split first */
    unsigned level; /* of them: below walk.level when a large leaf has to be split first */
    unsigned cost;  /* in entries of 4 KiB */
    unsigned budget;  /* entries of 4 KiB that are left to the step */
    uint64_t done;    /* pages of the span dealt with before this part */
    uint64_t changed; /* pages that the step has changed; COUNT: found */
    uint64_t freed;   /* frames that the step has given back */
    struct user_span span;
    bool is_hole;
    bool is_cached; /* DEVICE: a leaf that is gone went through the caches; false at the beginning */
    /* By who begins: */
    enum deed deed;
    uint32_t attributes; /* what the deed is told: attributes, or flags */
    union {
        struct { /* SHARE, MOVE: of the span's first page there */
            struct space *to;
            uint64_t to_address;
        };
        struct { /* HARVEST: as space_harvest */
            uint64_t accessed;
            uint64_t dirty;
        };
        const struct space *owner; /* DEVICE: nullptr for anybody */
    };
};

/* A step: OK, AGAIN, with results; what a part failed with, when nothing was done before. */
enum status visit_all(struct visit *visit, struct space *space, struct user_span span, uint64_t *done, uint64_t *changed);

/* What is done to a part. On any status but OK nothing has changed. */
enum status part_unmap(struct visit *visit);
enum status part_protect(struct visit *visit);
enum status part_count(struct visit *visit);
enum status part_harvest(struct visit *visit);
enum status part_transfer(struct visit *visit);
enum status part_device(struct visit *visit); /* device.c */

/* Splits the large leaf of the part down to visit->level. NO_MEMORY, TOO_MANY_MAPPINGS: nothing has changed. */
enum status visit_split_leaf(struct visit *visit);
static inline enum status visit_split(struct visit *visit)
{
    return visit->level == visit->walk.level ? STATUS_OK : visit_split_leaf(visit);
}

/* --- What waits for the end of a step --- */

constexpr unsigned INVALIDATE_LIMIT = 32; /* more changed entries than this: one flush */

/* An entry that was present has changed. One address of a large leaf is enough. */
[[gnu::noinline, clang::preserve_most]] void gather_page(uint64_t address);
/* More have changed than are worth listing. */
void gather_many(void);
/* A block to be freed, by its head. */
void gather_block(uint32_t head);
/* Makes the processor forget, then gives frames and tables back. Returns frames freed. */
uint64_t gather_end(const struct space *space);

#endif
