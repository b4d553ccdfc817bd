/* Memory of the mmap area that is made longer or shorter in place: only the difference is touched, what is in the way refuses it, and whatever is refused has
 * changed nothing. Failing allocations are in test_pager_allocation, random sizes in test_pager_random. */
#include "share_play.h"

#include "fill_copy.h"
#include "microkernel/counter.h"

constexpr uint64_t LARGE = LARGE_PAGE_BYTES;

static struct sim_reply resize(uint64_t first, uint64_t pages, uint64_t wanted)
{
    return sim_request(INIT, PROTOCOL_resize, first, pages * P, wanted * P);
}

/* Pages of a place, each written with its number. */
static void written_at(uint64_t place, uint64_t pages)
{
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, pages * P, PROTECTION_WRITE, place));
    for (uint64_t i = 0; i < pages; i++) put(INIT, place + i * P, (unsigned char)(i + 1));
}

static void expect_written(uint64_t place, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) cr_assert_eq(get(INIT, place + i * P), (unsigned char)(i + 1), "page %lu", i);
}

/* --- Growing --- */

Test(pager_resize, grows_over_tables_and_regions_and_touches_nothing)
{
    fixture_start();
    uint64_t first = LAYOUT_MMAP_FIRST + 5 * REGION_BYTES + LAYOUT_TABLE_BYTES - 2 * P, frame[2];
    uint32_t segments = sim_process(INIT)->segments.count;
    written_at(first, 2);
    for (uint64_t i = 0; i < 2; i++) frame[i] = frame_of(INIT, first + i * P);
    static const uint64_t steps[] = { 3, 4, 300, 512, 513, REGION_PAGES, 3 * REGION_PAGES - 5, 3 * REGION_PAGES, 100'000 };
    uint64_t pages = 2;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t before = counters[COUNTER_ENTRIES_WRITTEN];
        EXPECT(OK, resize(first, pages, steps[i]));
        bool is_inside = first + steps[i] * P <= LAYOUT_MMAP_FIRST + 6 * REGION_BYTES; /* else the pager has pages for the books of regions */
        cr_assert_leq(counters[COUNTER_ENTRIES_WRITTEN] - before, is_inside ? 0 : 4, "%lu", counters[COUNTER_ENTRIES_WRITTEN] - before);
        pages = steps[i];
        const struct segment *segment = at(INIT, first);
        cr_assert(segment->first == first && segment->limit == first + pages * P && segment->pages == 2, "%lu pages", pages);
        cr_assert_eq(at(INIT, first + (pages - 1) * P), segment);
        cr_assert_eq(sim_process(INIT)->segments.count, segments + 1);
        fixture_check();
    }
    uint64_t before = counters[COUNTER_ENTRIES_WRITTEN];
    EXPECT(OK, sim_request(INIT, PROTOCOL_populate, first + 2 * P, 5 * P, 0));
    cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN] - before, 5 + 1); /* and the table behind the first two */
    for (uint64_t i = 0; i < 2; i++) cr_assert_eq(frame_of(INIT, first + i * P), frame[i]);
    expect_written(first, 2);
    cr_assert_eq(get(INIT, first + (pages - 1) * P), 0);
    cr_assert_eq(attributes_of(INIT, first + (pages - 1) * P), RW);
    fixture_check();
}

/* What comes is as the rest is: its protection, its advice, large pages, and with a duplicate who writes has a page alone. */
Test(pager_resize, what_comes_is_as_what_is_there)
{
    begin();
    uint64_t first = map(INIT, 4);
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, first, 4 * P, PROTECTION_EXECUTE));
    EXPECT(OK, sim_request(INIT, PROTOCOL_advise, first, 4 * P, ADVICE_RANDOM));
    EXPECT(OK, resize(first, 4, 7));
    cr_assert(at(INIT, first + 6 * P)->protection == PROTECTION_EXECUTE && at(INIT, first + 6 * P)->advice == ADVICE_RANDOM);
    cr_assert_not_null(sim_touch(INIT, first + 6 * P, FAULT_EXECUTE));

    uint64_t large = fixture_ok(sim_request(INIT, PROTOCOL_map, LARGE, PROTECTION_WRITE, MAPPING_LARGE));
    EXPECT(OK, resize(large, LARGE / P, 2 * LARGE / P));
    uint64_t before = counters[COUNTER_ENTRIES_WRITTEN];
    put(INIT, large + LARGE + 5 * P, 1);
    cr_assert_leq(counters[COUNTER_ENTRIES_WRITTEN] - before, 4); /* one for 512 pages, and tables above */
    cr_assert_eq(at(INIT, large)->pages, LARGE / P);

    uint64_t copied = LAYOUT_MMAP_FIRST + 7 * REGION_BYTES;
    uint32_t twin;
    written_at(copied, 2);
    duplicate(INIT, &twin);
    EXPECT(OK, resize(copied, 2, 5));
    put(INIT, copied + 4 * P, 2);
    put(INIT, copied, 3);
    cr_assert(get(twin, copied) == 1 && get(INIT, copied + 4 * P) == 2);
    cr_assert_null(at(twin, copied + 4 * P));
    fixture_check();
}

