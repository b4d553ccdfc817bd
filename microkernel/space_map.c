/* Mapping: entries that were absent become present.
 *
 * A step is one run: leaves of one table, at the highest level that addresses, frames and length allow. Its entries are checked, then the blocks of its frames,
 * then the tables that are missing are taken; only then something changes. Fresh frames go the same way, but that they are taken in place of being counted; so
 * do devices (device.c), whose registry counts in place of a block.
 * No translation has to be forgotten: a processor remembers no absent entry (AMD64 manual vol. 2, 5.5.2).
 *
 * 1. Every entry is checked absent and every block is checked before the first change.
 * 2. A dirty block is cleaned before its first entry is written.
 * 3. A large leaf lies within one block. */
#include "space.h"

#include <assert.h>

#include "block.h"
#include "counter.h"
#include "device.h"
#include "walk.h"

/* Looks at the blocks of a run's frames, one behind the other: whether they can be mapped. The run becomes shorter where the next leaf is larger than its
 * block, or where more would have to be zeroed than a step may. BAD_FRAME, BAD_STATE (unmappable), TOO_MANY_MAPPINGS.
 * Or (`is_checked`) counts the leaves there will be and zeroes what is dirty. */
static enum status run_blocks(struct run *run, bool is_checked)
{
    unsigned shift = pte_shift(run->level) - PAGE_SHIFT;
    uint32_t dirty = 0;
    for (uint32_t at = 0, count; at < run->count; at += count) {
        uint64_t number = run->first + ((uint64_t)at << shift);
        if (number >= frame_limit) return STATUS_BAD_FRAME;
        uint32_t head = block_head((uint32_t)number);
        struct frame_info *info = &frame_table[head];
        uint32_t frames = 1u << frame_order(info), inside = (head + frames - (uint32_t)number) >> shift;
        count = run->count - at;
        if (count > inside) count = inside;
        if (is_checked) {
            info->count = (uint16_t)(info->count + count);
            frame_clean((frame_t){ (uint32_t)number }, info);
            continue;
        }
        if (info->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
        if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
        if (count > (uint32_t)FRAME_COUNT_LIMIT - info->count) return STATUS_TOO_MANY_MAPPINGS;
        if (info->flags & FRAME_DIRTY) dirty += frames;
        if (count == 0 || dirty > FRAME_CLEAN_STEP) run->count = at; /* never of the first block */
    }
    return STATUS_OK;
}

/* A whole new table of small leaves of named frames: it is filled before it is put in place, and needs no zeroing. */
static bool run_is_whole(const struct run *run)
{
    return run->walk.level == 1 && run->level == 0 && run->count == pte_entries(0) && run->first != FRESH && run->owner == nullptr;
}

[[gnu::noinline]] enum status run_map(struct run *run, struct space *space, struct user_span span, uint64_t *done)
{
    struct walk *walk = &run->walk;
    unsigned level = run->level;
    bool is_fresh = run->first == FRESH, is_device = run->owner != nullptr;
    if (!walk_to_room(walk, space, span.first.address, level, run->count)) return STATUS_ALREADY_MAPPED;
    unsigned count_tables = walk->level - level;
    enum status status;
    if (is_device) status = device_may_map(run, &count_tables);
    else status = is_fresh ? frame_require(run->count + count_tables) : run_blocks(run, false);
    bool is_whole = run_is_whole(run);
    if (status == STATUS_OK) status = is_whole ? reserve_unzeroed() : reserve_fill(count_tables);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    if (is_device) device_register(run);
    else if (!is_fresh) (void)run_blocks(run, true);
    if (!is_whole) walk_grow(walk, level);
    pte_t *entries = is_whole ? reserve_entries() : walk->entry;
    if (is_fresh) entries_fill_fresh(entries, run->count, run->leaf);
    else entries_fill(entries, run->count, run->leaf, pte_next(0, level));
    walk_grow(walk, level);
    walk_add(walk, run->count);
    *done = run->count * walk_pages_of(level);
    return *done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}

[[gnu::noinline]] enum status space_map_leaf(struct space *space, user_page_t page, frame_t frame, uint32_t attributes, unsigned level)
{
    struct walk walk;
    if (!walk_to_room(&walk, space, page.address, level, 1)) return STATUS_ALREADY_MAPPED;
    struct frame_info *info = frame_find(frame);
    if (info == nullptr || info->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    if (reserve_fill(walk.level - level) != STATUS_OK) return STATUS_NO_MEMORY;

    // Commit: nothing below may fail.
    frame_clean(frame, info);
    info->count++;
    walk_grow(&walk, level);
    *walk.entry = pte_make_leaf(frame, attributes, level);
    walk_add(&walk, 1);
    return STATUS_OK;
}

/* Consecutive frames, or fresh ones: the leaf that fits is the largest that addresses, frames, the block and what is left of the span allow. */
static enum status map(struct space *space, struct user_span span, uint64_t first, uint32_t attributes, uint64_t *done)
{
    assert(attributes_check(attributes) == STATUS_OK);
    uint64_t address = span.first.address;
    struct run run;
    run.owner = nullptr;
    run.first = first;
    run.level = 0;
    if (span.count_pages > 1 && first < frame_limit) {
        uint64_t inside = (uint64_t)1 << frame_order(block_row((uint32_t)first));
        run.level = level_fit(address >> PAGE_SHIFT | first, least(span.count_pages, inside), arch_leaf_levels() - 1);
    }
    if (span.count_pages == walk_pages_of(run.level) && first != FRESH) {
        enum status status = space_map_leaf(space, span.first, (frame_t){ (uint32_t)first }, attributes, run.level);
        if (status == STATUS_OK) *done = span.count_pages;
        return status;
    }
    run.count = entries_within(address, address, run.level, span.count_pages);
    run.leaf = pte_make_leaf((frame_t){ first == FRESH ? 0 : (uint32_t)first }, attributes, run.level);
    return run_map(&run, space, span, done);
}

uint64_t space_step_pages(user_page_t page)
{
    return least(STEP_PAGES, walk_pages_left(page.address, 1));
}

enum status space_map(struct space *space, struct user_span span, frame_t first, uint32_t attributes, uint64_t *done)
{
    return map(space, span, first.number, attributes, done);
}

/* With a large leaf of level 1 where there is one, and its block can be zeroed in one go. */
enum status space_fill(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done)
{
    constexpr unsigned order = FRAME_CLEAN_ORDER;
    constexpr uint64_t large = (uint64_t)1 << order;
    bool is_large = arch_leaf_levels() > 1 && span.count_pages >= large && walk_pages_left(span.first.address, 1) == large && walk_pages_of(1) == large;
    frame_t block;
    if (is_large && frame_allocate(order, FRAME_KIND_USER, &block) == STATUS_OK) {
        if (map(space, (struct user_span){ span.first, large }, block.number, attributes, done) == STATUS_OK) {
            frame_find(block)->flags |= FRAME_FILLED;
            return span.count_pages == large ? STATUS_OK : STATUS_AGAIN;
        }
        frame_release(block, order, FRAME_KIND_USER);
    }
    return map(space, span, FRESH, attributes, done);
}
