/* Protecting: entries that are present get other attributes, in place.
 *
 * Nothing is unmapped in between, so a page is never missing while its rights change. Entries that already are as asked are left alone, and a
 * large leaf is split only when a part of it must differ.
 *
 * 1. Frames, counts and what the processor noted in an entry (accessed, dirty) stay as they are. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "walk.h"

/* Rewrites the leaf when its attributes differ; what it stands for is forgotten at the end of the step. */
static inline bool leaf_protect(pte_t *entry, unsigned level, uint64_t address, uint32_t attributes, struct gather *gather)
{
    pte_t leaf = pte_protect(*entry, attributes, level);
    if (leaf == *entry) return false;
    *entry = leaf;
    gather_page(gather, address);
    return true;
}

/* Protects what is mapped in the part. Adds to *changed in pages. NO_MEMORY (split): nothing has changed. */
static enum status visit_protect(struct visit *visit, struct space *space, uint32_t attributes, uint64_t *changed, struct gather *gather)
{
    struct walk *walk = &visit->walk;
    if (walk->level != 0) {
        if (pte_protect(*walk->entry, attributes, walk->level) == *walk->entry) return STATUS_OK;
        enum status status = visit_split(visit, space);
        if (status != STATUS_OK) return status;
    }
    unsigned level = visit->level, count = level == 0 ? (unsigned)visit->count_pages : 1, written = 0;
    uint64_t address = visit->address;
    pte_t *entries = walk->entry;
    for (unsigned i = 0; i < count; i++, address += PAGE_BYTES)
        if (pte_is_present(entries[i])) written += leaf_protect(&entries[i], level, address, attributes, gather);
    *changed += written * walk_pages_of(level);
    counter_add(COUNTER_ENTRIES_WRITTEN, written);
    return STATUS_OK;
}

enum status space_protect(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done, uint64_t *changed)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct gather gather;
    gather_begin(&gather);
    enum status status = STATUS_OK;
    uint64_t count_done = 0, count_changed = 0;
    unsigned budget = STEP_PAGES;
    while (count_done < span.count_pages && budget > 0) {
        struct visit visit;
        visit_begin(&visit, space, span, count_done, budget);
        if (visit.is_hole) {
            budget -= HOLE_COST < budget ? HOLE_COST : budget;
        } else {
            status = visit_protect(&visit, space, attributes, &count_changed, &gather);
            if (status != STATUS_OK) break;
            budget -= (unsigned)visit.count_pages;
        }
        count_done += visit.count_pages;
    }
    gather_end(&gather, space);
    if (count_done == 0) return status; /* as in space_unmap */
    *done = count_done;
    *changed = count_changed;
    return count_done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}
