/* Out of memory at every point: with k frames left, for k from none to enough, each operation either does all of it or changes nothing.
 *
 * "Nothing" means: every row of the frame table, the control frame and every page of the space are as before. The smallest k that is enough must be exactly
 * what the operation needs: nothing is taken to be on the safe side. */
#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "fill_page.h"
#include "host.h"
#include "space.h"
#include "table_format.h"

constexpr uint32_t FRAMES = 4 * FORMAT_TABLE_PAGES;
constexpr uint64_t EDGE = FORMAT_EDGE;
constexpr uint64_t LARGE = FORMAT_MIDDLE;
constexpr unsigned BELOW_ROOT = PTE_LEVELS - 1; /* tables that one page needs in an empty space */

struct world {
    struct space *space;
    frame_t pool; /* a block for a large leaf, aligned like one */
};

struct operation {
    const char *name;
    void (*prepare)(struct world *world);
    enum status (*run)(struct world *world);
    unsigned needs; /* frames */
};

static struct user_span span_of(uint64_t address, uint64_t count_pages)
{
    return (struct user_span){ { address }, count_pages };
}

/* --- Operations --- */

static void prepare_nothing([[maybe_unused]] struct world *world)
{
}

static void prepare_neighbour(struct world *world) /* the tables above LARGE are there */
{
    cr_assert_eq(space_map_page(world->space, (user_page_t){ LARGE - PAGE_BYTES }, world->pool, ATTRIBUTE_READ), STATUS_OK);
    cr_assert_eq(space_map_page(world->space, (user_page_t){ LARGE + 4 * FORMAT_TABLE_BYTES }, world->pool, ATTRIBUTE_READ), STATUS_OK);
}

static void prepare_large(struct world *world)
{
    cr_assert(format_map_large(world->space, LARGE, world->pool, ATTRIBUTE_WRITE));
    host_activate(world->space->root);
    host_load(LARGE + 5 * PAGE_BYTES);
}

static enum status run_create([[maybe_unused]] struct world *world)
{
    struct space *made;
    return space_create(&made);
}

/* What goes over an edge: the step up to it. */
static enum status first_step(enum status status, uint64_t done, uint64_t wanted)
{
    if (status != STATUS_AGAIN) return status;
    cr_assert_eq(done, wanted);
    return STATUS_OK;
}

static enum status run_map_over_edge(struct world *world)
{
    uint64_t done = 0;
    return first_step(space_map(world->space, span_of(EDGE - PAGE_BYTES, 2), world->pool, ATTRIBUTE_WRITE, &done), done, 1);
}

static enum status run_fill_over_edge(struct world *world)
{
    uint64_t done = 0;
    return first_step(space_fill(world->space, span_of(EDGE - 100 * PAGE_BYTES, 300), ATTRIBUTE_WRITE, &done), done, 100);
}

static enum status run_fill_behind_edge(struct world *world)
{
    uint64_t done;
    return space_fill(world->space, span_of(EDGE, 200), ATTRIBUTE_WRITE, &done);
}

static enum status run_fill_near(struct world *world)
{
    uint64_t done = 0;
    return first_step(space_fill(world->space, span_of(LARGE + FORMAT_TABLE_BYTES - 3 * PAGE_BYTES, 6), ATTRIBUTE_WRITE, &done), done, 3);
}

static void prepare_edge(struct world *world)
{
    cr_assert_eq(run_fill_over_edge(world), STATUS_OK);
}

static enum status run_map_page(struct world *world)
{
    return space_map_page(world->space, (user_page_t){ EDGE }, world->pool, ATTRIBUTE_EXECUTE);
}

static enum status run_fill_page(struct world *world)
{
    frame_t frame;
    return fill_page(world->space, (user_page_t){ EDGE }, ATTRIBUTE_EXECUTE, &frame);
}

static enum status run_map_large(struct world *world)
{
    uint64_t done;
    return space_map(world->space, span_of(EDGE, FORMAT_TABLE_PAGES), world->pool, ATTRIBUTE_WRITE, &done);
}

/* A whole table of small leaves, where a step is as long as a table. */
static enum status run_map_whole(struct world *world)
{
    host_set_leaf_levels(1);
    uint64_t done;
    enum status status = space_map(world->space, span_of(EDGE, FORMAT_TABLE_PAGES), world->pool, ATTRIBUTE_WRITE, &done);
    return status == STATUS_AGAIN ? STATUS_OK : status;
}

