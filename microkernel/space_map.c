/* Mapping: entries that were absent become present.
 *
 * A step is at most two parts: runs of entries of one table each, at the highest level that addresses, frames and length allow. It is planned first: each
 * table is walked once, its entries are checked, the blocks are held (hold.h), and the tables that are missing are counted and taken. Then the plan's
 * walks go on from where they ended, so nothing is walked twice. No translation has to be forgotten: a processor remembers no absent entry (AMD64 manual
 * vol. 2, 5.5.2).
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
    uint64_t address;
    unsigned count; /* entries */
    unsigned level;
    struct walk walk;
    struct hold hold; /* of space_map */
    bool is_whole;    /* all entries of a table that is to be added: it is filled before it is put in place, and needs no zeroing */
};

struct plan {
    unsigned count_parts;
    unsigned count_entries;
    unsigned count_tables; /* to be added, zeroed */
    unsigned count_whole;  /* to be added, not zeroed: at most one */
    uint64_t count_pages;
    struct cleaning cleaning;
    struct part parts[STEP_PARTS];
};

/* An empty plan. Its parts are written when they are made. */
static inline void plan_begin(struct plan *plan)
{
    plan->count_parts = 0;
    plan->count_entries = 0;
    plan->count_tables = 0;
    plan->count_whole = 0;
    plan->count_pages = 0;
    plan->cleaning = (struct cleaning){ 0 };
}

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
    unsigned level = arch_leaf_levels() - 1;
    for (; level > 0; level--) {
        uint64_t pages = walk_pages_of(level);
        bool is_aligned = ((address >> PAGE_SHIFT | frame) & (pages - 1)) == 0;
        if (is_aligned && count_pages >= pages && (uint64_t)1 << frame_order(block_row((uint32_t)frame)) >= pages) break;
    }
    return level;
}

/* Plans where the entries of a part go: walks, checks them absent, counts missing tables. `part` says address, level, and at most how many.
 * ALREADY_MAPPED. */
static enum status part_place(struct plan *plan, struct part *part, const struct space *space)
{
    unsigned level = part->level, left = pte_entries(level) - pte_index(part->address, level);
    if (part->count > left) part->count = left;
    struct walk *walk = &part->walk;
    walk_begin(walk, space, part->address);
    if (walk->level < level) return STATUS_ALREADY_MAPPED; /* tables are never empty */
    if (pte_is_present(entries_common(walk->entry, walk->level == level ? part->count : 1).any)) return STATUS_ALREADY_MAPPED;
    unsigned from = walk->level;
    if (plan->count_parts > 0) { /* what an earlier part adds is there already */
        unsigned above = level_shared(part[-1].address, part->address);
        if (from > above) from = above;
    }
    assert(from >= level);
    plan->count_tables += from - level;
    return STATUS_OK;
}

static void plan_add(struct plan *plan, const struct part *part)
{
    plan->count_parts++;
    plan->count_entries += part->count;
    plan->count_pages += part->count * walk_pages_of(part->level);
}

/* Brings a part's walk to the table that its leaves belong in, and counts them there. */
static void part_enter(struct part *part, struct space *space, struct reserve *reserve)
{
    walk_continue(&part->walk, part->address); /* an earlier part may have added tables */
    walk_grow(&part->walk, space, part->address, part->level, reserve);
    struct frame_info *table = table_row(part->walk.tables[part->level]);
    table->count = (uint16_t)(table->count + part->count);
    walk_count_pages(&part->walk, space, part->count * walk_pages_of(part->level));
    counter_add(COUNTER_ENTRIES_WRITTEN, part->count);
}

/* --- Frames that follow each other --- */

static void plan_drop(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->count_parts; i++)
        hold_drop(&plan->parts[i].hold);
}

