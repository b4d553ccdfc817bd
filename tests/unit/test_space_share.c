/* Sharing and copying: the same frames at two places, their counts, what a lazy copy takes from the source, large leaves, refusals, steps; over each table
 * format. */
#include "space_fixture.h"

constexpr uint64_t OTHER = FORMAT_EDGE + 16 * FORMAT_TABLE_BYTES;

static struct space *child;

static void begin_two(void)
{
    begin();
    cr_assert_eq(space_create(&child), STATUS_OK);
}

TestSuite(space_share, .init = begin_two, .fini = end);

static void fill(uint64_t address, uint64_t count_pages)
{
    for (uint64_t total = 0, done; total < count_pages; total += done) {
        enum status status = space_fill(space, span_of(address + total * PAGE_BYTES, count_pages - total), ATTRIBUTE_WRITE, &done);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
    }
}

/* Shares all of a range; returns the pages. */
static uint64_t share(uint64_t from, uint64_t to, uint64_t count_pages, uint32_t attributes)
{
    uint64_t total = 0, pages = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN;) {
        uint64_t done = 0, shared = 0;
        struct user_span span = span_of(from + total * PAGE_BYTES, count_pages - total);
        status = space_share(space, span, child, page_of(to + total * PAGE_BYTES), attributes, &done, &shared);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN, "%s", status_name(status));
        cr_assert(done > 0 && shared <= done);
        cr_assert_null(host_tlb_stale());
        total += done;
        pages += shared;
    }
    cr_assert_eq(total, count_pages);
    return pages;
}

static struct translation at(struct space *where, uint64_t address)
{
    struct translation translation = { 0 };
    cr_assert_eq(space_query(where, page_of(address), &translation), STATUS_OK);
    translation.attributes &= ATTRIBUTES_ALL;
    return translation;
}

static void *bytes_of(struct space *where, uint64_t address) { return arch_frame_pointer(at(where, address).frame); }

Test(space_share, the_same_frames_and_one_leaf_more)
{
    fill(MIDDLE, 3);
    fill(MIDDLE + 5 * PAGE_BYTES, 2);
    uint64_t tables = space->count_tables;
    count_begin();
    cr_assert_eq(share(MIDDLE, OTHER, 9, ATTRIBUTE_WRITE), 5, "holes are skipped");
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), child->count_tables);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 5 + child->count_tables);
    cr_assert(child->count_mapped == 5 && space->count_mapped == 5 && space->count_tables == tables);
    for (uint64_t i = 0; i < 9; i++) {
        struct host_translation found;
        bool is_there = i < 3 || i == 5 || i == 6;
        cr_assert_eq(host_walk(child->root, OTHER + i * PAGE_BYTES, &found), is_there);
        if (!is_there) continue;
        cr_assert_eq(found.frame.number, at(space, MIDDLE + i * PAGE_BYTES).frame.number);
        cr_assert_eq(frame_find(found.frame)->count, 2);
        cr_assert_eq(at(child, OTHER + i * PAGE_BYTES).attributes, ATTRIBUTE_WRITE);
    }
    uint64_t free = frame_count_free();
    cr_assert_eq(unmap(MIDDLE, 9, UNMAP_FREE).freed_frames, 0, "the other one has them");
    while (space_destroy(child) == STATUS_AGAIN) continue;
    cr_assert_eq(frame_count_free(), free + tables + 5 + BELOW_ROOT + 2, "a frame goes with its last leaf");
}

/* What an entry has not, the other place does not get; what is not asked for neither. */
Test(space_share, attributes_only_shrink)
{
    static const uint32_t all[] = { 0, ATTRIBUTE_WRITE, ATTRIBUTE_EXECUTE, ATTRIBUTES_ALL };
    for (uint64_t i = 0; i < 4; i++) map(MIDDLE + i * PAGE_BYTES, 1, take(0), all[i]);
    for (uint64_t asked = 0; asked <= ATTRIBUTES_ALL; asked++) {
        if (attributes_check(asked) != STATUS_OK) continue;
        uint64_t to = OTHER + asked * 8 * PAGE_BYTES;
        cr_assert_eq(share(MIDDLE, to, 4, (uint32_t)asked), 4);
        for (uint64_t i = 0; i < 4; i++) {
            uint32_t expected = all[i] & (uint32_t)asked;
            if ((expected & (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE)) != (ATTRIBUTE_WRITE | ATTRIBUTE_EXECUTE)) expected &= ~(uint32_t)ATTRIBUTE_WRITE_EXECUTE;
            cr_assert_eq(at(child, to + i * PAGE_BYTES).attributes, expected, "asked %lu of %u", asked, all[i]);
            cr_assert_eq(at(space, MIDDLE + i * PAGE_BYTES).attributes, all[i]);
        }
    }
}

