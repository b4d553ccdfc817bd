/* What programs may ask of memory beyond zeroed pages: alignment, hints, pages at once, large pages, advice. */
#include "pager_fixture.h"

#include "counter.h"
#include "fault.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t LARGE = LARGE_PAGE_BYTES;

static const struct segment *at(uint64_t address) { return segment_find(&sim_process(INIT)->segments, address); }

static struct sim_reply map(uint64_t bytes, uint64_t options, uint64_t hint)
{
    uint64_t word[MESSAGE_WORDS] = { bytes, PROTECTION_WRITE, options, hint };
    return sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_map, 0), word, nullptr, 0);
}

static void write_marks(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) *(char *)sim_touch(INIT, first + i * P, FAULT_WRITE) = (char)(i * 3 + i / 256 + 1);
}

static void expect_marks(uint64_t first, uint64_t from, uint64_t pages)
{
    for (uint64_t i = from; i < from + pages; i++)
        cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), (char)(i * 3 + i / 256 + 1), "page %lu", i);
}

Test(pager_options, every_alignment_is_kept)
{
    fixture_start();
    static const uint64_t sizes[] = { 1, P, 3 * P, 5 * P, 512 * P, LARGE + P, 5 << 20, (8 << 20) + P };
    for (unsigned log = MAPPING_ALIGNMENT_LEAST; log <= MAPPING_ALIGNMENT_MOST; log++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint64_t address = fixture_ok(map(sizes[i], log, 0));
            cr_assert_eq(address % ((uint64_t)1 << log), 0, "2^%u %lu", log, sizes[i]);
            cr_assert(at(address) != nullptr && at(address + sizes[i] - 1) != nullptr);
            fixture_check();
            if (i % 2 == 0) EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, address, sizes[i], 0));
        }
    }
    fixture_check();
    EXPECT(BAD_ALIGNMENT, map(P, MAPPING_ALIGNMENT_LEAST - 1, 0));
    EXPECT(BAD_ALIGNMENT, map(P, MAPPING_ALIGNMENT_MOST + 1, 0));
    EXPECT(BAD_ALIGNMENT, map(P, MAPPING_ALIGNMENT, 0));
}

/* Against all regions looked at one by one: the lowest run of free ones at such an address. */
Test(pager_options, runs_of_regions_are_the_lowest_that_are_aligned)
{
    fixture_start();
    sim_enter_pager();
    struct directory *directory = &sim_process(INIT)->segments.directory;
    uint64_t seed = 88172645463325252;
    uint64_t one;
    cr_assert_eq(area_take(directory, 1, &one), STATUS_OK);
    static uint64_t taken[600];
    for (unsigned i = 0; i < 600; i++) { /* some of the first 1024 regions are in use */
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        uint64_t first = LAYOUT_MMAP_FIRST + (seed >> 20) % 1024 * REGION_BYTES + P;
        taken[i] = area_take_at(directory, first, first + P) == STATUS_OK ? first : 0;
    }
    for (unsigned log = 11; log <= MAPPING_ALIGNMENT_MOST - PAGE_SHIFT; log++) {
        for (uint64_t regions = 1; regions <= 200; regions += regions < 8 ? 1 : 31) {
            uint64_t align = (uint64_t)REGION_BYTES << (log - 11), wanted = 0;
            for (uint64_t first = LAYOUT_MMAP_FIRST; wanted == 0; first += REGION_BYTES) {
                uint64_t count = 0;
                uint64_t index = directory_index(first);
                while (first % align == 0 && count < regions && directory_at(directory, index + count)->descriptor.end == 0) count++;
                if (count == regions) wanted = first;
            }
            uint64_t address, pages = regions * REGION_PAGES - 1;
            cr_assert_eq(area_take_aligned(directory, pages, (uint64_t)1 << log, &address), STATUS_OK);
            cr_assert_eq(address, wanted, "2^%u pages, %lu regions", log, regions);
            area_give(directory, address, address + pages * P);
        }
    }
    cr_assert_null(area_check(directory));
    for (unsigned i = 0; i < 600; i++)
        if (taken[i] != 0) area_give(directory, taken[i], taken[i] + P);
    area_give(directory, one, one + P);
    cr_assert_null(area_check(directory));
    sim_leave_pager();
}

