/* Mapping: entries that were absent become present.
 *
 * A step is at most two parts: runs of entries of one table each, at the highest level that addresses, frames and length allow. It is planned first: each
 * table is walked once, its entries are checked, the blocks are held (hold.h), and the tables that are missing are counted and taken. Then the plan's
 * walks go on from where they ended. Fresh frames go the same way, but that they are taken in place of being held.
 * No translation has to be forgotten: a processor remembers no absent entry (AMD64 manual vol. 2, 5.5.2).
 *
 * 1. Every entry is checked absent and every block is held before the first entry is written; a failure lets go of what was held.
 * 2. A dirty block is cleaned before its first entry is written.
 * 3. A large leaf lies within one block. */
#include "space.h"

#include <assert.h>

#include "counter.h"
#include "hold.h"
#include "walk.h"

/* Entries of a step that lie in one table. */
struct part {
    struct walk walk;
    unsigned count; /* entries */
    unsigned level;
    struct hold hold; /* of no frame, when they are fresh */
};

struct plan {
    unsigned count_parts;
    unsigned count_entries;
    unsigned count_tables; /* to be added */
    bool is_whole;         /* the table to be added gets all its entries: it is filled before it is put in place, and needs no zeroing */
    uint64_t count_pages;
    struct cleaning cleaning;
};

/* Beside the stack, where its addresses would make every other one there four bytes long. */
static struct part parts[STEP_PARTS];

/* The frame of what gets fresh ones. */
constexpr uint64_t FRESH = UINT64_MAX;

/* The highest level at which two addresses part: they share its table and all above. */
static unsigned level_shared(uint64_t one, uint64_t other)
{
    unsigned level = PTE_LEVELS - 1;
    while (level > 0 && pte_index(one, level) == pte_index(other, level))
        level--;
    return level;
}

/* The level of the leaf that fits: addresses and frames aligned, the block and what is left of the span large enough. */
static unsigned leaf_level(uint64_t address, uint64_t count_pages, uint64_t frame)
{
    if (frame >= frame_limit) return 0;
    uint64_t inside = (uint64_t)1 << frame_order(frame_find((frame_t){ (uint32_t)frame }));
    return level_fit(address >> PAGE_SHIFT | frame, least(count_pages, inside), arch_leaf_levels() - 1);
}

/* Plans where the entries of the next part go: walks, checks them absent, counts missing tables. ALREADY_MAPPED. */
static enum status part_place(struct plan *plan, struct part *part, struct space *space, uint64_t address)
{
    unsigned level = part->level;
    if (!walk_to_room(&part->walk, space, address, level, part->count)) return STATUS_ALREADY_MAPPED;
    unsigned from = part->walk.level;
    if (plan->count_parts > 0) { /* what an earlier part adds is there already */
        unsigned above = level_shared(part[-1].walk.address, address);
        if (from > above) from = above;
    }
    plan->count_tables += from - level;
    return STATUS_OK;
}

/* Plans the first step of a span and holds its frames. On failure those of the parts planned are still held. */
static enum status plan_make(struct plan *plan, struct space *space, struct user_span span, uint64_t first)
{
    plan->count_parts = plan->count_entries = plan->count_tables = 0; /* its parts are written when they are made */
    plan->count_pages = 0;
    plan->cleaning = (struct cleaning){ 0 };
    while (plan->count_pages < span.count_pages && plan->count_entries < STEP_PAGES && plan->count_parts < STEP_PARTS) {
        struct part *part = &parts[plan->count_parts];
        uint64_t address = span.first.address + (plan->count_pages << PAGE_SHIFT), left = span.count_pages - plan->count_pages;
        uint64_t frame = first == FRESH ? FRESH : first + plan->count_pages;
        unsigned level = part->level = leaf_level(address, left, frame), count_tables = plan->count_tables;
        unsigned count = entries_within(address, address, level, left);
        part->count = (unsigned)least(count, STEP_PAGES - plan->count_entries);
        enum status status = part_place(plan, part, space, address);
        if (status != STATUS_OK) return status;
        unsigned wanted = part->count;
        status = hold_take(&part->hold, frame, frame == FRESH ? 0 : wanted, level, &plan->cleaning);
        if (status != STATUS_OK) return status;
        if (frame != FRESH) part->count = part->hold.count;
        if (part->count == 0) {
            plan->count_tables = count_tables;
            break;
        }
        plan->count_parts++;
        plan->count_entries += part->count;
        plan->count_pages += part->count * walk_pages_of(level);
        if (part->count != wanted) break;
    }
    const struct part *only = &parts[0];
    plan->is_whole = first != FRESH && plan->count_tables == 1 && only->level == 0 && only->count == pte_entries(0);
    return STATUS_OK;
}

