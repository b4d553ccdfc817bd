/* Large leaves in spaces: where fill and map make them, what the count of a block allows, cleaning, and harvest of what the processor noted. */
#include "space_fixture.h"

TestSuite(space_large, .init = begin, .fini = end);

/* --- Large leaves --- */

Test(space_large, large_leaf_where_everything_is_aligned)
{
    if (FORMAT_TABLE_PAGES != 512) cr_skip_test("the counts are those of tables with 512 entries");
    frame_t block = take(10);
    count_begin();
    map(MIDDLE, 512, block, ATTRIBUTE_WRITE);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT - 1);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), BELOW_ROOT);
    map(MIDDLE + ((uint64_t)2 << 20), 512, (frame_t){ block.number + 1 }, ATTRIBUTE_WRITE);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT, "frames not aligned: a table of small leaves");
    map(MIDDLE + ((uint64_t)4 << 20), 512, (frame_t){ block.number + 256 }, ATTRIBUTE_WRITE);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT + 1);
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(MIDDLE + 300 * PAGE_BYTES), &translation), STATUS_OK);
    cr_assert_eq(translation.page_bytes, (uint64_t)2 << 20);
    cr_assert_eq(translation.frame.number, block.number + 300);
    cr_assert_eq(frame_find(translation.frame)->count, 1 + 512 + 512, "a large leaf counts once");
    uint64_t done;
    cr_assert_eq(space_map(space, span_of(MIDDLE, 512), block, ATTRIBUTE_WRITE, &done), STATUS_ALREADY_MAPPED);
    cr_assert_eq(space_map(space, span_of(MIDDLE + 511 * PAGE_BYTES, 1), block, ATTRIBUTE_WRITE, &done), STATUS_ALREADY_MAPPED);
    cr_assert_eq(space_map_page(space, page_of(MIDDLE + PAGE_BYTES), block, ATTRIBUTE_WRITE), STATUS_ALREADY_MAPPED);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    cr_assert_eq(unmap(MIDDLE, 512, UNMAP_FREE).freed_frames, 0, "the block is mapped in other places too");
    cr_assert_eq(unmap(MIDDLE + ((uint64_t)2 << 20), 512, UNMAP_FREE).freed_frames, 0);
    cr_assert_eq(unmap(MIDDLE + ((uint64_t)4 << 20), 512, UNMAP_FREE).freed_frames, 1024, "all of it goes with its last mapping");
}

Test(space_large, part_of_a_large_leaf)
{
    host_activate(space->root);
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    host_load(MIDDLE + 7 * PAGE_BYTES);
    host_load(MIDDLE + 100 * PAGE_BYTES);
    count_begin();
    cr_assert_eq(unmap(MIDDLE + 7 * PAGE_BYTES, 1, UNMAP_FREE).freed_frames, 0, "a block goes as a whole");
    cr_assert_eq(frame_find(block)->count, FORMAT_TABLE_PAGES - 1);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), 1);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), FORMAT_TABLE_PAGES + 1 + 1);
    cr_assert_null(host_load(MIDDLE + 7 * PAGE_BYTES));
    cr_assert_eq(host_load(MIDDLE + 100 * PAGE_BYTES), arch_frame_pointer((frame_t){ block.number + 100 }));
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(MIDDLE + 100 * PAGE_BYTES), &translation), STATUS_OK);
    cr_assert_eq(translation.page_bytes, PAGE_BYTES);
    uint32_t attributes = translation.attributes & ~(uint32_t)ATTRIBUTE_DIRTY;
    cr_assert_eq(attributes, ATTRIBUTE_WRITE | ATTRIBUTE_ACCESSED, "what was noted of the large leaf holds for each piece");
}

