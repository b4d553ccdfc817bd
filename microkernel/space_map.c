/* Mapping: entries that were absent become present.
 *
 * A step covers at most two lowest tables. It is planned first: each table is walked once, its entries and the frames are checked, missing tables
 * are counted and taken. Then the plan's walks go on from where they ended, so nothing is walked twice. No translation has to be forgotten: a
 * processor remembers no absent entry (AMD64 manual vol. 2, 5.5.2).
 *
 * 1. Every entry is checked absent, every frame checked USER with room in its count, before the first change.
 * 2. A dirty frame is cleaned before its first entry is written. */
#include "space.h"

#include <assert.h>
#include <string.h>

#include "counter.h"
#include "walk.h"

/* The pages of a step below one lowest table. */
struct part {
    uint64_t address;
    unsigned count_pages;
    unsigned level; /* of its leaves */
    struct walk walk;
};

struct plan {
    unsigned count_parts;
    unsigned count_pages;
    unsigned count_tables; /* to be added */
    struct part parts[STEP_TABLES];
};

/* The highest level at which two addresses part: they share its table and all above. */
static unsigned level_shared(uint64_t one, uint64_t other)
{
    unsigned level = PTE_LEVELS - 1;
    while (level > 0 && pte_index(one, level) == pte_index(other, level))
        level--;
    return level;
}

static bool entries_are_absent(const struct walk *walk, unsigned count)
{
    if (walk->level != 0) return !pte_is_present(*walk->entry);
    const pte_t *entries = walk->entry;
    pte_t seen = 0;
#pragma clang loop unroll_count(8)
    for (unsigned i = 0; i < count; i++)
        seen |= entries[i];
    return !pte_is_present(seen);
}

/* A large leaf, when the part is all of one and its first frame is aligned like it. */
static unsigned leaf_level(unsigned count_pages, uint64_t first_frame)
{
    return count_pages == walk_pages_of(1) && first_frame % walk_pages_of(1) == 0 ? 1 : 0;
}

/* Plans the first step of a span. `first_frame`: of the first page; UINT64_MAX: frames that do not follow each other. ALREADY_MAPPED. */
static enum status plan_make(struct plan *plan, const struct space *space, struct user_span span, uint64_t first_frame)
{
    plan->count_parts = 0;
    plan->count_pages = 0;
    plan->count_tables = 0;
    unsigned count_pages = (unsigned)(span.count_pages < STEP_PAGES ? span.count_pages : STEP_PAGES);
    unsigned above = PTE_LEVELS; /* tables of this level and above are there, or counted for an earlier part */
    while (plan->count_pages < count_pages) {
        assert(plan->count_parts < STEP_TABLES);
        struct part *part = &plan->parts[plan->count_parts];
        part->address = span.first.address + ((uint64_t)plan->count_pages << PAGE_SHIFT);
        uint64_t left = walk_pages_left(part->address, 1);
        part->count_pages = left < count_pages - plan->count_pages ? (unsigned)left : count_pages - plan->count_pages;
        part->level = first_frame == UINT64_MAX ? 0 : leaf_level(part->count_pages, first_frame + plan->count_pages);
        walk_begin(&part->walk, space, part->address);
        if (!entries_are_absent(&part->walk, part->count_pages)) return STATUS_ALREADY_MAPPED;
        if (plan->count_parts > 0) above = level_shared(part[-1].address, part->address);
        unsigned from = part->walk.level < above ? part->walk.level : above;
        assert(from >= part->level);
        plan->count_tables += from - part->level;
        plan->count_pages += part->count_pages;
        plan->count_parts++;
    }
    return STATUS_OK;
}

/* Brings a part's walk to the table that its leaves belong in, and counts them there. */
static void part_enter(struct part *part, struct space *space, struct reserve *reserve)
{
    walk_continue(&part->walk, part->address); /* an earlier part may have added tables */
    walk_grow(&part->walk, space, part->address, part->level, reserve);
    unsigned count = part->level == 0 ? part->count_pages : 1;
    struct frame_info *table = frame_find(part->walk.tables[part->level]);
    table->count = (uint16_t)(table->count + count);
    space->count_mapped += part->count_pages;
    counter_add(COUNTER_ENTRIES_WRITTEN, count);
}

/* --- Frames that follow each other --- */

/* What some rows of the frame table have in common, gathered a whole row at a time: two instructions each. */
struct summary {
    struct frame_info any; /* bits that are set in at least one */
    struct frame_info all; /* bits that are set in every one */
};

static struct summary frames_summarise(const struct frame_info *info, unsigned count)
{
    uint64_t any = 0, all = UINT64_MAX;
#pragma clang loop unroll_count(8)
    for (unsigned i = 0; i < count; i++) {
        uint64_t row;
        memcpy(&row, &info[i], sizeof row);
        any |= row;
        all &= row;
    }
    struct summary summary;
    memcpy(&summary.any, &any, sizeof any);
    memcpy(&summary.all, &all, sizeof all);
    return summary;
}

/* True when no frame's count is at its limit. */
static bool frames_have_room(const struct frame_info *info, unsigned count, struct summary summary)
{
    if (summary.any.count < FRAME_COUNT_LIMIT) return true; /* no count exceeds the union of their bits */
    for (unsigned i = 0; i < count; i++)
        if (info[i].count == FRAME_COUNT_LIMIT) return false;
    return true;
}

