/* Requests for memory: brk, autogen, map, unmap, protect, module_map. */
#include "pager_fixture.h"

#include "microkernel/counter.h"

static uint64_t pages_of(uint32_t number, enum segment_kind kind)
{
    const struct segment *segment = segment_find_kind(&sim_process(number)->segments, kind);
    return segment != nullptr ? segment->pages : 0;
}

/* --- brk --- */

/* What is left of a module after its first pages are gone is the rest of the file. */
Test(pager_memory, module_without_its_first_pages)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, PAGE_BYTES, 0));
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, first + PAGE_BYTES, FAULT_READ), fixture_file[PAGE_BYTES]);
    fixture_check();
}

Test(pager_memory, brk_moves_by_bytes_and_maps_pages_at_once)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_brk, 0, 0, 0));
    cr_assert_eq(first, fixture_image.limit);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_brk, 1, 0, 0)), first);
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 1);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_brk, PAGE_BYTES - 1, 0, 0)), first + 1);
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 1);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_brk, 1, 0, 0)), first + PAGE_BYTES);
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 2);
    uint64_t faults = sim_pager.count_faults;
    *(char *)sim_touch(INIT, first + PAGE_BYTES, FAULT_WRITE) = 1;
    cr_assert_eq(sim_pager.count_faults, faults);
    fixture_check();
    fixture_ok(sim_request(INIT, PROTOCOL_brk, (uint64_t)-1, 0, 0));
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 1);
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
    cr_assert_eq(*(char *)sim_touch(INIT, first + PAGE_BYTES, FAULT_READ), 0);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_brk, (uint64_t)-(int64_t)(PAGE_BYTES + 1), 0, 0)), first + PAGE_BYTES + 1);
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 0);
    fixture_check();
}

Test(pager_memory, brk_and_autogen_write_the_difference)
{
    fixture_start();
    static const enum protocol labels[] = { PROTOCOL_brk, PROTOCOL_autogen_move };
    for (size_t i = 0; i < 2; i++) {
        fixture_ok(sim_request(INIT, labels[i], 100 * PAGE_BYTES, 0, 0));
        for (unsigned turn = 0; turn < 2; turn++) {
            uint64_t written = counters[COUNTER_ENTRIES_WRITTEN], bytes = 3 * PAGE_BYTES;
            fixture_ok(sim_request(INIT, labels[i], turn == 0 ? bytes : -bytes, 0, 0));
            cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN] - written, 3, "%zu %u: %lu", i, turn, counters[COUNTER_ENTRIES_WRITTEN] - written);
        }
    }
    fixture_check();
}

Test(pager_memory, brk_refuses_what_it_cannot_do)
{
    fixture_start();
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_brk, (uint64_t)-1, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_brk, (uint64_t)INT64_MIN, 0, 0));
    EXPECT(RANGE_WRAPS, sim_request(INIT, PROTOCOL_brk, INT64_MAX, 0, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_brk, USER_LIMIT, 0, 0));
    uint64_t fills = sim_count_call(CALL_space_fill);
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_brk, (uint64_t)1 << 40, 0, 0));
    cr_assert_leq(sim_count_call(CALL_space_fill), fills + 1); /* refused before memory is filled: one call for the row */
    cr_assert_eq(pages_of(INIT, SEGMENT_BRK), 0);
    fixture_check();
}

Test(pager_memory, brk_moves_over_many_tables)
{
    fixture_start();
    uint64_t free = sim_free_frames();
    uint64_t size = (uint64_t)6 << 20;
    uint64_t first = fixture_ok(fixture_whole(INIT, PROTOCOL_brk, size, 0, 0));
    fixture_check();
    fixture_ok(fixture_whole(INIT, PROTOCOL_brk, (uint64_t)-(int64_t)(size / 2), 0, 0));
    cr_assert_not_null(sim_touch(INIT, first + size / 2 - 1, FAULT_WRITE));
    fixture_check();
    fixture_ok(fixture_whole(INIT, PROTOCOL_brk, (uint64_t)-(int64_t)(size / 2), 0, 0));
    cr_assert_leq(free - sim_free_frames(), 8); /* tables that the image needs stay, those of brk go */
    fixture_check();
}

