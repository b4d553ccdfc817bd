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

/* `count` leaves less refer to a block. Without any it joins the gather's chain when it is to be freed. */
static inline void block_release(struct gather *gather, uint32_t number, unsigned count, bool is_freeing)
{
    uint32_t head = block_head(number);
    struct frame_info *info = &frame_table[head];
    assert(info->kind == FRAME_KIND_USER && info->count >= count);
    info->count = (uint16_t)(info->count - count);
    if (!is_freeing || info->count != 0) return;
    info->cookie = gather->frames;
    gather->frames = head;
}

/* Removes the whole large leaf where the walk stands. */
static void remove_large(const struct walk *walk, uint64_t address, bool is_freeing, struct gather *gather)
{
    frame_t first = pte_frame(*walk->entry);
    *walk->entry = 0;
    gather_page(gather, address);
    block_release(gather, first.number, 1, is_freeing);
}

/* Removes `count` leaves when all are there and of one block: OR and AND of the entries tell, two instructions each. */
static bool remove_alike(frame_t table, pte_t *entries, unsigned count, bool is_freeing, struct gather *gather)
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
    gather->count_pages += count;
    block_release(gather, number, count, is_freeing);
    return true;
}

/* Removes what there is among `count` entries of a lowest table with `live` present ones, one by one; says how many there were. */
static unsigned remove_each(pte_t *entries, uint64_t address, unsigned count, unsigned live, bool is_freeing, struct gather *gather)
{
    unsigned present = 0;
    counter_add(COUNTER_ENTRIES_READ, count);
    for (unsigned i = 0; present < live; i++) {
        i = entries_next(entries, i, count);
        if (i == count) break;
        pte_t leaf = entries[i];
        if (!pte_is_memory(leaf)) continue;
        entries[i] = 0;
        gather_page(gather, address + ((uint64_t)i << PAGE_SHIFT));
        block_release(gather, pte_frame(leaf).number, 1, is_freeing);
        present++;
    }
    return present;
}

/* Removes the leaves among `count` entries. All alike is tried with the whole, then with pieces: more entries than invalidations, so that addresses do not
 * matter. */
static unsigned remove_leaves(const struct walk *walk, uint64_t address, unsigned count, bool is_freeing, struct gather *gather)
{
    constexpr unsigned piece = 64;
    static_assert(piece > INVALIDATE_LIMIT);
    pte_t *entries = walk->entry;
    frame_t table = walk->tables[0];
    unsigned live = table_row(table)->count;
    if (live < piece || count < piece) return remove_each(entries, address, count, live, is_freeing, gather);
    if (remove_alike(table, entries, count, is_freeing, gather)) return count;
    unsigned removed = 0;
    for (unsigned at = 0, part; at < count; at += part) {
        part = count - at < piece ? count - at : piece;
        if (part == piece && remove_alike(table, entries + at, part, is_freeing, gather)) removed += part;
        else removed += remove_each(entries + at, address + ((uint64_t)at << PAGE_SHIFT), part, live - removed, is_freeing, gather);
    }
    return removed;
}

/* Removes what is mapped in the part. Returns pages unmapped. */
static uint64_t visit_remove(struct visit *visit, struct space *space, bool is_freeing, struct gather *gather)
{
    assert(visit->level == visit->walk.level && !visit->is_hole);
    unsigned count = (unsigned)visit->count_pages;
    bool is_large = visit->level != 0;
    unsigned removed = 1;
    if (is_large) remove_large(&visit->walk, visit->address, is_freeing, gather);
    else removed = remove_leaves(&visit->walk, visit->address, count, is_freeing, gather);
    if (removed == 0) return 0;
    uint64_t pages = is_large ? visit->count_pages : removed;
    assert(space->count_mapped >= pages);
    walk_count_pages(&visit->walk, space, -pages);
    counter_add(COUNTER_ENTRIES_WRITTEN, removed);
    walk_release(&visit->walk, space, visit->address, removed, gather);
    return pages;
}

/* Splits the large leaf where the visit stands into a table made of the first page of the part, which is unmapped by this. False: the leaf is not such
 * a one. */
