/* Lazy copies: what a duplicate makes of its parent's memory, and how it becomes usual again. See fill_copy.h.
 *
 * A page that may be written to is the process's alone: so taking that right from all pages of a segment tells how many are. The pager has no counts of its own
 * of who else has a frame, and needs none. */
#include "fill_copy.h"

#include <assert.h>

#include "fill.h"
#include "journal.h"
#include "range.h"

void segment_set_copied(struct segment *segment, bool is_copied)
{
    assert(!is_copied || (segment_is_writable(segment) && !segment->fill->is_shared));
    journal_save(segment, SEGMENT_KEPT_BYTES);
    segment->is_copied = is_copied;
    segment->shared = is_copied ? SHARED_ALL : 0;
}

bool copy_is_due(const struct segment *segment)
{
    const struct fill *fill = segment->fill;
    return segment_is_writable(segment) && !fill->is_shared && !fill->is_each_ones && !fill->is_pinned;
}

/* Sharing for a lazy copy takes nothing from segments that nobody may write to: so one walk serves both. */
uint64_t copy_attributes(const struct segment *segment)
{
    return segment->fill->is_shared ? ATTRIBUTES_ALL : ATTRIBUTE_EXECUTE | SHARE_COPY;
}

void copy_settle(const struct process *parent, uint64_t first, uint64_t limit, bool is_duplicated)
{
    const struct segment_table *table = &parent->segments;
    for (struct segment *segment = segment_above(table, first); segment != nullptr && segment->first < limit; segment = segment_above(table, segment->limit)) {
        if (segment->is_going || segment->is_copied || !copy_is_due(segment)) continue;
        if (is_duplicated) segment_set_copied(segment, true);
        else range_refresh(parent, segment);
    }
}

bool copy_take_alone(const struct process *process, struct segment *segment)
{
    if (segment->fill->page_charge == 0) return true; /* a module's frames are there for all, whenever they are touched */
    if (segment->pages < layout_pages(segment->first, segment->limit)) return false;
    if (segment_is_copied(segment) && range_refresh(process, segment) < segment->pages) return false;
    if (!segment->is_copied) return true;
    bool is_without = segment->shared > 0;
    segment_set_copied(segment, false);
    if (is_without) range_refresh(process, segment);
    return true;
}
