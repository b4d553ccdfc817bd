/* One page: what resolve does for nearly every fault, and the short form of space_map, space_fill and space_unmap.
 *
 * The same checks and the same order as the long form. The most frequent case - tables are there, a clean single frame - is straight-line code; whatever
 * else there is goes another way before anything has changed.
 *
 * 1. Everything is checked and reserved before the first change. */
#include "space.h"

#include <assert.h>
#include <string.h>

#include "block.h"
#include "page.h"

static inline void leaf_write(struct space *space, user_page_t page, struct walk *walk, struct reserve *reserve, pte_t leaf, unsigned level)
{
    if (walk->level != level) walk_grow(walk, space, page.address, level, reserve);
    *walk->entry = leaf;
    table_row(walk->tables[level])->count++;
    walk_count_pages(walk, space, walk_pages_of(level));
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
}

/* With all that may be in the way: missing tables, frames deep in blocks, old content. */
[[gnu::noinline]] enum status space_map_leaf(struct space *space, user_page_t page, frame_t frame, uint32_t attributes, unsigned level)
{
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (walk.level < level || pte_is_present(*walk.entry)) return STATUS_ALREADY_MAPPED;
    if (frame.number >= frame_limit) return STATUS_BAD_FRAME;
    struct frame_info *info = block_row(frame.number);
    if (info->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    struct reserve reserve;
    if (walk.level != level && reserve_fill(&reserve, walk.level - level) != STATUS_OK) return STATUS_NO_MEMORY;

    // Commit: nothing below may fail.
    if (info->flags & FRAME_DIRTY) frame_clean(frame, info);
    info->count++;
    leaf_write(space, page, &walk, &reserve, pte_make_leaf(frame, attributes, level), level);
    return STATUS_OK;
}

[[gnu::noinline]] static enum status map_page_anyhow(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    return space_map_leaf(space, page, frame, attributes, 0);
}

enum status space_map_page(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    if (page_map(space, page, frame, attributes)) return STATUS_OK;
    return map_page_anyhow(space, page, frame, attributes);
}

/* Where a table is missing. */
[[gnu::noinline]] static enum status fill_page_anyhow(struct space *space, user_page_t page, uint32_t attributes, frame_t *frame)
{
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
    leaf_write(space, page, &walk, &reserve, pte_make_leaf(fresh, attributes, 0), 0);
    *frame = fresh;
    return STATUS_OK;
}

/* The block of a large leaf that space_fill took for it alone becomes single frames (space_tables.c): then the page's frame is its own. */
enum status space_copy_page(struct space *space, user_page_t page, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (!pte_is_memory(*walk.entry)) return STATUS_NOT_MAPPED;
    if (!walk_can_split(&walk, 0, 0)) return STATUS_TOO_MANY_MAPPINGS;
    const struct frame_info *info = block_row(pte_frame(*walk.entry).number);
    bool is_own = info->count == 1 && (walk.level == 0 || (info->flags & FRAME_FILLED));
    struct reserve reserve;
    if (reserve_fill(&reserve, walk.level) != STATUS_OK) return STATUS_NO_MEMORY;
    frame_t fresh;
    if (!is_own && frame_allocate(0, FRAME_KIND_USER, &fresh) != STATUS_OK) {
        reserve_empty(&reserve);
        return STATUS_NO_MEMORY;
    }

    // Commit: nothing below may fail.
    walk_split(&walk, space, page.address, 0, &reserve);
    pte_t leaf = *walk.entry;
    *walk.entry = is_own ? pte_protect(leaf, attributes, 0) : pte_make_leaf(fresh, attributes, 0);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    if (arch_root_is_active(space->root)) {
        counter_add(COUNTER_INVALIDATIONS, 1);
        arch_tlb_invalidate(page);
    }
    if (is_own) return STATUS_OK;
    frame_table[fresh.number] = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
    void *to = arch_window_open(fresh), *from = arch_window_open(pte_frame(leaf));
    memcpy(to, from, PAGE_BYTES);
    arch_window_close(from);
    arch_window_close(to);
    block_row(pte_frame(leaf).number)->count--;
    return STATUS_OK;
}

enum status space_fill_page(struct space *space, user_page_t page, uint32_t attributes, frame_t *frame)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct lowest lowest;
    if (!lowest_find(&lowest, space, page.address)) return fill_page_anyhow(space, page, attributes, frame);
    if (pte_is_present(*lowest.entry)) return STATUS_ALREADY_MAPPED;
    frame_t fresh;
    if (frame_allocate_user(0, &fresh) != STATUS_OK) return STATUS_NO_MEMORY;

    // Commit: nothing below may fail.
    struct frame_info *info = &frame_table[fresh.number];
    if (info->flags & FRAME_DIRTY) single_zero(fresh.number);
    *info = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
    *lowest.entry = pte_make_leaf(fresh, attributes, 0);
    *frame = fresh;
    lowest_count(&lowest, space, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return STATUS_OK;
}

void entries_fill_fresh(pte_t *entries, unsigned count, uint32_t attributes, uint32_t *chain)
{
    pte_t none = pte_make_leaf((frame_t){ 0 }, attributes, 0), step = pte_next(0, 0);
    uint32_t number = *chain;
    for (unsigned i = 0; i < count; i++) {
        struct frame_info *info = &frame_table[number];
        uint32_t next = info->cookie;
        if (info->flags & FRAME_DIRTY) single_zero(number);
        *info = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
        entries[i] = none + number * step;
        number = next;
    }
    *chain = number;
}

/* The conditions are those of page_unmap(), but for the frame's last mapping, with which the frame goes. */
bool space_unmap_page(struct space *space, user_page_t page, bool is_freeing, struct unmap_result *result)
{
    struct lowest lowest;
    if (!lowest_find(&lowest, space, page.address)) return false;
    pte_t leaf = *lowest.entry;
    if (!pte_is_memory(leaf) || lowest.table->count == 1) return false;
    frame_t frame = pte_frame(leaf);
    struct frame_info *info = &frame_table[frame.number];
    if ((info->flags & FRAME_ORDER_MASK) != 0 || info->kind != FRAME_KIND_USER) return false;

    // Commit: nothing below may fail.
    page_clear(space, page, &lowest, info);
    *result = (struct unmap_result){ 1, 1, is_freeing && info->count == 0 };
    if (result->freed_frames == 0) return true;
    enum status status = frame_free(frame, 0, FRAME_KIND_USER);
    assert(status == STATUS_OK);
    (void)status;
    return true;
}
