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

/* Adds to the bits of the part. A page of a large leaf has the marks of the leaf, which is looked at once. */
[[gnu::noinline]] enum status part_harvest(struct visit *visit)
{
    unsigned pages = visit->walk.level == 0 ? 1 : (unsigned)visit->count_pages;
    for (unsigned i = 0; i < visit->count_pages; i += pages) {
        pte_t *entry = &visit->walk.entry[i], marks = *entry & (PTE_ACCESSED | PTE_DIRTY);
        if (!pte_is_present(*entry) || marks == 0) continue;
        uint64_t bits = (UINT64_MAX >> (HARVEST_PAGES - pages)) << (visit->done + i);
        if (marks & PTE_ACCESSED) visit->accessed |= bits;
        if (marks & PTE_DIRTY) visit->dirty |= bits;
        *entry ^= marks;
        gather_page(visit->walk.address + ((uint64_t)i << PAGE_SHIFT));
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    }
    return STATUS_OK;
}

void space_harvest(struct space *space, struct user_span span, uint64_t *accessed, uint64_t *dirty)
{
    assert(span.count_pages <= HARVEST_PAGES);
    struct visit visit;
    uint64_t done, changed;
    visit.deed = HARVEST;
    visit.accessed = visit.dirty = 0;
    [[maybe_unused]] enum status status = visit_all(&visit, space, span, &done, &changed);
    assert(status == STATUS_OK);
    *accessed = visit.accessed;
    *dirty = visit.dirty;
}
