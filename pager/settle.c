/* Settling. See settle.h. */
#include "settle.h"

#include <assert.h>

#include "fill.h"
#include "fill_copy.h"
#include "journal.h"
#include "range.h"

static void settle_set(struct process *process, uint64_t first, uint64_t limit)
{
    journal_save(&process->unsettled, sizeof(process->unsettled));
    process->unsettled = first < limit ? (struct unsettled){ first, limit } : (struct unsettled){ 0 };
    process->changes++;
}

void settle_begin(struct process *process, struct segment *segment)
{
    assert(!settle_is_due(process));
    if (segment_is_copied(segment)) copy_count_all(segment);
    settle_set(process, segment->first, segment->limit);
}

static bool is_settled_by_itself(const struct segment *segment) { return segment->pages == 0 || segment->is_going || segment->fill->is_whole; }

uint64_t settle_step(struct process *process)
{
    uint64_t at = process->unsettled.first, limit = process->unsettled.limit;
    bool has_stepped = false;
    for (uint32_t looked = 0; at < limit && !has_stepped && looked < RANGE_LOOK; looked++) {
        struct segment *segment = segment_above(&process->segments, at);
        if (segment == nullptr || segment->first >= limit) {
            at = limit;
            break;
        }
        uint64_t first = segment->first > at ? segment->first : at, end = segment->limit < limit ? segment->limit : limit;
        at = end;
        if (is_settled_by_itself(segment)) continue;
        at = range_step(process, first, end);
        range_refresh_part(process, segment, first, at);
        has_stepped = true;
    }
    settle_set(process, at, limit);
    return limit - at;
}

bool settle_page(struct process *process, struct segment *segment, uint64_t address)
{
    uint64_t page = layout_page_down(address);
    if (page < process->unsettled.first || page >= process->unsettled.limit || is_settled_by_itself(segment)) return false;
    range_refresh_part(process, segment, page, page + PAGE_BYTES);
    process->changes++;
    return true;
}
