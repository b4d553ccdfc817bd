/* Spaces, one property at a time: checks of arguments, boundaries, what operations cost, large leaves, content of frames. */
#include "fill_page.h"
#include "space_fixture.h"

TestSuite(space, .init = begin, .fini = end);

/* --- Arguments from outside --- */

Test(space, span_check)
{
    static const struct { uint64_t address, count; enum status expected; } rows[] = {
        { USER_FIRST, 1, STATUS_OK },
        { USER_LIMIT - PAGE_BYTES, 1, STATUS_OK },
        { USER_FIRST, (USER_LIMIT - USER_FIRST) >> PAGE_SHIFT, STATUS_OK },
        { USER_FIRST, 0, STATUS_BAD_LENGTH },
        { USER_FIRST, ((USER_LIMIT - USER_FIRST) >> PAGE_SHIFT) + 1, STATUS_BAD_ADDRESS },
        { USER_FIRST - PAGE_BYTES, 1, STATUS_BAD_ADDRESS },
        { 0, 1, STATUS_BAD_ADDRESS },
        { 0, 17, STATUS_BAD_ADDRESS },
        { USER_FIRST + 1, 1, STATUS_BAD_ALIGNMENT },
        { USER_LIMIT - 1, 1, STATUS_BAD_ALIGNMENT },
        { USER_LIMIT, 1, STATUS_BAD_ADDRESS },
        { USER_LIMIT - PAGE_BYTES, 2, STATUS_BAD_ADDRESS },
        { (uint64_t)1 << 47, 1, STATUS_BAD_ADDRESS },            /* first non-canonical address */
        { 0xffff'8000'0000'0000, 1, STATUS_BAD_ADDRESS },        /* the kernel's half */
        { 0xffff'ffff'ffff'f000, 1, STATUS_RANGE_WRAPS },
        { USER_FIRST, UINT64_MAX, STATUS_RANGE_WRAPS },
        { USER_FIRST, (uint64_t)1 << 52, STATUS_RANGE_WRAPS },
        { USER_FIRST, ((uint64_t)1 << 52) - 1, STATUS_RANGE_WRAPS },
        { PAGE_BYTES, ((uint64_t)1 << 52) - 2, STATUS_BAD_ADDRESS },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct user_span span = { { 1 }, 0 };
        enum status status = user_span_check(rows[i].address, rows[i].count, &span);
        cr_assert_eq(status, rows[i].expected, "row %zu: %s", i, status_name(status));
        bool is_set = span.first.address == rows[i].address && span.count_pages == rows[i].count;
        cr_assert_eq(is_set, status == STATUS_OK, "row %zu", i);
    }
}

Test(space, attributes_check)
{
    for (uint64_t attributes = 0; attributes < 256; attributes++) {
        enum status expected = STATUS_OK;
        if (attributes > 7) expected = STATUS_BAD_ARGUMENT;
        else if ((attributes & 7) == 3) expected = STATUS_WRITE_EXECUTE;
        cr_assert_eq(attributes_check(attributes), expected, "attributes %lu", attributes);
    }
    for (unsigned bit = 3; bit < 64; bit++)
        cr_assert_eq(attributes_check((uint64_t)1 << bit), STATUS_BAD_ARGUMENT);
}

Test(space, hostile_frames)
{
    uint64_t done = 77;
    frame_t none;
    cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &none), STATUS_OK);
    constexpr uint64_t rest = (USER_LIMIT - MIDDLE) >> PAGE_SHIFT, many = rest < UINT32_MAX ? rest : UINT32_MAX;
    frame_t user = take(0), last = { frame_count_table() - 1 };
    const frame_t bad[] = { { 0 }, { 1 }, space->frame, space->root, none, last, { frame_count_table() }, { UINT32_MAX } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(space_map(space, span_of(MIDDLE, 1), bad[i], ATTRIBUTE_WRITE, &done), STATUS_BAD_FRAME);
        cr_assert_eq(space_map(space, span_of(MIDDLE, many), bad[i], ATTRIBUTE_WRITE, &done), STATUS_BAD_FRAME);
        cr_assert_eq(space_map_page(space, page_of(MIDDLE), bad[i], ATTRIBUTE_WRITE), STATUS_BAD_FRAME);
    }
    cr_assert_eq(space_map(space, span_of(MIDDLE, 2), user, ATTRIBUTE_WRITE, &done), STATUS_BAD_FRAME, "the frame behind it is free");
    cr_assert_eq(done, 77, "a failure writes no result");
    cr_assert_eq(space->count_mapped + space->count_tables, 0);
}