Test(space_large, protecting_a_large_leaf)
{
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    uint64_t done, changed;
    count_begin();
    cr_assert_eq(space_protect(space, span_of(MIDDLE + 5 * PAGE_BYTES, 1), ATTRIBUTE_WRITE, &done, &changed), STATUS_OK);
    cr_assert(changed == 0 && count_of(COUNTER_ENTRIES_WRITTEN) == 0, "nothing differs: nothing is split");
    cr_assert_eq(space_protect(space, span_of(MIDDLE, FORMAT_TABLE_PAGES), ATTRIBUTE_READ, &done, &changed), STATUS_OK);
    cr_assert(changed == FORMAT_TABLE_PAGES && count_of(COUNTER_ENTRIES_WRITTEN) == 1, "a whole one changes in place");
    cr_assert_eq(space_protect(space, span_of(MIDDLE + 5 * PAGE_BYTES, 3), ATTRIBUTE_EXECUTE, &done, &changed), STATUS_OK);
    cr_assert(changed == 3 && count_of(COUNTER_TABLES_ALLOCATED) == 1);
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i++) {
        struct translation translation;
        cr_assert_eq(space_query(space, page_of(MIDDLE + i * PAGE_BYTES), &translation), STATUS_OK);
        cr_assert_eq(translation.attributes, i >= 5 && i < 8 ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ);
    }
}

Test(space_large, leaf_of_a_gigabyte)
{
    if (PTE_LEAF_LEVELS < 3) cr_skip_test("this format has no leaves above the second level");
    host_initialise_frames((uint64_t)3 << 30, 16);
    cr_assert_eq(space_create(&space), STATUS_OK);
    frame_t block = take(18);
    uint32_t count = 1u << 18;
    count_begin();
    map(MIDDLE, count, block, ATTRIBUTE_WRITE);
    cr_assert(count_of(COUNTER_ENTRIES_WRITTEN) == 2 && count_of(COUNTER_TABLES_ALLOCATED) == 1, "one leaf, and the table that it is in");
    cr_assert_eq(frame_find((frame_t){ block.number + 12345 })->count, 1);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());

    count_begin();
    cr_assert_eq(unmap(MIDDLE + 1000 * PAGE_BYTES, 100, UNMAP_KEEP).unmapped_pages, 100);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), 3, "one directory, two tables: the range passes the end of one");
    cr_assert_eq(unmap(MIDDLE + 2048 * PAGE_BYTES, 512, UNMAP_KEEP).unmapped_pages, 512);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), 3, "a whole piece needs no table");
    cr_assert_eq(space->count_mapped, count - 612);
    cr_assert_eq(frame_find(block)->count, 512 - 3 + 1024 - 100, "large leaves that are left, and small ones");
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(MIDDLE + 999 * PAGE_BYTES), &translation), STATUS_OK);
    cr_assert_eq(translation.frame.number, block.number + 999);
    cr_assert_eq(space_query(space, page_of(MIDDLE + 1100 * PAGE_BYTES), &translation), STATUS_OK);
    cr_assert_eq(translation.frame.number, block.number + 1100);
    cr_assert_eq(space_query(space, page_of(MIDDLE + 3000 * PAGE_BYTES), &translation), STATUS_OK);
    cr_assert(translation.frame.number == block.number + 3000 && translation.page_bytes == (uint64_t)2 << 20);
}

/* --- Large leaves of a fill --- */

static uint64_t page_bytes_at(uint64_t address)
{
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(address), &translation), STATUS_OK);
    return translation.page_bytes;
}

