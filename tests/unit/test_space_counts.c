/* What operations cost, in entries read and written, tables, flushes: counted, over each table format. */
#include "space_fixture.h"

constexpr unsigned PAGES = 512;

TestSuite(space_counts, .init = begin);

static uint64_t forgotten(void) { return count_of(COUNTER_FLUSHES) + count_of(COUNTER_INVALIDATIONS); }

/* A block that no large leaf fits: it begins one page behind its alignment. */
static frame_t crooked(void) { return (frame_t){ take(FORMAT_TABLE_ORDER + 1).number + 1 }; }

Test(space_counts, many_pages_are_one_walk_and_a_write_each)
{
    map(MIDDLE + PAGES * PAGE_BYTES, 1, take(0), ATTRIBUTE_WRITE); /* the tables are there */
    host_activate(space->root);
    frame_t first = crooked();
    count_begin();
    map(MIDDLE, PAGES, first, ATTRIBUTE_WRITE);
    unsigned tables = FORMAT_TABLE_PAGES == PAGES ? 1 : 0; /* 512 pages are a table of their own where tables have 512 entries */
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), PAGES + tables);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), tables);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), PAGES + PTE_LEVELS + 1, "each place is looked at once, and one walk leads there");
    cr_assert_eq(forgotten(), 0, "absent entries are remembered by nobody");
    uint64_t done, changed;
    count_begin();
    cr_assert_eq(space_protect(space, span_of(MIDDLE, PAGES), ATTRIBUTE_READ, &done, &changed), STATUS_OK);
    cr_assert(changed == PAGES && count_of(COUNTER_ENTRIES_WRITTEN) == PAGES && count_of(COUNTER_FLUSHES) == 1 && count_of(COUNTER_INVALIDATIONS) == 0);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), PAGES + PTE_LEVELS);
    count_begin();
    cr_assert_eq(unmap(MIDDLE, PAGES, UNMAP_KEEP).unmapped_pages, PAGES);
    cr_assert(count_of(COUNTER_ENTRIES_WRITTEN) == PAGES + tables && count_of(COUNTER_FLUSHES) == 1 && count_of(COUNTER_TABLES_FREED) == tables);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), PAGES + PTE_LEVELS);
    host_activate((frame_t){ 0 });
    end();
}

/* Growing and shrinking touch the difference alone, whatever else is there. */
Test(space_counts, only_the_difference_is_written)
{
    frame_t first = crooked();
    map(MIDDLE, 300, first, ATTRIBUTE_WRITE);
    for (unsigned pages = 1; pages < 100; pages += 7) {
        count_begin();
        map(MIDDLE + 300 * PAGE_BYTES, pages, (frame_t){ first.number + 300 }, ATTRIBUTE_WRITE);
        cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), pages);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), pages + 2 * PTE_LEVELS + 1, "a walk, and before it one for the short way of one page");
        count_begin();
        unmap(MIDDLE + 300 * PAGE_BYTES, pages, UNMAP_KEEP);
        cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), pages);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 2 * pages + 3 * PTE_LEVELS);
    }
    end();
}

/* The last pages take whole tables with them, known to be empty by their counts: no entry is read to find out. */
Test(space_counts, large_ranges_go_by_large_leaves_and_counts)
{
    constexpr unsigned leaves = 4;
    frame_t block = take(FORMAT_TABLE_ORDER + 2);
    host_activate(space->root);
    count_begin();
    map(MIDDLE, leaves * FORMAT_TABLE_PAGES, block, ATTRIBUTE_WRITE);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), leaves + BELOW_ROOT - 1);
    count_begin();
    cr_assert_eq(unmap(MIDDLE, leaves * FORMAT_TABLE_PAGES, UNMAP_KEEP).unmapped_pages, leaves * FORMAT_TABLE_PAGES);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), leaves + BELOW_ROOT - 1);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), leaves * PTE_LEVELS, "a walk for each leaf");
    cr_assert_eq(count_of(COUNTER_TABLES_FREED), BELOW_ROOT - 1);
    cr_assert_leq(count_of(COUNTER_FLUSHES) + (count_of(COUNTER_INVALIDATIONS) > 0), 1);
    host_activate((frame_t){ 0 });
    end();
}

/* A hole costs a walk for each table that is not there, not for each page. */
Test(space_counts, empty_ranges_are_skipped_a_table_at_a_time)
{
    uint64_t pages = (uint64_t)1 << (FORMAT_ROOT_SHIFT - PAGE_SHIFT); /* what an entry of the root stands for */
    struct unmap_result result;
    count_begin();
    cr_assert_eq(space_unmap(space, span_of((uint64_t)1 << FORMAT_ROOT_SHIFT, pages), UNMAP_FREE, &result), STATUS_OK);
    cr_assert_eq(result.done_pages, pages);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 8);
}