static enum status run_split_unmap(struct world *world)
{
    struct unmap_result result;
    return space_unmap(world->space, span_of(LARGE + 5 * PAGE_BYTES, 2), UNMAP_FREE, &result);
}

static enum status run_split_protect(struct world *world)
{
    uint64_t done, changed;
    return space_protect(world->space, span_of(LARGE + 500 * PAGE_BYTES, 12), ATTRIBUTE_READ, &done, &changed);
}

static struct space *twin; /* of share; made before frames are counted */

static void prepare_two(struct world *world)
{
    prepare_large(world);
    cr_assert_eq(space_create(&twin), STATUS_OK);
}

/* A filled page, which somebody else shows too: what is written to is copied. */
static void prepare_shared(struct world *world)
{
    frame_t frame;
    uint64_t done, shared;
    cr_assert_eq(space_create(&twin), STATUS_OK);
    cr_assert_eq(fill_page(world->space, (user_page_t){ LARGE }, ATTRIBUTE_WRITE, &frame), STATUS_OK);
    cr_assert_eq(space_share(world->space, span_of(LARGE, 1), twin, (user_page_t){ LARGE }, SHARE_COPY, &done, &shared), STATUS_OK);
}

static enum status run_share_large(struct world *world)
{
    uint64_t done, shared;
    return space_share(world->space, span_of(LARGE, FORMAT_TABLE_PAGES), twin, (user_page_t){ EDGE }, SHARE_COPY, &done, &shared);
}

static enum status run_share_split(struct world *world)
{
    uint64_t done, shared;
    return space_share(world->space, span_of(LARGE + 3 * PAGE_BYTES, 9), twin, (user_page_t){ EDGE }, SHARE_COPY, &done, &shared);
}

static enum status run_copy(struct world *world) { return space_copy_page(world->space, (user_page_t){ LARGE }, ATTRIBUTE_WRITE); }
static enum status run_copy_split(struct world *world) { return space_copy_page(world->space, (user_page_t){ LARGE + 9 * PAGE_BYTES }, ATTRIBUTE_WRITE); }

static const struct operation operations[] = {
    { "create", prepare_nothing, run_create, 2 },
    { "map over the edge", prepare_nothing, run_map_over_edge, BELOW_ROOT },
    { "fill over the edge", prepare_nothing, run_fill_over_edge, 100 + BELOW_ROOT },
    { "fill behind the edge", prepare_edge, run_fill_behind_edge, 200 + BELOW_ROOT },
    { "fill near", prepare_neighbour, run_fill_near, 3 + 1 },
    { "map a page", prepare_nothing, run_map_page, BELOW_ROOT },
    { "fill a page", prepare_nothing, run_fill_page, 1 + BELOW_ROOT },
    { "map a large leaf", prepare_nothing, run_map_large, BELOW_ROOT - 1 },
    { "map a whole table", prepare_nothing, run_map_whole, BELOW_ROOT },
    { "split to unmap", prepare_large, run_split_unmap, 1 },
    { "split to protect", prepare_large, run_split_protect, 1 },
    { "share a large leaf", prepare_two, run_share_large, BELOW_ROOT - 1 },
    { "split to share", prepare_two, run_share_split, 1 + BELOW_ROOT },
    { "copy", prepare_shared, run_copy, 1 },
    { "split to copy", prepare_large, run_copy_split, 2 },
};

/* --- Before and after --- */

static struct frame_info rows_before[FRAMES];
static struct space control_before;

static void remember(const struct world *world)
{
    memcpy(rows_before, frame_find((frame_t){ 0 }), sizeof rows_before);
    control_before = *world->space;
}

/* Free is free, set aside or not. */
static bool row_is_same(const struct frame_info *row, const struct frame_info *before)
{
    bool is_free = row->kind == FRAME_KIND_FREE || row->kind == FRAME_KIND_SPARE;
    if (before->kind == FRAME_KIND_FREE || before->kind == FRAME_KIND_SPARE) return is_free;
    return memcmp(row, before, sizeof *row) == 0;
}