/* Eight single frames that follow each other. */
static frame_t take_singles(void)
{
    frame_t block = take(3);
    cr_assert_eq(frame_split(block, 0), STATUS_OK);
    return block;
}

/* Ranges look at the rows of the frame table all at once: one odd row anywhere must still show. */
Test(space, one_bad_frame_in_a_range)
{
    frame_t block = take_singles();
    uint64_t done;
    for (uint32_t at = 0; at < 8; at++) {
        struct frame_info *info = frame_find((frame_t){ block.number + at });
        for (unsigned kind = 0; kind < FRAME_KINDS; kind++) {
            if (kind == FRAME_KIND_USER) continue;
            info->kind = (enum frame_kind)kind;
            cr_assert_eq(space_map(space, span_of(MIDDLE, 8), block, ATTRIBUTE_READ, &done), STATUS_BAD_FRAME, "kind %u at %u", kind, at);
        }
        info->kind = FRAME_KIND_USER;
        info->count = FRAME_COUNT_LIMIT;
        cr_assert_eq(space_map(space, span_of(MIDDLE, 8), block, ATTRIBUTE_READ, &done), STATUS_TOO_MANY_MAPPINGS);
        for (uint32_t i = 0; i < 8; i++) cr_assert_eq(frame_find((frame_t){ block.number + i })->count, i == at ? FRAME_COUNT_LIMIT : 0);
        info->count = 0;
    }
    struct frame_info *info = frame_find(block);
    info[0].count = 0xff00; /* none at the limit, though together they have all its bits */
    info[1].count = 0x00ff;
    map(MIDDLE, 8, block, ATTRIBUTE_READ);
    cr_assert(info[0].count == 0xff01 && info[1].count == 0x0100 && info[7].count == 1);
    info[0].count = info[1].count = 1;
}

Test(space, one_dirty_frame_in_a_range)
{
    frame_t block = take_singles();
    memset(arch_frame_pointer(block), 0xa5, 8 * PAGE_BYTES);
    for (uint32_t at = 0; at < 8; at++)
        frame_find((frame_t){ block.number + at })->flags = at == 5 ? FRAME_DIRTY : 0;
    map(MIDDLE, 8, block, ATTRIBUTE_WRITE);
    const unsigned char *bytes = arch_frame_pointer(block);
    for (uint32_t at = 0; at < 8; at++)
        cr_assert_eq(bytes[at * PAGE_BYTES + 77], at == 5 ? 0 : 0xa5);
}

/* --- Creation --- */

Test(space, two_frames_for_an_empty_space)
{
    uint64_t free = frame_count_free();
    struct space *other;
    cr_assert_eq(space_create(&other), STATUS_OK);
    cr_assert_eq(frame_count_free(), free - 2);
    struct unmap_result result;
    uint64_t done, changed;
    cr_assert_eq(space_unmap(other, span_of(MIDDLE, 5000), UNMAP_FREE, &result), STATUS_OK);
    cr_assert_eq(space_protect(other, span_of(MIDDLE, 5000), ATTRIBUTE_READ, &done, &changed), STATUS_OK);
    cr_assert(result.unmapped_pages == 0 && result.freed_frames == 0 && changed == 0 && done == 5000);
    cr_assert_eq(space_destroy(other), STATUS_OK);
    cr_assert_eq(frame_count_free(), free);
}

/* --- Boundaries --- */

