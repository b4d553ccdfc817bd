/* The kernel's own window: places found and refused, by small and large leaves and reservations, beside a naive model of one byte a page; what each question
 * reads; every table's failure. Over each table format; the window ends where the format's address space does. */
#include "window.h"

#include "space_fixture.h"

/* The entries of a table below the root (x86-64), or the upper ones of the root. */
constexpr unsigned TOP = PTE_LEVELS == 2 ? 1 : 2;
constexpr unsigned TOP_COUNT = PTE_LEVELS == 4 ? 512 : PTE_LEVELS == 3 ? 1 : 256;
constexpr uint64_t TOP_BYTES = (uint64_t)TOP_COUNT << (PTE_LEVELS == 2 ? 22 : 30);
constexpr uint64_t FIRST = PTE_LEVELS == 4 ? UINT64_MAX - TOP_BYTES + 1 : ((uint64_t)1 << 32) - TOP_BYTES;
constexpr uint64_t PAGES = TOP_BYTES / PAGE_BYTES;
constexpr uint64_t BEYOND = 0x80000; /* a frame that is no memory, aligned for 1 GiB */
constexpr unsigned TEST_SEED = 20'261;

static struct window window;
static struct window_span spans[1 + (PTE_LEVELS == 2 ? TOP_COUNT : TOP_COUNT * 513)];
constexpr unsigned STOCK = 600;
static frame_t stock[STOCK];

static void begin_window(void)
{
    begin();
    cr_assert_eq(window_count_spans(TOP, TOP_COUNT), sizeof spans / sizeof spans[0]);
    window = (struct window){ .first = FIRST, .level = TOP, .count = TOP_COUNT, .spans = spans, .tables = stock, .count_tables = STOCK };
    cr_assert_eq(frame_allocate(0, FRAME_KIND_TABLE, &window.table), STATUS_OK);
    for (unsigned i = 0; i < STOCK; i++) cr_assert_eq(frame_allocate(0, FRAME_KIND_TABLE, &stock[i]), STATUS_OK);
    window_initialise(&window);
    cr_assert_eq(window_count_pages(&window), PAGES);
}

TestSuite(window, .init = begin_window);

static uint64_t address_of(uint64_t page) { return FIRST + (page << PAGE_SHIFT); }

/* --- What the test sees of the entries, by its own walk --- */

struct seen {
    pte_t entry;
    unsigned level;
};

static struct seen see(uint64_t page)
{
    frame_t table = window.table;
    for (unsigned level = TOP;; level--) {
        pte_t entry = *((const pte_t *)arch_frame_pointer(table) + pte_index(address_of(page), level));
        if (level == 0 || !pte_is_present(entry) || pte_is_large(entry, level)) return (struct seen){ entry, level };
        table = pte_frame(entry);
    }
}

/* Every span of a window of which the model says page by page what is in use: the naive way. Pages beyond `count` are free. */
static bool is_used[1 << 20];

static struct window_span naive_span(uint64_t first, uint64_t count)
{
    struct window_span span = { 0 };
    uint32_t run = 0;
    bool is_any = false;
    for (uint64_t at = first; at < first + count; at++) {
        if (!is_used[at]) run++;
        else {
            if (!is_any) span.before = run;
            is_any = true;
            run = 0;
        }
        if (run > span.longest) span.longest = run;
    }
    span.after = run;
    if (!is_any) span.before = run;
    return span;
}

/* Recounts the spans of the first `count` pages' tables, a multiple of what an entry of level 1 stands for; leaves of level 1 have full spans as tables do. */
static void recount(uint64_t count)
{
    uint32_t below = PTE_LEVELS == 2 ? 1 : 1 + TOP_COUNT; /* the first span of a lowest table */
    for (uint64_t table = 0; table < count / FORMAT_TABLE_PAGES; table++) {
        struct window_span is = spans[below + table], wanted = naive_span(table * FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES);
        cr_assert(is.before == wanted.before && is.after == wanted.after && is.longest == wanted.longest, "table %lu", (unsigned long)table);
    }
    if (PTE_LEVELS == 2 || count < 1 << 18) return;
    struct window_span is = spans[1], wanted = naive_span(0, 1 << 18);
    cr_assert(is.before == wanted.before && is.after == wanted.after && is.longest == wanted.longest, "the first GiB");
}

