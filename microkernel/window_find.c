/* What is free in a window: its spans, and the search from coarse to fine. See window.h.
 *
 * 1. A zero entry: nothing below it is in use. The spans of what lies below a zero or a large entry say that all is free; right under a large one stands a
 *    span that says full, so nobody looks at those below.
 * 2. spans[0] is the window's; then, level by level from the highest down, those of its tables, in the order of their addresses. */
#include "window_spans.h"

#include <assert.h>

/* --- Places --- */

uint64_t window_count_pages(const struct window *window) { return window->count * walk_pages_of(window->level); }

enum status window_range_check(const struct window *window, uint64_t first, uint64_t count_pages, uint64_t *at)
{
    uint64_t whole = window_count_pages(window), bytes, limit;
    if (count_pages == 0) return STATUS_BAD_LENGTH;
    if (first % PAGE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (__builtin_mul_overflow(count_pages, PAGE_BYTES, &bytes)) return STATUS_RANGE_WRAPS;
    if (__builtin_add_overflow(first, bytes - 1, &limit)) return STATUS_RANGE_WRAPS;
    if (first < window->first || !range_within((first - window->first) >> PAGE_SHIFT, count_pages, whole)) return STATUS_BAD_ADDRESS;
    *at = (first - window->first) >> PAGE_SHIFT;
    return STATUS_OK;
}

/* --- Spans --- */

uint32_t window_count_spans(unsigned level, unsigned count)
{
    uint64_t spans = 1;
    for (unsigned below = level; below > 0; below--) spans += count * walk_pages_of(level) / walk_pages_of(below);
    return (uint32_t)spans;
}

struct window_span *span_at(const struct window *window, unsigned level, uint64_t at)
{
    counter_add(COUNTER_ENTRIES_READ, 1);
    if (level == window->level) return window->spans;
    uint64_t index = 1 + at / table_pages(window, level);
    for (unsigned above = window->level - 1; above > level; above--) index += window_count_pages(window) / table_pages(window, above);
    return &window->spans[index];
}

/* What the span of a table must say: from the entries, or from the spans below. `first`: its first page. */
static struct window_span span_count(const struct window *window, unsigned level, uint64_t first, frame_t table)
{
    uint64_t size = walk_pages_of(level);
    struct window_span span = { 0 };
    uint32_t run = 0;
    bool is_beginning = true;
    for (uint64_t at = first; at < first + table_pages(window, level); at += size) {
        struct window_span part;
        if (level > 0) part = *span_at(window, level - 1, at);
        else { /* an entry */
            bool is_free = *walk_table_entry(table, window_address(window, at), 0) == 0;
            part = (struct window_span){ is_free, is_free, is_free };
            counter_add(COUNTER_ENTRIES_READ, 1);
        }
        run += part.before;
        if (run > span.longest) span.longest = run;
        if (part.longest == size) continue;
        if (part.longest > span.longest) span.longest = part.longest;
        if (is_beginning) span.before = run;
        is_beginning = false;
        run = part.after;
    }
    span.after = run;
    if (run > span.longest) span.longest = run;
    if (is_beginning) span.before = run;
    return span;
}

unsigned spans_update(struct window *window, const struct walk *walk, uint64_t at, frame_t gone[PTE_LEVELS])
{
    unsigned count_gone = 0;
    for (unsigned level = walk->level;; level++) {
        uint64_t pages = table_pages(window, level);
        struct window_span span = span_count(window, level, at / pages * pages, walk->tables[level]);
        *span_at(window, level, at) = span;
        if (level == window->level) return count_gone;
        if (span.longest != pages) continue;
        *walk_table_entry(walk->tables[level + 1], window_address(window, at), level + 1) = 0;
        counter_add(COUNTER_ENTRIES_WRITTEN, 1);
        gone[count_gone++] = walk->tables[level];
    }
}

void window_initialise(struct window *window)
{
    uint32_t count = window_count_spans(window->level, window->count), index = 0;
    assert(window->first % (walk_pages_of(window->level) << PAGE_SHIFT) == 0 && window_count_pages(window) <= UINT32_MAX);
    for (unsigned level = window->level;; level--) {
        uint32_t pages = (uint32_t)table_pages(window, level), nodes = (uint32_t)(window_count_pages(window) / pages);
        for (uint32_t i = 0; i < nodes; i++) window->spans[index++] = (struct window_span){ pages, pages, pages };
        if (level == 0) break;
    }
    assert(index == count);
    (void)count;
}

/* --- Looking --- */

/* The free pages from `at` on, `count` at most, and not beyond one lowest table where it is neither full nor empty from there on. */
static uint64_t free_from(const struct window *window, uint64_t at, uint64_t count)
{
    for (unsigned level = window->level;; level--) {
        const struct window_span *span = span_at(window, level, at);
        uint64_t inside = table_inside(window, level, at), left = table_pages(window, level) - inside;
        if (span->after >= left) return left < count ? left : count;
        if (inside == 0) return span->before < count ? span->before : count;
        if (span->longest == 0) return 0;
        if (level != 0) continue;
        struct walk walk;
        window_walk(&walk, window, at);
        uint64_t free = 0;
        while (free < count && free < left && walk.entry[free] == 0) free++;
        counter_add(COUNTER_ENTRIES_READ, free);
        return free;
    }
}

enum status window_is_free(const struct window *window, uint64_t first, uint64_t count_pages)
{
    uint64_t at;
    enum status status = window_range_check(window, first, count_pages, &at);
    if (status != STATUS_OK) return status;
    while (count_pages > 0) {
        uint64_t free = free_from(window, at, count_pages);
        if (free == 0) return STATUS_ALREADY_MAPPED;
        at += free;
        count_pages -= free;
    }
    return STATUS_OK;
}

/* The state of a search: pages from `run` on up to `at` are free, and `run` is where a range may begin. */
struct search {
    uint64_t at, run;
    uint64_t count, alignment;
    uint64_t base; /* of the window's start, to the alignment */
};

static uint64_t search_align(const struct search *search, uint64_t at)
{
    return ((at + search->base + search->alignment - 1) & ~(search->alignment - 1)) - search->base;
}

/* `used` pages of which some are in use, and behind them `free` ones. */
static void search_pass(struct search *search, uint64_t used, uint64_t free)
{
    search->run = search_align(search, search->at + used);
    search->at += used + free;
}

static bool search_is_over(const struct search *search) { return search->at >= search->run && search->at - search->run >= search->count; }

/* One piece further: the largest that its span tells all about, or the entries of one lowest table. */
static void search_step(const struct window *window, struct search *search)
{
    for (unsigned level = window->level;; level--) {
        const struct window_span *span = span_at(window, level, search->at);
        uint64_t pages = table_pages(window, level), inside = table_inside(window, level, search->at), left = pages - inside;
        if (span->after >= left) search->at += left;
        else if (span->longest == 0) search_pass(search, left, 0);
        else if (inside == 0 && search->at + span->before >= search->run + search->count) search->at += span->before;
        else if (inside == 0 && span->longest < search->count) search_pass(search, pages - span->after, span->after);
        else if (level != 0) continue;
        else {
            struct walk walk;
            window_walk(&walk, window, search->at);
            for (uint64_t i = 0; i < left && !search_is_over(search); i++) {
                counter_add(COUNTER_ENTRIES_READ, 1);
                if (walk.entry[i] == 0) search->at++;
                else search_pass(search, 1, 0);
            }
        }
        return;
    }
}

enum status window_find(const struct window *window, uint64_t from, uint64_t count_pages, uint64_t alignment, uint64_t *first)
{
    uint64_t at, whole = window_count_pages(window);
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) return STATUS_BAD_ALIGNMENT;
    enum status status = window_range_check(window, from, count_pages, &at);
    if (status == STATUS_BAD_ADDRESS && window_range_check(window, from, 1, &at) == STATUS_OK) return STATUS_NOT_FOUND;
    if (status != STATUS_OK) return status;
    struct search search = { .at = at, .count = count_pages, .alignment = alignment, .base = window->first >> PAGE_SHIFT & (alignment - 1) };
    search.run = search_align(&search, at);
    if (window->spans[0].longest < count_pages) return STATUS_NOT_FOUND;
    while (search.at < whole) {
        search_step(window, &search);
        if (!search_is_over(&search)) continue;
        *first = window_address(window, search.run);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}