Test(space, boundaries)
{
    static const uint64_t edges[] = {
        USER_FIRST + PAGE_BYTES,         /* the lowest page, and the one behind */
        FORMAT_TABLE_BYTES,              /* the next lowest table */
        (uint64_t)1 << 30,               /* in formats with four levels the next directory */
        FORMAT_EDGE,                     /* the next entry of the root */
        USER_LIMIT & ~(uint64_t)UINT32_MAX ? (uint64_t)0x7fff << 32 : (uint64_t)0xbff << 20, /* high bits set */
        USER_LIMIT - PAGE_BYTES,         /* the highest page */
    };
    frame_t frames = take(4);
    cr_assert_eq(frame_split(frames, 0), STATUS_OK);
    for (uint32_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        frame_t first = { frames.number + 2 * i };
        map(edges[i] - PAGE_BYTES, 2, first, ATTRIBUTE_WRITE);
    }
    for (uint32_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (uint32_t j = 0; j < 2; j++) {
            struct host_translation found;
            cr_assert(host_walk(space->root, edges[i] - PAGE_BYTES + j * PAGE_BYTES, &found));
            cr_assert_eq(found.frame.number, frames.number + 2 * i + j);
        }
    }
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    for (uint32_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        cr_assert_eq(unmap(edges[i] - PAGE_BYTES, 2, UNMAP_FREE).freed_frames, 2);
    cr_assert_eq(space->count_tables, 0);
}

Test(space, locate_gives_four_answers)
{
    unsigned level = 9;
    cr_assert_eq(space_locate(space, page_of(MIDDLE), &level), PAGE_NO_TABLE);
    cr_assert_eq(level, PTE_LEVELS - 1);
    frame_t block = take(FORMAT_TABLE_ORDER);
    map_large(MIDDLE, block, ATTRIBUTE_READ);
    map(MIDDLE + FORMAT_TABLE_BYTES, 1, block, ATTRIBUTE_READ);
    cr_assert_eq(space_locate(space, page_of(MIDDLE + 5 * PAGE_BYTES), &level), PAGE_LARGE);
    cr_assert_eq(level, 1);
    cr_assert_eq(space_locate(space, page_of(MIDDLE + FORMAT_TABLE_BYTES), &level), PAGE_PRESENT);
    cr_assert_eq(level, 0);
    cr_assert_eq(space_locate(space, page_of(MIDDLE + FORMAT_TABLE_BYTES + PAGE_BYTES), &level), PAGE_NOT_PRESENT);
    cr_assert_eq(level, 0);
    cr_assert_eq(space_locate(space, page_of(MIDDLE + 2 * FORMAT_TABLE_BYTES), &level), PAGE_NO_TABLE);
    cr_assert_eq(level, 1);
    if (PTE_LEVELS < 4) return;
    cr_assert_eq(space_locate(space, page_of(MIDDLE + ((uint64_t)1 << 30)), &level), PAGE_NO_TABLE);
    cr_assert_eq(level, 2);
}

/* --- What it costs --- */

Test(space, mapping_writes_each_entry_once_and_forgets_nothing)
{
    host_activate(space->root);
    frame_t block = take(9);
    count_begin();
    map(MIDDLE + PAGE_BYTES, 300, block, ATTRIBUTE_WRITE);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 300 + BELOW_ROOT);
    fill_all(space, MIDDLE + FORMAT_TABLE_BYTES - 112 * PAGE_BYTES, 200);
    cr_assert_eq(count_of(COUNTER_TABLES_ALLOCATED), BELOW_ROOT + 1, "200 pages over the end of a table need one more");
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 500 + BELOW_ROOT + 1);
    cr_assert_eq(count_of(COUNTER_FLUSHES) + count_of(COUNTER_INVALIDATIONS), 0);
    cr_assert_eq(host_count(HOST_FLUSHES) + host_count(HOST_INVALIDATIONS), 0);
}

/* Unmaps `count` pages that a program has read; says what was invalidated and flushed. */
static void unmap_cost(uint64_t count, bool is_active, uint64_t invalidations, uint64_t flushes)
{
    frame_t block = take(9);
    map(MIDDLE, count, block, ATTRIBUTE_WRITE);
    host_activate(is_active ? space->root : (frame_t){ 0 });
    for (uint64_t i = 0; i < count; i++)
        host_load(MIDDLE + i * PAGE_BYTES);
    uint64_t before = host_count(HOST_INVALIDATIONS), flushes_before = host_count(HOST_FLUSHES);
    count_begin();
    cr_assert_eq(unmap(MIDDLE, count, UNMAP_KEEP).unmapped_pages, count);
    cr_assert_eq(host_count(HOST_INVALIDATIONS) - before, invalidations);
    cr_assert_eq(host_count(HOST_FLUSHES) - flushes_before, flushes);
    cr_assert_eq(count_of(COUNTER_INVALIDATIONS), invalidations);
    cr_assert_eq(count_of(COUNTER_FLUSHES), flushes);
    cr_assert_eq(count_of(COUNTER_TABLES_FREED), BELOW_ROOT, "the last page takes all tables with it");
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), count + BELOW_ROOT);
    cr_assert_null(host_tlb_stale());
    cr_assert_eq(space->count_tables, 0);
    cr_assert_eq(frame_free(block, 9, FRAME_KIND_USER), STATUS_OK);
}