Test(pager_options, a_hint_is_taken_or_passed_over)
{
    fixture_start();
    uint64_t good = LAYOUT_MMAP_FIRST + 77 * REGION_BYTES + 5 * P;
    cr_assert_eq(fixture_ok(map(3 * P, 0, good)), good);
    uint64_t other = fixture_ok(map(3 * P, 0, good + P)); /* taken */
    cr_assert(other != good && at(other) != nullptr);
    cr_assert_neq(fixture_ok(map(P, 0, good + 6 * P + 1)), good + 6 * P + 1);
    static const uint64_t odd[] = { 1, P, USER_FIRST, LAYOUT_MMAP_FIRST - P, LAYOUT_MMAP_LIMIT - P, LAYOUT_MMAP_LIMIT, USER_LIMIT, UINT64_MAX, 1ull << 63 };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint64_t address = fixture_ok(map(2 * P, 0, odd[i]));
        cr_assert(address >= LAYOUT_MMAP_FIRST && address + 2 * P <= LAYOUT_MMAP_LIMIT && address != odd[i]);
    }
    cr_assert_eq(fixture_ok(map(P, 21, good + 64 * P)) % LARGE, 0); /* not aligned as was asked */
    fixture_check();
}

Test(pager_options, refusals_change_nothing)
{
    fixture_start();
    uint32_t segments = sim_process(INIT)->segments.count;
    EXPECT(BAD_ARGUMENT, map(P, MAPPING_LARGE_ONLY, 0)); /* alone */
    EXPECT(BAD_LENGTH, map(P, MAPPING_LARGE_ONLY | MAPPING_POPULATE, 0));
    EXPECT(BAD_LENGTH, map(0, MAPPING_POPULATE, 0));
    EXPECT(LIMIT, map(LAYOUT_MMAP_MOST + 1, MAPPING_LARGE, 0));
    EXPECT(LIMIT, map(UINT64_MAX, MAPPING_LARGE, 0));
    for (unsigned bit = 11; bit < 64; bit++) EXPECT(BAD_ARGUMENT, map(P, (uint64_t)1 << bit, 0));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_populate, LAYOUT_MMAP_FIRST, P, 2));
    EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_populate, LAYOUT_MMAP_FIRST + P, P, 0));
    EXPECT(BAD_LENGTH, sim_request(INIT, PROTOCOL_populate, LAYOUT_MMAP_FIRST + P, 0, 0));
    for (uint64_t advice = ADVICE_NORMAL; advice < ADVICES; advice++) EXPECT(NOT_MAPPED, sim_request(INIT, PROTOCOL_advise, LAYOUT_MMAP_FIRST + P, P, advice));
    EXPECT(BAD_ARGUMENT, sim_request(INIT, PROTOCOL_advise, LAYOUT_STACK_TOP - P, P, ADVICES));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_advise, LAYOUT_STACK_TOP - P, P, ADVICE_RANDOM));
    EXPECT(IMMUTABLE, sim_request(INIT, PROTOCOL_advise, LAYOUT_STACK_TOP - P, P, ADVICE_DO_NOT_NEED));
    cr_assert_eq(sim_process(INIT)->segments.count, segments);
    fixture_check();
}

