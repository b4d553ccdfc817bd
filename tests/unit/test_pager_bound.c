/* What is charged is what is used, but for page tables, which are a bound: how near it is (docs/adr/0009-guarantees.md).
 *
 * A segment is charged its pages and, on each level, the smaller of its pages and the tables that its range touches. Pages are exact. Tables are too many in
 * three ways only: a segment that is partly there may need fewer than its range, a table that neighbours share is charged to each of them, and a large page
 * needs no lowest table. All are counted here from the page tables, with no code of the pager. */
#include "pager_fixture.h"

#include "host.h"
#include "microkernel/calls.h"
#include "microkernel/space.h"

constexpr uint64_t P = PAGE_BYTES;

static uint64_t state;
static uint64_t draw(uint64_t limit)
{
    state = state * 6364136223846793005 + 1442695040888963407; /* Knuth's MMIX */
    return (state >> 33) % limit;
}

static const struct space *space_of(uint32_t number) { return space_find(sim_process(number)->space.number); }
static uint64_t charged(void) { return sim_process(INIT)->family->pages.charged; }

/* --- One kind of memory at a time --- */

/* What a deed was charged are the frames that it took, or gave back. */
#define EXPECT_EXACT(deed)                                                                                          \
    do {                                                                                                            \
        uint64_t charged_before = charged(), free_before = sim_free_frames();                                       \
        deed;                                                                                                       \
        cr_assert_eq(charged() - charged_before, free_before - sim_free_frames(), "%s: charged %ld, took %ld", #deed, \
                     (long)(charged() - charged_before), (long)(free_before - sim_free_frames()));                  \
    } while (0)

static void brk_by(int64_t pages) { fixture_ok(fixture_whole(INIT, PROTOCOL_brk, (uint64_t)(pages * (int64_t)P), 0, 0)); }
static void autogen_by(int64_t pages) { fixture_ok(fixture_whole(INIT, PROTOCOL_autogen_move, (uint64_t)(pages * (int64_t)P), 0, 0)); }

static void touch(uint64_t first, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) cr_assert_not_null(sim_touch(INIT, first + i * P, FAULT_WRITE));
}

Test(pager_bound, what_is_there_as_a_whole_is_charged_what_it_takes)
{
    fixture_start();
    brk_by(1); /* tables that the new segment shares with others are there, and charged to both */
    static const int64_t steps[] = { 1, 2, 400, 500, 1, 500, 500, 500, -3, -500, 37, -500, -700, 400 }; /* none brings a large page */
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) EXPECT_EXACT(brk_by(steps[i]));
    autogen_by(1);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) EXPECT_EXACT(autogen_by(steps[i]));
    fixture_check();
}

Test(pager_bound, what_is_touched_in_order_is_charged_what_it_takes)
{
    fixture_start_with(&(struct sim_options){ .arguments = "around=1" });
    uint64_t first = fixture_ok(sim_request(INIT, PROTOCOL_map, 512 * P, PROTECTION_WRITE, 0));
    cr_assert_eq(first % LAYOUT_TABLE_BYTES, 0);
    touch(first, 1);
    for (uint64_t i = 1; i < 512; i++) EXPECT_EXACT(touch(first + i * P, 1));
    for (uint64_t i = 511; i > 0; i -= 7) EXPECT_EXACT(EXPECT(OK, sim_request(INIT, PROTOCOL_discard, first + i * P, P, 0)));
    for (uint64_t i = 511; i > 256; i--) EXPECT_EXACT(EXPECT(OK, sim_request(INIT, PROTOCOL_unmap, first + i * P, P, 0)));
    touch(LAYOUT_STACK_TOP - P, 1);
    const struct segment *segment = segment_find_kind(&sim_process(INIT)->segments, SEGMENT_STACK);
    uint64_t stack = segment_tables_of(segment->first, segment->limit, 1);
    touch(LAYOUT_STACK_TOP - stack * P, stack - 1); /* each of the first may need a table of its own, for all that is known */
    for (uint64_t i = stack + 1; i <= 256; i++) EXPECT_EXACT(touch(LAYOUT_STACK_TOP - i * P, 1));
    fixture_check();
}

