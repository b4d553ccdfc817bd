/* Unmapping and ending a space: entries that were present become absent.
 *
 * The order is the safety of it: entries go first, then the processor forgets them, and only then blocks and tables are free for others
 * (gather_end). Between the first and the last of these a block is in a chain, its kind still USER, its count zero. With several processors the wait for all
 * of them that may remember the space comes at the same place.
 *
 * Giving back must not fail for want of memory. A large leaf of which a part goes needs a table; when there is none, the first page to go becomes it
 * (split_within). This is right for blocks that space_fill took and that are mapped here alone: nobody else has an interest in the page.
 *
 * 1. Every present leaf, but for those of devices, names a part of a USER block whose count is not zero. */
#include "space.h"

#include <assert.h>
#include <string.h>

#include "counter.h"
#include "device.h"
#include "walk.h"

/* `count` leaves less refer to a block. Without any it is gathered when it is to be freed. */
static void block_release(uint32_t number, unsigned count, bool is_freeing)
{
    uint32_t head = block_head(number);
    struct frame_info *info = &frame_table[head];
    assert(info->kind == FRAME_KIND_USER && info->count >= count);
    info->count = (uint16_t)(info->count - count);
    if (is_freeing && info->count == 0) gather_block(head);
}

/* Removes `count` leaves when all are there and of one block: OR and AND of the entries tell, two instructions each. */
static bool remove_alike(frame_t table, pte_t *entries, unsigned count, bool is_freeing)
{
    if (table_row(table)->count < count) return false;
    struct common common = entries_common(entries, count);
    if (!pte_is_present(common.all) || (common.any & PTE_DEVICE) != 0) return false;
    uint32_t number = pte_frame(common.all).number;
    unsigned order = frame_order(block_row(number));
    if (((pte_frame(common.any).number ^ number) >> order) != 0) return false;
    struct frame_info *row = table_row(table);
    if (row->count == count) row->flags |= FRAME_DIRTY; /* all there is: the table goes too, and its entries need not be cleared */
    else entries_clear(entries, count);
    gather_many();
    block_release(number, count, is_freeing);
    return true;
}

/* Removes what there is among `count` entries of a table with `live` present ones, one by one; says how many there were. */
static unsigned remove_each(pte_t *entries, uint64_t address, unsigned count, unsigned live, bool is_freeing)
{
    unsigned present = 0;
    counter_add(COUNTER_ENTRIES_READ, count);
    for (unsigned i = 0; present < live; i++) {
        i = entries_next(entries, i, count);
        if (i == count) break;
        pte_t leaf = entries[i];
        if (!pte_is_memory(leaf)) continue;
        entries[i] = 0;
        gather_page(address + ((uint64_t)i << PAGE_SHIFT));
        block_release(pte_frame(leaf).number, 1, is_freeing);
        present++;
    }
    return present;
}

/* Removes the leaves of the part; says how many there were. All alike is tried with the whole, then with pieces: more entries than invalidations, so that
 * addresses do not matter. */
static unsigned remove_leaves(const struct visit *visit, bool is_freeing)
{
    constexpr unsigned piece = 64;
    static_assert(piece > INVALIDATE_LIMIT);
    pte_t *entries = visit->walk.entry;
    frame_t table = visit->walk.tables[visit->level];
    unsigned count = visit->count, removed = 0, live = table_row(table)->count;
    if (live < piece || count < piece) return remove_each(entries, visit->walk.address, count, live, is_freeing);
    if (remove_alike(table, entries, count, is_freeing)) return count;
    for (unsigned at = 0, part; at < count; at += part) {
        part = count - at < piece ? count - at : piece;
        if (part == piece && remove_alike(table, entries + at, part, is_freeing)) removed += part;
        else removed += remove_each(entries + at, visit->walk.address + ((uint64_t)at << PAGE_SHIFT), part, live - removed, is_freeing);
    }
    return removed;
}

/* Splits the large leaf where the visit stands into a table made of the first page of the part, which is unmapped by this. False: the leaf is not such
 * a one. */