static enum status take_pages(uint64_t at, bool is_fixed, uint64_t count, uint64_t alignment, uint64_t *page)
{
    struct window_request request = { .at = address_of(at), .is_fixed = is_fixed, .count_pages = count, .alignment = alignment, .frame = BEYOND + at % 1000,
                                      .attributes = ATTRIBUTE_WRITE | ATTRIBUTE_UNCACHED };
    uint64_t first = 0;
    enum status status = window_allocate(&window, &request, &first);
    *page = (first - FIRST) >> PAGE_SHIFT;
    return status;
}

static uint64_t must_take(uint64_t at, uint64_t count)
{
    uint64_t page;
    cr_assert_eq(take_pages(at, true, count, 1, &page), STATUS_OK);
    cr_assert_eq(page, at);
    return page;
}

static void must_free(uint64_t page, uint64_t count) { cr_assert_eq(window_free(&window, address_of(page), count), STATUS_OK); }

/* Everything is back: `tables` of them, each once and empty. */
static void end_with(unsigned tables)
{
    cr_assert_eq(window.count_tables, tables, "tables are lost");
    for (unsigned i = 0; i < tables; i++) {
        const uint64_t *words = arch_frame_pointer(stock[i]);
        for (unsigned j = 0; j < PAGE_BYTES / 8; j++) cr_assert_eq(words[j], 0);
        for (unsigned j = 0; j < i; j++) cr_assert_neq(stock[i].number, stock[j].number);
    }
    cr_assert_eq(spans[0].longest, PAGES);
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        cr_assert(spans[i].before == spans[i].longest && spans[i].after == spans[i].longest && spans[i].longest > 0);
}

static void end_window(void) { end_with(STOCK); }

/* --- Arguments --- */

Test(window, bad_ranges_are_statuses)
{
    const struct { uint64_t first, count; enum status status; } ranges[] = {
        { FIRST, 0, STATUS_BAD_LENGTH },
        { FIRST + 1, 1, STATUS_BAD_ALIGNMENT },
        { FIRST + 0x800, 1, STATUS_BAD_ALIGNMENT },
        { FIRST - PAGE_BYTES, 1, STATUS_BAD_ADDRESS },
        { FIRST - PAGE_BYTES, 2, STATUS_BAD_ADDRESS },
        { 0, 1, STATUS_BAD_ADDRESS },
        { FIRST, UINT64_MAX, STATUS_RANGE_WRAPS },
        { FIRST, (uint64_t)1 << 52, STATUS_RANGE_WRAPS },
        { FIRST + PAGE_BYTES, UINT64_MAX / PAGE_BYTES, STATUS_RANGE_WRAPS },
        { FIRST + TOP_BYTES - PAGE_BYTES, 2, PTE_LEVELS == 4 ? STATUS_RANGE_WRAPS : STATUS_BAD_ADDRESS },
        { FIRST, PAGES + 1, PTE_LEVELS == 4 ? STATUS_RANGE_WRAPS : STATUS_BAD_ADDRESS },
        { FIRST, PAGES, STATUS_OK },
        { FIRST + TOP_BYTES - PAGE_BYTES, 1, STATUS_OK },
    };
    uint64_t ignored, page;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        cr_assert_eq(window_is_free(&window, ranges[i].first, ranges[i].count), ranges[i].status, "row %zu", i);
        if (ranges[i].status == STATUS_OK) continue;
        cr_assert_eq(window_free(&window, ranges[i].first, ranges[i].count), ranges[i].status);
        cr_assert_eq(window_resize(&window, ranges[i].first, ranges[i].count, 1), ranges[i].status);
        cr_assert_eq(window_commit(&window, ranges[i].first, ranges[i].count, BEYOND, 0), ranges[i].status);
        struct window_request request = { .at = ranges[i].first, .is_fixed = true, .count_pages = ranges[i].count, .is_reserved = true };
        cr_assert_eq(window_allocate(&window, &request, &ignored), ranges[i].status);
    }
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(window_find(&window, FIRST, 1, (uint64_t[]){ 0, 3, 6, UINT64_MAX }[i], &ignored), STATUS_BAD_ALIGNMENT);
    struct window_request request = { .at = FIRST, .count_pages = 1, .alignment = 1, .frame = BEYOND, .attributes = ATTRIBUTE_EXECUTE };
    cr_assert_eq(window_allocate(&window, &request, &ignored), STATUS_BAD_ARGUMENT, "nothing here is executable");
    request = (struct window_request){ .at = FIRST, .count_pages = 2, .alignment = 1, .frame = PTE_FRAMES_LIMIT - 1 };
    cr_assert_eq(window_allocate(&window, &request, &ignored), STATUS_BAD_FRAME);
    cr_assert_eq(window_free(&window, FIRST, 1), STATUS_NOT_MAPPED);
    must_take(0, 4);
    cr_assert_eq(window_resize(&window, FIRST, 4, 0), STATUS_BAD_LENGTH);
    cr_assert_eq(window_resize(&window, FIRST, 5, 6), STATUS_NOT_MAPPED);
    cr_assert_eq(window_free(&window, FIRST, 5), STATUS_NOT_MAPPED);
    cr_assert_eq(take_pages(3, true, 2, 1, &page), STATUS_ALREADY_MAPPED);
    must_free(0, 4);
    end_window();
}