/* The source loses WRITE, and nobody remembers that it had it: by single pages where they are few, by one flush where they are many. */
Test(space_share, a_lazy_copy_takes_write_away)
{
    static const uint64_t counts[] = { 1, 32, 33, 300 };
    host_activate(space->root);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t address = MIDDLE + i * 2 * FORMAT_TABLE_BYTES, count = counts[i];
        fill(address, count);
        map(address + count * PAGE_BYTES, 1, take(0), ATTRIBUTES_ALL);
        map(address + (count + 1) * PAGE_BYTES, 1, take(0), ATTRIBUTE_READ);
        for (uint64_t page = 0; page < count; page++) cr_assert_not_null(host_load(address + page * PAGE_BYTES));
        count_begin();
        cr_assert_eq(share(address, address, count + 2, ATTRIBUTE_EXECUTE | SHARE_COPY), count + 2);
        bool is_flush = count + 1 > 32;
        cr_assert(count_of(COUNTER_FLUSHES) == is_flush && count_of(COUNTER_INVALIDATIONS) == (is_flush ? 0 : count + 1));
        for (uint64_t page = 0; page < count + 2; page++) {
            uint32_t expected = page == count ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ;
            cr_assert_eq(at(space, address + page * PAGE_BYTES).attributes, expected);
            cr_assert_eq(at(child, address + page * PAGE_BYTES).attributes, expected);
        }
        count_begin();
        struct unmap_result result;
        uint64_t done, shared;
        cr_assert_eq(space_unmap(child, span_of(address, count), UNMAP_FREE, &result), STATUS_OK);
        cr_assert_eq(space_share(space, span_of(address, count), child, page_of(address), SHARE_COPY, &done, &shared), STATUS_OK);
        cr_assert_eq(count_of(COUNTER_FLUSHES) + count_of(COUNTER_INVALIDATIONS), 0, "nothing of the source changes the second time");
    }
}

/* --- Writing to a lazy copy --- */