static void compare(const struct world *world, const char *name, unsigned left)
{
    const struct frame_info *rows = frame_find((frame_t){ 0 });
    for (uint32_t i = 0; i < FRAMES; i++)
        cr_assert(row_is_same(&rows[i], &rows_before[i]), "%s with %u frames left: row of frame %u", name, left, i);
    cr_assert(memcmp(world->space, &control_before, sizeof control_before) == 0, "%s with %u frames left: control frame", name, left);
    cr_assert_null(host_tlb_stale(), "%s with %u frames left", name, left);
    cr_assert_eq(check_run(), 0, "%s with %u frames left: %s", name, left, host_log_text());
}

/* A world with exactly `left` free frames. */
static void world_begin(struct world *world, const struct operation *operation, unsigned left)
{
    host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
    cr_assert_eq(space_create(&world->space), STATUS_OK);
    cr_assert_eq(frame_allocate(FORMAT_TABLE_ORDER, FRAME_KIND_USER, &world->pool), STATUS_OK);
    format_clean(world->pool);
    operation->prepare(world);
    frame_t frame;
    while (frame_count_free() > left)
        cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
}

static void try_all(const struct operation *operation)
{
    for (unsigned left = 0; left < operation->needs; left++) {
        struct world world;
        world_begin(&world, operation, left);
        remember(&world);
        enum status status = operation->run(&world);
        cr_assert_eq(status, STATUS_NO_MEMORY, "%s with %u frames left: %s", operation->name, left, status_name(status));
        cr_assert_eq(frame_count_free(), left, "%s with %u frames left: %lu after it", operation->name, left, frame_count_free());
        compare(&world, operation->name, left);
    }
    struct world world;
    world_begin(&world, operation, operation->needs);
    enum status status = operation->run(&world);
    cr_assert_eq(status, STATUS_OK, "%s with the %u frames that it needs: %s", operation->name, operation->needs, status_name(status));
    cr_assert_null(host_tlb_stale());
}

Test(space_failures, every_point)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        try_all(&operations[i]);
}

/* The checker does not know of a space that the test made and forgot, nor does it mind one. After success everything holds too. */
Test(space_failures, all_holds_after_success)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct world world;
        world_begin(&world, &operations[i], operations[i].needs);
        cr_assert_eq(operations[i].run(&world), STATUS_OK);
        cr_assert_eq(check_run(), 0, "%s: %s", operations[i].name, host_log_text());
    }
}

/* Unmapping a range of large leaves whose second split fails: the first step says how far it got, the next one why, and nothing is half done. */
Test(space_failures, second_split_of_a_range)
{
    struct world world;
    host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
    cr_assert_eq(space_create(&world.space), STATUS_OK);
    cr_assert_eq(frame_allocate(FORMAT_TABLE_ORDER, FRAME_KIND_USER, &world.pool), STATUS_OK);
    format_clean(world.pool);
    uint64_t second = LARGE + FORMAT_TABLE_BYTES;
    cr_assert(format_map_large(world.space, LARGE, world.pool, ATTRIBUTE_WRITE) && format_map_large(world.space, second, world.pool, ATTRIBUTE_WRITE));
    frame_t frame;
    while (frame_count_free() > 1)
        cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
    struct unmap_result result = { 0 };
    cr_assert_eq(space_unmap(world.space, span_of(second - 2 * PAGE_BYTES, 5), UNMAP_KEEP, &result), STATUS_AGAIN);
    cr_assert(result.done_pages == 2 && result.unmapped_pages == 2);
    remember(&world);
    cr_assert_eq(space_unmap(world.space, span_of(second, 3), UNMAP_KEEP, &result), STATUS_NO_MEMORY);
    cr_assert_eq(result.done_pages, 2, "a failure writes no result");
    compare(&world, "second split", 0);
}

