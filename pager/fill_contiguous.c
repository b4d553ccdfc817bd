/* Fills with frames that lie side by side in physical memory. See fill.h.
 *
 * contiguous_take() took them for the segment, each a block of its own: so they go back one by one, like any others, and no page of them is large. */
#include "fill.h"

const struct fill fill_contiguous = {
    .name = "contiguous", .set = fill_set_frames, .take_out = fill_take_out, .unmap_flags = UNMAP_FREE, .frame_step = 1, .page_charge = 1,
    .protections = PROTECTION_WRITE, .is_pinned = true,
};
