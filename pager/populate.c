/* Populating. See populate.h.
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

/* Pages of one lowest page table, whichever of them are there; *done: how many are there now, from below. */
static enum status pages_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t count, uint64_t *done)
{
    enum status status = STATUS_ALREADY_MAPPED;
    *done = 0;
    if (count <= layout_pages(segment->first, segment->limit) - segment->pages) status = run_bring(process, segment, at, count, done);
    if (status != STATUS_ALREADY_MAPPED) return status;
    for (; *done < count; ++*done) {
        uint64_t came;
        status = run_bring(process, segment, at + (*done << PAGE_SHIFT), 1, &came);
        if (status != STATUS_OK && status != STATUS_ALREADY_MAPPED) return status;
    }
    return STATUS_OK;
}

/* One large page, or nothing. */
static enum status large_bring(struct process *process, struct segment *segment, uint64_t at, uint64_t *done)
{
    uint64_t came = 0, page_bytes = 0;
    bool has_room = TABLE_PAGES <= layout_pages(segment->first, segment->limit) - segment->pages;
    enum status status = has_room ? run_bring(process, segment, at, TABLE_PAGES, &came) : STATUS_ALREADY_MAPPED;
    if (status != STATUS_OK && status != STATUS_ALREADY_MAPPED) return status;
    enum status seen = seam_space_page_bytes(process->space, at, &page_bytes);
    *done = TABLE_PAGES;
    if (seen == STATUS_OK && page_bytes >= LAYOUT_TABLE_BYTES) return STATUS_OK;
    if (came == 0) return STATUS_ALREADY_MAPPED;
    fill_undo(process->space, at, at + (came << PAGE_SHIFT), segment->fill->unmap_flags);
    segment_resize(&process->segments, segment, segment->first, segment->limit, segment->pages - came);
    return STATUS_NO_MEMORY;
}

enum status populate(struct process *process, uint64_t first, uint64_t limit, bool large_only, uint64_t *done)
{
    uint64_t end = limit - first > POPULATE_BYTES_MOST ? first + POPULATE_BYTES_MOST : limit;
    enum status status = STATUS_OK;
    uint64_t at = first;
    while (at < end && status == STATUS_OK) {
        struct segment *segment = segment_find(&process->segments, at);
        assert(segment != nullptr);
        uint64_t part_end = segment->limit < end ? segment->limit : end, table_end = layout_table_end(at);
        uint64_t came = layout_pages(at, part_end);
        if (large_only || segment->pages < layout_pages(segment->first, segment->limit)) {
            if (table_end < part_end) came = layout_pages(at, table_end);
            if (!large_only) status = pages_bring(process, segment, at, came, &came);
            else if (at % LAYOUT_TABLE_BYTES == 0 && came == TABLE_PAGES) status = large_bring(process, segment, at, &came);
            else status = STATUS_ALREADY_MAPPED;
            if (status != STATUS_OK && large_only) came = 0;
        }
        at += came << PAGE_SHIFT;
    }
    *done = at - first;
    return at > first ? STATUS_OK : status;
}
