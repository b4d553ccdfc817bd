/* Fills with the frames of a module themselves: read-only, shared by all who map it. See fill.h.
 *
 * The frames stay the pager's: they are never freed with a segment. Bytes after the module's end in its last frame are zero; the kernel saw to that. */
#include "fill.h"

const struct fill fill_module = {
    .name = "module", .set = nullptr, .take_out = fill_take_out, .unmap_flags = UNMAP_KEEP, .frame_step = 1, .page_charge = 0, .protections = PROTECTION_READ,
};