Test(space, unmapping_invalidates_few_pages_and_flushes_for_many)
{
    unmap_cost(1, true, 1, 0);
    unmap_cost(32, true, 32, 0);
    unmap_cost(33, true, 0, 1);
    unmap_cost(511, true, 0, 1);
    unmap_cost(40, false, 0, 0);
}

Test(space, tables_go_with_their_last_page)
{
    frame_t block = take(9);
    map(MIDDLE, 2, block, ATTRIBUTE_WRITE);
    map(MIDDLE + 2 * FORMAT_TABLE_BYTES, 1, block, ATTRIBUTE_WRITE); /* another lowest table of the same directory */
    cr_assert_eq(space->count_tables, BELOW_ROOT + 1);
    count_begin();
    unmap(MIDDLE, 1, UNMAP_KEEP);
    cr_assert_eq(count_of(COUNTER_TABLES_FREED), 0);
    unmap(MIDDLE + PAGE_BYTES, 1, UNMAP_KEEP);
    cr_assert_eq(count_of(COUNTER_TABLES_FREED), 1);
    unmap(MIDDLE + 2 * FORMAT_TABLE_BYTES, 1, UNMAP_KEEP);
    cr_assert_eq(count_of(COUNTER_TABLES_FREED), BELOW_ROOT + 1);
    cr_assert_eq(space->count_tables, 0);
    cr_assert(frame_is(block, FRAME_KIND_USER) && frame_find(block)->count == 0, "UNMAP_KEEP keeps the frame");
}

Test(space, holes_cost_little)
{
    frame_t block = take(1);
    map(USER_FIRST, 1, block, ATTRIBUTE_WRITE);
    map(MIDDLE, 1, block, ATTRIBUTE_WRITE);
    map(USER_LIMIT - PAGE_BYTES, 1, block, ATTRIBUTE_WRITE);
    uint64_t count = (USER_LIMIT - USER_FIRST) >> PAGE_SHIFT, unmapped = 0;
    unsigned steps = 0;
    for (uint64_t done = 0; done < count; steps++) {
        struct unmap_result result;
        enum status status = space_unmap(space, span_of(USER_FIRST + (done << PAGE_SHIFT), count - done), UNMAP_KEEP, &result);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        done += result.done_pages;
        unmapped += result.unmapped_pages;
        cr_assert_leq(result.done_pages, (uint64_t)33 << (pte_shift(PTE_LEVELS - 1) - PAGE_SHIFT), "a step looks at a few dozen holes, then comes back");
    }
    cr_assert_eq(unmapped, 3);
    cr_assert_lt(steps, 200, "the whole user half took %u steps", steps);
}

Test(space, long_ranges_go_in_steps)
{
    struct user_span span = span_of(MIDDLE, 2000);
    uint64_t total = 0;
    unsigned steps = 0;
    for (enum status status = STATUS_AGAIN; status == STATUS_AGAIN; steps++) {
        uint64_t done = 0;
        status = space_fill(space, span_of(span.first.address + (total << PAGE_SHIFT), span.count_pages - total), ATTRIBUTE_WRITE, &done);
        cr_assert(status == STATUS_OK || status == STATUS_AGAIN);
        cr_assert_leq(done, STEP_PAGES);
        total += done;
    }
    cr_assert(total == 2000 && steps == 4);
    cr_assert_eq(space->count_mapped, 2000);
}

/* What resolve counts on: so many pages, and not one more over the edge of a table, are a step. */
Test(space, a_step_handles_what_its_table_has)
{
    for (uint64_t at = 0; at < FORMAT_TABLE_PAGES; at += FORMAT_TABLE_PAGES / 8 - 1) {
        uint64_t address = MIDDLE + at * PAGE_BYTES, count = space_step_pages(page_of(address)), left = FORMAT_TABLE_PAGES - at, done = 0;
        cr_assert_eq(count, left < STEP_PAGES ? left : STEP_PAGES);
        cr_assert_eq(space_fill(space, span_of(address, count + 1), ATTRIBUTE_WRITE, &done), STATUS_AGAIN);
        cr_assert_eq(done, count);
        unmap(address, count, UNMAP_FREE);
    }
}

/* --- Rights, content, counts --- */

