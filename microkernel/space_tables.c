/* Tables of a space: how they come, split and go.
 *
 * Live-entry counters in the frame table make an empty table known without looking at it. A table is taken before a step begins (reserve) and given
 * back after the step's translations are forgotten (gather), because a processor may keep the upper levels of a walk too.
 *
 * 1. A table below the root is never empty, except inside a step: so an absent entry above means that no page below is mapped.
 * 2. frame_info.count of a table = present entries of its user part; frame_info.cookie: walk.h.
 * 3. Blocks and tables in the gather's chains have a count of zero and no entry that names them.
 * 4. A table in reserve is zero; one in a chain is zero, or marked FRAME_DIRTY. */
#include "walk.h"

#include <assert.h>

#include "counter.h"

/* --- Walks --- */

void walk_begin(struct walk *walk, struct space *space, uint64_t address)
{
    constexpr unsigned level = PTE_LEVELS - 1;
    walk->space = space;
    walk->address = address;
    walk->tables[level] = space->root;
    walk_down(walk, walk_table_entry(space->root, address, level), level);
}

[[gnu::noinline, clang::minsize]] unsigned entries_within(uint64_t one, uint64_t other, unsigned level, uint64_t count_pages)
{
    uint64_t left = least(walk_pages_left(one, level + 1), walk_pages_left(other, level + 1));
    return (unsigned)least(least(left, count_pages) / walk_pages_of(level), STEP_PAGES);
}

[[gnu::noinline, clang::minsize]] bool walk_to_room(struct walk *walk, struct space *space, uint64_t address, unsigned level, unsigned count)
{
    walk_begin(walk, space, address);
    if (walk->level != level || count == 1) return walk->level >= level && !pte_is_present(*walk->entry);
    return !pte_is_present(entries_common(walk->entry, count).any);
}

[[gnu::noinline, clang::minsize]] unsigned level_fit(uint64_t numbers, uint64_t count_pages, unsigned highest)
{
    unsigned level = highest;
    while ((numbers & (walk_pages_of(level) - 1)) != 0 || count_pages < walk_pages_of(level)) level--;
    return level;
}

/* --- Tables in reserve --- */

static struct {
    unsigned count;
    frame_t tables[RESERVE_LIMIT];
} reserve;

[[clang::minsize]] enum status reserve_fill(unsigned count)
{
    assert(count <= RESERVE_LIMIT && reserve.count == 0);
    enum status status = count == 0 ? STATUS_OK : frame_allocate_tables(reserve.tables, count);
    if (status == STATUS_OK) reserve.count = count;
    return status;
}

[[clang::minsize]] enum status reserve_unzeroed(void)
{
    assert(reserve.count == 0);
    enum status status = frame_allocate_unzeroed_table(reserve.tables);
    if (status == STATUS_OK) reserve.count = 1;
    return status;
}

void reserve_page(frame_t page)
{
    assert(reserve.count == 0);
    reserve.tables[0] = page;
    reserve.count = 1;
}

[[clang::minsize]] void reserve_empty(void)
{
    while (reserve.count > 0)
        frame_free_zeroed(reserve.tables[--reserve.count], FRAME_KIND_TABLE);
}

pte_t *reserve_entries(void)
{
    assert(reserve.count > 0);
    return arch_frame_pointer(reserve.tables[reserve.count - 1]);
}

