/* Populating. See populate.h.
 *
 * What one message does is counted in pages that are zeroed: to try a page alone counts as one more, and a segment that is passed by as some.
 *
 * Pages are charged before they come. Where some are there already the kernel refuses a run as a whole, and each page is tried alone: at most as many calls
 * as a lowest page table has entries, for each such table. */
#include "populate.h"

#include <assert.h>

#include "fill.h"

constexpr uint64_t TABLE_PAGES = LAYOUT_TABLE_BYTES >> PAGE_SHIFT;

/* Maps pages that are not there, or none of them; *came: how many from below. */
static enum status run_map(const struct process *process, const struct segment *segment, uint64_t at, uint64_t count, uint64_t *came)
{
    enum status status;
    frame_id_t frame = { segment->frame + segment->fill->frame_step * layout_pages(segment->first, at) };
    if (segment->frame == FRAME_FRESH) status = seam_space_fill(process->space, at, count, segment->attributes, came);
    else status = seam_space_map(process->space, at, frame, count, segment->attributes, came);
    return status == STATUS_AGAIN ? STATUS_OK : status;
}

/* The same, charged and counted. */
static enum status run_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t count, uint64_t *came)
{
    struct quota *quota = segment_quota(&process->segments, segment);
    uint64_t charge = segment_charge_more(segment, count);
    enum status status = quota_take(quota, charge);
    if (status != STATUS_OK) return status;
    *came = 0;
    status = run_map(process, segment, at, count, came);
    quota_remove(quota, charge);
    quota_add(quota, segment_charge_more(segment, *came));
    segment_set_pages(segment, segment->pages + *came);
    return status;
}

/* Pages of one lowest page table, whichever of them are there; *done: how many are there now, from below. What it took goes off *left. */
static enum status pages_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t count, uint64_t *done, uint64_t *left)
{
    enum status status = STATUS_ALREADY_MAPPED;
    *done = 0;
    if (count <= layout_pages(segment->first, segment->limit) - segment->pages) status = run_bring(process, segment, at, count, done);
    *left -= *done < *left ? *done : *left;
    if (status != STATUS_ALREADY_MAPPED) return status;
    for (; *done < count && *left > 0; ++*done) {
        --*left;
        uint64_t came;
        status = run_bring(process, segment, at + (*done << PAGE_SHIFT), 1, &came);
        if (status != STATUS_OK && status != STATUS_ALREADY_MAPPED) return status;
        if (status == STATUS_OK && *left > 0) --*left;
    }
    return STATUS_OK;
}

/* One large page, or nothing; *done: its pages, if it is there. */
static enum status large_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t *done)
{
    uint64_t came = 0, page_bytes = 0;
    bool has_room = TABLE_PAGES <= layout_pages(segment->first, segment->limit) - segment->pages;
    enum status status = has_room ? run_bring(process, segment, at, TABLE_PAGES, &came) : STATUS_ALREADY_MAPPED;
    if (status != STATUS_OK && status != STATUS_ALREADY_MAPPED) return status;
    enum status seen = seam_space_page_bytes(process->space, at, &page_bytes);
    if (seen == STATUS_OK && page_bytes >= LAYOUT_TABLE_BYTES) {
        *done = TABLE_PAGES;
        return STATUS_OK;
    }
    if (came == 0) return STATUS_ALREADY_MAPPED;
    fill_undo(process->space, at, at + (came << PAGE_SHIFT), segment->fill->unmap_flags);
    segment_resize(&process->segments, segment, segment->first, segment->limit, segment->pages - came);
    return STATUS_NO_MEMORY;
}

/* What is missing of a segment from `at` on, in one lowest page table at most, or as large pages only; *came: how many pages are there now. */
static enum status part_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t limit, bool large_only, uint64_t *came, uint64_t *left)
{
    uint64_t table_end = layout_table_end(at), count = layout_pages(at, table_end < limit ? table_end : limit);
    bool is_table = at % LAYOUT_TABLE_BYTES == 0 && count == TABLE_PAGES;
    *came = 0;
    if (large_only) {
        *left = 0;
        return is_table ? large_bring(process, segment, at, came) : STATUS_ALREADY_MAPPED;
    }
    bool is_large = is_table && segment->fill->fault_pages == TABLE_PAGES;
    if (is_large && *left < FILL_STEP_PAGES) { /* that comes with a message of its own */
        *left = 0;
        return STATUS_OK;
    }
    if (!is_large && count > *left) count = *left;
    return pages_bring(process, segment, at, count, came, left);
}

enum status populate(struct process *process, uint64_t first, uint64_t limit, bool large_only, uint64_t *done)
{
    constexpr uint64_t of_each = 4;
    uint64_t left = FILL_STEP_PAGES;
    enum status status = STATUS_OK;
    uint64_t at = first;
    while (at < limit && left >= of_each && status == STATUS_OK) {
        struct segment *segment = segment_find(&process->segments, at);
        assert(segment != nullptr);
        uint64_t end = segment->limit < limit ? segment->limit : limit, came = layout_pages(at, end);
        bool is_full = segment->pages == layout_pages(segment->first, segment->limit);
        if (is_full && !large_only) left -= of_each;
        if (large_only || !is_full) status = part_bring(process, segment, at, end, large_only, &came, &left);
        at += came << PAGE_SHIFT;
    }
    *done = at - first;
    return at > first ? STATUS_OK : status;
}
