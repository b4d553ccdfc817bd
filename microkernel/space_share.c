/* Sharing: what is mapped in one place becomes mapped in another too. The same frames, whose blocks count one leaf more for each.
 *
 * The source is walked as by space_protect, a lowest table or a large leaf at a time; each part is checked, its blocks are held and its tables reserved
 * before it changes anything, and a step ends before the part that fails. A lazy copy is the same with one thing more: the source's entries lose WRITE as
 * they are read.
 *
 * A large leaf is shared as one where both addresses are aligned alike and its block has a name (block.h). Otherwise it is split first: because the other
 * place takes pages only; or because space_fill took the block for this leaf alone. Such a block becomes single frames, which count for themselves: so each
 * goes with its own last leaf, and who copies a page lets go of it. As one block it would stay until the last leaf of both had gone.
 *
 * 1. The destination is empty where the source has a page.
 * 2. The other place gets no attribute that the source's entry has not. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

static inline struct frame_info *leaf_row(pte_t leaf) { return frame_find(pte_frame(leaf)); }

/* One leaf less for the block of each of `count` entries. */
static void leaves_drop(const pte_t *from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (pte_is_memory(from[i])) leaf_row(from[i])->count--;
}

/* One leaf more for the block of each of `count` entries; `to`: what stands where they will be mapped, or nullptr. Returns through *present how many are there.
 * ALREADY_MAPPED, TOO_MANY_MAPPINGS: nothing is held. */
static enum status leaves_hold(const pte_t *from, const pte_t *to, unsigned count, unsigned *present)
{
    *present = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!pte_is_memory(from[i])) continue;
        struct frame_info *info = leaf_row(from[i]);
        bool is_taken = to != nullptr && pte_is_present(to[i]);
        if (is_taken || info->count == FRAME_COUNT_LIMIT) {
            leaves_drop(from, i);
            return is_taken ? STATUS_ALREADY_MAPPED : STATUS_TOO_MANY_MAPPINGS;
        }
        info->count++;
        ++*present;
    }
    return STATUS_OK;
}

/* Writes the entries. */
static void leaves_write(const struct visit *visit, pte_t *to)
{
    uint32_t attributes = visit->attributes;
    pte_t *from = visit->walk.entry, most = pte_make_leaf((frame_t){ 0 }, attributes & ATTRIBUTES_ALL, visit->level);
    for (unsigned i = 0; i < visit->count; i++) {
        pte_t leaf = from[i];
        if (!pte_is_memory(leaf)) continue;
        to[i] = pte_limit(leaf, most);
        if (!(attributes & SHARE_COPY) || !(leaf & PTE_WRITE)) continue;
        from[i] = leaf & ~(PTE_WRITE | PTE_WRITE_EXECUTE_MEANT);
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
        gather_page(visit->walk.address + ((uint64_t)i << PAGE_SHIFT));
    }
}

/* Makes a part shorter and its level lower, to what fits both places. */
static void part_fit(struct visit *visit, uint64_t to_address)
{
    unsigned highest = visit->level;
    if (highest > 0) {
        const struct frame_info *info = leaf_row(*visit->walk.entry);
        if ((info->flags & FRAME_FILLED) && info->count == 1) highest = 0;
    }
    visit_fit(visit, to_address, visit->count_pages, highest);
}

/* Shares what is mapped in the part. ALREADY_MAPPED, TOO_MANY_MAPPINGS, NO_MEMORY. */
[[gnu::noinline]] enum status part_share(struct visit *visit)
{
    if (visit->is_hole) return STATUS_OK;
    struct walk *from = &visit->walk, to;
    walk_begin(&to, visit->to, visit->to_address + (visit->done << PAGE_SHIFT));
    part_fit(visit, to.address);
    unsigned level = visit->level, count = visit->count, present = count, tables = from->level - level;
    const pte_t *there = to.level == level ? to.entry : nullptr;
    enum status status = STATUS_OK;
    if (tables == 0) status = leaves_hold(from->entry, there, count, &present);
    else if (there != nullptr && pte_is_present(entries_common(there, count).any)) status = STATUS_ALREADY_MAPPED;
    else if (!walk_can_split(from, level, count)) status = STATUS_TOO_MANY_MAPPINGS;
    if (status != STATUS_OK || present == 0) return status;
    status = walk_is_open(&to, level) ? reserve_fill(tables + to.level - level) : STATUS_ALREADY_MAPPED;
    if (status != STATUS_OK) {
        if (tables == 0) leaves_drop(from->entry, count);
        return status;
    }

    // Commit: nothing below may fail.
    if (tables != 0) {
        walk_split(from, level);
        status = leaves_hold(from->entry, nullptr, count, &present);
        assert(status == STATUS_OK);
    }
    walk_grow(&to, level);
    leaves_write(visit, to.entry);
    walk_add(&to, present);
    counter_add(COUNTER_ENTRIES_READ, 2 * count);
    visit->changed += present * walk_pages_of(level);
    return STATUS_OK;
}
