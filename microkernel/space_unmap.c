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
static void block_release(const struct visit *visit, uint32_t number, unsigned count)
{
    struct frame_info *info = frame_find((frame_t){ number });
    assert(info->kind == FRAME_KIND_USER && info->count >= count);
    info->count = (uint16_t)(info->count - count);
    if (info->count == 0 && (visit->attributes & UNMAP_FREE)) gather_block((uint32_t)(info - frame_table));
}

/* Removes `count` leaves of the part from `at` on when all are there and of one block: OR and AND of the entries tell, two instructions each. */
static bool remove_alike(const struct visit *visit, unsigned at, unsigned count)
{
    pte_t *entries = visit->walk.entry + at;
    struct frame_info *row = table_row(visit->walk.tables[visit->level]);
    if (row->count < count) return false;
    struct common common = entries_common(entries, count);
    if (!pte_is_present(common.all) || (common.any & PTE_DEVICE) != 0) return false;
    frame_t frame = pte_frame(common.all);
    unsigned order = frame_order(frame_find(frame));
    if (((pte_frame(common.any).number ^ frame.number) >> order) != 0) return false;
    if (row->count == count) row->flags |= FRAME_DIRTY; /* all there is: the table goes too, and its entries need not be cleared */
    else entries_clear(entries, count);
    gather_many();
    block_release(visit, frame.number, count);
    return true;
}

/* Removes what there is among `count` entries of the part from `at` on, one by one, up to `live`; says how many there were. */
[[clang::minsize]] static unsigned remove_each(const struct visit *visit, unsigned at, unsigned count, unsigned live)
{
    pte_t *entries = visit->walk.entry;
    unsigned present = 0, i = at;
    for (; i < at + count && present < live; i++) {
        pte_t leaf = entries[i];
        if (leaf == 0) {
            i = entries_next(entries, i, at + count) - 1;
            continue;
        }
        if (!pte_is_memory(leaf)) continue;
        entries[i] = 0;
        gather_page(visit->walk.address + ((uint64_t)i << PAGE_SHIFT));
        block_release(visit, pte_frame(leaf).number, 1);
        present++;
    }
    counter_add(COUNTER_ENTRIES_READ, i - at);
    return present;
}

/* Removes the leaves of the part; says how many there were. All alike is tried with the whole, then with pieces: more entries than invalidations, so that
 * addresses do not matter. */
static unsigned remove_leaves(const struct visit *visit)
{
    constexpr unsigned piece = 64;
    static_assert(piece > INVALIDATE_LIMIT);
    unsigned count = visit->count, most = count, removed = 0, live = table_row(visit->walk.tables[visit->level])->count;
    if (live < piece || count < piece) return remove_each(visit, 0, count, live);
    for (unsigned at = 0, part; at < count; at += part) {
        part = (unsigned)least(count - at, most);
        if (part >= piece && remove_alike(visit, at, part)) removed += part;
        else if (most == piece) removed += remove_each(visit, at, part, live - removed);
        else part = 0; /* once more */
        most = piece;
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
    if (!is_ours || !arch_frame_is_direct(table)) return false;

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
[[gnu::noinline, clang::minsize]] enum status part_unmap(struct visit *visit)
{
    if (visit->is_hole) return STATUS_OK;
    enum status status = visit_split(visit);
    if (status == STATUS_NO_MEMORY && (visit->attributes & UNMAP_FREE) && split_within(visit)) status = STATUS_OK;
    if (status != STATUS_OK) return status;
    unsigned removed = remove_leaves(visit);
    if (removed == 0) return STATUS_OK;
    uint64_t pages = removed * walk_pages_of(visit->level);
    assert(visit->walk.space->count_mapped >= pages);
    visit->changed += pages;
    walk_remove(&visit->walk, removed);
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
    assert(space->count_threads == 0 && space->callers.next == &space->callers && !arch_space_is_active(space));
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