/* --- Any deeds --- */

/* Tables that the pages of a process need if none is large: of each segment for itself, of all together; and what its segments are charged. */
struct tables {
    uint64_t bound, own, all;
    uint64_t large;   /* pages: lowest tables that they do not need */
    uint64_t users;   /* segments with pages */
    uint64_t partial; /* those among them that are partly there */
};

constexpr uint64_t NOWHERE = UINT64_MAX;
struct path { uint64_t table[SEGMENT_LEVELS]; };

/* How many tables on the way to a page are others than on the way to the page before. */
static uint64_t path_follow(struct path *path, uint64_t address)
{
    uint64_t others = 0;
    for (unsigned level = 0; level < SEGMENT_LEVELS; level++) {
        uint64_t table = address / LAYOUT_TABLE_BYTES >> 9 * level;
        others += table != path->table[level];
        path->table[level] = table;
    }
    return others;
}

static struct tables tables_of(uint32_t number)
{
    struct tables tables = { 0 };
    struct path all = { { NOWHERE, NOWHERE, NOWHERE } };
    const struct segment_table *table = &sim_process(number)->segments;
    for (const struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit)) {
        struct path path = { { NOWHERE, NOWHERE, NOWHERE } };
        uint64_t own = 0, pages = 0;
        for (uint64_t at = segment->first; at < segment->limit && pages < segment->pages; at += P) {
            struct host_translation found;
            if (!host_walk(space_of(number)->root, at, &found)) continue;
            pages++;
            own += path_follow(&path, at);
            tables.all += path_follow(&all, at);
            tables.large += found.level > 0 && at % LAYOUT_TABLE_BYTES == 0;
        }
        cr_assert_eq(pages, segment->pages);
        uint64_t bound = segment_tables(segment->first, segment->limit, segment->pages);
        bool is_whole = pages == layout_pages(segment->first, segment->limit);
        if (is_whole) cr_assert_eq(bound, own, "a segment that is there as a whole: %lu, not %lu", bound, own);
        cr_assert(bound >= own && bound <= SEGMENT_LEVELS * pages, "%lu tables of %lu pages: bound %lu", own, pages, bound);
        tables.bound += bound;
        tables.own += own;
        tables.users += pages > 0;
        tables.partial += pages > 0 && !is_whole;
    }
    cr_assert_eq(tables.all - tables.large, space_of(number)->count_tables);
    return tables;
}

static uint64_t any_page(uint64_t *pages_to_end)
{
    const struct process *process = sim_process(INIT);
    const struct segment *segment = sim_segment(process, (uint32_t)draw(process->segments.count));
    uint64_t pages = layout_pages(segment->first, segment->limit), page = draw(pages);
    *pages_to_end = pages - page;
    return segment->first + page * P;
}

constexpr uint64_t MUCH = 4000, MANY = 60; /* pages, segments; from there on they become fewer */