Test(space, protect_keeps_what_the_processor_noted)
{
    host_activate(space->root);
    frame_t frame;
    cr_assert_eq(fill_page(space, page_of(MIDDLE), ATTRIBUTE_WRITE, &frame), STATUS_OK);
    cr_assert_eq(host_load(MIDDLE), arch_frame_pointer(frame));
    uint64_t done, changed;
    cr_assert_eq(space_protect(space, span_of(MIDDLE, 1), ATTRIBUTE_READ, &done, &changed), STATUS_OK);
    cr_assert_null(host_tlb_stale());
    struct translation translation;
    cr_assert_eq(space_query(space, page_of(MIDDLE), &translation), STATUS_OK);
    cr_assert_eq(translation.attributes, ATTRIBUTE_READ | ATTRIBUTE_ACCESSED);
    cr_assert_eq(host_count(HOST_INVALIDATIONS), 1);
    cr_assert_eq(space_protect(space, span_of(MIDDLE, 1), ATTRIBUTE_READ, &done, &changed), STATUS_OK);
    cr_assert(changed == 0 && host_count(HOST_INVALIDATIONS) == 1, "nothing changed, nothing to forget");
}

Test(space, dirty_frames_are_cleaned_once)
{
    frame_t frames[3] = { take(0), take(0), take(0) };
    for (unsigned i = 0; i < 3; i++) {
        memset(arch_frame_pointer(frames[i]), 0xa5, PAGE_BYTES);
        frame_find(frames[i])->flags = i == 1 ? 0 : FRAME_DIRTY; /* 1: content is meant, as in a module */
    }
    cr_assert_eq(space_map_page(space, page_of(MIDDLE), frames[0], ATTRIBUTE_WRITE), STATUS_OK);
    map(MIDDLE + PAGE_BYTES, 1, frames[1], ATTRIBUTE_WRITE);
    map(MIDDLE + 2 * PAGE_BYTES, 1, frames[2], ATTRIBUTE_WRITE);
    const unsigned char *bytes[3];
    for (unsigned i = 0; i < 3; i++)
        bytes[i] = arch_frame_pointer(frames[i]);
    cr_assert(bytes[0][0] == 0 && bytes[0][PAGE_BYTES - 1] == 0);
    cr_assert(bytes[1][0] == 0xa5 && bytes[1][PAGE_BYTES - 1] == 0xa5);
    cr_assert(bytes[2][0] == 0 && bytes[2][PAGE_BYTES - 1] == 0);
    memset(arch_frame_pointer(frames[0]), 0x5a, PAGE_BYTES);
    map(MIDDLE + 3 * PAGE_BYTES, 1, frames[0], ATTRIBUTE_READ);
    cr_assert_eq(bytes[0][7], 0x5a, "a second mapping shows what the first one wrote");
}

Test(space, fresh_pages_hold_nothing_old)
{
    for (unsigned round = 0; round < 3; round++) {
        uint64_t done;
        cr_assert_eq(space_fill(space, span_of(MIDDLE, 500), ATTRIBUTE_WRITE, &done), STATUS_OK);
        for (uint64_t i = 0; i < 500; i++) {
            struct host_translation found;
            cr_assert(host_walk(space->root, MIDDLE + i * PAGE_BYTES, &found));
            cr_assert_eq(frame_find(found.frame)->cookie, 0);
            const unsigned char *bytes = arch_frame_pointer(found.frame);
            cr_assert(bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0);
            memset(arch_frame_pointer(found.frame), 0xff, PAGE_BYTES);
        }
        cr_assert_eq(unmap(MIDDLE, 500, UNMAP_FREE).freed_frames, 500);
    }
}

Test(space, map_counts_are_bounded)
{
    frame_t frame = take(0), other = take(0);
    for (uint64_t i = 0; i < FRAME_COUNT_LIMIT; i++)
        cr_assert_eq(space_map_page(space, page_of(MIDDLE + i * PAGE_BYTES), frame, ATTRIBUTE_READ), STATUS_OK);
    uint64_t done, next = MIDDLE + FRAME_COUNT_LIMIT * PAGE_BYTES;
    cr_assert_eq(space_map_page(space, page_of(next), frame, ATTRIBUTE_READ), STATUS_TOO_MANY_MAPPINGS);
    cr_assert_eq(space_map(space, span_of(next, 1), frame, ATTRIBUTE_READ, &done), STATUS_TOO_MANY_MAPPINGS);
    cr_assert_eq(frame_find(frame)->count, FRAME_COUNT_LIMIT);
    cr_assert_eq(check_run(), 0, "%s", host_log_text());
    unmap(MIDDLE, 1, UNMAP_FREE);
    cr_assert_eq(space_map_page(space, page_of(next), frame, ATTRIBUTE_READ), STATUS_OK);
    cr_assert_eq(frame_find(other)->count, 0);
}