/* The tables of a page that has none yet, from the lowest up. */
static unsigned tables_above(uint64_t address, frame_t tables[PTE_LEVELS])
{
    frame_t table = space->root;
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        const pte_t *entries = arch_frame_pointer(table);
        table = pte_frame(entries[pte_index(address, level)]);
        tables[level - 1] = table;
    }
    return PTE_LEVELS - 1;
}

/* A page on each side of the place where every index changes: two steps, each with all tables below the root. */
static void map_over_the_edge(frame_t first, unsigned requests)
{
    for (uint32_t i = 0; i < 2; i++) {
        count_begin();
        map(FORMAT_EDGE + (i - UINT64_C(1)) * PAGE_BYTES, 1, (frame_t){ first.number + i }, ATTRIBUTE_WRITE);
        cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT);
        cr_assert_eq(count_of(COUNTER_FRAME_REQUESTS), requests);
    }
}

/* The tables of a step are one request, and lie in a row, whatever their number; what is left of an aligned block goes back. */
Test(space_counts, tables_of_a_step_come_in_one_request)
{
    frame_t first = take(1), tables[PTE_LEVELS];
    uint64_t free = frame_count_free();
    map_over_the_edge(first, 1);
    cr_assert_eq(frame_count_free(), free - 2 * BELOW_ROOT);
    for (unsigned side = 0; side < 2; side++) {
        unsigned count = tables_above(side == 0 ? FORMAT_EDGE - PAGE_BYTES : FORMAT_EDGE, tables);
        uint32_t low = UINT32_MAX, high = 0;
        for (unsigned i = 0; i < count; i++) {
            if (tables[i].number < low) low = tables[i].number;
            if (tables[i].number > high) high = tables[i].number;
        }
        cr_assert(count == BELOW_ROOT && high - low == count - 1, "%u tables in frames %u to %u", count, low, high);
    }
    end();
}

/* Where memory has no two free frames side by side they are taken one by one, after the request for a row. */
Test(space_counts, tables_come_one_by_one_where_memory_is_broken)
{
    static frame_t taken[MACHINE_BYTES >> PAGE_SHIFT];
    frame_t first = take(1);
    unsigned count = 0;
    while (frame_allocate(0, FRAME_KIND_KERNEL, &taken[count]) == STATUS_OK) count++;
    for (unsigned i = 0; i < count; i++)
        if (taken[i].number % 2 == 0) cr_assert_eq(frame_free(taken[i], 0, FRAME_KIND_KERNEL), STATUS_OK);
    map_over_the_edge(first, BELOW_ROOT == 1 ? 1 : 1 + BELOW_ROOT);
    unmap(FORMAT_EDGE - PAGE_BYTES, 2, UNMAP_KEEP);
    map_over_the_edge(first, 1);
    end();
}

/* Frames zeroed ahead come first: one request, and nothing is zeroed. */
Test(space_counts, tables_zeroed_ahead_are_not_zeroed_again)
{
    while (frame_prepare()) continue;
    frame_t first = take(1);
    map(0x100000, 2, first, ATTRIBUTE_READ);
    map_over_the_edge(first, 1);
    cr_assert_eq(count_of(COUNTER_FRAMES_ZEROED), 0);
    end();
}

/* A new space: two frames, nothing of anybody's user half, the kernel's half as everywhere. */
Test(space_counts, a_new_space_costs_two_frames)
{
    map(USER_FIRST, 1, take(0), ATTRIBUTE_WRITE);
    uint64_t free = frame_count_free();
    struct space *second;
    count_begin();
    cr_assert_eq(space_create(&second), STATUS_OK);
    cr_assert(frame_count_free() == free - 2 && count_of(COUNTER_TABLES_ALLOCATED) == 1);
    const pte_t *ours = arch_frame_pointer(second->root), *theirs = arch_frame_pointer(space->root);
    for (unsigned i = 0; i < pte_entries(PTE_LEVELS - 1); i++) {
        if (i < PTE_ROOT_USER_ENTRIES) cr_assert_eq(ours[i], 0);
        else cr_assert(ours[i] == theirs[i] && (ours[i] & PTE_USER) == 0);
    }
    cr_assert_eq(space_destroy(second), STATUS_OK);
    cr_assert_eq(frame_count_free(), free);
    end();
}

