/* Moving and sharing: what is mapped in one place becomes mapped in another, in place of the first or beside it.
 *
 * A step is made of runs: entries of one level in one table here and one table there. Each run is checked and its tables are reserved before it changes
 * anything; a step ends before the run that fails. The edges of a range go by smaller entries than its middle. A large leaf that does not fit the other place
 * is split first.
 *
 * Moving: an entry of any level below the root's is copied and cleared, so a table goes with all that lies below it, and neither frames nor their counts
 * change. Where both addresses are aligned alike, 1 GiB is one entry; where they are aligned to 2 MiB alike, 512 entries; else entries of 4 KiB. What a moved
 * table holds is known without looking into it: a lowest table has its count of entries, a table above it its totals (walk.h). Leaves of devices stay where
 * they are. A space that has any is moved leaf by leaf, since no table says whether there is one below.
 *
 * Sharing: the blocks of the frames count one leaf more for each entry. A lazy copy is the same with one thing more: the source's entries lose WRITE.
 * A large leaf is shared as one where both addresses are aligned alike and its block has a name (block.h). Otherwise it is split: because the other place
 * takes pages only; or because space_fill took the block for this leaf alone. Such a block becomes single frames, which count for themselves: so each goes with
 * its own last leaf, and who copies a page lets go of it. As one block it would stay until the last leaf of both had gone.
 *
 * 1. The destination is empty: of what is moved also where the source is, of what is shared where the source has a page.
 * 2. The other place of what is shared gets no attribute that the source's entry has not.
 * 3. Entries appear in the destination before they go from the source; both are done before any program runs, and the source's translations are forgotten at
 *    the end of the step. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

/* Entries of this level and below can be moved: what lies below a higher one is not known without looking. */
constexpr unsigned MOVE_LEVEL = HAS_TOTALS ? TOTALS_LEVEL + 1 : TOTALS_LEVEL;

static struct frame_info *leaf_row(pte_t leaf) { return block_row(pte_frame(leaf).number); }

/* space_fill took the block of a large leaf for it alone. */
static bool leaf_is_filled(const struct walk *walk)
{
    const struct frame_info *info = leaf_row(*walk->entry);
    return (info->flags & FRAME_FILLED) && info->count == 1;
}

/* Makes the part a run that begins where it begins: as many entries as have one table here and one there, or what is a hole in both. */
static void run_begin(struct visit *visit, const struct walk *to)
{
    struct walk *from = &visit->walk;
    uint64_t left = visit->span.count_pages - visit->done;
    bool is_moving = visit->deed == MOVE, is_by_leaf = !is_moving || from->space->count_devices != 0; /* what a table holds may be a device's, which stays */
    unsigned most = is_by_leaf && from->level < MOVE_LEVEL ? from->level : MOVE_LEVEL;
    if (most > 0 && !is_moving && leaf_is_filled(from)) most = 0;
    unsigned level = level_fit((from->address | to->address) >> PAGE_SHIFT, left, most);
    visit->is_hole = from->level > level && !pte_is_memory(*from->entry);
    if (visit->is_hole) {
        visit->count_pages = least(least(left, walk_pages_left(from->address, from->level)), walk_pages_left(to->address, to->level));
        visit->count = 1;
        visit->level = to->level;
        return;
    }
    /* The next larger entry ends the run, where it may be a table's turn. */
    uint64_t count = least(visit->count, walk_pages_left(to->address, 1)); /* from one lowest table to another: most often */
    if (is_by_leaf && level > 0) count = 1;
    else if (level > 0 || from->level > 0) count = least(entries_within(from->address, to->address, level, left), visit->budget);
    if (from->level < level) { /* the entry to be moved is above the one where the walk ended */
        from->level = level;
        from->entry = walk_table_entry(from->tables[level], from->address, level);
    }
    visit->level = level;
    visit->count = (unsigned)count;
    visit->cost = level != 0 && visit->count < HOLE_COST ? HOLE_COST : visit->count;
    visit->count_pages = count * walk_pages_of(level);
}

/* One leaf more for the block of each entry of the run; `there`: what stands where they will be mapped, or nullptr. ALREADY_MAPPED, TOO_MANY_MAPPINGS: nothing
 * is counted. */
