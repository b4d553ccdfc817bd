/* The end of a table of segments: all are forgotten together, since nobody looks for one of them any more. See segment.h. */
#include <assert.h>
#include <string.h>

#include "segment.h"

/* Gives the pages of rows back, but for the first `kept`. */
static void rows_give(struct segment_table *table, uint64_t kept)
{
    uint64_t bytes = layout_page_up(table->capacity * sizeof(struct segment));
    for (uint64_t at = kept * PAGE_BYTES; at < bytes; at += PAGE_BYTES) slot_page_give(table->slot, (char *)table->rows + at);
    if (table->capacity > segment_rows_of(kept)) table->capacity = segment_rows_of(kept);
}

void segment_table_clear(struct segment_table *table)
{
    uint64_t at = LAYOUT_MMAP_FIRST; /* on from there: each search from the beginning would go over all the pages that are empty by then */
    for (struct segment *row; (row = segment_mapped_above(table, at)) != nullptr; segment_remove(table, row)) at = row->limit;
    area_release(&table->directory);
    for (uint32_t i = 0; i < table->count_fixed; i++)
        quota_remove(segment_quota(table, table->fixed[i].row), segment_charge(table->fixed[i].row));
    rows_give(table, 1);
    uint64_t used_bytes = table->used * sizeof(struct segment);
    if (table->capacity > 0) memset(table->rows, 0, used_bytes < PAGE_BYTES ? used_bytes : PAGE_BYTES);
    for (uint32_t i = 0; i < table->count_fixed; i++) table->fixed[i] = SEGMENT_PLACE_EMPTY;
    table->recent = &table->nobody;
    table->count_fixed = table->count = table->count_given = table->used = table->free = 0;
    table->given_bytes = 0;
}

void segment_table_release(struct segment_table *table)
{
    assert(table->count == 0 && table->directory.area == nullptr);
    rows_give(table, 0);
}