/* --- autogen --- */

Test(pager_memory, autogen_grows_down_and_is_filled_at_once)
{
    fixture_start();
    uint64_t low = fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, PAGE_BYTES + 1, 0, 0));
    cr_assert_eq(low, LAYOUT_AUTOGEN_TOP - PAGE_BYTES - 1);
    cr_assert_eq(pages_of(INIT, SEGMENT_AUTOGEN), 2);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, 3 * PAGE_BYTES, 0, 0)), low - 3 * PAGE_BYTES);
    cr_assert_eq(pages_of(INIT, SEGMENT_AUTOGEN), 5);
    fixture_check();
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)-(int64_t)(4 * PAGE_BYTES), 0, 0));
    cr_assert_eq(pages_of(INIT, SEGMENT_AUTOGEN), 1);
    fixture_check();
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)-2, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)-1, 0, 0));
    cr_assert_eq(pages_of(INIT, SEGMENT_AUTOGEN), 0);
    fixture_check();
}

Test(pager_memory, autogen_refuses_what_it_cannot_do)
{
    fixture_start();
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)-1, 0, 0));
    EXPECT(RANGE_WRAPS, sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)INT64_MIN, 0, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, INT64_MAX, 0, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_autogen_move, LAYOUT_AUTOGEN_TOP - fixture_image.limit + 1, 0, 0));
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_autogen_move, (uint64_t)1 << 40, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_autogen_flip, 2, 0, 0));
    fixture_check();
}

Test(pager_memory, autogen_is_writable_or_executable)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t low = fixture_ok(sim_request(number, PROTOCOL_autogen_move, 2 * PAGE_BYTES, 0, 0));
    cr_assert_not_null(sim_touch(number, low, FAULT_WRITE));
    EXPECT(OK, sim_request(number, PROTOCOL_autogen_flip, 1, 0, 0));
    cr_assert_not_null(sim_touch(number, low, FAULT_EXECUTE));
    fixture_check();
    fixture_ok(sim_request(number, PROTOCOL_autogen_move, PAGE_BYTES, 0, 0));
    cr_assert_not_null(sim_touch(number, low - PAGE_BYTES, FAULT_EXECUTE));
    EXPECT(OK, sim_request(number, PROTOCOL_autogen_flip, 0, 0, 0));
    cr_assert_not_null(sim_touch(number, low, FAULT_WRITE));
    fixture_check();
    cr_assert_null(sim_touch(number, low, FAULT_EXECUTE));
    fixture_ended(handle, PROCESS_PROTECTION, low);
}

Test(pager_memory, autogen_is_both_only_where_the_program_was_started_so)
{
    fixture_start();
    uint64_t low = fixture_ok(sim_request(WX, PROTOCOL_autogen_move, PAGE_BYTES, 0, 0));
    cr_assert_not_null(sim_touch(WX, low, FAULT_WRITE));
    cr_assert_not_null(sim_touch(WX, low, FAULT_EXECUTE));
    EXPECT(OK, sim_request(WX, PROTOCOL_autogen_flip, 1, 0, 0));
    cr_assert_not_null(sim_touch(WX, low, FAULT_WRITE));
    EXPECT(WRITE_EXECUTE, sim_request(WX, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE | PROTECTION_EXECUTE, 0));
    fixture_check();
}

Test(pager_memory, autogen_moves_over_many_tables)
{
    fixture_start();
    fixture_ok(fixture_whole(INIT, PROTOCOL_autogen_move, (uint64_t)6 << 20, 0, 0));
    for (unsigned i = 0; i < 5; i++) {
        fixture_ok(fixture_whole(INIT, PROTOCOL_autogen_move, (uint64_t)-(int64_t)((1 << 20) + 5 * PAGE_BYTES), 0, 0));
        fixture_check();
    }
}

/* --- mmap --- */

