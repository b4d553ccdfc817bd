/* Spaces: the checks of arguments from outside, creation, and questions that change nothing.
 *
 * The parts that change entries have files of their own: space_map.c, space_unmap.c, space_protect.c, on top of walk.h and space_tables.c.
 *
 * 1. A struct user_span lies within [USER_FIRST, USER_LIMIT) and has at least one page: made here and nowhere else. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

enum status user_span_check(uint64_t address, uint64_t count_pages, struct user_span *span)
{
    if (count_pages == 0) return STATUS_BAD_LENGTH;
    if (address % PAGE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (address < USER_FIRST || address >= USER_LIMIT || count_pages > (USER_LIMIT - address) / PAGE_BYTES)
        return count_pages > (UINT64_MAX - address) / PAGE_BYTES ? STATUS_RANGE_WRAPS : STATUS_BAD_ADDRESS;
    *span = (struct user_span){ { address }, count_pages };
    return STATUS_OK;
}

enum status space_create(struct space **space)
{
    frame_t control, root;
    if (frame_allocate(0, FRAME_KIND_SPACE, &control) != STATUS_OK) return STATUS_NO_MEMORY;
    if (frame_allocate(0, FRAME_KIND_TABLE, &root) != STATUS_OK) {
        frame_release(control, 0, FRAME_KIND_SPACE);
        return STATUS_NO_MEMORY;
    }
    // Commit: nothing below may fail.
    table_row(root)->cookie = control.number;
    arch_root_initialise(root);
    struct space *created = arch_frame_pointer(control);
    created->frame = control;
    created->root = root;
    created->root_address = frame_to_physical(root).address;
    created->callers = (struct caller_link){ &created->callers, &created->callers };
    counter_add(COUNTER_TABLES_ALLOCATED, 1);
    *space = created;
    return STATUS_OK;
}

enum status space_query(struct space *space, user_page_t page, struct translation *translation)
{
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (!pte_is_present(*walk.entry)) return STATUS_NOT_MAPPED;
    uint64_t inside = walk_pages_of(walk.level) - walk_pages_left(page.address, walk.level);
    *translation = (struct translation){
        .frame = { pte_leaf_frame(*walk.entry, walk.level).number + (uint32_t)inside },
        .attributes = pte_attributes(*walk.entry) | pte_cache(*walk.entry, walk.level),
        .page_bytes = walk_pages_of(walk.level) << PAGE_SHIFT,
    };
    return STATUS_OK;
}

enum page_state space_locate(struct space *space, user_page_t page, unsigned *level)
{
    struct walk walk;
    walk_begin(&walk, space, page.address);
    *level = walk.level;
    if (!pte_is_present(*walk.entry)) return walk.level == 0 ? PAGE_NOT_PRESENT : PAGE_NO_TABLE;
    return walk.level == 0 ? PAGE_PRESENT : PAGE_LARGE;
}