/* --- Looking --- */

/* One page in use, at the beginning, in the middle and at the end of what each level's entry stands for: found, and nothing beside it. */
Test(window, one_page_is_seen_at_each_level)
{
    for (unsigned level = 1; level <= TOP; level++) {
        uint64_t entry = (uint64_t)1 << (pte_shift(level) - PAGE_SHIFT), base = TOP_COUNT == 1 && level == TOP ? 0 : entry;
        const uint64_t places[] = { base, base + entry / 2, base + entry - 1 };
        for (unsigned i = 0; i < 3; i++) {
            must_take(places[i], 1);
            cr_assert_eq(window_is_free(&window, address_of(base), entry), STATUS_ALREADY_MAPPED);
            cr_assert_eq(window_is_free(&window, FIRST, PAGES), STATUS_ALREADY_MAPPED);
            cr_assert_eq(window_is_free(&window, address_of(places[i]), 1), STATUS_ALREADY_MAPPED);
            if (places[i] > 0) cr_assert_eq(window_is_free(&window, FIRST, places[i]), STATUS_OK);
            if (places[i] + 1 < PAGES) cr_assert_eq(window_is_free(&window, address_of(places[i] + 1), PAGES - places[i] - 1), STATUS_OK);
            must_free(places[i], 1);
        }
    }
    end_window();
}