/* BAD_FRAME, TOO_MANY_MAPPINGS. *is_dirty: some of them have to be cleaned. */
static enum status frames_check(frame_t first, unsigned count, bool *is_dirty)
{
    if (!range_within(first.number, count, frame_count_table())) return STATUS_BAD_FRAME;
    const struct frame_info *info = frame_find(first);
    struct summary summary = frames_summarise(info, count);
    if (summary.any.kind != FRAME_KIND_USER || summary.all.kind != FRAME_KIND_USER) return STATUS_BAD_FRAME;
    if (!frames_have_room(info, count, summary)) return STATUS_TOO_MANY_MAPPINGS;
    *is_dirty = summary.any.flags & FRAME_DIRTY;
    return STATUS_OK;
}

static void frames_hold(frame_t first, unsigned count, bool is_dirty)
{
    struct frame_info *info = frame_find(first);
    for (unsigned i = 0; is_dirty && i < count; i++)
        if (info[i].flags & FRAME_DIRTY) frame_clean((frame_t){ first.number + i }, &info[i]);
#pragma clang loop unroll_count(8)
    for (unsigned i = 0; i < count; i++)
        info[i].count++;
}

static void part_map(const struct part *part, frame_t first, uint32_t attributes)
{
    unsigned level = part->level, count = level == 0 ? part->count_pages : 1;
    pte_t *entries = part->walk.entry, leaf = pte_make_leaf(first, attributes, level);
#pragma clang loop unroll_count(8)
    for (unsigned i = 0; i < count; i++) {
        entries[i] = leaf;
        leaf = pte_next(leaf, level);
    }
}

enum status space_map(struct space *space, struct user_span span, frame_t first, uint32_t attributes, uint64_t *done)
{
    assert(attributes_check(attributes) == STATUS_OK);
    if (span.count_pages == 1) {
        enum status one = space_map_page(space, span.first, first, attributes);
        if (one == STATUS_OK) *done = 1;
        return one;
    }
    struct plan plan;
    enum status status = plan_make(&plan, space, span, first.number);
    if (status != STATUS_OK) return status;
    bool is_dirty;
    status = frames_check(first, plan.count_pages, &is_dirty);
    if (status != STATUS_OK) return status;
    struct reserve reserve;
    status = reserve_fill(&reserve, space, plan.count_tables);
    if (status != STATUS_OK) return status;

    // Commit: nothing below may fail.
    frames_hold(first, plan.count_pages, is_dirty);
    for (unsigned i = 0; i < plan.count_parts; i++) {
        part_enter(&plan.parts[i], space, &reserve);
        part_map(&plan.parts[i], first, attributes);
        first.number += plan.parts[i].count_pages;
    }
    assert(reserve.count == 0);
    *done = plan.count_pages;
    return plan.count_pages == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}

/* --- Fresh frames --- */

/* Frames taken for a fill, chained through their cookies in the order of the pages. */
struct fresh {
    uint32_t first;
    uint32_t last;
};

static uint32_t fresh_take(struct fresh *fresh)
{
    uint32_t number = fresh->first;
    struct frame_info *info = frame_find((frame_t){ number });
    fresh->first = info->cookie;
    info->cookie = 0;
    return number;
}

static enum status fresh_fill(struct fresh *fresh, unsigned count)
{
    fresh->first = CHAIN_END;
    for (unsigned i = 0; i < count; i++) {
        frame_t frame;
        if (frame_allocate(0, FRAME_KIND_USER, &frame) != STATUS_OK) {
            while (fresh->first != CHAIN_END) {
                enum status status = frame_free((frame_t){ fresh_take(fresh) }, 0, FRAME_KIND_USER);
                assert(status == STATUS_OK);
                (void)status;
            }
            return STATUS_NO_MEMORY;
        }
        frame_find(frame)->cookie = CHAIN_END;
        if (fresh->first == CHAIN_END)
            fresh->first = frame.number;
        else
            frame_find((frame_t){ fresh->last })->cookie = frame.number;
        fresh->last = frame.number;
    }
    return STATUS_OK;
}

static void part_fill(const struct part *part, struct fresh *fresh, uint32_t attributes)
{
    for (unsigned i = 0; i < part->count_pages; i++) {
        frame_t frame = { fresh_take(fresh) };
        struct frame_info *info = frame_find(frame);
        if (info->flags & FRAME_DIRTY) frame_clean(frame, info);
        info->count++;
        part->walk.entry[i] = pte_make_leaf(frame, attributes, 0);
    }
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
    struct plan plan;
    enum status status = plan_make(&plan, space, span, UINT64_MAX);
    if (status != STATUS_OK) return status;
    struct reserve reserve;
    status = reserve_fill(&reserve, space, plan.count_tables);
    if (status != STATUS_OK) return status;
    struct fresh fresh;
    status = fresh_fill(&fresh, plan.count_pages);
    if (status != STATUS_OK) {
        reserve_empty(&reserve);
        return status;
    }

    // Commit: nothing below may fail.
    for (unsigned i = 0; i < plan.count_parts; i++) {
        part_enter(&plan.parts[i], space, &reserve);
        part_fill(&plan.parts[i], &fresh, attributes);
    }
    assert(reserve.count == 0 && fresh.first == CHAIN_END);
    *done = plan.count_pages;
    return plan.count_pages == span.count_pages ? STATUS_OK : STATUS_AGAIN;
}