/* Plans the first step of a span and holds its frames. On failure nothing is held. */
static enum status plan_map(struct plan *plan, const struct space *space, struct user_span span, frame_t first)
{
    plan_begin(plan);
    enum status status = STATUS_OK;
    while (plan->count_pages < span.count_pages && plan->count_entries < STEP_PAGES && plan->count_parts < STEP_PARTS) {
        struct part *part = &plan->parts[plan->count_parts];
        uint64_t left = span.count_pages - plan->count_pages, frame = first.number + plan->count_pages;
        part->address = span.first.address + (plan->count_pages << PAGE_SHIFT);
        part->level = leaf_level(part->address, left, frame);
        uint64_t count = left / walk_pages_of(part->level), limit = STEP_PAGES - plan->count_entries;
        part->count = (unsigned)(count < limit ? count : limit);
        unsigned count_tables = plan->count_tables;
        status = part_place(plan, part, space);
        if (status == STATUS_OK && frame > UINT32_MAX) status = STATUS_BAD_FRAME;
        if (status == STATUS_OK) status = hold_take(&part->hold, (frame_t){ (uint32_t)frame }, part->count, part->level, &plan->cleaning);
        if (status != STATUS_OK) break;
        bool is_cut = part->hold.count < part->count;
        part->count = part->hold.count;
        part->is_whole = part->level == 0 && part->count == pte_entries(0) && part->walk.level != 0;
        if (part->is_whole) {
            plan->count_tables--;
            plan->count_whole++;
        }
        if (part->count != 0) plan_add(plan, part);
        else plan->count_tables = count_tables;
        if (is_cut) break;
    }
    if (status != STATUS_OK) plan_drop(plan);
    return status;
}

/* A whole table: filled, then put in place. */
static void part_map_whole(struct part *part, struct space *space, frame_t table, struct reserve *reserve, uint32_t attributes)
{
    struct walk *walk = &part->walk;
    walk_continue(walk, part->address);
    walk_grow(walk, space, part->address, 1, reserve);
    entries_fill(arch_frame_pointer(table), part->count, pte_make_leaf(part->hold.first, attributes, part->level), pte_next(0, part->level));
    table_row(table)->count = (uint16_t)part->count;
    *walk->entry = pte_make_table(table, 1);
    table_row(walk->tables[1])->count++;
    walk_total(walk, TOTALS_TABLE);
    space->count_tables++;
    walk_count_pages(walk, space, part->count);
    counter_add(COUNTER_TABLES_ALLOCATED, 1);
    counter_add(COUNTER_ENTRIES_WRITTEN, part->count + 1);
}

/* The tables of a plan, before anything changes. NO_MEMORY: none is taken. */
static enum status plan_reserve(const struct plan *plan, struct reserve *reserve, frame_t *whole)
{
    assert(plan->count_whole <= 1);
    reserve->count = 0;
    if (plan->count_tables == 0 && plan->count_whole != 0) return frame_allocate_unzeroed_table(whole);
    enum status status = reserve_fill(reserve, plan->count_tables + plan->count_whole);
    if (status == STATUS_OK && plan->count_whole != 0) *whole = reserve->tables[--reserve->count];
    return status;
}

enum status space_map(struct space *space, struct user_span span, frame_t first, uint32_t attributes, uint64_t *done)
{
    assert(attributes_check(attributes) == STATUS_OK);
    if (span.count_pages == 1) {
        enum status one = space_map_page(space, span.first, first, attributes);
        if (one == STATUS_OK) *done = 1;
        return one;
    }
    unsigned level = leaf_level(span.first.address, span.count_pages, first.number);
    if (level > 0 && span.count_pages == walk_pages_of(level)) {
        enum status one = space_map_leaf(space, span.first, first, attributes, level);
        if (one == STATUS_OK) *done = span.count_pages;
        return one;
    }
    struct plan plan;
    enum status status = plan_map(&plan, space, span, first);
    if (status != STATUS_OK) return status;
    struct reserve reserve;
    frame_t whole;
    status = plan_reserve(&plan, &reserve, &whole);
    if (status != STATUS_OK) {
        plan_drop(&plan);
        return status;
    }

    // Commit: nothing below may fail.
    for (unsigned i = 0; i < plan.count_parts; i++) {
        struct part *part = &plan.parts[i];
        hold_clean(&part->hold);
        if (part->is_whole) {
            part_map_whole(part, space, whole, &reserve, attributes);
        } else {
            part_enter(part, space, &reserve);
            entries_fill(part->walk.entry, part->count, pte_make_leaf(part->hold.first, attributes, part->level), pte_next(0, part->level));
        }
    }
    assert(reserve.count == 0 && plan.count_pages > 0);
    *done = plan.count_pages;
    return plan.count_pages == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}

/* --- Fresh frames --- */