static bool split_within(struct visit *visit, struct space *space, struct gather *gather)
{
    struct walk *walk = &visit->walk;
    if (walk->level != 1 || visit->level != 0) return false;
    frame_t first = pte_frame(*walk->entry), table = { first.number + pte_index(visit->address, 0) };
    const struct frame_info *info = &frame_table[first.number];
    bool is_ours = (info->flags & FRAME_FILLED) && info->count == 1 && walk_pages_of(1) == (uint64_t)1 << frame_order(info);
    if (!is_ours || table.number >= arch_direct_frames()) return false;

    // Commit: nothing below may fail.
    unsigned count = pte_entries(0);
    pte_t piece = pte_split(*walk->entry, 1), *pieces = arch_frame_pointer(table);
    block_rows_fill(first.number, count, (struct frame_info){ .kind = FRAME_KIND_USER, .count = 1 });
    frame_table[table.number] = (struct frame_info){ .kind = FRAME_KIND_TABLE, .count = (uint16_t)(count - 1) };
    for (unsigned i = 0; i < count; i++, piece = pte_next(piece, 0))
        pieces[i] = piece;
    pieces[pte_index(visit->address, 0)] = 0;
    *walk->entry = pte_make_table(table, 1);
    walk_total(walk, TOTALS_TABLE);
    walk_count_pages(walk, space, -(uint64_t)1);
    space->count_tables++;
    counter_add(COUNTER_TABLES_ALLOCATED, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, count + 1);
    gather_page(gather, visit->address);
    gather->freed_frames++;
    walk_continue(walk, visit->address);
    return true;
}

enum status space_unmap(struct space *space, struct user_span span, uint64_t flags, struct unmap_result *result)
{
    struct gather gather;
    gather_begin(&gather);
    enum status status = STATUS_OK;
    uint64_t done = 0, unmapped = 0;
    unsigned budget = STEP_PAGES;
    while (done < span.count_pages && budget > 0) {
        struct visit visit;
        visit_begin(&visit, space, span, done, budget);
        if (!visit.is_hole) {
            status = visit_split(&visit, space);
            if (status == STATUS_NO_MEMORY && (flags & UNMAP_FREE) && split_within(&visit, space, &gather)) {
                status = STATUS_OK;
                unmapped++;
            }
            if (status != STATUS_OK) break;
            unmapped += visit_remove(&visit, space, flags & UNMAP_FREE, &gather);
        }
        budget -= visit.cost < budget ? visit.cost : budget;
        done += visit.count_pages;
    }
    gather_end(&gather, space);
    if (done == 0) return status; /* what stopped a step that had begun is met again, and told, by the next one */
    *result = (struct unmap_result){ done, unmapped, gather.freed_frames };
    return done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}

/* The first page with an entry, in address order; false when the user half is empty. */
static bool mapped_find(const struct space *space, uint64_t *address)
{
    frame_t table = space->root;
    *address = 0;
    for (unsigned level = PTE_LEVELS - 1;; level--) {
        unsigned limit = level == PTE_LEVELS - 1 ? PTE_ROOT_USER_ENTRIES : pte_entries(level);
        const pte_t *entries = arch_frame_pointer(table);
        unsigned i = 0;
        while (i < limit && !pte_is_present(entries[i]))
            i++;
        assert(i < limit || level == PTE_LEVELS - 1);
        if (i == limit) return false;
        *address += (uint64_t)i << pte_shift(level);
        if (level == 0 || pte_is_large(entries[i], level)) return true;
        table = pte_frame(entries[i]);
    }
}

/* A step ends one lowest table or one large leaf, and the tables above that it leaves empty. */
enum status space_destroy(struct space *space)
{
    assert(space->count_threads == 0 && space->callers.next == &space->callers && !arch_root_is_active(space->root));
    uint64_t address;
    if (space->count_mapped != 0 && mapped_find(space, &address)) { /* a large leaf may stand in the root: no table */
        struct gather gather;
        gather_begin(&gather);
        struct visit visit;
        visit_begin(&visit, space, (struct user_span){ { address }, (USER_LIMIT - address) >> PAGE_SHIFT }, 0, UINT64_MAX);
        if (pte_is_device(*visit.walk.entry)) device_drop(space, (user_page_t){ address });
        else visit_remove(&visit, space, true, &gather);
        gather_end(&gather, space);
        return STATUS_AGAIN;
    }
    assert(space->count_mapped == 0 && space->count_tables == 0 && space->count_devices == 0);
    counter_add(COUNTER_TABLES_FREED, 1);
    frame_t control = space->frame, root = space->root;
    arch_root_clear(root);
    frame_free_zeroed(root, FRAME_KIND_TABLE);
    static_assert(offsetof(struct space, frame) == sizeof(space->rows));
    memset(&space->frame, 0, sizeof *space - sizeof(space->rows)); /* the rows are empty, and nothing else was ever written to its frame */
    frame_free_zeroed(control, FRAME_KIND_SPACE);
    return STATUS_OK;
}
