/* One page in the most frequent case, as straight-line code: tables are there, the frame is single and clean. Internal to space_page.c, the calls and a
 * port's fast paths.
 *
 * Both functions do all of it or nothing: false means that the page has to go the long way, which also finds the right status. */
#ifndef QUIRE_PAGE_H
#define QUIRE_PAGE_H

#include "counter.h"
#include "walk.h"

/* The living space of a name from outside, or nullptr: frames of kernel objects are single, so their own row tells (block.h). */
static inline struct space *page_space(uint64_t frame)
{
    if (frame >= frame_limit || frame_table[frame].kind != FRAME_KIND_SPACE) return nullptr;
    return (struct space *)arch_frame_pointer((frame_t){ (uint32_t)frame });
}

/* Maps a page, whose entry has been found, to a frame below frame_limit with checked attributes. */
static inline bool page_map(struct space *space, const struct lowest *lowest, frame_t frame, uint32_t attributes)
{
    if (pte_is_present(*lowest->entry)) return false;
    struct frame_info *info = &frame_table[frame.number];
    bool is_plain = info->kind == FRAME_KIND_USER && (info->flags & (FRAME_ORDER_MASK | FRAME_DIRTY)) == 0 && info->count != FRAME_COUNT_LIMIT;
    if (!is_plain) return false;

    // Commit: nothing below may fail.
    info->count++;
    *lowest->entry = pte_make_leaf(frame, attributes, 0);
    lowest_count(lowest, space, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return true;
}

/* Takes the entry of a page and its count away. Copied into both its callers: the quick way of unmap has no registers to spare for a call. */
[[gnu::always_inline]] static inline void page_clear(struct space *space, user_page_t page, const struct lowest *lowest,
                                                      struct frame_info *info)
{
    *lowest->entry = 0;
    info->count--;
    lowest_count(lowest, space, -1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    if (arch_space_is_active(space)) {
        counter_add(COUNTER_INVALIDATIONS, 1);
        arch_tlb_invalidate(page);
    }
}

/* Unmaps a page, whose entry has been found, whose table stays; and with UNMAP_FREE whose frame stays too. */
static inline bool page_unmap(struct space *space, user_page_t page, const struct lowest *lowest, uint64_t flags)
{
    pte_t leaf = *lowest->entry;
    if (!pte_is_memory(leaf) || table_row_of(lowest->entry)->count == 1) return false; /* the table would go too */
    struct frame_info *info = &frame_table[pte_frame(leaf).number];
    static_assert(UNMAP_FREE == 1);
    if ((info->flags & FRAME_ORDER_MASK) != 0 || info->kind != FRAME_KIND_USER || info->count <= flags) return false;

    // Commit: nothing below may fail.
    page_clear(space, page, lowest, info);
    return true;
}

#endif
