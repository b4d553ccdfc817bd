/* One page: what resolve does for nearly every fault, and the short form of space_map, space_fill and space_unmap.
 *
 * The same checks and the same order as the long form. The most frequent case - tables are there, a clean single frame - is straight-line code; whatever
 * else there is goes another way before anything has changed.
 *
 * 1. Everything is checked and reserved before the first change. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

static void page_write(struct space *space, user_page_t page, struct walk *walk, struct reserve *reserve, pte_t leaf)
{
    if (walk->level != 0) walk_grow(walk, space, page.address, 0, reserve);
    *walk->entry = leaf;
    table_row(walk->tables[0])->count++;
    walk_count_pages(walk, space, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
}

/* The same with all that may be in the way: missing tables, frames deep in blocks, old content. */
[[gnu::noinline]] static enum status map_page_anyhow(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (pte_is_present(*walk.entry)) return STATUS_ALREADY_MAPPED;
    if (frame.number >= frame_limit) return STATUS_BAD_FRAME;
    struct frame_info *info = block_row(frame.number);
    if (info->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    struct reserve reserve;
    if (walk.level != 0 && reserve_fill(&reserve, walk.level) != STATUS_OK) return STATUS_NO_MEMORY;

    // Commit: nothing below may fail.
    if (info->flags & FRAME_DIRTY) frame_clean(frame, info);
    info->count++;
    page_write(space, page, &walk, &reserve, pte_make_leaf(frame, attributes, 0));
    return STATUS_OK;
}

enum status space_map_page(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct lowest lowest;
    if (frame.number >= frame_limit || !lowest_find(&lowest, space, page.address)) return map_page_anyhow(space, page, frame, attributes);
    if (pte_is_present(*lowest.entry)) return STATUS_ALREADY_MAPPED;
    struct frame_info *info = &frame_table[frame.number];
    bool is_plain = info->kind == FRAME_KIND_USER && (info->flags & (FRAME_ORDER_MASK | FRAME_DIRTY)) == 0 && info->count != FRAME_COUNT_LIMIT;
    if (!is_plain) return map_page_anyhow(space, page, frame, attributes);

    // Commit: nothing below may fail.
    info->count++;
    *lowest.entry = pte_make_leaf(frame, attributes, 0);
    lowest_count(&lowest, space, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return STATUS_OK;
}

enum status space_fill_page(struct space *space, user_page_t page, uint32_t attributes, frame_t *frame)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (pte_is_present(*walk.entry)) return STATUS_ALREADY_MAPPED;
    struct reserve reserve;
    reserve.count = 0;
    if (walk.level != 0 && reserve_fill(&reserve, walk.level) != STATUS_OK) return STATUS_NO_MEMORY;
    frame_t fresh;
    if (frame_allocate(0, FRAME_KIND_USER, &fresh) != STATUS_OK) {
        reserve_empty(&reserve);
        return STATUS_NO_MEMORY;
    }

    // Commit: nothing below may fail.
    struct frame_info *info = &frame_table[fresh.number];
    if (info->flags & FRAME_DIRTY) frame_clean(fresh, info);
    info->count++;
    page_write(space, page, &walk, &reserve, pte_make_leaf(fresh, attributes, 0));
    *frame = fresh;
    return STATUS_OK;
}

bool space_unmap_page(struct space *space, user_page_t page, bool is_freeing, struct unmap_result *result)
{
    struct lowest lowest;
    if (!lowest_find(&lowest, space, page.address)) return false;
    pte_t leaf = *lowest.entry;
    if (!pte_is_present(leaf) || lowest.table->count == 1) return false; /* the table would go too */
    uint32_t number = pte_frame(leaf).number;
    struct frame_info *info = &frame_table[number];
    if (frame_order(info) != 0 || info->kind != FRAME_KIND_USER) return false;

    // Commit: nothing below may fail.
    assert(info->count > 0);
    *lowest.entry = 0;
    info->count--;
    lowest_count(&lowest, space, -1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    if (arch_root_is_active(space->root)) {
        counter_add(COUNTER_INVALIDATIONS, 1);
        arch_tlb_invalidate(page);
    }
    bool is_freed = is_freeing && info->count == 0;
    if (is_freed) { /* nobody can reach it any more */
        enum status status = frame_free((frame_t){ number }, 0, FRAME_KIND_USER);
        assert(status == STATUS_OK);
        (void)status;
    }
    *result = (struct unmap_result){ 1, 1, is_freed };
    return true;
}