Test(pager_options, populate_brings_what_is_missing)
{
    fixture_start();
    uint64_t first = fixture_ok(map(20 * P, MAPPING_POPULATE, 0));
    cr_assert_eq(at(first)->pages, 20);
    first = fixture_ok(sim_request(INIT, PROTOCOL_map, 700 * P, PROTECTION_WRITE, 0));
    for (uint64_t i = 3; i < 700; i += 7) *(char *)sim_touch(INIT, first + i * P, FAULT_WRITE) = (char)i;
    uint64_t faults = sim_pager.count_faults;
    cr_assert_eq(fixture_ok(fixture_whole(INIT, PROTOCOL_populate, first + P, 600 * P, 0)), 600 * P);
    cr_assert_eq(at(first)->pages, 600 + 14);
    for (uint64_t i = 1; i < 601; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), (char)(i % 7 == 3 ? i : 0));
    cr_assert_eq(sim_pager.count_faults, faults);
    fixture_check();
    /* Kinds that are filled otherwise: a module's frames come, what is there anyway stays. */
    uint64_t module = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_populate, module, 3 * P, 0)), 3 * P);
    cr_assert_eq(*(unsigned char *)sim_touch(INIT, module + 2 * P, FAULT_READ), fixture_file[2 * P]);
    fixture_ok(sim_request(INIT, PROTOCOL_populate, LAYOUT_STACK_TOP - 64 * P, 64 * P, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_populate, SIM_IMAGE_FIRST, P, 0));
    fixture_ok(sim_request(INIT, PROTOCOL_populate, LAYOUT_BUFFER_FIRST, P, 0));
    cr_assert_eq(sim_pager.count_faults, faults);
    fixture_check();
}

Test(pager_options, populate_goes_in_steps_and_tells)
{
    fixture_start();
    uint64_t bytes = POPULATE_BYTES_MOST + 3 * LARGE;
    struct sim_reply reply = map(bytes, MAPPING_POPULATE, 0);
    uint64_t first = fixture_ok(reply);
    cr_assert_eq(reply.word[1], POPULATE_BYTES_MOST);
    cr_assert_eq(at(first)->pages, POPULATE_BYTES_MOST / P);
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_populate, first, bytes, 0)), POPULATE_BYTES_MOST); /* it is there */
    for (uint64_t pages = at(first)->pages, done = POPULATE_BYTES_MOST; done < bytes; pages = at(first)->pages) {
        done += fixture_ok(sim_request(INIT, PROTOCOL_populate, first + done, bytes - done, 0));
        cr_assert_leq(at(first)->pages - pages, FILL_STEP_PAGES);
    }
    cr_assert_eq(at(first)->pages, bytes / P);
    fixture_check();
}

Test(pager_options, large_pages_come_with_one_touch)
{
    fixture_start();
    uint64_t first = fixture_ok(map(3 * LARGE + 5 * P, MAPPING_LARGE, 0));
    cr_assert_eq(first % LARGE, 0);
    cr_assert_eq(at(first)->pages, 0);
    uint64_t written = counters[COUNTER_ENTRIES_WRITTEN], faults = sim_pager.count_faults;
    *(char *)sim_touch(INIT, first + LARGE + 77 * P, FAULT_WRITE) = 1;
    cr_assert_eq(at(first)->pages, 512);
    cr_assert_leq(counters[COUNTER_ENTRIES_WRITTEN] - written, 4);
    cr_assert_eq(fixture_page_bytes(first + LARGE), LARGE);
    write_marks(first + LARGE, 512);
    cr_assert_eq(sim_pager.count_faults, faults + 1);
    sim_touch(INIT, first + 3 * LARGE + 2 * P, FAULT_WRITE); /* behind the last whole one */
    cr_assert_eq(fixture_page_bytes(first + 3 * LARGE + 2 * P), P);
    cr_assert_eq(at(first)->pages, 513);
    expect_marks(first + LARGE, 0, 512);
    fixture_check();
}

