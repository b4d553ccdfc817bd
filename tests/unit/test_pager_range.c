/* Parts of the mmap area: fixed places, memory made as new in place, pages given back, memory that refuses every change. */
#include "pager_fixture.h"

#include "microkernel/counter.h"
#include "microkernel/frame.h"

constexpr uint64_t P = PAGE_BYTES;

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(INIT)->segments, address); }

/* A range of which every page was written. */
static uint64_t written(uint64_t pages)
{
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, pages * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 0; i < pages; i++) *(char *)sim_touch(INIT, first + i * P, FAULT_WRITE) = (char)(i + 1);
    return first;
}

Test(pager_range, map_over_keeps_the_frames_and_clears_them)
{
    fixture_start();
    uint64_t first = written(8);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first + 4 * P, P, PROTECTION_READ)); /* what the ledger needs for cuts is there */
    static const struct { uint64_t from, pages; } cuts[] = { { 0, 2 }, { 6, 2 }, { 3, 1 }, { 0, 8 } }; /* left, right, middle, all */
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        uint64_t from = first + cuts[i].from * P;
        uint64_t free = sim_free_frames();
        uint64_t frame, same;
        uint32_t attributes;
        cr_assert(sim_page(INIT, from, &frame, &attributes));
        *(char *)sim_touch(INIT, from, FAULT_READ) = 9; /* written behind the protection's back */
        EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, from, cuts[i].pages * P, PROTECTION_READ));
        cr_assert_eq(sim_free_frames(), free);
        cr_assert(sim_page(INIT, from, &same, &attributes));
        cr_assert_eq(same, frame);
        cr_assert_eq(attributes, ATTRIBUTE_READ);
        for (uint64_t page = 0; page < cuts[i].pages; page++) cr_assert_eq(*(char *)sim_touch(INIT, from + page * P, FAULT_READ), 0);
        fixture_check();
    }
    cr_assert_eq(at(first)->limit - at(first)->first, 8 * P); /* alike again: one segment */
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_map_over, first + 7 * P, 2 * P, PROTECTION_READ));
    EXPECT(WRITE_EXECUTE, sim_request(INIT, PROTOCOL_map_over, first, P, PROTECTION_WRITE | PROTECTION_EXECUTE));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_map_over, fixture_image.limit - P, P, PROTECTION_READ));
}

Test(pager_range, map_over_neighbours_keep_their_content)
{
    fixture_start();
    uint64_t first = written(5);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first + 2 * P, P, PROTECTION_WRITE));
    for (uint64_t i = 0; i < 5; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), (char)(i == 2 ? 0 : i + 1));
    fixture_check();
}

Test(pager_range, map_over_a_module_is_memory_of_its_own)
{
    fixture_start();
    uint64_t first = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, first + P, FAULT_READ), fixture_file[P]);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first + P, P, PROTECTION_WRITE));
    char *byte = sim_touch(INIT, first + P, FAULT_WRITE);
    cr_assert_eq(*byte, 0);
    *byte = 1;
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, first, FAULT_READ), fixture_file[0]);
    fixture_check();
}

Test(pager_range, discard_gives_pages_back_and_zeroes_come)
{
    fixture_start();
    uint64_t first = written(6);
    uint64_t free = sim_free_frames();
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first + P, 4 * P, 0));
    cr_assert_eq(sim_free_frames(), free + 4);
    cr_assert_eq(at(first)->pages, 2);
    fixture_check();
    cr_assert_eq(*(char *)sim_touch(INIT, first + 2 * P, FAULT_READ), 0);
    cr_assert_eq(*(char *)sim_touch(INIT, first + 5 * P, FAULT_READ), 6);
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_discard, first + 5 * P, 2 * P, 0));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_discard, LAYOUT_STACK_TOP - P, P, 0));
    fixture_check();
}