Test(window, large_and_reserved_count_as_used)
{
    uint64_t first;
    struct window_request request = { .at = address_of(FORMAT_TABLE_PAGES), .is_fixed = true, .count_pages = FORMAT_TABLE_PAGES, .frame = BEYOND };
    cr_assert_eq(window_allocate(&window, &request, &first), STATUS_OK);
    cr_assert_eq(see(FORMAT_TABLE_PAGES).level, 1, "one large leaf");
    request = (struct window_request){ .at = address_of(3 * FORMAT_TABLE_PAGES + 7), .is_fixed = true, .count_pages = 9, .is_reserved = true };
    cr_assert_eq(window_allocate(&window, &request, &first), STATUS_OK);
    for (uint64_t page = 0; page < 4 * FORMAT_TABLE_PAGES; page++) {
        bool is_large = page / FORMAT_TABLE_PAGES == 1, is_reserved = page >= 3 * FORMAT_TABLE_PAGES + 7 && page < 3 * FORMAT_TABLE_PAGES + 16;
        cr_assert_eq(window_is_free(&window, address_of(page), 1) == STATUS_OK, !is_large && !is_reserved, "page %lu", (unsigned long)page);
        cr_assert_eq(pte_is_present(see(page).entry), is_large);
    }
    /* A part of a large leaf is not taken away; a reservation becomes pages and goes like pages. */
    cr_assert_eq(window_free(&window, address_of(FORMAT_TABLE_PAGES), 1), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(window_free(&window, address_of(FORMAT_TABLE_PAGES + 1), FORMAT_TABLE_PAGES - 1), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(window_resize(&window, address_of(FORMAT_TABLE_PAGES), FORMAT_TABLE_PAGES, 3), STATUS_BAD_ALIGNMENT);
    cr_assert_eq(window_commit(&window, request.at, 10, BEYOND, 0), STATUS_NOT_MAPPED);
    cr_assert_eq(window_commit(&window, request.at + 2 * PAGE_BYTES, 3, BEYOND + 5, ATTRIBUTE_WRITE), STATUS_OK);
    cr_assert_eq(window_commit(&window, request.at, 3, BEYOND, 0), STATUS_NOT_MAPPED, "the third is mapped");
    cr_assert_eq(pte_frame(see(3 * FORMAT_TABLE_PAGES + 10).entry).number, BEYOND + 6);
    cr_assert(!pte_is_present(see(3 * FORMAT_TABLE_PAGES + 12).entry));
    must_free(3 * FORMAT_TABLE_PAGES + 7, 9);
    must_free(FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES);
    end_window();
}

/* An empty window, whatever its size, is answered by its own span; a full table is refused by its span alone. */
Test(window, questions_cost_little)
{
    uint64_t first;
    count_begin();
    cr_assert_eq(window_is_free(&window, FIRST, PAGES), STATUS_OK);
    cr_assert_eq(window_find(&window, FIRST, PAGES, 1, &first), STATUS_OK);
    cr_assert(count_of(COUNTER_ENTRIES_READ) <= 8 && count_of(COUNTER_ENTRIES_WRITTEN) == 0);
    must_take(0, FORMAT_TABLE_PAGES - 1);
    must_take(FORMAT_TABLE_PAGES - 1, 1);
    count_begin();
    cr_assert_eq(window_is_free(&window, address_of(5), 100), STATUS_ALREADY_MAPPED);
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), TOP + 1, "no entry of the full table");
    count_begin();
    cr_assert_eq(window_find(&window, FIRST, 1, 1, &first), STATUS_OK);
    cr_assert_eq(first, address_of(FORMAT_TABLE_PAGES));
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 2 * TOP + 2);
    count_begin(); /* a table's worth, aligned like one: no lowest table is looked into */
    must_take(FORMAT_TABLE_PAGES + 1, 1);
    count_begin();
    cr_assert_eq(window_find(&window, FIRST, FORMAT_TABLE_PAGES, FORMAT_TABLE_PAGES, &first), STATUS_OK);
    cr_assert_eq(first, address_of(2 * FORMAT_TABLE_PAGES));
    cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 3 * (TOP + 1));
    must_free(FORMAT_TABLE_PAGES + 1, 1);
    must_free(0, FORMAT_TABLE_PAGES);
    end_window();
}

Test(window, exhausted_is_a_status)
{
    uint64_t page;
    struct window_request request = { .at = FIRST, .count_pages = PAGES, .alignment = 1, .frame = 0 }; /* by leaves of the highest level that has any */
    uint64_t first;
    if (arch_leaf_levels() > TOP || PTE_LEVELS == 2) {
        cr_assert_eq(window_allocate(&window, &request, &first), PAGES < PTE_FRAMES_LIMIT ? STATUS_OK : STATUS_BAD_FRAME);
        cr_assert_eq(spans[0].longest, 0);
        count_begin();
        cr_assert_eq(take_pages(0, false, 1, 1, &page), STATUS_NOT_FOUND);
        cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 1);
        must_free(0, PAGES);
    }
    must_take(0, 1);
    must_take(PAGES - 1, 1);
    cr_assert_eq(take_pages(0, false, PAGES - 1, 1, &page), STATUS_NOT_FOUND);
    cr_assert_eq(window_find(&window, FIRST, PAGES - 2, 1, &first), STATUS_OK);
    cr_assert_eq(window_find(&window, address_of(PAGES / 2), PAGES / 2, 1, &first), STATUS_NOT_FOUND);
    must_free(0, 1);
    must_free(PAGES - 1, 1);
    end_window();
}

/* --- Leaves --- */