/* What is split keeps its content, whatever is done to a part of it; and what was refused for want of memory has changed nothing. */
static void play_part(unsigned deed, uint64_t fail)
{
    fixture_start();
    uint64_t first = fixture_ok(map(2 * LARGE, MAPPING_LARGE | MAPPING_POPULATE, 0));
    cr_assert_eq(fixture_page_bytes(first), LARGE);
    write_marks(first, 1024);
    static const struct { enum protocol label; uint64_t word2; } deeds[] = {
        { PROTOCOL_unmap, 0 }, { PROTOCOL_protect, PROTECTION_READ }, { PROTOCOL_discard, 0 }, { PROTOCOL_map_over, PROTECTION_WRITE },
        { PROTOCOL_advise, ADVICE_RANDOM }, { PROTOCOL_seal, 0 },
    };
    constexpr uint64_t FROM = 500, COUNT = 30; /* over the border of both */
    uint64_t charged = sim_process(INIT)->family->pages.charged;
    uint64_t free = sim_free_frames();
    sim_fail_allocation(fail);
    struct sim_reply reply = sim_request(INIT, deeds[deed].label, first + FROM * P, COUNT * P, deeds[deed].word2);
    sim_fail_allocation(0);
    fixture_check();
    cr_assert(reply.label == STATUS_OK || (fail > 0 && reply.label == STATUS_NO_MEMORY), "%u %s", deed, status_name(reply.label));
    expect_marks(first, 0, FROM);
    expect_marks(first, FROM + COUNT, 1024 - FROM - COUNT);
    if (reply.label == STATUS_NO_MEMORY) {
        expect_marks(first, FROM, COUNT);
        cr_assert_leq(sim_process(INIT)->family->pages.charged, charged + 8); /* pages for rows and maps */
        cr_assert_geq(sim_free_frames() + 16, free);
    } else if (deed == 0) {
        cr_assert_null(at(first + FROM * P));
        cr_assert_null(at(first + (FROM + COUNT) * P - 1));
    } else if (deed == 2 || deed == 3) {
        for (uint64_t i = FROM; i < FROM + COUNT; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), 0);
    } else {
        expect_marks(first, FROM, COUNT);
    }
    if (deed == 1 && reply.label == STATUS_OK) cr_assert_eq(at(first + FROM * P)->protection, PROTECTION_READ);
    fixture_check();
    if (deed == 5 && reply.label == STATUS_OK) return;
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, FROM * P, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + (FROM + COUNT) * P, (1024 - FROM - COUNT) * P, 0));
    fixture_check();
}

Test(pager_options, parts_of_large_pages)
{
    for (unsigned deed = 0; deed < 6; deed++) play_part(deed, 0);
}

Test(pager_options, parts_of_large_pages_without_memory)
{
    for (unsigned deed = 0; deed < 6; deed++)
        for (uint64_t fail = 1; fail <= 8; fail++) play_part(deed, fail);
}

Test(pager_options, map_over_a_large_page_zeroes_it)
{
    fixture_start();
    uint64_t first = fixture_ok(map(LARGE, MAPPING_LARGE | MAPPING_POPULATE | 21, 0));
    cr_assert_eq(fixture_page_bytes(first), LARGE);
    write_marks(first, 512);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first, LARGE, PROTECTION_WRITE));
    for (uint64_t i = 0; i < 512; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), 0);
    fixture_check();
}

/* With no block free a wish is met by small pages, a requirement is refused and leaves nothing. */
Test(pager_options, without_large_blocks)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20 });
    static uint64_t held[4096];
    unsigned count = 0;
    sim_enter_pager(); /* a frame out of each block is taken */
    frame_id_t frame;
    while (seam_frame_allocate(&frame) == STATUS_OK) held[count++] = frame.number;
    for (unsigned i = 0; i < count; i++)
        if (held[i] % 256 != 7) cr_assert_eq(seam_frame_free((frame_id_t){ held[i] }), STATUS_OK);
    sim_leave_pager();
    uint64_t free = sim_free_frames(), faults = sim_pager.count_faults;
    cr_assert_geq(free, 1024);
    EXPECT(NO_MEMORY, map(LARGE, MAPPING_LARGE_ONLY | MAPPING_POPULATE, 0));
    fixture_check();
    cr_assert_geq(sim_free_frames() + 8, free); /* the area begins */
    struct sim_reply reply;
    uint64_t first = fixture_ok(map(LARGE, MAPPING_LARGE, 0));
    write_marks(first, 512);
    expect_marks(first, 0, 512);
    cr_assert_eq(fixture_page_bytes(first), P);
    cr_assert_eq(at(first)->pages, 512);
    cr_assert_eq(sim_pager.count_faults, faults + 1);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, LARGE, 0));
    sim_enter_pager();
    for (unsigned i = 0; i < count; i++)
        if (held[i] % 256 == 7) cr_assert_eq(seam_frame_free((frame_id_t){ held[i] }), STATUS_OK);
    sim_leave_pager();
    reply = map(2 * LARGE, MAPPING_LARGE_ONLY | MAPPING_POPULATE, 0);
    first = fixture_ok(reply);
    cr_assert_eq(reply.word[1], LARGE); /* one with each message */
    fixture_ok(sim_request(INIT, PROTOCOL_populate, first + LARGE, LARGE, POPULATE_LARGE_ONLY));
    cr_assert(fixture_page_bytes(first) == LARGE && fixture_page_bytes(first + LARGE) == LARGE);
    EXPECT(OK, sim_request(INIT, PROTOCOL_populate, first, 2 * LARGE, POPULATE_LARGE_ONLY)); /* they are there */
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, first + P, P, PROTECTION_READ));
    EXPECT(ALREADY_MAPPED, sim_request(INIT, PROTOCOL_populate, first, LARGE, POPULATE_LARGE_ONLY));
    EXPECT(BAD_ALIGNMENT, sim_request(INIT, PROTOCOL_populate, first + P, LARGE, POPULATE_LARGE_ONLY));
    fixture_check();
}