/* Giving a part of a large leaf back works without a free frame: a page that goes becomes the table. */
Test(space_failures, giving_back_a_part_without_memory)
{
    if (!FORMAT_FILL_MAKES_LARGE) cr_skip_test("a large leaf of this format is too long to be zeroed in one go");
    static const struct { uint64_t first, count; } parts[] = { { 5, 2 }, { 0, 1 }, { 511, 1 }, { 1, 511 }, { 0, 256 } };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct world world;
        host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
        uint64_t free = frame_count_free(), done;
        cr_assert_eq(space_create(&world.space), STATUS_OK);
        cr_assert_eq(space_fill(world.space, span_of(LARGE, 512), ATTRIBUTE_WRITE, &done), STATUS_OK);
        host_activate(world.space->root);
        memset(host_load(LARGE + 7 * PAGE_BYTES), 7, PAGE_BYTES);
        frame_t frame;
        uint64_t taken = 0;
        for (; frame_count_free() > 0; taken++) cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
        struct unmap_result result;
        cr_assert_eq(space_unmap(world.space, span_of(LARGE + parts[i].first * PAGE_BYTES, parts[i].count), UNMAP_FREE, &result), STATUS_OK);
        cr_assert(result.unmapped_pages == parts[i].count && result.freed_frames == parts[i].count);
        cr_assert_eq(frame_count_free(), parts[i].count - 1);
        cr_assert_eq(world.space->count_mapped, 512 - parts[i].count);
        cr_assert_null(host_tlb_stale());
        cr_assert_eq(check_run(), 0, "%s", host_log_text());
        for (uint64_t page = 0; page < 512; page++) {
            bool is_gone = page >= parts[i].first && page < parts[i].first + parts[i].count;
            const unsigned char *bytes = host_load(LARGE + page * PAGE_BYTES);
            cr_assert_eq(bytes == nullptr, is_gone);
            if (!is_gone) cr_assert_eq(bytes[99], page == 7 ? 7 : 0);
        }
        host_activate((frame_t){ 0 });
        while (space_destroy(world.space) == STATUS_AGAIN) continue;
        cr_assert_eq(frame_count_free() + taken, free);
        cr_assert_eq(check_run(), 0, "%s", host_log_text());
    }
}

/* A block that somebody else maps too is not taken for a table. */
Test(space_failures, a_shared_block_is_not_taken_for_a_table)
{
    if (!FORMAT_FILL_MAKES_LARGE) cr_skip_test("a large leaf of this format is too long to be zeroed in one go");
    struct world world;
    host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
    uint64_t done;
    struct space *other;
    cr_assert_eq(space_create(&world.space), STATUS_OK);
    cr_assert_eq(space_create(&other), STATUS_OK);
    cr_assert_eq(space_fill(world.space, span_of(LARGE, 512), ATTRIBUTE_WRITE, &done), STATUS_OK);
    struct translation translation;
    cr_assert_eq(space_query(world.space, (user_page_t){ LARGE }, &translation), STATUS_OK);
    cr_assert_eq(space_map_page(other, (user_page_t){ LARGE }, translation.frame, ATTRIBUTE_READ), STATUS_OK);
    frame_t frame;
    while (frame_count_free() > 0) cr_assert_eq(frame_allocate(0, FRAME_KIND_KERNEL, &frame), STATUS_OK);
    remember(&world);
    struct unmap_result result;
    cr_assert_eq(space_unmap(world.space, span_of(LARGE, 3), UNMAP_FREE, &result), STATUS_NO_MEMORY);
    compare(&world, "shared block", 0);
}

/* A range that meets a mapped page anywhere in a step changes nothing before it; what stands behind an edge does not hinder the step up to there. */
Test(space_failures, already_mapped_anywhere)
{
    for (uint64_t at = 0; at < 300; at += 7) {
        struct world world;
        host_initialise_frames((uint64_t)FRAMES << PAGE_SHIFT, 16);
        cr_assert_eq(space_create(&world.space), STATUS_OK);
        cr_assert_eq(frame_allocate(FORMAT_TABLE_ORDER, FRAME_KIND_USER, &world.pool), STATUS_OK);
        format_clean(world.pool);
        cr_assert_eq(space_map_page(world.space, (user_page_t){ EDGE + (at - 100) * PAGE_BYTES }, world.pool, ATTRIBUTE_READ), STATUS_OK);
        uint64_t done = 77, before = at < 100 ? 0 : 100;
        if (before != 0) {
            cr_assert_eq(space_fill(world.space, span_of(EDGE - 100 * PAGE_BYTES, 300), ATTRIBUTE_WRITE, &done), STATUS_AGAIN);
            cr_assert_eq(done, before);
        }
        remember(&world);
        struct user_span rest = span_of(EDGE - (100 - before) * PAGE_BYTES, 300 - before);
        done = 77;
        cr_assert_eq(space_map(world.space, rest, world.pool, ATTRIBUTE_WRITE, &done), STATUS_ALREADY_MAPPED);
        cr_assert_eq(space_fill(world.space, rest, ATTRIBUTE_WRITE, &done), STATUS_ALREADY_MAPPED);
        cr_assert_eq(done, 77, "a failure writes no result");
        compare(&world, "already mapped", (unsigned)at);
    }
}