static void deed(void)
{
    uint64_t rest, page = any_page(&rest), count = 1 + draw(draw(4) == 0 ? 700 : 20);
    const struct segment *segment = segment_find(&sim_process(INIT)->segments, page);
    bool is_much = space_of(INIT)->count_mapped > MUCH, are_many = sim_process(INIT)->segments.count > MANY;
    if (is_much) fixture_whole(INIT, PROTOCOL_brk, (uint64_t)(-(int64_t)(700 * P)), 0, 0);
    switch (is_much || are_many ? draw(6) : draw(20)) {
    case 0: sim_request(INIT, PROTOCOL_unmap, page, count * P, 0); break;
    case 1: if (segment->kind == SEGMENT_MMAP) sim_request(INIT, PROTOCOL_unmap, segment->first, segment->limit - segment->first, 0); break;
    case 2: fixture_whole(INIT, PROTOCOL_discard, page, count * P, 0); break;
    case 3: fixture_whole(INIT, PROTOCOL_map_over, page, count * P, PROTECTION_WRITE); break;
    case 4: fixture_whole(INIT, PROTOCOL_brk, (uint64_t)(-(int64_t)(count * P)), 0, 0); break;
    case 5: fixture_whole(INIT, PROTOCOL_autogen_move, (uint64_t)(-(int64_t)(count * P)), 0, 0); break;
    case 6: fixture_whole(INIT, PROTOCOL_protect, page, count * P, draw(2)); break;
    case 7:
        if (draw(4) > 0) sim_request(INIT, PROTOCOL_map, count * P, PROTECTION_WRITE, 0);
        else sim_request(INIT, PROTOCOL_map, 2 * LAYOUT_TABLE_BYTES, PROTECTION_WRITE, MAPPING_LARGE | MAPPING_POPULATE);
        break;
    case 8: case 9: sim_request(INIT, PROTOCOL_map_at, count * P, PROTECTION_WRITE, LAYOUT_MMAP_FIRST + draw(1 << 20) * P); break;
    case 10: fixture_whole(INIT, PROTOCOL_brk, (count + draw(2) * 1000) * P, 0, 0); break;
    case 11: fixture_whole(INIT, PROTOCOL_autogen_move, count * P, 0, 0); break;
    case 12: fixture_whole(INIT, PROTOCOL_populate, page, (count < rest ? count : rest) * P, 0); break;
    default:
        for (uint64_t i = 0; i < count && i < rest; i++) {
            uint64_t access = segment->protection & PROTECTION_WRITE ? FAULT_WRITE : FAULT_READ;
            cr_assert_not_null(sim_touch(INIT, page + i * P, access), "%s", sim_log());
        }
    }
}

Test(pager_bound, ten_thousand_random_deeds)
{
    fixture_start_with(&(struct sim_options){ .memory_bytes = (uint64_t)256 << 20 });
    state = 4711;
    uint64_t least = 100, used_sum = 0, charged_sum = 0, partial = 0, large = 0;
    for (unsigned step = 0; step < 10'000; step++) {
        deed();
        const struct segment_table *table = &sim_process(INIT)->segments;
        uint64_t pages = 0, bound = 0;
        for (const struct segment *segment = segment_above(table, 0); segment != nullptr; segment = segment_above(table, segment->limit)) {
            pages += segment->pages;
            bound += segment_tables(segment->first, segment->limit, segment->pages);
        }
        const struct space *space = space_of(INIT);
        cr_assert_eq(pages, space->count_mapped, "step %u", step);
        cr_assert_geq(bound, space->count_tables, "step %u", step);
        uint64_t used = pages + space->count_tables;
        if (used * 100 / (pages + bound) < least) least = used * 100 / (pages + bound);
        used_sum += used;
        charged_sum += pages + bound;
        if (step % 20 != 0) continue;
        struct tables tables = tables_of(INIT);
        partial += tables.partial;
        large += tables.large;
        /* Neighbours share at most a table on each level, whatever they are. */
        cr_assert_leq(tables.own - tables.all, SEGMENT_LEVELS * (tables.users - 1), "step %u: %lu of %lu", step, tables.own - tables.all, tables.users);
        if (step % 500 == 0) fixture_check();
    }
    cr_log_info("of what is charged is used: at the least %lu %%, in all %lu %%; partial %lu, large %lu", least, used_sum * 100 / charged_sum, partial, large);
    cr_assert_geq(least, 80, "%lu", least);
    cr_assert_geq(used_sum * 100, charged_sum * 95);
    cr_assert(partial > 1000 && large > 10, "%lu, %lu", partial, large); /* that is what was played */
    fixture_check();
}