/* Maps the first step of a span: of consecutive frames, or fresh ones. On failure nothing has changed. */
static enum status step_map(struct space *space, struct user_span span, uint64_t first, uint32_t attributes, uint64_t *done)
{
    assert(attributes_check(attributes) == STATUS_OK);
    struct plan plan;
    enum status status = plan_make(&plan, space, span, first);
    if (status == STATUS_OK) status = plan.is_whole ? reserve_unzeroed() : reserve_fill(plan.count_tables);
    if (status == STATUS_OK && first == FRESH) status = frame_require((unsigned)plan.count_pages);
    if (status != STATUS_OK) {
        for (unsigned i = 0; i < plan.count_parts; i++) hold_drop(&parts[i].hold);
        reserve_empty();
        return status;
    }

    // Commit: nothing below may fail.
    for (unsigned i = 0; i < plan.count_parts; i++) {
        struct part *part = &parts[i];
        struct walk *walk = &part->walk;
        hold_clean(&part->hold);
        if (i > 0) walk_begin(walk, space, walk->address); /* the part before may have added tables */
        if (!plan.is_whole) walk_grow(walk, part->level);
        pte_t *entries = plan.is_whole ? reserve_entries() : walk->entry;
        if (first == FRESH) entries_fill_fresh(entries, part->count, attributes);
        else entries_fill(entries, part->count, pte_make_leaf(part->hold.first, attributes, part->level), pte_next(0, part->level));
        walk_grow(walk, part->level);
        walk_add(walk, part->count);
    }
    assert(plan.count_pages > 0);
    *done = plan.count_pages;
    return STATUS_OK;
}

[[gnu::noinline]] enum status space_map_leaf(struct space *space, user_page_t page, frame_t frame, uint32_t attributes, unsigned level)
{
    struct walk walk;
    if (!walk_to_room(&walk, space, page.address, level, 1)) return STATUS_ALREADY_MAPPED;
    struct frame_info *info = frame_find(frame);
    if (info == nullptr || info->kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    if (frame_is_unmappable(info)) return STATUS_BAD_STATE;
    if (info->count == FRAME_COUNT_LIMIT) return STATUS_TOO_MANY_MAPPINGS;
    if (reserve_fill(walk.level - level) != STATUS_OK) return STATUS_NO_MEMORY;

    // Commit: nothing below may fail.
    frame_clean(frame, info);
    info->count++;
    walk_grow(&walk, level);
    *walk.entry = pte_make_leaf(frame, attributes, level);
    walk_add(&walk, 1);
    return STATUS_OK;
}

enum status space_map(struct space *space, struct user_span span, frame_t first, uint32_t attributes, uint64_t *done)
{
    bool is_aligned = (first.number & (span.count_pages - 1)) == 0; /* else there is no need to look for one leaf that fits */
    unsigned level = is_aligned ? leaf_level(span.first.address, span.count_pages, first.number) : 0;
    enum status status;
    if (span.count_pages == walk_pages_of(level)) {
        status = space_map_leaf(space, span.first, first, attributes, level);
        if (status == STATUS_OK) *done = span.count_pages;
        return status;
    }
    status = step_map(space, span, first.number, attributes, done);
    return status == STATUS_OK && *done != span.count_pages ? STATUS_AGAIN : status;
}

/* Maps one fresh block as a large leaf. NO_MEMORY when there is no such block, or no table for it: then small pages may still do. */
static enum status fill_large(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done)
{
    constexpr unsigned order = FRAME_CLEAN_ORDER;
    frame_t block;
    if (frame_allocate(order, FRAME_KIND_USER, &block) != STATUS_OK) return STATUS_NO_MEMORY;
    enum status status = step_map(space, (struct user_span){ span.first, (uint64_t)1 << order }, block.number, attributes, done);
    if (status == STATUS_OK) frame_find(block)->flags |= FRAME_FILLED;
    else frame_release(block, order, FRAME_KIND_USER);
    return status;
}

/* With large leaves of level 1 where they are there, and can be zeroed in one go; a step with small ones ends where a large one may follow. */
enum status space_fill(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done)
{
    constexpr uint64_t large = (uint64_t)1 << FRAME_CLEAN_ORDER;
    bool has_large = arch_leaf_levels() > 1 && walk_pages_of(1) == large && span.count_pages >= large;
    uint64_t left = walk_pages_left(span.first.address, 1);
    struct user_span step = span;
    if (has_large && span.count_pages >= left + large) step.count_pages = left;
    enum status status = STATUS_NO_MEMORY;
    if (has_large && left == large) status = fill_large(space, span, attributes, done);
    if (status != STATUS_OK) status = step_map(space, step, FRESH, attributes, done);
    return status == STATUS_OK && *done != span.count_pages ? STATUS_AGAIN : status;
}