Test(space_large, fill_uses_large_leaves_where_they_fit)
{
    if (!FORMAT_FILL_MAKES_LARGE) cr_skip_test("a large leaf of this format is too long to be zeroed in one go");
    constexpr uint64_t large = (uint64_t)2 << 20;
    uint64_t free = frame_count_free();
    fill_all(space, MIDDLE - 100 * PAGE_BYTES, 100 + 2 * 512 + 7);
    cr_assert_eq(page_bytes_at(MIDDLE - PAGE_BYTES), PAGE_BYTES);
    cr_assert(page_bytes_at(MIDDLE) == large && page_bytes_at(MIDDLE + large) == large);
    cr_assert_eq(page_bytes_at(MIDDLE + 2 * large), PAGE_BYTES);
    cr_assert_eq(frame_count_free(), free - (100 + 2 * 512 + 7) - space->count_tables);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    /* Each page of it goes back by itself. */
    cr_assert_eq(unmap(MIDDLE + 9 * PAGE_BYTES, 3, UNMAP_FREE).freed_frames, 3);
    cr_assert_eq(page_bytes_at(MIDDLE), PAGE_BYTES);
    cr_assert_eq(unmap(MIDDLE + large, 512, UNMAP_FREE).freed_frames, 512);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

Test(space_large, fill_falls_back_to_small_leaves)
{
    host_set_leaf_levels(1);
    fill_all(space, MIDDLE, 512);
    cr_assert_eq(page_bytes_at(MIDDLE), PAGE_BYTES, "the processor has no others");
    host_set_leaf_levels(2);
    while (true) { /* no block of 2 MiB is left, many frames are */
        frame_t block;
        if (frame_allocate(9, FRAME_KIND_USER, &block) != STATUS_OK) break;
        cr_assert_eq(frame_free((frame_t){ block.number + 5 }, 0, FRAME_KIND_USER), STATUS_OK);
        for (uint32_t i = 100; i < 512; i++) cr_assert_eq(frame_free((frame_t){ block.number + i }, 0, FRAME_KIND_USER), STATUS_OK);
    }
    fill_all(space, MIDDLE + ((uint64_t)2 << 20), 512);
    cr_assert_eq(page_bytes_at(MIDDLE + ((uint64_t)2 << 20)), PAGE_BYTES, "memory is in pieces");
}

Test(space_large, leaves_of_the_levels_that_the_processor_has)
{
    if (PTE_LEAF_LEVELS < 3) cr_skip_test("this format has no leaves above the second level");
    host_initialise_frames((uint64_t)3 << 30, 16);
    cr_assert_eq(space_create(&space), STATUS_OK);
    frame_t block = take(18);
    host_set_leaf_levels(2);
    uint64_t done;
    count_begin();
    cr_assert_eq(space_map(space, span_of(MIDDLE, 1u << 18), block, ATTRIBUTE_WRITE, &done), STATUS_OK);
    cr_assert(done == 1u << 18 && count_of(COUNTER_ENTRIES_WRITTEN) == 512 + 2, "512 leaves of 2 MiB are one step");
    cr_assert_eq(frame_find(block)->count, 512);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    /* At an address that is aligned to 2 MiB only: two tables of such leaves. */
    host_set_leaf_levels(3);
    uint64_t other = MIDDLE + ((uint64_t)5 << 30) + ((uint64_t)2 << 20);
    map(other, 1u << 18, block, ATTRIBUTE_READ);
    cr_assert_eq(page_bytes_at(other), (uint64_t)2 << 20);
    cr_assert_eq(frame_find(block)->count, 1024);
    /* By pages of 4 KiB it would pass what a count holds. */
    uint64_t small = MIDDLE + ((uint64_t)9 << 30), total = 0;
    enum status status = STATUS_AGAIN;
    for (; status == STATUS_AGAIN; total += done) {
        done = 0;
        frame_t first = { block.number + 1 + (uint32_t)total };
        status = space_map(space, span_of(small + (total << PAGE_SHIFT), (1u << 18) - 1 - total), first, ATTRIBUTE_READ, &done);
    }
    cr_assert_eq(status, STATUS_TOO_MANY_MAPPINGS);
    cr_assert_eq(total, (FRAME_COUNT_LIMIT - 1024) / STEP_PAGES * STEP_PAGES);
    cr_assert_eq(frame_find(block)->count, 1024 + total, "a step that is refused holds nothing");
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
}

Test(space_large, a_split_that_would_pass_the_count_is_refused)
{
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    frame_find(block)->count += FRAME_COUNT_LIMIT - (FORMAT_TABLE_PAGES - 1);
    struct unmap_result result;
    uint64_t done, changed;
    cr_assert_eq(space_unmap(space, span_of(MIDDLE, 1), UNMAP_KEEP, &result), STATUS_TOO_MANY_MAPPINGS);
    cr_assert_eq(space_protect(space, span_of(MIDDLE, 1), ATTRIBUTE_READ, &done, &changed), STATUS_TOO_MANY_MAPPINGS);
    frame_find(block)->count -= FRAME_COUNT_LIMIT - (FORMAT_TABLE_PAGES - 1);
    unmap(MIDDLE, 1, UNMAP_KEEP);
}

Test(space_large, a_large_dirty_block_waits_for_its_cleaning)
{
    frame_t block;
    cr_assert_eq(frame_allocate(10, FRAME_KIND_USER, &block), STATUS_OK);
    uint64_t done;
    cr_assert_eq(space_map(space, span_of(MIDDLE, 512), block, ATTRIBUTE_WRITE, &done), STATUS_BAD_STATE);
    cr_assert_eq(space_map(space, span_of(MIDDLE + PAGE_BYTES, 5), block, ATTRIBUTE_WRITE, &done), STATUS_BAD_STATE);
    cr_assert_eq(space_map_page(space, page_of(MIDDLE), block, ATTRIBUTE_WRITE), STATUS_BAD_STATE);
    cr_assert_eq(frame_clean_step(block, frame_find(block)), STATUS_AGAIN);
    cr_assert_eq(space_map_page(space, page_of(MIDDLE), block, ATTRIBUTE_WRITE), STATUS_BAD_STATE);
    cr_assert_eq(frame_clean_step(block, frame_find(block)), STATUS_OK);
    map(MIDDLE, 1024, block, ATTRIBUTE_WRITE);
    /* Smaller ones are zeroed on the way, at most so much in a step. */
    frame_t first = take(10);
    cr_assert_eq(frame_split(first, 9), STATUS_OK);
    frame_find(first)->flags |= FRAME_DIRTY;
    frame_find((frame_t){ first.number + 512 })->flags |= FRAME_DIRTY;
    count_begin();
    cr_assert_eq(space_map(space, span_of(MIDDLE + ((uint64_t)8 << 20), 1024), first, ATTRIBUTE_WRITE, &done), STATUS_AGAIN);
    cr_assert(done == 512 && count_of(COUNTER_FRAMES_ZEROED) <= 512 + 1);
}

/* --- Harvest --- */

Test(space_large, harvest_reads_and_clears)
{
    host_activate(space->root);
    uint64_t accessed = 1, dirty = 1;
    fill_all(space, MIDDLE - 8 * PAGE_BYTES, 40);
    unmap(MIDDLE + 3 * PAGE_BYTES, 1, UNMAP_FREE);
    const unsigned read[] = { 0, 7, 8, 20 };
    for (unsigned i = 0; i < 4; i++) cr_assert_not_null(host_load(MIDDLE - 8 * PAGE_BYTES + read[i] * PAGE_BYTES));
    count_begin();
    space_harvest(space, span_of(MIDDLE - 8 * PAGE_BYTES, 64), &accessed, &dirty);
    cr_assert(accessed == (1 << 0 | 1 << 7 | 1 << 8 | 1 << 20) && dirty == 0, "accessed %lx dirty %lx", accessed, dirty);
    cr_assert(count_of(COUNTER_INVALIDATIONS) == 4 && count_of(COUNTER_ENTRIES_WRITTEN) == 4);
    space_harvest(space, span_of(MIDDLE - 8 * PAGE_BYTES, 64), &accessed, &dirty);
    cr_assert(accessed == 0 && dirty == 0 && count_of(COUNTER_INVALIDATIONS) == 4, "what is not marked costs nothing");
    cr_assert_not_null(host_load(MIDDLE - PAGE_BYTES), "used again, and noted again");
    space_harvest(space, span_of(MIDDLE - PAGE_BYTES, 1), &accessed, &dirty);
    cr_assert_eq(accessed, 1);
}

Test(space_large, harvest_of_a_large_leaf)
{
    host_activate(space->root);
    map_large(MIDDLE, take(FORMAT_TABLE_ORDER), ATTRIBUTE_WRITE);
    uint64_t accessed, dirty;
    cr_assert_not_null(host_load(MIDDLE + 500 * PAGE_BYTES));
    space_harvest(space, span_of(MIDDLE - 10 * PAGE_BYTES, 64), &accessed, &dirty);
    cr_assert_eq(accessed, ~(uint64_t)0 << 10);
    space_harvest(space, span_of(MIDDLE, 64), &accessed, &dirty);
    cr_assert_eq(accessed, 0);
}