/* It becomes one with what it then meets, if they differ in nothing. */
Test(pager_resize, grows_up_to_its_neighbour_and_joins_it)
{
    fixture_start();
    uint64_t first = LAYOUT_MMAP_FIRST + 5 * REGION_BYTES + 100 * P;
    uint32_t segments = sim_process(INIT)->segments.count;
    written_at(first, 2);
    written_at(first + 9 * P, 3);
    EXPECT(EXISTS, resize(first, 2, 10));
    EXPECT(OK, resize(first, 2, 9));
    cr_assert(sim_process(INIT)->segments.count == segments + 1 && at(INIT, first)->limit == first + 12 * P && at(INIT, first)->pages == 5);
    EXPECT(EXISTS, resize(first, 9, 10)); /* its end is in the middle now */
    EXPECT(OK, resize(first, 12, 13));
    expect_written(first, 2);
    expect_written(first + 9 * P, 3);
    fixture_check();
}

/* --- What refuses it --- */

/* What can be seen of a program: its segments, what it is charged, frames. */
struct view {
    uint64_t segments, digest, charged, free;
};

static struct view view(void)
{
    const struct process *process = sim_process(INIT);
    struct view view = { process->segments.count, 0, charged(INIT), sim_free_frames() };
    for (const struct segment *row = segment_above(&process->segments, 0); row != nullptr; row = segment_above(&process->segments, row->limit))
        view.digest = view.digest * 0x9e3779b97f4a7c15 + row->first * 31 + row->limit * 7 + row->pages;
    return view;
}

static void expect_refused(enum status status, struct sim_reply reply, const struct view *before, const char *what)
{
    cr_assert_eq(reply.label, status, "%s: %s", what, status_name(reply.label));
    fixture_check();
    struct view after = view();
    cr_assert_eq(memcmp(before, &after, sizeof(after)), 0, "%s: something has changed", what);
}

Test(pager_resize, neighbours_are_in_the_way)
{
    fixture_start();
    uint64_t border = LAYOUT_MMAP_FIRST + 6 * REGION_BYTES, first = border - 8 * P;
    written_at(first, 4);
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_READ, first + 6 * P)); /* another one */
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, P, PROTECTION_WRITE, border + 9 * P)); /* the next region has its first page */
    EXPECT(EXISTS, resize(first, 4, 7)); /* pages in stacks have gone back to their regions */
    struct view before = view();
    expect_refused(STATUS_EXISTS, resize(first, 4, 7), &before, "another segment");
    expect_refused(STATUS_EXISTS, resize(first, 4, 20), &before, "and more");
    expect_refused(STATUS_EXISTS, resize(first, 3, 4), &before, "the same segment");
    expect_refused(STATUS_EXISTS, resize(first + 6 * P, 1, 3), &before, "the first page of a region");
    expect_written(first, 4);
    EXPECT(OK, resize(first, 4, 6));
    EXPECT(OK, resize(first + 6 * P, 1, 2));
    EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + 6 * P, 2 * P, 0));
    EXPECT(OK, resize(first, 6, 8));
    fixture_check();
}