/* Puts the next table of the reserve in place of the entry where the walk stands, and walks down to it. */
static struct frame_info *walk_descend(struct walk *walk)
{
    assert(reserve.count > 0);
    frame_t table = reserve.tables[--reserve.count];
    *walk->entry = pte_make_table(table, walk->level);
    if (walk->level == TOTALS_LEVEL) walk_total(walk, TOTALS_TABLE);
    walk->space->count_tables++;
    walk->level--;
    walk->tables[walk->level] = table;
    walk->entry = walk_table_entry(table, walk->address, walk->level);
    counter_add(COUNTER_TABLES_ALLOCATED, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return table_row(table);
}

[[clang::minsize]] void walk_grow(struct walk *walk, unsigned level)
{
    while (walk->level > level) {
        assert(!pte_is_present(*walk->entry));
        table_row(walk->tables[walk->level])->count++;
        walk_descend(walk);
    }
}

[[clang::minsize]] bool walk_can_split(const struct walk *walk, unsigned level, unsigned also)
{
    unsigned more = also;
    for (unsigned at = walk->level; at > level; at--) more += pte_entries(at - 1) - 1;
    return more <= (unsigned)FRAME_COUNT_LIMIT - frame_find(pte_frame(*walk->entry))->count;
}

/* The block of a leaf of `level` that becomes smaller ones counts each of them. A block that space_fill took for this leaf alone becomes single frames,
 * so that each goes back with its own page. */
[[clang::minsize]] static void block_split(frame_t first, unsigned level)
{
    struct frame_info *info = frame_find(first);
    if (level == 1 && frame_order(info) == pte_shift(1) - PAGE_SHIFT && info->count == 1 && (info->flags & FRAME_FILLED))
        block_rows_fill(first.number, pte_entries(0), (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 });
    else info->count = (uint16_t)(info->count + pte_entries(level - 1) - 1);
}

/* The upper table keeps its count: one entry stands where one stood. */
[[clang::minsize]] void walk_split(struct walk *walk, unsigned level)
{
    while (walk->level > level) {
        assert(pte_is_large(*walk->entry, walk->level));
        unsigned lower = walk->level - 1, count = pte_entries(lower);
        pte_t piece = pte_split(*walk->entry, walk->level);
        block_split(pte_frame(piece), walk->level);
        entries_fill(reserve_entries(), count, piece, pte_next(0, lower));
        struct frame_info *row = walk_descend(walk);
        row->count = (uint16_t)count;
        if (lower == TOTALS_LEVEL) row->cookie = (uint32_t)walk_pages_of(lower + 1);
        counter_add(COUNTER_ENTRIES_WRITTEN, count);
    }
}

[[gnu::noinline, clang::minsize]] void walk_count_pages(const struct walk *walk, uint64_t change)
{
    walk->space->count_mapped += change;
    walk_total(walk, (uint32_t)change);
}

void walk_add(const struct walk *walk, unsigned count)
{
    struct frame_info *table = table_row(walk->tables[walk->level]);
    table->count = (uint16_t)(table->count + count);
    walk_count_pages(walk, count * walk_pages_of(walk->level));
    counter_add(COUNTER_ENTRIES_WRITTEN, count);
}

/* --- Going over a span --- */

/* The part that begins where the one before ended: a hole, a large leaf or what fits of it, or entries of a lowest table. */
static void part_find(struct visit *visit, struct space *space)
{
    struct walk *walk = &visit->walk;
    uint64_t address = visit->span.first.address + (visit->done << PAGE_SHIFT), left = visit->span.count_pages - visit->done;
    walk_begin(walk, space, address);
    unsigned level = walk->level;
    visit->is_hole = level != 0 && !pte_is_memory(*walk->entry);
    if (level != 0 && !visit->is_hole) level = level_fit(address >> PAGE_SHIFT, left, level);
    uint64_t pages = least(left, walk_pages_left(address, level != 0 ? level : 1));
    if (level == 0) pages = least(pages, visit->budget);
    visit->level = level;
    visit->count_pages = pages;
    visit->count = level == 0 ? (unsigned)pages : 1;
    visit->cost = level == 0 ? (unsigned)pages : HOLE_COST;
}

/* No pointers to functions: the depth of the stack is read from the calls in the listing. */
[[gnu::noinline, clang::minsize]] static enum status part_do(struct visit *visit)
{
    switch (visit->deed) {
    case UNMAP: return part_unmap(visit);
    case PROTECT: return part_protect(visit);
    case COUNT: return part_count(visit);
    case HARVEST: return part_harvest(visit);
    case SHARE:
    case MOVE: return part_transfer(visit);
    case DEVICE: return part_device(visit);
    }
    unreachable();
}

[[gnu::noinline, clang::minsize]] enum status visit_all(struct visit *visit, struct space *space, struct user_span span, uint64_t *done, uint64_t *changed)
{
    enum status status;
    visit->span = span;
    visit->budget = STEP_PAGES;
    visit->done = visit->changed = visit->freed = 0;
    do {
        part_find(visit, space);
        status = part_do(visit);
        if (status != STATUS_OK) break;
        visit->done += visit->count_pages;
        visit->budget -= visit->cost < visit->budget ? visit->cost : visit->budget;
    } while (visit->done < span.count_pages && visit->budget != 0);
    visit->freed += gather_end(space);
    if (visit->done == 0) return status; /* what stopped a step that had begun is met again, and told, by the next one */
    *done = visit->done;
    *changed = visit->changed;
    return visit->done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}

[[clang::minsize]] enum status visit_split_leaf(struct visit *visit)
{
    struct walk *walk = &visit->walk;
    if (!walk_can_split(walk, visit->level, 0)) return STATUS_TOO_MANY_MAPPINGS;
    enum status status = reserve_fill(walk->level - visit->level);
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    walk_split(walk, visit->level);
    return STATUS_OK;
}

/* --- What waits for the end of a step --- */

/* All zero between steps. */
static struct {
    unsigned count_pages; /* changed entries, also those beyond pages[] */
    uint32_t frames;      /* chains through frame_info.cookie, ended by 0, which is a frame that is never given: heads of blocks */
    uint32_t tables;
    user_page_t pages[INVALIDATE_LIMIT];
} gather;

[[gnu::noinline, clang::preserve_most]] void gather_page(uint64_t address)
{
    if (gather.count_pages < INVALIDATE_LIMIT) gather.pages[gather.count_pages] = (user_page_t){ address };
    gather.count_pages++;
}

void gather_many(void)
{
    gather.count_pages = INVALIDATE_LIMIT + 1;
}

void gather_block(uint32_t head)
{
    frame_table[head].cookie = gather.frames;
    gather.frames = head;
}

[[clang::minsize]] void walk_release(const struct walk *walk, unsigned count)
{
    for (unsigned level = walk->level;; level++, count = 1) {
        frame_t table = walk->tables[level];
        struct frame_info *info = table_row(table);
        assert(info->kind == FRAME_KIND_TABLE && info->count >= count);
        info->count = (uint16_t)(info->count - count);
        if (info->count != 0 || level == PTE_LEVELS - 1) return;
        assert(info->cookie == 0);
        info->cookie = gather.tables;
        gather.tables = table.number;
        walk->space->count_tables--;
        if (HAS_TOTALS && level + 1 == TOTALS_LEVEL) table_row(walk->tables[TOTALS_LEVEL])->cookie -= TOTALS_TABLE;
        *walk_table_entry(walk->tables[level + 1], walk->address, level + 1) = 0;
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    }
}

[[gnu::noinline, clang::minsize]] void walk_remove(const struct walk *walk, unsigned count)
{
    walk_count_pages(walk, -(count * walk_pages_of(walk->level)));
    counter_add(COUNTER_ENTRIES_WRITTEN, count);
    walk_release(walk, count);
}

static void translations_forget(const struct space *space)
{
    unsigned count = gather.count_pages;
    gather.count_pages = 0;
    if (count == 0 || !arch_space_is_active(space)) return;
    if (count > INVALIDATE_LIMIT) {
        counter_add(COUNTER_FLUSHES, 1);
        arch_tlb_flush();
        return;
    }
    counter_add(COUNTER_INVALIDATIONS, count);
    while (count-- != 0) arch_tlb_invalidate(gather.pages[count]);
}

[[clang::minsize]] uint64_t gather_end(const struct space *space)
{
    assert(gather.count_pages != 0 || (gather.frames == 0 && gather.tables == 0));
    translations_forget(space);
    uint64_t freed = 0;
    while (gather.frames != 0) {
        frame_t frame = { gather.frames };
        struct frame_info *info = &frame_table[frame.number];
        unsigned order = frame_order(info);
        gather.frames = info->cookie;
        frame_release(frame, order, FRAME_KIND_USER);
        freed += (uint64_t)1 << order;
    }
    while (gather.tables != 0) {
        frame_t table = { gather.tables };
        struct frame_info *row = table_row(table);
        gather.tables = row->cookie;
        if (row->flags & FRAME_DIRTY) frame_release(table, 0, FRAME_KIND_TABLE);
        else frame_free_zeroed(table, FRAME_KIND_TABLE);
        counter_add(COUNTER_TABLES_FREED, 1);
    }
    return freed;
}
