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

/* Makes the part a run that begins where it begins: as many entries as have one table here and one there, or what is a hole in both. ALREADY_MAPPED. */
static enum status run_begin(struct visit *visit, const struct walk *to)
{
    struct walk *from = &visit->walk;
    uint64_t left = visit->span.count_pages - visit->done;
    unsigned level = level_fit((from->address | to->address) >> PAGE_SHIFT, left, MOVE_LEVEL);
    bool is_by_leaf = from->space->count_devices != 0; /* what a table holds may be a device's, which stays */
    if (is_by_leaf && level > from->level) level = from->level;
    if (to->level != 0 && pte_is_present(*to->entry)) return STATUS_ALREADY_MAPPED; /* a large leaf */
    visit->is_hole = from->level > level && !pte_is_memory(*from->entry);
    visit->level = level;
    if (visit->is_hole) {
        if (to->level == 0 && pte_is_present(*to->entry)) return STATUS_ALREADY_MAPPED;
        visit->count_pages = least(left, walk_pages_left(from->address, from->level));
        visit->count_pages = to->level == 0 ? 1 : least(visit->count_pages, walk_pages_left(to->address, to->level));
        return STATUS_OK;
    }
    if (to->level < level) return STATUS_ALREADY_MAPPED; /* tables are never empty */
    /* The next larger entry ends the run, where it may be a table's turn. A leaf that is to be split first: the rest of it comes after. */
    uint64_t count = least(entries_within(from->address, to->address, level, left), visit->budget);
    if (from->level > level || (is_by_leaf && level > 0)) count = 1;
    if (from->level < level) { /* the entry to be moved is above the one where the walk ended */
        from->level = level;
        from->entry = walk_table_entry(from->tables[level], from->address, level);
    }
    visit->count = (unsigned)count;
    visit->cost = level != 0 && visit->count < HOLE_COST ? HOLE_COST : visit->count;
    visit->count_pages = count * walk_pages_of(level);
    return STATUS_OK;
}

/* Adds to a space and the tables above the run what has moved: pages and tables by their own counts (UINT64_C(0) - n: fewer), since 512 entries of 1 GiB are
 * more than a table's totals hold. */
static void run_count(const struct walk *walk, uint64_t pages, uint64_t tables)
{
    walk->space->count_tables += tables;
    walk_count_pages(walk, pages);
    walk_total(walk, (uint32_t)(tables * TOTALS_TABLE));
}

/* Moves the entries of the run. */
static void run_move(struct visit *visit, const struct walk *to)
{
    const struct walk *from = &visit->walk;
    counter_add(COUNTER_ENTRIES_READ, 2 * visit->count); /* with part_move() */
    unsigned level = visit->level, moved = 0;
    uint64_t pages = 0, tables = 0;
    for (unsigned i = 0; i < visit->count; i++) {
        pte_t entry = from->entry[i];
        if (!pte_is_memory(entry)) continue;
        to->entry[i] = entry;
        from->entry[i] = 0;
        moved++;
        if (level == 0 || pte_is_large(entry, level)) {
            pages += walk_pages_of(level);
            gather_page(from->address + ((uint64_t)i << pte_shift(level)));
            continue;
        }
        const struct frame_info *row = table_row(pte_frame(entry));
        uint32_t totals = level == 1 ? row->count : row->cookie;
        pages += totals_pages(totals);
        tables += 1 + totals_tables(totals);
        gather_many(); /* what was below it is not listed */
    }
    table_row(to->tables[level])->count += (uint16_t)moved;
    counter_add(COUNTER_ENTRIES_WRITTEN, 2 * moved);
    run_count(to, pages, tables);
    run_count(from, -pages, -tables);
    walk_release(from, moved);
    visit->changed += pages;
}

/* Does one run. ALREADY_MAPPED, NO_MEMORY, TOO_MANY_MAPPINGS (split). */
[[gnu::noinline]] enum status part_move(struct visit *visit)
{
    struct walk *from = &visit->walk, to;
    walk_begin(&to, visit->to, visit->to_address + (visit->done << PAGE_SHIFT));
    enum status status = run_begin(visit, &to);
    if (status != STATUS_OK || visit->is_hole) return status;
    unsigned level = visit->level, first = 0;
    if (to.level == level && pte_is_present(entries_common(to.entry, visit->count).any)) return STATUS_ALREADY_MAPPED;
    while (first < visit->count && !pte_is_memory(from->entry[first])) first++;
    if (first == visit->count) return STATUS_OK;
    if (from->level > level && !walk_can_split(from, level, 0)) return STATUS_TOO_MANY_MAPPINGS;
    status = reserve_fill(from->level - level + to.level - level);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    if (from->level > level) gather_page(from->address);
    walk_split(from, level);
    walk_grow(&to, level);
    run_move(visit, &to);
    return STATUS_OK;
}

/* Both ways from one place to another begin here. */
enum status space_transfer(struct space *from, struct user_span span, struct space *to, user_page_t to_page, uint32_t attributes, uint64_t *done,
                           uint64_t *changed)
{
    uint64_t there = to_page.address, here = span.first.address, apart = here < there ? there - here : here - there;
    if (from == to && apart < span.count_pages << PAGE_SHIFT) return STATUS_BAD_ARGUMENT;
    struct visit visit;
    visit.deed = attributes == TRANSFER_MOVE ? MOVE : SHARE;
    visit.attributes = attributes;
    visit.to = to;
    visit.to_address = there;
    return visit_all(&visit, from, span, done, changed);
}
