/* The window: what is mapped in it. See window.h; spans and the search: window_find.c.
 *
 * 1. A leaf here names no row of the frame table, as a device's: what lies behind it is the port's business.
 * 2. No table below the window's own is empty; those in stock are zero. */
#include "window.h"

#include <assert.h>

#include "device.h"
#include "window_spans.h"

constexpr pte_t MARK_RESERVED = PTE_DEVICE; /* with no PTE_PRESENT: the processor ignores the rest */

/* --- Entries --- */

/* What new entries say: leaves of frames in a row, or MARK_RESERVED. */
struct filling {
    bool is_reserved;
    uint64_t frame;
    uint32_t attributes;
};

static pte_t filling_entry(const struct window *window, const struct filling *filling, uint64_t done, unsigned level)
{
    if (filling->is_reserved) return MARK_RESERVED;
    return (pte_make_device((frame_t){ (uint32_t)(filling->frame + done) }, filling->attributes, level) & ~PTE_USER) | window->bits;
}

static enum status filling_check(const struct filling *filling, uint64_t count_pages)
{
    if (filling->is_reserved) return STATUS_OK;
    if (device_attributes_check(filling->attributes) != STATUS_OK) return STATUS_BAD_ARGUMENT;
    return range_within(filling->frame, count_pages, arch_frames_limit()) ? STATUS_OK : STATUS_BAD_FRAME;
}

/* The largest entry for the place `at`, `done` pages into the range: place and frame aligned, enough pages left. Reserved pages have small ones, so that they
 * can be committed one by one. */
static unsigned filling_level(const struct window *window, const struct filling *filling, uint64_t at, uint64_t done, uint64_t left)
{
    unsigned level = filling->is_reserved ? 0 : arch_leaf_levels() - 1;
    if (level > window->level) level = window->level;
    for (; level > 0; level--) {
        uint64_t pages = walk_pages_of(level);
        if (((at | (filling->frame + done)) & (pages - 1)) == 0 && left >= pages) break;
    }
    return level;
}

/* Makes the tables between where the walk stands and `level`. False: there are too few; what was made stays. */
static bool tables_make(struct window *window, struct walk *walk, uint64_t at, unsigned level)
{
    while (walk->level > level) {
        if (window->count_tables == 0) return false;
        frame_t table = window->tables[--window->count_tables];
        *walk->entry = pte_make_table(table, walk->level) & ~PTE_USER;
        walk->tables[--walk->level] = table;
        walk->entry = walk_table_entry(table, window_address(window, at), walk->level);
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
    }
    return true;
}

/* Entries of one level in one table are written (`filling`) or cleared (nullptr): `count` from where the walk stands. Their spans, and those above. */
static void entries_set(struct window *window, const struct walk *walk, uint64_t at, uint64_t count, const struct filling *filling, uint64_t done)
{
    unsigned level = walk->level;
    uint32_t pages = (uint32_t)walk_pages_of(level), free = filling == nullptr ? pages : 0;
    for (uint64_t i = 0; i < count; i++) {
        walk->entry[i] = filling == nullptr ? 0 : filling_entry(window, filling, done + i * pages, level);
        if (level > 0) *span_at(window, level - 1, at + i * pages) = (struct window_span){ free, free, free };
    }
    counter_add(COUNTER_ENTRIES_WRITTEN, count);
    frame_t gone[PTE_LEVELS];
    unsigned count_gone = spans_update(window, walk, at, gone);
    if (filling == nullptr)
        for (uint64_t i = 0; i < count; i++) arch_tlb_invalidate((user_page_t){ window_address(window, at + i * pages) });
    while (count_gone > 0) window->tables[window->count_tables++] = gone[--count_gone];
}

/* Entries from the walk's on to the end of its table. */
static uint64_t entries_left(const struct window *window, const struct walk *walk, uint64_t at)
{
    return (table_pages(window, walk->level) - table_inside(window, walk->level, at)) / walk_pages_of(walk->level);
}

/* Ends the use of pages that are all in use, by whole entries. */
static void range_clear(struct window *window, uint64_t at, uint64_t count_pages)
{
    while (count_pages > 0) {
        struct walk walk;
        window_walk(&walk, window, at);
        uint64_t pages = walk_pages_of(walk.level), count = 1, most = least(count_pages / pages, entries_left(window, &walk, at));
        while (count < most && walk.level == 0) count++;
        entries_set(window, &walk, at, count, nullptr, 0);
        at += count * pages;
        count_pages -= count * pages;
    }
}