Test(pager_memory, map_reserves_and_touching_fills)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 3 * PAGE_BYTES - 1, PROTECTION_WRITE, 0));
    cr_assert_eq(first, LAYOUT_MMAP_FIRST + 4 * PAGE_BYTES); /* aligned to four pages; the first page of a region is nobody's */
    cr_assert_eq(pages_of(INIT, SEGMENT_MMAP), 0);
    *(char *)sim_touch(INIT, first + PAGE_BYTES, FAULT_WRITE) = 5;
    cr_assert_eq(pages_of(INIT, SEGMENT_MMAP), 1);
    uint64_t second = fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_READ, 0));
    cr_assert_eq(second, LAYOUT_MMAP_FIRST + PAGE_BYTES);
    cr_assert_null(sim_touch(INIT, second, FAULT_WRITE));
    cr_assert_eq(sim_process(INIT), nullptr);
    fixture_check();
}

/* The page of a region's book belongs to nobody in the process: it is not mapped, and touching it ends who does. */
Test(pager_memory, the_first_page_of_a_region_is_nobodys)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    for (unsigned i = 0; i < 2047; i++) cr_assert_neq(fixture_ok(sim_request(number, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0)) % REGION_BYTES, 0);
    EXPECT(NOT_MAPPED, sim_request(number, PROTOCOL_protect, LAYOUT_MMAP_FIRST, PAGE_BYTES, PROTECTION_WRITE));
    EXPECT(NOT_MAPPED, sim_request(number, PROTOCOL_unmap, LAYOUT_MMAP_FIRST, PAGE_BYTES, 0));
    cr_assert_null(sim_touch(number, LAYOUT_MMAP_FIRST, FAULT_WRITE));
    fixture_ended(handle, PROCESS_BAD_ADDRESS, LAYOUT_MMAP_FIRST);
    fixture_check();
}

Test(pager_memory, neighbours_that_are_alike_are_one_segment)
{
    fixture_start();
    uint32_t count = sim_process(INIT)->segments.count;
    for (unsigned i = 0; i < 1000; i++) fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0));
    cr_assert_eq(sim_process(INIT)->segments.count, count + 1);
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, LAYOUT_MMAP_FIRST + 2 * PAGE_BYTES, PAGE_BYTES, 0));
    cr_assert_eq(sim_process(INIT)->segments.count, count + 2);
    uint64_t two = fixture_ok(sim_request(INIT, PROTOCOL_map, 2 * PAGE_BYTES, PROTECTION_WRITE, 0));
    cr_assert_gt(two, LAYOUT_MMAP_FIRST + 1000 * PAGE_BYTES);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE, 0)), LAYOUT_MMAP_FIRST + 2 * PAGE_BYTES);
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, two, 2 * PAGE_BYTES, 0));
    cr_assert_eq(sim_process(INIT)->segments.count, count + 1);
    fixture_check();
}

Test(pager_memory, unmap_cuts_and_counts)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
    uint64_t free = sim_free_frames();
    for (uint64_t i = 0; i < 64; i += 3) *(char *)sim_touch(INIT, first + i * PAGE_BYTES, FAULT_WRITE) = (char)i;
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 10 * PAGE_BYTES, 20 * PAGE_BYTES - 1, 0));
    fixture_check();
    cr_assert_eq(*(char *)sim_touch(INIT, first + 9 * PAGE_BYTES, FAULT_READ), 9);
    cr_assert_eq(*(char *)sim_touch(INIT, first + 30 * PAGE_BYTES, FAULT_READ), 30);
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_unmap, first, 64 * PAGE_BYTES, 0));
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_unmap, first + 15 * PAGE_BYTES, PAGE_BYTES, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, 10 * PAGE_BYTES, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 30 * PAGE_BYTES, 34 * PAGE_BYTES, 0));
    cr_assert_eq(pages_of(INIT, SEGMENT_MMAP), 0);
    cr_assert_eq(sim_free_frames(), free);
    fixture_check();
}

