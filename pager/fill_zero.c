/* Fills with zeroes, at once or page by page. See fill.h.
 *
 * The kernel takes and zeroes the frames itself: at once by space_fill, which may use large pages; touched pages by resolve with FRAME_FRESH, so that a fault
 * costs no call of its own. */
#include <assert.h>

#include "fill.h"

static enum status fill_zero_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit,
                                 [[maybe_unused]] const struct fill_source *source)
{
    uint64_t at = first;
    while (at < limit) {
        uint64_t done = 0;
        enum status status = seam_space_fill(space, at, layout_pages(at, limit), segment_attributes(segment->protection), &done);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            fill_undo(space, first, at, UNMAP_FREE);
            return status;
        }
        at += done << PAGE_SHIFT;
    }
    return STATUS_OK;
}

const struct fill fill_zero_at_once = {
    .name = "zero-at-once", .set = fill_zero_set, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1,
    .protections = PROTECTION_WRITE | PROTECTION_EXECUTE, .is_zero = true,
};

const struct fill fill_zero_touched = {
    .name = "zero-touched", .set = nullptr, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1,
    .protections = PROTECTION_WRITE | PROTECTION_EXECUTE, .is_zero = true,
};