Test(pager_resize, bad_words_change_nothing)
{
    fixture_start();
    uint64_t first = map(INIT, 8);
    put(INIT, first + 7 * P, 1);
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, first + 4 * P, 2 * P, PROTECTION_READ));
    static const struct { enum status status; uint64_t from, bytes, wanted; } cases[] = {
        { STATUS_BAD_ALIGNMENT, 1, P, P },
        { STATUS_BAD_LENGTH, 0, 0, P },
        { STATUS_BAD_LENGTH, 0, P, 0 },
        { STATUS_BAD_LENGTH, 0, 8 * P, 4 * P }, /* more than one segment */
        { STATUS_BAD_LENGTH, 3 * P, 2 * P, 4 * P },
        { STATUS_NOT_MAPPED, 7 * P, 2 * P, P },
        { STATUS_BAD_ADDRESS, 0, UINT64_MAX, P },
        { STATUS_LIMIT, 6 * P, 2 * P, UINT64_MAX },
        { STATUS_LIMIT, 6 * P, 2 * P, UINT64_MAX - P + 2 }, /* would be nothing, rounded up */
        { STATUS_LIMIT, 6 * P, 2 * P, LAYOUT_MMAP_MOST + 1 },
        { STATUS_LIMIT, 6 * P, 2 * P, LAYOUT_MMAP_MOST }, /* with what is there it is too much */
    };
    struct view before = view();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refused(cases[i].status, sim_request(INIT, PROTOCOL_resize, first + cases[i].from, cases[i].bytes, cases[i].wanted), &before, "a case");
    expect_refused(STATUS_OK, sim_request(INIT, PROTOCOL_resize, first + 6 * P, 2 * P - 1, P + 1), &before, "as long as it is");
    uint64_t last = LAYOUT_MMAP_LIMIT - 2 * P;
    written_at(last, 2);
    before = view();
    expect_refused(STATUS_BAD_ADDRESS, resize(last, 2, 3), &before, "out of the area");
}

Test(pager_resize, what_does_not_change_refuses_it)
{
    begin();
    uint64_t module = fixture_ok(sim_request_text(INIT, PROTOCOL_module_map, 0, "file", 4));
    uint64_t sealed = map(INIT, 4), shared = written(INIT, 4), given = fixture_ok(sim_request(WX, PROTOCOL_map, 4 * P, PROTECTION_WRITE, 0));
    EXPECT(OK, sim_request(INIT, PROTOCOL_protect, sealed, 4 * P, PROTECTION_READ)); /* apart from the next one */
    EXPECT(OK, sim_request(INIT, PROTOCOL_seal, sealed, 4 * P, 0));
    fixture_ok(share(INIT, shared, 4, to_wx, PROTECTION_READ));
    uint64_t endpoint = fixture_ok(sim_request(INIT, PROTOCOL_endpoint_create, 0, 0, 0));
    fixture_ok(sim_request_text(INIT, PROTOCOL_name_publish, endpoint, "init", 4));
    uint64_t to_init = fixture_ok(sim_request_text(WX, PROTOCOL_name_find, 0, "init", 4));
    put(WX, given, 1);
    given = fixture_ok(sim_request(WX, PROTOCOL_segment_move, given, 4 * P, to_init));
    struct view before = view();
    expect_refused(STATUS_IMMUTABLE, resize(sealed, 4, 5), &before, "sealed, longer");
    expect_refused(STATUS_IMMUTABLE, resize(sealed, 4, 3), &before, "sealed, shorter");
    expect_refused(STATUS_IMMUTABLE, resize(module, 3, 4), &before, "a module");
    expect_refused(STATUS_IMMUTABLE, resize(shared, 4, 5), &before, "shared");
    expect_refused(STATUS_IMMUTABLE, resize(given, 4, 5), &before, "given by another one, who pays");
    for (const struct segment *row = segment_above(&sim_process(INIT)->segments, 0); row != nullptr;
         row = segment_above(&sim_process(INIT)->segments, row->limit)) {
        if (!segment_rules_of(row->kind)->is_immutable) continue;
        uint64_t pages = layout_pages(row->first, row->limit);
        expect_refused(STATUS_IMMUTABLE, resize(row->first, pages, pages + 1), &before, segment_rules_of(row->kind)->name);
    }
    EXPECT(OK, resize(module, 3, 2)); /* any end can be given back */
    EXPECT(OK, resize(shared, 4, 1));
    EXPECT(OK, resize(given, 4, 1));
    fixture_check();
}