Test(pager_memory, protect_changes_what_is_there_and_what_comes)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 8 * PAGE_BYTES, PROTECTION_WRITE, 0));
    *(char *)sim_touch(number, first + 2 * PAGE_BYTES, FAULT_WRITE) = 7;
    EXPECT(OK, sim_request(number, PROTOCOL_protect, first + PAGE_BYTES, 3 * PAGE_BYTES, PROTECTION_EXECUTE));
    fixture_check();
    cr_assert_eq(*(char *)sim_touch(number, first + 2 * PAGE_BYTES, FAULT_EXECUTE), 7);
    cr_assert_not_null(sim_touch(number, first + 3 * PAGE_BYTES, FAULT_EXECUTE));
    cr_assert_not_null(sim_touch(number, first + 4 * PAGE_BYTES, FAULT_WRITE));
    fixture_check();
    EXPECT(OK, sim_request(number, PROTOCOL_protect, first, 8 * PAGE_BYTES, PROTECTION_READ));
    fixture_check();
    uint32_t count = sim_process(number)->segments.count;
    EXPECT(OK, sim_request(number, PROTOCOL_protect, first, 8 * PAGE_BYTES, PROTECTION_WRITE));
    cr_assert_eq(sim_process(number)->segments.count, count);
    EXPECT(OK, sim_request(number, PROTOCOL_protect, first + 2 * PAGE_BYTES, PAGE_BYTES, PROTECTION_READ));
    cr_assert_eq(sim_process(number)->segments.count, count + 2);
    fixture_check();
    cr_assert_null(sim_touch(number, first + 2 * PAGE_BYTES, FAULT_WRITE));
    fixture_ended(handle, PROCESS_PROTECTION, first + 2 * PAGE_BYTES);
}

Test(pager_memory, hostile_ranges_get_a_status)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 4 * PAGE_BYTES, PROTECTION_WRITE, 0));
    static const uint64_t words[] = {
        0, 1, PAGE_BYTES - 1, PAGE_BYTES, USER_FIRST, SIM_IMAGE_FIRST, LAYOUT_MMAP_FIRST, LAYOUT_MMAP_FIRST + 1, LAYOUT_STACK_TOP - PAGE_BYTES,
        LAYOUT_BUFFER_FIRST, USER_LIMIT - PAGE_BYTES, USER_LIMIT, USER_LIMIT + PAGE_BYTES, (uint64_t)1 << 63, UINT64_MAX - PAGE_BYTES + 1, UINT64_MAX,
    };
    constexpr size_t count = sizeof(words) / sizeof(words[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (words[i] == first && words[j] <= 4 * PAGE_BYTES && words[j] > 0) continue;
            cr_assert_neq(sim_request(INIT, PROTOCOL_unmap, words[i], words[j], 0).label, STATUS_OK, "%lx %lx", words[i], words[j]);
            cr_assert_neq(sim_request(INIT, PROTOCOL_protect, words[i], words[j], 0).label, STATUS_OK, "%lx %lx", words[i], words[j]);
        }
    }
    EXPECT(BAD_ALIGNMENT, sim_request(INIT, PROTOCOL_unmap, first + 1, PAGE_BYTES, 0));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_unmap, first, 0, 0));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_unmap, first, UINT64_MAX, 0));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_unmap, 0, PAGE_BYTES, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_protect, first, PAGE_BYTES, 4));
    EXPECT(WRITE_EXECUTE, sim_request(INIT, PROTOCOL_protect, first, PAGE_BYTES, PROTECTION_WRITE | PROTECTION_EXECUTE));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_map, 0, 0, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_map, UINT64_MAX, 0, 0));
    EXPECT(LIMIT, sim_request(INIT, PROTOCOL_map, LAYOUT_MMAP_MOST, 0, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_map, PAGE_BYTES, UINT64_MAX, 0));
    fixture_check();
}

Test(pager_memory, immutable_segments_refuse_every_change)
{
    fixture_start();
    fixture_ok(sim_request(INIT, PROTOCOL_brk, 1, 0, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_autogen_move, PAGE_BYTES, 0, 0));
    const struct process *init = sim_process(INIT);
    for (uint32_t i = 0; i < init->segments.count; i++) {
        EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_unmap, sim_segment(init, i)->first, PAGE_BYTES, 0));
        EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_protect, sim_segment(init, i)->first, PAGE_BYTES, PROTECTION_WRITE));
    }
    fixture_check();
}

