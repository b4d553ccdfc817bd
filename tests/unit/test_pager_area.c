/* The mmap area: regions as they are needed, runs, fixed places, page stacks; what each costs in pages; every allocation failing. */
#include "pager_fixture.h"

static struct segment_table *table;
static struct directory *directory;

static void begin(void)
{
    fixture_start();
    sim_enter_pager();
    table = &sim_process(INIT)->segments;
    directory = &table->directory;
}

static uint64_t at(uint64_t page) { return LAYOUT_MMAP_FIRST + page * PAGE_BYTES; }

static uint64_t take(uint64_t count)
{
    uint64_t address = 0;
    cr_assert_eq(area_take(directory, count, &address), STATUS_OK);
    cr_assert(address >= LAYOUT_MMAP_FIRST && address + count * PAGE_BYTES <= LAYOUT_MMAP_LIMIT);
    return address;
}

static void give(uint64_t address, uint64_t count) { area_give(directory, address, address + count * PAGE_BYTES); }

static uint32_t regions(void) { return directory->area->count_regions; }

static void check(void)
{
    const char *failed = area_check(directory);
    cr_assert_null(failed, "%s", failed);
}

Test(pager_area, nothing_until_it_is_needed)
{
    begin();
    cr_assert_null(directory->area);
    uint64_t before = slot_charge(table->slot);
    uint64_t tables = sim_process(INIT)->slot.live[SLOT_BOOKS / SLOT_CHUNK_BYTES];
    take(1);
    cr_assert_eq(regions(), 1);
    cr_assert_eq(sim_process(INIT)->slot.live[SLOT_BOOKS / SLOT_CHUNK_BYTES], tables + 1); /* one book */
    cr_assert_eq(slot_charge(table->slot), before + 4); /* the area, 128 descriptors, the book, and the table that the pager needs for books */
}

/* The first page makes a region, the next 2,046 need nothing, one more makes exactly one region; all given back, one empty region stays as a fresh one. */
Test(pager_area, the_2048th_page_makes_a_region)
{
    begin();
    static uint64_t page[REGION_PAGES];
    static bool seen[2 * REGION_PAGES];
    uint64_t charge = 0;
    for (uint32_t i = 0; i < REGION_PAGES; i++) {
        page[i] = take(1);
        cr_assert_neq(page[i] % REGION_BYTES, 0); /* the page of the book is nobody's */
        cr_assert_not(seen[(page[i] - at(0)) / PAGE_BYTES]);
        seen[(page[i] - at(0)) / PAGE_BYTES] = true;
        cr_assert_eq(regions(), i < 2047 ? 1 : 2);
        if (i == 0) charge = slot_charge(table->slot);
        if (i < 2047) cr_assert_eq(slot_charge(table->slot), charge);
    }
    cr_assert_eq(slot_charge(table->slot), charge + 1); /* its book */
    check();
    give(page[77], 1);
    cr_assert_eq(take(1), page[77]); /* what was given back comes first */
    for (uint32_t i = 0; i < REGION_PAGES; i++) give(page[i], 1);
    check();
    cr_assert_eq(regions(), 1);
    cr_assert_eq(slot_charge(table->slot), charge);
    struct region_descriptor fresh;
    struct region_book book;
    cr_assert_eq(region_describe(&fresh, at(0), at(REGION_PAGES)), STATUS_OK);
    region_initialise(&fresh, &book);
    uint64_t left = directory->area->spare - 1;
    cr_assert_eq(memcmp(&book, &directory_page(directory, left)->book, sizeof(book)), 0);
    area_release(directory);
    cr_assert_eq(slot_charge(table->slot), charge - 4);
}

Test(pager_area, runs_of_regions)
{
    begin();
    static const uint64_t sizes[] = { 1025, 2047, 2048, 2049, 4096, 5000, 64 * 2048, 1000 * 2048 + 1, LAYOUT_MMAP_MOST / PAGE_BYTES };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t small = take(1);
        uint32_t before = regions();
        uint64_t most = LAYOUT_MMAP_MOST / PAGE_BYTES - 1;
        uint64_t count = sizes[i] < most ? sizes[i] : most;
        uint64_t address = take(count);
        cr_assert_eq(address % REGION_BYTES, 0);
        cr_assert_eq(regions(), before + (count + REGION_PAGES - 1) / REGION_PAGES);
        if (count % REGION_PAGES > 0 && count < most) { /* the rest of its last region is there for others */
            uint64_t beside = take(2047 - count % REGION_PAGES < 1024 ? 1 : 512);
            cr_assert_eq(regions(), before + (count + REGION_PAGES - 1) / REGION_PAGES);
            give(beside, 2047 - count % REGION_PAGES < 1024 ? 1 : 512);
        }
        check();
        give(address, count);
        give(small, 1);
        check();
        cr_assert_eq(regions(), 1);
    }
    uint64_t address = 77;
    cr_assert_eq(area_take(directory, LAYOUT_MMAP_MOST / PAGE_BYTES + 1, &address), STATUS_LIMIT);
    cr_assert_eq(area_take(directory, UINT64_MAX, &address), STATUS_LIMIT);
    cr_assert_eq(address, 77);
    check();
}

