/* Fills with the frames of a module themselves: read-only, shared by all who map it. See fill.h.
 *
 * The frames stay the pager's: they are never freed with a segment. Bytes after the module's end in its last frame are zero; the kernel saw to that. */
#include <assert.h>

#include "fill.h"
#include "pager.h"

static void fill_module_touch(const struct pager *pager, const struct segment *segment, uint64_t page, frame_id_t *frame)
{
    assert(segment->module < pager->count_modules && page >= segment->first && page < segment->limit);
    const struct module *module = &pager->modules[segment->module];
    uint64_t index = segment->module_page + layout_pages(segment->first, page);
    assert(index < module_pages(module));
    *frame = (frame_id_t){ module->first_frame.number + index };
}

const struct fill fill_module = {
    .name = "module", .set = nullptr, .touch = fill_module_touch, .unmap_flags = UNMAP_KEEP, .page_charge = 0, .protections = PROTECTION_READ,
};