/* The walk as a call of its own: looking never makes a table, mapping makes the missing ones alone, and once. */
Test(space_counts, looking_changes_nothing_mapping_adds_what_is_missing)
{
    for (unsigned below = BELOW_ROOT; below > 0; below--) {
        uint64_t address = MIDDLE + ((uint64_t)1 << pte_shift(below)); /* shares the tables above `below` with the last one */
        uint64_t free = frame_count_free();
        unsigned level;
        count_begin();
        (void)space_locate(space, page_of(address), &level);
        cr_assert_eq(count_of(COUNTER_ENTRIES_READ), PTE_LEVELS - level);
        cr_assert(count_of(COUNTER_ENTRIES_WRITTEN) == 0 && frame_count_free() == free && level <= BELOW_ROOT);
        frame_t frame = take(0);
        count_begin();
        map(address, 1, frame, ATTRIBUTE_WRITE);
        cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), level, "as many tables as are missing below the one where the walk ended");
        cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), level + 1);
        count_begin();
        map(address + PAGE_BYTES, 1, frame, ATTRIBUTE_WRITE);
        cr_assert(count_of(COUNTER_TABLES_ALLOCATED) == 0 && count_of(COUNTER_ENTRIES_WRITTEN) == 1);
        end();
    }
}

static uint64_t counted_pages(uint64_t address, uint64_t pages)
{
    uint64_t all = 0;
    for (uint64_t done = 0; done < pages;) {
        uint64_t done_now = 0, mapped = 0;
        enum status status = space_count(space, span_of(address + done * PAGE_BYTES, pages - done), &done_now, &mapped);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        cr_assert((status == STATUS_OK) == (done + done_now == pages) && done_now > 0);
        done += done_now;
        all += mapped;
    }
    return all;
}

/* A table that is whole in the range is one look, whatever is in it; nothing is written or forgotten for it. */
Test(space_counts, counting_looks_at_tables)
{
    constexpr unsigned tables = 40;
    host_activate(space->root);
    for (unsigned i = 0; i < tables; i++) map(MIDDLE + i * FORMAT_TABLE_BYTES + i * PAGE_BYTES, 1 + i % 3, take(2), ATTRIBUTE_WRITE);
    unsigned sum = 0;
    for (unsigned i = 0; i < tables; i++) sum += 1 + i % 3;
    count_begin();
    cr_assert_eq(counted_pages(MIDDLE, tables * FORMAT_TABLE_PAGES), sum);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), (tables + 4) * PTE_LEVELS);
    cr_assert_eq(counted_pages(MIDDLE + PAGE_BYTES, tables * FORMAT_TABLE_PAGES - 1), sum - 1);
    cr_assert_eq(counted_pages(MIDDLE + 5 * FORMAT_TABLE_BYTES + 6 * PAGE_BYTES, 1), 1);
    cr_assert_eq(counted_pages(MIDDLE + 5 * FORMAT_TABLE_BYTES + 8 * PAGE_BYTES, 100), 0);
    cr_assert(count_of(COUNTER_ENTRIES_WRITTEN) == 0 && forgotten() == 0 && count_of(COUNTER_TABLES_ALLOCATED) == 0);
    host_activate((frame_t){ 0 });
    end();
}

/* And where tables know what lies below them, all of that is one look: large leaves, holes and pages alike. */
Test(space_counts, counting_looks_at_totals)
{
    if (PTE_LEVELS < 4) return; /* the format keeps no totals: the root is the table above */
    constexpr uint64_t whole = (uint64_t)1 << 30;
    uint64_t first = (MIDDLE + 2 * whole) & ~(whole - 1);
    frame_t block = take(FORMAT_TABLE_ORDER + 1);
    map(first + 5 * FORMAT_TABLE_BYTES, FORMAT_TABLE_PAGES, block, ATTRIBUTE_WRITE);
    for (unsigned i = 8; i < 200; i++) map(first + i * FORMAT_TABLE_BYTES, 1, take(0), ATTRIBUTE_WRITE);
    map(first + whole, 1, take(0), ATTRIBUTE_WRITE);
    map(first - PAGE_BYTES, 1, take(0), ATTRIBUTE_WRITE);
    uint64_t there = FORMAT_TABLE_PAGES + 192;
    count_begin();
    cr_assert_eq(counted_pages(first, whole >> PAGE_SHIFT), there);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), PTE_LEVELS);
    count_begin();
    cr_assert_eq(counted_pages(first - PAGE_BYTES, (3 * whole >> PAGE_SHIFT) + 2), there + 2);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 6 * PTE_LEVELS + 2);
    cr_assert_eq(counted_pages(first + 5 * FORMAT_TABLE_BYTES + 7 * PAGE_BYTES, 100), 100, "a part of a large leaf");
    cr_assert_eq(counted_pages(first + PAGE_BYTES, whole >> PAGE_SHIFT), there + 1);
    end();
}
