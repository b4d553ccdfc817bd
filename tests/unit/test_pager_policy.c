/* How memory comes that is mapped without options: the policy of the boot (fill=). */
#include "pager_fixture.h"

#include "fault.h"

constexpr uint64_t P = PAGE_BYTES;
constexpr uint64_t LARGE = LARGE_PAGE_BYTES;
constexpr uint64_t LARGE_PAGES = LARGE / P;

static void start(const char *arguments) { fixture_start_with(&(struct sim_options){ .arguments = arguments }); }
static const struct segment *at(uint64_t address) { return segment_find(&sim_process(INIT)->segments, address); }
static struct sim_reply map(uint64_t bytes) { return sim_request(INIT, PROTOCOL_map, bytes, PROTECTION_WRITE, 0); }
static struct sim_reply map_at(uint64_t bytes, uint64_t address) { return sim_request(INIT, PROTOCOL_map_at, bytes, PROTECTION_WRITE, address); }

static void write_marks(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) *(char *)sim_touch(INIT, first + i * P, FAULT_WRITE) = (char)(i * 3 + i / 256 + 1);
}

static void expect_zero(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) cr_assert_eq(*(char *)sim_touch(INIT, first + i * P, FAULT_READ), 0, "page %lu", i);
}

/* Pages that are there when memory of these bytes has been asked for, by map and by map_at. */
static void expect_there(uint64_t bytes, uint64_t pages)
{
    struct sim_reply reply = map(bytes);
    uint64_t first = fixture_ok(reply);
    cr_assert_eq(at(first)->pages, pages);
    cr_assert_eq(reply.word[1], pages * P);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first, bytes, 0));
    EXPECT(OK, map_at(bytes, LAYOUT_MMAP_FIRST + (1ull << 32)));
    cr_assert_eq(at(LAYOUT_MMAP_FIRST + (1ull << 32))->pages, pages);
    fixture_check();
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, LAYOUT_MMAP_FIRST + (1ull << 32), bytes, 0));
}

Test(pager_policy, touched_is_the_usual_one)
{
    static const char *const lines[] = { "", "fill=touched", "fill=", "fill=Once", "fill=onc", "fill=oncer", "fill=1" };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        start(lines[i]);
        cr_assert_eq(fixture_logged("argument refused key=fill"), i >= 2, "%s\n%s", lines[i], sim_log());
        expect_there(20 * P, 0);
        expect_there(LARGE, 0);
    }
}

Test(pager_policy, once_brings_all_of_it_or_leaves_it_to_touches)
{
    start("fill=once");
    static const uint64_t sizes[] = { 1, P, P + 1, 20 * P, LARGE, LARGE + 3 * P, MAP_ONCE_BYTES_MOST - P, MAP_ONCE_BYTES_MOST };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) expect_there(sizes[i], (sizes[i] + P - 1) / P);
    expect_there(MAP_ONCE_BYTES_MOST + 1, 0);
    expect_there(1ull << 32, 0);
    uint64_t first = fixture_ok(map(30 * P));
    uint64_t faults = sim_pager.count_faults;
    expect_zero(first, 30);
    write_marks(first, 30);
    cr_assert_eq(sim_pager.count_faults, faults);
    /* Neighbours are one segment, as ever; what becomes as new keeps its pages, what is discarded comes when it is touched. */
    EXPECT(OK, map_at(5 * P, first + 32 * P));
    EXPECT(OK, map_at(2 * P, first + 30 * P));
    cr_assert_eq(at(first)->limit, first + 37 * P);
    cr_assert_eq(at(first)->pages, 37);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first, 37 * P, PROTECTION_WRITE));
    cr_assert_eq(at(first)->pages, 37);
    expect_zero(first, 37);
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first, 37 * P, 0));
    cr_assert_eq(at(first)->pages, 0);
    expect_zero(first, 37);
    fixture_check();
}

