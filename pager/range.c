/* Ranges: checks, cuts, attributes. See range.h. */
#include "range.h"

#include <assert.h>

#include "fill.h"

/* Sets the attributes of all pages of a range; returns how many had other ones. Nothing is split where no page is large, or none lies half in the range. */
static uint64_t range_set_attributes(const struct process *process, uint64_t first, uint64_t limit, uint32_t attributes)
{
    uint64_t changed = 0;
    while (first < limit) {
        uint64_t done = 0;
        uint64_t pages = 0;
        enum status status = seam_space_protect(process->space, first, layout_pages(first, limit), attributes, &done, &pages);
        assert(status == STATUS_OK || status == STATUS_AGAIN);
        if (status != STATUS_OK && status != STATUS_AGAIN) break;
        changed += pages;
        first += done << PAGE_SHIFT;
    }
    return changed;
}

void range_set_protection(const struct process *process, struct segment *segment, uint32_t protection)
{
    segment_set_protection(segment, protection);
    if (segment->pages > 0) range_set_attributes(process, segment->first, segment->limit, segment_attributes(segment->protection));
}

enum status range_decode(uint64_t address, uint64_t bytes, uint64_t *limit)
{
    if (bytes == 0) return STATUS_BAD_LENGTH;
    if (address % PAGE_BYTES != 0) return STATUS_BAD_ALIGNMENT;
    if (address < USER_FIRST || address >= USER_LIMIT || bytes > USER_LIMIT - address) return STATUS_BAD_ADDRESS;
    *limit = layout_page_up(address + bytes);
    return STATUS_OK;
}

enum status range_check(const struct process *process, uint64_t address, uint64_t bytes, uint64_t *limit)
{
    enum status status = range_decode(address, bytes, limit);
    if (status != STATUS_OK) return status;
    const struct segment_table *table = &process->segments;
    uint64_t at = address;
    while (at < *limit) {
        const struct segment *segment = segment_find(table, at);
        if (segment == nullptr || segment->is_going) return STATUS_NOT_MAPPED;
        if (segment_rules_of(segment->kind)->is_immutable || segment->is_sealed) return STATUS_IMMUTABLE;
        at = segment->limit;
    }
    return STATUS_OK;
}

/* Pages mapped in the part of a segment below `at`. The kernel has no call that counts, and says how many entries it changed: so their rights are changed and
 * changed back, while the process waits for its answer. */
static uint64_t range_count_below(const struct process *process, const struct segment *segment, uint64_t at)
{
    if (segment->pages == 0) return 0;
    if (segment->pages == layout_pages(segment->first, segment->limit)) return layout_pages(segment->first, at);
    uint32_t usual = segment_attributes(segment->protection);
    uint64_t count = range_set_attributes(process, segment->first, at, usual == ATTRIBUTE_READ ? ATTRIBUTE_EXECUTE : ATTRIBUTE_READ);
    if (count > 0) range_set_attributes(process, segment->first, at, usual);
    return count;
}

uint32_t range_count_cuts(const struct process *process, uint64_t first, uint64_t limit)
{
    const struct segment *lower = segment_find(&process->segments, first);
    const struct segment *upper = segment_find(&process->segments, limit);
    return (lower != nullptr && lower->first < first) + (upper != nullptr && upper->first < limit);
}

void range_cut(struct process *process, uint64_t at)
{
    struct segment *segment = segment_find(&process->segments, at);
    if (segment == nullptr || segment->first == at) return;
    segment_split(&process->segments, segment, at, range_count_below(process, segment, at));
}