Test(pager_area, these_very_pages)
{
    begin();
    cr_assert_eq(area_take_at(directory, at(5), at(9)), STATUS_OK);
    cr_assert_eq(area_take_at(directory, at(8), at(10)), STATUS_EXISTS);
    cr_assert_eq(area_take_at(directory, at(0), at(1)), STATUS_EXISTS); /* the first page of a region that is there */
    cr_assert_eq(area_take_at(directory, at(2000), at(3 * 2048 + 7)), STATUS_OK);
    cr_assert_eq(regions(), 4);
    check();
    cr_assert_eq(area_take_at(directory, at(4000), at(4001)), STATUS_EXISTS);
    cr_assert_eq(area_take_at(directory, at(100), at(2001)), STATUS_EXISTS);
    cr_assert_eq(area_take_at(directory, at(100), at(2000)), STATUS_OK); /* nothing of it was kept */
    uint64_t last = LAYOUT_MMAP_LIMIT;
    cr_assert_eq(area_take_at(directory, last - 3 * REGION_BYTES - PAGE_BYTES, last), STATUS_OK); /* to the end of the area */
    cr_assert_eq(area_take_at(directory, last - PAGE_BYTES, last), STATUS_EXISTS);
    check();
    area_give(directory, last - 3 * REGION_BYTES - PAGE_BYTES, last);
    /* What lies in a stack is nobody's, and gives way. */
    uint64_t one = take(1);
    cr_assert_gt(directory->area->stack[0].count, 0);
    uint64_t stacked = at(directory->area->stack[0].page[0]);
    cr_assert_eq(area_take_at(directory, stacked, stacked + PAGE_BYTES), STATUS_OK);
    check();
    give(one, 1);
    check();
}

/* A stack is full after the first use, refilled below the low mark, and takes back what fits. Reading books is counted by what changes in them. */
Test(pager_area, page_stacks)
{
    begin();
    for (unsigned order = 0; order < PAGE_STACKS; order++) {
        uint32_t count = 1u << order;
        uint64_t first = take(count);
        struct page_stack *stack = &directory->area->stack[order];
        cr_assert_eq(stack->count, PAGE_STACK_HIGH - 1);
        uint64_t taken[2 * PAGE_STACK_HIGH];
        for (uint32_t i = 0; i < PAGE_STACK_HIGH - 1 - PAGE_STACK_LOW; i++) {
            struct region_book kept = directory_page(directory, 0)->book;
            taken[i] = take(count);
            cr_assert_eq(taken[i] % (count * PAGE_BYTES), 0);
            cr_assert_eq(memcmp(&kept, &directory_page(directory, 0)->book, sizeof(kept)), 0); /* no book was changed */
            cr_assert_eq(stack->count, PAGE_STACK_HIGH - 2 - i);
            check();
        }
        cr_assert_eq(stack->count, PAGE_STACK_LOW);
        uint64_t last = take(count);
        cr_assert_eq(stack->count, PAGE_STACK_HIGH); /* below the low mark: filled */
        give(last, count);
        cr_assert_eq(stack->count, PAGE_STACK_HIGH); /* full: to the region */
        for (uint32_t i = 0; i < PAGE_STACK_HIGH - 1 - PAGE_STACK_LOW; i++) give(taken[i], count);
        give(first, count);
        check();
    }
}

/* What is in stacks is not mapped, not a segment, and nobody's charge. */
Test(pager_area, stacks_hold_addresses_only)
{
    begin();
    uint64_t charge = sim_process(INIT)->family->pages.charged;
    uint64_t mapped = sim_count_call(CALL_space_map) + sim_count_call(CALL_space_fill);
    take(1);
    uint64_t made = sim_process(INIT)->family->pages.charged - charge;
    cr_assert_eq(sim_count_call(CALL_space_map) + sim_count_call(CALL_space_fill) - mapped, made - 1); /* the pager's own pages, which came with one table */
    for (uint32_t i = 0; i < directory->area->stack[0].count; i++) {
        uint64_t address = at(directory->area->stack[0].page[i]);
        uint64_t frame;
        uint32_t attributes;
        cr_assert_null(segment_find(table, address));
        cr_assert_not(sim_page(INIT, address, &frame, &attributes));
    }
}

