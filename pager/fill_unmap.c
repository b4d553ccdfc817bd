/* Taking pages away again, for every fill. See fill.h.
 *
 * The kernel works in bounded steps and says how far it got. The segment knows how many pages are there, so a sparse range is not walked to its end. */
#include <assert.h>

#include "fill.h"

enum status fill_unmap(space_id_t space, uint64_t first, uint64_t limit, uint64_t flags, uint64_t pages, uint64_t *gone)
{
    *gone = 0;
    while (first < limit && *gone < pages) {
        struct seam_unmapped step = { 0 };
        enum status status = seam_space_unmap(space, first, layout_pages(first, limit), flags, &step);
        if (status != STATUS_OK && status != STATUS_AGAIN) return status;
        assert(step.done_pages > 0);
        *gone += step.unmapped_pages;
        first += step.done_pages << PAGE_SHIFT;
    }
    return STATUS_OK;
}

enum status fill_take_out(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, uint64_t pages, uint64_t *gone)
{
    return fill_unmap(space, first, limit, segment->fill->unmap_flags, pages, gone);
}

/* A stack is large and has its pages at its top, so that is looked at alone. */
enum status fill_unmap_all(space_id_t space, const struct segment *segment, uint64_t *gone)
{
    constexpr uint64_t top_bytes = 16 * PAGE_BYTES;
    const struct fill *fill = segment->fill;
    uint64_t limit = segment->limit, rest = 0;
    *gone = 0;
    if (segment_rules_of(segment->kind)->grows == GROWS_DOWN && limit - segment->first > top_bytes) {
        enum status status = fill->take_out(space, segment, limit - top_bytes, limit, segment->pages, gone);
        if (status != STATUS_OK) return status;
        limit -= top_bytes;
    }
    enum status status = fill->take_out(space, segment, segment->first, limit, segment->pages - *gone, &rest);
    *gone += rest;
    return status;
}

void fill_undo(space_id_t space, uint64_t first, uint64_t limit, uint64_t flags)
{
    if (first == limit) return;
    uint64_t gone = 0;
    enum status status = fill_unmap(space, first, limit, flags, layout_pages(first, limit), &gone);
    assert(status == STATUS_OK && gone == layout_pages(first, limit));
    (void)status;
}