static enum status leaves_hold(const struct visit *visit, const pte_t *there)
{
    const pte_t *from = visit->walk.entry;
    for (unsigned i = 0, count = visit->count; i < count; i++) {
        if (!pte_is_memory(from[i])) continue;
        struct frame_info *info = leaf_row(from[i]);
        bool is_taken = there != nullptr && pte_is_present(there[i]);
        if (!is_taken && info->count != FRAME_COUNT_LIMIT) {
            info->count++;
            continue;
        }
        while (i-- > 0)
            if (pte_is_memory(from[i])) leaf_row(from[i])->count--;
        return is_taken ? STATUS_ALREADY_MAPPED : STATUS_TOO_MANY_MAPPINGS;
    }
    return STATUS_OK;
}

/* Adds to a space and the tables above the run what has come: pages and tables by their own counts (UINT64_C(0) - n: fewer), since 512 entries of 1 GiB are
 * more than a table's totals hold. */
static void run_count(const struct walk *walk, uint64_t pages, uint64_t tables)
{
    walk->space->count_tables += tables;
    walk_count_pages(walk, pages);
    walk_total(walk, (uint32_t)(tables * TOTALS_TABLE));
}

/* Writes the entries of the run, there and here. */
static void run_write(struct visit *visit, const struct walk *to)
{
    const struct walk *from = &visit->walk;
    bool is_moving = visit->deed == MOVE;
    unsigned level = visit->level, written = 0;
    pte_t most = is_moving ? PTE_UNLIMITED : pte_make_leaf((frame_t){ 0 }, visit->attributes & ATTRIBUTES_ALL, level); /* there */
    pte_t lost = is_moving ? ~(pte_t)0 : visit->attributes & SHARE_COPY ? PTE_WRITE | PTE_WRITE_EXECUTE_MEANT : 0; /* by the source */
    uint64_t pages = 0, tables = 0;
    pte_t *here = from->entry, *there = to->entry;
    for (unsigned i = 0, count = visit->count; i < count; i++) {
        pte_t entry = here[i];
        if (!pte_is_memory(entry)) continue;
        there[i] = pte_limit(entry, most);
        written++;
        if (entry & lost) {
            here[i] = entry & ~lost;
            gather_page(from->address + ((uint64_t)i << pte_shift(level)));
            counter_add(COUNTER_ENTRIES_WRITTEN, 1);
        }
        if (level == 0 || pte_is_large(entry, level)) continue;
        const struct frame_info *row = table_row(pte_frame(entry));
        uint32_t totals = level == 1 ? row->count : row->cookie;
        pages += totals_pages(totals) - walk_pages_of(level); /* which is counted for it below */
        tables += 1 + totals_tables(totals);
        gather_many(); /* what was below it is not listed */
    }
    pages += written * walk_pages_of(level);
    counter_add(COUNTER_ENTRIES_READ, 2 * visit->count); /* with part_transfer() */
    counter_add(COUNTER_ENTRIES_WRITTEN, written);
    table_row(to->tables[level])->count += (uint16_t)written;
    run_count(to, pages, tables);
    visit->changed += pages;
    if (!is_moving) return;
    run_count(from, -pages, -tables);
    walk_release(from, written);
}

/* Does one run. ALREADY_MAPPED, NO_MEMORY, TOO_MANY_MAPPINGS. */
[[gnu::noinline]] enum status part_transfer(struct visit *visit)
{
    struct walk *from = &visit->walk, to;
    bool is_moving = visit->deed == MOVE;
    if (visit->is_hole && !is_moving) return STATUS_OK;
    walk_begin(&to, visit->to, visit->to_address + (visit->done << PAGE_SHIFT));
    run_begin(visit, &to);
    unsigned level = visit->level, at = 0;
    bool is_split = from->level > level, is_taken = !walk_is_open(&to, level);
    const pte_t *there = to.level == level ? to.entry : nullptr;
    if (there != nullptr && (is_moving || is_split)) is_taken = pte_is_present(entries_common(there, visit->count).any);
    while (at < visit->count && !pte_is_memory(from->entry[at])) at++;
    bool is_empty = visit->is_hole || at == visit->count;
    if (is_taken && (is_moving || !is_empty)) return STATUS_ALREADY_MAPPED;
    if (is_empty) return STATUS_OK;
    if (is_split && !walk_can_split(from, level, is_moving ? 0 : visit->count)) return STATUS_TOO_MANY_MAPPINGS;
    enum status status = reserve_fill(from->level - level + to.level - level);
    if (status == STATUS_OK && !is_moving && !is_split) status = leaves_hold(visit, there);
    if (status != STATUS_OK) {
        reserve_empty();
        return status;
    }

    // Commit: nothing below may fail.
    if (is_split) {
        walk_split(from, level);
        if (!is_moving) (void)leaves_hold(visit, nullptr);
    }
    walk_grow(&to, level);
    run_write(visit, &to);
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
