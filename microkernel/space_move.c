/* Moving: what is mapped in one place becomes mapped in another, without a change to frames or their counts.
 *
 * An entry of any level below the root's is moved by copying it and clearing it: a table goes with all that lies below it. So where both addresses are
 * aligned alike, 1 GiB is one entry; where they are aligned to 2 MiB alike, 512 entries; else entries of 4 KiB. The edges of a range go by smaller entries
 * than its middle. Large leaves that do not fit the other place are split first.
 *
 * What a moved table holds is known without looking into it: a lowest table has its count of entries, a table above it its totals (walk.h).
 *
 * A step is made of runs: entries of one level in one table here and one table there. Each run is checked and its tables are reserved before it changes
 * anything; a step ends before the run that fails.
 *
 * Leaves of devices stay where they are. A space that has any is moved leaf by leaf, since no table says whether there is one below.
 *
 * 1. The destination is empty, also where the source is.
 * 2. Entries appear in the destination before they go from the source; both are done before any program runs, and the source's translations are forgotten at
 *    the end of the step. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

/* Entries of this level and below can be moved: what lies below a higher one is not known without looking. */
constexpr unsigned MOVE_LEVEL = HAS_TOTALS ? TOTALS_LEVEL + 1 : TOTALS_LEVEL;

struct move {
    struct space *from;
    struct space *to;
    uint64_t from_address;
    uint64_t to_address;
    uint64_t count_pages;
};

struct run {
    uint64_t from_address;
    uint64_t to_address;
    uint64_t count_pages;
    unsigned level;
    unsigned count; /* entries; 0: a hole */
    struct walk from;
    struct walk to;
};

/* The highest level whose entries fit both addresses and what is left. */
static unsigned level_of(uint64_t from, uint64_t to, uint64_t count_pages)
{
    unsigned level = MOVE_LEVEL;
    for (; level > 0; level--) {
        uint64_t pages = walk_pages_of(level);
        if (((from >> PAGE_SHIFT | to >> PAGE_SHIFT) & (pages - 1)) == 0 && count_pages >= pages) break;
    }
    return level;
}

static uint64_t least(uint64_t one, uint64_t other) { return one < other ? one : other; }

/* The run that begins `done` pages from the start. ALREADY_MAPPED. */
static enum status run_begin(struct run *run, const struct move *move, uint64_t done, unsigned budget)
{
    run->from_address = move->from_address + (done << PAGE_SHIFT);
    run->to_address = move->to_address + (done << PAGE_SHIFT);
    uint64_t left = move->count_pages - done;
    walk_begin(&run->from, move->from, run->from_address);
    walk_begin(&run->to, move->to, run->to_address);
    unsigned level = level_of(run->from_address, run->to_address, left);
    bool is_by_leaf = move->from->count_devices != 0; /* what a table holds may be a device's, which stays */
    if (is_by_leaf && level > run->from.level) level = run->from.level;
    if (run->to.level != 0 && pte_is_present(*run->to.entry)) return STATUS_ALREADY_MAPPED; /* a large leaf */
    if (run->from.level > level && !pte_is_memory(*run->from.entry)) { /* a hole, as far as it is one in both */
        uint64_t hole = least(left, walk_pages_left(run->from_address, run->from.level));
        if (run->to.level != 0) hole = least(hole, walk_pages_left(run->to_address, run->to.level));
        else if (pte_is_present(*run->to.entry)) return STATUS_ALREADY_MAPPED;
        else hole = 1;
        run->count = 0;
        run->count_pages = hole;
        run->level = level;
        return STATUS_OK;
    }
    /* The next larger entry ends the run, where it may be a table's turn. */
    uint64_t here = pte_entries(level) - pte_index(run->from_address, level), there = pte_entries(level) - pte_index(run->to_address, level);
    uint64_t count = least(least(here, there), least(left >> (pte_shift(level) - PAGE_SHIFT), budget));
    if (run->from.level > level || (is_by_leaf && level > 0)) count = 1; /* a leaf that is to be split first: the rest of it comes after */
    if (run->to.level < level) return STATUS_ALREADY_MAPPED; /* tables are never empty */
    if (run->from.level < level) { /* the entry to be moved is above the one where the walk ended */
        run->from.level = level;
        run->from.entry = walk_table_entry(run->from.tables[level], run->from_address, level);
    }
    run->level = level;
    run->count = (unsigned)count;
    run->count_pages = count << (pte_shift(level) - PAGE_SHIFT);
    return STATUS_OK;
}

/* Where the entries of a run go is free. */
static bool run_is_free(const struct run *run)
{
    if (run->to.level > run->level) return true; /* its entry is absent: run_begin */
    for (unsigned i = 0; i < run->count; i++)
        if (pte_is_present(run->to.entry[i])) return false;
    return true;
}