static bool split_within(struct visit *visit)
{
    struct walk *walk = &visit->walk;
    if (walk->level != 1 || visit->level != 0) return false;
    frame_t first = pte_frame(*walk->entry), table = { first.number + pte_index(walk->address, 0) };
    const struct frame_info *info = &frame_table[first.number];
    bool is_ours = (info->flags & FRAME_FILLED) && info->count == 1 && walk_pages_of(1) == (uint64_t)1 << frame_order(info);
    if (!is_ours || table.number >= arch_direct_frames()) return false;

    // Commit: nothing below may fail.
    reserve_page(table);
    walk_split(walk, 0);
    frame_table[table.number] = (struct frame_info){ .kind = FRAME_KIND_TABLE, .count = (uint16_t)(pte_entries(0) - 1) };
    *walk->entry = 0;
    walk_count_pages(walk, -(uint64_t)1);
    gather_page(walk->address);
    visit->changed++;
    visit->freed++;
    return true;
}

/* Removes what is mapped in the part. NO_MEMORY, TOO_MANY_MAPPINGS (split). */
[[gnu::noinline]] enum status part_unmap(struct visit *visit)
{
    bool is_freeing = visit->attributes & UNMAP_FREE;
    if (visit->is_hole) return STATUS_OK;
    enum status status = visit_split(visit);
    if (status == STATUS_NO_MEMORY && is_freeing && split_within(visit)) status = STATUS_OK;
    if (status != STATUS_OK) return status;
    unsigned removed = remove_leaves(visit, is_freeing);
    if (removed == 0) return STATUS_OK;
    uint64_t pages = removed * walk_pages_of(visit->level);
    assert(visit->walk.space->count_mapped >= pages);
    visit->changed += pages;
    walk_count_pages(&visit->walk, -pages);
    counter_add(COUNTER_ENTRIES_WRITTEN, removed);
    walk_release(&visit->walk, removed);
    return STATUS_OK;
}

enum status space_unmap(struct space *space, struct user_span span, uint64_t flags, struct unmap_result *result)
{
    struct visit visit;
    visit.deed = UNMAP;
    visit.attributes = (uint32_t)flags;
    enum status status = visit_all(&visit, space, span, &result->done_pages, &result->unmapped_pages);
    if (visit.done != 0) result->freed_frames = visit.freed;
    return status;
}

/* The first entry in address order and all that it or its lowest table stands for; false when the user half is empty. */
static bool mapped_find(const struct space *space, struct user_span *span)
{
    frame_t table = space->root;
    uint64_t address = 0;
    for (unsigned level = PTE_LEVELS - 1;; level--) {
        unsigned limit = level == PTE_LEVELS - 1 ? PTE_ROOT_USER_ENTRIES : pte_entries(level);
        const pte_t *entries = arch_frame_pointer(table);
        unsigned i = entries_next(entries, 0, limit);
        assert(i < limit || level == PTE_LEVELS - 1);
        if (i == limit) return false;
        address += (uint64_t)i << pte_shift(level);
        if (level == 0 || pte_is_large(entries[i], level)) {
            *span = (struct user_span){ { address }, walk_pages_left(address, level == 0 ? 1 : level) };
            return true;
        }
        table = pte_frame(entries[i]);
    }
}

/* A step ends one lowest table or one large leaf, and the tables above that it leaves empty; what devices have there goes first. */
enum status space_destroy(struct space *space)
{
    assert(space->count_threads == 0 && space->callers.next == &space->callers && !arch_root_is_active(space->root));
    struct user_span span;
    if (space->count_mapped != 0 && mapped_find(space, &span)) { /* a large leaf may stand in the root: no table */
        uint64_t done;
        struct unmap_result result;
        bool is_device = space->count_devices != 0 && device_unmap(nullptr, space, span, &done) != STATUS_NOT_MAPPED;
        if (!is_device) (void)space_unmap(space, span, UNMAP_FREE, &result);
        return STATUS_AGAIN;
    }
    assert(space->count_mapped == 0 && space->count_tables == 0 && space->count_devices == 0);
    counter_add(COUNTER_TABLES_FREED, 1);
    frame_t control = space->frame, root = space->root;
    arch_root_clear(root);
    frame_free_zeroed(root, FRAME_KIND_TABLE);
    memset(space, 0, offsetof(struct space, rows)); /* the rows are empty, and nothing else was ever written to its frame */
    frame_free_zeroed(control, FRAME_KIND_SPACE);
    return STATUS_OK;
}
