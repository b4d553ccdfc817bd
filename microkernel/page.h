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

/* Maps a page, whose entry has been looked for, to a frame below frame_limit with checked attributes. */
static inline bool page_map_at(struct space *space, pte_t *entry, const struct lowest *lowest, frame_t frame, uint32_t attributes)
{
    if (entry == nullptr || pte_is_present(*entry)) return false;
    struct frame_info *info = &frame_table[frame.number];
    bool is_plain = info->kind == FRAME_KIND_USER && (info->flags & (FRAME_ORDER_MASK | FRAME_DIRTY)) == 0 && info->count != FRAME_COUNT_LIMIT;
    if (!is_plain) return false;

    // Commit: nothing below may fail.
    info->count++;
    *entry = pte_make_leaf(frame, attributes, 0);
    lowest_count(lowest, space, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    return true;
}

/* Maps a page. */
static inline bool page_map(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    struct lowest lowest;
    return frame.number < frame_limit && page_map_at(space, lowest_find(&lowest, space, page.address), &lowest, frame, attributes);
}

/* Takes the entry of a page and its count away. Copied into both its callers: the quick way of unmap has no registers to spare for a call. */
[[gnu::always_inline]] static inline void page_clear(struct space *space, user_page_t page, pte_t *entry, const struct lowest *lowest,
                                                      struct frame_info *info)
{
    *entry = 0;
    info->count--;
    lowest_count(lowest, space, -1);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    if (arch_root_is_active(space->root)) {
        counter_add(COUNTER_INVALIDATIONS, 1);
        arch_tlb_invalidate(page);
    }
}

/* Unmaps a page whose table stays; and whose frame stays, when it would be freed otherwise (`is_freeing`). */
static inline bool page_unmap(struct space *space, user_page_t page, bool is_freeing)
{
    struct lowest lowest;
    pte_t *entry = lowest_find(&lowest, space, page.address);
    if (entry == nullptr) return false;
    pte_t leaf = *entry;
    if (!pte_is_memory(leaf) || lowest.table->count == 1) return false; /* the table would go too */
    struct frame_info *info = &frame_table[pte_frame(leaf).number];
    if ((info->flags & FRAME_ORDER_MASK) != 0 || info->kind != FRAME_KIND_USER || (is_freeing && info->count == 1)) return false;

    // Commit: nothing below may fail.
    page_clear(space, page, entry, &lowest, info);
    return true;
}

#endif