/* Large pages are the process's own zeroes as small ones are: they are made so again in place, whole or in parts. */
Test(pager_options, map_over_clears_large_pages_in_place)
{
    fixture_start();
    uint64_t first = fixture_ok(map(LARGE, MAPPING_LARGE_ONLY | MAPPING_POPULATE, 0)), frame, same;
    uint32_t attributes;
    write_marks(first, LARGE / P);
    cr_assert(sim_page(INIT, first, &frame, &attributes));
    uint64_t free = sim_free_frames();
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first, LARGE, PROTECTION_WRITE));
    cr_assert(fixture_page_bytes(first) == LARGE && sim_free_frames() == free && at(first)->pages == LARGE / P);
    cr_assert(sim_page(INIT, first, &same, &attributes) && same == frame);
    for (uint64_t i = 0; i < LARGE / P; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P + i, FAULT_READ), 0);
    write_marks(first, LARGE / P);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first + 3 * P, 2 * P, PROTECTION_WRITE));
    expect_marks(first, 0, 3);
    expect_marks(first, 5, LARGE / P - 5);
    cr_assert_eq(*(char *)sim_touch(INIT, first + 4 * P, FAULT_READ), 0);
    fixture_check();
}

Test(pager_options, every_allocation_fails_once)
{
    for (uint64_t options = 0; options < 3; options++) {
        static const uint64_t choices[] = { MAPPING_POPULATE | 23, MAPPING_LARGE | MAPPING_POPULATE, MAPPING_LARGE_ONLY | MAPPING_POPULATE };
        bool is_done = false;
        for (uint64_t fail = 1; !is_done; fail++) {
            fixture_start();
            cr_assert_lt(fail, 40);
            uint64_t charged = sim_process(INIT)->family->pages.charged;
            uint32_t segments = sim_process(INIT)->segments.count;
            sim_fail_allocation(fail);
            struct sim_reply reply = map(2 * LARGE, choices[options], 0);
            is_done = sim_count_allocations() < fail;
            sim_fail_allocation(0);
            fixture_check();
            if (reply.label == STATUS_OK) continue;
            cr_assert_eq(reply.label, STATUS_NO_MEMORY);
            cr_assert_eq(sim_process(INIT)->segments.count, segments);
            cr_assert_leq(sim_process(INIT)->family->pages.charged, charged + 8);
        }
    }
}

static uint64_t faults_for(uint64_t first, uint64_t pages, uint64_t step)
{
    uint64_t before = sim_pager.count_faults;
    for (uint64_t i = 0; i < pages; i++) sim_touch(INIT, first + i * step * P, FAULT_WRITE);
    return sim_pager.count_faults - before;
}