Test(space_share, the_first_who_writes_copies_and_the_last_has_it)
{
    fill(MIDDLE, 2);
    memset(bytes_of(space, MIDDLE), 7, PAGE_BYTES);
    share(MIDDLE, MIDDLE, 2, SHARE_COPY);
    frame_t old = at(space, MIDDLE).frame;
    uint64_t free = frame_count_free(), zeroed = counters[COUNTER_FRAMES_ZEROED];
    host_activate(space->root);
    cr_assert_not_null(host_load(MIDDLE));
    cr_assert_eq(space_copy_page(space, page_of(MIDDLE), ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_null(host_tlb_stale());
    struct translation mine = at(space, MIDDLE);
    cr_assert(mine.frame.number != old.number && mine.attributes == ATTRIBUTE_WRITE);
    cr_assert(frame_count_free() == free - 1 && frame_find(old)->count == 1 && frame_find(mine.frame)->count == 1);
    cr_assert_eq(counters[COUNTER_FRAMES_ZEROED], zeroed, "what is overwritten is not zeroed");
    unsigned char *bytes = bytes_of(space, MIDDLE);
    for (unsigned i = 0; i < PAGE_BYTES; i++) cr_assert_eq(bytes[i], 7);
    memset(bytes, 9, PAGE_BYTES);
    cr_assert_eq(*(unsigned char *)bytes_of(child, MIDDLE), 7);
    cr_assert_eq(space_copy_page(child, page_of(MIDDLE), ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_eq(at(child, MIDDLE).frame.number, old.number, "who is left with it has no need of a copy");
    cr_assert(at(child, MIDDLE).attributes == ATTRIBUTE_WRITE && frame_count_free() == free - 1);
    cr_assert_eq(at(space, MIDDLE + PAGE_BYTES).attributes, ATTRIBUTE_READ, "the other page as before");
    cr_assert(space->count_mapped == 2 && child->count_mapped == 2);
}

Test(space_share, a_copy_of_what_is_not_there)
{
    fill(MIDDLE, 1);
    cr_assert_eq(space_copy_page(space, page_of(OTHER), ATTRIBUTE_WRITE), STATUS_NOT_MAPPED);
    cr_assert_eq(space_copy_page(space, page_of(MIDDLE + PAGE_BYTES), ATTRIBUTE_WRITE), STATUS_NOT_MAPPED);
    cr_assert_eq(space->count_mapped, 1);
}

/* --- Large leaves --- */

/* A block with a name stays one leaf at both places, and goes with the last of them. */
Test(space_share, a_large_leaf_of_a_named_block_stays_one)
{
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    count_begin();
    cr_assert_eq(share(MIDDLE, OTHER, FORMAT_TABLE_PAGES, ATTRIBUTE_WRITE | ATTRIBUTE_WRITE_EXECUTE), FORMAT_TABLE_PAGES);
    cr_assert(at(child, OTHER + 5 * PAGE_BYTES).page_bytes == FORMAT_TABLE_BYTES && frame_find(block)->count == 2);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 1 + child->count_tables);
    cr_assert_eq(unmap(MIDDLE + 3 * PAGE_BYTES, 1, UNMAP_FREE).freed_frames, 0);
    cr_assert_eq(frame_find(block)->count, FORMAT_TABLE_PAGES, "the split one's pages and the other leaf");
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i += 256) cr_assert_eq(unmap(MIDDLE + i * PAGE_BYTES, 256, UNMAP_FREE).freed_frames, 0);
    uint64_t free = frame_count_free();
    struct unmap_result result;
    cr_assert_eq(space_unmap(child, span_of(OTHER, FORMAT_TABLE_PAGES), UNMAP_FREE, &result), STATUS_OK);
    cr_assert(result.freed_frames == FORMAT_TABLE_PAGES && frame_count_free() == free + FORMAT_TABLE_PAGES + BELOW_ROOT - 1);
}

/* Elsewhere in a table, or less of it than all: pages, whatever they are of. */
Test(space_share, a_large_leaf_that_does_not_fit_goes_by_pages)
{
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    cr_assert_eq(share(MIDDLE, OTHER + PAGE_BYTES, FORMAT_TABLE_PAGES, ATTRIBUTE_WRITE), FORMAT_TABLE_PAGES);
    cr_assert_eq(frame_find(block)->count, 2 * FORMAT_TABLE_PAGES);
    cr_assert_eq(share(MIDDLE + 9 * PAGE_BYTES, MIDDLE + 9 * PAGE_BYTES, 4, SHARE_COPY), 4);
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i++) {
        cr_assert_eq(at(child, OTHER + (i + 1) * PAGE_BYTES).frame.number, block.number + i);
        cr_assert_eq(at(space, MIDDLE + i * PAGE_BYTES).attributes, i - 9 < 4 ? ATTRIBUTE_READ : ATTRIBUTE_WRITE);
    }
    cr_assert_eq(space_copy_page(space, page_of(MIDDLE + 9 * PAGE_BYTES), ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert(at(space, MIDDLE + 9 * PAGE_BYTES).frame.number - block.number >= FORMAT_TABLE_PAGES && frame_find(block)->count == 2 * FORMAT_TABLE_PAGES + 3);
}

/* What fill took for one leaf becomes single frames, also where both places could have it whole: each goes with its own last page. */
Test(space_share, a_block_of_fill_becomes_single_frames)
{
    fill(MIDDLE, FORMAT_TABLE_PAGES);
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i++) memset(bytes_of(space, MIDDLE + i * PAGE_BYTES), (int)(i | 1), PAGE_BYTES);
    cr_assert_eq(at(space, MIDDLE).page_bytes == FORMAT_TABLE_BYTES, FORMAT_FILL_MAKES_LARGE);
    cr_assert_eq(share(MIDDLE, MIDDLE, FORMAT_TABLE_PAGES, SHARE_COPY), FORMAT_TABLE_PAGES);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    uint64_t free = frame_count_free();
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i++) {
        uint64_t address = MIDDLE + i * PAGE_BYTES;
        cr_assert(frame_order(frame_find(at(space, address).frame)) == 0 && frame_find(at(space, address).frame)->count == 2);
        cr_assert_eq(space_copy_page(i % 2 ? space : child, page_of(address), ATTRIBUTE_WRITE), STATUS_OK);
    }
    cr_assert_eq(frame_count_free(), free - FORMAT_TABLE_PAGES);
    for (uint64_t i = 0; i < FORMAT_TABLE_PAGES; i++) {
        uint64_t address = MIDDLE + i * PAGE_BYTES;
        cr_assert_eq(space_copy_page(i % 2 ? child : space, page_of(address), ATTRIBUTE_WRITE), STATUS_OK);
        cr_assert_eq(*(unsigned char *)bytes_of(space, address), (unsigned char)(i | 1));
        cr_assert_eq(*(unsigned char *)bytes_of(child, address), (unsigned char)(i | 1));
    }
    cr_assert_eq(frame_count_free(), free - FORMAT_TABLE_PAGES, "two frames for each page, not three");
}

/* The only page of a block of fill, as a large leaf: split, and each page keeps its frame. */
Test(space_share, copying_in_a_large_leaf_splits_it)
{
    fill(MIDDLE, FORMAT_TABLE_PAGES);
    frame_t frame = at(space, MIDDLE + 9 * PAGE_BYTES).frame;
    cr_assert_eq(space_copy_page(space, page_of(MIDDLE + 9 * PAGE_BYTES), ATTRIBUTE_READ), STATUS_OK);
    cr_assert(at(space, MIDDLE + 9 * PAGE_BYTES).frame.number == frame.number && at(space, MIDDLE + 9 * PAGE_BYTES).attributes == ATTRIBUTE_READ);
    cr_assert(at(space, MIDDLE + 8 * PAGE_BYTES).attributes == ATTRIBUTE_WRITE && at(space, MIDDLE).page_bytes == PAGE_BYTES);
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(OTHER, block, ATTRIBUTE_WRITE);
    cr_assert_eq(space_copy_page(space, page_of(OTHER + 9 * PAGE_BYTES), ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_eq(frame_find(block)->count, FORMAT_TABLE_PAGES - 1, "a block with a name is others' too, so far as the kernel knows");
}

Test(space_share, a_gigabyte_leaf)
{
    if (PTE_LEAF_LEVELS < 3) cr_skip_test("this format has no such leaf");
    host_initialise_frames((uint64_t)5 << 29, 16);
    cr_assert_eq(space_create(&space), STATUS_OK);
    cr_assert_eq(space_create(&child), STATUS_OK);
    uint64_t count = (uint64_t)1 << 18;
    frame_t block = take(18);
    map(MIDDLE, count, block, ATTRIBUTE_WRITE);
    cr_assert_eq(share(MIDDLE, MIDDLE, count, ATTRIBUTE_WRITE), count);
    cr_assert(at(child, MIDDLE).page_bytes == (uint64_t)1 << 30 && frame_find(block)->count == 2);
    uint64_t to = MIDDLE + ((uint64_t)1 << 30) + ((uint64_t)2 << 20);
    count_begin();
    cr_assert_eq(share(MIDDLE, to, count, SHARE_COPY), count);
    cr_assert(at(child, to).page_bytes == (uint64_t)2 << 20 && at(space, MIDDLE).page_bytes == (uint64_t)2 << 20);
    cr_assert_eq(frame_find(block)->count, 1 + 2 * 512);
    cr_assert_eq(at(space, MIDDLE + ((uint64_t)1 << 30) - PAGE_BYTES).attributes, ATTRIBUTE_READ);
    struct unmap_result result;
    for (uint64_t total = 0; total < count; total += result.done_pages)
        (void)space_unmap(space, span_of(MIDDLE + total * PAGE_BYTES, count - total), UNMAP_KEEP, &result);
    map(MIDDLE, count, block, ATTRIBUTE_WRITE);
    frame_find(block)->count += 64'500; /* as many leaves elsewhere */
    uint64_t done, shared;
    cr_assert_eq(space_share(space, span_of(MIDDLE, 100), child, page_of(OTHER), 0, &done, &shared), STATUS_TOO_MANY_MAPPINGS);
    frame_find(block)->count -= 64'500;
}

/* --- Refusals --- */

Test(space_share, refusals_change_nothing)
{
    fill(MIDDLE, 20);
    uint64_t done = 77, shared = 77;
    uint64_t free, mapped = space->count_mapped;
    frame_t frame = take(0);
    cr_assert_eq(space_map_page(child, page_of(OTHER + 9 * PAGE_BYTES), frame, ATTRIBUTE_READ), STATUS_OK);
    free = frame_count_free();
    cr_assert_eq(space_share(space, span_of(MIDDLE, 20), child, page_of(OTHER), SHARE_COPY, &done, &shared), STATUS_ALREADY_MAPPED);
    struct frame_info *last = frame_find(at(space, MIDDLE + 5 * PAGE_BYTES).frame);
    last->count = FRAME_COUNT_LIMIT;
    cr_assert_eq(space_share(space, span_of(MIDDLE, 9), child, page_of(OTHER), SHARE_COPY, &done, &shared), STATUS_TOO_MANY_MAPPINGS);
    last->count = 1;
    cr_assert_eq(space_share(space, span_of(MIDDLE, 20), space, page_of(MIDDLE + 19 * PAGE_BYTES), 0, &done, &shared), STATUS_BAD_ARGUMENT);
    cr_assert_eq(space_share(space, span_of(MIDDLE + PAGE_BYTES, 3), space, page_of(MIDDLE), 0, &done, &shared), STATUS_BAD_ARGUMENT);
    cr_assert(done == 77 && shared == 77 && frame_count_free() == free && space->count_mapped == mapped && child->count_mapped == 1);
    for (uint64_t i = 0; i < 20; i++) {
        cr_assert_eq(frame_find(at(space, MIDDLE + i * PAGE_BYTES).frame)->count, 1);
        cr_assert_eq(at(space, MIDDLE + i * PAGE_BYTES).attributes, ATTRIBUTE_WRITE);
    }
    cr_assert_eq(space_share(space, span_of(MIDDLE + 20 * PAGE_BYTES, 10), child, page_of(OTHER), 0, &done, &shared), STATUS_OK);
    cr_assert(done == 10 && shared == 0, "where nothing is, nothing is in the way");
    cr_assert_eq(space_share(space, span_of(MIDDLE, 20), space, page_of(MIDDLE + 20 * PAGE_BYTES), ATTRIBUTE_WRITE, &done, &shared), STATUS_OK);
    cr_assert(shared == 20 && space->count_mapped == mapped + 20);
}

/* A page already at the other place below a table, where the source has a large leaf. */
Test(space_share, a_page_in_the_way_of_a_large_leaf)
{
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_WRITE);
    uint64_t done, shared;
    cr_assert_eq(space_map_page(child, page_of(MIDDLE + 100 * PAGE_BYTES), take(0), ATTRIBUTE_READ), STATUS_OK);
    cr_assert_eq(space_share(space, span_of(MIDDLE, FORMAT_TABLE_PAGES), child, page_of(MIDDLE), 0, &done, &shared), STATUS_ALREADY_MAPPED);
    cr_assert_eq(space_share(space, span_of(MIDDLE + 99 * PAGE_BYTES, 2), child, page_of(MIDDLE + 99 * PAGE_BYTES), 0, &done, &shared), STATUS_ALREADY_MAPPED);
    cr_assert(at(space, MIDDLE).page_bytes == FORMAT_TABLE_BYTES && frame_find(block)->count == 1);
    frame_t other = take(FORMAT_TABLE_ORDER);
    cr_assert(format_map_large(child, OTHER, other, ATTRIBUTE_WRITE));
    cr_assert_eq(space_share(space, span_of(MIDDLE, 1), child, page_of(OTHER + 7 * PAGE_BYTES), 0, &done, &shared), STATUS_ALREADY_MAPPED);
    cr_assert_eq(space_share(space, span_of(MIDDLE, FORMAT_TABLE_PAGES), child, page_of(OTHER), 0, &done, &shared), STATUS_ALREADY_MAPPED);
    fill(MIDDLE + FORMAT_TABLE_BYTES, 1);
    cr_assert_eq(space_share(space, span_of(MIDDLE + FORMAT_TABLE_BYTES + PAGE_BYTES, 5), child, page_of(OTHER), 0, &done, &shared), STATUS_OK, "holes");
    cr_assert_eq(shared, 0);
}

/* A step has 512 entries, and says how far it came. */
Test(space_share, long_ranges_go_in_steps)
{
    constexpr uint64_t count = 3 * FORMAT_TABLE_PAGES + 100;
    host_set_leaf_levels(1);
    fill(MIDDLE, count);
    uint64_t total = 0, steps = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; steps++) {
        uint64_t done = 0, shared = 0;
        count_begin();
        status = space_share(space, span_of(MIDDLE + total * PAGE_BYTES, count - total), child, page_of(OTHER + (total + 9) * PAGE_BYTES), 0, &done, &shared);
        cr_assert(done == shared && done <= STEP_PAGES && count_of(COUNTER_ENTRIES_WRITTEN) <= STEP_PAGES + 2 * PTE_LEVELS);
        total += done;
    }
    cr_assert(total == count && steps == (count + STEP_PAGES - 1) / STEP_PAGES);
    uint64_t all = (USER_LIMIT - USER_FIRST) / PAGE_BYTES;
    struct space *third;
    cr_assert_eq(space_create(&third), STATUS_OK);
    total = steps = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; steps++) {
        uint64_t done = 0, shared = 0, address = USER_FIRST + total * PAGE_BYTES;
        status = space_share(child, span_of(address, all - total), third, page_of(address), SHARE_COPY, &done, &shared);
        cr_assert((status == STATUS_OK || status == STATUS_AGAIN) && done > 0);
        total += done;
    }
    cr_assert(third->count_mapped == count && steps < 200, "a whole space: %lu steps", steps);
}
