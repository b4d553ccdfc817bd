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

struct share {
    struct space *from;
    struct space *to;
    uint64_t to_address;
    uint32_t attributes;
    bool is_copy;
};

static inline struct frame_info *leaf_row(pte_t leaf) { return block_row(pte_frame(leaf).number); }

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

/* Writes the entries. Neighbours are alike, so what an entry becomes is worked out when it differs from the one before. */
static void leaves_write(const struct share *share, const struct visit *visit, pte_t *to, unsigned count, struct gather *gather)
{
    pte_t *from = visit->walk.entry, seen = 0, bits = 0;
    unsigned level = visit->level;
    for (unsigned i = 0; i < count; i++) {
        pte_t leaf = from[i];
        if (!pte_is_memory(leaf)) continue;
        if (((leaf ^ seen) & ~PTE_ADDRESS) != 0) {
            seen = leaf;
            bits = pte_make_leaf((frame_t){ 0 }, pte_attributes(leaf) & share->attributes, level);
        }
        to[i] = bits | (leaf & PTE_ADDRESS);
        if (!share->is_copy || !(leaf & PTE_WRITE)) continue;
        from[i] = leaf & ~(PTE_WRITE | PTE_WRITE_EXECUTE_MEANT);
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
        gather_page(gather, visit->address + ((uint64_t)i << PAGE_SHIFT));
    }
}

/* Lowers the level of a part to what fits both places; returns its entries, at most `budget`. */
static unsigned part_fit(struct visit *visit, uint64_t to_address, unsigned budget)
{
    unsigned level = visit->level;
    while (level > 0 && walk_pages_left(to_address, level) != walk_pages_of(level)) level--;
    if (level > 0) {
        const struct frame_info *info = leaf_row(*visit->walk.entry);
        if ((info->flags & FRAME_FILLED) && info->count == 1) level = 0;
    }
    visit->level = level;
    uint64_t left = walk_pages_left(to_address, 1), most = level != 0 ? walk_pages_of(level) : left < budget ? left : budget;
    if (visit->count_pages > most) visit->count_pages = most;
    return level != 0 ? 1 : (unsigned)visit->count_pages;
}

/* Shares `count` entries. ALREADY_MAPPED, TOO_MANY_MAPPINGS, NO_MEMORY: nothing has changed. */
static enum status part_share(struct visit *visit, const struct share *share, uint64_t to_address, unsigned count, uint64_t *shared, struct gather *gather)
{
    struct walk *from = &visit->walk, to;
    walk_begin(&to, share->to, to_address);
    unsigned level = visit->level, present = count, tables = from->level - level;
    bool is_blocked = to.level < level || (to.level > level && pte_is_present(*to.entry)); /* by a table, which is never empty, or a larger leaf */
    const pte_t *there = to.level == level ? to.entry : nullptr;
    enum status status = STATUS_OK;
    if (tables == 0) status = leaves_hold(from->entry, there, count, &present);
    else if (there != nullptr && pte_is_present(entries_common(there, count).any)) status = STATUS_ALREADY_MAPPED;
    else if (!walk_can_split(from, level, count)) status = STATUS_TOO_MANY_MAPPINGS;
    if (status != STATUS_OK || present == 0) return status;
    struct reserve reserve;
    status = is_blocked ? STATUS_ALREADY_MAPPED : reserve_fill(&reserve, tables + to.level - level);
    if (status != STATUS_OK) {
        if (tables == 0) leaves_drop(from->entry, count);
        return status;
    }

    // Commit: nothing below may fail.
    if (tables != 0) {
        walk_split(from, share->from, visit->address, level, &reserve);
        status = leaves_hold(from->entry, nullptr, count, &present);
        assert(status == STATUS_OK);
    }
    walk_grow(&to, share->to, to_address, level, &reserve);
    assert(reserve.count == 0);
    leaves_write(share, visit, to.entry, count, gather);
    struct frame_info *table = table_row(to.tables[level]);
    table->count = (uint16_t)(table->count + present);
    walk_count_pages(&to, share->to, present * walk_pages_of(level));
    counter_add(COUNTER_ENTRIES_READ, 2 * count);
    counter_add(COUNTER_ENTRIES_WRITTEN, present);
    *shared += present * walk_pages_of(level);
    return STATUS_OK;
}

enum status space_share(struct space *from, struct user_span span, struct space *to, user_page_t to_page, uint32_t attributes, uint64_t *done, uint64_t *shared)
{
    struct share share = { from, to, to_page.address, attributes & ATTRIBUTES_ALL, attributes & SHARE_COPY };
    uint64_t one = span.first.address, other = to_page.address;
    if (from == to && (one < other ? other - one : one - other) < span.count_pages << PAGE_SHIFT) return STATUS_BAD_ARGUMENT;
    struct gather gather;
    gather_begin(&gather);
    enum status status = STATUS_OK;
    uint64_t count_done = 0, count_shared = 0;
    unsigned budget = STEP_PAGES;
    while (count_done < span.count_pages && budget > 0) {
        struct visit visit;
        visit_begin(&visit, from, span, count_done, budget);
        if (!visit.is_hole) {
            uint64_t to_address = other + (count_done << PAGE_SHIFT);
            unsigned count = part_fit(&visit, to_address, budget);
            status = part_share(&visit, &share, to_address, count, &count_shared, &gather);
            if (status != STATUS_OK) break;
        }
        unsigned cost = visit.is_hole ? HOLE_COST : visit.level != 0 ? LARGE_COST : (unsigned)visit.count_pages; /* part_fit() may have cut it */
        budget -= cost < budget ? cost : budget;
        count_done += visit.count_pages;
    }
    gather_end(&gather, from);
    if (count_done == 0) return status; /* as in space_unmap */
    *done = count_done;
    *shared = count_shared;
    return count_done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}
