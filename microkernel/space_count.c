/* Counting: how many pages of a span are mapped. Nothing changes.
 *
 * The rows of tables know how many pages lie below them. So a span is looked at entry by entry only in the tables where it begins and ends, table by table
 * up to the next whole one of TOTALS_LEVEL, and what lies between is one look for each of those. */
#include "space.h"

#include "walk.h"

/* The part is all that a table of a level stands for: then it is one look. */
static bool part_is_table(struct visit *visit, unsigned level)
{
    uint64_t pages = walk_pages_of(level + 1);
    if (visit->walk.level > level || visit->span.count_pages - visit->done < pages) return false;
    if (walk_pages_left(visit->walk.address, level + 1) != pages) return false;
    visit->count_pages = pages;
    visit->count = 1;
    return true;
}

[[gnu::noinline]] enum status part_count(struct visit *visit)
{
    const struct walk *walk = &visit->walk;
    if (HAS_TOTALS && part_is_table(visit, TOTALS_LEVEL)) {
        visit->changed += totals_pages(table_row(walk->tables[TOTALS_LEVEL])->cookie);
    } else if (part_is_table(visit, 0)) {
        visit->changed += table_row(walk->tables[0])->count;
    } else if (walk->level != 0) {
        if (pte_is_present(*walk->entry)) visit->changed += visit->count_pages;
    } else {
        counter_add(COUNTER_ENTRIES_READ, visit->count);
        for (unsigned i = 0; i < visit->count; i++) visit->changed += pte_is_present(walk->entry[i]);
    }
    return STATUS_OK;
}

enum status space_count(struct space *space, struct user_span span, uint64_t *done, uint64_t *mapped)
{
    struct visit visit;
    visit.deed = COUNT;
    return visit_all(&visit, space, span, done, mapped);
}