Test(pager_memory, room_for_thousands_of_segments)
{
    fixture_start();
    /* Every second page another protection, so that nothing joins. */
    uint32_t before = sim_process(INIT)->segments.count;
    uint64_t count = 5000;
    for (uint64_t i = 0; i < count; i++) fixture_ok(sim_request(INIT, PROTOCOL_map, PAGE_BYTES, i % 2 == 0 ? PROTECTION_WRITE : PROTECTION_READ, 0));
    cr_assert_eq(sim_process(INIT)->segments.count, before + count);
    cr_assert_eq(sim_process(INIT)->segments.directory.area->count_regions, 3); /* 2,047 pages each */
    fixture_check();
    sim_enter_pager();
    cr_assert_eq(segment_reserve(&sim_process(INIT)->segments, SEGMENT_LIMIT), STATUS_LIMIT);
    cr_assert_eq(segment_reserve(&sim_process(INIT)->segments, UINT32_MAX), STATUS_LIMIT);
    sim_leave_pager();
    for (uint64_t i = 1; i < 2047; i += 50) cr_assert_not_null(sim_touch(INIT, LAYOUT_MMAP_FIRST + i * PAGE_BYTES, FAULT_READ));
    for (uint64_t i = 1; i < REGION_PAGES; i += 3) EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, LAYOUT_MMAP_FIRST + i * PAGE_BYTES, PAGE_BYTES, 0));
    fixture_check();
}

/* --- Modules --- */

Test(pager_memory, a_module_is_mapped_with_its_own_frames)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t free = 0;
    struct sim_reply reply = sim_request_text(number, PROTOCOL_module_map, 0, "file", 4);
    uint64_t first = fixture_ok(reply);
    cr_assert_eq(reply.word[1], sizeof(fixture_file));
    const unsigned char *page = sim_touch(number, first, FAULT_READ);
    cr_assert_eq(memcmp(page, fixture_file, PAGE_BYTES), 0);
    free = sim_free_frames();
    page = sim_touch(number, first + 2 * PAGE_BYTES, FAULT_READ);
    cr_assert_eq(sim_free_frames(), free);
    cr_assert_eq(memcmp(page, fixture_file + 2 * PAGE_BYTES, PAGE_BYTES - 100), 0);
    for (unsigned i = PAGE_BYTES - 100; i < PAGE_BYTES; i++) cr_assert_eq(page[i], 0);
    EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_protect, first, PAGE_BYTES, PROTECTION_WRITE));
    EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_protect, first, PAGE_BYTES, PROTECTION_EXECUTE));
    fixture_check();
    uint64_t other = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_eq(sim_touch(INIT, other, FAULT_READ), sim_touch(number, first, FAULT_READ));
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first + PAGE_BYTES, PAGE_BYTES, 0));
    cr_assert_eq(memcmp(sim_touch(number, first + 2 * PAGE_BYTES, FAULT_READ), fixture_file + 2 * PAGE_BYTES, PAGE_BYTES - 100), 0);
    fixture_check();
    cr_assert_null(sim_touch(number, first, FAULT_WRITE));
    fixture_ended(handle, PROCESS_PROTECTION, first);
    cr_assert_eq(memcmp(sim_touch(INIT, other, FAULT_READ), fixture_file, PAGE_BYTES), 0);
    fixture_check();
}

Test(pager_memory, modules_that_cannot_be_mapped)
{
    fixture_start();
    EXPECT(NOT_FOUND, sim_request_text(INIT, PROTOCOL_module_map, 0, "nobody", 6));
    EXPECT(NOT_FOUND, sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 5));
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_module_map, 0, "", 0));
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_module_map, 0, "empty", 5));
    char name[MODULE_NAME_BYTES + 1] = { 'x' };
    EXPECT(BAD_LENGTH, sim_request_text(INIT, PROTOCOL_module_map, 0, name, sizeof(name)));
    fixture_check();
}

/* --- The k-th allocation fails --- */

/* Takes every free frame; returns how many. */
static unsigned take_all(frame_id_t *frames, unsigned limit)
{
    unsigned count = 0;
    sim_enter_pager();
    while (count < limit && seam_frame_allocate(&frames[count]) == STATUS_OK) count++;
    sim_leave_pager();
    cr_assert_eq(sim_free_frames(), 0);
    return count;
}