/* Fills free pages. NO_MEMORY: they are free again. */
static enum status range_fill(struct window *window, uint64_t at, uint64_t count_pages, const struct filling *filling)
{
    for (uint64_t done = 0; done < count_pages;) {
        unsigned level = filling_level(window, filling, at + done, done, count_pages - done);
        struct walk walk;
        window_walk(&walk, window, at + done);
        bool is_made = tables_make(window, &walk, at + done, level);
        if (!is_made) { /* tables without entries go, then what was filled before them */
            entries_set(window, &walk, at + done, 0, nullptr, 0);
            range_clear(window, at, done);
            return STATUS_NO_MEMORY;
        }
        uint64_t pages = walk_pages_of(walk.level), count = least((count_pages - done) / pages, entries_left(window, &walk, at + done));
        entries_set(window, &walk, at + done, count, filling, done);
        done += count * pages;
    }
    return STATUS_OK;
}

/* All pages are in use, by entries that end where the range does. NOT_MAPPED, BAD_ALIGNMENT. */
static enum status range_check_used(const struct window *window, uint64_t at, uint64_t count_pages)
{
    uint64_t pages;
    for (; count_pages > 0; at += pages, count_pages -= pages) {
        struct walk walk;
        window_walk(&walk, window, at);
        if (*walk.entry == 0) return STATUS_NOT_MAPPED;
        pages = walk_pages_of(walk.level);
        if (at % pages != 0 || count_pages < pages) return STATUS_BAD_ALIGNMENT;
    }
    return STATUS_OK;
}

/* --- Regions --- */

enum status window_allocate(struct window *window, const struct window_request *request, uint64_t *first)
{
    struct filling filling = { request->is_reserved, request->frame, request->attributes };
    uint64_t found = request->at, at;
    enum status status = filling_check(&filling, request->count_pages);
    if (status != STATUS_OK) return status;
    if (request->is_fixed) status = window_is_free(window, found, request->count_pages);
    else status = window_find(window, found, request->count_pages, request->alignment, &found);
    if (status != STATUS_OK) return status;
    status = window_range_check(window, found, request->count_pages, &at);
    assert(status == STATUS_OK);
    status = range_fill(window, at, request->count_pages, &filling);
    if (status == STATUS_OK) *first = found;
    return status;
}

enum status window_commit(struct window *window, uint64_t first, uint64_t count_pages, uint64_t frame, uint32_t attributes)
{
    struct filling filling = { false, frame, attributes };
    struct walk walk;
    uint64_t at;
    enum status status = window_range_check(window, first, count_pages, &at);
    if (status == STATUS_OK) status = filling_check(&filling, count_pages);
    if (status != STATUS_OK) return status;
    for (uint64_t i = 0; i < count_pages; i++) {
        window_walk(&walk, window, at + i);
        if (walk.level != 0 || *walk.entry != MARK_RESERVED) return STATUS_NOT_MAPPED;
    }
    // Commit: nothing below may fail. The pages were in use before, so no span changes.
    for (uint64_t i = 0; i < count_pages; i++) {
        window_walk(&walk, window, at + i);
        *walk.entry = filling_entry(window, &filling, i, 0);
    }
    counter_add(COUNTER_ENTRIES_WRITTEN, count_pages);
    return STATUS_OK;
}

enum status window_free(struct window *window, uint64_t first, uint64_t count_pages)
{
    uint64_t at;
    enum status status = window_range_check(window, first, count_pages, &at);
    if (status == STATUS_OK) status = range_check_used(window, at, count_pages);
    if (status != STATUS_OK) return status;
    // Commit: nothing below may fail.
    range_clear(window, at, count_pages);
    return STATUS_OK;
}

enum status window_resize(struct window *window, uint64_t first, uint64_t count_pages, uint64_t new_count)
{
    uint64_t at, end = first + (count_pages << PAGE_SHIFT);
    enum status status = window_range_check(window, first, count_pages, &at);
    if (status == STATUS_OK) status = window_range_check(window, first, new_count, &at);
    if (status != STATUS_OK || new_count == count_pages) return status;
    if (new_count < count_pages) return window_free(window, first + (new_count << PAGE_SHIFT), count_pages - new_count);
    struct walk last;
    window_walk(&last, window, at + count_pages - 1);
    if (*last.entry == 0) return STATUS_NOT_MAPPED;
    status = window_is_free(window, end, new_count - count_pages);
    if (status != STATUS_OK) return status;
    pte_t leaf = *last.entry;
    struct filling filling = { .is_reserved = !pte_is_present(leaf) };
    filling.attributes = (pte_attributes(leaf) & ATTRIBUTE_WRITE) | pte_cache(leaf, last.level);
    filling.frame = pte_leaf_frame(leaf, last.level).number + walk_pages_of(last.level);
    status = filling_check(&filling, new_count - count_pages);
    return status == STATUS_OK ? range_fill(window, at + count_pages, new_count - count_pages, &filling) : status;
}