Test(pager_options, advice_sets_the_window)
{
    fixture_start();
    constexpr uint64_t PAGES = 512;
    uint64_t first[3];
    for (uint64_t advice = 0; advice < 3; advice++) {
        first[advice] = fixture_ok(sim_request(INIT, PROTOCOL_map, 2 * PAGES * P, PROTECTION_WRITE, 0));
        EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first[advice], PAGES * P, advice));
        cr_assert_eq(at(first[advice])->advice, advice);
    }
    uint64_t usual = faults_for(first[0], PAGES, 1), sequential = faults_for(first[1], PAGES, 1), random = faults_for(first[2], PAGES, 1);
    cr_assert_eq(sequential, PAGES / FAULT_AROUND_MOST);
    cr_assert_eq(random, PAGES);
    cr_assert(usual > sequential && usual < 32);
    cr_assert_eq(at(first[1] + PAGES * P)->advice, ADVICE_NORMAL); /* only what was named */
    fixture_check();
    /* A jump in sequential memory takes up where it lands; pages that are there already are in the way of no touch. */
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first[1], PAGES * P, 0));
    sim_touch(INIT, first[1] + 100 * P, FAULT_WRITE);
    cr_assert_eq(at(first[1])->pages, FAULT_AROUND_MOST);
    sim_touch(INIT, first[1] + 90 * P, FAULT_WRITE);
    cr_assert_eq(at(first[1])->pages, FAULT_AROUND_MOST + 1);
    fixture_check();
    /* Alike again, it is one segment again. */
    uint32_t count = sim_process(INIT)->segments.count;
    EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first[1], PAGES * P, ADVICE_NORMAL));
    cr_assert_lt(sim_process(INIT)->segments.count, count);
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first[2], PAGES * P, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first[2], PAGES * P, ADVICE_NORMAL));
    cr_assert_eq(faults_for(first[2], PAGES, 1), usual);
    fixture_check();
}

Test(pager_options, advice_brings_and_takes_pages)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 16 << 20 });
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 64 << 20, PROTECTION_WRITE, 0));
    cr_assert_eq(fixture_ok(sim_request(INIT, PROTOCOL_advise, first, 100 * P, ADVICE_WILL_NEED)), 100 * P);
    cr_assert_eq(at(first)->pages, 100);
    cr_assert_eq(faults_for(first, 100, 1), 0);
    for (uint64_t done = 0; done < 64 << 20;) /* more than there is: no error */
        done += fixture_ok(sim_request(INIT, PROTOCOL_advise, first + done, (64 << 20) - done, ADVICE_WILL_NEED));
    cr_assert(at(first)->pages > 1000 && at(first)->pages < 4096);
    fixture_check();
    EXPECT(NO_MEMORY, sim_request(INIT, PROTOCOL_populate, first + (60 << 20), 4 << 20, 0));
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_advise, first, 64 << 20, ADVICE_DO_NOT_NEED));
    cr_assert_eq(at(first)->pages, 0);
    fixture_check();
}

/* A pager that takes over finds large pages, and the advice. */
Test(pager_options, survives_a_loss_of_the_pager)
{
    fixture_start();
    uint64_t first = fixture_ok(map(2 * LARGE, MAPPING_LARGE | MAPPING_POPULATE, 0));
    write_marks(first, 1024);
    EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first, 700 * P, ADVICE_SEQUENTIAL));
    for (uint64_t point = 1; point <= 12; point++) {
        sim_lose(point, 0, nullptr);
        struct sim_reply reply = sim_request(INIT, PROTOCOL_protect, first + 33 * P, 5 * P, point % 2 ? PROTECTION_READ : PROTECTION_WRITE);
        cr_assert_eq(reply.label, STATUS_OK);
        sim_lose(0, 0, nullptr);
        fixture_check();
        cr_assert_eq(at(first)->advice, ADVICE_SEQUENTIAL);
        cr_assert_eq(at(first + LARGE + 200 * P)->advice, ADVICE_NORMAL);
        expect_marks(first, 0, 1024);
        struct sim_reply mapped;
        sim_lose(point, 0, nullptr);
        mapped = map(3 * P, MAPPING_POPULATE, 0);
        sim_lose(0, 0, nullptr);
        fixture_check();
        cr_assert_eq(mapped.label, STATUS_OK);
        EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, mapped.word[0], 3 * P, 0));
    }
    cr_assert_geq(sim_count_lost(), 8);
}