/* When the regions have nothing more, a stack is filled as far as it goes, and everything in stacks is used before a region is made. */
Test(pager_area, stacks_near_the_end_of_a_region)
{
    begin();
    cr_assert_eq(area_take_at(directory, at(1), at(2)), STATUS_OK);
    cr_assert_eq(area_take_at(directory, at(2), at(2036)), STATUS_OK);
    uint64_t pair = take(2); /* fills the stack of pairs with all there is */
    cr_assert_eq(directory->area->stack[1].count, 5);
    for (unsigned i = 0; i < 10; i++) take(1);
    cr_assert_eq(regions(), 1);
    check();
    take(1);
    cr_assert_eq(regions(), 2);
    give(pair, 2);
    check();
}

/* For each allocation that can fail: everything is as it was, whatever was asked for. */
static void fails(uint64_t count, uint64_t first, uint64_t limit)
{
    for (uint64_t k = 1;; k++) {
        begin();
        uint64_t free = sim_free_frames(), charge = slot_charge(table->slot), address = 0;
        sim_fail_allocation(k);
        enum status status = count > 0 ? area_take(directory, count, &address) : area_take_at(directory, first, limit);
        sim_fail_allocation(0);
        check();
        if (status == STATUS_OK) {
            cr_assert_gt(k, 3);
            area_give(directory, count > 0 ? address : first, count > 0 ? address + count * PAGE_BYTES : limit);
            sim_leave_pager();
            return;
        }
        cr_assert_eq(status, STATUS_NO_MEMORY);
        cr_assert_eq(slot_charge(table->slot), charge);
        cr_assert_eq(sim_free_frames(), free);
        cr_assert_null(directory->area);
        sim_leave_pager();
    }
}

Test(pager_area, every_allocation_failing)
{
    fails(1, 0, 0);
    fails(3000, 0, 0);
    fails(300 * REGION_PAGES, 0, 0);
    fails(0, at(2000), at(3 * 2048 + 5));
}

/* --- At random against a model: one byte for each page of a few regions --- */

constexpr uint32_t MODEL_PAGES = 12 * REGION_PAGES;
static uint8_t model[MODEL_PAGES];
static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % below);
}

static bool is_free(uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (model[first + i] != 0) return false;
    return true;
}

static void random_steps(uint64_t seed)
{
    static struct { uint64_t first, count; } piece[200];
    cr_log_info("seed %lu", seed);
    state = seed;
    begin();
    memset(model, 0, sizeof(model));
    memset(piece, 0, sizeof(piece));
    for (unsigned step = 0; step < 3000; step++) {
        uint32_t i = draw(200);
        if (piece[i].count > 0) {
            memset(model + piece[i].first, 0, piece[i].count);
            give(at(piece[i].first), piece[i].count);
            piece[i].count = 0;
        } else {
            uint64_t count = draw(20) == 0 ? 1 + draw(3000) : draw(5) == 0 ? 1 + draw(200) : 1u << draw(5), address = 0;
            uint64_t first = draw(MODEL_PAGES - (uint32_t)count);
            bool is_fixed = draw(6) == 0;
            enum status status = is_fixed ? area_take_at(directory, at(first), at(first + count)) : area_take(directory, count, &address);
            if (is_fixed && status == STATUS_EXISTS) {
                bool has_first = first % REGION_PAGES == 0 || first / REGION_PAGES != (first + count - 1) / REGION_PAGES;
                cr_assert(!is_free(first, count) || has_first); /* the first page of a region may be nobody's, and still not to be had */
                continue;
            }
            cr_assert_eq(status, STATUS_OK);
            if (!is_fixed) first = (address - at(0)) / PAGE_BYTES;
            if (first + count > MODEL_PAGES) {
                give(address, count);
                continue;
            }
            cr_assert(is_free(first, count));
            memset(model + first, 1, count);
            piece[i].first = first;
            piece[i].count = count;
        }
        if (step % 50 == 0) check();
    }
    for (uint32_t i = 0; i < 200; i++)
        if (piece[i].count > 0) give(at(piece[i].first), piece[i].count);
    check();
    cr_assert_eq(area_pages(directory), 0);
    cr_assert_leq(regions(), 1);
}

Test(pager_area, random_1) { random_steps(1); }
Test(pager_area, random_2) { random_steps(0x9e3779b9); }
Test(pager_area, random_3) { random_steps(77); }
