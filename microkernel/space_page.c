/* Mapping one page: what resolve does for nearly every fault, and the short form of space_map and space_fill.
 *
 * The same checks and the same order as space_map.c, without its plan: one walk, and the tables below it when it ended early.
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

enum status space_map_page(struct space *space, user_page_t page, frame_t frame, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
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
