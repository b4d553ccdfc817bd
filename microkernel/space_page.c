/* One page: what resolve does for nearly every fault, and the short form of space_map, space_fill and space_unmap.
 *
 * The same checks and the same order as the long form. The most frequent case - tables are there, a clean single frame - is straight-line code; whatever
 * else there is goes another way before anything has changed.
 *
 * 1. Everything is checked and reserved before the first change. */
#include "space.h"

#include <assert.h>

#include "block.h"
#include "page.h"

enum status space_map_page(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct lowest lowest;
    bool is_done = frame.number < frame_limit && lowest_find(&lowest, space, page.address) && page_map(space, &lowest, frame, attributes);
    return is_done ? STATUS_OK : space_map_leaf(space, page, frame, attributes, 0);
}

enum status space_fill_page(struct space *space, user_page_t page, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    frame_t fresh;
    if (frame_allocate_user(0, &fresh) == STATUS_OK) {
        struct walk walk;
        walk_begin(&walk, space, page.address);
        if (!pte_is_present(*walk.entry) && (walk.level == 0 || reserve_fill(walk.level) == STATUS_OK)) {
            // Commit: nothing below may fail.
            walk_grow(&walk, 0);
            struct frame_info *info = &frame_table[fresh.number];
            if (info->flags & FRAME_DIRTY) single_zero(fresh.number);
            *info = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
            *walk.entry = pte_make_leaf(fresh, attributes, 0);
            walk_add(&walk, 1);
            return STATUS_OK;
        }
        frame_release(fresh, 0, FRAME_KIND_USER);
    }
    uint64_t done;
    return space_fill(space, (struct user_span){ page, 1 }, attributes, &done);
}

void entries_fill_fresh(pte_t *entries, unsigned count, pte_t none)
{
    pte_t step = pte_next(0, 0);
    for (unsigned i = 0; i < count; i++) {
        frame_t fresh;
        bool is_dirty = true, is_at_hand = frame_state.stock_count != 0 || frame_state.count_spares[0] != 0;
        if (!is_at_hand && bitmap_take_frame(&frame_state.bitmap, &fresh.number)) { /* what else frame_allocate_user() would do for it comes below */
            counter_add(COUNTER_FRAME_REQUESTS, 1);
        } else {
            [[maybe_unused]] enum status status = frame_allocate_user(0, &fresh);
            assert(status == STATUS_OK);
            is_dirty = (frame_table[fresh.number].flags & FRAME_DIRTY) != 0;
        }
        if (is_dirty) single_zero(fresh.number);
        frame_table[fresh.number] = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
        entries[i] = none + fresh.number * step;
    }
}