/* Large leaves of level 1 are there, and can be zeroed in one go. */
static bool fill_has_large(void)
{
    return arch_leaf_levels() > 1 && pte_shift(1) - PAGE_SHIFT <= FRAME_CLEAN_ORDER;
}

/* Pages of the next step of a fill with pages of 4 KiB: it ends where a large leaf may follow. */
static uint64_t fill_step(struct user_span span)
{
    uint64_t left = walk_pages_left(span.first.address, 1);
    if (fill_has_large() && left < span.count_pages && span.count_pages - left >= walk_pages_of(1)) return left < STEP_PAGES ? left : STEP_PAGES;
    return span.count_pages < STEP_PAGES ? span.count_pages : STEP_PAGES;
}

/* Plans the first step of a fill with pages of 4 KiB. */
static enum status plan_fill(struct plan *plan, const struct space *space, struct user_span span)
{
    plan_begin(plan);
    enum status status = STATUS_OK;
    uint64_t count = fill_step(span);
    while (plan->count_pages < count && status == STATUS_OK) {
        assert(plan->count_parts < STEP_PARTS);
        struct part *part = &plan->parts[plan->count_parts];
        part->address = span.first.address + (plan->count_pages << PAGE_SHIFT);
        part->level = 0;
        part->count = (unsigned)(count - plan->count_pages);
        status = part_place(plan, part, space);
        plan_add(plan, part);
    }
    return status;
}

/* One fresh large leaf at the beginning of the span. NO_MEMORY when there is no such block, or no table for it: then small pages may still do. */
static enum status fill_large(struct space *space, user_page_t page, uint32_t attributes)
{
    struct plan plan;
    plan_begin(&plan);
    struct part *part = &plan.parts[0];
    part->address = page.address;
    part->count = 1;
    part->level = 1;
    enum status status = part_place(&plan, part, space);
    if (status != STATUS_OK) return status;
    frame_t block;
    status = frame_allocate(pte_shift(1) - PAGE_SHIFT, FRAME_KIND_USER, &block);
    if (status != STATUS_OK) return status;
    struct frame_info *info = frame_find(block);
    struct reserve reserve;
    status = reserve_fill(&reserve, plan.count_tables);
    if (status != STATUS_OK) {
        enum status undone = frame_free(block, frame_order(info), FRAME_KIND_USER);
        assert(undone == STATUS_OK);
        (void)undone;
        return status;
    }

    // Commit: nothing below may fail.
    frame_clean(block, info);
    info->flags |= FRAME_FILLED;
    info->count = 1;
    part_enter(part, space, &reserve);
    *part->walk.entry = pte_make_leaf(block, attributes, 1);
    return STATUS_OK;
}

enum status space_fill(struct space *space, struct user_span span, uint32_t attributes, uint64_t *done)
{
    assert(attributes_check(attributes) == STATUS_OK);
    if (span.count_pages == 1) {
        frame_t frame;
        enum status one = space_fill_page(space, span.first, attributes, &frame);
        if (one == STATUS_OK) *done = 1;
        return one;
    }
    uint64_t large = walk_pages_of(1);
    bool is_large = fill_has_large() && span.count_pages >= large && walk_pages_left(span.first.address, 1) == large;
    if (is_large && fill_large(space, span.first, attributes) == STATUS_OK) {
        *done = large;
        return span.count_pages == large ? STATUS_OK : STATUS_AGAIN;
    }
    struct plan plan;
    enum status status = plan_fill(&plan, space, span);
    if (status != STATUS_OK) return status;
    struct reserve reserve;
    status = reserve_fill(&reserve, plan.count_tables);
    if (status != STATUS_OK) return status;
    uint32_t fresh;
    status = frame_allocate_chain((unsigned)plan.count_pages, &fresh);
    if (status != STATUS_OK) {
        reserve_empty(&reserve);
        return status;
    }

    // Commit: nothing below may fail.
    for (unsigned i = 0; i < plan.count_parts; i++) {
        part_enter(&plan.parts[i], space, &reserve);
        entries_fill_fresh(plan.parts[i].walk.entry, plan.parts[i].count, attributes, &fresh);
    }
    assert(reserve.count == 0 && fresh == FRAME_CHAIN_END);
    *done = plan.count_pages;
    return plan.count_pages == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}
