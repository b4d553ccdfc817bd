/* Fills with one frame that the pager made itself: the message buffer. See fill.h.
 *
 * The frame becomes the segment's, and goes with it. */
#include <assert.h>

#include "fill.h"

static enum status fill_frame_set(space_id_t space, const struct segment *segment, uint64_t first, uint64_t limit, const struct fill_source *source)
{
    assert(source != nullptr && limit - first == PAGE_BYTES);
    (void)limit;
    uint64_t done = 0;
    return seam_space_map(space, first, source->first_frame, 1, segment_attributes(segment->protection), &done);
}

const struct fill fill_frame = {
    .name = "frame", .set = fill_frame_set, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .page_charge = 1, .protections = PROTECTION_WRITE,
    .is_each_ones = true,
};