/* What an entry stands for, as totals. */
static uint32_t entry_totals(pte_t entry, unsigned level)
{
    if (level == 0 || pte_is_large(entry, level)) return (uint32_t)walk_pages_of(level);
    const struct frame_info *row = table_row(pte_frame(entry));
    return TOTALS_TABLE + (level == 1 ? row->count : row->cookie);
}

/* Adds to (1) or takes from (-1) a space and the tables above the run what has moved: pages and tables by their own counts, since 512 entries of 1 GiB
 * are more than a table's totals hold. */
static void run_count(const struct walk *walk, struct space *space, uint64_t pages, uint64_t tables, bool is_more)
{
    uint32_t totals = (uint32_t)(pages + tables * TOTALS_TABLE);
    space->count_mapped += is_more ? pages : -pages;
    space->count_tables += is_more ? tables : -tables;
    walk_total(walk, is_more ? totals : -totals);
}

/* Moves the entries of the run. Returns pages moved. */
static uint64_t run_move(struct run *run, const struct move *move, struct gather *gather)
{
    pte_t *from = run->from.entry, *to = run->to.entry;
    counter_add(COUNTER_ENTRIES_READ, 3 * run->count); /* with run_is_free() and run_has_entries() */
    unsigned level = run->level, moved = 0;
    uint64_t pages = 0, tables = 0;
    for (unsigned i = 0; i < run->count; i++) {
        pte_t entry = from[i];
        if (!pte_is_memory(entry)) continue;
        uint32_t totals = entry_totals(entry, level);
        pages += totals_pages(totals);
        tables += totals_tables(totals);
        to[i] = entry;
        from[i] = 0;
        moved++;
        if (level == 0 || pte_is_large(entry, level)) gather_page(gather, run->from_address + ((uint64_t)i << pte_shift(level)));
        else gather->count_pages += INVALIDATE_LIMIT + 1; /* what was below it is not listed: a flush */
    }
    if (moved == 0) return 0;
    struct frame_info *table = table_row(run->to.tables[level]);
    table->count = (uint16_t)(table->count + moved);
    counter_add(COUNTER_ENTRIES_WRITTEN, 2 * moved);
    run_count(&run->to, move->to, pages, tables, true);
    run_count(&run->from, move->from, pages, tables, false);
    walk_release(&run->from, move->from, run->from_address, moved, gather);
    return pages;
}

static bool run_has_entries(const struct run *run)
{
    for (unsigned i = 0; i < run->count; i++)
        if (pte_is_memory(run->from.entry[i])) return true;
    return false;
}

/* Does one run. ALREADY_MAPPED, NO_MEMORY, TOO_MANY_MAPPINGS (split): nothing has changed. */
static enum status run_do(struct run *run, const struct move *move, uint64_t *moved, struct gather *gather)
{
    if (!run_is_free(run)) return STATUS_ALREADY_MAPPED;
    bool is_split = run->from.level > run->level;
    if (!is_split && !run_has_entries(run)) return STATUS_OK;
    if (is_split && !walk_can_split(&run->from, run->level, 0)) return STATUS_TOO_MANY_MAPPINGS;
    unsigned count_split = is_split ? run->from.level - run->level : 0;
    struct reserve reserve;
    enum status status = reserve_fill(&reserve, count_split + run->to.level - run->level);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    if (is_split) {
        gather_page(gather, run->from_address);
        walk_split(&run->from, move->from, run->from_address, run->level, &reserve);
    }
    walk_grow(&run->to, move->to, run->to_address, run->level, &reserve);
    *moved += run_move(run, move, gather);
    assert(reserve.count == 0);
    return STATUS_OK;
}

enum status space_move(struct space *from, user_page_t from_page, struct space *to, struct user_span to_span, uint64_t *done, uint64_t *moved)
{
    struct move move = { from, to, from_page.address, to_span.first.address, to_span.count_pages };
    uint64_t size_bytes = to_span.count_pages << PAGE_SHIFT;
    uint64_t apart = move.from_address < move.to_address ? move.to_address - move.from_address : move.from_address - move.to_address;
    if (from == to && apart < size_bytes) return STATUS_BAD_ARGUMENT;
    struct gather gather;
    gather_begin(&gather);
    enum status status = STATUS_OK;
    uint64_t count_done = 0, count_moved = 0;
    unsigned budget = STEP_PAGES;
    while (count_done < move.count_pages && budget > 0) {
        struct run run;
        status = run_begin(&run, &move, count_done, budget);
        if (status == STATUS_OK && run.count != 0) status = run_do(&run, &move, &count_moved, &gather);
        if (status != STATUS_OK) break;
        unsigned cost = run.count < HOLE_COST ? HOLE_COST : run.count;
        budget -= cost < budget ? cost : budget;
        count_done += run.count_pages;
    }
    gather_end(&gather, from);
    if (count_done == 0) return status; /* as in space_unmap */
    *done = count_done;
    *moved = count_moved;
    return count_done == move.count_pages ? STATUS_OK : STATUS_AGAIN;
}
