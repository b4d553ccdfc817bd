/* Copying: a page that others share becomes its space's own. See space_transfer.c for how pages come to be shared.
 *
 * 1. Everything is checked and taken before the first change. */
#include "space.h"

#include <assert.h>
#include <string.h>

#include "block.h"
#include "walk.h"

/* The block of a large leaf that space_fill took for it alone becomes single frames (space_tables.c): then the page's frame is its own. */
enum status space_copy_page(struct space *space, user_page_t page, uint32_t attributes)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (!pte_is_memory(*walk.entry)) return STATUS_NOT_MAPPED;
    if (!walk_can_split(&walk, 0, 0)) return STATUS_TOO_MANY_MAPPINGS;
    const struct frame_info *info = frame_find(pte_frame(*walk.entry));
    bool is_own = info->count == 1 && (walk.level == 0 || (info->flags & FRAME_FILLED));
    if (reserve_fill(walk.level) != STATUS_OK) return STATUS_NO_MEMORY;
    frame_t fresh;
    if (!is_own && frame_allocate_dirty(&fresh) != STATUS_OK) {
        reserve_empty();
        return STATUS_NO_MEMORY;
    }

    // Commit: nothing below may fail.
    walk_split(&walk, 0);
    pte_t leaf = *walk.entry;
    *walk.entry = is_own ? pte_protect(leaf, attributes, 0) : pte_make_leaf(fresh, attributes, 0);
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    gather_page(page.address);
    gather_end(space);
    if (is_own) return STATUS_OK;
    frame_table[fresh.number] = (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 };
    void *to = arch_window_open(fresh), *from = arch_window_open(pte_frame(leaf));
    memcpy(to, from, PAGE_BYTES);
    arch_window_close(from);
    arch_window_close(to);
    frame_find(pte_frame(leaf))->count--;
    return STATUS_OK;
}
