/* Places, walks and spans of a window: internal to window*.c.
 *
 * A place is a page, counted from the window's start, so that the window's end may be the end of the address space. */
#ifndef QUIRE_WINDOW_SPANS_H
#define QUIRE_WINDOW_SPANS_H

#include "walk.h"
#include "window.h"

static inline uint64_t window_address(const struct window *window, uint64_t at) { return window->first + (at << PAGE_SHIFT); }

/* A range from outside as a place: the statuses of window_is_free(). */
enum status window_range_check(const struct window *window, uint64_t first, uint64_t count_pages, uint64_t *at);

/* Walks to the entry of a page. */
static inline void window_walk(struct walk *walk, const struct window *window, uint64_t at)
{
    walk->address = window_address(window, at);
    walk->tables[window->level] = window->table;
    walk_down(walk, walk_table_entry(window->table, walk->address, window->level), window->level);
}

/* Pages of a table of a level, as far as it is the window's. */
static inline uint64_t table_pages(const struct window *window, unsigned level)
{
    return level == window->level ? window_count_pages(window) : walk_pages_of(level + 1);
}

/* The place of a page in its table of a level. */
static inline uint64_t table_inside(const struct window *window, unsigned level, uint64_t at)
{
    return level == window->level ? at : at % table_pages(window, level);
}

/* The span of the table of a level that holds, or would hold, the entry of a page. A look at it is counted as an entry read. */
struct window_span *span_at(const struct window *window, unsigned level, uint64_t at);

/* Entries of the table where a walk stands have changed: counts its span and those above anew, and takes tables off that are empty now. Answers how many;
 * nobody may get them before their translations are forgotten. */
unsigned spans_update(struct window *window, const struct walk *walk, uint64_t at, frame_t gone[PTE_LEVELS]);

#endif