/* What is asked for with options, and what is no memory of map, comes as it does under the usual policy. */
Test(pager_policy, others_are_as_usual)
{
    static const char *const lines[] = { "fill=once", "fill=large" };
    for (size_t i = 0; i < 2; i++) {
        start(lines[i]);
        const uint64_t word[MESSAGE_WORDS] = { 2 * LARGE, PROTECTION_WRITE, 21 };
        uint64_t first = fixture_ok(sim_call(INIT, HANDLE_PAGER, tag_make(PROTOCOL_map, 0), word, nullptr, 0));
        cr_assert_eq(at(first)->pages, 0);
        cr_assert_eq(at(first)->fill, &fill_zero_touched);
        cr_assert_eq(at(LAYOUT_STACK_TOP - P)->fill, &fill_zero_touched);
        fixture_ok(sim_request(INIT, PROTOCOL_brk, LARGE, 0, 0));
        cr_assert_eq(at(fixture_image.limit)->fill, &fill_zero_at_once);
        uint64_t module = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
        cr_assert_eq(at(module)->pages, 0);
        EXPECT(WRITE_EXECUTE, sim_request(INIT, PROTOCOL_map, P, PROTECTION_WRITE | PROTECTION_EXECUTE, 0));
        EXPECT(BAD_LENGTH, map(0));
        EXPECT(LIMIT, map(LAYOUT_MMAP_MOST + 1));
        EXPECT(LIMIT, map(UINT64_MAX));
        EXPECT(EXISTS, map_at(P, module));
        EXPECT(BAD_ADDRESS, map_at(P, LAYOUT_MMAP_FIRST - P));
        EXPECT(BAD_ALIGNMENT, map_at(P, module + 64 * P + 1));
        fixture_check();
    }
}

Test(pager_policy, large_comes_in_large_pages)
{
    start("fill=large");
    expect_there(2 * LARGE, 0);
    uint64_t first = fixture_ok(map(LARGE + 3 * P));
    cr_assert_eq(first % LARGE, 0);
    uint64_t faults = sim_pager.count_faults;
    write_marks(first, LARGE_PAGES + 2);
    cr_assert_eq(fixture_page_bytes(first + 77 * P), LARGE);
    cr_assert_eq(fixture_page_bytes(first + LARGE), P);
    cr_assert_eq(sim_pager.count_faults, faults + 3); /* the large page with one, the two behind it each by its own */
    /* As new in place, and given back: large again. */
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_over, first, LARGE, PROTECTION_WRITE));
    cr_assert_eq(fixture_page_bytes(first), LARGE);
    expect_zero(first, LARGE_PAGES);
    EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first, LARGE, 0));
    EXPECT(OK, fixture_whole(INIT, PROTOCOL_map_over, first, LARGE + 3 * P, PROTECTION_WRITE));
    expect_zero(first, LARGE_PAGES + 3);
    cr_assert_eq(fixture_page_bytes(first + P), LARGE);
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + P, P, 0));
    expect_zero(first + 2 * P, LARGE_PAGES);
    fixture_check();
    /* Small pieces side by side become memory in which a large page fits. */
    uint64_t place = LAYOUT_MMAP_FIRST + (1ull << 32);
    for (uint64_t i = 0; i < LARGE; i += LARGE / 4) EXPECT(OK, map_at(LARGE / 4, place + i));
    write_marks(place + LARGE / 4, 1);
    cr_assert_eq(fixture_page_bytes(place), LARGE);
    fixture_check();
}

/* --- Once: refused when it cannot be had --- */

struct before {
    uint64_t charged, pages;
    uint32_t segments;
};

static struct before look(void)
{
    const struct process *process = sim_process(INIT);
    return (struct before){ process->family->pages.charged, area_pages(&process->segments.directory), process->segments.count };
}

static void expect_as_before(const struct before *before)
{
    struct before now = look();
    cr_assert_eq(now.segments, before->segments);
    cr_assert_eq(now.pages, before->pages);
    cr_assert_leq(now.charged, before->charged + 8); /* a region may stay for the next one */
    fixture_check();
}