Test(window, leaves_say_what_was_asked_and_nothing_for_users)
{
    const uint32_t caches[] = { 0, ATTRIBUTE_UNCACHED, ATTRIBUTE_WRITE_THROUGH, ATTRIBUTE_WRITE_COMBINING };
    for (unsigned i = 0; i < 8; i++) {
        uint32_t attributes = caches[i / 2] | (i % 2 ? ATTRIBUTE_WRITE : 0);
        struct window_request request = { .at = address_of(FORMAT_TABLE_PAGES - 3), .is_fixed = true, .count_pages = FORMAT_TABLE_PAGES + 3,
                                          .frame = BEYOND - 3, .attributes = attributes };
        uint64_t first;
        cr_assert_eq(window_allocate(&window, &request, &first), STATUS_OK);
        for (uint64_t page = FORMAT_TABLE_PAGES - 3; page <= FORMAT_TABLE_PAGES; page++) {
            struct seen seen = see(page);
            cr_assert_eq(seen.level, page == FORMAT_TABLE_PAGES);
            cr_assert_eq(pte_leaf_frame(seen.entry, seen.level).number, BEYOND + page - FORMAT_TABLE_PAGES);
            cr_assert_eq(pte_cache(seen.entry, seen.level), caches[i / 2]);
            cr_assert_eq((seen.entry & PTE_WRITE) != 0, i % 2);
            cr_assert((seen.entry & PTE_USER) == 0);
        }
        must_free(FORMAT_TABLE_PAGES - 3, FORMAT_TABLE_PAGES + 3);
        end_window();
    }
}

/* --- Resizing --- */

Test(window, resizing_touches_the_difference_alone)
{
    must_take(10, 5);
    must_take(40, 1);
    count_begin();
    cr_assert_eq(window_resize(&window, address_of(10), 5, 30), STATUS_OK);
    cr_assert_eq(count_of(COUNTER_ENTRIES_WRITTEN), 25);
    for (uint64_t i = 0; i < 30; i++) cr_assert_eq(pte_frame(see(10 + i).entry).number, BEYOND + 10 + i, "the frames go on");
    cr_assert_eq(window_resize(&window, address_of(10), 30, 31), STATUS_ALREADY_MAPPED, "a neighbour");
    cr_assert_eq(window_resize(&window, address_of(10), 30, 30), STATUS_OK);
    cr_assert_eq(pte_frame(see(40).entry).number, BEYOND + 40);
    count_begin();
    uint64_t invalidated = host_count(HOST_INVALIDATIONS);
    cr_assert_eq(window_resize(&window, address_of(10), 30, 2), STATUS_OK);
    cr_assert(count_of(COUNTER_ENTRIES_WRITTEN) == 28 && host_count(HOST_INVALIDATIONS) - invalidated == 28);
    cr_assert_eq(window_is_free(&window, address_of(12), 28), STATUS_OK);
    cr_assert_eq(window_resize(&window, address_of(40), 1, FORMAT_TABLE_PAGES), STATUS_OK, "over the end of a table");
    cr_assert_eq(window_is_free(&window, address_of(40 + FORMAT_TABLE_PAGES - 1), 1), STATUS_ALREADY_MAPPED);
    cr_assert_eq(window_resize(&window, address_of(40), FORMAT_TABLE_PAGES, 1), STATUS_OK);
    must_free(40, 1);
    must_free(10, 2);
    struct window_request request = { .at = FIRST, .count_pages = 3, .alignment = 1, .is_reserved = true };
    uint64_t first;
    cr_assert_eq(window_allocate(&window, &request, &first), STATUS_OK);
    cr_assert_eq(window_resize(&window, first, 3, 6), STATUS_OK);
    cr_assert_eq(window_commit(&window, first, 6, BEYOND, 0), STATUS_OK, "what was reserved grows reserved");
    must_free(0, 6);
    end_window();
}

/* --- Failures --- */

/* With each number of tables that is too small everything is as before; with the right one it works. */
Test(window, every_missing_table)
{
    uint64_t page, count = FORMAT_TABLE_PAGES + 2, at = TOP_COUNT == 1 || PTE_LEVELS == 2 ? FORMAT_TABLE_PAGES - 1 : ((uint64_t)1 << 18) - 1;
    unsigned needs = PTE_LEVELS == 2 ? 3 : TOP_COUNT == 1 ? 4 : 5; /* lowest tables on both sides and between, and those above */
    host_set_leaf_levels(1);
    for (unsigned left = 0; left <= needs; left++) {
        window.count_tables = left;
        cr_assert_eq(take_pages(at, true, count, 1, &page), left < needs ? STATUS_NO_MEMORY : STATUS_OK, "%u tables", left);
        if (left < needs) end_with(left);
    }
    cr_assert_eq(window.count_tables, 0);
    cr_assert_eq(window_resize(&window, address_of(at), count, 3 * FORMAT_TABLE_PAGES), STATUS_NO_MEMORY);
    cr_assert_eq(window_is_free(&window, address_of(at + count), PAGES - at - count), STATUS_OK, "not half grown");
    cr_assert_eq(window_is_free(&window, address_of(at + count - 1), 1), STATUS_ALREADY_MAPPED);
    must_free(at, count);
    end_with(needs);
}

