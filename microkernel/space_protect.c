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

/* Protects `count` entries when all are there and have the same attributes: then the same bits change in each, and OR and AND of the entries tell. Adds to
 * *written. */
static bool protect_alike(pte_t *entries, unsigned count, uint32_t attributes, unsigned *written)
{
    struct common common = entries_common(entries, count);
    constexpr pte_t own = PTE_ADDRESS | PTE_ACCESSED | PTE_DIRTY; /* what may differ */
    constexpr pte_t memory = ~PTE_DEVICE;                         /* a device's differs from what is asked for */
    if (!pte_is_present(common.all) || ((common.any ^ (common.all & memory)) & ~own) != 0) return false;
    pte_t change = pte_protect(common.all, attributes, 0) ^ common.all;
    if (change == 0) return true;
    entries_flip(entries, count, change);
    gather_many();
    counter_add(COUNTER_ENTRIES_WRITTEN, count);
    *written = count;
    return true;
}

/* Protects what is mapped in the part. NO_MEMORY, TOO_MANY_MAPPINGS (split). */
[[gnu::noinline]] enum status part_protect(struct visit *visit)
{
    struct walk *walk = &visit->walk;
    uint32_t attributes = visit->attributes;
    if (visit->is_hole) return STATUS_OK;
    if (walk->level != visit->level && pte_protect(*walk->entry, attributes, walk->level) == *walk->entry) return STATUS_OK;
    enum status status = visit_split(visit);
    if (status != STATUS_OK) return status;
    unsigned written = 0, count = visit->count, level = visit->level;
    if (count <= INVALIDATE_LIMIT || !protect_alike(walk->entry, count, attributes, &written)) {
        counter_add(COUNTER_ENTRIES_READ, count);
        for (unsigned i = 0; i < count; i++) {
            pte_t *entry = &walk->entry[i], leaf = pte_protect(*entry, attributes, level);
            if (!pte_is_memory(*entry) || leaf == *entry) continue;
            *entry = leaf;
            gather_page(walk->address + ((uint64_t)i << PAGE_SHIFT));
            counter_add(COUNTER_ENTRIES_WRITTEN, 1);
            written++;
        }
    }
    visit->changed += written * walk_pages_of(level);
    return STATUS_OK;
}

enum status space_protect(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done, uint64_t *changed)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct visit visit;
    unsigned count = (unsigned)span.count_pages, written = 0;
    walk_begin(&visit.walk, space, span.first.address);
    bool is_much = span.count_pages > INVALIDATE_LIMIT && span.count_pages <= least(STEP_PAGES, walk_pages_left(span.first.address, 1));
    /* The short way through much of one table: without it protect_512_per_page is 4.13. */
    if (is_much && visit.walk.level == 0 && protect_alike(visit.walk.entry, count, attributes, &written)) {
        gather_end(space);
        *done = count;
        *changed = written;
        return STATUS_OK;
    }
    visit.deed = PROTECT;
    visit.attributes = attributes;
    return visit_all(&visit, space, span, done, changed);
}
