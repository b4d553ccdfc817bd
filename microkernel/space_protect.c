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

/* Protects `count` entries of a lowest table when all are there and have the same attributes: then the same bits change in each, and OR and AND of the
 * entries tell. Adds to *written. */
static inline bool protect_alike(pte_t *entries, unsigned count, uint32_t attributes, unsigned *written, struct gather *gather)
{
    struct common common = entries_common(entries, count);
    constexpr pte_t own = PTE_ADDRESS | PTE_ACCESSED | PTE_DIRTY; /* what may differ */
    constexpr pte_t memory = ~PTE_DEVICE;                         /* a device's differs from what is asked for */
    if (!pte_is_present(common.all) || ((common.any ^ (common.all & memory)) & ~own) != 0) return false;
    pte_t change = pte_protect(common.all, attributes, 0) ^ common.all;
    if (change == 0) return true;
    entries_flip(entries, count, change);
    gather->count_pages += count;
    *written += count;
    return true;
}

static unsigned protect_leaves(pte_t *entries, uint64_t address, unsigned count, uint32_t attributes, struct gather *gather)
{
    unsigned written = 0;
    if (count > INVALIDATE_LIMIT && protect_alike(entries, count, attributes, &written, gather)) return written;
    counter_add(COUNTER_ENTRIES_READ, count);
    for (unsigned i = 0; i < count; i++, address += PAGE_BYTES)
        if (pte_is_memory(entries[i])) written += leaf_protect(&entries[i], 0, address, attributes, gather);
    return written;
}

/* Protects what is mapped in the part. Adds to *changed in pages. NO_MEMORY, TOO_MANY_MAPPINGS (split): nothing has changed. */
static enum status visit_protect(struct visit *visit, struct space *space, uint32_t attributes, uint64_t *changed, struct gather *gather)
{
    struct walk *walk = &visit->walk;
    if (walk->level != 0) {
        if (pte_protect(*walk->entry, attributes, walk->level) == *walk->entry) return STATUS_OK;
        enum status status = visit_split(visit, space);
        if (status != STATUS_OK) return status;
    }
    unsigned level = visit->level, written;
    if (level == 0) written = protect_leaves(walk->entry, visit->address, (unsigned)visit->count_pages, attributes, gather);
    else written = leaf_protect(walk->entry, level, visit->address, attributes, gather);
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
        if (!visit.is_hole) {
            status = visit_protect(&visit, space, attributes, &count_changed, &gather);
            if (status != STATUS_OK) break;
        }
        budget -= visit.cost < budget ? visit.cost : budget;
        count_done += visit.count_pages;
    }
    gather_end(&gather, space);
    if (count_done == 0) return status; /* as in space_unmap */
    *done = count_done;
    *changed = count_changed;
    return count_done == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}