/* --- At random --- */

constexpr unsigned REGIONS = 300;
static struct { uint64_t first, count; } regions[REGIONS];
static unsigned count_regions;
static uint32_t random_state = TEST_SEED;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(random_state >> 8) * limit >> 24);
}

/* The first fit by looking at every page of the model; PAGES: none in the `within` first ones. */
static uint64_t naive_find(uint64_t from, uint64_t count, uint64_t alignment, uint64_t within)
{
    uint64_t run = 0;
    for (uint64_t at = from; at < within; at++) {
        run = is_used[at] ? 0 : run + 1;
        if (run < count) continue;
        uint64_t first = at + 1 - count;
        if ((address_of(first) >> PAGE_SHIFT) % alignment == 0) return first;
    }
    return PAGES;
}

static void play_take(uint64_t within)
{
    uint64_t count = random_below(10) ? 1 + random_below(40) : 1 + random_below(2 * FORMAT_TABLE_PAGES);
    uint64_t alignment = (uint64_t)1 << (random_below(3) ? 0 : random_below(11));
    uint64_t from = random_below(2) ? 0 : random_below((uint32_t)within), page, wanted = naive_find(from, count, alignment, within);
    if (wanted == PAGES) return;
    count_begin();
    cr_assert_eq(take_pages(from, false, count, alignment, &page), STATUS_OK);
    cr_assert_eq(page, wanted, "count %lu alignment %lu from %lu", (unsigned long)count, (unsigned long)alignment, (unsigned long)from);
    if (alignment == 1) cr_assert_leq(count_of(COUNTER_ENTRIES_READ), 12 * 1024 + 8 * count, "whatever else is there");
    memset(is_used + page, 1, count);
    regions[count_regions].first = page;
    regions[count_regions++].count = count;
}

static void play_resize(unsigned index, uint64_t within)
{
    uint64_t first = regions[index].first, count = regions[index].count, wanted = 1 + random_below(60);
    bool is_blocked = first + wanted > within;
    for (uint64_t i = count; !is_blocked && i < wanted; i++) is_blocked = is_used[first + i];
    if (first + wanted > within) return;
    enum status status = window_resize(&window, address_of(first), count, wanted);
    if (status == STATUS_BAD_ALIGNMENT) { /* the cut is in a large leaf */
        cr_assert(wanted < count && see(first + wanted).level > 0);
        return;
    }
    cr_assert_eq(status, is_blocked ? STATUS_ALREADY_MAPPED : STATUS_OK);
    if (is_blocked) return;
    memset(is_used + first, 1, wanted);
    if (wanted < count) memset(is_used + first + wanted, 0, count - wanted);
    regions[index].count = wanted;
}

Test(window, ten_thousand_operations_beside_a_naive_model, .timeout = 2400)
{
    constexpr uint64_t within = 24 * FORMAT_TABLE_PAGES;
    for (unsigned step = 0; step < 10'000; step++) {
        unsigned what = random_below(8), index = count_regions == 0 ? 0 : random_below(count_regions);
        if (count_regions == 0 || (what < 4 && count_regions < REGIONS)) play_take(within);
        else if (what < 6) play_resize(index, within);
        else {
            must_free(regions[index].first, regions[index].count);
            memset(is_used + regions[index].first, 0, regions[index].count);
            regions[index] = regions[--count_regions];
        }
        if (step % 500 == 0) recount(within);
    }
    recount(PTE_LEVELS == 2 ? within : 1 << 18);
    for (uint64_t page = 0; page < within; page++) cr_assert_eq(see(page).entry != 0, is_used[page]);
    while (count_regions > 0) {
        count_regions--;
        must_free(regions[count_regions].first, regions[count_regions].count);
    }
    end_window();
}
