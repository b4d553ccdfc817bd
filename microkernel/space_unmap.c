/* Unmapping and ending a space: entries that were present become absent.
 *
 * The order is the safety of it: entries go first, then the processor forgets them, and only then frames and tables are free for others
 * (gather_end). Between the first and the last of these a frame is in a chain, its kind still USER, its count zero.
 *
 * 1. Every present leaf names a USER frame whose count is not zero. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

/* One mapping less. A frame without any joins the gather's chain when it is to be freed. */
static inline void frame_release(struct gather *gather, uint32_t number, struct frame_info *info, bool is_freeing)
{
    assert(info->kind == FRAME_KIND_USER && info->count > 0);
    uint16_t count = --info->count;
    if (!is_freeing || count != 0) return;
    info->cookie = gather->frames;
    gather->frames = number;
}

/* Removes the whole large leaf where the walk stands. */
static void remove_large(const struct walk *walk, uint64_t address, bool is_freeing, struct gather *gather)
{
    frame_t first = pte_frame(*walk->entry);
    struct frame_info *info = frame_find(first);
    *walk->entry = 0;
    gather_page(gather, address);
    uint64_t count_pages = walk_pages_of(walk->level);
    for (uint32_t i = 0; i < count_pages; i++)
        frame_release(gather, first.number + i, &info[i], is_freeing);
}

static unsigned count_present(const pte_t *entries, unsigned count)
{
    unsigned present = 0;
#pragma clang loop unroll_count(8)
    for (unsigned i = 0; i < count; i++)
        present += pte_is_present(entries[i]);
    return present;
}

/* Removes the leaves of a lowest table among `count` entries from where the walk stands; says how many there were. */
static unsigned remove_leaves(const struct walk *walk, uint64_t address, unsigned count, bool is_freeing, struct gather *gather)
{
    struct frame_info *frames = frame_find((frame_t){ 0 });
    pte_t *entries = walk->entry;
    unsigned present = count_present(entries, count);
    bool is_one_by_one = gather->count_pages + present <= INVALIDATE_LIMIT; /* else a flush, and the addresses do not matter */
    for (unsigned i = 0; i < count; i++) {
        pte_t leaf = entries[i];
        if (!pte_is_present(leaf)) continue;
        entries[i] = 0;
        if (is_one_by_one) gather_page(gather, address + ((uint64_t)i << PAGE_SHIFT));
        uint32_t number = pte_frame(leaf).number;
        frame_release(gather, number, &frames[number], is_freeing);
    }
    if (!is_one_by_one) gather->count_pages += present;
    return present;
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
    uint64_t pages = is_large ? visit->count_pages : removed;
    assert(space->count_mapped >= pages);
    space->count_mapped -= pages;
    counter_add(COUNTER_ENTRIES_WRITTEN, removed);
    if (removed > 0) walk_release(&visit->walk, space, visit->address, removed, gather);
    return pages;
}

/* The short way for one page with an entry in a lowest table. False: it is something else, and nothing has changed. */
static bool page_unmap(struct space *space, user_page_t page, bool is_freeing, struct unmap_result *result)
{
    struct walk walk;
    walk_begin(&walk, space, page.address);
    if (walk.level != 0 || !pte_is_present(*walk.entry)) return false;
    struct gather gather;
    gather_begin(&gather);
    gather_page(&gather, page.address);
    frame_t frame = pte_frame(*walk.entry);
    *walk.entry = 0;
    frame_release(&gather, frame.number, frame_find(frame), is_freeing);
    assert(space->count_mapped > 0);
    space->count_mapped--;
    counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    walk_release(&walk, space, page.address, 1, &gather);
    gather_end(&gather, space);
    *result = (struct unmap_result){ 1, 1, gather.freed_frames };
    return true;
}

enum status space_unmap(struct space *space, struct user_span span, uint64_t flags, struct unmap_result *result)
{
    if (span.count_pages == 1 && page_unmap(space, span.first, flags & UNMAP_FREE, result)) return STATUS_OK;
    struct gather gather;
    gather_begin(&gather);
    enum status status = STATUS_OK;
    uint64_t done = 0, unmapped = 0;
    unsigned budget = STEP_PAGES;
    while (done < span.count_pages && budget > 0) {
        struct visit visit;
        visit_begin(&visit, space, span, done, budget);
        if (visit.is_hole) {
            budget -= HOLE_COST < budget ? HOLE_COST : budget;
        } else {
            status = visit_split(&visit, space);
            if (status != STATUS_OK) break;
            unmapped += visit_remove(&visit, space, flags & UNMAP_FREE, &gather);
            budget -= (unsigned)visit.count_pages;
        }
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
    assert(space->count_threads == 0 && space->callers == nullptr && !arch_root_is_active(space->root));
    uint64_t address;
    if (mapped_find(space, &address)) {
        struct gather gather;
        gather_begin(&gather);
        struct visit visit;
        visit_begin(&visit, space, (struct user_span){ { address }, (USER_LIMIT - address) >> PAGE_SHIFT }, 0, UINT64_MAX);
        visit_remove(&visit, space, true, &gather);
        gather_end(&gather, space);
        return STATUS_AGAIN;
    }
    assert(space->count_mapped == 0 && space->count_tables == 0);
    counter_add(COUNTER_TABLES_FREED, 1);
    frame_t control = space->frame;
    enum status status = frame_free(space->root, 0, FRAME_KIND_TABLE);
    assert(status == STATUS_OK);
    status = frame_free(control, 0, FRAME_KIND_SPACE);
    assert(status == STATUS_OK);
    return status;
}