/* A family at its limit: sparse pages need more tables the longer their segment is. */
Test(pager_resize, what_the_family_cannot_bear_is_refused)
{
    fixture_start_with(&(struct sim_options){ .arguments = "around=1 guarantee=150 limit=150" });
    uint64_t first = map(INIT, 64);
    for (uint64_t i = 0; i < 64; i++) put(INIT, first + i * P, (unsigned char)(i + 1));
    struct view before = view();
    uint64_t left = sim_process(INIT)->family->pages.limit - before.charged;
    cr_assert(left > 8 && left < 60, "%lu", left); /* one table for each page would be too much, a few are not */
    expect_refused(STATUS_LIMIT, resize(first, 64, 100 * LARGE / P), &before, "tables");
    uint64_t charge = segment_charge(at(INIT, first));
    EXPECT(OK, resize(first, 64, 512));
    cr_assert_eq(segment_charge(at(INIT, first)), charge + 1); /* it reaches into another table */
    cr_assert_eq(charged(INIT), before.charged + 1);
    EXPECT(OK, resize(first, 512, 64));
    cr_assert_eq(charged(INIT), before.charged);
    expect_written(first, 64);
    fixture_check();
}

/* --- Shrinking --- */

Test(pager_resize, shrinking_writes_the_difference)
{
    fixture_start();
    uint64_t first = LAYOUT_MMAP_FIRST + 5 * REGION_BYTES;
    written_at(first, 40);
    uint64_t pages = 40;
    static const uint64_t steps[] = { 39, 39, 30, 7, 1 };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t before = counters[COUNTER_ENTRIES_WRITTEN], free = sim_free_frames();
        EXPECT(OK, resize(first, pages, steps[i]));
        cr_assert_eq(counters[COUNTER_ENTRIES_WRITTEN] - before, pages - steps[i]);
        cr_assert_eq(sim_free_frames() - free, pages - steps[i]);
        pages = steps[i];
        cr_assert(at(INIT, first)->limit == first + pages * P && at(INIT, first)->pages == pages);
        expect_written(first, pages);
        fixture_check();
    }
    EXPECT(OK, resize(first, 1, 40));
    cr_assert_eq(get(INIT, first + 39 * P), 0); /* nothing of it comes again */
    fixture_check();
}

/* The end of a range may be in the middle of its segment: then it is a hole. */
Test(pager_resize, shrinking_leaves_what_is_above)
{
    fixture_start();
    uint64_t first = written(INIT, 16);
    EXPECT(OK, resize(first + 2 * P, 6, 2));
    cr_assert(at(INIT, first)->limit == first + 4 * P && at(INIT, first + 4 * P) == nullptr && at(INIT, first + 8 * P)->first == first + 8 * P);
    expect_written(first, 4);
    cr_assert_eq(get(INIT, first + 15 * P), 16);
    fixture_check();
}

Test(pager_resize, a_long_end_goes_in_steps)
{
    fixture_start();
    constexpr uint64_t pages = 4 * STEP_PAGES + 10;
    uint64_t first = written(INIT, pages);
    sim_hold_time(true);
    cr_assert_eq(resize(first, pages, 5).outcome, SIM_WAITS);
    cr_assert(at(INIT, first)->limit == first + 5 * P && at(INIT, first + 5 * P)->is_going);
    uint64_t turns = 0;
    while (sim_look(INIT).outcome == SIM_WAITS) {
        cr_assert_lt(++turns, 40);
        sim_pause();
        fixture_check();
    }
    cr_assert_geq(turns, 4, "%lu", turns);
    cr_assert_eq(sim_look(INIT).label, STATUS_OK);
    sim_hold_time(false);
    cr_assert(at(INIT, first)->pages == 5 && at(INIT, first + 5 * P) == nullptr && get(INIT, first) == 1);
    EXPECT(OK, resize(first, 5, pages));
    fixture_check();
}

/* --- A neighbour across the border of regions --- */

/* Memory that begins with a region is made longer below, into a region that has another segment, and no map for two. */
Test(pager_resize, map_at_below_a_region_that_somebody_else_is_in)
{
    fixture_start();
    uint64_t border = LAYOUT_MMAP_FIRST + 6 * REGION_BYTES;
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 2 * REGION_BYTES, PROTECTION_WRITE, border));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 3 * P, PROTECTION_READ, border - 100 * P));
    EXPECT(OK, sim_request(INIT, PROTOCOL_map_at, 4 * P, PROTECTION_WRITE, border - 4 * P));
    cr_assert_eq(at(INIT, border - 4 * P), at(INIT, border));
    cr_assert_eq(at(INIT, border - 100 * P)->limit, border - 97 * P);
    put(INIT, border - P, 1);
    fixture_check();
}