/* Refused twice: the second time there is nothing left that could stay. */
#define EXPECT_REFUSED(status, before, reply)                  \
    do {                                                       \
        EXPECT(status, reply);                                 \
        expect_as_before(before);                              \
        uint64_t charged = look().charged;                     \
        EXPECT(status, reply);                                 \
        expect_as_before(before);                              \
        cr_assert_eq(look().charged, charged);                 \
    } while (0)

Test(pager_policy, once_at_the_limit_of_a_family)
{
    start("fill=once guarantee=100 limit=1500");
    uint64_t kept = fixture_ok(map(10 * P));
    write_marks(kept, 10);
    struct before before = look();
    EXPECT_REFUSED(LIMIT, &before, map(1600 * P));
    EXPECT_REFUSED(LIMIT, &before, map_at(1600 * P, kept + 10 * P)); /* beside it: the neighbour is as it was */
    cr_assert_eq(at(kept)->pages, 10);
    uint64_t more = 0;
    while (map(16 * P).label == STATUS_OK) more++;
    cr_assert(more > 60);
    before = look();
    EXPECT_REFUSED(LIMIT, &before, map(16 * P));
    EXPECT(OK, map(MAP_ONCE_BYTES_MOST + P)); /* a reservation */
    cr_assert_eq(at(kept)->fill, &fill_zero_touched);
}

Test(pager_policy, once_without_memory)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = 4 << 20, .arguments = "fill=once" });
    struct before before = look();
    EXPECT_REFUSED(NO_MEMORY, &before, map(4 << 20));
    EXPECT_REFUSED(NO_MEMORY, &before, map_at(4 << 20, LAYOUT_MMAP_FIRST + LARGE - 5 * P));
    uint64_t first = fixture_ok(map(100 * P));
    write_marks(first, 100);
    fixture_check();
}

/* A failure in the middle is tried once more, as by a program that asks again for the rest of what it populates. */
Test(pager_policy, once_fails_at_each_allocation)
{
    constexpr uint64_t pages = 2 * LARGE_PAGES + 9, place = LAYOUT_MMAP_FIRST + 7 * P;
    unsigned refused = 0;
    for (unsigned which = 0; which < 2; which++) {
        bool is_done = false;
        for (uint64_t fail = 1; !is_done; fail++) {
            start("fill=once");
            cr_assert_lt(fail, 40);
            struct before before = look();
            sim_fail_allocation(fail);
            struct sim_reply reply = which == 0 ? map(pages * P) : map_at(pages * P, place);
            is_done = sim_count_allocations() < fail;
            sim_fail_allocation(0);
            if (reply.label == STATUS_OK) {
                cr_assert_eq(at(which == 0 ? reply.word[0] : place)->pages, pages);
                fixture_check();
                continue;
            }
            cr_assert_eq(reply.label, STATUS_NO_MEMORY);
            expect_as_before(&before);
            refused++;
            cr_assert_eq(at(fixture_ok(map(pages * P)))->pages, pages);
        }
    }
    cr_assert_gt(refused, 6);
}

/* The pager is lost at each step: what was asked for is there in the end, wholly. */
Test(pager_policy, once_survives_losses)
{
    uint64_t points = 1;
    for (uint64_t point = 1; point <= points; point++) {
        fixture_start_with(&(struct sim_options){ .memory_bytes = 8 << 20, .arguments = "fill=once" });
        uint64_t kept = fixture_ok(map(2 * P));
        write_marks(kept, 2);
        sim_lose(point, 0, nullptr);
        uint64_t first = fixture_ok(map(LARGE + 9 * P));
        points = sim_count_points();
        sim_lose(0, 0, nullptr);
        fixture_check();
        cr_assert_eq(at(first)->pages, LARGE_PAGES + 9 + (at(first)->first <= kept ? 2 : 0));
        cr_assert_eq(*(char *)sim_touch(INIT, kept + P, FAULT_READ), 4);
        expect_zero(first, LARGE_PAGES + 9);
        cr_assert_eq(sim_pager.map_policy, MAP_ONCE);
    }
    cr_assert_gt(points, 8);
}