Test(pager_range, sealed_memory_refuses_every_change)
{
    fixture_start();
    uint32_t number;
    uint32_t handle = fixture_child(&number);
    uint64_t free = sim_free_frames();
    uint64_t first = fixture_ok(sim_request(number, PROTOCOL_map, 4 * P, PROTECTION_WRITE, 0));
    *(char *)sim_touch(number, first + P, FAULT_WRITE) = 5;
    EXPECT(OK, sim_request(number, PROTOCOL_seal, first + P, 2 * P, 0));
    for (uint64_t i = 1; i <= 2; i++) {
        EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_unmap, first + i * P, P, 0));
        EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_protect, first + i * P, P, PROTECTION_READ));
        EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_map_over, first + i * P, P, PROTECTION_WRITE));
        EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_discard, first + i * P, P, 0));
        EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_seal, first + i * P, P, 0));
        EXPECT(EXISTS, sim_request(number, PROTOCOL_map_at, P, PROTECTION_WRITE, first + i * P));
    }
    EXPECT(IMMUTABLE, sim_request(number, PROTOCOL_unmap, first, 4 * P, 0)); /* nor as a part of more */
    cr_assert_eq(*(char *)sim_touch(number, first + P, FAULT_READ), 5);
    cr_assert_not_null(sim_touch(number, first + 2 * P, FAULT_WRITE)); /* it is used as before */
    fixture_check();
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first, P, 0));
    EXPECT(OK, sim_request(number, PROTOCOL_unmap, first + 3 * P, P, 0));
    fixture_check();
    sim_end(number);
    fixture_ended(handle, PROCESS_EXITED, 0);
    cr_assert_geq(sim_free_frames(), free);
    fixture_check();
}

Test(pager_range, map_at_takes_a_place_where_nothing_is)
{
    fixture_start();
    uint64_t place = LAYOUT_MMAP_FIRST + 64 * LAYOUT_UNIT + 5 * P;
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 3 * P, PROTECTION_WRITE, place));
    cr_assert_eq(at(place)->first, place);
    cr_assert_eq(at(place)->limit, place + 3 * P);
    cr_assert_not_null(sim_touch(INIT, place + 2 * P, FAULT_WRITE));
    EXPECT(EXISTS, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, place + 2 * P));
    EXPECT(EXISTS, sim_request(INIT, PROTOCOL_map_at, 2 * P, PROTECTION_WRITE, place - P));
    EXPECT(BAD_ALIGNMENT, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, place + 1));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_map_at, 0, PROTECTION_WRITE, place));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, LAYOUT_MMAP_FIRST - P));
    EXPECT(BAD_ADDRESS, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, LAYOUT_STACK_TOP - P));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, place, 3 * P, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_READ, place + P));
    fixture_check();
}

/* A region that has become empty is kept with its book. Nobody sees that: what lies across its beginning is placed there. */
Test(pager_range, map_at_goes_over_a_region_that_is_empty)
{
    fixture_start();
    uint64_t border = LAYOUT_MMAP_FIRST + 5 * REGION_BYTES;
    fixture_ok(sim_request(INIT, PROTOCOL_map, P, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, border + 9 * P));
    EXPECT(EXISTS, sim_request(INIT, PROTOCOL_map_at, 2 * P, PROTECTION_WRITE, border - P)); /* something is there */
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, border + 9 * P, P, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 2 * P, PROTECTION_WRITE, border - P));
    *(char *)sim_touch(INIT, border, FAULT_WRITE) = 1;
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, border - P, 2 * P, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, REGION_BYTES, PROTECTION_WRITE, border));
    fixture_check();
}

/* Memory of the mmap area grows by what is mapped right beside it, also over the end of a page table, and shrinks at its ends: it is one segment all the time,
 * what was there keeps its frames and content, and only the entries of what comes or goes are written. */
Test(pager_range, map_at_beside_memory_makes_it_larger)
{
    fixture_start();
    uint64_t middle = LAYOUT_MMAP_FIRST + 5 * REGION_BYTES + LAYOUT_TABLE_BYTES - 2 * P, frame[4];
    uint32_t attributes, segments = sim_process(INIT)->segments.count;
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 4 * P, PROTECTION_WRITE, middle));
    for (uint64_t i = 0; i < 4; i++) *(char *)sim_touch(INIT, middle + i * P, FAULT_WRITE) = (char)(i + 1);
    for (uint64_t i = 0; i < 4; i++) cr_assert(sim_page(INIT, middle + i * P, &frame[i], &attributes));
    uint64_t first = middle, limit = middle + 4 * P;
    for (unsigned turn = 0; turn < 20; turn++) {
        bool is_below = turn % 2 == 0;
        uint64_t pages = 1 + turn * 7 % 5, place = is_below ? first - pages * P : limit;
        EXPECT(EXISTS, sim_request(INIT, PROTOCOL_map_at, (pages + 1) * P, PROTECTION_WRITE, is_below ? place : place - P)); /* a page of it */
        EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, pages * P, PROTECTION_WRITE, place));
        if (is_below) first = place;
        else limit = place + pages * P;
        cr_assert(at(middle)->first == first && at(middle)->limit == limit && at(middle)->pages == 4, "turn %u", turn);
        cr_assert_eq(sim_process(INIT)->segments.count, segments + 1);
    }
    uint64_t written = counters[COUNTER_ENTRIES_WRITTEN];
    EXPECT(OK, sim_request(INIT, PROTOCOL_populate, limit - 3 * P, 3 * P, 0));
    cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN] - written, 3);
    written = counters[COUNTER_ENTRIES_WRITTEN];
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, limit - 3 * P, 3 * P, 0));
    cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN] - written, 3);
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, middle - first, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, middle + 4 * P, limit - 3 * P - middle - 4 * P, 0));
    cr_assert(at(middle)->first == middle && at(middle)->limit == middle + 4 * P && at(middle)->pages == 4);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t now;
        cr_assert(sim_page(INIT, middle + i * P, &now, &attributes) && now == frame[i]);
        cr_assert_eq(*(char *)sim_touch(INIT, middle + i * P, FAULT_READ), (char)(i + 1));
    }
    fixture_check();
}

