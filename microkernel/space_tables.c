/* Tables of a space: how they come, split and go.
 *
 * Live-entry counters in the frame table make an empty table known without looking at it. A table is taken before a step begins (reserve) and given
 * back after the step's translations are forgotten (gather), because a processor may keep the upper levels of a walk too.
 *
 * 1. A table below the root is never empty, except inside a step: so an absent entry above means that no page below is mapped.
 * 2. frame_info.count of a table = present entries of its user part; frame_info.cookie: walk.h.
 * 3. Blocks and tables in a gather's chains have a count of zero and no entry that names them.
 * 4. A table in reserve is zero; one in a chain is zero, or marked FRAME_DIRTY. */
#include "walk.h"

#include <assert.h>

#include "counter.h"

enum status reserve_fill(struct reserve *reserve, unsigned count)
{
    assert(count <= RESERVE_LIMIT);
    reserve->count = count;
    return count == 0 ? STATUS_OK : frame_allocate_tables(reserve->tables, count);
}

void reserve_empty(struct reserve *reserve)
{
    while (reserve->count > 0)
        frame_free_zeroed(reserve->tables[--reserve->count], FRAME_KIND_TABLE);
}

static frame_t reserve_take(struct reserve *reserve, struct space *space)
{
    assert(reserve->count > 0);
    space->count_tables++;
    counter_add(COUNTER_TABLES_ALLOCATED, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return reserve->tables[--reserve->count];
}

void walk_grow(struct walk *walk, struct space *space, uint64_t address, unsigned level, struct reserve *reserve)
{
    while (walk->level > level) {
        assert(!pte_is_present(*walk->entry));
        *walk->entry = pte_make_table(reserve_take(reserve, space), walk->level);
        table_row(walk->tables[walk->level])->count++;
        if (walk->level == TOTALS_LEVEL) walk_total(walk, TOTALS_TABLE);
        walk->level--;
        walk->tables[walk->level] = pte_frame(*walk->entry);
        walk->entry = walk_table_entry(walk->tables[walk->level], address, walk->level);
    }
}

bool walk_can_split(const struct walk *walk, unsigned level, unsigned also)
{
    unsigned more = also;
    for (unsigned at = walk->level; at > level; at--) more += pte_entries(at - 1) - 1;
    return more <= (unsigned)FRAME_COUNT_LIMIT - block_row(pte_frame(*walk->entry).number)->count;
}

/* The block of a leaf of `level` that becomes smaller ones counts each of them. A block that space_fill took for this leaf alone becomes single frames,
 * so that each goes back with its own page. */
static void block_split(frame_t first, unsigned level)
{
    struct frame_info *info = block_row(first.number);
    if (level == 1 && frame_order(info) == pte_shift(1) - PAGE_SHIFT && info->count == 1 && (info->flags & FRAME_FILLED))
        block_rows_fill(first.number, pte_entries(0), (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 });
    else info->count = (uint16_t)(info->count + pte_entries(level - 1) - 1);
}

/* The upper table keeps its count: one entry stands where one stood. */
void walk_split(struct walk *walk, struct space *space, uint64_t address, unsigned level, struct reserve *reserve)
{
    while (walk->level > level) {
        assert(pte_is_large(*walk->entry, walk->level));
        frame_t table = reserve_take(reserve, space);
        unsigned lower = walk->level - 1;
        unsigned count = pte_entries(lower);
        pte_t *pieces = arch_frame_pointer(table);
        pte_t piece = pte_split(*walk->entry, walk->level);
        block_split(pte_frame(piece), walk->level);
        for (unsigned i = 0; i < count; i++, piece = pte_next(piece, lower))
            pieces[i] = piece;
        struct frame_info *row = table_row(table);
        row->count = (uint16_t)count;
        if (lower == TOTALS_LEVEL) row->cookie = (uint32_t)walk_pages_of(walk->level);
        else if (walk->level == TOTALS_LEVEL) walk_total(walk, TOTALS_TABLE);
        counter_add(COUNTER_ENTRIES_WRITTEN, count);
        *walk->entry = pte_make_table(table, walk->level);
        walk->level = lower;
        walk->tables[lower] = table;
        walk->entry = walk_table_entry(table, address, lower);
    }
}

void visit_begin(struct visit *visit, const struct space *space, struct user_span span, uint64_t done, uint64_t budget)
{
    uint64_t count = span.count_pages - done;
    uint64_t address = span.first.address + (done << PAGE_SHIFT);
    struct walk *walk = &visit->walk;
    walk_begin(walk, space, address);
    unsigned level = walk->level;
    if (level == 0) { /* most are: the short way through what is below */
        uint64_t left = walk_pages_left(address, 1), most = left < budget ? left : budget;
        visit->address = address;
        visit->count_pages = count < most ? count : most;
        visit->cost = (unsigned)visit->count_pages;
        visit->level = 0;
        visit->is_hole = false;
        return;
    }
    visit->is_hole = !pte_is_memory(*walk->entry);
    for (;; level--) {
        uint64_t left = walk_pages_left(address, level == 0 ? 1 : level);
        if (count > left) count = left;
        if (level == 0 || visit->is_hole || count == walk_pages_of(level)) break;
    }
    if (level == 0 && count > budget) count = budget;
    visit->address = address;
    visit->count_pages = count;
    visit->cost = visit->is_hole ? HOLE_COST : level != 0 ? LARGE_COST : (unsigned)count;
    visit->level = level;
}

enum status visit_split(struct visit *visit, struct space *space)
{
    if (visit->level == visit->walk.level) return STATUS_OK;
    if (!walk_can_split(&visit->walk, visit->level, 0)) return STATUS_TOO_MANY_MAPPINGS;
    struct reserve reserve;
    enum status status = reserve_fill(&reserve, visit->walk.level - visit->level);
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    walk_split(&visit->walk, space, visit->address, visit->level, &reserve);
    return STATUS_OK;
}

void walk_release(struct walk *walk, struct space *space, uint64_t address, unsigned count, struct gather *gather)
{
    for (unsigned level = walk->level;; level++, count = 1) {
        frame_t table = walk->tables[level];
        struct frame_info *info = table_row(table);
        assert(info->kind == FRAME_KIND_TABLE && info->count >= count);
        info->count = (uint16_t)(info->count - count);
        if (info->count != 0 || level == PTE_LEVELS - 1) return;
        assert(info->cookie == 0);
        info->cookie = gather->tables;
        gather->tables = table.number;
        space->count_tables--;
        if (HAS_TOTALS && level + 1 == TOTALS_LEVEL) table_row(walk->tables[TOTALS_LEVEL])->cookie -= TOTALS_TABLE;
        *walk_table_entry(walk->tables[level + 1], address, level + 1) = 0;
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    }
}

static void translations_forget(const struct gather *gather, const struct space *space)
{
    if (gather->count_pages == 0 || !arch_root_is_active(space->root)) return;
    if (gather->count_pages > INVALIDATE_LIMIT) {
        counter_add(COUNTER_FLUSHES, 1);
        arch_tlb_flush();
        return;
    }
    counter_add(COUNTER_INVALIDATIONS, gather->count_pages);
    for (unsigned i = 0; i < gather->count_pages; i++)
        arch_tlb_invalidate(gather->pages[i]);
}

void gather_end(struct gather *gather, const struct space *space)
{
    assert(gather->count_pages != 0 || (gather->frames == CHAIN_END && gather->tables == CHAIN_END));
    translations_forget(gather, space);
    while (gather->frames != CHAIN_END) {
        frame_t frame = { gather->frames };
        struct frame_info *info = &frame_table[frame.number];
        unsigned order = frame_order(info);
        gather->frames = info->cookie;
        enum status status = frame_free(frame, order, FRAME_KIND_USER);
        assert(status == STATUS_OK);
        (void)status;
        gather->freed_frames += (uint64_t)1 << order;
    }
    while (gather->tables != CHAIN_END) {
        frame_t table = { gather->tables };
        struct frame_info *row = table_row(table);
        gather->tables = row->cookie;
        if (row->flags & FRAME_DIRTY) {
            enum status status = frame_free(table, 0, FRAME_KIND_TABLE);
            assert(status == STATUS_OK);
            (void)status;
        } else frame_free_zeroed(table, FRAME_KIND_TABLE);
        counter_add(COUNTER_TABLES_FREED, 1);
    }
}
