/* Harvesting: which pages were used since the last time, as the processor noted it in their entries.
 *
 * A mark that is cleared is set again by the next use only when the processor has forgotten the translation, so clearing is a change like any other: what
 * was marked is invalidated at the end. Entries without a mark are left alone and cost no invalidation.
 *
 * 1. Frames, counts and attributes stay as they are. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

/* The bits of `count` pages from the `at`-th on. */
static uint64_t bits_of(uint64_t at, uint64_t count)
{
    return (count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1) << at;
}

void space_harvest(struct space *space, struct user_span span, uint64_t *accessed, uint64_t *dirty)
{
    assert(span.count_pages <= HARVEST_PAGES);
    struct gather gather;
    gather_begin(&gather);
    uint64_t all_accessed = 0, all_dirty = 0;
    for (uint64_t done = 0, count; done < span.count_pages; done += count) {
        uint64_t address = span.first.address + (done << PAGE_SHIFT), left = span.count_pages - done;
        struct walk walk;
        walk_begin(&walk, space, address);
        uint64_t inside = walk_pages_left(address, walk.level);
        count = left < inside ? left : inside;
        constexpr pte_t marks = PTE_ACCESSED | PTE_DIRTY;
        if (!pte_is_present(*walk.entry) || (*walk.entry & marks) == 0) continue;
        if (*walk.entry & PTE_ACCESSED) all_accessed |= bits_of(done, count);
        if (*walk.entry & PTE_DIRTY) all_dirty |= bits_of(done, count);
        *walk.entry &= ~marks;
        gather_page(&gather, address);
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    }
    gather_end(&gather, space);
    *accessed = all_accessed;
    *dirty = all_dirty;
}