Test(pager_memory, giving_back_needs_no_memory)
{
    static frame_id_t frames[8192];
    static const enum protocol labels[] = { PROTOCOL_brk, PROTOCOL_autogen_move };
    static const enum segment_kind kinds[] = { SEGMENT_BRK, SEGMENT_AUTOGEN };
    constexpr uint64_t size = (uint64_t)8 << 20;
    constexpr uint64_t less = ((uint64_t)3 << 20) - PAGE_BYTES;
    for (size_t i = 0; i < 2; i++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = 24 << 20 });
        fixture_ok(fixture_whole(INIT, labels[i], size, 0, 0));
        uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 * PAGE_BYTES, PROTECTION_WRITE, 0));
        for (unsigned page = 0; page < 64; page += 2) cr_assert_not_null(sim_touch(INIT, first + page * PAGE_BYTES, FAULT_WRITE));
        uint64_t pages = pages_of(INIT, kinds[i]);
        unsigned count = take_all(frames, sizeof(frames) / sizeof(frames[0]));
        EXPECT(OK, fixture_whole(INIT, labels[i], (uint64_t)-(int64_t)less, 0, 0));
        cr_assert_eq(pages_of(INIT, kinds[i]), pages - less / PAGE_BYTES);
        EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 10 * PAGE_BYTES, 20 * PAGE_BYTES, 0));
        sim_enter_pager();
        while (count > 0) cr_assert_eq(seam_frame_free(frames[--count]), STATUS_OK);
        sim_leave_pager();
        fixture_check();
    }
}

Test(pager_memory, fills_that_fail_have_changed_nothing)
{
    fixture_start();
    const struct process *process = sim_process(INIT);
    const struct fill *const fills[] = { &fill_image, &fill_zero_at_once };
    for (size_t i = 0; i < 2; i++) {
        struct segment segment = { .first = 0x1000'0000, .limit = 0x1000'0000 + 8 * PAGE_BYTES, .fill = fills[i], .kind = SEGMENT_DATA };
        struct fill_source source = { .first_frame = sim_pager.modules[0].first_frame, .file_bytes = 3 * PAGE_BYTES + 1 };
        sim_enter_pager();
        for (uint64_t n = 1; n < 30; n++) {
            uint64_t free = sim_free_frames();
            sim_fail_allocation(n);
            enum status status = fills[i]->set(process->space, &segment, segment.first, segment.limit, &source);
            if (sim_count_allocations() < n) {
                cr_assert_eq(status, STATUS_OK);
                uint64_t gone;
                cr_assert_eq(fill_unmap(process->space, segment.first, segment.limit, UNMAP_FREE, 8, &gone), STATUS_OK);
                cr_assert_eq(gone, 8);
                break;
            }
            cr_assert_eq(status, STATUS_NO_MEMORY);
            cr_assert_eq(sim_free_frames(), free);
        }
        sim_fail_allocation(0);
        sim_leave_pager();
        fixture_check();
    }
}

static void fails_cleanly(enum protocol label, uint64_t word0, uint64_t word1)
{
    for (uint64_t n = 1;; n++) {
        uint64_t free = sim_free_frames(), charge = process_charge(sim_process(INIT));
        if (!FAILS_AT(n, label == PROTOCOL_map ? sim_request(INIT, label, word0, word1, 0) : fixture_whole(INIT, label, word0, word1, 0))) return;
        /* A page for more segments may stay: it is charged, and used next time. */
        cr_assert_eq(sim_free_frames() + process_charge(sim_process(INIT)), free + charge, "n=%lu", n);
    }
}

Test(pager_memory, failing_allocations_change_nothing)
{
    fixture_start();
    fails_cleanly(PROTOCOL_brk, 3 << 20, 0);
    fails_cleanly(PROTOCOL_brk, 3 << 20, 0);
    fails_cleanly(PROTOCOL_autogen_move, 3 << 20, 0);
    fails_cleanly(PROTOCOL_map, PAGE_BYTES, PROTECTION_WRITE);
}