/* --- map_over beside the old way, which is to unmap, to map anew at the same place and to touch (docs/adr/0018-memory-of-processes.md) --- */

struct cost {
    uint64_t entries; /* into the kernel, of the program and the pager */
    uint64_t written; /* entries of page tables */
    uint64_t freed, taken; /* frames, tables among them */
    uint64_t faults;
    uint64_t zeroed;
};

/* All pages of a range become zeroes that may be written, and are written. */
static struct cost renew(uint64_t first, uint64_t pages, bool is_old)
{
    struct cost before = { .entries = counters[COUNTER_ENTRIES], .written = counters[COUNTER_ENTRIES_WRITTEN], .zeroed = counters[COUNTER_FRAMES_ZEROED] };
    uint64_t faults = sim_pager.count_faults, free = frame_count_free();
    if (is_old) EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, pages * P, 0));
    else EXPECT(OK, fixture_whole(INIT, PROTOCOL_map_over, first, pages * P, PROTECTION_WRITE));
    uint64_t freed = frame_count_free() - free;
    if (is_old) EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, pages * P, PROTECTION_WRITE, first));
    for (uint64_t i = 0; i < pages; i++) {
        char *byte = sim_touch(INIT, first + i * P, FAULT_WRITE);
        cr_assert_eq(*byte, 0);
        *byte = 1;
    }
    return (struct cost){
        .entries = counters[COUNTER_ENTRIES] - before.entries, .written = counters[COUNTER_ENTRIES_WRITTEN] - before.written, .freed = freed,
        .taken = free + freed - frame_count_free(), .faults = sim_pager.count_faults - faults, .zeroed = counters[COUNTER_FRAMES_ZEROED] - before.zeroed,
    };
}

Test(pager_range, map_over_beside_unmap_and_map)
{
    static const struct { uint64_t pages; bool is_old; struct cost cost; } cases[] = {
        { 1, false, { 5, 0, 0, 0, 0, 1 } },        { 1, true, { 7, 8, 4, 4, 1, 1 } },
        { 16, false, { 35, 0, 0, 0, 0, 16 } },     { 16, true, { 13, 38, 19, 19, 4, 16 } },
        { 512, false, { 1034, 0, 0, 0, 0, 512 } }, { 512, true, { 21, 1030, 515, 515, 8, 512 } },
        { 1024, false, { 0, 2056, 1028, 1028, 12, 1024 } }, { 1024, true, { 0, 2056, 1028, 1028, 12, 1024 } }, /* more than stays in place: alike */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_start();
        uint64_t first = written(cases[i].pages);
        struct cost cost = renew(first, cases[i].pages, cases[i].is_old);
        const struct cost *expected = &cases[i].cost;
        cr_log_info("%zu: %lu %lu %lu %lu %lu %lu", i, cost.entries, cost.written, cost.freed, cost.taken, cost.faults, cost.zeroed);
        if (expected->entries > 0) cr_assert_eq(cost.entries, expected->entries, "%zu: %lu", i, cost.entries);
        cr_assert_eq(cost.written, expected->written, "%zu: %lu", i, cost.written);
        cr_assert_eq(cost.freed, expected->freed, "%zu: %lu", i, cost.freed);
        cr_assert_eq(cost.taken, expected->taken, "%zu: %lu", i, cost.taken);
        cr_assert_eq(cost.faults, expected->faults, "%zu: %lu", i, cost.faults);
        if (cases[i].is_old) cr_assert_geq(cost.zeroed, expected->zeroed, "%zu: %lu", i, cost.zeroed); /* and tables */
        else cr_assert_eq(cost.zeroed, expected->zeroed, "%zu: %lu", i, cost.zeroed);
        fixture_check();
    }
}