/* Kernel objects and tables stay below the end of the direct map; pages of programs may lie above, and are cleaned through a window. */
Test(space, memory_beyond_the_direct_map)
{
    host_initialise_frames(MACHINE_BYTES, 16);
    uint32_t direct = 300;
    host_set_direct_frames(direct);
    cr_assert_eq(space_create(&space), STATUS_OK);
    uint64_t done, beyond = 0;
    frame_t frame;
    for (uint64_t i = 0; i < 1536; i += 512) /* all tables, while there are frames for them */
        cr_assert_eq(fill_page(space, page_of(MIDDLE + i * PAGE_BYTES), ATTRIBUTE_WRITE, &frame), STATUS_OK);
    for (uint64_t i = 0; i < 1536; i += 512)
        cr_assert_eq(space_fill(space, span_of(MIDDLE + (i + 1) * PAGE_BYTES, 511), ATTRIBUTE_WRITE, &done), STATUS_OK);
    while (frame_allocate(0, FRAME_KIND_KERNEL, &frame) == STATUS_OK) cr_assert_lt(frame.number, direct);
    cr_assert_eq(fill_page(space, page_of(USER_FIRST), ATTRIBUTE_WRITE, &frame), STATUS_NO_MEMORY, "frames there are, but none for tables");
    for (uint64_t i = 0; i < 1536; i++) {
        struct host_translation found;
        cr_assert(host_walk(space->root, MIDDLE + i * PAGE_BYTES, &found));
        beyond += found.frame.number >= direct;
    }
    cr_assert_gt(beyond, 1000);
    cr_assert_geq(host_count(HOST_WINDOWS), beyond);
    for (uint32_t i = direct; i < frame_count_table(); i++)
        cr_assert(!frame_is((frame_t){ i }, FRAME_KIND_TABLE));
    cr_assert_eq(unmap(MIDDLE, 512, UNMAP_FREE).freed_frames, 512);
}

/* --- The end --- */

Test(space, destroy_gives_everything_back)
{
    uint64_t free = frame_count_free();
    struct space *other;
    cr_assert_eq(space_create(&other), STATUS_OK);
    uint64_t done;
    static const uint64_t places[] = { USER_FIRST, MIDDLE, FORMAT_EDGE, USER_LIMIT - 700 * PAGE_BYTES };
    for (unsigned i = 0; i < 4; i++)
        fill_all(other, places[i], 400);
    frame_t block = take(9), kept = { block.number + 9 };
    cr_assert_eq(space_map(other, span_of(MIDDLE + FORMAT_TABLE_BYTES, 512), block, ATTRIBUTE_WRITE, &done), STATUS_OK);
    map(MIDDLE, 1, kept, ATTRIBUTE_READ); /* another space has it too */
    uint64_t held = space->count_tables + 512; /* a part of the block is mapped: all of it stays */
    unsigned steps = 0;
    enum status status;
    while ((status = space_destroy(other)) == STATUS_AGAIN) {
        cr_assert_lt(++steps, 20);
        cr_assert_eq(check_run(), 0, "after step %u: %s", steps, host_log_text());
    }
    cr_assert_eq(status, STATUS_OK);
    cr_assert_eq(frame_count_free(), free - held);
    cr_assert(frame_is(kept, FRAME_KIND_USER) && frame_find(kept)->count == 1);
}

/* What an object was is nowhere after its end: whoever gets the frame next finds zeroes, and need not zero it. */
Test(space, frames_of_a_space_end_as_zeroes)
{
    struct space *other;
    uint64_t done;
    cr_assert_eq(space_create(&other), STATUS_OK);
    frame_t frames[] = { other->frame, other->root };
    cr_assert_eq(space_fill(other, span_of(MIDDLE, 3), ATTRIBUTE_WRITE, &done), STATUS_OK);
    memset(other->served, 0x5a, sizeof(other->served));
    other->pager_served = other->incarnation_tag = UINT64_MAX;
    enum status status;
    while ((status = space_destroy(other)) == STATUS_AGAIN) continue;
    cr_assert_eq(status, STATUS_OK);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned char *bytes = arch_frame_pointer(frames[i]);
        cr_assert(frame_is(frames[i], FRAME_KIND_SPARE));
        cr_assert(bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_BYTES - 1) == 0);
    }
}
